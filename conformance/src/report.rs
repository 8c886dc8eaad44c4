//! What the suite found: one row for each request or comparison.

use core::fmt;
use core::fmt::Write as _;

use serde::Serialize;

use crate::requirement::{Keyword, Requirement};

/// What a row shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As the sentence says.
    Pass,
    /// Against a MUST.
    Fail,
    /// Against a SHOULD; or not what a client can work with, or takes what no client may send, although no sentence binds the
    /// witness to anything else.
    Warn,
    /// Nothing can be said; the row says why.
    NotTested,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::Warn => "warn",
            Self::NotTested => "not tested",
        })
    }
}

/// One thing tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// A name that stays the same from run to run, such as `old.leading-zero`.
    pub id: &'static str,
    /// The specification's name.
    pub specification: &'static str,
    /// How strongly the sentence binds.
    pub keyword: Keyword,
    /// The sentence.
    pub requirement: &'static str,
    /// What was sent, in words.
    pub request: String,
    /// What had to come.
    pub expected: String,
    /// What came.
    pub got: String,
    /// What that shows.
    pub verdict: Verdict,
}

impl Row {
    pub(crate) fn new(
        id: &'static str,
        requirement: &Requirement,
        request: impl Into<String>,
        expected: impl Into<String>,
        got: impl Into<String>,
        verdict: Verdict,
    ) -> Self {
        Self {
            id,
            specification: requirement.specification,
            keyword: requirement.keyword,
            requirement: requirement.sentence,
            request: request.into(),
            expected: expected.into(),
            got: got.into(),
            verdict,
        }
    }
}

/// Everything that was tried, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The rows.
    pub rows: Vec<Row>,
    /// How many requests were answered 429 and sent again after a pause, outside of the rows on load.
    pub throttled: u64,
}

impl Report {
    /// How many rows have a verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.rows
            .iter()
            .filter(|row| row.verdict == verdict)
            .count()
    }

    /// The counts in a sentence.
    pub fn summary(&self) -> String {
        format!(
            "{} of {} pass, {} fail, {} warn, {} not tested",
            self.count(Verdict::Pass),
            self.rows.len(),
            self.count(Verdict::Fail),
            self.count(Verdict::Warn),
            self.count(Verdict::NotTested),
        )
    }

    /// The report as a section of Markdown: first what does not pass, then everything, by sentence.
    pub fn markdown(&self) -> String {
        let mut out = format!("{}.\n", self.summary());
        if self.throttled > 0 {
            let _ = write!(
                out,
                "\n{} requests were answered 429 and sent again after a pause.\n",
                self.throttled
            );
        }
        let different: Vec<&Row> = self
            .rows
            .iter()
            .filter(|row| matches!(row.verdict, Verdict::Fail | Verdict::Warn))
            .collect();
        if !different.is_empty() {
            out.push_str("\n## What does not pass\n\n| row | request | expected | got | verdict |\n|---|---|---|---|---|\n");
            for row in different {
                push_row(&mut out, row);
            }
        }
        out.push_str("\n## Everything\n");
        let mut sentence = "";
        for row in &self.rows {
            if row.requirement != sentence {
                sentence = row.requirement;
                let _ = write!(
                    out,
                    "\n{} ({}): \"{}\"\n\n| row | request | expected | got | verdict |\n|---|---|---|---|---|\n",
                    row.specification, row.keyword, sentence
                );
            }
            push_row(&mut out, row);
        }
        out
    }
}

fn push_row(out: &mut String, row: &Row) {
    let verdict = match row.verdict {
        Verdict::Pass | Verdict::NotTested => row.verdict.to_string(),
        Verdict::Fail | Verdict::Warn => format!("**{}**", row.verdict),
    };
    let _ = writeln!(
        out,
        "| `{}` | {} | {} | {} | {verdict} |",
        row.id,
        cell(&row.request),
        cell(&row.expected),
        cell(&row.got)
    );
}

/// Text that does not end its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requirement::{CONFLICT, KEEP_ALIVE};

    #[test]
    fn the_report_tells_what_does_not_pass_first() {
        let row =
            |id, requirement, verdict| Row::new(id, requirement, "a | b", "409", "500\n", verdict);
        let report = Report {
            rows: vec![
                row("good", &CONFLICT, Verdict::Pass),
                row("bad", &CONFLICT, Verdict::Fail),
                row("skipped", &KEEP_ALIVE, Verdict::NotTested),
            ],
            throttled: 2,
        };
        let text = report.markdown();
        assert!(
            text.starts_with("1 of 3 pass, 1 fail, 0 warn, 1 not tested.\n"),
            "{text}"
        );
        let bad = "| `bad` | a \\| b | 409 | 500\\n | **FAIL** |\n";
        assert_eq!(text.matches(bad).count(), 2, "{text}");
        assert_eq!(text.matches("`good`").count(), 1, "{text}");
        assert!(text.contains("2 requests were answered 429"), "{text}");
    }
}

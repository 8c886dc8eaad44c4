//! What an audit says at its end, as text and as JSON.

use std::path::PathBuf;

use counterfoil_checks::{Checks, Outcome};
use counterfoil_tiles::checkpoint::Checkpoint;
use serde::Serialize;

use super::finding::Finding;
use super::resource::Counts;
use super::run::Audited;
use crate::exit::Exit;
use crate::output::Output;
use crate::place::Place;

/// Findings that are written as text; JSON has all that are described.
const FINDINGS_SHOWN: usize = 20;

/// The report of an audit.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    audit: &'static str,
    outcome: &'static str,
    sentence: String,
    place: String,
    origin: Option<String>,
    size: Option<u64>,
    root: Option<String>,
    /// Entries before this were checked by an earlier audit and not read again.
    from_entry: u64,
    pub(crate) checks: Checks,
    findings: Vec<Finding>,
    more_findings: u64,
    counts: Counts,
    pub(crate) seconds: f64,
    /// Files with two checkpoints that contradict each other.
    pub(crate) evidence: Vec<PathBuf>,
    /// Why the evidence could not be kept.
    pub(crate) evidence_error: Option<String>,
}

impl Report {
    /// A report of which nothing is known yet.
    pub(crate) fn new(place: &Place) -> Self {
        Self {
            audit: "counterfoil/audit-report@v1",
            outcome: "",
            sentence: String::new(),
            place: place.to_string(),
            origin: None,
            size: None,
            root: None,
            from_entry: 0,
            checks: Checks::default(),
            findings: Vec::new(),
            more_findings: 0,
            counts: Counts::default(),
            seconds: 0.0,
            evidence: Vec::new(),
            evidence_error: None,
        }
    }

    /// Names the checkpoint that is audited.
    pub(crate) fn of(&mut self, checkpoint: &Checkpoint) {
        self.origin = Some(checkpoint.origin().to_string());
        self.size = Some(checkpoint.size().get());
        self.root = Some(checkpoint.root().to_string());
    }

    /// Takes over what was found.
    pub(crate) fn take(&mut self, audited: &Audited) {
        self.findings.clone_from(&audited.findings);
        self.more_findings = audited.more_findings;
        self.counts = audited.counts;
        self.from_entry = audited.from_entry;
    }

    /// Makes the checks of the files out of the findings.
    pub(crate) fn check_findings(&mut self, audited: &Audited, unreached: Option<&str>) {
        let Counts {
            entries,
            bundles,
            tiles,
            ..
        } = audited.counts;
        let of_bundles = |finding: &&Finding| finding.resource.starts_with("tile/entries/");
        let (in_bundles, in_tiles): (Vec<_>, Vec<_>) =
            audited.findings.iter().partition(of_bundles);
        let rows = [
            (
                "entries",
                in_bundles,
                format!(
                    "{entries} entries in {bundles} bundles hash to the leaf hashes of their tiles"
                ),
            ),
            (
                "tiles",
                in_tiles,
                format!("{tiles} tiles are the hashes of what is below them"),
            ),
        ];
        for (name, findings, good) in rows {
            let damaged = findings
                .iter()
                .filter(|finding| finding.kind.is_damage())
                .count();
            if damaged > 0 {
                self.checks.failed(
                    name,
                    format!("damaged or missing: {}, named below", files(damaged)),
                );
            } else if let Some(reason) = unreached {
                self.checks
                    .not_checked(name, format!("{reason} ({entries} entries were checked)"));
            } else if findings.is_empty() {
                self.checks.passed(name, good);
            } else {
                self.checks.not_checked(
                    name,
                    format!("could not be read: {}, named below", files(findings.len())),
                );
            }
        }
        if audited.more_findings > 0 {
            self.checks.failed(
                "findings",
                format!("{} more are not described", audited.more_findings),
            );
        }
    }

    /// Says of the checks that were not reached why they were not.
    pub(crate) fn not_reached(&mut self, why: &str) {
        for name in ["entries", "tiles", "root", "consistency"] {
            if self.checks.iter().all(|check| check.name != name) {
                self.checks.not_checked(name, why);
            }
        }
        self.conclude();
    }

    /// Puts the outcome in words. Called when all checks are made.
    pub(crate) fn conclude(&mut self) {
        let exit = Exit::of(&self.checks);
        self.outcome = match exit {
            Exit::Done => "verified",
            other => other.word(),
        };
        let log = self.origin.clone().unwrap_or_else(|| self.place.clone());
        let size = self.size.unwrap_or_default();
        self.sentence = match exit {
            Exit::Done if self.from_entry > 0 => format!(
                "The {} entries of {log} from index {} on are whole, and the log has the root it signed; those before were checked by an earlier audit.",
                size - self.from_entry,
                self.from_entry
            ),
            Exit::Done => format!(
                "All {size} entries of {log} are whole: the log has exactly the tree it signed."
            ),
            Exit::CouldNotTell | Exit::Usage => format!(
                "Whether {log} is whole could not be told: {}.",
                self.first_reason(Outcome::NotChecked)
            ),
            Exit::Failed => format!(
                "{log} FAILED the audit: {}.",
                self.first_reason(Outcome::Failed)
            ),
        };
    }

    fn first_reason(&self, outcome: Outcome) -> String {
        self.checks
            .first(outcome)
            .map(|check| format!("{}: {}", check.name, check.reason))
            .unwrap_or_default()
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        Exit::of(&self.checks)
    }

    /// The size of the tree that was audited.
    #[cfg(feature = "log")]
    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    /// Writes the report.
    pub(crate) fn print(&self, output: Output) {
        output.json(self);
        self.print_text(output);
    }

    /// Writes the report if results are text.
    pub(crate) fn print_text(&self, output: Output) {
        if let (Some(origin), Some(size), Some(root)) = (&self.origin, self.size, &self.root) {
            output.line(format!(
                "{}: {size} entries, root {root}",
                output.strong(origin)
            ));
        } else {
            output.line(output.strong(&self.place));
        }
        output.checks(&self.checks);
        for finding in self.findings.iter().take(FINDINGS_SHOWN) {
            output.line(format!("  - {finding}"));
        }
        let hidden = self.findings.len().saturating_sub(FINDINGS_SHOWN) as u64 + self.more_findings;
        if hidden > 0 {
            output.line(format!(
                "  - and {hidden} more; --json lists those that are described"
            ));
        }
        for path in &self.evidence {
            output.line(format!("  evidence kept: {}", path.display()));
        }
        if let Some(error) = &self.evidence_error {
            Output::warn(format!("the two checkpoints could not be kept: {error}"));
        }
        output.line(&self.sentence);
    }
}

fn files(count: usize) -> String {
    if count == 1 {
        "1 file".to_owned()
    } else {
        format!("{count} files")
    }
}

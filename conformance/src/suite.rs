//! The course of a run: the logs that are left, what is sent and recorded, and the rows.

use counterfoil_tiles::key::{KeyError, KeyRing, Vkey};
use url::Url;

use crate::client::{Answer, Client};
use crate::cosigned;
use crate::log::{Cosigned, TestLog};
use crate::report::{Report, Row, Verdict};
use crate::requirement::{Keyword, Requirement};

/// What is tried, and with which keys.
#[derive(Debug)]
pub struct Target {
    /// The witness's submission prefix.
    pub submission: Url,
    /// Its monitoring prefix, where that is another one.
    pub monitoring: Option<Url>,
    /// Logs that the witness follows and that are for this alone. The first ones are used up first; what a faulty witness
    /// cosigned wrongly cannot be continued, and the rows on load use them side by side.
    pub logs: Vec<TestLog>,
    /// The witness's keys; without them no cosignature can be verified.
    pub vkeys: Vec<Vkey>,
    /// A command for `sh` that restarts the witness without mercy, and returns when it is gone or back.
    pub restart: Option<String>,
}

/// Why nothing could be tried.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CannotStart {
    /// No log was given.
    #[error("no log was given: at least one that the witness follows is needed")]
    NoLog,
    /// The vkeys cannot be told apart.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// No HTTP client.
    #[error("no HTTP client can be made: {0}")]
    Client(#[from] reqwest::Error),
    /// The witness did not answer.
    #[error("the witness does not answer: {0}")]
    Unreachable(String),
    /// The witness does not follow the log.
    #[error("the witness does not follow the log {origin}: it answered {answer}")]
    UnknownLog {
        /// The log's origin.
        origin: String,
        /// What came.
        answer: String,
    },
}

/// What has to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// This status and no other.
    Status(u16),
    /// A refusal with an error of the client's (4xx): the sentence names no status.
    Refusal,
    /// The same, where the sentence binds the client alone: who takes the request is lenient, and told so.
    Strict,
    /// One of two: both sentences apply.
    Either(u16, u16),
    /// 200 with the witness's cosignatures.
    Cosigned,
}

/// Which tree the checkpoint of a request is of: what the witness has if it takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offers {
    /// The log's own tree at a size.
    Own(u64),
    /// Another tree: a witness that cosigns it is lost for this log.
    Other,
}

/// One request and what it must bring.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) id: &'static str,
    pub(crate) requirement: &'a Requirement,
    pub(crate) request: String,
    pub(crate) body: Vec<u8>,
    pub(crate) want: Want,
    pub(crate) offers: Offers,
}

/// A run.
pub(crate) struct Suite {
    pub(crate) client: Client,
    pub(crate) monitoring: Url,
    pub(crate) vkeys: KeyRing,
    pub(crate) restart: Option<String>,
    pub(crate) logs: Vec<TestLog>,
    /// Whether the first look made the witness cosign: then the other logs were not looked at.
    pub(crate) cosigned_look: bool,
    rows: Vec<Row>,
}

impl Suite {
    /// Looks at what the witness has of each log, without changing it.
    pub(crate) async fn start(target: Target) -> Result<Self, CannotStart> {
        let mut suite = Self {
            monitoring: target
                .monitoring
                .unwrap_or_else(|| target.submission.clone()),
            client: Client::new(target.submission)?,
            vkeys: KeyRing::new(target.vkeys)?,
            restart: target.restart,
            logs: target.logs,
            cosigned_look: false,
            rows: Vec::new(),
        };
        if suite.logs.is_empty() {
            return Err(CannotStart::NoLog);
        }
        for index in 0..suite.logs.len() {
            suite.look(index).await?;
            // The other logs are left as they are, for what can be tried on new logs only.
            if suite.cosigned_look {
                break;
            }
        }
        Ok(suite)
    }

    /// What the witness has of a log: asked with an old size of 1 and a proof that cannot be right.
    async fn look(&mut self, index: usize) -> Result<(), CannotStart> {
        let log = &mut self.logs[index];
        let text = log.text(2);
        let junk = crate::tree::encode(&[0; 32]);
        let body = format!("old 1\n{junk}\n\n{text}\n{}", log.sign(&text));
        let answer = self
            .client
            .post("add-checkpoint", body.as_bytes())
            .await
            .map_err(CannotStart::Unreachable)?;
        match answer.status {
            409 => log.recorded = answer.size().unwrap_or(0),
            422 => log.recorded = 1,
            // Cosigned, although neither the old size nor the proof can be right: it looks at neither when it has no record.
            200 => {
                log.recorded = 2;
                self.cosigned_look = true;
            }
            400 => {}
            _ => {
                return Err(CannotStart::UnknownLog {
                    origin: log.origin.clone(),
                    answer: answer.describe(),
                });
            }
        }
        Ok(())
    }

    /// The log that is used: the first one left. `Err` says why none is.
    pub(crate) fn log(&mut self) -> Result<&mut TestLog, String> {
        let index = self.current()?;
        Ok(&mut self.logs[index])
    }

    /// The index of the log that is used.
    pub(crate) fn current(&self) -> Result<usize, String> {
        let mut why = String::new();
        for (index, log) in self.logs.iter().enumerate() {
            match log.unusable() {
                None => return Ok(index),
                Some(reason) => why = reason,
            }
        }
        Err(format!("no log is left: {why}"))
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Adds a row that says why nothing can be said.
    pub(crate) fn skip(
        &mut self,
        id: &'static str,
        requirement: &Requirement,
        request: impl Into<String>,
        why: impl Into<String>,
    ) {
        self.row(Row::new(
            id,
            requirement,
            request,
            "",
            why,
            Verdict::NotTested,
        ));
    }

    /// Sends a case made from the log in use, and judges what comes.
    pub(crate) async fn add<'a>(
        &mut self,
        make: impl FnOnce(&mut TestLog) -> Option<Case<'a>>,
    ) -> Option<Answer> {
        let index = match self.ready().await {
            Ok(index) => index,
            Err(why) => {
                // The case is still made, on a log that cannot be used, so that the row is there.
                if let Some(case) = make(&mut self.logs[0]) {
                    self.skip(case.id, case.requirement, case.request, why);
                }
                return None;
            }
        };
        let case = make(&mut self.logs[index])?;
        self.send(index, case).await
    }

    /// Sends a case for a log, judges what comes, and notes what the witness has now.
    pub(crate) async fn send(&mut self, index: usize, case: Case<'_>) -> Option<Answer> {
        let answer = match self.client.post("add-checkpoint", &case.body).await {
            Ok(answer) => answer,
            Err(error) => {
                self.skip(case.id, case.requirement, case.request, error);
                return None;
            }
        };
        let text = text_of(&case.body);
        let (verdict, got) = judge(case.want, &answer, &text, &self.vkeys);
        let verdict = match (verdict, case.requirement.keyword) {
            (Verdict::Fail, Keyword::Should) => Verdict::Warn,
            (verdict, _) => verdict,
        };
        self.take(index, &case, &answer, &text);
        if verdict != Verdict::Pass {
            self.ask(index).await;
        }
        let expected = expected(case.want);
        self.row(Row::new(
            case.id,
            case.requirement,
            case.request,
            expected,
            got,
            verdict,
        ));
        Some(answer)
    }

    /// Notes what the witness has if it answered 200.
    fn take(&mut self, index: usize, case: &Case<'_>, answer: &Answer, text: &str) {
        if !answer.is_success() {
            return;
        }
        let log = &mut self.logs[index];
        match case.offers {
            Offers::Own(size) => {
                log.recorded = size;
                log.cosigned = Some(Cosigned {
                    size,
                    text: text.to_owned(),
                    lines: String::from_utf8_lossy(&answer.body).into_owned(),
                });
            }
            Offers::Other => {
                log.lost = Some(format!("the witness took another tree ({})", case.id));
            }
        }
    }

    /// Asks what the witness has, after an answer that was not the right one.
    pub(crate) async fn ask(&mut self, index: usize) {
        if self.logs[index].lost.is_some() {
            return;
        }
        if let Ok((size, _)) = self.record(index).await {
            self.logs[index].recorded = size;
        }
    }

    /// The size that the witness has recorded, by its 409 answer to an old size that cannot be right.
    pub(crate) async fn record(&mut self, index: usize) -> Result<(u64, Answer), String> {
        let log = &mut self.logs[index];
        // Not the recorded size, and not larger than the checkpoint's.
        let wrong = u64::from(log.recorded == 0);
        let text = log.text(log.recorded + 1);
        let body = format!("old {wrong}\n\n{text}\n{}", log.sign(&text));
        let grown = log.recorded + 1;
        let answer = self.client.post("add-checkpoint", body.as_bytes()).await?;
        match answer.size() {
            Some(size) => Ok((size, answer)),
            // What was thought to be wrong was right.
            None if answer.is_success() => Ok((grown, answer)),
            None => Err(answer.describe()),
        }
    }

    /// The log that is used, at a size from which there is something to prove.
    pub(crate) async fn ready(&mut self) -> Result<usize, String> {
        loop {
            let index = self.current()?;
            if self.logs[index].recorded >= 5 {
                return Ok(index);
            }
            self.warm(index).await;
        }
    }

    /// Brings a new log to a size from which proofs have several hashes.
    async fn warm(&mut self, index: usize) {
        let size = self.logs[index].recorded.max(10) + 1;
        if let Err(why) = self.grow(index, size).await {
            self.logs[index].lost = Some(format!(
                "the witness does not take a good checkpoint: {why}"
            ));
        }
    }

    /// Has the witness cosign a larger tree.
    pub(crate) async fn grow(&mut self, index: usize, size: u64) -> Result<(), String> {
        let draft = self.logs[index].draft(size);
        let answer = self.client.post("add-checkpoint", &draft.body()).await?;
        if answer.status != 200 {
            return Err(answer.describe());
        }
        let log = &mut self.logs[index];
        log.recorded = size;
        log.cosigned = Some(Cosigned {
            size,
            text: draft.text,
            lines: String::from_utf8_lossy(&answer.body).into_owned(),
        });
        Ok(())
    }

    /// The report.
    pub(crate) fn into_report(self) -> Report {
        Report {
            rows: self.rows,
            throttled: self.client.throttled(),
        }
    }
}

/// The checkpoint's text in a body that the suite made: between the first and the last empty line.
fn text_of(body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    let note = body.split_once("\n\n").map_or("", |(_, note)| note);
    note.rsplit_once("\n\n")
        .map(|(text, _)| format!("{text}\n"))
        .unwrap_or_default()
}

pub(crate) fn expected(want: Want) -> String {
    match want {
        Want::Status(status) => status.to_string(),
        Want::Refusal | Want::Strict => "4xx, not cosigned".to_owned(),
        Want::Either(one, other) => format!("{one} or {other}"),
        Want::Cosigned => "200 and the cosignatures".to_owned(),
    }
}

/// What an answer shows.
pub(crate) fn judge(want: Want, answer: &Answer, text: &str, vkeys: &KeyRing) -> (Verdict, String) {
    let got = answer.describe();
    if want == Want::Cosigned {
        if answer.status != 200 {
            return (Verdict::Fail, got);
        }
        return match cosigned::usable(&answer.body, text, vkeys) {
            Ok(found) => (Verdict::Pass, format!("{got}, {found}")),
            Err(why) => (Verdict::Fail, format!("{got}, but {why}")),
        };
    }
    if answer.is_success() {
        let verdict = match want {
            Want::Strict => Verdict::Warn,
            _ => Verdict::Fail,
        };
        return (verdict, format!("{got}: cosigned"));
    }
    if contains(&answer.body, "— ") {
        return (Verdict::Fail, format!("{got}, with a signature line"));
    }
    let verdict = match want {
        Want::Status(status) if answer.status == status => Verdict::Pass,
        Want::Either(one, other) if [one, other].contains(&answer.status) => Verdict::Pass,
        Want::Refusal | Want::Strict if answer.status == 409 => {
            return (
                Verdict::Warn,
                format!("{got} (it was read as something else)"),
            );
        }
        Want::Refusal | Want::Strict if (400..500).contains(&answer.status) => Verdict::Pass,
        Want::Refusal | Want::Strict => Verdict::Warn,
        _ => Verdict::Fail,
    };
    (verdict, got)
}

fn contains(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|part| part == text.as_bytes())
}

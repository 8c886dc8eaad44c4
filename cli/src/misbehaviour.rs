//! Proof that a log misbehaved (docs/misbehaviour.md): verified against what the user trusts, and explained. Offline.
//!
//! | check | passes if |
//! |---|---|
//! | `file` | it is a misbehaviour file, to the letter |
//! | `log signatures` | each of its checkpoints is signed by a trusted key of the log that it is about |

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use counterfoil_checks::{Checks, Outcome};
use counterfoil_tiles::misbehaviour::{Act, FORMAT, MAX_MISBEHAVIOUR_SIZE, Misbehaviour};
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::output::Output;
use crate::submit::files::receipt_path;
use crate::trust::Trust;

/// What the value of `format` begins with, in every version.
const FAMILY: &str = "counterfoil/misbehaviour@";

/// Those of the files that claim to be proof of misbehaviour and have no receipt beside them, with their bytes; and the
/// others.
pub(crate) fn among(files: &[PathBuf]) -> (Vec<(&Path, Vec<u8>)>, Vec<PathBuf>) {
    let (mut proofs, mut others) = (Vec::new(), Vec::new());
    for path in files {
        match read(path).filter(|bytes| claims(bytes)) {
            Some(bytes) if !receipt_path(path).exists() => proofs.push((path.as_path(), bytes)),
            _ => others.push(path.clone()),
        }
    }
    (proofs, others)
}

/// The bytes of a file, up to one more than is read of such a file; `None` if there is none.
fn read(path: &Path) -> Option<Vec<u8>> {
    let file = File::open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(MAX_MISBEHAVIOUR_SIZE as u64 + 1)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(bytes)
}

/// Whether bytes claim to be such a file, in whatever spelling.
pub(crate) fn claims(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Head {
        format: String,
    }
    let written = format!("{{\n  \"format\": \"{FAMILY}");
    bytes.starts_with(written.as_bytes())
        || serde_json::from_slice(bytes).is_ok_and(|head: Head| head.format.starts_with(FAMILY))
}

/// The result for one file.
#[derive(Debug, Serialize)]
struct Verdict {
    verify: &'static str,
    outcome: &'static str,
    sentence: String,
    subject: String,
    format: &'static str,
    checks: Checks,
    origin: Option<String>,
}

/// Verifies one file: 0 if the misbehaviour is proved, 1 if the file proves nothing.
pub(crate) fn verify(path: &Path, bytes: &[u8], trust: &Trust, output: Output) -> Exit {
    let mut checks = Checks::default();
    let mut origin = None;
    let mut proved = None;
    match Misbehaviour::parse(bytes) {
        Err(error) => {
            checks.failed("file", error.to_string());
            checks.not_checked("log signatures", "there is nothing to check");
        }
        Ok(claim) => {
            let count = claim.notes().len();
            checks.passed(
                "file",
                format!(
                    "a misbehaviour file with {count} checkpoints of {}",
                    claim.origin()
                ),
            );
            origin = Some(claim.origin().to_string());
            match claim.verify(trust.keys()) {
                Ok(misbehaviour) => {
                    checks.passed(
                        "log signatures",
                        "a trusted key of the log signed each of them",
                    );
                    proved = Some(misbehaviour.act());
                }
                Err(error) => checks.failed("log signatures", error.to_string()),
            }
        }
    }
    let subject = path.display().to_string();
    let who = origin.as_deref().unwrap_or_default();
    let sentence = if let Some(act) = proved {
        format!("Proved: the log {who} {}.", sentence(act))
    } else {
        let why = checks.first(Outcome::Failed);
        let why = why.map(|check| check.reason.as_str());
        format!("NOT proved by {subject}: {}.", why.unwrap_or_default())
    };
    let exit = if proved.is_some() {
        Exit::Done
    } else {
        Exit::Failed
    };
    let verdict = Verdict {
        verify: "counterfoil/verdict@v1",
        outcome: if exit == Exit::Done {
            "verified"
        } else {
            exit.word()
        },
        sentence,
        subject,
        format: FORMAT,
        checks,
        origin,
    };
    output.json(&verdict);
    output.line(output.strong(&verdict.subject));
    output.checks(&verdict.checks);
    output.line(&verdict.sentence);
    exit
}

/// What the log did, after its name.
pub(crate) fn sentence(act: Act) -> String {
    match act {
        Act::TwoRoots {
            size,
            roots: [first, second],
        } => format!(
            "signed two histories: at size {} it signed the root {first} and the root {second}, and an append-only log has \
             one of each size",
            size.get()
        ),
        Act::NotEmpty { root } => {
            format!(
                "signed a tree without entries that has the root {root}, which is not that of nothing"
            )
        }
    }
}

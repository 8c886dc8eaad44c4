//! A file and its receipt (tlog-proof), against what the user trusts: the check `receipt`, and those of
//! [`counterfoil_evidence::receipt`].

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use counterfoil_checks::{Checks, Outcome};
use counterfoil_evidence::receipt::{Basis, Claim, check_checkpoint, check_entry};
use counterfoil_evidence::time;
use counterfoil_tiles::receipt::{MAX_RECEIPT_SIZE, Receipt};
use serde::Serialize;

use super::VerifyArgs;
use crate::exit::Exit;
use crate::output::Output;
use crate::submit::files::{Chosen, receipt_path};
use crate::trust::Trust;

/// The result for one subject.
#[derive(Debug, Serialize)]
pub(super) struct Verdict {
    verify: &'static str,
    outcome: &'static str,
    sentence: String,
    subject: String,
    receipt: PathBuf,
    checks: Checks,
    /// `digest` or `contents`.
    matched: Option<Basis>,
    origin: Option<String>,
    index: Option<u64>,
    size: Option<u64>,
    /// The earliest time by which witnesses say they saw the checkpoint, in Unix seconds.
    witnessed_at: Option<u64>,
}

/// Where the receipt of a file is: where the flags say, else beside it.
///
/// `submit --receipts DIR` puts it below DIR by the path from the directory that was submitted, and any directory above
/// the file may have been that one. Of those that are there, the one that proves the file is meant.
pub(super) fn receipt_of(file: &Chosen, claim: &Claim, args: &VerifyArgs) -> PathBuf {
    match (&args.receipt, &args.receipts) {
        (Some(receipt), _) => receipt.clone(),
        (None, None) => receipt_path(&file.path),
        (None, Some(directory)) => {
            let named = receipt_path(&directory.join(&file.relative));
            let mut candidates = vec![named.clone()];
            let mut rest = file.path.components();
            while rest.next().is_some() && !rest.as_path().as_os_str().is_empty() {
                candidates.push(receipt_path(&directory.join(rest.as_path())));
            }
            candidates.retain(|path| path.exists());
            let proves = |path: &&PathBuf| {
                let receipt = read_receipt(path)
                    .ok()
                    .and_then(|bytes| Receipt::parse(&bytes).ok());
                receipt.is_some_and(|receipt| {
                    claim
                        .leaves
                        .iter()
                        .any(|(_, leaf)| receipt.check_inclusion(leaf).is_ok())
                })
            };
            candidates
                .iter()
                .find(proves)
                .or(candidates.first())
                .cloned()
                .unwrap_or(named)
        }
    }
}

/// Makes the checks.
pub(super) fn verify(claim: &Claim, path: &Path, trust: &Trust) -> Verdict {
    let mut verdict = Verdict {
        verify: "counterfoil/verdict@v1",
        outcome: "",
        sentence: String::new(),
        subject: claim.name.clone(),
        receipt: path.to_owned(),
        checks: Checks::default(),
        matched: None,
        origin: None,
        index: None,
        size: None,
        witnessed_at: None,
    };
    match read_receipt(path).map(|bytes| Receipt::parse(&bytes)) {
        Ok(Ok(receipt)) => check(claim, &receipt, trust, &mut verdict),
        Ok(Err(error)) => {
            verdict
                .checks
                .failed("receipt", format!("it is not a tlog-proof: {error}"));
            verdict.not_reached();
        }
        Err(error) => {
            let what = format!(
                "{} cannot be read ({error}); --receipt says where it is, `counterfoil receipt` fetches it",
                path.display()
            );
            verdict.checks.not_checked("receipt", what);
            verdict.not_reached();
        }
    }
    verdict.conclude();
    verdict
}

fn read_receipt(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_RECEIPT_SIZE as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn check(claim: &Claim, receipt: &Receipt, trust: &Trust, verdict: &mut Verdict) {
    let checkpoint = receipt.checkpoint();
    let (index, size) = (receipt.index(), checkpoint.size());
    verdict.origin = Some(checkpoint.origin().to_string());
    verdict.index = Some(index.get());
    verdict.size = Some(size.get());
    let checks = &mut verdict.checks;
    checks.passed(
        "receipt",
        format!("a tlog-proof of entry {index} in a tree of {size}"),
    );
    verdict.witnessed_at = check_checkpoint(receipt, trust.keys(), trust.policy(), checks);
    verdict.matched = check_entry(receipt, claim, checks);
}

impl Verdict {
    /// What it comes to.
    pub(super) fn exit(&self) -> Exit {
        Exit::of(&self.checks)
    }

    fn not_reached(&mut self) {
        for name in ["log signature", "quorum", "entry", "inclusion"] {
            self.checks
                .not_checked(name, "there is no receipt to check");
        }
    }

    fn conclude(&mut self) {
        let exit = self.exit();
        self.outcome = match exit {
            Exit::Done => "verified",
            other => other.word(),
        };
        let origin = self.origin.as_deref().unwrap_or("a log");
        self.sentence = match exit {
            Exit::Done => {
                let seen = match self.witnessed_at {
                    Some(at) => format!(", and witnesses saw it there by {}", time::utc(at)),
                    None => String::new(),
                };
                format!(
                    "Verified: {} is entry {} of {origin}, unchanged since it was logged{seen}.",
                    self.subject,
                    self.index.unwrap_or_default()
                )
            }
            Exit::Failed => {
                let why = self.checks.first(Outcome::Failed);
                let why = why
                    .map(|check| format!("{}: {}", check.name, check.reason))
                    .unwrap_or_default();
                format!("NOT verified: {} with this receipt. {why}.", self.subject)
            }
            Exit::CouldNotTell | Exit::Usage => {
                let why = self.checks.first(Outcome::NotChecked);
                let why = why.map(|check| check.reason.clone()).unwrap_or_default();
                format!("Could not tell whether {} was logged: {why}.", self.subject)
            }
        };
    }

    /// Writes the verdict; of one among many that is good, the sentence is enough.
    pub(super) fn print(&self, among: usize, output: Output) {
        output.json(self);
        if among == 1 || self.exit() != Exit::Done {
            output.line(output.strong(&self.subject));
            output.checks(&self.checks);
        }
        output.line(&self.sentence);
    }
}

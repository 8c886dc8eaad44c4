//! A file and its receipt (tlog-proof), against what the user trusts: the checks of [`counterfoil_evidence::receipt`].

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use counterfoil_checks::{Checks, Outcome};
use counterfoil_evidence::receipt::{Basis, Claim, ReceiptVerdict};
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
    let judged = match read_receipt(path) {
        Ok(bytes) => ReceiptVerdict::judge(&bytes, claim, trust.keys(), trust.policy()),
        Err(error) => {
            let what = format!(
                "{} cannot be read ({error}); --receipt says where it is, `counterfoil receipt` fetches it",
                path.display()
            );
            ReceiptVerdict::without_receipt(claim, Outcome::NotChecked, what)
        }
    };
    let checkpoint = judged.receipt.as_ref().map(Receipt::checkpoint);
    Verdict {
        verify: "counterfoil/verdict@v1",
        outcome: match Exit::of(&judged.checks) {
            Exit::Done => "verified",
            other => other.word(),
        },
        sentence: judged.sentence,
        subject: claim.name.clone(),
        receipt: path.to_owned(),
        checks: judged.checks,
        matched: judged.matched,
        origin: checkpoint.map(|checkpoint| checkpoint.origin().to_string()),
        index: judged.receipt.as_ref().map(|receipt| receipt.index().get()),
        size: checkpoint.map(|checkpoint| checkpoint.size().get()),
        witnessed_at: judged.witnessed_at,
    }
}

fn read_receipt(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_RECEIPT_SIZE as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Verdict {
    /// What it comes to.
    pub(super) fn exit(&self) -> Exit {
        Exit::of(&self.checks)
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

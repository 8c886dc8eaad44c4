//! `counterfoil verify`: a file and its receipt, against what the user trusts. Offline.
//!
//! The checks, by name (tlog-proof, "Verifying a tlog proof"):
//!
//! | check | passes if |
//! |---|---|
//! | `receipt` | the receipt is a tlog-proof, to the letter |
//! | `log signature` | its checkpoint is of a trusted log, and a trusted key of that log signed it |
//! | `quorum` | witnesses cosigned it as the policy demands |
//! | `entry` | the file is the entry that the proof is about: by its digest or by its contents |
//! | `inclusion` | the proof leads from that entry to the root in the checkpoint |
//!
//! Trust comes from `--policy` or `--vkey`, never from the receipt. A file that claims to prove that a log misbehaved, and has
//! no receipt, is verified as such ([`crate::misbehaviour`]).

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use counterfoil_tiles::checkpoint::SignedCheckpoint;
use counterfoil_tiles::cosignature::Timestamp;
use counterfoil_tiles::hash::{LeafHash, hash_leaf};
use counterfoil_tiles::policy::{CosignatureCheck, Policy, Quorum};
use counterfoil_tiles::receipt::{MAX_RECEIPT_SIZE, Receipt};
use serde::Serialize;

use crate::audit::describe_unsigned;
use crate::checks::{Checks, Outcome};
use crate::entry::{Mode, Subject};
use crate::exit::{Exit, Failure};
use crate::misbehaviour;
use crate::output::Output;
use crate::submit::files::{self, Chosen, receipt_path};
use crate::time;
use crate::trust::{Trust, TrustArgs};

/// `counterfoil verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The files to verify, and directories of them; - for standard input
    #[arg(value_name = "FILE", required_unless_present_any = ["sha256", "leaf_hash"])]
    files: Vec<PathBuf>,
    /// The receipt [default: FILE.tlog-proof]
    #[arg(long, value_name = "FILE", conflicts_with = "receipts")]
    receipt: Option<PathBuf>,
    /// The directory of the receipts, as `submit --receipts` writes it
    #[arg(long, value_name = "DIR")]
    receipts: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    /// Instead of a file: its SHA-256 in hexadecimal
    #[arg(
        long,
        value_name = "HEX",
        conflicts_with = "files",
        requires = "receipt"
    )]
    sha256: Option<Hash>,
    /// Instead of a file: the leaf hash of the entry in hexadecimal
    #[arg(long, value_name = "HEX", conflicts_with_all = ["files", "sha256"], requires = "receipt")]
    leaf_hash: Option<Hash>,
}

/// Thirty-two bytes in hexadecimal.
#[derive(Debug, Clone, Copy)]
struct Hash([u8; 32]);

impl std::str::FromStr for Hash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| {
            format!(
                "expected 64 hexadecimal digits, found {} characters",
                text.chars().count()
            )
        })?;
        Ok(Self(bytes))
    }
}

/// What is to be verified against a receipt.
#[derive(Debug)]
struct Claim {
    /// What the user calls it.
    name: String,
    /// The leaf hashes that it can have; one of them must be in the log.
    leaves: Vec<(Basis, LeafHash)>,
}

/// What of the subject the entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    File(Mode),
    GivenDigest,
    GivenLeaf,
}

/// The result for one subject.
#[derive(Debug, Serialize)]
struct Verdict {
    verify: &'static str,
    outcome: &'static str,
    sentence: String,
    subject: String,
    receipt: PathBuf,
    checks: Checks,
    /// `digest` or `contents`.
    matched: Option<&'static str>,
    origin: Option<String>,
    index: Option<u64>,
    size: Option<u64>,
    /// The earliest time by which witnesses say they saw the checkpoint, in Unix seconds.
    witnessed_at: Option<u64>,
}

/// Runs `counterfoil verify`.
pub(crate) fn run(args: &VerifyArgs, output: Output) -> Result<Exit, Failure> {
    let trust = args.trust.require()?;
    let (proofs, files) = match (&args.receipt, &args.receipts) {
        (None, None) => misbehaviour::among(&args.files),
        // What has a receipt is looked for in the log, whatever it is.
        _ => (Vec::new(), args.files.clone()),
    };
    let mut exit = Exit::Done;
    for (path, bytes) in &proofs {
        exit = exit.and(misbehaviour::verify(path, bytes, &trust, output));
    }
    if !proofs.is_empty() && files.is_empty() {
        return Ok(exit);
    }
    let subjects = subjects(args, &files)?;
    if subjects.len() > 1 && args.receipt.is_some() {
        return Err(
            Failure::usage("--receipt is the receipt of one file, and several were given").advice(
                "leave --receipt out to use FILE.tlog-proof of each, or give --receipts DIR",
            ),
        );
    }
    if subjects.is_empty() {
        return Err(Failure::usage(
            "there is no file to verify: the directories are empty, or hold only receipts",
        ));
    }
    let (all, mut verified) = (subjects.len(), 0);
    for (claim, path) in subjects {
        let verdict = verify(&claim, &path, &trust);
        verified += usize::from(verdict.checks.exit() == Exit::Done);
        exit = exit.and(verdict.checks.exit());
        verdict.print(all, output);
    }
    if all > 1 {
        output.line(format!("{verified} of {all} files are verified."));
    }
    Ok(exit)
}

/// The subjects with the paths of their receipts.
fn subjects(args: &VerifyArgs, files: &[PathBuf]) -> Result<Vec<(Claim, PathBuf)>, Failure> {
    if let (Some(Hash(bytes)), Some(receipt)) = (args.sha256, &args.receipt) {
        let name = format!("the file with the SHA-256 {}", hex::encode(bytes));
        let leaves = vec![(Basis::GivenDigest, hash_leaf(&bytes))];
        return Ok(vec![(Claim { name, leaves }, receipt.clone())]);
    }
    if let (Some(Hash(bytes)), Some(receipt)) = (args.leaf_hash, &args.receipt) {
        let name = format!("the entry with the leaf hash {}", hex::encode(bytes));
        let leaves = vec![(Basis::GivenLeaf, LeafHash::from_bytes(bytes))];
        return Ok(vec![(Claim { name, leaves }, receipt.clone())]);
    }
    let (stdin, paths): (Vec<&PathBuf>, Vec<&PathBuf>) =
        files.iter().partition(|path| *path == Path::new("-"));
    let paths: Vec<PathBuf> = paths.into_iter().cloned().collect();
    let mut subjects = Vec::new();
    for path in stdin {
        let Some(receipt) = &args.receipt else {
            return Err(Failure::usage(
                "standard input has no receipt beside it: give --receipt FILE",
            ));
        };
        subjects.push((claim_of_file(path)?, receipt.clone()));
    }
    for file in files::list(&paths)? {
        let claim = claim_of_file(&file.path)?;
        let receipt = receipt_of(&file, &claim, args);
        subjects.push((claim, receipt));
    }
    Ok(subjects)
}

fn claim_of_file(file: &Path) -> Result<Claim, Failure> {
    let (name, subject) = if file == Path::new("-") {
        let subject = Subject::of_reader(io::stdin().lock()).map_err(|error| {
            Failure::could_not_tell(format!("standard input cannot be read: {error}"))
        })?;
        ("standard input".to_owned(), subject)
    } else {
        (file.display().to_string(), Subject::of_file(file)?)
    };
    let leaves = subject
        .leaves()
        .into_iter()
        .map(|(mode, leaf)| (Basis::File(mode), leaf))
        .collect();
    Ok(Claim { name, leaves })
}

/// Where the receipt of a file is: where the flags say, else beside it.
///
/// `submit --receipts DIR` puts it below DIR by the path from the directory that was submitted, and any directory above
/// the file may have been that one. Of those that are there, the one that proves the file is meant.
fn receipt_of(file: &Chosen, claim: &Claim, args: &VerifyArgs) -> PathBuf {
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
fn verify(claim: &Claim, path: &Path, trust: &Trust) -> Verdict {
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
    match trust.signed(receipt.note().clone()) {
        Ok(signed) => {
            let by: Vec<String> = signed
                .log_signatures()
                .iter()
                .map(|by| format!("{}+{} ({})", by.name, by.key_id, by.algorithm))
                .collect();
            checks.passed(
                "log signature",
                format!("the checkpoint is signed by {}", by.join(", ")),
            );
            verdict.witnessed_at = check_quorum(&signed, trust.policy(), checks);
        }
        Err(error) => {
            checks.failed("log signature", describe_unsigned(&error, trust.keys()));
            checks.not_checked(
                "quorum",
                "cosignatures are looked at only under a log's signature",
            );
        }
    }
    verdict.matched = check_inclusion(claim, receipt, checks);
}

/// Checks the quorum. Gives the time by which the newest cosignature says that the checkpoint was there.
fn check_quorum(signed: &SignedCheckpoint, policy: &Policy, checks: &mut Checks) -> Option<u64> {
    let seen = match policy.check_cosignatures(signed) {
        Ok(seen) => seen,
        Err(error) => {
            checks.failed("quorum", error.to_string());
            return None;
        }
    };
    let satisfied = policy.witnessed(signed.clone()).is_ok();
    if policy.quorum() == Quorum::None {
        checks.passed("quorum", "no witness is asked for, so nobody but the log vouches that everyone sees the same log");
    } else if satisfied {
        checks.passed("quorum", format!("the quorum is met: {}", witnesses(&seen)));
    } else {
        checks.failed(
            "quorum",
            format!("the quorum is not met: {}", witnesses(&seen)),
        );
    }
    let times = seen
        .iter()
        .filter_map(|check| check.cosignature.as_ref()?.timestamp)
        .map(Timestamp::seconds);
    times.filter(|at| *at > 0).min()
}

fn witnesses(seen: &[CosignatureCheck<'_>]) -> String {
    let one = |check: &CosignatureCheck<'_>| {
        let name = String::from_utf8_lossy(check.witness.name()).into_owned();
        match check
            .cosignature
            .as_ref()
            .map(|cosignature| cosignature.timestamp)
        {
            Some(Some(at)) => format!("{name} cosigned at {}", time::utc(at.seconds())),
            Some(None) => format!("{name} cosigned"),
            None => format!("{name} did not"),
        }
    };
    seen.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Checks which of the leaf hashes the proof is about. Gives the name of the one that matched.
fn check_inclusion(claim: &Claim, receipt: &Receipt, checks: &mut Checks) -> Option<&'static str> {
    let (index, size) = (receipt.index(), receipt.checkpoint().size());
    let results: Vec<_> = claim
        .leaves
        .iter()
        .map(|(basis, leaf)| (*basis, receipt.check_inclusion(leaf)))
        .collect();
    if let Some((basis, _)) = results.iter().find(|(_, result)| result.is_ok()) {
        let (matched, words) = match basis {
            Basis::File(Mode::Digest) => ("digest", "the entry is the SHA-256 digest of the file"),
            Basis::File(Mode::Contents) => ("contents", "the entry is the contents of the file"),
            Basis::GivenDigest => ("digest", "the entry is the digest that was given"),
            Basis::GivenLeaf => ("leaf-hash", "the entry has the leaf hash that was given"),
        };
        checks.passed("entry", words);
        checks.passed(
            "inclusion",
            format!("the proof leads from entry {index} to the root of {size} entries"),
        );
        return Some(matched);
    }
    let reason = match results.first() {
        Some((_, Err(error))) => error.to_string(),
        _ => "nothing was given to verify".to_owned(),
    };
    let tried: Vec<&str> = claim
        .leaves
        .iter()
        .map(|(basis, _)| match basis {
            Basis::File(mode) => mode.words(),
            Basis::GivenDigest => "the digest",
            Basis::GivenLeaf => "the leaf hash",
        })
        .collect();
    checks.failed(
        "entry",
        format!(
            "entry {index} is something else, or the proof was changed (tried {})",
            tried.join(" and ")
        ),
    );
    checks.failed(
        "inclusion",
        format!("the proof does not lead from it to the signed root: {reason}"),
    );
    None
}

impl Verdict {
    fn not_reached(&mut self) {
        for name in ["log signature", "quorum", "entry", "inclusion"] {
            self.checks
                .not_checked(name, "there is no receipt to check");
        }
    }

    fn conclude(&mut self) {
        let exit = self.checks.exit();
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
    fn print(&self, among: usize, output: Output) {
        output.json(self);
        if among == 1 || self.checks.exit() != Exit::Done {
            output.line(output.strong(&self.subject));
            self.checks.print(output);
        }
        output.line(&self.sentence);
    }
}

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
//! Evidence has more ([`mod@evidence`]): with anchors it shows a time, too.
//!
//! Trust comes from `--policy`, `--vkey` or `--trust`, never from what is verified. A file that claims to prove that a log misbehaved, and has
//! no receipt, is verified as such ([`crate::misbehaviour`]).

mod blocks;
mod evidence;
mod node;
mod receipt;

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use counterfoil_evidence::receipt::{Basis, Claim};
use counterfoil_rfc3161::Timestamp;
use counterfoil_tiles::hash::{LeafHash, hash_leaf};

use crate::entry::{Mode, Subject};
use crate::exit::{Exit, Failure};
use crate::misbehaviour;
use crate::output::Output;
use crate::submit::files;
use crate::trust::TrustArgs;
use blocks::BlockArgs;
pub(crate) use evidence::{claims as is_evidence, load_trust, now};
use receipt::{receipt_of, verify};

/// `counterfoil verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The files to verify, evidence, and directories of them; - for standard input
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
    /// Judge evidence, by this trust file: which logs and witnesses, and which time-stamping authorities [the evidence of
    /// FILE is FILE.evidence.json, unless it is named]
    #[arg(long = "trust", value_name = "FILE", conflicts_with_all = ["policy", "vkey", "origin", "receipt", "receipts"])]
    trust_file: Option<PathBuf>,
    /// Judge evidence as at this time, as in 2033-01-31T00:00:00Z [default: now]
    #[arg(long, value_name = "TIME", requires = "trust_file")]
    at: Option<Timestamp>,
    #[command(flatten)]
    blocks: BlockArgs,
    /// Instead of a file: its SHA-256 in hexadecimal
    #[arg(long, value_name = "HEX")]
    sha256: Option<Hash>,
    /// Instead of a file: the leaf hash of the entry in hexadecimal
    #[arg(long, value_name = "HEX", conflicts_with = "sha256")]
    leaf_hash: Option<Hash>,
}

/// Thirty-two bytes in hexadecimal.
#[derive(Debug, Clone, Copy)]
struct Hash([u8; 32]);

impl std::str::FromStr for Hash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut bytes = [0; 32];
        let Err(_) = hex::decode_to_slice(text, &mut bytes) else {
            return Ok(Self(bytes));
        };
        let as_base64 = STANDARD
            .decode(text)
            .is_ok_and(|read| read.len() == bytes.len());
        let found = if as_base64 {
            "32 bytes in base64".to_owned()
        } else {
            format!("{} characters", text.chars().count())
        };
        Err(format!("expected 64 hexadecimal digits, found {found}"))
    }
}

/// Runs `counterfoil verify`.
pub(crate) async fn run(args: &VerifyArgs, output: Output) -> Result<Exit, Failure> {
    if let Some(trust_file) = &args.trust_file {
        return evidence::run(args, trust_file, output).await;
    }
    let with_receipts = args.receipt.is_some() || args.receipts.is_some();
    if !with_receipts && let Some(evidence) = evidence::first(&args.files) {
        return Err(Failure::usage(format!(
            "{} is evidence, which needs --trust FILE; --policy and --vkey judge a receipt only",
            evidence.display()
        ))
        .advice("a trust file holds a policy and the roots of the time-stamping authorities that you trust: docs/evidence.md"));
    }
    let trust = args.trust.require()?;
    // What has a receipt is looked for in the log, whatever it is.
    let (proofs, files) = if with_receipts {
        (Vec::new(), args.files.clone())
    } else {
        misbehaviour::among(&args.files)
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
        verified += usize::from(verdict.exit() == Exit::Done);
        exit = exit.and(verdict.exit());
        verdict.print(all, output);
    }
    if all > 1 {
        output.line(format!("{verified} of {all} files are verified."));
    }
    Ok(exit)
}

/// The subjects with the paths of their receipts.
fn subjects(args: &VerifyArgs, files: &[PathBuf]) -> Result<Vec<(Claim, PathBuf)>, Failure> {
    if let Some(claim) = given_claim(args) {
        return match (&args.receipt, files) {
            (Some(receipt), []) => Ok(vec![(claim, receipt.clone())]),
            _ => Err(Failure::usage(
                "--sha256 and --leaf-hash stand in the place of a file: expected --receipt FILE and no other file, or evidence and --trust",
            )),
        };
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

/// The claim about a digest or a leaf hash, if one is given.
fn given_claim(args: &VerifyArgs) -> Option<Claim> {
    let (name, leaf) = match (args.sha256, args.leaf_hash) {
        (Some(Hash(bytes)), _) => (
            format!("the file with the SHA-256 {}", hex::encode(bytes)),
            (Basis::GivenDigest, hash_leaf(&bytes)),
        ),
        (None, Some(Hash(bytes))) => (
            format!("the entry with the leaf hash {}", hex::encode(bytes)),
            (Basis::GivenLeaf, LeafHash::from_bytes(bytes)),
        ),
        (None, None) => return None,
    };
    Some(Claim {
        name,
        leaves: vec![leaf],
        digest: None,
    })
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
        .map(|(mode, leaf)| match mode {
            Mode::Contents => (Basis::Contents, leaf),
            Mode::Digest => (Basis::Digest, leaf),
        })
        .collect();
    Ok(Claim {
        name,
        leaves,
        digest: Some(subject.digest),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_two_bytes_are_given_in_hexadecimal() {
        let found = |text: &str| text.parse::<Hash>().map(|hash| hash.0);
        assert_eq!(found(&"Ab".repeat(32)), Ok([0xab; 32]));
        let rows = [
            ("too short", "ab".to_owned(), "2 characters"),
            ("a digit that is none", "g".repeat(64), "64 characters"),
            ("base64", STANDARD.encode([7; 32]), "32 bytes in base64"),
            ("base64 of less", STANDARD.encode([7; 31]), "44 characters"),
        ];
        for (name, text, expected) in rows {
            let expected = format!("expected 64 hexadecimal digits, found {expected}");
            assert_eq!(found(&text), Err(expected), "{name}");
        }
    }
}

//! Evidence against a trust file: `counterfoil verify X.evidence.json [FILE] --trust trust.toml`.
//!
//! The judgement is [`counterfoil_evidence::judge`]'s. Here evidence and files are found, each with the other.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use counterfoil_checks::Outcome;
use counterfoil_evidence::format::{Evidence, MAX_EVIDENCE_SIZE};
use counterfoil_evidence::judge::{Verdict, judge};
use counterfoil_evidence::receipt::Claim;
use counterfoil_evidence::trust::{MAX_TRUST_SIZE, Trust};
use counterfoil_rfc3161::Timestamp;
use counterfoil_tiles::receipt::Receipt;
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use super::blocks::TrustedBlocks;
use super::{VerifyArgs, claim_of_file, given_claim};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::submit::files::{self, evidence_path, file_of_evidence, receipt_path};

/// What the value of `format` begins with, in every version.
const FAMILY: &str = "counterfoil/evidence@";

/// Evidence, and the file that it is to be compared with.
#[derive(Debug, PartialEq, Eq)]
struct Pair {
    evidence: PathBuf,
    file: Option<PathBuf>,
}

/// Those of the paths that are evidence, by what is in them or by their name; and the others.
fn among(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (evidence, others): (Vec<&PathBuf>, Vec<_>) =
        paths.iter().partition(|path| is_evidence(path));
    (
        evidence.into_iter().cloned().collect(),
        others.into_iter().cloned().collect(),
    )
}

/// The first of the files that is evidence without a receipt of its own.
pub(super) fn first(paths: &[PathBuf]) -> Option<&PathBuf> {
    let mut paths = paths.iter();
    paths.find(|path| is_evidence(path) && !receipt_path(path).exists())
}

fn is_evidence(path: &Path) -> bool {
    path.is_file()
        && (file_of_evidence(path).is_some() || read(path).is_ok_and(|bytes| claims(&bytes)))
}

/// Whether bytes claim to be evidence, of whatever version.
pub(crate) fn claims(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Head {
        format: String,
    }
    bytes.trim_ascii_start().starts_with(b"{")
        && serde_json::from_slice(bytes).is_ok_and(|head: Head| head.format.starts_with(FAMILY))
}

/// The bytes of a file, up to one more than is read of evidence; none if its first byte is not one of JSON.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = File::open(path)?;
    file.by_ref().take(1).read_to_end(&mut bytes)?;
    if bytes.first().is_some_and(|byte| b"{ \t\r\n".contains(byte)) {
        file.take(MAX_EVIDENCE_SIZE as u64)
            .read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Verifies evidence.
pub(super) async fn run(
    args: &VerifyArgs,
    trust_file: &Path,
    output: Output,
) -> Result<Exit, Failure> {
    let trust = load_trust(trust_file)?;
    let at = args.at.unwrap_or_else(now);
    let mut blocks = args.blocks.load()?;
    let given = given_claim(args);
    let (evidence, files) = among(&args.files);
    let pairs = pairs(evidence, &files, given.is_some())?;
    if given.is_some() && pairs.len() != 1 {
        return Err(Failure::usage(format!(
            "--sha256 and --leaf-hash are of one entry, and there are {} pieces of evidence",
            pairs.len()
        )));
    }
    if blocks.are_given() && pairs.len() != 1 {
        return Err(Failure::usage(format!(
            "--block-hash names blocks that one piece of evidence must have, and there are {}",
            pairs.len()
        ))
        .advice("give the blocks of all of them in a file, with --block-hashes"));
    }
    let (mut exit, all, mut verified) = (Exit::Done, pairs.len(), 0);
    for pair in pairs {
        let claim = match &pair.file {
            Some(file) => Some(claim_of_file(file)?),
            None => given.clone(),
        };
        let verdict = verify(&pair.evidence, claim.as_ref(), &trust, &mut blocks, at).await;
        verified += usize::from(verdict.exit() == Exit::Done);
        exit = exit.and(verdict.exit());
        verdict.print(all, trust_file, output);
    }
    if all > 1 {
        output.line(format!("{verified} of {all} are verified."));
    }
    Ok(exit)
}

/// Reads a trust file.
pub(crate) fn load_trust(path: &Path) -> Result<Trust, Failure> {
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_TRUST_SIZE as u64 + 1).read_to_end(&mut text))
        .map_err(|error| {
            Failure::usage(format!(
                "the trust file {} cannot be read: {error}",
                path.display()
            ))
        })?;
    Trust::parse(&text).map_err(|error| {
        Failure::usage(format!("{} is not a trust file: {error}", path.display()))
            .advice("docs/evidence.md says what stands in one: the policy of logs and witnesses, and the roots of time-stamping authorities")
    })
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.unwrap_or_default().as_secs();
    Timestamp::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// Each piece of evidence with its file, and each file with its evidence.
///
/// One of each are a pair, whatever their names. Else `report.pdf` and `report.pdf.evidence.json` are.
fn pairs(
    evidence: Vec<PathBuf>,
    arguments: &[PathBuf],
    is_given: bool,
) -> Result<Vec<Pair>, Failure> {
    let named = |path: &PathBuf| path == Path::new("-") || path.is_file();
    if let ([one], [file], false) = (&*evidence, arguments, is_given)
        && named(file)
    {
        return Ok(vec![Pair {
            evidence: one.clone(),
            file: Some(file.clone()),
        }]);
    }
    if arguments.iter().any(|path| path == Path::new("-")) {
        return Err(Failure::usage(
            "standard input is compared with one piece of evidence, and with nothing else beside it",
        ));
    }
    let mut evidence = evidence;
    for directory in arguments.iter().filter(|path| path.is_dir()) {
        evidence.extend(in_directory(directory)?);
    }
    let mut pairs: Vec<Pair> = evidence
        .into_iter()
        .map(|evidence| Pair {
            file: file_of_evidence(&evidence).filter(|file| !is_given && file.is_file()),
            evidence,
        })
        .collect();
    for file in files::list(arguments)? {
        let path = evidence_path(&file.path);
        if pairs
            .iter()
            .all(|pair| pair.file.as_ref() != Some(&file.path))
        {
            pairs.push(Pair {
                evidence: path,
                file: Some(file.path),
            });
        }
    }
    pairs.sort_by(|a, b| a.evidence.cmp(&b.evidence));
    pairs.dedup();
    if pairs.is_empty() {
        return Err(Failure::usage(
            "there is nothing to verify: the directories are empty",
        ));
    }
    Ok(pairs)
}

/// The evidence in a directory, by its name.
fn in_directory(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for item in WalkDir::new(directory).sort_by_file_name() {
        let item = item.map_err(|error| {
            Failure::usage(format!("{} cannot be read: {error}", directory.display()))
        })?;
        if item.file_type().is_file() && file_of_evidence(item.path()).is_some() {
            found.push(item.into_path());
        }
    }
    Ok(found)
}

/// The result for one piece of evidence, as it is written.
#[derive(Debug, Serialize)]
struct Report {
    verify: &'static str,
    outcome: &'static str,
    subject: String,
    evidence: PathBuf,
    /// The time of the judgement.
    at: String,
    origin: Option<String>,
    index: Option<u64>,
    size: Option<u64>,
    #[serde(flatten)]
    verdict: Verdict,
}

async fn verify(
    path: &Path,
    claim: Option<&Claim>,
    trust: &Trust,
    blocks: &mut TrustedBlocks,
    at: Timestamp,
) -> Report {
    let subject = match claim {
        Some(claim) => claim.name.clone(),
        None => path.display().to_string(),
    };
    let (evidence, verdict) = match read(path).map(|bytes| Evidence::parse(&bytes)) {
        Ok(Ok(evidence)) => {
            let verdict = judge(&evidence, trust, blocks.about(&evidence).await, claim, at);
            (Some(evidence), verdict)
        }
        Ok(Err(error)) => {
            let why = format!("{} is no evidence: {error}", path.display());
            (
                None,
                Verdict::without_evidence(Outcome::Failed, why, &subject),
            )
        }
        Err(error) => {
            let why = format!(
                "{} cannot be read ({error}); `counterfoil evidence` fetches it",
                path.display()
            );
            (
                None,
                Verdict::without_evidence(Outcome::NotChecked, why, &subject),
            )
        }
    };
    let receipt = evidence.as_ref().map(Evidence::receipt);
    let checkpoint = receipt.map(Receipt::checkpoint);
    Report {
        verify: "counterfoil/verdict@v1",
        outcome: match Exit::from(verdict.outcome) {
            Exit::Done => "verified",
            other => other.word(),
        },
        subject,
        evidence: path.to_owned(),
        at: at.to_string(),
        origin: checkpoint.map(|checkpoint| checkpoint.origin().to_string()),
        index: receipt.map(|receipt| receipt.index().get()),
        size: checkpoint.map(|checkpoint| checkpoint.size().get()),
        verdict,
    }
}

impl Report {
    fn exit(&self) -> Exit {
        self.verdict.outcome.into()
    }

    /// Writes it; of one among many that is good, the sentence and its caveats are enough.
    fn print(&self, among: usize, trust_file: &Path, output: Output) {
        output.json(self);
        let verdict = &self.verdict;
        if among == 1 || self.exit() != Exit::Done {
            output.line(output.strong(&self.subject));
            output.checks(&verdict.checks);
            output.line(format!("Trusted, as {} says:", trust_file.display()));
            for trusted in &verdict.trusted {
                output.line(format!("  {trusted}"));
            }
        }
        output.line(&verdict.sentence);
        for caveat in &verdict.caveats {
            output.line(format!("  but: {caveat}"));
        }
    }
}

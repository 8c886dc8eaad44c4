//! `counterfoil evidence`: write what shows offline that an entry existed no later than a time, and has not changed since.
//!
//! The log is asked for it first. Where other anchors are named, it is put together here, from the log's tiles and the
//! anchors' records: so a mirror of the tiles will do, and nobody needs to trust the log to have asked its anchors.

mod anchors;
mod get;
mod trust;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use counterfoil_tiles::hash::LeafIndex;
use url::Url;

use crate::entry::Subject;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::place::{LogReader, Place};
use crate::receipt::{locate, write_whole};
use crate::submit::files;
use crate::token::TokenArgs;
use crate::trust::TrustArgs;
use crate::verify::load_trust;
use get::Getter;
use trust::MakeTrustArgs;

/// `counterfoil evidence`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct EvidenceArgs {
    /// The files that were logged (and those in directories), found by their contents and digests; or the index of an entry
    #[arg(value_name = "FILE|INDEX", required = true)]
    targets: Vec<PathBuf>,
    #[command(flatten)]
    how: HowArgs,
    #[command(subcommand)]
    command: Option<EvidenceCommand>,
}

/// What there is besides.
#[derive(Debug, Subcommand)]
enum EvidenceCommand {
    /// Write a trust file from a running deployment, to be checked before it is used
    ///
    /// The log's policy and the roots of its anchors' authorities, as they themselves tell them. That is no ground for trust:
    /// compare every key and every root with what you have from elsewhere.
    #[command(after_help = "\
Example:
  counterfoil evidence trust --log https://log.example/ --anchor https://anchor.example/ -o trust.toml")]
    Trust(MakeTrustArgs),
}

#[derive(Debug, Args)]
struct HowArgs {
    /// The log: its URL prefix, or a directory with `checkpoint` and `tile/`
    #[arg(
        long,
        value_name = "URL|DIR",
        env = "COUNTERFOIL_LOG_URL",
        required = true
    )]
    log: Option<Place>,
    /// An anchor to take records from, instead of those that the log has; may be given up to eight times
    #[arg(long, value_name = "URL")]
    anchor: Vec<Url>,
    /// Where to write it; - for standard output [default: FILE.evidence.json, for an index standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The trust file by which the evidence is to be verified: of what the anchors have, that is taken which most of the authorities in it
    /// vouch for. The anchors are then asked here and not by the log
    #[arg(long = "trust", value_name = "FILE")]
    whom: Option<PathBuf>,
    #[command(flatten)]
    token: TokenArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

/// One entry that evidence is wanted of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Index(LeafIndex),
    File(PathBuf),
}

/// Runs `counterfoil evidence`.
pub(crate) async fn run(args: EvidenceArgs, output: Output) -> Result<Exit, Failure> {
    let how = match args.command {
        Some(EvidenceCommand::Trust(args)) => return trust::run(args, output).await,
        None => args.how,
    };
    let place = how
        .log
        .ok_or_else(|| Failure::usage("nothing says which log: expected --log URL or DIR"))?;
    let targets = targets(&args.targets)?;
    if targets.len() > 1 && how.output.is_some() {
        return Err(
            Failure::usage("--output is one file, and there are several entries")
                .advice("leave --output out: each file gets its evidence beside it"),
        );
    }
    let token = how.token.load()?;
    let reader = LogReader::open(&place, token.as_ref())?;
    let whom = how.whom.as_deref().map(load_trust).transpose()?;
    let anchors = match &*how.anchor {
        [] if whom.is_some() => trust::anchors_of(&reader).await?,
        named => named.to_vec(),
    };
    let getter = Getter::new(reader, &anchors, how.trust.load()?, whom)?;
    let mut exit = Exit::Done;
    for target in &targets {
        match write(&getter, target, how.output.as_deref(), output).await {
            Ok(()) => {}
            Err(failure) if targets.len() == 1 => return Err(failure),
            Err(failure) => {
                exit = exit.and(failure.exit);
                output.json(&failure.to_json());
                Output::error(&failure);
            }
        }
    }
    if !getter.has_trust() {
        output.note(
            "Nobody's signature was checked: give --policy or --vkey, or run `counterfoil verify` with a trust file.",
        );
    }
    Ok(exit)
}

/// What the arguments name. A number is an index, unless there is such a file.
fn targets(arguments: &[PathBuf]) -> Result<Vec<Target>, Failure> {
    let mut targets = Vec::new();
    let mut paths = Vec::new();
    for argument in arguments {
        let index = argument.to_str().and_then(|text| text.parse().ok());
        match index.filter(|_| !argument.exists()) {
            Some(index) => targets.push(Target::Index(LeafIndex::new(index))),
            None => paths.push(argument.clone()),
        }
    }
    let files = files::list(&paths)?;
    targets.extend(files.into_iter().map(|file| Target::File(file.path)));
    if targets.is_empty() {
        return Err(Failure::usage(
            "there is no file to find: the directories are empty, or hold only receipts and evidence",
        ));
    }
    Ok(targets)
}

async fn write(
    getter: &Getter,
    target: &Target,
    to: Option<&Path>,
    output: Output,
) -> Result<(), Failure> {
    let to = match (to, target) {
        (Some(path), _) if path == Path::new("-") => None,
        (Some(path), _) => Some(path.to_owned()),
        (None, Target::File(file)) => Some(files::evidence_path(file)),
        (None, Target::Index(_)) => None,
    };
    if let Some(path) = to.as_deref().filter(|path| path.exists()) {
        return Err(Failure::usage(format!(
            "{} exists, and evidence is never overwritten",
            path.display()
        ))
        .advice("move it away, or give another name with --output"));
    }
    let got = match target {
        Target::Index(index) => getter.of_index(*index).await?,
        Target::File(file) => {
            let subject = Subject::of_file(file)?;
            let located = locate(getter.reader(), file, &subject).await?;
            getter.of_file(located, &subject).await?
        }
    };
    match &to {
        Some(path) => {
            write_whole(path, &got.bytes)?;
            output.line(got.sentence(path));
            output.json(&got.describe(Some(path)));
        }
        None if output.is_json() => output.json(&got.describe(None)),
        None => Output::raw(&got.bytes),
    }
    Ok(())
}

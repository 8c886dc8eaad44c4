//! `counterfoil receipt`: fetch the receipt of an entry, by its index or by the file that was logged.
//!
//! A log that does not make receipts itself is no hindrance: a receipt is made here from its checkpoint and tiles.

use std::path::{Path, PathBuf};

use clap::Args;
use counterfoil_evidence::receipt::describe_unsigned;
use counterfoil_tiles::checkpoint::Origin;
use counterfoil_tiles::hash::{LeafHash, LeafIndex, TreeSize};
use counterfoil_tiles::receipt::Receipt;
use serde_json::json;

use crate::api::{self, Lookup};
use crate::entry::{Mode, Subject};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::place::{LogReader, Place};
use crate::submit::files::receipt_path;
use crate::token::TokenArgs;
use crate::tree::Tree;
use crate::trust::{Trust, TrustArgs};

/// `counterfoil receipt`.
#[derive(Debug, Args)]
pub(crate) struct ReceiptArgs {
    /// The file that was logged; its index is looked up by its contents and by its digest
    #[arg(
        value_name = "FILE",
        required_unless_present = "index",
        conflicts_with = "index"
    )]
    file: Option<PathBuf>,
    /// The index of the entry, instead of a file
    #[arg(long, value_name = "N")]
    index: Option<u64>,
    /// The log: its URL prefix, or a directory with `checkpoint` and `tile/`
    #[arg(long, value_name = "URL|DIR", env = "COUNTERFOIL_LOG_URL")]
    log: Place,
    /// The tree size of the checkpoint that the receipt is under, if the log still keeps that one
    #[arg(long, value_name = "N")]
    size: Option<u64>,
    /// Where to write it; - for standard output [default: FILE.tlog-proof, for an index standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    token: TokenArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

/// Runs `counterfoil receipt`.
pub(crate) async fn run(args: ReceiptArgs, output: Output) -> Result<Exit, Failure> {
    let token = args.token.load()?;
    let trust = args.trust.load()?;
    let reader = LogReader::open(&args.log, token.as_ref())?;
    let size = args.size.map(TreeSize::new);
    let target = match (&args.output, &args.file) {
        (Some(path), _) if path == Path::new("-") => None,
        (Some(path), _) => Some(path.clone()),
        (None, Some(file)) => Some(receipt_path(file)),
        (None, None) => None,
    };
    if let Some(path) = target.as_deref().filter(|path| path.exists()) {
        return Err(Failure::usage(format!(
            "{} exists, and a receipt is never overwritten",
            path.display()
        ))
        .advice("move it away, or give another name with --output"));
    }
    let (receipt, leaf, mode) = match (&args.file, args.index) {
        (Some(file), _) => {
            let found = locate(&reader, file, &Subject::of_file(file)?).await?;
            let receipt = fetch(&reader, found.index, size).await?;
            (receipt, found.leaf, Some(found.mode))
        }
        (None, Some(index)) => {
            let receipt = fetch(&reader, LeafIndex::new(index), size).await?;
            let tree = Tree::new(&reader, receipt.checkpoint().size());
            let leaf = tree.leaf(receipt.index()).await?;
            (receipt, leaf, None)
        }
        (None, None) => return Err(Failure::usage("expected a file or --index")),
    };
    check(&receipt, &leaf, None, trust.as_ref())?;
    if let Some(path) = &target {
        write(path, &receipt)?;
        let checkpoint = receipt.checkpoint();
        output.line(format!(
            "{}: entry {} of {} (tree of {})",
            path.display(),
            receipt.index(),
            checkpoint.origin(),
            checkpoint.size()
        ));
        output.json(&describe(&receipt, &leaf, mode, Some(path)));
    } else if output.is_json() {
        output.json(&describe(&receipt, &leaf, mode, None));
    } else {
        Output::raw(receipt.to_string().as_bytes());
    }
    if trust.is_none() {
        output.note(
            "Nobody's signature was checked: give --policy or --vkey, or run `counterfoil verify`.",
        );
    }
    Ok(Exit::Done)
}

fn describe(
    receipt: &Receipt,
    leaf: &LeafHash,
    mode: Option<Mode>,
    path: Option<&PathBuf>,
) -> serde_json::Value {
    json!({
        "outcome": Exit::Done.word(),
        "origin": receipt.checkpoint().origin().as_str(),
        "index": receipt.index().get(),
        "size": receipt.checkpoint().size().get(),
        "leaf_hash": hex::encode(leaf.as_bytes()),
        "entry": mode,
        "file": path,
        "receipt": receipt.to_string(),
    })
}

/// Where a file is in a log, and what of it is the entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) index: LeafIndex,
    pub(crate) leaf: LeafHash,
    pub(crate) mode: Mode,
}

/// Finds a file by its leaf hashes.
pub(crate) async fn locate(
    reader: &LogReader,
    file: &Path,
    subject: &Subject,
) -> Result<Located, Failure> {
    let LogReader::Http(client) = reader else {
        return Err(
            Failure::usage("a directory of tiles cannot be asked where a file is")
                .advice("give --index N instead of the file, or the URL of the log"),
        );
    };
    for (mode, leaf) in subject.leaves() {
        match api::lookup(client, &leaf).await? {
            Lookup::Found(indexes) => {
                if let Some(&index) = indexes.first() {
                    return Ok(Located { index, leaf, mode });
                }
            }
            Lookup::Absent => {}
            Lookup::NotOffered => {
                return Err(Failure::could_not_tell("this log does not answer lookups")
                    .advice("give --index N instead of the file"));
            }
        }
    }
    Err(Failure::failed(format!(
        "{} is not in the published log, neither by its contents nor by its SHA-256 digest",
        file.display()
    ))
    .advice("log it with `counterfoil submit`; if it was submitted just now, it is published within moments"))
}

/// The receipt of an entry, from the log or else from its tiles.
pub(crate) async fn fetch(
    reader: &LogReader,
    index: LeafIndex,
    size: Option<TreeSize>,
) -> Result<Receipt, Failure> {
    if let LogReader::Http(client) = reader
        && let Some(bytes) = api::receipt(client, index, size).await?
    {
        let receipt = Receipt::parse(&bytes).map_err(|error| {
            Failure::failed(format!("the log's answer is not a receipt: {error}"))
        })?;
        if receipt.index() != index {
            return Err(Failure::failed(format!(
                "the log was asked for the receipt of entry {index}, and gave that of {}",
                receipt.index()
            )));
        }
        return Ok(receipt);
    }
    from_tiles(reader, index, size).await
}

/// Makes a receipt under the current checkpoint.
async fn from_tiles(
    reader: &LogReader,
    index: LeafIndex,
    wanted: Option<TreeSize>,
) -> Result<Receipt, Failure> {
    let (note, checkpoint) = reader.parsed_checkpoint().await?;
    let size = checkpoint.size();
    if wanted.is_some_and(|wanted| wanted != size) {
        return Err(Failure::could_not_tell(format!(
            "the log keeps no checkpoint of the size that was asked for; the current one is of {size}"
        ))
        .advice("leave --size out"));
    }
    Tree::new(reader, size).receipt(index, note).await
}

/// Checks what can be checked of a receipt before it is kept: it must prove the leaf, be of the log it was asked of,
/// and, if something is trusted, verify.
pub(crate) fn check(
    receipt: &Receipt,
    leaf: &LeafHash,
    origin: Option<&Origin>,
    trust: Option<&Trust>,
) -> Result<(), Failure> {
    let bad = |what: String| {
        Failure::failed(format!(
            "the log gave a receipt that does not verify: {what}"
        ))
        .advice("nothing was written; keep the log's answer and ask its operator")
    };
    receipt
        .check_inclusion(leaf)
        .map_err(|error| bad(error.to_string()))?;
    let found = receipt.checkpoint().origin();
    if let Some(origin) = origin.filter(|origin| *origin != found) {
        return Err(bad(format!("it is of the log {found}, not of {origin}")));
    }
    if let Some(trust) = trust {
        let signed = trust
            .signed(receipt.note().clone())
            .map_err(|error| bad(describe_unsigned(&error, trust.keys())))?;
        trust
            .policy()
            .witnessed(signed)
            .map_err(|error| bad(error.to_string()))?;
    }
    Ok(())
}

/// Writes a receipt, whole or not at all, and makes its directory.
pub(crate) fn write(path: &Path, receipt: &Receipt) -> Result<(), Failure> {
    write_whole(path, receipt.to_string().as_bytes())
}

/// Writes what is kept beside a file, whole or not at all, and makes its directory.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let written = std::fs::create_dir_all(counterfoil_files::directory_of(path))
        .and_then(|()| counterfoil_files::replace(path, bytes));
    written.map_err(|error| {
        Failure::could_not_tell(format!("{} cannot be written: {error}", path.display()))
    })
}

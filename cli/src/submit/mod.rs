//! `counterfoil submit`: log files, and keep their receipts. Interrupted, it goes on without logging anything twice.

pub(crate) mod files;
pub(crate) mod journal;
mod ledger;
mod receipts;
mod resolve;
mod send;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use counterfoil_evidence::receipt::describe_unsigned;
use counterfoil_tiles::checkpoint::{Checkpoint, Origin};
use counterfoil_tiles::hash::{LeafHash, LeafIndex, hash_leaf};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::receipt::Receipt;
use serde::Serialize;
use url::Url;

use crate::client::LogClient;
use crate::entry::{Mode, Subject};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::place::LogReader;
use crate::token::TokenArgs;
use crate::trust::{Trust, TrustArgs};
use files::{Chosen, JOURNAL_NAME};
use journal::Journal;
use ledger::Standing;

/// `counterfoil submit`.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct SubmitArgs {
    /// Files and directories to log; - for standard input
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// The URL prefix of the log
    #[arg(long, value_name = "URL", env = "COUNTERFOIL_LOG_URL")]
    log: Url,
    /// Log the 32 bytes of the SHA-256 of each file (the default): the log learns nothing of what is in it
    #[arg(long, conflicts_with = "embed")]
    digest: bool,
    /// Log the contents of each file themselves, 1 to 65,535 bytes; whoever reads the log reads them
    #[arg(long)]
    embed: bool,
    /// Entries in a request
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    batch: u32,
    /// Write the receipts below this directory [default: FILE.tlog-proof beside each file]
    #[arg(long, value_name = "DIR")]
    receipts: Option<PathBuf>,
    /// Write no receipts
    #[arg(long, conflicts_with = "receipts")]
    no_receipts: bool,
    /// Wait until the entries are in a published checkpoint, also without receipts
    #[arg(long)]
    wait: bool,
    /// How long to wait for publication
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
    /// Where the submission keeps account [default: .counterfoil-submit.jsonl in DIR, else in the first directory given,
    /// else beside the first file]
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// How long a request whose answer was lost may still be at work: the server's `request_deadline`
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    settle: u64,
    /// Log again what an interrupted submission may have logged and the log cannot look up
    #[arg(long)]
    resend: bool,
    #[command(flatten)]
    token: TokenArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

/// One thing to log.
#[derive(Debug)]
struct Item {
    /// What the user calls it.
    name: String,
    /// Where it is read again; `None` for standard input.
    path: Option<PathBuf>,
    /// Where its receipt goes.
    receipt: Option<PathBuf>,
    /// Its leaf hash.
    leaf: LeafHash,
    /// Its entry, where that is short (a digest) or cannot be read again.
    entry: Option<Bytes>,
}

/// A submission under way.
struct Submission<'a> {
    args: &'a SubmitArgs,
    client: LogClient,
    reader: LogReader,
    origin: Origin,
    trust: Option<Trust>,
    items: Vec<Item>,
    /// The places in `items` of each leaf: the same contents twice are one entry.
    leaves: BTreeMap<LeafHash, Vec<usize>>,
    journal: Journal,
    output: Output,
}

/// One line of the result.
#[derive(Debug, Serialize)]
struct Logged {
    file: String,
    leaf_hash: String,
    index: Option<u64>,
    receipt: Option<PathBuf>,
}

/// Runs `counterfoil submit`.
pub(crate) async fn run(args: SubmitArgs, output: Output) -> Result<Exit, Failure> {
    let mode = if args.embed {
        Mode::Contents
    } else {
        Mode::Digest
    };
    let token = args.token.load()?;
    let client = LogClient::new(&args.log, token.as_ref())?;
    let trust = args.trust.load()?;
    let items = gather(&args, mode, output)?;
    let reader = LogReader::Http(client.clone());
    let origin = origin_of(&reader, trust.as_ref()).await?;
    check_old_receipts(&items, &origin)?;
    let journal_path = journal_path(&args)?;
    let journal = Journal::open(&journal_path, client.base().as_str(), origin.as_str())?;
    let mut leaves: BTreeMap<LeafHash, Vec<usize>> = BTreeMap::new();
    for (place, item) in items.iter().enumerate() {
        leaves.entry(item.leaf).or_default().push(place);
    }
    let mut submission = Submission {
        args: &args,
        client,
        reader,
        origin,
        trust,
        items,
        leaves,
        journal,
        output,
    };
    submission.take_over_receipts()?;
    submission.log_all().await?;
    if !args.no_receipts {
        submission.fetch_receipts().await?;
    } else if args.wait {
        let last = submission.indexes().max();
        submission.wait_published(last).await?;
    }
    submission.tell();
    Ok(Exit::Done)
}

/// Reads and hashes everything once. Nothing is sent if anything cannot be an entry.
fn gather(args: &SubmitArgs, mode: Mode, output: Output) -> Result<Vec<Item>, Failure> {
    let (stdin, paths): (Vec<_>, Vec<_>) = args
        .paths
        .iter()
        .cloned()
        .partition(|path| path == Path::new("-"));
    if !stdin.is_empty() && args.receipts.is_none() && !args.no_receipts {
        return Err(
            Failure::usage("standard input has no name to put a receipt beside").advice(
                "give --receipts DIR (the receipt is named by the digest there), or --no-receipts",
            ),
        );
    }
    let chosen = files::list(&paths)?;
    let receipts = files::receipt_paths(&chosen, args.receipts.as_deref())?;
    let progress = output.progress("files read", chosen.len() as u64);
    let mut items = Vec::with_capacity(chosen.len() + 1);
    if !stdin.is_empty() {
        let subject = Subject::of_reader(io::stdin().lock()).map_err(|error| {
            Failure::could_not_tell(format!("standard input cannot be read: {error}"))
        })?;
        let entry = subject.entry(mode, Path::new("standard input"))?;
        let name = PathBuf::from(hex::encode(subject.digest));
        let receipt = args
            .receipts
            .as_ref()
            .map(|directory| files::receipt_path(&directory.join(name)));
        items.push(Item {
            name: "-".to_owned(),
            path: None,
            receipt,
            leaf: hash_leaf(&entry),
            entry: Some(entry),
        });
    }
    for (Chosen { path, .. }, receipt) in chosen.into_iter().zip(receipts) {
        let entry = Subject::of_file(&path)?
            .entry(mode, &path)
            .map_err(|error| {
                let failure = Failure::from(error);
                match mode {
                    Mode::Contents => failure.advice(
                        "without --embed the log holds its SHA-256 digest, whatever its size",
                    ),
                    Mode::Digest => failure,
                }
            })?;
        items.push(Item {
            name: path.display().to_string(),
            path: Some(path),
            receipt: (!args.no_receipts).then_some(receipt),
            leaf: hash_leaf(&entry),
            // Contents are read again when they are sent, so that memory does not hold all files at once.
            entry: (mode == Mode::Digest).then_some(entry),
        });
        progress.inc(1);
    }
    progress.finish_and_clear();
    if items.is_empty() {
        return Err(Failure::usage(
            "there is no file to log: the directories are empty, or hold only receipts",
        ));
    }
    Ok(items)
}

/// The origin of the log, from its checkpoint; verified if something is trusted.
async fn origin_of(reader: &LogReader, trust: Option<&Trust>) -> Result<Origin, Failure> {
    let bytes = reader.checkpoint().await?;
    let not_a_log = |error: String| {
        Failure::failed(format!(
            "what the log shows as its checkpoint is none: {error}"
        ))
        .advice("check that --log is the URL prefix of the log")
    };
    let note = Note::parse(&bytes).map_err(|error| not_a_log(error.to_string()))?;
    if let Some(trust) = trust {
        let signed = trust.signed(note).map_err(|error| {
            Failure::failed(format!(
                "the log is not the one you trust: {}",
                describe_unsigned(&error, trust.keys())
            ))
        })?;
        return Ok(signed.checkpoint().origin().clone());
    }
    let checkpoint =
        Checkpoint::parse(note.text()).map_err(|error| not_a_log(error.to_string()))?;
    Ok(checkpoint.origin().clone())
}

/// Refuses to write over the receipt of something else: of the contents that a file had before, it is the only proof.
fn check_old_receipts(items: &[Item], origin: &Origin) -> Result<(), Failure> {
    for item in items {
        let Some(path) = &item.receipt else { continue };
        let Ok(bytes) = std::fs::read(path) else {
            continue;
        };
        let ours = Receipt::parse(&bytes).is_ok_and(|receipt| {
            receipt.checkpoint().origin() == origin && receipt.check_inclusion(&item.leaf).is_ok()
        });
        if !ours {
            return Err(Failure::usage(format!(
                "{} exists, and is not a receipt of {} as it is now from the log {origin}",
                path.display(),
                item.name
            ))
            .advice("it may prove what the file was before: move it away, or write receipts elsewhere with --receipts DIR"));
        }
    }
    Ok(())
}

/// Where the journal is unless the user says where.
fn journal_path(args: &SubmitArgs) -> Result<PathBuf, Failure> {
    if let Some(path) = &args.journal {
        return Ok(path.clone());
    }
    if let Some(directory) = &args.receipts {
        std::fs::create_dir_all(directory).map_err(|error| {
            Failure::usage(format!(
                "the directory {} cannot be made: {error}",
                directory.display()
            ))
        })?;
        return Ok(directory.join(JOURNAL_NAME));
    }
    let first = args.paths.iter().find(|path| *path != Path::new("-"));
    Ok(match first {
        Some(path) if path.is_dir() => path.join(JOURNAL_NAME),
        Some(path) => counterfoil_files::directory_of(path).join(JOURNAL_NAME),
        None => PathBuf::from(JOURNAL_NAME),
    })
}

impl Submission<'_> {
    /// The index of a leaf that is logged.
    fn index_of(&self, leaf: &LeafHash) -> Option<LeafIndex> {
        match self.journal.standing(leaf) {
            Standing::Logged(index) | Standing::Receipted(index, _) => Some(*index),
            Standing::ToSend | Standing::Unknown(_) => None,
        }
    }

    fn indexes(&self) -> impl Iterator<Item = LeafIndex> {
        self.leaves.keys().filter_map(|leaf| self.index_of(leaf))
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.args.timeout)
    }

    /// The entry of a leaf, read again where it is not kept.
    fn entry_of(&self, leaf: &LeafHash) -> Result<Bytes, Failure> {
        let place = self.leaves.get(leaf).and_then(|places| places.first());
        let Some(item) = place.and_then(|place| self.items.get(*place)) else {
            return Err(Failure::could_not_tell("a leaf without a file"));
        };
        let (None, Some(path)) = (&item.entry, &item.path) else {
            return Ok(item.entry.clone().unwrap_or_default());
        };
        let entry = Subject::of_file(path)?.entry(Mode::Contents, path)?;
        if hash_leaf(&entry) == *leaf {
            Ok(entry)
        } else {
            Err(Failure::could_not_tell(format!(
                "{} changed while it was being submitted",
                path.display()
            ))
            .advice("run the command again: what is logged already will not be logged again"))
        }
    }

    /// Writes the result: a line for each file.
    fn tell(&self) {
        let logged: Vec<Logged> = self
            .items
            .iter()
            .map(|item| Logged {
                file: item.name.clone(),
                leaf_hash: hex::encode(item.leaf.as_bytes()),
                index: self.index_of(&item.leaf).map(LeafIndex::get),
                receipt: item.receipt.clone(),
            })
            .collect();
        for entry in &logged {
            let index = entry
                .index
                .map(|index| index.to_string())
                .unwrap_or_default();
            self.output.line(format!("{index:>10}  {}", entry.file));
        }
        self.output.json(&serde_json::json!({
            "outcome": Exit::Done.word(),
            "log": self.client.base().as_str(),
            "origin": self.origin.as_str(),
            "journal": self.journal.path(),
            "entries": logged,
        }));
        let distinct = self.leaves.len();
        let same = self.items.len() - distinct;
        let note = if same > 0 {
            format!(" ({same} have the contents of another)")
        } else {
            String::new()
        };
        let files = match self.items.len() {
            1 => "1 file is".to_owned(),
            many => format!("{many} files are"),
        };
        self.output
            .note(format!("{files} logged in {}{note}.", self.origin));
    }
}

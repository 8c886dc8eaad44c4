//! `counterfoil evidence trust`: a trust file from a running deployment, with a warning that it is only what the deployment
//! says of itself.

use std::future::pending;
use std::path::PathBuf;

use clap::Args;
use counterfoil_ethereum::Transaction;
use counterfoil_evidence::format::{AnchorRecords, TokenRecords};
use counterfoil_evidence::gather::{self, NoReceipt, NotGathered};
use counterfoil_evidence::record::BlockRecord;
use counterfoil_evidence::trust::{Authority, Chain, Trust};
use counterfoil_rfc3161::Certificate;
use counterfoil_tiles::checkpoint::OriginHash;
use counterfoil_tiles::hash::LeafIndex;
use counterfoil_tiles::note::Note;
use counterfoil_tiles::policy::MAX_POLICY_SIZE;
use counterfoil_tiles::receipt::Receipt;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::anchors::AnchorClient;
use crate::client::MAX_JSON_BYTES;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::place::{LogReader, Place};
use crate::receipt::write_whole;
use crate::token::TokenArgs;
use crate::tree::Tree;
use crate::verify::now;

/// `counterfoil evidence trust`.
#[derive(Debug, Args)]
pub(super) struct MakeTrustArgs {
    /// The log: its URL prefix
    #[arg(long, value_name = "URL", env = "COUNTERFOIL_LOG_URL")]
    log: Url,
    /// An anchor that follows it; may be given more than once [default: those that the log names]
    #[arg(long, value_name = "URL")]
    anchor: Vec<Url>,
    /// Where to write the trust file; it must not exist
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    token: TokenArgs,
}

/// Runs `counterfoil evidence trust`.
pub(super) async fn run(args: MakeTrustArgs, output: Output) -> Result<Exit, Failure> {
    if args.output.exists() {
        return Err(Failure::usage(format!(
            "{} exists, and trust is never overwritten",
            args.output.display()
        ))
        .advice("move it away, or give another name with --output"));
    }
    let token = args.token.load()?;
    let reader = LogReader::open(&Place::Http(args.log.clone()), token.as_ref())?;
    let policy = policy(&reader).await?;
    let anchors = match args.anchor.as_slice() {
        [] => anchors_of(&reader).await?,
        named => named.to_vec(),
    };
    let (mut authorities, mut chains) = (Vec::new(), Vec::new());
    for url in &anchors {
        for records in newest(&reader, url).await? {
            match &records {
                AnchorRecords::Token(records) => take(&mut authorities, records)?,
                AnchorRecords::Block(record) => take_chain(&mut chains, record)?,
            }
        }
    }
    let names: Vec<String> = authorities
        .iter()
        .map(|one| one.name().to_owned())
        .chain(chains.iter().map(|chain: &Chain| chain.name().to_owned()))
        .collect();
    let trust = Trust::new(1, policy, authorities, chains).map_err(|error| {
        Failure::failed(format!("no trust can be made of what they say: {error}"))
    })?;
    let source: Vec<String> = std::iter::once(format!("log {}", args.log))
        .chain(anchors.iter().map(|url| format!("anchor {url}")))
        .collect();
    let source = source.join(", ");
    write_whole(&args.output, trust.to_toml(&source).as_bytes())?;
    Output::warn(format!(
        "{} is made from what this deployment says of itself. Before you rely on it, compare each key and each root with what \
         you have from elsewhere, and take the warning at its top away",
        args.output.display()
    ));
    output.line(format!(
        "{}: the log's policy, and {} of {}",
        args.output.display(),
        if names.len() == 1 {
            "the authority"
        } else {
            "the authorities"
        },
        names.join(", ")
    ));
    output.json(&json!({
        "outcome": Exit::Done.word(),
        "file": args.output,
        "authorities": names,
        "warning": "made from what the deployment says of itself: compare before you rely on it",
    }));
    Ok(Exit::Done)
}

async fn policy(reader: &LogReader) -> Result<String, Failure> {
    let LogReader::Http(client) = reader else {
        return Err(Failure::usage("expected the URL of a log"));
    };
    let bytes = client.find("policy", MAX_POLICY_SIZE).await?;
    let text = bytes.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
    text.ok_or_else(|| {
        Failure::could_not_tell("the log shows no policy")
            .advice("ask its operator for it, and write the trust file by hand")
    })
}

/// The anchors that a log names in its status.
pub(super) async fn anchors_of(reader: &LogReader) -> Result<Vec<Url>, Failure> {
    #[derive(Deserialize)]
    struct Status {
        #[serde(default)]
        anchors: Vec<Named>,
    }
    #[derive(Deserialize)]
    struct Named {
        url: String,
    }
    let LogReader::Http(client) = reader else {
        return Ok(Vec::new());
    };
    let body = client.find("status", MAX_JSON_BYTES).await?;
    let status = body.and_then(|body| serde_json::from_slice::<Status>(&body).ok());
    let named = status.map(|status| status.anchors).unwrap_or_default();
    let named = named.iter().take(gather::MAX_ASKED);
    let urls: Vec<Url> = named
        .filter_map(|named| Url::parse(&named.url).ok())
        .collect();
    if urls.is_empty() {
        return Err(Failure::could_not_tell("the log names no anchors")
            .advice("name one that follows it with --anchor URL"));
    }
    Ok(urls)
}

/// The tokens over the newest checkpoint that an anchor has of the log.
async fn newest(reader: &LogReader, url: &Url) -> Result<Vec<AnchorRecords>, Failure> {
    let (_, checkpoint) = reader.parsed_checkpoint().await?;
    let tree = Tree::new(reader, checkpoint.size());
    let anchor = AnchorClient::new(url)?;
    let origin = OriginHash::of(checkpoint.origin());
    let hearing = anchor.hearing();
    match gather::newest(
        origin,
        now(),
        &hearing,
        |index, note| prove(tree, index, note),
        pending(),
    )
    .await
    {
        Ok(Some(gathered)) => Ok(gathered.records),
        Ok(None) => Err(
            Failure::could_not_tell(format!("{url} has no token for this log yet"))
                .advice("anchors work on a schedule: ask again later"),
        ),
        Err(NotGathered::Log(failure)) => Err(failure),
        Err(NotGathered::Nothing(troubles)) => {
            let told: Vec<&str> = troubles
                .iter()
                .map(|trouble| trouble.failed.what.as_str())
                .collect();
            Err(Failure::could_not_tell(format!(
                "{url} shows no token for this log: {}",
                told.join("; ")
            )))
        }
    }
}

async fn prove(
    tree: Tree<'_>,
    index: LeafIndex,
    note: Note,
) -> Result<Receipt, NoReceipt<Failure>> {
    let leaf = tree.leaf(index).await.map_err(NoReceipt::Log)?;
    let receipt = tree.receipt(index, note).await.map_err(NoReceipt::Log)?;
    match receipt.check_inclusion(&leaf) {
        Ok(()) => Ok(receipt),
        Err(error) => Err(NoReceipt::Foreign(error.to_string())),
    }
}

/// Adds the authority of a token, once for each root.
fn take(authorities: &mut Vec<Authority>, records: &TokenRecords) -> Result<(), Failure> {
    let name = &records.token.authority;
    // The chain was verified up to its last certificate.
    let Some(root) = records.token.certificates.last() else {
        return Ok(());
    };
    let root = Certificate::parse(root)
        .map_err(|error| Failure::failed(format!("the root of {name}: {error}")))?;
    let known = |known: &Authority| known.roots().contains(&root);
    if authorities.iter().any(known) {
        return Ok(());
    }
    if authorities
        .iter()
        .any(|known| known.name() == name.as_str())
    {
        return Err(Failure::failed(format!(
            "two authorities with different roots are called {name}"
        ))
        .advice("write the trust file by hand, with names of your own"));
    }
    authorities.push(Authority::new(name.clone(), vec![root]));
    Ok(())
}

/// Adds the chain of a block, once, with the destination of its transaction. Its hash is not taken: from the deployment it would
/// prove nothing.
fn take_chain(chains: &mut Vec<Chain>, record: &BlockRecord) -> Result<(), Failure> {
    let name = &record.name;
    let call = Transaction::parse(&record.block.transaction)
        .ok()
        .and_then(|transaction| transaction.call);
    let chain = Chain::new(name.clone(), record.block.chain_id);
    let chain = match call.and_then(|call| call.to) {
        Some(to) => chain.with_destination(to),
        None => chain,
    };
    if chains.contains(&chain) {
        return Ok(());
    }
    let is_same =
        |known: &&Chain| known.name() == chain.name() || known.chain_id() == chain.chain_id();
    if let Some(known) = chains.iter().find(is_same) {
        return Err(Failure::failed(format!(
            "two chains are called {name}, or one has two names or destinations: {} and {}",
            known.chain_id(),
            chain.chain_id()
        ))
        .advice("write the trust file by hand"));
    }
    chains.push(chain);
    Ok(())
}

//! Getting the evidence of one entry: from the log, or from its tiles and the records of anchors; and checking it before
//! anybody keeps it.

use std::future::pending;
use std::path::Path;
use std::sync::Arc;

use counterfoil_evidence::blocks::chain_words;
use counterfoil_evidence::format::{Anchor, Entry, Evidence, MAX_EVIDENCE_SIZE};
use counterfoil_evidence::gather::{
    self, By, FailedKind, Gathered, NoReceipt, NotGathered, Sizes, Trouble, Wanted, check_block,
    check_token,
};
use counterfoil_evidence::trust::Trust as WhomToTrust;
use counterfoil_rfc3161::Timestamp;
use counterfoil_tiles::checkpoint::{Checkpoint, Origin, OriginHash};
use counterfoil_tiles::hash::{LeafHash, LeafIndex, TreeSize};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::policy::MAX_POLICY_SIZE;
use counterfoil_tiles::receipt::Receipt;
use serde_json::json;
use url::Url;

use super::anchors::AnchorClient;
use crate::client::{CallError, Form};
use crate::entry::{Mode, Subject};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::place::LogReader;
use crate::receipt::{self, Located};
use crate::tree::Tree;
use crate::trust::Trust;
use crate::verify::now;

/// Gets evidence of a log's entries.
#[derive(Debug)]
pub(super) struct Getter {
    reader: LogReader,
    anchors: Vec<AnchorClient>,
    trust: Option<Trust>,
    /// By what the evidence is to be verified, if that is known.
    whom: Option<Arc<WhomToTrust>>,
}

/// Evidence of an entry, checked.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) bytes: Vec<u8>,
    evidence: Evidence,
    mode: Option<Mode>,
    /// The authorities, each with its time.
    times: Vec<(String, String)>,
}

impl Getter {
    pub(super) fn new(
        reader: LogReader,
        anchors: &[Url],
        trust: Option<Trust>,
        whom: Option<WhomToTrust>,
    ) -> Result<Self, Failure> {
        if let (LogReader::Directory(_), true) = (&reader, anchors.is_empty()) {
            return Err(Failure::usage("a directory of tiles has no anchors")
                .advice("name one with --anchor URL"));
        }
        if anchors.len() > gather::MAX_ASKED {
            return Err(Failure::usage(format!(
                "--anchor: expected at most {}, got {}",
                gather::MAX_ASKED,
                anchors.len()
            )));
        }
        let anchors = anchors.iter().map(AnchorClient::new);
        Ok(Self {
            reader,
            anchors: anchors.collect::<Result<_, _>>()?,
            trust,
            whom: whom.map(Arc::new),
        })
    }

    pub(super) fn reader(&self) -> &LogReader {
        &self.reader
    }

    pub(super) fn has_trust(&self) -> bool {
        self.trust.is_some()
    }

    /// The evidence of an entry by its index, with the entry itself where the log gives it out.
    pub(super) async fn of_index(&self, index: LeafIndex) -> Result<Got, Failure> {
        let evidence = match self.of_log(index).await? {
            Some(evidence) => evidence,
            None => self.put_together(index, None).await?,
        };
        self.check(evidence, index, None)
    }

    /// The evidence of a file that was found in the log.
    pub(super) async fn of_file(
        &self,
        located: Located,
        subject: &Subject,
    ) -> Result<Got, Failure> {
        let Located { index, mode, .. } = located;
        let entry = match (mode, &subject.contents) {
            (Mode::Contents, Some(contents)) => Entry::of_contents(contents.to_vec()),
            _ => Entry::of_digest(subject.digest),
        };
        let evidence = match self.of_log(index).await? {
            Some(evidence) => evidence.with_entry(entry).map_err(|error| {
                Failure::failed(format!("the log's evidence is not of this file: {error}"))
            })?,
            None => self.put_together(index, Some(entry)).await?,
        };
        self.check(evidence, index, Some(mode))
    }

    /// What the log gives out; `None` where it is to be put together here.
    async fn of_log(&self, index: LeafIndex) -> Result<Option<Evidence>, Failure> {
        let LogReader::Http(client) = &self.reader else {
            return Ok(None);
        };
        if !self.anchors.is_empty() {
            return Ok(None);
        }
        let path = format!("evidence/{index}");
        match client.get_once(&path, Form::Json, MAX_EVIDENCE_SIZE).await {
            Ok(bytes) => Evidence::parse(&bytes).map(Some).map_err(|error| {
                Failure::failed(format!("the log's answer is not evidence: {error}"))
            }),
            Err(error) => Err(refused(error)),
        }
    }

    async fn put_together(
        &self,
        index: LeafIndex,
        entry: Option<Entry>,
    ) -> Result<Evidence, Failure> {
        let (_, checkpoint) = self.reader.parsed_checkpoint().await?;
        let published = checkpoint.size();
        if index.get() >= published.get() {
            return Err(Failure::failed(format!(
                "entry {index} is beyond the published tree of {published}"
            )));
        }
        let tree = Tree::new(&self.reader, published);
        let gathered = self.gather(index, &checkpoint, tree).await?;
        let entry = match entry {
            Some(entry) => entry,
            None => match tree.entry(index).await {
                Some(contents) => Entry::of_contents(contents.to_vec()),
                None => Entry::of_leaf_hash(tree.leaf(index).await?),
            },
        };
        let policy = self.policy().await?;
        let evidence = gathered.evidence(entry, policy);
        evidence.map_err(|error| Failure::failed(error.to_string()))
    }

    async fn gather(
        &self,
        index: LeafIndex,
        checkpoint: &Checkpoint,
        tree: Tree<'_>,
    ) -> Result<Gathered, Failure> {
        let wanted = Wanted {
            log: OriginHash::of(checkpoint.origin()),
            index,
            sizes: Sizes::UpTo(checkpoint.size()),
        };
        let leaf = tree.leaf(index).await?;
        let receipt = |index, note| self.prove(index, note, &leaf, checkpoint, tree);
        let hearings: Vec<_> = self.anchors.iter().map(AnchorClient::hearing).collect();
        let by = By {
            at: now(),
            trust: self.whom.clone(),
        };
        let gathered = gather::gather(wanted, &by, &hearings, receipt, pending()).await;
        let told = |troubles: &[Trouble]| {
            for trouble in troubles {
                let url = self.anchors.get(trouble.anchor).map(AnchorClient::url);
                let url = url.map_or_else(String::new, ToString::to_string);
                Output::warn(format!("the anchor {url}: {}", trouble.failed.what));
            }
        };
        match gathered {
            Ok(gathered) => {
                told(&gathered.troubles);
                Ok(gathered)
            }
            Err(NotGathered::Log(failure)) => Err(failure),
            Err(NotGathered::Nothing(troubles)) => {
                told(&troubles);
                Err(nothing(index, &troubles))
            }
        }
    }

    /// The receipt under a checkpoint that an anchor shows, if that is of this log and of the history of its tiles.
    async fn prove(
        &self,
        index: LeafIndex,
        note: Note,
        leaf: &LeafHash,
        current: &Checkpoint,
        tree: Tree<'_>,
    ) -> Result<Receipt, NoReceipt<Failure>> {
        let own = self.own(&note, current.origin(), current.size());
        own.map_err(NoReceipt::Foreign)?;
        let receipt = tree.receipt(index, note).await.map_err(NoReceipt::Log)?;
        match receipt.check_inclusion(leaf) {
            Ok(()) => Ok(receipt),
            Err(error) => Err(NoReceipt::Foreign(format!(
                "it is of another history than the log's tiles: {error}"
            ))),
        }
    }

    /// Whether a checkpoint that an anchor shows is this log's, as far as the user's trust can tell.
    fn own(&self, note: &Note, origin: &Origin, published: TreeSize) -> Result<(), String> {
        let found = Checkpoint::parse(note.text()).map_err(|error| error.to_string())?;
        if found.origin() != origin {
            return Err(format!(
                "it is of the log {}, not of {origin}",
                found.origin()
            ));
        }
        if found.size() > published {
            let size = found.size();
            return Err(format!(
                "its size {size} is larger than the published one, {published}"
            ));
        }
        match &self.trust {
            Some(trust) => {
                let signed = trust.signed(note.clone());
                let signed = signed.map_err(|error| error.to_string())?;
                let witnessed = trust.policy().witnessed(signed);
                witnessed.map(drop).map_err(|error| error.to_string())
            }
            None => Ok(()),
        }
    }

    /// The policy that the evidence shows: the log's, else the user's.
    async fn policy(&self) -> Result<String, Failure> {
        if let LogReader::Http(client) = &self.reader
            && let Some(bytes) = client.find("policy", MAX_POLICY_SIZE).await?
            && let Ok(text) = String::from_utf8(bytes.to_vec())
        {
            return Ok(text);
        }
        let own = self.trust.as_ref().map(Trust::text);
        Ok(own.unwrap_or_default().to_owned())
    }

    /// Checks what can be checked without trust in authorities, so that nothing is kept that proves nothing.
    fn check(
        &self,
        evidence: Evidence,
        index: LeafIndex,
        mode: Option<Mode>,
    ) -> Result<Got, Failure> {
        let receipt = evidence.receipt();
        if receipt.index() != index {
            return Err(bad(&format!(
                "it is of entry {}, not of {index}",
                receipt.index()
            )));
        }
        receipt::check(
            receipt,
            evidence.entry().leaf_hash(),
            None,
            self.trust.as_ref(),
        )?;
        let (mut times, at) = (Vec::new(), now());
        for anchor in evidence.anchors() {
            let (who, time) = match anchor {
                Anchor::Token(token) => {
                    let checked =
                        check_token(&token.token, &token.certificates, evidence.checkpoint(), at);
                    (token.authority.to_string(), checked)
                }
                Anchor::Block(block) => {
                    let who = chain_words(block.chain_id);
                    let checked = check_block(block, evidence.checkpoint(), at);
                    let time = checked.map(|header| {
                        let seconds = i64::try_from(header.timestamp).unwrap_or(i64::MAX);
                        Timestamp::from_seconds(seconds)
                    });
                    (who, time)
                }
                Anchor::Unknown(_) => continue,
            };
            let time = time.map_err(|why| bad(&format!("{who}: {why}")))?;
            times.push((who, time.to_string()));
        }
        if times.is_empty() {
            return Err(bad("no anchor that this version knows covers it"));
        }
        let bytes = evidence
            .encode()
            .map_err(|error| Failure::failed(error.to_string()))?;
        Ok(Got {
            bytes,
            evidence,
            mode,
            times,
        })
    }
}

fn bad(what: &str) -> Failure {
    Failure::failed(format!("this evidence does not verify: {what}")).advice(
        "nothing was written; keep the answer and ask the operators of the log and of its anchors",
    )
}

/// Why there is no evidence yet, or none at all.
fn nothing(index: LeafIndex, troubles: &[Trouble]) -> Failure {
    let text =
        format!("no anchor shows a checkpoint that covers entry {index}, with a token that holds");
    let silent = |trouble: &Trouble| trouble.failed.kind == FailedKind::Silent;
    if troubles.iter().any(silent) {
        Failure::could_not_tell(text).advice("an anchor could not be asked: try again later")
    } else if troubles.is_empty() {
        Failure::could_not_tell(text)
            .advice("anchors work on a schedule: ask again later, the entry will be anchored")
    } else {
        Failure::failed(text).advice("what the anchors show is of no use: ask their operators")
    }
}

/// What a log's refusal to give evidence means.
fn refused(error: CallError) -> Failure {
    let kind = match &error {
        CallError::Refused { refusal, .. } => refusal.kind.clone().unwrap_or_default(),
        _ => String::new(),
    };
    let status = error.status();
    let failure = Failure::from(error);
    match (status, kind.as_str()) {
        (_, "not-anchored") => failure
            .advice("anchors work on a schedule: ask again later, the entry will be anchored"),
        (_, "no-anchor") => failure
            .advice("try again later, or name an anchor that follows this log with --anchor URL"),
        (Some(404), _) => failure.advice("name an anchor that follows this log with --anchor URL"),
        _ => failure,
    }
}

impl Got {
    fn authorities(&self) -> String {
        let one = |(name, time): &(String, String)| format!("{name} at {time}");
        self.times.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn sentence(&self, path: &Path) -> String {
        let receipt = self.evidence.receipt();
        format!(
            "{}: entry {} of {} (tree of {}), fixed in time by {}",
            path.display(),
            receipt.index(),
            receipt.checkpoint().origin(),
            receipt.checkpoint().size(),
            self.authorities()
        )
    }

    pub(super) fn describe(&self, path: Option<&Path>) -> serde_json::Value {
        let receipt = self.evidence.receipt();
        let anchors = self.times.iter();
        let anchors: Vec<_> = anchors
            .map(|(authority, time)| json!({"authority": authority, "time": time}))
            .collect();
        json!({
            "outcome": Exit::Done.word(),
            "origin": receipt.checkpoint().origin().as_str(),
            "index": receipt.index().get(),
            "size": receipt.checkpoint().size().get(),
            "leaf_hash": hex::encode(self.evidence.entry().leaf_hash().as_bytes()),
            "entry": self.mode,
            "anchors": anchors,
            "file": path,
            "evidence": path.is_none().then(|| String::from_utf8_lossy(&self.bytes)),
        })
    }
}

//! Gathering evidence: which anchored checkpoint of a log covers an entry, and which of its records are worth giving out.
//!
//! Anchors are asked for lists and records, as their HTTP service serves them (`<origin hash>/anchors/…`), and the log for
//! the receipt; both are the caller's to reach. Nothing that an anchor says is believed: a checkpoint must have the SHA-256
//! that its name says, the log must know it as its own and prove the entry under it, a token must cover it and hold under the
//! root of its own chain, and a block must hold it under its own header. Whether that root or that block deserves trust is
//! the verifier's to say.
//!
//! The checkpoint that is taken: of the [`MAX_SIZES`] smallest anchored sizes above the index, at each anchor, and of at most
//! [`MAX_CHECKPOINTS`] checkpoints at each of these, the earliest that as many authorities vouch for as for any other. So an
//! entry gets the time soonest after it, but not one authority's word where a few minutes later three gave theirs. Authorities
//! (a chain is one) count where their tokens and blocks hold; what an anchor lists says only what is looked at first.
//!
//! Every request costs bounded work: so many lists of [`MAX_LIST_BYTES`], and records of [`MAX_BYTES`] in all.

mod lists;
mod records;

use std::collections::BTreeSet;

use bytes::Bytes;
use counterfoil_tiles::checkpoint::OriginHash;
use counterfoil_tiles::hash::{LeafIndex, TreeSize};
use counterfoil_tiles::note::{MAX_NOTE_SIZE, Note};
use counterfoil_tiles::receipt::Receipt;

use crate::format::{AnchorRecords, Entry, Evidence, EvidenceError};
use crate::names::{AnchorKind, AuthorityName, CheckpointHash, Named, Place, RecordName};
use crate::record::MAX_RECORD_BYTES;
use lists::Listed;
pub use records::{check_block, check_token};

/// Sizes of one anchor that are looked at.
pub const MAX_SIZES: usize = 4;

/// Checkpoints of one size that are looked at: they differ in cosignatures.
pub const MAX_CHECKPOINTS: usize = 4;

/// The longest list that is read: 1,000 lines of a SHA-256 or the longest name of a record.
pub const MAX_LIST_BYTES: usize = 96 << 10;

/// Bytes of records that are read for one file of evidence. With the longest receipt and entry, they leave room below the
/// longest file of evidence.
pub const MAX_BYTES: usize = 48 << 20;

/// Tokens over and blocks with one checkpoint that are looked at.
pub const MAX_TOKENS: usize = 16;

/// And tokens of one authority, until one holds: of a checkpoint that stays the newest an authority gives one again and again.
pub const MAX_TRIES: usize = 3;

/// Records with added revocation data that are taken for one token, the last ones: they can speak for its time.
pub const MAX_ADDED: usize = 8;

/// What an anchor is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Ask {
    /// A list, which grows.
    List(String),
    /// A checkpoint, which never changes.
    Checkpoint(String),
    /// A record, which never changes.
    Record(String),
}

impl Ask {
    /// The path below the anchor's URL, without a slash at its beginning.
    pub fn path(&self) -> &str {
        match self {
            Self::List(path) | Self::Checkpoint(path) | Self::Record(path) => path,
        }
    }

    /// The longest answer that is read.
    pub fn limit(&self) -> usize {
        match self {
            Self::List(_) => MAX_LIST_BYTES,
            Self::Checkpoint(_) => MAX_NOTE_SIZE,
            Self::Record(_) => MAX_RECORD_BYTES,
        }
    }
}

/// Reaches an anchor.
pub trait Anchor: Sync {
    /// Reads what is asked for; `None` if the anchor has no such thing.
    fn read(&self, ask: &Ask) -> impl Future<Output = Result<Option<Bytes>, Failed>> + Send;
}

/// What went wrong with an anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// In kind.
    pub kind: FailedKind,
    /// In words.
    pub what: String,
}

/// What went wrong with an anchor, in kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedKind {
    /// It could not be asked.
    Silent,
    /// What it shows is no use.
    Unusable,
}

/// Why the log gives no receipt under a checkpoint that an anchor shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoReceipt<E> {
    /// It is not one of this log's checkpoints, or of another history.
    Foreign(String),
    /// The log cannot say now.
    Log(E),
}

/// Something was wrong with an anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Which, by its place among those that were given.
    pub anchor: usize,
    /// What.
    pub failed: Failed,
}

/// A checkpoint that covers an entry, and what fixes it in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathered {
    /// Under the anchored checkpoint, byte for byte.
    pub receipt: Receipt,
    /// The tokens, each with what the anchor has of revocation data for it, and the blocks; at least one of either.
    pub records: Vec<AnchorRecords>,
    /// What was wrong on the way.
    pub troubles: Vec<Trouble>,
}

impl Gathered {
    /// The evidence of an entry. `policy` is the text of the one that the receipt was made under.
    pub fn evidence(self, entry: Entry, policy: String) -> Result<Evidence, EvidenceError> {
        Evidence::new(entry, self.receipt, policy, &self.records)
    }
}

/// Why nothing was gathered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotGathered<E> {
    /// No anchor shows a checkpoint that covers the entry, with a token. Where an anchor was silent it may have one.
    Nothing(Vec<Trouble>),
    /// The log cannot say now.
    Log(E),
}

/// What is to be covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The log.
    pub log: OriginHash,
    /// The entry.
    pub index: LeafIndex,
    /// Under which checkpoints.
    pub sizes: Sizes,
}

/// Which checkpoints will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// All that cover the entry, up to the published size of the log: no honest anchor has a larger one.
    UpTo(TreeSize),
    /// Those of this size.
    Only(TreeSize),
}

/// Gathers what covers an entry. `receipt` gives the log's receipt under a checkpoint, verified.
pub async fn gather<A: Anchor, E, F>(
    wanted: Wanted,
    anchors: &[A],
    receipt: impl Fn(LeafIndex, Note) -> F,
) -> Result<Gathered, NotGathered<E>>
where
    F: Future<Output = Result<Receipt, NoReceipt<E>>>,
{
    let looks = anchors.iter().map(|anchor| lists::covering(anchor, wanted));
    let looks = futures_util::future::join_all(looks).await;
    let mut session = Session::new(anchors);
    let mut listed = Vec::new();
    for (anchor, (found, failed)) in looks.into_iter().enumerate() {
        listed.extend(found.into_iter().map(|one| (anchor, one)));
        if let Some(failed) = failed {
            session.note(anchor, failed);
        }
    }
    session
        .best(candidates(listed), |_| wanted.index, receipt)
        .await
}

/// The checkpoint of the largest size that an anchor has a token of, of the last [`MAX_SIZES`]; `None` if it has none. `receipt`
/// gives the log's receipt of the last entry under it, verified.
pub async fn newest<A: Anchor, E, F>(
    log: OriginHash,
    anchor: &A,
    receipt: impl Fn(LeafIndex, Note) -> F,
) -> Result<Option<Gathered>, NotGathered<E>>
where
    F: Future<Output = Result<Receipt, NoReceipt<E>>>,
{
    let (found, failed) = lists::largest(anchor, log).await;
    let anchors = std::slice::from_ref(anchor);
    let mut session = Session::new(anchors);
    if let Some(failed) = failed {
        session.note(0, failed);
    }
    if found.is_empty() && session.troubles.is_empty() {
        return Ok(None);
    }
    let listed = found.into_iter().map(|one| (0, one)).collect();
    let last = |place: &Place| LeafIndex::new(place.size.get().saturating_sub(1));
    let best = session.best(candidates(listed), last, receipt).await?;
    Ok(Some(best))
}

/// A checkpoint, and who has which records about it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidate {
    place: Place,
    records: Vec<(usize, RecordName)>,
}

impl Candidate {
    fn authorities(&self) -> usize {
        let authorities: BTreeSet<(AnchorKind, &AuthorityName)> = self
            .records
            .iter()
            .map(|(_, name)| (name.kind, &name.authority))
            .collect();
        authorities.len()
    }

    fn anchors(&self) -> BTreeSet<usize> {
        self.records.iter().map(|(anchor, _)| *anchor).collect()
    }
}

/// What the anchors list, in the order in which it is tried: those with the most authorities first, of these the smallest.
fn candidates(listed: Vec<(usize, Listed)>) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = Vec::new();
    for (anchor, Listed { place, names }) in listed {
        let records = names.into_iter().map(|name| (anchor, name));
        match candidates.iter_mut().find(|known| known.place == place) {
            Some(known) => known.records.extend(records),
            None => candidates.push(Candidate {
                place,
                records: records.collect(),
            }),
        }
    }
    candidates.retain(|candidate| candidate.authorities() > 0);
    candidates.sort_by_key(|candidate| {
        let Place {
            size, checkpoint, ..
        } = candidate.place;
        (std::cmp::Reverse(candidate.authorities()), size, checkpoint)
    });
    candidates
}

fn authorities(records: &[AnchorRecords]) -> usize {
    let names = records.iter().map(AnchorRecords::authority);
    names.collect::<BTreeSet<_>>().len()
}

/// What is going on with the anchors while evidence is gathered.
struct Session<'a, A> {
    anchors: &'a [A],
    /// An anchor that was silent once is not waited for again.
    silent: BTreeSet<usize>,
    troubles: Vec<Trouble>,
    /// Bytes of records that may still be read.
    left: usize,
}

impl<'a, A: Anchor> Session<'a, A> {
    fn new(anchors: &'a [A]) -> Self {
        Self {
            anchors,
            silent: BTreeSet::new(),
            troubles: Vec::new(),
            left: MAX_BYTES,
        }
    }

    fn note(&mut self, anchor: usize, failed: Failed) {
        if failed.kind == FailedKind::Silent {
            self.silent.insert(anchor);
        }
        self.troubles.push(Trouble { anchor, failed });
    }

    fn unusable(&mut self, anchor: usize, what: String) {
        let kind = FailedKind::Unusable;
        self.note(anchor, Failed { kind, what });
    }

    /// The candidate for which the most authorities turn out to vouch, of these the smallest. What could not be better than the
    /// best so far is not looked at.
    async fn best<E, F>(
        mut self,
        candidates: Vec<Candidate>,
        index: impl Fn(&Place) -> LeafIndex,
        receipt: impl Fn(LeafIndex, Note) -> F,
    ) -> Result<Gathered, NotGathered<E>>
    where
        F: Future<Output = Result<Receipt, NoReceipt<E>>>,
    {
        let mut best: Option<(Receipt, Vec<AnchorRecords>)> = None;
        for candidate in candidates {
            let place = candidate.place;
            // More of them, or a smaller size.
            let better = |authorities: usize| match &best {
                None => authorities > 0,
                Some((receipt, records)) => {
                    let size = receipt.checkpoint().size();
                    let rank = |authorities, size| (authorities, std::cmp::Reverse(size));
                    rank(authorities, place.size) > rank(self::authorities(records), size)
                }
            };
            if !better(candidate.authorities()) {
                continue;
            }
            let Some(note) = self.checkpoint(&candidate).await else {
                continue;
            };
            let under = match receipt(index(&place), note).await {
                Ok(under) if under.checkpoint().size() == place.size => under,
                Ok(under) => {
                    let size = under.checkpoint().size();
                    let what = format!("{place}: the checkpoint there is of size {size}");
                    self.blame(&candidate, &what);
                    continue;
                }
                Err(NoReceipt::Foreign(why)) => {
                    self.blame(&candidate, &format!("{place}: {why}"));
                    continue;
                }
                Err(NoReceipt::Log(error)) => return Err(NotGathered::Log(error)),
            };
            let records = self.records(&candidate, &under).await;
            if better(authorities(&records)) {
                best = Some((under, records));
            }
        }
        match best {
            Some((receipt, records)) => Ok(Gathered {
                receipt,
                records,
                troubles: self.troubles,
            }),
            None => Err(NotGathered::Nothing(self.troubles)),
        }
    }

    fn blame(&mut self, candidate: &Candidate, what: &str) {
        for anchor in candidate.anchors() {
            self.unusable(anchor, what.to_owned());
        }
    }

    /// Reads from one anchor; what it does not give is noted.
    async fn read(&mut self, anchor: usize, ask: &Ask) -> Option<Bytes> {
        if self.silent.contains(&anchor) {
            return None;
        }
        let read = self.anchors.get(anchor)?.read(ask).await;
        match read {
            Ok(Some(bytes)) => return Some(bytes),
            Ok(None) => self.unusable(anchor, format!("{}: listed, but not there", ask.path())),
            Err(failed) => self.note(anchor, failed),
        }
        None
    }

    /// The bytes of a candidate's checkpoint, from whichever anchor gives them: their name is their hash.
    async fn checkpoint(&mut self, candidate: &Candidate) -> Option<Note> {
        let ask = Ask::Checkpoint(candidate.place.path(&Named::Checkpoint));
        for anchor in candidate.anchors() {
            let Some(bytes) = self.read(anchor, &ask).await else {
                continue;
            };
            let hash = CheckpointHash::of(&bytes);
            if hash != candidate.place.checkpoint {
                self.unusable(
                    anchor,
                    format!("{}: what is there has the SHA-256 {hash}", ask.path()),
                );
                continue;
            }
            match Note::parse(&bytes) {
                Ok(note) => return Some(note),
                Err(error) => {
                    self.unusable(anchor, format!("{}: no signed note: {error}", ask.path()));
                    // The same bytes are no better from another.
                    return None;
                }
            }
        }
        None
    }
}

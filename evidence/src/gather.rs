//! Gathering evidence: which anchored checkpoint of a log covers an entry, and which of its records are worth giving out.
//!
//! Anchors are asked for lists and records, as their HTTP service serves them (`<origin hash>/anchors/…`), and the log for
//! the receipt; both are the caller's to reach. Nothing that an anchor says is believed: a checkpoint must have the SHA-256
//! that its name says, the log must know it as its own and prove the entry under it, a token must cover it and hold under the
//! root of its own chain, and a block must hold it under its own header. Whether that root or that block deserves trust is
//! the verifier's to say.
//!
//! At each anchor the [`MAX_SIZES`] smallest anchored sizes above the index are looked at. Evidence has one checkpoint, and of those that
//! the anchors show one is taken:
//!
//! 1. if it is known whom the verifier trusts ([`By::trust`]): that of which the most trusted authorities have a token or a block,
//!    as far as the verifier asks for so many;
//! 2. of these, the one of which the most anchors have something that holds;
//! 3. of these, that of the anchor which was named first;
//! 4. of these, the one with the most roots, of which [`COUNTED_ROOTS`] count; then the smallest; and of several signed checkpoints
//!    of one size (cosignatures change) the one that was fixed in time first.
//!
//! Who gathers without trust cannot tell who lies: under roots of their own a liar has a token over every checkpoint, as early and as many
//! as they like. So neither size nor roots decide between anchors, but whom the operator named first: a liar that is named behind an
//! honest anchor takes nothing from it, and where there is trust, no liar does, wherever it is named.
//!
//! All anchors are asked at one time, each by itself: nothing of one is waited for before another is asked (but for the lists, by which
//! it is seen what several of them have), and none uses what another may. Each costs bounded work: so many lists of
//! [`MAX_LIST_BYTES`], [`MAX_RECORDS`] records, and a share of [`MAX_BYTES`], in which each of its authorities has a share. When the
//! time that there is ends, what was found by then is used.

mod asker;
mod lists;
mod records;
mod worth;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::{Pin, pin};
use std::sync::Arc;

use bytes::Bytes;
use counterfoil_rfc3161::Timestamp;
use counterfoil_tiles::checkpoint::OriginHash;
use counterfoil_tiles::hash::{LeafIndex, TreeSize};
use counterfoil_tiles::note::{MAX_NOTE_SIZE, Note};
use counterfoil_tiles::receipt::Receipt;
use futures_util::FutureExt as _;
use futures_util::future::{Either, Fuse, FusedFuture as _, join_all, select, try_join_all};

use crate::format::{AnchorRecords, Entry, Evidence, EvidenceError, MAX_ANCHORS};
use crate::names::Place;
use crate::record::MAX_RECORD_BYTES;
use crate::trust::Trust;
use asker::Asker;
pub use records::{check_block, check_token};
use worth::Worth;

/// Sizes of one anchor that are looked at.
pub const MAX_SIZES: usize = 4;

/// Anchors that are asked for one file of evidence.
pub const MAX_ASKED: usize = 8;

/// Checkpoints of one size that are looked at at one anchor: they differ in cosignatures, and a log that does not grow is
/// anchored again once per `max_age`.
pub const MAX_CHECKPOINTS: usize = 16;

/// And of all its sizes together, so that a few sizes with many do not take long.
pub const MAX_PLACES: usize = 24;

/// Checkpoints that several anchors list, of which all that these have is looked at.
const MAX_SHARED: usize = 8;

/// The longest list that is read: 1,000 lines of a SHA-256 or the longest name of a record.
pub const MAX_LIST_BYTES: usize = 96 << 10;

/// Bytes of records that are given out in one file of evidence; each anchor has an equal share. With the longest receipt and entry,
/// they leave room below the longest file of evidence.
pub const MAX_BYTES: usize = 48 << 20;

/// How many times its share an anchor may make us read: most of what is looked at is not given out.
const MAX_SHARES: usize = 2;

/// Records of one anchor that are read in search of the checkpoint, and as many again with revocation data that were added.
pub const MAX_RECORDS: usize = 64;

/// Tokens over and blocks with one checkpoint that are taken of one anchor.
pub const MAX_TAKEN: usize = MAX_ANCHORS / MAX_ASKED;

/// And tokens of one authority that are read, until one holds: of a checkpoint that stays the newest an authority gives one again
/// and again.
pub const MAX_TRIES: usize = 3;

/// Records with added revocation data that are taken for one token, the last ones: they can speak for its time.
pub const MAX_ADDED: usize = 8;

/// Roots that count where one checkpoint is compared with another: as many authorities as an anchor has, mostly.
pub const COUNTED_ROOTS: usize = 3;

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

    /// The longest that it may be.
    fn limit(&self) -> usize {
        match self {
            Self::List(_) => MAX_LIST_BYTES,
            Self::Checkpoint(_) => MAX_NOTE_SIZE,
            Self::Record(_) => MAX_RECORD_BYTES,
        }
    }
}

/// Reaches an anchor.
pub trait Anchor: Sync {
    /// Reads what is asked for, of at most `limit` bytes; `None` if the anchor has no such thing. How long an anchor may take, for
    /// one answer and for all that one file of evidence needs of it, is the caller's to bound: gathering ends when the slowest
    /// has answered or failed.
    fn read(
        &self,
        ask: &Ask,
        limit: usize,
    ) -> impl Future<Output = Result<Option<Bytes>, Failed>> + Send;

    /// Runs what judges an answer, which takes a processor and waits for nothing. Here and now, unless others need the thread.
    fn judge<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, Failed>> + Send {
        std::future::ready(Ok(work()))
    }

    /// Forgets what was read, where it is remembered: it was no use, and may be mended.
    fn forget(&self, _: &Ask) {}
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

/// By what records are judged while they are gathered.
#[derive(Debug, Clone)]
pub struct By {
    /// The time: what is from later is not gathered.
    pub at: Timestamp,
    /// Whom the verifier trusts, if that is known.
    pub trust: Option<Arc<Trust>>,
}

impl By {
    /// Without trust in anybody.
    pub fn nobody(at: Timestamp) -> Self {
        Self { at, trust: None }
    }
}

/// Which checkpoints will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// All that cover the entry, up to the published size of the log: no honest anchor has a larger one.
    UpTo(TreeSize),
    /// Those of this size.
    Only(TreeSize),
}

/// Gathers what covers an entry from anchors, at most [`MAX_ASKED`], until the time that there is ends. Which were named first counts.
/// `receipt` gives the log's receipt under a checkpoint, verified.
pub async fn gather<A: Anchor, E, F>(
    wanted: Wanted,
    by: &By,
    anchors: &[A],
    receipt: impl Fn(LeafIndex, Note) -> F,
    until: impl Future<Output = ()>,
) -> Result<Gathered, NotGathered<E>>
where
    F: Future<Output = Result<Receipt, NoReceipt<E>>>,
{
    let receipt = |_: Place, note| receipt(wanted.index, note);
    let mut until = pin!(until.fuse());
    let mut askers = Asker::of(anchors, by, Takes::First);
    let listed = askers
        .iter_mut()
        .map(async |asker: &mut Asker<'_, A>| asker.list(wanted).await);
    within(join_all(listed), &mut until).await;
    let shared = shared(&askers);
    let looked = askers.iter_mut().map(async |asker: &mut Asker<'_, A>| {
        asker.list_records(&shared).await;
        asker.look_for_best(&receipt).await?;
        asker.look_at(&shared, &receipt).await
    });
    let looked = within(try_join_all(looked), &mut until).await;
    looked.transpose().map_err(NotGathered::Log)?;
    let places: BTreeSet<Place> = askers.iter().flat_map(Asker::found).collect();
    let worth = |place: &Place| {
        let each = askers.iter().enumerate();
        Worth::of(
            each.filter_map(|(named, asker)| Some((named, asker.at(place)?))),
            by,
        )
    };
    let best = places.into_iter().max_by_key(worth);
    put_together(askers, best, &mut until).await
}

/// The newest checkpoint that an anchor has a token or a block of, of its last [`MAX_SIZES`] sizes: of the largest of which anything
/// holds, the one that was fixed in time last. `None` if it has none. `receipt` gives the log's receipt of the last entry under it,
/// verified.
pub async fn newest<A: Anchor, E, F>(
    log: OriginHash,
    at: Timestamp,
    anchor: &A,
    receipt: impl Fn(LeafIndex, Note) -> F,
    until: impl Future<Output = ()>,
) -> Result<Option<Gathered>, NotGathered<E>>
where
    F: Future<Output = Result<Receipt, NoReceipt<E>>>,
{
    let last = |place: Place| LeafIndex::new(place.size.get().saturating_sub(1));
    let receipt = |place: Place, note| receipt(last(place), note);
    let mut until = pin!(until.fuse());
    let mut asker = Asker::new(anchor, &By::nobody(at), MAX_BYTES, Takes::Last);
    let looked = within(asker.look_for_largest(log, &receipt), &mut until).await;
    looked.transpose().map_err(NotGathered::Log)?;
    if asker.has_nothing() {
        return Ok(None);
    }
    let size = |place: &Place| place.size;
    let time = |place: &Place| asker.at(place)?.times().max();
    let best = asker.found().max_by_key(|place| (size(place), time(place)));
    put_together(vec![asker], best, &mut until).await.map(Some)
}

/// What comes of some work, unless the time ends before.
async fn within<T, F: Future<Output = ()>>(
    work: impl Future<Output = T>,
    until: &mut Pin<&mut Fuse<F>>,
) -> Option<T> {
    if until.is_terminated() {
        return None;
    }
    match select(pin!(work), until).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

/// The places that more than one anchor lists, those that the most do first; of these the smallest.
fn shared<A: Anchor>(askers: &[Asker<'_, A>]) -> Vec<Place> {
    let mut anchors: BTreeMap<Place, usize> = BTreeMap::new();
    for place in askers.iter().flat_map(Asker::places) {
        *anchors.entry(*place).or_default() += 1;
    }
    let with_anchors = anchors.into_iter().map(|(place, anchors)| (anchors, place));
    let mut shared: Vec<(usize, Place)> =
        with_anchors.filter(|(anchors, _)| *anchors > 1).collect();
    shared.sort_by_key(|(anchors, place)| (Reverse(*anchors), *place));
    let places = shared.into_iter().map(|(_, place)| place);
    places.take(MAX_SHARED).collect()
}

/// What there is of one checkpoint, with the revocation data that were added to its tokens later.
async fn put_together<A: Anchor, E, F: Future<Output = ()>>(
    mut askers: Vec<Asker<'_, A>>,
    best: Option<Place>,
    until: &mut Pin<&mut Fuse<F>>,
) -> Result<Gathered, NotGathered<E>> {
    if let Some(place) = &best {
        let added = join_all(askers.iter_mut().map(|asker| asker.add(place)));
        within(added, until).await;
    }
    let mut receipt = None;
    let mut records: Vec<AnchorRecords> = Vec::new();
    let mut troubles = Vec::new();
    for (anchor, asker) in askers.into_iter().enumerate() {
        let (found, failed) = asker.finish(best.as_ref());
        troubles.extend(failed.into_iter().map(|failed| Trouble { anchor, failed }));
        if let Some(found) = found {
            for held in found.held {
                // Two anchors may have passed one on. What is the same but for a part of it is kept beside it: that part may be what
                // it needs, or what somebody took away.
                if !records.contains(&held.records) {
                    records.push(held.records);
                }
            }
            receipt.get_or_insert(found.receipt);
        }
    }
    match receipt {
        Some(receipt) => Ok(Gathered {
            receipt,
            records,
            troubles,
        }),
        None => Err(NotGathered::Nothing(troubles)),
    }
}

/// Which of an authority's tokens over one checkpoint are taken, if they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    First,
    Last,
}

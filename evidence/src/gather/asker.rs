//! One anchor while evidence is gathered: what it lists, what it has of that, and what it has made us read.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use counterfoil_tiles::checkpoint::OriginHash;
use counterfoil_tiles::note::Note;
use counterfoil_tiles::receipt::Receipt;
use futures_util::future::join_all;

use super::lists::{self, Listed};
use super::records::{Held, Root};
use super::{
    Anchor, Ask, By, Failed, FailedKind, MAX_BYTES, MAX_CHECKPOINTS, MAX_PLACES, MAX_RECORDS,
    MAX_SHARES, NoReceipt, Takes, Wanted, Worth,
};
use crate::judge::Key;
use crate::names::{CheckpointHash, Named, Place};

/// Lists that are asked for at one time: an anchor that is slow is so for each answer.
const LISTS_AT_ONCE: usize = 8;

/// What an anchor has of one checkpoint: at least one token or block that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The log's, under it.
    pub(super) receipt: Receipt,
    pub(super) held: Vec<Held>,
    /// Bytes of records that may be added.
    pub(super) room: usize,
}

impl Found {
    /// The roots that its tokens and blocks lead to.
    pub(super) fn roots(&self) -> impl Iterator<Item = &Root> {
        self.held.iter().map(|held| &held.root)
    }

    /// The trusted authorities that stand behind them, each with the key of the token or block.
    pub(super) fn vouching(&self) -> impl Iterator<Item = &(String, Key)> {
        self.held.iter().flat_map(|held| &held.vouching)
    }

    /// The times that they say, in Unix seconds.
    pub(super) fn times(&self) -> impl Iterator<Item = u64> {
        self.held.iter().filter_map(|held| held.records.seconds())
    }
}

/// An anchor that is being asked.
pub(super) struct Asker<'a, A> {
    anchor: &'a A,
    by: By,
    takes: Takes,
    /// All that it lists.
    places: BTreeSet<Place>,
    /// What it has of some of them.
    listed: BTreeMap<Place, Listed>,
    looked: BTreeSet<Place>,
    found: BTreeMap<Place, Found>,
    /// What is silent when it is asked for a checkpoint or a record is not waited for again.
    silent: bool,
    /// Whether it is being asked: if the time ends meanwhile, something is missing.
    busy: bool,
    troubles: Vec<Failed>,
    /// Bytes of records about one checkpoint.
    share: usize,
    left: Left,
    /// The same of records that are added.
    left_to_add: Left,
}

/// What may still be read of an anchor.
struct Left {
    records: usize,
    bytes: usize,
}

/// What a record is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    Search,
    Addition,
}

impl<'a, A: Anchor> Asker<'a, A> {
    /// One for each anchor; each may use an equal share of what there is.
    pub(super) fn of(anchors: &'a [A], by: &By, takes: Takes) -> Vec<Self> {
        let share = MAX_BYTES.checked_div(anchors.len()).unwrap_or_default();
        let each = anchors.iter();
        each.map(|anchor| Self::new(anchor, by, share, takes))
            .collect()
    }

    pub(super) fn new(anchor: &'a A, by: &By, share: usize, takes: Takes) -> Self {
        Self {
            anchor,
            by: by.clone(),
            takes,
            places: BTreeSet::new(),
            listed: BTreeMap::new(),
            looked: BTreeSet::new(),
            found: BTreeMap::new(),
            silent: false,
            busy: false,
            troubles: Vec::new(),
            share,
            left: Left {
                records: MAX_RECORDS,
                bytes: share.saturating_mul(MAX_SHARES),
            },
            left_to_add: Left {
                records: MAX_RECORDS,
                bytes: share.saturating_mul(MAX_SHARES),
            },
        }
    }

    /// Asks for the checkpoints that it lists of what could cover an entry.
    pub(super) async fn list(&mut self, wanted: Wanted) {
        self.busy = true;
        let (places, failed) = lists::covering(self.anchor, wanted).await;
        self.places = places.into_iter().collect();
        self.troubles.extend(failed);
        self.busy = false;
    }

    /// Asks for what it has of those checkpoints that are looked at: of those that others have, too, and of the first of each size.
    pub(super) async fn list_records(&mut self, shared: &[Place]) {
        self.busy = true;
        let (mut size, mut of_size) = (None, 0);
        let first = self.places.iter().filter(|place| {
            of_size = if size == Some(place.size) {
                of_size + 1
            } else {
                1
            };
            size = Some(place.size);
            of_size <= MAX_CHECKPOINTS && !shared.contains(place)
        });
        let shared = shared.iter().filter(|place| self.places.contains(place));
        let chosen: Vec<Place> = shared.chain(first).take(MAX_PLACES).copied().collect();
        for places in chosen.chunks(LISTS_AT_ONCE) {
            let anchor = self.anchor;
            let listed = places.iter().map(|place| lists::records(anchor, *place));
            let listed = join_all(listed).await;
            // What was listed beside what failed is good.
            let (good, failed): (Vec<_>, Vec<_>) = listed.into_iter().partition(Result::is_ok);
            let first_failed = failed.into_iter().take(1);
            if !good
                .into_iter()
                .chain(first_failed)
                .all(|listed| self.keep(listed))
            {
                break;
            }
        }
        self.busy = false;
    }

    /// Whether it answered.
    fn keep(&mut self, listed: Result<Listed, Failed>) -> bool {
        match listed {
            Ok(listed) => {
                // While a round goes on there is a checkpoint without tokens.
                if listed.authorities() > 0 {
                    self.listed.insert(listed.place, listed);
                }
                true
            }
            Err(failed) => {
                self.troubles.push(failed);
                false
            }
        }
    }

    /// Looks at the largest sizes that it lists until something of one holds.
    pub(super) async fn look_for_largest<E, F>(
        &mut self,
        log: OriginHash,
        receipt: &impl Fn(Place, Note) -> F,
    ) -> Result<(), E>
    where
        F: Future<Output = Result<Receipt, NoReceipt<E>>>,
    {
        self.busy = true;
        let sizes = lists::largest(self.anchor, log).await;
        let sizes = sizes.unwrap_or_else(|failed| {
            self.troubles.push(failed);
            Vec::new()
        });
        for size in sizes {
            let places = match lists::checkpoints(self.anchor, log, size).await {
                Ok(places) => places,
                Err(failed) => {
                    self.troubles.push(failed);
                    break;
                }
            };
            for place in places.into_iter().take(MAX_CHECKPOINTS) {
                let listed = lists::records(self.anchor, place).await;
                if !self.keep(listed) {
                    break;
                }
                if self.lists(&place) {
                    self.look(place, receipt).await?;
                }
            }
            if !self.found.is_empty() {
                break;
            }
        }
        self.busy = false;
        Ok(())
    }

    /// Whether it answered, and has nothing.
    pub(super) fn has_nothing(&self) -> bool {
        self.listed.is_empty() && self.troubles.is_empty() && !self.busy
    }

    pub(super) fn by(&self) -> &By {
        &self.by
    }

    pub(super) fn takes(&self) -> Takes {
        self.takes
    }

    pub(super) fn share(&self) -> usize {
        self.share
    }

    pub(super) fn places(&self) -> &BTreeSet<Place> {
        &self.places
    }

    fn lists(&self, place: &Place) -> bool {
        self.listed.contains_key(place)
    }

    /// Of what it has something that holds.
    pub(super) fn found(&self) -> impl Iterator<Item = Place> {
        self.found.keys().copied()
    }

    pub(super) fn at(&self, place: &Place) -> Option<&Found> {
        self.found.get(place)
    }

    /// Looks at what it lists until nothing that is left could be worth more than what was found.
    pub(super) async fn look_for_best<E, F>(
        &mut self,
        receipt: &impl Fn(Place, Note) -> F,
    ) -> Result<(), E>
    where
        F: Future<Output = Result<Receipt, NoReceipt<E>>>,
    {
        self.busy = true;
        let by = self.by.clone();
        let listed = self
            .listed
            .values()
            .map(|one| (Worth::at_most(one, &by), one.place));
        let mut listed: Vec<(Worth, Place)> = listed.collect();
        listed.sort_by_key(|one| std::cmp::Reverse(*one));
        let mut best = None;
        for (at_most, place) in listed {
            if best < Some(at_most) {
                self.look(place, receipt).await?;
                let found = self.at(&place).map(|found| (0, found));
                best = best.max(Worth::of(found.into_iter(), &by));
            }
        }
        self.busy = false;
        Ok(())
    }

    /// Looks at those of some places that it lists.
    pub(super) async fn look_at<E, F>(
        &mut self,
        places: &[Place],
        receipt: &impl Fn(Place, Note) -> F,
    ) -> Result<(), E>
    where
        F: Future<Output = Result<Receipt, NoReceipt<E>>>,
    {
        self.busy = true;
        for place in places {
            if self.lists(place) {
                self.look(*place, receipt).await?;
            }
        }
        self.busy = false;
        Ok(())
    }

    /// Looks at a place, once: whether its checkpoint is the log's, and which of its records hold.
    async fn look<E, F>(
        &mut self,
        place: Place,
        receipt: &impl Fn(Place, Note) -> F,
    ) -> Result<(), E>
    where
        F: Future<Output = Result<Receipt, NoReceipt<E>>>,
    {
        if !self.looked.insert(place) {
            return Ok(());
        }
        let Some(note) = self.checkpoint(place).await else {
            return Ok(());
        };
        let under = match receipt(place, note).await {
            Ok(under) => under,
            Err(NoReceipt::Foreign(why)) => {
                self.unusable(format!("{place}: {why}"));
                return Ok(());
            }
            Err(NoReceipt::Log(error)) => return Err(error),
        };
        let size = under.checkpoint().size();
        if size != place.size {
            self.unusable(format!("{place}: the checkpoint there is of size {size}"));
            return Ok(());
        }
        let Some(listed) = self.listed.get(&place).cloned() else {
            return Ok(());
        };
        self.records(&listed, under).await;
        Ok(())
    }

    /// Takes down that something holds: what is found counts from then on, though the time may end before the rest.
    pub(super) fn hold(&mut self, place: Place, receipt: &Receipt, held: Held, room: usize) {
        let found = self.found.entry(place).or_insert_with(|| Found {
            receipt: receipt.clone(),
            held: Vec::new(),
            room: 0,
        });
        found.room = room;
        found.held.push(held);
    }

    pub(super) fn found_at(&mut self, place: &Place) -> Option<&mut Found> {
        self.found.get_mut(place)
    }

    /// The bytes of a checkpoint: their name is their hash.
    async fn checkpoint(&mut self, place: Place) -> Option<Note> {
        let ask = Ask::Checkpoint(place.path(&Named::Checkpoint));
        let bytes = self.read(&ask, ask.limit()).await?;
        let hash = CheckpointHash::of(&bytes);
        if hash != place.checkpoint {
            self.of_no_use(&ask, &format!("what is there has the SHA-256 {hash}"));
            return None;
        }
        Note::parse(&bytes)
            .map_err(|error| self.of_no_use(&ask, &format!("no signed note: {error}")))
            .ok()
    }

    /// The bytes of a record, of at most so many.
    pub(super) async fn record(&mut self, ask: &Ask, why: For, limit: usize) -> Option<Bytes> {
        let left = self.left(why);
        left.records = left.records.checked_sub(1)?;
        let limit = ask.limit().min(left.bytes).min(limit);
        let record = self.read(ask, limit).await?;
        let left = self.left(why);
        left.bytes = left.bytes.saturating_sub(record.len());
        Some(record)
    }

    /// An equal part, for so many, of the bytes that may still be read.
    pub(super) fn part(&mut self, why: For, among: usize) -> usize {
        let left = self.left(why).bytes;
        left.checked_div(among).unwrap_or(left)
    }

    fn left(&mut self, why: For) -> &mut Left {
        match why {
            For::Search => &mut self.left,
            For::Addition => &mut self.left_to_add,
        }
    }

    /// Reads; what it does not give is noted.
    async fn read(&mut self, ask: &Ask, limit: usize) -> Option<Bytes> {
        if self.silent {
            return None;
        }
        match self.anchor.read(ask, limit).await {
            Ok(Some(bytes)) if bytes.len() <= limit => return Some(bytes),
            Ok(Some(bytes)) => self.unusable(format!(
                "{}: expected at most {limit} bytes, got {}",
                ask.path(),
                bytes.len()
            )),
            Ok(None) => self.unusable(format!("{}: listed, but not there", ask.path())),
            Err(failed) => {
                self.silent = failed.kind == FailedKind::Silent;
                self.troubles.push(failed);
            }
        }
        None
    }

    /// Runs what judges an answer.
    pub(super) async fn judge<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let judged = self.anchor.judge(work).await;
        judged.map_err(|failed| self.troubles.push(failed)).ok()
    }

    /// Notes that what came for this is of no use.
    pub(super) fn of_no_use(&mut self, ask: &Ask, why: &str) {
        self.anchor.forget(ask);
        self.unusable(format!("{}: {why}", ask.path()));
    }

    pub(super) fn unusable(&mut self, what: String) {
        let kind = FailedKind::Unusable;
        self.troubles.push(Failed { kind, what });
    }

    /// Adds to the tokens at a place what revocation data came later.
    pub(super) async fn add(&mut self, place: &Place) {
        self.busy = true;
        if let Some(listed) = self.listed.get(place).cloned() {
            self.additions(&listed).await;
        }
        self.busy = false;
    }

    /// What it has of a place, and what was wrong with it.
    pub(super) fn finish(mut self, place: Option<&Place>) -> (Option<Found>, Vec<Failed>) {
        if self.busy {
            self.troubles.push(Failed {
                kind: FailedKind::Silent,
                what: "the time ended before all that it has was looked at".to_owned(),
            });
        }
        let found = place.and_then(|place| self.found.remove(place));
        (found, self.troubles)
    }
}

//! One anchor while evidence is gathered: what it lists, what it has of that, and what it has made us read.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use counterfoil_tiles::checkpoint::OriginHash;
use counterfoil_tiles::note::Note;
use counterfoil_tiles::receipt::Receipt;

use super::lists::{self, Listed};
use super::records::{Held, Root};
use super::{
    Anchor, Ask, Failed, FailedKind, MAX_BYTES, MAX_RECORDS, MAX_SHARES, NoReceipt, Takes, Wanted,
    Worth,
};
use crate::names::{CheckpointHash, Named, Place};

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

    /// The times that they say, in Unix seconds.
    pub(super) fn times(&self) -> impl Iterator<Item = u64> {
        self.held.iter().filter_map(|held| held.records.seconds())
    }
}

/// An anchor that is being asked.
pub(super) struct Asker<'a, A> {
    anchor: &'a A,
    takes: Takes,
    listed: BTreeMap<Place, Listed>,
    looked: BTreeSet<Place>,
    found: BTreeMap<Place, Found>,
    /// What is silent when it is asked for a checkpoint or a record is not waited for again.
    silent: bool,
    troubles: Vec<Failed>,
    /// Bytes of records about one checkpoint.
    share: usize,
    left: Left,
}

/// What may still be read of an anchor.
struct Left {
    records: usize,
    bytes: usize,
}

impl<'a, A: Anchor> Asker<'a, A> {
    /// One for each anchor; each may use an equal share of what there is.
    pub(super) fn of(anchors: &'a [A], takes: Takes) -> Vec<Self> {
        let share = MAX_BYTES.checked_div(anchors.len()).unwrap_or_default();
        let each = anchors.iter();
        each.map(|anchor| Self::new(anchor, share, takes)).collect()
    }

    pub(super) fn new(anchor: &'a A, share: usize, takes: Takes) -> Self {
        Self {
            anchor,
            takes,
            listed: BTreeMap::new(),
            looked: BTreeSet::new(),
            found: BTreeMap::new(),
            silent: false,
            troubles: Vec::new(),
            share,
            left: Left {
                records: MAX_RECORDS,
                bytes: share.saturating_mul(MAX_SHARES),
            },
        }
    }

    /// Asks for what it lists of what could cover an entry. What was listed before something went wrong is good.
    pub(super) async fn list(&mut self, wanted: Wanted) {
        let (listed, failed) = lists::covering(self.anchor, wanted).await;
        self.keep(listed, failed);
    }

    /// Asks for what it lists of the largest size.
    pub(super) async fn list_largest(&mut self, log: OriginHash) {
        let (listed, failed) = lists::largest(self.anchor, log).await;
        self.keep(listed, failed);
    }

    fn keep(&mut self, listed: Vec<Listed>, failed: Option<Failed>) {
        let listed = listed.into_iter().filter(|one| one.authorities() > 0);
        self.listed = listed.map(|one| (one.place, one)).collect();
        self.troubles.extend(failed);
    }

    /// Whether it answered, and has nothing.
    pub(super) fn has_nothing(&self) -> bool {
        self.listed.is_empty() && self.troubles.is_empty()
    }

    pub(super) fn takes(&self) -> Takes {
        self.takes
    }

    pub(super) fn share(&self) -> usize {
        self.share
    }

    pub(super) fn listed(&self) -> impl Iterator<Item = Place> {
        self.listed.keys().copied()
    }

    pub(super) fn lists(&self, place: &Place) -> bool {
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
        let listed = self
            .listed
            .values()
            .map(|one| (Worth::at_most(one), one.place));
        let mut listed: Vec<(Worth, Place)> = listed.collect();
        listed.sort_by_key(|one| std::cmp::Reverse(*one));
        let mut best = None;
        for (at_most, place) in listed {
            if best < Some(at_most) {
                self.look(place, receipt).await?;
                best = best.max(Worth::of(self.at(&place).into_iter()));
            }
        }
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
        for place in places {
            if self.lists(place) {
                self.look(*place, receipt).await?;
            }
        }
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
        let found = self.records(&listed, under).await;
        if !found.held.is_empty() {
            self.found.insert(place, found);
        }
        Ok(())
    }

    /// The bytes of a checkpoint: their name is their hash.
    async fn checkpoint(&mut self, place: Place) -> Option<Note> {
        let ask = Ask::Checkpoint(place.path(&Named::Checkpoint));
        let bytes = self.read(&ask, ask.limit()).await?;
        let hash = CheckpointHash::of(&bytes);
        if hash != place.checkpoint {
            self.unusable(format!(
                "{}: what is there has the SHA-256 {hash}",
                ask.path()
            ));
            return None;
        }
        Note::parse(&bytes)
            .map_err(|error| self.unusable(format!("{}: no signed note: {error}", ask.path())))
            .ok()
    }

    /// The bytes of a record, as long as there is room for them: `room` of what is given out, and as much as may be read.
    pub(super) async fn record(&mut self, path: &str, room: usize) -> Option<Bytes> {
        let Left { records, bytes } = &mut self.left;
        *records = records.checked_sub(1)?;
        let ask = Ask::Record(path.to_owned());
        let limit = ask.limit().min(room).min(*bytes);
        let record = self.read(&ask, limit).await?;
        self.left.bytes = self.left.bytes.saturating_sub(record.len());
        Some(record)
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

    pub(super) fn unusable(&mut self, what: String) {
        let kind = FailedKind::Unusable;
        self.troubles.push(Failed { kind, what });
    }

    /// Adds to the tokens at a place what revocation data came later.
    pub(super) async fn add(&mut self, place: &Place) {
        let Some((listed, mut found)) = self
            .listed
            .get(place)
            .cloned()
            .zip(self.found.remove(place))
        else {
            return;
        };
        self.additions(&listed, &mut found).await;
        self.found.insert(*place, found);
    }

    /// What it has of a place, and what was wrong with it.
    pub(super) fn finish(mut self, place: Option<&Place>) -> (Option<Found>, Vec<Failed>) {
        let found = place.and_then(|place| self.found.remove(place));
        (found, self.troubles)
    }
}

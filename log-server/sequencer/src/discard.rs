//! What nothing names any more is discarded, never before.
//!
//! Architecture invariant: a staged blob is discarded only after a *committed* head no longer names it; an orphan (staged, never
//! named) only when its generation is at or below the head's and the head does not name it, so that no commit that names it can
//! still succeed; a partial tile only once the full tile is stored and the published checkpoint covers it.

use std::collections::{BTreeMap, HashSet};

use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::tile::{BundleId, TILE_WIDTH, TileId, tiles_of};

use crate::head::Head;
use crate::operation::{Outcome, Request, Timestamp};
use crate::sequencer::{Backoff, Sequencer, Track};
use crate::staged::StagedBlob;
use crate::tree::full_tiles;

/// Names in one operation: bounds its time and its message.
const MAX_NAMES: usize = 1_000;

#[derive(Debug, Default)]
pub(crate) struct Discards {
    /// Safe to discard now.
    ready: Vec<String>,
    /// Staged blobs that no head names, by the generation that would have named them.
    orphans: BTreeMap<u64, Vec<String>>,
    /// Partial tiles and bundles that were stored, by level (none: bundles) and index of the tile.
    partials: BTreeMap<(Option<u8>, u64), Vec<String>>,
    in_flight: Vec<String>,
    pub(crate) retry_at: Option<Timestamp>,
    backoff: Backoff,
}

impl Discards {
    pub(crate) fn add_ready(&mut self, names: impl IntoIterator<Item = String>) {
        self.ready.extend(names);
    }

    pub(crate) fn add_orphan(&mut self, generation: u64, name: String) {
        self.orphans.entry(generation).or_default().push(name);
    }

    /// This head is committed: orphans of its generation or before that it does not name can never be named any more. It
    /// names an orphan where the very entries of a round that failed were submitted again, and became the same blob.
    pub(crate) fn release_orphans(&mut self, head: &Head) {
        if self.orphans.is_empty() {
            return;
        }
        let named: HashSet<String> = head.staged.iter().map(StagedBlob::name).collect();
        while let Some(entry) = self.orphans.first_entry() {
            if *entry.key() > head.generation {
                break;
            }
            let orphans = entry.remove().into_iter();
            self.ready
                .extend(orphans.filter(|name| !named.contains(name)));
        }
    }

    /// Notes the partial tiles of a size that are about to be stored, so that they can go when they are full.
    pub(crate) fn note_partials(&mut self, size: TreeSize) {
        for id in tiles_of(size) {
            self.note_partial(Some(id.level()), id.index(), id.path());
        }
        let bundle = full_tiles(size.get(), 0);
        if let Some(id) = BundleId::at(bundle, size) {
            self.note_partial(None, bundle, id.path());
        }
    }

    /// Notes one partial tile (of a level) or bundle (`None`) that is in the store.
    pub(crate) fn note_partial(&mut self, level: Option<u8>, index: u64, name: String) {
        let names = self.partials.entry((level, index)).or_default();
        if !names.contains(&name) {
            names.push(name);
        }
    }

    /// A checkpoint of this size is published: partial tiles that are full at this size can go.
    pub(crate) fn release_partials(&mut self, size: u64) {
        let ready = &mut self.ready;
        self.partials.retain(|(level, index), names| {
            let full = *index < full_tiles(size, level.unwrap_or(0));
            if full {
                ready.append(names);
            }
            !full
        });
    }
}

impl Discards {
    /// Nothing is left that could be discarded now. What a store refused to discard keeps no log from closing.
    pub(crate) fn are_settled(&self) -> bool {
        self.in_flight.is_empty() && (self.ready.is_empty() || self.retry_at.is_some())
    }
}

impl Sequencer {
    pub(crate) fn advance_discard(&mut self) {
        let discards = &mut self.discards;
        if !discards.in_flight.is_empty()
            || discards.ready.is_empty()
            || discards.retry_at.is_some_and(|at| at > self.now)
        {
            return;
        }
        let rest = discards
            .ready
            .split_off(discards.ready.len().min(MAX_NAMES));
        discards.in_flight = core::mem::replace(&mut discards.ready, rest);
        let names = discards.in_flight.clone();
        self.request(Track::Discard, Request::Discard(names));
    }

    pub(crate) fn complete_discard(&mut self, outcome: &Outcome) {
        let names = core::mem::take(&mut self.discards.in_flight);
        if *outcome == Outcome::Done {
            self.discards.backoff = Backoff::default();
            self.discards.retry_at = None;
        } else {
            // Discarding twice is harmless, so whatever went wrong is simply tried again.
            self.discards.ready.extend(names);
            let pause = self.discards.backoff.next(&self.config);
            self.discards.retry_at = Some(self.now.after(pause));
        }
    }
}

/// The directory of the partial tiles of one tile (of a level) or bundle (`None`), for a listing.
pub(crate) fn partials_prefix(level: Option<u8>, index: u64) -> Option<String> {
    let full = match level {
        Some(level) => TileId::new(level, index, TILE_WIDTH).ok()?.path(),
        None => BundleId::new(index, TILE_WIDTH).ok()?.path(),
    };
    Some(format!("{full}.p/"))
}

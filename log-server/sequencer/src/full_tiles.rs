//! Full tiles and bundles are stored as they fill, ahead of the checkpoint that needs them.
//!
//! A track of its own: a checkpoint may wait for its quorum for hours, and meanwhile the head must stay small and memory
//! bounded. It rests while a checkpoint's own tiles are being stored, read back and signed, and no checkpoint begins before
//! what it has in hand is stored.

use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::tile;

use crate::operation::{Event, NewBlob, Outcome, Request, StopReason, Timestamp};
use crate::sequencer::{Backoff, Sequencer, Track};

#[derive(Debug, Default)]
pub(crate) struct FullTiles {
    work: Option<Work>,
    in_flight: bool,
    retry_at: Option<Timestamp>,
    backoff: Backoff,
    /// Why they are not stored.
    pub(crate) trouble: Option<String>,
}

#[derive(Debug)]
struct Work {
    /// Once they are stored, all tiles of this size are.
    size: TreeSize,
    blobs: Vec<NewBlob>,
}

impl FullTiles {
    pub(crate) fn is_idle(&self) -> bool {
        self.work.is_none()
    }
}

impl Sequencer {
    pub(crate) fn full_tiles_wakeup(&self) -> Option<Timestamp> {
        let track = &self.full_tiles;
        let waits = track.work.is_some() && !track.in_flight;
        waits.then(|| track.retry_at.unwrap_or(self.now))
    }

    pub(crate) fn advance_full_tiles(&mut self) {
        let track = &self.full_tiles;
        if track.in_flight || track.retry_at.is_some_and(|at| at > self.now) {
            return;
        }
        if track.work.is_none() && self.publication.is_at_rest() && self.many_are_full() {
            // The entries of the partial bundle are still in staged blobs alone.
            let full = crate::tree::full_tiles(self.tree.size().get(), 0)
                .saturating_mul(u64::from(tile::TILE_WIDTH));
            self.full_tiles.work = Some(Work {
                size: TreeSize::new(full),
                blobs: self.tree.take_full(),
            });
        }
        let Some(work) = &self.full_tiles.work else {
            return;
        };
        let request = Request::Put(work.blobs.clone());
        self.full_tiles.retry_at = None;
        self.full_tiles.in_flight = true;
        self.request(Track::FullTiles, request);
    }

    fn many_are_full(&self) -> bool {
        let staged = self
            .head
            .as_ref()
            .map_or(0, |committed| committed.head.staged.len());
        self.tree.full_count() >= self.config.tile_after_blobs
            || self.tree.full_bytes() >= self.config.tile_after_bytes
            || (staged >= self.config.tile_after_staged && self.tree.full_count() > 0)
    }

    pub(crate) fn complete_full_tiles(&mut self, outcome: Outcome) {
        self.full_tiles.in_flight = false;
        match outcome {
            Outcome::Done => {
                if let Some(work) = self.full_tiles.work.take() {
                    self.tiled = self.tiled.max(work.size);
                }
                self.full_tiles.backoff = Backoff::default();
                if self.full_tiles.trouble.take().is_some() {
                    self.tell(Event::Warning("full tiles are stored again".into()));
                }
            }
            Outcome::Conflict(what) => self.stop(StopReason::other_bytes(&what)),
            // The same tiles can be stored twice.
            Outcome::NotDone(reason) | Outcome::Unknown(reason) => {
                let pause = self.full_tiles.backoff.next(&self.config);
                self.full_tiles.retry_at = Some(self.now.after(pause));
                if self.full_tiles.trouble.is_none() {
                    self.tell(Event::Warning(format!(
                        "full tiles are not stored: {reason}"
                    )));
                }
                self.full_tiles.trouble = Some(reason);
            }
            other => self.unexpected("storing full tiles", &other),
        }
    }
}

//! The publication track: store the tiles of a size, read back what a consistency proof needs and verify it, sign, publish.
//!
//! One checkpoint is in flight at a time. The only thing ever signed is a committed size, and only after its consistency with
//! the published checkpoint has been verified from tiles that the store gave back.
//!
//! Witnesses come in between *sign* and *publish*: a stage of their own in [`Stage`], whose outcome is the note with the
//! quorum's cosignatures. Until then the policy is `quorum none` and a signed checkpoint is published as it is.

use std::collections::HashMap;

use bytes::Bytes;
use counterfoil_tiles::frontier::Frontier;
use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::proof::{self, ProofPlan};
use counterfoil_tiles::tile::{self, Tile, TileId};

use crate::head::Head;
use crate::operation::{
    Event, NewBlob, Outcome, Publication, Register, Request, StopReason, Timestamp,
};
use crate::published::{Merge, Published};
use crate::sequencer::{Backoff, Sequencer, Track};
use crate::tree::Edge;

#[derive(Debug, Default)]
pub(crate) struct PublicationTrack {
    work: Option<Work>,
    in_flight: bool,
    retry_at: Option<Timestamp>,
    backoff: Backoff,
    /// When the last checkpoint was begun; `None` lets the first begin at once.
    last_begun: Option<Timestamp>,
    /// Why the stage in hand is being tried again.
    pub(crate) trouble: Option<String>,
}

#[derive(Debug)]
struct Work {
    frontier: Frontier,
    /// The tree's edge at the size in hand; only full tiles are being stored where absent.
    edge: Option<Edge>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Put(Vec<NewBlob>),
    ReadBack(Vec<TileId>),
    Sign,
    Publish(Bytes),
    /// What is published, after a conflict or an unknown outcome?
    Resolve(Bytes),
    /// Tiles read back were not what was stored: damage, or has another writer gone on and discarded them?
    Suspect(String),
}

impl PublicationTrack {
    pub(crate) fn is_idle(&self) -> bool {
        self.work.is_none()
    }
}

impl Sequencer {
    pub(crate) fn publication_wakeup(&self) -> Option<Timestamp> {
        let track = &self.publication;
        match (&track.work, track.in_flight) {
            (Some(_), true) => None,
            (Some(_), false) => track.retry_at.or(Some(self.now)),
            (None, _) if self.published.is_some() && self.everything_is_published() => None,
            (None, _) => Some(self.next_checkpoint_at()),
        }
    }

    fn next_checkpoint_at(&self) -> Timestamp {
        match self.publication.last_begun {
            Some(begun) if !self.closing => begun.after(self.config.checkpoint_interval),
            _ => self.now,
        }
    }

    pub(crate) fn advance_publication(&mut self) {
        if self.publication.in_flight || self.publication.retry_at.is_some_and(|at| at > self.now) {
            return;
        }
        if self.publication.work.is_none() {
            self.publication.work = self.begin_publication();
        }
        let Some(work) = &self.publication.work else {
            return;
        };
        let request = match &work.stage {
            Stage::Put(blobs) => Request::Put(blobs.clone()),
            Stage::ReadBack(tiles) => Request::Read(tiles.iter().map(TileId::path).collect()),
            Stage::Sign => Request::Sign {
                size: work.frontier.size(),
                root: work.frontier.root(),
            },
            Stage::Publish(note) => Request::Replace {
                register: Register::Published,
                old: self.published.as_ref().map(Published::register_bytes),
                new: crate::published::encode_register(note),
            },
            Stage::Resolve(_) => Request::Fetch(Register::Published),
            Stage::Suspect(_) => Request::Fetch(Register::Head),
        };
        self.publication.retry_at = None;
        self.publication.in_flight = true;
        self.request(Track::Publication, request);
    }

    /// Begins a checkpoint if one is due, or the storing of full tiles if many wait.
    fn begin_publication(&mut self) -> Option<Work> {
        let published = self.published.as_ref().map(Published::size);
        let due = published != Some(self.tree.size()) && self.next_checkpoint_at() <= self.now;
        if due {
            let edge = self.tree.edge().clone();
            self.publication.last_begun = Some(self.now);
            let mut blobs = self.tree.take_full();
            // Also where full tiles alone have brought `tiled` to this very size.
            self.discards.note_partials(self.tree.size());
            blobs.extend(edge.partial_blobs());
            return Some(Work {
                frontier: self.tree.frontier().clone(),
                edge: Some(edge),
                stage: Stage::Put(blobs),
            });
        }
        let staged = self
            .head
            .as_ref()
            .map_or(0, |committed| committed.head.staged.len());
        let many = self.tree.full_count() >= self.config.tile_after_blobs
            || self.tree.full_bytes() >= self.config.tile_after_bytes
            || (staged >= self.config.tile_after_staged && self.tree.full_count() > 0);
        many.then(|| Work {
            frontier: self.tree.frontier().clone(),
            edge: None,
            stage: Stage::Put(self.tree.take_full()),
        })
    }

    pub(crate) fn complete_publication(&mut self, outcome: Outcome) {
        self.publication.in_flight = false;
        let Some(mut work) = self.publication.work.take() else {
            return self.unexpected("a publication that was not there", &outcome);
        };
        let stage = core::mem::replace(&mut work.stage, Stage::Sign);
        match (stage, outcome) {
            (Stage::Put(_), Outcome::Done) => self.tiles_stored(work),
            (Stage::Put(_), Outcome::Conflict(what)) => self.stop(StopReason::Damaged(format!(
                "the store holds other bytes than this tree's for a tile: {what}. Run `counterfoil log check` before anything else"
            ))),
            (Stage::ReadBack(tiles), Outcome::Read(blobs)) => self.read_back(work, &tiles, &blobs),
            (Stage::Sign, Outcome::Signed(note)) => self.signed(work, note),
            (Stage::Publish(note), Outcome::Done) => match Published::from_note(&self.keys, note) {
                Ok(published) => self.was_published(work, published),
                Err(error) => self.stop(StopReason::Internal(format!("published what does not verify: {error}"))),
            },
            (Stage::Publish(note), Outcome::Conflict(_)) => self.go_on(work, Stage::Resolve(note)),
            (Stage::Publish(note), Outcome::Unknown(reason)) => self.try_again(work, Stage::Resolve(note), reason),
            (Stage::Resolve(note), Outcome::Fetched(bytes)) => self.resolve_publication(work, note, bytes),
            (Stage::Suspect(what), Outcome::Fetched(head)) => self.explain_suspicion(what, head),
            // Everything else can be done twice: the same tiles, the same reads, the same signature, the same replacement.
            (stage, Outcome::NotDone(reason) | Outcome::Unknown(reason)) => self.try_again(work, stage, reason),
            (stage, other) => {
                work.stage = stage;
                self.unexpected("publication", &other);
            }
        }
    }

    fn go_on(&mut self, mut work: Work, stage: Stage) {
        work.stage = stage;
        self.publication.work = Some(work);
    }

    fn try_again(&mut self, mut work: Work, stage: Stage, reason: String) {
        work.stage = stage;
        self.publication.work = Some(work);
        self.publication.retry_at =
            Some(self.now.after(self.publication.backoff.next(&self.config)));
        if self.publication.trouble.is_none() {
            self.tell(Event::Warning(format!(
                "checkpoint publication is delayed: {reason}"
            )));
        }
        self.publication.trouble = Some(reason);
    }

    fn finish(&mut self) {
        self.publication.work = None;
        self.publication.backoff = Backoff::default();
        if self.publication.trouble.take().is_some() {
            self.tell(Event::Warning(
                "checkpoint publication has recovered".into(),
            ));
        }
    }

    fn tiles_stored(&mut self, work: Work) {
        let Some(edge) = &work.edge else {
            // Only full tiles: the entries of the partial bundle are still in staged blobs alone.
            let full = crate::tree::full_tiles(work.frontier.size().get(), 0)
                .saturating_mul(u64::from(tile::TILE_WIDTH));
            self.tiled = self.tiled.max(TreeSize::new(full));
            return self.finish();
        };
        self.tiled = self.tiled.max(TreeSize::new(edge.size));
        let size = work.frontier.size();
        let mut tiles = tile::tiles_of(size);
        if let Some(old) = self
            .published
            .as_ref()
            .map(Published::size)
            .filter(|old| old.get() > 0)
        {
            match ProofPlan::consistency(old, size).and_then(|plan| plan.tiles(size)) {
                Ok(more) => tiles.extend(more),
                Err(error) => return self.stop(StopReason::Internal(error.to_string())),
            }
        }
        tiles.sort_unstable();
        tiles.dedup();
        self.go_on(work, Stage::ReadBack(tiles));
    }

    fn read_back(&mut self, work: Work, tiles: &[TileId], blobs: &[Option<Bytes>]) {
        match self.check_read_back(&work.frontier, tiles, blobs) {
            Ok(()) => self.go_on(work, Stage::Sign),
            Err(what) => {
                let size = work.frontier.size();
                let what = format!(
                    "tiles read back from the store do not prove that size {size} extends what is published, so it is \
                     not signed: {what}. Run `counterfoil log check`"
                );
                self.go_on(work, Stage::Suspect(what));
            }
        }
    }

    /// A writer that was paused for long finds that its successor has discarded partial tiles; that is not damage.
    fn explain_suspicion(&mut self, what: String, head: Option<Bytes>) {
        let reason = match head.map(|bytes| Head::parse(&bytes)) {
            Some(Ok(head)) if head.writer != self.writer => StopReason::AnotherWriter {
                writer: head.writer.0,
                generation: head.generation,
            },
            _ => StopReason::Damaged(what),
        };
        self.stop(reason);
    }

    /// Consistency of the committed size with the published checkpoint, from nothing but the tiles the store gave back.
    fn check_read_back(
        &self,
        frontier: &Frontier,
        tiles: &[TileId],
        blobs: &[Option<Bytes>],
    ) -> Result<(), String> {
        let mut read: HashMap<TileId, Tile> = HashMap::new();
        for (id, bytes) in tiles.iter().zip(blobs) {
            let bytes = bytes
                .as_ref()
                .ok_or_else(|| format!("{} is missing", id.path()))?;
            let tile = Tile::parse(bytes).map_err(|error| format!("{}: {error}", id.path()))?;
            read.insert(*id, tile);
        }
        let (size, root) = (frontier.size(), frontier.root());
        let computed = proof::root_from_tiles(size, &read).map_err(|error| error.to_string())?;
        if computed != root {
            return Err(format!(
                "the right edge hashes to {computed}, not to {root}"
            ));
        }
        let Some(published) = self
            .published
            .as_ref()
            .filter(|published| published.size().get() > 0)
        else {
            return Ok(());
        };
        let plan =
            ProofPlan::consistency(published.size(), size).map_err(|error| error.to_string())?;
        let proof = plan
            .resolve(size, &read)
            .map_err(|error| error.to_string())?;
        proof::verify_consistency(published.size(), size, &published.root(), &root, &proof)
            .map_err(|error| error.to_string())
    }

    fn signed(&mut self, work: Work, note: Bytes) {
        match Published::from_note(&self.keys, note) {
            Ok(signed)
                if signed.size() == work.frontier.size()
                    && signed.root() == work.frontier.root() =>
            {
                self.go_on(work, Stage::Publish(signed.note().clone()));
            }
            Ok(signed) => self.stop(StopReason::Internal(format!(
                "asked to sign size {}, the signer signed another checkpoint (size {})",
                work.frontier.size().get(),
                signed.size().get()
            ))),
            Err(error) => {
                let reason = format!(
                    "the signer's answer does not verify under the log's own keys: {error}"
                );
                self.try_again(work, Stage::Sign, reason);
            }
        }
    }

    /// Something else is published than what we meant to replace, or we cannot know whether our replacement landed.
    fn resolve_publication(&mut self, work: Work, note: Bytes, bytes: Option<Bytes>) {
        let theirs = match bytes
            .map(|bytes| Published::from_register(&self.keys, &bytes))
            .transpose()
        {
            Ok(theirs) => theirs,
            Err(error) => {
                return self.stop(StopReason::Damaged(format!(
                    "the published register: {error}"
                )));
            }
        };
        let ours = match Published::from_note(&self.keys, note.clone()) {
            Ok(ours) => ours,
            Err(error) => return self.stop(StopReason::Internal(error.to_string())),
        };
        let Some(theirs) = theirs else {
            self.published = None;
            return self.go_on(work, Stage::Publish(note));
        };
        if theirs.size() > self.tree.size() {
            // Whoever published more than we have committed has the newer head.
            return self.stop(StopReason::PublishedAhead {
                published: theirs.size().get(),
                head: self.tree.size().get(),
                contradiction: "is larger than",
            });
        }
        match ours.merge_into(&theirs) {
            Ok(Merge::Ours(note)) => {
                self.published = Some(theirs);
                self.go_on(work, Stage::Publish(note));
            }
            Ok(Merge::Theirs) => self.was_published(work, theirs),
            Err(_) => self.stop(StopReason::PublishedAhead {
                published: theirs.size().get(),
                head: work.frontier.size().get(),
                contradiction: "conflicts with",
            }),
        }
    }

    fn was_published(&mut self, work: Work, published: Published) {
        let (size, root) = (published.size(), published.root());
        let edge = work.edge.filter(|edge| edge.size == size.get());
        self.discards.release_partials(size.get());
        self.tell(Event::Published(Publication {
            note: published.note().clone(),
            size,
            root,
            edge,
        }));
        self.published = Some(published);
        self.finish();
    }
}

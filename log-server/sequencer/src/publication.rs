//! The publication track: store the tiles of a size, read back what a consistency proof needs and verify it, sign, publish.
//!
//! One checkpoint is in flight at a time. The only thing ever signed is a committed size, and only after its consistency with
//! the published checkpoint has been verified from tiles that the store gave back.
//!
//! What is published has the policy's quorum of cosignatures, verified here. A checkpoint stays in flight until it has them, so
//! that slow witnesses meet on one size; only after `witness_deadline` does it give way to a larger one. What its quorum
//! left out comes later: cosignatures of the published checkpoint are added to it, and an idle log asks for newer ones.

use core::time::Duration;
use std::collections::HashMap;

use bytes::Bytes;
use counterfoil_tiles::frontier::Frontier;
use counterfoil_tiles::proof::{self, ProofPlan};
use counterfoil_tiles::tile::{self, Tile, TileId};

use crate::head::Head;
use crate::operation::{
    Event, NewBlob, Outcome, Publication, Register, Request, StopReason, Timestamp, Whom,
};
use crate::published::{Merge, Published, PublishedError};
use crate::sequencer::{Backoff, Sequencer, Track};
use crate::tree::Edge;

#[derive(Debug, Default)]
pub(crate) struct PublicationTrack {
    pub(crate) work: Option<Work>,
    in_flight: bool,
    pub(crate) retry_at: Option<Timestamp>,
    pub(crate) backoff: Backoff,
    /// When the last checkpoint was begun; `None` lets the first begin at once.
    last_begun: Option<Timestamp>,
    /// Why the stage in hand is being tried again.
    pub(crate) trouble: Option<String>,
    /// Since when checkpoints find no quorum.
    pub(crate) no_quorum_since: Option<Timestamp>,
    /// When the witnesses were last asked.
    pub(crate) last_asked: Option<Timestamp>,
    /// What is published has no quorum under the policy of now, which is another than that of then.
    pub(crate) lacks_quorum: bool,
    /// How long the witnesses that it lacks are left alone after they were asked in vain; it doubles.
    pub(crate) lacking_pause: Option<Duration>,
    /// Why newer cosignatures could not be added, if so it was the last time.
    pub(crate) refresh_trouble: Option<String>,
    /// The published checkpoint with cosignatures that came late.
    pub(crate) late: Option<Published>,
    /// The log closes, and its last checkpoint finds no quorum: the next start publishes it.
    pub(crate) is_given_up: bool,
}

#[derive(Debug)]
pub(crate) struct Work {
    /// The tree's edge at the size in hand; absent where only cosignatures are new.
    edge: Option<Edge>,
    pub(crate) stage: Stage,
}

#[derive(Debug)]
pub(crate) enum Stage {
    Put(Frontier, Vec<NewBlob>),
    ReadBack(Frontier, Vec<TileId>),
    Sign(Frontier),
    /// Gather cosignatures; what came stays on the checkpoint.
    Cosign {
        checkpoint: Box<Published>,
        until: Timestamp,
    },
    /// Ask for newer cosignatures of what is published.
    Refresh(Box<Published>),
    Publish(Bytes),
    /// What is published, after a conflict or an unknown outcome?
    Resolve(Bytes),
    /// Something is wrong that another writer explains, if there is one: tiles read back were not what was stored, or the
    /// witnesses have seen more. The reason is for the case that there is none.
    Suspect(StopReason),
}

impl PublicationTrack {
    pub(crate) fn is_idle(&self) -> bool {
        self.work.is_none()
    }

    /// No checkpoint is in hand, or one that only waits for its witnesses, for as long as they please.
    pub(crate) fn is_at_rest(&self) -> bool {
        let stage = self.work.as_ref().map(|work| &work.stage);
        matches!(stage, None | Some(Stage::Cosign { .. } | Stage::Refresh(_)))
    }
}

impl Sequencer {
    pub(crate) fn publication_wakeup(&self) -> Option<Timestamp> {
        let track = &self.publication;
        if track.is_given_up {
            return None;
        }
        match (&track.work, track.in_flight) {
            (Some(_), true) => None,
            (Some(_), false) => track.retry_at.or(Some(self.now)),
            (None, _) if track.late.is_some() => Some(self.now),
            (None, _) if self.everything_is_published() => self.refresh_at(),
            // It begins when they are stored.
            (None, _) if !self.full_tiles.is_idle() => None,
            (None, _) => Some(self.next_checkpoint_at()),
        }
    }

    fn next_checkpoint_at(&self) -> Timestamp {
        match self.publication.last_begun {
            Some(begun) if !self.closing => begun.after(self.config.checkpoint_interval),
            _ => self.now,
        }
    }

    /// When an idle log asks its witnesses again, if it does.
    fn refresh_at(&self) -> Option<Timestamp> {
        let asked = self.publication.last_asked.unwrap_or(self.now);
        let asks = self.keys.have_witnesses() && !self.closing;
        // SPEC(design 2, policy): "A changed policy takes effect once the current size is cosigned under it."
        let pause = if self.publication.lacks_quorum {
            let pause = self.publication.lacking_pause;
            pause.unwrap_or(self.config.checkpoint_interval)
        } else {
            self.config.refresh_interval
        };
        asks.then(|| asked.after(pause))
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
            Stage::Put(_, blobs) => Request::Put(blobs.clone()),
            Stage::ReadBack(_, tiles) => Request::Read(tiles.iter().map(TileId::path).collect()),
            Stage::Sign(frontier) => Request::Sign {
                size: frontier.size(),
                root: frontier.root(),
            },
            Stage::Cosign { checkpoint, .. } => Request::Cosign {
                note: checkpoint.note().clone(),
                whom: Whom::Lacking,
            },
            Stage::Refresh(published) => Request::Cosign {
                note: published.note().clone(),
                whom: if self.publication.lacks_quorum {
                    Whom::Lacking
                } else {
                    Whom::All
                },
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

    /// Begins what is due: a checkpoint, or newer cosignatures for what is published.
    fn begin_publication(&mut self) -> Option<Work> {
        if self.publication.is_given_up {
            return None;
        }
        let published = self.published.as_ref().map(Published::size);
        let due = published != Some(self.tree.size())
            && self.next_checkpoint_at() <= self.now
            && self.full_tiles.is_idle();
        if due {
            let edge = self.tree.edge().clone();
            self.publication.last_begun = Some(self.now);
            let mut blobs = self.tree.take_full();
            // Also where full tiles alone have brought `tiled` to this very size.
            self.discards.note_partials(self.tree.size());
            blobs.extend(edge.partial_blobs());
            return Some(Work {
                edge: Some(edge),
                stage: Stage::Put(self.tree.frontier().clone(), blobs),
            });
        }
        let stage = self.begin_cosignatures()?;
        Some(Work { edge: None, stage })
    }

    /// Late cosignatures of the published checkpoint, or the time for newer ones.
    fn begin_cosignatures(&mut self) -> Option<Stage> {
        let late = self.publication.late.take();
        let published = self.published.as_ref()?;
        // Another checkpoint may be published since they came; then they are of no use.
        if let Some(Ok(Merge::Ours(note))) = late
            .filter(|late| late.has_text_of(published))
            .map(|late| late.merge_into(published))
        {
            return Some(Stage::Publish(note));
        }
        let is_due = self.everything_is_published() && self.refresh_at()? <= self.now;
        is_due.then(|| Stage::Refresh(Box::new(published.clone())))
    }

    pub(crate) fn complete_publication(&mut self, outcome: Outcome) {
        self.publication.in_flight = false;
        let Some(Work { edge, stage }) = self.publication.work.take() else {
            return self.unexpected("a publication that was not there", &outcome);
        };
        match (stage, outcome) {
            (Stage::Put(frontier, _), Outcome::Done) => self.tiles_stored(frontier, edge),
            (Stage::Put(..), Outcome::Conflict(what)) => self.stop(StopReason::other_bytes(&what)),
            (Stage::ReadBack(frontier, tiles), Outcome::Read(blobs)) => {
                self.read_back(frontier, edge, &tiles, &blobs);
            }
            (Stage::Sign(frontier), Outcome::Signed(note)) => self.signed(frontier, edge, note),
            (Stage::Cosign { checkpoint, until }, Outcome::Cosigned(note)) => {
                self.cosigned(checkpoint, until, edge, note);
            }
            (Stage::Refresh(published), Outcome::Cosigned(note)) => {
                self.refreshed(&published, note);
            }
            // To go on would be to fork. But what the witnesses have seen may be another writer's.
            (Stage::Cosign { .. } | Stage::Refresh(_), Outcome::Contradicted(what)) => {
                self.go_on(edge, Stage::Suspect(StopReason::Contradicted(what)));
            }
            (Stage::Cosign { checkpoint, until }, Outcome::NotDone(reason)) => {
                self.no_quorum(checkpoint, until, edge, reason);
            }
            // What is published stays as it is; its age shows.
            (Stage::Refresh(published), Outcome::NotDone(reason)) => {
                self.not_refreshed(&published, reason);
            }
            (Stage::Publish(note), Outcome::Done) => match Published::from_note(&self.keys, note) {
                Ok(published) => self.was_published(edge, published),
                Err(error) => self.stop(StopReason::Internal(format!(
                    "published what does not verify: {error}"
                ))),
            },
            (Stage::Publish(note), Outcome::Conflict(_)) => self.go_on(edge, Stage::Resolve(note)),
            (Stage::Publish(note), Outcome::Unknown(reason)) => {
                self.try_again(edge, Stage::Resolve(note), reason);
            }
            (Stage::Resolve(note), Outcome::Fetched(bytes)) => {
                self.resolve_publication(edge, note, bytes);
            }
            (Stage::Suspect(reason), Outcome::Fetched(head)) => {
                self.explain_suspicion(reason, head);
            }
            // Everything else can be done twice: the same tiles, the same reads, the same signature, the same replacement.
            (stage, Outcome::NotDone(reason) | Outcome::Unknown(reason)) => {
                self.try_again(edge, stage, reason);
            }
            (stage, other) => {
                self.publication.work = Some(Work { edge, stage });
                self.unexpected("publication", &other);
            }
        }
    }

    pub(crate) fn go_on(&mut self, edge: Option<Edge>, stage: Stage) {
        self.publication.work = Some(Work { edge, stage });
    }

    fn try_again(&mut self, edge: Option<Edge>, stage: Stage, reason: String) {
        self.go_on(edge, stage);
        self.pause();
        if self.publication.trouble.is_none() {
            self.tell(Event::Warning(format!(
                "checkpoint publication is delayed: {reason}"
            )));
        }
        self.publication.trouble = Some(reason);
    }

    pub(crate) fn pause(&mut self) {
        let pause = self.publication.backoff.next(&self.config);
        self.publication.retry_at = Some(self.now.after(pause));
    }

    fn finish(&mut self) {
        self.publication.work = None;
        self.publication.backoff = Backoff::default();
        // More cosignatures are no end of the trouble as long as they make no quorum.
        let waits = self.publication.lacks_quorum && self.publication.no_quorum_since.is_some();
        if !waits && self.publication.trouble.take().is_some() {
            self.tell(Event::Warning(
                "checkpoint publication has recovered".into(),
            ));
        }
    }

    fn tiles_stored(&mut self, frontier: Frontier, edge: Option<Edge>) {
        let size = frontier.size();
        self.tiled = self.tiled.max(size);
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
        self.go_on(edge, Stage::ReadBack(frontier, tiles));
    }

    fn read_back(
        &mut self,
        frontier: Frontier,
        edge: Option<Edge>,
        tiles: &[TileId],
        blobs: &[Option<Bytes>],
    ) {
        match self.check_read_back(&frontier, tiles, blobs) {
            Ok(()) => self.go_on(edge, Stage::Sign(frontier)),
            Err(what) => {
                let size = frontier.size();
                let what = format!(
                    "tiles read back from the store do not prove that size {size} extends what is published, so it is \
                     not signed: {what}. Run `counterfoil log check`"
                );
                self.go_on(edge, Stage::Suspect(StopReason::Damaged(what)));
            }
        }
    }

    /// A writer that was paused for long finds that its successor has discarded partial tiles, which is not damage, or has
    /// shown the witnesses a larger tree, which is not a restored backup.
    fn explain_suspicion(&mut self, suspicion: StopReason, head: Option<Bytes>) {
        let reason = match head.map(|bytes| Head::parse(&bytes)) {
            Some(Ok(head)) if head.writer != self.writer => StopReason::AnotherWriter {
                writer: head.writer.0,
                generation: head.generation,
            },
            _ => suspicion,
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

    fn signed(&mut self, frontier: Frontier, edge: Option<Edge>, note: Bytes) {
        match Published::from_note(&self.keys, note) {
            Ok(signed) if signed.size() == frontier.size() && signed.root() == frontier.root() => {
                let stage = if self.keys.have_witnesses() {
                    Stage::Cosign {
                        checkpoint: Box::new(signed),
                        until: self.now.after(self.config.witness_deadline),
                    }
                } else {
                    Stage::Publish(signed.note().clone())
                };
                self.go_on(edge, stage);
            }
            Ok(signed) => self.stop(StopReason::Internal(format!(
                "asked to sign size {}, the signer signed another checkpoint (size {})",
                frontier.size().get(),
                signed.size().get()
            ))),
            Err(error) => {
                let reason = format!(
                    "the signer's answer does not verify under the log's own keys: {error}"
                );
                self.try_again(edge, Stage::Sign(frontier), reason);
            }
        }
    }

    /// Something else is published than what we meant to replace, or we cannot know whether our replacement landed.
    fn resolve_publication(&mut self, edge: Option<Edge>, note: Bytes, bytes: Option<Bytes>) {
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
            return self.go_on(edge, Stage::Publish(note));
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
                self.go_on(edge, Stage::Publish(note));
            }
            Err(PublishedError::Fork { .. }) => self.stop(StopReason::PublishedAhead {
                published: theirs.size().get(),
                head: ours.size().get(),
                contradiction: "conflicts with",
            }),
            // An error that is no fork: both do not fit onto one note. What is published keeps what it has.
            Ok(Merge::Theirs) | Err(_) => self.was_published(edge, theirs),
        }
    }

    fn was_published(&mut self, edge: Option<Edge>, published: Published) {
        let (size, root) = (published.size(), published.root());
        let edge = edge.filter(|edge| edge.size == size.get());
        self.discards.release_partials(size.get());
        self.tell(Event::Published(Publication {
            note: published.note().clone(),
            size,
            root,
            edge,
        }));
        self.publication.lacks_quorum = published.check_quorum(&self.keys).is_err();
        if !self.publication.lacks_quorum {
            self.publication.lacking_pause = None;
            self.quorum_found(&published);
        }
        self.published = Some(published);
        self.finish();
    }
}

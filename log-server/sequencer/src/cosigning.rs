//! What becomes of the witnesses' cosignatures: a quorum lets a checkpoint be published, fewer keep it in flight, late ones
//! are added to what is published.
//!
//! Architecture invariant: nothing is published before the policy's quorum has been verified on it, here, whatever the driver
//! says about it.

use core::time::Duration;

use bytes::Bytes;
use counterfoil_tiles::checkpoint::PublishError;

use crate::operation::{Event, Timestamp};
use crate::publication::{Stage, Work};
use crate::published::{Merge, Published, PublishedError};
use crate::sequencer::{Backoff, Sequencer};
use crate::tree::Edge;

/// The longest pause before the witnesses that a changed policy demands are asked again: whoever has mended one waits no
/// longer to see it.
const LACKING_PAUSE: Duration = Duration::from_secs(30);

/// SPEC(design 2.4): "per key, no signature dropped or older [...] At most 16 signature lines."
const NO_ROOM: &str = "the published checkpoint keeps the cosignatures that it has, at most 16 lines with the log's own, and \
     the newer ones do not fit beside them. Add an entry: a larger checkpoint begins without cosignatures, and takes those of \
     the policy of now";

impl Sequencer {
    /// The witnesses gave these cosignatures on the checkpoint in flight.
    pub(crate) fn cosigned(
        &mut self,
        checkpoint: Box<Published>,
        until: Timestamp,
        edge: Option<Edge>,
        note: Bytes,
    ) {
        self.publication.last_asked = Some(self.now);
        let united = match self.united(&checkpoint, note) {
            Ok(united) => united,
            Err(error) => {
                let reason = format!("what the witnesses gave cannot be used: {error}");
                return self.no_quorum(checkpoint, until, edge, reason);
            }
        };
        match united.check_quorum(&self.keys) {
            Ok(()) => {
                self.quorum_found(&united);
                self.go_on(edge, Stage::Publish(united.note().clone()));
            }
            Err(error) => self.no_quorum(Box::new(united), until, edge, error.to_string()),
        }
    }

    /// The checkpoint with the cosignatures of another note of the same text.
    fn united(&self, checkpoint: &Published, note: Bytes) -> Result<Published, PublishedError> {
        let cosigned = Published::from_note(&self.keys, note)?.verified(&self.keys)?;
        checkpoint.united(&self.keys, &cosigned)
    }

    pub(crate) fn quorum_found(&mut self, checkpoint: &Published) {
        self.publication.backoff = Backoff::default();
        if let Some(since) = self.publication.no_quorum_since.take() {
            self.publication.trouble = None;
            let seconds = self.now.as_millis().saturating_sub(since.as_millis()) / 1_000;
            self.tell(Event::Warning(format!(
                "the quorum of witnesses is back after {seconds} s: size {} is published with it",
                checkpoint.size()
            )));
        }
    }

    /// The checkpoint stays in flight with what it has, or gives way to a larger one once its time is over.
    pub(crate) fn no_quorum(
        &mut self,
        checkpoint: Box<Published>,
        until: Timestamp,
        edge: Option<Edge>,
        reason: String,
    ) {
        self.waits_for_quorum(&checkpoint, reason);
        if self.closing {
            // The next start finds the head and publishes it.
            self.publication.is_given_up = true;
        } else if until > self.now || self.tree.size() == checkpoint.size() {
            self.go_on(edge, Stage::Cosign { checkpoint, until });
            self.pause();
        }
    }

    /// Tells once that there is no quorum, and shows why as long as there is none.
    fn waits_for_quorum(&mut self, checkpoint: &Published, reason: String) {
        if self.publication.no_quorum_since.is_none() {
            self.publication.no_quorum_since = Some(self.now);
            self.tell(Event::WaitsForWitnesses(format!(
                "no quorum of witnesses for size {}: {reason}. Entries are taken and durable; nothing is published until \
                 there is one",
                checkpoint.size()
            )));
        }
        self.publication.trouble = Some(reason);
    }

    /// The witnesses gave these cosignatures on what is published.
    pub(crate) fn refreshed(&mut self, published: &Published, note: Bytes) {
        let united = match self.united(published, note) {
            Ok(united) => united,
            Err(error) => return self.not_refreshed(published, error.to_string()),
        };
        let quorum = united.check_quorum(&self.keys);
        match united.merge_into(published) {
            Ok(Merge::Ours(note)) => self.go_on(None, Stage::Publish(note)),
            Ok(Merge::Theirs) => {}
            Err(PublishedError::Merge(PublishError::TooManySignatures(_))) => {
                return self.not_refreshed(published, NO_ROOM.into());
            }
            Err(error) => return self.not_refreshed(published, error.to_string()),
        }
        if let Err(error) = quorum {
            return self.not_refreshed(published, error.to_string());
        }
        self.publication.last_asked = Some(self.now);
        if self.publication.refresh_trouble.take().is_some() {
            self.tell(Event::Warning(format!(
                "newer cosignatures are added to size {} again",
                published.size()
            )));
        }
    }

    /// What is published has no newer cosignatures, or not those that a changed policy demands.
    pub(crate) fn not_refreshed(&mut self, published: &Published, reason: String) {
        self.publication.last_asked = Some(self.now);
        if self.publication.lacks_quorum {
            let first = self.config.checkpoint_interval;
            let pause = self.publication.lacking_pause.unwrap_or(first);
            let longest = LACKING_PAUSE.max(first);
            self.publication.lacking_pause = Some(pause.saturating_mul(2).min(longest));
            return self.waits_for_quorum(published, reason);
        }
        if self.publication.refresh_trouble.as_ref() != Some(&reason) {
            self.tell(Event::Warning(format!(
                "no newer cosignatures are added to size {}, which stays published as it is: {reason}",
                published.size()
            )));
        }
        self.publication.refresh_trouble = Some(reason);
    }

    /// See [`Sequencer::cosigned_late`].
    pub(crate) fn take_late_cosignatures(&mut self, note: Bytes) {
        let late = Published::from_note(&self.keys, note);
        let Ok(late) = late.and_then(|late| late.verified(&self.keys)) else {
            return;
        };
        let keys = &self.keys;
        // What is about to be published, or is. Those of an earlier checkpoint must not take the place of what came for that one.
        let settled = match &mut self.publication.work {
            Some(Work {
                stage: Stage::Cosign { checkpoint, .. },
                ..
            }) if checkpoint.has_text_of(&late) => {
                if let Ok(united) = checkpoint.united(keys, &late) {
                    **checkpoint = united;
                    // They may be all that it waited for.
                    self.publication.retry_at = None;
                }
                return;
            }
            Some(Work {
                stage: Stage::Publish(note) | Stage::Resolve(note),
                ..
            }) => Published::from_note(keys, note.clone()).ok(),
            _ => self.published.clone(),
        };
        if settled.is_some_and(|checkpoint| checkpoint.has_text_of(&late)) {
            let united = match &self.publication.late {
                Some(before) if before.has_text_of(&late) => before.united(keys, &late).ok(),
                _ => None,
            };
            self.publication.late = Some(united.unwrap_or(late));
        }
    }
}

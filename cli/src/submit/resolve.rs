//! What became of entries whose answer was lost.
//!
//! A lookup that finds the leaf settles it. One that does not settles it only if it covers every entry that the lost
//! request can have led to. That takes three steps:
//!
//! 1. wait until the request can no longer be at work (`--settle`, the server's request deadline);
//! 2. ask how many entries are durable or queued then, and wait until so many, or all there are once the queue is empty,
//!    are published and covered by lookups;
//! 3. look the leaf up.

use std::time::{Duration, Instant};

use counterfoil_tiles::hash::LeafHash;
use futures_util::{StreamExt, TryStreamExt};

use super::Submission;
use super::ledger::{Event, NotLogged, Standing};
use crate::api::{self, Lookup};
use crate::audit::unix_now;
use crate::exit::Failure;

/// Lookups in flight.
const IN_FLIGHT: usize = 16;

/// How often the log is asked how far it is.
const POLL: Duration = Duration::from_millis(250);

impl Submission<'_> {
    /// Finds out what became of `leaves`, and writes it into the journal.
    pub(super) async fn resolve(&mut self, leaves: &[LeafHash]) -> Result<(), Failure> {
        self.output.note(format!(
            "{} entries were sent and their answer was lost: asking the log whether it has them",
            leaves.len()
        ));
        self.settle(leaves).await;
        match self.wait_covered().await {
            Ok(true) => {}
            Ok(false) => return self.give_up(leaves),
            Err(_) if self.args.resend => return self.give_up(leaves),
            Err(failure) => return Err(failure),
        }
        let client = &self.client;
        let found: Vec<(LeafHash, Lookup)> = futures_util::stream::iter(leaves.iter().copied())
            .map(|leaf| async move { api::lookup(client, &leaf).await.map(|found| (leaf, found)) })
            .buffered(IN_FLIGHT)
            .try_collect()
            .await?;
        if found.iter().any(|(_, found)| *found == Lookup::NotOffered) {
            return self.give_up(leaves);
        }
        let leaves: Vec<LeafHash> = found.iter().map(|(leaf, _)| *leaf).collect();
        self.record(&leaves, |place| match &found[place].1 {
            // The smallest index: whoever logged the same before has the older proof.
            Lookup::Found(indexes) => indexes
                .first()
                .map_or(Event::Absent(NotLogged::LookedUp), |index| {
                    Event::Index(index.get())
                }),
            Lookup::Absent | Lookup::NotOffered => Event::Absent(NotLogged::LookedUp),
        })
    }

    /// Waits until none of the requests can still be at work.
    async fn settle(&self, leaves: &[LeafHash]) {
        let sent = |leaf: &LeafHash| match self.journal.standing(leaf) {
            Standing::Unknown(at) => Some(*at),
            _ => None,
        };
        let last = leaves.iter().filter_map(sent).max().unwrap_or_default();
        let now = unix_now();
        // A journal from the future (the clock was set back) waits no longer than one from now.
        let wait = (last.min(now) + self.args.settle).saturating_sub(now);
        if wait > 0 {
            self.output.note(format!(
                "waiting {wait} s until the lost requests can no longer be at work"
            ));
            tokio::time::sleep(Duration::from_secs(wait)).await;
        }
    }

    /// Waits until lookups cover everything that is durable now; `false` if the log does not say how far it is.
    async fn wait_covered(&self) -> Result<bool, Failure> {
        let deadline = Instant::now() + self.timeout();
        let mut goal: Option<u64> = None;
        loop {
            let Some(progress) = api::progress(&self.client).await? else {
                return Ok(false);
            };
            let ahead = progress.size.saturating_add(progress.queued_entries);
            // What was queued and is no longer is either durable or lost.
            let all = if progress.queued_entries == 0 {
                progress.size
            } else {
                u64::MAX
            };
            let goal = *goal.insert(goal.unwrap_or(ahead).min(all));
            let covered = progress
                .published_size
                .unwrap_or_default()
                .min(progress.indexed_size);
            if covered >= goal {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Err(Failure::could_not_tell(format!(
                    "the log has {goal} durable entries, and after {} s only {covered} of them can be looked up",
                    self.args.timeout
                ))
                .advice("run the same command again later, or give a longer --timeout; --resend logs them again without knowing"));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// What to do when the log cannot tell.
    fn give_up(&mut self, leaves: &[LeafHash]) -> Result<(), Failure> {
        if self.args.resend {
            return self.record(leaves, |_| Event::Absent(NotLogged::Resent));
        }
        Err(Failure::could_not_tell(format!(
            "{} entries may have been logged, and this log does not answer lookups",
            leaves.len()
        ))
        .advice("--resend logs them again: they may then be in the log twice, which does no harm to receipts"))
    }
}

//! The two things that are done for a log: looking at it, and getting one token.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use counterfoil_tiles::checkpoint::WitnessedCheckpoint;

use super::round::{Counted, RoundData, Vouching};
use super::{Broke, Desk, Inner, LogPlan};
use crate::capture::Captured;
use crate::follow::LookError;
use crate::judge::GoodToken;
use crate::moment::Moment;
use crate::names::{AuthorityName, CheckpointHash, Place, RecordName};
use crate::record::{RecordError, TokenRecord};
use crate::records::{BindingError, KeepError};
use crate::schedule::Authority;
use crate::state::State;
use crate::tsa::{Misbehaviour, StampError, Tsa};

/// Why no token counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StampTrouble {
    /// The authority's doing.
    #[error(transparent)]
    Authority(#[from] StampError),
    /// It was not stored, or may not have been.
    #[error("not stored: {0}")]
    Keep(#[from] KeepError),
    /// Our own mistake.
    #[error(transparent)]
    Broke(#[from] Broke),
}

impl StampTrouble {
    /// In a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Authority(error) => error.misbehaviour.word(),
            Self::Keep(KeepError::Full(_)) => "full",
            Self::Keep(_) => "not-stored",
            Self::Broke(_) => "broke",
        }
    }

    /// The words of which an authority is not the cause.
    pub(crate) const OWN_WORDS: [&'static str; 3] = ["not-stored", "full", "broke"];
}

/// A token that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchored {
    /// The folder of its checkpoint.
    pub place: Place,
    /// Its record.
    pub name: RecordName,
    /// What the token says its time is.
    pub gen_time: Moment,
}

/// What came of doing everything once for a log.
#[derive(Debug)]
pub struct Once {
    /// The log.
    pub origin: String,
    /// How many authorities must count.
    pub required: usize,
    /// What each came to; or why there was nothing to anchor.
    pub stamped: Result<Vec<OnceStamped>, LookTrouble>,
}

/// What asking an authority once came to.
#[derive(Debug)]
pub struct OnceStamped {
    /// The authority.
    pub authority: AuthorityName,
    /// Its token, or why none counts.
    pub result: Result<Anchored, StampTrouble>,
}

/// Why there was nothing to anchor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookTrouble {
    /// The log's doing.
    #[error(transparent)]
    Log(#[from] LookError),
    /// What was anchored before could not be read, so nothing can be compared with it.
    #[error("what was anchored before cannot be read, and nothing is anchored: {0}")]
    Records(#[from] BindingError),
    /// The log forked before, whatever it shows now.
    #[error(
        "FORK: the log signed two histories, and nothing more of it is anchored, whatever it shows now, until the `known_forks` of \
         its [[log]] name {}: see docs/anchor.md", listed(.0)
    )]
    Forked(BTreeSet<CheckpointHash>),
    /// Our own mistake.
    #[error(transparent)]
    Broke(#[from] Broke),
}

pub(crate) fn listed(forks: &BTreeSet<CheckpointHash>) -> String {
    let forks: Vec<String> = forks.iter().map(ToString::to_string).collect();
    forks.join(", ")
}

impl LookTrouble {
    /// In a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Log(error) => error.word(),
            Self::Forked(_) => "fork",
            Self::Records(BindingError::Lost { .. }) => "lost",
            Self::Records(BindingError::Records(_)) => "not-read",
            Self::Broke(_) => "broke",
        }
    }

    /// Whether the log signed two histories.
    pub fn is_fork(&self) -> bool {
        matches!(self, Self::Log(LookError::Fork { .. }) | Self::Forked(_))
    }

    /// The words of which the log is not the cause.
    pub(crate) const OWN_WORDS: [&'static str; 3] = ["not-read", "lost", "broke"];

    /// Whether another look soon may bring another answer.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Log(error) => error.is_passing(),
            Self::Forked(_) => false,
            Self::Records(_) | Self::Broke(_) => true,
        }
    }
}

impl Inner {
    /// Looks at a log: what it publishes, compared with what was anchored. Keeps both checkpoints of a fork. A log that forked
    /// is anchored no more, also when it shows the first history again, unless the operator said so.
    pub(super) async fn look(
        &self,
        plan: &LogPlan,
        desk: &Desk,
    ) -> Result<WitnessedCheckpoint, LookTrouble> {
        let (log, acknowledged) = (plan.followed.hash(), &plan.acknowledged);
        let now = self.plan.clock.now();
        let anchored = self.records.binding(log, acknowledged, now).await?;
        let looked = plan.followed.look(anchored.as_ref()).await;
        let note = anchored.as_ref().map(State::note);
        if let (Err(LookError::Fork { refused, .. }), Some(anchored)) = (&looked, note) {
            self.records.saw_fork(log, anchored, refused);
        }
        if let Err(error) = self.records.keep_forks(log, acknowledged, note).await {
            tracing::error!(
                origin = %plan.followed.origin(), %error,
                "the checkpoints that prove the fork are not kept; it is tried again with the next look"
            );
        }
        desk.status().forks = self.records.with_index(|index| index.forks(log).len());
        let open = self.records.open_forks(log, acknowledged);
        let witnessed = looked?;
        if open.is_empty() {
            Ok(witnessed)
        } else {
            Err(LookTrouble::Forked(open))
        }
    }

    /// Gets a token of an authority over the checkpoint of a round, and keeps it. Whether the authority counts by it the round
    /// says.
    pub(super) async fn stamp(
        &self,
        plan: &LogPlan,
        round: &RoundData,
        authority: Authority,
    ) -> Result<Anchored, StampTrouble> {
        #[expect(
            clippy::expect_used,
            reason = "a schedule speaks of the plan's authorities"
        )]
        let tsa = self
            .plan
            .authorities
            .get(authority.index())
            .expect("a schedule speaks of the plan's authorities");
        let log = plan.followed.hash();
        let clock = || self.plan.clock.now();
        // The first authority that is asked does it for all.
        let begin = || self.records.begin(log, &round.note, clock());
        let place = round.begun.get_or_try_init(begin).await?.place();
        self.records.room_for_token(&place, tsa.name())?;
        let data = round.note.as_bytes();
        let token = tsa.stamp(data, clock).await?;
        if round.has(authority, &token, |name| {
            self.sweep.has_fallen(&place, name)
        }) {
            return Err(same_key().into());
        }
        let captured = self.capture(tsa, &token).await;
        if let Some(revoked) = captured.revoked.or(captured.held) {
            return Err(StampError::new(Misbehaviour::Revoked, revoked).into());
        }
        let received = clock();
        let kept = captured.kept.into_iter();
        let mut record = TokenRecord {
            authority: tsa.name().clone(),
            url: tsa.public_url(),
            checkpoint: data.to_vec(),
            token: token.token.clone(),
            certificates: token.chain.clone(),
            gen_time: token.gen_time,
            received,
            revocation: kept.map(|kept| kept.revocation).collect(),
        };
        let name = self.keep_token(&place, &mut record).await?;
        round.keep(Vouching::new(authority, name.clone(), &token, received));
        let gen_time = record.gen_time;
        self.await_revocation(place, name.clone(), record, captured.next)
            .await;
        Ok(Anchored {
            place,
            name,
            gen_time,
        })
    }

    /// Who counts in a round, by what is known now.
    pub(super) fn counted(&self, round: &RoundData) -> Vec<Counted> {
        let place = round.begun.get().map(State::place);
        let has_fallen =
            |name: &RecordName| place.is_none_or(|place| self.sweep.has_fallen(&place, name));
        round.counted(has_fallen)
    }

    /// What came of asking an authority, in the light of who counts: a good token does not where another authority has vouched by
    /// its key, or where it has fallen meanwhile.
    pub(super) fn counts(
        &self,
        counted: &[Counted],
        authority: Authority,
        result: Result<Anchored, StampTrouble>,
    ) -> Result<Anchored, StampTrouble> {
        let anchored = result?;
        if counted.iter().any(|one| one.authority == authority) {
            return Ok(anchored);
        }
        let why = if self.sweep.has_fallen(&anchored.place, &anchored.name) {
            let reason =
                "a certificate of the token was revoked, or put on hold, while it was kept";
            StampError::new(Misbehaviour::Revoked, reason)
        } else {
            same_key()
        };
        Err(why.into())
    }

    /// Keeps a token; without the largest of its revocation data where a record cannot hold them all. They are fetched again,
    /// and added by themselves.
    async fn keep_token(
        &self,
        place: &Place,
        record: &mut TokenRecord,
    ) -> Result<RecordName, KeepError> {
        loop {
            let kept = self.records.keep(place, record).await;
            let is_too_long = matches!(
                kept,
                Err(KeepError::Record {
                    error: RecordError::TooLong(_),
                    ..
                })
            );
            let sizes = record.revocation.iter().map(|one| one.data.len());
            let largest = sizes.enumerate().max_by_key(|(_, size)| *size);
            let Some((largest, size)) = largest.filter(|_| is_too_long) else {
                return kept;
            };
            let left_out = record.revocation.swap_remove(largest);
            self.left_out.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                %place, authority = %record.authority, url = %left_out.url, size,
                "revocation data are too large to be kept in the record of their token; the token counts, and they are fetched \
                 again and added by themselves"
            );
        }
    }

    async fn capture(&self, tsa: &Tsa, token: &GoodToken) -> Captured {
        let clock = || self.plan.clock.now();
        let (judge, chain) = (self.records.judge(), &token.chain);
        let captured = self
            .plan
            .capturer
            .capture(judge, tsa.name(), chain, token.gen_time, clock)
            .await;
        for trouble in &captured.troubles {
            tracing::debug!(authority = %tsa.name(), "no revocation data yet: {trouble}");
        }
        captured
    }

    /// Looks at a log once, and asks every authority once.
    pub(super) async fn once(self: &Arc<Self>, log: usize) -> Once {
        #[expect(clippy::expect_used, reason = "the caller counts the logs of the plan")]
        let plan = self
            .plan
            .logs
            .get(log)
            .expect("the caller counts the logs of the plan");
        #[expect(clippy::expect_used, reason = "each log has a desk")]
        let desk = self.desks.get(log).expect("each log has a desk");
        let stamped = match self.look(plan, desk).await {
            Err(trouble) => Err(trouble),
            Ok(witnessed) => {
                let round = RoundData::new(&witnessed);
                let authorities = (0..self.plan.authorities.len()).map(Authority::new);
                let stamps = authorities.map(|authority| self.stamp(plan, &round, authority));
                let stamped = futures_util::future::join_all(stamps).await;
                let counted = self.counted(&round);
                let tsas = self.plan.authorities.iter().enumerate();
                let results = tsas.zip(stamped).map(|((index, tsa), result)| OnceStamped {
                    authority: tsa.name().clone(),
                    result: self.counts(&counted, Authority::new(index), result),
                });
                Ok(results.collect())
            }
        };
        Once {
            origin: plan.followed.origin().to_string(),
            required: plan.options.required(),
            stamped,
        }
    }
}

/// Why an authority does not count by a good token.
fn same_key() -> StampError {
    let reason = "another authority has vouched for this checkpoint by the signer's key of its token: whoever has that key can do so \
                  for both, and they count as one";
    StampError::new(Misbehaviour::SameKey, reason)
}

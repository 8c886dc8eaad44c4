//! The two things that are done for a log: looking at it, and getting one token.

use std::sync::Arc;

use counterfoil_tiles::checkpoint::WitnessedCheckpoint;
use counterfoil_tiles::note::Note;
use tokio::sync::OnceCell;

use super::{Broke, Inner, LogPlan};
use crate::capture::{Captured, Fetched};
use crate::follow::LookError;
use crate::judge::GoodToken;
use crate::moment::Moment;
use crate::names::{AuthorityName, Place, RecordName};
use crate::record::TokenRecord;
use crate::records::KeepError;
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
            Self::Keep(_) => "not-stored",
            Self::Broke(_) => "broke",
        }
    }

    /// The words of which an authority is not the cause.
    pub(crate) const OWN_WORDS: [&'static str; 2] = ["not-stored", "broke"];
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
    Records(#[from] KeepError),
    /// Our own mistake.
    #[error(transparent)]
    Broke(#[from] Broke),
}

impl LookTrouble {
    /// In a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Log(error) => error.word(),
            Self::Records(_) => "not-read",
            Self::Broke(_) => "broke",
        }
    }

    /// The words of which the log is not the cause.
    pub(crate) const OWN_WORDS: [&'static str; 2] = ["not-read", "broke"];

    /// Whether another look soon may bring another answer.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Log(error) => error.is_passing(),
            Self::Records(_) | Self::Broke(_) => true,
        }
    }
}

/// The checkpoint of a round, and whether it is kept.
#[derive(Debug)]
pub(super) struct RoundData {
    note: Note,
    begun: OnceCell<State>,
}

impl RoundData {
    /// A round about a checkpoint that the policy admits.
    pub(super) fn new(witnessed: &WitnessedCheckpoint) -> Self {
        Self {
            note: witnessed.note().clone(),
            begun: OnceCell::new(),
        }
    }

    /// The round of an earlier process, whose checkpoint the policy admits.
    pub(super) fn resumed(state: State) -> Self {
        Self {
            note: state.note().clone(),
            begun: OnceCell::new_with(Some(state)),
        }
    }
}

impl Inner {
    /// Looks at a log: what it publishes, compared with what was anchored. Keeps both checkpoints of a fork.
    pub(super) async fn look(&self, plan: &LogPlan) -> Result<WitnessedCheckpoint, LookTrouble> {
        let log = plan.followed.hash();
        let anchored = self.records.state(log).await?;
        let looked = plan.followed.look(anchored.as_ref()).await;
        if let (Err(LookError::Fork { refused, .. }), Some(anchored)) = (&looked, &anchored)
            && let Err(error) = self.records.keep_fork(log, anchored.note(), refused).await
        {
            tracing::error!(
                origin = %plan.followed.origin(), %error,
                "the checkpoint that proves the fork is not kept; it is tried again with the next look"
            );
        }
        Ok(looked?)
    }

    /// Gets a token of an authority over the checkpoint of a round, and keeps it. When this is done it counts.
    pub(super) async fn stamp(
        &self,
        plan: &LogPlan,
        round: &RoundData,
        tsa: &Tsa,
    ) -> Result<Anchored, StampTrouble> {
        let log = plan.followed.hash();
        let clock = || self.plan.clock.now();
        // The first authority that is asked does it for all.
        let begin = || self.records.begin(log, &round.note, clock());
        let place = round.begun.get_or_try_init(begin).await?.place();
        let data = round.note.as_bytes();
        let token = tsa.stamp(data, clock).await?;
        let captured = self.capture(tsa, &token).await;
        if let Some(revoked) = captured.revoked {
            return Err(StampError::new(Misbehaviour::Revoked, revoked).into());
        }
        let kept = captured.kept.into_iter();
        let record = TokenRecord {
            authority: tsa.name().clone(),
            url: tsa.public_url(),
            checkpoint: data.to_vec(),
            token: token.token,
            certificates: token.chain,
            gen_time: token.gen_time,
            received: clock(),
            revocation: kept.map(|kept| kept.revocation).collect(),
        };
        let name = self.records.keep(&place, &record).await?;
        self.sweep
            .add(tsa, &place, &name, &record, captured.next, clock());
        Ok(Anchored {
            place,
            name,
            gen_time: record.gen_time,
        })
    }

    async fn capture(&self, tsa: &Tsa, token: &GoodToken) -> Captured {
        let fetched = Fetched::default();
        let clock = || self.plan.clock.now();
        let (judge, chain) = (&**tsa.judge(), &token.chain);
        let asking = self
            .plan
            .capturer
            .capture(judge, chain, token.gen_time, &fetched, clock);
        let captured = asking.await;
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
        let stamped = match self.look(plan).await {
            Err(trouble) => Err(trouble),
            Ok(witnessed) => {
                let round = RoundData::new(&witnessed);
                let stamps = self.plan.authorities.iter().map(|tsa| async {
                    OnceStamped {
                        authority: tsa.name().clone(),
                        result: self.stamp(plan, &round, tsa).await,
                    }
                });
                Ok(futures_util::future::join_all(stamps).await)
            }
        };
        Once {
            origin: plan.followed.origin().to_string(),
            required: plan.options.required(),
            stamped,
        }
    }
}

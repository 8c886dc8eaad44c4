//! The two things that are done for a log: looking at it, and getting one token.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use counterfoil_tiles::checkpoint::{OriginHash, WitnessedCheckpoint};
use counterfoil_tiles::note::Note;
use tokio::sync::OnceCell;

use super::newest::{Counting, shares_a_key};
use super::{Broke, Desk, Inner, LogPlan};
use crate::capture::Captured;
use crate::follow::LookError;
use crate::judge::GoodToken;
use crate::moment::Moment;
use crate::names::{AuthorityName, Blobs as _, CheckpointHash, Place, RecordName};
use crate::record::{RecordError, TokenRecord};
use crate::records::{KeepError, MAX_FORKS};
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

fn listed(forks: &BTreeSet<CheckpointHash>) -> String {
    let forks: Vec<String> = forks.iter().map(ToString::to_string).collect();
    forks.join(", ")
}

impl LookTrouble {
    /// In a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Log(error) => error.word(),
            Self::Forked(_) => "fork",
            Self::Records(_) => "not-read",
            Self::Broke(_) => "broke",
        }
    }

    /// Whether the log signed two histories.
    pub fn is_fork(&self) -> bool {
        matches!(self, Self::Log(LookError::Fork { .. }) | Self::Forked(_))
    }

    /// The words of which the log is not the cause.
    pub(crate) const OWN_WORDS: [&'static str; 2] = ["not-read", "broke"];

    /// Whether another look soon may bring another answer.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Log(error) => error.is_passing(),
            Self::Forked(_) => false,
            Self::Records(_) | Self::Broke(_) => true,
        }
    }
}

/// The checkpoint of a round, and whether it is kept.
#[derive(Debug)]
pub(super) struct RoundData {
    note: Note,
    begun: OnceCell<State>,
    claims: Mutex<Claims>,
}

/// Who has vouched for a round, or is about to, and by which keys: no key vouches twice.
#[derive(Debug, Default)]
pub(super) struct Claims(Vec<(AuthorityName, Vec<[u8; 32]>)>);

impl Claims {
    /// Notes that an authority vouches by these keys, unless another does by one of them: then, which.
    fn claim(&mut self, name: &AuthorityName, keys: &[[u8; 32]]) -> Result<(), AuthorityName> {
        let mut others = self.0.iter().filter(|(other, _)| other != name);
        if let Some((other, _)) = others.find(|(_, theirs)| shares_a_key(theirs, keys)) {
            return Err(other.clone());
        }
        self.withdraw(name);
        self.0.push((name.clone(), keys.to_vec()));
        Ok(())
    }

    fn withdraw(&mut self, name: &AuthorityName) {
        self.0.retain(|(other, _)| other != name);
    }
}

impl RoundData {
    /// A round about a checkpoint that the policy admits.
    pub(super) fn new(witnessed: &WitnessedCheckpoint) -> Self {
        Self {
            note: witnessed.note().clone(),
            begun: OnceCell::new(),
            claims: Mutex::default(),
        }
    }

    /// The round of an earlier process, whose checkpoint the policy admits, and who has vouched for it.
    pub(super) fn resumed(state: State, claims: Claims) -> Self {
        Self {
            note: state.note().clone(),
            begun: OnceCell::new_with(Some(state)),
            claims: Mutex::new(claims),
        }
    }

    fn claims(&self) -> MutexGuard<'_, Claims> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
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
        let log = plan.followed.hash();
        let anchored = self.anchored(log).await?;
        let looked = plan.followed.look(anchored.as_ref()).await;
        if let (Err(LookError::Fork { refused, .. }), Some(anchored)) = (&looked, &anchored) {
            *desk.fork() = Some((anchored.note().clone(), (**refused).clone()));
        }
        let seen = desk.fork().clone();
        if let Some((anchored, refused)) = &seen {
            match self.records.keep_fork(log, anchored, refused).await {
                Ok(true) => *desk.fork() = None,
                Ok(false) => {
                    tracing::error!(
                        origin = %plan.followed.origin(),
                        "another fork, of which the checkpoints are not kept: {MAX_FORKS} are"
                    );
                }
                Err(error) => tracing::error!(
                    origin = %plan.followed.origin(), %error,
                    "the checkpoint that proves the fork is not kept; it is tried again with the next look"
                ),
            }
        }
        let mut forks = self.records.with_index(|index| index.forks(log));
        desk.status().forks = forks.len();
        if let Some((_, refused)) = &*desk.fork() {
            forks.insert(CheckpointHash::of(refused.as_bytes()));
        }
        let open: BTreeSet<_> = forks.difference(&plan.known_forks).copied().collect();
        let witnessed = looked?;
        if open.is_empty() {
            Ok(witnessed)
        } else {
            Err(LookTrouble::Forked(open))
        }
    }

    /// What binds the anchor: what its register says, or a larger checkpoint in the records, where the register was lost or is
    /// from an older backup.
    async fn anchored(&self, log: OriginHash) -> Result<Option<State>, KeepError> {
        let state = self.records.state(log).await?;
        let size = state.as_ref().map(|state| state.checkpoint().size());
        let larger = self.records.with_index(|index| index.largest_stamped(log));
        let Some(place) = larger.filter(|place| size.is_none_or(|size| size < place.size)) else {
            return Ok(state);
        };
        // What is damaged is told where it is read.
        let kept = self.records.read(&place.checkpoint()).await.ok().flatten();
        let note = kept.and_then(|bytes| Note::parse(&bytes).ok());
        let now = self.plan.clock.now();
        let recorded = note.and_then(|note| State::after(state.as_ref(), note, now).ok());
        Ok(recorded
            .filter(|recorded| recorded.place() == place)
            .or(state))
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
        if let Some(revoked) = captured.revoked.or(captured.held) {
            return Err(StampError::new(Misbehaviour::Revoked, revoked).into());
        }
        let claimed = round.claims().claim(tsa.name(), &token.keys);
        claimed.map_err(|other| {
            let reason = format!(
                "its chain has a key in common with that of {other}, which has vouched for this checkpoint: whoever has that key \
                 could do so for both, and they count as one"
            );
            StampError::new(Misbehaviour::SameKey, reason)
        })?;
        let kept = captured.kept.into_iter();
        let mut record = TokenRecord {
            authority: tsa.name().clone(),
            url: tsa.public_url(),
            checkpoint: data.to_vec(),
            token: token.token,
            certificates: token.chain,
            gen_time: token.gen_time,
            received: clock(),
            revocation: kept.map(|kept| kept.revocation).collect(),
        };
        let kept = self.keep_token(&place, &mut record).await;
        // What was not stored does not vouch.
        let name = kept.inspect_err(|_| round.claims().withdraw(tsa.name()))?;
        let judge = self.records.judge();
        self.sweep
            .add(judge, &place, &name, &record, captured.next, clock());
        Ok(Anchored {
            place,
            name,
            gen_time: record.gen_time,
        })
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

    /// Who vouches by these tokens, and by which keys.
    pub(super) fn claims(&self, counted: &[Counting]) -> Claims {
        let claim = |one: &Counting| {
            let tsa = self.plan.authorities.get(one.authority.index())?;
            Some((tsa.name().clone(), one.token.keys.clone()))
        };
        Claims(counted.iter().filter_map(claim).collect())
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

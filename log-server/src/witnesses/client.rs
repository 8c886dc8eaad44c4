//! Collects cosignatures: all witnesses at once, each at its own pace, one request to each at a time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use counterfoil_tiles::checkpoint::{LogKey, Origin, PublishError, SignedCheckpoint};
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::note::{Note, SignatureLine};
use counterfoil_tiles::policy::Policy;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::conversation::{Clock, Proofs, Question, Reply, show};
use super::endpoint::{Place, WitnessName, WitnessesError, is_by, origin_of, places};
use super::merge::add_cosignatures;
use super::outcome::{Cosignature, LastAnswer, Outcome};
use super::transport::{Transport, TransportError};

/// How the witnesses are asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a round lasts at most. Default: 5 s.
    pub round_deadline: Duration,
    /// How long after the start of a round a witness may still answer; what comes after the round is a late cosignature. At
    /// least as long as the round. Default: 10 s.
    pub request_deadline: Duration,
    /// Monitoring prefixes of witnesses where they are not the submission prefix.
    pub monitoring: Vec<(WitnessName, String)>,
    /// The time of day.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            round_deadline: Duration::from_secs(5),
            request_deadline: Duration::from_secs(10),
            monitoring: Vec::new(),
            clock: Clock::default(),
        }
    }
}

/// Whom a round asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// The witnesses that are not known to have cosigned this checkpoint; what the others have signed counts.
    Missing,
    /// All of them, as if none had cosigned it: for new timestamps. A witness of which nothing is known is taken to have
    /// cosigned it.
    All,
}

/// What ends a round before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    Quorum,
    All,
}

/// Cosignatures that came after the end of their round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Late {
    /// Size of the checkpoint.
    pub size: TreeSize,
    /// Root of the checkpoint.
    pub root: NodeHash,
    /// Verified, of one witness.
    pub lines: Vec<SignatureLine>,
}

/// What one round brought.
#[derive(Debug, Clone)]
pub struct Round {
    /// The good cosignatures of the checkpoint, the newest by each key, in the policy's order.
    pub cosignatures: Vec<Cosignature>,
    /// Whether they satisfy the policy's quorum.
    pub quorum: bool,
    /// What each witness did, in the policy's order.
    pub answers: Vec<WitnessAnswer>,
}

impl Round {
    /// The witnesses that say that they have cosigned a larger tree, and its size.
    pub fn ahead(&self) -> impl Iterator<Item = (&WitnessAnswer, TreeSize)> {
        self.answers
            .iter()
            .filter_map(|answer| match answer.outcome {
                Outcome::Ahead { size } => Some((answer, size)),
                _ => None,
            })
    }

    /// The checkpoint with the cosignatures of the round (see [`add_cosignatures`]).
    pub fn cosigned(&self, note: &Note, policy: &Policy) -> Result<Note, PublishError> {
        let lines: Vec<SignatureLine> = self
            .cosignatures
            .iter()
            .map(|cosignature| cosignature.line.clone())
            .collect();
        add_cosignatures(note, &lines, policy)
    }

    /// What is missing, in words: each witness that has not cosigned, and why.
    pub fn trouble(&self) -> String {
        let troubles: Vec<String> = self
            .answers
            .iter()
            .filter(|answer| answer.outcome != Outcome::Cosigned)
            .map(ToString::to_string)
            .collect();
        troubles.join("; ")
    }
}

/// What one witness did in a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessAnswer {
    /// Its names in the policy: one for each of its keys.
    pub witnesses: Vec<WitnessName>,
    /// Its submission prefix.
    pub url: String,
    /// What it did.
    pub outcome: Outcome,
}

impl std::fmt::Display for WitnessAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<String> = self.witnesses.iter().map(ToString::to_string).collect();
        write!(f, "{} ({}) {}", names.join(", "), self.url, self.outcome)
    }
}

/// What is known of one witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessStatus {
    /// Its names in the policy.
    pub witnesses: Vec<WitnessName>,
    /// Its submission prefix.
    pub url: String,
    /// The size that it has cosigned last, as far as it is known since the start.
    pub recorded: Option<TreeSize>,
    /// Its last answer.
    pub last: Option<LastAnswer>,
    /// Its last answer that was a cosignature.
    pub cosigned: Option<LastAnswer>,
    /// How often it was asked since the start; a second request after a 409 is not counted.
    pub asked: u64,
    /// How often it did not cosign.
    pub failed: u64,
}

/// The witnesses of one log. Dropping it gives all requests up.
pub struct Witnesses {
    shared: Arc<Shared>,
    requests: Mutex<JoinSet<()>>,
}

pub(super) struct Shared {
    policy: Arc<Policy>,
    pub(super) log: Vec<LogKey>,
    origin: Origin,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) options: Options,
    pub(super) desks: Vec<Desk>,
    late: mpsc::Sender<Late>,
}

/// One witness service and what is remembered of it.
pub(super) struct Desk {
    pub(super) place: Place,
    /// Held by the request that is under way.
    turn: tokio::sync::Mutex<()>,
    /// The number of the latest round that asks here: earlier ones that still wait give up.
    latest: AtomicU64,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    recorded: Option<TreeSize>,
    signed: Option<Signed>,
    last: Option<LastAnswer>,
    cosigned: Option<LastAnswer>,
    asked: u64,
    failed: u64,
}

/// The checkpoint that a witness has cosigned last.
#[derive(Debug, Clone)]
struct Signed {
    text: String,
    size: TreeSize,
    since: Instant,
    cosignatures: Vec<Cosignature>,
}

impl Witnesses {
    /// The witnesses of the policy that have a URL, for the log with these keys. Late cosignatures go to `late`; when it is
    /// full they are dropped, and the next round for the same checkpoint finds them in memory.
    pub fn new(
        policy: Arc<Policy>,
        log: Vec<LogKey>,
        transport: Arc<dyn Transport>,
        options: Options,
        late: mpsc::Sender<Late>,
    ) -> Result<Self, WitnessesError> {
        let origin = origin_of(&log)?;
        let desks = places(&policy, &origin, &options.monitoring)?;
        let desks = desks.into_iter().map(Desk::new).collect();
        let shared = Shared {
            policy,
            log,
            origin,
            transport,
            options,
            desks,
            late,
        };
        Ok(Self {
            shared: Arc::new(shared),
            requests: Mutex::default(),
        })
    }

    /// The policy.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.shared.policy
    }

    /// What is known of each witness, in the policy's order.
    pub fn status(&self) -> Vec<WitnessStatus> {
        self.shared.desks.iter().map(Desk::status).collect()
    }

    /// Takes the cosignatures that stand on a checkpoint as if they had just come: for the published one, at the start. Those
    /// that do not verify are left out.
    pub fn remember(&self, signed: &SignedCheckpoint) {
        let keys = self.shared.policy.witness_keys();
        let checkpoint = signed.checkpoint();
        for desk in &self.shared.desks {
            let own = signed.note().signatures().iter();
            let cosignatures: Vec<Cosignature> = own
                .filter(|line| desk.place.signs(line))
                .filter_map(|line| {
                    let alone = Note::new(signed.note().text(), vec![line.clone()]).ok()?;
                    let by = alone.verify(keys).ok()?.pop()?;
                    let line = line.clone();
                    Some(Cosignature { line, by })
                })
                .collect();
            if !cosignatures.is_empty() {
                desk.has_signed(signed.note().text(), checkpoint.size(), cosignatures);
            }
        }
    }

    /// Asks witnesses to cosign a checkpoint, until the quorum is there, all have answered or the time is over. What is still
    /// under way then goes on until its own deadline.
    ///
    /// The round for a later checkpoint waits, witness by witness, for the request before it. Cancelling the future ends the
    /// round and no request.
    pub async fn cosign(
        &self,
        signed: &SignedCheckpoint,
        proofs: Arc<dyn Proofs>,
        ask: Ask,
    ) -> Round {
        self.round(signed, proofs, ask, Until::Quorum).await
    }

    /// Shows all witnesses a checkpoint as if they had cosigned it, and waits for each until the end of the round, quorum or
    /// not: for the startup guard.
    pub async fn probe(&self, signed: &SignedCheckpoint, proofs: Arc<dyn Proofs>) -> Round {
        self.round(signed, proofs, Ask::All, Until::All).await
    }

    async fn round(
        &self,
        signed: &SignedCheckpoint,
        proofs: Arc<dyn Proofs>,
        ask: Ask,
        until: Until,
    ) -> Round {
        let began = Instant::now();
        let round_deadline = began + self.shared.options.round_deadline;
        let text = signed.note().text();
        let mut gathering = Gathering::new(&self.shared);
        let mut missing = Vec::new();
        for (at, desk) in self.shared.desks.iter().enumerate() {
            match desk.signed_since(text, (ask == Ask::All).then_some(began)) {
                Some(reply) => gathering.take(at, reply),
                None => missing.push(at),
            }
        }
        if missing.is_empty() {
            return gathering.end();
        }
        let question = Arc::new(Question {
            signed: own_signatures(signed),
            proofs,
            deadline: round_deadline.max(began + self.shared.options.request_deadline),
        });
        // One message a witness.
        let (tell, mut replies) = mpsc::channel(missing.len());
        for at in missing {
            self.spawn(at, Arc::clone(&question), ask, began, tell.clone());
        }
        drop(tell);
        while until == Until::All || !gathering.quorum() {
            match timeout_at(round_deadline, replies.recv()).await {
                Ok(Some((at, reply))) => gathering.take(at, reply),
                Ok(None) | Err(_) => break,
            }
        }
        // From here on replies are late; those that were sent before belong to the round.
        replies.close();
        while let Ok((at, reply)) = replies.try_recv() {
            gathering.take(at, reply);
        }
        gathering.end()
    }

    /// Gives up all requests and waits until they are gone.
    pub async fn close(&self) {
        let mut requests = std::mem::take(&mut *lock(&self.requests));
        requests.shutdown().await;
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    fn spawn(
        &self,
        at: usize,
        question: Arc<Question>,
        ask: Ask,
        began: Instant,
        tell: mpsc::Sender<(usize, Reply)>,
    ) {
        let shared = Arc::clone(&self.shared);
        let Some(number) = shared.desks.get(at).map(Desk::number) else {
            return;
        };
        let mut requests = lock(&self.requests);
        while requests.try_join_next().is_some() {}
        requests.spawn(async move {
            let reply = shared.ask(at, number, &question, ask, began).await;
            if let Err(error) = tell.send((at, reply)).await {
                let (_, reply) = error.0;
                shared.came_late(&question, &reply);
            }
        });
    }
}

impl std::fmt::Debug for Witnesses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Witnesses")
            .field("origin", &self.shared.origin)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// Waits for the turn, and asks.
    async fn ask(
        &self,
        at: usize,
        number: u64,
        question: &Question,
        ask: Ask,
        began: Instant,
    ) -> Reply {
        let Some(desk) = self.desks.get(at) else {
            return Outcome::Superseded.into();
        };
        let Ok(_turn) = timeout_at(question.deadline, desk.turn.lock()).await else {
            return Outcome::Superseded.into();
        };
        if let Some(reply) = desk.signed_since(
            question.signed.note().text(),
            (ask == Ask::All).then_some(began),
        ) {
            return reply;
        }
        if desk.latest.load(Ordering::SeqCst) != number {
            return Outcome::Superseded.into();
        }
        let started = Instant::now();
        let conversation = show(
            question,
            &desk.place,
            desk.guess(ask, question.signed.checkpoint().size()),
            self.policy.witness_keys(),
            &self.options.clock,
            &*self.transport,
        );
        let reply = match timeout_at(question.deadline, conversation).await {
            Ok(reply) => reply,
            Err(_) => Outcome::NoAnswer(TransportError::Deadline(started.elapsed())).into(),
        };
        self.note_down(desk, question, &reply, started);
        reply
    }

    fn note_down(&self, desk: &Desk, question: &Question, reply: &Reply, started: Instant) {
        let size = question.signed.checkpoint().size();
        let last = LastAnswer {
            size,
            when: self.options.clock.now(),
            latency: started.elapsed(),
            outcome: reply.outcome.clone(),
        };
        let (origin, witness) = (&self.origin, &desk.place);
        let before = desk.answered(last, reply.recorded);
        if reply.outcome == Outcome::Cosigned {
            let text = question.signed.note().text();
            desk.has_signed(text, size, reply.cosignatures.clone());
            if before.is_some_and(|before| before != Outcome::Cosigned) {
                tracing::info!(%origin, %witness, url = witness.url, %size, "the witness cosigns again");
            }
        } else if !before.is_some_and(|before| before.is_like(&reply.outcome)) {
            tracing::warn!(
                %origin, %witness, url = witness.url, %size,
                "the witness has not cosigned: {}; it is asked again with every checkpoint", reply.outcome
            );
        }
    }

    fn came_late(&self, question: &Question, reply: &Reply) {
        if reply.cosignatures.is_empty() {
            return;
        }
        let checkpoint = question.signed.checkpoint();
        let lines = reply.cosignatures.iter();
        let late = Late {
            size: checkpoint.size(),
            root: *checkpoint.root(),
            lines: lines.map(|cosignature| cosignature.line.clone()).collect(),
        };
        if let Err(error) = self.late.try_send(late) {
            tracing::debug!(origin = %self.origin, "a late cosignature is left to the next round: {error}");
        }
    }
}

impl Desk {
    fn new(place: Place) -> Self {
        Self {
            place,
            turn: tokio::sync::Mutex::default(),
            latest: AtomicU64::default(),
            memory: Mutex::default(),
        }
    }

    fn number(&self) -> u64 {
        self.latest.fetch_add(1, Ordering::SeqCst).wrapping_add(1)
    }

    fn guess(&self, ask: Ask, size: TreeSize) -> TreeSize {
        // SPEC(tlog-witness): "If a client doesn't have information on the latest cosigned checkpoint, it MAY initially make
        // a request with a old size of zero to obtain it."
        let unknown = match ask {
            Ask::Missing => TreeSize::ZERO,
            Ask::All => size,
        };
        // SPEC(tlog-witness): "The old size MUST be equal to or lower than the checkpoint size."
        lock(&self.memory).recorded.unwrap_or(unknown).min(size)
    }

    /// What it has signed of a text, if that is all that a round wants: at any time, or not before a time.
    fn signed_since(&self, text: &str, since: Option<Instant>) -> Option<Reply> {
        let memory = lock(&self.memory);
        let signed = memory.signed.as_ref().filter(|signed| {
            signed.text == text && since.is_none_or(|since| signed.since >= since)
        })?;
        Some(Reply {
            outcome: Outcome::Cosigned,
            cosignatures: signed.cosignatures.clone(),
            recorded: memory.recorded,
        })
    }

    fn has_signed(&self, text: &str, size: TreeSize, cosignatures: Vec<Cosignature>) {
        let mut memory = lock(&self.memory);
        let signed = Signed {
            text: text.to_owned(),
            size,
            since: Instant::now(),
            cosignatures,
        };
        if memory
            .signed
            .as_ref()
            .is_none_or(|known| known.size <= size)
        {
            memory.signed = Some(signed);
        }
        memory.recorded = memory.recorded.max(Some(size));
    }

    /// Notes an answer down; returns what came of the one before.
    fn answered(&self, last: LastAnswer, recorded: Option<TreeSize>) -> Option<Outcome> {
        let mut memory = lock(&self.memory);
        memory.asked = memory.asked.saturating_add(1);
        if last.outcome == Outcome::Cosigned {
            memory.cosigned = Some(last.clone());
        } else {
            memory.failed = memory.failed.saturating_add(1);
        }
        memory.recorded = recorded.or(memory.recorded);
        memory.last.replace(last).map(|before| before.outcome)
    }

    fn status(&self) -> WitnessStatus {
        let memory = lock(&self.memory);
        WitnessStatus {
            witnesses: self.place.names(),
            url: self.place.url.clone(),
            recorded: memory.recorded,
            last: memory.last.clone(),
            cosigned: memory.cosigned.clone(),
            asked: memory.asked,
            failed: memory.failed,
        }
    }
}

/// What has come of a round so far.
struct Gathering<'a> {
    shared: &'a Shared,
    cosignatures: Vec<Cosignature>,
    outcomes: Vec<Outcome>,
}

impl<'a> Gathering<'a> {
    fn new(shared: &'a Shared) -> Self {
        Self {
            shared,
            cosignatures: Vec::new(),
            outcomes: vec![Outcome::Pending; shared.desks.len()],
        }
    }

    fn take(&mut self, at: usize, reply: Reply) {
        for new in reply.cosignatures {
            let mut known = self.cosignatures.iter_mut();
            match known.find(|known| known.line.same_key(&new.line)) {
                None => self.cosignatures.push(new),
                Some(known) if known.by.timestamp < new.by.timestamp => *known = new,
                Some(_) => {}
            }
        }
        if let Some(outcome) = self.outcomes.get_mut(at) {
            *outcome = reply.outcome;
        }
    }

    fn quorum(&self) -> bool {
        let cosigned = &self.cosignatures;
        let by = |witness: &_| cosigned.iter().any(|line| is_by(&line.line, witness));
        self.shared.policy.satisfied_by(by)
    }

    fn end(mut self) -> Round {
        let witnesses = self.shared.policy.witnesses();
        self.cosignatures.sort_by_key(|cosignature| {
            let mut witnesses = witnesses.iter();
            witnesses.position(|witness| is_by(&cosignature.line, witness))
        });
        let answers = self.shared.desks.iter().zip(&self.outcomes);
        Round {
            quorum: self.quorum(),
            answers: answers
                .map(|(desk, outcome)| WitnessAnswer {
                    witnesses: desk.place.names(),
                    url: desk.place.url.clone(),
                    outcome: outcome.clone(),
                })
                .collect(),
            cosignatures: self.cosignatures,
        }
    }
}

/// The checkpoint with nothing but what the log signed. What other signers put there is no witness's business, and lines of
/// their keys would have to verify.
fn own_signatures(signed: &SignedCheckpoint) -> SignedCheckpoint {
    signed.without_others().unwrap_or_else(|_| signed.clone())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

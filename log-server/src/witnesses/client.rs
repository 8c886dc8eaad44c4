//! Collects cosignatures: all witnesses at once, each at its own pace, one request to each at a time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use counterfoil_tiles::checkpoint::{LogKey, Origin, SignedCheckpoint};
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::note::{Note, SignatureLine};
use counterfoil_tiles::policy::Policy;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::conversation::{Clock, Proofs, Question, Reply, show};
use super::desk::{Desk, News, WitnessStatus, lock};
use super::endpoint::{WitnessName, WitnessesError, origin_of, places};
use super::outcome::{Cosignature, LastAnswer, Outcome};
use super::round::{Gathering, Round};
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
    /// The witnesses that are not known to have cosigned this checkpoint by each of their keys; what is known counts.
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
        let began = Instant::now();
        self.round(signed, proofs, ask, Until::Quorum, began).await
    }

    /// Shows all witnesses a checkpoint as if they had cosigned it, and waits for each as long as it may take to answer, quorum or
    /// not: for the startup guard, for which a slow witness counts as much as a fast one. What was cosigned since `since`, in an
    /// earlier probe, counts too: witnesses of which each answers now and then make a quorum in the end.
    pub async fn probe(
        &self,
        signed: &SignedCheckpoint,
        proofs: Arc<dyn Proofs>,
        since: Instant,
    ) -> Round {
        self.round(signed, proofs, Ask::All, Until::All, since)
            .await
    }

    async fn round(
        &self,
        signed: &SignedCheckpoint,
        proofs: Arc<dyn Proofs>,
        ask: Ask,
        until: Until,
        began: Instant,
    ) -> Round {
        let now = Instant::now();
        let round_deadline = now + self.shared.options.round_deadline;
        let text = signed.note().text();
        let mut gathering = Gathering::new(&self.shared.policy, &self.shared.desks);
        let mut missing = Vec::new();
        for (at, desk) in self.shared.desks.iter().enumerate() {
            let known = desk.signed_since(text, (ask == Ask::All).then_some(began));
            if !known
                .as_ref()
                .is_some_and(|reply| desk.is_enough(reply, ask))
            {
                missing.push(at);
            }
            if let Some(reply) = known {
                gathering.take(at, reply);
            }
        }
        if missing.is_empty() {
            return gathering.end();
        }
        let question = Arc::new(Question {
            signed: own_signatures(signed),
            proofs,
            deadline: round_deadline.max(now + self.shared.options.request_deadline),
        });
        // One message a witness.
        let (tell, mut replies) = mpsc::channel(missing.len());
        for at in missing {
            self.spawn(at, Arc::clone(&question), ask, began, tell.clone());
        }
        drop(tell);
        let end = match until {
            Until::Quorum => round_deadline,
            Until::All => question.deadline,
        };
        while until == Until::All || !gathering.quorum() {
            match timeout_at(end, replies.recv()).await {
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
        let text = question.signed.note().text();
        let known = desk.signed_since(text, (ask == Ask::All).then_some(began));
        if let Some(reply) = known.filter(|reply| desk.is_enough(reply, ask)) {
            return reply;
        }
        if !desk.is_latest(number) {
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
        let news = desk.answered(last, reply.recorded);
        if reply.outcome == Outcome::Cosigned {
            let text = question.signed.note().text();
            desk.has_signed(text, size, reply.cosignatures.clone());
        }
        match news {
            News::None => {}
            News::Cosigns => {
                tracing::info!(%origin, %witness, url = witness.url, %size, "the witness cosigns again");
            }
            News::Trouble { left_out } => {
                tracing::warn!(
                    %origin, %witness, url = witness.url, %size, left_out,
                    "the witness has not cosigned: {}; it is asked again with every checkpoint", reply.outcome
                );
            }
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

/// The checkpoint with nothing but what the log signed. What other signers put there is no witness's business, and lines of
/// their keys would have to verify.
fn own_signatures(signed: &SignedCheckpoint) -> SignedCheckpoint {
    signed.without_others().unwrap_or_else(|_| signed.clone())
}

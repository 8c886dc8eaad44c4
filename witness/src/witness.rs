//! The witness: verify, judge, sign, record, and only then answer.
//!
//! Requests for one log come one after the other; requests for many logs are recorded together, because the store commits
//! in groups what waits at the same time. Between processes on one database the store's compare-and-swap decides: whoever
//! finds another's record judges again, by that.
//!
//! A signature that is not known to be recorded never leaves. After an unknown outcome nothing is remembered about the log,
//! and what the register holds is read before the next judgement; if the lost write lands later still, the next replacement
//! conflicts, and is judged by what landed.

mod options;
mod slot;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use bytes::Bytes;
use counterfoil_store::{BlobStore, HeadStore, ReadError, ReplaceError};
use counterfoil_tiles::cosignature::Timestamp;
use counterfoil_tiles::misbehaviour::ProvedMisbehaviour;
use counterfoil_tiles::note::{Note, SignatureLine};
use counterfoil_tiles::witness_wire::{AddCheckpointRequest, SignSubtreeRequest};

use crate::OriginHash;
use crate::answer::{AddAnswer, SubtreeAnswer, Unavailable};
use crate::copies::{CopyWriter, Guard};
use crate::evidence::{Evidence, EvidenceId, Kept};
use crate::judge::{Consistent, MAX_TEXT, Refusal, Submission, SubtreeRefusal, judge_subtree};
use crate::logs::{Log, Logs};
use crate::record::{Recorded, note_bytes, register};
use crate::signers::Signers;

pub use options::{Counts, Options};
use slot::{Held, Slots, State};

/// How often a request is judged before it is given up, while other processes change the record of its log.
const MAX_ATTEMPTS: usize = 8;

/// How far the clock may be behind the latest cosignature of a log; a clock that was set right steps back by less, and
/// the time of that cosignature is used again.
const MAX_STEP_BACK: Duration = Duration::from_mins(5);

/// When a log that is over its rate may come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter(pub Duration);

/// A witness.
pub struct Witness {
    signers: Signers,
    logs: ArcSwap<Logs>,
    heads: Arc<dyn HeadStore>,
    evidence: Evidence,
    guard: Guard,
    copies: Arc<CopyWriter>,
    halt_on_misbehaviour: bool,
    slots: Slots,
    counts: Counts,
}

impl Witness {
    /// A witness over its registers and its blobs. Reads nothing.
    pub fn new(
        signers: Signers,
        logs: Logs,
        heads: Arc<dyn HeadStore>,
        blobs: Arc<dyn BlobStore>,
        options: Options,
    ) -> Self {
        Self {
            signers,
            logs: ArcSwap::from_pointee(logs),
            heads,
            evidence: Evidence::new(blobs),
            guard: options.guard,
            copies: options.copies,
            halt_on_misbehaviour: options.halt_on_misbehaviour,
            slots: Slots::new(options.cached_logs),
            counts: Counts::default(),
        }
    }

    /// The logs that it knows.
    pub fn logs(&self) -> Arc<Logs> {
        self.logs.load_full()
    }

    /// Replaces the logs that it knows. Requests under way go on with those before.
    pub fn replace_logs(&self, logs: Logs) {
        self.logs.store(Arc::new(logs));
    }

    /// Its keys.
    pub fn signers(&self) -> &Signers {
        &self.signers
    }

    /// What happened since the start.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The copies that guard it, and what they showed.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// What writes its copies.
    pub fn copies(&self) -> &Arc<CopyWriter> {
        &self.copies
    }

    /// Answers add-checkpoint. `admit` is asked once, when the checkpoint would be cosigned and makes the log grow: it charges the
    /// log's rate. What is recorded already anybody can fetch and send again, so that is not the log's to pay for.
    ///
    /// If the future is dropped the checkpoint may have been recorded or not; the next request finds out.
    pub async fn add_checkpoint(
        &self,
        body: &[u8],
        now: SystemTime,
        admit: impl FnOnce(&Log) -> Result<(), RetryAfter> + Send,
    ) -> AddAnswer {
        let request = match AddCheckpointRequest::parse(body) {
            Ok(request) => request,
            Err(error) => return AddAnswer::Malformed(error),
        };
        let found = request.note().text().len();
        if found > MAX_TEXT {
            return AddAnswer::TextTooLong { found };
        }
        // SPEC(tlog-witness): "If the checkpoint origin is unknown, the witness MUST respond with a "404 Not Found" HTTP
        // status code."
        let origin = request.checkpoint().origin();
        let Some(log) = self.logs.load().find(origin).cloned() else {
            return AddAnswer::UnknownOrigin(origin.clone());
        };
        let submission = match Submission::verify(&request, &log) {
            Ok(submission) => submission,
            Err(error) => return AddAnswer::Forbidden(error),
        };
        if let Err(unavailable) = self.guard.refuse() {
            return AddAnswer::Unavailable(unavailable);
        }
        match self.submit(&submission, now, admit).await {
            Ok(answer) => answer,
            Err(unavailable) => AddAnswer::Unavailable(unavailable),
        }
    }

    /// Answers sign-subtree. `admit` is asked when the subtree would be signed.
    pub fn sign_subtree(
        &self,
        body: &[u8],
        admit: impl FnOnce(&Log) -> Result<(), RetryAfter>,
    ) -> SubtreeAnswer {
        if !self.signers.sign_subtrees() {
            return SubtreeAnswer::NotSupported;
        }
        // SPEC(tlog-witness): "If the request is invalid according to the rules above, the witness MUST respond with a "400
        // Bad Request" HTTP status code."
        let request = match SignSubtreeRequest::parse(body) {
            Ok(request) => request,
            Err(error) => return SubtreeAnswer::Malformed(error),
        };
        let origin = request.checkpoint().origin();
        let Some(log) = self.logs.load().find(origin).cloned() else {
            return SubtreeAnswer::UnknownOrigin(origin.clone());
        };
        let part = match judge_subtree(request, self.signers.ring()) {
            Ok(part) => part,
            Err(SubtreeRefusal::NotCosigned(error)) => return SubtreeAnswer::Forbidden(error),
            Err(SubtreeRefusal::Proof(error)) => return SubtreeAnswer::Inconsistent(error),
        };
        if let Err(unavailable) = self.guard.refuse() {
            return SubtreeAnswer::Unavailable(unavailable);
        }
        if let Err(RetryAfter(retry_after)) = admit(&log) {
            return SubtreeAnswer::Limited { retry_after };
        }
        match self.signers.sign_subtree(&part) {
            Ok(lines) => SubtreeAnswer::Signed { log, lines },
            Err(error) => SubtreeAnswer::Unavailable(Unavailable::Signer(error)),
        }
    }

    /// The latest checkpoint that was cosigned for a log, with the cosignatures that were returned; none if there is none.
    // SPEC(tlog-witness): "The response body MUST be a [checkpoint][] for the log identified by the origin, and it MUST
    // include the cosignature(s) from the witness's key(s) that were returned from add-checkpoint and the cosignature from
    // the log key(s) that the witness verified."
    pub async fn checkpoint(&self, log: OriginHash) -> Result<Option<Note>, Unavailable> {
        let held = self.fetch(log).await?;
        Ok(held.recorded.map(|recorded| recorded.note().clone()))
    }

    /// The files of evidence about a log, by their SHA-256, in ascending order; at most
    /// [`MAX_FILES`](crate::evidence::MAX_FILES) or a few more.
    pub async fn evidence(&self, log: OriginHash) -> Result<Vec<EvidenceId>, Unavailable> {
        let listed = self.evidence.list(log).await;
        listed.map_err(Unavailable::Evidence)
    }

    /// A file of evidence (`application/json`); none if there is no such file.
    pub async fn evidence_file(
        &self,
        log: OriginHash,
        id: &EvidenceId,
    ) -> Result<Option<Bytes>, Unavailable> {
        let file = self.evidence.get(log, id).await;
        file.map_err(Unavailable::Evidence)
    }

    /// Compares the records of all logs of which there are copies with those copies, as a start should; takes time in
    /// their number, and may run beside requests.
    pub async fn sweep_copies(&self) {
        for source in self.guard.sources() {
            let listed = match source.list().await {
                Ok(listed) => listed.unwrap_or_default(),
                Err(error) => {
                    self.guard.not_listed(source.place(), &error);
                    continue;
                }
            };
            for log in listed {
                let checked = self.fetch_guarded(log).await;
                match checked {
                    Ok(_) => {}
                    Err(Unavailable::RolledBack(_)) => return, // logged, and nothing is signed any more
                    Err(error) => tracing::error!(%log, %error, "a copy was not compared"),
                }
            }
        }
    }

    async fn submit(
        &self,
        submission: &Submission,
        now: SystemTime,
        admit: impl FnOnce(&Log) -> Result<(), RetryAfter>,
    ) -> Result<AddAnswer, Unavailable> {
        let log = submission.log();
        let slot = self.slots.of(log.hash());
        let mut state = slot.enter().await?;
        let mut admit = Some(admit);
        for _ in 0..MAX_ATTEMPTS {
            let remembered = state.held.is_some();
            let held = self.held(log.hash(), &mut state).await?;
            let judgement = submission.judge(held.recorded.as_ref());
            let consistent = match judgement.verdict {
                Ok(consistent) => consistent,
                // Another process may have recorded more since: a refusal is by what the register holds now.
                Err(_) if remembered => continue,
                Err(refusal) => {
                    state.held = Some(held);
                    if let Some(proved) = judgement.misbehaviour {
                        self.misbehaved(log, &proved).await;
                    }
                    return Ok(refused(refusal));
                }
            };
            self.may_cosign(log).await?;
            let again = held.recorded.as_ref().is_some_and(|recorded| {
                recorded.checkpoint().size() == consistent.signed().checkpoint().size()
            });
            if !again
                && let Some(admit) = admit.take()
                && let Err(RetryAfter(retry_after)) = admit(log)
            {
                state.held = Some(held);
                return Ok(AddAnswer::Limited { retry_after });
            }
            let (new, lines) = self.sign(&consistent, held.recorded.as_ref(), now)?;
            if self.record(log.hash(), held, new, &mut state).await? {
                let log = Arc::clone(log);
                return Ok(AddAnswer::Cosigned { log, lines, again });
            }
        }
        let attempts = MAX_ATTEMPTS;
        Err(Unavailable::Contended { attempts })
    }

    /// What is remembered about a log, or what its register holds. Nothing is remembered after it is taken, so that
    /// whatever ends here, dropped futures included, the next request reads the register.
    async fn held(&self, log: OriginHash, state: &mut State) -> Result<Held, Unavailable> {
        if let Some(held) = state.held.take() {
            return Ok(held);
        }
        if state.guarded {
            return self.fetch(log).await;
        }
        let held = self.fetch_guarded(log).await?;
        state.guarded = true;
        Ok(held)
    }

    /// What a log's register holds, compared with the log's copies.
    async fn fetch_guarded(&self, log: OriginHash) -> Result<Held, Unavailable> {
        let copies = self.guard.read(log, self.signers.ring()).await;
        let held = self.fetch(log).await?;
        self.guard.check(held.recorded.as_ref(), copies)?;
        Ok(held)
    }

    /// What the operator wants not to be cosigned, though it could be.
    async fn may_cosign(&self, log: &Log) -> Result<(), Unavailable> {
        self.guard.refuse()?;
        if log.options().paused {
            return Err(Unavailable::Paused);
        }
        if self.halt_on_misbehaviour {
            let proved = self.evidence.any(log.hash()).await;
            if proved.map_err(Unavailable::Evidence)? {
                return Err(Unavailable::Halted);
            }
        }
        Ok(())
    }

    /// Keeps the proof that a log misbehaved, and says so. The request is answered all the same.
    async fn misbehaved(&self, log: &Log, proved: &ProvedMisbehaviour) {
        self.counts.misbehaviour.fetch_add(1, Ordering::Relaxed);
        let origin = log.origin();
        match self.evidence.keep(log.hash(), proved).await {
            Ok(Kept::New(id)) => tracing::error!(
                %origin, evidence = %id, act = ?proved.act(),
                "the log has misbehaved: its keys have signed what no honest log signs. The proof is kept as evidence/{}/{id}; tell whoever relies on this log",
                log.hash()
            ),
            Ok(Kept::Known | Kept::Full) => {
                tracing::debug!(%origin, "proof of misbehaviour again");
            }
            Err(error) => {
                self.counts.evidence_lost.fetch_add(1, Ordering::Relaxed);
                tracing::error!(
                    %origin, %error, proof = %proved,
                    "the log has misbehaved, and the proof could not be stored: keep this line"
                );
            }
        }
    }

    async fn fetch(&self, log: OriginHash) -> Result<Held, Unavailable> {
        let register = register(log);
        let damaged = |register, why| Unavailable::Damaged { register, why };
        let value = match self.heads.fetch(&register).await {
            Ok(value) => value,
            Err(ReadError::Damaged { trouble, .. }) => {
                return Err(damaged(register, trouble.to_string()));
            }
            Err(ReadError::Failed { trouble, .. }) => {
                return Err(Unavailable::Store { register, trouble });
            }
        };
        let recorded = value.as_ref().map(|value| Recorded::parse(value, log));
        match recorded.transpose() {
            Ok(recorded) => Ok(Held { value, recorded }),
            Err(error) => Err(damaged(register, error.to_string())),
        }
    }

    /// Signs with every key, at a time that is not before that of the latest cosignature.
    fn sign(
        &self,
        consistent: &Consistent,
        recorded: Option<&Recorded>,
        now: SystemTime,
    ) -> Result<(Recorded, Vec<SignatureLine>), Unavailable> {
        let last = recorded.and_then(|recorded| recorded.latest_timestamp(self.signers.ring()));
        let at = time(now, last)?;
        let lines = self.signers.cosign(consistent, at);
        let lines = lines.map_err(Unavailable::Signer)?;
        let by_log = consistent.signed().without_others();
        let note = by_log.and_then(|signed| {
            let by_log = signed.note().signatures().iter().cloned();
            Note::new(
                signed.note().text(),
                by_log.chain(lines.iter().cloned()).collect(),
            )
        });
        let recorded = note.map_err(Into::into).and_then(Recorded::new);
        let recorded = recorded.map_err(|_| {
            Unavailable::Signer(counterfoil_tiles::key::SignError::signer(
                "the cosigned checkpoint is no note",
            ))
        })?;
        Ok((recorded, lines))
    }

    /// Replaces the record; false if another process was here first.
    // SPEC(tlog-witness): "The witness MUST persist the new checkpoint before responding. Note that checking the old size
    // against the latest checkpoint and persisting the new checkpoint must be performed atomically"
    async fn record(
        &self,
        log: OriginHash,
        held: Held,
        new: Recorded,
        state: &mut State,
    ) -> Result<bool, Unavailable> {
        let (register, value) = (register(log), new.encode());
        let outcome = match &held.value {
            None => self.heads.create(&register, value.clone()).await,
            Some(old) => self.heads.replace(&register, old, value.clone()).await,
        };
        match outcome {
            Ok(()) => {
                self.copies.changed(log, note_bytes(&value));
                state.held = Some(Held {
                    value: Some(value),
                    recorded: Some(new),
                });
                Ok(true)
            }
            Err(ReplaceError::Conflict { .. }) => {
                self.counts.conflicts.fetch_add(1, Ordering::Relaxed);
                Ok(false)
            }
            Err(ReplaceError::NotDone { trouble, .. }) => {
                Err(Unavailable::Store { register, trouble })
            }
            Err(ReplaceError::Unknown { trouble, .. }) => {
                self.counts.unknown.fetch_add(1, Ordering::Relaxed);
                Err(Unavailable::OutcomeUnknown { register, trouble })
            }
        }
    }
}

fn refused(refusal: Refusal) -> AddAnswer {
    match refusal {
        Refusal::OldSizeAboveCheckpoint { old, size } => {
            AddAnswer::OldSizeAboveCheckpoint { old, size }
        }
        Refusal::Conflict { latest } => AddAnswer::Conflict { latest },
        Refusal::Inconsistent(why) => AddAnswer::Inconsistent(why),
    }
}

/// The time to sign at: now, or that of the latest cosignature if the clock was set back a little since.
fn time(now: SystemTime, last: Option<Timestamp>) -> Result<Timestamp, Unavailable> {
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH);
    let seconds = seconds.map_err(|_| Unavailable::NoClock)?.as_secs();
    let now = Timestamp::new(seconds).map_err(|_| Unavailable::NoClock)?;
    if now == Timestamp::ZERO {
        return Err(Unavailable::NoClock);
    }
    match last {
        Some(last) if last.seconds().saturating_sub(now.seconds()) > MAX_STEP_BACK.as_secs() => {
            Err(Unavailable::Clock { now, last })
        }
        Some(last) => Ok(now.max(last)),
        None => Ok(now),
    }
}

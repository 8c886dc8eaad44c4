//! A witness on its machine: a disk that stays, processes that come and go, a clock that may be wrong.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use counterfoil_store::HeadStore;
use counterfoil_store::faulty::{FaultyHeadStore, Plan};
use counterfoil_store::memory::MemoryBlobStore;
use counterfoil_tiles::misbehaviour::Misbehaviour;
use counterfoil_tiles::note::Note;
use counterfoil_tiles::witness_wire::{AddCheckpointRequest, encode_cosignatures, encode_size};
use counterfoil_witness::copies::{CopySource, Guard};
use counterfoil_witness::{
    AddAnswer, Log, LogOptions, Logs, Options, OriginHash, Signers, Unavailable, Witness,
};
use tokio::task::{AbortHandle, JoinHandle};

use crate::checker::Checker;
use crate::clock::Clock;
use crate::disk::{Disk, Flush, Registers};
use crate::keys::{log_key, origin, witness_keys};
use crate::liar::{Liar, Lie};
use crate::network::{Reply, Request};
use crate::random::Random;

/// Whether a witness does what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conduct {
    Correct,
    Lying(Lie),
}

pub(crate) struct Node {
    number: usize,
    clock: Clock,
    wrong_by: AtomicI64,
    disk: Arc<Disk>,
    evidence: Arc<MemoryBlobStore>,
    checker: Arc<Checker>,
    liar: Liar,
    copies: Arc<Copies>,
    state: Mutex<State>,
}

struct State {
    conduct: Conduct,
    /// More than one while an old process has not ended yet.
    processes: Vec<Arc<Witness>>,
    turn: usize,
    under_way: Vec<AbortHandle>,
}

/// What a monitor read at the monitoring prefix last: the copies that the witness's guard reads.
#[derive(Default)]
struct Copies(Mutex<Option<Bytes>>);

#[async_trait]
impl CopySource for Copies {
    fn place(&self) -> &'static str {
        "a monitor"
    }

    async fn fetch(&self, _: OriginHash) -> Result<Option<Bytes>, String> {
        Ok(self.0.lock().unwrap().clone())
    }

    async fn list(&self) -> Result<Option<Vec<OriginHash>>, String> {
        Ok(None)
    }
}

impl Node {
    /// A witness that was never started.
    pub(crate) fn new(
        number: usize,
        clock: Clock,
        checker: Arc<Checker>,
        mut random: Random,
    ) -> Self {
        let disk = Arc::new(Disk::new(random.split()));
        Self {
            number,
            clock,
            wrong_by: AtomicI64::new(0),
            disk,
            evidence: Arc::default(),
            liar: Liar::new(number, Arc::clone(&checker), random),
            checker,
            copies: Arc::default(),
            state: Mutex::new(State {
                conduct: Conduct::Correct,
                processes: Vec::new(),
                turn: 0,
                under_way: Vec::new(),
            }),
        }
    }

    pub(crate) fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Starts a process on the disk, which fails as planned.
    pub(crate) fn start(&self, plan: Plan) {
        let log = Log::new(origin(), [log_key().vkey().clone()], LogOptions::default());
        let logs = Logs::new([log.unwrap()]).unwrap();
        let heads = FaultyHeadStore::new(Arc::clone(&self.disk), plan);
        self.start_on(Arc::new(heads), logs);
    }

    /// Comes back as its operator first starts it, before anybody has told it of the log.
    pub(crate) fn restart_without_the_log(&self) {
        self.crash();
        self.start_on(Arc::clone(&self.disk) as _, Logs::new([]).unwrap());
    }

    fn start_on(&self, heads: Arc<dyn HeadStore>, logs: Logs) {
        let copies: Arc<dyn CopySource> = Arc::clone(&self.copies) as _;
        let options = Options {
            guard: Guard::new(vec![copies], true),
            ..Options::default()
        };
        let witness = Witness::new(
            Signers::new(witness_keys(self.number)).unwrap(),
            logs,
            heads,
            Arc::clone(&self.evidence) as _,
            options,
        );
        self.state.lock().unwrap().processes.push(Arc::new(witness));
    }

    /// All its processes die, in the middle of what they do.
    pub(crate) fn crash(&self) {
        let mut state = self.state.lock().unwrap();
        state.processes.clear();
        state.under_way.drain(..).for_each(|task| task.abort());
        self.disk.crash();
    }

    pub(crate) fn restart(&self, plan: Plan) {
        self.crash();
        self.start(plan);
    }

    /// Comes back with the database of a backup. Its copies are where they were.
    pub(crate) fn restore(&self, backup: Registers) {
        self.crash();
        self.disk.restore(backup);
        self.start(Plan::none());
    }

    /// A monitor reads its monitoring prefix.
    pub(crate) async fn copy(&self) {
        let Some(reply) = self.answer(Request::Checkpoint(origin_hash())).await else {
            return;
        };
        if reply.status == 200 {
            *self.copies.0.lock().unwrap() = Some(reply.body);
        }
    }

    /// Nobody copies it any more, and what was copied is lost.
    pub(crate) fn forget_copies(&self) {
        *self.copies.0.lock().unwrap() = None;
    }

    pub(crate) fn set_clock(&self, wrong_by: i64) {
        self.wrong_by.store(wrong_by, Ordering::Relaxed);
    }

    /// Begins to lie, and counts as faulty.
    pub(crate) fn lie(&self, lie: Lie) {
        self.checker.is_faulty(self.number);
        self.misbehave(lie);
    }

    /// Begins to lie, and still counts as correct: a bug that the checker should find.
    pub(crate) fn misbehave(&self, lie: Lie) {
        self.state.lock().unwrap().conduct = Conduct::Lying(lie);
    }

    /// Reports writes as done that a crash takes back, and still counts as correct.
    pub(crate) fn forget_to_flush(&self) {
        self.disk.set_flush(Flush::Never);
    }

    /// Answers a request; `None` if it dies before it has.
    pub(crate) async fn answer(&self, request: Request) -> Option<Reply> {
        if let Conduct::Lying(lie) = self.conduct() {
            return self.liar.answer(lie, request, self.clock.now(0)).await;
        }
        match self.begin(request)?.await {
            Ok(reply) => Some(reply),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => None,
        }
    }

    fn conduct(&self) -> Conduct {
        self.state.lock().unwrap().conduct
    }

    /// Gives a request to one of its processes.
    fn begin(&self, request: Request) -> Option<JoinHandle<Reply>> {
        let mut state = self.state.lock().unwrap();
        state.turn += 1;
        let turn = state.turn.checked_rem(state.processes.len())?;
        let witness = Arc::clone(&state.processes[turn]);
        let (checker, now) = (Arc::clone(&self.checker), self.now());
        let task = tokio::spawn(answer(witness, self.number, checker, request, now));
        state.under_way.retain(|task| !task.is_finished());
        state.under_way.push(task.abort_handle());
        Some(task)
    }

    fn now(&self) -> std::time::SystemTime {
        self.clock.now(self.wrong_by.load(Ordering::Relaxed))
    }

    /// What it has kept as proof that the log misbehaved, verified.
    pub(crate) async fn evidence(&self) -> Vec<Misbehaviour> {
        let witness = Arc::clone(&self.state.lock().unwrap().processes[0]);
        let log = OriginHash::of(&origin());
        let mut proofs = Vec::new();
        for id in witness.evidence(log).await.unwrap() {
            let file = witness.evidence_file(log, &id).await.unwrap().unwrap();
            let proof = Misbehaviour::parse(&file).unwrap();
            let keys: Vec<_> = self.checker.policy().log_keys().cloned().collect();
            proof.clone().verify(&keys).unwrap();
            proofs.push(proof);
        }
        proofs
    }
}

pub(crate) fn origin_hash() -> String {
    OriginHash::of(&origin()).to_string()
}

/// What the process does with a request, and what of it leaves.
async fn answer(
    witness: Arc<Witness>,
    number: usize,
    checker: Arc<Checker>,
    request: Request,
    now: std::time::SystemTime,
) -> Reply {
    match request {
        Request::AddCheckpoint(body) => {
            let answer = witness.add_checkpoint(&body, now, |_| Ok(())).await;
            if let AddAnswer::Cosigned { lines, .. } = &answer {
                let request = AddCheckpointRequest::parse(&body).unwrap();
                let text = request.note().text();
                let verifies = |line| {
                    let alone = Note::new(text, vec![line]).unwrap();
                    alone.verify(checker.policy().witness_keys()).is_ok()
                };
                if !lines.iter().cloned().all(verifies) {
                    checker.bad_answer(number, "a bad cosignature");
                }
                for line in lines {
                    checker.cosigned(number, text, line);
                }
            }
            reply(&answer)
        }
        Request::Checkpoint(hash) => match witness.checkpoint(hash.parse().unwrap()).await {
            Ok(Some(note)) => Reply::new(200, note.as_bytes().to_vec()),
            Ok(None) => Reply::new(404, "no such checkpoint\n"),
            Err(error) => unavailable(&error),
        },
    }
}

/// The statuses of tlog-witness.
fn reply(answer: &AddAnswer) -> Reply {
    match answer {
        AddAnswer::Cosigned { lines, .. } => Reply::new(200, encode_cosignatures(lines)),
        AddAnswer::Conflict { latest } => Reply::new(409, encode_size(*latest)),
        AddAnswer::Unavailable(error) => unavailable(error),
        AddAnswer::UnknownOrigin(_) => Reply::new(404, "unknown origin\n"),
        AddAnswer::Forbidden(error) => Reply::new(403, format!("{error}\n")),
        AddAnswer::Inconsistent(why) => Reply::new(422, format!("{why:?}\n")),
        AddAnswer::Limited { .. } => Reply::new(429, "come again\n"),
        other => Reply::new(400, format!("{other:?}\n")),
    }
}

fn unavailable(error: &Unavailable) -> Reply {
    Reply::new(503, format!("{error}\n"))
}

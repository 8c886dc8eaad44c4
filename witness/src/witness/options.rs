//! What the operator decides, and what is counted for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::copies::{CopyWriter, Guard};

/// What the operator decides.
pub struct Options {
    /// Stop cosigning for a log that was proved to have misbehaved.
    pub halt_on_misbehaviour: bool,
    /// How many logs' records are held in memory, each of the size of a signed checkpoint.
    pub cached_logs: usize,
    /// Where copies are read before anything is signed.
    pub guard: Guard,
    /// Where copies are written; whoever starts the witness runs it ([`CopyWriter::run`]).
    pub copies: Arc<CopyWriter>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            halt_on_misbehaviour: false,
            cached_logs: 4_096,
            guard: Guard::new(Vec::new(), false),
            copies: Arc::default(),
        }
    }
}

/// What happened since the start.
#[derive(Debug, Default)]
pub struct Counts {
    pub(super) conflicts: AtomicU64,
    pub(super) unknown: AtomicU64,
    pub(super) misbehaviour: AtomicU64,
    pub(super) evidence_lost: AtomicU64,
}

impl Counts {
    /// Records that another process changed while a request was judged.
    pub fn conflicts(&self) -> u64 {
        self.conflicts.load(Ordering::Relaxed)
    }

    /// Records of unknown outcome.
    pub fn unknown(&self) -> u64 {
        self.unknown.load(Ordering::Relaxed)
    }

    /// Requests that proved that a log misbehaved, the same proof again included.
    pub fn misbehaviour(&self) -> u64 {
        self.misbehaviour.load(Ordering::Relaxed)
    }

    /// Proofs that could not be stored.
    pub fn evidence_lost(&self) -> u64 {
        self.evidence_lost.load(Ordering::Relaxed)
    }
}

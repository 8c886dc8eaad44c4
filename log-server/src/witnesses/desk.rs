//! What is remembered of one witness, and whose turn it is there.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use counterfoil_tiles::hash::TreeSize;
use tokio::time::Instant;

use super::client::Ask;
use super::conversation::Reply;
use super::endpoint::{Place, WitnessName};
use super::outcome::{Cosignature, LastAnswer, Outcome};

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

/// One witness service and what is remembered of it.
pub(super) struct Desk {
    pub(super) place: Place,
    /// Held by the request that is under way.
    pub(super) turn: tokio::sync::Mutex<()>,
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

impl Desk {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            turn: tokio::sync::Mutex::default(),
            latest: AtomicU64::default(),
            memory: Mutex::default(),
        }
    }

    /// The number of a round that asks here from now on.
    pub(super) fn number(&self) -> u64 {
        self.latest.fetch_add(1, Ordering::SeqCst).wrapping_add(1)
    }

    /// True if no later round asks here.
    pub(super) fn is_latest(&self, number: u64) -> bool {
        self.latest.load(Ordering::SeqCst) == number
    }

    /// The size that it is thought to have cosigned last.
    pub(super) fn guess(&self, ask: Ask, size: TreeSize) -> TreeSize {
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
    pub(super) fn signed_since(&self, text: &str, since: Option<Instant>) -> Option<Reply> {
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

    /// Remembers what it has signed.
    pub(super) fn has_signed(&self, text: &str, size: TreeSize, cosignatures: Vec<Cosignature>) {
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
    pub(super) fn answered(&self, last: LastAnswer, recorded: Option<TreeSize>) -> Option<Outcome> {
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

    pub(super) fn status(&self) -> WitnessStatus {
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

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

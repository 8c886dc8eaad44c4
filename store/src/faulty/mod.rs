//! A store around another that misbehaves in every way the contract permits, by a plan or from a seed.
//!
//! For tests of what uses a store. The same plan or seed and the same calls in the same order give the same faults.
//!
//! One thing it never does: apply a write and say that it failed. `NotDone` and `Conflict` are promises, and no caller
//! can be right on a store that breaks them. What such a store looks like on the wire (the write arrived, the answer did
//! not) is [`WriteFault::Hide`], and a backend has to call it `Unknown`. What the contract does permit, and
//! [`WriteFault::Part`] does, is a `put_new` that ends in an error after some of its blobs.
//!
//! ```
//! use counterfoil_store::{HeadStore, RegisterName, ReplaceError, memory::MemoryHeadStore};
//! use counterfoil_store::faulty::{FaultyHeadStore, Plan, WriteFault};
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let plan = Plan::scripted([WriteFault::None, WriteFault::Delay { calls: 1 }], []);
//! let store = FaultyHeadStore::new(MemoryHeadStore::new(), plan);
//! let head: RegisterName = "head".parse()?;
//! store.create(&head, "0".into()).await?;
//! let outcome = store.replace(&head, &"0".into(), "1".into()).await;
//! assert!(matches!(outcome, Err(ReplaceError::Unknown { .. })));
//! assert_eq!(store.fetch(&head).await?, Some("0".into())); // not yet
//! assert_eq!(store.fetch(&head).await?, Some("1".into())); // the delayed write has landed
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod blob;
mod register;

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Trouble, TroubleKind};

pub use blob::FaultyBlobStore;
pub use register::FaultyHeadStore;

/// What happens to one write (`put_new`, `discard`, `create`, `replace`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WriteFault {
    /// It is done, and its outcome told.
    None,
    /// It is not done: `NotDone`.
    Refuse,
    /// It is not done: `Unknown`.
    Lose,
    /// It is done as far as it can be, but its outcome is lost: `Unknown`.
    Hide,
    /// `Unknown`, and it is done only after so many more calls of any kind.
    Delay {
        /// How many calls it lets pass. The write lands before the call after them.
        calls: u32,
    },
    /// It is done twice, as by a network that repeats a request; the first outcome is told.
    Duplicate,
    /// The first half of its blobs is done, and `NotDone` names the next. With a register, as [`WriteFault::Refuse`].
    Part,
}

/// What happens to one read (`get`, `list`, `fetch`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReadFault {
    /// It is answered.
    None,
    /// It fails.
    Fail,
    /// One bit of the bytes is flipped. A blob is returned so (its reader has to notice), a register is reported as
    /// damaged (its backend has to notice), a list fails.
    Corrupt,
}

/// How many in a thousand calls go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Odds {
    /// Of the writes.
    pub writes: u32,
    /// Of the reads.
    pub reads: u32,
}

/// Which calls go wrong, and how.
#[derive(Debug, Clone)]
pub struct Plan(Source);

#[derive(Debug, Clone)]
enum Source {
    Scripted {
        writes: VecDeque<WriteFault>,
        reads: VecDeque<ReadFault>,
    },
    Seeded {
        random: Random,
        odds: Odds,
    },
}

impl Plan {
    /// No faults.
    pub fn none() -> Self {
        Self::scripted([], [])
    }

    /// One fault for each write and each read to come, and none for those after.
    pub fn scripted(
        writes: impl IntoIterator<Item = WriteFault>,
        reads: impl IntoIterator<Item = ReadFault>,
    ) -> Self {
        Self(Source::Scripted {
            writes: writes.into_iter().collect(),
            reads: reads.into_iter().collect(),
        })
    }

    /// Faults of every kind, as often as `odds` say, drawn from `seed`.
    pub fn seeded(seed: u64, odds: Odds) -> Self {
        Self(Source::Seeded {
            random: Random(seed),
            odds,
        })
    }

    fn next_write(&mut self) -> WriteFault {
        let (random, odds) = match &mut self.0 {
            Source::Scripted { writes, .. } => {
                return writes.pop_front().unwrap_or(WriteFault::None);
            }
            Source::Seeded { random, odds } => (random, odds),
        };
        if random.below(1000) >= odds.writes {
            return WriteFault::None;
        }
        match random.below(6) {
            0 => WriteFault::Refuse,
            1 => WriteFault::Lose,
            2 => WriteFault::Hide,
            3 => WriteFault::Delay {
                calls: random.below(12),
            },
            4 => WriteFault::Duplicate,
            _ => WriteFault::Part,
        }
    }

    fn next_read(&mut self) -> ReadFault {
        let (random, odds) = match &mut self.0 {
            Source::Scripted { reads, .. } => return reads.pop_front().unwrap_or(ReadFault::None),
            Source::Seeded { random, odds } => (random, odds),
        };
        match (random.below(1000) < odds.reads, random.below(2)) {
            (false, _) => ReadFault::None,
            (true, 0) => ReadFault::Fail,
            (true, _) => ReadFault::Corrupt,
        }
    }
}

/// `SplitMix64`: small, and the same everywhere.
#[derive(Debug, Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`. The high half of the product: as good as even for small bounds.
    fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(((self.next() >> 32) * u64::from(bound)) >> 32).unwrap_or(0)
    }
}

/// The plan, and the writes that are still to land.
#[derive(Debug)]
struct Injector<Write> {
    state: Mutex<State<Write>>,
}

#[derive(Debug)]
struct State<Write> {
    plan: Plan,
    injected: u64,
    /// With how many calls each lets pass, oldest first.
    delayed: Vec<(u32, Write)>,
}

impl<Write> Injector<Write> {
    fn new(plan: Plan) -> Self {
        Self {
            state: Mutex::new(State {
                plan,
                injected: 0,
                delayed: Vec::new(),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<Write>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a write: its fault, and the delayed writes that land before it.
    fn begin_write(&self) -> (WriteFault, Vec<Write>) {
        let mut state = self.state();
        let fault = state.plan.next_write();
        state.injected += u64::from(fault != WriteFault::None);
        (fault, state.due())
    }

    /// Begins a read: its fault, and the delayed writes that land before it.
    fn begin_read(&self) -> (ReadFault, Vec<Write>) {
        let mut state = self.state();
        let fault = state.plan.next_read();
        state.injected += u64::from(fault != ReadFault::None);
        (fault, state.due())
    }

    fn delay(&self, calls: u32, write: Write) {
        self.state().delayed.push((calls, write));
    }

    fn take_all(&self) -> Vec<Write> {
        self.state()
            .delayed
            .drain(..)
            .map(|(_, write)| write)
            .collect()
    }
}

impl<Write> State<Write> {
    fn due(&mut self) -> Vec<Write> {
        let (due, later): (Vec<_>, Vec<_>) =
            self.delayed.drain(..).partition(|(calls, _)| *calls == 0);
        self.delayed = later
            .into_iter()
            .map(|(calls, write)| (calls - 1, write))
            .collect();
        due.into_iter().map(|(_, write)| write).collect()
    }
}

fn injected(what: &str) -> Trouble {
    Trouble::new(
        TroubleKind::Injected,
        format!("a test injected this fault: {what}"),
        "nothing is wrong",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_faults_again_and_all_of_them() {
        let odds = Odds {
            writes: 500,
            reads: 500,
        };
        let (mut one, mut two, mut other) = (
            Plan::seeded(7, odds),
            Plan::seeded(7, odds),
            Plan::seeded(8, odds),
        );
        let draw = |plan: &mut Plan| -> Vec<_> {
            (0..500)
                .map(|_| (plan.next_write(), plan.next_read()))
                .collect()
        };
        let faults = draw(&mut one);
        assert_eq!(faults, draw(&mut two));
        assert_ne!(faults, draw(&mut other));
        let kinds: std::collections::HashSet<_> = faults
            .iter()
            .map(|(write, _)| std::mem::discriminant(write))
            .collect();
        assert_eq!(kinds.len(), 7);
        let kinds: std::collections::HashSet<_> = faults.iter().map(|(_, read)| read).collect();
        assert_eq!(kinds.len(), 3);
        let healthy = faults
            .iter()
            .filter(|(write, _)| *write == WriteFault::None)
            .count();
        assert!(
            (200..300).contains(&healthy),
            "{healthy} of 500 writes without fault, expected about half"
        );
    }
}

//! A log, its witnesses and its readers in one process, joined by a network that loses, delays, repeats and reorders what it
//! carries, under a clock that stands still until everything waits.
//!
//! ```text
//! log ────┐              ┌──> witness 0 ──> disk       what each part keeps survives its crashes;
//! rogue ──┼──> network ──┼──> witness 1 ──> disk       nothing else does
//! stranger┘              └──> witness 2 ──> disk
//!              everything that leaves a part ──> checker
//! ```
//!
//! The parts are the real ones. The checker sees what leaves them and nothing of their insides, and holds it to this:
//!
//! - No two quorum checkpoints of one origin are inconsistent, while fewer witnesses are faulty than any two quorums share.
//! - A correct witness cosigns one growing history of an origin, at times that do not go back.
//! - What a log signs is one growing history. What it publishes has its quorum, and does not shrink.
//! - An acknowledged entry is at its index in each checkpoint that covers it, and is under a quorum checkpoint in the end.
//!
//! `COUNTERFOIL_SEEDS=n` runs n seeds; `COUNTERFOIL_SEED=s` runs one, as a failure prints it.

mod checker;
mod clock;
mod controls;
mod disk;
mod gate;
mod history;
mod keys;
mod liar;
mod log;
mod network;
mod node;
mod policies;
mod random;
mod rogue;
mod seeds;
mod together;
mod witnesses;

//! Blocks, tries and records: those of real chains, and our own with every kind of change.
#![allow(
    unreachable_pub,
    missing_docs,
    reason = "the bodies are the public part of the fuzz crate, compiled here as a module"
)]

#[path = "../../../../fuzz/src/ethereum.rs"]
mod bodies;
#[path = "../../../../fuzz/src/cases.rs"]
mod cases;

mod blocks;
mod changes;
mod fuzz;
mod proofs;
mod records;
mod tries;
mod vectors;

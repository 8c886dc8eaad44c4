//! Anchoring on a chain: the driver of the sender, its records, and what is shown, with a chain of the tests.

#[path = "../common/mod.rs"]
mod common;

mod anvil;
mod chain;
mod restarts;
mod rounds;
mod site;
mod stores;
mod undone;
mod world;

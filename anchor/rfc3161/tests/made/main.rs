//! Tokens made here, each wrong in one way, and refused by the check that this is about and by no other.

mod attributes;
mod changes;
#[path = "../corpus/mod.rs"]
mod corpus;
mod der;
mod info;
mod limits;
mod paths;
mod policies;
mod signers;
mod standing;
mod trusted;
mod world;

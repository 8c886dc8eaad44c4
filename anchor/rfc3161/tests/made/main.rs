//! Tokens made here, each wrong in one way, and refused by the check that this is about and by no other.

mod attributes;
mod changes;
mod der;
mod info;
mod paths;
mod policies;
mod signers;
mod standing;
mod trusted;
mod world;

//! The witness over its stores: what it answers, what it records, and in which order.

#[path = "../common/mod.rs"]
mod common;

mod adopt;
mod answers;
mod copies;
mod evidence;
mod faults;
mod property;
mod races;
mod support;

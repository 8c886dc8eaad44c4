//! Each fuzz target's body over a fixed number of generated inputs, so that `cargo test` runs them too.
#![allow(
    unreachable_pub,
    missing_docs,
    reason = "the bodies are the public part of the fuzz crate, compiled here as a module"
)]

#[path = "../../fuzz/src/bodies.rs"]
mod bodies;
#[path = "../../fuzz/src/cases.rs"]
mod cases;

use std::path::Path;

#[test]
fn bodies_hold_over_generated_inputs() {
    cases::run(&bodies::TARGETS, 10_000);
}

#[test]
fn every_target_is_run_by_cargo_fuzz_and_here() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    cases::are_all_of(&fuzz, "bodies", &bodies::TARGETS);
}

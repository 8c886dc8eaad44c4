//! Each fuzz target's body over a fixed number of generated inputs.

use std::path::Path;

use crate::{bodies, cases};

#[test]
fn bodies_hold_over_generated_inputs() {
    cases::run(&bodies::TARGETS, 10_000);
}

#[test]
fn every_target_is_run_by_cargo_fuzz_and_here() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    cases::are_all_of(&fuzz, "ethereum", &bodies::TARGETS);
}

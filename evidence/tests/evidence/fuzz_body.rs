//! The fuzz target's body over generated inputs, so that `cargo test` runs it too.
#![allow(
    unreachable_pub,
    reason = "the body is the public part of the fuzz crate, compiled here as a module"
)]

#[path = "../../../fuzz/src/evidence.rs"]
mod body;

use std::path::Path;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn it_holds_over_generated_inputs(edits in prop::collection::vec(any::<u8>(), 0..20)) {
        body::evidence(&edits);
    }
}

#[test]
fn its_block_is_evidence() {
    let text = body::with_block(body::BLOCK.as_bytes());
    let evidence = counterfoil_evidence::format::Evidence::parse(&text).unwrap();
    assert_eq!(evidence.anchors().len(), 1);
}

#[test]
fn cargo_fuzz_runs_it_too() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let read = |path: &str| std::fs::read_to_string(fuzz.join(path)).unwrap();
    assert!(read("Cargo.toml").contains("path = \"fuzz_targets/evidence.rs\""));
    assert!(read("fuzz_targets/evidence.rs").contains("evidence::evidence(data)"));
}

//! Each fuzz target's body over a fixed number of generated inputs, so that `cargo test` runs them too.
#![allow(
    unreachable_pub,
    missing_docs,
    reason = "the bodies are the public part of the fuzz crate, compiled here as a module"
)]

#[path = "../../../fuzz/src/tokens.rs"]
mod tokens;

use std::path::Path;

/// Inputs for each target: up to eight edits of a good example, or arbitrary bytes.
const CASES: u64 = 500;

/// Random numbers that are the same on each run (the generator of Steele, Lea and Flood).
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn bytes(&mut self, length: u64) -> Vec<u8> {
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

#[test]
fn bodies_hold_over_generated_inputs() {
    for (name, body) in tokens::TARGETS {
        println!("{name}");
        let mut random = SplitMix(0);
        body(&[]);
        for _ in 0..CASES {
            let edits = 1 + random.next() % 8 % (1 + random.next() % 8);
            let length = 4 * edits + random.next() % 4;
            body(&random.bytes(length));
        }
    }
}

#[test]
fn every_target_is_run_by_cargo_fuzz_and_here() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for (name, _) in tokens::TARGETS {
        let path = format!("fuzz_targets/{name}.rs");
        assert!(
            manifest.contains(&format!("path = \"{path}\"")),
            "{name} is no [[bin]]"
        );
        let target = std::fs::read_to_string(fuzz.join(path)).unwrap();
        let call = format!("tokens::{name}(data)");
        assert!(target.contains(&call), "{name} runs another body");
    }
}

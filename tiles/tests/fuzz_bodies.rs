//! Each fuzz target's body over a fixed number of generated inputs, so that `cargo test` runs them too.
#![allow(
    unreachable_pub,
    missing_docs,
    reason = "the bodies are the public part of the fuzz crate, compiled here as a module"
)]

#[path = "../../fuzz/src/bodies.rs"]
mod bodies;

use std::path::Path;

/// Inputs for each target. Each is up to eight edits of a good example, or arbitrary bytes.
const CASES: u64 = 10_000;

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
    for (name, body) in bodies::TARGETS {
        println!("{name}");
        let mut random = SplitMix(0);
        body(&[]);
        for _ in 0..CASES {
            // Few edits mostly, because many at once leave nothing that parses.
            let edits = 1 + random.next() % 8 % (1 + random.next() % 8);
            let length = 4 * edits + random.next() % 4;
            body(&random.bytes(length));
        }
    }
}

#[test]
fn every_target_is_run_by_cargo_fuzz_and_here() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let mut files: Vec<String> = std::fs::read_dir(fuzz.join("fuzz_targets"))
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let target = |name: &String| {
        std::fs::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs"))).unwrap()
    };
    // Those of other crates are theirs to run.
    files.retain(|name| target(name).contains("bodies::"));
    files.sort();
    assert_eq!(files, bodies::TARGETS.map(|(name, _)| name));
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for name in &files {
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
            "{name} is no [[bin]]"
        );
        assert!(
            target(name).contains(&format!("bodies::{name}(data)")),
            "{name} runs another body"
        );
    }
}

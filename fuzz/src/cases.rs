//! Each fuzz target's body over a fixed number of generated inputs, so that `cargo test` runs them too.

use std::path::Path;

/// The modules whose bodies the targets run.
const MODULES: [&str; 4] = ["bodies", "ethereum", "evidence", "tokens"];

/// The name of a target and its body.
type Target = (&'static str, fn(&[u8]));

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

/// Runs each body over so many inputs: up to eight edits of a good example, or arbitrary bytes.
pub fn run(targets: &[Target], count: u64) {
    for (name, body) in targets {
        println!("{name}");
        let mut random = SplitMix(0);
        body(&[]);
        for _ in 0..count {
            // Few edits mostly, because many at once leave nothing that parses.
            let edits = 1 + random.next() % 8 % (1 + random.next() % 8);
            let length = 4 * edits + random.next() % 4;
            body(&random.bytes(length));
        }
    }
}

/// Whether the targets of `cargo fuzz` that run a body of `module` are these, each its own.
pub fn are_all_of(fuzz: &Path, module: &str, targets: &[Target]) {
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    let mut names = Vec::new();
    for file in std::fs::read_dir(fuzz.join("fuzz_targets")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let runs =
            |module: &str| text.contains(&format!("counterfoil_fuzz::{module}::{name}(data)"));
        assert!(MODULES.into_iter().any(runs), "{name} runs another body");
        if runs(module) {
            let bin = format!("path = \"fuzz_targets/{name}.rs\"");
            assert!(manifest.contains(&bin), "{name} is no [[bin]]");
            names.push(name);
        }
    }
    names.sort();
    let expected: Vec<&str> = targets.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected);
}

//! What the tests of several crates share; what holds for the workspace as a whole is tested under `tests/`.

pub mod anvil;

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

/// The folder of test vectors: `COUNTERFOIL_VECTORS`, or `shared/vectors` beside the workspace.
///
/// `None` where there is none, after saying so.
///
/// # Panics
///
/// Where there is none, and `COUNTERFOIL_REQUIRE_VECTORS=1`.
pub fn vectors_dir() -> Option<PathBuf> {
    let dir = std::env::var_os("COUNTERFOIL_VECTORS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors"),
        PathBuf::from,
    );
    if dir.is_dir() {
        return Some(dir);
    }
    assert!(
        std::env::var_os("COUNTERFOIL_REQUIRE_VECTORS").is_none_or(|value| value != "1"),
        "COUNTERFOIL_REQUIRE_VECTORS=1, but there are no vectors at {}",
        dir.display()
    );
    println!("skipped: no test vectors at {}", dir.display());
    None
}

/// Runs a simulation for each seed, and names one that fails. `COUNTERFOIL_SEEDS=n` runs n seeds; `COUNTERFOIL_SEED=s` runs one, as a
/// failure prints it. Gives how many ran.
///
/// # Panics
///
/// Where the simulation does.
pub fn each_seed(default: u64, mut run: impl FnMut(u64)) -> u64 {
    let number = |variable: &str| std::env::var(variable).ok()?.parse::<u64>().ok();
    let seeds = match number("COUNTERFOIL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("COUNTERFOIL_SEEDS").unwrap_or(default),
    };
    for seed in seeds.clone() {
        let ended = std::panic::catch_unwind(AssertUnwindSafe(|| run(seed)));
        if let Err(panic) = ended {
            eprintln!("failing seed: COUNTERFOIL_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
    seeds.end - seeds.start
}

/// xorshift64*: all that is needed is that a seed repeats itself.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next, below a bound above 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }

    /// True once in so many.
    pub fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }
}

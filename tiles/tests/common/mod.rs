//! What the integration tests of this crate share.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary compiles this module and uses a part of it"
)]

pub mod naive;
pub mod verdict;

use std::path::{Path, PathBuf};

/// The folder of test vectors: `COUNTERFOIL_VECTORS`, or `shared/vectors` beside the workspace.
///
/// `None` where there is none, after saying so, unless `COUNTERFOIL_REQUIRE_VECTORS=1`: then its absence panics.
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

/// One value per line of a JSON-lines file under the vectors folder; panics where the file cannot be read or has none.
pub fn json_lines<T: serde::de::DeserializeOwned>(dir: &Path, file: &str) -> Vec<T> {
    let path = dir.join(file);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let rows: Vec<T> = text
        .lines()
        .enumerate()
        .map(|(number, line)| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{}:{}: {error}", path.display(), number + 1))
        })
        .collect();
    assert!(!rows.is_empty(), "{} has no rows", path.display());
    rows
}

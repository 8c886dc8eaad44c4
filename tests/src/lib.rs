//! What the tests of several crates share; what holds for the workspace as a whole is tested under `tests/`.

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

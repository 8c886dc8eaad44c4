//! Embeds what `make web` has built, if it has.

#[path = "src/collect.rs"]
mod collect;

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use collect::{Found, collect};

fn main() -> Result<(), Box<dyn Error>> {
    let here = env::var("CARGO_MANIFEST_DIR")?;
    let out = env::var("OUT_DIR")?;
    let dist = Path::new(&here).join("../dist");
    // The folder is committed, so that it can be watched before anything is built into it: a path that is not there would
    // have this run, and all that depends on it be compiled, each time.
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/collect.rs");
    let files = match collect(&dist)? {
        Found::Whole(files) => files,
        Found::Nothing => Vec::new(),
        Found::Part { missing } => {
            println!(
                "cargo::warning=web/dist has no {missing}: built without the web pages; run make web, and build again"
            );
            Vec::new()
        }
    };
    let table = collect::table(&files, Path::new(&out))?;
    fs::write(Path::new(&out).join("files.rs"), table)?;
    Ok(())
}

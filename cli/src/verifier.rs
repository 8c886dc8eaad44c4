//! `counterfoil verifier`: the page that verifies in a browser, as one file.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::exit::{Exit, Failure};
use crate::output::Output;

/// `counterfoil verifier`.
#[derive(Debug, Args)]
pub(crate) struct VerifierArgs {
    /// Where to write it, over what is there; - for standard output
    #[arg(long, short, value_name = "FILE", default_value = counterfoil_web::VERIFIER)]
    output: PathBuf,
}

/// Runs `counterfoil verifier`.
pub(crate) fn run(args: &VerifierArgs, output: Output) -> Result<Exit, Failure> {
    let Some(page) = counterfoil_web::find(counterfoil_web::VERIFIER) else {
        return Err(
            Failure::usage("this program was built without the web pages, of which the verifier is one")
                .advice("run `make web` in its repository (it needs Node), and build it again; or take /verifier.html of a log"),
        );
    };
    let sha256 = hex::encode(Sha256::digest(page.bytes));
    let path = args.output.as_path();
    if path == Path::new("-") {
        Output::raw(page.bytes);
        output.note(format!("SHA-256 {sha256}"));
        return Ok(Exit::Done);
    }
    counterfoil_files::replace(path, page.bytes).map_err(|error| {
        Failure::could_not_tell(format!("{} cannot be written: {error}", path.display()))
    })?;
    output.line(format!(
        "{}: {} bytes, SHA-256 {sha256}",
        path.display(),
        page.bytes.len()
    ));
    output.json(&json!({
        "outcome": Exit::Done.word(),
        "file": path,
        "bytes": page.bytes.len(),
        "sha256": sha256,
    }));
    output.note("Open it in any browser, with or without a network.");
    Ok(Exit::Done)
}

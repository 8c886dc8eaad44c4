//! `counterfoil bastion check`: would the bastion start?

use std::path::PathBuf;

use clap::Args;
use counterfoil_bastion::server::{self, Config};
use serde_json::json;

use super::failure;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::service::load;

/// `counterfoil bastion check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The configuration file, or the directory that `bastion init` made
    #[arg(value_name = "FILE|DIR", env = "COUNTERFOIL_CONFIG")]
    config: PathBuf,
}

/// Checks what a start reads.
pub(super) fn run(args: &CheckArgs, output: Output) -> Result<Exit, Failure> {
    let config = load::<Config>(&args.config, &[])?;
    let backends = server::check(&config).map_err(|error| failure(&error))?;
    output.line(format!(
        "The configuration is good; {backends} backends are listed."
    ));
    output.json(&json!({"outcome": Exit::Done.word(), "backends": backends}));
    Ok(Exit::Done)
}

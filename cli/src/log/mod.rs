//! `counterfoil log`: make, run and mend logs.

mod check;
mod flags;
mod init;
mod run;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use counterfoil_log_server::config::{Config, ConfigError, Override, from_environment};
use counterfoil_tiles::key::SigningKey;

use crate::exit::{Exit, Failure};
use crate::key;
use crate::output::Output;

pub(crate) use check::CheckArgs;
pub(crate) use init::InitArgs;
pub(crate) use run::{ReindexArgs, RunArgs};

use flags::ConfigFlags;

/// The name of the configuration in the directory of a log.
const CONFIG_NAME: &str = "counterfoil.toml";

/// `counterfoil log`.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Make the directory of a new log: its key, its configuration, its empty data
    ///
    /// Refuses to write over anything. Prints the vkey, which verifiers configure, and what to do next.
    #[command(after_help = "\
Examples:
  counterfoil log init records --origin log.example.org/records
  counterfoil log init records --origin log.example.org/records --ml-dsa-44")]
    Init(InitArgs),
    /// Run the logs of a configuration
    ///
    /// Each key of the configuration file is also a flag and an environment variable (`COUNTERFOIL_LOG__KEY`,
    /// `COUNTERFOIL_LOG__SECTION__KEY`); a flag beats the environment, which beats the file. The address is printed when
    /// the server is ready. On SIGTERM or Ctrl-C it takes no more, answers what it took, and ends; on a second one at once.
    #[command(after_help = "\
Examples:
  counterfoil log run --config records
  counterfoil log run --config records --listen 127.0.0.1:0 --log-checkpoint-interval 250ms
  counterfoil log run --config /etc/counterfoil/log.toml --check")]
    Run(Box<RunArgs>),
    /// Check the data of logs offline: every entry, tile and register
    ///
    /// Recovers without writing, recomputes every bundle and tile up to the published root, and names each damaged file.
    #[command(after_help = "\
Examples:
  counterfoil log check records
  counterfoil --json log check /etc/counterfoil/log.toml

Exit codes: 0 whole, 1 damaged, 2 usage, 3 could not tell.")]
    Check(CheckArgs),
    /// Build the lookup index anew, of logs that are not running
    #[command(after_help = "\
Example:
  counterfoil log reindex --config records")]
    Reindex(ReindexArgs),
}

/// Where the configuration is.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file, or the directory that `log init` made
    #[arg(
        long,
        value_name = "FILE|DIR",
        env = "COUNTERFOIL_CONFIG",
        default_value = "."
    )]
    config: PathBuf,
    #[command(flatten)]
    flags: ConfigFlags,
}

impl ConfigArgs {
    /// Loads the configuration; the environment and the flags lie over the file.
    fn load(&self) -> Result<Config, Failure> {
        load(&self.config, self.flags.overrides())
    }
}

/// Loads a configuration with the environment, and then these overrides, over it.
fn load(path: &Path, overrides: &[Override]) -> Result<Config, Failure> {
    let path = if path.is_dir() {
        path.join(CONFIG_NAME)
    } else {
        path.to_owned()
    };
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut all = from_environment(variables);
    all.extend_from_slice(overrides);
    let config = Config::load(&path, &all).map_err(|error| {
        let failure = Failure::usage(format!("the configuration: {error}"));
        match error {
            ConfigError::Unreadable { .. } => failure.advice(
                "make a log with `counterfoil log init DIR --origin ORIGIN`, and give its DIR",
            ),
            _ => failure,
        }
    })?;
    if config.logs.is_empty() {
        return Err(Failure::usage(format!("{} has no [[log]]", path.display()))
            .advice("`counterfoil log init` writes a configuration with one"));
    }
    Ok(config)
}

/// Loads a key as the server wants it: from a private file, or not at all.
fn load_key(path: &Path) -> Result<SigningKey, Box<dyn std::error::Error + Send + Sync>> {
    Ok(key::load(path)?.into_signing_key())
}

/// Runs `counterfoil log`.
pub(crate) fn run(command: LogCommand, output: Output) -> Result<Exit, Failure> {
    match command {
        LogCommand::Init(args) => init::run(&args, output),
        LogCommand::Run(args) => run::run(&args, output),
        LogCommand::Check(args) => check::run(&args, output),
        LogCommand::Reindex(args) => run::reindex(&args, output),
    }
}

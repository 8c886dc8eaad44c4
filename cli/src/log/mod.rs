//! `counterfoil log`: make, run and mend logs.

mod check;
mod init;
mod run;

use clap::Subcommand;
use counterfoil_log_server::config::Config;

use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::service::Service;

pub(crate) use check::CheckArgs;
pub(crate) use init::InitArgs;
pub(crate) use run::{ReindexArgs, RunArgs};

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

impl Service for Config {
    #[cfg(any(feature = "anchor", feature = "witness"))]
    const NAME: &'static str = "log";
    const CONFIG_NAME: &'static str = CONFIG_NAME;
    const ADVICE: &'static str =
        "make a log with `counterfoil log init DIR --origin ORIGIN`, and give its DIR";
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

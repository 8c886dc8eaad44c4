//! `counterfoil bastion`: make, run and check a bastion.

mod check;
mod init;
mod run;

use clap::Subcommand;
use counterfoil_bastion::server::{BastionError, Config};
use counterfoil_service::serve::ServeError;

use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::service::Service;

pub(crate) use check::CheckArgs;
pub(crate) use init::InitArgs;
pub(crate) use run::RunArgs;

/// The name of the configuration in the directory of a bastion.
const CONFIG_NAME: &str = "bastion.toml";

/// `counterfoil bastion`.
#[derive(Debug, Subcommand)]
pub(crate) enum BastionCommand {
    /// Make the directory of a new bastion: its configuration and the list of backends
    ///
    /// Refuses to write over anything. The certificate is for you to provide, or with --self-signed it is made.
    #[command(after_help = "\
Examples:
  counterfoil bastion init bastion --listen 0.0.0.0:443
  counterfoil bastion init bastion --self-signed localhost --listen 127.0.0.1:8443")]
    Init(InitArgs),
    /// Run a bastion
    ///
    /// Each key of the configuration file is also a flag and an environment variable (`COUNTERFOIL_BASTION__KEY`,
    /// `COUNTERFOIL_BASTION__SECTION__KEY`); a flag beats the environment, which beats the file. The address is printed
    /// when it is ready. On SIGHUP it reads the lists of backends and the certificates anew. On SIGTERM or Ctrl-C it takes
    /// no more, answers what it took, and ends; on a second one at once.
    #[command(after_help = "\
Examples:
  counterfoil bastion run --config bastion
  counterfoil bastion run --config bastion --status-listen 127.0.0.1:9090")]
    Run(Box<RunArgs>),
    /// Check the configuration, the lists of backends and the certificates of a bastion
    #[command(after_help = "\
Example:
  counterfoil bastion check bastion

Exit codes: 0 it would start, 2 it would not.")]
    Check(CheckArgs),
}

impl Service for Config {
    #[cfg(any(feature = "anchor", feature = "witness"))]
    const NAME: &'static str = "bastion";
    const CONFIG_NAME: &'static str = CONFIG_NAME;
    const ADVICE: &'static str =
        "make a bastion with `counterfoil bastion init DIR`, and give its DIR";
}

/// Runs `counterfoil bastion`.
pub(crate) fn run(command: BastionCommand, output: Output) -> Result<Exit, Failure> {
    match command {
        BastionCommand::Init(args) => init::run(&args, output),
        BastionCommand::Run(args) => run::run(&args, output),
        BastionCommand::Check(args) => check::run(&args, output),
    }
}

/// Why the bastion does not start: what the configuration names is the user's.
fn failure(error: &BastionError) -> Failure {
    let failure = Failure::usage(error.to_string());
    match error {
        BastionError::Serve(ServeError::Listen { .. }) => {
            failure.advice("another process may listen there: --listen gives another address")
        }
        BastionError::Allowed(_) | BastionError::Tls(_) | BastionError::Serve(_) => failure,
    }
}

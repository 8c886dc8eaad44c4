//! `counterfoil witness`: make, run and look after witnesses.

mod add_copies;
mod adopt;
mod check;
mod init;
mod logs;
mod run;
mod status;

use std::path::Path;

use clap::Subcommand;
use counterfoil_tiles::key::PrivateKey;
use counterfoil_witness::config::Config;
use counterfoil_witness::data::DataError;
use counterfoil_witness::run::RunError;

use crate::exit::{Exit, Failure};
use crate::key;
use crate::output::Output;
use crate::service::{DirectoryArgs, Service, StatusArgs};

pub(crate) use add_copies::AddCopiesArgs;
pub(crate) use init::InitArgs;
pub(crate) use logs::AddLogArgs;
pub(crate) use run::RunArgs;

/// The name of the configuration in the directory of a witness.
const CONFIG_NAME: &str = "witness.toml";

/// `counterfoil witness`.
#[derive(Debug, Subcommand)]
pub(crate) enum WitnessCommand {
    /// Make the directory of a new witness: its keys, its configuration, its list of logs, its empty data
    ///
    /// Refuses to write over anything. Prints the vkeys, which logs and verifiers configure, and what to do next.
    #[command(after_help = "\
Examples:
  counterfoil witness init my-witness --name witness.example.org/w1
  counterfoil witness init my-witness --name witness.example.org/w1 --url https://witness.example.org/ --listen 0.0.0.0:8443")]
    Init(InitArgs),
    /// Run the witness of a configuration
    ///
    /// Each key of the configuration file is also a flag and an environment variable (`COUNTERFOIL_WITNESS__KEY`); a
    /// flag beats the environment, which beats the file. The address is printed when the witness is ready. On SIGHUP it
    /// reads its lists of logs and its certificates again; on SIGTERM or Ctrl-C it takes no more, answers what it took, and
    /// ends; on a second one at once.
    #[command(after_help = "\
Examples:
  counterfoil witness run --config my-witness
  counterfoil witness run --config my-witness --listen 127.0.0.1:0 --copies /mnt/elsewhere/witness")]
    Run(Box<RunArgs>),
    /// Check what a witness would run with: configuration, keys, lists of logs, records, copies
    ///
    /// Changes nothing, and may run beside the witness.
    #[command(after_help = "\
Example:
  counterfoil witness check --config my-witness

Exit codes: 0 good, 1 a record is damaged or older than what was signed, 2 usage, 3 could not tell.")]
    Check(DirectoryArgs<Config>),
    /// Add a log to the witness's list, without a restart
    ///
    /// Appends a line to the first file of `logs`, or to --file. A witness that runs takes it within seconds, by looking at
    /// its lists every `watch_interval`; SIGHUP makes it look at once. Several keys of one origin are one log, and either
    /// key suffices.
    #[command(after_help = "\
Examples:
  counterfoil witness add-log --config my-witness 'log.example.org/records+ebe9c8c7+AVKp…'
  counterfoil witness add-log --config my-witness --origin 'go.sum database tree' 'sum.golang.org+033de0ae+Ac4z…'")]
    AddLog(AddLogArgs),
    /// Set up a directory in which the witness keeps copies of what it signs
    ///
    /// Makes the directory, writes the latest checkpoint of each log into it and marks it, so that a directory over which
    /// nothing is mounted is never taken for one without copies. Then name it in `copies`.
    #[command(after_help = "\
Example:
  counterfoil witness add-copies --config my-witness /mnt/elsewhere/witness

Exit codes: 0 it is set up, or was, 2 usage, 3 could not tell.")]
    AddCopies(AddCopiesArgs),
    /// List the logs of a witness, with the latest sizes that it cosigned
    #[command(after_help = "\
Example:
  counterfoil witness list-logs --config my-witness")]
    ListLogs(DirectoryArgs<Config>),
    /// Ask a running witness how it is
    #[command(after_help = "\
Examples:
  counterfoil witness status --config my-witness
  counterfoil witness status --url https://witness.example.org/

Exit codes: 0 it signs, 1 it refuses to sign, 2 usage, 3 could not tell.")]
    Status(StatusArgs<Config>),
    /// Take over, from the copies, what was signed after the backup that the database was restored from
    ///
    /// The witness must be stopped. For each log, the largest checkpoint that carries this witness's own signature and the
    /// log's becomes the record, if the record does not cover it. Then the witness can run again.
    #[command(after_help = "\
Example:
  counterfoil witness adopt --config my-witness

Exit codes: 0 taken over, 1 something could not be, 2 usage, 3 could not tell.")]
    Adopt(DirectoryArgs<Config>),
}

impl Service for Config {
    const NAME: &'static str = "witness";
    const CONFIG_NAME: &'static str = CONFIG_NAME;
    const ADVICE: &'static str =
        "make a witness with `counterfoil witness init DIR --name NAME`, and give its DIR";
}

/// Runs `counterfoil witness`.
pub(crate) fn run(command: WitnessCommand, output: Output) -> Result<Exit, Failure> {
    match command {
        WitnessCommand::Init(args) => init::run(&args, output),
        WitnessCommand::Run(args) => run::run(&args, output),
        WitnessCommand::Check(args) => crate::on_network(check::run(args.load()?, output)),
        WitnessCommand::AddLog(args) => logs::add(&args, output),
        WitnessCommand::AddCopies(args) => crate::on_network(add_copies::run(args, output)),
        WitnessCommand::ListLogs(args) => crate::on_network(logs::list(args.load()?, output)),
        WitnessCommand::Status(args) => crate::on_network(status::run(args, output)),
        WitnessCommand::Adopt(args) => crate::on_network(adopt::run(args.load()?, output)),
    }
}

/// Loads a key from a private file, or not at all.
fn load_key(path: &Path) -> Result<PrivateKey, Box<dyn std::error::Error + Send + Sync>> {
    Ok(key::load(path)?)
}

/// Why the witness did not start.
fn failure(error: RunError) -> Failure {
    let text = error.to_string();
    match error {
        RunError::Serve(counterfoil_service::serve::ServeError::Listen { .. }) => {
            Failure::usage(text)
                .advice("another process may listen there: --listen gives another address")
        }
        RunError::Data(error) => data_failure(&error),
        RunError::Key { .. }
        | RunError::Signers(_)
        | RunError::Lists(_)
        | RunError::Bastion { .. }
        | RunError::Copies { .. }
        | RunError::Tls(_)
        | RunError::Serve(_) => Failure::usage(text),
    }
}

/// What the configuration names is the user's; what is in the data is not.
fn data_failure(error: &DataError) -> Failure {
    let text = error.to_string();
    match error {
        DataError::Absent { .. } | DataError::Present { .. } | DataError::Create { .. } => {
            Failure::usage(text)
        }
        // It says itself what to do.
        DataError::Lock(_) => Failure::could_not_tell(text),
        DataError::Blobs(_) | DataError::Registers(_) => Failure::could_not_tell(text).advice(
            "do not delete the data: without it the witness could sign other histories than before",
        ),
    }
}

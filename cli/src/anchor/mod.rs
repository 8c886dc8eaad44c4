//! `counterfoil anchor`: make and run anchors, which fix what logs publish in time.

mod chain;
mod check;
mod init;
mod key;
mod now;
mod run;
mod status;

use clap::Subcommand;
use counterfoil_anchor::config::Config;
use counterfoil_anchor::data::DataError;
use std::sync::Arc;

use counterfoil_anchor::judge::rfc3161;
use counterfoil_anchor::run::{Judges, RunError};

use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::service::{Service, StatusArgs};

pub(crate) use check::CheckArgs;
pub(crate) use init::InitArgs;
pub(crate) use key::KeyArgs;
pub(crate) use now::NowArgs;
pub(crate) use run::RunArgs;

/// The name of the configuration in the directory of an anchor.
const CONFIG_NAME: &str = "anchor.toml";

/// What judges tokens.
fn judges() -> Judges<'static> {
    Judges {
        make: &rfc3161::make,
        records: Arc::new(rfc3161::Rfc3161RecordJudge),
    }
}

/// `counterfoil anchor`.
#[derive(Debug, Subcommand)]
pub(crate) enum AnchorCommand {
    /// Make the directory of a new anchor: its configuration, its empty data
    ///
    /// Refuses to write over anything. A first log and a first authority may be given; more of both are added to the
    /// configuration by hand. An anchor has no key but that of the account which pays for transactions, if it has a chain.
    #[command(after_help = "\
Examples:
  counterfoil anchor init my-anchor
  counterfoil anchor init my-anchor --log https://log.example.org/ --policy log.policy \\
    --authority freetsa --authority-url https://freetsa.org/tsr --root freetsa.pem")]
    Init(InitArgs),
    /// Run the anchor of a configuration
    ///
    /// Each key of the configuration file is also a flag and an environment variable (`COUNTERFOIL_ANCHOR__KEY`); a
    /// flag beats the environment, which beats the file. Keys that may hold credentials (`rpc` and `signer` of
    /// `[ethereum]`) are no flags, which others could read. The address is printed when the anchor is ready. On SIGHUP it
    /// anchors every log at once, and reads its certificates of TLS again; on SIGTERM or Ctrl-C it lets end what is under
    /// way, within `shutdown_deadline`; on a second one it ends at once.
    #[command(after_help = "\
Examples:
  counterfoil anchor run --config my-anchor
  counterfoil anchor run --config my-anchor --listen 127.0.0.1:0 --interval 10m")]
    Run(Box<RunArgs>),
    /// Check what an anchor would run with and what it keeps, and whether its logs and authorities answer
    ///
    /// Changes nothing, and may run beside the anchor. Every record is read and judged: what is damaged,
    /// and what is missing as the names beside it show, is named; with --json, all of it. Each log's checkpoint is fetched and verified, also against what was
    /// anchored; each authority is asked for a token over random bytes, which is judged and thrown away; the chain is
    /// asked what a round would cost, and whether it would be executed and could be recorded; each of its endpoints has a line.
    #[command(after_help = "\
Examples:
  counterfoil anchor check --config my-anchor
  counterfoil anchor check --config my-anchor --offline

Exit codes: 0 good, 1 a record, a log or an authority is wrong, 2 usage, 3 could not tell.")]
    Check(CheckArgs),
    /// Ask a running anchor how it is
    ///
    /// Shows for each log its newest anchor, how large the log is, why nothing is anchored if that is so, and for each authority
    /// when it counted last or what it did wrong, by the words of docs/anchor.md; then what is damaged, what was revoked, and
    /// how many tokens wait for revocation data. With --json, all of /status.
    #[command(after_help = "\
Examples:
  counterfoil anchor status --config my-anchor
  counterfoil --json anchor status --url https://anchor.example.org/ | jq '.logs[].newest.age_seconds'
  counterfoil anchor status --url https://anchor.example.org/

Exit codes: 0 every log is anchored, and can be, 1 a log forked or was set back, a token that was kept was revoked, or a record
is damaged, 2 usage, 3 could not tell.")]
    Status(StatusArgs<Config>),
    /// Anchor every log once, now, without a service
    ///
    /// For cron. Adds revocation data to earlier tokens that wait for them; then looks at every log, asks every authority once,
    /// and keeps the tokens that come. A new token is settled only when revocation data are published that are newer than it,
    /// so that a later `now` or `run` has to add them: trust with `revocation = "published"` does not count it before. Keys
    /// of the configuration are flags, as for `run`. On a chain it records what has become final since the last time, and sends what is
    /// new; `--wait` waits for that, too. The anchor must not be running: it has the data directory for itself, and
    /// anchors at once on SIGHUP.
    #[command(after_help = "\
Examples:
  counterfoil anchor now --config my-anchor
  counterfoil --json anchor now --config my-anchor --required 2

Exit codes: 0 as many authorities as are required vouch for every log, 1 a log forked or was set back, a token that was
kept was revoked, or a record is damaged, 2 usage, 3 could not tell: a log or too many authorities gave nothing that counts, or nothing
could be sent.")]
    Now(Box<NowArgs>),
    /// Make the key with which an anchor pays for its transactions on a chain
    ///
    /// The key is kept in a new file of mode 0600, encrypted with a password (Web3 Secret Storage, as geth writes it), and its
    /// account is printed. `keystore` of `[ethereum]` names the file.
    #[command(after_help = "\
Example:
  counterfoil anchor key ethereum-key.json --password-file ethereum-password")]
    Key(KeyArgs),
}

impl Service for Config {
    const NAME: &'static str = "anchor";
    const CONFIG_NAME: &'static str = CONFIG_NAME;
    const ADVICE: &'static str =
        "make an anchor with `counterfoil anchor init DIR`, and give its DIR";
}

/// Runs `counterfoil anchor`.
pub(crate) fn run(command: AnchorCommand, output: Output) -> Result<Exit, Failure> {
    match command {
        AnchorCommand::Init(args) => init::run(&args, output),
        AnchorCommand::Run(args) => run::run(&args, output),
        AnchorCommand::Check(args) => crate::on_network(check::run(args, output)),
        AnchorCommand::Status(args) => crate::on_network(status::run(args, output)),
        AnchorCommand::Now(args) => crate::on_network(now::run(&args, output)),
        AnchorCommand::Key(args) => key::run(&args, output),
    }
}

/// Why the anchor did not start.
fn failure(error: &RunError) -> Failure {
    let text = error.to_string();
    match error {
        RunError::Serve(counterfoil_service::serve::ServeError::Listen { .. }) => {
            Failure::usage(text)
                .advice("another process may listen there: --listen gives another address")
        }
        RunError::Data(error) => data_failure(error),
        RunError::Records(_) => Failure::could_not_tell(text),
        RunError::File { .. }
        | RunError::Policy { .. }
        | RunError::Log { .. }
        | RunError::SameLog { .. }
        | RunError::Authority { .. }
        | RunError::SameRoot { .. }
        | RunError::Schedule(_)
        | RunError::Ethereum(_)
        | RunError::Client(_)
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
        DataError::Lock(_) => Failure::could_not_tell(text)
            .advice("an anchor that runs anchors every log at once on SIGHUP, and looks at each `interval`"),
        DataError::Blobs(_) | DataError::Registers(_) => Failure::could_not_tell(text).advice(
            "do not delete the data: without it the anchor would not notice a fork from what it anchored",
        ),
    }
}

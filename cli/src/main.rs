//! The `counterfoil` binary: every service and every tool as a subcommand.
//!
//! A command is a module with its arguments and a `run`. What decides is pure and tested in its module; what touches
//! files and networks is thin. Errors become exit codes in [`failures`] alone.

#![forbid(unsafe_code)]

#[cfg(feature = "anchor")]
mod anchor;
mod api;
mod audit;
#[cfg(feature = "bastion")]
mod bastion;
mod cli;
mod client;
mod conformance;
#[cfg(feature = "demo")]
mod demo;
#[cfg(feature = "dev")]
mod dev;
mod entry;
mod evidence;
mod exit;
mod failures;
mod inspect;
mod interrupt;
mod key;
#[cfg(feature = "log")]
mod log;
mod misbehaviour;
mod output;
mod place;
mod receipt;
mod retry;
#[cfg(any(
    feature = "anchor",
    feature = "bastion",
    feature = "log",
    feature = "witness"
))]
mod service;
mod shell;
mod submit;
mod token;
mod tree;
mod trust;
mod verifier;
mod verify;
#[cfg(feature = "witness")]
mod witness;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use cli::{Cli, Command};
use exit::{Exit, Failure};
use output::Output;

/// Memory that one thread allocates and another frees goes back to the system, which glibc's allocator keeps in arenas.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = cli.output();
    if !cli.command.keeps_its_own_log() {
        start_log(&cli);
    }
    match dispatch(cli.command, output) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output.json(&failure.to_json());
            Output::error(&failure);
            failure.exit.into()
        }
    }
}

/// The log of what happens goes to standard error; `RUST_LOG` overrides the flags.
fn start_log(cli: &Cli) {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(cli.log_filter()));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .with_target(false)
        .init();
}

fn dispatch(command: Command, output: Output) -> Result<Exit, Failure> {
    match command {
        Command::Key(command) => key::run(command, output),
        #[cfg(feature = "anchor")]
        Command::Anchor(command) => anchor::run(command, output),
        #[cfg(feature = "log")]
        Command::Log(command) => log::run(command, output),
        #[cfg(feature = "bastion")]
        Command::Bastion(command) => bastion::run(command, output),
        #[cfg(feature = "demo")]
        Command::Demo(args) => on_network(demo::run(args, output)),
        #[cfg(feature = "dev")]
        Command::Dev(command) => on_network(dev::run(command, output)),
        #[cfg(feature = "witness")]
        Command::Witness(command) => witness::run(command, output),
        Command::Verify(args) => on_network(verify::run(&args, output)),
        Command::Verifier(args) => verifier::run(&args, output),
        Command::Inspect(args) => inspect::run(&args, output),
        Command::Completions(args) => Ok(shell::completions(&args)),
        Command::Man(args) => shell::man(&args, output),
        Command::Submit(args) => on_network(submit::run(*args, output)),
        Command::Receipt(args) => on_network(receipt::run(args, output)),
        Command::Evidence(args) => on_network(evidence::run(*args, output)),
        Command::Audit(args) => on_network(audit::run(*args, output)),
        Command::Conformance(command) => on_network(conformance::run(command, output)),
    }
}

/// Runs a command that waits for others.
fn on_network(command: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::could_not_tell(format!("the system gives no threads: {error}")))?
        .block_on(command)
}

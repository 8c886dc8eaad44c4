//! `counterfoil log run` and `counterfoil log reindex`.

use std::net::SocketAddr;

use clap::Args;
use counterfoil_log_server::config::{Config, LogConfig};
use counterfoil_log_server::data::{self, DataError};
use counterfoil_log_server::run::{RunError, load_keys, start};
use counterfoil_log_server::serve::ServeError;
use counterfoil_service::{logging, serve, tls};
use counterfoil_tiles::key::SigningKey;
use serde_json::json;
use tokio::sync::Notify;

use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupts;
use crate::output::Output;
use crate::service::{ConfigArgs, load_key, serve_until_told, urls};

/// `counterfoil log run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs<Config>,
    /// Check the configuration, the keys and the certificates, and end
    #[arg(long)]
    check: bool,
    /// Go on from the data as it is, whatever the witnesses say of it; only if you know that it is the newest
    #[arg(long)]
    start_unguarded: bool,
}

/// `counterfoil log reindex`.
#[derive(Debug, Args)]
pub(crate) struct ReindexArgs {
    #[command(flatten)]
    config: ConfigArgs<Config>,
}

/// Runs the server until it is told to stop.
pub(super) fn run(args: &RunArgs, output: Output) -> Result<Exit, Failure> {
    let mut config = args.config.load()?;
    for log in &mut config.logs {
        log.start_unguarded |= args.start_unguarded;
    }
    if args.check {
        return check(&config, output);
    }
    logging::init(&config.front).map_err(|error| Failure::usage(error.to_string()))?;
    crate::on_network(async {
        let interrupts = Interrupts::listen();
        let running = start(&config, &load_key)
            .await
            .map_err(|error| failure(&error))?;
        tell_ready(&config, running.addresses(), output)?;
        let stop = Notify::new();
        let serving = running.run(stop.notified());
        let cost = "what was still in progress is not answered; nothing acknowledged is lost";
        serve_until_told(interrupts, serving, &stop, std::future::pending(), cost).await
    })
}

fn check(config: &Config, output: Output) -> Result<Exit, Failure> {
    for log in &config.logs {
        let keys = load_keys(log, &load_key).map_err(|error| failure(&error))?;
        let warnings =
            data::check_configuration(log, keys).map_err(|error| refused(log, &error))?;
        for warning in warnings {
            output.note(format!("log {:?}: {warning}", log.origin));
        }
    }
    if let Some(config) = &config.front.tls {
        tls::configure(config).map_err(|error| Failure::usage(error.to_string()))?;
    }
    output.line("The configuration is good.");
    output.json(&json!({"outcome": Exit::Done.word(), "logs": config.logs.len()}));
    Ok(Exit::Done)
}

/// Says on standard output where each log is: a supervisor or a test reads it.
fn tell_ready(config: &Config, addresses: &[SocketAddr], output: Output) -> Result<(), Failure> {
    let mut logs = Vec::new();
    for log in &config.logs {
        let urls = urls(&config.front, addresses, &log.prefix);
        let keys: Vec<SigningKey> = load_keys(log, &load_key).map_err(|error| failure(&error))?;
        let vkeys: Vec<String> = keys.iter().map(|key| key.vkey().to_string()).collect();
        output.line(format!("{} is ready at {}", log.origin, urls.join(" and ")));
        logs.push(json!({"origin": log.origin, "urls": urls, "vkeys": vkeys}));
    }
    output.json(&json!({"event": "ready", "addresses": addresses, "logs": logs}));
    Ok(())
}

/// Builds the lookup indexes anew.
pub(super) fn reindex(args: &ReindexArgs, output: Output) -> Result<Exit, Failure> {
    let config = args.config.load()?;
    crate::on_network(async {
        for log in &config.logs {
            let indexed = reindex_one(log, output).await?;
            output.line(format!("{}: {indexed} entries are indexed", log.origin));
            output.json(
                &json!({"outcome": Exit::Done.word(), "origin": log.origin, "indexed": indexed}),
            );
        }
        Ok(Exit::Done)
    })
}

async fn reindex_one(log: &LogConfig, output: Output) -> Result<u64, Failure> {
    let keys = load_keys(log, &load_key).map_err(|error| failure(&error))?;
    let progress = output.progress("entries indexed", 0);
    let indexed = data::rebuild_index(log, keys, |done, all| {
        progress.set_length(all.get());
        progress.set_position(done.get());
    })
    .await
    .map_err(|error| refused(log, &error))?;
    progress.finish_and_clear();
    Ok(indexed.get())
}

/// Why the server did not start.
pub(super) fn failure(error: &RunError) -> Failure {
    let text = error.to_string();
    match error {
        RunError::Serve(ServeError::Front(serve::ServeError::Listen { .. })) => {
            Failure::usage(text)
                .advice("another process may listen there: --listen gives another address")
        }
        RunError::Key { .. } | RunError::Serve(_) => Failure::usage(text),
        RunError::Log { source, .. } => data_failure(text, source),
    }
}

/// Why the data directory of a log cannot be used.
pub(super) fn refused(log: &LogConfig, error: &DataError) -> Failure {
    data_failure(format!("log {:?}: {error}", log.origin), error)
}

/// What the configuration names is the user's; what is in the data is not.
fn data_failure(text: String, error: &DataError) -> Failure {
    match error {
        DataError::NoLog { .. }
        | DataError::Origin(_)
        | DataError::Key(_)
        | DataError::KeyName { .. }
        | DataError::Quorum(_)
        | DataError::FirstKey => Failure::usage(text),
        // It says itself what to do.
        DataError::Lock(_) => Failure::could_not_tell(text),
        DataError::Create { .. }
        | DataError::Blobs(_)
        | DataError::Registers(_)
        | DataError::Engine(_) => Failure::could_not_tell(text)
            .advice("`counterfoil log check` says what is wrong with the data"),
    }
}

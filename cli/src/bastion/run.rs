//! `counterfoil bastion run`.

use clap::Args;
use counterfoil_bastion::server::{Bastion, Config, Reloader};
use counterfoil_service::logging;
use serde_json::json;
use tokio::sync::Notify;

use super::failure;
use crate::exit::{Exit, Failure};
use crate::interrupt::{Hangups, Interrupts};
use crate::output::Output;
use crate::service::{ConfigArgs, serve_until_told};

/// `counterfoil bastion run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs<Config>,
}

/// Runs the bastion until it is told to stop.
pub(super) fn run(args: &RunArgs, output: Output) -> Result<Exit, Failure> {
    let config = args.config.load()?;
    logging::init(&config.front).map_err(|error| Failure::usage(error.to_string()))?;
    crate::on_network(async {
        let interrupts = Interrupts::listen();
        // From here on SIGHUP does not end the process.
        let hangups = Hangups::listen();
        let bastion = Bastion::bind(&config)
            .await
            .map_err(|error| failure(&error))?;
        tell_ready(&bastion, output);
        let reloader = bastion.reloader();
        let reloading = hangups.each(|| reload(&reloader));
        let stop = Notify::new();
        let serving = bastion.run(stop.notified());
        let cost = "what was still in progress is not answered";
        serve_until_told(interrupts, serving, &stop, reloading, cost).await
    })
}

/// Reads lists and certificates anew.
fn reload(reloader: &Reloader) {
    match reloader.reload() {
        Ok(backends) => tracing::info!(
            backends,
            "the lists of backends and the certificates were read anew"
        ),
        Err(error) => tracing::error!(
            %error,
            "the lists of backends and the certificates cannot be used, and those from before stay; mend the file and send SIGHUP again"
        ),
    }
}

/// Says on standard output where the bastion is: a supervisor or a test reads it.
fn tell_ready(bastion: &Bastion, output: Output) {
    let addresses = bastion.addresses();
    for address in addresses {
        output.line(format!(
            "the bastion is ready: clients at https://{address}/KEY HASH/, backends at {address}"
        ));
    }
    for address in bastion.status_addresses() {
        output.line(format!("metrics are at http://{address}/metrics"));
    }
    output.json(&json!({
        "event": "ready",
        "addresses": addresses,
        "status_addresses": bastion.status_addresses(),
    }));
}

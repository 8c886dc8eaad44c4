//! `counterfoil anchor run`.

use clap::Args;
use counterfoil_anchor::config::Config;
use counterfoil_anchor::run::{Running, start};
use counterfoil_service::logging;
use serde_json::json;
use tokio::sync::Notify;

use super::{failure, judges};
use crate::exit::{Exit, Failure};
use crate::interrupt::{Hangups, Interrupts};
use crate::output::Output;
use crate::service::{ConfigArgs, serve_until_told, urls};

/// `counterfoil anchor run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs<Config>,
}

/// Runs the anchor until it is told to stop.
pub(super) fn run(args: &RunArgs, output: Output) -> Result<Exit, Failure> {
    let config = args.config.load()?;
    logging::init(&config.front).map_err(|error| Failure::usage(error.to_string()))?;
    crate::on_network(async {
        let interrupts = Interrupts::listen();
        let hangups = Hangups::listen();
        let running = start(&config, &judges())
            .await
            .map_err(|error| failure(&error))?;
        tell_ready(&config, &running, output);
        let (worker, certificates) = (running.worker().clone(), running.certificates());
        let obeying = hangups.each(|| {
            worker.want();
            if let Some(certificates) = &certificates
                && let Err(error) = certificates.reload()
            {
                tracing::error!(%error, "the certificates of TLS are not read anew; those from before stay");
            }
        });
        let stop = Notify::new();
        let serving = running.run(stop.notified());
        let cost = "authorities that were being asked are asked again at the next start; no token that counted is lost";
        serve_until_told(interrupts, serving, &stop, obeying, cost).await
    })
}

/// Says on standard output where the anchor is: a supervisor or a test reads it.
fn tell_ready(config: &Config, running: &Running, output: Output) {
    let urls = urls(&config.front, running.addresses(), "");
    output.line(format!("the anchor is ready at {}", urls.join(" and ")));
    let status = running.worker().status();
    let origins: Vec<&str> = status.iter().map(|log| log.origin.as_str()).collect();
    output.json(&json!({
        "event": "ready",
        "addresses": running.addresses(),
        "urls": urls,
        "logs": origins,
        "authorities": config.authorities.len(),
        "required": config.required,
    }));
}

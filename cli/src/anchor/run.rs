//! `counterfoil anchor run`.

use std::pin::pin;

use clap::Args;
use counterfoil_anchor::config::Config;
use counterfoil_anchor::run::{Running, start};
use counterfoil_service::logging;
use serde_json::json;
use tokio::sync::Notify;

use super::{MAKE, failure};
use crate::exit::{Exit, Failure};
use crate::interrupt::{Hangups, Interrupts};
use crate::output::Output;
use crate::service::{ConfigArgs, urls};

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
        let mut interrupts = Interrupts::listen();
        let mut hangups = Hangups::listen();
        let running = start(&config, MAKE)
            .await
            .map_err(|error| failure(&error))?;
        tell_ready(&config, &running, output);
        let (worker, certificates) = (running.worker().clone(), running.certificates());
        let stop = Notify::new();
        let mut serving = pin!(running.run(stop.notified()));
        loop {
            tokio::select! {
                () = &mut serving => return Ok(Exit::Done),
                () = interrupts.next() => break,
                () = hangups.next() => {
                    worker.want();
                    if let Some(certificates) = &certificates
                        && let Err(error) = certificates.reload()
                    {
                        tracing::error!(%error, "the certificates of TLS are not read anew; those from before stay");
                    }
                }
            }
        }
        stop.notify_one();
        tokio::select! {
            () = serving => Ok(Exit::Done),
            () = interrupts.next() => Err(Failure::could_not_tell(
                "told to end twice: authorities that were being asked are asked again at the next start; no token that counted is lost",
            )),
        }
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

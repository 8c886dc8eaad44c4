//! `counterfoil witness run`.

use std::sync::Arc;

use clap::Args;
use counterfoil_service::logging;
use counterfoil_witness::config::Config;
use counterfoil_witness::run::{Running, start};
use serde_json::json;
use tokio::sync::Notify;

use super::{failure, load_key};
use crate::exit::{Exit, Failure};
use crate::interrupt::{Hangups, Interrupts};
use crate::output::Output;
use crate::service::{ConfigArgs, serve_until_told, urls};

/// `counterfoil witness run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs<Config>,
}

/// Runs the witness until it is told to stop.
pub(super) fn run(args: &RunArgs, output: Output) -> Result<Exit, Failure> {
    let config = args.config.load()?;
    logging::init(&config.front).map_err(|error| Failure::usage(error.to_string()))?;
    crate::on_network(async {
        let interrupts = Interrupts::listen();
        let hangups = Hangups::listen();
        let running = start(&config, &load_key).await.map_err(failure)?;
        tell_ready(&config, &running, output);
        let lists = running.lists();
        let reloading = hangups.each(|| {
            let lists = Arc::clone(&lists);
            // What fails is logged, and shown on the page.
            tokio::spawn(async move { drop(lists.reload().await) });
        });
        let stop = Notify::new();
        let serving = running.run(stop.notified());
        let cost = "what was still in progress is not answered; nothing that was signed is lost";
        serve_until_told(interrupts, serving, &stop, reloading, cost).await
    })
}

/// Says on standard output where the witness is: a supervisor or a test reads it.
fn tell_ready(config: &Config, running: &Running, output: Output) {
    let urls = urls(
        &config.front,
        running.addresses(),
        &config.submission_prefix,
    );
    let ring = running.witness().signers().ring();
    let vkeys: Vec<String> = ring.iter().map(ToString::to_string).collect();
    let name = ring.iter().next().map_or("", |vkey| vkey.name().as_str());
    let bastions = running.bastions();
    output.line(format!("{name} is ready at {}", urls.join(" and ")));
    for url in bastions {
        output.line(format!("and, once the bastion has taken it, at {url}"));
    }
    output.json(&json!({
        "event": "ready",
        "addresses": running.addresses(),
        "urls": urls,
        "bastions": bastions,
        "vkeys": vkeys,
        "logs": running.witness().logs().len(),
    }));
}

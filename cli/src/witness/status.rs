//! `counterfoil witness status`.

use counterfoil_evidence::time::utc;
use counterfoil_witness::config::Config;
use serde::Deserialize;

use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::service::StatusArgs;

/// What the witness says; a newer one may say more.
#[derive(Debug, Deserialize)]
struct Status {
    state: String,
    explanation: String,
    vkeys: Vec<Key>,
    log_count: u64,
    lists_read_at: u64,
    lists_error: Option<String>,
    bastions: Vec<Bastion>,
    logs: Vec<Log>,
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Key {
    vkey: String,
}

#[derive(Debug, Deserialize)]
struct Bastion {
    url: String,
    link: String,
    since: u64,
    last_error: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Log {
    origin: String,
    paused: bool,
    latest: Option<Latest>,
    error: Option<String>,
    evidence: u64,
}

#[derive(Debug, Deserialize)]
struct Latest {
    size: u64,
    cosigned_at: u64,
}

/// Asks the witness.
pub(super) async fn run(args: StatusArgs<Config>, output: Output) -> Result<Exit, Failure> {
    let ask = args.ask("a witness's", |config| &config.front);
    let (status, whole): (Status, _) = ask.await?;
    tell(&status, output);
    output.json(&whole);
    Ok(if status.state == "signing" {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn tell(status: &Status, output: Output) {
    output.line(output.strong(&status.explanation));
    for key in &status.vkeys {
        output.line(&key.vkey);
    }
    let read = utc(status.lists_read_at);
    output.line(format!(
        "{} logs, by lists that were read at {read}",
        status.log_count
    ));
    if let Some(error) = &status.lists_error {
        output.line(format!(
            "  the lists as they are now cannot be used: {error}"
        ));
    }
    for bastion in &status.bastions {
        let error = bastion
            .last_error
            .as_deref()
            .filter(|_| bastion.link != "connected");
        let error = error.map_or_else(String::new, |error| format!(": {error}"));
        output.line(format!(
            "bastion {}  {} since {}{error}",
            bastion.url,
            bastion.link,
            utc(bastion.since)
        ));
    }
    for log in &status.logs {
        let state = match (&log.latest, &log.error) {
            (Some(latest), _) => format!(
                "size {}, cosigned at {}",
                latest.size,
                utc(latest.cosigned_at)
            ),
            (None, Some(error)) => error.clone(),
            (None, None) => "nothing cosigned yet".to_owned(),
        };
        let paused = if log.paused { ", paused" } else { "" };
        let evidence = if log.evidence > 0 {
            ", it signed two histories: see its evidence"
        } else {
            ""
        };
        output.line(format!("{}  {state}{paused}{evidence}", log.origin));
    }
    if status.next.is_some() {
        output.note("There are more; `counterfoil witness list-logs` lists all.");
    }
}

//! `counterfoil witness check`: would the witness run, and is what it recorded whole and new enough?

use std::sync::Arc;

use counterfoil_checks::Checks;
use counterfoil_witness::config::Config;
use counterfoil_witness::copies::{CopyWriter, Guard};
use counterfoil_witness::run::{check, load_signers, places};
use counterfoil_witness::{Options, Witness, data};
use serde_json::json;

use super::{data_failure, failure, load_key};
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Checks everything that a witness would run with.
pub(super) async fn run(config: Config, output: Output) -> Result<Exit, Failure> {
    let checked = check(&config, &load_key).map_err(failure)?;
    let mut checks = Checks::default();
    let keys = checked.vkeys.len();
    checks.passed("configuration", format!("good, with {keys} keys"));
    let combined = checked.listing.combined;
    let count = combined.logs.len();
    checks.passed("lists", format!("{count} logs"));
    combined.overruled.iter().for_each(Output::warn);

    let data = data::read(&config.data).await;
    let data = data.map_err(|error| data_failure(&error))?;
    let mut unreadable = Vec::new();
    let mut cosigned = 0_usize;
    for log in combined.logs.iter() {
        match data.recorded(log.hash()).await {
            Ok(Some(_)) => cosigned += 1,
            Ok(None) => {}
            Err(error) => unreadable.push(format!("{}: {error}", log.origin())),
        }
    }
    if unreadable.is_empty() {
        checks.passed(
            "records",
            format!("whole; {cosigned} of {count} logs were cosigned"),
        );
    } else {
        checks.failed("records", unreadable.join("; "));
    }
    let (sources, _) = places(&config).map_err(failure)?;
    let places = sources.len();
    if places == 0 {
        checks.not_checked(
            "copies",
            "none are configured, so a database from an old backup would not be noticed",
        );
    } else {
        let signers = load_signers(&config, &load_key).map_err(failure)?;
        let options = Options {
            guard: Guard::new(sources, config.copies_required),
            copies: Arc::new(CopyWriter::default()),
            ..Options::default()
        };
        let (heads, blobs) = (Arc::clone(&data.heads) as _, Arc::clone(&data.blobs) as _);
        let witness = Witness::new(signers, combined.logs, heads, blobs, options);
        witness.sweep_copies().await;
        let guard = witness.guard();
        match (guard.rollback(), guard.unread()) {
            (Some(rollback), _) => checks.failed("copies", rollback.to_string()),
            (None, 0) => checks.passed(
                "copies",
                format!("in {places} places, none newer than the records"),
            ),
            (None, unread) => checks.not_checked("copies", format!("{unread} could not be read")),
        }
    }
    for url in &checked.bastions {
        output.line(format!("bastion: {url}"));
    }
    output.checks(&checks);
    let exit = Exit::of(&checks);
    // Without copies a witness may run.
    let exit = if places == 0 && exit == Exit::CouldNotTell {
        Exit::Done
    } else {
        exit
    };
    output.json(&json!({"outcome": exit.word(), "checks": checks, "logs": count, "bastions": checked.bastions}));
    Ok(exit)
}

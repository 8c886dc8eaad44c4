//! `counterfoil witness adopt`.

use counterfoil_witness::config::Config;
use counterfoil_witness::run::{load_signers, places};
use counterfoil_witness::{copies, data, lists};
use serde_json::json;

use super::{data_failure, failure, load_key};
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Takes over what the copies show.
pub(super) async fn run(config: Config, output: Output) -> Result<Exit, Failure> {
    let (sources, _) = places(&config).map_err(failure)?;
    if sources.is_empty() {
        return Err(Failure::usage("the configuration names no copies")
            .advice("put the places with copies of what this witness signed into `copies`: its own folder, its published monitoring prefix, or that of others"));
    }
    let signers = load_signers(&config, &load_key).map_err(failure)?;
    let listing = lists::read(&config.logs).map_err(|error| Failure::usage(error.to_string()))?;
    let logs = listing.combined.logs;
    // The lock: nothing signs meanwhile.
    let data = data::open(&config.data).await;
    let data = data.map_err(|error| data_failure(&error))?;
    let mut exit = Exit::Done;
    let (mut adopted, mut problems) = (Vec::new(), Vec::new());
    copies::adopt(
        data.heads.as_ref(),
        &logs,
        signers.ring(),
        &sources,
        |report| match report {
            Ok(Ok(adoption)) => {
                let before = adoption.from.map_or_else(
                    || "nothing".to_owned(),
                    |size| format!("size {}", size.get()),
                );
                output.line(format!(
                    "{}: size {} is recorded now, {before} was before",
                    adoption.origin,
                    adoption.to.get()
                ));
                adopted.push(json!({
                    "origin": adoption.origin.as_str(),
                    "from": adoption.from.map(counterfoil_tiles::hash::TreeSize::get),
                    "to": adoption.to.get(),
                }));
            }
            Ok(Err(error)) => {
                exit = exit.and(Exit::Failed);
                Output::warn(&error);
                problems.push(error.to_string());
            }
            Err(unreadable) => {
                exit = exit.and(Exit::CouldNotTell);
                let log = unreadable
                    .log
                    .map_or_else(String::new, |log| format!("/{log}/checkpoint"));
                let text = format!("{}{log} was not read: {}", unreadable.place, unreadable.why);
                Output::warn(&text);
                problems.push(text);
            }
        },
    )
    .await;
    output.json(&json!({"outcome": exit.word(), "adopted": adopted, "problems": problems}));
    output.note(format!("{} logs were taken over.", adopted.len()));
    if exit != Exit::Done {
        output.note("Not everything was: a log whose copies were not read may have been signed further than its record says.");
    }
    Ok(exit)
}

//! `counterfoil witness add-log` and `counterfoil witness list-logs`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use counterfoil_tiles::checkpoint::Origin;
use counterfoil_tiles::key::Vkey;
use counterfoil_witness::config::Config;
use counterfoil_witness::lists::{self, Format};
use counterfoil_witness::{Log, data};
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::service::DirectoryArgs;

/// `counterfoil witness add-log`.
#[derive(Debug, Args)]
pub(crate) struct AddLogArgs {
    #[command(flatten)]
    directory: DirectoryArgs<Config>,
    /// The vkeys of the log
    #[arg(value_name = "VKEY", required = true)]
    vkeys: Vec<Vkey>,
    /// The origin of the log, where that is not the key's name
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<Origin>,
    /// At most so many checkpoints a second are cosigned for the log
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
    /// The list to add it to, instead of the configuration's first
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Adds a log to a list.
pub(super) fn add(args: &AddLogArgs, output: Output) -> Result<Exit, Failure> {
    let config = args.directory.load()?;
    let file = match (&args.file, config.logs.first()) {
        (Some(file), _) | (None, Some(file)) => file.clone(),
        (None, None) => return Err(Failure::usage("the configuration names no list of logs")),
    };
    if !config.logs.contains(&file) {
        return Err(Failure::usage(format!(
            "{} is not among the lists of the configuration",
            file.display()
        ))
        .advice("name one of `logs` in the configuration, or add the file to them"));
    }
    let refused = |error: &dyn std::fmt::Display| Failure::usage(error.to_string());
    let text = read(&file)?;
    if Format::of(&text) != Format::Vkeys {
        return Err(
            Failure::usage(format!("{} is not a list of a vkey a line", file.display()))
                .advice("its format has no place for this; name another file with --file"),
        );
    }
    let known = lists::read(&config.logs).map_err(|error| refused(&error))?;
    let mut lines = Vec::new();
    for vkey in &args.vkeys {
        let origin = args
            .origin
            .clone()
            .unwrap_or_else(|| vkey.name().clone().into());
        let listed = known.combined.logs.find(&origin);
        if listed.is_some_and(|log| log.keys().iter().any(|key| key.vkey() == vkey)) {
            output.note(format!("{origin} is listed with this key already."));
            continue;
        }
        lines.push(line(args, vkey));
    }
    let new_text = format!("{text}\n{}", lines.concat());
    lists::parse(new_text.as_bytes()).map_err(|error| refused(&error.fault))?;
    if !lines.is_empty() {
        append(&file, &text, &lines.concat())?;
        // Together with the other files: another may name the log first.
        let combined = lists::read(&config.logs)
            .map_err(|error| refused(&error))?
            .combined;
        combined.overruled.iter().for_each(Output::warn);
    }
    output.json(&json!({
        "outcome": Exit::Done.word(),
        "file": file,
        "added": lines.len(),
    }));
    output.line(format!("{} keys added to {}", lines.len(), file.display()));
    let within = config.watch_interval.as_secs_f64() * 2.0;
    output.note(if config.watch_interval.is_zero() {
        "A witness that runs takes it on SIGHUP.".to_owned()
    } else {
        format!("A witness that runs takes it within {within} s.")
    });
    Ok(Exit::Done)
}

fn line(args: &AddLogArgs, vkey: &Vkey) -> String {
    let rate = args
        .rate
        .map_or_else(String::new, |rate| format!(" rate={rate}"));
    let origin = args.origin.as_ref();
    let origin = origin.map_or_else(String::new, |origin| format!(" origin={origin}"));
    format!("{vkey}{rate}{origin}\n")
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))
}

/// Appends in one write, so that several at once do not undo each other.
fn append(file: &Path, before: &str, lines: &str) -> Result<(), Failure> {
    let newline = if before.is_empty() || before.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let write = || {
        let mut opened = OpenOptions::new().append(true).open(file)?;
        opened.write_all(format!("{newline}{lines}").as_bytes())?;
        opened.sync_all()
    };
    write().map_err(|error| Failure::could_not_tell(format!("{}: {error}", file.display())))
}

/// Lists the logs.
pub(super) async fn list(config: Config, output: Output) -> Result<Exit, Failure> {
    let listing = lists::read(&config.logs).map_err(|error| Failure::usage(error.to_string()))?;
    let data = data::read(&config.data).await;
    let data = data.map_err(|error| super::data_failure(&error))?;
    let mut logs: Vec<&Log> = listing.combined.logs.iter().map(AsRef::as_ref).collect();
    logs.sort_unstable_by_key(|log| log.origin());
    let mut exit = Exit::Done;
    let mut rows = Vec::with_capacity(logs.len());
    for log in logs {
        let (size, error) = match data.recorded(log.hash()).await {
            Ok(recorded) => (
                recorded.map(|recorded| recorded.checkpoint().size().get()),
                None,
            ),
            Err(error) => {
                exit = Exit::CouldNotTell;
                (None, Some(error))
            }
        };
        let options = log.options();
        let state = match (size, &error) {
            (Some(size), _) => format!("size {size}"),
            (None, Some(error)) => error.clone(),
            (None, None) => "nothing cosigned yet".to_owned(),
        };
        let paused = if options.paused { ", paused" } else { "" };
        output.line(format!("{}  {state}{paused}", log.origin()));
        let vkeys = log.keys().iter().map(|key| key.vkey().to_string());
        rows.push(json!({
            "origin": log.origin().as_str(),
            "origin_hash": log.hash().to_string(),
            "vkeys": vkeys.collect::<Vec<_>>(),
            "size": size,
            "rate": options.rate,
            "paused": options.paused,
            "error": error,
        }));
    }
    listing.combined.overruled.iter().for_each(Output::warn);
    output.json(&json!({"outcome": exit.word(), "logs": rows}));
    output.note(format!("{} logs", rows.len()));
    Ok(exit)
}

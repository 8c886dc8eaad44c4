//! `counterfoil witness add-copies`.

use std::path::{Path, PathBuf};

use clap::Args;
use counterfoil_witness::config::{Config, Place};
use counterfoil_witness::copies::FolderCopies;
use counterfoil_witness::{data, lists};
use serde_json::json;

use super::data_failure;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::service::DirectoryArgs;

/// `counterfoil witness add-copies`.
#[derive(Debug, Args)]
pub(crate) struct AddCopiesArgs {
    #[command(flatten)]
    directory: DirectoryArgs<Config>,
    /// The directory on other storage; made if it is not there
    #[arg(value_name = "DIR")]
    place: PathBuf,
}

/// Sets a place for copies up.
pub(super) async fn run(args: AddCopiesArgs, output: Output) -> Result<Exit, Failure> {
    let config = args.directory.load()?;
    let listing = lists::read(&config.logs).map_err(|error| Failure::usage(error.to_string()))?;
    let data = data::read(&config.data).await;
    let data = data.map_err(|error| data_failure(&error))?;
    let mut copies = Vec::new();
    for log in listing.combined.logs.iter() {
        let recorded = data.recorded(log.hash()).await;
        let recorded = recorded.map_err(Failure::could_not_tell)?;
        let note = recorded.map(|recorded| recorded.note().as_bytes().to_vec());
        copies.extend(note.map(|note| (log.hash(), note.into())));
    }
    let (place, logs) = (args.place.display(), copies.len());
    let is_new = FolderCopies::new(&args.place).set_up(copies);
    let is_new =
        is_new.map_err(|error| Failure::usage(format!("{place} cannot be set up: {error}")))?;
    output.json(&json!({
        "outcome": Exit::Done.word(),
        "place": args.place,
        "new": is_new,
        "copies": if is_new { logs } else { 0 },
    }));
    if is_new {
        output.note(format!(
            "{place} is a place for copies now, with the checkpoints of {logs} logs."
        ));
    } else {
        output.note(format!("{place} is a place for copies already."));
    }
    if !names(&config, &args.place) {
        output.note(
            "The configuration does not name it: put it into `copies`, and start the witness anew.",
        );
    }
    Ok(Exit::Done)
}

fn names(config: &Config, place: &Path) -> bool {
    let place = std::path::absolute(place).ok();
    config.copies.iter().any(|named| match named {
        Place::Folder(folder) => std::path::absolute(folder).ok() == place,
        Place::Url(_) => false,
    })
}

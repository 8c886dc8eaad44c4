//! `counterfoil anchor key`.

use std::path::PathBuf;

use clap::Args;
use counterfoil_anchor::ethereum::{PASSWORD_VARIABLE, create_key};
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::output::Output;

/// `counterfoil anchor key`.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// The file that gets the key, encrypted
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The file of the password, mode 0600
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Makes the key.
pub(super) fn run(args: &KeyArgs, output: Output) -> Result<Exit, Failure> {
    let made = create_key(&args.file, args.password_file.as_deref());
    let account = made.map_err(|error| {
        Failure::usage(error.to_string()).advice(format!(
            "the password is read from --password-file, or from the environment variable {PASSWORD_VARIABLE}"
        ))
    })?;
    output.line(account);
    output.json(&json!({
        "outcome": Exit::Done.word(),
        "account": account.to_string(),
        "file": args.file,
    }));
    output.note(format!(
        "Above is the account of the key in {}. Send it some ether, and use it for nothing else.",
        args.file.display()
    ));
    Ok(Exit::Done)
}

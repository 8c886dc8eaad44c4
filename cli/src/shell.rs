//! `counterfoil completions` and `counterfoil man`: both are made from the command line's own description.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// `counterfoil completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// `counterfoil man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The directory; made if it is not there
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// Writes a completion script.
pub(crate) fn completions(args: &CompletionsArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "counterfoil", &mut script);
    Output::raw(&script);
    Exit::Done
}

/// Writes a manual page for each command.
pub(crate) fn man(args: &ManArgs, output: Output) -> Result<Exit, Failure> {
    let directory = &args.directory;
    std::fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), directory))
        .map_err(|error| {
            Failure::usage(format!(
                "the manual pages cannot be written into {}: {error}",
                directory.display()
            ))
        })?;
    output.line(format!("the manual pages are in {}", directory.display()));
    output.json(&serde_json::json!({"outcome": Exit::Done.word(), "directory": directory}));
    Ok(Exit::Done)
}

//! What a command says: results on standard output, everything else on standard error.
//!
//! One [`Output`] is made from the global flags and handed down. A reader that goes away (`| head`) ends the output,
//! not the command: its exit code still tells the outcome.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use counterfoil_checks::{Checks, Outcome};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::exit::Failure;

/// Where and how results are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    format: Format,
    colour: Colour,
    chatter: Chatter,
}

/// The form of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Words and tables for people.
    Text,
    /// One JSON document (or one a line, where a command says so).
    Json,
}

/// Whether colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colour {
    Never,
    Terminal,
}

/// How much is said beside the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chatter {
    /// Progress and hints.
    Normal,
    /// Results and errors only.
    Quiet,
}

/// The outcome that a mark shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Passed,
    Failed,
    NotChecked,
}

impl From<Outcome> for Mark {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Passed => Self::Passed,
            Outcome::Failed => Self::Failed,
            Outcome::NotChecked => Self::NotChecked,
        }
    }
}

impl Output {
    /// Output as the flags and the environment ask: `NO_COLOR` (<https://no-color.org>) and a terminal decide on
    /// colours.
    pub(crate) fn new(format: Format, chatter: Chatter) -> Self {
        let asked_not = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = if !asked_not && io::stdout().is_terminal() {
            Colour::Terminal
        } else {
            Colour::Never
        };
        Self {
            format,
            colour,
            chatter,
        }
    }

    /// Whether results are JSON.
    pub(crate) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Writes a line of the result, if results are text.
    pub(crate) fn line(self, text: impl Display) {
        if self.format == Format::Text {
            write_result(&format!("{text}\n"));
        }
    }

    /// Writes a line of the result for each check.
    pub(crate) fn checks(self, checks: &Checks) {
        let names = checks.iter().map(|check| check.name.len());
        let width = names.max().unwrap_or_default();
        for check in checks.iter() {
            let mark = self.mark(check.outcome.into());
            self.line(format!("  {:width$}  {mark}: {}", check.name, check.reason));
        }
    }

    /// Writes the result as one JSON document on one line, if results are JSON.
    pub(crate) fn json(self, value: &impl Serialize) {
        if self.format == Format::Json {
            match serde_json::to_string(value) {
                Ok(text) => write_result(&format!("{text}\n")),
                Err(error) => Self::warn(format!("the result cannot be written as JSON: {error}")),
            }
        }
    }

    /// Writes text that is the result whatever the format (a receipt, a completion script).
    pub(crate) fn raw(bytes: &[u8]) {
        write_bytes(bytes);
    }

    /// Says something beside the result, on standard error.
    pub(crate) fn note(self, text: impl Display) {
        if self.chatter == Chatter::Normal {
            write_beside(&format!("{text}\n"));
        }
    }

    /// Says something beside the result that matters even to who wants quiet.
    pub(crate) fn warn(text: impl Display) {
        write_beside(&format!("warning: {text}\n"));
    }

    /// Says why a command ended early, and what to do.
    pub(crate) fn error(failure: &Failure) {
        write_beside(&format!("error: {}\n", failure.what));
        if let Some(advice) = &failure.advice {
            write_beside(&format!("  what to do: {advice}\n"));
        }
    }

    /// A mark in words, coloured on a terminal.
    pub(crate) fn mark(self, mark: Mark) -> String {
        let (word, code) = match mark {
            Mark::Passed => ("passed", "32"),
            Mark::Failed => ("FAILED", "31;1"),
            Mark::NotChecked => ("not checked", "33"),
        };
        self.paint(word, code)
    }

    /// Bold on a terminal.
    pub(crate) fn strong(self, text: &str) -> String {
        self.paint(text, "1")
    }

    fn paint(self, text: &str, code: &str) -> String {
        match self.colour {
            Colour::Terminal => format!("\x1b[{code}m{text}\x1b[0m"),
            Colour::Never => text.to_owned(),
        }
    }

    /// A progress bar over `total` things, drawn only on a terminal and only if anything beside results is wanted.
    pub(crate) fn progress(self, what: &'static str, total: u64) -> ProgressBar {
        let bar = if self.chatter == Chatter::Normal && io::stderr().is_terminal() {
            ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10))
        } else {
            ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden())
        };
        let template = "{msg} [{bar:30}] {human_pos}/{human_len} ({per_sec}, {eta} left)";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what);
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(250));
        }
        bar
    }
}

fn write_result(text: &str) {
    write_bytes(text.as_bytes());
}

/// Writes to standard output. A reader that went away is no error; anything else is told on standard error.
fn write_bytes(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(bytes).and_then(|()| out.flush())
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        write_beside(&format!(
            "warning: the result could not be written: {error}\n"
        ));
    }
}

/// Writes to standard error; when even that fails nobody is left to tell.
fn write_beside(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

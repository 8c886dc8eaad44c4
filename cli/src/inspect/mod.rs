//! `counterfoil inspect`: what an artefact is, in words, and what of it can be checked without trusting anybody.

mod binary;
mod evidence;
mod text;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use counterfoil_evidence::format::MAX_EVIDENCE_SIZE;
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::output::{Mark, Output};

/// The longest artefact that is read: the longest evidence.
const MAX_BYTES: u64 = MAX_EVIDENCE_SIZE as u64;

/// `counterfoil inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The artefacts; - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// What an artefact is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Explanation {
    /// The kind, for programs.
    pub(crate) kind: &'static str,
    /// What it is, in a sentence.
    pub(crate) what: String,
    /// What it says.
    pub(crate) facts: Vec<Fact>,
    /// What can be checked without trust, and what came of it.
    pub(crate) checks: Vec<SelfCheck>,
    /// What only somebody with trust can check.
    pub(crate) needs_trust: Option<String>,
}

/// A name and a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Fact {
    name: String,
    value: String,
}

/// A check of an artefact against itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SelfCheck {
    holds: bool,
    what: String,
}

impl Explanation {
    fn new(kind: &'static str, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            facts: Vec::new(),
            checks: Vec::new(),
            needs_trust: None,
        }
    }

    fn fact(mut self, name: impl Into<String>, value: impl std::fmt::Display) -> Self {
        self.facts.push(Fact {
            name: name.into(),
            value: value.to_string(),
        });
        self
    }

    fn check(mut self, holds: bool, what: impl Into<String>) -> Self {
        self.checks.push(SelfCheck {
            holds,
            what: what.into(),
        });
        self
    }

    fn needs_trust(mut self, what: impl Into<String>) -> Self {
        self.needs_trust = Some(what.into());
        self
    }
}

/// Runs `counterfoil inspect`: 1 if an artefact contradicts itself, 2 if one is nothing that is known.
pub(crate) fn run(args: &InspectArgs, output: Output) -> Result<Exit, Failure> {
    let mut exit = Exit::Done;
    for file in &args.files {
        let bytes = read(file)?;
        let name = file.display().to_string();
        let Some(explanation) = explain(&name, &bytes) else {
            return Err(Failure::usage(format!(
                "{name} ({} bytes) is none of: checkpoint, signed note, key, receipt, policy, tile, entry bundle, witness request, journal, audit state, evidence, trust file, anchor record, time-stamp token",
                bytes.len()
            ))
            .advice("a tile or bundle is known best by its path: keep it below tile/ as the log serves it"));
        };
        if explanation.checks.iter().any(|check| !check.holds) {
            exit = exit.and(Exit::Failed);
        }
        print(&name, &explanation, output);
    }
    Ok(exit)
}

/// Finds out what `bytes` are; the path they were found at helps with tiles and bundles.
pub(crate) fn explain(path: &str, bytes: &[u8]) -> Option<Explanation> {
    binary::by_path(path, bytes)
        .or_else(|| evidence::explain(bytes))
        .or_else(|| std::str::from_utf8(bytes).ok().and_then(text::explain))
        .or_else(|| binary::by_contents(bytes))
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable =
        |error: io::Error| Failure::usage(format!("{} cannot be read: {error}", file.display()));
    let mut bytes = Vec::new();
    let reader: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(file).map_err(unreadable)?)
    };
    reader
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Failure::usage(format!(
            "{} is longer than any artefact of a log",
            file.display()
        )));
    }
    Ok(bytes)
}

fn print(name: &str, explanation: &Explanation, output: Output) {
    output.json(&serde_json::json!({"file": name, "explanation": explanation}));
    output.line(format!("{}: {}", output.strong(name), explanation.what));
    let width = explanation
        .facts
        .iter()
        .map(|fact| fact.name.chars().count())
        .max()
        .unwrap_or_default();
    for fact in &explanation.facts {
        output.line(format!("  {:width$}  {}", fact.name, fact.value));
    }
    for check in &explanation.checks {
        let mark = if check.holds {
            Mark::Passed
        } else {
            Mark::Failed
        };
        output.line(format!("  {}: {}", output.mark(mark), check.what));
    }
    if let Some(needs) = &explanation.needs_trust {
        output.line(format!("  {}: {needs}", output.mark(Mark::NotChecked)));
    }
}

//! `counterfoil conformance`: the requirements of a specification, tried on a service that runs.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use counterfoil_conformance::{CannotStart, LogError, Report, Target, TestLog, Verdict};
use counterfoil_tiles::checkpoint::Origin;
use counterfoil_tiles::key::{PrivateKey, Vkey};
use serde_json::json;
use url::Url;

use crate::exit::{Exit, Failure};
use crate::key;
use crate::output::{Mark, Output};

/// `counterfoil conformance`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConformanceCommand {
    /// Try every requirement of tlog-witness on a witness
    ///
    /// Plays a log: sends good requests and bad ones, and compares each answer with a sentence of the specification
    /// (<https://c2sp.org/tlog-witness>). The witness must follow the logs whose private keys are given. These keys sign
    /// contradictions on purpose, which a witness may keep as evidence: use keys made for this alone. A witness can be
    /// tried again with the same keys; only what needs a log that it has never seen is then left out.
    #[command(after_help = "\
Examples:
  counterfoil key generate --name example.com/conformance/1 1.key
  counterfoil conformance witness http://127.0.0.1:8080/ --log-key 1.key --vkeys vkeys
  counterfoil conformance witness https://witness.example/ --log-key 1.key --log-key 2.key \\
    --vkey 'witness.example+…' --monitoring https://cdn.example/witness/ --markdown > witness.md
  counterfoil conformance witness http://127.0.0.1:8080/ --log-key 1.key --restart-command './restart'

Exit codes: 0 no MUST is broken, 1 one is, 2 usage, 3 could not tell.")]
    Witness(Box<WitnessArgs>),
}

/// `counterfoil conformance witness`.
#[derive(Debug, Args)]
pub(crate) struct WitnessArgs {
    /// The witness's submission prefix
    #[arg(value_name = "URL")]
    url: Url,
    /// A file with the private key of a log that the witness follows; the first key of a log is an Ed25519 one
    ///
    /// Keys with one name are keys of one log. With two keys in one log, and with several logs, more can be tried.
    #[arg(long, value_name = "FILE", required = true)]
    log_key: Vec<PathBuf>,
    /// The origin of the log, if it is not the keys' name: all keys are then this log's
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<Origin>,
    /// A vkey of the witness; without one no cosignature can be verified
    #[arg(long, value_name = "VKEY")]
    vkey: Vec<Vkey>,
    /// A file with the vkeys of the witness, one a line
    #[arg(long, value_name = "FILE")]
    vkeys: Option<PathBuf>,
    /// The witness's monitoring prefix, if it is not the submission prefix
    #[arg(long, value_name = "URL")]
    monitoring: Option<Url>,
    /// A command for `sh` that kills and restarts the witness, to see that it forgets nothing
    #[arg(long, value_name = "COMMAND")]
    restart_command: Option<String>,
    /// Write the report as Markdown
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

/// Runs `counterfoil conformance`.
pub(crate) async fn run(command: ConformanceCommand, output: Output) -> Result<Exit, Failure> {
    let ConformanceCommand::Witness(args) = command;
    let mut vkeys = args.vkey.clone();
    if let Some(file) = &args.vkeys {
        vkeys.extend(read_vkeys(file)?);
    }
    if vkeys.is_empty() {
        Output::warn("no vkey of the witness was given: its cosignatures are not verified");
    }
    let target = Target {
        submission: args.url.clone(),
        monitoring: args.monitoring.clone(),
        logs: logs(&args)?,
        vkeys,
        restart: args.restart_command.clone(),
    };
    let report = counterfoil_conformance::run(target).await?;
    let exit = exit(&report);
    if args.markdown {
        Output::raw(report.markdown().as_bytes());
    } else {
        tell(&report, output);
        output.json(&json!({
            "outcome": exit.word(),
            "url": args.url.as_str(),
            "pass": report.count(Verdict::Pass),
            "fail": report.count(Verdict::Fail),
            "warn": report.count(Verdict::Warn),
            "not_tested": report.count(Verdict::NotTested),
            "throttled": report.throttled,
            "rows": report.rows,
        }));
    }
    Ok(exit)
}

/// The logs of the keys, in the order of their first keys.
fn logs(args: &WitnessArgs) -> Result<Vec<TestLog>, Failure> {
    let mut grouped: Vec<(String, Vec<PrivateKey>)> = Vec::new();
    for file in &args.log_key {
        let key = key::load(file)?;
        let origin = match &args.origin {
            Some(origin) => origin.to_string(),
            None => key.vkey().name().to_string(),
        };
        match grouped.iter_mut().find(|(known, _)| *known == origin) {
            Some((_, keys)) => keys.push(key),
            None => grouped.push((origin, vec![key])),
        }
    }
    let logs = grouped
        .into_iter()
        .map(|(origin, keys)| TestLog::new(&origin, keys));
    logs.collect::<Result<_, LogError>>().map_err(|error| {
        Failure::usage(error.to_string())
            .advice("make one with `counterfoil key generate --name ORIGIN FILE`")
    })
}

fn read_vkeys(file: &PathBuf) -> Result<Vec<Vkey>, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("{} cannot be read: {error}", file.display())))?;
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            line.parse().map_err(|error| {
                Failure::usage(format!("{}: {line:?} is no vkey: {error}", file.display()))
            })
        })
        .collect()
}

/// What breaks a MUST fails; where nothing passed nothing was shown.
fn exit(report: &Report) -> Exit {
    if report.count(Verdict::Fail) > 0 {
        Exit::Failed
    } else if report.count(Verdict::Pass) == 0 {
        Exit::CouldNotTell
    } else {
        Exit::Done
    }
}

fn tell(report: &Report, output: Output) {
    let mut sentence = "";
    for row in &report.rows {
        if row.requirement != sentence {
            sentence = row.requirement;
            let title = format!("{} ({}): {sentence}", row.specification, row.keyword);
            output.line(format!("\n{}", output.strong(&title)));
        }
        let verdict = match row.verdict {
            Verdict::Pass => output.mark(Mark::Passed),
            Verdict::Fail => output.mark(Mark::Failed),
            Verdict::Warn => "warning".to_owned(),
            Verdict::NotTested => output.mark(Mark::NotChecked),
        };
        let expected = match row.verdict {
            Verdict::Fail | Verdict::Warn => format!(" (expected {})", row.expected),
            Verdict::Pass | Verdict::NotTested => String::new(),
        };
        output.line(format!(
            "  {verdict} {}: {}: {}{expected}",
            row.id, row.request, row.got
        ));
    }
    output.line(format!("\n{}", report.summary()));
    if report.throttled > 0 {
        output.line(format!(
            "{} requests were answered 429 and sent again after a pause",
            report.throttled
        ));
    }
}

impl From<CannotStart> for Failure {
    fn from(error: CannotStart) -> Self {
        let advice = match &error {
            CannotStart::UnknownLog { .. } => {
                "configure the witness to follow the log: its vkey is what `counterfoil key show FILE` prints"
            }
            CannotStart::Unreachable(_) => "start the witness, and check its URL",
            _ => return Self::usage(error.to_string()),
        };
        Self::could_not_tell(error.to_string()).advice(advice)
    }
}

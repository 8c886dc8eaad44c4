//! `counterfoil anchor now`.

use std::time::Duration;

use clap::Args;
use counterfoil_anchor::config::Config;
use counterfoil_anchor::ethereum::{Status, View};
use counterfoil_anchor::moment;
use counterfoil_anchor::run::once;
use counterfoil_anchor::worker::{LookTrouble, Once, OnceStamped};
use counterfoil_evidence::time::utc;
use counterfoil_service::config::duration;
use serde_json::{Value, json};

use super::{chain, failure, judges};
use crate::exit::{Exit, Failure};
use crate::output::{Mark, Output};
use crate::service::ConfigArgs;

/// `counterfoil anchor now`.
#[derive(Debug, Args)]
pub(crate) struct NowArgs {
    #[command(flatten)]
    config: ConfigArgs<Config>,
    /// Wait so long for what was sent on the chain to become final, and keep its record
    #[arg(long, value_name = "DURATION", value_parser = read_duration)]
    wait: Option<Duration>,
}

fn read_duration(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| format!("expected {}", duration::EXPECTED))
}

/// Anchors every log once.
pub(super) async fn run(args: &NowArgs, output: Output) -> Result<Exit, Failure> {
    let config = args.config.load()?;
    let done = once(&config, &judges(), args.wait).await;
    let done = done.map_err(|error| failure(&error))?;
    let mut exit = Exit::Done;
    for log in &done.logs {
        exit = exit.and(outcome(log));
        tell(log, output);
    }
    if !done.revoked.is_empty() || !done.damaged.is_empty() {
        exit = exit.and(Exit::Failed);
    }
    for (place, name) in &done.revoked {
        output.line(format!(
            "{place}/{name} proves nothing any more: a certificate of its chain was revoked"
        ));
    }
    for (name, damage) in &done.damaged {
        output.line(format!(
            "{name} is damaged: {damage}; restore it from a backup"
        ));
    }
    if done.unsettled > 0 {
        output.line(format!(
            "{} tokens wait for revocation data that can speak for their time, as trust with revocation = \"published\" asks: \
             the next `now` or `run` adds them when they are published",
            done.unsettled
        ));
    }
    let on_chain = done
        .ethereum
        .as_ref()
        .map(|status| chain_outcome(status, args));
    if let (Some(status), Some(on_chain)) = (&done.ethereum, on_chain) {
        exit = exit.and(on_chain);
        tell_chain(status, on_chain, output);
    }
    let revoked = done.revoked.iter();
    let revoked = revoked.map(|(place, name)| format!("/{place}/{name}"));
    let damaged = done.damaged.iter();
    let damaged = damaged
        .map(|(name, damage)| json!({"path": format!("/{name}"), "reason": damage.to_string()}));
    output.json(&json!({
        "outcome": exit.word(),
        "logs": done.logs.iter().map(log_json).collect::<Vec<_>>(),
        "unsettled_tokens": done.unsettled,
        "revoked": revoked.collect::<Vec<_>>(),
        "damaged": damaged.collect::<Vec<_>>(),
        "ethereum": done.ethereum.as_ref().map(|status| json!({
            "outcome": on_chain.map(Exit::word),
            "status": View::of(status, moment::now()),
        })),
    }));
    Ok(exit)
}

/// What it came to on the chain.
fn chain_outcome(status: &Status, args: &NowArgs) -> Exit {
    let is_read = status
        .sender
        .as_ref()
        .is_some_and(|sender| sender.is_loaded && status.unread.is_none());
    let outcome = chain::outcome_once(&View::of(status, moment::now()), args.wait);
    if is_read {
        outcome
    } else {
        outcome.and(Exit::CouldNotTell)
    }
}

fn tell_chain(status: &Status, outcome: Exit, output: Output) {
    output.line(output.strong(status.name.as_str()));
    let mark = output.mark(match outcome {
        Exit::Done => Mark::Passed,
        Exit::Failed => Mark::Failed,
        _ => Mark::NotChecked,
    });
    if let Some(unread) = &status.unread {
        output.line(format!("  {mark}: {unread}"));
    }
    for line in chain::lines(&View::of(status, moment::now())) {
        output.line(format!("  {mark}: {line}"));
    }
}

/// What it came to for one log.
fn outcome(log: &Once) -> Exit {
    match &log.stamped {
        Ok(stamped) if counted(stamped) >= log.required => Exit::Done,
        Err(trouble) if !trouble.is_passing() => Exit::Failed,
        Ok(_) | Err(_) => Exit::CouldNotTell,
    }
}

fn counted(stamped: &[OnceStamped]) -> usize {
    stamped.iter().filter(|one| one.result.is_ok()).count()
}

fn tell(log: &Once, output: Output) {
    output.line(output.strong(&log.origin));
    let stamped = match &log.stamped {
        Ok(stamped) => stamped,
        Err(trouble) => {
            let mark = match outcome(log) {
                Exit::Failed => Mark::Failed,
                _ => Mark::NotChecked,
            };
            output.line(format!("  {}: {trouble}", output.mark(mark)));
            return;
        }
    };
    for one in stamped {
        match &one.result {
            Ok(anchored) => output.line(format!(
                "  {}  {}: existed by {}, {}/{}",
                one.authority,
                output.mark(Mark::Passed),
                utc(anchored.gen_time.seconds()),
                anchored.place,
                anchored.name
            )),
            Err(trouble) => output.line(format!(
                "  {}  {}: {trouble}",
                one.authority,
                output.mark(Mark::NotChecked)
            )),
        }
    }
    let (counted, required) = (counted(stamped), log.required);
    if counted < required {
        output.line(format!(
            "  {counted} of the {required} authorities that must vouch for it do; their tokens are kept, and a later round has to ask again"
        ));
    }
}

fn log_json(log: &Once) -> Value {
    let (authorities, trouble) = match &log.stamped {
        Ok(stamped) => (stamped.iter().map(authority_json).collect(), Value::Null),
        Err(trouble) => (Vec::new(), trouble_json(trouble)),
    };
    json!({
        "outcome": outcome(log).word(),
        "origin": log.origin,
        "required": log.required,
        "counted": log.stamped.as_ref().map_or(0, |stamped| counted(stamped)),
        "trouble": trouble,
        "authorities": authorities,
    })
}

fn trouble_json(trouble: &LookTrouble) -> Value {
    json!({"word": trouble.word(), "reason": trouble.to_string()})
}

fn authority_json(one: &OnceStamped) -> Value {
    match &one.result {
        Ok(anchored) => json!({
            "name": one.authority.as_str(),
            "outcome": "counted",
            "gen_time": anchored.gen_time.millis(),
            "record": format!("{}/{}", anchored.place, anchored.name),
        }),
        Err(trouble) => json!({
            "name": one.authority.as_str(),
            "outcome": trouble.word(),
            "reason": trouble.to_string(),
        }),
    }
}

//! `counterfoil anchor now`.

use counterfoil_anchor::config::Config;
use counterfoil_anchor::run::once;
use counterfoil_anchor::worker::{LookTrouble, Once, OnceStamped};
use counterfoil_evidence::time::utc;
use serde_json::{Value, json};

use super::{MAKE, failure};
use crate::exit::{Exit, Failure};
use crate::output::{Mark, Output};

/// Anchors every log once.
pub(super) async fn run(config: Config, output: Output) -> Result<Exit, Failure> {
    let logs = once(&config, MAKE).await.map_err(|error| failure(&error))?;
    let mut exit = Exit::Done;
    for log in &logs {
        exit = exit.and(outcome(log));
        tell(log, output);
    }
    output.json(&json!({
        "outcome": exit.word(),
        "logs": logs.iter().map(log_json).collect::<Vec<_>>(),
    }));
    Ok(exit)
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

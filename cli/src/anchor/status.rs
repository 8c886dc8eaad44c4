//! `counterfoil anchor status`.

use counterfoil_anchor::config::Config;
use counterfoil_anchor::ethereum::View;
use counterfoil_evidence::time::utc;
use serde::Deserialize;

use super::chain;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::service::StatusArgs;

/// What the anchor says; a newer one may say more.
#[derive(Debug, Deserialize)]
struct Status {
    unsettled_tokens: u64,
    #[serde(default)]
    revoked_tokens: u64,
    #[serde(default)]
    revoked: Vec<String>,
    #[serde(default)]
    damaged_records: u64,
    #[serde(default)]
    damaged: Vec<Damaged>,
    not_ready: Option<String>,
    logs: Vec<Log>,
    ethereum: Option<View>,
}

#[derive(Debug, Deserialize)]
struct Damaged {
    path: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
struct Log {
    origin: String,
    size: Option<u64>,
    newest: Option<Newest>,
    #[serde(default)]
    overdue: bool,
    behind_since: Option<u64>,
    forked_since: Option<u64>,
    trouble: Option<Trouble>,
    authorities: Vec<Authority>,
}

#[derive(Debug, Deserialize)]
struct Newest {
    size: u64,
    time: u64,
    age_seconds: u64,
}

#[derive(Debug, Deserialize)]
struct Trouble {
    word: String,
    reason: String,
    since: u64,
}

#[derive(Debug, Deserialize)]
struct Authority {
    name: String,
    counted_at: Option<u64>,
    trouble: Option<Trouble>,
}

/// Asks the anchor.
pub(super) async fn run(args: StatusArgs<Config>, output: Output) -> Result<Exit, Failure> {
    let ask = args.ask("an anchor's", |config| &config.front);
    let (status, whole): (Status, _) = ask.await?;
    tell(&status, output);
    output.json(&whole);
    Ok(outcome(&status))
}

fn outcome(status: &Status) -> Exit {
    let start = match status.not_ready {
        _ if status.revoked_tokens > 0 || status.damaged_records > 0 => Exit::Failed,
        None => Exit::Done,
        Some(_) => Exit::CouldNotTell,
    };
    let start = start.and(status.ethereum.as_ref().map_or(Exit::Done, chain::outcome));
    status.logs.iter().fold(start, |exit, log| {
        let is_proven =
            |trouble: &Trouble| matches!(trouble.word.as_str(), "fork" | "shrank" | "lost");
        exit.and(match (&log.trouble, &log.newest) {
            _ if log.overdue || log.forked_since.is_some() => Exit::Failed,
            (Some(trouble), _) if is_proven(trouble) => Exit::Failed,
            (None, Some(_)) => Exit::Done,
            _ => Exit::CouldNotTell,
        })
    })
}

fn tell(status: &Status, output: Output) {
    if let Some(reason) = &status.not_ready {
        output.line(format!("not ready: {reason}"));
    }
    for log in &status.logs {
        output.line(output.strong(&log.origin));
        output.line(match &log.newest {
            Some(newest) => format!(
                "  newest anchor: {} entries, existed by {}, {} ago",
                newest.size,
                utc(newest.time / 1_000),
                age(newest.age_seconds)
            ),
            None => "  not anchored yet".to_owned(),
        });
        if let Some(size) = log.size {
            output.line(format!("  the log has {size} entries"));
        }
        if let Some(since) = log.behind_since.filter(|_| log.overdue) {
            output.line(format!(
                "  OVERDUE: what it has since {} is not anchored: too few authorities count",
                utc(since / 1_000)
            ));
        } else if log.overdue {
            output.line(
                "  OVERDUE: the newest anchor is older than it may get, or its time is not yet",
            );
        }
        if let Some(since) = log.forked_since {
            output.line(format!(
                "  FORK: known since {}; it is anchored no more until known_forks names what was refused",
                utc(since / 1_000)
            ));
        }
        if let Some(trouble) = &log.trouble {
            output.line(format!("  {}", words(trouble)));
        }
        for authority in &log.authorities {
            let state = match (&authority.trouble, authority.counted_at) {
                (Some(trouble), _) => words(trouble),
                (None, Some(at)) => format!("counted at {}", utc(at / 1_000)),
                (None, None) => "not asked since the start".to_owned(),
            };
            output.line(format!("  {}  {state}", authority.name));
        }
    }
    if let Some(view) = &status.ethereum {
        output.line(output.strong(&view.name));
        for line in chain::lines(view) {
            output.line(format!("  {line}"));
        }
    }
    if status.revoked_tokens > 0 {
        output.line(format!(
            "{} tokens prove nothing any more, for a certificate of theirs was revoked; what other authorities stamped stands:",
            status.revoked_tokens
        ));
        for path in &status.revoked {
            output.line(format!("  {path}"));
        }
    }
    if status.damaged_records > 0 {
        output.line(format!(
            "{} records are damaged, and are not used nor served; restore them from a backup:",
            status.damaged_records
        ));
        for damaged in &status.damaged {
            output.line(format!("  {}: {}", damaged.path, damaged.reason));
        }
    }
    if status.unsettled_tokens > 0 {
        output.line(format!(
            "{} tokens wait for revocation data that can speak for their time",
            status.unsettled_tokens
        ));
    }
}

fn words(trouble: &Trouble) -> String {
    format!(
        "{} since {}: {}",
        trouble.word,
        utc(trouble.since / 1_000),
        trouble.reason
    )
}

/// A length of time in its two largest units.
pub(super) fn age(seconds: u64) -> String {
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_two_units() {
        let rows = [
            (0, "0 s"),
            (59, "59 s"),
            (61, "1 min 1 s"),
            (3_600, "1 h 0 min"),
            (90_000, "1 d 1 h"),
        ];
        for (seconds, text) in rows {
            assert_eq!(age(seconds), text);
        }
    }

    #[test]
    fn a_fork_outweighs_a_doubt() {
        let log_with = |more: &str, newest: &str, trouble: &str| {
            format!(
                r#"{{{more}"origin":"a","size":1,"newest":{newest},"trouble":{trouble},"authorities":[]}}"#
            )
        };
        let log = |newest: &str, trouble: &str| log_with("", newest, trouble);
        let newest = r#"{"size":1,"time":1,"age_seconds":1}"#;
        let trouble = |word: &str| format!(r#"{{"word":"{word}","reason":"r","since":1}}"#);
        let good = log(newest, "null");
        let rows = [
            ("good", vec![good.clone()], "null", Exit::Done),
            (
                "no anchor",
                vec![log("null", "null")],
                "null",
                Exit::CouldNotTell,
            ),
            (
                "down",
                vec![good.clone(), log(newest, &trouble("no-answer"))],
                "null",
                Exit::CouldNotTell,
            ),
            (
                "not ready",
                vec![good.clone()],
                "\"starting\"",
                Exit::CouldNotTell,
            ),
            (
                "all authorities fail, and what the log has is not anchored",
                vec![
                    good.clone(),
                    log_with(r#""overdue":true,"behind_since":5,"#, newest, "null"),
                ],
                "null",
                Exit::Failed,
            ),
            (
                "nothing was ever anchored, and should be",
                vec![log_with(r#""overdue":true,"#, "null", "null")],
                "null",
                Exit::Failed,
            ),
            (
                "a fork that is known from an earlier process, before the log is looked at",
                vec![log_with(r#""forked_since":5,"#, newest, "null")],
                "null",
                Exit::Failed,
            ),
            (
                "what binds the anchor is lost",
                vec![log(newest, &trouble("lost"))],
                "null",
                Exit::Failed,
            ),
            (
                "set back",
                vec![log(newest, &trouble("shrank"))],
                "null",
                Exit::Failed,
            ),
            (
                "a fork",
                vec![log(newest, &trouble("fork")), log("null", "null")],
                "null",
                Exit::Failed,
            ),
        ];
        for (name, logs, not_ready, expected) in rows {
            let text = format!(
                r#"{{"unsettled_tokens":0,"not_ready":{not_ready},"logs":[{}]}}"#,
                logs.join(",")
            );
            let status: Status = serde_json::from_str(&text).unwrap();
            assert_eq!(outcome(&status), expected, "{name}");
        }
    }
    #[test]
    fn what_proves_nothing_is_no_success() {
        let rows = [
            ("nothing", "", Exit::Done),
            (
                "revoked",
                r#""revoked_tokens":1,"revoked":["/a"],"#,
                Exit::Failed,
            ),
            (
                "damaged",
                r#""damaged_records":1,"damaged":[{"path":"/a","reason":"r"}],"#,
                Exit::Failed,
            ),
        ];
        for (name, more, expected) in rows {
            let text = format!(r#"{{{more}"unsettled_tokens":0,"not_ready":null,"logs":[]}}"#);
            let status: Status = serde_json::from_str(&text).unwrap();
            assert_eq!(outcome(&status), expected, "{name}");
        }
    }
}

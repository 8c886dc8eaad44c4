//! The work on a chain, in words.

use std::time::Duration;

use counterfoil_anchor::ethereum::view::{EndpointView, FailureView, View};
use counterfoil_evidence::time::utc;

use super::status::age;
use crate::exit::Exit;

/// What a running anchor's work on a chain comes to.
pub(super) fn outcome(view: &View) -> Exit {
    let is_well = view.hold.is_none()
        && view.trouble.is_none()
        && view.stopped.is_none()
        && refusal(view).is_none()
        && !view.balance_is_low;
    let is_failed = !view.undone.is_empty() || view.lost.is_some();
    match (is_failed, is_well) {
        (true, _) => Exit::Failed,
        (false, true) => Exit::Done,
        (false, false) => Exit::CouldNotTell,
    }
}

/// What doing the work once comes to. A round that failed is a failure until a later one is recorded.
pub(super) fn outcome_once(view: &View, wait: Option<Duration>) -> Exit {
    if !view.undone.is_empty() || view.lost.is_some() || last_failure(view).is_some() {
        return Exit::Failed;
    }
    let is_sent = view.waiting.is_none()
        && view.trouble.is_none()
        && view.stopped.is_none()
        && refusal(view).is_none();
    let is_final = view.on_its_way.is_none() || wait.is_none();
    if is_sent && is_final {
        Exit::Done
    } else {
        Exit::CouldNotTell
    }
}

/// Why the round on its way is not taken, if it is not.
fn refusal(view: &View) -> Option<&str> {
    view.on_its_way.as_ref()?.refusal.as_deref()
}

/// The failure of the last round that ended, if it failed.
fn last_failure(view: &View) -> Option<&FailureView> {
    let recorded = view.last_record.as_ref().map(|record| record.at);
    let failure = view.last_failure.as_ref();
    failure.filter(|failure| recorded.is_none_or(|at| at < failure.at))
}

/// Where it stands, a line for each fact.
pub(super) fn lines(view: &View) -> Vec<String> {
    let at = |millis: u64| utc(millis / 1_000);
    let mut lines = Vec::new();
    if let Some(reason) = &view.stopped {
        lines.push(format!("nothing is sent any more: {reason}"));
    }
    if let Some(hold) = &view.hold {
        lines.push(format!(
            "held back since {}: {}",
            at(hold.since),
            hold.reason
        ));
    }
    if let Some(trouble) = &view.trouble {
        lines.push(format!("since {}: {}", at(trouble.since), trouble.reason));
    }
    for undone in &view.undone {
        lines.push(format!(
            "since {} block {} ({}) is not the chain's any more, though it was final: its records prove nothing; look at the endpoints, and once that is dealt with, name the block in `known_undone`",
            at(undone.at),
            undone.block,
            undone.block_hash
        ));
    }
    if let Some(failure) = last_failure(view) {
        lines.push(format!(
            "the last round failed at {}: {}",
            at(failure.at),
            failure.reason
        ));
    }
    if let Some(lost) = &view.lost {
        lines.push(format!(
            "nothing of the last round is recorded, though its transaction {} is final, in block {} ({}): its checkpoints are damaged or gone: {}",
            lost.transaction,
            lost.block,
            lost.block_hash,
            lost.checkpoints.join(", ")
        ));
    }
    if let Some(waiting) = &view.waiting {
        lines.push(format!(
            "a round waits to be sent since {}",
            at(waiting.since)
        ));
    }
    if let Some(round) = &view.on_its_way {
        let place = match round.block {
            Some(block) => format!("in block {block}, which is not final yet"),
            None => "in no block yet".to_owned(),
        };
        lines.push(format!(
            "on its way since {}: transaction {}, {place}; at most {} gwei",
            at(round.since),
            round.transaction,
            round.most_gwei
        ));
    }
    if let Some(refusal) = refusal(view) {
        lines.push(format!("the endpoint did not take it: {refusal}"));
    }
    if let Some(record) = &view.last_record {
        lines.push(format!(
            "recorded last: transaction {} in block {} ({}), for {} gwei",
            record.transaction, record.block, record.block_hash, record.cost_gwei
        ));
    }
    for log in &view.logs {
        lines.push(match &log.newest {
            Some(newest) => format!(
                "{}: {} entries in block {} of {}, {} ago",
                log.origin,
                newest.size,
                newest.block,
                at(newest.time),
                age(newest.age_seconds)
            ),
            None => format!("{}: in no block yet", log.origin),
        });
    }
    let balance = view.seen.as_ref().map(|seen| {
        let days = match view.balance_days {
            Some(days) => format!(", enough for {days:.0} days"),
            None => String::new(),
        };
        format!("{} has {} gwei{days}", view.account, seen.balance_gwei)
    });
    lines.extend(balance);
    lines.extend(view.endpoints.iter().map(endpoint));
    lines
}

/// Whether an endpoint is used, its newest block, and what is wrong with it.
pub(super) fn endpoint(endpoint: &EndpointView) -> String {
    let mut facts = Vec::new();
    if endpoint.is_used {
        facts.push("answered last".to_owned());
    }
    if let (Some(head), Some(seconds)) = (endpoint.head, endpoint.head_age_seconds) {
        facts.push(format!("block {head} was {} old when seen", age(seconds)));
    }
    facts.extend(endpoint.trouble.clone());
    if facts.is_empty() {
        facts.push("not asked since the start".to_owned());
    }
    format!("{}: {}", endpoint.name, facts.join("; "))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn view(changes: &Value) -> View {
        let mut view = json!({
            "name": "dev", "chain_id": 1, "account": "0x01", "destination": "0x02", "mode": "address",
            "max_fee_gwei": "50", "max_priority_fee_gwei": "5", "max_cost_per_day_gwei": "1", "max_gas": 25_000, "waiting": null, "on_its_way": null,
            "hold": null, "trouble": null, "stopped": null, "last_record": null, "last_failure": null, "lost": null,
            "undone": [], "spent_gwei": "0", "cost_gwei": null, "seen": null, "balance_days": null,
            "balance_is_low": false, "next_look_at": null, "events": {}, "endpoints": [], "logs": [],
        });
        for (key, value) in changes.as_object().unwrap() {
            view[key] = value.clone();
        }
        serde_json::from_value(view).unwrap()
    }

    #[test]
    fn an_endpoint_has_a_line() {
        let line = |changes: &Value| {
            let mut view = json!({
                "name": "https://a.example", "trouble": null, "failures": 0, "is_used": false, "head": null,
                "head_age_seconds": null,
            });
            for (key, value) in changes.as_object().unwrap() {
                view[key] = value.clone();
            }
            endpoint(&serde_json::from_value(view).unwrap())
        };
        for (changes, expected) in [
            (json!({}), "not asked since the start"),
            (
                json!({"is_used": true, "head": 7, "head_age_seconds": 12}),
                "answered last; block 7 was 12 s old when seen",
            ),
            (
                json!({"head": 7, "head_age_seconds": 3_700, "trouble": "it stands still"}),
                "block 7 was 1 h 1 min old when seen; it stands still",
            ),
            (json!({"trouble": "no connection"}), "no connection"),
        ] {
            assert_eq!(line(&changes), format!("https://a.example: {expected}"));
        }
    }

    #[test]
    fn what_was_refused_failed_or_undone_is_no_success() {
        let on_its_way = |refusal: Option<&str>| {
            json!({
                "root": "", "since": 1, "nonce": 1, "transaction": "0x03", "attempts": 1, "most_gwei": "1",
                "expected_gwei": "1", "block": null, "block_hash": null, "refusal": refusal,
            })
        };
        let failed = json!({"at": 5, "root": "", "reason": "the nonce is taken"});
        let recorded = |at: u64| json!({"at": at, "block": 1, "block_hash": "", "transaction": "", "cost_gwei": "1"});
        let reason = json!({"reason": "no route", "since": 1});
        let waiting = json!({"root": "", "since": 1});
        let minute = Some(Duration::from_mins(1));
        let rows = [
            ("nothing to do", json!({}), minute, Exit::Done),
            (
                "sent",
                json!({"on_its_way": on_its_way(None)}),
                None,
                Exit::Done,
            ),
            (
                "not final",
                json!({"on_its_way": on_its_way(None)}),
                minute,
                Exit::CouldNotTell,
            ),
            (
                "refused",
                json!({"on_its_way": on_its_way(Some("unprotected"))}),
                None,
                Exit::CouldNotTell,
            ),
            (
                "in trouble",
                json!({"trouble": reason}),
                None,
                Exit::CouldNotTell,
            ),
            (
                "stopped",
                json!({"stopped": "damaged"}),
                None,
                Exit::CouldNotTell,
            ),
            (
                "waiting",
                json!({"waiting": waiting}),
                None,
                Exit::CouldNotTell,
            ),
            (
                "undone",
                json!({"undone": [{"at": 5, "block": 7, "block_hash": "0x07", "transaction": "0x08"}]}),
                None,
                Exit::Failed,
            ),
            (
                "lost",
                json!({"lost": {"block": 7, "block_hash": "", "transaction": "0x08", "checkpoints": ["the nonce is taken"]}}),
                None,
                Exit::Failed,
            ),
            (
                "failed",
                json!({"last_failure": failed}),
                None,
                Exit::Failed,
            ),
            (
                "failed after one",
                json!({"last_failure": failed, "last_record": recorded(4)}),
                None,
                Exit::Failed,
            ),
            (
                "failed before one",
                json!({"last_failure": failed, "last_record": recorded(6)}),
                None,
                Exit::Done,
            ),
        ];
        for (name, changes, wait, exit) in rows {
            let view = view(&changes);
            assert_eq!(outcome_once(&view, wait), exit, "{name}");
            let text = lines(&view).join("\n");
            let is_told = text.contains("unprotected") || text.contains("the nonce is taken");
            let has_reason =
                name.starts_with("refused") || exit == Exit::Failed && name != "undone";
            assert_eq!(is_told, has_reason, "{name}: {text}");
            assert_eq!(
                text.contains("block 7 (0x07) is not"),
                name == "undone",
                "{name}"
            );
        }
    }
}

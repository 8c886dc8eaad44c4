//! The work on a chain, in words.

use counterfoil_anchor::ethereum::View;
use counterfoil_evidence::time::utc;

use super::status::age;
use crate::exit::Exit;

/// What a running anchor's work on a chain comes to.
pub(super) fn outcome(view: &View) -> Exit {
    let is_well = view.hold.is_none()
        && view.trouble.is_none()
        && view.stopped.is_none()
        && !view.balance_is_low;
    match (view.record_is_undone, is_well) {
        (true, _) => Exit::Failed,
        (false, true) => Exit::Done,
        (false, false) => Exit::CouldNotTell,
    }
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
    if view.record_is_undone {
        lines.push("the block of the last record is not the chain's any more".to_owned());
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
    for endpoint in &view.endpoints {
        if let Some(trouble) = &endpoint.trouble {
            lines.push(format!("{}: {trouble}", endpoint.name));
        }
    }
    lines
}

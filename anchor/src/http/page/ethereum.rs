//! The chain on the page: the round on its way, what holds it back, and what it costs.

use std::fmt::Write as _;

use super::{Ago, Escaped, date};
use crate::ethereum::Status;
use crate::moment::Moment;

/// What the page says of the chain.
pub(super) fn section(page: &mut String, status: &Status, now: Moment) {
    let _ = writeln!(
        page,
        "<h2>{}</h2>\n<p>The logs are anchored on this Ethereum chain ({}) as well: the account <code>{}</code> sends the root of \
         all checkpoints that are new to <code>{}</code>.</p>",
        Escaped(status.name.as_str()),
        status.chain_id,
        status.account,
        status.destination,
    );
    let Some(sender) = &status.sender else {
        page.push_str("<p>It has not begun.</p>\n");
        return;
    };
    let moment = |at: counterfoil_ethereum_sender::Timestamp| Moment::from_millis(at.as_millis());
    if let Some(reason) = &sender.stopped {
        let _ = writeln!(
            page,
            "<p class=\"alarm\"><strong>Nothing is sent any more:</strong> {}</p>",
            Escaped(&reason.to_string())
        );
    }
    if let Some((hold, since)) = &sender.hold {
        let _ = writeln!(
            page,
            "<p class=\"alarm\"><strong>Held back</strong> since {}: {}</p>",
            date(moment(*since)),
            Escaped(&hold.to_string())
        );
    }
    if let Some((why, since)) = &sender.trouble {
        let _ = writeln!(
            page,
            "<p class=\"alarm\">Since {}: {}</p>",
            date(moment(*since)),
            Escaped(why)
        );
    }
    for undone in status.undone() {
        let _ = writeln!(
            page,
            "<p class=\"alarm\">Since {} block {} (<code>{}</code>) is not the chain's any more: its records prove nothing.</p>",
            date(moment(undone.at)),
            undone.block.number,
            undone.block.hash
        );
    }
    if status.is_low() {
        let _ = writeln!(
            page,
            "<p class=\"alarm\">The balance lasts for less than {} days.</p>",
            status.alarm_days
        );
    }
    match (&sender.on_its_way, sender.waiting) {
        (Some(round), _) => {
            let _ = write!(
                page,
                "<p>On its way since {}: transaction <code>{}</code>, ",
                date(moment(round.since)),
                round.transaction
            );
            let _ = match round.included {
                Some((_, inclusion)) => writeln!(
                    page,
                    "in block {}, which is not final yet.</p>",
                    inclusion.block.number
                ),
                None => writeln!(page, "in no block yet.</p>"),
            };
        }
        (None, Some((root, since))) => {
            let _ = writeln!(
                page,
                "<p>The round <code>{root}</code> waits to be sent, {} after the first that did.</p>",
                Ago(now.since(moment(since)))
            );
        }
        (None, None) => page.push_str("<p>No round is on its way.</p>\n"),
    }
    let _ = writeln!(
        page,
        "<p>Paid in the last 24 hours: {} gwei.</p>",
        sender.spent.gwei()
    );
}

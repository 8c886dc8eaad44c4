//! What is measured of the work on a chain. Amounts are gwei.

use std::fmt;

use counterfoil_ethereum_sender::{Timestamp, Wei};
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::ethereum::{Endpoint, HOLD_WORDS, Status, hold_word};
use crate::moment::Moment;

/// A gauge: its name, its help, and its value.
type Gauge = (&'static str, &'static str, fn(&Status, Moment) -> f64);

const GAUGES: [Gauge; 13] = [
    (
        "anchor_ethereum_expected_cost_gwei",
        "What the transaction on its way costs at the base fee that was seen last; 0: none is",
        |status, _| on_its_way(status, |round| gwei(round.expected)),
    ),
    (
        "anchor_ethereum_last_cost_gwei",
        "What the last round that is recorded cost",
        |status, _| {
            let last = status.sender.as_ref().and_then(|sender| sender.last_record);
            last.map_or(0.0, |last| gwei(last.cost))
        },
    ),
    (
        "anchor_ethereum_spent_gwei",
        "What rounds cost in the last 24 hours",
        |status, _| {
            status
                .sender
                .as_ref()
                .map_or(0.0, |sender| gwei(sender.spent))
        },
    ),
    (
        "anchor_ethereum_balance_gwei",
        "What the account has",
        |status, _| seen(status, |seen| gwei(seen.balance)),
    ),
    (
        "anchor_ethereum_balance_days",
        "For how many days that lasts at what the last 24 hours cost, and at least one round a day; +Inf while nothing is known",
        |status, _| status.days_left().unwrap_or(f64::INFINITY),
    ),
    (
        "anchor_ethereum_balance_low",
        "1 if that is less than alarm_days",
        |status, _| switch(status.is_low()),
    ),
    (
        "anchor_ethereum_base_fee_gwei",
        "The base fee by gas that was seen last",
        |status, _| seen(status, |seen| gwei(seen.base_fee)),
    ),
    (
        "anchor_ethereum_waiting_seconds",
        "For how long a round waits to be sent; 0: none does",
        |status, now| {
            let waiting = status.sender.as_ref().and_then(|sender| sender.waiting);
            waiting.map_or(0.0, |(_, since)| ago(since, now))
        },
    ),
    (
        "anchor_ethereum_pending_seconds",
        "For how long a round is on its way, not final; 0: none is",
        |status, now| {
            let sender = status.sender.as_ref();
            let round = sender.and_then(|sender| sender.on_its_way.as_ref());
            round.map_or(0.0, |round| ago(round.since, now))
        },
    ),
    (
        "anchor_ethereum_attempts",
        "How many transactions the round on its way has: above 1, one was stuck",
        |status, _| {
            on_its_way(status, |round| {
                u32::try_from(round.attempts).map_or(f64::INFINITY, f64::from)
            })
        },
    ),
    (
        "anchor_ethereum_trouble",
        "1 while what was asked last of chain, signer or store went wrong",
        |status, _| {
            let sender = status.sender.as_ref();
            switch(sender.is_some_and(|sender| sender.trouble.is_some()))
        },
    ),
    (
        "anchor_ethereum_record_undone",
        "Records whose blocks are not the chain's any more, though they were final, and that nobody has dealt with (known_undone)",
        |status, _| u32::try_from(status.undone().count()).map_or(f64::INFINITY, f64::from),
    ),
    (
        "anchor_ethereum_stopped",
        "1 if nothing is sent any more until a restart",
        |status, _| {
            let sender = status.sender.as_ref();
            switch(sender.is_some_and(|sender| sender.stopped.is_some()))
        },
    ),
];

/// A gauge of an endpoint.
type EndpointGauge = (&'static str, &'static str, fn(&Endpoint) -> f64);

const ENDPOINT_GAUGES: [EndpointGauge; 3] = [
    (
        "anchor_ethereum_endpoint_up",
        "1 if the endpoint answered well last",
        |endpoint| switch(endpoint.trouble.is_none()),
    ),
    (
        "anchor_ethereum_endpoint_used",
        "1 for the endpoint that answered last",
        |endpoint| switch(endpoint.is_used),
    ),
    (
        "anchor_ethereum_endpoint_head_age_seconds",
        "How old the endpoint's newest block was when it was seen last; +Inf if none was",
        |endpoint| {
            let age = endpoint.head.map(|head| head.age.as_secs_f64());
            age.unwrap_or(f64::INFINITY)
        },
    ),
];

pub(super) fn encode(
    encoder: &mut DescriptorEncoder<'_>,
    status: &Status,
    now: Moment,
) -> fmt::Result {
    for (name, help, read) in GAUGES {
        let gauge = ConstGauge::new(read(status, now));
        gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
    }
    let help = "Age of the newest block that has something of the log; +Inf if there is none";
    let name = "anchor_ethereum_newest_age_seconds";
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for log in &status.logs {
        let age = log.newest.map(|block| now.since(block.time).as_secs_f64());
        let gauge = ConstGauge::new(age.unwrap_or(f64::INFINITY));
        gauge.encode(family.encode_family(&[("origin", log.origin.as_str())])?)?;
    }
    let help = "1 for what holds a round, or a replacement, back";
    let mut family =
        encoder.encode_descriptor("anchor_ethereum_held", help, None, MetricType::Gauge)?;
    let hold = status
        .sender
        .as_ref()
        .and_then(|sender| sender.hold.as_ref());
    for word in HOLD_WORDS {
        let holds = hold.is_some_and(|(hold, _)| hold_word(hold) == word);
        let gauge = ConstGauge::new(switch(holds));
        gauge.encode(family.encode_family(&[("reason", word)])?)?;
    }
    let help = "What happened to rounds and their transactions";
    let mut family =
        encoder.encode_descriptor("anchor_ethereum_events", help, None, MetricType::Counter)?;
    for event in Status::WORDS {
        let count = status.events.get(event).copied().unwrap_or(0);
        ConstCounter::new(count).encode(family.encode_family(&[("event", event)])?)?;
    }
    for (name, help, read) in ENDPOINT_GAUGES {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, endpoint) in endpoints(status) {
            ConstGauge::new(read(endpoint)).encode(family.encode_family(&labels)?)?;
        }
    }
    let help = "For how many requests the endpoint was of no use";
    let name = "anchor_ethereum_endpoint_failures";
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, endpoint) in endpoints(status) {
        ConstCounter::new(endpoint.failures).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

/// The endpoints and their labels. Two may differ in nothing that is shown but their number.
fn endpoints(status: &Status) -> impl Iterator<Item = ([(&'static str, String); 2], &Endpoint)> {
    (0_u64..).zip(&status.endpoints).map(|(number, endpoint)| {
        let labels = [
            ("endpoint", endpoint.name.clone()),
            ("number", number.to_string()),
        ];
        (labels, endpoint)
    })
}

fn on_its_way(
    status: &Status,
    read: impl FnOnce(&counterfoil_ethereum_sender::OnItsWay) -> f64,
) -> f64 {
    let sender = status.sender.as_ref();
    let round = sender.and_then(|sender| sender.on_its_way.as_ref());
    round.map_or(0.0, read)
}

fn seen(status: &Status, read: impl FnOnce(counterfoil_ethereum_sender::Seen) -> f64) -> f64 {
    let seen = status.sender.as_ref().and_then(|sender| sender.seen);
    seen.map_or(f64::NAN, read)
}

fn switch(on: bool) -> f64 {
    f64::from(u8::from(on))
}

fn ago(since: Timestamp, now: Moment) -> f64 {
    now.since(Moment::from_millis(since.as_millis()))
        .as_secs_f64()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; amounts lose their last digits"
)]
fn gwei(amount: Wei) -> f64 {
    amount.get() as f64 / 1e9
}

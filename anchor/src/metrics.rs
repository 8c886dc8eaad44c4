//! Metrics for Prometheus. The one to alarm on is `counterfoil_anchor_newest_age_seconds`.

mod ethereum;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use counterfoil_service::limits::Places;
use counterfoil_service::metrics::{Answers, Connections, FrontCollector, encode_answers};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::follow::LookError;
use crate::moment::Moment;
use crate::tsa::Misbehaviour;
use crate::worker::status::LogStatus;
use crate::worker::{LookTrouble, StampTrouble, Worker};

const ROUTES: [&str; 8] = [
    "page", "status", "metrics", "probe", "list", "record", "token", "nothing",
];

/// What all requests came to.
#[derive(Debug, Default)]
pub(crate) struct Requests([Answers; ROUTES.len()]);

impl Requests {
    /// Counts an answered request.
    pub(crate) fn answered(&self, route: &str, status: u16, took: Duration) {
        let place = ROUTES.iter().position(|known| *known == route);
        if let Some(answers) = place.and_then(|place| self.0.get(place)) {
            answers.count(status, took);
        }
    }
}

/// The registry of an anchor.
pub(crate) fn registry(
    worker: Worker,
    requests: Arc<Requests>,
    places: Arc<Places>,
    connections: Arc<Connections>,
) -> Registry {
    let mut registry = Registry::with_prefix("counterfoil");
    registry.register_collector(Box::new(FrontCollector {
        places,
        connections,
    }));
    registry.register_collector(Box::new(AnchorCollector { worker, requests }));
    registry
}

#[derive(Debug)]
struct AnchorCollector {
    worker: Worker,
    requests: Arc<Requests>,
}

/// A gauge of each log: its name, its help, and its value.
type LogGauge = (&'static str, &'static str, fn(&LogStatus, Moment) -> f64);

const GAUGES: [LogGauge; 5] = [
    (
        "anchor_newest_age_seconds",
        "Age of the newest anchor, by as many authorities as are required; +Inf if there is none",
        |log, now| log.age(now).map_or(f64::INFINITY, |age| age.as_secs_f64()),
    ),
    (
        "anchor_anchored_size",
        "Entries under the newest anchor",
        |log, _| {
            log.newest
                .map_or(0.0, |newest| number(newest.place.size.get()))
        },
    ),
    (
        "anchor_log_size",
        "Entries that the log had when it was last read",
        |log, _| log.size.map_or(0.0, |size| number(size.get())),
    ),
    (
        "anchor_log_forked",
        "1 if the log signed two histories and the operator has not said that it is to be anchored on",
        |log, _| f64::from(u8::from(log.forked.is_some())),
    ),
    (
        "anchor_forks_kept",
        "Forks of the log of which both checkpoints are kept, also those that the operator knows of",
        |log, _| number(log.forks as u64),
    ),
];

impl Collector for AnchorCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let rows = || {
            let routes = ROUTES.iter().zip(&self.requests.0);
            routes.map(|(route, answers)| ([("route", *route)], answers))
        };
        encode_answers(&mut encoder, rows)?;
        let (logs, now) = (self.worker.status(), self.worker.now());
        for (name, help, read) in GAUGES {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for log in &logs {
                let gauge = ConstGauge::new(read(log, now));
                gauge.encode(family.encode_family(&[("origin", log.origin.as_str())])?)?;
            }
        }
        let help = "Looks at the log, by what came of them";
        let mut family =
            encoder.encode_descriptor("anchor_looks", help, None, MetricType::Counter)?;
        for log in &logs {
            let words = LookError::WORDS.into_iter().chain(LookTrouble::OWN_WORDS);
            for outcome in words.chain(["ok"]) {
                let labels = [("origin", log.origin.as_str()), ("outcome", outcome)];
                let count = log.looks.get(outcome).copied().unwrap_or(0);
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        let help = "Answers of time-stamping authorities, by what came of them";
        let mut family =
            encoder.encode_descriptor("anchor_answers", help, None, MetricType::Counter)?;
        for log in &logs {
            for authority in &log.authorities {
                let words = Misbehaviour::ALL.map(Misbehaviour::word);
                let words = words.into_iter().chain(StampTrouble::OWN_WORDS);
                for outcome in words.chain(["counted"]) {
                    let labels = [
                        ("origin", log.origin.as_str()),
                        ("authority", authority.name.as_str()),
                        ("outcome", outcome),
                    ];
                    let count = authority.answers.get(outcome).copied().unwrap_or(0);
                    ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
                }
            }
        }
        let help = "Rounds that were done";
        let mut family =
            encoder.encode_descriptor("anchor_rounds", help, None, MetricType::Counter)?;
        for log in &logs {
            let labels = [("origin", log.origin.as_str())];
            ConstCounter::new(log.rounds).encode(family.encode_family(&labels)?)?;
        }
        let help = "Revocation data that were too large for the record of their token, which was kept without them";
        let counter = ConstCounter::new(self.worker.left_out());
        let kind = counter.metric_type();
        counter.encode(encoder.encode_descriptor(
            "anchor_revocation_left_out",
            help,
            None,
            kind,
        )?)?;
        let gauges = [
            (
                "anchor_revoked_tokens",
                "Tokens of the last 400 days of which a certificate turned out to be revoked, so that they prove nothing",
                self.worker.revoked().len() as u64,
            ),
            (
                "anchor_damaged_records",
                "Records that were read and are damaged; they are not used and not served. At most 1,000 are counted",
                self.worker.records().damaged().len() as u64,
            ),
            (
                "anchor_unsettled_tokens",
                "Tokens of which not every certificate is known to have been good at their time",
                self.worker.pending() as u64,
            ),
            (
                "anchor_unfetchable_chains",
                "Chains of the last 400 days with a certificate whose revocation is published where nothing is fetched, as with LDAP",
                self.worker.chains_left() as u64,
            ),
            (
                "anchor_capture_bytes",
                "Memory that is taken by revocation data which are being fetched and judged; as they came; at most 256 MiB, 64 of them for one authority",
                self.worker.capturing() as u64,
            ),
            (
                "anchor_ready",
                "1 if its records are read and can be written",
                u64::from(self.worker.not_ready().is_none()),
            ),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(value);
            let kind = gauge.metric_type();
            gauge.encode(encoder.encode_descriptor(name, help, None, kind)?)?;
        }
        if let Some(chain) = self.worker.ethereum() {
            ethereum::encode(&mut encoder, &chain.status(), now)?;
        }
        Ok(())
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; sizes above 2^53 lose their last digits"
)]
fn number(count: u64) -> f64 {
    count as f64
}

//! Metrics for Prometheus.
//!
//! What is counted on each request is an atomic in an array, found without a lock or a hash. What a log knows of itself
//! is asked for when `/metrics` is.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use counterfoil_service::limits::Places;
use counterfoil_service::metrics::{
    Answers, Connections, FrontCollector, encode_answers, merge, text,
};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::anchors::{AnchorStatus, Anchors};
use crate::log::{Log, LogStatus, State, WitnessStatus};

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Add,
    AddBatch,
    Checkpoint,
    Tile,
    Bundle,
    Other,
}

impl Route {
    const ALL: [Self; 6] = [
        Self::Add,
        Self::AddBatch,
        Self::Checkpoint,
        Self::Tile,
        Self::Bundle,
        Self::Other,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::AddBatch => "add-batch",
            Self::Checkpoint => "checkpoint",
            Self::Tile => "tile",
            Self::Bundle => "bundle",
            Self::Other => "other",
        }
    }
}

/// What one log's requests came to.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    routes: [Answers; Route::ALL.len()],
}

impl Requests {
    /// Counts an answered request.
    pub(crate) fn answered(&self, route: Route, status: u16, took: Duration) {
        if let Some(answers) = self.routes.get(route as usize) {
            answers.count(status, took);
        }
    }
}

/// What the metrics of one log are of.
pub(crate) struct Counted {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) requests: Arc<Requests>,
    pub(crate) anchors: Option<Arc<Anchors>>,
}

/// All metrics of a server.
pub(crate) struct Metrics {
    server: Registry,
    logs: Vec<Registry>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Metrics of a server and its logs.
    pub(crate) fn new(
        logs: Vec<Counted>,
        places: Arc<Places>,
        connections: Arc<Connections>,
    ) -> Self {
        let own = |Counted { log, .. }: &Counted| {
            let label = ("log".into(), log.origin().to_owned().into());
            let mut registry =
                Registry::with_prefix_and_labels("counterfoil_log", [label].into_iter());
            log.register_metrics(&mut registry);
            registry
        };
        let registries = logs.iter().map(own).collect();
        let mut server = Registry::with_prefix("counterfoil");
        server.register_collector(Box::new(FrontCollector {
            places,
            connections,
        }));
        server.register_collector(Box::new(LogsCollector { logs }));
        Self {
            server,
            logs: registries,
        }
    }

    /// The text that Prometheus reads (`OpenMetrics` 1.0).
    pub(crate) fn text(&self) -> String {
        merge(std::iter::once(&self.server).chain(&self.logs).map(text))
    }
}

struct LogsCollector {
    logs: Vec<Counted>,
}

impl fmt::Debug for LogsCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogsCollector").finish_non_exhaustive()
    }
}

impl LogsCollector {
    fn encode_requests(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let rows = || {
            self.logs.iter().flat_map(|Counted { log, requests, .. }| {
                let routes = Route::ALL.iter().zip(&requests.routes);
                routes.map(|(route, answers)| {
                    let labels = [("log", log.origin()), ("route", route.word())];
                    (labels, answers)
                })
            })
        };
        encode_answers(encoder, rows)
    }
}

/// A gauge that is read off a log's status.
type Reading = (&'static str, &'static str, fn(&LogStatus) -> f64);

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; sizes are far below 2^52"
)]
const READINGS: [Reading; 12] = [
    ("log_size", "Entries that are durable", |s| s.size as f64),
    (
        "log_published_size",
        "Size of the published checkpoint",
        |s| s.published_size.unwrap_or(0) as f64,
    ),
    (
        "log_published_timestamp_seconds",
        "When it was published",
        |s| s.published_at.unwrap_or(0) as f64,
    ),
    (
        "log_unpublished_entries",
        "Durable entries in no published checkpoint",
        |s| s.unpublished_entries as f64,
    ),
    (
        "log_unpublished_seconds",
        "Age of the oldest of them",
        |s| s.unpublished_seconds,
    ),
    ("log_indexed_size", "Entries in the lookup index", |s| {
        s.indexed_size as f64
    }),
    (
        "log_queued_entries",
        "Entries that wait to be made durable",
        |s| s.queued_entries as f64,
    ),
    ("log_queued_bytes", "Their bytes", |s| s.queued_bytes as f64),
    ("log_staged_blobs", "Staged blobs not yet discarded", |s| {
        s.staged_blobs as f64
    }),
    (
        "log_last_error_timestamp_seconds",
        "When something last went wrong; 0 is never",
        |s| s.last_error.as_ref().map_or(0.0, |error| error.at as f64),
    ),
    (
        "log_no_quorum_since_timestamp_seconds",
        "Since when checkpoints find no quorum of witnesses; 0 while they do",
        |s| s.no_quorum_since.unwrap_or(0) as f64,
    ),
    ("log_takes_entries", "1 if the log takes entries", |s| {
        f64::from(matches!(s.state, State::Running | State::Unpublished))
    }),
];

/// A gauge that is read off what is known of a witness.
type WitnessReading = (&'static str, &'static str, fn(&WitnessStatus) -> f64);

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; sizes are far below 2^52"
)]
const WITNESS_READINGS: [WitnessReading; 3] = [
    (
        "log_witness_cosigns",
        "1 if the witness's last answer was a cosignature",
        |w| f64::from(w.cosigns),
    ),
    (
        "log_witness_cosigned_size",
        "Largest size that the witness cosigned since the start",
        |w| w.cosigned_size.unwrap_or(0) as f64,
    ),
    (
        "log_witness_cosigned_timestamp_seconds",
        "When it did",
        |w| w.cosigned_at.unwrap_or(0) as f64,
    ),
];

/// A gauge that is read off what is known of an anchor.
type AnchorReading = (&'static str, &'static str, fn(&AnchorStatus) -> f64);

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; sizes are far below 2^52"
)]
const ANCHOR_READINGS: [AnchorReading; 3] = [
    (
        "log_anchor_answers",
        "1 if the anchor answered when it was asked last",
        |a| f64::from(a.answers),
    ),
    (
        "log_anchor_newest_size",
        "Largest size that the anchor fixed in time; 0 is none",
        |a| a.newest_size.unwrap_or(0) as f64,
    ),
    (
        "log_anchor_newest_timestamp_seconds",
        "The time of the newest token or block; 0 is none",
        |a| a.newest_time.unwrap_or(0) as f64,
    ),
];

impl Collector for LogsCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        self.encode_requests(&mut encoder)?;
        let statuses: Vec<LogStatus> = self.logs.iter().map(|one| one.log.status()).collect();
        for (name, help, read) in READINGS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for status in &statuses {
                let labels = [("log", status.origin.as_str())];
                ConstGauge::new(read(status)).encode(family.encode_family(&labels)?)?;
            }
        }
        for (name, help, read) in WITNESS_READINGS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for status in &statuses {
                for witness in &status.witnesses {
                    let labels = [
                        ("log", status.origin.as_str()),
                        ("witness", witness.name.as_str()),
                    ];
                    ConstGauge::new(read(witness)).encode(family.encode_family(&labels)?)?;
                }
            }
        }
        let anchors: Vec<(&str, Vec<AnchorStatus>)> = self
            .logs
            .iter()
            .filter_map(|one| Some((one.log.origin(), one.anchors.as_ref()?.status())))
            .collect();
        for (name, help, read) in ANCHOR_READINGS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (log, anchors) in &anchors {
                for anchor in anchors {
                    let labels = [("log", *log), ("anchor", anchor.url.as_str())];
                    ConstGauge::new(read(anchor)).encode(family.encode_family(&labels)?)?;
                }
            }
        }
        let help = "Times that an anchor could not be asked, or showed what is of no use";
        let kind = MetricType::Counter;
        let mut family = encoder.encode_descriptor("log_anchor_troubles", help, None, kind)?;
        for (log, anchors) in &anchors {
            for anchor in anchors {
                for (word, count) in [("silent", anchor.silent), ("unusable", anchor.unusable)] {
                    let url = anchor.url.as_str();
                    let labels = [("log", *log), ("anchor", url), ("trouble", word)];
                    ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
                }
            }
        }
        Ok(())
    }
}

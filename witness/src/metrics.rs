//! Metrics for Prometheus: what is counted on each request is an atomic, all else is read when it is asked for.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use counterfoil_service::limits::Places;
use counterfoil_service::metrics::{Answers, Connections, FrontCollector, encode_answers};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::http::unix;
use crate::{Counts, Witness};

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    AddCheckpoint,
    SignSubtree,
    Checkpoint,
    Evidence,
    Other,
}

impl Endpoint {
    const ALL: [Self; 5] = [
        Self::AddCheckpoint,
        Self::SignSubtree,
        Self::Checkpoint,
        Self::Evidence,
        Self::Other,
    ];

    /// In a word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::AddCheckpoint => "add-checkpoint",
            Self::SignSubtree => "sign-subtree",
            Self::Checkpoint => "checkpoint",
            Self::Evidence => "evidence",
            Self::Other => "other",
        }
    }
}

/// The status codes that a witness answers with; the last stands for any other.
const STATUSES: [(u16, &str); 14] = [
    (200, "200"),
    (204, "204"),
    (400, "400"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (408, "408"),
    (409, "409"),
    (413, "413"),
    (415, "415"),
    (422, "422"),
    (429, "429"),
    (503, "503"),
    (0, "other"),
];

/// What the requests of one endpoint came to.
#[derive(Debug, Default)]
struct Outcomes {
    answers: Answers,
    statuses: [AtomicU64; STATUSES.len()],
}

/// What all requests came to.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    endpoints: [Outcomes; Endpoint::ALL.len()],
    limited_logs: AtomicU64,
    limited_clients: AtomicU64,
    /// Lists of logs that could not be used.
    lists_failed: AtomicU64,
    /// When those that hold were read.
    lists_read_at: AtomicU64,
}

impl Requests {
    /// Counts an answered request.
    pub(crate) fn answered(&self, endpoint: Endpoint, status: u16, took: Duration) {
        let Some(outcomes) = self.endpoints.get(endpoint as usize) else {
            return;
        };
        outcomes.answers.count(status, took);
        let known = STATUSES.iter().position(|(code, _)| *code == status);
        if let Some(count) = outcomes.statuses.get(known.unwrap_or(STATUSES.len() - 1)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a request over its log's rate.
    pub(crate) fn limited_log(&self) {
        self.limited_logs.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request over its address's rate.
    pub(crate) fn limited_client(&self) {
        self.limited_clients.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts lists that could not be used.
    pub(crate) fn lists_failed(&self) {
        self.lists_failed.fetch_add(1, Ordering::Relaxed);
    }

    /// The lists were read.
    pub(crate) fn lists_read(&self, now: SystemTime) {
        self.lists_read_at.store(unix(now), Ordering::Relaxed);
    }

    /// When the lists were read, in seconds since 1970.
    pub(crate) fn lists_read_at(&self) -> u64 {
        self.lists_read_at.load(Ordering::Relaxed)
    }
}

/// The registry of a witness; bastions add theirs.
pub(crate) fn registry(
    witness: Arc<Witness>,
    requests: Arc<Requests>,
    places: Arc<Places>,
    connections: Arc<Connections>,
) -> Registry {
    let mut registry = Registry::with_prefix("counterfoil");
    registry.register_collector(Box::new(FrontCollector {
        places,
        connections,
    }));
    registry.register_collector(Box::new(WitnessCollector { witness, requests }));
    registry
}

struct WitnessCollector {
    witness: Arc<Witness>,
    requests: Arc<Requests>,
}

impl fmt::Debug for WitnessCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WitnessCollector").finish_non_exhaustive()
    }
}

impl WitnessCollector {
    fn encode_statuses(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let help = "Answered requests by endpoint and status code";
        let mut family =
            encoder.encode_descriptor("witness_answers", help, None, MetricType::Counter)?;
        for (endpoint, outcomes) in Endpoint::ALL.iter().zip(&self.requests.endpoints) {
            for ((_, status), count) in STATUSES.iter().zip(&outcomes.statuses) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let labels = [("endpoint", endpoint.word()), ("status", *status)];
                    ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
                }
            }
        }
        Ok(())
    }

    fn encode_limited(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let help = "Requests that were answered 429, by whose rate";
        let mut family =
            encoder.encode_descriptor("witness_limited", help, None, MetricType::Counter)?;
        let rows = [
            ("log", &self.requests.limited_logs),
            ("client", &self.requests.limited_clients),
        ];
        for (by, count) in rows {
            let count = ConstCounter::new(count.load(Ordering::Relaxed));
            count.encode(family.encode_family(&[("by", by)])?)?;
        }
        Ok(())
    }
}

/// A name, its help, and the value.
type Row = (&'static str, &'static str, u64);

impl WitnessCollector {
    fn other_counters(&self) -> [Row; 3] {
        [
            (
                "witness_lists_failed",
                "Times that the lists of logs could not be used",
                self.requests.lists_failed.load(Ordering::Relaxed),
            ),
            (
                "witness_copies_unread",
                "Copies of checkpoints that could not be read, or were none",
                self.witness.guard().unread(),
            ),
            (
                "witness_copies_failed",
                "Copies of checkpoints that could not be written; each is tried again",
                self.witness.copies().failures(),
            ),
        ]
    }

    fn gauges(&self) -> [Row; 4] {
        [
            (
                "witness_logs",
                "Logs that the witness knows",
                self.witness.logs().len() as u64,
            ),
            (
                "witness_lists_read_timestamp_seconds",
                "When the lists of logs that hold were read",
                self.requests.lists_read_at(),
            ),
            (
                "witness_copies_pending",
                "Logs whose latest checkpoint is still to be copied",
                self.witness.copies().pending() as u64,
            ),
            (
                "witness_refuses",
                "1 if nothing is signed for any log, because the database is older than what was signed",
                u64::from(self.witness.guard().rollback().is_some()),
            ),
        ]
    }
}

/// A counter that is read off the witness.
type Reading = (&'static str, &'static str, fn(&Counts) -> u64);

const READINGS: [Reading; 4] = [
    (
        "witness_record_conflicts",
        "Records that another process changed while a request was judged",
        Counts::conflicts,
    ),
    (
        "witness_record_outcomes_unknown",
        "Records of which it is unknown whether they were written",
        Counts::unknown,
    ),
    (
        "witness_misbehaviour",
        "Requests that proved that a log misbehaved, the same proof again included",
        Counts::misbehaviour,
    ),
    (
        "witness_evidence_lost",
        "Proofs of misbehaviour that could not be stored",
        Counts::evidence_lost,
    ),
];

impl Collector for WitnessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let rows = || {
            let endpoints = Endpoint::ALL.iter().zip(&self.requests.endpoints);
            endpoints.map(|(endpoint, outcomes)| ([("route", endpoint.word())], &outcomes.answers))
        };
        encode_answers(&mut encoder, rows)?;
        self.encode_statuses(&mut encoder)?;
        self.encode_limited(&mut encoder)?;
        let counts = self.witness.counts();
        for (name, help, read) in READINGS {
            counter(&mut encoder, name, help, read(counts))?;
        }
        for (name, help, count) in self.other_counters() {
            counter(&mut encoder, name, help, count)?;
        }
        for (name, help, value) in self.gauges() {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

fn counter(encoder: &mut DescriptorEncoder, name: &str, help: &str, count: u64) -> fmt::Result {
    let counter = ConstCounter::new(count);
    counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
}

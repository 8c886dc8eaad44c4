//! What the log itself measures, beside the gauges that HTTP makes of its status.

use std::time::Duration;

use counterfoil_sequencer::{Outcome, Register, Request};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failure {
    kind: &'static str,
    outcome: &'static str,
}

/// Counters and histograms of one log.
pub(crate) struct Metrics {
    durations: Family<Kind, Histogram, fn() -> Histogram>,
    failures: Family<Failure, Counter>,
    submission_entries: Histogram,
    damaged: Counter,
}

/// What an operation is for, as a label.
pub(crate) fn kind(request: &Request) -> &'static str {
    match request {
        Request::Put(blobs)
            if blobs.first().is_some_and(|blob| {
                blob.name.starts_with(counterfoil_sequencer::staged::PREFIX)
            }) =>
        {
            "stage"
        }
        Request::Put(_) => "tiles",
        Request::Replace {
            register: Register::Head,
            ..
        } => "commit",
        Request::Replace {
            register: Register::Published,
            ..
        } => "publish",
        Request::Sign { .. } => "sign",
        Request::Cosign { .. } | Request::AskWitnesses { .. } => "cosign",
        Request::Discard(_) => "discard",
        Request::Fetch(_) | Request::Read(_) | Request::List(_) => "read",
    }
}

/// 50 us to 3 s, doubling: a flush takes from 0.05 to several milliseconds, a sick disk takes seconds.
fn durations() -> Histogram {
    Histogram::new((0..17).map(|power| 0.000_05 * f64::from(1_u32 << power)))
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            durations: Family::new_with_constructor(durations as fn() -> Histogram),
            failures: Family::default(),
            submission_entries: Histogram::new((0..18).map(|power| f64::from(1_u32 << power))),
            damaged: Counter::default(),
        }
    }

    pub(crate) fn operation(&self, kind: &'static str, outcome: &Outcome, took: Duration) {
        self.durations
            .get_or_create(&Kind { kind })
            .observe(took.as_secs_f64());
        let outcome = match outcome {
            Outcome::Conflict(_) | Outcome::Contradicted(_) => "conflict",
            Outcome::NotDone(_) => "not_done",
            Outcome::Unknown(_) => "unknown",
            Outcome::Damaged(_) => "damaged",
            Outcome::Done
            | Outcome::Fetched(_)
            | Outcome::Read(_)
            | Outcome::Listed(_)
            | Outcome::Signed(_)
            | Outcome::Cosigned(_) => return,
        };
        self.failures
            .get_or_create(&Failure { kind, outcome })
            .inc();
    }

    pub(crate) fn acknowledged(&self, entries: usize) {
        // A submission has at most as many entries as the queue takes, far below 2^32.
        self.submission_entries
            .observe(f64::from(u32::try_from(entries).unwrap_or(u32::MAX)));
    }

    pub(crate) fn damaged(&self) {
        self.damaged.inc();
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "store_operation",
            "Time that operations of the write protocol took, by kind",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register(
            "store_operation_failures",
            "Operations of the write protocol that were not done or whose outcome is unknown",
            self.failures.clone(),
        );
        registry.register(
            "submission_entries",
            "Entries of each acknowledged submission",
            self.submission_entries.clone(),
        );
        registry.register(
            "damaged_reads",
            "Blobs that were found damaged or missing and were not served",
            self.damaged.clone(),
        );
    }
}

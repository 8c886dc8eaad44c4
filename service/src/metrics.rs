//! Metrics for Prometheus that every service has.
//!
//! What is counted on each request is an atomic, found without a lock or a hash; what is known anyway is read when
//! `/metrics` is.

mod histogram;
mod merge;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use crate::limits::Places;
pub use histogram::Histogram;
pub use merge::merge;

/// The first digits of status codes.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// What the requests of one endpoint came to.
#[derive(Debug, Default)]
pub struct Answers {
    classes: [AtomicU64; CLASSES.len()],
    seconds: Histogram,
}

impl Answers {
    /// Counts an answered request.
    pub fn count(&self, status: u16, took: Duration) {
        let class = usize::from(status / 100).saturating_sub(1);
        if let Some(class) = self.classes.get(class) {
            class.fetch_add(1, Ordering::Relaxed);
        }
        self.seconds.observe(took);
    }
}

/// Encodes what endpoints' requests came to: `http_requests`, by `labels` and the class of the status code, and
/// `http_request_duration_seconds`, by `labels`.
pub fn encode_answers<'a, const N: usize, I>(
    encoder: &mut DescriptorEncoder,
    rows: impl Fn() -> I,
) -> fmt::Result
where
    I: Iterator<Item = ([(&'a str, &'a str); N], &'a Answers)>,
{
    let help = "Answered requests by endpoint and class of the status code";
    let mut family = encoder.encode_descriptor("http_requests", help, None, MetricType::Counter)?;
    for (labels, answers) in rows() {
        for (class, count) in CLASSES.iter().zip(&answers.classes) {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                let labels: Vec<_> = labels.into_iter().chain([("status", *class)]).collect();
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
    }
    let help = "Time from the head of the request to the answer";
    let seconds = Some(&Unit::Seconds);
    let mut family = encoder.encode_descriptor(
        "http_request_duration",
        help,
        seconds,
        MetricType::Histogram,
    )?;
    for (labels, answers) in rows() {
        answers.seconds.encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

/// The text that Prometheus reads (`OpenMetrics` 1.0).
pub fn text(registry: &Registry) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail, and the collectors only write.
    let _ = encode(&mut text, registry);
    text
}

/// What connections came to.
#[derive(Debug, Default)]
pub struct Connections {
    pub(crate) open: AtomicU64,
    pub(crate) accepted: AtomicU64,
    /// Above `max_connections`.
    pub(crate) refused: AtomicU64,
    /// Had no request in time.
    pub(crate) expired: AtomicU64,
    /// TLS handshakes that failed.
    pub(crate) handshakes_failed: AtomicU64,
}

/// The metrics of connections and of requests in progress.
#[derive(Debug)]
pub struct FrontCollector {
    /// Requests in progress.
    pub places: Arc<Places>,
    /// Connections.
    pub connections: Arc<Connections>,
}

impl Collector for FrontCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let connections = &self.connections;
        let gauges = [
            (
                "http_requests_in_progress",
                "Requests in the server",
                self.places.requests() as u64,
            ),
            (
                "http_body_bytes",
                "Memory of request bodies",
                self.places.bytes() as u64,
            ),
            (
                "http_connections",
                "Open connections",
                read(&connections.open),
            ),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let counters = [
            (
                "http_connections_accepted",
                "Connections",
                &connections.accepted,
            ),
            (
                "http_connections_refused",
                "Connections above max_connections",
                &connections.refused,
            ),
            (
                "http_connections_expired",
                "Connections closed for want of a request",
                &connections.expired,
            ),
            (
                "tls_handshakes_failed",
                "TLS handshakes that failed",
                &connections.handshakes_failed,
            ),
        ];
        for (name, help, value) in counters {
            let counter = ConstCounter::new(read(value));
            counter.encode(encoder.encode_descriptor(
                name,
                help,
                None,
                counter.metric_type(),
            )?)?;
        }
        Ok(())
    }
}

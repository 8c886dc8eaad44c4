//! How a connection to a bastion is.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use super::BastionAddress;

/// What the connection is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// It is being opened.
    Connecting,
    /// The bastion took it, and answers.
    Connected,
    /// The last try failed, or the connection was lost; the next try comes after a wait.
    Waiting,
    /// It was ended, and is not opened again.
    Stopped,
}

impl Link {
    /// In a word, for status pages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Waiting => "waiting",
            Self::Stopped => "stopped",
        }
    }
}

/// How the connection to one bastion is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Which bastion.
    pub bastion: BastionAddress,
    /// What the connection is at.
    pub link: Link,
    /// Since when the bastion can be used, or not: the start, the last connection, or the last loss of one.
    pub since: SystemTime,
    /// How often it was connected.
    pub connections: u64,
    /// How often a try failed, or a connection was lost.
    pub failures: u64,
    /// Why it failed or was lost last, and when.
    pub last_error: Option<(SystemTime, String)>,
}

impl Health {
    pub(super) fn new(bastion: BastionAddress) -> Self {
        Self {
            bastion,
            link: Link::Connecting,
            since: SystemTime::now(),
            connections: 0,
            failures: 0,
            last_error: None,
        }
    }

    /// How often it was connected again.
    pub fn reconnects(&self) -> u64 {
        self.connections.saturating_sub(1)
    }

    pub(super) fn connecting(&mut self) {
        self.link = Link::Connecting;
    }

    pub(super) fn connected(&mut self) {
        self.link = Link::Connected;
        self.since = SystemTime::now();
        self.connections += 1;
    }

    pub(super) fn lost(&mut self, error: String) {
        self.disconnect(Link::Waiting);
        self.failures += 1;
        self.last_error = Some((SystemTime::now(), error));
    }

    pub(super) fn stopped(&mut self) {
        self.disconnect(Link::Stopped);
    }

    fn disconnect(&mut self, link: Link) {
        if self.link == Link::Connected {
            self.since = SystemTime::now();
        }
        self.link = link;
    }
}

/// Registers the health of connections to bastions as metrics, each with the label `bastion`.
///
/// | metric | |
/// |---|---|
/// | `bastion_connected` | 1 while the bastion can send requests, otherwise 0 |
/// | `bastion_since_timestamp_seconds` | since when it is so, in seconds since 1970 |
/// | `bastion_connections_total` | how often it was connected |
/// | `bastion_failures_total` | how often a try failed or a connection was lost |
pub fn register_metrics(healths: Vec<watch::Receiver<Health>>, registry: &mut Registry) {
    registry.register_collector(Box::new(HealthCollector(healths)));
}

/// A name, its help, and how it is read.
type Reading<T> = (&'static str, &'static str, fn(&Health) -> T);

#[derive(Debug)]
struct HealthCollector(Vec<watch::Receiver<Health>>);

impl Collector for HealthCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let healths: Vec<Health> = self
            .0
            .iter()
            .map(|health| health.borrow().clone())
            .collect();
        let gauges: [Reading<f64>; 2] = [
            (
                "bastion_connected",
                "1 if the bastion can send requests",
                |health| f64::from(health.link == Link::Connected),
            ),
            (
                "bastion_since_timestamp_seconds",
                "Since when the bastion can send requests, or cannot",
                |health| {
                    let since = health.since.duration_since(UNIX_EPOCH);
                    since.unwrap_or_default().as_secs_f64()
                },
            ),
        ];
        for (name, help, read) in gauges {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for health in &healths {
                let labels = [("bastion", health.bastion.to_string())];
                ConstGauge::new(read(health)).encode(family.encode_family(&labels)?)?;
            }
        }
        let counters: [Reading<u64>; 2] = [
            (
                "bastion_connections",
                "How often the bastion was connected",
                |health| health.connections,
            ),
            (
                "bastion_failures",
                "How often a try to connect failed or a connection was lost",
                |health| health.failures,
            ),
        ];
        for (name, help, read) in counters {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for health in &healths {
                let labels = [("bastion", health.bastion.to_string())];
                ConstCounter::new(read(health)).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

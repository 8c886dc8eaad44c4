//! The metrics of a bastion, and where they are served.
//!
//! | metric | |
//! |---|---|
//! | `counterfoil_bastion_backend_connected{backend,name}` | 1 while a listed backend is connected, otherwise 0 |
//! | `counterfoil_bastion_backend_requests_in_progress{backend,name}` | requests that it is answering |
//! | `counterfoil_bastion_backend_connections_total` | connections of backends that were opened |
//! | `counterfoil_bastion_backend_connections_replaced_total` | of those, in the place of one that was open |
//! | `counterfoil_bastion_backend_connections_lost_total` | that ended by themselves |
//! | `counterfoil_bastion_refusals_total{reason}` | requests that no backend answered |
//!
//! and what every service has of connections and requests.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use bytes::Bytes;
use counterfoil_service::metrics::{Connections, FrontCollector, encode_answers};
use counterfoil_service::serve::{Handler, OtherEnd};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::allowed::Allowed;
use super::backends::Backends;
use super::proxy::{Proxy, Refusal};

/// Serves `/metrics` and `/healthz`.
#[derive(Debug)]
pub(super) struct Status(Registry);

impl Status {
    pub(super) fn new(proxy: &Arc<Proxy>, connections: Arc<Connections>) -> Self {
        let mut registry = Registry::with_prefix("counterfoil_bastion");
        registry.register_collector(Box::new(FrontCollector {
            places: Arc::clone(&proxy.places),
            connections,
        }));
        registry.register_collector(Box::new(Bastion(Arc::clone(proxy))));
        Self(registry)
    }
}

impl Handler for Status {
    type Peer = ();
    type Body = Full<Bytes>;

    fn peer(&self, _: &OtherEnd<'_>) {}

    async fn respond(&self, (): (), request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (status, content_type, body) = match request.uri().path() {
            "/healthz" => (StatusCode::OK, TEXT, "ok\n".to_owned()),
            "/metrics" => {
                let mut text = String::new();
                match prometheus_client::encoding::text::encode(&mut text, &self.0) {
                    Ok(()) => (StatusCode::OK, METRICS, text),
                    Err(error) => (
                        StatusCode::INTERNAL_SERVER_ERROR,
                        TEXT,
                        format!("{error}\n"),
                    ),
                }
            }
            _ => (
                StatusCode::NOT_FOUND,
                TEXT,
                "expected /metrics or /healthz\n".to_owned(),
            ),
        };
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status;
        let content_type = hyper::header::HeaderValue::from_static(content_type);
        response
            .headers_mut()
            .insert(hyper::header::CONTENT_TYPE, content_type);
        response
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is known of backends and requests.
#[derive(Debug)]
struct Bastion(Arc<Proxy>);

impl Collector for Bastion {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        encode_backends(&mut encoder, &self.0.allowed, &self.0.backends)?;
        let help = "Requests that no backend answered";
        let mut family = encoder.encode_descriptor("refusals", help, None, MetricType::Counter)?;
        for (refusal, count) in Refusal::ALL.iter().zip(&self.0.answers.refused) {
            let labels = [("reason", refusal.word())];
            ConstCounter::new(read(count)).encode(family.encode_family(&labels)?)?;
        }
        encode_answers(&mut encoder, || {
            let answers = &self.0.answers;
            [
                ([("endpoint", "backend")], &answers.proxied),
                ([("endpoint", "own")], &answers.own),
            ]
            .into_iter()
        })
    }
}

/// A name, its help, and how it is read from the number of requests of a backend, if it is connected.
type Reading = (&'static str, &'static str, fn(Option<&usize>) -> u64);

fn encode_backends(
    encoder: &mut DescriptorEncoder,
    allowed: &ArcSwap<Allowed>,
    backends: &Backends,
) -> fmt::Result {
    let allowed = allowed.load();
    let connected: BTreeMap<_, _> = backends.connected().into_iter().collect();
    let unlisted = connected
        .keys()
        .filter(|hash| !allowed.listed().contains_key(*hash));
    let rows: Vec<_> = allowed
        .listed()
        .iter()
        .map(|(hash, name)| (hash, name.as_str()))
        .chain(unlisted.map(|hash| (hash, "")))
        .collect();
    let gauges: [Reading; 2] = [
        (
            "backend_connected",
            "1 while the backend is connected",
            |requests| u64::from(requests.is_some()),
        ),
        (
            "backend_requests_in_progress",
            "Requests that the backend is answering",
            |requests| requests.map_or(0, |requests| *requests as u64),
        ),
    ];
    for (metric, help, value) in gauges {
        let mut family = encoder.encode_descriptor(metric, help, None, MetricType::Gauge)?;
        for (hash, name) in &rows {
            let labels = [("backend", hash.to_string()), ("name", (*name).to_owned())];
            let gauge = ConstGauge::new(value(connected.get(hash)));
            gauge.encode(family.encode_family(&labels)?)?;
        }
    }
    let counts = backends.counts();
    for (metric, help, count) in [
        (
            "backend_connections",
            "Connections of backends that were opened",
            &counts.opened,
        ),
        (
            "backend_connections_replaced",
            "Connections of backends that took the place of an open one",
            &counts.replaced,
        ),
        (
            "backend_connections_lost",
            "Connections of backends that ended by themselves",
            &counts.lost,
        ),
    ] {
        let counter = ConstCounter::new(read(count));
        counter.encode(encoder.encode_descriptor(metric, help, None, MetricType::Counter)?)?;
    }
    Ok(())
}

fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

//! What the server as a whole serves: its health, its metrics, its description.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Mount;
use super::answer::{JSON, TEXT};
use super::reads::fresh;
use crate::log::State as LogState;
use crate::metrics::Metrics;

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// What the probes are answered from.
pub(super) struct Whole {
    pub(super) mounts: Vec<Arc<Mount>>,
    pub(super) metrics: Metrics,
    pub(super) openapi: Bytes,
}

/// The paths of the routes, at the root of the server whatever the prefixes of the logs.
pub(super) const PATHS: [&str; 4] = ["/healthz", "/readyz", "/metrics", "/openapi.json"];

/// The routes of [`PATHS`].
pub(super) fn routes() -> OpenApiRouter<Arc<Whole>> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
        .routes(routes!(openapi))
}

/// Whether the server runs.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "server",
    responses((status = 200, description = "It does", body = String, content_type = "text/plain; charset=utf-8"))
)]
async fn healthz() -> Response {
    fresh(TEXT, "ok\n")
}

/// Whether every log takes entries.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "server",
    responses(
        (status = 200, description = "Each does; one line a log", body = String, content_type = "text/plain; charset=utf-8"),
        (status = 503, description = "One does not; one line a log", body = String, content_type = "text/plain; charset=utf-8"),
    )
)]
async fn readyz(State(whole): State<Arc<Whole>>) -> Response {
    let mut text = String::new();
    let mut status = StatusCode::OK;
    for mount in &whole.mounts {
        let log = mount.log.status();
        if !matches!(log.state, LogState::Running | LogState::Unpublished) {
            status = StatusCode::SERVICE_UNAVAILABLE;
        }
        let _ = writeln!(text, "{}: {}", log.origin, log.explanation);
    }
    (status, fresh(TEXT, text)).into_response()
}

/// Metrics for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "server",
    responses((status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8"))
)]
async fn metrics(State(whole): State<Arc<Whole>>) -> Response {
    fresh(OPEN_METRICS, whole.metrics.text())
}

/// This description.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "server",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json"))
)]
async fn openapi(State(whole): State<Arc<Whole>>) -> Response {
    fresh(JSON, whole.openapi.clone())
}

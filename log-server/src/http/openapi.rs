//! The router, and the OpenAPI 3.1 description that is generated with it.
//!
//! Routes of the router are registered together with their description. The few that are answered before the router
//! ([`super::Target`]) are described here; a test asks the server about each.

use std::sync::Arc;

use axum::Router;
use bytes::Bytes;
use utoipa::OpenApi;
use utoipa::openapi::server::Server;

use super::adds::{Added, BatchAdded};
use super::probes::{self, Whole};
use super::problem::{Kind, Problem, ProblemDocument};
use super::{Mount, READ_METHODS, reads};
use crate::metrics::Metrics;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Counterfoil log",
        description = "A transparency log. Checkpoint, tiles and entry bundles are C2SP tlog-tiles, receipts tlog-proof, \
                       policies tlog-policy. Errors are application/problem+json for those who accept JSON and one line of \
                       text for others.",
    ),
    paths(add, add_batch, checkpoint, tile, partial_tile, bundle, partial_bundle),
    components(schemas(ProblemDocument)),
    modifiers(&BearerTokens)
)]
struct Description;

struct BearerTokens;

impl utoipa::Modify for BearerTokens {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = openapi.components.get_or_insert_default();
        components
            .security_schemes
            .insert("token".to_owned(), bearer);
    }
}

/// The routers: of the server itself, and of each log below its prefix.
pub(super) fn routers(mounts: &[Arc<Mount>], metrics: Metrics) -> (Router, Vec<Router>) {
    let (log_router, log_paths) = reads::routes().split_for_parts();
    let (server_router, server_paths) = probes::routes().split_for_parts();
    let whole = Whole {
        mounts: mounts.to_vec(),
        metrics,
        // Its parts are strings, lists and maps with strings as keys, which always serialize.
        openapi: Bytes::from(
            serde_json::to_vec(&describe(mounts, log_paths, server_paths)).unwrap_or_default(),
        ),
    };
    let server_router = with_fallbacks(server_router.with_state(Arc::new(whole)));
    let log_routers = mounts
        .iter()
        .map(|mount| with_fallbacks(log_router.clone().with_state(Arc::clone(mount))))
        .collect();
    (server_router, log_routers)
}

fn with_fallbacks(router: Router) -> Router {
    router
        .fallback(async || Problem::new(Kind::NotFound, "there is nothing at this path"))
        .method_not_allowed_fallback(async || Problem::method(READ_METHODS))
}

fn describe(
    mounts: &[Arc<Mount>],
    log_paths: utoipa::openapi::OpenApi,
    mut server_paths: utoipa::openapi::OpenApi,
) -> utoipa::openapi::OpenApi {
    // The probes are at the root of the server, wherever the logs are.
    for item in server_paths.paths.paths.values_mut() {
        item.servers = Some(vec![Server::new("/")]);
    }
    let server = |mount: &Arc<Mount>| {
        let prefix = mount.prefix.as_str();
        let mut server = Server::new(if prefix.is_empty() { "/" } else { prefix });
        server.description = Some(format!("log {}", mount.log.origin()));
        server
    };
    let mut description = Description::openapi();
    description.merge(log_paths);
    description.merge(server_paths);
    description.servers = Some(mounts.iter().map(server).collect());
    description
}

/// Log an entry: the body, 1 to 65,535 bytes as they are. Answers once the entry is durable.
#[utoipa::path(
    post,
    path = "/add",
    tag = "adding",
    security((), ("token" = [])),
    params(("wait" = Option<String>, Query, description = "`receipt`: answer the receipt, once the entry is published")),
    request_body(content = [u8], content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "The index of the entry in decimal and nothing else, or its receipt", content(
            (String = "text/plain; charset=utf-8"),
            (Added = "application/json"),
        )),
        (status = 400, description = "malformed; nothing was logged", body = ProblemDocument),
        (status = 401, description = "unauthenticated", body = ProblemDocument),
        (status = 403, description = "forbidden", body = ProblemDocument),
        (status = 408, description = "slow-body", body = ProblemDocument),
        (status = 413, description = "too-large", body = ProblemDocument),
        (status = 415, description = "unsupported-encoding", body = ProblemDocument),
        (status = 429, description = "over-rate, with Retry-After", body = ProblemDocument),
        (status = 503, description = "overloaded, not-durable or read-only: nothing was logged; outcome-unknown; not-published: \
            logged, with its index; with Retry-After", body = ProblemDocument),
    )
)]
#[expect(dead_code, reason = "the description of what `adds` answers")]
fn add() {}

/// Log many entries, all or none: each after its length in two bytes, big-endian.
#[utoipa::path(
    post,
    path = "/add-batch",
    tag = "adding",
    security((), ("token" = [])),
    request_body(content = [u8], content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "A line `first-index count` for each run of consecutive indexes", content(
            (String = "text/plain; charset=utf-8"),
            (BatchAdded = "application/json"),
        )),
        (status = 400, description = "malformed; nothing was logged", body = ProblemDocument),
        (status = 401, description = "unauthenticated", body = ProblemDocument),
        (status = 403, description = "forbidden", body = ProblemDocument),
        (status = 408, description = "slow-body", body = ProblemDocument),
        (status = 413, description = "too-large", body = ProblemDocument),
        (status = 415, description = "unsupported-encoding", body = ProblemDocument),
        (status = 429, description = "over-rate, with Retry-After", body = ProblemDocument),
        (status = 503, description = "overloaded, not-durable or read-only: nothing was logged; outcome-unknown; with Retry-After", body = ProblemDocument),
    )
)]
#[expect(dead_code, reason = "the description of what `adds` answers")]
fn add_batch() {}

/// The signed checkpoint.
#[utoipa::path(
    get,
    path = "/checkpoint",
    tag = "tlog-tiles",
    responses(
        (status = 200, description = "A signed note (tlog-checkpoint)", body = String, content_type = "text/plain; charset=utf-8"),
        (status = 304, description = "The caller has it"),
        (status = 503, description = "not-published or overloaded", body = ProblemDocument),
    )
)]
#[expect(dead_code, reason = "the description of what `tiles` answers")]
fn checkpoint() {}

/// A full tile: 256 hashes.
#[utoipa::path(
    get,
    path = "/tile/{level}/{index}",
    tag = "tlog-tiles",
    params(
        ("level" = u8, Path, description = "0 to 63"),
        ("index" = String, Path, description = "Three-digit path elements, all but the last after an x: x001/x234/067"),
    ),
    responses(
        (status = 200, description = "32 bytes a hash", content_type = "application/octet-stream"),
        (status = 304, description = "The caller has it"),
        (status = 400, description = "malformed", body = ProblemDocument),
        (status = 404, description = "not-found", body = ProblemDocument),
        (status = 503, description = "damaged, unavailable or overloaded", body = ProblemDocument),
    )
)]
#[expect(dead_code, reason = "the description of what `tiles` answers")]
fn tile() {}

/// A partial tile of a published size.
#[utoipa::path(
    get,
    path = "/tile/{level}/{index}.p/{width}",
    tag = "tlog-tiles",
    params(
        ("level" = u8, Path, description = "0 to 63"),
        ("index" = String, Path, description = "As for a full tile"),
        ("width" = u8, Path, description = "1 to 255"),
    ),
    responses(
        (status = 200, description = "32 bytes a hash", content_type = "application/octet-stream"),
        (status = 304, description = "The caller has it"),
        (status = 400, description = "malformed", body = ProblemDocument),
        (status = 404, description = "not-found", body = ProblemDocument),
        (status = 503, description = "damaged, unavailable or overloaded", body = ProblemDocument),
    )
)]
#[expect(dead_code, reason = "the description of what `tiles` answers")]
fn partial_tile() {}

/// A full entry bundle: 256 entries, each after its length in two bytes, big-endian.
#[utoipa::path(
    get,
    path = "/tile/entries/{index}",
    tag = "tlog-tiles",
    security((), ("token" = [])),
    params(("index" = String, Path, description = "As for a tile")),
    responses(
        (status = 200, description = "The entries; gzip if the caller takes it and it saves a tenth", content_type = "application/octet-stream"),
        (status = 304, description = "The caller has it"),
        (status = 400, description = "malformed", body = ProblemDocument),
        (status = 401, description = "unauthenticated (where reading is guarded)", body = ProblemDocument),
        (status = 403, description = "forbidden", body = ProblemDocument),
        (status = 404, description = "not-found", body = ProblemDocument),
        (status = 503, description = "damaged, unavailable or overloaded", body = ProblemDocument),
    )
)]
#[expect(dead_code, reason = "the description of what `tiles` answers")]
fn bundle() {}

/// A partial entry bundle of a published size.
#[utoipa::path(
    get,
    path = "/tile/entries/{index}.p/{width}",
    tag = "tlog-tiles",
    security((), ("token" = [])),
    params(
        ("index" = String, Path, description = "As for a tile"),
        ("width" = u8, Path, description = "1 to 255"),
    ),
    responses(
        (status = 200, description = "The entries, as of a full bundle", content_type = "application/octet-stream"),
        (status = 304, description = "The caller has it"),
        (status = 400, description = "malformed", body = ProblemDocument),
        (status = 401, description = "unauthenticated (where reading is guarded)", body = ProblemDocument),
        (status = 403, description = "forbidden", body = ProblemDocument),
        (status = 404, description = "not-found", body = ProblemDocument),
        (status = 503, description = "damaged, unavailable or overloaded", body = ProblemDocument),
    )
)]
#[expect(dead_code, reason = "the description of what `tiles` answers")]
fn partial_bundle() {}

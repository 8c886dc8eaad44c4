//! The HTTP front: from a request to a [`Log`] and back.
//!
//! What is asked for thousands of times a second (adding an entry, the checkpoint, tiles and bundles) is matched here and
//! answered without a router, a span or a middleware; all else goes through the router of [`reads`], [`pages`] and [`probes`].
//!
//! ```text
//! request ── place? ──> target ──┬── add, add-batch ───────> adds      (credentials, body, rate)
//!             │ none: 503        ├── checkpoint, tile ─────> tiles
//!                                └── everything else ──────> router
//! problem <── problem.rs <──────────────────────────── whatever goes wrong
//! ```

mod adds;
pub(crate) mod answer;
mod batch;
mod evidence;
pub(crate) mod fields;
mod mount;
mod openapi;
mod pages;
mod probes;
pub(crate) mod problem;
mod query;
mod reads;
mod squeeze;
mod tiles;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use counterfoil_service::limits::{Place, Places};
use counterfoil_service::metrics::Connections;
use counterfoil_service::serve::{Handler, OtherEnd};
use counterfoil_service::soon_or_within;
use counterfoil_service::source::Source;
use counterfoil_tiles::tile::{BundleId, IdError, TileId};
use hyper::body::Incoming;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_MAX_AGE, ALLOW,
    HeaderMap, HeaderName, HeaderValue,
};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use rustls::server::ParsedCertificate;
use tower::ServiceExt;
use tracing::Level;

use crate::anchors::{Anchors, AnchorsError};
use crate::auth::{Auth, Peer};
use crate::config::Config;
use crate::log::Log;
use crate::metrics::{Metrics, Route};
use answer::{Body, Sharing, bare, with_common_fields, without_body};
use fields::{Fields, Format, Single};
use mount::{EvidenceRoom, Mount};
use pages::Pages;
use probes::PATHS as PROBES;
use problem::{Kind, Problem};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Target of the events of single requests: `log_filter = "info,access=debug"` shows them.
const ACCESS: &str = "access";
const READ_METHODS: &str = "GET, HEAD, OPTIONS";
const WRITE_METHODS: &str = "POST, OPTIONS";

/// Everything that requests are answered from.
#[derive(Debug)]
pub(crate) struct Site {
    /// The longest prefix first, so that the first that fits is the right one.
    mounts: Vec<(Arc<Mount>, axum::Router)>,
    auth: Arc<Auth>,
    places: Arc<Places>,
    deadlines: Deadlines,
    /// What is not below any log's prefix, and the probes.
    router: axum::Router,
    ids: Ids,
}

/// How long the parts of a request may take.
#[derive(Debug, Clone, Copy)]
struct Deadlines {
    request: Duration,
    body: Duration,
}

/// What a path names.
#[derive(Debug)]
enum Target {
    Add,
    AddBatch,
    Checkpoint,
    Tile(TileId),
    Bundle(BundleId),
    NoTile(IdError),
    Other,
}

impl Target {
    fn of(rest: &str) -> Self {
        match rest {
            "/add" => Self::Add,
            "/checkpoint" => Self::Checkpoint,
            "/add-batch" => Self::AddBatch,
            _ if rest.starts_with("/tile/entries/") => {
                BundleId::parse(&rest[1..]).map_or_else(Self::NoTile, Self::Bundle)
            }
            _ if rest.starts_with("/tile/") => {
                TileId::parse(&rest[1..]).map_or_else(Self::NoTile, Self::Tile)
            }
            _ => Self::Other,
        }
    }

    fn route(&self) -> Route {
        match self {
            Self::Add => Route::Add,
            Self::AddBatch => Route::AddBatch,
            Self::Checkpoint => Route::Checkpoint,
            Self::Tile(_) => Route::Tile,
            Self::Bundle(_) => Route::Bundle,
            Self::NoTile(_) | Self::Other => Route::Other,
        }
    }

    fn is_write(&self) -> bool {
        matches!(self, Self::Add | Self::AddBatch)
    }
}

/// A request of a log, beside its body.
#[derive(Clone, Copy)]
struct Asked<'a> {
    mount: &'a Mount,
    peer: Peer,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    fields: Fields<'a>,
    started: Instant,
}

/// Identifiers of requests: the start of the server and a number.
#[derive(Debug)]
struct Ids {
    start: u32,
    next: AtomicU64,
}

impl Ids {
    fn next(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{:08x}-{number}", self.start)
    }
}

impl Site {
    /// A site of the configured logs; `logs` are in the order of the configuration.
    pub(crate) fn new(
        config: &Config,
        logs: Vec<Arc<dyn Log>>,
        connections: Arc<Connections>,
    ) -> Result<Self, AnchorsError> {
        let auth = Arc::new(Auth::new(config));
        let pages = Arc::new(Pages::embedded());
        let room = EvidenceRoom::new(config.front.client_share);
        let mut mounts: Vec<Arc<Mount>> = Vec::with_capacity(logs.len());
        for (log_config, log) in config.logs.iter().zip(logs) {
            let auth = Arc::clone(&auth);
            let mount = Mount::new(config, log_config, log, auth, &pages, &room)?;
            mounts.push(Arc::new(mount));
        }
        mounts.sort_by_key(|mount| std::cmp::Reverse(mount.prefix.len()));
        let places = Arc::new(Places::new(
            config.front.max_requests,
            config.front.max_body_bytes,
        ));
        let counted = mounts.iter().map(|mount| mount.counted()).collect();
        let metrics = Metrics::new(counted, Arc::clone(&places), connections);
        let (router, routers) = openapi::routers(&mounts, metrics);
        Ok(Self {
            router,
            mounts: mounts.into_iter().zip(routers).collect(),
            auth,
            places,
            deadlines: Deadlines {
                request: config.front.request_deadline,
                body: config.front.body_deadline,
            },
            ids: Ids {
                start: rand::random(),
                next: AtomicU64::new(1),
            },
        })
    }

    /// The logs with their anchors, of those that have some.
    pub(crate) fn anchored(&self) -> Vec<(Arc<dyn Log>, Arc<Anchors>)> {
        let mounts = self.mounts.iter().map(|(mount, _)| mount);
        let anchored = |mount: &Arc<Mount>| Some((Arc::clone(&mount.log), mount.anchors.clone()?));
        mounts.filter_map(anchored).collect()
    }

    /// Answers what is asked for often. What is rare or large is boxed, so that the future stays small.
    async fn dispatch(
        &self,
        target: Target,
        asked: Asked<'_>,
        method: &Method,
        body: Incoming,
        place: Place<'_>,
    ) -> Result<Response<Body>, Problem> {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        let posts = *method == Method::POST;
        match target {
            Target::Add if posts => adds::one(asked, self.deadlines, body, place).await,
            Target::AddBatch if posts => {
                Box::pin(adds::batch(asked, self.deadlines, body, place)).await
            }
            Target::Add | Target::AddBatch => Err(Problem::method(WRITE_METHODS)),
            _ if !reads => Err(Problem::method(READ_METHODS)),
            Target::Checkpoint => tiles::checkpoint(asked),
            Target::Tile(id) => self.in_time(tiles::tile(asked, id)).await,
            Target::Bundle(id) => self.in_time(Box::pin(tiles::bundle(asked, id))).await,
            Target::NoTile(error) => Err(Problem::malformed(format!(
                "not the path of a tile or an entry bundle: {error}"
            ))),
            Target::Other => Err(Problem::new(
                Kind::NotFound,
                "there is nothing at this path",
            )),
        }
    }

    /// Answers everything else.
    async fn route(
        &self,
        router: &axum::Router,
        peer: Peer,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(peer);
        let answer = router.clone().oneshot(request);
        let answer = async { Ok(answer.await.unwrap_or_else(|never| match never {})) };
        let mut response = self.in_time(answer).await?;
        // A handler leaves its problem to be written where it is known how.
        match response.extensions_mut().remove::<Problem>() {
            Some(problem) => Err(problem),
            None => Ok(with_common_fields(
                response.map(Body::Routed),
                Sharing::Open,
            )),
        }
    }

    /// Gives up when a request may take no longer.
    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        let deadline = self.deadlines.request;
        soon_or_within(deadline, answer).await.unwrap_or_else(|| {
            let detail = format!("no answer within {} ms", deadline.as_millis());
            Err(Problem::new(Kind::TooSlow, detail))
        })
    }

    fn problem(&self, problem: &Problem, format: Format, mount: Option<&Mount>) -> Response<Body> {
        let id = self.ids.next();
        let log = mount.map_or("", |mount| mount.log.origin());
        if problem.kind.status().is_server_error() {
            tracing::warn!(log, request = id, "{problem}");
        } else {
            tracing::debug!(log, request = id, "{problem}");
        }
        with_id(problem.respond(format, &id), id)
    }
}

impl Handler for Site {
    type Peer = Peer;
    type Body = Body;

    fn peer(&self, end: &OtherEnd<'_>) -> Peer {
        let certificate = end
            .certificate
            .and_then(|leaf| ParsedCertificate::try_from(leaf).ok());
        Peer {
            source: Source::of(end.address.ip()),
            loopback: end.is_loopback(),
            certificate: certificate.and_then(|parsed| self.auth.certificate(&parsed)),
        }
    }

    async fn respond(&self, peer: Peer, request: Request<Incoming>) -> Response<Body> {
        let started = Instant::now();
        let (head, body) = request.into_parts();
        let fields = Fields::of(&head.headers);
        let path = head.uri.path();
        let found = self.mounts.iter().find_map(|(mount, router)| {
            let below = mount.below(path)?;
            Some((mount.as_ref(), router, Target::of(below)))
        });
        let route = found
            .as_ref()
            .map(|(mount, _, target)| (*mount, target.route()));
        let is_write = found
            .as_ref()
            .is_some_and(|(_, _, target)| target.is_write());
        let is_post = head.method == Method::POST;
        let is_head = head.method == Method::HEAD;
        let format = fields.format;
        let logged = tracing::enabled!(target: ACCESS, Level::DEBUG)
            .then(|| (head.method.clone(), head.uri.to_string()));
        let result = match (self.places.enter(), found) {
            (None, _) => {
                let detail = "the server is at its limit of requests";
                Err(Problem::new(Kind::Overloaded, detail))
            }
            (Some(_), _)
                if head.version == Version::HTTP_11 && !matches!(fields.host, Single::Is(_)) =>
            {
                // RFC 9112, section 3.2: a request of HTTP/1.1 without Host, or with two, must be answered 400.
                Err(Problem::malformed("expected one Host header"))
            }
            (Some(_), _) if head.method == Method::OPTIONS => Ok(preflight(is_write)),
            (Some(_place), Some((mount, router, Target::Other))) => {
                let (router, prefix) = if PROBES.contains(&path) {
                    (&self.router, 0)
                } else {
                    (router, mount.prefix.len())
                };
                let request = below(Request::from_parts(head, body), prefix);
                Box::pin(self.route(router, peer, request)).await
            }
            (Some(place), Some((mount, _, target))) => {
                let asked = Asked {
                    mount,
                    peer,
                    uri: &head.uri,
                    headers: &head.headers,
                    fields,
                    started,
                };
                self.dispatch(target, asked, &head.method, body, place)
                    .await
            }
            (Some(_place), None) => {
                let request = Request::from_parts(head, body);
                Box::pin(self.route(&self.router, peer, request)).await
            }
        };
        let response = result.unwrap_or_else(|problem| {
            let sharing = if is_write || is_post {
                Sharing::Closed
            } else {
                Sharing::Open
            };
            let response = self.problem(&problem, format, route.map(|(mount, _)| mount));
            with_common_fields(response, sharing)
        });
        let response = if is_head {
            without_body(response)
        } else {
            response
        };
        if let Some((mount, route)) = route {
            mount
                .requests
                .answered(route, response.status().as_u16(), started.elapsed());
        }
        if let Some((method, uri)) = logged {
            let (status, micros) = (response.status().as_u16(), started.elapsed().as_micros());
            let id = response
                .headers()
                .get(X_REQUEST_ID)
                .and_then(|id| id.to_str().ok());
            tracing::debug!(target: ACCESS, %method, uri, status, micros, request = id);
        }
        response
    }
}

fn with_id(mut response: Response<Body>, id: String) -> Response<Body> {
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    response
}

/// The request with the first `prefix` bytes of its path taken away.
fn below(mut request: Request<Incoming>, prefix: usize) -> Request<Incoming> {
    if prefix == 0 {
        return request;
    }
    let whole = request
        .uri()
        .path_and_query()
        .map_or("", PathAndQuery::as_str);
    let rest = whole.get(prefix..).unwrap_or_default().to_owned();
    let rest = if rest.starts_with('/') {
        rest
    } else {
        request.extensions_mut().insert(pages::WithoutSlash);
        format!("/{rest}")
    };
    if let Ok(uri) = Uri::try_from(rest) {
        *request.uri_mut() = uri;
    }
    request
}

/// The answer to OPTIONS: a browser may read from any page, with a token if it has one, and never writes.
fn preflight(is_write: bool) -> Response<Body> {
    let mut response = bare(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    if is_write {
        headers.insert(ALLOW, HeaderValue::from_static(WRITE_METHODS));
        return with_common_fields(response, Sharing::Closed);
    }
    let fields = [
        (ALLOW, READ_METHODS),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"),
        (
            ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, accept, if-none-match",
        ),
        (ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    for (name, value) in fields {
        headers.insert(name, HeaderValue::from_static(value));
    }
    with_common_fields(response, Sharing::Open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let rows = [
            ("/add", "Add"),
            ("/add/", "Other"),
            ("/add-batch", "AddBatch"),
            ("/checkpoint", "Checkpoint"),
            ("/tile/0/000", "Tile"),
            ("/tile/1/x001/x234/067.p/8", "Tile"),
            ("/tile/entries/000.p/1", "Bundle"),
            ("/tile/64/000", "NoTile"),
            ("/tile/entries/0", "NoTile"),
            ("/tile/../add", "NoTile"),
            ("/tile/%2e%2e/add", "NoTile"),
            ("/", "Other"),
            ("/../add", "Other"),
        ];
        for (path, expected) in rows {
            let found = format!("{:?}", Target::of(path));
            let name = found.split('(').next().unwrap();
            assert_eq!(name, expected, "{path}");
        }
    }
}

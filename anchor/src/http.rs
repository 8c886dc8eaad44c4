//! The HTTP service: records, lists of them at each level, the page with the time line, status, metrics and probes.
//!
//! ```text
//! GET /                                              the page
//!     /status, /metrics, /healthz, /readyz           for operators
//!     /logs                                          a line a log: origin hash, and its origin if it is followed
//!     /<origin hash>/anchors                         sizes, growing
//!     /<origin hash>/anchors/<size>                  SHA-256s of signed checkpoints
//!     /<origin hash>/anchors/<size>/<SHA-256>        names
//!     /<origin hash>/anchors/<size>/<SHA-256>/<name> a checkpoint, or a record
//!     …/rfc3161-<authority>.tst                      the token of that record, as `openssl ts -verify -token_in` reads it
//!     /<origin hash>/forks[/<SHA-256>/anchored|refused]   the checkpoints that prove that a log forked
//! ```
//!
//! Lists are lines of text, at most 1,000; `?after=LINE` goes on after a line (among sizes after any size, whether it is
//! there or not), and `?last=N` gives the last lines. What a name names never changes, and is cached for ever.

mod contents;
mod page;
mod reply;
mod status;
mod target;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use counterfoil_service::config::ClientShare;
use counterfoil_service::lent::{FRAME, Lender, Lent};
use counterfoil_service::limits::Places;
use counterfoil_service::metrics::Connections;
use counterfoil_service::room::Room;
use counterfoil_service::serve::{Handler, OtherEnd};
use counterfoil_service::soon_or_within;
use counterfoil_service::source::Source;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use tracing::Level;

use crate::beside::joined;
use crate::metrics::{self, Requests};
use crate::record::MAX_RECORD_BYTES;
use crate::worker::Worker;
use contents::Contents;
use reply::Reply;
use target::Target;

/// Target of the events of single requests: `log_filter = "info,access=debug"` shows them.
const ACCESS: &str = "access";

/// Memory for all large bodies that are being read: 8 of the largest records, thousands with ordinary lists of revoked certificates.
const ROOM: usize = 256 << 20;

/// What of it one client may have: two of the largest records.
const SHARE: usize = 2 * MAX_RECORD_BYTES;

/// Memory for what operators look at, beside that: it is there for them whatever others read.
const OPERATORS_ROOM: usize = 64 << 20;

/// What of it one client may have: more than the metrics of a thousand logs.
const OPERATORS_SHARE: usize = OPERATORS_ROOM / 4;

/// Requests for which records are read and judged at once, before it is known how large they are.
const READING: usize = 8;

/// How many of them may be one client's.
const READING_SHARE: usize = READING / 2;

/// Requests of one client for which records are read, or that wait for it, at once.
const WAITING_SHARE: usize = 64;

/// The body of an answer. Bodies of one frame are sent as they are: as many as there are requests on all connections may be in memory.
type Body = Either<Full<Bytes>, Lent<Source>>;

/// Answers requests.
pub struct Site {
    contents: Arc<Contents>,
    bounds: Bounds,
    places: Arc<Places>,
    requests: Arc<Requests>,
    deadline: Duration,
}

/// How a site answers.
#[derive(Debug, Clone)]
pub struct SiteOptions {
    /// Who runs it, for the page.
    pub operator: Option<String>,
    /// Requests at once.
    pub max_requests: usize,
    /// How long a request may take.
    pub request_deadline: Duration,
    /// What one client address may take.
    pub client_share: ClientShare,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").finish_non_exhaustive()
    }
}

impl Site {
    /// The site of a worker.
    pub fn new(worker: Worker, connections: Arc<Connections>, options: SiteOptions) -> Self {
        // Requests have no bodies.
        let places = Arc::new(Places::new(options.max_requests, 0));
        let requests: Arc<Requests> = Arc::default();
        let registry = metrics::registry(
            worker.clone(),
            Arc::clone(&requests),
            Arc::clone(&places),
            connections,
        );
        Self {
            contents: Arc::new(Contents::new(worker, options.operator, registry)),
            bounds: Bounds::new(options.client_share),
            places,
            requests,
            deadline: options.request_deadline,
        }
    }
}

impl Handler for Site {
    type Peer = IpAddr;
    type Body = Body;

    fn peer(&self, end: &OtherEnd<'_>) -> IpAddr {
        end.address.ip()
    }

    async fn respond(&self, peer: IpAddr, request: Request<Incoming>) -> Response<Body> {
        let started = Instant::now();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let target = Target::parse(uri.path());
        let route = target.as_ref().map_or("nothing", Target::route);
        let is_head = method == Method::HEAD;
        let response = match (self.places.enter(), &method) {
            (None, _) => Reply::overloaded().into_response(),
            (Some(_), &Method::OPTIONS) => Reply::options().into_response(),
            (Some(_), &Method::GET | &Method::HEAD) => {
                let answer = self.answer(Source::of(peer), target, uri.query(), is_head);
                let answered = soon_or_within(self.deadline, answer).await;
                answered.unwrap_or_else(|| Reply::too_slow(self.deadline).into_response())
            }
            (Some(_), _) => Reply::method().into_response(),
        };
        let status = response.status().as_u16();
        self.requests.answered(route, status, started.elapsed());
        if tracing::enabled!(target: ACCESS, Level::DEBUG) {
            let micros = started.elapsed().as_micros();
            tracing::debug!(target: ACCESS, %peer, %method, %uri, status, micros);
        }
        response
    }
}

impl Site {
    /// Answers where there is room for the answer.
    async fn answer(
        &self,
        source: Source,
        target: Option<Target>,
        query: Option<&str>,
        is_head: bool,
    ) -> Response<Body> {
        let target = match target {
            Some(target) if target.reads_records() => target,
            other => {
                let reply = match &other {
                    Some(target) => self.contents.answer(target, query).await,
                    None => Reply::not_found("there is nothing at this path"),
                };
                return self.bounds.fit(source, other.as_ref(), reply, is_head);
            }
        };
        let waiting = self.bounds.waiting.try_take(&source, 1).ok();
        let reading = match waiting {
            Some(_) => self.bounds.reading.take(&source, 1).await,
            None => None,
        };
        let (Some(waiting), Some(reading)) = (waiting, reading) else {
            return Reply::waiting(WAITING_SHARE).into_response();
        };
        let (contents, bounds) = (Arc::clone(&self.contents), self.bounds.clone());
        // A task: what reads and judges goes on when nobody waits for it any longer, and until it has ended it has its turn.
        joined(tokio::spawn(async move {
            let reply = contents.answer(&target, None).await;
            let response = bounds.fit(source, Some(&target), reply, is_head);
            drop((reading, waiting));
            response
        }))
        .await
    }
}

/// What answers may take, in all and for each client. Cheap to clone; clones are one.
#[derive(Debug, Clone)]
struct Bounds {
    /// Requests, not bytes.
    waiting: Room<Source>,
    /// Requests, not bytes.
    reading: Room<Source>,
    answers: Lender<Source>,
    operators: Lender<Source>,
}

impl Bounds {
    fn new(share: ClientShare) -> Self {
        let lender = |all, part| Lender::new(Room::new(all, share.of(all, part)));
        Self {
            waiting: Room::new(usize::MAX, share.of(usize::MAX, WAITING_SHARE)),
            reading: Room::new(READING, share.of(READING, READING_SHARE)),
            answers: lender(ROOM, SHARE),
            operators: lender(OPERATORS_ROOM, OPERATORS_SHARE),
        }
    }

    /// The answer, if there is room for it. How much it needs is known once it is there; where there is not so much nobody waits
    /// for it, for whoever waits takes one of the places that there are for all requests.
    fn fit(
        &self,
        source: Source,
        target: Option<&Target>,
        reply: Reply,
        is_head: bool,
    ) -> Response<Body> {
        let (parts, bytes) = reply.into_parts(is_head);
        if bytes.len() <= FRAME {
            return Response::from_parts(parts, Either::Left(Full::new(bytes)));
        }
        let lender = if target.is_some_and(Target::is_for_operators) {
            &self.operators
        } else {
            &self.answers
        };
        match lender.lend(&source, bytes) {
            Ok(lent) => Response::from_parts(parts, Either::Right(lent)),
            Err(none) => Reply::no_room(none).into_response(),
        }
    }
}

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

mod page;
mod reply;
mod status;
mod target;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use counterfoil_service::lent::{FRAME, Lent};
use counterfoil_service::limits::Places;
use counterfoil_service::metrics::{self as service_metrics, Connections};
use counterfoil_service::room::Room;
use counterfoil_service::serve::{Handler, OtherEnd};
use counterfoil_service::soon_or_within;
use counterfoil_service::source::Source;
use counterfoil_store::BlobName;
use counterfoil_tiles::hash::TreeSize;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;
use tracing::Level;

use crate::ethereum::Block;
use crate::metrics::{self, Requests};
use crate::moment::Moment;
use crate::names::{Blobs as _, Named, Place, RecordName, parse_size};
use crate::record::{MAX_RECORD_BYTES, TokenRecord};
use crate::records::{Damage, KeepError};
use crate::worker::Worker;
use page::Point;
use reply::Reply;
use target::{List, Target};

/// Target of the events of single requests: `log_filter = "info,access=debug"` shows them.
const ACCESS: &str = "access";

/// Lines of one list.
const LINES: usize = 1_000;

/// Anchors on the time line of one log.
const POINTS: usize = 40;

/// Times of tokens that are remembered for the time line; some 200 bytes each.
const REMEMBERED: usize = 10_000;

/// Memory for all large bodies that are being read: 8 of the largest records, thousands with ordinary lists of revoked certificates.
const ROOM: usize = 256 << 20;

/// What of it one client may have: two of the largest records.
const SHARE: usize = 2 * MAX_RECORD_BYTES;

/// Records that are read and judged at once, before it is known how large they are.
const READING: usize = 8;

/// The body of an answer. Bodies of one frame are sent as they are: as many as there are requests on all connections may be in memory.
type Body = Either<Full<Bytes>, Lent<Source>>;

/// What requests are answered from.
pub struct Site {
    worker: Worker,
    operator: Option<String>,
    places: Arc<Places>,
    room: Room<Source>,
    reading: Semaphore,
    requests: Arc<Requests>,
    deadline: std::time::Duration,
    registry: Registry,
    /// The times of checkpoints' first tokens: they never change.
    times: Mutex<HashMap<Place, Moment>>,
    /// The blocks of records: they never change either.
    blocks: Mutex<HashMap<(Place, RecordName), Block>>,
}

/// How a site answers.
#[derive(Debug, Clone)]
pub struct SiteOptions {
    /// Who runs it, for the page.
    pub operator: Option<String>,
    /// Requests at once.
    pub max_requests: usize,
    /// How long a request may take.
    pub request_deadline: std::time::Duration,
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
            worker,
            operator: options.operator,
            places,
            room: Room::new(ROOM, SHARE),
            reading: Semaphore::new(READING),
            requests,
            deadline: options.request_deadline,
            registry,
            times: Mutex::default(),
            blocks: Mutex::default(),
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
                let answer = self.answer_with_room(peer, target.as_ref(), uri.query(), is_head);
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
    /// Answers where there is room for the answer. How much it needs is known once it is there; where there is not so much nobody waits
    /// for it, for whoever waits takes one of the places that there are for all requests.
    async fn answer_with_room(
        &self,
        peer: IpAddr,
        target: Option<&Target>,
        query: Option<&str>,
        is_head: bool,
    ) -> Response<Body> {
        let reading = match target {
            Some(Target::Blob(_) | Target::Token(..)) => self.reading.acquire().await.ok(),
            _ => None,
        };
        let (parts, bytes) = self.answer(target, query).await.into_parts(is_head);
        // What operators look at is there for them whatever others read.
        let is_charged = matches!(
            target,
            Some(Target::Blob(_) | Target::Token(..) | Target::List(_))
        );
        if !is_charged || bytes.len() <= FRAME {
            return Response::from_parts(parts, Either::Left(Full::new(bytes)));
        }
        let room = self.room.try_take(&Source::of(peer), bytes.len());
        drop(reading);
        match room {
            Ok(room) => Response::from_parts(parts, Either::Right(Lent::new(bytes, room))),
            Err(none) => Reply::no_room(none).into_response(),
        }
    }

    async fn answer(&self, target: Option<&Target>, query: Option<&str>) -> Reply {
        let Some(target) = target else {
            return Reply::not_found("there is nothing at this path");
        };
        match target {
            Target::Page => self.page().await,
            Target::Status => {
                let now = self.worker.now();
                Reply::json(&status::view(&self.worker, now))
            }
            Target::Metrics => Reply::metrics(service_metrics::text(&self.registry)),
            Target::Health => Reply::fresh_text("ok\n".to_owned()),
            Target::Readiness => match self.worker.not_ready() {
                None => Reply::fresh_text("ok\n".to_owned()),
                Some(why) => Reply::not_ready(&why),
            },
            Target::List(list) => match Part::of(query) {
                Some(part) => self.list(list, part),
                None => Reply::malformed("expected ?after=LINE, or ?last=N with 1 to 1000"),
            },
            Target::Blob(name) => match self.whole(name).await {
                Err(reply) => reply,
                Ok(bytes) => match crate::names::parse(name.as_str()) {
                    Ok((_, Named::Record(_))) => Reply::record(bytes),
                    // A checkpoint, also that of a fork.
                    _ => Reply::checkpoint(bytes),
                },
            },
            Target::Token(place, name) => {
                let name = place.record(name);
                match self.whole(&name).await {
                    Err(reply) => reply,
                    Ok(bytes) => match TokenRecord::parse(&bytes) {
                        Ok(record) => Reply::token(record.token),
                        Err(error) => Reply::damaged(&KeepError::Damaged {
                            name,
                            damage: Damage::NoRecord(error),
                        }),
                    },
                }
            }
        }
    }

    /// What is kept under a name, if it is as it was kept.
    async fn whole(&self, name: &BlobName) -> Result<Bytes, Reply> {
        match self.worker.records().read(name).await {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(Reply::not_found("there is no such record")),
            Err(error) => Err(Reply::damaged(&error)),
        }
    }

    fn list(&self, list: &List, part: Part<'_>) -> Reply {
        let followed = self.worker.status();
        let lines = self.worker.records().with_index(|index| match list {
            List::Logs => {
                let mut logs = index.logs();
                logs.extend(followed.iter().map(|log| log.hash));
                let line = |hash| match followed.iter().find(|log| log.hash == hash) {
                    Some(log) => format!("{hash} {}", log.origin),
                    None => hash.to_string(),
                };
                Some(part.take(logs.into_iter().map(line)))
            }
            List::Sizes(log) => {
                let (above, part) = part.above();
                let sizes = index.sizes(*log, above)?;
                Some(part.take(sizes.map(|size| size.to_string())))
            }
            List::Checkpoints(log, size) => {
                let checkpoints = index.checkpoints(*log, *size)?;
                Some(part.take(checkpoints.map(|hash| hash.to_string())))
            }
            List::Records(place) => {
                let names: Vec<String> = index.records(place)?.map(ToString::to_string).collect();
                let all = std::iter::once("checkpoint".to_owned()).chain(names);
                Some(part.take(all))
            }
            List::Forks(log) => {
                let forks = index.forks(*log);
                Some(part.take(forks.into_iter().map(|hash| hash.to_string())))
            }
        });
        match lines {
            None => Reply::not_found("nothing of this was anchored here"),
            Some(None) => Reply::not_found("the list has no such line to go on after"),
            Some(Some(lines)) => Reply::list(lines),
        }
    }

    async fn page(&self) -> Reply {
        let mut lines = Vec::new();
        for log in self.worker.status() {
            let places = self
                .worker
                .records()
                .with_index(|index| index.newest(log.hash, POINTS));
            let mut points = Vec::new();
            for place in places {
                let tokens = self
                    .worker
                    .records()
                    .with_index(|index| index.tokens(&place));
                let blocks = self.blocks(&place).await;
                let first = blocks.iter().map(|(_, block)| block.time).min();
                if let Some(time) = self.time(&place).await.or(first) {
                    points.push(Point {
                        place,
                        time,
                        tokens: tokens.iter().map(ToString::to_string).collect(),
                        blocks,
                    });
                }
            }
            let forks = self
                .worker
                .records()
                .with_index(|index| index.forks(log.hash).len());
            lines.push(page::Line { log, points, forks });
        }
        let chain = self.worker.ethereum().map(|chain| chain.status());
        let operator = self.operator.as_deref();
        let html = page::html(operator, &lines, chain.as_ref(), self.worker.now());
        Reply::html(html, &page::POLICY)
    }

    /// The blocks that have a checkpoint, by the names of their records; without those that cannot be read.
    async fn blocks(&self, place: &Place) -> Vec<(String, Block)> {
        let records = self.worker.records();
        let names = records.with_index(|index| index.all_blocks(place));
        let mut found = Vec::new();
        for name in names {
            let known = self.known_blocks().get(&(*place, name.clone())).copied();
            let block = match known {
                Some(block) => Some(block),
                None => match records.block(place, &name).await {
                    Ok((record, _)) => {
                        Block::of(*place, &record.block.header, &record.block.transaction)
                    }
                    Err(_) => None,
                },
            };
            if let Some(block) = block {
                found.push((name.to_string(), block));
                let mut known = self.known_blocks();
                if known.len() >= REMEMBERED {
                    known.clear();
                }
                known.insert((*place, name), block);
            }
        }
        found
    }

    fn known_blocks(&self) -> MutexGuard<'_, HashMap<(Place, RecordName), Block>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time of the first token over a checkpoint; none if there is none, or it cannot be read.
    async fn time(&self, place: &Place) -> Option<Moment> {
        let times = || self.times.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(time) = times().get(place) {
            return Some(*time);
        }
        let name = self
            .worker
            .records()
            .with_index(|index| index.tokens(place))
            .into_iter()
            .next()?;
        let (record, _) = self.worker.records().token(place, &name).await.ok()?;
        let mut times = times();
        if times.len() >= REMEMBERED {
            times.clear();
        }
        times.insert(*place, record.gen_time);
        Some(record.gen_time)
    }
}

/// Which lines of a list are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'a> {
    First,
    After(&'a str),
    Last(usize),
}

impl<'a> Part<'a> {
    /// What a query asks for; `None` if it cannot be read. Parameters that nobody knows are left alone.
    fn of(query: Option<&'a str>) -> Option<Self> {
        for pair in query.unwrap_or_default().split('&') {
            if let Some(line) = pair.strip_prefix("after=") {
                return Some(Self::After(line));
            }
            if let Some(count) = pair.strip_prefix("last=") {
                let count = count.parse().ok()?;
                return (1..=LINES).contains(&count).then_some(Self::Last(count));
            }
        }
        Some(Self::First)
    }

    /// Among sizes, any number is one to go on after.
    fn above(self) -> (Option<TreeSize>, Self) {
        match self {
            Self::After(line) => match parse_size(line) {
                Some(size) => (Some(size), Self::First),
                None => (None, self),
            },
            _ => (None, self),
        }
    }

    /// These of the lines; `None` if there is no such line to go on after. A line is told by its first word.
    fn take(self, mut lines: impl DoubleEndedIterator<Item = String>) -> Option<String> {
        let ended = |line: String| line + "\n";
        match self {
            Self::First => {}
            Self::After(after) => {
                lines.find(|line| line.split(' ').next() == Some(after))?;
            }
            Self::Last(count) => {
                let mut last: Vec<String> = lines.rev().take(count).map(ended).collect();
                last.reverse();
                return Some(last.concat());
            }
        }
        Some(lines.take(LINES).map(ended).collect())
    }
}

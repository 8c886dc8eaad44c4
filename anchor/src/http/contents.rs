//! What is answered from: the records, their index, and what is remembered of them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use counterfoil_service::metrics as service_metrics;
use counterfoil_store::BlobName;
use counterfoil_tiles::hash::TreeSize;
use prometheus_client::registry::Registry;

use super::page::{self, Point};
use super::reply::Reply;
use super::status;
use super::target::{List, Target};
use crate::ethereum::Block;
use crate::moment::Moment;
use crate::names::{Blobs as _, Named, Place, RecordName, parse_size};
use crate::record::TokenRecord;
use crate::records::{Damage, KeepError};
use crate::worker::Worker;

/// Lines of one list.
const LINES: usize = 1_000;

/// Anchors on the time line of one log.
const POINTS: usize = 40;

/// Times of tokens that are remembered for the time line; some 200 bytes each.
const REMEMBERED: usize = 10_000;

/// What requests are answered from.
pub(super) struct Contents {
    worker: Worker,
    operator: Option<String>,
    registry: Registry,
    /// The times of checkpoints' first tokens: they never change.
    times: Mutex<HashMap<Place, Moment>>,
    /// The blocks of records: they never change either.
    blocks: Mutex<HashMap<(Place, RecordName), Block>>,
}

impl Contents {
    pub(super) fn new(worker: Worker, operator: Option<String>, registry: Registry) -> Self {
        Self {
            worker,
            operator,
            registry,
            times: Mutex::default(),
            blocks: Mutex::default(),
        }
    }

    /// The answer to a request for this; only lists have a query.
    pub(super) async fn answer(&self, target: &Target, query: Option<&str>) -> Reply {
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

//! The threads that read a log and check its units.
//!
//! Each takes the next unit, reads it and hands on the result; the results are small, so memory is bounded by what is
//! being read: a group of bundles a thread, and the requests in flight.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use counterfoil_tiles::hash::TreeSize;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use indicatif::ProgressBar;
use tokio::sync::{mpsc, watch};

use super::resource::Found;
use super::unit::{UNIT_ENTRIES, UnitCheck, UnitResult};
use crate::client::{LogClient, Token};
use crate::place::{Directory, Place, PlaceError, read_http};

/// The most requests that a thread has in flight.
const MAX_IN_FLIGHT: usize = 64;

/// The bytes that a thread may have in flight, by the largest answer so far.
const IN_FLIGHT_BYTES: usize = 32 << 20;

/// Results that wait to be taken.
const RESULTS_QUEUED: usize = 64;

/// Files that could not be read after which the audit is given up: the log is not reachable rather than damaged.
const MAX_UNREADABLE: u64 = 16;

/// What is to be checked.
#[derive(Debug)]
pub(crate) struct Work {
    /// Size of the tree.
    pub(crate) size: TreeSize,
    /// The size whose edge is wanted.
    pub(crate) cut: Option<TreeSize>,
    /// The first unit to check.
    pub(crate) first_unit: u64,
    /// Number of threads.
    pub(crate) jobs: NonZeroUsize,
}

/// The threads at work.
#[derive(Debug)]
pub(crate) struct Crew {
    shared: Arc<Shared>,
    results: mpsc::Receiver<UnitResult>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    size: TreeSize,
    cut: Option<TreeSize>,
    next: AtomicU64,
    units: u64,
    /// True when the threads are to end, whatever they wait for.
    stop: watch::Sender<bool>,
    unreadable: AtomicU64,
    progress: ProgressBar,
}

impl Crew {
    /// Starts the threads.
    pub(crate) fn start(
        place: &Place,
        token: Option<&Token>,
        work: &Work,
        progress: ProgressBar,
    ) -> Result<Self, PlaceError> {
        let shared = Arc::new(Shared {
            size: work.size,
            cut: work.cut,
            next: AtomicU64::new(work.first_unit),
            units: work.size.get().div_ceil(UNIT_ENTRIES),
            stop: watch::Sender::new(false),
            unreadable: AtomicU64::new(0),
            progress,
        });
        let (sender, results) = mpsc::channel(RESULTS_QUEUED);
        let units = shared.units.saturating_sub(work.first_unit);
        let jobs = usize::try_from(units)
            .unwrap_or(usize::MAX)
            .min(work.jobs.get());
        let mut crew = Self {
            shared,
            results,
            threads: Vec::with_capacity(jobs),
        };
        for _ in 0..jobs {
            let (shared, sender) = (crew.shared.clone(), sender.clone());
            let thread = match place {
                Place::Directory(path) => {
                    let directory = Directory::open(path)?;
                    std::thread::spawn(move || check_directory(&shared, &directory, &sender))
                }
                Place::Http(url) => {
                    // Connections belong to the thread's runtime, so each thread has a client of its own.
                    let client = LogClient::new(url, token)?;
                    std::thread::spawn(move || check_http(&shared, &client, &sender))
                }
            };
            crew.threads.push(thread);
        }
        Ok(crew)
    }

    /// The next result, in no particular order; `None` when all units are done or the crew stopped.
    pub(crate) async fn next(&mut self) -> Option<UnitResult> {
        self.results.recv().await
    }

    /// Whether so much could not be read that the crew gave up.
    pub(crate) fn gave_up(&self) -> bool {
        self.shared.unreadable.load(Ordering::Relaxed) >= MAX_UNREADABLE
    }

    /// Stops the threads and waits until they have.
    pub(crate) fn stop(mut self) {
        self.shared.stop.send_replace(true);
        self.results.close();
        for thread in self.threads.drain(..) {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

impl Shared {
    fn next_unit(&self) -> Option<UnitCheck> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        if index >= self.units || self.stopped() {
            return None;
        }
        let within = |cut: &TreeSize| {
            cut.get() / UNIT_ENTRIES == index && !cut.get().is_multiple_of(UNIT_ENTRIES)
        };
        Some(UnitCheck::new(index, self.size, self.cut.filter(within)))
    }

    fn stopped(&self) -> bool {
        *self.stop.borrow()
    }

    fn count(&self, found: &Found) {
        if matches!(found, Found::Unreadable(_))
            && self.unreadable.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_UNREADABLE
        {
            self.stop.send_replace(true);
        }
    }
}

fn check_directory(shared: &Shared, directory: &Directory, results: &mpsc::Sender<UnitResult>) {
    while let Some(mut unit) = shared.next_unit() {
        for resource in unit.plan() {
            if shared.stopped() {
                return;
            }
            let found = directory.read(resource);
            shared.count(&found);
            shared.progress.inc(unit.take(resource, found));
        }
        let (result, entries) = unit.finish();
        shared.progress.inc(entries);
        if results.blocking_send(result).is_err() {
            return;
        }
    }
}

fn check_http(shared: &Shared, client: &LogClient, results: &mpsc::Sender<UnitResult>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime for one thread needs one file descriptor, and the main one was made");
    runtime.block_on(async {
        let mut depth = Depth::default();
        while let Some(unit) = shared.next_unit() {
            let Some((result, entries)) = check_unit(shared, client, unit, &mut depth).await else {
                return;
            };
            shared.progress.inc(entries);
            if results.send(result).await.is_err() {
                return;
            }
        }
    });
}

async fn check_unit(
    shared: &Shared,
    client: &LogClient,
    mut unit: UnitCheck,
    depth: &mut Depth,
) -> Option<(UnitResult, u64)> {
    let mut stop = shared.stop.subscribe();
    let mut plan = unit.plan();
    let mut in_flight = FuturesOrdered::new();
    loop {
        while in_flight.len() < depth.get() {
            let Some(resource) = plan.next() else { break };
            in_flight.push_back(async move { (resource, read_http(client, resource).await) });
        }
        let next = tokio::select! {
            next = in_flight.next() => next,
            // The sender is in `shared`, so that this ends by a stop only.
            _ = stop.wait_for(|stop| *stop) => return None,
        };
        let Some((resource, found)) = next else { break };
        if let Found::Bytes(bytes) | Found::Full(bytes) = &found {
            depth.saw(bytes.len());
        }
        shared.count(&found);
        shared.progress.inc(unit.take(resource, found));
    }
    Some(unit.finish())
}

/// How many requests are in flight: many while answers are small, few when they are large.
#[derive(Debug, Clone, Copy, Default)]
struct Depth {
    largest: usize,
}

impl Depth {
    fn saw(&mut self, bytes: usize) {
        self.largest = self.largest.max(bytes);
    }

    fn get(self) -> usize {
        // Before the first answer little is risked.
        IN_FLIGHT_BYTES
            .checked_div(self.largest)
            .map_or(4, |fit| fit.clamp(2, MAX_IN_FLIGHT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_flight_is_bounded_by_number_and_by_bytes() {
        let rows = [
            (0, 4),
            (32, 64),
            (8192, 64),
            (1 << 20, 32),
            (16 << 20, 2),
            (64 << 20, 2),
        ];
        for (largest, expected) in rows {
            let mut depth = Depth::default();
            depth.saw(largest);
            depth.saw(largest / 2);
            assert_eq!(depth.get(), expected, "{largest}");
        }
    }
}

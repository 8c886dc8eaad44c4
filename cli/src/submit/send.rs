//! Sending entries: intents first, requests then, and what the answers say.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use counterfoil_tiles::hash::{LeafHash, LeafIndex};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::Submission;
use super::ledger::{Event, NotLogged, Record, Standing};
use crate::api::{self, AddFailure};
use crate::client::{CallError, LogClient};
use crate::exit::Failure;
use crate::retry::Attempts;

/// Requests in flight: a second batch is written while the log makes the first one durable.
const IN_FLIGHT: usize = 4;

/// The most bytes of one request, half of what a log takes by default.
const MAX_BATCH_BYTES: usize = 4 << 20;

/// How often what became of entries is asked for and they are sent again, in one run.
const MAX_ROUNDS: usize = 3;

/// What became of a request.
enum Sent {
    /// Logged, at these indexes in the order of the leaves.
    Logged(Vec<LeafIndex>),
    /// Not logged.
    NotLogged(NotLogged, Failure),
    /// Nobody knows.
    Unknown(String),
    /// The log takes no batches.
    NoBatches,
}

impl Submission<'_> {
    /// Logs everything that is not logged yet.
    pub(super) async fn log_all(&mut self) -> Result<(), Failure> {
        let mut last_trouble = None;
        for _ in 0..MAX_ROUNDS {
            // What can be sent is sent first: meanwhile what hung may settle.
            last_trouble = self.send_all().await?.or(last_trouble);
            let unknown = self.with_standing(|standing| matches!(standing, Standing::Unknown(_)));
            if unknown.is_empty() {
                return Ok(());
            }
            self.resolve(&unknown).await?;
            if self
                .with_standing(|standing| *standing == Standing::ToSend)
                .is_empty()
            {
                return Ok(());
            }
        }
        let why = last_trouble.unwrap_or_else(|| "the log does not answer".to_owned());
        Err(Failure::could_not_tell(format!(
            "after {MAX_ROUNDS} rounds not every entry is known to be logged: {why}"
        ))
        .advice("run the same command again: it goes on without logging anything twice"))
    }

    /// The leaves that stand in a certain way, in the order of the files.
    pub(super) fn with_standing(&self, wanted: impl Fn(&Standing) -> bool) -> Vec<LeafHash> {
        let mut seen = std::collections::HashSet::new();
        let leaves = self.items.iter().map(|item| item.leaf);
        leaves
            .filter(|leaf| wanted(self.journal.standing(leaf)) && seen.insert(*leaf))
            .collect()
    }

    /// Sends what is to be sent. Gives the last reason for which an outcome is unknown.
    async fn send_all(&mut self) -> Result<Option<String>, Failure> {
        let mut to_send = self.with_standing(|standing| *standing == Standing::ToSend);
        to_send.reverse();
        let progress = self
            .output
            .progress("entries logged", self.leaves.len() as u64);
        progress.set_position((self.leaves.len() - to_send.len()) as u64);
        let mut in_flight = FuturesUnordered::new();
        let mut batch_size = self.args.batch as usize;
        let mut trouble = None;
        let mut failure = None;
        loop {
            while in_flight.len() < IN_FLIGHT && failure.is_none() && !to_send.is_empty() {
                let (leaves, entries) = self.next_batch(&mut to_send, batch_size)?;
                self.record(&leaves, |_| Event::Intent(unix_seconds()))?;
                let client = self.client.clone();
                in_flight.push(async move { (send(&client, &entries).await, leaves) });
            }
            let Some((sent, leaves)) = in_flight.next().await else {
                break;
            };
            match sent {
                Sent::Logged(indexes) => {
                    self.record(&leaves, |place| Event::Index(indexes[place].get()))?;
                    progress.inc(leaves.len() as u64);
                }
                Sent::NotLogged(how, error) => {
                    self.record(&leaves, |_| Event::Absent(how))?;
                    failure = Some(error);
                }
                Sent::Unknown(reason) => {
                    tracing::warn!(%reason, entries = leaves.len(), "the outcome is not known");
                    trouble = Some(reason);
                }
                Sent::NoBatches if batch_size > 1 => {
                    self.record(&leaves, |_| Event::Absent(NotLogged::Refused))?;
                    to_send.extend(leaves.into_iter().rev());
                    batch_size = 1;
                }
                Sent::NoBatches => {
                    self.record(&leaves, |_| Event::Absent(NotLogged::Refused))?;
                    failure = Some(
                        Failure::failed(format!(
                            "{} takes no entries: it has no `add`",
                            self.client.base()
                        ))
                        .advice("check that --log is the URL prefix of the log"),
                    );
                }
            }
        }
        progress.finish_and_clear();
        match failure {
            Some(failure) => Err(failure),
            None => Ok(trouble),
        }
    }

    /// Takes the next leaves off the end of `to_send`, with their entries.
    fn next_batch(
        &self,
        to_send: &mut Vec<LeafHash>,
        size: usize,
    ) -> Result<(Vec<LeafHash>, Vec<Bytes>), Failure> {
        let (mut leaves, mut entries, mut bytes) = (Vec::new(), Vec::new(), 0);
        while let Some(leaf) = to_send.last()
            && leaves.len() < size
        {
            let entry = self.entry_of(leaf)?;
            bytes += entry.len() + 2;
            if bytes > MAX_BATCH_BYTES && !leaves.is_empty() {
                break;
            }
            entries.push(entry);
            leaves.extend(to_send.pop());
        }
        Ok((leaves, entries))
    }

    /// Writes an event of each leaf into the journal.
    pub(super) fn record(
        &mut self,
        leaves: &[LeafHash],
        event: impl Fn(usize) -> Event,
    ) -> Result<(), Failure> {
        let records: Vec<Record> = leaves
            .iter()
            .enumerate()
            .map(|(place, leaf)| Record {
                leaf: *leaf,
                event: event(place),
            })
            .collect();
        Ok(self.journal.append(&records)?)
    }
}

/// Sends a batch until the log takes it, refuses it, or nobody knows.
async fn send(client: &LogClient, entries: &[Bytes]) -> Sent {
    let mut attempts = Attempts::default();
    loop {
        let result = match entries {
            [entry] => api::add(client, entry).await.map(|index| vec![index]),
            entries => api::add_batch(client, entries).await,
        };
        let error = match result {
            Ok(indexes) => return Sent::Logged(indexes),
            Err(AddFailure::Unknown(reason)) => return Sent::Unknown(reason),
            Err(AddFailure::NoSuchEndpoint) => return Sent::NoBatches,
            Err(AddFailure::Refused(error)) => {
                return Sent::NotLogged(NotLogged::Refused, refused(&error));
            }
            Err(AddFailure::NotNow(error)) => error,
        };
        let Some(pause) = attempts.failed(error.retry_after(), rand::random()) else {
            let how = if error.status().is_some() {
                NotLogged::Refused
            } else {
                NotLogged::NotSent
            };
            let what = format!("after {} attempts: {error}", attempts.made());
            let failure = Failure::could_not_tell(what).advice(
                "run the same command again later: it goes on without logging anything twice",
            );
            return Sent::NotLogged(how, failure);
        };
        tracing::warn!(
            "{error}; nothing was logged, trying again in {:.0} s",
            pause.as_secs_f64()
        );
        tokio::time::sleep(pause).await;
    }
}

/// A refusal for good, with what to do.
fn refused(error: &CallError) -> Failure {
    let failure = Failure::failed(error.to_string());
    match error.status() {
        Some(401 | 403) => {
            failure.advice("the log wants a bearer token: --token-file FILE or COUNTERFOIL_TOKEN")
        }
        Some(413) => {
            failure.advice("the log takes less at once: lower --batch, or leave out --embed")
        }
        _ => failure,
    }
}

fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

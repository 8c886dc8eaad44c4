//! Collecting receipts: when the entries are published, one file each, verified before it is written.

use std::path::Path;
use std::time::{Duration, Instant};

use counterfoil_tiles::checkpoint::Checkpoint;
use counterfoil_tiles::hash::{LeafHash, LeafIndex, TreeSize};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::receipt::Receipt;
use futures_util::StreamExt;

use super::Submission;
use super::ledger::{Event, Record, Standing};
use crate::exit::Failure;
use crate::receipt;

/// Receipts asked for at once.
const IN_FLIGHT: usize = 16;

/// How often the checkpoint is looked at.
const POLL: Duration = Duration::from_millis(200);

impl Submission<'_> {
    /// Takes the index from a receipt that is there and proves the file: it was logged before, by whatever journal.
    pub(super) fn take_over_receipts(&mut self) -> Result<(), Failure> {
        let mut records = Vec::new();
        let mut taken = std::collections::HashSet::new();
        for item in &self.items {
            let Some(path) = &item.receipt else { continue };
            if *self.journal.standing(&item.leaf) != Standing::ToSend || taken.contains(&item.leaf)
            {
                continue;
            }
            // What is there was checked to be a receipt of this file from this log.
            let Some(receipt) = std::fs::read(path)
                .ok()
                .and_then(|bytes| Receipt::parse(&bytes).ok())
            else {
                continue;
            };
            taken.insert(item.leaf);
            let leaf = item.leaf;
            records.push(Record {
                leaf,
                event: Event::Intent(crate::audit::unix_now()),
            });
            records.push(Record {
                leaf,
                event: Event::Index(receipt.index().get()),
            });
        }
        Ok(self.journal.append(&records)?)
    }

    /// Writes the receipts that are missing.
    pub(super) async fn fetch_receipts(&mut self) -> Result<(), Failure> {
        let missing: Vec<(LeafHash, LeafIndex, &Path)> = self
            .items
            .iter()
            .filter_map(|item| {
                let path = item.receipt.as_deref().filter(|path| !path.exists())?;
                Some((item.leaf, self.index_of(&item.leaf)?, path))
            })
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        self.wait_published(missing.iter().map(|(_, index, _)| *index).max())
            .await?;
        let this = &*self;
        let progress = self.output.progress("receipts", missing.len() as u64);
        let mut done = Vec::with_capacity(missing.len());
        let mut failure = None;
        let mut fetched =
            futures_util::stream::iter(missing)
                .map(|(leaf, index, path)| async move {
                    (leaf, path, this.fetch(&leaf, index, path).await)
                })
                .buffer_unordered(IN_FLIGHT);
        while let Some((leaf, path, result)) = fetched.next().await {
            match result {
                Ok(()) => done.push(Record {
                    leaf,
                    event: Event::Receipt(path.display().to_string()),
                }),
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
            progress.inc(1);
        }
        drop(fetched);
        progress.finish_and_clear();
        self.journal.append(&done)?;
        failure.map_or(Ok(()), Err)
    }

    async fn fetch(&self, leaf: &LeafHash, index: LeafIndex, path: &Path) -> Result<(), Failure> {
        let receipt = receipt::fetch(&self.reader, index, None).await?;
        receipt::check(&receipt, leaf, Some(&self.origin), self.trust.as_ref())?;
        receipt::write(path, &receipt)
    }

    /// Waits until the entry at `last` is published.
    pub(super) async fn wait_published(&self, last: Option<LeafIndex>) -> Result<(), Failure> {
        let Some(last) = last else { return Ok(()) };
        let deadline = Instant::now() + self.timeout();
        loop {
            let size = self.published_size().await?;
            if size.get() > last.get() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(Failure::could_not_tell(format!(
                    "the entries are logged, the last at index {last}, but after {} s the log has published only {size} entries",
                    self.args.timeout
                ))
                .advice("run the same command again later: it fetches the receipts without logging anything again"));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn published_size(&self) -> Result<TreeSize, Failure> {
        let bytes = self.reader.checkpoint().await?;
        let note = Note::parse(&bytes)
            .map_err(|error| Failure::failed(format!("the checkpoint: {error}")))?;
        let checkpoint = Checkpoint::parse(note.text())
            .map_err(|error| Failure::failed(format!("the checkpoint: {error}")))?;
        Ok(checkpoint.size())
    }
}

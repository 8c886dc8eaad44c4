//! Reads the copies, and stops the witness if one shows that its database is old.

use core::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use counterfoil_tiles::key::KeyRing;

use super::{CopySource, OwnCheckpoint, Uncovered, uncovered};
use crate::OriginHash;
use crate::answer::Unavailable;
use crate::record::Recorded;

/// A copy that shows that the database is older than what the witness has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollback {
    /// Where the copy is.
    pub place: String,
    /// The origin of the log.
    pub origin: String,
    /// How the record falls short of it.
    pub uncovered: Uncovered,
}

impl fmt::Display for Rollback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, origin, .. } = self;
        match self.uncovered {
            Uncovered::NoRecord { signed } => write!(
                f,
                "the copy in {place} shows that size {} of {origin} was signed, and nothing is recorded",
                signed.get()
            ),
            Uncovered::Smaller { recorded, signed } => write!(
                f,
                "the copy in {place} shows that size {} of {origin} was signed, and {} is recorded",
                signed.get(),
                recorded.get()
            ),
            Uncovered::OtherRoot { size } => write!(
                f,
                "the copy in {place} shows that another root of {origin} was signed at size {} than is recorded",
                size.get()
            ),
        }
    }
}

/// The copies of a log's checkpoint that were read, and whether all were that the operator requires.
pub(crate) struct Copies<'a> {
    found: Vec<(&'a str, OwnCheckpoint)>,
    whole: Result<(), Unavailable>,
}

/// The copies that are read before anything is signed, and what they showed.
pub struct Guard {
    sources: Vec<Arc<dyn CopySource>>,
    required: bool,
    rollback: ArcSwapOption<Rollback>,
    unread: AtomicU64,
}

impl Guard {
    /// A guard that reads these places. If they are required, nothing is signed for a log whose copy cannot be read.
    pub fn new(sources: Vec<Arc<dyn CopySource>>, required: bool) -> Self {
        Self {
            sources,
            required,
            rollback: ArcSwapOption::empty(),
            unread: AtomicU64::new(0),
        }
    }

    /// What shows that the database is old, if anything does. Then nothing is signed for any log.
    pub fn rollback(&self) -> Option<Arc<Rollback>> {
        self.rollback.load_full()
    }

    /// Copies, and lists of them, that could not be read or were none, since the start.
    pub fn unread(&self) -> u64 {
        self.unread.load(Ordering::Relaxed)
    }

    /// The places.
    pub fn sources(&self) -> &[Arc<dyn CopySource>] {
        &self.sources
    }

    /// An error if the database is known to be old.
    pub(crate) fn refuse(&self) -> Result<(), Unavailable> {
        match &*self.rollback.load() {
            Some(rollback) => Err(Unavailable::RolledBack(rollback.to_string())),
            None => Ok(()),
        }
    }

    /// Reads a log's copies. The record that they are compared with is read afterwards: a checkpoint is copied after it is
    /// recorded, so a copy that was read first is never newer than the record of a witness whose database is whole.
    pub(crate) async fn read(&self, log: OriginHash, own: &KeyRing) -> Copies<'_> {
        let (mut found, mut whole) = (Vec::new(), Ok(()));
        for source in &self.sources {
            let copy = match source.fetch(log).await {
                Ok(None) => continue,
                Ok(Some(bytes)) => {
                    OwnCheckpoint::verify(&bytes, log, own).map_err(|error| error.to_string())
                }
                Err(error) => Err(error),
            };
            match copy {
                Ok(copy) => found.push((source.place(), copy)),
                Err(error) => whole = whole.and(self.not_read(source.place(), log, &error)),
            }
        }
        Copies { found, whole }
    }

    /// Compares a log's copies with its record, which was read after them.
    pub(crate) fn check(
        &self,
        recorded: Option<&Recorded>,
        copies: Copies<'_>,
    ) -> Result<(), Unavailable> {
        for (place, copy) in &copies.found {
            self.compare(place, recorded, copy)?;
        }
        copies.whole
    }

    fn compare(
        &self,
        place: &str,
        recorded: Option<&Recorded>,
        copy: &OwnCheckpoint,
    ) -> Result<(), Unavailable> {
        let Some(uncovered) = uncovered(recorded, copy) else {
            return Ok(());
        };
        let rollback = Rollback {
            place: place.to_owned(),
            origin: copy.checkpoint().origin().to_string(),
            uncovered,
        };
        tracing::error!(
            origin = %rollback.origin, place,
            "{rollback}: the database is older than what this witness has signed, probably restored from a backup. It signs \
             nothing for any log, for it could sign a second history. Restore the latest database; or stop the service, have \
             `counterfoil witness adopt` take over what the copies show, and start it again"
        );
        self.rollback.store(Some(Arc::new(rollback)));
        self.refuse()
    }

    /// Notes that nobody knows of which logs a place has copies.
    pub(crate) fn not_listed(&self, place: &str, error: &str) {
        self.unread.fetch_add(1, Ordering::Relaxed);
        tracing::error!(
            place,
            error,
            "a place for copies was not read: whether the database was restored from an old backup is not known"
        );
    }

    fn not_read(&self, place: &str, log: OriginHash, error: &str) -> Result<(), Unavailable> {
        self.unread.fetch_add(1, Ordering::Relaxed);
        tracing::error!(
            place, %log, error,
            "the copy of a checkpoint was not read: whether the database was restored from an old backup is not known"
        );
        if self.required {
            return Err(Unavailable::NoCopy(format!("{place}: {error}")));
        }
        Ok(())
    }
}

//! The logs that a witness knows.
//!
//! [`Logs`] never changes; a witness replaces the whole of it when its lists are read again. What is recorded about a log
//! is kept under its origin, so that keys come and go and the history stays.

use std::collections::HashMap;
use std::sync::Arc;

use counterfoil_tiles::checkpoint::{LogKey, Origin, OriginHash};
use counterfoil_tiles::cosignature::MAX_COSIGNED_NAME;
use counterfoil_tiles::key::{KeyError, KeyRing, Vkey};

/// What an operator says about a log beside its keys.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LogOptions {
    /// Most checkpoints a second that are cosigned for the log; none for the service's default.
    pub rate: Option<f64>,
    /// No checkpoint is cosigned for it, and its record stays.
    pub paused: bool,
}

/// Why a log, or a set of them, cannot be witnessed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogsError {
    /// No key signs for it.
    #[error("no key is given for the log {0}")]
    NoKey(Origin),
    /// Two keys cannot be told apart.
    #[error("the keys of the log {origin}: {error}")]
    Keys {
        /// The log.
        origin: Origin,
        /// What is wrong.
        error: KeyError,
    },
    /// The origin is too long to stand in an ML-DSA-44 cosignature.
    #[error(
        "an origin that is to be cosigned has at most {MAX_COSIGNED_NAME} bytes, this one has {found}: {origin:.40}…"
    )]
    OriginTooLong {
        /// The origin.
        origin: Origin,
        /// Its length in bytes.
        found: usize,
    },
    /// One origin is there twice.
    #[error("the log {0} is there twice; give its keys together")]
    Twice(Origin),
}

/// A log: its origin and the keys that sign for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    origin: Origin,
    hash: OriginHash,
    keys: Vec<LogKey>,
    options: LogOptions,
}

impl Log {
    /// A log whose checkpoints any of these keys signs. More than one is for rotation: either suffices.
    pub fn new(
        origin: Origin,
        keys: impl IntoIterator<Item = Vkey>,
        options: LogOptions,
    ) -> Result<Self, LogsError> {
        let found = origin.as_str().len();
        if found > MAX_COSIGNED_NAME {
            return Err(LogsError::OriginTooLong { origin, found });
        }
        let ring = KeyRing::new(keys).map_err(|error| LogsError::Keys {
            origin: origin.clone(),
            error,
        })?;
        if ring.is_empty() {
            return Err(LogsError::NoKey(origin));
        }
        let keys = ring.iter().cloned();
        Ok(Self {
            hash: OriginHash::of(&origin),
            keys: keys
                .map(|key| LogKey::for_origin(origin.clone(), key))
                .collect(),
            origin,
            options,
        })
    }

    /// The origin.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The hash of the origin.
    pub fn hash(&self) -> OriginHash {
        self.hash
    }

    /// The keys that sign for it, at least one.
    pub fn keys(&self) -> &[LogKey] {
        &self.keys
    }

    /// What the operator says about it.
    pub fn options(&self) -> LogOptions {
        self.options
    }
}

/// The logs that a witness knows: one for each origin.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Logs {
    logs: HashMap<OriginHash, Arc<Log>>,
}

impl Logs {
    /// A set of logs. Memory and time linear in their number.
    pub fn new(logs: impl IntoIterator<Item = Log>) -> Result<Self, LogsError> {
        let mut all = HashMap::new();
        for log in logs {
            if let Some(known) = all.insert(log.hash, Arc::new(log)) {
                return Err(LogsError::Twice(known.origin.clone()));
            }
        }
        Ok(Self { logs: all })
    }

    /// The log with that origin.
    pub fn find(&self, origin: &Origin) -> Option<&Arc<Log>> {
        self.get(OriginHash::of(origin))
    }

    /// The log whose origin has that hash.
    pub fn get(&self, hash: OriginHash) -> Option<&Arc<Log>> {
        self.logs.get(&hash)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.logs.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Log>> {
        self.logs.values()
    }
}

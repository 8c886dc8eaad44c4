//! What went wrong below a store's call, in words for an operator.

use std::borrow::Cow;
use std::fmt;

/// What kind of trouble a backend met, for metrics, status pages and tests.
/// It never decides whether a write was done: the error variant around it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TroubleKind {
    /// The disk, quota or inode table is full.
    Full,
    /// The medium is mounted or opened read-only.
    ReadOnly,
    /// The caller may not do this (ownership, mode, credentials).
    Denied,
    /// Another process holds what is needed; waiting did not help.
    Busy,
    /// The request breaks a named limit of the store.
    Limit,
    /// The medium reported an input/output error, or a flush failed.
    Io,
    /// An earlier failure made this store refuse writes until a restart.
    Poisoned,
    /// What is stored is not what this software wrote.
    Damaged,
    /// A fault that a test injected.
    Injected,
}

/// What was being done, what came of it, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The kind, for programs.
    pub kind: TroubleKind,
    /// What was expected and what came, with the system's own words.
    pub what: String,
    /// What the operator can do.
    pub advice: Cow<'static, str>,
}

impl Trouble {
    /// Puts the three parts together.
    pub fn new(
        kind: TroubleKind,
        what: impl Into<String>,
        advice: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            kind,
            what: what.into(),
            advice: advice.into(),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.advice)
    }
}

impl std::error::Error for Trouble {}

/// Why something could not be read. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Something is stored under the name, but it is not what was written. It is never served as true.
    #[error("{name} is damaged: {trouble}")]
    Damaged {
        /// The blob or register.
        name: String,
        /// What was expected and what was found.
        trouble: Trouble,
    },
    /// The store could not answer; another try may succeed.
    #[error("{name} could not be read: {trouble}")]
    Failed {
        /// The blob, register or prefix.
        name: String,
        /// Why, and what to do.
        trouble: Trouble,
    },
}

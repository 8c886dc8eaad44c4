//! Files that list the logs of a witness, in any of three formats, told apart by the first line that is neither empty nor a
//! comment (`#`).
//!
//! | begins with | format | |
//! |---|---|---|
//! | a vkey | [`vkeys`] | one key a line, with options |
//! | `log`, `witness`, `group` or `quorum` | [`policy`] | a tlog-policy, of which the log lines are taken |
//! | `logs/v0` | [`network`] | a list of the witness network |
//!
//! An origin that several lines of one file name is one log with several keys: either suffices, for rotation. Of several
//! files, the first that names an origin decides all about it: so a list that comes from elsewhere cannot give another key
//! to a log that the operator's own file names.
//!
//! ```
//! use counterfoil_witness::lists;
//! let text = b"# our logs\nexample.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k rate=2.5\n";
//! let listed = lists::parse(text)?;
//! assert_eq!(listed[0].origin.as_str(), "example.com/foo");
//! assert_eq!((listed[0].line, listed[0].options.rate), (2, Some(2.5)));
//! # Ok::<(), lists::ListError>(())
//! ```

mod combine;
mod network;
mod policy;
mod read;
#[cfg(test)]
mod tests;
mod vkeys;

use counterfoil_tiles::checkpoint::{CheckpointError, Origin};
use counterfoil_tiles::cosignature::MAX_COSIGNED_NAME;
use counterfoil_tiles::key::{Algorithm, KeyError, Vkey};
use counterfoil_tiles::policy::PolicyFault;

use crate::LogOptions;

pub use combine::{CombineError, Combined, combine};
pub use read::{Listing, ReadError, Stamp, read};

/// The largest file that is read: a million logs with a line of 250 bytes each.
pub const MAX_LIST_BYTES: u64 = 256 << 20;

/// One key of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The line that names the key, from 1.
    pub line: usize,
    /// The log.
    pub origin: Origin,
    /// The key, which can sign checkpoints.
    pub vkey: Vkey,
    /// What the line, or those under it, say about the log.
    pub options: LogOptions,
}

/// Why a file is no list of logs: which line, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct ListError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The bytes are not UTF-8.
    #[error("expected UTF-8")]
    NotUtf8,
    /// A control character other than a tab.
    #[error("a control character, 0x{:02x}, is not allowed; lines end in a newline alone", u32::from(*.0))]
    Control(char),
    /// Something else than the format has in that place.
    #[error("expected {expected}, got {got:?}")]
    Expected {
        /// What the format has there.
        expected: &'static str,
        /// What came, or its start.
        got: String,
    },
    /// A key that is none, or that is refused.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// A key that makes no log signatures.
    #[error("a key of type {0} signs no checkpoints of a log; expected the log's own key")]
    Role(Algorithm),
    /// An origin that is none.
    #[error("{0}")]
    Origin(#[from] CheckpointError),
    /// An origin that cannot be cosigned.
    #[error(
        "an origin that is to be cosigned has at most {MAX_COSIGNED_NAME} bytes, this one has {0}"
    )]
    OriginTooLong(usize),
    /// An option twice.
    #[error("{0} is there twice")]
    Twice(&'static str),
    /// Options that contradict those of another line for the same log.
    #[error("{option} of the log {} is another than on line {other}", origin.as_str())]
    Contradiction {
        /// The option.
        option: &'static str,
        /// The log.
        origin: Origin,
        /// The other line.
        other: usize,
    },
    /// It is no tlog-policy.
    #[error("{0}")]
    Policy(#[from] PolicyFault),
}

/// The formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One key a line. An empty file is one too.
    Vkeys,
    /// A tlog-policy.
    Policy,
    /// A list of the witness network.
    Network,
}

impl Format {
    /// The format that the first line shows.
    pub fn of(text: &str) -> Self {
        let first = lines(text).next().map_or("", |(_, line)| line);
        match first.split([' ', '\t']).next() {
            Some("log" | "witness" | "group" | "quorum") => Self::Policy,
            Some(word) if word.starts_with("logs/") => Self::Network,
            _ => Self::Vkeys,
        }
    }
}

/// Reads a list in the format that its first line shows. An empty file lists no logs.
pub fn parse(text: &[u8]) -> Result<Vec<Listed>, ListError> {
    let whole = str::from_utf8(text).map_err(|error| {
        let before = text.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n').count();
        ListError {
            line,
            fault: Fault::NotUtf8,
        }
    })?;
    let listed = match Format::of(whole) {
        Format::Vkeys => vkeys::parse(whole)?,
        Format::Policy => policy::parse(whole)?,
        Format::Network => network::parse(whole)?,
    };
    for one in &listed {
        one.check().map_err(|fault| ListError {
            line: one.line,
            fault,
        })?;
    }
    Ok(listed)
}

impl Listed {
    fn check(&self) -> Result<(), Fault> {
        let length = self.origin.as_str().len();
        if length > MAX_COSIGNED_NAME {
            return Err(Fault::OriginTooLong(length));
        }
        match self.vkey.algorithm() {
            Algorithm::Ed25519 | Algorithm::MlDsa44 => Ok(()),
            other @ Algorithm::CosignatureV1 => Err(Fault::Role(other)),
        }
    }
}

/// The lines that are neither empty nor comments, without space around them, each with its number.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = (1..).zip(text.split('\n'));
    numbered
        .map(|(number, line)| (number, line.trim_matches([' ', '\t'])))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// Refuses control characters: a CR at the end of a line would become part of an origin.
fn plain(line: &str) -> Result<(), Fault> {
    match line.chars().find(|c| c.is_control() && *c != '\t') {
        Some(control) => Err(Fault::Control(control)),
        None => Ok(()),
    }
}

fn expected(expected: &'static str, got: &str) -> Fault {
    const SHOWN: usize = 80;
    let got = got.chars().take(SHOWN).collect();
    Fault::Expected { expected, got }
}

/// A rate: a number above 0, written in decimal.
fn number(text: &str) -> Option<f64> {
    let digits = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let value: f64 = text.parse().ok().filter(|_| digits)?;
    (value.is_finite() && value > 0.0).then_some(value)
}

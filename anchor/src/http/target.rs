//! What a path names.

use counterfoil_store::BlobName;
use counterfoil_tiles::checkpoint::OriginHash;
use counterfoil_tiles::hash::TreeSize;

use crate::names::{self, CheckpointHash, Place, RecordName, parse_size};

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Page,
    Status,
    Metrics,
    Health,
    Readiness,
    List(List),
    /// A checkpoint or a record, by the path at which it is stored.
    Blob(BlobName),
    /// The token of a record.
    Token(Place, RecordName),
}

/// A list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum List {
    Logs,
    Sizes(OriginHash),
    Checkpoints(OriginHash, TreeSize),
    Records(Place),
    Forks(OriginHash),
}

impl Target {
    /// Reads a path. A slash at the end of a list's is as none.
    pub(super) fn parse(path: &str) -> Option<Self> {
        match path {
            "/" => return Some(Self::Page),
            "/status" => return Some(Self::Status),
            "/metrics" => return Some(Self::Metrics),
            "/healthz" => return Some(Self::Health),
            "/readyz" => return Some(Self::Readiness),
            _ => {}
        }
        let path = path.strip_prefix('/')?;
        let parts: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
        let hash = |text: &str| text.parse::<CheckpointHash>().ok();
        Some(match parts.as_slice() {
            ["logs"] => Self::List(List::Logs),
            [log, "anchors"] => Self::List(List::Sizes(log.parse().ok()?)),
            [log, "anchors", size] => {
                Self::List(List::Checkpoints(log.parse().ok()?, parse_size(size)?))
            }
            [log, "anchors", size, checkpoint] => Self::List(List::Records(Place {
                origin: log.parse().ok()?,
                size: parse_size(size)?,
                checkpoint: hash(checkpoint)?,
            })),
            [log, "forks"] => Self::List(List::Forks(log.parse().ok()?)),
            [log, "forks", refused, "anchored" | "refused"] => {
                let _: (OriginHash, CheckpointHash) = (log.parse().ok()?, hash(refused)?);
                Self::Blob(path.parse().ok()?)
            }
            [_, "anchors", _, _, _] => {
                if let Some(record) = path.strip_suffix(".tst") {
                    let (place, names::Named::Record(name)) = names::parse(record).ok()? else {
                        return None;
                    };
                    if !name.is_token() {
                        return None;
                    }
                    Self::Token(place, name)
                } else {
                    names::parse(path).ok()?;
                    Self::Blob(path.parse().ok()?)
                }
            }
            _ => return None,
        })
    }

    /// Whether records are read from the disk for it, and judged.
    pub(super) fn reads_records(&self) -> bool {
        matches!(self, Self::Page | Self::Blob(_) | Self::Token(..))
    }

    /// Whether it is what operators and their programs look at.
    pub(super) fn is_for_operators(&self) -> bool {
        matches!(
            self,
            Self::Status | Self::Metrics | Self::Health | Self::Readiness
        )
    }

    /// In a word, for metrics.
    pub(super) fn route(&self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Status => "status",
            Self::Metrics => "metrics",
            Self::Health | Self::Readiness => "probe",
            Self::List(_) => "list",
            Self::Blob(_) => "record",
            Self::Token(..) => "token",
        }
    }
}

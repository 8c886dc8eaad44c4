//! What an audit finds wrong.

use std::fmt;

use counterfoil_tiles::hash::NodeHash;
use serde::{Deserialize, Serialize};

/// Something that is wrong with one file of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Finding {
    /// The path below the log's prefix.
    pub(crate) resource: String,
    /// What kind of fault it is.
    pub(crate) kind: Kind,
    /// What was expected and what was found.
    pub(crate) what: String,
}

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// The log says that it has no such file.
    Missing,
    /// The bytes are not a tile or bundle of the size that the tree needs.
    Malformed,
    /// Entries do not hash to the leaf hashes of their tile.
    WrongEntry,
    /// A tile of leaf hashes is not that of the entries.
    WrongTile,
    /// A tile's hashes are not the roots over the tiles below.
    WrongParent,
    /// It could not be read, which says nothing about what it is.
    Unreadable,
}

impl Kind {
    /// Whether this shows that the log is damaged; the other findings leave it open.
    pub(crate) fn is_damage(self) -> bool {
        self != Self::Unreadable
    }
}

/// A fault before it is put in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not there.
    Missing,
    /// Not readable.
    Unreadable(String),
    /// Not a tile or bundle.
    Malformed(String),
    /// An entry that does not hash to its leaf hash.
    Entry {
        /// The index of the first such entry.
        index: u64,
        /// Its leaf hash.
        computed: NodeHash,
        /// The tile.
        tile: String,
        /// The leaf hash in the tile.
        found: NodeHash,
        /// How many such entries there are in the bundle.
        differing: usize,
    },
    /// As `Entry`, where something above says which side is right.
    Vouched {
        /// The `Entry`.
        entry: Box<Fault>,
        /// Which side.
        right: Side,
        /// What says so.
        by: &'static str,
    },
    /// A hash that is not the root over the tile below.
    Children {
        /// Its place in the tile.
        place: usize,
        /// The tile below.
        child: String,
        /// The root over the tile below.
        computed: NodeHash,
        /// The hash in the tile.
        found: NodeHash,
        /// How many such hashes there are in the tile.
        differing: usize,
    },
}

/// The two files that say what leaf hashes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The bundle of entries.
    Entries,
    /// The tile of level 0.
    Tile,
}

impl Fault {
    /// Something above agrees with one side: the other is damaged.
    pub(crate) fn vouched(self, right: Side, by: &'static str) -> Self {
        Self::Vouched {
            entry: Box::new(self),
            right,
            by,
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Missing => Kind::Missing,
            Self::Unreadable(_) => Kind::Unreadable,
            Self::Malformed(_) => Kind::Malformed,
            Self::Entry { .. }
            | Self::Vouched {
                right: Side::Tile, ..
            } => Kind::WrongEntry,
            Self::Vouched {
                right: Side::Entries,
                ..
            } => Kind::WrongTile,
            Self::Children { .. } => Kind::WrongParent,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => {
                f.write_str("the log has no such file, and a tree of this size needs it")
            }
            Self::Unreadable(reason) => write!(f, "cannot be read: {reason}"),
            Self::Malformed(reason) => f.write_str(reason),
            Self::Entry {
                index,
                computed,
                tile,
                found,
                differing,
            } => {
                write!(
                    f,
                    "entry {index} hashes to {computed}, but {tile} has {found} for it"
                )?;
                more(f, *differing, "entries")
            }
            Self::Vouched { entry, right, by } => {
                let (right, wrong) = match right {
                    Side::Tile => ("tile", "entries were"),
                    Side::Entries => ("entries", "tile was"),
                };
                write!(
                    f,
                    "{entry}; {by} agrees with the {right}, so the {wrong} changed"
                )
            }
            Self::Children {
                place,
                child,
                computed,
                found,
                differing,
            } => {
                write!(
                    f,
                    "hash {place} is {found}, but {child} hashes to {computed}"
                )?;
                more(f, *differing, "hashes")
            }
        }
    }
}

fn more(f: &mut fmt::Formatter<'_>, differing: usize, what: &str) -> fmt::Result {
    if differing > 1 {
        write!(f, " ({differing} {what} differ)")
    } else {
        Ok(())
    }
}

impl Finding {
    /// A fault of a file.
    pub(crate) fn new(resource: String, fault: &Fault) -> Self {
        let (kind, what) = (fault.kind(), fault.to_string());
        Self {
            resource,
            kind,
            what,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.resource, self.what)
    }
}

//! What an audit remembers: the checkpoint verified last, and how far an interrupted one came.
//!
//! One JSON file, replaced as a whole. It is the auditor's own memory and is trusted as such: whoever can write it can
//! make an audit forget.
//!
//! ```json
//! {
//!   "state": "counterfoil/audit@v1",
//!   "verified": {"note": "example.com/log\n…", "at": 1795000000, "tree": {"units": 3, "open": [["…", "…", "…"]]}},
//!   "unfinished": {"origin": "example.com/log", "tree": {"units": 40, "open": [["…"]]}, "from_unit": 0, "findings": [], …}
//! }
//! ```
//!
//! `units` and `open` are a [`Tree`] at a multiple of 65,536 entries, hashes in base64, from level 2 up.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use counterfoil_tiles::checkpoint::{Checkpoint, Origin};
use counterfoil_tiles::hash::NodeHash;
use counterfoil_tiles::note::Note;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::finding::Finding;
use super::resource::Counts;
use super::tree::Tree;

const FORMAT: &str = "counterfoil/audit@v1";

/// The largest state that is read: 1,000 findings and a note fit many times.
const MAX_STATE_BYTES: u64 = 16 << 20;

/// Why a state cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    /// The system refused.
    #[error("the state {}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The file is not a state.
    #[error("{} is not the state of an audit: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What was expected.
        reason: String,
    },
    /// It belongs to another log.
    #[error("the state {} is of the log {found}, not of {expected}", path.display())]
    OtherLog {
        /// The file.
        path: PathBuf,
        /// The origin of the state.
        found: String,
        /// The origin of the log that is audited.
        expected: Origin,
    },
}

/// The memory of audits of one log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    #[serde(rename = "state")]
    format: String,
    /// The checkpoint that was verified last.
    pub(crate) verified: Option<Verified>,
    /// An audit that was interrupted.
    pub(crate) unfinished: Option<Unfinished>,
}

/// A checkpoint of which everything was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verified {
    /// The signed note, byte for byte.
    pub(crate) note: String,
    /// When, in Unix seconds.
    pub(crate) at: u64,
    /// The tree over its full units.
    pub(crate) tree: SavedTree,
}

/// An audit that was interrupted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unfinished {
    /// The log.
    pub(crate) origin: String,
    /// The tree over the units that were checked.
    pub(crate) tree: SavedTree,
    /// Where it started: units before this were verified by an earlier audit.
    pub(crate) from_unit: u64,
    /// What was wrong up to there.
    pub(crate) findings: Vec<Finding>,
    /// What else was wrong.
    pub(crate) more_findings: u64,
    /// What was read.
    pub(crate) counts: Counts,
    /// Whether the entries of the checkpoint verified last had its root, if that was reached and could be told.
    pub(crate) consistent: Option<bool>,
}

/// A [`Tree`] in text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedTree {
    units: u64,
    open: Vec<Vec<String>>,
}

impl SavedTree {
    /// The text of a tree; `None` if something in it is not known.
    pub(crate) fn new(tree: &Tree) -> Option<Self> {
        let text = |level: Vec<NodeHash>| level.iter().map(NodeHash::to_string).collect();
        Some(Self {
            units: tree.units(),
            open: tree.open()?.into_iter().map(text).collect(),
        })
    }

    fn tree(&self) -> Result<Tree, String> {
        let hash = |text: &String| text.parse::<NodeHash>().map_err(|error| error.to_string());
        let level = |level: &Vec<String>| level.iter().map(hash).collect::<Result<Vec<_>, _>>();
        let open = self.open.iter().map(level).collect::<Result<Vec<_>, _>>()?;
        Tree::resume(self.units, open)
            .ok_or_else(|| format!("the open tiles are not those of {} units", self.units))
    }
}

/// A checkpoint that was verified, and the tree to go on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remembered {
    /// The signed note.
    pub(crate) note: Note,
    /// What it says.
    pub(crate) checkpoint: Checkpoint,
    /// When it was verified, in Unix seconds.
    pub(crate) at: u64,
    /// The tree over its full units.
    pub(crate) tree: Tree,
}

impl Default for State {
    fn default() -> Self {
        Self {
            format: FORMAT.to_owned(),
            verified: None,
            unfinished: None,
        }
    }
}

impl State {
    /// Reads the state of audits of the log with this origin; an absent file is an empty state.
    pub(crate) fn load(path: &Path, origin: &Origin) -> Result<Self, StateError> {
        let io = |error| StateError::Io {
            path: path.to_owned(),
            error,
        };
        let malformed = |reason: String| StateError::Malformed {
            path: path.to_owned(),
            reason,
        };
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(io(error)),
            Ok(metadata) if metadata.len() > MAX_STATE_BYTES => {
                return Err(malformed(format!(
                    "it has more than {MAX_STATE_BYTES} bytes"
                )));
            }
            Ok(_) => {}
        }
        let bytes = fs::read(path).map_err(io)?;
        let state: Self =
            serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
        if state.format != FORMAT {
            return Err(malformed(format!(
                "expected the format {FORMAT}, found {}",
                state.format
            )));
        }
        let verified = state.remembered().map_err(&malformed)?;
        let verified = verified.map(|before| before.checkpoint.origin().to_string());
        let unfinished = state.unfinished.as_ref().map(|one| one.origin.clone());
        let mut origins = verified.into_iter().chain(unfinished);
        if let Some(found) = origins.find(|found| found != origin.as_str()) {
            return Err(StateError::OtherLog {
                path: path.to_owned(),
                found,
                expected: origin.clone(),
            });
        }
        state.unfinished_tree().map_err(malformed)?;
        Ok(state)
    }

    /// Replaces the file.
    pub(crate) fn save(&self, path: &Path) -> Result<(), StateError> {
        let mut bytes = serde_json::to_vec(self).map_err(|error| StateError::Malformed {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        bytes.push(b'\n');
        counterfoil_files::replace(path, &bytes).map_err(|error| StateError::Io {
            path: path.to_owned(),
            error,
        })
    }

    /// The checkpoint that was verified last.
    pub(crate) fn remembered(&self) -> Result<Option<Remembered>, String> {
        let Some(verified) = &self.verified else {
            return Ok(None);
        };
        let note = Note::parse(verified.note.as_bytes()).map_err(|error| error.to_string())?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(|error| error.to_string())?;
        let tree = verified.tree.tree()?;
        let rest = checkpoint.size().get().checked_sub(tree.entries());
        if rest.is_none_or(|rest| rest >= super::unit::UNIT_ENTRIES) {
            return Err(format!(
                "{} units are not those of a tree of {}",
                tree.units(),
                checkpoint.size()
            ));
        }
        Ok(Some(Remembered {
            note,
            checkpoint,
            at: verified.at,
            tree,
        }))
    }

    /// The tree up to where an interrupted audit came.
    pub(crate) fn unfinished_tree(&self) -> Result<Option<Tree>, String> {
        self.unfinished
            .as_ref()
            .map(|unfinished| unfinished.tree.tree())
            .transpose()
    }
}

/// Where the state of a log is kept unless the user says where: below `COUNTERFOIL_STATE_DIR`, else below the state
/// directory of the XDG base directory specification. By origin and keys, so that a log that was made anew is another.
pub(crate) fn default_path<'a>(
    origin: &Origin,
    vkeys: impl IntoIterator<Item = &'a str>,
) -> Option<PathBuf> {
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let directory = variable("COUNTERFOIL_STATE_DIR")
        .or_else(|| Some(variable("XDG_STATE_HOME")?.join("counterfoil")))
        .or_else(|| Some(variable("HOME")?.join(".local/state/counterfoil")))?;
    let mut hash = Sha256::new().chain_update(origin.as_str());
    let mut vkeys: Vec<&str> = vkeys.into_iter().collect();
    vkeys.sort_unstable();
    for vkey in vkeys {
        hash = hash.chain_update(b"\n").chain_update(vkey);
    }
    let digest = hash.finalize();
    Some(directory.join(format!("audit-{}.json", hex::encode(&digest[..8]))))
}

//! Checkpoints (C2SP tlog-checkpoint): what a log says its tree is.
//!
//! ```text
//! example.com/behind-the-sofa                        origin
//! 20852163                                           size
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=       root hash
//! ```
//!
//! Three types, one for each thing that is known about a checkpoint:
//! - [`Checkpoint`]: the three lines (and extension lines), parsed from a text; anybody can have written them.
//! - [`SignedCheckpoint`]: a note on which a key of the log with that origin has a good signature.
//!   [`SignedCheckpoint::verify`] is the only way to make one.
//! - [`WitnessedCheckpoint`]: a signed checkpoint with the cosignatures that a policy's quorum demands.
//!   [`crate::policy::Policy::witnessed`] is the only way to make one.
//!
//! ```
//! use counterfoil_tiles::checkpoint::Checkpoint;
//! let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
//! let checkpoint = Checkpoint::parse(text)?;
//! assert_eq!(checkpoint.origin().as_str(), "example.com/behind-the-sofa");
//! assert_eq!(checkpoint.size().get(), 20_852_163);
//! assert_eq!(checkpoint.to_string(), text);
//! # Ok::<(), counterfoil_tiles::checkpoint::CheckpointError>(())
//! ```

mod origin_hash;
mod publish;
mod signed;

use core::fmt;
use core::str::FromStr;

use crate::hash::{NodeHash, TreeSize};
use crate::key::{KeyError, KeyName};
use crate::note::NoteError;
use crate::text::{decode_hash, encode_base64, excerpt, parse_decimal, take_line};

pub use origin_hash::{NoOriginHash, OriginHash};
pub(crate) use publish::is_newer;
pub use publish::{MAX_PUBLISHED_SIGNATURES, PublishError, assemble, keeps_signatures, merge};
pub use signed::{LogKey, SignedCheckpoint, WitnessedCheckpoint};

/// Why a text is not a checkpoint, or why a note is not a checkpoint signed by its log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The origin is empty or holds a control character.
    #[error("an origin is a non-empty line without control characters")]
    Origin,
    /// The text has fewer than three lines, or a line without its newline.
    #[error("expected at least three lines, each ended by a newline: origin, size, root hash")]
    Lines,
    /// The second line is not a size.
    #[error("expected the size in decimal without leading zeros, at most 2^64-1, found {found:?}")]
    Size {
        /// The line, or its start.
        found: String,
    },
    /// The third line is not a root hash.
    #[error("expected the root hash, 32 bytes in canonical base64, found {found:?}")]
    Root {
        /// The line, or its start.
        found: String,
    },
    /// An extension line is empty or holds a control character.
    #[error("extension lines are not empty and hold no control characters")]
    Extension,
    /// No log of that origin is known.
    #[error("no log with the origin {:?} is known", excerpt(origin.as_str()))]
    UnknownOrigin {
        /// The origin in the checkpoint.
        origin: Origin,
    },
    /// The log's keys cannot be told apart.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The note does not parse or does not verify.
    #[error(transparent)]
    Note(#[from] NoteError),
}

/// The identity of a log: the first line of its checkpoints. Any non-empty line; no format may be assumed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

impl Origin {
    /// Checks an origin.
    pub fn new(origin: impl Into<String>) -> Result<Self, CheckpointError> {
        let origin = origin.into();
        // SPEC(tlog-checkpoint): "The origin MUST be non-empty, and it SHOULD be a schema-less URL containing
        // neither Unicode spaces nor plus (U+002B), such as `example.com/log42`. This is only a recommendation to
        // avoid collisions, and clients MUST NOT assume that the origin is following this format or that the URL
        // corresponds to a reachable endpoint."
        if is_line(&origin) {
            Ok(Self(origin))
        } else {
            Err(CheckpointError::Origin)
        }
    }

    /// The origin as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        Self::new(text)
    }
}

impl From<KeyName> for Origin {
    /// Each key name is an origin: a log's key name should be its origin.
    fn from(name: KeyName) -> Self {
        Self(name.as_str().to_owned())
    }
}

/// The claim that the log with an origin has a tree of a size and root. Nothing about it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: Origin,
    size: TreeSize,
    root: NodeHash,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// A checkpoint without extension lines.
    pub fn new(origin: Origin, size: TreeSize, root: NodeHash) -> Self {
        Self {
            origin,
            size,
            root,
            extensions: Vec::new(),
        }
    }

    /// The same checkpoint with extension lines. They are not covered by ML-DSA-44 cosignatures, and monitors
    /// cannot audit them.
    pub fn with_extensions(mut self, extensions: Vec<String>) -> Result<Self, CheckpointError> {
        // SPEC(tlog-checkpoint): "Extension lines, if any, MUST be non-empty."
        if !extensions.iter().all(|line| is_line(line)) {
            return Err(CheckpointError::Extension);
        }
        self.extensions = extensions;
        Ok(self)
    }

    /// Parses the text of a note.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        // SPEC(tlog-checkpoint): "The note text is a sequence of at least three non-empty lines, separated by
        // newlines (U+000A)."
        let (origin, rest) = take_line(text).ok_or(CheckpointError::Lines)?;
        let (size, rest) = take_line(rest).ok_or(CheckpointError::Lines)?;
        let (root, mut rest) = take_line(rest).ok_or(CheckpointError::Lines)?;
        let origin = Origin::new(origin)?;
        // SPEC(tlog-checkpoint): "The second line is the **tree size**, the ASCII decimal representation of the
        // number of leaves in the tree, with no leading zeroes (unless the tree is empty, in which case the tree
        // size is `0`)."
        let size = parse_decimal(size).ok_or_else(|| CheckpointError::Size {
            found: excerpt(size),
        })?;
        // SPEC(tlog-checkpoint): "The third line is the **root hash**, the base64 encoding of the root of the [RFC
        // 6962] Merkle hash tree at the specified tree size."
        let root = decode_hash(root).ok_or_else(|| CheckpointError::Root {
            found: excerpt(root),
        })?;
        let mut extensions = Vec::new();
        while !rest.is_empty() {
            let (line, after) = take_line(rest).ok_or(CheckpointError::Lines)?;
            extensions.push(line.to_owned());
            rest = after;
        }
        Self::new(origin, TreeSize::new(size), NodeHash::from_bytes(root))
            .with_extensions(extensions)
    }

    /// The log's identity.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Number of leaves.
    pub fn size(&self) -> TreeSize {
        self.size
    }

    /// Root hash of the tree.
    pub fn root(&self) -> &NodeHash {
        &self.root
    }

    /// The lines after the root hash, usually none.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }
}

impl fmt::Display for Checkpoint {
    /// The note text: each line with its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = encode_base64(self.root.as_bytes());
        write!(f, "{}\n{}\n{root}\n", self.origin, self.size.get())?;
        self.extensions
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

fn is_line(text: &str) -> bool {
    !text.is_empty() && !text.bytes().any(|byte| byte < b' ')
}

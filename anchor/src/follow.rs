//! Following a log: its checkpoint, under the policy, and consistent with what was anchored before.
//!
//! ```text
//! GET checkpoint ──> log's signature, quorum ──> the same tree as before: done
//!                                            ──> a larger one: GET tiles ──> they lead to its root
//!                                                                        ──> and from the old one
//! ```
//!
//! Only tiles that hash to the signed root say anything. If they do, and the root of their beginning is not the one that was
//! anchored, then the log signed two histories: a fork.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use counterfoil_service::client::{Call, CallError, Client, Sent};
use counterfoil_tiles::checkpoint::{
    Checkpoint, CheckpointError, LogKey, Origin, OriginHash, WitnessedCheckpoint,
};
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::note::{MAX_NOTE_SIZE, Note, NoteError};
use counterfoil_tiles::policy::{Policy, QuorumError, VerifyError};
use counterfoil_tiles::proof::{
    MissingTile, ProofPlan, TileReader, root_from_tiles, verify_consistency,
};
use counterfoil_tiles::tile::{TILE_SIZE, Tile, TileId, tiles_of};
use url::Url;

use crate::public_url::{public_text, public_url};
use crate::state::State;

/// A log that is followed.
#[derive(Clone)]
pub struct Followed {
    origin: Origin,
    base: Url,
    policy: Arc<Policy>,
    client: Client,
    deadline: Duration,
}

/// Without credentials that its URL may hold.
impl fmt::Debug for Followed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Followed")
            .field("origin", &self.origin)
            .field("base", &public_url(&self.base))
            .finish_non_exhaustive()
    }
}

/// Why a log cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// Not the URL prefix of a log.
    #[error("expected the http or https URL prefix of a log, got {0}")]
    Url(String),
    /// A policy that does not say which log it is.
    #[error(
        "expected a policy with the keys of one log, got those of {0}: give each log a policy of its own"
    )]
    Logs(usize),
}

/// Why there is no checkpoint to anchor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookError {
    /// No answer.
    #[error("{path}: {error}")]
    NoAnswer {
        /// What was asked for, below the log's prefix.
        path: String,
        /// Why.
        error: CallError,
    },
    /// An answer that is an error.
    #[error("{path}: the log answers {status}")]
    Status {
        /// What was asked for.
        path: String,
        /// The HTTP status code.
        status: u16,
    },
    /// What is at `checkpoint` is no checkpoint that the log signed.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// What is at `checkpoint` is no signed note.
    #[error("checkpoint: {0}")]
    Note(#[from] NoteError),
    /// The witnesses that the policy demands have not cosigned it.
    #[error("checkpoint: {0}")]
    Quorum(#[from] QuorumError),
    /// The log has a smaller tree than was anchored: an old copy is served, or the log was set back.
    #[error(
        "the log has {found} entries, and {anchored} were anchored: an old copy is served, or the log was set back"
    )]
    Shrank {
        /// The size that was anchored.
        anchored: TreeSize,
        /// The size that the log says.
        found: TreeSize,
    },
    /// A tile is none, or does not belong to the tree.
    #[error("{path}: {why}")]
    Tile {
        /// The tile.
        path: String,
        /// Why.
        why: String,
    },
    /// The log signed two histories.
    #[error(
        "FORK: the tree of {found} entries that the log signed does not begin with that of {anchored} which it signed before; \
         nothing more of it is anchored, and both checkpoints are kept: tell its operator and its witnesses"
    )]
    Fork {
        /// The size that was anchored.
        anchored: TreeSize,
        /// The size that the log says.
        found: TreeSize,
        /// The checkpoint that was fetched.
        refused: Box<Note>,
    },
}

impl LookError {
    /// A word for metrics and status.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NoAnswer { .. } => "no-answer",
            Self::Status { .. } => "status",
            Self::Checkpoint(_) | Self::Note(_) => "not-a-checkpoint",
            Self::Quorum(_) => "no-quorum",
            Self::Shrank { .. } => "shrank",
            Self::Tile { .. } => "tiles",
            Self::Fork { .. } => "fork",
        }
    }

    /// All words, for metrics that begin at 0.
    pub const WORDS: [&'static str; 7] = [
        "no-answer",
        "status",
        "not-a-checkpoint",
        "no-quorum",
        "shrank",
        "tiles",
        "fork",
    ];

    /// Whether another look soon may bring another answer.
    pub fn is_passing(&self) -> bool {
        !matches!(self, Self::Shrank { .. } | Self::Fork { .. })
    }
}

/// The log that a policy names.
pub fn origin_of(policy: &Policy) -> Result<Origin, FollowError> {
    let origins: BTreeSet<&Origin> = policy.log_keys().map(LogKey::origin).collect();
    let mut origins = origins.into_iter();
    match (origins.next(), origins.count()) {
        (Some(origin), 0) => Ok(origin.clone()),
        (first, more) => Err(FollowError::Logs(usize::from(first.is_some()) + more)),
    }
}

impl Followed {
    /// The log under a URL prefix, as a policy knows it; `deadline` is for each request.
    pub fn new(
        url: &str,
        policy: Arc<Policy>,
        client: Client,
        deadline: Duration,
    ) -> Result<Self, FollowError> {
        let wrong = || FollowError::Url(public_text(url));
        let mut base = Url::parse(url).map_err(|_| wrong())?;
        if !matches!(base.scheme(), "http" | "https")
            || base.query().is_some()
            || base.fragment().is_some()
        {
            return Err(wrong());
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Ok(Self {
            origin: origin_of(&policy)?,
            base,
            policy,
            client,
            deadline,
        })
    }

    /// The log's origin.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The log, as its records name it.
    pub fn hash(&self) -> OriginHash {
        OriginHash::of(&self.origin)
    }

    /// The URL prefix, with its final slash.
    pub fn url(&self) -> &Url {
        &self.base
    }

    /// Verifies a signed checkpoint under the policy.
    pub fn verify(&self, note: Note) -> Result<WitnessedCheckpoint, LookError> {
        self.policy.verify(note).map_err(|error| match error {
            VerifyError::Checkpoint(error) => error.into(),
            VerifyError::Quorum(error) => error.into(),
        })
    }

    /// Fetches the checkpoint and verifies it, also against what is anchored.
    pub async fn look(&self, anchored: Option<&State>) -> Result<WitnessedCheckpoint, LookError> {
        let bytes = self.get("checkpoint", MAX_NOTE_SIZE).await?;
        let bytes = bytes.ok_or_else(|| LookError::Status {
            path: "checkpoint".to_owned(),
            status: 404,
        })?;
        let witnessed = self.verify(Note::parse(&bytes)?)?;
        if let Some(anchored) = anchored {
            self.check_consistency(anchored, &witnessed).await?;
        }
        Ok(witnessed)
    }

    async fn check_consistency(
        &self,
        anchored: &State,
        witnessed: &WitnessedCheckpoint,
    ) -> Result<(), LookError> {
        let (old, new) = (anchored.checkpoint(), witnessed.checkpoint());
        let fork = || LookError::Fork {
            anchored: old.size(),
            found: new.size(),
            refused: Box::new(witnessed.note().clone()),
        };
        if new.size() < old.size() {
            return Err(LookError::Shrank {
                anchored: old.size(),
                found: new.size(),
            });
        }
        if new.size() == old.size() {
            return if new.root() == old.root() {
                Ok(())
            } else {
                Err(fork())
            };
        }
        let computed = self.beginning(old.size(), new).await?;
        if computed == *old.root() {
            Ok(())
        } else {
            Err(fork())
        }
    }

    /// The root over the first `size` entries of a larger tree, from tiles that hash to its root.
    async fn beginning(&self, size: TreeSize, of: &Checkpoint) -> Result<NodeHash, LookError> {
        let wrong = |why: String| LookError::Tile {
            path: "tile".to_owned(),
            why: format!("{why}, for a tree of {}", of.size()),
        };
        let plan = ProofPlan::consistency(size, of.size());
        let plan = plan.map_err(|error| wrong(error.to_string()))?;
        let needed = plan.tiles(of.size());
        let needed = needed.map_err(|error| wrong(error.to_string()))?;
        let mut tiles = Tiles::default();
        for id in tiles_of(size).into_iter().chain(needed) {
            // As wide as the larger tree has it.
            let id = TileId::at(id.level(), id.index(), of.size()).unwrap_or(id);
            if let Entry::Vacant(vacant) = tiles.0.entry((id.level(), id.index())) {
                vacant.insert(self.tile(id).await?);
            }
        }
        let root = root_from_tiles(size, &tiles).map_err(|error| wrong(error.to_string()))?;
        let proof = plan.resolve(of.size(), &tiles);
        let proof = proof.map_err(|error| wrong(error.to_string()))?;
        verify_consistency(size, of.size(), &root, of.root(), &proof).map_err(|error| {
            wrong(format!(
                "the tiles are not those of the signed root: {error}"
            ))
        })?;
        Ok(root)
    }

    /// A tile; where the partial one is gone, the full one at its place.
    async fn tile(&self, id: TileId) -> Result<Tile, LookError> {
        let mut path = id.path();
        let mut bytes = self.get(&path, TILE_SIZE).await?;
        // SPEC(tlog-tiles): "Clients ... MAY fetch the full tile in parallel as a fallback in case the partial tile is not
        // available anymore."
        if bytes.is_none() && id.is_partial() {
            path = id.full().path();
            bytes = self.get(&path, TILE_SIZE).await?;
        }
        let wrong = |why: String| LookError::Tile {
            path: path.clone(),
            why,
        };
        let bytes = bytes.ok_or_else(|| {
            wrong("the log has no such tile, and a tree of this size needs it".to_owned())
        })?;
        let tile = Tile::parse(&bytes).map_err(|error| wrong(error.to_string()))?;
        let found = tile.width();
        tile.prefix(id.width())
            .ok_or_else(|| wrong(format!("expected {} hashes, got {found}", id.width())))
    }

    /// A file below the prefix; `None` where the log has none.
    async fn get(&self, path: &str, limit: usize) -> Result<Option<Bytes>, LookError> {
        let url = format!("{}{path}", self.base);
        let call = Call {
            sent: Sent::Get,
            url: &url,
            accept: None,
            deadline: self.deadline,
            limit,
        };
        let path = path.to_owned();
        match self.client.call(call).await {
            Ok(answer) if answer.status == 200 => Ok(Some(answer.body)),
            Ok(answer) if matches!(answer.status, 404 | 410) => Ok(None),
            Ok(answer) => Err(LookError::Status {
                path,
                status: answer.status,
            }),
            Err(error) => Err(LookError::NoAnswer { path, error }),
        }
    }
}

/// Tiles by their place, each as wide as it was found.
#[derive(Debug, Default)]
struct Tiles(HashMap<(u8, u64), Tile>);

impl TileReader for Tiles {
    type Error = MissingTile;

    fn tile(&self, id: TileId) -> Result<Tile, MissingTile> {
        let tile = self.0.get(&(id.level(), id.index()));
        tile.cloned().ok_or(MissingTile(id))
    }
}

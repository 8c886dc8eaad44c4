//! What is to be anchored: the root of a round, and where its checkpoints are.

use counterfoil_tiles::checkpoint::OriginHash;
use counterfoil_tiles::hash::{NodeHash, TreeSize};

/// One signed checkpoint of a round, by its name and its hash: its bytes are in the anchor's records before it is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// The log.
    pub origin: OriginHash,
    /// The size of the tree.
    pub size: TreeSize,
    /// SHA-256 of the signed checkpoint.
    pub checkpoint: [u8; 32],
    /// The leaf hash (RFC 6962) of the signed checkpoint: the paths of the others need it, also where its bytes are lost meanwhile.
    pub leaf: NodeHash,
}

/// A round that may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The root of the tree over its checkpoints: what the transaction carries.
    pub root: NodeHash,
    /// Its checkpoints, in the order of the tree.
    pub members: Vec<Member>,
}

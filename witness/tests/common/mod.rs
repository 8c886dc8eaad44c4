//! Logs to witness: trees with their proofs, by RFC 6962's own recursion and not by the code under test, and keys.

#![allow(dead_code, reason = "each test uses a part")]

pub(crate) mod race;

use counterfoil_tiles::checkpoint::{Checkpoint, Origin};
use counterfoil_tiles::cosignature::sign_as_log;
use counterfoil_tiles::hash::{NodeHash, TreeSize, empty_root, hash_leaf, hash_node};
use counterfoil_tiles::key::{Algorithm, KeyName, Seed, SigningKey};
use counterfoil_tiles::note::{Note, SignatureLine};
use counterfoil_tiles::proof::Subtree;
use counterfoil_tiles::witness_wire::{AddCheckpointRequest, SignSubtreeRequest};
use counterfoil_witness::{Log, LogOptions, Signers};

pub(crate) fn key(name: &str, algorithm: Algorithm, seed: u8) -> SigningKey {
    let name = KeyName::new(name).unwrap();
    SigningKey::from_seed(name, algorithm, &Seed::new([seed; 32])).unwrap()
}

/// A witness's keys: Ed25519 and ML-DSA-44.
pub(crate) fn signers() -> Signers {
    Signers::new([
        key("witness.example/w1", Algorithm::CosignatureV1, 101),
        key("witness.example/w1", Algorithm::MlDsa44, 102),
    ])
    .unwrap()
}

/// Leaf hashes of a history: the entries are those of `branch` from index `from` on, and those of branch 0 before.
#[derive(Clone)]
pub(crate) struct Tree {
    leaves: Vec<NodeHash>,
}

impl Tree {
    pub(crate) fn new(size: u64) -> Self {
        Self::forked(size, size, 0)
    }

    pub(crate) fn forked(size: u64, from: u64, branch: u8) -> Self {
        let leaf = |index: u64| {
            let branch = if index < from { 0 } else { branch };
            NodeHash::from(hash_leaf(format!("{branch} {index}").as_bytes()))
        };
        Self {
            leaves: (0..size).map(leaf).collect(),
        }
    }

    fn leaves(&self, start: u64, end: u64) -> &[NodeHash] {
        &self.leaves[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()]
    }

    /// `MTH(D[start:end])`.
    pub(crate) fn hash(&self, start: u64, end: u64) -> NodeHash {
        mth(self.leaves(start, end))
    }

    pub(crate) fn root(&self, size: u64) -> NodeHash {
        self.hash(0, size)
    }

    /// `PROOF(old, D[size])`.
    pub(crate) fn consistency(&self, old: u64, size: u64) -> Vec<NodeHash> {
        if old == 0 {
            return Vec::new();
        }
        self.subtree_consistency(0, old, size)
    }

    /// `SUBTREE_PROOF(start, end, D[size])`.
    pub(crate) fn subtree_consistency(&self, start: u64, end: u64, size: u64) -> Vec<NodeHash> {
        let at = |index| usize::try_from(index).unwrap();
        subproof(at(start), at(end), self.leaves(0, size), true)
    }
}

fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

fn mth(leaves: &[NodeHash]) -> NodeHash {
    match leaves {
        [] => empty_root(),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            hash_node(&mth(left), &mth(right))
        }
    }
}

fn subproof(start: usize, end: usize, leaves: &[NodeHash], known: bool) -> Vec<NodeHash> {
    let n = leaves.len();
    if start == 0 && end == n {
        return if known { Vec::new() } else { vec![mth(leaves)] };
    }
    let k = split(n);
    let (left, right) = leaves.split_at(k);
    let (mut proof, other) = if end <= k {
        (subproof(start, end, left, known), mth(right))
    } else if k <= start {
        (subproof(start - k, end - k, right, known), mth(left))
    } else {
        (subproof(0, end - k, right, false), mth(left))
    };
    proof.push(other);
    proof
}

/// A log that signs whatever it is asked to.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) keys: Vec<SigningKey>,
    pub(crate) origin: Origin,
}

impl Signer {
    pub(crate) fn new(origin: &str) -> Self {
        Self::with_keys(origin, &[(Algorithm::Ed25519, 1)])
    }

    pub(crate) fn with_keys(origin: &str, keys: &[(Algorithm, u8)]) -> Self {
        Self {
            keys: keys
                .iter()
                .map(|(algorithm, seed)| key(origin, *algorithm, *seed))
                .collect(),
            origin: Origin::new(origin).unwrap(),
        }
    }

    /// As a witness knows it.
    pub(crate) fn log(&self) -> Log {
        self.log_with(LogOptions::default())
    }

    pub(crate) fn log_with(&self, options: LogOptions) -> Log {
        let vkeys = self.keys.iter().map(|key| key.vkey().clone());
        Log::new(self.origin.clone(), vkeys, options).unwrap()
    }

    pub(crate) fn checkpoint(&self, size: u64, root: NodeHash) -> Checkpoint {
        Checkpoint::new(self.origin.clone(), TreeSize::new(size), root)
    }

    pub(crate) fn sign(&self, size: u64, root: NodeHash) -> Note {
        self.sign_checkpoint(&self.checkpoint(size, root))
    }

    pub(crate) fn sign_checkpoint(&self, checkpoint: &Checkpoint) -> Note {
        let lines = self.keys.iter();
        let lines: Vec<SignatureLine> = lines
            .map(|key| sign_as_log(key, checkpoint).unwrap())
            .collect();
        Note::new(&checkpoint.to_string(), lines).unwrap()
    }

    /// The request that takes a witness from one size of a tree to another.
    pub(crate) fn update(&self, tree: &Tree, old: u64, size: u64) -> AddCheckpointRequest {
        let proof = tree.consistency(old, size);
        request(old, proof, self.sign(size, tree.root(size)))
    }
}

pub(crate) fn request(old: u64, proof: Vec<NodeHash>, note: Note) -> AddCheckpointRequest {
    AddCheckpointRequest::new(TreeSize::new(old), proof, note).unwrap()
}

pub(crate) fn subtree_request(
    (start, end): (u64, u64),
    hash: NodeHash,
    proof: Vec<NodeHash>,
    note: Note,
) -> SignSubtreeRequest {
    SignSubtreeRequest::new(Subtree::new(start, end).unwrap(), hash, proof, note).unwrap()
}

/// A note with a bit of its first signature flipped.
pub(crate) fn with_bad_signature(note: &Note) -> Note {
    let mut lines = note.signatures().to_vec();
    let mut signature = lines[0].signature().to_vec();
    signature[5] ^= 1;
    lines[0] = SignatureLine::new(lines[0].name().clone(), lines[0].key_id(), signature).unwrap();
    Note::new(note.text(), lines).unwrap()
}

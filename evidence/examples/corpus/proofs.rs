//! Proofs of inclusion and of consistency, of trees and of subtrees, and cosignatures of subtrees: right ones, and each changed in each way.

use std::error::Error;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterfoil_tiles::checkpoint::Origin;
use counterfoil_tiles::cosignature::{Timestamp, cosign_subtree, verify_subtree};
use counterfoil_tiles::hash::{LeafHash, LeafIndex, NodeHash, TreeSize, empty_root};
use counterfoil_tiles::key::Algorithm;
use counterfoil_tiles::proof::{
    ProofError, ProofPlan, Subtree, verify_consistency, verify_inclusion,
    verify_subtree_consistency, verify_subtree_inclusion,
};
use serde_json::json;

use crate::edits::Random;
use crate::fixture::{ORIGIN, STAMPED, key};
use crate::tiles::{SIZE, Tree};
use crate::write::Corpus;

/// A proof, right or wrong. Of what it is about, each kind looks at its own.
#[derive(Clone)]
struct Proof {
    kind: Kind,
    index: u64,
    start: u64,
    end: u64,
    size: u64,
    /// The leaf hash, the older root, or the hash of the subtree.
    known: NodeHash,
    root: NodeHash,
    hashes: Vec<NodeHash>,
}

#[derive(Clone, Copy)]
enum Kind {
    /// That the entry `index` is in the tree of `size`.
    Inclusion,
    /// That the tree of `size` begins with that of `end`.
    Consistency,
    /// That the entry `index` is in the subtree from `start` to `end`, whose hash is the root.
    SubtreeInclusion,
    /// That the tree of `size` has the subtree from `start` to `end`.
    SubtreeConsistency,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Inclusion => "inclusion",
            Self::Consistency => "consistency",
            Self::SubtreeInclusion => "subtree inclusion",
            Self::SubtreeConsistency => "subtree consistency",
        }
    }
}

impl Proof {
    fn verify(&self) -> Result<(), ProofError> {
        let leaf = LeafHash::from_bytes(*self.known.as_bytes());
        let index = LeafIndex::new(self.index);
        let size = TreeSize::new(self.size);
        match self.kind {
            Kind::Inclusion => verify_inclusion(index, size, &leaf, &self.hashes, &self.root),
            Kind::Consistency => {
                let old = TreeSize::new(self.end);
                verify_consistency(old, size, &self.known, &self.root, &self.hashes)
            }
            Kind::SubtreeInclusion => {
                let subtree = Subtree::new(self.start, self.end)?;
                verify_subtree_inclusion(index, subtree, &leaf, &self.hashes, &self.root)
            }
            Kind::SubtreeConsistency => {
                let subtree = Subtree::new(self.start, self.end)?;
                verify_subtree_consistency(subtree, size, &self.known, &self.root, &self.hashes)
            }
        }
    }

    /// The proof with one thing of it changed.
    fn changes(&self, random: &mut Random) -> Vec<(&'static str, Self)> {
        let mut changes: Vec<(&'static str, Self)> = Vec::new();
        let mut change = |name: &'static str, edit: &mut dyn FnMut(&mut Self)| {
            let mut other = self.clone();
            edit(&mut other);
            changes.push((name, other));
        };
        change("the known hash flipped", &mut |it| {
            it.known = flipped(it.known, random);
        });
        change("the root flipped", &mut |it| {
            it.root = flipped(it.root, random);
        });
        change("the known hash for the root", &mut |it| it.root = it.known);
        change("both hashes of the empty tree", &mut |it| {
            (it.known, it.root) = (empty_root(), empty_root());
        });
        change("no hash", &mut |it| it.hashes.clear());
        change("without the last", &mut |it| {
            it.hashes.pop();
        });
        change("without the first", &mut |it| {
            it.hashes = it.hashes.split_off(1.min(it.hashes.len()));
        });
        change("one hash too many", &mut |it| it.hashes.push(it.root));
        change("one hash before", &mut |it| it.hashes.insert(0, it.known));
        change("reversed", &mut |it| it.hashes.reverse());
        change("64 hashes more", &mut |it| it.hashes.extend([it.root; 64]));
        if !self.hashes.is_empty() {
            let at = random.below(self.hashes.len());
            change("a hash flipped", &mut |it| {
                it.hashes[at] = flipped(it.hashes[at], random);
            });
        }
        for (name, to) in [
            ("less", u64::wrapping_sub as fn(u64, u64) -> u64),
            ("more", u64::wrapping_add),
        ] {
            // A number that is too small wraps, to the largest there is.
            let _ = name;
            change("another index", &mut |it| it.index = to(it.index, 1));
            change("another start", &mut |it| it.start = to(it.start, 1));
            change("another end", &mut |it| it.end = to(it.end, 1));
            change("another size", &mut |it| it.size = to(it.size, 1));
        }
        for far in [0, 1 << 32, u64::MAX] {
            change("an index far off", &mut |it| it.index = far);
            change("a start far off", &mut |it| it.start = far);
            change("an end far off", &mut |it| it.end = far);
            change("a size far off", &mut |it| it.size = far);
        }
        changes
    }
}

fn flipped(hash: NodeHash, random: &mut Random) -> NodeHash {
    let mut bytes = *hash.as_bytes();
    bytes[random.below(32)] ^= 1 << random.below(8);
    NodeHash::from_bytes(bytes)
}

/// All cases.
pub(crate) fn write(
    tree: &Tree,
    random: &mut Random,
    corpus: &mut Corpus,
) -> Result<(), Box<dyn Error>> {
    for proof in proofs(tree, random)? {
        let name = format!(
            "{}: {} [{}, {}) {}",
            proof.kind.word(),
            proof.index,
            proof.start,
            proof.end,
            proof.size
        );
        corpus.add_proof(&name, &proof)?;
        for (change, changed) in proof.changes(random) {
            corpus.add_proof(&format!("{name}: {change}"), &changed)?;
        }
    }
    cosignatures(tree, random, corpus)
}

/// Right proofs of each kind, of small trees all that matter, of larger ones some.
fn proofs(tree: &Tree, random: &mut Random) -> Result<Vec<Proof>, ProofError> {
    let mut proofs = Vec::new();
    let mut sizes: Vec<u64> = (0..=9).collect();
    sizes.extend([255, 256, 257, 65_537, SIZE]);
    for size in sizes {
        let mut places = vec![0, 1, 2, 5, size.saturating_sub(1), size];
        places.push(random.below(usize::try_from(size).unwrap_or_default() + 1) as u64);
        places.retain(|place| *place <= size);
        places.sort_unstable();
        places.dedup();
        for place in places {
            proofs.push(consistency(
                tree,
                Kind::Consistency,
                Subtree::new(0, place)?,
                size,
            )?);
            if place < size {
                proofs.push(inclusion(
                    tree,
                    Kind::Inclusion,
                    place,
                    Subtree::new(0, size)?,
                )?);
            }
            // The subtrees that begin there, or at the next place where one of their size may.
            for width in [1, 2, 3, 4, 7, 256_u64] {
                let start = place.next_multiple_of(width.next_power_of_two());
                if start + width <= size {
                    let subtree = Subtree::new(start, start + width)?;
                    proofs.push(consistency(tree, Kind::SubtreeConsistency, subtree, size)?);
                    let index = start + random.below(7) as u64 % width;
                    proofs.push(inclusion(tree, Kind::SubtreeInclusion, index, subtree)?);
                }
            }
        }
    }
    Ok(proofs)
}

fn inclusion(tree: &Tree, kind: Kind, index: u64, subtree: Subtree) -> Result<Proof, ProofError> {
    let plan = ProofPlan::subtree_inclusion(LeafIndex::new(index), subtree)?;
    Ok(Proof {
        kind,
        index,
        start: subtree.start(),
        end: subtree.end(),
        size: subtree.end(),
        known: tree.leaf(index),
        root: tree.hash(subtree),
        hashes: tree.proof(&plan, subtree.end()),
    })
}

fn consistency(tree: &Tree, kind: Kind, subtree: Subtree, size: u64) -> Result<Proof, ProofError> {
    let plan = ProofPlan::subtree_consistency(subtree, TreeSize::new(size))?;
    Ok(Proof {
        kind,
        index: 0,
        start: subtree.start(),
        end: subtree.end(),
        size,
        known: tree.hash(subtree),
        root: tree.root(size),
        hashes: tree.proof(&plan, size),
    })
}

impl Corpus {
    fn add_proof(&mut self, name: &str, proof: &Proof) -> Result<(), Box<dyn Error>> {
        let text = |number: u64| number.to_string();
        let case = json!({"proof": {
            "of": proof.kind.word(),
            "index": text(proof.index), "start": text(proof.start), "end": text(proof.end), "size": text(proof.size),
            "known": proof.known.to_string(), "root": proof.root.to_string(),
            "hashes": proof.hashes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }});
        let error = proof.verify().err().map(|error| error.to_string());
        self.put("proof", name, &[], case, json!({"error": error}))
    }
}

/// A subtree, and what a cosigner says of it.
#[derive(Clone)]
struct Cosigned {
    origin: String,
    start: u64,
    end: u64,
    hash: NodeHash,
    signature: Vec<u8>,
}

fn cosignatures(
    tree: &Tree,
    random: &mut Random,
    corpus: &mut Corpus,
) -> Result<(), Box<dyn Error>> {
    let cosigner = key("witness.example/m", Algorithm::MlDsa44, 9);
    let vkey = cosigner.vkey().to_string();
    let mut add = |name: &str, vkey: &str, it: &Cosigned| -> Result<(), Box<dyn Error>> {
        let case = json!({
            "vkey": vkey, "origin": it.origin, "start": it.start.to_string(), "end": it.end.to_string(),
            "hash": it.hash.to_string(), "signature": STANDARD.encode(&it.signature),
        });
        let time = verify_subtree(
            &vkey.parse()?,
            &Origin::new(it.origin.as_str())?,
            Subtree::new(it.start, it.end)?,
            &it.hash,
            &it.signature,
        );
        let expect = match time {
            Ok(time) => json!({"error": null, "time": time.seconds().to_string()}),
            Err(_) => json!({"error": true}),
        };
        corpus.put("subtree", name, &[], case, expect)
    };
    let ed25519 = key("witness.example/e", Algorithm::CosignatureV1, 9);
    for (start, end, time) in [
        (0, 1, STAMPED),
        (0, 257, STAMPED),
        (0, 7, 0),
        (8, 11, 0),
        (256, 512, 0),
    ] {
        let subtree = Subtree::new(start, end)?;
        let hash = tree.hash(subtree);
        let origin = Origin::new(ORIGIN)?;
        let line = cosign_subtree(&cosigner, &origin, subtree, &hash, Timestamp::new(time)?)?;
        let right = Cosigned {
            origin: ORIGIN.to_owned(),
            start,
            end,
            hash,
            signature: line.signature().to_vec(),
        };
        let name = format!("[{start}, {end}) at {time}");
        add(&name, &vkey, &right)?;
        add(
            &format!("{name}: a key of another kind"),
            &ed25519.vkey().to_string(),
            &right,
        )?;
        for (change, changed) in changed_cosignatures(&right, random) {
            add(&format!("{name}: {change}"), &vkey, &changed)?;
        }
    }
    Ok(())
}

fn changed_cosignatures(right: &Cosigned, random: &mut Random) -> Vec<(&'static str, Cosigned)> {
    let mut changes: Vec<(&'static str, Cosigned)> = Vec::new();
    let mut change = |name: &'static str, edit: &mut dyn FnMut(&mut Cosigned)| {
        let mut other = right.clone();
        edit(&mut other);
        changes.push((name, other));
    };
    change("another origin", &mut |it| it.origin.push('x'));
    change("a long origin", &mut |it| it.origin = "x".repeat(256));
    change("one entry less", &mut |it| it.end -= 1);
    change("another place", &mut |it| {
        (it.start, it.end) = (it.start + 1024, it.end + 1024);
    });
    change("another hash", &mut |it| it.hash = flipped(it.hash, random));
    change("no signature", &mut |it| it.signature.clear());
    change("only a time", &mut |it| it.signature.truncate(8));
    change("one byte less", &mut |it| {
        it.signature.pop();
    });
    change("one byte more", &mut |it| it.signature.push(0));
    change("another time", &mut |it| it.signature[7] ^= 1);
    change("the largest time", &mut |it| it.signature[..8].fill(0xff));
    for _ in 0..8 {
        let at = 8 + random.below(right.signature.len() - 8);
        change("a bit flipped", &mut |it| it.signature[at] ^= 0x10);
    }
    changes
}

//! What a proof shows of its trie, written again: the nodes that a trie of just that has.
//!
//! The verifier goes one way down. Here all that its nodes name is taken in, however it is spelled, and spelled as a trie is built.

use std::collections::BTreeMap;

use counterfoil_ethereum::keccak256;
use counterfoil_ethereum::rlp::{Item, encode_bytes, encode_list};

/// A node of so many bytes or more is named by its hash.
const HASH_SIZE: usize = 32;

/// What is at the end of some nibbles.
#[derive(Clone)]
enum End {
    Value(Vec<u8>),
    /// More, which the proof does not have.
    Hash(Vec<u8>),
}

/// All that the nodes of a proof name.
pub struct Shown {
    key: Vec<u8>,
    ends: BTreeMap<Vec<u8>, End>,
}

/// Nibbles, each in a byte.
fn nibbles(bytes: &[u8]) -> Vec<u8> {
    let pairs = bytes.iter().map(|byte| [byte >> 4, byte & 0xf]);
    pairs.flatten().collect()
}

/// What a proof of a key shows, if its nodes can be read and each is named by the one before.
pub fn shown(key: &[u8], proof: &[Vec<u8>]) -> Option<Shown> {
    let mut shown = Shown {
        key: nibbles(key),
        ends: BTreeMap::new(),
    };
    let (top, mut rest) = proof.split_first()?;
    shown.take_node(&Item::parse(top).ok()?, Vec::new(), &mut rest)?;
    rest.is_empty().then_some(shown)
}

impl Shown {
    fn take_node(&mut self, node: &Item<'_>, mut at: Vec<u8>, rest: &mut &[Vec<u8>]) -> Option<()> {
        match &node.items(17).ok()?[..] {
            [path, end] => {
                let path = nibbles(path.bytes().ok()?);
                let flags = *path.first()?;
                at.extend_from_slice(path.get(if flags & 1 == 1 { 1 } else { 2 }..)?);
                if flags & 2 == 0 {
                    return self.take_child(end, at, rest);
                }
                self.ends.insert(at, End::Value(end.bytes().ok()?.to_vec()));
            }
            [children @ .., value] if children.len() == 16 => {
                for (child, nibble) in children.iter().zip(0..) {
                    self.take_child(child, [&at[..], &[nibble]].concat(), rest)?;
                }
                match value.bytes().ok()? {
                    [] => {}
                    value => drop(self.ends.insert(at, End::Value(value.to_vec()))),
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn take_child(&mut self, child: &Item<'_>, at: Vec<u8>, rest: &mut &[Vec<u8>]) -> Option<()> {
        if child.is_list() {
            return self.take_node(child, at, rest);
        }
        let hash = child.bytes().ok()?;
        if hash.is_empty() {
            return Some(());
        }
        if let Some((next, after)) = rest.split_first()
            && self.key.starts_with(&at)
            && keccak256(next)[..] == *hash
        {
            *rest = after;
            return self.take_node(&Item::parse(next).ok()?, at, rest);
        }
        self.ends.insert(at, End::Hash(hash.to_vec()));
        (hash.len() == HASH_SIZE).then_some(())
    }

    /// The value under the key.
    pub fn value(&self) -> Option<&[u8]> {
        match self.ends.get(&self.key)? {
            End::Value(value) => Some(value),
            End::Hash(_) => None,
        }
    }

    /// All keys with their values, if the proof has all of its trie.
    pub fn all(&self) -> Option<BTreeMap<Vec<u8>, Vec<u8>>> {
        let all = self.ends.iter().map(|(key, end)| match end {
            End::Value(value) if key.len() % 2 == 0 => {
                let bytes = key.chunks(2).map(|pair| pair[0] << 4 | pair[1]);
                Some((bytes.collect(), value.clone()))
            }
            _ => None,
        });
        all.collect()
    }

    /// The proof of the key in the trie that has all of this, if there is one.
    pub fn proof(&self) -> Option<Vec<Vec<u8>>> {
        let ends: Vec<(&[u8], &End)> = self.ends.iter().map(|(key, end)| (&key[..], end)).collect();
        let mut way = Vec::new();
        let top = self.node(&ends, 0, &mut way)?;
        way.push(top);
        way.reverse();
        Some(way)
    }

    /// The node for these ends, of which the first nibbles have led there; nodes on the way to the key are put down, the lowest first.
    fn node(&self, ends: &[(&[u8], &End)], at: usize, way: &mut Vec<Vec<u8>>) -> Option<Vec<u8>> {
        let ((first, end), (last, _)) = (ends.first()?, ends.last()?);
        if ends.len() == 1 {
            return match end {
                End::Value(value) if !value.is_empty() => {
                    Some(pair(&first[at..], 2, encode_bytes(value)))
                }
                End::Hash(hash) if first.len() > at => {
                    Some(pair(&first[at..], 0, encode_bytes(hash)))
                }
                _ => None,
            };
        }
        let shared = first.iter().zip(*last).take_while(|(a, b)| a == b).count();
        if shared == first.len() {
            return None;
        }
        if shared > at {
            let child = self.child(ends, shared, way)?;
            return Some(pair(&first[at..shared], 0, child));
        }
        let mut children = Vec::new();
        for nibble in 0..16 {
            let below = ends.iter().filter(|(key, _)| key[at] == nibble);
            let below: Vec<_> = below.copied().collect();
            children.push(self.child(&below, at + 1, way)?);
        }
        children.push(encode_bytes(&[]));
        Some(encode_list(&children))
    }

    /// What names the node for these ends.
    fn child(&self, ends: &[(&[u8], &End)], at: usize, way: &mut Vec<Vec<u8>>) -> Option<Vec<u8>> {
        match ends {
            [] => return Some(encode_bytes(&[])),
            [(key, End::Hash(hash))] if key.len() == at => return Some(encode_bytes(hash)),
            _ => {}
        }
        let node = self.node(ends, at, way)?;
        if node.len() < HASH_SIZE {
            return Some(node);
        }
        let hash = keccak256(&node);
        let (first, _) = ends.first()?;
        if self.key.get(..at) == first.get(..at) {
            way.push(node);
        }
        Some(encode_bytes(&hash))
    }
}

/// A leaf or an extension: hex-prefix (Yellow Paper, appendix C), with the flag that tells them apart.
fn pair(path: &[u8], flag: u8, end: Vec<u8>) -> Vec<u8> {
    let mut spelled = vec![flag];
    if path.len() % 2 == 1 {
        spelled[0] |= 1;
    } else {
        spelled.push(0);
    }
    spelled.extend_from_slice(path);
    let bytes: Vec<u8> = spelled
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect();
    encode_list(&[encode_bytes(&bytes), end])
}

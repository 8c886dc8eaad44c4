//! A trie from all of its values, and proofs from it.

use std::collections::BTreeMap;

use super::path::{End, encode, nibbles};
use super::{MAX_INLINE, index_key};
use crate::keccak::{TrieRoot, keccak256};
use crate::rlp::{encode_bytes, encode_list};

/// There is no such trie.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A value of no bytes means that there is none.
    #[error("the value under the key 0x{} is empty", hex::encode(.0))]
    EmptyValue(Vec<u8>),
    /// A branch would have a value.
    #[error("the key 0x{} begins another", hex::encode(.0))]
    KeyBeginsAnother(Vec<u8>),
}

/// A trie, all of it.
#[derive(Debug, Clone)]
pub struct Trie {
    /// None, if it has no values.
    top: Option<Node>,
}

/// A node with its encoding.
#[derive(Debug, Clone)]
struct Node {
    encoded: Vec<u8>,
    below: Below,
}

/// What is below a node.
#[derive(Debug, Clone)]
enum Below {
    Value { path: Vec<u8> },
    Extension { path: Vec<u8>, child: Box<Node> },
    Branch(Vec<Option<Node>>),
}

/// What is left of a key below a node, and its value.
type Entry<'a> = (&'a [u8], &'a [u8]);

impl Trie {
    /// The trie of a block's transactions or receipts, in order.
    pub fn of_block<V: AsRef<[u8]>>(values: &[V]) -> Result<Self, BuildError> {
        let keys = (0..).map(index_key);
        let values = values.iter().map(|value| value.as_ref().to_vec());
        Self::new(&keys.zip(values).collect())
    }

    /// The trie with these values, by keys of which none begins another.
    pub fn new(values: &BTreeMap<Vec<u8>, Vec<u8>>) -> Result<Self, BuildError> {
        // In order, a key comes right before those that it begins.
        for ((key, value), next) in values
            .iter()
            .zip(values.keys().skip(1).map(Some).chain([None]))
        {
            if value.is_empty() {
                return Err(BuildError::EmptyValue(key.clone()));
            }
            if next.is_some_and(|next| next.starts_with(key)) {
                return Err(BuildError::KeyBeginsAnother(key.clone()));
            }
        }
        let keys: Vec<Vec<u8>> = values.keys().map(|key| nibbles(key)).collect();
        let entries = keys
            .iter()
            .map(Vec::as_slice)
            .zip(values.values().map(Vec::as_slice));
        let entries: Vec<Entry<'_>> = entries.collect();
        let top = (!entries.is_empty()).then(|| Node::over(&entries));
        Ok(Self { top })
    }

    /// The root.
    pub fn root(&self) -> TrieRoot {
        let empty = encode_bytes(&[]);
        let encoded = self.top.as_ref().map_or(&empty, |top| &top.encoded);
        TrieRoot::from_bytes(keccak256(encoded))
    }

    /// The proof that the trie has a value under the key; none, if it has none.
    pub fn proof(&self, key: &[u8]) -> Option<Vec<Vec<u8>>> {
        let key = nibbles(key);
        let mut rest = &key[..];
        let mut node = self.top.as_ref()?;
        let mut proof = vec![node.encoded.clone()];
        loop {
            node = match &node.below {
                Below::Value { path } => return (path == rest).then_some(proof),
                Below::Extension { path, child } => {
                    rest = rest.strip_prefix(&path[..])?;
                    child
                }
                Below::Branch(children) => {
                    let (nibble, after) = rest.split_first()?;
                    rest = after;
                    children.get(usize::from(*nibble))?.as_ref()?
                }
            };
            if !node.is_inline() {
                proof.push(node.encoded.clone());
            }
        }
    }
}

impl Node {
    /// The node over entries: at least one, in order, none of whose keys begins another.
    fn over(entries: &[Entry<'_>]) -> Self {
        if let [(path, value)] = entries {
            let items = [encode_bytes(&encode(path, End::Value)), encode_bytes(value)];
            let path = path.to_vec();
            return Self {
                encoded: encode_list(&items),
                below: Below::Value { path },
            };
        }
        let shared = shared(entries);
        if shared.is_empty() {
            return Self::branch(entries);
        }
        let child = Self::branch(&without(entries, shared.len()));
        let path = encode_bytes(&encode(shared, End::Child));
        Self {
            encoded: encode_list(&[path, child.reference()]),
            below: Below::Extension {
                path: shared.to_vec(),
                child: Box::new(child),
            },
        }
    }

    fn branch(entries: &[Entry<'_>]) -> Self {
        let children = (0..16).map(|nibble| {
            let below = entries
                .iter()
                .filter(|(key, _)| key.first() == Some(&nibble));
            let below: Vec<Entry<'_>> = below.copied().collect();
            (!below.is_empty()).then(|| Self::over(&without(&below, 1)))
        });
        let children: Vec<Option<Self>> = children.collect();
        let nothing = || encode_bytes(&[]);
        let references = children
            .iter()
            .map(|child| child.as_ref().map_or_else(nothing, Self::reference));
        let items: Vec<Vec<u8>> = references.chain([nothing()]).collect();
        Self {
            encoded: encode_list(&items),
            below: Below::Branch(children),
        }
    }

    fn is_inline(&self) -> bool {
        self.encoded.len() <= MAX_INLINE
    }

    /// How its parent names it.
    fn reference(&self) -> Vec<u8> {
        if self.is_inline() {
            self.encoded.clone()
        } else {
            encode_bytes(&keccak256(&self.encoded))
        }
    }
}

/// The nibbles with which all keys begin: those that the first and the last share.
fn shared<'a>(entries: &[Entry<'a>]) -> &'a [u8] {
    let (Some((first, _)), Some((last, _))) = (entries.first(), entries.last()) else {
        return &[];
    };
    let same = first
        .iter()
        .zip(*last)
        .take_while(|(one, other)| one == other);
    first.get(..same.count()).unwrap_or_default()
}

/// The entries without the first nibbles of their keys.
fn without<'a>(entries: &[Entry<'a>], count: usize) -> Vec<Entry<'a>> {
    let shorter = |(key, value): &Entry<'a>| (key.get(count..).unwrap_or_default(), *value);
    entries.iter().map(shorter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_trie_has_the_known_root() {
        // Yellow Paper: the root of a block without transactions.
        let root = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421";
        let trie = Trie::of_block::<Vec<u8>>(&[]).unwrap();
        assert_eq!(trie.root().to_string(), root);
        assert_eq!(trie.proof(&index_key(0)), None);
    }

    #[test]
    fn what_is_no_trie_of_a_block_is_refused() {
        let of = |entries: &[(&[u8], &[u8])]| {
            let entries = entries
                .iter()
                .map(|(key, value)| (key.to_vec(), value.to_vec()));
            Trie::new(&entries.collect()).map(|trie| trie.root())
        };
        assert_eq!(
            of(&[(b"a", b"1"), (b"b", b"")]),
            Err(BuildError::EmptyValue(b"b".to_vec()))
        );
        for keys in [[&b"a"[..], b"ab"], [b"", b"a"]] {
            let error = BuildError::KeyBeginsAnother(keys[0].to_vec());
            assert_eq!(of(&[(keys[0], b"1"), (keys[1], b"2")]), Err(error));
        }
        assert!(of(&[(b"ab", b"1"), (b"b", b"2"), (b"c", b"3")]).is_ok());
    }
}

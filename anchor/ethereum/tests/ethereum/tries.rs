//! Tries of random keys: the root is what another implementation says, and each proof holds for its key and value alone.

use std::collections::BTreeMap;
use std::hash::DefaultHasher;

use counterfoil_ethereum::trie::{ProofError, Trie, index_key, verify};
use counterfoil_ethereum::{TrieRoot, keccak256};
use proptest::prelude::*;

/// The hash function for the other implementation.
struct Keccak;

impl hash_db::Hasher for Keccak {
    type Out = [u8; 32];
    type StdHasher = DefaultHasher;
    const LENGTH: usize = 32;

    fn hash(data: &[u8]) -> [u8; 32] {
        keccak256(data)
    }
}

fn root_by_other(values: &BTreeMap<Vec<u8>, Vec<u8>>) -> TrieRoot {
    TrieRoot::from_bytes(triehash::trie_root::<Keccak, _, _, _>(values.clone()))
}

/// Values by keys of one length, of few nibbles, so that they share beginnings; short values, so that nodes stand within others.
fn values() -> impl Strategy<Value = BTreeMap<Vec<u8>, Vec<u8>>> {
    (1_usize..5, 1_u8..=255, 1_usize..60).prop_flat_map(|(length, mask, longest)| {
        let key = prop::collection::vec(any::<u8>().prop_map(move |byte| byte & mask), length);
        let value = prop::collection::vec(any::<u8>(), 1..=longest);
        prop::collection::btree_map(key, value, 1..40)
    })
}

proptest! {
    #[test]
    fn roots_agree_and_proofs_hold(values in values(), other in prop::collection::vec(any::<u8>(), 0..5)) {
        let trie = Trie::new(&values).unwrap();
        let root = trie.root();
        prop_assert_eq!(root, root_by_other(&values));
        for (key, value) in &values {
            let proof = trie.proof(key).unwrap();
            prop_assert_eq!(verify(&root, key, value, &proof), Ok(()));
            // Of the same trie, for another key or with another value, or for what is no key.
            for (key, value) in values.iter().filter(|one| *one != (key, value)) {
                prop_assert!(verify(&root, key, value, &proof).is_err() || trie.proof(key) == Some(proof.clone()));
            }
            prop_assert!(verify(&root, key, &[&value[..], &[0]].concat(), &proof).is_err());
            let lengthened = [&key[..], &[0]].concat();
            prop_assert!(verify(&root, &lengthened, value, &proof).is_err());
            prop_assert!(verify(&root, &key[1..], value, &proof).is_err());
        }
        if !values.contains_key(&other) {
            prop_assert_eq!(trie.proof(&other), None);
            for (key, value) in &values {
                prop_assert!(verify(&root, &other, value, &trie.proof(key).unwrap()).is_err());
            }
        }
    }

    #[test]
    fn proofs_are_what_they_are(values in values(), node: prop::sample::Index, place: prop::sample::Index, bit in 0_u32..8) {
        let trie = Trie::new(&values).unwrap();
        for (key, value) in &values {
            let proof = trie.proof(key).unwrap();
            let refused = |proof: &[Vec<u8>]| verify(&trie.root(), key, value, proof).is_err();
            let node = node.index(proof.len());
            let mut changed = proof.clone();
            let place = place.index(proof[node].len());
            changed[node][place] ^= 1 << bit;
            prop_assert!(refused(&changed));
            let mut without = proof.clone();
            without.remove(node);
            prop_assert!(refused(&without));
            let mut twice = proof.clone();
            twice.insert(node, proof[node].clone());
            prop_assert!(refused(&twice));
            let mut more = proof.clone();
            more.push(proof[node].clone());
            prop_assert!(refused(&more));
            let mut shorter = proof.clone();
            shorter[node].pop();
            prop_assert!(refused(&shorter));
        }
    }

    #[test]
    fn arbitrary_nodes_are_no_proof(proof in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..4), key: Vec<u8>) {
        // As if the first node were the root, so that it is read.
        let root = TrieRoot::from_bytes(keccak256(proof.first().map_or(&[], Vec::as_slice)));
        let value = [0xa5; 33];
        prop_assert!(verify(&root, &key, &value, &proof).is_err());
    }
}

#[test]
fn tries_of_blocks_of_every_size() {
    for size in [0_u64, 1, 2, 15, 16, 17, 127, 128, 129, 255, 256, 257, 300] {
        let values: Vec<Vec<u8>> = (0..size)
            .map(|number| keccak256(&number.to_be_bytes()).repeat(2))
            .collect();
        let trie = Trie::of_block(&values).unwrap();
        let keyed = (0..).map(index_key).zip(values.clone()).collect();
        assert_eq!(trie.root(), root_by_other(&keyed), "{size}");
        for (index, value) in (0..).zip(&values) {
            let proof = trie.proof(&index_key(index)).unwrap();
            assert_eq!(
                verify(&trie.root(), &index_key(index), value, &proof),
                Ok(())
            );
        }
    }
}

/// Nodes that hash and parse, but that no trie of a block has.
mod malformed {
    use counterfoil_ethereum::rlp::{encode_bytes, encode_list};
    use counterfoil_ethereum::trie::NodeError;

    use super::*;

    fn root_of(node: &[u8]) -> TrieRoot {
        TrieRoot::from_bytes(keccak256(node))
    }

    fn leaf(path: &[u8], value: &[u8]) -> Vec<u8> {
        encode_list(&[encode_bytes(path), encode_bytes(value)])
    }

    /// A branch with these children, by their encodings.
    fn branch(children: &[(usize, Vec<u8>)]) -> Vec<u8> {
        let mut items = vec![encode_bytes(&[]); 17];
        for (place, child) in children {
            items[*place].clone_from(child);
        }
        encode_list(&items)
    }

    fn hash(node: &[u8]) -> Vec<u8> {
        encode_bytes(&keccak256(node))
    }

    fn refusal(proof: &[Vec<u8>], key: &[u8], value: &[u8]) -> ProofError {
        verify(&root_of(&proof[0]), key, value, proof).unwrap_err()
    }

    /// The value under the key 0x00 in all of these.
    const VALUE: [u8; 40] = [9; 40];

    #[test]
    fn well_formed_ones_hold() {
        let below = leaf(&[0x30], &VALUE);
        let top = branch(&[(0, hash(&below)), (1, hash(b"another"))]);
        let proof = [top.clone(), below];
        assert_eq!(verify(&root_of(&top), &[0], &VALUE, &proof), Ok(()));
    }

    #[test]
    fn a_branch_branches() {
        let below = leaf(&[0x30], &VALUE);
        let top = branch(&[(0, hash(&below))]);
        let found = refusal(&[top, below], &[0], &VALUE);
        assert_eq!(
            found,
            ProofError::Node {
                place: 0,
                error: NodeError::Narrow(1)
            }
        );
    }

    #[test]
    fn an_extension_leads_to_a_branch_by_some_nibbles() {
        let below = leaf(&[0x30], &VALUE);
        let top = encode_list(&[encode_bytes(&[0x10]), hash(&below)]);
        let found = refusal(&[top, below.clone()], &[0], &VALUE);
        assert_eq!(found, ProofError::AfterExtension { place: 1 });

        let inline = encode_list(&[encode_bytes(&[0x10]), leaf(&[0x30], b"short")]);
        let found = refusal(&[inline], &[0], b"short");
        assert_eq!(
            found,
            ProofError::Node {
                place: 0,
                error: NodeError::Extension
            }
        );

        let top = encode_list(&[encode_bytes(&[0x00]), hash(&branch(&[]))]);
        let found = refusal(&[top, below], &[0], &VALUE);
        assert_eq!(
            found,
            ProofError::Node {
                place: 0,
                error: NodeError::Extension
            }
        );
    }

    #[test]
    fn short_nodes_are_inline_and_long_ones_are_not() {
        let short = leaf(&[0x30], b"short");
        let top = branch(&[(0, hash(&short)), (1, hash(b"another"))]);
        let size = short.len();
        let found = refusal(&[top, short.clone()], &[0], b"short");
        assert_eq!(found, ProofError::NotInline { place: 1, size });

        let top = branch(&[(0, short), (1, hash(b"another"))]);
        assert_eq!(
            verify(&root_of(&top), &[0], b"short", std::slice::from_ref(&top)),
            Ok(())
        );

        for (length, refused) in [(27, false), (28, false), (29, true), (30, true)] {
            let inner = leaf(&[0x30], &vec![9; length]);
            let top = branch(&[(0, inner.clone()), (1, hash(b"another"))]);
            let judged = verify(
                &root_of(&top),
                &[0],
                &vec![9; length],
                std::slice::from_ref(&top),
            );
            assert_eq!(inner.len() > 31, refused, "{length}");
            let too_long = NodeError::InlineTooLong(inner.len());
            let expected = Err(ProofError::Node {
                place: 0,
                error: too_long,
            });
            assert_eq!(judged, if refused { expected } else { Ok(()) });
        }
    }

    #[test]
    fn what_is_beside_the_way_is_read_too() {
        let below = leaf(&[0x30], &VALUE);
        for (sibling, error) in [
            (encode_bytes(&[7; 31]), NodeError::Child(31)),
            (encode_bytes(&[7; 33]), NodeError::Child(33)),
            (leaf(&[0x3f], b""), NodeError::NoValue),
            (encode_list(&[[1], [2], [3]]), NodeError::Items(3)),
        ] {
            let top = branch(&[(0, hash(&below)), (1, sibling)]);
            let found = refusal(&[top, below.clone()], &[0], &VALUE);
            assert_eq!(found, ProofError::Node { place: 0, error });
        }
    }
}

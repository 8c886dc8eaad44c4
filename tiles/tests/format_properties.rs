//! Properties of the signed formats: what is written reads back the same, what is read writes back the same bytes, and the
//! quorum and the merging of notes agree with their definitions.

mod formats;

use std::collections::BTreeMap;

use counterfoil_tiles::checkpoint::{Checkpoint, Origin, keeps_signatures, merge};
use counterfoil_tiles::cosignature::{Timestamp, cosign_subtree, verify_subtree};
use counterfoil_tiles::hash::{LeafIndex, NodeHash, TreeSize};
use counterfoil_tiles::key::{Algorithm, KeyId, KeyName, PrivateKey, Seed, Vkey};
use counterfoil_tiles::note::{Note, SignatureLine, parse_signature_lines};
use counterfoil_tiles::policy::Policy;
use counterfoil_tiles::proof::Subtree;
use counterfoil_tiles::receipt::Receipt;
use counterfoil_tiles::witness_wire::{
    AddCheckpointRequest, SignSubtreeRequest, encode_cosignatures, encode_size, parse_cosignatures,
    parse_size,
};
use formats::{checkpoint, cosigned, log_key, note, ring_of, signed, witness};
use proptest::collection::vec;
use proptest::prelude::*;
use signature::Signer as _;

fn algorithms() -> impl Strategy<Value = Algorithm> {
    prop_oneof![
        Just(Algorithm::Ed25519),
        Just(Algorithm::CosignatureV1),
        Just(Algorithm::MlDsa44)
    ]
}

fn names() -> impl Strategy<Value = KeyName> {
    "[^\\s+\u{0}-\u{1f}]{1,40}".prop_map(|name| KeyName::new(name).unwrap())
}

fn lines() -> impl Strategy<Value = SignatureLine> {
    (names(), any::<[u8; 4]>(), vec(any::<u8>(), 1..80)).prop_map(|(name, id, bytes)| {
        SignatureLine::new(name, KeyId::from_bytes(id), bytes).unwrap()
    })
}

/// A line of any characters but control characters.
fn text_lines() -> impl Strategy<Value = String> {
    "[^\u{0}-\u{1f}]{1,30}"
}

fn hashes() -> impl Strategy<Value = NodeHash> {
    any::<[u8; 32]>().prop_map(NodeHash::from_bytes)
}

fn checkpoints() -> impl Strategy<Value = Checkpoint> {
    (
        text_lines(),
        any::<u64>(),
        hashes(),
        vec(text_lines(), 0..3),
    )
        .prop_map(|(origin, size, root, extensions)| {
            let checkpoint =
                Checkpoint::new(Origin::new(origin).unwrap(), TreeSize::new(size), root);
            checkpoint.with_extensions(extensions).unwrap()
        })
}

fn checkpoint_notes() -> impl Strategy<Value = Note> {
    (checkpoints(), vec(lines(), 1..5)).prop_map(|(checkpoint, lines)| note(&checkpoint, lines))
}

fn subtrees() -> impl Strategy<Value = Subtree> {
    (0..40_u32, any::<u64>(), any::<u64>()).prop_map(|(height, place, size)| {
        let width = 1_u64 << height;
        let start = (place % (1 << 20)) * width;
        Subtree::new(start, start + 1 + size % width).unwrap()
    })
}

proptest! {
    #[test]
    fn keys(name in names(), algorithm in algorithms(), seed: [u8; 32]) {
        let key = PrivateKey::new(name, algorithm, Seed::new(seed)).unwrap();
        let again: PrivateKey = key.encode().parse().unwrap();
        prop_assert_eq!(again.encode(), key.encode());
        let vkey: Vkey = key.vkey().to_string().parse().unwrap();
        prop_assert_eq!(&vkey, key.vkey());
        prop_assert_eq!(vkey.id().to_string().parse::<KeyId>().unwrap(), vkey.id());
    }

    #[test]
    fn ed25519_signatures_are_those_of_another_implementation(seed: [u8; 32], size: u64, root in hashes()) {
        let key = PrivateKey::new(KeyName::new(formats::ORIGIN).unwrap(), Algorithm::Ed25519, Seed::new(seed)).unwrap();
        let checkpoint = Checkpoint::new(Origin::new(formats::ORIGIN).unwrap(), TreeSize::new(size), root);
        let key = key.into_signing_key();
        let line = counterfoil_tiles::cosignature::sign_as_log(&key, &checkpoint).unwrap();
        let other = ed25519_dalek::SigningKey::from_bytes(&seed);
        prop_assert_eq!(line.signature(), other.sign(checkpoint.to_string().as_bytes()).to_bytes());
        prop_assert_eq!(key.vkey().public_key().as_bytes(), &other.verifying_key().to_bytes());
        prop_assert!(note(&checkpoint, vec![line]).verify(&ring_of([&key])).is_ok());
    }

    #[test]
    fn signature_lines(lines in vec(lines(), 1..6)) {
        let body = encode_cosignatures(&lines);
        prop_assert_eq!(parse_signature_lines(&body).unwrap(), lines.clone());
        prop_assert_eq!(parse_cosignatures(body.as_bytes()).unwrap(), lines);
    }

    #[test]
    fn notes(text in "([^\u{0}-\u{1f}]{0,12}\n){1,5}", lines in vec(lines(), 1..5)) {
        let note = Note::new(&text, lines.clone()).unwrap();
        let parsed = Note::parse(note.as_bytes()).unwrap();
        prop_assert_eq!((parsed.text(), parsed.signatures()), (text.as_str(), lines.as_slice()));
        prop_assert_eq!(parsed, note);
    }

    #[test]
    fn checkpoint_texts(checkpoint in checkpoints()) {
        prop_assert_eq!(Checkpoint::parse(&checkpoint.to_string()).unwrap(), checkpoint);
    }

    #[test]
    fn receipts(note in checkpoint_notes(), index: u64, proof in vec(hashes(), 0..8), extra in vec(any::<u8>(), 0..20)) {
        let mut receipt = Receipt::new(LeafIndex::new(index), proof, note).unwrap();
        if !extra.is_empty() {
            receipt = receipt.with_extra(extra).unwrap();
        }
        prop_assert_eq!(Receipt::parse(receipt.to_string().as_bytes()).unwrap(), receipt);
    }

    #[test]
    fn add_checkpoint_requests(note in checkpoint_notes(), old: u64, proof in vec(hashes(), 0..8)) {
        let request = AddCheckpointRequest::new(TreeSize::new(old), proof, note).unwrap();
        prop_assert_eq!(AddCheckpointRequest::parse(request.to_string().as_bytes()).unwrap(), request);
    }

    #[test]
    fn sign_subtree_requests(subtree in subtrees(), hash in hashes(), proof in vec(hashes(), 0..8), lines in vec(lines(), 1..3)) {
        let checkpoint = Checkpoint::new(Origin::new("log").unwrap(), TreeSize::new(u64::MAX), hash);
        let request = SignSubtreeRequest::new(subtree, hash, proof, note(&checkpoint, lines)).unwrap();
        prop_assert_eq!(SignSubtreeRequest::parse(request.to_string().as_bytes()).unwrap(), request);
    }

    #[test]
    fn sizes(size: u64) {
        prop_assert_eq!(parse_size(encode_size(TreeSize::new(size)).as_bytes()).unwrap().get(), size);
    }

    /// Changing any one thing of what is signed, or any byte of the signature, makes it bad.
    #[test]
    fn subtree_cosignatures(subtree in subtrees(), hash in hashes(), seconds in 0..(1_u64 << 63), at in 0..2428_usize, bit in 0..8) {
        let key = formats::pq_witness(1);
        let origin = Origin::new("log").unwrap();
        let seconds = if subtree.start() == 0 { seconds } else { 0 };
        let line = cosign_subtree(&key, &origin, subtree, &hash, Timestamp::new(seconds).unwrap()).unwrap();
        let verify = |origin: &Origin, subtree, hash: &NodeHash, signature: &[u8]| {
            verify_subtree(key.vkey(), origin, subtree, hash, signature).map(Timestamp::seconds)
        };
        prop_assert_eq!(verify(&origin, subtree, &hash, line.signature()), Ok(seconds));
        prop_assert!(verify(&Origin::new("lo").unwrap(), subtree, &hash, line.signature()).is_err());
        let mut other_hash = hash.to_bytes();
        other_hash[at % 32] ^= 1_u8 << bit;
        prop_assert!(verify(&origin, subtree, &NodeHash::from_bytes(other_hash), line.signature()).is_err());
        let mut signature = line.signature().to_vec();
        signature[at] ^= 1_u8 << bit;
        prop_assert!(verify(&origin, subtree, &hash, &signature).is_err());
    }
}

/// Which of five witnesses cosigned when, each perhaps twice.
fn cosignings() -> impl Strategy<Value = Vec<(u8, u64)>> {
    vec((0..5_u8, 1..6_u64), 0..7)
}

/// The newest time of each key, by name; zero for the log.
fn newest(note: &Note) -> BTreeMap<String, u64> {
    let mut newest = BTreeMap::new();
    for signature in note.verify(&ring()).unwrap() {
        let time = newest.entry(signature.name.to_string()).or_default();
        *time = signature.timestamp.map_or(0, Timestamp::seconds).max(*time);
    }
    newest
}

fn ring() -> counterfoil_tiles::key::KeyRing {
    ring_of(&[
        log_key(),
        witness(0),
        witness(1),
        witness(2),
        witness(3),
        witness(4),
    ])
}

fn published(cosignings: &[(u8, u64)]) -> Note {
    let checkpoint = checkpoint(7);
    let by_witnesses = cosignings
        .iter()
        .map(|(number, at)| cosigned(&witness(*number), &checkpoint, *at));
    note(
        &checkpoint,
        std::iter::once(signed(&checkpoint))
            .chain(by_witnesses)
            .collect(),
    )
}

proptest! {
    #[test]
    fn merging_takes_the_newest_of_each_key(first in cosignings(), second in cosignings()) {
        let (first, second) = (published(&first), published(&second));
        let merged = merge(&first, &second, &ring()).unwrap();
        let mut expected = newest(&first);
        for (name, time) in newest(&second) {
            let known = expected.entry(name).or_default();
            *known = time.max(*known);
        }
        prop_assert_eq!(merged.signatures().len(), expected.len());
        prop_assert_eq!(newest(&merged), expected);
        prop_assert_eq!(newest(&merge(&second, &first, &ring()).unwrap()), newest(&merged));
        prop_assert_eq!(&merge(&merged, &merged, &ring()).unwrap(), &merged);
        for part in [&first, &second] {
            prop_assert!(keeps_signatures(&merged, part, &ring()));
            // It says no exactly where a key is missing or older.
            let kept = newest(&merged).iter().all(|(name, time)| newest(part).get(name) >= Some(time));
            prop_assert_eq!(keeps_signatures(part, &merged, &ring()), kept);
        }
    }
}

/// A group by the specification's words: names of members, each used once, and a threshold.
#[derive(Debug, Clone)]
struct PlannedGroup {
    members: Vec<String>,
    needed: usize,
}

const WITNESSES: usize = 6;

/// Groups over six witnesses and earlier groups. `choices` says, name by name, which group takes it, if any.
fn plan(choices: &[Vec<bool>], thresholds: &[usize]) -> Vec<PlannedGroup> {
    let mut free: Vec<String> = (0..WITNESSES).map(|number| format!("w{number}")).collect();
    let mut groups = Vec::new();
    for (chosen, threshold) in choices.iter().zip(thresholds) {
        let (members, left): (Vec<_>, Vec<_>) = free
            .into_iter()
            .enumerate()
            .partition(|(at, _)| chosen.get(*at).copied().unwrap_or(false));
        let names =
            |part: Vec<(usize, String)>| part.into_iter().map(|(_, name)| name).collect::<Vec<_>>();
        let (members, left) = (names(members), names(left));
        free = left;
        if !members.is_empty() {
            free.push(format!("g{}", groups.len()));
            groups.push(PlannedGroup {
                needed: 1 + threshold % members.len(),
                members,
            });
        }
    }
    groups
}

/// The definition, by recursion.
fn has_witnessed(name: &str, groups: &[PlannedGroup], cosigned: u32) -> bool {
    let number: usize = name[1..].parse().unwrap();
    if name.starts_with('w') {
        return cosigned & (1 << number) != 0;
    }
    let group = &groups[number];
    group
        .members
        .iter()
        .filter(|member| has_witnessed(member, groups, cosigned))
        .count()
        >= group.needed
}

proptest! {
    #[test]
    fn quorums_follow_their_definition(
        choices in vec(vec(any::<bool>(), 10), 1..5),
        thresholds in vec(any::<usize>(), 5),
        quorum in any::<prop::sample::Index>(),
        keyword: bool,
    ) {
        let groups = plan(&choices, &thresholds);
        let mut lines = Vec::new();
        for number in 0..WITNESSES {
            let key = witness(u8::try_from(number).unwrap());
            lines.push(format!("witness w{number} {}\n", key.vkey()));
        }
        for (number, group) in groups.iter().enumerate() {
            let threshold = match group.needed {
                1 if keyword => "any".to_owned(),
                k if keyword && k == group.members.len() => "all".to_owned(),
                k => k.to_string(),
            };
            lines.push(format!("group g{number} {threshold} {}\n", group.members.join(" ")));
        }
        let names: Vec<String> =
            (0..WITNESSES).map(|n| format!("w{n}")).chain((0..groups.len()).map(|n| format!("g{n}"))).collect();
        let quorum = &names[quorum.index(names.len())];
        lines.push(format!("quorum {quorum}\n"));
        let text = lines.concat();

        let policy = Policy::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(policy.encode(), text.as_bytes());
        for cosigned in 0..(1 << WITNESSES) {
            let by_policy = policy.satisfied_by(|witness| has_witnessed(str::from_utf8(witness.name()).unwrap(), &groups, cosigned));
            prop_assert_eq!(by_policy, has_witnessed(quorum, &groups, cosigned), "{:b}", cosigned);
        }
    }

    /// White space between and around items, empty lines and comments change nothing.
    #[test]
    fn policies_read_the_same_however_spaced(
        space in "[ \t]{1,3}",
        around in "[ \t]{0,3}",
        between in "([ \t]{0,3}(#[\t\u{20}-\u{7e}\u{80}-\u{ff}]{0,9})?\n){0,3}",
    ) {
        let text = format!(
            "log {}\nwitness w {} https://w.example/\ngroup g any w\nquorum g\n",
            log_key().vkey(),
            witness(1).vkey()
        );
        let spaced: String = text
            .lines()
            .map(|line| format!("{between}{around}{}{around}\n", line.replace(' ', &space)))
            .collect::<Vec<_>>()
            .concat();
        let policy = Policy::parse(spaced.as_bytes()).unwrap();
        prop_assert_eq!(policy.encode(), text.as_bytes());
    }
}

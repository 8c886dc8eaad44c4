//! Evidence, receipts and policies of many shapes, most of them right.

use std::time::Duration;

use counterfoil_dev_tsa::{Algorithm as TsaAlgorithm, Behaviour, Reason};
use counterfoil_ethereum::BlockHash;
use counterfoil_evidence::blocks::{BlockFile, Blocks};
use counterfoil_evidence::receipt::{Basis, Claim};
use counterfoil_tiles::checkpoint::{Checkpoint, Origin};
use counterfoil_tiles::cosignature::{Timestamp, cosign_checkpoint, sign_as_log};
use counterfoil_tiles::hash::{LeafHash, LeafIndex, NodeHash, TreeSize, hash_leaf, hash_node};
use counterfoil_tiles::key::{Algorithm, SigningKey};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::receipt::Receipt;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::brought::{self, Row};
use crate::chains;
use crate::fixture::{
    Authority, LATE, RECORD, SOON, STAMPED, evidence, key, log_key, policy, receipt, trust,
};

/// Evidence under trust, at a time, for a verifier who holds something or nothing.
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) value: Value,
    pub(crate) evidence: Vec<u8>,
    pub(crate) trust: String,
    pub(crate) blocks: Given,
    pub(crate) claim: Option<Claim>,
    pub(crate) at: u64,
    /// Whether it is changed in many ways, too.
    pub(crate) is_mutated: bool,
}

/// What is trusted of blocks beside the trust file: hashes that are given one by one, and lists, each with what results call it.
#[derive(Clone, Default)]
pub(crate) struct Given {
    pub(crate) hashes: Vec<BlockHash>,
    pub(crate) lists: Vec<(String, String)>,
}

impl Given {
    pub(crate) fn read(&self) -> Blocks {
        let list = |(source, text): &(String, String)| {
            BlockFile::parse(source.clone(), text.as_bytes()).expect("a list")
        };
        Blocks {
            given: self.hashes.clone(),
            lists: self.lists.iter().map(list).collect(),
            answers: Vec::new(),
        }
    }
}

impl Shape {
    pub(crate) fn new(name: impl Into<String>, value: &Value, trust: &str) -> Self {
        Self {
            name: name.into(),
            evidence: serde_json::to_vec_pretty(value).expect("a value"),
            value: value.clone(),
            trust: trust.to_owned(),
            blocks: Given::default(),
            claim: None,
            at: SOON,
            is_mutated: false,
        }
    }

    fn mutated(self) -> Self {
        Self {
            is_mutated: true,
            ..self
        }
    }
}

/// All of them.
pub(crate) async fn shapes() -> Vec<Shape> {
    let (one, two) = (Authority::start("one").await, Authority::start("two").await);
    let receipt = receipt(&[1, 2]);
    let signed = receipt.note().as_bytes();
    let both = trust(2, &policy(), &[one.trusted(""), two.trusted("")]);
    let either = trust(1, &policy(), &[one.trusted(""), two.trusted("")]);
    let only = trust(1, &policy(), &[one.trusted("")]);
    let anchors = [one.anchor(signed), two.anchor(signed)];
    let whole = evidence(&receipt, &anchors);
    let single = evidence(&receipt, &anchors[..1]);

    let mut shapes = vec![
        Shape::new("one of one", &single, &only).mutated(),
        Shape::new("two of two", &whole, &both),
        Shape::new("one of two", &single, &both),
        Shape::new("two, either", &whole, &either),
        Shape::new("no anchor", &evidence(&receipt, &[]), &only),
        Shape::new(
            "the same twice",
            &evidence(&receipt, &[anchors[0].clone(), anchors[0].clone()]),
            &both,
        ),
        Shape::new(
            "of nobody who is trusted",
            &evidence(&receipt, &anchors[1..]),
            &only,
        ),
        Shape::new(
            "of unknown kinds",
            &evidence(
                &receipt,
                &[json!({"kind": "moon", "x": [1, {}]}), anchors[0].clone()],
            ),
            &only,
        ),
        Shape::new(
            "of unknown kinds only",
            &evidence(&receipt, &[json!({"kind": "a-9"})]),
            &only,
        ),
    ];
    for (name, at) in [
        ("before it was stamped", STAMPED - 400),
        ("shortly before", STAMPED - 300),
        ("late", LATE),
        ("in 2100", 4_102_444_800),
    ] {
        shapes.push(Shape {
            at,
            ..Shape::new(format!("two of two, {name}"), &whole, &both)
        });
    }
    for claim in claims() {
        shapes.push(Shape {
            claim: Some(claim),
            ..Shape::new("one of one, with a claim", &single, &only)
        });
    }
    shapes.extend(entries(&single, &only));
    shapes.extend(behaviours(&one, &receipt));
    shapes.extend(witnesses(&one));
    shapes.extend(trees(&one));
    shapes.extend(algorithms(&receipt).await);
    shapes.extend(chains::shapes(&one));
    shapes.extend(one_key(&one, &receipt).await);
    shapes.extend(brought_in(&one, &two, &receipt).await);
    shapes
}

/// What anchors bring in beside others, and what was altered.
async fn brought_in(one: &Authority, two: &Authority, receipt: &Receipt) -> Vec<Shape> {
    let third = Authority::start("third").await;
    let signed = receipt.note().as_bytes();
    let mut rows = brought::rows(one, two, &third, signed);
    rows.extend(brought::of_destination(&third, signed));
    rows.extend(brought::of_a_chain_that_a_list_may_name(&third, signed));
    let shape = |row: Row| {
        let value = evidence(receipt, &row.anchors);
        let name = format!("brought in: {}", row.name);
        let list = row.list.map(|text| ("a list".to_owned(), text));
        row.trusts.map(|trust| Shape {
            blocks: Given {
                hashes: Vec::new(),
                lists: list.clone().into_iter().collect(),
            },
            ..Shape::new(name.clone(), &value, &trust)
        })
    };
    rows.into_iter().flat_map(shape).collect()
}

/// What the evidence says of its entry.
fn entries(single: &Value, trust: &str) -> Vec<Shape> {
    let digest = Sha256::digest(RECORD);
    let leaf = hex::encode(hash_leaf(&digest).as_bytes());
    let contents = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, digest);
    [
        ("of a leaf hash", json!({"leaf_hash": leaf})),
        (
            "of contents",
            json!({"leaf_hash": leaf, "contents": contents}),
        ),
    ]
    .into_iter()
    .flat_map(|(name, entry)| {
        let mut value = single.clone();
        value["entry"] = entry;
        let shape = Shape::new(name, &value, trust).mutated();
        // Mutations of the one are enough.
        let shape = Shape {
            is_mutated: name == "of contents",
            ..shape
        };
        let claimed = claims().into_iter().map({
            let value = value.clone();
            move |claim| Shape {
                claim: Some(claim),
                ..Shape::new(format!("{name}, with a claim"), &value, trust)
            }
        });
        let claimed: Vec<Shape> = claimed.collect();
        std::iter::once(shape).chain(claimed)
    })
    .collect()
}

/// An authority that does something wrong, under each demand for revocation.
fn behaviours(one: &Authority, receipt: &Receipt) -> Vec<Shape> {
    let signed = receipt.note().as_bytes();
    let hour = Duration::from_hours(1);
    let stamps = [
        ("honest", Behaviour::Honest),
        ("other data", Behaviour::OtherData),
        ("wrong policy", Behaviour::WrongPolicy),
        ("bad signature", Behaviour::BadSignature),
        ("untrusted", Behaviour::Untrusted),
        ("past", Behaviour::Past(hour)),
        ("future", Behaviour::Future(hour * 3)),
        ("no certificates", Behaviour::NoCertificates),
        ("expired", Behaviour::Expired),
        ("EKU not critical", Behaviour::EkuNotCritical),
        ("EKU not sole", Behaviour::EkuNotSole),
    ];
    let mut shapes = Vec::new();
    for demand in [
        "",
        "revocation = \"required\"\n",
        "revocation = \"optional\"\n",
    ] {
        let trust = trust(1, &policy(), &[one.trusted(demand)]);
        for (name, behaviour) in stamps {
            let anchor = one.anchor_by(signed, behaviour, Behaviour::Honest);
            let mut bare = anchor.clone();
            bare["revocation"] = json!([]);
            for (what, anchor) in [("", anchor), (", nothing of revocation", bare)] {
                let value = evidence(receipt, &[anchor]);
                for (when, at) in [("soon", SOON), ("late", LATE)] {
                    shapes.push(Shape {
                        at,
                        ..Shape::new(format!("{name}{what}, {when}, {demand:?}"), &value, &trust)
                    });
                }
            }
        }
        for reason in Reason::ALL.map(Some).into_iter().chain([None]) {
            for tells in [Behaviour::Revoked(reason), Behaviour::IssuerRevoked(reason)] {
                let value = evidence(receipt, &[one.anchor_by(signed, Behaviour::Honest, tells)]);
                shapes.push(Shape::new(format!("{tells:?}, {demand:?}"), &value, &trust));
            }
        }
    }
    shapes
}

/// Receipts with more and other cosignatures.
fn witnesses(one: &Authority) -> Vec<Shape> {
    let mut shapes = Vec::new();
    for cosigned in [
        &[][..],
        &[1],
        &[2],
        &[1, 2],
        &[2, 1],
        &[1, 1, 2],
        &[1, 2, 3],
    ] {
        let receipt = receipt(cosigned);
        let value = evidence(&receipt, &[one.anchor(receipt.note().as_bytes())]);
        for policy in [
            policy(),
            policy().replace("both 2", "both any"),
            policy().replace("quorum both", "quorum w1"),
            policy().replace("quorum both", "quorum none"),
        ] {
            let trust = trust(1, &policy, &[one.trusted("")]);
            shapes.push(Shape::new(
                format!("cosigned by {cosigned:?}"),
                &value,
                &trust,
            ));
        }
    }
    let rich = Receipt::parse(rich_receipt().as_bytes()).expect("a receipt");
    let value = json!({
        "format": "counterfoil/evidence@v1",
        "entry": {"leaf_hash": hex::encode(hash_leaf(&entry(RICH_INDEX)).as_bytes())},
        "receipt": rich.to_string(),
        "policy": rich_policy(),
        "anchors": [one.anchor(rich.note().as_bytes())],
    });
    let trust = trust(1, &rich_policy(), &[one.trusted("")]);
    let claim = Some(right_claim());
    shapes.push(Shape {
        claim,
        is_mutated: false,
        ..Shape::new("keys of all kinds", &value, &trust)
    });
    shapes
}

/// Trees of many sizes.
fn trees(one: &Authority) -> Vec<Shape> {
    let trust = trust(
        1,
        &policy().replace("quorum both", "quorum none"),
        &[one.trusted("")],
    );
    [(1, 0), (2, 0), (2, 1), (7, 6), (8, 3), (255, 254), (257, 256), (1_000, 511)]
        .into_iter()
        .map(|(size, index)| {
            let receipt = receipt_in(size, index, &log_key(), &[]);
            let value = json!({
                "format": "counterfoil/evidence@v1",
                "entry": {"leaf_hash": hex::encode(hash_leaf(&entry(index)).as_bytes()), "contents": base64::Engine::encode(&base64::engine::general_purpose::STANDARD, entry(index))},
                "receipt": receipt.to_string(),
                "policy": "",
                "anchors": [one.anchor(receipt.note().as_bytes())],
            });
            Shape::new(format!("entry {index} of {size}"), &value, &trust)
        })
        .collect()
}

/// Authorities with keys of each kind.
async fn algorithms(receipt: &Receipt) -> Vec<Shape> {
    let mut shapes = Vec::new();
    for algorithm in TsaAlgorithm::ALL {
        let authority = Authority::start_with("one", algorithm).await;
        let value = evidence(receipt, &[authority.anchor(receipt.note().as_bytes())]);
        let trust = trust(1, &policy(), &[authority.trusted("")]);
        let shape = Shape::new(format!("keys of {}", algorithm.name()), &value, &trust);
        // Those of the usual kind are changed as it is; of the others, one stands for all.
        shapes.push(if algorithm.name() == "rsa2048-pss" {
            shape.mutated()
        } else {
            shape
        });
    }
    shapes
}

/// One signer whom two authorities certify, and another whom one of these certifies as well: a key counts once, and an authority does.
async fn one_key(one: &Authority, receipt: &Receipt) -> Vec<Shape> {
    let signed = receipt.note().as_bytes();
    let twin = Authority::start_with_key_of("twin", one).await;
    let other = Authority::start("other").await;
    let [one_s, twins, others] = [one, &twin, &other].map(|authority| authority.anchor(signed));
    let ago = Behaviour::Past(Duration::from_secs(40));
    let [earlier_twins, earlier_others] =
        [&twin, &other].map(|authority| authority.anchor_by(signed, ago, Behaviour::Honest));
    let trusted = [one.trusted_with(&[&other], ""), twin.trusted("")];
    let mut shapes = Vec::new();
    for needed in [1, 2] {
        let trust = trust(needed, &policy(), &trusted);
        for (name, anchors) in [
            ("one key under two roots", vec![&one_s, &twins]),
            ("and a second key under one", vec![&one_s, &twins, &others]),
            ("in another order", vec![&others, &one_s, &twins]),
            (
                "the second authority first in time",
                vec![&one_s, &earlier_twins, &others],
            ),
            (
                "the second key first in time",
                vec![&one_s, &twins, &earlier_others],
            ),
        ] {
            let anchors: Vec<Value> = anchors.into_iter().cloned().collect();
            let value = evidence(receipt, &anchors);
            shapes.push(Shape::new(
                format!("{name}, {needed} needed"),
                &value,
                &trust,
            ));
        }
    }
    shapes
}

const RICH_SIZE: u64 = 1_000;
const RICH_INDEX: u64 = 300;

/// The entry at an index of the trees here.
fn entry(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

fn witness(name: &str, algorithm: Algorithm, seed: u8) -> SigningKey {
    key(name, algorithm, seed)
}

fn rich_witnesses() -> [SigningKey; 3] {
    [
        witness("witness.example/é", Algorithm::CosignatureV1, 21),
        witness("witness.example/w2", Algorithm::MlDsa44, 22),
        witness("witness.example/w3", Algorithm::CosignatureV1, 23),
    ]
}

/// A receipt with signatures of all kinds, extra data and an extension line.
pub(crate) fn rich_receipt() -> String {
    let receipt = receipt_in(RICH_SIZE, RICH_INDEX, &log_key(), &rich_witnesses());
    let receipt = receipt.with_extra(b"what an application adds".to_vec());
    receipt.expect("extra data").to_string()
}

/// A policy under which it is good.
pub(crate) fn rich_policy() -> String {
    let [first, second, third] = rich_witnesses();
    format!(
        "# A policy.\nlog {}\nlog {} https://log.example/\n\nwitness Ä1 {} https://w.example/\n\twitness  w2\t{}\nwitness w3 {}\ngroup inner any Ä1 w2\ngroup all 2 inner w3\nquorum all\n",
        log_key().vkey(),
        key("log.example/other", Algorithm::MlDsa44, 9).vkey(),
        first.vkey(),
        second.vkey(),
        third.vkey(),
    )
}

/// Policies under which it is good or not.
pub(crate) fn other_policies() -> Vec<String> {
    let policy = rich_policy();
    vec![
        policy.replace("quorum all", "quorum none"),
        policy.replace("quorum all", "quorum w2"),
        policy.replace("quorum all", "quorum Ä1"),
        policy.replace("group all 2", "group all all"),
        format!("log {}\nquorum none\n", log_key().vkey()),
        format!(
            "log {}\nquorum none\n",
            key("log.example/other", Algorithm::Ed25519, 9).vkey()
        ),
        format!(
            "log {}\nquorum none\n",
            key(crate::fixture::ORIGIN, Algorithm::Ed25519, 9).vkey()
        ),
        format!(
            "log {}\nwitness x {}\nquorum x\n",
            log_key().vkey(),
            key("witness.example/w2", Algorithm::CosignatureV1, 50).vkey()
        ),
    ]
}

/// What verifiers may hold.
pub(crate) fn claims() -> Vec<Claim> {
    let digest = |bytes: &[u8]| <[u8; 32]>::from(Sha256::digest(bytes));
    let file = |name: &str, bytes: &[u8]| Claim {
        name: name.to_owned(),
        leaves: vec![
            (Basis::Contents, hash_leaf(bytes)),
            (Basis::Digest, hash_leaf(&digest(bytes))),
        ],
        digest: Some(digest(bytes)),
    };
    let given = |bytes: &[u8]| Claim {
        name: format!("the file with the SHA-256 {}", hex::encode(digest(bytes))),
        leaves: vec![(Basis::GivenDigest, hash_leaf(&digest(bytes)))],
        digest: None,
    };
    let leaf = |leaf: LeafHash| Claim {
        name: format!(
            "the entry with the leaf hash {}",
            hex::encode(leaf.as_bytes())
        ),
        leaves: vec![(Basis::GivenLeaf, leaf)],
        digest: None,
    };
    vec![
        file("report.pdf", RECORD),
        file("the digest", &Sha256::digest(RECORD)),
        file("an entry", &entry(RICH_INDEX)),
        file("empty", b""),
        given(RECORD),
        given(b"something else"),
        leaf(hash_leaf(&Sha256::digest(RECORD))),
        leaf(hash_leaf(&entry(RICH_INDEX))),
        leaf(hash_leaf(b"something else")),
    ]
}

/// The claim about the entry of the rich receipt.
pub(crate) fn right_claim() -> Claim {
    claims().swap_remove(2)
}

/// The receipt of an entry in a tree of `entry(0)`, `entry(1)` and so on.
fn receipt_in(size: u64, index: u64, log: &SigningKey, witnesses: &[SigningKey]) -> Receipt {
    let leaves: Vec<NodeHash> = (0..size).map(|at| hash_leaf(&entry(at)).into()).collect();
    let origin = Origin::new(crate::fixture::ORIGIN).expect("an origin");
    let checkpoint = Checkpoint::new(origin, TreeSize::new(size), root(&leaves));
    let time = Timestamp::new(STAMPED).expect("a time");
    let mut lines = vec![sign_as_log(log, &checkpoint).expect("a signature")];
    lines.extend(
        witnesses
            .iter()
            .map(|key| cosign_checkpoint(key, &checkpoint, time).expect("a cosignature")),
    );
    let note = Note::new(&checkpoint.to_string(), lines).expect("a note");
    let at = usize::try_from(index).expect("a small index");
    Receipt::new(LeafIndex::new(index), path(at, &leaves), note).expect("a receipt")
}

/// RFC 6962, section 2.1.
fn root(leaves: &[NodeHash]) -> NodeHash {
    if let [only] = leaves {
        return *only;
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    hash_node(&root(left), &root(right))
}

/// RFC 6962, section 2.1.1.
fn path(at: usize, leaves: &[NodeHash]) -> Vec<NodeHash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let middle = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(middle);
    let (mut hashes, other) = if at < middle {
        (path(at, left), root(right))
    } else {
        (path(at - middle, right), root(left))
    };
    hashes.push(other);
    hashes
}

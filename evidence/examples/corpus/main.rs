//! Writes a corpus of evidence, receipts and policies, right and wrong, with what this implementation says of each, for another
//! implementation to be held to: `cargo run --example corpus -- FILE [SEED]`.
//!
//! Each line of the file is a JSON object. `{"text": N, "data": BASE64}` is a text that others refer to; all other lines are cases:
//!
//! | key | what it is |
//! |---|---|
//! | `name` | what was done to what |
//! | `kind` | `evidence`, `receipt`, `policy`, `trust`, `blocks`, a list of them, or what `tiles` and `proofs` write |
//! | `of` | the text that is read |
//! | `splice` | what is changed in it before, if anything: `[at, how many bytes go, BASE64 of those that come]` |
//! | `trust` | the trust file (of evidence) or policy (of a receipt) |
//! | `blocks` | what is trusted of blocks beside the trust file: `{"given": [HASH], "lists": [[what it is called, its text]]}` |
//! | `claim` | what the verifier holds: `{"name", "leaves": [{"basis", "leaf"}], "digest"}`, or nothing |
//! | `at` | the time of the judgement, in Unix seconds |
//! | `expect` | what comes out: the verdict; of what is only read, `{"error": …}`, or null where there is none, and then what was read |
//!
//! Keys of tokens are made anew each time, so the bytes differ from run to run; what is done to them is decided by the seed.

#[path = "../../tests/blocks/mod.rs"]
mod blocks;
#[path = "../../tests/brought/mod.rs"]
mod brought;
mod chains;
mod edits;
#[path = "../../tests/fixture/mod.rs"]
mod fixture;
mod proofs;
mod rlp;
mod shapes;
mod tiles;
mod toml;
mod trusts;
mod write;

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;

use shapes::{Shape, shapes};
use write::{Case, Corpus};

/// How many changes of bytes are made to each text of evidence.
const BYTE_CHANGES: usize = 250;

/// How many changes of bytes are made to what the anchors hold in binary.
const DER_CHANGES: usize = 200;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: corpus FILE [SEED]")?;
    let seed = arguments.next().map_or(Ok(1), |seed| seed.parse())?;
    let mut random = edits::Random::new(seed);
    let mut corpus = Corpus::new(BufWriter::new(File::create(&path)?));
    let shapes = shapes().await;
    for shape in &shapes {
        corpus.add(&Case::of(shape, shape.name.clone()))?;
    }
    for shape in shapes.iter().filter(|shape| shape.is_mutated) {
        mutate(shape, &mut random, &mut corpus)?;
    }
    policies_and_receipts(&mut random, &mut corpus)?;
    for (name, text) in trusts::crowded() {
        corpus.add_trust(&name, text.as_bytes())?;
    }
    for (name, text) in toml::files(&mut random) {
        corpus.add_trust(&name, &text)?;
    }
    let tree = tiles::Tree::new();
    tiles::write(&tree, &mut random, &mut corpus)?;
    proofs::write(&tree, &mut random, &mut corpus)?;
    lists(&mut random, &mut corpus)?;
    let counts = corpus.finish()?;
    println!("{path}: {counts}, seed {seed}");
    Ok(())
}

fn mutate(
    shape: &Shape,
    random: &mut edits::Random,
    corpus: &mut Corpus,
) -> Result<(), Box<dyn Error>> {
    for (name, evidence) in edits::of_values(&shape.evidence) {
        let case = Case::of(shape, format!("{}: {name}", shape.name));
        corpus.add(&Case { evidence, ..case })?;
    }
    let receipt = shape.value["receipt"].as_str().unwrap_or_default();
    for (name, text) in edits::of_lines(receipt) {
        let mut value = shape.value.clone();
        value["receipt"] = text.into();
        let case = Case::of(shape, format!("{}: receipt: {name}", shape.name));
        corpus.add(&Case {
            evidence: serde_json::to_vec(&value)?,
            ..case
        })?;
    }
    for (name, value) in edits::of_der(&shape.value, DER_CHANGES, random) {
        let case = Case::of(shape, format!("{}: {name}", shape.name));
        corpus.add(&Case {
            evidence: serde_json::to_vec(&value)?,
            ..case
        })?;
    }
    for _ in 0..BYTE_CHANGES {
        let splice = edits::splice(&shape.evidence, random);
        let case = Case::of(shape, format!("{}: bytes at {}", shape.name, splice.0));
        corpus.add(&Case {
            splice: Some(splice),
            ..case
        })?;
    }
    for (name, trust) in trusts::of_trust(&shape.trust) {
        corpus.add_trust(&format!("{}: trust: {name}", shape.name), trust.as_bytes())?;
        let case = Case::of(shape, format!("{}: under trust: {name}", shape.name));
        corpus.add(&Case { trust, ..case })?;
    }
    Ok(())
}

/// Lists of blocks.
fn lists(random: &mut edits::Random, corpus: &mut Corpus) -> Result<(), Box<dyn Error>> {
    for (name, text) in trusts::lists() {
        corpus.add_blocks(&name, text.as_bytes())?;
    }
    let list = trusts::list();
    for (name, text) in edits::of_lines(&list) {
        corpus.add_blocks(&name, text.as_bytes())?;
    }
    for _ in 0..500 {
        let splice = edits::splice(list.as_bytes(), random);
        let text = edits::spliced(list.as_bytes(), &splice);
        corpus.add_blocks(&format!("bytes at {}", splice.0), &text)?;
    }
    Ok(())
}

fn policies_and_receipts(
    random: &mut edits::Random,
    corpus: &mut Corpus,
) -> Result<(), Box<dyn Error>> {
    let (receipt, policy) = (shapes::rich_receipt(), shapes::rich_policy());
    for (name, text) in edits::of_lines(&policy) {
        corpus.add_policy(&name, text.as_bytes())?;
    }
    for _ in 0..1_000 {
        let splice = edits::splice(policy.as_bytes(), random);
        let text = edits::spliced(policy.as_bytes(), &splice);
        corpus.add_policy(&format!("bytes at {}", splice.0), &text)?;
    }
    for claim in shapes::claims() {
        corpus.add_receipt("as it is", receipt.as_bytes(), &policy, &claim)?;
        for (name, text) in edits::of_lines(&receipt) {
            corpus.add_receipt(&name, text.as_bytes(), &policy, &claim)?;
        }
    }
    for policy in shapes::other_policies() {
        for claim in shapes::claims() {
            corpus.add_receipt("under another policy", receipt.as_bytes(), &policy, &claim)?;
        }
    }
    let claim = shapes::right_claim();
    for _ in 0..1_000 {
        let splice = edits::splice(receipt.as_bytes(), random);
        let text = edits::spliced(receipt.as_bytes(), &splice);
        corpus.add_receipt(&format!("bytes at {}", splice.0), &text, &policy, &claim)?;
    }
    Ok(())
}

//! A block, and each thing that may be said of it.

use serde_json::Value;

use super::{block, hashes, table};
use crate::blocks::anchor;
use crate::blocks::anchored::{Anchored, Plan};
use crate::fixture::{Authority, policy, trust};
use crate::shapes::{Given, Shape};

/// Another block.
const OTHER: &str = "0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";

fn by_hash(hashes: &[&str]) -> Given {
    let hashes = hashes.iter().map(|hash| hash.parse().expect("a hash"));
    Given {
        hashes: hashes.collect(),
        lists: Vec::new(),
    }
}

/// What is said of a block: its name, what the trust file names, and what else is given.
fn rows(block: &Anchored) -> Vec<(&'static str, Vec<String>, Given)> {
    let hash = block.block_hash.to_string();
    let upper = format!("0x{}", hash[2..].to_uppercase());
    let list = |text: &str| {
        let source = "the list blocks.txt".to_owned();
        (source, text.replace("HASH", &hash))
    };
    let by_list = |texts: &[&str]| Given {
        hashes: Vec::new(),
        lists: texts.iter().map(|text| list(text)).collect(),
    };
    let none = Given::default();
    let numbered = format!("23000000 {hash}");
    vec![
        ("named", vec![numbered.clone()], none.clone()),
        ("named by its hash", vec![hash.clone()], none.clone()),
        ("named in upper case", vec![upper], none.clone()),
        (
            "named with spaces",
            vec![format!(" 23000000 \t{hash} ")],
            none.clone(),
        ),
        (
            "another at its number",
            vec![format!("23000000 {OTHER}")],
            none.clone(),
        ),
        (
            "at another number",
            vec![format!("22999999 {hash}")],
            none.clone(),
        ),
        ("another named", vec![OTHER.to_owned()], none.clone()),
        ("nothing named", vec![], none.clone()),
        ("given", vec![], by_hash(&[&hash])),
        ("given and named", vec![numbered.clone()], by_hash(&[&hash])),
        (
            "given and contradicted",
            vec![format!("23000000 {OTHER}")],
            by_hash(&[&hash]),
        ),
        ("given, and another", vec![], by_hash(&[&hash, OTHER])),
        ("another given", vec![numbered], by_hash(&[OTHER])),
        (
            "listed",
            vec![],
            by_list(&["chain 31337\n23000000 HASH # it\n"]),
        ),
        (
            "listed of any chain",
            vec![],
            by_list(&["# any\r\n\r\nHASH\r\n"]),
        ),
        (
            "listed of another chain",
            vec![],
            by_list(&["chain 1\nHASH\n"]),
        ),
        (
            "listed otherwise",
            vec![],
            by_list(&[
                "23000000 0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\nchain 31337\nHASH\n",
            ]),
        ),
        (
            "listed twice",
            vec![],
            by_list(&["HASH", "chain 31337\nHASH"]),
        ),
        (
            "listed and contradicted",
            vec![],
            by_list(&["HASH", "1 HASH"]),
        ),
        ("an empty list", vec![], by_list(&[""])),
        (
            "given and listed",
            vec![],
            Given {
                hashes: vec![block.block_hash],
                lists: vec![list("HASH")],
            },
        ),
    ]
}

/// Evidence with a block, under each.
pub(super) fn shapes(
    one: &Authority,
    signed: &[u8],
    token: &Value,
    with: &dyn Fn(&[Value]) -> Value,
) -> Vec<Shape> {
    let block = block(signed, Plan::default());
    let hash = block.block_hash.to_string();
    let (alone, beside) = (
        with(&[anchor(&block.record)]),
        with(&[token.clone(), anchor(&block.record)]),
    );
    let mut shapes = Vec::new();
    for (name, named, blocks) in rows(&block) {
        let table = table("chain", 31_337, &hashes(&named));
        let both = [one.trusted(""), table.clone()];
        for (what, value, trust) in [
            ("alone", &alone, trust(1, &policy(), &[table])),
            ("beside a token", &beside, trust(2, &policy(), &both)),
            (
                "beside a token, either",
                &beside,
                trust(1, &policy(), &both),
            ),
            (
                "without trust in the chain",
                &beside,
                trust(1, &policy(), &[one.trusted("")]),
            ),
        ] {
            shapes.push(Shape {
                blocks: blocks.clone(),
                is_mutated: name == "named" && (what == "alone" || what == "beside a token"),
                ..Shape::new(format!("a block, {name}, {what}"), value, &trust)
            });
        }
    }
    shapes.push(Shape {
        blocks: by_hash(&[&hash]),
        ..Shape::new(
            "a block given, and none there",
            &with(std::slice::from_ref(token)),
            &trust(1, &policy(), &[one.trusted("")]),
        )
    });
    shapes
}

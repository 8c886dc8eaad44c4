//! What lying anchors bring into evidence beside an honest one, what may be wrong with one of several, and what was altered.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "each program that compiles this module uses a part of it"
)]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterfoil_checks::Outcome;
use counterfoil_dev_tsa::{Behaviour, Reason};
use serde_json::{Value, json};

use crate::blocks;
use crate::blocks::anchored::Plan;
use crate::fixture::{Authority, policy, trust};

/// The policy of the development authorities.
const POLICY: &str = "1.3.6.1.4.1.32473.3161.1";

/// Another block.
const OTHER: &str = "0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";

/// Anchors, and what they come to under a trust file.
pub struct Row {
    pub name: String,
    pub anchors: Vec<Value>,
    pub trust: String,
    pub outcome: Outcome,
    /// The checks that fail, all of them.
    pub failed: Vec<String>,
    /// How many anchors are left out.
    pub left_out: usize,
}

/// What is brought in, and the check by which it is left out, if it is.
type Brought = (&'static str, Value, Option<&'static str>);

fn honest_beside(one: &Authority, two: &Authority, signed: &[u8]) -> Vec<Brought> {
    let hour = Duration::from_hours(1);
    let by = |who: &Authority, stamps| who.anchor_by(signed, stamps, Behaviour::Honest);
    let tells = |who: &Authority, tells| who.anchor_by(signed, Behaviour::Honest, tells);
    let stranger = Behaviour::Future(365 * 24 * hour);
    let block = |plan: Plan| {
        let plan = Plan {
            checkpoint: signed.to_vec(),
            ..plan
        };
        blocks::anchor(&plan.anchored().expect("a block").record)
    };
    let later = || Plan {
        later_fields: vec![vec![0x80]],
        ..Plan::default()
    };
    let mut nobodys_header = block(later());
    alter(&mut nobodys_header, "header", 10);
    let mut nobodys_calldata = block(later());
    alter(&mut nobodys_calldata, "transaction", 60);
    vec![
        ("nobody's token", by(two, Behaviour::Honest), None),
        ("nobody's, of next year", by(two, stranger), None),
        ("nobody's, altered", by(two, Behaviour::BadSignature), None),
        (
            "nobody's, over other data",
            by(two, Behaviour::OtherData),
            None,
        ),
        (
            "a chain of the trusted one's names",
            by(one, Behaviour::Untrusted),
            None,
        ),
        (
            "under another policy",
            by(one, Behaviour::WrongPolicy),
            Some("one: policy"),
        ),
        (
            "of next year",
            by(one, Behaviour::Future(365 * 24 * hour)),
            Some("one: time"),
        ),
        (
            "expired when it was made",
            by(one, Behaviour::Expired),
            Some("#1: path"),
        ),
        (
            "a stolen key",
            tells(one, Behaviour::Revoked(Some(Reason::KeyCompromise))),
            Some("one: revocation"),
        ),
        (
            "an issuer's stolen key",
            tells(one, Behaviour::IssuerRevoked(Some(Reason::CaCompromise))),
            Some("one: revocation"),
        ),
        (
            "a block of the trusted one's number",
            block(later()),
            Some("chain: block hash"),
        ),
        (
            "such a block, altered",
            nobodys_calldata,
            Some("chain: block hash"),
        ),
        (
            "a header that was altered",
            nobodys_header,
            Some("chain: block hash"),
        ),
    ]
}

/// Changes a byte of a value.
fn alter(anchor: &mut Value, key: &str, place: usize) {
    let text = anchor[key].as_str().expect("a value");
    let mut bytes = STANDARD.decode(text).expect("base64");
    bytes[place] ^= 1;
    anchor[key] = json!(STANDARD.encode(bytes));
}

/// What was altered of a trusted one's, and the check that finds it.
fn altered(one: &Authority, signed: &[u8]) -> Vec<(&'static str, Value, &'static str)> {
    let by = |stamps| one.anchor_by(signed, stamps, Behaviour::Honest);
    let good = blocks::block(signed);
    let selector = good.record.transaction.windows(4);
    let calldata = selector.collect::<Vec<_>>();
    let calldata = calldata
        .iter()
        .position(|four| *four == [0xee, 0xcd, 0xf9, 0x27])
        .expect("a selector");
    let block = |key: &str, place: usize| {
        let mut anchor = blocks::anchor(&good.record);
        alter(&mut anchor, key, place);
        anchor
    };
    let token = |place: usize| {
        let mut anchor = by(Behaviour::Honest);
        alter(&mut anchor, "token", place);
        anchor
    };
    vec![
        ("no token", token(0), "anchor #1: parsed"),
        (
            "a signature",
            by(Behaviour::BadSignature),
            "anchor one: signature",
        ),
        (
            "an imprint",
            by(Behaviour::OtherData),
            "anchor one: imprint",
        ),
        (
            "a purpose",
            by(Behaviour::EkuNotSole),
            "anchor one: extended key usage",
        ),
        (
            "the calldata",
            block("transaction", calldata + 10),
            "anchor chain: checkpoint",
        ),
        (
            "the receipt",
            block("receipt", 20),
            "anchor chain: receipt inclusion",
        ),
        ("no header", block("header", 0), "anchor chain: header"),
    ]
}

/// All of them. `one` is trusted, under its own policy and by one more authority, `two` by nobody, unless a row says so.
pub fn rows(one: &Authority, two: &Authority, third: &Authority, signed: &[u8]) -> Vec<Row> {
    let honest = third.anchor(signed);
    let good = blocks::block(signed);
    let hashes = format!(
        "block_hashes = [\"{} {}\"]",
        blocks::NUMBER,
        good.block_hash
    );
    let tables = [
        one.trusted(&format!("policies = [\"{POLICY}\"]")),
        third.trusted(""),
        blocks::trusted(&hashes),
    ];
    let asks = |needed| trust(needed, &policy(), &tables);
    let mut rows = Vec::new();
    for (name, brought, left_out_by) in honest_beside(one, two, signed) {
        let failed: Vec<String> = left_out_by
            .iter()
            .map(|check| format!("anchor {check}"))
            .collect();
        let left_out = failed.len();
        let row = |what: &str, anchors, needed, outcome, failed: Vec<String>| Row {
            name: format!("{name}, {what}"),
            anchors,
            trust: asks(needed),
            outcome,
            failed,
            left_out,
        };
        let before = vec![brought.clone(), honest.clone()];
        rows.push(row(
            "first",
            before.clone(),
            1,
            Outcome::Passed,
            failed.clone(),
        ));
        let behind = vec![honest.clone(), brought.clone()];
        let place = |check: &String| check.replace("#1", "#2");
        let places: Vec<String> = failed.iter().map(place).collect();
        rows.push(row("last", behind, 1, Outcome::Passed, places));
        let too_few = if left_out == 0 {
            Outcome::NotChecked
        } else {
            Outcome::Failed
        };
        let mut with_anchors = failed.clone();
        with_anchors.extend(failed.first().map(|_| "anchors".to_owned()));
        rows.push(row("two needed", before, 2, too_few, with_anchors.clone()));
        rows.push(row("alone", vec![brought], 1, too_few, with_anchors));
    }
    for (name, altered, check) in altered(one, signed) {
        rows.push(Row {
            name: format!("{name} altered"),
            anchors: vec![altered, honest.clone()],
            trust: asks(1),
            outcome: Outcome::Failed,
            failed: vec![check.to_owned()],
            left_out: 0,
        });
    }
    rows
}

/// Of two blocks of a chain, one goes elsewhere than the trust file says; and its number is given another hash.
pub fn of_destination(third: &Authority, signed: &[u8]) -> Vec<Row> {
    let elsewhere = Plan {
        checkpoint: signed.to_vec(),
        to: vec![0xa8; 20],
        ..Plan::default()
    };
    let elsewhere = elsewhere.anchored().expect("a block");
    let more = format!(
        "destination = \"{}\"\nblock_hashes = [\"{}\"]",
        blocks::DESTINATION,
        elsewhere.block_hash
    );
    let wrong = format!("block_hashes = [\"{} {OTHER}\"]", blocks::NUMBER);
    let rows = [
        ("to elsewhere", more, "anchor chain: destination"),
        ("of another hash", wrong, "anchor chain: block hash"),
    ];
    rows.map(|(name, more, check)| Row {
        name: format!("a block {name}"),
        anchors: vec![third.anchor(signed), blocks::anchor(&elsewhere.record)],
        trust: trust(1, &policy(), &[third.trusted(""), blocks::trusted(&more)]),
        outcome: Outcome::Passed,
        failed: vec![check.to_owned()],
        left_out: 1,
    })
    .into()
}

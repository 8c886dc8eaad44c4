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
use counterfoil_rfc3161::Certificate;
use serde_json::{Value, json};

use crate::blocks;
use crate::blocks::anchored::{Anchored, Plan};
use crate::fixture::{Authority, policy, trust};

/// The policy of the development authorities.
const POLICY: &str = "1.3.6.1.4.1.32473.3161.1";

/// Another block.
const OTHER: &str = "0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";

/// Anchors, and what they come to under a trust file.
pub struct Row {
    pub name: String,
    pub anchors: Vec<Value>,
    /// The trust file, and the same with its tables in another order.
    pub trusts: [String; 2],
    /// A list of blocks that is given beside it.
    pub list: Option<String>,
    pub outcome: Outcome,
    /// The checks that fail, all of them.
    pub failed: Vec<String>,
    /// The first of them that takes more than an anchor with it.
    pub by: Option<String>,
    /// What is said of anchors that do not hold: the beginning of each caveat.
    pub caveats: Vec<String>,
}

/// What becomes of an anchor that is brought in.
#[derive(Clone, Copy)]
enum Comes {
    /// It does not count.
    Unnoticed,
    /// Nor does this, and a caveat says so.
    Doubted,
    /// It is left out by this check.
    LeftOut(&'static str),
}

use Comes::{Doubted, LeftOut, Unnoticed};

/// What is brought in, and what becomes of it.
type Brought = (&'static str, Value, Comes);

/// A trust file, and the same with its tables in another order.
fn both_orders(needed: usize, tables: &[String]) -> [String; 2] {
    let backwards: Vec<String> = tables.iter().rev().cloned().collect();
    [tables, &backwards].map(|tables| trust(needed, &policy(), tables))
}

/// Trust by this name in a certificate as a root.
fn trusted_in(name: &str, root: &[u8], more: &str) -> String {
    let root = STANDARD.encode(root);
    let lines: Vec<&str> = root
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("ASCII"))
        .collect();
    format!(
        "\n[[tsa]]\nname = \"{name}\"\nroots = \"\"\"\n-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n\"\"\"\n{more}\n",
        lines.join("\n")
    )
}

/// Where some bytes are in others.
fn place_of(part: &[u8], whole: &[u8]) -> usize {
    let mut places = whole.windows(part.len());
    places.position(|found| found == part).expect("it is there")
}

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
    vec![
        ("nobody's token", by(two, Behaviour::Honest), Unnoticed),
        ("nobody's, of next year", by(two, stranger), Unnoticed),
        (
            "nobody's, altered",
            by(two, Behaviour::BadSignature),
            Doubted,
        ),
        (
            "nobody's, over other data",
            by(two, Behaviour::OtherData),
            Doubted,
        ),
        (
            "a chain of the trusted one's names",
            by(one, Behaviour::Untrusted),
            Unnoticed,
        ),
        (
            "another signer's identifier",
            other_identifier(one, signed),
            Doubted,
        ),
        (
            "under another policy",
            by(one, Behaviour::WrongPolicy),
            LeftOut("one: policy"),
        ),
        (
            "of next year",
            by(one, Behaviour::Future(365 * 24 * hour)),
            LeftOut("one: time"),
        ),
        (
            "expired when it was made",
            by(one, Behaviour::Expired),
            LeftOut("one: path"),
        ),
        (
            "a stolen key",
            tells(one, Behaviour::Revoked(Some(Reason::KeyCompromise))),
            LeftOut("one: revocation"),
        ),
        (
            "an issuer's stolen key",
            tells(one, Behaviour::IssuerRevoked(Some(Reason::CaCompromise))),
            LeftOut("one: revocation"),
        ),
        (
            "a block of the trusted one's number",
            block(later()),
            LeftOut("chain: block hash"),
        ),
        (
            "a header that was altered",
            nobodys_header,
            LeftOut("chain: block hash"),
        ),
    ]
}

/// Changes bits of a byte of a value.
fn alter(anchor: &mut Value, key: &str, place: usize) {
    change(anchor, key, |bytes| bytes[place] ^= 1);
}

fn change(anchor: &mut Value, key: &str, edit: impl FnOnce(&mut Vec<u8>)) {
    let text = anchor[key].as_str().expect("a value");
    let mut bytes = STANDARD.decode(text).expect("base64");
    edit(&mut bytes);
    anchor[key] = json!(STANDARD.encode(bytes));
}

/// A token whose signer has another serial number than its certificate, so that nobody can tell who signed it.
fn other_identifier(one: &Authority, signed: &[u8]) -> Value {
    let mut anchor = one.anchor(signed);
    change(&mut anchor, "token", |token| {
        let own = Certificate::parse(one.tsa.signer()).expect("a certificate");
        let behind = place_of(own.der(), token) + own.der().len();
        let serial = behind + place_of(own.serial(), &token[behind..]);
        token[serial + own.serial().len() - 1] ^= 1;
    });
    anchor
}

/// A token with one bit wrong of the signature on the certificate of its signer; the record has no other one.
fn other_certificate(one: &Authority, signed: &[u8]) -> Value {
    let mut anchor = one.anchor(signed);
    change(&mut anchor, "token", |token| {
        let own = one.tsa.signer();
        let end = place_of(own, token) + own.len();
        token[end - 1] ^= 1;
    });
    let certificates = anchor["certificates"].as_array_mut().expect("a list");
    certificates.remove(0);
    anchor
}

/// What was altered of a trusted one's, and the checks that find it.
fn altered(one: &Authority, signed: &[u8]) -> Vec<(&'static str, Value, Vec<&'static str>)> {
    let by = |stamps| one.anchor_by(signed, stamps, Behaviour::Honest);
    let good = blocks::block(signed);
    let calldata = place_of(&[0xee, 0xcd, 0xf9, 0x27], &good.record.transaction);
    let block = |key: &str, place: usize| {
        let mut anchor = blocks::anchor(&good.record);
        alter(&mut anchor, key, place);
        anchor
    };
    let made_up = Plan {
        checkpoint: signed.to_vec(),
        later_fields: vec![vec![0x80]],
        ..Plan::default()
    };
    let mut made_up = blocks::anchor(&made_up.anchored().expect("a block").record);
    alter(&mut made_up, "transaction", calldata + 10);
    let token = |place: usize| {
        let mut anchor = by(Behaviour::Honest);
        alter(&mut anchor, "token", place);
        anchor
    };
    let time = |digit: usize| {
        let mut anchor = by(Behaviour::Honest);
        change(&mut anchor, "token", |token| {
            let time = place_of(b"20270115080000", token);
            token[time + digit] ^= 1;
        });
        anchor
    };
    vec![
        ("no token", token(0), vec!["anchor #1: parsed"]),
        (
            "a signature",
            by(Behaviour::BadSignature),
            vec!["anchor one: signature"],
        ),
        (
            "an imprint",
            by(Behaviour::OtherData),
            vec!["anchor one: imprint"],
        ),
        (
            "a purpose",
            by(Behaviour::EkuNotSole),
            vec!["anchor one: extended key usage"],
        ),
        (
            "a time, within the certificate's term,",
            time(13),
            vec!["anchor one: message digest"],
        ),
        (
            "a time, so that it is before the term of the certificate,",
            time(3),
            vec!["anchor one: message digest", "anchor one: path"],
        ),
        (
            "a time, so that it is after the terms of all,",
            time(1),
            vec![
                "anchor one: message digest",
                "anchor one: path",
                "anchor one: time",
            ],
        ),
        (
            "the signer's certificate",
            other_certificate(one, signed),
            vec!["anchor #1: signing certificate"],
        ),
        (
            "the calldata",
            block("transaction", calldata + 10),
            vec![
                "anchor chain: transaction inclusion",
                "anchor chain: checkpoint",
            ],
        ),
        (
            "the receipt",
            block("receipt", 20),
            vec!["anchor chain: receipt inclusion"],
        ),
        (
            "a block that somebody made up",
            made_up,
            vec![
                "anchor chain: transaction inclusion",
                "anchor chain: block hash",
                "anchor chain: checkpoint",
            ],
        ),
        (
            "no header",
            block("header", 0),
            vec!["anchor chain: header"],
        ),
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
    let mut rows = Vec::new();
    for (name, brought, comes) in honest_beside(one, two, signed) {
        let row = |what: &str, anchors: Vec<Value>, needed| {
            let place = anchors.iter().position(|one| *one == brought);
            let place = format!("#{}", place.expect("it is there") + 1);
            let (caveat, failed) = match comes {
                Unnoticed => (None, None),
                Doubted => (
                    Some(format!("the anchor {place} does not hold, and ")),
                    None,
                ),
                LeftOut(check) => {
                    let (who, _) = check.split_once(':').expect("a check of an anchor");
                    let words = format!("the anchor {who} does not hold, and is left out: ");
                    (Some(words), Some(format!("anchor {check}")))
                }
            };
            let too_few = needed > 1 || anchors.len() == 1;
            let by = failed.as_ref().filter(|_| too_few);
            let by = by.map(|_| "anchors".to_owned());
            Row {
                name: format!("{name}, {what}"),
                anchors,
                trusts: both_orders(needed, &tables),
                list: None,
                outcome: match (too_few, &by) {
                    (false, _) => Outcome::Passed,
                    (true, Some(_)) => Outcome::Failed,
                    (true, None) => Outcome::NotChecked,
                },
                failed: failed.into_iter().chain(by.clone()).collect(),
                by,
                caveats: caveat.into_iter().collect(),
            }
        };
        let both = || vec![brought.clone(), honest.clone()];
        rows.push(row("first", both(), 1));
        rows.push(row("last", vec![honest.clone(), brought.clone()], 1));
        rows.push(row("two needed", both(), 2));
        rows.push(row("alone", vec![brought.clone()], 1));
    }
    for (name, altered, failed) in altered(one, signed) {
        let failed: Vec<String> = failed.into_iter().map(str::to_owned).collect();
        let by = failed.iter().find(|check| !check.ends_with("block hash"));
        let by = by.cloned();
        for (what, anchors) in [
            (
                "beside an honest one",
                vec![altered.clone(), honest.clone()],
            ),
            ("alone", vec![altered]),
        ] {
            // What fails of an anchor on the verifier's terms stands in the way where too few are left.
            let is_of_terms = failed.iter().any(|check| {
                let of_terms = [": path", ": time", ": block hash"];
                of_terms.iter().any(|name| check.ends_with(name))
            });
            let anchors_too = is_of_terms && anchors.len() == 1;
            let anchors_too = anchors_too.then(|| "anchors".to_owned());
            rows.push(Row {
                name: format!("{name} altered, {what}"),
                anchors,
                trusts: both_orders(1, &tables),
                list: None,
                outcome: Outcome::Failed,
                failed: failed.iter().cloned().chain(anchors_too).collect(),
                by: by.clone(),
                caveats: Vec::new(),
            });
        }
    }
    rows.extend(of_two(one, two, third, signed));
    rows
}

/// Tokens that lead to the roots of two authorities: of `one`, whose issuing authority is a root, too.
fn of_two(one: &Authority, two: &Authority, third: &Authority, signed: &[u8]) -> Vec<Row> {
    let token = one.anchor(signed);
    let mut unsettled = token.clone();
    unsettled["revocation"] = json!([]);
    let other_policy = "policies = [\"1.3.6.1.4.1.32473.9\"]";
    let below = |more: &str| trusted_in("below", one.tsa.intermediate(), more);
    // The issuing authority by a certificate with which it may sign no certificates, only lists of those that are revoked.
    let mut may_not = one.tsa.intermediate().to_vec();
    let usage = [
        0x55, 0x1d, 0x0f, 0x01, 0x01, 0xff, 0x04, 0x04, 0x03, 0x02, 0x01,
    ];
    let bits = place_of(&usage, &may_not) + usage.len();
    may_not[bits] = 0x02;
    let left_out = |who: &str| vec![format!("the anchor {who} does not hold, and is left out: ")];
    let row = |name: &str, anchors: &[&Value], needed, tables: [String; 2]| Row {
        name: name.to_owned(),
        anchors: anchors.iter().copied().cloned().collect(),
        trusts: both_orders(needed, &tables),
        list: None,
        outcome: Outcome::Passed,
        failed: Vec::new(),
        by: None,
        caveats: Vec::new(),
    };
    vec![
        row(
            "a token of two, and one of one of them",
            &[&token, &third.anchor(signed)],
            2,
            [one.trusted_with(&[third], ""), below("")],
        ),
        Row {
            outcome: Outcome::NotChecked,
            ..row(
                "a token of two, which counts once",
                &[&token],
                2,
                [one.trusted(""), below("")],
            )
        },
        row(
            "a token of two, whose policy one of them does not have",
            &[&token],
            1,
            [one.trusted(other_policy), below("")],
        ),
        Row {
            outcome: Outcome::NotChecked,
            ..row(
                "a token of two, whose policy one does not have, and of whose revocation nothing is known",
                &[&unsettled],
                1,
                [one.trusted(other_policy), below("")],
            )
        },
        Row {
            outcome: Outcome::Failed,
            failed: vec![
                "anchor below: basic constraints".to_owned(),
                "anchors".to_owned(),
            ],
            by: Some("anchors".to_owned()),
            caveats: left_out("below"),
            ..row(
                "a token of one that may issue no certificates, beside a stranger",
                &[&token],
                1,
                [trusted_in("below", &may_not, ""), two.trusted("")],
            )
        },
    ]
}

/// Of blocks of a chain, one goes elsewhere than the trust file says, one nowhere; and the number of one is given another hash.
pub fn of_destination(third: &Authority, signed: &[u8]) -> Vec<Row> {
    let block = |to: Vec<u8>| {
        let plan = Plan {
            checkpoint: signed.to_vec(),
            to,
            ..Plan::default()
        };
        plan.anchored().expect("a block")
    };
    let elsewhere = block(vec![0xa8; 20]);
    let created = block(Vec::new());
    let named = |block: &Anchored| format!("block_hashes = [\"{}\"]", block.block_hash);
    let demanding = |block: &Anchored| {
        let to = blocks::DESTINATION;
        format!("destination = \"{to}\"\n{}", named(block))
    };
    let wrong = format!("block_hashes = [\"{} {OTHER}\"]", blocks::NUMBER);
    let nowhere = "destination: the transaction goes nowhere: it creates a contract";
    let rows = [
        (
            "to elsewhere",
            &elsewhere,
            demanding(&elsewhere),
            "destination: expected a transaction to 0xa7",
        ),
        (
            "that creates a contract",
            &created,
            demanding(&created),
            nowhere,
        ),
        (
            "that creates a contract, where any address will do",
            &created,
            named(&created),
            nowhere,
        ),
        (
            "of another hash",
            &elsewhere,
            wrong,
            "block hash: the trust file names block ",
        ),
    ];
    let row = |(name, block, more, why): (&str, &Anchored, String, &str)| Row {
        name: format!("a block {name}"),
        anchors: vec![third.anchor(signed), blocks::anchor(&block.record)],
        trusts: both_orders(1, &[third.trusted(""), blocks::trusted(&more)]),
        list: None,
        outcome: Outcome::Passed,
        failed: vec![format!(
            "anchor chain: {}",
            why.split(':').next().unwrap_or_default()
        )],
        by: None,
        caveats: vec![format!(
            "the anchor chain does not hold, and is left out: {why}"
        )],
    };
    rows.map(row).into()
}

/// An altered block of a chain without a table, under lists of blocks: they name the chain, or other ones.
pub fn of_a_chain_that_a_list_may_name(third: &Authority, signed: &[u8]) -> Vec<Row> {
    const STRANGE: u64 = 99_999;
    let plan = Plan {
        checkpoint: signed.to_vec(),
        chain_id: STRANGE,
        ..Plan::default()
    };
    let mut block = plan.anchored().expect("a block");
    block.record.chain_id = STRANGE;
    let calldata = place_of(&[0xee, 0xcd, 0xf9, 0x27], &block.record.transaction);
    block.record.transaction[calldata + 10] ^= 1;
    let (number, hash) = (blocks::NUMBER, block.block_hash);
    let before = number - 1;
    let altered = ["transaction inclusion", "checkpoint"];
    let contradicted = ["transaction inclusion", "block hash", "checkpoint"];
    let nothing: &[&str] = &[];
    let rows = [
        ("of nothing", String::new(), nothing),
        ("of mainnet", format!("chain 1\n{number} {OTHER}"), nothing),
        (
            "of mainnet, with that very hash",
            format!("chain 1\n{number} {hash}"),
            nothing,
        ),
        (
            "of whichever chain, about another block",
            format!("{before} {OTHER}"),
            nothing,
        ),
        (
            "that begins with the chain, and has none of it",
            format!("chain {STRANGE}\nchain 1\n{number} {OTHER}"),
            nothing,
        ),
        (
            "of that chain",
            format!("chain {STRANGE}\n{before} {OTHER}"),
            &altered,
        ),
        (
            "of mainnet and that chain",
            format!("chain 1\n{number} {OTHER}\nchain {STRANGE}\n{OTHER}"),
            &altered,
        ),
        (
            "of whichever chain, with its hash",
            hash.to_string(),
            &altered,
        ),
        (
            "of whichever chain, with another at its number",
            format!("{number} {OTHER}"),
            &contradicted,
        ),
    ];
    let row = |(what, list, failed): (&str, String, &[&str])| {
        let failed: Vec<String> = failed
            .iter()
            .map(|check| format!("anchor #2: {check}"))
            .collect();
        let is_verified = failed.is_empty();
        Row {
            name: format!("an altered block of a strange chain under a list {what}"),
            anchors: vec![third.anchor(signed), blocks::anchor(&block.record)],
            trusts: both_orders(1, &[third.trusted(""), blocks::trusted("")]),
            list: Some(list),
            outcome: if is_verified {
                Outcome::Passed
            } else {
                Outcome::Failed
            },
            by: failed.first().cloned(),
            failed,
            caveats: is_verified
                .then(|| "the anchor #2 does not hold, and is of nobody who is trusted; ".into())
                .into_iter()
                .collect(),
        }
    };
    rows.map(row).into()
}

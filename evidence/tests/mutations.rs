//! Evidence with any one byte changed: it never comes out verified with another meaning.

mod blocks;
mod fixture;

use std::cell::Cell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterfoil_checks::Outcome;
use counterfoil_evidence::blocks::Blocks;
use counterfoil_evidence::format::{Anchor, Evidence};
use counterfoil_evidence::judge::{Verdict, judge};
use counterfoil_evidence::trust::Trust;
use counterfoil_rfc3161::Timestamp;
use fixture::{Authority, SOON, evidence, policy, receipt, trust};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

fn judged(bytes: &[u8], trust: &Trust) -> Option<(Evidence, Verdict)> {
    let evidence = Evidence::parse(bytes).ok()?;
    let at = Timestamp::from_seconds(i64::try_from(SOON).unwrap());
    let verdict = judge(&evidence, trust, &Blocks::default(), None, at);
    Some((evidence, verdict))
}

#[tokio::test]
async fn no_changed_byte_changes_what_is_verified() {
    let one = Authority::start("one").await;
    let receipt = receipt(&[1, 2]);
    let anchor = one.anchor(receipt.note().as_bytes());
    let text = serde_json::to_vec(&evidence(&receipt, &[anchor])).unwrap();
    let trust = trust(1, &policy(), &[one.trusted("")]);
    let trust = Trust::parse(trust.as_bytes()).unwrap();
    let (original, verdict) = judged(&text, &trust).unwrap();
    assert_eq!(verdict.outcome, Outcome::Passed, "{:?}", verdict.checks);

    let mut runner = TestRunner::new(Config::with_cases(3_000));
    // How many were refused by the reader, and how many of the others the judge did not verify.
    let (refused, caught) = (Cell::new(0), Cell::new(0));
    let outcome = runner.run(&(0..text.len(), 1..=255_u8), |(place, bits)| {
        let mut mutated = text.clone();
        mutated[place] ^= bits;
        let Some((evidence, found)) = judged(&mutated, &trust) else {
            refused.set(refused.get() + 1);
            return Ok(());
        };
        if found.outcome == Outcome::Passed {
            prop_assert_eq!(evidence.entry(), original.entry());
            prop_assert_eq!(evidence.receipt(), original.receipt());
            prop_assert_eq!(found.no_later_than, verdict.no_later_than);
            prop_assert_eq!(&found.sentence, &verdict.sentence);
        } else {
            caught.set(caught.get() + 1);
        }
        Ok(())
    });
    outcome.unwrap();
    assert!(refused.get() > 0 && caught.get() > 0);
}

/// The same of a block, whose trusted hash is that of the good one: any changed byte fails, or is not verified. But for the size
/// of the round: no root says how many entries are under it where the path has the same shape (RFC 6962, section 2.1.1).
#[test]
fn no_changed_byte_of_a_block_is_verified() {
    let receipt = receipt(&[1, 2]);
    let block = blocks::block(receipt.note().as_bytes());
    let text = blocks::anchor(&block.record).to_string().into_bytes();
    let hash = format!("block_hashes = [\"{}\"]", block.block_hash);
    let trust = trust(1, &policy(), &[blocks::trusted(&hash)]);
    let trust = Trust::parse(trust.as_bytes()).unwrap();
    let whole = evidence(&receipt, &[]).to_string();
    let with = |anchor: &[u8]| {
        let (before, after) = whole.split_once("\"anchors\":[]").unwrap();
        let anchors = [b"\"anchors\":[", anchor, b"]"].concat();
        [before.as_bytes(), &anchors, after.as_bytes()].concat()
    };
    let (_, verdict) = judged(&with(&text), &trust).unwrap();
    assert_eq!(verdict.outcome, Outcome::Passed, "{:?}", verdict.checks);
    let mut runner = TestRunner::new(Config::with_cases(5_000));
    let (refused, caught) = (Cell::new(0), Cell::new(0));
    let outcome = runner.run(&(0..text.len(), 1..=255_u8), |(place, bits)| {
        let mut mutated = text.clone();
        mutated[place] ^= bits;
        match judged(&with(&mutated), &trust) {
            None => refused.set(refused.get() + 1),
            Some((changed, found)) if found.outcome == Outcome::Passed => {
                let [Anchor::Block(changed)] = changed.anchors() else {
                    panic!("{changed:?}");
                };
                let mut changed = changed.clone();
                prop_assert_ne!(changed.path.size, block.record.path.size, "{}", place);
                changed.path.size = block.record.path.size;
                prop_assert_eq!(&changed, &block.record, "{}", place);
                prop_assert_eq!(found.sentence, verdict.sentence.clone());
            }
            Some(_) => {
                caught.set(caught.get() + 1);
            }
        }
        Ok(())
    });
    outcome.unwrap();
    assert!(refused.get() > 0 && caught.get() > 0);
}

/// Beside an honest anchor, a token with any one bit changed fails the evidence; or it says what it said, as where the bit is one
/// that nobody has signed; or a caveat says that it cannot be told what it is. Whether the record has the signer's certificate or not.
#[tokio::test]
async fn no_changed_bit_of_a_token_is_ignored_beside_an_honest_one() {
    let (one, other) = (
        Authority::start("one").await,
        Authority::start("other").await,
    );
    let receipt = receipt(&[1, 2]);
    let signed = receipt.note().as_bytes();
    let (anchor, honest) = (one.anchor(signed), other.anchor(signed));
    let trust = trust(1, &policy(), &[one.trusted(""), other.trusted("")]);
    let trust = Trust::parse(trust.as_bytes()).unwrap();
    let with = |anchor: &serde_json::Value| {
        let evidence = evidence(&receipt, &[anchor.clone(), honest.clone()]);
        judged(&serde_json::to_vec(&evidence).unwrap(), &trust)
            .unwrap()
            .1
    };
    let good = with(&anchor);
    assert_eq!(good.outcome, Outcome::Passed, "{:?}", good.checks);
    let token = STANDARD.decode(anchor["token"].as_str().unwrap()).unwrap();
    let (mut failed, mut said, mut doubted) = (0, 0, 0);
    for skipped in [0, 1] {
        let mut changed = anchor.clone();
        let certificates = anchor["certificates"].as_array().unwrap();
        changed["certificates"] = certificates[skipped..].into();
        for place in 0..token.len() {
            let mut bytes = token.clone();
            bytes[place] ^= 1 << (place % 8);
            changed["token"] = STANDARD.encode(bytes).into();
            let found = with(&changed);
            let doubt = "the anchor #1 does not hold, and ";
            match found.outcome {
                Outcome::Failed => failed += 1,
                Outcome::Passed if found.anchors == good.anchors => said += 1,
                Outcome::Passed if found.caveats.iter().any(|one| one.starts_with(doubt)) => {
                    doubted += 1;
                }
                _ => panic!("byte {place}: {found:#?}"),
            }
        }
    }
    assert!(failed > 0 && said > 0 && doubted > 0);
}

//! Evidence with any one byte changed: it never comes out verified with another meaning.

mod blocks;
mod fixture;

use std::cell::Cell;

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

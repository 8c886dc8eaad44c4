//! Evidence with any one byte changed: it never comes out verified with another meaning.

mod fixture;

use std::cell::Cell;

use counterfoil_checks::Outcome;
use counterfoil_evidence::format::Evidence;
use counterfoil_evidence::judge::{Verdict, judge};
use counterfoil_evidence::trust::Trust;
use counterfoil_rfc3161::Timestamp;
use fixture::{Authority, SOON, evidence, policy, receipt, trust};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

fn judged(bytes: &[u8], trust: &Trust) -> Option<(Evidence, Verdict)> {
    let evidence = Evidence::parse(bytes).ok()?;
    let at = Timestamp::from_seconds(i64::try_from(SOON).unwrap());
    let verdict = judge(&evidence, trust, None, at);
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

//! Whoever brings an anchor into evidence takes nothing from the others, and whoever alters one is found.

#[path = "blocks/mod.rs"]
mod blocks;
#[path = "brought/mod.rs"]
mod brought;
#[path = "fixture/mod.rs"]
mod fixture;

use brought::Row;
use counterfoil_checks::Outcome;
use counterfoil_evidence::blocks::{BlockFile, Blocks};
use counterfoil_evidence::format::Evidence;
use counterfoil_evidence::judge::{Verdict, judge};
use counterfoil_evidence::trust::Trust;
use counterfoil_rfc3161::Timestamp;
use counterfoil_tiles::receipt::Receipt;
use fixture::{Authority, SOON, evidence, policy, receipt, trust};

#[tokio::test]
async fn an_anchor_takes_nothing_from_the_others_unless_it_was_altered() {
    let one = Authority::start("one").await;
    let two = Authority::start("two").await;
    let third = Authority::start("third").await;
    let receipt = receipt(&[1, 2]);
    let signed = receipt.note().as_bytes();
    let mut rows = brought::rows(&one, &two, &third, signed);
    rows.extend(brought::of_destination(&third, signed));
    rows.extend(brought::of_a_chain_that_a_list_may_name(&third, signed));
    let shown = no_later_than(&receipt, &third);
    for row in &rows {
        let lists = row.list.iter();
        let lists = lists.map(|list| BlockFile::parse("a list".into(), list.as_bytes()).unwrap());
        let blocks = Blocks {
            lists: lists.collect(),
            ..Blocks::default()
        };
        for (trust, order) in row.trusts.iter().zip(["", ", tables backwards"]) {
            let text = evidence(&receipt, &row.anchors).to_string();
            check(row, &judged(&text, trust, &blocks), shown, order);
        }
    }
}

/// The time that an authority's anchor shows by itself.
fn no_later_than(receipt: &Receipt, by: &Authority) -> Option<Timestamp> {
    let anchor = by.anchor(receipt.note().as_bytes());
    let text = evidence(receipt, &[anchor]).to_string();
    let trust = trust(1, &policy(), &[by.trusted("")]);
    let verdict = judged(&text, &trust, &Blocks::default());
    assert!(verdict.no_later_than.is_some(), "{verdict:#?}");
    verdict.no_later_than
}

fn judged(evidence: &str, trust: &str, blocks: &Blocks) -> Verdict {
    let evidence = Evidence::parse(evidence.as_bytes()).unwrap();
    let trust = Trust::parse(trust.as_bytes()).unwrap();
    let at = Timestamp::from_seconds(i64::try_from(SOON).unwrap());
    judge(&evidence, &trust, blocks, None, at)
}

fn check(row: &Row, verdict: &Verdict, shown: Option<Timestamp>, order: &str) {
    let all = format!("{}{order}: {verdict:#?}", row.name);
    assert_eq!(verdict.outcome, row.outcome, "{all}");
    let checks = verdict.checks.iter();
    let failed = checks.filter(|check| check.outcome == Outcome::Failed);
    let mut failed: Vec<&str> = failed.map(|check| &*check.name).collect();
    let mut expected: Vec<&str> = row.failed.iter().map(String::as_str).collect();
    failed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(failed, expected, "{all}");
    let caveats = verdict.caveats.iter();
    let caveats: Vec<&String> = caveats
        .filter(|caveat| caveat.contains(" does not hold, and "))
        .collect();
    assert_eq!(caveats.len(), row.caveats.len(), "{all}");
    for (caveat, begins) in caveats.iter().zip(&row.caveats) {
        assert!(caveat.starts_with(begins.as_str()), "{all}");
    }
    for check in verdict.left_out.iter().chain(&row.by) {
        assert!(failed.contains(&check.as_str()), "{all}");
    }
    assert_eq!(row.by.is_some(), row.outcome == Outcome::Failed, "{all}");
    if let Some(by) = &row.by {
        assert!(!verdict.left_out.contains(by), "{all}");
        let words = format!("with this evidence. {by}: ");
        assert!(verdict.sentence.contains(&words), "{all}");
    }
    let is_verified = row.outcome == Outcome::Passed;
    let time = shown.filter(|_| is_verified);
    assert_eq!(verdict.no_later_than, time, "{all}");
    if row.outcome == Outcome::NotChecked {
        assert!(verdict.sentence.contains(". anchors: "), "{all}");
    }
}

//! Whoever brings an anchor into evidence takes nothing from the others, and whoever alters one is found.

#[path = "blocks/mod.rs"]
mod blocks;
#[path = "brought/mod.rs"]
mod brought;
#[path = "fixture/mod.rs"]
mod fixture;

use counterfoil_checks::Outcome;
use counterfoil_evidence::blocks::Blocks;
use counterfoil_evidence::format::Evidence;
use counterfoil_evidence::judge::judge;
use counterfoil_evidence::trust::Trust;
use counterfoil_rfc3161::Timestamp;
use fixture::{Authority, SOON, evidence, receipt};

#[tokio::test]
async fn an_anchor_takes_nothing_from_the_others_unless_it_was_altered() {
    let one = Authority::start("one").await;
    let two = Authority::start("two").await;
    let third = Authority::start("third").await;
    let receipt = receipt(&[1, 2]);
    let signed = receipt.note().as_bytes();
    let mut rows = brought::rows(&one, &two, &third, signed);
    rows.extend(brought::of_destination(&third, signed));
    for row in rows {
        let name = &row.name;
        let text = evidence(&receipt, &row.anchors).to_string();
        let evidence = Evidence::parse(text.as_bytes()).unwrap();
        let trust = Trust::parse(row.trust.as_bytes()).unwrap();
        let at = Timestamp::from_seconds(i64::try_from(SOON).unwrap());
        let verdict = judge(&evidence, &trust, &Blocks::default(), None, at);
        let checks = verdict.checks.iter();
        let failed: Vec<&str> = checks
            .filter(|check| check.outcome == Outcome::Failed)
            .map(|check| &*check.name)
            .collect();
        let all = format!("{name}: {verdict:#?}");
        assert_eq!(verdict.outcome, row.outcome, "{all}");
        for check in &row.failed {
            assert!(failed.contains(&&**check), "{all}");
        }
        let left_out = verdict.caveats.iter();
        let left_out = left_out.filter(|caveat| caveat.contains("is left out: "));
        assert_eq!(left_out.count(), row.left_out, "{all}");
        if row.outcome != Outcome::Failed || row.left_out > 0 {
            assert_eq!(failed.len(), row.failed.len(), "{all}");
        }
        match row.outcome {
            Outcome::Passed => assert!(verdict.sentence.contains("authority third at"), "{all}"),
            Outcome::Failed => {
                let by = if row.left_out > 0 {
                    "anchors"
                } else {
                    &*row.failed[0]
                };
                let words = format!("with this evidence. {by}: ");
                assert!(
                    verdict.sentence.contains(&words) || failed.len() > 1,
                    "{all}"
                );
            }
            Outcome::NotChecked => assert!(verdict.sentence.contains(". anchors: "), "{all}"),
        }
    }
}

//! Capturing revocation data over real sockets.

mod common;

use std::time::Duration;

use common::tsa::{Crl, FakeRecordJudge, FakeTsa};
use counterfoil_anchor::capture::{Captured, Capturer, Fetched, settlement};
use counterfoil_anchor::moment::{self, Moment};
use counterfoil_anchor::record::{Revocation, RevocationKind};
use counterfoil_service::client::{Client, ClientOptions};
use sha2::{Digest as _, Sha256};

const GEN_TIME: u64 = 1_700_000_000_000;

async fn capture(chain: &[Vec<u8>]) -> Captured {
    let client = Client::new(&ClientOptions::default()).unwrap();
    let capturer = Capturer::new(client, Duration::from_secs(10));
    let (gen_time, now) = (Moment::from_millis(GEN_TIME), || {
        Moment::from_millis(GEN_TIME + 5)
    });
    let fetched = Fetched::default();
    capturer
        .capture(&FakeRecordJudge, chain, gen_time, &fetched, now)
        .await
}

fn chain(authority: &FakeTsa) -> Vec<Vec<u8>> {
    let list = format!("{}crl?0", authority.url);
    vec![list.into_bytes(), b"root".to_vec()]
}

#[tokio::test]
async fn data_settle_a_certificate_when_they_can_speak_for_the_time() {
    let authority = FakeTsa::start("tsa").await;
    let crl = |this_update, revoked| Crl {
        this_update,
        next_update: Some(GEN_TIME + 60_000),
        revoked,
        held: false,
        padding: String::new(),
    };
    let held = Crl {
        held: true,
        ..crl(GEN_TIME + 1, false)
    };
    let rows = [
        (
            "issued before",
            crl(GEN_TIME - 1, false),
            true,
            false,
            false,
        ),
        ("issued after", crl(GEN_TIME + 1, false), true, true, false),
        ("revoked", crl(GEN_TIME + 1, true), true, true, true),
        ("on hold", held, true, false, false),
    ];
    for (name, crl, kept, settled, revoked) in rows {
        authority.publishes(crl);
        let captured = capture(&chain(&authority)).await;
        assert_eq!(captured.kept.len(), usize::from(kept), "{name}");
        assert_eq!(captured.settled == [0], settled, "{name}");
        assert_eq!(captured.revoked.is_some(), revoked, "{name}");
        assert_eq!(captured.next.is_some(), !settled, "{name}");
        assert_eq!(captured.held.is_some(), name == "on hold", "{name}");
        let speaks = name != "issued before";
        assert!(captured.kept.iter().all(|kept| kept.speaks == speaks));
        let stored = captured.kept.into_iter();
        let stored: Vec<_> = stored.map(|kept| kept.revocation).collect();
        let (chain, gen_time) = (chain(&authority), Moment::from_millis(GEN_TIME));
        let again = settlement(&FakeRecordJudge, &chain, &stored, gen_time);
        // The stored data say so again.
        assert_eq!(again.unsettled.is_empty(), settled, "{name}");
        assert_eq!(again.revoked.is_some(), revoked, "{name}");
        assert_eq!(again.held, captured.held, "{name}");
    }
}

/// A name, the lists that are kept (how long after the token, and whether they have the certificate on hold), and whether it is.
type Row<'a> = (&'a str, &'a [(u64, bool)], bool);

/// The rows are those of `a_hold_ends_when_newer_data_say_so`, by which evidence is judged: the anchor must not hold for settled
/// what a verifier refuses.
#[test]
fn a_hold_counts_until_newer_data_end_it() {
    let chain = vec![b"http://ca.example/crl".to_vec(), b"root".to_vec()];
    let list = |(after, held)| Revocation {
        kind: RevocationKind::Crl,
        certificate: Sha256::digest(&chain[0]).into(),
        url: "http://ca.example/crl".to_owned(),
        fetched: Moment::from_millis(GEN_TIME),
        data: serde_json::to_vec(&Crl {
            held,
            ..Crl::good(GEN_TIME + after)
        })
        .unwrap(),
    };
    let rows: [Row<'_>; 6] = [
        ("held", &[(1, true)], true),
        ("held, then released", &[(1, true), (2, false)], false),
        ("good, then held", &[(1, false), (2, true)], true),
        (
            "held, and good of the same moment",
            &[(1, true), (1, false)],
            true,
        ),
        (
            "held, released and held again",
            &[(1, true), (2, false), (3, true)],
            true,
        ),
        (
            "held twice, then released",
            &[(1, true), (2, true), (3, false)],
            false,
        ),
    ];
    for (name, said, held) in rows {
        let mut kept: Vec<Revocation> = said.iter().copied().map(list).collect();
        for _ in 0..2 {
            let gen_time = Moment::from_millis(GEN_TIME);
            let found = settlement(&FakeRecordJudge, &chain, &kept, gen_time);
            assert_eq!(found.held.is_some(), held, "{name}: {found:?}");
            assert_eq!(found.unsettled == [0], held, "{name}: {found:?}");
            assert_eq!(found.revoked, None, "{name}");
            kept.reverse();
        }
    }
}

#[tokio::test]
async fn what_cannot_be_had_is_named_and_not_kept() {
    let authority = FakeTsa::start("tsa").await;
    let captured = capture(&chain(&authority)).await;
    assert_eq!(captured.kept, []);
    let [trouble] = &captured.troubles[..] else {
        panic!("{captured:?}");
    };
    assert!(trouble.ends_with("/crl?0: the answer is 503"), "{trouble}");
}

#[tokio::test]
async fn one_sweep_asks_one_place_once() {
    let authority = FakeTsa::start("tsa").await;
    authority.publishes(Crl::good(GEN_TIME + 1));
    let client = Client::new(&ClientOptions::default()).unwrap();
    let capturer = Capturer::new(client, Duration::from_secs(10));
    let fetched = Fetched::default();
    for _ in 0..5 {
        let settled = capturer
            .capture(
                &FakeRecordJudge,
                &chain(&authority),
                Moment::from_millis(GEN_TIME),
                &fetched,
                moment::now,
            )
            .await
            .settled;
        assert_eq!(settled, [0]);
    }
    assert_eq!(authority.listed(), 1);
}

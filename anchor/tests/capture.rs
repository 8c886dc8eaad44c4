//! Capturing revocation data over real sockets.

mod common;

use std::time::Duration;

use common::tsa::{Crl, FakeRecordJudge, FakeTsa};
use counterfoil_anchor::capture::{Captured, Capturer, Fetched, settlement};
use counterfoil_anchor::moment::{self, Moment};
use counterfoil_service::client::{Client, ClientOptions};

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
        assert!(captured.kept.iter().all(|kept| kept.settles == settled));
        let stored = captured.kept.into_iter();
        let stored: Vec<_> = stored.map(|kept| kept.revocation).collect();
        let (chain, gen_time) = (chain(&authority), Moment::from_millis(GEN_TIME));
        let again = settlement(&FakeRecordJudge, &chain, &stored, gen_time);
        // The stored data say so again.
        assert_eq!(again.unsettled.is_empty(), settled, "{name}");
        assert_eq!(again.revoked.is_some(), revoked, "{name}");
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

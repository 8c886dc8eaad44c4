//! Capturing revocation data over real sockets.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::tsa::{Crl, FakeRecordJudge, FakeTsa};
use counterfoil_anchor::capture::{Captured, Capturer, Fetched, Places, settlement};
use counterfoil_anchor::judge::RecordJudge;
use counterfoil_anchor::moment::Moment;
use counterfoil_anchor::names::AuthorityName;
use counterfoil_anchor::record::{Revocation, RevocationKind};
use counterfoil_service::client::{Client, ClientOptions};
use sha2::{Digest as _, Sha256};

const GEN_TIME: u64 = 1_700_000_000_000;

fn capturer(deadline: Duration) -> Capturer {
    let client = Client::new(&ClientOptions::default()).unwrap();
    Capturer::new(client, deadline)
}

fn name(text: &str) -> AuthorityName {
    text.parse().unwrap()
}

/// What a capturer gets for a token of an authority.
async fn captured(capturer: &Capturer, authority: &str, chain: &[Vec<u8>]) -> Captured {
    let gen_time = Moment::from_millis(GEN_TIME);
    let now = || Moment::from_millis(GEN_TIME + 5);
    let judge: Arc<dyn RecordJudge> = Arc::new(FakeRecordJudge);
    capturer
        .capture(&judge, &name(authority), chain, gen_time, now)
        .await
}

async fn capture(chain: &[Vec<u8>]) -> Captured {
    captured(&capturer(Duration::from_secs(10)), "tsa", chain).await
}

fn chain(authority: &FakeTsa) -> Vec<Vec<u8>> {
    lists(authority, 1)
}

/// A chain that names so many lists.
fn lists(authority: &FakeTsa, count: usize) -> Vec<Vec<u8>> {
    let lists = (0..count).map(|number| format!("{}crl?{number}", authority.url));
    let lists: Vec<String> = lists.collect();
    vec![lists.join(" ").into_bytes(), b"root".to_vec()]
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
async fn one_pass_asks_one_place_once() {
    let authority = FakeTsa::start("tsa").await;
    authority.publishes(Crl::good(GEN_TIME + 1));
    let asks = capturer(Duration::from_secs(10));
    let (fetched, gen_time) = (Fetched::default(), Moment::from_millis(GEN_TIME));
    let chain = chain(&authority);
    for _ in 0..5 {
        let mut places = Places::of(&FakeRecordJudge, &chain, |_| true);
        let asked = asks.ask(&name("tsa"), &mut places, &fetched).await;
        let mut found = asked.unwrap();
        let captured = found.judge(&FakeRecordJudge, &chain, gen_time, |_| true, gen_time);
        assert_eq!(captured.settled, [0]);
        let asked = asks.ask(&name("tsa"), &mut places, &fetched).await;
        assert!(asked.is_none(), "there is no other place");
    }
    assert_eq!(authority.listed(), 1);
}

/// 7 MiB, so that two are fetched at once, and eight have room in a share of 64 MiB.
fn large() -> Crl {
    Crl {
        padding: "x".repeat(7 << 20),
        ..Crl::good(GEN_TIME + 1)
    }
}

const MIB: usize = 1 << 20;

#[tokio::test]
async fn what_one_authority_publishes_takes_no_room_of_another() {
    let authority = FakeTsa::start("tsa").await;
    authority.publishes(large());
    let asks = capturer(Duration::from_mins(1));
    let chain = lists(&authority, 10);
    let first = captured(&asks, "first", &chain).await;
    assert_eq!(first.kept.len(), 8);
    let troubles = &first.troubles;
    assert_eq!(troubles.len(), 2, "{troubles:?}");
    let later = |trouble: &String| trouble.contains("it is asked later: what else was fetched");
    assert!(troubles.iter().all(later), "{troubles:?}");
    let share = 56 * MIB..64 * MIB;
    assert!(share.contains(&asks.taken()), "{}", asks.taken());
    let second = captured(&asks, "second", &chain).await;
    assert_eq!(second.kept.len(), 8);
    // Another token of the first waits until there is room, and is not left without.
    let one = lists(&authority, 1);
    let (third, ()) = tokio::join!(captured(&asks, "first", &one), async { drop(first) });
    assert_eq!((third.kept.len(), &third.troubles[..]), (1, &[][..]));
    drop(third);
    assert!(share.contains(&asks.taken()), "{}", asks.taken());
    drop(second);
    assert_eq!(asks.taken(), 0);
}

#[tokio::test]
async fn a_pass_holds_no_more_than_a_share_however_much_it_fetches() {
    let authority = FakeTsa::start("tsa").await;
    authority.publishes(large());
    let asks = capturer(Duration::from_mins(1));
    let fetched = Fetched::default();
    let chain = lists(&authority, 10);
    let mut places = Places::of(&FakeRecordJudge, &chain, |_| true);
    let gen_time = Moment::from_millis(GEN_TIME);
    let mut kept = 0;
    let tsa = name("tsa");
    while let Some(mut found) = asks.ask(&tsa, &mut places, &fetched).await {
        assert!(found.troubles.is_empty(), "{:?}", found.troubles);
        assert!(asks.taken() <= 64 * MIB, "{}", asks.taken());
        let captured = found.judge(&FakeRecordJudge, &chain, gen_time, |_| true, gen_time);
        kept += captured.kept.len();
    }
    assert_eq!((kept, authority.listed()), (10, 10));
    drop(fetched);
    assert_eq!(asks.taken(), 0);
}

#[tokio::test]
async fn a_token_waits_once_for_places_that_do_not_answer_however_many_there_are() {
    let authority = FakeTsa::start("tsa").await;
    authority.hangs_lists();
    let asks = capturer(Duration::from_millis(500));
    let captured = captured(&asks, "tsa", &lists(&authority, 6)).await;
    assert_eq!(captured.troubles.len(), 6, "{:?}", captured.troubles);
    assert_eq!(authority.listed(), 2);
    assert_eq!(asks.taken(), 0);
}

//! Which checkpoint is chosen.

use counterfoil_evidence::trust::{Authority as TrustedAuthority, Trust};
use counterfoil_rfc3161::Certificate;
use counterfoil_tiles::key::{Algorithm, KeyName, Seed, SigningKey};

use super::*;
use crate::world::ORIGIN;

#[tokio::test]
async fn the_earliest_of_those_with_the_most_authorities_is_chosen() {
    let (one, two) = (Authority::start("one").await, Authority::start("two").await);
    let mut anchor = Fake::default();
    anchor.anchors(&note(20, 0), &[&one]);
    anchor.anchors(&note(30, 0), &[&one, &two]);
    anchor.anchors(&note(40, 0), &[&one, &two]);
    anchor.anchors(&note(100, 0), &[&one]);
    let anchors = [anchor];
    let rows = [
        ("two there soon", 5_u8, 30, vec!["one", "two"]),
        (
            "the size is no longer its index",
            30,
            40,
            vec!["one", "two"],
        ),
        ("only one is left", 40, 100, vec!["one"]),
    ];
    for (name, index, size, authorities) in rows {
        let outcome = of(index.into(), &anchors).await;
        let authorities: Vec<String> = authorities.into_iter().map(str::to_owned).collect();
        assert_eq!(chosen(&outcome), (size, authorities), "{name}");
        let gathered = outcome.unwrap();
        assert_eq!(gathered.receipt.index().get(), u64::from(index), "{name}");
        let entry = Entry::of_contents(vec![0, index]);
        let evidence = gathered.evidence(entry, String::new()).unwrap();
        let parsed = Evidence::parse(&evidence.encode().unwrap()).unwrap();
        assert_eq!(parsed.checkpoint(), note(size, 0).as_bytes(), "{name}");
    }
    let outcome = of(100, &anchors).await;
    assert_eq!(outcome, Err(NotGathered::Nothing(Vec::new())), "not yet");
    for (size, found) in [(20, true), (21, false)] {
        let wanted = Wanted {
            sizes: Sizes::Only(TreeSize::new(size)),
            ..wanted(5)
        };
        let outcome = gather(wanted, &now(), &anchors, receipt, pending()).await;
        assert_eq!(outcome.is_ok(), found, "{size}");
    }
}

/// A checkpoint that several anchors have is taken, though each of them has an earlier one of its own.
#[tokio::test]
async fn what_several_anchors_vouch_for_is_found() {
    let (one, two) = (Authority::start("one").await, Authority::start("two").await);
    let (mut first, mut second) = (Fake::default(), Fake::default());
    first.anchors(&note(20, 0), &[&one]);
    first.anchors(&note(40, 0), &[&one]);
    second.anchors(&note(30, 0), &[&two]);
    second.anchors(&note(40, 0), &[&two]);
    assert_eq!(chosen(&of(5, &[first, second]).await).0, 40);
}

#[tokio::test]
async fn records_of_several_anchors_are_put_together_and_no_token_twice() {
    let (one, two) = (Authority::start("one").await, Authority::start("two").await);
    let (mut first, mut second) = (Fake::default(), Fake::default());
    first.anchors(&note(20, 0), &[&one]);
    second.anchors(&note(20, 0), &[&two]);
    // Passed on.
    let passed: Vec<(String, Vec<u8>)> = first.blobs.clone().into_iter().collect();
    second.blobs.extend(passed);
    let outcome = of(5, &[first, second]).await;
    assert_eq!(chosen(&outcome).0, 20);
    let mut names = chosen(&outcome).1;
    names.sort();
    assert_eq!(names, ["one", "two"]);
}

/// What is listed says what is looked at first, and no more.
#[tokio::test]
async fn an_anchor_gains_nothing_by_listing_what_it_does_not_have() {
    let (one, two) = (Authority::start("one").await, Authority::start("two").await);
    for made_up in [1, 20] {
        let mut anchor = Fake::default();
        anchor.anchors(&note(60, 0), &[&one]);
        for number in 0..made_up {
            let name = format!("rfc3161-made-up-{number}");
            anchor.record(place(&note(60, 0)), &name, b"{}".to_vec());
        }
        anchor.anchors(&note(20, 0), &[&one, &two]);
        assert_eq!(chosen(&of(5, &[anchor]).await).0, 20, "{made_up}");
    }
    let late = Fake {
        instead: [(format!("{}/anchors", log()), Ok(Some("300\n".into())))].into(),
        ..Fake::default()
    };
    assert_eq!(of(5, &[late]).await, Err(NotGathered::Nothing(Vec::new())));
}

/// Whoever runs an anchor can have as many authorities as they like, whose tokens all hold under roots of their own, and over every
/// checkpoint.
#[tokio::test]
async fn roots_of_ones_own_win_nothing() {
    let made_up = ["a", "b", "c", "d", "e"];
    let mut own = Vec::new();
    for name in made_up {
        own.push(Authority::start(name).await);
    }
    let all: Vec<&Authority> = own.iter().collect();
    let (one, two) = (Authority::start("one").await, Authority::start("two").await);
    let by_all = |size: u64| {
        let mut liar = Fake::default();
        liar.anchors(&note(size, 0), &all);
        liar
    };
    let (mut first, mut second) = (Fake::default(), Fake::default());
    first.anchors(&note(30, 0), &[&one]);
    second.anchors(&note(30, 0), &[&two]);
    let outcome = of(5, &[by_all(20), first, second]).await;
    let names = vec!["one".to_owned(), "two".to_owned()];
    assert_eq!(chosen(&outcome), (30, names), "two anchors beside one");
    // Anchor against anchor, the one that was named first counts, whether the other's is smaller, larger, or on many sizes.
    for size in [20, 40] {
        let mut honest = Fake::default();
        honest.anchors(&note(30, 0), &[&one]);
        let outcome = of(5, &[honest, by_all(size)]).await;
        assert_eq!(chosen(&outcome), (30, vec!["one".to_owned()]), "{size}");
    }
    // At one anchor, what is beyond a few roots does not count.
    let (few, _) = all.split_at(COUNTED_ROOTS);
    let mut anchor = by_all(30);
    anchor.anchors(&note(20, 0), few);
    assert_eq!(chosen(&of(5, &[anchor]).await).0, 20);
    // And several names for one root are one root.
    let mut anchor = Fake::default();
    let checkpoint = note(30, 0);
    let place = anchor.checkpoint(&checkpoint);
    for name in made_up {
        let mut record = own[0].record(checkpoint.as_bytes());
        record.authority = name.parse().unwrap();
        anchor.record(place, &format!("rfc3161-{name}"), record.encode().unwrap());
    }
    anchor.anchors(&note(20, 0), &[&one]);
    assert_eq!(chosen(&of(5, &[anchor]).await).0, 20);
}

/// Trust in these, of whom so many must vouch.
fn trust(needed: usize, authorities: &[&Authority]) -> Arc<Trust> {
    let name = KeyName::new(ORIGIN).unwrap();
    let key = SigningKey::from_seed(name, Algorithm::Ed25519, &Seed::new([1; 32])).unwrap();
    let policy = format!("log {}\nquorum none\n", key.vkey());
    let authorities = authorities.iter().map(|one| {
        let root = Certificate::parse(one.tsa.root()).unwrap();
        TrustedAuthority::new(one.name.parse().unwrap(), vec![root])
    });
    let trust = Trust::new(needed, policy, authorities.collect(), Vec::new());
    Arc::new(trust.unwrap())
}

/// Where it is known whom the verifier trusts, no liar wins, wherever it is named, and whatever it anchors.
#[tokio::test]
async fn whom_the_verifier_trusts_decides() {
    let (one, two) = (Authority::start("one").await, Authority::start("two").await);
    let liars = [Authority::start("a").await, Authority::start("b").await];
    let liars: Vec<&Authority> = liars.iter().collect();
    let lies = |size: u64| {
        let mut liar = Fake::default();
        liar.anchors(&note(size, 0), &liars);
        liar
    };
    let honest = |by: &[(u64, &[&Authority])]| {
        let mut honest = Fake::default();
        for (size, authorities) in by {
            honest.anchors(&note(*size, 0), authorities);
        }
        honest
    };
    let (only_one, both): (&[_], &[_]) = (&[&one], &[&one, &two]);
    let cases = [
        ("one is enough", 1, [(30, only_one), (40, only_one)], 30),
        ("two are needed", 2, [(30, only_one), (40, both)], 40),
        ("more are not needed", 1, [(30, both), (40, only_one)], 30),
    ];
    for (name, needed, by, size) in cases {
        let whom = trust(needed, &[&one, &two]);
        for lie in [20, 30, 35, 50] {
            // A second liar of one mind with the first.
            let anchors = [lies(lie), lies(lie), honest(&by)];
            let by = By {
                trust: Some(Arc::clone(&whom)),
                ..now()
            };
            let outcome = gather(wanted(5), &by, &anchors, receipt, pending()).await;
            assert_eq!(chosen(&outcome).0, size, "{name}, {lie}");
        }
    }
}

/// Two anchors have a checkpoint in common, among more of one size than are looked at.
#[tokio::test]
async fn what_several_have_is_not_cut_off() {
    let (one, two) = (Authority::start("one").await, Authority::start("two").await);
    let mut notes: Vec<Note> = (1..=40).map(|time| cosigned(20, 0, &[time])).collect();
    notes.sort_by_key(place);
    let common = notes.pop().unwrap();
    let (mut first, mut second) = (Fake::default(), Fake::default());
    for note in &notes {
        first.checkpoint(note);
        second.checkpoint(note);
    }
    // Others than the first have them: only places that both list are common.
    for (anchor, authority) in [(&mut first, &one), (&mut second, &two)] {
        anchor.anchors(&common, &[authority]);
    }
    second
        .blobs
        .retain(|path, _| path.starts_with(&place(&common).to_string()));
    let outcome = of(5, &[first, second]).await;
    assert_eq!(chosen(&outcome).1, ["one", "two"]);
}

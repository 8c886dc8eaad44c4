//! What is gathered of honest anchors, and what is not taken of others: tokens are real, and the rest is said by them.

#[path = "../blocks/mod.rs"]
mod blocks;
#[path = "../kept/mod.rs"]
mod kept;
mod world;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use counterfoil_dev_tsa::Behaviour;
use counterfoil_evidence::format::{AnchorRecords, Entry, Evidence};
use counterfoil_evidence::gather::{
    COUNTED_ROOTS, Failed, FailedKind, Gathered, MAX_CHECKPOINTS, MAX_PLACES, MAX_RECORDS,
    MAX_SIZES, NoReceipt, NotGathered, Sizes, Trouble, Wanted, gather, newest,
};
use counterfoil_evidence::moment::Moment;
use counterfoil_evidence::names::{Named, Place};
use counterfoil_evidence::record::{
    BlockRecord, Revocation, RevocationKind, RevocationRecord, TokenRecord,
};
use counterfoil_tiles::hash::{LeafIndex, TreeSize};
use counterfoil_tiles::note::Note;
use kept::Authority;
use tokio::sync::Barrier;
use world::{Fake, PUBLISHED, cosigned, log, note, place, receipt};

fn wanted(index: u64) -> Wanted {
    Wanted {
        log: log(),
        index: LeafIndex::new(index),
        sizes: Sizes::UpTo(TreeSize::new(PUBLISHED)),
    }
}

type Outcome = Result<Gathered, NotGathered<&'static str>>;

async fn of(index: u64, anchors: &[Fake]) -> Outcome {
    gather(wanted(index), anchors, receipt).await
}

/// The size that was chosen, and whose tokens there are.
fn chosen(outcome: &Outcome) -> (u64, Vec<String>) {
    let gathered = outcome.as_ref().unwrap();
    let size = gathered.receipt.checkpoint().size().get();
    let names = gathered
        .records
        .iter()
        .map(|one| one.authority().1.to_string());
    (size, names.collect())
}

fn troubles(outcome: Outcome) -> Vec<Trouble> {
    match outcome {
        Ok(gathered) => gathered.troubles,
        Err(NotGathered::Nothing(troubles)) => troubles,
        Err(NotGathered::Log(error)) => panic!("{error}"),
    }
}

fn silent(what: &str) -> Result<Option<Bytes>, Failed> {
    Err(Failed {
        kind: FailedKind::Silent,
        what: what.to_owned(),
    })
}

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
        let outcome = gather(wanted, &anchors, receipt);
        assert_eq!(outcome.await.is_ok(), found, "{size}");
    }
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

#[tokio::test]
async fn added_revocation_data_come_with_their_token() {
    let one = Authority::start("one").await;
    let mut anchor = Fake::default();
    anchor.anchors(&note(20, 0), &[&one]);
    let place = place(&note(20, 0));
    let data = |byte: u8| Revocation {
        kind: RevocationKind::Crl,
        certificate: [byte; 32],
        url: "http://crl.example/".to_owned(),
        fetched: Moment::from_millis(1),
        data: vec![byte],
    };
    for number in 1..=10 {
        let added = RevocationRecord {
            token: "rfc3161-one".parse().unwrap(),
            revocation: vec![data(number)],
        };
        let name = format!("rfc3161-one-revocation-{number}");
        anchor.record(place, &name, added.encode().unwrap());
    }
    let of_another = RevocationRecord {
        token: "rfc3161-one.2".parse().unwrap(),
        revocation: vec![data(11)],
    };
    anchor.record(
        place,
        "rfc3161-one-revocation-11",
        of_another.encode().unwrap(),
    );
    let gathered = of(5, &[anchor]).await.unwrap();
    let AnchorRecords::Token(records) = &gathered.records[0] else {
        panic!("{gathered:?}");
    };
    let added = records.added.iter();
    let bytes: Vec<u8> = added.map(|added| added.revocation[0].data[0]).collect();
    // The last ones, in their order, less the one that is another token's.
    assert_eq!(bytes, [4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(gathered.troubles.len(), 1);
    assert!(gathered.troubles[0].failed.what.contains("rfc3161-one.2"));
}

/// Each lie is noted, and the honest anchor beside the liar is heard.
#[tokio::test]
#[allow(clippy::too_many_lines, reason = "a row for each lie")]
async fn what_an_anchor_says_is_not_believed() {
    let (one, two) = (Authority::start("one").await, Authority::start("two").await);
    let honest = || {
        let mut honest = Fake::default();
        honest.anchors(&note(50, 0), &[&two]);
        honest
    };
    let good = note(20, 0);
    let record = |note: &Note| one.record(note.as_bytes());
    let with = |change: &dyn Fn(&mut TokenRecord)| {
        let mut liar = Fake::default();
        let place = liar.checkpoint(&good);
        let mut record = record(&good);
        change(&mut record);
        liar.record(place, "rfc3161-one", record.encode().unwrap());
        liar
    };
    let elsewhere = |note: &Note, place: Place| {
        let mut liar = Fake::default();
        let path = place.path(&Named::Checkpoint);
        liar.blobs.insert(path, note.as_bytes().to_vec());
        liar.record(place, "rfc3161-one", record(note).encode().unwrap());
        liar
    };
    let mut fork = Fake::default();
    fork.anchors(&note(20, 1), &[&one]);
    let mut no_list = Fake::default();
    let sizes = format!("{}/anchors", log());
    let garbage = Bytes::from_static(b"<html>");
    no_list.instead.insert(sizes, Ok(Some(garbage)));
    let mut no_record = with(&|_| {});
    let path = place(&good).path(&Named::Record("rfc3161-one".parse().unwrap()));
    no_record.blobs.insert(path, b"{}".to_vec());
    let behaving = |behaviour| {
        one.tsa.behave(behaviour);
        let liar = with(&|_| {});
        one.tsa.behave(Behaviour::Honest);
        liar
    };
    let other = note(21, 0);
    let rows = [
        ("a fork", fork, "another history"),
        (
            "the name of another checkpoint",
            elsewhere(&other, place(&good)),
            "has the SHA-256",
        ),
        (
            "the size of another checkpoint",
            elsewhere(
                &other,
                Place {
                    size: TreeSize::new(20),
                    ..place(&other)
                },
            ),
            "of size 21",
        ),
        (
            "a record about another",
            with(&|record| record.checkpoint = other.as_bytes().to_vec()),
            "another checkpoint",
        ),
        (
            "a token over another",
            with(&|record| record.token = one.tsa.stamp(other.as_bytes()).unwrap()),
            "imprint",
        ),
        ("other data", behaving(Behaviour::OtherData), "imprint"),
        (
            "a bad signature",
            behaving(Behaviour::BadSignature),
            "signature",
        ),
        (
            "a root that is not in the chain",
            behaving(Behaviour::Untrusted),
            "path",
        ),
        (
            "another purpose besides",
            behaving(Behaviour::EkuNotSole),
            "extended key usage",
        ),
        (
            "a byte of the token",
            with(&|record| *record.token.last_mut().unwrap() ^= 1),
            "token's",
        ),
        (
            "another's chain",
            with(&|record| record.certificates = two.record(b"").certificates),
            "token's path",
        ),
        (
            "no chain",
            with(&|record| record.certificates.clear()),
            "token's",
        ),
        (
            "another time",
            with(&|record| record.gen_time = Moment::from_millis(0)),
            "another time",
        ),
        (
            "another authority",
            with(&|record| record.authority = "three".parse().unwrap()),
            "expected a token of one",
        ),
        ("no URL", with(&|record| record.url = String::new()), "url"),
        ("no record", no_record, "expected the JSON"),
        ("no list", no_list, "not a line of this list"),
    ];
    for (name, liar, reason) in rows {
        let alone = troubles(of(5, std::slice::from_ref(&liar)).await);
        assert!(
            alone
                .iter()
                .any(|trouble| trouble.failed.what.contains(reason)),
            "{name}: {alone:?}"
        );
        let unusable = |trouble: &Trouble| trouble.failed.kind == FailedKind::Unusable;
        assert!(alone.iter().all(unusable), "{name}: {alone:?}");
        let outcome = of(5, &[liar, honest()]).await;
        assert_eq!(chosen(&outcome), (50, vec!["two".to_owned()]), "{name}");
    }
}

/// What is listed says what is looked at first, and no more.
#[tokio::test]
async fn an_anchor_gains_nothing_by_listing_what_it_does_not_have() {
    let (one, two) = (Authority::start("one").await, Authority::start("two").await);
    let mut liar = Fake::default();
    liar.anchors(&note(60, 0), &[&one]);
    for number in 0..20 {
        let name = format!("rfc3161-made-up-{number}");
        liar.record(place(&note(60, 0)), &name, b"{}".to_vec());
    }
    let mut honest = Fake::default();
    honest.anchors(&note(20, 0), &[&one, &two]);
    let outcome = of(5, &[liar, honest]).await;
    assert_eq!(chosen(&outcome).0, 20);
    let mut liar = Fake::default();
    liar.anchors(&note(60, 0), &[&one]);
    liar.record(place(&note(60, 0)), "rfc3161-made-up", b"{}".to_vec());
    let mut honest = Fake::default();
    honest.anchors(&note(20, 0), &[&two]);
    let outcome = of(5, &[liar, honest]).await;
    assert_eq!(chosen(&outcome).0, 20);
    let late = Fake {
        instead: [(format!("{}/anchors", log()), Ok(Some("300\n".into())))].into(),
        ..Fake::default()
    };
    assert_eq!(of(5, &[late]).await, Err(NotGathered::Nothing(Vec::new())));
}

/// Whoever runs an anchor can have as many authorities as they like, whose tokens all hold under roots of their own.
#[tokio::test]
async fn roots_of_ones_own_win_nothing() {
    let made_up = ["a", "b", "c", "d", "e"];
    let mut own = Vec::new();
    for name in made_up {
        own.push(Authority::start(name).await);
    }
    let all: Vec<&Authority> = own.iter().collect();
    let (one, two) = (Authority::start("one").await, Authority::start("two").await);
    let mut liar = Fake::default();
    liar.anchors(&note(20, 0), &all);
    let (mut first, mut second) = (Fake::default(), Fake::default());
    first.anchors(&note(30, 0), &[&one]);
    second.anchors(&note(30, 0), &[&two]);
    let outcome = of(5, &[liar, first, second]).await;
    let names = vec!["one".to_owned(), "two".to_owned()];
    assert_eq!(chosen(&outcome), (30, names), "two anchors beside one");
    // Anchor against anchor, what is beyond a few roots does not count.
    let mut liar = Fake::default();
    liar.anchors(&note(30, 0), &all);
    let mut honest = Fake::default();
    let (few, _) = all.split_at(COUNTED_ROOTS);
    honest.anchors(&note(20, 0), few);
    assert_eq!(chosen(&of(5, &[liar, honest]).await).0, 20);
    // And several names for one root are one root.
    let mut liar = Fake::default();
    let checkpoint = note(30, 0);
    let place = liar.checkpoint(&checkpoint);
    for name in made_up {
        let mut record = own[0].record(checkpoint.as_bytes());
        record.authority = name.parse().unwrap();
        liar.record(place, &format!("rfc3161-{name}"), record.encode().unwrap());
    }
    let mut honest = Fake::default();
    honest.anchors(&note(20, 0), &[&one]);
    assert_eq!(chosen(&of(5, &[liar, honest]).await).0, 20);
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

/// What one anchor gives is not at the expense of another.
#[tokio::test]
async fn each_anchor_has_room_of_its_own() {
    let one = Authority::start("one").await;
    let checkpoint = note(20, 0);
    let honest = || {
        let mut honest = Fake::default();
        honest.anchors(&checkpoint, &[&one]);
        honest
    };
    let mut many = Fake::default();
    let place = many.checkpoint(&checkpoint);
    for number in 0..200 {
        many.record(place, &format!("rfc3161-a{number}"), b"{}".to_vec());
    }
    let mut large = Fake::default();
    large.checkpoint(&checkpoint);
    for name in ["a", "b", "c"] {
        let record = vec![b' '; 24 << 20];
        large.record(place, &format!("rfc3161-{name}"), record);
    }
    for (name, liar) in [("many", many), ("large", large)] {
        let outcome = of(5, &[liar, honest()]).await;
        assert_eq!(chosen(&outcome), (20, vec!["one".to_owned()]), "{name}");
    }
}

/// A block counts as a token does, and is as little believed.
#[tokio::test]
async fn blocks_are_gathered_with_tokens() {
    let one = Authority::start("one").await;
    let checkpoint = note(30, 0);
    let record = |of: &Note| BlockRecord {
        name: "mainnet".parse().unwrap(),
        checkpoint: of.as_bytes().to_vec(),
        block: blocks::block(of.as_bytes()).record,
        recorded: Moment::from_millis(1),
    };
    let mut anchor = Fake::default();
    anchor.anchors(&note(20, 0), &[&one]);
    anchor.anchors(&checkpoint, &[&one]);
    let block = record(&checkpoint).encode().unwrap();
    anchor.record(place(&checkpoint), "ethereum-mainnet", block);
    let outcome = of(5, std::slice::from_ref(&anchor)).await;
    let names = vec!["mainnet".to_owned(), "one".to_owned()];
    assert_eq!(
        chosen(&outcome),
        (30, names),
        "two authorities, though later"
    );
    let gathered = outcome.unwrap();
    assert_eq!(gathered.troubles, []);
    let entry = Entry::of_contents(vec![0, 5]);
    let evidence = gathered.evidence(entry, String::new()).unwrap();
    let read = Evidence::parse(&evidence.encode().unwrap()).unwrap();
    assert_eq!(read, evidence);
    let newest = newest(log(), &anchor, receipt).await.unwrap().unwrap();
    assert_eq!(newest.records.len(), 2);

    let other = record(&note(31, 0));
    let with = |change: &dyn Fn(&mut BlockRecord)| {
        let mut record = record(&checkpoint);
        change(&mut record);
        record
    };
    let rows = [
        (
            "another name",
            with(&|record| record.name = "x".parse().unwrap()),
            "expected a block of mainnet",
        ),
        ("of another checkpoint", other.clone(), "the block's"),
        (
            "said to be of another checkpoint",
            with(&|record| record.checkpoint = other.checkpoint.clone()),
            "about the receipt's checkpoint",
        ),
        (
            "a byte of the transaction",
            with(&|record| *record.block.transaction.last_mut().unwrap() ^= 1),
            "the block's",
        ),
        (
            "another chain",
            with(&|record| record.block.chain_id = 1),
            "the block's",
        ),
        (
            "no header",
            with(&|record| record.block.header.clear()),
            "header",
        ),
        (
            "a node too many",
            with(&|record| record.block.receipt_proof = vec![vec![0]; 18]),
            "nodes of a proof",
        ),
    ];
    for (name, lie, reason) in rows {
        let mut liar = Fake::default();
        let place = liar.checkpoint(&checkpoint);
        liar.record(place, "ethereum-mainnet", lie.encode().unwrap());
        let found = troubles(of(5, &[liar]).await);
        assert!(
            found.iter().any(|one| one.failed.what.contains(reason)),
            "{name}: {found:?}"
        );
    }
}

/// No anchor waits for another: each gives its record only when both were asked for theirs.
#[tokio::test]
async fn anchors_are_asked_at_one_time() {
    let (one, two) = (Authority::start("one").await, Authority::start("two").await);
    let (mut first, mut second) = (Fake::default(), Fake::default());
    let meeting = Some(Arc::new(Barrier::new(2)));
    (first.meeting, second.meeting) = (meeting.clone(), meeting);
    first.anchors(&note(20, 0), &[&one]);
    second.anchors(&note(30, 0), &[&two]);
    let anchors = [first, second];
    let gathered = of(5, &anchors);
    let gathered = tokio::time::timeout(Duration::from_mins(1), gathered);
    assert_eq!(chosen(&gathered.await.unwrap()).0, 20);
}

/// Cosignatures change at one size: evidence wants the first time, and who watches an anchor its last.
#[tokio::test]
async fn of_one_size_the_time_decides() {
    let start = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
    let one = Authority::standing_at("one", start).await;
    // Their hashes say nothing of their times, and every one comes first once.
    let mut notes: Vec<Note> = (1..=4).map(|time| cosigned(20, 0, &[time])).collect();
    for _ in 0..notes.len() {
        notes.rotate_left(1);
        let mut anchor = Fake::default();
        for (hour, note) in (0..).zip(&notes) {
            one.clock.set(start + Duration::from_hours(hour));
            anchor.anchors(note, &[&one]);
        }
        // A later token over the last one.
        one.clock.set(start + Duration::from_hours(9));
        let last = notes.last().unwrap();
        let again = one.record(last.as_bytes()).encode().unwrap();
        anchor.record(place(last), "rfc3161-one.2", again);
        let seconds = |gathered: &Gathered| gathered.records[0].seconds().unwrap() - 1_800_000_000;
        let first = of(5, std::slice::from_ref(&anchor)).await.unwrap();
        assert_eq!(first.receipt.note(), &notes[0]);
        assert_eq!(seconds(&first), 0);
        let newest = newest(log(), &anchor, receipt).await.unwrap().unwrap();
        assert_eq!(newest.receipt.note(), last);
        assert_eq!(seconds(&newest), 9 * 3_600);
    }
}

#[tokio::test]
async fn an_anchor_that_is_silent_is_named_and_asked_no_more() {
    let one = Authority::start("one").await;
    let mut dead = Fake::default();
    dead.instead
        .insert(format!("{}/anchors", log()), silent("down"));
    let outcome = of(5, &[dead]).await;
    let found = troubles(outcome);
    assert_eq!((found.len(), found[0].failed.kind), (1, FailedKind::Silent));
    let mut dying = Fake::default();
    dying.anchors(&note(20, 0), &[&one]);
    dying.anchors(&note(30, 0), &[&one]);
    let path = place(&note(20, 0)).path(&Named::Checkpoint);
    dying.instead.insert(path, silent("down"));
    let anchors = [dying];
    assert_eq!(troubles(of(5, &anchors).await).len(), 1);
    assert_eq!(anchors[0].asked("/checkpoint"), 1);
}

#[tokio::test]
async fn a_request_costs_bounded_work() {
    let mut anchor = Fake::default();
    for size in 20..120 {
        for time in 1..=40 {
            anchor.checkpoint(&cosigned(size, 0, &[time]));
        }
    }
    // One size has all that is looked at of one size, another the rest.
    let (mut listed, mut records) = (0, 0);
    let checkpoints = anchor.blobs.keys().cloned().collect::<Vec<String>>();
    for checkpoint in checkpoints {
        let (folder, _) = checkpoint.rsplit_once('/').unwrap();
        for number in 2..100 {
            let path = format!("{folder}/rfc3161-one.{number}");
            anchor.blobs.insert(path, b"{}".to_vec());
        }
    }
    let anchors = [anchor];
    assert!(of(5, &anchors).await.is_err());
    for path in &*anchors[0].asked.lock().unwrap() {
        listed += usize::from(path.matches('/').count() == 3);
        records += usize::from(path.contains("/rfc3161-"));
    }
    assert_eq!(listed, MAX_PLACES);
    assert!(listed <= MAX_CHECKPOINTS * MAX_SIZES);
    assert_eq!(records, MAX_RECORDS);
    // Of one checkpoint, three tokens of one authority are tried.
    let mut anchor = Fake::default();
    let place = anchor.checkpoint(&note(20, 0));
    for number in 2..500 {
        let name = format!("rfc3161-one.{number}");
        anchor.record(place, &name, b"{}".to_vec());
    }
    anchor.record(place, "rfc3161-two", b"{}".to_vec());
    let anchors = [anchor];
    assert!(of(5, &anchors).await.is_err());
    // The sizes, the checkpoints, the records; a checkpoint, and three tokens of one and one of two.
    let asked = anchors[0].asked.lock().unwrap();
    assert_eq!(asked.len(), 3 + 1 + 4, "{asked:?}");
}

#[tokio::test]
async fn the_log_has_the_last_word() {
    let one = Authority::start("one").await;
    let mut anchor = Fake::default();
    anchor.anchors(&note(20, 0), &[&one]);
    let refuse = |_, _| std::future::ready(Err(NoReceipt::Log("the disk is gone")));
    let outcome = gather(wanted(5), &[anchor], refuse).await;
    assert_eq!(outcome, Err(NotGathered::Log("the disk is gone")));
}

#[tokio::test]
async fn the_newest_is_the_largest() {
    let (one, two) = (Authority::start("one").await, Authority::start("two").await);
    let mut anchor = Fake::default();
    let none = newest(log(), &anchor, receipt).await;
    assert_eq!(none, Ok(None));
    anchor.anchors(&note(20, 0), &[&one, &two]);
    anchor.anchors(&note(100, 0), &[&two]);
    // A round goes on.
    anchor.checkpoint(&note(101, 0));
    let found = newest(log(), &anchor, receipt).await;
    let gathered = found.unwrap().unwrap();
    assert_eq!(gathered.receipt.checkpoint().size().get(), 100);
    assert_eq!(gathered.receipt.index().get(), 99);
    assert_eq!(gathered.records[0].authority().1.as_str(), "two");
}

//! Records on stores that lose, delay, repeat and hide writes.

use std::collections::BTreeSet;
use std::sync::Arc;

use counterfoil_anchor::judge::{RecordJudge, Rejection, RevocationStatus, Source, Told};
use counterfoil_anchor::moment::Moment;
use counterfoil_anchor::names::{self, Blobs as _, CheckpointHash, Named, Place, RecordName};
use counterfoil_anchor::record::{Revocation, RevocationKind, RevocationRecord, TokenRecord};
use counterfoil_anchor::records::{Acknowledged, KeepError, MAX_FORKS, Records};
use counterfoil_store::BlobStore as _;
use counterfoil_store::faulty::{FaultyBlobStore, FaultyHeadStore, Plan, WriteFault};
use counterfoil_store::memory::{MemoryBlobStore, MemoryHeadStore};
use counterfoil_tiles::checkpoint::{Checkpoint, Origin, OriginHash};
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::note::Note;
use sha2::{Digest as _, Sha256};

const ORIGIN: &str = "example.com/log";

/// What is in a record is not looked at here.
#[derive(Debug)]
struct AllGood;

impl RecordJudge for AllGood {
    fn token(&self, _: &TokenRecord) -> Result<(), Rejection> {
        Ok(())
    }

    fn sources(&self, _: &[Vec<u8>]) -> Vec<Source> {
        Vec::new()
    }

    fn nothing_to_fetch(&self, _: &[Vec<u8>], _: usize) -> Option<String> {
        None
    }

    fn revocation(&self, _: &[Vec<u8>], _: usize, _: RevocationKind, _: &[u8], _: Moment) -> Told {
        Told {
            status: RevocationStatus::Good,
            as_of: None,
        }
    }
}

type Blobs = FaultyBlobStore<Arc<MemoryBlobStore>>;
type Heads = FaultyHeadStore<Arc<MemoryHeadStore>>;

/// What a process has under it, and what outlives it.
#[derive(Default)]
struct Disk {
    blobs: Arc<MemoryBlobStore>,
    heads: Arc<MemoryHeadStore>,
}

impl Disk {
    fn faulty(&self, blobs: Vec<WriteFault>, heads: Vec<WriteFault>) -> (Arc<Blobs>, Arc<Heads>) {
        let blobs = Plan::scripted(blobs, []);
        let heads = Plan::scripted(heads, []);
        (
            Arc::new(FaultyBlobStore::new(self.blobs.clone(), blobs)),
            Arc::new(FaultyHeadStore::new(self.heads.clone(), heads)),
        )
    }

    async fn open(&self) -> Records {
        let (blobs, heads) = self.faulty(vec![], vec![]);
        Records::open(blobs, heads, Arc::new(AllGood))
            .await
            .unwrap()
    }
}

fn log() -> OriginHash {
    OriginHash::of(&Origin::new(ORIGIN).unwrap())
}

/// A note; nothing here looks at signatures.
fn note(size: u64, root: u8) -> Note {
    let origin = Origin::new(ORIGIN).unwrap();
    let root = NodeHash::from_bytes([root; 32]);
    let text = Checkpoint::new(origin, TreeSize::new(size), root);
    let line = format!(
        "{text}\n— example.com/log Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    );
    Note::parse(line.as_bytes()).unwrap()
}

fn token(authority: &str, checkpoint: &Note, token: &[u8], received: u64) -> TokenRecord {
    TokenRecord {
        authority: authority.parse().unwrap(),
        url: "http://tsa.example/".to_owned(),
        checkpoint: checkpoint.as_bytes().to_vec(),
        token: token.to_vec(),
        certificates: vec![vec![1], vec![2]],
        gen_time: Moment::from_millis(received),
        received: Moment::from_millis(received),
        revocation: Vec::new(),
    }
}

fn revocation(token: &RecordName) -> RevocationRecord {
    let crl = Revocation {
        kind: RevocationKind::Crl,
        certificate: Sha256::digest([1]).into(),
        url: "http://crl.example/".to_owned(),
        fetched: Moment::from_millis(9),
        data: vec![3; 50],
    };
    RevocationRecord {
        token: token.clone(),
        revocation: vec![crl],
    }
}

/// Every fault that a write can have.
fn faults() -> Vec<WriteFault> {
    let delays = (0..8).map(|calls| WriteFault::Delay { calls });
    let mut faults = vec![
        WriteFault::Refuse,
        WriteFault::Lose,
        WriteFault::Hide,
        WriteFault::Duplicate,
        WriteFault::Part,
    ];
    faults.extend(delays);
    faults
}

fn at(fault: WriteFault, place: usize) -> Vec<WriteFault> {
    let mut plan = vec![WriteFault::None; place];
    plan.push(fault);
    plan
}

/// A round with two tokens and added revocation data, each tried until it is kept, as the worker does; `steps` of its
/// steps, then the process dies. Gives what counted.
async fn run(records: &Records, checkpoint: &Note, steps: usize) -> Vec<TokenRecord> {
    let mut counted = Vec::new();
    let mut left = steps;
    let mut step = || {
        left = left.saturating_sub(1);
        left > 0
    };
    let state = loop {
        if !step() {
            return counted;
        }
        if let Ok(state) = records
            .begin(log(), checkpoint, Moment::from_millis(5))
            .await
        {
            break state;
        }
    };
    let place = state.place();
    for (authority, attempt) in [("a", 0), ("b", 10)] {
        // Each attempt has another token, as from an authority that is asked again.
        for attempt in attempt.. {
            if !step() {
                return counted;
            }
            let record = token(authority, checkpoint, &[attempt], 6);
            if records.keep(&place, &record).await.is_ok() {
                counted.push(record);
                break;
            }
        }
    }
    let name = RecordName::token("a".parse().unwrap(), 1);
    while step() && records.add(&place, &revocation(&name)).await.is_err() {}
    counted
}

/// Everything in the store is whole, and a record has its checkpoint.
async fn check_whole(disk: &Disk) {
    for name in disk.blobs.list("").await.unwrap() {
        let bytes = disk.blobs.get(&name).await.unwrap().unwrap();
        let (place, named) = names::parse(name.as_str()).unwrap();
        match named {
            Named::Checkpoint => assert_eq!(place.checkpoint(), name),
            Named::Record(record) => {
                let checkpoint = disk.blobs.get(&place.checkpoint()).await.unwrap();
                let checkpoint = checkpoint.expect("a record without its checkpoint");
                match record.revocation {
                    None => {
                        let record = TokenRecord::parse(&bytes).unwrap();
                        assert_eq!(record.checkpoint, checkpoint);
                    }
                    Some(_) => drop(RevocationRecord::parse(&bytes).unwrap()),
                }
            }
        }
    }
}

async fn check_counted(records: &Records, counted: &[TokenRecord], what: &str) {
    let state = records.state(log()).await.unwrap();
    let Some(state) = state else {
        assert!(counted.is_empty(), "{what}: the round is lost");
        return;
    };
    let place = state.place();
    let mut kept = Vec::new();
    for name in records.with_index(|index| index.tokens(&place)) {
        kept.push(records.token(&place, &name).await.unwrap().0);
    }
    for record in counted {
        assert!(
            kept.contains(record),
            "{what}: a token that counted is lost"
        );
    }
    let resumed = records.resume(&state).await.unwrap();
    for record in counted {
        let is_there = resumed.iter().any(|(_, kept)| kept == record);
        assert!(is_there, "{what}: {}", record.authority);
    }
}

#[tokio::test]
async fn no_fault_and_no_crash_loses_a_token_that_counted_or_leaves_half_a_one() {
    let checkpoint = note(5, 1);
    for steps in 1..8 {
        for fault in faults() {
            for place in 0..6 {
                let plans = [
                    (at(fault, place), vec![]),
                    (vec![], at(fault, place)),
                    (at(fault, place), at(fault, 0)),
                ];
                for (number, (blobs, heads)) in plans.into_iter().enumerate() {
                    let what = format!("{fault:?} at {place} ({number}), {steps} steps");
                    let disk = Disk::default();
                    let (blobs, heads) = disk.faulty(blobs, heads);
                    let records = Records::open(blobs.clone(), heads.clone(), Arc::new(AllGood))
                        .await
                        .unwrap();
                    let counted = run(&records, &checkpoint, steps).await;
                    drop(records);
                    // Before what is delayed lands, and after.
                    check_whole(&disk).await;
                    check_counted(&disk.open().await, &counted, &what).await;
                    blobs.settle().await;
                    heads.settle().await;
                    check_whole(&disk).await;
                    let records = disk.open().await;
                    check_counted(&records, &counted, &what).await;
                    // And the next process can go on.
                    let more = run(&records, &checkpoint, 99).await;
                    assert_eq!(more.len(), 2, "{what}");
                    check_counted(&records, &counted, &what).await;
                    check_counted(&disk.open().await, &more, &what).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn without_faults_the_layout_is_that_of_the_documentation() {
    let disk = Disk::default();
    let records = disk.open().await;
    let checkpoint = note(5, 1);
    assert_eq!(run(&records, &checkpoint, 99).await.len(), 2);
    let state = records.state(log()).await.unwrap().unwrap();
    let again = token("a", &checkpoint, b"again", 20);
    let name = records.keep(&state.place(), &again).await.unwrap();
    assert_eq!(name.to_string(), "rfc3161-a.2");
    let prefix = format!("{}/anchors/5/{}", log(), state.place().checkpoint);
    let expected = [
        "checkpoint",
        "rfc3161-a",
        "rfc3161-a-revocation-1",
        "rfc3161-a.2",
        "rfc3161-b",
    ];
    let names = disk.blobs.list("").await.unwrap();
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    assert_eq!(names, expected.map(|name| format!("{prefix}/{name}")));
    let stored = disk.blobs.get(&names[0].parse().unwrap()).await.unwrap();
    assert_eq!(stored.unwrap(), checkpoint.as_bytes());
}

#[tokio::test]
async fn a_round_over_the_same_bytes_does_not_count_the_tokens_of_the_last() {
    let disk = Disk::default();
    let records = disk.open().await;
    let checkpoint = note(5, 1);
    let began = |millis| Moment::from_millis(millis);
    let state = records.begin(log(), &checkpoint, began(5)).await.unwrap();
    let place = state.place();
    records
        .keep(&place, &token("a", &checkpoint, b"old", 6))
        .await
        .unwrap();
    let state = records.begin(log(), &checkpoint, began(100)).await.unwrap();
    assert_eq!(records.resume(&state).await.unwrap(), []);
    let new = token("a", &checkpoint, b"new", 101);
    let name = records.keep(&place, &new).await.unwrap();
    assert_eq!(
        disk.open().await.resume(&state).await.unwrap(),
        [(name, new)]
    );
}

#[tokio::test]
async fn what_is_damaged_is_named_and_not_served() {
    let disk = Disk::default();
    let records = disk.open().await;
    let checkpoint = note(5, 1);
    let state = records
        .begin(log(), &checkpoint, Moment::from_millis(5))
        .await
        .unwrap();
    let place = state.place();
    let other = Place {
        size: TreeSize::new(6),
        ..place
    };
    let record = token("a", &note(6, 1), b"t", 6);
    // A token over another checkpoint is not kept beside this one.
    let error = records.keep(&place, &record).await.unwrap_err();
    assert!(matches!(error, KeepError::Damaged { .. }), "{error}");
    // Bytes that are not those of the name.
    let blob = counterfoil_store::Blob::new(other.checkpoint(), "others");
    disk.blobs.put_new(&[blob]).await.unwrap();
    let error = records.read(&other.checkpoint()).await.unwrap_err();
    assert!(matches!(error, KeepError::Damaged { .. }), "{error}");
    // A record that a later version wrote.
    let name = RecordName::token("b".parse().unwrap(), 1);
    let blob = counterfoil_store::Blob::new(
        place.record(&name),
        r#"{"format":"counterfoil/anchor-record@v2"}"#,
    );
    disk.blobs.put_new(&[blob]).await.unwrap();
    let records = disk.open().await;
    assert_eq!(records.resume(&state).await.unwrap(), []);
    let damaged = records.damaged();
    let (name, damage) = damaged.first_key_value().unwrap();
    assert!(name.as_str().ends_with("/rfc3161-b"), "{name}");
    assert!(damage.to_string().contains("@v2"), "{damage}");
}

#[tokio::test]
async fn both_checkpoints_of_a_fork_are_kept_up_to_a_limit_and_beyond_it_once_there_is_room() {
    let disk = Disk::default();
    let records = disk.open().await;
    let anchored = note(5, 1);
    let mut acknowledged = Acknowledged::default();
    for root in 0..17 {
        records.saw_fork(log(), &anchored, &note(5, 100 + root));
        let kept = records.keep_forks(log(), &acknowledged, Some(&anchored));
        kept.await.unwrap();
    }
    // Again, after another checkpoint was anchored.
    let later = note(6, 1);
    records.saw_fork(log(), &later, &note(5, 100));
    let kept = records.keep_forks(log(), &acknowledged, Some(&later));
    kept.await.unwrap();
    let names = disk.blobs.list(&format!("{}/forks/", log())).await.unwrap();
    assert_eq!(names.len(), 2 * MAX_FORKS);
    for pair in names.chunks(2) {
        let text = disk.blobs.get(&pair[0]).await.unwrap().unwrap();
        assert_eq!(text, anchored.as_bytes());
    }
    let kept = disk.open().await.open_forks(log(), &acknowledged);
    assert_eq!(kept.len(), MAX_FORKS);
    // What there was no room for is known all the same, and kept once the others were dealt with.
    assert_eq!(
        records.open_forks(log(), &acknowledged).len(),
        MAX_FORKS + 1
    );
    acknowledged.forks = kept;
    let last = CheckpointHash::of(note(5, 116).as_bytes());
    let open = records.open_forks(log(), &acknowledged);
    assert_eq!(open, [last].into());
    records
        .keep_forks(log(), &acknowledged, Some(&anchored))
        .await
        .unwrap();
    assert_eq!(disk.open().await.open_forks(log(), &acknowledged), open);
}

#[tokio::test]
async fn other_cosignatures_make_no_other_fork() {
    let disk = Disk::default();
    let records = disk.open().await;
    let (none, anchored) = (Acknowledged::default(), note(5, 1));
    let refused = note(5, 2);
    // Another line, as a refreshed cosignature is.
    let line = "\n— witness.example/w AAAAAAAA\n";
    let again = format!("{}{}", refused.as_str(), &line[1..]);
    let again = Note::parse(again.as_bytes()).unwrap();
    for refused in [&refused, &again] {
        records.saw_fork(log(), &anchored, refused);
        let kept = records.keep_forks(log(), &none, Some(&anchored));
        kept.await.unwrap();
    }
    let known = CheckpointHash::of(refused.as_bytes());
    assert_eq!(records.open_forks(log(), &none), [known].into());
    assert_eq!(disk.open().await.open_forks(log(), &none), [known].into());
}

#[tokio::test]
async fn a_fork_that_was_seen_is_forgotten_by_no_fault_and_no_crash() {
    let (none, anchored) = (Acknowledged::default(), note(5, 1));
    let refused = [note(5, 2), note(5, 3)];
    let hash = |note: &Note| CheckpointHash::of(note.as_bytes());
    let both: BTreeSet<CheckpointHash> = refused.iter().map(hash).collect();
    for place in 0..4 {
        let disk = Disk::default();
        let (blobs, heads) = disk.faulty(at(WriteFault::Refuse, place), vec![]);
        let records = Records::open(blobs, heads, Arc::new(AllGood))
            .await
            .unwrap();
        for refused in &refused {
            records.saw_fork(log(), &anchored, refused);
        }
        let failed = records.keep_forks(log(), &none, Some(&anchored)).await;
        assert!(failed.is_err(), "{place}");
        assert_eq!(records.open_forks(log(), &none), both, "{place}");
        // A process that dies here has the ones of which the first checkpoint was kept.
        let known = disk.open().await.open_forks(log(), &none);
        assert_eq!(known.len(), place.div_ceil(2), "{place}");
        let kept = records.keep_forks(log(), &none, Some(&anchored)).await;
        assert_eq!(kept, Ok(()), "{place}");
        let after = disk.open().await;
        assert_eq!(after.open_forks(log(), &none), both, "{place}");
        let found = after.examine(|_, _, _| {}).await.unwrap();
        assert!(found.is_whole(), "{place}: {found:?}");
        assert_eq!(found.checkpoints, 4, "{place}");
    }
}

#[tokio::test]
async fn the_other_half_of_a_fork_is_kept_by_the_process_that_finds_one() {
    let disk = Disk::default();
    let (none, anchored, refused) = (Acknowledged::default(), note(5, 1), note(5, 2));
    let (blobs, heads) = disk.faulty(at(WriteFault::Refuse, 1), vec![]);
    let records = Records::open(blobs, heads, Arc::new(AllGood))
        .await
        .unwrap();
    records.saw_fork(log(), &anchored, &refused);
    let failed = records.keep_forks(log(), &none, Some(&anchored)).await;
    assert!(failed.is_err());
    // The log shows the first history again, and this process never sees the fork.
    let records = disk.open().await;
    assert_eq!(records.open_forks(log(), &none).len(), 1);
    records
        .keep_forks(log(), &none, Some(&anchored))
        .await
        .unwrap();
    let found = disk.open().await.examine(|_, _, _| {}).await.unwrap();
    assert!(found.is_whole(), "{found:?}");
    assert_eq!(found.checkpoints, 2);
}

#[tokio::test]
async fn where_there_are_too_many_tokens_over_a_checkpoint_it_is_said_and_the_next_one_has_room() {
    let disk = Disk::default();
    let records = disk.open().await;
    let state = records
        .begin(log(), &note(5, 1), Moment::from_millis(1))
        .await
        .unwrap();
    let place = state.place();
    let authority = "a".parse().unwrap();
    assert_eq!(records.room_for_token(&place, &authority), Ok(()));
    let last = RecordName::token("a".parse().unwrap(), names::MAX_NUMBER);
    let blob = counterfoil_store::Blob::new(place.record(&last), "x");
    disk.blobs.put_new(&[blob]).await.unwrap();
    let records = disk.open().await;
    let full = records.room_for_token(&place, &authority).unwrap_err();
    assert!(matches!(full, KeepError::Full(_)), "{full}");
    let kept = records
        .keep(&place, &token("a", &note(5, 1), b"t", 5))
        .await;
    assert!(matches!(kept, Err(KeepError::Full(_))), "{kept:?}");
    // The disk is well, and says so.
    assert_eq!(records.unwritable(), None);
    let next = records
        .begin(log(), &note(6, 1), Moment::from_millis(2))
        .await
        .unwrap();
    assert_eq!(records.room_for_token(&next.place(), &authority), Ok(()));
}

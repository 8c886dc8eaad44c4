//! What an anchor may cost, in room, in work and in time.

use super::*;

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
    let outcome = gather(wanted(5), &now(), &[anchor], refuse, pending()).await;
    assert_eq!(outcome, Err(NotGathered::Log("the disk is gone")));
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

/// Within one anchor, none of its authorities takes the room of another, and lists that say nothing take none.
#[tokio::test]
async fn each_authority_has_room_of_its_own() {
    let start = SystemTime::UNIX_EPOCH + Duration::from_hours(490_000);
    let one = Authority::start("one").await;
    let two = Authority::standing_at("two", start).await;
    let checkpoint = note(20, 0);
    let data = |data: Vec<u8>, certificate: u8| Revocation {
        kind: RevocationKind::Crl,
        certificate: [certificate; 32],
        url: "http://crl.example/".to_owned(),
        fetched: Moment::from_millis(1),
        data,
    };
    let mut large = one.record(checkpoint.as_bytes());
    large.revocation = (0..3).map(|byte| data(vec![byte; 5 << 20], byte)).collect();
    // From before the token, and it has nobody as revoked.
    let [old, _] = two.tsa.crls().unwrap();
    two.clock.set(start + Duration::from_mins(10));
    let mut small = two.record(checkpoint.as_bytes());
    small.revocation = vec![data(old, 8), data(vec![9; 1 << 10], 9)];
    let mut anchor = Fake::default();
    let place = anchor.checkpoint(&checkpoint);
    anchor.record(place, "rfc3161-one", large.encode().unwrap());
    anchor.record(place, "rfc3161-two", small.encode().unwrap());
    let kept = |gathered: &Gathered| -> Vec<Vec<usize>> {
        let records = gathered.records.iter().map(|one| match one {
            AnchorRecords::Token(one) => one.token.revocation.iter(),
            AnchorRecords::Block(_) => panic!("a block"),
        });
        records
            .map(|data| data.map(|one| one.data.len()).collect())
            .collect()
    };
    let alone = of(5, std::slice::from_ref(&anchor)).await.unwrap();
    assert_eq!(kept(&alone), [vec![5 << 20; 3], vec![1 << 10]]);
    let others = Fake::default();
    let beside = of(5, &[anchor, others]).await.unwrap();
    assert_eq!(kept(&beside), [vec![5 << 20; 2], vec![1 << 10]]);
}

/// When the time ends, what was found by then is given out, and what may be missing is said.
#[tokio::test]
async fn what_was_found_is_used_when_the_time_ends() {
    let (one, two) = (Authority::start("one").await, Authority::start("two").await);
    let (mut honest, mut slow) = (Fake::default(), Fake::default());
    honest.anchors(&note(20, 0), &[&one]);
    slow.anchors(&note(20, 0), &[&one, &two]);
    // It gives a record, and waits for another who never comes before it gives the next.
    slow.hangs_after = Some(1);
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    slow.hanging = Mutex::new(Some(ended));
    let until = async move {
        let _ = end.await;
    };
    let anchors = [slow, honest];
    let outcome = gather(wanted(5), &now(), &anchors, receipt, until).await;
    let gathered = outcome.unwrap();
    assert_eq!(gathered.records.len(), 2, "one of each: {gathered:?}");
    let [Trouble { anchor: 0, failed }] = &*gathered.troubles else {
        panic!("{:?}", gathered.troubles);
    };
    assert_eq!(failed.kind, FailedKind::Silent);
    assert!(failed.what.contains("the time ended"), "{failed:?}");
}

/// What is of no use is forgotten, where it is remembered; what is good is not.
#[tokio::test]
async fn what_is_of_no_use_is_forgotten() {
    let (one, two) = (Authority::start("one").await, Authority::start("two").await);
    let mut anchor = Fake::default();
    anchor.anchors(&note(20, 0), &[&one, &two]);
    anchor.record(place(&note(20, 0)), "rfc3161-one", b"{}".to_vec());
    let anchors = [anchor];
    assert_eq!(chosen(&of(5, &anchors).await).1, ["two"]);
    let forgotten = anchors[0].forgotten.lock().unwrap();
    let [path] = &**forgotten else {
        panic!("{forgotten:?}");
    };
    assert!(path.ends_with("/rfc3161-one"), "{path}");
}

//! What an anchor says is not believed.

use super::*;

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
    let newest = newest(log(), now().at, &anchor, receipt, pending())
        .await
        .unwrap()
        .unwrap();
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

/// What is from next year is not gathered, and keeps nothing else away.
#[tokio::test]
async fn what_is_from_the_future_is_no_use() {
    let year = Duration::from_hours(365 * 24);
    let (one, two) = (Authority::start("one").await, Authority::start("two").await);
    let mut liar = Fake::default();
    one.tsa.behave(Behaviour::Future(year));
    liar.anchors(&note(20, 0), &[&one]);
    liar.anchors(&note(100, 0), &[&one]);
    let newest_of = async |anchor: &Fake| newest(log(), now().at, anchor, receipt, pending()).await;
    let alone = newest_of(&liar).await;
    assert!(matches!(alone, Err(NotGathered::Nothing(_))), "{alone:?}");
    liar.anchors(&note(60, 0), &[&two]);
    let newest = newest_of(&liar).await.unwrap().unwrap();
    assert_eq!(newest.receipt.checkpoint().size().get(), 60);
    assert!(newest.troubles[0].failed.what.contains("time"));
    let outcome = of(5, &[liar]).await;
    assert_eq!(chosen(&outcome), (60, vec!["two".to_owned()]));
    // A block of next year.
    let mut early = By::nobody(Timestamp::from_seconds(1_000_000_000));
    let checkpoint = note(30, 0);
    let record = BlockRecord {
        name: "mainnet".parse().unwrap(),
        checkpoint: checkpoint.as_bytes().to_vec(),
        block: blocks::block(checkpoint.as_bytes()).record,
        recorded: Moment::from_millis(1),
    };
    let mut anchor = Fake::default();
    let place = anchor.checkpoint(&checkpoint);
    anchor.record(place, "ethereum-mainnet", record.encode().unwrap());
    let anchors = [anchor];
    let outcome = gather(wanted(5), &early, &anchors, receipt, pending()).await;
    assert!(troubles(outcome)[0].failed.what.contains("time"));
    early.at = now().at;
    let outcome = gather(wanted(5), &early, &anchors, receipt, pending()).await;
    assert_eq!(chosen(&outcome).0, 30);
}

/// Who shows the token or the block of another, with less beside it, takes nothing from the other's.
#[tokio::test]
async fn a_copy_takes_nothing_from_the_original() {
    let one = Authority::start("one").await;
    let checkpoint = note(20, 0);
    let mut original = one.record(checkpoint.as_bytes());
    original.revocation = vec![Revocation {
        kind: RevocationKind::Crl,
        certificate: [1; 32],
        url: "http://crl.example/".to_owned(),
        fetched: Moment::from_millis(1),
        data: vec![1],
    }];
    let block = BlockRecord {
        name: "mainnet".parse().unwrap(),
        checkpoint: checkpoint.as_bytes().to_vec(),
        block: blocks::block(checkpoint.as_bytes()).record,
        recorded: Moment::from_millis(1),
    };
    let showing = |token: &TokenRecord, block: &BlockRecord| {
        let mut anchor = Fake::default();
        let place = anchor.checkpoint(&checkpoint);
        anchor.record(place, "rfc3161-one", token.encode().unwrap());
        anchor.record(place, "ethereum-mainnet", block.encode().unwrap());
        anchor
    };
    let mut bare = original.clone();
    bare.revocation.clear();
    bare.certificates.truncate(1);
    let mut again = block.clone();
    again.recorded = Moment::from_millis(2);
    for (name, others, count) in [
        ("a copy", showing(&bare, &again), 4),
        ("passed on", showing(&original, &block), 2),
    ] {
        let anchors = [others, showing(&original, &block)];
        let gathered = of(5, &anchors).await.unwrap();
        let records = &gathered.records;
        let token = records.iter().any(|one| match one {
            AnchorRecords::Token(one) => one.token == original,
            AnchorRecords::Block(_) => false,
        });
        assert!(token, "{name}");
        let block = AnchorRecords::Block(block.clone());
        assert!(records.contains(&block), "{name}");
        assert_eq!(records.len(), count, "{name}");
        let entry = Entry::of_contents(vec![0, 5]);
        gathered.evidence(entry, String::new()).unwrap();
    }
}

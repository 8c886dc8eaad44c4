//! The quorum, row by row: what is held back, what is let through, what stops the log, what is refreshed.

use bytes::Bytes;
use counterfoil_sequencer::published::Published;
use counterfoil_sequencer::{Event, Outcome, Register, Request, StopReason, Whom};
use counterfoil_tiles::checkpoint::Checkpoint;
use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::note::{Note, SignatureLine};

use crate::world::witnesses::{POLICY, Witnesses, cosignature, only_with};
use crate::world::{Process, WITNESSED_KEYS, World, entries, rest};

/// A log of 3 entries that are published.
fn log() -> (World, Process) {
    let mut world = World::witnessed();
    let mut process = world.process(1, 0);
    rest(&mut world, &mut process);
    process.submit(&mut world, &entries(0, 3));
    rest(&mut world, &mut process);
    assert_eq!(published(&world), Some(3));
    (world, process)
}

fn published(world: &World) -> Option<u64> {
    world
        .published
        .as_ref()
        .map(|published| published.size().get())
}

fn witnesses(world: &mut World) -> &mut Witnesses {
    world.witnesses.as_mut().unwrap()
}

/// The note with more signature lines.
fn with_lines(note: &Bytes, lines: impl IntoIterator<Item = SignatureLine>) -> Bytes {
    let note = Note::parse(note).unwrap();
    let all = note.signatures().iter().cloned().chain(lines);
    let note = Note::new(note.text(), all.collect()).unwrap();
    Bytes::copy_from_slice(note.as_bytes())
}

/// Works for a time; every operation of which `answer` gives an outcome ends so.
fn work(
    world: &mut World,
    process: &mut Process,
    millis: u64,
    answer: impl Fn(&Request) -> Option<Outcome>,
) {
    let end = process.now + millis;
    loop {
        process.gather(world);
        if let Some(next) = process.waiting.first() {
            match answer(&next.request) {
                Some(outcome) => {
                    let operation = process.waiting.remove(0);
                    process.sequencer.complete(operation.id, outcome);
                }
                None => drop(process.carry_out(world, 0, None)),
            }
            continue;
        }
        match process.sequencer.next_wakeup() {
            Some(wakeup) if wakeup.as_millis() <= end => {
                let pause = wakeup.as_millis().saturating_sub(process.now).max(1);
                process.advance_clock(pause);
            }
            _ => return process.advance_clock(end.saturating_sub(process.now)),
        }
    }
}

fn cosigners(world: &World) -> usize {
    let note = Note::parse(world.published.as_ref().unwrap().note()).unwrap();
    note.verify(POLICY.witness_keys()).unwrap().len()
}

#[test]
fn a_new_log_takes_no_entries_before_its_empty_tree_has_the_quorum() {
    let mut world = World::witnessed();
    witnesses(&mut world).down = [true, true, false];
    let mut process = world.process(1, 0);
    process.submit(&mut world, &entries(0, 3));
    work(&mut world, &mut process, 5_000, |_| None);
    assert_eq!(world.acknowledged, 0);
    assert_eq!(published(&world), None);
    assert!(process.sequencer.status().no_quorum_since.is_some());
    witnesses(&mut world).down = [false; 3];
    rest(&mut world, &mut process);
    assert_eq!((world.acknowledged, published(&world)), (3, Some(3)));
}

#[test]
fn without_a_quorum_entries_are_taken_and_publication_is_held_until_it_is_back() {
    let (mut world, mut process) = log();
    witnesses(&mut world).down = [true, false, true];
    for round in 0..700 {
        process.submit(&mut world, &entries(10 + round, 1));
        work(&mut world, &mut process, 100, |_| None);
    }
    assert_eq!(
        world.acknowledged, 703,
        "entries are durable during an outage"
    );
    assert_eq!(published(&world), Some(3));
    let since = process.sequencer.status().no_quorum_since;
    let since = since.expect("it says so").as_millis();
    assert!(process.now - since > 60_000, "since {since}");
    // Full tiles go on being stored, so that the head stays small.
    assert!(world.head().staged.len() < 300);
    assert!(world.blobs.contains_key("tile/0/001"));
    witnesses(&mut world).down = [false; 3];
    rest(&mut world, &mut process);
    assert_eq!(published(&world), Some(703));
    assert_eq!(process.sequencer.status().no_quorum_since, None);
}

#[test]
fn the_checkpoint_in_flight_stays_the_same_until_a_round_has_ended() {
    let (mut world, mut process) = log();
    process.submit(&mut world, &entries(10, 1));
    let asks = |request: &Request| matches!(request, Request::Cosign { .. });
    while !process
        .waiting
        .first()
        .is_some_and(|next| asks(&next.request))
    {
        if process.waiting.is_empty() {
            process.advance_clock(100);
        } else {
            process.carry_out(&mut world, 0, None);
        }
        process.gather(&mut world);
    }
    let held = process.waiting.remove(0);
    process.submit(&mut world, &entries(20, 1));
    work(&mut world, &mut process, 30_000, |request| {
        assert!(!asks(request), "a second checkpoint is in flight");
        None
    });
    assert_eq!(published(&world), Some(3));
    process
        .sequencer
        .complete(held.id, Outcome::NotDone("deadline".into()));
    let sizes = std::cell::RefCell::new(Vec::new());
    work(&mut world, &mut process, 30_000, |request| {
        if let Request::Cosign { note, .. } = request {
            let text = Note::parse(note).unwrap().text().to_owned();
            sizes
                .borrow_mut()
                .push(Checkpoint::parse(&text).unwrap().size().get());
        }
        None
    });
    assert_eq!(
        sizes.into_inner(),
        [5],
        "the next round takes the newer size"
    );
    assert_eq!(published(&world), Some(5));
}

/// A driver that says "cosigned" of what has no quorum is not believed.
#[test]
fn only_a_verified_quorum_is_published() {
    type Answer = fn(&Bytes) -> Bytes;
    let rows: [(&str, Answer); 5] = [
        ("no cosignature", Bytes::clone),
        ("one of two", |note| {
            let it = Checkpoint::parse(Note::parse(note).unwrap().text()).unwrap();
            with_lines(note, [cosignature(0, &it, 1)])
        }),
        ("one witness twice", |note| {
            let it = Checkpoint::parse(Note::parse(note).unwrap().text()).unwrap();
            with_lines(note, [cosignature(0, &it, 1), cosignature(0, &it, 2)])
        }),
        ("one is of another checkpoint", |note| {
            let it = Checkpoint::parse(Note::parse(note).unwrap().text()).unwrap();
            let other = Checkpoint::new(it.origin().clone(), TreeSize::new(9), *it.root());
            with_lines(note, [cosignature(0, &it, 1), cosignature(1, &other, 1)])
        }),
        ("the log's signature is gone", |note| {
            let note = Note::parse(note).unwrap();
            let it = Checkpoint::parse(note.text()).unwrap();
            let lines = [cosignature(0, &it, 1), cosignature(1, &it, 1)];
            let note = Note::new(note.text(), lines.to_vec()).unwrap();
            Bytes::copy_from_slice(note.as_bytes())
        }),
    ];
    for (name, answer) in rows {
        let (mut world, mut process) = log();
        process.submit(&mut world, &entries(10, 1));
        work(&mut world, &mut process, 10_000, |request| match request {
            Request::Cosign { note, .. } => Some(Outcome::Cosigned(answer(note))),
            _ => None,
        });
        assert_eq!(published(&world), Some(3), "{name}");
        assert!(
            process.sequencer.status().no_quorum_since.is_some(),
            "{name}"
        );
        rest(&mut world, &mut process);
        assert_eq!(published(&world), Some(4), "{name}: it does not recover");
    }
}

#[test]
fn late_cosignatures_are_added_and_bad_ones_change_nothing() {
    let (mut world, mut process) = log();
    let note = world.published.as_ref().unwrap().note().clone();
    let parsed = Note::parse(&note).unwrap();
    let checkpoint = Checkpoint::parse(parsed.text()).unwrap();
    let log_alone = Bytes::copy_from_slice(
        Note::new(parsed.text(), parsed.signatures()[..1].to_vec())
            .unwrap()
            .as_bytes(),
    );
    let newer = 1_800_000_000;
    let other = Checkpoint::new(
        checkpoint.origin().clone(),
        TreeSize::new(2),
        *checkpoint.root(),
    );
    for bad in [
        Bytes::from_static(b"garbage"),
        with_lines(&log_alone, [cosignature(0, &other, newer)]),
        with_lines(&note, [cosignature(1, &checkpoint, 5)]),
    ] {
        process.sequencer.cosigned_late(bad);
        rest(&mut world, &mut process);
        assert_eq!(*world.published.as_ref().unwrap().note(), note);
    }
    let before = cosigners(&world);
    for witness in 0..3 {
        let line = cosignature(witness, &checkpoint, newer);
        process
            .sequencer
            .cosigned_late(with_lines(&log_alone, [line]));
    }
    rest(&mut world, &mut process);
    assert!(before <= 3);
    assert_eq!(cosigners(&world), 3);
    let note = Note::parse(world.published.as_ref().unwrap().note()).unwrap();
    let verified = note.verify(POLICY.witness_keys()).unwrap();
    assert!(
        verified
            .iter()
            .all(|by| by.timestamp.unwrap().seconds() == newer)
    );
}

// What the driver hears while a checkpoint is being published belongs to it all the same.
#[test]
fn cosignatures_that_come_while_their_checkpoint_is_published_are_added_to_it() {
    for outcome in [
        None,
        Some(Outcome::Unknown("the connection was lost".into())),
    ] {
        let (mut world, mut process) = log();
        process.submit(&mut world, &entries(10, 1));
        let publishes = |request: &Request| {
            matches!(
                request,
                Request::Replace {
                    register: Register::Published,
                    ..
                }
            )
        };
        let note = loop {
            process.gather(&mut world);
            match process.waiting.first().map(|next| &next.request) {
                Some(Request::Replace {
                    register: Register::Published,
                    new,
                    ..
                }) => break new.clone(),
                Some(_) => drop(process.carry_out(&mut world, 0, None)),
                None => process.advance_clock(10),
            }
        };
        let note = Published::from_register(&WITNESSED_KEYS, &note)
            .unwrap()
            .note()
            .clone();
        let text = Note::parse(&note).unwrap();
        let checkpoint = Checkpoint::parse(text.text()).unwrap();
        assert_eq!(checkpoint.size().get(), 4);
        if let Some(outcome) = outcome {
            // Now it is being found out whether it was published.
            let operation = process.waiting.remove(0);
            assert!(publishes(&operation.request));
            process.sequencer.complete(operation.id, outcome);
        }
        let newer = 1_900_000_000;
        for witness in 0..3 {
            let line = cosignature(witness, &checkpoint, newer);
            let late = with_lines(&only_with(&note, []), [line]);
            process.sequencer.cosigned_late(late);
        }
        // One of what is published until then takes nothing away.
        let before = world.published.as_ref().unwrap().note();
        let earlier = Checkpoint::parse(Note::parse(before).unwrap().text()).unwrap();
        assert_eq!(earlier.size().get(), 3);
        let line = cosignature(0, &earlier, newer);
        let late = with_lines(&only_with(before, []), [line]);
        process.sequencer.cosigned_late(late);
        rest(&mut world, &mut process);
        let after = Note::parse(world.published.as_ref().unwrap().note()).unwrap();
        assert_eq!(after.text(), text.text());
        let verified = after.verify(POLICY.witness_keys()).unwrap();
        let times = verified.iter().map(|by| by.timestamp.unwrap().seconds());
        assert_eq!(times.collect::<Vec<_>>(), [newer; 3]);
    }
}

#[test]
fn the_start_tells_whom_it_waits_for_whenever_that_changes() {
    let (mut world, process) = log();
    let mut second = world.process(2, process.now);
    let mut told = Vec::new();
    for reason in ["w1", "w1", "w2", "w2", "w1"] {
        let asks = loop {
            second.gather(&mut world);
            match second.waiting.first().map(|next| &next.request) {
                Some(Request::AskWitnesses { .. }) => break second.waiting.remove(0),
                Some(_) => drop(second.carry_out(&mut world, 0, None)),
                None => second.advance_clock(100),
            }
        };
        second
            .sequencer
            .complete(asks.id, Outcome::NotDone(reason.into()));
        while let Some(event) = second.sequencer.poll_event() {
            if let Event::WaitsForWitnesses(whom) = event {
                told.push(whom);
            }
        }
    }
    assert_eq!(told, ["w1", "w2", "w1"]);
}

#[test]
fn an_idle_log_refreshes_its_cosignatures() {
    let (mut world, mut process) = log();
    let asked = witnesses(&mut world).asked;
    let before = world.published.as_ref().unwrap().note().clone();
    work(&mut world, &mut process, 9 * 60_000, |_| None);
    assert_eq!(witnesses(&mut world).asked, asked, "too early");
    work(&mut world, &mut process, 21 * 60_000, |_| None);
    assert_eq!(
        witnesses(&mut world).asked,
        asked + 3,
        "once in ten minutes"
    );
    let after = world.published.as_ref().unwrap();
    assert_eq!(after.size().get(), 3);
    assert_ne!(*after.note(), before);
}

#[test]
fn a_log_that_is_started_anew_and_stays_idle_refreshes_them_too() {
    let (mut world, process) = log();
    let before = world.published.as_ref().unwrap().note().clone();
    let mut second = world.process(2, process.now);
    rest(&mut world, &mut second);
    let asked = witnesses(&mut world).asked;
    work(&mut world, &mut second, 11 * 60_000, |_| None);
    assert_eq!(witnesses(&mut world).asked, asked + 1);
    assert_ne!(*world.published.as_ref().unwrap().note(), before);
}

/// Many small rounds in one outage: the head must not fill up with staged blobs while a checkpoint waits for its quorum.
#[test]
fn an_outage_does_not_stop_many_small_rounds() {
    let (mut world, mut process) = log();
    witnesses(&mut world).down = [true; 3];
    for round in 0..2_000 {
        process.submit(&mut world, &entries(10 + round, 1));
        work(&mut world, &mut process, 3, |_| None);
    }
    assert_eq!(world.acknowledged, 2_003);
    assert_eq!(published(&world), Some(3));
    witnesses(&mut world).down = [false; 3];
    rest(&mut world, &mut process);
    assert_eq!(published(&world), Some(2_003));
}

#[test]
fn the_start_waits_for_the_witnesses_and_stops_where_they_refuse() {
    let (mut world, process) = log();
    // They do not answer: nothing is taken, nothing signed.
    witnesses(&mut world).down = [true, true, false];
    let mut second = world.process(2, process.now);
    second.submit(&mut world, &entries(10, 1));
    let signed = world.signed.clone();
    work(&mut world, &mut second, 20_000, |_| None);
    assert_eq!((world.acknowledged, &world.signed), (3, &signed));
    // They come back.
    witnesses(&mut world).down = [false; 3];
    rest(&mut world, &mut second);
    assert_eq!(published(&world), Some(4));
    // They have seen more than the head.
    let root = *world
        .published
        .as_ref()
        .map(Published::root)
        .as_ref()
        .unwrap();
    witnesses(&mut world).recorded = [Some((TreeSize::new(9), root)); 3];
    let mut third = world.process(3, second.now);
    third.submit(&mut world, &entries(20, 1));
    rest(&mut world, &mut third);
    assert!(
        matches!(&world.stops[..], [StopReason::Contradicted(_)]),
        "{:?}",
        world.stops
    );
    assert_eq!((world.acknowledged, published(&world)), (4, Some(4)));
}

#[test]
fn witnesses_that_contradict_a_running_log_stop_it() {
    let contradicts = |request: &Request| {
        matches!(request, Request::Cosign { .. }).then(|| Outcome::Contradicted("size 9".into()))
    };
    // While it gathers cosignatures for a new checkpoint, and for the published one.
    for (name, new, millis) in [("new", 1, 3_000), ("refresh", 0, 11 * 60_000)] {
        let (mut world, mut process) = log();
        process.submit(&mut world, &entries(10, new));
        work(&mut world, &mut process, millis, contradicts);
        let stopped = StopReason::Contradicted("size 9".into());
        assert_eq!(world.stops, [stopped], "{name}");
        assert_eq!(published(&world), Some(3), "{name}");

        // The same, but what the witnesses have seen is another writer's: no word of backups.
        let (mut world, mut process) = log();
        process.submit(&mut world, &entries(10, new));
        let now = process.now;
        let asks = |request: &Request| matches!(request, Request::Cosign { .. });
        work_until(&mut world, &mut process, asks);
        let mut second = world.process(2, now);
        second.submit(&mut world, &entries(20, 1));
        rest(&mut world, &mut second);
        work(&mut world, &mut process, 3_000, contradicts);
        assert!(
            matches!(
                world.stops[..],
                [StopReason::AnotherWriter { writer: 2, .. }]
            ),
            "{name}: {:?}",
            world.stops
        );
    }
}

/// Works until such an operation is next.
fn work_until(world: &mut World, process: &mut Process, is_next: impl Fn(&Request) -> bool) {
    for _ in 0..10_000 {
        process.gather(world);
        match process.waiting.first() {
            Some(next) if is_next(&next.request) => return,
            Some(_) => drop(process.carry_out(world, 0, None)),
            None => {
                let wakeup = process.sequencer.next_wakeup().expect("a timer");
                process.advance_clock(wakeup.as_millis().saturating_sub(process.now).max(1));
            }
        }
    }
    panic!("it never comes to that");
}

#[test]
fn a_log_that_is_closed_in_an_outage_does_not_wait_for_its_end() {
    let (mut world, mut process) = log();
    witnesses(&mut world).down = [true; 3];
    process.submit(&mut world, &entries(10, 1));
    work(&mut world, &mut process, 3_000, |_| None);
    process.sequencer.close();
    work(&mut world, &mut process, 3_000, |_| None);
    assert_eq!(world.stops, [StopReason::Closed]);
    assert_eq!((world.acknowledged, published(&world)), (4, Some(3)));
}

/// SPEC(design 2, policy): "A changed policy takes effect once the current size is cosigned under it."
#[test]
fn a_changed_policy_asks_those_that_it_lacks_and_says_so_until_it_has_its_quorum() {
    let mut world = World::new();
    let mut process = world.process(1, 0);
    process.submit(&mut world, &entries(0, 3));
    rest(&mut world, &mut process);
    world.witnesses = Some(Witnesses::default());
    let mut second = world.process(2, process.now);
    second.is_let_in = true;
    // One of the two that are needed cosigns, the other is dead.
    let asked = std::cell::RefCell::new(Vec::new());
    let one_is_dead = |request: &Request| match request {
        Request::AskWitnesses { .. } => Some(Outcome::Done),
        Request::Cosign { note, whom } => {
            asked.borrow_mut().push(*whom);
            let it = Checkpoint::parse(Note::parse(note).unwrap().text()).unwrap();
            let has_it = note.windows(16).any(|bytes| bytes == b"witness0.example");
            let line = (!has_it).then(|| cosignature(0, &it, 1_700_000_000));
            Some(Outcome::Cosigned(with_lines(note, line)))
        }
        _ => None,
    };
    work(&mut world, &mut second, 10 * 60_000, one_is_dead);
    let asked = asked.into_inner();
    assert!(asked.iter().all(|whom| *whom == Whom::Lacking), "{asked:?}");
    assert!((15..30).contains(&asked.len()), "{} times", asked.len());
    assert_eq!(cosigners(&world), 1, "what came is added");
    let status = second.sequencer.status();
    assert!(status.no_quorum_since.is_some());
    assert!(status.publication_trouble.is_some());
    let told = |world: &World, words: &str| {
        let mut told = world.told.iter().filter(|told| told.contains(words));
        (told.next().is_some(), told.count())
    };
    assert_eq!(told(&world, "no quorum of witnesses for size 3"), (true, 0));
    assert_eq!(world.told.len(), 1, "{:?}", world.told);
    rest(&mut world, &mut second);
    assert!(
        POLICY
            .verify(Note::parse(world.published.as_ref().unwrap().note()).unwrap())
            .is_ok()
    );
    assert_eq!(told(&world, "the quorum of witnesses is back"), (true, 0));
    let status = second.sequencer.status();
    assert_eq!(
        (status.no_quorum_since, status.publication_trouble),
        (None, None)
    );
    // From now on all are asked, once in ten minutes.
    let before = witnesses(&mut world).asked;
    work(&mut world, &mut second, 31 * 60_000, |_| None);
    assert_eq!(witnesses(&mut world).asked, before + 3);
}

#[test]
fn a_refresh_that_cannot_be_done_is_told_once() {
    let (mut world, mut process) = log();
    let fails = |request: &Request| {
        matches!(request, Request::Cosign { .. }).then(|| Outcome::NotDone("no room".into()))
    };
    work(&mut world, &mut process, 35 * 60_000, fails);
    assert_eq!(world.told.len(), 1, "{:?}", world.told);
    assert!(world.told[0].contains("no room"), "{:?}", world.told);
    assert_eq!(process.sequencer.status().no_quorum_since, None);
    work(&mut world, &mut process, 11 * 60_000, |_| None);
    assert_eq!(world.told.len(), 2, "{:?}", world.told);
}

//! What a sequencer refuses to go on from, each as it would be after a restored backup, a disk that lies, or a broken signer; and
//! what it tells when its store does not answer.

use bytes::Bytes;
use counterfoil_sequencer::head::{Head, MAX_STAGED};
use counterfoil_sequencer::published::encode_register;
use counterfoil_sequencer::{Outcome, Register, Request, StopReason};
use counterfoil_tiles::frontier::Frontier;
use counterfoil_tiles::hash::{NodeHash, TreeSize, hash_leaf};

use crate::world::{Fault, Process, Step, World, entries, rest};

/// Works until nothing is left to do at this time; requests of which `fault` says so go wrong.
fn work(world: &mut World, process: &mut Process, fault: impl Fn(&Request) -> Option<Fault>) {
    loop {
        process.gather(world);
        let Some(next) = process.waiting.first() else {
            return;
        };
        let fault = fault(&next.request);
        assert_eq!(process.carry_out(world, 0, fault), Step::Did);
    }
}

fn is_replace(request: &Request, which: Register) -> bool {
    matches!(request, Request::Replace { register, .. } if *register == which)
}

fn puts_tiles(request: &Request) -> bool {
    matches!(request, Request::Put(blobs) if blobs.iter().any(|blob| blob.name.starts_with("tile/")))
}

/// A log whose head is at 400, of which all is in tiles up to 300, and 300 is published.
fn log() -> (World, Process) {
    let mut world = World::new();
    let mut process = Process::start(1, 0);
    rest(&mut world, &mut process);
    process.submit(&mut world, &entries(0, 300));
    rest(&mut world, &mut process);
    // No time passes, so no checkpoint is due.
    process.submit(&mut world, &entries(300, 100));
    work(&mut world, &mut process, |_| None);
    let head = world.head();
    assert_eq!(
        (head.size().get(), head.tiled.get(), head.published.get()),
        (400, 300, 300)
    );
    (world, process)
}

/// Starts a second writer, which must stop before it signs anything.
fn refused(world: &mut World, process: &Process) -> StopReason {
    let signed = world.signed.clone();
    rest(world, &mut Process::start(2, process.now));
    assert_eq!(world.signed, signed, "it signed something");
    match &world.stops[..] {
        [reason] => reason.clone(),
        stops => panic!("expected one refusal, got {stops:?}"),
    }
}

/// Another root than the tree's, of that many entries.
fn other_tree(size: u64) -> Frontier {
    let mut frontier = Frontier::new();
    let leaves: Vec<_> = entries(5_000, size)
        .iter()
        .map(|entry| hash_leaf(entry))
        .collect();
    frontier.append(&leaves).unwrap();
    frontier
}

#[test]
fn a_head_behind_the_published_checkpoint_is_refused() {
    let (mut world, mut process) = log();
    let backup = world.registers[&Register::Head].clone();
    rest(&mut world, &mut process);
    assert_eq!(world.published.as_ref().unwrap().size(), TreeSize::new(400));
    process.submit(&mut world, &entries(400, 1));
    rest(&mut world, &mut process);
    world.registers.insert(Register::Head, backup);
    let reason = refused(&mut world, &process);
    assert!(
        matches!(
            reason,
            StopReason::PublishedAhead {
                published: 401,
                head: 400,
                ..
            }
        ),
        "{reason}"
    );
}

#[test]
fn a_published_checkpoint_of_another_tree_is_refused_at_whatever_size() {
    // Below the tiled size, at it, among the staged entries, at the head's size.
    for size in [200, 300, 350, 400] {
        let (mut world, process) = log();
        if size == 200 {
            // The tiles of that size are there, and right.
            let (older, _) = published_at(200);
            world.blobs.extend(older.blobs);
        }
        let note = world.sign(TreeSize::new(size), other_tree(size).root());
        world
            .registers
            .insert(Register::Published, encode_register(&note));
        let reason = refused(&mut world, &process);
        assert!(matches!(reason, StopReason::Damaged(_)), "{size}: {reason}");
    }
}

fn published_at(size: u64) -> (World, Process) {
    let mut world = World::new();
    let mut process = Process::start(1, 0);
    rest(&mut world, &mut process);
    process.submit(&mut world, &entries(0, size));
    rest(&mut world, &mut process);
    (world, process)
}

#[test]
fn a_head_of_another_tree_is_refused() {
    let (mut world, process) = log();
    let head = Head {
        frontier: other_tree(400),
        ..world.head()
    };
    world.is_damaged = true;
    world.registers.insert(Register::Head, head.encode());
    let reason = refused(&mut world, &process);
    assert!(matches!(reason, StopReason::Damaged(_)), "{reason}");
}

#[test]
fn nothing_is_signed_from_tiles_that_do_not_prove_it() {
    // Both are needed to prove that 400 extends 300.
    for tile in ["tile/0/001.p/144", "tile/1/000.p/1"] {
        let (mut world, mut process) = log();
        let signed = world.signed.clone();
        process.advance_clock(1_000);
        work(&mut world, &mut process, |request| {
            puts_tiles(request).then_some(Fault::NotDone)
        });
        // Stored this time, and changed before they are read back.
        process.advance_clock(60);
        process.gather(&mut world);
        assert_eq!(process.carry_out(&mut world, 0, None), Step::Did);
        let mut bytes = world.blobs[tile].to_vec();
        bytes[0] ^= 1;
        world.is_damaged = true;
        world.blobs.insert(tile.into(), bytes.into());
        rest(&mut world, &mut process);
        assert_eq!(world.signed, signed, "signed over a damaged {tile}");
        assert!(
            matches!(&world.stops[..], [StopReason::Damaged(_)]),
            "{tile}: {:?}",
            world.stops
        );
    }
}

/// Works up to the signature of a checkpoint that is due, and answers in the signer's place.
fn answer_signer(
    world: &mut World,
    process: &mut Process,
    answer: impl FnOnce(&mut World, TreeSize, NodeHash) -> Bytes,
) {
    loop {
        process.gather(world);
        let position = process
            .waiting
            .iter()
            .position(|operation| matches!(operation.request, Request::Sign { .. }));
        let Some(position) = position else {
            assert_eq!(process.carry_out(world, 0, None), Step::Did);
            continue;
        };
        let operation = process.waiting.remove(position);
        let Request::Sign { size, root } = operation.request else {
            unreachable!("it is a signature");
        };
        let note = answer(world, size, root);
        return process
            .sequencer
            .complete(operation.id, Outcome::Signed(note));
    }
}

#[test]
fn a_signature_of_something_else_is_not_published() {
    type Answer = fn(&mut World, TreeSize, NodeHash) -> Bytes;
    let answers: [(&str, Answer); 2] = [
        ("another size", |world, size, root| {
            world.sign(TreeSize::new(size.get() - 1), root)
        }),
        ("another root", |world, size, _| {
            world.sign(size, other_tree(size.get()).root())
        }),
    ];
    for (name, answer) in answers {
        let (mut world, mut process) = log();
        process.advance_clock(1_000);
        answer_signer(&mut world, &mut process, answer);
        rest(&mut world, &mut process);
        assert!(
            matches!(&world.stops[..], [StopReason::Internal(_)]),
            "{name}: {:?}",
            world.stops
        );
    }
}

#[test]
fn a_signature_that_does_not_verify_is_asked_for_again() {
    let (mut world, mut process) = log();
    process.advance_clock(1_000);
    answer_signer(&mut world, &mut process, |world, size, root| {
        let note = world.sign(size, root);
        let forged = String::from_utf8(note.to_vec())
            .unwrap()
            .replace("\n400\n", "\n401\n");
        assert_ne!(forged.as_bytes(), note);
        forged.into()
    });
    process.gather(&mut world);
    assert!(process.sequencer.status().publication_trouble.is_some());
    rest(&mut world, &mut process);
    assert_eq!(world.stops, []);
    assert_eq!(world.published.as_ref().unwrap().size(), TreeSize::new(400));
}

#[test]
fn a_start_alone_fences_the_writer_before() {
    let (mut world, mut first) = log();
    let mut second = Process::start(2, first.now);
    // It recovers, and commits nothing.
    work(&mut world, &mut second, |request| {
        puts_tiles(request).then_some(Fault::NotDone)
    });
    assert_eq!(world.stops, []);
    first.submit(&mut world, &entries(400, 1));
    work(&mut world, &mut first, |_| None);
    assert!(
        matches!(
            &world.stops[..],
            [StopReason::AnotherWriter { writer: 2, .. }]
        ),
        "{:?}",
        world.stops
    );
    assert!(first.everyone_is_answered());
    assert_eq!(world.history.len(), 400);
}

#[test]
fn submitters_are_told_in_time_that_their_outcome_is_unknown() {
    let (mut world, mut process) = log();
    process.submit(&mut world, &entries(400, 1));
    let unknown =
        |request: &Request| is_replace(request, Register::Head).then_some(Fault::UnknownNotApplied);
    let mut waited = 0;
    while !process.everyone_is_answered() {
        assert!(waited <= 5_000, "nobody told the submitter within 5 s");
        work(&mut world, &mut process, unknown);
        let wakeup = process
            .sequencer
            .next_wakeup()
            .expect("something is to be done");
        let step = wakeup.as_millis().saturating_sub(process.now).max(1);
        process.advance_clock(step);
        process.gather(&mut world);
        waited += step;
    }
    assert!(
        waited >= 5_000,
        "told after {waited} ms only: it might have been settled"
    );
    // It is settled all the same, and answered once.
    rest(&mut world, &mut process);
    assert_eq!(world.history.len(), 401);
}

#[test]
fn a_head_stays_small_while_tiles_cannot_be_stored() {
    let mut world = World::new();
    let mut process = Process::start(1, 0);
    rest(&mut world, &mut process);
    let no_tiles = |request: &Request| puts_tiles(request).then_some(Fault::NotDone);
    let more = MAX_STAGED as u64 + 20;
    for number in 0..more {
        process.submit(&mut world, &entries(number, 1));
        work(&mut world, &mut process, no_tiles);
    }
    assert_eq!(world.head().staged.len(), MAX_STAGED);
    assert!(!process.everyone_is_answered(), "the rest waits");
    rest(&mut world, &mut process);
    assert_eq!(world.acknowledged, more);
}

//! Named courses of events.

use std::collections::BTreeSet;

use super::*;

const HOUR: u64 = 3_600;

fn options(authorities: usize, required: usize) -> Options {
    let hour = Duration::from_hours(1);
    Options::new(hour, Duration::from_mins(10), authorities, required).unwrap()
}

/// 2026-01-01T00:00:00Z, a multiple of an hour.
fn at(seconds: u64) -> Moment {
    Moment::from_seconds(1_767_225_600 + seconds)
}

fn tree(size: u64) -> Tree {
    let byte = u8::try_from(size % 251).unwrap();
    Tree {
        size: TreeSize::new(size),
        root: NodeHash::from_bytes([byte; 32]),
    }
}

fn authority(index: usize) -> Authority {
    Authority::new(index)
}

/// All that is to be done now.
fn due(schedule: &mut Schedule, now: Moment) -> Vec<Operation> {
    std::iter::from_fn(|| schedule.poll(now)).collect()
}

fn stamp(round: RoundId, index: usize) -> Operation {
    Operation::Stamp {
        round,
        authority: authority(index),
    }
}

/// Looks at the log, and expects a round to begin.
fn begin(schedule: &mut Schedule, now: Moment, tree: Tree) -> RoundId {
    assert_eq!(due(schedule, now), [Operation::Fetch]);
    match schedule.fetched(now, Fetched::Tree(tree)) {
        Decision::Begin(round) => round,
        other => panic!("expected a round, got {other:?}"),
    }
}

fn count(schedule: &mut Schedule, now: Moment, round: RoundId, index: usize) -> Progress {
    let mut counted: BTreeSet<Authority> = (0..9)
        .map(authority)
        .filter(|one| schedule.standing(*one) == Some(Standing::Counted))
        .collect();
    counted.insert(authority(index));
    schedule.counted(now, round, &counted)
}

/// The next time to act, which must not be now.
fn next(schedule: &Schedule, now: Moment) -> Moment {
    let at = schedule.wake_at(now).unwrap();
    assert!(at > now, "it would spin: {at} is not after {now}");
    at
}

#[test]
fn a_new_anchor_looks_at_once_and_asks_everybody() {
    let mut schedule = Schedule::new(options(3, 2), 1, None);
    let round = begin(&mut schedule, at(5), tree(10));
    assert_eq!(
        due(&mut schedule, at(5)),
        [stamp(round, 0), stamp(round, 1), stamp(round, 2)]
    );
    assert_eq!(schedule.poll(at(6)), None);
    assert_eq!(schedule.done_at(), None);
}

#[test]
fn a_round_is_done_when_so_many_have_counted() {
    let mut schedule = Schedule::new(options(3, 2), 1, None);
    let round = begin(&mut schedule, at(5), tree(10));
    due(&mut schedule, at(5));
    assert_eq!(count(&mut schedule, at(6), round, 1), Progress::Same);
    assert_eq!(schedule.done_at(), None);
    assert_eq!(count(&mut schedule, at(7), round, 0), Progress::Done);
    assert_eq!(schedule.done_at(), Some(at(7)));
    // The third is welcome, and changes nothing.
    assert_eq!(count(&mut schedule, at(8), round, 2), Progress::Same);
    assert_eq!(schedule.done_at(), Some(at(7)));
    // And once.
    assert_eq!(count(&mut schedule, at(9), round, 2), Progress::Same);
    assert_eq!(schedule.done_at(), Some(at(7)));
}

#[test]
fn who_counts_no_more_is_asked_again_and_the_round_is_done_anew() {
    let mut schedule = Schedule::new(options(2, 2), 1, None);
    let round = begin(&mut schedule, at(5), tree(10));
    due(&mut schedule, at(5));
    count(&mut schedule, at(6), round, 0);
    assert_eq!(count(&mut schedule, at(7), round, 1), Progress::Done);
    // A token of the first turns out to prove nothing.
    let left = BTreeSet::from([authority(1)]);
    assert_eq!(schedule.counted(at(8), round, &left), Progress::Undone);
    assert_eq!(schedule.done_at(), None);
    assert_eq!(schedule.counted(at(8), round, &left), Progress::Same);
    assert_eq!(
        due(&mut schedule, at(8)),
        [Operation::Fetch, stamp(round, 0)]
    );
    schedule.failed(at(9), round, authority(0), None);
    assert!(
        next(&schedule, at(9)) > at(9),
        "it waits as after any failure"
    );
    assert_eq!(count(&mut schedule, at(30), round, 0), Progress::Done);
    assert_eq!(schedule.done_at(), Some(at(30)));
}

#[test]
fn a_round_of_an_earlier_process_that_is_undone_is_gone_on_with_at_once() {
    let resumed = Resumed {
        tree: tree(5),
        counted: vec![(authority(0), at(0))],
    };
    let mut schedule = Schedule::new(options(1, 1), 1, Some(resumed));
    assert_eq!(due(&mut schedule, at(60)), [], "it is done");
    let undone = schedule.counted(at(60), RoundId::RESUMED, &BTreeSet::new());
    assert_eq!(undone, Progress::Undone);
    assert_eq!(due(&mut schedule, at(60)), [Operation::Fetch]);
    let fetched = schedule.fetched(at(61), Fetched::Tree(tree(5)));
    assert_eq!(fetched, Decision::GoOn(RoundId::RESUMED));
    let asked = stamp(RoundId::RESUMED, 0);
    assert_eq!(due(&mut schedule, at(61)), [asked]);
}

#[test]
fn slots_follow_each_other_with_jitter_after_multiples_of_the_interval() {
    for seed in 0..50 {
        let mut schedule = Schedule::new(options(1, 1), seed, None);
        let round = begin(&mut schedule, at(5), tree(1));
        due(&mut schedule, at(5));
        count(&mut schedule, at(5), round, 0);
        let mut now = at(5);
        // The slot of hour 0 may begin after second 5.
        let mut late = Vec::new();
        for _ in 0..20 {
            now = next(&schedule, now);
            assert_eq!(due(&mut schedule, now), [Operation::Fetch]);
            assert_eq!(
                schedule.fetched(now, Fetched::Tree(tree(1))),
                Decision::Nothing
            );
            late.push(now.since(at(0)).as_secs() % HOUR);
        }
        assert!(late.iter().all(|late| *late < 600), "{late:?}");
        let mut hours: Vec<u64> = vec![now.since(at(0)).as_secs() / HOUR];
        assert!(matches!(hours.pop(), Some(19 | 20)), "a slot is missing");
        late.dedup();
        assert!(late.len() > 10, "no jitter: {late:?}");
    }
}

#[test]
fn the_jitter_is_the_same_after_a_restart_and_another_for_another_log() {
    let slot = |seed| Schedule::new(options(1, 1), seed, None).slot_after(at(HOUR));
    assert_eq!(slot(7), slot(7));
    assert_ne!(slot(7), slot(8));
    // At the beginning of an hour its slot is still to come.
    assert!((at(HOUR + 1)..at(HOUR + 600)).contains(&slot(7)));
}

#[test]
fn nothing_is_stamped_while_nothing_changes_but_once_per_max_age() {
    let rows = [
        ("never", None, 0),
        ("a day", Some(24), 4),
        ("three days", Some(72), 1),
    ];
    for (name, hours, rounds) in rows {
        let mut options = options(1, 1);
        if let Some(hours) = hours {
            options = options.with_max_age(Duration::from_hours(hours));
        }
        let mut schedule = Schedule::new(options, 3, None);
        let mut now = at(5);
        let round = begin(&mut schedule, now, tree(9));
        due(&mut schedule, now);
        count(&mut schedule, now, round, 0);
        let mut begun = 0;
        while now < at(100 * HOUR) {
            now = next(&schedule, now);
            for operation in due(&mut schedule, now) {
                match operation {
                    Operation::Fetch => match schedule.fetched(now, Fetched::Tree(tree(9))) {
                        Decision::Begin(_) => begun += 1,
                        decision => assert_eq!(decision, Decision::Nothing, "{name}"),
                    },
                    Operation::Stamp { .. } => panic!("{name}: {operation:?}"),
                }
            }
            // What a new round asks for.
            for operation in due(&mut schedule, now) {
                if let Operation::Stamp { round, .. } = operation {
                    count(&mut schedule, now, round, 0);
                }
            }
        }
        assert_eq!(begun, rounds, "{name}");
    }
}

#[test]
fn who_fails_is_asked_again_later_and_later_and_the_others_go_on() {
    let mut schedule = Schedule::new(options(2, 1), 1, None);
    let round = begin(&mut schedule, at(0), tree(1));
    due(&mut schedule, at(0));
    count(&mut schedule, at(0), round, 0);
    let mut now = at(0);
    let mut waits = Vec::new();
    schedule.failed(now, round, authority(1), None);
    while waits.len() < 9 {
        let before = now;
        now = next(&schedule, now);
        for operation in due(&mut schedule, now) {
            match operation {
                Operation::Fetch => {
                    schedule.fetched(now, Fetched::Tree(tree(1)));
                }
                Operation::Stamp { .. } => {
                    assert_eq!(operation, stamp(round, 1));
                    waits.push(now.since(before).as_secs_f64());
                    schedule.failed(now, round, authority(1), None);
                }
            }
        }
    }
    let ceilings = [10.0, 20.0, 40.0, 80.0, 160.0, 320.0];
    for (wait, ceiling) in waits.iter().zip(ceilings) {
        assert!(
            (ceiling / 2.0..=ceiling).contains(wait),
            "{wait} of at most {ceiling}"
        );
    }
    assert!(waits.iter().all(|wait| *wait <= 600.0), "{waits:?}");
}

#[test]
fn an_authority_that_says_when_is_asked_then_within_bounds() {
    let rows = [
        ("sooner than the own wait", 1, 5..=10),
        ("later", 120, 120..=120),
        ("in a week", 7 * 24 * HOUR, 600..=600),
    ];
    for (name, asked, expected) in rows {
        let mut schedule = Schedule::new(options(1, 1), 1, None);
        let round = begin(&mut schedule, at(0), tree(1));
        due(&mut schedule, at(0));
        let retry_after = Some(Duration::from_secs(asked));
        schedule.failed(at(0), round, authority(0), retry_after);
        let Some(Standing::Waiting { until, failures: 1 }) = schedule.standing(authority(0)) else {
            panic!("{name}: {:?}", schedule.standing(authority(0)));
        };
        let wait = until.since(at(0)).as_secs();
        assert!(expected.contains(&wait), "{name}: {wait}");
    }
}

#[test]
fn a_log_that_cannot_be_read_is_asked_again_and_a_refused_one_waits_for_its_slot() {
    let mut schedule = Schedule::new(options(1, 1), 1, None);
    assert_eq!(due(&mut schedule, at(1_000)), [Operation::Fetch]);
    assert_eq!(
        schedule.fetched(at(1_000), Fetched::Failed),
        Decision::Nothing
    );
    let again = next(&schedule, at(1_000));
    assert!(again.since(at(1_000)) <= Duration::from_secs(10));
    assert_eq!(due(&mut schedule, again), [Operation::Fetch]);
    assert_eq!(schedule.fetched(again, Fetched::Failed), Decision::Nothing);
    let later = next(&schedule, again);
    assert!(later.since(again) >= Duration::from_secs(10), "no growth");
    assert_eq!(due(&mut schedule, later), [Operation::Fetch]);
    assert_eq!(schedule.fetched(later, Fetched::Refused), Decision::Nothing);
    assert!(next(&schedule, later) >= at(HOUR));
}

#[test]
fn nobody_is_asked_while_a_log_is_forked_also_for_the_round_that_goes_on() {
    let mut schedule = Schedule::new(options(2, 2), 1, None);
    let round = begin(&mut schedule, at(1_000), tree(1));
    due(&mut schedule, at(1_000));
    for index in 0..2 {
        schedule.failed(at(1_001), round, authority(index), None);
    }
    schedule.want();
    assert_eq!(due(&mut schedule, at(1_002)), [Operation::Fetch]);
    assert_eq!(
        schedule.fetched(at(1_002), Fetched::Forked),
        Decision::Nothing
    );
    assert_eq!(due(&mut schedule, at(1_900)), []);
    assert!(next(&schedule, at(1_900)) >= at(HOUR));
    // It is anchored on.
    schedule.want();
    assert_eq!(due(&mut schedule, at(1_901)), [Operation::Fetch]);
    assert_eq!(
        schedule.fetched(at(1_901), Fetched::Tree(tree(1))),
        Decision::GoOn(round)
    );
    assert_eq!(
        due(&mut schedule, at(1_901)),
        [stamp(round, 0), stamp(round, 1)]
    );
}

#[test]
fn a_round_that_is_not_done_goes_on_while_the_log_stays_and_gives_way_when_it_grows() {
    let mut schedule = Schedule::new(options(2, 2), 1, None);
    let first = begin(&mut schedule, at(0), tree(1));
    due(&mut schedule, at(0));
    count(&mut schedule, at(1), first, 0);
    let slot = schedule.slot_after(at(0));
    assert_eq!(due(&mut schedule, slot), [Operation::Fetch]);
    // The second authority hangs meanwhile.
    assert_eq!(
        schedule.fetched(slot, Fetched::Tree(tree(1))),
        Decision::GoOn(first)
    );
    let slot = schedule.slot_after(slot);
    let second = begin(&mut schedule, slot, tree(2));
    assert_eq!(
        due(&mut schedule, slot),
        [stamp(second, 0), stamp(second, 1)]
    );
    // What belongs to the round that gave way does not count for this one.
    assert_eq!(count(&mut schedule, slot, first, 1), Progress::Late);
    assert_eq!(schedule.done_at(), None);
}

#[test]
fn downtime_is_caught_up_once() {
    let resumed = |hours: u64| Resumed {
        tree: tree(1),
        counted: vec![(authority(0), at(hours * HOUR + 700))],
    };
    // Stopped at hour 2, started in the middle of hour 50.
    let now = at(50 * HOUR + 1_800);
    let mut schedule = Schedule::new(options(1, 1), 1, Some(resumed(2)));
    begin(&mut schedule, now, tree(5));
    due(&mut schedule, now);
    let slot = next(&schedule, now);
    assert!((at(51 * HOUR)..at(51 * HOUR + 600)).contains(&slot));
    // Stopped and started within one slot: there is nothing to catch up.
    let mut schedule = Schedule::new(options(1, 1), 1, Some(resumed(50)));
    assert_eq!(schedule.poll(now), None);
    assert_eq!(schedule.wake_at(now), Some(slot));
}

#[test]
fn a_round_that_a_crash_cut_off_goes_on_with_who_is_missing() {
    let resumed = Resumed {
        tree: tree(4),
        counted: vec![
            (authority(1), at(20)),
            // Not configured any more, and counted twice: neither makes a second one.
            (authority(7), at(21)),
            (authority(1), at(22)),
        ],
    };
    let mut schedule = Schedule::new(options(3, 2), 1, Some(resumed.clone()));
    // Nobody is asked before the log is seen to say so still.
    assert_eq!(due(&mut schedule, at(60)), [Operation::Fetch]);
    let Decision::GoOn(round) = schedule.fetched(at(61), Fetched::Tree(tree(4))) else {
        panic!("expected it to go on");
    };
    assert_eq!(
        due(&mut schedule, at(61)),
        [stamp(round, 0), stamp(round, 2)]
    );
    assert_eq!(count(&mut schedule, at(62), round, 2), Progress::Done);

    let mut schedule = Schedule::new(options(3, 2), 1, Some(resumed));
    let round = begin(&mut schedule, at(60), tree(5));
    assert_eq!(due(&mut schedule, at(60)).len(), 3);
    assert_eq!(count(&mut schedule, at(62), round, 2), Progress::Same);
}

#[test]
fn what_an_operator_demands_is_done_now() {
    let mut schedule = Schedule::new(options(2, 1), 1, None);
    let first = begin(&mut schedule, at(0), tree(1));
    due(&mut schedule, at(0));
    schedule.failed(at(0), first, authority(0), None);
    schedule.failed(at(0), first, authority(1), None);
    // Not done yet: who failed is asked at once.
    schedule.want();
    assert_eq!(due(&mut schedule, at(1)), [Operation::Fetch]);
    assert_eq!(
        schedule.fetched(at(1), Fetched::Tree(tree(1))),
        Decision::GoOn(first)
    );
    assert_eq!(due(&mut schedule, at(1)).len(), 2);
    count(&mut schedule, at(1), first, 0);
    // Done: a new round about the same tree.
    schedule.want();
    assert_eq!(schedule.wake_at(at(2)), Some(at(2)));
    begin(&mut schedule, at(2), tree(1));
    due(&mut schedule, at(2));
    // It is demanded once.
    assert_eq!(schedule.poll(at(3)), None);
}

#[test]
fn a_clock_that_is_set_back_makes_nobody_wait_for_the_old_time() {
    let mut schedule = Schedule::new(options(1, 1), 1, None);
    let late = at(1_000 * HOUR);
    let round = begin(&mut schedule, late, tree(1));
    due(&mut schedule, late);
    schedule.failed(late, round, authority(0), None);
    let now = at(10 * HOUR);
    assert_eq!(schedule.wake_at(now), Some(now));
    assert_eq!(due(&mut schedule, now), [Operation::Fetch, stamp(round, 0)]);
    schedule.fetched(now, Fetched::Tree(tree(1)));
    count(&mut schedule, now, round, 0);
    let slot = next(&schedule, now);
    assert!(slot < at(12 * HOUR));
}

#[test]
fn options_that_contradict_themselves_are_refused() {
    let second = Duration::from_secs(1);
    let interval = |interval| OptionsError::Interval(interval);
    let required = |authorities, required| OptionsError::Required {
        authorities,
        required,
    };
    let year = Duration::from_hours(366 * 24);
    let rows = [
        (
            "no interval",
            Duration::ZERO,
            Duration::ZERO,
            1,
            1,
            interval(Duration::ZERO),
        ),
        (
            "too long",
            year + second,
            second,
            1,
            1,
            interval(year + second),
        ),
        (
            "jitter of an interval",
            second,
            second,
            1,
            1,
            OptionsError::Jitter {
                interval: second,
                jitter: second,
            },
        ),
        ("none required", year, second, 1, 0, required(1, 0)),
        (
            "more required than there are",
            year,
            second,
            2,
            3,
            required(2, 3),
        ),
        ("nobody to ask", year, second, 0, 0, required(0, 0)),
    ];
    for (name, interval, jitter, authorities, required, expected) in rows {
        let got = Options::new(interval, jitter, authorities, required);
        assert_eq!(got, Err(expected), "{name}");
    }
    let zero = Backoff {
        first: Duration::ZERO,
        longest: second,
    };
    assert_eq!(options(1, 1).with_backoff(zero), Err(OptionsError::Backoff));
}

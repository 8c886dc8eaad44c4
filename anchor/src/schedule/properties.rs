//! What holds in every course of events.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What happens, drawn at random: each is used for one thing that is answered.
#[derive(Debug, Clone)]
struct Answer {
    /// Milliseconds until it comes.
    after: u64,
    good: bool,
    grows: bool,
}

fn answer() -> impl Strategy<Value = Answer> {
    (0..400_000_u64, prop::bool::weighted(0.6), any::<bool>())
        .prop_map(|(after, good, grows)| Answer { after, good, grows })
}

fn options() -> impl Strategy<Value = Options> {
    let times = (1_u64..7_200, 0_u64..100, prop::option::of(1_u64..20_000));
    (times, 1_usize..5, 1_usize..5).prop_map(
        |((interval, jitter, max_age), authorities, required)| {
            let jitter = interval * 1_000 * jitter / 100;
            let options = Options::new(
                Duration::from_secs(interval),
                Duration::from_millis(jitter),
                authorities,
                required.min(authorities),
            );
            let options = options.unwrap();
            match max_age {
                Some(seconds) => options.with_max_age(Duration::from_secs(seconds)),
                None => options,
            }
        },
    )
}

/// A log and authorities that answer as drawn, and healthily when nothing is drawn any more.
struct World {
    options: Options,
    schedule: Schedule,
    now: Moment,
    answers: std::vec::IntoIter<Answer>,
    size: u64,
    /// What is under way, and when it ends.
    running: Vec<(Moment, Operation, bool)>,
    /// What the rounds are about.
    rounds: BTreeMap<RoundId, Tree>,
    counted: BTreeMap<RoundId, Vec<Authority>>,
    done: Option<(Tree, Moment)>,
    looked: Vec<Moment>,
}

impl World {
    fn tree(&self) -> Tree {
        Tree {
            size: TreeSize::new(self.size),
            root: NodeHash::from_bytes([1; 32]),
        }
    }

    fn healthy(&self) -> bool {
        self.answers.len() == 0
    }

    /// Does all that is due, and goes to the next time at which something happens.
    fn step(&mut self) {
        while let Some(operation) = self.schedule.poll(self.now) {
            self.check(operation);
            let answer = self.answers.next().unwrap_or(Answer {
                after: 500,
                good: true,
                grows: false,
            });
            self.size += u64::from(answer.grows && operation == Operation::Fetch);
            self.running.push((
                self.now.after(Duration::from_millis(answer.after)),
                operation,
                answer.good,
            ));
        }
        let wake = self.schedule.wake_at(self.now);
        assert!(wake.is_none_or(|wake| wake > self.now), "it spins");
        let ends = self.running.iter().map(|(end, ..)| *end).min();
        // Something always comes: a log is never forgotten.
        self.now = wake.into_iter().chain(ends).min().unwrap().max(self.now);
        let (ended, running) = self
            .running
            .drain(..)
            .partition(|(end, ..)| *end <= self.now);
        self.running = running;
        for (_, operation, good) in ended {
            self.end(operation, good);
        }
    }

    fn check(&mut self, operation: Operation) {
        let twice = self
            .running
            .iter()
            .any(|(_, running, _)| *running == operation);
        assert!(!twice, "{operation:?} is under way already");
        match operation {
            Operation::Fetch => self.looked.push(self.now),
            Operation::Stamp { round, authority } => {
                assert_eq!(self.rounds.keys().max(), Some(&round), "an old round");
                let counted = &self.counted[&round];
                assert!(!counted.contains(&authority), "{authority:?} has counted");
            }
        }
    }

    fn end(&mut self, operation: Operation, good: bool) {
        match operation {
            Operation::Fetch => {
                let tree = self.tree();
                let fetched = if good {
                    Fetched::Tree(tree)
                } else {
                    Fetched::Failed
                };
                match (good, self.schedule.fetched(self.now, fetched)) {
                    (false, decision) => assert_eq!(decision, Decision::Nothing),
                    (true, Decision::Begin(round)) => {
                        self.check_begin(tree);
                        assert_eq!(
                            self.rounds.insert(round, tree),
                            None,
                            "a round begins twice"
                        );
                        self.counted.insert(round, Vec::new());
                    }
                    (true, Decision::GoOn(round)) => assert_eq!(self.rounds[&round], tree),
                    (true, Decision::Nothing) => {
                        assert_eq!(
                            self.done.map(|(tree, _)| tree),
                            Some(tree),
                            "it is not anchored"
                        );
                    }
                }
            }
            Operation::Stamp { round, authority } => {
                let newest = self.rounds.keys().max() == Some(&round);
                if good {
                    self.counted.get_mut(&round).unwrap().push(authority);
                }
                let done = good && self.counted[&round].len() == self.options.required;
                let expected = match (newest, done) {
                    (false, _) => Progress::Late,
                    (true, false) => Progress::Same,
                    (true, true) => {
                        self.done = Some((self.rounds[&round], self.now));
                        Progress::Done
                    }
                };
                if good {
                    let counted = self.counted[&round].iter().copied().collect();
                    let progress = self.schedule.counted(self.now, round, &counted);
                    assert_eq!(progress, expected);
                } else {
                    self.schedule.failed(self.now, round, authority, None);
                }
            }
        }
    }

    /// A round begins only for what is not anchored, or not any more.
    fn check_begin(&self, tree: Tree) {
        if let Some((anchored, at)) = self.done
            && anchored == tree
            && self.schedule.tree() == Some(tree)
        {
            let age = self.now.since(at);
            let most = self.options.max_age;
            assert!(
                most.is_some_and(|most| age >= most),
                "nothing has changed for {age:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_course_of_events_keeps_the_rules_and_ends_anchored(
        options in options(),
        seed: u64,
        start in 1_700_000_000_u64..1_900_000_000,
        answers in prop::collection::vec(answer(), 0..120),
    ) {
        let mut world = World {
            options,
            schedule: Schedule::new(options, seed, None),
            now: Moment::from_seconds(start),
            answers: answers.into_iter(),
            size: 0,
            running: Vec::new(),
            rounds: BTreeMap::new(),
            counted: BTreeMap::new(),
            done: None,
            looked: Vec::new(),
        };
        while !world.healthy() {
            world.step();
        }
        // From here on all is well, but for what is under way. Within a slot and the longest wait all is anchored.
        let healthy = world.now;
        let slot = options.interval + options.jitter;
        let bound = slot + options.backoff.longest * 2 + Duration::from_secs(401);
        while world.now < healthy.after(bound) {
            world.step();
        }
        prop_assert_eq!(world.done.map(|(tree, _)| tree), Some(world.tree()));
        // Everybody is asked until they have counted.
        let newest = world.counted.last_key_value().map(|(_, counted)| counted.len());
        prop_assert!(newest == Some(options.authorities) || !world.running.is_empty() || options.max_age.is_some());
        // Nobody looks twice in a slot, where the log could be read.
        let looked: Vec<Moment> = world.looked.iter().copied().filter(|at| *at > healthy.after(options.backoff.longest)).collect();
        for pair in looked.windows(2) {
            let apart = pair[1].since(pair[0]) + options.jitter + Duration::from_millis(1);
            prop_assert!(apart >= options.interval, "{pair:?}");
        }
    }
}

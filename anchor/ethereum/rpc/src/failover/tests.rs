use super::*;

/// Endpoints, and a time that a test sets.
struct Bench {
    roster: Roster,
    start: Instant,
}

impl Bench {
    fn of(count: usize) -> Self {
        Self {
            roster: Roster::new(count),
            start: Instant::now(),
        }
    }

    fn at(&self, seconds: u64) -> Instant {
        self.start + Duration::from_secs(seconds)
    }

    fn failed(&mut self, place: usize, seconds: u64) {
        let now = self.at(seconds);
        let wall = SystemTime::UNIX_EPOCH;
        self.roster.failed(place, "down".to_owned(), now, wall);
    }

    fn answered(&mut self, place: usize, asked: Asked) {
        self.roster.answered(place, asked, SystemTime::UNIX_EPOCH);
    }

    fn order(&self, seconds: u64) -> Vec<usize> {
        self.roster.order(self.at(seconds))
    }

    fn looks(&mut self, seconds: u64) -> Vec<usize> {
        let now = self.at(seconds);
        self.roster.looks(now)
    }

    fn status(&self, place: usize, seconds: u64) -> EndpointStatus {
        let names = (0..).map(|number: usize| number.to_string());
        let mut all = self.roster.status(names, self.at(seconds));
        all.remove(place)
    }
}

#[test]
fn a_bad_endpoint_is_set_aside_for_a_while_and_not_for_ever() {
    let mut bench = Bench::of(3);
    assert_eq!(bench.order(0), [0, 1, 2]);
    bench.failed(0, 0);
    assert_eq!(bench.order(0), [1, 2, 0]);
    assert_eq!(bench.order(14), [1, 2, 0]);
    assert_eq!(bench.order(15), [0, 1, 2]);
    // The second time it is longer.
    bench.failed(0, 15);
    assert_eq!(bench.order(44), [1, 2, 0]);
    assert_eq!(bench.order(45), [0, 1, 2]);
    // Where all are set aside, the first to come back is first.
    bench.failed(0, 45);
    bench.failed(2, 45);
    bench.failed(1, 46);
    assert_eq!(bench.order(46), [2, 1, 0]);
    bench.answered(0, Asked::Request);
    assert_eq!(bench.order(46), [0, 2, 1]);
    assert_eq!(bench.status(0, 0).set_aside, None);
}

#[test]
fn the_pause_is_bounded_and_does_not_grow_while_it_lasts() {
    let mut bench = Bench::of(2);
    for _ in 0..21 {
        bench.failed(0, 0);
    }
    assert_eq!(bench.status(0, 0).set_aside.unwrap().left, MIN_PAUSE);
    let mut now = 0;
    for _ in 0..20 {
        now += bench.status(0, now).set_aside.unwrap().left.as_secs();
        bench.failed(0, now);
    }
    let status = bench.status(0, now);
    assert_eq!((status.failed, status.answered), (41, 0));
    assert_eq!(status.set_aside.unwrap().left, MAX_PAUSE);
}

#[test]
fn all_are_looked_at_each_minute_but_those_set_aside() {
    let mut bench = Bench::of(4);
    assert_eq!(bench.looks(0), [0, 1, 2, 3]);
    assert_eq!(bench.looks(59), [0; 0]);
    bench.failed(0, 59);
    bench.failed(3, 59);
    assert_eq!(bench.looks(60), [1, 2]);
    assert_eq!(bench.looks(120), [0, 1, 2, 3]);
    // Nobody is looked at where there is but one.
    assert_eq!(Bench::of(1).looks(0), [0; 0]);
}

#[test]
fn a_look_that_is_answered_ends_the_trouble_but_is_no_use_of_the_endpoint() {
    let mut bench = Bench::of(2);
    bench.failed(0, 0);
    assert!(bench.status(0, 15).set_aside.is_some());
    bench.answered(0, Asked::Look);
    assert_eq!(bench.status(0, 15).set_aside, None);
    assert!(!bench.status(0, 15).is_used);
    assert_eq!(bench.status(0, 15).answered, 0);
    // What fails at requests alone is set aside for longer each time all the same.
    bench.failed(0, 15);
    assert_eq!(bench.status(0, 15).set_aside.unwrap().left, 2 * MIN_PAUSE);
    bench.answered(0, Asked::Look);
    bench.answered(0, Asked::Request);
    bench.answered(1, Asked::Request);
    assert!(!bench.status(0, 15).is_used && bench.status(1, 15).is_used);
    bench.failed(0, 99);
    assert_eq!(bench.status(0, 99).set_aside.unwrap().left, MIN_PAUSE);
}

#[test]
fn blocks_are_tried_once_an_hour_at_each_endpoint() {
    let mut bench = Bench::of(2);
    let now = bench.start;
    assert!(bench.roster.is_unread(0, now));
    bench.roster.read(0, now);
    assert!(!bench.roster.is_unread(0, bench.at(3_599)));
    assert!(bench.roster.is_unread(0, bench.at(3_600)));
    assert!(bench.roster.is_unread(1, now));
}

#[test]
fn the_newest_block_of_each_is_compared_with_those_of_the_others() {
    let mut bench = Bench::of(3);
    let head = |number| Head {
        number,
        time: SystemTime::UNIX_EPOCH,
        seen: SystemTime::UNIX_EPOCH,
    };
    assert_eq!(bench.roster.saw(0, head(1)), []);
    assert_eq!(bench.roster.saw(2, head(3)), [head(1)]);
    assert_eq!(bench.roster.saw(0, head(2)), [head(3)]);
    assert_eq!(bench.roster.saw(1, head(7)), [head(2), head(3)]);
    assert_eq!(bench.status(0, 0).head, Some(head(2)));
}

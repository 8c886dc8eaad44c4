//! When a round may begin: a function of the time.
//!
//! Time is cut into slots, each as long as a round's interval, and a slot has at most one round, so that what a day can cost is
//! known, however often the anchor is started. While there is nothing new in a slot it stays open.

use std::time::Duration;

use crate::moment::{Moment, millis};

/// How often an open slot is looked at.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// The slots of a chain.
#[derive(Debug, Clone)]
pub(super) struct Slots {
    every: u64,
    lag: u64,
    /// The slot of the last round.
    last: Option<u64>,
    /// Nothing is looked at before.
    not_before: Moment,
}

impl Slots {
    /// Slots that begin so much later than at the multiples of their length. Logs are given time to be looked at.
    pub(super) fn new(every: Duration, lag: Duration, now: Moment) -> Self {
        let every = millis(every).max(1);
        let mut slots = Self {
            every,
            lag: millis(lag),
            last: None,
            not_before: now,
        };
        slots.pause(now);
        slots
    }

    /// Looks at the slot later.
    pub(super) fn pause(&mut self, now: Moment) {
        self.not_before = self.after_pause(now);
    }

    fn after_pause(&self, now: Moment) -> Moment {
        let pause = Duration::from_millis(self.every / 10).min(LOOK_EVERY);
        now.after(pause)
    }

    /// There was a round at this time.
    pub(super) fn took(&mut self, at: Moment) {
        self.last = Some(self.slot(at));
    }

    /// There may be another round in this slot.
    pub(super) fn reopen(&mut self, now: Moment) {
        self.last = None;
        self.pause(now);
    }

    /// Whether a round is to be offered now. While another is on its way, an open slot is looked at again later: whoever waits for
    /// [`Self::wake_at`] would not wait at all. Where the clock was set back nobody waits until it shows the old time again.
    pub(super) fn look(&mut self, now: Moment, is_free: bool) -> bool {
        self.not_before = self.not_before.min(self.after_pause(now));
        let is_open = self.is_open(now);
        if is_open && !is_free {
            self.pause(now);
        }
        is_open && is_free
    }

    /// Whether a round may begin.
    fn is_open(&self, now: Moment) -> bool {
        self.last != Some(self.slot(now)) && now >= self.not_before
    }

    /// When that is to be asked again.
    pub(super) fn wake_at(&self, now: Moment) -> Moment {
        match self.last {
            Some(last) if last == self.slot(now) => {
                let next = last.saturating_add(1).saturating_mul(self.every);
                Moment::from_millis(next.saturating_add(self.lag)).max(self.not_before)
            }
            _ => self.not_before,
        }
    }

    fn slot(&self, at: Moment) -> u64 {
        at.millis().saturating_sub(self.lag) / self.every
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    fn slots(now: u64) -> Slots {
        Slots::new(Duration::from_hours(1), Duration::from_mins(6), at(now))
    }

    #[test]
    fn a_slot_has_one_round_and_stays_open_until_then() {
        let start = 10 * HOUR;
        let mut slots = slots(start);
        assert!(!slots.is_open(at(start)), "the logs are looked at first");
        assert_eq!(slots.wake_at(at(start)), at(start + 60_000));
        assert!(slots.is_open(at(start + 60_000)));
        slots.pause(at(start + 60_000));
        assert!(!slots.is_open(at(start + 119_999)));
        assert!(slots.is_open(at(start + 120_000)));
        slots.took(at(start + 120_000));
        // The slot that began at 9:06 ends at 10:06.
        let next = start + 360_000;
        assert_eq!(slots.wake_at(at(start + 120_001)), at(next));
        assert!(!slots.is_open(at(next - 1)));
        assert!(slots.is_open(at(next)));
    }

    #[test]
    fn an_earlier_round_closes_its_slot_and_no_later_one() {
        let start = 10 * HOUR + 30 * 60_000;
        let mut slots = slots(start);
        slots.took(at(8 * HOUR));
        assert!(slots.is_open(at(start + 60_000)));
        slots.took(at(start - 1));
        assert!(!slots.is_open(at(start + 60_000)));
        slots.reopen(at(start + 60_000));
        assert!(!slots.is_open(at(start + 60_001)));
        assert!(slots.is_open(at(start + 120_000)));
    }

    #[test]
    fn nobody_spins_while_a_round_outlasts_its_slot() {
        let start = 10 * HOUR;
        let mut slots = slots(start);
        slots.took(at(start + 60_000));
        let mut now = at(start + 60_000);
        let mut looks = 0;
        // The round of this slot is still on its way three hours later.
        while now < at(start + 3 * HOUR) {
            assert!(!slots.look(now, false));
            let wake = slots.wake_at(now);
            assert!(wake > now, "it would spin: {wake} is not after {now}");
            (now, looks) = (wake, looks + 1);
        }
        assert!(looks <= 180, "{looks} looks");
        assert!(slots.look(now, true), "and then the next one begins");
    }

    #[test]
    fn a_clock_that_is_set_back_closes_nothing() {
        let mut slots = slots(10 * HOUR);
        slots.took(at(1_000 * HOUR));
        assert!(slots.is_open(at(10 * HOUR + 60_000)));
        slots.pause(at(1_000 * HOUR));
        let back = at(20 * HOUR);
        assert!(!slots.look(back, true), "a pause is made");
        assert_eq!(slots.wake_at(back), at(20 * HOUR + 60_000));
        assert!(slots.look(at(20 * HOUR + 60_000), true));
    }

    #[test]
    fn short_slots_are_looked_at_often() {
        let mut slots = Slots::new(Duration::from_secs(1), Duration::ZERO, at(5_000));
        assert!(slots.is_open(at(5_100)));
        slots.took(at(5_100));
        assert_eq!(slots.wake_at(at(5_200)), at(6_000));
    }
}

//! How many of those that vouch count, and by when: the largest [`Matching`] of the anchors that hold, added in the order of their
//! times. Whatever is counted by a time is the most that could be by then.

use counterfoil_rfc3161::Timestamp;

use super::anchor::Held;
use crate::matching::Matching;

/// An authority that counts, and by when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted<'a> {
    pub(super) authority: &'a str,
    /// The time of the anchor with which it came to count.
    pub(super) by: Timestamp,
}

/// The authorities that count, by the time at which they do.
pub(super) fn counted(held: &[Held]) -> Vec<Counted<'_>> {
    let mut in_time: Vec<&Held> = held.iter().collect();
    // Of equal times, the first stays first.
    in_time.sort_by_key(|held| held.latest);
    let mut matching = Matching::default();
    let counts = in_time.into_iter().filter_map(|held| {
        let authority = matching.add(held.authority.as_str(), &held.key)?;
        let by = held.latest;
        Some(Counted { authority, by })
    });
    counts.collect()
}

#[cfg(test)]
mod tests {
    use super::super::anchor::Key;
    use super::*;

    #[test]
    fn they_count_in_the_order_of_their_times() {
        let held = |authority: &str, key: u8, time| Held {
            authority: authority.to_owned(),
            key: Key::Signer(vec![key]),
            latest: Timestamp::from_seconds(time),
        };
        // The last in time frees the key of the first, which another needs.
        let all = [
            held("one", 2, 30),
            held("two", 1, 20),
            held("one", 1, 10),
            held("three", 3, 10),
        ];
        let found: Vec<(&str, i64)> = counted(&all)
            .iter()
            .map(|one| (one.authority, one.by.seconds()))
            .collect();
        assert_eq!(found, [("one", 10), ("three", 10), ("two", 30)]);
    }
}

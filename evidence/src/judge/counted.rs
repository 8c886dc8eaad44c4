//! How many of those that vouch count, and by when: the largest [`Matching`] of the anchors that hold, added in the order of their
//! times. Whatever is counted by a time is the most that could be by then.

use counterfoil_rfc3161::Timestamp;

use super::anchor::Held;
use crate::matching::Matching;

/// What counts of the anchors that hold.
pub(super) struct Counted<'a> {
    /// The authorities that count, by the time at which they do.
    pub(super) authorities: Vec<Counts<'a>>,
    /// For each of them the anchor by which it counts in the end, when all are known.
    by: Vec<&'a Held>,
}

/// An authority that counts, and by when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts<'a> {
    pub(super) authority: &'a str,
    /// The time of the anchor with which it came to count.
    pub(super) by: Timestamp,
}

impl<'a> Counted<'a> {
    /// The authority that counts by the anchor at this place.
    pub(super) fn authority_of(&self, anchor: usize) -> Option<&'a str> {
        let held = self.by.iter().find(|held| held.anchor == anchor)?;
        Some(&held.authority)
    }
}

/// Counts them.
pub(super) fn counted(held: &[Held]) -> Counted<'_> {
    let mut in_time: Vec<&Held> = held.iter().collect();
    // Of equal times, the first stays first.
    in_time.sort_by_key(|held| held.latest);
    let mut matching = Matching::default();
    let counts = in_time.iter().filter_map(|held| {
        let authority = matching.add(held.authority.as_str(), &held.key)?;
        let by = held.latest;
        Some(Counts { authority, by })
    });
    let authorities = counts.collect();
    let pairs = matching.pairs();
    let by = pairs
        .into_iter()
        .filter_map(|pair| in_time.get(pair).copied());
    Counted {
        authorities,
        by: by.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::anchor::Key;
    use super::*;

    fn held(anchor: usize, authority: &str, key: u8, time: i64) -> Held {
        Held {
            anchor,
            authority: authority.to_owned(),
            key: Key::Signer(vec![key]),
            latest: Timestamp::from_seconds(time),
        }
    }

    #[test]
    fn they_count_in_the_order_of_their_times() {
        // The last in time frees the key of the first, which another needs.
        let all = [
            held(0, "one", 2, 30),
            held(1, "two", 1, 20),
            held(2, "one", 1, 10),
            held(3, "three", 3, 10),
        ];
        let found: Vec<(&str, i64)> = counted(&all)
            .authorities
            .iter()
            .map(|one| (one.authority, one.by.seconds()))
            .collect();
        assert_eq!(found, [("one", 10), ("three", 10), ("two", 30)]);
    }

    /// A token that two authorities certify counts for the one that has no other, whichever is asked first.
    #[test]
    fn an_anchor_of_two_authorities_counts_for_the_one_that_needs_it() {
        let rows = [
            [
                held(0, "one", 1, 10),
                held(0, "two", 1, 10),
                held(1, "one", 2, 20),
            ],
            [
                held(0, "two", 1, 10),
                held(0, "one", 1, 10),
                held(1, "one", 2, 20),
            ],
        ];
        for all in &rows {
            let counted = counted(all);
            assert_eq!(counted.authorities.len(), 2);
            assert_eq!(counted.authority_of(0), Some("two"));
            assert_eq!(counted.authority_of(1), Some("one"));
        }
    }
}

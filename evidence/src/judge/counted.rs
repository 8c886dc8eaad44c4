//! How many of those that vouch count.
//!
//! An authority counts once, however many tokens it gave, and so does what an anchor rests on (a signer's key, or a chain),
//! whatever roots it leads to. So what counts is the most pairs of an authority and a key of which no two share either: a
//! matching in the graph whose edges are the anchors that hold. To take anchors one after the other would not do: where a signer
//! is certified by two authorities, and one of these has another signer as well, the wrong choice for the first leaves
//! nobody for the second.
//!
//! Edges are added in the order of their times, and after each the matching is made as large as it can be (Kuhn): whatever is
//! counted by a time is the most that could be by then. One edge makes it larger by one at most, and no authority that was counted
//! is dropped.

use counterfoil_rfc3161::Timestamp;

use super::anchor::{Held, Key};

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
    let mut counted = Vec::new();
    for held in in_time {
        matching.edges.push(held);
        if let Some(authority) = matching.grow() {
            let by = held.latest;
            counted.push(Counted { authority, by });
        }
    }
    counted
}

#[derive(Default)]
struct Matching<'a> {
    edges: Vec<&'a Held>,
    /// Those of them that count.
    pairs: Vec<&'a Held>,
}

impl<'a> Matching<'a> {
    /// Makes it larger by one, if it can be, and gives the authority that counts now and did not before.
    fn grow(&mut self) -> Option<&'a str> {
        let edges = self.edges.clone();
        let mut tried = Vec::new();
        for Held { authority, .. } in edges {
            let counts = |pair: &&Held| pair.authority == *authority;
            if !tried.contains(&authority) && !self.pairs.iter().any(counts) {
                tried.push(authority);
                if self.place(authority, &mut Vec::new()) {
                    return Some(authority);
                }
            }
        }
        None
    }

    /// Finds a key for an authority; whose key it is must find another, of those that were not looked at yet.
    fn place(&mut self, authority: &'a str, looked: &mut Vec<&'a Key>) -> bool {
        let edges = self.edges.iter().copied();
        let of_it: Vec<&'a Held> = edges.filter(|edge| edge.authority == authority).collect();
        for edge in of_it {
            if looked.contains(&&edge.key) {
                continue;
            }
            looked.push(&edge.key);
            let mut pairs = self.pairs.iter().copied();
            let holder = pairs.find(|pair| pair.key == edge.key);
            if holder.is_none_or(|holder| self.place(&holder.authority, looked)) {
                self.pairs.retain(|pair| pair.authority != authority);
                self.pairs.push(edge);
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An authority, a key and a time.
    type Edge = (u8, u8, i64);

    /// A name, what holds, and who counts by when.
    type Row<'a> = (&'a str, &'a [Edge], &'a [(&'a str, i64)]);

    fn held(authority: u8, key: u8, time: i64) -> Held {
        Held {
            authority: authority.to_string(),
            key: Key::Signer(vec![key]),
            latest: Timestamp::from_seconds(time),
        }
    }

    #[test]
    fn an_authority_and_a_key_count_once() {
        let rows: [Row<'_>; 7] = [
            ("none", &[], &[]),
            ("two", &[(1, 1, 5), (2, 2, 3)], &[("2", 3), ("1", 5)]),
            ("of one authority", &[(1, 1, 5), (1, 2, 3)], &[("1", 3)]),
            ("of one key", &[(1, 1, 5), (2, 1, 3)], &[("2", 3)]),
            (
                "one that could be either's, and another",
                &[(1, 1, 1), (2, 1, 2), (1, 2, 3)],
                &[("1", 1), ("2", 3)],
            ),
            (
                "through three",
                &[(1, 1, 1), (2, 2, 2), (3, 1, 3), (1, 2, 4), (2, 3, 5)],
                &[("1", 1), ("2", 2), ("3", 5)],
            ),
            (
                "three of two keys",
                &[(1, 1, 1), (2, 2, 2), (3, 1, 3), (3, 2, 4), (1, 2, 5)],
                &[("1", 1), ("2", 2)],
            ),
        ];
        for (name, edges, expected) in rows {
            let all: Vec<Held> = edges
                .iter()
                .map(|(authority, key, time)| held(*authority, *key, *time))
                .collect();
            let found: Vec<(&str, i64)> = counted(&all)
                .iter()
                .map(|one| (one.authority, one.by.seconds()))
                .collect();
            assert_eq!(found, expected, "{name}");
        }
    }

    /// The most of some edges of which no two share an end, by trying all.
    fn most(edges: &[Edge]) -> usize {
        let Some(((authority, key, _), rest)) = edges.split_first() else {
            return 0;
        };
        let others: Vec<Edge> = rest
            .iter()
            .filter(|other| other.0 != *authority && other.1 != *key)
            .copied()
            .collect();
        most(rest).max(1 + most(&others))
    }

    proptest! {
        #[test]
        fn by_each_time_the_most_are_counted(
            edges in prop::collection::vec((0..5_u8, 0..5_u8, 0..8_i64), 0..10),
        ) {
            let all: Vec<Held> = edges.iter().map(|one| held(one.0, one.1, one.2)).collect();
            let found = counted(&all);
            for time in 0..8 {
                let by_then: Vec<Edge> =
                    edges.iter().filter(|edge| edge.2 <= time).copied().collect();
                let count = found.iter().filter(|one| one.by.seconds() <= time).count();
                prop_assert_eq!(count, most(&by_then), "by {}", time);
            }
            let mut names: Vec<&str> = found.iter().map(|one| one.authority).collect();
            names.sort_unstable();
            names.dedup();
            prop_assert_eq!(names.len(), found.len());
        }
    }
}

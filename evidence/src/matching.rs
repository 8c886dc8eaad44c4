//! Of those that vouch, as many as count.
//!
//! An authority counts once, however many tokens it gave, and so does what these rest on (a signer's key, or a chain), whatever
//! authority it is certified by. So what counts is the most pairs of an authority and a key of which no two share either: a
//! matching in the graph whose edges are what vouches. To take one after the other would not do: where a signer is certified by
//! two authorities, and one of these has another signer as well, the wrong choice for the first leaves nobody for the second.

/// The most pairs that edges have, of which no two share an authority or a key.
///
/// Edges are added one after another, and after each the matching is as large as it can be (Kuhn): one edge makes it larger by one
/// at most, and no authority that counts ceases to. Adding the last of n edges takes a time of n² comparisons at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching<A, K> {
    edges: Vec<(A, K)>,
    /// The places of those that count.
    pairs: Vec<usize>,
}

impl<A, K> Default for Matching<A, K> {
    fn default() -> Self {
        Self {
            edges: Vec::new(),
            pairs: Vec::new(),
        }
    }
}

impl<A: Copy + PartialEq, K: PartialEq> Matching<A, K> {
    /// Adds an edge. Gives the authority that counts now and did not before; `None` if no more count than before.
    pub fn add(&mut self, authority: A, key: K) -> Option<A> {
        self.edges.push((authority, key));
        let mut tried: Vec<A> = Vec::new();
        for place in 0..self.edges.len() {
            let (authority, _) = self.edges.get(place)?;
            let authority = *authority;
            if !tried.contains(&authority) && !self.counts(authority) {
                tried.push(authority);
                if self.place(authority, &mut Vec::new()) {
                    return Some(authority);
                }
            }
        }
        None
    }

    /// How many count.
    pub fn count(&self) -> usize {
        self.pairs.len()
    }

    /// The places of the edges that count, in the order in which edges were added.
    pub fn pairs(&self) -> Vec<usize> {
        let mut pairs = self.pairs.clone();
        pairs.sort_unstable();
        pairs
    }

    fn counts(&self, authority: A) -> bool {
        self.pair_of(|(of, _)| *of == authority).is_some()
    }

    fn pair_of(&self, is: impl Fn(&(A, K)) -> bool) -> Option<usize> {
        let mut pairs = self.pairs.iter().copied();
        pairs.find(|pair| self.edges.get(*pair).is_some_and(&is))
    }

    /// Finds a key for an authority; whose key it is must find another, of those whose keys were not looked at yet (the edges `looked`
    /// at have them).
    fn place(&mut self, authority: A, looked: &mut Vec<usize>) -> bool {
        for edge in 0..self.edges.len() {
            let key = |place: usize| self.edges.get(place).map(|(_, key)| key);
            let is_its = self.edges.get(edge).is_some_and(|(of, _)| *of == authority);
            if !is_its || looked.iter().any(|other| key(*other) == key(edge)) {
                continue;
            }
            let holder = self
                .pair_of(|(_, other)| Some(other) == key(edge))
                .and_then(|pair| self.edges.get(pair))
                .map(|(holder, _)| *holder);
            looked.push(edge);
            if holder.is_none_or(|holder| self.place(holder, looked)) {
                let old = self.pair_of(|(of, _)| *of == authority);
                self.pairs.retain(|pair| Some(*pair) != old);
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

    /// An authority and a key.
    type Edge = (u8, u8);

    /// A name, edges, and who came to count as each was added.
    type Row<'a> = (&'a str, &'a [Edge], &'a [Option<u8>]);

    #[test]
    fn an_authority_and_a_key_count_once() {
        let rows: [Row<'_>; 7] = [
            ("none", &[], &[]),
            ("two", &[(2, 2), (1, 1)], &[Some(2), Some(1)]),
            ("of one authority", &[(1, 2), (1, 1)], &[Some(1), None]),
            ("of one key", &[(2, 1), (1, 1)], &[Some(2), None]),
            (
                "one that could be either's, and another",
                &[(1, 1), (2, 1), (1, 2)],
                &[Some(1), None, Some(2)],
            ),
            (
                "through three",
                &[(1, 1), (2, 2), (3, 1), (1, 2), (2, 3)],
                &[Some(1), Some(2), None, None, Some(3)],
            ),
            (
                "three of two keys",
                &[(1, 1), (2, 2), (3, 1), (3, 2), (1, 2)],
                &[Some(1), Some(2), None, None, None],
            ),
        ];
        for (name, edges, expected) in rows {
            let mut matching = Matching::default();
            let edges = edges.iter();
            let came: Vec<Option<u8>> = edges.map(|(of, key)| matching.add(*of, *key)).collect();
            assert_eq!(came, expected, "{name}");
        }
    }

    /// The most of some edges of which no two share an end, by trying all.
    fn most(edges: &[Edge]) -> usize {
        let Some(((authority, key), rest)) = edges.split_first() else {
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
        fn after_each_edge_the_most_count(
            edges in prop::collection::vec((0..5_u8, 0..5_u8), 0..10),
        ) {
            let mut matching = Matching::default();
            let mut came: Vec<u8> = Vec::new();
            for (place, (authority, key)) in edges.iter().enumerate() {
                came.extend(matching.add(*authority, *key));
                prop_assert_eq!(matching.count(), most(&edges[..=place]));
                let pairs: Vec<Edge> = matching.pairs().into_iter().map(|pair| edges[pair]).collect();
                prop_assert_eq!(most(&pairs), pairs.len(), "they share something");
                let mut counting: Vec<u8> = pairs.iter().map(|(authority, _)| *authority).collect();
                counting.sort_unstable();
                let mut told = came.clone();
                told.sort_unstable();
                prop_assert_eq!(counting, told);
            }
        }
    }
}

//! The known word that is spelled most like an unknown one.

/// The word of `known` at the smallest edit distance from `word` (the first of equals).
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> &'a str {
    known
        .into_iter()
        .min_by_key(|candidate| distance(word, candidate))
        .unwrap_or_default()
}

/// Insertions, deletions, replacements and swaps of neighbours (the restricted Damerau-Levenshtein distance).
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &to) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(from != to);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && from == b[j - 1] && a[i - 1] == to {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        let rows = [
            ("same", "listen", "listen", 0),
            ("neighbours swapped", "listne", "listen", 1),
            ("one left out", "lisen", "listen", 1),
            ("one too many", "listeen", "listen", 1),
            ("one replaced", "lixten", "listen", 1),
            ("from nothing", "", "tls", 3),
            ("to nothing", "tls", "", 3),
        ];
        for (name, a, b, expected) in rows {
            assert_eq!(distance(a, b), expected, "{name}");
        }
    }
}

//! The body of a batch: entries, each after its length, as in an entry bundle (tlog-tiles, "Log entries").

use bytes::Bytes;

use super::problem::{Kind, Problem};

/// Splits a batch into its entries; they share its memory.
///
/// SPEC(tlog-tiles): "Entry bundles are sequences of big-endian uint16 length-prefixed log entries."
pub(super) fn split(
    body: &Bytes,
    max_entries: usize,
    max_bytes: usize,
) -> Result<Vec<Bytes>, Problem> {
    let mut entries = Vec::new();
    let mut at = 0;
    while at < body.len() {
        let number = entries.len();
        if number == max_entries {
            let detail = format!("expected at most {max_entries} entries, got more");
            return Err(Problem::new(Kind::TooLarge, detail));
        }
        let wrong = |what: String| {
            Err(Problem::malformed(format!(
                "entry {number}, at byte {at}: {what}"
            )))
        };
        let Some(length) = body.get(at..at + 2) else {
            return wrong("expected the two bytes of a length, got one".to_owned());
        };
        let length = length
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let (start, end) = (at + 2, at + 2 + length);
        if length == 0 {
            return wrong("expected 1 byte or more, got an empty entry".to_owned());
        }
        if length > max_bytes {
            let detail =
                format!("entry {number}: expected at most {max_bytes} bytes, got {length}");
            return Err(Problem::new(Kind::TooLarge, detail));
        }
        if end > body.len() {
            let left = body.len() - start;
            return wrong(format!("expected {length} bytes, got {left}"));
        }
        entries.push(body.slice(start..end));
        at = end;
    }
    if entries.is_empty() {
        return Err(Problem::malformed(
            "expected at least one entry, got an empty body",
        ));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: &'static [u8]) -> Result<Vec<Bytes>, String> {
        split(&Bytes::from_static(body), 3, 300).map_err(|problem| problem.to_string())
    }

    #[test]
    fn batches() {
        assert_eq!(
            said(b"\0\x01a\0\x02bc"),
            Ok(vec![Bytes::from("a"), Bytes::from("bc")])
        );
        let rows: [(&str, &'static [u8], &str); 8] = [
            (
                "empty",
                b"",
                "malformed: expected at least one entry, got an empty body",
            ),
            (
                "half a length",
                b"\0",
                "malformed: entry 0, at byte 0: expected the two bytes of a length, got one",
            ),
            (
                "byte left over",
                b"\0\x01a\0",
                "malformed: entry 1, at byte 3: expected the two bytes of a length, got one",
            ),
            (
                "cut short",
                b"\0\x05ab",
                "malformed: entry 0, at byte 0: expected 5 bytes, got 2",
            ),
            (
                "length alone",
                b"\0\x05",
                "malformed: entry 0, at byte 0: expected 5 bytes, got 0",
            ),
            (
                "empty entry",
                b"\0\x01a\0\0",
                "malformed: entry 1, at byte 3: expected 1 byte or more, got an empty entry",
            ),
            (
                "too many",
                b"\0\x01a\0\x01a\0\x01a\0\x01a",
                "too-large: expected at most 3 entries, got more",
            ),
            (
                "too long",
                b"\x01\x2dab",
                "too-large: entry 0: expected at most 300 bytes, got 301",
            ),
        ];
        for (name, body, expected) in rows {
            assert_eq!(said(body), Err(expected.to_owned()), "{name}");
        }
    }

    #[test]
    fn the_longest_length_is_big_endian() {
        let mut body = vec![0xff, 0xff];
        body.resize(65_537, 7);
        let entries = split(&Bytes::from(body), 1, 65_535).unwrap();
        assert_eq!(entries[0].len(), 65_535);
    }
}

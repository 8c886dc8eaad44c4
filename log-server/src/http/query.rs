//! Query strings: known parameters, each at most once.

use super::problem::Problem;

/// The values of `names` in a query string, in their order.
///
/// The values here are numbers and words, which need no percent encoding; an encoded one is refused as what it is not.
pub(super) fn parameters<'a, const N: usize>(
    query: Option<&'a str>,
    names: [&str; N],
) -> Result<[Option<&'a str>; N], Problem> {
    let mut values = [None; N];
    for part in query
        .unwrap_or_default()
        .split('&')
        .filter(|part| !part.is_empty())
    {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let known = names.iter().position(|known| *known == name);
        let Some(slot) = known.and_then(|known| values.get_mut(known)) else {
            let others = if names.is_empty() {
                "no parameters".to_owned()
            } else {
                format!("no other parameters than {}", names.join(", "))
            };
            return Err(Problem::malformed(format!(
                "expected {others}, got {name:?}"
            )));
        };
        if slot.replace(value).is_some() {
            return Err(Problem::malformed(format!(
                "expected {name} once, got it twice"
            )));
        }
    }
    Ok(values)
}

/// A decimal number as it is written: digits without leading zeros.
pub(super) fn number(name: &str, text: &str) -> Result<u64, Problem> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten().ok_or_else(|| {
        Problem::malformed(format!(
            "{name}: expected a decimal number below 2^64 without leading zeros, got {text:?}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_known_and_single() {
        let rows = [
            ("none", None, Ok([None, None])),
            ("empty", Some(""), Ok([None, None])),
            ("one", Some("to=5"), Ok([None, Some("5")])),
            ("both", Some("to=5&from=3"), Ok([Some("3"), Some("5")])),
            ("without value", Some("from"), Ok([Some(""), None])),
            (
                "unknown",
                Some("form=3"),
                Err("expected no other parameters than from, to, got \"form\""),
            ),
            (
                "twice",
                Some("from=3&from=3"),
                Err("expected from once, got it twice"),
            ),
        ];
        for (name, query, expected) in rows {
            let found = parameters(query, ["from", "to"]);
            assert_eq!(found, expected.map_err(Problem::malformed), "{name}");
        }
    }

    #[test]
    fn none_may_be_known() {
        assert_eq!(parameters(None, []), Ok([]));
        assert_eq!(
            parameters(Some("wait=receipt"), []),
            Err(Problem::malformed("expected no parameters, got \"wait\""))
        );
    }

    #[test]
    fn numbers_are_written_one_way() {
        let rows = [
            ("0", Some(0)),
            ("10", Some(10)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("00", None),
            ("01", None),
            ("+1", None),
            ("-1", None),
            ("1 ", None),
            ("0x1", None),
            ("%31", None),
            ("\u{661}", None),
        ];
        for (text, expected) in rows {
            assert_eq!(number("index", text).ok(), expected, "{text:?}");
        }
    }
}

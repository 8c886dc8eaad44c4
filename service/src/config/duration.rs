//! Durations as people write them: a whole number and a unit, `250ms`, `1s`, `10m`, `1h`, `7d`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// What a duration looks like, for error messages.
pub const EXPECTED: &str = "a duration such as \"250ms\", \"1s\", \"10m\", \"1h\" or \"7d\"";

/// Parses a duration.
pub fn parse(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let millis = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        "d" => number.checked_mul(86_400_000),
        _ => None,
    }?;
    Some(Duration::from_millis(millis))
}

/// For `#[serde(with)]`.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text).ok_or_else(|| de::Error::custom(format!("expected {EXPECTED}, got {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let rows = [
            ("milliseconds", "250ms", Some(250)),
            ("seconds", "1s", Some(1_000)),
            ("minutes", "10m", Some(600_000)),
            ("hours", "1h", Some(3_600_000)),
            ("days", "7d", Some(604_800_000)),
            ("zero", "0s", Some(0)),
            ("no unit", "10", None),
            ("no number", "s", None),
            ("empty", "", None),
            ("unknown unit", "1y", None),
            ("sign", "-1s", None),
            ("fraction", "1.5s", None),
            ("space", "1 s", None),
            ("two parts", "1h30m", None),
            ("overflow", "18446744073709551615d", None),
            ("too many digits", "99999999999999999999s", None),
        ];
        for (name, text, millis) in rows {
            assert_eq!(parse(text), millis.map(Duration::from_millis), "{name}");
        }
    }
}

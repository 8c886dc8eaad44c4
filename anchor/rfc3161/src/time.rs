//! Times as certificates and tokens have them.

use core::fmt;
use core::str::FromStr;

use crate::ber::{EncodingError, GENERALIZED_TIME, Reader, UTC_TIME};

/// A time in UTC: seconds since 1970 and nanoseconds. What is finer is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

impl Timestamp {
    /// So many seconds since 1970.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self { seconds, nanos: 0 }
    }

    /// Seconds since 1970.
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// The nanoseconds of its second.
    pub const fn nanos(self) -> u32 {
        self.nanos
    }

    fn shifted(self, nanos: i128) -> Self {
        const SECOND: i128 = 1_000_000_000;
        let all = i128::from(self.seconds)
            .saturating_mul(SECOND)
            .saturating_add(i128::from(self.nanos))
            .saturating_add(nanos);
        Self {
            seconds: i64::try_from(all.div_euclid(SECOND)).unwrap_or(i64::MAX),
            nanos: u32::try_from(all.rem_euclid(SECOND)).unwrap_or_default(),
        }
    }

    /// So many microseconds later.
    #[must_use]
    pub fn later(self, micros: u64) -> Self {
        self.shifted(i128::from(micros).saturating_mul(1_000))
    }

    /// So many microseconds earlier.
    #[must_use]
    pub fn earlier(self, micros: u64) -> Self {
        self.shifted(i128::from(micros).saturating_mul(-1_000))
    }
}

/// A text is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a time in UTC as in 2033-01-31T00:00:00Z")]
pub struct NotATime;

/// RFC 3339 in UTC, as it is written, too.
impl FromStr for Timestamp {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        const MARKS: [(usize, u8); 5] = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        let marked = |(place, mark)| text.as_bytes().get(place) == Some(&mark);
        if !MARKS.into_iter().all(marked) {
            return Err(NotATime);
        }
        let is_mark = |place: usize| MARKS.iter().any(|(at, _)| *at == place);
        let bytes = text.bytes().enumerate();
        let digits: Vec<u8> = bytes
            .filter(|(place, _)| !is_mark(*place))
            .map(|(_, byte)| byte)
            .collect();
        generalized(&digits).ok_or(NotATime)
    }
}

/// RFC 3339 in UTC.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (
            self.seconds.div_euclid(86_400),
            self.seconds.rem_euclid(86_400),
        );
        // https://howardhinnant.github.io/date_algorithms.html, civil_from_days.
        let shifted = days.saturating_add(719_468);
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        if self.nanos != 0 {
            let fraction = format!("{:09}", self.nanos);
            write!(f, ".{}", fraction.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

/// The time that comes next, in either form.
pub(crate) fn time(
    reader: &mut Reader<'_>,
    what: &'static str,
) -> Result<Timestamp, EncodingError> {
    if let Some(utc) = reader.optional(UTC_TIME)? {
        return utc_time(utc.content).ok_or(EncodingError::Value(what));
    }
    let element = reader.expect(GENERALIZED_TIME, what)?;
    generalized(element.content).ok_or(EncodingError::Value(what))
}

/// RFC 5280 section 4.1.2.5.1: `YYMMDDHHMMSSZ`, and two digits of a year from 50 are 19YY.
fn utc_time(content: &[u8]) -> Option<Timestamp> {
    let digits = content
        .strip_suffix(b"Z")
        .filter(|digits| digits.len() == 12)?;
    let year = two(digits, 0)?;
    let year = if year < 50 {
        2_000 + year
    } else {
        1_900 + year
    };
    civil(year, digits.get(2..)?, 0)
}

/// RFC 3161 section 2.4.2, X.690 section 11.7: `YYYYMMDDhhmmss[.s...]Z`. A comma, which X.680 has for the point, is in neither.
pub(crate) fn generalized(content: &[u8]) -> Option<Timestamp> {
    let text = content.strip_suffix(b"Z")?;
    let (digits, fraction) = text.split_at_checked(14)?;
    let nanos = match fraction.split_first() {
        None => 0,
        Some((b'.', fraction)) if !fraction.is_empty() => {
            let mut nanos = 0_u32;
            for place in 0..9.max(fraction.len()) {
                let digit = match fraction.get(place) {
                    None => 0,
                    Some(digit @ b'0'..=b'9') => u32::from(digit - b'0'),
                    Some(_) => return None,
                };
                if place < 9 {
                    nanos = nanos * 10 + digit;
                }
            }
            nanos
        }
        Some(_) => return None,
    };
    let year = two(digits, 0)? * 100 + two(digits, 2)?;
    civil(year, digits.get(4..)?, nanos)
}

fn two(digits: &[u8], at: usize) -> Option<i64> {
    match digits.get(at..)? {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', ..] => {
            Some(i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
        }
        _ => None,
    }
}

/// `MMDDhhmmss`.
fn civil(year: i64, digits: &[u8], nanos: u32) -> Option<Timestamp> {
    let (month, day) = (two(digits, 0)?, two(digits, 2)?);
    let (hour, minute, second) = (two(digits, 4)?, two(digits, 6)?, two(digits, 8)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    // A leap second is the first of the next minute to everybody who counts seconds.
    if day < 1 || day > last || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (y, m) = if month <= 2 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let day_of_year = (153 * m + 2) / 5 + day - 1;
    let year_of_era = y.rem_euclid(400);
    let days = y.div_euclid(400) * 146_097 + year_of_era * 365 + year_of_era / 4
        - year_of_era / 100
        + day_of_year
        - 719_468;
    Some(Timestamp {
        seconds: days * 86_400 + hour * 3_600 + minute * 60 + second,
        nanos,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        for (text, seconds, nanos, shown) in [
            ("19700101000000Z", 0, 0, "1970-01-01T00:00:00Z"),
            (
                "20000229235959.5Z",
                951_868_799,
                500_000_000,
                "2000-02-29T23:59:59.5Z",
            ),
            (
                "20380119031408.001Z",
                2_147_483_648,
                1_000_000,
                "2038-01-19T03:14:08.001Z",
            ),
            ("20241231235960Z", 1_735_689_600, 0, "2025-01-01T00:00:00Z"),
            (
                "20260101000000.1234567899Z",
                1_767_225_600,
                123_456_789,
                "2026-01-01T00:00:00.123456789Z",
            ),
        ] {
            let time = generalized(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((time.seconds(), time.nanos()), (seconds, nanos), "{text}");
            assert_eq!(time.to_string(), shown);
            assert_eq!(shown.parse(), Ok(time));
        }
        assert_eq!(
            utc_time(b"491231235959Z").map(Timestamp::seconds),
            Some(2_524_607_999)
        );
        assert_eq!(
            utc_time(b"500101000000Z").map(Timestamp::seconds),
            Some(-631_152_000)
        );
        for bad in [
            "20240230000000Z",
            "20240101240000Z",
            "20240101000000",
            "2024010100000Z",
            "20240101000000.Z",
            "20240101000000,5Z",
            "20240101000000+0100Z",
            "20240101000000.5",
            "2024010100000aZ",
            "20241301000000Z",
        ] {
            assert_eq!(generalized(bad.as_bytes()), None, "{bad}");
        }
        for bad in [
            "",
            "2024-01-01",
            "2024-01-01T00:00:00",
            "2024-01-01 00:00:00Z",
            "2024-01-01T00:00:00+01:00",
            "2024-13-01T00:00:00Z",
            "2024-01-01T00:00:00,5Z",
        ] {
            assert_eq!(bad.parse::<Timestamp>(), Err(NotATime), "{bad}");
        }
        let time = Timestamp::from_seconds(10);
        assert_eq!(time.later(1_500_000).earlier(1_500_000), time);
        assert_eq!(time.earlier(1).to_string(), "1970-01-01T00:00:09.999999Z");
    }
}

//! Object identifiers (X.660), in dotted decimals and in DER (X.690 section 8.19).
//!
//! Arcs have no largest value: `2.25.` is followed by a UUID of 128 bits.

use core::fmt;
use core::str::FromStr;

use crate::ber::{self, EncodingError};

/// Most content octets of an object identifier: many times what anybody uses, and a bound on the arithmetic.
const MAX_OCTETS: usize = 128;

/// The most text that can stand for so many octets.
const MAX_TEXT: usize = 512;

/// The arcs below 0 and 1 end here, so that the first two arcs fit into one number (X.690 section 8.19.4).
const SECOND_ARCS: u32 = 40;

/// An object identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(String);

/// A text is no object identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an object identifier such as \"1.3.6.1.4.1.13762.3\", got {0:?}")]
pub struct OidError(String);

impl Oid {
    /// In dotted decimals.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// One that is known to be one.
    pub(crate) fn known(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// By the content octets.
    pub(crate) fn from_content(content: &[u8], what: &'static str) -> Result<Self, EncodingError> {
        let value = || EncodingError::Value(what);
        if content.len() > MAX_OCTETS || content.last().is_none_or(|last| last & 0x80 != 0) {
            return Err(value());
        }
        let mut text = String::new();
        for octets in content.split_inclusive(|octet| octet & 0x80 == 0) {
            // X.690 section 8.19.2: in the fewest octets.
            if octets.first() == Some(&0x80) {
                return Err(value());
            }
            if !text.is_empty()
                && let Some(arc) = small_arc(octets)
            {
                text.push('.');
                text.push_str(&arc.to_string());
                continue;
            }
            let mut arc = Number::<1_000_000_000>::default();
            for octet in octets {
                arc.times_plus(128, u32::from(octet & 0x7f));
            }
            if text.is_empty() {
                let first = match arc.0.as_slice() {
                    [] => 0,
                    [small] => (small / SECOND_ARCS).min(2),
                    _ => 2,
                };
                arc.minus(first * SECOND_ARCS);
                text = first.to_string();
            }
            text.push('.');
            text.push_str(&arc.decimal());
        }
        Ok(Self(text))
    }

    /// In DER.
    pub fn to_der(&self) -> Vec<u8> {
        ber::encode(ber::OID, &content(&self.0).unwrap_or_default())
    }
}

/// An arc that fits into four octets, as nearly all do: no arithmetic without bound is needed for it.
fn small_arc(octets: &[u8]) -> Option<u32> {
    let bits = |arc: u32, octet: &u8| (arc << 7) | u32::from(octet & 0x7f);
    (octets.len() <= 4).then(|| octets.iter().fold(0, bits))
}

/// The content octets of an object identifier in dotted decimals; none if it is none.
fn content(text: &str) -> Option<Vec<u8>> {
    let canonical = |arc: &str| {
        arc.bytes().all(|byte| byte.is_ascii_digit())
            && (arc == "0" || !arc.starts_with('0'))
            && !arc.is_empty()
    };
    if text.len() > MAX_TEXT || !text.split('.').all(canonical) {
        return None;
    }
    let mut arcs = text.split('.');
    let first = arcs
        .next()?
        .parse()
        .ok()
        .filter(|first: &u32| *first <= 2)?;
    let second = arcs.next()?;
    if first < 2
        && second
            .parse()
            .is_ok_and(|second: u32| second >= SECOND_ARCS)
    {
        return None;
    }
    if first < 2 && second.len() > 2 {
        return None;
    }
    let mut content = Vec::new();
    for (at, arc) in core::iter::once(second).chain(arcs).enumerate() {
        let mut number = Number::<128>::default();
        for digit in arc.bytes() {
            number.times_plus(10, u32::from(digit.saturating_sub(b'0')));
        }
        if at == 0 {
            number.times_plus(1, first * SECOND_ARCS);
        }
        content.extend(number.base_128());
    }
    (content.len() <= MAX_OCTETS).then_some(content)
}

impl FromStr for Oid {
    type Err = OidError;

    fn from_str(text: &str) -> Result<Self, OidError> {
        match content(text) {
            Some(_) => Ok(Self(text.to_owned())),
            None => Err(OidError(text.chars().take(MAX_TEXT).collect())),
        }
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq<str> for Oid {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Oid {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// A number of any size: its digits in this base, the lowest first, without leading zeros.
#[derive(Default)]
struct Number<const BASE: u32>(Vec<u32>);

impl<const BASE: u32> Number<BASE> {
    fn times_plus(&mut self, factor: u32, addend: u32) {
        let base = u64::from(BASE);
        let mut carry = u64::from(addend);
        for digit in &mut self.0 {
            carry = carry.saturating_add(u64::from(*digit).saturating_mul(u64::from(factor)));
            *digit = u32::try_from(carry % base).unwrap_or_default();
            carry /= base;
        }
        while carry != 0 {
            self.0.push(u32::try_from(carry % base).unwrap_or_default());
            carry /= base;
        }
    }

    /// The subtrahend is at most the number, and less than the base.
    fn minus(&mut self, subtrahend: u32) {
        let mut borrow = subtrahend;
        for digit in &mut self.0 {
            if let Some(difference) = digit.checked_sub(borrow) {
                *digit = difference;
                break;
            }
            *digit = digit.wrapping_add(BASE).wrapping_sub(borrow);
            borrow = 1;
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}

impl Number<1_000_000_000> {
    fn decimal(&self) -> String {
        let mut digits = self.0.iter().rev();
        let highest = digits.next().map_or_else(|| "0".to_owned(), u32::to_string);
        digits.fold(highest, |text, digit| format!("{text}{digit:09}"))
    }
}

impl Number<128> {
    /// Seven bits an octet, the highest bit set in all but the last.
    fn base_128(&self) -> Vec<u8> {
        let octet = |digit: u32| u8::try_from(digit & 0x7f).unwrap_or_default();
        let mut digits = self.0.iter().copied();
        let lowest = octet(digits.next().unwrap_or_default());
        let mut octets: Vec<u8> = digits.rev().map(|digit| octet(digit) | 0x80).collect();
        octets.push(lowest);
        octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text, and the content octets in hexadecimal.
    const EXAMPLES: [(&str, &str); 9] = [
        ("0.0", "00"),
        ("0.39", "27"),
        ("1.0", "28"),
        ("2.0", "50"),
        // X.690 section 8.19.5.
        ("2.999.3", "883703"),
        ("1.2.840.113549.1.9.16.1.4", "2a864886f70d0109100104"),
        // X.667: a UUID as an arc, of 128 bits.
        (
            "2.25.329800735698586629295641978511506172918",
            "6983f09da7ebcfdee0c7a1a7b2c0948cc8f9d776",
        ),
        ("2.18446744073709551616", "82808080808080808050"),
        ("2.5.18446744073709551615", "5581ffffffffffffffff7f"),
    ];

    #[test]
    fn arcs_of_any_size_are_read_and_written() {
        for (text, octets) in EXAMPLES {
            let octets = hex::decode(octets).unwrap();
            let oid: Oid = text.parse().unwrap();
            let der = oid.to_der();
            assert_eq!(hex::encode(&der[2..]), hex::encode(&octets), "{text}");
            assert_eq!(der[..2], [0x06, u8::try_from(octets.len()).unwrap()]);
            assert_eq!(Oid::from_content(&octets, "it"), Ok(oid), "{text}");
        }
    }

    #[test]
    fn what_is_no_object_identifier_is_refused() {
        let long = format!("1.2.{}", "9".repeat(400));
        for text in [
            "", "1", "1.", ".1", "1..2", "3.1", "0.40", "1.40", "1.100", "01.2", "1.02", "1.2.x",
            "1.2.-3", "1.2.+3", " 1.2", "1.2 ", "1,2", &long,
        ] {
            assert_eq!(text.parse::<Oid>(), Err(OidError(text.into())), "{text}");
        }
        for octets in ["", "80", "8001", "2a80", "2a8001", "2a86"] {
            let content = hex::decode(octets).unwrap();
            assert!(Oid::from_content(&content, "it").is_err(), "{octets}");
        }
        assert!(Oid::from_content(&[1; MAX_OCTETS], "it").is_ok());
        assert!(Oid::from_content(&[1; MAX_OCTETS + 1], "it").is_err());
    }
}

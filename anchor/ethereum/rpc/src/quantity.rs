//! Numbers as JSON-RPC writes them: `"0x1a"`.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A number below 2^128, which is more than there is of anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quantity(pub(crate) u128);

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // Leading zeros are let pass: some endpoints write them, and nothing is hashed here.
        let digits = text.strip_prefix("0x").filter(|digits| {
            (1..=64).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        let number = digits.and_then(|digits| u128::from_str_radix(digits, 16).ok());
        number
            .map(Self)
            .ok_or_else(|| D::Error::custom("expected 0x and hexadecimal digits"))
    }
}

/// A number below 2^64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Short(pub(crate) u64);

impl<'de> Deserialize<'de> for Short {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Quantity(number) = Quantity::deserialize(deserializer)?;
        let number = u64::try_from(number);
        number
            .map(Self)
            .map_err(|_| D::Error::custom("expected a number below 2^64"))
    }
}

/// As JSON-RPC writes it.
pub(crate) fn hex_number(number: u64) -> String {
    format!("{number:#x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_0x_and_digits() {
        let read = |text: &str| {
            let json = serde_json::to_string(text).unwrap();
            serde_json::from_str::<Quantity>(&json).ok().map(|q| q.0)
        };
        assert_eq!(read("0x0"), Some(0));
        assert_eq!(read("0x1A"), Some(26));
        assert_eq!(read("0x001a"), Some(26));
        assert_eq!(read(&format!("0x{:x}", u128::MAX)), Some(u128::MAX));
        let too_large = format!("0x1{}", "0".repeat(32));
        for wrong in [
            "", "0x", "26", "0x+1", "0x-1", "0xg", "0X1", " 0x1", &too_large,
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert!(serde_json::from_str::<Quantity>("26").is_err());
        assert!(serde_json::from_str::<Short>("\"0xffffffffffffffff\"").is_ok());
        assert!(serde_json::from_str::<Short>("\"0x10000000000000000\"").is_err());
        assert_eq!(hex_number(26), "0x1a");
    }
}

//! The small strict readers that every text format of this crate shares: base64 and decimal numbers.
//!
//! Each accepts exactly one spelling of a value, so that a parsed value always encodes to the bytes it came from.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Encodes in the standard base64 alphabet with padding (RFC 4648, section 4).
pub(crate) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Decodes canonical standard base64: padded, no white space, no bits set in the unused part of the last character.
pub(crate) fn decode_base64(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Decodes the canonical base64 of exactly 32 bytes, as a hash is written in all of the formats.
pub(crate) fn decode_hash(text: impl AsRef<[u8]>) -> Option<[u8; 32]> {
    decode_base64(text)?.try_into().ok()
}

/// Reads an ASCII decimal without sign, white space or leading zeros; `0` is zero. None above 2^64-1.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let digits = text.as_bytes();
    let leading_zero = digits.first() == Some(&b'0') && digits.len() > 1;
    if leading_zero || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Empty text and values above 2^64-1 are errors of the standard parser.
    text.parse().ok()
}

/// What an error message shows of text that anybody may have sent: its start, and where there is more, that there is.
pub(crate) fn excerpt(text: &str) -> String {
    const SHOWN: usize = 80;
    let mut rest = text.chars();
    let mut shown: String = rest.by_ref().take(SHOWN).collect();
    if rest.next().is_some() {
        shown.push('…');
    }
    shown
}

/// Cuts off text at the first newline: the line without it, and what follows. None if no newline is left.
pub(crate) fn take_line(text: &str) -> Option<(&str, &str)> {
    text.split_once('\n')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimal_has_one_spelling() {
        for (text, value) in [
            ("0", Some(0)),
            ("7", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("00", None),
            ("01", None),
            ("+1", None),
            ("-1", None),
            (" 1", None),
            ("1 ", None),
            ("1_000", None),
            ("0x1", None),
            ("\u{661}", None),
        ] {
            assert_eq!(parse_decimal(text), value, "{text:?}");
        }
    }

    #[test]
    fn base64_has_one_spelling() {
        for (row, text, value) in [
            ("empty", "", Some(vec![])),
            ("one byte", "AA==", Some(vec![0])),
            ("loose bits", "AB==", None),
            ("padding missing", "AA", None),
            ("padding short", "AA=", None),
            ("padding long", "AA===", None),
            ("white space", "AA==\n", None),
            ("carriage return inside", "AAA\rA", None),
            ("URL alphabet", "__-_", None),
        ] {
            assert_eq!(decode_base64(text), value, "{row}");
        }
        assert_eq!(decode_hash(encode_base64(&[7; 32])), Some([7; 32]));
        assert_eq!(decode_hash(encode_base64(&[7; 31])), None);
        assert_eq!(decode_hash(encode_base64(&[7; 33])), None);
    }

    #[test]
    fn errors_show_the_start_of_long_text() {
        assert_eq!(excerpt(&"é".repeat(80)), "é".repeat(80));
        assert_eq!(excerpt(&"é".repeat(81)), format!("{}…", "é".repeat(80)));
    }

    proptest! {
        #[test]
        fn decimal_round_trips(value: u64) {
            prop_assert_eq!(parse_decimal(&value.to_string()), Some(value));
        }

        #[test]
        fn what_decodes_encodes_to_the_same_text(text in "[A-Za-z0-9+/=]{0,24}") {
            if let Some(bytes) = decode_base64(&text) {
                prop_assert_eq!(encode_base64(&bytes), text);
            }
        }
    }
}

//! What strangers wrote, for people: bounded, and with nothing in it that is not seen or that looks like what stands around it.

use core::fmt::Display;

/// Most characters that are shown of one value.
const MAX_VALUE: usize = 100;

/// Most characters that are shown of a name or a place.
const MAX_WHOLE: usize = 300;

/// Most bytes that are shown in hexadecimal.
const MAX_BYTES: usize = 64;

/// Most members of a list that are shown.
const MAX_LISTED: usize = 8;

/// Characters that are not seen, or that change the order in which others are (Unicode's categories Cc, Zl and Zp, and what Cf has that
/// is of use in no name).
const UNSEEN: [(u32, u32); 11] = [
    (0x00, 0x1f),
    (0x7f, 0x9f),
    (0xad, 0xad),
    (0x61c, 0x61c),
    (0x180e, 0x180e),
    (0x200b, 0x200f),
    (0x2028, 0x202e),
    (0x2060, 0x206f),
    (0xfeff, 0xfeff),
    (0xfff0, 0xfffb),
    (0xe0000, 0xe0fff),
];

/// A value of a distinguished name, as RFC 4514 section 2.4 writes it: what separates values has a backslash before it, and what is not seen
/// stands as `\` and two hexadecimal digits for each octet of its UTF-8.
pub(crate) fn value(text: &str) -> String {
    let shown = cut(text, MAX_VALUE);
    let mut value = escaped(&shown, "\"+,;<>\\");
    if value.starts_with(['#', ' ']) {
        value.insert(0, '\\');
    }
    // The whole of it may be one space, which has its backslash.
    if value.ends_with(' ') && value != "\\ " {
        value.pop();
        value.push_str("\\ ");
    }
    value
}

/// Within quotation marks, escaped in the same way.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(&cut(text, MAX_WHOLE), "\"\\"))
}

/// Its first characters.
pub(crate) fn whole(text: &str) -> String {
    cut(text, MAX_WHOLE)
}

/// In hexadecimal; of many bytes the first.
pub(crate) fn bytes(bytes: &[u8]) -> String {
    match bytes.get(..MAX_BYTES) {
        Some(first) if bytes.len() > MAX_BYTES => {
            format!("{}\u{2026} ({} bytes)", hex::encode(first), bytes.len())
        }
        _ => hex::encode(bytes),
    }
}

/// The members of a list, of many the first.
pub(crate) fn listed<T: Display>(members: &[T], between: &str) -> String {
    let shown = members.iter().take(MAX_LISTED).map(T::to_string);
    let shown = shown.collect::<Vec<_>>().join(between);
    match members.len().saturating_sub(MAX_LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}\u{2026}", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn escaped(text: &str, special: &str) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        let code = u32::from(character);
        if UNSEEN
            .iter()
            .any(|(from, to)| (*from..=*to).contains(&code))
        {
            for octet in character.encode_utf8(&mut [0; 4]).bytes() {
                shown.push('\\');
                shown.push_str(&hex::encode_upper([octet]));
            }
        } else {
            if special.contains(character) {
                shown.push('\\');
            }
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_in_rfc_4514() {
        for (text, expected) in [
            ("Plain Name", "Plain Name"),
            ("Acme, O=Bank", "Acme\\, O=Bank"),
            ("\"+;<>\\", "\\\"\\+\\;\\<\\>\\\\"),
            ("#a#", "\\#a#"),
            (" a b ", "\\ a b\\ "),
            (" ", "\\ "),
            ("  ", "\\ \\ "),
            ("a\u{0}\n\u{9f}", "a\\00\\0A\\C2\\9F"),
            (
                "\u{202e}\u{2066}\u{200b}x",
                "\\E2\\80\\AE\\E2\\81\\A6\\E2\\80\\8Bx",
            ),
            ("\u{e0041}", "\\F3\\A0\\81\\81"),
            ("Grüße 時", "Grüße 時"),
        ] {
            assert_eq!(value(text), expected, "{text:?}");
        }
        assert_eq!(quoted("a, \"b\"\r"), "\"a, \\\"b\\\"\\0D\"");
    }

    #[test]
    fn what_is_long_is_cut() {
        let long = "é".repeat(101);
        assert_eq!(value(&long), format!("{}\u{2026}", "é".repeat(100)));
        assert_eq!(value(&long[2..]), long[2..]);
        assert_eq!(whole(&"x".repeat(301)).chars().count(), 301);
        assert_eq!(bytes(&[0xab; 64]), "ab".repeat(64));
        assert_eq!(
            bytes(&[0xab; 65]),
            format!("{}\u{2026} (65 bytes)", "ab".repeat(64))
        );
        let members: Vec<u32> = (0..9).collect();
        assert_eq!(listed(&members[..8], ", "), "0, 1, 2, 3, 4, 5, 6, 7");
        assert_eq!(
            listed(&members, " or "),
            "0 or 1 or 2 or 3 or 4 or 5 or 6 or 7 and 1 more"
        );
    }
}

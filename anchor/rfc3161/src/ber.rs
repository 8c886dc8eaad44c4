//! BER and DER (X.690), read where they stand: an element is a part of the input, byte for byte, so that what was signed is never
//! encoded anew.
//!
//! Time-stamp tokens come in BER too: lengths that are not definite, octet strings in parts. Nothing here allocates but
//! [`to_der`] and [`octets`], and nothing recurses deeper than [`MAX_DEPTH`].

use crate::oid::Oid;

/// How deep elements of indefinite length may nest.
pub(crate) const MAX_DEPTH: usize = 24;

/// Identifier octets of the universal class.
pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
/// The bit of an element that holds others.
const CONSTRUCTED: u8 = 0x20;

/// The identifier octet of a context-specific element that holds others.
pub(crate) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// The identifier octet of a context-specific element that holds bytes.
pub(crate) const fn context_primitive(number: u8) -> u8 {
    0x80 | number
}

/// Why bytes are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodingError {
    /// The input ends within an element.
    #[error("the input ends within {0}")]
    Truncated(&'static str),
    /// Another element.
    #[error("expected {what} (identifier {expected:#04x}), found {found}")]
    Unexpected {
        /// What was expected.
        what: &'static str,
        /// Its identifier octet.
        expected: u8,
        /// The identifier octet that was found, or the end.
        found: String,
    },
    /// More than there should be.
    #[error("{0} bytes follow {1}")]
    Trailing(usize, &'static str),
    /// A length that cannot be.
    #[error("a length of {0} is malformed or too large")]
    Length(&'static str),
    /// A tag with a number of 31 or more: none of the formats has one.
    #[error("a tag with a number above 30 in {0}")]
    HighTag(&'static str),
    /// Too deep.
    #[error("elements nest deeper than {MAX_DEPTH} in {0}")]
    TooDeep(&'static str),
    /// The value has no such form.
    #[error("{0} has no valid value")]
    Value(&'static str),
}

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    /// The identifier octet: class, form and number.
    pub(crate) identifier: u8,
    /// The whole element.
    pub(crate) raw: &'a [u8],
    /// What it holds; for an indefinite length without the end-of-contents octets.
    pub(crate) content: &'a [u8],
}

impl<'a> Element<'a> {
    /// What it holds, as elements.
    pub(crate) fn reader(&self, what: &'static str) -> Reader<'a> {
        Reader::new(self.content, what)
    }
}

/// Reads one element after the other.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// A reader of bytes; `what` they are is for errors.
    pub(crate) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The identifier octet of the next element, if there is one.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element.
    pub(crate) fn next(&mut self) -> Result<Element<'a>, EncodingError> {
        let (element, rest) = element(self.rest, self.what, 0)?;
        self.rest = rest;
        Ok(element)
    }

    /// The next element, which must have this identifier.
    pub(crate) fn expect(
        &mut self,
        identifier: u8,
        what: &'static str,
    ) -> Result<Element<'a>, EncodingError> {
        match self.peek() {
            Some(found) if found == identifier => self.next(),
            found => Err(EncodingError::Unexpected {
                what,
                expected: identifier,
                found: found.map_or_else(|| "the end".into(), |found| format!("{found:#04x}")),
            }),
        }
    }

    /// The next element, if it has this identifier.
    pub(crate) fn optional(
        &mut self,
        identifier: u8,
    ) -> Result<Option<Element<'a>>, EncodingError> {
        if self.peek() == Some(identifier) {
            self.next().map(Some)
        } else {
            Ok(None)
        }
    }

    /// What an element with this identifier holds.
    pub(crate) fn enter(
        &mut self,
        identifier: u8,
        what: &'static str,
    ) -> Result<Reader<'a>, EncodingError> {
        Ok(self.expect(identifier, what)?.reader(what))
    }

    /// An object identifier.
    pub(crate) fn oid(&mut self, what: &'static str) -> Result<Oid, EncodingError> {
        Oid::from_content(self.expect(OID, what)?.content, what)
    }

    /// An integer's content octets: two's complement, in its shortest form.
    pub(crate) fn integer(&mut self, what: &'static str) -> Result<&'a [u8], EncodingError> {
        integer(self.expect(INTEGER, what)?.content, what)
    }

    /// A small integer that is not negative.
    pub(crate) fn small(&mut self, what: &'static str) -> Result<u32, EncodingError> {
        small(self.integer(what)?, what)
    }

    /// Nothing may follow.
    pub(crate) fn end(&self) -> Result<(), EncodingError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(EncodingError::Trailing(self.rest.len(), self.what))
        }
    }
}

/// One element that is all there is.
pub(crate) fn only<'a>(
    bytes: &'a [u8],
    identifier: u8,
    what: &'static str,
) -> Result<Element<'a>, EncodingError> {
    let mut reader = Reader::new(bytes, what);
    let element = reader.expect(identifier, what)?;
    reader.end()?;
    Ok(element)
}

/// The first element of the input, and what follows it.
fn element<'a>(
    input: &'a [u8],
    what: &'static str,
    depth: usize,
) -> Result<(Element<'a>, &'a [u8]), EncodingError> {
    let truncated = || EncodingError::Truncated(what);
    if depth > MAX_DEPTH {
        return Err(EncodingError::TooDeep(what));
    }
    let (&identifier, after) = input.split_first().ok_or_else(truncated)?;
    if identifier & 0x1f == 0x1f {
        return Err(EncodingError::HighTag(what));
    }
    let (&first, after) = after.split_first().ok_or_else(truncated)?;
    if first == 0x80 {
        if identifier & CONSTRUCTED == 0 {
            return Err(EncodingError::Length(what));
        }
        let mut rest = after;
        loop {
            if let Some(end) = rest.strip_prefix(&[0, 0]) {
                let content = prefix(after, rest.len());
                let element = Element {
                    identifier,
                    raw: prefix(input, end.len()),
                    content,
                };
                return Ok((element, end));
            }
            (_, rest) = element(rest, what, depth.saturating_add(1))?;
        }
    }
    let (length, after) = if first < 0x80 {
        (usize::from(first), after)
    } else {
        // Four octets say more than any input has.
        let count = usize::from(first & 0x7f);
        let octets = after.get(..count).ok_or_else(truncated)?;
        if count > 4 {
            return Err(EncodingError::Length(what));
        }
        let length = octets
            .iter()
            .fold(0_usize, |length, octet| length << 8 | usize::from(*octet));
        (length, after.get(count..).unwrap_or_default())
    };
    let content = after.get(..length).ok_or_else(truncated)?;
    let rest = after.get(length..).unwrap_or_default();
    let raw = prefix(input, rest.len());
    Ok((
        Element {
            identifier,
            raw,
            content,
        },
        rest,
    ))
}

/// The input without its last `rest` bytes.
fn prefix(input: &[u8], rest: usize) -> &[u8] {
    input
        .get(..input.len().saturating_sub(rest))
        .unwrap_or_default()
}

/// The bytes of an octet string, which BER may give in parts; the identifier is OCTET STRING or stands for one.
pub(crate) fn octets(element: &Element<'_>, what: &'static str) -> Result<Vec<u8>, EncodingError> {
    fn gather(
        element: &Element<'_>,
        what: &'static str,
        depth: usize,
        into: &mut Vec<u8>,
    ) -> Result<(), EncodingError> {
        if element.identifier & CONSTRUCTED == 0 {
            into.extend_from_slice(element.content);
            return Ok(());
        }
        if depth > MAX_DEPTH {
            return Err(EncodingError::TooDeep(what));
        }
        let mut parts = element.reader(what);
        while !parts.is_empty() {
            let part = parts.next()?;
            if part.identifier & !CONSTRUCTED != OCTET_STRING {
                return Err(EncodingError::Value(what));
            }
            gather(&part, what, depth.saturating_add(1), into)?;
        }
        Ok(())
    }
    let mut whole = Vec::new();
    gather(element, what, 0, &mut whole)?;
    Ok(whole)
}

/// The octet string that comes next.
pub(crate) fn octet_string(
    reader: &mut Reader<'_>,
    what: &'static str,
) -> Result<Vec<u8>, EncodingError> {
    let identifier = match reader.peek() {
        Some(found) if found == OCTET_STRING | CONSTRUCTED => found,
        _ => OCTET_STRING,
    };
    octets(&reader.expect(identifier, what)?, what)
}

/// What an element holds with another identifier, all lengths definite and shortest: for signed attributes, which are hashed in
/// DER. The order of a set's members is the signer's.
pub(crate) fn to_der(
    identifier: u8,
    element: &Element<'_>,
    what: &'static str,
) -> Result<Vec<u8>, EncodingError> {
    fn content(
        element: &Element<'_>,
        what: &'static str,
        depth: usize,
    ) -> Result<Vec<u8>, EncodingError> {
        if element.identifier & CONSTRUCTED == 0 {
            return Ok(element.content.to_vec());
        }
        if depth > MAX_DEPTH {
            return Err(EncodingError::TooDeep(what));
        }
        let mut whole = Vec::new();
        let mut members = element.reader(what);
        while !members.is_empty() {
            let member = members.next()?;
            if member.identifier == OCTET_STRING | CONSTRUCTED {
                whole.extend(encode(OCTET_STRING, &octets(&member, what)?));
            } else {
                let inner = content(&member, what, depth.saturating_add(1))?;
                whole.extend(encode(member.identifier, &inner));
            }
        }
        Ok(whole)
    }
    Ok(encode(identifier, &content(element, what, 0)?))
}

/// An element in DER.
pub(crate) fn encode(identifier: u8, content: &[u8]) -> Vec<u8> {
    let mut element = vec![identifier];
    match u8::try_from(content.len()) {
        Ok(length) if length < 0x80 => element.push(length),
        _ => {
            let length = content.len().to_be_bytes();
            let zeros = length.iter().take_while(|octet| **octet == 0).count();
            let octets = length.get(zeros..).unwrap_or_default();
            element.push(0x80 | u8::try_from(octets.len()).unwrap_or_default());
            element.extend_from_slice(octets);
        }
    }
    element.extend_from_slice(content);
    element
}

/// A bit string that is whole octets.
pub(crate) fn bits<'a>(
    reader: &mut Reader<'a>,
    what: &'static str,
) -> Result<&'a [u8], EncodingError> {
    match reader.expect(BIT_STRING, what)?.content.split_first() {
        Some((0, bits)) => Ok(bits),
        _ => Err(EncodingError::Value(what)),
    }
}

pub(crate) fn integer<'a>(
    content: &'a [u8],
    what: &'static str,
) -> Result<&'a [u8], EncodingError> {
    match content {
        [] | [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..] => Err(EncodingError::Value(what)),
        _ => Ok(content),
    }
}

pub(crate) fn small(content: &[u8], what: &'static str) -> Result<u32, EncodingError> {
    if content.len() > 4 || content.first().is_some_and(|first| first & 0x80 != 0) {
        return Err(EncodingError::Value(what));
    }
    Ok(content
        .iter()
        .fold(0, |value, octet| value << 8 | u32::from(*octet)))
}

/// DER's booleans are 0x00 and 0xff; BER's true is anything but zero, and some certificates have it.
pub(crate) fn boolean(content: &[u8], what: &'static str) -> Result<bool, EncodingError> {
    match content {
        [value] => Ok(*value != 0),
        _ => Err(EncodingError::Value(what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Elements of indefinite length within each other, each of them closed.
    fn nested(levels: usize) -> Vec<u8> {
        [[SEQUENCE, 0x80].repeat(levels), [0, 0].repeat(levels)].concat()
    }

    /// Octet strings in parts within each other, of definite length.
    fn in_parts(levels: usize) -> Vec<u8> {
        let whole = encode(OCTET_STRING, b"x");
        (0..levels).fold(whole, |inner, _| encode(OCTET_STRING | CONSTRUCTED, &inner))
    }

    #[test]
    fn what_nests_too_deep_is_refused_though_each_element_is_closed() {
        let read = |bytes: &[u8]| only(bytes, SEQUENCE, "x").map(|element| element.raw.len());
        let levels = MAX_DEPTH + 1;
        assert_eq!(read(&nested(levels)), Ok(4 * levels));
        let too_deep = Err(EncodingError::TooDeep("x"));
        assert_eq!(read(&nested(levels + 1)), too_deep);
        assert_eq!(read(&nested(100_000)), too_deep);

        let joined = |bytes: &[u8]| octet_string(&mut Reader::new(bytes, "x"), "x");
        assert_eq!(joined(&in_parts(levels)), Ok(b"x".to_vec()));
        let too_deep = Err(EncodingError::TooDeep("x"));
        assert_eq!(joined(&in_parts(levels + 1)), too_deep);

        let sequences = |levels| (0..levels).fold(Vec::new(), |inner, _| encode(SEQUENCE, &inner));
        let in_der = |bytes: &[u8]| {
            let element = only(bytes, SEQUENCE, "x")?;
            to_der(SET, &element, "x").map(|der| der.len())
        };
        assert!(in_der(&sequences(levels)).is_ok());
        assert_eq!(
            in_der(&sequences(levels + 1)),
            Err(EncodingError::TooDeep("x"))
        );
    }
}

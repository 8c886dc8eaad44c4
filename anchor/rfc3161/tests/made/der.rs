//! DER, written with nothing of what reads it.

/// An element.
pub(crate) fn element(identifier: u8, content: &[u8]) -> Vec<u8> {
    let mut element = vec![identifier];
    let length = content.len();
    match length {
        0..0x80 => element.push(u8::try_from(length).unwrap()),
        0x80..0x100 => element.extend([0x81, u8::try_from(length).unwrap()]),
        0x100..0x1_0000 => {
            element.push(0x82);
            element.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        _ => {
            element.push(0x84);
            element.extend(u32::try_from(length).unwrap().to_be_bytes());
        }
    }
    element.extend(content);
    element
}

pub(crate) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

pub(crate) fn set(parts: &[Vec<u8>]) -> Vec<u8> {
    element(0x31, &parts.concat())
}

pub(crate) fn octets(bytes: &[u8]) -> Vec<u8> {
    element(0x04, bytes)
}

pub(crate) fn bits(bytes: &[u8]) -> Vec<u8> {
    element(0x03, &[&[0], bytes].concat())
}

pub(crate) fn boolean(value: bool) -> Vec<u8> {
    element(0x01, &[if value { 0xff } else { 0 }])
}

/// A number below 32,768.
pub(crate) fn integer(number: u16) -> Vec<u8> {
    match number {
        0..0x80 => element(0x02, &[u8::try_from(number).unwrap()]),
        _ => element(0x02, &number.to_be_bytes()),
    }
}

/// `YYYYMMDDhhmmssZ`.
pub(crate) fn time(text: &str) -> Vec<u8> {
    element(0x18, text.as_bytes())
}

/// What is explicitly tagged, or an implicitly tagged sequence's content.
pub(crate) fn context(number: u8, content: &[u8]) -> Vec<u8> {
    element(0xa0 | number, content)
}

pub(crate) fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut content = Vec::new();
    let first = arcs[0] * 40 + arcs[1];
    for arc in std::iter::once(first).chain(arcs[2..].iter().copied()) {
        let groups = (64 - arc.max(1).leading_zeros()).div_ceil(7);
        for group in (0..groups).rev() {
            let low = u8::try_from(arc >> (7 * group) & 0x7f).unwrap();
            content.push(if group == 0 { low } else { low | 0x80 });
        }
    }
    element(0x06, &content)
}

/// A name of one common name.
pub(crate) fn name(common: &str) -> Vec<u8> {
    let attribute = sequence(&[oid("2.5.4.3"), element(0x0c, common.as_bytes())]);
    sequence(&[set(&[attribute])])
}

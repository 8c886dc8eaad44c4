//! DER, written without the code under test.

/// An element.
pub(crate) fn element(identifier: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut whole = vec![identifier];
    match length {
        0..0x80 => whole.push(u8::try_from(length).unwrap()),
        0x80..0x100 => whole.extend([0x81, u8::try_from(length).unwrap()]),
        0x100..0x1_0000 => {
            whole.push(0x82);
            whole.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        _ => {
            whole.push(0x84);
            whole.extend(u32::try_from(length).unwrap().to_be_bytes());
        }
    }
    whole.extend_from_slice(content);
    whole
}

pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

pub(crate) fn integer(content: &[u8]) -> Vec<u8> {
    element(0x02, content)
}

pub(crate) fn enumerated(code: u8) -> Vec<u8> {
    element(0x0a, &[code])
}

pub(crate) fn octets(content: &[u8]) -> Vec<u8> {
    element(0x04, content)
}

/// Whole octets.
pub(crate) fn bits(content: &[u8]) -> Vec<u8> {
    element(0x03, &[&[0][..], content].concat())
}

/// Explicit and constructed.
pub(crate) fn context(number: u8, content: &[u8]) -> Vec<u8> {
    element(0xa0 | number, content)
}

/// Implicit and primitive.
pub(crate) fn primitive(number: u8, content: &[u8]) -> Vec<u8> {
    element(0x80 | number, content)
}

/// `GeneralizedTime`.
pub(crate) fn time(text: &str) -> Vec<u8> {
    element(0x18, text.as_bytes())
}

/// The lowest seven bits.
fn low(group: u32) -> u8 {
    u8::try_from(group & 0x7f).unwrap()
}

pub(crate) fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u32> = dotted.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut content = vec![u8::try_from(arcs[0] * 40 + arcs[1]).unwrap()];
    for arc in &arcs[2..] {
        let groups = (0..5).rev().map(|group| arc >> (7 * group));
        let groups: Vec<u32> = groups.skip_while(|group| *group == 0).collect();
        let Some((last, before)) = groups.split_last() else {
            content.push(0);
            continue;
        };
        content.extend(before.iter().map(|group| 0x80 | low(*group)));
        content.push(low(*last));
    }
    element(0x06, &content)
}

/// An extension.
pub(crate) fn extension(dotted: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let flag = if critical {
        element(0x01, &[0xff])
    } else {
        Vec::new()
    };
    sequence(&[&oid(dotted), &flag, &octets(value)])
}

/// ECDSA with SHA-256.
pub(crate) fn algorithm() -> Vec<u8> {
    sequence(&[&oid("1.2.840.10045.4.3.2")])
}

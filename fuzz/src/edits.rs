//! Changes to a good example.

/// Changes a good example. Four bytes are one edit: a position (two bytes), what to do there, and with which byte.
pub(crate) fn edited(example: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut bytes = example.to_vec();
    for edit in edits.chunks_exact(4).take(8) {
        let [high, low, what, byte] = edit else {
            continue;
        };
        let at = usize::from(u16::from_be_bytes([*high, *low])) % (bytes.len() + 1);
        let end = (at + usize::from(*byte)).min(bytes.len());
        match what % 6 {
            0 => bytes.insert(at, *byte),
            1 => drop(bytes.drain(at..end)),
            2 => bytes.extend_from_within(at..end),
            3 => bytes.truncate(at),
            4 if at < bytes.len() => bytes[at] ^= 1 << (byte % 8),
            _ if at < bytes.len() => bytes[at] = *byte,
            _ => {}
        }
    }
    bytes
}

//! Nibbles, and their hex-prefix encoding: Yellow Paper, appendix C.

/// A path is not encoded in the only way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing.
    #[error("the path is empty, without even its flags")]
    Empty,
    /// Flags that mean nothing.
    #[error("expected the flags of a path to be 0 to 3, found {0:#03x}")]
    Flags(u8),
    /// The unused nibble of a path of even length.
    #[error("expected the unused nibble of a path to be 0, found {0:#03x}")]
    Padding(u8),
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Child,
    Value,
}

/// The nibbles of a key.
pub(super) fn nibbles(key: &[u8]) -> Vec<u8> {
    key.iter()
        .flat_map(|byte| [byte >> 4, byte & 0xf])
        .collect()
}

/// The nibbles of a hex-prefix encoding, and what they lead to.
pub(super) fn decode(bytes: &[u8]) -> Result<(Vec<u8>, End), PathError> {
    let (first, rest) = bytes.split_first().ok_or(PathError::Empty)?;
    let (flags, nibble) = (first >> 4, first & 0xf);
    let end = match flags {
        0 | 1 => End::Child,
        2 | 3 => End::Value,
        _ => return Err(PathError::Flags(flags)),
    };
    let mut path = Vec::new();
    if flags & 1 == 1 {
        path.push(nibble);
    } else if nibble != 0 {
        return Err(PathError::Padding(nibble));
    }
    path.extend(nibbles(rest));
    Ok((path, end))
}

/// The hex-prefix encoding of nibbles.
pub(super) fn encode(path: &[u8], end: End) -> Vec<u8> {
    let flags = match end {
        End::Child => 0x00,
        End::Value => 0x20,
    };
    let (first, pairs) = match path.split_first() {
        Some((nibble, pairs)) if path.len() % 2 == 1 => (flags | 0x10 | nibble, pairs),
        _ => (flags, path),
    };
    let mut encoded = vec![first];
    encoded.extend(
        pairs
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |byte, nibble| byte << 4 | nibble)),
    );
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_the_specification() {
        // ethereum.org, "Patricia Merkle Trees": specification of the compact encoding.
        for (path, end, encoded) in [
            (&[1, 2, 3, 4, 5][..], End::Child, "112345"),
            (&[0, 1, 2, 3, 4, 5], End::Child, "00012345"),
            (&[0, 0xf, 1, 0xc, 0xb, 8], End::Value, "200f1cb8"),
            (&[0xf, 1, 0xc, 0xb, 8], End::Value, "3f1cb8"),
        ] {
            assert_eq!(hex::encode(encode(path, end)), encoded);
            let bytes = hex::decode(encoded).unwrap();
            assert_eq!(decode(&bytes), Ok((path.to_vec(), end)));
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        assert_eq!(decode(&[]), Err(PathError::Empty));
        assert_eq!(decode(&[0x01, 0x23]), Err(PathError::Padding(1)));
        assert_eq!(decode(&[0x2f]), Err(PathError::Padding(0xf)));
        assert_eq!(decode(&[0x40]), Err(PathError::Flags(4)));
        assert_eq!(decode(&[0xf1]), Err(PathError::Flags(0xf)));
    }

    proptest! {
        #[test]
        fn what_is_read_has_one_spelling(bytes in prop::collection::vec(any::<u8>(), 0..8)) {
            if let Ok((path, end)) = decode(&bytes) {
                prop_assert_eq!(encode(&path, end), bytes);
            }
        }
    }
}

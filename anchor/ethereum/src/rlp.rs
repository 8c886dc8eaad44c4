//! RLP, the encoding of everything that Ethereum hashes: a reader that takes one spelling of each value, and a writer.
//!
//! Yellow Paper, appendix B. An item is a byte string or a list of items. With `n` the length of what follows the prefix:
//!
//! ```text
//! 00..7f                       that byte itself
//! 80+n, bytes                  a string of n = 0 to 55 bytes
//! b7+k, n in k bytes, bytes    a string of 56 bytes or more; n is big-endian without leading zeros
//! c0+n, items                  a list whose items have n = 0 to 55 bytes
//! f7+k, n in k bytes, items    a list whose items have 56 bytes or more
//! ```
//!
//! ```
//! use counterfoil_ethereum::rlp::{Item, encode_bytes, encode_list};
//!
//! let encoded = encode_list(&[encode_bytes(b"cat"), encode_bytes(b"\x01"), encode_bytes(b"")]);
//! assert_eq!(encoded, b"\xc6\x83cat\x01\x80");
//! let items = Item::parse(&encoded)?.items(3)?;
//! assert_eq!(items[0].bytes()?, b"cat");
//! assert_eq!(items[1].integer()?, 1);
//! assert!(Item::parse(b"\x81\x01").is_err()); // 1 has a shorter spelling
//! # Ok::<(), counterfoil_ethereum::rlp::RlpError>(())
//! ```

/// How deep lists may be nested. Those of Ethereum reach four (the topics of a log in the logs of a receipt).
pub const MAX_DEPTH: usize = 16;

/// The longest payload whose length stands in the prefix.
const SHORT: u8 = 55;

/// Why bytes are not the item that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RlpError {
    /// The bytes end within an item.
    #[error("the item goes on for {needed} bytes, but only {left} are left")]
    Truncated {
        /// How many bytes it needs.
        needed: u64,
        /// How many there are.
        left: usize,
    },
    /// There is something after the item.
    #[error("{0} bytes follow the item")]
    Trailing(usize),
    /// A length, or a single byte, is not spelled in the only way.
    #[error("the prefix {0:#04x} is not the shortest one for what follows it")]
    NotShortest(u8),
    /// Lists within lists within lists.
    #[error("lists are nested more than {MAX_DEPTH} deep")]
    TooDeep,
    /// A list stands where a byte string must.
    #[error("expected a byte string, found a list")]
    List,
    /// A byte string stands where a list must.
    #[error("expected a list, found a byte string of {0} bytes")]
    NoList(usize),
    /// A list has another number of items.
    #[error("expected {expected} items, found {found}")]
    Count {
        /// How many there must be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A list has too many items.
    #[error("expected at most {0} items, found more")]
    TooMany(usize),
    /// A byte string has another length.
    #[error("expected {expected} bytes, found {found}")]
    Size {
        /// How long it must be.
        expected: usize,
        /// How long it is.
        found: usize,
    },
    /// A number is too large.
    #[error("expected a number of at most {most} bytes, found one of {found}")]
    TooLarge {
        /// How long it may be.
        most: usize,
        /// How long it is.
        found: usize,
    },
    /// A number begins with a zero byte.
    #[error("the number begins with a zero byte")]
    LeadingZero,
}

/// An item, read where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    encoding: &'a [u8],
    payload: &'a [u8],
    is_list: bool,
}

impl<'a> Item<'a> {
    /// Reads the one item that the bytes are, in the only spelling, all the way down.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RlpError> {
        let (item, rest) = split(bytes)?;
        if !rest.is_empty() {
            return Err(RlpError::Trailing(rest.len()));
        }
        check(&item, MAX_DEPTH)?;
        Ok(item)
    }

    /// The bytes that the item was read from.
    pub fn encoding(&self) -> &'a [u8] {
        self.encoding
    }

    /// True if it is a list.
    pub fn is_list(&self) -> bool {
        self.is_list
    }

    /// The byte string that it is.
    pub fn bytes(&self) -> Result<&'a [u8], RlpError> {
        if self.is_list {
            Err(RlpError::List)
        } else {
            Ok(self.payload)
        }
    }

    /// The byte string of this length that it is.
    pub fn array<const N: usize>(&self) -> Result<[u8; N], RlpError> {
        let bytes = self.bytes()?;
        bytes.try_into().map_err(|_| RlpError::Size {
            expected: N,
            found: bytes.len(),
        })
    }

    /// The number that it is: big-endian without leading zeros, at most so many bytes.
    pub fn number(&self, most: usize) -> Result<&'a [u8], RlpError> {
        let bytes = self.bytes()?;
        let found = bytes.len();
        if bytes.first() == Some(&0) {
            return Err(RlpError::LeadingZero);
        }
        if found > most {
            return Err(RlpError::TooLarge { most, found });
        }
        Ok(bytes)
    }

    /// The number below 2^64 that it is.
    pub fn integer(&self) -> Result<u64, RlpError> {
        let bytes = self.number(8)?;
        Ok(big_endian(bytes))
    }

    /// The items of the list that it is, if they are at most so many.
    pub fn items(&self, most: usize) -> Result<Vec<Self>, RlpError> {
        if !self.is_list {
            return Err(RlpError::NoList(self.payload.len()));
        }
        let mut items = Vec::new();
        let mut rest = self.payload;
        while !rest.is_empty() {
            if items.len() == most {
                return Err(RlpError::TooMany(most));
            }
            let (item, after) = split(rest)?;
            items.push(item);
            rest = after;
        }
        Ok(items)
    }
}

/// At most eight bytes as a number.
fn big_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| number.wrapping_shl(8) | u64::from(*byte))
}

/// The first item of the bytes, and what follows it. The items of a list are not looked at.
fn split(bytes: &[u8]) -> Result<(Item<'_>, &[u8]), RlpError> {
    let Some((&prefix, after)) = bytes.split_first() else {
        return Err(RlpError::Truncated { needed: 1, left: 0 });
    };
    let (is_list, header, length) = match prefix {
        0x00..=0x7f => (false, 0, 1),
        0x80..=0xb7 => (false, 1, u64::from(prefix - 0x80)),
        0xb8..=0xbf => long(false, prefix, 0xb7, after)?,
        0xc0..=0xf7 => (true, 1, u64::from(prefix - 0xc0)),
        0xf8..=0xff => long(true, prefix, 0xf7, after)?,
    };
    let needed = length.saturating_add(header);
    let parts = usize::try_from(needed)
        .ok()
        .and_then(|needed| bytes.split_at_checked(needed));
    let header = usize::try_from(header).unwrap_or(usize::MAX);
    let payload = parts.and_then(|(encoding, _)| encoding.get(header..));
    let (Some((encoding, rest)), Some(payload)) = (parts, payload) else {
        let left = bytes.len();
        return Err(RlpError::Truncated { needed, left });
    };
    // A byte below 0x80 is its own encoding.
    if prefix == 0x81 && matches!(payload, [0x00..=0x7f]) {
        return Err(RlpError::NotShortest(prefix));
    }
    let item = Item {
        encoding,
        payload,
        is_list,
    };
    Ok((item, rest))
}

/// What a prefix with a length of its own says: whether it is a list, the size of prefix and length, and the length.
fn long(is_list: bool, prefix: u8, base: u8, after: &[u8]) -> Result<(bool, u64, u64), RlpError> {
    let size = usize::from(prefix - base);
    let Some(length) = after.get(..size) else {
        let needed = u64::from(prefix - base).saturating_add(1);
        let left = after.len().saturating_add(1);
        return Err(RlpError::Truncated { needed, left });
    };
    let value = big_endian(length);
    if length.first() == Some(&0) || value <= u64::from(SHORT) {
        return Err(RlpError::NotShortest(prefix));
    }
    Ok((is_list, u64::from(prefix - base).saturating_add(1), value))
}

/// Whether everything within an item is spelled in the only way, at most so deep.
fn check(item: &Item<'_>, depth: usize) -> Result<(), RlpError> {
    if !item.is_list {
        return Ok(());
    }
    let depth = depth.checked_sub(1).ok_or(RlpError::TooDeep)?;
    let mut rest = item.payload;
    while !rest.is_empty() {
        let (item, after) = split(rest)?;
        check(&item, depth)?;
        rest = after;
    }
    Ok(())
}

/// The encoding of a byte string.
pub fn encode_bytes(bytes: &[u8]) -> Vec<u8> {
    match bytes {
        [0x00..=0x7f] => bytes.to_vec(),
        _ => with_prefix(0x80, bytes),
    }
}

/// The encoding of a number: its big-endian bytes without leading zeros.
pub fn encode_integer(number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    encode_bytes(bytes.get(zeros..).unwrap_or_default())
}

/// The encoding of a list of items that are encoded already.
pub fn encode_list<I: AsRef<[u8]>>(items: &[I]) -> Vec<u8> {
    let mut payload = Vec::new();
    for item in items {
        payload.extend_from_slice(item.as_ref());
    }
    with_prefix(0xc0, &payload)
}

fn with_prefix(base: u8, payload: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(payload.len().saturating_add(9));
    match u8::try_from(payload.len()) {
        Ok(length) if length <= SHORT => encoded.push(base.wrapping_add(length)),
        _ => {
            let length = payload.len().to_be_bytes();
            let zeros = length.iter().take_while(|byte| **byte == 0).count();
            let length = length.get(zeros..).unwrap_or_default();
            // At most 8 bytes of length: the prefix does not overflow.
            let size = u8::try_from(length.len()).unwrap_or_default();
            encoded.push(base.wrapping_add(SHORT).wrapping_add(size));
            encoded.extend_from_slice(length);
        }
    }
    encoded.extend_from_slice(payload);
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An item as a value of its own.
    #[derive(Debug, Clone, PartialEq)]
    enum Tree {
        Bytes(Vec<u8>),
        List(Vec<Tree>),
    }

    impl Tree {
        fn encode(&self) -> Vec<u8> {
            match self {
                Self::Bytes(bytes) => encode_bytes(bytes),
                Self::List(items) => {
                    encode_list(&items.iter().map(Self::encode).collect::<Vec<_>>())
                }
            }
        }

        fn of(item: &Item<'_>) -> Self {
            if let Ok(bytes) = item.bytes() {
                return Self::Bytes(bytes.to_vec());
            }
            let items = item.items(usize::MAX).unwrap();
            Self::List(items.iter().map(Self::of).collect())
        }
    }

    fn tree() -> impl Strategy<Value = Tree> {
        let bytes = prop::collection::vec(any::<u8>(), 0..70).prop_map(Tree::Bytes);
        bytes.prop_recursive(6, 60, 20, |inner| {
            prop::collection::vec(inner, 0..20).prop_map(Tree::List)
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(tree in tree()) {
            let encoded = tree.encode();
            let item = Item::parse(&encoded).unwrap();
            prop_assert_eq!(item.encoding(), &encoded[..]);
            prop_assert_eq!(Tree::of(&item), tree);
        }

        #[test]
        fn what_is_read_has_one_spelling(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(item) = Item::parse(&bytes) {
                prop_assert_eq!(Tree::of(&item).encode(), bytes);
            }
        }

        #[test]
        fn integers_are_written_and_read(number: u64, shift in 0_u32..64) {
            let number = number >> shift;
            prop_assert_eq!(Item::parse(&encode_integer(number)).unwrap().integer(), Ok(number));
        }
    }

    #[test]
    fn lengths_at_their_limits() {
        for (length, prefix) in [
            (2, "82"),
            (55, "b7"),
            (56, "b838"),
            (255, "b8ff"),
            (256, "b90100"),
            (65_536, "ba010000"),
        ] {
            let encoded = encode_bytes(&vec![0x80; length]);
            assert_eq!(hex::encode(&encoded[..prefix.len() / 2]), prefix);
            assert_eq!(
                Item::parse(&encoded).unwrap().bytes().unwrap().len(),
                length
            );
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        let long = |prefix: &[u8], length: usize| [prefix, &vec![0x80; length]].concat();
        let truncated = |needed, left| RlpError::Truncated { needed, left };
        for (bytes, error) in [
            (vec![], truncated(1, 0)),
            (vec![0x81, 0x7f], RlpError::NotShortest(0x81)),
            (long(&[0xb8, 55], 55), RlpError::NotShortest(0xb8)),
            (long(&[0xf8, 55], 55), RlpError::NotShortest(0xf8)),
            (long(&[0xb9, 0, 56], 56), RlpError::NotShortest(0xb9)),
            (long(&[0xf9, 0, 56], 56), RlpError::NotShortest(0xf9)),
            (long(&[0xb8, 56], 55), truncated(58, 57)),
            (vec![0xb9, 1], truncated(3, 2)),
            (vec![0x82, 1], truncated(3, 2)),
            ([0xbf].repeat(9), truncated(u64::MAX, 9)),
            (vec![0xc2, 0x81, 0x80, 0], RlpError::Trailing(1)),
            (vec![0xc1, 0x81], truncated(2, 1)),
            (vec![0xc2, 0x81, 0x00], RlpError::NotShortest(0x81)),
        ] {
            // A length beyond what is there is told as what it says.
            let found = Item::parse(&bytes).unwrap_err();
            let both_truncated = matches!(
                (&found, &error),
                (RlpError::Truncated { .. }, RlpError::Truncated { .. })
            );
            assert!(
                found == error || bytes[0] == 0xbf && both_truncated,
                "{}: {found}",
                hex::encode(&bytes)
            );
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| {
            (1..depth).fold(encode_list::<Vec<u8>>(&[]), |inner, _| {
                encode_list(&[inner])
            })
        };
        assert!(Item::parse(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(Item::parse(&nested(MAX_DEPTH + 1)), Err(RlpError::TooDeep));
        assert_eq!(Item::parse(&nested(10_000)), Err(RlpError::TooDeep));
    }

    #[test]
    fn numbers_have_no_leading_zeros_and_a_size() {
        let integer = |bytes: &[u8]| Item::parse(&encode_bytes(bytes)).unwrap().integer();
        assert_eq!(integer(b""), Ok(0));
        assert_eq!(integer(b"\0"), Err(RlpError::LeadingZero));
        assert_eq!(integer(b"\0\x01"), Err(RlpError::LeadingZero));
        assert_eq!(integer(&[0xff; 8]), Ok(u64::MAX));
        let too_large = RlpError::TooLarge { most: 8, found: 9 };
        assert_eq!(integer(&[1; 9]), Err(too_large));
        let list = encode_list::<Vec<u8>>(&[]);
        assert_eq!(Item::parse(&list).unwrap().integer(), Err(RlpError::List));
    }

    #[test]
    fn lists_have_at_most_so_many_items() {
        let three = encode_list(&[[1], [2], [3]]);
        let item = Item::parse(&three).unwrap();
        assert_eq!(item.items(3).unwrap().len(), 3);
        assert_eq!(item.items(2), Err(RlpError::TooMany(2)));
        let bytes = encode_bytes(b"dog");
        assert_eq!(
            Item::parse(&bytes).unwrap().items(3),
            Err(RlpError::NoList(3))
        );
    }
}

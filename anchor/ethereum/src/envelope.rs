//! The envelope of transactions and receipts: EIP-2718.
//!
//! ```text
//! c0..ff ...         legacy: an RLP list
//! 00..7f, payload    a type and what it says, usually an RLP list
//! ```

use core::fmt;

/// The largest transaction or receipt. The largest receipt of the blocks that are tested has 1.6 MB.
pub const MAX_VALUE_SIZE: usize = 4 << 20;

/// The kind of a transaction, and of its receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// From before EIP-2718.
    Legacy,
    /// By its number.
    Typed(u8),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Legacy => f.write_str("legacy"),
            Self::Typed(number) => write!(f, "type {number:#04x}"),
        }
    }
}

/// Bytes are no transaction and no receipt of any kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Nothing, or a type and nothing.
    #[error("it is empty")]
    Empty,
    /// Too long.
    #[error("expected at most {MAX_VALUE_SIZE} bytes, found {0}")]
    TooLong(usize),
    /// An RLP string.
    #[error("expected a type below 0x80 or a list, found {0:#04x}")]
    Type(u8),
}

/// The kind of a transaction or receipt, and what it says.
pub(crate) fn open(bytes: &[u8]) -> Result<(Kind, &[u8]), EnvelopeError> {
    if bytes.len() > MAX_VALUE_SIZE {
        return Err(EnvelopeError::TooLong(bytes.len()));
    }
    match bytes {
        [] | [0x00..=0x7f] => Err(EnvelopeError::Empty),
        [number @ 0x00..=0x7f, payload @ ..] => Ok((Kind::Typed(*number), payload)),
        [0xc0..=0xff, ..] => Ok((Kind::Legacy, bytes)),
        [other, ..] => Err(EnvelopeError::Type(*other)),
    }
}

//! Entry bundles: up to 256 consecutive entries in one file.
//!
//! C2SP tlog-tiles, section "Log entries".

use super::TILE_WIDTH;
use crate::hash::{LeafHash, hash_leaves};

/// The size of the largest entry that a bundle can carry: its length field has 16 bits.
pub const MAX_ENTRY_SIZE: usize = u16::MAX as usize;

/// The bytes of a length field.
const LENGTH_SIZE: usize = 2;

/// Why something is not an entry bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// A bundle has 1 to 256 entries.
    #[error("a bundle has 1 to 256 entries, not {0}")]
    Width(usize),
    /// An entry is too long for its length field.
    #[error("entry {place} has {size} bytes, more than 65,535")]
    EntrySize {
        /// The number of entries before it in the bundle.
        place: usize,
        /// Its size in bytes.
        size: usize,
    },
    /// The bytes end before the expected number of entries.
    #[error("expected {expected} entries, found {found} and {rest} more bytes")]
    TooShort {
        /// The number of entries expected.
        expected: u16,
        /// The number of whole entries found.
        found: u16,
        /// The number of bytes after them.
        rest: usize,
    },
    /// There are bytes after the expected number of entries.
    #[error("expected {expected} entries, found {rest} more bytes after them")]
    TooLong {
        /// The number of entries expected.
        expected: u16,
        /// The number of bytes after them.
        rest: usize,
    },
}

/// The entries of a bundle, where they lie in its bytes.
///
/// An entry may have no bytes: the format carries it, and its leaf hash is defined. Whether a log takes such entries is the log's choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryBundle<'a> {
    entries: Vec<&'a [u8]>,
}

impl<'a> EntryBundle<'a> {
    /// Reads a bundle of exactly `width` entries (1 to 256) and nothing after them.
    pub fn parse(bytes: &'a [u8], width: u16) -> Result<Self, BundleError> {
        if width == 0 || width > TILE_WIDTH {
            return Err(BundleError::Width(usize::from(width)));
        }
        // SPEC(tlog-tiles): "Entry bundles are sequences of big-endian uint16 length-prefixed log entries."
        let mut entries = Vec::with_capacity(usize::from(width));
        let mut rest = bytes;
        for found in 0..width {
            let (entry, after) = split_entry(rest).ok_or(BundleError::TooShort {
                expected: width,
                found,
                rest: rest.len(),
            })?;
            entries.push(entry);
            rest = after;
        }
        if !rest.is_empty() {
            return Err(BundleError::TooLong {
                expected: width,
                rest: rest.len(),
            });
        }
        Ok(Self { entries })
    }

    /// The entries, in order.
    pub fn entries(&self) -> &[&'a [u8]] {
        &self.entries
    }

    /// Appends the leaf hash of each entry to `out`: the hashes of the tile of level 0 at the same place.
    pub fn hash_leaves(&self, out: &mut Vec<LeafHash>) {
        hash_leaves(&self.entries, out);
    }
}

/// The bytes of a bundle of these 1 to 256 entries, each of at most 65,535 bytes.
pub fn encode_bundle<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, BundleError> {
    if entries.is_empty() || entries.len() > usize::from(TILE_WIDTH) {
        return Err(BundleError::Width(entries.len()));
    }
    let mut bytes = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        let entry = entry.as_ref();
        let size = u16::try_from(entry.len()).map_err(|_| BundleError::EntrySize {
            place,
            size: entry.len(),
        })?;
        bytes.extend_from_slice(&size.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (size, rest) = bytes.split_first_chunk::<LENGTH_SIZE>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*size)))
}

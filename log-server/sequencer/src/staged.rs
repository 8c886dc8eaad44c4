//! Staged blobs: the write-ahead log. Each holds the entries of one round.
//!
//! ```text
//! "counterfoil/staged/1\n"  then for each entry: u16 length (big-endian) | entry
//! ```
//!
//! The name carries the SHA-256 of the whole blob, so that a reader notices a changed byte:
//! `staged/<generation>-<writer>-<sha256>`, numbers as 16 hexadecimal digits.

use core::fmt::Write as _;

use bytes::{BufMut, Bytes, BytesMut};
use sha2::{Digest as _, Sha256};

use crate::operation::{Entry, WriterId};

/// The format and its version.
pub const MAGIC: &[u8] = b"counterfoil/staged/1\n";

/// Where staged blobs live.
pub const PREFIX: &str = "staged/";

/// A head's reference to a staged blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StagedBlob {
    /// The generation of the head that was to name it first.
    pub generation: u64,
    /// Who staged it.
    pub writer: WriterId,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// The index of its first entry.
    pub first: u64,
    /// How many entries it holds.
    pub count: u32,
}

/// Why a staged blob cannot be replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StagedError {
    /// The bytes are not those that were staged.
    #[error("its SHA-256 is not the one in its name")]
    Hash,
    /// The right bytes, but not a staged blob of this version.
    #[error("it is not a staged blob of version 1")]
    Format,
    /// Another number of entries than the head says.
    #[error("it holds another number of entries than the head says")]
    Count,
}

impl StagedBlob {
    /// The index after its last entry; `None` where that would not be a 64-bit number.
    pub fn end(&self) -> Option<u64> {
        self.first.checked_add(u64::from(self.count))
    }

    /// The blob's name.
    pub fn name(&self) -> String {
        let mut name = format!("{PREFIX}{:016x}-{:016x}-", self.generation, self.writer.0);
        for byte in self.sha256 {
            let _ = write!(name, "{byte:02x}");
        }
        name
    }

    /// Checks the bytes against the name and gives the entries.
    pub fn parse(&self, bytes: &Bytes) -> Result<Vec<Bytes>, StagedError> {
        if <[u8; 32]>::from(Sha256::digest(bytes)) != self.sha256 {
            return Err(StagedError::Hash);
        }
        let mut rest = bytes.strip_prefix(MAGIC).ok_or(StagedError::Format)?;
        let mut entries = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes(*length));
            let (entry, after) = after.split_at_checked(length).ok_or(StagedError::Format)?;
            entries.push(bytes.slice_ref(entry));
            rest = after;
        }
        if !rest.is_empty() {
            return Err(StagedError::Format);
        }
        if entries.len() != usize::try_from(self.count).unwrap_or(usize::MAX) {
            return Err(StagedError::Count);
        }
        Ok(entries)
    }
}

/// The generation in a staged blob's name; `None` for names that are not of this form.
pub fn generation_in_name(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?.split('-').next()?;
    (digits.len() == 16)
        .then(|| u64::from_str_radix(digits, 16).ok())
        .flatten()
}

/// The bytes of a staged blob and their SHA-256.
pub fn encode<'a>(entries: impl Iterator<Item = &'a Entry> + Clone) -> (Bytes, [u8; 32]) {
    let length = entries.clone().fold(MAGIC.len(), |sum, entry| {
        sum.saturating_add(entry.bytes().len()).saturating_add(2)
    });
    let mut out = BytesMut::with_capacity(length);
    out.put_slice(MAGIC);
    for entry in entries {
        // Entries are at most 65,535 bytes: the queue refuses longer ones.
        out.put_u16(u16::try_from(entry.bytes().len()).unwrap_or(u16::MAX));
        out.put_slice(entry.bytes());
    }
    let bytes = out.freeze();
    let sha256 = Sha256::digest(&bytes).into();
    (bytes, sha256)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staged() -> (StagedBlob, Bytes) {
        let entries: Vec<_> = ["a", "bc", ""]
            .iter()
            .map(|text| Entry::new(Bytes::from_static(text.as_bytes())))
            .collect();
        let (bytes, sha256) = encode(entries.iter());
        (
            StagedBlob {
                generation: 10,
                writer: WriterId(0xab),
                sha256,
                first: 5,
                count: 3,
            },
            bytes,
        )
    }

    #[test]
    fn a_staged_blob_survives_a_round_trip() {
        let (blob, bytes) = staged();
        assert_eq!(bytes, &b"counterfoil/staged/1\n\0\x01a\0\x02bc\0\0"[..]);
        assert_eq!(blob.parse(&bytes).unwrap(), vec![&b"a"[..], b"bc", b""]);
        assert_eq!(generation_in_name(&blob.name()), Some(10));
        assert!(
            blob.name()
                .starts_with("staged/000000000000000a-00000000000000ab-")
        );
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let (blob, bytes) = staged();
        for at in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[at] ^= 0x40;
            assert_eq!(
                blob.parse(&changed.into()),
                Err(StagedError::Hash),
                "byte {at}"
            );
        }
        assert_eq!(
            StagedBlob { count: 2, ..blob }.parse(&bytes),
            Err(StagedError::Count)
        );
    }
}

//! The value of a register as it is stored: `format (1 byte, 1) || checksum (32 bytes) || value`.
//!
//! The checksum is SHA-256 over `counterfoil register`, a zero byte, the format byte, the register's name, a zero byte
//! and the value. So a flipped bit, a cut value and a value that got under another name are all noticed. It is no
//! signature: it protects from disks, not from people.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::{RegisterName, Trouble, TroubleKind};

const FORMAT: u8 = 1;
const CHECKSUM_BYTES: usize = 32;
const HEADER_BYTES: usize = 1 + CHECKSUM_BYTES;

pub(super) fn encode(name: &RegisterName, value: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(HEADER_BYTES.saturating_add(value.len()));
    record.push(FORMAT);
    record.extend_from_slice(&checksum(name, value));
    record.extend_from_slice(value);
    record
}

pub(super) fn decode(name: &RegisterName, record: &Bytes) -> Result<Bytes, Trouble> {
    let damaged =
        |what: String, advice: &'static str| Err(Trouble::new(TroubleKind::Damaged, what, advice));
    let restore = "the disk changed it: check the disk, then restore the registers from a backup; \
                   the start-up check tells whether the backup is too old";
    match record.first() {
        Some(&FORMAT) => {}
        Some(format) => {
            let what = format!("expected format {FORMAT}, found {format}");
            return damaged(
                what,
                "if a newer version of this software wrote it, use that one; otherwise restore a backup",
            );
        }
        None => return damaged("expected a record, found no bytes".to_owned(), restore),
    }
    let Some(found) = record.get(1..HEADER_BYTES) else {
        return damaged(
            format!(
                "expected at least {HEADER_BYTES} bytes, found {}",
                record.len()
            ),
            restore,
        );
    };
    let value = record.slice(HEADER_BYTES..);
    if checksum(name, &value) == *found {
        return Ok(value);
    }
    damaged(
        format!("the checksum of its {} bytes does not match", value.len()),
        restore,
    )
}

fn checksum(name: &RegisterName, value: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hash = Sha256::new();
    hash.update(b"counterfoil register\0");
    hash.update([FORMAT]);
    hash.update(name.as_str());
    hash.update([0]);
    hash.update(value);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> RegisterName {
        text.parse().unwrap()
    }

    /// The format to the byte: `printf 'counterfoil register\0\1head\0abc' | sha256sum`.
    #[test]
    fn example() {
        let record = encode(&name("head"), b"abc");
        assert_eq!(
            hex::encode(record),
            concat!(
                "01",
                "c17eaf6bcfa38b9992f1dfaa21066b991e62416484250f9b76ae95ae6028dc7f",
                "616263"
            )
        );
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let good = encode(&name("head"), b"a value");
        assert_eq!(
            decode(&name("head"), &good.clone().into()).unwrap(),
            &b"a value"[..]
        );
        for bit in 0..good.len() * 8 {
            let mut flipped = good.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(
                decode(&name("head"), &flipped.into()).is_err(),
                "bit {bit} flipped"
            );
        }
        for length in 0..good.len() {
            assert!(
                decode(&name("head"), &good[..length].to_vec().into()).is_err(),
                "cut to {length} bytes"
            );
        }
        assert!(
            decode(&name("published"), &good.into()).is_err(),
            "under another name"
        );
    }

    proptest! {
        #[test]
        fn round_trip(value: Vec<u8>, name in "[a-z]{1,9}") {
            let name = RegisterName::new(&name).unwrap();
            prop_assert_eq!(decode(&name, &encode(&name, &value).into()).unwrap(), value);
        }
    }
}

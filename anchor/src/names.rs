//! Where a store keeps what was anchored: the names of [`counterfoil_evidence::names`], as names of blobs.

pub use counterfoil_evidence::names::*;
use counterfoil_store::BlobName;

/// Where a store keeps what is about a signed checkpoint.
pub trait Blobs {
    /// Where its bytes are.
    fn checkpoint(&self) -> BlobName;

    /// Where a record about it is.
    fn record(&self, name: &RecordName) -> BlobName;
}

impl Blobs for Place {
    fn checkpoint(&self) -> BlobName {
        blob(self, &Named::Checkpoint)
    }

    fn record(&self, name: &RecordName) -> BlobName {
        blob(self, &Named::Record(name.clone()))
    }
}

fn blob(place: &Place, named: &Named) -> BlobName {
    // 64 + 9 + 20 + 1 + 64 + 1 bytes before the name, and at most 8 + 40 + 5 + 12 + 4 in it.
    #[expect(
        clippy::expect_used,
        reason = "hexadecimal digits, numbers and checked names are a name"
    )]
    BlobName::new(&place.path(named))
        .expect("hexadecimal digits, numbers and checked names are a name")
}

#[cfg(test)]
mod tests {
    use counterfoil_tiles::hash::TreeSize;

    use super::*;

    #[test]
    fn the_longest_name_fits_a_store() {
        let authority = "a".repeat(MAX_AUTHORITY_NAME).parse().unwrap();
        let longest = RecordName::token(authority, MAX_NUMBER).added(MAX_NUMBER);
        let place = Place {
            origin: "ab".repeat(32).parse().unwrap(),
            size: TreeSize::new(u64::MAX),
            checkpoint: CheckpointHash::of(b""),
        };
        assert!(
            place
                .record(&longest)
                .as_str()
                .ends_with("-revocation-9999")
        );
    }
}

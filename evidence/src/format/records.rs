//! From the records of anchors to the anchors of evidence.

use super::{Anchor, EvidenceError, TokenAnchor};
use crate::json::Path;
use crate::names::CheckpointHash;
use crate::record::{Revocation, RevocationRecord, TokenRecord};

/// What an anchor keeps of one token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchorRecords {
    /// The token.
    pub token: TokenRecord,
    /// Revocation data that were added to it, in the order of their numbers.
    pub added: Vec<RevocationRecord>,
}

impl AnchorRecords {
    pub(super) fn anchor(
        &self,
        checkpoint: &[u8],
        path: Path<'_>,
    ) -> Result<Anchor, EvidenceError> {
        let Self { token, added } = self;
        if token.checkpoint != checkpoint {
            return Err(EvidenceError::part(
                path,
                format!(
                    "a record about the receipt's checkpoint, whose SHA-256 is {}",
                    CheckpointHash::of(checkpoint)
                ),
                CheckpointHash::of(&token.checkpoint).to_string(),
            ));
        }
        if let Some(other) = added
            .iter()
            .find(|added| added.token.authority != token.authority)
        {
            return Err(EvidenceError::part(
                Path::Key(&path, "revocation"),
                format!("additions to a token of {}", token.authority),
                format!("one to {}", other.token),
            ));
        }
        let mut revocation: Vec<Revocation> = Vec::new();
        let later = added.iter().flat_map(|added| &added.revocation);
        for data in token.revocation.iter().chain(later) {
            let known = |known: &Revocation| same(known, data);
            if !revocation.iter().any(known) {
                revocation.push(data.clone());
            }
        }
        Ok(Anchor::Token(TokenAnchor {
            authority: token.authority.clone(),
            url: token.url.clone(),
            token: token.token.clone(),
            certificates: token.certificates.clone(),
            received: token.received,
            revocation,
        }))
    }
}

/// The same data about the same certificate, even if fetched again.
fn same(one: &Revocation, other: &Revocation) -> bool {
    (one.kind, one.certificate, &one.data) == (other.kind, other.certificate, &other.data)
}

//! From the records of anchors to the anchors of evidence.

use counterfoil_ethereum::Header;

use super::{Anchor, EvidenceError, TokenAnchor};
use crate::json::Path;
use crate::names::CheckpointHash;
use crate::names::{AnchorKind, AuthorityName};
use crate::record::{BlockRecord, Revocation, RevocationRecord, TokenRecord};

/// What is kept of one anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnchorRecords {
    /// A time-stamp token.
    Token(TokenRecords),
    /// A block of an Ethereum chain.
    Block(BlockRecord),
}

/// What is kept of one token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecords {
    /// The token.
    pub token: TokenRecord,
    /// Revocation data that were added to it, in the order of their numbers.
    pub added: Vec<RevocationRecord>,
}

impl From<TokenRecords> for AnchorRecords {
    fn from(records: TokenRecords) -> Self {
        Self::Token(records)
    }
}

impl From<BlockRecord> for AnchorRecords {
    fn from(record: BlockRecord) -> Self {
        Self::Block(record)
    }
}

impl AnchorRecords {
    /// The time that the anchor says, in Unix seconds; none if it is a block whose header cannot be read.
    pub fn seconds(&self) -> Option<u64> {
        match self {
            Self::Token(records) => Some(records.token.gen_time.seconds()),
            Self::Block(record) => Header::parse(&record.block.header)
                .ok()
                .map(|header| header.timestamp),
        }
    }

    /// Whose word it is: the kind, and the name of the authority or the chain.
    pub fn authority(&self) -> (AnchorKind, &AuthorityName) {
        match self {
            Self::Token(records) => (AnchorKind::Rfc3161, &records.token.authority),
            Self::Block(record) => (AnchorKind::Ethereum, &record.name),
        }
    }

    pub(super) fn anchor(
        &self,
        checkpoint: &[u8],
        path: Path<'_>,
    ) -> Result<Anchor, EvidenceError> {
        let about = match self {
            Self::Token(records) => &records.token.checkpoint,
            Self::Block(record) => &record.checkpoint,
        };
        if about != checkpoint {
            return Err(EvidenceError::part(
                path,
                format!(
                    "a record about the receipt's checkpoint, whose SHA-256 is {}",
                    CheckpointHash::of(checkpoint)
                ),
                CheckpointHash::of(about).to_string(),
            ));
        }
        match self {
            Self::Token(records) => records.anchor(path).map(Anchor::Token),
            Self::Block(record) => Ok(Anchor::Block(record.block.clone())),
        }
    }
}

impl TokenRecords {
    fn anchor(&self, path: Path<'_>) -> Result<TokenAnchor, EvidenceError> {
        let Self { token, added } = self;
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
        Ok(TokenAnchor {
            authority: token.authority.clone(),
            url: token.url.clone(),
            token: token.token.clone(),
            certificates: token.certificates.clone(),
            received: token.received,
            revocation,
        })
    }
}

/// The same data about the same certificate, even if fetched again.
fn same(one: &Revocation, other: &Revocation) -> bool {
    (one.kind, one.certificate, &one.data) == (other.kind, other.certificate, &other.data)
}

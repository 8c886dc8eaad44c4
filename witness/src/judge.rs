//! What a request deserves: a function of the request, of the keys of its log and of what is recorded. No clock, no I/O.
//!
//! The order of the checks is that of tlog-witness. Before these, the body was parsed (400) and its origin looked up (404).
//!
//! | | answer |
//! |---|---|
//! | [`Submission::verify`] fails: no signature by a trusted key, or a bad one | 403 |
//! | [`Refusal::OldSizeAboveCheckpoint`] | 400 |
//! | [`Refusal::Conflict`] | 409 |
//! | [`Refusal::Inconsistent`] | 422 |
//! | a [`Consistent`] checkpoint | 200, once it is recorded |
//!
//! Beside any of those, two checkpoints of one size with different roots, or one of size 0 that is not empty, prove that
//! the log misbehaved. A consistency proof that fails proves nothing.

use std::sync::Arc;

use counterfoil_tiles::checkpoint::{CheckpointError, SignedCheckpoint};
use counterfoil_tiles::hash::{NodeHash, TreeSize, empty_root};
use counterfoil_tiles::key::KeyRing;
use counterfoil_tiles::misbehaviour::ProvedMisbehaviour;
use counterfoil_tiles::note::{NoteError, VerifiedSignature};
use counterfoil_tiles::proof::{ProofError, verify_consistency, verify_subtree_consistency};
use counterfoil_tiles::witness_wire::{AddCheckpointRequest, SignSubtreeRequest};

use crate::logs::Log;
use crate::record::Recorded;

/// The longest text of a checkpoint that is cosigned, in bytes. Origin, size and root take less than 400; the rest is for
/// extension lines. So a record has a size to count on, and is a note that every verifier reads.
pub const MAX_TEXT: usize = 16 << 10;

/// An add-checkpoint request whose checkpoint its log has signed.
#[derive(Debug, Clone)]
pub struct Submission {
    log: Arc<Log>,
    old_size: TreeSize,
    proof: Vec<NodeHash>,
    signed: SignedCheckpoint,
}

/// What is to be done with a submission, and what it proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Whether it may be cosigned.
    pub verdict: Result<Consistent, Refusal>,
    /// The proof that the log misbehaved, if there is one; beside any verdict.
    pub misbehaviour: Option<ProvedMisbehaviour>,
}

/// Why a submission is not cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The old size is above the checkpoint's.
    OldSizeAboveCheckpoint {
        /// The old size.
        old: TreeSize,
        /// The checkpoint's.
        size: TreeSize,
    },
    /// The old size is not the recorded one.
    Conflict {
        /// The recorded size, 0 if nothing is recorded.
        latest: TreeSize,
    },
    /// The checkpoint is not shown to extend what is recorded.
    Inconsistent(Inconsistency),
}

/// Why a checkpoint is not shown to extend what is recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Inconsistency {
    /// Size 0 with another root than that of the empty tree.
    #[error("a tree of size 0 has the root of the empty tree, SHA-256 of nothing")]
    NotEmptyRoot,
    /// A proof from the empty tree.
    #[error("from size 0 no proof is needed and none may be there, found {found} hashes")]
    ProofFromEmpty {
        /// Hashes found.
        found: usize,
    },
    /// The size is the recorded one and the root is not.
    #[error("another root than the one cosigned at size {}", size.get())]
    OtherRoot {
        /// The size.
        size: TreeSize,
    },
    /// The proof does not lead from one tree to the other.
    #[error("the consistency proof does not verify: {0}")]
    Proof(#[from] ProofError),
}

/// A checkpoint that its log signed and that extends what was recorded when it was judged. Nothing else is ever cosigned;
/// [`Submission::judge`] is the only way to make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consistent(SignedCheckpoint);

impl Consistent {
    /// The checkpoint, as its log signed it.
    pub fn signed(&self) -> &SignedCheckpoint {
        &self.0
    }
}

impl Submission {
    /// Verifies the log's signatures.
    pub fn verify(request: &AddCheckpointRequest, log: &Arc<Log>) -> Result<Self, CheckpointError> {
        // SPEC(tlog-witness): "The witness MUST verify the checkpoint signature against the public key(s) it trusts for
        // the checkpoint origin, and it MUST ignore signatures from unknown keys."
        // SPEC(tlog-witness): "The witness MUST respond with a "403 Forbidden" HTTP status code if either no signature
        // from a trusted key for the origin is present, or a signature line's key name and ID match a trusted key but the
        // signature itself fails to verify (such a note is malformed per [signed-note][])."
        let signed = SignedCheckpoint::verify(request.note().clone(), log.keys())?;
        Ok(Self {
            log: Arc::clone(log),
            old_size: request.old_size(),
            proof: request.proof().to_vec(),
            signed,
        })
    }

    /// The log.
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// The checkpoint.
    pub fn signed(&self) -> &SignedCheckpoint {
        &self.signed
    }

    /// Judges the submission by what is recorded for its log, if anything is.
    pub fn judge(&self, recorded: Option<&Recorded>) -> Judgement {
        Judgement {
            verdict: self.verdict(recorded),
            misbehaviour: self.misbehaviour(recorded),
        }
    }

    fn verdict(&self, recorded: Option<&Recorded>) -> Result<Consistent, Refusal> {
        let checkpoint = self.signed.checkpoint();
        let (old, size, root) = (self.old_size, checkpoint.size(), checkpoint.root());
        // SPEC(tlog-witness): "The old size MUST be equal to or lower than the checkpoint size. Otherwise, the witness MUST
        // respond with a "400 Bad Request" HTTP status code."
        if old > size {
            return Err(Refusal::OldSizeAboveCheckpoint { old, size });
        }
        // SPEC(tlog-witness): "The witness MUST check that the old size matches the size of the latest checkpoint it
        // cosigned for the checkpoint's origin (or zero if it never cosigned a checkpoint for that origin)."
        let (latest, latest_root) = recorded.map_or((TreeSize::ZERO, empty_root()), |recorded| {
            let checkpoint = recorded.checkpoint();
            (checkpoint.size(), *checkpoint.root())
        });
        // SPEC(tlog-witness): "If it doesn't match, the witness MUST respond with a "409 Conflict" HTTP status code."
        if old != latest {
            return Err(Refusal::Conflict { latest });
        }
        match self.consistency(size, root, &latest_root) {
            Ok(()) => Ok(Consistent(self.signed.clone())),
            Err(why) => Err(Refusal::Inconsistent(why)),
        }
    }

    /// The checks that end in 422. The old size is the recorded one.
    fn consistency(
        &self,
        size: TreeSize,
        root: &NodeHash,
        latest_root: &NodeHash,
    ) -> Result<(), Inconsistency> {
        // SPEC(tlog-witness): "A checkpoint of size zero MUST have the root hash of the empty tree, which [RFC 6962][],
        // Section 2.1 defines as the hash of the empty string. Otherwise, the witness MUST respond with a "422 Unprocessable
        // Entity" HTTP status code."
        if size == TreeSize::ZERO && *root != empty_root() {
            return Err(Inconsistency::NotEmptyRoot);
        }
        // SPEC(tlog-witness): "If the old size is zero, the consistency proof MUST be empty, because the empty tree is
        // consistent with any tree, so no proof is necessary."
        if self.old_size == TreeSize::ZERO && !self.proof.is_empty() {
            let found = self.proof.len();
            return Err(Inconsistency::ProofFromEmpty { found });
        }
        // SPEC(tlog-witness): "If the old size matches the checkpoint size, the witness MUST check that the root hashes are
        // also identical. If they don't match, the witness MUST respond with a "422 Unprocessable Entity" HTTP status code."
        if self.old_size == size && root != latest_root {
            return Err(Inconsistency::OtherRoot { size });
        }
        // SPEC(tlog-witness): "If the proof is not empty when the old size is zero, or if a Merkle Consistency Proof doesn't
        // verify, the witness MUST respond with a "422 Unprocessable Entity" HTTP status code."
        verify_consistency(self.old_size, size, latest_root, root, &self.proof)?;
        Ok(())
    }

    /// What the log's own signatures prove, whatever the rest of the request says.
    fn misbehaviour(&self, recorded: Option<&Recorded>) -> Option<ProvedMisbehaviour> {
        if let Some(alone) = ProvedMisbehaviour::of_one(&self.signed) {
            return Some(alone);
        }
        let (new, old) = (self.signed.checkpoint(), recorded?.checkpoint());
        if new.size() != old.size() || new.root() == old.root() {
            return None;
        }
        // What is recorded was verified when it came; the keys may have changed since, and only today's prove anything.
        let old = SignedCheckpoint::verify(recorded?.note().clone(), self.log.keys()).ok()?;
        ProvedMisbehaviour::of_two(&old, &self.signed)
    }
}

/// Why a subtree is not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubtreeRefusal {
    /// The reference checkpoint carries no good cosignature of this witness.
    #[error("the reference checkpoint has no valid cosignature by this witness: {0}")]
    NotCosigned(NoteError),
    /// The proof does not lead from the subtree to the checkpoint.
    #[error("the subtree consistency proof does not verify: {0}")]
    Proof(ProofError),
}

/// A subtree that is part of a checkpoint which this witness has cosigned. Nothing else is ever signed as a subtree;
/// [`judge_subtree`] is the only way to make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignedPart {
    request: SignSubtreeRequest,
    cosignatures: Vec<VerifiedSignature>,
}

impl CosignedPart {
    /// The request, which was verified.
    pub fn request(&self) -> &SignSubtreeRequest {
        &self.request
    }

    /// The witness's own cosignatures on the reference checkpoint, at least one.
    pub fn cosignatures(&self) -> &[VerifiedSignature] {
        &self.cosignatures
    }
}

/// Judges a sign-subtree request by the witness's own keys. Needs no record: what this witness has cosigned is
/// consistent with all that it ever will.
pub fn judge_subtree(
    request: SignSubtreeRequest,
    own: &KeyRing,
) -> Result<CosignedPart, SubtreeRefusal> {
    // SPEC(tlog-witness): "The witness MUST verify that the checkpoint includes a valid cosignature from one of its own
    // keys. If the witness can't verify the checkpoint, it MUST respond with a "403 Forbidden" HTTP status code."
    let cosignatures = request
        .note()
        .verify(own)
        .map_err(SubtreeRefusal::NotCosigned)?;
    // SPEC(tlog-witness): "The consistency proof lines MUST encode a Subtree Consistency Proof from the subtree to the
    // checkpoint according to [draft-ietf-plants-merkle-tree-certs-03][], Section 4.4. If the Merkle Consistency Proof doesn't
    // verify, the witness MUST respond with a "422 Unprocessable Entity" HTTP status code."
    let checkpoint = request.checkpoint();
    verify_subtree_consistency(
        request.subtree(),
        checkpoint.size(),
        request.hash(),
        checkpoint.root(),
        request.proof(),
    )
    .map_err(SubtreeRefusal::Proof)?;
    Ok(CosignedPart {
        request,
        cosignatures,
    })
}

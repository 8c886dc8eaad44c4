//! The records of a round: each verified offline before it is kept.

use std::collections::BTreeMap;

use counterfoil_ethereum::{CheckName, Question, Record, Round, RoundError, verify};
use counterfoil_ethereum_sender::{Anchored, Member, Outcome};
use counterfoil_store::PutError;
use counterfoil_tiles::checkpoint::{Checkpoint, CheckpointError, Origin};
use counterfoil_tiles::note::{Note, NoteError};

use crate::moment::Moment;
use crate::names::{AuthorityName, Blobs as _, CheckpointHash, Place};
use crate::record::BlockRecord;
use crate::records::{KeepError, Records};

/// So many records are made durable at once.
const AT_ONCE: usize = 64;

/// Why the records of a round are not kept, or may not be.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The store.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// A checkpoint of the round is gone.
    #[error("{0} is not there; restore it from a backup")]
    Absent(Place),
    /// What is kept as a checkpoint is no signed note.
    #[error("a checkpoint of the round: {0}")]
    Note(#[from] NoteError),
    /// ... or no checkpoint.
    #[error("a checkpoint of the round: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// There is no such round.
    #[error(transparent)]
    Round(#[from] RoundError),
    /// The checkpoints are not those of the round.
    #[error(
        "the checkpoints of the round have another root than was sent: its register or its records are damaged"
    )]
    OtherRoot,
    /// The proof is none.
    #[error("the record of {place} does not verify ({check}: {reason}), and is not kept")]
    Unverified {
        /// The checkpoint.
        place: Place,
        /// The check that did not pass.
        check: CheckName,
        /// Why.
        reason: String,
    },
}

impl Trouble {
    /// As the sender is told.
    pub(super) fn outcome(&self) -> Outcome {
        let why = self.to_string();
        match self {
            Self::Keep(KeepError::Put(PutError::Unknown { .. })) => Outcome::Unknown(why),
            _ => Outcome::NotDone(why),
        }
    }
}

/// The folder of a checkpoint of a round.
pub(super) fn place(member: &Member) -> Place {
    Place {
        origin: member.origin,
        size: member.size,
        checkpoint: CheckpointHash::from_bytes(member.checkpoint),
    }
}

/// Keeps a record for each checkpoint of a round.
pub(super) async fn keep(
    records: &Records,
    chain: &AuthorityName,
    chain_id: u64,
    anchored: &Anchored,
    now: Moment,
) -> Result<(), Trouble> {
    let mut places = BTreeMap::new();
    let mut checkpoints = BTreeMap::new();
    for member in &anchored.offer.members {
        let place = place(member);
        let bytes = records.read(&place.checkpoint()).await?;
        let bytes = bytes.ok_or(Trouble::Absent(place))?;
        let origin = origin(&bytes)?;
        places.insert(origin.clone(), place);
        checkpoints.insert(origin, bytes.to_vec());
    }
    let round = Round::new(&checkpoints)?;
    if *round.root() != anchored.offer.root {
        return Err(Trouble::OtherRoot);
    }
    let mut made = Vec::new();
    for (origin, checkpoint) in checkpoints {
        let Some(place) = places.get(&origin) else {
            continue;
        };
        let block = Record {
            chain_id,
            header: anchored.captured.header.clone(),
            index: anchored.captured.index,
            transaction: anchored.captured.transaction.clone(),
            transaction_proof: anchored.captured.transaction_proof.clone(),
            receipt: anchored.captured.receipt.clone(),
            receipt_proof: anchored.captured.receipt_proof.clone(),
            path: round.path(&origin)?,
        };
        check(&block, &checkpoint, *place, anchored)?;
        let record = BlockRecord {
            name: chain.clone(),
            checkpoint,
            block,
            recorded: now,
        };
        made.push((*place, record));
        if made.len() >= AT_ONCE {
            records.keep_blocks(&made).await?;
            made.clear();
        }
    }
    Ok(records.keep_blocks(&made).await?)
}

/// The log whose checkpoint this is.
fn origin(signed: &[u8]) -> Result<Origin, Trouble> {
    let note = Note::parse(signed)?;
    let checkpoint = Checkpoint::parse(note.text())?;
    Ok(checkpoint.origin().clone())
}

/// Verifies what is to be kept as a verifier will, with the hash of the block that was seen to be final. Where the transaction went
/// is not asked: the configuration may say otherwise by now, and the receipt says that it did what it was to do.
fn check(
    block: &Record,
    checkpoint: &[u8],
    place: Place,
    anchored: &Anchored,
) -> Result<(), Trouble> {
    let judgement = verify(&Question {
        record: block,
        checkpoint: Some(checkpoint),
        block_hash: Some(anchored.inclusion.block.hash),
        chain_id: Some(block.chain_id),
        destination: None,
        at: None,
    });
    if judgement.is_good() {
        return Ok(());
    }
    let optional = [CheckName::Destination, CheckName::Time];
    let passed = |check: &&counterfoil_ethereum::Check| {
        check.outcome != counterfoil_ethereum::Outcome::Passed && !optional.contains(&check.name)
    };
    let wrong = judgement.checks.iter().find(passed);
    Err(Trouble::Unverified {
        place,
        check: wrong.map_or(CheckName::Header, |check| check.name),
        reason: wrong.map_or_else(String::new, |check| check.reason.clone()),
    })
}

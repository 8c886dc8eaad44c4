//! The records of a round: each verified offline before it is kept.

use bytes::Bytes;
use counterfoil_ethereum::{CheckName, Question, Record, Round, RoundError, verify};
use counterfoil_ethereum_sender::{Anchored, Member, Outcome};
use counterfoil_store::PutError;
use counterfoil_tiles::hash::LeafIndex;

use crate::moment::Moment;
use crate::names::{AuthorityName, CheckpointHash, Place};
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
    /// There is no such round.
    #[error(transparent)]
    Round(#[from] RoundError),
    /// The leaf hashes are not those of the round.
    #[error(
        "the checkpoints of the round have another root than was sent: its register is damaged; restore it from a backup"
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

/// Keeps a record for each checkpoint of a round that is not lost: nobody's record waits for another's checkpoint.
pub(super) async fn keep(
    records: &Records,
    chain: &AuthorityName,
    chain_id: u64,
    anchored: &Anchored,
    now: Moment,
) -> Result<(), Trouble> {
    let members = &anchored.offer.members;
    let round = Round::new(members.iter().map(|member| member.leaf).collect())?;
    if *round.root() != anchored.offer.root {
        return Err(Trouble::OtherRoot);
    }
    let mut made = Vec::new();
    let mut unread = None;
    for (member, index) in members.iter().zip(0..) {
        let place = place(member);
        let checkpoint = match checkpoint(records, chain, &place).await {
            Ok(Some(checkpoint)) => checkpoint.to_vec(),
            Ok(None) => continue,
            Err(error) => {
                unread = Some(error);
                continue;
            }
        };
        let path = round.path(LeafIndex::new(index))?;
        let block = anchored.captured.record(chain_id, path);
        check(&block, &checkpoint, place, anchored)?;
        let record = BlockRecord {
            name: chain.clone(),
            checkpoint,
            block,
            recorded: now,
        };
        made.push((place, record));
        if made.len() >= AT_ONCE {
            records.keep_blocks(&made).await?;
            made.clear();
        }
    }
    records.keep_blocks(&made).await?;
    unread.map_or(Ok(()), |error| Err(error.into()))
}

/// A checkpoint of a round; none if it is lost: there is nothing that a record could prove, and its log's next one is anchored.
async fn checkpoint(
    records: &Records,
    chain: &AuthorityName,
    place: &Place,
) -> Result<Option<Bytes>, KeepError> {
    let found = records.checkpoint(place).await?;
    if found.is_none() {
        tracing::error!(
            %chain, %place,
            "the block of a round is final, and this checkpoint of it is damaged or gone: it gets no record; the others do"
        );
    }
    Ok(found)
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

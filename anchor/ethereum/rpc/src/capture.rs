//! What proves that a transaction is in a block, judged as a verifier will judge it.

use counterfoil_ethereum::{CheckName, Outcome, Path, Question, verify};
use counterfoil_ethereum_sender::chain::{Block, Captured};
use counterfoil_tiles::hash::{LeafIndex, TreeSize};

use crate::fault::Fault;

/// Judges what was gathered, offline, by everything but the checkpoint, which the chain does not know.
pub(crate) fn judge(captured: &Captured, block: Block, chain_id: u64) -> Result<(), Fault> {
    let path = Path {
        index: LeafIndex::new(0),
        size: TreeSize::new(1),
        hashes: Vec::new(),
    };
    let record = captured.record(chain_id, path);
    let judgement = verify(&Question {
        record: &record,
        checkpoint: None,
        block_hash: Some(block.hash),
        chain_id: Some(chain_id),
        destination: None,
        at: None,
    });
    let unasked = [
        CheckName::Destination,
        CheckName::Checkpoint,
        CheckName::Time,
    ];
    if judgement.checks.hold_but_for(&unasked) {
        return Ok(());
    }
    let check = judgement
        .first_failure()
        .or_else(|| judgement.checks.first(Outcome::NotChecked));
    let why = check.map_or_else(String::new, |check| {
        format!("{}: {}", check.name, check.reason)
    });
    Err(Fault::Contradiction(format!(
        "what it shows of block {} proves nothing: {why}",
        block.number
    )))
}

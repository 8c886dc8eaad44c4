//! Where transactions are.
//!
//! Of a transaction that is said to be in a block, the block is read whole: what it cost, and whether it succeeded, follows from the
//! header's two roots. That is done once a block; after that only whether the block stands is asked.

use std::collections::VecDeque;

use alloy_consensus::Transaction as _;
use alloy_eips::Decodable2718 as _;
use counterfoil_ethereum::rlp::Item;
use counterfoil_ethereum::{Header, Receipt, TransactionHash, trie};
use counterfoil_ethereum_sender::chain::{
    Anchor, Block, Captured, Execution, Inclusion, Observation, Whereabouts,
};
use counterfoil_ethereum_sender::{Gas, Timestamp, Wei};
use serde::Deserialize;
use serde_json::json;

use crate::account::Standing;
use crate::block::{self, BlockTransaction, hash_of};
use crate::fault::Fault;
use crate::quantity::Short;
use crate::session::{SHORT, Session};

/// How many transactions in blocks are remembered: those of a round, of which one is in the chain, over some reorganisations.
const REMEMBERED: usize = 8;

/// A transaction in a block, and what proves it.
#[derive(Clone, Debug)]
pub(crate) struct Proven {
    pub(crate) transaction: TransactionHash,
    pub(crate) inclusion: Inclusion,
    pub(crate) captured: Captured,
}

/// What was proven last.
#[derive(Debug, Default)]
pub(crate) struct Memory(VecDeque<Proven>);

impl Memory {
    /// A transaction in this block, if it was proven to be there.
    pub(crate) fn find(&self, transaction: TransactionHash, block: Block) -> Option<Proven> {
        let is =
            |proven: &&Proven| proven.transaction == transaction && proven.inclusion.block == block;
        self.0.iter().find(is).cloned()
    }

    /// Remembers, and forgets the oldest.
    pub(crate) fn keep(&mut self, proven: Proven) {
        if self.0.len() >= REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(proven);
    }
}

/// Where an endpoint says that a transaction is.
#[derive(Debug)]
pub(crate) enum Said {
    Absent,
    Pending,
    In(Block),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    block_hash: Option<String>,
    block_number: Option<Short>,
}

/// Whether a block in which a round ended is on the chain.
pub(crate) async fn stands(
    session: &Session<'_>,
    anchored: Anchor,
    standing: &Standing,
) -> Result<bool, Fault> {
    let Anchor { block, time } = anchored;
    let finalized = standing.finalized.number;
    if block.number <= finalized {
        let header = block::header_at(session, block.number).await?;
        return Ok(header.header.hash == block.hash);
    }
    // Along a chain times only grow: the block does not come after one that is not older.
    if standing.finalized_time >= time {
        return Ok(false);
    }
    Err(Fault::Contradiction(format!(
        "its newest final block is {finalized}, and block {} was final: it lags behind",
        block.number
    )))
}

/// When a block was made, as its header says.
pub(crate) fn time_of(header: &Header) -> Timestamp {
    Timestamp::from_millis(header.timestamp.saturating_mul(1_000))
}

/// Where the endpoint says that a transaction is.
pub(crate) async fn place(
    session: &Session<'_>,
    transaction: TransactionHash,
) -> Result<Said, Fault> {
    match receipt(session, transaction).await? {
        Said::Absent => {}
        said => return Ok(said),
    }
    let params = json!([transaction.to_string()]);
    let known = session.call("eth_getTransactionByHash", params, SHORT);
    match known.await? {
        None => Ok(Said::Absent),
        Some(Place {
            block_hash: None, ..
        }) => Ok(Said::Pending),
        Some(Place { .. }) => Err(wrong(transaction, "it names a block, and has no receipt")),
    }
}

/// In which block the endpoint says that a transaction is.
pub(crate) async fn receipt(
    session: &Session<'_>,
    transaction: TransactionHash,
) -> Result<Said, Fault> {
    let params = json!([transaction.to_string()]);
    let receipt = session.call("eth_getTransactionReceipt", params, SHORT);
    match receipt.await? {
        Some(Place {
            block_hash: Some(hash),
            block_number: Some(Short(number)),
        }) => {
            let hash = hash.parse();
            let hash =
                hash.map_err(|_| wrong(transaction, "it names a block hash that is none"))?;
            Ok(Said::In(Block { number, hash }))
        }
        // Some show receipts before there is a block.
        Some(Place { .. }) => Ok(Said::Pending),
        None => Ok(Said::Absent),
    }
}

fn wrong(transaction: TransactionHash, why: &str) -> Fault {
    Fault::Contradiction(format!("of the transaction {transaction} {why}"))
}

/// What proves that the transaction is in this block, which is the chain's at its number.
pub(crate) async fn prove(
    session: &Session<'_>,
    transaction: TransactionHash,
    expected: Block,
) -> Result<Proven, Fault> {
    let block = block::whole(session, expected.number).await?;
    is_still(block.header.block(), expected)?;
    let wrong = |why: String| {
        let number = expected.number;
        Fault::Contradiction(format!(
            "the transaction {transaction} in block {number}: {why}"
        ))
    };
    let mut places = (0_usize..).zip(&block.transactions);
    let (index, bytes) = places
        .find(|(_, bytes)| hash_of(bytes) == transaction)
        .ok_or_else(|| {
            wrong("it says that it is there, and the block does not have it".to_owned())
        })?;
    let (receipts, receipts_trie) = block::receipts(session, &block).await?;
    let of = |index: usize| receipts.get(index).map(Vec::as_slice);
    let receipt = of(index).ok_or_else(|| wrong("it has no receipt".to_owned()))?;
    let before = index.checked_sub(1).and_then(of);
    let gas = gas_used(before, receipt).map_err(wrong)?;
    let execution = match Receipt::parse(receipt) {
        Ok(parsed) if parsed.outcome == Some(counterfoil_ethereum::Execution::Succeeded) => {
            Execution::Succeeded
        }
        Ok(parsed) if parsed.outcome == Some(counterfoil_ethereum::Execution::Failed) => {
            Execution::Reverted
        }
        other => {
            return Err(wrong(format!(
                "its receipt does not say how it ended: {other:?}"
            )));
        }
    };
    let decoded = BlockTransaction::decode_2718_exact(bytes);
    let decoded = decoded.map_err(|error| wrong(format!("it cannot be read: {error}")))?;
    let price = Wei::new(decoded.effective_gas_price(block.header.base_fee));
    let index = u64::try_from(index).unwrap_or(u64::MAX);
    let key = trie::index_key(index);
    let proofs = block.trie.proof(&key).zip(receipts_trie.proof(&key));
    let (transaction_proof, receipt_proof) =
        proofs.ok_or_else(|| wrong("there is no proof of it".to_owned()))?;
    Ok(Proven {
        transaction,
        inclusion: Inclusion {
            block: expected,
            time: time_of(&block.header.header),
            execution,
            cost: price.of_gas(gas),
        },
        captured: Captured {
            header: block.header.rlp.clone(),
            index,
            transaction: bytes.clone(),
            transaction_proof,
            receipt: receipt.to_vec(),
            receipt_proof,
        },
    })
}

/// The block at a number is the one that was there before.
pub(crate) fn is_still(found: Block, expected: Block) -> Result<(), Fault> {
    if found == expected {
        return Ok(());
    }
    Err(Fault::Contradiction(format!(
        "it named block {} as {}, and now shows {}: the chain was reorganised meanwhile, or it lies",
        expected.number, expected.hash, found.hash
    )))
}

/// The observation that comes of it all.
pub(crate) fn observation(
    standing: &Standing,
    attempts: Vec<Whereabouts>,
    stand: Vec<bool>,
) -> Observation {
    Observation {
        finalized: standing.finalized,
        head: standing.head.block(),
        nonce: standing.nonce,
        finalized_nonce: standing.finalized_nonce,
        attempts,
        stand,
        balance: standing.balance,
        base_fee: standing.fees.base_fee,
    }
}

/// The gas of a transaction: what the block used up to it, less what it used before.
fn gas_used(before: Option<&[u8]>, receipt: &[u8]) -> Result<Gas, String> {
    let before = before.map_or(Ok(0), cumulative)?;
    let after = cumulative(receipt)?;
    let gas = after.checked_sub(before);
    gas.map(Gas::new)
        .ok_or_else(|| "its receipt says that less gas was used than before it".to_owned())
}

/// The second field of a receipt.
fn cumulative(receipt: &[u8]) -> Result<u64, String> {
    let payload = match receipt {
        [0..=0x7f, payload @ ..] => payload,
        legacy => legacy,
    };
    let wrong = |error: &dyn core::fmt::Display| format!("its receipt cannot be read: {error}");
    let items = Item::parse(payload)
        .and_then(|list| list.items(4))
        .map_err(|error| wrong(&error))?;
    let gas = items.get(1).ok_or_else(|| wrong(&"it has no gas"))?;
    gas.integer().map_err(|error| wrong(&error))
}

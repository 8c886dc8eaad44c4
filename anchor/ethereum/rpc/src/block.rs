//! Blocks: rebuilt from what an endpoint says of them, and held to their hashes.
//!
//! The header's RLP is made of the fields in JSON and must have the hash that it says; transactions and receipts are encoded from JSON
//! and must make the header's roots. An endpoint that says anything else is caught, and so is one of a fork that appended fields which
//! this program does not know.

use core::cmp::Ordering;
use core::pin::pin;

use alloy_consensus::{EthereumTxEnvelope, ReceiptEnvelope, TxEip4844};
use alloy_eips::Encodable2718 as _;
use counterfoil_ethereum::trie::Trie;
use counterfoil_ethereum::{BlockHash, Header, TransactionHash, TrieRoot, keccak256};
use counterfoil_ethereum_sender::chain::Block;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::quantity::{Short, hex_number};
use crate::session::{LONG, MIDDLING, SHORT, Session};

/// How many calls for single transactions or receipts of a block are under way at once.
const AT_ONCE: usize = 8;

/// Blocks are to use half of the gas that they could (EIP-1559).
const ELASTICITY: u64 = 2;

/// The base fee changes by an eighth at most.
const CHANGE_DENOMINATOR: u128 = 8;

/// A transaction as blocks commit to it: one with blobs has them elsewhere.
pub(crate) type BlockTransaction = EthereumTxEnvelope<TxEip4844>;

/// Which block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The newest.
    Latest,
    /// The newest that is final, as the chain says.
    Finalized,
    /// The one with this number.
    Number(u64),
}

/// A header whose hash was recomputed.
#[derive(Clone, Debug)]
pub(crate) struct SeenHeader {
    /// Its RLP.
    pub(crate) rlp: Vec<u8>,
    /// What the RLP says.
    pub(crate) header: Header,
    /// Its base fee; none before London.
    pub(crate) base_fee: Option<u64>,
    /// The gas that it used, and the most that it could use.
    pub(crate) gas: (u64, u64),
}

impl SeenHeader {
    /// The block.
    pub(crate) fn block(&self) -> Block {
        Block {
            number: self.header.number,
            hash: self.header.hash,
        }
    }

    /// The base fee of the block after it, as Ethereum computes it; none before London. Other chains compute it otherwise: the fee that a
    /// transaction offers leaves room for it to double.
    // SPEC(EIP-1559): "parent_base_fee_per_gas * gas_used_delta // parent_gas_target // BASE_FEE_MAX_CHANGE_DENOMINATOR", at least 1 up.
    pub(crate) fn next_base_fee(&self) -> Option<u64> {
        let (base_fee, (used, limit)) = (self.base_fee?, self.gas);
        let target = limit / ELASTICITY;
        let change = |delta: u64| {
            let change = u128::from(base_fee).saturating_mul(delta.into());
            let change = change.checked_div(target.into()).unwrap_or(0) / CHANGE_DENOMINATOR;
            u64::try_from(change).unwrap_or(u64::MAX)
        };
        Some(match used.cmp(&target) {
            Ordering::Greater if target > 0 => {
                base_fee.saturating_add(change(used.saturating_sub(target)).max(1))
            }
            Ordering::Less => base_fee.saturating_sub(change(target.saturating_sub(used))),
            Ordering::Equal | Ordering::Greater => base_fee,
        })
    }
}

/// A block with all its transactions, as the header commits to them.
#[derive(Clone, Debug)]
pub(crate) struct SeenBlock {
    /// The header.
    pub(crate) header: SeenHeader,
    /// Its transactions (EIP-2718).
    pub(crate) transactions: Vec<Vec<u8>>,
    /// The trie over them.
    pub(crate) trie: Trie,
}

#[derive(Deserialize)]
struct HeaderAnswer {
    hash: String,
    #[serde(flatten)]
    header: alloy_consensus::Header,
}

/// Why a receipt cannot be encoded.
#[derive(Debug)]
enum NoReceipt {
    /// It is none.
    Malformed,
    /// It is of this type, whose encoding is not known.
    Unknown(u64),
}

#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "type")]
    kind: Short,
}

/// The first type of transactions (EIP-2718) that this program does not know, after EIP-7702's.
const FIRST_UNKNOWN: u64 = 5;

/// The type of deposits of the OP stack. What they hash to depends on the chain's forks, and what a transaction costs there is not what
/// its receipt and header say: neither is supported.
const DEPOSIT: u64 = 0x7e;

#[derive(Deserialize)]
struct BlockAnswer {
    transactions: Vec<Box<RawValue>>,
}

/// The header of a block; none, if the endpoint has no such block.
pub(crate) async fn header(
    session: &Session<'_>,
    which: Which,
) -> Result<Option<SeenHeader>, Fault> {
    let params = json!([which.parameter(), false]);
    let answer: Option<HeaderAnswer> = session.call(BLOCK, params, SHORT).await?;
    answer.map(|answer| seen(&answer, which)).transpose()
}

/// The header of the newest block.
pub(crate) async fn newest(session: &Session<'_>) -> Result<SeenHeader, Fault> {
    let header = header(session, Which::Latest).await?;
    header.ok_or_else(|| Fault::Missing("it has no newest block".to_owned()))
}

/// The header of the block with this number.
pub(crate) async fn header_at(session: &Session<'_>, number: u64) -> Result<SeenHeader, Fault> {
    let header = header(session, Which::Number(number)).await?;
    header.ok_or_else(|| Fault::Missing(format!("it has no block {number}")))
}

/// The block with this number and its transactions.
pub(crate) async fn whole(session: &Session<'_>, number: u64) -> Result<SeenBlock, Fault> {
    let which = Which::Number(number);
    let params = json!([which.parameter(), true]);
    let answer: Option<Box<RawValue>> = session.call(BLOCK, params, LONG).await?;
    let answer = answer.ok_or_else(|| Fault::Missing(format!("it has no block {number}")))?;
    let unread = |error: serde_json::Error| Fault::Malformed {
        method: BLOCK,
        why: format!("expected a block: {}", session.quoted(error.to_string())),
    };
    let header = seen(&parsed(&answer).map_err(unread)?, which)?;
    let BlockAnswer { transactions } = parsed(&answer).map_err(unread)?;
    drop(answer);
    let root = header.header.transactions_root;
    let encoded: Option<Vec<Vec<u8>>> = transactions.iter().map(|json| transaction(json)).collect();
    if let Some(transactions) = encoded
        && let Some(trie) = trie_of(&transactions, root)
    {
        return Ok(SeenBlock {
            header,
            transactions,
            trie,
        });
    }
    // Of a type that is not known, for example: the endpoint's own encoding is asked for.
    let raw = raw_transactions(session, &header, transactions.len()).await;
    let mut unknown = transactions.iter().filter_map(|json| unknown_type(json));
    let transactions = match (raw, unknown.next()) {
        (Err(fault @ Fault::Error { .. }), Some(kind)) => {
            let kind = shown_type(kind);
            return Err(Fault::Missing(format!(
                "block {number} has a transaction of {kind}, which this program does not know, and its bytes are not to be had: {fault}"
            )));
        }
        (raw, _) => raw?,
    };
    let trie = trie_of(&transactions, root).ok_or_else(|| {
        Fault::Contradiction(format!(
            "the transactions of block {number} that it shows are not under the transactions root of the header: it lies, or leaves some out"
        ))
    })?;
    Ok(SeenBlock {
        header,
        transactions,
        trie,
    })
}

/// The receipts of a block as its header commits to them, with the trie over them.
pub(crate) async fn receipts(
    session: &Session<'_>,
    block: &SeenBlock,
) -> Result<(Vec<Vec<u8>>, Trie), Fault> {
    let (number, hash) = (block.header.header.number, block.header.header.hash);
    let all = session
        .call("eth_getBlockReceipts", json!([hash.to_string()]), LONG)
        .await;
    let answers: Vec<Box<RawValue>> = match all {
        Ok(Some(answers)) => answers,
        Ok(None) => {
            let why = format!("it has no receipts of block {hash}, which it showed");
            return Err(Fault::Missing(why));
        }
        // Not every endpoint has the method.
        Err(Fault::Error { .. }) => single_receipts(session, block).await?,
        Err(fault) => return Err(fault),
    };
    let both = answers.iter().zip(&block.transactions);
    let encoded = both.map(|(json, transaction)| receipt(json, transaction));
    let encoded = encoded.collect::<Result<Vec<Vec<u8>>, NoReceipt>>();
    let encoded = encoded.map_err(|wrong| match wrong {
        NoReceipt::Malformed => Fault::Contradiction(format!(
            "among the receipts of block {number} that it shows is one that is none, or not of its transaction's type"
        )),
        NoReceipt::Unknown(kind) => Fault::Unknown(format!(
            "block {number} has a receipt of {}, which this program does not know: no block of this chain that has one can be recomputed",
            shown_type(kind)
        )),
    })?;
    let trie = trie_of(&encoded, block.header.header.receipts_root).ok_or_else(|| {
        Fault::Contradiction(format!(
            "the receipts of block {number} that it shows are not under the receipts root of the header: it lies, or leaves some out"
        ))
    })?;
    if answers.len() == block.transactions.len() {
        Ok((encoded, trie))
    } else {
        Err(Fault::Contradiction(format!(
            "block {number} has another number of receipts than of transactions"
        )))
    }
}

/// The hash of a transaction by its bytes.
pub(crate) fn hash_of(transaction: &[u8]) -> TransactionHash {
    TransactionHash::from_bytes(keccak256(transaction))
}

const BLOCK: &str = "eth_getBlockByNumber";

impl Which {
    fn parameter(self) -> Value {
        match self {
            Self::Latest => json!("latest"),
            Self::Finalized => json!("finalized"),
            Self::Number(number) => json!(hex_number(number)),
        }
    }
}

/// What is not to be had from JSON.
fn parsed<T: for<'de> Deserialize<'de>>(json: &RawValue) -> serde_json::Result<T> {
    serde_json::from_str(json.get())
}

fn seen(answer: &HeaderAnswer, which: Which) -> Result<SeenHeader, Fault> {
    let rlp = alloy_rlp::encode(&answer.header);
    let header = Header::parse(&rlp).map_err(|error| Fault::Malformed {
        method: BLOCK,
        why: error.to_string(),
    })?;
    let named: Option<BlockHash> = answer.hash.parse().ok();
    if named != Some(header.hash) {
        let (number, found) = (header.number, header.hash);
        return Err(Fault::Contradiction(format!(
            "the header of block {number} that it shows has the hash {found}, and not the one that it says: it lies, or the header has fields of a fork that this program does not know"
        )));
    }
    if let Which::Number(expected) = which
        && header.number != expected
    {
        return Err(Fault::Contradiction(format!(
            "it was asked for block {expected} and shows block {}",
            header.number
        )));
    }
    Ok(SeenHeader {
        rlp,
        header,
        base_fee: answer.header.base_fee_per_gas,
        gas: (answer.header.gas_used, answer.header.gas_limit),
    })
}

fn transaction(json: &RawValue) -> Option<Vec<u8>> {
    let transaction: BlockTransaction = serde_json::from_str(json.get()).ok()?;
    Some(transaction.encoded_2718())
}

/// The receipt of a transaction, which is under the header's root: what is said to be of a type that is not known is of the type that
/// the transaction has.
fn receipt(json: &RawValue, transaction: &[u8]) -> Result<Vec<u8>, NoReceipt> {
    if let Ok(receipt) = parsed::<ReceiptEnvelope>(json) {
        return Ok(receipt.encoded_2718());
    }
    Err(match unknown_type(json) {
        Some(kind) if transaction.first().copied().map(u64::from) == Some(kind) => {
            NoReceipt::Unknown(kind)
        }
        _ => NoReceipt::Malformed,
    })
}

/// The type that a transaction or receipt is said to be of, if it is not known.
fn unknown_type(json: &RawValue) -> Option<u64> {
    let Typed { kind: Short(kind) } = parsed(json).ok()?;
    (kind >= FIRST_UNKNOWN).then_some(kind)
}

fn shown_type(kind: u64) -> String {
    let words = if kind == DEPOSIT {
        " (a deposit of the OP stack)"
    } else {
        ""
    };
    format!("the type {kind:#04x}{words}")
}

/// The trie over these values, if it has this root.
fn trie_of(values: &[Vec<u8>], root: TrieRoot) -> Option<Trie> {
    Trie::of_block(values)
        .ok()
        .filter(|trie| trie.root() == root)
}

async fn raw_transactions(
    session: &Session<'_>,
    header: &SeenHeader,
    count: usize,
) -> Result<Vec<Vec<u8>>, Fault> {
    let calls = (0..)
        .take(count)
        .map(|index| raw_transaction(session, header.header.hash, index));
    gathered(stream::iter(calls).buffered(AT_ONCE), Vec::len).await
}

async fn raw_transaction(
    session: &Session<'_>,
    block: BlockHash,
    index: u64,
) -> Result<Vec<u8>, Fault> {
    let method = "eth_getRawTransactionByBlockHashAndIndex";
    let params = json!([block.to_string(), hex_number(index)]);
    let text: String = session.call(method, params, MIDDLING).await?;
    let digits = text.strip_prefix("0x");
    let bytes = digits.and_then(|digits| hex::decode(digits).ok());
    bytes.ok_or_else(|| Fault::Malformed {
        method,
        why: "expected 0x and hexadecimal digits".to_owned(),
    })
}

async fn single_receipts(
    session: &Session<'_>,
    block: &SeenBlock,
) -> Result<Vec<Box<RawValue>>, Fault> {
    let mut calls = Vec::new();
    for transaction in &block.transactions {
        calls.push(single_receipt(session, hash_of(transaction)));
    }
    let answers = stream::iter(calls).buffered(AT_ONCE);
    gathered(answers, |receipt| receipt.get().len()).await
}

async fn single_receipt(
    session: &Session<'_>,
    transaction: TransactionHash,
) -> Result<Box<RawValue>, Fault> {
    let params = json!([transaction.to_string()]);
    let receipt: Option<Box<RawValue>> = session
        .call("eth_getTransactionReceipt", params, MIDDLING)
        .await?;
    receipt.ok_or_else(|| {
        Fault::Missing(format!(
            "it has no receipt of the transaction {transaction}, which is in a block that it shows"
        ))
    })
}

/// All of them, but no more than one answer could have.
async fn gathered<T>(
    answers: impl Stream<Item = Result<T, Fault>>,
    size: impl Fn(&T) -> usize,
) -> Result<Vec<T>, Fault> {
    let (mut all, mut total) = (Vec::new(), 0_usize);
    let mut answers = pin!(answers);
    while let Some(answer) = answers.try_next().await? {
        total = total.saturating_add(size(&answer));
        if total > LONG {
            let why = format!("what it shows of a block has more than {LONG} bytes");
            return Err(Fault::Missing(why));
        }
        all.push(answer);
    }
    Ok(all)
}

#[cfg(test)]
mod tests;

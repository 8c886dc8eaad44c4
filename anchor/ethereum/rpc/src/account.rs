//! Where the chain and the account stand: what every look begins with.

use counterfoil_ethereum::{Address, BlockHash};
use counterfoil_ethereum_sender::chain::{Account, Block};
use counterfoil_ethereum_sender::{Call, Gas, Timestamp, Wei};
use serde::Deserialize;
use serde_json::json;

use crate::block::{self, SeenHeader, Which};
use crate::chain::Finality;
use crate::fault::Fault;
use crate::observe::time_of;
use crate::quantity::{Quantity, Short, hex_number};
use crate::send::OF_ENDPOINT;
use crate::session::{SHORT, Session};

/// Of so many blocks the priority fees are looked at.
const FEE_BLOCKS: u64 = 10;

/// The error of a call that was executed and undone.
const REVERTED: i64 = 3;

/// Words in the errors of a call that would fail, by which they are told from those of an endpoint that cannot say: "execution aborted
/// (timeout = 5s)", "insufficient credits".
const WOULD_FAIL: [&str; 11] = [
    "revert",
    "insufficient funds",
    "insufficientfunds",
    "insufficient balance",
    "exceeds account balance",
    "gas required",
    "out of gas",
    "intrinsic gas",
    "invalid opcode",
    "vm execution error",
    "execution fails",
];

/// The final block and the head, and what the account has in both. In this order: the final block was read first.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) finalized: Block,
    pub(crate) finalized_time: Timestamp,
    pub(crate) head: SeenHeader,
    pub(crate) nonce: u64,
    pub(crate) finalized_nonce: u64,
    pub(crate) balance: Wei,
    pub(crate) fees: Fees,
}

/// What gas costs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fees {
    /// The base fee of the block after the head.
    pub(crate) base_fee: Wei,
    /// What half of the gas of the last blocks paid above the base fee; none, if these were empty.
    priority_fee: Option<Wei>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FeeHistory {
    oldest_block: Short,
    base_fee_per_gas: Vec<Quantity>,
    gas_used_ratio: Vec<f64>,
    #[serde(default)]
    reward: Option<Vec<Vec<Quantity>>>,
}

/// Reads where the chain and the account stand.
pub(crate) async fn standing(
    session: &Session<'_>,
    finality: Finality,
    account: Address,
) -> Result<Standing, Fault> {
    let finalized = finalized(session, finality).await?;
    let (finalized_time, finalized) = (time_of(&finalized.header), finalized.block());
    let head = block::newest(session).await?;
    if head.header.number < finalized.number {
        return Err(Fault::Contradiction(format!(
            "its newest block is {}, and {} is final",
            head.header.number, finalized.number
        )));
    }
    let nonce = nonce_at(session, account, head.header.hash).await?;
    let finalized_nonce = nonce_at(session, account, finalized.hash).await?;
    if nonce < finalized_nonce {
        return Err(Fault::Contradiction(format!(
            "the account's next nonce is {finalized_nonce} after block {}, and {nonce} after block {}, which is later",
            finalized.number, head.header.number
        )));
    }
    let params = json!([account.to_string(), at(head.header.hash)]);
    let Quantity(balance) = session.call("eth_getBalance", params, SHORT).await?;
    Ok(Standing {
        finalized,
        finalized_time,
        nonce,
        finalized_nonce,
        balance: Wei::new(balance),
        fees: fees(session, &head).await?,
        head,
    })
}

/// Reads what a transaction's price follows from, beside where the chain and the account stand.
pub(crate) async fn read(
    session: &Session<'_>,
    standing: Standing,
    account: Address,
    call: &Call,
) -> Result<Account, Fault> {
    let params = json!([account.to_string(), "pending"]);
    let Short(pending_nonce) = session.call(NONCE, params, SHORT).await?;
    let priority_fee = if let Some(fee) = standing.fees.priority_fee {
        fee
    } else {
        let suggestion = session.call("eth_maxPriorityFeePerGas", json!([]), SHORT);
        let Quantity(suggestion) = suggestion.await?;
        Wei::new(suggestion)
    };
    Ok(Account {
        head: standing.head.block(),
        finalized: standing.finalized,
        nonce: standing.nonce,
        finalized_nonce: standing.finalized_nonce,
        pending_nonce,
        balance: standing.balance,
        base_fee: standing.fees.base_fee,
        priority_fee,
        gas: gas(session, account, call).await?,
    })
}

const NONCE: &str = "eth_getTransactionCount";

/// The account's next nonce after the state of a block with this number.
pub(crate) async fn nonce_after(
    session: &Session<'_>,
    account: Address,
    number: u64,
) -> Result<u64, Fault> {
    let params = json!([account.to_string(), hex_number(number)]);
    let Short(nonce) = session.call(NONCE, params, SHORT).await?;
    Ok(nonce)
}

/// The block itself and not its number names the state (EIP-1898): a reorganisation between two calls cannot put another under it.
async fn nonce_at(session: &Session<'_>, account: Address, hash: BlockHash) -> Result<u64, Fault> {
    let params = json!([account.to_string(), at(hash)]);
    let Short(nonce) = session.call(NONCE, params, SHORT).await?;
    Ok(nonce)
}

fn at(hash: BlockHash) -> serde_json::Value {
    json!({"blockHash": hash.to_string()})
}

async fn finalized(session: &Session<'_>, finality: Finality) -> Result<SeenHeader, Fault> {
    match finality {
        Finality::Tag => {
            let header = block::header(session, Which::Finalized).await?;
            header.ok_or_else(|| {
                let why = "it has no final block: if the chain has no `finalized` tag, configure a number of confirmations";
                Fault::Missing(why.to_owned())
            })
        }
        Finality::Confirmations(confirmations) => {
            let head = block::newest(session).await?;
            let number = head.header.number.saturating_sub(confirmations.get());
            block::header_at(session, number).await
        }
    }
}

async fn fees(session: &Session<'_>, head: &SeenHeader) -> Result<Fees, Fault> {
    let newest = head.header.number;
    let count = FEE_BLOCKS.min(newest.saturating_add(1));
    let params = json!([hex_number(count), hex_number(newest), [50]]);
    let history: FeeHistory = session.call("eth_feeHistory", params, SHORT).await?;
    let wrong = |why: &str| Fault::Contradiction(format!("eth_feeHistory: {why}"));
    let [.., of_head, Quantity(next)] = history.base_fee_per_gas[..] else {
        return Err(wrong(
            "expected the base fees of the head and of the block after it",
        ));
    };
    // The base fees are those of the blocks from the oldest to the head, and of the one after.
    let oldest = newest
        .saturating_add(2)
        .checked_sub(u64::try_from(history.base_fee_per_gas.len()).unwrap_or(u64::MAX));
    if oldest != Some(history.oldest_block.0) {
        return Err(wrong("expected the blocks up to the head"));
    }
    if head
        .base_fee
        .is_some_and(|fee| Quantity(fee.into()) != of_head)
    {
        return Err(wrong("the head's base fee is not the one in its header"));
    }
    let rewards = history.reward.unwrap_or_default();
    let used = history.gas_used_ratio.iter().zip(&rewards);
    // Of an empty block the reward is 0, which says nothing; and what pays nothing is not taken by all nodes.
    let mut paid: Vec<u128> = used
        .filter(|(ratio, _)| **ratio > 0.0)
        .filter_map(|(_, reward)| reward.first().map(|Quantity(fee)| *fee))
        .filter(|fee| *fee > 0)
        .collect();
    paid.sort_unstable();
    // The header says what the next one is, whatever else is said; but on chains that have none.
    let base_fee = head.next_base_fee().map_or(next, u128::from);
    Ok(Fees {
        base_fee: Wei::new(base_fee),
        priority_fee: paid.get(paid.len() / 2).copied().map(Wei::new),
    })
}

/// What the call would take, or why it would fail.
async fn gas(
    session: &Session<'_>,
    account: Address,
    call: &Call,
) -> Result<Result<Gas, String>, Fault> {
    let transaction = json!({
        "from": account.to_string(),
        "to": call.to.to_string(),
        "value": "0x0",
        "data": format!("0x{}", hex::encode(call.calldata.encode())),
    });
    let answer = session.call("eth_estimateGas", json!([transaction]), SHORT);
    match answer.await {
        Ok(Short(gas)) => Ok(Ok(Gas::new(gas))),
        Err(Fault::Error { code, message, .. }) if would_fail(code, &message.to_string()) => {
            Ok(Err(message.to_string()))
        }
        Err(fault) => Err(fault),
    }
}

fn would_fail(code: i64, message: &str) -> bool {
    let message = message.to_lowercase();
    let says = WOULD_FAIL.iter().any(|words| message.contains(words));
    code == REVERTED || says && !OF_ENDPOINT.contains(&code)
}

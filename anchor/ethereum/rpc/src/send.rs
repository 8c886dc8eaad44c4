//! Handing a transaction to the network. What nodes say when they do not take it has no codes that they agree on, but words.
//!
//! Words about the transaction (its nonce, its price, the account's money) are an answer. All others say only that this endpoint does
//! not take it: its pool is full, it has no such method, its customer used up what was paid for. Another endpoint may.

use counterfoil_ethereum::TransactionHash;
use counterfoil_ethereum_sender::chain::{Refusal, Sent};
use serde_json::json;

use crate::fault::Fault;
use crate::session::{SHORT, Session};

const METHOD: &str = "eth_sendRawTransaction";

/// Errors of JSON-RPC itself, and of endpoints that count: whatever the words, they say nothing of the transaction.
pub(crate) const OF_ENDPOINT: [i64; 6] = [-32700, -32600, -32601, -32005, -32006, 429];

/// An error inside the endpoint: the transaction may be in its pool.
const INTERNAL: i64 = -32603;

/// What nodes say of a transaction that they have, unless they say ...
const KNOWN: [&str; 6] = [
    "already known",
    "alreadyknown",
    "known transaction",
    "already imported",
    "already in mempool",
    "already exists",
];

/// ... this, of its type or its sender.
const UNKNOWN: &str = "unknown";

/// ... whose nonce is used in the chain.
const NONCE_TOO_LOW: [&str; 4] = [
    "nonce too low",
    "nonce is too low",
    "oldnonce",
    "nonce_too_low",
];

/// ... that pays too little, by itself or to replace another.
const UNDERPRICED: [&str; 9] = [
    "underpriced",
    "less than block base fee",
    "feetoolow",
    "fee too low",
    "replacementnotallowed",
    "replacement not allowed",
    "gas price is too low",
    "below configured minimum",
    "below the minimum",
];

/// ... whose account has too little.
const INSUFFICIENT: [&str; 3] = [
    "insufficient funds",
    "insufficientfunds",
    "exceeds account balance",
];

/// Sends, and says what became of it. A fault says that this endpoint did not take it ([`is_refusal`]: in its own words), or that nobody
/// knows ([`is_unknown`]).
pub(crate) async fn send(
    session: &Session<'_>,
    hash: TransactionHash,
    bytes: &[u8],
) -> Result<Sent, Fault> {
    let params = json!([format!("0x{}", hex::encode(bytes))]);
    match session.call::<String>(METHOD, params, SHORT).await {
        Ok(found) if found.parse() == Ok(hash) => Ok(Sent::Accepted),
        Ok(_) => Err(Fault::NoAnswer {
            method: METHOD,
            why: "it took the transaction, and says that it has another hash".to_owned(),
        }),
        // Otherwise the words decide, since some give one code to everything.
        Err(Fault::Error {
            method,
            code,
            message,
        }) => match answer(&message.to_string()) {
            Some(sent) if !OF_ENDPOINT.contains(&code) => Ok(sent),
            None if code == INTERNAL => Err(Fault::NoAnswer {
                method,
                why: message.to_string(),
            }),
            _ => Err(Fault::Error {
                method,
                code,
                message,
            }),
        },
        Err(fault) => Err(fault),
    }
}

/// Whether the endpoint says that it does not take the transaction.
pub(crate) fn is_refusal(fault: &Fault) -> bool {
    matches!(fault, Fault::Error { method, .. } if *method == METHOD)
}

/// Whether the transaction may be on its way all the same.
pub(crate) fn is_unknown(fault: &Fault) -> bool {
    match fault {
        Fault::NoAnswer { method, .. } | Fault::Malformed { method, .. } => *method == METHOD,
        _ => false,
    }
}

/// What the words say of the transaction; none, if they say nothing of it.
fn answer(reason: &str) -> Option<Sent> {
    let words = reason.to_lowercase();
    let says = |list: &[&str]| list.iter().any(|phrase| words.contains(phrase));
    if says(&KNOWN) && !words.contains(UNKNOWN) {
        return Some(Sent::AlreadyKnown);
    }
    let refusal = if says(&NONCE_TOO_LOW) {
        Refusal::NonceTooLow
    } else if says(&UNDERPRICED) {
        Refusal::Underpriced
    } else if says(&INSUFFICIENT) {
        Refusal::InsufficientFunds
    } else {
        return None;
    };
    Some(Sent::Refused {
        refusal,
        reason: reason.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nodes_say_has_a_kind() {
        use Refusal::{InsufficientFunds, NonceTooLow, Underpriced};
        for (node, words, expected) in [
            (
                "geth",
                "nonce too low: next nonce 5, tx nonce 4",
                NonceTooLow,
            ),
            ("geth", "replacement transaction underpriced", Underpriced),
            (
                "geth",
                "transaction underpriced: gas tip cap 0, minimum needed 1",
                Underpriced,
            ),
            (
                "geth",
                "max fee per gas less than block base fee: address 0x.., maxFeePerGas: 1, baseFee: 7",
                Underpriced,
            ),
            (
                "geth",
                "insufficient funds for gas * price + value: balance 0, tx cost 1",
                InsufficientFunds,
            ),
            ("nethermind", "OldNonce, Current nonce: 5", NonceTooLow),
            ("nethermind", "FeeTooLow, MaxFeePerGas too low", Underpriced),
            ("nethermind", "ReplacementNotAllowed", Underpriced),
            (
                "nethermind",
                "InsufficientFunds, Account balance: 0",
                InsufficientFunds,
            ),
            ("besu", "Nonce too low", NonceTooLow),
            ("besu", "Transaction replacement underpriced", Underpriced),
            (
                "besu",
                "Gas price below configured minimum gas price",
                Underpriced,
            ),
            (
                "besu",
                "Upfront cost exceeds account balance",
                InsufficientFunds,
            ),
            (
                "anvil",
                "max fee per gas less than block base fee",
                Underpriced,
            ),
            (
                "anvil",
                "Insufficient funds for gas * price + value",
                InsufficientFunds,
            ),
        ] {
            match answer(words) {
                Some(Sent::Refused { refusal, reason }) => {
                    assert_eq!((refusal, &reason[..]), (expected, words), "{node}");
                }
                other => panic!("{node}: {words}: {other:?}"),
            }
        }
        for words in [
            "txpool is full",
            "intrinsic gas too low: gas 1, minimum needed 21000",
            "the method eth_sendRawTransaction does not exist/is not available",
            "unknown transaction type",
            "method not supported",
            "limit exceeded",
        ] {
            assert_eq!(answer(words), None, "{words}");
        }
        for words in [
            "already known",
            "AlreadyKnown",
            "Known transaction",
            "transaction already imported",
            "Transaction with the same hash was already imported.",
        ] {
            assert_eq!(answer(words), Some(Sent::AlreadyKnown), "{words}");
        }
    }
}

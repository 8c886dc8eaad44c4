//! Handing a transaction to the network. What nodes say when they do not take it has no codes that they agree on, but words.

use counterfoil_ethereum::TransactionHash;
use counterfoil_ethereum_sender::chain::{Refusal, Sent};
use serde_json::json;

use crate::fault::Fault;
use crate::session::{SHORT, Session};

const METHOD: &str = "eth_sendRawTransaction";

/// Errors of JSON-RPC itself, and of endpoints that count: nothing was done with the transaction.
const NOT_DONE: [i64; 6] = [-32700, -32600, -32601, -32005, -32006, 429];

/// An error inside the endpoint: the transaction may be in its pool.
const INTERNAL: i64 = -32603;

/// What nodes say of a transaction that they have.
const KNOWN: [&str; 6] = [
    "already known",
    "alreadyknown",
    "known transaction",
    "already imported",
    "already in mempool",
    "already exists",
];

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

/// Sends, and says what became of it. A fault says that nobody took it, or that nobody knows ([`is_unknown`]).
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
        Err(Fault::Error { code, message, .. })
            if code != INTERNAL && !NOT_DONE.contains(&code) =>
        {
            Ok(answer(&message.to_string()))
        }
        Err(Fault::Error {
            code: INTERNAL,
            message,
            ..
        }) => match answer(&message.to_string()) {
            // Some give that code to everything.
            Sent::Refused {
                refusal: Refusal::Other,
                reason,
            } => Err(Fault::NoAnswer {
                method: METHOD,
                why: reason,
            }),
            sent => Ok(sent),
        },
        Err(fault) => Err(fault),
    }
}

/// Whether the transaction may be on its way all the same.
pub(crate) fn is_unknown(fault: &Fault) -> bool {
    match fault {
        Fault::NoAnswer { method, .. } | Fault::Malformed { method, .. } => *method == METHOD,
        _ => false,
    }
}

fn answer(reason: &str) -> Sent {
    let words = reason.to_lowercase();
    let says = |list: &[&str]| list.iter().any(|phrase| words.contains(phrase));
    if says(&KNOWN) {
        return Sent::AlreadyKnown;
    }
    let refusal = if says(&NONCE_TOO_LOW) {
        Refusal::NonceTooLow
    } else if says(&UNDERPRICED) {
        Refusal::Underpriced
    } else if says(&INSUFFICIENT) {
        Refusal::InsufficientFunds
    } else {
        Refusal::Other
    };
    Sent::Refused {
        refusal,
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nodes_say_has_a_kind() {
        use Refusal::{InsufficientFunds, NonceTooLow, Other, Underpriced};
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
            ("geth", "txpool is full", Other),
            (
                "geth",
                "intrinsic gas too low: gas 1, minimum needed 21000",
                Other,
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
                Sent::Refused { refusal, reason } => {
                    assert_eq!((refusal, &reason[..]), (expected, words), "{node}");
                }
                other => panic!("{node}: {words}: {other:?}"),
            }
        }
        for words in [
            "already known",
            "AlreadyKnown",
            "Known transaction",
            "transaction already imported",
            "Transaction with the same hash was already imported.",
        ] {
            assert_eq!(answer(words), Sent::AlreadyKnown, "{words}");
        }
    }
}

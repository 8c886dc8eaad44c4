//! Each request on a real chain.

use counterfoil_ethereum::Outcome;
use counterfoil_ethereum_sender::chain::{
    Block, Captured, ChainOutcome, ChainRequest, Execution, Refusal, Sent, Whereabouts,
};
use counterfoil_ethereum_sender::{Call, Unsigned, Wei};
use counterfoil_tests::anvil::Anvil;
use serde_json::json;

use crate::common::{
    ACCOUNT, account, anvil_chain, call, capture, chain, confirming, judged, not_done, observed,
    sent, signed, unsigned, verifies,
};

const CHAIN: u64 = Anvil::CHAIN_ID;

#[tokio::test]
async fn a_round_goes_from_the_pool_to_a_proof() {
    let Some(anvil) = Anvil::start(&["--no-mining"]) else {
        return;
    };
    let chain = anvil_chain(&anvil);
    anvil.mine(3);
    let before = account(&chain).await;
    assert_eq!(
        (before.nonce, before.finalized_nonce, before.pending_nonce),
        (0, 0, 0)
    );
    assert_eq!(before.finalized.number, before.head.number - 2);
    assert_eq!(before.gas.clone().unwrap().get(), 22_440);
    let fees = anvil.call("eth_feeHistory", json!(["0x1", "latest", []]));
    let next = fees["baseFeePerGas"][1].as_str().unwrap();
    let next = u128::from_str_radix(&next[2..], 16).unwrap();
    assert_eq!(before.base_fee, Wei::new(next), "as the chain computes it");
    anvil.call("anvil_setNextBlockBaseFeePerGas", json!(["0x1a13b8600"]));
    let first = signed(&chain, unsigned(CHAIN, 0, 1)).await;
    assert_eq!(
        observed(&chain, &[first.0]).await.attempts,
        [Whereabouts::Absent]
    );
    assert_eq!(sent(&chain, &first).await, Sent::Accepted);
    assert_eq!(sent(&chain, &first).await, Sent::AlreadyKnown);
    assert_eq!(
        observed(&chain, &[first.0]).await.attempts,
        [Whereabouts::Pending]
    );
    assert_eq!(account(&chain).await.pending_nonce, 1);
    // Others are in the block, too, among them contracts that log.
    for value in 1..40 {
        let other = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
        anvil.call(
            "eth_sendTransaction",
            json!([{"from": other, "to": ACCOUNT, "value": format!("{value:#x}"), "gasPrice": "0x4a817c800"}]),
        );
    }
    anvil.mine(1);
    let observation = observed(&chain, &[first.0]).await;
    let [Whereabouts::Included(inclusion)] = observation.attempts[..] else {
        panic!("{observation:?}");
    };
    assert_eq!(inclusion.execution, Execution::Succeeded);
    // 7 gwei of base fee, and the tip.
    assert_eq!(inclusion.cost, Wei::from_gwei(8 * 22_440));
    assert!(inclusion.block.number > observation.finalized.number);
    anvil.mine(2);
    let observation = observed(&chain, &[first.0]).await;
    assert_eq!(observation.finalized, inclusion.block);
    assert_eq!((observation.nonce, observation.finalized_nonce), (1, 1));
    match capture(&chain, inclusion.block, first.0).await {
        ChainOutcome::Captured(captured) => {
            assert!(verifies(&captured, inclusion.block, CHAIN, 1));
            assert!(
                captured.transaction_proof.len() > 1,
                "it was not alone in the block"
            );
            any_changed_byte_is_found(&captured, inclusion.block);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        sent(&chain, &signed(&chain, unsigned(CHAIN, 0, 2)).await).await,
        Sent::Refused {
            refusal: Refusal::NonceTooLow,
            reason: "\"nonce too low\"".to_owned()
        }
    );
}

fn parts(captured: &mut Captured) -> Vec<&mut Vec<u8>> {
    let single = [
        &mut captured.header,
        &mut captured.transaction,
        &mut captured.receipt,
    ];
    let nodes = (captured.transaction_proof.iter_mut()).chain(&mut captured.receipt_proof);
    single.into_iter().chain(nodes).collect()
}

/// Changes each byte of each part, a bit of it at least: the header's, the transaction's, the receipt's and each node's.
fn any_changed_byte_is_found(captured: &Captured, block: Block) {
    let mut changed = captured.clone();
    let lengths: Vec<usize> = parts(&mut changed).iter().map(|part| part.len()).collect();
    for (part, length) in lengths.into_iter().enumerate() {
        for place in 0..length {
            let flip = 1 << (place % 8);
            parts(&mut changed)[part][place] ^= flip;
            let judgement = judged(&changed, block, CHAIN, 1);
            let failed = judgement.checks.iter();
            let mut failed = failed.filter(|check| check.outcome == Outcome::Failed);
            assert!(failed.next().is_some(), "part {part}, byte {place}");
            parts(&mut changed)[part][place] ^= flip;
        }
    }
    assert_eq!(changed, *captured);
}

#[tokio::test]
async fn every_kind_of_transaction_and_receipt_is_rebuilt() {
    let Some(anvil) = Anvil::start(&["--no-mining"]) else {
        return;
    };
    let chain = anvil_chain(&anvil);
    // One account each: anvil sorts by price, also what has to follow one another.
    let [one, two, three, four] = [
        "0x70997970c51812dc3a010c7d01b50e0d17dc79c8",
        "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc",
        "0x90f79bf6eb2c4f870365e785982e1f101e93b906",
        "0x15d34aaf54267db7d7c367839aaf71a00a2c6a65",
    ];
    // A contract that logs 32 bytes of zeros with a topic when it is made: LOG1(0, 32, 7).
    let creates = json!([{"from": one, "data": "0x600760206000a1", "gas": "0x30d40"}]);
    anvil.call("eth_sendTransaction", creates);
    let legacy = json!([{"from": two, "to": ACCOUNT, "value": "0x1", "gas": "0x30d40", "type": "0x0", "gasPrice": "0x4a817c800"}]);
    anvil.call("eth_sendTransaction", legacy);
    let lists = json!([{"from": three, "to": ACCOUNT, "gas": "0x30d40", "type": "0x1", "gasPrice": "0x4a817c800",
        "accessList": [{"address": ACCOUNT, "storageKeys": [format!("0x{}", "07".repeat(32))]}]}]);
    anvil.call("eth_sendTransaction", lists);
    let fails = json!([{"from": four, "data": "0xfe", "gas": "0x30d40"}]);
    anvil.call("eth_sendTransaction", fails);
    let first = signed(&chain, unsigned(CHAIN, 0, 1)).await;
    sent(&chain, &first).await;
    anvil.mine(3);
    let observation = observed(&chain, &[first.0]).await;
    let [Whereabouts::Included(inclusion)] = observation.attempts[..] else {
        panic!("{observation:?}");
    };
    let count = anvil.call(
        "eth_getBlockTransactionCountByHash",
        json!([inclusion.block.hash.to_string()]),
    );
    assert_eq!(count, "0x5");
    assert!(matches!(
        capture(&chain, inclusion.block, first.0).await,
        ChainOutcome::Captured(_)
    ));
}

#[tokio::test]
async fn a_call_that_reverts_is_told_before_it_is_sent_and_after() {
    let Some(anvil) = Anvil::start(&["--no-mining"]) else {
        return;
    };
    let chain = anvil_chain(&anvil);
    let first = signed(&chain, unsigned(CHAIN, 0, 1)).await;
    sent(&chain, &first).await;
    // From now on the destination refuses everything: REVERT(0, 0).
    let destination = format!("0x{}", "aa".repeat(20));
    anvil.call("anvil_setCode", json!([destination, "0x60006000fd"]));
    let estimate = account(&chain).await.gas;
    assert!(
        estimate.clone().unwrap_err().contains("revert"),
        "{estimate:?}"
    );
    anvil.mine(3);
    let observation = observed(&chain, &[first.0]).await;
    let [Whereabouts::Included(inclusion)] = observation.attempts[..] else {
        panic!("{observation:?}");
    };
    assert_eq!(inclusion.execution, Execution::Reverted);
}

#[tokio::test]
async fn a_reorganisation_is_seen_and_another_user_of_the_nonce_is_found() {
    let Some(anvil) = Anvil::start(&["--no-mining"]) else {
        return;
    };
    let chain = anvil_chain(&anvil);
    anvil.mine(5);
    let after = observed(&chain, &[]).await.finalized.number;
    let first = signed(&chain, unsigned(CHAIN, 0, 1)).await;
    sent(&chain, &first).await;
    anvil.mine(1);
    let observation = observed(&chain, &[first.0]).await;
    let [Whereabouts::Included(before)] = observation.attempts[..] else {
        panic!("{observation:?}");
    };
    anvil.reorganise(1);
    let observation = observed(&chain, &[first.0]).await;
    assert_eq!(
        (observation.nonce, &observation.attempts[..]),
        (0, &[Whereabouts::Absent][..])
    );
    let why = not_done(capture(&chain, before.block, first.0).await);
    assert!(why.contains("reorganised meanwhile"), "{why}");
    // Somebody else uses the key.
    let foreign = Unsigned {
        max_priority_fee: Wei::from_gwei(2),
        ..unsigned(CHAIN, 0, 9)
    };
    let foreign = signed(&chain, foreign).await;
    sent(&chain, &foreign).await;
    anvil.mine(9);
    let observation = observed(&chain, &[first.0]).await;
    assert_eq!(observation.attempts, [Whereabouts::Absent]);
    assert_eq!(observation.finalized_nonce, 1);
    let request = ChainRequest::FindNonce {
        nonce: 0,
        after,
        until: observation.finalized,
        taker: None,
        not: Vec::new(),
    };
    match chain.carry_out(request).await {
        ChainOutcome::NonceUsed {
            transaction,
            anchor,
        } => {
            assert_eq!(transaction, foreign.0);
            assert_eq!(anchor.block.number, 7);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn another_chain_is_noticed() {
    let Some(anvil) = Anvil::start(&[]) else {
        return;
    };
    let chain = chain(1, &[&anvil.url()]);
    let outcome = crate::common::observe(&chain, &[], &[]).await;
    let endpoint = anvil.url().trim_end_matches('/').to_owned();
    let found = CHAIN;
    assert_eq!(outcome, ChainOutcome::WrongChain { found, endpoint });
}

#[tokio::test]
async fn without_a_tag_a_block_is_final_when_so_many_are_above_it() {
    let Some(anvil) = Anvil::start(&["--no-mining"]) else {
        return;
    };
    let chain = confirming(&anvil, 7);
    // There are fewer blocks than that: the first one is final.
    anvil.mine(3);
    assert_eq!(account(&chain).await.finalized.number, 0);
    anvil.mine(7);
    let before = account(&chain).await;
    assert_eq!((before.head.number, before.finalized.number), (10, 3));
    let first = signed(&chain, unsigned(CHAIN, 0, 1)).await;
    sent(&chain, &first).await;
    anvil.mine(7);
    let observation = observed(&chain, &[first.0]).await;
    let [Whereabouts::Included(inclusion)] = observation.attempts[..] else {
        panic!("{observation:?}");
    };
    assert_eq!(inclusion.block.number, observation.finalized.number + 1);
    assert_eq!((observation.nonce, observation.finalized_nonce), (1, 0));
    anvil.mine(1);
    let observation = observed(&chain, &[first.0]).await;
    assert_eq!(observation.finalized, inclusion.block);
    assert_eq!(observation.finalized_nonce, 1);
    match capture(&chain, inclusion.block, first.0).await {
        ChainOutcome::Captured(captured) => {
            assert!(verifies(&captured, inclusion.block, CHAIN, 1));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_contract_is_called_with_the_gas_that_it_takes() {
    let Some(anvil) = Anvil::start(&["--no-mining"]) else {
        return;
    };
    let chain = anvil_chain(&anvil);
    let artefact: serde_json::Value =
        serde_json::from_str(include_str!("../../../../contract/Anchor.json")).unwrap();
    let code = artefact["bytecode"].as_str().unwrap();
    let code = format!("0x{}", code.trim_start_matches("0x"));
    let other = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";
    let creates = json!([{"from": other, "data": code, "gas": "0xf4240"}]);
    let hash = anvil.call("eth_sendTransaction", creates);
    anvil.mine(1);
    let receipt = anvil.call("eth_getTransactionReceipt", json!([hash]));
    let to = receipt["contractAddress"].as_str().unwrap();
    let call = Call {
        to: to.parse().unwrap(),
        ..call(1)
    };
    let estimate = match chain.carry_out(ChainRequest::ReadAccount(call)).await {
        ChainOutcome::Account(account) => account.gas.unwrap(),
        other => panic!("{other:?}"),
    };
    assert!(estimate > call.floor(), "{estimate}");
    for (nonce, gas_limit, expected) in [
        (0, call.floor(), Execution::Reverted),
        (1, estimate, Execution::Succeeded),
    ] {
        let unsigned = Unsigned {
            call,
            gas_limit,
            ..unsigned(CHAIN, nonce, 1)
        };
        let transaction = signed(&chain, unsigned).await;
        assert_eq!(sent(&chain, &transaction).await, Sent::Accepted);
        anvil.mine(3);
        let observation = observed(&chain, &[transaction.0]).await;
        let [Whereabouts::Included(inclusion)] = observation.attempts[..] else {
            panic!("{observation:?}");
        };
        assert_eq!(inclusion.execution, expected);
        let captured = capture(&chain, inclusion.block, transaction.0).await;
        let is_captured = matches!(captured, ChainOutcome::Captured(_));
        assert_eq!(
            is_captured,
            expected == Execution::Succeeded,
            "{captured:?}"
        );
    }
}

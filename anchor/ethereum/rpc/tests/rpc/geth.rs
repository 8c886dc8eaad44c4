//! Each request at an honest endpoint that does as geth does.

use counterfoil_ethereum::TransactionHash;
use counterfoil_ethereum_sender::chain::{
    Anchor, Block, ChainOutcome, ChainRequest, Execution, Refusal, Sent, Whereabouts,
};
use counterfoil_ethereum_sender::{Timestamp, Unsigned, Wei};

use crate::common::{
    ACCOUNT, account, capture, chain, not_done, observe, observed, sent, signed, unsigned, verifies,
};
use crate::fake::{CHAIN_ID, Fake};

fn refusal(sent: Sent) -> Refusal {
    match sent {
        Sent::Refused { refusal, .. } => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_account_is_read_at_the_head_and_at_the_final_block() {
    let fake = Fake::start().await;
    let chain = chain(CHAIN_ID, &[&fake.url]);
    assert_eq!(chain.account().to_string(), ACCOUNT);
    fake.world().base_fee = 7_000_000_000;
    fake.mine(1);
    let first = signed(&chain, unsigned(CHAIN_ID, 0, 1)).await;
    assert_eq!(sent(&chain, &first).await, Sent::Accepted);
    let found = account(&chain).await;
    assert_eq!((found.head.number, found.finalized.number), (10, 6));
    assert_eq!(
        (found.nonce, found.finalized_nonce, found.pending_nonce),
        (0, 0, 1)
    );
    assert_eq!(found.base_fee, Wei::from_gwei(7));
    // All of the last blocks were empty: the endpoint's own suggestion.
    assert_eq!(found.priority_fee, Wei::from_gwei(2));
    assert_eq!(found.gas.unwrap().get(), 22_440);
    fake.mine(1);
    let found = account(&chain).await;
    assert_eq!(
        (found.nonce, found.finalized_nonce, found.pending_nonce),
        (1, 0, 1)
    );
    // What was paid in the one that was not.
    assert_eq!(found.priority_fee, Wei::from_gwei(1));
    fake.mine(4);
    let found = account(&chain).await;
    assert_eq!((found.nonce, found.finalized_nonce), (1, 1));
    assert_eq!(found.balance, Wei::new(10_u128.pow(18)));
}

#[tokio::test]
async fn a_call_that_would_fail_is_told_from_an_endpoint_that_fails() {
    use crate::fake::Reply;
    let fake = Fake::start().await;
    let chain = chain(CHAIN_ID, &[&fake.url]);
    for (code, words, is_told) in [
        (3, "execution reverted: no", true),
        (-32_000, "execution reverted", true),
        (-32_000, "gas required exceeds allowance (30000000)", true),
        (-32_000, "insufficient funds for transfer", true),
        (-32_015, "VM execution error.", true),
        (-32_000, "missing trie node", false),
        (-32_000, "execution aborted (timeout = 5s)", false),
        (-32_000, "insufficient credits", false),
        (-32_005, "insufficient funds", false),
        (-32_601, "the method eth_estimateGas does not exist", false),
    ] {
        fake.tamper(move |method, _, answer| {
            if method == "eth_estimateGas" {
                let error = serde_json::json!({"error": {"code": code, "message": words}});
                return Reply::Answer(error);
            }
            Reply::Answer(answer)
        });
        let request = ChainRequest::ReadAccount(crate::common::call(1));
        match chain.carry_out(request).await {
            ChainOutcome::Account(account) => {
                assert!(is_told, "{words}");
                assert_eq!(account.gas, Err(format!("{words:?}")));
            }
            other => {
                assert!(!is_told, "{words}");
                assert!(not_done(other).contains(words));
            }
        }
    }
}

#[tokio::test]
async fn what_geths_pool_says_has_a_kind() {
    let fake = Fake::start().await;
    let chain = chain(CHAIN_ID, &[&fake.url]);
    let first = signed(&chain, unsigned(CHAIN_ID, 0, 1)).await;
    assert_eq!(sent(&chain, &first).await, Sent::Accepted);
    assert_eq!(sent(&chain, &first).await, Sent::AlreadyKnown);
    let raised = |percent: u128| Unsigned {
        max_fee: Wei::new(200_000_000 * percent),
        max_priority_fee: Wei::new(10_000_000 * percent),
        ..unsigned(CHAIN_ID, 0, 1)
    };
    let nine = signed(&chain, raised(109)).await;
    assert_eq!(refusal(sent(&chain, &nine).await), Refusal::Underpriced);
    let ten = signed(&chain, raised(110)).await;
    assert_eq!(sent(&chain, &ten).await, Sent::Accepted);
    // The one that was replaced is gone.
    let observation = observed(&chain, &[first.0, ten.0]).await;
    assert_eq!(
        observation.attempts,
        [Whereabouts::Absent, Whereabouts::Pending]
    );
    let without_tip = Unsigned {
        max_priority_fee: Wei::ZERO,
        ..unsigned(CHAIN_ID, 5, 1)
    };
    let without_tip = signed(&chain, without_tip).await;
    assert_eq!(
        refusal(sent(&chain, &without_tip).await),
        Refusal::Underpriced
    );
    fake.mine(1);
    assert_eq!(refusal(sent(&chain, &ten).await), Refusal::NonceTooLow);
    fake.world().balance = 1;
    let next = signed(&chain, unsigned(CHAIN_ID, 1, 2)).await;
    assert_eq!(
        refusal(sent(&chain, &next).await),
        Refusal::InsufficientFunds
    );
}

#[tokio::test]
async fn a_transaction_is_followed_into_final_blocks_and_proven() {
    let fake = Fake::start().await;
    let chain = chain(CHAIN_ID, &[&fake.url]);
    let first = signed(&chain, unsigned(CHAIN_ID, 0, 1)).await;
    assert_eq!(
        observed(&chain, &[first.0]).await.attempts,
        [Whereabouts::Absent]
    );
    sent(&chain, &first).await;
    assert_eq!(
        observed(&chain, &[first.0]).await.attempts,
        [Whereabouts::Pending]
    );
    fake.mine(1);
    let observation = observed(&chain, &[first.0]).await;
    let [Whereabouts::Included(inclusion)] = observation.attempts[..] else {
        panic!("{observation:?}");
    };
    assert_eq!(inclusion.block.number, 10);
    assert_eq!(observation.head, inclusion.block);
    assert_eq!(inclusion.execution, Execution::Succeeded);
    // The base fee and the tip, and not the most.
    assert_eq!(inclusion.cost, Wei::from_gwei(2 * 22_440));
    assert_eq!((observation.nonce, observation.finalized_nonce), (1, 0));
    fake.mine(4);
    let observation = observed(&chain, &[first.0]).await;
    assert_eq!(observation.finalized, inclusion.block);
    assert_eq!(observation.finalized_nonce, 1);
    match capture(&chain, inclusion.block, first.0).await {
        ChainOutcome::Captured(captured) => {
            assert!(verifies(&captured, inclusion.block, CHAIN_ID, 1));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn whether_the_blocks_of_rounds_stand_follows_from_final_blocks() {
    let fake = Fake::start().await;
    let chain = chain(CHAIN_ID, &[&fake.url]);
    let (number, hash) = (5, fake.world().hash(5).to_string());
    let seconds = |number: u64| Timestamp::from_millis(1_000 * fake.world().seconds(number));
    let own = Anchor {
        block: Block {
            number,
            hash: hash.parse().unwrap(),
        },
        time: seconds(5),
    };
    let at = |number| Block {
        number,
        ..own.block
    };
    // Blocks up to 5 are final.
    for (name, block, time, expected) in [
        ("its own", own.block, own.time, Some(true)),
        ("another at its number", at(4), seconds(4), Some(false)),
        ("later than the final one", at(6), seconds(6), None),
        (
            "later in number, and not in time",
            at(6),
            seconds(5),
            Some(false),
        ),
        (
            "a number that never comes",
            at(u64::MAX),
            seconds(3),
            Some(false),
        ),
    ] {
        let anchor = Anchor { block, time };
        match (observe(&chain, &[], &[own, anchor]).await, expected) {
            (ChainOutcome::Observed(found), Some(expected)) => {
                assert_eq!(found.stand, [true, expected], "{name}");
            }
            (ChainOutcome::NotDone(why), None) => assert!(why.contains("lags behind"), "{why}"),
            (other, _) => panic!("{name}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_look_takes_few_calls_however_many_transactions_a_round_has() {
    let fake = Fake::start().await;
    let chain = chain(CHAIN_ID, &[&fake.url]);
    let mut hashes = Vec::new();
    let mut last = None;
    for percent in 0..16 {
        let replacement = Unsigned {
            max_fee: Wei::new(20_000_000_000 + percent),
            ..unsigned(CHAIN_ID, 0, 1)
        };
        let one = signed(&chain, replacement).await;
        hashes.push(one.0);
        last = Some(one);
    }
    let anchor = Anchor {
        block: Block {
            number: 5,
            hash: fake.world().hash(5).to_string().parse().unwrap(),
        },
        time: Timestamp::from_millis(0),
    };
    let calls = async |what: &str, hashes: &[TransactionHash], most: usize| {
        fake.world().calls.clear();
        let outcome = observe(&chain, hashes, &[anchor]).await;
        let calls = fake.world().calls.clone();
        assert!(
            calls.len() <= most,
            "{what}: {} calls: {calls:?}",
            calls.len()
        );
        match outcome {
            ChainOutcome::Observed(observation) => observation,
            other => panic!("{what}: {other:?}"),
        }
    };
    calls("none is in the pool", &hashes, 10).await;
    sent(&chain, &last.unwrap()).await;
    let observation = calls("the newest is in the pool", &hashes, 10).await;
    assert_eq!(observation.attempts.last(), Some(&Whereabouts::Pending));
    // Somebody else's has the nonce: each is looked for.
    let foreign = Unsigned {
        max_fee: Wei::from_gwei(40),
        max_priority_fee: Wei::from_gwei(4),
        ..unsigned(CHAIN_ID, 0, 9)
    };
    let foreign = signed(&chain, foreign).await;
    sent(&chain, &foreign).await;
    fake.mine(1);
    calls("another has the nonce", &hashes, 25).await;
    let newest = signed(&chain, unsigned(CHAIN_ID, 1, 1)).await;
    sent(&chain, &newest).await;
    fake.mine(1);
    hashes.push(newest.0);
    let observation = calls("the newest is in a block", &hashes, 11).await;
    assert!(matches!(
        observation.attempts.last(),
        Some(Whereabouts::Included(_))
    ));
}

#[tokio::test]
async fn a_block_is_read_once_while_it_stands() {
    let fake = Fake::start().await;
    let chain = chain(CHAIN_ID, &[&fake.url]);
    let first = signed(&chain, unsigned(CHAIN_ID, 0, 1)).await;
    sent(&chain, &first).await;
    fake.mine(1);
    let seen = observed(&chain, &[first.0]).await;
    fake.world().calls.clear();
    assert_eq!(observed(&chain, &[first.0]).await, seen);
    let calls = fake.world().calls.clone();
    assert!(
        !calls.contains(&"eth_getBlockReceipts".to_owned()),
        "{calls:?}"
    );
    // The same transaction in another block is another matter.
    fake.world().reorganise(1);
    assert_eq!(
        observed(&chain, &[first.0]).await.attempts,
        [Whereabouts::Pending]
    );
    fake.mine(1);
    let observation = observed(&chain, &[first.0]).await;
    let [Whereabouts::Included(inclusion)] = observation.attempts[..] else {
        panic!("{observation:?}");
    };
    assert_eq!(inclusion.block.number, 12);
    let [Whereabouts::Included(before)] = seen.attempts[..] else {
        panic!("{seen:?}");
    };
    let why = not_done(capture(&chain, before.block, first.0).await);
    assert!(why.contains("reorganised meanwhile"), "{why}");
}

#[tokio::test]
async fn one_that_is_undone_is_seen_to_be() {
    let fake = Fake::start().await;
    fake.world().reverts = vec![0];
    let chain = chain(CHAIN_ID, &[&fake.url]);
    let first = signed(&chain, unsigned(CHAIN_ID, 0, 1)).await;
    sent(&chain, &first).await;
    fake.mine(5);
    let observation = observed(&chain, &[first.0]).await;
    let [Whereabouts::Included(inclusion)] = observation.attempts[..] else {
        panic!("{observation:?}");
    };
    assert_eq!(inclusion.execution, Execution::Reverted);
    let why = not_done(capture(&chain, inclusion.block, first.0).await);
    assert!(why.contains("status"), "{why}");
}

#[tokio::test]
async fn the_user_of_a_nonce_is_found_also_where_states_are_gone() {
    for states in [1_000, 6, 1] {
        let fake = Fake::start().await;
        let chain = chain(CHAIN_ID, &[&fake.url]);
        let mut hashes = Vec::new();
        for nonce in 0..3 {
            let transaction = signed(&chain, unsigned(CHAIN_ID, nonce, 1)).await;
            sent(&chain, &transaction).await;
            fake.mine(3);
            hashes.push(transaction.0);
        }
        fake.mine(5);
        let until = observed(&chain, &[]).await.finalized;
        fake.world().states = states;
        for (nonce, number) in [(0, 10), (1, 13), (2, 16)] {
            let request = ChainRequest::FindNonce {
                nonce,
                after: 9,
                until,
                taker: None,
                not: Vec::new(),
            };
            match chain.carry_out(request).await {
                ChainOutcome::NonceUsed {
                    transaction,
                    anchor,
                } => {
                    assert_eq!(
                        Some(&transaction),
                        hashes.get(usize::try_from(nonce).unwrap())
                    );
                    assert_eq!(anchor.block.number, number);
                    let time = 1_000 * fake.world().seconds(number);
                    assert_eq!(anchor.time, Timestamp::from_millis(time));
                }
                other => panic!("{states}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn where_states_are_gone_the_last_blocks_are_read_however_many_there_are() {
    // It has a block a second.
    let fake = Fake::aged(300).await;
    let chain = chain(CHAIN_ID, &[&fake.url]);
    fake.mine(320);
    let mut hashes = Vec::new();
    for nonce in 0..2 {
        let transaction = signed(&chain, unsigned(CHAIN_ID, nonce, 1)).await;
        sent(&chain, &transaction).await;
        fake.mine(6);
        hashes.push(transaction.0);
    }
    let until = observed(&chain, &[]).await.finalized;
    fake.world().states = 1;
    let find = async |nonce, taker| {
        fake.world().calls.clear();
        let request = ChainRequest::FindNonce {
            nonce,
            after: 0,
            until,
            taker,
            not: Vec::new(),
        };
        match chain.carry_out(request).await {
            ChainOutcome::NonceUsed { transaction, .. } => (transaction, fake.world().calls.len()),
            other => panic!("{other:?}"),
        }
    };
    let (found, calls) = find(0, None).await;
    assert_eq!(found, hashes[0]);
    // Whose it was is looked for first, and another one's is no proof of it.
    let (found, fewer) = find(0, Some(hashes[0])).await;
    assert_eq!(found, hashes[0]);
    assert!(fewer < calls, "{fewer} of {calls} calls");
    let (found, more) = find(0, Some(hashes[1])).await;
    assert_eq!(found, hashes[0]);
    assert!(more > calls, "{more} of {calls} calls");
}

#[tokio::test]
async fn a_transaction_of_another_chain_is_no_user_of_a_nonce() {
    let fake = Fake::start().await;
    let chain = chain(CHAIN_ID, &[&fake.url]);
    // The fake puts it into a block, as an endpoint may that lies.
    let foreign = signed(&chain, unsigned(CHAIN_ID + 1, 0, 1)).await;
    sent(&chain, &foreign).await;
    fake.mine(6);
    let request = ChainRequest::FindNonce {
        nonce: 0,
        after: 9,
        until: observed(&chain, &[]).await.finalized,
        taker: None,
        not: Vec::new(),
    };
    let why = not_done(chain.carry_out(request).await);
    assert!(why.contains("no transaction there does"), "{why}");
}

#[tokio::test]
async fn an_endpoint_that_finds_our_own_transaction_only_by_its_nonce_gives_way_to_another() {
    let one = Fake::start().await;
    let two = Fake::start().await;
    let both = chain(CHAIN_ID, &[&one.url, &two.url]);
    let first = signed(&both, unsigned(CHAIN_ID, 0, 1)).await;
    for fake in [&one, &two] {
        let alone = chain(CHAIN_ID, &[&fake.url]);
        sent(&alone, &first).await;
        fake.mine(6);
    }
    let request = ChainRequest::FindNonce {
        nonce: 0,
        after: 9,
        until: observed(&both, &[]).await.finalized,
        taker: None,
        not: vec![first.0],
    };
    let why = not_done(both.carry_out(request).await);
    assert_eq!(why.matches("does not find the transaction").count(), 2);
}

#[tokio::test]
async fn a_node_that_has_not_the_state_of_the_final_block_says_so() {
    let fake = Fake::start().await;
    fake.world().states = 3;
    let chain = chain(CHAIN_ID, &[&fake.url]);
    let why = not_done(observe(&chain, &[], &[]).await);
    assert!(why.contains("missing trie node"), "{why}");
}

#[tokio::test]
async fn receipts_and_transactions_are_asked_for_one_by_one_where_need_be() {
    use crate::fake::Reply;
    let fake = Fake::start().await;
    let chain = chain(CHAIN_ID, &[&fake.url]);
    let first = signed(&chain, unsigned(CHAIN_ID, 0, 1)).await;
    sent(&chain, &first).await;
    fake.mine(1);
    fake.tamper(|method, params, mut answer| {
        if method == "eth_getBlockReceipts" {
            return Reply::Answer(
                serde_json::json!({"error": {"code": -32_601, "message": "no such method"}}),
            );
        }
        if method == "eth_getBlockByNumber" && params[1] == true {
            // A type that is not known.
            answer["result"]["transactions"][0]["type"] = "0x7e".into();
        }
        Reply::Answer(answer)
    });
    let observation = observed(&chain, &[first.0]).await;
    assert!(matches!(
        observation.attempts[..],
        [Whereabouts::Included(_)]
    ));
    let calls = fake.world().calls.clone();
    assert!(
        calls.contains(&"eth_getRawTransactionByBlockHashAndIndex".to_owned()),
        "{calls:?}"
    );
}

//! Endpoints that stand still, or show what cannot be recomputed: they are not used, and nothing is paid for by them.

use std::time::Duration;

use alloy_consensus::Header;
use counterfoil_ethereum::trie::Trie;
use counterfoil_ethereum_rpc::{Chain, Settings};
use counterfoil_ethereum_sender::chain::{ChainRequest, Sent};
use serde_json::json;

use crate::common::{
    account, call, chain, not_done, observed, send, sent, signed, signer, unsigned,
};
use crate::fake::{CHAIN_ID, Fake, Reply};

/// What is used of the endpoints, by number.
fn used(chain: &Chain) -> Option<usize> {
    let all = chain.endpoints_status();
    all.iter().position(|endpoint| endpoint.is_used)
}

#[tokio::test]
async fn a_node_that_stands_still_is_not_used_alone_nor_beside_another() {
    let (frozen, good) = (Fake::aged(400).await, Fake::start().await);
    let alone = chain(CHAIN_ID, &[&frozen.url]);
    let first = signed(&alone, unsigned(CHAIN_ID, 0, 1)).await;
    let words = "it stands still, or lags behind, or this machine's clock is wrong";
    let read = alone.carry_out(ChainRequest::ReadAccount(call(1))).await;
    let why = not_done(read);
    assert!(
        why.contains("its newest block 9 is 4") && why.contains(words),
        "{why}"
    );
    let observe = ChainRequest::Observe {
        attempts: Vec::new(),
        nonce: 0,
        anchored: Vec::new(),
    };
    assert!(not_done(alone.carry_out(observe).await).contains(words));
    // What it takes may reach nobody.
    assert!(not_done(send(&alone, &first).await).contains(words));
    assert!(frozen.world().pool.is_empty());
    assert_eq!(used(&alone), None);
    let head = alone.endpoints_status()[0].head.unwrap();
    assert_eq!(head.number, 9);
    assert!(head.age() > Duration::from_secs(399), "{head:?}");

    let both = chain(CHAIN_ID, &[&frozen.url, &good.url]);
    account(&both).await;
    assert_eq!(used(&both), Some(1));
    assert_eq!(sent(&both, &first).await, Sent::Accepted);
    observed(&both, &[first.0]).await;
    assert!(frozen.world().pool.is_empty());
    let set_aside = both.endpoints_status()[0].set_aside.clone().unwrap();
    assert!(set_aside.why.contains(words), "{}", set_aside.why);
}

#[tokio::test]
async fn a_node_that_lags_behind_another_is_not_used() {
    let (late, good) = (Fake::aged(120).await, Fake::start().await);
    // Alone it may be the chain that has no blocks.
    account(&chain(CHAIN_ID, &[&late.url])).await;
    let both = chain(CHAIN_ID, &[&late.url, &good.url]);
    account(&both).await;
    assert_eq!(used(&both), Some(1));
    let why = both.endpoints_status()[0].set_aside.clone().unwrap().why;
    assert!(
        why.contains("s older than one that another endpoint showed"),
        "{why}"
    );
    // The other way round it is known before it is needed.
    let both = chain(CHAIN_ID, &[&good.url, &late.url]);
    account(&both).await;
    account(&both).await;
    assert_eq!(used(&both), Some(0));
    let why = both.endpoints_status()[1].set_aside.clone().unwrap().why;
    assert!(
        why.contains("s older than one that another endpoint showed"),
        "{why}"
    );
}

#[tokio::test]
async fn endpoints_of_any_age_are_used_where_that_is_configured_but_for_one_behind_another() {
    let (old, older) = (Fake::aged(9_000).await, Fake::aged(9_999).await);
    let any = |urls: &[&str]| {
        let endpoints = urls.iter().map(|url| url.parse().unwrap());
        let settings = Settings {
            max_head_age: None,
            ..Settings::new(endpoints.collect(), CHAIN_ID)
        };
        Chain::new(settings, signer()).unwrap()
    };
    let alone = any(&[&older.url]);
    assert_eq!(account(&alone).await.head.number, 9);
    let both = any(&[&older.url, &old.url]);
    account(&both).await;
    assert_eq!(used(&both), Some(1));
    let why = both.endpoints_status()[0].set_aside.clone().unwrap().why;
    assert!(why.contains("99 s older than one that another"), "{why}");
}

#[tokio::test]
async fn that_another_endpoint_is_down_is_known_before_it_is_needed_and_mends_itself() {
    let good = Fake::start().await;
    let nobody = "http://127.0.0.1:1/";
    let both = chain(CHAIN_ID, &[&good.url, nobody]);
    account(&both).await;
    let status = both.endpoints_status();
    assert_eq!((used(&both), status[1].failed), (Some(0), 1));
    let why = status[1].set_aside.clone().unwrap().why;
    assert!(why.contains("no connection"), "{why}");
    // It is not asked each time.
    account(&both).await;
    assert_eq!(both.endpoints_status()[1].failed, 1);
}

/// A chain whose blocks have a deposit of the OP stack each, as an endpoint before this one shows it, which gives the bytes of single
/// transactions or not.
fn with_deposits(fake: &Fake, gives_bytes: bool) {
    let transaction = vec![0x7e, 0xc0];
    let root = *Trie::of_block(std::slice::from_ref(&transaction))
        .unwrap()
        .root()
        .as_bytes();
    fake.tamper(move |method, params, mut answer| {
        let result = &mut answer["result"];
        match method {
            "eth_getBlockByNumber" => {
                let mut header: Header = serde_json::from_value(result.clone()).unwrap();
                header.transactions_root = root.into();
                result["transactionsRoot"] = json!(header.transactions_root);
                result["hash"] = json!(header.hash_slow());
                if params[1] == true {
                    result["transactions"] = json!([{"type": "0x7e"}]);
                }
            }
            "eth_getRawTransactionByBlockHashAndIndex" if gives_bytes => {
                answer = json!({"result": "0x7ec0"});
            }
            "eth_getRawTransactionByBlockHashAndIndex" => {
                answer = json!({"error": {"code": -32_601, "message": "no such method"}});
            }
            "eth_getBlockReceipts" => {
                answer =
                    json!({"result": [{"type": "0x7e", "status": "0x1", "depositNonce": "0x1"}]});
            }
            // By the hash of a block that the endpoint behind does not have.
            "eth_getTransactionCount" => answer = json!({"result": "0x0"}),
            "eth_getBalance" => answer = json!({"result": "0xde0b6b3a7640000"}),
            _ => {}
        }
        Reply::Answer(answer)
    });
}

#[tokio::test]
async fn a_chain_with_receipts_that_cannot_be_recomputed_is_told_of_before_anything_is_paid() {
    let fake = Fake::start().await;
    with_deposits(&fake, true);
    let chain = chain(CHAIN_ID, &[&fake.url]);
    for _ in 0..2 {
        let why = account(&chain).await.gas.unwrap_err();
        assert!(
            why.starts_with("it would be paid for, and could not be recorded: block 7 has a receipt of the type 0x7e (a deposit of the OP stack)"),
            "{why}"
        );
    }
    fake.honest();
    let calls = |fake: &Fake| {
        let calls = &fake.world().calls;
        let receipts = calls.iter().filter(|call| *call == "eth_getBlockReceipts");
        receipts.count()
    };
    let before = calls(&fake);
    for _ in 0..3 {
        assert_eq!(account(&chain).await.gas.unwrap().get(), 22_440);
    }
    // Once it was shown that they can, that is not tried each time.
    assert_eq!(calls(&fake), before + 1);
}

#[tokio::test]
async fn where_the_bytes_of_such_transactions_are_not_to_be_had_either_the_type_is_named() {
    let fake = Fake::start().await;
    with_deposits(&fake, false);
    let chain = chain(CHAIN_ID, &[&fake.url]);
    let read = chain.carry_out(ChainRequest::ReadAccount(call(1))).await;
    let words = "block 7 has a transaction of the type 0x7e (a deposit of the OP stack), which this program does not know, and its bytes are not to be had: eth_getRaw";
    let why = not_done(read);
    assert!(why.contains(words), "{why}");
}

#[tokio::test]
async fn an_endpoint_that_lies_about_receipts_is_not_taken_for_such_a_chain() {
    for (key, lie, words) in [
        ("status", "0x0", "are not under the receipts root"),
        ("type", "0x7e", "not of its transaction's type"),
    ] {
        let (liar, good) = (Fake::start().await, Fake::start().await);
        for fake in [&liar, &good] {
            let one = chain(CHAIN_ID, &[&fake.url]);
            sent(&one, &signed(&one, unsigned(CHAIN_ID, 0, 1)).await).await;
            fake.mine(3);
        }
        liar.tamper(move |method, _, mut answer| {
            if method == "eth_getBlockReceipts" {
                answer["result"][0][key] = json!(lie);
            }
            Reply::Answer(answer)
        });
        let both = chain(CHAIN_ID, &[&liar.url, &good.url]);
        assert_eq!(account(&both).await.gas.unwrap().get(), 22_440);
        assert_eq!(used(&both), Some(1));
        let why = both.endpoints_status()[0].set_aside.clone().unwrap().why;
        assert!(why.contains(words), "{why}");
    }
}

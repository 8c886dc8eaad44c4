//! An endpoint that lies, one lie at a time: each is caught and named, and another endpoint answers in its place.

mod rows;

use counterfoil_ethereum::TransactionHash;
use counterfoil_ethereum_sender::chain::{Block, ChainOutcome, ChainRequest};
use serde_json::{Value, json};

use rows::{Ask, BLOCK, Change, NONCE, RECEIPT, ROWS, Row, TRANSACTIONS, is_full};

use crate::common::{call, chain, sent, signed, unsigned};
use crate::fake::{CHAIN_ID, Fake, Reply};

/// An endpoint with a transaction in final block 10, and one that is honest about the same chain.
struct Scene {
    fake: Fake,
    transaction: TransactionHash,
    block: Block,
    finalized: Block,
}

async fn scene() -> Scene {
    let fake = Fake::start().await;
    let chain = chain(CHAIN_ID, &[&fake.url]);
    let first = signed(&chain, unsigned(CHAIN_ID, 0, 1)).await;
    sent(&chain, &first).await;
    fake.mine(7);
    let block = |number| Block {
        number,
        hash: fake.world().hash(number).to_string().parse().unwrap(),
    };
    Scene {
        transaction: first.0,
        block: block(10),
        finalized: block(12),
        fake,
    }
}

fn request(ask: Ask, scene: &Scene) -> ChainRequest {
    match ask {
        Ask::Account => ChainRequest::ReadAccount(call(1)),
        Ask::Observe => ChainRequest::Observe {
            attempts: vec![scene.transaction],
            nonce: 0,
            anchored: Vec::new(),
        },
        Ask::Capture => ChainRequest::Capture {
            block: scene.block,
            transaction: scene.transaction,
        },
        Ask::FindNonce => ChainRequest::FindNonce {
            nonce: 0,
            after: 9,
            until: scene.finalized,
            taker: None,
            not: Vec::new(),
        },
    }
}

#[tokio::test]
async fn every_lie_is_caught_and_named_and_an_honest_endpoint_answers() {
    let scene = scene().await;
    let honest = scene.fake.url.clone();
    for Row(name, ask, method, change, words) in ROWS {
        let liar = Liar::of(&scene.fake, method, change).await;
        let alone = chain(CHAIN_ID, &[&liar]);
        match alone.carry_out(request(ask, &scene)).await {
            ChainOutcome::NotDone(why) => assert!(why.contains(words), "{name}: {why}"),
            other => panic!("{name}: {other:?}"),
        }
        let both = chain(CHAIN_ID, &[&liar, &honest]);
        let answered = both.carry_out(request(ask, &scene)).await;
        let expected = chain(CHAIN_ID, &[&honest])
            .carry_out(request(ask, &scene))
            .await;
        assert_eq!(answered, expected, "{name}");
        let status = both.endpoints_status();
        let set_aside = status[0].set_aside.as_ref().unwrap();
        assert!(set_aside.why.contains(words), "{name}: {}", set_aside.why);
        assert_eq!(status[1].set_aside, None, "{name}");
    }
}

/// An endpoint that asks an honest one and changes what it says.
struct Liar;

impl Liar {
    async fn of(honest: &Fake, method: &'static str, change: Change) -> String {
        let (honest, liar) = (honest.clone(), Fake::start().await);
        liar.tamper(move |called, params, _| {
            let mut answer = honest.world().answer(called, params);
            if called == method && !answer["result"].is_null() {
                change(params, &mut answer["result"]);
            }
            Reply::Answer(answer)
        });
        liar.url
    }
}

#[tokio::test]
async fn a_block_that_changes_between_calls_is_noticed() {
    let scene = scene().await;
    let chain = chain(CHAIN_ID, &[&scene.fake.url]);
    // Between the receipt and the block the chain is reorganised.
    let fake = scene.fake.clone();
    let other = Fake::start().await;
    let mut is_changed = false;
    scene.fake.tamper(move |method, params, answer| {
        is_changed |= method == RECEIPT;
        if is_changed && method == BLOCK {
            return Reply::Answer(other.world().answer(method, params));
        }
        Reply::Answer(answer)
    });
    for ask in [Ask::Observe, Ask::Capture] {
        match chain.carry_out(request(ask, &scene)).await {
            ChainOutcome::NotDone(why) => {
                assert!(
                    why.contains("it has no block") || why.contains("reorganised meanwhile"),
                    "{why}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    fake.honest();
    assert!(matches!(
        chain.carry_out(request(Ask::Capture, &scene)).await,
        ChainOutcome::Captured(_)
    ));
}

#[tokio::test]
async fn a_nonce_that_goes_back_is_noticed() {
    let scene = scene().await;
    let chain = chain(CHAIN_ID, &[&scene.fake.url]);
    let mut asked = 0;
    scene.fake.tamper(move |method, _, mut answer| {
        if method == NONCE {
            asked += 1;
            answer["result"] = json!(if asked == 1 { "0x1" } else { "0x2" });
        }
        Reply::Answer(answer)
    });
    match chain.carry_out(request(Ask::Account, &scene)).await {
        ChainOutcome::NotDone(why) => assert!(why.contains("which is later"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_head_below_the_final_block_is_noticed() {
    let scene = scene().await;
    let chain = chain(CHAIN_ID, &[&scene.fake.url]);
    // The newest block of this one is 9, below 12, which is final.
    let behind = Fake::start().await;
    scene.fake.tamper(move |method, params, answer| {
        if method == BLOCK && params[0] == "latest" {
            return Reply::Answer(behind.world().answer(method, params));
        }
        Reply::Answer(answer)
    });
    match chain.carry_out(request(Ask::Account, &scene)).await {
        ChainOutcome::NotDone(why) => assert!(why.contains("12 is final"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_transaction_in_json_that_lies_is_asked_for_in_bytes_which_may_lie_too() {
    let scene = scene().await;
    let change = |params: &Value, answer: &mut Value| {
        if is_full(params) {
            answer["result"]["transactions"][0]["value"] = json!("0x1");
        }
    };
    scene.fake.tamper(move |method, params, mut answer| {
        if method == BLOCK {
            change(params, &mut answer);
        }
        Reply::Answer(answer)
    });
    let alone = chain(CHAIN_ID, &[&scene.fake.url]);
    let captured = alone.carry_out(request(Ask::Capture, &scene)).await;
    assert!(
        matches!(captured, ChainOutcome::Captured(_)),
        "{captured:?}"
    );
    scene.fake.tamper(move |method, params, mut answer| {
        if method == BLOCK {
            change(params, &mut answer);
        }
        if method == "eth_getRawTransactionByBlockHashAndIndex" {
            answer["result"] = json!("0x02c0");
        }
        Reply::Answer(answer)
    });
    // Nothing is remembered by another.
    let alone = chain(CHAIN_ID, &[&scene.fake.url]);
    match alone.carry_out(request(Ask::Capture, &scene)).await {
        ChainOutcome::NotDone(why) => assert!(why.contains(TRANSACTIONS), "{why}"),
        other => panic!("{other:?}"),
    }
}

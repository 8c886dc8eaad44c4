//! Endpoints that fail, each in its own way: the next one answers, and the bad one is set aside; and what becomes of sending.

use std::time::{Duration, Instant};

use counterfoil_ethereum_rpc::{Chain, ChainError, Settings};
use counterfoil_ethereum_sender::chain::{ChainOutcome, ChainRequest, Refusal, Sent};
use serde_json::json;

use crate::common::{account, call, chain, not_done, send, sent, signed, signer, unsigned};
use crate::fake::{CHAIN_ID, Fake, Reply};

type Behaviour = fn() -> Reply;

/// What an endpoint does with every call, and the words that name it.
const BAD: [(&str, Behaviour, &str); 14] = [
    ("drops", || Reply::Drop, "eth_chainId: the answer broke off"),
    ("stalls", || Reply::Stall, "no whole answer within 2.0 s"),
    (
        "HTML",
        || Reply::Raw(200, "text/html", b"<html>\n<b>Sign in</b>".to_vec()),
        "found \"<html>\\n<b>Sign in</b>\"",
    ),
    (
        "502",
        || Reply::Raw(502, "text/html", b"bad gateway".to_vec()),
        "found 502: \"bad gateway\"",
    ),
    (
        "429",
        || Reply::Raw(429, "text/plain", b"slow down".to_vec()),
        "found 429: \"slow down\"",
    ),
    (
        "a redirect",
        || Reply::Raw(307, "text/plain", Vec::new()),
        "found 307",
    ),
    (
        "nothing",
        || Reply::Raw(200, "application/json", Vec::new()),
        "expected an answer of JSON-RPC",
    ),
    (
        "100 MB",
        || Reply::Raw(200, "application/json", vec![b' '; 100 << 20]),
        "more than 1048576 bytes",
    ),
    (
        "depth",
        || {
            Reply::Raw(
                200,
                "application/json",
                [&b"{\"result\":"[..], &[b'['; 100_000]].concat(),
            )
        },
        "expected an answer of JSON-RPC",
    ),
    (
        "another call's answer",
        || Reply::Answer(json!({"id": 0, "result": "0x1"})),
        "found that to 0",
    ),
    (
        "neither result nor error",
        || Reply::Answer(json!({})),
        "expected a result or an error",
    ),
    (
        "another type",
        || Reply::Answer(json!({"result": [1]})),
        "found \"[1]\"",
    ),
    (
        "an error",
        || Reply::Answer(json!({"error": {"code": -32_000, "message": "\u{1b}[31mno\n"}})),
        "the error -32000: \"\\u{1b}[31mno\\n\"",
    ),
    (
        "another chain",
        || Reply::Answer(json!({"result": "0x5"})),
        "it is of chain 5",
    ),
];

#[tokio::test]
async fn each_bad_endpoint_is_named_and_the_next_one_answers() {
    let good = Fake::start().await;
    for (name, behaviour, words) in BAD {
        let bad = Fake::start().await;
        bad.tamper(move |_, _, _| behaviour());
        let began = Instant::now();
        let both = chain(CHAIN_ID, &[&bad.url, &good.url]);
        account(&both).await;
        assert!(began.elapsed() < Duration::from_secs(5), "{name}");
        let status = both.endpoints_status();
        let set_aside = status[0].set_aside.clone().unwrap();
        assert!(set_aside.why.contains(words), "{name}: {}", set_aside.why);
        assert!(
            !set_aside.why.contains("s3cret"),
            "{name}: {}",
            set_aside.why
        );
        assert!(set_aside.why.len() < 600, "{name}: {}", set_aside.why);
        assert_eq!((status[0].failed, status[1].answered), (1, 1), "{name}");
        // While it is set aside, it is not asked.
        let calls = bad.world().calls.len();
        account(&both).await;
        assert_eq!(bad.world().calls.len(), calls, "{name}");
        // Alone, it is asked all the same.
        let alone = chain(CHAIN_ID, &[&bad.url]);
        for _ in 0..2 {
            match alone.carry_out(ChainRequest::ReadAccount(call(1))).await {
                ChainOutcome::NotDone(why) => {
                    assert!(why.contains(words), "{name}: {why}");
                    assert!(!why.contains("s3cret"), "{name}: {why}");
                }
                ChainOutcome::WrongChain { found, endpoint } => {
                    assert_eq!((name, found), ("another chain", 5));
                    assert!(!endpoint.contains("s3cret"), "{endpoint}");
                }
                other => panic!("{name}: {other:?}"),
            }
        }
        bad.honest();
        account(&alone).await;
        assert_eq!(alone.endpoints_status()[0].set_aside, None, "{name}");
    }
}

/// Ways to name the URL that was asked for.
const ECHOES: [fn(&str) -> Reply; 6] = [
    |url| Reply::Raw(404, "text/html", format!("Cannot POST {url}").into()),
    |url| Reply::Raw(500, "text/html", url.replace('/', "\\/").into()),
    |url| Reply::Raw(200, "text/html", format!("<a href='{url}'>").into()),
    |url| {
        Reply::Answer(json!({"error": {"code": -32_001, "message": format!("no project: {url}")}}))
    },
    |url| Reply::Answer(json!({"result": url})),
    // Cut in the middle of it.
    |url| Reply::Raw(404, "text/html", format!("{}{url}", "-".repeat(140)).into()),
];

#[tokio::test]
async fn credentials_that_an_endpoint_names_are_not_shown() {
    for echo in ECHOES {
        let fake = Fake::start().await;
        let url = format!("{}/s3cret/k3y?apikey=s3cret", fake.url);
        let url = url.replace("http://", "http://user:s3cret@");
        let said = url.clone();
        fake.tamper(move |_, _, _| echo(&said));
        let chain = chain(CHAIN_ID, &[&url]);
        let why = not_done(chain.carry_out(ChainRequest::ReadAccount(call(1))).await);
        assert!(why.contains("eth_chainId"), "{why}");
        assert!(!why.contains("s3c"), "{why}");
        let status = format!("{:?}", chain.endpoints_status());
        assert!(!status.contains("s3c"), "{status}");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_named_without_its_credentials() {
    let good = Fake::start().await;
    let nobody = "http://user:s3cret@127.0.0.1:1/s3cret?key=s3cret";
    let both = chain(CHAIN_ID, &[nobody, &good.url]);
    account(&both).await;
    let why = both.endpoints_status()[0].set_aside.clone().unwrap().why;
    assert!(why.contains("no connection"), "{why}");
    let why = not_done(
        chain(CHAIN_ID, &[nobody])
            .carry_out(ChainRequest::ReadAccount(call(1)))
            .await,
    );
    assert!(why.starts_with("http://127.0.0.1:1: eth_chainId"), "{why}");
    assert!(!why.contains("s3cret"), "{why}");
    assert!(!format!("{both:?}").contains("s3cret"));
}

#[tokio::test]
async fn the_chain_id_is_checked_with_each_request_and_nothing_is_sent_to_another() {
    let fake = Fake::start().await;
    let chain = chain(CHAIN_ID, &[&fake.url]);
    let first = signed(&chain, unsigned(CHAIN_ID, 0, 1)).await;
    account(&chain).await;
    fake.change("eth_chainId", |result| *result = json!("0x2a"));
    let requests = [
        ChainRequest::ReadAccount(call(1)),
        ChainRequest::Send {
            hash: first.0,
            bytes: first.1.clone(),
        },
        ChainRequest::Observe {
            attempts: vec![first.0],
            nonce: 0,
            anchored: Vec::new(),
        },
    ];
    for request in requests {
        let outcome = chain.carry_out(request).await;
        let endpoint = fake.url.trim_end_matches("/s3cret").to_owned();
        assert_eq!(
            outcome,
            ChainOutcome::WrongChain {
                found: 42,
                endpoint
            }
        );
    }
    let calls = fake.world().calls.clone();
    assert!(
        !calls.contains(&"eth_sendRawTransaction".to_owned()),
        "{calls:?}"
    );
}

/// What is known of a transaction after an endpoint did something with it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It may be on its way.
    Unknown,
    /// The endpoint did not get it.
    NotDone,
    /// The endpoint does not take it.
    Refused,
}

use Fate::{NotDone, Refused, Unknown};

/// What an endpoint does with the transaction, and what follows.
const SENDING: [(&str, Behaviour, Fate); 15] = [
    ("drops", || Reply::Drop, Unknown),
    ("stalls", || Reply::Stall, Unknown),
    (
        "504",
        || Reply::Raw(504, "text/html", b"timeout".to_vec()),
        Unknown,
    ),
    (
        "HTML",
        || Reply::Raw(200, "text/html", b"<html>".to_vec()),
        Unknown,
    ),
    (
        "another hash",
        || Reply::Answer(json!({"result": format!("0x{}", "00".repeat(32))})),
        Unknown,
    ),
    (
        "no hash",
        || Reply::Answer(json!({"result": null})),
        Unknown,
    ),
    (
        "an error inside",
        || Reply::Answer(json!({"error": {"code": -32_603, "message": "internal error"}})),
        Unknown,
    ),
    (
        "429",
        || Reply::Raw(429, "text/plain", b"slow down".to_vec()),
        NotDone,
    ),
    (
        "401",
        || Reply::Raw(401, "text/plain", b"who?".to_vec()),
        NotDone,
    ),
    (
        "a limit",
        || Reply::Answer(json!({"error": {"code": -32_005, "message": "limit exceeded"}})),
        Refused,
    ),
    (
        "no method",
        || Reply::Answer(json!({"error": {"code": -32_601, "message": "not available"}})),
        Refused,
    ),
    (
        "a method that it does not support",
        || Reply::Answer(json!({"error": {"code": -32_004, "message": "method not supported"}})),
        Refused,
    ),
    (
        "a full pool",
        || Reply::Answer(json!({"error": {"code": -32_000, "message": "txpool is full"}})),
        Refused,
    ),
    (
        "money of its customer",
        || Reply::Answer(json!({"error": {"code": -32_005, "message": "insufficient funds"}})),
        Refused,
    ),
    (
        "an error of HTTP and JSON-RPC",
        || {
            Reply::Raw(
                400,
                "application/json",
                br#"{"error":{"code":-32600,"message":"invalid request"}}"#.to_vec(),
            )
        },
        Refused,
    ),
];

#[tokio::test]
async fn what_became_of_sending_is_known_unless_it_may_have_been_taken() {
    let good = Fake::start().await;
    for (name, behaviour, fate) in SENDING {
        let bad = Fake::start().await;
        bad.tamper(move |method, _, answer| match method {
            "eth_sendRawTransaction" => behaviour(),
            _ => Reply::Answer(answer),
        });
        let alone = chain(CHAIN_ID, &[&bad.url]);
        let first = signed(&alone, unsigned(CHAIN_ID, 0, 1)).await;
        match send(&alone, &first).await {
            ChainOutcome::Sent(Sent::Unknown(_)) => assert!(fate == Unknown, "{name}"),
            ChainOutcome::NotDone(_) => assert!(fate == NotDone, "{name}"),
            ChainOutcome::Sent(Sent::Refused { refusal, reason }) => {
                assert!(fate == Refused && refusal == Refusal::Other, "{name}");
                assert!(reason.starts_with("http://127.0.0.1:"), "{reason}");
            }
            other => panic!("{name}: {other:?}"),
        }
        // With another that takes it, it is sent.
        let both = chain(CHAIN_ID, &[&bad.url, &good.url]);
        good.world().pool.clear();
        assert_eq!(sent(&both, &first).await, Sent::Accepted, "{name}");
        assert!(both.endpoints_status()[0].set_aside.is_some(), "{name}");
        // With another that refuses, what the first did with it is still not known.
        let both = chain(CHAIN_ID, &[&bad.url, &good.url]);
        good.world().balance = 0;
        good.world().pool.clear();
        match send(&both, &first).await {
            ChainOutcome::Sent(Sent::Unknown(_)) => assert!(fate == Unknown, "{name}"),
            ChainOutcome::Sent(Sent::Refused { refusal, .. }) => {
                assert!(fate != Unknown, "{name}");
                assert_eq!(refusal, Refusal::InsufficientFunds, "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
        good.world().balance = 10_u128.pow(18);
    }
}

#[tokio::test]
async fn a_refusal_for_what_the_transaction_is_is_an_answer_and_nobody_else_is_asked() {
    let (one, two) = (Fake::start().await, Fake::start().await);
    one.world().balance = 0;
    let chain = chain(CHAIN_ID, &[&one.url, &two.url]);
    let first = signed(&chain, unsigned(CHAIN_ID, 0, 1)).await;
    assert!(matches!(sent(&chain, &first).await, Sent::Refused { .. }));
    assert!(two.world().calls.is_empty());
    assert_eq!(chain.endpoints_status()[0].set_aside, None);
}

/// What another endpoint does with a transaction that one took, and whether it is of no use for that.
const OFFERED: [(&str, &str, Behaviour, bool); 5] = [
    (
        "has a full pool",
        "eth_sendRawTransaction",
        || Reply::Answer(json!({"error": {"code": -32_000, "message": "txpool is full"}})),
        false,
    ),
    (
        "has no such method",
        "eth_sendRawTransaction",
        || Reply::Answer(json!({"error": {"code": -32_601, "message": "not available"}})),
        false,
    ),
    (
        "says that it pays too little",
        "eth_sendRawTransaction",
        || Reply::Answer(json!({"error": {"code": -32_000, "message": "underpriced"}})),
        false,
    ),
    ("drops", "eth_sendRawTransaction", || Reply::Drop, true),
    (
        "is of another chain",
        "eth_chainId",
        || Reply::Answer(json!({"result": "0x5"})),
        true,
    ),
];

#[tokio::test]
async fn a_transaction_is_offered_to_all_so_that_one_that_keeps_it_to_itself_does_not_hold_it_up() {
    let (one, two) = (Fake::start().await, Fake::start().await);
    let both = chain(CHAIN_ID, &[&one.url, &two.url]);
    let first = signed(&both, unsigned(CHAIN_ID, 0, 1)).await;
    for expected in [Sent::Accepted, Sent::AlreadyKnown] {
        assert_eq!(sent(&both, &first).await, expected);
        assert_eq!(two.world().pool.len(), 1);
    }
    let status = both.endpoints_status();
    assert_eq!((status[0].answered, status[1].answered), (2, 0));
    for (name, method, behaviour, is_set_aside) in OFFERED {
        let (one, two) = (Fake::start().await, Fake::start().await);
        two.tamper(move |called, _, answer| {
            if called == method {
                behaviour()
            } else {
                Reply::Answer(answer)
            }
        });
        let both = chain(CHAIN_ID, &[&one.url, &two.url]);
        assert_eq!(sent(&both, &first).await, Sent::Accepted, "{name}");
        let status = both.endpoints_status();
        assert_eq!(status[1].set_aside.is_some(), is_set_aside, "{name}");
        assert_eq!(status[1].failed, u64::from(is_set_aside), "{name}");
        let calls = two.world().calls.clone();
        // Whoever is of another chain gets nothing.
        let is_sent = calls.contains(&"eth_sendRawTransaction".to_owned());
        assert_eq!(is_sent, method == "eth_sendRawTransaction", "{name}");
    }
}

#[tokio::test]
async fn a_chain_has_one_to_sixteen_endpoints() {
    for count in [0, 17] {
        let endpoint = || "http://127.0.0.1:1".parse().unwrap();
        let endpoints = (0..count).map(|_| endpoint()).collect();
        let error = Chain::new(Settings::new(endpoints, 1), signer()).unwrap_err();
        assert_eq!(error, ChainError::Endpoints(count));
    }
}

#[tokio::test]
async fn a_request_may_be_carried_out_by_another_task() {
    let fake = Fake::start().await;
    let chain = chain(CHAIN_ID, &[&fake.url]);
    let request = ChainRequest::ReadAccount(call(1));
    let task = tokio::spawn(async move { chain.carry_out(request).await });
    assert!(matches!(task.await.unwrap(), ChainOutcome::Account(_)));
}

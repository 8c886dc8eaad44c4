//! A remote signer: asked by `eth_signTransaction`, and believed in nothing.

use std::time::Duration;

use counterfoil_ethereum::Address;
use counterfoil_ethereum_rpc::{Chain, Settings, Signer};
use counterfoil_ethereum_sender::chain::{ChainOutcome, ChainRequest};
use counterfoil_ethereum_sender::{Unsigned, Wei};
use serde_json::{Value, json};

use crate::common::{ACCOUNT, chain, not_done, signed, unsigned};
use crate::fake::{CHAIN_ID, Fake, Reply};

/// What a signer makes of what it is asked to sign.
type Change = fn(&mut Unsigned);

type Behaviour = fn() -> Reply;

fn remote(url: &str, account: &str) -> Chain {
    let signer = Signer::remote(url.parse().unwrap(), account.parse().unwrap());
    let endpoint = "http://127.0.0.1:1".parse().unwrap();
    let mut settings = Settings::new(vec![endpoint], CHAIN_ID);
    settings.timeout = Duration::from_secs(2);
    Chain::new(settings, signer).unwrap()
}

/// A signer with the account's key that signs what `change` makes of it.
async fn signer(change: Change, wrap: fn(String) -> Value) -> Fake {
    let fake = Fake::start().await;
    let mut other = unsigned(CHAIN_ID, 3, 1);
    change(&mut other);
    let local = chain(CHAIN_ID, &["http://127.0.0.1:1"]);
    let (_, bytes) = signed(&local, other).await;
    let result = wrap(format!("0x{}", hex::encode(bytes)));
    fake.tamper(move |method, params, _| {
        assert_eq!(method, "eth_signTransaction");
        let expected = json!([{
            "type": "0x2", "from": ACCOUNT, "chainId": "0x1", "nonce": "0x3",
            "maxPriorityFeePerGas": "0x3b9aca00", "maxFeePerGas": "0x4a817c800", "gas": "0x57a8",
            "to": format!("0x{}", "aa".repeat(20)), "value": "0x0",
            "data": format!("0xeecdf927{}", "01".repeat(32)), "accessList": [],
        }]);
        assert_eq!(*params, expected);
        Reply::Answer(json!({"result": result.clone()}))
    });
    fake
}

async fn sign(chain: &Chain) -> ChainOutcome {
    let unsigned = unsigned(CHAIN_ID, 3, 1);
    chain.carry_out(ChainRequest::Sign(unsigned)).await
}

#[tokio::test]
async fn both_forms_of_an_answer_are_read() {
    let wraps: [fn(String) -> Value; 2] = [|raw| json!(raw), |raw| json!({"raw": raw, "tx": {}})];
    for wrap in wraps {
        let fake = signer(|_| (), wrap).await;
        let chain = remote(&fake.url, ACCOUNT);
        assert_eq!(chain.account().to_string(), ACCOUNT);
        let local = crate::common::chain(CHAIN_ID, &["http://127.0.0.1:1"]);
        assert_eq!(sign(&chain).await, sign(&local).await);
    }
}

#[tokio::test]
async fn a_signer_that_changes_anything_is_caught() {
    let changes: [(&str, Change, &str); 7] = [
        (
            "nonce",
            |u| u.nonce += 1,
            "the signer changed the field nonce",
        ),
        ("chain", |u| u.chain_id += 1, "the field chainId"),
        (
            "fee",
            |u| u.max_fee = Wei::from_gwei(21),
            "the field maxFeePerGas",
        ),
        (
            "tip",
            |u| u.max_priority_fee = Wei::ZERO,
            "the field maxPriorityFeePerGas",
        ),
        (
            "gas",
            |u| u.gas_limit = counterfoil_ethereum_sender::Gas::new(30_000),
            "the field gasLimit",
        ),
        (
            "destination",
            |u| u.call.to = Address::from_bytes([1; 20]),
            "the field to",
        ),
        (
            "root",
            |u| u.call = crate::common::call(2),
            "the field data",
        ),
    ];
    for (name, change, words) in changes {
        let fake = signer(change, |raw| json!(raw)).await;
        let why = not_done(sign(&remote(&fake.url, ACCOUNT)).await);
        assert!(why.contains(words), "{name}: {why}");
    }
}

#[tokio::test]
async fn another_key_is_caught() {
    let other = format!("0x{}", "11".repeat(20));
    let signer = Fake::start().await;
    let local = chain(CHAIN_ID, &["http://127.0.0.1:1"]);
    let (_, bytes) = signed(&local, unsigned(CHAIN_ID, 3, 1)).await;
    let raw = format!("0x{}", hex::encode(bytes));
    signer.tamper(move |_, _, _| Reply::Answer(json!({"result": raw.clone()})));
    let why = not_done(sign(&remote(&signer.url, &other)).await);
    assert!(
        why.contains("expected a signature of the account 0x1111"),
        "{why}"
    );
    assert!(why.contains(ACCOUNT), "{why}");
}

#[tokio::test]
async fn a_signer_that_does_not_sign_is_named() {
    let rows: [(&str, Behaviour, &str); 5] = [
        (
            "names its URL",
            || Reply::Raw(404, "text/plain", b"no such path: /s3cret".to_vec()),
            "found 404: \"no such path: ...\"",
        ),
        (
            "refuses",
            || Reply::Answer(json!({"error": {"code": -32_000, "message": "denied\u{7}"}})),
            "\"denied\\u{7}\"",
        ),
        (
            "no bytes",
            || Reply::Answer(json!({"result": "0xzz"})),
            "0x and hexadecimal digits",
        ),
        (
            "nothing",
            || Reply::Answer(json!({"result": null})),
            "found \"null\"",
        ),
        ("stalls", || Reply::Stall, "no whole answer within 2.0 s"),
    ];
    for (name, behaviour, words) in rows {
        let fake = Fake::start().await;
        fake.tamper(move |_, _, _| behaviour());
        let why = not_done(sign(&remote(&fake.url, ACCOUNT)).await);
        assert!(
            why.starts_with("the remote signer http://127.0.0.1:"),
            "{name}: {why}"
        );
        assert!(why.contains(words), "{name}: {why}");
        assert!(!why.contains("s3cret"), "{name}: {why}");
    }
}

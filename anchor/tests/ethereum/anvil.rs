//! On a real chain, with the key in a file and JSON-RPC in between.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use counterfoil_anchor::config::Config;
use counterfoil_anchor::ethereum::{Plan, Probed, Status, plan};
use counterfoil_anchor::names::Place;
use counterfoil_ethereum::{BlockHash, Header, Question, Transaction, verify};
use counterfoil_service::config::Settings as _;
use counterfoil_tests::anvil::Anvil;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{Running, World, begin, count};

/// The first account of every development chain, with its key in an encrypted file whose derivation is quick.
const KEYSTORE: &str = include_str!("../../ethereum/rpc/tests/rpc/keystore.json");

/// Another account's address: a plain one.
const PLAIN: &str = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";

/// The work of a configuration, with little patience.
fn plan_on(anvil: &Anvil, destination: &str, more: &str) -> Plan {
    let folder: TempDir = tempfile::tempdir().unwrap();
    let config = format!(
        "data = \"data\"\n[[log]]\nurl = \"http://a/\"\npolicy = \"p\"\n\
         [[authority]]\nname = \"tsa\"\nurl = \"http://a/\"\nroots = [\"r\"]\n\
         [ethereum]\nname = \"dev\"\nchain_id = {}\n\
         rpc = [\"http://user:s3cret@127.0.0.1:1/s3cret\", \"{}\"]\n\
         destination = \"{destination}\"\nkeystore = \"key.json\"\npassword_file = \"password\"\n\
         deadline = \"2s\"\nevery = \"100ms\"\n{more}",
        Anvil::CHAIN_ID,
        anvil.url()
    );
    for (name, text) in [
        ("key.json", KEYSTORE),
        ("password", "password\n"),
        ("anchor.toml", &config),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let config = Config::load(&folder.path().join("anchor.toml"), &[]).unwrap();
    let mut plan = plan(&config.ethereum.unwrap(), Duration::ZERO, Vec::new()).unwrap();
    let millis = Duration::from_millis;
    plan.sender.observe_every = millis(20);
    plan.sender.idle_every = millis(20);
    plan.sender.hold_pause = millis(20);
    plan.sender.retry_min = millis(10);
    plan.sender.retry_max = millis(50);
    plan
}

/// The record of a checkpoint, judged with the hash that the chain has at the number.
async fn verified(world: &World, anvil: &Anvil, place: &Place) -> Value {
    let records = world.records().await;
    let name = "ethereum-dev".parse().unwrap();
    let (record, _) = records.block(place, &name).await.unwrap();
    let number = Header::parse(&record.block.header).unwrap().number;
    let block = anvil.call(
        "eth_getBlockByNumber",
        json!([format!("{number:#x}"), false]),
    );
    let hash: BlockHash = block["hash"].as_str().unwrap().parse().unwrap();
    let judgement = verify(&Question {
        record: &record.block,
        checkpoint: Some(&record.checkpoint),
        block_hash: Some(hash),
        chain_id: Some(Anvil::CHAIN_ID),
        destination: None,
        at: None,
    });
    assert!(judgement.is_good(), "{:?}", judgement.checks);
    let hash = Transaction::parse(&record.block.transaction).unwrap().hash;
    anvil.call("eth_getTransactionReceipt", json!([hash.to_string()]))
}

fn gas(receipt: &Value) -> u64 {
    let digits = receipt["gasUsed"]
        .as_str()
        .unwrap()
        .trim_start_matches("0x");
    u64::from_str_radix(digits, 16).unwrap()
}

async fn until_sent(running: &Running) -> Status {
    running
        .until("sent", |status| count(status, "sent") == 1)
        .await
}

async fn until_recorded(running: &Running, anvil: &Anvil) -> Status {
    anvil.mine(3);
    running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_is_sent_by_one_process_and_recorded_by_the_next() {
    let Some(anvil) = Anvil::start(&["--no-mining"]) else {
        return;
    };
    anvil.mine(3);
    let world = World::new(&["a.example/log", "b.example/log"]);
    let records = world.records().await;
    let places = [
        begin(&records, "a.example/log", 5, 1_700_000_000).await,
        begin(&records, "b.example/log", 6, 1_700_000_000).await,
    ];
    let probed = plan_on(&anvil, PLAIN, "")
        .probe(counterfoil_tiles::hash::NodeHash::from_bytes([7; 32]))
        .await;
    assert!(
        matches!(&probed, Probed::Good(words) if words.contains("takes 22440 gas")),
        "{probed:?}"
    );
    let running = world.on(plan_on(&anvil, PLAIN, "")).await;
    let status = until_sent(&running).await;
    // The first endpoint is not there; nothing shows its credentials.
    assert!(status.endpoints[0].trouble.is_some(), "{status:?}");
    assert_eq!(status.endpoints[0].name, "http://127.0.0.1:1");
    assert!(!format!("{status:?}").contains("s3cret"));
    running.die().await;
    let running = world.on(plan_on(&anvil, PLAIN, "")).await;
    running
        .until("seen", |status| {
            status
                .sender
                .as_ref()
                .is_some_and(|sender| sender.seen.is_some())
        })
        .await;
    running.die().await;
    anvil.mine(1);
    let running = world.on(plan_on(&anvil, PLAIN, "")).await;
    running
        .until("included", |status| count(status, "included") == 1)
        .await;
    running.die().await;
    let running = world.on(plan_on(&anvil, PLAIN, "")).await;
    until_recorded(&running, &anvil).await;
    running.end().await;
    for place in &places {
        verified(&world, &anvil, place).await;
    }
    let account = status.account.to_string();
    let nonce = anvil.call("eth_getTransactionCount", json!([account, "latest"]));
    assert_eq!(nonce, "0x1", "one transaction");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_reorganisation_loses_is_sent_again() {
    let Some(anvil) = Anvil::start(&["--no-mining"]) else {
        return;
    };
    anvil.mine(5);
    let world = World::new(&["a.example/log"]);
    let place = begin(&*world.records().await, "a.example/log", 5, 1_700_000_000).await;
    let running = world.on(plan_on(&anvil, PLAIN, "")).await;
    until_sent(&running).await;
    anvil.mine(1);
    running
        .until("included", |status| count(status, "included") == 1)
        .await;
    anvil.reorganise(1);
    running
        .until("undone", |status| count(status, "reorganised") == 1)
        .await;
    running
        .until("sent again", |status| count(status, "sent-again") == 1)
        .await;
    anvil.mine(1);
    until_recorded(&running, &anvil).await;
    running.end().await;
    verified(&world, &anvil, &place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_fee_above_the_ceiling_is_waited_out() {
    let Some(anvil) = Anvil::start(&["--no-mining"]) else {
        return;
    };
    anvil.mine(3);
    // 100 gwei.
    anvil.call("anvil_setNextBlockBaseFeePerGas", json!(["0x174876e800"]));
    anvil.mine(1);
    let world = World::new(&["a.example/log"]);
    let place = begin(&*world.records().await, "a.example/log", 5, 1_700_000_000).await;
    let running = world
        .on(plan_on(&anvil, PLAIN, "max_fee_gwei = 20\n"))
        .await;
    running
        .until("held back", |status| {
            status
                .sender
                .as_ref()
                .is_some_and(|sender| sender.hold.is_some())
        })
        .await;
    anvil.call("anvil_setNextBlockBaseFeePerGas", json!(["0x3b9aca00"]));
    anvil.mine(1);
    until_sent(&running).await;
    anvil.mine(1);
    until_recorded(&running, &anvil).await;
    running.end().await;
    verified(&world, &anvil, &place).await;
}

/// Puts the contract of `anchor/contract` on the chain, and says where it is.
fn deploy(anvil: &Anvil) -> String {
    let artefact: Value = serde_json::from_str(include_str!("../../contract/Anchor.json")).unwrap();
    let code = artefact["bytecode"].as_str().unwrap();
    let code = if code.starts_with("0x") {
        code.to_owned()
    } else {
        format!("0x{code}")
    };
    let sent = json!([{"from": PLAIN, "data": code, "gas": "0xf4240"}]);
    let hash = anvil.call("eth_sendTransaction", sent);
    anvil.mine(1);
    let receipt = anvil.call("eth_getTransactionReceipt", json!([hash]));
    receipt["contractAddress"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_keeps_the_time_of_the_root() {
    let Some(anvil) = Anvil::start(&["--no-mining"]) else {
        return;
    };
    let contract = deploy(&anvil);
    anvil.mine(3);
    let world = World::new(&["a.example/log"]);
    let place = begin(&*world.records().await, "a.example/log", 5, 1_700_000_000).await;
    let nobody = "mode = \"contract\"\n";
    let probed = plan_on(&anvil, PLAIN, nobody)
        .probe(counterfoil_tiles::hash::NodeHash::from_bytes([7; 32]))
        .await;
    assert!(
        matches!(&probed, Probed::Wrong(words) if words.contains("no contract")),
        "{probed:?}"
    );
    let running = world.on(plan_on(&anvil, &contract, nobody)).await;
    let status = until_sent(&running).await;
    let root = status.sender.unwrap().on_its_way.unwrap().root;
    anvil.mine(1);
    until_recorded(&running, &anvil).await;
    running.end().await;
    let receipt = verified(&world, &anvil, &place).await;
    let block = anvil.call(
        "eth_getBlockByNumber",
        json!([receipt["blockNumber"], false]),
    );
    // anchoredAt(bytes32)
    let selector = &counterfoil_ethereum::keccak256(b"anchoredAt(bytes32)")[..4];
    let data = format!(
        "0x{}{}",
        hex::encode(selector),
        hex::encode(root.as_bytes())
    );
    let kept = anvil.call(
        "eth_call",
        json!([{"to": contract, "data": data}, "latest"]),
    );
    let number = |value: &Value| {
        u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    };
    assert_eq!(number(&kept), number(&block["timestamp"]));
}

/// The table in docs/ethereum.md.
#[tokio::test(flavor = "multi_thread")]
async fn a_round_takes_the_gas_that_the_docs_say_whatever_the_number_of_logs() {
    let Some(anvil) = Anvil::start(&["--no-mining"]) else {
        return;
    };
    let contract = deploy(&anvil);
    anvil.mine(3);
    let docs = include_str!("../../../docs/ethereum.md");
    for logs in [1, 10, 100, 1_000] {
        let mut row = format!("| {logs} |");
        for (destination, more) in [(PLAIN, ""), (&*contract, "mode = \"contract\"\n")] {
            let origins: Vec<String> = (0..logs)
                .map(|n| format!("log{n}.example/{more:.4}"))
                .collect();
            let origins: Vec<&str> = origins.iter().map(String::as_str).collect();
            let world = World::new(&origins);
            let records = world.records().await;
            let mut last = None;
            for origin in &origins {
                last = Some(begin(&records, origin, 5, 1_700_000_000).await);
            }
            let running = world.on(plan_on(&anvil, destination, more)).await;
            let status = until_sent(&running).await;
            let root = status.sender.unwrap().on_its_way.unwrap().root;
            anvil.mine(1);
            until_recorded(&running, &anvil).await;
            running.end().await;
            let zeros: u64 = root
                .as_bytes()
                .map(|byte| u64::from(byte == 0))
                .iter()
                .sum();
            let receipt = verified(&world, &anvil, &last.unwrap()).await;
            // What a zero byte saves: 30 where the floor of EIP-7623 counts, 12 where it does not.
            let saved = if more.is_empty() { 30 } else { 12 };
            row = format!("{row} {} |", gas(&receipt) + saved * zeros);
        }
        println!("{row}");
        assert!(docs.contains(&row), "docs/ethereum.md lacks {row}");
    }
}

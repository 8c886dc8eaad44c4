//! Evidence with a block of an Ethereum chain: where trust in the block comes from, and what was changed in it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;

use counterfoil_ethereum::Record;
use counterfoil_evidence::format::Evidence;
use counterfoil_evidence::moment::Moment;
use counterfoil_evidence::record::BlockRecord;
use serde_json::{Value, json};

use super::made::anchored::{Anchored, Plan};
use super::made::{CHAIN, DESTINATION, NUMBER, TIME, anchor, block, trusted};
use super::*;
use crate::fixture::SOON;

fn good() -> (Anchored, Value) {
    let block = block(&Bench::checkpoint());
    let evidence = Bench::evidence(&[anchor(&block.record)]);
    (block, evidence)
}

fn run(bench: &Bench, evidence: &Value, trust: &str, flags: &[&str]) -> Ran {
    bench.write(evidence, trust);
    bench.run(&[&[EVIDENCE, "report.txt"], flags].concat(), SOON)
}

fn only(more: &str) -> String {
    trust(1, &policy(), &[trusted(more)])
}

/// The reason of a check.
fn reason(ran: &Ran, name: &str) -> String {
    let json = ran.json();
    let mut checks = json["checks"].as_array().unwrap().iter();
    let check = checks.find(|check| check["name"] == name);
    check.unwrap()["reason"].as_str().unwrap().to_owned()
}

#[test]
fn a_block_that_is_trusted_fixes_the_time() {
    let bench = Bench::new();
    let (block, evidence) = good();
    let hash = block.block_hash;
    Evidence::parse(evidence.to_string().as_bytes()).unwrap();
    bench.counterfoil.write(
        "numbered",
        format!("# mine\nchain {CHAIN}\n{NUMBER} {hash}\n"),
    );
    let hash = hash.to_string();
    let named = only(&format!("block_hashes = [\"{hash}\"]"));
    let numbered = only(&format!("block_hashes = [\"{NUMBER} {hash}\"]"));
    let rows: [(&str, &str, Vec<&str>, &str); 4] = [
        ("in the trust file", &named, vec![], "the trust file"),
        ("with its number", &numbered, vec![], "the trust file"),
        (
            "given",
            &only(""),
            vec!["--block-hash", &hash],
            "--block-hash",
        ),
        (
            "in a list",
            &only(""),
            vec!["--block-hashes", "numbered"],
            "the list numbered",
        ),
    ];
    for (name, trust, flags, source) in rows {
        let ran = run(&bench, &evidence, trust, &flags);
        assert_eq!(ran.code, 0, "{name}: {}", ran.all());
        let json = ran.json();
        assert_eq!(json["no_later_than"], TIME, "{name}");
        let verdict = &json["anchors"][0];
        assert_eq!(verdict["authority"], "chain", "{name}");
        assert_eq!(verdict["holds"], true);
        assert_eq!(verdict["block"]["number"], NUMBER);
        assert_eq!(verdict["block"]["hash"], hash.as_str());
        assert_eq!(verdict["block"]["sources"], json!([source]), "{name}");
        let expected = format!(
            "and that checkpoint was fixed in time by block {NUMBER} of a development chain (chain {CHAIN}) at {TIME} (resting on the block hash from {source})."
        );
        let sentence = json["sentence"].as_str().unwrap();
        assert!(sentence.ends_with(&expected), "{name}: {sentence}");
        let caveats = json["caveats"].to_string();
        assert!(caveats.contains("IS A DEVELOPMENT CHAIN"), "{caveats}");
    }
}

#[test]
fn what_is_not_known_never_passes() {
    let bench = Bench::new();
    let (block, evidence) = good();
    let other = format!("0x{}", "ab".repeat(32));
    let hash = block.block_hash.to_string();
    bench.counterfoil.write("other", format!("{other}\n"));
    bench
        .counterfoil
        .write("foreign", format!("chain 1\n{NUMBER} {hash}\n"));
    bench
        .counterfoil
        .write("wrong", format!("{NUMBER} {other}\n"));
    let tsa = bench.trust();
    let two = trust(2, &policy(), &[bench.one.trusted(""), trusted("")]);
    let none = "anchor chain: block hash";
    let rows: [(&str, String, Vec<&str>, u8, &str); 8] = [
        ("no block is named", only(""), vec![], 3, none),
        (
            "another is listed",
            only(""),
            vec!["--block-hashes", "other"],
            3,
            none,
        ),
        (
            "of another chain",
            only(""),
            vec!["--block-hashes", "foreign"],
            3,
            none,
        ),
        (
            "another of the number",
            only(""),
            vec!["--block-hashes", "wrong"],
            1,
            none,
        ),
        (
            "another of the number, and the right one given",
            only(""),
            vec!["--block-hashes", "wrong", "--block-hash", &hash],
            1,
            none,
        ),
        (
            "another is given",
            only(""),
            vec!["--block-hash", &other],
            1,
            "block hash",
        ),
        (
            "no chain is trusted",
            tsa.clone(),
            vec![],
            3,
            "anchor #1: block hash",
        ),
        (
            "a token is wanted, too",
            two,
            vec!["--block-hash", &hash],
            3,
            "anchors",
        ),
    ];
    for (name, trust, flags, code, check) in rows {
        let ran = run(&bench, &evidence, &trust, &flags);
        assert_eq!(ran.code, i32::from(code), "{name}: {}", ran.all());
        let outcome = if code == 1 { "failed" } else { "not-checked" };
        let found = named(&ran, outcome);
        assert!(found.iter().any(|one| one == check), "{name}: {found:?}");
    }
    let ran = run(&bench, &evidence, &tsa, &["--block-hash", &hash]);
    assert_eq!(ran.code, 0, "the verifier's own word: {}", ran.all());
    let ran = run(&bench, &bench.good(), &tsa, &["--block-hash", &hash]);
    assert_eq!(named(&ran, "failed"), ["block hash"], "nothing rests on it");
}

#[test]
fn blocks_are_given_one_by_one_for_one_piece_of_evidence() {
    let bench = Bench::new();
    let plan = Plan {
        checkpoint: Bench::checkpoint(),
        kind: 1,
        receipt_kind: 1,
        ..Plan::default()
    };
    let blocks = [block(&Bench::checkpoint()), plan.anchored().unwrap()];
    let hashes = blocks.each_ref().map(|block| block.block_hash.to_string());
    bench.counterfoil.write("trust.toml", only(""));
    bench.counterfoil.write("hashes", hashes.join("\n"));
    for (block, name) in blocks.iter().zip(["a", "b"]) {
        let evidence = Bench::evidence(&[anchor(&block.record)]);
        bench
            .counterfoil
            .write(&format!("{name}.evidence.json"), evidence.to_string());
    }
    let both = ["a.evidence.json", "b.evidence.json"];
    let given = ["--block-hash", &hashes[0], "--block-hash", &hashes[1]];
    let ran = bench.run(&[&both[..], &given].concat(), SOON);
    assert_eq!(ran.code, 2, "{}", ran.all());
    assert!(ran.all().contains("--block-hashes"), "{}", ran.all());
    for one in ["a.evidence.json", "b.evidence.json"] {
        let ran = bench.run(&[&[one][..], &given].concat(), SOON);
        assert_eq!(named(&ran, "failed"), ["block hash"], "{one}");
    }
    let ran = bench.run(&[&both[..], &["--block-hashes", "hashes"]].concat(), SOON);
    assert_eq!(ran.code, 0, "{}", ran.all());
}

#[test]
fn the_earliest_so_many_count_of_tokens_and_blocks() {
    let bench = Bench::new();
    let block = block(&Bench::checkpoint());
    let evidence = Bench::evidence(&[
        bench.one.anchor(&Bench::checkpoint()),
        anchor(&block.record),
    ]);
    let hash = block.block_hash.to_string();
    let of = |least| trust(least, &policy(), &[bench.one.trusted(""), trusted("")]);
    let one = run(&bench, &evidence, &of(1), &["--block-hash", &hash]);
    assert_eq!(one.json()["no_later_than"], TIME, "{}", one.all());
    let two = run(&bench, &evidence, &of(2), &["--block-hash", &hash]);
    assert_eq!(two.json()["no_later_than"], "2027-01-15T08:00:01Z");
    let sentence = two.json()["sentence"].to_string();
    assert!(sentence.contains("a signed statement of the time-stamping authority one at"));
    assert!(
        sentence.contains(", and by block 23000000 of "),
        "{sentence}"
    );
    // The same block twice is one chain.
    let twice = Bench::evidence(&[anchor(&block.record), anchor(&block.record)]);
    let ran = run(&bench, &twice, &of(2), &["--block-hash", &hash]);
    assert_eq!(ran.code, 3, "{}", ran.all());
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_was_changed_in_a_block_fails_by_name() {
    let bench = Bench::new();
    let (block, good) = good();
    let hash = block.block_hash.to_string();
    let flip = |key: &str, place: usize| {
        let mut evidence = good.clone();
        let value = &mut evidence["anchors"][0];
        let text = match key.split_once('/') {
            Some((key, index)) => &mut value[key][index.parse::<usize>().unwrap()],
            None => &mut value[key],
        };
        let mut bytes = STANDARD.decode(text.as_str().unwrap()).unwrap();
        let place = place.min(bytes.len() - 1);
        bytes[place] ^= 1;
        *text = json!(STANDARD.encode(bytes));
        evidence
    };
    let set = |pointer: &str, to: Value| {
        let mut evidence = good.clone();
        *evidence
            .pointer_mut(&format!("/anchors/0{pointer}"))
            .unwrap() = to;
        evidence
    };
    let calldata = block
        .record
        .transaction
        .windows(4)
        .position(|four| four == [0xee, 0xcd, 0xf9, 0x27]);
    let calldata = calldata.unwrap();
    let rows = [
        (
            "the calldata's root",
            flip("transaction", calldata + 10),
            "checkpoint",
        ),
        ("the selector", flip("transaction", calldata), "calldata"),
        (
            "the transaction",
            flip("transaction", calldata + 10),
            "transaction inclusion",
        ),
        (
            "the destination",
            flip("transaction", calldata - 5),
            "destination",
        ),
        ("the receipt", flip("receipt", 20), "receipt inclusion"),
        (
            "a node",
            flip("transaction_proof/0", 30),
            "transaction inclusion",
        ),
        (
            "a node of the receipt",
            flip("receipt_proof/1", 30),
            "receipt inclusion",
        ),
        (
            "the index",
            set("/index", json!(18)),
            "transaction inclusion",
        ),
        ("the chain", set("/chain_id", json!(1)), "chain"),
        (
            "the place in the round",
            set("/path/index", json!(2)),
            "checkpoint",
        ),
        (
            "the size of the round",
            set("/path/size", json!(9)),
            "checkpoint",
        ),
        (
            "a hash of the path",
            set("/path/hashes/0", json!("ab".repeat(32))),
            "checkpoint",
        ),
    ];
    let table = only(&format!("destination = \"{DESTINATION}\""));
    for (name, evidence, check) in rows {
        let ran = run(&bench, &evidence, &table, &["--block-hash", &hash]);
        assert_eq!(ran.code, 1, "{name}: {}", ran.all());
        let failed = named(&ran, "failed");
        let suffix = format!(": {check}");
        assert!(
            failed.iter().any(|one| one.ends_with(&suffix)),
            "{name}: {failed:?}"
        );
    }
    // Whatever the header says: its hash is another.
    let ran = run(
        &bench,
        &flip("header", 500),
        &table,
        &["--block-hash", &hash],
    );
    let failed = named(&ran, "failed");
    assert!(failed.iter().any(|one| one == "block hash"), "{failed:?}");
    // A block of the verifier's with a transaction to elsewhere.
    let plan = Plan {
        checkpoint: Bench::checkpoint(),
        to: vec![0xa8; 20],
        ..Plan::default()
    };
    let elsewhere = plan.anchored().unwrap();
    let evidence = Bench::evidence(&[anchor(&elsewhere.record)]);
    let hash = elsewhere.block_hash.to_string();
    let ran = run(&bench, &evidence, &table, &["--block-hash", &hash]);
    let failed = ["anchor chain: destination", "anchors"];
    assert_eq!(named(&ran, "failed"), failed, "too few are left");
    // What was given is named, though that anchor is left out.
    let evidence = Bench::evidence(&[
        bench.one.anchor(&Bench::checkpoint()),
        anchor(&elsewhere.record),
    ]);
    let destination = trusted(&format!("destination = \"{DESTINATION}\""));
    let either = trust(1, &policy(), &[bench.one.trusted(""), destination]);
    let ran = run(&bench, &evidence, &either, &["--block-hash", &hash]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(named(&ran, "failed"), ["anchor chain: destination"]);
    let reason = reason(&ran, "block hash");
    assert!(
        reason.ends_with("names, whether that anchor holds or not"),
        "{reason}"
    );
}

/// A node that answers each request by its method and block.
fn node(answer: impl FnMut(&str, &str) -> String + Send + 'static) -> String {
    serving("200 OK", answer)
}

fn serving(
    status: &'static str,
    mut answer: impl FnMut(&str, &str) -> String + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let request: Value = serde_json::from_slice(&body).unwrap();
            let which = request["params"][0].as_str().unwrap_or_default();
            let text = answer(request["method"].as_str().unwrap(), which);
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                text.len()
            );
            stream.get_mut().write_all(head.as_bytes()).unwrap();
            let _ = stream.get_mut().write_all(text.as_bytes());
        }
    });
    url
}

/// An answer of JSON-RPC.
fn result(result: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "result": result}).to_string()
}

/// A node of a chain of whose blocks the last final one has this number; `block` says what it has under a number.
fn holding(
    chain_id: u64,
    finalized: u64,
    block: impl Fn(&str) -> Value + Send + 'static,
) -> String {
    node(move |method, which| {
        result(&match (method, which) {
            ("eth_chainId", _) => json!(format!("{chain_id:#x}")),
            (_, "finalized") => block(&format!("{finalized:#x}")),
            (_, number) => block(number),
        })
    })
}

/// A node of a chain that has one hash for every block.
fn chain(chain_id: u64, hash: String, finalized: u64) -> String {
    holding(
        chain_id,
        finalized,
        move |number| json!({"number": number, "hash": hash, "transactions": []}),
    )
}

/// A node of a chain that has the block after that of the evidence as its last final one, and no other.
fn without_block(chain_id: u64) -> String {
    let last = format!("{:#x}", NUMBER + 1);
    holding(chain_id, NUMBER + 1, move |number| {
        if number == last {
            json!({"number": number, "hash": format!("0x{}", "ab".repeat(32))})
        } else {
            Value::Null
        }
    })
}

#[test]
fn a_node_of_ones_own_tells() {
    let bench = Bench::new();
    let (block, evidence) = good();
    let hash = || block.block_hash.to_string();
    let other = || format!("0x{}", "ab".repeat(32));
    let always = |text: String| node(move |_, _| text.clone());
    let next = json!({"number": format!("{:#x}", NUMBER + 1), "hash": other()});
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let rows = [
        (
            "it is final",
            chain(CHAIN, hash(), NUMBER),
            0,
            "trusted by the node 127.0.0.1",
        ),
        (
            "not final yet",
            chain(CHAIN, hash(), NUMBER - 1),
            3,
            "but finalized is only block",
        ),
        ("another block", chain(CHAIN, other(), NUMBER), 1, "not as"),
        (
            "another block, not final yet",
            chain(CHAIN, other(), NUMBER - 1),
            3,
            "but finalized is only block",
        ),
        (
            "not that block",
            without_block(CHAIN),
            3,
            "does not have block 23000000",
        ),
        (
            "the next block",
            holding(CHAIN, NUMBER + 1, move |_| next.clone()),
            3,
            "asked for block 23000000, it gave block 23000001",
        ),
        (
            "a status of HTTP",
            serving("503 Service Unavailable", |_, _| {
                result(&json!(format!("{CHAIN:#x}")))
            }),
            3,
            "eth_chainId: HTTP status 503",
        ),
        (
            "another chain",
            chain(1, hash(), NUMBER),
            3,
            "is of Ethereum mainnet",
        ),
        (
            "nobody there",
            format!("http://{closed}"),
            3,
            "does not tell",
        ),
        ("no block", always(result(&Value::Null)), 3, "does not tell"),
        ("no JSON", always("<html>".to_owned()), 3, "does not tell"),
        (
            "a leading zero",
            always(result(&json!("0x07a69"))),
            3,
            "expected a number",
        ),
        (
            "too long",
            always(result(&json!("0".repeat(5 << 20)))),
            3,
            "more than",
        ),
        (
            "an error",
            always(
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32000,\"message\":\"no\"}}"
                    .to_owned(),
            ),
            3,
            "-32000 no",
        ),
        (
            "another request's",
            always("{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":\"0x1\"}".to_owned()),
            3,
            "to this request",
        ),
    ];
    for (name, url, code, expected) in rows {
        let ran = run(&bench, &evidence, &only(""), &["--eth-rpc", &url]);
        assert_eq!(ran.code, code, "{name}: {}", ran.all());
        let reason = reason(&ran, "anchor chain: block hash");
        assert!(reason.contains(expected), "{name}: {reason}");
    }
}

#[test]
fn a_node_that_contradicts_another_outweighs_it() {
    let bench = Bench::new();
    let (block, evidence) = good();
    let hash = || block.block_hash.to_string();
    let other = || format!("0x{}", "ab".repeat(32));
    let of = |hash: String, finalized| chain(CHAIN, hash, finalized);
    let rows = [
        ("both have it", of(hash(), NUMBER), of(hash(), NUMBER), 0),
        (
            "the second one has another",
            of(hash(), NUMBER),
            of(other(), NUMBER),
            1,
        ),
        (
            "the first one has another",
            of(other(), NUMBER),
            of(hash(), NUMBER),
            1,
        ),
        (
            "the second one has another, not final yet",
            of(hash(), NUMBER),
            of(other(), NUMBER - 1),
            0,
        ),
        (
            "the second one is of another chain",
            of(hash(), NUMBER),
            chain(1, other(), NUMBER),
            0,
        ),
    ];
    for (name, one, two, code) in rows {
        let flags = ["--eth-rpc", &one, "--eth-rpc", &two];
        let ran = run(&bench, &evidence, &only(""), &flags);
        assert_eq!(ran.code, code, "{name}: {}", ran.all());
    }
}

#[test]
fn a_node_names_no_chain_but_its_own() {
    let bench = Bench::new();
    let mut block = block(&Bench::checkpoint());
    let place = block.record.transaction.len() - 1;
    block.record.transaction[place] ^= 1;
    let evidence = Bench::evidence(&[
        bench.one.anchor(&Bench::checkpoint()),
        anchor(&block.record),
    ]);
    let unfinished = node(|method, _| match method {
        "eth_chainId" => result(&json!(format!("{CHAIN:#x}"))),
        _ => result(&Value::Null),
    });
    let rows = [
        ("of another chain", without_block(1), 0),
        ("that tells nothing", node(|_, _| String::new()), 0),
        ("of that chain", without_block(CHAIN), 1),
        ("of that chain, with nothing final", unfinished, 1),
    ];
    for (name, url, code) in rows {
        let ran = run(&bench, &evidence, &bench.trust(), &["--eth-rpc", &url]);
        assert_eq!(ran.code, code, "{name}: {}", ran.all());
    }
}

#[test]
fn a_node_that_did_not_tell_is_asked_again() {
    let bench = Bench::new();
    let (block, evidence) = good();
    let (hash, mut asked) = (block.block_hash.to_string(), 0);
    let url = node(move |method, which| {
        asked += 1;
        if asked == 1 {
            return "<html>".to_owned();
        }
        let number = match which {
            "finalized" => format!("{NUMBER:#x}"),
            number => number.to_owned(),
        };
        result(&match method {
            "eth_chainId" => json!(format!("{CHAIN:#x}")),
            _ => json!({"number": number, "hash": hash}),
        })
    });
    let plan = Plan {
        checkpoint: Bench::checkpoint(),
        kind: 1,
        receipt_kind: 1,
        ..Plan::default()
    };
    let before = anchor(&plan.anchored().unwrap().record);
    let both = Bench::evidence(&[before, evidence["anchors"][0].clone()]);
    let ran = run(&bench, &both, &only(""), &["--eth-rpc", &url]);
    let first = reason(&ran, "anchor chain: block hash");
    assert!(first.contains("does not tell"), "{first}");
    let second = reason(&ran, "anchor chain, again 1: block hash");
    assert!(second.contains("trusted by the node"), "{second}");
}

#[test]
fn inspect_explains_a_block() {
    let bench = Bench::new();
    let (block, evidence) = good();
    bench.write(&evidence, &only(""));
    let ran = bench.counterfoil.run(["inspect", EVIDENCE]);
    let hash = block.block_hash.to_string();
    for expected in ["a development chain (chain 31337)", &hash, TIME] {
        assert!(ran.all().contains(expected), "{expected}: {}", ran.all());
    }
}

#[test]
fn inspect_explains_the_record_of_a_block() {
    let bench = Bench::new();
    let (block, _) = good();
    let stored = |block: Record| BlockRecord {
        name: "mainnet".parse().unwrap(),
        checkpoint: Bench::checkpoint(),
        block,
        recorded: Moment::from_millis(1),
    };
    let mut changed = block.record.clone();
    *changed.transaction.last_mut().unwrap() ^= 1;
    for (name, record, code) in [("good", block.record, 0), ("changed", changed, 1)] {
        let record = stored(record).encode().unwrap();
        bench.counterfoil.write("record.json", &record);
        let ran = bench.counterfoil.run(["--json", "inspect", "record.json"]);
        assert_eq!(ran.code, code, "{name}: {}", ran.all());
        assert_eq!(ran.json()["explanation"]["kind"], "anchor-record", "{name}");
        let part = &record[..record.len() / 2];
        bench.counterfoil.write("record.json", part);
        let ran = bench.counterfoil.run(["inspect", "record.json"]);
        assert_ne!(ran.code, 0, "{name}: {}", ran.all());
    }
    let record = stored(good().0.record).encode().unwrap();
    bench.counterfoil.write("record.json", record);
    let ran = bench.counterfoil.run(["inspect", "record.json"]);
    let hash = block.block_hash.to_string();
    for expected in ["a block of the chain that is called mainnet", &hash, TIME] {
        assert!(ran.all().contains(expected), "{expected}: {}", ran.all());
    }
}

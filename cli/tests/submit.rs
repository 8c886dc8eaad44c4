//! `counterfoil submit` and `receipt` against a real log: nothing is lost, and nothing is logged twice.

#![cfg(feature = "log")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use common::server::{Meddle, Proxy, Server};
use common::{Counterfoil, Ran};
use serde_json::Value;

/// Writes `count` files that differ.
fn records(counterfoil: &Counterfoil, count: usize) {
    for number in 0..count {
        counterfoil.write(
            &format!("records/{}/{number}", number % 7),
            format!("record {number}"),
        );
    }
}

fn submit(counterfoil: &Counterfoil, url: &str, flags: &[&str]) -> Ran {
    let arguments = [
        "--json",
        "submit",
        "records",
        "--log",
        url,
        "--receipts",
        "receipts",
    ];
    counterfoil.run(arguments.iter().chain(flags))
}

/// The entries of the result: leaf hash and index.
fn entries(ran: &Ran) -> Vec<(String, u64)> {
    let json = ran.json();
    let entries = json["entries"]
        .as_array()
        .unwrap_or_else(|| panic!("{}", ran.all()));
    let one = |entry: &Value| {
        (
            entry["leaf_hash"].as_str().unwrap().to_owned(),
            entry["index"].as_u64().unwrap(),
        )
    };
    entries.iter().map(one).collect()
}

/// Every entry of the result is in the log exactly once, and the log has nothing else.
fn logged_once(server: &Server, ran: &Ran, count: usize) {
    let entries = entries(ran);
    let indexes: BTreeSet<u64> = entries.iter().map(|(_, index)| *index).collect();
    assert_eq!(indexes.len(), count, "{}", ran.all());
    assert_eq!(server.size(), count as u64, "{}", ran.all());
    for (leaf, _) in entries.iter().step_by(entries.len().div_ceil(40)) {
        assert_eq!(server.count(leaf), 1);
    }
}

fn verify(counterfoil: &Counterfoil) -> Ran {
    counterfoil.run([
        "verify",
        "records",
        "--receipts",
        "receipts",
        "--policy",
        "log/policy",
    ])
}

#[test]
fn files_are_logged_have_receipts_and_are_not_logged_again() {
    let counterfoil = Counterfoil::new();
    let server = Server::new(&counterfoil);
    records(&counterfoil, 300);
    for round in 0..3 {
        let ran = submit(
            &counterfoil,
            &server.url,
            &["--batch", "32", "--policy", "log/policy"],
        );
        assert_eq!(ran.code, 0, "{round}: {}", ran.all());
        logged_once(&server, &ran, 300);
        if round == 1 {
            // Without the journal the receipts tell what is logged.
            fs::remove_file(counterfoil.path("receipts/.counterfoil-submit.jsonl")).unwrap();
        }
    }
    let verified = verify(&counterfoil);
    assert_eq!(verified.code, 0, "{}", verified.all());
    assert!(
        verified.stdout.contains("300 of 300 files are verified"),
        "{}",
        verified.all()
    );
    // A lost receipt is fetched again, and more files are logged beside the old ones.
    fs::remove_file(counterfoil.path("receipts/3/10.tlog-proof")).unwrap();
    counterfoil.write("records/new", "another");
    let ran = submit(&counterfoil, &server.url, &[]);
    logged_once(&server, &ran, 301);
    assert_eq!(verify(&counterfoil).code, 0);
}

#[test]
fn receipts_lie_beside_the_files_unless_a_directory_is_given() {
    let counterfoil = Counterfoil::new();
    let server = Server::new(&counterfoil);
    records(&counterfoil, 5);
    for _ in 0..2 {
        let ran = counterfoil.run(["submit", "records", "--log", &server.url]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        assert_eq!(server.size(), 5, "receipts and the journal are not logged");
    }
    let ran = counterfoil.run(["verify", "records", "records/3/3", "--vkey", &server.vkey]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(counterfoil.path("records/3/3.tlog-proof").exists());
}

/// The receipt of the contents that a file had is the only proof of them.
#[test]
fn a_receipt_is_never_written_over() {
    let counterfoil = Counterfoil::new();
    let server = Server::new(&counterfoil);
    records(&counterfoil, 3);
    assert_eq!(submit(&counterfoil, &server.url, &[]).code, 0);
    let receipt = fs::read(counterfoil.path("receipts/1/1.tlog-proof")).unwrap();
    counterfoil.write("records/1/1", "changed");
    let ran = submit(&counterfoil, &server.url, &[]);
    assert_eq!(ran.code, 2, "{}", ran.all());
    assert!(
        ran.stderr.contains("receipts/1/1.tlog-proof"),
        "{}",
        ran.all()
    );
    assert_eq!(
        fs::read(counterfoil.path("receipts/1/1.tlog-proof")).unwrap(),
        receipt
    );
    assert_eq!(server.size(), 3);
}

#[test]
fn the_same_contents_twice_are_one_entry_with_two_receipts() {
    let counterfoil = Counterfoil::new();
    let server = Server::new(&counterfoil);
    counterfoil.write("records/a", "same");
    counterfoil.write("records/b", "same");
    let ran = submit(&counterfoil, &server.url, &[]);
    logged_once(&server, &ran, 1);
    assert_eq!(verify(&counterfoil).code, 0);
}

#[test]
fn contents_can_be_logged_and_are_found_as_such() {
    let counterfoil = Counterfoil::new();
    let server = Server::new(&counterfoil);
    counterfoil.write("records/text", "logged as it is");
    counterfoil.write("records/longest", vec![7; 65_535]);
    let ran = submit(&counterfoil, &server.url, &["--embed"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let ran = counterfoil.run([
        "--json",
        "verify",
        "records/text",
        "--receipts",
        "receipts",
        "--vkey",
        &server.vkey,
    ]);
    assert_eq!(
        (ran.code, ran.json()["matched"].as_str()),
        (0, Some("contents")),
        "{}",
        ran.all()
    );
    let (_, bundle) = server.get("tile/entries/000.p/2");
    assert!(bundle.windows(15).any(|bytes| bytes == b"logged as it is"));

    for (name, bytes, said) in [
        ("long", vec![7; 65_536], "65536 bytes, more than the 65535"),
        ("empty", vec![], "at least one byte"),
    ] {
        let counterfoil = Counterfoil::new();
        counterfoil.write("records/good", "good");
        counterfoil.write(&format!("records/{name}"), bytes);
        let ran = submit(&counterfoil, &server.url, &["--embed"]);
        assert_eq!(ran.code, 2, "{}", ran.all());
        assert!(
            ran.stderr.contains(said) && ran.stderr.contains(name),
            "{}",
            ran.all()
        );
        assert_eq!(server.size(), 2, "nothing is sent when something cannot be");
        // As digests they can be logged.
        let ran = submit(&counterfoil, &server.url, &["--no-wait"]);
        assert_eq!(ran.code, 2);
    }
}

#[test]
fn standard_input_is_one_entry() {
    let counterfoil = Counterfoil::new();
    let server = Server::new(&counterfoil);
    let arguments = [
        "--json",
        "submit",
        "-",
        "--log",
        &server.url,
        "--receipts",
        "r",
    ];
    let ran = counterfoil.run_with_input(arguments, b"piped");
    assert_eq!(ran.code, 0, "{}", ran.all());
    let receipt = ran.json()["entries"][0]["receipt"]
        .as_str()
        .unwrap()
        .to_owned();
    let ran = counterfoil.run_with_input(
        ["verify", "-", "--receipt", &receipt, "--vkey", &server.vkey],
        b"piped",
    );
    assert_eq!(ran.code, 0, "{}", ran.all());
    let arguments = [
        "submit",
        "-",
        "--log",
        &server.url,
        "--no-receipts",
        "--embed",
        "--wait",
        "--journal",
        "j",
    ];
    let ran = counterfoil.run_with_input(arguments, b"piped");
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(server.size(), 2);
}

/// Killed at one moment after another, the same command goes on, and in the end each file is logged once.
#[test]
fn killed_again_and_again_nothing_is_logged_twice() {
    let counterfoil = Counterfoil::new();
    let server = Server::new(&counterfoil);
    let count = 600;
    records(&counterfoil, count);
    let journal = counterfoil.path("receipts/.counterfoil-submit.jsonl");
    let arguments = [
        "submit",
        "records",
        "--log",
        &server.url,
        "--receipts",
        "receipts",
        "--batch",
        "7",
        "--settle",
        "0",
    ];
    let mut interrupted = 0;
    for round in 1_u64..=20 {
        let mut child = counterfoil
            .command(arguments)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // Killed when the journal has grown by a little, at another point of its work each time.
        let before = fs::metadata(&journal).map_or(0, |metadata| metadata.len());
        let goal = before + round * 331;
        let done = loop {
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "round {round}");
                break true;
            }
            if fs::metadata(&journal).is_ok_and(|metadata| metadata.len() >= goal) {
                child.kill().unwrap();
                child.wait().unwrap();
                break false;
            }
            std::thread::yield_now();
        };
        interrupted += u64::from(!done);
    }
    assert!(interrupted >= 5, "only {interrupted} runs were interrupted");
    let ran = counterfoil.run(["--json"].iter().chain(&arguments));
    assert_eq!(ran.code, 0, "{}", ran.all());
    logged_once(&server, &ran, count);
    assert_eq!(verify(&counterfoil).code, 0);
}

/// Whatever becomes of a request and its answer, each file is logged once.
#[test]
fn a_lost_answer_is_looked_up_and_a_refusal_is_tried_again() {
    let soon = "Retry-After: 0\r\n";
    let rows = [
        ("the answer is lost", vec![Meddle::Swallow]),
        ("all answers are lost", vec![Meddle::Swallow; 5]),
        ("the request is lost", vec![Meddle::Break]),
        (
            "a gateway hides a success",
            vec![
                Meddle::Replace(502),
                Meddle::Replace(504),
                Meddle::Replace(500),
            ],
        ),
        (
            "a gateway does not hand on",
            vec![Meddle::Refuse(502, ""), Meddle::Refuse(503, "")],
        ),
        (
            "overloaded",
            vec![Meddle::Refuse(503, soon), Meddle::Refuse(503, soon)],
        ),
        (
            "over the rate",
            vec![Meddle::Refuse(429, soon), Meddle::Refuse(429, "")],
        ),
        ("an answer that is none", vec![Meddle::Replace(200)]),
        (
            "one after the other",
            vec![
                Meddle::Refuse(503, soon),
                Meddle::Swallow,
                Meddle::Pass,
                Meddle::Break,
                Meddle::Replace(502),
            ],
        ),
    ];
    for (name, plan) in rows {
        for batch in ["1", "3"] {
            let counterfoil = Counterfoil::new();
            let server = Server::new(&counterfoil);
            records(&counterfoil, 8);
            let proxy = Proxy::new(&server.url, plan.clone());
            let ran = submit(
                &counterfoil,
                &proxy.url,
                &["--batch", batch, "--settle", "0"],
            );
            assert_eq!(ran.code, 0, "{name}, batches of {batch}: {}", ran.all());
            logged_once(&server, &ran, 8);
            assert_eq!(verify(&counterfoil).code, 0, "{name}");
            let sent = proxy.passed.lock().unwrap().len();
            let needed = if batch == "1" { 8 } else { 3 };
            assert_eq!(sent, needed, "{name}: no request was handed on twice");
        }
    }
}

/// What a log refuses for good is told, and nothing is taken for logged.
#[test]
fn a_refusal_for_good_ends_the_submission() {
    for (status, code, said) in [
        (401, 1, "token"),
        (403, 1, "token"),
        (413, 1, "--batch"),
        (400, 1, "400"),
    ] {
        let counterfoil = Counterfoil::new();
        let server = Server::new(&counterfoil);
        records(&counterfoil, 3);
        let proxy = Proxy::new(&server.url, vec![Meddle::Refuse(status, "")]);
        let ran = submit(&counterfoil, &proxy.url, &[]);
        assert_eq!(ran.code, code, "{}", ran.all());
        assert!(ran.stderr.contains(said), "{}", ran.all());
        assert_eq!(server.size(), 0);
        let ran = submit(&counterfoil, &proxy.url, &[]);
        logged_once(&server, &ran, 3);
    }
}

/// A log that takes single entries only, as the C2SP software of others does.
#[test]
fn a_log_without_batches_gets_one_entry_at_a_time() {
    let counterfoil = Counterfoil::new();
    let server = Server::new(&counterfoil);
    records(&counterfoil, 9);
    let proxy = Proxy::new(&server.url, vec![Meddle::Refuse(404, "")]);
    let ran = submit(&counterfoil, &proxy.url, &[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    logged_once(&server, &ran, 9);
    assert!(
        proxy
            .passed
            .lock()
            .unwrap()
            .iter()
            .all(|head| head.starts_with("POST /add HTTP"))
    );
}

/// A log that cannot look leaves up: what may be logged is not sent again unless that is wanted.
#[test]
fn without_lookups_an_unknown_outcome_stays_unknown() {
    let counterfoil = Counterfoil::new();
    Server::init(&counterfoil);
    let server = Server::start(&counterfoil, &["--log-lookup", "false"]);
    records(&counterfoil, 1);
    let proxy = Proxy::new(&server.url, vec![Meddle::Swallow]);
    let ran = submit(
        &counterfoil,
        &proxy.url,
        &["--settle", "0", "--timeout", "1"],
    );
    assert_eq!(ran.code, 3, "{}", ran.all());
    let again = submit(
        &counterfoil,
        &proxy.url,
        &["--settle", "0", "--timeout", "1"],
    );
    assert_eq!(again.code, 3, "{}", again.all());
    assert_eq!(server.size(), 1);
    let resent = submit(
        &counterfoil,
        &proxy.url,
        &["--settle", "0", "--timeout", "1", "--resend"],
    );
    assert_eq!(resent.code, 0, "{}", resent.all());
    assert_eq!(server.size(), 2);
}

#[test]
fn a_log_that_is_not_trusted_gets_nothing() {
    let counterfoil = Counterfoil::new();
    let server = Server::new(&counterfoil);
    records(&counterfoil, 2);
    let other = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let ran = submit(&counterfoil, &server.url, &["--vkey", other]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert_eq!(server.size(), 0);
}

#[test]
fn a_receipt_is_fetched_by_file_by_index_and_from_the_files_of_a_log() {
    let counterfoil = Counterfoil::new();
    let server = Server::new(&counterfoil);
    records(&counterfoil, 20);
    let ran = submit(
        &counterfoil,
        &server.url,
        &["--no-receipts", "--wait", "--journal", "j"],
    );
    assert!(
        ran.code == 2 && ran.stderr.contains("cannot be used with"),
        "{}",
        ran.all()
    );
    let ran = counterfoil.run([
        "submit",
        "records",
        "--log",
        &server.url,
        "--no-receipts",
        "--wait",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.all());

    let ran = counterfoil.run([
        "receipt",
        "records/5/5",
        "--log",
        &server.url,
        "--policy",
        "log/policy",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let ran = counterfoil.run(["verify", "records/5/5", "--policy", "log/policy"]);
    assert_eq!(ran.code, 0, "{}", ran.all());

    let data = common::server::data(&counterfoil);
    let text = |log: &str| {
        let ran = counterfoil.run([
            "receipt",
            "--index",
            "7",
            "--log",
            log,
            "--vkey",
            &server.vkey,
        ]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        ran.stdout
    };
    // The log's own receipt and the one made from its files are the same.
    assert_eq!(text(&server.url), text(data.to_str().unwrap()));

    let rows = [
        (vec!["--index", "20"], 1, "20"),
        (vec!["records/5/5"], 2, "never overwritten"),
        (vec!["--index", "7", "--size", "3"], 3, "size"),
        (vec!["log/policy"], 1, "is not in the published log"),
    ];
    for (arguments, code, said) in rows {
        let fixed = ["receipt", "--log", &server.url];
        let ran = counterfoil.run(fixed.iter().chain(&arguments));
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.all());
        assert!(ran.stderr.contains(said), "{arguments:?}: {}", ran.all());
    }
    assert!(!Path::new(&counterfoil.path("log/policy.tlog-proof")).exists());
}

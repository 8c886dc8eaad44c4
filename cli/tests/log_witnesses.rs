//! A log under a quorum of witnesses, as an operator runs it: from the configuration to a receipt that verifies.

#![cfg(all(feature = "log", feature = "witness"))]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use common::server::{Server, exchange};
use common::{Counterfoil, copy_tree};
use serde_json::Value;

const ADD: &str = "POST /add HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 7\r\n";

/// One of our witnesses, on a port that stays its own; killed when dropped.
struct Witness {
    name: String,
    listen: String,
    child: Option<Child>,
}

impl Witness {
    /// Makes a witness for the log in `log`, gives its two lines of a policy, and runs it.
    fn new(counterfoil: &Counterfoil, name: &str) -> (Self, String) {
        let key_name = format!("{name}.example/w");
        let ran = counterfoil.run(["witness", "init", name, "--name", &key_name]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        let vkeys: Vec<String> = ran.stdout.lines().map(ToOwned::to_owned).collect();
        let policy = fs::read_to_string(counterfoil.path("log/policy")).unwrap();
        let log = policy.lines().find_map(|line| line.strip_prefix("log "));
        let add = ["witness", "add-log", "--config", name, log.unwrap()];
        assert_eq!(counterfoil.run(add).code, 0);
        let mut witness = Self {
            name: name.to_owned(),
            listen: "127.0.0.1:0".to_owned(),
            child: None,
        };
        witness.start(counterfoil);
        let url = format!("http://{}/", witness.listen);
        let [ed25519, ml_dsa] = &vkeys[..] else {
            panic!("{vkeys:?}")
        };
        let lines = format!(
            "witness {name}1 {ed25519} {url}\nwitness {name}2 {ml_dsa} {url}\ngroup {name} any {name}1 {name}2\n"
        );
        (witness, lines)
    }

    fn start(&mut self, counterfoil: &Counterfoil) {
        let arguments = [
            "--json",
            "witness",
            "run",
            "--config",
            &self.name,
            "--listen",
            &self.listen,
        ];
        let mut command = counterfoil.command(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        lines.read_line(&mut line).unwrap();
        let ready: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let url = ready["urls"][0].as_str().unwrap();
        let listen = url.strip_prefix("http://").unwrap();
        listen.trim_end_matches('/').clone_into(&mut self.listen);
        self.child = Some(child);
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Adds an entry of seven bytes; gives status and body.
fn add(server: &Server, entry: &str, query: &str) -> (u16, String) {
    let head = ADD.replace("/add ", &format!("/add{query} "));
    let (status, _, body) = exchange(&server.url, &head, entry.as_bytes());
    (status, String::from_utf8(body).unwrap())
}

fn status(server: &Server) -> Value {
    let (status, body) = server.get("status");
    assert_eq!(status, 200);
    serde_json::from_slice(&body).unwrap()
}

/// Asks again until it is so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < end, "not within 30 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_log_publishes_with_two_of_three_witnesses_holds_with_one_and_recovers() {
    let counterfoil = Counterfoil::new();
    Server::init(&counterfoil);
    let (mut witnesses, lines): (Vec<Witness>, Vec<String>) = ["A", "B", "C"]
        .iter()
        .map(|name| Witness::new(&counterfoil, name))
        .unzip();
    let policy = fs::read_to_string(counterfoil.path("log/policy")).unwrap();
    let alone = counterfoil.write("alone", &policy);
    let quorum = format!("{}group Q 2 A B C\nquorum Q\n", lines.concat());
    counterfoil.write("log/policy", policy.replace("quorum none\n", &quorum));
    let flags = ["--log-witness-deadline", "500ms"];
    let server = Server::start(&counterfoil, &flags);
    let (code, text) = server.get("policy");
    assert_eq!(code, 200);
    assert!(
        String::from_utf8(text)
            .unwrap()
            .contains("group Q 2 A B C\nquorum Q\n")
    );

    // Two of three are enough, and the receipt shows it to whoever has the policy.
    witnesses[2].stop();
    let (code, receipt) = add(&server, "entry 0", "?wait=receipt");
    assert_eq!(code, 200, "{receipt}");
    counterfoil.write("receipt", &receipt);
    counterfoil.write("entry", "entry 0");
    let verify = [
        "--json",
        "verify",
        "entry",
        "--receipt",
        "receipt",
        "--policy",
    ];
    let ran = counterfoil.run(verify.iter().chain(&["log/policy"]));
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(ran.check("quorum"), "passed", "{}", ran.all());
    // A receipt from before the witnesses would not do.
    let by_witness =
        |line: &&str| line.starts_with("— A.example/w") || line.starts_with("— B.example/w");
    let lacking: Vec<&str> = receipt.lines().filter(|line| !by_witness(line)).collect();
    assert!(lacking.len() + 2 <= receipt.lines().count(), "{receipt}");
    let lacking = lacking.join("\n") + "\n";
    counterfoil.write("receipt", lacking);
    let ran = counterfoil.run(verify.iter().chain(&["log/policy"]));
    assert_eq!(ran.code, 1, "{}", ran.all());
    let ran = counterfoil.run(verify.iter().chain(&[alone.to_str().unwrap()]));
    assert_eq!(ran.code, 0, "{}", ran.all());

    // One is not: entries are taken, and nothing is published.
    witnesses[1].stop();
    let size = server.size();
    assert_eq!(add(&server, "entry 1", ""), (200, "1".to_owned()));
    until("the outage is told", || {
        status(&server)["state"] == "unpublished"
    });
    assert_eq!(add(&server, "entry 2", ""), (200, "2".to_owned()));
    let told = status(&server);
    assert_eq!(
        (server.size(), told["unpublished_entries"].as_u64()),
        (size, Some(3 - size))
    );
    let answers = told["witnesses"].as_array().unwrap();
    assert_eq!(answers.len(), 6, "{told}");
    assert!(
        answers.iter().all(|witness| witness["answer"].is_string()),
        "{told}"
    );

    // It recovers by itself.
    witnesses[1].start(&counterfoil);
    until("it is published", || server.size() == 3);
    until("the end is told", || status(&server)["state"] == "running");
    assert_eq!(server.stop(), Some(0));
    let ran = counterfoil.run(["--json", "log", "check", "log"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(
        (ran.check("policy"), ran.check("quorum")),
        ("passed".into(), "passed".into())
    );
}

#[test]
fn a_policy_that_cannot_be_is_refused_before_anything_runs() {
    let counterfoil = Counterfoil::new();
    Server::init(&counterfoil);
    let good = fs::read_to_string(counterfoil.path("log/policy")).unwrap();
    let rows = [
        ("not a policy", "log\n".to_owned(), "policy line 1"),
        (
            "another log's",
            "quorum none\n".to_owned(),
            "there is none for test.example/log+",
        ),
        (
            "a quorum of nobody",
            good.replace("none", "Q"),
            "no earlier line defines the name",
        ),
    ];
    for (name, policy, expected) in rows {
        counterfoil.write("log/policy", policy);
        for check in [&["--check"][..], &[]] {
            let run = ["log", "run", "--config", "log", "--listen", "127.0.0.1:0"];
            let ran = counterfoil.run(run.iter().chain(check));
            assert_eq!(ran.code, 2, "{name}: {}", ran.all());
            assert!(ran.stderr.contains(expected), "{name}: {}", ran.all());
        }
    }
}

#[test]
fn a_log_restored_from_an_old_backup_refuses_to_run_until_its_operator_insists() {
    let counterfoil = Counterfoil::new();
    Server::init(&counterfoil);
    let (_witness, lines) = Witness::new(&counterfoil, "A");
    let policy = fs::read_to_string(counterfoil.path("log/policy")).unwrap();
    let policy = policy.replace("quorum none\n", &format!("{lines}quorum A\n"));
    counterfoil.write("log/policy", policy);
    let server = Server::start(&counterfoil, &[]);
    assert_eq!(server.stop(), Some(0));
    copy_tree(&counterfoil.path("log/data"), &counterfoil.path("backup"));
    let server = Server::start(&counterfoil, &[]);
    let (code, receipt) = add(&server, "entry 0", "?wait=receipt");
    assert_eq!(code, 200, "{receipt}");
    assert_eq!(server.stop(), Some(0));
    fs::remove_dir_all(counterfoil.path("log/data")).unwrap();
    copy_tree(&counterfoil.path("backup"), &counterfoil.path("log/data"));
    let ran = counterfoil.run(["log", "run", "--config", "log", "--listen", "127.0.0.1:0"]);
    assert_eq!(ran.code, 3, "{}", ran.all());
    let words = "has size 1, but the data ends at size 0: the data is an older copy";
    assert!(ran.stderr.contains(words), "{}", ran.all());
    let server = Server::start(&counterfoil, &["--start-unguarded"]);
    assert_eq!(server.size(), 0);
    drop(server);
}

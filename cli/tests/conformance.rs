//! `counterfoil conformance`, on our own witness as a real process that is killed and started again.

#![cfg(feature = "witness")]

mod common;

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::Counterfoil;
use serde_json::Value;

/// Keys of three logs, the first with two keys, and a witness that follows them.
fn witness_and_logs(counterfoil: &Counterfoil) -> Vec<&'static str> {
    let init = [
        "--quiet",
        "witness",
        "init",
        "w",
        "--name",
        "witness.example/w1",
    ];
    let ran = counterfoil.run(init);
    assert_eq!(ran.code, 0, "{}", ran.all());
    counterfoil.write("vkeys", &ran.stdout);
    let files = ["1.key", "2.key", "3.key", "second.key"];
    for (file, name) in files.into_iter().zip(["1", "2", "3", "1"]) {
        let name = format!("example.com/{name}");
        let ran = counterfoil.run(["--quiet", "key", "generate", "--name", &name, file]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        let vkey = ran.stdout.trim_end();
        let ran = counterfoil.run(["witness", "add-log", "--config", "w", vkey]);
        assert_eq!(ran.code, 0, "{}", ran.all());
    }
    files
        .into_iter()
        .flat_map(|file| ["--log-key", file])
        .collect()
}

/// Starts the witness; gives its URL when it is ready.
fn start(counterfoil: &Counterfoil, listen: &str) -> (Child, String) {
    let run = [
        "--json", "witness", "run", "--config", "w", "--listen", listen,
    ];
    let mut command = counterfoil.command(run);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    lines.read_line(&mut line).unwrap();
    let ready: Value =
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
    (child, ready["urls"][0].as_str().unwrap().to_owned())
}

/// A port that was free a moment ago: the witness is started on it more than once.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Runs `during` while a witness runs, which is killed and started again whenever the file `restart` appears; the file goes
/// away when it is back.
fn with_witness<R>(counterfoil: &Counterfoil, during: impl FnOnce(&str) -> R) -> R {
    let address = free_address();
    let (mut child, url) = start(counterfoil, &address);
    let done = AtomicBool::new(false);
    let marker = counterfoil.path("restart");
    std::thread::scope(|scope| {
        let supervisor = scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                if marker.exists() {
                    child.kill().unwrap();
                    child.wait().unwrap();
                    child = start(counterfoil, &address).0;
                    std::fs::remove_file(&marker).unwrap();
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            child.kill().unwrap();
            child.wait().unwrap();
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| during(&url)));
        done.store(true, Ordering::SeqCst);
        supervisor.join().unwrap();
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[test]
fn our_witness_passes_every_row() {
    let counterfoil = Counterfoil::new();
    let log_keys = witness_and_logs(&counterfoil);
    with_witness(&counterfoil, |url| {
        let mut arguments = vec!["--json", "conformance", "witness", url, "--vkeys", "vkeys"];
        arguments.extend(&log_keys);
        let restart = "touch restart; while [ -e restart ]; do sleep 0.05; done";
        arguments.extend(["--restart-command", restart]);
        let ran = counterfoil.run(&arguments);
        let report = ran.json();
        let rows = report["rows"].as_array().unwrap();
        for row in rows {
            assert_eq!(row["verdict"], "pass", "{row}");
        }
        assert!(rows.len() > 100, "{} rows", rows.len());
        assert_eq!(ran.code, 0);
        // On a witness that has seen it before, only what needs a new log is left out.
        let ran = counterfoil.run(&arguments[..arguments.len() - 2]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        let report = ran.json();
        let left_out: Vec<_> = report["rows"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["verdict"] != "pass")
            .map(|row| {
                (
                    row["id"].as_str().unwrap(),
                    row["verdict"].as_str().unwrap(),
                )
            })
            .collect();
        let new = [
            "monitoring.never",
            "new.old-size",
            "new.empty-other-root",
            "new.empty",
            "new.proof-from-zero",
            "new.first",
            "restart",
        ];
        assert_eq!(left_out, new.map(|id| (id, "not-tested")));
    });
}

#[test]
fn what_is_found_decides_the_exit_code() {
    let counterfoil = Counterfoil::new();
    let log_keys = witness_and_logs(&counterfoil);
    let ran = counterfoil.run([
        "--quiet",
        "key",
        "generate",
        "--name",
        "example.com/other",
        "other.key",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let ran = counterfoil.run([
        "--quiet",
        "key",
        "generate",
        "--name",
        "witness.example/w1",
        "--algorithm",
        "ml-dsa-44",
        "w2.key",
    ]);
    counterfoil.write("other-vkeys", &ran.stdout);
    with_witness(&counterfoil, |url| {
        let ask =
            |rest: &[&str]| counterfoil.run([&["conformance", "witness", url][..], rest].concat());
        // Signed by other keys than the one expected.
        let ran = ask(&[&log_keys[..], &["--vkeys", "other-vkeys", "--markdown"]].concat());
        assert_eq!(ran.code, 1, "{}", ran.all());
        assert!(
            ran.stdout.contains("| `answer.cosignatures` |"),
            "{}",
            ran.all()
        );
        assert!(ran.stdout.contains("**FAIL**"), "{}", ran.all());
        // A log that the witness does not follow.
        let ran = ask(&["--log-key", "other.key"]);
        assert_eq!(ran.code, 3, "{}", ran.all());
        assert!(
            ran.stderr
                .contains("does not follow the log example.com/other"),
            "{}",
            ran.all()
        );
        // A key that is no log's.
        let ran = ask(&["--log-key", "w/witness.key"]);
        assert_eq!(ran.code, 2, "{}", ran.all());
    });
    let url = format!("http://{}/", free_address());
    let ran = counterfoil.run([&["conformance", "witness", &url][..], &log_keys].concat());
    assert_eq!(ran.code, 3, "{}", ran.all());
    assert!(ran.stderr.contains("does not answer"), "{}", ran.all());
}

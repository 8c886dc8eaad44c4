//! `counterfoil dev tsa`: run, told to misbehave, and ended.

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use common::Counterfoil;
use common::server::exchange;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A TSA that runs as a process of its own; killed when dropped.
struct Tsa {
    child: Option<Child>,
    ready: Value,
}

impl Tsa {
    fn start(counterfoil: &Counterfoil, kind: &str, flags: &[&str]) -> Self {
        let fixed = ["--json", "dev", kind, "--listen", "127.0.0.1:0"];
        let mut child = counterfoil
            .command(fixed.iter().chain(flags))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        lines.read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self {
            child: Some(child),
            ready,
        }
    }

    fn request(&self, head: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
        let url = self.ready["url"].as_str().unwrap();
        let head = format!(
            "{head} HTTP/1.1\r\nHost: tsa\r\nContent-Length: {}\r\n",
            body.len()
        );
        exchange(url, &head, body)
    }

    /// Asks it to end; gives its exit code and what it said on standard error.
    fn stop(mut self) -> (Option<i32>, String) {
        let child = self.child.take().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let ended = child.wait_with_output().unwrap();
        let log = String::from_utf8_lossy(&ended.stderr).into_owned();
        (ended.status.code(), log)
    }
}

impl Drop for Tsa {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn a_tsa_that_says_what_it_is_misbehaves_when_told_and_ends() {
    let counterfoil = Counterfoil::new();
    let tsa = Tsa::start(
        &counterfoil,
        "tsa",
        &["--dir", "tsa", "--behaviour", "html"],
    );
    assert_eq!(tsa.ready["behaviour"], "html");
    assert_eq!(tsa.ready["development_only"], true);
    let (status, _, root) = tsa.request("GET /root.pem", b"");
    assert_eq!(status, 200);
    assert_eq!(tsa.ready["root_pem"].as_str().unwrap().as_bytes(), root);
    let (status, _, page) = tsa.request("GET /", b"");
    assert_eq!(status, 200);
    assert!(
        String::from_utf8(page)
            .unwrap()
            .contains("DEVELOPMENT ONLY")
    );

    let (status, _, _) = tsa.request("PUT /behaviour", b"unavailable");
    assert_eq!(status, 200);
    let query = "POST /tsr";
    let (status, _, _) = tsa.request(query, b"");
    assert_eq!(status, 415, "no content type");
    let (_, _, now) = tsa.request("GET /behaviour", b"");
    assert_eq!(now, b"unavailable\n");

    let (code, log) = tsa.stop();
    assert_eq!(code, Some(0), "{log}");
    let line = log
        .lines()
        .find(|line| line.contains("behaves from now on"));
    for line in [log.lines().next(), line] {
        assert!(line.unwrap().contains("DEVELOPMENT ONLY"), "{log}");
    }

    // The directory has its keys, and the root stays.
    let again = Tsa::start(&counterfoil, "tsa", &["--dir", "tsa"]);
    assert_eq!(again.request("GET /root.pem", b"").2, root);
}

#[test]
fn openssl_is_served_and_says_what_it_is() {
    let openssl = std::process::Command::new("openssl")
        .arg("version")
        .output();
    if openssl.is_err() {
        assert!(
            std::env::var_os("COUNTERFOIL_REQUIRE_VECTORS").is_none_or(|value| value != "1"),
            "COUNTERFOIL_REQUIRE_VECTORS=1, and there is no openssl to serve"
        );
        eprintln!("SKIPPED: no openssl in PATH, so it was not served as a TSA");
        return;
    }
    let counterfoil = Counterfoil::new();
    let tsa = Tsa::start(&counterfoil, "openssl-tsa", &["--dir", "tsa"]);
    assert_eq!(tsa.ready["development_only"], true);
    let (status, _, root) = tsa.request("GET /root.pem", b"");
    assert_eq!(status, 200);
    assert_eq!(tsa.ready["root_pem"].as_str().unwrap().as_bytes(), root);
    let (code, log) = tsa.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(
        log.lines().next().unwrap().contains("DEVELOPMENT ONLY"),
        "{log}"
    );
    let ran = counterfoil.run(["dev", "openssl-tsa", "--help"]);
    assert!(ran.stdout.contains("DEVELOPMENT ONLY"), "{}", ran.all());
}

#[test]
fn help_and_errors_say_what_it_is_and_what_to_do() {
    let counterfoil = Counterfoil::new();
    for help in ["-h", "--help"] {
        let ran = counterfoil.run(["dev", "tsa", help]);
        assert_eq!(ran.code, 0);
        assert!(ran.stdout.contains("DEVELOPMENT ONLY"), "{}", ran.all());
        for name in counterfoil_dev_tsa::Behaviour::NAMES {
            assert!(
                ran.stdout.contains(&format!("\n  {name}")),
                "{name}: {}",
                ran.all()
            );
        }
    }
    let ran = counterfoil.run(["dev", "tsa", "--behaviour", "evil"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("expected one of honest, slow"),
        "{}",
        ran.all()
    );
    let ran = counterfoil.run(["dev", "tsa", "--listen", "192.0.2.1:1"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("--listen gives another address"),
        "{}",
        ran.all()
    );
}

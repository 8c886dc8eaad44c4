//! `counterfoil log`, `audit` over HTTP and `demo`, with real processes.

#![cfg(feature = "log")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use common::server::{Meddle, Proxy, Server, data};
use common::{Counterfoil, Ran, copy_tree};

fn fill(counterfoil: &Counterfoil, server: &Server, count: usize, what: &str) {
    for number in 0..count {
        counterfoil.write(&format!("{what}/{number}"), format!("{what} {number}"));
    }
    let ran = counterfoil.run([
        "submit",
        what,
        "--log",
        &server.url,
        "--no-receipts",
        "--wait",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.all());
}

#[test]
fn init_makes_a_log_once_and_says_what_to_do_next() {
    let counterfoil = Counterfoil::new();
    let init = [
        "log",
        "init",
        "log",
        "--origin",
        "log.example.org/records",
        "--ml-dsa-44",
    ];
    let ran = counterfoil.run(init);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(ran.stdout.lines().count(), 2, "two vkeys: {}", ran.all());
    assert!(
        ran.stderr.contains("counterfoil log run --config log"),
        "{}",
        ran.all()
    );
    for key in ["log/log.key", "log/log-mldsa.key"] {
        let mode = fs::metadata(counterfoil.path(key))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o600, "{key}");
    }
    let policy = fs::read_to_string(counterfoil.path("log/policy")).unwrap();
    for vkey in ran.stdout.lines() {
        assert!(policy.contains(&format!("log {vkey}\n")), "{policy}");
    }
    let key = fs::read(counterfoil.path("log/log.key")).unwrap();
    let again = counterfoil.run(init);
    assert_eq!(again.code, 2, "{}", again.all());
    assert!(again.stderr.contains("exists"), "{}", again.all());
    assert_eq!(fs::read(counterfoil.path("log/log.key")).unwrap(), key);
    let check = counterfoil.run(["log", "run", "--config", "log", "--check"]);
    assert_eq!(check.code, 0, "{}", check.all());
    let refused = counterfoil.run(["log", "init", "other", "--origin", "a\"b"]);
    assert_eq!(refused.code, 2, "{}", refused.all());
    assert!(!counterfoil.path("other").exists());
}

#[test]
fn what_is_wrong_with_a_configuration_is_said_before_anything_runs() {
    let counterfoil = Counterfoil::new();
    Server::init(&counterfoil);
    let good = fs::read_to_string(counterfoil.path("log/counterfoil.toml")).unwrap();
    let other = [
        "key",
        "generate",
        "--name",
        "other.example",
        "log/other.key",
    ];
    assert_eq!(counterfoil.run(other).code, 0);
    let rows: [(&str, String, &[&str], &str); 9] = [
        (
            "key of another log",
            good.replace("log.key", "other.key"),
            &[],
            "the key is named \"other.example\"",
        ),
        (
            "filter that is none",
            good.clone(),
            &["--log-filter", "info,a=loud"],
            "log_filter: expected directives",
        ),
        (
            "unknown key",
            format!("lisen = []\n{good}"),
            &[],
            "the nearest is listen",
        ),
        ("not TOML", format!("=\n{good}"), &[], "not TOML"),
        (
            "no log",
            "listen = [\"127.0.0.1:0\"]\n".to_owned(),
            &[],
            "[[log]]",
        ),
        (
            "key file missing",
            good.replace("log.key", "absent.key"),
            &[],
            "absent.key",
        ),
        ("unknown flag", good.clone(), &["--listne", "x"], "--listen"),
        (
            "bad flag",
            good.clone(),
            &["--request-deadline", "soon"],
            "request-deadline",
        ),
        (
            "unknown path",
            good.clone(),
            &["--set", "log.0.origen=x"],
            "origin",
        ),
    ];
    for (name, text, flags, said) in rows {
        counterfoil.write("log/counterfoil.toml", text);
        let ran = counterfoil.run(
            ["log", "run", "--config", "log", "--check"]
                .iter()
                .chain(flags),
        );
        assert_eq!(ran.code, 2, "{name}: {}", ran.all());
        assert!(ran.stderr.contains(said), "{name}: {}", ran.all());
    }
    counterfoil.write("log/counterfoil.toml", &good);
    let mut command = counterfoil.command(["log", "run", "--config", "log", "--check"]);
    let output = command
        .env("COUNTERFOIL_LOG__REQUEST_DEADLINE", "soon")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    fs::set_permissions(
        counterfoil.path("log/log.key"),
        fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    let ran = counterfoil.run(["log", "run", "--config", "log", "--check"]);
    assert_eq!(ran.code, 2, "{}", ran.all());
    assert!(ran.stderr.contains("log.key"), "{}", ran.all());
}

#[test]
fn a_server_ends_gracefully_and_its_address_is_not_taken_twice() {
    let counterfoil = Counterfoil::new();
    let server = Server::new(&counterfoil);
    fill(&counterfoil, &server, 3, "records");
    let other = Counterfoil::new();
    Server::init(&other);
    let address = server
        .url
        .strip_prefix("http://")
        .unwrap()
        .trim_end_matches('/')
        .to_owned();
    let ran = other.run(["log", "run", "--config", "log", "--listen", &address]);
    assert_eq!(ran.code, 2, "{}", ran.all());
    // A second server on the same data does not start either.
    let ran = counterfoil.run(["log", "run", "--config", "log", "--listen", "127.0.0.1:0"]);
    assert_eq!(ran.code, 3, "{}", ran.all());
    assert_eq!(server.stop(), Some(0));
    let server = Server::start(&counterfoil, &[]);
    assert_eq!(server.size(), 3);
}

/// A client that never ends its request holds up a stop for as long as the deadlines say, and not against the operator's will.
#[test]
fn a_second_signal_ends_a_server_at_once() {
    let counterfoil = Counterfoil::new();
    Server::init(&counterfoil);
    let hours = [
        "--body-deadline",
        "2h",
        "--request-deadline",
        "2h",
        "--shutdown-deadline",
        "2h",
    ];
    let server = Server::start(&counterfoil, &hours);
    let address = server
        .url
        .strip_prefix("http://")
        .unwrap()
        .trim_end_matches('/')
        .to_owned();
    let mut slow = TcpStream::connect(&address).unwrap();
    let head = "POST /add HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n";
    slow.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    slow.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100", "the request is taken");
    server.signal();
    // It has been told when it no longer listens.
    while TcpStream::connect(&address).is_ok() {}
    assert_eq!(server.stop(), Some(3));
}

// SPEC(tlog-tiles): "The Signed Tree Head MUST be served as a [checkpoint][] at"
#[test]
fn a_log_is_audited_over_http_as_it_grows() {
    let counterfoil = Counterfoil::new();
    let server = Server::new(&counterfoil);
    for (round, count) in [1, 255, 300].into_iter().enumerate() {
        fill(&counterfoil, &server, count, &format!("round{round}"));
        for flags in [&[][..], &["--jobs", "3"], &["--new-only"]] {
            let fixed = ["--json", "audit", &server.url, "--policy", "log/policy"];
            let ran = counterfoil.run(fixed.iter().chain(flags));
            assert_eq!(ran.code, 0, "{}", ran.all());
            assert_eq!(ran.json()["size"], server.size());
        }
    }
    // The files of the log, served by anything, are the log.
    let directory = data(&counterfoil);
    let ran = counterfoil.run([
        "audit",
        directory.to_str().unwrap(),
        "--policy",
        "log/policy",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.all());
}

#[test]
fn a_log_that_does_not_answer_is_neither_whole_nor_damaged() {
    let counterfoil = Counterfoil::new();
    let server = Server::new(&counterfoil);
    fill(&counterfoil, &server, 3, "records");
    let url = server.url.clone();
    let policy = fs::read(counterfoil.path("log/policy")).unwrap();
    assert_eq!(server.stop(), Some(0));
    counterfoil.write("policy", policy);
    let ran = counterfoil.run(["audit", &format!("{url}no-such-log/"), "--policy", "policy"]);
    assert_eq!(ran.code, 3, "{}", ran.all());
}

#[test]
fn log_check_names_what_is_damaged() {
    type Row = (&'static str, &'static str, fn(&mut Vec<u8>));
    let counterfoil = Counterfoil::new();
    let server = Server::new(&counterfoil);
    fill(&counterfoil, &server, 600, "records");
    assert_eq!(server.stop(), Some(0));
    let whole = counterfoil.path("whole");
    copy_tree(&counterfoil.path("log"), &whole);
    fs::set_permissions(whole.join("log.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let check = |counterfoil: &Counterfoil| counterfoil.run(["--json", "log", "check", "damaged"]);
    let rows: [Row; 6] = [
        ("an entry", "data/tile/entries/000", |bytes| {
            *bytes.last_mut().unwrap() ^= 1;
        }),
        ("a leaf hash", "data/tile/0/001", |bytes| bytes[0] ^= 1),
        ("a hash of level 1", "data/tile/1/000.p/2", |bytes| {
            bytes[0] ^= 1;
        }),
        ("a bundle cut", "data/tile/entries/001", |bytes| {
            bytes.truncate(7);
        }),
        ("a partial tile", "data/tile/0/002.p/88", |bytes| {
            bytes[0] ^= 1;
        }),
        ("a tile emptied", "data/tile/0/000", Vec::clear),
    ];
    for (name, path, change) in rows {
        let damaged = counterfoil.path("damaged");
        let _ = fs::remove_dir_all(&damaged);
        copy_tree(&whole, &damaged);
        fs::set_permissions(damaged.join("log.key"), fs::Permissions::from_mode(0o600)).unwrap();
        let good = check(&counterfoil);
        assert_eq!(good.code, 0, "{}", good.all());
        let mut bytes = fs::read(damaged.join(path)).unwrap();
        change(&mut bytes);
        fs::write(damaged.join(path), bytes).unwrap();
        let ran = check(&counterfoil);
        assert_eq!(ran.code, 1, "{name}: {}", ran.all());
        let json = ran.json();
        let findings = json["audit"]["findings"].as_array().unwrap();
        let named = path.strip_prefix("data/").unwrap();
        assert!(
            findings.iter().any(|finding| finding["resource"] == named),
            "{name}: {}",
            ran.all()
        );
    }
}

/// What the log itself calls damaged is named at once: it says to come back in a minute, and would say so again.
#[test]
fn an_audit_names_what_the_log_refuses_to_serve() {
    let counterfoil = Counterfoil::new();
    let server = Server::new(&counterfoil);
    fill(&counterfoil, &server, 3, "records");
    assert_eq!(server.stop(), Some(0));
    let bundle = data(&counterfoil).join("tile/entries/000.p/3");
    let mut bytes = fs::read(&bundle).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::remove_file(&bundle).unwrap();
    fs::write(&bundle, bytes).unwrap();
    let server = Server::start(&counterfoil, &[]);
    let ran = counterfoil.run(["--json", "audit", &server.url, "--policy", "log/policy"]);
    assert_eq!(ran.code, 3, "{}", ran.all());
    let finding = &ran.json()["findings"][0];
    assert_eq!(finding["resource"], "tile/entries/000.p/3", "{}", ran.all());
    assert!(
        finding["what"].as_str().unwrap().contains("damaged"),
        "{finding}"
    );
}

#[test]
fn an_index_is_built_anew() {
    let counterfoil = Counterfoil::new();
    let server = Server::new(&counterfoil);
    fill(&counterfoil, &server, 20, "records");
    assert_eq!(server.stop(), Some(0));
    fs::remove_dir_all(data(&counterfoil).join("index")).unwrap();
    let ran = counterfoil.run(["--json", "log", "reindex", "--config", "log"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(ran.json()["indexed"], 20);
    let server = Server::start(&counterfoil, &[]);
    let ran = counterfoil.run([
        "receipt",
        "records/7",
        "--log",
        &server.url,
        "--policy",
        "log/policy",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.all());
}

/// A token, once configured, is needed to write; it is read from a file that only its owner reads, or a variable.
#[test]
fn a_token_lets_a_submitter_in() {
    let counterfoil = Counterfoil::new();
    Server::init(&counterfoil);
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(
        "a token of many bits",
    ));
    let server = Server::start(
        &counterfoil,
        &["--token-name", "tester", "--token-sha256", &hash],
    );
    counterfoil.write("records/1", "x");
    let submit = ["submit", "records", "--log", &server.url];
    let wrong = counterfoil
        .command(submit)
        .env("COUNTERFOIL_TOKEN", "wrong")
        .output()
        .unwrap();
    let wrong = Ran::of(&wrong);
    assert_eq!(wrong.code, 1, "{}", wrong.all());
    assert!(
        !wrong.all().contains("wrong"),
        "a token is not shown: {}",
        wrong.all()
    );
    let path = counterfoil.write("token", "a token of many bits\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let open = counterfoil.run(submit.iter().chain(&["--token-file", "token"]));
    assert_eq!(open.code, 2, "{}", open.all());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let good = counterfoil.run(submit.iter().chain(&["--token-file", "token"]));
    assert_eq!(good.code, 0, "{}", good.all());
}

#[test]
fn the_demo_holds_in_every_step() {
    let counterfoil = Counterfoil::new();
    // An anvil that is built for another system starts, and ends.
    let broken = counterfoil.write("anvil", "#!/bin/sh\nexit 127\n");
    fs::set_permissions(&broken, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = counterfoil.command(["demo", "--once"]);
    let ran = command.env("COUNTERFOIL_ANVIL", broken).output().unwrap();
    let ran = Ran::of(&ran);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let without_chain = "anvil starts and does not listen";
    assert!(ran.stdout.contains(without_chain), "{}", ran.all());
    // The verifier for browsers is written by a program that has it.
    let with_pages = usize::from(!counterfoil_web::FILES.is_empty());
    assert_eq!(
        ran.stdout.matches("\n   passed: ").count(),
        46 + with_pages,
        "{}",
        ran.all()
    );
    let all = format!("All {} steps came out as they should.", 27 + with_pages);
    assert!(ran.stdout.contains(&all), "{}", ran.all());

    counterfoil.write("mine/sub directory/it's", "a record");
    counterfoil.write("mine/b", "another");
    let anvil = counterfoil_tests::anvil::program();
    let mut command = counterfoil.command(["demo", "mine", "--once", "--keep", "kept", "--json"]);
    // Without one, where there is none.
    command.env(
        "COUNTERFOIL_ANVIL",
        anvil.as_deref().unwrap_or(Path::new("/nowhere/anvil")),
    );
    let ran = Ran::of(&command.output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(ran.json()["failed"].as_array().map(Vec::len), Some(0));
    // A final block is waited for, a node is asked, and four forgeries of a block are caught.
    let of_chain = if anvil.is_some() { 6 } else { 0 };
    assert_eq!(ran.json()["steps"], 27 + with_pages + of_chain);
    // What is kept runs again.
    let ran = counterfoil.run(["log", "check", "kept/log"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let ran = counterfoil.run(["demo", "mine", "--once", "--keep", "kept"]);
    assert_eq!(ran.code, 2, "{}", ran.all());
}

/// Told to end in the middle, the tour takes its server and its directory with it.
#[test]
fn a_demo_that_is_interrupted_leaves_nothing_behind() {
    let counterfoil = Counterfoil::new();
    fs::create_dir(counterfoil.path("temporary")).unwrap();
    let mut command = counterfoil.command(["demo"]);
    command
        .env("TMPDIR", counterfoil.path("temporary"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut demo = command.spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let url = lines.find_map(|line| {
        let url = line
            .unwrap()
            .strip_prefix("     ready at http://")?
            .to_owned();
        Some(url)
    });
    let pid = rustix::process::Pid::from_raw(i32::try_from(demo.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    let ran = Ran::of(&demo.wait_with_output().unwrap());
    assert_eq!(ran.code, 3, "{rest:?} {}", ran.all());
    assert!(ran.stderr.contains("interrupted"), "{}", ran.all());
    let left = fs::read_dir(counterfoil.path("temporary")).unwrap().count();
    assert_eq!(left, 0, "{}", ran.all());
    let address = url.unwrap();
    let address = address.trim_end_matches('/');
    assert!(
        TcpStream::connect(address).is_err(),
        "{address} still listens"
    );
}

/// The proxy of these tests hands on what it should: without this, tests that meddle could pass for the wrong reason.
#[test]
fn the_proxy_passes_what_it_does_not_meddle_with() {
    let counterfoil = Counterfoil::new();
    let server = Server::new(&counterfoil);
    let proxy = Proxy::new(&server.url, vec![Meddle::Pass]);
    counterfoil.write("records/1", "x");
    let ran = counterfoil.run(["submit", "records", "--log", &proxy.url]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(proxy.passed.lock().unwrap().len(), 1);
}

/// A log that stops answering in the middle: a signal ends the audit at once, and what it knows by then is kept.
#[test]
fn an_audit_that_waits_is_interrupted_by_a_signal() {
    let counterfoil = Counterfoil::new();
    let server = Server::new(&counterfoil);
    fill(&counterfoil, &server, 3, "records");
    let proxy = Proxy::new(&server.url, vec![]);
    proxy.hang_on("GET /tile/");
    let arguments = ["--json", "audit", &proxy.url, "--policy", "log/policy"];
    let mut command = counterfoil.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    proxy.wait_until_it_hangs();
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let ran = Ran::of(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, 3, "{}", ran.all());
    assert_eq!(ran.check("checkpoint"), "passed");
    assert_eq!(ran.check("root"), "not-checked");
    assert!(ran.stdout.contains("interrupted"), "{}", ran.all());
    // Nothing was taken for verified, and nothing stands in the way of the next audit.
    let ran = counterfoil.run(["--json", "audit", &server.url, "--policy", "log/policy"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(ran.json()["counts"]["entries"], 3);
}

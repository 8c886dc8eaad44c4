//! `counterfoil anchor`: real processes of a log, a witness, time-stamping authorities and the anchor.

#![cfg(all(
    feature = "anchor",
    feature = "dev",
    feature = "log",
    feature = "witness"
))]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::anchor::{TSA, init_anchor, init_log, run_anchor, run_log, second_tsa, until, witness};
use common::process::Process;
use common::{Counterfoil, copy_tree};
use rustix::process::Signal;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Every file below a folder, by its path in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = walkdir::WalkDir::new(folder)
        .into_iter()
        .map(Result::unwrap)
        .filter(|item| item.file_type().is_file())
        .map(|item| item.path().strip_prefix(folder).unwrap().to_owned())
        .collect();
    found.sort();
    found
}

#[test]
fn two_authorities_vouch_for_what_a_witness_cosigned_and_all_of_it_is_served() {
    let counterfoil = Counterfoil::new();
    init_log(&counterfoil);
    let _witness = witness(&counterfoil);
    let log = run_log(&counterfoil, "log");
    log.add(&["one", "two", "three"]);
    let tsas = [Process::start(&counterfoil, TSA), second_tsa(&counterfoil)];
    init_anchor(&counterfoil, &log, &[&tsas[0], &tsas[1]], 2);

    let ran = counterfoil.run(["--json", "anchor", "check", "--config", "anchor"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    for check in ["configuration", "records", "log", "authority"] {
        assert_eq!(ran.check(check), "passed", "{check}");
    }
    let ran = counterfoil.run(["--json", "anchor", "now", "--config", "anchor"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let now = ran.json();
    assert_eq!(now["logs"][0]["counted"], 2, "{now}");

    let anchor = run_anchor(&counterfoil);
    let newest = until("anchored", || {
        Some(anchor.anchored()["newest"].clone()).filter(Value::is_object)
    });
    assert_eq!(newest["size"], 3);
    let folder = newest["path"].as_str().unwrap();
    let record = format!(
        "/{}",
        now["logs"][0]["authorities"][0]["record"].as_str().unwrap()
    );
    assert!(record.starts_with(folder), "{record} in {folder}");
    // Down from the logs to what was anchored.
    let logs = anchor.text("/logs");
    let (hash, origin) = logs.trim_end().split_once(' ').unwrap();
    assert_eq!(origin, "test.example/log");
    assert_eq!(anchor.text(&format!("/{hash}/anchors")), "3\n");
    let checkpoints = anchor.text(&format!("/{hash}/anchors/3"));
    assert_eq!(
        format!("/{hash}/anchors/3/{}", checkpoints.trim_end()),
        folder
    );
    let names = anchor.text(folder);
    assert!(names.starts_with("checkpoint\nrfc3161-tsa0\n"), "{names}");
    let checkpoint = anchor.text(&format!("{folder}/checkpoint"));
    assert_eq!(
        hex::encode(Sha256::digest(&checkpoint)),
        checkpoints.trim_end()
    );
    assert!(checkpoint.contains("— witness.example/w "), "{checkpoint}");
    for (number, tsa) in tsas.iter().enumerate() {
        let name = format!("{folder}/rfc3161-tsa{number}");
        let record: Value = serde_json::from_str(&anchor.text(&name)).unwrap();
        assert_eq!(record["format"], "counterfoil/anchor-record@v1");
        let (status, token) = anchor.get(&format!("{name}.tst"));
        assert_eq!(status, 200);
        assert_eq!(record["token"], STANDARD.encode(&token));
        assert_eq!(record["checkpoint"], STANDARD.encode(&checkpoint));
        openssl_verifies(&counterfoil, &checkpoint, &token, tsa);
    }
    assert!(
        anchor
            .text("/metrics")
            .contains("counterfoil_anchor_ready 1")
    );
    assert_eq!(anchor.text("/readyz"), "ok\n");
    let url = format!("{}/", anchor.url);
    let ran = counterfoil.run(["anchor", "status", "--url", &url]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(
        ran.stdout.contains("newest anchor: 3 entries"),
        "{}",
        ran.stdout
    );

    // The data are one process's: the other says what to do.
    let ran = counterfoil.run(["anchor", "now", "--config", "anchor"]);
    assert_eq!(ran.code, 3, "{}", ran.all());
    assert!(ran.stderr.contains("SIGHUP"), "{}", ran.stderr);
    let ran = counterfoil.run(["anchor", "check", "--config", "anchor", "--offline"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(anchor.stop(), Some(0));
}

/// What others' software says of what is served.
fn openssl_verifies(counterfoil: &Counterfoil, checkpoint: &str, token: &[u8], tsa: &Process) {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("SKIPPED: there is no openssl, which would verify the token");
        return;
    }
    counterfoil.write("checkpoint", checkpoint);
    counterfoil.write("token.tst", token);
    counterfoil.write("root.pem", tsa.ready["root_pem"].as_str().unwrap());
    let verify = |data: &str| {
        Command::new("openssl")
            .args([
                "ts",
                "-verify",
                "-data",
                data,
                "-in",
                "token.tst",
                "-token_in",
            ])
            .args(["-CAfile", "root.pem"])
            .current_dir(counterfoil.directory.path())
            .output()
            .unwrap()
    };
    let output = verify("checkpoint");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    counterfoil.write("other", format!("{checkpoint}\n"));
    assert!(!verify("other").status.success());
}

#[test]
fn revocation_is_settled_by_ocsp_and_where_that_is_too_old_by_a_later_list() {
    let counterfoil = Counterfoil::new();
    init_log(&counterfoil);
    let log = run_log(&counterfoil, "log");
    log.add(&["one"]);
    let late = ["--ocsp-interval", "3600", "--crl-interval", "1"];
    let tsas = [
        Process::start(&counterfoil, TSA),
        Process::start(&counterfoil, &[TSA, &late].concat()),
    ];
    init_anchor(&counterfoil, &log, &[&tsas[0], &tsas[1]], 2);
    let anchor = run_anchor(&counterfoil);
    let folder = until("anchored", || {
        let newest = anchor.anchored()["newest"].clone();
        newest["path"].as_str().map(ToOwned::to_owned)
    });
    until("settled", || {
        let status: Value = serde_json::from_str(&anchor.text("/status")).unwrap();
        (status["unsettled_tokens"] == 0).then_some(())
    });
    let kinds = |tsa: &str| {
        let names = anchor.text(&folder);
        let own = names
            .lines()
            .filter(|name| name.starts_with(&format!("rfc3161-{tsa}")));
        let mut kinds: Vec<String> = Vec::new();
        for name in own {
            let record = anchor.text(&format!("{folder}/{name}"));
            let record: Value = serde_json::from_str(&record).unwrap();
            let data = record["revocation"].as_array().unwrap().iter();
            kinds.extend(data.map(|one| one["kind"].as_str().unwrap().to_owned()));
        }
        (kinds, names)
    };
    let (ocsp, _) = kinds("tsa0");
    assert!(ocsp.contains(&"ocsp".to_owned()), "{ocsp:?}");
    let (_, names) = kinds("tsa1");
    assert!(names.contains("rfc3161-tsa1-revocation-1"), "{names}");
    assert_eq!(anchor.stop(), Some(0));
}

/// A token that counted is there after any end, and what is there is whole.
#[test]
fn a_process_that_is_killed_loses_no_token_that_counted_and_leaves_nothing_half() {
    let counterfoil = Counterfoil::new();
    init_log(&counterfoil);
    let log = run_log(&counterfoil, "log");
    log.add(&["first"]);
    let tsas = [
        Process::start(&counterfoil, TSA),
        Process::start(&counterfoil, TSA),
    ];
    init_anchor(&counterfoil, &log, &[&tsas[0], &tsas[1]], 2);
    let mut newest: Option<String> = None;
    for round in 0..8_u64 {
        let entry = format!("entry {round}");
        let size = log.add(&[&entry]);
        let anchor = run_anchor(&counterfoil);
        if let Some(path) = &newest {
            let names = anchor.text(path);
            for token in ["rfc3161-tsa0", "rfc3161-tsa1"] {
                assert!(names.lines().any(|name| name == token), "{names}");
            }
        }
        if round % 2 == 0 {
            newest = Some(until("caught up", || {
                let newest = anchor.anchored()["newest"].clone();
                let there = newest["size"].as_u64() == Some(size);
                there.then(|| newest["path"].as_str().unwrap().to_owned())
            }));
            log.add(&["another"]);
            anchor.signal(Signal::HUP);
        }
        std::thread::sleep(Duration::from_millis(round * 17 % 101));
        anchor.signal(Signal::KILL);
        drop(anchor);
        whole(&counterfoil.path("anchor/data/records"));
    }
    let anchor = run_anchor(&counterfoil);
    let size = log.add(&["last"]);
    until("anchored", || {
        (anchor.anchored()["newest"]["size"].as_u64() == Some(size)).then_some(())
    });
    assert_eq!(anchor.stop(), Some(0));
    whole(&counterfoil.path("anchor/data/records"));
}

/// Every record is whole, and has its checkpoint beside it.
fn whole(records: &Path) {
    for path in files(records) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let bytes = fs::read(records.join(&path)).unwrap();
        let folder = records.join(path.parent().unwrap());
        if name == "checkpoint" {
            let hash = folder.file_name().unwrap().to_str().unwrap();
            assert_eq!(
                hex::encode(Sha256::digest(&bytes)),
                hash,
                "{}",
                path.display()
            );
        } else if name.starts_with("rfc3161-") {
            let record: Value = serde_json::from_slice(&bytes)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(record["format"].as_str().unwrap().ends_with("@v1"));
            assert!(folder.join("checkpoint").exists(), "{}", path.display());
        }
    }
}

#[test]
fn a_fork_is_refused_and_alarmed() {
    let counterfoil = Counterfoil::new();
    init_log(&counterfoil);
    let log = run_log(&counterfoil, "log");
    log.add(&["one", "two"]);
    assert_eq!(log.stop(), Some(0));
    copy_tree(&counterfoil.path("log"), &counterfoil.path("branch"));
    let key = counterfoil.path("branch/log.key");
    fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
    let log = run_log(&counterfoil, "log");
    log.add(&["three"]);
    let tsa = Process::start(&counterfoil, TSA);
    init_anchor(&counterfoil, &log, &[&tsa], 1);
    copy_tree(
        &counterfoil.path("anchor/data"),
        &counterfoil.path("before"),
    );
    let ran = counterfoil.run(["anchor", "now", "--config", "anchor"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let old = log.url.clone();
    assert_eq!(log.stop(), Some(0));

    let branch = run_log(&counterfoil, "branch");
    let file = counterfoil.path("anchor/anchor.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace(&old, &branch.url)).unwrap();
    // What was anchored is gone: no fork is shown, and nothing is anchored either.
    let ran = counterfoil.run(["--json", "anchor", "now", "--config", "anchor"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert_eq!(ran.json()["logs"][0]["trouble"]["word"], "shrank");

    branch.add(&["other", "entries"]);
    let ran = counterfoil.run(["--json", "anchor", "now", "--config", "anchor"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert_eq!(ran.json()["logs"][0]["trouble"]["word"], "fork");
    let ran = counterfoil.run(["--json", "anchor", "check", "--config", "anchor"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert_eq!(ran.check("log"), "failed");
    // Also where the registers are those of before: the records say what the log must begin with.
    for end in ["", "-wal", "-shm"] {
        let name = format!("registers.sqlite{end}");
        let (old, new) = (format!("before/{name}"), format!("anchor/data/{name}"));
        let _ = fs::remove_file(counterfoil.path(&new));
        let _ = fs::copy(counterfoil.path(&old), counterfoil.path(&new));
    }
    let ran = counterfoil.run(["--json", "anchor", "check", "--config", "anchor"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert_eq!(ran.check("log"), "failed");
    assert_eq!(ran.check("register"), "passed");

    let anchor = run_anchor(&counterfoil);
    until("seen", || {
        (anchor.anchored()["trouble"]["word"] == "fork").then_some(())
    });
    let metrics = anchor.text("/metrics");
    let forked = "counterfoil_anchor_log_forked{origin=\"test.example/log\"} 1";
    assert!(metrics.contains(forked), "{metrics}");
    let logs = anchor.text("/logs");
    let hash = logs.split(' ').next().unwrap();
    let forks = anchor.text(&format!("/{hash}/forks"));
    let refused = anchor.text(&format!("/{hash}/forks/{}/refused", forks.trim_end()));
    assert_eq!(refused.lines().nth(1), Some("4"));
    assert_eq!(anchor.text(&format!("/{hash}/anchors")), "3\n");
    let url = format!("{}/", anchor.url);
    let ran = counterfoil.run(["anchor", "status", "--url", &url]);
    assert_eq!(ran.code, 1, "{}", ran.all());
}

#[test]
fn what_the_disk_has_damaged_is_named_and_stops_nothing() {
    let counterfoil = Counterfoil::new();
    init_log(&counterfoil);
    let log = run_log(&counterfoil, "log");
    log.add(&["one"]);
    let tsa = Process::start(&counterfoil, TSA);
    init_anchor(&counterfoil, &log, &[&tsa], 1);
    let ran = counterfoil.run(["--json", "anchor", "now", "--config", "anchor"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let now = ran.json();
    let record = now["logs"][0]["authorities"][0]["record"].as_str().unwrap();
    let check = || {
        counterfoil.run([
            "--json",
            "anchor",
            "check",
            "--config",
            "anchor",
            "--offline",
        ])
    };
    let ran = check();
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(ran.json()["records"]["tokens"], 1);

    let file = counterfoil.path(&format!("anchor/data/records/{record}"));
    let good = fs::read(&file).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    let (start, token) = text.split_once("\"token\":\"").unwrap();
    // In what is signed.
    let byte = token.as_bytes()[150] as char;
    let other = if byte == 'A' { 'B' } else { 'A' };
    let flipped = format!(
        "{start}\"token\":\"{}{other}{}",
        &token[..150],
        &token[151..]
    );
    fs::write(&file, flipped).unwrap();
    let ran = check();
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert_eq!(ran.check("records"), "failed");
    assert_eq!(ran.json()["records"]["damaged"][0]["path"], record);
    // Anchoring goes on, and it is not taken for a success.
    let ran = counterfoil.run(["--json", "anchor", "now", "--config", "anchor"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    let now = ran.json();
    assert_eq!(now["logs"][0]["counted"], 1, "{now}");
    assert_eq!(now["damaged"][0]["path"], format!("/{record}"));
    let anchor = run_anchor(&counterfoil);
    let (status, body) = anchor.get(&format!("/{record}"));
    assert_eq!(status, 500);
    assert!(body.starts_with(b"damaged: "));
    let url = format!("{}/", anchor.url);
    let ran = counterfoil.run(["anchor", "status", "--url", &url]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.stdout.contains(record), "{}", ran.stdout);
    assert_eq!(anchor.stop(), Some(0));

    fs::write(&file, good).unwrap();
    let ran = check();
    assert_eq!(ran.code, 0, "{}", ran.all());
    let folder = record.rsplit_once('/').unwrap().0;
    let checkpoint = format!("{folder}/checkpoint");
    fs::remove_file(counterfoil.path(&format!("anchor/data/records/{checkpoint}"))).unwrap();
    let ran = check();
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert_eq!(ran.json()["records"]["missing"][0], checkpoint);
}

#[test]
fn a_log_or_an_authority_that_is_down_leaves_it_open() {
    let counterfoil = Counterfoil::new();
    init_log(&counterfoil);
    let log = run_log(&counterfoil, "log");
    log.add(&["one"]);
    let tsas = [
        Process::start(&counterfoil, TSA),
        Process::start(&counterfoil, TSA),
    ];
    init_anchor(&counterfoil, &log, &[&tsas[0], &tsas[1]], 2);
    let [first, second] = tsas;
    let (status, _) = second.send("PUT /behaviour", b"wrong-nonce");
    assert_eq!(status, 200);
    let ran = counterfoil.run(["--json", "anchor", "now", "--config", "anchor"]);
    assert_eq!(ran.code, 3, "{}", ran.all());
    let authorities = ran.json()["logs"][0]["authorities"].clone();
    assert_eq!(authorities[0]["outcome"], "counted");
    assert_eq!(authorities[1]["outcome"], "wrong-nonce");
    let ran = counterfoil.run(["anchor", "check", "--config", "anchor"]);
    assert_eq!(
        ran.code,
        1,
        "an authority that gives wrong tokens: {}",
        ran.all()
    );
    drop(second);
    let ran = counterfoil.run(["anchor", "check", "--config", "anchor"]);
    assert_eq!(ran.code, 3, "{}", ran.all());
    drop(log);
    let ran = counterfoil.run(["--json", "anchor", "now", "--config", "anchor"]);
    assert_eq!(ran.code, 3, "{}", ran.all());
    assert_eq!(ran.json()["logs"][0]["trouble"]["word"], "no-answer");
    drop(first);
    let ran = counterfoil.run(["anchor", "status", "--url", "http://127.0.0.1:9/"]);
    assert_eq!(ran.code, 3, "{}", ran.all());
}

#[test]
fn what_cannot_be_run_is_refused_by_name() {
    let counterfoil = Counterfoil::new();
    let ran = counterfoil.run(["anchor", "init", "anchor"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.stderr.contains("[[log]]"), "{}", ran.stderr);
    let ran = counterfoil.run(["anchor", "init", "anchor"]);
    assert_eq!(ran.code, 2, "nothing is overwritten: {}", ran.all());
    let ran = counterfoil.run(["anchor", "check", "--config", "anchor"]);
    assert_eq!(ran.code, 2, "{}", ran.all());
    assert!(ran.stderr.contains("[[log]]"), "{}", ran.stderr);

    init_log(&counterfoil);
    let tsa = Process::start(&counterfoil, TSA);
    let root = tsa.ready["root_pem"].as_str().unwrap();
    let config = |second: &str| {
        format!(
            "data = \"data\"\n[[log]]\nurl = \"http://127.0.0.1:9/\"\npolicy = \"../log/policy\"\n\
             [[authority]]\nname = \"a\"\nurl = \"http://127.0.0.1:9/\"\nroots = [\"root.pem\"]\n{second}"
        )
    };
    let twice =
        "[[authority]]\nname = \"b\"\nurl = \"http://127.0.0.1:9/b\"\nroots = [\"again.pem\"]\n";
    let rows = [
        (
            "no root",
            "",
            "",
            "root.pem: expected one certificate or more",
        ),
        ("one root twice", root, twice, "counts authorities"),
    ];
    counterfoil.write("anchor/again.pem", root);
    for (name, root, second, expected) in rows {
        counterfoil.write("anchor/root.pem", root);
        counterfoil.write("anchor/anchor.toml", config(second));
        for command in ["check", "now", "run"] {
            let ran = counterfoil.run(["anchor", command, "--config", "anchor"]);
            assert_eq!(ran.code, 2, "{name}: {}", ran.all());
            assert!(ran.stderr.contains(expected), "{name}: {}", ran.stderr);
        }
    }
}

//! `counterfoil witness`, with real processes.

#![cfg(feature = "witness")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};

use common::server::exchange;
use common::{Counterfoil, copy_tree};
use counterfoil_tiles::checkpoint::Checkpoint;
use counterfoil_tiles::cosignature::sign_as_log;
use counterfoil_tiles::hash::{NodeHash, TreeSize, hash_leaf, hash_node};
use counterfoil_tiles::key::{PrivateKey, SigningKey};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::witness_wire::AddCheckpointRequest;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A log that signs trees of one entry or two.
struct Log {
    key: SigningKey,
    vkey: String,
}

impl Log {
    fn new(counterfoil: &Counterfoil, name: &str) -> Self {
        let file = format!("{name}.key");
        let ran = counterfoil.run(["key", "generate", "--name", name, &file]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        let text = fs::read_to_string(counterfoil.path(&file)).unwrap();
        let key: PrivateKey = text.trim_end().parse().unwrap();
        Self {
            key: key.into_signing_key(),
            vkey: ran.stdout.trim_end().to_owned(),
        }
    }

    /// A request from one size to another of the history whose entries begin with `history`.
    fn update(&self, history: &str, old: u64, size: u64) -> String {
        let leaf = |index: u64| NodeHash::from(hash_leaf(format!("{history} {index}").as_bytes()));
        let (root, proof) = match (old, size) {
            (0 | 1, 1) => (leaf(0), Vec::new()),
            (0 | 2, 2) => (hash_node(&leaf(0), &leaf(1)), Vec::new()),
            (1, 2) => (hash_node(&leaf(0), &leaf(1)), vec![leaf(1)]),
            other => panic!("{other:?}"),
        };
        let origin = self.key.name().clone().into();
        let checkpoint = Checkpoint::new(origin, TreeSize::new(size), root);
        let line = sign_as_log(&self.key, &checkpoint).unwrap();
        let note = Note::new(&checkpoint.to_string(), vec![line]).unwrap();
        let request = AddCheckpointRequest::new(TreeSize::new(old), proof, note).unwrap();
        request.to_string()
    }
}

/// A witness that runs as a process of its own; killed when dropped.
struct Witness {
    child: Child,
    url: String,
    ready: Value,
}

impl Witness {
    fn start(counterfoil: &Counterfoil, flags: &[&str]) -> Self {
        let fixed = [
            "--json",
            "witness",
            "run",
            "--config",
            "w",
            "--listen",
            "127.0.0.1:0",
        ];
        let mut command = counterfoil.command(fixed.iter().chain(flags));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        lines.read_line(&mut line).unwrap();
        let ready: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self {
            url: ready["urls"][0].as_str().unwrap().to_owned(),
            child,
            ready,
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    fn stop(mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.child.wait().unwrap().code()
    }

    /// Status and body of add-checkpoint.
    fn add(&self, request: &str) -> (u16, String) {
        let head = format!(
            "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: {}\r\n",
            request.len()
        );
        let (status, _, body) = exchange(&self.url, &head, request.as_bytes());
        (status, String::from_utf8(body).unwrap())
    }

    fn get(&self, path: &str) -> (u16, String) {
        let (status, _, body) = exchange(
            &self.url,
            &format!("GET /{path} HTTP/1.1\r\nHost: w\r\n"),
            b"",
        );
        (status, String::from_utf8(body).unwrap())
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn init(counterfoil: &Counterfoil) {
    let ran = counterfoil.run(["witness", "init", "w", "--name", "witness.example/w1"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
}

fn add_log(counterfoil: &Counterfoil, vkey: &str) {
    let ran = counterfoil.run(["witness", "add-log", "--config", "w", vkey]);
    assert_eq!(ran.code, 0, "{}", ran.all());
}

#[test]
fn init_makes_a_witness_once_and_says_what_to_do_next() {
    let counterfoil = Counterfoil::new();
    let arguments = [
        "witness",
        "init",
        "w",
        "--name",
        "witness.example/w1",
        "--url",
        "https://witness.example/",
    ];
    let ran = counterfoil.run(arguments);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(
        ran.stdout.lines().count(),
        2,
        "Ed25519 and ML-DSA-44: {}",
        ran.all()
    );
    for vkey in ran.stdout.lines() {
        assert!(
            ran.stderr
                .contains(&format!("{vkey} https://witness.example/\n")),
            "{}",
            ran.all()
        );
    }
    assert!(
        ran.stderr.contains("counterfoil witness run --config w"),
        "{}",
        ran.all()
    );
    for key in ["w/witness.key", "w/witness-mldsa.key"] {
        let mode = fs::metadata(counterfoil.path(key))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o600, "{key}");
    }
    let again = counterfoil.run(arguments);
    assert_eq!(again.code, 2, "{}", again.all());
    assert!(
        again.stderr.contains("nothing is overwritten"),
        "{}",
        again.all()
    );
    let check = counterfoil.run(["witness", "check", "--config", "w"]);
    assert_eq!(check.code, 0, "{}", check.all());

    let one = counterfoil.run([
        "witness",
        "init",
        "v",
        "--name",
        "v.example",
        "--only",
        "ml-dsa-44",
    ]);
    assert_eq!(one.stdout.lines().count(), 1, "{}", one.all());
    assert!(!counterfoil.path("v/witness.key").exists());
}

#[test]
fn a_log_is_added_while_the_witness_runs() {
    let counterfoil = Counterfoil::new();
    let (a, b) = (
        Log::new(&counterfoil, "a.example"),
        Log::new(&counterfoil, "b.example"),
    );
    init(&counterfoil);
    add_log(&counterfoil, &a.vkey);
    // Looked at on SIGHUP only, so that it is the signal that is seen to work.
    let witness = Witness::start(&counterfoil, &["--watch-interval", "0s"]);
    assert_eq!(witness.ready["logs"], 1);
    assert_eq!(witness.add(&a.update("x", 0, 1)).0, 200);
    assert_eq!(witness.add(&b.update("x", 0, 1)).0, 404);
    add_log(&counterfoil, &b.vkey);
    add_log(&counterfoil, &b.vkey);
    let text = fs::read_to_string(counterfoil.path("w/logs")).unwrap();
    assert_eq!(
        text.matches(&b.vkey).count(),
        1,
        "added twice, listed once: {text}"
    );
    witness.signal(Signal::HUP);
    while witness.add(&b.update("x", 0, 1)).0 != 200 {}

    let status = counterfoil.run(["--json", "witness", "status", "--url", &witness.url]);
    assert_eq!(status.code, 0, "{}", status.all());
    assert_eq!(
        status.json()["logs"][1]["latest"]["size"],
        1,
        "{}",
        status.all()
    );
    let text = counterfoil.run(["witness", "status", "--url", &witness.url]);
    assert!(
        text.stdout.contains("a.example  size 1, cosigned at 20"),
        "{}",
        text.all()
    );

    let listed = counterfoil.run(["--json", "witness", "list-logs", "--config", "w"]);
    assert_eq!(listed.code, 0, "beside the one that runs: {}", listed.all());
    assert_eq!(listed.json()["logs"][0]["size"], 1);
    assert_eq!(witness.stop(), Some(0));
    let gone = counterfoil.run(["witness", "status", "--config", "w"]);
    assert_eq!(gone.code, 3, "{}", gone.all());
}

#[test]
fn what_cannot_be_added_is_not_added() {
    let counterfoil = Counterfoil::new();
    let a = Log::new(&counterfoil, "a.example");
    init(&counterfoil);
    let before = fs::read_to_string(counterfoil.path("w/logs")).unwrap();
    let cosigner = counterfoil.run([
        "key",
        "generate",
        "--name",
        "c",
        "--algorithm",
        "ed25519-cosignature",
        "c.key",
    ]);
    let cosigner = cosigner.stdout.trim_end();
    counterfoil.write("policy", format!("log {}\nquorum none\n", a.vkey));
    let rows: [(&str, Vec<&str>, &str); 5] = [
        ("no vkey", vec!["hello"], "expected a vkey"),
        (
            "a cosigner's key",
            vec![cosigner],
            "signs no checkpoints of a log",
        ),
        (
            "a rate of 0",
            vec![&a.vkey, "--rate", "0"],
            "expected rate=N",
        ),
        (
            "a list that is not configured",
            vec![&a.vkey, "--file", "policy"],
            "is not among the lists",
        ),
        (
            "an origin of two lines",
            vec![&a.vkey, "--origin", "a\nb"],
            "an origin is a non-empty line",
        ),
    ];
    for (name, arguments, expected) in rows {
        let fixed = ["witness", "add-log", "--config", "w"];
        let ran = counterfoil.run(fixed.iter().chain(&arguments));
        assert_eq!(ran.code, 2, "{name}: {}", ran.all());
        assert!(ran.stderr.contains(expected), "{name}: {}", ran.all());
        assert_eq!(
            fs::read_to_string(counterfoil.path("w/logs")).unwrap(),
            before,
            "{name}"
        );
    }
}

/// A database from a backup, and what the operator does about it.
#[test]
fn a_restored_backup_is_found_and_mended() {
    let counterfoil = Counterfoil::new();
    let a = Log::new(&counterfoil, "a.example");
    init(&counterfoil);
    add_log(&counterfoil, &a.vkey);
    let set_up = || counterfoil.run(["witness", "add-copies", "--config", "w", "w/copies"]);
    let place = set_up();
    assert_eq!(place.code, 0, "{}", place.all());
    assert!(
        place.all().contains("checkpoints of 0 logs"),
        "{}",
        place.all()
    );
    assert!(set_up().all().contains("already"));
    let flags = ["--copies", "copies"];
    let witness = Witness::start(&counterfoil, &flags);
    assert_eq!(witness.add(&a.update("x", 0, 1)).0, 200);
    assert_eq!(witness.stop(), Some(0));
    copy_tree(&counterfoil.path("w/data"), &counterfoil.path("backup"));
    let witness = Witness::start(&counterfoil, &flags);
    assert_eq!(witness.add(&a.update("x", 1, 2)).0, 200);
    assert_eq!(witness.stop(), Some(0));
    fs::remove_dir_all(counterfoil.path("w/data")).unwrap();
    copy_tree(&counterfoil.path("backup"), &counterfoil.path("w/data"));

    // Another history of size 2 would have been cosigned.
    let witness = Witness::start(&counterfoil, &flags);
    let (status, why) = witness.add(&a.update("x", 1, 2));
    assert_eq!(status, 503, "{why}");
    assert!(why.contains("older than what it has signed"), "{why}");
    assert_eq!(witness.get("readyz").0, 503);
    let refusing = counterfoil.run(["witness", "status", "--url", &witness.url]);
    assert_eq!(refusing.code, 1, "{}", refusing.all());

    let with_copies = |command: &'static str| {
        let mut ran = counterfoil.command(["witness", command, "--config", "w"]);
        let output = ran
            .env("COUNTERFOIL_WITNESS__COPIES", "copies")
            .output()
            .unwrap();
        common::Ran::of(&output)
    };
    let check = with_copies("check");
    assert_eq!(check.code, 1, "{}", check.all());
    assert!(
        check
            .stdout
            .contains("size 2 of a.example was signed, and 1 is recorded"),
        "{}",
        check.all()
    );
    let running = with_copies("adopt");
    assert_eq!(running.code, 3, "not while it runs: {}", running.all());
    assert_eq!(witness.stop(), Some(0));
    // The disk with the copies is not mounted: that there are none is not taken as an answer.
    fs::rename(
        counterfoil.path("w/copies"),
        counterfoil.path("w/unmounted"),
    )
    .unwrap();
    fs::create_dir(counterfoil.path("w/copies")).unwrap();
    for command in ["check", "adopt"] {
        let blind = with_copies(command);
        assert_eq!(blind.code, 3, "{command}: {}", blind.all());
        assert!(
            blind.all().contains("counterfoil-copies"),
            "{}",
            blind.all()
        );
    }
    fs::remove_dir(counterfoil.path("w/copies")).unwrap();
    fs::rename(
        counterfoil.path("w/unmounted"),
        counterfoil.path("w/copies"),
    )
    .unwrap();
    let adopted = with_copies("adopt");
    assert_eq!(adopted.code, 0, "{}", adopted.all());
    assert!(
        adopted.stdout.contains("a.example: size 2 is recorded now"),
        "{}",
        adopted.all()
    );
    assert_eq!(with_copies("check").code, 0);

    let witness = Witness::start(&counterfoil, &flags);
    assert_eq!(
        witness.add(&a.update("x", 1, 2)).1,
        "2\n",
        "it knows what it signed"
    );
    assert_eq!(witness.add(&a.update("x", 2, 2)).0, 200);
    assert_eq!(witness.stop(), Some(0));
}

/// A log that signs two histories: the witness keeps the proof, and anybody verifies it.
#[test]
fn evidence_verifies_offline() {
    let counterfoil = Counterfoil::new();
    let a = Log::new(&counterfoil, "a.example");
    init(&counterfoil);
    add_log(&counterfoil, &a.vkey);
    let witness = Witness::start(&counterfoil, &[]);
    assert_eq!(witness.add(&a.update("x", 0, 1)).0, 200);
    assert_eq!(witness.add(&a.update("y", 1, 1)).0, 422);
    let listed = counterfoil
        .run(["--json", "witness", "list-logs", "--config", "w"])
        .json();
    let hash = listed["logs"][0]["origin_hash"].as_str().unwrap();
    let (status, ids) = witness.get(&format!("{hash}/evidence"));
    assert_eq!((status, ids.lines().count()), (200, 1), "{ids}");
    let (status, file) = witness.get(&format!("{hash}/evidence/{}", ids.trim_end()));
    assert_eq!(status, 200);
    counterfoil.write("fork.misbehaviour.json", &file);
    let verified = counterfoil.run(["verify", "fork.misbehaviour.json", "--vkey", &a.vkey]);
    assert_eq!(verified.code, 0, "{}", verified.all());
    assert!(
        verified.stdout.contains("signed two histories"),
        "{}",
        verified.all()
    );
    assert_eq!(witness.stop(), Some(0));

    let explained = counterfoil.run(["--json", "inspect", "fork.misbehaviour.json"]);
    assert_eq!(
        explained.json()["explanation"]["kind"],
        "misbehaviour",
        "{}",
        explained.all()
    );
    let other = Log::new(&counterfoil, "c.example");
    let bit = file.replacen("a.example\\n1\\n", "a.example\\n2\\n", 2);
    assert_ne!(bit, file);
    let rows = [
        ("another log's key", file.clone(), &other.vkey),
        ("another size", bit, &a.vkey),
        ("another spelling", file.replace("\n  ", "\n"), &a.vkey),
        (
            "a note less",
            file[..file.rfind(",\n").unwrap()].to_owned() + "\n  ]\n}\n",
            &a.vkey,
        ),
    ];
    for (mutation, text, vkey) in rows {
        counterfoil.write("changed.json", text);
        let ran = counterfoil.run(["verify", "changed.json", "--vkey", vkey]);
        assert_eq!(ran.code, 1, "{mutation}: {}", ran.all());
        assert!(
            ran.stdout.contains("NOT proved by changed.json"),
            "{mutation}: {}",
            ran.all()
        );
    }
}

#[test]
fn a_bad_configuration_is_named() {
    let counterfoil = Counterfoil::new();
    let absent = counterfoil.run(["witness", "run", "--config", "w"]);
    assert_eq!(absent.code, 2, "{}", absent.all());
    assert!(
        absent.stderr.contains("counterfoil witness init"),
        "{}",
        absent.all()
    );
    init(&counterfoil);
    counterfoil.write("w/logs", "\n\nhello\n");
    for command in ["run", "check", "list-logs"] {
        let ran = counterfoil.run(["witness", command, "--config", "w"]);
        assert_eq!(ran.code, 2, "{command}: {}", ran.all());
        assert!(
            ran.stderr.contains("w/logs: line 3: expected a vkey"),
            "{command}: {}",
            ran.all()
        );
    }
    counterfoil.write("w/logs", "");
    fs::remove_file(counterfoil.path("w/data/registers.sqlite")).unwrap();
    let gone = counterfoil.run(["witness", "run", "--config", "w"]);
    assert_eq!(
        gone.code,
        2,
        "a database that is gone is not made anew: {}",
        gone.all()
    );
    assert!(
        gone.stderr.contains("registers.sqlite is missing"),
        "{}",
        gone.all()
    );
}

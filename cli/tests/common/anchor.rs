//! A log, its witness, time-stamping authorities and an anchor, each a process.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Counterfoil;
use super::process::Process;

pub const TSA: &[&str] = &["--json", "dev", "tsa", "--listen", "127.0.0.1:0"];

/// Asks again until there is an answer.
pub fn until<T>(what: &str, ask: impl Fn() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Makes a log in `log`.
pub fn init_log(counterfoil: &Counterfoil) {
    let ran = counterfoil.run(["log", "init", "log", "--origin", "test.example/log"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
}

pub fn run_log(counterfoil: &Counterfoil, directory: &str) -> Process {
    let arguments = [
        "--json",
        "log",
        "run",
        "--config",
        directory,
        "--listen",
        "127.0.0.1:0",
        "--log-checkpoint-interval",
        "50ms",
        "--log-filter",
        "warn",
    ];
    Process::start(counterfoil, &arguments)
}

impl Process {
    /// Adds entries, and waits until they are published; gives the size then.
    pub fn add(&self, entries: &[&str]) -> u64 {
        for entry in entries {
            let (status, body) = self.send("POST /add?wait=receipt", entry.as_bytes());
            assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        }
        let checkpoint = self.text("/checkpoint");
        checkpoint.lines().nth(1).unwrap().parse().unwrap()
    }

    /// The status of the only log of an anchor.
    pub fn anchored(&self) -> Value {
        let status: Value = serde_json::from_str(&self.text("/status")).unwrap();
        status["logs"][0].clone()
    }
}

/// Puts a witness before the log in `log`, which then publishes nothing without it.
pub fn witness(counterfoil: &Counterfoil) -> Process {
    let ran = counterfoil.run(["witness", "init", "w", "--name", "witness.example/w"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let vkey = ran.stdout.lines().next().unwrap().to_owned();
    let policy = fs::read_to_string(counterfoil.path("log/policy")).unwrap();
    let log = policy.lines().find_map(|line| line.strip_prefix("log "));
    let ran = counterfoil.run(["witness", "add-log", "--config", "w", log.unwrap()]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let witness = Process::start(
        counterfoil,
        &[
            "--json",
            "witness",
            "run",
            "--config",
            "w",
            "--listen",
            "127.0.0.1:0",
        ],
    );
    let line = format!("witness w {vkey} {}/\nquorum w\n", witness.url);
    counterfoil.write("log/policy", policy.replace("quorum none\n", &line));
    witness
}

/// Makes an anchor in `anchor` for a log and these authorities; so many must vouch.
pub fn init_anchor(counterfoil: &Counterfoil, log: &Process, tsas: &[&Process], required: usize) {
    let log_url = format!("{}/", log.url);
    let mut tables = String::new();
    for (number, tsa) in tsas.iter().enumerate() {
        let root = format!("root{number}.pem");
        counterfoil.write(&root, tsa.ready["root_pem"].as_str().unwrap());
        if number > 0 {
            let (url, root) = (&tsa.url, counterfoil.path(&root));
            let table = format!(
                "\n[[authority]]\nname = \"tsa{number}\"\nurl = \"{url}/tsr\"\nroots = [\"{}\"]\n",
                root.display()
            );
            tables += &table;
        }
    }
    let tsr = format!("{}/tsr", tsas[0].url);
    let ran = counterfoil.run([
        "anchor",
        "init",
        "anchor",
        "--log",
        &log_url,
        "--policy",
        "log/policy",
        "--authority",
        "tsa0",
        "--authority-url",
        &tsr,
        "--root",
        "root0.pem",
        "--listen",
        "127.0.0.1:0",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let file = counterfoil.path("anchor/anchor.toml");
    let text = fs::read_to_string(&file).unwrap();
    let set = text
        .replace("# required = 1", &format!("required = {required}"))
        .replace("# interval = \"1h\"", "interval = \"1s\"")
        .replace("# jitter = \"5m\"", "jitter = \"0s\"")
        .replace("# retry_first = \"10s\"", "retry_first = \"200ms\"");
    fs::write(&file, set + &tables).unwrap();
}

pub fn run_anchor(counterfoil: &Counterfoil) -> Process {
    Process::start(
        counterfoil,
        &[
            "--json",
            "anchor",
            "run",
            "--config",
            "anchor",
            "--log-filter",
            "warn",
        ],
    )
}

/// OpenSSL's authority, if there is an OpenSSL; otherwise another of our own.
pub fn second_tsa(counterfoil: &Counterfoil) -> Process {
    let has_openssl = Command::new("openssl").arg("version").output().is_ok();
    if has_openssl {
        let arguments = ["--json", "dev", "openssl-tsa", "--listen", "127.0.0.1:0"];
        return Process::start(counterfoil, &arguments);
    }
    eprintln!("SKIPPED: there is no openssl, and both authorities are our own");
    Process::start(counterfoil, TSA)
}

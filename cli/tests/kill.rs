//! kill -9 at random moments under load: each acknowledged entry is at its index afterwards, with a receipt that verifies.
//!
//! `COUNTERFOIL_KILLS=n` sets the number of rounds (default 50), `COUNTERFOIL_SEED=s` the seed, which a failure prints.

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use common::Counterfoil;
use counterfoil_tiles::hash::hash_leaf;
use counterfoil_tiles::policy::Policy;
use counterfoil_tiles::receipt::Receipt;
use tokio::sync::Notify;

/// Connections that submit at the same time.
const SUBMITTERS: u64 = 24;

struct Server {
    child: Child,
    url: String,
    vkey: String,
}

fn start(counterfoil: &Counterfoil) -> Server {
    let arguments = [
        "--json",
        "log",
        "run",
        "--config",
        "log",
        "--listen",
        "127.0.0.1:0",
        "--log-checkpoint-interval",
        "50ms",
    ];
    let mut child = counterfoil
        .command(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let ready: serde_json::Value =
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
    let log = &ready["logs"][0];
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    Server {
        child,
        url: text(&log["urls"][0]),
        vkey: text(&log["vkeys"][0]),
    }
}

#[derive(Default)]
struct Acknowledged {
    entries: Mutex<BTreeMap<u64, String>>,
    count: AtomicU64,
    changed: Notify,
}

impl Acknowledged {
    fn add(&self, index: u64, entry: &str) {
        let before = self.entries.lock().unwrap().insert(index, entry.to_owned());
        assert_eq!(
            before, None,
            "index {index} was given twice, now to {entry:?}"
        );
        self.count.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_one();
    }

    async fn reaches(&self, count: u64) {
        while self.count.load(Ordering::SeqCst) < count {
            self.changed.notified().await;
        }
    }
}

/// Submits distinct entries until the server is gone.
async fn submit(url: String, name: String, acknowledged: Arc<Acknowledged>) {
    let client = reqwest::Client::new();
    for number in 0.. {
        let entry = format!("{name}-{number}");
        let Ok(answer) = client
            .post(format!("{url}add"))
            .body(entry.clone())
            .send()
            .await
        else {
            return;
        };
        if answer.status() == 200 {
            let Ok(body) = answer.text().await else {
                return;
            };
            acknowledged.add(body.parse().unwrap(), &entry);
        }
    }
}

async fn verify(server: &Server, from: u64, acknowledged: &Acknowledged) {
    let client = reqwest::Client::new();
    let policy = Policy::parse(format!("log {}\nquorum none\n", server.vkey).as_bytes()).unwrap();
    // What was acknowledged last is published within an interval; a new entry's receipt waits for just that.
    let answer = client
        .post(format!("{}add?wait=receipt", server.url))
        .body(format!("marker {from}"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    let marker = Receipt::parse(&answer.bytes().await.unwrap()).unwrap();
    let entries = acknowledged.entries.lock().unwrap().clone();
    for (index, entry) in entries.range(from..) {
        assert!(
            *index < marker.index().get(),
            "entry {index} was acknowledged, then index {} given again",
            marker.index()
        );
        let receipt = client
            .get(format!("{}receipt/{index}", server.url))
            .send()
            .await
            .unwrap();
        assert_eq!(
            receipt.status(),
            200,
            "acknowledged entry {index}: {}",
            receipt.text().await.unwrap()
        );
        let receipt = Receipt::parse(&receipt.bytes().await.unwrap()).unwrap();
        receipt
            .verify(&hash_leaf(entry.as_bytes()), &policy)
            .unwrap_or_else(|error| panic!("entry {index}, {entry:?}: {error}"));
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_entries_survive_kill_9_at_any_moment() {
    let (rounds, seed) = (
        number("COUNTERFOIL_KILLS", 50),
        number("COUNTERFOIL_SEED", rand::random()),
    );
    eprintln!("COUNTERFOIL_SEED={seed}");
    let counterfoil = Counterfoil::new();
    let made = counterfoil.run(["log", "init", "log", "--origin", "log.example/kill"]);
    assert_eq!(made.code, 0, "{}", made.all());
    let acknowledged = Arc::new(Acknowledged::default());
    let mut random = seed;
    let mut verified = 0;
    let mut server = start(&counterfoil);
    for round in 0..rounds {
        let submitters: Vec<_> = (0..SUBMITTERS)
            .map(|submitter| {
                tokio::spawn(submit(
                    server.url.clone(),
                    format!("{round}-{submitter}"),
                    Arc::clone(&acknowledged),
                ))
            })
            .collect();
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let enough = acknowledged.count.load(Ordering::SeqCst) + 1 + (random >> 33) % 400;
        acknowledged.reaches(enough).await;
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        for submitter in submitters {
            submitter.await.unwrap();
        }
        server = start(&counterfoil);
        verify(&server, verified, &acknowledged).await;
        verified = acknowledged
            .entries
            .lock()
            .unwrap()
            .last_key_value()
            .map_or(0, |(index, _)| index + 1);
    }
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    // The whole log once more, offline.
    let checked = counterfoil.run(["log", "check", "log"]);
    assert_eq!(checked.code, 0, "{}", checked.all());
    eprintln!(
        "{rounds} kills, {} acknowledged entries",
        acknowledged.count.load(Ordering::SeqCst)
    );
}

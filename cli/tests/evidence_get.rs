//! `counterfoil evidence` on a log that runs: from the log itself, and put together from its tiles and an anchor's records.

#![cfg(all(feature = "dev", feature = "log"))]

#[path = "../../evidence/tests/blocks/mod.rs"]
mod blocks;
mod common;
#[path = "../../evidence/tests/kept/mod.rs"]
mod kept;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use common::server::{Server, data};
use common::{Counterfoil, Ran};
use counterfoil_evidence::format::{Evidence, Known};
use counterfoil_evidence::moment::Moment;
use counterfoil_evidence::names::Named;
use counterfoil_evidence::record::BlockRecord;
use counterfoil_evidence::trust::Trust;
use counterfoil_tiles::checkpoint::{Checkpoint, OriginHash};
use counterfoil_tiles::note::Note;
use kept::{Authority, Blobs, keep, listed, place_of};
use sha2::{Digest, Sha256};

/// An anchor that serves what it is given, and the lists of that.
struct Anchor {
    url: String,
    blobs: Arc<Mutex<Blobs>>,
}

impl Anchor {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let blobs = Arc::<Mutex<Blobs>>::default();
        let serves = Arc::clone(&blobs);
        // Ends with the test process.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let lines = BufReader::new(client.try_clone().unwrap()).lines();
                let head: Vec<String> = lines
                    .map_while(Result::ok)
                    .take_while(|line| !line.is_empty())
                    .collect();
                let Some(path) = head.first().and_then(|line| line.split(' ').nth(1)) else {
                    continue;
                };
                let body = answer(&serves.lock().unwrap(), path);
                let (status, body) = match body {
                    Some(body) => ("200 OK", body),
                    None => ("404 Not Found", Vec::new()),
                };
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
                );
                // A client that goes away is no fault of the server.
                let _ = (&client).write_all(&[head.as_bytes(), &body].concat());
            }
        });
        Self { url, blobs }
    }

    /// Keeps a checkpoint, and a token over it.
    fn take(&self, checkpoint: &[u8], authority: &Authority) {
        let mut blobs = self.blobs.lock().unwrap();
        keep(&mut blobs, origin(checkpoint), checkpoint, authority);
    }

    /// Keeps a block with a checkpoint that it has.
    fn take_block(&self, checkpoint: &[u8], name: &str) {
        let record = BlockRecord {
            name: name.parse().unwrap(),
            checkpoint: checkpoint.to_vec(),
            block: blocks::block(checkpoint).record,
            recorded: Moment::from_millis(1),
        };
        let name = Named::Record(format!("ethereum-{name}").parse().unwrap());
        let path = place_of(origin(checkpoint), checkpoint).path(&name);
        let record = record.encode().unwrap();
        self.blobs.lock().unwrap().insert(path, record);
    }
}

fn origin(checkpoint: &[u8]) -> OriginHash {
    let note = Note::parse(checkpoint).unwrap();
    OriginHash::of(Checkpoint::parse(note.text()).unwrap().origin())
}

fn answer(blobs: &Blobs, target: &str) -> Option<Vec<u8>> {
    let target = target.trim_start_matches('/');
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    match blobs.get(path) {
        Some(blob) => Some(blob.clone()),
        None => listed(blobs, path, query).map(String::into_bytes),
    }
}

/// A log with three files, one of them with its contents, and an anchor that it names.
struct World {
    counterfoil: Counterfoil,
    server: Server,
    anchor: Anchor,
    authority: Authority,
    runtime: tokio::runtime::Runtime,
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let authority = runtime.block_on(Authority::start("dev"));
        let (counterfoil, anchor) = (Counterfoil::new(), Anchor::start());
        Server::init(&counterfoil);
        let server = Server::start(&counterfoil, &["--log-anchors", &anchor.url]);
        for name in ["a", "b", "c"] {
            counterfoil.write(&format!("records/{name}"), format!("record {name}"));
        }
        let world = Self {
            counterfoil,
            server,
            anchor,
            authority,
            runtime,
        };
        world.submit(&["records/a", "records/b"]);
        world.submit(&["--embed", "records/c"]);
        world
    }

    fn submit(&self, files: &[&str]) {
        let (log, vkey) = (self.server.url.as_str(), self.server.vkey.as_str());
        // With receipts: the entries are published when it ends.
        let fixed = ["submit", "--log", log, "--vkey", vkey];
        let ran = self.counterfoil.run(fixed.iter().chain(files));
        assert_eq!(ran.code, 0, "{}", ran.all());
    }

    fn evidence(&self, arguments: &[&str]) -> Ran {
        let fixed = ["evidence", "--vkey", &self.server.vkey, "--log"];
        self.counterfoil.run(fixed.iter().chain(arguments))
    }

    fn of_log(&self, arguments: &[&str]) -> Ran {
        let with_log: Vec<&str> = [self.server.url.as_str()]
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        self.evidence(&with_log)
    }

    fn checkpoint(&self) -> Vec<u8> {
        self.server.get("checkpoint").1
    }

    fn anchored(&self) {
        self.anchor.take(&self.checkpoint(), &self.authority);
    }
}

fn read(path: &Path) -> Evidence {
    Evidence::parse(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_log_gives_evidence_of_files_once_they_are_anchored() {
    let world = World::new();
    let early = world.of_log(&["records/a"]);
    assert_eq!(early.code, 3, "{}", early.all());
    assert!(
        early.stderr.contains("no anchor has fixed a checkpoint"),
        "{}",
        early.all()
    );
    assert!(early.stderr.contains("ask again later"), "{}", early.all());
    assert!(!world.counterfoil.path("records/a.evidence.json").exists());
    world.anchored();
    // The log remembers for some seconds that there was nothing for the first entry: the others are asked for.
    let ran = world.of_log(&["--json", "records/b"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(ran.json()["origin"], "test.example/log");
    assert_eq!(ran.json()["entry"], "digest");
    assert_eq!(ran.json()["anchors"][0]["authority"], "dev");
    let path = world.counterfoil.path("records/b.evidence.json");
    let evidence = read(&path);
    let digest: [u8; 32] = Sha256::digest("record b").into();
    assert_eq!(evidence.entry().known(), &Known::Digest(digest));
    assert_eq!(evidence.checkpoint(), world.checkpoint());
    assert!(evidence.policy().contains(&world.server.vkey));
    let again = world.of_log(&["records/b"]);
    assert_eq!(again.code, 2, "{}", again.all());
    assert!(
        again.stderr.contains("never overwritten"),
        "{}",
        again.all()
    );
    let embedded = world.of_log(&["records/c", "--output", "c.json"]);
    assert_eq!(embedded.code, 0, "{}", embedded.all());
    let evidence = read(&world.counterfoil.path("c.json"));
    assert_eq!(
        evidence.entry().known(),
        &Known::Contents(b"record c".to_vec())
    );
}

#[test]
fn an_index_goes_to_standard_output_and_a_directory_to_its_files() {
    let world = World::new();
    world.anchored();
    let ran = world.of_log(&["1"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let evidence = Evidence::parse(ran.stdout.as_bytes()).unwrap();
    assert_eq!(evidence.receipt().index().get(), 1);
    // What the log gives out is the entry, whatever it means.
    let digest = Sha256::digest("record b").to_vec();
    assert_eq!(evidence.entry().known(), &Known::Contents(digest));
    world.counterfoil.write("records/absent", "never logged");
    let all = world.of_log(&["records"]);
    assert_eq!(all.code, 1, "{}", all.all());
    assert!(
        all.stderr.contains("absent is not in the published log"),
        "{}",
        all.all()
    );
    for name in ["a", "b", "c"] {
        read(
            &world
                .counterfoil
                .path(&format!("records/{name}.evidence.json")),
        );
    }
    let beyond = world.of_log(&["3"]);
    assert_eq!(beyond.code, 3, "{}", beyond.all());
    assert!(
        beyond.stderr.contains("beyond the tree of size 3"),
        "{}",
        beyond.all()
    );
}

#[test]
fn it_is_put_together_from_tiles_and_an_anchors_records() {
    let world = World::new();
    let checkpoint = world.checkpoint();
    let anchor = Anchor::start();
    let early = world.of_log(&["0", "--anchor", &anchor.url]);
    assert_eq!(early.code, 3, "{}", early.all());
    assert!(early.stderr.contains("ask again later"), "{}", early.all());
    anchor.take(&checkpoint, &world.authority);
    // The tree grows: the partial tiles of the anchored size are gone.
    world.counterfoil.write("more", "more");
    world.submit(&["more"]);
    let ran = world.of_log(&["records/a", "--anchor", &anchor.url]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let path = world.counterfoil.path("records/a.evidence.json");
    assert_eq!(read(&path).checkpoint(), checkpoint);
    let directory = data(&world.counterfoil);
    let directory = directory.to_str().unwrap();
    let ran = world.evidence(&[directory, "2", "--anchor", &anchor.url]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let evidence = Evidence::parse(ran.stdout.as_bytes()).unwrap();
    assert_eq!(evidence.checkpoint(), checkpoint);
    assert_eq!(
        evidence.entry().known(),
        &Known::Contents(b"record c".to_vec())
    );
    assert_eq!(
        evidence.policy(),
        format!("log {}\nquorum none\n", world.server.vkey)
    );
    let alone = world.evidence(&[directory, "2"]);
    assert_eq!(alone.code, 2, "{}", alone.all());
    assert!(alone.stderr.contains("--anchor URL"), "{}", alone.all());
    let many: Vec<&str> = [directory, "2"]
        .into_iter()
        .chain(["--anchor", &anchor.url].repeat(9))
        .collect();
    let many = world.evidence(&many);
    assert_eq!(many.code, 2, "{}", many.all());
    assert!(many.stderr.contains("at most 8"), "{}", many.all());
}

#[test]
fn what_does_not_verify_is_not_written() {
    let world = World::new();
    let other = World::new();
    let checkpoint = String::from_utf8(world.checkpoint()).unwrap();
    let anchor = |checkpoint: &str| {
        let anchor = Anchor::start();
        anchor.take(checkpoint.as_bytes(), &world.authority);
        anchor
    };
    // Another log of the same name and size, under another key.
    let foreign = String::from_utf8(other.checkpoint()).unwrap();
    let token = anchor(&checkpoint);
    for record in token.blobs.lock().unwrap().values_mut() {
        if record.starts_with(b"{") {
            let text = String::from_utf8(record.clone()).unwrap();
            *record = text
                .replace("\"authority\":\"dev\"", "\"authority\":\"other\"")
                .into_bytes();
        }
    }
    let rows = [
        ("another log", anchor(&foreign), "no anchor shows"),
        ("another authority", token, "expected a token of dev"),
    ];
    for (name, anchor, reason) in rows {
        let ran = world.of_log(&["records/a", "--anchor", &anchor.url]);
        assert_eq!(ran.code, 1, "{name}: {}", ran.all());
        assert!(ran.stderr.contains(reason), "{name}: {}", ran.all());
        let path = world.counterfoil.path("records/a.evidence.json");
        assert!(!path.exists(), "{name}");
    }
    // Nobody's word is taken for whose log it is.
    let log = [
        world.server.url.as_str(),
        "0",
        "--anchor",
        &world.anchor.url,
    ];
    world.anchored();
    let fixed = ["evidence", "--vkey", &other.server.vkey, "--log"];
    let ran = world.counterfoil.run(fixed.iter().chain(&log));
    assert_eq!(ran.code, 1, "{}", ran.all());
}

#[test]
fn a_log_without_anchors_says_so() {
    let counterfoil = Counterfoil::new();
    let server = Server::new(&counterfoil);
    let file = counterfoil.write("a", "a");
    let file = file.to_str().unwrap();
    let submit = ["submit", file, "--log", &server.url, "--vkey", &server.vkey];
    assert_eq!(counterfoil.run(submit).code, 0);
    let ran = counterfoil.run(["evidence", file, "--log", &server.url]);
    assert_eq!(ran.code, 3, "{}", ran.all());
    assert!(
        ran.stderr.contains("no anchors are configured"),
        "{}",
        ran.all()
    );
    assert!(ran.stderr.contains("--anchor URL"), "{}", ran.all());
}

#[test]
fn a_trust_file_is_made_of_what_a_deployment_says_and_warns_of_it() {
    let world = World::new();
    let make = |flags: &[&str]| {
        let fixed = ["evidence", "trust", "--log", &world.server.url];
        world.counterfoil.run(fixed.iter().chain(flags))
    };
    let early = make(&["-o", "trust.toml"]);
    assert_eq!(early.code, 3, "{}", early.all());
    world.anchored();
    let ran = make(&["-o", "trust.toml"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(
        ran.stderr.contains("what this deployment says of itself"),
        "{}",
        ran.all()
    );
    let text = fs::read(world.counterfoil.path("trust.toml")).unwrap();
    assert!(
        text.starts_with(b"# WARNING"),
        "{}",
        String::from_utf8_lossy(&text)
    );
    let trust = Trust::parse(&text).unwrap();
    assert_eq!(trust.min_anchors(), 1);
    let keys: Vec<String> = trust
        .policy()
        .log_keys()
        .map(|key| key.vkey().to_string())
        .collect();
    assert_eq!(keys, [world.server.vkey.as_str()]);
    let [authority] = trust.authorities() else {
        panic!("{trust:?}");
    };
    assert_eq!(authority.name(), "dev");
    assert_eq!(authority.roots()[0].der(), world.authority.tsa.root());
    let again = make(&["-o", "trust.toml"]);
    assert_eq!(again.code, 2, "{}", again.all());
    let elsewhere = make(&["-o", "other.toml", "--anchor", &world.anchor.url]);
    assert_eq!(elsewhere.code, 0, "{}", elsewhere.all());
}

/// Of a chain, its number and where its transactions go are taken; no block is trusted because the deployment names it.
#[test]
fn a_trust_file_names_the_chains_of_a_deployment_and_none_of_their_blocks() {
    let world = World::new();
    world.anchored();
    world.anchor.take_block(&world.checkpoint(), "dev-chain");
    let make = |file: &str| {
        let log = ["--log", world.server.url.as_str(), "-o", file];
        world
            .counterfoil
            .run(["evidence", "trust"].iter().chain(&log))
    };
    let ran = make("trust.toml");
    assert_eq!(ran.code, 0, "{}", ran.all());
    let text = fs::read(world.counterfoil.path("trust.toml")).unwrap();
    let trust = Trust::parse(&text).unwrap();
    assert_eq!(trust.authorities().len(), 1);
    let [chain] = trust.chains() else {
        panic!("{trust:?}");
    };
    assert_eq!(
        (chain.name(), chain.chain_id()),
        ("dev-chain", blocks::CHAIN)
    );
    let destination = chain.destination().map(|to| to.to_string());
    assert_eq!(destination.as_deref(), Some(blocks::DESTINATION));
    assert!(chain.blocks().is_empty());
    // One chain by two names is no chain to trust.
    world.anchor.take_block(&world.checkpoint(), "other-chain");
    let ran = make("other.toml");
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.stderr.contains("one has two names"), "{}", ran.all());
}

/// A liar that is named first, and has an earlier checkpoint, is not chosen where it is known whom the verifier trusts.
#[test]
fn the_trust_file_decides_whose_checkpoint_is_taken() {
    let world = World::new();
    let liars = world.runtime.block_on(Authority::start("liar"));
    let liar = Anchor::start();
    let earlier = world.checkpoint();
    liar.take(&earlier, &liars);
    world.counterfoil.write("more", "more");
    world.submit(&["more"]);
    let later = world.checkpoint();
    world.anchored();
    let (log, own) = (&world.server.url, &world.anchor.url);
    let fixed = ["evidence", "trust", "--log", log, "-o", "trust.toml"];
    let made = world.counterfoil.run(fixed);
    assert_eq!(made.code, 0, "{}", made.all());
    let both = ["0", "--anchor", &liar.url, "--anchor", own];
    let trusting = ["--trust", "trust.toml"];
    let rows = [
        ("the first counts", both.to_vec(), &earlier),
        ("whom is trusted", [&both[..], &trusting].concat(), &later),
        ("of the log's", [&["0"][..], &trusting].concat(), &later),
    ];
    for (name, arguments, checkpoint) in rows {
        let ran = world.of_log(&arguments);
        assert_eq!(ran.code, 0, "{name}: {}", ran.all());
        let evidence = Evidence::parse(ran.stdout.as_bytes()).unwrap();
        assert_eq!(evidence.checkpoint(), checkpoint, "{name}");
    }
}

//! Evidence from a log that runs, with anchors that are honest and others.

mod anchor;
#[path = "../../../evidence/tests/blocks/mod.rs"]
mod blocks;
#[path = "../../../evidence/tests/kept/mod.rs"]
mod kept;

use std::time::{Duration, Instant, SystemTime};

use anchor::{FakeAnchor, Mood};
use counterfoil_evidence::format::{Anchor, Evidence, Known};
use counterfoil_evidence::gather::{check_block, check_token};
use counterfoil_evidence::moment::Moment;
use counterfoil_evidence::names::Named;
use counterfoil_evidence::record::BlockRecord;
use counterfoil_log_server::config::Config;
use counterfoil_log_server::{data, run};
use counterfoil_rfc3161::Timestamp;
use counterfoil_service::config::Settings;
use counterfoil_tiles::checkpoint::{Checkpoint, Origin, OriginHash};
use counterfoil_tiles::cosignature::sign_as_log;
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::key::{Algorithm, KeyName, Seed, SigningKey};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::policy::Policy;
use kept::Authority;
use reqwest::{Client, Response};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const ORIGIN: &str = "log.example/evidence";
const SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

fn key(origin: &str) -> SigningKey {
    let name = KeyName::new(origin).unwrap();
    SigningKey::from_seed(name, Algorithm::Ed25519, &Seed::new([7; 32])).unwrap()
}

fn origin() -> OriginHash {
    OriginHash::of(&Origin::new(ORIGIN).unwrap())
}

/// A log on a directory of its own, with ten entries, that runs until it is dropped.
struct Log {
    dir: tempfile::TempDir,
    url: String,
    client: Client,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Log {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        data::create(&dir.path().join("data")).await.unwrap();
        let log = Self::serve(dir, &[], "", "").await;
        log.add(10).await;
        log
    }

    /// `front` is further lines of the server, `more` of the log.
    async fn serve(dir: tempfile::TempDir, anchors: &[&str], front: &str, more: &str) -> Self {
        let text = format!(
            "listen = [\"127.0.0.1:0\"]\n{front}[[log]]\norigin = \"{ORIGIN}\"\ndata = \"{}\"\nkeys = [\"-\"]\n\
             checkpoint_interval = \"10ms\"\nanchors = {anchors:?}\n{more}",
            dir.path().join("data").display()
        );
        let config = Config::parse(&text, &[]).unwrap();
        let running = run::start(&config, &|_| Ok(key(ORIGIN))).await.unwrap();
        let url = format!("http://{}", running.addresses()[0]);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(running.run(async {
            let _ = stopped.await;
        }));
        let client = Client::builder().no_proxy().build().unwrap();
        Self {
            dir,
            url,
            client,
            stop,
            task,
        }
    }

    /// The same log, started again with these anchors.
    async fn with(self, anchors: &[&FakeAnchor], more: &str) -> Self {
        self.again(anchors, "", more).await
    }

    async fn again(self, anchors: &[&FakeAnchor], front: &str, more: &str) -> Self {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
        let urls: Vec<&str> = anchors.iter().map(|anchor| anchor.url.as_str()).collect();
        Self::serve(self.dir, &urls, front, more).await
    }

    async fn add(&self, count: u8) {
        for number in 0..count {
            let url = format!("{}/add?wait=receipt", self.url);
            let added = self.client.post(url).body(format!("entry {number}"));
            assert_eq!(added.send().await.unwrap().status(), 200);
        }
    }

    async fn get(&self, path: &str) -> Response {
        let url = format!("{}{path}", self.url);
        self.client.get(url).send().await.unwrap()
    }

    async fn checkpoint(&self) -> Vec<u8> {
        self.get("/checkpoint")
            .await
            .bytes()
            .await
            .unwrap()
            .to_vec()
    }

    /// The status, the word and the reason of a problem.
    async fn problem(&self, path: &str) -> (u16, String, String) {
        let answer = self.get(path).await;
        let status = answer.status().as_u16();
        if status == 503 {
            assert!(answer.headers().contains_key("retry-after"), "{path}");
        }
        let text = answer.text().await.unwrap();
        let (word, reason) = text.split_once(": ").unwrap();
        (status, word.to_owned(), reason.to_owned())
    }

    async fn evidence(&self, index: u64) -> Evidence {
        let answer = self.get(&format!("/evidence/{index}")).await;
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
        Evidence::parse(&answer.bytes().await.unwrap()).unwrap()
    }
}

/// A block is given out as a token is.
#[tokio::test(flavor = "multi_thread")]
async fn evidence_has_the_blocks_of_its_anchors() {
    let one = Authority::start("one").await;
    let log = Log::start().await;
    let checkpoint = log.checkpoint().await;
    let anchor = FakeAnchor::start(Mood::Honest).await;
    anchor.anchors(origin(), &checkpoint, &one);
    let made = blocks::block(&checkpoint);
    let record = BlockRecord {
        name: "mainnet".parse().unwrap(),
        checkpoint: checkpoint.clone(),
        block: made.record.clone(),
        recorded: Moment::from_millis(1),
    };
    let name = Named::Record("ethereum-mainnet".parse().unwrap());
    let path = kept::place_of(origin(), &checkpoint).path(&name);
    let record = record.encode().unwrap();
    anchor.blobs.lock().unwrap().insert(path, record);
    let log = log.with(&[&anchor], "").await;
    let evidence = log.evidence(4).await;
    let [Anchor::Block(block), Anchor::Token(_)] = evidence.anchors() else {
        panic!("{evidence:?}");
    };
    assert_eq!(*block, made.record);
    check_block(block, evidence.checkpoint(), now()).unwrap();
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from_seconds(i64::try_from(since.unwrap().as_secs()).unwrap())
}

/// What the evidence says holds: the entry, its place in the tree, the log's signature, and each token.
fn verify(evidence: &Evidence, index: u64) {
    let contents = format!("entry {}", index % 10).into_bytes();
    assert_eq!(evidence.entry().known(), &Known::Contents(contents));
    assert_eq!(evidence.receipt().index().get(), index);
    let policy = Policy::without_quorum([key(ORIGIN).vkey().clone()]).unwrap();
    let leaf = evidence.entry().leaf_hash();
    evidence.receipt().clone().verify(leaf, &policy).unwrap();
    assert!(evidence.policy().contains(&key(ORIGIN).vkey().to_string()));
    assert!(!evidence.anchors().is_empty());
    for anchor in evidence.anchors() {
        let Anchor::Token(token) = anchor else {
            panic!("{anchor:?}");
        };
        check_token(
            &token.token,
            &token.certificates,
            evidence.checkpoint(),
            now(),
        )
        .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anchored_entry_has_evidence_and_one_that_is_not_is_told_to_wait() {
    let (one, two) = (Authority::start("one").await, Authority::start("two").await);
    let (first, second) = (
        FakeAnchor::start(Mood::Honest).await,
        FakeAnchor::start(Mood::Honest).await,
    );
    let log = Log::start().await;
    let checkpoint = log.checkpoint().await;
    first.anchors(origin(), &checkpoint, &one);
    second.anchors(origin(), &checkpoint, &two);
    let log = log.with(&[&first, &second], "").await;
    log.add(3).await;
    let answer = log.get("/evidence/4").await;
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(
        header("content-disposition"),
        "attachment; filename=\"log.example-evidence-4.evidence.json\""
    );
    assert_eq!(header("cache-control"), "no-cache");
    for index in [0, 4, 9] {
        let evidence = log.evidence(index).await;
        verify(&evidence, index);
        assert_eq!(evidence.checkpoint(), checkpoint, "{index}");
        assert_eq!(evidence.anchors().len(), 2, "{index}");
    }
    let (status, word, reason) = log.problem("/evidence/10").await;
    assert_eq!((status, word.as_str()), (503, "not-anchored"), "{reason}");
    let (status, word, reason) = log.problem("/evidence/13").await;
    assert_eq!((status, word.as_str()), (404, "not-found"));
    assert!(reason.contains("beyond the tree of size 13"), "{reason}");
    // What is anchored while the log runs is found.
    let checkpoint = log.checkpoint().await;
    first.anchors(origin(), &checkpoint, &one);
    verify(&log.evidence(11).await, 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_receipt_is_given_for_an_anchored_size() {
    let one = Authority::start("one").await;
    let anchor = FakeAnchor::start(Mood::Honest).await;
    let log = Log::start().await;
    let checkpoint = log.checkpoint().await;
    anchor.anchors(origin(), &checkpoint, &one);
    let short = "checkpoint_history = \"1ms\"";
    let log = log.with(&[], short).await;
    // The log itself forgets it.
    let until = Instant::now() + Duration::from_mins(1);
    while log.get("/receipt/4?size=10").await.status() != 404 {
        assert!(Instant::now() < until, "the log does not forget");
        log.add(1).await;
    }
    let log = log.with(&[&anchor], short).await;
    let receipt = log.get("/receipt/4?size=10").await;
    assert_eq!(receipt.status(), 200);
    let (status, ..) = log.problem("/receipt/4?size=9").await;
    assert_eq!(status, 404);
    let receipt = receipt.text().await.unwrap();
    assert!(
        receipt.ends_with(&String::from_utf8(checkpoint).unwrap()),
        "{receipt}"
    );
}

/// What an anchor says is used only where it is about this log.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_an_anchor_says_is_believed() {
    let one = Authority::start("one").await;
    let sign = |origin: &str, size: u64| {
        let name = Origin::new(origin).unwrap();
        let root = NodeHash::from_bytes([5; 32]);
        let checkpoint = Checkpoint::new(name, TreeSize::new(size), root);
        let line = sign_as_log(&key(origin), &checkpoint).unwrap();
        let note = Note::new(&checkpoint.to_string(), vec![line]).unwrap();
        note.as_bytes().to_vec()
    };
    let mut log = Log::start().await;
    let rows = [
        (
            "another log",
            sign("log.example/other", 9),
            "not a checkpoint of this log",
        ),
        ("a fork", sign(ORIGIN, 9), "is not that of this log's tree"),
    ];
    for (name, checkpoint, expected) in rows {
        let anchor = FakeAnchor::start(Mood::Honest).await;
        anchor.anchors(origin(), &checkpoint, &one);
        log = log.with(&[&anchor], "").await;
        let (status, word, reason) = log.problem("/evidence/4").await;
        assert_eq!((status, word.as_str()), (503, "no-anchor"), "{name}");
        assert!(reason.contains(expected), "{name}: {reason}");
    }
    // Real, but without the cosignature that the log's policy asks for since: nobody could verify it.
    let bare = FakeAnchor::start(Mood::Honest).await;
    bare.anchors(origin(), &log.checkpoint().await, &one);
    let witness = SigningKey::from_seed(
        KeyName::new("witness.example").unwrap(),
        Algorithm::CosignatureV1,
        &Seed::new([8; 32]),
    )
    .unwrap();
    let policy = log.dir.path().join("policy");
    let (log_key, witness) = (key(ORIGIN), witness.vkey().clone());
    let text = format!(
        "log {}\nwitness w {witness} http://127.0.0.1:1/\nquorum w\n",
        log_key.vkey()
    );
    std::fs::write(&policy, text).unwrap();
    let asked = format!("policy = {policy:?}\nstart_unguarded = true\n");
    log = log.with(&[&bare], &asked).await;
    let (status, word, reason) = log.problem("/evidence/4").await;
    assert_eq!((status, word.as_str()), (503, "no-anchor"), "{reason}");
    assert!(reason.contains("quorum"), "{reason}");
    // Larger than what is published: as if it were not there.
    let anchor = FakeAnchor::start(Mood::Honest).await;
    anchor.anchors(origin(), &sign(ORIGIN, 11), &one);
    log = log.with(&[&anchor], "").await;
    let (status, word, _) = log.problem("/evidence/4").await;
    assert_eq!((status, word.as_str()), (503, "not-anchored"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anchor_that_gives_no_answer_is_named_and_the_others_are_heard() {
    let one = Authority::start("one").await;
    let mut log = Log::start().await;
    let checkpoint = log.checkpoint().await;
    let honest = FakeAnchor::start(Mood::Honest).await;
    honest.anchors(origin(), &checkpoint, &one);
    let rows = [
        (Mood::Html, "not a line of this list"),
        (Mood::Error, "got 500"),
        (Mood::Silent, "no whole answer within 4.0 s"),
        (Mood::Endless, "more than 98304 bytes"),
    ];
    for (mood, expected) in rows {
        let anchor = FakeAnchor::start(mood).await;
        log = log.with(&[&anchor], "").await;
        let (status, word, reason) = log.problem("/evidence/4").await;
        assert_eq!((status, word.as_str()), (503, "no-anchor"), "{mood:?}");
        assert!(
            reason.contains(expected) && reason.contains(&anchor.url),
            "{mood:?}: {reason}"
        );
        log = log.with(&[&anchor, &honest], "").await;
        let answer = log.get("/evidence/4").await;
        assert_eq!(
            answer.headers()["x-anchor-troubles"],
            anchor.shown(),
            "{mood:?}"
        );
        verify(&Evidence::parse(&answer.bytes().await.unwrap()).unwrap(), 4);
    }
    let nobody = FakeAnchor {
        url: "http://127.0.0.1:1".to_owned(),
        ..honest
    };
    log = log.with(&[&nobody], "").await;
    let (status, word, reason) = log.problem("/evidence/4").await;
    assert_eq!((status, word.as_str()), (503, "no-anchor"));
    assert!(reason.contains("no connection"), "{reason}");
}

/// Each answer comes, but all of them together would take as long as a request may.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_anchor_takes_nothing_from_the_others() {
    let one = Authority::start("one").await;
    let log = Log::start().await;
    let slow = FakeAnchor::start(Mood::Slow(Duration::from_millis(900))).await;
    let honest = FakeAnchor::start(Mood::Honest).await;
    honest.anchors(origin(), &log.checkpoint().await, &one);
    let mut checkpoints = Vec::new();
    for _ in 0..4 {
        let checkpoint = log.checkpoint().await;
        slow.anchors(origin(), &checkpoint, &one);
        checkpoints.push(checkpoint);
        log.add(1).await;
    }
    let log = log
        .again(&[&slow, &honest], "request_deadline = \"5s\"\n", "")
        .await;
    for index in [4, 7] {
        let answer = log.get(&format!("/evidence/{index}")).await;
        assert_eq!(
            answer.status(),
            200,
            "{index}: {}",
            answer.text().await.unwrap()
        );
        assert_eq!(
            answer.headers()["x-anchor-troubles"],
            slow.shown(),
            "{index}"
        );
        verify(
            &Evidence::parse(&answer.bytes().await.unwrap()).unwrap(),
            index,
        );
    }
    // What it gives in its time is used.
    let log = log
        .again(&[&slow], "request_deadline = \"20s\"\n", "")
        .await;
    let evidence = log.evidence(4).await;
    verify(&evidence, 4);
    assert_eq!(evidence.checkpoint(), checkpoints[0]);
}

/// Those that ask for evidence do not all wait for an anchor that does not answer.
#[tokio::test(flavor = "multi_thread")]
async fn an_anchor_that_does_not_answer_is_left_alone_for_a_while() {
    let one = Authority::start("one").await;
    let log = Log::start().await;
    let silent = FakeAnchor::start(Mood::Silent).await;
    let honest = FakeAnchor::start(Mood::Honest).await;
    honest.anchors(origin(), &log.checkpoint().await, &one);
    let log = log.with(&[&silent, &honest], "").await;
    verify(&log.evidence(4).await, 4);
    let asked = Instant::now();
    for index in 0..9 {
        verify(&log.evidence(index).await, index);
    }
    // One of them would have waited for it for four seconds.
    assert!(
        asked.elapsed() < Duration::from_secs(4),
        "{:?}",
        asked.elapsed()
    );
    let (status, word, reason) = log.with(&[&silent], "").await.problem("/evidence/4").await;
    assert_eq!((status, word.as_str()), (503, "no-anchor"), "{reason}");
}

/// A client with an address of its own.
fn from(number: u8) -> Client {
    let address = std::net::Ipv4Addr::new(127, 0, 0, 2 + number);
    let client = Client::builder()
        .no_proxy()
        .local_address(Some(address.into()));
    client.build().unwrap()
}

/// However many ask from one address, those at others have their turn.
#[tokio::test(flavor = "multi_thread")]
async fn one_client_does_not_take_the_turns_of_all() {
    let one = Authority::start("one").await;
    let log = Log::start().await;
    let slow = FakeAnchor::start(Mood::Slow(Duration::from_millis(300))).await;
    slow.anchors(origin(), &log.checkpoint().await, &one);
    let log = log.with(&[&slow], "").await;
    let (many, other) = (from(0), from(1));
    let url = format!("{}/evidence/4", log.url);
    let asked = (0..60).map(|_| async {
        let answer = many.get(&url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    });
    let (answers, others) = tokio::join!(futures_util::future::join_all(asked), async {
        other.get(&url).send().await.unwrap().status().as_u16()
    });
    assert_eq!(others, 200);
    let refused = |text: &str| text.starts_with("overloaded: 16 requests of this client");
    let refused = answers
        .iter()
        .filter(|(status, text)| *status == 503 && refused(text));
    // Those that came when some were answered already had a turn.
    let refused = refused.count();
    assert!(refused >= 30, "{refused} refused");
}

/// Who asks while too many wait is told so at once, and what they asked for is theirs once those are done.
#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_wait_for_evidence() {
    let one = Authority::start("one").await;
    let log = Log::start().await;
    let slow = FakeAnchor::start(Mood::Slow(Duration::from_millis(300))).await;
    slow.anchors(origin(), &log.checkpoint().await, &one);
    let log = log.with(&[&slow], "").await;
    let asked = (0..60).map(async |number| {
        let client = from(number % 4);
        let url = format!("{}/evidence/{}", log.url, number % 10);
        let answer = client.get(url).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.text().await.unwrap())
    });
    let answers = futures_util::future::join_all(asked).await;
    let given = answers.iter().filter(|(status, _)| *status == 200).count();
    let refused = |text: &str| text.starts_with("overloaded: 32 requests wait");
    let refused = answers
        .iter()
        .filter(|(status, text)| *status == 503 && refused(text));
    let refused = refused.count();
    assert!(
        given >= 2 && refused >= 10,
        "{given} given, {refused} refused"
    );
    verify(&log.evidence(4).await, 4);
}

/// What is damaged at an anchor is named, and counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_record_is_named_and_counted() {
    let (one, two) = (Authority::start("one").await, Authority::start("two").await);
    let log = Log::start().await;
    let checkpoint = log.checkpoint().await;
    let anchor = FakeAnchor::start(Mood::Honest).await;
    for authority in [&one, &two] {
        anchor.anchors(origin(), &checkpoint, authority);
    }
    let path = {
        let blobs = anchor.blobs.lock().unwrap();
        blobs
            .keys()
            .find(|path| path.ends_with("/rfc3161-one"))
            .unwrap()
            .clone()
    };
    let good = anchor.blobs.lock().unwrap()[&path].clone();
    let mut flipped = one.record(&checkpoint);
    *flipped.token.last_mut().unwrap() ^= 1;
    let rows = [
        ("a part", good[..good.len() / 2].to_vec()),
        ("a byte of the token", flipped.encode().unwrap()),
    ];
    let mut log = log;
    for (name, bytes) in rows {
        anchor.blobs.lock().unwrap().insert(path.clone(), bytes);
        log = log.with(&[&anchor], "").await;
        let answer = log.get("/evidence/4").await;
        assert_eq!(
            answer.headers()["x-anchor-troubles"],
            anchor.shown(),
            "{name}"
        );
        let evidence = Evidence::parse(&answer.bytes().await.unwrap()).unwrap();
        verify(&evidence, 4);
        assert_eq!(evidence.anchors().len(), 1, "{name}");
        let status: Value = log.get("/status").await.json().await.unwrap();
        let what = status["anchors"][0]["last_error"]["what"].as_str().unwrap();
        assert!(what.starts_with(&path), "{name}: {what}");
        let metrics = log.get("/metrics").await.text().await.unwrap();
        let labels = format!("log=\"{ORIGIN}\",anchor=\"{}\"", anchor.shown());
        let counted = |trouble: &str| {
            let line =
                format!("counterfoil_log_anchor_troubles_total{{{labels},trouble=\"{trouble}\"}} ");
            let count = metrics
                .split_once(&line)
                .map(|(_, rest)| rest.lines().next().unwrap());
            count
                .unwrap_or_else(|| panic!("{metrics}"))
                .parse::<u64>()
                .unwrap()
        };
        assert_eq!(counted("silent"), 0, "{name}");
        assert!(counted("unusable") >= 1, "{name}");
    }
    // What was of no use is not remembered: mended, it is given out.
    anchor.blobs.lock().unwrap().insert(path, good);
    assert_eq!(log.evidence(4).await.anchors().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_is_guarded_as_bundles_are() {
    let one = Authority::start("one").await;
    let anchor = FakeAnchor::start(Mood::Honest).await;
    let log = Log::start().await;
    anchor.anchors(origin(), &log.checkpoint().await, &one);
    let more = format!("read = \"token\"\n[[token]]\nname = \"auditor\"\nsha256 = \"{SECRET}\"\n");
    let log = log.with(&[&anchor], &more).await;
    let (status, word, _) = log.problem("/evidence/4").await;
    assert_eq!((status, word.as_str()), (401, "unauthenticated"));
    // A receipt is made of hashes that everybody may read, and of a checkpoint: of an anchored size, too.
    for path in ["/receipt/4", "/receipt/4?size=10"] {
        assert_eq!(log.get(path).await.status(), 200, "{path}");
    }
    let request = log.client.get(format!("{}/evidence/4", log.url));
    let answer = request.bearer_auth("secret").send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn status_and_metrics_show_the_newest_of_each_anchor() {
    let one = Authority::start("one").await;
    let (honest, dead) = (
        FakeAnchor::start(Mood::Honest).await,
        FakeAnchor::start(Mood::Error).await,
    );
    let log = Log::start().await;
    let checkpoint = log.checkpoint().await;
    honest.anchors(origin(), &checkpoint, &one);
    let log = log.with(&[&honest, &dead], "").await;
    let until = Instant::now() + Duration::from_mins(1);
    let status: Value = loop {
        let status: Value = log.get("/status").await.json().await.unwrap();
        let looked = |at: usize| !status["anchors"][at]["looked_at"].is_null();
        if looked(0) && looked(1) {
            break status;
        }
        assert!(Instant::now() < until, "{status}");
        tokio::task::yield_now().await;
    };
    assert_eq!(status["origin"], ORIGIN);
    let (first, second) = (&status["anchors"][0], &status["anchors"][1]);
    assert_eq!(first["url"], format!("{}/", honest.url));
    assert_eq!(first["newest_size"], 10);
    assert_eq!(first["answers"], true);
    assert!(first["newest_time"].as_u64().unwrap() > 1_700_000_000);
    assert!(first["newest_age_seconds"].is_u64());
    assert!(first["last_error"].is_null());
    assert_eq!(second["answers"], false);
    assert!(second["newest_size"].is_null());
    let what = second["last_error"]["what"].as_str().unwrap();
    assert!(what.contains("got 500"), "{what}");
    let metrics = log.get("/metrics").await.text().await.unwrap();
    let gauge = |name: &str, url: &str, value: &str| {
        let line =
            format!("counterfoil_log_anchor_{name}{{log=\"{ORIGIN}\",anchor=\"{url}/\"}} {value}");
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    };
    gauge("newest_size", &honest.url, "10");
    gauge("answers", &honest.url, "1");
    gauge("answers", &dead.url, "0");
    gauge("newest_size", &dead.url, "0");
    gauge(
        "newest_timestamp_seconds",
        &honest.url,
        &first["newest_time"].to_string(),
    );
}

//! The service over real sockets.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::tsa::{Crl, Does, FakeTsa};
use common::worker::{Disk, Terms};
use common::{Log, ORIGIN, Tree, get};
use counterfoil_anchor::http::{Site, SiteOptions};
use counterfoil_anchor::names::{Blobs as _, Place};
use counterfoil_anchor::worker::Worker;
use counterfoil_service::client::{Answer, Call, Client, ClientOptions, Sent};
use counterfoil_service::config::{ClientShare, FrontConfig};
use counterfoil_service::metrics::Connections;
use counterfoil_service::serve::Server;
use counterfoil_store::Blob;
use counterfoil_tiles::checkpoint::{Origin, OriginHash};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;

/// A service over a worker that has anchored trees of 7 and 9 entries, the second by one authority of two.
struct Service {
    url: String,
    worker: Worker,
    disk: Disk,
    log: Log,
    _authorities: Vec<FakeTsa>,
    server: tokio::task::JoinHandle<()>,
    working: tokio::task::JoinHandle<()>,
    _stop: watch::Sender<bool>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.server.abort();
        self.working.abort();
    }
}

impl Service {
    async fn start() -> Self {
        let log = Log::start(Tree::new(7)).await;
        let authorities = vec![
            FakeTsa::start("first").await,
            FakeTsa::start("second").await,
        ];
        let terms = Terms::default();
        let tsas = authorities.iter().map(|tsa| tsa.tsa(terms.deadline));
        let disk = Disk::default();
        let worker = common::worker::worker(&disk, &log, tsas.collect(), &terms).await;
        let (stop, stopped) = watch::channel(false);
        let runs = worker.clone();
        let working = tokio::spawn(async move { runs.run(stopped).await });
        wait(&worker, 7, &[1, 1]).await;
        authorities[1].does(Does::Html);
        log.serve(&Tree::new(9), &[1, 2]);
        worker.want();
        wait(&worker, 9, &[2, 1]).await;
        let (url, server) = serve(&worker).await;
        Self {
            url,
            worker,
            disk,
            log,
            _authorities: authorities,
            server,
            working,
            _stop: stop,
        }
    }

    async fn get(&self, path: &str) -> Answer {
        get(&self.url, path).await
    }

    async fn text(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        String::from_utf8(answer.body.to_vec()).unwrap()
    }
}

/// Serves what a worker keeps.
async fn serve(worker: &Worker) -> (String, tokio::task::JoinHandle<()>) {
    let connections = Arc::<Connections>::default();
    let options = SiteOptions {
        operator: Some("<Example>".to_owned()),
        max_requests: 100,
        request_deadline: Duration::from_secs(20),
        client_share: ClientShare::Part,
    };
    let site = Arc::new(Site::new(worker.clone(), connections.clone(), options));
    let front = FrontConfig {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        ..FrontConfig::default()
    };
    let server = Server::bind(&front, connections, site).await.unwrap();
    let url = format!("http://{}", server.addresses()[0]);
    (url, tokio::spawn(server.run(std::future::pending())))
}

async fn wait(worker: &Worker, size: u64, counted: &[u64]) {
    let waiting = async {
        loop {
            let status = worker.status().remove(0);
            let count = |authority: usize| {
                let answers = &status.authorities[authority].answers;
                answers.get("counted").copied().unwrap_or(0)
            };
            let there = status
                .newest
                .is_some_and(|newest| newest.place.size.get() == size);
            if there
                && counted
                    .iter()
                    .enumerate()
                    .all(|(place, wanted)| count(place) == *wanted)
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting)
        .await
        .unwrap();
}

fn hash() -> OriginHash {
    OriginHash::of(&Origin::new(ORIGIN).unwrap())
}

#[tokio::test]
async fn records_are_found_by_going_down_from_the_logs() {
    let service = Service::start().await;
    let hash = hash();
    assert_eq!(service.text("/logs").await, format!("{hash} {ORIGIN}\n"));
    assert_eq!(service.text(&format!("/{hash}/anchors")).await, "7\n9\n");
    let parts = [
        ("after=7", "9\n"),
        ("after=8", "9\n"),
        ("after=0", "7\n9\n"),
        ("after=9", ""),
        ("after=18446744073709551615", ""),
        ("last=1", "9\n"),
        ("last=5", "7\n9\n"),
        ("other=1", "7\n9\n"),
    ];
    for (part, expected) in parts {
        let path = format!("/{hash}/anchors/?{part}");
        assert_eq!(service.text(&path).await, expected, "{part}");
    }
    let checkpoint = service.text(&format!("/{hash}/anchors/7/")).await;
    let folder = format!("/{hash}/anchors/7/{}", checkpoint.trim_end());
    let names = service.text(&folder).await;
    assert_eq!(names, "checkpoint\nrfc3161-first\nrfc3161-second\n");
    let last = service.text(&format!("{folder}?last=2")).await;
    assert_eq!(last, "rfc3161-first\nrfc3161-second\n");
    let note = service.get(&format!("{folder}/checkpoint")).await;
    assert_eq!(
        note.body,
        Tree::new(7).note(&[1, 2], 1_700_000_000).as_bytes()
    );
    let record = service.get(&format!("{folder}/rfc3161-first")).await;
    assert_eq!(record.content_type.as_deref(), Some("application/json"));
    let json: serde_json::Value = serde_json::from_slice(&record.body).unwrap();
    assert_eq!(json["format"], "counterfoil/anchor-record@v1");
    let token = service.get(&format!("{folder}/rfc3161-first.tst")).await;
    assert_eq!(token.content_type.as_deref(), Some("application/cms"));
    let place: Place = service.worker.status()[0].newest.unwrap().place;
    assert_eq!(place.size.get(), 9);
    let (stored, _) = service
        .worker
        .records()
        .token(
            &Place {
                size: counterfoil_tiles::hash::TreeSize::new(7),
                checkpoint: checkpoint.trim_end().parse().unwrap(),
                ..place
            },
            &"rfc3161-first".parse().unwrap(),
        )
        .await
        .unwrap();
    assert_eq!(token.body, stored.token);
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_nothing_is_written() {
    let service = Service::start().await;
    let (hash, other) = (hash(), "ab".repeat(32));
    let rows = [
        ("no path", "/x".to_owned()),
        ("no such log", format!("/{other}/anchors")),
        ("no such size", format!("/{hash}/anchors/8")),
        ("a size with a zero before", format!("/{hash}/anchors/07")),
        ("no such checkpoint", format!("/{hash}/anchors/7/{other}")),
        (
            "no such record",
            format!("/{hash}/anchors/7/{other}/rfc3161-first"),
        ),
        (
            "no such token",
            format!("/{hash}/anchors/7/{other}/rfc3161-first.tst"),
        ),
        ("no such line", "/logs?after=8".to_owned()),
        ("no size to go on after", format!("/{hash}/anchors?after=x")),
        (
            "upper case",
            format!("/{}/anchors", hash.to_string().to_uppercase()),
        ),
        ("no such fork", format!("/{hash}/forks/{other}/refused")),
    ];
    for (name, path) in rows {
        let answer = service.get(&path).await;
        assert_eq!(answer.status, 404, "{name}: {answer:?}");
        assert!(answer.body.starts_with(b"not-found: "), "{name}");
    }
    for last in ["0", "1001", "-1", "x", ""] {
        let path = format!("/{hash}/anchors?last={last}");
        assert_eq!(service.get(&path).await.status, 400, "{last}");
    }
    let client = Client::new(&ClientOptions::default()).unwrap();
    let call = Call {
        sent: Sent::Post {
            body: "x".into(),
            content_type: None,
        },
        url: &format!("{}/logs", service.url),
        accept: None,
        deadline: Duration::from_secs(20),
        limit: 1_000,
    };
    assert_eq!(client.call(call).await.unwrap().status, 405);
}

#[tokio::test]
async fn the_page_and_the_status_show_what_is_anchored_and_what_is_wrong() {
    let service = Service::start().await;
    let page = service.text("/").await;
    for part in [
        "&lt;Example&gt;",
        "Its first <strong>9</strong> entries existed by",
        "aria-label=\"Anchors on a time line\"",
        "expected application/timestamp-reply",
        "rfc3161-second.tst",
    ] {
        assert!(page.contains(part), "{part} is missing in {page}");
    }
    assert_eq!(page.matches("<circle").count(), 2);
    assert!(!page.contains("<Example>") && !page.contains("<script"));
    let json: serde_json::Value = serde_json::from_str(&service.text("/status").await).unwrap();
    let log = &json["logs"][0];
    assert_eq!(log["origin"], ORIGIN);
    assert_eq!(log["newest"]["size"], 9);
    assert_eq!(log["authorities"][1]["trouble"]["word"], "not-a-response");
    assert_eq!(log["authorities"][0]["answers"]["counted"], 2);
    // A fork is on both.
    service.log.serve(&Tree::forked(11, 3, 1), &[1, 2]);
    service.worker.want();
    let forked = async {
        while service.worker.status()[0].forked.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), forked)
        .await
        .unwrap();
    assert!(service.text("/").await.contains("This log forked"));
    let forks = service.text(&format!("/{}/forks", hash())).await;
    let refused = format!("/{}/forks/{}/refused", hash(), forks.trim_end());
    let expected = Tree::forked(11, 3, 1).note(&[1, 2], 1_700_000_000);
    assert_eq!(service.text(&refused).await, expected.as_str());
}

#[tokio::test]
async fn metrics_say_how_old_the_newest_anchor_is() {
    let service = Service::start().await;
    let text = service.text("/metrics").await;
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("{name} is missing in {text}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    let label = format!("{{origin=\"{ORIGIN}\"");
    let age = value(&format!("counterfoil_anchor_newest_age_seconds{label}"));
    assert!((0.0..60.0).contains(&age), "{age}");
    assert_eq!(
        value(&format!("counterfoil_anchor_anchored_size{label}")).to_bits(),
        9.0_f64.to_bits()
    );
    assert_eq!(
        value(&format!("counterfoil_anchor_log_forked{label}")).to_bits(),
        0.0_f64.to_bits()
    );
    let counted = format!(
        "counterfoil_anchor_answers_total{label},authority=\"first\",outcome=\"counted\"}}"
    );
    assert_eq!(value(&counted).to_bits(), 2.0_f64.to_bits());
    let html = format!(
        "counterfoil_anchor_answers_total{label},authority=\"second\",outcome=\"not-a-response\"}}"
    );
    assert!(value(&html) >= 1.0);
    assert_eq!(service.text("/healthz").await, "ok\n");
    assert_eq!(service.text("/readyz").await, "ok\n");
}

#[tokio::test]
async fn a_worker_that_has_not_read_its_records_is_not_ready() {
    let log = Log::start(Tree::new(7)).await;
    let authority = FakeTsa::start("first").await;
    let terms = Terms::default();
    let tsas = vec![authority.tsa(terms.deadline)];
    let idle = common::worker::worker(&Disk::default(), &log, tsas, &terms).await;
    let (url, server) = serve(&idle).await;
    let answer = get(&url, "/readyz").await;
    assert_eq!(answer.status, 503);
    let body = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(body.starts_with("not-ready: starting: "), "{body}");
    assert_eq!(get(&url, "/healthz").await.status, 200);
    let status = get(&url, "/status").await;
    let status: serde_json::Value = serde_json::from_slice(&status.body).unwrap();
    assert!(status["not_ready"].is_string(), "{status}");
    server.abort();
}

#[tokio::test]
async fn what_is_damaged_is_not_served_as_if_it_were_good() {
    let service = Service::start().await;
    let place: Place = service.worker.status()[0].newest.unwrap().place;
    let record = place.record(&"rfc3161-first".parse().unwrap());
    let stored = service.get(&format!("/{record}")).await;
    assert_eq!(stored.status, 200);
    let put = async |bytes: Option<&[u8]>| {
        let blobs = &service.disk.blobs;
        blobs.discard(std::slice::from_ref(&record)).await.unwrap();
        if let Some(bytes) = bytes {
            let blob = Blob::new(record.clone(), bytes.to_vec());
            blobs.put_new(&[blob]).await.unwrap();
        }
    };
    let text = str::from_utf8(&stored.body).unwrap();
    let rows = [
        (
            "cut off",
            text[..text.len() - 9].to_owned(),
            500,
            "damaged: ",
        ),
        // Nothing that is signed, and yet it is not what was served before.
        (
            "another URL",
            text.replace("/tsr", "/TSR"),
            500,
            "damaged: ",
        ),
        ("gone", String::new(), 410, "gone: "),
    ];
    for (name, bytes, expected, word) in rows {
        put(Some(bytes.as_bytes()).filter(|bytes| !bytes.is_empty())).await;
        for path in [format!("/{record}"), format!("/{record}.tst")] {
            let answer = service.get(&path).await;
            assert_eq!(answer.status, expected, "{name} {path}");
            assert!(
                answer.body.starts_with(word.as_bytes()),
                "{name}: {answer:?}"
            );
        }
        let metrics = service.text("/metrics").await;
        assert!(
            metrics.contains("counterfoil_anchor_damaged_records 1\n"),
            "{name}"
        );
        let status = service.text("/status").await;
        assert!(
            status.contains(&format!("{{\"path\":\"/{record}\"")),
            "{status}"
        );
    }
    put(Some(&stored.body)).await;
    assert_eq!(service.get(&format!("/{record}")).await.body, stored.body);
    let metrics = service.text("/metrics").await;
    assert!(metrics.contains("counterfoil_anchor_damaged_records 0\n"));
}

/// A request from this address, and the status of its answer. More is not read.
async fn ask(from: &str, url: &str, path: &str) -> (TcpStream, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let to = url.strip_prefix("http://").unwrap();
    let mut stream = socket.connect(to.parse().unwrap()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    (stream, str::from_utf8(&status[9..]).unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_large_records_keeps_nobody_else_from_reading_them() {
    let log = Log::start(Tree::new(7)).await;
    let authority = FakeTsa::start("first").await;
    authority.names_lists(3);
    authority.publishes(Crl {
        padding: "x".repeat(7 << 20),
        ..Crl::good(counterfoil_anchor::moment::now().millis() + 60_000)
    });
    let terms = Terms {
        deadline: Duration::from_mins(1),
        ..Terms::default()
    };
    let tsas = vec![authority.tsa(terms.deadline)];
    let worker = common::worker::worker(&Disk::default(), &log, tsas, &terms).await;
    worker.once().await;
    let hash = hash();
    let index = |place: &Place| worker.records().with_index(|index| index.tokens(place));
    let place = worker
        .records()
        .with_index(|index| index.newest(hash, 1))
        .remove(0);
    let path = format!("/{}", place.record(&index(&place)[0]));
    let (url, server) = serve(&worker).await;
    // It has 28 MiB, and one address may have 64.
    let (slow, status) = ask("127.0.0.1", &url, &path).await;
    assert_eq!(status, "200");
    let (_slow, status) = ask("127.0.0.1", &url, &path).await;
    assert_eq!(status, "200");
    let (mut refused, status) = ask("127.0.0.1", &url, &path).await;
    assert_eq!(status, "503", "nobody waits for a share");
    let mut read = String::new();
    refused.read_to_string(&mut read).await.unwrap();
    assert!(
        read.contains("overloaded: no room for the answer"),
        "{read}"
    );
    assert_eq!(get(&url, "/metrics").await.status, 200);
    let (mut other, status) = ask("127.0.0.2", &url, &path).await;
    assert_eq!(status, "200");
    let mut read = Vec::new();
    other.read_to_end(&mut read).await.unwrap();
    assert!(read.len() > 28 << 20, "{} bytes", read.len());
    // Once the other end is gone, its share is free again.
    drop(slow);
    let freed = async { while ask("127.0.0.1", &url, &path).await.1 != "200" {} };
    tokio::time::timeout(Duration::from_mins(1), freed)
        .await
        .unwrap();
    server.abort();
}

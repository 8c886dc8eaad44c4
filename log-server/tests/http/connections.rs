//! Connections: versions of HTTP, keeping them, giving them up, and stopping.

use reqwest::Client;

use crate::raw::{Raw, exchange};
use crate::server::{header, one};

const ADD: &str = "POST /add HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\n";

#[tokio::test]
async fn requests_in_a_row_are_answered_in_a_row() {
    let server = one("", "").await;
    let mut raw = Raw::connect(server.address).await;
    let get = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    raw.send(format!("{ADD}a{ADD}b{get}{ADD}c")).await;
    for body in ["0", "1", "ok\n", "2"] {
        assert_eq!(raw.answer().await.body, body.as_bytes());
    }
    raw.send(format!("{ADD}d")).await;
    assert_eq!(
        raw.answer().await.body,
        b"3",
        "a refusal or a pause does not end a connection"
    );
    server.end().await;
}

#[tokio::test]
async fn http_2_without_tls() {
    let server = one("", "").await;
    server
        .log()
        .fill((0..256_u32).map(|n| n.to_be_bytes().to_vec()));
    let client = Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let add = client
        .post(server.url("/add"))
        .body("x")
        .send()
        .await
        .unwrap();
    assert_eq!(add.version(), reqwest::Version::HTTP_2);
    assert_eq!(add.text().await.unwrap(), "256");
    let tile = client.get(server.url("/tile/0/000")).send().await.unwrap();
    assert_eq!(tile.bytes().await.unwrap().len(), 8192);
    let long = client
        .post(server.url("/add"))
        .body(vec![0; 65_536])
        .send()
        .await
        .unwrap();
    assert_eq!(long.status(), 413);
    let head = client.head(server.url("/checkpoint")).send().await.unwrap();
    let whole = client.get(server.url("/checkpoint")).send().await.unwrap();
    let length = header(&head, "content-length");
    assert_eq!(length, whole.bytes().await.unwrap().len().to_string());
    assert_eq!(head.bytes().await.unwrap().len(), 0);
    let many = (0..300).map(|_| tokio::spawn(client.post(server.url("/add")).body("y").send()));
    for answer in many.collect::<Vec<_>>() {
        assert_eq!(answer.await.unwrap().unwrap().status(), 200);
    }
    server.end().await;
}

/// Who says nothing, or too little, or does not listen, does not keep a connection.
#[tokio::test]
async fn connections_without_requests_end() {
    let server = one("head_deadline = \"200ms\"\n", "").await;
    let rows = [
        ("silent", String::new(), 0),
        (
            "half a head",
            "GET /checkpoint HTTP/1.1\r\nhost: x\r\n".to_owned(),
            0,
        ),
        ("half a preface", "PRI * HTTP/2.0".to_owned(), 0),
        (
            "idle after an answer",
            "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
            1,
        ),
    ];
    for (name, sent, answers) in rows {
        let mut raw = Raw::connect(server.address).await;
        raw.send(sent).await;
        // Returns only because the server closes.
        let rest = raw.rest().await;
        assert_eq!(
            rest.matches("HTTP/1.1 200 OK").count(),
            answers,
            "{name}: {rest}"
        );
    }
    let metrics = server.get("/metrics").await.text().await.unwrap();
    assert!(
        metrics.contains("counterfoil_http_connections_expired_total 4"),
        "{metrics}"
    );
    server.end().await;
}

/// An answer that nobody reads does not stay.
#[tokio::test]
async fn connections_that_do_not_read_end() {
    let server = one("head_deadline = \"200ms\"\n", "").await;
    server.log().fill((0..256).map(|_| vec![7; 65_535]));
    let mut raw = Raw::connect(server.address).await;
    raw.send("GET /tile/entries/000 HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;
    let expired = "counterfoil_http_connections_expired_total 1";
    while !server
        .get("/metrics")
        .await
        .text()
        .await
        .unwrap()
        .contains(expired)
    {}
    let read = raw.rest().await.len();
    assert!(
        read < 256 * 65_537,
        "only what the buffers held, not {read} bytes"
    );
    server.end().await;
}

/// A request in progress keeps its connection however long it takes.
#[tokio::test]
async fn a_request_outlives_the_deadline_of_heads() {
    let server = one("head_deadline = \"20ms\"\nbody_deadline = \"60s\"\n", "").await;
    server.log().shut();
    let add = tokio::spawn(server.request("POST", "/add").body("x").send());
    server.log().arrival().await;
    // An idle connection has come and gone meanwhile.
    assert_eq!(Raw::connect(server.address).await.rest().await, "");
    server.log().open();
    assert_eq!(add.await.unwrap().unwrap().status(), 200);
    server.end().await;
}

#[tokio::test]
async fn connections_above_the_limit_are_told_so() {
    let server = one("max_connections = 1\n", "").await;
    let mut first = Raw::connect(server.address).await;
    first.send(format!("{ADD}a")).await;
    assert_eq!(first.answer().await.status, 200);
    let mut second = Raw::connect(server.address).await;
    let refused = second.answer().await;
    assert_eq!(refused.status, 503);
    assert!(refused.head.contains("retry-after: 1\r\n"), "{refused:?}");
    assert_eq!(
        refused.body,
        b"overloaded: the server is at its limit of connections\n"
    );
    first.send(format!("{ADD}b")).await;
    assert_eq!(
        first.answer().await.status,
        200,
        "the one within the limit goes on"
    );
    server.end().await;
}

#[tokio::test]
async fn a_stop_answers_what_was_taken() {
    let mut server = one("", "").await;
    server.log().shut();
    let mut waiting = Raw::connect(server.address).await;
    waiting.send(format!("{ADD}a")).await;
    server.log().arrival().await;
    let client = Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let second = tokio::spawn(client.post(server.url("/add")).body("b").send());
    server.log().arrival().await;
    let mut idle = Raw::connect(server.address).await;
    idle.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(idle.answer().await.status, 200);

    server.stop();
    assert_eq!(
        idle.rest().await,
        "",
        "an idle connection is closed at once"
    );
    server.log().open();
    let answer = waiting.answer().await;
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"0"[..]));
    assert_eq!(waiting.rest().await, "", "and then closed");
    assert_eq!(second.await.unwrap().unwrap().status(), 200);
    let (address, log) = (server.address, server.log().clone());
    server.stopped().await;
    assert!(
        tokio::net::TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
    assert_eq!(log.state().entries.len(), 2);
}

#[tokio::test]
async fn a_stop_has_a_deadline() {
    let mut server = one("shutdown_deadline = \"50ms\"\n", "").await;
    server.log().shut();
    let mut waiting = Raw::connect(server.address).await;
    waiting.send(format!("{ADD}a")).await;
    server.log().arrival().await;
    server.stop();
    server.stopped().await;
    assert_eq!(waiting.rest().await, "");
}

/// The answer to a body that is too long reaches a client that writes all of it first, and the connection lives on.
#[tokio::test]
async fn a_refusal_is_not_lost_to_a_reset() {
    let server = one("", "").await;
    let mut raw = Raw::connect(server.address).await;
    let length = 8 << 20;
    let rows = [
        ("/add", "", 413),
        ("/add-batch", "origin: null\r\n", 403),
        ("/add-batch", "authorization: Bearer x\r\n", 401),
        ("/add-batch", "content-encoding: gzip\r\n", 415),
        ("/add-batch?x=1", "", 400),
    ];
    for (path, headers, status) in rows {
        let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n{headers}");
        raw.send(format!("{head}content-length: {length}\r\n\r\n"))
            .await;
        raw.send(vec![0; length]).await;
        assert_eq!(raw.answer().await.status, status, "{path} {headers}");
    }
    raw.send(format!("{ADD}a")).await;
    assert_eq!(raw.answer().await.body, b"0");

    let refused = "POST /checkpoint HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\nabc";
    assert_eq!(exchange(server.address, refused).await.status, 405);
    let answer = server.get("/status").await;
    assert_eq!(header(&answer, "content-type"), "application/json");
    server.end().await;
}

//! Connections: keep-alive, HTTP/2, slow clients, bodies that are too long, and a stop that answers what was taken.

use reqwest::Client;

use crate::history::{Signer, Tree};
use crate::raw::{Raw, exchange};
use crate::service::Home;

fn post(body: &str) -> String {
    let length = body.len();
    format!("POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// SPEC(tlog-witness): "Clients SHOULD use, and witnesses SHOULD support, HTTP keep-alive HTTP connections to reduce
/// latency and load due to connection establishment."
#[tokio::test]
async fn a_connection_is_kept() {
    let log = Signer::new("example.com/log");
    let home = Home::new(&[&log]).await;
    let service = home.start("", "").await;
    let tree = Tree::new(9);
    let mut raw = Raw::connect(service.address).await;
    for (old, size, status) in [(0, 3, 200), (0, 3, 409), (3, 9, 200)] {
        raw.send(post(&log.update(&tree, old, size).to_string()))
            .await;
        assert_eq!(raw.answer().await.status, status);
    }
    let http2 = Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let body = log.update(&tree, 9, 9).to_string();
    let answer = http2
        .post(service.url("/add-checkpoint"))
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.version()),
        (200, reqwest::Version::HTTP_2)
    );
    let head = http2.head(service.url("/")).send().await.unwrap();
    assert_ne!(head.headers()["content-length"], "0");
    assert_eq!(head.bytes().await.unwrap().len(), 0);
    service.end().await;
}

#[tokio::test]
async fn slow_long_and_broken_requests() {
    let log = Signer::new("example.com/log");
    let home = Home::new(&[&log]).await;
    let service = home.start("body_deadline = \"100ms\"\n", "").await;
    let slow = "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: 9\r\n\r\nold";
    let answer = exchange(service.address, slow).await;
    assert_eq!(answer.status, 408);
    assert!(answer.body.starts_with(b"slow-body: "), "{answer:?}");
    assert_eq!(
        exchange(service.address, post(&"x".repeat(1_004_097)))
            .await
            .status,
        413
    );
    assert_eq!(
        exchange(service.address, post(&"x".repeat(1_004_096)))
            .await
            .status,
        400
    );
    for head in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    ] {
        assert_eq!(exchange(service.address, head).await.status, 400, "{head}");
    }
    assert_eq!(service.add(&log.update(&Tree::new(3), 0, 3)).await, 200);
    service.end().await;
}

#[tokio::test]
async fn a_full_service_says_so_at_once() {
    let log = Signer::new("example.com/log");
    let home = Home::new(&[&log]).await;
    let service = home
        .start("max_requests = 1\nbody_deadline = \"60s\"\n", "")
        .await;
    let mut first = Raw::connect(service.address).await;
    let body = log.update(&Tree::new(3), 0, 3).to_string();
    let whole = post(&body);
    let (most, rest) = whole.split_at(whole.len() - 1);
    first.send(most).await;
    // Once the first is in the service, a second has no place.
    let refused = crate::service::until(
        || exchange(service.address, "GET /healthz HTTP/1.1\r\nhost: w\r\n\r\n"),
        |answer| answer.status != 200,
    )
    .await;
    assert_eq!(refused.status, 503);
    assert!(refused.head.contains("retry-after: 1\r\n"), "{refused:?}");
    first.send(rest).await;
    assert_eq!(first.answer().await.status, 200);
    service.end().await;
}

//! The bastion: our backend and others' against it, and plain clients.

#[path = "../common/mod.rs"]
mod common;
mod world;

use std::time::Duration;

use counterfoil_bastion::ALPN;
use counterfoil_bastion::backend::Link;
use counterfoil_bastion::server::{BastionError, Config};
use rcgen::{
    CertificateParams, ExtendedKeyUsagePurpose, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519,
};
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use common::proxy::{Proxy, Wire};
use common::{Authority, backend_key, quick, soon};
use world::{Identity, Running, World, hash, list, path, whole};

/// SPEC(https-bastion): "Otherwise, the bastion MUST remove _all_ `X-Forwarded-For` headers from the request, add a single
/// `X-Forwarded-For` header with the IP address of the client, and proxy the request as `/<path>` over the backend
/// connection."
#[tokio::test]
async fn requests_reach_the_backend_of_their_key_hash() {
    let world = World::serving(&[1, 2]).await;
    let mut one = Running::start(&world, "one", 1);
    let mut two = Running::start(&world, "two", 2);
    one.connected().await;
    two.connected().await;
    for (name, client) in [
        ("HTTP/1.1", world.client_builder().http1_only()),
        ("HTTP/2", world.client_builder()),
    ] {
        let client = client.build().unwrap();
        for (number, backend) in [(1, "one"), (2, "two")] {
            world.until(&world.url(number, "/x"), 200).await;
            let request = client
                .post(world.url(number, "/a/%41//b?c=/d"))
                .header("x-forwarded-for", "203.0.113.1")
                .header("x-forwarded-for", "203.0.113.2")
                .body("body");
            let response = soon(request.send()).await.unwrap();
            assert_eq!(
                format!("{:?}", response.version()).contains("2.0"),
                name == "HTTP/2"
            );
            let expected = format!("{backend} POST /a/%41//b?c=/d 127.0.0.1 body");
            assert_eq!(whole(response).await, (200, expected), "{name}");
        }
    }
    one.end().await;
    two.end().await;
}

/// SPEC(https-bastion): "The bastion MUST ignore all caching headers in both request and response."
#[tokio::test]
async fn nothing_is_cached_and_headers_pass() {
    let world = World::serving(&[1]).await;
    let mut backend = Running::start(&world, "one", 1);
    backend.connected().await;
    let url = world.url(1, "/headers");
    world.until(&url, 200).await;
    let client = world.client();
    let before = *backend.seen.borrow();
    for round in 1..=2 {
        let request = client
            .get(&url)
            .header("cache-control", "only-if-cached")
            .header("if-none-match", "\"one\"")
            .header("connection", "x-mine")
            .header("x-mine", "of the connection");
        let response = soon(request.send()).await.unwrap();
        assert_eq!(response.headers()["etag"], "\"one\"");
        assert_eq!(
            response.headers()["cache-control"],
            "max-age=3600, immutable"
        );
        let (status, headers) = whole(response).await;
        assert_eq!(status, 200);
        assert_eq!(
            headers,
            "accept-encoding: gzip\naccept: */*\ncache-control: only-if-cached\nif-none-match: \"one\"\nx-forwarded-for: 127.0.0.1\n"
        );
        assert_eq!(
            *backend.seen.borrow(),
            before + round,
            "it reached the backend"
        );
    }
    backend.end().await;
}

/// SPEC(https-bastion): "If the bastion maintains a full list of known backend keys, and the key hash is unknown, the
/// bastion MUST serve a 421 "Misdirected request" response."
///
/// SPEC(https-bastion): "If the key hash is known but there are no corresponding open backend connections, the bastion MUST
/// serve a 503 "Service unavailable" response."
#[tokio::test]
async fn unknown_is_421_and_not_connected_503() {
    let world = World::serving(&[1]).await;
    assert_eq!(world.get(&world.url(2, "/x")).await.0, 421);
    assert_eq!(world.get(&world.url(1, "/x")).await.0, 503);
    let mut backend = Running::start(&world, "one", 1);
    backend.connected().await;
    world.until(&world.url(1, "/x"), 200).await;
    assert_eq!(world.get(&world.url(2, "/x")).await.0, 421);
    backend.end().await;
    world.until(&world.url(1, "/x"), 503).await;
    let response = soon(world.client().get(world.url(1, "/x")).send()).await;
    assert_eq!(response.unwrap().headers()["retry-after"], "1");
}

/// SPEC(https-bastion): "where "key hash" MUST be a lowercase hex-encoded SHA-256 hash of a 32-byte Ed25519 public key."
#[tokio::test]
async fn paths_without_a_key_hash() {
    let world = World::serving(&[1]).await;
    let mut backend = Running::start(&world, "one", 1);
    backend.connected().await;
    world.until(&world.url(1, ""), 200).await;
    for (name, path, status) in [
        ("page", String::new(), 200),
        ("health", "healthz".to_owned(), 200),
        ("nothing of ours", "metrics".to_owned(), 404),
        ("uppercase", hash(1).to_string().to_uppercase() + "/x", 404),
        (
            "a digit less",
            hash(1).to_string()[1..].to_owned() + "/x",
            404,
        ),
        ("a digit more", format!("{}0/x", hash(1)), 404),
        (
            "percent-encoded",
            hash(1).to_string().replacen('a', "%61", 1) + "/x",
            404,
        ),
    ] {
        assert_eq!(world.get(&world.at(&path)).await.0, status, "{name}");
    }
    let posted = soon(world.client().post(world.at("")).send())
        .await
        .unwrap();
    assert_eq!(posted.status().as_u16(), 405);
    backend.end().await;
}

/// SPEC(https-bastion): "If the bastion can't distinguish between an unknown key hash and a disconnected backend (for
/// example because it uses a private X.509 CA to authenticate backends), it MUST serve a 502 "Bad gateway" response."
#[tokio::test]
async fn backends_by_their_certificate_and_502() {
    let authority = Authority::new("backends");
    let world = World::with(&[1], |config, files| {
        let file = path(files, "backend-ca.pem");
        std::fs::write(&file, authority.pem()).unwrap();
        config.backend_ca = Some(file);
    })
    .await;
    assert_eq!(
        world.get(&world.url(2, "/x")).await.0,
        502,
        "unknown or not connected"
    );
    assert_eq!(world.get(&world.url(1, "/x")).await.0, 503, "listed");

    let identity = |algorithm| {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut params = CertificateParams::new(vec!["backend.example".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = authority.sign(&params, &key);
        Identity { key, certificate }
    };
    let backend = identity(&PKCS_ED25519);
    let stream = world
        .dial(Some(backend.der()), &[&TLS13], ALPN)
        .await
        .unwrap();
    let mut connection = h2::server::handshake(stream).await.unwrap();
    let served = tokio::spawn(async move {
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            assert_eq!(request.uri().path(), "/x");
            let response = hyper::Response::builder().status(204).body(()).unwrap();
            respond.send_response(response, true).unwrap();
        }
    });
    let url = world.at(&format!("{}/x", backend.hash()));
    world.until(&url, 204).await;
    served.abort();
    world.until(&url, 502).await;

    for (name, identity) in [
        (
            "not under the authority",
            Identity::self_signed(&PKCS_ED25519),
        ),
        ("no Ed25519 key", identity(&PKCS_ECDSA_P256_SHA256)),
    ] {
        assert!(is_refused(&world, Some(&identity)).await, "{name}");
    }
}

/// Whether a backend is refused. In TLS 1.3 it learns that when it reads.
async fn is_refused(world: &World, identity: Option<&Identity>) -> bool {
    match world
        .dial(identity.map(Identity::der), &[&TLS13], ALPN)
        .await
    {
        Err(_) => true,
        Ok(mut stream) => soon(stream.read_u8()).await.is_err(),
    }
}

/// SPEC(https-bastion): "Other TLS versions MUST be rejected, as only TLS 1.3 hides client certificates from network
/// observers."
///
/// SPEC(https-bastion): "The bastion checks the backend public key against an allowlist or verifies the client certificate
/// chain."
#[tokio::test]
async fn who_is_no_backend_is_refused() {
    let world = World::serving(&[1]).await;
    let (listed, stranger) = (
        Identity::self_signed(&PKCS_ED25519),
        Identity::self_signed(&PKCS_ED25519),
    );
    world.list(&format!("{}\n", listed.hash()));
    world.reloader.reload().unwrap();
    assert!(
        !is_refused(&world, Some(&listed)).await,
        "a certificate of others' making"
    );
    assert!(is_refused(&world, Some(&stranger)).await, "not in the list");
    assert!(is_refused(&world, None).await, "no certificate");
    let other = Identity::self_signed(&PKCS_ECDSA_P256_SHA256);
    assert!(is_refused(&world, Some(&other)).await, "no Ed25519 key");
    let older = world.dial(Some(listed.der()), &[&TLS12], ALPN).await;
    let error = older.unwrap_err().to_string();
    assert!(error.contains("ProtocolVersion"), "{error}");
    // Clients may speak it.
    let client = world.dial(None, &[&TLS12], b"http/1.1").await;
    assert!(client.is_ok());

    // Our backend says what to do.
    let mut refused = Running::start(&world, "two", 2);
    let health = refused.until(|health| health.failures > 0).await;
    let failure = health.last_error.unwrap().1;
    let expected = format!("its operator must allow the key hash {}", hash(2));
    assert!(failure.ends_with(&expected), "{failure}");
    refused.end().await;
}

#[tokio::test]
async fn the_newest_connection_of_a_backend_serves_and_the_older_answers_what_it_has() {
    let world = World::serving(&[1]).await;
    let mut old = Running::start(&world, "old", 1);
    old.connected().await;
    world.until(&world.url(1, "/x"), 200).await;
    let seen = *old.seen.borrow();
    let waiting = tokio::spawn(world.client().get(world.url(1, "/wait")).send());
    old.has_seen(seen + 1).await;

    let mut new = Running::start(&world, "new", 1);
    new.connected().await;
    soon(async { while !world.get(&world.url(1, "/x")).await.1.starts_with("new") {} }).await;
    assert!(!waiting.is_finished());
    old.gate.notify_one();
    let answer = whole(soon(waiting).await.unwrap().unwrap()).await;
    assert_eq!(answer, (200, "old GET /wait 127.0.0.1 ".to_owned()));
    // The old one ends then, and its end does not take the new one away.
    let health = old.until(|health| health.failures == 1).await;
    assert_eq!(
        health.last_error.unwrap().1,
        "the bastion closed the connection"
    );
    old.end().await;
    world.until(&world.url(1, "/x"), 200).await;
    new.end().await;
}

#[tokio::test]
async fn a_backend_that_says_nothing_takes_no_place() {
    let silent = Identity::self_signed(&PKCS_ED25519);
    let world = World::with(&[1], |config, files| {
        std::fs::write(path(files, "backends"), format!("{}\n", silent.hash())).unwrap();
        config.front.head_deadline = Duration::from_millis(300);
    })
    .await;
    let mut stream = world
        .dial(Some(silent.der()), &[&TLS13], ALPN)
        .await
        .unwrap();
    // The bastion speaks first.
    assert_eq!(soon(stream.read_u8()).await.unwrap(), b'P');
    let url = world.at(&format!("{}/x", silent.hash()));
    assert_eq!(world.get(&url).await.0, 503);
    let mut rest = Vec::new();
    // It is left at the deadline.
    let _ = soon(stream.read_to_end(&mut rest)).await;
    // And so is one that speaks something else.
    let mut stream = world
        .dial(Some(silent.der()), &[&TLS13], ALPN)
        .await
        .unwrap();
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
    let _ = soon(stream.read_to_end(&mut rest)).await;
    assert_eq!(world.get(&url).await.0, 503);
}

#[tokio::test]
async fn a_dead_link_is_noticed() {
    let world = World::serving(&[1]).await;
    let wire = Proxy::before(world.address).await;
    // It would not notice by itself.
    let timing = counterfoil_bastion::backend::Timing {
        ping_interval: Duration::from_hours(1),
        ..quick()
    };
    let mut backend = Running::at(wire.address, &world, "one", &backend_key(1), timing);
    backend.connected().await;
    world.until(&world.url(1, "/x"), 200).await;
    let seen = *backend.seen.borrow();
    let waiting = tokio::spawn(world.client().get(world.url(1, "/wait")).send());
    backend.has_seen(seen + 1).await;
    wire.set(Wire::Dead);
    let answer = soon(waiting).await.unwrap().unwrap();
    assert_eq!(
        answer.status().as_u16(),
        502,
        "what it was asked is unknown"
    );
    world.until(&world.url(1, "/x"), 503).await;
    backend.vanish();
}

/// The times that a bastion runs with, unlike those of the other tests.
#[test]
fn with_the_default_times_a_dead_link_is_noticed_within_30_seconds() {
    let config = Config::default();
    assert!((config.ping_interval + config.ping_timeout).as_secs() <= 30);
}

#[tokio::test]
async fn a_backend_that_leaves_while_it_answers_is_502() {
    let world = World::serving(&[1]).await;
    let mut backend = Running::start(&world, "one", 1);
    backend.connected().await;
    world.until(&world.url(1, "/x"), 200).await;
    let seen = *backend.seen.borrow();
    let waiting = tokio::spawn(world.client().get(world.url(1, "/wait")).send());
    backend.has_seen(seen + 1).await;
    backend.vanish();
    assert_eq!(soon(waiting).await.unwrap().unwrap().status().as_u16(), 502);
    world.until(&world.url(1, "/x"), 503).await;
}

#[tokio::test]
async fn slow_backends_are_504_and_full_ones_503() {
    let world = World::with(&[1], |config, _| {
        config.front.request_deadline = Duration::from_millis(300);
        config.max_backend_requests = 1;
    })
    .await;
    let mut backend = Running::start(&world, "one", 1);
    backend.connected().await;
    world.until(&world.url(1, "/x"), 200).await;
    let seen = *backend.seen.borrow();
    let waiting = tokio::spawn(world.client().get(world.url(1, "/wait")).send());
    backend.has_seen(seen + 1).await;
    let (status, text) = world.get(&world.url(1, "/x")).await;
    assert_eq!(
        (status, text.as_str()),
        (503, "the backend is at its limit of requests\n")
    );
    assert_eq!(soon(waiting).await.unwrap().unwrap().status().as_u16(), 504);
    // The place is free again.
    assert_eq!(world.get(&world.url(1, "/x")).await.0, 200);
    backend.end().await;
}

#[tokio::test]
async fn bodies_of_many_windows_pass_both_ways() {
    let world = World::serving(&[1]).await;
    let mut backend = Running::start(&world, "one", 1);
    backend.connected().await;
    world.until(&world.url(1, "/x"), 200).await;
    let body = "0123456789abcdef".repeat(1 << 19);
    for client in [world.client_builder(), world.client_builder().http1_only()] {
        let request = client.build().unwrap().post(world.url(1, "/x"));
        let response = soon(request.body(body.clone()).send()).await.unwrap();
        let (status, answer) = whole(response).await;
        assert_eq!(status, 200);
        assert!(
            answer.ends_with(&body) && answer.len() == body.len() + 22,
            "{}",
            answer.len()
        );
    }
    backend.end().await;
}

#[tokio::test]
async fn lists_are_read_anew() {
    let world = World::serving(&[1]).await;
    let mut one = Running::start(&world, "one", 1);
    let mut two = Running::start(&world, "two", 2);
    one.connected().await;
    world.until(&world.url(1, "/x"), 200).await;

    world.list(&list(&[2]));
    assert_eq!(world.reloader.reload().unwrap(), 1);
    assert_eq!(world.get(&world.url(1, "/x")).await.0, 421);
    one.until(|health| health.link == Link::Waiting).await;
    two.connected().await;
    world.until(&world.url(2, "/x"), 200).await;

    world.list("nonsense\n");
    let error = world.reloader.reload().unwrap_err();
    assert!(matches!(error, BastionError::Allowed(_)), "{error}");
    assert!(
        error
            .to_string()
            .contains("backends:1: expected a key hash"),
        "{error}"
    );
    assert_eq!(
        world.get(&world.url(2, "/x")).await.0,
        200,
        "all is as it was"
    );
    one.end().await;
    two.end().await;
}

#[tokio::test]
async fn a_stop_answers_what_was_taken() {
    let mut world = World::serving(&[1]).await;
    let mut backend = Running::start(&world, "one", 1);
    backend.connected().await;
    world.until(&world.url(1, "/x"), 200).await;
    let seen = *backend.seen.borrow();
    let waiting = tokio::spawn(world.client().get(world.url(1, "/wait")).send());
    backend.has_seen(seen + 1).await;
    world.stop();
    soon(async { while world.client().get(world.at("healthz")).send().await.is_ok() {} }).await;
    assert!(!world.task.is_finished());
    backend.gate.notify_one();
    let answer = soon(waiting).await.unwrap().unwrap();
    assert_eq!(whole(answer).await.1, "one GET /wait 127.0.0.1 ");
    soon(world.task).await.unwrap();
    let health = backend.until(|health| health.failures > 0).await;
    assert_eq!(
        health.last_error.unwrap().1,
        "the bastion closed the connection"
    );
    backend.end().await;
}

#[tokio::test]
async fn metrics_name_the_backends_and_why_requests_are_refused() {
    let world = World::with(&[1, 2], |config, _| {
        config.status_listen = vec!["127.0.0.1:0".parse().unwrap()];
    })
    .await;
    let mut backend = Running::start(&world, "one", 1);
    backend.connected().await;
    world.until(&world.url(1, "/x"), 200).await;
    assert_eq!(world.get(&world.url(2, "/x")).await.0, 503);
    assert_eq!(world.get(&world.url(3, "/x")).await.0, 421);
    let status = world.status.unwrap();
    let (code, text) = world.get(&format!("http://{status}/metrics")).await;
    assert_eq!(code, 200);
    for line in [
        &format!(
            "backend_connected{{backend=\"{}\",name=\"backend 1\"}} 1",
            hash(1)
        ),
        &format!(
            "backend_connected{{backend=\"{}\",name=\"backend 2\"}} 0",
            hash(2)
        ),
        "backend_connections_total 1",
        "refusals_total{reason=\"unknown\"} 1",
        "http_requests_total{endpoint=\"backend\",status=\"4xx\"} 1",
    ] {
        let line = format!("counterfoil_bastion_{line}\n");
        assert!(text.contains(&line), "{line} in {text}");
    }
    assert_eq!(world.get(&format!("http://{status}/healthz")).await.0, 200);
    assert_eq!(world.get(&format!("http://{status}/x")).await.0, 404);
    backend.end().await;
}

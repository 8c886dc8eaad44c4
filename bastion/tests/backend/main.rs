//! The backend's end of the connection, against a bastion that does what each test tells it to.

#[path = "../common/mod.rs"]
mod common;
mod fake;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use counterfoil_bastion::backend::{
    Backend, BackendKey, BackendKeyError, Health, Link, Roots, Timing, client_of, register_metrics,
};
use counterfoil_bastion::{ALPN, KeyHash};
use counterfoil_tiles::key::Algorithm;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Request, Response};
use prometheus_client::registry::Registry;
use rustls::ProtocolVersion;
use rustls::server::ParsedCertificate;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;

use common::proxy::{Proxy, Wire};
use common::{Authority, backend_key, private_key, quick, soon};
use fake::{Connection, FakeBastion, Manner, TLS12, Taste, whole};

/// A backend that runs.
struct Running {
    url: String,
    health: watch::Receiver<Health>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// A backend of `localhost` at this port, that answers with method, URI, X-Forwarded-For and body; the path `/wait` waits
/// for `gate` first.
fn start(address: SocketAddr, roots: &Roots, timing: Timing, gate: &Arc<Notify>) -> Running {
    let bastion = format!("localhost:{}", address.port()).parse().unwrap();
    let backend = Backend::new(bastion, &backend_key(1), roots, timing).unwrap();
    let (stop, stopped) = oneshot::channel();
    let gate = Arc::clone(gate);
    let service = move |request: Request<Incoming>| {
        let gate = Arc::clone(&gate);
        async move {
            if request.uri().path() == "/wait" {
                gate.notified().await;
            }
            let client = client_of(request.headers());
            let said = format!("{} {} {client:?} ", request.method(), request.uri().path());
            let body = request.into_body().collect().await.unwrap().to_bytes();
            Response::new(Full::new(Bytes::from([said.as_bytes(), &body].concat())))
        }
    };
    Running {
        url: backend.url(),
        health: backend.health(),
        stop: Some(stop),
        task: tokio::spawn(backend.run(service, async {
            let _ = stopped.await;
        })),
    }
}

impl Running {
    async fn until(&mut self, condition: impl FnMut(&Health) -> bool) -> Health {
        soon(self.health.wait_for(condition)).await.unwrap().clone()
    }

    /// The text of the last error, once a try has failed or a connection was lost.
    async fn failure(&mut self) -> String {
        let health = self.until(|health| health.failures > 0).await;
        health.last_error.unwrap().1
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    async fn end(mut self) {
        self.stop();
        soon(self.task).await.unwrap();
        assert_eq!(self.health.borrow().link, Link::Stopped);
    }
}

fn request(path: &str) -> Request<()> {
    let request = Request::post(format!("https://localhost{path}"));
    request
        .header("x-forwarded-for", "192.0.2.7")
        .body(())
        .unwrap()
}

/// SPEC(https-bastion): "After opening the connection, the backend starts serving HTTP/2 traffic on it as if it was a
/// client-initiated connection."
#[tokio::test]
async fn requests_over_the_connection_are_answered() {
    let authority = Authority::new("ca");
    let bastion = FakeBastion::new(&authority);
    let mut backend = start(
        bastion.address(),
        &authority.roots(),
        quick(),
        &Arc::default(),
    );
    let port = bastion.address().port();
    let hash = backend_key(1).hash();
    assert_eq!(backend.url, format!("https://localhost:{port}/{hash}/"));

    let connection = bastion.accept().await;
    let answer = connection.ask(request("/a/b?c=d"), "body").await;
    assert_eq!(answer, (200, "POST /a/b Some(192.0.2.7) body".to_owned()));
    let health = backend.until(|health| health.link == Link::Connected).await;
    assert_eq!((health.connections, health.failures), (1, 0));
    assert_eq!(health.last_error, None);
    assert!(health.since <= SystemTime::now());
    backend.end().await;
    soon(connection.driver).await.unwrap().unwrap();
}

/// SPEC(https-bastion): "A backend connects to the bastion’s backend endpoint with TLS 1.3, specifying the ALPN protocol
/// `bastion/0`."
///
/// SPEC(https-bastion): "The backend MUST present as its client certificate an Ed25519 certificate containing the backend
/// public key."
#[tokio::test]
async fn what_the_backend_shows_of_itself() {
    let authority = Authority::new("ca");
    let bastion = FakeBastion::new(&authority);
    let backend = start(
        bastion.address(),
        &authority.roots(),
        quick(),
        &Arc::default(),
    );
    let stream = bastion.handshake().await.unwrap();
    let (_, session) = stream.get_ref();
    assert_eq!(session.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(session.alpn_protocol(), Some(ALPN));
    assert_eq!(session.server_name(), Some("localhost"));
    let shown = session.peer_certificates().unwrap();
    assert_eq!(shown.len(), 1);
    let certificate = ParsedCertificate::try_from(&shown[0]).unwrap();
    let spki = certificate.subject_public_key_info();
    let (head, public) = spki.as_ref().split_at(12);
    assert_eq!(hex::encode(head), "302a300506032b6570032100", "Ed25519");
    let key = private_key(Algorithm::Ed25519, 1);
    assert_eq!(public, key.vkey().public_key().as_bytes());
    assert_eq!(
        KeyHash::of(public.try_into().unwrap()),
        backend_key(1).hash()
    );
    backend.end().await;
}

#[test]
fn keys_of_other_kinds_are_refused() {
    let refused = BackendKey::new(&private_key(Algorithm::MlDsa44, 1)).unwrap_err();
    assert!(
        matches!(refused, BackendKeyError::Algorithm(_)),
        "{refused}"
    );
    let shown = format!("{:?}", backend_key(0xab));
    assert!(!shown.contains("171") && !shown.contains("abab"), "{shown}");
}

#[tokio::test]
async fn a_dead_link_is_noticed_and_replaced() {
    let authority = Authority::new("ca");
    let bastion = FakeBastion::new(&authority);
    let proxy = Proxy::before(bastion.address()).await;
    let mut backend = start(proxy.address, &authority.roots(), quick(), &Arc::default());
    let first = bastion.accept().await;
    backend.until(|health| health.link == Link::Connected).await;

    proxy.set(Wire::Dead);
    let failure = backend.failure().await;
    assert!(failure.contains("timed out"), "{failure}");
    proxy.set(Wire::Whole);
    // A try that fell into the dead wire is given up first.
    let second = loop {
        if let Ok(stream) = bastion.handshake().await {
            break Connection::over(stream).await;
        }
    };
    let health = backend.until(|health| health.link == Link::Connected).await;
    assert_eq!((health.connections, health.reconnects()), (2, 1));
    assert_eq!(second.ask(request("/x"), "").await.0, 200);
    backend.end().await;
    drop(first);
}

/// The times that a witness runs with, unlike those of the other tests.
#[test]
fn with_the_default_times_a_dead_link_is_noticed_within_30_seconds() {
    let timing = Timing::default();
    assert!((timing.ping_interval + timing.ping_timeout).as_secs() <= 30);
}

#[tokio::test]
async fn a_refused_key_is_named() {
    let authority = Authority::new("ca");
    let manner = Manner {
        taste: Taste::Nobody,
        ..Manner::default()
    };
    let bastion = FakeBastion::with(&authority, manner);
    let mut backend = start(
        bastion.address(),
        &authority.roots(),
        quick(),
        &Arc::default(),
    );
    bastion.handshake().await.unwrap_err();
    let failure = backend.failure().await;
    assert!(
        failure.starts_with("the bastion refused the key"),
        "{failure}"
    );
    assert!(
        failure.contains(&backend_key(1).hash().to_string()),
        "{failure}"
    );
    assert_eq!(
        backend.health.borrow().connections,
        0,
        "it was never connected"
    );
    backend.end().await;
}

/// SPEC(https-bastion): "Other TLS versions MUST be rejected, as only TLS 1.3 hides client certificates from network
/// observers."
///
/// SPEC(https-bastion): "The backend verifies the bastion’s TLS certificate chain as usual."
#[tokio::test]
async fn servers_that_are_not_the_bastion_are_not_served() {
    let authority = Authority::new("ca");
    let stranger = Authority::new("stranger");
    let manner = Manner::default;
    let rows: [(&str, &Authority, Manner<'_>, &str); 5] = [
        (
            "TLS 1.2",
            &authority,
            Manner {
                versions: TLS12,
                ..manner()
            },
            "the TLS handshake failed: received fatal alert: ProtocolVersion",
        ),
        (
            "no ALPN",
            &authority,
            Manner {
                protocols: &[],
                ..manner()
            },
            "the server is no bastion",
        ),
        (
            "another protocol",
            &authority,
            Manner {
                protocols: &[b"h2"],
                ..manner()
            },
            "the TLS handshake failed: received fatal alert: NoApplicationProtocol",
        ),
        (
            "another name",
            &authority,
            Manner {
                names: &["other.example"],
                ..manner()
            },
            "the TLS handshake failed: invalid peer certificate: certificate not valid for name \"localhost\"",
        ),
        (
            "another authority",
            &stranger,
            manner(),
            "the TLS handshake failed: invalid peer certificate: UnknownIssuer",
        ),
    ];
    for (name, issuer, manner, message) in rows {
        let bastion = FakeBastion::with(issuer, manner);
        let mut backend = start(
            bastion.address(),
            &authority.roots(),
            quick(),
            &Arc::default(),
        );
        // Without ALPN, the handshake is good for the server.
        let taken = bastion.handshake().await;
        let failure = backend.failure().await;
        assert!(failure.starts_with(message), "{name}: {failure}");
        if let Ok(mut stream) = taken {
            let mut rest = Vec::new();
            let _ = soon(stream.read_to_end(&mut rest)).await;
            assert_eq!(rest, b"", "{name}: nothing was served");
        }
        backend.end().await;
    }
}

#[tokio::test]
async fn a_bastion_that_says_nothing_is_left() {
    let authority = Authority::new("ca");
    let bastion = FakeBastion::new(&authority);
    let timing = Timing {
        connect: Duration::from_millis(300),
        ..quick()
    };
    let mut backend = start(
        bastion.address(),
        &authority.roots(),
        timing,
        &Arc::default(),
    );
    let silent = bastion.handshake().await.unwrap();
    let failure = backend.failure().await;
    assert!(failure.contains("said nothing within 300 ms"), "{failure}");
    assert_eq!(
        backend.health.borrow().connections,
        0,
        "it was never connected"
    );
    backend.end().await;
    drop(silent);
}

#[tokio::test]
async fn a_server_that_does_not_shake_hands_is_left() {
    let authority = Authority::new("ca");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let timing = Timing {
        connect: Duration::from_millis(300),
        ..quick()
    };
    let address = listener.local_addr().unwrap();
    let mut backend = start(address, &authority.roots(), timing, &Arc::default());
    let failure = backend.failure().await;
    assert_eq!(
        failure,
        "the TLS handshake did not come about within 300 ms"
    );
    backend.end().await;
}

#[tokio::test]
async fn tries_go_on_until_the_bastion_is_up() {
    let authority = Authority::new("ca");
    let reserved = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    let mut backend = start(address, &authority.roots(), quick(), &Arc::default());
    let health = backend.until(|health| health.failures >= 3).await;
    let failure = health.last_error.unwrap().1;
    assert!(failure.contains("cannot be reached"), "{failure}");
    assert_eq!(health.connections, 0);
    backend.end().await;
}

#[tokio::test]
async fn a_lost_connection_is_opened_again_and_there_is_never_a_second() {
    let authority = Authority::new("ca");
    let bastion = FakeBastion::new(&authority);
    let mut backend = start(
        bastion.address(),
        &authority.roots(),
        quick(),
        &Arc::default(),
    );
    for round in 1..=3 {
        let connection = bastion.accept().await;
        assert_eq!(connection.ask(request("/x"), "").await.0, 200);
        assert!(!bastion.is_knocked_at(), "a second connection");
        backend.until(|health| health.connections == round).await;
        if round % 2 == 0 {
            // The bastion vanishes.
            connection.driver.abort();
        } else {
            // The bastion is done with it.
            drop(connection);
        }
        let health = backend.until(|health| health.failures == round).await;
        assert!(health.last_error.is_some());
    }
    backend.end().await;
}

#[tokio::test]
async fn a_stop_answers_what_was_taken() {
    let authority = Authority::new("ca");
    let bastion = FakeBastion::new(&authority);
    let gate = Arc::new(Notify::new());
    let mut backend = start(bastion.address(), &authority.roots(), quick(), &gate);
    let connection = bastion.accept().await;
    let waiting = connection.begin(request("/wait"), "").await;
    // Answered after the other was taken.
    assert_eq!(connection.ask(request("/x"), "").await.0, 200);
    backend.stop();
    soon(async {
        // The backend says that it takes no more (GOAWAY).
        while connection.is_open().await {}
    })
    .await;
    assert!(!backend.task.is_finished());
    gate.notify_one();
    assert_eq!(
        whole(waiting).await,
        (200, "POST /wait Some(192.0.2.7) ".to_owned())
    );
    soon(backend.task).await.unwrap();
    assert_eq!(backend.health.borrow().link, Link::Stopped);
    assert!(!bastion.is_knocked_at(), "it does not come back");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let authority = Authority::new("ca");
    let bastion = FakeBastion::new(&authority);
    let timing = Timing {
        shutdown: Duration::from_millis(50),
        ..quick()
    };
    let mut backend = start(
        bastion.address(),
        &authority.roots(),
        timing,
        &Arc::default(),
    );
    let connection = bastion.accept().await;
    let waiting = connection.begin(request("/wait"), "").await;
    assert_eq!(connection.ask(request("/x"), "").await.0, 200);
    backend.stop();
    soon(backend.task).await.unwrap();
    assert!(soon(waiting).await.is_err());
}

#[tokio::test]
async fn a_stop_ends_waits_and_tries_at_once() {
    let authority = Authority::new("ca");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // In the handshake.
    let backend = start(
        address,
        &authority.roots(),
        Timing::default(),
        &Arc::default(),
    );
    let (stream, _) = soon(listener.accept()).await.unwrap();
    backend.end().await;
    drop((stream, listener));
    // In the wait after a failure.
    let timing = Timing {
        first_wait: Duration::from_hours(24),
        longest_wait: Duration::from_hours(24),
        ..quick()
    };
    let mut backend = start(address, &authority.roots(), timing, &Arc::default());
    backend.until(|health| health.link == Link::Waiting).await;
    backend.end().await;
}

#[test]
fn the_client_is_what_the_bastion_alone_says() {
    let rows: [(&[&str], Option<&str>); 7] = [
        (&["192.0.2.7"], Some("192.0.2.7")),
        (&["2001:db8::7"], Some("2001:db8::7")),
        (&[], None),
        (&["192.0.2.7", "192.0.2.8"], None),
        (&["192.0.2.7, 192.0.2.8"], None),
        (&["192.0.2.7:80"], None),
        (&["unknown"], None),
    ];
    for (values, client) in rows {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let client = client.map(|client| client.parse().unwrap());
        assert_eq!(client_of(&headers), client, "{values:?}");
    }
}

#[tokio::test]
async fn health_as_metrics() {
    let authority = Authority::new("ca");
    let bastion = FakeBastion::new(&authority);
    let mut backend = start(
        bastion.address(),
        &authority.roots(),
        quick(),
        &Arc::default(),
    );
    let mut registry = Registry::with_prefix("counterfoil_witness");
    register_metrics(vec![backend.health.clone()], &mut registry);
    let read = || {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    };
    let label = format!("{{bastion=\"localhost:{}\"}}", bastion.address().port());
    let has = |text: &str, metric: &str, value: &str| {
        let line = format!("counterfoil_witness_bastion_{metric}{label} {value}\n");
        assert!(text.contains(&line), "{line} in {text}");
    };
    has(&read(), "connected", "0.0");
    let connection = bastion.accept().await;
    backend.until(|health| health.link == Link::Connected).await;
    let text = read();
    has(&text, "connected", "1.0");
    has(&text, "connections_total", "1");
    has(&text, "failures_total", "0");
    assert!(
        text.contains(&format!("bastion_since_timestamp_seconds{label} 1")),
        "{text}"
    );
    drop(connection);
    backend.until(|health| health.failures == 1).await;
    has(&read(), "failures_total", "1");
    backend.end().await;
}

#[test]
fn roots_from_files() {
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("roots.pem");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Roots::from_file(&path)
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    let (one, two) = (Authority::new("one").pem(), Authority::new("two").pem());
    assert_eq!(read(&one), Ok(()));
    assert_eq!(read(&format!("{one}{two}")), Ok(()));
    for (name, text, reason) in [
        ("empty", "", "there is none"),
        ("cut", &one[..one.len() / 2], "roots.pem"),
        (
            "no certificate",
            "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n",
            "roots.pem",
        ),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(reason), "{name}: {error}");
    }
    std::fs::remove_file(&path).unwrap();
    assert!(Roots::from_file(&path).is_err());
}

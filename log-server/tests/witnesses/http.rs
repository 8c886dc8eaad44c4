//! The HTTP transport against servers on real sockets that do as they like.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use counterfoil_log_server::witnesses::{
    Answer, HttpOptions, HttpTransport, MAX_ANSWER_SIZE, Method, Request, Transport, TransportError,
};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A long time for a test, which none of these takes.
const LONG: Duration = Duration::from_secs(30);

fn transport() -> HttpTransport {
    HttpTransport::new(&HttpOptions::default()).unwrap()
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/add-checkpoint", listener.local_addr().unwrap());
    (listener, url)
}

fn post(url: &str, deadline: Duration) -> Request {
    Request {
        method: Method::Post,
        url: url.to_owned(),
        body: Bytes::from_static(b"old 0\n"),
        deadline,
    }
}

/// Reads a request up to the end of the body of [`post`], or nothing at the end of the connection.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\nold 0\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await.ok()? == 0 {
            return None;
        }
        read.push(byte[0]);
    }
    Some(String::from_utf8(read).unwrap())
}

/// Answers one request with these bytes and holds the connection open until the client closes it.
fn serve_once(listener: TcpListener, bytes: Vec<u8>) -> JoinHandle<String> {
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let read = request(&mut stream).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        drop(stream.read(&mut [0]).await);
        read
    })
}

fn head(length: usize) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/x.tlog.size; charset=utf-8\r\nContent-Length: {length}\r\n\r\n"
    )
}

#[tokio::test]
async fn an_answer_comes_as_it_is() {
    let (listener, url) = listener().await;
    let server = serve_once(
        listener,
        b"HTTP/1.1 409 Conflict\r\nContent-Type: text/x.tlog.size\r\nContent-Length: 2\r\n\r\n7\n"
            .to_vec(),
    );
    let transport = transport();
    let answer = transport.send(post(&url, LONG)).await.unwrap();
    let expected = Answer {
        status: 409,
        content_type: Some("text/x.tlog.size".into()),
        body: Bytes::from_static(b"7\n"),
    };
    assert_eq!(answer, expected);
    drop(transport);
    let request = server.await.unwrap().to_ascii_lowercase();
    assert!(
        request.starts_with("post /add-checkpoint http/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains("\r\nuser-agent: counterfoil/"),
        "{request}"
    );
    assert!(
        !request.contains("accept-encoding"),
        "nothing compressed is asked for: {request}"
    );
}

#[tokio::test]
async fn an_endless_body_is_cut_at_the_limit() {
    let (listener, url) = listener().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream).await.unwrap();
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        // It stops when the client closes the connection.
        while stream.write_all(chunk.as_bytes()).await.is_ok() {}
    });
    let error = transport().send(post(&url, LONG)).await.unwrap_err();
    assert_eq!(
        error,
        TransportError::TooLarge {
            limit: MAX_ANSWER_SIZE
        }
    );
    server.await.unwrap();
}

#[tokio::test]
async fn the_limit_itself_is_allowed() {
    for (more, fits) in [(0, true), (1, false)] {
        let (listener, url) = listener().await;
        let length = MAX_ANSWER_SIZE + more;
        let mut bytes = head(length).into_bytes();
        bytes.resize(bytes.len() + length, b'x');
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            request(&mut stream).await.unwrap();
            // The client may close before it has read everything.
            drop(stream.write_all(&bytes).await);
        });
        let answer = transport().send(post(&url, LONG)).await;
        assert_eq!(answer.is_ok(), fits, "{length} bytes: {answer:?}");
        server.await.unwrap();
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, other) = listener().await;
    let (listener, url) = listener().await;
    let bytes = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: {other}\r\nContent-Length: 0\r\n\r\n"
    );
    let server = serve_once(listener, bytes.into_bytes());
    let transport = transport();
    let answer = transport.send(post(&url, LONG)).await.unwrap();
    assert_eq!(answer.status, 307);
    drop(transport);
    server.await.unwrap();
    // Whoever had followed would stand in the queue already: a connection of our own is the first to be accepted.
    let own = TcpStream::connect(elsewhere.local_addr().unwrap())
        .await
        .unwrap();
    let (_, first) = elsewhere.accept().await.unwrap();
    assert_eq!(first, own.local_addr().unwrap());
}

#[tokio::test]
async fn a_body_that_does_not_come_ends_at_the_deadline() {
    let (listener, url) = listener().await;
    let server = serve_once(listener, (head(2) + "7").into_bytes());
    let deadline = Duration::from_millis(300);
    let error = transport().send(post(&url, deadline)).await.unwrap_err();
    assert_eq!(error, TransportError::Deadline(deadline));
    // The server ends when the connection is closed.
    server.await.unwrap();
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_answer() {
    let (listener, url) = listener().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream).await.unwrap();
        stream
            .write_all((head(20) + "7\n").as_bytes())
            .await
            .unwrap();
    });
    let error = transport().send(post(&url, LONG)).await.unwrap_err();
    assert!(matches!(error, TransportError::Broken(_)), "{error:?}");
    server.await.unwrap();
}

#[tokio::test]
async fn connections_are_kept() {
    let (listener, url) = listener().await;
    let connections = Arc::new(AtomicUsize::new(0));
    let (stop, mut stopped) = oneshot::channel::<()>();
    let counted = Arc::clone(&connections);
    let server = tokio::spawn(async move {
        loop {
            let mut stream = tokio::select! {
                accepted = listener.accept() => accepted.unwrap().0,
                _ = &mut stopped => return,
            };
            counted.fetch_add(1, Ordering::SeqCst);
            while request(&mut stream).await.is_some() {
                stream
                    .write_all((head(2) + "7\n").as_bytes())
                    .await
                    .unwrap();
            }
        }
    });
    let transport = transport();
    for _ in 0..3 {
        let answer = transport.send(post(&url, LONG)).await.unwrap();
        assert_eq!(
            answer.content_type.as_deref(),
            Some("text/x.tlog.size; charset=utf-8")
        );
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    drop(transport);
    stop.send(()).unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn nobody_there_is_told_from_no_answer() {
    let (listener, url) = listener().await;
    drop(listener);
    let error = transport().send(post(&url, LONG)).await.unwrap_err();
    assert!(matches!(error, TransportError::NotReached(_)), "{error:?}");
}

/// A server with TLS that offers these protocols and answers with the version of HTTP that was spoken.
async fn secure(protocols: &[&str]) -> (String, Vec<u8>, JoinHandle<()>) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        // A client that does not trust the certificate ends the handshake.
        let Ok(stream) = acceptor.accept(stream).await else {
            return;
        };
        let version = service_fn(|request: hyper::Request<Incoming>| async move {
            let version = format!("{:?}", request.version());
            Ok::<_, Infallible>(hyper::Response::new(Full::new(Bytes::from(version))))
        });
        let builder = auto::Builder::new(TokioExecutor::new());
        drop(
            builder
                .serve_connection(TokioIo::new(stream), version)
                .await,
        );
    });
    let url = format!("https://localhost:{port}/add-checkpoint");
    (url, cert.pem().into_bytes(), server)
}

#[tokio::test]
async fn http_2_is_spoken_where_it_is_offered() {
    let rows: [(&[&str], &str); 2] = [
        (&["h2", "http/1.1"], "HTTP/2.0"),
        (&["http/1.1"], "HTTP/1.1"),
    ];
    for (protocols, version) in rows {
        let (url, roots, server) = secure(protocols).await;
        let options = HttpOptions {
            roots,
            ..HttpOptions::default()
        };
        let transport = HttpTransport::new(&options).unwrap();
        let answer = transport.send(post(&url, LONG)).await.unwrap();
        assert_eq!(answer.body, version, "{protocols:?}");
        drop(transport);
        server.await.unwrap();
    }
}

#[tokio::test]
async fn a_certificate_of_nobody_we_trust_is_refused() {
    let (url, _, server) = secure(&["h2"]).await;
    let error = transport().send(post(&url, LONG)).await.unwrap_err();
    assert!(matches!(error, TransportError::NotReached(_)), "{error:?}");
    server.await.unwrap();
}

#[test]
fn roots_that_are_none_are_refused() {
    for roots in [
        "nothing\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let options = HttpOptions {
            roots: roots.into(),
            ..HttpOptions::default()
        };
        let error = HttpTransport::new(&options).unwrap_err();
        assert!(
            matches!(error, TransportError::Setup(_)),
            "{roots}: {error:?}"
        );
    }
}

//! What one HTTP/2 connection may have a server hold.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use counterfoil_service::config::FrontConfig;
use counterfoil_service::lent::FRAME;
use counterfoil_service::serve::{Handler, OtherEnd, Server};
use h2::client::{Connection, ResponseFuture, SendRequest};
use h2::{Ping, PingPong, SendStream};
use hyper::body::{Body, Frame, Incoming};
use hyper::{Method, Request, Response};
use tokio::net::TcpStream;

/// As docs/architecture.md has it.
const STREAMS: usize = 32;
const RECEIVED: usize = 256 << 10;
const ANSWERS: usize = 3 << 19;

/// Reads no body, and has answers without an end.
#[derive(Default)]
struct Endless {
    given: Arc<AtomicUsize>,
}

struct Frames(Arc<AtomicUsize>);

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.fetch_add(FRAME, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![0; FRAME])))))
    }
}

impl Handler for Endless {
    type Peer = ();
    type Body = Frames;

    fn peer(&self, _: &OtherEnd<'_>) {}

    async fn respond(&self, (): (), request: Request<Incoming>) -> Response<Frames> {
        if request.method() == Method::POST {
            // With the body, of which nothing is read.
            std::future::pending::<()>().await;
        }
        Response::new(Frames(Arc::clone(&self.given)))
    }
}

/// A client that takes as much of each stream as there is, and nothing of the connection.
struct Client {
    requests: SendRequest<Bytes>,
    pings: PingPong,
    sent: AtomicUsize,
}

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (requests, mut connection): (_, Connection<TcpStream>) = h2::client::Builder::new()
            .initial_window_size(1 << 30)
            .handshake(stream)
            .await
            .unwrap();
        let pings = connection.ping_pong().unwrap();
        tokio::spawn(connection);
        let sent = AtomicUsize::new(0);
        let mut client = Self {
            requests,
            pings,
            sent,
        };
        client.heard().await;
        client
    }

    /// Waits until the server has read what was sent, and what it said before it answered that is here.
    async fn heard(&mut self) {
        for _ in 0..3 {
            self.pings.ping(Ping::opaque()).await.unwrap();
        }
    }

    /// As many requests as the server takes.
    async fn open(&mut self, method: Method) -> Vec<(ResponseFuture, SendStream<Bytes>)> {
        let mut streams = Vec::new();
        for _ in 0..self.requests.current_max_send_streams() {
            let request = Request::builder()
                .method(&method)
                .uri("http://server.example/")
                .body(())
                .unwrap();
            let mut ready = self.requests.clone().ready().await.unwrap();
            let is_whole = method == Method::GET;
            streams.push(ready.send_request(request, is_whole).unwrap());
        }
        self.heard().await;
        streams
    }

    /// Sends on all streams what may be sent.
    async fn send(&mut self, streams: &mut [(ResponseFuture, SendStream<Bytes>)]) {
        for (_, stream) in &mut *streams {
            stream.reserve_capacity(128 << 10);
        }
        self.heard().await;
        for (_, stream) in streams {
            let bytes = stream.capacity();
            if bytes == 0 {
                continue;
            }
            stream
                .send_data(Bytes::from(vec![0; bytes]), false)
                .unwrap();
            self.sent.fetch_add(bytes, Ordering::Relaxed);
        }
        self.heard().await;
    }
}

async fn serve() -> (SocketAddr, Arc<AtomicUsize>) {
    let handler = Endless::default();
    let given = Arc::clone(&handler.given);
    let front = FrontConfig {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        ..FrontConfig::default()
    };
    let server = Server::bind(&front, Arc::default(), handler).await.unwrap();
    let address = server.addresses()[0];
    tokio::spawn(server.run(std::future::pending()));
    (address, given)
}

#[tokio::test]
async fn a_connection_has_a_few_streams_and_sends_no_more_than_is_read() {
    let (address, _) = serve().await;
    let mut client = Client::connect(address).await;
    assert_eq!(client.requests.current_max_send_streams(), STREAMS);
    let mut streams = client.open(Method::POST).await;
    // Each may have an eighth of a megabyte on its way: together it is 4 MiB.
    for _ in 0..8 {
        client.send(&mut streams).await;
    }
    let sent = client.sent.load(Ordering::Relaxed);
    assert_eq!(sent, RECEIVED, "nobody has read any of it");
}

#[tokio::test]
async fn one_stream_may_have_all_that_its_connection_may_send() {
    let (address, _) = serve().await;
    let mut client = Client::connect(address).await;
    let mut streams = client.open(Method::POST).await;
    for _ in 0..8 {
        client.send(&mut streams[..1]).await;
    }
    assert_eq!(client.sent.load(Ordering::Relaxed), RECEIVED);
}

#[tokio::test]
async fn answers_that_nobody_reads_stay_where_they_are() {
    let (address, given) = serve().await;
    let mut client = Client::connect(address).await;
    let mut unread = Vec::new();
    for (answer, _) in client.open(Method::GET).await {
        unread.push(answer.await.unwrap().into_body());
    }
    client.heard().await;
    let given = given.load(Ordering::Relaxed);
    // The client has taken what a connection may be sent before it says more.
    let taken = 64 << 10;
    assert!(given >= STREAMS * FRAME, "{given} bytes");
    assert!(given <= ANSWERS + taken, "{given} bytes");
}

//! The backend's end: it keeps one connection to a bastion open, and answers the requests that come over it.
//!
//! ```text
//! connect ── TLS 1.3, bastion/0 ── the bastion speaks ── serve HTTP/2 ──┐
//!    ↑                                                                   │ lost, refused, unanswered pings
//!    └──────────────── wait: exponential, jittered ──────────────────────┘
//! ```
//!
//! ```no_run
//! use std::convert::Infallible;
//! use counterfoil_bastion::backend::{Backend, BackendKey, Roots, Timing};
//! use counterfoil_tiles::key::PrivateKey;
//! use hyper::body::{Bytes, Incoming};
//! use hyper::{Request, Response};
//! # type Body = http_body_util::Full<Bytes>;
//!
//! # async fn example(key: PrivateKey) -> Result<(), Box<dyn std::error::Error>> {
//! let key = BackendKey::new(&key)?;
//! let backend = Backend::new("bastion.example".parse()?, &key, &Roots::System, Timing::default())?;
//! println!("clients reach us at {}", backend.url());
//! let health = backend.health(); // for status pages; register_metrics takes it too
//! let service = |_request: Request<Incoming>| async { Response::new(Body::from("hello\n")) };
//! backend.run(service, async { let _ = tokio::signal::ctrl_c().await; }).await;
//! # Ok(())
//! # }
//! ```

mod address;
mod backoff;
mod certificate;
mod connect;
mod health;
mod identity;

use std::convert::Infallible;
use std::error::Error;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::header::HeaderMap;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_rustls::client::TlsStream;

use crate::KeyHash;
use crate::heard::Heard;
use backoff::Backoff;
use connect::{connect, why_it_ended};

pub use address::{AddressError, BastionAddress};
pub use connect::{Roots, TlsError};
pub use health::{Health, Link, register_metrics};
pub use identity::{BackendKey, BackendKeyError};

/// Requests of a bastion at once; more wait there.
const STREAMS: u32 = 256;
/// Longest head of a request.
const HEAD_BYTES: u32 = 16 << 10;
/// What may come of one request's body before somebody reads it, and of all of them.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// How long things may take.
///
/// With the defaults a dead connection is noticed within 20 s: a ping after 10 s, and 10 s for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long each of looking up, connecting, the TLS handshake, and the bastion's first word may take.
    pub connect: Duration,
    /// Time between pings.
    pub ping_interval: Duration,
    /// How long the answer to a ping may take.
    pub ping_timeout: Duration,
    /// The first wait before connecting again.
    pub first_wait: Duration,
    /// The longest such wait.
    pub longest_wait: Duration,
    /// How long a connection must have held for waits to begin anew.
    pub stable: Duration,
    /// How long requests that were taken may still take at the end.
    pub shutdown: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            ping_interval: Duration::from_secs(10),
            ping_timeout: Duration::from_secs(10),
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_mins(1),
            stable: Duration::from_mins(1),
            shutdown: Duration::from_secs(30),
        }
    }
}

/// One backend's connection to one bastion.
#[derive(Debug)]
pub struct Backend {
    address: BastionAddress,
    hash: KeyHash,
    tls: Arc<ClientConfig>,
    timing: Timing,
    health: watch::Sender<Health>,
}

/// How a connection ended.
enum End {
    /// It was told to.
    Stopped,
    /// For this reason, after the bastion could use it for so long.
    Lost(String, Duration),
}

impl Backend {
    /// A backend that is not connected yet.
    pub fn new(
        address: BastionAddress,
        key: &BackendKey,
        roots: &Roots,
        timing: Timing,
    ) -> Result<Self, TlsError> {
        Ok(Self {
            hash: key.hash(),
            tls: connect::tls(key, roots)?,
            timing,
            health: watch::Sender::new(Health::new(address.clone())),
            address,
        })
    }

    /// The URL prefix by which clients reach the backend; it ends in a slash.
    pub fn url(&self) -> String {
        format!("https://{}/{}/", self.address.authority(), self.hash)
    }

    /// How the connection is, now and from now on.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Connects, answers requests by `service`, and connects again when the connection is lost, until `shutdown` ends; then
    /// answers what was taken. There is never more than one connection.
    pub async fn run<S, F, B>(self, service: S, shutdown: impl Future<Output = ()>)
    where
        S: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let mut shutdown = pin!(shutdown);
        let timing = self.timing;
        let mut backoff = Backoff::new(timing.first_wait, timing.longest_wait, timing.stable);
        loop {
            self.health.send_modify(Health::connecting);
            let connected = tokio::select! {
                () = &mut shutdown => break,
                connected = connect(&self.address, &self.tls, timing.connect) => connected,
            };
            let end = match connected {
                Ok(stream) => self.serve(stream, &service, shutdown.as_mut()).await,
                Err(error) => End::Lost(error.to_string(), Duration::ZERO),
            };
            let (error, held) = match end {
                End::Stopped => break,
                End::Lost(error, held) => (error, held),
            };
            let wait = backoff.next(held, rand::random());
            let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(bastion = %self.address, error, wait_ms = millis, "no connection to the bastion");
            self.health.send_modify(|health| health.lost(error));
            tokio::select! {
                () = &mut shutdown => break,
                () = sleep(wait) => {}
            }
        }
        self.health.send_modify(Health::stopped);
    }

    /// Answers what comes over one connection.
    async fn serve<S, F, B>(
        &self,
        stream: TlsStream<TcpStream>,
        service: &S,
        mut shutdown: std::pin::Pin<&mut impl Future<Output = ()>>,
    ) -> End
    where
        S: Fn(Request<Incoming>) -> F,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let (stream, heard) = Heard::new(stream);
        let service = service_fn(|request| {
            let answer = service(request);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        // SPEC(https-bastion): "After opening the connection, the backend starts serving HTTP/2 traffic on it as if it was
        // a client-initiated connection."
        let connection = self
            .protocol()
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let within = self.timing.connect;
        tokio::select! {
            ended = &mut connection => return self.lost(ended, None),
            // The sender is in the connection, which ends when it is dropped.
            heard = timeout(within, heard) => if heard.is_err() {
                let error = format!("the bastion said nothing within {} ms of the TLS handshake", within.as_millis());
                return End::Lost(error, Duration::ZERO);
            },
            () = &mut shutdown => return End::Stopped,
        }
        let since = Instant::now();
        tracing::info!(bastion = %self.address, url = self.url(), "connected to the bastion");
        self.health.send_modify(Health::connected);
        tokio::select! {
            ended = &mut connection => return self.lost(ended, Some(since)),
            () = &mut shutdown => connection.as_mut().graceful_shutdown(),
        }
        if timeout(self.timing.shutdown, connection).await.is_err() {
            tracing::warn!(bastion = %self.address, "stopped before all requests were answered");
        }
        End::Stopped
    }

    fn lost(&self, ended: hyper::Result<()>, since: Option<Instant>) -> End {
        let held = since.map_or(Duration::ZERO, |since| since.elapsed());
        let error = match ended {
            Ok(()) => "the bastion closed the connection".to_owned(),
            Err(error) => why_it_ended(&error, self.hash),
        };
        End::Lost(error, held)
    }

    fn protocol(&self) -> http2::Builder<TokioExecutor> {
        let mut protocol = http2::Builder::new(TokioExecutor::new());
        protocol
            .timer(TokioTimer::new())
            .keep_alive_interval(self.timing.ping_interval)
            .keep_alive_timeout(self.timing.ping_timeout)
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEAD_BYTES)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        protocol
    }
}

/// The client that a bastion says a request is from.
///
/// Only for requests that came over a bastion's connection; anybody else can write the header.
// SPEC(https-bastion): "add a single `X-Forwarded-For` header with the IP address of the client"
pub fn client_of(headers: &HeaderMap) -> Option<IpAddr> {
    let mut values = headers.get_all("x-forwarded-for").iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok()?.parse().ok(),
        _ => None,
    }
}

//! Listening, connections, and a stop that answers what was taken.
//!
//! ```text
//! Server::bind(settings, handler) ── run(shutdown) ──> for each connection  Handler::peer    once
//!                                                      for each request     Handler::respond
//! ```
//!
//! TLS connections that name another protocol than HTTP are handed over to that [`OtherProtocol`], if there is one.

mod pulse;

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::{Builder, Connection};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};

use crate::config::FrontConfig;
use crate::metrics::Connections;
use crate::tls::{Certificates, TlsError};
use pulse::{Attendance, Beating, Pulses};

/// Requests of one HTTP/2 connection at once; more wait at the client. Each may hold a head, or some frames of an answer.
pub(crate) const STREAMS: u32 = 32;
/// Bytes that one HTTP/2 connection, all its streams together, may send before they are read: the 8 MiB of a log's longest
/// batch, unless it is configured, come within `body_deadline` from as far as 300 ms away.
const RECEIVE_BYTES: u32 = 256 << 10;
/// Bytes of an answer that HTTP/2 takes for each stream before it waits until they are written: one frame of a large body. One
/// more frame may begin before that, and one more is taken from the body ahead of its turn.
const SEND_BYTES: usize = crate::lent::FRAME;
/// Longest head of a request that HTTP/2 takes; HTTP/1.1 is bounded by the read buffer.
const HEAD_BYTES: u32 = 16 << 10;
/// Read buffer of an HTTP/1.1 connection at its largest.
const BUFFER_BYTES: usize = 64 << 10;
/// Connections above the limit that are told so at once; those beyond are just closed.
const REFUSALS: usize = 64;
/// How long such a connection has to read why.
const REFUSAL_TIME: Duration = Duration::from_secs(1);
/// Pause after accepting failed, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address cannot be listened on.
    #[error("listen {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// TLS cannot be served.
    #[error("tls: {0}")]
    Tls(#[from] TlsError),
}

/// What answers requests.
pub trait Handler: Send + Sync + 'static {
    /// What is kept of the other end of a connection.
    type Peer: Clone + Send + Sync + 'static;
    /// Bodies of answers.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;

    /// Meets the other end of a new connection.
    fn peer(&self, end: &OtherEnd<'_>) -> Self::Peer;

    /// Answers a request.
    fn respond(
        &self,
        peer: Self::Peer,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// What takes the TLS connections that are not HTTP's; nothing unless the handler says so.
    fn other_protocol(&self) -> Option<&dyn OtherProtocol> {
        None
    }
}

/// A protocol beside HTTP on the same listeners, told by its name in ALPN.
pub trait OtherProtocol: Send + Sync {
    /// Its name in ALPN.
    fn name(&self) -> &[u8];

    /// How TLS is spoken with those who name it; `http` is how it is with others, and has the server's certificate.
    fn tls(&self, http: &ServerConfig) -> Result<Arc<ServerConfig>, rustls::Error>;

    /// Takes a connection over, after its handshake. It counts no more among the server's connections, and a stop of the
    /// server leaves it.
    fn take(&self, address: SocketAddr, stream: TlsStream<TcpStream>);
}

impl<H: Handler> Handler for Arc<H> {
    type Peer = H::Peer;
    type Body = H::Body;

    fn peer(&self, end: &OtherEnd<'_>) -> Self::Peer {
        (**self).peer(end)
    }

    fn respond(
        &self,
        peer: Self::Peer,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Self::Body>> + Send {
        (**self).respond(peer, request)
    }

    fn other_protocol(&self) -> Option<&dyn OtherProtocol> {
        (**self).other_protocol()
    }
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct OtherEnd<'a> {
    /// Its address.
    pub address: SocketAddr,
    /// The address that it reached.
    pub local: Option<SocketAddr>,
    /// Its certificate, verified under `tls.client_ca`.
    pub certificate: Option<&'a CertificateDer<'a>>,
}

impl OtherEnd<'_> {
    /// Whether both ends are loopback addresses.
    pub fn is_loopback(&self) -> bool {
        let loopback = |address: SocketAddr| address.ip().to_canonical().is_loopback();
        self.local.is_some_and(loopback) && loopback(self.address)
    }
}

/// A server that listens, but does not answer yet.
#[derive(Debug)]
pub struct Server<H> {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared<H>>,
    shutdown_deadline: Duration,
}

/// What all connections share.
struct Shared<H> {
    handler: H,
    tls: Option<Arc<Certificates>>,
    protocol: Builder<TokioExecutor>,
    pulses: Arc<Pulses>,
    connections: Arc<Connections>,
    max_connections: usize,
    head_deadline: Duration,
}

impl<H> std::fmt::Debug for Shared<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl<H: Handler> Server<H> {
    /// Listens on the configured addresses; `connections` is kept up to date. Connections wait until [`run`](Self::run).
    pub async fn bind(
        config: &FrontConfig,
        connections: Arc<Connections>,
        handler: H,
    ) -> Result<Self, ServeError> {
        let tls = config.tls.as_ref().map(Certificates::load).transpose()?;
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        for &address in &config.listen {
            let listen = async {
                let listener = TcpListener::bind(address).await?;
                addresses.push(listener.local_addr()?);
                listeners.push(listener);
                Ok(())
            };
            listen
                .await
                .map_err(|source| ServeError::Listen { address, source })?;
        }
        for (address, tls) in addresses.iter().map(|address| (address, tls.is_some())) {
            tracing::info!(%address, tls, "listening");
        }
        let shared = Shared {
            handler,
            tls: tls.map(Arc::new),
            protocol: protocol(),
            pulses: Arc::new(Pulses::new(Arc::clone(&connections))),
            connections,
            max_connections: config.max_connections,
            head_deadline: config.head_deadline,
        };
        Ok(Self {
            listeners,
            addresses,
            shared: Arc::new(shared),
            shutdown_deadline: config.shutdown_deadline,
        })
    }

    /// The addresses that it listens on, in the order of the configuration; with the port that was found for port 0.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The certificates by which it serves TLS, if it does.
    pub fn certificates(&self) -> Option<Arc<Certificates>> {
        self.shared.tls.clone()
    }

    /// Answers until `shutdown` ends, and then what was taken.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let mut acceptors = JoinSet::new();
        for listener in self.listeners {
            acceptors.spawn(accept(Arc::clone(&self.shared), listener));
        }
        let sweeping = self.shared.pulses.sweep(self.shared.head_deadline);
        tokio::select! {
            () = shutdown => {}
            never = sweeping => match never {},
        }
        self.shared.pulses.close_all();
        tracing::info!("stopping: no more connections are taken");
        let drained = async { while acceptors.join_next().await.is_some() {} };
        if timeout(self.shutdown_deadline, drained).await.is_err() {
            let open = self.shared.connections.open.load(Ordering::Relaxed);
            tracing::warn!(
                connections = open,
                "stopped before all requests were answered"
            );
        }
    }
}

fn protocol() -> Builder<TokioExecutor> {
    let mut protocol = Builder::new(TokioExecutor::new());
    // Idle and slow connections are found by their pulse, which costs less than hyper's timer for each request.
    // Head and body in one buffer and a plain write: for answers of a few hundred bytes up to a tile this is cheaper than
    // writev.
    protocol.http1().max_buf_size(BUFFER_BYTES).writev(false);
    protocol
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_connection_window_size(RECEIVE_BYTES)
        .initial_stream_window_size(RECEIVE_BYTES)
        .max_send_buf_size(SEND_BYTES)
        .max_header_list_size(HEAD_BYTES);
    protocol
}

/// Takes connections until told to stop, and then waits for those it has.
async fn accept<H: Handler>(shared: Arc<Shared<H>>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    let mut refusals = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            Some(_) = refusals.join_next() => continue,
            () = shared.pulses.closed() => break,
        };
        match accepted {
            Ok((stream, address)) => {
                shared.connections.accepted.fetch_add(1, Ordering::Relaxed);
                if let Some(attendance) = shared.pulses.attend(shared.max_connections) {
                    let shared = Arc::clone(&shared);
                    connections.spawn(connection(shared, stream, address, attendance));
                    continue;
                }
                shared.connections.refused.fetch_add(1, Ordering::Relaxed);
                if shared.tls.is_none() && refusals.len() < REFUSALS {
                    refusals.spawn(timeout(REFUSAL_TIME, refuse(stream)));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Answers 503 without reading, and waits for the other end so that the answer is not lost to a reset.
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    let line = "overloaded: the server is at its limit of connections\n";
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\nretry-after: 1\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{line}",
        line.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// Serves one connection to its end.
async fn connection<H: Handler>(
    shared: Arc<Shared<H>>,
    stream: TcpStream,
    address: SocketAddr,
    attendance: Attendance,
) {
    // Small answers must not wait for an acknowledgement of the one before; without this a tile takes 40 ms.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, %address, "TCP_NODELAY");
    }
    let end = OtherEnd {
        address,
        local: stream.local_addr().ok(),
        certificate: None,
    };
    let Some(tls) = &shared.tls else {
        let peer = shared.handler.peer(&end);
        return speak(&shared, stream, peer, &attendance).await;
    };
    let other = shared.handler.other_protocol();
    let handshake = tokio::select! {
        handshake = timeout(shared.head_deadline, shake_hands(tls.current(), other, stream)) => handshake,
        // Nothing was asked yet, and a client that says nothing must not hold up the stop.
        () = shared.pulses.closed() => return,
    };
    match handshake {
        Ok(Ok((stream, Some(other)))) => other.take(address, stream),
        Ok(Ok((stream, None))) => {
            let (_, session) = stream.get_ref();
            let certificate = session.peer_certificates().and_then(<[_]>::first);
            let peer = shared.handler.peer(&OtherEnd { certificate, ..end });
            speak(&shared, stream, peer, &attendance).await;
        }
        failed => {
            shared
                .connections
                .handshakes_failed
                .fetch_add(1, Ordering::Relaxed);
            let error = failed.map_or_else(
                |_| "too slow".to_owned(),
                |error| match error {
                    Err(error) => error.to_string(),
                    Ok(_) => String::new(),
                },
            );
            tracing::debug!(%address, error, "TLS handshake failed");
        }
    }
}

/// The TLS handshake; tells whether it was for the other protocol.
async fn shake_hands(
    http: Arc<ServerConfig>,
    other: Option<&dyn OtherProtocol>,
    stream: TcpStream,
) -> io::Result<(TlsStream<TcpStream>, Option<&dyn OtherProtocol>)> {
    let Some(other) = other else {
        return Ok((TlsAcceptor::from(http).accept(stream).await?, None));
    };
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let is_other = start
        .client_hello()
        .alpn()
        .is_some_and(|mut names| names.any(|name| name == other.name()));
    if is_other {
        let tls = other.tls(&http).map_err(io::Error::other)?;
        return Ok((start.into_stream(tls).await?, Some(other)));
    }
    Ok((start.into_stream(http).await?, None))
}

async fn speak<H: Handler>(
    shared: &Arc<Shared<H>>,
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    peer: H::Peer,
    attendance: &Attendance,
) {
    let pulse = attendance.pulse();
    let stream = Beating::new(TokioIo::new(stream), Arc::clone(pulse));
    let service = service_fn(|request| {
        let (shared, peer, busy) = (Arc::clone(shared), peer.clone(), pulse.busy());
        async move {
            let response = shared.handler.respond(peer, request).await;
            drop(busy);
            Ok::<_, Infallible>(response)
        }
    });
    let connection = pin!(shared.protocol.serve_connection(stream, service));
    let ended = attendance.drive(connection, Connection::graceful_shutdown);
    if let Err(error) = ended.await {
        tracing::debug!(%error, "a connection ended early");
    }
}

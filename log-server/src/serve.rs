//! Listening, connections, and a stop that answers what was taken.

mod pulse;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::{Builder, Connection};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::auth::{Auth, Peer};
use crate::config::Config;
use crate::http::Site;
use crate::log::Log;
use crate::metrics::Connections;
use crate::tls::{self, TlsError};
use pulse::{Attendance, Beating, Pulses};

/// Requests of one HTTP/2 connection at once; more wait at the client.
const STREAMS: u32 = 256;
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
    /// There is not one log for each `[[log]]`.
    #[error("the configuration has logs at {configured:?}, but those given are at {given:?}")]
    Logs {
        /// Prefixes in the configuration.
        configured: Vec<String>,
        /// Prefixes that were given.
        given: Vec<String>,
    },
}

/// A server that listens, but does not answer yet.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
    shutdown_deadline: Duration,
}

/// What all connections share.
struct Shared {
    site: Site,
    auth: Arc<Auth>,
    tls: Option<TlsAcceptor>,
    protocol: Builder<TokioExecutor>,
    pulses: Arc<Pulses>,
    connections: Arc<Connections>,
    max_connections: usize,
    head_deadline: Duration,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("site", &self.site)
            .finish_non_exhaustive()
    }
}

/// Listens as configured and answers for `logs` (each with its prefix) until `shutdown` ends; then takes no more
/// connections and requests, and returns once all that was taken is answered, or the shutdown deadline has passed.
pub async fn serve(
    config: &Config,
    logs: Vec<(String, Arc<dyn Log>)>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    Server::bind(config, logs).await?.run(shutdown).await;
    Ok(())
}

impl Server {
    /// Listens on the configured addresses. Connections wait until [`run`](Self::run).
    pub async fn bind(
        config: &Config,
        logs: Vec<(String, Arc<dyn Log>)>,
    ) -> Result<Self, ServeError> {
        let logs = in_order(config, logs)?;
        let tls = config.tls.as_ref().map(tls::configure).transpose()?;
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
            tracing::info!(%address, tls, logs = logs.len(), "listening");
        }
        let auth = Arc::new(Auth::new(config));
        let connections = Arc::new(Connections::default());
        let shared = Shared {
            site: Site::new(config, logs, &auth, Arc::clone(&connections)),
            auth,
            tls: tls.map(TlsAcceptor::from),
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

/// The logs in the order of the configuration.
fn in_order(
    config: &Config,
    mut logs: Vec<(String, Arc<dyn Log>)>,
) -> Result<Vec<Arc<dyn Log>>, ServeError> {
    let mismatch = ServeError::Logs {
        configured: config.logs.iter().map(|log| log.prefix.clone()).collect(),
        given: logs.iter().map(|(prefix, _)| prefix.clone()).collect(),
    };
    let mut ordered = Vec::new();
    for log in &config.logs {
        match logs.iter().position(|(prefix, _)| *prefix == log.prefix) {
            Some(place) => ordered.push(logs.swap_remove(place).1),
            None => return Err(mismatch),
        }
    }
    if logs.is_empty() {
        Ok(ordered)
    } else {
        Err(mismatch)
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
        .max_header_list_size(HEAD_BYTES);
    protocol
}

/// Takes connections until told to stop, and then waits for those it has.
async fn accept(shared: Arc<Shared>, listener: TcpListener) {
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
async fn connection(
    shared: Arc<Shared>,
    stream: TcpStream,
    address: SocketAddr,
    attendance: Attendance,
) {
    // Small answers must not wait for an acknowledgement of the one before; without this a tile takes 40 ms.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, %address, "TCP_NODELAY");
    }
    let local = stream
        .local_addr()
        .is_ok_and(|local| local.ip().to_canonical().is_loopback());
    let mut peer = Peer {
        loopback: local && address.ip().to_canonical().is_loopback(),
        certificate: None,
    };
    let Some(tls) = &shared.tls else {
        return speak(&shared, stream, peer, &attendance).await;
    };
    let handshake = tokio::select! {
        handshake = timeout(shared.head_deadline, tls.accept(stream)) => handshake,
        // Nothing was asked yet, and a client that says nothing must not hold up the stop.
        () = shared.pulses.closed() => return,
    };
    match handshake {
        Ok(Ok(stream)) => {
            peer.certificate = certificate(&stream, &shared.auth);
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

fn certificate(
    stream: &tokio_rustls::server::TlsStream<TcpStream>,
    auth: &Auth,
) -> Option<crate::auth::GrantId> {
    let (_, session) = stream.get_ref();
    let leaf = session.peer_certificates()?.first()?;
    let parsed = rustls::server::ParsedCertificate::try_from(leaf).ok()?;
    auth.certificate(&parsed)
}

async fn speak(
    shared: &Arc<Shared>,
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    peer: Peer,
    attendance: &Attendance,
) {
    let pulse = attendance.pulse();
    let stream = Beating::new(TokioIo::new(stream), Arc::clone(pulse));
    let service = service_fn(|request| {
        let (shared, busy) = (Arc::clone(shared), pulse.busy());
        async move {
            let response = shared.site.respond(peer, request).await;
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

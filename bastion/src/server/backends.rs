//! The open connections of backends: at most one each, the newest.
//!
//! ```text
//! handshake ── HTTP/2 begins ── the backend speaks ── open: requests go over it ──┬── ended, broken, unanswered pings
//!                                                                                  └── a newer one of the same backend:
//!                                                                                      its requests end, and so does it
//! ```

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use counterfoil_service::limits::Places;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::Config;
use super::allowed::key_hash;
use crate::KeyHash;
use crate::heard::Heard;

/// Longest head of an answer.
const HEAD_BYTES: u32 = 64 << 10;
/// What may come of one answer before its client reads it, and of all answers of a backend.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 4 << 20;

/// The open connections.
#[derive(Debug)]
pub(super) struct Backends {
    open: Mutex<HashMap<KeyHash, Arc<Connection>>>,
    tasks: Mutex<JoinSet<()>>,
    settings: Settings,
    next: AtomicU64,
    counts: Counts,
}

#[derive(Debug, Clone, Copy)]
struct Settings {
    requests: usize,
    ping_interval: Duration,
    ping_timeout: Duration,
    first_word: Duration,
    ending: Duration,
}

/// What connections came to.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) opened: AtomicU64,
    pub(super) replaced: AtomicU64,
    pub(super) lost: AtomicU64,
}

/// One connection of a backend.
#[derive(Debug)]
pub(super) struct Connection {
    number: u64,
    /// Places for its requests.
    pub(super) places: Places,
    send: SendRequest<Incoming>,
    /// Told when it is not among the open ones any more, and shall end once its requests have.
    retired: Arc<Notify>,
}

impl Connection {
    /// Where a request is sent.
    pub(super) fn sender(&self) -> SendRequest<Incoming> {
        self.send.clone()
    }
}

impl Backends {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            open: Mutex::default(),
            tasks: Mutex::default(),
            settings: Settings {
                requests: config.max_backend_requests,
                ping_interval: config.ping_interval,
                ping_timeout: config.ping_timeout,
                first_word: config.front.head_deadline,
                ending: config.front.shutdown_deadline,
            },
            next: AtomicU64::new(0),
            counts: Counts::default(),
        }
    }

    /// The open connection of a backend.
    pub(super) fn find(&self, hash: KeyHash) -> Option<Arc<Connection>> {
        let open = lock(&self.open);
        open.get(&hash)
            .filter(|connection| !connection.send.is_closed())
            .cloned()
    }

    /// The backends with an open connection, and the requests that each is answering.
    pub(super) fn connected(&self) -> Vec<(KeyHash, usize)> {
        let open = lock(&self.open);
        open.iter()
            .map(|(hash, connection)| (*hash, connection.places.requests()))
            .collect()
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Takes a connection after its handshake, and keeps it open.
    pub(super) fn take(self: &Arc<Self>, address: SocketAddr, stream: TlsStream<TcpStream>) {
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(Arc::clone(self).attend(address, stream));
    }

    /// Ends the connections of backends that are served no more.
    pub(super) fn retain(&self, is_served: impl Fn(KeyHash) -> bool) {
        lock(&self.open).retain(|hash, connection| {
            let keep = is_served(*hash);
            if !keep {
                tracing::info!(backend = %hash, "the backend is served no more: its connection ends");
                connection.retired.notify_one();
            }
            keep
        });
    }

    /// Ends all connections, once the requests on them have ended.
    pub(super) async fn close(&self) {
        for (_, connection) in lock(&self.open).drain() {
            connection.retired.notify_one();
        }
        let mut tasks = std::mem::take(&mut *lock(&self.tasks));
        while tasks.join_next().await.is_some() {}
    }

    /// One connection, from its handshake to its end.
    async fn attend(self: Arc<Self>, address: SocketAddr, stream: TlsStream<TcpStream>) {
        let certificate = stream.get_ref().1.peer_certificates();
        let Some(Ok(hash)) = certificate.and_then(|chain| chain.first()).map(key_hash) else {
            // The handshake fails without.
            return tracing::error!(%address, "a backend without a certificate was taken");
        };
        let (stream, heard) = Heard::new(stream);
        let last_word = stream.last_word();
        let tasks = Tasks::default();
        let _end = AbortOnDrop(tasks.clone());
        let (send, connection) = match self.protocol(tasks).handshake(TokioIo::new(stream)).await {
            Ok(speaking) => speaking,
            Err(error) => {
                return tracing::info!(backend = %hash, %address, %error, "the backend speaks no HTTP/2");
            }
        };
        let mut connection = pin!(connection);
        tokio::select! {
            _ = &mut connection => {
                let reason = last_word.get().map_or("it speaks no HTTP/2", String::as_str);
                return tracing::info!(backend = %hash, %address, reason, "the backend left before its connection was open");
            }
            // A backend that says nothing takes no other's place.
            heard = timeout(self.settings.first_word, heard) => if heard.is_err() {
                return tracing::info!(backend = %hash, %address, "the backend said nothing after the handshake");
            },
        }
        let retired = Arc::new(Notify::new());
        let number = self.enter(hash, address, send, Arc::clone(&retired));
        tokio::select! {
            _ = &mut connection => {}
            () = retired.notified() => {
                // It ends by itself once nobody sends over it and every answer is there.
                if timeout(self.settings.ending, connection).await.is_err() {
                    tracing::warn!(backend = %hash, %address, "a connection was ended before all of its requests were answered");
                }
                return;
            }
        }
        let reason = last_word
            .get()
            .map_or("it did not answer pings", String::as_str);
        tracing::warn!(backend = %hash, %address, reason, "the backend's connection is lost");
        self.counts.lost.fetch_add(1, Ordering::Relaxed);
        self.leave(hash, number);
    }

    /// Opens a connection for requests; one that was open before is retired.
    fn enter(
        &self,
        hash: KeyHash,
        address: SocketAddr,
        send: SendRequest<Incoming>,
        retired: Arc<Notify>,
    ) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let connection = Connection {
            number,
            places: Places::new(self.settings.requests, 0),
            send,
            retired,
        };
        let before = lock(&self.open).insert(hash, Arc::new(connection));
        self.counts.opened.fetch_add(1, Ordering::Relaxed);
        if let Some(before) = before {
            self.counts.replaced.fetch_add(1, Ordering::Relaxed);
            before.retired.notify_one();
            tracing::warn!(
                backend = %hash, %address,
                "the backend is connected, and its connection from before is replaced; two servers with one key do so in turns"
            );
        } else {
            tracing::info!(backend = %hash, %address, "the backend is connected");
        }
        number
    }

    /// Closes a connection for requests, unless a newer one is in its place.
    fn leave(&self, hash: KeyHash, number: u64) {
        let mut open = lock(&self.open);
        if open
            .get(&hash)
            .is_some_and(|connection| connection.number == number)
        {
            open.remove(&hash);
        }
    }

    fn protocol(&self, tasks: Tasks) -> http2::Builder<Tasks> {
        let mut protocol = http2::Builder::new(tasks);
        protocol
            .timer(TokioTimer::new())
            .keep_alive_interval(self.settings.ping_interval)
            .keep_alive_timeout(self.settings.ping_timeout)
            .keep_alive_while_idle(true)
            .max_header_list_size(HEAD_BYTES)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        protocol
    }
}

/// The tasks of one connection, which end with it.
#[derive(Debug, Clone, Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, future: F) {
        let mut tasks = lock(&self.0);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async {
            future.await;
        });
    }
}

/// Ends the tasks of a connection.
struct AbortOnDrop(Tasks);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        lock(&self.0.0).abort_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! How many records are read at once, for one client and for all.

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use common::tsa::FakeTsa;
use common::worker::{Disk, Terms};
use common::{Log, ORIGIN, Tree};
use counterfoil_anchor::http::{Site, SiteOptions};
use counterfoil_anchor::worker::Worker;
use counterfoil_service::config::{ClientShare, FrontConfig};
use counterfoil_service::serve::Server;
use counterfoil_store::{Blob, BlobName, BlobStore, DiscardError, PutError, ReadError};
use counterfoil_tiles::checkpoint::{Origin, OriginHash};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A disk that can be made to hang: what it was asked goes on, whether anybody waits for it or not.
struct Hanging {
    inner: Arc<dyn BlobStore>,
    hangs: watch::Sender<bool>,
    reads: watch::Sender<usize>,
    most: AtomicUsize,
}

#[async_trait]
impl BlobStore for Hanging {
    async fn put_new(&self, blobs: &[Blob]) -> Result<(), PutError> {
        self.inner.put_new(blobs).await
    }

    async fn get(&self, name: &BlobName) -> Result<Option<Bytes>, ReadError> {
        let (inner, name, mut hangs) = (self.inner.clone(), name.clone(), self.hangs.subscribe());
        self.reads.send_modify(|reads| *reads += 1);
        self.most.fetch_max(*self.reads.borrow(), Ordering::Relaxed);
        let reads = self.reads.clone();
        let read = tokio::spawn(async move {
            hangs.wait_for(|hangs| !hangs).await.unwrap();
            let read = inner.get(&name).await;
            reads.send_modify(|reads| *reads -= 1);
            read
        });
        read.await.unwrap()
    }

    async fn discard(&self, names: &[BlobName]) -> Result<(), DiscardError> {
        self.inner.discard(names).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<BlobName>, ReadError> {
        self.inner.list(prefix).await
    }
}

/// A service with one anchored checkpoint, whose disk hangs.
struct Service {
    address: SocketAddr,
    disk: Arc<Hanging>,
    checkpoint: String,
    server: JoinHandle<()>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Service {
    async fn start(client_share: ClientShare, deadline: Duration) -> Self {
        let log = Log::start(Tree::new(7)).await;
        let authority = FakeTsa::start("first").await;
        let (mut disk, terms) = (Disk::default(), Terms::default());
        let hanging = Arc::new(Hanging {
            inner: disk.blobs.clone(),
            hangs: watch::Sender::new(false),
            reads: watch::Sender::new(0),
            most: AtomicUsize::new(0),
        });
        disk.blobs = hanging.clone();
        let tsas = vec![authority.tsa(terms.deadline)];
        let worker: Worker = common::worker::worker(&disk, &log, tsas, &terms).await;
        worker.once().await;
        let hash = OriginHash::of(&Origin::new(ORIGIN).unwrap());
        let newest = worker.records().with_index(|index| index.newest(hash, 1));
        let place = newest[0];
        let connections = Arc::default();
        let options = SiteOptions {
            operator: None,
            max_requests: 100,
            request_deadline: deadline,
            client_share,
        };
        let site = Arc::new(Site::new(worker, Arc::clone(&connections), options));
        let front = FrontConfig {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            ..FrontConfig::default()
        };
        let server = Server::bind(&front, connections, site).await.unwrap();
        hanging.hangs.send_replace(true);
        hanging.most.store(0, Ordering::Relaxed);
        Self {
            address: server.addresses()[0],
            disk: hanging,
            checkpoint: format!("/{place}/checkpoint"),
            server: tokio::spawn(server.run(std::future::pending())),
        }
    }

    /// Asks from this address; status and body.
    async fn ask(&self, from: &str, path: &str) -> (u16, String) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
        let mut stream = socket.connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        (answer[9..12].parse().unwrap(), answer)
    }

    /// Asks often, one after the other, and is answered that it took too long, each time.
    async fn ask_in_vain(&self, from: &str, path: &str) {
        for _ in 0..12 {
            let (status, answer) = self.ask(from, path).await;
            assert_eq!(status, 503);
            assert!(answer.contains("too-slow: "), "{answer}");
        }
    }

    /// Waits until so many reads hang.
    async fn reads(&self, expected: usize) {
        let mut reads = self.disk.reads.subscribe();
        let so_many = reads.wait_for(|reads| *reads == expected);
        let waited = tokio::time::timeout(Duration::from_secs(30), so_many).await;
        assert!(waited.is_ok(), "{} reads", *self.disk.reads.borrow());
    }

    fn most(&self) -> usize {
        self.disk.most.load(Ordering::Relaxed)
    }
}

/// Long enough for a read to begin; none ends before the disk goes on.
const SHORT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_read_that_nobody_waits_for_any_longer_has_its_turn_until_it_has_ended() {
    let service = Service::start(ClientShare::Part, SHORT).await;
    let path = service.checkpoint.clone();
    service.ask_in_vain("127.0.0.1", &path).await;
    service.reads(4).await;
    service.ask_in_vain("127.0.0.2", &path).await;
    service.reads(8).await;
    service.ask_in_vain("127.0.0.3", &path).await;
    service.reads(8).await;
    assert_eq!(service.most(), 8);
    // What is not read is there meanwhile.
    assert_eq!(service.ask("127.0.0.1", "/logs").await.0, 200);
    service.disk.hangs.send_replace(false);
    service.reads(0).await;
    assert_eq!(service.ask("127.0.0.3", &path).await.0, 200);
}

#[tokio::test]
async fn the_page_waits_for_its_turn_like_the_records_that_it_shows() {
    let service = Service::start(ClientShare::Part, SHORT).await;
    service.ask_in_vain("127.0.0.1", "/").await;
    service.reads(4).await;
    assert_eq!(service.most(), 4);
    service.disk.hangs.send_replace(false);
    service.reads(0).await;
    assert_eq!(service.ask("127.0.0.1", "/").await.0, 200);
}

#[tokio::test]
async fn behind_a_proxy_one_address_may_have_all() {
    let service = Service::start(ClientShare::All, SHORT).await;
    let path = service.checkpoint.clone();
    service.ask_in_vain("127.0.0.1", &path).await;
    service.reads(8).await;
    assert_eq!(service.most(), 8);
    service.disk.hangs.send_replace(false);
    service.reads(0).await;
}

#[tokio::test]
async fn one_client_has_no_more_than_so_many_requests_waiting() {
    let service = Service::start(ClientShare::Part, Duration::from_mins(1)).await;
    let path = service.checkpoint.clone();
    let mut asked: FuturesUnordered<_> = (0..65).map(|_| service.ask("127.0.0.1", &path)).collect();
    // The disk hangs, so only one that is refused is answered.
    let (status, refused) = asked.next().await.unwrap();
    assert_eq!(status, 503);
    let expected = "overloaded: 64 requests of this client for records";
    assert!(refused.contains(expected), "{refused}");
    service.disk.hangs.send_replace(false);
    while let Some((status, answer)) = asked.next().await {
        assert_eq!(status, 200, "{answer}");
    }
}

//! What the HTTP front costs: the front over a log that answers at once, beside a bare hyper server with the same bytes.
//!
//! ```sh
//! cargo run --release -p counterfoil-log-server --example http_ceiling -- front   # or bare
//! wrk -t1 -c512 -d8s -s post.lua http://127.0.0.1:PORT/add    # post.lua: wrk.method = "POST"; wrk.body = ...
//! wrk -t1 -c64 -d8s http://127.0.0.1:PORT/tile/0/000          # and /checkpoint
//! ```
//!
//! It prints the port it listens on. Compare requests per second with server and wrk on a core each, or the CPU time of the
//! server (`/proc/PID/stat`) per request.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use counterfoil_log_server::config::Config;
use counterfoil_log_server::log::{
    AddError, Log, LogStatus, Lookup, ProofError, Published, ReadError, Resource, Run, State,
};
use counterfoil_log_server::serve::Server;
use counterfoil_service::config::Settings;
use counterfoil_tiles::hash::{LeafHash, LeafIndex, NodeHash, TreeSize, empty_root};
use counterfoil_tiles::key::Vkey;
use counterfoil_tiles::tile::{BundleId, TileId};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;

const CONFIG: &str = "listen = [\"127.0.0.1:0\"]\n[[log]]\norigin = \"ceiling.example\"\ndata = \"-\"\nkeys = [\"-\"]\n";
const CHECKPOINT: &[u8] = &[b'c'; 200];

struct AtOnce {
    next: AtomicU64,
    tile: Resource,
    published: Arc<Published>,
}

#[async_trait]
impl Log for AtOnce {
    fn origin(&self) -> &'static str {
        "ceiling.example"
    }

    fn vkeys(&self) -> &[Vkey] {
        &[]
    }

    fn policy(&self) -> Arc<str> {
        Arc::from("")
    }

    async fn add(&self, entries: Vec<Bytes>) -> Result<Vec<Run>, AddError> {
        let count = entries.len() as u64;
        let first = LeafIndex::new(self.next.fetch_add(count, Ordering::Relaxed));
        Ok(vec![Run { first, count }])
    }

    fn published(&self) -> Option<Arc<Published>> {
        Some(Arc::clone(&self.published))
    }

    async fn wait_published(&self, _: TreeSize, _: Instant) -> Option<Arc<Published>> {
        self.published()
    }

    async fn tile(&self, _: TileId) -> Result<Option<Resource>, ReadError> {
        Ok(Some(self.tile.clone()))
    }

    async fn bundle(&self, _: BundleId) -> Result<Option<Resource>, ReadError> {
        Ok(Some(self.tile.clone()))
    }

    async fn receipt(&self, _: LeafIndex, _: Option<TreeSize>) -> Result<Bytes, ProofError> {
        Ok(Bytes::from_static(CHECKPOINT))
    }

    async fn receipt_under(&self, _: LeafIndex, _: Bytes) -> Result<Bytes, ProofError> {
        Ok(Bytes::from_static(CHECKPOINT))
    }

    async fn consistency(&self, _: TreeSize, _: TreeSize) -> Result<Vec<NodeHash>, ProofError> {
        Ok(Vec::new())
    }

    async fn lookup(
        &self,
        _: LeafHash,
        _: Option<LeafIndex>,
        _: usize,
    ) -> Result<Lookup, ReadError> {
        let indexed = TreeSize::new(self.next.load(Ordering::Relaxed));
        Ok(Lookup {
            indexes: Vec::new(),
            more: false,
            indexed,
        })
    }

    fn status(&self) -> LogStatus {
        LogStatus {
            origin: self.origin().to_owned(),
            state: State::Running,
            explanation: "running".to_owned(),
            since: 0,
            size: self.next.load(Ordering::Relaxed),
            published_size: None,
            published_root: None,
            published_at: None,
            unpublished_entries: 0,
            unpublished_seconds: 0.0,
            indexed_size: 0,
            queued_entries: 0,
            queued_bytes: 0,
            staged_blobs: 0,
            last_error: None,
            no_quorum_since: None,
            witnesses: Vec::new(),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    match std::env::args().nth(1).as_deref() {
        Some("front") => front().await,
        Some("bare") => bare().await,
        _ => Err("expected front or bare".into()),
    }
}

async fn front() -> Result<(), Box<dyn std::error::Error>> {
    let log = AtOnce {
        next: AtomicU64::new(0),
        tile: Resource::new(Bytes::from(vec![7; 8192])),
        published: Arc::new(Published {
            note: Resource::new(Bytes::from_static(CHECKPOINT)),
            size: TreeSize::ZERO,
            root: empty_root(),
            time: SystemTime::UNIX_EPOCH,
        }),
    };
    let config = Config::parse(CONFIG, &[])?;
    let server = Server::bind(&config, vec![("/".to_owned(), Arc::new(log))]).await?;
    for address in server.addresses() {
        println!("{}", address.port());
    }
    server.run(std::future::pending()).await;
    Ok(())
}

async fn bare() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    let tile = Bytes::from(vec![7; 8192]);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let tile = tile.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let tile = tile.clone();
                async move { Ok::<_, Infallible>(Response::new(Full::new(answer(request, tile).await))) }
            });
            // A client that goes away is no error here.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(request: Request<Incoming>, tile: Bytes) -> Bytes {
    match request.uri().path() {
        "/add" => {
            // Read to the end, as any server must that keeps the connection.
            let _ = request.into_body().collect().await;
            Bytes::from_static(b"1234567")
        }
        "/checkpoint" => Bytes::from_static(CHECKPOINT),
        _ => tile,
    }
}

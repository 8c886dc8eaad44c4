//! Logs over real sockets: trees by RFC 6962's own recursion and not by the code under test, keys, and witnesses.

#![allow(dead_code, reason = "each test uses a part")]

pub(crate) mod tsa;
pub(crate) mod worker;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse as _;
use counterfoil_anchor::follow::Followed;
use counterfoil_service::client::{Answer, Call, Client, ClientOptions, Sent};
use counterfoil_tiles::checkpoint::{Checkpoint, Origin};
use counterfoil_tiles::cosignature::{Timestamp, cosign_checkpoint, sign_as_log};
use counterfoil_tiles::hash::{NodeHash, TreeSize, empty_root, hash_leaf, hash_node};
use counterfoil_tiles::key::{Algorithm, KeyName, Seed, SigningKey};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::policy::Policy;
use counterfoil_tiles::tile::TileId;

pub(crate) const ORIGIN: &str = "example.com/log";

/// What a service answers.
pub(crate) async fn get(url: &str, path: &str) -> Answer {
    let client = Client::new(&ClientOptions::default()).unwrap();
    let call = Call {
        sent: Sent::Get,
        url: &format!("{url}{path}"),
        accept: None,
        deadline: Duration::from_secs(20),
        limit: 1 << 20,
    };
    client.call(call).await.unwrap()
}

pub(crate) fn key(name: &str, algorithm: Algorithm, seed: u8) -> SigningKey {
    let name = KeyName::new(name).unwrap();
    SigningKey::from_seed(name, algorithm, &Seed::new([seed; 32])).unwrap()
}

pub(crate) fn log_key() -> SigningKey {
    key(ORIGIN, Algorithm::Ed25519, 1)
}

pub(crate) fn witness_key(number: u8) -> SigningKey {
    let name = format!("witness.example/w{number}");
    key(&name, Algorithm::CosignatureV1, 100 + number)
}

/// A policy with two witnesses, of which so many must cosign.
pub(crate) fn policy_text(quorum: u8) -> String {
    let (log, first, second) = (log_key(), witness_key(1), witness_key(2));
    let text = format!(
        "log {}\nwitness w1 {}\nwitness w2 {}\n",
        log.vkey(),
        first.vkey(),
        second.vkey()
    );
    match quorum {
        0 => format!("{text}quorum none\n"),
        _ => format!("{text}group g {quorum} w1 w2\nquorum g\n"),
    }
}

pub(crate) fn policy(quorum: u8) -> Arc<Policy> {
    Arc::new(Policy::parse(policy_text(quorum).as_bytes()).unwrap())
}

fn mth(leaves: &[NodeHash]) -> NodeHash {
    match leaves {
        [] => empty_root(),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            hash_node(&mth(left), &mth(right))
        }
    }
}

/// Leaf hashes of a history: the entries are those of `branch` from index `from` on, and those of branch 0 before.
#[derive(Clone)]
pub(crate) struct Tree(Vec<NodeHash>);

impl Tree {
    pub(crate) fn new(size: u64) -> Self {
        Self::forked(size, size, 0)
    }

    pub(crate) fn forked(size: u64, from: u64, branch: u8) -> Self {
        let leaf = |index: u64| {
            let branch = if index < from { 0 } else { branch };
            NodeHash::from(hash_leaf(format!("{branch} {index}").as_bytes()))
        };
        Self((0..size).map(leaf).collect())
    }

    pub(crate) fn size(&self) -> TreeSize {
        TreeSize::new(self.0.len() as u64)
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        let origin = Origin::new(ORIGIN).unwrap();
        Checkpoint::new(origin, self.size(), mth(&self.0))
    }

    /// Signed by the log, and cosigned by these witnesses at this time.
    pub(crate) fn note(&self, witnesses: &[u8], seconds: u64) -> Note {
        let checkpoint = self.checkpoint();
        let mut lines = vec![sign_as_log(&log_key(), &checkpoint).unwrap()];
        let time = Timestamp::new(seconds).unwrap();
        for number in witnesses {
            lines.push(cosign_checkpoint(&witness_key(*number), &checkpoint, time).unwrap());
        }
        Note::new(&checkpoint.to_string(), lines).unwrap()
    }

    fn tile(&self, id: TileId) -> Option<Vec<u8>> {
        let width = 256_usize.pow(u32::from(id.level()));
        let start = usize::try_from(id.index()).ok()? * 256;
        let mut bytes = Vec::new();
        for place in start..start + usize::from(id.width()) {
            let leaves = self.0.get(place * width..(place + 1) * width)?;
            bytes.extend_from_slice(mth(leaves).as_bytes());
        }
        Some(bytes)
    }
}

/// What a log serves.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) tree: Tree,
    pub(crate) checkpoint: Vec<u8>,
    /// Paths that are answered otherwise.
    pub(crate) instead: Vec<(String, u16, Vec<u8>)>,
    /// Partial tiles are gone.
    pub(crate) only_full: bool,
}

/// A log that serves whatever it is told to.
pub(crate) struct Log {
    pub(crate) url: String,
    served: Arc<Mutex<Served>>,
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Log {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Log {
    pub(crate) async fn start(tree: Tree) -> Self {
        let checkpoint = tree.note(&[1, 2], 1_700_000_000).as_bytes().to_vec();
        let served = Served {
            tree,
            checkpoint,
            instead: Vec::new(),
            only_full: false,
        };
        let served = Arc::new(Mutex::new(served));
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (state, paths) = (Arc::clone(&served), Arc::clone(&asked));
        let router = Router::new().fallback(move |uri: Uri| {
            let path = uri.path().trim_start_matches("/log/").to_owned();
            paths.lock().unwrap().push(path.clone());
            let answer = answer(&state.lock().unwrap(), &path);
            async move { answer }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/log/", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self {
            url,
            served,
            asked,
            server: task,
        }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Served)) {
        change(&mut self.served.lock().unwrap());
    }

    /// Serves another tree, cosigned by these witnesses.
    pub(crate) fn serve(&self, tree: &Tree, witnesses: &[u8]) {
        let checkpoint = tree.note(witnesses, 1_700_000_000).as_bytes().to_vec();
        self.change(|served| {
            served.tree = tree.clone();
            served.checkpoint = checkpoint;
        });
    }

    pub(crate) fn followed(&self, policy: Arc<Policy>) -> Followed {
        let client = Client::new(&ClientOptions::default()).unwrap();
        Followed::new(&self.url, policy, client, Duration::from_secs(10)).unwrap()
    }
}

fn answer(served: &Served, path: &str) -> axum::response::Response {
    let instead = served.instead.iter().find(|(other, ..)| other == path);
    if let Some((_, status, body)) = instead {
        let status = StatusCode::from_u16(*status).unwrap();
        return (status, body.clone()).into_response();
    }
    if path == "checkpoint" {
        return served.checkpoint.clone().into_response();
    }
    let tile = TileId::parse(path)
        .ok()
        .filter(|id| !(served.only_full && id.is_partial()));
    match tile.and_then(|id| served.tree.tile(id)) {
        Some(bytes) => bytes.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

//! A load for any witness (add-checkpoint), and the limit that signatures alone set. `scripts/bench-witness.sh` runs it.
//!
//! ```sh
//! witness_load vkeys LOGS                    the vkeys of the logs that it plays, one a line
//! witness_load run URL LOGS SECONDS          one update in flight a log, each grows it by one
//! witness_load limit                         what verifying and signing allow on one core, without anything else
//! ```
//!
//! A witness under test must not have heard of these logs before. Their keys are known to everybody.
//!
//! All checkpoints and proofs are made before the first is sent, so that the load's core does nothing but send and
//! receive. Whatever is answered but 200 is counted, and sent again.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use counterfoil_tiles::checkpoint::{Checkpoint, Origin, SignedCheckpoint};
use counterfoil_tiles::cosignature::{Timestamp, cosign_checkpoint, sign_as_log};
use counterfoil_tiles::hash::{NodeHash, TreeSize, hash_leaf, hash_node};
use counterfoil_tiles::key::{Algorithm, KeyName, Seed, SigningKey};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::witness_wire::{AddCheckpointRequest, parse_cosignatures};
use counterfoil_witness::{Log, LogOptions};
use futures_util::future::join_all;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

type Failure = Box<dyn Error + Send + Sync>;

/// More updates a second than any witness is expected to make on one core; as many are made ready.
const MOST_A_SECOND: usize = 20_000;

/// How long a log waits before it sends again what was not answered 200.
const PAUSE: Duration = Duration::from_millis(1);

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["vkeys", logs] => {
            for log in 0..logs.parse()? {
                println!("{}", key(log)?.vkey());
            }
            Ok(())
        }
        ["run", url, logs, seconds] => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(run(&url.parse()?, logs.parse()?, seconds.parse()?))
        }
        ["limit"] => limit(),
        _ => Err("expected: vkeys LOGS, run URL LOGS SECONDS, or limit".into()),
    }
}

/// The key of a log; its name is the origin.
fn key(log: usize) -> Result<SigningKey, Failure> {
    let name = KeyName::new(format!("bench.example/{log}"))?;
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&u64::try_from(log)?.to_be_bytes());
    Ok(SigningKey::from_seed(
        name,
        Algorithm::Ed25519,
        &Seed::new(seed),
    )?)
}

/// A tree that all logs have: its full subtrees, by level.
struct Tree {
    levels: Vec<Vec<NodeHash>>,
}

impl Tree {
    fn new(leaves: u64) -> Self {
        let leaf = |index: u64| NodeHash::from(hash_leaf(&index.to_be_bytes()));
        let mut levels: Vec<Vec<NodeHash>> = vec![(0..leaves).map(leaf).collect()];
        while let Some(below) = levels.last()
            && below.len() > 1
        {
            let pairs = below.chunks_exact(2);
            let above = pairs.map(|pair| hash_node(&pair[0], &pair[1])).collect();
            levels.push(above);
        }
        Self { levels }
    }

    /// MTH of RFC 6962 over the leaves from `start` up to and without `end`; `start` is a multiple of their number rounded up
    /// to a power of two.
    fn hash(&self, start: u64, end: u64) -> NodeHash {
        let width = end - start;
        if width.is_power_of_two() {
            let index = usize::try_from(start / width).expect("as many as are in memory");
            return self.levels[width.trailing_zeros() as usize][index];
        }
        let middle = start + width.next_power_of_two() / 2;
        hash_node(&self.hash(start, middle), &self.hash(middle, end))
    }

    /// PROOF of RFC 6962 from `old` to `size`, neither of them 0.
    fn consistency(&self, old: u64, size: u64) -> Vec<NodeHash> {
        let mut proof = Vec::new();
        let (mut start, mut end, mut known) = (0, size, true);
        let mut beside = Vec::new();
        // Down to the subtree that ends where the old tree does; then what was passed by on the way.
        while end != old {
            let middle = start + (end - start).next_power_of_two() / 2;
            if old <= middle {
                beside.push(self.hash(middle, end));
                end = middle;
            } else {
                beside.push(self.hash(start, middle));
                (start, known) = (middle, false);
            }
        }
        if !known {
            proof.push(self.hash(start, end));
        }
        proof.extend(beside.into_iter().rev());
        proof
    }
}

/// The requests of one log, in their order.
fn requests(log: usize, tree: &Tree, updates: u64) -> Result<Vec<Bytes>, Failure> {
    let key = key(log)?;
    let origin = Origin::from(key.name().clone());
    let request = |old: u64| {
        let size = old + 1;
        let checkpoint = Checkpoint::new(origin.clone(), TreeSize::new(size), tree.hash(0, size));
        let line = sign_as_log(&key, &checkpoint)?;
        let note = Note::new(&checkpoint.to_string(), vec![line])?;
        let proof = if old == 0 {
            Vec::new()
        } else {
            tree.consistency(old, size)
        };
        let request = AddCheckpointRequest::new(TreeSize::new(old), proof, note)?;
        Ok(request.to_string().into())
    };
    (0..updates).map(request).collect()
}

/// What one log, or all of them, got.
#[derive(Default)]
struct Tally {
    latencies: Vec<Duration>,
    others: BTreeMap<u16, usize>,
}

async fn run(url: &Uri, logs: usize, seconds: usize) -> Result<(), Failure> {
    let updates = u64::try_from((MOST_A_SECOND * seconds).div_ceil(logs))?;
    let tree = Tree::new(updates);
    let ready = (0..logs).map(|log| requests(log, &tree, updates));
    let ready = ready.collect::<Result<Vec<_>, Failure>>()?;
    let address = url
        .authority()
        .ok_or("expected an http:// URL with a host")?
        .as_str();
    let path = format!("{}/add-checkpoint", url.path().trim_end_matches('/'));
    let target = Arc::new((address.to_owned(), path));
    let began = Instant::now();
    let until = began + Duration::from_secs(u64::try_from(seconds)?);
    let all = join_all(
        ready
            .into_iter()
            .map(|requests| play(Arc::clone(&target), requests, until)),
    )
    .await;
    let took = began.elapsed().as_secs_f64();
    let mut total = Tally::default();
    for tally in all {
        let tally = tally?;
        total.latencies.extend(tally.latencies);
        for (status, count) in tally.others {
            *total.others.entry(status).or_default() += count;
        }
    }
    total.latencies.sort_unstable();
    let done = total.latencies.len();
    let quantile = |part: usize| {
        let at = (done * part / 100).min(done.saturating_sub(1));
        total
            .latencies
            .get(at)
            .map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
    };
    let others: Vec<String> = total
        .others
        .iter()
        .map(|(status, count)| format!("{count} x {status}"))
        .collect();
    let others = if others.is_empty() {
        "none".to_owned()
    } else {
        others.join(", ")
    };
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let rate = done as f64 / took;
    println!(
        "done={done} rate={rate:.0} p50={:.2} p99={:.2} max={:.2} others=\"{others}\"",
        quantile(50),
        quantile(99),
        quantile(100)
    );
    Ok(())
}

/// Sends a log's requests, each when the one before was answered 200.
async fn play(
    target: Arc<(String, String)>,
    requests: Vec<Bytes>,
    until: Instant,
) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    let mut connection = connect(&target.0).await?;
    for request in requests {
        loop {
            if Instant::now() >= until {
                return Ok(tally);
            }
            if connection.ready().await.is_err() {
                connection = connect(&target.0).await?;
            }
            let sent = Instant::now();
            let (status, body) = send(&mut connection, &target, request.clone()).await?;
            if status == StatusCode::OK {
                tally.latencies.push(sent.elapsed());
                // A 200 without a cosignature is no answer.
                parse_cosignatures(&body)?;
                break;
            }
            *tally.others.entry(status.as_u16()).or_default() += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }
    Err(format!("more than {MOST_A_SECOND} updates a second: raise MOST_A_SECOND").into())
}

async fn connect(address: &str) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        drop(connection.await); // the next request finds out
    });
    Ok(sender)
}

async fn send(
    connection: &mut SendRequest<Full<Bytes>>,
    (address, path): &(String, String),
    body: Bytes,
) -> Result<(StatusCode, Bytes), Failure> {
    let request = Request::post(path.as_str()).header("host", address.as_str());
    let answer = connection
        .send_request(request.body(Full::new(body))?)
        .await?;
    let status = answer.status();
    Ok((status, answer.into_body().collect().await?.to_bytes()))
}

/// How often a second one core can verify a log's signature and sign with a witness's keys, and do nothing else.
fn limit() -> Result<(), Failure> {
    let log_key = key(0)?;
    let origin = Origin::from(log_key.name().clone());
    let log = Log::new(
        origin.clone(),
        [log_key.vkey().clone()],
        LogOptions::default(),
    )?;
    let tree = Tree::new(1);
    let checkpoint = Checkpoint::new(origin, TreeSize::new(1), tree.hash(0, 1));
    let note = Note::new(
        &checkpoint.to_string(),
        vec![sign_as_log(&log_key, &checkpoint)?],
    )?;
    let name = KeyName::new("bench.example/w")?;
    let signer = |algorithm| SigningKey::from_seed(name.clone(), algorithm, &Seed::new([7; 32]));
    let ed25519 = signer(Algorithm::CosignatureV1)?;
    let ml_dsa = signer(Algorithm::MlDsa44)?;
    for (label, keys) in [
        ("ed25519", vec![&ed25519]),
        ("both", vec![&ed25519, &ml_dsa]),
    ] {
        let (began, mut done) = (Instant::now(), 0_u64);
        while began.elapsed() < Duration::from_secs(2) {
            SignedCheckpoint::verify(note.clone(), log.keys())?;
            for key in &keys {
                cosign_checkpoint(key, &checkpoint, Timestamp::new(done + 1)?)?;
            }
            done += 1;
        }
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let rate = done as f64 / began.elapsed().as_secs_f64();
        println!("{label}={rate:.0}");
    }
    Ok(())
}

//! A log, honest witnesses and others, and a transport that takes requests to them in memory.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use counterfoil_log_server::witnesses::{
    Answer, Clock, Late, Method, Options, Proofs, Request, Transport, TransportError, Witnesses,
};
use counterfoil_tiles::checkpoint::{Checkpoint, LogKey, Origin, SignedCheckpoint};
use counterfoil_tiles::cosignature::{Timestamp, cosign_checkpoint, sign_as_log};
use counterfoil_tiles::hash::{NodeHash, TreeSize, empty_root, hash_leaf, hash_node};
use counterfoil_tiles::key::{Algorithm, KeyName, Seed, SigningKey};
use counterfoil_tiles::note::{Note, SignatureLine};
use counterfoil_tiles::policy::Policy;
use counterfoil_tiles::proof::verify_consistency;
use counterfoil_tiles::witness_wire::{AddCheckpointRequest, encode_cosignatures, encode_size};
use tokio::sync::mpsc;

/// The time of day in the tests, in seconds.
pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) const ORIGIN: &str = "log.example/test";

pub(crate) fn key(name: &str, algorithm: Algorithm, seed: u8) -> SigningKey {
    let name = KeyName::new(name).unwrap();
    SigningKey::from_seed(name, algorithm, &Seed::new([seed; 32])).unwrap()
}

pub(crate) fn log_key() -> SigningKey {
    key(ORIGIN, Algorithm::Ed25519, 1)
}

/// The key of the witness with a number.
pub(crate) fn witness_key(number: u8) -> SigningKey {
    let name = format!("witness.example/w{number}");
    key(&name, Algorithm::CosignatureV1, 100 + number)
}

pub(crate) fn url(number: u8) -> String {
    format!("https://w{number}.example/submit")
}

/// Leaves of the log's tree, or of another one.
fn leaves(size: u64, tree: &str) -> Vec<NodeHash> {
    let leaf = |index| NodeHash::from(hash_leaf(format!("{tree} {index}").as_bytes()));
    (0..size).map(leaf).collect()
}

/// RFC 6962 section 2.1.
fn mth(leaves: &[NodeHash]) -> NodeHash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            hash_node(&mth(left), &mth(right))
        }
    }
}

/// RFC 6962 section 2.1.2: `SUBPROOF(m, D[n], whole)`.
fn subproof(m: usize, leaves: &[NodeHash], whole: bool) -> Vec<NodeHash> {
    if m == leaves.len() {
        return if whole { vec![] } else { vec![mth(leaves)] };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    if m <= left.len() {
        let mut proof = subproof(m, left, whole);
        proof.push(mth(right));
        proof
    } else {
        let mut proof = subproof(m - left.len(), right, false);
        proof.push(mth(left));
        proof
    }
}

/// The largest power of two below `n`.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

pub(crate) fn root(size: u64) -> NodeHash {
    mth(&leaves(size, "entry"))
}

/// Proofs of the log's tree; counts how often it is asked.
#[derive(Default)]
pub(crate) struct Tree {
    pub(crate) broken: bool,
    pub(crate) asked: AtomicUsize,
}

#[async_trait]
impl Proofs for Tree {
    async fn consistency(&self, old: TreeSize, new: TreeSize) -> Result<Vec<NodeHash>, String> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        assert!(
            0 < old.get() && old < new,
            "no proof is needed for {old} to {new}"
        );
        if self.broken {
            return Err("the tile tile/0/000 is damaged".into());
        }
        let old = usize::try_from(old.get()).unwrap();
        Ok(subproof(old, &leaves(new.get(), "entry"), true))
    }
}

pub(crate) fn proofs() -> Arc<Tree> {
    Arc::default()
}

pub(crate) fn log_keys() -> Vec<LogKey> {
    vec![LogKey::new(log_key().vkey().clone())]
}

/// A checkpoint that the log signs, of its own tree or another.
pub(crate) fn signed_with(size: u64, tree: &str) -> SignedCheckpoint {
    let origin = Origin::new(ORIGIN).unwrap();
    let root = mth(&leaves(size, tree));
    let checkpoint = Checkpoint::new(origin, TreeSize::new(size), root);
    let line = sign_as_log(&log_key(), &checkpoint).unwrap();
    let note = Note::new(&checkpoint.to_string(), vec![line]).unwrap();
    SignedCheckpoint::verify(note, &log_keys()).unwrap()
}

pub(crate) fn signed(size: u64) -> SignedCheckpoint {
    signed_with(size, "entry")
}

pub(crate) fn cosignature(key: &SigningKey, signed: &SignedCheckpoint, time: u64) -> SignatureLine {
    let time = Timestamp::new(time).unwrap();
    cosign_checkpoint(key, signed.checkpoint(), time).unwrap()
}

pub(crate) fn answer(status: u16, content_type: &str, body: impl Into<Bytes>) -> Answer {
    Answer {
        status,
        content_type: Some(content_type.to_owned()),
        body: body.into(),
    }
}

/// A 200 answer with these lines.
pub(crate) fn cosigned(lines: &[SignatureLine]) -> Answer {
    answer(200, "text/plain", encode_cosignatures(lines))
}

/// A 409 answer with this size.
pub(crate) fn conflict(size: u64) -> Answer {
    answer(409, "text/x.tlog.size", encode_size(TreeSize::new(size)))
}

/// A witness: one request, one answer; and what it keeps.
#[async_trait]
pub(crate) trait Service: Send + Sync + 'static {
    async fn serve(&self, request: &Request) -> Result<Answer, TransportError>;
}

/// A witness that answers by a function.
pub(crate) struct Answering<F>(pub(crate) F);

#[async_trait]
impl<F> Service for Answering<F>
where
    F: Fn(&Request) -> Result<Answer, TransportError> + Send + Sync + 'static,
{
    async fn serve(&self, request: &Request) -> Result<Answer, TransportError> {
        (self.0)(request)
    }
}

/// A witness that never answers.
pub(crate) struct Silent;

#[async_trait]
impl Service for Silent {
    async fn serve(&self, _: &Request) -> Result<Answer, TransportError> {
        std::future::pending().await
    }
}

/// A witness that keeps to the specification, and answers after a delay.
pub(crate) struct Honest {
    pub(crate) keys: Vec<SigningKey>,
    pub(crate) delay: Duration,
    /// What it has recorded, and the time of its next cosignature.
    pub(crate) state: Mutex<(SignedCheckpoint, u64)>,
}

impl Honest {
    pub(crate) fn new(number: u8) -> Self {
        Self::at(number, 0)
    }

    /// One that has cosigned the log's tree of a size.
    pub(crate) fn at(number: u8, size: u64) -> Self {
        Self {
            keys: vec![witness_key(number)],
            delay: Duration::ZERO,
            state: Mutex::new((signed(size), NOW)),
        }
    }

    pub(crate) fn slow(number: u8, delay: Duration) -> Self {
        Self {
            delay,
            ..Self::new(number)
        }
    }

    /// The monitoring prefix.
    fn show(&self) -> Answer {
        let state = self.state.lock().unwrap();
        match state.0.checkpoint().size() {
            TreeSize::ZERO => answer(404, "text/plain", "never cosigned\n"),
            _ => answer(200, "text/plain", state.0.note().to_string()),
        }
    }

    fn judge(&self, request: &Request) -> Answer {
        assert_eq!(request.method, Method::Post, "add-checkpoint is a POST");
        let request = AddCheckpointRequest::parse(&request.body).expect("a well-formed request");
        let new = SignedCheckpoint::verify(request.note().clone(), &log_keys()).unwrap();
        assert_eq!(
            new.note().signatures().len(),
            1,
            "nothing but the log's own signature"
        );
        assert!(
            request.old_size() <= new.checkpoint().size(),
            "old is at most the size"
        );
        let mut state = self.state.lock().unwrap();
        let (recorded, time) = &mut *state;
        if request.old_size() != recorded.checkpoint().size() {
            return conflict(recorded.checkpoint().size().get());
        }
        if request.old_size() == TreeSize::ZERO {
            assert!(request.proof().is_empty(), "no proof from the empty tree");
        }
        let (old, new_tree) = (recorded.checkpoint(), new.checkpoint());
        let consistent = verify_consistency(
            old.size(),
            new_tree.size(),
            old.root(),
            new_tree.root(),
            request.proof(),
        );
        if let Err(error) = consistent {
            return answer(422, "text/plain", error.to_string());
        }
        let sign = |key| cosignature(key, &new, *time);
        let lines: Vec<SignatureLine> = self.keys.iter().map(sign).collect();
        *time += 1;
        *recorded = new;
        cosigned(&lines)
    }
}

#[async_trait]
impl Service for Honest {
    async fn serve(&self, request: &Request) -> Result<Answer, TransportError> {
        tokio::time::sleep(self.delay).await;
        Ok(match request.method {
            Method::Get => self.show(),
            Method::Post => self.judge(request),
        })
    }
}

/// Takes requests to the services by their URL prefix, and keeps account.
#[derive(Default)]
pub(crate) struct Network {
    services: Mutex<HashMap<String, Arc<dyn Service>>>,
    pub(crate) requests: Mutex<Vec<Request>>,
    under_way: Mutex<HashMap<String, usize>>,
    pub(crate) most_under_way: AtomicUsize,
}

impl Network {
    pub(crate) fn new(services: Vec<Arc<dyn Service>>) -> Arc<Self> {
        let network = Self::default();
        for (number, service) in (1..).zip(services) {
            network.put(&url(number), service);
        }
        Arc::new(network)
    }

    pub(crate) fn put(&self, url: &str, service: Arc<dyn Service>) {
        self.services
            .lock()
            .unwrap()
            .insert(url.to_owned(), service);
    }

    /// The old sizes and sizes of the requests to a witness so far.
    pub(crate) fn asked(&self, number: u8) -> Vec<(u64, u64)> {
        let path = format!("{}/add-checkpoint", url(number));
        let requests = self.requests.lock().unwrap();
        let to_it = requests.iter().filter(|request| request.url == path);
        let sizes = |request: &Request| {
            let request = AddCheckpointRequest::parse(&request.body).unwrap();
            (request.old_size().get(), request.checkpoint().size().get())
        };
        to_it.map(sizes).collect()
    }

    /// Requests that are neither answered nor given up.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.lock().unwrap().values().sum()
    }
}

/// Counts a request as long as it lives.
struct UnderWay<'a>(&'a Network, String);

impl<'a> UnderWay<'a> {
    fn new(network: &'a Network, url: &str) -> Self {
        let mut under_way = network.under_way.lock().unwrap();
        let count = under_way.entry(url.to_owned()).or_default();
        *count += 1;
        network.most_under_way.fetch_max(*count, Ordering::SeqCst);
        Self(network, url.to_owned())
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        *self.0.under_way.lock().unwrap().get_mut(&self.1).unwrap() -= 1;
    }
}

#[async_trait]
impl Transport for Network {
    async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        self.requests.lock().unwrap().push(request.clone());
        let service = {
            let services = self.services.lock().unwrap();
            let mut services = services.iter();
            let to = services.find(|(url, _)| request.url.starts_with(&format!("{url}/")));
            to.map(|(_, service)| Arc::clone(service))
        };
        let Some(service) = service else {
            return Err(TransportError::NotReached("connection refused".into()));
        };
        let _under_way = UnderWay::new(self, &request.url);
        service.serve(&request).await
    }
}

/// The names of witnesses 1 to `count` as members of a group, each after a space.
pub(crate) fn members(count: u8) -> String {
    let mut names = String::new();
    for number in 1..=count {
        write!(names, " w{number}").unwrap();
    }
    names
}

/// A policy with witnesses 1 to `count` and the rest of its lines, which may name them `w1` and so on.
pub(crate) fn policy(count: u8, rest: &str) -> Arc<Policy> {
    let mut text = format!("log {}\n", log_key().vkey());
    for number in 1..=count {
        let key = witness_key(number);
        writeln!(text, "witness w{number} {} {}", key.vkey(), url(number)).unwrap();
    }
    Arc::new(Policy::parse((text + rest).as_bytes()).unwrap())
}

pub(crate) fn options() -> Options {
    Options {
        clock: Clock::new(|| UNIX_EPOCH + Duration::from_secs(NOW)),
        ..Options::default()
    }
}

/// The time of day of the tests.
pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

pub(crate) fn client(
    policy: &Arc<Policy>,
    network: &Arc<Network>,
) -> (Witnesses, mpsc::Receiver<Late>) {
    let (late, come_late) = mpsc::channel(8);
    let transport = Arc::clone(network) as Arc<dyn Transport>;
    let client = Witnesses::new(Arc::clone(policy), log_keys(), transport, options(), late);
    (client.unwrap(), come_late)
}

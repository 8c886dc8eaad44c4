//! A network between clients and witnesses that loses, delays, repeats, reorders and damages what it carries.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use crate::clock::pause;
use crate::node::Node;
use crate::random::Random;

/// Who sends requests to witnesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Party {
    Log,
    /// A second log with the log's key.
    Rogue,
    /// Somebody without a key.
    Stranger,
}

/// What is asked of a witness.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    /// `POST <submission prefix>/add-checkpoint`.
    AddCheckpoint(Bytes),
    /// `GET <monitoring prefix>/<origin hash>/checkpoint`.
    Checkpoint(String),
}

/// What HTTP would carry back.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Bytes>) -> Self {
        let content_type = match status {
            409 => counterfoil_tiles::witness_wire::SIZE_CONTENT_TYPE,
            _ => "text/plain; charset=utf-8",
        };
        let body = body.into();
        Self {
            status,
            content_type,
            body,
        }
    }
}

/// Nobody answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoAnswer;

/// How many in a thousand requests meet what.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Odds {
    /// The request, or the answer to it, never arrives.
    pub(crate) lost: u64,
    /// The connection is refused.
    pub(crate) refused: u64,
    /// It takes seconds, so that later ones overtake it.
    pub(crate) slow: u64,
    /// It arrives a second time, up to a minute later.
    pub(crate) repeated: u64,
    /// A bit of the answer flips: there is no TLS here.
    pub(crate) damaged: u64,
}

impl Odds {
    /// Each of them as often.
    pub(crate) fn all(odds: u64) -> Self {
        Self {
            lost: odds,
            refused: odds,
            slow: odds,
            repeated: odds,
            damaged: odds,
        }
    }
}

/// When what is lost is given up, if the client has no deadline of its own.
const GIVEN_UP_MILLIS: u64 = 300_000;

pub(crate) struct Network {
    nodes: Vec<Arc<Node>>,
    cuts: Mutex<BTreeSet<(Party, usize)>>,
    odds: Mutex<Odds>,
    random: Mutex<Random>,
    requests: AtomicU64,
    faults: AtomicU64,
}

/// What will happen to one request.
struct Fate {
    outward: u64,
    homeward: u64,
    refused: bool,
    lost_outward: bool,
    lost_homeward: bool,
    again_after: Option<u64>,
    flipped: Option<usize>,
}

impl Network {
    pub(crate) fn new(nodes: Vec<Arc<Node>>, random: Random) -> Self {
        Self {
            nodes,
            cuts: Mutex::new(BTreeSet::new()),
            odds: Mutex::new(Odds::default()),
            random: Mutex::new(random),
            requests: AtomicU64::new(0),
            faults: AtomicU64::new(0),
        }
    }

    pub(crate) fn nodes(&self) -> &[Arc<Node>] {
        &self.nodes
    }

    pub(crate) fn set_odds(&self, odds: Odds) {
        *self.odds.lock().unwrap() = odds;
    }

    /// Nothing passes between the two, what is under way included.
    pub(crate) fn cut(&self, party: Party, witness: usize) {
        self.cuts.lock().unwrap().insert((party, witness));
    }

    pub(crate) fn heal(&self) {
        self.cuts.lock().unwrap().clear();
    }

    /// Requests so far, and how many of them met something.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (load(&self.requests), load(&self.faults))
    }

    /// Sends a request. It goes on if the caller does not wait for the answer.
    pub(crate) async fn send(
        self: &Arc<Self>,
        from: Party,
        to: usize,
        request: Request,
    ) -> Result<Reply, NoAnswer> {
        let fate = self.fate();
        let network = Arc::clone(self);
        let carried = tokio::spawn(async move { network.carry(from, to, request, fate).await });
        carried.await.unwrap_or(Err(NoAnswer))
    }

    fn fate(&self) -> Fate {
        let odds = *self.odds.lock().unwrap();
        let random = &mut *self.random.lock().unwrap();
        let way = |random: &mut Random| {
            if random.per_mille(odds.slow) {
                random.between(500, 20_000)
            } else {
                random.between(1, 30)
            }
        };
        let fate = Fate {
            outward: way(random),
            homeward: way(random),
            refused: random.per_mille(odds.refused),
            lost_outward: random.per_mille(odds.lost),
            lost_homeward: random.per_mille(odds.lost),
            again_after: random
                .per_mille(odds.repeated)
                .then(|| random.between(0, 60_000)),
            flipped: random
                .per_mille(odds.damaged)
                .then(|| random.index(1 << 16)),
        };
        self.requests.fetch_add(1, Ordering::Relaxed);
        if fate.meets_something() {
            self.faults.fetch_add(1, Ordering::Relaxed);
        }
        fate
    }

    async fn carry(
        self: Arc<Self>,
        from: Party,
        to: usize,
        request: Request,
        fate: Fate,
    ) -> Result<Reply, NoAnswer> {
        pause(fate.outward).await;
        if fate.refused {
            return Err(NoAnswer);
        }
        if fate.lost_outward || self.is_cut(from, to) {
            return give_up().await;
        }
        let node = &self.nodes[to];
        if let Some(after) = fate.again_after {
            let (node, request) = (Arc::clone(node), request.clone());
            tokio::spawn(async move {
                pause(after).await;
                drop(node.answer(request).await);
            });
        }
        let reply = node.answer(request).await.ok_or(NoAnswer)?;
        pause(fate.homeward).await;
        if fate.lost_homeward || self.is_cut(from, to) {
            return give_up().await;
        }
        Ok(match fate.flipped {
            Some(place) => flip(&reply, place),
            None => reply,
        })
    }

    fn is_cut(&self, party: Party, witness: usize) -> bool {
        self.cuts.lock().unwrap().contains(&(party, witness))
    }
}

impl Fate {
    fn meets_something(&self) -> bool {
        self.refused
            || self.lost_outward
            || self.lost_homeward
            || self.again_after.is_some()
            || self.flipped.is_some()
            || self.outward.max(self.homeward) > 30
    }
}

async fn give_up() -> Result<Reply, NoAnswer> {
    pause(GIVEN_UP_MILLIS).await;
    Err(NoAnswer)
}

fn flip(reply: &Reply, place: usize) -> Reply {
    let mut body = reply.body.to_vec();
    let bits = body.len() * 8;
    if bits > 0 {
        body[place % bits / 8] ^= 1 << (place % 8);
    }
    Reply {
        status: reply.status,
        content_type: reply.content_type,
        body: body.into(),
    }
}

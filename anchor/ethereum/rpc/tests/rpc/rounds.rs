//! The sender, driven by a chain on anvil: rounds among reorganisations, lost transactions, spikes of fees, endpoints that fail, and
//! restarts of the process at each step.
//!
//! Whatever happens: no root is paid for twice on the chain, there is no record without finality, and every round that was sent ends in
//! a record or in a named failure.

use std::collections::BTreeMap;

use bytes::Bytes;
use counterfoil_ethereum::{BlockHash, Transaction};
use counterfoil_ethereum_rpc::Chain;
use counterfoil_ethereum_sender::chain::{ChainRequest, Identity};
use counterfoil_ethereum_sender::{
    Anchored, Ceilings, Config, Event, Failure, Gas, Hold, Member, Offer, Offered, Operation,
    Outcome, Request, Sender, Timestamp, Wei,
};
use counterfoil_tests::Random;
use counterfoil_tests::anvil::{Anvil, ask};
use counterfoil_tiles::checkpoint::{Origin, OriginHash};
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use serde_json::{Value, json};

use crate::common::{anvil_chain, call, chain, signed, unsigned};
use crate::fake::{Fake, Reply};

fn offer(root: u8) -> Offer {
    Offer {
        root: NodeHash::from_bytes([root; 32]),
        members: vec![Member {
            origin: OriginHash::of(&Origin::new("log.example").unwrap()),
            size: TreeSize::new(root.into()),
            checkpoint: [root; 32],
            leaf: NodeHash::from_bytes([root; 32]),
        }],
    }
}

/// A sender with all that outlives it.
struct World {
    anvil: Anvil,
    chain: Chain,
    sender: Sender,
    now: u64,
    register: Option<Bytes>,
    records: BTreeMap<NodeHash, Anchored>,
    failures: Vec<(NodeHash, Failure)>,
    events: Vec<Event>,
    sent: Vec<NodeHash>,
}

impl World {
    fn start() -> Option<Self> {
        let anvil = Anvil::start(&["--no-mining"])?;
        anvil.mine(5);
        let chain = anvil_chain(&anvil);
        Some(Self::of(anvil, chain))
    }

    fn of(anvil: Anvil, chain: Chain) -> Self {
        Self {
            sender: Sender::new(config(&chain), Timestamp::from_millis(0)),
            anvil,
            chain,
            now: 0,
            register: None,
            records: BTreeMap::new(),
            failures: Vec::new(),
            events: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// The process ends, and another begins with what is kept.
    fn restart(&mut self) {
        self.sender = Sender::new(config(&self.chain), Timestamp::from_millis(self.now));
    }

    fn poll(&mut self) -> Option<Operation> {
        self.sender.tick(Timestamp::from_millis(self.now));
        self.sender.poll()
    }

    /// Carries out an operation; what it does to the world stays, whatever becomes of the process.
    async fn effect(&mut self, request: Request) -> Outcome {
        match request {
            Request::FetchState => Outcome::Fetched(self.register.clone()),
            Request::ReplaceState { old, new } if old == self.register => {
                self.register = Some(new);
                Outcome::Done
            }
            Request::ReplaceState { .. } => Outcome::Conflict,
            Request::StoreRecord(anchored) => {
                self.check_record(&anchored);
                self.records.insert(anchored.offer.root, *anchored);
                Outcome::Done
            }
            Request::Chain(request) => {
                if let ChainRequest::Send { bytes, .. } = &request {
                    self.check_sending(bytes);
                }
                Outcome::Chain(self.chain.carry_out(request).await)
            }
        }
    }

    async fn step(&mut self) -> bool {
        let Some(operation) = self.poll() else {
            return false;
        };
        let outcome = self.effect(operation.request).await;
        self.sender.complete(operation.id, outcome);
        while let Some(event) = self.sender.poll_event() {
            if let Event::Failed { offer, failure } = &event {
                self.failures.push((offer.root, failure.clone()));
            }
            self.events.push(event);
        }
        assert_eq!(self.sender.status().stopped, None);
        true
    }

    /// Does all that is to be done now.
    async fn settle(&mut self) {
        for _ in 0..100 {
            if !self.step().await {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    /// A block is made, twelve seconds go by, and what follows is done.
    async fn block(&mut self) {
        self.anvil.mine(1);
        self.wait(12).await;
    }

    async fn wait(&mut self, seconds: u64) {
        self.now += 1_000 * seconds;
        self.settle().await;
    }

    /// Goes on until every round has ended.
    async fn finish(&mut self) {
        for _ in 0..60 {
            let status = self.sender.status();
            if status.is_loaded && status.on_its_way.is_none() && status.waiting.is_none() {
                return self.check();
            }
            self.block().await;
        }
        panic!("a round does not end: {:?}", self.sender.status());
    }

    /// Nothing is sent but what the register holds.
    fn check_sending(&mut self, bytes: &[u8]) {
        let register = self
            .register
            .as_ref()
            .expect("the intent is kept before it is sent");
        let text = String::from_utf8_lossy(register).to_lowercase();
        let encoded = hex::encode(bytes);
        let is_kept = text.contains(&encoded) || register.windows(bytes.len()).any(|w| w == bytes);
        assert!(is_kept, "{encoded} was sent and is not in the register");
        let root = Transaction::parse(bytes).unwrap().call.unwrap().data[4..]
            .try_into()
            .unwrap();
        self.sent.push(NodeHash::from_bytes(root));
    }

    /// A record is of a final block.
    fn check_record(&self, anchored: &Anchored) {
        let final_block = self.json_block("finalized");
        let number =
            u64::from_str_radix(&final_block["number"].as_str().unwrap()[2..], 16).unwrap();
        let block = anchored.inclusion.block;
        assert!(
            block.number <= number,
            "a record of block {} at {number}",
            block.number
        );
        let stands: BlockHash = self.json_block(&format!("{:#x}", block.number))["hash"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(stands, block.hash);
    }

    /// At the end: every root that was sent has a record or a failure, and is on the chain at most once; a record's is.
    fn check(&self) {
        let paid = self.paid();
        for root in &self.sent {
            let failed = self.failures.iter().any(|(failed, _)| failed == root);
            assert!(
                self.records.contains_key(root) || failed,
                "{root} ended in nothing"
            );
        }
        for (root, count) in &paid {
            assert_eq!(*count, 1, "{root} was paid for {count} times");
        }
        for root in self.records.keys() {
            assert!(
                paid.contains_key(root),
                "{root} has a record and is not on the chain"
            );
        }
    }

    /// How often each root is on the chain.
    fn paid(&self) -> BTreeMap<NodeHash, u64> {
        let mut paid = BTreeMap::new();
        let head = self.json_block("latest")["number"]
            .as_str()
            .unwrap()
            .to_owned();
        for number in 0..=u64::from_str_radix(&head[2..], 16).unwrap() {
            let block = self.anvil.call(
                "eth_getBlockByNumber",
                json!([format!("{number:#x}"), true]),
            );
            for transaction in block["transactions"].as_array().unwrap() {
                let input = transaction["input"].as_str().unwrap();
                if let Some(root) = input.strip_prefix("0xeecdf927") {
                    let mut bytes = [0; 32];
                    hex::decode_to_slice(root, &mut bytes).unwrap();
                    *paid.entry(NodeHash::from_bytes(bytes)).or_default() += 1;
                }
            }
        }
        paid
    }

    fn json_block(&self, block: &str) -> Value {
        self.anvil
            .call("eth_getBlockByNumber", json!([block, false]))
    }

    fn names(&self) -> Vec<&'static str> {
        let name = |event: &Event| match event {
            Event::Superseded(_) => "superseded",
            Event::Sent { .. } => "sent",
            Event::SentAgain(_) => "sent again",
            Event::Included { .. } => "included",
            Event::Reorganised { .. } => "reorganised",
            Event::Recorded(_) => "recorded",
            Event::Failed { .. } => "failed",
            Event::Warning(_) => "warning",
            Event::Stopped(_) => "stopped",
        };
        self.events.iter().map(name).collect()
    }
}

fn config(chain: &Chain) -> Config {
    let identity = Identity {
        chain_id: Anvil::CHAIN_ID,
        account: chain.account(),
    };
    let ceilings = Ceilings {
        max_fee: Wei::from_gwei(50),
        max_cost_per_day: Wei::new(10_u128.pow(17)),
        max_gas: Gas::new(100_000),
    };
    Config::new(identity, call(0).to, ceilings)
}

#[tokio::test]
async fn a_round_ends_in_a_record() {
    let Some(mut world) = World::start() else {
        return;
    };
    assert_eq!(world.sender.offer(offer(1)), Offered::Taken);
    world.settle().await;
    world.block().await;
    world.block().await;
    assert_eq!(world.names(), ["sent", "included"]);
    world.block().await;
    assert_eq!(world.names(), ["sent", "included", "recorded"]);
    world.finish().await;
    assert_eq!(world.records.len(), 1);
    // The next one takes the next nonce.
    world.sender.offer(offer(2));
    world.finish().await;
    assert_eq!(world.records.len(), 2);
}

#[tokio::test]
async fn a_transaction_that_the_network_loses_is_sent_again() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.sender.offer(offer(1));
    world.settle().await;
    world.anvil.call("anvil_dropAllTransactions", json!([]));
    world.wait(12).await;
    assert_eq!(world.names(), ["sent", "sent again"]);
    world.finish().await;
    assert_eq!(world.sent.len(), 2);
}

#[tokio::test]
async fn a_stuck_transaction_is_replaced_with_the_same_nonce() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.sender.offer(offer(1));
    world.settle().await;
    for _ in 0..16 {
        world.wait(12).await;
    }
    let attempts: Vec<usize> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Sent { attempt, .. } => Some(*attempt),
            _ => None,
        })
        .collect();
    assert_eq!(attempts, [1, 2]);
    world.finish().await;
    assert_eq!(world.records.len(), 1);
}

#[tokio::test]
async fn a_spike_of_fees_holds_a_round_back() {
    let Some(mut world) = World::start() else {
        return;
    };
    let fee = |world: &World, gwei: u64| {
        let fee = format!("{:#x}", gwei * 1_000_000_000);
        world
            .anvil
            .call("anvil_setNextBlockBaseFeePerGas", json!([fee]));
    };
    fee(&world, 60);
    world.sender.offer(offer(1));
    world.settle().await;
    let (hold, _) = world.sender.status().hold.unwrap();
    assert!(matches!(hold, Hold::Fee { .. }), "{hold}");
    assert!(world.sent.is_empty());
    fee(&world, 10);
    world.wait(60).await;
    assert_eq!(world.sent.len(), 1);
    // It spikes again while the round is on its way: anvil throws it out of its pool, and it is sent again in time.
    fee(&world, 60);
    world.block().await;
    for _ in 0..20 {
        fee(&world, 2);
        world.block().await;
    }
    world.finish().await;
    assert_eq!(world.records.len(), 1);
}

#[tokio::test]
async fn reorganisations_of_each_depth_are_survived() {
    for depth in 1..=2 {
        for above in 0..depth {
            let Some(mut world) = World::start() else {
                return;
            };
            world.sender.offer(offer(1));
            world.settle().await;
            for _ in 0..=above {
                world.block().await;
            }
            world.anvil.reorganise(depth);
            world.wait(12).await;
            assert!(
                world.names().contains(&"reorganised"),
                "{depth} {above}: {:?}",
                world.names()
            );
            world.finish().await;
            assert_eq!(world.records.len(), 1);
            // The very bytes again, and not another nonce.
            assert_eq!(world.sent.len(), 2, "{depth} {above}");
        }
    }
}

#[tokio::test]
async fn a_nonce_that_something_else_uses_ends_in_a_named_failure_and_a_record() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.sender.offer(offer(1));
    world.settle().await;
    world.anvil.call("anvil_dropAllTransactions", json!([]));
    let (hash, bytes) = signed(&world.chain, unsigned(Anvil::CHAIN_ID, 0, 77)).await;
    world
        .chain
        .carry_out(ChainRequest::Send { hash, bytes })
        .await;
    world.finish().await;
    let [
        (
            root,
            Failure::NonceTaken {
                nonce: 0,
                transaction,
            },
        ),
    ] = &world.failures[..]
    else {
        panic!("{:?}", world.failures);
    };
    assert_eq!((*root, *transaction), (offer(1).root, hash));
    // And it has been sent with the next one.
    assert_eq!(world.records.len(), 1);
}

#[tokio::test]
async fn a_restart_at_each_step_loses_nothing_and_pays_nothing_twice() {
    for is_done in [false, true] {
        for crash in 0.. {
            let Some(mut world) = World::start() else {
                return;
            };
            world.sender.offer(offer(1));
            let mut steps = 0;
            let mut crashed = false;
            // As many steps as a round takes, over the blocks that it takes.
            for _ in 0..6 {
                while let Some(operation) = world.poll() {
                    steps += 1;
                    if steps > crash && !crashed {
                        crashed = true;
                        // The operation is done or not, and its process does not learn of it.
                        if is_done {
                            world.effect(operation.request).await;
                        }
                        world.restart();
                        // Who offers does so again after a restart.
                        let offered = world.sender.offer(offer(1));
                        assert_eq!(offered, Offered::Taken);
                        continue;
                    }
                    let outcome = world.effect(operation.request).await;
                    world.sender.complete(operation.id, outcome);
                }
                world.anvil.mine(1);
                world.now += 12_000;
            }
            world.settle().await;
            world.finish().await;
            assert_eq!(world.records.len(), 1, "{crash} {is_done}");
            if !crashed {
                assert!(crash > 8, "a round has more steps than {crash}");
                break;
            }
        }
    }
}

/// An endpoint before anvil that fails once in so many calls, each time in another way.
async fn unreliable(anvil: &Anvil, seed: u64) -> Fake {
    let fake = Fake::start().await;
    let port = anvil.port();
    let mut random = Random::new(seed);
    fake.tamper(move |method, params, _| {
        let fails = random.one_in(6);
        let kind = random.below(4);
        if fails && kind == 0 {
            return Reply::Drop;
        }
        let mut answer = ask(port, method, params);
        if !fails {
            // The number of the call is another.
            answer.as_object_mut().unwrap().remove("id");
            return Reply::Answer(answer);
        }
        match kind {
            // It was done, and nobody learns of it.
            1 => Reply::Drop,
            2 => Reply::Raw(502, "text/html", b"<html>bad gateway</html>".to_vec()),
            _ => Reply::Answer(json!({"error": {"code": -32_603, "message": "internal error"}})),
        }
    });
    fake
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_fails_at_random_loses_nothing_and_pays_nothing_twice() {
    for seed in 0..4 {
        let Some(anvil) = Anvil::start(&["--no-mining"]) else {
            return;
        };
        anvil.mine(5);
        let (one, two) = (
            unreliable(&anvil, seed).await,
            unreliable(&anvil, 100 + seed).await,
        );
        let chain = chain(Anvil::CHAIN_ID, &[&one.url, &two.url]);
        let mut world = World::of(anvil, chain);
        let mut random = Random::new(seed);
        for root in 1..=3 {
            world.sender.offer(offer(root));
            for _ in 0..8 {
                world.settle().await;
                match random.below(6) {
                    0 => {
                        let depth = 1 + random.below(2);
                        world.anvil.reorganise(depth);
                    }
                    1 => {
                        world.anvil.call("anvil_dropAllTransactions", json!([]));
                    }
                    2 => world.restart(),
                    _ => {}
                }
                world.block().await;
            }
            world.finish().await;
        }
        assert!(!world.records.is_empty(), "{seed}");
    }
}

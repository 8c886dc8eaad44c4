//! A sender, a chain on anvil, and what outlives the sender's process; and what must hold whatever happens.

use std::collections::BTreeMap;
use std::time::SystemTime;

use bytes::Bytes;
use counterfoil_ethereum::{BlockHash, Transaction};
use counterfoil_ethereum_rpc::Chain;
use counterfoil_ethereum_sender::chain::ChainRequest;
use counterfoil_ethereum_sender::{
    Anchored, Event, Failure, Operation, Outcome, Request, Sender, Timestamp,
};
use counterfoil_tests::anvil::Anvil;
use counterfoil_tiles::hash::NodeHash;
use serde_json::{Value, json};

use crate::common::{anvil_chain, config};

/// A sender with all that outlives it.
pub(super) struct World {
    pub(super) anvil: Anvil,
    pub(super) chain: Chain,
    pub(super) sender: Sender,
    pub(super) now: u64,
    pub(super) register: Option<Bytes>,
    pub(super) records: BTreeMap<NodeHash, Anchored>,
    pub(super) failures: Vec<(NodeHash, Failure)>,
    pub(super) events: Vec<Event>,
    pub(super) sent: Vec<NodeHash>,
}

impl World {
    pub(super) fn start() -> Option<Self> {
        let anvil = Anvil::start(&["--no-mining"])?;
        anvil.mine(5);
        let chain = anvil_chain(&anvil);
        Some(Self::of(anvil, chain))
    }

    pub(super) fn of(anvil: Anvil, chain: Chain) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = u64::try_from(now.unwrap().as_millis()).unwrap();
        Self {
            sender: Sender::new(config(&chain, Anvil::CHAIN_ID), Timestamp::from_millis(now)),
            anvil,
            chain,
            now,
            register: None,
            records: BTreeMap::new(),
            failures: Vec::new(),
            events: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// The process ends, and another begins with what is kept.
    pub(super) fn restart(&mut self) {
        self.sender = Sender::new(
            config(&self.chain, Anvil::CHAIN_ID),
            Timestamp::from_millis(self.now),
        );
    }

    pub(super) fn poll(&mut self) -> Option<Operation> {
        self.sender.tick(Timestamp::from_millis(self.now));
        self.sender.poll()
    }

    /// Carries out an operation; what it does to the world stays, whatever becomes of the process.
    pub(super) async fn effect(&mut self, request: Request) -> Outcome {
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
    pub(super) async fn settle(&mut self) {
        for _ in 0..100 {
            if !self.step().await {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    /// A block is made, twelve seconds go by, and what follows is done.
    pub(super) async fn block(&mut self) {
        self.anvil.mine(1);
        self.wait(12).await;
    }

    pub(super) async fn wait(&mut self, seconds: u64) {
        self.now += 1_000 * seconds;
        // The chain's clock goes on as the sender's does.
        self.anvil.call("evm_increaseTime", json!([seconds]));
        self.settle().await;
    }

    /// Goes on until every round has ended.
    pub(super) async fn finish(&mut self) {
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

    pub(super) fn names(&self) -> Vec<&'static str> {
        let name = |event: &Event| match event {
            Event::Superseded(_) => "superseded",
            Event::Sent { .. } => "sent",
            Event::SentAgain(_) => "sent again",
            Event::Included { .. } => "included",
            Event::Reorganised { .. } => "reorganised",
            Event::Recorded(_) => "recorded",
            Event::Failed { .. } => "failed",
            Event::Undone { .. } => "undone",
            Event::Warning(_) => "warning",
            Event::Stopped(_) => "stopped",
        };
        self.events.iter().map(name).collect()
    }
}

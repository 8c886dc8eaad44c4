//! A sender whose first endpoint makes up blocks.

use std::time::SystemTime;

use bytes::Bytes;
use counterfoil_ethereum_rpc::Chain;
use counterfoil_ethereum_sender::{Anchored, Outcome, Request, Sender, Timestamp};

use crate::common::{chain, config, offer};
use crate::fake::{CHAIN_ID, Fake};

/// A sender, and what it has kept.
struct Anchorer {
    sender: Sender,
    now: u64,
    register: Option<Bytes>,
    records: Vec<Anchored>,
}

impl Anchorer {
    fn new(chain: &Chain) -> Self {
        let config = config(chain, CHAIN_ID);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = u64::try_from(now.unwrap().as_millis()).unwrap();
        Self {
            sender: Sender::new(config, Timestamp::from_millis(now)),
            now,
            register: None,
            records: Vec::new(),
        }
    }

    /// Does all that is to be done a minute later.
    async fn minute(&mut self, chain: &Chain) {
        self.now += 60_000;
        self.sender.tick(Timestamp::from_millis(self.now));
        while let Some(operation) = self.sender.poll() {
            let outcome = match operation.request {
                Request::FetchState => Outcome::Fetched(self.register.clone()),
                Request::ReplaceState { new, .. } => {
                    self.register = Some(new);
                    Outcome::Done
                }
                Request::StoreRecord(anchored) => {
                    self.records.push(*anchored);
                    Outcome::Done
                }
                Request::Chain(request) => Outcome::Chain(chain.carry_out(request).await),
            };
            self.sender.complete(operation.id, outcome);
        }
    }
}

#[tokio::test]
async fn nothing_is_recorded_until_whoever_is_wrong_is_taken_out() {
    let (liar, honest) = {
        let honest = Fake::start().await;
        (honest.branch().await, honest)
    };
    let both = chain(CHAIN_ID, &[&liar.url, &honest.url]);
    let mut anchorer = Anchorer::new(&both);
    anchorer.sender.offer(offer(1));
    anchorer.minute(&both).await;
    // The same transaction is in the blocks of both.
    liar.world().reorganise(1);
    liar.mine(7);
    honest.mine(7);
    for _ in 0..5 {
        anchorer.minute(&both).await;
        let status = anchorer.sender.status();
        let (why, _) = status.trouble.unwrap();
        assert!(why.contains("contradict each other about block"), "{why}");
        assert!(status.on_its_way.is_some());
        assert_eq!((anchorer.records.len(), status.last_failure), (0, None));
    }
    let rest = chain(CHAIN_ID, &[&honest.url]);
    for _ in 0..5 {
        anchorer.minute(&rest).await;
    }
    let [record] = &anchorer.records[..] else {
        panic!("{:?}", anchorer.records);
    };
    let block = record.inclusion.block;
    let shown = honest.world().hash(block.number).to_string();
    assert_eq!(block.hash.to_string(), shown);
    assert_eq!(anchorer.sender.status().trouble, None);
}

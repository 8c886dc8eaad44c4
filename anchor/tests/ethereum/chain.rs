//! A chain of the tests: blocks with true headers, tries and proofs, of which a new one comes with each look.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use counterfoil_anchor::ethereum::{Chain, Endpoint, Head};
use counterfoil_ethereum::rlp::{encode_bytes, encode_integer, encode_list};
use counterfoil_ethereum::trie::{Trie, index_key};
use counterfoil_ethereum::{Address, Calldata, Header, Transaction, TransactionHash, keccak256};
use counterfoil_ethereum_sender::chain::{
    Account, Anchor, Block, Captured, ChainOutcome, ChainRequest, Execution, Identity, Inclusion,
    Observation, Refusal, Sent, Whereabouts,
};
use counterfoil_ethereum_sender::{Gas, Timestamp, Wei};
use counterfoil_tiles::hash::NodeHash;

pub(crate) const CHAIN_ID: u64 = 31_337;
pub(crate) const IDENTITY: Identity = Identity {
    chain_id: CHAIN_ID,
    account: Address::from_bytes([0xac; 20]),
};

/// A block is final when so many are above it.
const FINALITY: usize = 2;

/// What a test makes of the chain.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent")]
pub(crate) struct Ways {
    /// What the account has is another balance, in gwei.
    pub(crate) balance: Option<u64>,
    /// The chain is another one.
    pub(crate) chain_id: Option<u64>,
    /// In gwei; 0 is 10.
    pub(crate) base_fee: u64,
    /// No block comes.
    pub(crate) is_paused: bool,
    /// Nothing is answered, for this reason.
    pub(crate) trouble: Option<&'static str>,
    /// It breaks at each request.
    pub(crate) breaks: bool,
    /// A contract is called: it takes more gas.
    pub(crate) has_contract: bool,
    /// It takes no transaction, and has none of what was undone.
    pub(crate) refuses: bool,
    /// Each capture has another receipt.
    pub(crate) changes_receipt: bool,
}

#[derive(Debug)]
struct Sealed {
    header: Vec<u8>,
    block: Block,
    /// Somebody else's is the first one.
    transactions: Vec<Vec<u8>>,
    receipts: Vec<Vec<u8>>,
}

#[derive(Debug, Default)]
struct Ledger {
    blocks: Vec<Sealed>,
    pool: Vec<Vec<u8>>,
    /// When the chain began, in seconds.
    began: u64,
    /// Blocks that were undone and made.
    made: u64,
    ways: Ways,
}

/// Where a process may die: before or after the step with a certain number.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    steps: AtomicUsize,
    /// Steps of one process have two places each.
    dies_at: Mutex<Option<usize>>,
    pub(crate) died: tokio::sync::Notify,
}

impl Gate {
    pub(crate) fn die_at(&self, place: usize) {
        self.steps.store(0, Ordering::SeqCst);
        *self.dies_at.lock().unwrap() = Some(place);
    }

    pub(crate) fn live(&self) {
        *self.dies_at.lock().unwrap() = None;
    }

    /// Passes a place, or ends there: what waits here never goes on.
    pub(crate) async fn pass(&self) {
        let place = self.steps.fetch_add(1, Ordering::SeqCst);
        if *self.dies_at.lock().unwrap() == Some(place) {
            self.died.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct FakeChain {
    ledger: Mutex<Ledger>,
    pub(crate) gate: Gate,
}

impl FakeChain {
    pub(crate) fn new() -> Self {
        let chain = Self::default();
        chain.ledger().began = counterfoil_anchor::moment::now().seconds();
        for _ in 0..4 {
            chain.ledger().mine();
        }
        chain
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn ways(&self, change: impl FnOnce(&mut Ways)) {
        change(&mut self.ledger().ways);
    }

    /// The last blocks are undone, and what they had waits again.
    pub(crate) fn reorganise(&self, depth: usize) {
        let mut ledger = self.ledger();
        let kept = ledger.blocks.len() - depth;
        let undone = ledger.blocks.split_off(kept);
        let back = undone
            .into_iter()
            .flat_map(|sealed| sealed.transactions.into_iter().skip(1));
        if !ledger.ways.refuses {
            ledger.pool.extend(back);
        }
    }

    /// All blocks from this one on are undone, also where they were final.
    pub(crate) fn undo_from(&self, number: u64) {
        let depth = self.ledger().blocks.len() - usize::try_from(number).unwrap();
        self.reorganise(depth);
    }

    /// The roots that the account paid for, in the order of the blocks.
    pub(crate) fn roots(&self) -> Vec<NodeHash> {
        let ledger = self.ledger();
        let ours = ledger
            .blocks
            .iter()
            .flat_map(|sealed| &sealed.transactions[1..]);
        let root = |transaction: &Vec<u8>| {
            let call = Transaction::parse(transaction).unwrap().call.unwrap();
            Calldata::parse(call.data).unwrap().root
        };
        ours.map(root).collect()
    }

    /// The hash of the block with this number.
    pub(crate) fn block(&self, number: u64) -> Block {
        self.ledger().blocks[usize::try_from(number).unwrap()].block
    }
}

#[async_trait]
impl Chain for FakeChain {
    async fn carry_out(&self, request: ChainRequest) -> ChainOutcome {
        self.gate.pass().await;
        let outcome = self.ledger().answer(request);
        self.gate.pass().await;
        outcome
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        vec![Endpoint {
            name: "https://chain.example".to_owned(),
            trouble: None,
            failures: 0,
            is_used: true,
            head: Some(Head {
                number: 9,
                age: Duration::from_secs(12),
            }),
        }]
    }
}

impl Ledger {
    fn answer(&mut self, request: ChainRequest) -> ChainOutcome {
        if let Some(why) = self.ways.trouble {
            return ChainOutcome::NotDone(why.to_owned());
        }
        if self.ways.breaks {
            // Without the hook, which would write a backtrace each time.
            std::panic::resume_unwind(Box::new("a mistake in the chain"));
        }
        match request {
            ChainRequest::ReadAccount(call) => ChainOutcome::Account(Account {
                head: self.head(),
                finalized: self.finalized(),
                nonce: self.nonce(self.blocks.len()),
                finalized_nonce: self.nonce(self.blocks.len() - FINALITY),
                pending_nonce: self.nonce(self.blocks.len()) + self.pool.len() as u64,
                balance: self.balance(),
                base_fee: self.base_fee(),
                priority_fee: Wei::from_gwei(1),
                gas: Ok(if self.ways.has_contract {
                    Gas::new(70_000)
                } else {
                    call.floor()
                }),
            }),
            ChainRequest::Sign(unsigned) => {
                ChainOutcome::Signed(unsigned.encode_signed(0, &[1], &[1]))
            }
            ChainRequest::Send { hash, bytes } => {
                assert_eq!(hash.as_bytes(), &keccak256(&bytes));
                ChainOutcome::Sent(self.take(bytes))
            }
            ChainRequest::Observe {
                attempts, anchored, ..
            } => {
                if !self.ways.is_paused {
                    self.mine();
                }
                let stand = anchored.iter().map(|anchor| self.stands(anchor.block));
                let Some(stand) = stand.collect() else {
                    return ChainOutcome::NotDone("it lags behind".to_owned());
                };
                ChainOutcome::Observed(Observation {
                    finalized: self.finalized(),
                    head: self.head(),
                    nonce: self.nonce(self.blocks.len()),
                    finalized_nonce: self.nonce(self.blocks.len() - FINALITY),
                    attempts: attempts.iter().map(|hash| self.find(*hash)).collect(),
                    stand,
                    balance: self.balance(),
                    base_fee: self.base_fee(),
                })
            }
            ChainRequest::FindNonce { nonce, .. } => self.user(nonce),
            ChainRequest::Capture { block, transaction } => self.capture(block, transaction),
        }
    }

    /// Whether a block is on the chain; none if the final one is below it.
    fn stands(&self, block: Block) -> Option<bool> {
        let known = |sealed: &Sealed| sealed.block == block;
        (block.number <= self.finalized().number).then(|| self.blocks.iter().any(known))
    }

    fn balance(&self) -> Wei {
        Wei::from_gwei(self.ways.balance.unwrap_or(1_000_000_000))
    }

    fn base_fee(&self) -> Wei {
        Wei::from_gwei(match self.ways.base_fee {
            0 => 10,
            other => other,
        })
    }

    fn head(&self) -> Block {
        self.blocks.last().unwrap().block
    }

    fn finalized(&self) -> Block {
        self.blocks[self.blocks.len() - 1 - FINALITY].block
    }

    /// The account's next nonce after so many blocks.
    fn nonce(&self, blocks: usize) -> u64 {
        let ours = self.blocks[..blocks]
            .iter()
            .map(|sealed| sealed.transactions.len() - 1);
        ours.sum::<usize>() as u64
    }

    /// The transaction of the account that used a nonce.
    fn user(&self, nonce: u64) -> ChainOutcome {
        let of = |sealed: &Sealed| {
            let ours = sealed.transactions.iter().skip(1);
            let anchor = Anchor {
                block: sealed.block,
                time: time_of(sealed),
            };
            ours.map(move |bytes| (keccak256(bytes), anchor))
                .collect::<Vec<_>>()
        };
        let mut all = self.blocks.iter().flat_map(of);
        match all.nth(usize::try_from(nonce).unwrap()) {
            Some((hash, anchor)) => ChainOutcome::NonceUsed {
                transaction: TransactionHash::from_bytes(hash),
                anchor,
            },
            None => ChainOutcome::NotDone("nobody else has the key".to_owned()),
        }
    }

    fn find(&self, hash: TransactionHash) -> Whereabouts {
        let is_it = |bytes: &Vec<u8>| keccak256(bytes) == *hash.as_bytes();
        if let Some(sealed) = self
            .blocks
            .iter()
            .find(|sealed| sealed.transactions.iter().any(is_it))
        {
            return Whereabouts::Included(Inclusion {
                block: sealed.block,
                time: time_of(sealed),
                execution: Execution::Succeeded,
                cost: Wei::from_gwei(22_440 * 11),
            });
        }
        if self.pool.iter().any(is_it) {
            Whereabouts::Pending
        } else {
            Whereabouts::Absent
        }
    }

    fn take(&mut self, bytes: Vec<u8>) -> Sent {
        let transaction = Transaction::parse(&bytes).unwrap();
        let used = self.blocks.iter().flat_map(|sealed| &sealed.transactions);
        if used.clone().any(|known| *known == bytes) {
            return Sent::Refused {
                refusal: Refusal::NonceTooLow,
                reason: "nonce too low".to_owned(),
            };
        }
        if self.pool.contains(&bytes) {
            return Sent::AlreadyKnown;
        }
        if self.ways.refuses {
            return Sent::Refused {
                refusal: Refusal::Other,
                reason: "full".to_owned(),
            };
        }
        let chain_id = self.ways.chain_id.unwrap_or(CHAIN_ID);
        assert_eq!(transaction.call.unwrap().chain_id, Some(chain_id));
        self.pool.push(bytes);
        Sent::Accepted
    }

    fn mine(&mut self) {
        self.made += 1;
        let others = [&[2][..], &encode_list(&[encode_integer(self.made)])].concat();
        let transactions: Vec<Vec<u8>> = [others].into_iter().chain(self.pool.drain(..)).collect();
        let receipt = |place: usize| {
            let fields = [
                encode_integer(1),
                encode_integer(22_440 * (place as u64 + 1)),
                encode_bytes(&[0; 256]),
                encode_list::<Vec<u8>>(&[]),
            ];
            [&[2][..], &encode_list(&fields)].concat()
        };
        let receipts: Vec<Vec<u8>> = (0..transactions.len()).map(receipt).collect();
        let number = self.blocks.len() as u64;
        // Two minutes ago, and some blocks a second: none is of the future, or long before a transaction that it has.
        let time = self.began - 120 + number / 64;
        let header = header(number, time, self.made, &transactions, &receipts);
        let hash = Header::parse(&header).unwrap().hash;
        self.blocks.push(Sealed {
            header,
            block: Block { number, hash },
            transactions,
            receipts,
        });
    }

    fn capture(&mut self, block: Block, hash: TransactionHash) -> ChainOutcome {
        let Some(sealed) = self.blocks.iter().find(|sealed| sealed.block == block) else {
            return ChainOutcome::NotDone("there is no such block".to_owned());
        };
        let is_it = |bytes: &Vec<u8>| keccak256(bytes) == *hash.as_bytes();
        let place = sealed.transactions.iter().position(is_it).unwrap();
        let key = index_key(place as u64);
        let proof = |values: &[Vec<u8>]| Trie::of_block(values).unwrap().proof(&key).unwrap();
        let mut receipt = sealed.receipts[place].clone();
        if self.ways.changes_receipt {
            *receipt.last_mut().unwrap() ^= 1;
        }
        ChainOutcome::Captured(Captured {
            header: sealed.header.clone(),
            index: place as u64,
            transaction: sealed.transactions[place].clone(),
            transaction_proof: proof(&sealed.transactions),
            receipt,
            receipt_proof: proof(&sealed.receipts),
        })
    }
}

fn header(
    number: u64,
    time: u64,
    made: u64,
    transactions: &[Vec<u8>],
    receipts: &[Vec<u8>],
) -> Vec<u8> {
    let hash = |byte: u8| encode_bytes(&[byte; 32]);
    let root = |values: &[Vec<u8>]| encode_bytes(Trie::of_block(values).unwrap().root().as_bytes());
    encode_list(&[
        hash(1),
        hash(2),
        encode_bytes(&[3; 20]),
        hash(4),
        root(transactions),
        root(receipts),
        encode_bytes(&[0; 256]),
        encode_integer(0),
        encode_integer(number),
        encode_integer(45_000_000),
        encode_integer(900_000),
        encode_integer(time),
        encode_bytes(&made.to_be_bytes()),
        hash(5),
        encode_bytes(&[0; 8]),
        encode_integer(10_000_000_000),
    ])
}

fn time_of(sealed: &Sealed) -> Timestamp {
    Timestamp::from_millis(1_000 * Header::parse(&sealed.header).unwrap().timestamp)
}

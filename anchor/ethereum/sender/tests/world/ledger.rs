//! The chain of the tests, and the pool of what waits for it.

use std::collections::BTreeMap;

use counterfoil_ethereum::{BlockHash, TransactionHash};
use counterfoil_ethereum_sender::chain::{
    Anchor, Block, Execution, Inclusion, Refusal, Sent, Whereabouts,
};
use counterfoil_ethereum_sender::{Timestamp, Unsigned, Wei};

/// A block is final when so many are above it.
pub const FINALITY: usize = 3;

const CALM: u64 = 10;

/// A transaction of the account.
#[derive(Clone, Copy, Debug)]
pub struct Tx {
    pub hash: TransactionHash,
    pub nonce: u64,
    /// None: somebody else's.
    pub unsigned: Option<Unsigned>,
    pub reverted: bool,
}

impl Tx {
    pub fn ours(hash: TransactionHash, unsigned: Unsigned) -> Self {
        Self {
            hash,
            nonce: unsigned.nonce,
            unsigned: Some(unsigned),
            reverted: false,
        }
    }

    pub fn cost(&self, base_fee: Wei) -> Wei {
        let Some(unsigned) = &self.unsigned else {
            return Wei::ZERO;
        };
        let price = base_fee
            .plus(unsigned.max_priority_fee)
            .min(unsigned.max_fee);
        price.of_gas(unsigned.call.floor())
    }
}

#[derive(Clone, Debug)]
pub struct Sealed {
    pub number: u64,
    pub hash: BlockHash,
    pub time: u64,
    pub base_fee: Wei,
    pub txs: Vec<Tx>,
}

pub struct Ledger {
    pub blocks: Vec<Sealed>,
    pub pool: BTreeMap<u64, Tx>,
    pub foreign_next: bool,
    pub revert_next: bool,
    spike: Option<(u64, u32)>,
    names: u64,
    /// No reorganisation reaches so deep.
    final_at: usize,
    /// But one did.
    pub broke_its_word: bool,
    /// Transactions of somebody else that were lost with their blocks.
    lost: Vec<Tx>,
    /// For so many blocks the account has next to nothing.
    pub drained: u32,
}

impl Ledger {
    pub fn new() -> Self {
        let mut ledger = Self {
            blocks: Vec::new(),
            pool: BTreeMap::new(),
            foreign_next: false,
            revert_next: false,
            spike: None,
            names: 0,
            final_at: 0,
            broke_its_word: false,
            lost: Vec::new(),
            drained: 0,
        };
        for _ in 0..5 {
            ledger.mine(0);
        }
        ledger
    }

    fn name(&mut self) -> [u8; 32] {
        self.names += 1;
        let mut name = [0xee; 32];
        name[..8].copy_from_slice(&self.names.to_be_bytes());
        name
    }

    pub fn head(&self) -> usize {
        self.blocks.len() - 1
    }

    pub fn block(&self, at: usize) -> Block {
        let Sealed { number, hash, .. } = self.blocks[at];
        Block { number, hash }
    }

    pub fn has(&self, block: Block) -> bool {
        let at = usize::try_from(block.number).unwrap();
        self.blocks
            .get(at)
            .is_some_and(|sealed| sealed.hash == block.hash)
    }

    /// Whether it is on the chain of which this is the newest final block; none if that lags behind.
    pub fn stands(&self, anchor: Anchor, finalized: usize) -> Option<bool> {
        let is_later = self.blocks[finalized].time >= anchor.time.as_millis();
        if anchor.block.number <= finalized as u64 {
            Some(self.has(anchor.block))
        } else {
            is_later.then_some(false)
        }
    }

    /// The base fee of the next block.
    pub fn base_fee(&self) -> Wei {
        Wei::from_gwei(self.spike.map_or(CALM, |(gwei, _)| gwei))
    }

    pub fn spike(&mut self, gwei: u64) {
        self.spike = Some((gwei, 5));
    }

    pub fn calm(&mut self) {
        self.spike = None;
    }

    pub fn balance(&self) -> Wei {
        let is_rich = self.drained == 0;
        Wei::new(if is_rich { 10_u128.pow(18) } else { 1_000 })
    }

    pub fn transactions(&self) -> impl Iterator<Item = (&Sealed, &Tx)> {
        let of = |block: &Sealed| block.txs.len();
        debug_assert!(self.blocks.iter().map(of).sum::<usize>() < 1_000);
        let blocks = self.blocks.iter();
        blocks.flat_map(|block| block.txs.iter().map(move |tx| (block, tx)))
    }

    /// The account's next nonce after a block.
    pub fn nonce(&self, at: usize) -> u64 {
        let blocks = self.blocks.iter().take(at + 1);
        blocks.map(|block| block.txs.len() as u64).sum()
    }

    /// Where a transaction is, in blocks up to this one.
    pub fn find(&self, hash: TransactionHash, last: usize) -> Option<(usize, Tx)> {
        let mut all = self.transactions();
        let (block, tx) = all.find(|(block, tx)| tx.hash == hash && block.number <= last as u64)?;
        Some((usize::try_from(block.number).unwrap(), *tx))
    }

    pub fn whereabouts(&self, hash: TransactionHash, head: usize) -> Whereabouts {
        if let Some((at, tx)) = self.find(hash, head) {
            let execution = if tx.reverted {
                Execution::Reverted
            } else {
                Execution::Succeeded
            };
            return Whereabouts::Included(Inclusion {
                block: self.block(at),
                time: Timestamp::from_millis(self.blocks[at].time),
                execution,
                cost: tx.cost(self.blocks[at].base_fee),
            });
        }
        if self.pool.values().any(|tx| tx.hash == hash) {
            Whereabouts::Pending
        } else {
            Whereabouts::Absent
        }
    }

    /// As geth's pool takes a transaction, and as a full one does not.
    pub fn take(&mut self, tx: Tx) -> Sent {
        let refused = |refusal| Sent::Refused {
            refusal,
            reason: format!("{refusal:?}"),
        };
        let unsigned = tx.unsigned.expect("nobody else sends here");
        let is_foreign = |old: &Tx| old.unsigned.is_none();
        if self.pool.get(&tx.nonce).is_some_and(is_foreign) {
            return refused(Refusal::Underpriced);
        }
        if tx.nonce < self.nonce(self.head()) {
            return refused(Refusal::NonceTooLow);
        }
        if unsigned.most() > self.balance() {
            return refused(Refusal::InsufficientFunds);
        }
        if unsigned.max_fee < self.base_fee() {
            return refused(Refusal::Underpriced);
        }
        if let Some(old) = self.pool.get(&tx.nonce).and_then(|old| old.unsigned) {
            if self
                .pool
                .get(&tx.nonce)
                .is_some_and(|old| old.hash == tx.hash)
            {
                return Sent::AlreadyKnown;
            }
            let tenth_more = |old: Wei, new: Wei| new.get() * 10 >= old.get() * 11 && new > old;
            if !tenth_more(old.max_fee, unsigned.max_fee)
                || !tenth_more(old.max_priority_fee, unsigned.max_priority_fee)
            {
                return refused(Refusal::Underpriced);
            }
        }
        self.pool.insert(tx.nonce, tx);
        Sent::Accepted
    }

    pub fn mine(&mut self, time: u64) {
        let base_fee = self.base_fee();
        let mut txs = Vec::new();
        let mut next = if self.blocks.is_empty() {
            0
        } else {
            self.nonce(self.head())
        };
        if core::mem::take(&mut self.foreign_next) {
            txs.push(Tx {
                hash: TransactionHash::from_bytes(self.name()),
                nonce: next,
                unsigned: None,
                reverted: false,
            });
            self.pool.remove(&next);
            next += 1;
        }
        while let Some(tx) = self.pool.get(&next).copied() {
            let pays = tx
                .unsigned
                .is_none_or(|unsigned| unsigned.max_fee >= base_fee);
            if !pays || tx.unsigned.is_some() && self.drained > 0 {
                break;
            }
            self.pool.remove(&next);
            let reverted = core::mem::take(&mut self.revert_next);
            txs.push(Tx { reverted, ..tx });
            next += 1;
        }
        self.seal(time, base_fee, txs);
        self.drained = self.drained.saturating_sub(1);
        self.spike = self
            .spike
            .and_then(|(gwei, left)| (left > 1).then(|| (gwei, left - 1)));
        self.pool.retain(|nonce, _| *nonce >= next);
    }

    fn seal(&mut self, time: u64, base_fee: Wei, txs: Vec<Tx>) {
        let hash = BlockHash::from_bytes(self.name());
        self.blocks.push(Sealed {
            number: self.blocks.len() as u64,
            hash,
            time,
            base_fee,
            txs,
        });
        self.final_at = self.final_at.max(finalized(self.head()));
    }

    /// Replaces the last blocks by empty ones, as far as they are not final.
    pub fn reorganise(&mut self, depth: usize, keeps: bool, time: u64) {
        self.undo(depth.min(self.head() - self.final_at), keeps, time);
    }

    /// Replaces the last blocks by empty ones, also where they are final, which no chain does that keeps its word.
    pub fn undo_final(&mut self, depth: usize, keeps: bool, time: u64) {
        self.broke_its_word = true;
        self.undo(depth.min(self.head()), keeps, time);
    }

    /// Somebody else sends what was lost of theirs again, where nothing else has its nonce.
    pub fn send_lost(&mut self) {
        let next = self.nonce(self.head());
        for tx in core::mem::take(&mut self.lost) {
            if tx.nonce >= next {
                self.pool.entry(tx.nonce).or_insert(tx);
            }
        }
    }

    fn undo(&mut self, depth: usize, keeps: bool, time: u64) {
        let undone = self.blocks.split_off(self.blocks.len() - depth);
        for tx in undone.iter().flat_map(|block| &block.txs) {
            let back = Tx {
                reverted: false,
                ..*tx
            };
            if keeps {
                self.pool.insert(tx.nonce, back);
            } else if tx.unsigned.is_none() {
                self.lost.push(back);
            }
        }
        for _ in 0..depth {
            let base_fee = self.base_fee();
            self.seal(time, base_fee, Vec::new());
        }
    }
}

/// The newest block that is final under this head.
pub fn finalized(head: usize) -> usize {
    head.saturating_sub(FINALITY)
}

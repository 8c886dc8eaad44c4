//! A chain in memory, and the pool of the one node that has it, which does as geth's.

use std::collections::BTreeMap;
use std::time::SystemTime;

use alloy_consensus::transaction::SignerRecoverable as _;
use alloy_consensus::{
    Eip658Value, Header, Receipt, ReceiptEnvelope, ReceiptWithBloom, Transaction as _,
    Typed2718 as _,
};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256};
use counterfoil_ethereum::trie::Trie;

use super::{Tamper, Transaction};

/// How many blocks after the head the final one is.
const FINAL_AFTER: u64 = 4;

/// How many blocks there are at first, one a second up to the present.
const BLOCKS: u64 = 10;

#[derive(Clone, Debug)]
pub(super) struct Sealed {
    pub(super) header: Header,
    pub(super) transactions: Vec<Transaction>,
    pub(super) receipts: Vec<ReceiptEnvelope>,
    /// The accounts' nonces after it.
    nonces: BTreeMap<Address, u64>,
}

/// A chain, and the pool of the one node that has it.
pub(crate) struct World {
    pub(super) blocks: Vec<Sealed>,
    /// When its first block was made, in seconds.
    begins: u64,
    pub(crate) pool: BTreeMap<(Address, u64), Transaction>,
    pub(crate) balance: u128,
    /// The base fee of the next block.
    pub(crate) base_fee: u64,
    /// The state of so many blocks is kept.
    pub(crate) states: u64,
    /// Transactions with these nonces are undone.
    pub(crate) reverts: Vec<u64>,
    /// Makes blocks of the same number differ.
    salt: u64,
    pub(crate) tamper: Option<Tamper>,
    /// The methods that were called.
    pub(crate) calls: Vec<String>,
}

impl World {
    /// Another one with the same blocks.
    pub(super) fn branch(&self) -> Self {
        Self {
            blocks: self.blocks.clone(),
            pool: self.pool.clone(),
            reverts: self.reverts.clone(),
            tamper: None,
            calls: Vec::new(),
            ..*self
        }
    }

    /// From now on it has the blocks of another one.
    pub(crate) fn follow(&mut self, other: &Self) {
        self.blocks.clone_from(&other.blocks);
    }

    /// The next blocks are made so many seconds later.
    pub(crate) fn skip(&mut self, seconds: u64) {
        self.begins += seconds;
    }

    /// Some blocks, the last of which is so many seconds old.
    pub(super) fn aged(seconds: u64) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let mut world = Self {
            blocks: Vec::new(),
            begins: now.unwrap().as_secs() - BLOCKS - seconds,
            pool: BTreeMap::new(),
            balance: 10_u128.pow(18),
            base_fee: 1_000_000_000,
            states: 128,
            reverts: Vec::new(),
            salt: 0,
            tamper: None,
            calls: Vec::new(),
        };
        for _ in 0..BLOCKS {
            world.mine();
        }
        world
    }

    pub(crate) fn head(&self) -> u64 {
        self.blocks.len() as u64 - 1
    }

    pub(super) fn finalized(&self) -> u64 {
        self.head().saturating_sub(FINAL_AFTER)
    }

    pub(crate) fn hash(&self, number: u64) -> B256 {
        self.blocks[usize::try_from(number).unwrap()]
            .header
            .hash_slow()
    }

    /// The time of a block.
    pub(crate) fn seconds(&self, number: u64) -> u64 {
        self.begins + number
    }

    /// Makes a block of what is in the pool and pays enough.
    pub(crate) fn mine(&mut self) {
        let parent = self.blocks.last();
        let mut nonces = parent.map(|block| block.nonces.clone()).unwrap_or_default();
        let mut transactions = Vec::new();
        for ((from, nonce), transaction) in &self.pool {
            let next = nonces.entry(*from).or_default();
            if nonce == next && transaction.max_fee_per_gas() >= u128::from(self.base_fee) {
                *next += 1;
                transactions.push(transaction.clone());
            }
        }
        self.pool
            .retain(|(from, nonce), _| nonces.get(from).is_none_or(|next| nonce >= next));
        let mut gas = 0;
        let receipts: Vec<ReceiptEnvelope> = transactions
            .iter()
            .map(|transaction| {
                gas += transaction.gas_limit();
                let status = !self.reverts.contains(&transaction.nonce());
                let receipt = ReceiptWithBloom::from(Receipt {
                    status: Eip658Value::Eip658(status),
                    cumulative_gas_used: gas,
                    logs: Vec::new(),
                });
                match transaction.ty() {
                    0 => ReceiptEnvelope::Legacy(receipt),
                    2 => ReceiptEnvelope::Eip1559(receipt),
                    other => panic!("no receipt of type {other}"),
                }
            })
            .collect();
        let root =
            |values: Vec<Vec<u8>>| B256::from(*Trie::of_block(&values).unwrap().root().as_bytes());
        let header = Header {
            parent_hash: parent
                .map(|block| block.header.hash_slow())
                .unwrap_or_default(),
            number: self.blocks.len() as u64,
            timestamp: self.seconds(self.blocks.len() as u64),
            // Twice what is used: the base fee stays.
            gas_limit: 2 * gas,
            gas_used: gas,
            base_fee_per_gas: Some(self.base_fee),
            transactions_root: root(
                transactions
                    .iter()
                    .map(Encodable2718::encoded_2718)
                    .collect(),
            ),
            receipts_root: root(receipts.iter().map(Encodable2718::encoded_2718).collect()),
            extra_data: self.salt.to_be_bytes().to_vec().into(),
            withdrawals_root: Some(B256::ZERO),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            requests_hash: Some(B256::ZERO),
            ..Header::default()
        };
        self.blocks.push(Sealed {
            header,
            transactions,
            receipts,
            nonces,
        });
    }

    /// Undoes blocks, and makes as many empty ones and one more; what was in them is in the pool again, as geth does it.
    pub(crate) fn reorganise(&mut self, depth: u64) {
        self.salt += 1;
        let keep = self.blocks.len() - usize::try_from(depth).unwrap();
        let undone = self.blocks.split_off(keep);
        let pool = std::mem::take(&mut self.pool);
        for _ in 0..=depth {
            self.mine();
        }
        self.pool = pool;
        for transaction in undone.into_iter().flat_map(|block| block.transactions) {
            let key = (transaction.recover_signer().unwrap(), transaction.nonce());
            self.pool.entry(key).or_insert(transaction);
        }
    }

    pub(super) fn nonce(&self, account: Address, number: u64) -> u64 {
        let block = &self.blocks[usize::try_from(number).unwrap()];
        block.nonces.get(&account).copied().unwrap_or_default()
    }

    /// What geth's pool says of a transaction.
    pub(crate) fn send(&mut self, transaction: Transaction) -> Result<B256, (i64, String)> {
        let refuse = |words: &str| Err((-32_000, words.to_owned()));
        let from = transaction.recover_signer().unwrap();
        let hash = *transaction.tx_hash();
        let next = self.nonce(from, self.head());
        let nonce = transaction.nonce();
        let key = (from, nonce);
        if self
            .pool
            .get(&key)
            .is_some_and(|other| *other.tx_hash() == hash)
        {
            return refuse("already known");
        }
        if nonce < next {
            return refuse(&format!(
                "nonce too low: next nonce {next}, tx nonce {nonce}"
            ));
        }
        if transaction.max_fee_per_gas() * u128::from(transaction.gas_limit()) > self.balance {
            return refuse("insufficient funds for gas * price + value: balance too low");
        }
        if let Some(other) = self.pool.get(&key) {
            let tenth_more = |old: u128, new: u128| new * 10 >= old * 11;
            let tip = |t: &Transaction| t.max_priority_fee_per_gas().unwrap_or(t.max_fee_per_gas());
            if !tenth_more(other.max_fee_per_gas(), transaction.max_fee_per_gas())
                || !tenth_more(tip(other), tip(&transaction))
            {
                return refuse("replacement transaction underpriced");
            }
        }
        if transaction.max_priority_fee_per_gas() == Some(0) {
            return refuse("transaction underpriced: gas tip cap 0, minimum needed 1");
        }
        self.pool.insert(key, transaction);
        Ok(hash)
    }
}

//! A block with an anchor in it, made by hand: what an example is changed from.

use counterfoil_ethereum::rlp::{encode_bytes, encode_integer, encode_list};
use counterfoil_ethereum::trie::{Trie, index_key};
use counterfoil_ethereum::{Address, BlockHash, Calldata, Header, Question, Record, Round};
use counterfoil_tiles::hash::{LeafIndex, hash_leaf};

/// The place of the anchor in its block.
pub const INDEX: u64 = 19;

/// The number of transactions in the block.
const TRANSACTIONS: u64 = 40;

/// What the anchor's transaction, its receipt and its block are made of.
#[derive(Clone)]
pub struct Plan {
    /// The type of the transaction; 0: legacy.
    pub kind: u8,
    /// The type of the receipt.
    pub receipt_kind: u8,
    /// The signed checkpoint that the record covers.
    pub checkpoint: Vec<u8>,
    /// The chain that the transaction is for.
    pub chain_id: u64,
    /// Where it goes.
    pub to: Vec<u8>,
    /// Its calldata; none: those of the round.
    pub data: Option<Vec<u8>>,
    /// The first field of its receipt.
    pub status: Vec<u8>,
    /// Fields of the header after those of Prague.
    pub later_fields: Vec<Vec<u8>>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            kind: 2,
            receipt_kind: 2,
            checkpoint: b"the signed checkpoint of log 3".to_vec(),
            chain_id: 31_337,
            to: vec![0xa7; 20],
            data: None,
            status: vec![1],
            later_fields: Vec::new(),
        }
    }
}

/// The parts of a record that are bytes.
pub fn parts(record: &mut Record) -> Vec<&mut Vec<u8>> {
    let single = [
        &mut record.header,
        &mut record.transaction,
        &mut record.receipt,
    ];
    let nodes = record
        .transaction_proof
        .iter_mut()
        .chain(&mut record.receipt_proof);
    single.into_iter().chain(nodes).collect()
}

/// A record and what it is judged by.
pub struct Anchored {
    /// The record.
    pub record: Record,
    /// What it covers.
    pub checkpoint: Vec<u8>,
    /// The block's hash.
    pub block_hash: BlockHash,
    /// All transactions of the block.
    pub transactions: Vec<Vec<u8>>,
}

impl Anchored {
    /// Judged with everything known.
    pub fn question<'a>(&'a self, record: &'a Record) -> Question<'a> {
        Question {
            record,
            checkpoint: Some(&self.checkpoint),
            block_hash: Some(self.block_hash),
            chain_id: Some(31_337),
            destination: Some(Address::from_bytes([0xa7; 20])),
            at: Some(1_800_000_000),
        }
    }
}

impl Plan {
    /// The block, and the record of its anchor.
    pub fn anchored(&self) -> Result<Anchored, Box<dyn std::error::Error>> {
        let checkpoint = |number: u8| match number {
            3 => self.checkpoint.clone(),
            _ => format!("the signed checkpoint of log {number}").into_bytes(),
        };
        let leaves = (0..5).map(|number| hash_leaf(&checkpoint(number)).into());
        let round = Round::new(leaves.collect())?;
        let root = *round.root();
        let data = self
            .data
            .clone()
            .unwrap_or_else(|| Calldata { root }.encode().to_vec());

        let other = |number| Self {
            chain_id: number,
            data: Some(vec![7; 20]),
            ..Self::default()
        };
        let mut transactions: Vec<Vec<u8>> = Vec::new();
        let mut receipts: Vec<Vec<u8>> = Vec::new();
        for number in 0..TRANSACTIONS {
            let this = if number == INDEX {
                Self {
                    data: Some(data.clone()),
                    ..self.clone()
                }
            } else {
                other(number)
            };
            transactions.push(this.transaction());
            receipts.push(this.receipt(number));
        }
        let (of_transactions, of_receipts) =
            (Trie::of_block(&transactions)?, Trie::of_block(&receipts)?);
        let header = self.header(
            of_transactions.root().as_bytes(),
            of_receipts.root().as_bytes(),
        );
        let key = index_key(INDEX);
        let (transaction, receipt) = (place(&transactions), place(&receipts));
        Ok(Anchored {
            block_hash: Header::parse(&header)?.hash,
            checkpoint: checkpoint(3),
            record: Record {
                chain_id: 31_337,
                header,
                index: INDEX,
                transaction,
                transaction_proof: of_transactions.proof(&key).ok_or("no transaction")?,
                receipt,
                receipt_proof: of_receipts.proof(&key).ok_or("no receipt")?,
                path: round.path(LeafIndex::new(3))?,
            },
            transactions,
        })
    }

    /// The transaction, signed by nobody.
    fn transaction(&self) -> Vec<u8> {
        let data = self.data.as_deref().unwrap_or_default();
        let number = encode_integer(77);
        let empty_list = encode_list::<Vec<u8>>(&[]);
        let chain = encode_integer(self.chain_id);
        let to_and_data = [
            encode_bytes(&self.to),
            encode_integer(0),
            encode_bytes(data),
        ];
        let signature = [
            encode_integer(1),
            encode_bytes(&[0x51; 32]),
            encode_bytes(&[0x52; 32]),
        ];
        let (before, after) = match self.kind {
            0 => (vec![number; 3], vec![]),
            1 => (
                vec![chain, number.clone(), number.clone(), number],
                vec![empty_list],
            ),
            2 => ([vec![chain], vec![number; 4]].concat(), vec![empty_list]),
            3 => (
                [vec![chain], vec![number.clone(); 4]].concat(),
                vec![empty_list.clone(), number, empty_list],
            ),
            _ => (
                [vec![chain], vec![number; 4]].concat(),
                vec![empty_list.clone(), empty_list],
            ),
        };
        let mut fields = before;
        fields.extend(to_and_data);
        fields.extend(after);
        fields.extend(signature);
        if self.kind == 0 {
            // EIP-155: v, in place of the parity.
            fields[6] = encode_integer(self.chain_id * 2 + 35);
        }
        enveloped(self.kind, encode_list(&fields))
    }

    fn receipt(&self, number: u64) -> Vec<u8> {
        let bloom = encode_bytes(&[0; 256]);
        let gas = encode_integer(22_440 * (number + 1));
        let list = encode_list(&[
            encode_bytes(&self.status),
            gas,
            bloom,
            encode_list::<Vec<u8>>(&[]),
        ]);
        enveloped(self.receipt_kind, list)
    }

    fn header(&self, transactions: &[u8], receipts: &[u8]) -> Vec<u8> {
        let hash = |byte: u8| encode_bytes(&[byte; 32]);
        let mut fields = vec![
            hash(1),
            hash(2),
            encode_bytes(&[3; 20]),
            hash(4),
            encode_bytes(transactions),
            encode_bytes(receipts),
            encode_bytes(&[0; 256]),
            encode_integer(0),
            encode_integer(23_000_000),
            encode_integer(45_000_000),
            encode_integer(900_000),
            encode_integer(1_760_000_000),
            encode_bytes(b"made by hand"),
            hash(5),
            encode_bytes(&[0; 8]),
            encode_integer(1_000_000_007),
            hash(6),
            encode_integer(0),
            encode_integer(0),
            hash(7),
            hash(8),
        ];
        fields.extend(self.later_fields.iter().cloned());
        encode_list(&fields)
    }
}

fn place(values: &[Vec<u8>]) -> Vec<u8> {
    usize::try_from(INDEX)
        .ok()
        .and_then(|index| values.get(index))
        .cloned()
        .unwrap_or_default()
}

fn enveloped(kind: u8, list: Vec<u8>) -> Vec<u8> {
    if kind == 0 {
        list
    } else {
        [vec![kind], list].concat()
    }
}

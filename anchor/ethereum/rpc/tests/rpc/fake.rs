//! An endpoint of the tests: a chain in memory that does as geth does where anvil differs, and lies, drops and stalls when told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use alloy_consensus::transaction::SignerRecoverable as _;
use alloy_consensus::{
    Eip658Value, EthereumTxEnvelope, Header, Receipt, ReceiptEnvelope, ReceiptWithBloom,
    Transaction as _, TxEip4844, Typed2718 as _,
};
use alloy_eips::{Decodable2718 as _, Encodable2718};
use alloy_primitives::{Address, B256};
use counterfoil_ethereum::trie::Trie;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) type Transaction = EthereumTxEnvelope<TxEip4844>;

/// The id of the chain.
pub(crate) const CHAIN_ID: u64 = 1;

/// How many blocks after the head the final one is.
const FINAL_AFTER: u64 = 4;

/// What an endpoint does with a call.
pub(crate) enum Reply {
    /// Answers: an object with `result` or `error`.
    Answer(Value),
    /// Answers with this HTTP status and body.
    Raw(u16, &'static str, Vec<u8>),
    /// Closes the connection.
    Drop,
    /// Says nothing.
    Stall,
}

/// What it does with a method, its parameters, and the honest answer.
pub(crate) type Tamper = Box<dyn FnMut(&str, &Value, Value) -> Reply + Send>;

#[derive(Clone, Debug)]
struct Sealed {
    header: Header,
    transactions: Vec<Transaction>,
    receipts: Vec<ReceiptEnvelope>,
    /// The accounts' nonces after it.
    nonces: BTreeMap<Address, u64>,
}

/// A chain, and the pool of the one node that has it.
pub(crate) struct World {
    blocks: Vec<Sealed>,
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

/// An endpoint that serves a world.
#[derive(Clone)]
pub(crate) struct Fake {
    world: Arc<Mutex<World>>,
    pub(crate) url: String,
}

impl Fake {
    /// Serves a chain of some blocks.
    pub(crate) async fn start() -> Self {
        let mut world = World {
            blocks: Vec::new(),
            pool: BTreeMap::new(),
            balance: 10_u128.pow(18),
            base_fee: 1_000_000_000,
            states: 128,
            reverts: Vec::new(),
            salt: 0,
            tamper: None,
            calls: Vec::new(),
        };
        for _ in 0..10 {
            world.mine();
        }
        let world = Arc::new(Mutex::new(world));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/s3cret", listener.local_addr().unwrap());
        let served = Arc::clone(&world);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, Arc::clone(&served)));
            }
        });
        Self { world, url }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// What it does with calls from now on.
    pub(crate) fn tamper(&self, tamper: impl FnMut(&str, &Value, Value) -> Reply + Send + 'static) {
        self.world().tamper = Some(Box::new(tamper));
    }

    /// From now on the answers to one method have their result changed.
    pub(crate) fn change(
        &self,
        method: &'static str,
        change: impl Fn(&mut Value) + Send + 'static,
    ) {
        self.tamper(move |called, _, mut answer| {
            if called == method {
                change(&mut answer["result"]);
            }
            Reply::Answer(answer)
        });
    }

    pub(crate) fn honest(&self) {
        self.world().tamper = None;
    }

    pub(crate) fn mine(&self, blocks: u64) {
        for _ in 0..blocks {
            self.world().mine();
        }
    }
}

impl World {
    pub(crate) fn head(&self) -> u64 {
        self.blocks.len() as u64 - 1
    }

    fn finalized(&self) -> u64 {
        self.head().saturating_sub(FINAL_AFTER)
    }

    pub(crate) fn hash(&self, number: u64) -> B256 {
        self.blocks[usize::try_from(number).unwrap()]
            .header
            .hash_slow()
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
            timestamp: 1_700_000_000 + 12 * self.blocks.len() as u64,
            gas_limit: 30_000_000,
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

    fn nonce(&self, account: Address, number: u64) -> u64 {
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

    fn number_of(&self, block: &Value) -> Option<u64> {
        let known = |number: u64| (number <= self.head()).then_some(number);
        if let Some(hash) = block["blockHash"].as_str() {
            return (0..=self.head()).find(|number| self.hash(*number).to_string() == hash);
        }
        match block.as_str()? {
            "latest" | "pending" => Some(self.head()),
            "finalized" => Some(self.finalized()),
            text if text.len() == 66 => {
                (0..=self.head()).find(|number| self.hash(*number).to_string() == text)
            }
            text => known(u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()?),
        }
    }

    fn place(&self, hash: &str) -> Option<(u64, usize)> {
        self.blocks.iter().zip(0..).find_map(|(block, number)| {
            let mut places = block.transactions.iter();
            let place = places.position(|t| t.tx_hash().to_string() == hash)?;
            Some((number, place))
        })
    }

    fn transaction_json(&self, transaction: &Transaction, place: Option<(u64, usize)>) -> Value {
        let mut json = serde_json::to_value(transaction).unwrap();
        json["from"] = json!(transaction.recover_signer().unwrap());
        json["blockHash"] = json!(place.map(|(number, _)| self.hash(number)));
        json["blockNumber"] = json!(place.map(|(number, _)| format!("{number:#x}")));
        json["transactionIndex"] = json!(place.map(|(_, index)| format!("{index:#x}")));
        json
    }

    fn block_json(&self, number: u64, is_full: bool) -> Value {
        let block = &self.blocks[usize::try_from(number).unwrap()];
        let mut json = serde_json::to_value(&block.header).unwrap();
        json["hash"] = json!(self.hash(number));
        json["uncles"] = json!([]);
        let transactions = block
            .transactions
            .iter()
            .zip(0..)
            .map(|(transaction, index)| {
                if is_full {
                    self.transaction_json(transaction, Some((number, index)))
                } else {
                    json!(transaction.tx_hash())
                }
            });
        json["transactions"] = transactions.collect();
        json
    }

    fn receipt_json(&self, number: u64, index: usize) -> Value {
        let block = &self.blocks[usize::try_from(number).unwrap()];
        let mut json = serde_json::to_value(&block.receipts[index]).unwrap();
        json["transactionHash"] = json!(block.transactions[index].tx_hash());
        json["transactionIndex"] = json!(format!("{index:#x}"));
        json["blockHash"] = json!(self.hash(number));
        json["blockNumber"] = json!(format!("{number:#x}"));
        json["gasUsed"] = json!(format!("{:#x}", block.transactions[index].gas_limit()));
        json
    }

    pub(crate) fn answer(&mut self, method: &str, params: &Value) -> Value {
        match self.result(method, params) {
            Ok(result) => json!({"result": result}),
            Err((code, message)) => json!({"error": {"code": code, "message": message}}),
        }
    }

    fn result(&mut self, method: &str, params: &Value) -> Result<Value, (i64, String)> {
        let unknown = || (-32_000, "header not found".to_owned());
        let quantity = |number: u128| json!(format!("{number:#x}"));
        let text = |place: usize| params[place].as_str().unwrap_or_default().to_owned();
        Ok(match method {
            "eth_chainId" => quantity(CHAIN_ID.into()),
            "eth_getBlockByNumber" => match self.number_of(&params[0]) {
                Some(number) => self.block_json(number, params[1] == true),
                None => Value::Null,
            },
            "eth_getTransactionCount" => {
                let account = text(0).parse().unwrap();
                let number = self.number_of(&params[1]);
                let number = number.ok_or_else(unknown)?;
                if number + self.states <= self.head() {
                    let words = "missing trie node 1f2e (path ) state 0x1f2e is not available";
                    return Err((-32_000, words.to_owned()));
                }
                let mut nonce = self.nonce(account, number);
                if params[1] == "pending" {
                    while self.pool.contains_key(&(account, nonce)) {
                        nonce += 1;
                    }
                }
                quantity(nonce.into())
            }
            "eth_getBalance" => quantity(self.balance),
            "eth_feeHistory" => {
                let newest = self.number_of(&params[1]).ok_or_else(unknown)?;
                let count = u64::from_str_radix(&text(0)[2..], 16).unwrap();
                let oldest = newest + 1 - count;
                let blocks = (oldest..=newest).map(|n| &self.blocks[usize::try_from(n).unwrap()]);
                let mut fees: Vec<Value> = blocks
                    .clone()
                    .map(|block| quantity(block.header.base_fee_per_gas.unwrap().into()))
                    .collect();
                fees.push(quantity(self.base_fee.into()));
                let used: Vec<f64> = blocks
                    .map(|block| {
                        if block.transactions.is_empty() {
                            0.0
                        } else {
                            0.5
                        }
                    })
                    .collect();
                let rewards: Vec<Value> = used.iter().map(|_| json!(["0x3b9aca00"])).collect();
                json!({"oldestBlock": format!("{oldest:#x}"), "baseFeePerGas": fees, "gasUsedRatio": used, "reward": rewards})
            }
            "eth_maxPriorityFeePerGas" => quantity(2_000_000_000),
            "eth_estimateGas" => quantity(22_440),
            "eth_sendRawTransaction" => {
                let bytes = hex::decode(&text(0)[2..]).unwrap();
                let transaction = Transaction::decode_2718_exact(&bytes);
                let transaction = transaction.map_err(|error| (-32_602, error.to_string()))?;
                json!(self.send(transaction)?)
            }
            "eth_getTransactionReceipt" => match self.place(&text(0)) {
                Some((number, index)) => self.receipt_json(number, index),
                None => Value::Null,
            },
            "eth_getTransactionByHash" => {
                if let Some(place) = self.place(&text(0)) {
                    let block = &self.blocks[usize::try_from(place.0).unwrap()];
                    return Ok(self.transaction_json(&block.transactions[place.1], Some(place)));
                }
                let mut pool = self.pool.values();
                let known = pool.find(|t| t.tx_hash().to_string() == text(0));
                known.map_or(Value::Null, |known| self.transaction_json(known, None))
            }
            "eth_getBlockReceipts" => match self.number_of(&params[0]) {
                Some(number) => {
                    let count = self.blocks[usize::try_from(number).unwrap()].receipts.len();
                    (0..count)
                        .map(|index| self.receipt_json(number, index))
                        .collect()
                }
                None => Value::Null,
            },
            "eth_getRawTransactionByBlockHashAndIndex" => {
                let number = self.number_of(&params[0]).ok_or_else(unknown)?;
                let index = usize::from_str_radix(&text(1)[2..], 16).unwrap();
                let block = &self.blocks[usize::try_from(number).unwrap()];
                let bytes = block
                    .transactions
                    .get(index)
                    .ok_or_else(unknown)?
                    .encoded_2718();
                json!(format!("0x{}", hex::encode(bytes)))
            }
            _ => {
                return Err((
                    -32_601,
                    format!("the method {method} does not exist/is not available"),
                ));
            }
        })
    }
}

/// Answers one call after the other, until the connection ends.
async fn serve(mut connection: TcpStream, world: Arc<Mutex<World>>) {
    while let Some(body) = request(&mut connection).await {
        let call: Value = serde_json::from_slice(&body).unwrap();
        let method = call["method"].as_str().unwrap().to_owned();
        let reply = {
            let mut world = world.lock().unwrap();
            world.calls.push(method.clone());
            let answer = world.answer(&method, &call["params"]);
            match world.tamper.take() {
                None => Reply::Answer(answer),
                Some(mut tamper) => {
                    let reply = tamper(&method, &call["params"], answer);
                    world.tamper = Some(tamper);
                    reply
                }
            }
        };
        let (status, kind, body) = match reply {
            Reply::Answer(mut answer) => {
                answer["jsonrpc"] = json!("2.0");
                if answer.get("id").is_none() {
                    answer["id"] = call["id"].clone();
                }
                (200, "application/json", answer.to_string().into_bytes())
            }
            Reply::Raw(status, kind, body) => (status, kind, body),
            Reply::Drop => return,
            Reply::Stall => std::future::pending().await,
        };
        let head = format!(
            "HTTP/1.1 {status} Something\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nLocation: /elsewhere\r\n\r\n",
            body.len()
        );
        // The client may have gone.
        if connection.write_all(head.as_bytes()).await.is_err()
            || connection.write_all(&body).await.is_err()
        {
            return;
        }
    }
}

async fn request(connection: &mut TcpStream) -> Option<Vec<u8>> {
    let mut read = Vec::new();
    let start = loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if connection.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&read[..start]).to_lowercase();
    let length = head.split("content-length:").nth(1)?.lines().next()?;
    let length: usize = length.trim().parse().ok()?;
    while read.len() < start + length {
        if connection.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
    Some(read[start..start + length].to_vec())
}

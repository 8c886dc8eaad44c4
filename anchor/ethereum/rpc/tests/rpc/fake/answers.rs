//! What the node answers to each method.

use alloy_consensus::Transaction as _;
use alloy_consensus::transaction::SignerRecoverable as _;
use alloy_eips::{Decodable2718 as _, Encodable2718 as _};
use serde_json::{Value, json};

use super::world::World;
use super::{CHAIN_ID, Transaction};

impl World {
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

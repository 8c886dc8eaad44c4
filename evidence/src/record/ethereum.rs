//! The record of a block that holds an anchor.

use counterfoil_ethereum::{MAX_HEADER_SIZE, Path, Record};
use counterfoil_tiles::hash::{LeafIndex, NodeHash, TreeSize};
use serde::{Deserialize, Serialize};

use super::{ANCHOR_FORMAT, Base64, RecordError, check_kind, decode, encode, limit, sha256};
use crate::format::{MAX_NODE_SIZE, MAX_NODES, MAX_PATH, MAX_VALUE_SIZE};
use crate::json::AsObject;
use crate::moment::Moment;
use crate::names::{AnchorKind, AuthorityName};

/// A block that holds the hash of a signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockRecord {
    /// What the anchor's operator calls the chain.
    pub name: AuthorityName,
    /// What it covers, byte for byte.
    pub checkpoint: Vec<u8>,
    /// What is kept of the block.
    pub block: Record,
    /// When the block was final, as the anchor says.
    pub recorded: Moment,
}

impl BlockRecord {
    /// The bytes that are stored.
    pub fn encode(&self) -> Result<Vec<u8>, RecordError> {
        let base64 = |nodes: &[Vec<u8>]| nodes.iter().cloned().map(Base64).collect();
        let block = &self.block;
        let hashes = block.path.hashes.iter();
        encode(&BlockJson {
            format: ANCHOR_FORMAT.to_owned(),
            kind: AnchorKind::Ethereum.to_string(),
            name: self.name.to_string(),
            checkpoint: Base64(self.checkpoint.clone()),
            chain_id: block.chain_id,
            header: Base64(block.header.clone()),
            index: block.index,
            transaction: Base64(block.transaction.clone()),
            transaction_proof: base64(&block.transaction_proof),
            receipt: Base64(block.receipt.clone()),
            receipt_proof: base64(&block.receipt_proof),
            path: AsObject(PathJson {
                index: block.path.index.get(),
                size: block.path.size.get(),
                hashes: hashes.map(|hash| hex::encode(hash.as_bytes())).collect(),
            }),
            recorded: self.recorded.millis(),
        })
    }

    /// Reads stored bytes. Whether the block is good is not asked.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let json: BlockJson = decode(bytes, ANCHOR_FORMAT)?;
        check_kind(&json.kind, AnchorKind::Ethereum)?;
        json.check()?;
        let bytes = |nodes: Vec<Base64>| nodes.into_iter().map(|node| node.0).collect();
        let hash = |text: &String| sha256(text).map(NodeHash::from_bytes);
        let AsObject(path) = json.path;
        Ok(Self {
            name: json.name.parse()?,
            checkpoint: json.checkpoint.0,
            block: Record {
                chain_id: json.chain_id,
                header: json.header.0,
                index: json.index,
                transaction: json.transaction.0,
                transaction_proof: bytes(json.transaction_proof),
                receipt: json.receipt.0,
                receipt_proof: bytes(json.receipt_proof),
                path: Path {
                    index: LeafIndex::new(path.index),
                    size: TreeSize::new(path.size),
                    hashes: path.hashes.iter().map(hash).collect::<Result<_, _>>()?,
                },
            },
            recorded: Moment::from_millis(json.recorded),
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BlockJson {
    format: String,
    kind: String,
    name: String,
    checkpoint: Base64,
    chain_id: u64,
    header: Base64,
    index: u64,
    transaction: Base64,
    transaction_proof: Vec<Base64>,
    receipt: Base64,
    receipt_proof: Vec<Base64>,
    path: AsObject<PathJson>,
    recorded: u64,
}

impl BlockJson {
    /// Whether it is within the limits of evidence.
    fn check(&self) -> Result<(), RecordError> {
        let size = |of, bytes: &Base64, most| limit(of, bytes.0.len(), most);
        size("bytes of a header", &self.header, MAX_HEADER_SIZE)?;
        size("bytes of a transaction", &self.transaction, MAX_VALUE_SIZE)?;
        size("bytes of a receipt", &self.receipt, MAX_VALUE_SIZE)?;
        for proof in [&self.transaction_proof, &self.receipt_proof] {
            limit("nodes of a proof", proof.len(), MAX_NODES)?;
            for node in proof {
                size("bytes of a node", node, MAX_NODE_SIZE)?;
            }
        }
        limit("hashes of a path", self.path.0.hashes.len(), MAX_PATH)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PathJson {
    index: u64,
    size: u64,
    hashes: Vec<String>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{RecordError, TokenRecord, kind};
    use super::*;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), 0..100)
    }

    prop_compose! {
        fn record()(
            checkpoint in bytes(),
            (chain_id, index, recorded, place, size) in any::<(u64, u64, u64, u64, u64)>(),
            [header, transaction, receipt] in [bytes(), bytes(), bytes()],
            transaction_proof in prop::collection::vec(bytes(), 0..4),
            receipt_proof in prop::collection::vec(bytes(), 0..4),
            hashes in prop::collection::vec(any::<[u8; 32]>(), 0..4),
        ) -> BlockRecord {
            BlockRecord {
                name: "mainnet".parse().unwrap(),
                checkpoint,
                block: Record {
                    chain_id,
                    header,
                    index,
                    transaction,
                    transaction_proof,
                    receipt,
                    receipt_proof,
                    path: Path {
                        index: LeafIndex::new(place),
                        size: TreeSize::new(size),
                        hashes: hashes.into_iter().map(NodeHash::from_bytes).collect(),
                    },
                },
                recorded: Moment::from_millis(recorded),
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(record in record()) {
            let bytes = record.encode().unwrap();
            let start = br#"{"format":"counterfoil/anchor-record@v1","kind":"ethereum","name":"mainnet","checkpoint":"#;
            prop_assert!(bytes.starts_with(start));
            prop_assert_eq!(BlockRecord::parse(&bytes), Ok(record));
            prop_assert_eq!(kind(&bytes), Some(AnchorKind::Ethereum));
        }
    }

    /// What there is too much of, and the change that makes it so.
    type Row = (&'static str, fn(&mut Record));

    #[test]
    fn what_evidence_could_not_hold_is_refused() {
        let largest = || BlockRecord {
            name: "mainnet".parse().unwrap(),
            checkpoint: Vec::new(),
            block: Record {
                chain_id: 1,
                header: vec![0; MAX_HEADER_SIZE],
                index: 0,
                transaction: vec![0; MAX_VALUE_SIZE],
                transaction_proof: vec![vec![0; MAX_NODE_SIZE]; MAX_NODES],
                receipt: vec![0; MAX_VALUE_SIZE],
                receipt_proof: vec![vec![0; MAX_NODE_SIZE]; MAX_NODES],
                path: Path {
                    index: LeafIndex::new(0),
                    size: TreeSize::new(1),
                    hashes: vec![NodeHash::from_bytes([0; 32]); MAX_PATH],
                },
            },
            recorded: Moment::from_millis(0),
        };
        let read = |record: &BlockRecord| BlockRecord::parse(&record.encode().unwrap());
        assert_eq!(read(&largest()), Ok(largest()));
        let rows: [Row; 8] = [
            ("bytes of a header", |block| block.header.push(0)),
            ("bytes of a transaction", |block| block.transaction.push(0)),
            ("bytes of a receipt", |block| block.receipt.push(0)),
            ("nodes of a proof", |block| {
                block.transaction_proof.push(vec![0]);
            }),
            ("nodes of a proof", |block| {
                block.receipt_proof.push(vec![0]);
            }),
            ("bytes of a node", |block| {
                block.transaction_proof[0].push(0);
            }),
            ("bytes of a node", |block| block.receipt_proof[16].push(0)),
            ("hashes of a path", |block| {
                block.path.hashes.push(NodeHash::from_bytes([0; 32]));
            }),
        ];
        for (expected, change) in rows {
            let mut record = largest();
            change(&mut record.block);
            let refused = read(&record).unwrap_err();
            assert!(
                matches!(refused, RecordError::Limit { of, .. } if of == expected),
                "{expected}: {refused}"
            );
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let good = format!(
            r#"{{"format":"counterfoil/anchor-record@v1","kind":"ethereum","name":"x","checkpoint":"","chain_id":1,"header":"","index":0,"transaction":"","transaction_proof":[],"receipt":"","receipt_proof":[],"path":{{"index":0,"size":1,"hashes":["{}"]}},"recorded":0}}"#,
            "ab".repeat(32)
        );
        assert!(BlockRecord::parse(good.as_bytes()).is_ok());
        let rows = [
            ("a later version", "@v1", "@v2", "expected the format"),
            (
                "another kind",
                "\"ethereum\"",
                "\"rfc3161\"",
                "expected the kind ethereum",
            ),
            (
                "a key more",
                "\"index\":0,\"tr",
                "\"x\":1,\"index\":0,\"tr",
                "unknown field",
            ),
            ("a key less", "\"chain_id\":1,", "", "missing field"),
            (
                "no base64",
                "\"header\":\"\"",
                "\"header\":\"?\"",
                "Invalid",
            ),
            ("no name", "\"x\"", "\"a/b\"", "name of an authority"),
            (
                "a negative index",
                "\"index\":0,\"s",
                "\"index\":-1,\"s",
                "invalid value",
            ),
            ("a hash in upper case", "abab", "ABAB", "expected a SHA-256"),
            (
                "a path's key more",
                "\"size\":1",
                "\"size\":1,\"x\":1",
                "unknown field",
            ),
            (
                "a path as an array of its values",
                "{\"index\":0,\"size\":1,\"hashes\":[",
                "[0,1,[]],\"x\":{\"index\":0,\"size\":1,\"hashes\":[",
                "invalid type: sequence, expected an object",
            ),
        ];
        for (name, from, to, expected) in rows {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good, "{name}");
            let error = BlockRecord::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{name}: {error}");
        }
        let of_block = TokenRecord::parse(good.replace("\"name\"", "\"authority\"").as_bytes());
        assert!(matches!(of_block, Err(RecordError::Json(_))));
        assert_eq!(kind(good.replace("@v1", "@v2").as_bytes()), None);
        assert_eq!(kind(good.replace("\"ethereum\"", "\"x\"").as_bytes()), None);
    }
}

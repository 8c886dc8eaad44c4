//! Writing evidence: the same bytes for the same evidence.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use counterfoil_ethereum::{Path, Record};
use counterfoil_tiles::hash::NodeHash;

use super::{
    Anchor, Entry, Evidence, EvidenceError, FORMAT, Known, MAX_EVIDENCE_SIZE, TokenAnchor,
};
use crate::json::Value;
use crate::names::AnchorKind;
use crate::record::{Revocation, RevocationKind};

impl Evidence {
    /// The bytes of the file: keys in the order of the specification, indented by two spaces, with a newline at the end.
    ///
    /// Whether they are too many can only be told here.
    pub fn encode(&self) -> Result<Vec<u8>, EvidenceError> {
        let value = object([
            ("format", text(FORMAT)),
            ("entry", entry(&self.entry)),
            ("receipt", text(&self.receipt.to_string())),
            ("policy", text(&self.policy)),
            ("anchors", list(&self.anchors, anchor)),
        ]);
        let bytes = value.write();
        let bytes = bytes.map_err(|error| EvidenceError::Json(error.to_string()))?;
        if bytes.len() > MAX_EVIDENCE_SIZE {
            return Err(EvidenceError::TooLong(bytes.len()));
        }
        Ok(bytes)
    }
}

fn entry(entry: &Entry) -> Value {
    let leaf_hash = ("leaf_hash", text(&hex::encode(entry.leaf_hash.as_bytes())));
    match &entry.known {
        Known::LeafHash => object([leaf_hash]),
        Known::Digest(digest) => object([leaf_hash, ("digest", text(&hex::encode(digest)))]),
        Known::Contents(contents) => object([leaf_hash, ("contents", bytes(contents))]),
    }
}

fn anchor(anchor: &Anchor) -> Value {
    match anchor {
        Anchor::Token(anchor) => token(anchor),
        Anchor::Block(anchor) => block(anchor),
        Anchor::Unknown(anchor) => anchor.value.clone(),
    }
}

fn token(anchor: &TokenAnchor) -> Value {
    object([
        ("kind", text(&AnchorKind::Rfc3161.to_string())),
        ("authority", text(anchor.authority.as_str())),
        ("url", text(&anchor.url)),
        ("token", bytes(&anchor.token)),
        ("certificates", list(&anchor.certificates, |der| bytes(der))),
        ("received", number(anchor.received.millis())),
        ("revocation", list(&anchor.revocation, revocation)),
    ])
}

fn block(block: &Record) -> Value {
    let nodes = |proof: &[Vec<u8>]| list(proof, |node| bytes(node));
    object([
        ("kind", text(&AnchorKind::Ethereum.to_string())),
        ("chain_id", number(block.chain_id)),
        ("header", bytes(&block.header)),
        ("index", number(block.index)),
        ("transaction", bytes(&block.transaction)),
        ("transaction_proof", nodes(&block.transaction_proof)),
        ("receipt", bytes(&block.receipt)),
        ("receipt_proof", nodes(&block.receipt_proof)),
        ("path", path(&block.path)),
    ])
}

fn path(path: &Path) -> Value {
    let hash = |hash: &NodeHash| text(&hex::encode(hash.as_bytes()));
    object([
        ("index", number(path.index.get())),
        ("size", number(path.size.get())),
        ("hashes", list(&path.hashes, hash)),
    ])
}

fn revocation(revocation: &Revocation) -> Value {
    let kind = match revocation.kind {
        RevocationKind::Crl => "crl",
        RevocationKind::Ocsp => "ocsp",
    };
    object([
        ("kind", text(kind)),
        ("certificate", text(&hex::encode(revocation.certificate))),
        ("url", text(&revocation.url)),
        ("fetched", number(revocation.fetched.millis())),
        ("data", bytes(&revocation.data)),
    ])
}

fn object<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let entries = entries.map(|(key, value)| (key.to_owned(), value));
    Value::Object(entries.into())
}

fn list<T>(values: &[T], write: impl Fn(&T) -> Value) -> Value {
    Value::Array(values.iter().map(write).collect())
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn bytes(bytes: &[u8]) -> Value {
    Value::String(STANDARD.encode(bytes))
}

fn number(number: u64) -> Value {
    Value::Number(number.into())
}

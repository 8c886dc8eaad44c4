//! Evidence as a file: `counterfoil/evidence@v1`, which docs/evidence.md specifies to the byte.
//!
//! ```json
//! {
//!   "format": "counterfoil/evidence@v1",
//!   "entry": {"leaf_hash": "<hex>", "digest": "<hex>"},
//!   "receipt": "<tlog-proof, whose checkpoint is what was anchored, byte for byte>",
//!   "policy": "<tlog-policy under which it was made>",
//!   "anchors": [
//!     {"kind": "rfc3161", "authority": "freetsa", "url": "https://…", "token": "<base64>", "certificates": ["<base64>"],
//!      "received": 1780000000250, "revocation": [{"kind": "crl", "certificate": "<hex>", "url": "http://…",
//!      "fetched": 1780000001000, "data": "<base64>"}]},
//!     {"kind": "ethereum", "chain_id": 1, "header": "<base64>", "index": 19, "transaction": "<base64>",
//!      "transaction_proof": ["<base64>"], "receipt": "<base64>", "receipt_proof": ["<base64>"],
//!      "path": {"index": 3, "size": 5, "hashes": ["<hex>"]}}
//!   ]
//! }
//! ```
//!
//! What is read is well formed, and no more: whether any of it is true is the judge's to say, on the trust of whoever asks.

mod read;
mod records;
mod write;

use counterfoil_ethereum::{MAX_HEADER_SIZE, Record};
use counterfoil_tiles::hash::{LeafHash, hash_leaf};
use counterfoil_tiles::policy::MAX_POLICY_SIZE;
use counterfoil_tiles::proof::ProofError;
use counterfoil_tiles::receipt::{Receipt, ReceiptError};
use counterfoil_tiles::tile::MAX_ENTRY_SIZE;

pub use crate::json::{MAX_DEPTH, MAX_VALUES};
pub use records::{AnchorRecords, TokenRecords};

use crate::json::{Path, Value, shown};
use crate::moment::Moment;
use crate::names::AuthorityName;
use crate::record::Revocation;

/// The name and version of the format.
pub const FORMAT: &str = "counterfoil/evidence@v1";

/// The largest evidence, in bytes. Lists of revoked certificates can have megabytes each; a browser reads this at once.
pub const MAX_EVIDENCE_SIZE: usize = 64 << 20;

/// The most anchors. A verifier asks for as many authorities as it knows, which are few.
pub const MAX_ANCHORS: usize = 64;

/// The longest name of a kind.
pub const MAX_KIND: usize = 40;

/// The longest URL.
pub const MAX_URL: usize = 2_048;

/// The largest token: what the verifier of tokens reads.
pub const MAX_TOKEN_SIZE: usize = 262_144;

/// The most certificates beside a token: what the verifier of tokens reads.
pub const MAX_CERTIFICATES: usize = 32;

/// The largest certificate: what the verifier of tokens reads.
pub const MAX_CERTIFICATE_SIZE: usize = 32_768;

/// The most revocation data about the certificates of one token.
pub const MAX_REVOCATIONS: usize = 128;

/// The largest revocation data: twice what is fetched.
pub const MAX_REVOCATION_SIZE: usize = 16 << 20;

/// The largest transaction, and the largest receipt. Nodes of the network pass on no larger transactions; a receipt of one that
/// anchors has some hundred bytes.
pub const MAX_VALUE_SIZE: usize = 131_072;

/// The largest node of a proof: the largest value, its key and their prefixes.
pub const MAX_NODE_SIZE: usize = MAX_VALUE_SIZE + 1_024;

/// The most nodes of a proof: one for each half byte of the longest key, the RLP of [`MAX_NUMBER`], and the value's.
pub const MAX_NODES: usize = 17;

/// The most hashes of a path: those of the largest tree, of [`MAX_NUMBER`] entries.
pub const MAX_PATH: usize = 53;

/// The largest number, and the last time: those above it are not exact in every reader of JSON (RFC 8259, section 6).
pub const MAX_NUMBER: u64 = (1 << 53) - 1;

/// Bytes, or records, are no evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// Too long.
    #[error("expected evidence of at most {MAX_EVIDENCE_SIZE} bytes, got {0}")]
    TooLong(usize),
    /// Not JSON, or not within the limits that hold for all of it.
    #[error("expected evidence as JSON: {0}")]
    Json(String),
    /// A version that this program does not know, or something else altogether.
    #[error("format: expected \"{FORMAT}\", got {0}")]
    Format(String),
    /// It has been renewed, which this version cannot judge.
    #[error(
        "renewal: this evidence was renewed, by a later time-stamp over all of it; a newer verifier is needed"
    )]
    Renewed,
    /// A part is not what it must be.
    #[error("{path}: expected {expected}, got {got}")]
    Part {
        /// Where it is, as in `anchors[1].token`.
        path: String,
        /// What must be there.
        expected: String,
        /// What is there.
        got: String,
    },
    /// The receipt is none.
    #[error("receipt: {0}")]
    Receipt(#[from] ReceiptError),
    /// The inclusion proof cannot be one for the index and the size of the tree, whatever the hashes.
    #[error("receipt: {0}")]
    Proof(ProofError),
}

impl EvidenceError {
    fn part(path: Path<'_>, expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::Part {
            path: path.to_string(),
            expected: expected.into(),
            got: got.into(),
        }
    }
}

/// What the evidence says of the entry beside its leaf hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Nothing.
    LeafHash,
    /// The entry is these 32 bytes: SHA-256 of a file.
    Digest([u8; 32]),
    /// The entry itself.
    Contents(Vec<u8>),
}

/// The entry that the evidence is about. Its leaf hash is always that of what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    leaf_hash: LeafHash,
    known: Known,
}

impl Entry {
    /// An entry of which nothing is said but its leaf hash.
    pub fn of_leaf_hash(leaf_hash: LeafHash) -> Self {
        Self {
            leaf_hash,
            known: Known::LeafHash,
        }
    }

    /// The entry that is a file's SHA-256, 32 raw bytes.
    pub fn of_digest(digest: [u8; 32]) -> Self {
        Self {
            leaf_hash: hash_leaf(&digest),
            known: Known::Digest(digest),
        }
    }

    /// The entry that is these bytes.
    pub fn of_contents(contents: Vec<u8>) -> Self {
        Self {
            leaf_hash: hash_leaf(&contents),
            known: Known::Contents(contents),
        }
    }

    /// Its leaf hash.
    pub fn leaf_hash(&self) -> &LeafHash {
        &self.leaf_hash
    }

    /// What else is said of it.
    pub fn known(&self) -> &Known {
        &self.known
    }
}

/// A time-stamp token over the receipt's checkpoint, and what its verification may need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenAnchor {
    /// What the anchor calls the authority. Whoever judges goes by the roots that they trust, not by this.
    pub authority: AuthorityName,
    /// Where it was asked for.
    pub url: String,
    /// The token, as it came.
    pub token: Vec<u8>,
    /// Certificates, DER.
    pub certificates: Vec<Vec<u8>>,
    /// When it came, as the anchor says.
    pub received: Moment,
    /// What says whether the certificates are revoked, in the order in which it was fetched.
    pub revocation: Vec<Revocation>,
}

/// An anchor of a kind that this version does not know. It is kept as it is and cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownAnchor {
    kind: String,
    value: Value,
}

impl UnknownAnchor {
    /// The name of its kind: 1 to 40 of `a-z`, `0-9` and `-`.
    pub fn kind(&self) -> &str {
        &self.kind
    }
}

/// Something that fixes the receipt's checkpoint in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anchor {
    /// A time-stamp token (RFC 3161).
    Token(TokenAnchor),
    /// A block of an Ethereum chain.
    Block(Record),
    /// Something that only a newer version can judge.
    Unknown(UnknownAnchor),
}

/// Evidence as parsed: well formed, and nothing of it verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    entry: Entry,
    receipt: Receipt,
    policy: String,
    anchors: Vec<Anchor>,
}

impl Evidence {
    /// Puts evidence together. `policy` is the text of the one that the receipt was made under; the records are those of
    /// anchors of the receipt's checkpoint.
    pub fn new(
        entry: Entry,
        receipt: Receipt,
        policy: String,
        records: &[AnchorRecords],
    ) -> Result<Self, EvidenceError> {
        let checkpoint = receipt.note().as_bytes();
        let anchors = records.iter().enumerate().map(|(index, records)| {
            let path = Path::Key(&Path::Root, "anchors");
            records.anchor(checkpoint, Path::Index(&path, index))
        });
        let evidence = Self {
            anchors: anchors.collect::<Result<_, _>>()?,
            entry,
            receipt,
            policy,
        };
        evidence.check()?;
        Ok(evidence)
    }

    /// The same evidence, with something else known of the entry; its leaf hash must be the same.
    pub fn with_entry(self, entry: Entry) -> Result<Self, EvidenceError> {
        if entry.leaf_hash != self.entry.leaf_hash {
            let path = Path::Key(&Path::Root, "entry");
            let hex = |entry: &Entry| hex::encode(entry.leaf_hash.as_bytes());
            return Err(EvidenceError::part(
                Path::Key(&path, "leaf_hash"),
                hex(&self.entry),
                hex(&entry),
            ));
        }
        let evidence = Self { entry, ..self };
        evidence.check()?;
        Ok(evidence)
    }

    /// The entry.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// What shows that it is in a log.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// What every anchor covers, byte for byte: the receipt's signed checkpoint.
    pub fn checkpoint(&self) -> &[u8] {
        self.receipt.note().as_bytes()
    }

    /// The policy under which it was made: for people to read, never to be trusted.
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// What fixes the checkpoint in time.
    pub fn anchors(&self) -> &[Anchor] {
        &self.anchors
    }

    /// What holds for all evidence, whether read or put together.
    fn check(&self) -> Result<(), EvidenceError> {
        let root = &Path::Root;
        if let Known::Contents(contents) = &self.entry.known {
            let entry = Path::Key(root, "entry");
            check_bytes(contents, MAX_ENTRY_SIZE, Path::Key(&entry, "contents"))?;
        }
        match self.receipt.check_inclusion(&self.entry.leaf_hash) {
            // Whether the hashes lead to the root is for the judge to say.
            Ok(()) | Err(ProofError::WrongRoot { .. }) => {}
            Err(error) => return Err(EvidenceError::Proof(error)),
        }
        let path = Path::Key(root, "policy");
        check_size(self.policy.len(), 0, MAX_POLICY_SIZE, "bytes", path)?;
        let path = Path::Key(root, "anchors");
        check_size(self.anchors.len(), 0, MAX_ANCHORS, "anchors", path)?;
        for (index, anchor) in self.anchors.iter().enumerate() {
            let path = &Path::Index(&path, index);
            match anchor {
                Anchor::Token(anchor) => anchor.check(path)?,
                Anchor::Block(block) => check_block(block, path)?,
                Anchor::Unknown(_) => {}
            }
        }
        Ok(())
    }
}

impl TokenAnchor {
    fn check(&self, path: &Path<'_>) -> Result<(), EvidenceError> {
        check_url(&self.url, Path::Key(path, "url"))?;
        check_bytes(&self.token, MAX_TOKEN_SIZE, Path::Key(path, "token"))?;
        check_time(self.received, Path::Key(path, "received"))?;
        let list = Path::Key(path, "certificates");
        let count = self.certificates.len();
        check_size(count, 0, MAX_CERTIFICATES, "certificates", list)?;
        for (index, certificate) in self.certificates.iter().enumerate() {
            check_bytes(certificate, MAX_CERTIFICATE_SIZE, Path::Index(&list, index))?;
        }
        let list = Path::Key(path, "revocation");
        let count = self.revocation.len();
        check_size(count, 0, MAX_REVOCATIONS, "revocation data", list)?;
        for (index, revocation) in self.revocation.iter().enumerate() {
            let path = Path::Index(&list, index);
            check_url(&revocation.url, Path::Key(&path, "url"))?;
            check_time(revocation.fetched, Path::Key(&path, "fetched"))?;
            let path = Path::Key(&path, "data");
            check_bytes(&revocation.data, MAX_REVOCATION_SIZE, path)?;
        }
        Ok(())
    }
}

fn check_block(block: &Record, path: &Path<'_>) -> Result<(), EvidenceError> {
    let key = |key| Path::Key(path, key);
    check_number(block.chain_id, 1, key("chain_id"))?;
    check_bytes(&block.header, MAX_HEADER_SIZE, key("header"))?;
    check_number(block.index, 0, key("index"))?;
    let values = [
        ("transaction", &block.transaction),
        ("receipt", &block.receipt),
    ];
    for (name, value) in values {
        check_bytes(value, MAX_VALUE_SIZE, key(name))?;
    }
    let proofs = [
        ("transaction_proof", &block.transaction_proof),
        ("receipt_proof", &block.receipt_proof),
    ];
    for (name, nodes) in proofs {
        let list = key(name);
        check_size(nodes.len(), 1, MAX_NODES, "nodes", list)?;
        for (index, node) in nodes.iter().enumerate() {
            check_bytes(node, MAX_NODE_SIZE, Path::Index(&list, index))?;
        }
    }
    let path = &key("path");
    check_number(block.path.index.get(), 0, Path::Key(path, "index"))?;
    check_number(block.path.size.get(), 1, Path::Key(path, "size"))?;
    let count = block.path.hashes.len();
    check_size(count, 0, MAX_PATH, "hashes", Path::Key(path, "hashes"))
}

fn check_size(
    size: usize,
    least: usize,
    most: usize,
    of: &str,
    path: Path<'_>,
) -> Result<(), EvidenceError> {
    if (least..=most).contains(&size) {
        return Ok(());
    }
    let expected = if least == 0 {
        format!("at most {most} {of}")
    } else {
        format!("{least} to {most} {of}")
    };
    Err(EvidenceError::part(path, expected, size.to_string()))
}

fn check_bytes(bytes: &[u8], most: usize, path: Path<'_>) -> Result<(), EvidenceError> {
    check_size(bytes.len(), 1, most, "bytes", path)
}

fn check_url(url: &str, path: Path<'_>) -> Result<(), EvidenceError> {
    if (1..=MAX_URL).contains(&url.len()) && url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let expected = format!("a URL, 1 to {MAX_URL} visible ASCII characters");
    Err(EvidenceError::part(path, expected, shown(url)))
}

fn check_number(number: u64, least: u64, path: Path<'_>) -> Result<(), EvidenceError> {
    if (least..=MAX_NUMBER).contains(&number) {
        return Ok(());
    }
    let expected = format!("a number from {least} to {MAX_NUMBER}");
    Err(EvidenceError::part(path, expected, number.to_string()))
}

fn check_time(time: Moment, path: Path<'_>) -> Result<(), EvidenceError> {
    if time.millis() <= MAX_NUMBER {
        return Ok(());
    }
    let expected = format!("milliseconds since the beginning of 1970, at most {MAX_NUMBER}");
    Err(EvidenceError::part(
        path,
        expected,
        time.millis().to_string(),
    ))
}

//! The header of a block: what its hash covers.
//!
//! Yellow Paper section 4.4, with the fields that later forks appended: EIP-1559 (London), EIP-4895 (Shanghai), EIP-4844 and
//! EIP-4788 (Cancun), EIP-7685 (Prague). The hash of a block is Keccak-256 of the header's RLP, so that a field of a later fork
//! is covered by it whatever it means: such fields are taken as they are.

use crate::fields::{Field, FieldError, Shape, check, field};
use crate::keccak::{BlockHash, TrieRoot, keccak256};
use crate::rlp::{Item, RlpError};

/// The largest header. Those of Ethereum have at most about 700 bytes; chains with proof of authority list their validators in it.
pub const MAX_HEADER_SIZE: usize = 16_384;

/// The most fields: the known ones and eight more. No fork has appended more than three.
pub const MAX_HEADER_FIELDS: usize = FIELDS.len() + 8;

/// The fewest fields, those of Frontier.
const MIN_HEADER_FIELDS: usize = 15;

const FIELDS: [Field; 21] = [
    field("parentHash", Shape::Fixed(32)),
    field("ommersHash", Shape::Fixed(32)),
    field("beneficiary", Shape::Fixed(20)),
    field("stateRoot", Shape::Fixed(32)),
    field("transactionsRoot", Shape::Fixed(32)),
    field("receiptsRoot", Shape::Fixed(32)),
    field("logsBloom", Shape::Fixed(256)),
    field("difficulty", Shape::Number(32)),
    field("number", Shape::Number(8)),
    field("gasLimit", Shape::Number(8)),
    field("gasUsed", Shape::Number(8)),
    field("timestamp", Shape::Number(8)),
    field("extraData", Shape::Bytes),
    field("mixHash", Shape::Fixed(32)),
    field("nonce", Shape::Fixed(8)),
    field("baseFeePerGas", Shape::Number(32)),
    field("withdrawalsRoot", Shape::Fixed(32)),
    field("blobGasUsed", Shape::Number(8)),
    field("excessBlobGas", Shape::Number(8)),
    field("parentBeaconBlockRoot", Shape::Fixed(32)),
    field("requestsHash", Shape::Fixed(32)),
];

/// Why bytes are no header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Too long.
    #[error("expected a header of at most {MAX_HEADER_SIZE} bytes, found {0}")]
    TooLong(usize),
    /// Not a list in RLP, or one with too many fields.
    #[error("the header is not the RLP of a list of fields: {0}")]
    Rlp(#[from] RlpError),
    /// Too few fields.
    #[error("expected a header of at least {MIN_HEADER_FIELDS} fields, found {0}")]
    TooFew(usize),
    /// A field is not what it must be.
    #[error("the header's field {0}")]
    Field(#[from] FieldError),
}

/// What a header says. Whether any chain has it is not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The hash of the block.
    pub hash: BlockHash,
    /// The number of the block.
    pub number: u64,
    /// The time of the block, in seconds since the beginning of 1970.
    pub timestamp: u64,
    /// The root of the transactions.
    pub transactions_root: TrieRoot,
    /// The root of the receipts.
    pub receipts_root: TrieRoot,
}

impl Header {
    /// Reads a header's RLP.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        if bytes.len() > MAX_HEADER_SIZE {
            return Err(HeaderError::TooLong(bytes.len()));
        }
        let fields = Item::parse(bytes)?.items(MAX_HEADER_FIELDS)?;
        if fields.len() < MIN_HEADER_FIELDS {
            return Err(HeaderError::TooFew(fields.len()));
        }
        check(&FIELDS, &fields)?;
        let [
            _,
            _,
            _,
            _,
            transactions,
            receipts,
            _,
            _,
            number,
            _,
            _,
            timestamp,
            ..,
        ] = &fields[..]
        else {
            return Err(HeaderError::TooFew(fields.len()));
        };
        Ok(Self {
            hash: BlockHash::from_bytes(keccak256(bytes)),
            number: number.integer()?,
            timestamp: timestamp.integer()?,
            transactions_root: TrieRoot::from_bytes(transactions.array()?),
            receipts_root: TrieRoot::from_bytes(receipts.array()?),
        })
    }
}

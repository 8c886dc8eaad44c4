//! The transaction of an anchor: EIP-1559, so much gas as EIP-7623 asks for, and what its signer must give back.
//!
//! ```text
//! 0x02 || rlp([chainId, nonce, maxPriorityFeePerGas, maxFeePerGas, gasLimit, to, value = 0, data, accessList = [],
//!              yParity, r, s])
//! ```

use counterfoil_ethereum::rlp::{Item, RlpError, encode_bytes, encode_integer, encode_list};
use counterfoil_ethereum::{Address, Calldata, TransactionHash, keccak256};

use crate::wei::{Gas, Wei};

/// The type of a transaction that names its fees (EIP-1559).
const DYNAMIC_FEE: u8 = 0x02;

/// Its fields, without the three of the signature.
const UNSIGNED_FIELDS: usize = 9;

/// Its fields.
const SIGNED_FIELDS: usize = 12;

/// Their names, in order.
const NAMES: [&str; UNSIGNED_FIELDS] = [
    "chainId",
    "nonce",
    "maxPriorityFeePerGas",
    "maxFeePerGas",
    "gasLimit",
    "to",
    "value",
    "data",
    "accessList",
];

/// What every transaction takes.
const BASE_GAS: u64 = 21_000;

// SPEC(EIP-7623): "tokens_in_calldata = zero_bytes_in_calldata + nonzero_bytes_in_calldata * 4", and the floor is
// "21000 + TOTAL_COST_FLOOR_PER_TOKEN * tokens_in_calldata".
const FLOOR_PER_TOKEN: u64 = 10;
const TOKENS_PER_NONZERO_BYTE: u64 = 4;

/// What an anchor's transaction calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Where it goes: a plain address, or the contract.
    pub to: Address,
    /// What it carries: the root.
    pub calldata: Calldata,
}

impl Call {
    /// The least gas that it takes, whatever it does: the floor for its calldata. To a plain address it takes exactly that, since
    /// the calldata's ordinary price is below.
    pub fn floor(&self) -> Gas {
        let tokens = self.calldata.encode().iter().fold(0_u64, |tokens, byte| {
            tokens.saturating_add(match byte {
                0 => 1,
                _ => TOKENS_PER_NONZERO_BYTE,
            })
        });
        Gas::new(BASE_GAS.saturating_add(FLOOR_PER_TOKEN.saturating_mul(tokens)))
    }
}

/// What is to be signed: the fields of an EIP-1559 transaction that sends no money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsigned {
    /// The chain.
    pub chain_id: u64,
    /// The number of the account's transactions before it.
    pub nonce: u64,
    /// The most that the block's proposer gets, by gas.
    pub max_priority_fee: Wei,
    /// The most that is paid, by gas.
    pub max_fee: Wei,
    /// The most gas that it may take.
    pub gas_limit: Gas,
    /// What it calls.
    pub call: Call,
}

/// Bytes that a signer gave back are not the transaction that it was asked to sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// Of another type.
    #[error("expected a transaction of type 0x02")]
    Type,
    /// Not a list in RLP.
    #[error("the signed transaction is no list in RLP: {0}")]
    Rlp(#[from] RlpError),
    /// It has another number of fields.
    #[error("expected {SIGNED_FIELDS} fields, found {0}")]
    Fields(usize),
    /// A field has another value.
    #[error("the signer changed the field {0}")]
    Changed(&'static str),
}

impl Unsigned {
    /// The most that it costs.
    pub fn most(&self) -> Wei {
        self.max_fee.of_gas(self.gas_limit)
    }

    /// What is hashed and signed.
    pub fn encode(&self) -> Vec<u8> {
        typed(&self.fields())
    }

    /// The signed transaction, with a signature's parts in RLP: the parity of y, r and s.
    pub fn encode_signed(&self, y_parity: u64, r: &[u8], s: &[u8]) -> Vec<u8> {
        let mut fields = self.fields().to_vec();
        fields.extend([encode_integer(y_parity), encode_number(r), encode_number(s)]);
        typed(&fields)
    }

    /// The hash of a signed transaction, if it is this one. Whose signature it is, is not looked at.
    pub fn hash_signed(&self, signed: &[u8]) -> Result<TransactionHash, SignedError> {
        let Some((&DYNAMIC_FEE, payload)) = signed.split_first() else {
            return Err(SignedError::Type);
        };
        let found = Item::parse(payload)?.items(SIGNED_FIELDS)?;
        if found.len() != SIGNED_FIELDS {
            return Err(SignedError::Fields(found.len()));
        }
        for ((name, field), found) in NAMES.into_iter().zip(self.fields()).zip(&found) {
            if found.encoding() != field {
                return Err(SignedError::Changed(name));
            }
        }
        Ok(TransactionHash::from_bytes(keccak256(signed)))
    }

    fn fields(&self) -> [Vec<u8>; UNSIGNED_FIELDS] {
        [
            encode_integer(self.chain_id),
            encode_integer(self.nonce),
            encode_number(&self.max_priority_fee.get().to_be_bytes()),
            encode_number(&self.max_fee.get().to_be_bytes()),
            encode_integer(self.gas_limit.get()),
            encode_bytes(self.call.to.as_bytes()),
            encode_integer(0),
            encode_bytes(&self.call.calldata.encode()),
            encode_list::<Vec<u8>>(&[]),
        ]
    }
}

/// The encoding of a big-endian number, with or without leading zeros.
fn encode_number(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    encode_bytes(bytes.get(zeros..).unwrap_or_default())
}

fn typed(fields: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![DYNAMIC_FEE];
    bytes.extend(encode_list(fields));
    bytes
}

#[cfg(test)]
mod tests {
    use counterfoil_ethereum::Transaction;
    use counterfoil_tiles::hash::NodeHash;

    use super::*;

    fn unsigned() -> Unsigned {
        Unsigned {
            chain_id: 1,
            nonce: 7,
            max_priority_fee: Wei::from_gwei(1),
            max_fee: Wei::from_gwei(30),
            gas_limit: Gas::new(22_440),
            call: Call {
                to: Address::from_bytes([9; 20]),
                calldata: Calldata {
                    root: NodeHash::from_bytes([0xab; 32]),
                },
            },
        }
    }

    #[test]
    fn the_floor_of_36_bytes_that_are_not_zero_is_22440() {
        let mut unsigned = unsigned();
        assert_eq!(unsigned.call.floor(), Gas::new(22_440));
        unsigned.call.calldata.root = NodeHash::from_bytes([0; 32]);
        // Four bytes of the selector at 40, 32 zeros at 10.
        assert_eq!(unsigned.call.floor(), Gas::new(21_480));
        assert_eq!(unsigned.most(), Wei::from_gwei(30 * 22_440));
    }

    #[test]
    fn the_signed_transaction_is_one_and_has_its_hash() {
        let unsigned = unsigned();
        let signed = unsigned.encode_signed(1, &[0, 5], &[6; 32]);
        let parsed = Transaction::parse(&signed).unwrap();
        assert_eq!(unsigned.hash_signed(&signed), Ok(parsed.hash));
        let call = parsed.call.unwrap();
        assert_eq!((call.chain_id, call.to), (Some(1), Some(unsigned.call.to)));
        assert_eq!(call.data, unsigned.call.calldata.encode());
        assert!(unsigned.encode().starts_with(&[2, 0xf8]));
    }

    #[test]
    fn a_signer_that_changes_a_field_is_caught() {
        type Change = fn(&mut Unsigned);
        let changes: [(&str, Change); 7] = [
            ("chainId", |u| u.chain_id = 5),
            ("nonce", |u| u.nonce = 8),
            ("maxPriorityFeePerGas", |u| {
                u.max_priority_fee = Wei::new(0);
            }),
            ("maxFeePerGas", |u| u.max_fee = Wei::from_gwei(31)),
            ("gasLimit", |u| u.gas_limit = Gas::new(22_441)),
            ("to", |u| u.call.to = Address::from_bytes([8; 20])),
            ("data", |u| {
                u.call.calldata.root = NodeHash::from_bytes([1; 32]);
            }),
        ];
        for (name, change) in changes {
            let mut other = unsigned();
            change(&mut other);
            let signed = other.encode_signed(0, &[1], &[1]);
            let found = unsigned().hash_signed(&signed);
            assert_eq!(found, Err(SignedError::Changed(name)));
        }
        // The value and the access list cannot be changed by way of the fields.
        let signed = unsigned().encode_signed(0, &[1], &[1]);
        let items = Item::parse(&signed[1..]).unwrap().items(12).unwrap();
        for (place, name, value) in [(6, "value", vec![1]), (8, "accessList", vec![0xc1, 0x80])] {
            let mut fields: Vec<Vec<u8>> = items.iter().map(|i| i.encoding().to_vec()).collect();
            fields[place] = value;
            let found = unsigned().hash_signed(&typed(&fields));
            assert_eq!(found, Err(SignedError::Changed(name)));
        }
    }

    #[test]
    fn what_is_no_signed_transaction_is_refused() {
        let signed = unsigned().encode_signed(0, &[1], &[1]);
        let unsigned = unsigned();
        let legacy = unsigned.hash_signed(&signed[1..]);
        assert_eq!(legacy, Err(SignedError::Type));
        assert_eq!(unsigned.hash_signed(&[]), Err(SignedError::Type));
        let bare = unsigned.hash_signed(&unsigned.encode());
        assert_eq!(bare, Err(SignedError::Fields(9)));
        let more = [&signed[..], &[0]].concat();
        let more = unsigned.hash_signed(&more);
        assert_eq!(more, Err(SignedError::Rlp(RlpError::Trailing(1))));
    }
}

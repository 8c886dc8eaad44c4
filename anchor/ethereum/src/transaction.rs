//! Transactions: where they go and what they carry.
//!
//! Yellow Paper section 4.2 and EIP-155 (legacy), EIP-2930 (0x01), EIP-1559 (0x02), EIP-4844 (0x03), EIP-7702 (0x04). Of a type
//! that came later only the hash is known.

use crate::envelope::{EnvelopeError, Kind, open};
use crate::fields::{Field, FieldError, Shape, check, field};
use crate::keccak::{Address, TransactionHash, keccak256};
use crate::rlp::{Item, RlpError};

const NONCE: Field = field("nonce", Shape::Number(8));
const GAS_PRICE: Field = field("gasPrice", Shape::Number(32));
const PRIORITY_FEE: Field = field("maxPriorityFeePerGas", Shape::Number(32));
const MAX_FEE: Field = field("maxFeePerGas", Shape::Number(32));
const GAS_LIMIT: Field = field("gasLimit", Shape::Number(8));
const TO_OR_CREATE: Field = field("to", Shape::FixedOrEmpty(20));
const TO: Field = field("to", Shape::Fixed(20));
const VALUE: Field = field("value", Shape::Number(32));
const DATA: Field = field("data", Shape::Bytes);
const CHAIN_ID: Field = field("chainId", Shape::Number(8));
const ACCESS_LIST: Field = field("accessList", Shape::List);
const V: Field = field("v", Shape::Number(8));
const Y_PARITY: Field = field("yParity", Shape::Number(1));
const R: Field = field("r", Shape::Number(32));
const S: Field = field("s", Shape::Number(32));

/// The fields of a type, and where those are that matter here.
struct Layout {
    fields: &'static [Field],
    to: usize,
    data: usize,
    /// `chainId`, or `v` of a legacy transaction.
    chain: usize,
}

const LEGACY: Layout = Layout {
    fields: &[
        NONCE,
        GAS_PRICE,
        GAS_LIMIT,
        TO_OR_CREATE,
        VALUE,
        DATA,
        V,
        R,
        S,
    ],
    to: 3,
    data: 5,
    chain: 6,
};

const ACCESS_LISTS: Layout = Layout {
    fields: &[
        CHAIN_ID,
        NONCE,
        GAS_PRICE,
        GAS_LIMIT,
        TO_OR_CREATE,
        VALUE,
        DATA,
        ACCESS_LIST,
        Y_PARITY,
        R,
        S,
    ],
    to: 4,
    data: 6,
    chain: 0,
};

const DYNAMIC_FEE: Layout = Layout {
    fields: &[
        CHAIN_ID,
        NONCE,
        PRIORITY_FEE,
        MAX_FEE,
        GAS_LIMIT,
        TO_OR_CREATE,
        VALUE,
        DATA,
        ACCESS_LIST,
        Y_PARITY,
        R,
        S,
    ],
    to: 5,
    data: 7,
    chain: 0,
};

const BLOBS: Layout = Layout {
    fields: &[
        CHAIN_ID,
        NONCE,
        PRIORITY_FEE,
        MAX_FEE,
        GAS_LIMIT,
        TO,
        VALUE,
        DATA,
        ACCESS_LIST,
        field("maxFeePerBlobGas", Shape::Number(32)),
        field("blobVersionedHashes", Shape::List),
        Y_PARITY,
        R,
        S,
    ],
    to: 5,
    data: 7,
    chain: 0,
};

const SET_CODE: Layout = Layout {
    fields: &[
        CHAIN_ID,
        NONCE,
        PRIORITY_FEE,
        MAX_FEE,
        GAS_LIMIT,
        TO,
        VALUE,
        DATA,
        ACCESS_LIST,
        field("authorizationList", Shape::List),
        Y_PARITY,
        R,
        S,
    ],
    to: 5,
    data: 7,
    chain: 0,
};

const fn layout(kind: Kind) -> Option<&'static Layout> {
    match kind {
        Kind::Legacy => Some(&LEGACY),
        Kind::Typed(1) => Some(&ACCESS_LISTS),
        Kind::Typed(2) => Some(&DYNAMIC_FEE),
        Kind::Typed(3) => Some(&BLOBS),
        Kind::Typed(4) => Some(&SET_CODE),
        Kind::Typed(_) => None,
    }
}

/// Why bytes are no transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// Of no kind.
    #[error("this is no transaction: {0}")]
    Envelope(#[from] EnvelopeError),
    /// Not a list in RLP of as many fields as its type has.
    #[error("a {kind} transaction is the RLP of a list of {fields} fields: {error}")]
    Rlp {
        /// Its kind.
        kind: Kind,
        /// How many fields it must have.
        fields: usize,
        /// Why.
        error: RlpError,
    },
    /// A field is not what it must be.
    #[error("the transaction's field {0}")]
    Field(#[from] FieldError),
}

/// What a transaction asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call<'a> {
    /// The chain that it is for; none: any (a legacy transaction from before EIP-155).
    pub chain_id: Option<u64>,
    /// Where it goes; none: it creates a contract.
    pub to: Option<Address>,
    /// Its calldata.
    pub data: &'a [u8],
}

/// A transaction. Whether it is signed, or in any block, is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transaction<'a> {
    /// Its hash.
    pub hash: TransactionHash,
    /// Its kind.
    pub kind: Kind,
    /// What it asks for; none, if the fields of its type are not known.
    pub call: Option<Call<'a>>,
}

impl<'a> Transaction<'a> {
    /// Reads a transaction as blocks have it (EIP-2718; one with blobs without them).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, TransactionError> {
        let (kind, payload) = open(bytes)?;
        let call = match layout(kind) {
            Some(layout) => Some(call(kind, layout, payload)?),
            None => None,
        };
        Ok(Self {
            hash: TransactionHash::from_bytes(keccak256(bytes)),
            kind,
            call,
        })
    }
}

fn call<'a>(kind: Kind, layout: &Layout, payload: &'a [u8]) -> Result<Call<'a>, TransactionError> {
    let expected = layout.fields.len();
    let wrong = |error| TransactionError::Rlp {
        kind,
        fields: expected,
        error,
    };
    let list = Item::parse(payload).map_err(wrong)?;
    let items = list.items(expected).map_err(wrong)?;
    let found = items.len();
    let short = || wrong(RlpError::Count { expected, found });
    if found != expected {
        return Err(short());
    }
    check(layout.fields, &items)?;
    let item = |place: usize| items.get(place).ok_or_else(short);
    let to = item(layout.to)?;
    let chain = item(layout.chain)?.integer().map_err(wrong)?;
    Ok(Call {
        chain_id: match kind {
            // EIP-155: v is 35 or 36 more than twice the chain id; without one it is 27 or 28.
            Kind::Legacy => chain.checked_sub(35).map(|doubled| doubled / 2),
            Kind::Typed(_) => Some(chain),
        },
        to: match to.bytes() {
            Ok([]) => None,
            _ => Some(Address::from_bytes(to.array().map_err(wrong)?)),
        },
        data: item(layout.data)?.bytes().map_err(wrong)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rlp::{encode_bytes, encode_integer, encode_list};

    /// A transaction with a good value in each field of its type, but for one.
    fn encode(kind: Kind, changed: Option<(&str, &[u8])>) -> Vec<u8> {
        let fields = layout(kind).unwrap().fields.iter().map(|field| {
            if let Some((name, value)) = changed
                && name == field.name
            {
                return value.to_vec();
            }
            match field.shape {
                Shape::Fixed(size) | Shape::FixedOrEmpty(size) => encode_bytes(&vec![7; size]),
                Shape::Number(_) => encode_integer(1),
                Shape::Bytes => encode_bytes(b"calldata"),
                Shape::List => encode_list::<Vec<u8>>(&[]),
            }
        });
        let list = encode_list(&fields.collect::<Vec<_>>());
        match kind {
            Kind::Legacy => list,
            Kind::Typed(number) => [&[number], &list[..]].concat(),
        }
    }

    const KINDS: [Kind; 5] = [
        Kind::Legacy,
        Kind::Typed(1),
        Kind::Typed(2),
        Kind::Typed(3),
        Kind::Typed(4),
    ];

    #[test]
    fn each_type_says_where_it_goes_and_what_it_carries() {
        for kind in KINDS {
            let bytes = encode(kind, None);
            let transaction = Transaction::parse(&bytes).unwrap();
            assert_eq!(transaction.kind, kind);
            assert_eq!(transaction.hash.as_bytes(), &keccak256(&bytes));
            let chain_id = (kind != Kind::Legacy).then_some(1);
            let expected = Call {
                chain_id,
                to: Some(Address::from_bytes([7; 20])),
                data: b"calldata",
            };
            assert_eq!(transaction.call, Some(expected), "{kind}");
        }
    }

    #[test]
    fn only_types_that_may_create_contracts_go_nowhere() {
        for kind in KINDS {
            let bytes = encode(kind, Some(("to", &[0x80])));
            match kind {
                Kind::Typed(3 | 4) => assert!(Transaction::parse(&bytes).is_err(), "{kind}"),
                _ => assert_eq!(
                    Transaction::parse(&bytes).unwrap().call.unwrap().to,
                    None,
                    "{kind}"
                ),
            }
        }
    }

    #[test]
    fn v_names_the_chain_of_a_legacy_transaction() {
        for (v, chain_id) in [
            (27, None),
            (28, None),
            (37, Some(1)),
            (38, Some(1)),
            (22_310_257, Some(11_155_111)),
        ] {
            let bytes = encode(Kind::Legacy, Some(("v", &encode_integer(v))));
            let call = Transaction::parse(&bytes).unwrap().call.unwrap();
            assert_eq!(call.chain_id, chain_id, "{v}");
        }
    }

    #[test]
    fn fields_of_another_shape_are_refused() {
        let list = encode_list::<Vec<u8>>(&[]);
        for kind in KINDS {
            for field in layout(kind).unwrap().fields {
                let wrong: Vec<Vec<u8>> = match field.shape {
                    Shape::Fixed(_) | Shape::FixedOrEmpty(_) => {
                        vec![list.clone(), encode_bytes(&[7; 19]), encode_bytes(&[7; 21])]
                    }
                    Shape::Number(size) => {
                        vec![list.clone(), vec![0], encode_bytes(&vec![7; size + 1])]
                    }
                    Shape::Bytes => vec![list.clone()],
                    Shape::List => vec![vec![0x80]],
                };
                for value in wrong {
                    let bytes = encode(kind, Some((field.name, &value)));
                    let found = Transaction::parse(&bytes);
                    let name = field.name;
                    assert!(
                        matches!(&found, Err(TransactionError::Field(error)) if error.name == name),
                        "{kind} {name}: {found:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn another_number_of_fields_is_refused() {
        for kind in KINDS {
            let none = encode(kind, Some(("data", &[])));
            let two = encode(kind, Some(("data", &[1, 2])));
            for bytes in [none, two] {
                let found = Transaction::parse(&bytes);
                assert!(
                    matches!(found, Err(TransactionError::Rlp { .. })),
                    "{found:?}"
                );
            }
        }
    }

    #[test]
    fn of_an_unknown_type_only_the_hash_is_known() {
        for number in [0x00, 0x05, 0x7e, 0x7f] {
            let bytes = [number, 1, 2, 3];
            let transaction = Transaction::parse(&bytes).unwrap();
            assert_eq!(transaction.kind, Kind::Typed(number));
            assert_eq!(transaction.call, None);
        }
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        for (bytes, error) in [
            (&[][..], EnvelopeError::Empty),
            (&[2], EnvelopeError::Empty),
            (&[0x80, 1], EnvelopeError::Type(0x80)),
            (&[0xb8, 1], EnvelopeError::Type(0xb8)),
        ] {
            assert_eq!(
                Transaction::parse(bytes),
                Err(TransactionError::Envelope(error))
            );
        }
        let long = vec![0xff; crate::MAX_VALUE_SIZE + 1];
        let error = EnvelopeError::TooLong(long.len());
        assert_eq!(
            Transaction::parse(&long),
            Err(TransactionError::Envelope(error))
        );
    }
}

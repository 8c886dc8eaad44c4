//! Receipts: what became of a transaction.
//!
//! Yellow Paper section 4.3.1, EIP-658 (the status), EIP-2718 (types). Every type so far has the same four fields.

use core::fmt;

use crate::envelope::{EnvelopeError, Kind, open};
use crate::fields::{Field, FieldError, Shape, check, field};
use crate::rlp::{Item, RlpError};

/// The number of fields.
const FIELD_COUNT: usize = 4;

const FIELDS: [Field; FIELD_COUNT] = [
    // Before Byzantium, the state root after the transaction.
    field("status", Shape::Bytes),
    field("cumulativeGasUsed", Shape::Number(8)),
    field("logsBloom", Shape::Fixed(256)),
    field("logs", Shape::List),
];

/// The last type whose receipts are known.
const LAST_KNOWN_TYPE: u8 = 4;

/// Why bytes are no receipt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Of no kind.
    #[error("this is no receipt: {0}")]
    Envelope(#[from] EnvelopeError),
    /// Not a list in RLP of four fields.
    #[error("a receipt is the RLP of a list of {FIELD_COUNT} fields: {0}")]
    Rlp(#[from] RlpError),
    /// A field is not what it must be.
    #[error("the receipt's field {0}")]
    Field(#[from] FieldError),
    /// Neither success nor failure.
    #[error("expected the status 0 or 1, found 0x{}", hex::encode(.0))]
    Status(Vec<u8>),
}

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Execution {
    /// Status 1.
    Succeeded,
    /// Status 0: it was in the block, and undone.
    Failed,
    /// The receipt is from before Byzantium (October 2017) and has a state root in place of a status.
    Untold,
}

impl fmt::Display for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Succeeded => "status 1",
            Self::Failed => "status 0: the transaction failed and was undone",
            Self::Untold => "a state root in place of a status (from before Byzantium)",
        })
    }
}

/// A receipt. Whether it is in any block is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The kind of its transaction.
    pub kind: Kind,
    /// What became of it; none, if the fields of its type are not known.
    pub outcome: Option<Execution>,
}

impl Receipt {
    /// Reads a receipt as blocks commit to it.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let (kind, payload) = open(bytes)?;
        if matches!(kind, Kind::Typed(number) if number == 0 || number > LAST_KNOWN_TYPE) {
            return Ok(Self {
                kind,
                outcome: None,
            });
        }
        let items = Item::parse(payload)?.items(FIELD_COUNT)?;
        let [status, ..] = &items[..] else {
            return Err(count(0));
        };
        if items.len() != FIELD_COUNT {
            return Err(count(items.len()));
        }
        check(&FIELDS, &items)?;
        let outcome = match status.bytes()? {
            [1] => Execution::Succeeded,
            [] => Execution::Failed,
            root if root.len() == 32 && kind == Kind::Legacy => Execution::Untold,
            other => return Err(ReceiptError::Status(other.to_vec())),
        };
        Ok(Self {
            kind,
            outcome: Some(outcome),
        })
    }
}

fn count(found: usize) -> ReceiptError {
    let expected = FIELD_COUNT;
    RlpError::Count { expected, found }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rlp::{encode_bytes, encode_integer, encode_list};

    fn encode(kind: Kind, status: &[u8]) -> Vec<u8> {
        let fields = [
            encode_bytes(status),
            encode_integer(21_000),
            encode_bytes(&[0; 256]),
            encode_list::<Vec<u8>>(&[]),
        ];
        let list = encode_list(&fields);
        match kind {
            Kind::Legacy => list,
            Kind::Typed(number) => [&[number], &list[..]].concat(),
        }
    }

    #[test]
    fn each_type_says_what_became_of_it() {
        for kind in [
            Kind::Legacy,
            Kind::Typed(1),
            Kind::Typed(2),
            Kind::Typed(3),
            Kind::Typed(4),
        ] {
            for (status, outcome) in [(&[1][..], Execution::Succeeded), (&[], Execution::Failed)] {
                let outcome = Some(outcome);
                assert_eq!(
                    Receipt::parse(&encode(kind, status)),
                    Ok(Receipt { kind, outcome })
                );
            }
            for status in [&[0][..], &[2], &[1, 0], &[7; 31], &[7; 33]] {
                let error = ReceiptError::Status(status.to_vec());
                assert_eq!(Receipt::parse(&encode(kind, status)), Err(error));
            }
        }
    }

    #[test]
    fn a_state_root_is_no_status_and_of_no_type() {
        let kind = Kind::Legacy;
        let outcome = Some(Execution::Untold);
        let parsed = Receipt::parse(&encode(kind, &[7; 32]));
        assert_eq!(parsed, Ok(Receipt { kind, outcome }));
        let typed = Receipt::parse(&encode(Kind::Typed(2), &[7; 32]));
        assert_eq!(typed, Err(ReceiptError::Status(vec![7; 32])));
    }

    #[test]
    fn of_an_unknown_type_nothing_is_known() {
        for number in [0, 5, 0x7f] {
            let receipt = Receipt::parse(&[number, 1, 2]).unwrap();
            assert_eq!(receipt.kind, Kind::Typed(number));
            assert_eq!(receipt.outcome, None);
        }
    }

    #[test]
    fn another_number_or_shape_of_fields_is_refused() {
        let good = [
            encode_integer(1),
            encode_integer(21_000),
            encode_bytes(&[0; 256]),
            encode_list::<Vec<u8>>(&[]),
        ];
        let parse = |fields: &[Vec<u8>]| Receipt::parse(&encode_list(fields));
        assert!(parse(&good).is_ok());
        let mut five = good.to_vec();
        five.push(vec![0x80]);
        for fields in [&good[..0], &good[..3], &five] {
            assert!(matches!(parse(fields), Err(ReceiptError::Rlp(_))));
        }
        for (place, value) in [
            (0, vec![0xc0]),
            (1, vec![0]),
            (2, encode_bytes(&[0; 255])),
            (3, vec![0x80]),
        ] {
            let mut fields = good.to_vec();
            fields[place] = value;
            let found = parse(&fields);
            assert!(matches!(found, Err(ReceiptError::Field(_))), "{found:?}");
        }
    }
}

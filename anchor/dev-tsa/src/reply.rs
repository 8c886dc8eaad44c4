//! Writing `TimeStampResp` (RFC 3161, section 2.4.2).

/// Why a request is rejected, as `PKIFailureInfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// `badAlg`.
    BadAlgorithm,
    /// `badRequest`.
    BadRequest,
    /// `badDataFormat`.
    BadDataFormat,
    /// `unacceptedPolicy`.
    UnacceptedPolicy,
    /// `unacceptedExtension`.
    UnacceptedExtension,
    /// `systemFailure`.
    SystemFailure,
}

impl Rejection {
    /// The bit that says so.
    fn bit(self) -> usize {
        match self {
            Self::BadAlgorithm => 0,
            Self::BadRequest => 2,
            Self::BadDataFormat => 5,
            Self::UnacceptedPolicy => 15,
            Self::UnacceptedExtension => 16,
            Self::SystemFailure => 25,
        }
    }

    /// For whoever reads the answer.
    fn text(self) -> &'static str {
        match self {
            Self::BadAlgorithm => "digests of SHA-256, SHA-384 and SHA-512 are stamped",
            Self::BadRequest => "expected version 1",
            Self::BadDataFormat => {
                "expected a TimeStampReq in DER with a digest of the right length"
            }
            Self::UnacceptedPolicy => "this authority has another policy",
            Self::UnacceptedExtension => "this authority knows no extensions",
            Self::SystemFailure => "the authority was told to reject",
        }
    }
}

const GRANTED: i64 = 0;
const REJECTION: i64 = 2;

/// A response with this token.
pub(crate) fn granted(token: &[u8]) -> Vec<u8> {
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer
                .next()
                .write_sequence(|writer| writer.next().write_i64(GRANTED));
            writer.next().write_der(token);
        });
    })
}

/// A response without a token.
pub(crate) fn rejected(rejection: Rejection) -> Vec<u8> {
    // DER has no zero bits after the last one bit of a list of named bits.
    let bit = rejection.bit();
    let mut bits = vec![0; bit / 8 + 1];
    bits[bit / 8] = 0x80 >> (bit % 8);
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_sequence(|writer| {
                writer.next().write_i64(REJECTION);
                writer.next().write_sequence(|writer| {
                    writer.next().write_utf8_string(rejection.text());
                });
                writer.next().write_bitvec_bytes(&bits, bit + 1);
            });
        });
    })
}

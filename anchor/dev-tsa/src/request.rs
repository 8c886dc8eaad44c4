//! Reading `TimeStampReq` (RFC 3161, section 2.4.1).
//!
//! The DER of this crate is written and read with another library than the verifier's, so that the two can disagree.

use yasna::models::ObjectIdentifier;
use yasna::{ASN1Result, Tag};

use crate::oid;
use crate::reply::Rejection;

/// What a client asks for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// What is to be stamped.
    pub(crate) imprint: Imprint,
    /// The policy that the client wants.
    pub(crate) policy: Option<ObjectIdentifier>,
    /// The client's nonce.
    pub(crate) nonce: Option<Integer>,
    /// Whether the token shall carry certificates.
    pub(crate) certificates: bool,
}

/// `MessageImprint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Imprint {
    /// The `AlgorithmIdentifier` as it came, which the token repeats to the byte.
    pub(crate) algorithm: Vec<u8>,
    /// The digest.
    pub(crate) digest: Vec<u8>,
}

/// A whole number of any length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Integer {
    /// Big-endian, of the absolute value if positive and two's complement if not.
    pub(crate) bytes: Vec<u8>,
    /// Whether it is positive, or zero.
    pub(crate) positive: bool,
}

/// As it is written, before its values are judged.
struct Parsed {
    version: u64,
    algorithm: ObjectIdentifier,
    imprint: Imprint,
    policy: Option<ObjectIdentifier>,
    nonce: Option<Integer>,
    certificates: bool,
    extensions: bool,
}

impl Request {
    /// Reads a request, and judges what does not depend on the authority; `Err` is the rejection to answer with.
    pub(crate) fn parse(der: &[u8]) -> Result<Self, Rejection> {
        let parsed = parse(der).map_err(|_| Rejection::BadDataFormat)?;
        if parsed.version != 1 {
            return Err(Rejection::BadRequest);
        }
        let length = digest_length(&parsed.algorithm).ok_or(Rejection::BadAlgorithm)?;
        if parsed.imprint.digest.len() != length {
            return Err(Rejection::BadDataFormat);
        }
        if parsed.extensions {
            return Err(Rejection::UnacceptedExtension);
        }
        Ok(Self {
            imprint: parsed.imprint,
            policy: parsed.policy,
            nonce: parsed.nonce,
            certificates: parsed.certificates,
        })
    }

    /// A request for a token with certificates over the SHA-256 of `data`.
    pub(crate) fn for_data(data: &[u8]) -> Self {
        let algorithm = yasna::construct_der(|writer| {
            writer.write_sequence(|writer| oid::write(writer.next(), oid::SHA256));
        });
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, data);
        Self {
            imprint: Imprint {
                algorithm,
                digest: digest.as_ref().to_vec(),
            },
            policy: None,
            nonce: None,
            certificates: true,
        }
    }
}

/// The length in bytes of digests that are stamped.
fn digest_length(algorithm: &ObjectIdentifier) -> Option<usize> {
    [(oid::SHA256, 32), (oid::SHA384, 48), (oid::SHA512, 64)]
        .into_iter()
        .find(|(known, _)| oid::is(algorithm, known))
        .map(|(_, length)| length)
}

fn parse(der: &[u8]) -> ASN1Result<Parsed> {
    yasna::parse_der(der, |reader| {
        reader.read_sequence(|reader| {
            let version = reader.next().read_u64()?;
            let (algorithm, imprint) = reader.next().read_sequence(|reader| {
                let (algorithm, encoded) = reader.next().read_with_buffer(|reader| {
                    reader.read_sequence(|reader| {
                        let algorithm = reader.next().read_oid()?;
                        reader.read_optional(|reader| reader.read_null())?;
                        Ok(algorithm)
                    })
                })?;
                let digest = reader.next().read_bytes()?;
                let imprint = Imprint {
                    algorithm: encoded.to_vec(),
                    digest,
                };
                Ok((algorithm, imprint))
            })?;
            let policy = reader.read_optional(|reader| reader.read_oid())?;
            let nonce = reader.read_optional(|reader| reader.read_bigint_bytes())?;
            let certificates = reader.read_default(false, |reader| reader.read_bool())?;
            let extensions = reader.read_optional(|reader| {
                reader.read_tagged_implicit(Tag::context(0), |reader| {
                    reader.read_sequence_of(|reader| reader.read_der().map(drop))
                })
            })?;
            Ok(Parsed {
                version,
                algorithm,
                imprint,
                policy,
                nonce: nonce.map(|(bytes, positive)| Integer { bytes, positive }),
                certificates,
                extensions: extensions.is_some(),
            })
        })
    })
}

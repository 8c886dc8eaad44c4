//! What is kept of an anchor: JSON, and never changed.
//!
//! A token, with what its verification needed:
//!
//! ```json
//! {
//!   "format": "counterfoil/anchor-record@v1",
//!   "kind": "rfc3161",
//!   "authority": "freetsa",
//!   "url": "https://freetsa.org/tsr",
//!   "checkpoint": "<base64: the signed checkpoint, byte for byte>",
//!   "token": "<base64: the TimeStampToken, a CMS ContentInfo in DER or BER, as it came>",
//!   "certificates": ["<base64: DER; the signer's first, the root last>"],
//!   "gen_time": 1780000000000,
//!   "received": 1780000000250,
//!   "revocation": [
//!     {"kind": "crl", "certificate": "<hex: SHA-256 of the certificate that it was fetched for>",
//!      "url": "http://…", "fetched": 1780000001000, "data": "<base64: DER>"}
//!   ]
//! }
//! ```
//!
//! Revocation data that were fetched later, when they can speak for the token's time, are a record of their own:
//!
//! ```json
//! {"format": "counterfoil/anchor-revocation@v1", "token": "rfc3161-freetsa", "revocation": [ … ]}
//! ```
//!
//! A block of an Ethereum chain: docs/ethereum.md shows its record.
//!
//! Times are milliseconds since the beginning of 1970; `gen_time` repeats what the token says, which alone decides.

mod ethereum;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
pub use counterfoil_rfc3161::RevocationKind;
use serde::{Deserialize, Serialize};

use crate::format::{MAX_CERTIFICATE_SIZE, MAX_CERTIFICATES, MAX_REVOCATIONS, MAX_TOKEN_SIZE};
use crate::json::AsObject;
use crate::moment::Moment;
use crate::names::{AnchorKind, AuthorityName, RecordName};
pub use ethereum::BlockRecord;

/// The largest record. A token and its chain have about 10 KB; lists of revoked certificates, each bounded where it is
/// fetched, have most of the rest.
pub const MAX_RECORD_BYTES: usize = 32 << 20;

const ANCHOR_FORMAT: &str = "counterfoil/anchor-record@v1";
const REVOCATION_FORMAT: &str = "counterfoil/anchor-revocation@v1";

/// Bytes are no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Too long.
    #[error("expected a record of at most {MAX_RECORD_BYTES} bytes, got {0}")]
    TooLong(usize),
    /// Not JSON of this shape.
    #[error("expected the JSON of a record: {0}")]
    Json(String),
    /// A version that this program does not know.
    #[error("expected the format {expected}, got {got:?}")]
    Format {
        /// What it must be.
        expected: &'static str,
        /// What is there.
        got: String,
    },
    /// A kind that this program does not know.
    #[error("expected the kind {expected}, got {got:?}")]
    Kind {
        /// What it must be.
        expected: AnchorKind,
        /// What is there.
        got: String,
    },
    /// More than evidence may hold.
    #[error("expected {of} within the limits of evidence, at most {most}, got {got}")]
    Limit {
        /// What there is too much of.
        of: &'static str,
        /// How much may be.
        most: usize,
        /// How much is.
        got: usize,
    },
    /// A text that is no name.
    #[error(transparent)]
    Name(#[from] crate::names::NameError),
}

/// Revocation data about one certificate, as fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// What it is.
    pub kind: RevocationKind,
    /// SHA-256 of the certificate that it was fetched for.
    pub certificate: [u8; 32],
    /// Where it is from.
    pub url: String,
    /// When it was fetched.
    pub fetched: Moment,
    /// DER, as it came.
    pub data: Vec<u8>,
}

/// A time-stamp token over a signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// Who gave it.
    pub authority: AuthorityName,
    /// Where it was asked for.
    pub url: String,
    /// What it covers, byte for byte.
    pub checkpoint: Vec<u8>,
    /// The token, as it came.
    pub token: Vec<u8>,
    /// The chain, DER: the signer's certificate first, the root last.
    pub certificates: Vec<Vec<u8>>,
    /// What the token says its time is.
    pub gen_time: Moment,
    /// When it came.
    pub received: Moment,
    /// What said then whether the certificates are revoked.
    pub revocation: Vec<Revocation>,
}

/// Revocation data that were added to a token later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationRecord {
    /// The record of the token, in the same folder.
    pub token: RecordName,
    /// The data.
    pub revocation: Vec<Revocation>,
}

impl TokenRecord {
    /// The bytes that are stored.
    pub fn encode(&self) -> Result<Vec<u8>, RecordError> {
        encode(&TokenJson {
            format: ANCHOR_FORMAT.to_owned(),
            kind: AnchorKind::Rfc3161.to_string(),
            authority: self.authority.to_string(),
            url: self.url.clone(),
            checkpoint: Base64(self.checkpoint.clone()),
            token: Base64(self.token.clone()),
            certificates: self.certificates.iter().cloned().map(Base64).collect(),
            gen_time: self.gen_time.millis(),
            received: self.received.millis(),
            revocation: self
                .revocation
                .iter()
                .map(RevocationJson::of)
                .map(AsObject)
                .collect(),
        })
    }

    /// Reads stored bytes. Whether the token is good is not asked.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let json: TokenJson = decode(bytes, ANCHOR_FORMAT)?;
        check_kind(&json.kind, AnchorKind::Rfc3161)?;
        limit("bytes of a token", json.token.0.len(), MAX_TOKEN_SIZE)?;
        limit("certificates", json.certificates.len(), MAX_CERTIFICATES)?;
        for certificate in &json.certificates {
            let of = "bytes of a certificate";
            limit(of, certificate.0.len(), MAX_CERTIFICATE_SIZE)?;
        }
        limit("revocation data", json.revocation.len(), MAX_REVOCATIONS)?;
        let revocation = json
            .revocation
            .into_iter()
            .map(|AsObject(json)| json.read());
        Ok(Self {
            authority: json.authority.parse()?,
            url: json.url,
            checkpoint: json.checkpoint.0,
            token: json.token.0,
            certificates: json.certificates.into_iter().map(|one| one.0).collect(),
            gen_time: Moment::from_millis(json.gen_time),
            received: Moment::from_millis(json.received),
            revocation: revocation.collect::<Result<_, _>>()?,
        })
    }
}

impl RevocationRecord {
    /// The bytes that are stored.
    pub fn encode(&self) -> Result<Vec<u8>, RecordError> {
        encode(&RevocationRecordJson {
            format: REVOCATION_FORMAT.to_owned(),
            token: self.token.to_string(),
            revocation: self
                .revocation
                .iter()
                .map(RevocationJson::of)
                .map(AsObject)
                .collect(),
        })
    }

    /// Reads stored bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let json: RevocationRecordJson = decode(bytes, REVOCATION_FORMAT)?;
        limit("revocation data", json.revocation.len(), MAX_REVOCATIONS)?;
        let revocation = json
            .revocation
            .into_iter()
            .map(|AsObject(json)| json.read());
        Ok(Self {
            token: json.token.parse()?,
            revocation: revocation.collect::<Result<_, _>>()?,
        })
    }
}

/// Anybody may serve a record, and what reads one goes through all of it.
fn limit(of: &'static str, got: usize, most: usize) -> Result<(), RecordError> {
    if got <= most {
        return Ok(());
    }
    Err(RecordError::Limit { of, most, got })
}

/// Which kind of anchor the bytes say that they are the record of; none if they are no such record.
pub fn kind(bytes: &[u8]) -> Option<AnchorKind> {
    #[derive(Deserialize)]
    struct Header {
        kind: String,
    }
    let Header { kind } = decode(bytes, ANCHOR_FORMAT).ok()?;
    AnchorKind::named(&kind)
}

fn check_kind(got: &str, expected: AnchorKind) -> Result<(), RecordError> {
    if AnchorKind::named(got) == Some(expected) {
        return Ok(());
    }
    Err(RecordError::Kind {
        expected,
        got: got.to_owned(),
    })
}

fn encode(json: &impl Serialize) -> Result<Vec<u8>, RecordError> {
    let mut bytes =
        serde_json::to_vec(json).map_err(|error| RecordError::Json(error.to_string()))?;
    bytes.push(b'\n');
    if bytes.len() > MAX_RECORD_BYTES {
        return Err(RecordError::TooLong(bytes.len()));
    }
    Ok(bytes)
}

/// Reads JSON; the format is looked at first, so that a later version is named as such.
fn decode<T: serde::de::DeserializeOwned>(
    bytes: &[u8],
    expected: &'static str,
) -> Result<T, RecordError> {
    #[derive(Deserialize)]
    struct Header {
        format: String,
    }
    if bytes.len() > MAX_RECORD_BYTES {
        return Err(RecordError::TooLong(bytes.len()));
    }
    let wrong = |error: serde_json::Error| RecordError::Json(error.to_string());
    let AsObject(Header { format: got }) = serde_json::from_slice(bytes).map_err(wrong)?;
    if got != expected {
        return Err(RecordError::Format { expected, got });
    }
    let AsObject(json) = serde_json::from_slice(bytes).map_err(wrong)?;
    Ok(json)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenJson {
    format: String,
    kind: String,
    authority: String,
    url: String,
    checkpoint: Base64,
    token: Base64,
    certificates: Vec<Base64>,
    gen_time: u64,
    received: u64,
    revocation: Vec<AsObject<RevocationJson>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RevocationRecordJson {
    format: String,
    token: String,
    revocation: Vec<AsObject<RevocationJson>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RevocationJson {
    #[serde(with = "RevocationKindJson")]
    kind: RevocationKind,
    certificate: String,
    url: String,
    fetched: u64,
    data: Base64,
}

/// How a record names them.
#[derive(Serialize, Deserialize)]
#[serde(remote = "RevocationKind", rename_all = "lowercase")]
enum RevocationKindJson {
    Crl,
    Ocsp,
}

impl RevocationJson {
    fn of(revocation: &Revocation) -> Self {
        Self {
            kind: revocation.kind,
            certificate: hex::encode(revocation.certificate),
            url: revocation.url.clone(),
            fetched: revocation.fetched.millis(),
            data: Base64(revocation.data.clone()),
        }
    }

    fn read(self) -> Result<Revocation, RecordError> {
        Ok(Revocation {
            kind: self.kind,
            certificate: sha256(&self.certificate)?,
            url: self.url,
            fetched: Moment::from_millis(self.fetched),
            data: self.data.0,
        })
    }
}

/// A hash, in its one spelling.
fn sha256(text: &str) -> Result<[u8; 32], RecordError> {
    let mut hash = [0; 32];
    let read = hex::decode_to_slice(text, &mut hash);
    if read.is_err() || hex::encode(hash) != text {
        return Err(crate::names::NameError::Hash(text.to_owned()).into());
    }
    Ok(hash)
}

/// Bytes in standard base64, padded.
struct Base64(Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), 0..100)
    }

    prop_compose! {
        fn revocation()(crl: bool, certificate: [u8; 32], url in ".{0,20}", fetched: u64, data in bytes()) -> Revocation {
            let kind = if crl { RevocationKind::Crl } else { RevocationKind::Ocsp };
            Revocation { kind, certificate, url, fetched: Moment::from_millis(fetched), data }
        }
    }

    prop_compose! {
        fn record()(
            url in ".{0,20}",
            checkpoint in bytes(),
            token in bytes(),
            certificates in prop::collection::vec(bytes(), 0..4),
            gen_time: u64,
            received: u64,
            revocation in prop::collection::vec(revocation(), 0..4),
        ) -> TokenRecord {
            TokenRecord {
                authority: "tsa-1".parse().unwrap(),
                url,
                checkpoint,
                token,
                certificates,
                gen_time: Moment::from_millis(gen_time),
                received: Moment::from_millis(received),
                revocation,
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(record in record()) {
            let bytes = record.encode().unwrap();
            let start = br#"{"format":"counterfoil/anchor-record@v1","kind":"rfc3161","#;
            prop_assert!(bytes.starts_with(start));
            prop_assert_eq!(TokenRecord::parse(&bytes), Ok(record.clone()));
            let added = RevocationRecord {
                token: RecordName::token(record.authority, 2),
                revocation: record.revocation,
            };
            let bytes = added.encode().unwrap();
            prop_assert_eq!(RevocationRecord::parse(&bytes), Ok(added));
        }

        #[test]
        fn a_part_is_no_record(record in record(), share in 0.0..1.0_f64) {
            let bytes = record.encode().unwrap();
            // Without its newline it is whole.
            #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a small length")]
            let end = ((bytes.len() - 1) as f64 * share) as usize;
            prop_assert!(TokenRecord::parse(&bytes[..end]).is_err());
        }
    }

    #[test]
    fn what_evidence_could_not_hold_is_refused() {
        let record = |certificates: usize, size: usize, token: usize| TokenRecord {
            authority: "tsa".parse().unwrap(),
            url: String::new(),
            checkpoint: Vec::new(),
            token: vec![0; token],
            certificates: vec![vec![0; size]; certificates],
            gen_time: Moment::from_millis(0),
            received: Moment::from_millis(0),
            revocation: Vec::new(),
        };
        let read = |record: &TokenRecord| TokenRecord::parse(&record.encode().unwrap());
        let largest = record(MAX_CERTIFICATES, MAX_CERTIFICATE_SIZE, MAX_TOKEN_SIZE);
        assert_eq!(read(&largest), Ok(largest));
        for (more, of) in [
            (record(MAX_CERTIFICATES + 1, 1, 1), "certificates"),
            (
                record(1, MAX_CERTIFICATE_SIZE + 1, 1),
                "bytes of a certificate",
            ),
            (record(1, 1, MAX_TOKEN_SIZE + 1), "bytes of a token"),
        ] {
            let refused = read(&more).unwrap_err();
            assert!(
                matches!(refused, RecordError::Limit { of: found, .. } if found == of),
                "{refused}"
            );
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let good = r#"{"format":"counterfoil/anchor-record@v1","kind":"rfc3161","authority":"tsa","url":"","checkpoint":"","token":"","certificates":[],"gen_time":0,"received":0,"revocation":[]}"#;
        assert!(TokenRecord::parse(good.as_bytes()).is_ok());
        let rows = [
            ("a later version", "@v1", "@v2", "expected the format"),
            (
                "another kind",
                "\"rfc3161\"",
                "\"ethereum\"",
                "expected the kind",
            ),
            (
                "a key more",
                "\"url\":\"\"",
                "\"url\":\"\",\"x\":1",
                "unknown field",
            ),
            ("a key less", "\"url\":\"\",", "", "missing field"),
            ("no base64", "\"token\":\"\"", "\"token\":\"?\"", "Invalid"),
            (
                "base64 without padding",
                "\"token\":\"\"",
                "\"token\":\"YQ\"",
                "padding",
            ),
            ("no name", "\"tsa\"", "\"a/b\"", "name of an authority"),
            (
                "a negative time",
                "\"received\":0",
                "\"received\":-1",
                "invalid value",
            ),
            ("something behind", "[]}", "[]}{}", "trailing"),
            (
                "revocation data as an array of their values",
                "\"revocation\":[]",
                "\"revocation\":[[\"crl\",\"\",\"\",0,\"\"]]",
                "invalid type: sequence, expected an object",
            ),
            (
                "all of it as an array of its values",
                "{\"format\":\"counterfoil/anchor-record@v1\"",
                "[\"counterfoil/anchor-record@v1\"",
                "invalid type: sequence, expected an object",
            ),
        ];
        for (name, from, to, expected) in rows {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good, "{name}");
            let error = TokenRecord::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{name}: {error}");
        }
        let long = vec![b' '; MAX_RECORD_BYTES + 1];
        let error = TokenRecord::parse(&long);
        assert_eq!(error, Err(RecordError::TooLong(MAX_RECORD_BYTES + 1)));
    }
}

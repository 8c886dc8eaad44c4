//! What is asked of an authority, and what it answers (RFC 3161 sections 2.4.1 and 2.4.2).

use core::fmt;

use crate::algorithm::{AlgorithmIdentifier, HashAlgorithm};
use crate::ber::{self, EncodingError, INTEGER, OCTET_STRING, Reader, SEQUENCE};
use crate::oid::Oid;
use crate::text;
use crate::token::MAX_TOKEN_SIZE;

/// Largest response that is read, in bytes: the largest token, and a status.
pub const MAX_RESPONSE_SIZE: usize = MAX_TOKEN_SIZE + 4_096;

/// The digest that is stamped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imprint {
    /// The hash algorithm's object identifier.
    pub algorithm: Oid,
    /// The digest.
    pub digest: Vec<u8>,
}

impl Imprint {
    /// The imprint of bytes.
    pub fn of(algorithm: HashAlgorithm, data: &[u8]) -> Self {
        Self {
            algorithm: Oid::known(algorithm.oid()),
            digest: algorithm.digest(data),
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, EncodingError> {
        let what = "messageImprint";
        let mut reader = reader.enter(SEQUENCE, what)?;
        let algorithm = AlgorithmIdentifier::read(&mut reader, what)?.oid;
        let digest = ber::octet_string(&mut reader, what)?;
        reader.end()?;
        Ok(Self { algorithm, digest })
    }

    fn to_der(&self) -> Vec<u8> {
        // RFC 5754 section 2: implementations SHOULD leave parameters of SHA-2 out; many authorities expect NULL.
        let null = ber::encode(0x05, &[]);
        let algorithm = [self.algorithm.to_der(), null].concat();
        let parts = [
            ber::encode(SEQUENCE, &algorithm),
            ber::encode(OCTET_STRING, &self.digest),
        ];
        ber::encode(SEQUENCE, &parts.concat())
    }
}

/// A number that comes back in the token: the content octets of an INTEGER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonce(Vec<u8>);

impl Nonce {
    /// The number that these bytes are, the first the highest; not negative.
    pub fn new(number: &[u8]) -> Self {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let mut content = number.get(zeros..).unwrap_or_default().to_vec();
        if content.first().is_none_or(|first| first & 0x80 != 0) {
            content.insert(0, 0);
        }
        Self(content)
    }

    pub(crate) fn from_content(content: &[u8]) -> Self {
        Self(content.to_vec())
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::bytes(&self.0))
    }
}

/// A request for a time-stamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is stamped.
    pub imprint: Imprint,
    /// The policy to stamp under; none leaves it to the authority.
    pub policy: Option<Oid>,
    /// A number that comes back in the token.
    pub nonce: Option<Nonce>,
    /// Whether the token shall hold the signer's certificate.
    pub certificates: bool,
}

impl Request {
    /// `TimeStampReq`, `application/timestamp-query`.
    pub fn to_der(&self) -> Vec<u8> {
        let mut parts = vec![ber::encode(INTEGER, &[1]), self.imprint.to_der()];
        parts.extend(self.policy.as_ref().map(Oid::to_der));
        parts.extend(
            self.nonce
                .as_ref()
                .map(|nonce| ber::encode(INTEGER, &nonce.0)),
        );
        if self.certificates {
            parts.push(ber::encode(ber::BOOLEAN, &[0xff]));
        }
        ber::encode(SEQUENCE, &parts.concat())
    }
}

/// Why a response brings no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// Not a response.
    #[error("not a time-stamp response: {0}")]
    Encoding(#[from] EncodingError),
    /// The authority refuses.
    #[error("the authority refuses: status {status}{}{}", words(.failures), texts(.text))]
    Refused {
        /// `PKIStatus`.
        status: u32,
        /// The names of the bits of `PKIFailureInfo` that are set.
        failures: Vec<&'static str>,
        /// What it says.
        text: Vec<String>,
    },
    /// It grants a token, and there is none.
    #[error("the response grants a token and has none")]
    NoToken,
}

fn words(failures: &[&str]) -> String {
    let named = failures.iter().flat_map(|failure| [", ", failure]);
    named.collect()
}

fn texts(text: &[String]) -> String {
    let quoted: Vec<String> = text.iter().map(|text| text::quoted(text)).collect();
    if quoted.is_empty() {
        String::new()
    } else {
        format!(": {}", quoted.join(" "))
    }
}

/// Bits of `PKIFailureInfo` (RFC 3161 section 2.4.2).
const FAILURES: [(usize, &str); 8] = [
    (0, "badAlg"),
    (2, "badRequest"),
    (5, "badDataFormat"),
    (14, "timeNotAvailable"),
    (15, "unacceptedPolicy"),
    (16, "unacceptedExtension"),
    (17, "addInfoNotAvailable"),
    (25, "systemFailure"),
];

/// The token in a `TimeStampResp` (`application/timestamp-reply`), as it stands there.
pub fn parse_response(bytes: &[u8]) -> Result<Vec<u8>, ResponseError> {
    let what = "TimeStampResp";
    if bytes.len() > MAX_RESPONSE_SIZE {
        return Err(EncodingError::Length(what).into());
    }
    let mut reader = ber::only(bytes, SEQUENCE, what)?.reader(what);
    let mut info = reader.enter(SEQUENCE, "PKIStatusInfo")?;
    let status = info.small("PKIStatus")?;
    let mut text = Vec::new();
    if let Some(free_text) = info.optional(SEQUENCE)? {
        let mut lines = free_text.reader("PKIFreeText");
        while !lines.is_empty() && text.len() < 4 {
            let line = String::from_utf8_lossy(lines.next()?.content).into_owned();
            text.push(line.chars().take(200).collect());
        }
    }
    let failures = match info.optional(ber::BIT_STRING)? {
        Some(bits) => failures(bits.content),
        None => Vec::new(),
    };
    info.end()?;
    // 0 is granted, 1 granted with modifications, which the checks of the token tell.
    if status > 1 {
        return Err(ResponseError::Refused {
            status,
            failures,
            text,
        });
    }
    if reader.is_empty() {
        return Err(ResponseError::NoToken);
    }
    let token = reader.expect(SEQUENCE, "timeStampToken")?.raw.to_vec();
    reader.end()?;
    Ok(token)
}

fn failures(bits: &[u8]) -> Vec<&'static str> {
    let octets = bits.get(1..).unwrap_or_default();
    let is_set = |bit: &usize| {
        octets
            .get(bit / 8)
            .is_some_and(|octet| octet & (0x80 >> (bit % 8)) != 0)
    };
    let set = FAILURES.iter().filter(|(bit, _)| is_set(bit));
    set.map(|(_, name)| *name).collect()
}

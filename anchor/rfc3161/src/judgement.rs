//! Whether a token is good: a function of what is given, and of nothing else. Each check by name.

use core::fmt;

use crate::algorithm::{self, HashAlgorithm, SignatureError};
use crate::certificate::{Certificate, DIGITAL_SIGNATURE, NON_REPUDIATION};
use crate::path::{PathError, Rank, Search};
use crate::request::{Imprint, Nonce};
use crate::time::Timestamp;
use crate::token::{EssCertId, EssVersion, Token};

const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";

const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";
const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
const SIGNING_CERTIFICATE: &str = "1.2.840.113549.1.9.16.2.12";
const SIGNING_CERTIFICATE_V2: &str = "1.2.840.113549.1.9.16.2.47";

/// How far genTime may be after the time of the judgement: clocks differ. Five minutes.
const MAX_AHEAD_MICROS: u64 = 300_000_000;

/// What a token is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The token, DER or BER.
    pub token: &'a [u8],
    /// What it shall cover.
    pub covers: Covers<'a>,
    /// The number of the request, if it is known.
    pub nonce: Option<&'a Nonce>,
    /// The policies that are accepted; none: any.
    pub policies: &'a [String],
    /// The roots that the verifier trusts.
    pub roots: &'a [Certificate],
    /// Certificates that may be needed beside those in the token. Nothing is trusted because it is here.
    pub extra: &'a [Certificate],
    /// The time of the judgement: no token is from later; none: that is not checked.
    pub at: Option<Timestamp>,
}

/// What a token shall cover.
#[derive(Debug, Clone, Copy)]
pub enum Covers<'a> {
    /// These bytes.
    Data(&'a [u8]),
    /// Bytes with this digest.
    Imprint(&'a Imprint),
    /// It is not known: whether the token covers anything that matters is not checked.
    Unknown,
}

/// A check, by a name that is the same in every release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    missing_docs,
    reason = "their names say what they are, and docs/rfc3161.md what they check"
)]
pub enum CheckName {
    Parsed,
    Version,
    ContentType,
    ImprintAlgorithm,
    Imprint,
    Nonce,
    Policy,
    MessageDigest,
    SigningCertificate,
    Signature,
    KeyUsage,
    ExtendedKeyUsage,
    Path,
    Accuracy,
    Time,
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parsed => "parsed",
            Self::Version => "version",
            Self::ContentType => "content type",
            Self::ImprintAlgorithm => "imprint algorithm",
            Self::Imprint => "imprint",
            Self::Nonce => "nonce",
            Self::Policy => "policy",
            Self::MessageDigest => "message digest",
            Self::SigningCertificate => "signing certificate",
            Self::Signature => "signature",
            Self::KeyUsage => "key usage",
            Self::ExtendedKeyUsage => "extended key usage",
            Self::Path => "path",
            Self::Accuracy => "accuracy",
            Self::Time => "time",
        })
    }
}

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It does not hold.
    Failed,
    /// It could not be made.
    NotChecked,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Which.
    pub name: CheckName,
    /// What it came to.
    pub verdict: Verdict,
    /// Why, in words.
    pub reason: String,
}

/// The time in a token, and what its accuracy leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenTime {
    /// What it says.
    pub time: Timestamp,
    /// The earliest time that it may mean.
    pub earliest: Timestamp,
    /// The latest.
    pub latest: Timestamp,
}

/// The checks of a token, in order, and what it says if it could be parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Each check that was made, or could not be.
    pub checks: Vec<Check>,
    /// The time in it.
    pub gen_time: Option<GenTime>,
    /// The chain by which it was verified: the signer's certificate first, the root last; empty if there is none.
    pub chain: Vec<Certificate>,
}

impl Judgement {
    /// What a check came to.
    pub fn verdict(&self, name: CheckName) -> Verdict {
        let mut checks = self.checks.iter();
        let found = checks.find(|check| check.name == name);
        found.map_or(Verdict::NotChecked, |check| check.verdict)
    }

    /// True if nothing failed, and everything that a token must show was checked. Nonce, policy and time are the caller's to ask for.
    pub fn is_good(&self) -> bool {
        let optional = [
            CheckName::Nonce,
            CheckName::Policy,
            CheckName::Accuracy,
            CheckName::Time,
        ];
        self.checks.iter().all(|check| match check.verdict {
            Verdict::Passed => true,
            Verdict::Failed => false,
            Verdict::NotChecked => optional.contains(&check.name),
        })
    }

    /// The first check that failed.
    pub fn first_failure(&self) -> Option<&Check> {
        self.checks
            .iter()
            .find(|check| check.verdict == Verdict::Failed)
    }

    fn note(&mut self, name: CheckName, outcome: Result<String, Trouble>) {
        let (verdict, reason) = match outcome {
            Ok(reason) => (Verdict::Passed, reason),
            Err(Trouble::Failed(reason)) => (Verdict::Failed, reason),
            Err(Trouble::NotChecked(reason)) => (Verdict::NotChecked, reason),
        };
        self.checks.push(Check {
            name,
            verdict,
            reason,
        });
    }
}

/// Why a check did not pass.
enum Trouble {
    Failed(String),
    NotChecked(String),
}

fn failed(reason: impl fmt::Display) -> Trouble {
    Trouble::Failed(reason.to_string())
}

fn not_checked(reason: impl fmt::Display) -> Trouble {
    Trouble::NotChecked(reason.to_string())
}

/// Judges a token.
pub fn verify(question: &Question<'_>) -> Judgement {
    let mut judgement = Judgement {
        checks: Vec::new(),
        gen_time: None,
        chain: Vec::new(),
    };
    let token = match Token::parse(question.token) {
        Ok(token) => token,
        Err(error) => {
            judgement.note(CheckName::Parsed, Err(failed(error)));
            return judgement;
        }
    };
    let micros = token.info.accuracy.unwrap_or(0);
    let time = token.info.gen_time;
    judgement.gen_time = Some(GenTime {
        time,
        earliest: time.earlier(micros),
        latest: time.later(micros),
    });
    judgement.note(
        CheckName::Parsed,
        Ok(format!("{} certificates in it", token.certificates.len())),
    );
    judgement.note(CheckName::Version, version(&token));
    judgement.note(CheckName::ContentType, content_type(&token));
    judgement.note(
        CheckName::ImprintAlgorithm,
        imprint_algorithm(&token.info.imprint),
    );
    judgement.note(
        CheckName::Imprint,
        imprint(&token.info.imprint, question.covers),
    );
    judgement.note(
        CheckName::Nonce,
        nonce(token.info.nonce.as_ref(), question.nonce),
    );
    judgement.note(
        CheckName::Policy,
        policy(&token.info.policy, question.policies),
    );
    judgement.note(CheckName::MessageDigest, message_digest(&token));
    judge_signer(&token, question, &mut judgement);
    judgement.note(
        CheckName::Accuracy,
        match token.info.accuracy {
            Some(micros) => Ok(format!("within {micros} microseconds")),
            None => Err(not_checked("the token does not say how exact its time is")),
        },
    );
    judgement.note(CheckName::Time, is_not_later(time, question.at));
    judgement
}

/// The checks that need the signer's certificate.
fn judge_signer(token: &Token, question: &Question<'_>, judgement: &mut Judgement) {
    let about_signer = [
        CheckName::SigningCertificate,
        CheckName::Signature,
        CheckName::KeyUsage,
        CheckName::ExtendedKeyUsage,
        CheckName::Path,
    ];
    let signer = match signer(token, question.extra) {
        Ok(signer) => signer,
        Err(reason) => {
            for name in about_signer {
                judgement.note(name, Err(not_checked(&reason)));
            }
            return;
        }
    };
    judgement.note(
        CheckName::SigningCertificate,
        signing_certificate(token, &signer),
    );
    judgement.note(CheckName::Signature, signature(token, &signer));
    judgement.note(CheckName::KeyUsage, key_usage(&signer));
    judgement.note(CheckName::ExtendedKeyUsage, extended_key_usage(&signer));
    let mut others = token.certificates.clone();
    others.extend_from_slice(question.extra);
    let path = Search::new(question.roots, &others, token.info.gen_time).path(&signer);
    let outcome = match path {
        Ok(chain) => {
            let root = chain
                .last()
                .map_or_else(String::new, |root| root.subject().to_string());
            let words = format!("{} certificates to the trusted root {root}", chain.len());
            judgement.chain = chain;
            Ok(words)
        }
        Err(error) => Err(path_trouble(&error)),
    };
    judgement.note(CheckName::Path, outcome);
}

fn path_trouble(error: &PathError) -> Trouble {
    match error.rank() {
        Rank::Untrusted => not_checked(error),
        Rank::Wrong => failed(error),
    }
}

/// The certificate that the signer says is its own; where several have that name, the one whose key made the signature.
fn signer(token: &Token, extra: &[Certificate]) -> Result<Certificate, String> {
    let known = token.certificates.iter().chain(extra);
    let mut candidates: Vec<&Certificate> = Vec::new();
    for certificate in known.filter(|certificate| token.signer.id.is(certificate)) {
        if !candidates.contains(&certificate) {
            candidates.push(certificate);
        }
    }
    // Verifying is the costly part, and one candidate needs no choice.
    let made = match candidates.as_slice() {
        [only] => Some(only),
        several => several
            .iter()
            .find(|certificate| signature(token, certificate).is_ok()),
    };
    match made.or(candidates.first()) {
        Some(certificate) => Ok((*certificate).clone()),
        None => Err(match token.unreadable.first() {
            Some(error) => {
                format!("the signer's certificate is not there, or could not be read: {error}")
            }
            None => "the signer's certificate is neither in the token nor beside it".into(),
        }),
    }
}

fn version(token: &Token) -> Result<String, Trouble> {
    // RFC 3161 section 2.4.2: version INTEGER { v1(1) }. RFC 5652 section 5.1: 3 where the content type is not id-data; some write 1.
    if token.info.version != 1 {
        return Err(failed(format!(
            "expected TSTInfo of version 1, found {}",
            token.info.version
        )));
    }
    if !(1..=5).contains(&token.version) {
        return Err(failed(format!(
            "expected signed data of version 3, found {}",
            token.version
        )));
    }
    if !token.info.critical.is_empty() {
        let oids = token.info.critical.join(", ");
        return Err(failed(format!(
            "the token has critical extensions that are not understood: {oids}"
        )));
    }
    Ok("1".into())
}

fn content_type(token: &Token) -> Result<String, Trouble> {
    if token.content_type != TST_INFO {
        return Err(failed(format!(
            "expected id-ct-TSTInfo, found {}",
            token.content_type
        )));
    }
    // RFC 5652 section 5.3: signed attributes MUST be there if the content is not id-data, with content type and message digest.
    let said = token.signer.attribute(CONTENT_TYPE);
    match said.map_err(|error| failed(format!("the attribute content-type {error}")))? {
        None => Err(failed("the signed attribute content-type is missing")),
        Some(value) if value == crate::ber::encode_oid(TST_INFO) => Ok("id-ct-TSTInfo".into()),
        Some(_) => Err(failed(
            "the signed attribute content-type is not id-ct-TSTInfo",
        )),
    }
}

fn imprint_algorithm(imprint: &Imprint) -> Result<String, Trouble> {
    let algorithm = algorithm::known_hash(&imprint.algorithm).map_err(failed)?;
    let (expected, found) = (algorithm.size(), imprint.digest.len());
    if found == expected {
        Ok(algorithm.name().to_owned())
    } else {
        let name = algorithm.name();
        Err(failed(format!(
            "a digest by {name} has {expected} bytes, found {found}"
        )))
    }
}

fn imprint(imprint: &Imprint, covers: Covers<'_>) -> Result<String, Trouble> {
    let same = match covers {
        Covers::Unknown => return Err(not_checked("what the token covers was not given")),
        Covers::Imprint(expected) => expected == imprint,
        Covers::Data(data) => match HashAlgorithm::of_oid(&imprint.algorithm) {
            Some(algorithm) => algorithm.digest(data) == imprint.digest,
            None => return Err(not_checked("the hash algorithm is not known")),
        },
    };
    if same {
        Ok("it covers what was given".into())
    } else {
        Err(failed(format!(
            "it covers other data: their digest is {}",
            hex::encode(&imprint.digest)
        )))
    }
}

fn nonce(found: Option<&Nonce>, expected: Option<&Nonce>) -> Result<String, Trouble> {
    match (expected, found) {
        (None, _) => Err(not_checked("the request's nonce is not known")),
        (Some(expected), Some(found)) if expected == found => Ok("the request's".into()),
        (Some(expected), Some(found)) => Err(failed(format!(
            "expected the request's nonce {expected}, found {found}"
        ))),
        (Some(expected), None) => Err(failed(format!(
            "expected the request's nonce {expected}, and there is none"
        ))),
    }
}

fn policy(found: &str, accepted: &[String]) -> Result<String, Trouble> {
    if accepted.is_empty() {
        Err(not_checked(format!(
            "any policy is accepted; it is {found}"
        )))
    } else if accepted.iter().any(|policy| policy == found) {
        Ok(found.to_owned())
    } else {
        Err(failed(format!(
            "expected {}, found {found}",
            accepted.join(" or ")
        )))
    }
}

fn message_digest(token: &Token) -> Result<String, Trouble> {
    let algorithm = algorithm::known_hash(&token.signer.digest).map_err(failed)?;
    let said = token.signer.attribute(MESSAGE_DIGEST);
    let said = said.map_err(|error| failed(format!("the attribute message-digest {error}")))?;
    let Some(said) = said else {
        return Err(failed("the signed attribute message-digest is missing"));
    };
    let digest = crate::ber::octet_string(
        &mut crate::ber::Reader::new(said, "message-digest"),
        "message-digest",
    );
    if digest.map_err(failed)? == algorithm.digest(&token.content) {
        Ok(algorithm.name().to_owned())
    } else {
        Err(failed(
            "the signed attribute message-digest is not the digest of the content",
        ))
    }
}

fn signing_certificate(token: &Token, signer: &Certificate) -> Result<String, Trouble> {
    // RFC 3161 section 2.4.2: "The certificate identifier (ESSCertID) of the TSA certificate MUST be included as a signerInfo
    // attribute inside a SigningCertificate attribute." RFC 5816: or ESSCertIDv2. Where both are there both have to be right.
    let mut shown = Vec::new();
    for (oid, version, name) in [
        (SIGNING_CERTIFICATE, EssVersion::V1, "ESSCertID"),
        (SIGNING_CERTIFICATE_V2, EssVersion::V2, "ESSCertIDv2"),
    ] {
        let value = token.signer.attribute(oid);
        let value = value.map_err(|error| failed(format!("the attribute with {name} {error}")))?;
        let Some(value) = value else {
            continue;
        };
        let id =
            EssCertId::first(value, version).map_err(|error| failed(format!("{name}: {error}")))?;
        let Some(hash) = HashAlgorithm::of_oid(&id.algorithm) else {
            let error = SignatureError::Unsupported(format!("the hash algorithm {}", id.algorithm));
            return Err(failed(format!("{name}: {error}")));
        };
        if version == EssVersion::V2 && hash == HashAlgorithm::Sha1 {
            return Err(failed(format!(
                "{name}: {}",
                SignatureError::Broken("SHA-1".into())
            )));
        }
        if hash.digest(signer.der()) != id.hash {
            return Err(failed(format!("{name} is the hash of another certificate")));
        }
        if let Some((issuers, serial)) = &id.issuer_serial
            && (serial != signer.serial() || !issuers.contains(signer.issuer()))
        {
            return Err(failed(format!(
                "{name} names another issuer or serial number"
            )));
        }
        shown.push(format!("{name} by {}", hash.name()));
    }
    if shown.is_empty() {
        return Err(failed(
            "the signed attribute that names the signer's certificate is missing",
        ));
    }
    Ok(shown.join(", "))
}

fn signature(token: &Token, signer: &Certificate) -> Result<String, Trouble> {
    let Some(attributes) = &token.signer.signed_attributes else {
        return Err(failed("there are no signed attributes"));
    };
    let verified = algorithm::verify(
        signer.spki(),
        &token.signer.algorithm,
        Some(&token.signer.digest),
        attributes,
        &token.signer.signature,
    );
    verified.map_err(failed)?;
    Ok(format!("by {}", signer.subject()))
}

fn key_usage(signer: &Certificate) -> Result<String, Trouble> {
    // RFC 5280 section 4.2.1.12: the bits consistent with id-kp-timeStamping are "digitalSignature and/or nonRepudiation", and "the
    // certificate MUST only be used for a purpose consistent with both extensions".
    if !(signer.may(DIGITAL_SIGNATURE) || signer.may(NON_REPUDIATION)) {
        return Err(failed("the signer's key may not be used for signatures"));
    }
    if signer.may_only(DIGITAL_SIGNATURE | NON_REPUDIATION) {
        Ok("for signatures alone".into())
    } else {
        Err(failed(
            "the signer's key may be used for more than signatures",
        ))
    }
}

fn extended_key_usage(signer: &Certificate) -> Result<String, Trouble> {
    // RFC 3161 section 2.3: "The corresponding certificate MUST contain only one instance of the extended key usage field
    // extension [...] with KeyPurposeID having value: id-kp-timeStamping. This extension MUST be critical."
    let Some(usage) = signer.extended_key_usage() else {
        return Err(failed("the signer's certificate has no extended key usage"));
    };
    match usage.purposes.as_slice() {
        [only] if only == TIME_STAMPING && usage.critical => {
            Ok("time-stamping alone, and critical".into())
        }
        [only] if only == TIME_STAMPING => Err(failed("the extended key usage is not critical")),
        purposes => Err(failed(format!(
            "expected the extended key usage to be time-stamping alone, found {}",
            purposes.join(", ")
        ))),
    }
}

fn is_not_later(time: Timestamp, at: Option<Timestamp>) -> Result<String, Trouble> {
    let Some(at) = at else {
        return Err(not_checked("the time of the judgement was not given"));
    };
    if time > at.later(MAX_AHEAD_MICROS) {
        Err(failed(format!(
            "the token is from {time}, which is after {at}"
        )))
    } else {
        Ok(time.to_string())
    }
}

//! Judging tokens by `counterfoil-rfc3161`, with the roots, certificates and policies of an `[[authority]]`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use counterfoil_evidence::trust::MAX_CERTIFICATES;
use counterfoil_rfc3161 as rfc3161;
use counterfoil_rfc3161::{
    Certificate, Check, CheckName, Covers, HashAlgorithm, Imprint, Judgement, Oid, OidError,
    Outcome, PemError, Question, Request, ResponseError, RevocationKind, RevocationStatus,
    Timestamp, Told, parse_response, revocation_sources, revocation_told, verify,
};
use sha2::{Digest as _, Sha256};

use super::{Fault, GoodToken, Judge, Nonce, RecordJudge, Rejection, Root, Source};
use crate::config::AuthorityConfig;
use crate::moment::{Moment, of_timestamp, timestamp};
use crate::record::TokenRecord;

/// Judges the tokens of one authority by what its table says.
#[derive(Debug, Clone)]
pub struct Rfc3161Judge {
    roots: Vec<Certificate>,
    certificates: Vec<Certificate>,
    policies: Vec<Oid>,
}

/// Why there is nothing to judge tokens by.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What is in it is not what it should be.
    #[error("{}: {error}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: PemError,
    },
    /// There are too many certificates.
    #[error("{key}: expected at most {MAX_CERTIFICATES} certificates in all files, got {found}")]
    TooMany {
        /// Which.
        key: &'static str,
        /// How many there are.
        found: usize,
    },
    /// A policy is none.
    #[error("policies: {0}")]
    Policy(#[from] OidError),
}

/// What judges the tokens of an authority, as [`crate::run::plan`] wants it.
pub fn make(
    config: &AuthorityConfig,
) -> Result<Arc<dyn Judge>, Box<dyn std::error::Error + Send + Sync>> {
    Ok(Arc::new(Rfc3161Judge::load(config)?))
}

impl Rfc3161Judge {
    /// Reads the files that a table names.
    pub fn load(config: &AuthorityConfig) -> Result<Self, LoadError> {
        let policies = config.policies.iter().map(|policy| policy.parse());
        Ok(Self {
            roots: certificates("roots", &config.roots)?,
            certificates: certificates("certificates", &config.certificates)?,
            policies: policies.collect::<Result<_, _>>()?,
        })
    }
}

/// As many as a trust file may have of one authority: evidence is judged by that.
fn certificates(key: &'static str, paths: &[PathBuf]) -> Result<Vec<Certificate>, LoadError> {
    let read = |path: &Path| {
        let text = std::fs::read(path).map_err(|source| LoadError::File {
            path: path.to_owned(),
            source,
        })?;
        Certificate::from_pem(&text).map_err(|error| LoadError::Pem {
            path: path.to_owned(),
            error,
        })
    };
    let mut all = Vec::new();
    for path in paths {
        all.extend(read(path)?);
    }
    match all.len() {
        found if found > MAX_CERTIFICATES => Err(LoadError::TooMany { key, found }),
        _ => Ok(all),
    }
}

impl Judge for Rfc3161Judge {
    fn roots(&self) -> Vec<Root> {
        let root = |root: &Certificate| Root {
            key: key(root),
            subject: root.subject().to_string(),
        };
        self.roots.iter().map(root).collect()
    }

    fn request(&self, data: &[u8], nonce: &Nonce) -> Vec<u8> {
        // Where several would do the authority chooses.
        let policy = match self.policies.as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        };
        let request = Request {
            imprint: Imprint::of(HashAlgorithm::Sha256, data),
            policy,
            nonce: Some(rfc3161::Nonce::new(&nonce.0)),
            certificates: true,
        };
        request.to_der()
    }

    fn judge(&self, answer: &[u8], data: &[u8], nonce: &Nonce) -> Result<GoodToken, Rejection> {
        let token = parse_response(answer).map_err(|error| no_token(&error))?;
        let nonce = rfc3161::Nonce::new(&nonce.0);
        let judgement = verify(&Question {
            nonce: Some(&nonce),
            ..self.question(&token, data, &self.certificates)
        });
        good(token, &judgement, |_| true)
    }

    fn kept(&self, record: &TokenRecord) -> Result<GoodToken, Rejection> {
        let mut extra = beside(record);
        extra.extend_from_slice(&self.certificates);
        let token = &record.token;
        let judgement = verify(&self.question(token, &record.checkpoint, &extra));
        good(token.clone(), &judgement, is_kept)
    }
}

impl Rfc3161Judge {
    fn question<'a>(
        &'a self,
        token: &'a [u8],
        data: &'a [u8],
        extra: &'a [Certificate],
    ) -> Question<'a> {
        Question {
            token,
            covers: Covers::Data(data),
            nonce: None,
            policies: &self.policies,
            roots: &self.roots,
            extra,
            // Fetched once it is known to be good; see `capture`.
            revocation: &[],
            // Compared with the clock before and after the request, which says more.
            at: None,
        }
    }
}

/// Judges records by what is in them.
#[derive(Debug, Clone, Copy)]
pub struct Rfc3161RecordJudge;

impl RecordJudge for Rfc3161RecordJudge {
    fn token(&self, record: &TokenRecord) -> Result<(), Rejection> {
        let extra = beside(record);
        let judgement = verify(&Question {
            token: &record.token,
            covers: Covers::Data(&record.checkpoint),
            nonce: None,
            policies: &[],
            roots: extra.last().map(std::slice::from_ref).unwrap_or_default(),
            extra: &extra,
            revocation: &[],
            at: None,
        });
        let good = good(record.token.clone(), &judgement, is_kept)?;
        if good.gen_time == record.gen_time {
            return Ok(());
        }
        Err(Rejection {
            fault: Fault::Invalid,
            reason: format!(
                "gen_time: the token says {}, and the record {}",
                good.gen_time, record.gen_time
            ),
        })
    }

    fn sources(&self, chain: &[Vec<u8>]) -> Vec<Source> {
        let Ok(chain) = parse_chain(chain) else {
            return Vec::new();
        };
        revocation_sources(&chain)
    }

    fn nothing_to_fetch(&self, chain: &[Vec<u8>], certificate: usize) -> Option<String> {
        let certificate = Certificate::parse(chain.get(certificate)?).ok()?;
        let places = certificate.sources().nothing_to_fetch()?;
        Some(format!("{}: {places}", certificate.subject()))
    }

    fn revocation(
        &self,
        chain: &[Vec<u8>],
        certificate: usize,
        kind: RevocationKind,
        data: &[u8],
        gen_time: Moment,
    ) -> Told {
        match parse_chain(chain) {
            Ok(chain) => revocation_told(&chain, certificate, kind, data, timestamp(gen_time)),
            Err(error) => Told {
                status: RevocationStatus::Nothing(format!("the chain: {error}")),
                as_of: None,
            },
        }
    }
}

fn parse_chain(chain: &[Vec<u8>]) -> Result<Vec<Certificate>, rfc3161::EncodingError> {
    chain.iter().map(|one| Certificate::parse(one)).collect()
}

fn no_token(error: &ResponseError) -> Rejection {
    let fault = match error {
        ResponseError::Encoding(_) => Fault::NotAResponse,
        ResponseError::Refused { .. } => Fault::Refused,
        _ => Fault::Invalid,
    };
    Rejection {
        fault,
        reason: error.to_string(),
    }
}

/// The certificates of a record. What is no certificate helps nobody.
fn beside(record: &TokenRecord) -> Vec<Certificate> {
    let chain = record.certificates.iter();
    chain
        .filter_map(|der| Certificate::parse(der).ok())
        .collect()
}

/// What can be asked of a token that was kept: the number of its request is not known any more.
fn is_kept(check: CheckName) -> bool {
    check != CheckName::Nonce
}

/// The token, if nothing is wrong with it of what is asked.
fn good(
    token: Vec<u8>,
    judgement: &Judgement,
    is_asked: impl Fn(CheckName) -> bool,
) -> Result<GoodToken, Rejection> {
    if let Some(rejection) = rejection(judgement, is_asked) {
        return Err(rejection);
    }
    let times = judgement.gen_time.and_then(|time| {
        Some((
            of_timestamp(time.time)?,
            of_timestamp(time.earliest)?,
            ceiling(time.latest)?,
        ))
    });
    let Some((gen_time, earliest, latest)) = times else {
        return Err(Rejection {
            fault: Fault::Invalid,
            reason: "time: expected one after the beginning of 1970".to_owned(),
        });
    };
    let chain = &judgement.chain;
    Ok(GoodToken {
        token,
        gen_time,
        earliest,
        latest,
        chain: chain.iter().map(|one| one.der().to_vec()).collect(),
        keys: chain.iter().map(key).collect(),
    })
}

fn key(certificate: &Certificate) -> [u8; 32] {
    Sha256::digest(certificate.spki()).into()
}

/// What is wrong with a token: the first check that failed, or else the first that had to be made and could not.
fn rejection(judgement: &Judgement, is_asked: impl Fn(CheckName) -> bool) -> Option<Rejection> {
    let failed = judgement.first_failure();
    let failed = failed.map(|check| (fault(check.name), check));
    let missing = || {
        let open = |check: &&Check| check.outcome == Outcome::NotChecked && is_asked(check.name);
        let mut open = judgement.checks.iter().filter(open);
        open.find_map(|check| Some((open_fault(check.name)?, check)))
    };
    let (fault, check) = failed.or_else(missing)?;
    Some(Rejection {
        fault,
        reason: format!("{}: {}", check.name, check.reason),
    })
}

/// What a check that failed says of the token.
fn fault(name: CheckName) -> Fault {
    match name {
        CheckName::Parsed
        | CheckName::Version
        | CheckName::ContentType
        | CheckName::ImprintAlgorithm
        | CheckName::Accuracy
        | CheckName::Time => Fault::Invalid,
        CheckName::Imprint => Fault::OtherData,
        CheckName::Nonce => Fault::WrongNonce,
        CheckName::Policy => Fault::WrongPolicy,
        CheckName::MessageDigest | CheckName::Signature => Fault::BadSignature,
        CheckName::SigningCertificate
        | CheckName::KeyUsage
        | CheckName::ExtendedKeyUsage
        | CheckName::BasicConstraints
        | CheckName::Path
        | CheckName::Revocation => Fault::BadCertificate,
    }
}

/// What a check that could not be made says of the token; `None` where a token may count without it.
fn open_fault(name: CheckName) -> Option<Fault> {
    match name {
        // They need the signer's certificate, or a path to a root.
        CheckName::SigningCertificate
        | CheckName::Signature
        | CheckName::KeyUsage
        | CheckName::ExtendedKeyUsage
        | CheckName::BasicConstraints
        | CheckName::Path => Some(Fault::Untrusted),
        CheckName::Parsed
        | CheckName::Version
        | CheckName::ContentType
        | CheckName::ImprintAlgorithm
        | CheckName::Imprint
        | CheckName::Nonce
        | CheckName::MessageDigest => Some(Fault::Invalid),
        // Any policy is allowed where none is configured, revocation data are fetched after this, many authorities do not
        // say how exact they are, and the caller looks at the clock.
        CheckName::Policy | CheckName::Revocation | CheckName::Accuracy | CheckName::Time => None,
    }
}

/// To the millisecond, up.
fn ceiling(time: Timestamp) -> Option<Moment> {
    of_timestamp(time.later(999))
}

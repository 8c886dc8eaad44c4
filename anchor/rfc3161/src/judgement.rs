//! Whether a token is good: a function of what is given, and of nothing else. Each check by name.

mod checks;
mod revocation;
mod signer;

use core::fmt;

use counterfoil_checks::{Checks, Outcome, failed};

use crate::certificate::Certificate;
use crate::known::Known;
use crate::oid::Oid;
use crate::request::{Imprint, Nonce};
use crate::time::Timestamp;
use crate::token::Token;
pub use revocation::{RevocationData, Standing};

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
    pub policies: &'a [Oid],
    /// The roots that the verifier trusts.
    pub roots: &'a [Certificate],
    /// Certificates that may be needed beside those in the token. Nothing is trusted because it is here.
    pub extra: &'a [Certificate],
    /// What was captured about the revocation of certificates.
    pub revocation: &'a [RevocationData<'a>],
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
    BasicConstraints,
    Revocation,
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
            Self::BasicConstraints => "basic constraints",
            Self::Revocation => "revocation",
            Self::Accuracy => "accuracy",
            Self::Time => "time",
        })
    }
}

/// One check of a token.
pub type Check = counterfoil_checks::Check<CheckName>;

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
    pub checks: Checks<CheckName>,
    /// The time in it.
    pub gen_time: Option<GenTime>,
    /// The chain by which it was verified: the signer's certificate first, the root last; empty if there is none.
    pub chain: Vec<Certificate>,
    /// How each of them but the root stands, by what was given about their revocation.
    pub revocation: Vec<Standing>,
    /// Who stands behind it.
    pub behind: Behind,
}

/// Who stands behind a token, right or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behind {
    /// Somebody who is trusted: by good signatures these lead from the signer's certificate to a trusted root. Whether they hold, the
    /// checks say.
    Trusted(Vec<Certificate>),
    /// It names somebody who is trusted, in its certificates or of the signer, and no good signatures show that.
    Named,
    /// Nobody who is trusted.
    Nobody,
}

impl Judgement {
    /// What a check came to.
    pub fn outcome(&self, name: CheckName) -> Outcome {
        self.checks.of(&name)
    }

    /// True if nothing failed, and everything that a token must show was checked. Nonce, policy, revocation and time are the caller's to ask for.
    pub fn is_good(&self) -> bool {
        let optional = [
            CheckName::Nonce,
            CheckName::Policy,
            CheckName::Revocation,
            CheckName::Accuracy,
            CheckName::Time,
        ];
        self.checks.hold_but_for(&optional)
    }

    /// The first check that failed.
    pub fn first_failure(&self) -> Option<&Check> {
        self.checks.first(Outcome::Failed)
    }
}

/// Judges a token.
pub fn verify(question: &Question<'_>) -> Judgement {
    verify_knowing(question, &Known::default())
}

/// Judges a token, where many are judged that share certificates and revocation data: what is `known` of them is not verified again.
pub fn verify_knowing(question: &Question<'_>, known: &Known) -> Judgement {
    let mut judgement = Judgement {
        checks: Checks::default(),
        gen_time: None,
        chain: Vec::new(),
        revocation: Vec::new(),
        behind: Behind::Nobody,
    };
    let token = match Token::parse(question.token) {
        Ok(token) => token,
        Err(error) => {
            judgement.checks.note(CheckName::Parsed, Err(failed(error)));
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
    judgement.checks.note(
        CheckName::Parsed,
        Ok(format!("{} certificates in it", token.certificates.len())),
    );
    judgement
        .checks
        .note(CheckName::Version, checks::version(&token));
    judgement
        .checks
        .note(CheckName::ContentType, checks::content_type(&token));
    judgement.checks.note(
        CheckName::ImprintAlgorithm,
        checks::imprint_algorithm(&token.info.imprint),
    );
    judgement.checks.note(
        CheckName::Imprint,
        checks::imprint(&token.info.imprint, question.covers),
    );
    judgement.checks.note(
        CheckName::Nonce,
        checks::nonce(token.info.nonce.as_ref(), question.nonce),
    );
    judgement.checks.note(
        CheckName::Policy,
        checks::policy(&token.info.policy, question.policies),
    );
    judgement
        .checks
        .note(CheckName::MessageDigest, checks::message_digest(&token));
    signer::judge(&token, question, known, &mut judgement);
    judgement.checks.note(
        CheckName::Revocation,
        revocation::check(&judgement.chain, &judgement.revocation),
    );
    judgement
        .checks
        .note(CheckName::Accuracy, checks::accuracy(&token.info));
    judgement
        .checks
        .note(CheckName::Time, checks::is_not_later(time, question.at));
    judgement
}

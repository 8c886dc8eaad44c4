//! What the authority does wrong, on demand.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How the authority behaves. Each has a name, for the command line and for `PUT /behaviour`.
///
/// Where a token is given, all of it is right and signed by the right key but for what the behaviour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// `honest`: as it should.
    #[default]
    Honest,
    /// `slow`, `slow=SECONDS` (30): a right answer after that long.
    Slow(Duration),
    /// `down`: the connection is closed without an answer to POST /tsr.
    Down,
    /// `unavailable`: HTTP status 503.
    Unavailable,
    /// `rejects`: `PKIStatus` rejection with systemFailure and a text.
    Rejects,
    /// `html`: a page of HTML, with status 200 and its content type.
    Html,
    /// `wrong-nonce`: the nonce of a token is not the request's.
    WrongNonce,
    /// `stale`: the first answer that was given for the same imprint, as a cache would; if there is none, one with a
    /// nonce of its own, made an hour ago.
    Stale,
    /// `other-data`: the imprint is another's.
    OtherData,
    /// `wrong-policy`: the token names another policy than the request, or than the one that is the authority's.
    WrongPolicy,
    /// `bad-signature`: one bit of the signature is wrong.
    BadSignature,
    /// `untrusted`: signed by a chain of the same names under another root, with those certificates.
    Untrusted,
    /// `past`, `past=SECONDS` (a day): genTime is that long ago.
    Past(Duration),
    /// `future`, `future=SECONDS` (a day): genTime is so far ahead.
    Future(Duration),
    /// `huge`, `huge=BYTES` (100,000,000): so many bytes, which begin like a response.
    Huge(u64),
    /// `no-certificates`: the token has no certificates, though they were asked for.
    NoCertificates,
    /// `expired`: certificates of the authority and of its issuer that expired a year before the authority was made.
    Expired,
    /// `eku-not-critical`: the signer's extended key usage is not critical.
    EkuNotCritical,
    /// `eku-not-sole`: the signer's extended key usage, critical, names code signing beside time-stamping.
    EkuNotSole,
    /// `revoked`, `revoked=REASON`: the signer's certificate is revoked from the moment this is set, in CRL and OCSP, for
    /// that reason or without one. Tokens are given as before, as by a stolen key.
    Revoked(Option<Reason>),
    /// `issuer-revoked`, `issuer-revoked=REASON`: the same of the certificate above the signer's.
    IssuerRevoked(Option<Reason>),
    /// `no-revocation-data`: HTTP status 503 for each CRL and for OCSP; tokens are right.
    NoRevocationData,
}

/// Why a certificate is revoked (RFC 5280, section 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// `unspecified`: said, which differs from no reason: RFC 3161 (section 4) lets the tokens from before stand.
    Unspecified,
    /// `key-compromise`.
    KeyCompromise,
    /// `ca-compromise`.
    CaCompromise,
    /// `affiliation-changed`.
    AffiliationChanged,
    /// `superseded`.
    Superseded,
    /// `cessation-of-operation`.
    CessationOfOperation,
    /// `certificate-hold`.
    CertificateHold,
    /// `privilege-withdrawn`.
    PrivilegeWithdrawn,
    /// `aa-compromise`.
    AaCompromise,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::CaCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::CertificateHold,
        Self::PrivilegeWithdrawn,
        Self::AaCompromise,
    ];

    /// Its number as `CRLReason`.
    pub(crate) fn code(self) -> i64 {
        match self {
            Self::Unspecified => 0,
            Self::KeyCompromise => 1,
            Self::CaCompromise => 2,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
            Self::CertificateHold => 6,
            Self::PrivilegeWithdrawn => 9,
            Self::AaCompromise => 10,
        }
    }

    /// Its name here.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "key-compromise",
            Self::CaCompromise => "ca-compromise",
            Self::AffiliationChanged => "affiliation-changed",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessation-of-operation",
            Self::CertificateHold => "certificate-hold",
            Self::PrivilegeWithdrawn => "privilege-withdrawn",
            Self::AaCompromise => "aa-compromise",
        }
    }
}

/// No behaviour is spelled so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BehaviourError {
    /// No behaviour has this name.
    #[error("no behaviour is called {0:?}: expected one of {names}", names = Behaviour::NAMES.join(", "))]
    UnknownName(String),
    /// What follows the `=` is not what this behaviour takes.
    #[error("{name}={value}: expected {expected}")]
    BadValue {
        /// The behaviour.
        name: &'static str,
        /// What it takes.
        expected: String,
        /// What came.
        value: String,
    },
}

const SLOW: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_hours(24);
const HUGE: u64 = 100_000_000;
/// A year; beyond, times would leave what certificates can say.
const LONGEST: Duration = Duration::from_hours(366 * 24);

impl Behaviour {
    /// The names.
    pub const NAMES: [&'static str; 22] = [
        "honest",
        "slow",
        "down",
        "unavailable",
        "rejects",
        "html",
        "wrong-nonce",
        "stale",
        "other-data",
        "wrong-policy",
        "bad-signature",
        "untrusted",
        "past",
        "future",
        "huge",
        "no-certificates",
        "expired",
        "eku-not-critical",
        "eku-not-sole",
        "revoked",
        "issuer-revoked",
        "no-revocation-data",
    ];

    /// Its name, without its value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Honest => "honest",
            Self::Slow(_) => "slow",
            Self::Down => "down",
            Self::Unavailable => "unavailable",
            Self::Rejects => "rejects",
            Self::Html => "html",
            Self::WrongNonce => "wrong-nonce",
            Self::Stale => "stale",
            Self::OtherData => "other-data",
            Self::WrongPolicy => "wrong-policy",
            Self::BadSignature => "bad-signature",
            Self::Untrusted => "untrusted",
            Self::Past(_) => "past",
            Self::Future(_) => "future",
            Self::Huge(_) => "huge",
            Self::NoCertificates => "no-certificates",
            Self::Expired => "expired",
            Self::EkuNotCritical => "eku-not-critical",
            Self::EkuNotSole => "eku-not-sole",
            Self::Revoked(_) => "revoked",
            Self::IssuerRevoked(_) => "issuer-revoked",
            Self::NoRevocationData => "no-revocation-data",
        }
    }

    /// The behaviour of this name with its usual value.
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "honest" => Self::Honest,
            "slow" => Self::Slow(SLOW),
            "down" => Self::Down,
            "unavailable" => Self::Unavailable,
            "rejects" => Self::Rejects,
            "html" => Self::Html,
            "wrong-nonce" => Self::WrongNonce,
            "stale" => Self::Stale,
            "other-data" => Self::OtherData,
            "wrong-policy" => Self::WrongPolicy,
            "bad-signature" => Self::BadSignature,
            "untrusted" => Self::Untrusted,
            "past" => Self::Past(DAY),
            "future" => Self::Future(DAY),
            "huge" => Self::Huge(HUGE),
            "no-certificates" => Self::NoCertificates,
            "expired" => Self::Expired,
            "eku-not-critical" => Self::EkuNotCritical,
            "eku-not-sole" => Self::EkuNotSole,
            "revoked" => Self::Revoked(None),
            "issuer-revoked" => Self::IssuerRevoked(None),
            "no-revocation-data" => Self::NoRevocationData,
            _ => return None,
        })
    }

    /// The same behaviour with this value.
    fn with(self, value: &str) -> Result<Self, BehaviourError> {
        Ok(match self {
            Self::Slow(_) => Self::Slow(self.seconds(value)?),
            Self::Past(_) => Self::Past(self.seconds(value)?),
            Self::Future(_) => Self::Future(self.seconds(value)?),
            Self::Huge(_) => {
                Self::Huge(number(value).ok_or_else(|| self.bad(value, "a number of bytes"))?)
            }
            Self::Revoked(_) => Self::Revoked(Some(self.reason(value)?)),
            Self::IssuerRevoked(_) => Self::IssuerRevoked(Some(self.reason(value)?)),
            _ => return Err(self.bad(value, "no value")),
        })
    }

    fn seconds(self, value: &str) -> Result<Duration, BehaviourError> {
        number(value)
            .map(Duration::from_secs)
            .filter(|duration| *duration <= LONGEST)
            .ok_or_else(|| self.bad(value, "seconds, at most a year of them"))
    }

    fn reason(self, value: &str) -> Result<Reason, BehaviourError> {
        let names = Reason::ALL.map(Reason::name).join(", ");
        Reason::ALL
            .into_iter()
            .find(|reason| reason.name() == value)
            .ok_or_else(|| self.bad(value, &format!("one of {names}")))
    }

    fn bad(self, value: &str, expected: &str) -> BehaviourError {
        BehaviourError::BadValue {
            name: self.name(),
            expected: expected.to_owned(),
            value: value.to_owned(),
        }
    }
}

/// Digits alone, without a sign or leading zeroes.
fn number(text: &str) -> Option<u64> {
    let canonical =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    canonical.then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Slow(time) | Self::Past(time) | Self::Future(time) => {
                write!(f, "={}", time.as_secs())
            }
            Self::Huge(bytes) => write!(f, "={bytes}"),
            Self::Revoked(Some(reason)) | Self::IssuerRevoked(Some(reason)) => {
                write!(f, "={}", reason.name())
            }
            _ => Ok(()),
        }
    }
}

impl FromStr for Behaviour {
    type Err = BehaviourError;

    fn from_str(text: &str) -> Result<Self, BehaviourError> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let usual =
            Self::named(name).ok_or_else(|| BehaviourError::UnknownName(name.to_owned()))?;
        value.map_or(Ok(usual), |value| usual.with(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_a_behaviour_that_is_spelled_so() {
        for name in Behaviour::NAMES {
            let behaviour: Behaviour = name.parse().unwrap();
            assert_eq!(behaviour.name(), name);
            assert_eq!(behaviour.to_string().parse(), Ok(behaviour), "{name}");
        }
        for reason in Reason::ALL {
            let behaviour = Behaviour::Revoked(Some(reason));
            assert_eq!(behaviour.to_string().parse(), Ok(behaviour));
        }
    }

    #[test]
    fn values_are_taken_and_bad_ones_refused() {
        let seconds = Duration::from_secs;
        for (text, behaviour) in [
            ("slow=5", Behaviour::Slow(seconds(5))),
            ("past=3600", Behaviour::Past(seconds(3600))),
            ("future=1", Behaviour::Future(seconds(1))),
            ("huge=70000", Behaviour::Huge(70000)),
            (
                "revoked=key-compromise",
                Behaviour::Revoked(Some(Reason::KeyCompromise)),
            ),
        ] {
            assert_eq!(text.parse(), Ok(behaviour), "{text}");
        }
        for text in [
            "",
            "Honest",
            "honest=1",
            "slow=",
            "slow=-1",
            "slow=+1",
            "slow=01",
            "slow=1.5",
            "past=999999999",
            "huge=x",
            "revoked=",
            "revoked=stolen",
            "down=1",
        ] {
            assert!(text.parse::<Behaviour>().is_err(), "{text}");
        }
    }
}

//! Whether a certificate of a chain was revoked, by what its issuer publishes: CRLs (RFC 5280 section 5) and OCSP (RFC 6960).
//!
//! What counts is the time of the token: data that are older than it say nothing of it, and what they say of today does not matter.

use core::cmp::Reverse;
use core::fmt;

use crate::ber::EncodingError;
use crate::certificate::Certificate;
use crate::known::Known;
use crate::time::Timestamp;
use crate::{crl, ocsp};

/// How it is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RevocationKind {
    /// A list of what is revoked.
    Crl,
    /// An answer about one certificate.
    Ocsp,
}

impl fmt::Display for RevocationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crl => "CRL",
            Self::Ocsp => "OCSP",
        })
    }
}

/// Where something is published about a certificate of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationSource {
    /// The certificate's place in the chain.
    pub certificate: usize,
    /// What is there.
    pub kind: RevocationKind,
    /// `http` or `https`.
    pub url: String,
    /// The OCSP request in DER, to be posted as `application/ocsp-request`; empty for a CRL.
    pub request: Vec<u8>,
}

/// The places over HTTP that the certificates of a chain name, the signer's first: CRL distribution points, and OCSP responders. What the
/// root says of itself does not count.
pub fn revocation_sources(chain: &[Certificate]) -> Vec<RevocationSource> {
    let mut sources = Vec::new();
    for (index, pair) in chain.windows(2).enumerate() {
        let [certificate, issuer] = pair else {
            continue;
        };
        let source = |kind, url: &String, request| RevocationSource {
            certificate: index,
            kind,
            url: url.clone(),
            request,
        };
        let named = certificate.sources();
        for url in &named.crl {
            sources.push(source(RevocationKind::Crl, url, Vec::new()));
        }
        if named.ocsp.is_empty() {
            continue;
        }
        // An issuer whose key cannot be read has signed nothing that verifies.
        if let Ok(request) = ocsp::request(certificate, issuer) {
            for url in &named.ocsp {
                sources.push(source(RevocationKind::Ocsp, url, request.clone()));
            }
        }
    }
    sources
}

/// Why a certificate was revoked: `CRLReason` (RFC 5280 section 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RevocationReason {
    /// Nothing is said.
    NotGiven,
    /// It is said that nothing is said.
    Unspecified,
    /// Somebody else has the key.
    KeyCompromise,
    /// Somebody else has the authority's key.
    CaCompromise,
    /// The subject's name or other facts have changed.
    AffiliationChanged,
    /// There is another certificate instead.
    Superseded,
    /// It is no longer needed.
    CessationOfOperation,
    /// It is on hold.
    CertificateHold,
    /// It is not revoked any more: in delta CRLs alone.
    RemoveFromCrl,
    /// A privilege in it was withdrawn.
    PrivilegeWithdrawn,
    /// Somebody else has the key of the authority over attributes.
    AaCompromise,
    /// A number that has no meaning.
    Other(u32),
}

impl RevocationReason {
    pub(crate) const fn from_code(code: u32) -> Self {
        match code {
            0 => Self::Unspecified,
            1 => Self::KeyCompromise,
            2 => Self::CaCompromise,
            3 => Self::AffiliationChanged,
            4 => Self::Superseded,
            5 => Self::CessationOfOperation,
            6 => Self::CertificateHold,
            8 => Self::RemoveFromCrl,
            9 => Self::PrivilegeWithdrawn,
            10 => Self::AaCompromise,
            other => Self::Other(other),
        }
    }

    /// Whether what was signed before the revocation stands, too.
    ///
    /// RFC 3161 section 4: it stands if the reason is there and is unspecified (0), affiliationChanged (3), superseded (4) or
    /// cessationOfOperation (5), and it does not if there is no reason, or if it is keyCompromise (1). No other one may be given for a
    /// time-stamping authority that stops in good order.
    pub const fn reaches_back(self) -> bool {
        !matches!(
            self,
            Self::Unspecified
                | Self::AffiliationChanged
                | Self::Superseded
                | Self::CessationOfOperation
        )
    }
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotGiven => "no reason given",
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::CaCompromise => "cACompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::CertificateHold => "certificateHold",
            Self::RemoveFromCrl => "removeFromCRL",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
            Self::AaCompromise => "aACompromise",
            Self::Other(code) => return write!(f, "reason {code}"),
        })
    }
}

/// What data say of a certificate at the time of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevocationStatus {
    /// Not revoked, by data that are not older than the token.
    Good,
    /// Right, but older than the token; the next ones are said to come by then.
    TooOld {
        /// `nextUpdate`.
        next: Option<Timestamp>,
    },
    /// On hold since after the token was made: whether it will be released or revoked is not decided; the next ones are said to come by then.
    OnHold {
        /// Since when.
        at: Timestamp,
        /// `nextUpdate`.
        next: Option<Timestamp>,
    },
    /// Revoked after the token was made, for a reason that leaves it standing.
    RevokedLater {
        /// When.
        at: Timestamp,
        /// Why.
        reason: RevocationReason,
    },
    /// Revoked, and the token does not stand: before it was made, or for a reason that reaches back.
    Revoked {
        /// When, or since when the certificate is known to be invalid if that was earlier.
        at: Timestamp,
        /// Why.
        reason: RevocationReason,
    },
    /// They are about other certificates, and why: another issuer's, or about other serial numbers.
    AboutOthers(String),
    /// Nothing, and why: not data of this kind, or ones that may not be used, as with a bad signature.
    Nothing(String),
}

impl RevocationStatus {
    /// Which of several things that the same data say counts: the one that is worse for the token, and of two alike the earlier.
    fn weight(&self) -> (u8, Reverse<Option<Timestamp>>) {
        let (weight, at) = match self {
            Self::Good => (0, None),
            Self::RevokedLater { at, .. } => (1, Some(*at)),
            Self::TooOld { .. } => (2, None),
            Self::AboutOthers(_) | Self::Nothing(_) => (3, None),
            Self::OnHold { at, .. } => (4, Some(*at)),
            Self::Revoked { at, .. } => (5, Some(*at)),
        };
        (weight, Reverse(at))
    }

    fn or_worse(self, other: Self) -> Self {
        if other.weight() > self.weight() {
            other
        } else {
            self
        }
    }
}

/// What data say of `chain[certificate]` at the time of a token, by the next certificate of the chain, which issued it.
pub fn revocation_status(
    chain: &[Certificate],
    certificate: usize,
    kind: RevocationKind,
    data: &[u8],
    gen_time: Timestamp,
) -> RevocationStatus {
    revocation_told(chain, certificate, kind, data, gen_time).status
}

/// The same, and which moment the data speak for.
pub fn revocation_told(
    chain: &[Certificate],
    certificate: usize,
    kind: RevocationKind,
    data: &[u8],
    gen_time: Timestamp,
) -> Told {
    told(chain, certificate, kind, data, gen_time, &Known::default())
}

/// What data say of a certificate at the time of a token, and which moment they speak for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What they say.
    pub status: RevocationStatus,
    /// The last moment that they can speak for; none, if they say nothing.
    pub as_of: Option<Timestamp>,
}

/// What all data together say of a certificate at the time of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion {
    /// Not revoked.
    Good,
    /// Revoked later, for a reason that leaves the token standing.
    RevokedLater {
        /// When.
        at: Timestamp,
        /// Why.
        reason: RevocationReason,
    },
    /// On hold since after the token was made, as far as the newest data say: the token does not stand, and may stand by newer ones.
    OnHold {
        /// Since when.
        at: Timestamp,
    },
    /// Revoked, and the token does not stand. Nothing takes that back.
    Revoked {
        /// Since when.
        at: Timestamp,
        /// Why.
        reason: RevocationReason,
    },
    /// Nothing settles it.
    Open(Open),
}

/// What there is about a certificate that nothing settles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Open {
    /// There are right data that are older than the token, and when the next are said to come by, if that is said.
    pub too_old: Option<Option<Timestamp>>,
    /// Why others say nothing.
    pub troubles: Vec<String>,
    /// There are data about other certificates.
    pub is_about_others: bool,
}

/// Weighs all that is told of one certificate, in any order: docs/rfc3161.md, "Revocation".
pub fn conclude(told: impl IntoIterator<Item = Told>) -> Conclusion {
    let (mut settled, mut settled_as_of, mut held) = (None, None, None);
    let mut open = Open::default();
    for Told { status, as_of } in told {
        match status {
            // Nothing takes it back.
            RevocationStatus::Revoked { at, reason } => return Conclusion::Revoked { at, reason },
            RevocationStatus::OnHold { at, .. } => held = held.max(Some((as_of, at))),
            RevocationStatus::RevokedLater { at, reason } => {
                settled = Some(Conclusion::RevokedLater { at, reason });
                settled_as_of = settled_as_of.max(as_of);
            }
            RevocationStatus::Good => {
                settled = settled.or(Some(Conclusion::Good));
                settled_as_of = settled_as_of.max(as_of);
            }
            RevocationStatus::TooOld { next } => open.too_old = open.too_old.max(Some(next)),
            RevocationStatus::AboutOthers(_) => open.is_about_others = true,
            RevocationStatus::Nothing(why) => open.troubles.push(why),
        }
    }
    match (held, settled) {
        // Whatever was said later ended a hold, or made it something else.
        (Some((as_of, at)), _) if as_of >= settled_as_of => Conclusion::OnHold { at },
        (_, Some(settled)) => settled,
        (_, None) => Conclusion::Open(open),
    }
}

/// The same as [`revocation_told`], where signatures may be known already.
pub(crate) fn told(
    chain: &[Certificate],
    certificate: usize,
    kind: RevocationKind,
    data: &[u8],
    gen_time: Timestamp,
    known: &Known,
) -> Told {
    let nothing = |status| Told {
        status,
        as_of: None,
    };
    let Some([subject, issuer, ..]) = chain.get(certificate..) else {
        let why = "no certificate of the chain issued it";
        return nothing(RevocationStatus::Nothing(why.into()));
    };
    let about = About {
        subject,
        issuer,
        known,
    };
    let statements = match kind {
        RevocationKind::Crl => crl::read(&about, data).map(|statement| vec![statement]),
        RevocationKind::Ocsp => ocsp::read(&about, data),
    };
    let said = statements.and_then(|statements| {
        let all = statements.iter().map(|one| Told {
            status: one.status(subject, gen_time),
            as_of: Some(one.this_update),
        });
        // Of several statements the worst counts, and of several alike the first.
        all.reduce(|worst, next| {
            if next.status.weight() > worst.status.weight() {
                next
            } else {
                worst
            }
        })
        .ok_or_else(|| Trouble::about_others("it is not about the certificate"))
    });
    match said {
        Ok(Told {
            status: RevocationStatus::Nothing(why),
            ..
        })
        | Err(Trouble::Other(why)) => nothing(RevocationStatus::Nothing(format!("{kind}: {why}"))),
        Ok(told) => told,
        Err(Trouble::AboutOthers(why)) => {
            nothing(RevocationStatus::AboutOthers(format!("{kind}: {why}")))
        }
    }
}

/// A certificate, who issued it, and what is known to be signed.
pub(crate) struct About<'a> {
    pub(crate) subject: &'a Certificate,
    pub(crate) issuer: &'a Certificate,
    pub(crate) known: &'a Known,
}

/// Whether a certificate is valid then: through its last second.
pub(crate) fn valid_at(certificate: &Certificate, time: Timestamp) -> Result<(), Trouble> {
    let (from, to) = (certificate.not_before(), certificate.not_after());
    if time >= from && time.seconds() <= to.seconds() {
        return Ok(());
    }
    Err(Trouble::new(format!(
        "it is of {time}, and {}, which signed it, is valid from {from} to {to}",
        certificate.subject()
    )))
}

/// Why data say nothing.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// They are about other certificates.
    AboutOthers(String),
    /// They may not be used, or cannot be read.
    Other(String),
}

impl Trouble {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self::Other(why.into())
    }

    pub(crate) fn about_others(why: impl Into<String>) -> Self {
        Self::AboutOthers(why.into())
    }
}

impl From<EncodingError> for Trouble {
    fn from(error: EncodingError) -> Self {
        Self::new(error.to_string())
    }
}

/// A revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Revoked {
    pub(crate) at: Timestamp,
    pub(crate) reason: RevocationReason,
    /// Since when it is known or suspected that the certificate is invalid.
    pub(crate) invalid_since: Option<Timestamp>,
}

/// What verified data say of a certificate.
#[derive(Debug)]
pub(crate) struct Statement {
    /// The last moment that they can speak for.
    pub(crate) this_update: Timestamp,
    pub(crate) next_update: Option<Timestamp>,
    /// Each revocation that they name; of several the worst counts.
    pub(crate) revoked: Vec<Revoked>,
    /// Certificates that expired from then on are not forgotten.
    pub(crate) remembers_from: Option<Timestamp>,
    /// Why they do not tell whether the certificate was revoked for another reason, or at all.
    pub(crate) incomplete: Option<String>,
}

impl Statement {
    /// docs/rfc3161.md, "Revocation".
    fn status(&self, certificate: &Certificate, gen_time: Timestamp) -> RevocationStatus {
        let revoked = self.revoked.iter().map(|one| self.revoked(one, gen_time));
        if let Some(worst) = revoked.reduce(RevocationStatus::or_worse) {
            return worst;
        }
        if self.this_update < gen_time {
            return self.too_old();
        }
        // RFC 5280 section 3.3: an entry may go once it has been on a list that was issued after the certificate's validity.
        let not_after = certificate.not_after();
        let is_remembered = self.remembers_from.is_some_and(|from| from <= not_after);
        if self.this_update.seconds() > not_after.seconds() && !is_remembered {
            return RevocationStatus::Nothing(format!(
                "it is of {}, when the certificate had expired ({not_after}): its revocation may have been forgotten",
                self.this_update
            ));
        }
        self.or_incomplete(RevocationStatus::Good)
    }

    /// What one revocation comes to.
    fn revoked(&self, revoked: &Revoked, gen_time: Timestamp) -> RevocationStatus {
        let Revoked { at, reason, .. } = *revoked;
        let is_too_old = self.this_update < gen_time;
        if reason == RevocationReason::CertificateHold {
            // Of all revocations this one may end, so that only what is not older than the token shows that it lasted.
            return match (is_too_old, at <= gen_time) {
                (true, _) => self.too_old(),
                (false, true) => RevocationStatus::Revoked { at, reason },
                (false, false) => RevocationStatus::OnHold {
                    at,
                    next: self.next_update,
                },
            };
        }
        let at = revoked.invalid_since.map_or(at, |since| since.min(at));
        if at <= gen_time || reason.reaches_back() {
            RevocationStatus::Revoked { at, reason }
        } else if is_too_old {
            self.too_old()
        } else {
            self.or_incomplete(RevocationStatus::RevokedLater { at, reason })
        }
    }

    fn too_old(&self) -> RevocationStatus {
        RevocationStatus::TooOld {
            next: self.next_update,
        }
    }

    fn or_incomplete(&self, status: RevocationStatus) -> RevocationStatus {
        let incomplete = self.incomplete.clone();
        incomplete.map_or(status, RevocationStatus::Nothing)
    }
}

//! Certificate paths (RFC 5280 section 6), from a signer to a root that the verifier trusts, at the time of the token.
//!
//! Whoever makes a token chooses the certificates in it, so the search is bounded: [`MAX_LENGTH`] certificates in a path, and
//! [`MAX_SIGNATURES`] signatures verified in all. Who may have found a path beyond these bounds has shown nothing, so that such a
//! search ends in "not checked".
//!
//! A root that the verifier trusts gives its name and key (RFC 5280 section 6.1.1, d): nothing needs to be in its certificate, which
//! may be of version 1. What it does say about itself holds (section 6.2 leaves that open): its validity, and basic constraints and
//! key usage if they are there.

use crate::algorithm::SignatureError;
use crate::certificate::{Certificate, KEY_CERT_SIGN};
use crate::known::Known;
use crate::oid::{Oid, joined};
use crate::policy::{self, PolicyError};
use crate::time::Timestamp;

/// Longest path, signer and root included.
pub(crate) const MAX_LENGTH: usize = 10;

/// Most signatures that are verified in search of a path.
pub(crate) const MAX_SIGNATURES: usize = 256;

/// A certificate that is no issuer in a path, or has none; and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PathError {
    /// No certificate of its issuer is among the roots or the others.
    #[error(
        "nobody who is trusted issued it: no certificate of {issuer} is known, which issued {subject}"
    )]
    UnknownIssuer { issuer: String, subject: String },
    /// The path ends in a self-signed certificate that is not trusted.
    #[error("it ends in {0}, which is not among the trusted roots")]
    UntrustedRoot(String),
    #[error("{who} is valid from {from} to {to}, and the time is {at}")]
    Validity {
        who: String,
        from: Timestamp,
        to: Timestamp,
        at: Timestamp,
    },
    #[error("{who} issued {subject}: {error}")]
    Signature {
        who: String,
        subject: String,
        error: SignatureError,
    },
    #[error("{0} is no certificate authority by its basic constraints")]
    NotAnAuthority(String),
    #[error("{who} allows {allowed} authorities below it, and has {found}")]
    PathLength {
        who: String,
        allowed: u32,
        found: usize,
    },
    #[error("{0} may not sign certificates by its key usage")]
    KeyUsage(String),
    #[error("{who} has critical extensions that are not understood: {}", joined(.oids, ", "))]
    Critical { who: String, oids: Vec<Oid> },
    #[error(transparent)]
    Policies(#[from] PolicyError),
    #[error(
        "the search was given up: a path may have {MAX_LENGTH} certificates, and {MAX_SIGNATURES} signatures are verified in search of one"
    )]
    TooLong,
}

/// Where in a path a certificate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Between,
}

/// How much an error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// Nobody who is trusted was found, or not within bounds: nothing is wrong, and nothing shown.
    Untrusted,
    /// Something is wrong.
    Wrong,
}

impl PathError {
    pub(crate) fn rank(&self) -> Rank {
        match self {
            // A signature by another key under the issuer's name: an authority that has changed its key, or one that only calls itself so.
            Self::UnknownIssuer { .. }
            | Self::UntrustedRoot(_)
            | Self::TooLong
            | Self::Signature {
                error: SignatureError::Bad,
                ..
            } => Rank::Untrusted,
            _ => Rank::Wrong,
        }
    }

    /// Whether it is about who may issue certificates.
    pub(crate) fn is_about_constraints(&self) -> bool {
        matches!(
            self,
            Self::NotAnAuthority(_) | Self::PathLength { .. } | Self::KeyUsage(_)
        )
    }
}

/// Whether it matters who may issue certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Constraints {
    /// Each issuer is an authority by its basic constraints, path length and key usage.
    Kept,
    /// To tell whether a path fails by these alone.
    PassedOver,
}

/// What a path is searched with.
pub(crate) struct Search<'a> {
    roots: &'a [Certificate],
    others: &'a [Certificate],
    at: Timestamp,
    constraints: Constraints,
    known: &'a Known,
    signatures: usize,
    is_given_up: bool,
    worst: Option<(usize, PathError)>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(
        roots: &'a [Certificate],
        others: &'a [Certificate],
        at: Timestamp,
        constraints: Constraints,
        known: &'a Known,
    ) -> Self {
        Self {
            roots,
            others,
            at,
            constraints,
            known,
            signatures: 0,
            is_given_up: false,
            worst: None,
        }
    }

    /// A path from a certificate to a root, both included.
    pub(crate) fn path(mut self, signer: &Certificate) -> Result<Vec<Certificate>, PathError> {
        let mut path = vec![signer.clone()];
        if self.extend(&mut path) {
            return Ok(path);
        }
        match self.worst {
            Some((_, error)) if !self.is_given_up => Err(error),
            _ => Err(PathError::TooLong),
        }
    }

    /// Keeps what came nearest: an error about what is trusted before one about what is not, and among those the one of the longest path.
    fn failed(&mut self, length: usize, error: PathError) {
        let weight = |length: usize, error: &PathError| (error.rank(), length);
        let is_nearer = self
            .worst
            .as_ref()
            .is_none_or(|(worst, known)| weight(length, &error) > weight(*worst, known));
        if is_nearer {
            self.worst = Some((length, error));
        }
    }

    fn extend(&mut self, path: &mut Vec<Certificate>) -> bool {
        let Some(last) = path.last().cloned() else {
            return false;
        };
        let length = path.len();
        if let Err(error) = self.acceptable(&last) {
            self.failed(length, error);
            return false;
        }
        // A root that signed the token itself, or one of the path that is trusted as it is.
        if self.roots.iter().any(|root| root.der() == last.der()) {
            return self.ends(path);
        }
        if length == MAX_LENGTH {
            self.is_given_up = true;
            return false;
        }
        let candidates = self.candidates(&last, path);
        let found = !candidates.is_empty();
        for (issuer, place) in candidates {
            if self.signatures == MAX_SIGNATURES {
                self.is_given_up = true;
                return false;
            }
            self.signatures = self.signatures.saturating_add(1);
            let signed = self.known.verify(
                issuer.spki(),
                last.algorithm(),
                last.tbs(),
                last.signature(),
            );
            if let Err(error) = signed {
                let (who, subject) = (issuer.subject().to_string(), last.subject().to_string());
                self.failed(
                    length,
                    PathError::Signature {
                        who,
                        subject,
                        error,
                    },
                );
                continue;
            }
            let issues = match self.constraints {
                Constraints::Kept => issues(issuer, place, path),
                Constraints::PassedOver => Ok(()),
            };
            if let Err(error) = issues {
                self.failed(length, error);
                continue;
            }
            path.push(issuer.clone());
            let is_path = match place {
                Place::Root => self.ends(path),
                Place::Between => self.extend(path),
            };
            if is_path {
                return true;
            }
            path.pop();
        }
        if !found {
            let (issuer, subject) = (last.issuer().to_string(), last.subject().to_string());
            let error = if last.issuer() == last.subject() {
                PathError::UntrustedRoot(subject)
            } else {
                PathError::UnknownIssuer { issuer, subject }
            };
            self.failed(length, error);
        }
        false
    }

    /// Who may have issued a certificate, by the name: those with the key that it names first, then the roots.
    fn candidates(
        &self,
        certificate: &Certificate,
        path: &[Certificate],
    ) -> Vec<(&'a Certificate, Place)> {
        let roots = self.roots.iter().map(|root| (root, Place::Root));
        let others = self.others.iter().map(|other| (other, Place::Between));
        let may_have = |(issuer, _): &(&Certificate, Place)| {
            issuer.subject() == certificate.issuer()
                && path.iter().all(|own| own.der() != issuer.der())
        };
        let mut candidates: Vec<_> = roots.chain(others).filter(may_have).collect();
        candidates.sort_by_key(|(issuer, _)| {
            match (certificate.authority_key_id(), issuer.subject_key_id()) {
                (Some(named), Some(own)) if named == own => 0,
                (Some(_), Some(_)) => 2,
                _ => 1,
            }
        });
        candidates
    }

    /// Whether a path, root included, holds as a whole.
    fn ends(&mut self, path: &[Certificate]) -> bool {
        let root = path.last().map_or(Ok(()), |root| self.is_valid(root));
        let holds = root.and_then(|()| Ok(policy::check(path)?));
        match holds {
            Ok(()) => true,
            Err(error) => {
                self.failed(path.len(), error);
                false
            }
        }
    }

    fn is_valid(&self, certificate: &Certificate) -> Result<(), PathError> {
        let who = || certificate.subject().to_string();
        let (from, to, at) = (certificate.not_before(), certificate.not_after(), self.at);
        // A certificate is valid through its last second.
        if at < from || at.seconds() > to.seconds() {
            return Err(PathError::Validity {
                who: who(),
                from,
                to,
                at,
            });
        }
        Ok(())
    }

    /// Whether a certificate may stand in a path.
    fn acceptable(&self, certificate: &Certificate) -> Result<(), PathError> {
        let who = || certificate.subject().to_string();
        self.is_valid(certificate)?;
        if !certificate.not_understood().is_empty() {
            let oids = certificate.not_understood().to_vec();
            return Err(PathError::Critical { who: who(), oids });
        }
        // What an authority's own certificate says in its extended key usage is none of RFC 5280's algorithm, and the verifier has
        // chosen the root for time-stamping.
        Ok(())
    }
}

/// Whether a certificate may be the issuer of the last one of a path.
fn issues(issuer: &Certificate, place: Place, path: &[Certificate]) -> Result<(), PathError> {
    let who = || issuer.subject().to_string();
    let path_length = match issuer.basic_constraints() {
        Some(constraints) if constraints.is_authority => constraints.path_length,
        // The verifier says that it is one.
        None if place == Place::Root => None,
        _ => return Err(PathError::NotAnAuthority(who())),
    };
    // RFC 5280 section 4.2.1.9: self-issued certificates do not count, nor does the last one, which is the signer's.
    let below = path.iter().skip(1).filter(|own| !own.is_self_issued());
    let found = below.count();
    if let Some(allowed) = path_length
        && usize::try_from(allowed).is_ok_and(|allowed| found > allowed)
    {
        return Err(PathError::PathLength {
            who: who(),
            allowed,
            found,
        });
    }
    if issuer.may(KEY_CERT_SIGN) {
        Ok(())
    } else {
        Err(PathError::KeyUsage(who()))
    }
}

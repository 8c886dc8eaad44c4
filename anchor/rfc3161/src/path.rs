//! Certificate paths (RFC 5280 section 6), from a signer to a root that the verifier trusts, at the time of the token.
//!
//! Whoever makes a token chooses the certificates in it, so the search is bounded: [`MAX_LENGTH`] certificates in a path, and
//! [`MAX_SIGNATURES`] signatures verified in all. Who may have found a path beyond these bounds has shown nothing, so that such a
//! search ends in "not checked".
//!
//! A root that the verifier trusts gives its name and key (RFC 5280 section 6.1.1, d): nothing needs to be in its certificate, which
//! may be of version 1. What it does say about itself holds (section 6.2 leaves that open): its validity, and basic constraints and
//! key usage if they are there.

use std::collections::HashSet;

use crate::algorithm::SignatureError;
use crate::certificate::{Certificate, KEY_CERT_SIGN, Name};
use crate::known::Known;
use crate::oid::Oid;
use crate::policy::{self, PolicyError};
use crate::text::listed;
use crate::time::Timestamp;

/// Longest path, signer and root included.
pub(crate) const MAX_LENGTH: usize = 10;

/// Most signatures that are verified in search of paths.
pub(crate) const MAX_SIGNATURES: usize = 256;

/// Most paths that are found. Who cross-signs has two, or a few.
pub(crate) const MAX_PATHS: usize = 32;

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
    #[error("{subject} is not shown to be issued by {who}, whom it names: {error}")]
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
    #[error("{who} has critical extensions that are not understood: {}", listed(.oids, ", "))]
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

impl PathError {
    /// How near it comes to a path: what is wrong with certificates before what is not known of them.
    fn weight(&self) -> u8 {
        match self {
            // A signature by another key under the issuer's name: an authority that has changed its key, or one that only calls itself so.
            Self::UnknownIssuer { .. }
            | Self::UntrustedRoot(_)
            | Self::TooLong
            | Self::Signature {
                error: SignatureError::Bad,
                ..
            } => 0,
            _ => 1,
        }
    }
}

/// What becomes of a search.
#[derive(Debug)]
pub(crate) enum Found {
    /// Paths that hold, each from the signer to a root, both included; at least one.
    Paths(Vec<Vec<Certificate>>),
    /// One holds but for this, which is about who may issue certificates.
    Unconstrained(Vec<Certificate>, PathError),
    /// One leads to a root by its signatures, and does not hold.
    Wrong(Vec<Certificate>, PathError),
    /// One leads to a root if a signature in it is what it says, which is broken or of a kind that is not known.
    Perhaps(PathError),
    /// None leads to a root, or none within bounds: whatever else is wrong with certificates that nobody who is trusted stands behind,
    /// anybody can put them there.
    Untrusted(PathError),
}

/// What a path must keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Demand {
    /// Signatures, as far as they can be verified: to tell whether a path may be what it says.
    PerhapsSignatures,
    /// Signatures: to tell whether anybody who is trusted stands behind a path.
    Signatures,
    /// Everything but who may issue certificates: to tell whether a path fails by that alone.
    AllButConstraints,
    /// Everything.
    All,
}

/// Looks for the paths from a signer to a root.
pub(crate) fn find(
    signer: &Certificate,
    roots: &[Certificate],
    others: &[Certificate],
    at: Timestamp,
    known: &Known,
) -> Found {
    let search = |demand| Search::new(roots, others, at, demand, known);
    match search(Demand::All).paths(signer) {
        Ok(paths) => return Found::Paths(paths),
        Err(PathError::TooLong) => return Found::Untrusted(PathError::TooLong),
        Err(_) => {}
    }
    let trouble = |path: &[Certificate]| {
        let trouble = search(Demand::All).trouble(path);
        trouble.unwrap_or(PathError::TooLong)
    };
    if let Ok(mut paths) = search(Demand::AllButConstraints).paths(signer) {
        let path = paths.swap_remove(0);
        let error = trouble(&path);
        return Found::Unconstrained(path, error);
    }
    if let Ok(mut paths) = search(Demand::Signatures).paths(signer) {
        let path = paths.swap_remove(0);
        let error = trouble(&path);
        return Found::Wrong(path, error);
    }
    match search(Demand::PerhapsSignatures).paths(signer) {
        Ok(paths) => Found::Perhaps(
            paths
                .first()
                .map_or(PathError::TooLong, |path| trouble(path)),
        ),
        Err(error) => Found::Untrusted(error),
    }
}

/// Whether one of these issuers is a root, or is under one, by the names in certificates alone: whoever writes a certificate writes
/// any names into it.
pub(crate) fn name_roots<'a>(
    issuers: impl IntoIterator<Item = &'a Name>,
    roots: &'a [Certificate],
    others: &'a [Certificate],
) -> bool {
    let mut names: Vec<&Name> = roots.iter().map(Certificate::subject).collect();
    let mut others: Vec<&Certificate> = others.iter().collect();
    let mut place = 0;
    while let Some(name) = names.get(place).copied() {
        others.retain(|other| {
            let is_under = other.issuer() == name;
            if is_under {
                names.push(other.subject());
            }
            !is_under
        });
        place = place.saturating_add(1);
    }
    issuers.into_iter().any(|issuer| names.contains(&issuer))
}

/// What paths are searched with.
struct Search<'a> {
    roots: &'a [Certificate],
    others: &'a [Certificate],
    at: Timestamp,
    demand: Demand,
    known: &'a Known,
    signatures: usize,
    is_given_up: bool,
    found: Vec<Vec<Certificate>>,
    nearest: Option<(usize, PathError)>,
}

impl<'a> Search<'a> {
    fn new(
        roots: &'a [Certificate],
        others: &'a [Certificate],
        at: Timestamp,
        demand: Demand,
        known: &'a Known,
    ) -> Self {
        Self {
            roots,
            others,
            at,
            demand,
            known,
            signatures: 0,
            is_given_up: false,
            found: Vec::new(),
            nearest: None,
        }
    }

    /// All paths within bounds, or why there is none.
    fn paths(mut self, signer: &Certificate) -> Result<Vec<Vec<Certificate>>, PathError> {
        self.extend(&mut vec![signer.clone()]);
        if !self.found.is_empty() {
            return Ok(self.found);
        }
        match self.nearest {
            Some((_, error)) if !self.is_given_up => Err(error),
            _ => Err(PathError::TooLong),
        }
    }

    /// Keeps what came nearest to a root.
    fn failed(&mut self, length: usize, error: PathError) {
        let weight = |length: usize, error: &PathError| (error.weight(), length);
        let is_nearer = self
            .nearest
            .as_ref()
            .is_none_or(|(nearest, known)| weight(length, &error) > weight(*nearest, known));
        if is_nearer {
            self.nearest = Some((length, error));
        }
    }

    fn extend(&mut self, path: &mut Vec<Certificate>) {
        let Some(last) = path.last().cloned() else {
            return;
        };
        let length = path.len();
        if let Err(error) = self.acceptable(&last) {
            return self.failed(length, error);
        }
        // A root that signed the token itself, or one of the path that is trusted as it is.
        if self.roots.iter().any(|root| root.der() == last.der()) {
            return self.ends(path);
        }
        if length == MAX_LENGTH {
            self.is_given_up = true;
            return;
        }
        let candidates = self.candidates(&last, path);
        if candidates.is_empty() {
            let (issuer, subject) = (last.issuer().to_string(), last.subject().to_string());
            let error = if last.issuer() == last.subject() {
                PathError::UntrustedRoot(subject)
            } else {
                PathError::UnknownIssuer { issuer, subject }
            };
            return self.failed(length, error);
        }
        for (issuer, place) in candidates {
            if self.signatures == MAX_SIGNATURES || self.found.len() == MAX_PATHS {
                self.is_given_up = true;
                return;
            }
            self.signatures = self.signatures.saturating_add(1);
            if let Err(error) = self.issued(issuer, place, path, &last) {
                self.failed(length, error);
                continue;
            }
            path.push(issuer.clone());
            match place {
                Place::Root => self.ends(path),
                Place::Between => self.extend(path),
            }
            path.pop();
        }
    }

    /// Whether a certificate may be that of the issuer of the last one of a path.
    fn issued(
        &self,
        issuer: &Certificate,
        place: Place,
        path: &[Certificate],
        last: &Certificate,
    ) -> Result<(), PathError> {
        let signed = self.known.verify(
            issuer.spki(),
            last.algorithm(),
            last.tbs(),
            last.signature(),
        );
        if let Err(error) = signed {
            // A signature that is broken, or of a kind that is not known, was perhaps made by whom the certificate names.
            let is_named = || {
                last.authority_key_id()
                    .is_some_and(|named| issuer.subject_key_id() == Some(named))
            };
            let is_perhaps_right =
                error != SignatureError::Bad && (place == Place::Root || is_named());
            if self.demand != Demand::PerhapsSignatures || !is_perhaps_right {
                let (who, subject) = (issuer.subject().to_string(), last.subject().to_string());
                return Err(PathError::Signature {
                    who,
                    subject,
                    error,
                });
            }
        }
        match self.demand {
            Demand::All => issues(issuer, place, path),
            Demand::AllButConstraints | Demand::Signatures | Demand::PerhapsSignatures => Ok(()),
        }
    }

    /// What is wrong with a path, from the signer up.
    fn trouble(&self, path: &[Certificate]) -> Option<PathError> {
        if let [only] = path
            && let Err(error) = self.acceptable(only)
        {
            return Some(error);
        }
        let above = path.iter().skip(1).zip(1..);
        for ((issuer, length), last) in above.zip(path) {
            let is_last = length == path.len().saturating_sub(1);
            let place = if is_last { Place::Root } else { Place::Between };
            let below = path.get(..length).unwrap_or_default();
            let holds = self
                .acceptable(last)
                .and_then(|()| self.issued(issuer, place, below, last));
            if let Err(error) = holds {
                return Some(error);
            }
        }
        self.holds_as_a_whole(path).err()
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
        // Nobody has signed which certificates are in a token: one that comes often costs no more than one.
        let mut seen = HashSet::new();
        candidates.retain(|(issuer, _)| seen.insert(issuer.der()));
        candidates.sort_by_key(|(issuer, _)| {
            match (certificate.authority_key_id(), issuer.subject_key_id()) {
                (Some(named), Some(own)) if named == own => 0,
                (Some(_), Some(_)) => 2,
                _ => 1,
            }
        });
        candidates
    }

    /// A path ends in a root.
    fn ends(&mut self, path: &[Certificate]) {
        match self.holds_as_a_whole(path) {
            Err(error) if self.demand > Demand::Signatures => self.failed(path.len(), error),
            _ => self.found.push(path.to_vec()),
        }
    }

    fn holds_as_a_whole(&self, path: &[Certificate]) -> Result<(), PathError> {
        path.last().map_or(Ok(()), |root| self.is_valid(root))?;
        Ok(policy::check(path)?)
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
        if self.demand <= Demand::Signatures {
            return Ok(());
        }
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

//! The authority: what it answers to each request, without the network.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::algorithm::Algorithm;
use crate::behaviour::Behaviour;
use crate::certificate::{Certificate, Validity, fresh_serial};
use crate::clock::Clock;
use crate::crl::{self, Edition, Revoked};
use crate::hierarchy::{Hierarchy, HierarchyError};
use crate::ocsp::{self, Register, Responder};
use crate::oid;
use crate::reply::{self, Rejection};
use crate::request::{Imprint, Integer, Request};
use crate::token::{Signature, Stamp};

/// How old a stale answer is where there was none before.
const STALE: Duration = Duration::from_hours(1);
/// How long an OCSP answer holds at least.
const OCSP_VALID: Duration = Duration::from_hours(1);
/// Answers that are kept for the stale ones.
const MAX_KEPT: usize = 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnswerError {
    /// The other chain cannot be made.
    #[error("the untrusted chain: {0}")]
    Hierarchy(#[from] HierarchyError),
    /// A signature failed.
    #[error("signing: {0}")]
    Sign(#[from] rcgen::Error),
}

/// The authority.
pub(crate) struct Authority {
    hierarchy: Hierarchy,
    /// Of the same names under another root; made when first needed.
    untrusted: Mutex<Option<Arc<Hierarchy>>>,
    make_untrusted: Box<dyn Fn() -> Result<Hierarchy, HierarchyError> + Send + Sync>,
    terms: Terms,
    /// The lists that were issued last.
    lists: Mutex<HashMap<Issuer, List>>,
    state: Mutex<State>,
}

/// When it does what.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) clock: Clock,
    /// How often lists of revoked certificates are issued.
    pub(crate) crl_interval: Duration,
    /// How often OCSP answers are made; zero: for each request.
    pub(crate) ocsp_interval: Duration,
}

/// A list of revoked certificates that was issued.
struct List {
    edition: Edition,
    revoked: Option<Revoked>,
    der: Vec<u8>,
}

/// What changes while it runs.
struct State {
    behaviour: Behaviour,
    since: SystemTime,
    /// The first answer for each imprint.
    kept: HashMap<Vec<u8>, Vec<u8>>,
}

/// Which list of revoked certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Issuer {
    Root,
    Intermediate,
}

impl Authority {
    /// The authority that the directory holds, or a new one.
    pub(crate) fn open(
        directory: &Path,
        name: &str,
        algorithm: Algorithm,
        url: &str,
        terms: Terms,
    ) -> Result<Self, HierarchyError> {
        let now = terms.clock.now();
        let hierarchy = Hierarchy::open(directory, name, algorithm, url, now)?;
        let (directory, name, url) = (directory.join("untrusted"), name.to_owned(), url.to_owned());
        let make_untrusted =
            Box::new(move || Hierarchy::open(&directory, &name, algorithm, &url, now));
        Ok(Self {
            hierarchy,
            untrusted: Mutex::new(None),
            make_untrusted,
            terms,
            lists: Mutex::default(),
            state: Mutex::new(State {
                behaviour: Behaviour::Honest,
                since: now,
                kept: HashMap::new(),
            }),
        })
    }

    /// The certificates and keys.
    pub(crate) fn hierarchy(&self) -> &Hierarchy {
        &self.hierarchy
    }

    /// How it behaves.
    pub(crate) fn behaviour(&self) -> Behaviour {
        self.state().behaviour
    }

    /// Makes it behave so, from now on.
    pub(crate) fn behave(&self, behaviour: Behaviour) {
        let now = self.terms.clock.now();
        let mut state = self.state();
        state.behaviour = behaviour;
        state.since = now;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The response to a request, both in DER.
    pub(crate) fn respond(&self, request: &[u8]) -> Result<Vec<u8>, AnswerError> {
        match Request::parse(request) {
            Ok(request) => self.respond_to(&request),
            Err(rejection) => Ok(reply::rejected(rejection)),
        }
    }

    fn respond_to(&self, request: &Request) -> Result<Vec<u8>, AnswerError> {
        let behaviour = self.behaviour();
        if behaviour == Behaviour::Rejects {
            return Ok(reply::rejected(Rejection::SystemFailure));
        }
        let accepted = |policy: &_| oid::is(policy, oid::POLICY);
        if !request.policy.as_ref().is_none_or(accepted) {
            return Ok(reply::rejected(Rejection::UnacceptedPolicy));
        }
        if behaviour == Behaviour::Stale
            && let Some(kept) = self.state().kept.get(&request.imprint.digest)
        {
            return Ok(kept.clone());
        }
        let response = reply::granted(&self.token(request)?);
        if behaviour != Behaviour::Stale {
            let kept = &mut self.state().kept;
            if kept.len() < MAX_KEPT {
                kept.entry(request.imprint.digest.clone())
                    .or_insert_with(|| response.clone());
            }
        }
        Ok(response)
    }

    /// The token for a request, right but for what the behaviour says.
    pub(crate) fn token(&self, request: &Request) -> Result<Vec<u8>, AnswerError> {
        let behaviour = self.behaviour();
        let untrusted = match behaviour {
            Behaviour::Untrusted => Some(self.untrusted()?),
            _ => None,
        };
        let hierarchy = untrusted.as_deref().unwrap_or(&self.hierarchy);
        let (signer, issuer) = hierarchy.signer(behaviour);
        let now = self.terms.clock.now();
        let other_imprint = other(&request.imprint);
        let other_nonce = Integer {
            bytes: fresh_serial().to_vec(),
            positive: true,
        };
        let certificates = [signer, issuer];
        let stamp = Stamp {
            imprint: match behaviour {
                Behaviour::OtherData => &other_imprint,
                _ => &request.imprint,
            },
            policy: match behaviour {
                Behaviour::WrongPolicy => oid::OTHER_POLICY,
                _ => oid::POLICY,
            },
            serial: fresh_serial(),
            time: match behaviour {
                Behaviour::Past(by) => now - by,
                Behaviour::Stale => now - STALE,
                Behaviour::Future(by) => now + by,
                _ => now,
            },
            nonce: match behaviour {
                Behaviour::WrongNonce | Behaviour::Stale => Some(&other_nonce),
                _ => request.nonce.as_ref(),
            },
            signer,
            key: &hierarchy.tsa_key,
            certificates: if request.certificates && behaviour != Behaviour::NoCertificates {
                &certificates
            } else {
                &[]
            },
            signature: match behaviour {
                Behaviour::BadSignature => Signature::Wrong,
                _ => Signature::Right,
            },
        };
        Ok(stamp.sign()?)
    }

    fn untrusted(&self) -> Result<Arc<Hierarchy>, HierarchyError> {
        let mut untrusted = self
            .untrusted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(hierarchy) = &*untrusted {
            return Ok(Arc::clone(hierarchy));
        }
        let hierarchy = Arc::new((self.make_untrusted)()?);
        *untrusted = Some(Arc::clone(&hierarchy));
        Ok(hierarchy)
    }

    /// The certificate that was revoked by this time, of those that `issuer` issued.
    fn revoked(&self, issuer: Issuer, by: SystemTime) -> Option<Revoked> {
        let state = self.state();
        let (certificate, reason) = match (issuer, state.behaviour) {
            (Issuer::Intermediate, Behaviour::Revoked(reason)) => (&self.hierarchy.tsa, reason),
            (Issuer::Root, Behaviour::IssuerRevoked(reason)) => {
                (&self.hierarchy.intermediate, reason)
            }
            _ => return None,
        };
        (state.since <= by).then(|| Revoked {
            serial: certificate.serial.clone(),
            at: state.since,
            reason,
        })
    }

    /// The current list of revoked certificates; the same to the byte until the next one is issued.
    pub(crate) fn crl(&self, issuer: Issuer) -> Result<Vec<u8>, AnswerError> {
        let hierarchy = &self.hierarchy;
        let (certificate, key) = match issuer {
            Issuer::Root => (&hierarchy.root, &hierarchy.root_key),
            Issuer::Intermediate => (&hierarchy.intermediate, &hierarchy.intermediate_key),
        };
        let edition = Edition::current(self.terms.clock.now(), self.terms.crl_interval);
        let revoked = self.revoked(issuer, edition.this_update);
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = lists.get(&issuer)
            && (list.edition, &list.revoked) == (edition, &revoked)
        {
            return Ok(list.der.clone());
        }
        let der = crl::issue(certificate, key, revoked.as_ref(), edition)?;
        let list = List {
            edition,
            revoked,
            der: der.clone(),
        };
        lists.insert(issuer, list);
        Ok(der)
    }

    /// The answer to an OCSP request, both in DER.
    pub(crate) fn ocsp(&self, request: &[u8]) -> Result<Vec<u8>, AnswerError> {
        let hierarchy = &self.hierarchy;
        let now = self.terms.clock.now();
        let this_update = match self.terms.ocsp_interval {
            Duration::ZERO => now,
            interval => Edition::current(now, interval).this_update,
        };
        let validity = Validity {
            from: this_update,
            to: this_update + self.terms.ocsp_interval.max(OCSP_VALID),
        };
        let by_root = self.revoked(Issuer::Root, this_update);
        let by_intermediate = self.revoked(Issuer::Intermediate, this_update);
        let registers = [
            Register {
                issuer: &hierarchy.root,
                issued: &hierarchy.issued_by_root,
                revoked: by_root.as_ref(),
                responder: Responder::Issuer(&hierarchy.root_key),
            },
            Register {
                issuer: &hierarchy.intermediate,
                issued: &hierarchy.issued_by_intermediate,
                revoked: by_intermediate.as_ref(),
                responder: Responder::Delegate(&hierarchy.responder, &hierarchy.responder_key),
            },
        ];
        Ok(ocsp::answer(request, &registers, validity)?)
    }
}

impl Hierarchy {
    /// Who signs tokens under this behaviour, and who issued that certificate.
    fn signer(&self, behaviour: Behaviour) -> (&Certificate, &Certificate) {
        match behaviour {
            Behaviour::Expired => (&self.tsa_expired, &self.intermediate_expired),
            Behaviour::EkuNotCritical => (&self.tsa_not_critical, &self.intermediate),
            Behaviour::EkuNotSole => (&self.tsa_not_sole, &self.intermediate),
            _ => (&self.tsa, &self.intermediate),
        }
    }
}

/// The imprint of something else, by the same algorithm.
fn other(imprint: &Imprint) -> Imprint {
    let mut other = imprint.clone();
    for byte in &mut other.digest {
        *byte = !*byte;
    }
    other
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("behaviour", &self.behaviour())
            .finish_non_exhaustive()
    }
}

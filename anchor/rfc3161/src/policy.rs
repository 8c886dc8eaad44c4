//! Certificate policies of a path (RFC 5280 section 6.1), as sets (RFC 9618), where any policy is acceptable at the start.
//!
//! With that, a path can fail by its policies only where an authority demands an explicit policy (policyConstraints) and no policy
//! holds from the root down to the signer.

use std::collections::{BTreeMap, BTreeSet};

use crate::certificate::Certificate;
use crate::oid::Oid;

const ANY_POLICY: &str = "2.5.29.32.0";

/// What certificates say about policies: the extensions of RFC 5280 sections 4.2.1.4, 4.2.1.5, 4.2.1.11 and 4.2.1.14.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Policies {
    /// The policies; none if the extension is not there.
    pub(crate) stated: Option<Vec<Oid>>,
    /// A policy of the issuer, and the policy of the subject that counts as it.
    pub(crate) mappings: Vec<(Oid, Oid)>,
    /// After so many more certificates a policy must hold.
    pub(crate) require_explicit: Option<u32>,
    /// After so many more certificates no mapping counts.
    pub(crate) inhibit_mapping: Option<u32>,
    /// After so many more certificates anyPolicy counts no more.
    pub(crate) inhibit_any: Option<u32>,
}

/// Why the policies of a path do not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PolicyError {
    #[error("an authority demands an explicit policy, and none holds from the root to {0}")]
    NoneHolds(String),
    #[error("{0} maps anyPolicy")]
    MapsAny(String),
}

/// Whether the policies of a path hold: the signer's certificate first, the root, which takes no part, last.
pub(crate) fn check(path: &[Certificate]) -> Result<(), PolicyError> {
    let [signer, authorities @ .., _root] = path else {
        return Ok(());
    };
    let mut state = State::new(path.len());
    for authority in authorities.iter().rev() {
        state.take(authority, Place::Between)?;
        state.prepare(authority)?;
    }
    state.take(signer, Place::Last)?;
    state.end(signer)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Between,
    Last,
}

/// The state of section 6.1.2.
struct State {
    /// The valid policies at this depth, each with the policies of the next certificate that count as it. Empty: none holds any more.
    valid: BTreeMap<Oid, BTreeSet<Oid>>,
    explicit_policy: u32,
    policy_mapping: u32,
    inhibit_any: u32,
}

impl State {
    fn new(length: usize) -> Self {
        let any = Oid::known(ANY_POLICY);
        // More than there are certificates: never, unless one says so.
        let never = u32::try_from(length).unwrap_or(u32::MAX);
        Self {
            valid: BTreeMap::from([(any.clone(), BTreeSet::from([any]))]),
            explicit_policy: never,
            policy_mapping: never,
            inhibit_any: never,
        }
    }

    /// Section 6.1.3, (d) to (f).
    fn take(&mut self, certificate: &Certificate, place: Place) -> Result<(), PolicyError> {
        let any = Oid::known(ANY_POLICY);
        let stated = certificate.policies().stated.as_deref().unwrap_or_default();
        let any_counts =
            self.inhibit_any > 0 || (place == Place::Between && certificate.is_self_issued());
        let expected: BTreeSet<&Oid> = self.valid.values().flatten().collect();
        let mut next: BTreeSet<Oid> = BTreeSet::new();
        for policy in stated.iter().filter(|policy| **policy != any) {
            if expected.contains(policy) || self.valid.contains_key(&any) {
                next.insert(policy.clone());
            }
        }
        if any_counts && stated.contains(&any) {
            next.extend(expected.into_iter().cloned());
        }
        let itself = |policy: Oid| (policy.clone(), BTreeSet::from([policy]));
        self.valid = next.into_iter().map(itself).collect();
        self.holds(certificate)
    }

    fn holds(&self, certificate: &Certificate) -> Result<(), PolicyError> {
        if self.explicit_policy == 0 && self.valid.is_empty() {
            return Err(PolicyError::NoneHolds(certificate.subject().to_string()));
        }
        Ok(())
    }

    /// Section 6.1.4, (a), (b), (h), (i) and (j).
    fn prepare(&mut self, authority: &Certificate) -> Result<(), PolicyError> {
        let any = Oid::known(ANY_POLICY);
        let policies = authority.policies();
        let mut mapped: BTreeMap<&Oid, BTreeSet<Oid>> = BTreeMap::new();
        for (issuers, subjects) in &policies.mappings {
            if *issuers == any || *subjects == any {
                return Err(PolicyError::MapsAny(authority.subject().to_string()));
            }
            mapped.entry(issuers).or_default().insert(subjects.clone());
        }
        for (policy, subjects) in mapped {
            if self.policy_mapping == 0 {
                self.valid.remove(policy);
            } else if self.valid.contains_key(policy) || self.valid.contains_key(&any) {
                self.valid.insert(policy.clone(), subjects);
            }
        }
        if !authority.is_self_issued() {
            for count in [
                &mut self.explicit_policy,
                &mut self.policy_mapping,
                &mut self.inhibit_any,
            ] {
                *count = count.saturating_sub(1);
            }
        }
        for (count, said) in [
            (&mut self.explicit_policy, policies.require_explicit),
            (&mut self.policy_mapping, policies.inhibit_mapping),
            (&mut self.inhibit_any, policies.inhibit_any),
        ] {
            *count = said.map_or(*count, |said| said.min(*count));
        }
        Ok(())
    }

    /// Section 6.1.5, (a), (b) and (g).
    fn end(mut self, signer: &Certificate) -> Result<(), PolicyError> {
        self.explicit_policy = self.explicit_policy.saturating_sub(1);
        if signer.policies().require_explicit == Some(0) {
            self.explicit_policy = 0;
        }
        self.holds(signer)
    }
}

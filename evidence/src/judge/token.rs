//! Whether a time-stamp token over the checkpoint holds.

use counterfoil_checks::{Checks, Outcome};
use counterfoil_rfc3161::{
    Certificate, CheckName, Covers, Judgement, Question, RevocationData, Standing, Timestamp,
    verify_knowing,
};

use super::anchor::{AnchorVerdict, Anchored, Held, Key};
use super::weigh::{About, Made, Weighed};
use crate::format::TokenAnchor;
use crate::names::AnchorKind;
use crate::record;
use crate::trust::{Authority, Revocation, Trust};

/// The checks of a token that may be left open: evidence keeps no nonce, a verifier may accept any policy, and not every authority
/// says how exact its time is. About revocation the verifier's trust decides.
const MAY_BE_OPEN: [CheckName; 3] = [CheckName::Nonce, CheckName::Policy, CheckName::Accuracy];

/// What a check of a token is about.
fn about(check: CheckName) -> About {
    match check {
        CheckName::Parsed => About::Form,
        CheckName::Path => About::Whose,
        CheckName::Version
        | CheckName::ContentType
        | CheckName::ImprintAlgorithm
        | CheckName::Imprint
        | CheckName::Nonce
        | CheckName::MessageDigest
        | CheckName::SigningCertificate
        | CheckName::Signature
        | CheckName::KeyUsage
        | CheckName::ExtendedKeyUsage
        | CheckName::Accuracy => About::Itself,
        CheckName::BasicConstraints
        | CheckName::Policy
        | CheckName::Revocation
        | CheckName::Time => About::Terms,
    }
}

/// A token as it stands under the trust in one authority.
pub(super) struct Candidate<'a> {
    /// Whose root its chain leads to.
    pub(super) authority: Option<&'a Authority>,
    judgement: Judgement,
    revocation: Settled,
}

/// Whether revocation is as the trust asks.
struct Settled {
    outcome: Outcome,
    reason: String,
    /// Whether the anchor may count.
    suffices: bool,
    caveats: Vec<String>,
}

/// The token under the trust in the authority whose root it leads to. Of several such authorities the one counts under which
/// the token holds.
pub(super) fn candidate<'a>(
    token: &TokenAnchor,
    checkpoint: &[u8],
    trust: &'a Trust,
    at: Timestamp,
) -> Candidate<'a> {
    // What is no certificate helps nobody, and is not needed.
    let beside: Vec<Certificate> = token
        .certificates
        .iter()
        .filter_map(|der| Certificate::parse(der).ok())
        .collect();
    let revocation: Vec<RevocationData<'_>> = token.revocation.iter().map(data).collect();
    let under = |authority: Option<&'a Authority>| {
        let mut extra = beside.clone();
        let (roots, policies): (&[Certificate], _) = match authority {
            Some(authority) => {
                extra.extend_from_slice(authority.certificates());
                (authority.roots(), authority.policies())
            }
            None => (&[], &[][..]),
        };
        let question = Question {
            token: &token.token,
            covers: Covers::Data(checkpoint),
            nonce: None,
            policies,
            roots,
            extra: &extra,
            revocation: &revocation,
            at: Some(at),
        };
        let judgement = verify_knowing(&question, trust.known());
        let authority = authority.filter(|_| !judgement.chain.is_empty());
        Candidate {
            revocation: settled(&judgement, authority, at),
            authority,
            judgement,
        }
    };
    let mut best: Option<Candidate<'_>> = None;
    for authority in trust.authorities() {
        let candidate = under(Some(authority));
        if candidate.holds() {
            return candidate;
        }
        // The first of the best.
        let is_better = |best: &Candidate<'_>| candidate.rank() > best.rank();
        if best.as_ref().is_none_or(is_better) {
            best = Some(candidate);
        }
    }
    best.unwrap_or_else(|| under(None))
}

fn data(revocation: &record::Revocation) -> RevocationData<'_> {
    RevocationData {
        kind: revocation.kind,
        data: &revocation.data,
    }
}

impl Candidate<'_> {
    /// Its checks. On a judgement that has no path there is nothing to be said of revocation.
    fn made(&self) -> Vec<Made> {
        let checks = self.judgement.checks.iter().map(|check| {
            let (outcome, reason) = match check.name {
                CheckName::Revocation => (self.revocation.outcome, &self.revocation.reason),
                _ => (check.outcome, &check.reason),
            };
            Made {
                name: check.name.to_string(),
                about: about(check.name),
                outcome,
                reason: reason.clone(),
                may_be_open: MAY_BE_OPEN.contains(&check.name)
                    || check.name == CheckName::Revocation && self.revocation.suffices,
            }
        });
        checks.collect()
    }

    /// How much it shows, where it does not hold.
    fn rank(&self) -> u8 {
        match self.authority {
            Some(_) => 2,
            // The path is wrong, and not only unknown.
            None if self.judgement.outcome(CheckName::Path) == Outcome::Failed => 1,
            None => 0,
        }
    }

    fn holds(&self) -> bool {
        self.authority.is_some() && self.why().is_none()
    }

    /// What stands in its way.
    fn why(&self) -> Option<String> {
        Weighed::of(self.made()).why()
    }

    /// Takes it down.
    pub(super) fn note(
        self,
        name: String,
        at: Timestamp,
        checks: &mut Checks,
        anchored: &mut Anchored,
    ) {
        let (holds, why) = (self.holds(), self.why());
        Weighed::of(self.made()).note(&name, checks, &mut anchored.left_out);
        if holds {
            if self.judgement.outcome(CheckName::Accuracy) == Outcome::NotChecked {
                anchored.caveats.push(format!(
                    "{name} does not say how exact its time is; it was taken as it stands"
                ));
            }
            anchored.caveats.extend(self.revocation.caveats);
            anchored.caveats.extend(expired(&name, &self.judgement, at));
            if let (Some(authority), Some(signer), Some(time)) = (
                self.authority,
                self.judgement.chain.first(),
                self.judgement.gen_time,
            ) {
                anchored.held.push(Held {
                    authority: authority.name().to_owned(),
                    key: Key::Signer(signer.spki().to_vec()),
                    latest: time.latest,
                });
            }
        }
        anchored.verdicts.push(AnchorVerdict {
            name,
            kind: AnchorKind::Rfc3161.to_string(),
            authority: self.authority.map(|authority| authority.name().to_owned()),
            root: self
                .judgement
                .chain
                .last()
                .map(|root| root.subject().to_string()),
            gen_time: self.judgement.gen_time.map(|time| time.time),
            latest: self.judgement.gen_time.map(|time| time.latest),
            block: None,
            holds,
            why,
        });
    }
}

/// That certificates of the chain have expired since.
fn expired(name: &str, judgement: &Judgement, at: Timestamp) -> Option<String> {
    let ends = judgement.chain.iter().map(Certificate::not_after);
    let first = ends.min().filter(|end| *end < at)?;
    Some(format!(
        "certificates of {name} have expired since (the first at {first}): they were valid when it gave the time-stamp, but nothing newer vouches for the algorithms that it was made with"
    ))
}

/// Whether what is known of revocation is as much as the trust in the authority asks for.
fn settled(judgement: &Judgement, authority: Option<&Authority>, at: Timestamp) -> Settled {
    let (outcome, reason) = match judgement.checks.get(&CheckName::Revocation) {
        Some(check) => (check.outcome, check.reason.clone()),
        None => (Outcome::NotChecked, String::new()),
    };
    let mut settled = Settled {
        outcome,
        reason,
        suffices: false,
        caveats: Vec::new(),
    };
    let Some(authority) = authority.filter(|_| outcome != Outcome::Failed) else {
        return settled;
    };
    let demand = authority.revocation();
    let mut open = Vec::new();
    for (certificate, standing) in judgement.chain.iter().zip(&judgement.revocation) {
        let who = certificate.subject();
        match standing {
            Standing::Good => {}
            Standing::RevokedLater { at, reason } => settled.caveats.push(format!(
                "{who} was revoked at {at} ({reason}), which leaves time-stamps from before standing"
            )),
            Standing::Revoked { at, reason } => {
                open.push(format!("{who} was revoked at {at} ({reason})"));
            }
            // Whether a certificate was revoked is told until it expires, and then no more.
            Standing::Unknown(why)
                if demand == Revocation::Optional && at <= certificate.not_after() =>
            {
                settled
                    .caveats
                    .push(format!("whether {who} was revoked is not known: {why}"));
            }
            Standing::Unknown(why) => open.push(format!("{who}: {why}")),
            Standing::Unpublished => {
                let words = format!("{who} names no place where its revocation is published");
                if demand == Revocation::Required {
                    open.push(words);
                } else {
                    settled.caveats.push(words);
                }
            }
        }
    }
    settled.suffices = open.is_empty();
    if !settled.suffices {
        settled.outcome = Outcome::NotChecked;
        settled.reason = open.join("; ");
    }
    settled
}

//! Whether a time-stamp token over the checkpoint holds.

use counterfoil_checks::{Checks, Outcome};
use counterfoil_rfc3161::{
    self as rfc3161, Certificate, CheckName, Covers, Judgement, Question, RevocationData, Standing,
    Timestamp, verify_knowing,
};

use super::anchor::{AnchorVerdict, Anchored, Held, Key};
use super::weigh::{About, Behind, Made, Weighed, Weight};
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
    /// Whose root it leads to, by good signatures.
    authority: Option<&'a Authority>,
    judgement: Judgement,
    revocation: Settled,
    weighed: Weighed,
}

/// Whether revocation is as the trust asks.
struct Settled {
    outcome: Outcome,
    reason: String,
    /// Whether the anchor may count.
    suffices: bool,
    caveats: Vec<String>,
}

/// The token under each authority under which it holds; where there is none, under the one that comes nearest. At least one.
pub(super) fn candidates<'a>(
    token: &TokenAnchor,
    checkpoint: &[u8],
    trust: &'a Trust,
    at: Timestamp,
) -> Vec<Candidate<'a>> {
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
        Candidate::new(verify_knowing(&question, trust.known()), authority, at)
    };
    let authorities = trust.authorities().iter().map(Some);
    let mut all: Vec<Candidate<'_>> = authorities.map(under).collect();
    if all.iter().any(Candidate::holds) {
        all.retain(Candidate::holds);
        return all;
    }
    // Of equals the first.
    let best = all.into_iter().min_by_key(Candidate::rank);
    vec![best.unwrap_or_else(|| under(None))]
}

fn data(revocation: &record::Revocation) -> RevocationData<'_> {
    RevocationData {
        kind: revocation.kind,
        data: &revocation.data,
    }
}

impl<'a> Candidate<'a> {
    /// `trusted` is the authority that was trusted in the judgement.
    fn new(judgement: Judgement, trusted: Option<&'a Authority>, at: Timestamp) -> Self {
        let named = || trusted.map_or(Behind::Nobody, |who| Behind::Named(who.name().to_owned()));
        let (behind, authority) = match &judgement.behind {
            rfc3161::Behind::Trusted(_) => (Behind::Trusted, trusted),
            rfc3161::Behind::Named => (named(), None),
            rfc3161::Behind::Nobody => (Behind::Nobody, None),
        };
        let revocation = settled(&judgement, authority, at);
        let weighed = Weighed::of(made(&judgement, &revocation), &behind);
        Self {
            authority,
            judgement,
            revocation,
            weighed,
        }
    }

    /// The trusted authority to whose root it leads.
    pub(super) fn authority(&self) -> Option<&'a str> {
        self.authority.map(Authority::name)
    }

    pub(super) fn holds(&self) -> bool {
        self.weighed.weight() == Weight::Holds
    }

    /// How far it is from holding: first by who stands behind it, then by what is in the way. Nothing of it depends on the order of
    /// the authorities.
    fn rank(&self) -> (u8, Weight, bool) {
        let behind = match self.judgement.behind {
            rfc3161::Behind::Trusted(_) => 0,
            rfc3161::Behind::Named => 1,
            rfc3161::Behind::Nobody => 2,
        };
        let has_path = self.judgement.outcome(CheckName::Path) == Outcome::Passed;
        (behind, self.weighed.weight(), !has_path)
    }

    /// What it counts by, where it holds; `anchor` is its place.
    pub(super) fn held(&self, anchor: usize) -> Option<Held> {
        let (authority, time) = (self.authority?, self.judgement.gen_time?);
        let signer = self.judgement.chain.first()?;
        self.holds().then(|| Held {
            anchor,
            authority: authority.name().to_owned(),
            key: Key::Signer(signer.key().to_vec()),
            latest: time.latest,
        })
    }

    /// Whose token it is, and the key of the signer, if it holds or needs no more than that revocation is settled.
    pub(super) fn vouching(&self) -> Option<(String, Key)> {
        let (authority, signer) = (self.authority?, self.judgement.chain.first()?);
        let mut made = made(&self.judgement, &self.revocation);
        for check in &mut made {
            check.may_be_open |= check.about == About::Terms;
        }
        let weight = Weighed::of(made, &Behind::Trusted).weight();
        let key = Key::Signer(signer.key().to_vec());
        (weight == Weight::Holds).then(|| (authority.name().to_owned(), key))
    }

    /// Takes it down.
    pub(super) fn note(
        self,
        name: String,
        at: Timestamp,
        checks: &mut Checks,
        anchored: &mut Anchored,
    ) {
        let (holds, why) = (self.holds(), self.weighed.why());
        self.weighed.note(&name, checks, &mut anchored.left_out);
        let root = match &self.judgement.behind {
            rfc3161::Behind::Trusted(chain) => chain.last().map(|root| root.subject().to_string()),
            rfc3161::Behind::Named | rfc3161::Behind::Nobody => None,
        };
        if holds {
            if self.judgement.outcome(CheckName::Accuracy) == Outcome::NotChecked {
                anchored.caveats.push(format!(
                    "{name} does not say how exact its time is; it was taken as it stands"
                ));
            }
            anchored.caveats.extend(self.revocation.caveats);
            anchored.caveats.extend(expired(&name, &self.judgement, at));
        }
        anchored.verdicts.push(AnchorVerdict {
            name,
            kind: AnchorKind::Rfc3161.to_string(),
            authority: self.authority.map(|authority| authority.name().to_owned()),
            root,
            gen_time: self.judgement.gen_time.map(|time| time.time),
            latest: self.judgement.gen_time.map(|time| time.latest),
            block: None,
            holds,
            why,
        });
    }
}

/// The checks of a token. On a judgement that has no path there is nothing to be said of revocation.
fn made(judgement: &Judgement, revocation: &Settled) -> Vec<Made> {
    let checks = judgement.checks.iter().map(|check| {
        let (outcome, reason) = match check.name {
            CheckName::Revocation => (revocation.outcome, &revocation.reason),
            _ => (check.outcome, &check.reason),
        };
        Made {
            name: check.name.to_string(),
            about: about(check.name),
            outcome,
            reason: reason.clone(),
            may_be_open: MAY_BE_OPEN.contains(&check.name)
                || check.name == CheckName::Revocation && revocation.suffices,
        }
    });
    checks.collect()
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
    let has_chain = !judgement.chain.is_empty();
    let Some(authority) = authority.filter(|_| has_chain && outcome != Outcome::Failed) else {
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

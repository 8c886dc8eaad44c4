//! Whether anchors hold, and the time that they show.

use counterfoil_ethereum::BlockHash;
use counterfoil_rfc3161::{
    Certificate, CheckName, Covers, Judgement, Question, RevocationData, Standing, Timestamp,
    verify_knowing,
};
use serde::Serialize;

use super::block::{self, BlockVerdict};
use super::counted::counted;
use super::words;
use crate::blocks::{self, Blocks};
use crate::format::{Anchor, Evidence, TokenAnchor};
use crate::names::AnchorKind;
use crate::record;
use crate::trust::{Authority, Revocation, Trust};
use counterfoil_checks::{Checks, Outcome};

/// The checks of a token that may be left open: evidence keeps no nonce, a verifier may accept any policy, not every
/// authority says how exact its time is, and about revocation the verifier's trust decides.
const MAY_BE_OPEN: [CheckName; 4] = [
    CheckName::Nonce,
    CheckName::Policy,
    CheckName::Accuracy,
    CheckName::Revocation,
];

/// What an anchor came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnchorVerdict {
    /// What its checks call it: the trusted authority's name, else its place among the anchors.
    pub name: String,
    /// Its kind, as the evidence says.
    pub kind: String,
    /// The trusted authority to whose root it leads.
    pub authority: Option<String>,
    /// That root.
    pub root: Option<String>,
    /// What it says its time is.
    #[serde(serialize_with = "words::rfc3339")]
    pub gen_time: Option<Timestamp>,
    /// The latest time that this may mean.
    #[serde(serialize_with = "words::rfc3339")]
    pub latest: Option<Timestamp>,
    /// The block, where it is one whose header can be read.
    pub block: Option<BlockVerdict>,
    /// Whether it counts: everything holds that must, under a trusted authority.
    pub holds: bool,
    /// Why it does not.
    pub why: Option<String>,
}

/// What all anchors came to.
pub(super) struct Anchored {
    pub(super) verdicts: Vec<AnchorVerdict>,
    pub(super) held: Vec<Held>,
    pub(super) no_later_than: Option<Timestamp>,
    pub(super) caveats: Vec<String>,
}

/// An anchor that holds.
pub(super) struct Held {
    pub(super) authority: String,
    pub(super) key: Key,
    pub(super) latest: Timestamp,
}

/// What an anchor rests on, which counts once.
#[derive(PartialEq, Eq)]
pub(super) enum Key {
    /// The public key of a token's signer.
    Signer(Vec<u8>),
    /// A chain.
    Chain(u64),
}

/// Makes the checks of every anchor, and the check `anchors`.
pub(super) fn check_all(
    evidence: &Evidence,
    trust: &Trust,
    blocks: &Blocks,
    at: Timestamp,
    checks: &mut Checks,
) -> Anchored {
    let headers: Vec<BlockHash> = blocks::named(evidence)
        .iter()
        .map(|block| block.hash)
        .collect();
    block::check_given(&headers, &blocks.given, checks);
    let mut anchored = Anchored {
        verdicts: Vec::new(),
        held: Vec::new(),
        no_later_than: None,
        caveats: Vec::new(),
    };
    for (index, anchor) in evidence.anchors().iter().enumerate() {
        match anchor {
            Anchor::Token(token) => {
                let candidate = candidate(token, evidence.checkpoint(), trust, at);
                let authority = candidate.authority.map(Authority::name);
                let name = anchored.name(authority, index);
                candidate.note(name, at, checks, &mut anchored);
            }
            Anchor::Block(record) => {
                let under = block::Under {
                    checkpoint: evidence.checkpoint(),
                    trust,
                    blocks,
                    at,
                };
                block::note(record, index, under, checks, &mut anchored);
            }
            Anchor::Unknown(unknown) => {
                let name = anchored.name(None, index);
                let why = format!("this verifier does not know the kind {}", unknown.kind());
                checks.not_checked(format!("anchor {name}: kind"), &why);
                anchored.verdicts.push(AnchorVerdict {
                    name,
                    kind: unknown.kind().to_owned(),
                    authority: None,
                    root: None,
                    gen_time: None,
                    latest: None,
                    block: None,
                    holds: false,
                    why: Some(why),
                });
            }
        }
    }
    anchored.conclude(trust, checks);
    anchored
}

impl Anchored {
    /// What checks call an anchor. The name in the evidence is anybody's, so that only a trusted authority's is used.
    pub(super) fn name(&self, authority: Option<&str>, index: usize) -> String {
        let Some(authority) = authority else {
            return format!("#{}", index + 1);
        };
        let is_of_it = |verdict: &&AnchorVerdict| verdict.authority.as_deref() == Some(authority);
        match self.verdicts.iter().filter(is_of_it).count() {
            0 => authority.to_owned(),
            before => format!("{authority}, again {before}"),
        }
    }

    /// Makes the check `anchors`.
    fn conclude(&mut self, trust: &Trust, checks: &mut Checks) {
        let counted = counted(&self.held);
        let needed = trust.min_anchors();
        let found: Vec<String> = counted
            .iter()
            .map(|one| format!("{} by {}", one.authority, one.by))
            .collect();
        let found = found.join(", ");
        if let Some(last) = needed.checked_sub(1).and_then(|place| counted.get(place)) {
            self.no_later_than = Some(whole_second(last.by));
            let count = counted.len();
            checks.passed("anchors", format!("{count} of {needed} needed: {found}"));
        } else {
            let mut words = vec![match counted.len() {
                0 => format!(
                    "no trusted authority has an anchor here that holds, and {needed} are needed"
                ),
                some => format!("{some} of {needed} needed: {found}"),
            }];
            for verdict in &self.verdicts {
                if let Some(why) = &verdict.why {
                    words.push(format!("anchor {}: {why}", verdict.name));
                }
            }
            checks.not_checked("anchors", words.join("; "));
        }
    }
}

/// The next whole second, unless it is one.
fn whole_second(time: Timestamp) -> Timestamp {
    match time.nanos() {
        0 => time,
        _ => Timestamp::from_seconds(time.seconds().saturating_add(1)),
    }
}

/// A token as it stands under the trust in one authority.
struct Candidate<'a> {
    /// Whose root its chain leads to.
    authority: Option<&'a Authority>,
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
fn candidate<'a>(
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

    /// What stands in its way: a check that failed, else one that could not be made and had to be.
    fn why(&self) -> Option<String> {
        let checks = &self.judgement.checks;
        let failed = checks.first(Outcome::Failed);
        let open = || {
            checks.iter().find(|check| {
                check.outcome == Outcome::NotChecked && !MAY_BE_OPEN.contains(&check.name)
            })
        };
        if let Some(check) = failed.or_else(open) {
            return Some(format!("{}: {}", check.name, check.reason));
        }
        let settled = &self.revocation;
        (!settled.suffices).then(|| format!("{}: {}", CheckName::Revocation, settled.reason))
    }

    /// Takes it down.
    fn note(self, name: String, at: Timestamp, checks: &mut Checks, anchored: &mut Anchored) {
        let (holds, why) = (self.holds(), self.why());
        for check in self.judgement.checks.iter() {
            let called = format!("anchor {name}: {}", check.name);
            if check.name == CheckName::Revocation {
                checks.push(called, self.revocation.outcome, &self.revocation.reason);
                continue;
            }
            checks.push(called, check.outcome, &check.reason);
        }
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

//! The check of what was published about the revocation of the chain's certificates.

use counterfoil_checks::{Trouble, failed, not_checked};

use crate::certificate::Certificate;
use crate::known::Known;
use crate::revocation::{Conclusion, RevocationKind, RevocationReason, conclude, told};
use crate::time::Timestamp;

/// How many data that say nothing are told of.
const MAX_TROUBLES: usize = 4;

/// Something that was published about revocations. Which certificate it is about it says itself.
#[derive(Debug, Clone, Copy)]
pub struct RevocationData<'a> {
    /// What it is.
    pub kind: RevocationKind,
    /// As it came.
    pub data: &'a [u8],
}

/// How a certificate of the chain stands at the time of the token, by all data together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Not revoked.
    Good,
    /// Revoked later, for a reason that leaves the token standing.
    RevokedLater {
        /// When.
        at: Timestamp,
        /// Why.
        reason: RevocationReason,
    },
    /// Revoked, and the token does not stand.
    Revoked {
        /// Since when.
        at: Timestamp,
        /// Why.
        reason: RevocationReason,
    },
    /// It names a place where that is published, and nothing that was given settles it; why.
    Unknown(String),
    /// It names no such place, and nothing that was given settles it.
    Unpublished,
}

impl Standing {
    /// Whether the token stands, as far as this certificate goes.
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Good | Self::RevokedLater { .. })
    }
}

/// Of several paths the one by which the token stands best, whichever was found first, and how each of its certificates but the root
/// stands. Who cross-signs has two certificates for one key.
pub(super) fn best(
    paths: Vec<Vec<Certificate>>,
    data: &[RevocationData<'_>],
    gen_time: Timestamp,
    known: &Known,
) -> (Vec<Certificate>, Vec<Standing>) {
    let with_standings = |path: Vec<Certificate>| {
        let standings = standings(&path, data, gen_time, known);
        (path, standings)
    };
    let mut all: Vec<_> = paths.into_iter().map(with_standings).collect();
    let compromised = compromised(&all);
    for (path, standings) in &mut all {
        for (certificate, standing) in path.iter().zip(standings) {
            let is_it = |(key, _): &&(Vec<u8>, Standing)| key == certificate.key();
            if let Some((_, revoked)) = compromised.iter().find(is_it) {
                standing.clone_from(revoked);
            }
        }
    }
    let rank = |(path, standings): &(Vec<Certificate>, Vec<Standing>)| {
        let worst = standings.iter().map(severity).max().unwrap_or_default();
        let names: Vec<Vec<u8>> = path.iter().map(|own| own.der().to_vec()).collect();
        (worst, path.len(), names)
    };
    all.into_iter().min_by_key(rank).unwrap_or_default()
}

/// The keys of certificates that were revoked because somebody else has them, which is so whichever certificate says it.
fn compromised(all: &[(Vec<Certificate>, Vec<Standing>)]) -> Vec<(Vec<u8>, Standing)> {
    let pairs = all
        .iter()
        .flat_map(|(path, standings)| path.iter().zip(standings));
    let is_of_the_key = |standing: &Standing| {
        matches!(
            standing,
            Standing::Revoked {
                reason: RevocationReason::KeyCompromise | RevocationReason::CaCompromise,
                ..
            }
        )
    };
    pairs
        .filter(|(_, standing)| is_of_the_key(standing))
        .map(|(certificate, standing)| (certificate.key().to_vec(), standing.clone()))
        .collect()
}

/// How much stands in the way of a token.
fn severity(standing: &Standing) -> u8 {
    match standing {
        Standing::Good => 0,
        Standing::RevokedLater { .. } => 1,
        Standing::Unpublished => 2,
        Standing::Unknown(_) => 3,
        Standing::Revoked { .. } => 4,
    }
}

/// How each certificate of a chain but the root stands.
fn standings(
    chain: &[Certificate],
    data: &[RevocationData<'_>],
    gen_time: Timestamp,
    known: &Known,
) -> Vec<Standing> {
    let below_root = chain.len().saturating_sub(1);
    (0..below_root)
        .map(|index| standing(chain, index, data, gen_time, known))
        .collect()
}

fn standing(
    chain: &[Certificate],
    index: usize,
    data: &[RevocationData<'_>],
    gen_time: Timestamp,
    known: &Known,
) -> Standing {
    let told = |one: &RevocationData<'_>| told(chain, index, one.kind, one.data, gen_time, known);
    let open = match conclude(data.iter().map(told)) {
        Conclusion::Good => return Standing::Good,
        Conclusion::RevokedLater { at, reason } => return Standing::RevokedLater { at, reason },
        Conclusion::OnHold { at } => {
            let reason = RevocationReason::CertificateHold;
            return Standing::Revoked { at, reason };
        }
        Conclusion::Revoked { at, reason } => return Standing::Revoked { at, reason },
        Conclusion::Open(open) => open,
    };
    let mut troubles = open.troubles;
    let why = match open.too_old {
        Some(Some(next)) => {
            format!("what was captured is older than the token; the next comes by {next}")
        }
        Some(None) => "what was captured is older than the token".into(),
        None if !troubles.is_empty() => {
            troubles.truncate(MAX_TROUBLES);
            format!(
                "nothing that was captured about it counts ({})",
                troubles.join("; ")
            )
        }
        None if open.is_about_others => "nothing that was captured is about it".into(),
        None => "nothing was captured".into(),
    };
    let Some(named) = chain.get(index).map(Certificate::sources) else {
        return Standing::Unpublished;
    };
    match named.nothing_to_fetch() {
        Some(places) => Standing::Unknown(format!(
            "it names no place over HTTP, only {places}, which is not fetched; {why}"
        )),
        None if named.crl.is_empty() && named.ocsp.is_empty() => Standing::Unpublished,
        None => Standing::Unknown(why),
    }
}

/// What they come to.
pub(super) fn check(chain: &[Certificate], standings: &[Standing]) -> Result<String, Trouble> {
    let named = |index: usize| chain.get(index).map(|own| own.subject().to_string());
    let mut settled = Vec::new();
    let mut unknown = None;
    for (index, standing) in standings.iter().enumerate() {
        let who = named(index).unwrap_or_default();
        match standing {
            Standing::Revoked { at, reason } => {
                return Err(failed(format!("{who} was revoked at {at}: {reason}")));
            }
            Standing::RevokedLater { at, reason } => settled.push(format!(
                "{who} was revoked at {at}, after the token was made: {reason}"
            )),
            Standing::Good => settled.push(format!("{who} was not revoked")),
            Standing::Unknown(why) => unknown = unknown.or(Some(format!("{who}: {why}"))),
            Standing::Unpublished => {}
        }
    }
    match unknown {
        Some(unknown) => Err(not_checked(unknown)),
        None if chain.is_empty() => Err(not_checked("there is no path")),
        None if settled.is_empty() => Err(not_checked(
            "no certificate below the root names a place where its revocation would be published",
        )),
        None => Ok(settled.join("; ")),
    }
}

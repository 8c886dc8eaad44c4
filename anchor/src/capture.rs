//! Capturing what says whether the certificates of a token are revoked, while those who say it still do.
//!
//! Twice: when the token comes, and again when newer data can speak for its time. A list that was issued before a token says
//! nothing about the moment of the token; the one after it does. So each certificate but the root is asked for until
//! something that can speak for the token's time says what it is: then it is *settled*.
//!
//! What is captured has been verified: it is of the certificate's issuer, and its signature is good.

mod asking;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use counterfoil_rfc3161::{Conclusion, conclude};
use counterfoil_service::client::Client;
use counterfoil_service::room::Room;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::beside::beside;
use crate::judge::{RecordJudge, RevocationStatus, Source, Told};
use crate::moment::{Moment, of_timestamp};
use crate::names::AuthorityName;
use crate::record::Revocation;

use asking::{Data, NO_ROOM, not_asked};
pub use asking::{Fetched, Places};

/// The largest list of revoked certificates that is read. Those of authorities that issue for time-stamping alone have a few
/// KB; the largest that their roots issue, some MB.
pub const MAX_CRL: usize = counterfoil_rfc3161::MAX_CRL_SIZE;

/// The largest answer of an OCSP responder that is read.
pub const MAX_OCSP: usize = counterfoil_rfc3161::MAX_OCSP_SIZE;

/// The most places that are asked about one chain.
pub const MAX_SOURCES: usize = 16;

/// When it is asked for the first time after a token came: the times in OCSP answers are whole seconds, and one that was made
/// in the second of the token cannot speak for it.
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// After that, no certificate is asked for sooner again than this.
const SHORTEST_WAIT: Duration = Duration::from_mins(10);

/// Nor later: many issue lists well before the last one ends.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// How long after the time at which new data are due they are asked for.
const AFTER_DUE: Duration = Duration::from_mins(1);

/// Memory for what is fetched, and not let go yet, of all authorities together. What is kept of it is copied into records, one at a
/// time for each token.
const ROOM: usize = 256 << 20;

/// What of it one authority may have. While an ordinary chain is asked about it has room for the largest lists, some 16 MiB: so may
/// be asked for some tokens at once, as of several logs, and what a record can hold has room, too.
const SHARE: usize = 64 << 20;

/// Fetches revocation data.
#[derive(Debug, Clone)]
pub struct Capturer {
    client: Client,
    deadline: Duration,
    room: Room<AuthorityName>,
}

/// What was captured for one token.
#[derive(Debug, Default)]
pub struct Captured {
    /// Verified data.
    pub kept: Vec<Kept>,
    /// The certificates, by their place in the chain, that they settle.
    pub settled: Vec<usize>,
    /// When newer data are due, where they are too old.
    pub next: Option<Moment>,
    /// A certificate is revoked so that the token does not count.
    pub revoked: Option<String>,
    /// A certificate is on hold, so that the token does not count until newer data say otherwise.
    pub held: Option<String>,
    /// What could not be had, or was nothing, and why.
    pub troubles: Vec<String>,
    /// What each certificate is told of, until it is concluded what that comes to.
    told: BTreeMap<usize, Vec<Told>>,
    /// What it was judged of: what is kept has room as long as this lives.
    found: Vec<Found>,
}

/// Verified data about a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The data.
    pub revocation: Revocation,
    /// Whether they can speak for the time of the token.
    pub speaks: bool,
}

impl Capturer {
    /// Fetches by this client, each within the deadline.
    pub fn new(client: Client, deadline: Duration) -> Self {
        Self {
            client,
            deadline,
            room: Room::new(ROOM, SHARE),
        }
    }

    /// How long an answer may take.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Bytes of memory that are taken by what is fetched.
    pub fn taken(&self) -> usize {
        self.room.taken()
    }

    /// Asks about the certificates of a token's chain, and judges the answers for its time. The token waits for this, so that
    /// what does not come, or has no room, within one deadline is left for later.
    pub async fn capture(
        &self,
        judge: &Arc<dyn RecordJudge>,
        authority: &AuthorityName,
        chain: &[Vec<u8>],
        gen_time: Moment,
        clock: impl Fn() -> Moment,
    ) -> Captured {
        let fetched = Fetched::default();
        let mut places = Places::of(&**judge, chain, |_| true);
        let chain = Arc::new(chain.to_vec());
        let mut captured = Captured {
            troubles: std::mem::take(&mut places.troubles),
            ..Captured::default()
        };
        let until = Instant::now() + self.deadline;
        while let Some(sources) = places.next() {
            let most = asking::most(&sources);
            // What is held for this token itself is not let go while it waits.
            let room = if captured.bytes() + most <= self.room.share() {
                let waiting = self.room.take(authority, most);
                tokio::time::timeout_at(until, waiting).await.ok().flatten()
            } else {
                None
            };
            let left = until.saturating_duration_since(Instant::now());
            let Some(room) = room else {
                captured.troubles.extend(not_asked(&sources, NO_ROOM));
                continue;
            };
            if left.is_zero() {
                let why = "it is asked later: the token waits for others";
                captured.troubles.extend(not_asked(&sources, why));
                continue;
            }
            let mut found = self.ask_within(room, sources, &fetched, left).await;
            let (judge, chain, now) = (Arc::clone(judge), Arc::clone(&chain), clock());
            let weighed = beside(move || {
                let weighed = found.weigh(&*judge, &chain, gen_time, |_| true, now);
                (found, weighed)
            });
            let (mut found, weighed) = weighed.await;
            captured.add(weighed);
            captured.troubles.append(&mut found.troubles);
            captured.found.push(found);
        }
        captured.conclude();
        captured
    }
}

/// What is said about the certificates of a chain.
#[derive(Debug)]
pub struct Found {
    pieces: Vec<Piece>,
    /// What could not be had, and why.
    pub troubles: Vec<String>,
}

#[derive(Debug)]
struct Piece {
    source: Source,
    data: Data,
    spent: Option<Spent>,
}

/// What a piece said of a time, and will say of every later one.
#[derive(Debug, Clone, Copy)]
enum Spent {
    Nothing,
    TooOld { next: Option<Moment> },
}

impl Found {
    fn nothing(troubles: Vec<String>) -> Self {
        let pieces = Vec::new();
        Self { pieces, troubles }
    }

    /// Bytes of all answers.
    fn bytes(&self) -> usize {
        let answers = self
            .pieces
            .iter()
            .filter_map(|piece| piece.data.bytes().ok());
        answers.map(bytes::Bytes::len).sum()
    }

    fn of(answers: impl Iterator<Item = (Source, Data)>) -> Self {
        let mut found = Self::nothing(Vec::new());
        for (source, data) in answers {
            match data.bytes() {
                Err(error) => found.troubles.push(format!("{}: {error}", source.url)),
                Ok(_) => found.pieces.push(Piece {
                    source,
                    data,
                    spent: None,
                }),
            }
        }
        found
    }

    /// What it says of the certificates, of which `wanted` says so, for the time of a token. Asked for several tokens, it is to
    /// be asked by their growing times: what is too old for one is too old for the later ones, and is not looked at again.
    pub fn judge(
        &mut self,
        judge: &dyn RecordJudge,
        chain: &[Vec<u8>],
        gen_time: Moment,
        wanted: impl Fn(usize) -> bool,
        now: Moment,
    ) -> Captured {
        let mut captured = self.weigh(judge, chain, gen_time, wanted, now);
        captured.conclude();
        captured
    }

    /// The same on a thread of its own, for the certificates at the places that are `wanted`; and gives itself back.
    pub(crate) async fn judge_beside(
        mut self,
        judge: &Arc<dyn RecordJudge>,
        chain: &Arc<Vec<Vec<u8>>>,
        gen_time: Moment,
        wanted: Vec<usize>,
        now: Moment,
    ) -> (Self, Captured) {
        let (judge, chain) = (Arc::clone(judge), Arc::clone(chain));
        beside(move || {
            let is_wanted = |certificate| wanted.contains(&certificate);
            let captured = self.judge(&*judge, &chain, gen_time, is_wanted, now);
            (self, captured)
        })
        .await
    }

    /// What each piece says.
    fn weigh(
        &mut self,
        judge: &dyn RecordJudge,
        chain: &[Vec<u8>],
        gen_time: Moment,
        wanted: impl Fn(usize) -> bool,
        now: Moment,
    ) -> Captured {
        let mut captured = Captured::default();
        let pieces = self.pieces.iter_mut();
        for piece in pieces.filter(|piece| wanted(piece.source.certificate)) {
            let said = captured.take(judge, chain, piece, gen_time, now);
            let told = captured.told.entry(piece.source.certificate);
            told.or_default().extend(said);
        }
        captured
    }
}

impl Captured {
    /// Bytes that it was judged of.
    fn bytes(&self) -> usize {
        self.found.iter().map(Found::bytes).sum()
    }

    /// What else was captured for the same token.
    fn add(&mut self, other: Self) {
        self.kept.extend(other.kept);
        self.next = self.next.into_iter().chain(other.next).min();
        self.troubles.extend(other.troubles);
        for (certificate, told) in other.told {
            self.told.entry(certificate).or_default().extend(told);
        }
    }

    /// What all that was told comes to.
    fn conclude(&mut self) {
        for (certificate, told) in std::mem::take(&mut self.told) {
            match conclude(told) {
                Conclusion::Good | Conclusion::RevokedLater { .. } => {
                    self.settled.push(certificate);
                }
                Conclusion::Revoked { at, reason } => {
                    self.settled.push(certificate);
                    self.revoked = Some(format!("revoked at {at} ({reason})"));
                }
                Conclusion::OnHold { at } => self.held = Some(format!("on hold since {at}")),
                Conclusion::Open(_) => {}
            }
        }
    }

    /// What a piece says of its certificate, if it is right and about it.
    fn take(
        &mut self,
        judge: &dyn RecordJudge,
        chain: &[Vec<u8>],
        piece: &mut Piece,
        gen_time: Moment,
        now: Moment,
    ) -> Option<Told> {
        match piece.spent {
            Some(Spent::Nothing) => return None,
            Some(Spent::TooOld { next }) => {
                self.next = self.next.into_iter().chain(next).min();
                return None;
            }
            None => {}
        }
        let Piece { source, data, .. } = &*piece;
        let certificate = chain.get(source.certificate)?;
        let data = data.bytes().ok()?;
        let told = judge.revocation(chain, source.certificate, source.kind, data, gen_time);
        let (mut speaks, mut spent) = (true, None);
        match &told.status {
            RevocationStatus::AboutOthers(why) | RevocationStatus::Nothing(why) => {
                self.troubles.push(format!("{}: {why}", source.url));
                piece.spent = Some(Spent::Nothing);
                return None;
            }
            RevocationStatus::TooOld { next } => {
                let next = next.and_then(of_timestamp);
                self.next = self.next.into_iter().chain(next).min();
                (speaks, spent) = (false, Some(Spent::TooOld { next }));
            }
            // For a later token the same data may say something else.
            RevocationStatus::OnHold { next, .. } => {
                let next = next.and_then(of_timestamp);
                self.next = self.next.into_iter().chain(next).min();
            }
            RevocationStatus::Good
            | RevocationStatus::RevokedLater { .. }
            | RevocationStatus::Revoked { .. } => {}
        }
        let revocation = Revocation {
            kind: source.kind,
            certificate: Sha256::digest(certificate).into(),
            url: source.url.clone(),
            fetched: now,
            data: data.to_vec(),
        };
        piece.spent = spent;
        self.kept.push(Kept { revocation, speaks });
        Some(told)
    }
}

/// What data that are kept say of the certificates of a chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settlement {
    /// The certificates, but for the root, that they leave unsettled, and about which somebody says something.
    pub unsettled: Vec<usize>,
    /// A certificate is revoked so that the token does not count.
    pub revoked: Option<String>,
    /// A certificate is on hold, so that the token does not count until newer data say otherwise.
    pub held: Option<String>,
    /// The certificates that nothing ever settles: where their revocation is published, nothing is fetched, as with LDAP. In words.
    pub nothing_to_fetch: Vec<String>,
}

impl Settlement {
    /// Whether the token may count, as far as is known.
    pub fn stands(&self) -> bool {
        self.revoked.is_none() && self.held.is_none()
    }
}

/// What data that are kept say of the certificates of a chain, for the time of its token: by the function by which evidence is
/// judged, too.
pub fn settlement(
    judge: &dyn RecordJudge,
    chain: &[Vec<u8>],
    kept: &[Revocation],
    gen_time: Moment,
) -> Settlement {
    let sources = judge.sources(chain);
    let mut settlement = Settlement::default();
    // Nobody says of a root whether it is revoked.
    for place in 0..chain.len().saturating_sub(1) {
        let told = kept
            .iter()
            .map(|one| judge.revocation(chain, place, one.kind, &one.data, gen_time));
        match conclude(told) {
            Conclusion::Good | Conclusion::RevokedLater { .. } => continue,
            Conclusion::Revoked { at, reason } => {
                settlement.revoked = Some(format!("revoked at {at} ({reason})"));
                continue;
            }
            Conclusion::OnHold { at } => settlement.held = Some(format!("on hold since {at}")),
            Conclusion::Open(_) => {}
        }
        if sources.iter().any(|source| source.certificate == place) {
            settlement.unsettled.push(place);
        } else if let Some(places) = judge.nothing_to_fetch(chain, place) {
            settlement.nothing_to_fetch.push(places);
        }
    }
    settlement
}

/// When to ask again what is not settled, after so many tries that settled nothing: soon once, then when newer data are due, if
/// that is known, but not in a rush and at least once a day.
pub fn next_try(now: Moment, next: Option<Moment>, tries: u32) -> Moment {
    let Some(later) = tries.checked_sub(1) else {
        return now.after(FIRST_WAIT);
    };
    let own = 2_u32
        .checked_pow(later)
        .and_then(|factor| SHORTEST_WAIT.checked_mul(factor))
        .map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT));
    let wait = match next {
        Some(next) if next > now => next.since(now) + AFTER_DUE,
        // They are overdue, or nothing is known.
        _ => own,
    };
    now.after(wait.clamp(SHORTEST_WAIT, LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_settled_is_asked_again_when_newer_data_are_due() {
        let now = Moment::from_seconds(1_000_000);
        let minutes = |minutes: u64| now.after(Duration::from_mins(minutes));
        let rows = [
            ("after the first", None, 1, 10),
            ("nothing known, twice", None, 2, 20),
            ("nothing known, many times", None, 50, 24 * 60),
            ("due in an hour", Some(minutes(60)), 3, 61),
            ("due at once", Some(minutes(1)), 1, 10),
            ("due in a week", Some(minutes(7 * 24 * 60)), 1, 24 * 60),
            ("overdue", Some(Moment::from_seconds(1)), 3, 40),
        ];
        for next in [None, Some(minutes(60))] {
            let soon = now.after(Duration::from_secs(5));
            assert_eq!(next_try(now, next, 0), soon, "at first");
        }
        for (name, next, tries, expected) in rows {
            assert_eq!(next_try(now, next, tries), minutes(expected), "{name}");
        }
    }
}

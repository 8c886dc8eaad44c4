//! Capturing what says whether the certificates of a token are revoked, while those who say it still do.
//!
//! Twice: when the token comes, and again when newer data can speak for its time. A list that was issued before a token says
//! nothing about the moment of the token; the one after it does. So each certificate but the root is asked for until
//! something that can speak for the token's time says what it is: then it is *settled*.
//!
//! What is captured has been verified: it is of the certificate's issuer, and its signature is good.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use counterfoil_evidence::format::MAX_URL;
use counterfoil_rfc3161::{Conclusion, conclude};
use counterfoil_service::client::{Answer, Call, CallError, Client, Sent};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use crate::judge::{RecordJudge, RevocationStatus, Source, Told};
use crate::moment::{Moment, of_timestamp};
use crate::record::{Revocation, RevocationKind};

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

/// Fetches revocation data.
#[derive(Debug, Clone)]
pub struct Capturer {
    client: Client,
    deadline: Duration,
}

/// What was captured for one token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
}

/// Verified data about a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The data.
    pub revocation: Revocation,
    /// Whether they can speak for the time of the token.
    pub speaks: bool,
}

/// What was fetched already, by place and request: many tokens have one issuer.
#[derive(Debug, Default)]
pub struct Fetched(Mutex<HashMap<Asked, Arc<Answered>>>);

/// What was asked: a URL, and for OCSP the request.
type Asked = (String, Vec<u8>);

/// The body of the answer, or why there is none.
type Answered = Result<Bytes, String>;

impl Capturer {
    /// Fetches by this client, each within the deadline.
    pub fn new(client: Client, deadline: Duration) -> Self {
        Self { client, deadline }
    }

    /// Asks about the certificates of a token's chain, and judges the answers for its time.
    pub async fn capture(
        &self,
        judge: &dyn RecordJudge,
        chain: &[Vec<u8>],
        gen_time: Moment,
        fetched: &Fetched,
        clock: impl Fn() -> Moment,
    ) -> Captured {
        let all = |_| true;
        let mut found = self.ask(judge, chain, all, fetched).await;
        let mut captured = found.judge(judge, chain, gen_time, all, clock());
        captured.troubles.append(&mut found.troubles);
        captured
    }

    /// Asks about the certificates of a chain of which `wanted` says so.
    pub async fn ask(
        &self,
        judge: &dyn RecordJudge,
        chain: &[Vec<u8>],
        wanted: impl Fn(usize) -> bool,
        fetched: &Fetched,
    ) -> Found {
        let sources = judge.sources(chain);
        let mut troubles = Vec::new();
        if sources.len() > MAX_SOURCES {
            troubles.push(format!(
                "the chain names {} places with revocation data, of which the first {MAX_SOURCES} are asked",
                sources.len()
            ));
        }
        let (sources, unfit): (Vec<Source>, Vec<Source>) = sources
            .into_iter()
            .partition(|source| source.url.len() <= MAX_URL);
        for source in unfit {
            troubles.push(format!(
                "the URL of revocation data has {} bytes, and evidence has room for {MAX_URL}",
                source.url.len()
            ));
        }
        let sources = sources.into_iter().take(MAX_SOURCES);
        let sources: Vec<Source> = sources
            .filter(|source| wanted(source.certificate))
            .collect();
        let answers = sources.iter().map(|source| self.fetch(source, fetched));
        let answers = futures_util::future::join_all(answers).await;
        let mut pieces = Vec::new();
        for (source, answer) in sources.into_iter().zip(answers) {
            match &*answer {
                Err(error) => troubles.push(format!("{}: {error}", source.url)),
                Ok(data) => pieces.push(Piece {
                    source,
                    data: data.clone(),
                    spent: None,
                }),
            }
        }
        Found { pieces, troubles }
    }

    async fn fetch(&self, source: &Source, fetched: &Fetched) -> Arc<Answered> {
        let key = (source.url.clone(), source.request.clone());
        if let Some(known) = fetched.0.lock().await.get(&key) {
            return Arc::clone(known);
        }
        let answer = Arc::new(self.fetch_anew(source).await);
        fetched.0.lock().await.insert(key, Arc::clone(&answer));
        answer
    }

    async fn fetch_anew(&self, source: &Source) -> Answered {
        let (sent, accept, limit) = match source.kind {
            RevocationKind::Crl => (Sent::Get, "application/pkix-crl, */*", MAX_CRL),
            RevocationKind::Ocsp => {
                let body = Bytes::copy_from_slice(&source.request);
                let content_type = Some("application/ocsp-request");
                let sent = Sent::Post { body, content_type };
                (sent, "application/ocsp-response", MAX_OCSP)
            }
        };
        let call = Call {
            sent,
            url: &source.url,
            accept: Some(accept),
            deadline: self.deadline,
            limit,
        };
        match self.client.call(call).await {
            Ok(Answer {
                status: 200, body, ..
            }) => Ok(body),
            Ok(Answer { status, .. }) => Err(format!("the answer is {status}")),
            Err(error @ CallError::Setup(_)) => Err(format!("the URL cannot be asked: {error}")),
            Err(error) => Err(error.to_string()),
        }
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
    data: Bytes,
    spent: Option<Spent>,
}

/// What a piece said of a time, and will say of every later one.
#[derive(Debug, Clone, Copy)]
enum Spent {
    Nothing,
    TooOld { next: Option<Moment> },
}

impl Found {
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
        let mut captured = Captured::default();
        let mut told: BTreeMap<usize, Vec<Told>> = BTreeMap::new();
        let pieces = self.pieces.iter_mut();
        for piece in pieces.filter(|piece| wanted(piece.source.certificate)) {
            let said = captured.take(judge, chain, piece, gen_time, now);
            told.entry(piece.source.certificate)
                .or_default()
                .extend(said);
        }
        for (certificate, told) in told {
            match conclude(told) {
                Conclusion::Good | Conclusion::RevokedLater { .. } => {
                    captured.settled.push(certificate);
                }
                Conclusion::Revoked { at, reason } => {
                    captured.settled.push(certificate);
                    captured.revoked = Some(format!("revoked at {at} ({reason})"));
                }
                Conclusion::OnHold { at } => captured.held = Some(format!("on hold since {at}")),
                Conclusion::Open(_) => {}
            }
        }
        captured
    }
}

impl Captured {
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
        let told = judge.revocation(chain, source.certificate, source.kind, data, gen_time);
        let mut speaks = true;
        match &told.status {
            RevocationStatus::AboutOthers(why) | RevocationStatus::Nothing(why) => {
                self.troubles.push(format!("{}: {why}", source.url));
                piece.spent = Some(Spent::Nothing);
                return None;
            }
            RevocationStatus::TooOld { next } => {
                let next = next.and_then(of_timestamp);
                self.next = self.next.into_iter().chain(next).min();
                piece.spent = Some(Spent::TooOld { next });
                speaks = false;
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
        let Piece { source, data, .. } = piece;
        let revocation = Revocation {
            kind: source.kind,
            certificate: Sha256::digest(certificate).into(),
            url: source.url.clone(),
            fetched: now,
            data: data.to_vec(),
        };
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

//! Asking for revocation data, in memory and time that are bounded, for each authority by itself: a slow one, or one with large
//! lists, takes nothing from the others.
//!
//! ```text
//! places ── batches ── room of the authority for the largest that may come ── asked side by side ──> Found ── judged, kept ──> dropped
//! ```

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use counterfoil_evidence::format::MAX_URL;
use counterfoil_service::client::{Answer, Call, CallError, Sent};
use counterfoil_service::room::Held;
use tokio::sync::Mutex;

use super::{Capturer, Found, MAX_CRL, MAX_OCSP, MAX_SOURCES};
use crate::judge::{RecordJudge, Source};
use crate::names::AuthorityName;
use crate::record::RevocationKind;

/// What may come of the places that are asked side by side: a list and answers about each of two certificates, which most chains
/// have. A record has room for it (32 MiB, in base64).
const BATCH: usize = 2 * MAX_CRL + 4 * MAX_OCSP;

/// Places of a chain that are still to be asked.
#[derive(Debug)]
pub struct Places {
    batches: VecDeque<Vec<Source>>,
    /// Places that are not asked, and why.
    pub troubles: Vec<String>,
}

impl Places {
    /// Those that say something about the certificates of a chain of which `wanted` says so.
    pub fn of(judge: &dyn RecordJudge, chain: &[Vec<u8>], wanted: impl Fn(usize) -> bool) -> Self {
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
        Self {
            batches: batches(sources.filter(|source| wanted(source.certificate))),
            troubles,
        }
    }

    /// The next to be asked side by side.
    pub(super) fn next(&mut self) -> Option<Vec<Source>> {
        self.batches.pop_front()
    }
}

/// In their order, as many at once as a batch has room for.
fn batches(sources: impl Iterator<Item = Source>) -> VecDeque<Vec<Source>> {
    let mut batches: VecDeque<Vec<Source>> = VecDeque::new();
    for source in sources {
        match batches.back_mut() {
            Some(last) if most(last) + limit(&source) <= BATCH => last.push(source),
            _ => batches.push_back(vec![source]),
        }
    }
    batches
}

/// The most that may come of these.
pub(super) fn most(sources: &[Source]) -> usize {
    sources.iter().map(limit).sum()
}

fn limit(source: &Source) -> usize {
    match source.kind {
        RevocationKind::Crl => MAX_CRL,
        RevocationKind::Ocsp => MAX_OCSP,
    }
}

/// What was fetched already of one authority's places, by place and request: many tokens have one issuer.
#[derive(Debug, Default)]
pub struct Fetched(Mutex<HashMap<Asked, Arc<Answered>>>);

/// What was asked: a URL, and for OCSP the request.
type Asked = (String, Vec<u8>);

/// The body of the answer, which has room while it is used, or why there is none.
type Answered = Result<(Bytes, Held<AuthorityName>), String>;

/// What a place answered.
#[derive(Debug, Clone)]
pub(super) struct Data(Arc<Answered>);

impl Data {
    pub(super) fn bytes(&self) -> Result<&Bytes, &String> {
        (*self.0).as_ref().map(|(bytes, _)| bytes)
    }
}

impl Fetched {
    async fn get(&self, key: &Asked) -> Option<Data> {
        self.0.lock().await.get(key).cloned().map(Data)
    }

    /// Lets go of all, so that there is room for others.
    async fn clear(&self) {
        self.0.lock().await.clear();
    }
}

impl Capturer {
    /// Asks the next places; `None` when all were asked. Waits for room, no longer than for answers.
    pub async fn ask(
        &self,
        authority: &AuthorityName,
        places: &mut Places,
        fetched: &Fetched,
    ) -> Option<Found> {
        let sources = places.next()?;
        let room = if let Ok(room) = self.room.try_take(authority, most(&sources)) {
            Some(room)
        } else {
            fetched.clear().await;
            let waiting = self.room.take(authority, most(&sources));
            let waited = tokio::time::timeout(self.deadline, waiting).await;
            waited.ok().flatten()
        };
        Some(match room {
            Some(room) => {
                let deadline = self.deadline;
                self.ask_within(room, sources, fetched, deadline).await
            }
            None => Found::nothing(not_asked(&sources, NO_ROOM)),
        })
    }

    /// Asks these places side by side, within this room and this time.
    pub(super) async fn ask_within(
        &self,
        mut room: Held<AuthorityName>,
        sources: Vec<Source>,
        fetched: &Fetched,
        deadline: Duration,
    ) -> Found {
        let parts = sources.iter().map(|source| room.split(limit(source)));
        let parts: Vec<Held<AuthorityName>> = parts.collect();
        let asked = sources.iter().zip(parts);
        let asked = asked.map(|(source, room)| self.fetch(source, room, fetched, deadline));
        let answers = futures_util::future::join_all(asked).await;
        Found::of(sources.into_iter().zip(answers))
    }

    async fn fetch(
        &self,
        source: &Source,
        mut room: Held<AuthorityName>,
        fetched: &Fetched,
        deadline: Duration,
    ) -> Data {
        let key = (source.url.clone(), source.request.clone());
        if let Some(known) = fetched.get(&key).await {
            return known;
        }
        let answer = self.fetch_anew(source, deadline).await;
        let answer = Arc::new(answer.map(|bytes| {
            room.shrink(bytes.len());
            (bytes, room)
        }));
        let mut known = fetched.0.lock().await;
        known.insert(key, Arc::clone(&answer));
        Data(answer)
    }

    async fn fetch_anew(&self, source: &Source, deadline: Duration) -> Result<Bytes, String> {
        let (sent, accept) = match source.kind {
            RevocationKind::Crl => (Sent::Get, "application/pkix-crl, */*"),
            RevocationKind::Ocsp => {
                let body = Bytes::copy_from_slice(&source.request);
                let content_type = Some("application/ocsp-request");
                let sent = Sent::Post { body, content_type };
                (sent, "application/ocsp-response")
            }
        };
        let call = Call {
            sent,
            url: &source.url,
            accept: Some(accept),
            deadline,
            limit: limit(source),
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

/// Why a place is not asked.
pub(super) const NO_ROOM: &str =
    "it is asked later: what else was fetched of this authority, or of all, takes all the room";

/// That these are not asked.
pub(super) fn not_asked(sources: &[Source], why: &str) -> Vec<String> {
    let told = sources
        .iter()
        .map(|source| format!("{}: {why}", source.url));
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_asked_at_once_as_a_batch_has_room_for() {
        let source = |kind: RevocationKind| Source {
            certificate: 0,
            kind,
            url: String::new(),
            request: Vec::new(),
        };
        let (crl, ocsp) = (RevocationKind::Crl, RevocationKind::Ocsp);
        let rows: [(&str, &[RevocationKind], &[usize]); 6] = [
            ("none", &[], &[]),
            ("one", &[crl], &[1]),
            ("an ordinary chain", &[crl, ocsp, crl, ocsp], &[4]),
            ("many lists", &[crl; 5], &[2, 2, 1]),
            ("in their order", &[crl, crl, crl, ocsp], &[2, 2]),
            ("many answers", &[ocsp; MAX_SOURCES], &[MAX_SOURCES]),
        ];
        for (name, kinds, expected) in rows {
            let batches = batches(kinds.iter().map(|kind| source(*kind)));
            let lengths: Vec<usize> = batches.iter().map(Vec::len).collect();
            assert_eq!(lengths, expected, "{name}");
            assert!(batches.iter().all(|batch| most(batch) <= BATCH), "{name}");
        }
    }
}

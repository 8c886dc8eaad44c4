//! How one anchor is reached: over HTTP, each answer bounded in length and time, and remembered for as long as it holds.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use counterfoil_evidence::gather::{Anchor, Ask, Failed, FailedKind};
use counterfoil_service::client::{Call, CallError, Client, Sent};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// How long an anchor may take for a list or a checkpoint.
const LIST_DEADLINE: Duration = Duration::from_secs(5);

/// And for a record, which may have some MB.
const RECORD_DEADLINE: Duration = Duration::from_secs(10);

/// How long a list is taken for the newest; and how long an anchor that was silent is not asked for it again.
const LIST_AGE: Duration = Duration::from_secs(5);

/// Lists that are remembered: more than the few entries that everybody asks for at one time need.
const LISTS: usize = 64;

/// How long a record is taken for what it is: it never changes, but what came may have been something else.
const RECORD_AGE: Duration = Duration::from_mins(10);

/// Memory for checkpoints and records.
const RECORD_BYTES: u64 = 32 << 20;

/// What a remembered record takes besides its bytes, roughly.
const OVERHEAD: u64 = 400;

/// What an anchor answered.
type Answered = Result<Option<Bytes>, Failed>;

/// An anchor.
pub(super) struct Reached {
    url: String,
    client: Client,
    lists: Mutex<HashMap<Ask, (Instant, Answered)>>,
    records: Cache<Ask, (Instant, Bytes), ByBytes>,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Ask, (Instant, Bytes)> for ByBytes {
    fn weight(&self, _: &Ask, (_, bytes): &(Instant, Bytes)) -> u64 {
        bytes.len() as u64 + OVERHEAD
    }
}

impl fmt::Debug for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reached")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Reached {
    pub(super) fn new(url: String, client: Client) -> Self {
        Self {
            url,
            client,
            lists: Mutex::default(),
            records: Cache::with_weighter(1_000, RECORD_BYTES, ByBytes),
        }
    }

    /// With a slash at its end.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    async fn ask(&self, ask: &Ask) -> Answered {
        let url = format!("{}{}", self.url, ask.path());
        let failed = |kind, why: String| Failed {
            kind,
            what: format!("{}: {why}", ask.path()),
        };
        let call = Call {
            sent: Sent::Get,
            url: &url,
            accept: None,
            deadline: match ask {
                Ask::List(_) | Ask::Checkpoint(_) => LIST_DEADLINE,
                Ask::Record(_) => RECORD_DEADLINE,
            },
            limit: ask.limit(),
        };
        match self.client.call(call).await {
            Ok(answer) => match answer.status {
                200 => Ok(Some(answer.body)),
                404 | 410 => Ok(None),
                status => {
                    let why = format!("expected the status 200, got {status}");
                    Err(failed(FailedKind::Silent, why))
                }
            },
            Err(error @ CallError::TooLarge { .. }) => {
                Err(failed(FailedKind::Unusable, error.to_string()))
            }
            Err(error) => Err(failed(FailedKind::Silent, error.to_string())),
        }
    }

    fn lists(&self) -> MutexGuard<'_, HashMap<Ask, (Instant, Answered)>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Anchor for Reached {
    async fn read(&self, ask: &Ask) -> Answered {
        let is_new = |at: &Instant| at.elapsed() < LIST_AGE;
        if let Ask::List(_) = ask {
            let known = self.lists().get(ask).filter(|(at, _)| is_new(at)).cloned();
            if let Some((_, answered)) = known {
                return answered;
            }
            let answered = self.ask(ask).await;
            let mut lists = self.lists();
            if lists.len() >= LISTS {
                lists.retain(|_, (at, _)| is_new(at));
            }
            if lists.len() < LISTS {
                lists.insert(ask.clone(), (Instant::now(), answered.clone()));
            }
            return answered;
        }
        if let Some((at, bytes)) = self.records.get(ask)
            && at.elapsed() < RECORD_AGE
        {
            return Ok(Some(bytes));
        }
        let answered = self.ask(ask).await;
        if let Ok(Some(bytes)) = &answered {
            let known = (Instant::now(), bytes.clone());
            self.records.insert(ask.clone(), known);
        }
        answered
    }
}

//! Anchors, as they are asked for records.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use counterfoil_evidence::gather::{Anchor, Ask, Failed, FailedKind};
use url::Url;

use crate::client::{CallError, LogClient};

/// How long an anchor may take for all that one file of evidence needs of it: a slow one keeps nobody from what the others have.
const PATIENCE: Duration = Duration::from_mins(1);

/// An anchor.
#[derive(Debug)]
pub(super) struct AnchorClient(LogClient);

/// One anchor, as it is asked for one file of evidence.
pub(super) struct Hearing<'a> {
    client: &'a AnchorClient,
    left: Mutex<Duration>,
}

impl AnchorClient {
    /// The anchor at a URL. Nothing is asked yet. No token is sent: it is the log's.
    pub(super) fn new(url: &Url) -> Result<Self, CallError> {
        Ok(Self(LogClient::new(url, None)?))
    }

    /// Its URL.
    pub(super) fn url(&self) -> &Url {
        self.0.base()
    }

    /// To be asked for one file of evidence.
    pub(super) fn hearing(&self) -> Hearing<'_> {
        Hearing {
            client: self,
            left: Mutex::new(PATIENCE),
        }
    }
}

impl Hearing<'_> {
    fn spend(&self, time: Duration) -> Duration {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.saturating_sub(time);
        *left
    }
}

impl Anchor for Hearing<'_> {
    async fn read(&self, ask: &Ask, limit: usize) -> Result<Option<Bytes>, Failed> {
        let AnchorClient(client) = self.client;
        let asked = Instant::now();
        let left = self.spend(Duration::ZERO);
        let found = tokio::time::timeout(left, client.find(ask.path(), limit)).await;
        self.spend(asked.elapsed());
        match found {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) => Err(Failed {
                kind: match error {
                    CallError::TooLong { .. } => FailedKind::Unusable,
                    _ => FailedKind::Silent,
                },
                what: error.to_string(),
            }),
            Err(_) => Err(Failed {
                kind: FailedKind::Silent,
                what: format!(
                    "{}: its answers together took {} s, and it was not waited for any longer",
                    ask.path(),
                    PATIENCE.as_secs()
                ),
            }),
        }
    }
}

//! Anchors, as they are asked for records.

use bytes::Bytes;
use counterfoil_evidence::gather::{Anchor, Ask, Failed, FailedKind};
use url::Url;

use crate::client::{CallError, LogClient};

/// An anchor.
#[derive(Debug)]
pub(super) struct AnchorClient(LogClient);

impl AnchorClient {
    /// The anchor at a URL. Nothing is asked yet. No token is sent: it is the log's.
    pub(super) fn new(url: &Url) -> Result<Self, CallError> {
        Ok(Self(LogClient::new(url, None)?))
    }

    /// Its URL.
    pub(super) fn url(&self) -> &Url {
        self.0.base()
    }
}

impl Anchor for AnchorClient {
    async fn read(&self, ask: &Ask) -> Result<Option<Bytes>, Failed> {
        self.0
            .find(ask.path(), ask.limit())
            .await
            .map_err(|error| Failed {
                kind: match error {
                    CallError::TooLong { .. } => FailedKind::Unusable,
                    _ => FailedKind::Silent,
                },
                what: error.to_string(),
            })
    }
}

//! Copies of the latest checkpoints at a URL: the monitoring prefix where this witness was published, or one that keeps
//! what it signed.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use counterfoil_tiles::note::MAX_NOTE_SIZE;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};

use crate::OriginHash;
use crate::copies::CopySource;

/// How long connecting, and the whole answer, may take: the first cosignature for a log waits for it.
const CONNECT_TIME: Duration = Duration::from_secs(5);
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// The copies below a monitoring prefix.
#[derive(Debug, Clone)]
pub(crate) struct MonitoringCopies {
    /// Without the slash at its end.
    prefix: String,
    client: Client,
}

impl MonitoringCopies {
    /// The copies below a URL. An error says why there can be no client.
    pub(crate) fn new(url: &str) -> Result<Self, String> {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIME)
            .timeout(ANSWER_TIME)
            .redirect(Policy::none())
            .build();
        Ok(Self {
            prefix: url.trim_end_matches('/').to_owned(),
            client: client.map_err(|error| said(&error))?,
        })
    }
}

#[async_trait]
impl CopySource for MonitoringCopies {
    fn place(&self) -> &str {
        &self.prefix
    }

    async fn fetch(&self, log: OriginHash) -> Result<Option<Bytes>, String> {
        let url = format!("{}/{log}/checkpoint", self.prefix);
        let answer = self
            .client
            .get(url)
            .send()
            .await
            .map_err(|error| said(&error))?;
        match answer.status() {
            StatusCode::OK => body(answer).await.map(Some),
            StatusCode::NOT_FOUND => Ok(None),
            other => Err(format!("expected 200 or 404, got {}", other.as_u16())),
        }
    }

    async fn list(&self) -> Result<Option<Vec<OriginHash>>, String> {
        // tlog-witness has no list.
        Ok(None)
    }
}

async fn body(mut answer: Response) -> Result<Bytes, String> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| said(&error))? {
        if bytes.len() + chunk.len() > MAX_NOTE_SIZE {
            return Err(format!(
                "expected a note of at most {MAX_NOTE_SIZE} bytes, got more"
            ));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// An error with its causes: the first alone says only that sending failed.
fn said(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

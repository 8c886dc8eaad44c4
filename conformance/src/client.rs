//! HTTP as a log speaks it, and what came back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, Response};
use tower::util::MapRequestLayer;
use url::Url;

/// A witness that answers later is one that does not answer.
const DEADLINE: Duration = Duration::from_secs(30);

/// The largest answer that is read.
const MAX_ANSWER: usize = 1 << 20;

/// How often a request that is answered 429 is sent again, and the longest pause before.
const ATTEMPTS: u32 = 6;
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) allow: Option<String>,
    pub(crate) body: Bytes,
    retry_after: Option<Duration>,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The size in a 409 answer, however it is written.
    pub(crate) fn size(&self) -> Option<u64> {
        let text = str::from_utf8(&self.body).ok()?;
        (self.status == 409)
            .then(|| text.trim().parse().ok())
            .flatten()
    }

    /// The status, and for an error what the witness says of it.
    pub(crate) fn describe(&self) -> String {
        let body = String::from_utf8_lossy(&self.body);
        let body = body.trim_end();
        if self.is_success() || body.is_empty() || body.starts_with('<') {
            return self.status.to_string();
        }
        let mut said: String = body.chars().take(60).collect();
        if said.len() < body.len() {
            said.push('…');
        }
        format!("{}: {said}", self.status)
    }
}

/// A client of one witness.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    submission: Url,
    throttled: Arc<AtomicU64>,
    connections: Arc<AtomicU64>,
}

impl Client {
    /// A client of the witness with a submission prefix.
    pub(crate) fn new(submission: Url) -> Result<Self, reqwest::Error> {
        let connections = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&connections);
        let http = reqwest::Client::builder()
            .user_agent(concat!(
                "counterfoil-conformance/",
                env!("CARGO_PKG_VERSION")
            ))
            .timeout(DEADLINE)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .tcp_nodelay(true)
            .connector_layer(MapRequestLayer::new(move |destination| {
                counter.fetch_add(1, Ordering::Relaxed);
                destination
            }))
            .build()?;
        Ok(Self {
            http,
            submission,
            throttled: Arc::default(),
            connections,
        })
    }

    /// The same witness, over connections of its own.
    pub(crate) fn apart(&self) -> Result<Self, reqwest::Error> {
        Self::new(self.submission.clone())
    }

    /// How many connections were opened.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// How many answers were 429 and asked for again.
    pub(crate) fn throttled(&self) -> u64 {
        self.throttled.load(Ordering::Relaxed)
    }

    /// Posts a body under the submission prefix; where the answer is 429, again after a pause.
    pub(crate) async fn post(&self, path: &str, body: &[u8]) -> Result<Answer, String> {
        let mut attempt = 1;
        loop {
            let answer = self.post_once(path, body).await?;
            if answer.status != 429 || attempt >= ATTEMPTS {
                return Ok(answer);
            }
            attempt += 1;
            self.throttled.fetch_add(1, Ordering::Relaxed);
            let pause = answer.retry_after.unwrap_or_default();
            tokio::time::sleep(pause.clamp(SHORTEST_PAUSE, LONGEST_PAUSE)).await;
        }
    }

    /// Posts a body under the submission prefix, once.
    pub(crate) async fn post_once(&self, path: &str, body: &[u8]) -> Result<Answer, String> {
        let url = under(&self.submission, path);
        let request = self.http.post(url).body(body.to_vec());
        read(request.send().await).await
    }

    /// Sends a request with another method, or to another prefix.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: Url,
        body: &[u8],
    ) -> Result<Answer, String> {
        let request = self.http.request(method, url).body(body.to_vec());
        read(request.send().await).await
    }

    /// The URL of a path under the submission prefix.
    pub(crate) fn submission(&self, path: &str) -> Url {
        under(&self.submission, path)
    }
}

/// A path under a prefix, whether or not the prefix ends in a slash.
pub(crate) fn under(prefix: &Url, path: &str) -> Url {
    let mut url = prefix.clone();
    url.set_path(&format!("{}/{path}", prefix.path().trim_end_matches('/')));
    url
}

async fn read(response: Result<Response, reqwest::Error>) -> Result<Answer, String> {
    let mut response = response.map_err(|error| chain(&error))?;
    let field = |name| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(ToOwned::to_owned)
    };
    let content_type = field(CONTENT_TYPE);
    let allow = field(ALLOW);
    let retry_after = field(RETRY_AFTER)
        .and_then(|seconds| seconds.parse().ok())
        .map(Duration::from_secs);
    let status = response.status().as_u16();
    let mut body = BytesMut::new();
    while let Some(part) = response.chunk().await.map_err(|error| chain(&error))? {
        if body.len() + part.len() > MAX_ANSWER {
            return Err(format!("an answer of more than {MAX_ANSWER} bytes"));
        }
        body.extend_from_slice(&part);
    }
    Ok(Answer {
        status,
        content_type,
        allow,
        body: body.freeze(),
        retry_after,
    })
}

/// An error with what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_put_under_the_prefix() {
        for (prefix, expected) in [
            ("http://w.example", "http://w.example/add-checkpoint"),
            ("http://w.example/", "http://w.example/add-checkpoint"),
            (
                "http://w.example/a/b",
                "http://w.example/a/b/add-checkpoint",
            ),
            (
                "http://w.example/a/b/",
                "http://w.example/a/b/add-checkpoint",
            ),
        ] {
            let prefix = prefix.parse().expect("a URL");
            assert_eq!(under(&prefix, "add-checkpoint").as_str(), expected);
        }
    }
}

//! The HTTP client of a log: bounded answers, bounded retries, and three ways to fail.
//!
//! A read is retried here ([`LogClient::get`]). A write never is: [`LogClient::post`] says what is known about its
//! outcome, and the caller decides.

mod error;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use reqwest::Response;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER,
};
use url::Url;
use zeroize::Zeroizing;

pub(crate) use error::{CallError, Refusal};
use error::{chain, named_line, problem};

use crate::retry::{self, Attempts};

/// A connection is made within this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A server that sends nothing for this long is given up.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A pause from which on it is said that, and why, something is tried again.
const TOLD_PAUSE: Duration = Duration::from_millis(500);

/// And how often at most: a log that is down fails many requests at once.
const TOLD_INTERVAL: Duration = Duration::from_secs(5);

/// The longest explanation that is read of an error.
const MAX_PROBLEM_BYTES: usize = 16 << 10;

/// The longest JSON answer that is read: a lookup page.
pub(crate) const MAX_JSON_BYTES: usize = 4 << 20;

/// What a request must be for its answer to be understood.
const PROBLEM_JSON: &str = "application/problem+json";

/// How contents may be encoded on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transfer {
    /// Compressed if the log can: a network is slower than gzip.
    Compressed,
    /// As they are: on one machine gzip is slower than the network.
    Plain,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it comes.
    Any,
    /// JSON, where the log can choose.
    Json,
}

/// A bearer token. Shown nowhere.
#[derive(Clone)]
pub(crate) struct Token(Zeroizing<String>);

impl Token {
    /// Takes a token.
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(secret)")
    }
}

/// A client of one log.
#[derive(Debug, Clone)]
pub(crate) struct LogClient {
    http: reqwest::Client,
    base: Url,
    /// When it was last said that something is tried again.
    told: Arc<Mutex<Option<Instant>>>,
}

impl LogClient {
    /// A client of the log under the URL prefix `base`.
    pub(crate) fn new(base: &Url, token: Option<&Token>) -> Result<Self, CallError> {
        let base = with_final_slash(base)?;
        let mut headers = HeaderMap::new();
        if let Some(Token(token)) = token {
            let mut value =
                HeaderValue::from_str(&format!("Bearer {}", token.trim())).map_err(|_| {
                    CallError::Usage(
                        "the token holds characters that a header cannot carry".to_owned(),
                    )
                })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        // SPEC(tlog-tiles): "Clients SHOULD include `gzip` and `identity` in their `Accept-Encoding` headers."
        let encodings = match transfer_of(&base) {
            Transfer::Compressed => "gzip, identity;q=0.5",
            Transfer::Plain => "identity, gzip;q=0.5",
        };
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(encodings));
        let http = reqwest::Client::builder()
            .user_agent(concat!("counterfoil/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .redirect(reqwest::redirect::Policy::limited(3))
            .retry(reqwest::retry::never())
            .tcp_nodelay(true)
            .build()
            .map_err(|error| {
                CallError::Usage(format!("no HTTP client can be made: {}", chain(&error)))
            })?;
        Ok(Self {
            http,
            base,
            told: Arc::default(),
        })
    }

    /// The URL prefix of the log, with its final slash.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// Reads a resource of at most `limit` bytes, trying again while that may help.
    pub(crate) async fn get(
        &self,
        path: &str,
        form: Form,
        limit: usize,
    ) -> Result<Bytes, CallError> {
        let mut attempts = Attempts::default();
        loop {
            let error = match self.get_once(path, form, limit).await {
                Ok(bytes) => return Ok(bytes),
                Err(error) => error,
            };
            if !error.is_passing() {
                return Err(error);
            }
            match attempts.failed(error.retry_after(), rand::random()) {
                Some(pause) => {
                    self.tell(&error, attempts.made(), pause);
                    tokio::time::sleep(pause).await;
                }
                None => return Err(error),
            }
        }
    }

    /// The same, without trying again.
    pub(crate) async fn get_once(
        &self,
        path: &str,
        form: Form,
        limit: usize,
    ) -> Result<Bytes, CallError> {
        let url = self.url(path);
        let mut request = self.http.get(url.clone());
        if form == Form::Json {
            request = request.header(ACCEPT, "application/json");
        }
        let response = request
            .send()
            .await
            .map_err(|error| sending_failed(&url, &error))?;
        answer(&url, response, limit).await
    }

    /// Reads a resource of at most `limit` bytes; `None` where the log has no such thing.
    pub(crate) async fn find(&self, path: &str, limit: usize) -> Result<Option<Bytes>, CallError> {
        match self.get(path, Form::Any, limit).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if matches!(error.status(), Some(404 | 410)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends a body once.
    pub(crate) async fn post(
        &self,
        path: &str,
        body: Bytes,
        limit: usize,
    ) -> Result<Bytes, CallError> {
        let url = self.url(path);
        let response = self
            .http
            .post(url.clone())
            .header(ACCEPT, "text/plain")
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(body)
            .send()
            .await
            .map_err(|error| sending_failed(&url, &error))?;
        answer(&url, response, limit).await
    }

    /// Says that a read is tried again: aloud where somebody would begin to wonder, but not for each of many requests.
    fn tell(&self, error: &CallError, attempt: u32, pause: Duration) {
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if pause < TOLD_PAUSE || told.is_some_and(|at| now - at < TOLD_INTERVAL) {
            tracing::debug!(%error, attempt, ?pause, "trying again");
        } else {
            tracing::warn!("{error}; trying again in {:.0} s", pause.as_secs_f64());
            *told = Some(now);
        }
    }

    /// The URL of a path below the prefix. The host is not parsed again for each of many tiles.
    fn url(&self, path: &str) -> Url {
        let (path, query) = path
            .split_once('?')
            .map_or((path, None), |(path, query)| (path, Some(query)));
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path()));
        url.set_query(query);
        url
    }
}

/// The URL prefix with the slash that makes paths go below it.
pub(crate) fn with_final_slash(base: &Url) -> Result<Url, CallError> {
    if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
        return Err(CallError::Usage(format!(
            "expected the http or https URL of a log, found {base}"
        )));
    }
    let mut base = base.clone();
    base.set_query(None);
    base.set_fragment(None);
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", base.path()));
    }
    Ok(base)
}

fn transfer_of(base: &Url) -> Transfer {
    let loopback = match base.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if loopback {
        Transfer::Plain
    } else {
        Transfer::Compressed
    }
}

fn sending_failed(url: &Url, error: &reqwest::Error) -> CallError {
    let (url, reason) = (url.to_string(), chain(error));
    if error.is_connect() || error.is_builder() {
        CallError::NotSent { url, reason }
    } else {
        CallError::NoAnswer { url, reason }
    }
}

/// The body of a good answer, or the error that the answer is.
async fn answer(url: &Url, response: Response, limit: usize) -> Result<Bytes, CallError> {
    let status = response.status();
    if status.is_success() {
        return body(url, response, limit).await;
    }
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| retry::retry_after(value, SystemTime::now()));
    let is_problem = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with(PROBLEM_JSON));
    let text = body(url, response, MAX_PROBLEM_BYTES)
        .await
        .unwrap_or_default();
    let (kind, detail) = if is_problem {
        problem(&text)
    } else {
        named_line(&text)
    };
    let refusal = Refusal {
        status: status.as_u16(),
        kind,
        detail,
        retry_after,
    };
    Err(CallError::Refused {
        url: url.to_string(),
        refusal,
    })
}

async fn body(url: &Url, mut response: Response, limit: usize) -> Result<Bytes, CallError> {
    let failed = |error: reqwest::Error| CallError::NoAnswer {
        url: url.to_string(),
        reason: chain(&error),
    };
    let too_long = || CallError::TooLong {
        url: url.to_string(),
        limit,
    };
    let announced = response.content_length().unwrap_or_default();
    let announced = usize::try_from(announced).map_err(|_| too_long())?;
    if announced > limit {
        return Err(too_long());
    }
    let Some(first) = response.chunk().await.map_err(failed)? else {
        return Ok(Bytes::new());
    };
    // Whatever came in one piece is handed on as it is; pieces are put together where they fit at once.
    let mut whole: Option<BytesMut> = None;
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        let whole = whole.get_or_insert_with(|| {
            let mut whole = BytesMut::with_capacity(announced.max(first.len() + chunk.len()));
            whole.extend_from_slice(&first);
            whole
        });
        if whole.len() + chunk.len() > limit {
            return Err(too_long());
        }
        whole.extend_from_slice(&chunk);
    }
    if first.len() > limit {
        return Err(too_long());
    }
    Ok(whole.map_or(first, BytesMut::freeze))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_gets_its_slash_and_loses_query_and_fragment() {
        let rows = [
            ("http://127.0.0.1:80", Some("http://127.0.0.1/")),
            ("https://log.example/a", Some("https://log.example/a/")),
            (
                "https://log.example/a/?x=1#y",
                Some("https://log.example/a/"),
            ),
            ("ftp://log.example/", None),
            ("mailto:a@log.example", None),
        ];
        for (text, expected) in rows {
            let found = with_final_slash(&Url::parse(text).unwrap())
                .ok()
                .map(|url| url.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn paths_go_below_the_prefix() {
        let rows = [
            (
                "http://a:81/",
                "tile/0/x001/002.p/3",
                "http://a:81/tile/0/x001/002.p/3",
            ),
            (
                "https://a/logs/one/",
                "receipt/7?size=9",
                "https://a/logs/one/receipt/7?size=9",
            ),
            (
                "http://[::1]:8/x",
                "checkpoint",
                "http://[::1]:8/x/checkpoint",
            ),
        ];
        for (base, path, expected) in rows {
            let client = LogClient::new(&Url::parse(base).unwrap(), None).unwrap();
            assert_eq!(client.url(path).as_str(), expected);
        }
    }

    #[test]
    fn gzip_is_not_wanted_on_one_machine() {
        let rows = [
            ("http://127.0.0.1:1/", Transfer::Plain),
            ("http://[::1]:1/", Transfer::Plain),
            ("http://localhost:1/", Transfer::Plain),
            ("https://log.example/", Transfer::Compressed),
            ("http://10.0.0.1/", Transfer::Compressed),
        ];
        for (text, expected) in rows {
            assert_eq!(transfer_of(&Url::parse(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        assert_eq!(
            format!("{:?}", Token::new("hunter2".into())),
            "Token(secret)"
        );
        let error = LogClient::new(
            &Url::parse("http://a/").unwrap(),
            Some(&Token::new("a\nb".into())),
        );
        assert!(!format!("{}", error.unwrap_err()).contains("a\nb"));
    }
}

//! The HTTP client of a log: bounded answers, bounded retries, and three ways to fail.
//!
//! A read is retried here ([`LogClient::get`]). A write never is: [`LogClient::post`] says what is known about its
//! outcome, and the caller decides.

use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER,
};
use reqwest::{Response, StatusCode};
use url::Url;
use zeroize::Zeroizing;

use crate::retry::{self, Attempts};

/// A connection is made within this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A server that sends nothing for this long is given up.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest explanation that is read of an error.
const MAX_PROBLEM_BYTES: usize = 16 << 10;

/// The longest JSON answer that is read: a lookup page.
pub(crate) const MAX_JSON_BYTES: usize = 4 << 20;

/// What a request must be for its answer to be understood.
const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request to a log brought no answer to use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// The address or the token cannot be used.
    #[error("{0}")]
    Usage(String),
    /// No connection: the request was not sent.
    #[error("{url} cannot be reached: {reason}")]
    NotSent {
        /// What was asked.
        url: String,
        /// The last error.
        reason: String,
    },
    /// The request was sent, and no whole answer came.
    #[error("{url} gave no answer: {reason}")]
    NoAnswer {
        /// What was asked.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The answer is longer than any that can be right.
    #[error("the answer of {url} is longer than {limit} bytes")]
    TooLong {
        /// What was asked.
        url: String,
        /// The limit.
        limit: usize,
    },
    /// The answer is an error.
    #[error("{url} answers {}", refusal)]
    Refused {
        /// What was asked.
        url: String,
        /// The error.
        refusal: Refusal,
    },
}

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The HTTP status code.
    pub(crate) status: u16,
    /// The word that names the problem: the end of its type (RFC 9457), or what stands before the colon of a line.
    pub(crate) kind: Option<String>,
    /// What the server says.
    pub(crate) detail: String,
    /// When the server wants to be asked again.
    pub(crate) retry_after: Option<Duration>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let status = StatusCode::from_u16(self.status);
        match status.as_ref().map(StatusCode::canonical_reason) {
            Ok(Some(reason)) => write!(f, "{} {reason}", self.status)?,
            _ => write!(f, "{}", self.status)?,
        }
        if self.detail.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.detail)
        }
    }
}

impl CallError {
    /// The status of an error answer.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal.status),
            _ => None,
        }
    }

    /// Whether the same read may succeed later.
    fn is_passing(&self) -> bool {
        match self {
            Self::NotSent { .. } | Self::NoAnswer { .. } => true,
            Self::Refused { refusal, .. } => matches!(refusal.status, 429 | 502..=504),
            Self::TooLong { .. } | Self::Usage(_) => false,
        }
    }

    /// When the server wants to be asked again.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { refusal, .. } => refusal.retry_after,
            _ => None,
        }
    }
}

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
        Ok(Self { http, base })
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
                    tracing::debug!(%error, attempt = attempts.made(), ?pause, "trying again");
                    tokio::time::sleep(pause).await;
                }
                None => return Err(error),
            }
        }
    }

    /// Reads a resource of at most `limit` bytes; `None` where the log has no such thing.
    pub(crate) async fn find(&self, path: &str, limit: usize) -> Result<Option<Bytes>, CallError> {
        match self.get(path, Form::Any, limit).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if matches!(error.status(), Some(404 | 410)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn get_once(&self, path: &str, form: Form, limit: usize) -> Result<Bytes, CallError> {
        let url = self.url(path)?;
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

    /// Sends a body once.
    pub(crate) async fn post(
        &self,
        path: &str,
        body: Bytes,
        limit: usize,
    ) -> Result<Bytes, CallError> {
        let url = self.url(path)?;
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

    fn url(&self, path: &str) -> Result<Url, CallError> {
        self.base.join(path).map_err(|error| {
            CallError::Usage(format!("{path:?} below {} is no URL: {error}", self.base))
        })
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
    let Some(first) = response.chunk().await.map_err(failed)? else {
        return Ok(Bytes::new());
    };
    if first.len() > limit {
        return Err(too_long());
    }
    let mut whole: Option<BytesMut> = None;
    // Most answers are one chunk, which is handed on without a copy.
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        let whole = whole.get_or_insert_with(|| BytesMut::from(&first[..]));
        if whole.len() + chunk.len() > limit {
            return Err(too_long());
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.map_or(first, BytesMut::freeze))
}

/// The type and the detail (else the title) of a problem.
fn problem(body: &[u8]) -> (Option<String>, String) {
    #[derive(serde::Deserialize)]
    struct Problem {
        #[serde(rename = "type")]
        kind: Option<String>,
        title: Option<String>,
        detail: Option<String>,
    }
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => {
            let detail = problem.detail.or(problem.title).unwrap_or_default();
            let word = problem
                .kind
                .and_then(|kind| kind.rsplit(':').next().map(str::to_owned));
            (word, plain(detail.as_bytes()))
        }
        Err(_) => (None, plain(body)),
    }
}

/// A line like `overloaded: the queue is full`, and the word that it begins with.
fn named_line(body: &[u8]) -> (Option<String>, String) {
    let line = plain(body);
    let is_word = |word: &&str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    let word = line
        .split_once(": ")
        .map(|(word, _)| word)
        .filter(is_word)
        .map(str::to_owned);
    (word, line)
}

/// What a server says, fit for a terminal: the first line, no control characters, not too long.
fn plain(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().next().unwrap_or_default();
    line.chars()
        .filter(|character| !character.is_control())
        .take(300)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// An error and its causes on one line, each said once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
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
    fn what_a_server_says_is_cut_to_a_harmless_line() {
        assert_eq!(plain(b"one\ntwo"), "one");
        assert_eq!(plain(b"\x1b[31mred"), "[31mred");
        assert_eq!(plain(&[b'a'; 1000]).len(), 300);
        assert_eq!(
            problem(br#"{"type":"urn:counterfoil:problem:too-slow","title":"T","detail":"D","status":503}"#),
            (Some("too-slow".to_owned()), "D".to_owned())
        );
        let named = |body: &[u8]| named_line(body).0;
        assert_eq!(
            named(b"outcome-unknown: a write hangs\n").as_deref(),
            Some("outcome-unknown")
        );
        assert_eq!(named(b"Bad Gateway: no\n"), None);
        assert_eq!(named(b"nothing of the kind\n"), None);
        assert_eq!(problem(br#"{"title":"T"}"#), (None, "T".to_owned()));
        assert_eq!(
            problem(b"plain after all"),
            (None, "plain after all".to_owned())
        );
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

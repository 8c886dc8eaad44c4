//! An HTTP client for services: answers of a known limit, within a deadline, and errors that say what happened.
//!
//! Connections are kept, HTTP/2 is spoken where it is offered, and nothing is tried again.

use std::error::Error;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use reqwest::{Certificate, Response};

/// How a client connects.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// How long a connection may take, name and TLS included.
    pub connect_deadline: Duration,
    /// Root certificates (PEM) that are trusted besides the system's; may be empty.
    pub roots: Vec<u8>,
    /// How many unused connections to one server are kept.
    pub idle_connections: usize,
    /// How many redirects are followed.
    pub redirects: usize,
}

impl Default for ClientOptions {
    /// Three seconds to connect, the system's roots, two unused connections, no redirects.
    fn default() -> Self {
        Self {
            connect_deadline: Duration::from_secs(3),
            roots: Vec::new(),
            idle_connections: 2,
            redirects: 0,
        }
    }
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// GET.
    Get,
    /// POST, with this body.
    Post {
        /// The body.
        body: Bytes,
        /// What it is, if that is said.
        content_type: Option<&'static str>,
    },
}

/// A request, and what its answer may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call<'a> {
    /// What is sent.
    pub sent: Sent,
    /// The whole URL.
    pub url: &'a str,
    /// The form of the answer that is asked for, if one is.
    pub accept: Option<&'static str>,
    /// How long connecting, sending and reading the answer may take together.
    pub deadline: Duration,
    /// The longest body that is read.
    pub limit: usize,
}

/// An answer, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// The `Content-Type` field, if there is a readable one.
    pub content_type: Option<String>,
    /// After how long the server wants to be asked again, if it says so.
    pub retry_after: Option<Duration>,
    /// The body, within the limit.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The time is over.
    #[error("no whole answer within {:.1} s", .0.as_secs_f64())]
    Deadline(Duration),
    /// The answer is longer than what is read; the rest was left.
    #[error("the answer has more than {limit} bytes; the rest was not read")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// No connection: name, network, TLS.
    #[error("no connection: {0}")]
    NotReached(String),
    /// The connection ended or failed before the answer was whole.
    #[error("the answer broke off: {0}")]
    Broken(String),
    /// The client itself cannot be set up: the operator's to mend.
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(String),
}

/// A client. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
}

impl Client {
    /// A client without connections. Fails if the root certificates cannot be read.
    pub fn new(options: &ClientOptions) -> Result<Self, CallError> {
        let setup = |error: reqwest::Error| CallError::Setup(chain(error));
        let redirects = match options.redirects {
            0 => reqwest::redirect::Policy::none(),
            most => reqwest::redirect::Policy::limited(most),
        };
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("counterfoil/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(options.connect_deadline)
            .pool_max_idle_per_host(options.idle_connections)
            .redirect(redirects)
            .retry(reqwest::retry::never())
            .no_gzip()
            .tcp_nodelay(true);
        if !options.roots.is_empty() {
            let roots = Certificate::from_pem_bundle(&options.roots).map_err(setup)?;
            if roots.is_empty() {
                return Err(CallError::Setup(
                    "the root certificates hold no `BEGIN CERTIFICATE` block".into(),
                ));
            }
            http = http.tls_certs_merge(roots);
        }
        Ok(Self {
            http: http.build().map_err(setup)?,
        })
    }

    /// Sends a request and reads the whole answer. Dropping the future gives the request up.
    pub async fn call(&self, call: Call<'_>) -> Result<Answer, CallError> {
        let Call {
            sent,
            url,
            accept,
            deadline,
            limit,
        } = call;
        let mut request = match sent {
            Sent::Get => self.http.get(url),
            Sent::Post { body, content_type } => {
                let request = self.http.post(url).body(body);
                match content_type {
                    Some(kind) => request.header(CONTENT_TYPE, kind),
                    None => request,
                }
            }
        };
        if let Some(accept) = accept {
            request = request.header(ACCEPT, accept);
        }
        let failed = |error: reqwest::Error| failure(error, deadline);
        let mut response = request.timeout(deadline).send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let content_type = header(&response, &CONTENT_TYPE).map(ToOwned::to_owned);
        let retry_after =
            header(&response, &RETRY_AFTER).and_then(|value| retry_after(value, SystemTime::now()));
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > limit {
                // The response is dropped, and with it the connection or the stream.
                return Err(CallError::TooLarge { limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status,
            content_type,
            retry_after,
            body: body.freeze(),
        })
    }
}

/// Reads a `Retry-After` value: seconds or a date (RFC 9110, section 10.2.3). A date in the past is no wait.
///
/// ```text
/// Retry-After: 120
/// Retry-After: Fri, 31 Dec 1999 23:59:59 GMT
/// ```
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.parse().ok().map(Duration::from_secs);
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

fn header<'a>(response: &'a Response, name: &HeaderName) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

fn failure(error: reqwest::Error, deadline: Duration) -> CallError {
    if error.is_connect() {
        CallError::NotReached(chain(error))
    } else if error.is_timeout() {
        CallError::Deadline(deadline)
    } else if error.is_builder() {
        CallError::Setup(chain(error))
    } else {
        CallError::Broken(chain(error))
    }
}

/// The error and what caused it, without the URL: the caller knows it, and there may be credentials in it.
fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&error.to_string());
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(946_684_799 - 5);
        let rows = [
            ("0", Some(0)),
            ("120", Some(120)),
            ("Fri, 31 Dec 1999 23:59:59 GMT", Some(5)),
            ("Thu, 31 Dec 1998 23:59:59 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
            ("99999999999999999999999", None),
        ];
        for (value, seconds) in rows {
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(retry_after(value, now), expected, "{value:?}");
        }
    }
}

//! The transport over HTTP: connections are kept, HTTP/2 is spoken where it is offered, and redirects are not followed.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use reqwest::Certificate;
use reqwest::header::CONTENT_TYPE;

use super::transport::{Answer, MAX_ANSWER_SIZE, Method, Request, Transport, TransportError};

/// How many unused connections to one witness are kept: there is one request at a time, and a fetch beside it.
const IDLE_CONNECTIONS: usize = 2;

/// How the transport connects.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// How long a connection may take, name and TLS included.
    pub connect_deadline: Duration,
    /// Root certificates (PEM) that are trusted besides the system's; may be empty.
    pub roots: Vec<u8>,
}

impl Default for HttpOptions {
    /// Three seconds to connect, and the system's roots.
    fn default() -> Self {
        Self {
            connect_deadline: Duration::from_secs(3),
            roots: Vec::new(),
        }
    }
}

/// Sends requests over HTTP.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    http: reqwest::Client,
}

impl HttpTransport {
    /// A transport without connections. Fails if the root certificates cannot be read.
    pub fn new(options: &HttpOptions) -> Result<Self, TransportError> {
        let setup = |error: reqwest::Error| TransportError::Setup(chain(&error));
        // SPEC(tlog-witness): "Clients SHOULD use, and witnesses SHOULD support, HTTP keep-alive HTTP connections to reduce
        // latency and load due to connection establishment."
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("counterfoil/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(options.connect_deadline)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_gzip()
            .tcp_nodelay(true);
        if !options.roots.is_empty() {
            let roots = Certificate::from_pem_bundle(&options.roots).map_err(setup)?;
            if roots.is_empty() {
                return Err(TransportError::Setup(
                    "the root certificates hold no `BEGIN CERTIFICATE` block".into(),
                ));
            }
            http = http.tls_certs_merge(roots);
        }
        Ok(Self {
            http: http.build().map_err(setup)?,
        })
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        let Request {
            method,
            url,
            body,
            deadline,
        } = request;
        let call = match method {
            Method::Get => self.http.get(url),
            Method::Post => self.http.post(url).body(body),
        };
        let failed = |error: reqwest::Error| failure(&error, deadline);
        let mut response = call.timeout(deadline).send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let content_type = response.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let content_type = content_type.map(ToOwned::to_owned);
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_ANSWER_SIZE {
                // The response is dropped, and with it the connection or the stream.
                return Err(TransportError::TooLarge {
                    limit: MAX_ANSWER_SIZE,
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status,
            content_type,
            body: Bytes::from(body),
        })
    }
}

fn failure(error: &reqwest::Error, deadline: Duration) -> TransportError {
    if error.is_connect() {
        TransportError::NotReached(chain(error))
    } else if error.is_timeout() {
        TransportError::Deadline(deadline)
    } else if error.is_builder() {
        TransportError::Setup(chain(error))
    } else {
        TransportError::Broken(chain(error))
    }
}

/// The error and what caused it.
fn chain(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&error.to_string());
        cause = error.source();
    }
    words
}

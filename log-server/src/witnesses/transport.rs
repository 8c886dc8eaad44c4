//! How a request reaches a witness: behind a trait, so that a whole cluster runs in memory.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

/// Largest answer that is read, in bytes. The longest honest one is a checkpoint with 16 signatures of ML-DSA-44, 53 kB.
pub const MAX_ANSWER_SIZE: usize = 64 * 1024;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reading: the monitoring prefix.
    Get,
    /// The submission prefix.
    Post,
}

/// A request to a witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub method: Method,
    /// The whole URL.
    pub url: String,
    /// The body; empty for [`Method::Get`].
    pub body: Bytes,
    /// How long connecting, sending and reading the answer may take together.
    pub deadline: Duration,
}

/// What a witness answered, whatever its status. Nothing about it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// The `Content-Type` field, if there is a readable one.
    pub content_type: Option<String>,
    /// The body, at most [`MAX_ANSWER_SIZE`] bytes.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The time is over.
    #[error("no whole answer within {} ms", .0.as_millis())]
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

/// Sends requests. Knows nothing of what they mean.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Sends a request and reads the whole answer. Follows no redirect, tries nothing again. Dropping the future gives the
    /// request up.
    async fn send(&self, request: Request) -> Result<Answer, TransportError>;
}

//! How a request reaches a witness: behind a trait, so that a whole cluster runs in memory.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

pub use counterfoil_service::client::CallError as TransportError;

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

/// Sends requests. Knows nothing of what they mean.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Sends a request and reads the whole answer. Follows no redirect, tries nothing again. Dropping the future gives the
    /// request up.
    async fn send(&self, request: Request) -> Result<Answer, TransportError>;
}

//! Bodies and headers of answers.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};

/// Text on this server is always UTF-8.
pub(crate) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// Tiles and bundles.
pub(crate) const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// JSON.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Bytes of a body that are written at once: a tile fits, and a bundle of small entries.
const FRAME_BYTES: usize = 32 << 10;

/// A body: bytes in memory, or what the router made.
#[derive(Debug)]
pub(crate) enum Body {
    /// Bytes; `None` once they were taken, or for no body at all.
    Bytes(Option<Bytes>),
    /// From the router.
    Routed(axum::body::Body),
}

impl Body {
    /// No body.
    pub(crate) const EMPTY: Self = Self::Bytes(None);
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.get_mut() {
            Self::Bytes(bytes) => Poll::Ready(next_frame(bytes).map(|data| Ok(Frame::data(data)))),
            Self::Routed(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.is_none(),
            Self::Routed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Bytes(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Routed(body) => body.size_hint(),
        }
    }
}

/// The next bytes to write. They are copied behind the head into one write, so that the buffer for it stays small.
fn next_frame(bytes: &mut Option<Bytes>) -> Option<Bytes> {
    match bytes {
        Some(whole) if whole.len() > FRAME_BYTES => Some(whole.split_to(FRAME_BYTES)),
        _ => bytes.take(),
    }
}

impl From<Body> for axum::body::Body {
    fn from(body: Body) -> Self {
        match body {
            Body::Bytes(bytes) => bytes.map_or_else(Self::empty, Self::from),
            Body::Routed(body) => body,
        }
    }
}

/// A 200 with a body in memory.
pub(crate) fn ok(content_type: HeaderValue, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// A status without a body.
pub(crate) fn bare(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::EMPTY);
    *response.status_mut() = status;
    response
}

/// Drops the error type of an `axum` body that is never anything else here.
pub(crate) fn routed(response: Response<axum::body::Body>) -> Response<Body> {
    response.map(|body| Body::Routed(axum::body::Body::new(body.map_err(axum::Error::new))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn long_bodies_come_in_frames() {
        let bytes = Bytes::from_iter((0..200_000_u32).map(|n| n.to_le_bytes()[0]));
        let mut body = Body::from(bytes.clone());
        assert_eq!(body.size_hint().exact(), Some(200_000));
        let mut frames = Vec::new();
        while let Some(frame) = body.frame().await {
            frames.push(frame.unwrap().into_data().unwrap());
        }
        assert_eq!(frames.concat(), bytes);
        assert_eq!(frames.iter().map(Bytes::len).max(), Some(FRAME_BYTES));
        assert!(body.is_end_stream());
    }
}

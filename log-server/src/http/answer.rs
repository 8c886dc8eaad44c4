//! Bodies and headers of answers.

use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, CONTENT_LENGTH,
    CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};

/// Text on this server is always UTF-8.
pub(crate) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// Tiles and bundles.
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");
/// What a page of another site may see besides the fields that the Fetch standard lists.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("link, retry-after, x-anchor-troubles, x-request-id");
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

/// Header fields of the answers that are given often, made once: to clone them costs half as much as to insert them.
#[derive(Debug)]
pub(crate) struct Ready {
    /// An index, or runs, or a receipt.
    pub(crate) added: HeaderMap,
    /// The same as JSON.
    pub(crate) added_json: HeaderMap,
    /// The checkpoint.
    pub(crate) checkpoint: HeaderMap,
    /// A tile, or a bundle that anybody may read.
    pub(crate) tile: HeaderMap,
    /// A bundle that not everybody may read.
    pub(crate) guarded: HeaderMap,
}

/// The one.
pub(crate) static READY: LazyLock<Ready> = LazyLock::new(|| {
    let write = |content_type| {
        HeaderMap::from_iter([
            (CONTENT_TYPE, content_type),
            (X_CONTENT_TYPE_OPTIONS, NOSNIFF),
        ])
    };
    let read = |content_type, caching| {
        let mut headers = write(content_type);
        headers.extend([
            (ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN),
            (CACHE_CONTROL, HeaderValue::from_static(caching)),
            // To be replaced, in its place.
            (ETAG, HeaderValue::from_static("\"\"")),
        ]);
        headers
    };
    Ready {
        added: write(TEXT),
        added_json: write(JSON),
        // SPEC(tlog-tiles): "This endpoint is mutable, so its headers SHOULD prevent caching beyond a few seconds."
        checkpoint: read(TEXT, "no-cache"),
        // SPEC(tlog-tiles): "This endpoint is immutable, so its caching headers SHOULD be long-lived."
        tile: read(OCTETS, "public, max-age=31536000, immutable"),
        guarded: read(OCTETS, "private, max-age=31536000, immutable"),
    }
});

/// A 200 with these header fields and a body in memory.
pub(crate) fn ok(headers: &HeaderMap, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    *response.headers_mut() = headers.clone();
    response
}

/// A status without header fields or body.
pub(crate) fn bare(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::EMPTY);
    *response.status_mut() = status;
    response
}

/// The answer to HEAD: the same fields, with the length that the body would have. (For HTTP/2, hyper sends the body.)
pub(crate) fn without_body(mut response: Response<Body>) -> Response<Body> {
    if let Body::Bytes(Some(bytes)) = response.body() {
        let length = HeaderValue::from(bytes.len());
        response.headers_mut().insert(CONTENT_LENGTH, length);
        *response.body_mut() = Body::EMPTY;
    }
    response
}

/// Whether a web page of another site may see an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// It may: it is an answer to reading.
    Open,
    /// It may not: it is an answer to writing.
    Closed,
}

/// Adds the header fields that every answer has, to those that were not made of [`READY`].
pub(crate) fn with_common_fields(mut response: Response<Body>, sharing: Sharing) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    if sharing == Sharing::Open {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn long_bodies_come_in_frames() {
        let bytes = (0..200_000_u32)
            .map(|n| n.to_le_bytes()[0])
            .collect::<Bytes>();
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

//! Bodies and headers of answers.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};

/// Text on this server is always UTF-8.
pub(crate) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// Tiles and bundles.
pub(crate) const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// JSON.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

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
            Self::Bytes(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
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

/// What the caller reads: text unless it asks for JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Plain text.
    Text,
    /// JSON.
    Json,
}

impl Format {
    /// By the Accept header (RFC 9110, section 12.5.1): JSON if `application/json` or `application/problem+json` is
    /// among the media ranges with a weight above 0.
    pub(crate) fn asked(headers: &HeaderMap) -> Self {
        let json = headers.get_all(ACCEPT).iter().any(|value| {
            value.to_str().is_ok_and(|value| {
                value.split(',').any(|range| {
                    let (media, weight) = weighted(range);
                    weight
                        && ["application/json", "application/problem+json"]
                            .iter()
                            .any(|json| media.eq_ignore_ascii_case(json))
                })
            })
        });
        if json { Self::Json } else { Self::Text }
    }
}

/// The name before the parameters of one element of a list, and whether its weight is above 0.
pub(crate) fn weighted(element: &str) -> (&str, bool) {
    let mut parts = element.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let refused = parts.any(|parameter| {
        parameter.split_once('=').is_some_and(|(key, value)| {
            key.trim().eq_ignore_ascii_case("q")
                && value
                    .trim()
                    .parse::<f32>()
                    .is_ok_and(|weight| weight <= 0.0)
        })
    });
    (name, !refused)
}

/// Drops the error type of an `axum` body that is never anything else here.
pub(crate) fn routed(response: Response<axum::body::Body>) -> Response<Body> {
    response.map(|body| Body::Routed(axum::body::Body::new(body.map_err(axum::Error::new))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_only_where_it_is_asked_for() {
        let rows = [
            ("nothing", None, Format::Text),
            ("anything", Some("*/*"), Format::Text),
            (
                "a browser",
                Some("text/html,application/xhtml+xml,*/*;q=0.8"),
                Format::Text,
            ),
            ("json", Some("application/json"), Format::Json),
            ("problem", Some("application/problem+json"), Format::Json),
            ("case", Some("Application/JSON"), Format::Json),
            (
                "second",
                Some("text/plain;q=0.5, application/json"),
                Format::Json,
            ),
            (
                "with a weight",
                Some("application/json; q=0.1"),
                Format::Json,
            ),
            ("refused", Some("application/json;q=0"), Format::Text),
            ("not quite", Some("application/json5"), Format::Text),
        ];
        for (name, accept, format) in rows {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT, HeaderValue::from_static(accept));
            }
            assert_eq!(Format::asked(&headers), format, "{name}");
        }
    }
}

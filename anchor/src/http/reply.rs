//! Answers, and the one place where status codes are chosen.

use std::time::Duration;

use bytes::Bytes;
use counterfoil_service::room::NoRoom;
use http_body_util::{Either, Full};
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, HeaderName, HeaderValue, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::response::Parts;
use hyper::{Response, StatusCode};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Body;
use crate::records::{Damage, KeepError};

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// A token is a CMS object (RFC 5652, RFC 7193).
const CMS: &str = "application/cms";

const FRESH: &str = "no-cache";
/// What its name says, forever.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const METHODS: &str = "GET, HEAD, OPTIONS";

/// When to come back where nothing better is known.
const LATER: Duration = Duration::from_secs(5);

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    status: StatusCode,
    content: &'static str,
    body: Bytes,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Reply {
    fn new(status: StatusCode, content: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content,
            body: body.into(),
            headers: Vec::new(),
        }
    }

    fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    /// An error in a line: a word that a program can go by, a colon, and what was expected and what came.
    fn error(status: StatusCode, word: &str, detail: &impl ToString) -> Self {
        let detail = detail.to_string().replace(char::is_control, " ");
        Self::new(status, TEXT, format!("{word}: {detail}\n")).with(CACHE_CONTROL, FRESH)
    }

    fn after(mut self, wait: Duration) -> Self {
        let seconds = HeaderValue::from(wait.as_secs().max(1));
        self.headers.push((RETRY_AFTER, seconds));
        self
    }

    fn immutable(self) -> Self {
        let tag = format!("\"{}\"", hex::encode(Sha256::digest(&self.body)));
        let mut reply = self.with(CACHE_CONTROL, IMMUTABLE);
        if let Ok(tag) = HeaderValue::try_from(tag) {
            reply.headers.push((ETAG, tag));
        }
        reply
    }

    pub(super) fn checkpoint(bytes: Bytes) -> Self {
        Self::new(StatusCode::OK, TEXT, bytes).immutable()
    }

    pub(super) fn record(bytes: Bytes) -> Self {
        Self::new(StatusCode::OK, JSON, bytes).immutable()
    }

    pub(super) fn token(token: Vec<u8>) -> Self {
        Self::new(StatusCode::OK, CMS, token).immutable()
    }

    pub(super) fn list(lines: String) -> Self {
        Self::fresh_text(lines)
    }

    pub(super) fn fresh_text(text: String) -> Self {
        Self::new(StatusCode::OK, TEXT, text).with(CACHE_CONTROL, FRESH)
    }

    pub(super) fn json(value: &impl Serialize) -> Self {
        // Structs of strings and numbers always serialize.
        let bytes = serde_json::to_vec(value).unwrap_or_default();
        Self::new(StatusCode::OK, JSON, bytes).with(CACHE_CONTROL, FRESH)
    }

    pub(super) fn metrics(text: String) -> Self {
        Self::new(StatusCode::OK, OPEN_METRICS, text).with(CACHE_CONTROL, FRESH)
    }

    pub(super) fn html(html: String, policy: &HeaderValue) -> Self {
        let mut reply = Self::new(StatusCode::OK, HTML, html)
            .with(CACHE_CONTROL, FRESH)
            .with(REFERRER_POLICY, "no-referrer");
        reply
            .headers
            .push((CONTENT_SECURITY_POLICY, policy.clone()));
        reply
    }

    pub(super) fn options() -> Self {
        Self::new(StatusCode::NO_CONTENT, TEXT, Bytes::new()).with(ALLOW, METHODS)
    }

    pub(super) fn method() -> Self {
        let detail = "records are read, and nothing is written here";
        Self::error(StatusCode::METHOD_NOT_ALLOWED, "method", &detail).with(ALLOW, METHODS)
    }

    pub(super) fn malformed(detail: &str) -> Self {
        Self::error(StatusCode::BAD_REQUEST, "malformed", &detail)
    }

    pub(super) fn not_found(detail: &str) -> Self {
        Self::error(StatusCode::NOT_FOUND, "not-found", &detail)
    }

    pub(super) fn overloaded() -> Self {
        let detail = "as many requests as are answered at once are in progress";
        Self::error(StatusCode::SERVICE_UNAVAILABLE, "overloaded", &detail).after(LATER)
    }

    /// There is no room for the answer.
    pub(super) fn no_room(none: NoRoom) -> Self {
        let detail = format!("no room for the answer: {none}");
        Self::error(StatusCode::SERVICE_UNAVAILABLE, "overloaded", &detail).after(LATER)
    }

    /// As many requests of one client for records as may wait are waiting.
    pub(super) fn waiting(most: usize) -> Self {
        let detail = format!("{most} requests of this client for records are not answered yet");
        Self::error(StatusCode::SERVICE_UNAVAILABLE, "overloaded", &detail).after(LATER)
    }

    pub(super) fn not_ready(why: &str) -> Self {
        Self::error(StatusCode::SERVICE_UNAVAILABLE, "not-ready", &why).after(LATER)
    }

    pub(super) fn too_slow(deadline: Duration) -> Self {
        let detail = format!("no answer within {} ms", deadline.as_millis());
        Self::error(StatusCode::SERVICE_UNAVAILABLE, "too-slow", &detail).after(LATER)
    }

    /// A record that is not what was kept. Asking again brings the same until it is restored.
    pub(super) fn damaged(error: &KeepError) -> Self {
        match error {
            KeepError::Damaged {
                damage: Damage::Missing,
                ..
            } => Self::error(StatusCode::GONE, "gone", error),
            _ => Self::error(StatusCode::INTERNAL_SERVER_ERROR, "damaged", error),
        }
    }

    /// A small answer on the wire.
    pub(super) fn into_response(self) -> Response<Body> {
        let (head, bytes) = self.into_parts(false);
        Response::from_parts(head, Either::Left(Full::new(bytes)))
    }

    /// The answer on the wire. To HEAD, the head of what GET is answered.
    pub(super) fn into_parts(self, is_head: bool) -> (Parts, Bytes) {
        let length = self.body.len();
        let body = if is_head { Bytes::new() } else { self.body };
        let (mut head, ()) = Response::new(()).into_parts();
        head.status = self.status;
        let headers = &mut head.headers;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // Whoever verifies in a browser reads records from wherever they are.
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        if self.status != StatusCode::NO_CONTENT {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        headers.extend(self.headers);
        (head, body)
    }
}

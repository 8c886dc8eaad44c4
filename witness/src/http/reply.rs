//! Answers, and the one place where status codes are chosen.
//!
//! An error is one line: a word that a program can go by, a colon, and what was expected and what came.

use std::time::Duration;

use bytes::Bytes;
use counterfoil_service::body::BodyError;
use counterfoil_tiles::note::Note;
use counterfoil_tiles::witness_wire::{SIZE_CONTENT_TYPE, encode_cosignatures, encode_size};
use http_body_util::Full;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, HeaderValue, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};

use crate::{AddAnswer, SubtreeAnswer, Unavailable};

pub(crate) type Body = Full<Bytes>;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
// SPEC(tlog-witness): "The response MUST have a `Content-Type` of `text/x.tlog.size`."
const SIZE: &str = SIZE_CONTENT_TYPE;

/// What is not there yet and may be soon, or is bound to change.
const FRESH: &str = "no-cache";
/// What its name says, forever.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// How an answer is told in the service's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    /// To whoever looks into single requests: it is the caller's doing, or it was told once at its cause.
    Detail,
    /// To the operator.
    Warning,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) telling: Telling,
    content: &'static str,
    body: Bytes,
    caching: Option<&'static str>,
    retry_after: Option<Duration>,
    allow: Option<&'static str>,
    policy: Option<&'static HeaderValue>,
}

impl Reply {
    fn new(status: StatusCode, content: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            telling: Telling::Detail,
            content,
            body: body.into(),
            caching: None,
            retry_after: None,
            allow: None,
            policy: None,
        }
    }

    /// An error in a line. What came is part of it, so it is kept to one line and to a length.
    fn error(status: StatusCode, word: &str, detail: &(impl ToString + ?Sized)) -> Self {
        const LONGEST: usize = 600;
        let detail: String = detail.to_string().chars().take(LONGEST).collect();
        let detail = detail.replace(|c: char| c.is_control(), " ");
        Self::new(status, TEXT, format!("{word}: {detail}\n"))
    }

    fn after(mut self, retry_after: Duration) -> Self {
        self.retry_after = Some(retry_after);
        self
    }

    fn caching(mut self, caching: &'static str) -> Self {
        self.caching = Some(caching);
        self
    }

    /// Text that changes.
    pub(crate) fn text(status: StatusCode, text: impl Into<Bytes>) -> Self {
        Self::new(status, TEXT, text).caching(FRESH)
    }

    /// JSON that changes.
    pub(crate) fn json(text: impl Into<Bytes>) -> Self {
        Self::new(StatusCode::OK, JSON, text).caching(FRESH)
    }

    /// The page; `policy` is its content security policy.
    pub(crate) fn html(text: impl Into<Bytes>, policy: &'static HeaderValue) -> Self {
        let mut reply = Self::new(StatusCode::OK, HTML, text).caching(FRESH);
        reply.policy = Some(policy);
        reply
    }

    /// Metrics.
    pub(crate) fn metrics(text: impl Into<Bytes>) -> Self {
        Self::new(StatusCode::OK, OPEN_METRICS, text).caching(FRESH)
    }

    /// A file of evidence, which never changes.
    pub(crate) fn evidence(file: impl Into<Bytes>) -> Self {
        Self::new(StatusCode::OK, JSON, file).caching(IMMUTABLE)
    }

    /// The latest checkpoint of a log.
    pub(crate) fn checkpoint(latest: Result<Option<Note>, Unavailable>) -> Self {
        match latest {
            Ok(Some(note)) => Self::text(StatusCode::OK, note.as_str().to_owned()),
            // SPEC(tlog-witness): "If the witness has never cosigned a checkpoint for that log, it MUST respond with a "404
            // Not Found" HTTP status code instead."
            Ok(None) => Self::not_found("this witness has cosigned no checkpoint of that log"),
            Err(unavailable) => Self::unavailable(&unavailable),
        }
    }

    /// The answer to add-checkpoint.
    pub(crate) fn add(answer: &AddAnswer) -> Self {
        match answer {
            AddAnswer::Cosigned { lines, .. } => {
                Self::new(StatusCode::OK, TEXT, encode_cosignatures(lines))
            }
            AddAnswer::Malformed(error) => Self::malformed(error),
            AddAnswer::TextTooLong { found } => Self::malformed(&format!(
                "expected a checkpoint of at most {} bytes before its signatures, got {found}",
                crate::judge::MAX_TEXT
            )),
            AddAnswer::OldSizeAboveCheckpoint { old, size } => Self::malformed(&format!(
                "expected an old size of at most the checkpoint's, {}, got {}",
                size.get(),
                old.get()
            )),
            AddAnswer::UnknownOrigin(origin) => Self::unknown_log(origin),
            AddAnswer::Forbidden(error) => {
                Self::error(StatusCode::FORBIDDEN, "not-signed-by-the-log", error)
            }
            // SPEC(tlog-witness): "The response body MUST consist of the tree size of the latest cosigned checkpoint in
            // decimal, followed by a newline (U+000A)."
            AddAnswer::Conflict { latest } => {
                Self::new(StatusCode::CONFLICT, SIZE, encode_size(*latest))
            }
            AddAnswer::Inconsistent(why) => Self::inconsistent(why),
            AddAnswer::Limited { retry_after } => Self::over_rate(
                "the log's checkpoints come faster than this witness cosigns them",
                *retry_after,
            ),
            AddAnswer::Unavailable(unavailable) => Self::unavailable(unavailable),
        }
    }

    /// The answer to sign-subtree.
    pub(crate) fn subtree(answer: &SubtreeAnswer) -> Self {
        match answer {
            SubtreeAnswer::Signed { lines, .. } => {
                Self::new(StatusCode::OK, TEXT, encode_cosignatures(lines))
            }
            SubtreeAnswer::Malformed(error) => Self::malformed(error),
            SubtreeAnswer::UnknownOrigin(origin) => Self::unknown_log(origin),
            SubtreeAnswer::NotSupported => {
                Self::not_found("this witness has no ML-DSA-44 key, and no other signs subtrees")
            }
            SubtreeAnswer::Forbidden(error) => {
                Self::error(StatusCode::FORBIDDEN, "not-cosigned", error)
            }
            SubtreeAnswer::Inconsistent(why) => Self::inconsistent(why),
            SubtreeAnswer::Limited { retry_after } => {
                Self::over_rate("subtrees are asked for too often", *retry_after)
            }
            SubtreeAnswer::Unavailable(unavailable) => Self::unavailable(unavailable),
        }
    }

    /// What is known to be right cannot be done now.
    pub(crate) fn unavailable(unavailable: &Unavailable) -> Self {
        // What the operator chose, what callers do and what was told at its cause must not fill the log, request by request.
        let (word, seconds, telling) = match unavailable {
            Unavailable::QueueFull | Unavailable::Contended { .. } => {
                ("overloaded", 1, Telling::Detail)
            }
            Unavailable::Paused | Unavailable::Halted => ("paused", 3_600, Telling::Detail),
            Unavailable::RolledBack(_) => ("rolled-back", 600, Telling::Detail),
            Unavailable::NoCopy(_) => ("no-copy", 60, Telling::Detail),
            Unavailable::Damaged { .. } => ("damaged", 600, Telling::Warning),
            _ => ("unavailable", 10, Telling::Warning),
        };
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let mut reply = Self::error(status, word, unavailable).after(Duration::from_secs(seconds));
        reply.telling = telling;
        reply
    }

    /// No answer within the deadline.
    pub(crate) fn too_slow(deadline: Duration) -> Self {
        let detail = format!("no answer within {} ms", deadline.as_millis());
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let mut reply = Self::error(status, "too-slow", &detail).after(Duration::from_secs(10));
        reply.telling = Telling::Warning;
        reply
    }

    /// No place for the request.
    pub(crate) fn overloaded() -> Self {
        let detail = "the witness is at its limit of requests";
        Self::error(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
            .after(Duration::from_secs(1))
    }

    /// Too many requests.
    pub(crate) fn over_rate(what: &str, retry_after: Duration) -> Self {
        Self::error(StatusCode::TOO_MANY_REQUESTS, "over-rate", what).after(retry_after)
    }

    /// Something that cannot be read.
    pub(crate) fn malformed(detail: &(impl ToString + ?Sized)) -> Self {
        Self::error(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    /// Nothing there.
    pub(crate) fn not_found(detail: &str) -> Self {
        Self::error(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// A body that is encoded.
    pub(crate) fn encoded() -> Self {
        let detail = "expected a body without Content-Encoding";
        Self::error(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-encoding",
            detail,
        )
    }

    /// Another method than the target's.
    pub(crate) fn method(allow: &'static str) -> Self {
        let detail = format!("expected {allow}");
        let mut reply = Self::error(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            &detail,
        );
        reply.allow = Some(allow);
        reply
    }

    /// The answer to OPTIONS.
    pub(crate) fn options(allow: &'static str) -> Self {
        let mut reply = Self::new(StatusCode::NO_CONTENT, TEXT, "");
        reply.allow = Some(allow);
        reply
    }

    // SPEC(tlog-witness): "If the checkpoint origin is unknown, the witness MUST respond with a "404 Not Found" HTTP status
    // code."
    fn unknown_log(origin: &impl ToString) -> Self {
        let origin = origin.to_string();
        let detail = format!("this witness does not know a log with the origin {origin:?}");
        Self::error(StatusCode::NOT_FOUND, "unknown-log", &detail)
    }

    fn inconsistent(why: &impl ToString) -> Self {
        Self::error(StatusCode::UNPROCESSABLE_ENTITY, "inconsistent", why)
    }

    /// As a response of HTTP; `reading` may be seen by web pages of other sites.
    pub(crate) fn into_response(self, reading: bool, is_head: bool) -> Response<Body> {
        let length = self.body.len();
        let body = if is_head { Bytes::new() } else { self.body };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self.status != StatusCode::NO_CONTENT {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content));
        }
        if is_head {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        if reading {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
        if let Some(caching) = self.caching {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if let Some(time) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(time)));
        }
        if let Some(policy) = self.policy {
            headers.insert(CONTENT_SECURITY_POLICY, policy.clone());
            headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        }
        response
    }

    /// The line of an error, for the service's own log.
    pub(crate) fn line(&self) -> String {
        String::from_utf8_lossy(&self.body).trim_end().to_owned()
    }
}

impl From<BodyError> for Reply {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLong { .. } => {
                Self::error(StatusCode::PAYLOAD_TOO_LARGE, "too-large", &error)
            }
            BodyError::TooSlow(_) => Self::error(StatusCode::REQUEST_TIMEOUT, "slow-body", &error),
            BodyError::NoRoom => Self::error(StatusCode::SERVICE_UNAVAILABLE, "overloaded", &error)
                .after(Duration::from_secs(1)),
            BodyError::Broken(_) => Self::malformed(&error),
        }
    }
}

/// Whole seconds, rounded up, and never 0: a client that comes back at once would be refused again.
fn whole_seconds(time: Duration) -> u64 {
    let up = u64::from(time.subsec_nanos() > 0);
    time.as_secs().saturating_add(up).max(1)
}

#[cfg(test)]
mod tests {
    use counterfoil_tiles::checkpoint::{CheckpointError, Origin};
    use counterfoil_tiles::hash::TreeSize;
    use counterfoil_tiles::witness_wire::WireError;

    use super::*;
    use crate::judge::Inconsistency;

    /// Each row is a sentence of tlog-witness, or of the service's own limits.
    #[test]
    fn every_answer_has_its_status() {
        let origin = Origin::new("a\u{7f}\"x").unwrap();
        let size = TreeSize::new;
        let rows = [
            (
                AddAnswer::Malformed(WireError::TooManyHashes),
                400,
                "malformed: ",
            ),
            (
                AddAnswer::TextTooLong { found: 99_999 },
                400,
                "malformed: expected a checkpoint of at most 16384 bytes",
            ),
            (
                AddAnswer::OldSizeAboveCheckpoint {
                    old: size(8),
                    size: size(7),
                },
                400,
                "malformed: expected an old size of at most the checkpoint's, 7, got 8",
            ),
            (
                AddAnswer::UnknownOrigin(origin),
                404,
                "unknown-log: this witness does not know a log with the origin",
            ),
            (
                AddAnswer::Forbidden(CheckpointError::Lines),
                403,
                "not-signed-by-the-log: ",
            ),
            (
                AddAnswer::Conflict {
                    latest: size(20_852_014),
                },
                409,
                "20852014\n",
            ),
            (
                AddAnswer::Inconsistent(Inconsistency::NotEmptyRoot),
                422,
                "inconsistent: ",
            ),
            (
                AddAnswer::Limited {
                    retry_after: Duration::from_millis(1_001),
                },
                429,
                "over-rate: ",
            ),
            (
                AddAnswer::Unavailable(Unavailable::QueueFull),
                503,
                "overloaded: ",
            ),
            (AddAnswer::Unavailable(Unavailable::Paused), 503, "paused: "),
            (
                AddAnswer::Unavailable(Unavailable::NoClock),
                503,
                "unavailable: ",
            ),
            (
                AddAnswer::Unavailable(Unavailable::RolledBack("x".to_owned())),
                503,
                "rolled-back: ",
            ),
        ];
        for (answer, status, body) in rows {
            let reply = Reply::add(&answer);
            assert_eq!(reply.status.as_u16(), status, "{answer:?}");
            let text = String::from_utf8(reply.body.to_vec()).unwrap();
            assert!(text.starts_with(body), "{answer:?}: {text}");
            assert_eq!(text.lines().count(), 1, "{text}");
            assert!(text.ends_with('\n'), "{text}");
            let content = if status == 409 {
                "text/x.tlog.size"
            } else {
                "text/plain; charset=utf-8"
            };
            assert_eq!(reply.content, content, "{answer:?}");
            let headers = reply.into_response(false, false).headers().clone();
            let again = headers
                .get(RETRY_AFTER)
                .map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(
                again.is_some(),
                status == 503 || status == 429,
                "{answer:?}"
            );
            if status == 429 {
                assert_eq!(again.unwrap(), "2");
            }
        }
    }

    #[test]
    fn what_a_client_sends_cannot_make_a_second_line() {
        let reply = Reply::malformed(&format!("a\r\nb\u{85}{}", "c".repeat(10_000)));
        assert!(
            reply.line().starts_with("malformed: a  b c"),
            "{}",
            reply.line()
        );
        assert!(reply.body.len() < 700, "{}", reply.body.len());
    }
}

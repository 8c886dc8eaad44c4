//! Everything that can go wrong, and its status code: the one place where codes are chosen.
//!
//! A caller that accepts JSON gets `application/problem+json` (RFC 9457), any other one line of text. Either says what
//! was expected and what came. `type` is `urn:counterfoil:problem:` and the word of [`Kind::word`]; the statuses that
//! several kinds share are told apart by it.

use std::fmt;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::response::IntoResponse;
use bytes::Bytes;
use counterfoil_service::body::BodyError;
use counterfoil_tiles::hash::LeafIndex;
use hyper::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LINK, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::answer::Body;
use super::fields::Format;
use crate::anchors::NoEvidence;
use crate::log::{AddError, ProofError, ReadError};

/// What went wrong, in kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// The request is not one the endpoint can read.
    Malformed,
    /// No credentials, or unknown ones.
    Unauthenticated,
    /// The credentials are good, but not for this.
    Forbidden,
    /// There is nothing at that place.
    NotFound,
    /// There is something, but it does not take that method.
    MethodNotAllowed,
    /// The body came too slowly.
    SlowBody,
    /// The body or an entry is too long.
    TooLarge,
    /// The body is encoded.
    UnsupportedEncoding,
    /// The caller sends more than its rate.
    OverRate,
    /// A queue of the server is full; nothing was done.
    Overloaded,
    /// Entries were refused by the storage; nothing was logged.
    NotDurable,
    /// It is not known whether entries were logged.
    OutcomeUnknown,
    /// The log takes no entries now; nothing was logged.
    ReadOnly,
    /// The entry is logged, but no checkpoint covers it yet.
    NotPublished,
    /// The lookup index has not reached the published size.
    Indexing,
    /// No anchor has fixed a checkpoint that covers the entry yet.
    NotAnchored,
    /// An anchor does not answer, or what it shows is no use.
    NoAnchor,
    /// What should be served is damaged.
    Damaged,
    /// The storage does not answer.
    Unavailable,
    /// The answer took longer than a request may.
    TooSlow,
}

impl Kind {
    /// All kinds.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 20] = [
        Self::Malformed,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::SlowBody,
        Self::TooLarge,
        Self::UnsupportedEncoding,
        Self::OverRate,
        Self::Overloaded,
        Self::NotDurable,
        Self::OutcomeUnknown,
        Self::ReadOnly,
        Self::NotPublished,
        Self::Indexing,
        Self::NotAnchored,
        Self::NoAnchor,
        Self::Damaged,
        Self::Unavailable,
        Self::TooSlow,
    ];

    /// The status code.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::OverRate => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded
            | Self::NotDurable
            | Self::OutcomeUnknown
            | Self::ReadOnly
            | Self::NotPublished
            | Self::Indexing
            | Self::NotAnchored
            | Self::NoAnchor
            | Self::Damaged
            | Self::Unavailable
            | Self::TooSlow => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The word that ends the type's URI.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::SlowBody => "slow-body",
            Self::TooLarge => "too-large",
            Self::UnsupportedEncoding => "unsupported-encoding",
            Self::OverRate => "over-rate",
            Self::Overloaded => "overloaded",
            Self::NotDurable => "not-durable",
            Self::OutcomeUnknown => "outcome-unknown",
            Self::ReadOnly => "read-only",
            Self::NotPublished => "not-published",
            Self::Indexing => "indexing",
            Self::NotAnchored => "not-anchored",
            Self::NoAnchor => "no-anchor",
            Self::Damaged => "damaged",
            Self::Unavailable => "unavailable",
            Self::TooSlow => "too-slow",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Malformed => "The request is malformed",
            Self::Unauthenticated => "Credentials are needed",
            Self::Forbidden => "Not allowed",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "The method is not allowed",
            Self::SlowBody => "The body came too slowly",
            Self::TooLarge => "Too large",
            Self::UnsupportedEncoding => "The body is encoded",
            Self::OverRate => "Over the caller's rate",
            Self::Overloaded => "Overloaded; nothing was done",
            Self::NotDurable => "Not durable; nothing was logged",
            Self::OutcomeUnknown => "Whether the entries were logged is not known",
            Self::ReadOnly => "The log takes no entries now",
            Self::NotPublished => "Not published yet",
            Self::Indexing => "Not indexed yet",
            Self::NotAnchored => "Not anchored yet",
            Self::NoAnchor => "No anchor can be asked now",
            Self::Damaged => "Damaged; not served",
            Self::Unavailable => "The log cannot be read now",
            Self::TooSlow => "The answer took too long",
        }
    }

    /// When to try again, if the problem itself does not say.
    fn retry_after(self) -> Option<Duration> {
        let seconds = match self {
            // Anchors work by the minute or the hour.
            Self::Damaged | Self::NotAnchored => 60,
            Self::NoAnchor => 10,
            _ if self.status() == StatusCode::SERVICE_UNAVAILABLE || self == Self::OverRate => 1,
            _ => return None,
        };
        Some(Duration::from_secs(seconds))
    }
}

/// One problem: its kind and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    detail: String,
    retry_after: Option<Duration>,
    allow: Option<&'static str>,
    index: Option<LeafIndex>,
}

impl Problem {
    /// A problem of a kind; `detail` is one line: what was expected and what came.
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            retry_after: kind.retry_after(),
            allow: None,
            index: None,
        }
    }

    /// A request that cannot be read.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(Kind::Malformed, detail)
    }

    /// A method that the place does not take; `allow` lists those it takes.
    pub(crate) fn method(allow: &'static str) -> Self {
        Self {
            allow: Some(allow),
            ..Self::new(
                Kind::MethodNotAllowed,
                format!("expected one of the methods {allow}"),
            )
        }
    }

    /// An entry that is durable at `index`, but not published in the time a request may take.
    pub(crate) fn not_published(index: LeafIndex) -> Self {
        let detail = format!(
            "the entry is durable at index {index}, but no checkpoint covers it yet; \
             do not send it again, ask for receipt/{index} later"
        );
        Self {
            index: Some(index),
            ..Self::new(Kind::NotPublished, detail)
        }
    }

    /// The same, to be tried again after `delay`.
    pub(crate) fn after(self, delay: Duration) -> Self {
        Self {
            retry_after: Some(delay),
            ..self
        }
    }

    /// The response.
    pub(crate) fn respond(&self, format: Format, request: &str) -> Response<Body> {
        let (content_type, body) = match format {
            Format::Json => ("application/problem+json", self.json(request)),
            Format::Text => ("text/plain; charset=utf-8", self.line()),
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.kind.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(delay) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(delay)));
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        match self.kind {
            Kind::Unauthenticated => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            // RFC 9110, section 15.5.16: it says which encodings would have been taken.
            Kind::UnsupportedEncoding => {
                headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            }
            _ => {}
        }
        if let Some(link) = self.index.and_then(|index| {
            HeaderValue::try_from(format!("<receipt/{index}>; rel=\"related\"")).ok()
        }) {
            headers.insert(LINK, link);
        }
        response
    }

    fn line(&self) -> Bytes {
        Bytes::from(format!("{self}\n"))
    }

    fn json(&self, request: &str) -> Bytes {
        let document = ProblemDocument {
            kind: format!("urn:counterfoil:problem:{}", self.kind.word()),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: &self.detail,
            request,
            index: self.index.map(LeafIndex::get),
        };
        // A struct of strings and numbers always serializes.
        Bytes::from(serde_json::to_vec(&document).unwrap_or_default())
    }
}

/// A problem as JSON (RFC 9457).
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument<'a> {
    /// `urn:counterfoil:problem:` and a word that names the kind.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words.
    title: &'static str,
    /// The status code.
    status: u16,
    /// What was expected and what came.
    detail: &'a str,
    /// The request's identifier, as in the server's log.
    request: &'a str,
    /// `not-published`: the index of the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
}

fn unbroken(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

/// Retry-After counts whole seconds, and 0 would mean at once.
fn whole_seconds(delay: Duration) -> u64 {
    let more = u64::from(delay.subsec_nanos() > 0);
    (delay.as_secs().saturating_add(more)).max(1)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail: String = self.detail.chars().map(unbroken).collect();
        write!(f, "{}: {detail}", self.kind.word())
    }
}

/// A handler of the router hands its problem up; where the format is known, it is written.
impl IntoResponse for Problem {
    fn into_response(self) -> axum::response::Response {
        let mut response = axum::response::Response::default();
        response.extensions_mut().insert(self);
        response
    }
}

/// A path whose percent-encoding is not of UTF-8.
impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::malformed(rejection.body_text())
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let kind = match error {
            BodyError::TooLong { .. } => Kind::TooLarge,
            BodyError::TooSlow(_) => Kind::SlowBody,
            BodyError::NoRoom => Kind::Overloaded,
            BodyError::Broken(_) => Kind::Malformed,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<AddError> for Problem {
    fn from(error: AddError) -> Self {
        let detail = error.to_string();
        let (kind, delay) = match error {
            AddError::Overloaded { retry_after, .. } => (Kind::Overloaded, retry_after),
            AddError::NotDurable { retry_after, .. } => (Kind::NotDurable, retry_after),
            AddError::OutcomeUnknown { retry_after, .. } => (Kind::OutcomeUnknown, retry_after),
            AddError::ReadOnly { retry_after, .. } => (Kind::ReadOnly, retry_after),
        };
        Self::new(kind, detail).after(delay)
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        let kind = match error {
            ReadError::Damaged { .. } => Kind::Damaged,
            ReadError::Unavailable { .. } => Kind::Unavailable,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<ProofError> for Problem {
    fn from(error: ProofError) -> Self {
        let kind = match error {
            ProofError::BeyondTree { .. }
            | ProofError::BeyondPublished { .. }
            | ProofError::NotKept { .. }
            | ProofError::Foreign { .. } => Kind::NotFound,
            ProofError::Backwards { .. } => Kind::Malformed,
            ProofError::NothingPublished => Kind::NotPublished,
            ProofError::Read(error) => return error.into(),
        };
        Self::new(kind, error.to_string())
    }
}

impl From<NoEvidence> for Problem {
    fn from(none: NoEvidence) -> Self {
        let kind = match none {
            NoEvidence::NotYet(_) => Kind::NotAnchored,
            NoEvidence::NoAnchor { .. } => Kind::NoAnchor,
            NoEvidence::Busy => Kind::Overloaded,
            NoEvidence::Log(error) => return error.into(),
        };
        Self::new(kind, none.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn kinds_are_told_apart() {
        let words: HashSet<&str> = Kind::ALL.into_iter().map(Kind::word).collect();
        let titles: HashSet<&str> = Kind::ALL.into_iter().map(Kind::title).collect();
        assert_eq!(
            (words.len(), titles.len()),
            (Kind::ALL.len(), Kind::ALL.len())
        );
    }

    #[test]
    fn retry_after_is_whole_and_never_zero() {
        let rows = [
            (0, 1),
            (1, 1),
            (999, 1),
            (1_000, 1),
            (1_001, 2),
            (60_000, 60),
        ];
        for (millis, seconds) in rows {
            assert_eq!(
                whole_seconds(Duration::from_millis(millis)),
                seconds,
                "{millis} ms"
            );
        }
    }

    #[test]
    fn every_503_and_429_says_when_to_try_again() {
        for kind in Kind::ALL {
            let response = Problem::new(kind, "x").respond(Format::Text, "1");
            let status = response.status().as_u16();
            let said = response.headers().contains_key(RETRY_AFTER);
            assert_eq!(said, status == 503 || status == 429, "{kind:?}");
        }
    }

    #[test]
    fn a_detail_stays_one_line() {
        let problem = Problem::malformed("no\r\nSet-Cookie: x");
        assert_eq!(problem.line(), "malformed: no  Set-Cookie: x\n");
    }
}

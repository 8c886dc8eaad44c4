//! What can go wrong between a client and a log, and what a server says of it.

use std::time::Duration;

use reqwest::StatusCode;

/// Why a request to a log brought no answer to use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// The address or the token cannot be used.
    #[error("{0}")]
    Usage(String),
    /// No connection: the request was not sent.
    #[error("{url} cannot be reached: {reason}")]
    NotSent {
        /// What was asked.
        url: String,
        /// The last error.
        reason: String,
    },
    /// The request was sent, and no whole answer came.
    #[error("{url} gave no answer: {reason}")]
    NoAnswer {
        /// What was asked.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The answer is longer than any that can be right.
    #[error("the answer of {url} is longer than {limit} bytes")]
    TooLong {
        /// What was asked.
        url: String,
        /// The limit.
        limit: usize,
    },
    /// The answer is an error.
    #[error("{url} answers {}", refusal)]
    Refused {
        /// What was asked.
        url: String,
        /// The error.
        refusal: Refusal,
    },
}

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The HTTP status code.
    pub(crate) status: u16,
    /// The word that names the problem: the end of its type (RFC 9457), or what stands before the colon of a line.
    pub(crate) kind: Option<String>,
    /// What the server says.
    pub(crate) detail: String,
    /// When the server wants to be asked again.
    pub(crate) retry_after: Option<Duration>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let status = StatusCode::from_u16(self.status);
        match status.as_ref().map(StatusCode::canonical_reason) {
            Ok(Some(reason)) => write!(f, "{} {reason}", self.status)?,
            _ => write!(f, "{}", self.status)?,
        }
        if self.detail.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.detail)
        }
    }
}

impl CallError {
    /// The status of an error answer.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal.status),
            _ => None,
        }
    }

    /// Whether the same read may succeed later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::NotSent { .. } | Self::NoAnswer { .. } => true,
            // What is damaged stays so until an operator has mended it; the wish to come back in a minute is for others.
            Self::Refused { refusal, .. } if refusal.kind.as_deref() == Some("damaged") => false,
            Self::Refused { refusal, .. } => matches!(refusal.status, 429 | 502..=504),
            Self::TooLong { .. } | Self::Usage(_) => false,
        }
    }

    /// When the server wants to be asked again.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { refusal, .. } => refusal.retry_after,
            _ => None,
        }
    }
}

/// The type and the detail (else the title) of a problem.
pub(super) fn problem(body: &[u8]) -> (Option<String>, String) {
    #[derive(serde::Deserialize)]
    struct Problem {
        #[serde(rename = "type")]
        kind: Option<String>,
        title: Option<String>,
        detail: Option<String>,
    }
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => {
            let detail = problem.detail.or(problem.title).unwrap_or_default();
            let word = problem
                .kind
                .and_then(|kind| kind.rsplit(':').next().map(str::to_owned));
            (word, plain(detail.as_bytes()))
        }
        Err(_) => (None, plain(body)),
    }
}

/// A line like `overloaded: the queue is full`, and the word that it begins with.
pub(super) fn named_line(body: &[u8]) -> (Option<String>, String) {
    let line = plain(body);
    let is_word = |word: &&str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    let word = line
        .split_once(": ")
        .map(|(word, _)| word)
        .filter(is_word)
        .map(str::to_owned);
    (word, line)
}

/// What a server says, fit for a terminal: the first line, no control characters, not too long.
fn plain(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().next().unwrap_or_default();
    line.chars()
        .filter(|character| !character.is_control())
        .take(300)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// An error and its causes on one line, each said once.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_cut_to_a_harmless_line() {
        assert_eq!(plain(b"one\ntwo"), "one");
        assert_eq!(plain(b"\x1b[31mred"), "[31mred");
        assert_eq!(plain(&[b'a'; 1000]).len(), 300);
        assert_eq!(
            problem(br#"{"type":"urn:counterfoil:problem:too-slow","title":"T","detail":"D","status":503}"#),
            (Some("too-slow".to_owned()), "D".to_owned())
        );
        let named = |body: &[u8]| named_line(body).0;
        assert_eq!(
            named(b"outcome-unknown: a write hangs\n").as_deref(),
            Some("outcome-unknown")
        );
        assert_eq!(named(b"Bad Gateway: no\n"), None);
        assert_eq!(named(b"nothing of the kind\n"), None);
        assert_eq!(problem(br#"{"title":"T"}"#), (None, "T".to_owned()));
        assert_eq!(
            problem(b"plain after all"),
            (None, "plain after all".to_owned())
        );
    }

    #[test]
    fn a_read_is_tried_again_where_that_may_help() {
        let rows = [
            (503, None, true),
            (503, Some("overloaded"), true),
            (503, Some("damaged"), false),
            (502, None, true),
            (429, Some("over-rate"), true),
            (500, None, false),
            (404, Some("not-found"), false),
        ];
        for (status, kind, passing) in rows {
            let refusal = Refusal {
                status,
                kind: kind.map(str::to_owned),
                detail: String::new(),
                retry_after: None,
            };
            let url = String::new();
            let error = CallError::Refused { url, refusal };
            assert_eq!(error.is_passing(), passing, "{status} {kind:?}");
        }
    }
}

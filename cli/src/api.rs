//! What a log answers over HTTP beyond the tlog-tiles resources: adding, looking up, receipts, status.

use bytes::{BufMut, Bytes, BytesMut};
use counterfoil_tiles::hash::{LeafHash, LeafIndex, TreeSize};
use counterfoil_tiles::receipt::MAX_RECEIPT_SIZE;
use serde::Deserialize;

use crate::client::{CallError, Form, LogClient, MAX_JSON_BYTES, Refusal};

/// The problems after which entries may have been logged, though the answer is a 503.
const MAY_BE_LOGGED: [&str; 2] = ["outcome-unknown", "too-slow"];

/// What is known when entries were not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AddFailure {
    /// They were not logged; the log may take them later.
    NotNow(CallError),
    /// They were not logged, and asking again is no use.
    Refused(CallError),
    /// The log has no such endpoint.
    NoSuchEndpoint,
    /// They may have been logged.
    Unknown(String),
}

/// Adds entries, all or none, and gives their indexes in order.
pub(crate) async fn add_batch(
    client: &LogClient,
    entries: &[Bytes],
) -> Result<Vec<LeafIndex>, AddFailure> {
    let mut body = BytesMut::with_capacity(entries.iter().map(|entry| entry.len() + 2).sum());
    for entry in entries {
        let length = u16::try_from(entry.len()).map_err(|_| too_long(entry))?;
        body.put_u16(length);
        body.put_slice(entry);
    }
    let limit = 64 + entries.len() * 48;
    let answer = client
        .post("add-batch", body.freeze(), limit)
        .await
        .map_err(classify)?;
    parse_runs(&answer, entries.len()).ok_or_else(|| {
        AddFailure::Unknown(format!(
            "expected lines `first-index count` for {} entries, and the answer is something else",
            entries.len()
        ))
    })
}

/// Adds one entry, and gives its index.
pub(crate) async fn add(client: &LogClient, entry: &Bytes) -> Result<LeafIndex, AddFailure> {
    let answer = client
        .post("add", entry.clone(), 256)
        .await
        .map_err(classify)?;
    // Tessera's conformance server and others may end the line.
    let text = answer.strip_suffix(b"\n").unwrap_or(&answer);
    decimal(text).map(LeafIndex::new).ok_or_else(|| {
        AddFailure::Unknown(
            "expected the index in decimal, and the answer is something else".to_owned(),
        )
    })
}

fn too_long(entry: &Bytes) -> AddFailure {
    AddFailure::Refused(CallError::Usage(format!(
        "an entry of {} bytes is longer than 65,535",
        entry.len()
    )))
}

/// What an error says about the entries.
///
/// A gateway's 502 or 504 and a server's 500 do not say what became of the request behind them, and neither does a 503
/// that does not say when to come back: a gateway sends it when the connection behind it breaks.
fn classify(error: CallError) -> AddFailure {
    match error {
        CallError::Usage(_) => AddFailure::Refused(error),
        CallError::NotSent { .. } => AddFailure::NotNow(error),
        CallError::NoAnswer { .. } | CallError::TooLong { .. } => {
            AddFailure::Unknown(error.to_string())
        }
        CallError::Refused { ref refusal, .. } => match refusal.status {
            408 | 429 => AddFailure::NotNow(error),
            503 if was_not_logged(refusal) => AddFailure::NotNow(error),
            404 | 405 => AddFailure::NoSuchEndpoint,
            400..=499 => AddFailure::Refused(error),
            _ => AddFailure::Unknown(error.to_string()),
        },
    }
}

fn was_not_logged(refusal: &Refusal) -> bool {
    let may_be = refusal
        .kind
        .as_deref()
        .is_some_and(|kind| MAY_BE_LOGGED.contains(&kind));
    refusal.retry_after.is_some() && !may_be
}

/// Reads `first-index count` lines that give each of `entries` entries an index.
fn parse_runs(answer: &[u8], entries: usize) -> Option<Vec<LeafIndex>> {
    let mut indexes = Vec::with_capacity(entries);
    for line in answer
        .strip_suffix(b"\n")
        .unwrap_or(answer)
        .split(|&byte| byte == b'\n')
    {
        let space = line.iter().position(|&byte| byte == b' ')?;
        let (first, count) = (decimal(&line[..space])?, decimal(&line[space + 1..])?);
        if count == 0 || count > (entries - indexes.len()) as u64 {
            return None;
        }
        let end = first.checked_add(count)?;
        indexes.extend((first..end).map(LeafIndex::new));
    }
    (indexes.len() == entries).then_some(indexes)
}

fn decimal(text: &[u8]) -> Option<u64> {
    let leading_zero = text.len() > 1 && text.starts_with(b"0");
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit) && !leading_zero;
    if digits {
        std::str::from_utf8(text).ok()?.parse().ok()
    } else {
        None
    }
}

/// How far a log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Progress {
    /// Entries that are durable.
    pub(crate) size: u64,
    /// Entries that wait to be made durable.
    pub(crate) queued_entries: u64,
    /// Entries in the published checkpoint.
    pub(crate) published_size: Option<u64>,
    /// Entries that lookups cover.
    pub(crate) indexed_size: u64,
}

/// Asks how far a log is; `None` if it does not say.
pub(crate) async fn progress(client: &LogClient) -> Result<Option<Progress>, CallError> {
    let Some(body) = client.find("status", MAX_JSON_BYTES).await? else {
        return Ok(None);
    };
    Ok(serde_json::from_slice(&body).ok())
}

/// The answer to a lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// The indexes of the leaf, at least one, ascending; not all of them if there are very many.
    Found(Vec<LeafIndex>),
    /// The leaf is not among the entries of the published checkpoint.
    Absent,
    /// The log does not answer lookups.
    NotOffered,
}

/// Looks up a leaf hash.
pub(crate) async fn lookup(client: &LogClient, leaf: &LeafHash) -> Result<Lookup, CallError> {
    #[derive(Deserialize)]
    struct Page {
        indexes: Vec<u64>,
    }
    let path = format!("lookup/{}", hex::encode(leaf.as_bytes()));
    match client.get(&path, Form::Json, MAX_JSON_BYTES).await {
        Ok(body) => Ok(match serde_json::from_slice::<Page>(&body) {
            Ok(page) if page.indexes.is_empty() => Lookup::Absent,
            Ok(page) => Lookup::Found(page.indexes.into_iter().map(LeafIndex::new).collect()),
            Err(_) => Lookup::NotOffered,
        }),
        // Any server answers 404 to a path that it does not know. Only one that says how far it is looks leaves up.
        Err(error) if error.status() == Some(404) => Ok(if progress(client).await?.is_some() {
            Lookup::Absent
        } else {
            Lookup::NotOffered
        }),
        Err(error) => Err(error),
    }
}

/// The receipt of an entry under the published checkpoint, or one of `size`; `None` if the log does not make receipts
/// or has none for these.
pub(crate) async fn receipt(
    client: &LogClient,
    index: LeafIndex,
    size: Option<TreeSize>,
) -> Result<Option<Bytes>, CallError> {
    let path = match size {
        Some(size) => format!("receipt/{index}?size={size}"),
        None => format!("receipt/{index}"),
    };
    client.find(&path, MAX_RECEIPT_SIZE).await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn refused(status: u16, kind: Option<&str>, retry_after: Option<Duration>) -> CallError {
        CallError::Refused {
            url: "http://log/add".to_owned(),
            refusal: Refusal {
                status,
                kind: kind.map(str::to_owned),
                detail: String::new(),
                retry_after,
            },
        }
    }

    #[test]
    fn only_what_says_so_was_not_logged() {
        let not_sent = CallError::NotSent {
            url: String::new(),
            reason: String::new(),
        };
        let no_answer = CallError::NoAnswer {
            url: String::new(),
            reason: String::new(),
        };
        assert!(matches!(classify(not_sent), AddFailure::NotNow(_)));
        assert!(matches!(classify(no_answer), AddFailure::Unknown(_)));
        for status in [400, 401, 403, 413, 415, 422] {
            assert!(
                matches!(
                    classify(refused(status, None, None)),
                    AddFailure::Refused(_)
                ),
                "{status}"
            );
        }
        let soon = Some(Duration::from_secs(1));
        for (status, retry_after) in [(408, None), (429, None), (429, soon), (503, soon)] {
            assert!(
                matches!(
                    classify(refused(status, None, retry_after)),
                    AddFailure::NotNow(_)
                ),
                "{status}"
            );
        }
        for (status, retry_after) in [(500, soon), (502, soon), (503, None), (504, soon)] {
            assert!(
                matches!(
                    classify(refused(status, None, retry_after)),
                    AddFailure::Unknown(_)
                ),
                "{status}"
            );
        }
        for (kind, logged) in [
            ("overloaded", false),
            ("read-only", false),
            ("outcome-unknown", true),
            ("too-slow", true),
        ] {
            let failure = classify(refused(503, Some(kind), soon));
            assert_eq!(matches!(failure, AddFailure::Unknown(_)), logged, "{kind}");
            assert_eq!(matches!(failure, AddFailure::NotNow(_)), !logged, "{kind}");
        }
        for status in [404, 405] {
            assert_eq!(
                classify(refused(status, None, None)),
                AddFailure::NoSuchEndpoint
            );
        }
    }

    #[test]
    fn runs_cover_each_entry_once() {
        let last = u64::MAX;
        let rows = [
            ("one run", "5 3\n", Some(vec![5, 6, 7])),
            ("no last newline", "5 3", Some(vec![5, 6, 7])),
            ("two runs", "5 1\n9 2\n", Some(vec![5, 9, 10])),
            (
                "the last index",
                "18446744073709551612 3\n",
                Some(vec![last - 3, last - 2, last - 1]),
            ),
            ("too few", "5 2\n", None),
            ("too many", "5 4\n", None),
            ("very many", "5 18446744073709551615\n", None),
            ("beyond 2^64", "18446744073709551615 3\n", None),
            ("none in a run", "5 0\n5 3\n", None),
            ("leading zero", "05 3\n", None),
            ("one number", "5\n", None),
            ("empty line", "5 3\n\n", None),
            ("empty", "", None),
        ];
        for (name, answer, expected) in rows {
            let found = parse_runs(answer.as_bytes(), 3)
                .map(|all| all.iter().map(|index| index.get()).collect());
            assert_eq!(found, expected, "{name}");
        }
    }
}

//! `POST add` and `POST add-batch`.

use std::fmt::Write;
use std::time::Instant;

use bytes::Bytes;
use counterfoil_service::body::{self, Limit};
use counterfoil_service::limits::Place;
use counterfoil_tiles::hash::{LeafIndex, TreeSize};
use hyper::Response;
use hyper::body::Incoming;
use serde::Serialize;
use tokio::time::timeout_at;

use super::answer::{Body, READY, ok};
use super::fields::{Fields, Format};
use super::problem::{Kind, Problem};
use super::{Asked, Deadlines, Mount, batch, query};
use crate::auth::GrantId;
use crate::log::Run;

/// Answer to an entry, as JSON.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Added {
    /// The index of the entry.
    index: u64,
    /// `?wait=receipt`: the receipt (tlog-proof).
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
}

/// Answer to a batch, as JSON.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct BatchAdded {
    /// Runs of consecutive indexes, in the order of the entries.
    runs: Vec<AddedRun>,
}

/// Consecutive indexes.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct AddedRun {
    /// Index of the first entry.
    first: u64,
    /// Number of entries.
    count: u64,
}

/// `POST add`.
pub(super) async fn one(
    asked: Asked<'_>,
    deadlines: Deadlines,
    body: Incoming,
    mut place: Place<'_>,
) -> Result<Response<Body>, Problem> {
    let mount = asked.mount;
    let checked = authorize(asked).and_then(|grant| {
        let wait = wait_for_receipt(asked.uri.query())?;
        mount.auth.charge(grant, 1)?;
        plain(asked.fields)?;
        Ok(wait)
    });
    let sender = asked.fields.sender();
    let (wait, body) = body::after(checked, body, sender, deadlines.body).await?;
    let limit = Limit {
        bytes: mount.max_entry_bytes,
        what: "an entry",
        time: deadlines.body,
    };
    let entry = body::read(body, sender, &limit, &mut place).await?;
    if entry.is_empty() {
        let detail = "expected an entry of 1 byte or more, got an empty body";
        return Err(Problem::malformed(detail));
    }
    let deadline = asked.started + deadlines.request;
    let runs = add(mount, vec![entry], deadline).await?;
    let index = runs.first().map(|run| run.first).ok_or_else(no_index)?;
    let receipt = if wait {
        Some(receipt(mount, index, deadline).await?)
    } else {
        None
    };
    Ok(match (asked.fields.format, receipt) {
        (Format::Text, None) => ok(&READY.added, Bytes::from(index.to_string())),
        (Format::Text, Some(receipt)) => ok(&READY.added, receipt),
        (Format::Json, receipt) => json(&Added {
            index: index.get(),
            receipt: receipt.map(|receipt| String::from_utf8_lossy(&receipt).into_owned()),
        }),
    })
}

/// `POST add-batch`.
pub(super) async fn batch(
    asked: Asked<'_>,
    deadlines: Deadlines,
    body: Incoming,
    mut place: Place<'_>,
) -> Result<Response<Body>, Problem> {
    let mount = asked.mount;
    let checked = authorize(asked).and_then(|grant| {
        query::parameters(asked.uri.query(), [])?;
        plain(asked.fields)?;
        Ok(grant)
    });
    let sender = asked.fields.sender();
    let (grant, body) = body::after(checked, body, sender, deadlines.body).await?;
    let limit = Limit {
        bytes: mount.max_batch_bytes,
        what: "a batch",
        time: deadlines.body,
    };
    let body = body::read(body, sender, &limit, &mut place).await?;
    let entries = batch::split(&body, mount.max_batch_entries, mount.max_entry_bytes)?;
    mount.auth.charge(grant, entries.len())?;
    let runs = add(mount, entries, asked.started + deadlines.request).await?;
    Ok(match asked.fields.format {
        Format::Text => ok(&READY.added, lines(&runs)),
        Format::Json => json(&BatchAdded {
            runs: runs
                .iter()
                .map(|run| AddedRun {
                    first: run.first.get(),
                    count: run.count,
                })
                .collect(),
        }),
    })
}

fn authorize(asked: Asked<'_>) -> Result<Option<GrantId>, Problem> {
    let (mount, authority) = (asked.mount, asked.uri.authority());
    mount
        .auth
        .write(mount.access(), asked.peer, &asked.fields, authority)
}

/// Refuses a body that is encoded.
fn plain(fields: Fields<'_>) -> Result<(), Problem> {
    if fields.encoded {
        let detail =
            "expected a body without Content-Encoding: what is logged is the bytes as they come";
        return Err(Problem::new(Kind::UnsupportedEncoding, detail));
    }
    Ok(())
}

async fn add(mount: &Mount, entries: Vec<Bytes>, deadline: Instant) -> Result<Vec<Run>, Problem> {
    let added = timeout_at(deadline.into(), mount.log.add(entries)).await;
    let added = added.map_err(|_| {
        let detail =
            "the entries were not durable before the request's deadline, but may become so";
        Problem::new(Kind::OutcomeUnknown, detail)
    })?;
    Ok(added?)
}

async fn receipt(mount: &Mount, index: LeafIndex, deadline: Instant) -> Result<Bytes, Problem> {
    let size = TreeSize::new(index.get().saturating_add(1));
    if mount.log.wait_published(size, deadline).await.is_none() {
        return Err(Problem::not_published(index));
    }
    // The entry is logged: whatever fails now is to be told with its index.
    let receipt = mount.log.receipt(index, None).await;
    receipt.map_err(|_| Problem::not_published(index))
}

/// Whether the query asks for a receipt.
fn wait_for_receipt(query: Option<&str>) -> Result<bool, Problem> {
    match query::parameters(query, ["wait"])? {
        [None] => Ok(false),
        [Some("receipt")] => Ok(true),
        [Some(other)] => Err(Problem::malformed(format!(
            "wait: expected \"receipt\", got {other:?}"
        ))),
    }
}

fn lines(runs: &[Run]) -> Bytes {
    let mut lines = String::new();
    for run in runs {
        let _ = writeln!(lines, "{} {}", run.first, run.count);
    }
    Bytes::from(lines)
}

fn json(answer: &impl Serialize) -> Response<Body> {
    // Structs of numbers and strings always serialize.
    ok(
        &READY.added_json,
        Bytes::from(serde_json::to_vec(answer).unwrap_or_default()),
    )
}

/// A log that acknowledges without an index breaks its contract; what it did is not known.
fn no_index() -> Problem {
    Problem::new(Kind::OutcomeUnknown, "the log gave no index")
}

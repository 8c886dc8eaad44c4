//! Evidence: the receipt of an entry under a checkpoint that anchors fixed in time, with their records.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use counterfoil_evidence::format::Entry;
use counterfoil_tiles::hash::LeafIndex;
use counterfoil_tiles::tile::{BundleId, EntryBundle, TILE_WIDTH};
use hyper::header::{CONTENT_DISPOSITION, HeaderMap, HeaderName, HeaderValue};

use super::Mount;
use super::answer::JSON;
use super::fields::Fields;
use super::mount::AT_ONCE;
use super::problem::{Kind, Problem, ProblemDocument};
use super::query::{number, parameters};
use super::reads::fresh;
use crate::auth::Peer;
use crate::log::{Log, ProofError, ReadError};

const X_ANCHOR_TROUBLES: HeaderName = HeaderName::from_static("x-anchor-troubles");

/// How often a bundle is asked for: a partial one may give way to a wider one meanwhile.
const TRIES: usize = 3;

/// The evidence of an entry: all that shows offline that it existed no later than a time, and has not changed since. It holds
/// the entry itself.
#[utoipa::path(
    get,
    path = "/evidence/{index}",
    tag = "proofs",
    security((), ("token" = [])),
    params(("index" = u64, Path, description = "Index of the entry")),
    responses(
        (status = 200, description = "The evidence (counterfoil/evidence@v1)", content_type = "application/json",
            headers(("X-Anchor-Troubles" = String, description = "Anchors that could not be asked, or showed what is of no use: \
                their URLs. What they have may be missing"))),
        (status = 400, description = "malformed", body = ProblemDocument),
        (status = 401, description = "unauthenticated (where reading is guarded)", body = ProblemDocument),
        (status = 403, description = "forbidden", body = ProblemDocument),
        (status = 404, description = "not-found: no such index in the published tree, or the log has no anchors", body = ProblemDocument),
        (status = 503, description = "not-anchored: no anchor has fixed a checkpoint that covers the entry yet; no-anchor: none can be \
            asked; damaged, unavailable, not-published or overloaded; with Retry-After", body = ProblemDocument),
    )
)]
pub(super) async fn evidence(
    State(mount): State<Arc<Mount>>,
    Extension(peer): Extension<Peer>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    mount.check_read(peer, &Fields::of(&headers))?;
    let Path(index) = path?;
    let index = LeafIndex::new(number("index", &index)?);
    let [] = parameters(query.as_deref(), [])?;
    let Some(anchors) = &mount.anchors else {
        let detail = format!(
            "no anchors are configured for this log; its witnesses alone vouch for receipt/{index}"
        );
        return Err(Problem::new(Kind::NotFound, detail));
    };
    let log = &*mount.log;
    let published = log.published().ok_or(ProofError::NothingPublished)?.size;
    if index.get() >= published.get() {
        let size = published;
        return Err(ProofError::BeyondTree { index, size }.into());
    }
    let asks = mount.evidence_requests.try_take(&peer.source, 1);
    let _asks = asks.map_err(|_| {
        let detail = format!("{AT_ONCE} requests of this client for evidence are not answered yet");
        Problem::new(Kind::Overloaded, detail)
    })?;
    let (gathered, turn) = anchors.gather(log, index, published).await?;
    let troubles = anchors.in_trouble(&gathered.troubles);
    let entry = Entry::of_contents(entry(log, index).await?.to_vec());
    if let Err(error) = gathered.receipt.check_inclusion(entry.leaf_hash()) {
        let detail = format!("entry {index} is not what the tree has there: {error}");
        return Err(Problem::new(Kind::Damaged, detail));
    }
    let policy = log.policy().to_string();
    // Some have megabytes.
    let encode = move || {
        gathered
            .evidence(entry, policy)
            .and_then(|evidence| evidence.encode())
    };
    let encoded = turn.work(encode).await;
    let (text, turn) =
        encoded.map_err(|error| Problem::new(Kind::Unavailable, error.to_string()))?;
    let text = text.map_err(|error| Problem::new(Kind::NoAnchor, error.to_string()))?;
    let body = mount.evidence_room.lend(&peer.source, text.into());
    let body = body.map_err(|none| {
        Problem::new(Kind::Overloaded, format!("no room for the answer: {none}"))
    })?;
    // From here on the room bounds it, and how fast it must be read: who reads slowly is in nobody's way.
    drop(turn);
    let mut response = fresh(JSON, axum::body::Body::new(body));
    let name = file_name(log.origin(), index);
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    if let Ok(disposition) = disposition {
        response
            .headers_mut()
            .insert(CONTENT_DISPOSITION, disposition);
    }
    // What may be missing: what these have is not in it, or not all of it.
    if let Some(troubles) = troubles.and_then(|troubles| HeaderValue::try_from(troubles).ok()) {
        response.headers_mut().insert(X_ANCHOR_TROUBLES, troubles);
    }
    Ok(response)
}

/// The bytes of an entry of the published tree.
async fn entry(log: &dyn Log, index: LeafIndex) -> Result<Bytes, ReadError> {
    let unavailable = |reason: &str| ReadError::Unavailable {
        reason: format!("entry {index}: {reason}"),
    };
    let width = u64::from(TILE_WIDTH);
    for _ in 0..TRIES {
        let size = log.published().map(|published| published.size);
        let id = size.and_then(|size| BundleId::at(index.get() / width, size));
        let Some(id) = id else {
            break;
        };
        let Some(bundle) = log.bundle(id).await? else {
            continue;
        };
        let entries = EntryBundle::parse(bundle.bytes(), id.width());
        let entries = entries.map_err(|error| unavailable(&error.to_string()))?;
        let place = usize::try_from(index.get() % width).unwrap_or(usize::MAX);
        if let Some(entry) = entries.entries().get(place) {
            return Ok(bundle.bytes().slice_ref(entry));
        }
    }
    Err(unavailable("its bundle is not there"))
}

/// A name under which the evidence can be kept: the origin, its slashes and colons made hyphens, and the index.
fn file_name(origin: &str, index: LeafIndex) -> String {
    let plain = |c: char| match c {
        c if c.is_ascii_alphanumeric() || "._-".contains(c) => c,
        _ => '-',
    };
    let origin: String = origin.chars().map(plain).take(100).collect();
    format!("{origin}-{index}.evidence.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_plain() {
        let rows = [
            ("log.example/records", "log.example-records-7.evidence.json"),
            ("../\"x", "..--x-7.evidence.json"),
            ("ü", "--7.evidence.json"),
        ];
        for (origin, expected) in rows {
            assert_eq!(file_name(origin, LeafIndex::new(7)), expected, "{origin}");
        }
    }
}

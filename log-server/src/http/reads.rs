//! What each log serves through the router: receipts, proofs, lookups, policy, status and its front page.

use std::fmt::Write;
use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use counterfoil_tiles::hash::{LeafHash, LeafIndex, TreeSize};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, LINK, VARY};
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Mount;
use super::answer::{JSON, TEXT};
use super::fields::{Fields, Format};
use super::pages::{WithoutSlash, wants_page};
use super::problem::{Kind, Problem, ProblemDocument};
use super::query::{number, parameters};
use crate::anchors::AnchorStatus;
use crate::auth::Peer;
use crate::log::{LogStatus, ProofError};

/// Indexes of a lookup that are answered at once, unless the caller wants fewer or more.
const LOOKUP_PAGE: usize = 100;
/// The most that it may want.
const LOOKUP_PAGE_MAX: usize = 1000;

/// The routes of one log, below its prefix.
pub(super) fn routes() -> OpenApiRouter<Arc<Mount>> {
    OpenApiRouter::new()
        .routes(routes!(receipt))
        .routes(routes!(super::evidence::evidence))
        .routes(routes!(lookup))
        .routes(routes!(consistency))
        .routes(routes!(policy))
        .routes(routes!(status))
        .routes(routes!(front_page))
        .merge(super::pages::routes())
}

/// The receipt of an entry, a tlog-proof under the published checkpoint or under an older one that is still kept.
#[utoipa::path(
    get,
    path = "/receipt/{index}",
    tag = "proofs",
    params(
        ("index" = u64, Path, description = "Index of the entry"),
        ("size" = Option<u64>, Query, description = "Tree size of a checkpoint that is still kept, or that was anchored"),
    ),
    responses(
        (status = 200, description = "The receipt (tlog-proof)", body = String, content_type = "text/plain; charset=utf-8"),
        (status = 400, description = "malformed", body = ProblemDocument),
        (status = 404, description = "not-found: no such index, or no such size is kept", body = ProblemDocument),
        (status = 503, description = "damaged, unavailable, not-published or overloaded", body = ProblemDocument),
    )
)]
async fn receipt(
    State(mount): State<Arc<Mount>>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let Path(index) = path?;
    let index = LeafIndex::new(number("index", &index)?);
    let [size] = parameters(query.as_deref(), ["size"])?;
    let size = size
        .map(|size| number("size", size))
        .transpose()?
        .map(TreeSize::new);
    let error = match (mount.log.receipt(index, size).await, &mount.anchors) {
        (Ok(receipt), _) => return Ok(fresh(TEXT, receipt)),
        (Err(error @ ProofError::NotKept { size }), Some(anchors)) if index.get() < size.get() => {
            // Anchors keep the checkpoints that they fixed in time.
            match anchors.receipt(&*mount.log, index, size).await? {
                Some(receipt) => return Ok(fresh(TEXT, receipt)),
                None => error,
            }
        }
        (Err(error), _) => error,
    };
    Err(error.into())
}

/// The indexes of an entry, by its leaf hash (SHA-256 of a zero byte and the entry), ascending and a page at a time.
#[utoipa::path(
    get,
    path = "/lookup/{leaf_hash}",
    tag = "proofs",
    params(
        ("leaf_hash" = String, Path, description = "64 hexadecimal digits"),
        ("after" = Option<u64>, Query, description = "Only indexes above this one"),
        ("limit" = Option<u64>, Query, description = "At most so many indexes, 1 to 1000; 100 if not given"),
    ),
    responses(
        (status = 200, description = "One index a line after the line \"indexed SIZE\"; Link names the next page", content(
            (String = "text/plain; charset=utf-8"),
            (Found = "application/json"),
        )),
        (status = 400, description = "malformed", body = ProblemDocument),
        (status = 401, description = "unauthenticated (where reading is guarded)", body = ProblemDocument),
        (status = 403, description = "forbidden", body = ProblemDocument),
        (status = 404, description = "not-found: no such entry in the published tree", body = ProblemDocument),
        (status = 503, description = "indexing: none yet, but the index has not reached the published size; unavailable, overloaded", body = ProblemDocument),
    )
)]
async fn lookup(
    State(mount): State<Arc<Mount>>,
    Extension(peer): Extension<Peer>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let fields = Fields::of(&headers);
    mount.check_read(peer, &fields)?;
    let Path(hash) = path?;
    let leaf = leaf_hash(&hash)?;
    let [after, limit] = parameters(query.as_deref(), ["after", "limit"])?;
    let after = after
        .map(|after| number("after", after))
        .transpose()?
        .map(LeafIndex::new);
    let limit = limit.map_or(Ok(LOOKUP_PAGE), page)?;
    // Asked for first: what is published later may be indexed later.
    let published = mount
        .log
        .published()
        .map_or(TreeSize::ZERO, |published| published.size);
    let found = mount.log.lookup(leaf, after, limit).await?;
    if found.indexes.is_empty() && found.indexed < published {
        let detail = format!(
            "none among the first {} entries; the index has not reached the published size {published} yet",
            found.indexed
        );
        return Err(Problem::new(Kind::Indexing, detail));
    }
    if found.indexes.is_empty() {
        let beyond = after
            .map(|after| format!(" above index {after}"))
            .unwrap_or_default();
        let detail = format!(
            "no entry{beyond} with this leaf hash among the first {}",
            found.indexed
        );
        return Err(Problem::new(Kind::NotFound, detail));
    }
    let indexes: Vec<u64> = found.indexes.iter().map(|index| index.get()).collect();
    let next = indexes.last().filter(|_| found.more);
    let link = next.map(|last| format!("<{hash}?after={last}&limit={limit}>; rel=\"next\""));
    let mut response = match fields.format {
        Format::Json => json(&Found {
            indexes,
            more: found.more,
            indexed_size: found.indexed.get(),
        }),
        Format::Text => {
            let mut text = format!("indexed {}\n", found.indexed);
            for index in indexes {
                let _ = writeln!(text, "{index}");
            }
            fresh(TEXT, text)
        }
    };
    if let Some(link) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// A page of indexes.
#[derive(Serialize, utoipa::ToSchema)]
struct Found {
    /// Ascending.
    indexes: Vec<u64>,
    /// Whether there are more above the last.
    more: bool,
    /// The entries of this tree size were searched.
    indexed_size: u64,
}

/// The consistency proof between two sizes (RFC 6962, section 2.1.2). Tools compute it from tiles; this is for people.
#[utoipa::path(
    get,
    path = "/consistency",
    tag = "proofs",
    params(
        ("from" = u64, Query, description = "The smaller size"),
        ("to" = u64, Query, description = "The larger size, at most the published one"),
    ),
    responses(
        (status = 200, description = "One hash a line, base64", content(
            (String = "text/plain; charset=utf-8"),
            (Consistency = "application/json"),
        )),
        (status = 400, description = "malformed", body = ProblemDocument),
        (status = 404, description = "not-found: a size is larger than the published one", body = ProblemDocument),
        (status = 503, description = "damaged, unavailable, not-published or overloaded", body = ProblemDocument),
    )
)]
async fn consistency(
    State(mount): State<Arc<Mount>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let [from, to] = parameters(query.as_deref(), ["from", "to"])?;
    let (Some(from), Some(to)) = (from, to) else {
        return Err(Problem::malformed("expected ?from=SIZE&to=SIZE"));
    };
    let (from, to) = (number("from", from)?, number("to", to)?);
    let proof = mount
        .log
        .consistency(TreeSize::new(from), TreeSize::new(to))
        .await?;
    let proof: Vec<String> = proof.iter().map(ToString::to_string).collect();
    Ok(match Fields::of(&headers).format {
        Format::Json => json(&Consistency { from, to, proof }),
        Format::Text => fresh(
            TEXT,
            proof
                .iter()
                .flat_map(|hash| [hash, "\n"])
                .collect::<String>(),
        ),
    })
}

/// A consistency proof.
#[derive(Serialize, utoipa::ToSchema)]
struct Consistency {
    /// The smaller size.
    from: u64,
    /// The larger size.
    to: u64,
    /// Hashes, base64.
    proof: Vec<String>,
}

/// The trust policy (tlog-policy), with the log's keys.
#[utoipa::path(
    get,
    path = "/policy",
    tag = "log",
    responses((status = 200, description = "The policy", body = String, content_type = "text/plain; charset=utf-8"))
)]
async fn policy(State(mount): State<Arc<Mount>>) -> Response {
    fresh(TEXT, mount.log.policy().to_string())
}

/// What the log is doing.
#[utoipa::path(
    get,
    path = "/status",
    tag = "log",
    responses((status = 200, description = "The status", body = Status))
)]
async fn status(State(mount): State<Arc<Mount>>) -> Response {
    let anchors = mount.anchors.as_ref();
    json(&Status {
        log: mount.log.status(),
        anchors: anchors.map_or_else(Vec::new, |anchors| anchors.status()),
    })
}

/// What a log is doing, and its anchors.
#[derive(Serialize, utoipa::ToSchema)]
struct Status {
    #[serde(flatten)]
    log: LogStatus,
    /// The anchors of the configuration.
    anchors: Vec<AnchorStatus>,
}

/// What this is and where to go on from here: the web page for who accepts HTML, lines of text for others.
#[utoipa::path(
    get,
    path = "/",
    tag = "log",
    responses(
        (status = 200, description = "The page, or a description of the log", content(
            (String = "text/plain; charset=utf-8"),
            (String = "text/html; charset=utf-8"),
        )),
        (status = 304, description = "The caller has the page"),
        (status = 308, description = "For HTML: the prefix of the log needs the slash at its end"),
        (status = 404, description = "For HTML: the program was built without the pages", body = String, content_type = "text/html; charset=utf-8"),
    )
)]
async fn front_page(
    State(mount): State<Arc<Mount>>,
    without_slash: Option<Extension<WithoutSlash>>,
    headers: HeaderMap,
) -> Response {
    if let Some(pages) = mount.pages.as_ref().filter(|_| wants_page(&headers)) {
        return pages.front(&mount, &headers, without_slash.is_none());
    }
    let log = &mount.log;
    let mut text = format!(
        "Counterfoil transparency log\n\norigin     {}\n",
        log.origin()
    );
    for vkey in log.vkeys() {
        let _ = writeln!(text, "key        {vkey}");
    }
    let _ = match log.published() {
        Some(published) => writeln!(text, "published  {} entries", published.size),
        None => writeln!(text, "published  nothing yet"),
    };
    text.push_str(ENDPOINTS);
    let mut response = fresh(TEXT, text);
    let vary = HeaderValue::from_static("accept");
    response.headers_mut().insert(VARY, vary);
    response
}

/// The rest of the front page. A test holds it to the endpoints that are served.
const ENDPOINTS: &str = "
POST add                     log an entry, answer its index; ?wait=receipt answers its receipt
POST add-batch               log many entries
GET  checkpoint              the signed checkpoint
GET  tile/<L>/<N>[.p/<W>]    hashes of the tree (c2sp.org/tlog-tiles)
GET  tile/entries/<N>[.p/<W>]  entries
GET  receipt/<index>         the receipt of an entry (c2sp.org/tlog-proof); ?size= under an older checkpoint
GET  evidence/<index>        the receipt of an entry with what fixes it in time, to verify offline
GET  lookup/<leaf hash>      the indexes of an entry
GET  consistency?from=&to=   the consistency proof between two sizes
GET  policy                  the keys to verify with (c2sp.org/tlog-policy)
GET  status                  what the log is doing
GET  verifier.html           the page that verifies in a browser, as one file, without a network
GET  assets/<name>           what the web page of this place loads; a browser is shown it here

For the whole server: /openapi.json, /metrics, /healthz, /readyz
";

fn leaf_hash(text: &str) -> Result<LeafHash, Problem> {
    let mut bytes = [0; 32];
    if text.len() == 64 && hex::decode_to_slice(text, &mut bytes).is_ok() {
        return Ok(LeafHash::from_bytes(bytes));
    }
    let detail = format!("expected a leaf hash of 64 hexadecimal digits, got {text:?}");
    Err(Problem::malformed(detail))
}

fn page(text: &str) -> Result<usize, Problem> {
    let limit = usize::try_from(number("limit", text)?).unwrap_or(usize::MAX);
    if (1..=LOOKUP_PAGE_MAX).contains(&limit) {
        return Ok(limit);
    }
    let detail = format!("limit: expected 1 to {LOOKUP_PAGE_MAX}, got {text}");
    Err(Problem::malformed(detail))
}

/// A 200 that a cache must ask about before it uses it again.
pub(super) fn fresh(content_type: HeaderValue, body: impl Into<axum::body::Body>) -> Response {
    let headers = [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, body.into()).into_response()
}

fn json(answer: &impl Serialize) -> Response {
    // Structs of numbers and strings always serialize.
    fresh(JSON, serde_json::to_vec(answer).unwrap_or_default())
}

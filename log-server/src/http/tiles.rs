//! What tlog-tiles serves: the checkpoint, tiles and entry bundles.

use bytes::Bytes;
use counterfoil_tiles::tile::{BundleId, TileId};
use hyper::header::{
    CACHE_CONTROL, CONTENT_ENCODING, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, VARY,
};
use hyper::{Response, StatusCode};

use super::answer::{Body, OCTETS, TEXT, bare, ok};
use super::problem::{Kind, Problem};
use super::{Asked, Mount};
use crate::config::ReadMode;
use crate::log::{ProofError, Resource};

/// SPEC(tlog-tiles): "This endpoint is mutable, so its headers SHOULD prevent caching beyond a few seconds."
const MUTABLE: HeaderValue = HeaderValue::from_static("no-cache");
/// SPEC(tlog-tiles): "This endpoint is immutable, so its caching headers SHOULD be long-lived."
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// The same for what only the holder of a credential may read.
const IMMUTABLE_PRIVATE: HeaderValue =
    HeaderValue::from_static("private, max-age=31536000, immutable");

/// `GET checkpoint`.
pub(super) fn checkpoint(asked: Asked<'_>) -> Result<Response<Body>, Problem> {
    let published = asked.mount.log.published();
    let published = published.ok_or(ProofError::NothingPublished)?;
    // SPEC(tlog-tiles): "The Signed Tree Head MUST be served as a [checkpoint][] at"
    Ok(conditional(asked, &published.note, TEXT, MUTABLE))
}

/// `GET tile/<L>/<N>[.p/<W>]`.
pub(super) async fn tile(asked: Asked<'_>, id: TileId) -> Result<Response<Body>, Problem> {
    match asked.mount.log.tile(id).await? {
        Some(tile) => Ok(conditional(asked, &tile, OCTETS, IMMUTABLE)),
        None => Err(absent(asked.mount, &id.path())),
    }
}

/// `GET tile/entries/<N>[.p/<W>]`.
pub(super) async fn bundle(asked: Asked<'_>, id: BundleId) -> Result<Response<Body>, Problem> {
    let mount = asked.mount;
    mount.check_read(asked.peer, &asked.fields)?;
    let bundle = mount.log.bundle(id).await?;
    let bundle = bundle.ok_or_else(|| absent(mount, &id.path()))?;
    let caching = match mount.read {
        ReadMode::Public => IMMUTABLE,
        ReadMode::Token => IMMUTABLE_PRIVATE,
    };
    // SPEC(tlog-tiles): "Entry bundles SHOULD be compressed at the HTTP layer."
    let squeezed = if asked.fields.takes_gzip {
        mount.squeezed.squeeze(id, &bundle).await
    } else {
        None
    };
    let mut response = conditional(asked, squeezed.as_ref().unwrap_or(&bundle), OCTETS, caching);
    let sent = response.status() == StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if squeezed.is_some() && sent {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// The resource, or 304 if the caller has it.
fn conditional(
    asked: Asked<'_>,
    resource: &Resource,
    content_type: HeaderValue,
    caching: HeaderValue,
) -> Response<Body> {
    let mut response = if asked.fields.conditional && has(asked.headers, resource.tag()) {
        bare(StatusCode::NOT_MODIFIED)
    } else {
        ok(content_type, resource.bytes().clone())
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, caching);
    if let Ok(tag) = HeaderValue::from_maybe_shared(resource.tag().clone()) {
        headers.insert(ETAG, tag);
    }
    response
}

/// Whether If-None-Match names the tag (RFC 9110, section 13.1.2: weak comparison, or `*`).
fn has(headers: &HeaderMap, tag: &Bytes) -> bool {
    headers.get_all(IF_NONE_MATCH).iter().any(|value| {
        value
            .as_bytes()
            .split(|b| *b == b',')
            .map(<[u8]>::trim_ascii)
            .any(|one| one == b"*" || one.strip_prefix(b"W/").unwrap_or(one) == tag.as_ref())
    })
}

fn absent(mount: &Mount, path: &str) -> Problem {
    let size = mount
        .log
        .published()
        .map_or(0, |published| published.size.get());
    let detail = format!("there is no {path} in the published tree of size {size}");
    Problem::new(Kind::NotFound, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_match_weakly() {
        let tag = Bytes::from_static(b"\"a\"");
        let rows = [
            ("none", None, false),
            ("same", Some("\"a\""), true),
            ("weak", Some("W/\"a\""), true),
            ("any", Some("*"), true),
            ("among others", Some("\"b\", \"a\""), true),
            ("another", Some("\"b\""), false),
            ("without quotes", Some("a"), false),
            ("longer", Some("\"a\"x"), false),
        ];
        for (name, value, expected) in rows {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(IF_NONE_MATCH, HeaderValue::from_static(value));
            }
            assert_eq!(has(&headers, &tag), expected, "{name}");
        }
    }
}

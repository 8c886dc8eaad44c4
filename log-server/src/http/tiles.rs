//! What tlog-tiles serves: the checkpoint, tiles and entry bundles.

use bytes::Bytes;
use counterfoil_tiles::tile::{BundleId, TileId};
use hyper::header::{
    CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, VARY,
};
use hyper::{Response, StatusCode};

use super::answer::{Body, READY, ok};
use super::problem::{Kind, Problem};
use super::{Asked, Mount};
use crate::config::ReadMode;
use crate::log::{ProofError, Resource};

/// `GET checkpoint`.
pub(super) fn checkpoint(asked: Asked<'_>) -> Result<Response<Body>, Problem> {
    let published = asked.mount.log.published();
    let published = published.ok_or(ProofError::NothingPublished)?;
    // SPEC(tlog-tiles): "The Signed Tree Head MUST be served as a [checkpoint][] at"
    Ok(conditional(asked, &published.note, &READY.checkpoint))
}

/// `GET tile/<L>/<N>[.p/<W>]`.
pub(super) async fn tile(asked: Asked<'_>, id: TileId) -> Result<Response<Body>, Problem> {
    match asked.mount.log.tile(id).await? {
        Some(tile) => Ok(conditional(asked, &tile, &READY.tile)),
        None => Err(absent(asked.mount, &id.path())),
    }
}

/// `GET tile/entries/<N>[.p/<W>]`.
pub(super) async fn bundle(asked: Asked<'_>, id: BundleId) -> Result<Response<Body>, Problem> {
    let mount = asked.mount;
    mount.check_read(asked.peer, &asked.fields)?;
    let bundle = mount.log.bundle(id).await?;
    let bundle = bundle.ok_or_else(|| absent(mount, &id.path()))?;
    let ready = match mount.read {
        ReadMode::Public => &READY.tile,
        ReadMode::Token => &READY.guarded,
    };
    // SPEC(tlog-tiles): "Entry bundles SHOULD be compressed at the HTTP layer."
    let squeezed = if asked.fields.takes_gzip {
        mount.squeezed.squeeze(id, &bundle).await
    } else {
        None
    };
    let mut response = conditional(asked, squeezed.as_ref().unwrap_or(&bundle), ready);
    let sent = response.status() == StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if squeezed.is_some() && sent {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// The resource, or 304 if the caller has it.
fn conditional(asked: Asked<'_>, resource: &Resource, ready: &HeaderMap) -> Response<Body> {
    let known = asked.fields.conditional && has(asked.headers, resource.tag());
    let bytes = if known {
        Bytes::new()
    } else {
        resource.bytes().clone()
    };
    let mut response = ok(ready, bytes);
    if let Ok(tag) = HeaderValue::from_maybe_shared(resource.tag().clone()) {
        response.headers_mut().insert(ETAG, tag);
    }
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().remove(CONTENT_TYPE);
    }
    response
}

/// Whether If-None-Match names the tag (RFC 9110, section 13.1.2: weak comparison, or `*`).
pub(super) fn has(headers: &HeaderMap, tag: &Bytes) -> bool {
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

//! What tlog-tiles serves: the checkpoint, tiles and entry bundles.

use bytes::Bytes;
use counterfoil_tiles::tile::{BundleId, TileId};
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH,
    VARY,
};
use hyper::{Response, StatusCode};

use super::Mount;
use super::answer::{Body, OCTETS, TEXT, bare, ok, weighted};
use super::problem::{Kind, Problem};
use crate::config::ReadMode;
use crate::log::Resource;

/// SPEC(tlog-tiles): "This endpoint is mutable, so its headers SHOULD prevent caching beyond a few seconds."
const MUTABLE: HeaderValue = HeaderValue::from_static("no-cache");
/// SPEC(tlog-tiles): "This endpoint is immutable, so its caching headers SHOULD be long-lived."
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// The same for what only the holder of a credential may read.
const IMMUTABLE_PRIVATE: HeaderValue =
    HeaderValue::from_static("private, max-age=31536000, immutable");

/// `GET checkpoint`.
pub(super) fn checkpoint(mount: &Mount, headers: &HeaderMap) -> Result<Response<Body>, Problem> {
    let published = mount
        .log
        .published()
        .ok_or(crate::log::ProofError::NothingPublished)?;
    // SPEC(tlog-tiles): "The Signed Tree Head MUST be served as a [checkpoint][] at"
    Ok(conditional(headers, &published.note, TEXT, MUTABLE))
}

/// `GET tile/<L>/<N>[.p/<W>]`.
pub(super) async fn tile(
    mount: &Mount,
    id: TileId,
    headers: &HeaderMap,
) -> Result<Response<Body>, Problem> {
    match mount.log.tile(id).await? {
        Some(tile) => Ok(conditional(headers, &tile, OCTETS, IMMUTABLE)),
        None => Err(absent(mount, &id.path())),
    }
}

/// `GET tile/entries/<N>[.p/<W>]`.
pub(super) async fn bundle(
    mount: &Mount,
    id: BundleId,
    headers: &HeaderMap,
) -> Result<Response<Body>, Problem> {
    let bundle = mount
        .log
        .bundle(id)
        .await?
        .ok_or_else(|| absent(mount, &id.path()))?;
    let caching = match mount.read {
        ReadMode::Public => IMMUTABLE,
        ReadMode::Token => IMMUTABLE_PRIVATE,
    };
    // SPEC(tlog-tiles): "Entry bundles SHOULD be compressed at the HTTP layer."
    let squeezed = if takes_gzip(headers) {
        mount.squeezed.squeeze(id, &bundle).await
    } else {
        None
    };
    let mut response = conditional(
        headers,
        squeezed.as_ref().unwrap_or(&bundle),
        OCTETS,
        caching,
    );
    let fields = response.headers_mut();
    fields.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if squeezed.is_some() && response.status() == StatusCode::OK {
        response
            .headers_mut()
            .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// The resource, or 304 if the caller has it.
fn conditional(
    headers: &HeaderMap,
    resource: &Resource,
    content_type: HeaderValue,
    caching: HeaderValue,
) -> Response<Body> {
    let mut response = if has(headers, resource.tag()) {
        bare(StatusCode::NOT_MODIFIED)
    } else {
        ok(content_type, resource.bytes().clone())
    };
    let fields = response.headers_mut();
    fields.insert(CACHE_CONTROL, caching);
    if let Ok(tag) = HeaderValue::from_maybe_shared(resource.tag().clone()) {
        fields.insert(ETAG, tag);
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

/// Whether Accept-Encoding names gzip with a weight above 0.
fn takes_gzip(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT_ENCODING).iter().any(|value| {
        value.to_str().is_ok_and(|value| {
            value.split(',').map(weighted).any(|(coding, wanted)| {
                wanted
                    && (coding.eq_ignore_ascii_case("gzip")
                        || coding.eq_ignore_ascii_case("x-gzip"))
            })
        })
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

    #[test]
    fn gzip_only_where_it_is_taken() {
        let rows = [
            ("nothing", None, false),
            ("gzip", Some("gzip"), true),
            ("case", Some("GZip"), true),
            ("old name", Some("x-gzip"), true),
            ("with others", Some("br, gzip;q=0.5"), true),
            ("refused", Some("gzip;q=0"), false),
            ("refused in another way", Some("gzip; Q=0.000"), false),
            ("anything is not gzip", Some("*"), false),
            ("identity", Some("identity"), false),
        ];
        for (name, value, expected) in rows {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            }
            assert_eq!(takes_gzip(&headers), expected, "{name}");
        }
    }
}

//! The web pages: files of the binary ([`counterfoil_web`]), the same for every log and for everybody.
//!
//! They hold nothing of a log. What they show they ask for, as anybody may, so that where reading is guarded (`read = "token"`) they
//! are served all the same, and show what needs no token. They take no tokens: one that reads may write, too, and does not
//! belong into a page.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use counterfoil_web::File;
use hyper::StatusCode;
use hyper::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY, VARY,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Mount;
use super::fields::{Fields, lists};
use super::problem::{Kind, Problem, ProblemDocument};
use super::tiles::has;
use crate::log::Resource;

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");

/// The routes of the pages, below a log's prefix. The front page has the route of the log's own words about itself.
pub(super) fn routes() -> OpenApiRouter<Arc<Mount>> {
    OpenApiRouter::new()
        .routes(routes!(verifier))
        .routes(routes!(asset))
}

/// The pages, ready to be served.
#[derive(Debug)]
pub(crate) struct Pages {
    pages: HashMap<&'static str, Page>,
}

#[derive(Debug)]
struct Page {
    plain: Resource,
    gzip: Option<Resource>,
    content_type: HeaderValue,
    caching: HeaderValue,
}

/// Set on requests that name a log's prefix without the slash at its end, where relative links lead astray.
#[derive(Debug, Clone, Copy)]
pub(super) struct WithoutSlash;

impl Pages {
    /// Those in the binary.
    pub(super) fn embedded() -> Self {
        Self::of(counterfoil_web::FILES)
    }

    fn of(files: &[File]) -> Self {
        let page = |file: &File| {
            let resource = |bytes| Resource::new(Bytes::from_static(bytes));
            let page = Page {
                plain: resource(file.bytes),
                gzip: file.gzip.map(resource),
                content_type: HeaderValue::from_static(file.content_type),
                caching: HeaderValue::from_static(if file.is_immutable() {
                    "public, max-age=31536000, immutable"
                } else {
                    "no-cache"
                }),
            };
            (file.name, page)
        };
        Self {
            pages: files.iter().map(page).collect(),
        }
    }

    /// The page that a browser shows of a log.
    pub(super) fn front(&self, log: &Mount, asked: &HeaderMap, slash: bool) -> Response {
        if !slash {
            return to_slash(&log.prefix);
        }
        let mut response = self
            .file(counterfoil_web::FRONT, asked)
            .unwrap_or_else(not_built);
        response
            .headers_mut()
            .insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
        response
    }

    fn file(&self, name: &str, asked: &HeaderMap) -> Option<Response> {
        let page = self.pages.get(name)?;
        let gzip = page.gzip.as_ref().filter(|_| Fields::of(asked).takes_gzip);
        let resource = gzip.unwrap_or(&page.plain);
        let mut response = if has(asked, resource.tag()) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let mut response = resource.bytes().clone().into_response();
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, page.content_type.clone());
            if gzip.is_some() {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            response
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, page.caching.clone());
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        if let Ok(tag) = HeaderValue::from_maybe_shared(resource.tag().clone()) {
            headers.insert(ETAG, tag);
        }
        confine(headers);
        Some(response)
    }
}

/// Whether the caller is one that shows pages: `text/html` is among what it accepts.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get_all(ACCEPT);
    accept.iter().any(|value| lists(value, &["text/html"]))
}

/// What a page may do, and what others may do with it.
fn confine(headers: &mut HeaderMap) {
    let fields = [
        (
            CONTENT_SECURITY_POLICY,
            counterfoil_web::CONTENT_SECURITY_POLICY,
        ),
        (CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in fields {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Sends a browser to the prefix with its slash. Relative, because a proxy may have taken a part of the path away.
fn to_slash(prefix: &str) -> Response {
    let last = prefix.rsplit('/').next().unwrap_or_default();
    let mut response = StatusCode::PERMANENT_REDIRECT.into_response();
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::try_from(format!("{last}/")) {
        headers.insert(LOCATION, location);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(VARY, HeaderValue::from_static("accept"));
    response
}

/// Says in a browser that there are no pages.
fn not_built() -> Response {
    let mut response = (Kind::NotFound.status(), counterfoil_web::NOT_BUILT).into_response();
    let headers = response.headers_mut();
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(CONTENT_TYPE, html);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    confine(headers);
    response
}

/// The verifier as one file, to keep: it works without a network and without the log.
#[utoipa::path(
    get,
    path = "/verifier.html",
    tag = "pages",
    responses(
        (status = 200, description = "The file, to be saved", body = String, content_type = "text/html; charset=utf-8"),
        (status = 304, description = "The caller has it"),
        (status = 404, description = "not-found: the pages are switched off, or the program was built without them", body = ProblemDocument),
    )
)]
async fn verifier(State(mount): State<Arc<Mount>>, asked: HeaderMap) -> Result<Response, Problem> {
    let mut response = page(&mount, counterfoil_web::VERIFIER, &asked)?;
    response.headers_mut().insert(
        CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"verifier.html\""),
    );
    Ok(response)
}

/// What the pages load: scripts and styles, each under a name with its hash in it.
#[utoipa::path(
    get,
    path = "/assets/{name}",
    tag = "pages",
    params(("name" = String, Path, description = "As a page names it")),
    responses(
        (status = 200, description = "The file; gzip if the caller takes it and it saves a tenth"),
        (status = 304, description = "The caller has it"),
        (status = 404, description = "not-found", body = ProblemDocument),
    )
)]
async fn asset(
    State(mount): State<Arc<Mount>>,
    name: Result<Path<String>, PathRejection>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    let Path(name) = name?;
    page(&mount, &format!("assets/{name}"), &asked)
}

fn page(mount: &Mount, name: &str, asked: &HeaderMap) -> Result<Response, Problem> {
    let absent = |detail: &str| Problem::new(Kind::NotFound, detail);
    let Some(pages) = &mount.pages else {
        return Err(absent("the web pages are switched off (pages = false)"));
    };
    if pages.pages.is_empty() {
        let detail =
            "this program was built without the web pages: run make web, and build it again";
        return Err(absent(detail));
    }
    let found = pages.file(name, asked);
    found.ok_or_else(|| absent("the web pages have no such file"))
}

#[cfg(test)]
mod tests {
    use hyper::header::{ACCEPT_ENCODING, IF_NONE_MATCH};

    use super::*;

    static FILES: [File; 3] = [
        File {
            name: "index.html",
            content_type: "text/html; charset=utf-8",
            bytes: b"<p>front",
            gzip: None,
        },
        File {
            name: "assets/a-1b2.js",
            content_type: "text/javascript; charset=utf-8",
            bytes: b"script",
            gzip: Some(b"squeezed"),
        },
        File {
            name: "assets/a.css",
            content_type: "text/css; charset=utf-8",
            bytes: b"style",
            gzip: None,
        },
    ];

    fn get(name: &str, asked: &[(HeaderName, &str)]) -> Response {
        let value = |text: &str| HeaderValue::from_str(text).unwrap();
        let asked = asked.iter().map(|(name, text)| (name.clone(), value(text)));
        Pages::of(&FILES).file(name, &asked.collect()).unwrap()
    }

    /// Status, and the named fields one after the other.
    fn answer(name: &str, asked: &[(HeaderName, &str)], fields: &[&str]) -> (u16, String) {
        let response = get(name, asked);
        let field = |name: &&str| {
            let value = response.headers().get(*name);
            value.map_or("-", |value| value.to_str().unwrap())
        };
        let fields: Vec<&str> = fields.iter().map(field).collect();
        (response.status().as_u16(), fields.join(" | "))
    }

    #[test]
    fn what_is_named_for_its_hash_is_kept_and_pages_are_asked_for_again() {
        let fields = ["content-type", "cache-control", "vary"];
        let rows = [
            ("index.html", "text/html; charset=utf-8 | no-cache"),
            (
                "assets/a.css",
                "text/css; charset=utf-8 | public, max-age=31536000, immutable",
            ),
            (
                "assets/a-1b2.js",
                "text/javascript; charset=utf-8 | public, max-age=31536000, immutable",
            ),
        ];
        for (name, expected) in rows {
            let expected = format!("{expected} | accept-encoding");
            assert_eq!(answer(name, &[], &fields), (200, expected), "{name}");
        }
    }

    #[tokio::test]
    async fn gzip_for_those_who_take_it_and_where_it_saves() {
        let rows = [
            ("assets/a-1b2.js", "gzip, br", "gzip", "squeezed"),
            ("assets/a-1b2.js", "br", "-", "script"),
            ("assets/a-1b2.js", "gzip;q=0", "-", "script"),
            ("assets/a.css", "gzip", "-", "style"),
        ];
        for (name, takes, encoding, body) in rows {
            let asked = [(ACCEPT_ENCODING, takes)];
            let fields = ["content-encoding"];
            let expected = (200, encoding.to_owned());
            assert_eq!(answer(name, &asked, &fields), expected, "{name}: {takes}");
            let bytes = axum::body::to_bytes(get(name, &asked).into_body(), 100);
            assert_eq!(bytes.await.unwrap(), body, "{name}: {takes}");
        }
    }

    #[test]
    fn each_form_has_a_tag_of_its_own() {
        let name = "assets/a-1b2.js";
        let gzip = (ACCEPT_ENCODING, "gzip");
        let (_, plain_tag) = answer(name, &[], &["etag"]);
        let (_, gzip_tag) = answer(name, std::slice::from_ref(&gzip), &["etag"]);
        assert_ne!(plain_tag, gzip_tag);
        let known = |tag| (IF_NONE_MATCH, tag);
        let fields = ["content-type", "content-encoding", "etag", "cache-control"];
        let kept = "public, max-age=31536000, immutable";
        let same = (304, format!("- | - | {gzip_tag} | {kept}"));
        assert_eq!(
            answer(name, &[gzip.clone(), known(gzip_tag.as_str())], &fields),
            same
        );
        let same = (304, format!("- | - | {plain_tag} | {kept}"));
        assert_eq!(answer(name, &[known(plain_tag.as_str())], &fields), same);
        // What is kept in the other form is sent again.
        assert_eq!(
            answer(name, &[gzip, known(plain_tag.as_str())], &["vary"]).0,
            200
        );
        assert_eq!(answer(name, &[known(gzip_tag.as_str())], &["vary"]).0, 200);
    }

    #[test]
    fn a_name_is_a_name_and_not_a_path() {
        let pages = Pages::of(&FILES);
        for name in [
            "",
            "/",
            "assets",
            "assets/",
            "assets/../index.html",
            "./index.html",
            "INDEX.HTML",
            "index.html\0",
            "../not-built.html",
            "/etc/passwd",
        ] {
            assert!(pages.file(name, &HeaderMap::new()).is_none(), "{name}");
        }
    }

    #[test]
    fn a_page_is_for_those_who_name_html() {
        let rows = [
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("text/html", true),
            ("*/*", false),
            ("text/html;q=0", false),
            ("application/json", false),
        ];
        for (accept, expected) in rows {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(wants_page(&headers), expected, "{accept}");
        }
        assert!(!wants_page(&HeaderMap::new()));
    }

    #[test]
    fn a_prefix_leads_to_its_slash() {
        for (prefix, location) in [("/a", "a/"), ("/a/deep", "deep/")] {
            let response = to_slash(prefix);
            assert_eq!(response.status(), 308);
            assert_eq!(response.headers().get(LOCATION).unwrap(), location);
        }
    }
}

//! The web pages of the binary: how they are confined and kept, and that nothing else of the log changes for them.
//!
//! Where the program was built without them the notice takes their place; `make test` builds them first.

use reqwest::Client;
use reqwest::redirect::Policy;

use crate::server::{SECRET, TestServer, header, log, one, start};

/// What Chromium sends for a page.
const BROWSER: &str =
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

/// The names of what is embedded.
fn names() -> impl Iterator<Item = String> {
    counterfoil_web::FILES
        .iter()
        .map(|file| file.name.to_owned())
        .filter(|name| name != counterfoil_web::FRONT)
}

fn built() -> bool {
    !counterfoil_web::FILES.is_empty()
}

async fn page(server: &TestServer, method: &str, path: &str) -> reqwest::Response {
    let request = server.request(method, path).header("accept", BROWSER);
    request.send().await.unwrap()
}

#[tokio::test]
async fn every_page_is_confined() {
    let server = one("", "").await;
    let fields = [
        (
            "content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
             worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("set-cookie", ""),
    ];
    let paths = names().map(|name| format!("/{name}"));
    for path in paths.chain(["/".to_owned()]) {
        for method in ["GET", "HEAD"] {
            let answer = page(&server, method, &path).await;
            for (name, value) in fields {
                assert_eq!(header(&answer, name), value, "{method} {path}: {name}");
            }
        }
    }
    server.end().await;
}

#[tokio::test]
async fn the_front_page_is_for_browsers() {
    let server = one("", "").await;
    let answer = page(&server, "GET", "/").await;
    assert_eq!(answer.status(), if built() { 200 } else { 404 });
    assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8");
    assert_eq!(header(&answer, "cache-control"), "no-cache");
    assert_eq!(header(&answer, "vary"), "accept, accept-encoding");
    let shown = answer.text().await.unwrap();
    assert_eq!(shown.contains("<code>make web</code>"), !built(), "{shown}");
    let plain = server.get("/").await;
    assert_eq!(plain.status(), 200);
    assert_eq!(header(&plain, "vary"), "accept");
    assert_eq!(header(&plain, "content-security-policy"), "");
    let text = plain.text().await.unwrap();
    assert!(text.starts_with("Counterfoil transparency log\n"), "{text}");
    server.end().await;
}

#[tokio::test]
async fn what_is_embedded_is_served_to_the_byte() {
    let server = one("", "").await;
    for file in counterfoil_web::FILES {
        let path = match file.name {
            counterfoil_web::FRONT => "/".to_owned(),
            name => format!("/{name}"),
        };
        let answer = page(&server, "GET", &path).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(header(&answer, "content-type"), file.content_type, "{path}");
        let tag = header(&answer, "etag");
        let length = header(&answer, "content-length");
        assert_eq!(length, file.bytes.len().to_string(), "{path}");
        assert!(answer.bytes().await.unwrap() == file.bytes, "{path}");

        let head = page(&server, "HEAD", &path).await;
        assert_eq!(header(&head, "content-length"), length, "{path}");
        assert_eq!(header(&head, "etag"), tag, "{path}");
        assert!(head.bytes().await.unwrap().is_empty(), "{path}");

        let again = server.request("GET", &path).header("accept", BROWSER);
        let again = again.header("if-none-match", &tag).send().await.unwrap();
        assert_eq!(again.status(), 304, "{path}");
        assert_eq!(header(&again, "etag"), tag, "{path}");

        if let Some(gzip) = file.gzip {
            let request = server.request("GET", &path).header("accept", BROWSER);
            let request = request.header("accept-encoding", "gzip, deflate, br");
            let answer = request.send().await.unwrap();
            assert_eq!(header(&answer, "content-encoding"), "gzip", "{path}");
            assert_ne!(header(&answer, "etag"), tag, "{path}");
            assert!(answer.bytes().await.unwrap() == gzip, "{path}");
        }
    }
    server.end().await;
}

#[tokio::test]
async fn the_verifier_is_there_to_be_kept() {
    let server = one("", "").await;
    let answer = server.get("/verifier.html").await;
    if built() {
        let saved = "attachment; filename=\"verifier.html\"";
        assert_eq!(header(&answer, "content-disposition"), saved);
        assert_eq!(header(&answer, "cache-control"), "no-cache");
    } else {
        assert_eq!(answer.status(), 404);
        let text = answer.text().await.unwrap();
        assert!(text.contains("built without the web pages"), "{text}");
    }
    server.end().await;
}

#[tokio::test]
async fn no_other_name_leads_anywhere() {
    let server = one("", "").await;
    let paths = [
        "/index.html",
        "/verifier",
        "/verifier.html/",
        "/assets",
        "/assets/",
        "/assets/nothing.js",
        "/assets/index.html",
        "/assets/..%2findex.html",
        "/assets/%2e%2e/index.html",
        "/assets/%00",
        "/assets/%ff",
        "/..%2f..%2fetc%2fpasswd",
    ];
    for path in paths {
        // A client library would tidy the path.
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\naccept: {BROWSER}\r\n\r\n");
        let answer = crate::raw::exchange(server.address, request).await;
        assert!([400, 404].contains(&answer.status), "{path}: {answer:?}");
        let plain = "content-type: text/plain; charset=utf-8";
        assert!(answer.head.contains(plain), "{path}: {answer:?}");
    }
    for method in ["POST", "PUT", "DELETE"] {
        for path in ["/", "/verifier.html", "/assets/nothing.js"] {
            let answer = page(&server, method, path).await;
            assert_eq!(answer.status(), 405, "{method} {path}");
            assert_eq!(header(&answer, "allow"), "GET, HEAD, OPTIONS");
        }
    }
    server.end().await;
}

/// What a browser asks for under any name that is not a page's is what everybody is answered.
#[tokio::test]
async fn the_log_answers_a_browser_as_anybody() {
    let server = one("", "").await;
    server
        .log()
        .fill((0..300_u32).map(|n| n.to_be_bytes().to_vec()));
    let paths = [
        "/checkpoint",
        "/tile/0/000",
        "/tile/0/001.p/44",
        "/tile/entries/000",
        "/receipt/7",
        "/consistency?from=3&to=300",
        "/policy",
        "/status",
        "/openapi.json",
        "/healthz",
        "/nothing",
    ];
    for path in paths {
        let (plain, browsed) = (server.get(path).await, page(&server, "GET", path).await);
        assert_eq!(browsed.status(), plain.status(), "{path}");
        for name in [
            "content-type",
            "cache-control",
            "etag",
            "vary",
            "content-security-policy",
        ] {
            assert_eq!(
                header(&browsed, name),
                header(&plain, name),
                "{path}: {name}"
            );
        }
        let (browsed, plain) = (browsed.bytes().await.unwrap(), plain.bytes().await.unwrap());
        // A problem names the request.
        assert!(browsed == plain || path == "/nothing", "{path}");
    }
    server.end().await;
}

#[tokio::test]
async fn each_log_has_them_below_its_prefix() {
    let server = start(
        &[
            log("a.example", "/a/deep", ""),
            log("b.example", "/b", "pages = false"),
        ]
        .concat(),
    )
    .await;
    let client = Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .build()
        .unwrap();
    let browse = async |path: &str| {
        let request = client.get(server.url(path)).header("accept", BROWSER);
        request.send().await.unwrap()
    };
    let answer = browse("/a/deep?x").await;
    assert_eq!(
        (
            answer.status().as_u16(),
            header(&answer, "location").as_str()
        ),
        (308, "deep/")
    );
    assert_eq!(header(&answer, "vary"), "accept");
    let answer = browse("/a/deep/").await;
    assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8");
    for name in names() {
        let answer = browse(&format!("/a/deep/{name}")).await;
        assert_eq!(answer.status(), 200, "{name}");
    }
    for path in ["/b", "/b/"] {
        let answer = browse(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(
            header(&answer, "content-type"),
            "text/plain; charset=utf-8",
            "{path}"
        );
    }
    for path in ["/b/verifier.html", "/b/assets/a.js"] {
        let answer = browse(path).await;
        assert_eq!(answer.status(), 404, "{path}");
        let text = answer.text().await.unwrap();
        assert!(
            text.contains("switched off (pages = false)"),
            "{path}: {text}"
        );
    }
    server.end().await;
}

/// They hold nothing of the log: where reading is guarded, they are there, and what they would ask for is not.
#[tokio::test]
async fn pages_need_no_token() {
    let top = format!("[[token]]\nname = \"t\"\nsha256 = \"{SECRET}\"\n");
    let server = one("", &format!("read = \"token\"\n{top}")).await;
    server.log().fill([b"secret contents".to_vec()]);
    let answer = page(&server, "GET", "/").await;
    assert_ne!(answer.status(), 401);
    assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8");
    for name in names() {
        let answer = page(&server, "GET", &format!("/{name}")).await;
        assert_eq!(answer.status(), 200, "{name}");
    }
    let lookup = format!("/lookup/{}", "00".repeat(32));
    for path in ["/tile/entries/000.p/1", &lookup, "/evidence/0"] {
        assert_eq!(page(&server, "GET", path).await.status(), 401, "{path}");
    }
    server.end().await;
}

/// No log's prefix can hide a page of another.
#[test]
fn the_names_of_pages_are_reserved() {
    for file in counterfoil_web::FILES {
        let first = file.name.split('/').next().unwrap();
        let reserved = counterfoil_log_server::config::RESERVED_SEGMENTS.contains(&first);
        assert!(reserved || first == counterfoil_web::FRONT, "{first}");
    }
}

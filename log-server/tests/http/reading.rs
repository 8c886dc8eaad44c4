//! Reading: content types, caching, compression, lookups, damage.

use std::io::Read;

use counterfoil_log_server::log::ReadError;
use counterfoil_tiles::hash::hash_leaf;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::server::{TestServer, header, one};

const IMMUTABLE: &str = "public, max-age=31536000, immutable";

async fn filled() -> TestServer {
    let server = one("", "").await;
    server
        .log()
        .fill((0..300).map(|n| format!("a line that repeats itself, number {n}").into_bytes()));
    server
}

// SPEC(tlog-tiles): "The Signed Tree Head MUST be served as a [checkpoint][] at"
#[tokio::test]
async fn what_is_served_and_how() {
    let server = filled().await;
    let (text, octets) = ("text/plain; charset=utf-8", "application/octet-stream");
    let rows = [
        ("/checkpoint", text, "no-cache"),
        ("/tile/0/000", octets, IMMUTABLE),
        ("/tile/0/001.p/44", octets, IMMUTABLE),
        ("/tile/entries/000", octets, IMMUTABLE),
        ("/tile/entries/001.p/44", octets, IMMUTABLE),
        ("/receipt/7", text, "no-cache"),
        ("/receipt/7?size=256", text, "no-cache"),
        ("/consistency?from=3&to=300", text, "no-cache"),
        ("/policy", text, "no-cache"),
        ("/status", "application/json", "no-cache"),
        ("/", text, "no-cache"),
        ("/healthz", text, "no-cache"),
        ("/readyz", text, "no-cache"),
        ("/openapi.json", "application/json", "no-cache"),
        (
            "/metrics",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            "no-cache",
        ),
    ];
    for (path, content_type, caching) in rows {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(header(&answer, "content-type"), content_type, "{path}");
        assert_eq!(header(&answer, "cache-control"), caching, "{path}");
        assert_eq!(
            header(&answer, "x-content-type-options"),
            "nosniff",
            "{path}"
        );
        let head = server.request("HEAD", path).send().await.unwrap();
        let same = ["content-type", "cache-control", "etag", "vary"];
        for name in same {
            assert_eq!(header(&head, name), header(&answer, name), "{path}: {name}");
        }
        let length = header(&answer, "content-length");
        let body = answer.bytes().await.unwrap();
        assert_eq!(length, body.len().to_string(), "{path}");
        if path != "/metrics" {
            assert_eq!(header(&head, "content-length"), length, "{path}: HEAD");
        }
        assert_eq!(head.bytes().await.unwrap().len(), 0, "{path}: HEAD");
    }
    assert_eq!(
        server.get("/tile/0/000").await.bytes().await.unwrap().len(),
        8192
    );
    assert_eq!(
        server
            .get("/tile/0/001.p/44")
            .await
            .bytes()
            .await
            .unwrap()
            .len(),
        44 * 32
    );
    assert_eq!(
        server
            .get("/receipt/7?size=256")
            .await
            .text()
            .await
            .unwrap(),
        "receipt of 7 in 256\n"
    );
    let proof = server
        .get("/consistency?from=3&to=300")
        .await
        .text()
        .await
        .unwrap();
    assert_eq!(proof.lines().count(), 2);
    server.end().await;
}

#[tokio::test]
async fn what_the_caller_has_is_not_sent_again() {
    let server = filled().await;
    for path in [
        "/checkpoint",
        "/tile/0/000",
        "/tile/0/001.p/44",
        "/tile/entries/000",
    ] {
        let tag = header(&server.get(path).await, "etag");
        assert!(
            tag.starts_with('"') && tag.len() == 34,
            "{path}: {tag} is a strong tag"
        );
        let again = |tag: &str| {
            server
                .request("GET", path)
                .header("if-none-match", tag)
                .send()
        };
        let same = again(&tag).await.unwrap();
        assert_eq!(same.status(), 304, "{path}");
        assert_eq!(header(&same, "etag"), tag, "{path}");
        assert!(!header(&same, "cache-control").is_empty(), "{path}");
        assert_eq!(same.bytes().await.unwrap().len(), 0, "{path}");
        let listed = format!("\"other\", W/{tag}");
        assert_eq!(again(&listed).await.unwrap().status(), 304, "{path}");
        assert_eq!(again("\"other\"").await.unwrap().status(), 200, "{path}");
    }
    let before = header(&server.get("/checkpoint").await, "etag");
    server.add("one more").await;
    let changed = server
        .request("GET", "/checkpoint")
        .header("if-none-match", before);
    assert_eq!(
        changed.send().await.unwrap().status(),
        200,
        "the checkpoint is another now"
    );
    server.end().await;
}

// SPEC(tlog-tiles): "Entry bundles SHOULD be compressed at the HTTP layer."
#[tokio::test]
async fn bundles_are_compressed_for_those_who_ask() {
    let server = filled().await;
    let path = "/tile/entries/000";
    let plain = server.get(path).await;
    let plain_tag = header(&plain, "etag");
    assert_eq!(header(&plain, "vary"), "accept-encoding");
    assert_eq!(header(&plain, "content-encoding"), "");
    let plain = plain.bytes().await.unwrap();

    for _ in ["compressed", "kept"] {
        let request = server
            .request("GET", path)
            .header("accept-encoding", "br, gzip");
        let squeezed = request.send().await.unwrap();
        assert_eq!(header(&squeezed, "content-encoding"), "gzip");
        assert_eq!(header(&squeezed, "vary"), "accept-encoding");
        let tag = header(&squeezed, "etag");
        assert_ne!(tag, plain_tag, "other bytes, another tag");
        let squeezed = squeezed.bytes().await.unwrap();
        assert!(squeezed.len() * 2 < plain.len());
        let mut bytes = Vec::new();
        GzDecoder::new(&squeezed[..])
            .read_to_end(&mut bytes)
            .unwrap();
        assert_eq!(bytes, plain);
        let request = server
            .request("GET", path)
            .header("accept-encoding", "gzip");
        let same = request.header("if-none-match", &tag).send().await.unwrap();
        assert_eq!((same.status().as_u16(), header(&same, "etag")), (304, tag));
    }
    let refused = server
        .request("GET", path)
        .header("accept-encoding", "gzip;q=0, identity");
    assert_eq!(
        header(&refused.send().await.unwrap(), "content-encoding"),
        ""
    );
    let tile = server
        .request("GET", "/tile/0/000")
        .header("accept-encoding", "gzip");
    assert_eq!(
        header(&tile.send().await.unwrap(), "content-encoding"),
        "",
        "hashes do not compress"
    );
    server.end().await;
}

#[tokio::test]
async fn bundles_of_hashes_are_not_compressed() {
    let server = one("", "").await;
    server
        .log()
        .fill((0..256_u32).map(|n| hash_leaf(&n.to_be_bytes()).to_bytes().to_vec()));
    let request = server
        .request("GET", "/tile/entries/000")
        .header("accept-encoding", "gzip");
    let answer = request.send().await.unwrap();
    assert_eq!(header(&answer, "content-encoding"), "");
    assert_eq!(answer.bytes().await.unwrap().len(), 256 * 34);
    server.end().await;
}

#[tokio::test]
async fn lookups() {
    let server = one("", "").await;
    let leaf = |entry: &[u8]| format!("/lookup/{}", hex::encode(hash_leaf(entry).as_bytes()));
    server
        .log()
        .fill([b"a".to_vec(), b"b".to_vec(), b"a".to_vec(), b"a".to_vec()]);
    let found = server.get(&leaf(b"a")).await;
    assert_eq!(header(&found, "link"), "");
    assert_eq!(found.text().await.unwrap(), "indexed 4\n0\n2\n3\n");

    let page = server.get(&format!("{}?limit=2", leaf(b"a"))).await;
    let link = header(&page, "link");
    assert_eq!(page.text().await.unwrap(), "indexed 4\n0\n2\n");
    let next = link
        .strip_prefix('<')
        .unwrap()
        .strip_suffix(">; rel=\"next\"")
        .unwrap();
    let last = server.get(&format!("/lookup/{next}")).await;
    assert_eq!(header(&last, "link"), "");
    assert_eq!(last.text().await.unwrap(), "indexed 4\n3\n");

    let json = server.request("GET", &format!("{}?limit=1&after=0", leaf(b"a")));
    let json = json
        .header("accept", "application/json")
        .send()
        .await
        .unwrap();
    let json: Value = json.json().await.unwrap();
    assert_eq!(
        json,
        json!({"indexes": [2], "more": true, "indexed_size": 4})
    );

    for limit in ["0", "1001", "x"] {
        let refused = server.get(&format!("{}?limit={limit}", leaf(b"a"))).await;
        assert_eq!(refused.status(), 400, "{limit}");
    }
    assert_eq!(server.get(&leaf(b"c")).await.status(), 404);
    assert_eq!(
        server
            .get(&format!("{}?after=3", leaf(b"a")))
            .await
            .status(),
        404
    );

    // Not found so far is not absent.
    server.log().state().indexed = Some(1);
    assert_eq!(
        server.get(&leaf(b"a")).await.text().await.unwrap(),
        "indexed 1\n0\n"
    );
    let unknown = server.get(&leaf(b"b")).await;
    assert_eq!(unknown.status(), 503);
    assert_eq!(header(&unknown, "retry-after"), "1");
    let text = unknown.text().await.unwrap();
    assert!(
        text.starts_with("indexing: none among the first 1 entries"),
        "{text}"
    );
    server.end().await;
}

#[tokio::test]
async fn what_is_damaged_is_named_and_not_served() {
    let server = filled().await;
    let damaged = ReadError::Damaged {
        blob: "tile/0/000".to_owned(),
        reason: "its hash is not the one above it".to_owned(),
    };
    let unavailable = ReadError::Unavailable {
        reason: "input/output error".to_owned(),
    };
    let rows = [
        (
            damaged,
            "damaged: tile/0/000 is damaged: its hash is not the one above it\n",
            "60",
        ),
        (
            unavailable,
            "unavailable: the log cannot be read now: input/output error\n",
            "1",
        ),
    ];
    let lookup = format!("/lookup/{}", "00".repeat(32));
    let paths = [
        "/tile/0/000",
        "/tile/entries/000",
        "/receipt/0",
        "/consistency?from=1&to=2",
        &lookup,
    ];
    for (error, text, retry_after) in rows {
        server.log().state().read_error = Some(error);
        for path in paths {
            let answer = server.get(path).await;
            assert_eq!(answer.status(), 503, "{path}");
            assert_eq!(header(&answer, "retry-after"), retry_after, "{path}");
            assert_eq!(header(&answer, "cache-control"), "no-store", "{path}");
            assert_eq!(answer.text().await.unwrap(), text, "{path}");
        }
    }
    server.end().await;
}

#[tokio::test]
async fn a_log_that_has_published_nothing() {
    let server = one("", "").await;
    server.log().state().nothing_published = true;
    for path in ["/checkpoint", "/receipt/0"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), 503, "{path}");
        assert_eq!(header(&answer, "retry-after"), "1", "{path}");
        let text = answer.text().await.unwrap();
        assert_eq!(
            text, "not-published: the log has published no checkpoint yet\n",
            "{path}"
        );
    }
    assert_eq!(server.get("/").await.status(), 200);
    server.end().await;
}

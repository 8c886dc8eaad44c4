//! Bad input: each with its status, its kind and a reason; nothing logged and nothing lost.

use std::sync::atomic::Ordering;

use serde_json::Value;

use crate::raw::{Raw, exchange};
use crate::server::{TestServer, header, one};

struct Row {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: Vec<u8>,
    status: u16,
    kind: &'static str,
    reason: &'static str,
}

fn row(
    name: &'static str,
    (method, path): (&'static str, &'static str),
    body: impl Into<Vec<u8>>,
    (status, kind): (u16, &'static str),
    reason: &'static str,
) -> Row {
    Row {
        name,
        method,
        path,
        headers: &[],
        body: body.into(),
        status,
        kind,
        reason,
    }
}

const MALFORMED: (u16, &str) = (400, "malformed");
const NOT_FOUND: (u16, &str) = (404, "not-found");
const METHOD: (u16, &str) = (405, "method-not-allowed");
const TOO_LARGE: (u16, &str) = (413, "too-large");
const ADD: (&str, &str) = ("POST", "/add");
const BATCH: (&str, &str) = ("POST", "/add-batch");

#[rustfmt::skip] // a row a line
fn writes() -> Vec<Row> {
    let megabytes = 10 << 20;
    let many: Vec<u8> = [0, 1, b'x'].repeat(65_537);
    vec![
        row("empty body", ADD, "", MALFORMED, "expected an entry of 1 byte or more, got an empty body"),
        row("65,536 bytes", ADD, vec![0; 65_536], TOO_LARGE, "expected an entry of at most 65535 bytes, got 65536 bytes"),
        row("10 MB body", ADD, vec![0; megabytes], TOO_LARGE, "at most 65535 bytes, got 10485760 bytes"),
        row("unknown parameter", ("POST", "/add?wiat=receipt"), "x", MALFORMED, "expected no other parameters than wait, got \"wiat\""),
        row("unknown value", ("POST", "/add?wait=checkpoint"), "x", MALFORMED, "wait: expected \"receipt\", got \"checkpoint\""),
        Row { headers: &[("content-encoding", "gzip")], ..row("encoded body", ADD, "x", (415, "unsupported-encoding"), "without Content-Encoding") },
        row("batch of nothing", BATCH, "", MALFORMED, "expected at least one entry, got an empty body"),
        row("batch with a wrong length", BATCH, b"\0\x01a\0\x09b", MALFORMED, "entry 1, at byte 3: expected 9 bytes, got 1"),
        row("batch with half a length", BATCH, b"\0\x01a\0", MALFORMED, "expected the two bytes of a length, got one"),
        row("batch with an empty entry", BATCH, b"\0\x01a\0\0", MALFORMED, "got an empty entry"),
        row("batch of too many", BATCH, many, TOO_LARGE, "expected at most 65536 entries, got more"),
        row("batch of 10 MB", BATCH, vec![0; megabytes], TOO_LARGE, "expected a batch of at most 8388608 bytes, got 10485760 bytes"),
        row("batch with a parameter", ("POST", "/add-batch?wait=receipt"), b"\0\x01a", MALFORMED, "expected no parameters, got \"wait\""),
        row("PUT", ("PUT", "/add"), "x", METHOD, "expected one of the methods POST, OPTIONS"),
        row("GET where POST is", ("GET", "/add"), "", METHOD, "expected one of the methods POST, OPTIONS"),
        row("DELETE of a batch", ("DELETE", "/add-batch"), "", METHOD, "expected one of the methods POST, OPTIONS"),
    ]
}

#[rustfmt::skip] // a row a line
fn reads() -> Vec<Row> {
    let get = |name, path, status, reason| row(name, ("GET", path), "", status, reason);
    vec![
        row("POST where GET is", ("POST", "/checkpoint"), "x", METHOD, "expected one of the methods GET, HEAD, OPTIONS"),
        row("POST of a tile", ("POST", "/tile/0/000"), "x", METHOD, "expected one of the methods GET, HEAD, OPTIONS"),
        row("PUT of a receipt", ("PUT", "/receipt/0"), "x", METHOD, "expected one of the methods GET, HEAD, OPTIONS"),
        row("unknown method", ("BREW", "/status"), "", METHOD, "expected one of the methods GET, HEAD, OPTIONS"),
        get("unknown path", "/nothing", NOT_FOUND, "there is nothing at this path"),
        get("evidence of a log without anchors", "/evidence/0", NOT_FOUND, "no anchors are configured"),
        get("evidence of no number", "/evidence/x", MALFORMED, "index: expected a decimal number"),
        get("evidence of a number with a zero before", "/evidence/00", MALFORMED, "index: expected a decimal number"),
        get("evidence with a parameter", "/evidence/0?size=1", MALFORMED, "expected no parameters"),
        get("slash at the end", "/checkpoint/", NOT_FOUND, "there is nothing at this path"),
        get("tile at level 64", "/tile/64/000", MALFORMED, "not the path of a tile"),
        get("tile with a leading zero", "/tile/00/000", MALFORMED, "not the path of a tile"),
        get("tile of width 0", "/tile/0/000.p/0", MALFORMED, "not the path of a tile"),
        get("tile of width 256", "/tile/0/000.p/256", MALFORMED, "not the path of a tile"),
        get("tile index of two digits", "/tile/0/00", MALFORMED, "not the path of a tile"),
        get("tile that does not exist", "/tile/0/007", NOT_FOUND, "there is no tile/0/007 in the published tree of size 300"),
        get("partial tile that never existed", "/tile/0/001.p/43", NOT_FOUND, "there is no tile/0/001.p/43"),
        get("bundle that does not exist", "/tile/entries/002", NOT_FOUND, "there is no tile/entries/002"),
        get("partial bundle that never existed", "/tile/entries/001.p/45", NOT_FOUND, "there is no tile/entries/001.p/45"),
        get("index beyond the tree", "/receipt/300", NOT_FOUND, "index 300 is beyond the tree of size 300"),
        get("index that is no number", "/receipt/one", MALFORMED, "index: expected a decimal number below 2^64"),
        get("index with a leading zero", "/receipt/01", MALFORMED, "index: expected a decimal number below 2^64"),
        get("index of 2^64", "/receipt/18446744073709551616", MALFORMED, "index: expected a decimal number below 2^64"),
        get("negative index", "/receipt/-1", MALFORMED, "index: expected a decimal number below 2^64"),
        get("index that is not text", "/receipt/%ff", MALFORMED, "Invalid UTF-8 in `index`"),
        get("leaf hash that is not text", "/lookup/%c3%28", MALFORMED, "Invalid UTF-8 in `leaf_hash`"),
        get("size larger than published", "/receipt/0?size=301", NOT_FOUND, "size 301 is larger than the published size 300"),
        get("size that is not kept", "/receipt/0?size=299", NOT_FOUND, "no checkpoint of size 299 is kept"),
        get("size that is no number", "/receipt/0?size=x", MALFORMED, "size: expected a decimal number"),
        get("unknown parameter", "/receipt/0?sizes=1", MALFORMED, "expected no other parameters than size, got \"sizes\""),
        get("wrong hex", "/lookup/zz", MALFORMED, "expected a leaf hash of 64 hexadecimal digits, got \"zz\""),
        get("hex too short", "/lookup/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8", MALFORMED, "expected a leaf hash of 64 hexadecimal digits"),
        get("leaf that is not there", "/lookup/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", NOT_FOUND, "no entry with this leaf hash among the first 300"),
        get("consistency of nothing", "/consistency", MALFORMED, "expected ?from=SIZE&to=SIZE"),
        get("consistency backwards", "/consistency?from=5&to=4", MALFORMED, "from=5 is larger than to=4"),
        get("consistency beyond", "/consistency?from=5&to=301", NOT_FOUND, "size 301 is larger than the published size 300"),
    ]
}

async fn check(server: &TestServer, row: &Row) {
    for accept in ["*/*", "application/json"] {
        let mut request = server
            .request(row.method, row.path)
            .header("accept", accept);
        for (name, value) in row.headers {
            request = request.header(*name, *value);
        }
        let answer = request.body(row.body.clone()).send().await.unwrap();
        let name = row.name;
        assert_eq!(answer.status(), row.status, "{name}");
        let retry = answer.headers().contains_key("retry-after");
        assert!(!retry, "{name}: trying again does not help");
        if row.status == 415 {
            assert_eq!(header(&answer, "accept-encoding"), "identity", "{name}");
        }
        if row.status == 405 {
            assert!(row.reason.ends_with(&header(&answer, "allow")), "{name}");
        }
        let content_type = header(&answer, "content-type");
        let id = header(&answer, "x-request-id");
        let body = answer.text().await.unwrap();
        if accept == "*/*" {
            assert_eq!(content_type, "text/plain; charset=utf-8", "{name}");
            assert!(
                body.starts_with(&format!("{}: ", row.kind)),
                "{name}: {body}"
            );
            assert!(body.contains(row.reason), "{name}: {body}");
            assert_eq!(body.lines().count(), 1, "{name}: {body}");
        } else {
            assert_eq!(content_type, "application/problem+json", "{name}");
            let problem: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(
                problem["type"],
                format!("urn:counterfoil:problem:{}", row.kind),
                "{name}"
            );
            assert_eq!(problem["status"], row.status, "{name}");
            assert_eq!(problem["request"], id, "{name}");
            assert!(
                problem["detail"].as_str().unwrap().contains(row.reason),
                "{name}: {body}"
            );
        }
    }
}

#[tokio::test]
async fn bad_input_is_named_and_changes_nothing() {
    let server = one("", "").await;
    server
        .log()
        .fill((0..300_u32).map(|n| n.to_be_bytes().to_vec()));
    for row in writes().iter().chain(&reads()) {
        check(&server, row).await;
    }
    assert_eq!(server.log().adds.load(Ordering::Relaxed), 0);
    assert_eq!(server.add("good").await.text().await.unwrap(), "300");
    server.end().await;
}

/// What a client library would tidy up before sending.
#[tokio::test]
async fn paths_that_climb() {
    let server = one("", "").await;
    server.log().fill([b"x".to_vec()]);
    let paths = [
        "/../checkpoint",
        "/tile/../checkpoint",
        "/tile/0/../../checkpoint",
        "/tile/0/..%2f..%2fcheckpoint",
        "/tile/%2e%2e/checkpoint",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%5c..%5cetc",
        "//checkpoint",
        "/./checkpoint",
        "/receipt/../checkpoint",
        "/receipt/..%2fcheckpoint",
        "/receipt/%2e%2e",
        "/lookup/..",
        "/checkpoint%00",
        "/tile/0/000.p/1/../1",
    ];
    for path in paths {
        let answer = exchange(
            server.address,
            format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"),
        )
        .await;
        assert!(matches!(answer.status, 400 | 404), "{path}: {answer:?}");
    }
    server.end().await;
}

#[tokio::test]
async fn bodies_that_come_in_odd_ways() {
    let server = one("body_deadline = \"250ms\"\n", "").await;
    let head = "POST /add HTTP/1.1\r\nhost: localhost\r\n";
    let long = format!("10000\r\n{}\r\n", "x".repeat(65_536));
    let rows = [
        (
            "slow",
            format!("{head}content-length: 9\r\n\r\nabc"),
            408,
            "slow-body: expected the whole body within 250 ms\n",
        ),
        (
            "slow, in chunks",
            format!("{head}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"),
            408,
            "slow-body: ",
        ),
        (
            "too long, in chunks",
            format!("{head}transfer-encoding: chunked\r\n\r\n{long}0\r\n\r\n"),
            413,
            "too-large: expected an entry of at most 65535 bytes, got more\n",
        ),
        (
            "in chunks",
            format!("{head}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
            200,
            "0",
        ),
        (
            "garbled chunks",
            format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n"),
            400,
            "malformed: the body ended before",
        ),
        (
            "without a length",
            format!("{head}\r\n"),
            400,
            "malformed: expected an entry of 1 byte or more",
        ),
    ];
    for (name, request, status, text) in rows {
        let answer = exchange(server.address, request).await;
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        let body = String::from_utf8(answer.body).unwrap();
        assert!(body.starts_with(text), "{name}: {body}");
    }
    assert_eq!(server.log().state().entries, ["abcde"]);
    server.end().await;
}

/// A client that asks first is told before it sends.
#[tokio::test]
async fn expect_continue() {
    let server = one("", "").await;
    let head = "POST /add HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n";
    let mut raw = Raw::connect(server.address).await;
    raw.send(format!("{head}content-length: 10485760\r\n\r\n"))
        .await;
    assert_eq!(raw.answer().await.status, 413);

    let mut raw = Raw::connect(server.address).await;
    raw.send(format!("{head}content-length: 3\r\n\r\n")).await;
    assert_eq!(raw.answer().await.status, 100);
    raw.send("abc").await;
    assert_eq!(raw.answer().await.body, b"0");
    server.end().await;
}

#[tokio::test]
async fn what_is_not_http() {
    let server = one("", "").await;
    let header = format!(
        "GET /checkpoint HTTP/1.1\r\nx: {}\r\n\r\n",
        "y".repeat(100_000)
    );
    let rows = [
        ("no request line", "\0\x01\x02\x03\r\n\r\n".to_owned(), "400"),
        ("no version", "GET\r\n\r\n".to_owned(), "400"),
        ("two lengths", "POST /add HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab".to_owned(), "400"),
        (
            "length and chunks",
            "POST /add HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: +1\r\n\r\na".to_owned(),
            "400",
        ),
        ("endless head", header, "431"),
    ];
    for (name, request, status) in rows {
        let mut raw = Raw::connect(server.address).await;
        raw.send(request).await;
        let rest = raw.rest().await;
        assert!(
            rest.starts_with(&format!("HTTP/1.1 {status} ")),
            "{name}: {rest}"
        );
    }
    assert_eq!(server.log().adds.load(Ordering::Relaxed), 0);
    server.end().await;
}

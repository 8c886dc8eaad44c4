//! Credentials: who may write, and who may read what is guarded.

use std::sync::atomic::Ordering;

use crate::raw::exchange;
use crate::server::{SECRET, header, log, one, start};

/// Two logs; `secret` is for the first only.
fn two_logs() -> String {
    format!(
        "{}{}[[token]]\nname = \"t\"\nsha256 = \"{SECRET}\"\nlogs = [\"a.example\"]\n\
         [[token]]\nname = \"u\"\nsha256 = \"{}\"\n",
        log("a.example", "/a", "read = \"token\""),
        log("b.example", "/b", ""),
        "00".repeat(32),
    )
}

#[tokio::test]
async fn tokens() {
    let server = start(&two_logs()).await;
    let rows: [(&str, &str, &[&str], u16, &str); 9] = [
        (
            "none",
            "/a",
            &[],
            401,
            "unauthenticated: expected \"Authorization: Bearer TOKEN\" or a client certificate, got neither",
        ),
        (
            "wrong",
            "/a",
            &["Bearer wrong"],
            401,
            "unauthenticated: the bearer token is not one of this server's",
        ),
        (
            "its hash",
            "/a",
            &[concat!(
                "Bearer ",
                "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
            )],
            401,
            "unauthenticated: ",
        ),
        ("empty", "/a", &["Bearer "], 401, "unauthenticated: "),
        (
            "another scheme",
            "/a",
            &["Basic c2VjcmV0"],
            401,
            "unauthenticated: expected \"Authorization: Bearer TOKEN\", got another scheme",
        ),
        (
            "two",
            "/a",
            &["Bearer secret", "Bearer secret"],
            401,
            "unauthenticated: expected one Authorization header, got several",
        ),
        (
            "of another log",
            "/b",
            &["Bearer secret"],
            403,
            "forbidden: the credentials of \"t\" are not for log b.example",
        ),
        ("right", "/a", &["Bearer secret"], 200, "0"),
        ("scheme in another case", "/a", &["bearer secret"], 200, "1"),
    ];
    for (name, prefix, values, status, text) in rows {
        let mut request = server.request("POST", &format!("{prefix}/add")).body("x");
        for value in values {
            request = request.header("authorization", *value);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{name}");
        let challenge = if status == 401 { "Bearer" } else { "" };
        assert_eq!(header(&answer, "www-authenticate"), challenge, "{name}");
        let body = answer.text().await.unwrap();
        assert!(body.starts_with(text), "{name}: {body}");
    }
    assert_eq!(server.logs[0].adds.load(Ordering::Relaxed), 2);
    assert_eq!(server.logs[1].adds.load(Ordering::Relaxed), 0);
    server.end().await;
}

#[tokio::test]
async fn guarded_reading() {
    let server = start(&two_logs()).await;
    for log in &server.logs {
        log.fill([b"x".to_vec()]);
    }
    let leaf = hex::encode(counterfoil_tiles::hash::hash_leaf(b"x").as_bytes());
    let lookup = format!("lookup/{leaf}");
    let guarded = ["tile/entries/000.p/1", lookup.as_str()];
    let open = [
        "checkpoint",
        "tile/0/000.p/1",
        "receipt/0",
        "policy",
        "status",
        "consistency?from=0&to=1",
    ];
    for path in guarded {
        assert_eq!(
            server.get(&format!("/b/{path}")).await.status(),
            200,
            "{path}"
        );
        let path = format!("/a/{path}");
        let missing = server.get(&path).await;
        assert_eq!(missing.status(), 401, "{path}");
        assert_eq!(header(&missing, "www-authenticate"), "Bearer", "{path}");
        let with = |token| server.request("GET", &path).bearer_auth(token).send();
        assert_eq!(with("wrong").await.unwrap().status(), 401, "{path}");
        assert_eq!(with("secret").await.unwrap().status(), 200, "{path}");
    }
    for path in open {
        assert_eq!(
            server.get(&format!("/a/{path}")).await.status(),
            200,
            "{path}"
        );
    }
    let bundle = server
        .request("GET", "/a/tile/entries/000.p/1")
        .bearer_auth("secret");
    let caching = header(&bundle.send().await.unwrap(), "cache-control");
    assert_eq!(caching, "private, max-age=31536000, immutable");
    server.end().await;
}

#[tokio::test]
async fn rates() {
    let token =
        format!("[[token]]\nname = \"slow\"\nsha256 = \"{SECRET}\"\nrate = 0.001\nburst = 2\n");
    let server = start(&format!("{}{token}", log("log.example", "/", ""))).await;
    let add = || {
        server
            .request("POST", "/add")
            .bearer_auth("secret")
            .body("x")
            .send()
    };
    assert_eq!(add().await.unwrap().status(), 200);
    let batch = server.request("POST", "/add-batch").bearer_auth("secret");
    let batch = batch
        .body(b"\0\x01a\0\x01b\0\x01c".to_vec())
        .send()
        .await
        .unwrap();
    assert_eq!(
        batch.status(),
        200,
        "one is left, and a batch may go into debt"
    );
    let refused = add().await.unwrap();
    assert_eq!(refused.status(), 429);
    let seconds: u64 = header(&refused, "retry-after").parse().unwrap();
    assert!((2_900..=3_000).contains(&seconds), "{seconds}");
    let text = refused.text().await.unwrap();
    assert_eq!(
        text,
        "over-rate: slow may log 0.001 entries a second; nothing was logged\n"
    );
    assert_eq!(server.log().state().entries.len(), 4);
    server.end().await;
}

/// Browsers and proxies reach loopback too.
#[tokio::test]
async fn loopback_without_credentials() {
    let server = one("", "").await;
    let port = server.address.port();
    let rows = [
        ("localhost", "host: localhost\r\n".to_owned(), 200),
        (
            "localhost with port",
            format!("host: localhost:{port}\r\n"),
            200,
        ),
        ("number", format!("host: 127.0.0.1:{port}\r\n"), 200),
        (
            "number of version 6",
            format!("host: [::1]:{port}\r\n"),
            200,
        ),
        (
            "a name that resolves here",
            "host: rebound.example\r\n".to_owned(),
            403,
        ),
        (
            "address of the network",
            "host: 192.168.1.7\r\n".to_owned(),
            403,
        ),
        ("no host", String::new(), 400),
        (
            "second host",
            "host: localhost\r\nhost: rebound.example\r\n".to_owned(),
            400,
        ),
        (
            "web page",
            "host: localhost\r\norigin: https://evil.example\r\n".to_owned(),
            403,
        ),
        (
            "web page of this server",
            format!("host: localhost\r\norigin: http://localhost:{port}\r\n"),
            403,
        ),
        (
            "file in a browser",
            "host: localhost\r\norigin: null\r\n".to_owned(),
            403,
        ),
        (
            "proxy",
            "host: localhost\r\nforwarded: for=192.0.2.1\r\n".to_owned(),
            403,
        ),
        (
            "another proxy",
            "host: localhost\r\nx-forwarded-for: 192.0.2.1\r\n".to_owned(),
            403,
        ),
        (
            "unknown token",
            "host: localhost\r\nauthorization: Bearer x\r\n".to_owned(),
            401,
        ),
    ];
    let mut accepted = 0;
    for (name, headers, status) in rows {
        let request = format!("POST /add HTTP/1.1\r\n{headers}content-length: 1\r\n\r\nx");
        let answer = exchange(server.address, request).await;
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        accepted += usize::from(status == 200);
        // Reading is open whatever the headers, if they are HTTP.
        let request = format!("GET /checkpoint HTTP/1.1\r\n{headers}\r\n");
        let answer = exchange(server.address, request).await;
        assert_eq!(
            answer.status,
            if status == 400 { 400 } else { 200 },
            "{name}"
        );
    }
    assert_eq!(server.log().state().entries.len(), accepted);
    let old = "POST /add HTTP/1.0\r\ncontent-length: 1\r\n\r\nx";
    assert_eq!(
        exchange(server.address, old).await.status,
        403,
        "HTTP/1.0 without a host"
    );
    let absolute =
        "POST http://rebound.example/add HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nx";
    assert_eq!(exchange(server.address, absolute).await.status, 403);
    server.end().await;
}

#[tokio::test]
async fn anybody_where_the_operator_says_so() {
    let server = one("", "anyone_may_write = true").await;
    let add = |headers: &str| {
        let request = format!("POST /add HTTP/1.1\r\n{headers}content-length: 1\r\n\r\nx");
        exchange(server.address, request)
    };
    let proxied = "host: log.example\r\nx-forwarded-for: 192.0.2.1\r\n";
    assert_eq!(add(proxied).await.status, 200);
    let browser = "host: log.example\r\norigin: https://evil.example\r\n";
    assert_eq!(
        add(browser).await.status,
        403,
        "a browser is not anybody: it may be made to"
    );
    server.end().await;
}

#[tokio::test]
async fn a_token_is_good_from_anywhere() {
    let token = format!("[[token]]\nname = \"t\"\nsha256 = \"{SECRET}\"\n");
    let server = start(&format!("{}{token}", log("log.example", "/", ""))).await;
    let request = "POST /add HTTP/1.1\r\nhost: log.example\r\norigin: https://page.example\r\nforwarded: for=x\r\n\
                   authorization: Bearer secret\r\ncontent-length: 1\r\n\r\nx";
    assert_eq!(exchange(server.address, request).await.status, 200);
    server.end().await;
}

#[tokio::test]
async fn browsers_may_read_and_not_write() {
    let server = one("", "").await;
    server.log().fill([b"x".to_vec()]);
    for path in [
        "/checkpoint",
        "/tile/0/000.p/1",
        "/tile/entries/000.p/1",
        "/receipt/0",
        "/status",
        "/nothing",
        "/metrics",
    ] {
        let answer = server.get(path).await;
        assert_eq!(
            header(&answer, "access-control-allow-origin"),
            "*",
            "{path}"
        );
        let preflight = server.request("OPTIONS", path).send().await.unwrap();
        assert_eq!(preflight.status(), 204, "{path}");
        assert_eq!(
            header(&preflight, "access-control-allow-origin"),
            "*",
            "{path}"
        );
        assert_eq!(
            header(&preflight, "access-control-allow-methods"),
            "GET, HEAD",
            "{path}"
        );
        let allowed = header(&preflight, "access-control-allow-headers");
        assert!(
            allowed.contains("authorization"),
            "{path}: a page with a token may read what is guarded"
        );
    }
    // What is exposed is said by the answer itself; in the answer to OPTIONS it counts for nothing.
    for path in ["/status", "/nothing", "/receipt/9"] {
        let exposed = header(&server.get(path).await, "access-control-expose-headers");
        assert_eq!(
            exposed, "link, retry-after, x-anchor-troubles, x-request-id",
            "{path}"
        );
    }
    for path in ["/add", "/add-batch"] {
        let preflight = server.request("OPTIONS", path).send().await.unwrap();
        let post = server
            .request("POST", path)
            .body(b"\0\x01a".to_vec())
            .send()
            .await
            .unwrap();
        let wrong = server.request("GET", path).send().await.unwrap();
        assert_eq!(header(&preflight, "allow"), "POST, OPTIONS", "{path}");
        for answer in [preflight, post, wrong] {
            let names: Vec<_> = answer.headers().keys().map(ToString::to_string).collect();
            let cors = names.iter().any(|name| name.starts_with("access-control"));
            assert!(!cors, "{path}: {names:?}");
        }
    }
    server.end().await;
}

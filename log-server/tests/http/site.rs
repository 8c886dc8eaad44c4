//! Many logs under one server, and what the server says of itself.

use counterfoil_log_server::config::Config;
use counterfoil_log_server::log::State;
use counterfoil_log_server::serve::Server;
use counterfoil_service::config::Settings;
use serde_json::Value;

use crate::server::{header, log, one, start};

async fn three_logs() -> crate::server::TestServer {
    let logs = [
        log("root.example", "/", ""),
        log("a.example", "/a", ""),
        log("deep.example", "/a/deep", "max_entry_bytes = 5"),
    ];
    start(&logs.concat()).await
}

#[tokio::test]
async fn each_log_answers_under_its_prefix() {
    let server = three_logs().await;
    let add = |path: &str, body: &'static str| server.request("POST", path).body(body).send();
    for (path, index) in [
        ("/add", "0"),
        ("/a/add", "0"),
        ("/a/add", "1"),
        ("/a/deep/add", "0"),
    ] {
        assert_eq!(
            add(path, "entry").await.unwrap().text().await.unwrap(),
            index,
            "{path}"
        );
    }
    assert_eq!(
        add("/a/deep/add", "longer").await.unwrap().status(),
        413,
        "each has its limits"
    );
    let sizes: Vec<usize> = server
        .logs
        .iter()
        .map(|log| log.state().entries.len())
        .collect();
    assert_eq!(sizes, [1, 2, 1]);

    let rows = [
        ("/checkpoint", "root.example\n1\n"),
        ("/a/checkpoint", "a.example\n2\n"),
        ("/a/deep/checkpoint", "deep.example\n1\n"),
        ("/receipt/0", "receipt of 0 in 1\n"),
        ("/a/receipt/1?size=2", "receipt of 1 in 2\n"),
        ("/a/policy", "log a.example+"),
        (
            "/",
            "Counterfoil transparency log\n\norigin     root.example\nkey        root.example+",
        ),
        (
            "/a",
            "Counterfoil transparency log\n\norigin     a.example\n",
        ),
        (
            "/a/",
            "Counterfoil transparency log\n\norigin     a.example\n",
        ),
        (
            "/a/deep/",
            "Counterfoil transparency log\n\norigin     deep.example\n",
        ),
    ];
    for (path, text) in rows {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        let body = answer.text().await.unwrap();
        assert!(body.starts_with(text), "{path}: {body}");
    }
    for path in [
        "/b/checkpoint",
        "/ab/checkpoint",
        "/a/deeper/checkpoint",
        "/a/healthz",
        "/acheckpoint",
    ] {
        assert_eq!(server.get(path).await.status(), 404, "{path}");
    }
    server.end().await;
}

#[tokio::test]
async fn a_server_without_a_log_at_its_root() {
    let server = start(&log("a.example", "/a", "")).await;
    assert_eq!(server.get("/").await.status(), 404);
    assert_eq!(server.get("/add").await.status(), 404);
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json"] {
        assert_eq!(server.get(path).await.status(), 200, "{path}");
    }
    let answer = server.request("DELETE", "/healthz").send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), header(&answer, "allow").as_str()),
        (405, "GET, HEAD, OPTIONS")
    );
    server.end().await;
}

#[tokio::test]
async fn status() {
    let server = one("", "").await;
    server.log().fill([b"x".to_vec()]);
    server.log().publish(0);
    let status: Value = server.get("/status").await.json().await.unwrap();
    assert_eq!(status["origin"], "log.example");
    assert_eq!(status["state"], "running");
    assert_eq!(status["size"], 1);
    assert_eq!(status["published_size"], 0);
    assert_eq!(status["unpublished_seconds"], 0.5);
    assert_eq!(status["no_quorum_since"], 900);
    assert_eq!(status["witnesses"][0]["answer"], "no connection");
    let metrics = server.get("/metrics").await.text().await.unwrap();
    for reading in [
        "counterfoil_log_no_quorum_since_timestamp_seconds{log=\"log.example\"} 900",
        "counterfoil_log_witness_cosigns{log=\"log.example\",witness=\"w1\"} 0",
        "counterfoil_log_witness_cosigned_size{log=\"log.example\",witness=\"w1\"} 7",
    ] {
        assert!(metrics.contains(reading), "{reading}: {metrics}");
    }
    server.end().await;
}

#[tokio::test]
async fn readiness_is_that_every_log_takes_entries() {
    let server = three_logs().await;
    let rows = [
        (State::Running, 200),
        (State::Unpublished, 200),
        (State::Starting, 503),
        (State::ReadOnly, 503),
        (State::Stopped, 503),
    ];
    for (state, status) in rows {
        server.logs[1].state().state = Some(state);
        let answer = server.get("/readyz").await;
        assert_eq!(answer.status(), status, "{state:?}");
        assert!(
            answer
                .text()
                .await
                .unwrap()
                .contains("a.example: a log of a test\n")
        );
        assert_eq!(
            server.get("/healthz").await.status(),
            200,
            "{state:?}: the server runs"
        );
    }
    server.end().await;
}

#[tokio::test]
async fn metrics_of_each_log() {
    let server = three_logs().await;
    server
        .request("POST", "/a/add")
        .body("x")
        .send()
        .await
        .unwrap();
    server
        .request("POST", "/a/add")
        .body("")
        .send()
        .await
        .unwrap();
    server.get("/tile/0/000.p/9").await;
    server.get("/nothing").await;
    server.log().state().state = Some(State::ReadOnly);
    let text = server.get("/metrics").await.text().await.unwrap();
    let lines = [
        "counterfoil_http_requests_total{log=\"a.example\",route=\"add\",status=\"2xx\"} 1",
        "counterfoil_http_requests_total{log=\"a.example\",route=\"add\",status=\"4xx\"} 1",
        "counterfoil_http_requests_total{log=\"root.example\",route=\"tile\",status=\"4xx\"} 1",
        "counterfoil_http_requests_total{log=\"root.example\",route=\"other\",status=\"4xx\"} 1",
        "counterfoil_http_request_duration_seconds_count{log=\"a.example\",route=\"add\"} 2",
        "counterfoil_http_request_duration_seconds_bucket{le=\"+Inf\",log=\"a.example\",route=\"add\"} 2",
        "counterfoil_http_connections 1",
        "counterfoil_http_requests_in_progress 1",
        "counterfoil_log_size{log=\"a.example\"} 1.0",
        "counterfoil_log_takes_entries{log=\"root.example\"} 0.0",
        "counterfoil_log_takes_entries{log=\"a.example\"} 1.0",
        "counterfoil_log_fake_total{log=\"root.example\"} 0",
        "counterfoil_log_fake_total{log=\"deep.example\"} 0",
    ];
    for line in lines {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in\n{text}"
        );
    }
    let mut names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "a family is described once:\n{text}");
    assert!(text.ends_with("# EOF\n"));
    server.end().await;
}

#[tokio::test]
async fn logs_must_be_those_of_the_configuration() {
    let text = format!("listen = [\"127.0.0.1:0\"]\n{}", log("a.example", "/a", ""));
    let config = Config::parse(&text, &[]).unwrap();
    let fake = || crate::fake::FakeLog::new("a.example");
    for given in [
        vec![],
        vec![("/b".to_owned(), fake() as _)],
        vec![
            ("/a".to_owned(), fake() as _),
            ("/b".to_owned(), fake() as _),
        ],
    ] {
        let error = Server::bind(&config, given).await.unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the configuration has logs at [\"/a\"], but"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let server = one("", "").await;
    let text = format!(
        "listen = [\"{}\"]\n{}",
        server.address,
        log("a.example", "/", "")
    );
    let config = Config::parse(&text, &[]).unwrap();
    let given = vec![("/".to_owned(), crate::fake::FakeLog::new("a.example") as _)];
    let error = Server::bind(&config, given).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(&format!("listen {}: ", server.address)),
        "{error}"
    );
    server.end().await;
}

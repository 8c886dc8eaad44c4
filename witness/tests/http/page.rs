//! The page, the status and the metrics.

use serde_json::Value;

use crate::history::{Signer, Tree};
use crate::service::{Home, NAME, header};

#[tokio::test]
async fn the_page_says_what_the_witness_is_and_saw() {
    let (log, other) = (
        Signer::new("example.com/log"),
        Signer::new("example.com/other"),
    );
    let home = Home::new(&[&log, &other]).await;
    let service = home.start("operator = \"Trust & Co\"\n", "").await;
    let tree = Tree::new(7);
    assert_eq!(service.add(&log.update(&tree, 0, 7)).await, 200);
    let page = service.get("/").await;
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    let policy = header(&page, "content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    let page = page.text().await.unwrap();
    let vkeys: Vec<String> = service.ring.iter().map(ToString::to_string).collect();
    assert_eq!(vkeys.len(), 2);
    for expected in [
        NAME,
        "Trust &amp; Co",
        "knows 2 logs",
        "example.com/other",
        &vkeys[0],
        &vkeys[1],
    ] {
        assert!(page.contains(expected), "{expected} in {page}");
    }
    assert!(page.contains("<td class=\"n\">7</td>"), "{page}");

    let status: Value = serde_json::from_str(&service.text("/status").await).unwrap();
    assert_eq!(status["state"], "signing");
    assert_eq!(status["vkeys"][1]["vkey"], vkeys[1].as_str());
    assert_eq!(status["logs"][0]["latest"]["size"], 7);
    assert_eq!(
        status["logs"][0]["latest"]["root"],
        tree.root(7).to_string()
    );
    assert!(status["logs"][0]["latest"]["cosigned_at"].as_u64().unwrap() > 1_700_000_000);
    assert_eq!(status["logs"][1]["latest"], Value::Null);
    assert_eq!(service.text("/healthz").await, "ok\n");
    assert_eq!(service.get("/readyz").await.status(), 200);
    service.end().await;
}

/// A view reads a hundred records however many logs there are.
#[tokio::test]
async fn many_logs_are_shown_page_by_page() {
    let logs: Vec<Signer> = (0..250)
        .map(|n| Signer::new(&format!("log-{n:03}")))
        .collect();
    let home = Home::new(&logs.iter().collect::<Vec<_>>()).await;
    let service = home.start("", "").await;
    let mut path = "/status".to_owned();
    let mut seen = Vec::new();
    loop {
        let status: Value = serde_json::from_str(&service.text(&path).await).unwrap();
        assert_eq!(status["log_count"], 250);
        let page = status["logs"].as_array().unwrap();
        assert!(page.len() <= 100);
        seen.extend(
            page.iter()
                .map(|log| log["origin"].as_str().unwrap().to_owned()),
        );
        match status["next"].as_str() {
            Some(next) => path = format!("/status?after={next}"),
            None => break,
        }
    }
    let expected: Vec<String> = logs.iter().map(|log| log.origin.to_string()).collect();
    assert_eq!(seen, expected);
    assert!(
        service
            .text("/?after=log-099")
            .await
            .contains("href=\"?after=log-199\"")
    );
    service.end().await;
}

#[tokio::test]
async fn metrics_count_every_outcome() {
    let log = Signer::new("example.com/log");
    let home = Home::new(&[&log]).await;
    let service = home.start("", "").await;
    let tree = Tree::new(7);
    assert_eq!(service.add(&log.update(&tree, 0, 7)).await, 200);
    assert_eq!(service.add(&log.update(&tree, 0, 7)).await, 409);
    assert_eq!(service.post("/sign-subtree", "x").await.status(), 400);
    let metrics = service.get("/metrics").await;
    assert!(header(&metrics, "content-type").starts_with("application/openmetrics-text"));
    let metrics = metrics.text().await.unwrap();
    for expected in [
        "counterfoil_witness_answers_total{endpoint=\"add-checkpoint\",status=\"200\"} 1\n",
        "counterfoil_witness_answers_total{endpoint=\"add-checkpoint\",status=\"409\"} 1\n",
        "counterfoil_witness_answers_total{endpoint=\"sign-subtree\",status=\"400\"} 1\n",
        "counterfoil_http_request_duration_seconds_count{route=\"add-checkpoint\"} 2\n",
        "counterfoil_witness_logs 1\n",
        "counterfoil_witness_refuses 0\n",
        "counterfoil_http_requests_in_progress 1\n",
        "# EOF\n",
    ] {
        assert!(metrics.contains(expected), "{expected} in {metrics}");
    }
    service.end().await;
}

//! The whole worker: authorities and a chain, and what its service shows of the latter.

use std::sync::Arc;
use std::time::Duration;

use counterfoil_anchor::http::{Site, SiteOptions};
use counterfoil_service::config::{ClientShare, FrontConfig};
use counterfoil_service::metrics::Connections;
use counterfoil_service::serve::Server;

use crate::common::tsa::FakeTsa;
use crate::common::worker::{Disk, Running, Terms, worker_on};
use crate::common::{Log, Tree, get};
use crate::world::World;

async fn text(url: &str, path: &str) -> String {
    let answer = get(url, path).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    String::from_utf8(answer.body.to_vec()).unwrap()
}

#[tokio::test]
#[allow(
    clippy::too_many_lines,
    reason = "one service, looked at from all sides"
)]
async fn what_was_stamped_is_anchored_as_well_and_the_service_shows_it() {
    let world = World::new(&[]);
    let (log, tsa) = (Log::start(Tree::new(7)).await, FakeTsa::start("tsa").await);
    let terms = Terms::default();
    let tsas = vec![tsa.tsa(terms.deadline)];
    let worker = worker_on(&Disk::default(), &log, tsas, &terms, Some(world.plan())).await;
    let unready = worker.not_ready().unwrap();
    assert!(unready.starts_with("starting: "), "{unready}");
    let running = Running::start(worker.clone());
    let recorded = |count: u64| {
        let chain = worker.ethereum().unwrap().clone();
        running.until("recorded", move |_| {
            chain.status().events.get("recorded").copied() == Some(count)
        })
    };
    recorded(1).await;
    let connections = Arc::<Connections>::default();
    let options = SiteOptions {
        operator: None,
        max_requests: 100,
        request_deadline: Duration::from_secs(20),
        client_share: ClientShare::Part,
    };
    let site = Arc::new(Site::new(worker.clone(), connections.clone(), options));
    let front = FrontConfig {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        ..FrontConfig::default()
    };
    let server = Server::bind(&front, connections, site).await.unwrap();
    let url = format!("http://{}", server.addresses()[0]);
    let serving = tokio::spawn(server.run(std::future::pending()));

    let status: serde_json::Value = serde_json::from_str(&text(&url, "/status").await).unwrap();
    let chain = &status["ethereum"];
    assert_eq!(
        (&chain["name"], &chain["chain_id"]),
        (&"dev".into(), &31_337.into())
    );
    assert_eq!(chain["last_record"]["cost_gwei"], "246840");
    assert_eq!(chain["spent_gwei"], "246840");
    assert_eq!(chain["seen"]["balance_gwei"], "1000000000");
    let endpoint = &chain["endpoints"][0];
    assert_eq!(endpoint["name"], "https://chain.example");
    assert_eq!(endpoint["head_age_seconds"], 12);
    let newest = &chain["logs"][0]["newest"];
    assert_eq!(newest["size"], 7);
    // The same folder has the authority's token: one checkpoint, two kinds of anchors.
    let path = newest["path"].as_str().unwrap();
    let names = text(&url, path).await;
    assert_eq!(names, "checkpoint\nethereum-dev\nrfc3161-tsa\n");
    let record = text(&url, &format!("{path}/ethereum-dev")).await;
    assert!(
        record.contains(r#""kind":"ethereum","name":"dev""#),
        "{record}"
    );
    let page = text(&url, "/").await;
    let block = newest["block"].as_u64().unwrap();
    assert!(
        page.contains(&format!("ethereum-dev</a> (block {block},")),
        "{page}"
    );
    assert!(
        page.contains(&format!("7 entries in block {block},")),
        "{page}"
    );
    assert!(page.contains("No round is on its way"), "{page}");
    let metrics = text(&url, "/metrics").await;
    for line in [
        "counterfoil_anchor_ethereum_last_cost_gwei 246840.0",
        "counterfoil_anchor_ethereum_spent_gwei 246840.0",
        "counterfoil_anchor_ethereum_balance_low 0.0",
        "counterfoil_anchor_ethereum_events_total{event=\"recorded\"} 1",
        "counterfoil_anchor_ethereum_events_total{event=\"reorganised\"} 0",
        "counterfoil_anchor_ethereum_held{reason=\"fee\"} 0.0",
        "counterfoil_anchor_ethereum_endpoint_up{endpoint=\"https://chain.example\",number=\"0\"} 1.0",
        "counterfoil_anchor_ethereum_endpoint_used{endpoint=\"https://chain.example\",number=\"0\"} 1.0",
        "counterfoil_anchor_ethereum_endpoint_head_age_seconds{endpoint=\"https://chain.example\",number=\"0\"} 12.0",
        "counterfoil_anchor_ethereum_endpoint_failures_total{endpoint=\"https://chain.example\",number=\"0\"} 0",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line}: {metrics}"
        );
    }
    for rule in rules() {
        let is_there = metrics.lines().any(|line| line.starts_with(&rule));
        assert!(is_there, "docs/anchor.md alarms on {rule}: {metrics}");
    }
    let age = "counterfoil_anchor_ethereum_newest_age_seconds{origin=\"example.com/log\"} ";
    let age = metrics
        .lines()
        .find_map(|line| line.strip_prefix(age))
        .unwrap();
    assert!(age.parse::<f64>().unwrap() > 0.0, "{age}");
    assert_eq!(get(&url, "/readyz").await.status, 200);

    // Held back.
    world.chain.ways(|ways| ways.base_fee = 90);
    log.serve(&Tree::new(9), &[1, 2]);
    running.worker.want();
    let chain = worker.ethereum().unwrap().clone();
    running
        .until("held back", |_| {
            chain
                .status()
                .sender
                .is_some_and(|sender| sender.hold.is_some())
        })
        .await;
    let status: serde_json::Value = serde_json::from_str(&text(&url, "/status").await).unwrap();
    assert_eq!(status["ethereum"]["hold"]["word"], "fee");
    assert!(
        text(&url, "/")
            .await
            .contains("<strong>Held back</strong> since")
    );
    let metrics = text(&url, "/metrics").await;
    let held = "counterfoil_anchor_ethereum_held{reason=\"fee\"} 1.0";
    assert!(metrics.lines().any(|found| found == held), "{metrics}");
    assert_eq!(get(&url, "/readyz").await.status, 200, "it can do its work");
    world.chain.ways(|ways| ways.base_fee = 10);
    recorded(2).await;
    running.end().await;
    serving.abort();
}

/// The metrics that the alert rules of docs/anchor.md name.
fn rules() -> Vec<String> {
    let docs = include_str!("../../../docs/anchor.md");
    let expressions = docs
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expr: "));
    let expressions: Vec<&str> = expressions.collect();
    for absent in ["newest_age_seconds", "ethereum_newest_age_seconds"] {
        let rule = format!("absent(counterfoil_anchor_{absent})");
        assert!(expressions.contains(&rule.as_str()), "{expressions:?}");
    }
    let words = expressions.iter().flat_map(|expression| {
        expression.split(|letter: char| letter != '_' && !letter.is_ascii_alphanumeric())
    });
    let names = words.filter(|word| word.starts_with("counterfoil_"));
    let names: Vec<String> = names.map(str::to_owned).collect();
    assert!(names.len() > 12, "{names:?}");
    names
}

//! Rates: a log's own is charged by what is cosigned, and by nothing that a stranger can send.

use crate::history::{Signer, Tree};
use crate::service::{Home, header};

/// So slow that nothing comes back while a test runs.
const SLOW: &str = "client_rate = 0.001\nclient_burst = 5\n";

#[tokio::test]
async fn what_is_cosigned_costs_its_address_nothing() {
    let log = Signer::new("example.com/log");
    let home = Home::new(&[&log]).await;
    let service = home.start(SLOW, "").await;
    let tree = Tree::new(30);
    for size in 0..20 {
        assert_eq!(
            service.add(&log.update(&tree, size, size + 1)).await,
            200,
            "{size}"
        );
    }
    for _ in 0..5 {
        assert_eq!(service.add(&log.update(&tree, 0, 30)).await, 409);
    }
    let refused = service
        .post("/add-checkpoint", log.update(&tree, 0, 30).to_string())
        .await;
    assert_eq!(refused.status(), 429);
    let after: u64 = header(&refused, "retry-after").parse().unwrap();
    assert!((900..=1_000).contains(&after), "{after}");
    // Anybody can write this header; it says nothing of who sends over a listener.
    let forged = service
        .client
        .post(service.url("/sign-subtree"))
        .header("x-forwarded-for", "192.0.2.1");
    assert_eq!(forged.body("x").send().await.unwrap().status(), 429);
    assert_eq!(
        service.get("/").await.status(),
        429,
        "the page reads a hundred records"
    );
    assert_eq!(service.get("/healthz").await.status(), 200);
    let metrics = service.text("/metrics").await;
    assert!(
        metrics.contains("counterfoil_witness_limited_total{by=\"client\"} 3"),
        "{metrics}"
    );
    service.end().await;
}

// Whoever fetches the latest checkpoint from the monitoring prefix can have it cosigned again.
#[tokio::test]
async fn what_is_cosigned_again_is_charged_to_who_sends_it_and_not_to_the_log() {
    let log = Signer::new("example.com/log");
    let home = Home::new(&[]).await;
    let key = log.keys[0].vkey().to_string();
    home.write("logs", &format!("logs/v0\nvkey {key}\nqpd 2\n"));
    let service = home.start(SLOW, "").await;
    let tree = Tree::new(30);
    assert_eq!(service.add(&log.update(&tree, 0, 1)).await, 200);
    for _ in 0..4 {
        assert_eq!(service.add(&log.update(&tree, 1, 1)).await, 200);
    }
    assert_eq!(
        service.add(&log.update(&tree, 1, 2)).await,
        200,
        "the log has all of its own rate"
    );
    assert_eq!(service.add(&log.update(&tree, 2, 2)).await, 200);
    assert_eq!(
        service.add(&log.update(&tree, 2, 2)).await,
        429,
        "who repeats it has used up what an address has"
    );
    service.end().await;
}

#[tokio::test]
async fn a_log_is_held_to_its_own_rate() {
    let (slow, other) = (
        Signer::new("example.com/slow"),
        Signer::new("example.com/other"),
    );
    let home = Home::new(&[]).await;
    let [slow_key, other_key] = [&slow, &other].map(|log| log.keys[0].vkey().to_string());
    // Two a day: so many may come at once, and then none for half a day.
    home.write(
        "logs",
        &format!("logs/v0\nvkey {slow_key}\nqpd 2\nvkey {other_key}\n"),
    );
    let service = home.start("", "").await;
    let tree = Tree::new(30);
    // What a stranger replays is not charged to the log.
    for _ in 0..10 {
        assert_eq!(service.add(&slow.update(&tree, 1, 9)).await, 409);
    }
    for size in 0..2 {
        assert_eq!(
            service.add(&slow.update(&tree, size, size + 1)).await,
            200,
            "{size}"
        );
    }
    let refused = service
        .post("/add-checkpoint", slow.update(&tree, 2, 3).to_string())
        .await;
    assert_eq!(refused.status(), 429);
    let after: u64 = header(&refused, "retry-after").parse().unwrap();
    assert!((43_000..=43_200).contains(&after), "{after}");
    assert_eq!(service.add(&other.update(&tree, 0, 3)).await, 200);
    assert_eq!(
        service.add(&slow.update(&tree, 0, 3)).await,
        409,
        "and it is still told its size"
    );
    let metrics = service.text("/metrics").await;
    assert!(
        metrics.contains("counterfoil_witness_limited_total{by=\"log\"} 1"),
        "{metrics}"
    );
    service.end().await;
}

#[tokio::test]
async fn a_paused_log_is_not_cosigned() {
    let log = Signer::new("example.com/log");
    let home = Home::new(&[&log]).await;
    let service = home.start("", "").await;
    let tree = Tree::new(9);
    assert_eq!(service.add(&log.update(&tree, 0, 3)).await, 200);
    home.write("logs", &format!("{} paused\n", log.keys[0].vkey()));
    service.lists.reload().await.unwrap();
    assert_eq!(service.add(&log.update(&tree, 3, 9)).await, 503);
    assert!(service.text("/").await.contains("paused by the operator"));
    home.list(&[&log]);
    service.lists.reload().await.unwrap();
    assert_eq!(
        service.add(&log.update(&tree, 3, 9)).await,
        200,
        "its record stayed"
    );
    service.end().await;
}

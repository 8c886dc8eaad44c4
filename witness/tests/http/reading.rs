//! The monitoring prefix: latest checkpoints, and evidence that a log misbehaved.

use counterfoil_tiles::misbehaviour::Misbehaviour;
use counterfoil_witness::OriginHash;

use crate::history::{Signer, Tree, request};
use crate::service::{Home, checkpoint_path, header};

#[tokio::test]
async fn nothing_cosigned_is_404() {
    let log = Signer::new("example.com/log");
    let service = Home::new(&[&log]).await;
    let service = service.start("", "").await;
    // SPEC(tlog-witness): "If the witness has never cosigned a checkpoint for that log, it MUST respond with a "404 Not
    // Found" HTTP status code instead."
    assert_eq!(service.get(&checkpoint_path(&log)).await.status(), 404);
    assert_eq!(
        service
            .get(&checkpoint_path(&Signer::new("other")))
            .await
            .status(),
        404
    );
    assert_eq!(service.get("/x/checkpoint").await.status(), 404);
    service.end().await;
}

#[tokio::test]
async fn a_log_that_signs_two_histories_leaves_evidence() {
    let log = Signer::new("example.com/log");
    let home = Home::new(&[&log]).await;
    let service = home.start("", "").await;
    let hash = OriginHash::of(&log.origin);
    let list = format!("/{hash}/evidence");
    let (tree, fork) = (Tree::new(7), Tree::forked(7, 0, 1));
    assert_eq!(service.add(&log.update(&tree, 0, 7)).await, 200);
    assert_eq!(service.text(&list).await, "");
    // Even where the answer is 409.
    assert_eq!(
        service
            .add(&request(0, Vec::new(), log.sign(7, fork.root(7))))
            .await,
        409
    );

    let listed = service.text(&list).await;
    let id = listed.strip_suffix('\n').unwrap();
    let file = service.get(&format!("{list}/{id}")).await;
    assert_eq!(header(&file, "content-type"), "application/json");
    assert_eq!(
        header(&file, "cache-control"),
        "public, max-age=31536000, immutable"
    );
    let claim = Misbehaviour::parse(&file.bytes().await.unwrap()).unwrap();
    claim.verify(log.log().keys()).unwrap();

    let page = service.text("/").await;
    assert!(
        page.contains(&format!("href=\"{hash}/evidence\"")),
        "{page}"
    );
    let metrics = service.text("/metrics").await;
    assert!(
        metrics.contains("counterfoil_witness_misbehaviour_total 1"),
        "{metrics}"
    );
    for absent in [
        format!("{list}/{}", "0".repeat(64)),
        format!("{list}/{id}/"),
        format!("{list}/"),
    ] {
        assert_eq!(service.get(&absent).await.status(), 404, "{absent}");
    }
    service.end().await;
}

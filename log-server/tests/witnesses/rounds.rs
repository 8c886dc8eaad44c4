//! Whom a round asks, when it ends, and what comes after it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use counterfoil_log_server::witnesses::{Ask, Outcome};
use counterfoil_tiles::checkpoint::SignedCheckpoint;
use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::note::Note;
use tokio::time::Instant;

use crate::fake::{
    Honest, NOW, Network, Service, Silent, Tree, client, cosignature, log_keys, now, policy,
    proofs, root, signed, witness_key,
};

const TWO_OF_THREE: &str = "group two 2 w1 w2 w3\nquorum two\n";
const ALL: &str = "group all-of-them all w1 w2 w3\nquorum all-of-them\n";

fn three() -> Vec<Arc<dyn Service>> {
    (1..=3)
        .map(|number| Arc::new(Honest::new(number)) as Arc<dyn Service>)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn each_round_proves_that_the_tree_has_grown() {
    // The honest witness of these tests holds each request to this:
    // SPEC(tlog-witness): "The request MUST be an HTTP POST."
    // SPEC(tlog-witness): "The old size MUST be equal to or lower than the checkpoint size."
    // SPEC(tlog-witness): "Otherwise, the consistency proof lines MUST encode a Merkle Consistency Proof from the old size to
    // the checkpoint size according to [RFC 6962][], Section 2.1.2."
    let network = Network::new(three());
    let policy = policy(3, ALL);
    let (witnesses, _late) = client(&policy, &network);
    let tree = proofs();
    for size in [0, 1, 5, 300] {
        let round = witnesses
            .cosign(&signed(size), tree.clone(), Ask::Missing)
            .await;
        let note = round.cosigned(signed(size).note(), &policy).unwrap();
        assert_eq!(
            policy.verify(note).unwrap().cosignatures().len(),
            3,
            "{}",
            round.trouble()
        );
    }
    // One request a round: what a witness has cosigned is remembered.
    assert_eq!(network.asked(2), [(0, 0), (0, 1), (1, 5), (5, 300)]);
    let requests = network.requests.lock().unwrap();
    assert_eq!(requests[0].url, "https://w1.example/submit/add-checkpoint");
}

#[tokio::test(start_paused = true)]
async fn a_witness_with_another_size_is_asked_once_more() {
    let network = Network::new(vec![Arc::new(Honest::at(1, 3))]);
    let (witnesses, _late) = client(&policy(1, "quorum w1\n"), &network);
    let round = witnesses.cosign(&signed(8), proofs(), Ask::Missing).await;
    assert!(round.quorum, "{}", round.trouble());
    assert_eq!(network.asked(1), [(0, 8), (3, 8)]);
    let status = witnesses.status().remove(0);
    assert_eq!(status.recorded, Some(TreeSize::new(8)));
    assert_eq!((status.asked, status.failed), (1, 0));
    let last = status.last.unwrap();
    assert_eq!((last.size, last.when), (TreeSize::new(8), now()));
    assert_eq!(last.outcome, Outcome::Cosigned);
}

#[tokio::test(start_paused = true)]
async fn without_a_proof_nothing_is_sent() {
    let network = Network::new(vec![Arc::new(Honest::at(1, 3))]);
    let (witnesses, _late) = client(&policy(1, "quorum w1\n"), &network);
    let broken = Arc::new(Tree {
        broken: true,
        ..Tree::default()
    });
    let round = witnesses.cosign(&signed(8), broken, Ask::Missing).await;
    let words = "not asked, as there is no consistency proof from its size 3: the tile tile/0/000 is damaged";
    assert_eq!(round.answers[0].outcome.to_string(), words);
    assert_eq!(network.asked(1), [(0, 8)]);
}

#[tokio::test(start_paused = true)]
async fn a_round_ends_with_the_quorum_and_the_rest_comes_late() {
    let mut services = three();
    services[2] = Arc::new(Honest::slow(3, Duration::from_secs(7)));
    let network = Network::new(services);
    let (witnesses, mut late) = client(&policy(3, TWO_OF_THREE), &network);
    let began = Instant::now();
    let round = witnesses.cosign(&signed(5), proofs(), Ask::Missing).await;
    assert!(round.quorum);
    assert_eq!(
        began.elapsed(),
        Duration::ZERO,
        "nobody waits for the slow one"
    );
    assert_eq!(round.answers[2].outcome, Outcome::Pending);

    let late = late.recv().await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(7));
    assert_eq!((late.size, late.root), (TreeSize::new(5), root(5)));
    assert_eq!(late.lines, [cosignature(&witness_key(3), &signed(5), NOW)]);

    // The next round for this checkpoint has all three and asks nobody.
    let asked = network.requests.lock().unwrap().len();
    let round = witnesses.cosign(&signed(5), proofs(), Ask::Missing).await;
    assert_eq!(round.cosignatures.len(), 3);
    assert_eq!(network.requests.lock().unwrap().len(), asked);
}

#[tokio::test(start_paused = true)]
async fn a_round_ends_at_its_deadline_and_a_request_at_its_own() {
    let mut services = three();
    services[2] = Arc::new(Silent);
    let network = Network::new(services);
    let (witnesses, mut late) = client(&policy(3, ALL), &network);
    let began = Instant::now();
    let round = witnesses.cosign(&signed(5), proofs(), Ask::Missing).await;
    assert!(!round.quorum);
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    assert_eq!(network.under_way(), 1);
    tokio::time::sleep_until(began + Duration::from_millis(10_001)).await;
    assert_eq!(network.under_way(), 0, "given up");
    let last = witnesses.status().remove(2).last.unwrap();
    assert_eq!(last.outcome.to_string(), "no whole answer within 10.0 s");
    assert!(late.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn one_request_at_a_time_and_the_latest_checkpoint_is_next() {
    let network = Network::new(vec![Arc::new(Honest::slow(1, Duration::from_secs(2)))]);
    let (witnesses, mut late) = client(&policy(1, "quorum w1\n"), &network);
    let (five, eight, nine) = (signed(5), signed(8), signed(9));
    let later = async {
        // The first request is under way before the other checkpoints come.
        while network.under_way() == 0 {
            tokio::task::yield_now().await;
        }
        tokio::join!(
            witnesses.cosign(&eight, proofs(), Ask::Missing),
            witnesses.cosign(&nine, proofs(), Ask::Missing),
        )
    };
    let (first, (second, third)) =
        tokio::join!(witnesses.cosign(&five, proofs(), Ask::Missing), later);
    assert!(first.quorum && third.quorum);
    assert_eq!(second.answers[0].outcome, Outcome::Superseded);
    assert_eq!(network.asked(1), [(0, 5), (5, 9)]);
    assert_eq!(network.most_under_way.load(Ordering::SeqCst), 1);
    assert!(late.try_recv().is_err(), "nothing came late");
}

#[tokio::test(start_paused = true)]
async fn a_second_round_for_a_checkpoint_waits_for_the_request_of_the_first() {
    let network = Network::new(vec![Arc::new(Honest::slow(1, Duration::from_secs(8)))]);
    let (witnesses, mut late) = client(&policy(1, "quorum w1\n"), &network);
    let first = witnesses.cosign(&signed(5), proofs(), Ask::Missing).await;
    assert!(!first.quorum);
    let second = witnesses.cosign(&signed(5), proofs(), Ask::Missing).await;
    assert!(second.quorum, "{}", second.trouble());
    assert_eq!(network.asked(1), [(0, 5)]);
    assert_eq!(
        late.recv().await.unwrap().size,
        TreeSize::new(5),
        "for the first round it was late"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refresh_asks_everybody_and_brings_newer_cosignatures() {
    let network = Network::new(three());
    let policy = policy(3, ALL);
    let (witnesses, _late) = client(&policy, &network);
    let first = witnesses.cosign(&signed(5), proofs(), Ask::Missing).await;
    let note = first.cosigned(signed(5).note(), &policy).unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    let second = witnesses.cosign(&signed(5), proofs(), Ask::All).await;
    assert!(second.quorum);
    assert_eq!(network.asked(3), [(0, 5), (5, 5)]);
    let newer = second.cosigned(&note, &policy).unwrap();
    assert_eq!(newer.signatures().len(), 4, "one line a key");
    let verified = policy.verify(newer).unwrap();
    let times = verified
        .cosignatures()
        .iter()
        .map(|by| by.timestamp.unwrap().seconds());
    assert_eq!(times.collect::<Vec<_>>(), [NOW + 1; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_does_not_count_what_was_signed_before() {
    let network = Network::new(three());
    let (witnesses, _late) = client(&policy(3, ALL), &network);
    assert!(
        witnesses
            .cosign(&signed(5), proofs(), Ask::Missing)
            .await
            .quorum
    );
    network.put("https://w2.example/submit", Arc::new(Silent));
    tokio::time::advance(Duration::from_secs(1)).await;
    let refresh = witnesses.cosign(&signed(5), proofs(), Ask::All).await;
    assert!(!refresh.quorum);
    assert_eq!(refresh.cosignatures.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_published_checkpoint_is_remembered_at_the_start() {
    let checkpoint = signed(5);
    let mut lines = checkpoint.note().signatures().to_vec();
    lines.push(cosignature(&witness_key(1), &checkpoint, NOW - 100));
    // That of witness 2 is over another tree.
    lines.push(cosignature(&witness_key(2), &signed(4), NOW - 100));
    let note = Note::new(checkpoint.note().text(), lines).unwrap();
    let published = SignedCheckpoint::verify(note, &log_keys()).unwrap();

    let network = Network::new(
        (1..=3)
            .map(|number| Arc::new(Honest::at(number, 5)) as _)
            .collect(),
    );
    let (witnesses, _late) = client(&policy(3, ALL), &network);
    witnesses.remember(&published);
    let round = witnesses.cosign(&published, proofs(), Ask::Missing).await;
    assert!(round.quorum);
    assert_eq!(network.asked(1), [], "it has cosigned");
    assert_eq!(network.asked(2), [(0, 5), (5, 5)]);
    let round = witnesses.cosign(&signed(8), proofs(), Ask::Missing).await;
    assert!(round.quorum);
    assert_eq!(network.asked(1), [(5, 8)]);
}

#[tokio::test(start_paused = true)]
async fn the_guard_s_probe_says_what_the_log_has_published_and_waits_for_all() {
    let mut services: Vec<Arc<dyn Service>> = vec![Arc::new(Honest::at(1, 5))];
    services.push(Arc::new(Honest {
        delay: Duration::from_secs(9),
        ..Honest::at(2, 5)
    }));
    services.push(Arc::new(Silent));
    let network = Network::new(services);
    let any = policy(3, "group one any w1 w2 w3\nquorum one\n");
    let (witnesses, _late) = client(&any, &network);
    let began = Instant::now();
    let round = witnesses.probe(&signed(5), proofs(), Instant::now()).await;
    assert_eq!(began.elapsed(), Duration::from_secs(10));
    let outcomes: Vec<_> = round.answers.iter().map(|answer| &answer.outcome).collect();
    assert_eq!(outcomes[..2], [&Outcome::Cosigned, &Outcome::Cosigned]);
    assert!(!matches!(outcomes[2], Outcome::Cosigned));
    assert_eq!(network.asked(1), [(5, 5)]);
}

#[tokio::test(start_paused = true)]
async fn without_a_quorum_to_wait_for_a_round_ends_at_once() {
    let network = Network::new(vec![Arc::new(Honest::slow(1, Duration::from_secs(1)))]);
    let (witnesses, mut late) = client(&policy(1, "quorum none\n"), &network);
    let began = Instant::now();
    let round = witnesses.cosign(&signed(5), proofs(), Ask::Missing).await;
    assert!(round.quorum);
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(late.recv().await.unwrap().lines.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_round_that_is_cancelled_leaves_its_requests_alone_and_closing_does_not() {
    let network = Network::new(vec![Arc::new(Honest::slow(1, Duration::from_secs(2)))]);
    let (witnesses, mut late) = client(&policy(1, "quorum w1\n"), &network);
    let checkpoint = signed(5);
    let round = witnesses.cosign(&checkpoint, proofs(), Ask::Missing);
    assert!(
        tokio::time::timeout(Duration::from_secs(1), round)
            .await
            .is_err()
    );
    assert_eq!(late.recv().await.unwrap().size, TreeSize::new(5));

    let checkpoint = signed(6);
    let round = witnesses.cosign(&checkpoint, proofs(), Ask::Missing);
    assert!(
        tokio::time::timeout(Duration::from_secs(1), round)
            .await
            .is_err()
    );
    assert_eq!(network.under_way(), 1);
    witnesses.close().await;
    assert_eq!(network.under_way(), 0);
    assert_eq!(network.asked(1), [(0, 5), (5, 6)]);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_of_late_ones_loses_nothing() {
    let network = Network::new(vec![Arc::new(Honest::slow(1, Duration::from_secs(1)))]);
    let policy = policy(1, "quorum none\n");
    let (witnesses, mut late) = client(&policy, &network);
    for size in 1..=10 {
        witnesses
            .cosign(&signed(size), proofs(), Ask::Missing)
            .await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let mut told = 0;
    while late.try_recv().is_ok() {
        told += 1;
    }
    assert_eq!(told, 8, "as many as the queue takes");
    let round = witnesses.cosign(&signed(10), proofs(), Ask::Missing).await;
    assert_eq!(round.cosignatures.len(), 1);
}

//! What witnesses show under their monitoring prefixes.

use std::sync::Arc;

use counterfoil_log_server::witnesses::{
    Answer, Ask, Options, Request, Seen, Transport, WitnessName, Witnesses,
};
use counterfoil_tiles::checkpoint::{Checkpoint, Origin};
use counterfoil_tiles::cosignature::sign_as_log;
use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::key::Algorithm;
use counterfoil_tiles::note::Note;
use tokio::sync::mpsc;

use crate::fake::{
    Answering, Honest, Network, Service, Silent, answer, client, conflict, key, log_keys, options,
    policy, proofs, root, signed,
};

/// A name, what the witness does, and the size that comes of it or words of the trouble.
type Row = (
    &'static str,
    Arc<dyn Service>,
    Result<Option<u64>, &'static str>,
);

#[tokio::test(start_paused = true)]
async fn what_witnesses_show_counts_with_our_signature_only() {
    let page = |body: String| answer(200, "text/plain", body);
    let forged = |size| {
        let text = signed(size).note().text().to_owned();
        let lines = signed(size - 1).note().signatures().to_vec();
        Note::new(&text, lines).unwrap().to_string()
    };
    let other_log = {
        let origin = Origin::new("other.example/log").unwrap();
        let other = key("other.example/log", Algorithm::Ed25519, 3);
        let checkpoint = Checkpoint::new(origin, TreeSize::new(9), root(9));
        let line = sign_as_log(&other, &checkpoint).unwrap();
        Note::new(&checkpoint.to_string(), vec![line])
            .unwrap()
            .to_string()
    };
    let always = |answer: Answer| -> Arc<dyn Service> {
        Arc::new(Answering(move |_: &Request| Ok(answer.clone())))
    };
    let rows: Vec<Row> = vec![
        (
            "a signed checkpoint",
            Arc::new(Honest::at(1, 9)),
            Ok(Some(9)),
        ),
        ("never cosigned", Arc::new(Honest::at(1, 0)), Ok(None)),
        (
            "a forged signature",
            always(page(forged(9))),
            Err("does not verify"),
        ),
        (
            "another log's checkpoint",
            always(page(other_log)),
            Err("no log with the origin"),
        ),
        ("no checkpoint", always(page("<html>\n".into())), Err("")),
        (
            "too much",
            always(page("x".repeat(65_537))),
            Err("more than 65536 bytes"),
        ),
        (
            "trouble",
            always(answer(500, "text/plain", "down\n")),
            Err("answered 500"),
        ),
        ("a size", always(conflict(9)), Err("answered 409")),
        (
            "nothing",
            Arc::new(Silent),
            Err("no whole answer within 10.0 s"),
        ),
    ];
    for (name, service, want) in rows {
        let network = Network::new(vec![service]);
        let (witnesses, _late) = client(&policy(1, "quorum w1\n"), &network);
        let Seen { checkpoint, .. } = witnesses.latest().await.remove(0);
        match (checkpoint, want) {
            (Ok(found), Ok(want)) => {
                let found = found.map(|signed| signed.checkpoint().size().get());
                assert_eq!(found, want, "{name}");
            }
            (Err(found), Err(want)) => assert!(found.contains(want), "{name}: {found}"),
            (found, want) => panic!("{name}: expected {want:?}, found {found:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_monitoring_prefix_is_the_submission_prefix_or_another() {
    // printf log.example/test | sha256sum
    let hash = "532213b32bedae37190eb28363b6649263a853635665635438635cced0bf4be0";
    for (given, url) in [
        (
            vec![],
            format!("https://w1.example/submit/{hash}/checkpoint"),
        ),
        (
            vec![(
                WitnessName::new("w1"),
                "https://cdn.example/monitor/".to_owned(),
            )],
            format!("https://cdn.example/monitor/{hash}/checkpoint"),
        ),
    ] {
        let network = Network::new(vec![]);
        let options = Options {
            monitoring: given,
            ..options()
        };
        let transport = Arc::clone(&network) as Arc<dyn Transport>;
        let policy = policy(1, "quorum w1\n");
        let witnesses =
            Witnesses::new(policy, log_keys(), transport, options, mpsc::channel(1).0).unwrap();
        assert_eq!(witnesses.latest().await[0].url, url);
        let round = witnesses.cosign(&signed(5), proofs(), Ask::Missing).await;
        assert!(!round.quorum);
        let requests = network.requests.lock().unwrap();
        let urls: Vec<_> = requests
            .iter()
            .map(|request| request.url.as_str())
            .collect();
        assert_eq!(
            urls,
            [url.as_str(), "https://w1.example/submit/add-checkpoint"]
        );
    }
}

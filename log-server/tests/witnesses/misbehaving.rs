//! A witness that is slow, lies or talks nonsense costs its own cosignature and no other's.

use std::sync::Arc;

use counterfoil_log_server::witnesses::{
    Answer, Ask, MAX_ANSWER_SIZE, Outcome, Request, Round, TransportError,
};
use counterfoil_tiles::checkpoint::SignedCheckpoint;
use counterfoil_tiles::cosignature::sign_as_log;
use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::key::Algorithm;
use counterfoil_tiles::note::SignatureLine;
use counterfoil_tiles::witness_wire::AddCheckpointRequest;

use crate::fake::{
    Answering, Honest, NOW, Network, Service, Silent, answer, client, conflict, cosignature,
    cosigned, key, log_key, log_keys, policy, proofs, signed, signed_with, witness_key,
};

/// What a witness answers about the checkpoint that it is shown.
fn about(answer: impl Fn(&SignedCheckpoint) -> Answer + Send + Sync + 'static) -> Arc<dyn Service> {
    Arc::new(Answering(move |request: &Request| {
        let request = AddCheckpointRequest::parse(&request.body).unwrap();
        Ok(answer(
            &SignedCheckpoint::verify(request.note().clone(), &log_keys()).unwrap(),
        ))
    }))
}

fn always(answer: Answer) -> Arc<dyn Service> {
    Arc::new(Answering(move |_: &Request| Ok(answer.clone())))
}

fn good(signed: &SignedCheckpoint) -> SignatureLine {
    cosignature(&witness_key(3), signed, NOW)
}

/// A line that says it is by witness 3 and is by somebody else.
fn forged(signed: &SignedCheckpoint) -> SignatureLine {
    let own = witness_key(3);
    let other = cosignature(&witness_key(9), signed, NOW);
    SignatureLine::new(own.name().clone(), own.id(), other.signature().to_vec()).unwrap()
}

fn many(count: u8, last: SignatureLine) -> Answer {
    let unknown = (0..count).map(|seed| key("stranger.example", Algorithm::CosignatureV1, seed));
    let mut lines: Vec<_> = unknown
        .map(|key| cosignature(&key, &signed(5), NOW))
        .collect();
    lines.push(last);
    cosigned(&lines)
}

fn plain(status: u16, body: &'static str) -> Answer {
    answer(status, "text/plain; charset=utf-8", body)
}

/// A name, what witness 3 does, and how the outcome's words begin.
type Row = (&'static str, Arc<dyn Service>, &'static str);

fn no_answer() -> Vec<Row> {
    let refuses = |_: &Request| Err(TransportError::NotReached("connection refused".into()));
    let endless = |_: &Request| {
        Err(TransportError::TooLarge {
            limit: MAX_ANSWER_SIZE,
        })
    };
    vec![
        (
            "refuses the connection",
            Arc::new(Answering(refuses)),
            "no connection: connection refused",
        ),
        ("never answers", Arc::new(Silent), "has not answered yet"),
        (
            "never stops answering",
            Arc::new(Answering(endless)),
            "the answer has more than 65536",
        ),
        (
            "a byte over the limit, by a transport without one",
            always(answer(200, "text/plain", vec![b'x'; MAX_ANSWER_SIZE + 1])),
            "the answer has more than 65536 bytes",
        ),
    ]
}

fn not_cosignatures() -> Vec<Row> {
    let nothing = "its answer counts for nothing: ";
    let other_name = || key("witness.example/w3", Algorithm::CosignatureV1, 33);
    vec![
        ("says nothing", always(plain(200, "")), nothing),
        (
            "talks nonsense",
            always(plain(200, "<html>Welcome</html>\n")),
            nothing,
        ),
        (
            "sends bytes that are no text",
            always(answer(200, "text/plain", vec![0xff; 40])),
            nothing,
        ),
        (
            "leaves out the last newline",
            about(|signed| plain_owned(200, good(signed).to_string())),
            nothing,
        ),
        (
            "ends its lines by CRLF",
            about(|signed| plain_owned(200, format!("{}\r\n", good(signed)))),
            nothing,
        ),
        (
            "sends the whole checkpoint back",
            about(|signed| plain_owned(200, signed.note().to_string())),
            nothing,
        ),
        (
            "signs by another key under its name and ID",
            about(|signed| cosigned(&[forged(signed)])),
            nothing,
        ),
        (
            "signs by a key that the policy does not have",
            about(move |signed| cosigned(&[cosignature(&other_name(), signed, NOW)])),
            "its answer counts for nothing: no cosignature by witness.example/w3+",
        ),
        (
            "sends the cosignature of another witness only",
            about(|signed| cosigned(&[cosignature(&witness_key(1), signed, NOW)])),
            "its answer counts for nothing: no cosignature by witness.example/w3+",
        ),
        (
            "cosigns another size",
            always(cosigned(&[good(&signed(4))])),
            nothing,
        ),
        (
            "cosigns another root",
            always(cosigned(&[good(&signed_with(5, "fork"))])),
            nothing,
        ),
        (
            "says nothing about the time",
            about(|signed| cosigned(&[cosignature(&witness_key(3), signed, 0)])),
            "its answer counts for nothing: the cosignature of a checkpoint has timestamp 0",
        ),
        (
            "signs six minutes from now",
            about(|signed| cosigned(&[cosignature(&witness_key(3), signed, NOW + 360)])),
            "its answer counts for nothing: the cosignature by witness.example/w3+",
        ),
        (
            "repeats the log's signature",
            about(|signed| cosigned(&[sign_as_log(&log_key(), signed.checkpoint()).unwrap()])),
            "its answer counts for nothing: no cosignature by",
        ),
        (
            "sends one good line and one bad line",
            about(|signed| cosigned(&[good(signed), forged(signed)])),
            nothing,
        ),
        (
            "sends a bad line of another witness beside its own",
            about(|signed| {
                let line = cosignature(&witness_key(1), &signed_with(5, "fork"), NOW);
                cosigned(&[good(signed), line])
            }),
            nothing,
        ),
        (
            "sends 101 lines",
            about(|signed| many(100, good(signed))),
            nothing,
        ),
    ]
}

fn plain_owned(status: u16, body: String) -> Answer {
    answer(status, "text/plain", body)
}

/// What may be repeated of them in a line of the log is a small part.
fn long_answers() -> Vec<Row> {
    let nothing = "its answer counts for nothing: ";
    vec![
        (
            "sends a line of 60,000 characters",
            always(answer(200, "text/plain", vec![b'x'; 60_000])),
            nothing,
        ),
        (
            "sends a signature line with a name of 60,000 characters",
            always(plain_owned(
                200,
                format!("\u{2014} {} AAAAAA==\n", "x".repeat(60_000)),
            )),
            nothing,
        ),
        (
            "409 with a content type of 60,000 characters",
            always(answer(409, &"x".repeat(60_000), "3\n")),
            nothing,
        ),
        (
            "503 with a line of 60,000 characters",
            always(answer(503, "text/plain", vec![b'x'; 60_000])),
            "answered 503",
        ),
    ]
}

fn conflicts_and_others() -> Vec<Row> {
    let size = |body: &'static str| always(answer(409, "text/x.tlog.size", body));
    let nothing = "its answer counts for nothing: 409";
    let loops = |request: &Request| {
        let request = AddCheckpointRequest::parse(&request.body).unwrap();
        Ok(conflict((request.old_size().get() + 1) % 4))
    };
    vec![
        (
            "409 without the content type",
            always(plain(409, "3\n")),
            nothing,
        ),
        ("409 without a number", size("three\n"), nothing),
        ("409 with nothing", size(""), nothing),
        ("409 with a leading zero", size("03\n"), nothing),
        ("409 without a newline", size("3"), nothing),
        (
            "409 beyond 64 bits",
            size("18446744073709551616\n"),
            nothing,
        ),
        (
            "409 above our size",
            always(conflict(6)),
            "says that it has cosigned a larger tree, of size 6",
        ),
        (
            "409 again and again",
            Arc::new(Answering(loops)),
            "says that it has size 2: and before that 1",
        ),
        (
            "409 with the size that was sent",
            always(conflict(0)),
            "says that it has size 0: which is what",
        ),
        (
            "redirects",
            always(plain(302, "")),
            "answered 302: it redirects",
        ),
        (
            "400",
            always(plain(400, "bad\n")),
            "answered 400: it calls the request malformed (its words: \"bad\")",
        ),
        (
            "403",
            always(plain(403, "no\n")),
            "answered 403: it does not take the log's signature",
        ),
        (
            "404",
            always(plain(404, "")),
            "answered 404: it does not know this log",
        ),
        (
            "422",
            always(plain(422, "")),
            "answered 422: it says that this tree does not extend",
        ),
        (
            "429",
            always(plain(429, "")),
            "answered 429: it is asked too often",
        ),
        (
            "503",
            always(plain(503, "\u{7}down\n")),
            "answered 503: it is in trouble (its words: \"\\u{7}down\")",
        ),
        (
            "204",
            always(plain(204, "")),
            "answered 204: an answer that tlog-witness does not know",
        ),
        (
            "201 with good cosignatures",
            about(|signed| Answer {
                status: 201,
                ..cosigned(&[good(signed)])
            }),
            "answered 201",
        ),
    ]
}

async fn round(third: &Arc<dyn Service>, quorum: &str) -> Round {
    let network = Network::new(vec![
        Arc::new(Honest::new(1)),
        Arc::new(Honest::new(2)),
        Arc::clone(third),
    ]);
    let policy = policy(
        3,
        &format!("group all-of-them {quorum} w1 w2 w3\nquorum all-of-them\n"),
    );
    let (witnesses, _late) = client(&policy, &network);
    witnesses.cosign(&signed(5), proofs(), Ask::Missing).await
}

#[tokio::test(start_paused = true)]
async fn a_bad_witness_costs_its_own_cosignature_and_no_other() {
    let rows = [
        no_answer(),
        not_cosignatures(),
        conflicts_and_others(),
        long_answers(),
    ];
    for (name, third, words) in rows.concat() {
        let all = round(&third, "all").await;
        assert!(!all.quorum, "{name}: it must not count");
        let found = all.answers[2].outcome.to_string();
        assert!(found.starts_with(words), "{name}: {found:?}");
        assert!(found.len() < 500, "{name}: {} bytes", found.len());
        let signers: Vec<_> = all
            .cosignatures
            .iter()
            .map(|one| one.by.name.to_string())
            .collect();
        assert_eq!(
            signers,
            ["witness.example/w1", "witness.example/w2"],
            "{name}"
        );
        assert!(
            all.trouble().contains("w3 (https://w3.example/submit) "),
            "{name}: {}",
            all.trouble()
        );

        let two = round(&third, "2").await;
        assert!(two.quorum, "{name}: the others suffice");
        let policy = policy(3, "group two 2 w1 w2 w3\nquorum two\n");
        let note = two.cosigned(signed(5).note(), &policy).unwrap();
        assert_eq!(
            policy.verify(note).unwrap().cosignatures().len(),
            2,
            "{name}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_good_witness_may_do() {
    // SPEC(tlog-witness): "The client MUST ignore any cosignatures from unknown keys."
    let rows: Vec<(&str, Arc<dyn Service>)> = vec![
        ("cosigns", about(|signed| cosigned(&[good(signed)]))),
        (
            "repeats its line",
            about(|signed| cosigned(&[good(signed), good(signed)])),
        ),
        (
            "sends 16 lines of strangers before its own",
            about(|signed| many(16, good(signed))),
        ),
        (
            "has a clock that is four minutes fast",
            about(|signed| cosigned(&[cosignature(&witness_key(3), signed, NOW + 240)])),
        ),
        (
            "has a clock that is years slow",
            about(|signed| cosigned(&[cosignature(&witness_key(3), signed, 1)])),
        ),
        (
            "says nothing about the content",
            about(|signed| Answer {
                content_type: None,
                ..cosigned(&[good(signed)])
            }),
        ),
    ];
    for (name, third) in rows {
        let round = round(&third, "all").await;
        assert!(round.quorum, "{name}: {}", round.trouble());
        assert_eq!(round.cosignatures.len(), 3, "{name}");
        assert_eq!(round.trouble(), "", "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_several_lines_by_one_key_the_newest_counts() {
    let third = about(|signed| {
        let at = |time| cosignature(&witness_key(3), signed, time);
        cosigned(&[at(NOW - 2), at(NOW), at(NOW - 1)])
    });
    let round = round(&third, "all").await;
    assert_eq!(round.cosignatures.len(), 3);
    assert_eq!(round.cosignatures[2].by.timestamp.unwrap().seconds(), NOW);
}

#[tokio::test(start_paused = true)]
async fn a_larger_number_is_told_and_not_followed() {
    let network = Network::new(vec![always(conflict(6))]);
    let (witnesses, _late) = client(&policy(1, "quorum w1\n"), &network);
    let round = witnesses.cosign(&signed(5), proofs(), Ask::Missing).await;
    let ahead: Vec<_> = round.ahead().map(|(_, size)| size).collect();
    assert_eq!(ahead, [TreeSize::new(6)]);
    assert_eq!(network.asked(1), [(0, 5)], "no second request");
    assert!(matches!(round.answers[0].outcome, Outcome::Ahead { .. }));
}

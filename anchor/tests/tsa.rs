//! Authorities that misbehave: each is named, and none hangs or fills anything.

mod common;

use std::time::Duration;

use common::tsa::{Does, FakeTsa};
use counterfoil_anchor::moment;
use counterfoil_anchor::tsa::Misbehaviour;

const DATA: &[u8] = b"a signed checkpoint";
const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_good_token_is_taken() {
    let authority = FakeTsa::start("tsa").await;
    let before = moment::now();
    let token = authority.tsa(LONG).stamp(DATA, moment::now).await.unwrap();
    assert!((before..=moment::now()).contains(&token.gen_time));
    assert_eq!(token.chain.len(), 2);
}

#[tokio::test]
async fn each_misbehaviour_is_named() {
    let short = Duration::from_millis(200);
    let rows = [
        (
            Does::Hangs,
            short,
            Misbehaviour::Slow,
            "no whole answer within 0.2 s",
        ),
        (Does::ClosesHalfway, LONG, Misbehaviour::Broken, "broke off"),
        (
            Does::Busy,
            LONG,
            Misbehaviour::Status,
            "503 text/plain; charset=utf-8 (9 bytes: \"come back\")",
        ),
        (
            Does::Html,
            LONG,
            Misbehaviour::NotAResponse,
            "expected application/timestamp-reply, got text/html (33 bytes: \"<html><body>Welcome to the portal\")",
        ),
        (Does::Refuses, LONG, Misbehaviour::Rejects, "systemFailure"),
        (Does::WrongNonce, LONG, Misbehaviour::WrongNonce, "nonce"),
        (Does::OtherData, LONG, Misbehaviour::OtherData, "other data"),
        (Does::Untrusted, LONG, Misbehaviour::Untrusted, "another"),
        (
            Does::OldToken,
            LONG,
            Misbehaviour::Stale,
            "before it was asked for",
        ),
        (
            Does::FromTheFuture,
            LONG,
            Misbehaviour::Future,
            "after it came",
        ),
        (
            Does::HundredMegabytes,
            LONG,
            Misbehaviour::TooLong,
            "more than 266240 bytes",
        ),
    ];
    let authority = FakeTsa::start("tsa").await;
    for (does, deadline, misbehaviour, reason) in rows {
        authority.does(does);
        let stamped = authority.tsa(deadline).stamp(DATA, moment::now).await;
        let error = stamped.unwrap_err();
        assert_eq!(error.misbehaviour, misbehaviour, "{does:?}: {error}");
        assert!(error.reason.contains(reason), "{does:?}: {error}");
        let asked = (does == Does::Busy).then_some(Duration::from_secs(7));
        assert_eq!(error.retry_after, asked, "{does:?}");
    }
    let tsa = authority.tsa(LONG);
    drop(authority);
    // The socket is closed when the server's task has ended.
    let error = loop {
        match tsa.stamp(DATA, moment::now).await {
            Err(error) if error.misbehaviour == Misbehaviour::Down => break error,
            _ => tokio::task::yield_now().await,
        }
    };
    assert!(error.reason.contains("no connection"), "{error}");
}

#[tokio::test]
async fn credentials_in_an_address_are_not_shown() {
    let authority = FakeTsa::start("tsa").await;
    let tsa = authority.tsa(LONG);
    let mut url: url::Url = tsa.public_url().parse().unwrap();
    url.set_username("user").unwrap();
    url.set_password(Some("secret")).unwrap();
    let client = counterfoil_service::client::Client::new(
        &counterfoil_service::client::ClientOptions::default(),
    )
    .unwrap();
    let with = counterfoil_anchor::tsa::Tsa::new(
        tsa.name().clone(),
        url,
        tsa.judge().clone(),
        client,
        counterfoil_anchor::tsa::TsaOptions::default(),
    );
    assert_eq!(with.public_url(), tsa.public_url());
    assert!(with.stamp(DATA, moment::now).await.is_ok());
}

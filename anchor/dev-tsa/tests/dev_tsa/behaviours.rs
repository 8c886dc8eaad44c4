//! Each behaviour does what it says, and nothing else.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use counterfoil_dev_tsa::{Behaviour, Clock, DevTsa, Options, Reason};

use crate::support::{Openssl, QUERY, client, get, post, put, start};

const CHECKPOINT: &str = "log.example/1\n3\nroot\n";

/// An authority that behaves so, and OpenSSL that knows its chain.
async fn misbehaving(behaviour: Behaviour) -> Option<(DevTsa, Openssl)> {
    let openssl = Openssl::find()?;
    let tsa = start(Options {
        behaviour,
        ..Options::default()
    })
    .await;
    openssl.write_chain(&tsa);
    Some((tsa, openssl))
}

/// Demands that OpenSSL refuses for this reason, and with these arguments instead finds all else right.
fn refused(openssl: &Openssl, arguments: &str, reason: &str, right: &str) {
    let said = openssl.verify(arguments);
    assert!(
        !said.success && said.text.contains(reason),
        "expected {reason:?}: {}",
        said.text
    );
    let said = openssl.verify(right);
    assert!(said.success, "{}", said.text);
}

const REQUEST: &str = "-queryfile request.tsq";
const DATA: &str = "-data data";

#[tokio::test]
async fn slow_answers_right_but_late() {
    let Some((tsa, openssl)) = misbehaving(Behaviour::Slow(Duration::from_millis(10))).await else {
        return;
    };
    openssl.stamp(&tsa, CHECKPOINT).await;
    assert!(openssl.verify(REQUEST).success);

    // Whoever does not wait for it has no answer.
    tsa.behave(Behaviour::Slow(Duration::from_hours(1)));
    let request = client()
        .post(tsa.tsr_url())
        .header("content-type", QUERY)
        .timeout(Duration::from_millis(200))
        .body(openssl.read("request.tsq"));
    assert!(request.send().await.unwrap_err().is_timeout());
}

#[tokio::test]
async fn down_closes_the_connection_and_serves_the_rest() {
    let tsa = start(Options {
        behaviour: Behaviour::Down,
        ..Options::default()
    })
    .await;
    let request = client()
        .post(tsa.tsr_url())
        .header("content-type", QUERY)
        .body(Vec::new());
    let error = request.send().await.unwrap_err();
    assert!(error.is_request() && error.status().is_none(), "{error:?}");
    assert_eq!(get(&format!("{}/root.crl", tsa.url())).await.status, 200);
}

#[tokio::test]
async fn unavailable_html_and_huge_are_no_responses() {
    let tsa = start(Options::default()).await;
    let ask = || post_anything(&tsa);

    tsa.behave(Behaviour::Unavailable);
    assert_eq!(ask().await.status().as_u16(), 503);

    tsa.behave(Behaviour::Html);
    let page = ask().await;
    assert_eq!(page.status().as_u16(), 200);
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert!(page.text().await.unwrap().starts_with("<!DOCTYPE html>"));

    tsa.behave("huge".parse().unwrap());
    let mut huge = ask().await;
    assert_eq!(
        huge.headers()["content-type"],
        "application/timestamp-reply"
    );
    let first = huge.chunk().await.unwrap().unwrap();
    // A SEQUENCE of 99,999,994 bytes, as the length of the body promises.
    assert_eq!(first[..6], [0x30, 0x84, 0x05, 0xf5, 0xe0, 0xfa]);
    let mut length = first.len();
    while let Some(chunk) = huge.chunk().await.unwrap() {
        length += chunk.len();
    }
    assert_eq!(length, 100_000_000);
}

async fn post_anything(tsa: &DevTsa) -> reqwest::Response {
    let request = client().post(tsa.tsr_url()).header("content-type", QUERY);
    request.body(Vec::new()).send().await.unwrap()
}

#[tokio::test]
async fn rejects_with_a_status_and_a_reason() {
    let Some((tsa, openssl)) = misbehaving(Behaviour::Rejects).await else {
        return;
    };
    openssl.stamp(&tsa, CHECKPOINT).await;
    let text = openssl.text();
    assert!(text.contains("Status: Rejected."), "{text}");
    assert!(text.contains("the authority was told to reject"), "{text}");
    assert!(
        text.contains("Failure info: the request cannot be handled due to system failure"),
        "{text}"
    );
    assert!(text.contains("TST info:\nNot included."), "{text}");
}

#[tokio::test]
async fn wrong_nonce_is_wrong_in_the_nonce_alone() {
    let Some((tsa, openssl)) = misbehaving(Behaviour::WrongNonce).await else {
        return;
    };
    openssl.stamp(&tsa, CHECKPOINT).await;
    refused(&openssl, REQUEST, "nonce mismatch", DATA);
}

#[tokio::test]
async fn stale_is_an_earlier_answer_or_as_old_as_one() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tsa = start(Options {
        clock: Clock::standing_at(at()),
        ..Options::default()
    })
    .await;
    openssl.write_chain(&tsa);
    let attime = seconds(at());
    let (request, data) = (
        format!("{REQUEST} -attime {attime}"),
        format!("{DATA} -attime {attime}"),
    );

    let first = openssl.stamp(&tsa, CHECKPOINT).await;
    tsa.behave(Behaviour::Stale);
    let second = openssl.stamp(&tsa, CHECKPOINT).await;
    assert_eq!(first.body, second.body);
    refused(&openssl, &request, "nonce mismatch", &data);

    openssl.stamp(&tsa, "log.example/1\n4\nanother\n").await;
    assert!(
        openssl
            .text()
            .contains("Time stamp: Sep 21 12:13:30 2026 GMT"),
        "{}",
        openssl.text()
    );
    refused(&openssl, &request, "nonce mismatch", &data);
}

/// 2026-09-21 13:13:30.
fn at() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_789_996_410)
}

fn seconds(time: SystemTime) -> String {
    time.duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
        .to_string()
}

#[tokio::test]
async fn past_and_future_differ_in_gen_time_alone() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tsa = start(Options {
        clock: Clock::standing_at(at()),
        ..Options::default()
    })
    .await;
    openssl.write_chain(&tsa);
    for (behaviour, time) in [
        ("honest", "Sep 21 13:13:30 2026 GMT"),
        ("past", "Sep 20 13:13:30 2026 GMT"),
        ("past=10", "Sep 21 13:13:20 2026 GMT"),
        ("future", "Sep 22 13:13:30 2026 GMT"),
        ("future=10", "Sep 21 13:13:40 2026 GMT"),
    ] {
        tsa.behave(behaviour.parse().unwrap());
        openssl.stamp(&tsa, CHECKPOINT).await;
        let text = openssl.text();
        assert!(
            text.contains(&format!("Time stamp: {time}")),
            "{behaviour}: {text}"
        );
        let said = openssl.verify(&format!("{REQUEST} -attime {}", seconds(at())));
        assert!(said.success, "{behaviour}: {}", said.text);
    }
}

#[tokio::test]
async fn other_data_is_a_right_token_over_another_digest() {
    let Some((tsa, openssl)) = misbehaving(Behaviour::OtherData).await else {
        return;
    };
    openssl.stamp(&tsa, CHECKPOINT).await;
    let said = openssl.must("dgst -sha256 -r data");
    let digest: String = said[..64]
        .chars()
        .map(|digit| char::from_digit(15 - digit.to_digit(16).unwrap(), 16).unwrap())
        .collect();
    refused(
        &openssl,
        REQUEST,
        "message imprint mismatch",
        &format!("-digest {digest}"),
    );
    refused(
        &openssl,
        DATA,
        "message imprint mismatch",
        &format!("-digest {digest}"),
    );
}

#[tokio::test]
async fn wrong_policy_is_not_the_one_asked_for() {
    let Some((tsa, openssl)) = misbehaving(Behaviour::WrongPolicy).await else {
        return;
    };
    let policy = tsa.policy();
    openssl
        .ask(&tsa, CHECKPOINT, &format!("-cert -tspolicy {policy}"))
        .await;
    refused(&openssl, REQUEST, "policy mismatch", DATA);
    assert!(!openssl.text().contains(&format!("Policy OID: {policy}\n")));
    tsa.behave(Behaviour::Honest);
    openssl
        .ask(&tsa, CHECKPOINT, &format!("-cert -tspolicy {policy}"))
        .await;
    assert!(openssl.verify(REQUEST).success);
    assert!(openssl.text().contains(&format!("Policy OID: {policy}\n")));
}

#[tokio::test]
async fn bad_signature_is_one_bit_away_from_a_good_one() {
    let Some((tsa, openssl)) = misbehaving(Behaviour::BadSignature).await else {
        return;
    };
    openssl.stamp(&tsa, CHECKPOINT).await;
    let said = openssl.verify(REQUEST);
    assert!(
        !said.success && said.text.contains("signature failure"),
        "{}",
        said.text
    );
    // The last bit of the signature, which is the last of the response.
    let mut response = openssl.read("response.tsr");
    *response.last_mut().unwrap() ^= 1;
    openssl.write("response.tsr", response);
    assert!(openssl.verify(REQUEST).success);
}

#[tokio::test]
async fn untrusted_has_the_same_names_under_another_root() {
    let Some((tsa, openssl)) = misbehaving(Behaviour::Untrusted).await else {
        return;
    };
    openssl.stamp(&tsa, CHECKPOINT).await;
    let names = |text: String| {
        let mut names: Vec<_> = text
            .lines()
            .filter(|line| line.contains("Subject:") || line.contains("Issuer:"))
            .map(str::to_owned)
            .collect();
        names.sort();
        names
    };
    let untrusted = names(openssl.certificates());
    let said = openssl.verify(DATA);
    assert!(
        !said.success && said.text.contains("certificate verify error"),
        "{}",
        said.text
    );
    // Under its own certificates it is right.
    let said = openssl
        .run("ts -verify -in response.tsr -queryfile request.tsq -CAfile token.pem -partial_chain");
    assert!(said.success, "{}", said.text);

    tsa.behave(Behaviour::Honest);
    openssl.stamp(&tsa, CHECKPOINT).await;
    assert_eq!(names(openssl.certificates()), untrusted);
    assert!(openssl.verify(REQUEST).success);
}

#[tokio::test]
async fn no_certificates_leaves_them_to_be_had_elsewhere() {
    let Some((tsa, openssl)) = misbehaving(Behaviour::NoCertificates).await else {
        return;
    };
    openssl.stamp(&tsa, CHECKPOINT).await;
    assert!(!openssl.certificates().contains("Subject:"));
    let chain = [openssl.read("tsa.pem"), openssl.read("intermediate.pem")].concat();
    openssl.write("chain.pem", chain);
    let right = format!("{REQUEST} -untrusted chain.pem");
    refused(&openssl, REQUEST, "signer certificate not found", &right);
}

#[tokio::test]
async fn expired_was_right_two_years_ago() {
    let Some((tsa, openssl)) = misbehaving(Behaviour::Expired).await else {
        return;
    };
    openssl.stamp(&tsa, CHECKPOINT).await;
    let then = seconds(SystemTime::now() - Duration::from_hours(2 * 365 * 24));
    let right = format!("{REQUEST} -attime {then}");
    refused(&openssl, REQUEST, "certificate has expired", &right);
}

#[tokio::test]
async fn extended_key_usage_is_not_critical_or_not_sole() {
    let Some((tsa, openssl)) = misbehaving(Behaviour::EkuNotCritical).await else {
        return;
    };
    for (behaviour, usage) in [
        (
            Behaviour::EkuNotCritical,
            "Usage: \n                Time Stamping\n",
        ),
        (
            Behaviour::EkuNotSole,
            "Usage: critical\n                Time Stamping, Code Signing\n",
        ),
    ] {
        tsa.behave(behaviour);
        openssl.stamp(&tsa, CHECKPOINT).await;
        let text = openssl.certificates();
        assert!(
            text.contains(&format!("X509v3 Extended Key {usage}")),
            "{text}"
        );
        let said = openssl.verify(REQUEST);
        assert!(
            !said.success && said.text.contains("unsuitable certificate purpose"),
            "{}",
            said.text
        );
        // The rest is right, for those who do not look.
        openssl.must(
            "cms -verify -inform DER -in token.der -CAfile root.pem -purpose any -out info.der",
        );
    }
}

#[tokio::test]
async fn a_revoked_certificate_goes_on_signing() {
    let Some((tsa, openssl)) = misbehaving(Behaviour::Revoked(Some(Reason::KeyCompromise))).await
    else {
        return;
    };
    openssl.stamp(&tsa, CHECKPOINT).await;
    assert!(openssl.verify(REQUEST).success);
}

#[tokio::test]
async fn revocation_data_are_withheld_and_tokens_given() {
    let Some((tsa, openssl)) = misbehaving(Behaviour::NoRevocationData).await else {
        return;
    };
    for path in ["root.crl", "intermediate.crl", "ocsp/AAAA"] {
        assert_eq!(
            get(&format!("{}/{path}", tsa.url())).await.status,
            503,
            "{path}"
        );
    }
    let ocsp = format!("{}/ocsp", tsa.url());
    assert_eq!(
        post(&ocsp, "application/ocsp-request", Vec::new())
            .await
            .status,
        503
    );
    openssl.stamp(&tsa, CHECKPOINT).await;
    assert!(openssl.verify(REQUEST).success);
}

#[tokio::test]
async fn the_behaviour_is_told_and_changed_over_http() {
    let tsa = start(Options::default()).await;
    let url = format!("{}/behaviour", tsa.url());
    assert_eq!(get(&url).await.body, b"honest\n");
    for name in Behaviour::NAMES {
        let behaviour: Behaviour = name.parse().unwrap();
        assert_eq!(put(&url, name).await.status, 200, "{name}");
        assert_eq!(tsa.behaviour(), behaviour);
        assert_eq!(get(&url).await.body, format!("{behaviour}\n").into_bytes());
    }
    let refused = put(&url, "evil").await;
    assert_eq!(refused.status, 400);
    let text = String::from_utf8(refused.body).unwrap();
    assert!(
        text.contains("\"evil\"") && text.contains("wrong-nonce"),
        "{text}"
    );
    assert_eq!(
        post(&url, "text/plain", b"honest".to_vec()).await.status,
        404
    );
    assert_eq!(tsa.behaviour(), Behaviour::NoRevocationData);
}

#[tokio::test]
async fn the_page_says_what_it_is() {
    let tsa = start(Options::default()).await;
    let page = get(tsa.url()).await;
    let text = String::from_utf8(page.body).unwrap();
    assert!(text.contains("<h1 style=\"color: #c00\">DEVELOPMENT ONLY</h1>"));
    assert!(text.contains("prove nothing"));
}

//! The verifier, which has no special case for this authority: what is honest is good, and each behaviour fails in the check
//! that it is about, and in no other.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use counterfoil_dev_tsa::{Algorithm, Behaviour, Clock, DevTsa, Options};
use counterfoil_rfc3161::{
    Certificate, CheckName, Covers, HashAlgorithm, Imprint, Judgement, Nonce, Oid, Outcome,
    Question, Request, ResponseError, Timestamp, parse_response, verify,
};

use crate::support::{Openssl, QUERY, post, start};

pub(crate) const DATA: &[u8] = b"log.example/1\n3\nroot\n";

pub(crate) fn seconds(time: SystemTime) -> Timestamp {
    let age = time.duration_since(UNIX_EPOCH).unwrap().as_secs();
    Timestamp::from_seconds(i64::try_from(age).unwrap())
}

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

fn nonce() -> Nonce {
    Nonce::new(&[0x8f, 2, 3, 4, 5, 6, 7, 8])
}

fn request(policy: &str) -> Vec<u8> {
    Request {
        imprint: Imprint::of(HashAlgorithm::Sha256, DATA),
        policy: Some(oid(policy)),
        nonce: Some(nonce()),
        certificates: true,
    }
    .to_der()
}

/// The token that the authority gives, judged as by one who asked for it at this time.
fn judged(tsa: &DevTsa, extra: &[Certificate], at: SystemTime) -> Judgement {
    let policy = tsa.policy();
    let token = parse_response(&tsa.respond(&request(&policy)).unwrap()).unwrap();
    verify(&Question {
        token: &token,
        covers: Covers::Data(DATA),
        nonce: Some(&nonce()),
        policies: &[oid(&policy)],
        roots: &[Certificate::parse(tsa.root()).unwrap()],
        extra,
        revocation: &[],
        at: Some(seconds(at)),
    })
}

/// The checks that did not pass, and what they came to. Of revocation nothing is given here.
fn troubles(judgement: &Judgement) -> Vec<(CheckName, Outcome)> {
    judgement
        .checks
        .iter()
        .filter(|check| check.outcome != Outcome::Passed && check.name != CheckName::Revocation)
        .map(|check| (check.name, check.outcome))
        .collect()
}

#[tokio::test]
async fn honest_tokens_of_each_algorithm_pass_each_check() {
    for algorithm in Algorithm::ALL {
        let tsa = start(Options {
            algorithm,
            ..Options::default()
        })
        .await;
        let judgement = judged(&tsa, &[], SystemTime::now());
        assert!(judgement.is_good(), "{algorithm}: {judgement:?}");
        assert_eq!(troubles(&judgement), [], "{algorithm}");
        let chain: Vec<_> = judgement.chain.iter().map(Certificate::der).collect();
        assert_eq!(
            chain,
            [tsa.signer(), tsa.intermediate(), tsa.root()],
            "{algorithm}"
        );

        tsa.behave(Behaviour::BadSignature);
        let judgement = judged(&tsa, &[], SystemTime::now());
        let expected = [(CheckName::Signature, Outcome::Failed)];
        assert_eq!(troubles(&judgement), expected, "{algorithm}");
    }
}

#[tokio::test]
async fn each_behaviour_is_found_by_the_check_that_it_is_about_alone() {
    use CheckName as Name;
    use Outcome::{Failed, NotChecked};
    // Stands, so that nothing depends on how long the test takes.
    let clock = Clock::standing_at(SystemTime::now());
    let tsa = start(Options {
        clock: clock.clone(),
        ..Options::default()
    })
    .await;
    let rows: [(&str, &[(Name, Outcome)]); 14] = [
        ("honest", &[]),
        ("wrong-nonce", &[(Name::Nonce, Failed)]),
        ("other-data", &[(Name::Imprint, Failed)]),
        ("wrong-policy", &[(Name::Policy, Failed)]),
        ("bad-signature", &[(Name::Signature, Failed)]),
        // It calls itself by the name of the trusted root, whose key did not issue it.
        (
            "untrusted",
            &[
                (Name::Path, NotChecked),
                (Name::BasicConstraints, NotChecked),
            ],
        ),
        // A verifier has no lower bound for genTime; who asked does.
        ("past", &[]),
        ("future", &[(Name::Time, Failed)]),
        (
            "no-certificates",
            &[
                (Name::SigningCertificate, NotChecked),
                (Name::Signature, NotChecked),
                (Name::KeyUsage, NotChecked),
                (Name::ExtendedKeyUsage, NotChecked),
                (Name::Path, NotChecked),
                (Name::BasicConstraints, NotChecked),
            ],
        ),
        (
            "expired",
            &[(Name::Path, Failed), (Name::BasicConstraints, NotChecked)],
        ),
        ("eku-not-critical", &[(Name::ExtendedKeyUsage, Failed)]),
        ("eku-not-sole", &[(Name::ExtendedKeyUsage, Failed)]),
        // The token itself is right.
        ("revoked=key-compromise", &[]),
        ("no-revocation-data", &[]),
    ];
    for (behaviour, expected) in rows {
        tsa.behave(behaviour.parse().unwrap());
        let judgement = judged(&tsa, &[], clock.now());
        assert_eq!(troubles(&judgement), expected, "{behaviour}: {judgement:?}");
        assert_eq!(judgement.is_good(), expected.is_empty(), "{behaviour}");
    }
}

#[tokio::test]
async fn a_root_that_is_not_trusted_is_not_checked() {
    let tsa = start(Options::default()).await;
    let other = start(Options {
        name: "other".to_owned(),
        ..Options::default()
    })
    .await;
    let judgement = verify(&Question {
        token: &other.stamp(DATA).unwrap(),
        covers: Covers::Data(DATA),
        nonce: None,
        policies: &[],
        roots: &[Certificate::parse(tsa.root()).unwrap()],
        extra: &[],
        revocation: &[],
        at: None,
    });
    assert_eq!(judgement.outcome(CheckName::Path), Outcome::NotChecked);
    assert!(!judgement.is_good() && judgement.first_failure().is_none());
}

#[tokio::test]
async fn a_stale_token_has_another_nonce_and_an_older_time() {
    let clock = Clock::standing_at(SystemTime::now());
    let tsa = start(Options {
        clock: clock.clone(),
        behaviour: Behaviour::Stale,
        ..Options::default()
    })
    .await;
    let judgement = judged(&tsa, &[], clock.now());
    assert_eq!(troubles(&judgement), [(CheckName::Nonce, Outcome::Failed)]);
    let hour_ago = clock.now() - Duration::from_hours(1);
    assert_eq!(
        judgement.gen_time.unwrap().time.seconds(),
        seconds(hour_ago).seconds()
    );
}

#[tokio::test]
async fn certificates_from_elsewhere_stand_in_for_those_left_out() {
    let tsa = start(Options {
        behaviour: Behaviour::NoCertificates,
        ..Options::default()
    })
    .await;
    let extra = [tsa.signer(), tsa.intermediate()].map(|der| Certificate::parse(der).unwrap());
    let judgement = judged(&tsa, &extra, SystemTime::now());
    assert!(judgement.is_good(), "{judgement:?}");
    assert_eq!(
        judged(&tsa, &extra[..1], SystemTime::now()).outcome(CheckName::Path),
        Outcome::NotChecked
    );
}

#[tokio::test]
async fn a_token_of_the_past_is_good_though_its_certificates_have_expired() {
    // 2009-02-13; the certificate of the tokens expired in 2012.
    let then = UNIX_EPOCH + Duration::from_secs(1_234_567_890);
    let tsa = start(Options {
        clock: Clock::standing_at(then),
        ..Options::default()
    })
    .await;
    let judgement = judged(&tsa, &[], SystemTime::now());
    assert!(judgement.is_good(), "{judgement:?}");
    assert_eq!(judgement.gen_time.unwrap().time, seconds(then));
}

#[tokio::test]
async fn a_rejection_and_what_is_no_response_are_told_apart() {
    let tsa = start(Options {
        behaviour: Behaviour::Rejects,
        ..Options::default()
    })
    .await;
    let policy = tsa.policy();
    match parse_response(&tsa.respond(&request(&policy)).unwrap()).unwrap_err() {
        ResponseError::Refused {
            status,
            failures,
            text,
        } => {
            assert_eq!((status, failures), (2, vec!["systemFailure"]));
            assert_eq!(text, ["the authority was told to reject"]);
        }
        other => panic!("expected a refusal: {other}"),
    }
    for behaviour in [
        Behaviour::Html,
        Behaviour::Huge(1_000_000),
        Behaviour::Huge(1000),
    ] {
        tsa.behave(behaviour);
        let answer = post(&tsa.tsr_url(), QUERY, request(&policy)).await;
        let error = parse_response(&answer.body).unwrap_err();
        assert!(
            matches!(error, ResponseError::Encoding(_)),
            "{behaviour}: {error}"
        );
    }
}

#[tokio::test]
async fn tokens_of_openssl_pass_each_check() {
    if Openssl::find().is_none() {
        return;
    }
    let tsa =
        counterfoil_dev_tsa::OpensslTsa::start(counterfoil_dev_tsa::OpensslOptions::default())
            .await
            .unwrap();
    let answer = post(&tsa.tsr_url(), QUERY, request(&tsa.policy())).await;
    let token = parse_response(&answer.body).unwrap();
    let certificate = |body: Vec<u8>| Certificate::parse(&body).unwrap();
    let root = crate::support::get(&format!("{}/root.cer", tsa.url())).await;
    let judgement = verify(&Question {
        token: &token,
        covers: Covers::Data(DATA),
        nonce: Some(&nonce()),
        policies: &[oid(&tsa.policy())],
        roots: &[certificate(root.body)],
        extra: &[],
        revocation: &[],
        at: Some(seconds(SystemTime::now())),
    });
    assert!(judgement.is_good(), "{judgement:?}");
    assert_eq!(troubles(&judgement), []);
}

#[tokio::test]
async fn certificates_name_where_to_ask_about_them() {
    let tsa = start(Options::default()).await;
    let url = tsa.url();
    for (der, issuer) in [(tsa.intermediate(), "root"), (tsa.signer(), "intermediate")] {
        let certificate = Certificate::parse(der).unwrap();
        let sources = certificate.sources();
        assert_eq!(sources.crl, [format!("{url}/{issuer}.crl")]);
        assert_eq!(sources.ocsp, [format!("{url}/ocsp")]);
        assert_eq!(sources.issuers, [format!("{url}/{issuer}.cer")]);
    }
}

/// A second opinion on the same tokens, with the same root.
#[tokio::test]
async fn openssl_says_of_tokens_what_the_verifier_says() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    // OpenSSL 3.0 verifies neither Ed25519 nor PSS in tokens.
    let algorithms = [
        Algorithm::P256,
        Algorithm::P384,
        Algorithm::P521,
        Algorithm::Rsa2048,
    ];
    for algorithm in algorithms {
        let tsa = start(Options {
            algorithm,
            ..Options::default()
        })
        .await;
        openssl.write_chain(&tsa);
        let root = Certificate::parse(tsa.root()).unwrap();
        for behaviour in [
            "honest",
            "other-data",
            "bad-signature",
            "untrusted",
            "expired",
            "eku-not-critical",
            "eku-not-sole",
            "no-certificates",
        ] {
            tsa.behave(behaviour.parse().unwrap());
            openssl
                .ask(&tsa, str::from_utf8(DATA).unwrap(), "-cert")
                .await;
            let token = parse_response(&openssl.read("response.tsr")).unwrap();
            let judgement = verify(&Question {
                token: &token,
                covers: Covers::Data(DATA),
                nonce: None,
                policies: &[],
                roots: std::slice::from_ref(&root),
                extra: &[],
                revocation: &[],
                at: None,
            });
            let said = openssl.verify("-data data");
            let what = format!("{algorithm}, {behaviour}: {} {judgement:#?}", said.text);
            assert_eq!(said.success, judgement.is_good(), "{what}");
            assert_eq!(said.success, behaviour == "honest", "{what}");
        }
    }
}

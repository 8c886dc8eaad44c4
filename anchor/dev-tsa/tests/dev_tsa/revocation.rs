//! What the verifier makes of the lists and answers that the authorities publish.

use std::time::{Duration, SystemTime};

use counterfoil_dev_tsa::{Behaviour, Clock, DevTsa, OpensslOptions, OpensslTsa, Options, Reason};
use counterfoil_rfc3161::{
    Certificate, CheckName, Covers, Judgement, Outcome, Question, Request, RevocationData,
    RevocationKind, RevocationReason, RevocationSource, RevocationStatus, Standing, parse_response,
    revocation_sources, revocation_status, verify,
};

use crate::support::{Openssl, QUERY, get, post, start};
use crate::verifier::{DATA, seconds};

/// An authority with a clock that stands, and a token of it.
struct Stamped {
    tsa: DevTsa,
    clock: Clock,
    token: Vec<u8>,
}

impl Stamped {
    async fn new() -> Self {
        let clock = Clock::standing_at(SystemTime::now());
        let tsa = start(Options {
            clock: clock.clone(),
            ..Options::default()
        })
        .await;
        let token = tsa.stamp(DATA).unwrap();
        Self { tsa, clock, token }
    }

    /// Some minutes later, by when a list was issued again.
    fn later(&self) {
        self.clock.advance(Duration::from_mins(2));
    }

    fn judged(&self, data: &[(RevocationKind, Vec<u8>)]) -> Judgement {
        judged(&self.token, self.tsa.root(), data)
    }

    fn lists(&self) -> Vec<(RevocationKind, Vec<u8>)> {
        let lists = self.tsa.crls().unwrap();
        lists.map(|list| (RevocationKind::Crl, list)).into()
    }

    fn answers(&self) -> Vec<(RevocationKind, Vec<u8>)> {
        let asked = revocation_sources(&self.judged(&[]).chain);
        let asked = asked
            .iter()
            .filter(|source| source.kind == RevocationKind::Ocsp);
        asked
            .map(|source| (source.kind, self.tsa.ocsp(&source.request).unwrap()))
            .collect()
    }
}

fn judged(token: &[u8], root: &[u8], data: &[(RevocationKind, Vec<u8>)]) -> Judgement {
    let data = data
        .iter()
        .map(|(kind, data)| RevocationData { kind: *kind, data });
    verify(&Question {
        token,
        covers: Covers::Data(DATA),
        nonce: None,
        policies: &[],
        roots: &[Certificate::parse(root).unwrap()],
        extra: &[],
        revocation: &data.collect::<Vec<_>>(),
        at: None,
    })
}

/// The verdict and the words of the check.
fn check(judgement: &Judgement) -> (Outcome, &str) {
    let mut checks = judgement.checks.iter();
    let check = checks
        .find(|check| check.name == CheckName::Revocation)
        .unwrap();
    (check.outcome, &check.reason)
}

#[tokio::test]
async fn lists_and_answers_of_after_the_token_settle_each_certificate() {
    let stamped = Stamped::new().await;
    stamped.later();
    for data in [stamped.lists(), stamped.answers()] {
        let judgement = stamped.judged(&data);
        assert_eq!(judgement.revocation, [Standing::Good, Standing::Good]);
        assert_eq!(check(&judgement).0, Outcome::Passed, "{judgement:?}");
        assert!(judgement.is_good(), "{judgement:?}");
        // One of the two is about the signer, the other about who issued its certificate.
        for one in data {
            let judgement = stamped.judged(&[one]);
            let settled = judgement.revocation.iter().filter(|one| one.is_settled());
            assert_eq!(settled.count(), 1, "{judgement:?}");
            assert_eq!(check(&judgement).0, Outcome::NotChecked, "{judgement:?}");
        }
    }
}

#[tokio::test]
async fn what_is_missing_or_older_than_the_token_is_not_checked() {
    let stamped = Stamped::new().await;
    let judgement = stamped.judged(&[]);
    let (verdict, reason) = check(&judgement);
    assert_eq!(verdict, Outcome::NotChecked);
    assert!(reason.ends_with("nothing was captured"), "{reason}");
    assert!(
        judgement.is_good(),
        "it is the caller's to ask for: {judgement:?}"
    );
    let old = {
        stamped
            .clock
            .set(stamped.clock.now() - Duration::from_mins(2));
        stamped.lists()
    };
    let judgement = stamped.judged(&old);
    let (verdict, reason) = check(&judgement);
    assert_eq!(verdict, Outcome::NotChecked);
    assert!(
        reason.contains("older than the token; the next comes by"),
        "{reason}"
    );
    stamped.clock.advance(Duration::from_mins(4));
    let both = [old, stamped.lists()].concat();
    assert_eq!(check(&stamped.judged(&both)).0, Outcome::Passed);
}

/// RFC 3161 section 4.
#[tokio::test]
async fn a_revocation_after_the_token_matters_for_its_reason() {
    let reasons = Reason::ALL.map(Some);
    for reason in reasons.into_iter().chain([None]) {
        let stands = matches!(
            reason,
            Some(
                Reason::Unspecified
                    | Reason::AffiliationChanged
                    | Reason::Superseded
                    | Reason::CessationOfOperation
            )
        );
        for behaviour in [Behaviour::Revoked(reason), Behaviour::IssuerRevoked(reason)] {
            let stamped = Stamped::new().await;
            stamped.later();
            stamped.tsa.behave(behaviour);
            stamped.later();
            for data in [stamped.lists(), stamped.answers()] {
                let judgement = stamped.judged(&data);
                let expected = if stands {
                    Outcome::Passed
                } else {
                    Outcome::Failed
                };
                assert_eq!(check(&judgement).0, expected, "{behaviour}: {judgement:?}");
                assert_eq!(judgement.is_good(), stands, "{behaviour}");
                let index = usize::from(matches!(behaviour, Behaviour::IssuerRevoked(_)));
                assert_eq!(
                    judgement.revocation[1 - index],
                    Standing::Good,
                    "{behaviour}"
                );
                assert_ne!(judgement.revocation[index], Standing::Good, "{behaviour}");
            }
        }
    }
}

#[tokio::test]
async fn a_token_of_after_the_revocation_does_not_stand() {
    let mut stamped = Stamped::new().await;
    stamped
        .tsa
        .behave(Behaviour::Revoked(Some(Reason::Superseded)));
    stamped.later();
    stamped.token = stamped.tsa.stamp(DATA).unwrap();
    stamped.later();
    for data in [stamped.lists(), stamped.answers()] {
        let judgement = stamped.judged(&data);
        assert_eq!(check(&judgement).0, Outcome::Failed, "{judgement:?}");
        let reason = RevocationReason::Superseded;
        let standing = &judgement.revocation[0];
        assert!(matches!(standing, Standing::Revoked { reason: why, .. } if *why == reason));
    }
}

#[tokio::test]
async fn a_stranger_under_the_same_names_says_nothing() {
    let stamped = Stamped::new().await;
    let other = start(Options::default()).await;
    stamped.later();
    let lists = other
        .crls()
        .unwrap()
        .map(|list| (RevocationKind::Crl, list));
    let judgement = stamped.judged(&lists);
    assert_eq!(check(&judgement).0, Outcome::NotChecked);
    let why = |standing: &Standing| match standing {
        Standing::Unknown(why) => why.clone(),
        other => panic!("{other:?}"),
    };
    let whys: Vec<String> = judgement.revocation.iter().map(why).collect();
    assert_eq!(whys.len(), 2);
    let bad = "the signature does not verify";
    assert!(whys.iter().all(|why| why.contains(bad)), "{whys:?}");
}

/// What OpenSSL publishes about its own certificates.
#[tokio::test]
async fn lists_and_answers_of_openssl_are_understood() {
    if Openssl::find().is_none() {
        return;
    }
    let tsa = OpensslTsa::start(OpensslOptions::default()).await.unwrap();
    let request = Request {
        imprint: counterfoil_rfc3161::Imprint::of(counterfoil_rfc3161::HashAlgorithm::Sha256, DATA),
        policy: None,
        nonce: None,
        certificates: true,
    };
    let answer = post(&tsa.tsr_url(), QUERY, request.to_der()).await;
    let token = parse_response(&answer.body).unwrap();
    let root = get(&format!("{}/root.cer", tsa.url())).await.body;
    let chain = judged(&token, &root, &[]).chain;
    let sources = revocation_sources(&chain);
    assert_eq!(sources.len(), 4, "{sources:?}");
    // Of 2000: whatever they are, they are not older than that.
    let long_ago = seconds(SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 10_957));
    for source in &sources {
        let data = fetch(source).await;
        let status = revocation_status(&chain, source.certificate, source.kind, &data, long_ago);
        assert_eq!(status, RevocationStatus::Good, "{source:?}");
    }
}

async fn fetch(source: &RevocationSource) -> Vec<u8> {
    let response = match source.kind {
        RevocationKind::Crl => get(&source.url).await,
        RevocationKind::Ocsp => {
            let kind = "application/ocsp-request";
            post(&source.url, kind, source.request.clone()).await
        }
    };
    assert_eq!(response.status, 200, "{source:?}");
    response.body
}

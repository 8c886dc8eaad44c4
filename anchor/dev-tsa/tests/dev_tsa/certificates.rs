//! What OpenSSL says to certificates, tokens, OCSP answers and lists of revoked certificates.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use counterfoil_dev_tsa::{Algorithm, Behaviour, Clock, Options, Reason};
use yasna::Tag;

use crate::support::{Openssl, Response, get, post, start};

#[tokio::test]
async fn openssl_verifies_tokens_of_each_algorithm_under_the_root_alone() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    for algorithm in Algorithm::ALL {
        let tsa = start(Options {
            algorithm,
            ..Options::default()
        })
        .await;
        openssl.write_chain(&tsa);
        openssl.must("verify -x509_strict -CAfile root.pem -untrusted intermediate.pem -purpose timestampsign tsa.pem");
        openssl.stamp(&tsa, "log.example/1\n3\nroot\n").await;
        let said = openssl.verify("-data data");
        if algorithm == Algorithm::Rsa2048Pss {
            // openssl ts takes the signature for one of PKCS #1 v1.5; openssl cms reads its algorithm.
            assert!(!said.success);
            openssl.must("ts -reply -in response.tsr -token_out -out token.der");
            openssl.must(
                "cms -verify -inform DER -in token.der -CAfile root.pem -purpose timestampsign -out info.der",
            );
            let text = openssl.must("cms -cmsout -print -inform DER -in token.der");
            assert!(text.contains("algorithm: rsassaPss"), "{text}");
            continue;
        }
        if algorithm == Algorithm::Ed25519 {
            // Neither `openssl ts` nor `openssl cms` of 3.0 verifies Ed25519; its pkeyutl does.
            openssl.must("ts -reply -in response.tsr -token_out -out token.der");
            let (attributes, signature) = signed(&openssl.read("token.der"));
            openssl.write("attributes", attributes);
            openssl.write("signature", signature);
            openssl.must(
                "pkeyutl -verify -rawin -certin -inkey tsa.pem -in attributes -sigfile signature",
            );
            continue;
        }
        assert!(said.success, "{algorithm}: {}", said.text);
        assert!(said.text.contains("Verification: OK"), "{}", said.text);
        // With the nonce and all else that was asked for.
        openssl.must("ts -verify -in response.tsr -queryfile request.tsq -CAfile root.pem");
        openssl.write("data", "log.example/1\n4\nroot\n");
        let said = openssl.verify("-data data");
        assert!(
            !said.success && said.text.contains("imprint mismatch"),
            "{}",
            said.text
        );
    }
}

#[tokio::test]
async fn openssl_reads_certificates_that_say_what_they_are_and_where_to_ask() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tsa = start(Options {
        name: "first".to_owned(),
        ..Options::default()
    })
    .await;
    openssl.write_chain(&tsa);
    let url = tsa.url();
    let text = |name: &str| openssl.must(&format!("x509 -in {name} -noout -text"));
    for (name, title, issuer) in [
        ("root.pem", "DEVELOPMENT ONLY first Root CA", None),
        (
            "intermediate.pem",
            "DEVELOPMENT ONLY first Issuing CA",
            Some("root"),
        ),
        (
            "tsa.pem",
            "DEVELOPMENT ONLY first Time-Stamping Authority",
            Some("intermediate"),
        ),
    ] {
        let text = text(name);
        assert!(text.contains(&format!("CN = {title}")), "{text}");
        assert!(
            text.contains("O = DEVELOPMENT ONLY - these time-stamps prove nothing"),
            "{text}"
        );
        if let Some(issuer) = issuer {
            for source in [
                format!("URI:{url}/{issuer}.crl"),
                format!("OCSP - URI:{url}/ocsp"),
                format!("CA Issuers - URI:{url}/{issuer}.cer"),
            ] {
                assert!(text.contains(&source), "{name} has not {source}: {text}");
            }
        }
    }
    let signer = text("tsa.pem");
    assert!(
        signer.contains("X509v3 Extended Key Usage: critical\n                Time Stamping\n"),
        "{signer}"
    );
    assert!(signer.contains("X509v3 Key Usage: critical\n                Digital Signature\n"));
    assert!(signer.contains("CA:FALSE"));
}

/// Has OpenSSL write q.der, a request about a certificate.
fn ask(openssl: &Openssl, flags: &str, issuer: &str, certificate: &str) -> Vec<u8> {
    openssl.must(&format!(
        "ocsp {flags} -issuer {issuer} -cert {certificate} -reqout q.der"
    ));
    openssl.read("q.der")
}

/// What OpenSSL says to an answer to q.der: it verifies who signed it under the root, and refuses a nonce that is not
/// q.der's (`-no_nonce`: it makes no other one).
fn judge(openssl: &Openssl, issuer: &str, certificate: &str, answer: &Response) -> String {
    assert_eq!(answer.content_type, "application/ocsp-response");
    openssl.write("answer.der", &answer.body);
    let said = openssl.must(&format!(
        "ocsp -issuer {issuer} -cert {certificate} -reqin q.der -respin answer.der -no_nonce \
         -CAfile root.pem -verify_other intermediate.pem"
    ));
    assert!(said.contains("Response verify OK"), "{said}");
    said
}

const OCSP_REQUEST: &str = "application/ocsp-request";
/// What the root answers for, and what its delegate does.
const ISSUED: [(&str, &str); 2] = [
    ("root.pem", "intermediate.pem"),
    ("intermediate.pem", "tsa.pem"),
];

#[tokio::test]
async fn openssl_accepts_ocsp_answers_of_root_and_delegate_by_post_and_get() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    for algorithm in [Algorithm::P256, Algorithm::Rsa2048Pss, Algorithm::Ed25519] {
        let tsa = start(Options {
            algorithm,
            ..Options::default()
        })
        .await;
        openssl.write_chain(&tsa);
        let ocsp = format!("{}/ocsp", tsa.url());
        for (issuer, certificate) in ISSUED {
            let question = ask(&openssl, "", issuer, certificate);
            let encoded = STANDARD
                .encode(&question)
                .replace('/', "%2F")
                .replace('+', "%2b");
            let posted = post(&ocsp, OCSP_REQUEST, question).await;
            let got = get(&format!("{ocsp}/{encoded}")).await;
            for answer in [posted, got] {
                let said = judge(&openssl, issuer, certificate, &answer);
                assert!(said.contains(&format!("{certificate}: good")), "{said}");
                assert!(!said.contains("WARNING"), "{algorithm}: {said}");
            }

            let by_sha256 = ask(&openssl, "-sha256", issuer, certificate);
            let answer = post(&ocsp, OCSP_REQUEST, by_sha256).await;
            openssl.write("answer.der", answer.body);
            let said = openssl.must("ocsp -respin answer.der -resp_text -noverify");
            assert!(said.contains("Hash Algorithm: sha256"), "{said}");
            assert!(said.contains("Cert Status: good"), "{said}");
        }
    }
}

#[tokio::test]
async fn ocsp_says_at_once_what_is_revoked_and_why_if_a_reason_is_given() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tsa = start(Options::default()).await;
    openssl.write_chain(&tsa);
    let ocsp = format!("{}/ocsp", tsa.url());
    for (behaviour, of_intermediate, of_tsa, reason) in [
        (
            "revoked=cessation-of-operation",
            "good",
            "revoked",
            Some("cessationOfOperation"),
        ),
        (
            "revoked=unspecified",
            "good",
            "revoked",
            Some("unspecified"),
        ),
        ("revoked", "good", "revoked", None),
        (
            "issuer-revoked=ca-compromise",
            "revoked",
            "good",
            Some("cACompromise"),
        ),
        ("issuer-revoked", "revoked", "good", None),
        ("honest", "good", "good", None),
    ] {
        tsa.behave(behaviour.parse().unwrap());
        for ((issuer, certificate), status) in ISSUED.into_iter().zip([of_intermediate, of_tsa]) {
            let question = ask(&openssl, "", issuer, certificate);
            let answer = post(&ocsp, OCSP_REQUEST, question).await;
            let said = judge(&openssl, issuer, certificate, &answer);
            assert!(
                said.contains(&format!("{certificate}: {status}")),
                "{behaviour}: {said}"
            );
            match reason.filter(|_| status == "revoked") {
                Some(reason) => assert!(said.contains(&format!("Reason: {reason}")), "{said}"),
                None => assert!(!said.contains("Reason:"), "{behaviour}: {said}"),
            }
        }
    }
}

#[tokio::test]
async fn lists_and_ocsp_answers_are_as_old_as_their_interval_says() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    // Half a minute past a full one: 2026-09-21 13:13:30.
    let clock = Clock::standing_at(UNIX_EPOCH + Duration::from_secs(1_789_996_410));
    let tsa = start(Options {
        clock: clock.clone(),
        crl_interval: Duration::from_mins(1),
        ocsp_interval: Duration::from_mins(2),
        ..Options::default()
    })
    .await;
    openssl.write_chain(&tsa);
    let question = ask(&openssl, "", "intermediate.pem", "tsa.pem");
    let ocsp = || {
        openssl.write("answer.der", tsa.ocsp(&question).unwrap());
        openssl.must("ocsp -respin answer.der -resp_text -noverify")
    };
    tsa.behave(Behaviour::Revoked(None));
    let [root, intermediate] = tsa.crls().unwrap();
    openssl.write("list.der", &intermediate);
    let list = openssl.must("crl -inform DER -in list.der -noout -text");
    assert!(
        list.contains("Last Update: Sep 21 13:13:00 2026 GMT"),
        "{list}"
    );
    assert!(
        list.contains("Next Update: Sep 21 13:14:00 2026 GMT"),
        "{list}"
    );
    let answer = ocsp();
    assert!(
        answer.contains("This Update: Sep 21 13:12:00 2026 GMT"),
        "{answer}"
    );
    assert!(answer.contains("Cert Status: good"), "{answer}");

    clock.advance(Duration::from_secs(29));
    assert_eq!(tsa.crls().unwrap(), [root.clone(), intermediate.clone()]);
    clock.advance(Duration::from_secs(1));
    let lists = tsa.crls().unwrap();
    assert!(lists[0] != root && lists[1] != intermediate);
    let answer = ocsp();
    assert!(
        answer.contains("This Update: Sep 21 13:14:00 2026 GMT"),
        "{answer}"
    );
    assert!(
        answer.contains("Next Update: Sep 21 14:14:00 2026 GMT"),
        "{answer}"
    );
    assert!(answer.contains("Cert Status: revoked"), "{answer}");
}

#[tokio::test]
async fn ocsp_says_unknown_of_serial_numbers_never_issued_and_refuses_what_is_not_its() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let (tsa, other) = (
        start(Options::default()).await,
        start(Options::default()).await,
    );
    let ocsp = format!("{}/ocsp", tsa.url());
    openssl.write_chain(&tsa);
    let read = |answer: &[u8]| {
        openssl.write("answer.der", answer);
        openssl
            .run("ocsp -respin answer.der -resp_text -noverify")
            .text
    };

    openssl.must("ocsp -issuer intermediate.pem -serial 0x42 -reqout q.der");
    let answer = post(&ocsp, OCSP_REQUEST, openssl.read("q.der")).await;
    assert!(read(&answer.body).contains("Cert Status: unknown"));

    openssl.write_chain(&other);
    openssl.must("ocsp -issuer intermediate.pem -cert tsa.pem -reqout q.der");
    let answer = post(&ocsp, OCSP_REQUEST, openssl.read("q.der")).await;
    assert!(read(&answer.body).contains("unauthorized"));

    let answer = post(&ocsp, OCSP_REQUEST, b"nonsense".to_vec()).await;
    assert!(read(&answer.body).contains("malformedrequest"));
    assert_eq!(get(&format!("{ocsp}/%%%")).await.status, 400);
}

#[tokio::test]
async fn openssl_verifies_crls_that_know_what_was_revoked_when_they_were_issued() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let minute = Duration::from_mins(1);
    for (reason, said) in [
        (None, None),
        (Some(Reason::Unspecified), Some("Unspecified")),
        (Some(Reason::KeyCompromise), Some("Key Compromise")),
    ] {
        // Half a minute past a full one, when the list was issued that is current now.
        let clock = Clock::standing_at(UNIX_EPOCH + Duration::from_secs(1_790_000_010));
        let tsa = start(Options {
            clock: clock.clone(),
            crl_interval: minute,
            ..Options::default()
        })
        .await;
        openssl.write_chain(&tsa);
        let fetch = async |name: &str| {
            let list = get(&format!("{}/{name}.crl", tsa.url())).await;
            assert_eq!(list.content_type, "application/pkix-crl");
            openssl.write("list.der", list.body);
            let issuer = format!("{name}.pem");
            let text = openssl.must(&format!(
                "crl -inform DER -in list.der -CAfile {issuer} -text -out list.pem"
            ));
            assert!(text.contains("verify OK"), "{text}");
            std::fs::copy(
                openssl.path("list.pem"),
                openssl.path(&format!("{name}.crl.pem")),
            )
            .unwrap();
            String::from_utf8(openssl.read("list.pem")).unwrap()
        };
        tsa.behave(Behaviour::Revoked(reason));
        assert!(
            fetch("intermediate")
                .await
                .contains("No Revoked Certificates.")
        );
        clock.advance(minute);
        let list = fetch("intermediate").await;
        assert!(list.contains("Revoked Certificates:"), "{list}");
        match said {
            Some(said) => assert!(
                list.contains(&format!("X509v3 CRL Reason Code: \n                {said}")),
                "{list}"
            ),
            None => assert!(!list.contains("CRL Reason Code"), "{list}"),
        }
        assert!(fetch("root").await.contains("No Revoked Certificates."));
    }
}

#[tokio::test]
async fn openssl_builds_the_path_with_all_crls() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let clock = Clock::standing_at(SystemTime::now());
    let tsa = start(Options {
        clock: clock.clone(),
        ..Options::default()
    })
    .await;
    openssl.write_chain(&tsa);
    let check = || {
        let mut lists = String::new();
        for list in tsa.crls().unwrap() {
            openssl.write("list.der", list);
            openssl.must("crl -inform DER -in list.der -out list.pem");
            lists += &String::from_utf8(openssl.read("list.pem")).unwrap();
        }
        openssl.write("lists.pem", lists);
        let seconds = clock
            .now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        openssl.run(&format!(
            "verify -crl_check_all -CRLfile lists.pem -CAfile root.pem -untrusted intermediate.pem \
             -attime {seconds} tsa.pem"
        ))
    };
    let said = check();
    assert!(said.success, "{}", said.text);
    for behaviour in [Behaviour::Revoked(None), Behaviour::IssuerRevoked(None)] {
        tsa.behave(behaviour);
        clock.advance(Duration::from_mins(1));
        let said = check();
        assert!(
            !said.success && said.text.contains("certificate revoked"),
            "{}",
            said.text
        );
    }
}

/// What the only signer of a token signed, and the signature.
fn signed(token: &[u8]) -> (Vec<u8>, Vec<u8>) {
    yasna::parse_der(token, |reader| {
        reader.read_sequence(|reader| {
            reader.next().read_oid()?;
            reader.next().read_tagged(Tag::context(0), |reader| {
                reader.read_sequence(|reader| {
                    for _ in ["version", "digest algorithms", "content", "certificates"] {
                        reader.next().read_der()?;
                    }
                    let signers = reader.next().collect_set_of(|reader| {
                        reader.read_sequence(|reader| {
                            for _ in ["version", "identifier", "digest algorithm"] {
                                reader.next().read_der()?;
                            }
                            let mut attributes = reader.next().read_der()?;
                            // Signed under the tag of a SET OF.
                            assert_eq!(attributes[0], 0xa0);
                            attributes[0] = 0x31;
                            reader.next().read_der()?;
                            Ok((attributes, reader.next().read_bytes()?))
                        })
                    })?;
                    let [signer] = <[_; 1]>::try_from(signers).unwrap();
                    Ok(signer)
                })
            })
        })
    })
    .unwrap()
}

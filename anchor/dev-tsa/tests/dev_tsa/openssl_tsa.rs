//! The authority that is OpenSSL.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use counterfoil_dev_tsa::{OpensslError, OpensslOptions, OpensslTsa};

use crate::support::{Openssl, QUERY, get, post};

async fn start(options: OpensslOptions) -> OpensslTsa {
    OpensslTsa::start(options).await.unwrap()
}

/// Writes root.pem, and intermediate.pem and tsa.pem out of a token.
async fn stamped(openssl: &Openssl, tsa: &OpensslTsa) {
    openssl.write("root.pem", tsa.root_pem());
    let url = format!("http://{}/tsr", tsa.address());
    let response = openssl.ask_at(&url, "checkpoint", "-cert").await;
    assert_eq!(
        (response.status, response.content_type.as_str()),
        (200, "application/timestamp-reply")
    );
    openssl.certificates();
    let pem = String::from_utf8(openssl.read("token.pem")).unwrap();
    for certificate in pem.split_inclusive("-----END CERTIFICATE-----\n") {
        let name = match certificate
            .lines()
            .find(|line| line.starts_with("subject="))
        {
            Some(subject) if subject.contains("Time-Stamping Authority") => "tsa.pem",
            Some(subject) if subject.contains("Issuing CA") => "intermediate.pem",
            _ => continue,
        };
        openssl.write(name, certificate);
    }
}

#[tokio::test]
async fn its_tokens_verify_and_its_certificates_say_what_it_is() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tsa = start(OpensslOptions::default()).await;
    stamped(&openssl, &tsa).await;
    let said = openssl.verify("-queryfile request.tsq");
    assert!(said.success, "{}", said.text);
    let text = openssl.certificates();
    assert_eq!(
        text.matches("DEVELOPMENT ONLY openssl").count(),
        4,
        "{text}"
    );
    openssl.must("verify -x509_strict -CAfile root.pem -untrusted intermediate.pem -purpose timestampsign tsa.pem");
    assert!(
        openssl
            .text()
            .contains(&format!("Policy OID: {}\n", tsa.policy()))
    );
    let page = get(tsa.url()).await;
    assert!(
        String::from_utf8(page.body)
            .unwrap()
            .starts_with("DEVELOPMENT ONLY")
    );

    openssl.ask_at(&tsa.tsr_url(), "checkpoint", "-sha1").await;
    assert!(
        openssl.text().contains("Status: Rejected."),
        "{}",
        openssl.text()
    );
    assert_eq!(
        post(&tsa.tsr_url(), "text/plain", Vec::new()).await.status,
        415
    );
    let nonsense = post(&tsa.tsr_url(), QUERY, b"nonsense".to_vec()).await;
    openssl.write("response.tsr", nonsense.body);
    assert!(
        openssl
            .text()
            .contains("the data submitted has the wrong format")
    );
}

#[tokio::test]
async fn its_revocation_data_speak_for_its_certificates_at_the_urls_in_them() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tsa = start(OpensslOptions::default()).await;
    stamped(&openssl, &tsa).await;
    let mut lists = Vec::new();
    for (issuer, certificate) in [("root", "intermediate.pem"), ("intermediate", "tsa.pem")] {
        let text = openssl.must(&format!("x509 -in {certificate} -noout -text"));
        let uri = |end: &str| {
            let line = text.lines().find(|line| line.ends_with(end));
            let line = line.unwrap_or_else(|| panic!("no {end}: {text}"));
            line.split_once("URI:").unwrap().1.to_owned()
        };
        let issuer_pem = format!("{issuer}.pem");

        let ocsp = uri("/ocsp");
        openssl.must(&format!(
            "ocsp -issuer {issuer_pem} -cert {certificate} -reqout q.der"
        ));
        let question = openssl.read("q.der");
        let encoded = STANDARD.encode(&question).replace('/', "%2F");
        let posted = post(&ocsp, "application/ocsp-request", question).await;
        let got = get(&format!("{ocsp}/{encoded}")).await;
        for answer in [posted, got] {
            assert_eq!(answer.content_type, "application/ocsp-response");
            openssl.write("answer.der", answer.body);
            let said = openssl.must(&format!("ocsp -issuer {issuer_pem} -cert {certificate} -reqin q.der -respin answer.der -no_nonce -CAfile root.pem -verify_other intermediate.pem"));
            assert!(said.contains("Response verify OK"), "{said}");
            assert!(said.contains(&format!("{certificate}: good")), "{said}");
        }

        openssl.write("list.der", get(&uri(".crl")).await.body);
        let said = openssl.must(&format!(
            "crl -inform DER -in list.der -CAfile {issuer_pem} -out list.pem"
        ));
        assert!(said.contains("verify OK"), "{said}");
        lists.extend(openssl.read("list.pem"));

        openssl.write("issuer.cer", get(&uri(".cer")).await.body);
        openssl.must("x509 -inform DER -in issuer.cer -out issuer.pem");
        openssl.must(&format!(
            "verify -partial_chain -CAfile issuer.pem {certificate}"
        ));
    }
    openssl.write("lists.pem", lists);
    openssl.must("verify -crl_check_all -CRLfile lists.pem -CAfile root.pem -untrusted intermediate.pem tsa.pem");
}

#[tokio::test]
async fn its_keys_stay_and_serial_numbers_go_on() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let options = |url: &str| OpensslOptions {
        directory: Some(directory.path().to_owned()),
        public_url: Some(url.to_owned()),
        ..OpensslOptions::default()
    };
    let serial = |openssl: &Openssl| {
        let text = openssl.text();
        let line = text.lines().find(|line| line.starts_with("Serial number:"));
        line.unwrap().to_owned()
    };
    let first = start(options("http://one.example")).await;
    stamped(&openssl, &first).await;
    let (root, signer) = (first.root_pem().to_owned(), openssl.read("tsa.pem"));
    let number = serial(&openssl);
    first.stop().await;

    let same = start(options("http://one.example")).await;
    stamped(&openssl, &same).await;
    assert_eq!(
        (same.root_pem(), openssl.read("tsa.pem")),
        (root.as_str(), signer.clone())
    );
    assert_ne!(serial(&openssl), number);
    same.stop().await;

    let other = start(options("http://two.example")).await;
    stamped(&openssl, &other).await;
    assert_eq!(other.root_pem(), root);
    assert_ne!(openssl.read("tsa.pem"), signer);
    assert!(openssl.verify("-queryfile request.tsq").success);
}

#[tokio::test]
async fn answers_at_once_have_serial_numbers_of_their_own() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tsa = start(OpensslOptions::default()).await;
    stamped(&openssl, &tsa).await;
    let request = openssl.read("request.tsq");
    let url = tsa.tsr_url();
    let ask = || post(&url, QUERY, request.clone());
    let (one, two, three, four) = tokio::join!(ask(), ask(), ask(), ask());
    let mut serials = Vec::new();
    for response in [one, two, three, four] {
        openssl.write("response.tsr", response.body);
        assert!(openssl.verify("-queryfile request.tsq").success);
        let text = openssl.text();
        let line = text.lines().find(|line| line.starts_with("Serial number:"));
        serials.push(line.unwrap().to_owned());
    }
    serials.sort();
    serials.dedup();
    assert_eq!(serials.len(), 4);
}

#[tokio::test]
async fn what_would_break_its_configuration_is_refused() {
    for (name, url) in [
        ("a\nb", "http://one.example"),
        ("/CN=a", "http://one.example"),
        ("openssl", "http://one.example,URI:http://two.example"),
        ("openssl", "http://$ENV::HOME"),
    ] {
        let options = OpensslOptions {
            name: name.to_owned(),
            public_url: Some(url.to_owned()),
            ..OpensslOptions::default()
        };
        let error = OpensslTsa::start(options).await.unwrap_err();
        assert!(matches!(error, OpensslError::Text(_)), "{error}");
    }
}

#[tokio::test]
async fn a_key_that_belongs_to_another_certificate_is_refused() {
    if Openssl::find().is_none() {
        return;
    }
    let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let options = |directory: &tempfile::TempDir| OpensslOptions {
        directory: Some(directory.path().to_owned()),
        public_url: Some("http://tsa.example".to_owned()),
        ..OpensslOptions::default()
    };
    for directory in [&own, &other] {
        start(options(directory)).await.stop().await;
    }
    let key = |directory: &tempfile::TempDir| directory.path().join("tsa.key");
    std::fs::copy(key(&other), key(&own)).unwrap();
    let error = OpensslTsa::start(options(&own)).await.unwrap_err();
    assert!(matches!(error, OpensslError::OtherKey("tsa")), "{error}");
}

//! Keys and certificates that stay.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use counterfoil_dev_tsa::{Algorithm, Behaviour, DevTsa, HierarchyError, Options, StartError};

use crate::support::{Openssl, post, start};

fn at(directory: &Path, url: &str) -> Options {
    Options {
        directory: Some(directory.to_owned()),
        public_url: Some(url.to_owned()),
        ..Options::default()
    }
}

async fn refusal(options: Options) -> HierarchyError {
    match DevTsa::start(options).await.unwrap_err() {
        StartError::Hierarchy(error) => error,
        other => panic!("expected an error of keys or certificates: {other}"),
    }
}

#[tokio::test]
async fn an_authority_is_the_same_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let first = start(at(directory.path(), "http://tsa.example")).await;
    let (root, intermediate, signer) = (
        first.root().to_vec(),
        first.intermediate().to_vec(),
        first.signer().to_vec(),
    );
    assert_eq!(
        fs::read_to_string(directory.path().join("root.pem")).unwrap(),
        first.root_pem()
    );
    first.stop().await;
    let second = start(at(directory.path(), "http://tsa.example")).await;
    assert_eq!(second.root(), root);
    assert_eq!(second.intermediate(), intermediate);
    assert_eq!(second.signer(), signer);

    for file in fs::read_dir(directory.path()).unwrap() {
        let path = file.unwrap().path();
        if path.to_string_lossy().ends_with(".key.pem") {
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        }
    }
}

#[tokio::test]
async fn under_another_url_the_root_stays_and_older_certificates_are_answered_for() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let first = start(at(directory.path(), "http://one.example")).await;
    openssl.write_chain(&first);
    openssl.must("ocsp -issuer intermediate.pem -cert tsa.pem -reqout q.der");
    let second = start(at(directory.path(), "http://two.example")).await;
    assert_eq!(second.root(), first.root());
    assert_ne!(second.signer(), first.signer());
    let ocsp = format!("http://{}/ocsp", second.address());
    let answer = post(&ocsp, "application/ocsp-request", openssl.read("q.der")).await;
    openssl.write("answer.der", answer.body);
    let text = openssl.must("ocsp -respin answer.der -resp_text -noverify");
    assert!(text.contains("Cert Status: good"), "{text}");
}

#[tokio::test]
async fn the_untrusted_chain_stays_too_and_is_another() {
    let directory = tempfile::tempdir().unwrap();
    let tsa = start(at(directory.path(), "http://tsa.example")).await;
    let untrusted = directory.path().join("untrusted/root.cer");
    assert!(!untrusted.exists());
    tsa.behave(Behaviour::Untrusted);
    tsa.stamp(b"data").unwrap();
    let root = fs::read(&untrusted).unwrap();
    assert_ne!(root, tsa.root());
    tsa.stop().await;
    let tsa = start(Options {
        behaviour: Behaviour::Untrusted,
        ..at(directory.path(), "http://tsa.example")
    })
    .await;
    tsa.stamp(b"data").unwrap();
    assert_eq!(fs::read(&untrusted).unwrap(), root);
}

#[tokio::test]
async fn a_directory_that_is_another_authoritys_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let first = start(at(directory.path(), "http://tsa.example")).await;
    first.stop().await;
    let options = || at(directory.path(), "http://tsa.example");
    for other in [
        Options {
            algorithm: Algorithm::P384,
            ..options()
        },
        Options {
            name: "other".to_owned(),
            ..options()
        },
    ] {
        let error = refusal(other).await;
        assert!(matches!(error, HierarchyError::Other { .. }), "{error}");
    }

    let root = directory.path().join("root.cer");
    let good = fs::read(&root).unwrap();
    fs::write(&root, &good[1..]).unwrap();
    let error = refusal(options()).await;
    assert!(matches!(error, HierarchyError::Foreign { .. }), "{error}");
    fs::write(&root, good).unwrap();
    // A key that belongs to another certificate.
    let other = tempfile::tempdir().unwrap();
    start(at(other.path(), "http://tsa.example"))
        .await
        .stop()
        .await;
    for role in ["root", "intermediate", "tsa", "responder"] {
        let name = format!("{role}.key.pem");
        let (own, others) = (directory.path().join(&name), other.path().join(&name));
        let good = fs::read(&own).unwrap();
        fs::copy(others, &own).unwrap();
        let error = refusal(options()).await;
        assert!(matches!(error, HierarchyError::OtherKey { .. }), "{error}");
        assert!(error.to_string().contains(&name), "{error}");
        fs::write(&own, good).unwrap();
    }
    fs::write(directory.path().join("tsa.key.pem"), "no key").unwrap();
    let error = refusal(options()).await;
    assert!(matches!(error, HierarchyError::Key(_)), "{error}");
}

#[tokio::test]
async fn names_that_cannot_stand_in_certificates_are_refused() {
    for name in ["", " a", "a ", "a\nb", "é", "more than twenty characters"] {
        let error = refusal(Options {
            name: name.to_owned(),
            ..Options::default()
        })
        .await;
        assert!(
            matches!(error, HierarchyError::Name(_)),
            "{name:?}: {error}"
        );
    }
}

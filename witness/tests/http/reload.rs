//! Lists of logs and certificates are read again while requests go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::{Certificate, Client};
use serde_json::Value;

use crate::common::Authority;
use crate::history::{Signer, Tree};
use crate::service::{Home, until};

#[tokio::test]
async fn a_log_that_is_added_is_known_without_a_restart() {
    let (first, second) = (Signer::new("example.com/a"), Signer::new("example.com/b"));
    let home = Home::new(&[&first]).await;
    let service = home.start("watch_interval = \"10ms\"\n", "").await;
    let tree = Tree::new(9);
    assert_eq!(service.add(&first.update(&tree, 0, 3)).await, 200);
    assert_eq!(service.add(&second.update(&tree, 0, 3)).await, 404);
    home.list(&[&first, &second]);
    until(
        || service.add_owned(second.update(&tree, 0, 3)),
        |status| *status == 200,
    )
    .await;
    assert_eq!(service.add(&first.update(&tree, 3, 9)).await, 200);

    // A bad file changes nothing, and the page says which line is to be mended.
    home.write("logs", &format!("{}\nhello\n", second.keys[0].vkey()));
    let status =
        || async { serde_json::from_str::<Value>(&service.text("/status").await).unwrap() };
    let bad = until(status, |status| status["lists_error"].is_string()).await;
    let error = bad["lists_error"].as_str().unwrap();
    assert!(error.contains("logs: line 2: expected a vkey"), "{error}");
    assert_eq!(bad["log_count"], 2);
    assert_eq!(service.add(&first.update(&tree, 9, 9)).await, 200);

    home.list(&[&second]);
    until(
        || service.add_owned(first.update(&tree, 9, 9)),
        |status| *status == 404,
    )
    .await;
    assert_eq!(status().await["lists_error"], Value::Null);
    service.end().await;
}

#[tokio::test]
async fn a_reload_drops_no_request() {
    let log = Signer::new("example.com/log");
    let home = Home::new(&[&log]).await;
    let service = Arc::new(home.start("watch_interval = \"0s\"\n", "").await);
    let done = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn({
        let (service, done, log) = (Arc::clone(&service), Arc::clone(&done), log.clone());
        async move {
            let tree = Tree::new(2_000);
            let mut size = 0;
            while !done.load(Ordering::Relaxed) && size < 2_000 {
                assert_eq!(service.add(&log.update(&tree, size, size + 1)).await, 200);
                size += 1;
            }
            size
        }
    });
    for number in 0..50_u8 {
        let more: Vec<Signer> = (0..number)
            .map(|n| Signer::new(&format!("log-{n}")))
            .collect();
        let all: Vec<&Signer> = std::iter::once(&log).chain(&more).collect();
        home.list(&all);
        service.lists.reload().await.unwrap();
    }
    done.store(true, Ordering::Relaxed);
    let cosigned = asking.await.unwrap();
    assert!(cosigned > 1, "it cosigned meanwhile");
    let Ok(service) = Arc::try_unwrap(service) else {
        panic!("it is used still")
    };
    service.end().await;
}

#[tokio::test]
async fn a_bad_file_at_the_start_is_an_error() {
    let home = Home::new(&[]).await;
    home.write("logs", "\nhello\n");
    let Err(error) = home.try_start("", "").await else {
        panic!("it starts")
    };
    assert!(
        error.to_string().contains("logs: line 2: expected a vkey"),
        "{error}"
    );
}

#[tokio::test]
async fn certificates_are_read_again() {
    let log = Signer::new("example.com/log");
    let home = Home::new(&[&log]).await;
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let write = |authority: &Authority| {
        let (certificate, key) = authority.server(&["localhost"]);
        home.write("tls.pem", &certificate.pem());
        home.write("tls.key", &key.serialize_pem());
    };
    write(&old);
    let tables = "[tls]\ncertificate = \"tls.pem\"\nkey = \"tls.key\"\n";
    let service = home.start("", tables).await;
    let url = format!("https://localhost:{}/healthz", service.address.port());
    let client = |authority: &Authority| {
        let root = Certificate::from_pem(authority.pem().as_bytes()).unwrap();
        Client::builder()
            .no_proxy()
            .tls_certs_only([root])
            .build()
            .unwrap()
    };
    let kept = client(&old);
    assert_eq!(kept.get(&url).send().await.unwrap().status(), 200);
    assert!(client(&new).get(&url).send().await.is_err());

    write(&new);
    service.lists.reload().await.unwrap();
    assert_eq!(client(&new).get(&url).send().await.unwrap().status(), 200);
    assert!(client(&old).get(&url).send().await.is_err());
    assert_eq!(
        kept.get(&url).send().await.unwrap().status(),
        200,
        "an open connection goes on"
    );

    home.write("tls.pem", "nothing");
    let failures = service.lists.reload().await.unwrap_err();
    assert!(failures[0].contains("tls.pem"), "{failures:?}");
    assert_eq!(client(&new).get(&url).send().await.unwrap().status(), 200);
    service.end().await;
}

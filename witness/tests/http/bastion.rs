//! Requests that come over a bastion.

use counterfoil_bastion::server::{Bastion, Config};
use counterfoil_service::config::{FrontConfig, TlsConfig};
use counterfoil_tiles::key::Algorithm;
use hyper::Request;
use reqwest::{Certificate, Client};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::common::{Authority, backend_key};
use crate::fake::{Connection, FakeBastion};
use crate::history::{Signer, Tree};
use crate::service::{Home, Service, key_text, until};

async fn reached(home: &Home, top: &str) -> (Service, Connection) {
    let authority = Authority::new("bastions");
    let bastion = FakeBastion::new(&authority);
    home.write("ca.pem", &authority.pem());
    home.write("bastion.key", &key_text("bastion", Algorithm::Ed25519, 9));
    let address = format!("localhost:{}", bastion.address().port());
    let table =
        format!("[[bastion]]\naddress = \"{address}\"\nkey = \"bastion.key\"\nca = \"ca.pem\"\n");
    let service = home.start(top, &table).await;
    let connection = bastion.accept().await;
    (service, connection)
}

fn from(client: &str, method: &str, path: &str) -> Request<()> {
    let request = Request::builder()
        .method(method)
        .uri(format!("https://bastion.example{path}"));
    request.header("x-forwarded-for", client).body(()).unwrap()
}

/// The fake takes bodies that live as long as the test.
fn body(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

#[tokio::test]
async fn checkpoints_are_cosigned_over_a_bastion() {
    let log = Signer::new("example.com/log");
    let home = Home::new(&[&log]).await;
    let (service, connection) = reached(&home, "").await;
    let asked = body(log.update(&Tree::new(7), 0, 7).to_string());
    let (status, lines) = connection
        .ask(from("192.0.2.1", "POST", "/add-checkpoint"), asked)
        .await;
    assert_eq!(status, 200, "{lines}");
    assert_eq!(lines.lines().count(), 2);
    assert_eq!(
        service.add(&log.update(&Tree::new(7), 7, 7)).await,
        200,
        "it is one witness"
    );
    let (status, page) = connection.ask(from("192.0.2.1", "GET", "/"), "").await;
    assert_eq!(status, 200);
    assert!(page.contains("Bastions"), "{page}");
    for path in ["/metrics", "/readyz", "/healthz"] {
        assert_eq!(
            connection.ask(from("192.0.2.1", "GET", path), "").await.0,
            404,
            "{path}"
        );
    }

    let status =
        || async { serde_json::from_str::<Value>(&service.text("/status").await).unwrap() };
    let connected = until(status, |status| {
        status["bastions"][0]["link"] == "connected"
    })
    .await;
    let url = connected["bastions"][0]["url"].as_str().unwrap();
    assert!(
        url.starts_with("https://localhost:") && url.ends_with('/'),
        "{url}"
    );
    let metrics = service.text("/metrics").await;
    assert!(
        metrics.contains("counterfoil_bastion_connected{bastion=\"localhost:"),
        "{metrics}"
    );
    drop(connection);
    service.end().await;
}

/// The clients of a bastion are told apart by what it says, and a stranger among them uses up nothing of theirs.
#[tokio::test]
async fn the_clients_of_a_bastion_have_rates_of_their_own() {
    let log = Signer::new("example.com/log");
    let home = Home::new(&[&log]).await;
    let (service, connection) = reached(&home, "client_rate = 0.001\nclient_burst = 2\n").await;
    let mut statuses = Vec::new();
    for client in ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"] {
        let asked = from(client, "POST", "/add-checkpoint");
        statuses.push(connection.ask(asked, "x").await.0);
    }
    assert_eq!(statuses, [400, 400, 429, 400]);
    let asked = body(log.update(&Tree::new(7), 0, 7).to_string());
    assert_eq!(
        connection
            .ask(from("192.0.2.3", "POST", "/add-checkpoint"), asked)
            .await
            .0,
        200
    );
    assert_eq!(service.post("/add-checkpoint", "x").await.status(), 400);
    drop(connection);
    service.end().await;
}

/// Our bastion and our witness, from a log's client to the cosignature: what the address in the policy leads to.
#[tokio::test]
async fn a_log_reaches_the_witness_by_the_url_of_our_own_bastion() {
    let log = Signer::new("example.com/log");
    let home = Home::new(&[&log]).await;
    let authority = Authority::new("bastions");
    let (certificate, key) = authority.server(&["localhost"]);
    home.write("tls.pem", &certificate.pem());
    home.write("tls.key", &key.serialize_pem());
    home.write("ca.pem", &authority.pem());
    home.write("backends", &format!("{}\n", backend_key(9).hash()));
    home.write(
        "bastion.key",
        &key_text("backend.example", Algorithm::Ed25519, 9),
    );
    let config = Config {
        front: FrontConfig {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            tls: Some(TlsConfig {
                certificate: home.path("tls.pem"),
                key: home.path("tls.key"),
                client_ca: None,
            }),
            ..FrontConfig::default()
        },
        backends: vec![home.path("backends")],
        ..Config::default()
    };
    let bastion = Bastion::bind(&config).await.unwrap();
    let port = bastion.addresses()[0].port();
    let (stop, stopped) = oneshot::channel::<()>();
    let bastion = tokio::spawn(bastion.run(async { drop(stopped.await) }));
    let table = format!(
        "[[bastion]]\naddress = \"localhost:{port}\"\nkey = \"bastion.key\"\nca = \"ca.pem\"\n"
    );
    let service = home
        .start("client_rate = 0.001\nclient_burst = 2\n", &table)
        .await;

    let status = || async { serde_json::from_str::<Value>(&service.text("/status").await) };
    // The page costs the test's address, which comes from loopback as the bastion's client does: so it is asked once.
    let url = status().await.unwrap()["bastions"][0]["url"]
        .as_str()
        .unwrap()
        .to_owned();
    let root = Certificate::from_pem(authority.pem().as_bytes()).unwrap();
    let client = Client::builder()
        .no_proxy()
        .tls_certs_only([root])
        .build()
        .unwrap();
    let ask = |path: &'static str, body: String| {
        let request = client
            .post(format!("{url}{path}"))
            .header("x-forwarded-for", "192.0.2.77");
        async { request.body(body).send().await.unwrap().status().as_u16() }
    };
    let tree = Tree::new(9);
    let asked = log.update(&tree, 0, 7).to_string();
    until(
        || ask("add-checkpoint", asked.clone()),
        |status| *status != 503,
    )
    .await;
    let (next, junk) = (log.update(&tree, 7, 9).to_string(), "x".to_owned());
    assert_eq!(
        ask("add-checkpoint", next).await,
        200,
        "and it was recorded"
    );
    let statuses = [
        ask("add-checkpoint", junk.clone()).await,
        ask("add-checkpoint", junk.clone()).await,
    ];
    assert_eq!(
        statuses,
        [400, 429],
        "the bastion replaced what the client forged"
    );
    service.end().await;
    drop(stop);
    bastion.await.unwrap();
}

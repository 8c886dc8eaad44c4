//! TLS, HTTP/2 by ALPN, and client certificates.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use counterfoil_log_server::config::Config;
use counterfoil_log_server::log::Log;
use counterfoil_log_server::serve::Server;
use counterfoil_service::config::Settings;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use reqwest::{Certificate, Client, ClientBuilder, Identity};
use tempfile::TempDir;

use crate::fake::FakeLog;
use crate::raw::Raw;
use crate::server::{SECRET, TestServer, log, start};

/// A certificate authority of a test.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Certificate and key (PEM).
    fn issue(&self, name: &str, purpose: ExtendedKeyUsagePurpose) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn client(&self, name: &str) -> Identity {
        let (certificate, key) = self.issue(name, ExtendedKeyUsagePurpose::ClientAuth);
        Identity::from_pem(format!("{certificate}{key}").as_bytes()).unwrap()
    }
}

struct Secure {
    server: TestServer,
    servers: Authority,
    clients: Authority,
    _files: TempDir,
}

/// A server at `localhost` with TLS; `more` follows the tables, and `CA` in it is the file of the client CA.
async fn secure(more: &str) -> Secure {
    secure_with("", more).await
}

/// The same, with `top` at the top of the file.
async fn secure_with(top: &str, more: &str) -> Secure {
    let files = tempfile::tempdir().unwrap();
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let (certificate, key) = servers.issue("localhost", ExtendedKeyUsagePurpose::ServerAuth);
    let write = |name: &str, text: &str| {
        let path = files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (certificate, key) = (write("server.pem", &certificate), write("server.key", &key));
    let ca = write("ca.pem", &clients.0.pem());
    let logs = [
        log("a.example", "/a", ""),
        log("b.example", "/b", "read = \"token\""),
    ]
    .concat();
    let more = more.replace("CA", &ca);
    let config =
        format!("{top}{logs}[tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n{more}");
    let server = start(&config).await;
    Secure {
        server,
        servers,
        clients,
        _files: files,
    }
}

impl Secure {
    fn builder(&self) -> ClientBuilder {
        let root = Certificate::from_pem(self.servers.0.pem().as_bytes()).unwrap();
        Client::builder()
            .no_proxy()
            .tls_certs_only([root])
            .https_only(true)
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.server.address.port())
    }

    async fn add(&self, client: ClientBuilder, path: &str) -> u16 {
        let client = client.build().unwrap();
        client
            .post(self.url(path))
            .body("x")
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    }
}

#[tokio::test]
async fn both_versions_of_http() {
    let token = format!("[[token]]\nname = \"t\"\nsha256 = \"{SECRET}\"\n");
    let secure = secure(&token).await;
    let versions = [
        (secure.builder(), reqwest::Version::HTTP_2),
        (secure.builder().http1_only(), reqwest::Version::HTTP_11),
    ];
    for (client, version) in versions {
        let client = client.build().unwrap();
        let read = client
            .get(secure.url("/a/checkpoint"))
            .send()
            .await
            .unwrap();
        assert_eq!((read.status().as_u16(), read.version()), (200, version));
        let add = || client.post(secure.url("/a/add")).body("x");
        assert_eq!(add().send().await.unwrap().status(), 401);
        assert_eq!(
            add().bearer_auth("secret").send().await.unwrap().status(),
            200
        );
    }
    secure.server.end().await;
}

#[tokio::test]
async fn any_certificate_of_the_authority() {
    let secure = secure("client_ca = \"CA\"\n").await;
    let known = secure.clients.client("anything.example");
    assert_eq!(
        secure
            .add(secure.builder().identity(known.clone()), "/a/add")
            .await,
        200
    );
    assert_eq!(
        secure.add(secure.builder(), "/a/add").await,
        401,
        "no certificate, on loopback too"
    );
    let client = secure.builder().build().unwrap();
    let read = client
        .get(secure.url("/a/checkpoint"))
        .send()
        .await
        .unwrap();
    assert_eq!(read.status(), 200, "reading needs none");
    let bundle = client
        .get(secure.url("/b/tile/entries/000.p/1"))
        .send()
        .await
        .unwrap();
    assert_eq!(bundle.status(), 401, "but where it is guarded");
    let client = secure.builder().identity(known.clone()).build().unwrap();
    let bundle = client
        .get(secure.url("/b/tile/entries/000.p/1"))
        .send()
        .await
        .unwrap();
    assert_eq!(bundle.status(), 404, "read, and not there");

    let page = client
        .post(secure.url("/a/add"))
        .header("origin", "https://evil.example")
        .body("x");
    let page = page.send().await.unwrap();
    assert_eq!(
        page.status(),
        403,
        "a browser sends certificates for any page"
    );

    let stranger = Authority::new("strangers").client("anything.example");
    let client = secure.builder().identity(stranger).build().unwrap();
    let refused = client.post(secure.url("/a/add")).body("x").send().await;
    assert!(refused.is_err(), "the handshake fails");
    let (certificate, key) = secure
        .clients
        .issue("x.example", ExtendedKeyUsagePurpose::ServerAuth);
    let server = Identity::from_pem(format!("{certificate}{key}").as_bytes()).unwrap();
    let client = secure.builder().identity(server).build().unwrap();
    let refused = client.post(secure.url("/a/add")).body("x").send().await;
    assert!(refused.is_err(), "a server's certificate is not a client's");
    assert_eq!(secure.server.logs[0].state().entries.len(), 1);
    secure.server.end().await;
}

#[tokio::test]
async fn named_certificates() {
    let clients = "client_ca = \"CA\"\n[[client]]\nname = \"known.example\"\nlogs = [\"a.example\"]\nrate = 0.001\nburst = 1\n\
                   [[client]]\nname = \"second.example\"\nlogs = [\"b.example\"]\n";
    let secure = secure(clients).await;
    let known = secure.clients.client("known.example");
    let with = |identity: &Identity| secure.builder().identity(identity.clone());
    assert_eq!(secure.add(with(&known), "/a/add").await, 200);
    assert_eq!(
        secure.add(with(&known), "/a/add").await,
        429,
        "over its rate"
    );
    assert_eq!(
        secure.add(with(&known), "/b/add").await,
        403,
        "for another log"
    );
    let second = secure.clients.client("second.example");
    assert_eq!(secure.add(with(&second), "/b/add").await, 200);
    assert_eq!(secure.add(with(&second), "/a/add").await, 403);
    let other = secure.clients.client("other.example");
    assert_eq!(
        secure.add(with(&other), "/a/add").await,
        401,
        "of the CA, but not named"
    );
    assert_eq!(secure.server.logs[0].state().entries.len(), 1);
    secure.server.end().await;
}

#[tokio::test]
async fn plain_http_on_a_tls_port() {
    let secure = secure("client_ca = \"CA\"\n").await;
    let mut raw = Raw::connect(secure.server.address).await;
    raw.send("GET /a/checkpoint HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    let rest = raw.rest().await;
    assert!(!rest.contains("HTTP"), "{rest}");
    secure.server.end().await;
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let files = tempfile::tempdir().unwrap();
    let authority = Authority::new("servers");
    let (certificate, key) = authority.issue("localhost", ExtendedKeyUsagePurpose::ServerAuth);
    let (_, other_key) = authority.issue("localhost", ExtendedKeyUsagePurpose::ServerAuth);
    let good = [
        certificate.as_str(),
        key.as_str(),
        authority.0.pem().as_str(),
    ]
    .map(str::to_owned);
    let rows: [(&str, usize, Option<&str>, &str); 7] = [
        (
            "no certificate",
            0,
            None,
            "0.pem: expected certificates (PEM): ",
        ),
        (
            "empty certificate",
            0,
            Some(""),
            "0.pem: expected certificates (PEM): there is none",
        ),
        (
            "key for certificate",
            0,
            Some(&key),
            "0.pem: expected certificates (PEM): there is none",
        ),
        ("no key", 1, None, "1.pem: expected a private key (PEM): "),
        (
            "certificate for key",
            1,
            Some(&certificate),
            "1.pem: expected a private key (PEM): ",
        ),
        (
            "key of another certificate",
            1,
            Some(&other_key),
            "0.pem: keys may not be consistent: ",
        ),
        ("no CA", 2, None, "2.pem: expected certificates (PEM): "),
    ];
    for (name, changed, text, message) in rows {
        for (number, good) in good.iter().enumerate() {
            let path = files.path().join(format!("{number}.pem"));
            let _ = std::fs::remove_file(&path);
            match text {
                _ if number != changed => std::fs::write(&path, good).unwrap(),
                Some(text) => std::fs::write(&path, text).unwrap(),
                None => {}
            }
        }
        let said = refusal(files.path()).await;
        assert!(said.contains(message), "{name}: {said}");
    }
}

async fn refusal(files: &Path) -> String {
    let path = |number| files.join(format!("{number}.pem")).display().to_string();
    let text = format!(
        "listen = [\"127.0.0.1:0\"]\n{}[tls]\ncertificate = {:?}\nkey = {:?}\nclient_ca = {:?}\n",
        log("a.example", "/", ""),
        path(0),
        path(1),
        path(2)
    );
    let config = Config::parse(&text, &[]).unwrap();
    let logs: Vec<(String, Arc<dyn Log>)> = vec![("/".to_owned(), FakeLog::new("a.example"))];
    Server::bind(&config, logs).await.unwrap_err().to_string()
}

/// A client that has not said a word does not hold up the stop.
#[tokio::test]
async fn a_stop_does_not_wait_for_handshakes() {
    let deadlines = "head_deadline = \"1h\"\nshutdown_deadline = \"1h\"\n";
    let secure = secure_with(deadlines, "client_ca = \"CA\"\n").await;
    let mut silent = Raw::connect(secure.server.address).await;
    let client = secure.builder().build().unwrap();
    let metrics = async || {
        let answer = client.get(secure.url("/metrics")).send().await.unwrap();
        answer.text().await.unwrap()
    };
    while !metrics().await.contains("counterfoil_http_connections 2") {}
    tokio::time::timeout(Duration::from_mins(1), secure.server.end())
        .await
        .expect("the stop waits for the handshake");
    assert_eq!(silent.rest().await, "");
}

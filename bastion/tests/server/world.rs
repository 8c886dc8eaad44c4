//! A bastion that runs, its backends, and clients.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use counterfoil_bastion::KeyHash;
use counterfoil_bastion::backend::{Backend, BackendKey, Health, Link, Timing, client_of};
use counterfoil_bastion::server::{Bastion, Config, Reloader};
use counterfoil_service::config::{FrontConfig, TlsConfig};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::common::{Authority, backend_key, provider, quick, soon};

/// A bastion that runs.
pub(crate) struct World {
    pub(crate) authority: Authority,
    pub(crate) address: SocketAddr,
    pub(crate) status: Option<SocketAddr>,
    pub(crate) reloader: Reloader,
    pub(crate) files: TempDir,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) task: JoinHandle<()>,
}

impl World {
    /// Serves the backends with these numbers.
    pub(crate) async fn serving(numbers: &[u8]) -> Self {
        Self::with(numbers, |_, _| ()).await
    }

    /// The same, with a configuration that was changed; relative paths in it are of the second argument.
    pub(crate) async fn with(numbers: &[u8], change: impl FnOnce(&mut Config, &TempDir)) -> Self {
        let authority = Authority::new("ca");
        let files = tempfile::tempdir().unwrap();
        let path = |name: &str| files.path().join(name);
        let (certificate, key) = authority.server(&["localhost"]);
        std::fs::write(path("server.pem"), certificate.pem()).unwrap();
        std::fs::write(path("server.key"), key.serialize_pem()).unwrap();
        let mut config = Config {
            front: FrontConfig {
                listen: vec!["127.0.0.1:0".parse().unwrap()],
                tls: Some(TlsConfig {
                    certificate: path("server.pem"),
                    key: path("server.key"),
                    client_ca: None,
                }),
                ..FrontConfig::default()
            },
            backends: vec![path("backends")],
            ping_interval: Duration::from_millis(50),
            ping_timeout: Duration::from_secs(1),
            ..Config::default()
        };
        std::fs::write(path("backends"), list(numbers)).unwrap();
        change(&mut config, &files);
        let bastion = Bastion::bind(&config).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        Self {
            authority,
            address: bastion.addresses()[0],
            status: bastion.status_addresses().first().copied(),
            reloader: bastion.reloader(),
            files,
            stop: Some(stop),
            task: tokio::spawn(bastion.run(async {
                let _ = stopped.await;
            })),
        }
    }

    /// Writes the list of backends anew.
    pub(crate) fn list(&self, text: &str) {
        std::fs::write(self.files.path().join("backends"), text).unwrap();
    }

    /// The URL of a path at a backend.
    pub(crate) fn url(&self, number: u8, path: &str) -> String {
        self.at(&format!("{}{path}", hash(number)))
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("https://localhost:{}/{path}", self.address.port())
    }

    /// A client of the public.
    pub(crate) fn client(&self) -> reqwest::Client {
        self.client_builder().build().unwrap()
    }

    pub(crate) fn client_builder(&self) -> reqwest::ClientBuilder {
        let root = reqwest::Certificate::from_pem(self.authority.pem().as_bytes()).unwrap();
        reqwest::Client::builder()
            .tls_certs_only([root])
            .resolve("localhost", self.address)
    }

    /// Status and text of a GET.
    pub(crate) async fn get(&self, url: &str) -> (u16, String) {
        whole(soon(self.client().get(url).send()).await.unwrap()).await
    }

    /// Returns when a GET has this status.
    pub(crate) async fn until(&self, url: &str, status: u16) {
        soon(async {
            while self.get(url).await.0 != status {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// A TLS connection as a backend would open it.
    pub(crate) async fn dial(
        &self,
        identity: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
        versions: &[&'static SupportedProtocolVersion],
        protocol: &[u8],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(self.authority.store());
        let mut config = match identity {
            Some((certificate, key)) => builder
                .with_client_auth_cert(vec![certificate], key)
                .unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = "localhost".try_into().unwrap();
        soon(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
    }
}

pub(crate) fn hash(number: u8) -> KeyHash {
    backend_key(number).hash()
}

/// The list of backends with these numbers.
pub(crate) fn list(numbers: &[u8]) -> String {
    let lines = numbers
        .iter()
        .map(|number| format!("{} backend {number}\n", hash(*number)));
    lines.collect()
}

pub(crate) async fn whole(response: reqwest::Response) -> (u16, String) {
    let status = response.status().as_u16();
    (status, soon(response.text()).await.unwrap())
}

/// A key with a certificate of another's making.
pub(crate) struct Identity {
    pub(crate) key: KeyPair,
    pub(crate) certificate: rcgen::Certificate,
}

impl Identity {
    pub(crate) fn self_signed(algorithm: &'static rcgen::SignatureAlgorithm) -> Self {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let certificate = CertificateParams::new(Vec::new())
            .unwrap()
            .self_signed(&key)
            .unwrap();
        Self { key, certificate }
    }

    pub(crate) fn der(&self) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        (self.certificate.der().clone(), key)
    }

    pub(crate) fn hash(&self) -> KeyHash {
        KeyHash::of(self.key.public_key_raw().try_into().unwrap())
    }
}

/// A backend that runs.
pub(crate) struct Running {
    pub(crate) health: watch::Receiver<Health>,
    pub(crate) gate: Arc<Notify>,
    /// Requests that came.
    pub(crate) seen: watch::Receiver<usize>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    /// One with the key of this number, at this address of the bastion. It answers what it is called, method, path and
    /// query, client and body; `/wait` waits for the gate, and `/headers` shows the headers.
    pub(crate) fn start(world: &World, name: &'static str, number: u8) -> Self {
        Self::at(world.address, world, name, &backend_key(number), quick())
    }

    pub(crate) fn at(
        address: SocketAddr,
        world: &World,
        name: &'static str,
        key: &BackendKey,
        timing: Timing,
    ) -> Self {
        let bastion = format!("localhost:{}", address.port()).parse().unwrap();
        let backend = Backend::new(bastion, key, &world.authority.roots(), timing).unwrap();
        let gate = Arc::new(Notify::new());
        let counter = watch::Sender::new(0);
        let seen = counter.subscribe();
        let (stop, stopped) = oneshot::channel();
        let health = backend.health();
        let service = {
            let gate = Arc::clone(&gate);
            move |request: Request<Incoming>| {
                let gate = Arc::clone(&gate);
                counter.send_modify(|count| *count += 1);
                answer(name, request, gate)
            }
        };
        Self {
            health,
            gate,
            seen,
            stop: Some(stop),
            task: tokio::spawn(backend.run(service, async {
                let _ = stopped.await;
            })),
        }
    }

    pub(crate) async fn until(&mut self, condition: impl FnMut(&Health) -> bool) -> Health {
        soon(self.health.wait_for(condition)).await.unwrap().clone()
    }

    pub(crate) async fn connected(&mut self) {
        self.until(|health| health.link == Link::Connected).await;
    }

    /// Returns when so many requests came.
    pub(crate) async fn has_seen(&mut self, count: usize) {
        soon(self.seen.wait_for(|seen| *seen >= count))
            .await
            .unwrap();
    }

    pub(crate) async fn end(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        soon(self.task).await.unwrap();
    }

    /// Vanishes without a word.
    pub(crate) fn vanish(self) {
        self.task.abort();
    }
}

async fn answer(
    name: &'static str,
    request: Request<Incoming>,
    gate: Arc<Notify>,
) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    if parts.uri.path() == "/wait" {
        gate.notified().await;
    }
    if parts.uri.path() == "/headers" {
        let mut lines: Vec<String> = parts
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()))
            .collect();
        lines.sort();
        return Response::builder()
            .header("cache-control", "max-age=3600, immutable")
            .header("etag", "\"one\"")
            .body(Full::new(Bytes::from(lines.concat())))
            .unwrap();
    }
    let client = client_of(&parts.headers).map(|client| client.to_string());
    let client = client.unwrap_or_default();
    let target = parts.uri.path_and_query().unwrap();
    let said = format!("{name} {} {target} {client} ", parts.method);
    let body = body.collect().await.unwrap().to_bytes();
    Response::new(Full::new(Bytes::from([said.as_bytes(), &body].concat())))
}

/// The path of a file of a world.
pub(crate) fn path(files: &TempDir, name: &str) -> PathBuf {
    files.path().join(name)
}

//! A service of a test: in a directory and on a port of its own, stopped and awaited at the end.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use counterfoil_service::config::Settings;
use counterfoil_tiles::key::{Algorithm, KeyName, KeyRing, PrivateKey, Seed};
use counterfoil_tiles::witness_wire::AddCheckpointRequest;
use counterfoil_witness::config::Config;
use counterfoil_witness::run::{Lists, RunError, Running, start};
use counterfoil_witness::{OriginHash, data};
use reqwest::{Client, Response};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::history::Signer;

/// The name of the witness's keys.
pub(crate) const NAME: &str = "witness.example/w1";

/// A directory as `witness init` makes one.
pub(crate) struct Home {
    directory: TempDir,
    /// The name of the data directory.
    pub(crate) data: &'static str,
}

/// A private key in the form of key files.
pub(crate) fn key_text(name: &str, algorithm: Algorithm, seed: u8) -> String {
    let name = KeyName::new(name).unwrap();
    let key = PrivateKey::new(name, algorithm, Seed::new([seed; 32])).unwrap();
    key.encode().to_string()
}

fn load(path: &Path) -> Result<PrivateKey, Box<dyn std::error::Error + Send + Sync>> {
    Ok(std::fs::read_to_string(path)?.parse()?)
}

impl Home {
    /// With keys of both algorithms, empty data, and a list of these logs.
    pub(crate) async fn new(logs: &[&Signer]) -> Self {
        let home = Self {
            directory: tempfile::tempdir().unwrap(),
            data: "data",
        };
        home.write(
            "ed25519.key",
            &key_text(NAME, Algorithm::CosignatureV1, 101),
        );
        home.write("mldsa.key", &key_text(NAME, Algorithm::MlDsa44, 102));
        home.list(logs);
        data::create(&home.path("data")).await.unwrap();
        home
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Writes the list of logs.
    pub(crate) fn list(&self, logs: &[&Signer]) {
        let lines = logs.iter().flat_map(|log| log.keys.iter());
        let lines: Vec<String> = lines.map(|key| format!("{}\n", key.vkey())).collect();
        self.write("logs", &lines.concat());
    }

    /// The configuration with these lines at its top, and these tables.
    pub(crate) fn config(&self, top: &str, tables: &str) -> Config {
        let data = self.data;
        let text = format!(
            "listen = [\"127.0.0.1:0\"]\ndata = \"{data}\"\nkeys = [\"ed25519.key\", \"mldsa.key\"]\nlogs = [\"logs\"]\n{top}\n{tables}\n"
        );
        self.write("witness.toml", &text);
        Config::load(&self.path("witness.toml"), &[]).unwrap()
    }

    /// Runs the service.
    pub(crate) async fn start(&self, top: &str, tables: &str) -> Service {
        Service::of(self.try_start(top, tables).await.unwrap())
    }

    pub(crate) async fn try_start(&self, top: &str, tables: &str) -> Result<Running, RunError> {
        start(&self.config(top, tables), &load).await
    }
}

pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) client: Client,
    pub(crate) lists: Arc<Lists>,
    /// The witness's keys.
    pub(crate) ring: KeyRing,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Service {
    pub(crate) fn of(running: Running) -> Self {
        let address = running.addresses()[0];
        let lists = running.lists();
        let ring = running.witness().signers().ring().clone();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(running.run(async {
            let _ = stopped.await;
        }));
        Self {
            address,
            client: Client::builder().no_proxy().build().unwrap(),
            lists,
            ring,
            stop: Some(stop),
            task,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }

    pub(crate) async fn text(&self, path: &str) -> String {
        self.get(path).await.text().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Response {
        self.client
            .post(self.url(path))
            .body(body)
            .send()
            .await
            .unwrap()
    }

    /// The status of add-checkpoint.
    pub(crate) async fn add(&self, request: &AddCheckpointRequest) -> u16 {
        self.post("/add-checkpoint", request.to_string())
            .await
            .status()
            .as_u16()
    }

    /// The same, for a request that is asked again and again.
    pub(crate) async fn add_owned(&self, request: AddCheckpointRequest) -> u16 {
        self.add(&request).await
    }

    /// Tells the service to stop, and waits until it has.
    pub(crate) async fn end(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.task.await.unwrap();
    }
}

/// A header of a response as text; empty if it is not there.
pub(crate) fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name);
    value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

/// Where the latest checkpoint of a log is.
pub(crate) fn checkpoint_path(log: &Signer) -> String {
    format!("/{}/checkpoint", OriginHash::of(&log.origin))
}

/// Asks until the answer is as it should be.
pub(crate) async fn until<T, F: Future<Output = T>>(
    mut ask: impl FnMut() -> F,
    good: impl Fn(&T) -> bool,
) -> T {
    crate::common::soon(async {
        loop {
            let answer = ask().await;
            if good(&answer) {
                return answer;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await
}

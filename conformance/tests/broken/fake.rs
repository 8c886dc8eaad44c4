//! A witness in memory, right or with one fault.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use counterfoil_tiles::checkpoint::Checkpoint;
use counterfoil_tiles::cosignature::{Timestamp, cosign_checkpoint, cosign_subtree};
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::key::{Algorithm, PrivateKey, SigningKey, Vkey};
use counterfoil_tiles::note::{Note, SignatureLine};
use counterfoil_tiles::proof::Subtree;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use url::Url;

use crate::fault::Fault;
use crate::private_key;

/// The latest cosigned checkpoint of a log.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) size: u64,
    pub(crate) root: NodeHash,
    /// The note that monitors see.
    pub(crate) note: String,
}

/// What the handlers share.
pub(crate) struct Witness {
    pub(crate) fault: Fault,
    /// The keys of each log.
    pub(crate) logs: HashMap<String, Vec<Vkey>>,
    pub(crate) signers: Vec<SigningKey>,
    records: Mutex<HashMap<String, Vec<Recorded>>>,
    /// Appears when the witness is to be restarted.
    marker: PathBuf,
    in_flight: AtomicU64,
    ticks: AtomicU64,
}

/// A running witness.
pub(crate) struct Fake {
    url: Url,
    witness: Arc<Witness>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Fake {
    pub(crate) async fn start(
        fault: Fault,
        logs: &[(String, Vec<PrivateKey>)],
        marker: PathBuf,
    ) -> Self {
        let name = "example.com/fake";
        let logs = logs.iter().map(|(origin, keys)| {
            let trusted = if fault == Fault::FirstKeyOnly {
                1
            } else {
                keys.len()
            };
            let keys = keys.iter().take(trusted).map(|key| key.vkey().clone());
            (origin.clone(), keys.collect())
        });
        let witness = Arc::new(Witness {
            fault,
            logs: logs.collect(),
            signers: vec![
                private_key(name, Algorithm::CosignatureV1, 201).into_signing_key(),
                private_key(name, Algorithm::MlDsa44, 202).into_signing_key(),
            ],
            records: Mutex::default(),
            marker,
            in_flight: AtomicU64::new(0),
            ticks: AtomicU64::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new()
            .fallback(serve)
            .layer(DefaultBodyLimit::max(1 << 21))
            .with_state(Arc::clone(&witness));
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            // The client's connections stay open: they end with the task.
            tokio::select! {
                result = axum::serve(listener, router) => result.expect("the server runs"),
                _ = stopped => {}
            }
        });
        Self {
            url: format!("http://{address}/").parse().expect("a URL"),
            witness,
            stop,
            server,
        }
    }

    pub(crate) fn url(&self) -> Url {
        self.url.clone()
    }

    pub(crate) fn vkeys(&self) -> Vec<Vkey> {
        let signers = self.witness.signers.iter();
        signers.map(|signer| signer.vkey().clone()).collect()
    }

    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        self.server.await.expect("the server ends");
    }
}

async fn serve(
    State(witness): State<Arc<Witness>>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Response {
    witness.restart_if_asked();
    let any = witness.fault == Fault::AnyMethod;
    let mut response = match uri.path() {
        "/add-checkpoint" if any || method == Method::POST => add(&witness, &body).await,
        "/sign-subtree" if any || method == Method::POST => {
            crate::subtree::sign(&witness, &body).into_response()
        }
        "/add-checkpoint" | "/sign-subtree" => StatusCode::METHOD_NOT_ALLOWED.into_response(),
        path if any || method == Method::GET => witness.monitor(path),
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    };
    if witness.fault == Fault::ClosesConnections {
        let value = "close".parse().expect("a value");
        response.headers_mut().insert(header::CONNECTION, value);
    }
    response
}

async fn add(witness: &Witness, body: &[u8]) -> Response {
    let others = witness.in_flight.fetch_add(1, Ordering::SeqCst);
    let response = match (witness.fault, others) {
        (Fault::OneAtATime, 1..) => StatusCode::TOO_MANY_REQUESTS.into_response(),
        (Fault::Overloaded, 1..) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        _ => {
            if matches!(witness.fault, Fault::OneAtATime | Fault::Overloaded) {
                // Long enough for others to come meanwhile.
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
            crate::judge::add(witness, body).await
        }
    };
    witness.in_flight.fetch_sub(1, Ordering::SeqCst);
    response
}

impl Witness {
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<Recorded>>> {
        self.records.lock().expect("no handler panics with it")
    }

    pub(crate) fn recorded(&self, origin: &str) -> Option<Recorded> {
        self.lock().get(origin).and_then(|all| all.last().cloned())
    }

    fn restart_if_asked(&self) {
        let asked = std::fs::remove_file(&self.marker).is_ok();
        if asked && self.has(Fault::Forgets) {
            for records in self.lock().values_mut() {
                records.pop();
            }
        }
    }

    /// What time it says.
    fn now(&self) -> Timestamp {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.expect("after the Epoch").as_secs();
        let ticks = self.ticks.fetch_add(1, Ordering::SeqCst);
        let seconds = match self.fault {
            Fault::ZeroTimestamp => 0,
            Fault::ClockBehind => now - 7200,
            Fault::ClockBackwards => now + 300 - 2 * ticks.min(300),
            _ => now,
        };
        Timestamp::new(seconds).expect("a time")
    }

    /// Its cosignatures on a checkpoint.
    pub(crate) fn cosign(&self, checkpoint: &Checkpoint) -> Vec<SignatureLine> {
        let time = self.now();
        let signers = self.signers.iter();
        let signers = signers.take(if self.has(Fault::OneKey) { 1 } else { 2 });
        signers
            .map(|key| {
                let mut signed = checkpoint.clone();
                if self.has(Fault::WrongSignatures) {
                    let size = TreeSize::new(checkpoint.size().get() + 1);
                    signed = Checkpoint::new(signed.origin().clone(), size, *signed.root());
                }
                if self.has(Fault::ExtensionsLost) {
                    signed =
                        Checkpoint::new(signed.origin().clone(), signed.size(), *signed.root());
                }
                if self.has(Fault::OtherRange) && key.algorithm() == Algorithm::MlDsa44 {
                    let size = TreeSize::new(checkpoint.size().get() + 1);
                    let range = Subtree::whole(size);
                    return cosign_subtree(key, signed.origin(), range, signed.root(), time)
                        .expect("a cosignature");
                }
                cosign_checkpoint(key, &signed, time).expect("a cosignature")
            })
            .collect()
    }

    /// Lines that say nothing true, for what is not read.
    pub(crate) fn any_lines(&self) -> String {
        let key = &self.signers[0];
        let line = SignatureLine::new(key.name().clone(), key.id(), vec![1; 72]);
        format!("{}\n", line.expect("a line"))
    }

    fn monitor(&self, path: &str) -> Response {
        let hash = path.trim_start_matches('/').trim_end_matches("/checkpoint");
        let of = |origin: &String| hex::encode(Sha256::digest(origin.as_bytes())) == hash;
        let origin = self.logs.keys().find(|origin| of(origin));
        let recorded = origin.and_then(|origin| self.recorded(origin));
        let Some(recorded) = recorded else {
            return if self.has(Fault::MonitoringInvents) {
                "nothing yet\n".into_response()
            } else {
                StatusCode::NOT_FOUND.into_response()
            };
        };
        let note = Note::parse(recorded.note.as_bytes()).expect("a note");
        let own = |line: &&SignatureLine| line.name() == self.signers[0].name();
        let with = |lines: Vec<SignatureLine>| {
            let note = Note::new(note.text(), lines).expect("a note");
            note.to_string().into_response()
        };
        match self.fault {
            Fault::NoMonitoring => StatusCode::NOT_FOUND.into_response(),
            Fault::MonitoringOther => recorded
                .note
                .replacen("example.com/log/", "example.com/other/", 1)
                .into_response(),
            Fault::MonitoringNoCosignatures => with(
                note.signatures()
                    .iter()
                    .filter(|line| !own(line))
                    .cloned()
                    .collect(),
            ),
            Fault::MonitoringNoLog => with(note.signatures().iter().filter(own).cloned().collect()),
            _ => recorded.note.into_response(),
        }
    }
}

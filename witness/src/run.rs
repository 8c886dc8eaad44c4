//! The whole service: the witness of a configuration, HTTP before it, its bastions, and what reads its lists again.

use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use counterfoil_bastion::backend::{
    AddressError, Backend, BackendKey, BackendKeyError, Roots, Timing,
};
use counterfoil_service::metrics::Connections;
use counterfoil_service::serve::{self, Server};
use counterfoil_service::tls::{self, Certificates, TlsError};
use counterfoil_tiles::key::{PrivateKey, Vkey};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

use crate::config::{BastionConfig, Config, Place};
use crate::copies::{CopySource, CopyWriter, FolderCopies, Guard};
use crate::data::{self, Data, DataError};
use crate::http::{BastionLink, Site};
use crate::lists::{self, Listing, ReadError, Stamp};
use crate::monitored::MonitoringCopies;
use crate::{Options, Signers, SignersError, Witness};

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A key file cannot be used.
    #[error("the key file {}: {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The keys cannot be a witness's.
    #[error("keys: {0}")]
    Signers(#[from] SignersError),
    /// The lists of logs cannot be used.
    #[error("the lists of logs: {0}")]
    Lists(#[from] ReadError),
    /// The data directory cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A bastion cannot be connected to.
    #[error("the bastion {address}: {reason}")]
    Bastion {
        /// The bastion.
        address: String,
        /// Why.
        reason: String,
    },
    /// A place of copies cannot be used.
    #[error("copies: {place}: {reason}")]
    Copies {
        /// The place.
        place: String,
        /// Why.
        reason: String,
    },
    /// TLS cannot be served.
    #[error("tls: {0}")]
    Tls(#[from] TlsError),
    /// HTTP cannot be served.
    #[error(transparent)]
    Serve(#[from] serve::ServeError),
}

/// Reads one key file; the caller knows how secrets are kept.
pub type LoadKey<'a> = &'a dyn Fn(&Path) -> Result<PrivateKey, Box<dyn Error + Send + Sync>>;

/// The keys of a configuration.
pub fn load_signers(config: &Config, load: LoadKey<'_>) -> Result<Signers, RunError> {
    let keys = config
        .keys
        .iter()
        .map(|path| Ok(load_key(path, load)?.into_signing_key()));
    Ok(Signers::new(keys.collect::<Result<Vec<_>, RunError>>()?)?)
}

fn load_key(path: &Path, load: LoadKey<'_>) -> Result<PrivateKey, RunError> {
    load(path).map_err(|source| RunError::Key {
        path: path.to_owned(),
        source,
    })
}

/// What a configuration comes to, as far as that shows without its data.
#[derive(Debug)]
pub struct Checked {
    /// The witness's keys.
    pub vkeys: Vec<Vkey>,
    /// The logs, and what was overruled in their lists.
    pub listing: Listing,
    /// The URLs by which bastions serve it.
    pub bastions: Vec<String>,
}

/// Reads everything that a configuration names but the data.
pub fn check(config: &Config, load: LoadKey<'_>) -> Result<Checked, RunError> {
    let signers = load_signers(config, load)?;
    if let Some(config) = &config.front.tls {
        tls::configure(config)?;
    }
    places(config)?;
    let bastions = backends(config, load)?;
    Ok(Checked {
        vkeys: signers.ring().iter().cloned().collect(),
        listing: lists::read(&config.logs)?,
        bastions: bastions.iter().map(Backend::url).collect(),
    })
}

/// A service that listens. Connections wait until it runs.
pub struct Running {
    server: Server<Arc<Site>>,
    site: Arc<Site>,
    witness: Arc<Witness>,
    backends: Vec<Backend>,
    bastions: Vec<String>,
    lists: Arc<Lists>,
    watch_interval: Duration,
    deadline: Duration,
    data: Data,
}

/// The lists of logs and the certificates of a running service.
pub struct Lists {
    site: Arc<Site>,
    files: Vec<PathBuf>,
    certificates: Option<Arc<Certificates>>,
    /// What was read last, whether it could be used or not.
    stamp: Mutex<Stamp>,
}

/// Opens everything and begins to listen.
pub async fn start(config: &Config, load: LoadKey<'_>) -> Result<Running, RunError> {
    let signers = load_signers(config, load)?;
    let backends = backends(config, load)?;
    let (sources, folders) = places(config)?;
    let files = config.logs.clone();
    let listing = read(files.clone()).await?;
    let data = data::open(&config.data).await?;
    let options = Options {
        halt_on_misbehaviour: config.halt_on_misbehaviour,
        cached_logs: config.cached_logs,
        guard: Guard::new(sources, config.copies_required),
        copies: Arc::new(CopyWriter::new(folders)),
    };
    let (heads, blobs) = (Arc::clone(&data.heads) as _, Arc::clone(&data.blobs) as _);
    tell_listing(&listing);
    if config.copies.is_empty() {
        tracing::warn!(
            "no copies are configured: if the database is ever restored from an old backup, nothing will notice, and this witness \
             could sign a second history; name a second place in `copies`"
        );
    }
    let logs = listing.combined.logs;
    let witness = Arc::new(Witness::new(signers, logs, heads, blobs, options));
    let links = backends.iter().map(|backend| BastionLink {
        url: backend.url(),
        health: backend.health(),
    });
    let connections = Arc::new(Connections::default());
    let counted = Arc::clone(&connections);
    let site = Arc::new(Site::new(
        config,
        Arc::clone(&witness),
        counted,
        links.collect(),
    ));
    let server = Server::bind(&config.front, connections, Arc::clone(&site)).await?;
    let lists = Lists {
        site: Arc::clone(&site),
        files,
        certificates: server.certificates(),
        stamp: Mutex::new(listing.stamp),
    };
    Ok(Running {
        server,
        site,
        witness,
        bastions: backends.iter().map(Backend::url).collect(),
        backends,
        lists: Arc::new(lists),
        watch_interval: config.watch_interval,
        deadline: config.front.shutdown_deadline,
        data,
    })
}

impl Running {
    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.server.addresses()
    }

    /// The URLs by which bastions serve it.
    pub fn bastions(&self) -> &[String] {
        &self.bastions
    }

    /// The witness.
    pub fn witness(&self) -> &Arc<Witness> {
        &self.witness
    }

    /// What reads the lists and the certificates again.
    pub fn lists(&self) -> Arc<Lists> {
        Arc::clone(&self.lists)
    }

    /// Serves until `shutdown` ends; then answers what was taken, writes the last copies, and ends.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for backend in self.backends {
            let site = Arc::clone(&self.site);
            let answer = move |request| Arc::clone(&site).over_bastion(request);
            tasks.spawn(backend.run(answer, told(stopped.clone())));
        }
        if !self.watch_interval.is_zero() {
            let lists = Arc::clone(&self.lists);
            tasks.spawn(lists.watch(self.watch_interval, told(stopped.clone())));
        }
        let sweeping = Arc::clone(&self.witness);
        let sweep = tokio::spawn(async move { sweeping.sweep_copies().await });
        let (last, written) = watch::channel(false);
        let writing = tokio::spawn(Arc::clone(self.witness.copies()).run(told(written)));
        self.server.run(shutdown).await;
        // Whoever listens is told, also if nobody does.
        stop.send_replace(true);
        let ended = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(self.deadline, ended).await.is_err() {
            tracing::warn!("stopped before all requests over bastions were answered");
        }
        sweep.abort();
        // After the last answer, so that the copies have what it signed.
        last.send_replace(true);
        if writing.await.is_err() {
            tracing::error!("the last copies were not written");
        }
        drop(self.data);
    }
}

/// Ends when the other end says so, or is gone.
async fn told(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

impl Lists {
    /// Reads the lists, and the certificates of TLS, again. What cannot be used leaves what was before; it is logged, and
    /// returned.
    pub async fn reload(&self) -> Result<(), Vec<String>> {
        let mut failures = Vec::new();
        if let Some(certificates) = &self.certificates {
            match certificates.reload() {
                Ok(()) => tracing::info!("read the certificates of TLS again"),
                Err(error) => {
                    tracing::error!(
                        %error,
                        "the certificates of TLS cannot be used, and those that were read before are served: mend the files, \
                         and send SIGHUP again"
                    );
                    failures.push(format!("tls: {error}"));
                }
            }
        }
        let mut stamp = self.stamp.lock().await;
        if let Err(error) = self.read(&mut stamp).await {
            failures.push(error);
        }
        if failures.is_empty() {
            Ok(())
        } else {
            Err(failures)
        }
    }

    async fn read(&self, stamp: &mut Stamp) -> Result<(), String> {
        // From before the reading: what changes meanwhile is read again.
        *stamp = self.stamp_now().await;
        match read(self.files.clone()).await {
            Ok(listing) => {
                tell_listing(&listing);
                *stamp = listing.stamp;
                self.site.replace_logs(listing.combined.logs);
                Ok(())
            }
            Err(error) => {
                tracing::error!(
                    %error,
                    "the lists of logs cannot be used, and the logs that were read before stay: mend the file"
                );
                let error = error.to_string();
                self.site.lists_failed(error.clone());
                Err(error)
            }
        }
    }

    async fn stamp_now(&self) -> Stamp {
        let files = self.files.clone();
        tokio::task::spawn_blocking(move || Stamp::of(&files))
            .await
            .unwrap_or_else(|_| Stamp::of(&[]))
    }

    /// Reads the lists when they have changed and come to rest: a file that is being written is left alone.
    async fn watch(self: Arc<Self>, interval: Duration, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut before = self.stamp.lock().await.clone();
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(interval) => {}
            }
            let now = self.stamp_now().await;
            let mut read = self.stamp.lock().await;
            if now != *read && now == before {
                // It is logged and shown.
                let _ = self.read(&mut read).await;
            }
            before = now;
        }
    }
}

async fn read(files: Vec<PathBuf>) -> Result<Listing, ReadError> {
    let reading = tokio::task::spawn_blocking(move || lists::read(&files));
    match reading.await {
        Ok(read) => read,
        Err(error) => Err(ReadError::Io {
            file: PathBuf::new(),
            error: error.into(),
        }),
    }
}

fn tell_listing(listing: &Listing) {
    const TOLD: usize = 20;
    let combined = &listing.combined;
    for overruled in combined.overruled.iter().take(TOLD) {
        tracing::warn!("{overruled}");
    }
    let more = combined.overruled.len().saturating_sub(TOLD);
    if more > 0 {
        tracing::warn!(
            more,
            "more keys in the lists are not trusted, for the same reason"
        );
    }
    tracing::info!(logs = combined.logs.len(), "read the lists of logs");
}

type Places = (Vec<Arc<dyn CopySource>>, Vec<FolderCopies>);

/// The places of copies: all to read, and the folders among them to write.
pub fn places(config: &Config) -> Result<Places, RunError> {
    let mut sources: Vec<Arc<dyn CopySource>> = Vec::new();
    let mut folders = Vec::new();
    for place in &config.copies {
        match place {
            Place::Folder(folder) => {
                let folder = FolderCopies::new(folder);
                folders.push(folder.clone());
                sources.push(Arc::new(folder));
            }
            Place::Url(url) => {
                let copies = MonitoringCopies::new(url).map_err(|reason| RunError::Copies {
                    place: url.clone(),
                    reason,
                })?;
                sources.push(Arc::new(copies));
            }
        }
    }
    Ok((sources, folders))
}

fn backends(config: &Config, load: LoadKey<'_>) -> Result<Vec<Backend>, RunError> {
    let timing = Timing {
        shutdown: config.front.shutdown_deadline,
        ..Timing::default()
    };
    let backend = |bastion: &BastionConfig| {
        let error = |reason: String| RunError::Bastion {
            address: bastion.address.clone(),
            reason,
        };
        let key = load_key(&bastion.key, load)?;
        let key =
            BackendKey::new(&key).map_err(|reason: BackendKeyError| error(reason.to_string()))?;
        let roots = match &bastion.ca {
            None => Roots::System,
            Some(path) => Roots::from_file(path).map_err(|reason| error(reason.to_string()))?,
        };
        let address = bastion
            .address
            .parse()
            .map_err(|reason: AddressError| error(reason.to_string()))?;
        Backend::new(address, &key, &roots, timing).map_err(|reason| error(reason.to_string()))
    };
    config.bastions.iter().map(backend).collect()
}

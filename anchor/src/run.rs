//! The whole service: the worker of a configuration, and HTTP before its records.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use counterfoil_service::client::{CallError, Client, ClientOptions};
use counterfoil_service::metrics::Connections;
use counterfoil_service::serve::{self, Server};
use counterfoil_service::tls::{self, Certificates, TlsError};
use counterfoil_store::BlobName;
use counterfoil_tiles::policy::{Policy, PolicyError};
use tokio::sync::watch;

use crate::capture::Capturer;
use crate::config::{AuthorityConfig, Config};
use crate::data::{self, Data, DataError};
use crate::ethereum;
use crate::follow::{FollowError, Followed};
use crate::http::{Site, SiteOptions};
use crate::judge::{Judge, RecordJudge};
use crate::names::{Place, RecordName};
use crate::public_url::{public_text, public_url};
use crate::records::{Acknowledged, Damage, Records};
use crate::schedule::OptionsError;
use crate::tsa::{Tsa, TsaOptions};
use crate::worker::{Clock, LogPlan, Once, Plan, Worker};

/// How many redirects of a log, or to revocation data, are followed. Those of an authority are not: a request that was sent
/// on as another would be answered by somebody else.
const REDIRECTS: usize = 3;

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A file that the configuration names cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A policy is none.
    #[error("the policy {}: {error}", path.display())]
    Policy {
        /// The file.
        path: PathBuf,
        /// Why.
        error: PolicyError,
    },
    /// A log cannot be followed.
    #[error("the log {url}: {error}")]
    Log {
        /// Its URL.
        url: String,
        /// Why.
        error: FollowError,
    },
    /// Two tables are about one log.
    #[error(
        "the logs {first} and {second} have the same origin, and a log has one history: keep one of them"
    )]
    SameLog {
        /// The URL of the one.
        first: String,
        /// The URL of the other.
        second: String,
    },
    /// An authority's tokens cannot be judged.
    #[error("the authority {name}: {reason}")]
    Authority {
        /// Its name.
        name: String,
        /// Why.
        reason: Box<dyn Error + Send + Sync>,
    },
    /// Two tables are about one authority.
    #[error(
        "the authorities {first} and {second} lead to the same root key, that of {root}: they are one authority, and k of n \
         counts authorities; give each its own root, or keep one of them"
    )]
    SameRoot {
        /// The name of the one.
        first: String,
        /// The name of the other.
        second: String,
        /// The root's name.
        root: String,
    },
    /// The schedule contradicts itself.
    #[error(transparent)]
    Schedule(#[from] OptionsError),
    /// The chain cannot be worked on.
    #[error(transparent)]
    Ethereum(#[from] ethereum::OpenError),
    /// The HTTP client cannot be set up.
    #[error(transparent)]
    Client(#[from] CallError),
    /// The data directory cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The records cannot be listed.
    #[error("the records cannot be listed: {0}")]
    Records(#[from] counterfoil_store::ReadError),
    /// TLS cannot be served.
    #[error("tls: {0}")]
    Tls(#[from] TlsError),
    /// HTTP cannot be served.
    #[error(transparent)]
    Serve(#[from] serve::ServeError),
}

/// Makes what judges the tokens of an authority, from the files that its table names.
pub type MakeJudge<'a> =
    &'a dyn Fn(&AuthorityConfig) -> Result<Arc<dyn Judge>, Box<dyn Error + Send + Sync>>;

/// What judges tokens.
#[derive(Clone)]
pub struct Judges<'a> {
    /// Makes what judges those of an authority.
    pub make: MakeJudge<'a>,
    /// Judges what is kept.
    pub records: Arc<dyn RecordJudge>,
}

/// Reads all that a configuration names but the data.
pub fn plan(config: &Config, make: MakeJudge<'_>) -> Result<Plan, RunError> {
    if let Some(tls) = &config.front.tls {
        tls::configure(tls)?;
    }
    let roots = match &config.https_roots {
        Some(path) => read(path)?,
        None => Vec::new(),
    };
    let direct = ClientOptions {
        roots: roots.clone(),
        ..ClientOptions::default()
    };
    let following = ClientOptions {
        redirects: REDIRECTS,
        ..direct.clone()
    };
    let (direct, following) = (Client::new(&direct)?, Client::new(&following)?);
    let options = config.schedule()?;
    let mut logs: Vec<LogPlan> = Vec::new();
    for log in &config.logs {
        let policy = read(&log.policy)?;
        let policy = Policy::parse(&policy).map_err(|error| RunError::Policy {
            path: log.policy.clone(),
            error,
        })?;
        let (policy, client) = (Arc::new(policy), following.clone());
        let url = log.url.secret();
        let followed = Followed::new(url, policy, client, config.log_deadline);
        let followed = followed.map_err(|error| RunError::Log {
            url: public_text(url),
            error,
        })?;
        let same = logs
            .iter()
            .find(|other| other.followed.origin() == followed.origin());
        if let Some(other) = same {
            return Err(RunError::SameLog {
                first: public_url(other.followed.url()),
                second: public_text(url),
            });
        }
        // What is no hash was refused with the configuration.
        let hashes = |texts: &[String]| texts.iter().filter_map(|text| text.parse().ok()).collect();
        logs.push(LogPlan {
            followed,
            options,
            acknowledged: Acknowledged {
                forks: hashes(&log.known_forks),
                lost: hashes(&log.lost_checkpoints),
            },
        });
    }
    let authorities = config.authorities.iter();
    let authorities = authorities.map(|authority| tsa(config, authority, &direct, make));
    let authorities: Vec<Tsa> = authorities.collect::<Result<_, _>>()?;
    check_roots(&authorities)?;
    Ok(Plan {
        logs,
        authorities,
        capturer: Capturer::new(following, config.authority_deadline),
        ethereum: match &config.ethereum {
            Some(chain) => Some(ethereum::plan(chain, config.jitter, roots)?),
            None => None,
        },
        clock: Clock::default(),
        shutdown_deadline: config.front.shutdown_deadline,
    })
}

fn tsa(
    config: &Config,
    authority: &AuthorityConfig,
    client: &Client,
    make: MakeJudge<'_>,
) -> Result<Tsa, RunError> {
    let wrong = |reason: Box<dyn Error + Send + Sync>| RunError::Authority {
        name: authority.name.clone(),
        reason,
    };
    let name = authority
        .name
        .parse()
        .map_err(|error: crate::names::NameError| wrong(error.into()))?;
    let url = authority
        .url
        .secret()
        .parse()
        .map_err(|error: url::ParseError| wrong(error.into()))?;
    let options = TsaOptions {
        deadline: config.authority_deadline,
        clock_tolerance: config.clock_tolerance,
    };
    let judge = make(authority).map_err(wrong)?;
    Ok(Tsa::new(name, url, judge, client.clone(), options))
}

/// Each authority must have roots of its own.
fn check_roots(authorities: &[Tsa]) -> Result<(), RunError> {
    let mut known: HashMap<[u8; 32], &Tsa> = HashMap::new();
    for authority in authorities {
        for root in authority.judge().roots() {
            match known.insert(root.key, authority) {
                // One key under two certificates, in one table.
                Some(other) if other.name() == authority.name() => {}
                Some(other) => {
                    return Err(RunError::SameRoot {
                        first: other.name().to_string(),
                        second: authority.name().to_string(),
                        root: root.subject,
                    });
                }
                None => {}
            }
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, RunError> {
    std::fs::read(path).map_err(|source| RunError::File {
        path: path.to_owned(),
        source,
    })
}

/// What came of anchoring once.
#[derive(Debug)]
pub struct DoneOnce {
    /// Each log.
    pub logs: Vec<Once>,
    /// Tokens of which a certificate's revocation data cannot speak for their time yet: a later process asks for newer ones.
    pub unsettled: usize,
    /// Tokens of the last 400 days of which a certificate turned out to be revoked.
    pub revoked: BTreeSet<(Place, RecordName)>,
    /// What was read, and is damaged.
    pub damaged: BTreeMap<BlobName, Damage>,
    /// The work on a chain, if there is one.
    pub ethereum: Option<ethereum::Status>,
}

/// Looks at every log once and asks every authority once, without a service; completes what earlier processes left unsettled; records
/// what has become final on the chain, and sends what is new. With `wait` it waits so long for that to become final, too.
pub async fn once(
    config: &Config,
    judges: &Judges<'_>,
    wait: Option<Duration>,
) -> Result<DoneOnce, RunError> {
    let plan = plan(config, judges.make)?;
    let data = data::open(&config.data).await?;
    let records = records(&data, judges).await?;
    let worker = Worker::new(plan, records);
    let logs = worker.once().await;
    let ethereum = match worker.ethereum() {
        Some(chain) => Some(chain.once(wait).await),
        None => None,
    };
    Ok(DoneOnce {
        logs,
        unsettled: worker.pending(),
        revoked: worker.revoked(),
        damaged: worker.records().damaged(),
        ethereum,
    })
}

/// A service that listens. Connections wait, and no log is looked at, until it runs.
#[derive(Debug)]
pub struct Running {
    server: Server<Arc<Site>>,
    worker: Worker,
    /// Held while it runs.
    data: Data,
}

/// Opens everything and begins to listen.
pub async fn start(config: &Config, judges: &Judges<'_>) -> Result<Running, RunError> {
    let plan = plan(config, judges.make)?;
    let data = data::open(&config.data).await?;
    let known: HashSet<_> = plan.logs.iter().map(|log| log.followed.hash()).collect();
    let records = records(&data, judges).await?;
    let forgotten = records.with_index(|index| {
        index
            .logs()
            .difference(&known.into_iter().collect())
            .count()
    });
    if forgotten > 0 {
        tracing::warn!(
            logs = forgotten,
            "there are records of logs that are not configured: they are served, and revocation data are added, but nothing more is anchored"
        );
    }
    let worker = Worker::new(plan, records);
    let connections = Arc::<Connections>::default();
    let options = SiteOptions {
        operator: config.operator.clone(),
        max_requests: config.front.max_requests,
        request_deadline: config.front.request_deadline,
        client_share: config.front.client_share,
    };
    let site = Site::new(worker.clone(), Arc::clone(&connections), options);
    let server = Server::bind(&config.front, connections, Arc::new(site)).await?;
    Ok(Running {
        server,
        worker,
        data,
    })
}

async fn records(data: &Data, judges: &Judges<'_>) -> Result<Arc<Records>, RunError> {
    let (blobs, heads) = (Arc::clone(&data.blobs) as _, Arc::clone(&data.heads) as _);
    let judge = Arc::clone(&judges.records);
    Ok(Arc::new(Records::open(blobs, heads, judge).await?))
}

impl Running {
    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.server.addresses()
    }

    /// The certificates of its TLS, if it has any.
    pub fn certificates(&self) -> Option<Arc<Certificates>> {
        self.server.certificates()
    }

    /// The worker.
    pub fn worker(&self) -> &Worker {
        &self.worker
    }

    /// Works and serves until `shutdown` ends; then ends what is under way, answers what was taken, and ends.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(false);
        let working = self.worker.run(stopped);
        let serving = async {
            self.server.run(shutdown).await;
            stop.send_replace(true);
        };
        tokio::join!(working, serving);
        drop(self.data);
    }
}

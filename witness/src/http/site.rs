//! Everything that requests are answered from.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::{ArcSwap, ArcSwapOption};
use counterfoil_bastion::backend::Health;
use counterfoil_service::body::{self, Limit};
use counterfoil_service::limits::{Place, Places};
use counterfoil_service::metrics::{self as service_metrics, Connections};
use counterfoil_service::soon_or_within;
use counterfoil_tiles::checkpoint::Checkpoint;
use counterfoil_tiles::cosignature::Timestamp;
use counterfoil_tiles::witness_wire::MAX_REQUEST_SIZE;
use hyper::body::Incoming;
use hyper::header::CONTENT_ENCODING;
use hyper::{HeaderMap, StatusCode};
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use super::reply::Reply;
use super::target::{Call, Prefixes, Resource, Target};
use super::view::{
    BastionView, KeyView, LatestView, LogView, PAGE, POLICY, Standing, View, after, unix,
};
use super::{Client, Via, sender};
use crate::config::Config;
use crate::metrics::{self, Requests};
use crate::rates::{LogLimits, Sources};
use crate::{AddAnswer, Log, Logs, RetryAfter, SubtreeAnswer, Unavailable, Witness};

/// What the operator says of the witness.
#[derive(Debug, Clone)]
pub(crate) struct About {
    operator: Option<String>,
    contact: Option<String>,
    url: Option<String>,
    submission_prefix: String,
    monitoring_prefix: String,
}

/// A bastion by which the witness is reached.
pub(crate) struct BastionLink {
    pub(crate) url: String,
    pub(crate) health: watch::Receiver<Health>,
}

/// What requests are answered from.
pub(crate) struct Site {
    witness: Arc<Witness>,
    about: About,
    prefixes: Prefixes,
    pub(super) places: Arc<Places>,
    pub(super) requests: Arc<Requests>,
    sources: Sources,
    limits: LogLimits,
    request_deadline: Duration,
    body_deadline: Duration,
    /// The logs in the order of their origins.
    sorted: ArcSwap<Vec<Arc<Log>>>,
    /// Why the lists as they are now cannot be used.
    lists_error: ArcSwapOption<String>,
    bastions: Vec<BastionLink>,
    metrics: Registry,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").finish_non_exhaustive()
    }
}

impl Site {
    /// The site of a witness.
    pub(crate) fn new(
        config: &Config,
        witness: Arc<Witness>,
        connections: Arc<Connections>,
        bastions: Vec<BastionLink>,
    ) -> Self {
        let now = Instant::now();
        let front = &config.front;
        let places = Arc::new(Places::new(front.max_requests, front.max_body_bytes));
        let requests: Arc<Requests> = Arc::default();
        let (witness_too, requests_too, places_too) = (
            Arc::clone(&witness),
            Arc::clone(&requests),
            Arc::clone(&places),
        );
        let mut registry = metrics::registry(witness_too, requests_too, places_too, connections);
        let healths = bastions.iter().map(|link| link.health.clone()).collect();
        counterfoil_bastion::backend::register_metrics(healths, &mut registry);
        let site = Self {
            about: About {
                operator: config.operator.clone(),
                contact: config.contact.clone(),
                url: config.url.clone(),
                submission_prefix: config.submission_prefix.clone(),
                monitoring_prefix: config.monitoring_prefix.clone(),
            },
            prefixes: Prefixes::new(&config.submission_prefix, &config.monitoring_prefix),
            places,
            requests,
            sources: Sources::new(config.client_rate, config.client_burst, now),
            limits: LogLimits::new(config.log_rate, now),
            request_deadline: front.request_deadline,
            body_deadline: front.body_deadline,
            sorted: ArcSwap::from_pointee(sorted(&witness.logs())),
            lists_error: ArcSwapOption::empty(),
            bastions,
            metrics: registry,
            witness,
        };
        site.requests.lists_read(SystemTime::now());
        site
    }

    /// Puts other logs in the place of those that it knows.
    pub(crate) fn replace_logs(&self, logs: Logs) {
        self.sorted.store(Arc::new(sorted(&logs)));
        self.witness.replace_logs(logs);
        self.lists_error.store(None);
        self.requests.lists_read(SystemTime::now());
    }

    /// The lists cannot be used; the logs stay as they are.
    pub(crate) fn lists_failed(&self, error: String) {
        self.lists_error.store(Some(Arc::new(error)));
        self.requests.lists_failed();
    }

    pub(super) fn target(&self, path: &str, via: Via) -> Target {
        self.prefixes.target(path, via)
    }

    /// Charges the client's address.
    fn charge(&self, client: Client) -> Result<(), Reply> {
        self.sources
            .charge(client.source, Instant::now())
            .map_err(|wait| {
                self.requests.limited_client();
                Reply::over_rate("too many requests from this address are not cosigned", wait)
            })
    }

    /// Answers a call.
    pub(super) async fn call(
        &self,
        call: Call,
        client: Client,
        headers: &HeaderMap,
        body: Incoming,
        mut place: Place<'_>,
    ) -> Reply {
        let checked = plain(headers).and_then(|()| self.charge(client));
        let sender = sender(headers);
        let body = match body::after(checked, body, sender, self.body_deadline).await {
            Ok(((), body)) => body,
            Err(reply) => return reply,
        };
        let limit = Limit {
            bytes: MAX_REQUEST_SIZE,
            what: "a request",
            time: self.body_deadline,
        };
        let bytes = match body::read(body, sender, &limit, &mut place).await {
            Ok(bytes) => bytes,
            Err(error) => return error.into(),
        };
        let answer = async {
            match call {
                Call::AddCheckpoint => self.add(client, &bytes).await,
                Call::SignSubtree => self.subtree(client, &bytes),
            }
        };
        let deadline = self.request_deadline;
        let answered = soon_or_within(deadline, answer).await;
        answered.unwrap_or_else(|| Reply::too_slow(deadline))
    }

    async fn add(&self, client: Client, body: &[u8]) -> Reply {
        let admit = |log: &Log| self.limits.charge(log, Instant::now()).map_err(RetryAfter);
        let answer = self
            .witness
            .add_checkpoint(body, SystemTime::now(), admit)
            .await;
        match &answer {
            AddAnswer::Cosigned { again: false, .. } => self.give_back(client),
            AddAnswer::Unavailable(unavailable) if !asked_too_much(unavailable) => {
                self.give_back(client);
            }
            AddAnswer::Limited { .. } => self.requests.limited_log(),
            _ => {}
        }
        Reply::add(&answer)
    }

    /// A subtree is charged to the address although it is signed: anybody may ask, as often as they like.
    fn subtree(&self, client: Client, body: &[u8]) -> Reply {
        let answer = self.witness.sign_subtree(body, |_| Ok(()));
        if matches!(answer, SubtreeAnswer::Unavailable(_)) {
            self.give_back(client);
        }
        Reply::subtree(&answer)
    }

    fn give_back(&self, client: Client) {
        self.sources.give_back(client.source, Instant::now());
    }

    /// Answers what is read.
    pub(super) async fn read(
        &self,
        resource: Resource,
        client: Client,
        query: Option<&str>,
    ) -> Reply {
        let answer = async {
            match resource {
                Resource::Checkpoint(log) => Reply::checkpoint(self.witness.checkpoint(log).await),
                Resource::EvidenceList(log) => match self.witness.evidence(log).await {
                    Ok(ids) => Reply::text(StatusCode::OK, lines(&ids)),
                    Err(unavailable) => Reply::unavailable(&unavailable),
                },
                Resource::Evidence(log, id) => match self.witness.evidence_file(log, &id).await {
                    Ok(Some(file)) => Reply::evidence(file),
                    Ok(None) => Reply::not_found("there is no such file of evidence"),
                    Err(unavailable) => Reply::unavailable(&unavailable),
                },
                Resource::Page => match self.charge(client) {
                    Ok(()) => {
                        let view = self.view(after(query)).await;
                        Reply::html(view.html(SystemTime::now()), &POLICY)
                    }
                    Err(reply) => reply,
                },
                Resource::Status => match self.charge(client) {
                    Ok(()) => Reply::json(self.view(after(query)).await.json()),
                    Err(reply) => reply,
                },
                Resource::Health => Reply::text(StatusCode::OK, "ok\n"),
                Resource::Readiness => self.readiness(),
                Resource::Metrics => Reply::metrics(service_metrics::text(&self.metrics)),
            }
        };
        let deadline = self.request_deadline;
        let answered = soon_or_within(deadline, answer).await;
        answered.unwrap_or_else(|| Reply::too_slow(deadline))
    }

    fn readiness(&self) -> Reply {
        let (standing, explanation) = self.standing();
        let status = match standing {
            Standing::Signing => StatusCode::OK,
            Standing::Refusing => StatusCode::SERVICE_UNAVAILABLE,
        };
        Reply::text(status, format!("{explanation}\n"))
    }

    fn standing(&self) -> (Standing, String) {
        match self.witness.guard().rollback() {
            None => (
                Standing::Signing,
                "This witness signs checkpoints that extend those it signed before.".to_owned(),
            ),
            Some(rollback) => (
                Standing::Refusing,
                format!(
                    "This witness signs nothing, because its database is older than what it has signed: {rollback}. \
                     Its operator has to repair that."
                ),
            ),
        }
    }

    async fn view(&self, after: Option<String>) -> View {
        let sorted = self.sorted.load_full();
        let start = after.map_or(0, |after| {
            sorted.partition_point(|log| log.origin().as_str() <= after.as_str())
        });
        let rest = sorted.get(start..).unwrap_or_default();
        let shown = rest.get(..PAGE).unwrap_or(rest);
        let mut logs = Vec::with_capacity(shown.len());
        for log in shown {
            logs.push(self.log(log).await);
        }
        let last = shown.last().filter(|_| rest.len() > shown.len());
        let (state, explanation) = self.standing();
        let about = self.about.clone();
        let vkeys = self.witness.signers().ring().iter();
        View {
            state,
            explanation,
            vkeys: vkeys
                .map(|vkey| KeyView {
                    vkey: vkey.to_string(),
                    algorithm: vkey.algorithm().to_string(),
                })
                .collect(),
            operator: about.operator,
            contact: about.contact,
            url: about.url,
            submission_prefix: about.submission_prefix,
            monitoring_prefix: about.monitoring_prefix,
            log_count: sorted.len(),
            lists_read_at: self.requests.lists_read_at(),
            lists_error: self.lists_error.load_full().map(|error| error.to_string()),
            bastions: self.bastions.iter().map(BastionLink::view).collect(),
            logs,
            next: last.map(|log| log.origin().to_string()),
        }
    }

    async fn log(&self, log: &Log) -> LogView {
        let (latest, error) = match self.witness.checkpoint(log.hash()).await {
            Ok(None) => (None, None),
            Ok(Some(note)) => match Checkpoint::parse(note.text()) {
                Ok(checkpoint) => {
                    let ring = self.witness.signers().ring();
                    let times = note.signatures().iter().filter_map(|line| {
                        let key = ring.find(line.name(), line.key_id())?;
                        Timestamp::of_signature(key.algorithm(), line.signature())
                    });
                    let latest = LatestView {
                        size: checkpoint.size().get(),
                        root: checkpoint.root().to_string(),
                        cosigned_at: times.max().map_or(0, Timestamp::seconds),
                    };
                    (Some(latest), None)
                }
                Err(error) => (None, Some(error.to_string())),
            },
            Err(unavailable) => (None, Some(unavailable.to_string())),
        };
        // What cannot be listed is told where it is asked for.
        let evidence = self
            .witness
            .evidence(log.hash())
            .await
            .map_or(0, |files| files.len());
        LogView {
            origin: log.origin().to_string(),
            origin_hash: log.hash().to_string(),
            paused: log.options().paused,
            latest,
            error,
            evidence,
        }
    }
}

impl BastionLink {
    fn view(&self) -> BastionView {
        let health = self.health.borrow().clone();
        BastionView {
            address: health.bastion.to_string(),
            url: self.url.clone(),
            link: health.link.word(),
            since: unix(health.since),
            last_error: health.last_error.map(|(_, error)| error),
        }
    }
}

/// Whether it is the client's doing that the witness cannot answer.
fn asked_too_much(unavailable: &Unavailable) -> bool {
    matches!(
        unavailable,
        Unavailable::QueueFull | Unavailable::Contended { .. }
    )
}

fn plain(headers: &HeaderMap) -> Result<(), Reply> {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    if encodings.all(|encoding| encoding == "identity") {
        Ok(())
    } else {
        Err(Reply::encoded())
    }
}

fn sorted(logs: &Logs) -> Vec<Arc<Log>> {
    let mut sorted: Vec<_> = logs.iter().cloned().collect();
    sorted.sort_unstable_by(|a, b| a.origin().cmp(b.origin()));
    sorted
}

fn lines(items: &[impl std::fmt::Display]) -> String {
    items.iter().fold(String::new(), |mut text, item| {
        let _ = writeln!(text, "{item}");
        text
    })
}

//! `/status`: what is known of each log, as JSON. Times are milliseconds since 1970.

use std::collections::BTreeMap;

use counterfoil_store::BlobName;
use serde::Serialize;

use crate::ethereum;
use crate::moment::Moment;
use crate::names::{Place, RecordName};
use crate::records::Damage;
use crate::schedule::Standing;
use crate::worker::Worker;
use crate::worker::status::{AuthorityStatus, LogStatus, Trouble};

#[derive(Debug, Serialize)]
pub(super) struct View {
    service: &'static str,
    version: &'static str,
    now: u64,
    /// Why the anchor cannot do its work.
    not_ready: Option<String>,
    /// Tokens whose certificates are not all settled.
    unsettled_tokens: usize,
    /// Tokens of the last 400 days, and a certificate of which turned out to be revoked: how many, and the paths of some.
    revoked_tokens: usize,
    revoked: Vec<String>,
    /// What is kept and damaged, as far as it was read: how much, and of some the path, and what is wrong.
    damaged_records: usize,
    damaged: Vec<DamagedView>,
    logs: Vec<LogView>,
    /// The work on a chain, if there is one.
    ethereum: Option<ethereum::View>,
}

#[derive(Debug, Serialize)]
struct DamagedView {
    path: String,
    reason: String,
}

#[derive(Debug, Serialize)]
struct LogView {
    origin: String,
    origin_hash: String,
    url: String,
    size: Option<u64>,
    looked_at: Option<u64>,
    next_look_at: Option<u64>,
    trouble: Option<TroubleView>,
    forked_since: Option<u64>,
    forks_kept: usize,
    newest: Option<NewestView>,
    /// Since when the log has a tree of another size than the newest anchor.
    behind_since: Option<u64>,
    /// Whether the log should be anchored, and is not.
    overdue: bool,
    rounds: u64,
    looks: BTreeMap<&'static str, u64>,
    authorities: Vec<AuthorityView>,
}

#[derive(Debug, Serialize)]
struct NewestView {
    size: u64,
    time: u64,
    age_seconds: u64,
    path: String,
}

#[derive(Debug, Serialize)]
struct TroubleView {
    word: &'static str,
    reason: String,
    since: u64,
}

#[derive(Debug, Serialize)]
struct AuthorityView {
    name: String,
    /// Where the newest round is with it: counted, asked, waiting.
    standing: Option<&'static str>,
    asked_again_at: Option<u64>,
    counted_at: Option<u64>,
    trouble: Option<TroubleView>,
    answers: BTreeMap<&'static str, u64>,
}

/// How many of what is wrong are shown one by one.
const SHOWN: usize = 20;

pub(super) fn view(worker: &Worker, now: Moment) -> View {
    let (revoked, damaged) = (worker.revoked(), worker.records().damaged());
    let path = |(place, name): &(Place, RecordName)| format!("/{place}/{name}");
    let damage = |(name, damage): (&BlobName, &Damage)| DamagedView {
        path: format!("/{name}"),
        reason: damage.to_string(),
    };
    View {
        service: "counterfoil-anchor",
        version: env!("CARGO_PKG_VERSION"),
        now: now.millis(),
        not_ready: worker.not_ready(),
        unsettled_tokens: worker.pending(),
        revoked_tokens: revoked.len(),
        revoked: revoked.iter().take(SHOWN).map(path).collect(),
        damaged_records: damaged.len(),
        damaged: damaged.iter().take(SHOWN).map(damage).collect(),
        logs: worker
            .status()
            .iter()
            .map(|log| log_view(log, now))
            .collect(),
        ethereum: (worker.ethereum()).map(|chain| ethereum::View::of(&chain.status(), now)),
    }
}

fn log_view(log: &LogStatus, now: Moment) -> LogView {
    let newest = log.newest.map(|newest| NewestView {
        size: newest.place.size.get(),
        time: newest.time.millis(),
        age_seconds: now.since(newest.time).as_secs(),
        path: format!("/{}", newest.place),
    });
    LogView {
        origin: log.origin.to_string(),
        origin_hash: log.hash.to_string(),
        url: log.url.clone(),
        size: log.size.map(counterfoil_tiles::hash::TreeSize::get),
        looked_at: log.looked.map(Moment::millis),
        next_look_at: log.next.map(Moment::millis),
        trouble: log.trouble.as_ref().map(trouble),
        forked_since: log.forked.map(Moment::millis),
        forks_kept: log.forks,
        newest,
        behind_since: log.behind.map(Moment::millis),
        overdue: log.is_overdue(now),
        rounds: log.rounds,
        looks: log.looks.clone(),
        authorities: log.authorities.iter().map(authority).collect(),
    }
}

fn trouble(trouble: &Trouble) -> TroubleView {
    TroubleView {
        word: trouble.word,
        reason: trouble.reason.clone(),
        since: trouble.since.millis(),
    }
}

fn authority(authority: &AuthorityStatus) -> AuthorityView {
    let (standing, until) = match authority.standing {
        None => (None, None),
        Some(Standing::Counted) => (Some("counted"), None),
        Some(Standing::Asked) => (Some("asked"), None),
        Some(Standing::Waiting { until, .. }) => (Some("waiting"), Some(until.millis())),
    };
    AuthorityView {
        name: authority.name.to_string(),
        standing,
        asked_again_at: until,
        counted_at: authority.counted.map(Moment::millis),
        trouble: authority.trouble.as_ref().map(trouble),
        answers: authority.answers.clone(),
    }
}

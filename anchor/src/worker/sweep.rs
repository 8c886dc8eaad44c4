//! Capturing again, for tokens whose certificates are not all settled.
//!
//! Tokens that were verified by one chain wait for the same data, and are done together: each place is asked once for all of
//! them, and what it says is judged once for those it is too old for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use super::{Inner, unbroken};
use crate::capture::{Captured, Fetched, next_try, unsettled};
use crate::moment::Moment;
use crate::names::{AuthorityName, Place, RecordName};
use crate::record::{Revocation, RevocationRecord, TokenRecord};
use crate::records::KeepError;
use crate::tsa::Tsa;

/// How often tokens are looked through for those that are due.
const INTERVAL: Duration = Duration::from_secs(5);

/// At the start, tokens up to this age are looked at. Roots issue their lists once a year, and a list that comes late is
/// waited for a month more.
const WINDOW: Duration = Duration::from_hours(400 * 24);

/// Tokens that wait for the same data: those of an authority by one chain.
type GroupKey = (AuthorityName, [u8; 32]);

/// The tokens that are not settled: some 300 bytes each.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    groups: Mutex<BTreeMap<GroupKey, Group>>,
    revoked: AtomicU64,
}

#[derive(Debug)]
struct Group {
    tsa: Tsa,
    chain: Vec<Vec<u8>>,
    tokens: BTreeMap<(Place, RecordName), Waiting>,
    due: Moment,
    tries: u32,
}

#[derive(Debug, Clone)]
struct Waiting {
    gen_time: Moment,
    /// The certificates, by their place in the chain.
    unsettled: Vec<usize>,
}

/// A group whose time has come.
struct Due {
    key: GroupKey,
    tsa: Tsa,
    chain: Vec<Vec<u8>>,
    /// By growing times.
    tokens: Vec<(Place, RecordName, Waiting)>,
    tries: u32,
}

impl Sweep {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<GroupKey, Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many tokens wait.
    pub(super) fn pending(&self) -> usize {
        self.lock().values().map(|group| group.tokens.len()).sum()
    }

    /// How many tokens that were kept turned out to prove nothing.
    pub(super) fn revoked(&self) -> u64 {
        self.revoked.load(Ordering::Relaxed)
    }

    /// Remembers a token that was just kept, unless it is settled.
    pub(super) fn add(
        &self,
        tsa: &Tsa,
        place: &Place,
        name: &RecordName,
        record: &TokenRecord,
        next: Option<Moment>,
        now: Moment,
    ) {
        let due = next_try(now, next, 0);
        self.insert(tsa, place, name, record, &record.revocation, due);
    }

    fn insert(
        &self,
        tsa: &Tsa,
        place: &Place,
        name: &RecordName,
        record: &TokenRecord,
        kept: &[Revocation],
        due: Moment,
    ) {
        let (judge, chain) = (&**tsa.judge(), &record.certificates);
        let unsettled = unsettled(judge, chain, kept, record.gen_time);
        if unsettled.is_empty() {
            return;
        }
        let waiting = Waiting {
            gen_time: record.gen_time,
            unsettled,
        };
        let key = (tsa.name().clone(), hash(chain));
        let mut groups = self.lock();
        let group = groups.entry(key).or_insert_with(|| Group {
            tsa: tsa.clone(),
            chain: chain.clone(),
            tokens: BTreeMap::new(),
            due,
            tries: 0,
        });
        group.due = group.due.min(due);
        group.tokens.insert((*place, name.clone()), waiting);
    }

    /// The groups that are due.
    fn due(&self, now: Moment) -> Vec<Due> {
        let groups = self.lock();
        let due = groups.iter().filter(|(_, group)| group.due <= now);
        due.map(|(key, group)| {
            let tokens = group.tokens.iter();
            let mut tokens: Vec<_> = tokens
                .map(|((place, name), waiting)| (*place, name.clone(), waiting.clone()))
                .collect();
            tokens.sort_by_key(|(_, _, waiting)| waiting.gen_time);
            Due {
                key: key.clone(),
                tsa: group.tsa.clone(),
                chain: group.chain.clone(),
                tokens,
                tries: group.tries,
            }
        })
        .collect()
    }

    /// Takes note of what a token waits for now.
    fn settle(&self, key: &GroupKey, token: (Place, RecordName), waiting: Waiting) {
        let mut groups = self.lock();
        let Some(group) = groups.get_mut(key) else {
            return;
        };
        if waiting.unsettled.is_empty() {
            group.tokens.remove(&token);
        } else {
            group.tokens.insert(token, waiting);
        }
    }

    /// Takes note of when a group is due again.
    fn again(&self, key: &GroupKey, due: Moment, tries: u32) {
        let mut groups = self.lock();
        if let Some(group) = groups.get_mut(key) {
            (group.due, group.tries) = (due, tries);
            if group.tokens.is_empty() {
                groups.remove(key);
            }
        }
    }
}

impl Inner {
    /// Completes tokens until it is told to stop.
    pub(super) async fn sweep(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let stopped = stop.clone();
        if let Err(broke) = unbroken(self.find_pending(&stopped)).await {
            tracing::error!(%broke, "not all records were looked through for missing revocation data; the next start does");
        }
        loop {
            if let Err(broke) = unbroken(self.sweep_due(&stopped)).await {
                tracing::error!(%broke, "revocation data are fetched again");
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }

    /// Finds the tokens that earlier processes left unsettled.
    async fn find_pending(&self, stop: &watch::Receiver<bool>) {
        for plan in &self.plan.logs {
            let log = plan.followed.hash();
            let places = self
                .records
                .with_index(|index| index.newest(log, usize::MAX));
            for place in places {
                if *stop.borrow() {
                    return;
                }
                match self.find_pending_at(&place).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => tracing::error!(
                        origin = %plan.followed.origin(), %error,
                        "a record cannot be read, and revocation data are not added to it"
                    ),
                }
            }
        }
    }

    /// Says whether older ones are to be looked at, too.
    async fn find_pending_at(&self, place: &Place) -> Result<bool, KeepError> {
        let now = self.plan.clock.now();
        let mut older = true;
        for name in self.records.with_index(|index| index.tokens(place)) {
            let Some(authority) = self.authority(&name) else {
                continue;
            };
            let Some(tsa) = self.plan.authorities.get(authority.index()) else {
                continue;
            };
            let (record, _) = self.records.token(place, &name).await?;
            if now.since(record.gen_time) > WINDOW {
                older = false;
                continue;
            }
            let mut kept = record.revocation.clone();
            for added in self.records.with_index(|index| index.added(place, &name)) {
                kept.extend(self.records.added(place, &added).await?.revocation);
            }
            self.sweep.insert(tsa, place, &name, &record, &kept, now);
        }
        Ok(older)
    }

    /// Captures again for the tokens that are due; each place is asked once for all of them.
    async fn sweep_due(&self, stop: &watch::Receiver<bool>) {
        let now = self.plan.clock.now();
        let fetched = Fetched::default();
        for due in self.sweep.due(now) {
            // Also where what follows breaks: not at once.
            let later = next_try(now, None, due.tries);
            self.sweep
                .again(&due.key, later, due.tries.saturating_add(1));
            self.complete(due, &fetched, stop).await;
        }
    }

    /// Captures again for the tokens of a group.
    async fn complete(&self, due: Due, fetched: &Fetched, stop: &watch::Receiver<bool>) {
        let Due {
            key,
            tsa,
            chain,
            tokens,
            tries,
        } = due;
        let judge = &**tsa.judge();
        let wanted: BTreeSet<usize> = tokens
            .iter()
            .flat_map(|(_, _, waiting)| waiting.unsettled.iter().copied())
            .collect();
        let wanted = |certificate| wanted.contains(&certificate);
        let mut found = self.plan.capturer.ask(judge, &chain, wanted, fetched).await;
        for trouble in &found.troubles {
            tracing::debug!(authority = %tsa.name(), "no revocation data yet: {trouble}");
        }
        let mut next = None;
        let mut settled = false;
        for (place, name, mut waiting) in tokens {
            if *stop.borrow() {
                return;
            }
            let of_token = |certificate| waiting.unsettled.contains(&certificate);
            let now = self.plan.clock.now();
            let captured = found.judge(judge, &chain, waiting.gen_time, of_token, now);
            next = next.into_iter().chain(captured.next).min();
            if captured.settled.is_empty() {
                continue;
            }
            let places = captured.settled.clone();
            if self.keep(&place, &name, captured).await {
                waiting
                    .unsettled
                    .retain(|certificate| !places.contains(certificate));
                self.sweep.settle(&key, (place, name), waiting);
                settled = true;
            }
            // There may be thousands, and their signatures are verified.
            tokio::task::yield_now().await;
        }
        // What is left after some was settled waits for newer data.
        let tries = if settled { 1 } else { tries };
        let again = next_try(self.plan.clock.now(), next, tries);
        self.sweep.again(&key, again, tries.saturating_add(1));
    }

    /// Adds what settles certificates of a token to its record.
    async fn keep(&self, place: &Place, name: &RecordName, captured: Captured) -> bool {
        // What settles nothing is not kept again.
        let settling = captured.kept.into_iter().filter(|kept| kept.settles);
        let record = RevocationRecord {
            token: name.clone(),
            revocation: settling.map(|kept| kept.revocation).collect(),
        };
        if let Err(error) = self.records.add(place, &record).await {
            tracing::error!(
                %place, record = %name, %error,
                "revocation data are not stored; they are fetched again"
            );
            return false;
        }
        if let Some(revoked) = &captured.revoked {
            self.sweep.revoked.fetch_add(1, Ordering::Relaxed);
            tracing::error!(
                %place, record = %name,
                "a certificate of a token that was kept is revoked, and the token proves nothing any more: {revoked}"
            );
        }
        true
    }
}

/// What tells chains apart.
fn hash(chain: &[Vec<u8>]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for certificate in chain {
        hash.update(Sha256::digest(certificate));
    }
    hash.finalize().into()
}

//! Capturing again, for tokens whose certificates are not all settled.
//!
//! Tokens that were verified by one chain wait for the same data, and are done together: each place is asked once for all of
//! them, and what it says is judged once for those it is too old for. Also those of logs and authorities that are configured no
//! more: they are still to be verified in years.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use super::{Inner, unbroken};
use crate::capture::{Captured, Fetched, next_try, settlement};
use crate::judge::RecordJudge;
use crate::moment::Moment;
use crate::names::{AuthorityName, Place, RecordName};
use crate::record::{RecordError, Revocation, RevocationRecord, TokenRecord};
use crate::records::{Index, KeepError};

/// How often tokens are looked through for those that are due.
const INTERVAL: Duration = Duration::from_secs(5);

/// At the start, tokens up to this age are looked at. Roots issue their lists once a year, and a list that comes late is
/// waited for a month more.
const WINDOW: Duration = Duration::from_hours(400 * 24);

/// How often what was found to be damaged is read again.
const DAMAGED_INTERVAL: Duration = Duration::from_mins(1);

/// Tokens that wait for the same data: those of an authority by one chain.
type GroupKey = (AuthorityName, [u8; 32]);

/// The tokens that are not settled: some 300 bytes each; and those that prove nothing.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    groups: Mutex<BTreeMap<GroupKey, Group>>,
    revoked: Mutex<BTreeSet<(Place, RecordName)>>,
}

#[derive(Debug)]
struct Group {
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
    chain: Vec<Vec<u8>>,
    /// By growing times.
    tokens: Vec<(Place, RecordName, Waiting)>,
    tries: u32,
}

impl Sweep {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<GroupKey, Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn revoked_ones(&self) -> MutexGuard<'_, BTreeSet<(Place, RecordName)>> {
        self.revoked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many tokens wait.
    pub(super) fn pending(&self) -> usize {
        self.lock().values().map(|group| group.tokens.len()).sum()
    }

    /// The tokens that were kept, and of which a certificate turned out to be revoked so that they prove nothing.
    pub(super) fn revoked(&self) -> BTreeSet<(Place, RecordName)> {
        self.revoked_ones().clone()
    }

    /// Remembers a token that was just kept, unless it is settled.
    pub(super) fn add(
        &self,
        judge: &dyn RecordJudge,
        place: &Place,
        name: &RecordName,
        record: &TokenRecord,
        next: Option<Moment>,
        now: Moment,
    ) {
        let due = next_try(now, next, 0);
        self.insert(judge, place, name, record, &record.revocation, due);
    }

    fn insert(
        &self,
        judge: &dyn RecordJudge,
        place: &Place,
        name: &RecordName,
        record: &TokenRecord,
        kept: &[Revocation],
        due: Moment,
    ) {
        let chain = &record.certificates;
        let settlement = settlement(judge, chain, kept, record.gen_time);
        if let Some(why) = settlement.revoked {
            self.revoke(place, name, &why);
        }
        if settlement.unsettled.is_empty() {
            return;
        }
        let waiting = Waiting {
            gen_time: record.gen_time,
            unsettled: settlement.unsettled,
        };
        let key = (name.authority.clone(), hash(chain));
        let mut groups = self.lock();
        let group = groups.entry(key).or_insert_with(|| Group {
            chain: chain.clone(),
            tokens: BTreeMap::new(),
            due,
            tries: 0,
        });
        group.due = group.due.min(due);
        group.tokens.insert((*place, name.clone()), waiting);
    }

    /// Takes note of a token that proves nothing.
    fn revoke(&self, place: &Place, name: &RecordName, why: &str) {
        if self.revoked_ones().insert((*place, name.clone())) {
            tracing::error!(
                %place, record = %name,
                "a certificate of a token that was kept is revoked, and the token proves nothing any more: {why}"
            );
        }
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
        let mut read_damaged = self.plan.clock.now();
        loop {
            if let Err(broke) = unbroken(self.sweep_due(&stopped)).await {
                tracing::error!(%broke, "revocation data are fetched again");
            }
            let now = self.plan.clock.now();
            if now.since(read_damaged) >= DAMAGED_INTERVAL || now < read_damaged {
                read_damaged = now;
                if let Err(broke) = unbroken(self.records.read_damaged()).await {
                    tracing::error!(%broke, "what is damaged is read again");
                }
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }

    /// Finds the tokens that earlier processes left unsettled, and those that turned out to prove nothing.
    pub(super) async fn find_pending(&self, stop: &watch::Receiver<bool>) {
        for log in self.records.with_index(Index::logs) {
            let places = self
                .records
                .with_index(|index| index.newest(log, usize::MAX));
            let mut too_old = None;
            for place in places {
                if *stop.borrow() {
                    return;
                }
                // Checkpoints of one size do not come by their times. Those of smaller ones are older.
                if too_old.is_some_and(|size| place.size < size) {
                    break;
                }
                if self.find_pending_at(&place).await == Age::TooOld {
                    too_old = Some(place.size);
                }
            }
        }
    }

    /// Says how old the tokens over a checkpoint are.
    async fn find_pending_at(&self, place: &Place) -> Age {
        let now = self.plan.clock.now();
        let mut age = Age::Recent;
        for name in self.records.with_index(|index| index.tokens(place)) {
            // What is damaged is told where it is read.
            let Ok((record, _)) = self.records.token(place, &name).await else {
                continue;
            };
            if now.since(record.gen_time) > WINDOW {
                age = Age::TooOld;
                continue;
            }
            let kept = self.kept_revocation(place, &name, &record).await;
            let judge = self.records.judge();
            self.sweep.insert(judge, place, &name, &record, &kept, now);
        }
        age
    }

    /// All revocation data of a token that are kept.
    pub(super) async fn kept_revocation(
        &self,
        place: &Place,
        name: &RecordName,
        record: &TokenRecord,
    ) -> Vec<Revocation> {
        let mut kept = record.revocation.clone();
        for added in self.records.with_index(|index| index.added(place, name)) {
            // What is damaged is told where it is read, and fetched again.
            if let Ok((added, _)) = self.records.added(place, &added).await {
                kept.extend(added.revocation);
            }
        }
        kept
    }

    /// Captures again for the tokens that are due; each place is asked once for all of them.
    pub(super) async fn sweep_due(&self, stop: &watch::Receiver<bool>) {
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
            chain,
            tokens,
            tries,
        } = due;
        let judge = self.records.judge();
        let wanted: BTreeSet<usize> = tokens
            .iter()
            .flat_map(|(_, _, waiting)| waiting.unsettled.iter().copied())
            .collect();
        let wanted = |certificate| wanted.contains(&certificate);
        let mut found = self.plan.capturer.ask(judge, &chain, wanted, fetched).await;
        for trouble in &found.troubles {
            tracing::debug!(authority = %key.0, "no revocation data yet: {trouble}");
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
            // What says nothing new is not read for.
            if !captured.settled.is_empty() || captured.held.is_some() {
                let left = self.keep(&place, &name, captured).await;
                if let Some(left) = left.filter(|left| *left != waiting.unsettled) {
                    waiting.unsettled = left;
                    self.sweep.settle(&key, (place, name), waiting);
                    settled = true;
                }
            }
            // There may be thousands, and their signatures are verified.
            tokio::task::yield_now().await;
        }
        // What is left after some was settled waits for newer data.
        let tries = if settled { 1 } else { tries };
        let again = next_try(self.plan.clock.now(), next, tries);
        self.sweep.again(&key, again, tries.saturating_add(1));
    }

    /// Adds what was captured for a token to its record, if all that is known of it then comes to something else; and gives the
    /// certificates that are unsettled then. None if that is not known.
    async fn keep(
        &self,
        place: &Place,
        name: &RecordName,
        captured: Captured,
    ) -> Option<Vec<usize>> {
        // What is damaged is told where it is read.
        let (record, _) = self.records.token(place, name).await.ok()?;
        let kept = self.kept_revocation(place, name, &record).await;
        let (judge, chain) = (self.records.judge(), &record.certificates);
        let before = settlement(judge, chain, &kept, record.gen_time);
        // What cannot speak for the token's time is not kept again.
        let speaking = captured.kept.into_iter().filter(|kept| kept.speaks);
        let new: Vec<Revocation> = speaking.map(|kept| kept.revocation).collect();
        let all = [kept, new.clone()].concat();
        let after = settlement(judge, chain, &all, record.gen_time);
        if after != before {
            if let Err(error) = self.add(place, name, new).await {
                tracing::error!(
                    %place, record = %name, %error,
                    "revocation data are not stored; they are fetched again"
                );
                return None;
            }
            if let Some(why) = &after.revoked {
                self.sweep.revoke(place, name, why);
                self.show_newest(place).await;
            }
        }
        Some(after.unsettled)
    }

    /// Adds revocation data to a token's record: in one record, or each in its own where one cannot hold them.
    async fn add(
        &self,
        place: &Place,
        name: &RecordName,
        revocation: Vec<Revocation>,
    ) -> Result<(), KeepError> {
        let record = |revocation| RevocationRecord {
            token: name.clone(),
            revocation,
        };
        let all = record(revocation);
        match self.records.add(place, &all).await {
            Err(KeepError::Record {
                error: RecordError::TooLong(_),
                ..
            }) if all.revocation.len() > 1 => {}
            added => return added.map(drop),
        }
        for one in all.revocation {
            self.records.add(place, &record(vec![one])).await?;
        }
        Ok(())
    }
}

/// Of the tokens over a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    Recent,
    /// Some are so old that nothing is added to them any more.
    TooOld,
}

/// What tells chains apart.
fn hash(chain: &[Vec<u8>]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for certificate in chain {
        hash.update(Sha256::digest(certificate));
    }
    hash.finalize().into()
}

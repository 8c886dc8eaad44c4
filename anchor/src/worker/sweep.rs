//! Capturing again, for tokens whose certificates are not all settled.
//!
//! Tokens that were verified by one chain wait for the same data, and are done together: each place is asked once for all of
//! them, and what it says is judged once for those it is too old for. Also those of logs and authorities that are configured no
//! more: they are still to be verified in years. Each authority has a pass of its own, side by side with those of the others: one
//! whose places are slow or large takes neither their time nor their memory.
//!
//! ```text
//! find ── groups ── due ── a pass for each authority that has none: for each group, oldest first: ask, judge, add, let go
//!           └────────────────────────────── settled, or due again later <──────────────────────────┘
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Inner, unbroken};
use crate::beside::beside;
use crate::capture::{Captured, Fetched, Places, Settlement, next_try, settlement};
use crate::moment::Moment;
use crate::names::{AuthorityName, Place, RecordName};
use crate::record::{Revocation, RevocationRecord, TokenRecord};
use crate::records::Index;

/// How often tokens are looked through for those that are due.
const INTERVAL: Duration = Duration::from_secs(5);

/// At the start, tokens up to this age are looked at. Roots issue their lists once a year, and a list that comes late is
/// waited for a month more.
const WINDOW: Duration = Duration::from_hours(400 * 24);

/// How often what was found to be damaged is read again.
const DAMAGED_INTERVAL: Duration = Duration::from_mins(1);

/// How long a pass goes on to the next chain, in times that an answer may take: what is left is due still, and has the next pass.
const PASS: u32 = 16;

/// Tokens that wait for the same data: those of an authority by one chain.
type GroupKey = (AuthorityName, [u8; 32]);

/// The tokens that are not settled: some 300 bytes each; and those that have fallen.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    groups: Mutex<BTreeMap<GroupKey, Group>>,
    fallen: Mutex<BTreeMap<(Place, RecordName), Fallen>>,
    /// Chains with a certificate of which the revocation is published where nothing is fetched.
    left: Mutex<BTreeSet<GroupKey>>,
}

/// Why a token that was kept does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fallen {
    /// It proves nothing any more.
    Revoked,
    /// It may count again.
    OnHold,
}

#[derive(Debug)]
struct Group {
    chain: Arc<Vec<Vec<u8>>>,
    tokens: BTreeMap<(Place, RecordName), Waiting>,
    due: Moment,
    /// When tokens are due that came since the group was taken to be done: what is done then is not done for them.
    came: Option<Moment>,
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
    chain: Arc<Vec<Vec<u8>>>,
    /// By growing times.
    tokens: Vec<(Place, RecordName, Waiting)>,
    tries: u32,
}

/// The passes that are under way: at most one for each authority.
#[derive(Debug, Default)]
struct Passes {
    tasks: JoinSet<AuthorityName>,
    under_way: BTreeSet<AuthorityName>,
}

impl Passes {
    /// Waits until one has ended; without end where there is none.
    async fn ended(&mut self) {
        match self.tasks.join_next().await {
            Some(Ok(authority)) => {
                self.under_way.remove(&authority);
            }
            // It was cancelled: the runtime ends.
            Some(Err(_)) => {}
            None => std::future::pending().await,
        }
    }

    async fn all_ended(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

impl Sweep {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<GroupKey, Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fallen(&self) -> MutexGuard<'_, BTreeMap<(Place, RecordName), Fallen>> {
        self.fallen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many tokens wait.
    pub(super) fn pending(&self) -> usize {
        self.lock().values().map(|group| group.tokens.len()).sum()
    }

    /// The tokens that were kept, and of which a certificate turned out to be revoked so that they prove nothing.
    pub(super) fn revoked(&self) -> BTreeSet<(Place, RecordName)> {
        let fallen = self.fallen();
        let revoked = fallen.iter().filter(|(_, why)| **why == Fallen::Revoked);
        revoked.map(|(token, _)| token.clone()).collect()
    }

    /// Whether a token that was kept does not count.
    pub(super) fn has_fallen(&self, place: &Place, name: &RecordName) -> bool {
        self.fallen().contains_key(&(*place, name.clone()))
    }

    /// Remembers a token, unless it is settled, and whether it has fallen. Says whether that is another thing than before.
    fn insert(
        &self,
        place: &Place,
        name: &RecordName,
        record: &TokenRecord,
        settlement: Settlement,
        due: Moment,
    ) -> bool {
        let changed = self.fall(place, name, &settlement);
        let chain = &record.certificates;
        let key = (name.authority.clone(), hash(chain));
        if !settlement.nothing_to_fetch.is_empty() {
            self.leave(&key, &settlement.nothing_to_fetch);
        }
        if settlement.unsettled.is_empty() {
            return changed;
        }
        let waiting = Waiting {
            gen_time: record.gen_time,
            unsettled: settlement.unsettled,
        };
        let mut groups = self.lock();
        let group = groups.entry(key).or_insert_with(|| Group {
            chain: Arc::new(chain.clone()),
            tokens: BTreeMap::new(),
            due,
            came: None,
            tries: 0,
        });
        group.due = group.due.min(due);
        group.came = group.came.into_iter().chain([due]).min();
        group.tokens.insert((*place, name.clone()), waiting);
        changed
    }

    /// Takes note of a chain in which nothing ever settles a certificate.
    fn leave(&self, key: &GroupKey, places: &[String]) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if left.insert(key.clone()) {
            tracing::warn!(
                authority = %key.0,
                "the revocation of a certificate of its chain is published where nothing is fetched ({}): its tokens count here, and \
                 trust with `revocation = \"published\"` does not count them", places.join("; ")
            );
        }
    }

    /// How many chains have a certificate that nothing ever settles.
    pub(super) fn left(&self) -> usize {
        let left = self.left.lock();
        left.unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Takes note of whether a token has fallen. Says whether that is another thing than before.
    fn fall(&self, place: &Place, name: &RecordName, settlement: &Settlement) -> bool {
        let token = (*place, name.clone());
        let mut fallen = self.fallen();
        if let Some(why) = &settlement.revoked {
            let before = fallen.insert(token, Fallen::Revoked);
            if before != Some(Fallen::Revoked) {
                tracing::error!(
                    %place, record = %name,
                    "a certificate of a token that was kept is revoked, and the token proves nothing any more: {why}"
                );
            }
            return before.is_none();
        }
        if let Some(why) = &settlement.held {
            let is_new = fallen.insert(token, Fallen::OnHold).is_none();
            if is_new {
                tracing::warn!(
                    %place, record = %name,
                    "a certificate of a token that was kept is on hold, and the token does not count until that ends: {why}"
                );
            }
            return is_new;
        }
        fallen.remove(&token).is_some()
    }

    /// The authorities of which something is due.
    fn authorities_due(&self, now: Moment) -> BTreeSet<AuthorityName> {
        let groups = self.lock();
        let due = groups.iter().filter(|(_, group)| group.due <= now);
        due.map(|((authority, _), _)| authority.clone()).collect()
    }

    /// The groups of an authority that are due, the oldest first.
    fn due(&self, authority: &AuthorityName, now: Moment) -> Vec<GroupKey> {
        let groups = self.lock();
        let due = groups.iter().filter(|(_, group)| group.due <= now);
        let mut due: Vec<(Moment, &GroupKey)> = due.map(|(key, group)| (group.due, key)).collect();
        due.retain(|(_, key)| key.0 == *authority);
        due.sort();
        due.into_iter().map(|(_, key)| key.clone()).collect()
    }

    /// Takes a group to be done.
    fn take(&self, key: &GroupKey) -> Option<Due> {
        let mut groups = self.lock();
        let group = groups.get_mut(key)?;
        group.came = None;
        let tokens = group.tokens.iter();
        let mut tokens: Vec<_> = tokens
            .map(|((place, name), waiting)| (*place, name.clone(), waiting.clone()))
            .collect();
        tokens.sort_by_key(|(_, _, waiting)| waiting.gen_time);
        Some(Due {
            key: key.clone(),
            chain: Arc::clone(&group.chain),
            tokens,
            tries: group.tries,
        })
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

    /// Takes note of when a group is due again; no later than those of its tokens that came meanwhile.
    fn again(&self, key: &GroupKey, due: Moment, tries: u32) {
        let mut groups = self.lock();
        if let Some(group) = groups.get_mut(key) {
            let due = group.came.map_or(due, |came| came.min(due));
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
        let mut passes = Passes::default();
        loop {
            self.begin_passes(&mut passes, &stopped);
            let now = self.plan.clock.now();
            if now.since(read_damaged) >= DAMAGED_INTERVAL || now < read_damaged {
                read_damaged = now;
                if let Err(broke) = unbroken(self.records.read_damaged()).await {
                    tracing::error!(%broke, "what is damaged is read again");
                }
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                () = passes.ended() => {}
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
        passes.all_ended().await;
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

    /// Says how old the tokens over a checkpoint are. One that breaks this program does not keep the others from being looked at.
    async fn find_pending_at(&self, place: &Place) -> Age {
        let mut age = Age::Recent;
        for name in self.records.with_index(|index| index.tokens(place)) {
            match unbroken(self.find_pending_token(place, &name)).await {
                Ok(Some(Age::TooOld)) => age = Age::TooOld,
                Ok(_) => {}
                Err(broke) => tracing::error!(
                    %place, record = %name, %broke,
                    "a record was not looked at for missing revocation data; the next start does, and the others are"
                ),
            }
        }
        age
    }

    /// None of a token that is damaged, which is told where it is read.
    async fn find_pending_token(&self, place: &Place, name: &RecordName) -> Option<Age> {
        let now = self.plan.clock.now();
        let (record, _) = self.records.token(place, name).await.ok()?;
        if now.since(record.gen_time) > WINDOW {
            return Some(Age::TooOld);
        }
        let kept = self.kept_revocation(place, name, &record).await;
        let settlement = self.settlement(&record, kept).await;
        if self.sweep.insert(place, name, &record, settlement, now) {
            self.recount(place);
        }
        Some(Age::Recent)
    }

    /// Waits for revocation data of a token that was just kept, unless it is settled.
    pub(super) async fn await_revocation(
        &self,
        place: Place,
        name: RecordName,
        record: TokenRecord,
        next: Option<Moment>,
    ) {
        let due = next_try(self.plan.clock.now(), next, 0);
        let settlement = self.settlement(&record, record.revocation.clone()).await;
        if self.sweep.insert(&place, &name, &record, settlement, due) {
            self.recount(&place);
        }
    }

    /// What is known of a token's certificates by these data.
    async fn settlement(&self, record: &TokenRecord, kept: Vec<Revocation>) -> Settlement {
        let (judge, chain) = (
            Arc::clone(self.records.judge()),
            record.certificates.clone(),
        );
        let gen_time = record.gen_time;
        beside(move || settlement(&*judge, &chain, &kept, gen_time)).await
    }

    /// Has it said again who counts for a log of which a token has fallen, or counts again.
    fn recount(&self, place: &Place) {
        for (plan, desk) in self.plan.logs.iter().zip(&self.desks) {
            if plan.followed.hash() == place.origin {
                desk.recount.notify_one();
            }
        }
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

    /// Captures again for the tokens that are due.
    pub(super) async fn sweep_due(self: &Arc<Self>, stop: &watch::Receiver<bool>) {
        let mut passes = Passes::default();
        self.begin_passes(&mut passes, stop);
        passes.all_ended().await;
    }

    /// Begins a pass for each authority of which something is due, unless one is under way.
    fn begin_passes(self: &Arc<Self>, passes: &mut Passes, stop: &watch::Receiver<bool>) {
        for authority in self.sweep.authorities_due(self.plan.clock.now()) {
            if passes.under_way.insert(authority.clone()) {
                let (inner, stop) = (Arc::clone(self), stop.clone());
                passes.tasks.spawn(async move {
                    if let Err(broke) = unbroken(inner.pass(&authority, stop)).await {
                        tracing::error!(%authority, %broke, "revocation data are fetched again");
                    }
                    authority
                });
            }
        }
    }

    /// Captures again for the tokens of an authority that are due; each place is asked once for all of them.
    async fn pass(&self, authority: &AuthorityName, mut stop: watch::Receiver<bool>) {
        let fetched = Fetched::default();
        let until = Instant::now() + self.plan.capturer.deadline() * PASS;
        for key in self.sweep.due(authority, self.plan.clock.now()) {
            if Instant::now() >= until {
                return;
            }
            let Some(due) = self.sweep.take(&key) else {
                continue;
            };
            // Also where what follows breaks: not at once.
            let later = next_try(self.plan.clock.now(), None, due.tries);
            self.sweep.again(&key, later, due.tries.saturating_add(1));
            let stopped = stop.clone();
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                completed = unbroken(self.complete(due, &fetched, &stopped)) => {
                    if let Err(broke) = completed {
                        tracing::error!(%authority, %broke, "revocation data are fetched again");
                    }
                }
            }
        }
    }

    /// Captures again for the tokens of a group.
    async fn complete(&self, due: Due, fetched: &Fetched, stop: &watch::Receiver<bool>) {
        let Due {
            key,
            chain,
            mut tokens,
            tries,
        } = due;
        let judge = self.records.judge();
        // What settles a certificate does not keep the other places from being asked: they may say that it is revoked.
        let asked: Vec<Vec<usize>> = tokens
            .iter()
            .map(|(_, _, waiting)| waiting.unsettled.clone())
            .collect();
        let wanted: BTreeSet<usize> = asked.iter().flatten().copied().collect();
        let mut places = Places::of(&**judge, &chain, |certificate| {
            wanted.contains(&certificate)
        });
        let told = |troubles: &[String]| {
            for trouble in troubles {
                tracing::debug!(authority = %key.0, "no revocation data yet: {trouble}");
            }
        };
        told(&places.troubles);
        let mut next = None;
        let mut settled = false;
        let asks = &self.plan.capturer;
        while let Some(mut found) = asks.ask(&key.0, &mut places, fetched).await {
            told(&found.troubles);
            for ((place, name, waiting), asked) in tokens.iter_mut().zip(&asked) {
                if *stop.borrow() {
                    return;
                }
                let (asked, now) = (asked.clone(), self.plan.clock.now());
                let judged = found.judge_beside(judge, &chain, waiting.gen_time, asked, now);
                let captured;
                (found, captured) = judged.await;
                next = next.into_iter().chain(captured.next).min();
                // What says nothing new is not read for.
                if !captured.settled.is_empty() || captured.held.is_some() {
                    let left = self.keep(place, name, captured).await;
                    if let Some(left) = left.filter(|left| *left != waiting.unsettled) {
                        waiting.unsettled = left;
                        let token = (*place, name.clone());
                        self.sweep.settle(&key, token, waiting.clone());
                        settled = true;
                    }
                }
            }
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
        let before = self.settlement(&record, kept.clone()).await;
        // What cannot speak for the token's time is not kept again.
        let speaking = captured.kept.into_iter().filter(|kept| kept.speaks);
        let added = RevocationRecord {
            token: name.clone(),
            revocation: speaking.map(|kept| kept.revocation).collect(),
        };
        let all = [kept, added.revocation.clone()].concat();
        let after = self.settlement(&record, all).await;
        if after != before {
            if let Err(error) = self.records.add(place, &added).await {
                tracing::error!(
                    %place, record = %name, %error,
                    "revocation data are not stored; they are fetched again"
                );
                return None;
            }
            if self.sweep.fall(place, name, &after) {
                self.recount(place);
            }
        }
        Some(after.unsettled)
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

#[cfg(test)]
mod tests {
    use counterfoil_tiles::checkpoint::{Origin, OriginHash};
    use counterfoil_tiles::hash::TreeSize;

    use super::*;
    use crate::names::CheckpointHash;

    #[test]
    fn a_token_that_comes_while_its_group_is_done_is_not_put_off_with_it() {
        let place = |size| Place {
            origin: OriginHash::of(&Origin::new("example.com/log").unwrap()),
            size: TreeSize::new(size),
            checkpoint: CheckpointHash::of(b""),
        };
        let at = Moment::from_seconds;
        let authority: AuthorityName = "tsa".parse().unwrap();
        let name = RecordName::token(authority.clone(), 1);
        let record = TokenRecord {
            authority: authority.clone(),
            url: String::new(),
            checkpoint: Vec::new(),
            token: Vec::new(),
            certificates: vec![vec![1], vec![2]],
            gen_time: at(1),
            received: at(1),
            revocation: Vec::new(),
        };
        let open = Settlement {
            unsettled: vec![0],
            ..Settlement::default()
        };
        let sweep = Sweep::default();
        sweep.insert(&place(1), &name, &record, open.clone(), at(10));
        let key = sweep.due(&authority, at(10)).remove(0);
        assert_eq!(sweep.take(&key).unwrap().tokens.len(), 1);
        sweep.again(&key, at(15), 1);
        // While that is done another comes, which is due soon; the first one is not before a day has passed.
        sweep.insert(&place(2), &name, &record, open, at(20));
        sweep.again(&key, at(86_400), 2);
        assert!(sweep.due(&authority, at(19)).is_empty());
        assert_eq!(sweep.due(&authority, at(20)).len(), 1);
        assert_eq!(sweep.take(&key).unwrap().tokens.len(), 2);
        sweep.again(&key, at(86_400), 3);
        assert!(sweep.due(&authority, at(86_399)).is_empty());
    }
}

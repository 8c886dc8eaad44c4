//! Capturing again, for tokens whose certificates are not all settled.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::Inner;
use crate::capture::{Fetched, next_try, unsettled};
use crate::moment::Moment;
use crate::names::{Place, RecordName};
use crate::record::{Revocation, RevocationRecord, TokenRecord};
use crate::records::KeepError;
use crate::tsa::Tsa;

/// How often tokens are looked through for those that are due.
const INTERVAL: Duration = Duration::from_secs(10);

/// At the start, tokens up to this age are looked at: an authority issues its list at least monthly, and its issuer's
/// certificates have OCSP where that is slower.
const WINDOW: Duration = Duration::from_hours(35 * 24);

/// The tokens that are not settled.
#[derive(Debug, Default)]
pub(super) struct Sweep(Mutex<BTreeMap<(Place, RecordName), Pending>>);

#[derive(Debug, Clone)]
struct Pending {
    tsa: Tsa,
    chain: Vec<Vec<u8>>,
    gen_time: Moment,
    /// The certificates, by their place in the chain.
    unsettled: Vec<usize>,
    due: Moment,
    tries: u32,
}

impl Sweep {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(Place, RecordName), Pending>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn pending(&self) -> usize {
        self.lock().len()
    }

    /// Remembers a token that was just kept.
    pub(super) fn add(
        &self,
        tsa: &Tsa,
        place: &Place,
        name: &RecordName,
        record: &TokenRecord,
        next: Option<Moment>,
        now: Moment,
    ) {
        self.insert(
            tsa,
            place,
            name,
            record,
            &record.revocation,
            next_try(now, next, 0),
        );
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
        let pending = Pending {
            tsa: tsa.clone(),
            chain: chain.clone(),
            gen_time: record.gen_time,
            unsettled,
            due,
            tries: 0,
        };
        self.lock().insert((*place, name.clone()), pending);
    }
}

impl Inner {
    /// Completes tokens until it is told to stop.
    pub(super) async fn sweep(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        self.find_pending().await;
        loop {
            self.sweep_due().await;
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }

    /// Finds the tokens that earlier processes left unsettled.
    pub(super) async fn find_pending(&self) {
        for plan in &self.plan.logs {
            let log = plan.followed.hash();
            let places = self
                .records
                .with_index(|index| index.newest(log, usize::MAX));
            for place in places {
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
    pub(super) async fn sweep_due(&self) {
        let now = self.plan.clock.now();
        let due: Vec<_> = {
            let pending = self.sweep.lock();
            let due = pending.iter().filter(|(_, pending)| pending.due <= now);
            due.map(|(key, pending)| (key.clone(), pending.clone()))
                .collect()
        };
        let fetched = Fetched::default();
        for ((place, name), pending) in due {
            let left = self.complete(&place, &name, pending, &fetched).await;
            let mut all = self.sweep.lock();
            match left {
                Some(pending) => drop(all.insert((place, name), pending)),
                None => drop(all.remove(&(place, name))),
            }
        }
    }

    /// Captures again for one token. Gives what is left to do.
    async fn complete(
        &self,
        place: &Place,
        name: &RecordName,
        mut pending: Pending,
        fetched: &Fetched,
    ) -> Option<Pending> {
        let clock = || self.plan.clock.now();
        let judge = &**pending.tsa.judge();
        let wanted = |certificate| pending.unsettled.contains(&certificate);
        let asking = self.plan.capturer.capture(
            judge,
            &pending.chain,
            pending.gen_time,
            wanted,
            fetched,
            clock,
        );
        let captured = asking.await;
        if let Some(revoked) = &captured.revoked {
            tracing::error!(
                %place, record = %name, authority = %pending.tsa.name(),
                "a certificate of a token that was kept is revoked, and the token proves nothing any more: {revoked}"
            );
        }
        let mut tries = pending.tries.saturating_add(1);
        if !captured.settled.is_empty() {
            // What settles nothing is not kept again.
            let certificates: Vec<[u8; 32]> = captured
                .settled
                .iter()
                .filter_map(|place| pending.chain.get(*place))
                .map(|certificate| sha256(certificate))
                .collect();
            let kept = captured.kept.into_iter();
            let record = RevocationRecord {
                token: name.clone(),
                revocation: kept
                    .filter(|revocation| certificates.contains(&revocation.certificate))
                    .collect(),
            };
            match self.records.add(place, &record).await {
                Ok(_) => {
                    pending
                        .unsettled
                        .retain(|place| !captured.settled.contains(place));
                    tries = 0;
                }
                Err(error) => tracing::error!(
                    %place, record = %name, %error,
                    "revocation data are not stored; they are fetched again"
                ),
            }
        }
        if pending.unsettled.is_empty() {
            return None;
        }
        pending.due = next_try(clock(), captured.next, pending.tries);
        pending.tries = tries;
        Some(pending)
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::{Digest as _, Sha256};
    Sha256::digest(bytes).into()
}

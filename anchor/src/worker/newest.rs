//! Which tokens in the records count, and the newest anchor that follows from them.
//!
//! Nothing counts because it is there: a token is judged again under the trust that is configured now, a record that is damaged
//! is none, and no key vouches twice.

use std::collections::HashMap;

use super::status::Newest;
use super::{Inner, LogPlan};
use crate::capture::settlement;
use crate::judge::GoodToken;
use crate::moment::Moment;
use crate::names::{Place, RecordName};
use crate::record::TokenRecord;
use crate::schedule::Authority;

/// How many of the largest sizes are looked through, at the start, for one that is anchored.
const LOOKED_THROUGH: usize = 50;

/// A token in the records that counts.
#[derive(Debug, Clone)]
pub(super) struct Counting {
    pub(super) authority: Authority,
    pub(super) received: Moment,
    pub(super) token: GoodToken,
}

/// Those of which no two have a key in common, the earliest first.
pub(super) fn independent(mut counting: Vec<Counting>) -> Vec<Counting> {
    counting.sort_by_key(|one| one.token.gen_time);
    let mut kept: Vec<Counting> = Vec::new();
    for one in counting {
        let shares = |other: &Counting| shares_a_key(&other.token.keys, &one.token.keys);
        if !kept.iter().any(shares) {
            kept.push(one);
        }
    }
    kept
}

/// Whether two chains have a key in common: whoever has it can make tokens by both.
pub(super) fn shares_a_key(some: &[[u8; 32]], others: &[[u8; 32]]) -> bool {
    some.iter().any(|key| others.contains(key))
}

/// By when as many as are required say that something existed: the last of the first so many.
pub(super) fn when(times: impl Iterator<Item = Moment>, required: usize) -> Option<Moment> {
    let mut times: Vec<Moment> = times.collect();
    times.sort_unstable();
    times.get(required.checked_sub(1)?).copied()
}

impl Inner {
    /// The authority whose token this is, if it is configured still.
    pub(super) fn authority(&self, name: &RecordName) -> Option<Authority> {
        let mut authorities = self.plan.authorities.iter();
        let index = authorities.position(|tsa| *tsa.name() == name.authority)?;
        Some(Authority::new(index))
    }

    /// A token in the records, if it counts under what is configured.
    pub(super) async fn counting(
        &self,
        place: &Place,
        name: &RecordName,
        record: &TokenRecord,
    ) -> Option<Counting> {
        let authority = self.authority(name)?;
        let tsa = self.plan.authorities.get(authority.index())?;
        let token = match tsa.judge().kept(record) {
            Ok(token) => token,
            Err(rejection) => {
                tracing::warn!(
                    %place, record = %name,
                    "a token that was kept does not count under this configuration: {}", rejection.reason
                );
                return None;
            }
        };
        let kept = self.kept_revocation(place, name, record).await;
        let (judge, chain) = (self.records.judge(), &record.certificates);
        let settled = settlement(judge, chain, &kept, record.gen_time);
        let stands = settled.revoked.is_none() && settled.held.is_none();
        stands.then_some(Counting {
            authority,
            received: record.received,
            token,
        })
    }

    /// The newest anchor in the records: by as many of the configured authorities as are required.
    pub(super) async fn newest(&self, plan: &LogPlan) -> Option<Newest> {
        let log = plan.followed.hash();
        let places = self
            .records
            .with_index(|index| index.newest(log, usize::MAX));
        let mut newest: Option<Newest> = None;
        let (mut size, mut sizes) = (None, 0);
        for place in places {
            // Checkpoints of one size do not come by their times, so that all of them are looked at.
            if size != Some(place.size) {
                if newest.is_some() || sizes == LOOKED_THROUGH {
                    break;
                }
                (size, sizes) = (Some(place.size), sizes + 1);
            }
            let mut counting: HashMap<Authority, Counting> = HashMap::new();
            for name in self.records.with_index(|index| index.tokens(&place)) {
                // What is damaged is told where it is read.
                if let Ok((record, _)) = self.records.token(&place, &name).await
                    && let Some(one) = self.counting(&place, &name, &record).await
                {
                    // Of several rounds over the same bytes, the newest.
                    counting.insert(one.authority, one);
                }
            }
            let counting = independent(counting.into_values().collect());
            let times = counting.iter().map(|one| one.token.gen_time);
            if let Some(time) = when(times, plan.options.required())
                && newest.is_none_or(|newest| newest.time < time)
            {
                newest = Some(Newest { place, time });
            }
            tokio::task::yield_now().await;
        }
        newest
    }

    /// Shows another newest anchor where a token of this one turned out to prove nothing.
    pub(super) async fn show_newest(&self, revoked: &Place) {
        for (plan, desk) in self.plan.logs.iter().zip(&self.desks) {
            let is_shown = || {
                let newest = desk.status().newest;
                newest.is_some_and(|newest| newest.place == *revoked)
            };
            if plan.followed.hash() == revoked.origin && is_shown() {
                let newest = self.newest(plan).await;
                if is_shown() {
                    desk.status().newest = newest;
                }
            }
        }
    }
}

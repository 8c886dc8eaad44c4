//! Which tokens in the records count, and the newest anchor that follows from them.
//!
//! Nothing counts because it is there: a token is judged again under the trust that is configured now, and a record that is damaged
//! is none.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::round::{Vouching, newest};
use super::status::Newest;
use super::{Inner, LogPlan, unbroken};
use crate::beside::beside;
use crate::capture::settlement;
use crate::judge::Rejection;
use crate::names::{AuthorityName, Place, RecordName};
use crate::record::TokenRecord;
use crate::schedule::Authority;

/// How many of the largest sizes are looked through, at the start, for one that is anchored.
const LOOKED_THROUGH: usize = 50;

/// How many of an authority's tokens over one and the same checkpoint are looked at for the newest anchor: there may be thousands,
/// and the last ones say the latest times.
const LAST_TOKENS: usize = 16;

/// The last so many of each authority, of names in the order of their numbers.
fn newest_names(names: Vec<RecordName>) -> Vec<RecordName> {
    let mut counts: BTreeMap<AuthorityName, usize> = BTreeMap::new();
    let mut newest = names;
    newest.reverse();
    newest.retain(|name| {
        let count = counts.entry(name.authority.clone()).or_default();
        *count += 1;
        *count <= LAST_TOKENS
    });
    newest
}

impl Inner {
    /// The authority whose token this is, if it is configured still.
    fn authority(&self, name: &RecordName) -> Option<Authority> {
        let mut authorities = self.plan.authorities.iter();
        let index = authorities.position(|tsa| *tsa.name() == name.authority)?;
        Some(Authority::new(index))
    }

    /// A token in the records, if it is good under what is configured, and not known to prove nothing.
    pub(super) async fn vouching(
        &self,
        place: &Place,
        name: &RecordName,
        record: TokenRecord,
    ) -> Option<Vouching> {
        let authority = self.authority(name)?;
        let tsa = self.plan.authorities.get(authority.index())?;
        let kept = self.kept_revocation(place, name, &record).await;
        let (of_authority, of_records) =
            (Arc::clone(tsa.judge()), Arc::clone(self.records.judge()));
        let received = record.received;
        let judged = beside(move || {
            let token = of_authority.kept(&record)?;
            let (chain, gen_time) = (&record.certificates, record.gen_time);
            let settled = settlement(&*of_records, chain, &kept, gen_time);
            Ok::<_, Rejection>((token, settled))
        });
        match unbroken(judged).await {
            Ok(Ok((token, settled))) => settled
                .stands()
                .then(|| Vouching::new(authority, name.clone(), &token, received)),
            Ok(Err(rejection)) => {
                tracing::warn!(
                    %place, record = %name,
                    "a token that was kept does not count under this configuration: {}", rejection.reason
                );
                None
            }
            Err(broke) => {
                tracing::error!(%place, record = %name, %broke, "a token that was kept does not count");
                None
            }
        }
    }

    /// The newest anchor in the records: by as many of the configured authorities as are required.
    pub(super) async fn newest(&self, plan: &LogPlan) -> Option<Newest> {
        let log = plan.followed.hash();
        let places = self
            .records
            .with_index(|index| index.newest(log, usize::MAX));
        let mut found: Option<Newest> = None;
        let (mut size, mut sizes) = (None, 0);
        for place in places {
            // Checkpoints of one size do not come by their times, so that all of them are looked at.
            if size != Some(place.size) {
                if found.is_some() || sizes == LOOKED_THROUGH {
                    break;
                }
                (size, sizes) = (Some(place.size), sizes + 1);
            }
            let mut vouching = Vec::new();
            let names = self.records.with_index(|index| index.tokens(&place));
            for name in newest_names(names) {
                // What is damaged is told where it is read.
                if let Ok((record, _)) = self.records.token(&place, &name).await {
                    vouching.extend(self.vouching(&place, &name, record).await);
                }
            }
            if let Some(time) = newest(vouching, plan.options.required())
                && found.is_none_or(|found| found.time < time)
            {
                found = Some(Newest { place, time });
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_thousands_of_tokens_the_last_ones_of_each_authority_are_looked_at() {
        let names = |authority: &str, from: u16, to: u16| {
            let authority: AuthorityName = authority.parse().unwrap();
            let names = (from..=to).map(|number| RecordName::token(authority.clone(), number));
            names.collect::<Vec<_>>()
        };
        let all = [names("a", 1, 900), names("b", 1, 3)].concat();
        let mut found = newest_names(all);
        found.sort();
        assert_eq!(found, [names("a", 885, 900), names("b", 1, 3)].concat());
    }
}

//! Reading all that is kept, for whoever wants to know whether all of it is whole.

use std::collections::{BTreeMap, BTreeSet};

use counterfoil_store::{BlobName, ReadError};

use super::{Damage, KeepError, Records, index};
use crate::names::{self, Blobs as _, MAX_NUMBER, Named, Place, RecordName};
use crate::record::TokenRecord;

/// What came of reading all that is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examination {
    /// Checkpoints that are whole, those of forks among them.
    pub checkpoints: u64,
    /// Records of tokens that are whole.
    pub tokens: u64,
    /// Records of later revocation data that are whole.
    pub revocations: u64,
    /// Records of blocks that are whole. Whether a block is one of the chain is not asked.
    pub blocks: u64,
    /// What is not what was kept, and why.
    pub damaged: BTreeMap<BlobName, Damage>,
    /// What was there, as the names beside it show, and is not any more.
    pub missing: BTreeSet<BlobName>,
    /// Files that are none of an anchor's.
    pub foreign: BTreeSet<BlobName>,
}

impl Examination {
    /// Whether all that was kept is there, and whole.
    pub fn is_whole(&self) -> bool {
        self.damaged.is_empty() && self.missing.is_empty()
    }
}

impl Records {
    /// Reads all that is kept, and judges it; `token` sees each token that is whole. Takes time in the number of records:
    /// mostly that of one signature each.
    pub async fn examine(
        &self,
        mut token: impl FnMut(&Place, &RecordName, &TokenRecord),
    ) -> Result<Examination, ReadError> {
        let mut found = Examination::default();
        let names: BTreeSet<BlobName> = self.blobs.list("").await?.into_iter().collect();
        for name in &names {
            let parsed = names::parse(name.as_str());
            let counter = match &parsed {
                Ok((_, Named::Checkpoint)) => &mut found.checkpoints,
                Ok((_, Named::Record(record))) if record.is_token() => &mut found.tokens,
                Ok((_, Named::Record(record))) if record.revocation.is_some() => {
                    &mut found.revocations
                }
                Ok((_, Named::Record(_))) => &mut found.blocks,
                Err(_) if index::parse_fork(name.as_str()).is_some() => &mut found.checkpoints,
                Err(_) => {
                    found.foreign.insert(name.clone());
                    continue;
                }
            };
            let read = match &parsed {
                Ok((place, Named::Record(record))) if record.is_token() => {
                    let read = self.token(place, record).await;
                    read.map(|(kept, _)| token(place, record, &kept))
                }
                _ => self.read(name).await.map(drop),
            };
            match read {
                Ok(()) => *counter += 1,
                Err(KeepError::Damaged { name, damage }) => {
                    found.damaged.insert(name, damage);
                }
                // Reading has no other end.
                Err(_) => {}
            }
            found.missing.extend(missing(name, &names));
        }
        // What is missing is named once.
        found
            .damaged
            .retain(|name, _| !found.missing.contains(name));
        Ok(found)
    }
}

/// What was kept before this, so that it must be there, and is not. Of those with lower numbers, the ones down to the next that is
/// there, which speaks for the others.
fn missing(name: &BlobName, names: &BTreeSet<BlobName>) -> Vec<BlobName> {
    let is_missing = |name: &BlobName| !names.contains(name);
    let mut wanted = match names::parse(name.as_str()) {
        Ok((place, Named::Record(record))) => {
            let mut wanted: Vec<BlobName> = vec![place.checkpoint()];
            let before = |number: u16| (1..number.min(MAX_NUMBER)).rev();
            let token = |number| RecordName {
                number,
                revocation: None,
                ..record.clone()
            };
            if let Some(number) = record.revocation {
                wanted.push(place.record(&record.of_token()));
                let added = before(number).map(|one| place.record(&record.added(one)));
                wanted.extend(added.take_while(is_missing));
            } else {
                let tokens = before(record.number).map(|one| place.record(&token(one)));
                wanted.extend(tokens.take_while(is_missing));
            }
            wanted
        }
        Ok((_, Named::Checkpoint)) => Vec::new(),
        Err(_) => match index::parse_fork(name.as_str()) {
            Some((log, refused, _)) => ["anchored", "refused"]
                .map(|which| index::fork_name(log, refused, which))
                .into(),
            None => Vec::new(),
        },
    };
    wanted.retain(is_missing);
    wanted
}

//! Reading what is kept: what is given out is as it was kept, or it is named as damaged.

use std::sync::Arc;

use bytes::Bytes;
use counterfoil_store::BlobName;

use super::{Damage, KeepError, Records, index, whole};
use crate::beside::beside;
use crate::names::{self, AnchorKind, Blobs as _, Named, Place, RecordName};
use crate::record::{RevocationRecord, TokenRecord};
use crate::worker::unbroken;

impl Records {
    /// A blob of the records, by its path, if it is as it was kept; `None` if there never was one.
    pub async fn read(&self, name: &BlobName) -> Result<Option<Bytes>, KeepError> {
        let is_known = self.with_index(|index| index.has(name.as_str()));
        if !is_known && self.blobs.get(name).await?.is_none() {
            return Ok(None);
        }
        match names::parse(name.as_str()) {
            Ok((place, Named::Record(record))) => match (record.kind, record.revocation) {
                (AnchorKind::Rfc3161, None) => Ok(Some(self.token(&place, &record).await?.1)),
                (AnchorKind::Rfc3161, Some(_)) => Ok(Some(self.added(&place, &record).await?.1)),
                (AnchorKind::Ethereum, _) => Ok(Some(self.block(&place, &record).await?.1)),
            },
            Ok((place, Named::Checkpoint)) => {
                let check = move |bytes: &Bytes| whole::check_checkpoint(&place, bytes);
                Ok(Some(self.whole(name, check).await?.1))
            }
            Err(_) => {
                let log = index::parse_fork(name.as_str()).map(|(log, ..)| log);
                let check = move |bytes: &Bytes| whole::check_fork(log, bytes);
                Ok(Some(self.whole(name, check).await?.1))
            }
        }
    }

    /// What is under a name, read by a function that says whether it is whole, and judges it, which takes time.
    pub(super) async fn whole<T: Send + 'static>(
        &self,
        name: &BlobName,
        read: impl FnOnce(&Bytes) -> Result<T, Damage> + Send + 'static,
    ) -> Result<(T, Bytes), KeepError> {
        let found = match self.blobs.get(name).await {
            // What breaks on one record must not keep the others from being read.
            Ok(Some(bytes)) => {
                let read = beside(move || read(&bytes).map(|read| (read, bytes)));
                let read = unbroken(read).await;
                read.unwrap_or_else(|broke| Err(Damage::Broke(broke.to_string())))
            }
            Ok(None) => Err(Damage::Missing),
            Err(error) => Err(Damage::Unreadable(error)),
        };
        self.known.found(name, &found);
        found.map_err(|damage| KeepError::Damaged {
            name: name.clone(),
            damage,
        })
    }

    /// A token's record, and its bytes.
    pub async fn token(
        &self,
        place: &Place,
        name: &RecordName,
    ) -> Result<(TokenRecord, Bytes), KeepError> {
        let blob = place.record(name);
        let (known, judge) = (Arc::clone(&self.known), Arc::clone(&self.judge));
        let (place, name, record_name) = (*place, name.clone(), blob.clone());
        let read = move |bytes: &Bytes| {
            let record = whole::read_token(&place, &name, bytes)?;
            let judge = || whole::check_token(&*judge, &record);
            known.judge(&record_name, bytes, judge)?;
            Ok(record)
        };
        self.whole(&blob, read).await
    }

    /// A record of revocation data, and its bytes. The token that it is about is read, too.
    pub async fn added(
        &self,
        place: &Place,
        name: &RecordName,
    ) -> Result<(RevocationRecord, Bytes), KeepError> {
        let (token, _) = self.token(place, &name.of_token()).await?;
        let blob = place.record(name);
        let (known, judge) = (Arc::clone(&self.known), Arc::clone(&self.judge));
        let (of_token, record_name) = (name.of_token(), blob.clone());
        let read = move |bytes: &Bytes| {
            let record = RevocationRecord::parse(bytes).map_err(Damage::NoRecord)?;
            if record.token != of_token {
                return Err(Damage::OtherRecord);
            }
            let judge = || {
                let (chain, kept) = (&token.certificates, &record.revocation);
                whole::check_revocation(&*judge, chain, kept, token.gen_time)
            };
            known.judge(&record_name, bytes, judge)?;
            Ok(record)
        };
        self.whole(&blob, read).await
    }

    /// Reads again what was found to be damaged: it may have been restored.
    pub async fn read_damaged(&self) {
        for name in self.damaged().into_keys() {
            // What comes of it is taken note of.
            let _ = self.read(&name).await;
        }
    }
}

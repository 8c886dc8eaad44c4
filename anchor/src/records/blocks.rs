//! The records of blocks.
//!
//! What is kept of a block stays, and is found again: whoever keeps the same block's record once more, since nobody knows whether
//! it was kept, keeps the one that is there. The record of another block has the next number.

use std::sync::Arc;

use bytes::Bytes;
use counterfoil_store::{Blob, PutError};

use super::{Damage, KeepError, Records, whole};
use crate::names::{Blobs as _, CheckpointHash, MAX_NUMBER, Place, RecordName};
use crate::record::BlockRecord;

impl Records {
    /// Keeps the records of blocks, each about the checkpoint of its folder. When this is done they are durable.
    pub async fn keep_blocks(&self, records: &[(Place, BlockRecord)]) -> Result<(), KeepError> {
        // Whatever is met under a name is known from then on, so that it is met once.
        for _ in 0..=MAX_NUMBER {
            let mut blobs = Vec::new();
            for (place, record) in records {
                blobs.push(self.block_blob(place, record).await?);
            }
            match self.put_all(&blobs).await {
                Ok(()) => {
                    for blob in &blobs {
                        self.found(&blob.name);
                    }
                    return Ok(());
                }
                Err(PutError::Conflict { name, .. }) => self.found(&name),
                Err(error) => return Err(error.into()),
            }
        }
        let first = records.first().map(|(place, _)| place.to_string());
        Err(KeepError::Full(first.unwrap_or_default()))
    }

    /// A checkpoint. Where it is damaged or gone and the newest round of its log, it is written anew. None if it is lost.
    pub(crate) async fn checkpoint(&self, place: &Place) -> Result<Option<Bytes>, KeepError> {
        match self.read(&place.checkpoint()).await {
            Ok(Some(bytes)) => return Ok(Some(bytes)),
            Err(error) if error.may_pass() => return Err(error),
            Ok(None) | Err(_) => {}
        }
        let state = match self.state(place.origin).await {
            Err(error) if error.may_pass() => return Err(error),
            found => found.ok().flatten(),
        };
        let Some(state) = state.filter(|state| state.place() == *place) else {
            return Ok(None);
        };
        let bytes = state.note().as_bytes();
        self.put_checkpoint(place, bytes).await?;
        Ok(Some(Bytes::copy_from_slice(bytes)))
    }

    /// What is to be put for a block: its record as it is kept already, or under the first free number.
    async fn block_blob(&self, place: &Place, record: &BlockRecord) -> Result<Blob, KeepError> {
        let names = self.with_index(|index| index.blocks(place, &record.name));
        let mut free = 1;
        for name in names {
            free = name.number.saturating_add(1);
            match self.block(place, &name).await {
                Ok((kept, bytes)) if is_same_block(&kept, record) => {
                    return Ok(Blob::new(place.record(&name), bytes));
                }
                Ok(_) => {}
                Err(error @ KeepError::Damaged { .. }) => {
                    tracing::error!(%place, record = %name, %error, "a record cannot be read; another one is kept beside it");
                }
                Err(error) => return Err(error),
            }
        }
        let name = RecordName::block(record.name.clone(), free);
        if free > MAX_NUMBER {
            return Err(KeepError::Full(place.record(&name).to_string()));
        }
        let bytes = record.encode().map_err(|error| KeepError::Record {
            name: place.record(&name).to_string(),
            error,
        })?;
        Ok(Blob::new(place.record(&name), bytes))
    }

    /// The record of a block, and its bytes. Whether the block is one of the chain is for its reader to ask.
    pub async fn block(
        &self,
        place: &Place,
        name: &RecordName,
    ) -> Result<(BlockRecord, Bytes), KeepError> {
        let blob = place.record(name);
        let known = Arc::clone(&self.known);
        let (place, chain, record_name) = (*place, name.authority.clone(), blob.clone());
        let read = move |bytes: &Bytes| {
            let record = BlockRecord::parse(bytes).map_err(Damage::NoRecord)?;
            let its_own =
                CheckpointHash::of(&record.checkpoint) == place.checkpoint && record.name == chain;
            if !its_own {
                return Err(Damage::OtherRecord);
            }
            let judge = || whole::check_block(&record);
            known.judge(&record_name, bytes, judge)?;
            Ok(record)
        };
        self.whole(&blob, read).await
    }
}

fn is_same_block(one: &BlockRecord, other: &BlockRecord) -> bool {
    let (one, other) = (&one.block, &other.block);
    one.header == other.header && one.transaction == other.transaction
}

//! A witness to ask, over stores that a test can look into.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use counterfoil_store::memory::{MemoryBlobStore, MemoryHeadStore};
use counterfoil_store::{HeadStore, ReadError, RegisterName, ReplaceError};
use counterfoil_tiles::witness_wire::AddCheckpointRequest;
use counterfoil_witness::{AddAnswer, Log, Logs, Options, RetryAfter, Witness};
use tokio::sync::Semaphore;

use crate::common::{Signer, signers};

/// A Thursday in 2026.
pub(crate) const NOW: u64 = 1_795_000_000;

pub(crate) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// The stores of a witness, which outlive it.
#[derive(Clone, Default)]
pub(crate) struct Stores {
    pub(crate) heads: Arc<MemoryHeadStore>,
    pub(crate) blobs: Arc<MemoryBlobStore>,
}

impl Stores {
    pub(crate) fn witness(&self, logs: &[&Signer]) -> Witness {
        self.witness_with(logs, Options::default())
    }

    pub(crate) fn witness_with(&self, logs: &[&Signer], options: Options) -> Witness {
        witness_over(self.heads.clone(), self, logs, options)
    }
}

pub(crate) fn witness_over(
    heads: Arc<dyn HeadStore>,
    stores: &Stores,
    logs: &[&Signer],
    options: Options,
) -> Witness {
    let logs = Logs::new(logs.iter().map(|signer| signer.log())).unwrap();
    Witness::new(signers(), logs, heads, stores.blobs.clone(), options)
}

#[expect(clippy::unnecessary_wraps, reason = "what a log's rate would say")]
pub(crate) fn no_limit(_: &Log) -> Result<(), RetryAfter> {
    Ok(())
}

pub(crate) async fn add(witness: &Witness, request: &AddCheckpointRequest) -> AddAnswer {
    add_at(witness, request, NOW).await
}

pub(crate) async fn add_at(
    witness: &Witness,
    request: &AddCheckpointRequest,
    seconds: u64,
) -> AddAnswer {
    let body = request.to_string();
    witness
        .add_checkpoint(body.as_bytes(), at(seconds), no_limit)
        .await
}

pub(crate) fn name(answer: &AddAnswer) -> String {
    match answer {
        AddAnswer::Cosigned { .. } => "200".to_owned(),
        AddAnswer::Malformed(_)
        | AddAnswer::TextTooLong { .. }
        | AddAnswer::OldSizeAboveCheckpoint { .. } => "400".to_owned(),
        AddAnswer::UnknownOrigin(_) => "404".to_owned(),
        AddAnswer::Forbidden(_) => "403".to_owned(),
        AddAnswer::Conflict { latest } => format!("409 {}", latest.get()),
        AddAnswer::Inconsistent(_) => "422".to_owned(),
        AddAnswer::Limited { .. } => "429".to_owned(),
        AddAnswer::Unavailable(why) => format!("503 {why}"),
    }
}

#[track_caller]
pub(crate) fn assert_cosigned(answer: &AddAnswer) {
    assert_eq!(name(answer), "200");
}

/// A store whose writes wait for permits.
pub(crate) struct Gated {
    pub(crate) inner: Arc<MemoryHeadStore>,
    pub(crate) gate: Semaphore,
}

impl Gated {
    async fn pass(&self) {
        self.gate.acquire().await.unwrap().forget();
    }
}

#[async_trait]
impl HeadStore for Gated {
    async fn create(&self, name: &RegisterName, value: Bytes) -> Result<(), ReplaceError> {
        self.pass().await;
        self.inner.create(name, value).await
    }

    async fn fetch(&self, name: &RegisterName) -> Result<Option<Bytes>, ReadError> {
        self.inner.fetch(name).await
    }

    async fn replace(
        &self,
        name: &RegisterName,
        old: &Bytes,
        new: Bytes,
    ) -> Result<(), ReplaceError> {
        self.pass().await;
        self.inner.replace(name, old, new).await
    }
}

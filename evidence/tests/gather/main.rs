//! What is gathered of honest anchors, and what is not taken of others: tokens are real, and the rest is said by them.

#[path = "../blocks/mod.rs"]
mod blocks;
mod bounds;
mod chosen;
#[path = "../kept/mod.rs"]
mod kept;
mod lies;
mod newest;
mod world;

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use counterfoil_dev_tsa::Behaviour;
use counterfoil_evidence::format::{AnchorRecords, Entry, Evidence};
use counterfoil_evidence::gather::{
    By, COUNTED_ROOTS, Failed, FailedKind, Gathered, MAX_CHECKPOINTS, MAX_PLACES, MAX_RECORDS,
    MAX_SIZES, NoReceipt, NotGathered, Sizes, Trouble, Wanted, gather, newest,
};
use counterfoil_evidence::moment::Moment;
use counterfoil_evidence::names::{Named, Place};
use counterfoil_evidence::record::{
    BlockRecord, Revocation, RevocationKind, RevocationRecord, TokenRecord,
};
use counterfoil_rfc3161::Timestamp;
use counterfoil_tiles::hash::{LeafIndex, TreeSize};
use counterfoil_tiles::note::Note;
use kept::Authority;
use tokio::sync::Barrier;
use world::{Fake, PUBLISHED, cosigned, log, note, place, receipt};

fn wanted(index: u64) -> Wanted {
    Wanted {
        log: log(),
        index: LeafIndex::new(index),
        sizes: Sizes::UpTo(TreeSize::new(PUBLISHED)),
    }
}

/// Without trust in anybody, now.
fn now() -> By {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seconds = i64::try_from(since.unwrap().as_secs()).unwrap();
    By::nobody(Timestamp::from_seconds(seconds))
}

type Outcome = Result<Gathered, NotGathered<&'static str>>;

async fn of(index: u64, anchors: &[Fake]) -> Outcome {
    gather(wanted(index), &now(), anchors, receipt, pending()).await
}

/// The size that was chosen, and whose tokens there are.
fn chosen(outcome: &Outcome) -> (u64, Vec<String>) {
    let gathered = outcome.as_ref().unwrap();
    let size = gathered.receipt.checkpoint().size().get();
    let names = gathered
        .records
        .iter()
        .map(|one| one.authority().1.to_string());
    (size, names.collect())
}

fn troubles(outcome: Outcome) -> Vec<Trouble> {
    match outcome {
        Ok(gathered) => gathered.troubles,
        Err(NotGathered::Nothing(troubles)) => troubles,
        Err(NotGathered::Log(error)) => panic!("{error}"),
    }
}

fn silent(what: &str) -> Result<Option<Bytes>, Failed> {
    Err(Failed {
        kind: FailedKind::Silent,
        what: what.to_owned(),
    })
}

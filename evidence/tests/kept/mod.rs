//! What the anchors of tests keep, and how they list it; their tokens are real.
#![allow(
    dead_code,
    reason = "each test binary compiles this module and uses a part of it"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use counterfoil_dev_tsa::{Clock, DevTsa, Options};
use counterfoil_evidence::moment::Moment;
use counterfoil_evidence::names::{CheckpointHash, Named, Place};
use counterfoil_evidence::record::TokenRecord;
use counterfoil_rfc3161::Token;
use counterfoil_tiles::checkpoint::{Checkpoint, OriginHash};
use counterfoil_tiles::note::Note;

/// What is kept, by its path.
pub(crate) type Blobs = BTreeMap<String, Vec<u8>>;

/// Where a checkpoint is kept, for the log with this origin.
pub(crate) fn place_of(origin: OriginHash, checkpoint: &[u8]) -> Place {
    let note = Note::parse(checkpoint).unwrap();
    Place {
        origin,
        size: Checkpoint::parse(note.text()).unwrap().size(),
        checkpoint: CheckpointHash::of(checkpoint),
    }
}

/// Keeps a checkpoint for the log with this origin, and a token over it.
pub(crate) fn keep(
    blobs: &mut Blobs,
    origin: OriginHash,
    checkpoint: &[u8],
    authority: &Authority,
) {
    let place = place_of(origin, checkpoint);
    blobs.insert(place.path(&Named::Checkpoint), checkpoint.to_vec());
    let name = format!("rfc3161-{}", authority.name).parse().unwrap();
    let record = authority.record(checkpoint).encode().unwrap();
    blobs.insert(place.path(&Named::Record(name)), record);
}

/// The list of a folder, or the part of it that the query asks for; none where nothing is in it.
pub(crate) fn listed(blobs: &Blobs, folder: &str, query: &str) -> Option<String> {
    let within = |blob: &String| {
        let rest = blob.strip_prefix(folder)?.strip_prefix('/')?;
        rest.split('/').next().map(ToOwned::to_owned)
    };
    let lines: BTreeSet<String> = blobs.keys().filter_map(within).collect();
    if lines.is_empty() {
        return None;
    }
    let mut lines: Vec<String> = lines.into_iter().collect();
    lines.sort_by_key(|line| line.parse::<u64>().ok());
    if let Some(after) = query.strip_prefix("after=") {
        let after: u64 = after.parse().unwrap();
        lines.retain(|line| line.parse::<u64>().unwrap() > after);
    }
    if let Some(last) = query.strip_prefix("last=") {
        let last: usize = last.parse().unwrap();
        lines = lines.split_off(lines.len().saturating_sub(last));
    }
    let text = lines.iter().flat_map(|line| [line.as_str(), "\n"]);
    Some(text.collect())
}

/// An authority, and what anchors call it.
pub(crate) struct Authority {
    pub(crate) name: &'static str,
    pub(crate) tsa: DevTsa,
    pub(crate) clock: Clock,
}

impl Authority {
    pub(crate) async fn start(name: &'static str) -> Self {
        Self::with(name, Clock::system()).await
    }

    /// One whose clock the test moves.
    pub(crate) async fn standing_at(name: &'static str, time: SystemTime) -> Self {
        Self::with(name, Clock::standing_at(time)).await
    }

    async fn with(name: &'static str, clock: Clock) -> Self {
        let options = Options {
            name: name.to_owned(),
            clock: clock.clone(),
            ..Options::default()
        };
        let tsa = DevTsa::start(options).await.unwrap();
        Self { name, tsa, clock }
    }

    /// A token of it, as anchors keep it.
    pub(crate) fn record(&self, checkpoint: &[u8]) -> TokenRecord {
        let token = self.tsa.stamp(checkpoint).unwrap();
        let time = Token::parse(&token).unwrap().info().gen_time;
        let time = Moment::from_seconds(u64::try_from(time.seconds()).unwrap());
        let chain = [self.tsa.signer(), self.tsa.intermediate(), self.tsa.root()];
        TokenRecord {
            authority: self.name.parse().unwrap(),
            url: self.tsa.tsr_url(),
            checkpoint: checkpoint.to_vec(),
            token,
            certificates: chain.map(<[u8]>::to_vec).to_vec(),
            gen_time: time,
            received: time,
            revocation: Vec::new(),
        }
    }
}

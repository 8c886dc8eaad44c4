//! One checkpoint, one witness: what is sent, what an answer means, and the second request that a 409 may deserve.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use counterfoil_tiles::checkpoint::SignedCheckpoint;
use counterfoil_tiles::cosignature::Timestamp;
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::key::KeyRing;
use counterfoil_tiles::witness_wire::{
    AddCheckpointRequest, SIZE_CONTENT_TYPE, parse_size, verify_cosignatures,
};
use tokio::time::Instant;

use super::endpoint::Place;
use super::outcome::{Cosignature, Outcome, quoted};
use super::transport::{Answer, MAX_ANSWER_SIZE, Method, Request, Transport, TransportError};

/// How far ahead of our clock a cosignature may be dated: clocks that are kept by NTP differ by less than a second, and one
/// that is not is noticed.
pub const MAX_AHEAD: Duration = Duration::from_mins(5);

/// Makes consistency proofs of the log.
#[async_trait]
pub trait Proofs: Send + Sync + 'static {
    /// The proof that the tree of size `new` extends the one of size `old`, `0 < old < new`; or why there is none now.
    async fn consistency(&self, old: TreeSize, new: TreeSize) -> Result<Vec<NodeHash>, String>;
}

/// The time of day, which cosignatures are held against.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// A clock of the caller's.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// What it shows.
    pub fn now(&self) -> SystemTime {
        (self.0)()
    }

    fn seconds(&self) -> u64 {
        let since = self.now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    }
}

impl Default for Clock {
    /// The system's.
    fn default() -> Self {
        Self::new(SystemTime::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// What is shown to the witnesses in one round.
pub(crate) struct Question {
    /// The checkpoint with the log's own signatures and no other's.
    pub(crate) signed: SignedCheckpoint,
    pub(crate) proofs: Arc<dyn Proofs>,
    /// When the last request is given up.
    pub(crate) deadline: Instant,
}

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) outcome: Outcome,
    pub(crate) cosignatures: Vec<Cosignature>,
    /// The size that the witness has now as far as it says, if that can be true.
    pub(crate) recorded: Option<TreeSize>,
}

impl From<Outcome> for Reply {
    fn from(outcome: Outcome) -> Self {
        Self {
            recorded: match &outcome {
                Outcome::Behind { size, .. } => Some(*size),
                _ => None,
            },
            outcome,
            cosignatures: Vec::new(),
        }
    }
}

/// Shows a checkpoint to a witness that is thought to have size `old`.
pub(crate) async fn show(
    question: &Question,
    place: &Place,
    mut old: TreeSize,
    keys: &KeyRing,
    clock: &Clock,
    transport: &dyn Transport,
) -> Reply {
    let size = question.signed.checkpoint().size();
    let mut again = None;
    loop {
        let body = match body(question, old).await {
            Ok(body) => body,
            Err(why) => return Outcome::NoProof { old, why }.into(),
        };
        // SPEC(tlog-witness): "The request MUST be an HTTP POST."
        let request = Request {
            method: Method::Post,
            url: place.add_checkpoint.clone(),
            body,
            deadline: question.deadline.saturating_duration_since(Instant::now()),
        };
        let answer = match transport.send(request).await {
            Ok(answer) => answer,
            Err(error) => return Outcome::NoAnswer(error).into(),
        };
        let named = match read(&answer, &question.signed, place, keys, clock) {
            Reading::Cosigned(cosignatures) => {
                return Reply {
                    outcome: Outcome::Cosigned,
                    cosignatures,
                    recorded: Some(size),
                };
            }
            Reading::Conflict(named) => named,
            Reading::Other(outcome) => return outcome.into(),
        };
        if named > size {
            return Outcome::Ahead { size: named }.into();
        }
        if let Some(first) = again {
            let why = format!("and before that {first}; asked again in the next round");
            return Outcome::Behind { size: named, why }.into();
        }
        if named == old {
            let why = "which is what the request said; its 409 makes no sense".to_owned();
            return Outcome::Behind { size: named, why }.into();
        }
        again = Some(named);
        old = named;
    }
}

async fn body(question: &Question, old: TreeSize) -> Result<Bytes, String> {
    let size = question.signed.checkpoint().size();
    // SPEC(tlog-witness): "If the old size is zero, the consistency proof MUST be empty, because the empty tree is consistent
    // with any tree, so no proof is necessary."
    let proof = if old == TreeSize::ZERO || old == size {
        Vec::new()
    } else {
        question.proofs.consistency(old, size).await?
    };
    let request = AddCheckpointRequest::new(old, proof, question.signed.note().clone());
    let request = request.map_err(|error| error.to_string())?;
    Ok(Bytes::from(request.to_string()))
}

/// What an answer means.
enum Reading {
    Cosigned(Vec<Cosignature>),
    Conflict(TreeSize),
    Other(Outcome),
}

fn read(
    answer: &Answer,
    signed: &SignedCheckpoint,
    place: &Place,
    keys: &KeyRing,
    clock: &Clock,
) -> Reading {
    if answer.body.len() > MAX_ANSWER_SIZE {
        return Reading::Other(Outcome::NoAnswer(TransportError::TooLarge {
            limit: MAX_ANSWER_SIZE,
        }));
    }
    let malformed = |why: String| Reading::Other(Outcome::Malformed(why));
    match answer.status {
        200 => match cosignatures(answer, signed, place, keys, clock) {
            Ok(cosignatures) => Reading::Cosigned(cosignatures),
            Err(why) => malformed(why),
        },
        409 => match size_named(answer) {
            Ok(size) => Reading::Conflict(size),
            Err(why) => malformed(why),
        },
        _ => Reading::Other(Outcome::refused(answer)),
    }
}

fn cosignatures(
    answer: &Answer,
    signed: &SignedCheckpoint,
    place: &Place,
    keys: &KeyRing,
    clock: &Clock,
) -> Result<Vec<Cosignature>, String> {
    let good =
        verify_cosignatures(&answer.body, signed, keys).map_err(|error| error.to_string())?;
    let latest = clock.seconds().saturating_add(MAX_AHEAD.as_secs());
    for (_, by) in &good {
        let seconds = by.timestamp.map_or(0, Timestamp::seconds);
        if seconds > latest {
            return Err(format!(
                "the cosignature by {}+{} is dated {} s after our clock: one of the clocks is wrong",
                by.name,
                by.key_id,
                seconds.saturating_sub(clock.seconds()),
            ));
        }
    }
    if !good.iter().any(|(line, _)| place.signs(line)) {
        let expected: Vec<String> = place
            .witnesses
            .iter()
            .map(|witness| format!("{}+{}", witness.vkey().name(), witness.vkey().id()))
            .collect();
        return Err(format!(
            "no cosignature by {}: compare the policy with the witness's vkeys",
            expected.join(" or ")
        ));
    }
    Ok(good
        .into_iter()
        .map(|(line, by)| Cosignature { line, by })
        .collect())
}

/// The size in a 409 answer.
fn size_named(answer: &Answer) -> Result<TreeSize, String> {
    // SPEC(tlog-witness): "The response MUST have a `Content-Type` of `text/x.tlog.size`."
    let media_type = answer.content_type.as_deref().unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case(SIZE_CONTENT_TYPE) {
        let found = quoted(media_type.as_bytes()).unwrap_or_else(|| "none".into());
        return Err(format!(
            "409 with content type {found}, expected {SIZE_CONTENT_TYPE}"
        ));
    }
    parse_size(&answer.body).map_err(|error| {
        let found = quoted(&answer.body).unwrap_or_else(|| "nothing".into());
        format!("409: {error}; found {found}")
    })
}

//! What the witnesses show under their monitoring prefixes: the log's latest checkpoint that each has cosigned.

use bytes::Bytes;
use counterfoil_tiles::checkpoint::SignedCheckpoint;
use counterfoil_tiles::note::Note;
use futures_util::future::join_all;
use tokio::time::timeout;

use super::client::{Shared, Witnesses};
use super::desk::Desk;
use super::endpoint::WitnessName;
use super::outcome::Outcome;
use super::transport::{MAX_ANSWER_SIZE, Method, Request, TransportError};

/// What a witness shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its names in the policy.
    pub witnesses: Vec<WitnessName>,
    /// Where.
    pub url: String,
    /// A checkpoint with a good signature of our log's; none if the witness has never cosigned one; or why that is not known.
    pub checkpoint: Result<Option<SignedCheckpoint>, String>,
}

impl Witnesses {
    /// Fetches the log's latest checkpoint from each witness, in the policy's order. A witness may show an old one, up to an
    /// hour by recommendation; our own signature on it proves that it was once signed.
    pub async fn latest(&self) -> Vec<Seen> {
        let shared = self.shared();
        join_all(shared.desks.iter().map(|desk| seen(shared, desk))).await
    }
}

async fn seen(shared: &Shared, desk: &Desk) -> Seen {
    Seen {
        witnesses: desk.place.names(),
        url: desk.place.checkpoint.clone(),
        checkpoint: fetch(shared, desk).await,
    }
}

async fn fetch(shared: &Shared, desk: &Desk) -> Result<Option<SignedCheckpoint>, String> {
    let deadline = shared.options.request_deadline;
    // SPEC(tlog-witness): "The request MUST be an HTTP GET."
    let request = Request {
        method: Method::Get,
        url: desk.place.checkpoint.clone(),
        body: Bytes::new(),
        deadline,
    };
    let answer = timeout(deadline, shared.transport.send(request)).await;
    let answer = answer.unwrap_or(Err(TransportError::Deadline(deadline)));
    let answer = answer.map_err(|error| error.to_string())?;
    match answer.status {
        200 if answer.body.len() > MAX_ANSWER_SIZE => Err(TransportError::TooLarge {
            limit: MAX_ANSWER_SIZE,
        }
        .to_string()),
        200 => {
            let note = Note::parse(&answer.body).map_err(|error| error.to_string())?;
            let signed = SignedCheckpoint::verify(note, &shared.log);
            Ok(Some(signed.map_err(|error| error.to_string())?))
        }
        // SPEC(tlog-witness): "If the witness has never cosigned a checkpoint for that log, it MUST respond with a "404 Not
        // Found" HTTP status code instead."
        404 => Ok(None),
        _ => Err(Outcome::refused(&answer).to_string()),
    }
}

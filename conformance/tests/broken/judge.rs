//! add-checkpoint of the witness in memory.

use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use counterfoil_tiles::checkpoint::{
    Checkpoint, CheckpointError, LogKey, Origin, SignedCheckpoint,
};
use counterfoil_tiles::hash::{NodeHash, TreeSize, empty_root};
use counterfoil_tiles::key::Vkey;
use counterfoil_tiles::note::Note;
use counterfoil_tiles::proof::verify_consistency;
use counterfoil_tiles::witness_wire::{AddCheckpointRequest, encode_cosignatures};

use crate::fake::{Recorded, Witness};
use crate::fault::Fault;

/// Why a request is not cosigned.
enum Refusal {
    Status(StatusCode),
    /// With the recorded size.
    Conflict(u64),
    /// Malformed, and cosigned all the same.
    CosignedUnread,
}

fn refuse(status: StatusCode) -> Refusal {
    Refusal::Status(status)
}

pub(crate) async fn add(witness: &Witness, body: &[u8]) -> Response {
    let response = match decide(witness, body).await {
        Ok(answer) => return answer.into_response(),
        Err(Refusal::CosignedUnread) => return witness.any_lines().into_response(),
        Err(Refusal::Status(status)) => status.into_response(),
        Err(Refusal::Conflict(size)) => conflict(witness, size),
    };
    if witness.has(Fault::CosignsRefused) {
        (response.status(), witness.any_lines()).into_response()
    } else {
        response
    }
}

async fn decide(witness: &Witness, body: &[u8]) -> Result<String, Refusal> {
    let request = read(witness, body)?;
    let checkpoint = request.checkpoint();
    let origin = checkpoint.origin().as_str();
    let Some(keys) = witness.logs.get(origin) else {
        return Err(refuse(match witness.fault {
            Fault::UnknownOriginIs403 => StatusCode::FORBIDDEN,
            _ => StatusCode::NOT_FOUND,
        }));
    };
    let log_lines = signatures(witness, &request, keys)?;
    let recorded = witness.recorded(origin);
    check(witness, &request, recorded.as_ref())?;
    if witness.has(Fault::NotAtomic) {
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    let own = witness.cosign(checkpoint);
    let mut lines = log_lines;
    lines.extend(own.iter().cloned());
    let note = Note::new(request.note().text(), lines).expect("a note");
    let new = Recorded {
        size: checkpoint.size().get(),
        root: *checkpoint.root(),
        note: note.to_string(),
    };
    {
        let mut records = witness.lock();
        let records = records.entry(origin.to_owned()).or_default();
        let now = records.last().map_or(0, |last| last.size);
        let before = recorded.as_ref().map_or(0, |recorded| recorded.size);
        if now != before && !witness.has(Fault::NotAtomic) {
            return Err(Refusal::Conflict(now));
        }
        if !witness.has(Fault::NotRecorded) {
            records.push(new);
        }
    }
    let mut answer = encode_cosignatures(&own);
    match witness.fault {
        Fault::AnswerWithWords => answer.push_str("thank you\n"),
        Fault::AnswerNoNewline => {
            answer.pop();
        }
        _ => {}
    }
    Ok(answer)
}

fn read(witness: &Witness, body: &[u8]) -> Result<AddCheckpointRequest, Refusal> {
    if witness.has(Fault::SmallBodies) && body.len() > 64 << 10 {
        return Err(refuse(StatusCode::PAYLOAD_TOO_LARGE));
    }
    AddCheckpointRequest::parse(body).map_err(|_| match witness.fault {
        Fault::CosignsMalformed => Refusal::CosignedUnread,
        Fault::MalformedIs500 => refuse(StatusCode::INTERNAL_SERVER_ERROR),
        _ => refuse(StatusCode::BAD_REQUEST),
    })
}

/// The lines of the log's keys, all of which must be good.
fn signatures(
    witness: &Witness,
    request: &AddCheckpointRequest,
    keys: &[Vkey],
) -> Result<Vec<counterfoil_tiles::note::SignatureLine>, Refusal> {
    let forbidden = || {
        refuse(match witness.fault {
            Fault::ForbiddenIs500 => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::FORBIDDEN,
        })
    };
    let note = request.note();
    let lines = note.signatures();
    let mine = |line: &&counterfoil_tiles::note::SignatureLine| {
        keys.iter()
            .any(|key| key.name() == line.name() && key.id() == line.key_id())
    };
    let strange = match witness.fault {
        Fault::UnknownRefused => lines.iter().any(|line| !mine(&line)),
        Fault::KeysByName => lines
            .iter()
            .any(|line| !mine(&line) && keys.iter().any(|key| key.name() == line.name())),
        Fault::KeysById => lines
            .iter()
            .any(|line| !mine(&line) && keys.iter().any(|key| key.id() == line.key_id())),
        Fault::FewSignatures => lines.len() > 15,
        _ => false,
    };
    if strange {
        return Err(forbidden());
    }
    let log_keys: Vec<LogKey> = keys
        .iter()
        .map(|key| LogKey::for_origin(request.checkpoint().origin().clone(), key.clone()))
        .collect();
    let verify = |note: Note| -> Result<SignedCheckpoint, CheckpointError> {
        SignedCheckpoint::verify(note, &log_keys)
    };
    if verify(note.clone()).is_ok() {
        return Ok(lines.iter().filter(mine).cloned().collect());
    }
    let good: Vec<_> = lines
        .iter()
        .filter(|line| {
            let alone = Note::new(note.text(), vec![(*line).clone()]);
            alone.is_ok_and(|alone| verify(alone).is_ok())
        })
        .cloned()
        .collect();
    match witness.fault {
        Fault::SignatureUnchecked => Ok(lines.to_vec()),
        Fault::BadLinesIgnored if !good.is_empty() => Ok(good),
        _ => Err(forbidden()),
    }
}

fn check(
    witness: &Witness,
    request: &AddCheckpointRequest,
    recorded: Option<&Recorded>,
) -> Result<(), Refusal> {
    let unprocessable = || refuse(StatusCode::UNPROCESSABLE_ENTITY);
    let checkpoint = request.checkpoint();
    let (old, size) = (request.old_size(), checkpoint.size());
    if recorded.is_none() && witness.has(Fault::NewUnchecked) {
        return Ok(());
    }
    let compares = !witness.has(Fault::OldUnchecked);
    if compares && old > size && !witness.has(Fault::OldLargerUnchecked) {
        return Err(refuse(StatusCode::BAD_REQUEST));
    }
    let known = recorded.map_or(0, |recorded| recorded.size);
    if compares && old.get() != known {
        return Err(Refusal::Conflict(known));
    }
    if size == TreeSize::ZERO {
        if witness.has(Fault::EmptyRefused) {
            return Err(unprocessable());
        }
        if *checkpoint.root() != empty_root() && !witness.has(Fault::EmptyRootUnchecked) {
            return Err(unprocessable());
        }
    }
    if old == TreeSize::ZERO {
        if size != TreeSize::ZERO && witness.has(Fault::FirstRefused) {
            return Err(refuse(StatusCode::BAD_REQUEST));
        }
        let proof = request.proof().is_empty() || witness.has(Fault::ProofFromZeroIgnored);
        return if proof { Ok(()) } else { Err(unprocessable()) };
    }
    let root = recorded.map_or_else(empty_root, |recorded| recorded.root);
    proof(witness, request, checkpoint, root)
}

fn proof(
    witness: &Witness,
    request: &AddCheckpointRequest,
    checkpoint: &Checkpoint,
    root: NodeHash,
) -> Result<(), Refusal> {
    let (old, size) = (request.old_size(), checkpoint.size());
    let refusal = refuse(match witness.fault {
        Fault::ProofIs400 => StatusCode::BAD_REQUEST,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    });
    if old == size && request.proof().is_empty() {
        return match witness.fault {
            Fault::SameSizeRefused => Err(Refusal::Conflict(size.get())),
            Fault::SameSizeUnchecked => Ok(()),
            Fault::SameSizeIs409 if *checkpoint.root() != root => {
                Err(Refusal::Conflict(size.get()))
            }
            _ if *checkpoint.root() == root => Ok(()),
            _ => Err(refusal),
        };
    }
    let verified = verify_consistency(old, size, &root, checkpoint.root(), request.proof());
    if verified.is_ok() || witness.has(Fault::ProofUnchecked) {
        return Ok(());
    }
    if witness.has(Fault::RecordsRefused) {
        let origin: &Origin = checkpoint.origin();
        witness
            .lock()
            .entry(origin.to_string())
            .or_default()
            .push(Recorded {
                size: size.get(),
                root: *checkpoint.root(),
                note: request.note().to_string(),
            });
    }
    Err(refusal)
}

fn conflict(witness: &Witness, size: u64) -> Response {
    let size = size + u64::from(witness.has(Fault::ConflictOtherSize));
    let body = match witness.fault {
        Fault::ConflictNoNewline => size.to_string(),
        _ => format!("{size}\n"),
    };
    let content_type = match witness.fault {
        Fault::ConflictPlain => "text/plain",
        Fault::ConflictCharset => "text/x.tlog.size; charset=utf-8",
        _ => "text/x.tlog.size",
    };
    let fields = [(header::CONTENT_TYPE, content_type)];
    (StatusCode::CONFLICT, fields, body).into_response()
}

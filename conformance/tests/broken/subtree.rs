//! sign-subtree of the witness in memory.

use axum::http::StatusCode;
use counterfoil_tiles::cosignature::{Timestamp, cosign_subtree};
use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::key::{Algorithm, KeyRing};
use counterfoil_tiles::proof::{Subtree, verify_subtree_consistency};
use counterfoil_tiles::witness_wire::{SignSubtreeRequest, encode_cosignatures};

use crate::fake::Witness;
use crate::fault::Fault;

pub(crate) fn sign(witness: &Witness, body: &[u8]) -> Result<String, StatusCode> {
    if witness.has(Fault::SubtreeFails) {
        return Err(StatusCode::INTERNAL_SERVER_ERROR);
    }
    let Ok(request) = SignSubtreeRequest::parse(body) else {
        return match witness.fault {
            Fault::SubtreeCosignsMalformed => Ok(witness.any_lines()),
            Fault::SubtreeMalformedIs422 => Err(StatusCode::UNPROCESSABLE_ENTITY),
            _ => Err(StatusCode::BAD_REQUEST),
        };
    };
    let checkpoint = request.checkpoint();
    let origin = checkpoint.origin();
    if !witness.logs.contains_key(origin.as_str()) {
        return Err(match witness.fault {
            Fault::SubtreeUnknownIs403 => StatusCode::FORBIDDEN,
            _ => StatusCode::NOT_FOUND,
        });
    }
    let own = KeyRing::new(witness.signers.iter().map(|key| key.vkey().clone())).expect("a ring");
    let signed = request.note().verify(&own).is_ok() || witness.has(Fault::SubtreeUnsigned);
    let others = request
        .note()
        .signatures()
        .iter()
        .any(|line| own.find(line.name(), line.key_id()).is_none());
    let newest = witness
        .recorded(origin.as_str())
        .map(|recorded| recorded.size);
    let old = Some(checkpoint.size().get()) != newest;
    if !signed
        || others && witness.has(Fault::SubtreeOthersRefused)
        || old && witness.has(Fault::SubtreeNewestOnly)
    {
        return Err(StatusCode::FORBIDDEN);
    }
    let proof = verify_subtree_consistency(
        request.subtree(),
        checkpoint.size(),
        request.hash(),
        checkpoint.root(),
        request.proof(),
    );
    if proof.is_err() && !witness.has(Fault::SubtreeProofUnchecked) {
        return Err(StatusCode::UNPROCESSABLE_ENTITY);
    }
    Ok(lines(witness, &request))
}

fn lines(witness: &Witness, request: &SignSubtreeRequest) -> String {
    let subtree = match witness.fault {
        Fault::SubtreeWhole => Subtree::whole(TreeSize::new(request.subtree().end())),
        _ => request.subtree(),
    };
    let origin = request.checkpoint().origin();
    let mut lines = Vec::new();
    for key in &witness.signers {
        if key.algorithm() == Algorithm::MlDsa44 {
            let line = cosign_subtree(key, origin, subtree, request.hash(), Timestamp::ZERO);
            lines.push(line.expect("a cosignature"));
        }
    }
    if witness.has(Fault::SubtreeEd25519) {
        lines.extend(witness.cosign(request.checkpoint()));
    }
    let mut answer = encode_cosignatures(&lines);
    if witness.has(Fault::SubtreeTimestamp) {
        // A line whose timestamp is changed after it was signed.
        let mut signature = lines[0].signature().to_vec();
        signature[7] = 1;
        let line = counterfoil_tiles::note::SignatureLine::new(
            lines[0].name().clone(),
            lines[0].key_id(),
            signature,
        );
        answer = encode_cosignatures(&[line.expect("a line")]);
    }
    answer
}

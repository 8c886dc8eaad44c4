//! Artefacts that are text.

use counterfoil_evidence::time;
use counterfoil_tiles::checkpoint::Checkpoint;
use counterfoil_tiles::cosignature::Timestamp;
use counterfoil_tiles::hash::empty_root;
use counterfoil_tiles::key::{Algorithm, PrivateKey, Vkey};
use counterfoil_tiles::misbehaviour::Misbehaviour;
use counterfoil_tiles::note::{Note, SignatureLine, parse_signature_lines};
use counterfoil_tiles::policy::{Policy, Quorum};
use counterfoil_tiles::proof::ProofPlan;
use counterfoil_tiles::receipt::Receipt;
use counterfoil_tiles::witness_wire::{AddCheckpointRequest, SignSubtreeRequest};

use super::Explanation;
use crate::misbehaviour;

/// Explains a text; `None` if it is nothing that is known.
pub(super) fn explain(text: &str) -> Option<Explanation> {
    if text.starts_with("c2sp.org/tlog-proof@") {
        return Some(receipt(text));
    }
    if text.starts_with("PRIVATE+KEY+") {
        return Some(private_key(text));
    }
    if text.starts_with("old ") {
        return Some(add_checkpoint(text));
    }
    if text.starts_with("subtree ") {
        return Some(sign_subtree(text));
    }
    if text.starts_with("— ") {
        return Some(cosignatures(text));
    }
    if text.contains("\n\n— ") {
        return Some(note(text));
    }
    if misbehaviour::claims(text.as_bytes()) {
        return Some(proof_of_misbehaviour(text));
    }
    if text.starts_with('{') {
        return json(text);
    }
    if let Ok(vkey) = text.trim_end_matches('\n').parse::<Vkey>() {
        return Some(verifier_key(&vkey));
    }
    let is_policy_line = |line: &str| {
        matches!(
            line.split_whitespace().next(),
            Some("log" | "witness" | "group" | "quorum")
        )
    };
    if text.lines().any(is_policy_line) {
        return Some(policy(text));
    }
    None
}

pub(super) fn malformed(
    kind: &'static str,
    what: &str,
    error: impl std::fmt::Display,
) -> Explanation {
    Explanation::new(kind, format!("looks like {what}, but is none"))
        .check(false, error.to_string())
}

fn receipt(text: &str) -> Explanation {
    let receipt = match Receipt::parse(text.as_bytes()) {
        Ok(receipt) => receipt,
        Err(error) => return malformed("receipt", "a receipt (tlog-proof)", error),
    };
    let checkpoint = receipt.checkpoint();
    let (index, size) = (receipt.index(), checkpoint.size());
    let mut explanation = Explanation::new(
        "receipt",
        format!(
            "a receipt (tlog-proof): entry {index} of {}, under a checkpoint of {size} entries",
            checkpoint.origin()
        ),
    )
    .fact("index", index)
    .fact("proof", format!("{} hashes", receipt.proof().len()));
    if let Some(extra) = receipt.extra() {
        explanation = explanation.fact(
            "extra data",
            format!("{} bytes, which nothing authenticates", extra.len()),
        );
    }
    explanation = describe_checkpoint(explanation, checkpoint, receipt.note());
    explanation = match ProofPlan::inclusion(index, size) {
        Ok(plan) => {
            let (expected, found) = (plan.subtrees().len(), receipt.proof().len());
            let what = format!(
                "a proof for entry {index} of {size} has {expected} hashes, this one {found}"
            );
            explanation.check(expected == found, what)
        }
        Err(error) => explanation.check(false, error.to_string()),
    };
    explanation.needs_trust(
        "whether it proves anything: run `counterfoil verify` with the file and the policy",
    )
}

fn note(text: &str) -> Explanation {
    let note = match Note::parse(text.as_bytes()) {
        Ok(note) => note,
        Err(error) => return malformed("note", "a signed note", error),
    };
    match Checkpoint::parse(note.text()) {
        Ok(checkpoint) => {
            let what = format!(
                "a checkpoint of {}: its tree has {} entries",
                checkpoint.origin(),
                checkpoint.size()
            );
            describe_checkpoint(Explanation::new("checkpoint", what), &checkpoint, &note)
                .needs_trust(
                    "the signatures: they need the vkeys of the signers, from a source you trust",
                )
        }
        Err(error) => {
            let lines = note.text().lines().count();
            let what = format!("a signed note that is no checkpoint ({error})");
            let explanation = Explanation::new("note", what).fact("text", format!("{lines} lines"));
            describe_signatures(explanation, note.signatures()).needs_trust(
                "the signatures: they need the vkeys of the signers, from a source you trust",
            )
        }
    }
}

fn describe_checkpoint(
    explanation: Explanation,
    checkpoint: &Checkpoint,
    note: &Note,
) -> Explanation {
    let mut explanation = explanation
        .fact("origin", checkpoint.origin())
        .fact("size", checkpoint.size())
        .fact("root hash", checkpoint.root());
    for line in checkpoint.extensions() {
        explanation = explanation.fact("extension", line);
    }
    explanation = describe_signatures(explanation, note.signatures());
    if checkpoint.size().get() == 0 {
        let empty = *checkpoint.root() == empty_root();
        explanation =
            explanation.check(empty, "the root of an empty tree is the SHA-256 of nothing");
    }
    let by_log = note
        .signatures()
        .iter()
        .any(|line| line.name().as_str() == checkpoint.origin().as_str());
    if by_log {
        explanation
    } else {
        explanation.fact("remark", "no signature carries the name of the origin")
    }
}

fn describe_signatures(mut explanation: Explanation, lines: &[SignatureLine]) -> Explanation {
    for line in lines {
        explanation = explanation.fact("signed by", describe_signature(line));
    }
    explanation
}

/// Name, key ID, and what the length of a signature tells of its kind.
fn describe_signature(line: &SignatureLine) -> String {
    let length = line.signature().len();
    let kind = match length {
        64 => "an Ed25519 signature".to_owned(),
        72 => timestamped(
            "an Ed25519 cosignature",
            Algorithm::CosignatureV1,
            line.signature(),
        ),
        2428 => timestamped(
            "an ML-DSA-44 cosignature",
            Algorithm::MlDsa44,
            line.signature(),
        ),
        _ => format!("a signature of {length} bytes, a kind that is not known here"),
    };
    format!(
        "{} (key ID {}), by its length {kind}",
        line.name(),
        line.key_id()
    )
}

fn timestamped(kind: &str, algorithm: Algorithm, signature: &[u8]) -> String {
    match Timestamp::of_signature(algorithm, signature).map(Timestamp::seconds) {
        Some(0) => format!("{kind} that names no time"),
        Some(at) => format!("{kind} that claims {}", time::utc(at)),
        None => format!("{kind} with a time out of range"),
    }
}

fn private_key(text: &str) -> Explanation {
    match text.trim_end_matches('\n').parse::<PrivateKey>() {
        Ok(key) => describe_key(
            Explanation::new(
                "private-key",
                "a PRIVATE key: whoever has it signs in its name; its secret is not shown",
            ),
            key.vkey(),
        )
        .fact("vkey", key.vkey())
        .check(true, "the key ID is that of name and key"),
        // The error never holds the secret: it names lengths and positions.
        Err(error) => malformed("private-key", "a private key", error),
    }
}

fn verifier_key(vkey: &Vkey) -> Explanation {
    describe_key(
        Explanation::new(
            "vkey",
            "a vkey: the public key by which signatures are verified",
        ),
        vkey,
    )
    .check(
        true,
        "the key ID is that of name and key, and the key is a sound one",
    )
    .needs_trust("whose key it is")
}

fn describe_key(explanation: Explanation, vkey: &Vkey) -> Explanation {
    explanation
        .fact("name", vkey.name())
        .fact("key ID", vkey.id())
        .fact("algorithm", vkey.algorithm())
}

fn policy(text: &str) -> Explanation {
    let policy = match Policy::parse(text.as_bytes()) {
        Ok(policy) => policy,
        Err(error) => return malformed("policy", "a trust policy (tlog-policy)", error),
    };
    let show = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let mut explanation = Explanation::new(
        "policy",
        format!(
            "a trust policy (tlog-policy) of {} logs and {} witnesses",
            policy.logs().len(),
            policy.witnesses().len()
        ),
    );
    for log in policy.logs() {
        let vkey = log.key().vkey();
        let url = log
            .url()
            .map(|url| format!(", at {}", show(url)))
            .unwrap_or_default();
        explanation = explanation.fact(
            "log",
            format!(
                "{} (key ID {}, {}){url}",
                vkey.name(),
                vkey.id(),
                vkey.algorithm()
            ),
        );
    }
    for witness in policy.witnesses() {
        let vkey = witness.vkey();
        explanation = explanation.fact(
            "witness",
            format!(
                "{}: {} (key ID {}, {})",
                show(witness.name()),
                vkey.name(),
                vkey.id(),
                vkey.algorithm()
            ),
        );
    }
    for group in policy.groups() {
        let members: Vec<String> = group
            .members()
            .iter()
            .map(|member| show(policy.name_of(*member)))
            .collect();
        explanation = explanation.fact(
            "group",
            format!(
                "{}: {} of {}",
                show(group.name()),
                group.needed(),
                members.join(", ")
            ),
        );
    }
    let quorum = match policy.quorum() {
        Quorum::Member(member) => show(policy.name_of(member)),
        Quorum::None => "none: a log's own signature is enough".to_owned(),
    };
    explanation = explanation.fact("quorum", quorum);
    let alone = policy.quorum() != Quorum::None
        && policy
            .witnesses()
            .iter()
            .any(|one| policy.satisfied_by(|witness| witness.vkey() == one.vkey()));
    if alone {
        explanation = explanation.fact("remark", "one witness alone can fill the quorum");
    }
    explanation
}

fn add_checkpoint(text: &str) -> Explanation {
    match AddCheckpointRequest::parse(text.as_bytes()) {
        Ok(request) => {
            let checkpoint = request.checkpoint();
            let what = format!(
                "a request to a witness (add-checkpoint): cosign {} at {} entries, from {}",
                checkpoint.origin(),
                checkpoint.size(),
                request.old_size()
            );
            let explanation = Explanation::new("add-checkpoint", what)
                .fact("old size", request.old_size())
                .fact("proof", format!("{} hashes", request.proof().len()));
            let explanation = describe_checkpoint(explanation, checkpoint, request.note());
            match ProofPlan::consistency(request.old_size(), checkpoint.size()) {
                Ok(plan) => {
                    let (expected, found) = (plan.subtrees().len(), request.proof().len());
                    let what = format!(
                        "a proof between these sizes has {expected} hashes, this one {found}"
                    );
                    explanation.check(expected == found, what)
                }
                Err(error) => explanation.check(false, error.to_string()),
            }
            .needs_trust("the consistency: it needs the root at the old size")
        }
        Err(error) => malformed(
            "add-checkpoint",
            "a request to a witness (add-checkpoint)",
            error,
        ),
    }
}

fn sign_subtree(text: &str) -> Explanation {
    match SignSubtreeRequest::parse(text.as_bytes()) {
        Ok(request) => {
            let subtree = request.subtree();
            let checkpoint = request.checkpoint();
            let what = format!(
                "a request to a witness (sign-subtree): cosign {subtree} of {}",
                checkpoint.origin()
            );
            let explanation = Explanation::new("sign-subtree", what)
                .fact("subtree", subtree)
                .fact("subtree hash", request.hash())
                .fact("proof", format!("{} hashes", request.proof().len()));
            let holds = counterfoil_tiles::proof::verify_subtree_consistency(
                subtree,
                checkpoint.size(),
                request.hash(),
                checkpoint.root(),
                request.proof(),
            );
            describe_checkpoint(explanation, checkpoint, request.note())
                .check(
                    holds.is_ok(),
                    match holds {
                        Ok(()) => "the proof leads from the subtree to the root in the checkpoint"
                            .to_owned(),
                        Err(error) => error.to_string(),
                    },
                )
                .needs_trust("the signatures on the checkpoint")
        }
        Err(error) => malformed(
            "sign-subtree",
            "a request to a witness (sign-subtree)",
            error,
        ),
    }
}

fn cosignatures(text: &str) -> Explanation {
    match parse_signature_lines(text) {
        Ok(lines) => {
            let what = format!(
                "{} signature lines without the note they are on, as a witness answers",
                lines.len()
            );
            describe_signatures(Explanation::new("signature-lines", what), &lines).needs_trust(
                "the signatures: they need the checkpoint and the vkeys of the signers",
            )
        }
        Err(error) => malformed("signature-lines", "signature lines", error),
    }
}

/// The files that this program keeps for itself.
fn proof_of_misbehaviour(text: &str) -> Explanation {
    let claim = match Misbehaviour::parse(text.as_bytes()) {
        Ok(claim) => claim,
        Err(error) => return malformed("misbehaviour", "proof that a log misbehaved", error),
    };
    let act = misbehaviour::sentence(claim.act());
    let what = format!("the claim that the log {} {act}", claim.origin());
    let explanation = Explanation::new("misbehaviour", what);
    let explanation = claim.notes().iter().fold(explanation, |explanation, note| {
        describe_signatures(explanation, note.signatures())
    });
    explanation.needs_trust("the signatures: run `counterfoil verify` with a vkey of the log")
}

fn json(text: &str) -> Option<Explanation> {
    #[derive(serde::Deserialize)]
    struct Known {
        journal: Option<String>,
        state: Option<String>,
        audit: Option<String>,
        log: Option<String>,
    }
    // A journal has one object a line; the first one names it.
    let first: Known = serde_json::Deserializer::from_str(text)
        .into_iter()
        .next()?
        .ok()?;
    let lines = text.lines().count().saturating_sub(1);
    if let Some(format) = first.journal {
        let log = first.log.unwrap_or_default();
        let what = format!("the journal of a submission to {log} ({format}): {lines} events");
        return Some(Explanation::new("journal", what));
    }
    if let Some(format) = first.state {
        return Some(Explanation::new(
            "audit-state",
            format!("what an audit remembers ({format})"),
        ));
    }
    first.audit.map(|format| {
        Explanation::new("audit-report", format!("the report of an audit ({format})"))
    })
}

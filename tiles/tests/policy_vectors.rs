//! Policies against vectors made by others: which are accepted, and which sets of witnesses satisfy them.

mod common;
mod formats;

use counterfoil_tests::vectors_dir;
use std::collections::BTreeSet;

use counterfoil_tiles::checkpoint::Checkpoint;
use counterfoil_tiles::note::Note;
use counterfoil_tiles::policy::{Policy, PolicyFault, VerifyError};
use serde::Deserialize;

#[derive(Deserialize)]
struct Row {
    name: String,
    policy_b64: String,
    spec: Option<String>,
    lib: String,
    satisfied_masks: Option<BTreeSet<u32>>,
}

/// Rows where the text leaves the verdict open: ours, and the sentence it rests on.
const OPEN: [(&str, bool); 4] = [
    // SPEC(tlog-policy): "The policy file is line based, where each line is terminated by ASCII newline"
    // A file that was cut off could name another quorum than was meant.
    ("final newline missing", false),
    // SPEC(tlog-policy): "If k is given numerically, it must be written in decimal, and it is required that 1 <= k <= n."
    // One spelling, as for sizes.
    ("threshold with leading zero", false),
    // SPEC(tlog-policy): "Log and witness keys must use a signature type approprate respective function, see
    // [tlog-checkpoint][] and [tlog-cosignature][]." tlog-cosignature has types 0x04 and 0x06 only.
    ("witness with plain Ed25519 (0x01) vkey", false),
    // SPEC(tlog-checkpoint): "Logs SHOULD use ML-DSA-44 [cosignatures][] to sign the checkpoint, but MAY use any note
    // signature algorithm based on the ecosystem they operate in." And duplicates are forbidden among logs and among
    // witnesses, not between them.
    ("log vkey is a witness key", true),
];

fn expected(row: &Row) -> bool {
    if let Some(spec) = row.spec.as_deref().filter(|spec| !spec.is_empty()) {
        return spec == "accept";
    }
    OPEN.iter()
        .find(|(name, _)| *name == row.name)
        .unwrap_or_else(|| panic!("no verdict for {:?}", row.name))
        .1
}

#[derive(Deserialize)]
struct PolicyCheckpoint {
    checkpoint: String,
    mask: u32,
    witnesses: Vec<u32>,
}

#[test]
fn generated_policies() {
    let Some(dir) = vectors_dir() else {
        return;
    };
    let rows = common::json_lines::<Row>(&dir, "generated/policy.jsonl");
    let checkpoints =
        common::json_lines::<PolicyCheckpoint>(&dir, "generated/policy-checkpoints.jsonl");
    let (mut evaluated, mut differences) = (0, Vec::new());
    for row in &rows {
        let text = formats::from_base64(&row.policy_b64);
        let parsed = Policy::parse(&text);
        assert_eq!(parsed.is_ok(), expected(row), "{}: {parsed:?}", row.name);
        if parsed.is_ok() != (row.lib == "accept") {
            differences.push(row.name.as_str());
        }
        let Ok(policy) = parsed else { continue };
        assert_eq!(
            Policy::parse(&policy.encode()).unwrap(),
            policy,
            "{}",
            row.name
        );
        let Some(masks) = &row.satisfied_masks else {
            continue;
        };
        for checkpoint in &checkpoints {
            evaluated += 1;
            let satisfied = masks.contains(&checkpoint.mask);
            check_quorum(&policy, checkpoint, satisfied, &row.name);
        }
    }
    println!("differences to formats: {differences:#?}");
    assert!(evaluated >= 32 * 60, "{evaluated}");
}

fn check_quorum(policy: &Policy, checkpoint: &PolicyCheckpoint, satisfied: bool, name: &str) {
    let note = Note::parse(checkpoint.checkpoint.as_bytes()).unwrap();
    // As the set of witnesses, by the number in their key's name.
    let cosigned = |number: u32| checkpoint.witnesses.contains(&number);
    let by_set = policy.satisfied_by(|witness| {
        let number = witness.vkey().name().as_str().trim_start_matches('w');
        number
            .split('.')
            .next()
            .and_then(|digits| digits.parse().ok())
            .is_some_and(cosigned)
    });
    assert_eq!(by_set, satisfied, "{name}, set {:b}", checkpoint.mask);
    // As the checkpoint with their cosignatures, where the policy has its log.
    let checkpoint_of = Checkpoint::parse(note.text()).unwrap();
    if !policy
        .log_keys()
        .any(|key| key.origin() == checkpoint_of.origin())
    {
        return;
    }
    let verified = policy.verify(note);
    match &verified {
        Ok(_) | Err(VerifyError::Quorum(_)) => {
            assert_eq!(verified.is_ok(), satisfied, "{name}, {:b}", checkpoint.mask);
        }
        Err(error) => panic!("{name}: {error}"),
    }
}

#[derive(Deserialize)]
struct Other {
    dialect: String,
    name: String,
    source: String,
    policy: String,
    verdict: String,
}

#[test]
fn policies_of_other_projects() {
    let Some(dir) = vectors_dir() else {
        return;
    };
    let mut differences = Vec::new();
    for row in common::json_lines::<Other>(&dir, "policy/policies.jsonl") {
        let parsed = Policy::parse(row.policy.as_bytes());
        if row.dialect == "sigsum" {
            // That dialect has hexadecimal keys in place of vkeys; those that break another rule first are refused too.
            assert!(parsed.is_err(), "{}", row.name);
            continue;
        }
        match (row.verdict.as_str(), parsed) {
            ("accept", Ok(_)) | ("reject", Err(_)) => {}
            // SPEC(tlog-policy): "Log and witness keys must use a signature type approprate respective function, see
            // [tlog-checkpoint][] and [tlog-cosignature][]." Those witnesses have keys of type 0x01.
            ("accept", Err(error)) if matches!(error.fault, PolicyFault::Role { .. }) => {
                differences.push(row.name);
            }
            // SPEC(tlog-policy): "comment lines (lines starting with "#", possibly preceded by whitespace) are allowed and
            // ignored." A comment at the end of a line is none.
            ("accept", Err(error)) if matches!(error.fault, PolicyFault::Items(_)) => {
                differences.push(row.name);
            }
            (verdict, parsed) => panic!("{} ({}): {verdict}, {parsed:?}", row.name, row.source),
        }
    }
    println!("refused here, accepted there: {differences:?}");
}

//! Each token by its class: how many are refused, by which check, and for which reason.

use counterfoil_rfc3161::{Check, CheckName, Covers, Judgement, Outcome};

use crate::rows::rows;

/// How many tokens that others hold to be valid are good here, too.
const GOOD: usize = 573;

/// Why others that they hold to be valid are refused here, by the first reason that fits, and how many: docs/rfc3161.md argues each.
const DIFFERENCES: [(&str, usize); 6] = [
    ("SHA-1 is broken", 70),
    ("MD5 is broken", 2),
    ("an RSA key of 1024 bits is broken", 7),
    (
        "the hash algorithm 2.16.840.1.101.3.4.2.4 is not supported",
        2,
    ),
    ("a digest by SHA-256 has 32 bytes, found 64", 2),
    ("genTime has no valid value", 1),
];

/// How many tokens of a class are refused by a check for a reason. The first that fits counts.
struct Refused {
    class: &'static str,
    tokens: usize,
    by: CheckName,
    verdict: Outcome,
    reason: &'static str,
}

const fn refused(
    class: &'static str,
    tokens: usize,
    by: CheckName,
    reason: &'static str,
) -> Refused {
    Refused {
        class,
        tokens,
        by,
        verdict: Outcome::Failed,
        reason,
    }
}

const REFUSED: [Refused; 12] = [
    refused(
        "eku-not-critical",
        19,
        CheckName::ExtendedKeyUsage,
        "is not critical",
    ),
    refused(
        "invalid-purpose",
        16,
        CheckName::KeyUsage,
        "for more than signatures",
    ),
    refused("invalid-time", 4, CheckName::Path, "is valid from"),
    refused("malformed", 1, CheckName::Parsed, "expected signerInfos"),
    refused(
        "invalid",
        5,
        CheckName::Signature,
        "the signature does not verify",
    ),
    refused(
        "invalid",
        1,
        CheckName::MessageDigest,
        "not the digest of the content",
    ),
    refused(
        "invalid",
        1,
        CheckName::KeyUsage,
        "for more than signatures",
    ),
    // Its digest is wrong, too, and by SHA-1.
    refused("invalid", 1, CheckName::MessageDigest, "SHA-1 is broken"),
    // Critical qcStatements; OpenSSL refuses it for them, too.
    refused(
        "no-anchor",
        1,
        CheckName::Path,
        "not understood: 1.3.6.1.5.5.7.1.3",
    ),
    // ML-DSA.
    refused(
        "unsupported-alg",
        1,
        CheckName::Signature,
        "2.16.840.1.101.3.4.3.18 is not supported",
    ),
    // A hash where a list should be.
    refused(
        "unsupported-alg",
        1,
        CheckName::SigningCertificate,
        "expected SigningCertificate",
    ),
    Refused {
        class: "no-signer-cert",
        tokens: 5,
        by: CheckName::Signature,
        verdict: Outcome::NotChecked,
        reason: "neither in the token nor beside it",
    },
];

fn failures(judgement: &Judgement) -> Vec<&Check> {
    let checks = judgement.checks.iter();
    checks
        .filter(|check| check.outcome == Outcome::Failed)
        .collect()
}

#[test]
fn tokens_that_others_hold_to_be_valid_are_good_but_for_reasons_of_our_own() {
    let (mut good, mut different, mut rows_found) = (0, [0; DIFFERENCES.len()], false);
    for row in rows().iter().filter(|row| row.class.starts_with("valid")) {
        rows_found = true;
        let judgement = row.judge(&row.token, Covers::Unknown);
        let failures = failures(&judgement);
        if failures.is_empty() {
            assert!(judgement.outcome(CheckName::Imprint) == Outcome::NotChecked);
            for name in [
                CheckName::Signature,
                CheckName::Path,
                CheckName::BasicConstraints,
            ] {
                let verdict = judgement.outcome(name);
                assert_eq!(verdict, Outcome::Passed, "{}: {judgement:#?}", row.file);
            }
            good += 1;
            continue;
        }
        for check in &failures {
            let known = DIFFERENCES
                .iter()
                .any(|(known, _)| check.reason.contains(known));
            // An algorithm that is SHA-1's under a name of its own.
            let known = known || check.reason.contains("1.2.840.113549.1.1.5 with a key of");
            assert!(known, "{}: {}: {}", row.file, check.name, check.reason);
        }
        let is_for = |reason: &str| failures.iter().any(|check| check.reason.contains(reason));
        let first = DIFFERENCES.iter().position(|(reason, _)| is_for(reason));
        different[first.unwrap()] += 1;
    }
    if rows_found {
        assert_eq!(good, GOOD);
        assert_eq!(different, DIFFERENCES.map(|(_, tokens)| tokens));
    }
}

#[test]
fn tokens_that_others_refuse_are_refused_for_the_reason_of_their_class() {
    let (mut found, mut rows_found) = ([0; REFUSED.len()], false);
    for row in rows().iter().filter(|row| !row.class.starts_with("valid")) {
        rows_found = true;
        let judgement = row.judge(&row.token, Covers::Unknown);
        assert!(!judgement.is_good(), "{}", row.file);
        let fits = |refused: &Refused| {
            let is_said = |check: &Check| {
                (check.name, check.outcome) == (refused.by, refused.verdict)
                    && check.reason.contains(refused.reason)
            };
            refused.class == row.class && judgement.checks.iter().any(is_said)
        };
        let Some(at) = REFUSED.iter().position(fits) else {
            panic!("{} ({}): {judgement:#?}", row.file, row.class);
        };
        found[at] += 1;
    }
    if rows_found {
        assert_eq!(found, REFUSED.map(|refused| refused.tokens));
    }
}

//! Each token by its class, and what is refused for its reason.

use counterfoil_rfc3161::{CheckName, Covers, Verdict};

use crate::rows::rows;

/// Why a row that others hold to be valid is refused here: docs/rfc3161.md argues each.
const DIFFERENCES: [&str; 6] = [
    "is broken and no longer counts",
    "the hash algorithm 2.16.840.1.101.3.4.2.4 is not supported",
    "a digest by SHA-256 has 32 bytes, found 64",
    "genTime has no valid value",
    "a signature over SHA-1",
    "the signature algorithm 1.2.840.113549.1.1.5 with a key of",
];

/// The check for whose sake a class is refused.
fn reason_of(class: &str) -> &'static [CheckName] {
    match class {
        "eku-not-critical" => &[CheckName::ExtendedKeyUsage],
        "invalid-purpose" => &[CheckName::KeyUsage],
        "invalid-time" | "no-anchor" => &[CheckName::Path],
        "malformed" => &[CheckName::Parsed],
        "invalid" => &[
            CheckName::Signature,
            CheckName::MessageDigest,
            CheckName::KeyUsage,
            CheckName::ExtendedKeyUsage,
        ],
        "unsupported-alg" => &[CheckName::Signature, CheckName::SigningCertificate],
        other => panic!("the class {other} is not known"),
    }
}

#[test]
fn each_token_is_judged_as_its_class_says() {
    let rows = rows();
    let (mut good, mut different, mut refused) = (0, 0, 0);
    for row in &rows {
        let judgement = row.judge(&row.token, Covers::Unknown);
        let (file, class) = (&row.file, row.class.as_str());
        let failed = judgement
            .checks
            .iter()
            .filter(|check| check.verdict == Verdict::Failed);
        let failed: Vec<_> = failed.collect();
        match class {
            "valid" | "valid-openssl-ts-cannot" | "valid-partial" if failed.is_empty() => {
                assert_eq!(
                    judgement.verdict(CheckName::Signature),
                    Verdict::Passed,
                    "{file}"
                );
                let path = judgement.verdict(CheckName::Path);
                assert_eq!(path, Verdict::Passed, "{file}: {judgement:#?}");
                good += 1;
            }
            "valid" | "valid-openssl-ts-cannot" | "valid-partial" => {
                for check in failed {
                    let known = DIFFERENCES.iter().any(|known| check.reason.contains(known));
                    let of_old = check.reason.contains("is valid from");
                    assert!(known || of_old, "{file}: {}: {}", check.name, check.reason);
                }
                different += 1;
            }
            "no-signer-cert" => {
                let verdict = judgement.verdict(CheckName::Signature);
                assert_eq!(verdict, Verdict::NotChecked, "{file}");
                assert!(!judgement.is_good(), "{file}");
                refused += 1;
            }
            _ => {
                let reasons = reason_of(class);
                let names: Vec<CheckName> = failed.iter().map(|check| check.name).collect();
                let found = names.iter().any(|name| reasons.contains(name));
                assert!(found, "{file} ({class}): {names:?}");
                refused += 1;
            }
        }
    }
    println!("{good} good, {different} different, {refused} refused");
    assert!(
        rows.is_empty() || good > different,
        "{good} good, {different} different"
    );
}

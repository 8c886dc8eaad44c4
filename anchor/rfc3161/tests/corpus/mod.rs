//! What the tests ask and what is answered, as lines of JSON for another implementation to be held to: to the file that
//! `COUNTERFOIL_RFC3161_CORPUS` names, if it does (`scripts/web-corpus.sh`).
#![allow(
    dead_code,
    reason = "each test binary compiles this module and uses a part of it"
)]

use std::fs::File;
use std::io::Write as _;
use std::sync::{Mutex, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterfoil_rfc3161::{
    Certificate, Covers, Judgement, Question, RevocationKind, RevocationStatus, Standing, Timestamp,
};
use serde_json::{Value, json};

/// A question about one datum, and the answer.
pub(crate) fn record_status(
    chain: &[Certificate],
    certificate: usize,
    (kind, data): (RevocationKind, &[u8]),
    gen_time: Timestamp,
    status: &RevocationStatus,
) {
    // Of a root nobody says anything.
    let Some([subject, issuer, ..]) = chain.get(certificate..) else {
        return;
    };
    let expect = match status {
        RevocationStatus::Good => json!({"state": "good"}),
        RevocationStatus::TooOld { next } => json!({"state": "too old", "next": time(*next)}),
        RevocationStatus::OnHold { at, next } => {
            json!({"state": "on hold", "at": at.to_string(), "next": time(*next)})
        }
        RevocationStatus::RevokedLater { at, reason } => {
            json!({"state": "revoked later", "at": at.to_string(), "reason": reason.to_string()})
        }
        RevocationStatus::Revoked { at, reason } => {
            json!({"state": "revoked", "at": at.to_string(), "reason": reason.to_string()})
        }
        RevocationStatus::AboutOthers(why) => json!({"state": "about others", "why": why}),
        RevocationStatus::Nothing(why) => json!({"state": "nothing", "why": why}),
    };
    write(|| {
        json!({
            "subject": base64(subject.der()),
            "issuer": base64(issuer.der()),
            "kind": kind.to_string(),
            "data": base64(data),
            "gen_time": gen_time.to_string(),
            "expect": expect,
        })
    });
}

/// A question about a token, and the answer.
pub(crate) fn record_judgement(question: &Question<'_>, judgement: &Judgement) {
    let certificates = |list: &[Certificate]| -> Vec<String> {
        list.iter().map(|one| base64(one.der())).collect()
    };
    let standing = |standing: &Standing| match standing {
        Standing::Good => json!({"state": "good"}),
        Standing::RevokedLater { at, reason } => {
            json!({"state": "revoked later", "at": at.to_string(), "reason": reason.to_string()})
        }
        Standing::Revoked { at, reason } => {
            json!({"state": "revoked", "at": at.to_string(), "reason": reason.to_string()})
        }
        Standing::Unknown(why) => json!({"state": "unknown", "why": why}),
        Standing::Unpublished => json!({"state": "unpublished"}),
    };
    let checks = judgement.checks.iter().map(|check| {
        json!({"name": check.name.to_string(), "outcome": check.outcome, "reason": check.reason})
    });
    write(|| {
        let data = question.revocation.iter();
        json!({
            "token": base64(question.token),
            "covers": match question.covers {
                Covers::Data(data) => Some(base64(data)),
                _ => None,
            },
            "nonce": question.nonce.map(ToString::to_string),
            "policies": question.policies.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "roots": certificates(question.roots),
            "extra": certificates(question.extra),
            "revocation": data
                .map(|one| json!({"kind": one.kind.to_string(), "data": base64(one.data)}))
                .collect::<Vec<_>>(),
            "at": time(question.at),
            "expect": {
                "checks": checks.collect::<Vec<_>>(),
                "gen_time": judgement.gen_time.map(|time| time.time.to_string()),
                "chain": certificates(&judgement.chain),
                "revocation": judgement.revocation.iter().map(standing).collect::<Vec<_>>(),
                "is_good": judgement.is_good(),
            },
        })
    });
}

fn time(time: Option<Timestamp>) -> Option<String> {
    time.map(|time| time.to_string())
}

fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn write(case: impl FnOnce() -> Value) {
    static FILE: OnceLock<Option<Mutex<File>>> = OnceLock::new();
    let file = FILE.get_or_init(|| {
        let path = std::env::var_os("COUNTERFOIL_RFC3161_CORPUS")?;
        let file = File::options().create(true).append(true).open(path);
        Some(Mutex::new(file.unwrap()))
    });
    if let Some(file) = file {
        writeln!(file.lock().unwrap(), "{}", case()).unwrap();
    }
}

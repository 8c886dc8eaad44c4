//! Evidence and what it is made of: records of anchors, time-stamp tokens, and the trust file that judges it.

use counterfoil_ethereum as ethereum;
use counterfoil_evidence::blocks::chain_words;
use counterfoil_evidence::format::{Anchor, Evidence, Known, TokenAnchor};
use counterfoil_evidence::judge::trusted;
use counterfoil_evidence::names::AnchorKind;
use counterfoil_evidence::record::{self, BlockRecord, Revocation, RevocationRecord, TokenRecord};
use counterfoil_evidence::trust::Trust;
use counterfoil_rfc3161::{
    Covers, Info, Outcome, Question, Timestamp, Token, parse_response, verify,
};
use serde::Deserialize;

use super::Explanation;
use super::text::malformed;
use crate::verify;

/// Explains bytes that are one of these.
pub(super) fn explain(bytes: &[u8]) -> Option<Explanation> {
    if let Ok(token) = Token::parse(bytes) {
        let what = "a time-stamp token (RFC 3161), which does not carry what it covers";
        return Some(token_alone("token", what, &token, bytes));
    }
    if let Ok(token) = parse_response(bytes) {
        let parsed = Token::parse(&token).ok()?;
        let what = "the answer of a time-stamping authority (RFC 3161), with a token";
        return Some(token_alone("token-response", what, &parsed, &token));
    }
    if verify::is_evidence(bytes) {
        return Some(evidence(bytes));
    }
    match format(bytes)? {
        format if format.starts_with("counterfoil/anchor-record@") => {
            Some(match record::kind(bytes) {
                Some(AnchorKind::Ethereum) => block_record(bytes),
                _ => token_record(bytes),
            })
        }
        format if format.starts_with("counterfoil/anchor-revocation@") => {
            Some(revocation_record(bytes))
        }
        format if format.starts_with("counterfoil/trust@") => Some(trust(bytes)),
        _ => None,
    }
}

/// What a JSON or TOML text says its format is.
fn format(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Head {
        format: String,
    }
    let text = str::from_utf8(bytes).ok()?;
    let head: Option<Head> = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).ok()
    } else if text.contains("counterfoil/trust@") {
        toml::from_str(text).ok()
    } else {
        None
    };
    head.map(|head| head.format)
}

fn evidence(bytes: &[u8]) -> Explanation {
    let evidence = match Evidence::parse(bytes) {
        Ok(evidence) => evidence,
        Err(error) => return malformed("evidence", "evidence", error),
    };
    let receipt = evidence.receipt();
    let checkpoint = receipt.checkpoint();
    let mut explanation = Explanation::new(
        "evidence",
        format!(
            "evidence: a receipt of entry {} of {}, and {} anchors of its checkpoint",
            receipt.index(),
            checkpoint.origin(),
            evidence.anchors().len()
        ),
    )
    .fact(
        "leaf hash",
        hex::encode(evidence.entry().leaf_hash().as_bytes()),
    );
    explanation = match evidence.entry().known() {
        Known::LeafHash => explanation.fact("entry", "not in it, only its leaf hash"),
        Known::Digest(digest) => explanation.fact(
            "entry",
            format!("the SHA-256 of a file: {}", hex::encode(digest)),
        ),
        Known::Contents(contents) => {
            explanation.fact("entry", format!("in it, {} bytes", contents.len()))
        }
    };
    explanation = explanation
        .fact("index", receipt.index())
        .fact("size", checkpoint.size())
        .fact("root hash", checkpoint.root());
    for line in evidence.policy().lines() {
        explanation = explanation.fact("made under", line.escape_debug());
    }
    for (index, anchor) in evidence.anchors().iter().enumerate() {
        let name = format!("anchor {}", index + 1);
        explanation = match anchor {
            Anchor::Token(anchor) => {
                token_anchor(explanation, &name, anchor, evidence.checkpoint())
            }
            Anchor::Block(block) => block_anchor(explanation, &name, block, evidence.checkpoint()),
            Anchor::Unknown(unknown) => explanation.fact(
                &name,
                format!("of the kind {}, which is not known here", unknown.kind()),
            ),
        };
    }
    let leads = receipt.check_inclusion(evidence.entry().leaf_hash());
    explanation
        .check(
            leads.is_ok(),
            "the receipt's proof leads from the leaf hash to the root in the checkpoint",
        )
        .needs_trust(
            "whether it proves anything: run `counterfoil verify` with --trust, and with the file. Policy, names and certificates in it are its maker's word",
        )
}

fn token_anchor(
    explanation: Explanation,
    name: &str,
    anchor: &TokenAnchor,
    checkpoint: &[u8],
) -> Explanation {
    let explanation = explanation.fact(
        name,
        format!(
            "a time-stamp token that is said to be of {}, from {}; {} certificates beside it",
            anchor.authority,
            anchor.url,
            anchor.certificates.len()
        ),
    );
    let explanation = match Token::parse(&anchor.token) {
        Ok(token) => said(explanation, token.info()),
        Err(_) => explanation,
    };
    let explanation = revocation(explanation, &anchor.revocation);
    self_checks(
        explanation,
        &format!("{name}: "),
        &anchor.token,
        Covers::Data(checkpoint),
    )
}

/// What a block says, and the checks that it passes or fails whoever is trusted.
fn block_anchor(
    explanation: Explanation,
    name: &str,
    block: &ethereum::Record,
    checkpoint: &[u8],
) -> Explanation {
    let mut explanation = explanation.fact(
        name,
        format!(
            "a block that is said to be of {}, with transaction {}; {} of {} checkpoints of its round",
            chain_words(block.chain_id),
            block.index,
            block.path.index,
            block.path.size
        ),
    );
    if let Ok(header) = ethereum::Header::parse(&block.header) {
        let seconds = i64::try_from(header.timestamp).unwrap_or(i64::MAX);
        explanation = explanation
            .fact("time", Timestamp::from_seconds(seconds))
            .fact("block", header.number)
            .fact("block hash", header.hash);
    }
    if let Ok(transaction) = ethereum::Transaction::parse(&block.transaction) {
        explanation = explanation.fact("transaction", transaction.hash);
        if let Some(to) = transaction.call.and_then(|call| call.to) {
            explanation = explanation.fact("to", to);
        }
    }
    let judgement = ethereum::verify(&ethereum::Question {
        record: block,
        checkpoint: Some(checkpoint),
        block_hash: None,
        chain_id: None,
        destination: None,
        at: None,
    });
    for check in judgement.checks.iter() {
        let holds = match check.outcome {
            Outcome::Passed => true,
            Outcome::Failed => false,
            Outcome::NotChecked => continue,
        };
        let words = format!("{name}: {}: {}", check.name, check.reason);
        explanation = explanation.check(holds, words);
    }
    explanation
}

fn block_record(bytes: &[u8]) -> Explanation {
    let record = match BlockRecord::parse(bytes) {
        Ok(record) => record,
        Err(error) => return malformed("anchor-record", "the record of an anchor", error),
    };
    let mut explanation = Explanation::new(
        "anchor-record",
        format!(
            "the record of an anchor: a block of the chain that is called {}, with a checkpoint of {} bytes",
            record.name,
            record.checkpoint.len()
        ),
    );
    for line in String::from_utf8_lossy(&record.checkpoint).lines().take(3) {
        explanation = explanation.fact("checkpoint", line.escape_debug());
    }
    block_anchor(explanation, "anchor", &record.block, &record.checkpoint).needs_trust(
        "the signatures on the checkpoint, and whether the chain has the block: put it into evidence, and verify that",
    )
}

/// What a token says.
fn said(explanation: Explanation, info: &Info) -> Explanation {
    let exact = match info.accuracy {
        Some(micros) => format!(", within {micros} microseconds"),
        None => String::new(),
    };
    explanation
        .fact("time", format!("{}{exact}", info.gen_time))
        .fact("policy", &info.policy)
        .fact("serial", hex::encode(&info.serial))
        .fact("digest", hex::encode(&info.imprint.digest))
}

fn revocation(mut explanation: Explanation, data: &[Revocation]) -> Explanation {
    for one in data {
        let kind = match one.kind {
            record::RevocationKind::Crl => "a list of revoked certificates",
            record::RevocationKind::Ocsp => "an OCSP answer",
        };
        let seconds = i64::try_from(one.fetched.seconds()).unwrap_or(i64::MAX);
        explanation = explanation.fact(
            "revocation",
            format!(
                "{kind}, {} bytes, said to be fetched from {} at {}",
                one.data.len(),
                one.url.escape_debug(),
                Timestamp::from_seconds(seconds)
            ),
        );
    }
    explanation
}

/// The checks that a token passes or fails whoever is trusted.
fn self_checks(
    mut explanation: Explanation,
    prefix: &str,
    token: &[u8],
    covers: Covers<'_>,
) -> Explanation {
    let judgement = verify(&Question {
        token,
        covers,
        nonce: None,
        policies: &[],
        roots: &[],
        extra: &[],
        revocation: &[],
        at: None,
    });
    for check in judgement.checks.iter() {
        let holds = match check.outcome {
            Outcome::Passed => true,
            Outcome::Failed => false,
            Outcome::NotChecked => continue,
        };
        explanation = explanation.check(holds, format!("{prefix}{}: {}", check.name, check.reason));
    }
    explanation
}

fn token_alone(kind: &'static str, what: &str, token: &Token, bytes: &[u8]) -> Explanation {
    let mut explanation = said(Explanation::new(kind, what), token.info());
    for certificate in token.certificates() {
        explanation = explanation.fact("certificate", certificate.subject());
    }
    self_checks(explanation, "", bytes, Covers::Unknown).needs_trust(
        "whether its authority is to be trusted, and what it covers: the digest above is that of the data",
    )
}

fn token_record(bytes: &[u8]) -> Explanation {
    let record = match TokenRecord::parse(bytes) {
        Ok(record) => record,
        Err(error) => return malformed("anchor-record", "the record of an anchor", error),
    };
    let mut explanation = Explanation::new(
        "anchor-record",
        format!(
            "the record of an anchor: a time-stamp token that is said to be of {}, over a checkpoint of {} bytes",
            record.authority,
            record.checkpoint.len()
        ),
    )
    .fact("from", record.url.escape_debug());
    for line in String::from_utf8_lossy(&record.checkpoint).lines().take(3) {
        explanation = explanation.fact("checkpoint", line.escape_debug());
    }
    if let Ok(token) = Token::parse(&record.token) {
        explanation = said(explanation, token.info());
    }
    explanation = revocation(explanation, &record.revocation);
    self_checks(explanation, "", &record.token, Covers::Data(&record.checkpoint)).needs_trust(
        "the signatures on the checkpoint and whether the authority is to be trusted: put it into evidence, and verify that",
    )
}

fn revocation_record(bytes: &[u8]) -> Explanation {
    let record = match RevocationRecord::parse(bytes) {
        Ok(record) => record,
        Err(error) => {
            return malformed("anchor-revocation", "revocation data of an anchor", error);
        }
    };
    let explanation = Explanation::new(
        "anchor-revocation",
        format!(
            "revocation data that were fetched later for the token of the record {}",
            record.token
        ),
    );
    revocation(explanation, &record.revocation)
        .needs_trust("what they say: they are judged with the token, in evidence")
}

fn trust(bytes: &[u8]) -> Explanation {
    let trust = match Trust::parse(bytes) {
        Ok(trust) => trust,
        Err(error) => return malformed("trust", "a trust file", error),
    };
    let mut explanation = Explanation::new(
        "trust",
        "a trust file: evidence is judged by what is written in it, and by nothing else",
    );
    for trusted in trusted(&trust) {
        explanation = explanation.fact("trusts", trusted);
    }
    explanation
}

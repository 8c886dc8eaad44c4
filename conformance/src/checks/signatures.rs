//! Whose signatures count: those of the keys trusted for the origin, all of which must be good.

use crate::log::{Signer, TestLog};
use crate::requirement::{
    BODY, FORBIDDEN, MANY_SIGNATURES, SUCCESS, UNKNOWN_KEYS, UNKNOWN_ORIGIN, VERIFY_SIGNATURE,
};
use crate::suite::{Suite, Want};
use crate::tree::encode;

use super::{About, changed, forked, sent};

fn about(
    id: &'static str,
    requirement: &'static crate::requirement::Requirement,
    request: &'static str,
) -> About<'static> {
    About {
        id,
        requirement,
        request,
    }
}

pub(super) async fn run(suite: &mut Suite) {
    ignored(suite).await;
    many(suite).await;
    refused(suite).await;
    two_keys(suite).await;
    origins(suite).await;
}

/// A line by a key that no witness knows, under a name.
fn strange(name: &str, text: &str) -> String {
    Signer::stranger(name)
        .ok()
        .and_then(|signer| signer.line(text.as_bytes()))
        .unwrap_or_default()
}

/// A signature line with a name, an ID and a length of one's choice.
fn made_up(name: &str, id: [u8; 4], length: usize) -> String {
    use base64::Engine as _;
    let bytes = [&id[..], &vec![0x5a; length]].concat();
    let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
    format!("— {name} {encoded}\n")
}

async fn ignored(suite: &mut Suite) {
    let row = about(
        "signatures.unknown-before",
        &VERIFY_SIGNATURE,
        "an unknown key's signature before the log's",
    );
    changed(suite, row, Want::Cosigned, |draft, _| {
        let other = strange("example.com/stranger", &draft.text);
        draft.signatures.insert_str(0, &other);
    })
    .await;
    let row = about(
        "signatures.unknown-after",
        &VERIFY_SIGNATURE,
        "an unknown key's signature after the log's",
    );
    changed(suite, row, Want::Cosigned, |draft, _| {
        let other = strange("example.com/stranger", &draft.text);
        draft.signatures.push_str(&other);
    })
    .await;
    let row = about(
        "signatures.same-name",
        &UNKNOWN_KEYS,
        "a line with the log's name and another ID",
    );
    changed(suite, row, Want::Cosigned, |draft, log| {
        if let Some(signer) = log.signers.first() {
            let mut id = signer.vkey().id().to_bytes();
            id[0] ^= 0xff;
            draft
                .signatures
                .push_str(&made_up(signer.vkey().name().as_str(), id, 64));
        }
    })
    .await;
    let row = about(
        "signatures.same-id",
        &UNKNOWN_KEYS,
        "a line with the log's ID and another name",
    );
    changed(suite, row, Want::Cosigned, |draft, log| {
        if let Some(signer) = log.signers.first() {
            let id = signer.vkey().id().to_bytes();
            draft
                .signatures
                .push_str(&made_up("example.com/stranger", id, 64));
        }
    })
    .await;
}

async fn many(suite: &mut Suite) {
    let fill = |count: u8, length: usize| -> String {
        (0..count)
            .map(|number| made_up(&format!("example.com/w{number}"), [number; 4], length))
            .collect()
    };
    let row = about(
        "signatures.16",
        &MANY_SIGNATURES,
        "15 unknown signatures before the log's",
    );
    changed(suite, row, Want::Cosigned, |draft, _| {
        draft.signatures.insert_str(0, &fill(15, 72));
    })
    .await;
    // "Remember that post-quantum signatures can be up to nearly 5kB in size."
    let row = about(
        "signatures.16-large",
        &MANY_SIGNATURES,
        "15 unknown signatures of 4,900 bytes before the log's",
    );
    changed(suite, row, Want::Cosigned, |draft, _| {
        draft.signatures.insert_str(0, &fill(15, 4900));
    })
    .await;
}

async fn refused(suite: &mut Suite) {
    let row = about(
        "forbidden.unknown-only",
        &FORBIDDEN,
        "only an unknown key's signature",
    );
    changed(suite, row, Want::Status(403), |draft, _| {
        draft.signatures = strange("example.com/stranger", &draft.text);
    })
    .await;
    let row = about(
        "forbidden.same-name-only",
        &FORBIDDEN,
        "only an unknown key's signature, under the log's name",
    );
    changed(suite, row, Want::Status(403), |draft, log| {
        let name = log.signers.first().map(|s| s.vkey().name().to_string());
        draft.signatures = strange(&name.unwrap_or_default(), &draft.text);
    })
    .await;
    let row = about(
        "forbidden.bad",
        &FORBIDDEN,
        "only a line of the log's key that does not verify",
    );
    changed(suite, row, Want::Status(403), |draft, log| {
        draft.signatures = bad(log, 0, &draft.text);
    })
    .await;
    let row = about(
        "forbidden.other-text",
        &FORBIDDEN,
        "the log's signature of another root",
    );
    forked(suite, row, Want::Status(403), |log| {
        let size = log.next_size();
        let mut draft = log.draft(size);
        let root = encode(&log.tree.forked_root(size));
        draft.text = log.text_with(&size.to_string(), &root);
        draft.body()
    })
    .await;
    let row = about(
        "forbidden.good-then-bad",
        &FORBIDDEN,
        "a good line of the log's key, then one that does not verify",
    );
    changed(suite, row, Want::Status(403), |draft, log| {
        let bad = bad(log, 0, &draft.text);
        draft.signatures.push_str(&bad);
    })
    .await;
    let row = about(
        "forbidden.bad-then-good",
        &FORBIDDEN,
        "a line of the log's key that does not verify, then a good one",
    );
    changed(suite, row, Want::Status(403), |draft, log| {
        let bad = bad(log, 0, &draft.text);
        draft.signatures.insert_str(0, &bad);
    })
    .await;
    let row = about("body.no-signature", &BODY, "no signature line at all");
    sent(suite, row, Want::Strict, |draft, _| {
        draft.signatures.clear();
        draft.body()
    })
    .await;
}

fn bad(log: &TestLog, key: usize, text: &str) -> String {
    log.signers
        .get(key)
        .and_then(|signer| signer.bad_line(text.as_bytes()))
        .unwrap_or_default()
}

/// Rows that need a log with two keys.
async fn two_keys(suite: &mut Suite) {
    let several = suite.log().map(|log| log.signers.len() > 1);
    let rows = [
        about(
            "signatures.second-key",
            &SUCCESS,
            "only the signature of the log's second key",
        ),
        about(
            "forbidden.second-bad",
            &FORBIDDEN,
            "a good line of the log's first key, and one of its second that does not verify",
        ),
    ];
    match several {
        Ok(true) => {}
        Ok(false) => {
            for row in rows {
                suite.skip(row.id, row.requirement, row.request, "the log has one key");
            }
            return;
        }
        Err(why) => {
            for row in rows {
                suite.skip(row.id, row.requirement, row.request, why.clone());
            }
            return;
        }
    }
    let [second, second_bad] = rows;
    changed(suite, second, Want::Cosigned, |draft, log| {
        draft.signatures = log
            .signers
            .get(1)
            .and_then(|signer| signer.line(draft.text.as_bytes()))
            .unwrap_or_default();
    })
    .await;
    changed(suite, second_bad, Want::Status(403), |draft, log| {
        let bad = bad(log, 1, &draft.text);
        draft.signatures.push_str(&bad);
    })
    .await;
}

async fn origins(suite: &mut Suite) {
    let row = about(
        "origin.unknown",
        &UNKNOWN_ORIGIN,
        "an origin that no witness knows, signed by a key of its name",
    );
    forked(suite, row, Want::Status(404), |log| {
        let origin = "example.com/counterfoil-conformance/unknown";
        let root = encode(&log.tree.root(3));
        let text = format!("{origin}\n3\n{root}\n");
        format!("old 0\n\n{text}\n{}", strange(origin, &text)).into_bytes()
    })
    .await;
    let row = about(
        "origin.unknown-known-key",
        &UNKNOWN_ORIGIN,
        "an origin that no witness knows, signed by a known log's key",
    );
    forked(suite, row, Want::Status(404), |log| {
        let root = encode(&log.tree.root(3));
        let text = format!("{}/unknown\n3\n{root}\n", log.origin);
        format!("old 0\n\n{text}\n{}", log.sign(&text)).into_bytes()
    })
    .await;
}

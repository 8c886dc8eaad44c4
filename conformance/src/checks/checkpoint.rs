//! Checkpoints that the log has signed and that are none.

use crate::log::TestLog;
use crate::requirement::{
    CHECKPOINT_LINES, CHECKPOINT_ROOT, CHECKPOINT_SIZE, EXTENSIONS, NOTE_CHARACTERS, Requirement,
};
use crate::suite::{Suite, Want};

use super::{About, changed, sent};

/// Texts for a size and its root, signed as they are.
type Text = (
    &'static str,
    &'static Requirement,
    &'static str,
    fn(&TestLog, u64, &str) -> String,
);
const TEXTS: [Text; 8] = [
    (
        "checkpoint.size-leading-zero",
        &CHECKPOINT_SIZE,
        "the checkpoint's size with a leading zero",
        |log, size, root| log.text_with(&format!("0{size}"), root),
    ),
    (
        "checkpoint.size-plus",
        &CHECKPOINT_SIZE,
        "the checkpoint's size with a plus sign",
        |log, size, root| log.text_with(&format!("+{size}"), root),
    ),
    (
        "checkpoint.root-no-padding",
        &CHECKPOINT_ROOT,
        "the root without its `=`",
        |log, size, root| log.text_with(&size.to_string(), root.trim_end_matches('=')),
    ),
    (
        "checkpoint.root-hexadecimal",
        &CHECKPOINT_ROOT,
        "the root in hexadecimal",
        |log, size, root| {
            use base64::Engine as _;
            let bytes = base64::engine::general_purpose::STANDARD.decode(root);
            log.text_with(&size.to_string(), &hex::encode(bytes.unwrap_or_default()))
        },
    ),
    (
        "checkpoint.no-root",
        &CHECKPOINT_LINES,
        "a checkpoint of two lines",
        |log, size, _| format!("{}\n{size}\n", log.origin),
    ),
    (
        "checkpoint.tab",
        &NOTE_CHARACTERS,
        "a tab in an extension line",
        |log, size, root| format!("{}a\tb\n", log.text_with(&size.to_string(), root)),
    ),
    (
        "checkpoint.carriage-returns",
        &NOTE_CHARACTERS,
        "a checkpoint with CR LF line ends",
        |log, size, root| format!("{}\r\n{size}\r\n{root}\r\n", log.origin),
    ),
    (
        "checkpoint.size-trailing-space",
        &CHECKPOINT_SIZE,
        "the checkpoint's size and a space",
        |log, size, root| log.text_with(&format!("{size} "), root),
    ),
];

pub(super) async fn run(suite: &mut Suite) {
    for (id, requirement, request, write) in TEXTS {
        let about = About {
            id,
            requirement,
            request,
        };
        changed(suite, about, Want::Refusal, |draft, log| {
            let mut lines = draft.text.lines().skip(1);
            let size = lines.next().and_then(|size| size.parse().ok());
            let root = lines.next().unwrap_or_default();
            let text = write(log, size.unwrap_or_default(), root);
            draft.signatures = log.sign(&text);
            draft.text = text;
        })
        .await;
    }
    let about = About {
        id: "checkpoint.not-utf-8",
        requirement: &NOTE_CHARACTERS,
        request: "an extension line that is not UTF-8",
    };
    sent(suite, about, Want::Refusal, |draft, log| {
        let before = draft.body().len() - draft.text.len() - 1 - draft.signatures.len();
        let mut body = draft.body()[..before].to_vec();
        let text = [draft.text.as_bytes(), b"\xff\xfe\n"].concat();
        let signature = log.sign(&text);
        body.extend_from_slice(&text);
        body.push(b'\n');
        body.extend_from_slice(signature.as_bytes());
        body
    })
    .await;
    let about = About {
        id: "checkpoint.extension",
        requirement: &EXTENSIONS,
        request: "an extension line",
    };
    changed(suite, about, Want::Cosigned, |draft, log| {
        draft.text.push_str("an extension line\n");
        draft.signatures = log.sign(&draft.text);
    })
    .await;
}

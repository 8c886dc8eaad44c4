//! The lines before the checkpoint: what is not of their form is not read as if it were.

use reqwest::Method;

use crate::client::Answer;
use crate::report::{Row, Verdict};
use crate::requirement::{BODY, NEWLINES, OLD_LINE, POST, PROOF_LINE, PROOF_LINES};
use crate::suite::{Suite, Want};

use super::{About, changed, sent};

/// Ways to write the right old size wrongly.
type OldLine = (&'static str, &'static str, fn(u64) -> String);
const OLD_LINES: [OldLine; 13] = [
    ("old.leading-zero", "`old 0N`", |size| {
        format!("old 0{size}")
    }),
    ("old.plus", "`old +N`", |size| format!("old +{size}")),
    ("old.minus", "`old -N`", |size| format!("old -{size}")),
    ("old.two-spaces", "`old  N`, with two spaces", |size| {
        format!("old  {size}")
    }),
    ("old.tab", "`old`, a tab, and N", |size| {
        format!("old\t{size}")
    }),
    ("old.no-space", "`oldN`", |size| format!("old{size}")),
    ("old.capitals", "`OLD N`", |size| format!("OLD {size}")),
    ("old.leading-space", "a space before `old N`", |size| {
        format!(" old {size}")
    }),
    ("old.trailing-space", "`old N` and a space", |size| {
        format!("old {size} ")
    }),
    ("old.trailing-text", "`old N x`", |size| {
        format!("old {size} x")
    }),
    ("old.hexadecimal", "`old 0x…`", |size| {
        format!("old {size:#x}")
    }),
    ("old.overflow", "`old` and N + 2^64", |size| {
        format!("old {}", u128::from(size) + (1 << 64))
    }),
    ("old.carriage-return", "`old N` ended by CR LF", |size| {
        format!("old {size}\r")
    }),
];

pub(super) async fn run(suite: &mut Suite) {
    method(suite).await;
    for (id, request, line) in OLD_LINES {
        let about = About {
            id,
            requirement: &OLD_LINE,
            request,
        };
        changed(suite, about, Want::Strict, |draft, log| {
            draft.old = line(log.recorded);
        })
        .await;
    }
    bodies(suite).await;
    proof_lines(suite).await;
}

async fn method(suite: &mut Suite) {
    let Ok(log) = suite.log() else {
        return suite.skip("post.get", &POST, "GET add-checkpoint", "no log is left");
    };
    let size = log.next_size();
    let body = log.draft(size).body();
    let url = suite.client.submission("add-checkpoint");
    let answer = suite.client.send(Method::GET, url, &body).await;
    let (verdict, got) = match answer {
        Ok(answer) => by_method(&answer),
        Err(error) => (Verdict::NotTested, error),
    };
    let request = "GET add-checkpoint, with a good body";
    suite.row(Row::new(
        "post.get",
        &POST,
        request,
        "4xx (405)",
        got,
        verdict,
    ));
    if let Ok(index) = suite.current() {
        suite.ask(index).await;
    }
}

/// Judges the answer to another method.
pub(super) fn by_method(answer: &Answer) -> (Verdict, String) {
    let got = match (&answer.allow, answer.status) {
        (Some(allow), 405) => format!("405, Allow: {allow}"),
        _ => answer.status.to_string(),
    };
    match answer.status {
        200..=299 => (Verdict::Fail, got),
        400..=499 => (Verdict::Pass, got),
        _ => (Verdict::Warn, got),
    }
}

async fn bodies(suite: &mut Suite) {
    let about = |id, requirement, request| About {
        id,
        requirement,
        request,
    };
    sent(
        suite,
        about("body.empty", &BODY, "an empty body"),
        Want::Strict,
        |_, _| Vec::new(),
    )
    .await;
    sent(
        suite,
        about("body.no-old-line", &BODY, "no old size line"),
        Want::Strict,
        |draft, _| {
            let body = draft.body();
            body[draft.old.len() + 1..].to_vec()
        },
    )
    .await;
    sent(
        suite,
        about(
            "body.no-empty-line",
            &BODY,
            "no empty line between proof and checkpoint",
        ),
        Want::Strict,
        |draft, _| text(draft.body()).replacen("\n\n", "\n", 1).into_bytes(),
    )
    .await;
    sent(
        suite,
        about("body.no-checkpoint", &BODY, "nothing after the empty line"),
        Want::Strict,
        |draft, _| {
            let body = text(draft.body());
            let end = body.find("\n\n").map_or(0, |at| at + 2);
            body.as_bytes()[..end].to_vec()
        },
    )
    .await;
    sent(
        suite,
        about(
            "body.no-last-newline",
            &NEWLINES,
            "no newline at the end of the signature line",
        ),
        Want::Strict,
        |draft, _| text(draft.body()).trim_end().as_bytes().to_vec(),
    )
    .await;
    sent(
        suite,
        about(
            "body.carriage-returns",
            &NEWLINES,
            "proof lines and the empty line ended by CR LF",
        ),
        Want::Strict,
        |draft, _| {
            let body = text(draft.body());
            let start = draft.old.len() + 1;
            let end = body.find("\n\n").map_or(0, |at| at + 2);
            let proof = body[start..end].replace('\n', "\r\n");
            format!("{}{proof}{}", &body[..start], &body[end..]).into_bytes()
        },
    )
    .await;
}

fn text(body: Vec<u8>) -> String {
    String::from_utf8(body).unwrap_or_default()
}

/// Ways to write the right first hash wrongly.
type HashLine = (&'static str, &'static str, fn(&str) -> String);
const HASHES: [HashLine; 7] = [
    ("proof-line.no-padding", "a hash without its `=`", |hash| {
        hash.trim_end_matches('=').to_owned()
    }),
    (
        "proof-line.url-alphabet",
        "hashes in the alphabet of URLs",
        |hash| {
            // Where the hash has neither character it stays as it is; with three hashes and more that is rare, and
            // `run` looks for a step where it is not so.
            hash.replace('+', "-").replace('/', "_")
        },
    ),
    (
        "proof-line.unused-bits",
        "a hash with bits set that base64 leaves unused",
        unused_bits,
    ),
    (
        "proof-line.leading-space",
        "a space before a hash",
        |hash| format!(" {hash}"),
    ),
    ("proof-line.hexadecimal", "a hash in hexadecimal", |hash| {
        use base64::Engine as _;
        hex::encode(
            base64::engine::general_purpose::STANDARD
                .decode(hash)
                .unwrap_or_default(),
        )
    }),
    ("proof-line.31-bytes", "a hash of 31 bytes", |hash| {
        resized(hash, 31)
    }),
    ("proof-line.33-bytes", "a hash of 33 bytes", |hash| {
        resized(hash, 33)
    }),
];

fn resized(hash: &str, length: usize) -> String {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD;
    let mut bytes = engine.decode(hash).unwrap_or_default();
    bytes.resize(length, 0);
    engine.encode(bytes)
}

/// 32 bytes are 42 characters, one of which only four bits count, and the padding.
fn unused_bits(hash: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (start, last) = hash.split_at(42);
    let at = last.chars().next().and_then(|c| ALPHABET.find(c));
    let next = at.and_then(|at| ALPHABET.chars().nth(at | 1));
    format!("{start}{}=", next.unwrap_or('/'))
}

async fn proof_lines(suite: &mut Suite) {
    for (id, request, write) in HASHES {
        let about = About {
            id,
            requirement: &PROOF_LINE,
            request,
        };
        changed(suite, about, Want::Strict, |draft, log| {
            if id == "proof-line.url-alphabet" {
                *draft = with_special_characters(log);
                for line in &mut draft.proof {
                    *line = write(line);
                }
            } else if let Some(first) = draft.proof.first_mut() {
                *first = write(first);
            }
        })
        .await;
    }
    let about = |id, requirement, request| About {
        id,
        requirement,
        request,
    };
    changed(
        suite,
        about(
            "proof-line.two-hashes",
            &PROOF_LINE,
            "two hashes on one line",
        ),
        Want::Strict,
        |draft, _| {
            if draft.proof.len() >= 2 {
                let second = draft.proof.remove(1);
                draft.proof[0].push_str(&second);
            }
        },
    )
    .await;
    changed(
        suite,
        about(
            "proof-lines.64",
            &PROOF_LINES,
            "64 proof lines, the first ones right",
        ),
        Want::Refusal,
        |draft, _| {
            let filler = draft.proof.last().cloned().unwrap_or_default();
            draft.proof.resize(64, filler);
        },
    )
    .await;
}

/// A good request whose proof has a character that the alphabets of base64 write differently.
fn with_special_characters(log: &mut crate::log::TestLog) -> crate::log::Draft {
    let old = log.recorded;
    let mut draft = log.draft(old + 1);
    for size in old + 1..old + 200 {
        draft = log.draft(size);
        if draft.proof.iter().any(|line| line.contains(['+', '/'])) {
            break;
        }
    }
    draft
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn unused_bits_are_set_and_nothing_else() {
        for byte in 0..=255_u8 {
            let hash = STANDARD.encode([byte; 32]);
            let other = unused_bits(&hash);
            assert_ne!(hash, other);
            assert_eq!(hash[..42], other[..42]);
            assert_eq!(other.len(), 44);
            assert!(STANDARD.decode(&other).is_err(), "{other}");
        }
    }
}

//! sign-subtree, where the witness has it.

use counterfoil_tiles::key::Algorithm;
use reqwest::Method;

use crate::client::Answer;
use crate::cosigned;
use crate::log::{TestLog, flipped};
use crate::report::{Row, Verdict};
use crate::requirement::{
    POST, Requirement, SUBTREE_BAD_REQUEST, SUBTREE_FORBIDDEN, SUBTREE_FORMAT, SUBTREE_HASH,
    SUBTREE_PROOF, SUBTREE_RANGE, SUBTREE_SUCCESS, SUBTREE_VALID, UNKNOWN_ORIGIN,
};
use crate::suite::{Suite, Want, expected, judge};
use crate::tree::encode;

use super::lines::by_method;
use super::subtree_request::SubtreeDraft;

/// One changed request.
struct Bad {
    id: &'static str,
    requirement: &'static Requirement,
    request: &'static str,
    want: Want,
    change: fn(&mut SubtreeDraft, &mut TestLog),
}

const fn bad(
    id: &'static str,
    requirement: &'static Requirement,
    request: &'static str,
    want: Want,
    change: fn(&mut SubtreeDraft, &mut TestLog),
) -> Bad {
    Bad {
        id,
        requirement,
        request,
        want,
        change,
    }
}

const BAD_REQUEST: Want = Want::Status(400);

/// Each from a good request for [8, 13).
const BAD: [Bad; 20] = [
    bad(
        "subtree.range-leading-zero",
        &SUBTREE_RANGE,
        "`subtree 08 13`",
        BAD_REQUEST,
        |draft, _| {
            "subtree 08 13".clone_into(&mut draft.range);
        },
    ),
    bad(
        "subtree.range-end-zero",
        &SUBTREE_RANGE,
        "`subtree 8 013`",
        BAD_REQUEST,
        |draft, _| {
            "subtree 8 013".clone_into(&mut draft.range);
        },
    ),
    bad(
        "subtree.range-plus",
        &SUBTREE_RANGE,
        "`subtree +8 13`",
        BAD_REQUEST,
        |draft, _| {
            "subtree +8 13".clone_into(&mut draft.range);
        },
    ),
    bad(
        "subtree.range-two-spaces",
        &SUBTREE_RANGE,
        "`subtree 8  13`",
        BAD_REQUEST,
        |draft, _| {
            "subtree 8  13".clone_into(&mut draft.range);
        },
    ),
    bad(
        "subtree.range-capitals",
        &SUBTREE_RANGE,
        "`SUBTREE 8 13`",
        BAD_REQUEST,
        |draft, _| {
            "SUBTREE 8 13".clone_into(&mut draft.range);
        },
    ),
    bad(
        "subtree.range-no-end",
        &SUBTREE_RANGE,
        "`subtree 8`",
        BAD_REQUEST,
        |draft, _| {
            "subtree 8".clone_into(&mut draft.range);
        },
    ),
    bad(
        "subtree.not-aligned",
        &SUBTREE_VALID,
        "[9, 13), no subtree: 9 is no multiple of 4",
        BAD_REQUEST,
        |draft, log| {
            "subtree 9 13".clone_into(&mut draft.range);
            draft.hash = encode(&log.tree.subtree_root(9, 13));
        },
    ),
    bad(
        "subtree.backwards",
        &SUBTREE_VALID,
        "[13, 8)",
        BAD_REQUEST,
        |draft, _| {
            "subtree 13 8".clone_into(&mut draft.range);
        },
    ),
    bad(
        "subtree.beyond",
        &SUBTREE_VALID,
        "a subtree that ends after the checkpoint's size",
        BAD_REQUEST,
        |draft, log| {
            let end = log.cosigned.as_ref().map_or(0, |last| last.size) + 1;
            draft.range = format!("subtree 0 {end}");
            draft.hash = encode(&log.tree.root(end));
            draft.proof.clear();
        },
    ),
    bad(
        "subtree.hash-31-bytes",
        &SUBTREE_BAD_REQUEST,
        "a subtree hash of 31 bytes",
        BAD_REQUEST,
        |draft, _| {
            "A".repeat(41).clone_into(&mut draft.hash);
            draft.hash.push_str("A=");
        },
    ),
    bad(
        "subtree.hash-missing",
        &SUBTREE_BAD_REQUEST,
        "no line after the range",
        BAD_REQUEST,
        |draft, _| {
            draft.hash = draft.text.clone();
            draft.proof.clear();
        },
    ),
    bad(
        "subtree.proof-line",
        &SUBTREE_BAD_REQUEST,
        "a proof line without its `=`",
        BAD_REQUEST,
        |draft, _| {
            if let Some(first) = draft.proof.first_mut() {
                first.pop();
            }
        },
    ),
    bad(
        "subtree.proof-lines-64",
        &SUBTREE_BAD_REQUEST,
        "64 proof lines",
        BAD_REQUEST,
        |draft, _| {
            let filler = draft.hash.clone();
            draft.proof.resize(64, filler);
        },
    ),
    bad(
        "subtree.other-hash",
        &SUBTREE_HASH,
        "another hash for the subtree",
        Want::Either(400, 422),
        |draft, _| {
            draft.hash = flipped(&draft.hash);
        },
    ),
    bad(
        "subtree.proof-flipped",
        &SUBTREE_PROOF,
        "a bit of the last hash flipped",
        Want::Status(422),
        |draft, _| {
            if let Some(last) = draft.proof.last_mut() {
                *last = flipped(last);
            }
        },
    ),
    bad(
        "subtree.proof-missing",
        &SUBTREE_PROOF,
        "the last hash missing",
        Want::Status(422),
        |draft, _| {
            draft.proof.pop();
        },
    ),
    bad(
        "subtree.proof-one-more",
        &SUBTREE_PROOF,
        "one hash too many",
        Want::Status(422),
        |draft, _| {
            draft.proof.push(draft.hash.clone());
        },
    ),
    bad(
        "subtree.log-only",
        &SUBTREE_FORBIDDEN,
        "a checkpoint with the log's signature alone",
        Want::Status(403),
        |draft, log| {
            draft.signatures = log.sign(&draft.text);
        },
    ),
    bad(
        "subtree.other-checkpoint",
        &SUBTREE_FORBIDDEN,
        "the witness's cosignatures under another size's checkpoint",
        Want::Status(403),
        |draft, log| {
            let size = log.cosigned.as_ref().map_or(0, |last| last.size) + 1;
            let (start, end) = draft.subtree;
            let proof = log.tree.subtree_consistency(start, end, size);
            draft.proof = proof.iter().map(encode).collect();
            draft.text = log.text(size);
        },
    ),
    bad(
        "subtree.unknown-origin",
        &UNKNOWN_ORIGIN,
        "a checkpoint of an origin that no witness knows",
        Want::Status(404),
        |draft, log| {
            let unknown = format!("{}/unknown\n", log.origin);
            draft.text = draft
                .text
                .replacen(&format!("{}\n", log.origin), &unknown, 1);
        },
    ),
];

/// The good ones.
const GOOD: [(&str, &str); 4] = [
    ("subtree.partial", "[8, 13) of a cosigned checkpoint"),
    ("subtree.full", "[4, 8) of a cosigned checkpoint"),
    ("subtree.whole", "the whole tree of a cosigned checkpoint"),
    (
        "subtree.with-log",
        "[8, 13) of a checkpoint with the log's signature beside the witness's",
    ),
];

const OLDER: &str = "[8, 13) of a cosigned checkpoint that is not the newest";

pub(super) async fn run(suite: &mut Suite) {
    if let Err(why) = ready(suite).await {
        return skip_all(suite, &why);
    }
    let answer = match good(suite, |log| SubtreeDraft::new(log, 8, 13)).await {
        Ok((_, answer)) => answer,
        Err(why) => return skip_all(suite, &why),
    };
    if matches!(answer.status, 404 | 405 | 501) {
        let why = format!(
            "not supported ({}), which is allowed: it is OPTIONAL",
            answer.status
        );
        return skip_all(suite, &why);
    }
    goods(suite).await;
    for row in BAD {
        refuse(suite, row).await;
    }
    method(suite).await;
    older(suite).await;
}

/// A log that is left, with a cosigned checkpoint of 14 entries or more.
async fn ready(suite: &mut Suite) -> Result<usize, String> {
    let index = suite.current()?;
    let size = suite.logs[index].next_size().max(20);
    suite.grow(index, size).await?;
    Ok(index)
}

fn skip_all(suite: &mut Suite, why: &str) {
    for (id, request) in GOOD {
        suite.skip(id, &SUBTREE_SUCCESS, request, why);
    }
    suite.skip("subtree.format", &SUBTREE_FORMAT, GOOD[0].1, why);
    for row in BAD {
        suite.skip(row.id, row.requirement, row.request, why);
    }
    suite.skip("subtree.get", &POST, "GET sign-subtree", why);
    suite.skip("subtree.older", &SUBTREE_SUCCESS, OLDER, why);
}

/// Sends a request and gives it back with the answer.
async fn good(
    suite: &mut Suite,
    make: impl FnOnce(&mut TestLog) -> Option<SubtreeDraft>,
) -> Result<(SubtreeDraft, Answer), String> {
    let draft = make(suite.log()?).ok_or("no checkpoint was cosigned")?;
    let answer = suite.client.post("sign-subtree", &draft.body()).await?;
    Ok((draft, answer))
}

async fn goods(suite: &mut Suite) {
    for (id, request) in GOOD {
        let sent = good(suite, |log| match id {
            "subtree.full" => SubtreeDraft::new(log, 4, 8),
            "subtree.whole" => {
                let size = log.cosigned.as_ref()?.size;
                SubtreeDraft::new(log, 0, size)
            }
            "subtree.with-log" => {
                let mut draft = SubtreeDraft::new(log, 8, 13)?;
                let line = log.sign(&draft.text);
                draft.signatures.insert_str(0, &line);
                Some(draft)
            }
            _ => SubtreeDraft::new(log, 8, 13),
        })
        .await;
        succeeded(suite, id, request, &sent);
        if id == "subtree.partial" {
            format(suite, request, &sent);
        }
    }
}

fn succeeded(
    suite: &mut Suite,
    id: &'static str,
    request: &str,
    sent: &Result<(SubtreeDraft, Answer), String>,
) {
    let (verdict, got) = match sent {
        Err(why) => (Verdict::NotTested, why.clone()),
        Ok((_, answer)) if answer.status != 200 => (Verdict::Fail, answer.describe()),
        Ok((draft, answer)) => match lines(suite, draft, answer) {
            Err(why) => (Verdict::Fail, why),
            Ok(lines) if lines.iter().any(|line| line.valid) => (
                Verdict::Pass,
                "200 and a good cosignature of the subtree".to_owned(),
            ),
            Ok(_) if !has_ml_dsa(suite) => (
                Verdict::NotTested,
                "200, but no ML-DSA-44 vkey of the witness was given".to_owned(),
            ),
            Ok(_) => (Verdict::Fail, "200, but no line verifies".to_owned()),
        },
    };
    let expected = "200 and a cosignature of the subtree";
    suite.row(Row::new(
        id,
        &SUBTREE_SUCCESS,
        request,
        expected,
        got,
        verdict,
    ));
}

fn lines(
    suite: &Suite,
    draft: &SubtreeDraft,
    answer: &Answer,
) -> Result<Vec<cosigned::Line>, String> {
    cosigned::read_subtree(
        &answer.body,
        &draft.text,
        draft.subtree,
        draft.root,
        &suite.vkeys,
    )
}

fn has_ml_dsa(suite: &Suite) -> bool {
    let mut keys = suite.vkeys.iter();
    keys.any(|key| key.algorithm() == Algorithm::MlDsa44)
}

fn format(suite: &mut Suite, request: &str, sent: &Result<(SubtreeDraft, Answer), String>) {
    let lines = match sent {
        Err(why) => Err((Verdict::NotTested, why.clone())),
        Ok((_, answer)) if answer.status != 200 => Err((Verdict::Fail, answer.describe())),
        Ok((draft, answer)) => lines(suite, draft, answer).map_err(|why| (Verdict::Fail, why)),
    };
    let (verdict, got) = match lines {
        Err(found) => found,
        Ok(lines) => {
            let other = lines.iter().any(|line| {
                let algorithm = line
                    .key
                    .as_ref()
                    .map(counterfoil_tiles::key::Vkey::algorithm);
                algorithm.is_some_and(|algorithm| algorithm != Algorithm::MlDsa44)
            });
            if other {
                (
                    Verdict::Fail,
                    "a line whose format has no subtrees".to_owned(),
                )
            } else if lines.iter().any(|line| line.timestamp != Some(0)) {
                (Verdict::Fail, "a timestamp that is not 0".to_owned())
            } else {
                (Verdict::Pass, "ML-DSA-44, timestamp 0".to_owned())
            }
        }
    };
    let expected = "only lines whose format has subtrees, timestamp 0";
    suite.row(Row::new(
        "subtree.format",
        &SUBTREE_FORMAT,
        request,
        expected,
        got,
        verdict,
    ));
}

async fn refuse(suite: &mut Suite, row: Bad) {
    let sent = good(suite, |log| {
        let mut draft = SubtreeDraft::new(log, 8, 13)?;
        (row.change)(&mut draft, log);
        Some(draft)
    })
    .await;
    let (verdict, got) = match sent {
        Err(why) => (Verdict::NotTested, why),
        Ok((draft, answer)) => judge(row.want, &answer, &draft.text, &suite.vkeys),
    };
    let expected = expected(row.want);
    suite.row(Row::new(
        row.id,
        row.requirement,
        row.request,
        expected,
        got,
        verdict,
    ));
}

async fn method(suite: &mut Suite) {
    let body = match suite.log() {
        Ok(log) => SubtreeDraft::new(log, 8, 13).map(|draft| draft.body()),
        Err(why) => return suite.skip("subtree.get", &POST, "GET sign-subtree", why),
    };
    let url = suite.client.submission("sign-subtree");
    let answer = suite
        .client
        .send(Method::GET, url, &body.unwrap_or_default())
        .await;
    let (verdict, got) = match answer {
        Ok(answer) => by_method(&answer),
        Err(error) => (Verdict::NotTested, error),
    };
    let request = "GET sign-subtree, with a good body";
    suite.row(Row::new(
        "subtree.get",
        &POST,
        request,
        "4xx (405)",
        got,
        verdict,
    ));
}

/// The witness signed that checkpoint once; that it has signed larger ones since is no reason to refuse.
async fn older(suite: &mut Suite) {
    let before = suite.log().map(|log| SubtreeDraft::new(log, 8, 13));
    let grown = ready(suite).await;
    let sent = match (before, grown) {
        (Ok(Some(draft)), Ok(_)) => {
            let answer = suite.client.post("sign-subtree", &draft.body()).await;
            answer.map(|answer| (draft, answer))
        }
        (_, Err(why)) | (Err(why), _) => Err(why),
        (Ok(None), _) => Err("no checkpoint was cosigned".to_owned()),
    };
    succeeded(suite, "subtree.older", OLDER, &sent);
}

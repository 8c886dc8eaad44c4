//! Old sizes: larger than the checkpoint's, other than the recorded one, and what is said of it.

use crate::client::Answer;
use crate::report::{Row, Verdict};
use crate::requirement::{
    CONFLICT, CONFLICT_BODY, CONFLICT_TYPE, OLD_NOT_LARGER, Requirement, SAME_SIZE, SUCCESS,
};
use crate::suite::{Suite, Want};
use crate::tree::encode;

use super::{About, changed, forked};

fn about(
    id: &'static str,
    requirement: &'static Requirement,
    request: &'static str,
) -> About<'static> {
    About {
        id,
        requirement,
        request,
    }
}

pub(super) async fn run(suite: &mut Suite) {
    let row = about(
        "old.larger",
        &OLD_NOT_LARGER,
        "the recorded old size, and a checkpoint one smaller",
    );
    forked(suite, row, Want::Status(400), |log| {
        let old = log.recorded;
        let mut draft = log.draft(old);
        draft.text = log.text(old.saturating_sub(1));
        draft.signatures = log.sign(&draft.text);
        draft.body()
    })
    .await;
    let row = about(
        "old.larger-not-recorded",
        &OLD_NOT_LARGER,
        "an old size above the recorded one and the checkpoint's",
    );
    changed(suite, row, Want::Either(400, 409), |draft, log| {
        draft.old = format!("old {}", log.recorded + 500);
    })
    .await;
    conflicts(suite).await;
    same_size(suite).await;
    updated(suite).await;
}

async fn conflicts(suite: &mut Suite) {
    let row = about("conflict.zero", &CONFLICT, "old size 0, no proof");
    let answer = changed(suite, row, Want::Status(409), |draft, _| {
        "old 0".clone_into(&mut draft.old);
        draft.proof.clear();
    })
    .await;
    let recorded = suite.log().map_or(0, |log| log.recorded);
    conflict_body(suite, answer.as_ref(), recorded);
    conflict_type(suite, answer.as_ref());
    let row = about(
        "conflict.lower",
        &CONFLICT,
        "old size one below the recorded one, with the proof from there",
    );
    changed(suite, row, Want::Status(409), |draft, log| {
        let old = log.recorded.saturating_sub(1);
        let size = log.next_size();
        draft.old = format!("old {old}");
        draft.proof = log.tree.consistency(old, size).iter().map(encode).collect();
    })
    .await;
    let row = about(
        "conflict.higher",
        &CONFLICT,
        "old size one above the recorded one, with the proof from there",
    );
    changed(suite, row, Want::Status(409), |draft, log| {
        let old = log.recorded + 1;
        let size = log.next_size().max(old);
        draft.old = format!("old {old}");
        draft.proof = log.tree.consistency(old, size).iter().map(encode).collect();
    })
    .await;
}

fn conflict_body(suite: &mut Suite, answer: Option<&Answer>, recorded: u64) {
    let request = "the body of the answer to old size 0";
    let expected = "the recorded size and a newline, nothing else";
    let (verdict, got) = match answer {
        Some(answer) if answer.status == 409 => {
            let right = answer.body[..] == *format!("{recorded}\n").as_bytes();
            let got = if right {
                "the recorded size and a newline".to_owned()
            } else {
                format!("{:?} where {recorded} is recorded", answer.body)
            };
            (if right { Verdict::Pass } else { Verdict::Fail }, got)
        }
        Some(answer) => (Verdict::Fail, answer.describe()),
        None => (Verdict::NotTested, "there was no answer".to_owned()),
    };
    suite.row(Row::new(
        "conflict.body",
        &CONFLICT_BODY,
        request,
        expected,
        got,
        verdict,
    ));
}

fn conflict_type(suite: &mut Suite, answer: Option<&Answer>) {
    let request = "the Content-Type of the answer to old size 0";
    let expected = "text/x.tlog.size";
    let (verdict, got) = match answer {
        Some(answer) if answer.status == 409 => {
            let found = answer
                .content_type
                .clone()
                .unwrap_or_else(|| "none".to_owned());
            let essence = found.split(';').next().unwrap_or_default().trim();
            let verdict = if found == expected {
                Verdict::Pass
            } else if essence == expected {
                Verdict::Warn
            } else {
                Verdict::Fail
            };
            (verdict, found)
        }
        Some(answer) => (Verdict::Fail, answer.describe()),
        None => (Verdict::NotTested, "there was no answer".to_owned()),
    };
    suite.row(Row::new(
        "conflict.type",
        &CONFLICT_TYPE,
        request,
        expected,
        got,
        verdict,
    ));
}

async fn same_size(suite: &mut Suite) {
    // The record may be of a checkpoint with an extension line; what is compared is size and root.
    let row = about(
        "same-size.same-root",
        &SUCCESS,
        "the recorded checkpoint again",
    );
    suite
        .add(|log| {
            let size = log.recorded;
            Some(crate::suite::Case {
                id: row.id,
                requirement: row.requirement,
                request: row.request.to_owned(),
                body: log.draft(size).body(),
                want: Want::Cosigned,
                offers: crate::suite::Offers::Own(size),
            })
        })
        .await;
    let row = about(
        "same-size.other-root",
        &SAME_SIZE,
        "the recorded size with another root, signed by the log",
    );
    forked(suite, row, Want::Status(422), |log| {
        let size = log.recorded;
        let mut draft = log.draft(size);
        let root = encode(&log.tree.forked_root(size));
        draft.text = log.text_with(&size.to_string(), &root);
        draft.signatures = log.sign(&draft.text);
        draft.body()
    })
    .await;
}

/// After a larger tree was cosigned, the old size is the wrong one and the new size the right one.
async fn updated(suite: &mut Suite) {
    let request = "the size asked for after a larger tree was cosigned";
    let expected = "409 and the larger size";
    let row = |got: String, verdict| Row::new("updated", &SUCCESS, request, expected, got, verdict);
    let index = match suite.current() {
        Ok(index) => index,
        Err(why) => return suite.skip("updated", &SUCCESS, request, why),
    };
    let size = suite.logs[index].next_size();
    if let Err(why) = suite.grow(index, size).await {
        return suite.row(row(format!("the larger tree: {why}"), Verdict::Fail));
    }
    let row = match suite.record(index).await {
        Ok((found, _)) if found == size => row("409 and the larger size".to_owned(), Verdict::Pass),
        Ok((found, _)) => row(format!("{found} where {size} was cosigned"), Verdict::Fail),
        Err(got) => row(got, Verdict::Fail),
    };
    suite.row(row);
    suite.ask(index).await;
}

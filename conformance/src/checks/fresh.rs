//! What can be tried only on a log of which the witness has cosigned nothing yet.

use crate::log::TestLog;
use crate::report::{Row, Verdict};
use crate::requirement::{CONFLICT_NEW, EMPTY_ROOT, NO_PROOF_FROM_ZERO, SUCCESS};
use crate::suite::{Case, Offers, Suite, Want};
use crate::tree::encode;

use super::About;

pub(super) async fn run(suite: &mut Suite) {
    if suite.cosigned_look {
        look_again(suite).await;
    }
    let about = |id, requirement, request| About {
        id,
        requirement,
        request,
    };
    conflict(
        suite,
        about(
            "new.old-size",
            &CONFLICT_NEW,
            "old size 1 for a log never cosigned",
        ),
    )
    .await;
    send(
        suite,
        about(
            "new.empty-other-root",
            &EMPTY_ROOT,
            "size 0 with a root that is not the empty tree's",
        ),
        Want::Status(422),
        |log| {
            let root = encode(&log.tree.forked_root(0));
            (log.text_with("0", &root), String::new(), Offers::Other)
        },
    )
    .await;
    send(
        suite,
        about("new.empty", &SUCCESS, "size 0 with the empty tree's root"),
        Want::Cosigned,
        |log| (log.text(0), String::new(), Offers::Own(0)),
    )
    .await;
    send(
        suite,
        about(
            "new.proof-from-zero",
            &NO_PROOF_FROM_ZERO,
            "old size 0, and a proof of one hash",
        ),
        Want::Status(422),
        |log| {
            let hash = encode(&log.tree.root(4));
            (log.text(11), format!("{hash}\n"), Offers::Own(11))
        },
    )
    .await;
    send(
        suite,
        about("new.first", &SUCCESS, "old size 0, no proof, size 11"),
        Want::Cosigned,
        |log| (log.text(11), String::new(), Offers::Own(11)),
    )
    .await;
}

/// Sends a request from old size 0, if there is a new log and it is still new.
async fn send(
    suite: &mut Suite,
    about: About<'_>,
    want: Want,
    make: impl FnOnce(&mut TestLog) -> (String, String, Offers),
) {
    let Some(index) = usable(suite, about) else {
        return;
    };
    let log = &mut suite.logs[index];
    let (text, proof, offers) = make(log);
    let signatures = log.sign(&text);
    let case = Case {
        id: about.id,
        requirement: about.requirement,
        request: about.request.to_owned(),
        body: format!("old 0\n{proof}\n{text}\n{signatures}").into_bytes(),
        want,
        offers,
    };
    suite.send(index, case).await;
}

/// Looks at the second log in another way: a size 0 with a wrong root must never be cosigned, and is answered 409 if there
/// is a record.
async fn look_again(suite: &mut Suite) {
    let Some(log) = suite.logs.get_mut(1) else {
        return;
    };
    let root = encode(&log.tree.forked_root(0));
    let text = log.text_with("0", &root);
    let body = format!("old 0\n\n{text}\n{}", log.sign(&text));
    let answer = suite.client.post("add-checkpoint", body.as_bytes()).await;
    if let Ok(Some(size)) = answer.map(|answer| answer.size()) {
        suite.logs[1].recorded = size;
    }
}

async fn conflict(suite: &mut Suite, about: About<'_>) {
    if suite.cosigned_look {
        return suite.row(Row::new(
            about.id,
            about.requirement,
            about.request,
            "409 and the size 0",
            "200: cosigned, with a proof that cannot be right",
            Verdict::Fail,
        ));
    }
    let Some(index) = usable(suite, about) else {
        return;
    };
    let (verdict, got) = match suite.record(index).await {
        Ok((0, answer)) if &answer.body[..] == b"0\n" => (Verdict::Pass, answer.describe()),
        Ok((_, answer)) => (Verdict::Fail, answer.describe()),
        Err(got) => (Verdict::Fail, got),
    };
    suite.row(Row::new(
        about.id,
        about.requirement,
        about.request,
        "409 and the size 0",
        got,
        verdict,
    ));
}

/// A log that the witness has cosigned at no other size than 0, and rightly.
fn usable(suite: &mut Suite, about: About<'_>) -> Option<usize> {
    let new = |log: &TestLog| log.recorded == 0 && log.lost.is_none();
    let found = suite.logs.iter().position(new);
    if found.is_none() {
        let why = "no log is left of which the witness has no record";
        suite.skip(about.id, about.requirement, about.request, why);
    }
    found
}

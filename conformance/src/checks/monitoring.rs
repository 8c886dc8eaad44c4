//! The monitoring prefix: what the witness shows to monitors of the logs that it cosigned.

use std::time::{Duration, Instant};

use counterfoil_tiles::checkpoint::{Checkpoint, LogKey, Origin, SignedCheckpoint};
use counterfoil_tiles::note::Note;
use reqwest::Method;

use crate::client::{Answer, under};
use crate::report::{Row, Verdict};
use crate::requirement::{
    MONITORING, MONITORING_BODY, MONITORING_GET, MONITORING_NEVER, MONITORING_SIGNATURES,
    Requirement,
};
use crate::suite::Suite;

use super::lines::by_method;

/// How long is waited for a checkpoint to be shown. A witness may take up to an hour; then nothing is said.
const SHOWN_WITHIN: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(250);

/// Before anything is cosigned.
pub(super) async fn never(suite: &mut Suite) {
    let unknown = "00".repeat(32);
    let fresh = suite.logs.iter().find(|log| log.recorded == 0);
    let fresh = fresh.map(super::TestLog::origin_hash);
    let request = "GET <origin hash>/checkpoint of a log never cosigned";
    match fresh {
        Some(hash) => absent(suite, "monitoring.never", &hash, request).await,
        None => suite.skip(
            "monitoring.never",
            &MONITORING_NEVER,
            request,
            "the witness has a record of every log given",
        ),
    }
    let request = "GET <origin hash>/checkpoint of an origin that nobody has";
    absent(suite, "monitoring.unknown", &unknown, request).await;
}

async fn absent(suite: &mut Suite, id: &'static str, hash: &str, request: &str) {
    let (verdict, got) = match get(suite, Method::GET, hash).await {
        Ok(answer) if answer.status == 404 => (Verdict::Pass, "404".to_owned()),
        Ok(answer) => (Verdict::Fail, answer.describe()),
        Err(error) => (Verdict::NotTested, error),
    };
    suite.row(Row::new(
        id,
        &MONITORING_NEVER,
        request,
        "404",
        got,
        verdict,
    ));
}

async fn get(suite: &Suite, method: Method, hash: &str) -> Result<Answer, String> {
    let url = under(&suite.monitoring, &format!("{hash}/checkpoint"));
    suite.client.send(method, url, b"").await
}

const REQUEST: &str = "GET <origin hash>/checkpoint of a log that was cosigned";

/// After checkpoints were cosigned.
pub(super) async fn run(suite: &mut Suite) {
    let rows: [(&'static str, &Requirement); 4] = [
        ("monitoring.served", &MONITORING),
        ("monitoring.checkpoint", &MONITORING_BODY),
        ("monitoring.signatures", &MONITORING_SIGNATURES),
        ("monitoring.post", &MONITORING_GET),
    ];
    let Some(index) = (0..suite.logs.len())
        .find(|index| suite.logs[*index].lost.is_none() && suite.logs[*index].cosigned.is_some())
    else {
        for (id, requirement) in rows {
            suite.skip(id, requirement, REQUEST, "no log was cosigned rightly");
        }
        return;
    };
    let hash = suite.logs[index].origin_hash();
    let answer = match shown(suite, index, &hash).await {
        Ok(answer) => answer,
        Err(error) => {
            for (id, requirement) in rows {
                suite.skip(id, requirement, REQUEST, error.clone());
            }
            return;
        }
    };
    let (verdict, got) = match answer.status {
        200 => (Verdict::Pass, answer.describe()),
        _ => (Verdict::Warn, answer.describe()),
    };
    suite.row(Row::new(
        "monitoring.served",
        &MONITORING,
        REQUEST,
        "200",
        got,
        verdict,
    ));
    if answer.status == 200 {
        body(suite, index, &answer);
        signatures(suite, index, &answer);
        post(suite, &hash).await;
    } else {
        for (id, requirement) in &rows[1..] {
            suite.skip(id, requirement, REQUEST, "no checkpoint is served");
        }
    }
}

/// What is shown, when it is the newest or when it was waited for long enough.
async fn shown(suite: &Suite, index: usize, hash: &str) -> Result<Answer, String> {
    let wanted = suite.logs[index].cosigned.as_ref().map(|last| last.size);
    let since = Instant::now();
    loop {
        let answer = get(suite, Method::GET, hash).await?;
        let size = checkpoint(&answer).map(|(_, checkpoint)| checkpoint.size().get());
        if size.ok() == wanted || since.elapsed() > SHOWN_WITHIN {
            return Ok(answer);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn checkpoint(answer: &Answer) -> Result<(Note, Checkpoint), String> {
    let note = Note::parse(&answer.body).map_err(|error| error.to_string())?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(|error| error.to_string())?;
    Ok((note, checkpoint))
}

fn body(suite: &mut Suite, index: usize, answer: &Answer) {
    let log = &suite.logs[index];
    let recorded = log.recorded;
    let (verdict, got) = match checkpoint(answer) {
        Err(why) => (Verdict::Fail, why),
        Ok((_, checkpoint)) if checkpoint.origin().as_str() != log.origin => (
            Verdict::Fail,
            format!("a checkpoint of {}", checkpoint.origin()),
        ),
        Ok((_, checkpoint)) if checkpoint.size().get() > recorded => (
            Verdict::Fail,
            format!("size {} where {recorded} is recorded", checkpoint.size()),
        ),
        Ok((_, checkpoint)) if checkpoint.size().get() < recorded => (
            Verdict::Pass,
            "a checkpoint of the log, not yet the newest".to_owned(),
        ),
        Ok(_) => (Verdict::Pass, "the newest checkpoint of the log".to_owned()),
    };
    suite.row(Row::new(
        "monitoring.checkpoint",
        &MONITORING_BODY,
        REQUEST,
        "a checkpoint of the log, at most of the recorded size",
        got,
        verdict,
    ));
}

fn signatures(suite: &mut Suite, index: usize, answer: &Answer) {
    let log = &suite.logs[index];
    let expected = "the log's signature, and the lines that add-checkpoint answered";
    let (verdict, got) = match checkpoint(answer) {
        Err(why) => (Verdict::Fail, why),
        Ok((note, checkpoint)) => {
            let keys: Vec<LogKey> = log
                .signers
                .iter()
                .filter_map(|signer| {
                    let origin = Origin::new(log.origin.clone()).ok()?;
                    Some(LogKey::for_origin(origin, signer.vkey().clone()))
                })
                .collect();
            let last = log.cosigned.as_ref();
            let newest = last.is_some_and(|last| last.size == checkpoint.size().get());
            let missing = last.is_some_and(|last| {
                last.lines
                    .lines()
                    .any(|line| !note.as_str().lines().any(|have| have == line))
            });
            if let Err(why) = SignedCheckpoint::verify(note.clone(), &keys) {
                (Verdict::Fail, format!("the log's signature: {why}"))
            } else if newest && missing {
                (Verdict::Fail, "a line of the answer is missing".to_owned())
            } else if !suite.vkeys.is_empty() && note.verify(&suite.vkeys).is_err() {
                (
                    Verdict::Fail,
                    "no good cosignature of the witness".to_owned(),
                )
            } else {
                (Verdict::Pass, "all of them".to_owned())
            }
        }
    };
    suite.row(Row::new(
        "monitoring.signatures",
        &MONITORING_SIGNATURES,
        REQUEST,
        expected,
        got,
        verdict,
    ));
}

async fn post(suite: &mut Suite, hash: &str) {
    let (verdict, got) = match get(suite, Method::POST, hash).await {
        Ok(answer) => by_method(&answer),
        Err(error) => (Verdict::NotTested, error),
    };
    suite.row(Row::new(
        "monitoring.post",
        &MONITORING_GET,
        "POST <origin hash>/checkpoint",
        "4xx (405)",
        got,
        verdict,
    ));
}

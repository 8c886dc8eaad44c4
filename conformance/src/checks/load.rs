//! Several requests at once: for one log, where one may win; for many logs, where all should; and connections that stay.

use futures_util::future::join_all;

use crate::client::{Answer, Client};
use crate::report::{Row, Verdict};
use crate::requirement::{ATOMIC, KEEP_ALIVE, SUCCESS};
use crate::suite::Suite;

/// How often the race is run, and how many requests are in it.
const ROUNDS: usize = 20;
const RACERS: u64 = 8;

/// How many checkpoints each log has cosigned beside the others.
const STEPS: usize = 20;

/// How many requests should not need as many connections.
const KEPT: u64 = 20;

pub(super) async fn run(suite: &mut Suite) {
    race(suite).await;
    side_by_side(suite).await;
    keep_alive(suite).await;
}

/// Requests from one old size to as many new sizes: the record can be the old size for one of them only.
async fn race(suite: &mut Suite) {
    let request =
        format!("{RACERS} requests at once from one old size to as many sizes, {ROUNDS} times");
    let skip = |suite: &mut Suite, why: &str| {
        suite.skip("race.one-wins", &ATOMIC, request.clone(), why);
        suite.skip(
            "race.record",
            &ATOMIC,
            "the size asked for after each race",
            why,
        );
    };
    let index = match suite.current() {
        Ok(index) => index,
        Err(why) => return skip(suite, &why),
    };
    let mut won = 0;
    let mut several = 0;
    let mut lost = 0;
    let mut strange: Option<String> = None;
    for _ in 0..ROUNDS {
        let round = match one_race(suite, index).await {
            Ok(round) => round,
            Err(why) => return skip(suite, &why),
        };
        won += usize::from(!round.cosigned.is_empty());
        several += usize::from(round.cosigned.len() > 1);
        strange = strange.or(round.strange);
        let largest = round.cosigned.iter().copied().max();
        match (suite.record(index).await, largest) {
            (Ok((size, _)), Some(largest)) if size < largest => {
                lost += 1;
                suite.logs[index].recorded = size;
            }
            (Ok((size, _)), _) => suite.logs[index].recorded = size,
            (Err(why), _) => strange = strange.or(Some(why)),
        }
    }
    let (verdict, got) = if several > 0 {
        (
            Verdict::Fail,
            format!("more than one cosigned in {several} of {ROUNDS} races"),
        )
    } else if won < ROUNDS {
        let other = strange.clone().unwrap_or_else(|| "409".to_owned());
        (
            Verdict::Warn,
            format!(
                "none cosigned in {} of {ROUNDS} races (`{other}`)",
                ROUNDS - won
            ),
        )
    } else if let Some(other) = strange {
        (
            Verdict::Warn,
            format!("one each time, but another was answered `{other}`"),
        )
    } else {
        (Verdict::Pass, "one each time, 409 to the others".to_owned())
    };
    suite.row(Row::new(
        "race.one-wins",
        &ATOMIC,
        request,
        "one 200, the others 409",
        got,
        verdict,
    ));
    let (verdict, got) = if lost == 0 {
        (Verdict::Pass, "always the largest cosigned".to_owned())
    } else {
        (
            Verdict::Fail,
            format!("smaller than what was cosigned after {lost} of {ROUNDS} races"),
        )
    };
    suite.row(Row::new(
        "race.record",
        &ATOMIC,
        "the size asked for after each race",
        "the size that was cosigned",
        got,
        verdict,
    ));
}

struct Round {
    /// The sizes that were cosigned.
    cosigned: Vec<u64>,
    /// An answer that is neither 200 nor 409.
    strange: Option<String>,
}

async fn one_race(suite: &mut Suite, index: usize) -> Result<Round, String> {
    let log = &mut suite.logs[index];
    let sizes: Vec<u64> = (1..=RACERS).map(|step| log.recorded + step).collect();
    let bodies: Vec<Vec<u8>> = sizes.iter().map(|size| log.draft(*size).body()).collect();
    let client = &suite.client;
    // The largest first: a witness that looks and then writes would go back.
    let posts = bodies
        .iter()
        .rev()
        .map(|body| client.post_once("add-checkpoint", body));
    let answers = join_all(posts).await;
    let mut round = Round {
        cosigned: Vec::new(),
        strange: None,
    };
    for (size, answer) in sizes.into_iter().rev().zip(answers) {
        let answer: Answer = answer?;
        match answer.status {
            200 => round.cosigned.push(size),
            409 => {}
            _ => round.strange = Some(answer.describe()),
        }
    }
    if let Some(largest) = round.cosigned.iter().max() {
        suite.logs[index].recorded = *largest;
    }
    Ok(round)
}

/// All logs grow at once, each with one request in flight. Every request is good.
async fn side_by_side(suite: &mut Suite) {
    let usable: Vec<usize> = (0..suite.logs.len())
        .filter(|index| suite.logs[*index].unusable().is_none())
        .collect();
    let request = format!(
        "{} logs at once, {STEPS} good requests each, one after the other",
        usable.len()
    );
    if usable.len() < 2 {
        return suite.skip(
            "logs.side-by-side",
            &SUCCESS,
            request,
            "at least two logs are needed",
        );
    }
    let client = suite.client.clone();
    let logs = suite.logs.iter_mut().filter(|log| log.unusable().is_none());
    let runs = logs.map(|log| {
        let client = client.clone();
        async move {
            let mut answers = Vec::new();
            for _ in 0..STEPS {
                let size = log.recorded + 1;
                let answer = step(&client, &log.draft(size).body()).await;
                if answer == Ok(200) {
                    log.recorded = size;
                    // Its lines are not kept: the restart looks at what `grow` had cosigned.
                    log.cosigned = None;
                }
                answers.push(answer);
            }
            answers
        }
    });
    let answers: Vec<Result<u16, String>> = join_all(runs).await.into_iter().flatten().collect();
    let (verdict, got) = counted(&answers);
    suite.row(Row::new(
        "logs.side-by-side",
        &SUCCESS,
        request,
        "200 to each",
        got,
        verdict,
    ));
}

async fn step(client: &Client, body: &[u8]) -> Result<u16, String> {
    let answer = client.post_once("add-checkpoint", body).await?;
    Ok(answer.status)
}

/// No sentence forbids to shed load; a client that sends one request at a time and meets it cannot work.
fn counted(answers: &[Result<u16, String>]) -> (Verdict, String) {
    let mut other: Vec<String> = Vec::new();
    let mut verdict = Verdict::Pass;
    let mut statuses: Vec<u16> = answers
        .iter()
        .filter_map(|answer| answer.clone().ok())
        .collect();
    statuses.sort_unstable();
    let good = statuses.iter().filter(|status| **status == 200).count();
    statuses.dedup();
    for status in statuses {
        if status == 200 {
            continue;
        }
        let count = answers
            .iter()
            .filter(|answer| **answer == Ok(status))
            .count();
        other.push(format!("{status} to {count}"));
        let shed = matches!(status, 429 | 503);
        verdict = if shed && verdict != Verdict::Fail {
            Verdict::Warn
        } else {
            Verdict::Fail
        };
    }
    if let Some(Err(error)) = answers.iter().find(|answer| answer.is_err()) {
        other.push(error.clone());
        verdict = Verdict::Fail;
    }
    other.insert(0, format!("200 to {good} of {}", answers.len()));
    (verdict, other.join(", "))
}

async fn keep_alive(suite: &mut Suite) {
    let request = format!("{KEPT} requests, one after the other");
    let expected = "fewer connections than requests";
    let Ok(client) = suite.client.apart() else {
        return suite.skip(
            "keep-alive",
            &KEEP_ALIVE,
            request,
            "no HTTP client can be made",
        );
    };
    let Ok(log) = suite.log() else {
        return suite.skip("keep-alive", &KEEP_ALIVE, request, "no log is left");
    };
    let size = log.recorded + 1;
    let mut draft = log.draft(size);
    "old 0".clone_into(&mut draft.old);
    draft.proof.clear();
    let body = draft.body();
    for _ in 0..KEPT {
        if let Err(error) = client.post("add-checkpoint", &body).await {
            return suite.skip("keep-alive", &KEEP_ALIVE, request, error);
        }
    }
    let (verdict, got) = match client.connections() {
        // A request can be sent before the connection of the one before is at hand again.
        count if count <= KEPT / 2 => (Verdict::Pass, "connections are used again".to_owned()),
        count => (Verdict::Warn, format!("{count} connections")),
    };
    suite.row(Row::new(
        "keep-alive",
        &KEEP_ALIVE,
        request,
        expected,
        got,
        verdict,
    ));
}

//! What is left of a cosigned checkpoint when the witness is killed right after its answer.

use std::time::{Duration, Instant};

use crate::report::{Row, Verdict};
use crate::requirement::PERSIST;
use crate::suite::Suite;

/// How long the witness may take to be back.
const BACK_WITHIN: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(100);

/// How often.
const TIMES: u32 = 3;

pub(super) async fn run(suite: &mut Suite) {
    let request = format!("a larger tree, then a restart, {TIMES} times");
    let Some(command) = suite.restart.clone() else {
        return suite.skip(
            "restart",
            &PERSIST,
            request,
            "no command restarts the witness",
        );
    };
    let (verdict, got) = match all(suite, &command).await {
        Ok(()) => (Verdict::Pass, "the size cosigned before".to_owned()),
        Err(found) => found,
    };
    suite.row(Row::new(
        "restart",
        &PERSIST,
        request,
        "409 and the size cosigned before",
        got,
        verdict,
    ));
}

async fn all(suite: &mut Suite, command: &str) -> Result<(), (Verdict, String)> {
    let doubt = |why: String| (Verdict::NotTested, why);
    for _ in 0..TIMES {
        let index = suite.current().map_err(doubt)?;
        let size = suite.logs[index].next_size();
        suite
            .grow(index, size)
            .await
            .map_err(|why| doubt(format!("the larger tree was not cosigned: {why}")))?;
        restart(command).await.map_err(doubt)?;
        let since = Instant::now();
        let found = loop {
            match suite.record(index).await {
                Ok((found, _)) => break found,
                // It is back, and says something else.
                Err(why) if why.starts_with('4') => return Err((Verdict::Fail, why)),
                Err(why) if since.elapsed() > BACK_WITHIN => {
                    return Err(doubt(format!("the witness is not back: {why}")));
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        };
        if found != size {
            return Err((Verdict::Fail, format!("{found}, where {size} was cosigned")));
        }
    }
    Ok(())
}

async fn restart(command: &str) -> Result<(), String> {
    let status = tokio::process::Command::new("sh")
        .args(["-c", command])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .status()
        .await
        .map_err(|error| format!("`sh` cannot be started: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the restart command ended with {status}"))
    }
}

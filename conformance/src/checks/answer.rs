//! What is in a 200 answer.

use counterfoil_tiles::key::Algorithm;

use crate::cosigned::{self, Line, now};
use crate::report::{Row, Verdict};
use crate::requirement::{
    ANSWER_COSIGNATURES, ANSWER_LINES, ANSWER_MLDSA, ANSWER_TIME, ANSWER_WHOLE, Keyword,
    Requirement, TIME_IS_NOW, TIME_ORDER,
};
use crate::suite::Suite;

/// How far a witness's clock may be from ours, in seconds.
const CLOCKS_APART: u64 = 600;

const NO_VKEYS: &str = "no vkey of the witness was given";

const ROWS: [(&str, &Requirement, &str); 7] = [
    (
        "answer.lines",
        &ANSWER_LINES,
        "one or more signature lines and nothing else",
    ),
    (
        "answer.cosignatures",
        &ANSWER_COSIGNATURES,
        "a good cosignature by each key of the witness",
    ),
    ("answer.ml-dsa-44", &ANSWER_MLDSA, "one by an ML-DSA-44 key"),
    (
        "answer.whole-tree",
        &ANSWER_WHOLE,
        "the ML-DSA-44 cosignature is of [0, size)",
    ),
    ("answer.timestamp", &ANSWER_TIME, "no timestamp is 0"),
    (
        "answer.timestamp-now",
        &TIME_IS_NOW,
        "timestamps within 10 minutes of our clock",
    ),
    (
        "answer.time-order",
        &TIME_ORDER,
        "the larger tree has no earlier time",
    ),
];

/// What a row shows.
type Found = (Verdict, String);

pub(super) async fn run(suite: &mut Suite) {
    let answers = match two(suite).await {
        Ok(answers) => answers,
        Err(why) => {
            for (id, requirement, _) in ROWS {
                suite.skip(id, requirement, "a larger tree", why.clone());
            }
            return;
        }
    };
    let [earlier, later] = &answers;
    let found = [
        lines(later),
        cosignatures(suite, later),
        ml_dsa(suite, later),
        whole_tree(suite, later),
        timestamp(later),
        timestamp_now(later),
        time_order(earlier, later),
    ];
    for ((id, requirement, expected), (verdict, got)) in ROWS.into_iter().zip(found) {
        let verdict = match (verdict, requirement.keyword) {
            (Verdict::Fail, Keyword::Should) => Verdict::Warn,
            (verdict, _) => verdict,
        };
        let request = "a larger tree";
        suite.row(Row::new(id, requirement, request, expected, got, verdict));
    }
}

/// An answer as it came and as it was read.
struct Read {
    lines: Result<Vec<Line>, String>,
}

/// Two answers of one log, one after the other.
async fn two(suite: &mut Suite) -> Result<[Read; 2], String> {
    Ok([one(suite).await?, one(suite).await?])
}

async fn one(suite: &mut Suite) -> Result<Read, String> {
    let index = suite.current()?;
    let size = suite.logs[index].next_size();
    suite.grow(index, size).await?;
    let last = suite.logs[index].cosigned.clone().unwrap_or_else(|| {
        // `grow` has just set it.
        crate::log::Cosigned {
            size,
            text: String::new(),
            lines: String::new(),
        }
    });
    Ok(Read {
        lines: cosigned::read(last.lines.as_bytes(), &last.text, &suite.vkeys),
    })
}

fn with_lines(read: &Read, judge: impl FnOnce(&[Line]) -> Found) -> Found {
    match &read.lines {
        Ok(lines) => judge(lines),
        Err(why) => (Verdict::Fail, why.clone()),
    }
}

fn lines(read: &Read) -> Found {
    with_lines(read, |lines| {
        let unknown = lines.iter().filter(|line| line.key.is_none()).count();
        let got = match unknown {
            0 => format!("{} lines", lines.len()),
            unknown => format!("{} lines, {unknown} of them by keys not given", lines.len()),
        };
        (Verdict::Pass, got)
    })
}

fn cosignatures(suite: &Suite, read: &Read) -> Found {
    if suite.vkeys.is_empty() {
        return (Verdict::NotTested, NO_VKEYS.to_owned());
    }
    with_lines(read, |lines| {
        let good = |algorithm| {
            lines.iter().any(|line| {
                line.valid
                    && line
                        .key
                        .as_ref()
                        .is_some_and(|key| key.algorithm() == algorithm)
            })
        };
        let mut got = Vec::new();
        let mut verdict = Verdict::Pass;
        for key in suite.vkeys.iter() {
            let found = good(key.algorithm());
            if !found {
                verdict = Verdict::Fail;
            }
            let word = if found { "good" } else { "missing or bad" };
            got.push(format!("{}: {word}", key.algorithm()));
        }
        if lines.iter().any(|line| line.key.is_some() && !line.valid) {
            verdict = Verdict::Fail;
            got.push("a line that does not verify".to_owned());
        }
        (verdict, got.join(", "))
    })
}

fn ml_dsa(suite: &Suite, read: &Read) -> Found {
    if suite.vkeys.is_empty() {
        return (Verdict::NotTested, NO_VKEYS.to_owned());
    }
    with_lines(read, |lines| match of(lines, Algorithm::MlDsa44) {
        Some(_) => (Verdict::Pass, "one by an ML-DSA-44 key".to_owned()),
        None => (Verdict::Fail, "none by an ML-DSA-44 key".to_owned()),
    })
}

fn whole_tree(suite: &Suite, read: &Read) -> Found {
    if !suite
        .vkeys
        .iter()
        .any(|key| key.algorithm() == Algorithm::MlDsa44)
    {
        return (
            Verdict::NotTested,
            "no ML-DSA-44 vkey of the witness was given".to_owned(),
        );
    }
    // The message that is verified has the range in it.
    with_lines(read, |lines| match of(lines, Algorithm::MlDsa44) {
        Some(line) if line.valid => (Verdict::Pass, "verified as one of [0, size)".to_owned()),
        Some(_) => (
            Verdict::Fail,
            "does not verify as one of [0, size)".to_owned(),
        ),
        None => (Verdict::Fail, "none by an ML-DSA-44 key".to_owned()),
    })
}

fn of(lines: &[Line], algorithm: Algorithm) -> Option<&Line> {
    lines.iter().find(|line| {
        line.key
            .as_ref()
            .is_some_and(|key| key.algorithm() == algorithm)
    })
}

fn timestamp(read: &Read) -> Found {
    with_lines(read, |lines| {
        if lines.iter().any(|line| line.timestamp == Some(0)) {
            (Verdict::Fail, "a timestamp is 0".to_owned())
        } else if lines.iter().any(|line| line.timestamp.is_none()) {
            (Verdict::Fail, "a line without a timestamp".to_owned())
        } else {
            (Verdict::Pass, "none is 0".to_owned())
        }
    })
}

fn timestamp_now(read: &Read) -> Found {
    with_lines(read, |lines| {
        let apart = lines
            .iter()
            .filter_map(|line| line.timestamp)
            .map(|timestamp| timestamp.abs_diff(now()))
            .max();
        match apart {
            Some(apart) if apart <= CLOCKS_APART => (Verdict::Pass, "within 10 minutes".to_owned()),
            Some(apart) => (Verdict::Fail, format!("{apart} s from our clock")),
            None => (Verdict::NotTested, "there is no timestamp".to_owned()),
        }
    })
}

fn time_order(earlier: &Read, later: &Read) -> Found {
    let (Ok(earlier), Ok(later)) = (&earlier.lines, &later.lines) else {
        return (Verdict::NotTested, "an answer cannot be read".to_owned());
    };
    let newest = earlier.iter().filter_map(|line| line.timestamp).max();
    let oldest = later.iter().filter_map(|line| line.timestamp).min();
    match (newest, oldest) {
        (Some(before), Some(after)) if after < before => {
            (Verdict::Fail, format!("{} s earlier", before - after))
        }
        (Some(_), Some(_)) => (Verdict::Pass, "not earlier".to_owned()),
        _ => (Verdict::NotTested, "there is no timestamp".to_owned()),
    }
}

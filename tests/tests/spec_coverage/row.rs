//! The rows of `spec_coverage.tsv`: `specification  section  sentence  who  shown`, separated by one tab.
//!
//! `who` is the party the sentence binds. `shown` is a list of tests, `path::name` with the path from the workspace's
//! root, separated by `, `; or `later: <what it waits for>`; or `not ours: <why it does not bind this software>`.

use crate::sentence::Sentence;

const PARTIES: [&str; 8] = [
    "everyone", "log", "witness", "client", "cosigner", "operator", "bastion", "backend",
];

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) line: usize,
    pub(crate) sentence: Sentence,
    pub(crate) shown: Shown,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Shown {
    By(Vec<String>),
    Later,
    NotOurs,
}

pub(crate) fn parse(text: &str) -> Result<Vec<Row>, String> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            let (sentence, shown) =
                parse_line(line).map_err(|problem| format!("line {}: {problem}", index + 1))?;
            Ok(Row {
                line: index + 1,
                sentence,
                shown,
            })
        })
        .collect()
}

fn parse_line(line: &str) -> Result<(Sentence, Shown), String> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [specification, section, text, who, shown] = fields[..] else {
        return Err(format!("{} fields, expected 5", fields.len()));
    };
    if let Some(empty) = fields.iter().position(|field| field.trim().is_empty()) {
        return Err(format!("field {} is empty", empty + 1));
    }
    if !PARTIES.contains(&who) {
        return Err(format!("{who:?} is not one of {PARTIES:?}"));
    }
    let sentence = Sentence {
        specification: specification.into(),
        section: section.into(),
        text: text.into(),
    };
    Ok((sentence, parse_shown(shown)?))
}

fn parse_shown(shown: &str) -> Result<Shown, String> {
    if shown
        .strip_prefix("later: ")
        .is_some_and(|what| !what.is_empty())
    {
        return Ok(Shown::Later);
    }
    if shown
        .strip_prefix("not ours: ")
        .is_some_and(|why| !why.is_empty())
    {
        return Ok(Shown::NotOurs);
    }
    let tests: Vec<String> = shown.split(", ").map(Into::into).collect();
    match tests
        .iter()
        .find(|test| !test.contains(".rs::") || test.contains(' '))
    {
        Some(odd) => Err(format!(
            "{odd:?} is neither path.rs::test nor `later: ...` nor `not ours: ...`"
        )),
        None => Ok(Shown::By(tests)),
    }
}

#[test]
fn a_row_is_five_fields() {
    let rows = parse(
        "# comment\n\ntlog-proof\tFormat\tThe first line MUST be it.\tlog\ta/b.rs::x, c.rs::y\n",
    )
    .unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].line, 3);
    assert_eq!(
        rows[0].shown,
        Shown::By(vec!["a/b.rs::x".into(), "c.rs::y".into()])
    );
}

#[test]
fn bad_rows_are_refused() {
    for (name, line) in [
        ("a field missing", "s\tsection\tsentence\tlog"),
        ("a field too many", "s\tsection\tsentence\tlog\ta.rs::x\t"),
        (
            "an unknown party",
            "s\tsection\tsentence\tsomebody\ta.rs::x",
        ),
        ("an empty sentence", "s\tsection\t\tlog\ta.rs::x"),
        ("no test", "s\tsection\tsentence\tlog\tcovered"),
        (
            "a test without a name of its own",
            "s\tsection\tsentence\tlog\ta.rs",
        ),
        (
            "later without what it waits for",
            "s\tsection\tsentence\tlog\tlater: ",
        ),
        (
            "not ours without a reason",
            "s\tsection\tsentence\tlog\tnot ours: ",
        ),
    ] {
        assert!(parse(line).is_err(), "accepted: {name}");
    }
}

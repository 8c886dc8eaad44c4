//! Each sentence of a specification that binds us has a row in `spec_coverage.tsv`, and each row says which test shows
//! it, or why none does yet.
//!
//! The rows are checked on every run. Where the specifications are at hand (`COUNTERFOIL_SPECS`, or `../shared/specs`
//! beside the workspace) they are read again: a sentence without a row fails, as does a row whose sentence is gone, and
//! a quotation in a `SPEC(name)` comment that is not what the specification says.

mod quotation;
mod row;
mod sentence;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use row::{Row, Shown};
use sentence::Sentence;

/// The specifications we implement a part of, with what marks a binding sentence beside MUST, SHALL and REQUIRED: the
/// ones that do not write these in capitals, or give steps of verification instead.
const SPECIFICATIONS: [(&str, &[&str]); 9] = [
    (
        "signed-note",
        &[
            "A signed note consists of",
            "The note text includes",
            "the text is separated from",
            "Signatures are the base64",
        ],
    ),
    (
        "tlog-checkpoint",
        &[
            "The note text is a sequence",
            "The second line is",
            "The third line is",
        ],
    ),
    (
        "tlog-tiles",
        &[
            "has `floor(s / 256**l) mod 256`",
            "Entry bundles are sequences",
        ],
    ),
    ("tlog-cosignature", &["are serialized in sequence"]),
    (
        "tlog-policy",
        &[
            "must",
            "not allowed",
            "are allowed and ignored",
            "is allowed",
            "can only",
            "at most once",
            "invalid as",
            "only allowed control",
            "are accepted",
            "if and only if",
            "is considered valid",
            "are considered",
            "are opaque",
            "supports at least",
        ],
    ),
    (
        "tlog-proof",
        &[
            "Check that",
            "Verify all",
            "this line is omitted",
            "are the base64-encoded Merkle",
            "is included verbatim",
        ],
    ),
    ("tlog-witness", &["must be performed atomically"]),
    ("subtrees", &["fail ", "is a multiple of `BIT_CEIL"]),
    ("https-bastion", &[]),
];

/// Others of which single sentences have rows: they are not at hand, so that nobody checks that these are all, or verbatim.
const CITED: [&str; 6] = [
    "rfc3161", "rfc5035", "rfc5280", "rfc5652", "rfc5816", "rfc6960",
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rows() -> Vec<Row> {
    row::parse(include_str!("../../spec_coverage.tsv"))
        .unwrap_or_else(|error| panic!("spec_coverage.tsv: {error}"))
}

/// The text of each specification, if they are at hand. Their absence is an error where they are required.
fn specifications() -> Option<BTreeMap<&'static str, String>> {
    let dir = std::env::var_os("COUNTERFOIL_SPECS")
        .map_or_else(|| workspace().join("../shared/specs"), PathBuf::from);
    if !dir.is_dir() {
        let required =
            std::env::var_os("COUNTERFOIL_REQUIRE_VECTORS").is_some_and(|value| value == "1");
        assert!(
            !required,
            "no specifications at {}: set COUNTERFOIL_SPECS",
            dir.display()
        );
        println!("skipped: no specifications at {}", dir.display());
        return None;
    }
    let read = |name: &str| {
        let path = dir.join(format!("{name}.md"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    Some(
        SPECIFICATIONS
            .iter()
            .map(|(name, _)| (*name, read(name)))
            .collect(),
    )
}

/// Fails with all the problems at once: whoever mends one wants to see the others.
fn assert_none(problems: &[String]) {
    assert!(
        problems.is_empty(),
        "{} problems:\n{}",
        problems.len(),
        problems.join("\n")
    );
}

#[test]
fn rows_name_tests_that_exist_and_quote_the_sentence() {
    let mut problems = Vec::new();
    for row in rows() {
        let Shown::By(tests) = &row.shown else {
            continue;
        };
        for test in tests {
            let quotes = |source: String| {
                let Sentence {
                    specification,
                    text,
                    ..
                } = &row.sentence;
                let mut quotations = quotation::find(&source).into_iter();
                quotations.any(|quotation| {
                    quotation.specification == *specification && quotation.quotes(text)
                })
            };
            match source::test_source(&workspace(), test).map(quotes) {
                Ok(true) => {}
                Ok(false) => problems.push(format!(
                    "line {}: {test} does not quote the sentence",
                    row.line
                )),
                Err(problem) => problems.push(format!("line {}: {test}: {problem}", row.line)),
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn rows_are_of_known_specifications_and_come_once() {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for row in rows() {
        if !SPECIFICATIONS
            .iter()
            .any(|(name, _)| *name == row.sentence.specification)
            && !CITED.contains(&row.sentence.specification.as_str())
        {
            problems.push(format!(
                "line {}: unknown specification {}",
                row.line, row.sentence.specification
            ));
        }
        if !seen.insert(row.sentence.clone()) {
            problems.push(format!("line {}: the sentence has a row already", row.line));
        }
    }
    assert_none(&problems);
}

#[test]
fn every_binding_sentence_has_a_row() {
    let Some(texts) = specifications() else {
        return;
    };
    let said: BTreeSet<Sentence> = SPECIFICATIONS
        .iter()
        .flat_map(|(name, markers)| sentence::binding(name, &texts[name], markers))
        .collect();
    let listed = rows().into_iter().map(|row| row.sentence);
    let listed: BTreeSet<Sentence> = listed
        .filter(|sentence| !CITED.contains(&sentence.specification.as_str()))
        .collect();

    let missing = said
        .difference(&listed)
        .map(|sentence| format!("no row for: {sentence}"));
    let gone = listed
        .difference(&said)
        .map(|sentence| format!("not in the specification: {sentence}"));
    assert_none(&missing.chain(gone).collect::<Vec<_>>());
}

#[test]
fn quotations_in_the_source_are_verbatim() {
    let Some(texts) = specifications() else {
        return;
    };
    let mut problems = Vec::new();
    let mut found = 0;
    for path in source::rust_files(&workspace()) {
        let text = std::fs::read_to_string(&path).expect("a file just listed is readable");
        for quotation in quotation::find(&text) {
            // Others (RFCs, for one) are cited by section and are not at hand.
            let Some(specification) = texts.get(quotation.specification.as_str()) else {
                continue;
            };
            found += 1;
            if !quotation.is_in(specification) {
                let line = quotation.line;
                problems.push(format!(
                    "{}:{line}: {} does not say this",
                    path.display(),
                    quotation.specification
                ));
            }
        }
    }
    assert!(found > 0, "no SPEC(name) comment found in the workspace");
    assert_none(&problems);
}

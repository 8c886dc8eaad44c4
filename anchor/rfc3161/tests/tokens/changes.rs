//! Tokens of which one byte was changed.

use std::collections::BTreeSet;

use counterfoil_rfc3161::{CheckName, Covers, Token, Verdict};

use crate::rows::{Row, rows};

/// A token of each kind of signature and encoding, the smallest there is.
fn sample(rows: &[Row]) -> Vec<&Row> {
    let mut valid: Vec<&Row> = rows
        .iter()
        .filter(|row| row.class == "valid" || row.class == "valid-openssl-ts-cannot")
        .filter(|row| {
            let imprint = Token::parse(&row.token).map(|token| token.info().imprint.clone());
            imprint.is_ok_and(|imprint| row.judge(&row.token, Covers::Imprint(&imprint)).is_good())
        })
        .collect();
    valid.sort_by_key(|row| row.token.len());
    let mut kinds = BTreeSet::new();
    valid.retain(|row| kinds.insert((&row.signature, &row.encoding)));
    valid
}

/// A changed byte is either refused, or outside of what is signed: then nothing that the token says has changed.
#[test]
fn a_changed_byte_is_refused_or_changes_nothing_that_is_said() {
    let rows = rows();
    let (mut refused, mut harmless) = (0, 0);
    for row in sample(&rows) {
        let before = Token::parse(&row.token).unwrap();
        let imprint = &before.info().imprint;
        for at in 0..row.token.len() {
            let mut changed = row.token.clone();
            changed[at] ^= 1 << (at % 8);
            let judgement = row.judge(&changed, Covers::Imprint(imprint));
            if judgement.is_good() {
                let after = Token::parse(&changed).unwrap();
                assert_eq!(after.info(), before.info(), "{} at {at}", row.file);
                harmless += 1;
            } else {
                refused += 1;
            }
        }
    }
    println!("{refused} refused, {harmless} harmless");
    assert!(
        rows.is_empty() || refused > 1_000,
        "{refused} refused, {harmless} harmless"
    );
}

#[test]
fn a_token_cut_short_is_no_token() {
    for row in sample(&rows()) {
        for length in 0..row.token.len() {
            let judgement = row.judge(&row.token[..length], Covers::Unknown);
            assert_eq!(
                judgement.verdict(CheckName::Parsed),
                Verdict::Failed,
                "{} at {length}",
                row.file
            );
        }
    }
}

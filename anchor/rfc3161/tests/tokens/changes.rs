//! Tokens of which one byte was changed.

use std::collections::BTreeSet;
use std::ops::Range;

use counterfoil_rfc3161::{CheckName, Covers, Outcome, Token};

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

/// Where the content of the next element stands, and where the element ends. None where a length is not definite.
fn element(token: &[u8], at: usize) -> Option<(Range<usize>, usize)> {
    let first = usize::from(token[at + 1]);
    let count = match first {
        0..0x80 => 0,
        0x80 => return None,
        _ => first - 0x80,
    };
    let begins = at + 2 + count;
    let length = match count {
        0 => first,
        _ => token[at + 2..begins]
            .iter()
            .fold(0, |length, octet| length << 8 | usize::from(*octet)),
    };
    Some((begins..begins + length, begins + length))
}

/// The content of the element that comes after so many others.
fn after(token: &[u8], mut at: usize, others: usize) -> Option<Range<usize>> {
    for _ in 0..others {
        at = element(token, at)?.1;
    }
    Some(element(token, at)?.0)
}

/// Where a token's signed parts stand: the content, the signed attributes, the signature. None where lengths are not definite.
fn signed_parts(token: &[u8]) -> Option<[Range<usize>; 3]> {
    let content_info = after(token, 0, 0)?;
    let explicit = after(token, content_info.start, 1)?;
    let signed_data = after(token, explicit.start, 0)?;
    let encapsulated = after(token, signed_data.start, 2)?;
    let content = after(token, after(token, encapsulated.start, 1)?.start, 0)?;
    // The last of the signed data, behind certificates and CRLs, which need not be there.
    let (mut at, mut signers) = (signed_data.start, None);
    while at < signed_data.end {
        let (found, end) = element(token, at)?;
        (at, signers) = (end, Some(found));
    }
    let signer = after(token, signers?.start, 0)?;
    let attributes = after(token, signer.start, 3)?;
    let signature = after(token, signer.start, 5)?;
    Some([content, attributes, signature])
}

/// A changed byte is either refused, or outside of what is signed: then nothing that the token says has changed.
#[test]
fn a_changed_byte_is_refused_or_changes_nothing_that_is_said() {
    let rows = rows();
    let (mut refused, mut harmless, mut signed) = (0, 0, 0);
    for row in sample(&rows) {
        let before = Token::parse(&row.token).unwrap();
        let imprint = &before.info().imprint;
        let parts = signed_parts(&row.token).unwrap_or_default();
        signed += parts.iter().map(Range::len).sum::<usize>();
        for at in 0..row.token.len() {
            let mut changed = row.token.clone();
            changed[at] ^= 1 << (at % 8);
            let judgement = row.judge(&changed, Covers::Imprint(imprint));
            if judgement.is_good() {
                let after = Token::parse(&changed).unwrap();
                assert_eq!(after.info(), before.info(), "{} at {at}", row.file);
                let is_signed = parts.iter().any(|part| part.contains(&at));
                assert!(!is_signed, "{} at {at}", row.file);
                harmless += 1;
            } else {
                refused += 1;
            }
        }
    }
    assert!(
        rows.is_empty() || (refused > signed && signed > 5_000),
        "{refused} refused, {harmless} harmless, {signed} signed"
    );
}

#[test]
fn a_token_cut_short_is_no_token() {
    for row in sample(&rows()) {
        for length in 0..row.token.len() {
            let judgement = row.judge(&row.token[..length], Covers::Unknown);
            assert_eq!(
                judgement.outcome(CheckName::Parsed),
                Outcome::Failed,
                "{} at {length}",
                row.file
            );
        }
    }
}

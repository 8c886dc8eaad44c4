//! What the fuzz targets for time-stamp tokens do with their input, shared by `cargo fuzz` and by
//! `anchor/rfc3161/tests/fuzz_bodies.rs`.
//!
//! A body reads its input three times: as all there is, as edits to a good example, and below elements of indefinite length that nest
//! deeper than is read. It fails if anything panics, if a token is good that says something that was never signed, or if one is read
//! beyond the limits.

#[path = "edits.rs"]
mod edits;

use counterfoil_rfc3161::{
    Certificate, Covers, MAX_RESPONSE_SIZE, MAX_TOKEN_SIZE, Question, Token, parse_response, verify,
};
use edits::edited;

/// The name of a target and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 2] = [("timestamp_response", timestamp_response), ("token", token)];

/// A token, and the root that it leads to.
const TOKEN: &[u8] = include_bytes!("../examples/token.der");
const ROOT: &[u8] = include_bytes!("../examples/root.der");

/// Opens an element of indefinite length more often than any is read.
fn too_deep(data: &[u8]) -> Vec<u8> {
    [[0x30, 0x80].repeat(64), data.to_vec()].concat()
}

/// A token: whatever is good says what was signed.
pub fn token(data: &[u8]) {
    let signed = Token::parse(TOKEN).ok();
    let roots: Vec<Certificate> = Certificate::parse(ROOT).into_iter().collect();
    let imprint = signed.as_ref().map(|token| token.info().imprint.clone());
    for bytes in [data, &edited(TOKEN, data)] {
        let judgement = verify(&Question {
            token: bytes,
            covers: imprint.as_ref().map_or(Covers::Unknown, Covers::Imprint),
            nonce: None,
            policies: &[],
            roots: &roots,
            extra: &roots,
            revocation: &[],
            at: None,
        });
        if judgement.is_good() {
            let said = Token::parse(bytes).ok();
            let infos = [&said, &signed].map(|token| token.as_ref().map(Token::info));
            assert_eq!(infos[0], infos[1]);
        }
    }
    let mut long = edited(TOKEN, data);
    long.resize(MAX_TOKEN_SIZE + 1, 0);
    for bytes in [too_deep(data), long] {
        assert!(Token::parse(&bytes).is_err());
    }
}

/// A response: what it holds is a part of it.
pub fn timestamp_response(data: &[u8]) {
    let granted = [
        &[0x30, 0x82, 0x03, 0xd2, 0x30, 0x03, 0x02, 0x01, 0x00],
        TOKEN,
    ]
    .concat();
    assert_eq!(parse_response(&granted).as_deref(), Ok(TOKEN));
    for bytes in [data, &edited(&granted, data)] {
        if let Ok(token) = parse_response(bytes) {
            assert!(bytes.windows(token.len()).any(|part| part == token));
        }
    }
    let mut long = granted;
    long.resize(MAX_RESPONSE_SIZE + 1, 0);
    for bytes in [too_deep(data), long] {
        assert!(parse_response(&bytes).is_err());
    }
}

//! What the fuzz targets for time-stamp tokens do with their input, shared by `cargo fuzz` and by
//! `anchor/rfc3161/tests/fuzz_bodies.rs`.
//!
//! A body reads its input as all there is, and as edits to a good example; and it puts it into a good example at the limits and beyond
//! them. It fails if anything panics, if something is good or said that was never signed, or if a limit is not where it should be.

#[path = "edits.rs"]
mod edits;

use counterfoil_rfc3161::{
    Certificate, Covers, EncodingError, MAX_CRL_SIZE, MAX_OCSP_SIZE, MAX_RESPONSE_SIZE,
    MAX_TOKEN_SIZE, Question, RevocationKind, RevocationStatus, Timestamp, Token, parse_response,
    revocation_status, verify,
};
use edits::edited;

/// The name of a target and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 3] = [
    ("revocation", revocation),
    ("timestamp_response", timestamp_response),
    ("token", token),
];

/// A token, and the root that it leads to.
const TOKEN: &[u8] = include_bytes!("../examples/token.der");
const ROOT: &[u8] = include_bytes!("../examples/root.der");

/// A certificate, the one of its issuer, and what is said of it: that it was revoked after [`GEN_TIME`], in good order.
const SUBJECT: &[u8] = include_bytes!("../examples/revocation/subject.der");
const ISSUER: &[u8] = include_bytes!("../examples/revocation/issuer.der");
const CRL: &[u8] = include_bytes!("../examples/revocation/crl.der");
const OCSP: &[u8] = include_bytes!("../examples/revocation/ocsp.der");

/// 2026-01-01.
const GEN_TIME: Timestamp = Timestamp::from_seconds(1_767_225_600);

/// Whether the limits are tried with an input, too: that takes megabytes, so that it is done with some.
fn is_for_limits(data: &[u8]) -> bool {
    data.len().is_multiple_of(32)
}

/// How deep elements may nest.
const DEEPEST: usize = 24;

/// An element whose length takes four octets.
fn element(identifier: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[identifier, 0x84], &length[..], content].concat()
}

/// So many bytes, which begin with these.
fn padded(data: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = data.to_vec();
    bytes.resize(length, 0);
    bytes
}

/// The elements of a definite length within an element.
fn children(content: &[u8]) -> Vec<&[u8]> {
    let mut rest = content;
    let mut children = Vec::new();
    while let [_, first, ..] = rest {
        let header = header_length(rest);
        let octets = rest[2..header].iter();
        let length = if header == 2 {
            usize::from(*first)
        } else {
            octets.fold(0, |all, octet| all << 8 | usize::from(*octet))
        };
        let (child, behind) = rest.split_at(header + length);
        children.push(child);
        rest = behind;
    }
    children
}

/// The example with another element at the end of its `SignerInfo`, which is the last of all that hold it: unsigned attributes.
fn with_unsigned(extra: &[u8]) -> Vec<u8> {
    // ContentInfo, content, SignedData, signerInfos, SignerInfo.
    fn within(outer: &[u8], levels: usize, extra: &[u8]) -> Vec<u8> {
        let parts = children(&outer[header_length(outer)..]);
        let (last, before) = parts.split_last().unwrap();
        let last = match levels {
            0 => [last, extra].concat(),
            _ => within(last, levels - 1, extra),
        };
        element(outer[0], &[&before.concat(), &last[..]].concat())
    }
    within(TOKEN, 4, extra)
}

fn header_length(element: &[u8]) -> usize {
    match element[1] {
        0..0x80 => 2,
        long => 2 + usize::from(long & 0x7f),
    }
}

/// Elements of indefinite length within each other, each of them closed, in what nobody signed.
fn nested(data: &[u8], levels: usize) -> Vec<u8> {
    let inner = [
        [0x30, 0x80].repeat(levels),
        element(0x04, data),
        [0, 0].repeat(levels),
    ]
    .concat();
    [&[0xa1, 0x80], &inner[..], &[0, 0]].concat()
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
    if !is_for_limits(data) {
        return;
    }
    let some = with_unsigned(&element(0xa1, data));
    let room = MAX_TOKEN_SIZE - some.len() + data.len();
    let filled = |length| with_unsigned(&element(0xa1, &padded(data, length)));
    if room >= data.len() {
        assert_eq!(Token::parse(&filled(room)).ok(), signed);
    }
    assert_eq!(
        Token::parse(&filled(room + 1)),
        Err(EncodingError::Length("a token"))
    );
    let deep = |levels| Token::parse(&with_unsigned(&nested(data, levels)));
    assert_eq!(deep(DEEPEST - 1).ok(), signed);
    assert!(matches!(deep(DEEPEST + 1), Err(EncodingError::TooDeep(_))));
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
    if !is_for_limits(data) {
        return;
    }
    // What stands in the place of the token is a part of the response, however large.
    let filled = |length| {
        let token = element(0x30, &padded(data, length));
        element(
            0x30,
            &[&[0x30, 0x03, 0x02, 0x01, 0x00], &token[..]].concat(),
        )
    };
    let room = MAX_RESPONSE_SIZE - filled(data.len()).len() + data.len();
    assert_eq!(filled(room).len(), MAX_RESPONSE_SIZE);
    assert!(parse_response(&filled(room)).is_ok());
    assert!(parse_response(&filled(room + 1)).is_err());
}

/// Data about revocation: what they say is what was signed.
pub fn revocation(data: &[u8]) {
    let chain = [SUBJECT, ISSUER].map(|der| Certificate::parse(der).unwrap());
    for (kind, example, largest) in [
        (RevocationKind::Crl, CRL, MAX_CRL_SIZE),
        (RevocationKind::Ocsp, OCSP, MAX_OCSP_SIZE),
    ] {
        let said = |bytes: &[u8]| revocation_status(&chain, 0, kind, bytes, GEN_TIME);
        let signed = said(example);
        assert!(matches!(signed, RevocationStatus::RevokedLater { .. }));
        for bytes in [data, &edited(example, data)] {
            let status = said(bytes);
            let is_nothing = matches!(
                status,
                RevocationStatus::Nothing(_) | RevocationStatus::AboutOthers(_)
            );
            assert!(is_nothing || status == signed, "{kind}: {status:?}");
        }
        if !is_for_limits(data) {
            continue;
        }
        let is_too_large = |length| match said(&padded(data, length)) {
            RevocationStatus::Nothing(why) => why.contains("expected at most"),
            _ => false,
        };
        if data.len() <= largest {
            assert!(!is_too_large(largest));
        }
        assert!(is_too_large(largest + 1));
    }
}

//! The checks of what a token itself says.

use counterfoil_checks::{Trouble, failed, not_checked};

use super::Covers;
use crate::algorithm::{self, HashAlgorithm};
use crate::ber::{self, Reader};
use crate::oid::Oid;
use crate::request::{Imprint, Nonce};
use crate::text::{self, listed};
use crate::time::Timestamp;
use crate::token::{Info, Token};

const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";
const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";

/// How far genTime may be after the time of the judgement: clocks differ. Five minutes.
const MAX_AHEAD_MICROS: u64 = 300_000_000;

pub(super) fn version(token: &Token) -> Result<String, Trouble> {
    // RFC 3161 section 2.4.2: version INTEGER { v1(1) }. RFC 5652 section 5.1: 3 where the content type is not id-data; some write 1.
    if token.info.version != 1 {
        return Err(failed(format!(
            "expected TSTInfo of version 1, found {}",
            token.info.version
        )));
    }
    if !(1..=5).contains(&token.version) {
        return Err(failed(format!(
            "expected signed data of version 3, found {}",
            token.version
        )));
    }
    if !token.info.critical.is_empty() {
        let oids = listed(&token.info.critical, ", ");
        return Err(failed(format!(
            "the token has critical extensions that are not understood: {oids}"
        )));
    }
    Ok("1".into())
}

pub(super) fn content_type(token: &Token) -> Result<String, Trouble> {
    if token.content_type != TST_INFO {
        return Err(failed(format!(
            "expected id-ct-TSTInfo, found {}",
            token.content_type
        )));
    }
    // RFC 5652 section 5.3: signed attributes MUST be there if the content is not id-data, with content type and message digest.
    let said = token.signer.attribute(CONTENT_TYPE);
    let said = said.map_err(|error| failed(format!("the attribute content-type {error}")))?;
    let Some(said) = said else {
        return Err(failed("the signed attribute content-type is missing"));
    };
    let said = Reader::new(said, "content-type").oid("content-type");
    if said.map_err(failed)? == TST_INFO {
        Ok("id-ct-TSTInfo".into())
    } else {
        Err(failed(
            "the signed attribute content-type is not id-ct-TSTInfo",
        ))
    }
}

pub(super) fn imprint_algorithm(imprint: &Imprint) -> Result<String, Trouble> {
    let algorithm = algorithm::known_hash(&imprint.algorithm).map_err(failed)?;
    let (expected, found) = (algorithm.size(), imprint.digest.len());
    if found == expected {
        Ok(algorithm.name().to_owned())
    } else {
        let name = algorithm.name();
        Err(failed(format!(
            "a digest by {name} has {expected} bytes, found {found}"
        )))
    }
}

pub(super) fn imprint(imprint: &Imprint, covers: Covers<'_>) -> Result<String, Trouble> {
    let same = match covers {
        Covers::Unknown => return Err(not_checked("what the token covers was not given")),
        Covers::Imprint(expected) => expected == imprint,
        Covers::Data(data) => match HashAlgorithm::of_oid(&imprint.algorithm) {
            Some(algorithm) => algorithm.digest(data) == imprint.digest,
            None => return Err(not_checked("the hash algorithm is not known")),
        },
    };
    if same {
        Ok("it covers what was given".into())
    } else {
        Err(failed(format!(
            "it covers other data: their digest is {}",
            text::bytes(&imprint.digest)
        )))
    }
}

pub(super) fn nonce(found: Option<&Nonce>, expected: Option<&Nonce>) -> Result<String, Trouble> {
    match (expected, found) {
        (None, _) => Err(not_checked("the request's nonce is not known")),
        (Some(expected), Some(found)) if expected == found => Ok("the request's".into()),
        (Some(expected), Some(found)) => Err(failed(format!(
            "expected the request's nonce {expected}, found {found}"
        ))),
        (Some(expected), None) => Err(failed(format!(
            "expected the request's nonce {expected}, and there is none"
        ))),
    }
}

pub(super) fn policy(found: &Oid, accepted: &[Oid]) -> Result<String, Trouble> {
    if accepted.is_empty() {
        Err(not_checked(format!(
            "any policy is accepted; it is {found}"
        )))
    } else if accepted.iter().any(|policy| policy == found) {
        Ok(found.to_string())
    } else {
        Err(failed(format!(
            "expected {}, found {found}",
            listed(accepted, " or ")
        )))
    }
}

pub(super) fn message_digest(token: &Token) -> Result<String, Trouble> {
    let algorithm = algorithm::known_hash(&token.signer.digest).map_err(failed)?;
    let said = token.signer.attribute(MESSAGE_DIGEST);
    let said = said.map_err(|error| failed(format!("the attribute message-digest {error}")))?;
    let Some(said) = said else {
        return Err(failed("the signed attribute message-digest is missing"));
    };
    let digest = ber::octet_string(&mut Reader::new(said, "message-digest"), "message-digest");
    if digest.map_err(failed)? == algorithm.digest(&token.content) {
        Ok(algorithm.name().to_owned())
    } else {
        Err(failed(
            "the signed attribute message-digest is not the digest of the content",
        ))
    }
}

pub(super) fn accuracy(info: &Info) -> Result<String, Trouble> {
    match (info.accuracy, &info.wrong_accuracy) {
        (Some(micros), _) => Ok(format!("within {micros} microseconds")),
        (None, Some(wrong)) => Err(failed(format!("an accuracy may not have {wrong}"))),
        (None, None) => Err(not_checked("the token does not say how exact its time is")),
    }
}

pub(super) fn is_not_later(time: Timestamp, at: Option<Timestamp>) -> Result<String, Trouble> {
    let Some(at) = at else {
        return Err(not_checked("the time of the judgement was not given"));
    };
    if time > at.later(MAX_AHEAD_MICROS) {
        Err(failed(format!(
            "the token is from {time}, which is after {at}"
        )))
    } else {
        Ok(time.to_string())
    }
}

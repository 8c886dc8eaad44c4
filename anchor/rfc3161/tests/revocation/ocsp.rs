//! OCSP answers (RFC 6960 section 4.2).

use aws_lc_rs::digest::{self, Algorithm, digest};
use counterfoil_rfc3161::{
    MAX_OCSP_SIZE, RevocationKind, RevocationReason, RevocationStatus, Timestamp,
};

use crate::der::{
    context, element, enumerated, extension, integer, octets, oid, primitive, sequence, time,
};
use crate::parties::{
    AT, BEFORE, DAY_AFTER, EXPIRED, EXPIRY, GEN_TIME, Party, SERIAL, WEEK_AFTER, World,
    assert_about_others, assert_nothing,
};

const SHA1: (&str, &Algorithm) = ("1.3.14.3.2.26", &digest::SHA1_FOR_LEGACY_USE_ONLY);
const SHA256: (&str, &Algorithm) = ("2.16.840.1.101.3.4.2.1", &digest::SHA256);
const SHA384: (&str, &Algorithm) = ("2.16.840.1.101.3.4.2.2", &digest::SHA384);
const SHA512: (&str, &Algorithm) = ("2.16.840.1.101.3.4.2.3", &digest::SHA512);

/// An answer before it is signed.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) version: Vec<u8>,
    pub(crate) responder: Vec<u8>,
    pub(crate) produced_at: Vec<u8>,
    pub(crate) singles: Vec<Vec<u8>>,
    pub(crate) extensions: Vec<Vec<u8>>,
    pub(crate) certificates: Vec<Vec<u8>>,
}

impl Answer {
    /// The authority's own, of the day after genTime, named by its name.
    pub(crate) fn of(ca: &Party, single: Vec<u8>) -> Self {
        Self {
            version: Vec::new(),
            responder: by_name(ca),
            produced_at: time(DAY_AFTER),
            singles: vec![single],
            extensions: Vec::new(),
            certificates: Vec::new(),
        }
    }

    fn produced(mut self, at: &str) -> Self {
        self.produced_at = time(at);
        self
    }

    fn extended(mut self, extension: Vec<u8>) -> Self {
        self.extensions.push(extension);
        self
    }

    pub(crate) fn tbs(&self) -> Vec<u8> {
        let extensions = match self.extensions.as_slice() {
            [] => Vec::new(),
            some => context(1, &element(0x30, &some.concat())),
        };
        sequence(&[
            &self.version,
            &self.responder,
            &self.produced_at,
            &element(0x30, &self.singles.concat()),
            &extensions,
        ])
    }

    pub(crate) fn signed(&self, by: &Party) -> Vec<u8> {
        let tbs = self.tbs();
        let certificates = match self.certificates.as_slice() {
            [] => Vec::new(),
            some => context(0, &element(0x30, &some.concat())),
        };
        successful(&sequence(&[&tbs, &by.sign(&tbs), &certificates]))
    }
}

fn successful(basic: &[u8]) -> Vec<u8> {
    response(0, "1.3.6.1.5.5.7.48.1.1", basic)
}

fn response(status: u8, kind: &str, basic: &[u8]) -> Vec<u8> {
    let bytes = sequence(&[&oid(kind), &octets(basic)]);
    sequence(&[&enumerated(status), &context(0, &bytes)])
}

pub(crate) fn by_name(party: &Party) -> Vec<u8> {
    context(1, &party.name)
}

pub(crate) fn by_key(party: &Party) -> Vec<u8> {
    let hash = digest(SHA1.1, party.key_bits());
    context(2, &octets(hash.as_ref()))
}

fn id_by((dotted, algorithm): (&str, &'static Algorithm), ca: &Party, serial: &[u8]) -> Vec<u8> {
    sequence(&[
        &sequence(&[&oid(dotted), &element(0x05, &[])]),
        &octets(digest(algorithm, &ca.name).as_ref()),
        &octets(digest(algorithm, ca.key_bits()).as_ref()),
        &integer(serial),
    ])
}

pub(crate) fn id(ca: &Party) -> Vec<u8> {
    id_by(SHA1, ca, SERIAL)
}

pub(crate) fn good() -> Vec<u8> {
    primitive(0, &[])
}

fn unknown() -> Vec<u8> {
    primitive(2, &[])
}

pub(crate) fn revoked(at: &str, code: Option<u8>) -> Vec<u8> {
    let reason = code.map(|code| context(0, &enumerated(code)));
    context(1, &[time(at), reason.unwrap_or_default()].concat())
}

/// A single response; `next` and extensions may be empty.
pub(crate) fn single(id: &[u8], status: &[u8], this: &str, rest: &[Vec<u8>]) -> Vec<u8> {
    sequence(&[id, status, &time(this), &rest.concat()])
}

fn next(at: &str) -> Vec<u8> {
    context(0, &time(at))
}

fn extensions(list: &[Vec<u8>]) -> Vec<u8> {
    context(1, &element(0x30, &list.concat()))
}

fn cutoff(at: &str) -> Vec<u8> {
    extension("1.3.6.1.5.5.7.48.1.6", false, &time(at))
}

fn day(days: i64) -> Timestamp {
    Timestamp::from_seconds(GEN_TIME.seconds() + days * 86_400)
}

fn status(world: &World, answer: &Answer) -> RevocationStatus {
    world.status(RevocationKind::Ocsp, &answer.signed(&world.ca))
}

#[test]
fn an_answer_that_is_not_older_than_the_token_says_good() {
    let world = World::new();
    let id = id(&world.ca);
    let plain = Answer::of(
        &world.ca,
        single(&id, &good(), DAY_AFTER, &[next(WEEK_AFTER)]),
    );
    let of = |single| Answer::of(&world.ca, single);
    let other = id_by(SHA1, &world.ca, &[0x07]);
    let mut rows = vec![
        ("by name", plain.clone()),
        (
            "by key",
            Answer {
                responder: by_key(&world.ca),
                ..plain.clone()
            },
        ),
        (
            "version 1 said",
            Answer {
                version: context(0, &integer(&[0])),
                ..plain.clone()
            },
        ),
        (
            "a nonce",
            plain
                .clone()
                .extended(extension("1.3.6.1.5.5.7.48.1.2", false, &octets(&[1]))),
        ),
        (
            "of the second of genTime",
            of(single(&id, &good(), AT, &[])).produced(AT),
        ),
        (
            "in the last second of the certificate",
            of(single(&id, &good(), EXPIRY, &[])).produced(EXPIRY),
        ),
        (
            "expired, and remembered",
            of(single(
                &id,
                &good(),
                EXPIRED,
                &[extensions(&[cutoff(EXPIRY)])],
            ))
            .produced(EXPIRED),
        ),
        (
            "another one, revoked, beside it",
            Answer {
                singles: vec![
                    single(&other, &revoked(BEFORE, None), DAY_AFTER, &[]),
                    plain.singles[0].clone(),
                ],
                ..plain.clone()
            },
        ),
    ];
    for (row, hash) in [
        ("SHA-256", SHA256),
        ("SHA-384", SHA384),
        ("SHA-512", SHA512),
    ] {
        rows.push((
            row,
            of(single(
                &id_by(hash, &world.ca, SERIAL),
                &good(),
                DAY_AFTER,
                &[],
            )),
        ));
    }
    for (row, answer) in rows {
        assert_eq!(status(&world, &answer), RevocationStatus::Good, "{row}");
    }
}

#[test]
fn an_older_answer_says_when_the_next_one_comes() {
    let world = World::new();
    let id = id(&world.ca);
    let old = Answer::of(&world.ca, single(&id, &good(), BEFORE, &[next(WEEK_AFTER)]));
    let next = Some(day(7));
    assert_eq!(status(&world, &old), RevocationStatus::TooOld { next });
    // thisUpdate is what counts, but what was signed earlier cannot know it.
    let early = Answer::of(&world.ca, single(&id, &good(), DAY_AFTER, &[])).produced(BEFORE);
    assert_eq!(
        status(&world, &early),
        RevocationStatus::TooOld { next: None }
    );
}

#[test]
fn four_reasons_leave_older_tokens_standing_and_no_other() {
    let world = World::new();
    let id = id(&world.ca);
    for (code, reason, stands) in [
        (None, RevocationReason::NotGiven, false),
        (Some(0), RevocationReason::Unspecified, true),
        (Some(1), RevocationReason::KeyCompromise, false),
        (Some(4), RevocationReason::Superseded, true),
    ] {
        let answer = |at| Answer::of(&world.ca, single(&id, &revoked(at, code), DAY_AFTER, &[]));
        let at = day(1);
        let expected = if stands {
            RevocationStatus::RevokedLater { at, reason }
        } else {
            RevocationStatus::Revoked { at, reason }
        };
        assert_eq!(status(&world, &answer(DAY_AFTER)), expected, "{code:?}");
        let at = day(0);
        let expected = RevocationStatus::Revoked { at, reason };
        assert_eq!(status(&world, &answer(AT)), expected, "{code:?}");
    }
    let since = extensions(&[extension("2.5.29.24", false, &time(BEFORE))]);
    let invalid = single(&id, &revoked(DAY_AFTER, Some(5)), DAY_AFTER, &[since]);
    let (at, reason) = (day(-1), RevocationReason::CessationOfOperation);
    let invalid = status(&world, &Answer::of(&world.ca, invalid));
    assert_eq!(invalid, RevocationStatus::Revoked { at, reason });
}

#[test]
fn an_answer_that_breaks_a_rule_says_nothing() {
    let world = World::new();
    let id = id(&world.ca);
    let of = |single| Answer::of(&world.ca, single);
    let plain = of(single(&id, &good(), DAY_AFTER, &[]));
    let with = |rest: &[Vec<u8>]| of(single(&id, &good(), DAY_AFTER, rest));
    let critical = extension("1.2.3", true, &[]);
    let rows: [(&str, Answer, &str); 6] = [
        (
            "unknown",
            of(single(&id, &unknown(), DAY_AFTER, &[])),
            "does not know the certificate",
        ),
        (
            "version 2",
            Answer {
                version: context(0, &integer(&[1])),
                ..plain.clone()
            },
            "expected version 0",
        ),
        (
            "next before this",
            with(&[next(AT)]),
            "is before thisUpdate",
        ),
        (
            "a critical extension",
            plain.clone().extended(critical.clone()),
            "the critical extension 1.2.3",
        ),
        (
            "a critical extension of the single one",
            with(&[extensions(&[critical])]),
            "the critical extension 1.2.3",
        ),
        (
            "after expiry",
            of(single(&id, &good(), EXPIRED, &[])).produced(EXPIRED),
            "may have been forgotten",
        ),
    ];
    for (row, answer, words) in rows {
        assert_nothing(&status(&world, &answer), words, row);
    }
    let late = single(&id, &good(), EXPIRED, &[extensions(&[cutoff(EXPIRED)])]);
    let late = status(&world, &of(late).produced(EXPIRED));
    assert_nothing(&late, "may have been forgotten", "remembered from later on");
}

#[test]
fn an_answer_about_something_else_says_so() {
    let world = World::new();
    let with_id = |id: Vec<u8>| Answer::of(&world.ca, single(&id, &good(), DAY_AFTER, &[]));
    let plain = with_id(id(&world.ca));
    let other = Party::new("ca");
    let rows: [(&str, Answer, &str); 6] = [
        (
            "another serial number",
            with_id(id_by(SHA1, &world.ca, &[0x07])),
            "not about the certificate",
        ),
        (
            "another key of the issuer's name",
            with_id(id_by(SHA1, &other, SERIAL)),
            "not about the certificate",
        ),
        (
            "another issuer",
            with_id(id_by(SHA1, &world.root, SERIAL)),
            "not about the certificate",
        ),
        (
            "a hash that is not known",
            with_id(id_by(("1.2.3", SHA1.1), &world.ca, SERIAL)),
            "not about the certificate",
        ),
        (
            "the name of one hash and another",
            with_id(id_by((SHA256.0, SHA1.1), &world.ca, SERIAL)),
            "not about the certificate",
        ),
        (
            "no single one",
            Answer {
                singles: Vec::new(),
                ..plain.clone()
            },
            "not about the certificate",
        ),
    ];
    for (row, answer, words) in rows {
        assert_about_others(&status(&world, &answer), words, row);
    }
}

/// A certificate may be named by several hashes, and then has several answers.
#[test]
fn of_two_answers_about_one_certificate_the_worse_counts() {
    let world = World::new();
    let (id, other_id) = (id(&world.ca), id_by(SHA256, &world.ca, SERIAL));
    let of = |status: Vec<u8>, at| {
        [
            single(&id, &status, at, &[]),
            single(&other_id, &status, at, &[]),
        ]
    };
    let good_now = of(good(), DAY_AFTER);
    let revoked_by = |reason, days| RevocationStatus::Revoked {
        at: day(days),
        reason,
    };
    let compromised = of(revoked(DAY_AFTER, Some(1)), DAY_AFTER);
    let next = None;
    let rows: [(&str, [Vec<u8>; 2], RevocationStatus); 5] = [
        (
            "good, by the other hash too",
            good_now.clone(),
            RevocationStatus::Good,
        ),
        (
            "compromised",
            compromised,
            revoked_by(RevocationReason::KeyCompromise, 1),
        ),
        (
            "on hold",
            of(revoked(DAY_AFTER, Some(6)), DAY_AFTER),
            RevocationStatus::OnHold { at: day(1), next },
        ),
        (
            "too old",
            of(good(), BEFORE),
            RevocationStatus::TooOld { next },
        ),
        (
            "superseded",
            of(revoked(DAY_AFTER, Some(4)), DAY_AFTER),
            RevocationStatus::RevokedLater {
                at: day(1),
                reason: RevocationReason::Superseded,
            },
        ),
    ];
    for (row, [one, other], expected) in rows {
        for singles in [
            vec![one.clone(), good_now[1].clone()],
            vec![good_now[0].clone(), other.clone()],
            vec![one, other],
        ] {
            let answer = Answer {
                singles,
                ..Answer::of(&world.ca, Vec::new())
            };
            assert_eq!(status(&world, &answer), expected, "{row}");
        }
    }
    let unknown = Answer {
        singles: vec![
            good_now[0].clone(),
            single(&other_id, &unknown(), DAY_AFTER, &[]),
        ],
        ..Answer::of(&world.ca, Vec::new())
    };
    assert_nothing(&status(&world, &unknown), "does not know", "unknown");
}

#[test]
fn an_answer_that_takes_a_revocation_back_says_nothing() {
    let world = World::new();
    let removed = single(&id(&world.ca), &revoked(DAY_AFTER, Some(8)), DAY_AFTER, &[]);
    let status = status(&world, &Answer::of(&world.ca, removed));
    assert_nothing(&status, "removeFromCRL", "removeFromCRL");
}

#[test]
fn an_answer_has_a_largest_size_and_number_of_certificates() {
    let world = World::new();
    let about = single(&id(&world.ca), &good(), DAY_AFTER, &[]);
    let others = single(&id_by(SHA1, &world.ca, &[7]), &good(), DAY_AFTER, &[]);
    let answer = |others: Vec<Vec<u8>>| Answer {
        singles: [others, vec![about.clone()]].concat(),
        ..Answer::of(&world.ca, Vec::new())
    };
    let full = status(&world, &answer(vec![others.clone(); 127]));
    assert_eq!(full, RevocationStatus::Good);
    let more = status(&world, &answer(vec![others; 128]));
    assert_nothing(&more, "a length of responses", "129");
    let plain = Answer::of(&world.ca, about.clone());
    let padded = |bytes| {
        let padding = extension("1.2.3", false, &vec![0; bytes]);
        plain.clone().extended(padding)
    };
    let some = 1_000;
    let pad = some + MAX_OCSP_SIZE - padded(some).signed(&world.ca).len();
    // Longer lengths take more octets, and signatures differ in theirs.
    let fits = (pad - 32..=pad).rev().find_map(|bytes| {
        let data = padded(bytes).signed(&world.ca);
        (data.len() <= MAX_OCSP_SIZE && data.len() + 4 > MAX_OCSP_SIZE).then_some(data)
    });
    let said = world.status(RevocationKind::Ocsp, &fits.unwrap());
    assert_eq!(said, RevocationStatus::Good);
}

#[test]
fn what_is_no_answer_says_nothing() {
    let world = World::new();
    let plain = Answer::of(&world.ca, single(&id(&world.ca), &good(), DAY_AFTER, &[]));
    let tbs = plain.tbs();
    let basic = sequence(&[&tbs, &world.ca.sign(&tbs)]);
    let refused = |status| sequence(&[&enumerated(status)]);
    for (row, data, words) in [
        ("malformed", refused(1), "malformedRequest"),
        ("internal error", refused(2), "internalError"),
        ("later", refused(3), "tryLater"),
        ("unauthorized", refused(6), "unauthorized"),
        (
            "a refusal that carries an answer",
            response(1, "1.3.6.1.5.5.7.48.1.1", &basic),
            "malformedRequest",
        ),
        (
            "successful, and nothing",
            refused(0),
            "expected responseBytes",
        ),
        (
            "another type",
            response(0, "1.3.6.1.5.5.7.48.1.99", &basic),
            "expected id-pkix-ocsp-basic",
        ),
        (
            "a byte follows",
            [successful(&basic), vec![0]].concat(),
            "1 bytes follow",
        ),
        ("a page", b"<html>".to_vec(), "expected OCSPResponse"),
        (
            "too large",
            vec![0x30; MAX_OCSP_SIZE + 1],
            "expected at most 65536 bytes",
        ),
    ] {
        assert_nothing(&world.status(RevocationKind::Ocsp, &data), words, row);
    }
}

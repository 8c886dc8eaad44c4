//! What `TSTInfo` says, and what was asked for.

use counterfoil_rfc3161::{CheckName, Covers, Outcome, Question};

use crate::der::{element, integer, octets, sequence};
use crate::world::{
    DATA, Info, SHA_1, SHA_256, World, assert_fails, assert_good, certificate, extension, recorded,
    sha1, sha256, troubles,
};

type Row = (&'static str, fn(&mut Info), CheckName, &'static str);

const WRONG: [Row; 16] = [
    (
        "version 2",
        |info| info.version = 2,
        CheckName::Version,
        "version 1, found 2",
    ),
    (
        "a critical extension",
        |info| info.extensions = Some(extension("1.2.3", true, &[5, 0])),
        CheckName::Version,
        "critical extensions that are not understood: 1.2.3",
    ),
    (
        "an imprint by SHA-1",
        |info| info.imprint = (SHA_1, sha1(DATA)),
        CheckName::ImprintAlgorithm,
        "SHA-1 is broken",
    ),
    (
        "an imprint of other data",
        |info| info.imprint.1 = sha256(b"other"),
        CheckName::Imprint,
        "it covers other data",
    ),
    (
        "another nonce",
        |info| info.nonce = Some(78),
        CheckName::Nonce,
        "expected the request's nonce",
    ),
    (
        "no nonce",
        |info| info.nonce = None,
        CheckName::Nonce,
        "and there is none",
    ),
    (
        "another policy",
        |info| info.policy = "2.25.2",
        CheckName::Policy,
        "expected 2.25.1, found 2.25.2",
    ),
    (
        "more than five minutes ahead",
        |info| info.time = "20240601120500.001Z",
        CheckName::Time,
        "which is after 2024-06-01T12:00:00Z",
    ),
    (
        "a time with an offset",
        |info| info.time = "20240601140000+0200",
        CheckName::Parsed,
        "genTime",
    ),
    (
        "an accuracy of 1000 ms",
        |info| info.accuracy = Some(sequence(&[element(0x80, &[0x03, 0xe8])])),
        CheckName::Accuracy,
        "0x03e8 millis",
    ),
    (
        "an accuracy of 1000 us",
        |info| info.accuracy = Some(sequence(&[element(0x81, &[0x03, 0xe8])])),
        CheckName::Accuracy,
        "0x03e8 micros",
    ),
    (
        "a negative accuracy",
        |info| info.accuracy = Some(sequence(&[element(0x02, &[0xff])])),
        CheckName::Accuracy,
        "0xff seconds",
    ),
    (
        "a negative number of milliseconds",
        |info| info.accuracy = Some(sequence(&[element(0x80, &[0xff])])),
        CheckName::Accuracy,
        "0xff millis",
    ),
    (
        "an accuracy of 2^32 s",
        |info| info.accuracy = Some(sequence(&[element(0x02, &[1, 0, 0, 0, 0])])),
        CheckName::Accuracy,
        "0x0100000000 seconds",
    ),
    (
        "an accuracy of no number",
        |info| info.accuracy = Some(sequence(&[octets(&[1])])),
        CheckName::Parsed,
        "accuracy",
    ),
    (
        "micros before millis",
        |info| {
            let parts = [element(0x81, &[1]), element(0x80, &[1])];
            info.accuracy = Some(sequence(&parts));
        },
        CheckName::Parsed,
        "accuracy",
    ),
];

#[test]
fn each_wrong_field_fails_its_own_check() {
    // SPEC(rfc3161): "The nonce field MUST be present if it was present in the TimeStampReq."
    // SPEC(rfc3161): "In such a case it MUST equal the value provided in the TimeStampReq structure."
    let world = World::new();
    for (what, change, name, reason) in WRONG {
        let token = world.token(change, |_| ());
        assert_fails(&world.judge(&token), name, reason, what);
    }
    let token = world.token(|_| (), |parts| parts.version = 6);
    let reason = "version 3, found 6";
    assert_fails(
        &world.judge(&token),
        CheckName::Version,
        reason,
        "signed data of version 6",
    );
}

type Good = (&'static str, fn(&mut Info));

#[test]
fn what_may_stand_there_passes() {
    let rows: [Good; 5] = [
        ("as it is", |_| ()),
        ("an extension that is not critical", |info| {
            info.extensions = Some(extension("1.2.3", false, &[5, 0]));
        }),
        ("five minutes ahead", |info| info.time = "20240601120500Z"),
        ("years ago", |info| info.time = "20210601120500Z"),
        ("zero milliseconds", |info| {
            let parts = [
                integer(1),
                element(0x80, &[0]),
                element(0x81, &[0x03, 0xe7]),
            ];
            info.accuracy = Some(sequence(&parts));
        }),
    ];
    let world = World::new();
    for (what, change) in rows {
        let token = world.token(change, |_| ());
        assert_good(&world.judge(&token), what);
    }
}

#[test]
fn a_token_need_not_say_how_exact_its_time_is() {
    let world = World::new();
    let token = world.token(|info| info.accuracy = None, |_| ());
    let judgement = world.judge(&token);
    assert_eq!(
        troubles(&judgement),
        [(CheckName::Accuracy, Outcome::NotChecked)]
    );
    assert!(judgement.is_good());
}

#[test]
fn accuracy_is_the_sum_of_its_parts_either_way() {
    let world = World::new();
    let parts = [integer(2), element(0x80, &[5]), element(0x81, &[6])];
    let token = world.token(|info| info.accuracy = Some(sequence(&parts)), |_| ());
    let time = world.judge(&token).gen_time.unwrap();
    assert_eq!(time.earliest, time.time.earlier(2_005_006));
    assert_eq!(time.latest, time.time.later(2_005_006));
}

#[test]
fn a_digest_is_as_long_as_its_algorithm_says_and_nothing_that_is_not_asked_for_is_checked() {
    use CheckName::{Imprint, ImprintAlgorithm, Nonce, Policy, Time};
    let world = World::new();
    let token = world.token(|info| info.imprint = (SHA_256, vec![7; 20]), |_| ());
    let judgement = recorded(&Question {
        token: &token,
        covers: Covers::Unknown,
        nonce: None,
        policies: &[],
        roots: &[certificate(&world.root_der())],
        extra: &[],
        revocation: &[],
        at: None,
    });
    let unasked = [Imprint, Nonce, Policy, Time].map(|name| (name, Outcome::NotChecked));
    let expected = [&[(ImprintAlgorithm, Outcome::Failed)], &unasked[..]].concat();
    assert_eq!(troubles(&judgement), expected);
}

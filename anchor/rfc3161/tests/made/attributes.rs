//! What the signed attributes say, and the signature over them.

use counterfoil_rfc3161::{CheckName, Outcome};

use crate::der::{octets, oid};
use crate::world::{
    CONTENT_TYPE, MESSAGE_DIGEST, Parts, SHA_1, SHA_256, TST_INFO, World, assert_fails,
    assert_good, attribute, ess_v1, ess_v2, issuer_serial, sha1, sha256, troubles,
};

type Change = Box<dyn Fn(&mut Parts)>;

fn change(change: impl Fn(&mut Parts) + 'static) -> Change {
    Box::new(change)
}

/// Puts these in place of the attribute that names the signer's certificate.
fn named_by(attributes: Vec<Vec<u8>>) -> Change {
    change(move |parts| {
        parts.attributes.truncate(2);
        parts.attributes.extend(attributes.clone());
    })
}

#[test]
fn the_signers_certificate_is_named_by_either_attribute_or_both() {
    // SPEC(rfc5816): "[Paraphrased] The certificate is identified by ESSCertID where the hash is SHA-1, and by ESSCertIDv2 where it is another one."
    let world = World::new();
    let signer = world.signer_der();
    let v1 = || ess_v1(&sha1(&signer), None);
    let v2 = || ess_v2(None, &sha256(&signer), None);
    let named = issuer_serial("Issuer", 3);
    for (what, attributes) in [
        ("v2 alone", vec![v2()]),
        ("v1 alone", vec![v1()]),
        ("both", vec![v1(), v2()]),
        (
            "v2 with its algorithm",
            vec![ess_v2(Some(SHA_256), &sha256(&signer), None)],
        ),
        (
            "v1 with issuer and serial number",
            vec![ess_v1(&sha1(&signer), Some(named))],
        ),
    ] {
        let token = world.token(|_| (), named_by(attributes));
        assert_good(&world.judge(&token), what);
    }
}

#[test]
fn a_token_that_names_another_signers_certificate_is_refused() {
    // SPEC(rfc3161): "The certificate identifier (ESSCertID) of the TSA certificate MUST be included as a signerInfo
    // attribute inside a SigningCertificate attribute."
    // SPEC(rfc5035): "The first certificate identified in the sequence of certificate identifiers MUST be the certificate
    // used to verify the signature."
    let world = World::new();
    let signer = world.signer_der();
    let v1 = || ess_v1(&sha1(&signer), None);
    let v2 = || ess_v2(None, &sha256(&signer), None);
    let (wrong_v1, wrong_v2) = (ess_v1(&[7; 20], None), ess_v2(None, &[7; 32], None));
    let v2_named =
        |issuer, serial| ess_v2(None, &sha256(&signer), Some(issuer_serial(issuer, serial)));
    let v1_named = |issuer, serial| ess_v1(&sha1(&signer), Some(issuer_serial(issuer, serial)));
    let sha1_in_v2 = ess_v2(Some(SHA_1), &sha1(&signer), None);
    let unknown_hash = ess_v2(Some("1.2.3"), &sha256(&signer), None);
    let [hash, names] = [
        "the hash of another certificate",
        "names another issuer or serial",
    ];
    let again = "comes more than once";
    for (what, attributes, reason) in [
        ("v2 of another", vec![wrong_v2.clone()], hash),
        ("v1 of another", vec![wrong_v1.clone()], hash),
        ("v1 right and v2 wrong", vec![v1(), wrong_v2], hash),
        ("v1 wrong and v2 right", vec![wrong_v1, v2()], hash),
        ("v2 with another issuer", vec![v2_named("Root", 3)], names),
        (
            "v2 with another serial number",
            vec![v2_named("Issuer", 4)],
            names,
        ),
        ("v1 with another issuer", vec![v1_named("Root", 3)], names),
        (
            "v1 with another serial number",
            vec![v1_named("Issuer", 4)],
            names,
        ),
        ("no attribute", vec![], "is missing"),
        ("v2 over SHA-1", vec![sha1_in_v2], "SHA-1 is broken"),
        (
            "v2 over a hash that is not known",
            vec![unknown_hash],
            "1.2.3 is not supported",
        ),
        ("v2 twice", vec![v2(), v2()], again),
        ("v1 twice", vec![v1(), v1()], again),
    ] {
        let token = world.token(|_| (), named_by(attributes));
        assert_fails(
            &world.judge(&token),
            CheckName::SigningCertificate,
            reason,
            what,
        );
    }
}

#[test]
fn content_type_and_message_digest_come_once_and_are_right() {
    // SPEC(rfc5652): "A message-digest attribute MUST have a single attribute value, even though the syntax is defined as a
    // SET OF AttributeValue."
    use CheckName::{ContentType, MessageDigest};
    let world = World::new();
    let set = |at: usize, value: Vec<u8>| change(move |parts| parts.attributes[at] = value.clone());
    let without = |at: usize| change(move |parts| drop(parts.attributes.remove(at)));
    let twice =
        |at: usize| change(move |parts| parts.attributes.push(parts.attributes[at].clone()));
    let data = "1.2.840.113549.1.7.1";
    let two_types = attribute(CONTENT_TYPE, &[oid(TST_INFO), oid(TST_INFO)]);
    let two_digests = attribute(MESSAGE_DIGEST, &[octets(&[7; 64]), octets(&[7; 64])]);
    let of_other = attribute(MESSAGE_DIGEST, &[octets(&[7; 64])]);
    for (what, change, name, reason) in [
        (
            "no type",
            without(0),
            ContentType,
            "content-type is missing",
        ),
        (
            "another type",
            set(0, attribute(CONTENT_TYPE, &[oid(data)])),
            ContentType,
            "is not id-ct",
        ),
        (
            "the type twice",
            twice(0),
            ContentType,
            "comes more than once",
        ),
        (
            "two types",
            set(0, two_types),
            ContentType,
            "has not exactly one value",
        ),
        (
            "content of another type",
            change(move |parts| parts.content_type = data),
            ContentType,
            "expected id-ct-TSTInfo",
        ),
        (
            "no digest",
            without(1),
            MessageDigest,
            "message-digest is missing",
        ),
        (
            "a wrong digest",
            set(1, of_other),
            MessageDigest,
            "not the digest of the content",
        ),
        (
            "the digest twice",
            twice(1),
            MessageDigest,
            "comes more than once",
        ),
        (
            "two digests",
            set(1, two_digests),
            MessageDigest,
            "has not exactly one value",
        ),
    ] {
        let token = world.token(|_| (), change);
        assert_fails(&world.judge(&token), name, reason, what);
    }
}

#[test]
fn the_signature_is_by_the_signer_and_over_all_signed_attributes() {
    let world = World::new();
    let reason = "the signature does not verify";
    let spoiled = change(|parts| parts.spoil_signature = true);
    let added = change(|parts| {
        parts.after_signing = |attributes| attributes.push(attribute("1.2.3", &[octets(&[])]));
    });
    let swapped = change(|parts| parts.after_signing = |attributes| attributes.swap(0, 1));
    for (what, change) in [
        ("a bit of the signature", spoiled),
        ("an attribute added", added),
        ("attributes in another order", swapped),
    ] {
        let token = world.token(|_| (), change);
        assert_fails(&world.judge(&token), CheckName::Signature, reason, what);
    }
}

#[test]
fn a_token_without_signed_attributes_fails_each_check_that_needs_them() {
    // SPEC(rfc5652): "The field is optional, but it MUST be present if the content type of the EncapsulatedContentInfo value
    // being signed is not id-data."
    let world = World::new();
    let token = world.token(|_| (), |parts| parts.without_attributes = true);
    let failed = [
        CheckName::ContentType,
        CheckName::MessageDigest,
        CheckName::SigningCertificate,
        CheckName::Signature,
    ];
    let failed = failed.map(|name| (name, Outcome::Failed));
    assert_eq!(troubles(&world.judge(&token)), failed);
}

#[test]
fn a_token_has_one_signer() {
    // SPEC(rfc3161): "The time-stamp token MUST NOT contain any signatures other than the signature of the TSA."
    let world = World::new();
    for (signers, reason) in [(0, "found the end"), (2, "bytes follow")] {
        let token = world.token(|_| (), |parts| parts.signers = signers);
        let what = format!("{signers} signers");
        assert_fails(&world.judge(&token), CheckName::Parsed, reason, &what);
    }
}

/// RFC 8419 section 2.3: with Ed25519 the message digest is by SHA-512.
#[test]
fn ed25519_stands_beside_sha_512_alone() {
    let world = World::new();
    for (digest, broken) in [(SHA_1, true), (SHA_256, false)] {
        let token = world.token(|_| (), |parts| parts.digest_algorithm = digest);
        let judgement = world.judge(&token);
        let expected = [
            (CheckName::MessageDigest, Outcome::Failed),
            (CheckName::Signature, Outcome::Failed),
        ];
        assert_eq!(troubles(&judgement), expected, "{digest}: {judgement:#?}");
        let reason = |name| &judgement.checks.get(&name).unwrap().reason;
        assert!(reason(CheckName::Signature).contains("beside the digest algorithm"));
        let said = reason(CheckName::MessageDigest).contains("SHA-1 is broken");
        assert_eq!(said, broken, "{digest}");
    }
}

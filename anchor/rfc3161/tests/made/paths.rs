//! Certificates: what they may be used for, and the path to a root.

use counterfoil_rfc3161::{CheckName, Outcome};

use crate::der::{bits, boolean, element, octets, oid, sequence};
use crate::world::{
    CODE_SIGNING, CRL_SIGN, DIGITAL_SIGNATURE, GEN_TIME, KEY_CERT_SIGN, KEY_ENCIPHERMENT, Party,
    TIME_STAMPING, World, assert_fails, assert_good, basic_constraints, certificate,
    extended_key_usage, extension, key, key_usage, troubles,
};

const BEFORE: &str = "20240601115959Z";
const AFTER: &str = "20240601120001Z";

type Row = (&'static str, fn(&mut World), CheckName, &'static str);

type Good = (&'static str, fn(&mut World));
type Critical = (&'static str, fn(&mut World), &'static str);

fn judged(change: fn(&mut World)) -> counterfoil_rfc3161::Judgement {
    let mut world = World::new();
    change(&mut world);
    let token = world.token(|_| (), |_| ());
    world.judge(&token)
}

#[test]
fn a_signers_certificate_is_for_time_stamping_alone() {
    // SPEC(rfc3161): "The corresponding certificate MUST contain only one instance of the extended key usage field extension
    // as defined in [RFC2459] Section 4.2.1.13 with KeyPurposeID having value: id-kp-timeStamping."
    // SPEC(rfc3161): "This extension MUST be critical."
    use CheckName::{ExtendedKeyUsage, KeyUsage, Signature};
    let rows: [Row; 8] = [
        (
            "no extended key usage",
            |world| drop(world.signer.extensions.remove(1)),
            ExtendedKeyUsage,
            "has no extended key usage",
        ),
        (
            "extended key usage that is not critical",
            |world| world.signer.extensions[1] = extended_key_usage(false, &[TIME_STAMPING]),
            ExtendedKeyUsage,
            "is not critical",
        ),
        (
            "code signing beside time-stamping",
            |world| {
                world.signer.extensions[1] =
                    extended_key_usage(true, &[TIME_STAMPING, CODE_SIGNING]);
            },
            ExtendedKeyUsage,
            "time-stamping alone",
        ),
        (
            "code signing alone",
            |world| world.signer.extensions[1] = extended_key_usage(true, &[CODE_SIGNING]),
            ExtendedKeyUsage,
            "time-stamping alone",
        ),
        (
            "a key for something else",
            |world| world.signer.extensions[0] = key_usage(KEY_ENCIPHERMENT),
            KeyUsage,
            "may not be used for signatures",
        ),
        (
            "a key for something else beside",
            |world| {
                world.signer.extensions[0] = key_usage(DIGITAL_SIGNATURE | KEY_ENCIPHERMENT);
            },
            KeyUsage,
            "for more than signatures",
        ),
        (
            "a key that may sign certificates",
            |world| world.signer.extensions[0] = key_usage(DIGITAL_SIGNATURE | KEY_CERT_SIGN),
            KeyUsage,
            "for more than signatures",
        ),
        (
            "an RSA key of 1024 bits",
            |world| world.signer.spki = Some(rsa_1024()),
            Signature,
            "an RSA key of 1024 bits is broken",
        ),
    ];
    for (what, change, name, reason) in rows {
        assert_fails(&judged(change), name, reason, what);
    }
    let unsaid = judged(|world| drop(world.signer.extensions.remove(0)));
    assert_good(&unsaid, "no key usage");
}

/// A modulus of 1024 bits.
fn rsa_1024() -> Vec<u8> {
    let modulus = element(0x02, &[&[0], [0xc5; 128].as_slice()].concat());
    let key = sequence(&[modulus, element(0x02, &[1, 0, 1])]);
    let algorithm = sequence(&[oid("1.2.840.113549.1.1.1"), element(0x05, &[])]);
    sequence(&[algorithm, bits(&key)])
}

#[test]
fn each_issuer_is_an_authority() {
    use CheckName::BasicConstraints;
    let no_authority = "is no certificate authority by its basic constraints";
    let rows: [Row; 8] = [
        (
            "an issuer without basic constraints",
            |world| drop(world.issuer.extensions.remove(0)),
            BasicConstraints,
            no_authority,
        ),
        (
            "an issuer that is no authority",
            |world| {
                let value = sequence(&[boolean(false)]);
                world.issuer.extensions[0] = extension("2.5.29.19", true, &value);
            },
            BasicConstraints,
            no_authority,
        ),
        (
            "an issuer of version 1",
            |world| world.issuer.extensions.clear(),
            BasicConstraints,
            no_authority,
        ),
        (
            "a root that says it is no authority",
            |world| world.root.extensions[0] = extension("2.5.29.19", true, &sequence(&[])),
            BasicConstraints,
            no_authority,
        ),
        (
            "an authority too many below the root",
            |world| world.root.extensions[0] = basic_constraints(Some(0)),
            BasicConstraints,
            "CN=Root allows 0 authorities below it, and has 1",
        ),
        (
            "an issuer that may not sign certificates",
            |world| world.issuer.extensions[1] = key_usage(CRL_SIGN),
            BasicConstraints,
            "CN=Issuer may not sign certificates",
        ),
        (
            "an issuer whose key is for signatures",
            |world| world.issuer.extensions[1] = key_usage(DIGITAL_SIGNATURE),
            BasicConstraints,
            "CN=Issuer may not sign certificates",
        ),
        (
            "a root that may not sign certificates",
            |world| world.root.extensions[1] = key_usage(CRL_SIGN),
            BasicConstraints,
            "CN=Root may not sign certificates",
        ),
    ];
    for (what, change, name, reason) in rows {
        let judgement = judged(change);
        assert_fails(&judgement, name, reason, what);
        assert!(judgement.chain.is_empty(), "{what}");
    }
    let rows: [Good; 5] = [
        ("no length", |_| ()),
        ("one authority below the root", |world| {
            world.root.extensions[0] = basic_constraints(Some(1));
        }),
        ("none below the issuer", |world| {
            world.issuer.extensions[0] = basic_constraints(Some(0));
        }),
        ("no key usage", |world| {
            drop(world.issuer.extensions.remove(1));
        }),
        // RFC 5280 section 6.1.1 (d): of the trust anchor name and key matter.
        ("a root of version 1", |world| world.root.extensions.clear()),
    ];
    for (what, change) in rows {
        assert_good(&judged(change), what);
    }
}

/// The path fails, so that it has no constraints to check.
fn assert_no_path(change: fn(&mut World), verdict: Outcome, reason: &str, what: &str) {
    let judgement = judged(change);
    let expected = [
        (CheckName::Path, verdict),
        (CheckName::BasicConstraints, Outcome::NotChecked),
    ];
    assert_eq!(troubles(&judgement), expected, "{what}: {judgement:#?}");
    let mut checks = judgement.checks.iter();
    let path = checks.find(|check| check.name == CheckName::Path).unwrap();
    assert!(path.reason.contains(reason), "{what}: {}", path.reason);
    assert!(!judgement.is_good() && judgement.chain.is_empty(), "{what}");
}

#[test]
fn each_certificate_is_valid_at_the_time_of_the_token() {
    let rows: [Good; 6] = [
        ("the signer's from later on", |world| {
            world.signer.from = AFTER;
        }),
        ("the signer's until before", |world| {
            world.signer.to = BEFORE;
        }),
        ("the issuer's from later on", |world| {
            world.issuer.from = AFTER;
        }),
        ("the issuer's until before", |world| {
            world.issuer.to = BEFORE;
        }),
        ("the root's from later on", |world| world.root.from = AFTER),
        ("the root's until before", |world| world.root.to = BEFORE),
    ];
    for (what, change) in rows {
        assert_no_path(change, Outcome::Failed, "is valid from", what);
    }
    assert_good(
        &judged(|world| world.signer.from = GEN_TIME),
        "from then on",
    );
    assert_good(&judged(|world| world.issuer.to = GEN_TIME), "until then");
    assert_good(
        &judged(|world| world.root.to = GEN_TIME),
        "the root until then",
    );
}

#[test]
fn a_critical_extension_that_is_not_understood_ends_a_path() {
    // SPEC(rfc5280): "A certificate-using system MUST reject the certificate if it encounters a critical extension it does
    // not recognize or a critical extension that contains information that it cannot process."
    let reason = "critical extensions that are not understood: 1.2.3";
    let rows: [Critical; 4] = [
        (
            "of the signer",
            |world| {
                world
                    .signer
                    .extensions
                    .push(extension("1.2.3", true, &[5, 0]));
            },
            reason,
        ),
        (
            "of the issuer",
            |world| {
                world
                    .issuer
                    .extensions
                    .push(extension("1.2.3", true, &[5, 0]));
            },
            reason,
        ),
        (
            "critical name constraints",
            |world| {
                world
                    .issuer
                    .extensions
                    .push(extension("2.5.29.30", true, &[0x30, 0]));
            },
            "2.5.29.30",
        ),
        (
            "name constraints",
            |world| {
                world
                    .issuer
                    .extensions
                    .push(extension("2.5.29.30", false, &[0x30, 0]));
            },
            "2.5.29.30",
        ),
    ];
    for (what, change, reason) in rows {
        assert_no_path(change, Outcome::Failed, reason, what);
    }
    let other = judged(|world| {
        world
            .issuer
            .extensions
            .push(extension("1.2.3", false, &[5, 0]));
    });
    assert_good(&other, "one that is not critical");
    let root = judged(|world| {
        world
            .root
            .extensions
            .push(extension("1.2.3", true, &[5, 0]));
    });
    assert_good(&root, "of the root, which gives its name and key alone");
}

#[test]
fn who_is_not_trusted_is_not_checked() {
    let mut world = World::new();
    let token = world.token(|_| (), |_| ());
    let not_checked = [
        (CheckName::Path, Outcome::NotChecked),
        (CheckName::BasicConstraints, Outcome::NotChecked),
    ];
    world.root.key = key();
    assert_eq!(
        troubles(&world.judge(&token)),
        not_checked,
        "a namesake of the root"
    );
    world.root.name = "Another";
    assert_eq!(troubles(&world.judge(&token)), not_checked, "another root");
}

/// Certificates of three authorities in a row, seven of each, of which the lowest is the issuer by name and key: 7 + 49 + 343
/// signatures hold and lead nowhere.
fn decoys(world: &mut World) -> Vec<Vec<u8>> {
    let authority = |name| Party {
        name,
        extensions: vec![basic_constraints(None)],
        ..Party::signer()
    };
    let top = authority("Nobody");
    let mut upper = authority("Upper");
    let mut middle = authority("Middle");
    let mut decoys = Vec::new();
    let issuer = &mut world.issuer;
    let own = (issuer.serial, issuer.extensions.clone());
    issuer.extensions = vec![basic_constraints(None), key_id_of(b"x")];
    for serial in 0..7 {
        (upper.serial, middle.serial, issuer.serial) = (100 + serial, 200 + serial, 300 + serial);
        decoys.extend([issuer.by(&middle), middle.by(&upper), upper.by(&top)]);
    }
    (issuer.serial, issuer.extensions) = own;
    decoys
}

/// `subjectKeyIdentifier`.
pub(crate) fn key_id_of(id: &[u8]) -> Vec<u8> {
    extension("2.5.29.14", false, &octets(id))
}

/// `authorityKeyIdentifier`.
pub(crate) fn issuers_key_id(id: &[u8]) -> Vec<u8> {
    extension("2.5.29.35", false, &sequence(&[element(0x80, id)]))
}

#[test]
fn a_search_that_is_given_up_shows_nothing() {
    let mut world = World::new();
    let decoys = decoys(&mut world);
    let token = world.token(
        |_| (),
        |parts| drop(parts.certificates.splice(1..1, decoys)),
    );
    let judgement = world.judge(&token);
    let not_checked = [
        (CheckName::Path, Outcome::NotChecked),
        (CheckName::BasicConstraints, Outcome::NotChecked),
    ];
    assert_eq!(troubles(&judgement), not_checked);
    let mut checks = judgement.checks.iter();
    let path = checks.find(|check| check.name == CheckName::Path).unwrap();
    assert!(path.reason.contains("the search was given up"), "{path:?}");
}

#[test]
fn the_issuer_with_the_key_that_a_certificate_names_is_tried_first() {
    let mut world = World::new();
    world.signer.extensions.push(issuers_key_id(b"issuer"));
    world.issuer.extensions.push(key_id_of(b"issuer"));
    let decoys = decoys(&mut world);
    let token = world.token(
        |_| (),
        |parts| drop(parts.certificates.splice(1..1, decoys)),
    );
    let judgement = world.judge(&token);
    assert_good(&judgement, "the named key's certificate last");
    assert_eq!(judgement.chain[1], certificate(&world.issuer_der()));
}

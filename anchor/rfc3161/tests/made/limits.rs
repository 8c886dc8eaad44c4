//! The largest sizes and numbers that are read, and the first that are not.

use counterfoil_rfc3161::{
    Certificate, CheckName, EncodingError, MAX_CERTIFICATE_SIZE, MAX_CERTIFICATES, MAX_TOKEN_SIZE,
    Outcome,
};

use crate::der::{element, sequence};
use crate::paths::{issuers_key_id, key_id_of};
use crate::world::{
    Party, World, assert_good, attribute, certificate, ess_v2, extension, troubles,
};

/// Only the first check was made, and failed for this reason.
fn assert_unread(world: &World, token: &[u8], reason: &str) {
    let judgement = world.judge(token);
    let checks: Vec<_> = judgement.checks.iter().collect();
    let [only] = checks.as_slice() else {
        panic!("{judgement:?}");
    };
    assert_eq!(
        (only.name, only.outcome),
        (CheckName::Parsed, Outcome::Failed)
    );
    assert!(only.reason.contains(reason), "{}", only.reason);
}

#[test]
fn a_token_has_a_largest_size() {
    let world = World::new();
    // What is no X.509 certificate is passed over, and may have any size.
    let padded = |bytes| {
        let padding = element(0xa3, &vec![0; bytes]);
        world.token(|_| (), |parts| parts.certificates.push(padding))
    };
    let some = 70_000;
    let largest = some + MAX_TOKEN_SIZE - padded(some).len();
    assert_eq!(padded(largest).len(), MAX_TOKEN_SIZE);
    assert_good(&world.judge(&padded(largest)), "the largest");
    assert_unread(&world, &padded(largest + 1), "a length of a token");
}

#[test]
fn a_token_has_a_largest_number_of_each_part() {
    let world = World::new();
    let certificates = |more| {
        // Those that cannot be read count as well.
        let junk = vec![sequence(&[]); more];
        world.token(|_| (), |parts| parts.certificates.extend(junk))
    };
    let full = certificates(MAX_CERTIFICATES - 2);
    assert_good(&world.judge(&full), "certificates");
    assert_unread(
        &world,
        &certificates(MAX_CERTIFICATES - 1),
        "a length of certificates",
    );

    let attributes = |more: usize| {
        let one = |number| attribute(&format!("1.2.3.{number}"), &[vec![5, 0]]);
        world.token(|_| (), |parts| parts.attributes.extend((0..more).map(one)))
    };
    assert_good(&world.judge(&attributes(61)), "attributes");
    assert_unread(&world, &attributes(62), "a length of signedAttrs");

    let extensions = |count| {
        let one = |number| extension(&format!("1.2.3.{number}"), false, &[5, 0]);
        let all: Vec<_> = (0..count).map(one).collect();
        world.token(|info| info.extensions = Some(all.concat()), |_| ())
    };
    assert_good(&world.judge(&extensions(64)), "extensions of TSTInfo");
    assert_unread(
        &world,
        &extensions(65),
        "a length of TSTInfo extensions is malformed or too large",
    );
}

#[test]
fn a_certificate_has_a_largest_size_and_number_of_extensions() {
    let world = World::new();
    let padded = |bytes| {
        let mut signer = Party::signer();
        let padding = extension("1.2.3", false, &vec![0; bytes]);
        signer.extensions.push(padding);
        signer.by(&world.issuer)
    };
    let some = 10_000;
    let largest = some + MAX_CERTIFICATE_SIZE - padded(some).len();
    assert_eq!(padded(largest).len(), MAX_CERTIFICATE_SIZE);
    assert!(Certificate::parse(&padded(largest)).is_ok());
    let error = Certificate::parse(&padded(largest + 1)).unwrap_err();
    assert_eq!(error, EncodingError::Length("Certificate"));

    let extended = |count: usize| {
        let mut signer = Party::signer();
        let one = |number| extension(&format!("1.2.3.{number}"), false, &[5, 0]);
        signer.extensions = (0..count).map(one).collect();
        Certificate::parse(&signer.by(&world.issuer))
    };
    assert!(extended(64).is_ok());
    assert_eq!(extended(65), Err(EncodingError::Length("extensions")));
}

const BETWEEN: [&str; 8] = ["L1", "L2", "L3", "L4", "L5", "L6", "L7", "L8"];

#[test]
fn a_path_has_ten_certificates_at_most() {
    let world = World::new();
    let path_over = |names: &[&'static str]| {
        let between: Vec<Party> = (10..)
            .zip(names)
            .map(|(serial, name)| Party::authority(name, serial))
            .collect();
        let uppers = std::iter::once(&world.root).chain(&between);
        let lowers = between.iter().chain([&world.issuer]);
        let mut certificates = vec![world.signer_der()];
        certificates.extend(lowers.zip(uppers).map(|(lower, upper)| lower.by(upper)));
        world.token(|_| (), |parts| parts.certificates = certificates)
    };
    let judgement = world.judge(&path_over(&BETWEEN[..7]));
    assert_good(&judgement, "ten");
    assert_eq!(judgement.chain.len(), 10);
    assert_given_up(&world, &path_over(&BETWEEN), &[]);
}

fn assert_given_up(world: &World, token: &[u8], extra: &[Certificate]) {
    let judgement = world.judge_with(token, extra);
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
fn a_search_verifies_256_signatures_at_most() {
    let world = World::new();
    let token = world.token(|_| (), |parts| drop(parts.certificates.pop()));
    // Namesakes of the issuer with keys of their own, before it.
    let mut extra: Vec<_> = (0..255)
        .map(|serial| certificate(&Party::authority("Issuer", 100 + serial).by(&world.root)))
        .collect();
    extra.push(certificate(&world.issuer_der()));
    // 254 that do not fit, the issuer's over the signer's, and the root's over the issuer's.
    assert_good(&world.judge_with(&token, &extra[1..]), "256");
    assert_given_up(&world, &token, &extra);
}

/// Nobody has signed which certificates are in a token, so that anybody may put them there many times.
#[test]
fn copies_of_a_certificate_cost_no_more_than_one() {
    let world = World::new();
    let [lower, upper, nobody] = ["Lower", "Upper", "Nobody"].map(|name| Party::authority(name, 9));
    let copies = |der: Vec<u8>| vec![der; 10];
    // 10 + 100 + 1,000 signatures that hold and lead nowhere, before the one that leads to the root.
    let dead_end = [
        copies(world.issuer.by(&lower)),
        copies(lower.by(&upper)),
        copies(upper.by(&nobody)),
    ];
    let token = world.token(
        |_| (),
        |parts| drop(parts.certificates.splice(1..1, dead_end.concat())),
    );
    assert_good(&world.judge(&token), "copies");
}

#[test]
fn of_many_paths_the_first_32_are_compared() {
    let mut world = World::new();
    let token = world.token(|_| (), |parts| drop(parts.certificates.pop()));
    let own = world.issuer.serial;
    let mut ders: Vec<Vec<u8>> = (0..33)
        .map(|serial| {
            world.issuer.serial = 100 + serial;
            world.issuer_der()
        })
        .collect();
    world.issuer.serial = own;
    // Of paths that stand equally well the one counts whose certificates are the least; here it comes last.
    ders.sort_by(|one, other| other.cmp(one));
    let extra: Vec<_> = ders.iter().map(|der| certificate(der)).collect();
    let among = |extra: &[Certificate]| world.judge_with(&token, extra).chain[1].clone();
    assert_eq!(among(&extra[1..]), extra[32]);
    assert_eq!(among(&extra), extra[31]);
}

#[test]
fn a_path_that_leads_nowhere_is_left_for_one_that_leads_to_a_root() {
    let world = World::new();
    let stranger = Party::authority("Stranger", 9);
    let upper = Party::authority("Upper", 8);
    let (mut dead_end, mut through) = (vec![world.issuer.by(&stranger)], Vec::new());
    dead_end.push(stranger.by(&Party::authority("Nobody", 7)));
    through.push(world.issuer.by(&upper));
    through.push(upper.by(&world.root));
    for certificates in [
        [dead_end.clone(), through.clone()].concat(),
        [through.clone(), dead_end].concat(),
    ] {
        let token = world.token(
            |_| (),
            |parts| {
                parts.certificates.truncate(1);
                parts.certificates.extend(certificates);
            },
        );
        let judgement = world.judge(&token);
        assert_good(&judgement, "two ways");
        let chain: Vec<_> = judgement.chain.iter().map(Certificate::der).collect();
        assert_eq!(chain[1..3], [through[0].as_slice(), through[1].as_slice()]);
    }
}

#[test]
fn of_eight_certificates_of_the_signers_name_the_keys_are_tried() {
    let world = World::new();
    let strangers = |count| {
        world.token(
            |_| (),
            |parts| {
                let stranger = |_| Party::signer().by(&world.issuer);
                parts.certificates.splice(0..0, (0..count).map(stranger));
                parts.attributes[2] = ess_v2(None, &[7; 32], None);
            },
        )
    };
    let failed = |count: usize| -> Vec<_> {
        let judgement = world.judge(&strangers(count));
        troubles(&judgement).iter().map(|(name, _)| *name).collect()
    };
    assert_eq!(failed(7), [CheckName::SigningCertificate]);
    assert_eq!(
        failed(8),
        [CheckName::SigningCertificate, CheckName::Signature]
    );
}

#[test]
fn a_signer_may_be_named_by_its_key_identifier() {
    let mut world = World::new();
    let named = |world: &World, id: &[u8]| {
        let id = element(0x80, id);
        world.token(|_| (), |parts| parts.signer_id = Some(id))
    };
    let absent = named(&world, b"signer");
    world.signer.extensions.push(key_id_of(b"signer"));
    assert_good(&world.judge(&named(&world, b"signer")), "by its key");
    for (what, token) in [
        ("another key", named(&world, b"another")),
        ("a certificate without one", absent),
    ] {
        let judgement = world.judge(&token);
        let signature = judgement.outcome(CheckName::Signature);
        assert_eq!(signature, Outcome::NotChecked, "{what}");
        assert!(!judgement.is_good(), "{what}");
    }
    // Whose key identifier is another is tried last, and not left out: identifiers are a hint.
    world.signer.extensions.push(issuers_key_id(b"another"));
    world.issuer.extensions.push(key_id_of(b"issuer"));
    assert_good(&world.judge(&named(&world, b"signer")), "a wrong hint");
}

#[test]
fn what_a_certificate_says_of_itself_is_read_strictly() {
    let world = World::new();
    let parsed = |change: &dyn Fn(&mut Party)| {
        let mut signer = Party::signer();
        change(&mut signer);
        Certificate::parse(&signer.by(&world.issuer)).map(drop)
    };
    let key_usage = |content: &[u8]| extension("2.5.29.15", true, &element(0x03, content));
    let with =
        |part: Vec<u8>| parsed(&move |signer: &mut Party| signer.extensions[0] = part.clone());
    assert_eq!(with(key_usage(&[7, 0x80])), Ok(()));
    assert_eq!(with(key_usage(&[0])), Ok(()));
    for content in [&[8, 0x80][..], &[1], &[], &[0, 0x80, 0, 0]] {
        let wrong = Err(EncodingError::Value("keyUsage"));
        assert_eq!(with(key_usage(content)), wrong, "{content:?}");
    }
    // The names of alternatives are needed by nothing but the name of a token's authority.
    let malformed = |critical| extension("2.5.29.17", critical, &[0x30, 5]);
    assert_eq!(with(malformed(false)), Ok(()));
    assert_eq!(with(malformed(true)), Ok(()));
    let of_version = |version: u8| {
        let der = Party::signer().by(&world.issuer);
        let place = der.windows(5).position(|part| part == [0xa0, 3, 2, 1, 2]);
        let mut der = der.clone();
        der[place.unwrap() + 4] = version;
        Certificate::parse(&der).map(drop)
    };
    assert_eq!(of_version(2), Ok(()));
    for version in [0, 1, 3, 0x80] {
        let wrong = Err(EncodingError::Value("version"));
        assert_eq!(of_version(version), wrong, "{version}");
    }
    assert_eq!(parsed(&|signer| signer.extensions.clear()), Ok(()));
    assert_eq!(
        parsed(&|signer| signer.behind_extensions = vec![5, 0]),
        Err(EncodingError::Trailing(2, "extensions"))
    );
}

#[test]
fn unused_bits_of_a_key_usage_are_none() {
    let mut world = World::new();
    // digitalSignature, and seven bits that are none.
    let usage = extension("2.5.29.15", true, &element(0x03, &[7, 0xff]));
    world.signer.extensions[0] = usage;
    let token = world.token(|_| (), |_| ());
    assert_good(&world.judge(&token), "one bit");
}

#[test]
fn a_critical_alternative_name_that_cannot_be_read_ends_a_path() {
    let mut world = World::new();
    for (critical, outcome) in [(false, Outcome::Passed), (true, Outcome::Failed)] {
        let malformed = extension("2.5.29.17", critical, &[0x30, 5]);
        world.signer.extensions.push(malformed);
        let token = world.token(|_| (), |_| ());
        let judgement = world.judge(&token);
        assert_eq!(judgement.outcome(CheckName::Path), outcome);
        world.signer.extensions.pop();
    }
}

//! Which certificate is the signer's.

use counterfoil_rfc3161::CheckName;

use crate::der::{context, element, name, sequence};
use crate::world::{World, assert_fails, assert_good, certificate, extension};

/// The signer's certificate once more, with the same key, issuer and serial number, and another last day.
fn namesake(world: &mut World) -> Vec<u8> {
    let to = std::mem::replace(&mut world.signer.to, "20290101000000Z");
    let namesake = world.signer_der();
    world.signer.to = to;
    namesake
}

#[test]
fn the_certificate_that_the_token_names_by_its_hash_is_taken_before_its_namesakes() {
    let mut world = World::new();
    let namesake = namesake(&mut world);
    let token = world.token(
        |_| (),
        |parts| parts.certificates.insert(0, namesake.clone()),
    );
    let judgement = world.judge(&token);
    assert_good(&judgement, "a namesake first in the token");
    assert_eq!(judgement.chain[0].der(), world.signer_der());

    let token = world.token(|_| (), |parts| drop(parts.certificates.remove(0)));
    let both = [namesake, world.signer_der()].map(|der| certificate(&der));
    let judgement = world.judge_with(&token, &both);
    assert_good(&judgement, "a namesake first beside it");
    let judgement = world.judge_with(&token, &both[..1]);
    let reason = "the hash of another certificate";
    assert_fails(
        &judgement,
        CheckName::SigningCertificate,
        reason,
        "a namesake alone",
    );
}

/// Without a hash that decides, the key does: then the signature holds, and what is wrong is the attribute.
#[test]
fn where_no_hash_fits_the_key_that_made_the_signature_decides() {
    let world = World::new();
    let mut stranger = World::new();
    stranger.signer.to = "20290101000000Z";
    let stranger = stranger.signer.by(&world.issuer);
    let token = world.token(
        |_| (),
        |parts| {
            parts.certificates.insert(0, stranger.clone());
            parts.attributes[2] = crate::world::ess_v2(None, &[7; 32], None);
        },
    );
    let judgement = world.judge(&token);
    let reason = "the hash of another certificate";
    assert_fails(
        &judgement,
        CheckName::SigningCertificate,
        reason,
        "no hash fits",
    );
}

#[test]
fn a_token_in_the_name_of_an_authority_is_signed_by_it() {
    // SPEC(rfc3161): "If present, it MUST correspond to one of the subject names included in the certificate that is to be used to
    // verify the token."
    let mut world = World::new();
    let directory = |common: &str| context(4, &name(common));
    let dns = |text: &str| element(0x82, text.as_bytes());
    let alternatives = sequence(&[dns("tsa.example"), directory("Also")]);
    let alternatives = extension("2.5.29.17", false, &alternatives);
    world.signer.extensions.push(alternatives);
    let rows = [
        ("its subject", directory("Signer"), true),
        ("its subject in other letters", directory("SIGNER"), true),
        ("its name in the DNS", dns("tsa.example"), true),
        ("another name of its own", directory("Also"), true),
        ("another subject", directory("Somebody Else"), false),
        ("its issuer", directory("Issuer"), false),
        ("another name in the DNS", dns("other.example"), false),
    ];
    for (what, tsa, is_good) in rows {
        let token = world.token(|info| info.tsa = Some(tsa.clone()), |_| ());
        let judgement = world.judge(&token);
        if is_good {
            assert_good(&judgement, what);
        } else {
            let reason = "in the name of another authority";
            assert_fails(&judgement, CheckName::SigningCertificate, reason, what);
        }
    }
}

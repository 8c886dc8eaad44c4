//! Who may sign OCSP answers (RFC 6960 section 4.2.2.2).

use counterfoil_rfc3161::{Certificate, RevocationKind, RevocationStatus};

use crate::der::{extension, sequence, time};
use crate::ocsp::{Answer, by_key, by_name, good, id, single};
use crate::parties::{
    AT, BEFORE, CA_VALIDITY, DAY_AFTER, OCSP_URL, Party, World, assert_nothing, authority,
    extended_key_usage, key_usage, no_check, responder_url,
};

const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";

fn answer(world: &World) -> Answer {
    Answer::of(&world.ca, single(&id(&world.ca), &good(), DAY_AFTER, &[]))
}

/// The answer of a responder with this certificate.
fn by(world: &World, certificate: &Certificate) -> RevocationStatus {
    let answer = Answer {
        responder: by_key(&world.responder),
        certificates: vec![certificate.der().to_vec()],
        ..answer(world)
    };
    world.status(RevocationKind::Ocsp, &answer.signed(&world.responder))
}

fn extensions() -> Vec<Vec<u8>> {
    vec![
        key_usage(&[0]),
        extended_key_usage(OCSP_SIGNING),
        no_check(),
    ]
}

#[test]
fn the_issuer_may_answer_and_whom_it_delegated_to() {
    let world = World::new();
    assert_eq!(by(&world, &world.delegate), RevocationStatus::Good);
    let others = vec![world.chain[1].der().to_vec(), world.delegate.der().to_vec()];
    let by_name = Answer {
        responder: by_name(&world.responder),
        certificates: others.clone(),
        ..answer(&world)
    };
    let data = by_name.signed(&world.responder);
    assert_eq!(
        world.status(RevocationKind::Ocsp, &data),
        RevocationStatus::Good,
        "by name"
    );
    // The issuer's own, with certificates beside it that are not needed.
    let own = Answer {
        certificates: others,
        ..answer(&world)
    };
    let data = own.signed(&world.ca);
    assert_eq!(
        world.status(RevocationKind::Ocsp, &data),
        RevocationStatus::Good,
        "its own"
    );
    // It says nowhere whether it was revoked: then it is for whoever asks to decide.
    let unsaid = [key_usage(&[0]), extended_key_usage(OCSP_SIGNING)];
    let unsaid = world
        .ca
        .certify(&world.responder, &[0x21], CA_VALIDITY, &unsaid);
    assert_eq!(
        by(&world, &unsaid),
        RevocationStatus::Good,
        "nothing said of revocation"
    );
}

#[test]
fn nobody_else_may_answer() {
    // SPEC(rfc6960): "This certificate MUST be issued directly by the CA that is identified in the request."
    // SPEC(rfc6960): "Systems relying on OCSP responses MUST recognize a delegation certificate as being issued by the CA that issued
    // the certificate in question only if the delegation certificate and the certificate being checked for revocation were signed by
    // the same key."
    let world = World::new();
    let stranger = Party::new("ca");
    let certify = |issuer: &Party, validity, extensions: &[Vec<u8>]| {
        issuer.certify(&world.responder, &[0x21], validity, extensions)
    };
    let all = extensions();
    let time_stamping = extended_key_usage("1.3.6.1.5.5.7.3.8");
    let named = [all[0].clone(), all[1].clone(), responder_url(OCSP_URL)];
    let critical = [all.clone(), vec![extension("1.2.3", true, &[])]].concat();
    let rows: [(&str, Certificate, &str); 9] = [
        (
            "by the root",
            certify(&world.root, CA_VALIDITY, &all),
            "not by CN=ca",
        ),
        (
            "by a stranger under the issuer's name",
            certify(&stranger, CA_VALIDITY, &all),
            "signature does not verify",
        ),
        (
            "for time-stamping",
            certify(
                &world.ca,
                CA_VALIDITY,
                &[all[0].clone(), time_stamping, no_check()],
            ),
            "not for OCSP",
        ),
        (
            "for no purpose that is said",
            certify(&world.ca, CA_VALIDITY, &[all[0].clone(), no_check()]),
            "not for OCSP",
        ),
        (
            "not for signatures",
            certify(
                &world.ca,
                CA_VALIDITY,
                &[key_usage(&[5]), all[1].clone(), no_check()],
            ),
            "may not be used for signatures",
        ),
        (
            "expired when it answered",
            certify(&world.ca, ["20200101000000Z", AT], &all),
            "which signed it, is valid",
        ),
        (
            "not yet valid when it answered",
            certify(&world.ca, ["20300101000000Z", "20400101000000Z"], &all),
            "which signed it, is valid",
        ),
        (
            "perhaps revoked itself",
            certify(&world.ca, CA_VALIDITY, &named),
            "whether its own certificate was revoked",
        ),
        (
            "with a critical extension",
            certify(&world.ca, CA_VALIDITY, &critical),
            "1.2.3",
        ),
    ];
    for (row, certificate, words) in rows {
        assert_nothing(&by(&world, &certificate), words, row);
    }
}

#[test]
fn the_signature_is_by_whom_the_answer_names() {
    let world = World::new();
    let nobody = Answer {
        responder: by_key(&world.responder),
        ..answer(&world)
    };
    let status = world.status(RevocationKind::Ocsp, &nobody.signed(&world.responder));
    assert_nothing(&status, "its certificate is not there", "no certificate");
    // The signer's own key and certificate, which the issuer did not delegate to.
    let data = answer(&world).signed(&world.responder);
    let status = world.status(RevocationKind::Ocsp, &data);
    assert_nothing(
        &status,
        "signature does not verify",
        "the issuer's name alone",
    );
    let delegated = Answer {
        responder: by_key(&world.responder),
        certificates: vec![world.delegate.der().to_vec()],
        ..answer(&world)
    };
    let status = world.status(RevocationKind::Ocsp, &delegated.signed(&world.ca));
    assert_nothing(
        &status,
        "signature does not verify",
        "the delegate's name alone",
    );
}

/// Nobody has signed which certificates are beside an answer.
#[test]
fn each_certificate_of_the_responders_name_is_tried() {
    let world = World::new();
    let certify = |serial: &[u8], extensions: &[Vec<u8>]| {
        let certificate = world
            .ca
            .certify(&world.responder, serial, CA_VALIDITY, extensions);
        certificate.der().to_vec()
    };
    let useless = certify(&[0x21], &[key_usage(&[0])]);
    let namesake = Party::new("responder");
    let of_namesake = world
        .ca
        .certify(&namesake, &[0x22], CA_VALIDITY, &extensions());
    let certificates = vec![
        sequence(&[]),
        useless.clone(),
        of_namesake.der().to_vec(),
        world.delegate.der().to_vec(),
    ];
    let by_name = Answer {
        responder: by_name(&world.responder),
        certificates,
        ..answer(&world)
    };
    let status =
        |answer: &Answer| world.status(RevocationKind::Ocsp, &answer.signed(&world.responder));
    assert_eq!(status(&by_name), RevocationStatus::Good);
    let none = Answer {
        certificates: vec![useless, of_namesake.der().to_vec()],
        ..by_name.clone()
    };
    assert_nothing(&status(&none), "not for OCSP", "the first says why");
    let many = Answer {
        certificates: vec![world.delegate.der().to_vec(); 8],
        ..by_name
    };
    assert_eq!(status(&many), RevocationStatus::Good, "eight");
    let more = Answer {
        certificates: vec![world.delegate.der().to_vec(); 9],
        ..many
    };
    assert_nothing(&status(&more), "a length of certs", "nine");
}

#[test]
fn a_delegate_of_an_issuer_that_had_expired_cannot_answer() {
    let world = World::with_ca(&[authority()], ["20200101000000Z", AT]);
    let status = by(&world, &world.delegate);
    assert_nothing(&status, "CN=ca, which signed it, is valid", "expired");
}

#[test]
fn an_issuer_that_had_expired_cannot_answer() {
    let world = World::with_ca(&[authority()], ["20200101000000Z", AT]);
    let data = answer(&world).signed(&world.ca);
    let status = world.status(RevocationKind::Ocsp, &data);
    assert_nothing(&status, "which signed it, is valid", "expired");
    let earlier = Answer {
        produced_at: time(BEFORE),
        ..answer(&world)
    };
    let status = world.status(RevocationKind::Ocsp, &earlier.signed(&world.ca));
    assert_eq!(status, RevocationStatus::TooOld { next: None });
}

//! Where something is published, and what is asked there.

use counterfoil_rfc3161::{RevocationKind, revocation_sources};

use crate::der::sequence;
use crate::ocsp::id;
use crate::parties::{CRL_URL, OCSP_URL, World};

#[test]
fn each_place_that_a_certificate_names_is_a_source() {
    let world = World::new();
    let sources = revocation_sources(&world.chain);
    let found: Vec<_> = sources
        .iter()
        .map(|source| (source.certificate, source.kind, source.url.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (0, RevocationKind::Crl, CRL_URL),
            (0, RevocationKind::Ocsp, OCSP_URL)
        ]
    );
    assert!(sources[0].request.is_empty());
    // RFC 6960 section 4.1.1: CertID in Request in requestList in TBSRequest in OCSPRequest, and all else may be left out.
    let nested = (0..4).fold(id(&world.ca), |inner, _| sequence(&[&inner]));
    assert_eq!(sources[1].request, nested);
    assert_eq!(revocation_sources(&world.chain[..1]), []);
    assert_eq!(revocation_sources(&[]), []);
}

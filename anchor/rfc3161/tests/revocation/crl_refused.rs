//! CRLs that say nothing (RFC 5280 sections 5 and 6.3).

use counterfoil_rfc3161::{
    MAX_CRL_ENTRIES, MAX_CRL_SIZE, RevocationKind, RevocationStatus, revocation_status,
};

use crate::crl::{Crl, entry, flag, point, reason, revoked, scope, status};
use crate::der::{
    context, element, enumerated, extension, integer, oid, primitive, sequence, time,
};
use crate::parties::{
    AT, BEFORE, CA_VALIDITY, EXPIRED, GEN_TIME, Party, World, assert_about_others, assert_nothing,
    authority, key_identifier, key_usage,
};

#[test]
fn what_is_no_list_of_the_issuer_says_nothing() {
    let world = World::new();
    let crl = Crl::of(&world.ca);
    let stranger = Party::new("ca");
    let other = Party::new("other");
    for (row, issuer) in [
        ("another issuer", &other),
        ("the root, which issued the issuer", &world.root),
    ] {
        let status = world.status(RevocationKind::Crl, &Crl::of(issuer).signed(issuer));
        assert_about_others(&status, "expected the list of CN=ca", row);
    }
    let rows: [(&str, Vec<u8>, &str); 6] = [
        (
            "another key under the name",
            crl.signed(&stranger),
            "signature does not verify",
        ),
        (
            "an answer of OCSP",
            sequence(&[&enumerated(6)]),
            "expected TBSCertList",
        ),
        ("nothing", Vec::new(), "expected CertificateList"),
        (
            "a byte follows",
            [crl.signed(&world.ca), vec![0]].concat(),
            "1 bytes follow",
        ),
        (
            "another algorithm inside",
            Crl {
                inner_algorithm: sequence(&[&oid("1.2.840.10045.4.3.3")]),
                ..crl.clone()
            }
            .signed(&world.ca),
            "two signature algorithms",
        ),
        (
            "too large",
            vec![0x30; MAX_CRL_SIZE + 1],
            "expected at most 8388608 bytes",
        ),
    ];
    for (row, data, words) in rows {
        assert_nothing(&world.status(RevocationKind::Crl, &data), words, row);
    }
    let data = crl.signed(&world.ca);
    let of_root = revocation_status(&world.chain, 2, RevocationKind::Crl, &data, GEN_TIME);
    assert_nothing(
        &of_root,
        "no certificate of the chain issued it",
        "the root",
    );
    let beyond = revocation_status(&world.chain, 9, RevocationKind::Crl, &data, GEN_TIME);
    assert_nothing(
        &beyond,
        "no certificate of the chain issued it",
        "beyond the chain",
    );
}

#[test]
fn a_list_that_is_signed_and_breaks_a_rule_says_nothing() {
    let world = World::new();
    let crl = Crl::of(&world.ca);
    let bare = Crl {
        extensions: Vec::new(),
        ..crl.clone()
    };
    let rows: [(&str, Crl, &str); 5] = [
        (
            "version 3",
            Crl {
                version: Some(2),
                ..crl.clone()
            },
            "expected version 1 (v2), found 2",
        ),
        (
            "version 1 with extensions",
            Crl {
                version: None,
                entries: Vec::new(),
                ..crl.clone()
            },
            "version 1 and has extensions",
        ),
        (
            "version 1 with extensions of an entry",
            Crl {
                version: None,
                ..bare.clone()
            },
            "version 1 and has extensions of an entry",
        ),
        (
            "next before this",
            Crl {
                next_update: time(AT),
                ..crl.clone()
            },
            "is before thisUpdate",
        ),
        (
            "after expiry",
            crl.clone().at(EXPIRED),
            "may have been forgotten",
        ),
    ];
    for (row, crl, words) in rows {
        assert_nothing(&status(&world, &crl), words, row);
    }
    let late = extension("2.5.29.60", false, &time(EXPIRED));
    let late = crl.at(EXPIRED).extended(late);
    assert_nothing(
        &status(&world, &late),
        "may have been forgotten",
        "remembered from later on",
    );
}

#[test]
fn a_list_with_an_extension_that_is_not_understood_says_nothing() {
    // SPEC(rfc5280): "If a CRL contains a critical extension that the application cannot process, then the application MUST NOT use
    // that CRL to determine the status of certificates."
    let world = World::new();
    let crl = Crl::of(&world.ca);
    let rows: [(&str, Crl, &str); 5] = [
        (
            "a critical extension",
            crl.clone().extended(extension("1.2.3", true, &[])),
            "the critical extension 1.2.3",
        ),
        (
            "an extension twice",
            crl.clone().extended(key_identifier()),
            "comes twice",
        ),
        (
            "a delta",
            crl.clone()
                .extended(extension("2.5.29.27", true, &integer(&[1]))),
            "it is a delta",
        ),
        (
            "indirect",
            crl.clone().extended(scope(&[flag(4)])),
            "indirect",
        ),
        (
            "some reasons alone",
            crl.clone().extended(scope(&[primitive(3, &[0x01, 0x40])])),
            "some reasons alone",
        ),
    ];
    for (row, crl, words) in rows {
        assert_nothing(&status(&world, &crl), words, row);
    }
}

#[test]
fn a_list_that_is_about_others_says_so() {
    let world = World::new();
    let crl = Crl::of(&world.ca);
    let rows: [(&str, Crl, &str); 4] = [
        (
            "authorities alone",
            crl.clone().extended(scope(&[flag(2)])),
            "authorities alone",
        ),
        (
            "attribute certificates alone",
            crl.clone().extended(scope(&[flag(5)])),
            "attribute certificates",
        ),
        (
            "another point",
            crl.clone()
                .extended(scope(&[point("http://ca.example/other.crl")])),
            "does not name",
        ),
        (
            "a point by a relative name",
            crl.clone().extended(scope(&[context(0, &context(1, &[]))])),
            "does not name",
        ),
    ];
    for (row, crl, words) in rows {
        assert_about_others(&status(&world, &crl), words, row);
    }
}

#[test]
fn an_entry_that_is_not_understood_spoils_the_list() {
    // SPEC(rfc5280): "If a CRL contains a critical CRL entry extension that the application cannot process, then the application
    // MUST NOT use that CRL to determine the status of any certificates."
    let world = World::new();
    let crl = Crl::of(&world.ca);
    let rows: [(&str, Crl, &str); 4] = [
        (
            "a critical extension of another's entry",
            crl.clone()
                .with(entry(&[9], BEFORE, &[extension("1.2.3", true, &[])])),
            "1.2.3 of an entry",
        ),
        (
            "an entry of another issuer",
            crl.clone()
                .with(entry(&[9], BEFORE, &[extension("2.5.29.29", true, &[])])),
            "2.5.29.29 of an entry",
        ),
        (
            "an entry that removes",
            crl.clone().with(revoked(BEFORE, &[reason(8)])),
            "removes a certificate",
        ),
        (
            "a reason twice",
            crl.clone().with(revoked(BEFORE, &[reason(4), reason(4)])),
            "comes twice",
        ),
    ];
    for (row, crl, words) in rows {
        assert_nothing(&status(&world, &crl), words, row);
    }
}

#[test]
fn a_list_has_a_largest_number_of_entries() {
    let world = World::new();
    // The shortest there are.
    let one = sequence(&[&integer(&[1]), &element(0x17, b"260101000000Z")]);
    let list = |count| Crl {
        entries: vec![one.repeat(count)],
        ..Crl::of(&world.ca)
    };
    assert_eq!(
        status(&world, &list(MAX_CRL_ENTRIES)),
        RevocationStatus::Good
    );
    let more = status(&world, &list(MAX_CRL_ENTRIES + 1));
    assert_nothing(&more, "expected at most 262144 entries", "one more");
}

#[test]
fn a_list_has_a_largest_size() {
    let world = World::new();
    // An extension that nobody knows, of so many bytes.
    let list = |bytes| {
        let padding = extension("1.2.3", false, &vec![0; bytes]);
        Crl::of(&world.ca).extended(padding).tbs()
    };
    let some = 100_000;
    // Signatures differ in length: around the largest size there is one that fits.
    let signed = |tbs: &[u8]| sequence(&[tbs, &world.ca.sign(tbs)]);
    let pad = some + MAX_CRL_SIZE - signed(&list(some)).len();
    let tbs = list(pad);
    let mut largest = signed(&tbs);
    while largest.len() != MAX_CRL_SIZE {
        largest = signed(&tbs);
    }
    let said = revocation_status(&world.chain, 0, RevocationKind::Crl, &largest, GEN_TIME);
    assert_eq!(said, RevocationStatus::Good);
}

#[test]
fn the_issuer_may_sign_lists_by_its_certificate() {
    let cannot = World::with_ca(&[key_usage(&[5]), authority()], CA_VALIDITY);
    let words = "may not sign lists by its key usage";
    assert_nothing(
        &status(&cannot, &Crl::of(&cannot.ca)),
        words,
        "keyCertSign alone",
    );
    let unsaid = World::with_ca(&[authority()], CA_VALIDITY);
    assert_eq!(
        status(&unsaid, &Crl::of(&unsaid.ca)),
        RevocationStatus::Good
    );
    let short = World::with_ca(&[authority()], ["20200101000000Z", AT]);
    assert_nothing(
        &status(&short, &Crl::of(&short.ca)),
        "which signed it, is valid",
        "expired",
    );
}

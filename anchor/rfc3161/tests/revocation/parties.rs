//! A chain of three certificates, and what signs beside it.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use counterfoil_rfc3161::{
    Certificate, RevocationKind, RevocationStatus, Timestamp, revocation_status,
};

use crate::corpus;
use crate::der::{
    algorithm, bits, context, element, extension, integer, octets, oid, primitive, sequence, time,
};

/// genTime of the token: 2026-01-01T00:00:00Z.
pub(crate) const GEN_TIME: Timestamp = Timestamp::from_seconds(1_767_225_600);
/// The day before, and days after.
pub(crate) const BEFORE: &str = "20251231000000Z";
pub(crate) const AT: &str = "20260101000000Z";
pub(crate) const DAY_AFTER: &str = "20260102000000Z";
pub(crate) const WEEK_AFTER: &str = "20260108000000Z";
/// The last second of the signer's certificate, and one more.
pub(crate) const EXPIRY: &str = "20261231235959Z";
pub(crate) const EXPIRED: &str = "20270101000000Z";

pub(crate) const CRL_URL: &str = "http://ca.example/ca.crl";
pub(crate) const OCSP_URL: &str = "http://ca.example/ocsp";
pub(crate) const SERIAL: &[u8] = &[0x4a, 0x01, 0x02];

pub(crate) const KEY_USAGE: &str = "2.5.29.15";
pub(crate) const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
pub(crate) const BASIC_CONSTRAINTS: &str = "2.5.29.19";
pub(crate) const NO_CHECK: &str = "1.3.6.1.5.5.7.48.1.5";

/// Somebody with a name and a key.
pub(crate) struct Party {
    pub(crate) name: Vec<u8>,
    key: EcdsaKeyPair,
}

impl Party {
    pub(crate) fn new(name: &str) -> Self {
        let attribute = sequence(&[&oid("2.5.4.3"), &element(0x0c, name.as_bytes())]);
        Self {
            name: sequence(&[&element(0x31, &attribute)]),
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(),
        }
    }

    pub(crate) fn key_bits(&self) -> &[u8] {
        self.key.public_key().as_ref()
    }

    /// Algorithm and signature, as they follow what is signed.
    pub(crate) fn sign(&self, tbs: &[u8]) -> Vec<u8> {
        let signature = self.key.sign(&SystemRandom::new(), tbs).unwrap();
        [algorithm(), bits(signature.as_ref())].concat()
    }

    /// A certificate for another party.
    pub(crate) fn certify(
        &self,
        subject: &Self,
        serial: &[u8],
        validity: [&str; 2],
        extensions: &[Vec<u8>],
    ) -> Certificate {
        let curve = sequence(&[&oid("1.2.840.10045.2.1"), &oid("1.2.840.10045.3.1.7")]);
        let tbs = sequence(&[
            &context(0, &integer(&[2])),
            &integer(serial),
            &algorithm(),
            &self.name,
            &sequence(&[&time(validity[0]), &time(validity[1])]),
            &subject.name,
            &sequence(&[&curve, &bits(subject.key_bits())]),
            &context(3, &element(0x30, &extensions.concat())),
        ]);
        Certificate::parse(&sequence(&[&tbs, &self.sign(&tbs)])).unwrap()
    }
}

/// Bits of a key usage, by their number.
pub(crate) fn key_usage(bits: &[u8]) -> Vec<u8> {
    let octet = bits.iter().fold(0, |octet, bit| octet | 0x80_u8 >> bit);
    extension(KEY_USAGE, true, &element(0x03, &[0, octet]))
}

pub(crate) fn authority() -> Vec<u8> {
    extension(
        BASIC_CONSTRAINTS,
        true,
        &sequence(&[&element(0x01, &[0xff])]),
    )
}

pub(crate) fn distribution_point(url: &str) -> Vec<u8> {
    let name = context(0, &primitive(6, url.as_bytes()));
    extension(
        "2.5.29.31",
        false,
        &sequence(&[&sequence(&[&context(0, &name)])]),
    )
}

pub(crate) fn responder_url(url: &str) -> Vec<u8> {
    let access = sequence(&[&oid("1.3.6.1.5.5.7.48.1"), &primitive(6, url.as_bytes())]);
    extension("1.3.6.1.5.5.7.1.1", false, &sequence(&[&access]))
}

pub(crate) fn extended_key_usage(purpose: &str) -> Vec<u8> {
    extension(EXTENDED_KEY_USAGE, true, &sequence(&[&oid(purpose)]))
}

pub(crate) fn no_check() -> Vec<u8> {
    extension(NO_CHECK, false, &element(0x05, &[]))
}

/// Signer, authority, root, and an OCSP responder to whom the authority delegated.
pub(crate) struct World {
    pub(crate) ca: Party,
    pub(crate) root: Party,
    pub(crate) responder: Party,
    pub(crate) chain: Vec<Certificate>,
    pub(crate) delegate: Certificate,
}

/// How long the authority's and the root's certificates are valid.
pub(crate) const CA_VALIDITY: [&str; 2] = ["20200101000000Z", "20400101000000Z"];

impl World {
    pub(crate) fn new() -> Self {
        Self::with_ca(&[key_usage(&[5, 6]), authority()], CA_VALIDITY)
    }

    /// With an authority whose certificate has these extensions and this validity.
    pub(crate) fn with_ca(extensions: &[Vec<u8>], validity: [&str; 2]) -> Self {
        let [root, ca, signer, responder] = ["root", "ca", "signer", "responder"].map(Party::new);
        let of_signer = [
            key_usage(&[0]),
            distribution_point(CRL_URL),
            responder_url(OCSP_URL),
        ];
        let chain = vec![
            ca.certify(&signer, SERIAL, ["20250101000000Z", EXPIRY], &of_signer),
            root.certify(&ca, &[0x11], validity, extensions),
            root.certify(
                &root,
                &[0x01],
                CA_VALIDITY,
                &[key_usage(&[5, 6]), authority()],
            ),
        ];
        let of_delegate = [
            key_usage(&[0]),
            extended_key_usage("1.3.6.1.5.5.7.3.9"),
            no_check(),
        ];
        let delegate = ca.certify(&responder, &[0x21], CA_VALIDITY, &of_delegate);
        Self {
            ca,
            root,
            responder,
            chain,
            delegate,
        }
    }

    /// What data say of the signer's certificate.
    pub(crate) fn status(&self, kind: RevocationKind, data: &[u8]) -> RevocationStatus {
        self.status_of(0, kind, data)
    }

    /// What they say of a certificate of the chain.
    pub(crate) fn status_of(
        &self,
        certificate: usize,
        kind: RevocationKind,
        data: &[u8],
    ) -> RevocationStatus {
        let status = revocation_status(&self.chain, certificate, kind, data, GEN_TIME);
        corpus::record_status(&self.chain, certificate, (kind, data), GEN_TIME, &status);
        status
    }
}

/// Where the words of a status are compared.
#[track_caller]
pub(crate) fn assert_nothing(status: &RevocationStatus, words: &str, row: &str) {
    match status {
        RevocationStatus::Nothing(why) => {
            assert!(
                why.contains(words),
                "{row}: expected {words:?}, found {why:?}"
            );
        }
        other => panic!("{row}: expected nothing, found {other:?}"),
    }
}

/// The same, where the data are right and about others.
#[track_caller]
pub(crate) fn assert_about_others(status: &RevocationStatus, words: &str, row: &str) {
    match status {
        RevocationStatus::AboutOthers(why) => {
            assert!(
                why.contains(words),
                "{row}: expected {words:?}, found {why:?}"
            );
        }
        other => panic!("{row}: expected that they are about others, found {other:?}"),
    }
}

/// The key identifier of a list's issuer, which nothing depends on.
pub(crate) fn key_identifier() -> Vec<u8> {
    extension(
        "2.5.29.35",
        false,
        &sequence(&[&primitive(0, &octets(&[1, 2, 3]))]),
    )
}

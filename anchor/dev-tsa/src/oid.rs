//! Object identifiers.

use yasna::DERWriter;
use yasna::models::ObjectIdentifier;

/// An object identifier by its arcs.
pub(crate) type Arcs = &'static [u64];

pub(crate) const SHA1: Arcs = &[1, 3, 14, 3, 2, 26];
pub(crate) const SHA256: Arcs = &[2, 16, 840, 1, 101, 3, 4, 2, 1];
pub(crate) const SHA384: Arcs = &[2, 16, 840, 1, 101, 3, 4, 2, 2];
pub(crate) const SHA512: Arcs = &[2, 16, 840, 1, 101, 3, 4, 2, 3];

pub(crate) const ECDSA_WITH_SHA256: Arcs = &[1, 2, 840, 10045, 4, 3, 2];
pub(crate) const ECDSA_WITH_SHA384: Arcs = &[1, 2, 840, 10045, 4, 3, 3];
pub(crate) const ECDSA_WITH_SHA512: Arcs = &[1, 2, 840, 10045, 4, 3, 4];
pub(crate) const ED25519: Arcs = &[1, 3, 101, 112];
pub(crate) const SHA256_WITH_RSA: Arcs = &[1, 2, 840, 113_549, 1, 1, 11];
pub(crate) const SHA512_WITH_RSA: Arcs = &[1, 2, 840, 113_549, 1, 1, 13];

pub(crate) const RSASSA_PSS: Arcs = &[1, 2, 840, 113_549, 1, 1, 10];
pub(crate) const MGF1: Arcs = &[1, 2, 840, 113_549, 1, 1, 8];

// CMS (RFC 5652), ESS (RFC 5035), RFC 3161.
pub(crate) const SIGNED_DATA: Arcs = &[1, 2, 840, 113_549, 1, 7, 2];
pub(crate) const TST_INFO: Arcs = &[1, 2, 840, 113_549, 1, 9, 16, 1, 4];
pub(crate) const CONTENT_TYPE: Arcs = &[1, 2, 840, 113_549, 1, 9, 3];
pub(crate) const MESSAGE_DIGEST: Arcs = &[1, 2, 840, 113_549, 1, 9, 4];
pub(crate) const SIGNING_TIME: Arcs = &[1, 2, 840, 113_549, 1, 9, 5];
pub(crate) const SIGNING_CERTIFICATE_V2: Arcs = &[1, 2, 840, 113_549, 1, 9, 16, 2, 47];

// Certificates and CRLs (RFC 5280).
pub(crate) const AUTHORITY_KEY_IDENTIFIER: Arcs = &[2, 5, 29, 35];
pub(crate) const CRL_NUMBER: Arcs = &[2, 5, 29, 20];
pub(crate) const CRL_REASON: Arcs = &[2, 5, 29, 21];
pub(crate) const EXTENDED_KEY_USAGE: Arcs = &[2, 5, 29, 37];
pub(crate) const AUTHORITY_INFORMATION_ACCESS: Arcs = &[1, 3, 6, 1, 5, 5, 7, 1, 1];
pub(crate) const ACCESS_OCSP: Arcs = &[1, 3, 6, 1, 5, 5, 7, 48, 1];
pub(crate) const ACCESS_CA_ISSUERS: Arcs = &[1, 3, 6, 1, 5, 5, 7, 48, 2];
pub(crate) const TIME_STAMPING: Arcs = &[1, 3, 6, 1, 5, 5, 7, 3, 8];
pub(crate) const CODE_SIGNING: Arcs = &[1, 3, 6, 1, 5, 5, 7, 3, 3];

// OCSP (RFC 6960).
pub(crate) const OCSP_BASIC: Arcs = &[1, 3, 6, 1, 5, 5, 7, 48, 1, 1];
pub(crate) const OCSP_NONCE: Arcs = &[1, 3, 6, 1, 5, 5, 7, 48, 1, 2];
pub(crate) const OCSP_NO_CHECK: Arcs = &[1, 3, 6, 1, 5, 5, 7, 48, 1, 5];

// Under the number for documentation (RFC 5612).
pub(crate) const POLICY: Arcs = &[1, 3, 6, 1, 4, 1, 32473, 3161, 1];
pub(crate) const OTHER_POLICY: Arcs = &[1, 3, 6, 1, 4, 1, 32473, 3161, 2];

/// Writes an object identifier.
pub(crate) fn write(writer: DERWriter<'_>, arcs: Arcs) {
    writer.write_oid(&ObjectIdentifier::from_slice(arcs));
}

/// Whether an object identifier is this one.
pub(crate) fn is(oid: &ObjectIdentifier, arcs: Arcs) -> bool {
    oid.components().as_slice() == arcs
}

/// As text: the arcs with points between.
pub(crate) fn text(arcs: Arcs) -> String {
    let arcs: Vec<String> = arcs.iter().map(u64::to_string).collect();
    arcs.join(".")
}

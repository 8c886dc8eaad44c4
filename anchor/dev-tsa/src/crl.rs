//! Certificate revocation lists (RFC 5280, section 5).
//!
//! Written here, because the library of certificates leaves out the reason *unspecified*, by which RFC 3161 (section 4)
//! tells whether older tokens stand.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::CertificateParams;
use yasna::{DERWriter, Tag};

use crate::behaviour::Reason;
use crate::certificate::Certificate;
use crate::key::Key;
use crate::oid;
use crate::token::write_time;

/// A certificate that is revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Revoked {
    pub(crate) serial: Vec<u8>,
    pub(crate) at: SystemTime,
    pub(crate) reason: Option<Reason>,
}

/// When something that is issued at an interval was issued, and when it is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edition {
    /// How often it was issued before, since 1970.
    number: u64,
    pub(crate) this_update: SystemTime,
    pub(crate) next_update: SystemTime,
}

impl Edition {
    /// The one that is current at `now`; the interval is in whole seconds, at least one.
    pub(crate) fn current(now: SystemTime, interval: Duration) -> Self {
        let interval = interval.as_secs().max(1);
        let number = now
            .duration_since(UNIX_EPOCH)
            .map_or(0, |age| age.as_secs() / interval);
        let this_update = UNIX_EPOCH + Duration::from_secs(number * interval);
        Self {
            number,
            this_update,
            next_update: this_update + Duration::from_secs(interval),
        }
    }
}

/// A list that says this certificate alone, or none, is revoked.
pub(crate) fn issue(
    issuer: &Certificate,
    key: &Key,
    revoked: Option<&Revoked>,
    edition: Edition,
) -> Result<Vec<u8>, rcgen::Error> {
    let list = yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_u64(1); // version 2
            key.algorithm().write_signature_identifier(writer.next());
            writer.next().write_der(&issuer.subject);
            write_time(writer.next(), edition.this_update);
            write_time(writer.next(), edition.next_update);
            if let Some(revoked) = revoked {
                writer
                    .next()
                    .write_sequence(|writer| write_revoked(writer.next(), revoked));
            }
            writer.next().write_tagged(Tag::context(0), |writer| {
                writer.write_sequence(|writer| {
                    let identifier = CertificateParams::default().key_identifier(key.pair());
                    let identifier = yasna::construct_der(|writer| {
                        writer.write_sequence(|writer| {
                            writer
                                .next()
                                .write_tagged_implicit(Tag::context(0), |writer| {
                                    writer.write_bytes(&identifier);
                                });
                        });
                    });
                    extension(writer.next(), oid::AUTHORITY_KEY_IDENTIFIER, &identifier);
                    let number = yasna::construct_der(|writer| writer.write_u64(edition.number));
                    extension(writer.next(), oid::CRL_NUMBER, &number);
                });
            });
        });
    });
    signed(&list, key)
}

fn write_revoked(writer: DERWriter<'_>, revoked: &Revoked) {
    writer.write_sequence(|writer| {
        writer.next().write_bigint_bytes(&revoked.serial, true);
        write_time(writer.next(), revoked.at);
        if let Some(reason) = revoked.reason {
            writer.next().write_sequence(|writer| {
                let reason = yasna::construct_der(|writer| writer.write_enum(reason.code()));
                extension(writer.next(), oid::CRL_REASON, &reason);
            });
        }
    });
}

/// An extension that is not critical.
pub(crate) fn extension(writer: DERWriter<'_>, kind: oid::Arcs, content: &[u8]) {
    writer.write_sequence(|writer| {
        oid::write(writer.next(), kind);
        writer.next().write_bytes(content);
    });
}

/// NULL.
pub(crate) fn null(writer: DERWriter<'_>) {
    writer.write_null();
}

/// What is to be signed, followed by algorithm and signature.
fn signed(content: &[u8], key: &Key) -> Result<Vec<u8>, rcgen::Error> {
    let signature = key.sign(content)?;
    Ok(yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_der(content);
            key.algorithm().write_signature_identifier(writer.next());
            writer
                .next()
                .write_bitvec_bytes(&signature, signature.len() * 8);
        });
    }))
}

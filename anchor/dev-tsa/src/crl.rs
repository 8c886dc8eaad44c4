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

/// The list that is current at `now`, where one is issued each `interval` since 1970: it knows what was revoked when it
/// was issued.
pub(crate) fn current(
    issuer: &Certificate,
    key: &Key,
    revoked: Option<&Revoked>,
    now: SystemTime,
    interval: Duration,
) -> Result<Vec<u8>, rcgen::Error> {
    let interval = interval.as_secs().max(1);
    let number = now
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| age.as_secs() / interval);
    let this_update = UNIX_EPOCH + Duration::from_secs(number * interval);
    let revoked = revoked.filter(|revoked| revoked.at <= this_update);
    let list = yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_u64(1); // version 2
            key.algorithm().write_signature_identifier(writer.next());
            writer.next().write_der(&issuer.subject);
            write_time(writer.next(), this_update);
            write_time(writer.next(), this_update + Duration::from_secs(interval));
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
                    let number = yasna::construct_der(|writer| writer.write_u64(number));
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

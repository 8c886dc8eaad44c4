//! Making tokens: `TSTInfo` (RFC 3161, section 2.4.2) in CMS `SignedData` (RFC 5652), in DER.
//!
//! ```text
//! ContentInfo { signedData, SignedData {
//!     version 3, { digest algorithm }, { id-ct-TSTInfo, TSTInfo }, [0] { certificates },
//!     { SignerInfo { version 1, issuer and serial number, digest algorithm,
//!                    [0] { contentType, signingTime, messageDigest, signingCertificateV2 }, algorithm, signature } } } }
//! ```

use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use time::OffsetDateTime;
use yasna::models::{GeneralizedTime, UTCTime};
use yasna::{DERWriter, DERWriterSet, Tag};

use crate::certificate::Certificate;
use crate::key::Key;
use crate::oid;
use crate::request::{Imprint, Integer};

/// What a token says and who says it.
pub(crate) struct Stamp<'a> {
    pub(crate) imprint: &'a Imprint,
    pub(crate) policy: oid::Arcs,
    pub(crate) serial: [u8; 16],
    pub(crate) time: SystemTime,
    pub(crate) nonce: Option<&'a Integer>,
    pub(crate) signer: &'a Certificate,
    pub(crate) key: &'a Key,
    /// What the token carries.
    pub(crate) certificates: &'a [&'a Certificate],
    pub(crate) signature: Signature,
}

/// Whether a signature is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signature {
    Right,
    /// Its last bit is wrong.
    Wrong,
}

/// Accuracy that the tokens state, in seconds.
const ACCURACY_SECONDS: u64 = 1;

impl Stamp<'_> {
    /// The token.
    pub(crate) fn sign(&self) -> Result<Vec<u8>, rcgen::Error> {
        let info = self.info();
        let attributes = yasna::construct_der(|writer| {
            writer.write_set_of(|writer| self.write_attributes(writer, &info));
        });
        // The attributes are signed under the tag of a SET OF and written under [0] (RFC 5652, section 5.4).
        let mut signature = self.key.sign_token(&attributes)?;
        if let (Signature::Wrong, Some(last)) = (self.signature, signature.last_mut()) {
            *last ^= 1;
        }
        Ok(yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                oid::write(writer.next(), oid::SIGNED_DATA);
                writer.next().write_tagged(Tag::context(0), |writer| {
                    self.write_signed_data(writer, &info, &signature);
                });
            });
        }))
    }

    fn info(&self) -> Vec<u8> {
        yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_u64(1);
                oid::write(writer.next(), self.policy);
                writer.next().write_sequence(|writer| {
                    writer.next().write_der(&self.imprint.algorithm);
                    writer.next().write_bytes(&self.imprint.digest);
                });
                writer.next().write_bigint_bytes(&self.serial, true);
                writer
                    .next()
                    .write_generalized_time(&GeneralizedTime::from_datetime(millis(self.time)));
                writer
                    .next()
                    .write_sequence(|writer| writer.next().write_u64(ACCURACY_SECONDS));
                if let Some(nonce) = self.nonce {
                    writer
                        .next()
                        .write_bigint_bytes(&nonce.bytes, nonce.positive);
                }
                writer.next().write_tagged(Tag::context(0), |writer| {
                    write_directory_name(writer, &self.signer.subject);
                });
            });
        })
    }

    fn write_attributes(&self, writer: &mut DERWriterSet<'_>, info: &[u8]) {
        attribute(writer.next(), oid::CONTENT_TYPE, |writer| {
            oid::write(writer, oid::TST_INFO);
        });
        attribute(writer.next(), oid::SIGNING_TIME, |writer| {
            write_time(writer, self.time);
        });
        attribute(writer.next(), oid::MESSAGE_DIGEST, |writer| {
            let digest = digest(self.key.algorithm().digest(), info);
            writer.write_bytes(digest.as_ref());
        });
        attribute(writer.next(), oid::SIGNING_CERTIFICATE_V2, |writer| {
            writer.write_sequence(|writer| {
                writer.next().write_sequence(|writer| {
                    // ESSCertIDv2; its hash algorithm is the default, SHA-256, and so is left out.
                    writer.next().write_sequence(|writer| {
                        writer
                            .next()
                            .write_bytes(digest(&SHA256, &self.signer.der).as_ref());
                        writer.next().write_sequence(|writer| {
                            writer.next().write_sequence(|writer| {
                                write_directory_name(writer.next(), &self.signer.issuer);
                            });
                            writer.next().write_bigint_bytes(&self.signer.serial, true);
                        });
                    });
                });
            });
        });
    }

    fn write_signed_data(&self, writer: DERWriter<'_>, info: &[u8], signature: &[u8]) {
        let algorithm = self.key.algorithm();
        writer.write_sequence(|writer| {
            writer.next().write_u64(3);
            writer
                .next()
                .write_set_of(|writer| algorithm.write_digest_identifier(writer.next()));
            writer.next().write_sequence(|writer| {
                oid::write(writer.next(), oid::TST_INFO);
                writer
                    .next()
                    .write_tagged(Tag::context(0), |writer| writer.write_bytes(info));
            });
            if !self.certificates.is_empty() {
                writer
                    .next()
                    .write_tagged_implicit(Tag::context(0), |writer| {
                        writer.write_set_of(|writer| {
                            for certificate in self.certificates {
                                writer.next().write_der(&certificate.der);
                            }
                        });
                    });
            }
            writer.next().write_set_of(|writer| {
                writer.next().write_sequence(|writer| {
                    writer.next().write_u64(1);
                    writer.next().write_sequence(|writer| {
                        writer.next().write_der(&self.signer.issuer);
                        writer.next().write_bigint_bytes(&self.signer.serial, true);
                    });
                    algorithm.write_digest_identifier(writer.next());
                    writer
                        .next()
                        .write_tagged_implicit(Tag::context(0), |writer| {
                            writer.write_set_of(|writer| self.write_attributes(writer, info));
                        });
                    algorithm.write_token_identifier(writer.next());
                    writer.next().write_bytes(signature);
                });
            });
        });
    }
}

fn attribute(writer: DERWriter<'_>, kind: oid::Arcs, value: impl FnOnce(DERWriter<'_>)) {
    writer.write_sequence(|writer| {
        oid::write(writer.next(), kind);
        writer.next().write_set_of(|writer| value(writer.next()));
    });
}

/// A `GeneralName` that is a directory name: a CHOICE, and so with an explicit tag.
fn write_directory_name(writer: DERWriter<'_>, name: &[u8]) {
    writer.write_tagged(Tag::context(4), |writer| writer.write_der(name));
}

/// `Time` of RFC 5280 and RFC 5652: `UTCTime` as long as it can say the year, and whole seconds.
pub(crate) fn write_time(writer: DERWriter<'_>, time: SystemTime) {
    let time = seconds(time);
    if (1950..2050).contains(&time.year()) {
        writer.write_utctime(&UTCTime::from_datetime(time));
    } else {
        writer.write_generalized_time(&GeneralizedTime::from_datetime(time));
    }
}

/// The time in whole seconds.
pub(crate) fn seconds(time: SystemTime) -> OffsetDateTime {
    let time = OffsetDateTime::from(time);
    time.replace_nanosecond(0).unwrap_or(time)
}

/// The time in whole milliseconds.
fn millis(time: SystemTime) -> OffsetDateTime {
    let time = OffsetDateTime::from(time);
    time.replace_millisecond(time.millisecond()).unwrap_or(time)
}

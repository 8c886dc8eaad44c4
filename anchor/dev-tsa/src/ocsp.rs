//! OCSP (RFC 6960): requests read, answers written.
//!
//! About certificates that the root issued the root itself answers, named by its name; about those of the intermediate a
//! responder that the intermediate delegated to, named by its key. So both forms of an answer come up.

use std::time::SystemTime;

use aws_lc_rs::digest::{self, digest};
use yasna::models::{GeneralizedTime, ObjectIdentifier};
use yasna::{ASN1Result, DERWriter, Tag};

use crate::certificate::{Certificate, Validity};
use crate::crl::{Revoked, extension, null};
use crate::key::Key;
use crate::oid;
use crate::token::seconds;

/// Most certificates that a request may ask for.
const MAX_REQUESTS: usize = 16;

/// What is answered where there is no answer, as `OCSPResponseStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The request cannot be read.
    Malformed = 1,
    /// The certificates have no issuer, or more than one, that this responder speaks for.
    Unauthorized = 6,
}

/// Who issued certificates, and what there is to say about them.
pub(crate) struct Register<'a> {
    pub(crate) issuer: &'a Certificate,
    pub(crate) issued: &'a [Vec<u8>],
    pub(crate) revoked: Option<&'a Revoked>,
    pub(crate) responder: Responder<'a>,
}

/// Who signs answers.
pub(crate) enum Responder<'a> {
    /// The issuer.
    Issuer(&'a Key),
    /// One whose certificate the issuer signed for this.
    Delegate(&'a Certificate, &'a Key),
}

/// What a request asks.
pub(crate) struct Request {
    ids: Vec<CertId>,
    /// The content of the nonce extension, to be repeated.
    nonce: Option<Vec<u8>>,
}

/// `CertID`.
struct CertId {
    encoded: Vec<u8>,
    hash: ObjectIdentifier,
    issuer_name_hash: Vec<u8>,
    issuer_key_hash: Vec<u8>,
    serial: Vec<u8>,
}

impl CertId {
    /// Whether this certificate is the issuer that it names.
    fn names(&self, issuer: &Certificate) -> bool {
        let algorithm = [
            (oid::SHA1, &digest::SHA1_FOR_LEGACY_USE_ONLY),
            (oid::SHA256, &digest::SHA256),
            (oid::SHA384, &digest::SHA384),
            (oid::SHA512, &digest::SHA512),
        ]
        .into_iter()
        .find(|(known, _)| oid::is(&self.hash, known));
        algorithm.is_some_and(|(_, algorithm)| {
            digest(algorithm, &issuer.subject).as_ref() == self.issuer_name_hash
                && digest(algorithm, &issuer.public_key).as_ref() == self.issuer_key_hash
        })
    }
}

/// The answer to a request by whichever of the registers speaks for its certificates, valid from thisUpdate to nextUpdate.
pub(crate) fn answer(
    request: &[u8],
    registers: &[Register<'_>],
    validity: Validity,
) -> Result<Vec<u8>, rcgen::Error> {
    let Ok(request) = parse(request) else {
        return Ok(refused(Refusal::Malformed));
    };
    let register = registers
        .iter()
        .find(|register| request.ids.iter().all(|id| id.names(register.issuer)));
    match register {
        Some(register) => register.answer(&request, validity),
        None => Ok(refused(Refusal::Unauthorized)),
    }
}

impl Register<'_> {
    fn answer(&self, request: &Request, validity: Validity) -> Result<Vec<u8>, rcgen::Error> {
        let key = match self.responder {
            Responder::Issuer(key) | Responder::Delegate(_, key) => key,
        };
        let data = yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                match self.responder {
                    Responder::Issuer(_) => {
                        writer.next().write_tagged(Tag::context(1), |writer| {
                            writer.write_der(&self.issuer.subject);
                        });
                    }
                    Responder::Delegate(certificate, _) => {
                        let hash =
                            digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &certificate.public_key);
                        writer.next().write_tagged(Tag::context(2), |writer| {
                            writer.write_bytes(hash.as_ref());
                        });
                    }
                }
                write_moment(writer.next(), validity.from);
                writer.next().write_sequence(|writer| {
                    for id in &request.ids {
                        self.write_single(writer.next(), id, validity);
                    }
                });
                if let Some(nonce) = &request.nonce {
                    writer.next().write_tagged(Tag::context(1), |writer| {
                        writer.write_sequence(|writer| {
                            extension(writer.next(), oid::OCSP_NONCE, nonce);
                        });
                    });
                }
            });
        });
        let signature = key.sign(&data)?;
        let basic = yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_der(&data);
                key.algorithm().write_signature_identifier(writer.next());
                writer
                    .next()
                    .write_bitvec_bytes(&signature, signature.len() * 8);
                if let Responder::Delegate(certificate, _) = self.responder {
                    writer.next().write_tagged(Tag::context(0), |writer| {
                        writer.write_sequence(|writer| writer.next().write_der(&certificate.der));
                    });
                }
            });
        });
        Ok(successful(&basic))
    }

    fn write_single(&self, writer: DERWriter<'_>, id: &CertId, validity: Validity) {
        writer.write_sequence(|writer| {
            writer.next().write_der(&id.encoded);
            let revoked = self.revoked.filter(|revoked| revoked.serial == id.serial);
            match revoked {
                Some(revoked) => write_revoked(writer.next(), revoked),
                None if self.issued.contains(&id.serial) => {
                    writer.next().write_tagged_implicit(Tag::context(0), null);
                }
                None => writer.next().write_tagged_implicit(Tag::context(2), null),
            }
            write_moment(writer.next(), validity.from);
            writer
                .next()
                .write_tagged(Tag::context(0), |writer| write_moment(writer, validity.to));
        });
    }
}

fn write_revoked(writer: DERWriter<'_>, revoked: &Revoked) {
    writer.write_tagged_implicit(Tag::context(1), |writer| {
        writer.write_sequence(|writer| {
            write_moment(writer.next(), revoked.at);
            if let Some(reason) = revoked.reason {
                writer
                    .next()
                    .write_tagged(Tag::context(0), |writer| writer.write_enum(reason.code()));
            }
        });
    });
}

fn write_moment(writer: DERWriter<'_>, time: SystemTime) {
    writer.write_generalized_time(&GeneralizedTime::from_datetime(seconds(time)));
}

fn successful(basic: &[u8]) -> Vec<u8> {
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_enum(0);
            writer.next().write_tagged(Tag::context(0), |writer| {
                writer.write_sequence(|writer| {
                    oid::write(writer.next(), oid::OCSP_BASIC);
                    writer.next().write_bytes(basic);
                });
            });
        });
    })
}

fn refused(refusal: Refusal) -> Vec<u8> {
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| writer.next().write_enum(refusal as i64));
    })
}

fn parse(der: &[u8]) -> ASN1Result<Request> {
    yasna::parse_der(der, |reader| {
        reader.read_sequence(|reader| {
            let request = reader.next().read_sequence(|reader| {
                reader.read_optional(|reader| {
                    reader.read_tagged(Tag::context(0), |version| version.read_u8())
                })?;
                reader.read_optional(|reader| {
                    reader.read_tagged(Tag::context(1), |requestor| requestor.read_der())
                })?;
                let ids = reader.next().collect_sequence_of(|reader| {
                    reader.read_sequence(|reader| {
                        let (id, encoded) = reader.next().read_with_buffer(parse_id)?;
                        reader.read_optional(|reader| {
                            reader.read_tagged(Tag::context(0), |extensions| extensions.read_der())
                        })?;
                        Ok(CertId {
                            encoded: encoded.to_vec(),
                            ..id
                        })
                    })
                })?;
                let nonce = reader
                    .read_optional(|reader| reader.read_tagged(Tag::context(2), parse_nonce))?;
                Ok(Request {
                    ids,
                    nonce: nonce.flatten(),
                })
            })?;
            // A signature of the request is not needed.
            reader.read_optional(|reader| {
                reader.read_tagged(Tag::context(0), |signature| signature.read_der())
            })?;
            Ok(request)
        })
    })
    .and_then(|request| {
        let asked = request.ids.len();
        if (1..=MAX_REQUESTS).contains(&asked) {
            Ok(request)
        } else {
            Err(yasna::ASN1Error::new(yasna::ASN1ErrorKind::Invalid))
        }
    })
}

fn parse_id(reader: yasna::BERReader<'_, '_>) -> ASN1Result<CertId> {
    reader.read_sequence(|reader| {
        let hash = reader.next().read_sequence(|reader| {
            let hash = reader.next().read_oid()?;
            reader.read_optional(|reader| reader.read_null())?;
            Ok(hash)
        })?;
        let issuer_name_hash = reader.next().read_bytes()?;
        let issuer_key_hash = reader.next().read_bytes()?;
        let (serial, _) = reader.next().read_bigint_bytes()?;
        Ok(CertId {
            encoded: Vec::new(),
            hash,
            issuer_name_hash,
            issuer_key_hash,
            serial,
        })
    })
}

/// The content of the nonce among extensions.
fn parse_nonce(reader: yasna::BERReader<'_, '_>) -> ASN1Result<Option<Vec<u8>>> {
    let extensions = reader.collect_sequence_of(|reader| {
        reader.read_sequence(|reader| {
            let kind = reader.next().read_oid()?;
            reader.read_optional(|reader| reader.read_bool())?;
            let content = reader.next().read_bytes()?;
            Ok((kind, content))
        })
    })?;
    Ok(extensions
        .into_iter()
        .find(|(kind, _)| oid::is(kind, oid::OCSP_NONCE))
        .map(|(_, content)| content))
}

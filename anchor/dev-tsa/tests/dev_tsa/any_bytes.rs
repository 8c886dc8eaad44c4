//! Whatever is sent, there is an answer, and what was asked for stands in it.

use std::sync::LazyLock;

use counterfoil_dev_tsa::{DevTsa, Options};
use proptest::collection::vec;
use proptest::prelude::*;
use yasna::models::ObjectIdentifier;
use yasna::{ASN1Result, BERReader, Tag};

use crate::support::start;

static TSA: LazyLock<DevTsa> = LazyLock::new(|| {
    // Nothing is asked over the network, so that the runtime need not stay.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(start(Options::default()))
});

/// An integer as it is encoded in DER, whatever its length.
fn integer(mut bytes: Vec<u8>) -> Vec<u8> {
    while bytes.len() > 1 && matches!((bytes[0], bytes[1] >> 7), (0, 0) | (0xff, 1)) {
        bytes.remove(0);
    }
    let mut der = vec![2, u8::try_from(bytes.len()).unwrap()];
    der.extend(bytes);
    der
}

fn request(digest: &[u8], nonce: Option<&[u8]>, certificates: bool) -> Vec<u8> {
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_u64(1);
            writer.next().write_der(&imprint(digest));
            if let Some(nonce) = nonce {
                writer.next().write_der(nonce);
            }
            if certificates {
                writer.next().write_bool(true);
            }
        });
    })
}

fn imprint(digest: &[u8]) -> Vec<u8> {
    let sha256 = ObjectIdentifier::from_slice(&[2, 16, 840, 1, 101, 3, 4, 2, 1]);
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_sequence(|writer| {
                writer.next().write_oid(&sha256);
                writer.next().write_null();
            });
            writer.next().write_bytes(digest);
        });
    })
}

/// What a response says.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    status: i64,
    imprint: Option<Vec<u8>>,
    nonce: Option<Vec<u8>>,
    certificates: usize,
}

fn said(response: &[u8]) -> Said {
    yasna::parse_der(response, |reader| {
        reader.read_sequence(|reader| {
            let status = reader.next().read_sequence(|reader| {
                let status = reader.next().read_i64()?;
                reader.read_optional(|reader| reader.read_der())?;
                reader.read_optional(|reader| reader.read_der())?;
                Ok(status)
            })?;
            if status != 0 {
                return Ok(Said {
                    status,
                    imprint: None,
                    nonce: None,
                    certificates: 0,
                });
            }
            let (info, certificates) = reader.next().read_sequence(|reader| {
                reader.next().read_oid()?;
                reader.next().read_tagged(Tag::context(0), signed_data)
            })?;
            let (imprint, nonce) = yasna::parse_der(&info, info_facts)?;
            Ok(Said {
                status,
                imprint: Some(imprint),
                nonce,
                certificates,
            })
        })
    })
    .unwrap()
}

/// `TSTInfo`, and the number of certificates.
fn signed_data(reader: BERReader<'_, '_>) -> ASN1Result<(Vec<u8>, usize)> {
    reader.read_sequence(|reader| {
        reader.next().read_u64()?;
        reader.next().read_der()?;
        let info = reader.next().read_sequence(|reader| {
            reader.next().read_oid()?;
            reader
                .next()
                .read_tagged(Tag::context(0), |reader| reader.read_bytes())
        })?;
        let certificates = reader.read_optional(|reader| {
            reader.read_tagged_implicit(Tag::context(0), |reader| {
                reader.collect_set_of(|reader| reader.read_der())
            })
        })?;
        reader.next().read_der()?;
        Ok((
            info,
            certificates.map_or(0, |certificates| certificates.len()),
        ))
    })
}

/// The imprint and the nonce, both as they are encoded.
fn info_facts(reader: BERReader<'_, '_>) -> ASN1Result<(Vec<u8>, Option<Vec<u8>>)> {
    reader.read_sequence(|reader| {
        reader.next().read_u64()?;
        reader.next().read_oid()?;
        let imprint = reader.next().read_der()?;
        for _ in ["serial number", "time", "accuracy"] {
            reader.next().read_der()?;
        }
        let nonce = reader
            .read_optional(|reader| reader.read_with_buffer(|reader| reader.read_bigint_bytes()))?;
        reader.next().read_der()?;
        Ok((imprint, nonce.map(|(_, encoded)| encoded.to_vec())))
    })
}

proptest! {
    #[test]
    fn digest_nonce_and_certificates_come_back_to_the_byte(
        digest in vec(any::<u8>(), 32),
        nonce in proptest::option::of(vec(any::<u8>(), 1..40)),
        certificates: bool,
    ) {
        let nonce = nonce.map(integer);
        let response = TSA.respond(&request(&digest, nonce.as_deref(), certificates)).unwrap();
        prop_assert_eq!(said(&response), Said {
            status: 0,
            imprint: Some(imprint(&digest)),
            nonce,
            certificates: if certificates { 2 } else { 0 },
        });
    }

    #[test]
    fn requests_with_bytes_changed_get_an_answer(changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = request(&[7; 32], Some(&integer(vec![1, 2, 3])), true);
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        let status = said(&TSA.respond(&bytes).unwrap()).status;
        prop_assert!(status == 0 || status == 2);
    }

    #[test]
    fn any_bytes_get_an_answer(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(said(&TSA.respond(&bytes).unwrap()).status, 2);
        let answer = TSA.ocsp(&bytes).unwrap();
        // OCSPResponse { malformedRequest }
        prop_assert_eq!(answer, [0x30, 0x03, 0x0a, 0x01, 0x01]);
    }
}

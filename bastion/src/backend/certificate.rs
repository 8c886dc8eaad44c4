//! The certificate of a backend's key, self-signed: an X.509 wrapper (RFC 5280) around an Ed25519 public key (RFC 8410).
//!
//! ```text
//! 30 len                                  Certificate
//!   30 len                                  TBSCertificate
//!     a0 03 02 01 02                          version 3
//!     02 01 01                                serial number 1
//!     30 05 06 03 2b6570                      signed with Ed25519
//!     30 len (CN = "Bastion backend")         issuer
//!     30 len 17 .. 18 ..                      valid from 1970 to 9999: no expiry (RFC 5280, section 4.1.2.5)
//!     30 len (CN = "Bastion backend")         subject
//!     30 2a 30 05 06 03 2b6570 03 21 00 key   the public key
//!     a3 len 30 len                           extensions: for signing, as a client
//!   30 05 06 03 2b6570                      signed with Ed25519
//!   03 41 00 signature                      signature of the TBSCertificate
//! ```

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// Constructed, context-specific.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

const ID_ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const ID_COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ID_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const ID_EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const ID_CLIENT_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];

/// The certificate of a public key, signed by `sign`.
pub(super) fn self_signed<E>(
    public_key: &[u8; 32],
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<Vec<u8>, E> {
    let algorithm = element(SEQUENCE, &[&element(OBJECT_IDENTIFIER, &[ID_ED25519])]);
    let name = name("Bastion backend");
    let tbs = element(
        SEQUENCE,
        &[
            &element(VERSION, &[&element(INTEGER, &[&[2]])]),
            &element(INTEGER, &[&[1]]),
            &algorithm,
            &name,
            &element(
                SEQUENCE,
                &[
                    &element(UTC_TIME, &[b"700101000000Z"]),
                    &element(GENERALIZED_TIME, &[b"99991231235959Z"]),
                ],
            ),
            &name,
            &element(
                SEQUENCE,
                &[&algorithm, &element(BIT_STRING, &[&[0], public_key])],
            ),
            &extensions(),
        ],
    );
    let signature = sign(&tbs)?;
    let signature = element(BIT_STRING, &[&[0], &signature]);
    Ok(element(SEQUENCE, &[&tbs, &algorithm, &signature]))
}

/// A distinguished name of one common name.
fn name(common: &str) -> Vec<u8> {
    let attribute = element(
        SEQUENCE,
        &[
            &element(OBJECT_IDENTIFIER, &[ID_COMMON_NAME]),
            &element(UTF8_STRING, &[common.as_bytes()]),
        ],
    );
    element(SEQUENCE, &[&element(SET, &[&attribute])])
}

/// Key usage: digital signature, critical. Extended key usage: client authentication.
fn extensions() -> Vec<u8> {
    let usage = element(
        SEQUENCE,
        &[
            &element(OBJECT_IDENTIFIER, &[ID_KEY_USAGE]),
            &element(BOOLEAN, &[&[0xff]]),
            // Seven unused bits, and the first.
            &element(OCTET_STRING, &[&element(BIT_STRING, &[&[7, 0x80]])]),
        ],
    );
    let purposes = element(SEQUENCE, &[&element(OBJECT_IDENTIFIER, &[ID_CLIENT_AUTH])]);
    let purpose = element(
        SEQUENCE,
        &[
            &element(OBJECT_IDENTIFIER, &[ID_EXTENDED_KEY_USAGE]),
            &element(OCTET_STRING, &[&purposes]),
        ],
    );
    element(EXTENSIONS, &[&element(SEQUENCE, &[&usage, &purpose])])
}

/// An element of DER: tag, length, contents.
fn element(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let contents = contents.concat();
    let length = contents.len();
    let mut element = vec![tag];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..0x80), _) => element.push(short),
        (Ok(long), _) => element.extend([0x81, long]),
        (_, Ok(longer)) => {
            element.push(0x82);
            element.extend(longer.to_be_bytes());
        }
        _ => unreachable!("a certificate has less than 64 KiB"),
    }
    element.extend(contents);
    element
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use rustls::pki_types::CertificateDer;
    use rustls::server::ParsedCertificate;

    use super::*;

    #[test]
    fn every_byte_of_it() {
        let made = self_signed(&[0xee; 32], |_| Ok::<_, Infallible>(vec![0xdd; 64])).unwrap();
        let name = "301a3118301606035504030c0f42617374696f6e206261636b656e64";
        let expected = [
            "3082010b",
            "3081be",
            "a003020102",
            "020101",
            "300506032b6570",
            name,
            "3020170d3730303130313030303030305a180f39393939313233313233353935395a",
            name,
            "302a300506032b6570032100",
            &"ee".repeat(32),
            "a327302530",
            "0e0603551d0f0101ff0404030207803013",
            "0603551d25040c300a06082b06010505070302",
            "300506032b6570",
            "034100",
            &"dd".repeat(64),
        ];
        assert_eq!(hex::encode(&made), expected.concat());
        // Another parser reads it.
        let certificate = CertificateDer::from(made);
        let parsed = ParsedCertificate::try_from(&certificate).unwrap();
        let spki = parsed.subject_public_key_info();
        assert_eq!(spki.as_ref()[12..], [0xee; 32]);
    }
}

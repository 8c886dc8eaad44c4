//! Public keys (`SubjectPublicKeyInfo`, RFC 5280 section 4.1.2.7), and when two are the same.
//!
//! One key has several spellings: the parameters of an RSA key may be NULL or not there, or say that it is for PSS (RFC 4055 section 1.2);
//! a point on a curve may be compressed or not (SEC 1 section 2.3.3). Whoever counts keys must not count one twice.

use crate::algorithm::AlgorithmIdentifier;
use crate::ber::{self, EncodingError, SEQUENCE};

pub(crate) const RSA: &str = "1.2.840.113549.1.1.1";
pub(crate) const RSA_PSS: &str = "1.2.840.113549.1.1.10";
pub(crate) const EC: &str = "1.2.840.10045.2.1";

/// The algorithm and the key of `SubjectPublicKeyInfo`.
pub(crate) struct PublicKey<'a> {
    pub(crate) algorithm: AlgorithmIdentifier,
    pub(crate) bits: &'a [u8],
}

impl<'a> PublicKey<'a> {
    pub(crate) fn parse(spki: &'a [u8]) -> Result<Self, EncodingError> {
        let what = "SubjectPublicKeyInfo";
        let mut reader = ber::only(spki, SEQUENCE, what)?.reader(what);
        let algorithm = AlgorithmIdentifier::read(&mut reader, what)?;
        let bits = ber::bits(&mut reader, what)?;
        reader.end()?;
        Ok(Self { algorithm, bits })
    }

    /// What is the same for all spellings of a key, and for no two keys: RSA by modulus and exponent, EC by curve and compressed point.
    fn same(&self) -> Vec<u8> {
        let parts: [&[u8]; 3] = match self.algorithm.oid.as_str() {
            RSA | RSA_PSS => [b"RSA", &[], self.bits],
            EC => {
                let compressed = compressed(self.bits);
                return [b"EC", &*self.algorithm.parameters, &compressed].concat();
            }
            other => [other.as_bytes(), &self.algorithm.parameters, self.bits],
        };
        parts.concat()
    }
}

/// What is the same for all spellings of the key in a `SubjectPublicKeyInfo`. What is none is its own only spelling.
pub(crate) fn same(spki: &[u8]) -> Vec<u8> {
    PublicKey::parse(spki).map_or_else(|_| spki.to_vec(), |key| key.same())
}

/// A point with the sign of its y in place of that, if it is one.
fn compressed(point: &[u8]) -> Vec<u8> {
    match point.split_first() {
        // Uncompressed, or hybrid: x and y are of one length.
        Some((4 | 6 | 7, coordinates)) if coordinates.len() % 2 == 0 => {
            let (x, y) = coordinates.split_at(coordinates.len() / 2);
            let sign = 2 | y.last().map_or(0, |last| last & 1);
            [&[sign], x].concat()
        }
        _ => point.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `SubjectPublicKeyInfo` of an algorithm in DER, its parameters and bits.
    fn spki(algorithm: &[u8], parameters: &[u8], bits: &[u8]) -> Vec<u8> {
        let tagged = |tag: u8, content: &[u8]| {
            let length = u8::try_from(content.len()).unwrap();
            [&[tag, length], content].concat()
        };
        let algorithm = tagged(0x30, &[algorithm, parameters].concat());
        let bits = tagged(3, &[&[0], bits].concat());
        tagged(0x30, &[algorithm, bits].concat())
    }

    #[test]
    fn a_key_is_the_same_however_it_is_spelled() {
        let rsa = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1];
        let pss = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 10];
        let ec = [6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
        let p256 = [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
        let p384 = [6, 5, 0x2b, 0x81, 4, 0, 34];
        let number = [0x30, 6, 2, 1, 77, 2, 1, 3];
        let keys = [
            ("RSA with NULL", spki(&rsa, &[5, 0], &number), 0),
            ("RSA without", spki(&rsa, &[], &number), 0),
            ("for PSS", spki(&pss, &[], &number), 0),
            (
                "another number",
                spki(&rsa, &[5, 0], &[0x30, 6, 2, 1, 79, 2, 1, 3]),
                1,
            ),
            ("a point", spki(&ec, &p256, &[4, 1, 2, 3, 5]), 2),
            ("compressed", spki(&ec, &p256, &[3, 1, 2]), 2),
            ("hybrid", spki(&ec, &p256, &[7, 1, 2, 3, 5]), 2),
            ("the point below", spki(&ec, &p256, &[2, 1, 2]), 3),
            ("of another curve", spki(&ec, &p384, &[3, 1, 2]), 4),
            ("no key", vec![1, 2, 3], 5),
        ];
        for (name, one, of) in &keys {
            for (other_name, other, of_other) in &keys {
                assert_eq!(
                    same(one) == same(other),
                    of == of_other,
                    "{name}, {other_name}"
                );
            }
        }
    }
}

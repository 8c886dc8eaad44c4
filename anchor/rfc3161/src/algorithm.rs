//! Hash algorithms, and signatures by a public key.

use aws_lc_rs::{digest, signature};

use crate::ber::{self, Element, EncodingError, Reader, SEQUENCE};
use crate::key::{EC, PublicKey, RSA, RSA_PSS};
use crate::oid::Oid;

/// A hash algorithm that tokens name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// Broken: parsed, and refused.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashAlgorithm {
    /// Its object identifier.
    pub const fn oid(self) -> &'static str {
        match self {
            Self::Sha1 => "1.3.14.3.2.26",
            Self::Sha256 => "2.16.840.1.101.3.4.2.1",
            Self::Sha384 => "2.16.840.1.101.3.4.2.2",
            Self::Sha512 => "2.16.840.1.101.3.4.2.3",
        }
    }

    /// The algorithm with an object identifier, if it is known here.
    pub fn of_oid(oid: &Oid) -> Option<Self> {
        [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512]
            .into_iter()
            .find(|algorithm| *oid == algorithm.oid())
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }

    /// The length of its digests in bytes.
    pub const fn size(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The digest of bytes.
    pub fn digest(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }
}

/// `AlgorithmIdentifier`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AlgorithmIdentifier {
    pub(crate) oid: Oid,
    /// The parameters, whole; empty if there are none.
    pub(crate) parameters: Vec<u8>,
}

impl AlgorithmIdentifier {
    pub(crate) fn read(reader: &mut Reader<'_>, what: &'static str) -> Result<Self, EncodingError> {
        let mut reader = reader.enter(SEQUENCE, what)?;
        let oid = reader.oid(what)?;
        let parameters = if reader.is_empty() {
            &[][..]
        } else {
            reader.next()?.raw
        };
        reader.end()?;
        Ok(Self {
            oid,
            parameters: parameters.to_vec(),
        })
    }
}

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// Algorithms that are broken.
    #[error("{0} is broken and no longer counts")]
    Broken(String),
    /// Algorithms or parameters that are not known here.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// The key is not one.
    #[error("the public key is malformed: {0}")]
    Key(#[from] EncodingError),
    /// It does not verify.
    #[error("the signature does not verify")]
    Bad,
}

const MGF1: &str = "1.2.840.113549.1.1.8";
const ED25519: &str = "1.3.101.112";
const CURVES: [(&str, Curve); 3] = [
    ("1.2.840.10045.3.1.7", Curve::P256),
    ("1.3.132.0.34", Curve::P384),
    ("1.3.132.0.35", Curve::P521),
];

#[derive(Clone, Copy)]
enum Curve {
    P256,
    P384,
    P521,
}

/// Verifies a signature by the key in `spki`.
///
/// `hash` is the digest algorithm that stands beside in CMS, where the signature algorithm may name the key's alone.
pub(crate) fn verify(
    spki: &[u8],
    algorithm: &AlgorithmIdentifier,
    hash: Option<&Oid>,
    message: &[u8],
    signed: &[u8],
) -> Result<(), SignatureError> {
    let key = PublicKey::parse(spki)?;
    let verification = match key.algorithm.oid.as_str() {
        RSA | RSA_PSS => rsa(&key, algorithm, hash)?,
        EC => ecdsa(&key, algorithm, hash)?,
        ED25519 if algorithm.oid == ED25519 => ed25519(algorithm, hash)?,
        _ => return Err(unsupported(algorithm, &key.algorithm)),
    };
    signature::UnparsedPublicKey::new(verification, key.bits)
        .verify(message, signed)
        .map_err(|_| SignatureError::Bad)
}

type Verification = &'static dyn signature::VerificationAlgorithm;

fn unsupported(algorithm: &AlgorithmIdentifier, key: &AlgorithmIdentifier) -> SignatureError {
    SignatureError::Unsupported(format!(
        "the signature algorithm {} with a key of {}",
        algorithm.oid, key.oid
    ))
}

/// The hash of a signature algorithm, by the algorithm's name or by what stands beside.
fn hash_of(
    algorithm: &AlgorithmIdentifier,
    named: &[(&str, HashAlgorithm)],
    plain: &[&str],
    hash: Option<&Oid>,
    key: &AlgorithmIdentifier,
) -> Result<HashAlgorithm, SignatureError> {
    let by_name = named
        .iter()
        .find(|(oid, _)| algorithm.oid == *oid)
        .map(|(_, hash)| *hash);
    let found = match (by_name, hash) {
        (Some(found), None) => found,
        // Both are signed over, and where they contradict each other the signature is over one of them.
        (Some(found), Some(beside)) if *beside == found.oid() => found,
        (Some(found), Some(beside)) => {
            return Err(SignatureError::Unsupported(format!(
                "a signature over {} beside the digest algorithm {beside}",
                found.name()
            )));
        }
        (None, Some(beside)) if plain.contains(&algorithm.oid.as_str()) => known_hash(beside)?,
        _ => return Err(unsupported(algorithm, key)),
    };
    if found == HashAlgorithm::Sha1 {
        return Err(SignatureError::Broken("a signature over SHA-1".into()));
    }
    Ok(found)
}

/// A hash algorithm, or the reason why it does not count.
pub(crate) fn known_hash(oid: &Oid) -> Result<HashAlgorithm, SignatureError> {
    match (HashAlgorithm::of_oid(oid), oid.as_str()) {
        (Some(HashAlgorithm::Sha1), _) => Err(SignatureError::Broken("SHA-1".into())),
        (Some(known), _) => Ok(known),
        (None, "1.2.840.113549.2.5") => Err(SignatureError::Broken("MD5".into())),
        (None, _) => Err(SignatureError::Unsupported(format!(
            "the hash algorithm {oid}"
        ))),
    }
}

fn rsa(
    key: &PublicKey<'_>,
    algorithm: &AlgorithmIdentifier,
    hash: Option<&Oid>,
) -> Result<Verification, SignatureError> {
    let bits = modulus_bits(key.bits)?;
    if bits < 2_048 {
        return Err(SignatureError::Broken(format!("an RSA key of {bits} bits")));
    }
    if algorithm.oid == RSA_PSS {
        return Ok(match pss(key, algorithm, hash)? {
            HashAlgorithm::Sha384 => &signature::RSA_PSS_2048_8192_SHA384,
            HashAlgorithm::Sha512 => &signature::RSA_PSS_2048_8192_SHA512,
            _ => &signature::RSA_PSS_2048_8192_SHA256,
        });
    }
    // RFC 4055 section 1.2: a key that is named for PSS signs by nothing else.
    if key.algorithm.oid == RSA_PSS {
        return Err(unsupported(algorithm, &key.algorithm));
    }
    let named = [
        ("1.2.840.113549.1.1.5", HashAlgorithm::Sha1),
        ("1.2.840.113549.1.1.11", HashAlgorithm::Sha256),
        ("1.2.840.113549.1.1.12", HashAlgorithm::Sha384),
        ("1.2.840.113549.1.1.13", HashAlgorithm::Sha512),
    ];
    Ok(
        match hash_of(algorithm, &named, &[RSA], hash, &key.algorithm)? {
            HashAlgorithm::Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            HashAlgorithm::Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            _ => &signature::RSA_PKCS1_2048_8192_SHA256,
        },
    )
}

fn modulus_bits(key: &[u8]) -> Result<usize, EncodingError> {
    let what = "RSAPublicKey";
    let mut reader = ber::only(key, SEQUENCE, what)?.reader(what);
    let modulus = reader.integer(what)?;
    let modulus = modulus.strip_prefix(&[0]).unwrap_or(modulus);
    let zeros = modulus.first().map_or(0, |first| first.leading_zeros());
    let zeros = usize::try_from(zeros).unwrap_or_default();
    Ok(modulus.len().saturating_mul(8).saturating_sub(zeros))
}

/// The hash of a PSS signature, which is that of the key if it says one, and that of what stands beside.
fn pss(
    key: &PublicKey<'_>,
    algorithm: &AlgorithmIdentifier,
    hash: Option<&Oid>,
) -> Result<HashAlgorithm, SignatureError> {
    let found = pss_hash(&algorithm.parameters)?;
    let other = |what: &str| {
        Err(SignatureError::Unsupported(format!(
            "RSASSA-PSS with {} {what}",
            found.name()
        )))
    };
    if key.algorithm.oid == RSA_PSS
        && !key.algorithm.parameters.is_empty()
        && pss_hash(&key.algorithm.parameters)? != found
    {
        return other("by a key for another hash");
    }
    match hash {
        Some(beside) if *beside != found.oid() => {
            other(&format!("beside the digest algorithm {beside}"))
        }
        _ => Ok(found),
    }
}

/// `RSASSA-PSS-params` (RFC 4055): one hash for both, and a salt as long as its digest, as is the rule.
fn pss_hash(parameters: &[u8]) -> Result<HashAlgorithm, SignatureError> {
    let what = "RSASSA-PSS-params";
    if parameters.is_empty() {
        return Err(SignatureError::Broken(
            "RSASSA-PSS over SHA-1, its default".into(),
        ));
    }
    let inside = |explicit: &Element<'_>| {
        let mut inner = explicit.reader(what);
        let algorithm = AlgorithmIdentifier::read(&mut inner, what)?;
        inner.end()?;
        Ok::<_, EncodingError>(algorithm)
    };
    let mut reader = ber::only(parameters, SEQUENCE, what)?.reader(what);
    let Some(hash) = reader.optional(ber::context(0))? else {
        return Err(SignatureError::Broken(
            "RSASSA-PSS over SHA-1, its default".into(),
        ));
    };
    let hash = known_hash(&inside(&hash)?.oid)?;
    let mask = reader.optional(ber::context(1))?;
    let mask = match mask {
        Some(mask) => inside(&mask)?,
        None => {
            return Err(SignatureError::Broken(
                "MGF1 with SHA-1, its default".into(),
            ));
        }
    };
    let mask_hash = AlgorithmIdentifier::read(&mut Reader::new(&mask.parameters, what), what)?;
    let mut number = |tag, default| -> Result<u32, EncodingError> {
        let Some(explicit) = reader.optional(ber::context(tag))? else {
            return Ok(default);
        };
        let mut inner = explicit.reader(what);
        let number = inner.small(what)?;
        inner.end()?;
        Ok(number)
    };
    let (salt, trailer) = (number(2, 20)?, number(3, 1)?);
    reader.end()?;
    let usual = mask.oid == MGF1
        && mask_hash.oid == hash.oid()
        && usize::try_from(salt) == Ok(hash.size())
        && trailer == 1;
    if usual {
        Ok(hash)
    } else {
        Err(SignatureError::Unsupported(format!(
            "RSASSA-PSS with {}, mask {} over {}, a salt of {salt} bytes and trailer {trailer}",
            hash.name(),
            mask.oid,
            mask_hash.oid
        )))
    }
}

fn ed25519(
    algorithm: &AlgorithmIdentifier,
    hash: Option<&Oid>,
) -> Result<Verification, SignatureError> {
    // RFC 8410 section 3: "the parameters MUST be absent". RFC 8419 section 2.3: the digest algorithm beside is SHA-512.
    if !algorithm.parameters.is_empty() {
        return Err(SignatureError::Unsupported(
            "Ed25519 with parameters".into(),
        ));
    }
    if let Some(beside) = hash.filter(|beside| **beside != HashAlgorithm::Sha512.oid()) {
        return Err(SignatureError::Unsupported(format!(
            "Ed25519 beside the digest algorithm {beside}"
        )));
    }
    Ok(&signature::ED25519)
}

fn ecdsa(
    key: &PublicKey<'_>,
    algorithm: &AlgorithmIdentifier,
    hash: Option<&Oid>,
) -> Result<Verification, SignatureError> {
    let curve = Reader::new(&key.algorithm.parameters, "the curve").oid("the curve")?;
    let named = [
        ("1.2.840.10045.4.1", HashAlgorithm::Sha1),
        ("1.2.840.10045.4.3.2", HashAlgorithm::Sha256),
        ("1.2.840.10045.4.3.3", HashAlgorithm::Sha384),
        ("1.2.840.10045.4.3.4", HashAlgorithm::Sha512),
    ];
    // Some signers name the key's algorithm.
    let hash = hash_of(algorithm, &named, &[EC], hash, &key.algorithm)?;
    let Some((_, curve)) = CURVES.iter().find(|(oid, _)| curve == *oid) else {
        return Err(SignatureError::Unsupported(format!("the curve {curve}")));
    };
    Ok(match (curve, hash) {
        (Curve::P256, HashAlgorithm::Sha384) => &signature::ECDSA_P256_SHA384_ASN1,
        (Curve::P256, HashAlgorithm::Sha512) => &signature::ECDSA_P256_SHA512_ASN1,
        (Curve::P256, _) => &signature::ECDSA_P256_SHA256_ASN1,
        (Curve::P384, HashAlgorithm::Sha384) => &signature::ECDSA_P384_SHA384_ASN1,
        (Curve::P384, HashAlgorithm::Sha512) => &signature::ECDSA_P384_SHA512_ASN1,
        (Curve::P384, _) => &signature::ECDSA_P384_SHA256_ASN1,
        (Curve::P521, HashAlgorithm::Sha384) => &signature::ECDSA_P521_SHA384_ASN1,
        (Curve::P521, HashAlgorithm::Sha512) => &signature::ECDSA_P521_SHA512_ASN1,
        (Curve::P521, _) => &signature::ECDSA_P521_SHA256_ASN1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identifier(oid: &'static str, parameters: &[u8]) -> AlgorithmIdentifier {
        AlgorithmIdentifier {
            oid: Oid::known(oid),
            parameters: parameters.to_vec(),
        }
    }

    fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
        ber::encode(SEQUENCE, &parts.concat())
    }

    /// The parameters of PSS: a hash, MGF1 over one, and a salt.
    fn parameters(hash: HashAlgorithm, mask: HashAlgorithm, salt: u8) -> Vec<u8> {
        let named = |hash: HashAlgorithm| sequence(&[Oid::known(hash.oid()).to_der()]);
        let mask = sequence(&[Oid::known(MGF1).to_der(), named(mask)]);
        let salt = ber::encode(ber::INTEGER, &[salt]);
        let part = |number, content: &[u8]| ber::encode(ber::context(number), content);
        sequence(&[part(0, &named(hash)), part(1, &mask), part(2, &salt)])
    }

    /// Which signature a key would be asked to verify.
    fn asked(
        key: &AlgorithmIdentifier,
        algorithm: &AlgorithmIdentifier,
        beside: Option<HashAlgorithm>,
    ) -> Result<(), SignatureError> {
        let modulus = [&[0, 0x80][..], &[1; 255]].concat();
        let bits = [modulus, vec![1, 0, 1]].map(|number| ber::encode(ber::INTEGER, &number));
        let key = PublicKey {
            algorithm: key.clone(),
            bits: &sequence(&bits),
        };
        let beside = beside.map(|hash| Oid::known(hash.oid()));
        rsa(&key, algorithm, beside.as_ref()).map(drop)
    }

    #[test]
    fn keys_and_parameters_of_pss_bind() {
        use HashAlgorithm::{Sha256, Sha384, Sha512};
        let usual = |hash: HashAlgorithm| {
            let salt = u8::try_from(hash.size()).unwrap();
            identifier(RSA_PSS, &parameters(hash, hash, salt))
        };
        let any = identifier(RSA, &[5, 0]);
        let pss = identifier(RSA_PSS, &[]);
        let good = [
            (&any, usual(Sha256), None),
            (&any, usual(Sha384), Some(Sha384)),
            (&pss, usual(Sha512), Some(Sha512)),
            (&usual(Sha256), usual(Sha256), None),
            (&any, identifier("1.2.840.113549.1.1.11", &[5, 0]), None),
        ];
        for (key, algorithm, beside) in good {
            assert_eq!(asked(key, &algorithm, beside), Ok(()), "{algorithm:?}");
        }
        let pkcs_1 = identifier("1.2.840.113549.1.1.11", &[5, 0]);
        let with = |hash, mask, salt| identifier(RSA_PSS, &parameters(hash, mask, salt));
        let refused = [
            (&pss, pkcs_1, None, "with a key of"),
            (
                &usual(Sha256),
                usual(Sha512),
                None,
                "by a key for another hash",
            ),
            (
                &any,
                usual(Sha512),
                Some(Sha256),
                "beside the digest algorithm",
            ),
            (&any, pss.clone(), None, "over SHA-1, its default"),
            (
                &any,
                with(Sha256, Sha384, 32),
                None,
                "over 2.16.840.1.101.3.4.2.2",
            ),
            (&any, with(Sha256, Sha256, 20), None, "a salt of 20 bytes"),
        ];
        for (key, algorithm, beside, reason) in refused {
            let error = asked(key, &algorithm, beside).unwrap_err().to_string();
            assert!(error.contains(reason), "{reason}: {error}");
        }
    }
}

//! Hash algorithms, and signatures by a public key.

use aws_lc_rs::{digest, signature};

use crate::ber::{self, EncodingError, Reader, SEQUENCE};
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

const RSA: &str = "1.2.840.113549.1.1.1";
const RSA_PSS: &str = "1.2.840.113549.1.1.10";
const MGF1: &str = "1.2.840.113549.1.1.8";
const EC: &str = "1.2.840.10045.2.1";
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

/// The algorithm and the key of `SubjectPublicKeyInfo`.
struct PublicKey<'a> {
    algorithm: AlgorithmIdentifier,
    bits: &'a [u8],
}

impl<'a> PublicKey<'a> {
    fn parse(spki: &'a [u8]) -> Result<Self, EncodingError> {
        let what = "SubjectPublicKeyInfo";
        let mut reader = ber::only(spki, SEQUENCE, what)?.reader(what);
        let algorithm = AlgorithmIdentifier::read(&mut reader, what)?;
        let bits = ber::bits(&mut reader, what)?;
        reader.end()?;
        Ok(Self { algorithm, bits })
    }
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
        ED25519 if algorithm.oid == ED25519 => &signature::ED25519,
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
        return Ok(match pss_hash(&algorithm.parameters)? {
            HashAlgorithm::Sha384 => &signature::RSA_PSS_2048_8192_SHA384,
            HashAlgorithm::Sha512 => &signature::RSA_PSS_2048_8192_SHA512,
            _ => &signature::RSA_PSS_2048_8192_SHA256,
        });
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

/// `RSASSA-PSS-params` (RFC 4055): one hash for both, and a salt as long as its digest, as is the rule.
fn pss_hash(parameters: &[u8]) -> Result<HashAlgorithm, SignatureError> {
    let what = "RSASSA-PSS-params";
    if parameters.is_empty() {
        return Err(SignatureError::Broken(
            "RSASSA-PSS over SHA-1, its default".into(),
        ));
    }
    let mut reader = ber::only(parameters, SEQUENCE, what)?.reader(what);
    let Some(hash) = reader.optional(ber::context(0))? else {
        return Err(SignatureError::Broken(
            "RSASSA-PSS over SHA-1, its default".into(),
        ));
    };
    let hash = known_hash(&AlgorithmIdentifier::read(&mut hash.reader(what), what)?.oid)?;
    let mask = reader.optional(ber::context(1))?;
    let mask = match mask {
        Some(mask) => AlgorithmIdentifier::read(&mut mask.reader(what), what)?,
        None => {
            return Err(SignatureError::Broken(
                "MGF1 with SHA-1, its default".into(),
            ));
        }
    };
    let mask_hash = AlgorithmIdentifier::read(&mut Reader::new(&mask.parameters, what), what)?;
    let salt = match reader.optional(ber::context(2))? {
        Some(salt) => salt.reader(what).small(what)?,
        None => 20,
    };
    let trailer = match reader.optional(ber::context(3))? {
        Some(trailer) => trailer.reader(what).small(what)?,
        None => 1,
    };
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

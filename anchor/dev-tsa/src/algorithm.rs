//! Kinds of keys.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use rcgen::{KeyPair, RsaKeySize, SignatureAlgorithm};
use yasna::{DERWriter, Tag};

use crate::oid;

/// The kind of all keys of an authority: its root, its issuing authority, its time-stamps and its OCSP responder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    #[default]
    P256,
    /// ECDSA on P-384 with SHA-384.
    P384,
    /// ECDSA on P-521 with SHA-512.
    P521,
    /// Ed25519; in CMS with SHA-512 (RFC 8419). `openssl ts` cannot verify it.
    Ed25519,
    /// RSA of 2,048 bits, PKCS #1 v1.5, with SHA-256.
    Rsa2048,
    /// RSA of 2,048 bits: RSASSA-PSS with SHA-256 for tokens (RFC 4056), PKCS #1 v1.5 for all else, as common authorities
    /// have it. `openssl ts` cannot verify it; `openssl cms` can.
    Rsa2048Pss,
    /// RSA of 3,072 bits, PKCS #1 v1.5, with SHA-256.
    Rsa3072,
    /// RSA of 4,096 bits, PKCS #1 v1.5, with SHA-512.
    Rsa4096,
}

/// No kind of key has this name.
#[derive(Debug, thiserror::Error)]
#[error(
    "no algorithm is called {0:?}: expected one of p256, p384, p521, ed25519, rsa2048, rsa2048-pss, rsa3072, rsa4096"
)]
pub struct UnknownAlgorithm(String);

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::P256,
        Self::P384,
        Self::P521,
        Self::Ed25519,
        Self::Rsa2048,
        Self::Rsa2048Pss,
        Self::Rsa3072,
        Self::Rsa4096,
    ];

    /// Its name: `p256`, `rsa2048` and so on.
    pub fn name(self) -> &'static str {
        match self {
            Self::P256 => "p256",
            Self::P384 => "p384",
            Self::P521 => "p521",
            Self::Ed25519 => "ed25519",
            Self::Rsa2048 => "rsa2048",
            Self::Rsa2048Pss => "rsa2048-pss",
            Self::Rsa3072 => "rsa3072",
            Self::Rsa4096 => "rsa4096",
        }
    }

    /// A new key of this kind.
    pub(crate) fn generate(self) -> Result<KeyPair, rcgen::Error> {
        let size = match self {
            Self::Rsa2048 | Self::Rsa2048Pss => RsaKeySize::_2048,
            Self::Rsa3072 => RsaKeySize::_3072,
            Self::Rsa4096 => RsaKeySize::_4096,
            Self::P256 | Self::P384 | Self::P521 | Self::Ed25519 => {
                return KeyPair::generate_for(self.signature());
            }
        };
        KeyPair::generate_rsa_for(self.signature(), size)
    }

    /// How its keys sign.
    pub(crate) fn signature(self) -> &'static SignatureAlgorithm {
        match self {
            Self::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Self::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            Self::P521 => &rcgen::PKCS_ECDSA_P521_SHA512,
            Self::Ed25519 => &rcgen::PKCS_ED25519,
            Self::Rsa2048 | Self::Rsa2048Pss | Self::Rsa3072 => &rcgen::PKCS_RSA_SHA256,
            Self::Rsa4096 => &rcgen::PKCS_RSA_SHA512,
        }
    }

    /// The digest of its signatures, and of the messages that CMS signs by their digest.
    pub(crate) fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::P256 | Self::Rsa2048 | Self::Rsa2048Pss | Self::Rsa3072 => &digest::SHA256,
            Self::P384 => &digest::SHA384,
            Self::P521 | Self::Ed25519 | Self::Rsa4096 => &digest::SHA512,
        }
    }

    /// Writes the `AlgorithmIdentifier` of its signatures of tokens.
    pub(crate) fn write_token_identifier(self, writer: DERWriter<'_>) {
        if self != Self::Rsa2048Pss {
            return self.write_signature_identifier(writer);
        }
        // RSASSA-PSS-params: all three differ from the defaults, which are of SHA-1.
        writer.write_sequence(|writer| {
            oid::write(writer.next(), oid::RSASSA_PSS);
            writer.next().write_sequence(|writer| {
                writer.next().write_tagged(Tag::context(0), |writer| {
                    self.write_digest_identifier(writer);
                });
                writer.next().write_tagged(Tag::context(1), |writer| {
                    writer.write_sequence(|writer| {
                        oid::write(writer.next(), oid::MGF1);
                        self.write_digest_identifier(writer.next());
                    });
                });
                let salt = self.digest().output_len();
                writer.next().write_tagged(Tag::context(2), |writer| {
                    writer.write_u64(salt as u64);
                });
            });
        });
    }

    /// Writes the `AlgorithmIdentifier` of its signatures of certificates and what is about them.
    pub(crate) fn write_signature_identifier(self, writer: DERWriter<'_>) {
        let (oid, parameters) = match self {
            Self::P256 => (oid::ECDSA_WITH_SHA256, false),
            Self::P384 => (oid::ECDSA_WITH_SHA384, false),
            Self::P521 => (oid::ECDSA_WITH_SHA512, false),
            Self::Ed25519 => (oid::ED25519, false),
            Self::Rsa2048 | Self::Rsa2048Pss | Self::Rsa3072 => (oid::SHA256_WITH_RSA, true),
            Self::Rsa4096 => (oid::SHA512_WITH_RSA, true),
        };
        writer.write_sequence(|writer| {
            oid::write(writer.next(), oid);
            if parameters {
                writer.next().write_null();
            }
        });
    }

    /// Writes the `AlgorithmIdentifier` of its digest.
    pub(crate) fn write_digest_identifier(self, writer: DERWriter<'_>) {
        let oid = match self {
            Self::P256 | Self::Rsa2048 | Self::Rsa2048Pss | Self::Rsa3072 => oid::SHA256,
            Self::P384 => oid::SHA384,
            Self::P521 | Self::Ed25519 | Self::Rsa4096 => oid::SHA512,
        };
        writer.write_sequence(|writer| oid::write(writer.next(), oid));
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| UnknownAlgorithm(name.to_owned()))
    }
}

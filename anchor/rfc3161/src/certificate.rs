//! X.509 certificates (RFC 5280), as far as paths and time-stamps need them.

mod extensions;
mod name;

use core::fmt;
use std::sync::Arc;

use self::extensions::Extensions;
pub(crate) use self::extensions::{Extension, read_extensions};
pub use self::name::Name;
use crate::algorithm::AlgorithmIdentifier;
use crate::ber::{self, EncodingError, Reader, SEQUENCE};
use crate::key;
use crate::oid::Oid;
use crate::policy::Policies;
use crate::text::listed;
use crate::time::{Timestamp, time};

/// Largest certificate that is read, in bytes.
pub const MAX_CERTIFICATE_SIZE: usize = 32_768;

/// A parsed certificate: nothing about it is verified. Cloning it is cheap.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate(Arc<Fields>);

#[derive(PartialEq, Eq)]
struct Fields {
    der: Vec<u8>,
    tbs: Vec<u8>,
    serial: Vec<u8>,
    issuer: Name,
    subject: Name,
    not_before: Timestamp,
    not_after: Timestamp,
    spki: Vec<u8>,
    key: Vec<u8>,
    algorithm: AlgorithmIdentifier,
    signature: Vec<u8>,
    extensions: Extensions,
}

/// Whether somebody may issue certificates, and how many authorities may follow below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BasicConstraints {
    pub(crate) is_authority: bool,
    pub(crate) path_length: Option<u32>,
}

/// What a key may be used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExtendedKeyUsage {
    pub(crate) critical: bool,
    pub(crate) purposes: Vec<Oid>,
}

/// Bits of key usage, by their number.
pub(crate) const DIGITAL_SIGNATURE: u16 = 1;
pub(crate) const NON_REPUDIATION: u16 = 1 << 1;
pub(crate) const KEY_CERT_SIGN: u16 = 1 << 5;
pub(crate) const CRL_SIGN: u16 = 1 << 6;

/// Where more is to be had about a certificate. URLs are of `http` and `https`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// CRL distribution points.
    pub crl: Vec<String>,
    /// OCSP responders.
    pub ocsp: Vec<String>,
    /// Places where its revocation is published and that are not fetched, as with LDAP; in words, for people.
    pub unfetchable: Vec<String>,
    /// The issuer's certificate.
    pub issuers: Vec<String>,
}

impl Sources {
    /// The places where its revocation is published, in words, if none of them is fetched, so that nothing ever settles it. None where
    /// one is, or where there are none at all.
    pub fn nothing_to_fetch(&self) -> Option<String> {
        let is_fetched = !(self.crl.is_empty() && self.ocsp.is_empty());
        let places = &self.unfetchable;
        (!is_fetched && !places.is_empty()).then(|| listed(places, ", "))
    }
}

/// The numbers of the versions (RFC 5280 section 4.1.2.1).
const V1: u32 = 0;
const V2: u32 = 1;
const V3: u32 = 2;

/// `[0] EXPLICIT Version DEFAULT v1`.
fn read_version(reader: &mut Reader<'_>) -> Result<u32, EncodingError> {
    let what = "version";
    let Some(version) = reader.optional(ber::context(0))? else {
        return Ok(V1);
    };
    let mut inner = version.reader(what);
    let version = inner.small(what)?;
    inner.end()?;
    if version > V3 {
        return Err(EncodingError::Value(what));
    }
    Ok(version)
}

impl Certificate {
    /// Parses a certificate in DER.
    pub fn parse(der: &[u8]) -> Result<Self, EncodingError> {
        let what = "Certificate";
        if der.len() > MAX_CERTIFICATE_SIZE {
            return Err(EncodingError::Length(what));
        }
        let whole = ber::only(der, SEQUENCE, what)?;
        let mut outer = whole.reader(what);
        let tbs = outer.expect(SEQUENCE, "TBSCertificate")?;
        let algorithm = AlgorithmIdentifier::read(&mut outer, "signatureAlgorithm")?;
        let signature = ber::bits(&mut outer, "signature")?.to_vec();
        outer.end()?;
        let mut reader = tbs.reader("TBSCertificate");
        let version = read_version(&mut reader)?;
        let serial = reader.integer("serialNumber")?.to_vec();
        // RFC 5280 section 4.1.1.2: both MUST contain the same algorithm identifier.
        if AlgorithmIdentifier::read(&mut reader, "signature")? != algorithm {
            return Err(EncodingError::Value("signatureAlgorithm"));
        }
        let issuer = Name::read(&mut reader, "issuer")?;
        let mut validity = reader.enter(SEQUENCE, "validity")?;
        let not_before = time(&mut validity, "notBefore")?;
        let not_after = time(&mut validity, "notAfter")?;
        validity.end()?;
        let subject = Name::read(&mut reader, "subject")?;
        let spki = reader
            .expect(SEQUENCE, "SubjectPublicKeyInfo")?
            .raw
            .to_vec();
        let mut least = V1;
        for unique_id in [1, 2] {
            if reader
                .optional(ber::context_primitive(unique_id))?
                .is_some()
            {
                least = V2;
            }
        }
        let extensions = match reader.optional(ber::context(3))? {
            Some(extensions) => {
                least = V3;
                let mut inner = extensions.reader("extensions");
                let extensions = Extensions::read(&mut inner)?;
                inner.end()?;
                extensions
            }
            None => Extensions::default(),
        };
        reader.end()?;
        // RFC 5280 section 4.1: unique identifiers are of v2 and v3, extensions of v3 alone.
        if version < least {
            return Err(EncodingError::Value("version"));
        }
        Ok(Self(Arc::new(Fields {
            der: whole.raw.to_vec(),
            tbs: tbs.raw.to_vec(),
            serial,
            issuer,
            subject,
            not_before,
            not_after,
            key: key::same(&spki),
            spki,
            algorithm,
            signature,
            extensions,
        })))
    }

    /// As it came.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    pub(crate) fn tbs(&self) -> &[u8] {
        &self.0.tbs
    }

    /// The content octets of its serial number.
    pub fn serial(&self) -> &[u8] {
        &self.0.serial
    }

    /// Who issued it.
    pub fn issuer(&self) -> &Name {
        &self.0.issuer
    }

    /// Whose it is.
    pub fn subject(&self) -> &Name {
        &self.0.subject
    }

    /// The first second of its validity.
    pub fn not_before(&self) -> Timestamp {
        self.0.not_before
    }

    /// The last second of its validity.
    pub fn not_after(&self) -> Timestamp {
        self.0.not_after
    }

    /// Its `SubjectPublicKeyInfo`.
    pub fn spki(&self) -> &[u8] {
        &self.0.spki
    }

    /// What is the same for all certificates of one key, however each spells it.
    pub fn key(&self) -> &[u8] {
        &self.0.key
    }

    pub(crate) fn algorithm(&self) -> &AlgorithmIdentifier {
        &self.0.algorithm
    }

    pub(crate) fn signature(&self) -> &[u8] {
        &self.0.signature
    }

    pub(crate) fn basic_constraints(&self) -> Option<BasicConstraints> {
        self.0.extensions.basic_constraints
    }

    /// Whether its key may be used so: it may if nothing is said.
    pub(crate) fn may(&self, usage: u16) -> bool {
        self.0
            .extensions
            .key_usage
            .is_none_or(|usages| usages & usage != 0)
    }

    /// Whether its key may be used for nothing but some of these.
    pub(crate) fn may_only(&self, usages: u16) -> bool {
        let said = self.0.extensions.key_usage;
        said.is_none_or(|said| said & !usages == 0)
    }

    pub(crate) fn extended_key_usage(&self) -> Option<&ExtendedKeyUsage> {
        self.0.extensions.extended_key_usage.as_ref()
    }

    /// Whether a `GeneralName` is its subject or one of its alternative names.
    pub(crate) fn has_name(&self, general_name: &[u8]) -> bool {
        let alternatives = &self.0.extensions.alternative_names;
        let directory_name = |general: &[u8]| {
            let what = "directoryName";
            let name = ber::only(general, ber::context(4), what).ok()?;
            Name::read(&mut name.reader(what), what).ok()
        };
        let name = directory_name(general_name);
        let is_it =
            |own: &Vec<u8>| own == general_name || (name.is_some() && directory_name(own) == name);
        name.as_ref() == Some(self.subject()) || alternatives.iter().any(is_it)
    }

    pub(crate) fn subject_key_id(&self) -> Option<&[u8]> {
        self.0.extensions.subject_key_id.as_deref()
    }

    pub(crate) fn authority_key_id(&self) -> Option<&[u8]> {
        self.0.extensions.authority_key_id.as_deref()
    }

    pub(crate) fn policies(&self) -> &Policies {
        &self.0.extensions.policies
    }

    /// Whether its subject's name is its issuer's (RFC 5280 section 3.2).
    pub(crate) fn is_self_issued(&self) -> bool {
        self.subject() == self.issuer()
    }

    /// Critical extensions that are not understood here: RFC 5280 section 4.2 wants such a certificate to be refused.
    pub(crate) fn not_understood(&self) -> &[Oid] {
        &self.0.extensions.not_understood
    }

    /// Where more is to be had about it.
    pub fn sources(&self) -> &Sources {
        &self.0.extensions.sources
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({} by {})", self.subject(), self.issuer())
    }
}

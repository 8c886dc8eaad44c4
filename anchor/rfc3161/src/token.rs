//! Time-stamp tokens: CMS signed data (RFC 5652) over a `TSTInfo` (RFC 3161 section 2.4.2).

use crate::algorithm::{AlgorithmIdentifier, HashAlgorithm};
use crate::ber::{self, Element, EncodingError, INTEGER, Reader, SEQUENCE, SET};
use crate::certificate::{Certificate, Name};
use crate::oid::Oid;
use crate::request::{Imprint, Nonce};
use crate::text;
use crate::time::{Timestamp, generalized};

/// Largest token that is read, in bytes: authorities that put whole CRLs into theirs reach 150 KB.
pub const MAX_TOKEN_SIZE: usize = 262_144;

/// Certificates in a token: more are refused, so that nobody makes us build paths for ever.
pub const MAX_CERTIFICATES: usize = 32;

/// Attributes of a signer.
const MAX_ATTRIBUTES: usize = 64;

/// Extensions of a `TSTInfo`.
const MAX_EXTENSIONS: usize = 64;

const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";

/// A parsed token: nothing about it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub(crate) content_type: Oid,
    /// What is signed over: the `TSTInfo` in DER.
    pub(crate) content: Vec<u8>,
    pub(crate) info: Info,
    pub(crate) certificates: Vec<Certificate>,
    /// Why a certificate in it could not be read.
    pub(crate) unreadable: Vec<EncodingError>,
    pub(crate) version: u32,
    pub(crate) signer: SignerInfo,
}

/// `TSTInfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Its version: 1 is the only one.
    pub version: u32,
    /// The policy it was made under.
    pub policy: Oid,
    /// What is stamped.
    pub imprint: Imprint,
    /// The content octets of its serial number.
    pub serial: Vec<u8>,
    /// The time.
    pub gen_time: Timestamp,
    /// How exact the time is, in microseconds; none if it is not said, or not in numbers that may stand there.
    pub accuracy: Option<u64>,
    /// What is wrong with the numbers of its accuracy.
    pub(crate) wrong_accuracy: Option<String>,
    /// The number of the request.
    pub nonce: Option<Nonce>,
    /// A name of the authority, a `GeneralName`.
    pub(crate) authority: Option<Vec<u8>>,
    /// Critical extensions: none is known.
    pub(crate) critical: Vec<Oid>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignerInfo {
    pub(crate) id: SignerId,
    pub(crate) digest: Oid,
    /// In DER with the identifier of a SET, which is what is signed; none if there are none.
    pub(crate) signed_attributes: Option<Vec<u8>>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) algorithm: AlgorithmIdentifier,
    pub(crate) signature: Vec<u8>,
}

/// Which certificate the signer says is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SignerId {
    IssuerAndSerial(Name, Vec<u8>),
    SubjectKeyId(Vec<u8>),
}

impl SignerId {
    pub(crate) fn is(&self, certificate: &Certificate) -> bool {
        match self {
            Self::IssuerAndSerial(issuer, serial) => {
                certificate.serial() == serial && certificate.issuer() == issuer
            }
            Self::SubjectKeyId(id) => certificate.subject_key_id() == Some(id),
        }
    }
}

/// A signed attribute, with its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) oid: Oid,
    /// Each whole.
    pub(crate) values: Vec<Vec<u8>>,
}

impl Token {
    /// Parses a token, in DER or BER.
    pub fn parse(bytes: &[u8]) -> Result<Self, EncodingError> {
        if bytes.len() > MAX_TOKEN_SIZE {
            return Err(EncodingError::Length("a token"));
        }
        let mut outer = ber::only(bytes, SEQUENCE, "ContentInfo")?.reader("ContentInfo");
        if outer.oid("contentType")? != SIGNED_DATA {
            return Err(EncodingError::Value(
                "contentType, which is not signed data,",
            ));
        }
        let mut explicit = outer.enter(ber::context(0), "content")?;
        outer.end()?;
        let mut reader = explicit.enter(SEQUENCE, "SignedData")?;
        explicit.end()?;
        let version = reader.small("version")?;
        reader.expect(SET, "digestAlgorithms")?;
        let mut encapsulated = reader.enter(SEQUENCE, "encapContentInfo")?;
        let content_type = encapsulated.oid("eContentType")?;
        let mut explicit = encapsulated.enter(ber::context(0), "eContent")?;
        let content = ber::octet_string(&mut explicit, "eContent")?;
        explicit.end()?;
        encapsulated.end()?;
        let (certificates, unreadable) = match reader.optional(ber::context(0))? {
            Some(set) => certificates(&set)?,
            None => (Vec::new(), Vec::new()),
        };
        // Revocation data within a token is not taken: what is kept beside it is.
        reader.optional(ber::context(1))?;
        let mut signers = reader.enter(SET, "signerInfos")?;
        let signer = SignerInfo::read(&mut signers)?;
        // RFC 3161 section 2.4.2: "The time-stamp token MUST NOT contain any signatures other than the signature of the TSA."
        signers.end()?;
        reader.end()?;
        let info = Info::parse(&content)?;
        Ok(Self {
            content_type,
            content,
            info,
            certificates,
            unreadable,
            version,
            signer,
        })
    }

    /// What it says.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// The certificates in it.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }
}

/// `CertificateSet`: what is no X.509 certificate (attribute certificates, other formats) is passed over.
fn certificates(
    set: &Element<'_>,
) -> Result<(Vec<Certificate>, Vec<EncodingError>), EncodingError> {
    let what = "certificates";
    let (mut certificates, mut unreadable) = (Vec::new(), Vec::new());
    let mut reader = set.reader(what);
    while !reader.is_empty() {
        let element = reader.next()?;
        if element.identifier != SEQUENCE {
            continue;
        }
        if certificates.len().saturating_add(unreadable.len()) == MAX_CERTIFICATES {
            return Err(EncodingError::Length(what));
        }
        match Certificate::parse(element.raw) {
            Ok(certificate) => certificates.push(certificate),
            // Another one may be all that is needed.
            Err(error) => unreadable.push(error),
        }
    }
    Ok((certificates, unreadable))
}

impl SignerInfo {
    fn read(signers: &mut Reader<'_>) -> Result<Self, EncodingError> {
        let mut reader = signers.enter(SEQUENCE, "SignerInfo")?;
        let version = reader.small("SignerInfo version")?;
        let id = if let Some(id) = reader.optional(ber::context_primitive(0))? {
            SignerId::SubjectKeyId(id.content.to_vec())
        } else {
            let mut id = reader.enter(SEQUENCE, "issuerAndSerialNumber")?;
            let issuer = Name::read(&mut id, "issuer")?;
            let serial = id.integer("serialNumber")?.to_vec();
            id.end()?;
            SignerId::IssuerAndSerial(issuer, serial)
        };
        if !matches!(version, 1 | 3) {
            return Err(EncodingError::Value("SignerInfo version"));
        }
        let digest = AlgorithmIdentifier::read(&mut reader, "digestAlgorithm")?.oid;
        let (mut signed_attributes, mut attributes) = (None, Vec::new());
        if let Some(signed) = reader.optional(ber::context(0))? {
            signed_attributes = Some(ber::to_der(SET, &signed, "signedAttrs")?);
            attributes = read_attributes(&signed)?;
        }
        let algorithm = AlgorithmIdentifier::read(&mut reader, "signatureAlgorithm")?;
        let signature = ber::octet_string(&mut reader, "signature")?;
        // Nobody has signed what is in them.
        reader.optional(ber::context(1))?;
        reader.end()?;
        Ok(Self {
            id,
            digest,
            signed_attributes,
            attributes,
            algorithm,
            signature,
        })
    }

    /// The one value of an attribute that may come once.
    pub(crate) fn attribute(&self, oid: &str) -> Result<Option<&[u8]>, &'static str> {
        let mut found = self
            .attributes
            .iter()
            .filter(|attribute| attribute.oid == oid);
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some(attribute), None) => match attribute.values.as_slice() {
                [value] => Ok(Some(value)),
                _ => Err("has not exactly one value"),
            },
            _ => Err("comes more than once"),
        }
    }
}

fn read_attributes(signed: &Element<'_>) -> Result<Vec<Attribute>, EncodingError> {
    let what = "signedAttrs";
    let mut reader = signed.reader(what);
    let mut attributes = Vec::new();
    while !reader.is_empty() {
        if attributes.len() == MAX_ATTRIBUTES {
            return Err(EncodingError::Length(what));
        }
        let mut attribute = reader.enter(SEQUENCE, what)?;
        let oid = attribute.oid(what)?;
        let mut set = attribute.enter(SET, what)?;
        attribute.end()?;
        let mut values = Vec::new();
        while !set.is_empty() {
            values.push(set.next()?.raw.to_vec());
        }
        attributes.push(Attribute { oid, values });
    }
    Ok(attributes)
}

impl Info {
    fn parse(content: &[u8]) -> Result<Self, EncodingError> {
        let what = "TSTInfo";
        let mut reader = ber::only(content, SEQUENCE, what)?.reader(what);
        let version = reader.small("TSTInfo version")?;
        let policy = reader.oid("policy")?;
        let imprint = Imprint::read(&mut reader)?;
        let serial = reader.integer("serialNumber")?.to_vec();
        let time = reader.expect(ber::GENERALIZED_TIME, "genTime")?;
        let gen_time = generalized(time.content).ok_or(EncodingError::Value("genTime"))?;
        let (accuracy, wrong_accuracy) = match reader.optional(SEQUENCE)? {
            Some(accuracy) => match accuracy_of(&accuracy)? {
                Ok(micros) => (Some(micros), None),
                Err(wrong) => (None, Some(wrong)),
            },
            None => (None, None),
        };
        if let Some(ordering) = reader.optional(ber::BOOLEAN)? {
            ber::boolean(ordering.content, "ordering")?;
        }
        let nonce = match reader.peek() {
            Some(INTEGER) => Some(Nonce::from_content(reader.integer("nonce")?)),
            _ => None,
        };
        let authority = match reader.optional(ber::context(0))? {
            Some(tsa) => {
                let mut tsa = tsa.reader("tsa");
                let name = tsa.next()?.raw.to_vec();
                tsa.end()?;
                Some(name)
            }
            None => None,
        };
        let critical = match reader.optional(ber::context(1))? {
            Some(extensions) => critical(&extensions)?,
            None => Vec::new(),
        };
        reader.end()?;
        Ok(Self {
            version,
            policy,
            imprint,
            serial,
            gen_time,
            accuracy,
            wrong_accuracy,
            nonce,
            authority,
            critical,
        })
    }
}

/// `Accuracy`, in microseconds, or which number may not stand there.
fn accuracy_of(element: &Element<'_>) -> Result<Result<u64, String>, EncodingError> {
    let what = "accuracy";
    let mut reader = element.reader(what);
    let (mut micros, mut wrong) = (0_u64, None);
    // SPEC(RFC 3161 section 2.4.2): millis and micros are INTEGER (1..999). Some authorities write 0, which says what leaving it out says.
    for (identifier, name, unit, largest) in [
        (INTEGER, "seconds", 1_000_000, u32::MAX),
        (ber::context_primitive(0), "millis", 1_000, 999),
        (ber::context_primitive(1), "micros", 1, 999),
    ] {
        let Some(part) = reader.optional(identifier)? else {
            continue;
        };
        let content = ber::integer(part.content, what)?;
        match ber::small(content, what)
            .ok()
            .filter(|part| *part <= largest)
        {
            Some(part) => micros = micros.saturating_add(u64::from(part).saturating_mul(unit)),
            None => {
                wrong = wrong.or(Some(format!(
                    "0x{} {name}, of at most {largest}",
                    text::bytes(content)
                )));
            }
        }
    }
    reader.end()?;
    Ok(wrong.map_or(Ok(micros), Err))
}

/// `[1] IMPLICIT Extensions`.
fn critical(extensions: &Element<'_>) -> Result<Vec<Oid>, EncodingError> {
    let what = "TSTInfo extensions";
    let mut reader = extensions.reader(what);
    let (mut critical, mut count) = (Vec::new(), 0_usize);
    while !reader.is_empty() {
        if count == MAX_EXTENSIONS {
            return Err(EncodingError::Length(what));
        }
        count = count.saturating_add(1);
        let mut extension = reader.enter(SEQUENCE, what)?;
        let oid = extension.oid(what)?;
        if let Some(is_critical) = extension.optional(ber::BOOLEAN)?
            && ber::boolean(is_critical.content, what)?
        {
            critical.push(oid);
        }
        ber::octet_string(&mut extension, what)?;
        extension.end()?;
    }
    Ok(critical)
}

/// What `SigningCertificate` (RFC 2634) or `SigningCertificateV2` (RFC 5035) says of the signer's certificate: the first entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EssCertId {
    /// The hash algorithm.
    pub(crate) algorithm: Oid,
    pub(crate) hash: Vec<u8>,
    /// The names of the issuer and the serial number, if they are given.
    pub(crate) issuer_serial: Option<(Vec<Name>, Vec<u8>)>,
}

impl EssCertId {
    /// The first entry of the attribute's value.
    pub(crate) fn first(value: &[u8], version: EssVersion) -> Result<Self, EncodingError> {
        let what = "SigningCertificate";
        let mut reader = ber::only(value, SEQUENCE, what)?.reader(what);
        let mut list = reader.enter(SEQUENCE, what)?;
        let mut entry = list.enter(SEQUENCE, what)?;
        let algorithm = match version {
            EssVersion::V1 => Oid::known(HashAlgorithm::Sha1.oid()),
            // RFC 5035: DEFAULT {algorithm id-sha256}.
            EssVersion::V2 if entry.peek() == Some(SEQUENCE) => {
                AlgorithmIdentifier::read(&mut entry, what)?.oid
            }
            EssVersion::V2 => Oid::known(HashAlgorithm::Sha256.oid()),
        };
        let hash = ber::octet_string(&mut entry, what)?;
        let issuer_serial = match entry.optional(SEQUENCE)? {
            Some(issuer_serial) => Some(read_issuer_serial(&issuer_serial)?),
            None => None,
        };
        entry.end()?;
        Ok(Self {
            algorithm,
            hash,
            issuer_serial,
        })
    }
}

/// Which attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EssVersion {
    V1,
    V2,
}

fn read_issuer_serial(element: &Element<'_>) -> Result<(Vec<Name>, Vec<u8>), EncodingError> {
    let what = "issuerSerial";
    let mut reader = element.reader(what);
    let mut general_names = reader.enter(SEQUENCE, what)?;
    let mut names = Vec::new();
    while !general_names.is_empty() {
        let name = general_names.next()?;
        if name.identifier == ber::context(4) {
            names.push(Name::read(&mut name.reader(what), what)?);
        }
    }
    let serial = reader.integer(what)?.to_vec();
    reader.end()?;
    Ok((names, serial))
}

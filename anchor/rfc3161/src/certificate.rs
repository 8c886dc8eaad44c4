//! X.509 certificates (RFC 5280), as far as paths and time-stamps need them.

use core::fmt;
use std::sync::Arc;

use crate::algorithm::AlgorithmIdentifier;
use crate::ber::{self, BOOLEAN, EncodingError, OCTET_STRING, Reader, SEQUENCE, SET, UTF8_STRING};
use crate::time::{Timestamp, time};

/// Largest certificate that is read, in bytes.
pub const MAX_CERTIFICATE_SIZE: usize = 32_768;

/// Extensions of a certificate or a CRL: more are refused.
const MAX_EXTENSIONS: usize = 64;

const BASIC_CONSTRAINTS: &str = "2.5.29.19";
const KEY_USAGE: &str = "2.5.29.15";
const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
const SUBJECT_KEY_IDENTIFIER: &str = "2.5.29.14";
const CRL_DISTRIBUTION_POINTS: &str = "2.5.29.31";
const AUTHORITY_INFORMATION_ACCESS: &str = "1.3.6.1.5.5.7.1.1";
/// What changes nothing about whether a path holds, critical or not: alternative names, and policies, where no policy is asked for.
const OF_NO_CONSEQUENCE: [&str; 5] = [
    "2.5.29.17",
    "2.5.29.18",
    "2.5.29.32",
    "2.5.29.33",
    "2.5.29.54",
];
const ACCESS_OCSP: &str = "1.3.6.1.5.5.7.48.1";
const ACCESS_CA_ISSUERS: &str = "1.3.6.1.5.5.7.48.2";

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
    algorithm: AlgorithmIdentifier,
    signature: Vec<u8>,
    extensions: Extensions,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Extensions {
    authority: Option<Authority>,
    key_usage: Option<u16>,
    extended_key_usage: Option<ExtendedKeyUsage>,
    subject_key_id: Option<Vec<u8>>,
    sources: Sources,
    not_understood: Vec<String>,
}

/// Basic constraints of an authority: how many may follow below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) path_length: Option<u32>,
}

/// What a key may be used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExtendedKeyUsage {
    pub(crate) critical: bool,
    pub(crate) purposes: Vec<String>,
}

/// Bits of key usage, by their number.
pub(crate) const DIGITAL_SIGNATURE: u16 = 1;
pub(crate) const NON_REPUDIATION: u16 = 1 << 1;
pub(crate) const KEY_CERT_SIGN: u16 = 1 << 5;

/// Where more is to be had about a certificate. Only `http` and `https`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// CRL distribution points.
    pub crl: Vec<String>,
    /// OCSP responders.
    pub ocsp: Vec<String>,
    /// The issuer's certificate.
    pub issuers: Vec<String>,
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
        reader.optional(ber::context(0))?;
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
        for unique_id in [1, 2] {
            reader.optional(ber::context_primitive(unique_id))?;
        }
        let extensions = match reader.optional(ber::context(3))? {
            Some(extensions) => Extensions::read(&mut extensions.reader("extensions"))?,
            None => Extensions::default(),
        };
        reader.end()?;
        Ok(Self(Arc::new(Fields {
            der: whole.raw.to_vec(),
            tbs: tbs.raw.to_vec(),
            serial,
            issuer,
            subject,
            not_before,
            not_after,
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

    pub(crate) fn algorithm(&self) -> &AlgorithmIdentifier {
        &self.0.algorithm
    }

    pub(crate) fn signature(&self) -> &[u8] {
        &self.0.signature
    }

    pub(crate) fn authority(&self) -> Option<Authority> {
        self.0.extensions.authority
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

    pub(crate) fn subject_key_id(&self) -> Option<&[u8]> {
        self.0.extensions.subject_key_id.as_deref()
    }

    /// Critical extensions that are not understood here: RFC 5280 section 4.2 wants such a certificate to be refused.
    pub(crate) fn not_understood(&self) -> &[String] {
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

impl Extensions {
    fn read(reader: &mut Reader<'_>) -> Result<Self, EncodingError> {
        let mut extensions = Self::default();
        let mut seen = Vec::new();
        for extension in read_extensions(reader)? {
            if seen.contains(&extension.oid) {
                return Err(EncodingError::Value("extensions, of which one comes twice"));
            }
            seen.push(extension.oid.clone());
            extensions.take(&extension)?;
        }
        Ok(extensions)
    }

    fn take(&mut self, extension: &Extension) -> Result<(), EncodingError> {
        let value = extension.value.as_slice();
        match extension.oid.as_str() {
            BASIC_CONSTRAINTS => self.authority = authority(value)?,
            KEY_USAGE => self.key_usage = Some(key_usage(value)?),
            EXTENDED_KEY_USAGE => {
                let what = "extKeyUsage";
                let mut reader = ber::only(value, SEQUENCE, what)?.reader(what);
                let mut purposes = Vec::new();
                while !reader.is_empty() {
                    purposes.push(reader.oid(what)?);
                }
                let critical = extension.critical;
                self.extended_key_usage = Some(ExtendedKeyUsage { critical, purposes });
            }
            SUBJECT_KEY_IDENTIFIER => {
                let what = "subjectKeyIdentifier";
                self.subject_key_id = Some(ber::only(value, OCTET_STRING, what)?.content.to_vec());
            }
            CRL_DISTRIBUTION_POINTS => self.sources.crl = distribution_points(value)?,
            AUTHORITY_INFORMATION_ACCESS => self.take_access(value)?,
            other if extension.critical && !OF_NO_CONSEQUENCE.contains(&other) => {
                self.not_understood.push(other.to_owned());
            }
            _ => {}
        }
        Ok(())
    }

    fn take_access(&mut self, value: &[u8]) -> Result<(), EncodingError> {
        let what = "authorityInfoAccess";
        let mut reader = ber::only(value, SEQUENCE, what)?.reader(what);
        while !reader.is_empty() {
            let mut description = reader.enter(SEQUENCE, what)?;
            let method = description.oid(what)?;
            let location = url(&description.next()?);
            match method.as_str() {
                ACCESS_OCSP => self.sources.ocsp.extend(location),
                ACCESS_CA_ISSUERS => self.sources.issuers.extend(location),
                _ => {}
            }
        }
        Ok(())
    }
}

/// One extension.
pub(crate) struct Extension {
    pub(crate) oid: String,
    pub(crate) critical: bool,
    pub(crate) value: Vec<u8>,
}

/// `Extensions`.
pub(crate) fn read_extensions(reader: &mut Reader<'_>) -> Result<Vec<Extension>, EncodingError> {
    let what = "extensions";
    let mut list = reader.enter(SEQUENCE, what)?;
    let mut extensions = Vec::new();
    while !list.is_empty() {
        if extensions.len() == MAX_EXTENSIONS {
            return Err(EncodingError::Length(what));
        }
        let mut extension = list.enter(SEQUENCE, what)?;
        let oid = extension.oid(what)?;
        let critical = match extension.optional(BOOLEAN)? {
            Some(critical) => ber::boolean(critical.content, what)?,
            None => false,
        };
        let value = ber::octet_string(&mut extension, what)?;
        extension.end()?;
        extensions.push(Extension {
            oid,
            critical,
            value,
        });
    }
    Ok(extensions)
}

fn authority(value: &[u8]) -> Result<Option<Authority>, EncodingError> {
    let what = "basicConstraints";
    let mut reader = ber::only(value, SEQUENCE, what)?.reader(what);
    let is_authority = match reader.optional(BOOLEAN)? {
        Some(authority) => ber::boolean(authority.content, what)?,
        None => false,
    };
    let path_length = match reader.optional(ber::INTEGER)? {
        Some(length) => Some(ber::small(length.content, what)?),
        None => None,
    };
    reader.end()?;
    Ok(is_authority.then_some(Authority { path_length }))
}

/// The bits by their number: bit 0 is the first of the octets.
fn key_usage(value: &[u8]) -> Result<u16, EncodingError> {
    let what = "keyUsage";
    let octets = ber::only(value, ber::BIT_STRING, what)?.content;
    let (_unused, octets) = octets.split_first().ok_or(EncodingError::Value(what))?;
    let mut usages = 0_u16;
    for (at, octet) in octets.iter().take(2).enumerate() {
        usages |= u16::from(octet.reverse_bits()) << (8 * at);
    }
    Ok(usages)
}

fn distribution_points(value: &[u8]) -> Result<Vec<String>, EncodingError> {
    let what = "cRLDistributionPoints";
    let mut points = ber::only(value, SEQUENCE, what)?.reader(what);
    let mut urls = Vec::new();
    while !points.is_empty() {
        let mut point = points.enter(SEQUENCE, what)?;
        let Some(name) = point.optional(ber::context(0))? else {
            continue;
        };
        let Some(full) = name.reader(what).optional(ber::context(0))? else {
            continue;
        };
        let mut names = full.reader(what);
        while !names.is_empty() {
            urls.extend(url(&names.next()?));
        }
    }
    Ok(urls)
}

/// A general name that is a URL over HTTP.
fn url(name: &ber::Element<'_>) -> Option<String> {
    let text = core::str::from_utf8(name.content).ok()?;
    let is_url = name.identifier == ber::context_primitive(6)
        && (text.starts_with("http://") || text.starts_with("https://"))
        && text.len() <= 2_048
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_url.then(|| text.to_owned())
}

/// A distinguished name.
#[derive(Clone)]
pub struct Name {
    der: Vec<u8>,
    /// Attributes in order, each with its relative name's number; what is text is folded (RFC 5280 section 7.1).
    folded: Vec<(usize, String, Vec<u8>)>,
    shown: String,
}

impl Name {
    pub(crate) fn read(reader: &mut Reader<'_>, what: &'static str) -> Result<Self, EncodingError> {
        let element = reader.expect(SEQUENCE, what)?;
        let mut names = element.reader(what);
        let (mut folded, mut shown, mut number) = (Vec::new(), Vec::new(), 0);
        while !names.is_empty() {
            let mut relative = names.enter(SET, what)?;
            while !relative.is_empty() {
                let mut attribute = relative.enter(SEQUENCE, what)?;
                let oid = attribute.oid(what)?;
                let value = attribute.next()?;
                attribute.end()?;
                let text = text(&value);
                shown.push(format!(
                    "{}={}",
                    short(&oid),
                    text.as_deref()
                        .map_or_else(|| format!("#{}", hex::encode(value.content)), printable)
                ));
                let value = text.map_or_else(|| value.raw.to_vec(), |text| fold(&text));
                folded.push((number, oid, value));
            }
            number = folded.len();
        }
        Ok(Self {
            der: element.raw.to_vec(),
            folded,
            shown: shown.join(", "),
        })
    }

    /// As it came.
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der || self.folded == other.folded
    }
}

impl Eq for Name {}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// The text of a directory string.
fn text(value: &ber::Element<'_>) -> Option<String> {
    const PRINTABLE: u8 = 0x13;
    const TELETEX: u8 = 0x14;
    const IA5: u8 = 0x16;
    const BMP: u8 = 0x1e;
    match value.identifier {
        UTF8_STRING | PRINTABLE | IA5 => {
            core::str::from_utf8(value.content).ok().map(str::to_owned)
        }
        TELETEX => Some(value.content.iter().copied().map(char::from).collect()),
        BMP => {
            let units = value.content.chunks(2);
            let units = units.map(|unit| {
                unit.iter()
                    .fold(0, |all, octet| all << 8 | u16::from(*octet))
            });
            String::from_utf16(&units.collect::<Vec<u16>>()).ok()
        }
        _ => None,
    }
}

/// Case and runs of white space do not matter.
fn fold(text: &str) -> Vec<u8> {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase().into_bytes()
}

/// For people: names come from strangers.
fn printable(text: &str) -> String {
    let shown = text.chars().take(100);
    shown
        .map(|character| {
            if character.is_control() {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect()
}

fn short(oid: &str) -> &str {
    match oid {
        "2.5.4.3" => "CN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.97" => "organizationIdentifier",
        "1.2.840.113549.1.9.1" => "emailAddress",
        "0.9.2342.19200300.100.1.25" => "DC",
        other => other,
    }
}

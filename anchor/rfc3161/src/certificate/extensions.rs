//! The extensions of a certificate that paths and time-stamps need.

use super::{Authority, ExtendedKeyUsage, Sources};
use crate::ber::{self, BOOLEAN, EncodingError, OCTET_STRING, Reader, SEQUENCE};

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

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    pub(super) authority: Option<Authority>,
    pub(super) key_usage: Option<u16>,
    pub(super) extended_key_usage: Option<ExtendedKeyUsage>,
    pub(super) subject_key_id: Option<Vec<u8>>,
    pub(super) sources: Sources,
    pub(super) not_understood: Vec<String>,
}

impl Extensions {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, EncodingError> {
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
struct Extension {
    oid: String,
    critical: bool,
    value: Vec<u8>,
}

/// `Extensions`.
fn read_extensions(reader: &mut Reader<'_>) -> Result<Vec<Extension>, EncodingError> {
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

//! The extensions of a certificate that paths and time-stamps need.

use super::{BasicConstraints, ExtendedKeyUsage, Name, Sources};
use crate::ber::{self, BOOLEAN, EncodingError, OCTET_STRING, Reader, SEQUENCE};
use crate::oid::Oid;
use crate::policy::Policies;
use crate::text;

/// Extensions of a certificate or a CRL: more are refused.
const MAX_EXTENSIONS: usize = 64;

const BASIC_CONSTRAINTS: &str = "2.5.29.19";
const KEY_USAGE: &str = "2.5.29.15";
const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
const SUBJECT_KEY_IDENTIFIER: &str = "2.5.29.14";
const CRL_DISTRIBUTION_POINTS: &str = "2.5.29.31";
const AUTHORITY_INFORMATION_ACCESS: &str = "1.3.6.1.5.5.7.1.1";
const AUTHORITY_KEY_IDENTIFIER: &str = "2.5.29.35";
const CERTIFICATE_POLICIES: &str = "2.5.29.32";
const POLICY_MAPPINGS: &str = "2.5.29.33";
const POLICY_CONSTRAINTS: &str = "2.5.29.36";
const INHIBIT_ANY_POLICY: &str = "2.5.29.54";
const NAME_CONSTRAINTS: &str = "2.5.29.30";
const SUBJECT_ALTERNATIVE_NAME: &str = "2.5.29.17";
/// It changes nothing about whether a path holds, critical or not.
const ISSUER_ALTERNATIVE_NAME: &str = "2.5.29.18";
const ACCESS_OCSP: &str = "1.3.6.1.5.5.7.48.1";
const ACCESS_CA_ISSUERS: &str = "1.3.6.1.5.5.7.48.2";

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    pub(super) basic_constraints: Option<BasicConstraints>,
    pub(super) key_usage: Option<u16>,
    pub(super) extended_key_usage: Option<ExtendedKeyUsage>,
    pub(super) subject_key_id: Option<Vec<u8>>,
    pub(super) authority_key_id: Option<Vec<u8>>,
    pub(super) policies: Policies,
    pub(super) sources: Sources,
    /// `GeneralName`s.
    pub(super) alternative_names: Vec<Vec<u8>>,
    pub(super) not_understood: Vec<Oid>,
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
            BASIC_CONSTRAINTS => self.basic_constraints = Some(basic_constraints(value)?),
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
            AUTHORITY_KEY_IDENTIFIER => {
                let what = "authorityKeyIdentifier";
                let mut reader = ber::only(value, SEQUENCE, what)?.reader(what);
                let id = reader.optional(ber::context_primitive(0))?;
                self.authority_key_id = id.map(|id| id.content.to_vec());
            }
            CERTIFICATE_POLICIES => self.policies.stated = Some(stated_policies(value)?),
            POLICY_MAPPINGS => self.policies.mappings = policy_mappings(value)?,
            POLICY_CONSTRAINTS => {
                let what = "policyConstraints";
                let mut reader = ber::only(value, SEQUENCE, what)?.reader(what);
                self.policies.require_explicit = skip_certificates(&mut reader, 0, what)?;
                self.policies.inhibit_mapping = skip_certificates(&mut reader, 1, what)?;
                reader.end()?;
            }
            INHIBIT_ANY_POLICY => {
                let what = "inhibitAnyPolicy";
                let skip = ber::only(value, ber::INTEGER, what)?.content;
                self.policies.inhibit_any = Some(ber::small(ber::integer(skip, what)?, what)?);
            }
            // They are not computed, and to pass over those that are not critical would be to pass over a constraint.
            NAME_CONSTRAINTS => self.not_understood.push(extension.oid.clone()),
            CRL_DISTRIBUTION_POINTS => self.take_points(value)?,
            AUTHORITY_INFORMATION_ACCESS => self.take_access(value)?,
            SUBJECT_ALTERNATIVE_NAME => match general_names(value) {
                Ok(names) => self.alternative_names = names,
                // Nothing but the name of a token's authority hangs on it, and then there is none that it could be.
                Err(_) if extension.critical => self.not_understood.push(extension.oid.clone()),
                Err(_) => {}
            },
            other if extension.critical && other != ISSUER_ALTERNATIVE_NAME => {
                self.not_understood.push(extension.oid.clone());
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
            let location = description.next()?;
            description.end()?;
            match method.as_str() {
                ACCESS_OCSP => match url(&location) {
                    Some(url) => self.sources.ocsp.push(url),
                    None => self.sources.unfetchable.push(place(&location)),
                },
                ACCESS_CA_ISSUERS => self.sources.issuers.extend(url(&location)),
                _ => {}
            }
        }
        Ok(())
    }

    fn take_points(&mut self, value: &[u8]) -> Result<(), EncodingError> {
        let what = "cRLDistributionPoints";
        let mut points = ber::only(value, SEQUENCE, what)?.reader(what);
        while !points.is_empty() {
            let mut point = points.enter(SEQUENCE, what)?;
            let name = point.optional(ber::context(0))?;
            let full = match &name {
                Some(name) => name.reader(what).optional(ber::context(0))?,
                None => None,
            };
            let Some(full) = full else {
                let words = match name {
                    Some(_) => "a name relative to that of its issuer",
                    None => "the name of another issuer of lists",
                };
                self.sources.unfetchable.push(words.into());
                continue;
            };
            let mut names = full.reader(what);
            while !names.is_empty() {
                let name = names.next()?;
                match url(&name) {
                    Some(url) => self.sources.crl.push(url),
                    None => self.sources.unfetchable.push(place(&name)),
                }
            }
        }
        Ok(())
    }
}

/// One extension.
pub(crate) struct Extension {
    pub(crate) oid: Oid,
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

fn basic_constraints(value: &[u8]) -> Result<BasicConstraints, EncodingError> {
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
    Ok(BasicConstraints {
        is_authority,
        path_length,
    })
}

/// The bits by their number: bit 0 is the first of the octets.
fn key_usage(value: &[u8]) -> Result<u16, EncodingError> {
    let what = "keyUsage";
    let octets = ber::only(value, ber::BIT_STRING, what)?.content;
    let wrong = || EncodingError::Value(what);
    let (&unused, octets) = octets.split_first().ok_or_else(wrong)?;
    // X.690 section 8.6.2: so many of the last bits are none.
    let unused = u32::from(unused);
    let (first, second) = match *octets {
        [] if unused == 0 => (0, 0),
        [first] if unused < 8 => (first & (0xff << unused), 0),
        [first, second] if unused < 8 => (first, second & (0xff << unused)),
        _ => return Err(wrong()),
    };
    Ok(u16::from_le_bytes([
        first.reverse_bits(),
        second.reverse_bits(),
    ]))
}

/// `certificatePolicies`, without qualifiers.
fn stated_policies(value: &[u8]) -> Result<Vec<Oid>, EncodingError> {
    let what = "certificatePolicies";
    let mut reader = ber::only(value, SEQUENCE, what)?.reader(what);
    let mut policies = Vec::new();
    while !reader.is_empty() {
        policies.push(reader.enter(SEQUENCE, what)?.oid(what)?);
    }
    Ok(policies)
}

fn policy_mappings(value: &[u8]) -> Result<Vec<(Oid, Oid)>, EncodingError> {
    let what = "policyMappings";
    let mut reader = ber::only(value, SEQUENCE, what)?.reader(what);
    let mut mappings = Vec::new();
    while !reader.is_empty() {
        let mut mapping = reader.enter(SEQUENCE, what)?;
        mappings.push((mapping.oid(what)?, mapping.oid(what)?));
        mapping.end()?;
    }
    Ok(mappings)
}

/// `SkipCerts`, under an implicit tag.
fn skip_certificates(
    reader: &mut Reader<'_>,
    number: u8,
    what: &'static str,
) -> Result<Option<u32>, EncodingError> {
    let skip = reader.optional(ber::context_primitive(number))?;
    skip.map(|skip| ber::small(ber::integer(skip.content, what)?, what))
        .transpose()
}

fn general_names(value: &[u8]) -> Result<Vec<Vec<u8>>, EncodingError> {
    let what = "subjectAltName";
    let mut reader = ber::only(value, SEQUENCE, what)?.reader(what);
    let mut names = Vec::new();
    while !reader.is_empty() {
        names.push(reader.next()?.raw.to_vec());
    }
    Ok(names)
}

/// A place that is not fetched, in words.
fn place(name: &ber::Element<'_>) -> String {
    const DIRECTORY_NAME: u8 = ber::context(4);
    const URI: u8 = ber::context_primitive(6);
    let what = "a general name";
    let directory_name = || Name::read(&mut name.reader(what), what).ok();
    match name.identifier {
        URI => text::quoted(&String::from_utf8_lossy(name.content)),
        DIRECTORY_NAME => directory_name().map_or_else(
            || "a directory name".into(),
            |name| format!("the directory name {name}"),
        ),
        other => format!("a name of kind {}", other & 0x1f),
    }
}

/// A general name that is a URL over HTTP.
fn url(name: &ber::Element<'_>) -> Option<String> {
    let text = core::str::from_utf8(name.content).ok()?;
    // RFC 3986 section 3.1: schemes are case-insensitive.
    let (scheme, _) = text.split_once("://")?;
    let is_http = ["http", "https"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known));
    let is_url = name.identifier == ber::context_primitive(6)
        && is_http
        && text.len() <= 2_048
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_url.then(|| text.to_owned())
}

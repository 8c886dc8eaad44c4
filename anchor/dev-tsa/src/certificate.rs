//! Certificates: what they say, and reading back what names them.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CrlDistributionPoint, CustomExtension, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyUsagePurpose, SerialNumber,
};
use time::OffsetDateTime;
use yasna::{ASN1Result, Tag};

use crate::crl::null;
use crate::key::Key;
use crate::oid;

/// What each name of a certificate begins with, so that nobody takes one for more than it is.
pub(crate) const MARK: &str = "DEVELOPMENT ONLY";
/// The organization in the names.
const ORGANIZATION: &str = "DEVELOPMENT ONLY - these time-stamps prove nothing";

/// Whose certificate it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The trust anchor.
    Root,
    /// What issues the others, under the root.
    Intermediate,
    /// What signs tokens.
    Tsa,
    /// What signs OCSP answers about those that the intermediate issued.
    Responder,
}

impl Role {
    fn title(self) -> &'static str {
        match self {
            Self::Root => "Root CA",
            Self::Intermediate => "Issuing CA",
            Self::Tsa => "Time-Stamping Authority",
            Self::Responder => "OCSP Responder",
        }
    }

    /// The subject; `name` tells authorities apart.
    fn subject(self, name: &str) -> DistinguishedName {
        let mut subject = DistinguishedName::new();
        subject.push(DnType::OrganizationName, ORGANIZATION);
        subject.push(
            DnType::CommonName,
            format!("{MARK} {name} {}", self.title()),
        );
        subject
    }
}

/// How a TSA's certificate says what its key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usage {
    /// Critical, and time-stamping alone, as RFC 3161 (section 2.3) demands.
    CriticalSole,
    /// Time-stamping alone, but not critical.
    NotCritical,
    /// Critical, with code signing beside it.
    NotSole,
}

/// From when to when a certificate is valid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Validity {
    pub(crate) from: SystemTime,
    pub(crate) to: SystemTime,
}

impl Validity {
    /// So long before and after `time`.
    pub(crate) fn around(time: SystemTime, before: Duration, after: Duration) -> Self {
        Self {
            from: time - before,
            to: time + after,
        }
    }
}

/// A certificate, and what of it names it elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    /// All of it.
    pub(crate) der: Vec<u8>,
    /// The serial number, big-endian.
    pub(crate) serial: Vec<u8>,
    /// The issuer, as an encoded `Name`.
    pub(crate) issuer: Vec<u8>,
    /// The subject, as an encoded `Name`.
    pub(crate) subject: Vec<u8>,
    /// The bits of the subject's public key.
    pub(crate) public_key: Vec<u8>,
}

impl Certificate {
    /// Reads a certificate.
    pub(crate) fn parse(der: Vec<u8>) -> ASN1Result<Self> {
        let (serial, issuer, subject, public_key) = yasna::parse_der(&der, |reader| {
            reader.read_sequence(|reader| {
                let facts = reader.next().read_sequence(|reader| {
                    reader.next().read_der()?; // version
                    let (serial, _) = reader.next().read_bigint_bytes()?;
                    reader.next().read_der()?; // signature algorithm
                    let issuer = reader.next().read_der()?;
                    reader.next().read_der()?; // validity
                    let subject = reader.next().read_der()?;
                    let public_key = reader.next().read_sequence(|reader| {
                        reader.next().read_der()?;
                        Ok(reader.next().read_bitvec_bytes()?.0)
                    })?;
                    reader.next().read_der()?; // extensions
                    Ok((serial, issuer, subject, public_key))
                })?;
                reader.next().read_der()?;
                reader.next().read_der()?;
                Ok(facts)
            })
        })?;
        Ok(Self {
            der,
            serial,
            issuer,
            subject,
            public_key,
        })
    }
}

/// The certificate of `role`, without its issuer's signature.
fn parameters(role: Role, name: &str, validity: Validity, url: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = role.subject(name);
    parameters.not_before = OffsetDateTime::from(validity.from);
    parameters.not_after = OffsetDateTime::from(validity.to);
    parameters.serial_number = Some(SerialNumber::from_slice(&fresh_serial()));
    match role {
        Role::Root => {
            parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            // The root answers OCSP itself, about the intermediate.
            parameters.key_usages = vec![
                KeyUsagePurpose::KeyCertSign,
                KeyUsagePurpose::CrlSign,
                KeyUsagePurpose::DigitalSignature,
            ];
        }
        Role::Intermediate => {
            parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
            parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            point_to_revocation(&mut parameters, Role::Root, url);
        }
        Role::Tsa => {
            parameters.is_ca = IsCa::ExplicitNoCa;
            parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            point_to_revocation(&mut parameters, Role::Intermediate, url);
        }
        Role::Responder => {
            parameters.is_ca = IsCa::ExplicitNoCa;
            parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
            parameters.use_authority_key_identifier_extension = true;
            let null = yasna::construct_der(null);
            parameters
                .custom_extensions
                .push(CustomExtension::from_oid_content(oid::OCSP_NO_CHECK, null));
        }
    }
    parameters
}

/// Says where the issuer is, its CRL, and its OCSP.
fn point_to_revocation(parameters: &mut CertificateParams, issuer: Role, url: &str) {
    let issuer = match issuer {
        Role::Root => "root",
        _ => "intermediate",
    };
    parameters.use_authority_key_identifier_extension = true;
    parameters.crl_distribution_points = vec![CrlDistributionPoint {
        uris: vec![format!("{url}/{issuer}.crl")],
    }];
    let access = yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            for (method, location) in [
                (oid::ACCESS_OCSP, format!("{url}/ocsp")),
                (oid::ACCESS_CA_ISSUERS, format!("{url}/{issuer}.cer")),
            ] {
                writer.next().write_sequence(|writer| {
                    oid::write(writer.next(), method);
                    writer
                        .next()
                        .write_tagged_implicit(Tag::context(6), |writer| {
                            writer.write_ia5_string(&location);
                        });
                });
            }
        });
    });
    parameters
        .custom_extensions
        .push(CustomExtension::from_oid_content(
            oid::AUTHORITY_INFORMATION_ACCESS,
            access,
        ));
}

/// The extended key usage of a TSA. The library writes this extension as not critical only.
fn usage(usage: Usage) -> CustomExtension {
    let content = yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            oid::write(writer.next(), oid::TIME_STAMPING);
            if usage == Usage::NotSole {
                oid::write(writer.next(), oid::CODE_SIGNING);
            }
        });
    });
    let mut extension = CustomExtension::from_oid_content(oid::EXTENDED_KEY_USAGE, content);
    extension.set_criticality(usage != Usage::NotCritical);
    extension
}

/// A self-signed root.
pub(crate) fn root(name: &str, key: &Key, validity: Validity) -> Result<Vec<u8>, rcgen::Error> {
    let parameters = parameters(Role::Root, name, validity, "");
    Ok(parameters.self_signed(key.pair())?.der().to_vec())
}

/// An intermediate or a responder for `subject`, signed by the authority above it.
pub(crate) fn issue(
    role: Role,
    name: &str,
    subject: &Key,
    issuer: &Key,
    validity: Validity,
    url: &str,
) -> Result<Vec<u8>, rcgen::Error> {
    sign(
        &parameters(role, name, validity, url),
        role,
        name,
        subject,
        issuer,
    )
}

/// A TSA's certificate, signed by the intermediate.
pub(crate) fn issue_tsa(
    name: &str,
    subject: &Key,
    issuer: &Key,
    validity: Validity,
    url: &str,
    purpose: Usage,
) -> Result<Vec<u8>, rcgen::Error> {
    let mut parameters = parameters(Role::Tsa, name, validity, url);
    parameters.custom_extensions.push(usage(purpose));
    sign(&parameters, Role::Tsa, name, subject, issuer)
}

fn sign(
    parameters: &CertificateParams,
    role: Role,
    name: &str,
    subject: &Key,
    issuer: &Key,
) -> Result<Vec<u8>, rcgen::Error> {
    let above = match role {
        Role::Root | Role::Intermediate => Role::Root,
        Role::Tsa | Role::Responder => Role::Intermediate,
    };
    // Of the issuer's parameters only its name and its uses are read.
    let mut authority = CertificateParams::default();
    authority.distinguished_name = above.subject(name);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let issuer = Issuer::from_params(&authority, issuer.pair());
    Ok(parameters
        .signed_by(subject.pair(), &issuer)?
        .der()
        .to_vec())
}

/// Sixteen random bytes, positive and never zero as an INTEGER.
pub(crate) fn fresh_serial() -> [u8; 16] {
    let mut serial: [u8; 16] = rand::random();
    serial[0] = serial[0] & 0x7f | 0x40;
    serial
}

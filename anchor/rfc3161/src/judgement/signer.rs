//! The checks that need the signer's certificate.

use counterfoil_checks::{Trouble, failed, not_checked};

use super::{Behind, CheckName, Judgement, Question, revocation};
use crate::algorithm::{self, HashAlgorithm, SignatureError};
use crate::certificate::{Certificate, DIGITAL_SIGNATURE, NON_REPUDIATION};
use crate::known::Known;
use crate::path::{self, Found};
use crate::text::listed;
use crate::token::{EssCertId, EssVersion, SignerId, Token};

/// Of how many certificates with the signer's name is tried whether their key made the signature, where the token names none of them by its
/// hash: more than one is rare.
const MAX_TRIED: usize = 8;

const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
const SIGNING_CERTIFICATE: &str = "1.2.840.113549.1.9.16.2.12";
const SIGNING_CERTIFICATE_V2: &str = "1.2.840.113549.1.9.16.2.47";

/// The checks that need the signer's certificate.
pub(super) fn judge(
    token: &Token,
    question: &Question<'_>,
    known: &Known,
    judgement: &mut Judgement,
) {
    let about_signer = [
        CheckName::SigningCertificate,
        CheckName::Signature,
        CheckName::KeyUsage,
        CheckName::ExtendedKeyUsage,
        CheckName::Path,
        CheckName::BasicConstraints,
    ];
    let signer = match signer(token, question.extra) {
        Ok(signer) => signer,
        Err(reason) => {
            for name in about_signer {
                judgement.checks.note(name, Err(not_checked(&reason)));
            }
            judgement.behind = named(token, None, question);
            return;
        }
    };
    judgement.checks.note(
        CheckName::SigningCertificate,
        signing_certificate(token, &signer).and_then(|words| {
            named_authority(token, &signer)?;
            Ok(words)
        }),
    );
    judgement
        .checks
        .note(CheckName::Signature, signature(token, &signer));
    judgement
        .checks
        .note(CheckName::KeyUsage, key_usage(&signer));
    judgement
        .checks
        .note(CheckName::ExtendedKeyUsage, extended_key_usage(&signer));
    let mut others = token.certificates.clone();
    others.extend_from_slice(question.extra);
    let time = token.info.gen_time;
    let (path, constraints) = match path::find(&signer, question.roots, &others, time, known) {
        Found::Paths(paths) => {
            let (chain, standings) = revocation::best(paths, question.revocation, time, known);
            let found = words(&chain);
            judgement.chain.clone_from(&chain);
            judgement.revocation = standings;
            judgement.behind = Behind::Trusted(chain);
            (Ok(found), Ok("each issuer is an authority".into()))
        }
        // What fails by its constraints alone is a path all the same, and the check that is about them says so.
        Found::Unconstrained(chain, error) => {
            let found = words(&chain);
            judgement.behind = Behind::Trusted(chain);
            (Ok(found), Err(failed(error)))
        }
        Found::Wrong(chain, error) => {
            judgement.behind = Behind::Trusted(chain);
            (Err(failed(error)), Err(not_checked("there is no path")))
        }
        Found::Perhaps(error) => {
            judgement.behind = Behind::Named;
            (Err(failed(error)), Err(not_checked("there is no path")))
        }
        Found::Untrusted(error) => {
            judgement.behind = named(token, Some(&signer), question);
            (
                Err(not_checked(error)),
                Err(not_checked("there is no path")),
            )
        }
    };
    judgement.checks.note(CheckName::Path, path);
    judgement
        .checks
        .note(CheckName::BasicConstraints, constraints);
}

/// Whether the token names a trusted root: who issued the signer's certificate, or one that it holds.
fn named(token: &Token, signer: Option<&Certificate>, question: &Question<'_>) -> Behind {
    let of_signer = match &token.signer.id {
        SignerId::IssuerAndSerial(issuer, _) => Some(issuer),
        SignerId::SubjectKeyId(_) => None,
    };
    let held = token.certificates.iter().chain(signer);
    let issuers = held.map(Certificate::issuer).chain(of_signer);
    let mut others = token.certificates.clone();
    others.extend_from_slice(question.extra);
    if path::name_roots(issuers, question.roots, &others) {
        Behind::Named
    } else {
        Behind::Nobody
    }
}

fn words(chain: &[Certificate]) -> String {
    let root = chain.last().map(|root| root.subject().to_string());
    let root = root.unwrap_or_default();
    format!("{} certificates to the trusted root {root}", chain.len())
}

/// The certificate that the signer says is its own. Where several have that name: the one that the signed attributes name by its
/// hash; if none does, one whose key made the signature. A renewed certificate may keep name, serial number and key.
fn signer(token: &Token, extra: &[Certificate]) -> Result<Certificate, String> {
    let known = token.certificates.iter().chain(extra);
    let candidates: Vec<&Certificate> = known
        .filter(|certificate| token.signer.id.is(certificate))
        .collect();
    let named = |certificate: &&&Certificate| signing_certificate(token, certificate).is_ok();
    let made = |certificate: &&&Certificate| signature(token, certificate).is_ok();
    let chosen = candidates.iter().find(named);
    let chosen = chosen.or_else(|| candidates.iter().take(MAX_TRIED).find(made));
    match chosen.or(candidates.first()) {
        Some(certificate) => Ok((*certificate).clone()),
        None => Err(match token.unreadable.first() {
            Some(error) => {
                format!("the signer's certificate is not there, or could not be read: {error}")
            }
            None => "the signer's certificate is neither in the token nor beside it".into(),
        }),
    }
}

fn signing_certificate(token: &Token, signer: &Certificate) -> Result<String, Trouble> {
    // RFC 3161 section 2.4.2: "The certificate identifier (ESSCertID) of the TSA certificate MUST be included as a signerInfo
    // attribute inside a SigningCertificate attribute." RFC 5816: or ESSCertIDv2. Where both are there both have to be right.
    let mut shown = Vec::new();
    for (oid, version, name) in [
        (SIGNING_CERTIFICATE, EssVersion::V1, "ESSCertID"),
        (SIGNING_CERTIFICATE_V2, EssVersion::V2, "ESSCertIDv2"),
    ] {
        let value = token.signer.attribute(oid);
        let value = value.map_err(|error| failed(format!("the attribute with {name} {error}")))?;
        let Some(value) = value else {
            continue;
        };
        let id =
            EssCertId::first(value, version).map_err(|error| failed(format!("{name}: {error}")))?;
        let Some(hash) = HashAlgorithm::of_oid(&id.algorithm) else {
            let error = SignatureError::Unsupported(format!("the hash algorithm {}", id.algorithm));
            return Err(failed(format!("{name}: {error}")));
        };
        if version == EssVersion::V2 && hash == HashAlgorithm::Sha1 {
            return Err(failed(format!(
                "{name}: {}",
                SignatureError::Broken("SHA-1".into())
            )));
        }
        if hash.digest(signer.der()) != id.hash {
            return Err(failed(format!("{name} is the hash of another certificate")));
        }
        if let Some((issuers, serial)) = &id.issuer_serial
            && (serial != signer.serial() || !issuers.contains(signer.issuer()))
        {
            return Err(failed(format!(
                "{name} names another issuer or serial number"
            )));
        }
        shown.push(format!("{name} by {}", hash.name()));
    }
    if shown.is_empty() {
        return Err(failed(
            "the signed attribute that names the signer's certificate is missing",
        ));
    }
    Ok(shown.join(", "))
}

fn named_authority(token: &Token, signer: &Certificate) -> Result<(), Trouble> {
    // RFC 3161 section 2.4.2, of tsa: "If present, it MUST correspond to one of the subject names included in the certificate that is to be
    // used to verify the token."
    let Some(name) = &token.info.authority else {
        return Ok(());
    };
    if signer.has_name(name) {
        return Ok(());
    }
    Err(failed(format!(
        "the token is in the name of another authority than {}",
        signer.subject()
    )))
}

fn signature(token: &Token, signer: &Certificate) -> Result<String, Trouble> {
    let Some(attributes) = &token.signer.signed_attributes else {
        return Err(failed("there are no signed attributes"));
    };
    let verified = algorithm::verify(
        signer.spki(),
        &token.signer.algorithm,
        Some(&token.signer.digest),
        attributes,
        &token.signer.signature,
    );
    verified.map_err(failed)?;
    Ok(format!("by {}", signer.subject()))
}

fn key_usage(signer: &Certificate) -> Result<String, Trouble> {
    // RFC 5280 section 4.2.1.12: the bits consistent with id-kp-timeStamping are "digitalSignature and/or nonRepudiation", and "the
    // certificate MUST only be used for a purpose consistent with both extensions".
    if !(signer.may(DIGITAL_SIGNATURE) || signer.may(NON_REPUDIATION)) {
        return Err(failed("the signer's key may not be used for signatures"));
    }
    if signer.may_only(DIGITAL_SIGNATURE | NON_REPUDIATION) {
        Ok("for signatures alone".into())
    } else {
        Err(failed(
            "the signer's key may be used for more than signatures",
        ))
    }
}

fn extended_key_usage(signer: &Certificate) -> Result<String, Trouble> {
    // RFC 3161 section 2.3: "The corresponding certificate MUST contain only one instance of the extended key usage field
    // extension [...] with KeyPurposeID having value: id-kp-timeStamping. This extension MUST be critical."
    let Some(usage) = signer.extended_key_usage() else {
        return Err(failed("the signer's certificate has no extended key usage"));
    };
    match usage.purposes.as_slice() {
        [only] if only == TIME_STAMPING && usage.critical => {
            Ok("time-stamping alone, and critical".into())
        }
        [only] if only == TIME_STAMPING => Err(failed("the extended key usage is not critical")),
        purposes => Err(failed(format!(
            "expected the extended key usage to be time-stamping alone, found {}",
            listed(purposes, ", ")
        ))),
    }
}

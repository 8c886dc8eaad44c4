//! The Online Certificate Status Protocol (RFC 6960): what is asked, and what is answered.

use crate::algorithm::{AlgorithmIdentifier, HashAlgorithm};
use crate::ber::{
    self, ENUMERATED, Element, EncodingError, GENERALIZED_TIME, INTEGER, OCTET_STRING, Reader,
    SEQUENCE,
};
use crate::certificate::{
    Certificate, DIGITAL_SIGNATURE, Extension, NON_REPUDIATION, Name, read_extensions,
};
use crate::crl::{moment, reason};
use crate::oid::Oid;
use crate::revocation::{About, RevocationReason, Revoked, Statement, Trouble, valid_at};
use crate::text::listed;
use crate::time::Timestamp;

/// Largest answer that is read, in bytes: most have two thousand, certificates of the responder included.
pub const MAX_OCSP_SIZE: usize = 65_536;

/// Most certificates of an answer that are looked at.
const MAX_CERTIFICATES: usize = 8;

/// Most certificates that an answer is about: responders that sign ahead put some into one.
const MAX_SINGLES: usize = 128;

const BASIC: &str = "1.3.6.1.5.5.7.48.1.1";
const NONCE: &str = "1.3.6.1.5.5.7.48.1.2";
const NO_CHECK: &str = "1.3.6.1.5.5.7.48.1.5";
const ARCHIVE_CUTOFF: &str = "1.3.6.1.5.5.7.48.1.6";
const EXTENDED_REVOKE: &str = "1.3.6.1.5.5.7.48.1.9";
const INVALIDITY_DATE: &str = "2.5.29.24";
const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";

/// `OCSPRequest` for a certificate. By SHA-1, which is no signature here and which RFC 5019 section 2.1.1 demands, because responders
/// that sign ahead know no other; without a nonce, because the answer is for everybody and for years.
pub(crate) fn request(
    certificate: &Certificate,
    issuer: &Certificate,
) -> Result<Vec<u8>, EncodingError> {
    let hash = HashAlgorithm::Sha1;
    let algorithm = [Oid::known(hash.oid()).to_der(), ber::encode(0x05, &[])].concat();
    let id = [
        ber::encode(SEQUENCE, &algorithm),
        ber::encode(OCTET_STRING, &hash.digest(certificate.issuer().der())),
        ber::encode(OCTET_STRING, &hash.digest(key_bits(issuer)?)),
        ber::encode(INTEGER, certificate.serial()),
    ];
    // CertID, Request, requestList, TBSRequest, OCSPRequest.
    let nested = (0..5).fold(id.concat(), |inner, _| ber::encode(SEQUENCE, &inner));
    Ok(nested)
}

/// The bits of a certificate's public key, which is what is hashed.
fn key_bits(certificate: &Certificate) -> Result<&[u8], EncodingError> {
    let what = "SubjectPublicKeyInfo";
    let mut reader = ber::only(certificate.spki(), SEQUENCE, what)?.reader(what);
    reader.next()?;
    ber::bits(&mut reader, what)
}

/// What an answer says of a certificate, once it is clear that the certificate's issuer signed it, or somebody to whom that delegated it.
/// Each single response about the certificate says something: one, where the answer is right; none, where it is about others.
pub(crate) fn read(about: &About<'_>, data: &[u8]) -> Result<Vec<Statement>, Trouble> {
    let what = "OCSPResponse";
    if data.len() > MAX_OCSP_SIZE {
        return Err(Trouble::new(format!(
            "expected at most {MAX_OCSP_SIZE} bytes, found {}",
            data.len()
        )));
    }
    let mut reader = ber::only(data, SEQUENCE, what)?.reader(what);
    let status = reader.expect(ENUMERATED, "responseStatus")?;
    let status = ber::small(
        ber::integer(status.content, "responseStatus")?,
        "responseStatus",
    )?;
    if status != 0 {
        return Err(Trouble::new(format!(
            "the responder refuses: {}",
            refusal(status)
        )));
    }
    let mut explicit = reader.enter(ber::context(0), "responseBytes")?;
    reader.end()?;
    let mut bytes = explicit.enter(SEQUENCE, "ResponseBytes")?;
    explicit.end()?;
    let kind = bytes.oid("responseType")?;
    if kind != BASIC {
        return Err(Trouble::new(format!(
            "expected id-pkix-ocsp-basic, found {kind}"
        )));
    }
    let basic = bytes.expect(OCTET_STRING, "response")?.content;
    bytes.end()?;
    read_basic(about, basic)
}

fn refusal(status: u32) -> String {
    match status {
        1 => "malformedRequest".into(),
        2 => "internalError".into(),
        3 => "tryLater".into(),
        5 => "sigRequired".into(),
        6 => "unauthorized".into(),
        other => format!("status {other}"),
    }
}

/// `BasicOCSPResponse`.
fn read_basic(about: &About<'_>, basic: &[u8]) -> Result<Vec<Statement>, Trouble> {
    let what = "BasicOCSPResponse";
    let mut reader = ber::only(basic, SEQUENCE, what)?.reader(what);
    let tbs = reader.expect(SEQUENCE, "tbsResponseData")?;
    let algorithm = AlgorithmIdentifier::read(&mut reader, "signatureAlgorithm")?;
    let signature = ber::bits(&mut reader, "signature")?;
    let certificates = match reader.optional(ber::context(0))? {
        Some(certificates) => read_certificates(&certificates)?,
        None => Vec::new(),
    };
    reader.end()?;

    let data = ResponseData::read(&tbs, about)?;
    if data.statements.is_empty() {
        return Ok(Vec::new());
    }
    let signed_by = |responder: &Certificate| {
        let known = about.known;
        known
            .verify(responder.spki(), &algorithm, tbs.raw, signature)
            .map_err(|error| Trouble::new(error.to_string()))
    };
    data.verify_responder(about, &certificates, signed_by)?;
    Ok(data.statements)
}

/// The certificates that are beside an answer. Nobody has signed which, so that one that cannot be read is passed over.
fn read_certificates(element: &Element<'_>) -> Result<Vec<Certificate>, Trouble> {
    let what = "certs";
    let mut outer = element.reader(what);
    let mut list = outer.enter(SEQUENCE, what)?;
    outer.end()?;
    let (mut certificates, mut count) = (Vec::new(), 0_usize);
    while !list.is_empty() {
        if count == MAX_CERTIFICATES {
            return Err(EncodingError::Length(what).into());
        }
        count = count.saturating_add(1);
        certificates.extend(Certificate::parse(list.next()?.raw));
    }
    Ok(certificates)
}

/// `ResponderID`.
enum ResponderId<'a> {
    Name(Name),
    /// SHA-1 of the key's bits.
    Key(&'a [u8]),
}

impl<'a> ResponderId<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, EncodingError> {
        if let Some(name) = reader.optional(ber::context(1))? {
            let mut name = name.reader("byName");
            let id = Self::Name(Name::read(&mut name, "byName")?);
            name.end()?;
            return Ok(id);
        }
        let mut key = reader.enter(ber::context(2), "responderID")?;
        let id = Self::Key(key.expect(OCTET_STRING, "byKey")?.content);
        key.end()?;
        Ok(id)
    }

    fn is(&self, certificate: &Certificate) -> bool {
        match self {
            Self::Name(name) => name == certificate.subject(),
            Self::Key(hash) => key_bits(certificate)
                .is_ok_and(|bits| HashAlgorithm::Sha1.digest(bits).as_slice() == *hash),
        }
    }
}

/// `ResponseData`, as far as it is about one certificate.
struct ResponseData<'a> {
    responder: ResponderId<'a>,
    produced_at: Timestamp,
    statements: Vec<Statement>,
}

impl<'a> ResponseData<'a> {
    fn read(tbs: &Element<'a>, about: &About<'_>) -> Result<Self, Trouble> {
        let mut reader = tbs.reader("ResponseData");
        if let Some(version) = reader.optional(ber::context(0))? {
            let mut version = version.reader("version");
            let number = version.small("version")?;
            version.end()?;
            if number != 0 {
                return Err(Trouble::new(format!(
                    "expected version 0 (v1), found {number}"
                )));
            }
        }
        let responder = ResponderId::read(&mut reader)?;
        let produced_at = reader.expect(GENERALIZED_TIME, "producedAt")?;
        let produced_at = moment(&produced_at, "producedAt")?;
        let mut singles = reader.enter(SEQUENCE, "responses")?;
        if let Some(extensions) = reader.optional(ber::context(1))? {
            for extension in extensions_of(&extensions)? {
                // The nonce is of another request than ours, if there is one: the answer counts by its times.
                not_understood(&extension, &[NONCE, EXTENDED_REVOKE])?;
            }
        }
        reader.end()?;
        let (mut statements, mut count) = (Vec::new(), 0_usize);
        while !singles.is_empty() {
            if count == MAX_SINGLES {
                return Err(EncodingError::Length("responses").into());
            }
            count = count.saturating_add(1);
            let mut single = singles.enter(SEQUENCE, "SingleResponse")?;
            let id = single.expect(SEQUENCE, "certID")?;
            if is_about(&id, about)? {
                let mut statement = read_single(&mut single)?;
                // Nobody can sign what will be known later.
                statement.this_update = statement.this_update.min(produced_at);
                statements.push(statement);
            }
        }
        Ok(Self {
            responder,
            produced_at,
            statements,
        })
    }

    /// Whether the certificate's issuer signed it, or one whose certificate the issuer signed for that. Several certificates may be the one
    /// that is named; if none will do, the first says why.
    fn verify_responder(
        &self,
        about: &About<'_>,
        certificates: &[Certificate],
        signed_by: impl Fn(&Certificate) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        // A delegate speaks for its issuer, whose own certificate has to be valid then, too.
        valid_at(about.issuer, self.produced_at)?;
        let is_named = |certificate: &&Certificate| self.responder.is(certificate);
        let by_issuer = Some(about.issuer).filter(is_named).map(&signed_by);
        let by_delegates = certificates.iter().filter(is_named).map(|delegate| {
            is_delegate(delegate, about)?;
            valid_at(delegate, self.produced_at)?;
            signed_by(delegate)
        });
        let mut first = None;
        for outcome in by_issuer.into_iter().chain(by_delegates) {
            match outcome {
                Ok(()) => return Ok(()),
                Err(trouble) => first = first.or(Some(trouble)),
            }
        }
        Err(first.unwrap_or_else(|| {
            Trouble::new(
                "the responder is not the certificate's issuer, and its certificate is not there",
            )
        }))
    }
}

/// RFC 6960 section 4.2.2.2: a delegate's certificate is issued directly by the certificate's issuer, by the same key, for OCSP.
fn is_delegate(delegate: &Certificate, about: &About<'_>) -> Result<(), Trouble> {
    let trouble = |what: String| {
        Err(Trouble::new(format!(
            "{} may not answer: {what}",
            delegate.subject()
        )))
    };
    let issuer = about.issuer;
    if delegate.issuer() != issuer.subject() {
        return trouble(format!(
            "its certificate is by {}, not by {}",
            delegate.issuer(),
            issuer.subject()
        ));
    }
    let signed = about.known.verify(
        issuer.spki(),
        delegate.algorithm(),
        delegate.tbs(),
        delegate.signature(),
    );
    if let Err(error) = signed {
        return trouble(format!("its certificate: {error}"));
    }
    let usage = delegate.extended_key_usage();
    if !usage.is_some_and(|usage| {
        usage
            .purposes
            .iter()
            .any(|purpose| *purpose == OCSP_SIGNING)
    }) {
        return trouble("its certificate is not for OCSP by its extended key usage".into());
    }
    if !(delegate.may(DIGITAL_SIGNATURE) || delegate.may(NON_REPUDIATION)) {
        return trouble("its key may not be used for signatures".into());
    }
    if !delegate.not_understood().is_empty() {
        let oids = listed(delegate.not_understood(), ", ");
        return trouble(format!(
            "its certificate has critical extensions that are not understood: {oids}"
        ));
    }
    // RFC 6960 section 4.2.2.2.1: it may be trusted for its life time by ocsp-nocheck; it may say where to ask about it; or it says
    // nothing, and then it is for whoever asks to decide.
    let sources = delegate.sources();
    let names_a_place =
        !(sources.crl.is_empty() && sources.ocsp.is_empty() && sources.unfetchable.is_empty());
    if names_a_place && !has_extension(delegate, NO_CHECK)? {
        return trouble("whether its own certificate was revoked is not known".into());
    }
    Ok(())
}

/// Whether a certificate has an extension.
fn has_extension(certificate: &Certificate, oid: &str) -> Result<bool, EncodingError> {
    let what = "TBSCertificate";
    let mut reader = ber::only(certificate.tbs(), SEQUENCE, what)?.reader(what);
    while !reader.is_empty() {
        let element = reader.next()?;
        if element.identifier == ber::context(3) {
            let extensions = read_extensions(&mut element.reader(what))?;
            return Ok(extensions.iter().any(|extension| extension.oid == oid));
        }
    }
    Ok(false)
}

/// Whether `CertID` is the certificate's, by the hashes that it was made with.
fn is_about(id: &Element<'_>, about: &About<'_>) -> Result<bool, Trouble> {
    let what = "CertID";
    let mut reader = id.reader(what);
    let algorithm = AlgorithmIdentifier::read(&mut reader, what)?;
    let name = reader.expect(OCTET_STRING, "issuerNameHash")?.content;
    let key = reader.expect(OCTET_STRING, "issuerKeyHash")?.content;
    let serial = reader.integer("serialNumber")?;
    reader.end()?;
    // Which hash does not matter here: the issuer made the name, the key and the signature over the answer.
    let Some(hash) = HashAlgorithm::of_oid(&algorithm.oid) else {
        return Ok(false);
    };
    Ok(serial == about.subject.serial()
        && name == hash.digest(about.subject.issuer().der())
        && key == hash.digest(key_bits(about.issuer)?))
}

/// What follows `certID` in `SingleResponse`.
fn read_single(reader: &mut Reader<'_>) -> Result<Statement, Trouble> {
    const GOOD: u8 = ber::context_primitive(0);
    const REVOKED: u8 = ber::context(1);
    const UNKNOWN: u8 = ber::context_primitive(2);
    let status = reader.next()?;
    let (mut revoked, incomplete) = match status.identifier {
        GOOD if status.content.is_empty() => (None, None),
        REVOKED => (Some(read_revoked(&status)?), None),
        UNKNOWN => (
            None,
            Some("the responder does not know the certificate".into()),
        ),
        _ => return Err(EncodingError::Value("certStatus").into()),
    };
    let this_update = reader.expect(GENERALIZED_TIME, "thisUpdate")?;
    let this_update = moment(&this_update, "thisUpdate")?;
    let next_update = match reader.optional(ber::context(0))? {
        Some(next) => {
            let mut next = next.reader("nextUpdate");
            let time = moment(&next.expect(GENERALIZED_TIME, "nextUpdate")?, "nextUpdate")?;
            next.end()?;
            Some(time)
        }
        None => None,
    };
    if let Some(next) = next_update.filter(|next| *next < this_update) {
        return Err(Trouble::new(format!(
            "nextUpdate, {next}, is before thisUpdate, {this_update}"
        )));
    }
    let mut remembers_from = None;
    if let Some(extensions) = reader.optional(ber::context(1))? {
        for extension in extensions_of(&extensions)? {
            not_understood(&extension, &[ARCHIVE_CUTOFF, INVALIDITY_DATE])?;
            let date = || {
                let date = ber::only(&extension.value, GENERALIZED_TIME, "a date")?;
                moment(&date, "a date")
            };
            match extension.oid.as_str() {
                ARCHIVE_CUTOFF => remembers_from = Some(date()?),
                // RFC 6960 section 4.4.5: extensions of CRL entries may be here, too.
                INVALIDITY_DATE => {
                    if let Some(revoked) = &mut revoked {
                        revoked.invalid_since = Some(date()?);
                    }
                }
                _ => {}
            }
        }
    }
    reader.end()?;
    Ok(Statement {
        this_update,
        next_update,
        revoked: revoked.into_iter().collect(),
        remembers_from,
        incomplete,
    })
}

/// `RevokedInfo`.
fn read_revoked(element: &Element<'_>) -> Result<Revoked, Trouble> {
    let mut reader = element.reader("RevokedInfo");
    let at = reader.expect(GENERALIZED_TIME, "revocationTime")?;
    let at = moment(&at, "revocationTime")?;
    let reason = match reader.optional(ber::context(0))? {
        Some(given) => {
            let mut given = given.reader("revocationReason");
            let reason = reason(&given.expect(ENUMERATED, "revocationReason")?)?;
            given.end()?;
            reason
        }
        None => RevocationReason::NotGiven,
    };
    reader.end()?;
    // RFC 5280 section 5.3.1: it is of delta CRLs alone.
    if reason == RevocationReason::RemoveFromCrl {
        return Err(Trouble::new(
            "it says that the certificate is revoked, and that it is not any more (removeFromCRL)",
        ));
    }
    Ok(Revoked {
        at,
        reason,
        invalid_since: None,
    })
}

/// `[1] EXPLICIT Extensions`, of which none comes twice.
fn extensions_of(element: &Element<'_>) -> Result<Vec<Extension>, Trouble> {
    let mut reader = element.reader("extensions");
    let extensions = read_extensions(&mut reader)?;
    reader.end()?;
    for (index, extension) in extensions.iter().enumerate() {
        let oid = &extension.oid;
        if extensions
            .iter()
            .take(index)
            .any(|earlier| earlier.oid == *oid)
        {
            return Err(Trouble::new(format!("the extension {oid} comes twice")));
        }
    }
    Ok(extensions)
}

/// An error if an extension is critical and none of those that are known.
fn not_understood(extension: &Extension, known: &[&str]) -> Result<(), Trouble> {
    let oid = extension.oid.as_str();
    if extension.critical && !known.contains(&oid) {
        return Err(Trouble::new(format!(
            "the critical extension {oid} is not understood"
        )));
    }
    Ok(())
}

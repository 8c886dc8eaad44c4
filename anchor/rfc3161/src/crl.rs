//! Certificate revocation lists (RFC 5280 section 5): read in the order in which they stand, and nothing kept but what is said of one
//! certificate.

use crate::algorithm::AlgorithmIdentifier;
use crate::ber::{self, BOOLEAN, ENUMERATED, Element, INTEGER, OID, Reader, SEQUENCE};
use crate::certificate::{CRL_SIGN, Extension, Name, read_extensions};
use crate::revocation::{About, RevocationReason, Revoked, Statement, Trouble, valid_at};
use crate::time::{Timestamp, generalized, time};

/// Largest list that is read, in bytes: some authorities' are a few megabytes.
pub const MAX_CRL_SIZE: usize = 8 * 1_024 * 1_024;

/// Most entries of a list: what fits into the largest one, at 32 bytes each.
pub const MAX_CRL_ENTRIES: usize = MAX_CRL_SIZE / 32;

const DELTA_CRL_INDICATOR: &str = "2.5.29.27";
const ISSUING_DISTRIBUTION_POINT: &str = "2.5.29.28";
const EXPIRED_CERTIFICATES: &str = "2.5.29.60";
/// What changes nothing about what a list says, critical or not: its number, the names of its issuer and of its issuer's key, and where
/// there are deltas.
const OF_NO_CONSEQUENCE: [&str; 4] = ["2.5.29.18", "2.5.29.20", "2.5.29.35", "2.5.29.46"];

/// Content octets of the object identifiers of entry extensions: 2.5.29.21, 2.5.29.23 and 2.5.29.24.
const REASON_CODE: &[u8] = &[0x55, 0x1d, 0x15];
const HOLD_INSTRUCTION: &[u8] = &[0x55, 0x1d, 0x17];
const INVALIDITY_DATE: &[u8] = &[0x55, 0x1d, 0x18];

/// What a list says of a certificate, once it is clear that the certificate's issuer signed it.
pub(crate) fn read(about: &About<'_>, data: &[u8]) -> Result<Statement, Trouble> {
    let what = "CertificateList";
    if data.len() > MAX_CRL_SIZE {
        return Err(Trouble::new(format!(
            "expected at most {MAX_CRL_SIZE} bytes, found {}",
            data.len()
        )));
    }
    let mut outer = ber::only(data, SEQUENCE, what)?.reader(what);
    let tbs = outer.expect(SEQUENCE, "TBSCertList")?;
    let algorithm = AlgorithmIdentifier::read(&mut outer, "signatureAlgorithm")?;
    let signature = ber::bits(&mut outer, "signatureValue")?;
    outer.end()?;

    let mut reader = tbs.reader("TBSCertList");
    // RFC 5280 section 5.1.2.1: v2, which is 1, or nothing.
    let is_v2 = match reader.peek() {
        Some(INTEGER) => match reader.small("version")? {
            1 => true,
            other => {
                return Err(Trouble::new(format!(
                    "expected version 1 (v2), found {other}"
                )));
            }
        },
        _ => false,
    };
    // RFC 5280 section 5.1.1.2: both MUST contain the same algorithm identifier.
    if AlgorithmIdentifier::read(&mut reader, "signature")? != algorithm {
        return Err(Trouble::new("it names two signature algorithms"));
    }
    let issuer = Name::read(&mut reader, "issuer")?;
    if issuer != *about.issuer.subject() {
        return Err(Trouble::about_others(format!(
            "expected the list of {}, found that of {issuer}",
            about.issuer.subject()
        )));
    }
    let this_update = time(&mut reader, "thisUpdate")?;
    // RFC 5280 section 6.3.3 (f): if a key usage extension is present, cRLSign is set.
    if !about.issuer.may(CRL_SIGN) {
        return Err(Trouble::new(format!(
            "{} may not sign lists by its key usage",
            about.issuer.subject()
        )));
    }
    valid_at(about.issuer, this_update)?;
    about
        .known
        .verify(about.issuer.spki(), &algorithm, tbs.raw, signature)
        .map_err(|error| Trouble::new(error.to_string()))?;
    read_signed(about, &mut reader, is_v2, this_update)
}

/// What follows thisUpdate.
fn read_signed(
    about: &About<'_>,
    reader: &mut Reader<'_>,
    is_v2: bool,
    this_update: Timestamp,
) -> Result<Statement, Trouble> {
    let next_update = match reader.peek() {
        Some(ber::UTC_TIME | ber::GENERALIZED_TIME) => Some(time(reader, "nextUpdate")?),
        _ => None,
    };
    if let Some(next) = next_update.filter(|next| *next < this_update) {
        return Err(Trouble::new(format!(
            "nextUpdate, {next}, is before thisUpdate, {this_update}"
        )));
    }
    let revoked = match reader.optional(SEQUENCE)? {
        Some(entries) => find(&entries, about.subject.serial(), is_v2)?,
        None => Vec::new(),
    };
    let mut statement = Statement {
        this_update,
        next_update,
        revoked,
        remembers_from: None,
        incomplete: None,
    };
    if let Some(extensions) = reader.optional(ber::context(0))? {
        if !is_v2 {
            return Err(Trouble::new("it is of version 1 and has extensions"));
        }
        let mut extensions = extensions.reader("crlExtensions");
        let list = read_extensions(&mut extensions)?;
        extensions.end()?;
        take_extensions(about, &list, &mut statement)?;
    }
    reader.end()?;
    Ok(statement)
}

fn take_extensions(
    about: &About<'_>,
    extensions: &[Extension],
    statement: &mut Statement,
) -> Result<(), Trouble> {
    for (index, extension) in extensions.iter().enumerate() {
        let oid = extension.oid.as_str();
        let mut earlier = extensions.iter().take(index);
        if earlier.any(|earlier| earlier.oid == oid) {
            return Err(Trouble::new(format!("the extension {oid} comes twice")));
        }
        match oid {
            DELTA_CRL_INDICATOR => {
                return Err(Trouble::new(
                    "it is a delta, which says only what has changed",
                ));
            }
            ISSUING_DISTRIBUTION_POINT => {
                statement.incomplete = scope(about, &extension.value)?;
            }
            EXPIRED_CERTIFICATES => {
                let what = "expiredCertsOnCRL";
                let date = ber::only(&extension.value, ber::GENERALIZED_TIME, what)?;
                statement.remembers_from = Some(moment(&date, what)?);
            }
            // RFC 5280 section 5.2: such a list MUST NOT be used.
            _ if extension.critical && !OF_NO_CONSEQUENCE.contains(&oid) => {
                return Err(Trouble::new(format!(
                    "the critical extension {oid} is not understood"
                )));
            }
            _ => {}
        }
    }
    Ok(())
}

/// `IssuingDistributionPoint` (RFC 5280 sections 5.2.5 and 6.3.3 (b)): an error if the list is not about the certificate; if it is about
/// some reasons alone, the words for that.
fn scope(about: &About<'_>, value: &[u8]) -> Result<Option<String>, Trouble> {
    let what = "issuingDistributionPoint";
    let mut reader = ber::only(value, SEQUENCE, what)?.reader(what);
    if let Some(name) = reader.optional(ber::context(0))? {
        is_named_by(about, &name)?;
    }
    let flag = |reader: &mut Reader<'_>, number| -> Result<bool, Trouble> {
        match reader.optional(ber::context_primitive(number))? {
            Some(flag) => Ok(ber::boolean(flag.content, what)?),
            None => Ok(false),
        }
    };
    let only_users = flag(&mut reader, 1)?;
    let only_authorities = flag(&mut reader, 2)?;
    let some_reasons = reader.optional(ber::context_primitive(3))?.is_some();
    let is_indirect = flag(&mut reader, 4)?;
    let only_attributes = flag(&mut reader, 5)?;
    reader.end()?;
    let is_authority = about
        .subject
        .basic_constraints()
        .is_some_and(|constraints| constraints.is_authority);
    if is_indirect {
        return Err(Trouble::new(
            "it is an indirect list, about the certificates of several issuers",
        ));
    }
    for (is_so, words) in [
        (only_attributes, "it is about attribute certificates alone"),
        (
            only_users && is_authority,
            "it is about the certificates of users alone",
        ),
        (
            only_authorities && !is_authority,
            "it is about the certificates of authorities alone",
        ),
    ] {
        if is_so {
            return Err(Trouble::about_others(words));
        }
    }
    let words = "it is about some reasons alone, and the certificate may be revoked for another";
    Ok(some_reasons.then(|| words.into()))
}

/// Whether the certificate says that it would be in the list of this distribution point. Of names only URLs over HTTP are compared.
fn is_named_by(about: &About<'_>, name: &Element<'_>) -> Result<(), Trouble> {
    let mut reader = name.reader("distributionPoint");
    let mut is_named = false;
    if let Some(full) = reader.optional(ber::context(0))? {
        let mut names = full.reader("fullName");
        while !names.is_empty() {
            let name = names.next()?;
            let mut known = about.subject.sources().crl.iter();
            is_named |= name.identifier == ber::context_primitive(6)
                && known.any(|url| url.as_bytes() == name.content);
        }
    } else {
        reader.next()?;
    }
    reader.end()?;
    if is_named {
        return Ok(());
    }
    Err(Trouble::about_others(
        "it is the list of a distribution point that the certificate does not name",
    ))
}

/// The entries with a serial number: none, or one where the list is right. All are read: one that is not understood spoils the list.
fn find(entries: &Element<'_>, serial: &[u8], is_v2: bool) -> Result<Vec<Revoked>, Trouble> {
    let what = "revokedCertificates";
    let mut reader = entries.reader(what);
    let (mut found, mut count) = (Vec::new(), 0_usize);
    while !reader.is_empty() {
        if count == MAX_CRL_ENTRIES {
            return Err(Trouble::new(format!(
                "expected at most {MAX_CRL_ENTRIES} entries, found more"
            )));
        }
        count = count.saturating_add(1);
        let mut entry = reader.enter(SEQUENCE, what)?;
        let is_it = entry.integer("userCertificate")? == serial;
        let mut revoked = Revoked {
            at: time(&mut entry, "revocationDate")?,
            reason: RevocationReason::NotGiven,
            invalid_since: None,
        };
        if let Some(extensions) = entry.optional(SEQUENCE)? {
            if !is_v2 {
                return Err(Trouble::new(
                    "it is of version 1 and has extensions of an entry",
                ));
            }
            take_entry_extensions(&extensions, &mut revoked)?;
        }
        entry.end()?;
        if is_it {
            found.push(revoked);
        }
    }
    Ok(found)
}

/// Extensions of an entry, without a copy of any.
fn take_entry_extensions(extensions: &Element<'_>, revoked: &mut Revoked) -> Result<(), Trouble> {
    let what = "crlEntryExtensions";
    let mut reader = extensions.reader(what);
    let (mut has_reason, mut has_date) = (false, false);
    while !reader.is_empty() {
        let mut extension = reader.enter(SEQUENCE, what)?;
        let oid = extension.expect(OID, what)?;
        let is_critical = match extension.optional(BOOLEAN)? {
            Some(critical) => ber::boolean(critical.content, what)?,
            None => false,
        };
        let value = extension.expect(ber::OCTET_STRING, what)?.content;
        extension.end()?;
        let is_again = match oid.content {
            REASON_CODE => {
                revoked.reason = reason(&ber::only(value, ENUMERATED, "reasonCode")?)?;
                core::mem::replace(&mut has_reason, true)
            }
            INVALIDITY_DATE => {
                let date = ber::only(value, ber::GENERALIZED_TIME, "invalidityDate")?;
                revoked.invalid_since = Some(moment(&date, "invalidityDate")?);
                core::mem::replace(&mut has_date, true)
            }
            HOLD_INSTRUCTION => false,
            // RFC 5280 section 5.3: a list MUST NOT be used if a critical extension of an entry cannot be processed. One is
            // certificateIssuer, by which an indirect list says whose the entry is.
            _ if is_critical => {
                let oid = Reader::new(oid.raw, what).oid(what)?;
                return Err(Trouble::new(format!(
                    "the critical extension {oid} of an entry is not understood"
                )));
            }
            _ => false,
        };
        if is_again {
            return Err(Trouble::new("an extension of an entry comes twice"));
        }
    }
    // RFC 5280 section 5.3.1: removeFromCRL may only appear in delta CRLs.
    if revoked.reason == RevocationReason::RemoveFromCrl {
        return Err(Trouble::new(
            "it is no delta, and has an entry that removes a certificate",
        ));
    }
    Ok(())
}

/// `CRLReason`.
pub(crate) fn reason(element: &Element<'_>) -> Result<RevocationReason, Trouble> {
    let what = "CRLReason";
    let code = ber::small(ber::integer(element.content, what)?, what)?;
    Ok(RevocationReason::from_code(code))
}

/// A `GeneralizedTime`.
pub(crate) fn moment(element: &Element<'_>, what: &'static str) -> Result<Timestamp, Trouble> {
    Ok(generalized(element.content).ok_or(ber::EncodingError::Value(what))?)
}

//! The authority's keys and certificates, kept in a directory.
//!
//! ```text
//! authority.json            its name and its algorithm
//! root.key.pem              and so on for intermediate, tsa, responder: PKCS #8
//! root.cer, root.pem        the root's certificate
//! at-<hash of the URL>/     certificates that name this URL for their CRLs and OCSP
//!     intermediate.cer, responder.cer, tsa.cer
//!     intermediate-expired.cer, tsa-expired.cer, tsa-not-critical.cer, tsa-not-sole.cer
//! ```
//!
//! Each file is made when it is missing. Started under another URL, the authority issues certificates anew with its keys
//! and its root; it goes on answering for those that it issued before.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::algorithm::Algorithm;
use crate::certificate::{self, Certificate, Role, Usage, Validity};
use crate::files;
use crate::key::{Key, KeyError};

const DAY: Duration = Duration::from_hours(24);
const YEAR: Duration = Duration::from_hours(365 * 24);
/// The longest name: with what stands around it, a common name has at most 64 characters (RFC 5280, ub-common-name).
const MAX_NAME: usize = 20;

/// Why the authority has no certificates.
#[derive(Debug, thiserror::Error)]
pub enum HierarchyError {
    /// The name cannot stand in certificates.
    #[error("the name {0:?}: expected 1 to {MAX_NAME} letters, digits, spaces, points or hyphens")]
    Name(String),
    /// The directory is another authority's.
    #[error(
        "{directory} holds the authority {found_name:?} with keys for {found_algorithm}, not {name:?} with keys for {algorithm}: start with the former, or in another directory"
    )]
    Other {
        /// The directory.
        directory: String,
        /// The name asked for.
        name: String,
        /// The algorithm asked for.
        algorithm: Algorithm,
        /// The name that it has.
        found_name: String,
        /// The algorithm that it has.
        found_algorithm: String,
    },
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A file cannot be read or written.
    #[error("{file}: {source}")]
    File {
        /// The file.
        file: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{file} is not what this authority wrote: {reason}; remove it, and it is made anew")]
    Foreign {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A certificate is of another key.
    #[error(
        "{certificate} is of another key than {key}: restore the one that belongs to the other, or start in another directory"
    )]
    OtherKey {
        /// The certificate's file.
        certificate: String,
        /// The key's file.
        key: String,
    },
    /// A certificate cannot be signed.
    #[error("a certificate could not be issued: {0}")]
    Issue(#[from] rcgen::Error),
}

/// What the directory is about.
#[derive(Serialize, Deserialize)]
struct About {
    warning: String,
    name: String,
    algorithm: String,
}

/// Keys and certificates.
pub(crate) struct Hierarchy {
    pub(crate) root_key: Key,
    pub(crate) intermediate_key: Key,
    pub(crate) tsa_key: Key,
    pub(crate) responder_key: Key,
    pub(crate) root: Certificate,
    pub(crate) intermediate: Certificate,
    pub(crate) responder: Certificate,
    pub(crate) tsa: Certificate,
    pub(crate) intermediate_expired: Certificate,
    pub(crate) tsa_expired: Certificate,
    pub(crate) tsa_not_critical: Certificate,
    pub(crate) tsa_not_sole: Certificate,
    /// Serial numbers that the root issued, under whichever URL.
    pub(crate) issued_by_root: Vec<Vec<u8>>,
    /// Serial numbers that the intermediate issued, under whichever URL.
    pub(crate) issued_by_intermediate: Vec<Vec<u8>>,
}

impl Hierarchy {
    /// The authority that the directory holds, or a new one if it holds none.
    ///
    /// `now` decides from when to when new certificates are valid: the root from five years before to twenty after, the
    /// others from thirty days before to ten (intermediate) or three years after; the expired ones until a year before.
    pub(crate) fn open(
        directory: &Path,
        name: &str,
        algorithm: Algorithm,
        url: &str,
        now: SystemTime,
    ) -> Result<Self, HierarchyError> {
        introduce(directory, name, algorithm)?;
        let key =
            |role: &str| Key::load_or_create(&directory.join(format!("{role}.key.pem")), algorithm);
        let (root_key, intermediate_key) = (key("root")?, key("intermediate")?);
        let (tsa_key, responder_key) = (key("tsa")?, key("responder")?);

        let root = load_or_issue(&directory.join("root.cer"), || {
            certificate::root(name, &root_key, Validity::around(now, 5 * YEAR, 20 * YEAR))
        })?;
        write_missing(&directory.join("root.pem"), pem(&root.der).as_bytes())?;

        let here = place(directory, url);
        make_directory(&here)?;
        let file = |name: &str| here.join(format!("{name}.cer"));
        let intermediate = |file_name: &str, validity| {
            load_or_issue(&file(file_name), || {
                let key = &intermediate_key;
                certificate::issue(Role::Intermediate, name, key, &root_key, validity, url)
            })
        };
        let tsa = |file_name: &str, validity, usage| {
            load_or_issue(&file(file_name), || {
                certificate::issue_tsa(name, &tsa_key, &intermediate_key, validity, url, usage)
            })
        };
        let current = Validity::around(now, 30 * DAY, 3 * YEAR);
        let expired = Validity {
            from: now - 4 * YEAR,
            to: now - YEAR,
        };
        Self {
            intermediate: intermediate("intermediate", Validity::around(now, 30 * DAY, 10 * YEAR))?,
            intermediate_expired: intermediate("intermediate-expired", expired)?,
            responder: load_or_issue(&file("responder"), || {
                let (key, issuer) = (&responder_key, &intermediate_key);
                certificate::issue(Role::Responder, name, key, issuer, current, url)
            })?,
            tsa: tsa("tsa", current, Usage::CriticalSole)?,
            tsa_expired: tsa("tsa-expired", expired, Usage::CriticalSole)?,
            tsa_not_critical: tsa("tsa-not-critical", current, Usage::NotCritical)?,
            tsa_not_sole: tsa("tsa-not-sole", current, Usage::NotSole)?,
            issued_by_root: serials(directory, &root, Role::Intermediate)?,
            issued_by_intermediate: serials(directory, &root, Role::Tsa)?,
            root,
            root_key,
            intermediate_key,
            tsa_key,
            responder_key,
        }
        .checked(directory, &here)
    }

    /// Demands that each certificate is of the key beside it: whatever was signed otherwise would be refused everywhere, and
    /// nobody knew why.
    fn checked(self, directory: &Path, here: &Path) -> Result<Self, HierarchyError> {
        let rows = [
            (
                &self.root,
                directory.join("root.cer"),
                &self.root_key,
                "root",
            ),
            (
                &self.intermediate,
                here.join("intermediate.cer"),
                &self.intermediate_key,
                "intermediate",
            ),
            (
                &self.intermediate_expired,
                here.join("intermediate-expired.cer"),
                &self.intermediate_key,
                "intermediate",
            ),
            (
                &self.responder,
                here.join("responder.cer"),
                &self.responder_key,
                "responder",
            ),
            (&self.tsa, here.join("tsa.cer"), &self.tsa_key, "tsa"),
            (
                &self.tsa_expired,
                here.join("tsa-expired.cer"),
                &self.tsa_key,
                "tsa",
            ),
            (
                &self.tsa_not_critical,
                here.join("tsa-not-critical.cer"),
                &self.tsa_key,
                "tsa",
            ),
            (
                &self.tsa_not_sole,
                here.join("tsa-not-sole.cer"),
                &self.tsa_key,
                "tsa",
            ),
        ];
        for (certificate, file, key, role) in rows {
            if certificate.public_key != key.public() {
                return Err(HierarchyError::OtherKey {
                    certificate: file.display().to_string(),
                    key: directory
                        .join(format!("{role}.key.pem"))
                        .display()
                        .to_string(),
                });
            }
        }
        Ok(self)
    }

    /// The root's certificate in PEM.
    pub(crate) fn root_pem(&self) -> String {
        pem(&self.root.der)
    }
}

/// Says in the directory whose it is, or refuses one that is another's.
fn introduce(directory: &Path, name: &str, algorithm: Algorithm) -> Result<(), HierarchyError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-');
    if name.trim() != name || !(1..=MAX_NAME).contains(&name.len()) || !name.chars().all(fits) {
        return Err(HierarchyError::Name(name.to_owned()));
    }
    make_directory(directory)?;
    let path = directory.join("authority.json");
    let about = About {
        warning: "for development only: these time-stamps prove nothing".to_owned(),
        name: name.to_owned(),
        algorithm: algorithm.name().to_owned(),
    };
    let text = serde_json::to_string_pretty(&about).unwrap_or_default() + "\n";
    write_missing(&path, text.as_bytes())?;
    let found = fs::read(&path).map_err(file_error(&path))?;
    let found: About = serde_json::from_slice(&found).map_err(|error| HierarchyError::Foreign {
        file: path.display().to_string(),
        reason: error.to_string(),
    })?;
    if found.name == name && found.algorithm == algorithm.name() {
        return Ok(());
    }
    Err(HierarchyError::Other {
        directory: directory.display().to_string(),
        name: name.to_owned(),
        algorithm,
        found_name: found.name,
        found_algorithm: found.algorithm,
    })
}

/// Where the certificates are that name this URL.
fn place(directory: &Path, url: &str) -> PathBuf {
    let hash = hex::encode(digest(&SHA256, url.as_bytes()));
    directory.join(format!("at-{}", &hash[..16]))
}

fn load_or_issue(
    path: &Path,
    issue: impl FnOnce() -> Result<Vec<u8>, rcgen::Error>,
) -> Result<Certificate, HierarchyError> {
    if !path.exists() {
        files::create(path, &issue()?).map_err(file_error(path))?;
    }
    load(path)
}

fn load(path: &Path) -> Result<Certificate, HierarchyError> {
    let der = fs::read(path).map_err(file_error(path))?;
    Certificate::parse(der).map_err(|error| HierarchyError::Foreign {
        file: path.display().to_string(),
        reason: format!("no certificate: {error}"),
    })
}

/// The serial numbers of all certificates that were issued under this root to intermediates, or by them.
fn serials(directory: &Path, root: &Certificate, to: Role) -> Result<Vec<Vec<u8>>, HierarchyError> {
    let mut serials = Vec::new();
    for place in fs::read_dir(directory).map_err(file_error(directory))? {
        let place = place.map_err(file_error(directory))?.path();
        let is_place = place
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"at-"));
        if !is_place {
            continue;
        }
        for file in fs::read_dir(&place).map_err(file_error(&place))? {
            let file = file.map_err(file_error(&place))?.path();
            if file.extension().is_none_or(|extension| extension != "cer") {
                continue;
            }
            let certificate = load(&file)?;
            let is_roots = certificate.issuer == root.subject;
            if is_roots == (to == Role::Intermediate) {
                serials.push(certificate.serial);
            }
        }
    }
    Ok(serials)
}

fn make_directory(directory: &Path) -> Result<(), HierarchyError> {
    fs::create_dir_all(directory).map_err(file_error(directory))
}

fn write_missing(path: &Path, bytes: &[u8]) -> Result<(), HierarchyError> {
    if path.exists() {
        return Ok(());
    }
    files::create(path, bytes).map_err(file_error(path))
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> HierarchyError + use<'_> {
    |source| HierarchyError::File {
        file: path.display().to_string(),
        source,
    }
}

/// A certificate in PEM (RFC 7468).
fn pem(der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

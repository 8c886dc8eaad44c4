//! The directory in which OpenSSL works, and what it is told to do there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use super::{OpensslError, OpensslOptions};

/// The policy of its tokens, under the number for documentation (RFC 5612).
pub(super) const POLICY: &str = "1.3.6.1.4.1.32473.3161.3";
/// The longest name: with what stands around it, a common name has at most 64 characters (RFC 5280, ub-common-name).
pub(super) const MAX_NAME: usize = 20;
/// How keys are made.
const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

/// The authority's directory.
#[derive(Debug)]
pub(super) struct Authority {
    directory: PathBuf,
    pub(super) root_pem: String,
    /// OpenSSL replaces its files of serial numbers without a lock.
    turn: Mutex<()>,
    /// Removed when dropped.
    _temporary: Option<TempDir>,
}

impl Authority {
    /// The authority that the directory holds, or a new one; the certificates below its root are of this URL.
    pub(super) fn open(options: &OpensslOptions, url: &str) -> Result<Self, OpensslError> {
        check(&options.name, url)?;
        let temporary = match options.directory {
            Some(_) => None,
            None => Some(TempDir::new().map_err(file_error(Path::new("a temporary directory")))?),
        };
        let directory = match (&options.directory, &temporary) {
            (Some(directory), _) => directory.clone(),
            (None, Some(temporary)) => temporary.path().to_owned(),
            (None, None) => PathBuf::new(),
        };
        fs::create_dir_all(&directory).map_err(file_error(&directory))?;
        let mut authority = Self {
            directory,
            root_pem: String::new(),
            turn: Mutex::new(()),
            _temporary: temporary,
        };
        authority.prepare(url)?;
        authority.make(&options.name, url)?;
        for role in ["root", "intermediate", "tsa"] {
            authority.check_key(role)?;
        }
        authority.root_pem = String::from_utf8_lossy(&authority.read("root.pem")?).into_owned();
        Ok(authority)
    }

    /// Writes the configuration, and the registers of issued certificates where there are none.
    fn prepare(&self, url: &str) -> Result<(), OpensslError> {
        self.write("openssl.cnf", &configuration(url))?;
        let register = |file: &str, content: &str| {
            if self.directory.join(file).exists() {
                return Ok(());
            }
            self.write(file, content)
        };
        register("tsa.serial", "01\n")?;
        for issuer in ["root", "intermediate"] {
            let issued = self.directory.join(format!("{issuer}.issued"));
            fs::create_dir_all(&issued).map_err(file_error(&issued))?;
            register(&format!("{issuer}.index.txt"), "")?;
            register(&format!("{issuer}.index.txt.attr"), "unique_subject = no\n")?;
            register(&format!("{issuer}.serial"), "01\n")?;
            register(&format!("{issuer}.crlnumber"), "01\n")?;
        }
        Ok(())
    }

    /// Makes what is missing: the root once, what is below it for each URL, which stands in it.
    fn make(&self, name: &str, url: &str) -> Result<(), OpensslError> {
        let organization = "DEVELOPMENT ONLY - these time-stamps prove nothing";
        let subject = |title: &str| format!("/O={organization}/CN=DEVELOPMENT ONLY {name} {title}");
        if !self.directory.join("root.pem").exists() {
            let command = format!(
                "req -x509 -config openssl.cnf -extensions root_certificate {NEW_KEY} -days 7300 -keyout root.key -out root.pem"
            );
            self.run(&command, &["-subj", &subject("Root CA")])?;
        }
        if fs::read_to_string(self.directory.join("url")).is_ok_and(|made_for| made_for == url) {
            return Ok(());
        }
        for (subject, file, issuer, days) in [
            (subject("Issuing CA"), "intermediate", "root", 3650),
            (
                subject("Time-Stamping Authority"),
                "tsa",
                "intermediate",
                1095,
            ),
        ] {
            let request = format!(
                "req -new -config openssl.cnf {NEW_KEY} -keyout {file}.key -out {file}.csr"
            );
            self.run(&request, &["-subj", &subject])?;
            let issue = format!(
                "ca -batch -notext -config openssl.cnf -name {issuer} -extensions {file}_certificate -days {days} -in {file}.csr -out {file}.pem"
            );
            self.run(&issue, &[])?;
        }
        // Last, so that it is all made anew if this ends before.
        self.write("url", url)
    }

    /// Demands that a certificate is of the key beside it.
    fn check_key(&self, role: &'static str) -> Result<(), OpensslError> {
        let (certificate, key) = (
            self.read(&format!("{role}.pem"))?,
            self.read(&format!("{role}.key"))?,
        );
        let certified = self.ask("x509 -noout -pubkey", "-in", &certificate, "-out")?;
        let own = self.ask("pkey -pubout", "-in", &key, "-out")?;
        if certified == own {
            Ok(())
        } else {
            Err(OpensslError::OtherKey(role))
        }
    }

    /// The response to a request for a time-stamp.
    pub(super) fn tsr(&self, request: &[u8]) -> Result<Vec<u8>, OpensslError> {
        self.ask(
            "ts -reply -config openssl.cnf -section tsa",
            "-queryfile",
            request,
            "-out",
        )
    }

    /// The answer to an OCSP request about what `issuer` issued.
    pub(super) fn ocsp(&self, issuer: &str, request: &[u8]) -> Result<Vec<u8>, OpensslError> {
        let command = format!(
            "ocsp -index {issuer}.index.txt -CA {issuer}.pem -rsigner {issuer}.pem -rkey {issuer}.key -nmin 60"
        );
        self.ask(&command, "-reqin", request, "-respout")
    }

    /// A list of what `issuer` revoked, made now.
    pub(super) fn crl(&self, issuer: &str) -> Result<Vec<u8>, OpensslError> {
        let generate = format!("ca -gencrl -config openssl.cnf -name {issuer} -crlhours 1");
        let pem = self.ask(&generate, "", b"", "-out")?;
        self.ask("crl -outform DER", "-in", &pem, "-out")
    }

    /// A certificate in DER.
    pub(super) fn certificate(&self, name: &str) -> Result<Vec<u8>, OpensslError> {
        let pem = self.read(&format!("{name}.pem"))?;
        self.ask("x509 -outform DER", "-in", &pem, "-out")
    }

    /// What OpenSSL makes of `input`: its command takes the files of both by these flags; no flag, no input. One command at a
    /// time.
    fn ask(
        &self,
        command: &str,
        input_flag: &str,
        input: &[u8],
        output_flag: &str,
    ) -> Result<Vec<u8>, OpensslError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let scratch = TempDir::new_in(&self.directory).map_err(file_error(&self.directory))?;
        let (question, answer) = (
            scratch.path().join("question"),
            scratch.path().join("answer"),
        );
        fs::write(&question, input).map_err(file_error(&question))?;
        // It runs in the directory, whose own path may be relative to another one.
        let name = scratch
            .path()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let (from, to) = (format!("{name}/question"), format!("{name}/answer"));
        let flags = [input_flag, &from, output_flag, &to];
        self.run(
            command,
            if input_flag.is_empty() {
                &flags[2..]
            } else {
                &flags
            },
        )?;
        fs::read(&answer).map_err(file_error(&answer))
    }

    /// Runs OpenSSL in the directory, and demands success: the words of `command`, and then `more`.
    fn run(&self, command: &str, more: &[&str]) -> Result<(), OpensslError> {
        let output = Command::new("openssl")
            .args(command.split_whitespace())
            .args(more)
            .current_dir(&self.directory)
            .env_remove("OPENSSL_CONF")
            .stdin(Stdio::null())
            .output()
            .map_err(OpensslError::Absent)?;
        if output.status.success() {
            return Ok(());
        }
        Err(OpensslError::Refused {
            command: command.to_owned(),
            said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, OpensslError> {
        let path = self.directory.join(name);
        fs::read(&path).map_err(file_error(&path))
    }

    fn write(&self, name: &str, content: &str) -> Result<(), OpensslError> {
        let path = self.directory.join(name);
        fs::write(&path, content).map_err(file_error(&path))
    }
}

/// Name and URL stand in a configuration that has a syntax.
fn check(name: &str, url: &str) -> Result<(), OpensslError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-');
    if name.trim() != name || !(1..=MAX_NAME).contains(&name.len()) || !name.chars().all(fits) {
        return Err(OpensslError::Text(name.to_owned()));
    }
    let fits = |c: char| c.is_ascii_graphic() && !"\"'`,;#$\\".contains(c);
    if url.is_empty() || !url.chars().all(fits) {
        return Err(OpensslError::Text(url.to_owned()));
    }
    Ok(())
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> OpensslError + use<'_> {
    |source| OpensslError::File {
        file: path.display().to_string(),
        source,
    }
}

/// OpenSSL's configuration; names of files are below the directory where it runs.
fn configuration(url: &str) -> String {
    let issuers = ["root", "intermediate"]
        .map(|issuer| {
            format!(
                "[{issuer}]\ndatabase = {issuer}.index.txt\nserial = {issuer}.serial\ncrlnumber = {issuer}.crlnumber\n\
                 certificate = {issuer}.pem\nprivate_key = {issuer}.key\nnew_certs_dir = {issuer}.issued\ndefault_md = sha256\n\
                 policy = any\nunique_subject = no\ncrl_extensions = crl\nemail_in_dn = no\n\n"
            )
        })
        .concat();
    let sources = |issuer: &str| {
        format!(
            "crlDistributionPoints = URI:{url}/{issuer}.crl\n\
             authorityInfoAccess = OCSP;URI:{url}/{issuer}/ocsp,caIssuers;URI:{url}/{issuer}.cer\n"
        )
    };
    let (from_root, from_intermediate) = (sources("root"), sources("intermediate"));
    format!(
        "[req]\ndistinguished_name = name\nprompt = no\nutf8 = yes\nstring_mask = utf8only\n\n\
         [name]\ncommonName = from the command line\n\n\
         [any]\norganizationName = optional\ncommonName = supplied\n\n\
         {issuers}\
         [crl]\nauthorityKeyIdentifier = keyid\n\n\
         [root_certificate]\nbasicConstraints = critical,CA:TRUE\n\
         keyUsage = critical,keyCertSign,cRLSign,digitalSignature\nsubjectKeyIdentifier = hash\n\n\
         [intermediate_certificate]\nbasicConstraints = critical,CA:TRUE,pathlen:0\n\
         keyUsage = critical,keyCertSign,cRLSign,digitalSignature\nsubjectKeyIdentifier = hash\n\
         authorityKeyIdentifier = keyid\n{from_root}\n\
         [tsa_certificate]\nbasicConstraints = critical,CA:FALSE\nkeyUsage = critical,digitalSignature\n\
         extendedKeyUsage = critical,timeStamping\nsubjectKeyIdentifier = hash\n\
         authorityKeyIdentifier = keyid\n{from_intermediate}\n\
         [tsa]\nserial = tsa.serial\nsigner_cert = tsa.pem\ncerts = intermediate.pem\nsigner_key = tsa.key\n\
         signer_digest = sha256\ndefault_policy = {POLICY}\nother_policies = {POLICY}\n\
         digests = sha256, sha384, sha512\naccuracy = secs:1\nordering = no\ntsa_name = yes\n\
         ess_cert_id_chain = no\ness_cert_id_alg = sha256\nclock_precision_digits = 3\n"
    )
}

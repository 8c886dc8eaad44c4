//! Tokens that others made, with their classes.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use counterfoil_rfc3161::{Certificate, Covers, Judgement, Question, parse_response, verify};
use counterfoil_tests::vectors_dir;

fn certificates(path: &Path) -> Vec<Certificate> {
    let Ok(text) = std::fs::read_to_string(path) else {
        return Vec::new();
    };
    let mut certificates = Vec::new();
    for block in text.split("-----BEGIN CERTIFICATE-----").skip(1) {
        let base64: String = block
            .split("-----END")
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        let der = base64::engine::general_purpose::STANDARD
            .decode(base64)
            .unwrap();
        match Certificate::parse(&der) {
            Ok(certificate) => certificates.push(certificate),
            Err(error) => eprintln!("{}: {error}", path.display()),
        }
    }
    certificates
}

/// A row of the index: a token, and what others say of it.
pub(crate) struct Row {
    pub(crate) file: String,
    pub(crate) class: String,
    pub(crate) signature: String,
    pub(crate) encoding: String,
    pub(crate) token: Vec<u8>,
    pub(crate) roots: Vec<Certificate>,
    pub(crate) extra: Vec<Certificate>,
}

impl Row {
    /// Judges a token by the row's trust.
    pub(crate) fn judge(&self, token: &[u8], covers: Covers<'_>) -> Judgement {
        verify(&Question {
            token,
            covers,
            nonce: None,
            policies: &[],
            roots: &self.roots,
            extra: &self.extra,
            revocation: &[],
            at: None,
        })
    }
}

/// All rows; none, where the vectors are not there and need not be.
pub(crate) fn rows() -> Vec<Row> {
    let Some(folder) = vectors_dir().map(|dir| dir.join("rfc3161")) else {
        return Vec::new();
    };
    let index = std::fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let mut lines = index.lines();
    let names: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let row = |line: &str| {
        let row: BTreeMap<&str, &str> = names.iter().copied().zip(line.split('\t')).collect();
        let bytes = std::fs::read(folder.join(row["file"].trim_start_matches("share/"))).unwrap();
        let token = match row["kind"] {
            // What is no response is judged as it is, and is no token either.
            "resp" => parse_response(&bytes).unwrap_or(bytes),
            _ => bytes,
        };
        let of = |part: &str| {
            certificates(&folder.join(format!("chains/{}-{part}.pem", row["chain_file"])))
        };
        Row {
            file: row["file"].to_owned(),
            class: row["class"].to_owned(),
            signature: row["sig_alg"].to_owned(),
            encoding: row["encoding"].to_owned(),
            token,
            roots: of("anchor"),
            extra: of("untrusted"),
        }
    };
    lines.map(row).collect()
}

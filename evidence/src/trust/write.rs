//! Writing a trust file.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterfoil_rfc3161::Certificate;
use sha2::{Digest as _, Sha256};

use super::{Authority, Chain, FORMAT, Trust};

impl Trust {
    /// The file, made from what a deployment at `source` says of itself: its first lines warn of that.
    pub fn to_toml(&self, source: &str) -> String {
        let mut text = warning(source);
        let policy = multi_line(&self.policy_text);
        let _ = write!(
            text,
            "format = \"{FORMAT}\"\n\n\
             # How many of the authorities below must vouch for a time.\n\
             min_anchors = {}\n\n\
             # The logs and witnesses: C2SP tlog-policy.\n\
             policy = {policy}\n",
            self.min_anchors
        );
        for authority in &self.authorities {
            write_authority(&mut text, authority);
        }
        for chain in &self.chains {
            write_chain(&mut text, chain);
        }
        text
    }
}

fn warning(source: &str) -> String {
    format!(
        "# WARNING: this trust was made from what a deployment says of itself.\n\
         # The deployment: {}\n\
         #\n\
         # It is only as good as that. Whoever runs the deployment, or stands between it and you, may have named keys and roots\n\
         # of their own, under which whatever they forge is \"verified\". Before you rely on this file, compare by another way\n\
         # (a contract, a letter, a telephone call, the authority's own publications):\n\
         #  - the keys of the log and of each witness, with those who run them;\n\
         #  - the SHA-256 of each root certificate, with the authority whose it is;\n\
         #  - the destination of the transactions on each chain, with the anchor's operator.\n\
         # Then take this warning away.\n\n",
        source.escape_debug()
    )
}

fn write_authority(text: &mut String, authority: &Authority) {
    // Writing to a string does not fail.
    let _ = write!(
        text,
        "\n[[tsa]]\nname = \"{}\"\n\n# The chains of its tokens end here.\nroots = \"\"\"\n{}\"\"\"\n",
        authority.name,
        pem(&authority.roots)
    );
    if !authority.certificates.is_empty() {
        let _ = write!(
            text,
            "\n# Certificates that its tokens may lack.\ncertificates = \"\"\"\n{}\"\"\"\n",
            pem(&authority.certificates)
        );
    }
    let policies: Vec<String> = authority
        .policies
        .iter()
        .map(|policy| format!("\"{policy}\""))
        .collect();
    let _ = write!(
        text,
        "\n# The policies under which its tokens count; any if there are none.\npolicies = [{}]\n\n\
         # What must be known of revocation: \"required\" for every certificate, \"published\" for every one that names a place\n\
         # where it is published, \"optional\" for none.\n\
         revocation = \"{}\"\n",
        policies.join(", "),
        authority.revocation
    );
}

fn write_chain(text: &mut String, chain: &Chain) {
    // Writing to a string does not fail.
    let _ = write!(
        text,
        "\n[[ethereum]]\nname = \"{}\"\nchain_id = {}\n",
        chain.name, chain.id
    );
    if let Some(destination) = chain.destination {
        let _ = write!(
            text,
            "\n# Where the transactions must go.\ndestination = \"{destination}\"\n"
        );
    }
    text.push_str(
        "\n# The blocks that are trusted to be of this chain and final, as \"NUMBER 0x...\". Take them from a node of your own, or give\n\
         # `counterfoil verify` its URL with --eth-rpc: a hash that comes with the evidence proves nothing.\nblock_hashes = [",
    );
    for line in chain.blocks.lines() {
        let _ = write!(text, "\n  \"{line}\",");
    }
    text.push_str(if chain.blocks.is_empty() {
        "]\n"
    } else {
        "\n]\n"
    });
}

/// PEM, each certificate below lines that say whose it is. The subject is whatever its owner wrote: escaped, so that it
/// stays on its line, and behind a word, so that the line does not begin a block.
fn pem(certificates: &[Certificate]) -> String {
    let mut text = String::new();
    for certificate in certificates {
        let subject = certificate.subject().to_string();
        let subject = escaped(&subject.escape_debug().to_string());
        let _ = writeln!(text, "Subject {subject}");
        let digest = Sha256::digest(certificate.der());
        let _ = writeln!(text, "SHA-256 {}", hex::encode(digest));
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in STANDARD.encode(certificate.der()).as_bytes().chunks(64) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

/// A TOML string over several lines.
fn multi_line(text: &str) -> String {
    format!("\"\"\"\n{}\"\"\"", escaped(text))
}

/// As it stands within such a string.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\\' => escaped.extend(['\\', character]),
            '\n' | '\t' => escaped.push(character),
            control if control.is_control() => {
                let _ = write!(escaped, "\\u{:04X}", u32::from(control));
            }
            other => escaped.push(other),
        }
    }
    escaped
}

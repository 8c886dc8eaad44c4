//! Certificates in files of text (RFC 7468): trust files, and the roots of an anchor's authorities.
//!
//! Text between blocks is for people. A block of anything but a certificate is refused, by its label, and so is a label that does
//! not begin its line, as one that is indented, or behind a byte order mark or the end of another block: whoever reads on as if it were
//! not there trusts less, or other things, than the file seems to say.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::ber::EncodingError;
use crate::certificate::Certificate;

const BEGIN: &str = "-----BEGIN ";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

const END_OF_ANY: &str = "-----END ";

/// What does not show before a label: white space, and a byte order mark.
const UNSEEN: [char; 5] = [' ', '\t', '\u{a0}', '\u{200b}', '\u{feff}'];

/// As most readers of PEM do, without a look at how it is padded.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The longest part of a line that an error shows.
const SHOWN: usize = 80;

/// Text that holds no certificates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// There is none in it.
    #[error("expected one certificate or more (PEM), and there is no `BEGIN CERTIFICATE` block")]
    Empty,
    /// A block is broken, or of something else.
    #[error("expected a certificate in PEM as block {number}, got {got}")]
    Block {
        /// Which, from 1.
        number: usize,
        /// What is there.
        got: String,
    },
    /// What is in a block is no certificate.
    #[error("expected a certificate in PEM as block {number}, got {error}")]
    Certificate {
        /// Which, from 1.
        number: usize,
        /// What is wrong.
        error: EncodingError,
    },
}

impl Certificate {
    /// The certificates of a file in PEM, one or more, in their order. Text between them is passed over.
    ///
    /// ```
    /// use counterfoil_rfc3161::{Certificate, PemError};
    ///
    /// assert_eq!(Certificate::from_pem(b"no certificate"), Err(PemError::Empty));
    /// ```
    pub fn from_pem(text: &[u8]) -> Result<Vec<Self>, PemError> {
        let certificates = blocks(&String::from_utf8_lossy(text))?;
        let certificates = certificates.iter().zip(1..).map(|(der, number)| {
            Self::parse(der).map_err(|error| PemError::Certificate { number, error })
        });
        let certificates: Vec<Self> = certificates.collect::<Result<_, _>>()?;
        if certificates.is_empty() {
            return Err(PemError::Empty);
        }
        Ok(certificates)
    }
}

/// Whether a label behind this was meant to begin its line. One behind other text, as in a name, is text.
fn is_misplaced(before: &str) -> bool {
    before.starts_with(END_OF_ANY) || before.chars().all(|letter| UNSEEN.contains(&letter))
}

/// What is in each block.
fn blocks(text: &str) -> Result<Vec<Vec<u8>>, PemError> {
    let mut blocks = Vec::new();
    let mut body: Option<String> = None;
    for line in text.split(['\n', '\r']) {
        let wrong = |got: String| PemError::Block {
            number: blocks.len().saturating_add(1),
            got,
        };
        let shown = || line.chars().take(SHOWN).collect::<String>();
        if line.starts_with(BEGIN) {
            if line.trim_end() != CERTIFICATE {
                return Err(wrong(format!("{:?}", shown())));
            }
            if body.replace(String::new()).is_some() {
                return Err(wrong("a block within a block".to_owned()));
            }
        } else if let Some((before, _)) = line.split_once(BEGIN)
            && is_misplaced(before)
        {
            let got = format!("a label that does not begin its line: {:?}", shown());
            return Err(wrong(got));
        } else if line.starts_with(END)
            && let Some(read) = body.take()
        {
            let der = BASE64.decode(read);
            blocks.push(der.map_err(|_| wrong("something that is not base64".to_owned()))?);
        } else if let Some(body) = &mut body {
            body.extend(line.chars().filter(|letter| !matches!(letter, ' ' | '\t')));
        }
    }
    match body {
        Some(_) => Err(PemError::Block {
            number: blocks.len().saturating_add(1),
            got: "a block without end".to_owned(),
        }),
        None => Ok(blocks),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_file_is_named() {
        let rows: [(&str, &str, &str); 15] = [
            ("nothing", "", "no `BEGIN CERTIFICATE` block"),
            (
                "a key",
                "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n",
                "as block 1, got \"-----BEGIN PRIVATE KEY-----\"",
            ),
            (
                "no base64",
                "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
                "as block 1, got something that is not base64",
            ),
            (
                "no end",
                "-----BEGIN CERTIFICATE-----\nMAA=\n",
                "as block 1, got a block without end",
            ),
            (
                "another structure",
                "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
                "as block 1, got ",
            ),
            (
                "a label that few know",
                "-----BEGIN TRUSTED CERTIFICATE-----\nMAA=\n-----END TRUSTED CERTIFICATE-----\n",
                "as block 1, got \"-----BEGIN TRUSTED CERTIFICATE-----\"",
            ),
            (
                "a label in lower case",
                "-----BEGIN certificate-----\nMAA=\n-----END certificate-----\n",
                "got \"-----BEGIN certificate-----\"",
            ),
            (
                "a block within a block",
                "-----BEGIN CERTIFICATE-----\nMAA=\n-----BEGIN CERTIFICATE-----\n",
                "got a block within a block",
            ),
            (
                "another end",
                "-----BEGIN CERTIFICATE-----\nMAA=\n-----END X-----\n",
                "a block without end",
            ),
            (
                "indented",
                "  -----BEGIN CERTIFICATE-----\n  MAA=\n  -----END CERTIFICATE-----\n",
                "as block 1, got a label that does not begin its line: \"  -----BEGIN CERTIFICATE-----\"",
            ),
            (
                "only its end indented",
                "-----BEGIN CERTIFICATE-----\nMAA=\n  -----END CERTIFICATE-----\n",
                "as block 1, got a block without end",
            ),
            (
                "behind a byte order mark",
                "\u{feff}-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
                "as block 1, got a label that does not begin its line: \"\\u{feff}-----BEGIN CERTIFICATE-----\"",
            ),
            (
                "behind the end of another",
                "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE----------BEGIN CERTIFICATE-----\n",
                "as block 1, got a label that does not begin its line",
            ),
            (
                "a label in a text for people",
                "CN=-----BEGIN CERTIFICATE-----\n",
                "no `BEGIN CERTIFICATE` block",
            ),
            (
                "a long line",
                &format!("-----BEGIN {}-----\n", "X".repeat(100)),
                &format!("as block 1, got \"-----BEGIN {}\"", "X".repeat(69)),
            ),
        ];
        for (name, text, expected) in rows {
            let error = Certificate::from_pem(text.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(expected), "{name}: {error}");
        }
    }
}

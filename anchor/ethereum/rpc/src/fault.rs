//! Why an endpoint is of no use for a request.

use core::fmt;

/// How much of what an endpoint says is shown.
const SHOWN: usize = 160;

/// An endpoint is of no use, for this request and for now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// It is of another chain.
    #[error("it is of chain {0}")]
    WrongChain(u64),
    /// The call did not get there.
    #[error("{method}: {why}")]
    NotDelivered {
        /// The method.
        method: &'static str,
        /// Why.
        why: String,
    },
    /// The call may have got there; no answer came.
    #[error("{method}: {why}")]
    NoAnswer {
        /// The method.
        method: &'static str,
        /// Why.
        why: String,
    },
    /// It answers with an error of JSON-RPC.
    #[error("{method}: it answers with the error {code}: {message}")]
    Error {
        /// The method.
        method: &'static str,
        /// Its code.
        code: i64,
        /// Its words, quoted.
        message: Quoted,
    },
    /// Its answer is none.
    #[error("{method}: {why}")]
    Malformed {
        /// The method.
        method: &'static str,
        /// Why.
        why: String,
    },
    /// What it says contradicts itself, or what hashes say: it lies, it lags behind, or the chain changed while it was asked.
    #[error("{0}")]
    Contradiction(String),
    /// It does not have what is asked for.
    #[error("{0}")]
    Missing(String),
}

/// Words of somebody else: in quotation marks, with control characters escaped, and not many.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Quoted(String);

impl Quoted {
    /// Quotes a text.
    pub(crate) fn new(text: &str) -> Self {
        let short: String = text.chars().take(SHOWN).collect();
        let rest = if short.len() < text.len() { "..." } else { "" };
        Self(format!("{short:?}{rest}"))
    }

    /// Quotes the beginning of bytes.
    pub(crate) fn bytes(bytes: &[u8]) -> Self {
        // A letter has at most four bytes; one more than is shown tells that there are more.
        let most = SHOWN.saturating_mul(4).saturating_add(4);
        let start = bytes.get(..most).unwrap_or(bytes);
        Self::new(&String::from_utf8_lossy(start))
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_others_are_short_and_without_control_characters() {
        assert_eq!(Quoted::new("no").to_string(), "\"no\"");
        let red = Quoted::new("\u{1b}[31mred\nand \u{202e}back").to_string();
        assert_eq!(red, "\"\\u{1b}[31mred\\nand \\u{202e}back\"");
        let long = Quoted::bytes(&[b'a'; 10_000]).to_string();
        assert_eq!(long, format!("\"{}\"...", "a".repeat(SHOWN)));
        let broken = Quoted::bytes(&[0xff; 3]).to_string();
        assert_eq!(broken, "\"\u{fffd}\u{fffd}\u{fffd}\"");
    }
}

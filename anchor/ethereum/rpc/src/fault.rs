//! Why an endpoint is of no use for a request.

use core::fmt;

use counterfoil_ethereum_sender::chain::{ChainOutcome, Refusal, Sent};

use crate::endpoint::Endpoint;
use crate::send::{is_refusal, is_unknown};

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
    /// It does not follow the chain.
    #[error("{0}")]
    Stale(String),
    /// The chain has what this program cannot recompute.
    #[error("{0}")]
    Unknown(String),
}

/// Words of an endpoint: without what is secret of its URL, in quotation marks, with control characters escaped, and not many.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Quoted(String);

impl Quoted {
    /// Quotes the beginning of what an endpoint said.
    pub(crate) fn new(endpoint: &Endpoint, said: &[u8]) -> Self {
        // A letter has at most four bytes; one more than is shown tells that there are more.
        let most = SHOWN.saturating_mul(4).saturating_add(4);
        let start = endpoint.redacted(said, most);
        let text = String::from_utf8_lossy(&start);
        let short: String = text.chars().take(SHOWN).collect();
        let rest = if short.len() < text.len() { "..." } else { "" };
        Self(format!("{short:?}{rest}"))
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

/// What the endpoints that were of no use did.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    reasons: Vec<String>,
    wrong_chain: Option<(u64, String)>,
    /// A transaction may be on its way.
    unknown: bool,
    /// A transaction was refused.
    refused: bool,
}

impl Failures {
    /// One was of no use.
    pub(crate) fn add(&mut self, endpoint: &Endpoint, fault: &Fault) {
        self.reasons.push(format!("{endpoint}: {fault}"));
        self.unknown |= is_unknown(fault);
        self.refused |= is_refusal(fault);
        if let Fault::WrongChain(found) = fault
            && self.wrong_chain.is_none()
        {
            self.wrong_chain = Some((*found, endpoint.to_string()));
        }
    }

    /// What an endpoint answered after these.
    pub(crate) fn over(self, outcome: ChainOutcome) -> ChainOutcome {
        match outcome {
            // It refused what another may have taken.
            ChainOutcome::Sent(Sent::Refused { reason, .. }) if self.unknown => {
                let reasons = self.reasons.join("; ");
                ChainOutcome::Sent(Sent::Unknown(format!("{reasons}; then refused: {reason}")))
            }
            outcome => outcome,
        }
    }

    /// What comes of it, where there is no other endpoint.
    pub(crate) fn outcome(self) -> ChainOutcome {
        let reasons = self.reasons.join("; ");
        match self.wrong_chain {
            _ if self.unknown => ChainOutcome::Sent(Sent::Unknown(reasons)),
            _ if self.refused => ChainOutcome::Sent(Sent::Refused {
                refusal: Refusal::Other,
                reason: reasons,
            }),
            Some((found, endpoint)) => ChainOutcome::WrongChain { found, endpoint },
            None => ChainOutcome::NotDone(reasons),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_others_are_short_and_without_control_characters() {
        let endpoint = "https://chain.example/v3/s3cret".parse().unwrap();
        let quoted = |said: &[u8]| Quoted::new(&endpoint, said).to_string();
        assert_eq!(quoted(b"no"), "\"no\"");
        let red = quoted("\u{1b}[31mred\nand \u{202e}back".as_bytes());
        assert_eq!(red, "\"\\u{1b}[31mred\\nand \\u{202e}back\"");
        let long = quoted(&[b'a'; 10_000]);
        assert_eq!(long, format!("\"{}\"...", "a".repeat(SHOWN)));
        let broken = quoted(&[0xff; 3]);
        assert_eq!(broken, "\"\u{fffd}\u{fffd}\u{fffd}\"");
        // Nor is there a part of a secret where the words are cut.
        for before in 0..SHOWN + 8 {
            let said = [&vec![b'a'; before][..], b"/v3/s3cret", &[b'b'; 999]].concat();
            assert!(!quoted(&said).contains("s3"), "{before}");
        }
    }
}

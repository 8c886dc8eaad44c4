//! The sentences that the suite tries, word for word.

use core::fmt;

use serde::Serialize;

/// How strongly a sentence binds (BCP 14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Keyword {
    /// MUST and MUST NOT: what breaks it does not conform.
    Must,
    /// SHOULD and SHOULD NOT: what does not keep it conforms, and is told.
    Should,
}

impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
        })
    }
}

/// A sentence of a specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirement {
    /// The name of the specification, as in `https://c2sp.org/<name>`.
    pub specification: &'static str,
    /// How strongly it binds.
    pub keyword: Keyword,
    /// The sentence, or the part of it that is tried.
    pub sentence: &'static str,
}

const fn must(specification: &'static str, sentence: &'static str) -> Requirement {
    Requirement {
        specification,
        keyword: Keyword::Must,
        sentence,
    }
}

const fn should(specification: &'static str, sentence: &'static str) -> Requirement {
    Requirement {
        specification,
        keyword: Keyword::Should,
        sentence,
    }
}

macro_rules! requirements {
    ($($name:ident = $kind:ident($specification:literal, $sentence:literal);)*) => {
        $(pub(crate) const $name: Requirement = $kind($specification, $sentence);)*

        /// Every sentence.
        #[cfg(test)]
        const ALL: &[Requirement] = &[$($name),*];
    };
}

requirements! {
    KEEP_ALIVE = should("tlog-witness", "Clients SHOULD use, and witnesses SHOULD support, HTTP keep-alive HTTP connections to reduce latency and load due to connection establishment.");
    POST = must("tlog-witness", "The request MUST be an HTTP POST.");
    BODY = must("tlog-witness", "The request body MUST be a sequence of");
    NEWLINES = must("tlog-witness", "Each line MUST terminate in a newline character (U+000A).");
    OLD_LINE = must("tlog-witness", "The old size line MUST consist of the string `old`, a single space (0x20), and the tree size of the previous checkpoint encoded as an ASCII decimal with no leading zeroes (unless the size is zero, in which case the encoding MUST be `0`).");
    PROOF_LINE = must("tlog-witness", "Each consistency proof line MUST encode a single hash in base64.");
    PROOF_LINES = must("tlog-witness", "The client MUST NOT send more than 63 consistency proof lines.");
    MANY_SIGNATURES = must("signed-note", "MUST accept at least up to 16 signatures.");
    NOTE_CHARACTERS = must("signed-note", "Signed notes MUST be valid UTF-8 and MUST NOT contain any ASCII control characters (those below U+0020) other than newline.");
    CHECKPOINT_LINES = must("tlog-checkpoint", "The note text is a sequence of at least three non-empty lines, separated by newlines (U+000A).");
    CHECKPOINT_SIZE = must("tlog-checkpoint", "with no leading zeroes (unless the tree is empty, in which case the tree size is `0`).");
    CHECKPOINT_ROOT = must("tlog-checkpoint", "The third line is the **root hash**, the base64 encoding of the root of the [RFC 6962] Merkle hash tree at the specified tree size.");
    VERIFY_SIGNATURE = must("tlog-witness", "The witness MUST verify the checkpoint signature against the public key(s) it trusts for the checkpoint origin, and it MUST ignore signatures from unknown keys.");
    UNKNOWN_KEYS = must("signed-note", "Verifiers MUST ignore signatures from unknown keys, even if they share a name or ID (but not both) with a known key.");
    UNKNOWN_ORIGIN = must("tlog-witness", "If the checkpoint origin is unknown, the witness MUST respond with a \"404 Not Found\" HTTP status code.");
    FORBIDDEN = must("tlog-witness", "The witness MUST respond with a \"403 Forbidden\" HTTP status code if either no signature from a trusted key for the origin is present, or a signature line's key name and ID match a trusted key but the signature itself fails to verify");
    OLD_NOT_LARGER = must("tlog-witness", "The old size MUST be equal to or lower than the checkpoint size. Otherwise, the witness MUST respond with a \"400 Bad Request\" HTTP status code.");
    CONFLICT = must("tlog-witness", "If it doesn't match, the witness MUST respond with a \"409 Conflict\" HTTP status code.");
    CONFLICT_NEW = must("tlog-witness", "(or zero if it never cosigned a checkpoint for that origin)");
    CONFLICT_BODY = must("tlog-witness", "The response body MUST consist of the tree size of the latest cosigned checkpoint in decimal, followed by a newline (U+000A).");
    CONFLICT_TYPE = must("tlog-witness", "The response MUST have a `Content-Type` of `text/x.tlog.size`.");
    EMPTY_ROOT = must("tlog-witness", "A checkpoint of size zero MUST have the root hash of the empty tree");
    NO_PROOF_FROM_ZERO = must("tlog-witness", "If the proof is not empty when the old size is zero, or if a Merkle Consistency Proof doesn't verify, the witness MUST respond with a \"422 Unprocessable Entity\" HTTP status code.");
    SAME_SIZE = must("tlog-witness", "If the old size matches the checkpoint size, the witness MUST check that the root hashes are also identical. If they don't match, the witness MUST respond with a \"422 Unprocessable Entity\" HTTP status code.");
    NEVER_COSIGN = must("tlog-witness", "MUST NOT cosign the checkpoint");
    SUCCESS = must("tlog-witness", "If all the checks above pass, the witness MUST update its record of the latest cosigned checkpoint and respond with a \"200 Success\" HTTP status code.");
    ANSWER_LINES = must("tlog-witness", "The response body MUST be a sequence of one or more [note][] signature lines, each starting with the `—` character (U+2014) and ending with a newline character (U+000A).");
    ANSWER_COSIGNATURES = must("tlog-witness", "The signatures MUST be [cosignatures][] from the witness key(s) on the checkpoint.");
    ANSWER_MLDSA = should("tlog-witness", "Witnesses SHOULD use ML-DSA-44 [cosignatures][].");
    ANSWER_WHOLE = must("tlog-witness", "the cosignature returned by the witness MUST be for the entire tree in the submitted checkpoint, i.e. start MUST be zero and end MUST be the checkpoint size.");
    ANSWER_TIME = must("tlog-witness", "The cosignature MUST NOT omit the timestamp, i.e. the timestamp MUST NOT be zero.");
    TIME_IS_NOW = must("tlog-cosignature", "`timestamp` is the time at which the cosignature was generated, as a POSIX timestamp.");
    TIME_ORDER = must("tlog-cosignature", "Semantically, a v1 cosignature is a statement that, as of the specified time, the consistent tree head with the largest size the cosigner has observed for the log identified by the origin line has the specified root hash.");
    EXTENSIONS = must("tlog-cosignature", "Extension lines MAY be included in the checkpoint by the log, and if present MUST be included in the cosigned message.");
    PERSIST = must("tlog-witness", "The witness MUST persist the new checkpoint before responding.");
    ATOMIC = must("tlog-witness", "Note that checking the old size against the latest checkpoint and persisting the new checkpoint must be performed atomically");
    SUBTREE_RANGE = must("tlog-witness", "The subtree range line MUST consist of the string `subtree`, a single space (0x20), the subtree start encoded as an ASCII decimal with no leading zeroes");
    SUBTREE_HASH = must("tlog-witness", "The subtree hash line MUST be the Merkle Tree hash of the subtree encoded in base64.");
    SUBTREE_VALID = must("tlog-witness", "The half-open interval `[start, end)` MUST be a valid subtree per [draft-ietf-plants-merkle-tree-certs-03][], Section 4.1, and end MUST be less than or equal to the checkpoint size.");
    SUBTREE_BAD_REQUEST = must("tlog-witness", "If the request is invalid according to the rules above, the witness MUST respond with a \"400 Bad Request\" HTTP status code.");
    SUBTREE_PROOF = must("tlog-witness", "If the Merkle Consistency Proof doesn't verify, the witness MUST respond with a \"422 Unprocessable Entity\" HTTP status code.");
    SUBTREE_FORBIDDEN = must("tlog-witness", "If the witness can't verify the checkpoint, it MUST respond with a \"403 Forbidden\" HTTP status code.");
    SUBTREE_SUCCESS = must("tlog-witness", "If the request is valid, the consistency proof verifies, and the checkpoint is validly signed by the witness, the witness MUST respond with a \"200 Success\" HTTP status code.");
    SUBTREE_FORMAT = must("tlog-witness", "The cosignature format MUST support subtree cosigning. If the cosignature format supports timestamps, the timestamp MUST be zero.");
    MONITORING = should("tlog-witness", "A witness SHOULD serve a recent checkpoint for each log it cosigned.");
    MONITORING_GET = must("tlog-witness", "The request MUST be an HTTP GET.");
    MONITORING_BODY = must("tlog-witness", "The response body MUST be a [checkpoint][] for the log identified by the origin");
    MONITORING_SIGNATURES = must("tlog-witness", "it MUST include the cosignature(s) from the witness's key(s) that were returned from add-checkpoint and the cosignature from the log key(s) that the witness verified.");
    MONITORING_NEVER = must("tlog-witness", "If the witness has never cosigned a checkpoint for that log, it MUST respond with a \"404 Not Found\" HTTP status code instead.");
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::PathBuf;

    use super::*;

    fn collapse(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn sentences_are_those_of_the_specifications() {
        let folder = std::env::var_os("COUNTERFOIL_SPECS").map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/specs")),
            PathBuf::from,
        );
        if !folder.is_dir() {
            assert!(
                std::env::var_os("COUNTERFOIL_REQUIRE_VECTORS").is_none(),
                "the specifications are not in {}",
                folder.display()
            );
            return;
        }
        let mut texts: HashMap<&str, String> = HashMap::new();
        for requirement in ALL {
            let text = texts.entry(requirement.specification).or_insert_with(|| {
                let file = folder.join(format!("{}.md", requirement.specification));
                collapse(&std::fs::read_to_string(&file).expect("a specification"))
            });
            assert!(
                text.contains(&collapse(requirement.sentence)),
                "{} does not say: {}",
                requirement.specification,
                requirement.sentence
            );
        }
    }
}

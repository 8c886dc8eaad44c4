//! What the fuzz target of evidence does with its input, shared by `cargo fuzz` and by `evidence/tests/evidence/fuzz_body.rs`.

#[path = "edits.rs"]
mod edits;

use counterfoil_evidence::format::Evidence;
use edits::edited;

/// The example of docs/evidence.md.
const EXAMPLE: &str = include_str!("../../docs/evidence.example.json");

/// Evidence: what was parsed is written to bytes that parse to the same, and that are written to the same bytes.
pub fn evidence(data: &[u8]) {
    for bytes in [data, &edited(EXAMPLE.as_bytes(), data)] {
        let Ok(evidence) = Evidence::parse(bytes) else {
            continue;
        };
        let written = evidence
            .encode()
            .expect("it is as long as what was read, nearly");
        let again = Evidence::parse(&written).expect("what is written can be read");
        assert_eq!(again, evidence);
        assert_eq!(again.encode().as_ref(), Ok(&written));
    }
}

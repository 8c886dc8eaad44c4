//! What the fuzz target of evidence does with its input, shared by `cargo fuzz` and by `evidence/tests/evidence/fuzz_body.rs`.

#[path = "edits.rs"]
mod edits;

use counterfoil_evidence::format::Evidence;
use edits::edited;

/// The example of docs/evidence.md.
const EXAMPLE: &str = include_str!("../../docs/evidence.example.json");

/// An anchor of the kind `ethereum`, of which nothing is true.
pub const BLOCK: &str = r#"{"kind": "ethereum", "chain_id": 1, "header": "wMA=", "index": 19, "transaction": "AsA=",
"transaction_proof": ["wMA=", "wQA="], "receipt": "AsA=", "receipt_proof": ["wMA="], "path": {"index": 3, "size": 5, "hashes": [
"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"]}}"#;

/// The example with that anchor and no other.
pub fn with_block(block: &[u8]) -> Vec<u8> {
    let (before, _) = EXAMPLE.split_once("\"anchors\"").expect("it has anchors");
    [before.as_bytes(), b"\"anchors\": [", block, b"]}"].concat()
}

/// Evidence, and a block in it: what was parsed is written to bytes that parse to the same, and that are written to the same bytes.
pub fn evidence(data: &[u8]) {
    let with_block = with_block(&edited(BLOCK.as_bytes(), data));
    for bytes in [data, &edited(EXAMPLE.as_bytes(), data), &with_block] {
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

//! What is said of what is no evidence.

use crate::common::{leaf_hash, text};
use counterfoil_evidence::format::{Evidence, EvidenceError};

/// What is said of evidence in which one text stands for another.
fn refusal(name: &str, from: &str, to: &str) -> String {
    let good = text();
    let bad = good.replacen(from, to, 1);
    assert_ne!(bad, good, "{name}: {from} is not there");
    match Evidence::parse(bad.as_bytes()) {
        Ok(_) => panic!("{name}: accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_is_not_right_is_refused_by_its_place() {
    let leaf = leaf_hash();
    let rows = [
        (
            "another version",
            "evidence@v1",
            "evidence@v2",
            "format: expected \"counterfoil/evidence@v1\", got \"counterfoil/evidence@v2\"",
        ),
        (
            "no version",
            "\"format\": \"counterfoil/evidence@v1\",",
            "",
            "evidence: expected the key format, got none",
        ),
        (
            "a version that is no text",
            "\"counterfoil/evidence@v1\"",
            "1",
            "format: expected \"counterfoil/evidence@v1\", got 1",
        ),
        (
            "renewed",
            "\"entry\":",
            "\"renewal\": null, \"entry\":",
            "renewal: this evidence was renewed, by a later time-stamp over all of it; a newer verifier is needed",
        ),
        (
            "an unknown key",
            "\"entry\":",
            "\"entyr\": 1, \"entry\":",
            "evidence: expected no keys but format, entry, receipt, policy and anchors, got \"entyr\"",
        ),
        (
            "a key again",
            "\"policy\":",
            "\"policy\": \"\", \"policy\":",
            "expected evidence as JSON: policy: expected the key once, got it again at line ",
        ),
        (
            "a key again, spelled otherwise",
            "\"policy\":",
            "\"p\\u006flicy\": \"\", \"policy\":",
            "expected evidence as JSON: policy: expected the key once, got it again at line ",
        ),
        (
            "a key again, below",
            "\"token\":",
            "\"token\": \"\", \"token\":",
            "expected evidence as JSON: anchors[0].token: expected the key once, got it again at line ",
        ),
        (
            "no receipt",
            "\"receipt\":",
            "\"reciept\":",
            "evidence: expected the key receipt, got none",
        ),
        (
            "an entry that is a text",
            "\"entry\": {",
            "\"entry\": \"\", \"x\": {",
            "entry: expected an object, got \"\"",
        ),
        (
            "an unknown key of the entry",
            "\"leaf_hash\"",
            "\"x\": 1, \"leaf_hash\"",
            "entry: expected no keys but leaf_hash, and one of digest and contents, got \"x\"",
        ),
        (
            "no leaf hash",
            "\"leaf_hash\"",
            "\"leafhash\"",
            "entry: expected the key leaf_hash, got none",
        ),
        (
            "upper case",
            &leaf[..8],
            &leaf[..8].to_uppercase(),
            "entry.leaf_hash: expected a SHA-256, 64 lowercase hexadecimal digits, got ",
        ),
        (
            "a digit less",
            &leaf[..1],
            "",
            "entry.leaf_hash: expected a SHA-256, 64 lowercase hexadecimal digits, got ",
        ),
        (
            "another entry's leaf hash",
            &leaf[..8],
            "00000000",
            "entry.leaf_hash: expected the leaf hash of contents, ",
        ),
        (
            "digest and contents",
            "\"contents\":",
            &format!("\"digest\": \"{leaf}\", \"contents\":"),
            "entry: expected digest or contents or neither, got both",
        ),
        (
            "a receipt that is none",
            "tlog-proof@v1",
            "tlog-proof@v2",
            "receipt: expected the first line to be",
        ),
        (
            "an index outside of the tree",
            "index 1",
            "index 3",
            "receipt: a tree of size 3 has no entry 3",
        ),
        (
            "a proof too long",
            "index 1",
            "index 2",
            "receipt: the proof is too long",
        ),
        (
            "a proof too short",
            "log\\n3\\n",
            "log\\n9\\n",
            "receipt: the proof is too short",
        ),
        (
            "a number for a text",
            "\"policy\": \"",
            "\"policy\": 7, \"x\": \"",
            "policy: expected a string, got 7",
        ),
        (
            "anchors that are none",
            "\"anchors\": [",
            "\"anchors\": {}, \"x\": [",
            "anchors: expected an array, got an object",
        ),
        (
            "an anchor without a kind",
            "\"kind\"",
            "\"sort\"",
            "anchors[0]: expected the key kind, got none",
        ),
        (
            "a kind that is no name",
            "\"rfc3161\"",
            "\"RFC 3161\"",
            "anchors[0].kind: expected the name of a kind, 1 to 40 of a-z, 0-9 and -, got \"RFC 3161\"",
        ),
        (
            "an unknown key of an anchor",
            "\"url\":",
            "\"nonce\": 1, \"url\":",
            "anchors[0]: expected no keys but kind, authority, url, token, certificates, received and revocation, got \"nonce\"",
        ),
        (
            "a name of no authority",
            "\"tsa-2\"",
            "\"TSA\"",
            "anchors[1].authority: expected the name of an authority",
        ),
        (
            "a URL with a space",
            "https://tsa",
            "https:// tsa",
            "anchors[0].url: expected a URL, 1 to 2048 visible ASCII characters, got \"https:// tsa",
        ),
        (
            "no URL",
            "\"https://tsa.example.com/tsr\"",
            "\"\"",
            "anchors[0].url: expected a URL",
        ),
        (
            "a token that is no base64",
            "YSB0b2tlbg==",
            "a token",
            "anchors[0].token: expected standard base64, padded, canonical and without white space, got \"a token\"",
        ),
        (
            "without padding",
            "YSB0b2tlbg==",
            "YSB0b2tlbg",
            "anchors[0].token: expected standard base64",
        ),
        (
            "with loose bits",
            "YSB0b2tlbg==",
            "YSB0b2tlbh==",
            "anchors[0].token: expected standard base64",
        ),
        (
            "with a line break",
            "YSB0b2tlbg==",
            "YSB0\\nb2tlbg==",
            "anchors[0].token: expected standard base64",
        ),
        (
            "no token",
            "YSB0b2tlbg==",
            "",
            "anchors[0].token: expected 1 to 262144 bytes, got 0",
        ),
        (
            "an empty certificate",
            "YSBjZXJ0aWZpY2F0ZQ==",
            "",
            "anchors[0].certificates[0]: expected 1 to 32768 bytes, got 0",
        ),
        (
            "a time with a fraction",
            "1780000000250",
            "1780000000250.0",
            "anchors[0].received: expected milliseconds since the beginning of 1970, an integer without fraction or exponent, got 1780000000250.0",
        ),
        (
            "a time with an exponent",
            "1780000000250",
            "178e10",
            "anchors[0].received: expected milliseconds",
        ),
        (
            "a negative time",
            "1780000000250",
            "-1",
            "anchors[0].received: expected milliseconds since the beginning of 1970, an integer without fraction or exponent, got -1",
        ),
        (
            "a time that is a text",
            "1780000000250",
            "\"1780000000250\"",
            "anchors[0].received: expected milliseconds",
        ),
        (
            "a time that JavaScript cannot tell from the next",
            "1780000000250",
            "9007199254740992",
            "anchors[0].received: expected milliseconds since the beginning of 1970, at most 9007199254740991, got 9007199254740992",
        ),
        (
            "a leading zero",
            "1780000000250",
            "01780000000250",
            "expected evidence as JSON: ",
        ),
        (
            "revocation of another kind",
            "\"crl\"",
            "\"scvp\"",
            "anchors[0].revocation[0].kind: expected \"crl\" or \"ocsp\", got \"scvp\"",
        ),
        (
            "a certificate's hash in upper case",
            "abababab",
            "ABABABAB",
            "anchors[0].revocation[0].certificate: expected a SHA-256",
        ),
        (
            "an unknown key of revocation",
            "\"fetched\":",
            "\"at\": 1, \"fetched\":",
            "anchors[0].revocation[0]: expected no keys but kind, certificate, url, fetched and data, got \"at\"",
        ),
        (
            "no data",
            "YSBsaXN0",
            "",
            "anchors[0].revocation[0].data: expected 1 to 16777216 bytes, got 0",
        ),
        (
            "a comma too many",
            "\n}\n",
            ",\n}\n",
            "expected evidence as JSON: trailing comma",
        ),
        (
            "something behind",
            "\n}\n",
            "\n}\n{}",
            "expected evidence as JSON: trailing characters",
        ),
        (
            "a byte order mark",
            "{\n",
            "\u{feff}{\n",
            "expected evidence as JSON: ",
        ),
        (
            "a comment",
            "{\n",
            "{ // evidence\n",
            "expected evidence as JSON: ",
        ),
        (
            "half a character",
            "# The policy.",
            "\\ud800",
            "expected evidence as JSON: ",
        ),
    ];
    for (name, from, to, expected) in rows {
        let error = refusal(name, from, to);
        assert!(error.starts_with(expected), "{name}: {error}");
    }
}

#[test]
fn what_an_error_shows_is_short() {
    let error = refusal("a long text", "YSB0b2tlbg==", &"?".repeat(1 << 20));
    assert!(error.len() < 250, "{error}");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let bytes = text().into_bytes();
    let at = text().find("The policy").unwrap();
    for bad in [vec![0xff], vec![0xc0, 0x80], vec![0xed, 0xa0, 0x80]] {
        let mut bytes = bytes.clone();
        bytes.splice(at..=at, bad.clone());
        let error = Evidence::parse(&bytes).unwrap_err();
        assert!(matches!(error, EvidenceError::Json(_)), "{bad:?}: {error}");
    }
}

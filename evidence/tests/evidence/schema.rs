//! The schema in docs/ and the parser say the same of whatever a schema can say something of.

use std::path::Path;

use crate::common::text;
use boon::{Compiler, SchemaIndex, Schemas};
use counterfoil_evidence::format::{
    Evidence, MAX_ANCHORS, MAX_CERTIFICATES, MAX_REVOCATIONS, MAX_URL,
};
use counterfoil_evidence::trust::Trust;
use serde_json::{Value, json};

struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    fn load() -> Self {
        let value = serde_json::from_str(&read("evidence.schema.json")).unwrap();
        let mut compiler = Compiler::new();
        compiler.set_default_draft(boon::Draft::V2020_12);
        compiler
            .add_resource("evidence.schema.json", value)
            .unwrap();
        let mut schemas = Schemas::new();
        let index = compiler
            .compile("evidence.schema.json", &mut schemas)
            .unwrap();
        Self { schemas, index }
    }

    fn accepts(&self, document: &Value) -> bool {
        self.schemas.validate(document, self.index).is_ok()
    }
}

fn read(name: &str) -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    std::fs::read_to_string(docs.join(name)).unwrap()
}

fn parser_accepts(document: &Value) -> bool {
    Evidence::parse(document.to_string().as_bytes()).is_ok()
}

/// The good document with a value in one place, or, for `None`, without it.
fn with(pointer: &str, value: Option<Value>) -> Value {
    let mut document: Value = serde_json::from_str(&text()).unwrap();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match (parent, value) {
        (Value::Object(object), Some(value)) => drop(object.insert(key.to_owned(), value)),
        (Value::Object(object), None) => drop(object.remove(key).unwrap()),
        (Value::Array(array), Some(value)) => array[key.parse::<usize>().unwrap()] = value,
        (Value::Array(array), None) => drop(array.remove(key.parse().unwrap())),
        (other, _) => panic!("{pointer}: {other}"),
    }
    document
}

const TOKEN: &str = "/anchors/0/token";
const CERTIFICATE: &str = "/anchors/0/certificates/0";
const REVOCATION: &str = "/anchors/0/revocation/0";

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn schema_and_parser_agree() {
    let schema = Schema::load();
    let longest = "a".repeat(40);
    let revocation = with("/policy", None).pointer(REVOCATION).unwrap().clone();
    let anchor = with("/policy", None).pointer("/anchors/0").unwrap().clone();
    let rows = [
        ("a policy of nothing", "/policy", json!(""), true),
        (
            "another version",
            "/format",
            json!("counterfoil/evidence@v2"),
            false,
        ),
        ("a renewal", "/renewal", json!({}), false),
        ("a key more", "/x", json!(1), false),
        ("an entry that is a text", "/entry", json!(""), false),
        ("an entry of nothing", "/entry", json!({}), false),
        (
            "a leaf hash in upper case",
            "/entry/leaf_hash",
            json!("AB".repeat(32)),
            false,
        ),
        (
            "a leaf hash of 31 bytes",
            "/entry/leaf_hash",
            json!("ab".repeat(31)),
            false,
        ),
        (
            "digest and contents",
            "/entry/digest",
            json!("ab".repeat(32)),
            false,
        ),
        ("an entry's key more", "/entry/x", json!(1), false),
        ("no contents", "/entry/contents", json!(""), false),
        (
            "a receipt that is none",
            "/receipt",
            json!("a receipt"),
            false,
        ),
        ("a policy that is a number", "/policy", json!(1), false),
        ("anchors that are null", "/anchors", json!(null), false),
        ("no anchors", "/anchors", json!([]), true),
        (
            "the most anchors",
            "/anchors",
            json!(vec![anchor.clone(); MAX_ANCHORS]),
            true,
        ),
        (
            "an anchor too many",
            "/anchors",
            json!(vec![anchor; MAX_ANCHORS + 1]),
            false,
        ),
        (
            "an anchor of another kind",
            "/anchors/0",
            json!({"kind": "beacon", "x": {"y": [1.5]}}),
            true,
        ),
        (
            "of the longest kind",
            "/anchors/0",
            json!({"kind": longest.as_str()}),
            true,
        ),
        (
            "of a longer kind",
            "/anchors/0",
            json!({"kind": format!("{longest}a")}),
            false,
        ),
        ("of no kind", "/anchors/0", json!({}), false),
        ("a kind of nothing", "/anchors/0/kind", json!(""), false),
        (
            "a kind in upper case",
            "/anchors/0/kind",
            json!("RFC3161"),
            false,
        ),
        (
            "an anchor's key more",
            "/anchors/0/gen_time",
            json!(0),
            false,
        ),
        (
            "the longest authority",
            "/anchors/0/authority",
            json!(longest.as_str()),
            true,
        ),
        (
            "a longer authority",
            "/anchors/0/authority",
            json!(format!("{longest}a")),
            false,
        ),
        (
            "an authority of two hyphens",
            "/anchors/0/authority",
            json!("a--b"),
            false,
        ),
        (
            "an authority that a record could be",
            "/anchors/0/authority",
            json!("a-revocation-1"),
            false,
        ),
        (
            "an authority in upper case",
            "/anchors/0/authority",
            json!("TSA"),
            false,
        ),
        (
            "the longest URL",
            "/anchors/0/url",
            json!("u".repeat(MAX_URL)),
            true,
        ),
        (
            "a longer URL",
            "/anchors/0/url",
            json!("u".repeat(MAX_URL + 1)),
            false,
        ),
        ("a URL of nothing", "/anchors/0/url", json!(""), false),
        (
            "a URL with a newline",
            "/anchors/0/url",
            json!("http://a\n"),
            false,
        ),
        (
            "a URL in another script",
            "/anchors/0/url",
            json!("http://ä"),
            false,
        ),
        ("a token of one byte", TOKEN, json!("AA=="), true),
        ("a token of two bytes", TOKEN, json!("AAA="), true),
        ("a token of nothing", TOKEN, json!(""), false),
        ("without padding", TOKEN, json!("AA"), false),
        ("padding of three", TOKEN, json!("A==="), false),
        ("loose bits of one byte", TOKEN, json!("AB=="), false),
        ("loose bits of two", TOKEN, json!("AAB="), false),
        ("the URL alphabet", TOKEN, json!("__-_"), false),
        ("white space", TOKEN, json!("AA==\n"), false),
        ("padding inside", TOKEN, json!("AA==AAAA"), false),
        ("the largest token", TOKEN, json!(base64(262_144)), true),
        ("a larger token", TOKEN, json!(base64(262_147)), false),
        (
            "no certificates",
            "/anchors/0/certificates",
            json!([]),
            true,
        ),
        (
            "the most certificates",
            "/anchors/0/certificates",
            json!(vec!["AA=="; MAX_CERTIFICATES]),
            true,
        ),
        (
            "a certificate too many",
            "/anchors/0/certificates",
            json!(vec!["AA=="; MAX_CERTIFICATES + 1]),
            false,
        ),
        (
            "the largest certificate",
            CERTIFICATE,
            json!(base64(32_768)),
            true,
        ),
        (
            "a larger certificate",
            CERTIFICATE,
            json!(base64(32_770)),
            false,
        ),
        ("an empty certificate", CERTIFICATE, json!(""), false),
        ("time 0", "/anchors/0/received", json!(0), true),
        (
            "the last time",
            "/anchors/0/received",
            json!(9_007_199_254_740_991_u64),
            true,
        ),
        (
            "a later time",
            "/anchors/0/received",
            json!(9_007_199_254_740_992_u64),
            false,
        ),
        ("a negative time", "/anchors/0/received", json!(-1), false),
        (
            "a time with a fraction",
            "/anchors/0/received",
            json!(0.5),
            false,
        ),
        (
            "a time that is a text",
            "/anchors/0/received",
            json!("0"),
            false,
        ),
        ("no revocation", "/anchors/0/revocation", json!([]), true),
        (
            "the most revocation",
            "/anchors/0/revocation",
            json!(vec![revocation.clone(); MAX_REVOCATIONS]),
            true,
        ),
        (
            "revocation too many",
            "/anchors/0/revocation",
            json!(vec![revocation; MAX_REVOCATIONS + 1]),
            false,
        ),
        (
            "revocation of OCSP",
            "/anchors/0/revocation/0/kind",
            json!("ocsp"),
            true,
        ),
        (
            "revocation of another kind",
            "/anchors/0/revocation/0/kind",
            json!("CRL"),
            false,
        ),
        (
            "revocation's key more",
            "/anchors/0/revocation/0/x",
            json!(1),
            false,
        ),
        (
            "a certificate's hash that is none",
            "/anchors/0/revocation/0/certificate",
            json!("ab"),
            false,
        ),
        (
            "a URL of no revocation",
            "/anchors/0/revocation/0/url",
            json!(" "),
            false,
        ),
        (
            "a time of no revocation",
            "/anchors/0/revocation/0/fetched",
            json!(null),
            false,
        ),
        (
            "data of nothing",
            "/anchors/0/revocation/0/data",
            json!(""),
            false,
        ),
    ];
    for (name, pointer, value, good) in rows {
        let document = with(pointer, Some(value));
        assert_eq!(parser_accepts(&document), good, "the parser: {name}");
        assert_eq!(schema.accepts(&document), good, "the schema: {name}");
    }
}

/// Of `size` zero bytes.
fn base64(size: usize) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(vec![0; size])
}

#[test]
fn every_key_is_needed_but_those_that_are_optional() {
    let schema = Schema::load();
    let mut tried = 0;
    for object in ["", "/entry", "/anchors/0", REVOCATION] {
        let good: Value = serde_json::from_str(&text()).unwrap();
        let keys = good.pointer(object).unwrap().as_object().unwrap().keys();
        for key in keys {
            let without = with(&format!("{object}/{key}"), None);
            let optional = key == "contents";
            assert_eq!(
                parser_accepts(&without),
                optional,
                "the parser: {object}/{key}"
            );
            assert_eq!(
                schema.accepts(&without),
                optional,
                "the schema: {object}/{key}"
            );
            tried += 1;
        }
    }
    assert_eq!(tried, 5 + 2 + 7 + 5);
}

/// What the page tells readers besides.
#[test]
fn a_schema_cannot_say_everything() {
    let schema = Schema::load();
    let rows = [
        (
            "another leaf hash",
            "/entry/leaf_hash",
            json!("ab".repeat(32)),
        ),
        (
            "a receipt of a line",
            "/receipt",
            json!("c2sp.org/tlog-proof@v1\n"),
        ),
        ("a fraction of nothing", "/anchors/0/received", json!(7.0)),
        (
            "too deep",
            "/anchors/0",
            json!({"kind": "x", "x": deep(40)}),
        ),
    ];
    for (name, pointer, value) in rows {
        let document = with(pointer, Some(value));
        assert!(schema.accepts(&document), "{name}");
        assert!(!parser_accepts(&document), "{name}");
    }
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(json!(0), |value, _| json!([value]))
}

#[test]
fn the_example_is_evidence() {
    let example = read("evidence.example.json");
    let evidence = Evidence::parse(example.as_bytes()).unwrap();
    assert_eq!(
        String::from_utf8(evidence.encode().unwrap()).unwrap(),
        example
    );
    assert_eq!(evidence.anchors().len(), 1);
    assert!(Schema::load().accepts(&serde_json::from_str(&example).unwrap()));
}

/// And its trust is trust, in the log that signed it.
#[test]
fn the_example_has_its_trust() {
    let trust = Trust::parse(read("trust.example.toml").as_bytes()).unwrap();
    let evidence = Evidence::parse(read("evidence.example.json").as_bytes()).unwrap();
    let verified = evidence
        .receipt()
        .verify(evidence.entry().leaf_hash(), trust.policy());
    assert!(verified.is_ok(), "{verified:?}");
}

/// An anchor of the kind `ethereum`, of which nothing is true.
fn block() -> Value {
    json!({
        "kind": "ethereum",
        "chain_id": 1,
        "header": "AA==",
        "index": 0,
        "transaction": "AA==",
        "transaction_proof": ["AA=="],
        "receipt": "AA==",
        "receipt_proof": ["AA==", "AAA="],
        "path": {"index": 0, "size": 1, "hashes": ["ab".repeat(32)]},
    })
}

/// The good document with a block, and in that a value in one place.
fn with_block(pointer: &str, value: Option<Value>) -> Value {
    let mut document = with("/anchors/0", Some(block()));
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(&format!("/anchors/0{parent}"));
    match (parent.unwrap(), value) {
        (Value::Object(object), Some(value)) => drop(object.insert(key.to_owned(), value)),
        (Value::Object(object), None) => drop(object.remove(key).unwrap()),
        (Value::Array(array), Some(value)) => array[key.parse::<usize>().unwrap()] = value,
        (other, _) => panic!("{pointer}: {other}"),
    }
    document
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn schema_and_parser_agree_about_blocks() {
    let schema = Schema::load();
    let last = 9_007_199_254_740_991_u64;
    let hash = "ab".repeat(32);
    let rows = [
        ("the last chain", "/chain_id", json!(last), true),
        ("a later chain", "/chain_id", json!(last + 1), false),
        ("chain 0", "/chain_id", json!(0), false),
        ("a chain in text", "/chain_id", json!("1"), false),
        ("the largest header", "/header", json!(base64(16_384)), true),
        ("a larger header", "/header", json!(base64(16_387)), false),
        ("an empty header", "/header", json!(""), false),
        ("the last index", "/index", json!(last), true),
        ("a later index", "/index", json!(last + 1), false),
        ("a negative index", "/index", json!(-1), false),
        ("an index with a fraction", "/index", json!(0.5), false),
        (
            "the largest transaction",
            "/transaction",
            json!(base64(131_072)),
            true,
        ),
        (
            "a larger transaction",
            "/transaction",
            json!(base64(131_075)),
            false,
        ),
        (
            "the largest receipt",
            "/receipt",
            json!(base64(131_072)),
            true,
        ),
        (
            "a larger receipt",
            "/receipt",
            json!(base64(131_075)),
            false,
        ),
        ("no nodes", "/transaction_proof", json!([]), false),
        (
            "the most nodes",
            "/transaction_proof",
            json!(vec!["AA=="; 17]),
            true,
        ),
        (
            "a node too many",
            "/transaction_proof",
            json!(vec!["AA=="; 18]),
            false,
        ),
        (
            "the largest node",
            "/receipt_proof/0",
            json!(base64(132_096)),
            true,
        ),
        (
            "a larger node",
            "/receipt_proof/0",
            json!(base64(132_099)),
            false,
        ),
        ("a node of nothing", "/receipt_proof/1", json!(""), false),
        (
            "a node in hexadecimal",
            "/receipt_proof/1",
            json!("0xabc"),
            false,
        ),
        ("no receipt nodes", "/receipt_proof", json!([]), false),
        ("a path of nothing", "/path", json!({}), false),
        ("a path's key more", "/path/x", json!(0), false),
        ("a place beyond the tree", "/path/index", json!(last), true),
        ("an empty tree", "/path/size", json!(0), false),
        ("the largest tree", "/path/size", json!(last), true),
        ("a larger tree", "/path/size", json!(last + 1), false),
        ("no hashes", "/path/hashes", json!([]), true),
        (
            "the most hashes",
            "/path/hashes",
            json!(vec![hash.as_str(); 53]),
            true,
        ),
        (
            "a hash too many",
            "/path/hashes",
            json!(vec![hash.as_str(); 54]),
            false,
        ),
        (
            "a hash in upper case",
            "/path/hashes/0",
            json!("AB".repeat(32)),
            false,
        ),
        ("a key more", "/name", json!("mainnet"), false),
    ];
    for (name, pointer, value, good) in rows {
        let document = with_block(pointer, Some(value));
        assert_eq!(parser_accepts(&document), good, "the parser: {name}");
        assert_eq!(schema.accepts(&document), good, "the schema: {name}");
    }
    let mut tried = 0;
    for object in ["", "/path"] {
        let good = block();
        for key in good.pointer(object).unwrap().as_object().unwrap().keys() {
            let without = with_block(&format!("{object}/{key}"), None);
            assert!(!parser_accepts(&without), "the parser: {object}/{key}");
            assert!(!schema.accepts(&without), "the schema: {object}/{key}");
            tried += 1;
        }
    }
    assert_eq!(tried, 9 + 3);
}

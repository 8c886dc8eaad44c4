//! What is evidence, and what is said of what is none.

use crate::common::{
    CONTENTS, POLICY, evidence, leaf_hash, receipt, record, records, revocation, text,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterfoil_evidence::format::{
    Anchor, Entry, Evidence, EvidenceError, Known, MAX_ANCHORS, MAX_CERTIFICATE_SIZE,
    MAX_CERTIFICATES, MAX_DEPTH, MAX_EVIDENCE_SIZE, MAX_REVOCATIONS, MAX_TOKEN_SIZE, MAX_VALUES,
    TokenRecords,
};
use counterfoil_evidence::record::{RevocationKind, RevocationRecord};
use counterfoil_tiles::hash::hash_leaf;
use sha2::{Digest as _, Sha256};

#[test]
fn what_is_written_is_read() {
    let parsed = Evidence::parse(text().as_bytes()).unwrap();
    assert_eq!(parsed, evidence());
    assert_eq!(parsed.entry().known(), &Known::Contents(CONTENTS.to_vec()));
    assert_eq!(parsed.entry().leaf_hash(), &hash_leaf(CONTENTS));
    assert_eq!(parsed.receipt(), &receipt());
    assert_eq!(parsed.checkpoint(), receipt().note().as_bytes());
    assert_eq!(parsed.policy(), POLICY);
    let names: Vec<&str> = parsed
        .anchors()
        .iter()
        .map(|anchor| match anchor {
            Anchor::Token(token) => token.authority.as_str(),
            Anchor::Block(_) => "a block",
            Anchor::Unknown(unknown) => unknown.kind(),
        })
        .collect();
    assert_eq!(names, ["tsa-1", "tsa-2"]);
}

/// To the byte, as the specification says.
#[test]
fn the_bytes_are_those_of_the_specification() {
    let digest: [u8; 32] = Sha256::digest(b"a file").into();
    let records = [records("tsa-1").into()];
    let evidence =
        Evidence::new(Entry::of_digest(digest), receipt(), String::new(), &records).unwrap();
    let hash = STANDARD.encode([7; 32]);
    let signature = STANDARD.encode([9; 68]);
    let expected = format!(
        r#"{{
  "format": "counterfoil/evidence@v1",
  "entry": {{
    "leaf_hash": "{}",
    "digest": "{}"
  }},
  "receipt": "c2sp.org/tlog-proof@v1\nindex 1\n{hash}\n{hash}\n\nexample.com/log\n3\n{hash}\n\n— example.com/log {signature}\n",
  "policy": "",
  "anchors": [
    {{
      "kind": "rfc3161",
      "authority": "tsa-1",
      "url": "https://tsa.example.com/tsr",
      "token": "YSB0b2tlbg==",
      "certificates": [
        "YSBjZXJ0aWZpY2F0ZQ==",
        "aXRzIGlzc3Vlcidz"
      ],
      "received": 1780000000250,
      "revocation": [
        {{
          "kind": "crl",
          "certificate": "{}",
          "url": "http://tsa.example.com/crl",
          "fetched": 1780000001000,
          "data": "YSBsaXN0"
        }}
      ]
    }}
  ]
}}
"#,
        hex::encode(hash_leaf(&digest).as_bytes()),
        hex::encode(digest),
        "ab".repeat(32),
    );
    let bytes = evidence.encode().unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
}

#[test]
fn white_space_is_free_and_keys_have_no_order() {
    let value: serde_json::Value = serde_json::from_str(&text()).unwrap();
    // Sorted by name, without any white space.
    let compact = serde_json::to_string(&value).unwrap();
    assert!(compact.starts_with("{\"anchors\""));
    assert_eq!(Evidence::parse(compact.as_bytes()), Ok(evidence()));
    let wide = text().replace('\n', "\r\n\t ");
    assert_eq!(Evidence::parse(wide.as_bytes()), Ok(evidence()));
}

#[test]
fn contents_and_digest_must_be_those_of_the_leaf_hash() {
    let parse = |entry: &str| {
        let all = text();
        let (before, rest) = all.split_once("\"entry\": ").unwrap();
        let (_, after) = rest.split_once('}').unwrap();
        Evidence::parse(format!("{before}\"entry\": {entry}{after}").as_bytes())
    };
    let leaf = leaf_hash();
    let only = parse(&format!("{{\"leaf_hash\": \"{leaf}\"}}")).unwrap();
    assert_eq!(only.entry(), &Entry::of_leaf_hash(hash_leaf(CONTENTS)));
    let digest = [3; 32];
    let of_digest = hex::encode(hash_leaf(&digest).as_bytes());
    let digest = hex::encode(digest);
    let entry = format!("{{\"digest\": \"{digest}\", \"leaf_hash\": \"{of_digest}\"}}");
    assert_eq!(parse(&entry).unwrap().entry(), &Entry::of_digest([3; 32]));
    let entry = format!("{{\"digest\": \"{digest}\", \"leaf_hash\": \"{leaf}\"}}");
    let error = parse(&entry).unwrap_err().to_string();
    let expected =
        format!("entry.leaf_hash: expected the leaf hash of digest, {of_digest}, got {leaf}");
    assert_eq!(error, expected);
    // An entry has 1 to 65,535 bytes.
    for (size, good) in [(0, false), (1, true), (65_535, true), (65_536, false)] {
        let contents = vec![5; size];
        let leaf = hex::encode(hash_leaf(&contents).as_bytes());
        let base64 = STANDARD.encode(&contents);
        let parsed = parse(&format!(
            "{{\"leaf_hash\": \"{leaf}\", \"contents\": \"{base64}\"}}"
        ));
        assert_eq!(parsed.is_ok(), good, "{size}: {parsed:?}");
    }
}

#[test]
fn an_anchor_of_another_kind_is_kept_as_it_is() {
    let other = "{\"chain\": 1, \"kind\": \"beacon\", \"x\": [null, true, -1.5, {\"token\": 7}]}";
    let with = text().replacen("\"anchors\": [", &format!("\"anchors\": [{other},"), 1);
    let parsed = Evidence::parse(with.as_bytes()).unwrap();
    match parsed.anchors() {
        [Anchor::Unknown(unknown), Anchor::Token(_), Anchor::Token(_)] => {
            assert_eq!(unknown.kind(), "beacon");
        }
        others => panic!("{others:?}"),
    }
    let written = parsed.encode().unwrap();
    let again: serde_json::Value = serde_json::from_slice(&written).unwrap();
    let other: serde_json::Value = serde_json::from_str(other).unwrap();
    assert_eq!(again["anchors"][0], other);
    assert_eq!(Evidence::parse(&written), Ok(parsed));
    // Its keys stand once all the same.
    let twice = with.replacen("\"token\": 7", "\"token\": 7, \"token\": 7", 1);
    let error = Evidence::parse(twice.as_bytes()).unwrap_err().to_string();
    let expected = "anchors[0].x[3].token: expected the key once, got it again at line ";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn sizes_are_bounded() {
    let spaces = |size| {
        let mut bytes = text().into_bytes();
        bytes.resize(size, b' ');
        Evidence::parse(&bytes)
    };
    assert_eq!(spaces(MAX_EVIDENCE_SIZE), Ok(evidence()));
    let error = spaces(MAX_EVIDENCE_SIZE + 1);
    assert_eq!(error, Err(EvidenceError::TooLong(MAX_EVIDENCE_SIZE + 1)));

    // 3 deep where it stands.
    let nested = |depth| {
        let value = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let anchor = format!("\"anchors\": [{{\"kind\": \"x\", \"x\": {value}}},");
        let text = text().replacen("\"anchors\": [", &anchor, 1);
        Evidence::parse(text.as_bytes()).map(drop)
    };
    assert_eq!(nested(MAX_DEPTH - 3), Ok(()));
    let error = nested(MAX_DEPTH - 2).unwrap_err().to_string();
    assert!(
        error.contains("to a depth of at most 32, got more"),
        "{error}"
    );
    // As deep as no stack is.
    assert!(nested(1_000_000).is_err());

    let many = |count| {
        let anchor = format!(
            "\"anchors\": [{{\"kind\": \"x\", \"x\": [{}0]}},",
            "0,".repeat(count - 1)
        );
        let text = text().replacen("\"anchors\": [", &anchor, 1);
        Evidence::parse(text.as_bytes()).map(drop)
    };
    assert_eq!(many(MAX_VALUES - 1_000), Ok(()));
    let error = many(MAX_VALUES).unwrap_err().to_string();
    assert!(
        error.contains("expected at most 100000 values, got more"),
        "{error}"
    );
}

#[test]
fn counts_are_bounded() {
    let with = |change: &dyn Fn(&mut TokenRecords)| {
        let mut records = records("tsa");
        change(&mut records);
        let entry = Entry::of_contents(CONTENTS.to_vec());
        let built = Evidence::new(entry, receipt(), String::new(), &[records.into()]);
        // What may be built can be read.
        if let Ok(built) = &built {
            assert_eq!(
                Evidence::parse(&built.encode().unwrap()).as_ref(),
                Ok(built)
            );
        }
        built.map(drop).map_err(|error| error.to_string())
    };
    let wrong = |text: &str| Err(text.to_owned());
    let set = |size| with(&|records| records.token.token = vec![1; size]);
    assert_eq!(set(MAX_TOKEN_SIZE), Ok(()));
    let expected = "anchors[0].token: expected 1 to 262144 bytes, got 262145";
    assert_eq!(set(MAX_TOKEN_SIZE + 1), wrong(expected));
    let set = |count| with(&|records| records.token.certificates = vec![vec![1]; count]);
    assert_eq!(set(0), Ok(()));
    assert_eq!(set(MAX_CERTIFICATES), Ok(()));
    let expected = "anchors[0].certificates: expected at most 32 certificates, got 33";
    assert_eq!(set(MAX_CERTIFICATES + 1), wrong(expected));
    let set = |size| with(&|records| records.token.certificates = vec![vec![1; size]]);
    assert_eq!(set(MAX_CERTIFICATE_SIZE), Ok(()));
    let expected = "anchors[0].certificates[0]: expected 1 to 32768 bytes, got 32769";
    assert_eq!(set(MAX_CERTIFICATE_SIZE + 1), wrong(expected));
    let set = |count: usize| {
        let each = (0..count).map(|n| revocation(RevocationKind::Ocsp, &n.to_be_bytes()));
        let each: Vec<_> = each.collect();
        with(&|records| records.token.revocation.clone_from(&each))
    };
    assert_eq!(set(MAX_REVOCATIONS), Ok(()));
    let expected = "anchors[0].revocation: expected at most 128 revocation data, got 129";
    assert_eq!(set(MAX_REVOCATIONS + 1), wrong(expected));

    let anchors = |count| {
        let entry = Entry::of_contents(CONTENTS.to_vec());
        let records = vec![records("tsa").into(); count];
        Evidence::new(entry, receipt(), String::new(), &records)
    };
    assert!(anchors(0).is_ok() && anchors(MAX_ANCHORS).is_ok());
    let error = anchors(MAX_ANCHORS + 1).unwrap_err().to_string();
    assert_eq!(error, "anchors: expected at most 64 anchors, got 65");
}

#[test]
fn records_are_of_the_receipts_checkpoint_and_of_one_token() {
    let build = |records: TokenRecords| {
        let entry = Entry::of_contents(CONTENTS.to_vec());
        Evidence::new(entry, receipt(), String::new(), &[records.into()])
    };
    let mut other = record("tsa");
    other.checkpoint.push(b'\n');
    let error = build(TokenRecords {
        token: other,
        added: Vec::new(),
    })
    .unwrap_err();
    let error = error.to_string();
    assert!(
        error.starts_with("anchors[0]: expected a record about the receipt's checkpoint"),
        "{error}"
    );

    let added = |token: &str, data: &[&[u8]]| RevocationRecord {
        token: token.parse().unwrap(),
        revocation: data
            .iter()
            .map(|data| revocation(RevocationKind::Crl, data))
            .collect(),
    };
    let error = build(TokenRecords {
        token: record("tsa"),
        added: vec![added("rfc3161-other", &[])],
    });
    let error = error.unwrap_err().to_string();
    assert_eq!(
        error,
        "anchors[0].revocation: expected additions to a token of tsa, got one to rfc3161-other"
    );

    // In order, and what is there already is left out, even if fetched again.
    let mut again = added("rfc3161-tsa", &[b"a list", b"a newer one"]);
    again.revocation[0].fetched = again.revocation[0]
        .fetched
        .after(std::time::Duration::from_secs(9));
    let evidence = build(TokenRecords {
        token: record("tsa"),
        added: vec![
            again,
            added("rfc3161-tsa", &[b"the newest", b"a newer one"]),
        ],
    });
    let evidence = evidence.unwrap();
    let [Anchor::Token(token)] = evidence.anchors() else {
        panic!("{evidence:?}");
    };
    let data: Vec<&[u8]> = token.revocation.iter().map(|one| &one.data[..]).collect();
    assert_eq!(data, [&b"a list"[..], b"a newer one", b"the newest"]);
    assert_eq!(token.revocation[0], record("tsa").revocation[0]);
}

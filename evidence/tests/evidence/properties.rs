//! Evidence of any content: what is written is read, and what differs from it in a character is other evidence or none.

use crate::common::receipt;
use counterfoil_evidence::format::{AnchorRecords, Entry, Evidence, EvidenceError, TokenRecords};
use counterfoil_evidence::moment::Moment;
use counterfoil_evidence::record::{Revocation, RevocationKind, TokenRecord};
use counterfoil_tiles::hash::LeafHash;
use proptest::prelude::*;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..60)
}

fn millis() -> impl Strategy<Value = Moment> {
    (0..1_u64 << 53).prop_map(Moment::from_millis)
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        any::<[u8; 32]>().prop_map(|hash| Entry::of_leaf_hash(LeafHash::from_bytes(hash))),
        any::<[u8; 32]>().prop_map(Entry::of_digest),
        bytes().prop_map(Entry::of_contents),
    ]
}

prop_compose! {
    fn revocation()(crl: bool, certificate: [u8; 32], url in "[!-~]{1,20}", fetched in millis(), data in bytes()) -> Revocation {
        let kind = if crl { RevocationKind::Crl } else { RevocationKind::Ocsp };
        Revocation { kind, certificate, url, fetched, data }
    }
}

prop_compose! {
    fn records()(
        authority in "[a-z0-9]{1,10}(-[a-z0-9]{1,4})?",
        url in "[!-~]{1,20}",
        token in bytes(),
        certificates in prop::collection::vec(bytes(), 0..4),
        received in millis(),
        revocation in prop::collection::vec(revocation(), 0..3),
    ) -> AnchorRecords {
        AnchorRecords::Token(TokenRecords {
            token: TokenRecord {
                authority: authority.parse().unwrap(),
                url,
                checkpoint: receipt().note().as_bytes().to_vec(),
                token,
                certificates,
                gen_time: received,
                received,
                revocation,
            },
            added: Vec::new(),
        })
    }
}

fn evidence() -> impl Strategy<Value = Evidence> {
    let parts = (
        entry(),
        prop::option::of(bytes()),
        any::<String>(),
        prop::collection::vec(records(), 0..3),
    );
    parts.prop_map(|(entry, extra, policy, records)| {
        let receipt = match extra {
            Some(extra) => receipt().with_extra(extra).unwrap(),
            None => receipt(),
        };
        Evidence::new(entry, receipt, policy, &records).unwrap()
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(evidence in evidence()) {
        let bytes = evidence.encode().unwrap();
        let parsed = Evidence::parse(&bytes).unwrap();
        prop_assert_eq!(&parsed, &evidence);
        prop_assert_eq!(parsed.encode().unwrap(), bytes);
    }

    #[test]
    fn a_beginning_is_no_evidence(evidence in evidence()) {
        let bytes = evidence.encode().unwrap();
        // Without its newline it is whole.
        for end in 0..bytes.len() - 1 {
            let refused = matches!(Evidence::parse(&bytes[..end]), Err(EvidenceError::Json(_)));
            prop_assert!(refused, "{} of {} bytes", end, bytes.len());
        }
    }

    #[test]
    fn another_character_is_other_evidence_or_none(
        evidence in evidence(),
        at: prop::sample::Index,
        other in any::<char>(),
    ) {
        let text = String::from_utf8(evidence.encode().unwrap()).unwrap();
        let places: Vec<(usize, char)> = text.char_indices().collect();
        let (at, old) = *at.get(&places);
        prop_assume!(old != other && !old.is_ascii_whitespace());
        let mut changed = text.clone();
        changed.replace_range(at..at + old.len_utf8(), other.encode_utf8(&mut [0; 4]));
        if let Ok(parsed) = Evidence::parse(changed.as_bytes()) {
            prop_assert_ne!(parsed, evidence);
        }
    }

    #[test]
    fn a_value_of_another_type_is_refused(evidence in evidence(), at: prop::sample::Index, with: prop::sample::Index) {
        let value = serde_json::from_slice(&evidence.encode().unwrap()).unwrap();
        let mut paths = Vec::new();
        collect(&value, String::new(), &mut paths);
        let path = at.get(&paths);
        let others = [
            serde_json::Value::Null,
            serde_json::json!(true),
            serde_json::json!(-1),
            serde_json::json!(1.5),
            serde_json::json!([0]),
            serde_json::json!({"": 0}),
        ];
        let mut changed: serde_json::Value = value;
        *changed.pointer_mut(path).unwrap() = with.get(&others).clone();
        prop_assert!(Evidence::parse(changed.to_string().as_bytes()).is_err(), "{}", path);
    }

    #[test]
    fn a_value_less_is_refused(evidence in evidence(), at: prop::sample::Index) {
        let mut changed: serde_json::Value = serde_json::from_slice(&evidence.encode().unwrap()).unwrap();
        let mut paths = Vec::new();
        collect(&changed, String::new(), &mut paths);
        // Lists may have less in them, and an entry need not be more than its leaf hash.
        paths.retain(|path| !path.ends_with(char::is_numeric) && !path.is_empty());
        paths.retain(|path| path != "/entry/digest" && path != "/entry/contents");
        let (object, key) = at.get(&paths).rsplit_once('/').unwrap();
        let object = changed.pointer_mut(object).unwrap().as_object_mut().unwrap();
        prop_assert!(object.remove(key).is_some());
        let error = Evidence::parse(changed.to_string().as_bytes()).unwrap_err().to_string();
        prop_assert!(error.ends_with(&format!("expected the key {key}, got none")), "{}", error);
    }

    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}\":,0-9a-z ]{0,80}") {
        let _ = Evidence::parse(&bytes);
        let _ = Evidence::parse(text.as_bytes());
    }
}

/// The JSON pointers of all values.
fn collect(value: &serde_json::Value, path: String, paths: &mut Vec<String>) {
    match value {
        serde_json::Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                collect(value, format!("{path}/{index}"), paths);
            }
        }
        serde_json::Value::Object(entries) => {
            for (key, value) in entries {
                collect(value, format!("{path}/{key}"), paths);
            }
        }
        _ => {}
    }
    paths.push(path);
}

//! Evidence that is well formed, and about which nothing is true.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterfoil_evidence::format::{Entry, Evidence, TokenRecords};
use counterfoil_evidence::moment::Moment;
use counterfoil_evidence::record::{Revocation, RevocationKind, TokenRecord};
use counterfoil_tiles::hash::hash_leaf;
use counterfoil_tiles::receipt::Receipt;

pub(crate) const POLICY: &str = "# The policy.\nlog example.com/log+c0ffee\nquorum none\n";

pub(crate) const CONTENTS: &[u8] = b"an entry";

/// A receipt for entry 1 of 3, whose hashes lead to no root.
pub(crate) fn receipt() -> Receipt {
    let hash = STANDARD.encode([7; 32]);
    let signature = STANDARD.encode([9; 68]);
    format!(
        "c2sp.org/tlog-proof@v1\nindex 1\n{hash}\n{hash}\n\nexample.com/log\n3\n{hash}\n\n\u{2014} example.com/log {signature}\n"
    )
    .parse()
    .unwrap()
}

pub(crate) fn revocation(kind: RevocationKind, data: &[u8]) -> Revocation {
    Revocation {
        kind,
        certificate: [0xab; 32],
        url: "http://tsa.example.com/crl".to_owned(),
        fetched: Moment::from_millis(1_780_000_001_000),
        data: data.to_vec(),
    }
}

pub(crate) fn record(authority: &str) -> TokenRecord {
    TokenRecord {
        authority: authority.parse().unwrap(),
        url: "https://tsa.example.com/tsr".to_owned(),
        checkpoint: receipt().note().as_bytes().to_vec(),
        token: b"a token".to_vec(),
        certificates: vec![b"a certificate".to_vec(), b"its issuer's".to_vec()],
        gen_time: Moment::from_millis(1_780_000_000_000),
        received: Moment::from_millis(1_780_000_000_250),
        revocation: vec![revocation(RevocationKind::Crl, b"a list")],
    }
}

pub(crate) fn records(authority: &str) -> TokenRecords {
    TokenRecords {
        token: record(authority),
        added: Vec::new(),
    }
}

pub(crate) fn evidence() -> Evidence {
    let anchors = [records("tsa-1").into(), records("tsa-2").into()];
    let entry = Entry::of_contents(CONTENTS.to_vec());
    Evidence::new(entry, receipt(), POLICY.to_owned(), &anchors).unwrap()
}

/// The file of [`evidence`].
pub(crate) fn text() -> String {
    String::from_utf8(evidence().encode().unwrap()).unwrap()
}

/// The leaf hash in it.
pub(crate) fn leaf_hash() -> String {
    hex::encode(hash_leaf(CONTENTS).as_bytes())
}

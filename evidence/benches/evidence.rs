//! Evidence read and judged, from its bytes to its sentence: `cargo bench -p counterfoil-evidence --bench evidence`.
//!
//! The log's signature, two cosignatures of witnesses (Ed25519), an inclusion proof, and for each anchor a token of the
//! development TSA (P-256) with an intermediate, without revocation data or with the list and the answer about each of its two
//! certificates.
#![allow(
    missing_docs,
    reason = "criterion's macros make public functions without documentation"
)]

#[path = "../tests/fixture/mod.rs"]
mod fixture;

use std::hint::black_box;

use counterfoil_checks::Outcome;
use counterfoil_evidence::blocks::Blocks;
use counterfoil_evidence::format::Evidence;
use counterfoil_evidence::judge::{Verdict, judge};
use counterfoil_evidence::trust::Trust;
use counterfoil_rfc3161::Timestamp;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fixture::{Authority, SOON, policy, receipt, trust};
use serde_json::{Value, json};

/// Evidence, and the trust under which it is verified.
struct Case {
    bytes: Vec<u8>,
    trust: Trust,
}

impl Case {
    fn new(anchors: &[Value], authorities: &[&Authority], more: &str) -> Self {
        let evidence = fixture::evidence(&receipt(&[1, 2]), anchors);
        let trusted: Vec<String> = authorities.iter().map(|tsa| tsa.trusted(more)).collect();
        let trust = trust(anchors.len(), &policy(), &trusted);
        Self {
            bytes: serde_json::to_vec(&evidence).unwrap(),
            trust: Trust::parse(trust.as_bytes()).unwrap(),
        }
    }

    fn verify(&self) -> Verdict {
        let evidence = Evidence::parse(&self.bytes).unwrap();
        let at = Timestamp::from_seconds(SOON.cast_signed());
        judge(&evidence, &self.trust, &Blocks::default(), None, at)
    }
}

fn verifications(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (one, two) =
        runtime.block_on(async { (Authority::start("one").await, Authority::start("two").await) });
    let checkpoint = receipt(&[1, 2]);
    let checkpoint = checkpoint.note().as_bytes();
    let anchors = [one.anchor(checkpoint), two.anchor(checkpoint)];
    let mut bare = one.anchor(checkpoint);
    bare["revocation"] = json!([]);
    let cases = [
        (
            "one anchor without revocation data",
            Case::new(&[bare], &[&one], "revocation = \"optional\""),
        ),
        ("one anchor", Case::new(&anchors[..1], &[&one], "")),
        ("two anchors", Case::new(&anchors, &[&one, &two], "")),
    ];
    let mut group = criterion.benchmark_group("verify evidence");
    group.throughput(Throughput::Elements(1));
    for (name, case) in &cases {
        let verdict = case.verify();
        assert_eq!(verdict.outcome, Outcome::Passed, "{name}: {verdict:?}");
        group.bench_function(*name, |b| b.iter(|| black_box(case).verify()));
    }
    group.bench_function("one anchor, read only", |b| {
        let bytes = &cases[1].1.bytes;
        b.iter(|| Evidence::parse(black_box(bytes)).unwrap());
    });
    group.finish();
}

criterion_group!(benches, verifications);
criterion_main!(benches);

//! Whole tokens verified, by the kind of the authority's keys: `cargo bench -p counterfoil-rfc3161 --bench tokens`.
//!
//! Each token comes from the development TSA, with the certificates of its signer and of an intermediate in it: three
//! signatures are verified for each, or one where those of the chain are known from the token before.
#![allow(
    missing_docs,
    reason = "criterion's macros make public functions without documentation"
)]

use std::hint::black_box;

use counterfoil_dev_tsa::{Algorithm, DevTsa, Options};
use counterfoil_rfc3161::{
    Certificate, Covers, Known, Question, Timestamp, Token, verify, verify_knowing,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// As long as a checkpoint with the cosignatures of three witnesses, two of them with ML-DSA-44 as well.
const DATA: [u8; 8_000] = [b'c'; 8_000];

/// A token over the data, and what it is judged by.
struct Stamped {
    token: Vec<u8>,
    roots: [Certificate; 1],
    at: Timestamp,
}

impl Stamped {
    fn by(algorithm: Algorithm) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let options = Options {
            algorithm,
            ..Options::default()
        };
        runtime.block_on(async {
            let tsa = DevTsa::start(options).await.unwrap();
            let token = tsa.stamp(&DATA).unwrap();
            let roots = [Certificate::parse(tsa.root()).unwrap()];
            let at = Token::parse(&token).unwrap().info().gen_time;
            tsa.stop().await;
            Self { token, roots, at }
        })
    }

    fn question(&self) -> Question<'_> {
        Question {
            token: &self.token,
            covers: Covers::Data(&DATA),
            nonce: None,
            policies: &[],
            roots: &self.roots,
            extra: &[],
            revocation: &[],
            at: Some(self.at),
        }
    }
}

fn tokens(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("verify token");
    group.throughput(Throughput::Elements(1));
    for algorithm in Algorithm::ALL {
        let stamped = Stamped::by(algorithm);
        let question = stamped.question();
        let judgement = verify(&question);
        assert!(judgement.is_good(), "{algorithm}: {judgement:?}");
        group.bench_function(BenchmarkId::from_parameter(algorithm.name()), |b| {
            b.iter(|| verify(black_box(&question)));
        });
        let known = Known::default();
        group.bench_function(BenchmarkId::new("known chain", algorithm.name()), |b| {
            b.iter(|| verify_knowing(black_box(&question), &known));
        });
    }
    group.finish();

    let stamped = Stamped::by(Algorithm::P256);
    let mut group = criterion.benchmark_group("without signatures");
    group.throughput(Throughput::Elements(1));
    group.bench_function("parse token of p256", |b| {
        b.iter(|| Token::parse(black_box(&stamped.token)).unwrap());
    });
    group.finish();
}

criterion_group!(benches, tokens);
criterion_main!(benches);

//! Hashing by each path of this CPU: `cargo bench -p counterfoil-tiles --bench hash`.
//!
//! Elements are hashes: of nodes, of leaves. The figures of one machine are in docs/decisions/0001-hashing.md.
//!
//! Each sample is the fastest of its runs and not their mean, so that the figures are those of the code and the CPU,
//! whatever else the machine is doing.

use std::hint::black_box;
use std::time::{Duration, Instant};

use counterfoil_tiles::frontier::Frontier;
use counterfoil_tiles::hash::{LeafHash, NodeHash, Path, hash_leaf, hash_node, tile_roots};
use counterfoil_tiles::tile::{EntryBundle, encode_bundle};
use criterion::{Bencher, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Runs of this length are rarely interrupted, and long beside the clock's own time.
const RUN: Duration = Duration::from_micros(20);

/// Measures `work` by its fastest run.
fn fastest(b: &mut Bencher<'_>, mut work: impl FnMut()) {
    let mut run = |repeat: u32| {
        let start = Instant::now();
        for _ in 0..repeat {
            work();
        }
        start.elapsed().as_nanos()
    };
    let one = (0..10).map(|_| run(1)).min().unwrap_or(0);
    let repeat = u32::try_from(RUN.as_nanos() / one.max(1))
        .unwrap_or(1)
        .max(1);
    b.iter_custom(|iterations| {
        let runs = iterations.div_ceil(u64::from(repeat)).max(10);
        let fastest = (0..runs).map(|_| run(repeat)).min().unwrap_or(0);
        let scaled = fastest * u128::from(iterations) / u128::from(repeat);
        Duration::from_nanos(u64::try_from(scaled).unwrap_or(u64::MAX))
    });
}

fn entries(count: usize, size: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|i| i.to_le_bytes().into_iter().cycle().take(size).collect())
        .collect()
}

fn leaves(count: usize) -> Vec<LeafHash> {
    entries(count, 32)
        .iter()
        .map(|entry| hash_leaf(entry))
        .collect()
}

fn nodes(count: usize) -> Vec<NodeHash> {
    leaves(count).into_iter().map(NodeHash::from).collect()
}

fn single(c: &mut Criterion) {
    let mut group = c.benchmark_group("single");
    group.throughput(Throughput::Elements(1));
    let pair = nodes(2);
    group.bench_function("node", |b| {
        fastest(b, || {
            black_box(hash_node(black_box(&pair[0]), black_box(&pair[1])));
        });
    });
    for size in [32, 1_000] {
        let entry = vec![7; size];
        group.bench_function(BenchmarkId::new("leaf", size), |b| {
            fastest(b, || {
                black_box(hash_leaf(black_box(&entry)));
            });
        });
    }
}

fn many_nodes(c: &mut Criterion) {
    let mut group = c.benchmark_group("nodes");
    for count in [1, 2, 4, 6, 8, 12, 15, 16, 17, 1_024] {
        let children = nodes(2 * count);
        group.throughput(Throughput::Elements(count as u64));
        for path in Path::available() {
            let mut out = Vec::new();
            group.bench_function(BenchmarkId::new(path.name(), count), |b| {
                fastest(b, || {
                    out.clear();
                    path.hash_nodes(black_box(&children), &mut out);
                });
            });
        }
    }
}

fn many_leaves(c: &mut Criterion) {
    let mut group = c.benchmark_group("leaves");
    for (name, entries) in [
        ("32 bytes", entries(1_024, 32)),
        ("100 bytes", entries(1_024, 100)),
        ("1,000 bytes", entries(1_024, 1_000)),
        ("10,000 bytes", entries(256, 10_000)),
        (
            "1 to 2,000 bytes",
            (0..1_024).map(|i| vec![7; 1 + i * 7_919 % 2_000]).collect(),
        ),
    ] {
        group.throughput(Throughput::Elements(entries.len() as u64));
        for path in Path::available() {
            let mut out = Vec::new();
            group.bench_function(BenchmarkId::new(path.name(), name), |b| {
                fastest(b, || {
                    out.clear();
                    path.hash_leaves(black_box(&entries), &mut out);
                });
            });
        }
    }
}

/// What an audit does to every leaf: its hash from the bundle's bytes, and the nodes of the tile above it.
fn bundle_to_tile_root(c: &mut Criterion) {
    let mut group = c.benchmark_group("audit");
    let bundles: Vec<Vec<u8>> = entries(16 * 256, 32)
        .chunks(256)
        .map(|entries| encode_bundle(entries).unwrap())
        .collect();
    group.throughput(Throughput::Elements(16 * 256));
    let (mut hashes, mut nodes, mut roots) = (Vec::new(), Vec::new(), Vec::new());
    group.bench_function("16 bundles of 32-byte entries", |b| {
        fastest(b, || {
            hashes.clear();
            roots.clear();
            for bytes in &bundles {
                EntryBundle::parse(black_box(bytes), 256)
                    .unwrap()
                    .hash_leaves(&mut hashes);
            }
            nodes.clear();
            nodes.extend(hashes.iter().copied().map(NodeHash::from));
            tile_roots(&nodes, &mut roots);
        });
    });
}

fn frontier(c: &mut Criterion) {
    let mut group = c.benchmark_group("frontier");
    for count in [1, 64, 4_096, 65_536] {
        let leaves = leaves(count);
        group.throughput(Throughput::Elements(count as u64));
        let mut frontier = Frontier::new();
        frontier.append(&leaves[..1]).unwrap();
        group.bench_function(BenchmarkId::new("append", count), |b| {
            fastest(b, || {
                drop(black_box(frontier.append(black_box(&leaves)).unwrap()));
            });
        });
    }
}

criterion_group!(
    benches,
    single,
    many_nodes,
    many_leaves,
    bundle_to_tile_root,
    frontier
);
criterion_main!(benches);

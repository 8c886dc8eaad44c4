//! Hashing by each path of this CPU: `cargo bench -p counterfoil-tiles --bench hash`.
//!
//! Elements are hashes: of nodes, of leaves. The figures of one machine are in docs/decisions/0001-hashing.md.

use std::hint::black_box;

use counterfoil_tiles::frontier::Frontier;
use counterfoil_tiles::hash::{LeafHash, NodeHash, Path, hash_leaf, hash_node, tile_roots};
use counterfoil_tiles::tile::{EntryBundle, encode_bundle};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

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
        b.iter(|| hash_node(black_box(&pair[0]), black_box(&pair[1])));
    });
    for size in [32, 1_000] {
        let entry = vec![7; size];
        group.bench_function(BenchmarkId::new("leaf", size), |b| {
            b.iter(|| hash_leaf(black_box(&entry)));
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
                b.iter(|| {
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
                b.iter(|| {
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
        b.iter(|| {
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
            b.iter(|| frontier.append(black_box(&leaves)).unwrap());
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

//! The paths that x86-64 CPUs have beyond the portable one.

use super::batch::Batches;
use super::simd::{Avx2, Avx512, ShaNi};
use super::{LeafHash, NodeHash};

/// A path with more than one lane.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wide {
    Avx2(Batches<Avx2>),
    ShaNi(Batches<ShaNi>),
    Avx512(Batches<Avx512>),
}

impl Wide {
    /// Those that this CPU has, the best one last: docs/decisions/0001-hashing.md has the measurements.
    pub(super) fn available() -> impl Iterator<Item = Self> {
        let sha_ni = ShaNi::detect();
        [
            Avx2::detect().map(|lanes| Self::Avx2(Batches { lanes, few: None })),
            sha_ni.map(|lanes| Self::ShaNi(Batches { lanes, few: None })),
            Avx512::detect().map(|lanes| Self::Avx512(Batches { lanes, few: sha_ni })),
        ]
        .into_iter()
        .flatten()
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Avx2(_) => "avx2",
            Self::ShaNi(_) => "sha-ni",
            Self::Avx512(_) => "avx512",
        }
    }

    pub(super) fn hash_leaves<E: AsRef<[u8]>>(self, entries: &[E], out: &mut Vec<LeafHash>) {
        match self {
            Self::Avx2(batches) => batches.hash_leaves(entries, out),
            Self::ShaNi(batches) => batches.hash_leaves(entries, out),
            Self::Avx512(batches) => batches.hash_leaves(entries, out),
        }
    }

    pub(super) fn hash_nodes(self, children: &[NodeHash], out: &mut Vec<NodeHash>) {
        match self {
            Self::Avx2(batches) => batches.hash_nodes(children, out),
            Self::ShaNi(batches) => batches.hash_nodes(children, out),
            Self::Avx512(batches) => batches.hash_nodes(children, out),
        }
    }
}

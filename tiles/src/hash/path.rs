//! Which way of hashing is taken: the best one that the CPU has, found at run time.

use std::fmt;
use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
use super::wide::Wide;
use super::{LeafHash, NodeHash, portable};

/// A way of hashing that this CPU can take. They differ in speed only.
///
/// [`hash_leaves`](super::hash_leaves) and [`hash_nodes`](super::hash_nodes) take the best one; tests and benchmarks take each.
#[derive(Clone, Copy, Debug)]
pub struct Path(Kind);

#[derive(Clone, Copy, Debug)]
enum Kind {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Wide(Wide),
}

impl Path {
    /// Every path that this CPU can take, the best one last.
    pub fn available() -> Vec<Self> {
        let kinds = std::iter::once(Kind::Portable);
        #[cfg(target_arch = "x86_64")]
        let kinds = kinds.chain(Wide::available().map(Kind::Wide));
        kinds.map(Self).collect()
    }

    /// The best path that this CPU can take.
    pub fn best() -> Self {
        static BEST: OnceLock<Path> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().pop().unwrap_or(Self(Kind::Portable)))
    }

    /// The name in benchmarks and logs.
    pub const fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Wide(wide) => wide.name(),
        }
    }

    /// [`hash_leaves`](super::hash_leaves) by this path.
    pub fn hash_leaves<E: AsRef<[u8]>>(self, entries: &[E], out: &mut Vec<LeafHash>) {
        match self.0 {
            Kind::Portable => portable::hash_leaves(entries, out),
            #[cfg(target_arch = "x86_64")]
            Kind::Wide(wide) => wide.hash_leaves(entries, out),
        }
    }

    /// [`hash_nodes`](super::hash_nodes) by this path.
    pub fn hash_nodes(self, children: &[NodeHash], out: &mut Vec<NodeHash>) {
        match self.0 {
            Kind::Portable => portable::hash_nodes(children, out),
            #[cfg(target_arch = "x86_64")]
            Kind::Wide(wide) => wide.hash_nodes(children, out),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

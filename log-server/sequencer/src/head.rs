//! The head: the one record that says what a log has committed.
//!
//! Binary, big-endian:
//!
//! ```text
//! "counterfoil/head/1\n"
//! u64 generation | u64 writer | u64 size | root[32] | u8 n | n × hash[32] (right edge, largest subtree first)
//! u64 tiled | u64 published | u32 m | m × (u64 generation | u64 writer | sha256[32] | u64 first | u32 count)
//! ```
//!
//! `staged` names the staged blobs whose entries are not all in tiles, in the order of their entries; together they cover
//! every entry from `tiled` to `size`. `tiled` is a size for which the tiles are durable; `published` is a size whose
//! checkpoint was published when the head was written (the published register has the last word).

use bytes::{BufMut, Bytes, BytesMut};
use counterfoil_tiles::frontier::Frontier;
use counterfoil_tiles::hash::{NodeHash, TreeSize};

use crate::operation::WriterId;
use crate::staged::StagedBlob;

/// The format and its version; a later version gets another line.
pub const MAGIC: &[u8] = b"counterfoil/head/1\n";

/// How many staged blobs a head may name. Tiles are written long before (see `Config::tile_after_staged`); at this number the log
/// takes no more entries until they are, so that a head stays under 64 KiB and a recovery reads a bounded number of blobs.
pub const MAX_STAGED: usize = 1_000;

/// The committed state of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Counts the replacements of this register.
    pub generation: u64,
    /// Who wrote it.
    pub writer: WriterId,
    /// Size, right edge and thereby the root of the tree.
    pub frontier: Frontier,
    /// Tiles are durable for this size.
    pub tiled: TreeSize,
    /// A checkpoint of this size has been published.
    pub published: TreeSize,
    /// The staged blobs that hold the entries from `tiled` on.
    pub staged: Vec<StagedBlob>,
}

/// Why bytes are not a head.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// Another format or version.
    #[error("not a head of version 1: it must begin with \"counterfoil/head/1\"")]
    Magic,
    /// Too short.
    #[error("the head ends within its {0}")]
    Truncated(&'static str),
    /// Too long.
    #[error("{0} bytes follow the head")]
    Trailing(usize),
    /// The parts contradict each other.
    #[error("the head contradicts itself: {0}")]
    Inconsistent(&'static str),
}

impl Head {
    /// The head of a new log: empty, generation 0.
    pub fn empty(writer: WriterId) -> Self {
        Self {
            generation: 0,
            writer,
            frontier: Frontier::new(),
            tiled: TreeSize::new(0),
            published: TreeSize::new(0),
            staged: Vec::new(),
        }
    }

    /// The size of the tree.
    pub fn size(&self) -> TreeSize {
        self.frontier.size()
    }

    /// The bytes of the register.
    pub fn encode(&self) -> Bytes {
        let nodes = self.frontier.nodes();
        let mut out = BytesMut::with_capacity(self.encoded_len());
        out.put_slice(MAGIC);
        out.put_u64(self.generation);
        out.put_u64(self.writer.0);
        out.put_u64(self.size().get());
        out.put_slice(self.frontier.root().as_bytes());
        // A tree of a 64-bit size has at most 64 nodes on its right edge.
        out.put_u8(u8::try_from(nodes.len()).unwrap_or(u8::MAX));
        for node in nodes {
            out.put_slice(node.as_bytes());
        }
        out.put_u64(self.tiled.get());
        out.put_u64(self.published.get());
        out.put_u32(u32::try_from(self.staged.len()).unwrap_or(u32::MAX));
        for blob in &self.staged {
            out.put_u64(blob.generation);
            out.put_u64(blob.writer.0);
            out.put_slice(&blob.sha256);
            out.put_u64(blob.first);
            out.put_u32(blob.count);
        }
        out.freeze()
    }

    fn encoded_len(&self) -> usize {
        let fixed = MAGIC.len().saturating_add(128);
        let nodes = self.frontier.nodes().len().saturating_mul(32);
        fixed
            .saturating_add(nodes)
            .saturating_add(self.staged.len().saturating_mul(60))
    }

    /// Reads the bytes of the register; every part is checked against the others.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeadError> {
        let mut rest = Reader {
            rest: bytes.strip_prefix(MAGIC).ok_or(HeadError::Magic)?,
        };
        let generation = rest.u64("generation")?;
        let writer = WriterId(rest.u64("writer")?);
        let size = rest.u64("size")?;
        let root = NodeHash::from_bytes(rest.array("root")?);
        let [edge_len] = rest.array::<1>("right edge")?;
        let mut nodes = Vec::with_capacity(usize::from(edge_len));
        for _ in 0..edge_len {
            nodes.push(NodeHash::from_bytes(rest.array("right edge")?));
        }
        let frontier = Frontier::from_parts(TreeSize::new(size), nodes).map_err(|_| {
            HeadError::Inconsistent(
                "the right edge has another number of hashes than the size asks for",
            )
        })?;
        if frontier.root() != root {
            return Err(HeadError::Inconsistent(
                "the right edge does not hash to the root",
            ));
        }
        let tiled = rest.u64("tiled size")?;
        let published = rest.u64("published size")?;
        let count = u32::from_be_bytes(rest.array("list of staged blobs")?);
        let mut staged = Vec::new();
        for _ in 0..count {
            staged.push(StagedBlob {
                generation: rest.u64("list of staged blobs")?,
                writer: WriterId(rest.u64("list of staged blobs")?),
                sha256: rest.array("list of staged blobs")?,
                first: rest.u64("list of staged blobs")?,
                count: u32::from_be_bytes(rest.array("list of staged blobs")?),
            });
        }
        if !rest.rest.is_empty() {
            return Err(HeadError::Trailing(rest.rest.len()));
        }
        check_coverage(&staged, tiled, published, size)?;
        Ok(Self {
            generation,
            writer,
            frontier,
            tiled: TreeSize::new(tiled),
            published: TreeSize::new(published),
            staged,
        })
    }
}

/// The staged blobs are contiguous, end at `size` and begin at or before `tiled`.
fn check_coverage(
    staged: &[StagedBlob],
    tiled: u64,
    published: u64,
    size: u64,
) -> Result<(), HeadError> {
    if tiled > size || published > size {
        return Err(HeadError::Inconsistent(
            "the tiled or the published size is above the size",
        ));
    }
    if staged.len() > MAX_STAGED {
        return Err(HeadError::Inconsistent(
            "it names more staged blobs than a head may",
        ));
    }
    let mut next = staged.first().map_or(tiled, |blob| blob.first);
    if next > tiled {
        return Err(HeadError::Inconsistent(
            "no staged blob holds the entries from the tiled size on",
        ));
    }
    for blob in staged {
        if blob.first != next || blob.count == 0 {
            return Err(HeadError::Inconsistent(
                "the staged blobs are not contiguous",
            ));
        }
        next = blob
            .end()
            .ok_or(HeadError::Inconsistent("a staged blob ends beyond 2^64"))?;
        if next <= tiled {
            return Err(HeadError::Inconsistent(
                "it names a staged blob whose entries are all in tiles",
            ));
        }
    }
    if next != size {
        return Err(HeadError::Inconsistent(
            "the staged blobs do not end at the size",
        ));
    }
    Ok(())
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], HeadError> {
        let (array, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(HeadError::Truncated(what))?;
        self.rest = rest;
        Ok(*array)
    }

    fn u64(&mut self, what: &'static str) -> Result<u64, HeadError> {
        self.array(what).map(u64::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use counterfoil_tiles::hash::hash_leaf;

    fn head() -> Head {
        let mut frontier = Frontier::new();
        let leaves: Vec<_> = (0..300u32).map(|i| hash_leaf(&i.to_be_bytes())).collect();
        frontier.append(&leaves).unwrap();
        let blob = |first, count| StagedBlob {
            generation: 7,
            writer: WriterId(1),
            sha256: [9; 32],
            first,
            count,
        };
        Head {
            generation: 8,
            writer: WriterId(1),
            frontier,
            tiled: TreeSize::new(256),
            published: TreeSize::new(200),
            staged: vec![blob(250, 10), blob(260, 40)],
        }
    }

    #[test]
    fn a_head_survives_a_round_trip() {
        for head in [head(), Head::empty(WriterId(3))] {
            assert_eq!(Head::parse(&head.encode()), Ok(head));
        }
    }

    #[test]
    fn every_truncation_and_every_extension_is_refused() {
        let bytes = head().encode();
        for end in 0..bytes.len() {
            assert!(Head::parse(&bytes[..end]).is_err(), "cut at {end}");
        }
        let mut longer = bytes.to_vec();
        longer.push(0);
        assert_eq!(Head::parse(&longer), Err(HeadError::Trailing(1)));
    }

    #[test]
    fn contradictions_are_refused() {
        type Change = fn(&mut Head);
        let cases: Vec<(&str, Change)> = vec![
            ("tiled above the size", |h| h.tiled = TreeSize::new(301)),
            ("published above the size", |h| {
                h.published = TreeSize::new(301);
            }),
            ("hole between tiled and staged", |h| {
                h.tiled = TreeSize::new(240);
            }),
            ("staged blob entirely in tiles", |h| {
                h.tiled = TreeSize::new(260);
            }),
            ("gap between staged blobs", |h| h.staged[1].first = 261),
            ("staged blobs end early", |h| h.staged[1].count = 39),
            ("staged blobs end late", |h| h.staged[1].count = 41),
            ("empty staged blob", |h| h.staged[0].count = 0),
            ("nothing staged, not all tiled", |h| h.staged.clear()),
        ];
        for (name, change) in cases {
            let mut head = head();
            change(&mut head);
            assert!(
                matches!(Head::parse(&head.encode()), Err(HeadError::Inconsistent(_))),
                "{name}"
            );
        }
        let mut flipped = head().encode().to_vec();
        let root = MAGIC.len() + 24;
        flipped[root] ^= 1;
        assert!(matches!(
            Head::parse(&flipped),
            Err(HeadError::Inconsistent(_))
        ));
    }
}

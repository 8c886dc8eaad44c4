//! Sharing out entries and nodes over lanes, in each of which one message is hashed.

use super::message::{Block, INITIAL, Message, ZERO_BLOCK, hash_of_state};
use super::simd::ShaNi;
use super::{HASH_SIZE, LeafHash, NodeHash, portable};

/// `N` hashes in the making: the eight words of each, lane by lane.
pub(super) type States<const N: usize> = [[u32; N]; 8];

/// A way of hashing `N` messages at once. A value exists only where the CPU has what it needs.
pub(super) trait Lanes<const N: usize>: Copy {
    /// How many lanes must have something to do for them to be faster than the `sha2` crate, message by message.
    const WORTHWHILE: usize;

    /// How many lanes must have something to do for them to be faster than SHA-NI, two by two.
    const WORTHWHILE_BESIDE_SHA_NI: usize;

    /// The hashes of `N` nodes from their children.
    fn nodes(self, children: &[[NodeHash; 2]; N]) -> [NodeHash; N];

    /// The hashes of `N` leaves whose entries are digests, or of that size.
    fn digest_leaves(self, entries: [&[u8; HASH_SIZE]; N]) -> [LeafHash; N];

    /// Takes one more block into each of `N` hashes.
    fn compress(self, states: &mut States<N>, blocks: [&Block; N]);
}

/// How many entries of different sizes are looked at together: a full bundle. More would hardly be better sorted, and cost memory.
const GROUP: usize = 256;

/// Lanes, and what does the work that would leave too many of them idle: SHA-NI if the CPU has it, otherwise the `sha2` crate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batches<L> {
    pub(super) lanes: L,
    pub(super) few: Option<ShaNi>,
}

impl<L> Batches<L> {
    /// How many lanes must have something to do.
    const fn worthwhile<const N: usize>(&self) -> usize
    where
        L: Lanes<N>,
    {
        if self.few.is_some() {
            L::WORTHWHILE_BESIDE_SHA_NI
        } else {
            L::WORTHWHILE
        }
    }

    /// Appends the parents of `children` to `out`.
    pub(super) fn hash_nodes<const N: usize>(self, children: &[NodeHash], out: &mut Vec<NodeHash>)
    where
        L: Lanes<N>,
    {
        let (pairs, _odd) = children.as_chunks::<2>();
        out.reserve(pairs.len());
        let (batches, rest) = pairs.as_chunks::<N>();
        for batch in batches {
            out.extend_from_slice(&self.lanes.nodes(batch));
        }
        if rest.len() >= self.worthwhile()
            && let Some(filler) = rest.first()
        {
            let mut batch = [*filler; N];
            for (slot, pair) in batch.iter_mut().zip(rest) {
                *slot = *pair;
            }
            out.extend(self.lanes.nodes(&batch).iter().take(rest.len()));
        } else if let Some(lanes) = self.few {
            Batches { lanes, few: None }.hash_nodes(rest.as_flattened(), out);
        } else {
            portable::hash_nodes(rest.as_flattened(), out);
        }
    }

    /// Appends the leaf hash of each entry to `out`.
    pub(super) fn hash_leaves<const N: usize, E: AsRef<[u8]>>(
        self,
        entries: &[E],
        out: &mut Vec<LeafHash>,
    ) where
        L: Lanes<N>,
    {
        out.reserve(entries.len());
        for group in entries.chunks(GROUP) {
            if group.iter().all(|entry| entry.as_ref().len() == HASH_SIZE) {
                self.hash_digests(group, out);
            } else {
                self.hash_group(group, out);
            }
        }
    }

    /// Entries of 32 bytes: one block each.
    fn hash_digests<const N: usize, E: AsRef<[u8]>>(self, entries: &[E], out: &mut Vec<LeafHash>)
    where
        L: Lanes<N>,
    {
        for batch in entries.chunks(N) {
            if batch.len() >= self.worthwhile() {
                let mut digests = [&[0; HASH_SIZE]; N];
                for (slot, entry) in digests.iter_mut().zip(batch) {
                    if let Ok(digest) = entry.as_ref().try_into() {
                        *slot = digest;
                    }
                }
                out.extend(self.lanes.digest_leaves(digests).iter().take(batch.len()));
            } else if let Some(lanes) = self.few {
                Batches { lanes, few: None }.hash_digests(batch, out);
            } else {
                portable::hash_leaves(batch, out);
            }
        }
    }

    /// Entries of any sizes: those with about as many blocks go together.
    fn hash_group<const N: usize, E: AsRef<[u8]>>(self, entries: &[E], out: &mut Vec<LeafHash>)
    where
        L: Lanes<N>,
    {
        let mut hashes = [LeafHash::from_bytes([0; HASH_SIZE]); GROUP];
        let mut jobs: Vec<Job<'_>> = entries
            .iter()
            .zip(&mut hashes)
            .map(|(entry, hash)| Job::new(entry.as_ref(), hash))
            .collect();
        jobs.sort_unstable_by_key(|job| std::cmp::Reverse(job.blocks));
        self.hash_jobs(&mut jobs);
        out.extend(hashes.iter().take(entries.len()));
    }

    /// Jobs with the most blocks first.
    fn hash_jobs<const N: usize>(self, jobs: &mut [Job<'_>])
    where
        L: Lanes<N>,
    {
        for batch in jobs.chunks_mut(N) {
            let most = batch.first().map_or(0, |job| job.blocks);
            let all: usize = batch
                .iter()
                .fold(0, |all, job| all.saturating_add(job.blocks));
            if all >= most.saturating_mul(self.worthwhile()) {
                hash_batch(self.lanes, batch, most);
            } else if let Some(lanes) = self.few {
                Batches { lanes, few: None }.hash_jobs(batch);
            } else {
                for job in batch {
                    *job.hash = portable::hash_leaf(job.entry);
                }
            }
        }
    }
}

/// One entry to be hashed, and the place of its hash.
struct Job<'e> {
    entry: &'e [u8],
    blocks: usize,
    hash: &'e mut LeafHash,
}

impl<'e> Job<'e> {
    fn new(entry: &'e [u8], hash: &'e mut LeafHash) -> Self {
        Self {
            entry,
            blocks: Message::blocks_of_leaf(entry.len()),
            hash,
        }
    }
}

/// At most `N` entries with at most `most` blocks each.
fn hash_batch<L: Lanes<N>, const N: usize>(lanes: L, jobs: &mut [Job<'_>], most: usize) {
    let mut states: States<N> = INITIAL.map(|word| [word; N]);
    let mut messages = [Message::of_leaf(&[]); N];
    for (message, job) in messages.iter_mut().zip(&*jobs) {
        *message = Message::of_leaf(job.entry);
    }
    let mut scratch = [ZERO_BLOCK; N];
    for done in 1..=most {
        let mut blocks = [&ZERO_BLOCK; N];
        for ((slot, message), scratch) in blocks.iter_mut().zip(&mut messages).zip(&mut scratch) {
            *slot = message.next_block(scratch);
        }
        lanes.compress(&mut states, blocks);
        for (lane, job) in jobs
            .iter_mut()
            .enumerate()
            .filter(|(_, job)| job.blocks == done)
        {
            *job.hash = hash_of_lane(&states, lane);
        }
    }
}

fn hash_of_lane<const N: usize>(states: &States<N>, lane: usize) -> LeafHash {
    let words = states
        .each_ref()
        .map(|lanes| lanes.get(lane).copied().unwrap_or(0));
    LeafHash::from_bytes(hash_of_state(words))
}

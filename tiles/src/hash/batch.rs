//! Sharing out entries and nodes over lanes, in each of which one message is hashed.

use super::simd::ShaNi;
use super::{HASH_SIZE, LeafHash, NodeHash, portable};

/// The bytes that one round of compression takes.
pub(super) const BLOCK_SIZE: usize = 64;

pub(super) type Block = [u8; BLOCK_SIZE];

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

/// FIPS 180-4 section 5.3.3: the initial hash value.
#[rustfmt::skip]
pub(super) const INITIAL: [u32; 8] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
];

/// How many entries of different sizes are looked at together: a full bundle. More would hardly be better sorted, and cost memory.
const GROUP: usize = 256;

const ZERO_BLOCK: Block = [0; BLOCK_SIZE];

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
        // One byte of prefix, one of padding at least, and the length field.
        let blocks = entry
            .len()
            .saturating_add(1 + 1 + LENGTH_SIZE)
            .div_ceil(BLOCK_SIZE);
        Self {
            entry,
            blocks,
            hash,
        }
    }
}

/// At most `N` entries with at most `most` blocks each.
fn hash_batch<L: Lanes<N>, const N: usize>(lanes: L, jobs: &mut [Job<'_>], most: usize) {
    let mut states: States<N> = INITIAL.map(|word| [word; N]);
    let mut messages = [const { Message::EMPTY }; N];
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
    let mut hash = [0; HASH_SIZE];
    let (words, _) = hash.as_chunks_mut();
    for (to, lanes) in words.iter_mut().zip(states) {
        if let Some(word) = lanes.get(lane) {
            *to = word.to_be_bytes();
        }
    }
    LeafHash::from_bytes(hash)
}

/// The length field at the end of a message: FIPS 180-4 section 5.1.1.
const LENGTH_SIZE: usize = 8;

/// The blocks of a padded message: FIPS 180-4 section 5.1.1.
#[derive(Clone, Copy)]
struct Message<'e> {
    rest: &'e [u8],
    bits: u64,
    next: Next,
}

/// What the next block begins with.
#[derive(Clone, Copy, PartialEq)]
enum Next {
    /// The prefix of a leaf.
    Prefix,
    /// The rest of the entry, or the padding right after it.
    Entry,
    /// The zeros of the padding.
    Zeros,
    /// There is no more block.
    Nothing,
}

impl<'e> Message<'e> {
    const EMPTY: Self = Self {
        rest: &[],
        bits: 0,
        next: Next::Nothing,
    };

    fn of_leaf(entry: &'e [u8]) -> Self {
        // An entry in memory has less than 2^61 bytes.
        let bits = (entry.len() as u64).saturating_add(1).saturating_mul(8);
        Self {
            rest: entry,
            bits,
            next: Next::Prefix,
        }
    }

    /// The next block, in place if it lies in the entry, otherwise in `scratch`; zeros after the last one.
    fn next_block<'b>(&mut self, scratch: &'b mut Block) -> &'b Block
    where
        'e: 'b,
    {
        if self.next == Next::Entry
            && let Some((block, rest)) = self.rest.split_first_chunk()
        {
            self.rest = rest;
            return block;
        }
        *scratch = ZERO_BLOCK;
        match self.next {
            // RFC 6962 section 2.1: the prefix of a leaf is 0x00.
            Next::Prefix => self.fill(scratch.split_at_mut(1).1),
            Next::Entry => self.fill(scratch),
            Next::Zeros => self.end(scratch),
            Next::Nothing => {}
        }
        scratch
    }

    /// Fills zeros with what is left of the entry, and with the padding if there is room.
    fn fill(&mut self, to: &mut [u8]) {
        let (now, later) = self.rest.split_at(self.rest.len().min(to.len()));
        let (data, padding) = to.split_at_mut(now.len());
        data.copy_from_slice(now);
        self.rest = later;
        self.next = Next::Entry;
        if let Some((marker, zeros)) = padding.split_first_mut() {
            *marker = 0x80;
            self.next = Next::Zeros;
            self.end(zeros);
        }
    }

    /// Writes the length at the end of zeros, if there is room.
    fn end(&mut self, zeros: &mut [u8]) {
        if let Some(length) = zeros.last_chunk_mut::<LENGTH_SIZE>() {
            *length = self.bits.to_be_bytes();
            self.next = Next::Nothing;
        }
    }
}

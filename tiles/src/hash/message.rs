//! What SHA-256 hashes: messages in padded blocks, FIPS 180-4 section 5.

use super::HASH_SIZE;

/// The bytes that one round of compression takes.
pub(super) const BLOCK_SIZE: usize = 64;

pub(super) type Block = [u8; BLOCK_SIZE];

/// RFC 6962 section 2.1: the byte before the entry of a leaf.
pub(super) const LEAF_PREFIX: u8 = 0x00;

/// RFC 6962 section 2.1: the byte before the two hashes of a node.
pub(super) const NODE_PREFIX: u8 = 0x01;

/// The byte after a message: the bit 1, then the first zeros.
pub(super) const PADDING: u8 = 0x80;

/// The bits of a node: its prefix and two hashes.
pub(super) const NODE_BITS: u32 = (1 + 2 * 32) * 8;

pub(super) const ZERO_BLOCK: Block = [0; BLOCK_SIZE];

/// FIPS 180-4 section 5.3.3: the initial hash value.
#[rustfmt::skip]
pub(super) const INITIAL: [u32; 8] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
];

/// The hash from the eight words after the last block.
pub(super) fn hash_of_state(words: [u32; 8]) -> [u8; HASH_SIZE] {
    let mut hash = [0; HASH_SIZE];
    let (to, _) = hash.as_chunks_mut();
    for (to, word) in to.iter_mut().zip(words) {
        *to = word.to_be_bytes();
    }
    hash
}

/// The length field at the end of a message: FIPS 180-4 section 5.1.1.
const LENGTH_SIZE: usize = 8;

/// The blocks of a padded message: FIPS 180-4 section 5.1.1.
#[derive(Clone, Copy)]
pub(super) struct Message<'e> {
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
    pub(super) fn of_leaf(entry: &'e [u8]) -> Self {
        // An entry in memory has less than 2^61 bytes.
        let bits = (entry.len() as u64).saturating_add(1).saturating_mul(8);
        Self {
            rest: entry,
            bits,
            next: Next::Prefix,
        }
    }

    /// The number of blocks of a leaf with an entry of `size` bytes.
    pub(super) const fn blocks_of_leaf(size: usize) -> usize {
        // One byte of prefix, one of padding at least, and the length field.
        size.saturating_add(1 + 1 + LENGTH_SIZE)
            .div_ceil(BLOCK_SIZE)
    }

    /// The next block, in place if it lies in the entry, otherwise in `scratch`; zeros after the last one.
    pub(super) fn next_block<'b>(&mut self, scratch: &'b mut Block) -> &'b Block
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
            Next::Prefix => {
                let [prefix, rest @ ..] = scratch;
                *prefix = LEAF_PREFIX;
                self.fill(rest);
            }
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
            *marker = PADDING;
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

//! Eight messages at once, in the lanes of 256-bit registers.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_loadu_si256, _mm256_or_si256,
    _mm256_permute2x128_si256, _mm256_set_epi64x, _mm256_set1_epi32, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_srli_epi32, _mm256_storeu_si256,
    _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
    _mm256_xor_si256,
};

use super::{
    DIGEST_LEAF_BITS, NODE_BITS, NODE_PREFIX_WORD, PADDING_AFTER_ONE_BYTE, ROUND_CONSTANTS,
    compress, define_kernels, extending_round, round, sixteen_rounds,
};
use crate::hash::batch::{Lanes, States};
use crate::hash::message::{Block, INITIAL};
use crate::hash::{HASH_SIZE, LeafHash, NodeHash};

/// One word of each of eight messages.
type V = __m256i;

const N: usize = 8;

/// The CPU has AVX2, and the operating system keeps its registers.
#[derive(Clone, Copy, Debug)]
pub(in crate::hash) struct Avx2(());

impl Avx2 {
    pub(in crate::hash) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}

impl Lanes<N> for Avx2 {
    const WORTHWHILE: usize = 2;
    const WORTHWHILE_BESIDE_SHA_NI: usize = 7;

    fn nodes(self, children: &[[NodeHash; 2]; N]) -> [NodeHash; N] {
        let mut out = [[0; HASH_SIZE]; N];
        // SAFETY: `self` exists only where the feature has been detected.
        unsafe { nodes(children, &mut out) };
        out.map(NodeHash::from_bytes)
    }

    fn digest_leaves(self, entries: [&[u8; HASH_SIZE]; N]) -> [LeafHash; N] {
        let mut out = [[0; HASH_SIZE]; N];
        // SAFETY: `self` exists only where the feature has been detected.
        unsafe { digest_leaves(entries, &mut out) };
        out.map(LeafHash::from_bytes)
    }

    fn compress(self, states: &mut States<N>, blocks: [&Block; N]) {
        // SAFETY: `self` exists only where the feature has been detected.
        unsafe { compress_states(states, blocks) }
    }
}

#[target_feature(enable = "avx2")]
fn nodes(children: &[[NodeHash; 2]; N], out: &mut [[u8; HASH_SIZE]; N]) {
    let mut lefts = [_mm256_setzero_si256(); N];
    let mut rights = [_mm256_setzero_si256(); N];
    for ((to_left, to_right), [left, right]) in lefts.iter_mut().zip(&mut rights).zip(children) {
        *to_left = swap_bytes(load(left.as_bytes()));
        *to_right = swap_bytes(load(right.as_bytes()));
    }
    store_hashes(
        compress_nodes(both(transpose(lefts), transpose(rights))),
        out,
    );
}

#[target_feature(enable = "avx2")]
fn digest_leaves(entries: [&[u8; HASH_SIZE]; N], out: &mut [[u8; HASH_SIZE]; N]) {
    let mut rows = [_mm256_setzero_si256(); N];
    for (row, entry) in rows.iter_mut().zip(entries) {
        *row = swap_bytes(load(entry));
    }
    store_hashes(compress_digest_leaves(transpose(rows)), out);
}

#[target_feature(enable = "avx2")]
fn compress_states(states: &mut States<N>, blocks: [&Block; N]) {
    let mut lefts = [_mm256_setzero_si256(); N];
    let mut rights = [_mm256_setzero_si256(); N];
    for ((to_left, to_right), block) in lefts.iter_mut().zip(&mut rights).zip(blocks) {
        if let ([left, right], []) = block.as_chunks() {
            *to_left = swap_bytes(load(left));
            *to_right = swap_bytes(load(right));
        }
    }
    let mut state = [_mm256_setzero_si256(); 8];
    for (words, lanes) in state.iter_mut().zip(&*states) {
        *words = load_lanes(lanes);
    }
    for (lanes, words) in states.iter_mut().zip(compress_block(
        state,
        both(transpose(lefts), transpose(rights)),
    )) {
        store_lanes(words, lanes);
    }
}

define_kernels!("avx2");

#[inline]
#[target_feature(enable = "avx2")]
fn both(low: [V; 8], high: [V; 8]) -> [V; 16] {
    let [w0, w1, w2, w3, w4, w5, w6, w7] = low;
    let [w8, w9, w10, w11, w12, w13, w14, w15] = high;
    [
        w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15,
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(half: &[u8; HASH_SIZE]) -> V {
    // SAFETY: the array has the 32 bytes that are read; no alignment is needed.
    unsafe { _mm256_loadu_si256(half.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_lanes(lanes: &[u32; N]) -> V {
    // SAFETY: the array has the 32 bytes that are read; no alignment is needed.
    unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store_lanes(words: V, lanes: &mut [u32; N]) {
    // SAFETY: the array has the 32 bytes that are written; no alignment is needed.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), words) }
}

/// The lanes' hashes from their words.
#[inline]
#[target_feature(enable = "avx2")]
fn store_hashes(words: [V; 8], out: &mut [[u8; HASH_SIZE]; N]) {
    for (to, row) in out.iter_mut().zip(transpose(words)) {
        // SAFETY: the array has the 32 bytes that are written; no alignment is needed.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), swap_bytes(row)) }
    }
}

/// Eight words of eight messages, from message by message to word by word, and back.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose(rows: [V; 8]) -> [V; 8] {
    let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
    let [a0, a1, a2, a3] = transpose_four([r0, r1, r2, r3]);
    let [b0, b1, b2, b3] = transpose_four([r4, r5, r6, r7]);
    let (low, high) = (
        _mm256_permute2x128_si256::<0x20>,
        _mm256_permute2x128_si256::<0x31>,
    );
    [
        low(a0, b0),
        low(a1, b1),
        low(a2, b2),
        low(a3, b3),
        high(a0, b0),
        high(a1, b1),
        high(a2, b2),
        high(a3, b3),
    ]
}

/// In each half of the registers, four words of four rows change places.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose_four([r0, r1, r2, r3]: [V; 4]) -> [V; 4] {
    let (low01, high01) = (_mm256_unpacklo_epi32(r0, r1), _mm256_unpackhi_epi32(r0, r1));
    let (low23, high23) = (_mm256_unpacklo_epi32(r2, r3), _mm256_unpackhi_epi32(r2, r3));
    [
        _mm256_unpacklo_epi64(low01, low23),
        _mm256_unpackhi_epi64(low01, low23),
        _mm256_unpacklo_epi64(high01, high23),
        _mm256_unpackhi_epi64(high01, high23),
    ]
}

/// From big-endian words to the CPU's, and back.
#[inline]
#[target_feature(enable = "avx2")]
fn swap_bytes(words: V) -> V {
    let (high, low) = (0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    _mm256_shuffle_epi8(words, _mm256_set_epi64x(high, low, high, low))
}

#[inline]
#[target_feature(enable = "avx2")]
fn splat(word: u32) -> V {
    _mm256_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx2")]
fn add(a: V, b: V) -> V {
    _mm256_add_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn or(a: V, b: V) -> V {
    _mm256_or_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn shr<const BY: i32>(a: V) -> V {
    _mm256_srli_epi32::<BY>(a)
}

#[inline]
#[target_feature(enable = "avx2")]
fn shl<const BY: i32>(a: V) -> V {
    _mm256_slli_epi32::<BY>(a)
}

/// Rotates right by `RIGHT`, which is left by `LEFT` = 32 - `RIGHT`.
#[inline]
#[target_feature(enable = "avx2")]
fn ror<const RIGHT: i32, const LEFT: i32>(a: V) -> V {
    or(shr::<RIGHT>(a), shl::<LEFT>(a))
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor3(a: V, b: V, c: V) -> V {
    _mm256_xor_si256(_mm256_xor_si256(a, b), c)
}

/// Where `a` has a 1 the bit of `b`, otherwise that of `c`.
#[inline]
#[target_feature(enable = "avx2")]
fn choose(a: V, b: V, c: V) -> V {
    _mm256_xor_si256(_mm256_and_si256(_mm256_xor_si256(b, c), a), c)
}

#[inline]
#[target_feature(enable = "avx2")]
fn majority(a: V, b: V, c: V) -> V {
    _mm256_or_si256(
        _mm256_and_si256(a, b),
        _mm256_and_si256(_mm256_or_si256(a, b), c),
    )
}

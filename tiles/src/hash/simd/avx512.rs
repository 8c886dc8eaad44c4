//! Sixteen messages at once, in the lanes of 512-bit registers.

use std::arch::x86_64::{
    __m256i, __m512i, _mm256_loadu_si256, _mm256_storeu_si256, _mm512_add_epi32,
    _mm512_castsi256_si512, _mm512_castsi512_si256, _mm512_extracti64x4_epi64, _mm512_inserti64x4,
    _mm512_loadu_si512, _mm512_or_si512, _mm512_ror_epi32, _mm512_set_epi64, _mm512_set1_epi32,
    _mm512_setzero_si512, _mm512_shuffle_epi8, _mm512_shuffle_i32x4, _mm512_slli_epi32,
    _mm512_srli_epi32, _mm512_storeu_si512, _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use super::{
    DIGEST_LEAF_BITS, NODE_BITS, NODE_PREFIX_WORD, PADDING_AFTER_ONE_BYTE, ROUND_CONSTANTS,
    compress, define_kernels, extending_round, round, sixteen_rounds,
};
use crate::hash::batch::{Lanes, States};
use crate::hash::message::{Block, INITIAL};
use crate::hash::{HASH_SIZE, LeafHash, NodeHash};

/// One word of each of sixteen messages.
type V = __m512i;

const N: usize = 16;

/// The CPU has AVX-512 F and BW, and the operating system keeps their registers.
#[derive(Clone, Copy, Debug)]
pub(in crate::hash) struct Avx512(());

impl Avx512 {
    pub(in crate::hash) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw"))
            .then_some(Self(()))
    }
}

impl Lanes<N> for Avx512 {
    const WORTHWHILE: usize = 2;
    const WORTHWHILE_BESIDE_SHA_NI: usize = 14;

    fn nodes(self, children: &[[NodeHash; 2]; N]) -> [NodeHash; N] {
        let mut out = [[0; HASH_SIZE]; N];
        // SAFETY: `self` exists only where the features have been detected.
        unsafe { nodes(children, &mut out) };
        out.map(NodeHash::from_bytes)
    }

    fn digest_leaves(self, entries: [&[u8; HASH_SIZE]; N]) -> [LeafHash; N] {
        let mut out = [[0; HASH_SIZE]; N];
        // SAFETY: `self` exists only where the features have been detected.
        unsafe { digest_leaves(entries, &mut out) };
        out.map(LeafHash::from_bytes)
    }

    fn compress(self, states: &mut States<N>, blocks: [&Block; N]) {
        // SAFETY: `self` exists only where the features have been detected.
        unsafe { compress_states(states, blocks) }
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn nodes(children: &[[NodeHash; 2]; N], out: &mut [[u8; HASH_SIZE]; N]) {
    let mut rows = [_mm512_setzero_si512(); N];
    for (row, [left, right]) in rows.iter_mut().zip(children) {
        *row = swap_bytes(_mm512_inserti64x4::<1>(
            _mm512_castsi256_si512(load_half(left.as_bytes())),
            load_half(right.as_bytes()),
        ));
    }
    store_hashes(compress_nodes(transpose(rows)), out);
}

#[target_feature(enable = "avx512f,avx512bw")]
fn digest_leaves(entries: [&[u8; HASH_SIZE]; N], out: &mut [[u8; HASH_SIZE]; N]) {
    let mut rows = [_mm512_setzero_si512(); N];
    for (row, entry) in rows.iter_mut().zip(entries) {
        *row = swap_bytes(_mm512_castsi256_si512(load_half(entry)));
    }
    let [e0, e1, e2, e3, e4, e5, e6, e7, ..] = transpose(rows);
    store_hashes(
        compress_digest_leaves([e0, e1, e2, e3, e4, e5, e6, e7]),
        out,
    );
}

#[target_feature(enable = "avx512f,avx512bw")]
fn compress_states(states: &mut States<N>, blocks: [&Block; N]) {
    let mut rows = [_mm512_setzero_si512(); N];
    for (row, block) in rows.iter_mut().zip(blocks) {
        *row = swap_bytes(load(block));
    }
    let mut state = [_mm512_setzero_si512(); 8];
    for (words, lanes) in state.iter_mut().zip(&*states) {
        *words = load_lanes(lanes);
    }
    for (lanes, words) in states
        .iter_mut()
        .zip(compress_block(state, transpose(rows)))
    {
        store_lanes(words, lanes);
    }
}

define_kernels!("avx512f,avx512bw");

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(block: &Block) -> V {
    // SAFETY: the array has the 64 bytes that are read; no alignment is needed.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_half(half: &[u8; HASH_SIZE]) -> __m256i {
    // SAFETY: the array has the 32 bytes that are read; no alignment is needed.
    unsafe { _mm256_loadu_si256(half.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_lanes(lanes: &[u32; N]) -> V {
    // SAFETY: the array has the 64 bytes that are read; no alignment is needed.
    unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn store_lanes(words: V, lanes: &mut [u32; N]) {
    // SAFETY: the array has the 64 bytes that are written; no alignment is needed.
    unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), words) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn store_half(words: __m256i, half: &mut [u8; HASH_SIZE]) {
    // SAFETY: the array has the 32 bytes that are written; no alignment is needed.
    unsafe { _mm256_storeu_si256(half.as_mut_ptr().cast(), words) }
}

/// The lanes' hashes from their words.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn store_hashes(words: [V; 8], out: &mut [[u8; HASH_SIZE]; N]) {
    let [w0, w1, w2, w3, w4, w5, w6, w7] = words;
    let [low0, low1, low2, low3] = transpose_four([
        swap_bytes(w0),
        swap_bytes(w1),
        swap_bytes(w2),
        swap_bytes(w3),
    ]);
    let [high0, high1, high2, high3] = transpose_four([
        swap_bytes(w4),
        swap_bytes(w5),
        swap_bytes(w6),
        swap_bytes(w7),
    ]);
    let pairs = [(low0, high0), (low1, high1), (low2, high2), (low3, high3)];
    let (first, rest) = out.split_at_mut(4);
    let (second, rest) = rest.split_at_mut(4);
    let (third, fourth) = rest.split_at_mut(4);
    let places = first
        .iter_mut()
        .zip(second)
        .zip(third.iter_mut().zip(fourth));
    for ((low, high), ((to0, to4), (to8, to12))) in pairs.into_iter().zip(places) {
        // The even quarters of both, then the odd ones, each with its other half beside it.
        let even = _mm512_shuffle_i32x4::<0b10_00_10_00>(low, high);
        let odd = _mm512_shuffle_i32x4::<0b11_01_11_01>(low, high);
        let even = _mm512_shuffle_i32x4::<0b11_01_10_00>(even, even);
        let odd = _mm512_shuffle_i32x4::<0b11_01_10_00>(odd, odd);
        store_half(_mm512_castsi512_si256(even), to0);
        store_half(_mm512_castsi512_si256(odd), to4);
        store_half(_mm512_extracti64x4_epi64::<1>(even), to8);
        store_half(_mm512_extracti64x4_epi64::<1>(odd), to12);
    }
}

/// Sixteen words of sixteen messages, from message by message to word by word.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn transpose(rows: [V; 16]) -> [V; 16] {
    let [
        r0,
        r1,
        r2,
        r3,
        r4,
        r5,
        r6,
        r7,
        r8,
        r9,
        r10,
        r11,
        r12,
        r13,
        r14,
        r15,
    ] = rows;
    let [a0, a1, a2, a3] = transpose_four([r0, r1, r2, r3]);
    let [b0, b1, b2, b3] = transpose_four([r4, r5, r6, r7]);
    let [c0, c1, c2, c3] = transpose_four([r8, r9, r10, r11]);
    let [d0, d1, d2, d3] = transpose_four([r12, r13, r14, r15]);
    let [w0, w4, w8, w12] = transpose_quarters(a0, b0, c0, d0);
    let [w1, w5, w9, w13] = transpose_quarters(a1, b1, c1, d1);
    let [w2, w6, w10, w14] = transpose_quarters(a2, b2, c2, d2);
    let [w3, w7, w11, w15] = transpose_quarters(a3, b3, c3, d3);
    [
        w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15,
    ]
}

/// In each quarter of the registers, four words of four rows change places.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn transpose_four([r0, r1, r2, r3]: [V; 4]) -> [V; 4] {
    let (low01, high01) = (_mm512_unpacklo_epi32(r0, r1), _mm512_unpackhi_epi32(r0, r1));
    let (low23, high23) = (_mm512_unpacklo_epi32(r2, r3), _mm512_unpackhi_epi32(r2, r3));
    [
        _mm512_unpacklo_epi64(low01, low23),
        _mm512_unpackhi_epi64(low01, low23),
        _mm512_unpacklo_epi64(high01, high23),
        _mm512_unpackhi_epi64(high01, high23),
    ]
}

/// The four quarters of four registers change places.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn transpose_quarters(a: V, b: V, c: V, d: V) -> [V; 4] {
    let (even_ab, odd_ab) = (
        _mm512_shuffle_i32x4::<0b10_00_10_00>(a, b),
        _mm512_shuffle_i32x4::<0b11_01_11_01>(a, b),
    );
    let (even_cd, odd_cd) = (
        _mm512_shuffle_i32x4::<0b10_00_10_00>(c, d),
        _mm512_shuffle_i32x4::<0b11_01_11_01>(c, d),
    );
    [
        _mm512_shuffle_i32x4::<0b10_00_10_00>(even_ab, even_cd),
        _mm512_shuffle_i32x4::<0b10_00_10_00>(odd_ab, odd_cd),
        _mm512_shuffle_i32x4::<0b11_01_11_01>(even_ab, even_cd),
        _mm512_shuffle_i32x4::<0b11_01_11_01>(odd_ab, odd_cd),
    ]
}

/// From big-endian words to the CPU's, and back.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn swap_bytes(words: V) -> V {
    let (high, low) = (0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    _mm512_shuffle_epi8(
        words,
        _mm512_set_epi64(high, low, high, low, high, low, high, low),
    )
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn splat(word: u32) -> V {
    _mm512_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn add(a: V, b: V) -> V {
    _mm512_add_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn or(a: V, b: V) -> V {
    _mm512_or_si512(a, b)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn shr<const BY: u32>(a: V) -> V {
    _mm512_srli_epi32::<BY>(a)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn shl<const BY: u32>(a: V) -> V {
    _mm512_slli_epi32::<BY>(a)
}

/// Rotates right by `RIGHT`, which is left by `LEFT` = 32 - `RIGHT`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn ror<const RIGHT: i32, const LEFT: i32>(a: V) -> V {
    _mm512_ror_epi32::<RIGHT>(a)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn xor3(a: V, b: V, c: V) -> V {
    _mm512_ternarylogic_epi32::<0b1001_0110>(a, b, c)
}

/// Where `a` has a 1 the bit of `b`, otherwise that of `c`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn choose(a: V, b: V, c: V) -> V {
    _mm512_ternarylogic_epi32::<0b1100_1010>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn majority(a: V, b: V, c: V) -> V {
    _mm512_ternarylogic_epi32::<0b1110_1000>(a, b, c)
}

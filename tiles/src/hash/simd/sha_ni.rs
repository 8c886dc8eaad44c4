//! Two messages side by side, by the CPU's SHA instructions: the second one's instructions fill the time that the first one's take.

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_loadu_si128, _mm_set_epi32,
    _mm_set_epi64x, _mm_setzero_si128, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32,
    _mm_sha256rnds2_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32, _mm_storeu_si128,
};

use super::{DIGEST_LEAF_BITS, NODE_BITS, NODE_PREFIX, PADDING, ROUND_CONSTANTS};
use crate::hash::batch::{Lanes, States};
use crate::hash::message::{Block, INITIAL};
use crate::hash::{HASH_SIZE, LeafHash, NodeHash};

/// Four words of one message.
type V = __m128i;

const N: usize = 2;

/// The CPU has the SHA extensions, SSE4.1 and SSSE3.
#[derive(Clone, Copy, Debug)]
pub(in crate::hash) struct ShaNi(());

impl ShaNi {
    pub(in crate::hash) fn detect() -> Option<Self> {
        let detected = is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("sse4.1")
            && is_x86_feature_detected!("ssse3");
        detected.then_some(Self(()))
    }
}

impl Lanes<N> for ShaNi {
    const WORTHWHILE: usize = 1;
    const WORTHWHILE_BESIDE_SHA_NI: usize = 1;

    fn nodes(self, [first, second]: &[[NodeHash; 2]; N]) -> [NodeHash; N] {
        // SAFETY: `self` exists only where the features have been detected.
        unsafe { nodes(first, second) }.map(NodeHash::from_bytes)
    }

    fn digest_leaves(self, [first, second]: [&[u8; HASH_SIZE]; N]) -> [LeafHash; N] {
        // SAFETY: `self` exists only where the features have been detected.
        unsafe { digest_leaves(first, second) }.map(LeafHash::from_bytes)
    }

    fn compress(self, states: &mut States<N>, [first, second]: [&Block; N]) {
        // SAFETY: `self` exists only where the features have been detected.
        unsafe { compress_states(states, first, second) }
    }
}

#[target_feature(enable = "sha,sse4.1,ssse3")]
fn nodes(first: &[NodeHash; 2], second: &[NodeHash; 2]) -> [[u8; HASH_SIZE]; N] {
    let (first, first_end) = node_words(first);
    let (second, second_end) = node_words(second);
    let middle = compress([State::initial(), State::initial()], [first, second]);
    let [first, second] = compress(middle, [first_end, second_end]);
    [first.hash(), second.hash()]
}

#[target_feature(enable = "sha,sse4.1,ssse3")]
fn digest_leaves(first: &[u8; HASH_SIZE], second: &[u8; HASH_SIZE]) -> [[u8; HASH_SIZE]; N] {
    let words = [digest_leaf_words(first), digest_leaf_words(second)];
    let [first, second] = compress([State::initial(), State::initial()], words);
    [first.hash(), second.hash()]
}

#[target_feature(enable = "sha,sse4.1,ssse3")]
fn compress_states(states: &mut States<N>, first: &Block, second: &Block) {
    let [a, b, c, d, e, f, g, h] = *states;
    let before = [
        State::new([a[0], b[0], c[0], d[0], e[0], f[0], g[0], h[0]]),
        State::new([a[1], b[1], c[1], d[1], e[1], f[1], g[1], h[1]]),
    ];
    let [first, second] = compress(before, [block_words(first), block_words(second)]);
    for ((lanes, first), second) in states.iter_mut().zip(first.words()).zip(second.words()) {
        *lanes = [first, second];
    }
}

/// The eight words of one hash in the making, as the instructions want them.
#[derive(Clone, Copy)]
struct State {
    abef: V,
    cdgh: V,
}

impl State {
    #[inline]
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    fn new(words: [u32; 8]) -> Self {
        let [a, b, c, d, e, f, g, h] = words.map(u32::cast_signed);
        Self {
            abef: _mm_set_epi32(a, b, e, f),
            cdgh: _mm_set_epi32(c, d, g, h),
        }
    }

    #[inline]
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    fn initial() -> Self {
        Self::new(INITIAL)
    }

    /// The words in their order: a to d, e to h.
    #[inline]
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    fn halves(self) -> [V; 2] {
        let feba = _mm_shuffle_epi32::<0b00_01_10_11>(self.abef);
        let dchg = _mm_shuffle_epi32::<0b10_11_00_01>(self.cdgh);
        [
            _mm_blend_epi16::<0b1111_0000>(feba, dchg),
            _mm_alignr_epi8::<8>(dchg, feba),
        ]
    }

    #[inline]
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    fn hash(self) -> [u8; HASH_SIZE] {
        let [low, high] = self.halves();
        bytes_of(swap_bytes(low), swap_bytes(high))
    }

    #[inline]
    #[target_feature(enable = "sha,sse4.1,ssse3")]
    fn words(self) -> [u32; 8] {
        let [low, high] = self.halves();
        let bytes = bytes_of(low, high);
        let (words, _) = bytes.as_chunks::<4>();
        let mut out = [0; 8];
        for (out, word) in out.iter_mut().zip(words) {
            *out = u32::from_le_bytes(*word);
        }
        out
    }
}

/// One block into each of two hashes.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn compress(states: [State; N], words: [[V; 4]; N]) -> [State; N] {
    let [
        State {
            abef: mut ab0,
            cdgh: mut cd0,
        },
        State {
            abef: mut ab1,
            cdgh: mut cd1,
        },
    ] = states;
    let [
        [mut m0, mut m1, mut m2, mut m3],
        [mut n0, mut n1, mut n2, mut n3],
    ] = words;

    macro_rules! four_rounds {
        ($k:expr, $m:ident, $n:ident) => {
            let (m, n) = (_mm_add_epi32($m, $k), _mm_add_epi32($n, $k));
            cd0 = _mm_sha256rnds2_epu32(cd0, ab0, m);
            cd1 = _mm_sha256rnds2_epu32(cd1, ab1, n);
            ab0 = _mm_sha256rnds2_epu32(ab0, cd0, _mm_shuffle_epi32::<0b00_00_11_10>(m));
            ab1 = _mm_sha256rnds2_epu32(ab1, cd1, _mm_shuffle_epi32::<0b00_00_11_10>(n));
        };
    }
    macro_rules! sixteen_rounds {
        ($k:expr) => {
            let [k0, k1, k2, k3] = constants($k);
            four_rounds!(k0, m0, n0);
            four_rounds!(k1, m1, n1);
            four_rounds!(k2, m2, n2);
            four_rounds!(k3, m3, n3);
        };
    }
    macro_rules! sixteen_rounds_and_extend {
        ($k:expr) => {
            let [k0, k1, k2, k3] = constants($k);
            four_rounds!(k0, m0, n0);
            (m0, n0) = (extend(m0, m1, m2, m3), extend(n0, n1, n2, n3));
            four_rounds!(k1, m1, n1);
            (m1, n1) = (extend(m1, m2, m3, m0), extend(n1, n2, n3, n0));
            four_rounds!(k2, m2, n2);
            (m2, n2) = (extend(m2, m3, m0, m1), extend(n2, n3, n0, n1));
            four_rounds!(k3, m3, n3);
            (m3, n3) = (extend(m3, m0, m1, m2), extend(n3, n0, n1, n2));
        };
    }
    let [k0, k1, k2, k3] = &ROUND_CONSTANTS;
    sixteen_rounds_and_extend!(k0);
    sixteen_rounds_and_extend!(k1);
    sixteen_rounds_and_extend!(k2);
    sixteen_rounds!(k3);
    let [first, second] = states;
    [
        State {
            abef: _mm_add_epi32(first.abef, ab0),
            cdgh: _mm_add_epi32(first.cdgh, cd0),
        },
        State {
            abef: _mm_add_epi32(second.abef, ab1),
            cdgh: _mm_add_epi32(second.cdgh, cd1),
        },
    ]
}

/// The next four words of the message schedule after these sixteen.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn extend(w0: V, w1: V, w2: V, w3: V) -> V {
    let sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8::<4>(w3, w2));
    _mm_sha256msg2_epu32(sum, w3)
}

#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn constants(k: &[u32; 16]) -> [V; 4] {
    let [
        k0,
        k1,
        k2,
        k3,
        k4,
        k5,
        k6,
        k7,
        k8,
        k9,
        k10,
        k11,
        k12,
        k13,
        k14,
        k15,
    ] = k.map(u32::cast_signed);
    [
        _mm_set_epi32(k3, k2, k1, k0),
        _mm_set_epi32(k7, k6, k5, k4),
        _mm_set_epi32(k11, k10, k9, k8),
        _mm_set_epi32(k15, k14, k13, k12),
    ]
}

/// The two blocks of a node.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn node_words([left, right]: &[NodeHash; 2]) -> ([V; 4], [V; 4]) {
    let ([c0, c1], [c2, c3]) = (load(left.as_bytes()), load(right.as_bytes()));
    let prefix = _mm_set_epi64x(i64::from(NODE_PREFIX) << 56, 0);
    // The prefix moves everything by one byte.
    let first = [
        swap_bytes(_mm_alignr_epi8::<15>(c0, prefix)),
        swap_bytes(_mm_alignr_epi8::<15>(c1, c0)),
        swap_bytes(_mm_alignr_epi8::<15>(c2, c1)),
        swap_bytes(_mm_alignr_epi8::<15>(c3, c2)),
    ];
    let zero = _mm_setzero_si128();
    let second = [
        swap_bytes(_mm_alignr_epi8::<15>(padding(), c3)),
        zero,
        zero,
        length(NODE_BITS),
    ];
    (first, second)
}

/// The only block of a leaf whose entry is a digest.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn digest_leaf_words(entry: &[u8; HASH_SIZE]) -> [V; 4] {
    let [e0, e1] = load(entry);
    [
        swap_bytes(_mm_alignr_epi8::<15>(e0, _mm_setzero_si128())),
        swap_bytes(_mm_alignr_epi8::<15>(e1, e0)),
        swap_bytes(_mm_alignr_epi8::<15>(padding(), e1)),
        length(DIGEST_LEAF_BITS),
    ]
}

#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn block_words(block: &Block) -> [V; 4] {
    let ([left, right], []) = block.as_chunks::<HASH_SIZE>() else {
        return [_mm_setzero_si128(); 4];
    };
    let ([w0, w1], [w2, w3]) = (load(left), load(right));
    [
        swap_bytes(w0),
        swap_bytes(w1),
        swap_bytes(w2),
        swap_bytes(w3),
    ]
}

/// The bit 1 that ends a message, and zeros.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn padding() -> V {
    _mm_set_epi64x(0, i64::from(PADDING))
}

/// The last four words of a message of less than 2^32 bits.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn length(bits: u32) -> V {
    _mm_set_epi32(bits.cast_signed(), 0, 0, 0)
}

/// From big-endian words to the CPU's, and back.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn swap_bytes(words: V) -> V {
    _mm_shuffle_epi8(
        words,
        _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203),
    )
}

#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn load(half: &[u8; HASH_SIZE]) -> [V; 2] {
    let from = half.as_ptr().cast::<V>();
    // SAFETY: the array has the two times 16 bytes that are read; no alignment is needed.
    unsafe { [_mm_loadu_si128(from), _mm_loadu_si128(from.add(1))] }
}

#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3")]
fn bytes_of(low: V, high: V) -> [u8; HASH_SIZE] {
    let mut bytes = [0; HASH_SIZE];
    let to = bytes.as_mut_ptr().cast::<V>();
    // SAFETY: the array has the two times 16 bytes that are written; no alignment is needed.
    unsafe {
        _mm_storeu_si128(to, low);
        _mm_storeu_si128(to.add(1), high);
    }
    bytes
}

//! SHA-256 of several messages at once, one in each lane of wide registers, and by the CPU's SHA instructions.
//!
//! FIPS 180-4 section 6.2 gives the algorithm. The only `unsafe` code of the workspace is in this module and the three files below it:
//! calls of functions that need CPU features, each made through a value that exists only where the CPU has been asked,
//! and loads and stores of whole registers, each from or to an array of exactly that size.
#![expect(
    unsafe_code,
    reason = "vector loads, stores and calls by CPU feature have no safe form"
)]
#![expect(
    clippy::cast_ptr_alignment,
    reason = "the loads and stores of these pointers need no alignment"
)]
#![expect(
    clippy::large_types_passed_by_value,
    reason = "these arrays are registers: the functions are inlined"
)]
#![expect(
    clippy::many_single_char_names,
    reason = "a to h are the names of FIPS 180-4"
)]

mod avx2;
mod avx512;
mod sha_ni;

use super::message::{NODE_BITS, NODE_PREFIX, PADDING};
pub(super) use avx2::Avx2;
pub(super) use avx512::Avx512;
pub(super) use sha_ni::ShaNi;

/// FIPS 180-4 section 4.2.2: the constants of the 64 rounds.
#[rustfmt::skip]
const ROUND_CONSTANTS: [[u32; 16]; 4] = [
    [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
        0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    ],
    [
        0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    ],
    [
        0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
        0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    ],
    [
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ],
];

/// The bits of a leaf whose entry is a digest: its prefix and 32 bytes, in one block.
const DIGEST_LEAF_BITS: u32 = (1 + 32) * 8;

/// What follows the last byte of a message in its word.
const PADDING_AFTER_ONE_BYTE: u32 = u32::from_be_bytes([0, PADDING, 0, 0]);

/// The first byte of a node, in its first word.
const NODE_PREFIX_WORD: u32 = u32::from_be_bytes([NODE_PREFIX, 0, 0, 0]);

/// The compression function of FIPS 180-4 section 6.2.2 on whole registers, each lane a message of its own: the state after the block `$w`.
///
/// Uses the operations `add`, `ror`, `shr`, `xor3`, `choose`, `majority` and `splat` of the place of use. A macro and not a function,
/// because a block that is mostly constant is to be compiled as such: most of a node's second block is padding.
macro_rules! compress {
    ($state:expr, $w:expr) => {{
        let state = $state;
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
        let [mut w0, mut w1, mut w2, mut w3, mut w4, mut w5, mut w6, mut w7, mut w8, mut w9, mut w10, mut w11, mut w12, mut w13, mut w14, mut w15] = $w;
        let [k0, k1, k2, k3] = &ROUND_CONSTANTS;
        sixteen_rounds!(round, k0, a b c d e f g h, w0 w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 w11 w12 w13 w14 w15);
        sixteen_rounds!(extending_round, k1, a b c d e f g h, w0 w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 w11 w12 w13 w14 w15);
        sixteen_rounds!(extending_round, k2, a b c d e f g h, w0 w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 w11 w12 w13 w14 w15);
        sixteen_rounds!(extending_round, k3, a b c d e f g h, w0 w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 w11 w12 w13 w14 w15);
        let [s0, s1, s2, s3, s4, s5, s6, s7] = state;
        [add(s0, a), add(s1, b), add(s2, c), add(s3, d), add(s4, e), add(s5, f), add(s6, g), add(s7, h)]
    }};
}

macro_rules! sixteen_rounds {
    (
        $round:ident, $k:ident, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident,
        $w0:ident $w1:ident $w2:ident $w3:ident $w4:ident $w5:ident $w6:ident $w7:ident
        $w8:ident $w9:ident $w10:ident $w11:ident $w12:ident $w13:ident $w14:ident $w15:ident
    ) => {
        $round!($k[0], $a $b $c $d $e $f $g $h, $w0 $w1 $w9 $w14);
        $round!($k[1], $h $a $b $c $d $e $f $g, $w1 $w2 $w10 $w15);
        $round!($k[2], $g $h $a $b $c $d $e $f, $w2 $w3 $w11 $w0);
        $round!($k[3], $f $g $h $a $b $c $d $e, $w3 $w4 $w12 $w1);
        $round!($k[4], $e $f $g $h $a $b $c $d, $w4 $w5 $w13 $w2);
        $round!($k[5], $d $e $f $g $h $a $b $c, $w5 $w6 $w14 $w3);
        $round!($k[6], $c $d $e $f $g $h $a $b, $w6 $w7 $w15 $w4);
        $round!($k[7], $b $c $d $e $f $g $h $a, $w7 $w8 $w0 $w5);
        $round!($k[8], $a $b $c $d $e $f $g $h, $w8 $w9 $w1 $w6);
        $round!($k[9], $h $a $b $c $d $e $f $g, $w9 $w10 $w2 $w7);
        $round!($k[10], $g $h $a $b $c $d $e $f, $w10 $w11 $w3 $w8);
        $round!($k[11], $f $g $h $a $b $c $d $e, $w11 $w12 $w4 $w9);
        $round!($k[12], $e $f $g $h $a $b $c $d, $w12 $w13 $w5 $w10);
        $round!($k[13], $d $e $f $g $h $a $b $c, $w13 $w14 $w6 $w11);
        $round!($k[14], $c $d $e $f $g $h $a $b, $w14 $w15 $w7 $w12);
        $round!($k[15], $b $c $d $e $f $g $h $a, $w15 $w0 $w8 $w13);
    };
}

/// A round after the first sixteen: its word comes from those 16, 15, 7 and 2 rounds before, and takes the place of the first of them.
macro_rules! extending_round {
    ($k:expr, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $w:ident $w1:ident $w9:ident $w14:ident) => {
        let sigma0 = xor3(ror::<7, 25>($w1), ror::<18, 14>($w1), shr::<3>($w1));
        let sigma1 = xor3(ror::<17, 15>($w14), ror::<19, 13>($w14), shr::<10>($w14));
        $w = add(add($w, sigma0), add($w9, sigma1));
        round!($k, $a $b $c $d $e $f $g $h, $w $w1 $w9 $w14);
    };
}

/// One round: the eight working variables come under the names that they have in this round.
macro_rules! round {
    ($k:expr, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $w:ident $w1:ident $w9:ident $w14:ident) => {
        let sum1 = xor3(ror::<6, 26>($e), ror::<11, 21>($e), ror::<25, 7>($e));
        let sum0 = xor3(ror::<2, 30>($a), ror::<13, 19>($a), ror::<22, 10>($a));
        let t1 = add(add(add($h, add(splat($k), $w)), choose($e, $f, $g)), sum1);
        $d = add($d, t1);
        $h = add(add(t1, majority($a, $b, $c)), sum0);
    };
}

/// Functions on whole registers, each lane a message of its own, for the place of use with the operations that [`compress`] needs and `or` and `shl`.
macro_rules! define_kernels {
    ($feature:literal) => {
        #[inline]
        #[target_feature(enable = $feature)]
        fn compress_block(state: [V; 8], words: [V; 16]) -> [V; 8] {
            compress!(state, words)
        }

        /// The hashes of the nodes whose two children are the words of `children`.
        #[inline]
        #[target_feature(enable = $feature)]
        fn compress_nodes(children: [V; 16]) -> [V; 8] {
            let [
                c0,
                c1,
                c2,
                c3,
                c4,
                c5,
                c6,
                c7,
                c8,
                c9,
                c10,
                c11,
                c12,
                c13,
                c14,
                c15,
            ] = children;
            // The prefix moves everything by one byte: each word has the last byte of one word of the children and three of the next.
            let first = [
                or(splat(NODE_PREFIX_WORD), shr::<8>(c0)),
                join(c0, c1),
                join(c1, c2),
                join(c2, c3),
                join(c3, c4),
                join(c4, c5),
                join(c5, c6),
                join(c6, c7),
                join(c7, c8),
                join(c8, c9),
                join(c9, c10),
                join(c10, c11),
                join(c11, c12),
                join(c12, c13),
                join(c13, c14),
                join(c14, c15),
            ];
            let middle = compress!(splat_all(INITIAL), first);
            let zero = splat(0);
            let second = [
                or(shl::<24>(c15), splat(PADDING_AFTER_ONE_BYTE)),
                zero,
                zero,
                zero,
                zero,
                zero,
                zero,
                zero,
                zero,
                zero,
                zero,
                zero,
                zero,
                zero,
                zero,
                splat(NODE_BITS),
            ];
            compress!(middle, second)
        }

        /// The hashes of the leaves whose entries are the words of `entries`.
        #[inline]
        #[target_feature(enable = $feature)]
        fn compress_digest_leaves(entries: [V; 8]) -> [V; 8] {
            let [e0, e1, e2, e3, e4, e5, e6, e7] = entries;
            let zero = splat(0);
            let only = [
                shr::<8>(e0),
                join(e0, e1),
                join(e1, e2),
                join(e2, e3),
                join(e3, e4),
                join(e4, e5),
                join(e5, e6),
                join(e6, e7),
                or(shl::<24>(e7), splat(PADDING_AFTER_ONE_BYTE)),
                zero,
                zero,
                zero,
                zero,
                zero,
                zero,
                splat(DIGEST_LEAF_BITS),
            ];
            compress!(splat_all(INITIAL), only)
        }

        /// The last byte of each lane's `left`, then the first three of its `right`.
        #[inline]
        #[target_feature(enable = $feature)]
        fn join(left: V, right: V) -> V {
            or(shl::<24>(left), shr::<8>(right))
        }

        #[inline]
        #[target_feature(enable = $feature)]
        fn splat_all(words: [u32; 8]) -> [V; 8] {
            let [w0, w1, w2, w3, w4, w5, w6, w7] = words;
            [
                splat(w0),
                splat(w1),
                splat(w2),
                splat(w3),
                splat(w4),
                splat(w5),
                splat(w6),
                splat(w7),
            ]
        }
    };
}
use {compress, define_kernels, extending_round, round, sixteen_rounds};

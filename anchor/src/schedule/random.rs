//! Jitter without a source of randomness: the same from the same numbers.

/// A number below `bound`, from the numbers; 0 where the bound is.
pub(super) fn below(numbers: &[u64], bound: u64) -> u64 {
    let product = u128::from(mix(numbers)) * u128::from(bound);
    // The high half of the product: as good as even.
    u64::try_from(product >> 64).unwrap_or(0)
}

/// A share, from 0 up to 1, from the numbers.
pub(super) fn share(numbers: &[u64]) -> f64 {
    let bits = u32::try_from(mix(numbers) >> 32).unwrap_or(0);
    f64::from(bits) / 4_294_967_296.0
}

/// The finaliser of `SplitMix64` over each number in turn: neighbouring numbers give unrelated ones.
fn mix(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0, |state: u64, number| {
        let mut z = state
            .wrapping_add(*number)
            .wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

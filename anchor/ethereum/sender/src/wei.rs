//! Amounts: money and gas, kept apart by type.

use core::fmt;

/// The digits after the point of an ether.
const ETHER_DECIMALS: usize = 18;

/// The digits after the point of a gwei, in which fees by gas are told.
const GWEI_DECIMALS: usize = 9;

/// An amount of the chain's money, in its smallest unit; as a fee, by gas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wei(u128);

impl Wei {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many wei.
    pub const fn new(wei: u128) -> Self {
        Self(wei)
    }

    /// So many gwei.
    pub const fn from_gwei(gwei: u64) -> Self {
        // 2^64 * 10^9 is less than 2^128.
        Self((gwei as u128).saturating_mul(1_000_000_000))
    }

    /// The number of wei.
    pub const fn get(self) -> u128 {
        self.0
    }

    /// The sum, or the most there can be.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left, or nothing.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// So many times as much, or the most there can be.
    #[must_use]
    pub const fn times(self, factor: u128) -> Self {
        Self(self.0.saturating_mul(factor))
    }

    /// What so much gas costs at this fee.
    #[must_use]
    pub const fn of_gas(self, gas: Gas) -> Self {
        self.times(gas.0 as u128)
    }

    /// As gwei, exactly: `1.5`.
    pub fn gwei(self) -> String {
        decimal(self.0, GWEI_DECIMALS)
    }

    /// As ether, exactly: `0.000044880002244`.
    pub fn ether(self) -> String {
        decimal(self.0, ETHER_DECIMALS)
    }
}

impl fmt::Display for Wei {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} wei", self.0)
    }
}

/// An amount of gas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gas(u64);

impl Gas {
    /// So much gas.
    pub const fn new(gas: u64) -> Self {
        Self(gas)
    }

    /// The amount.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Gas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} gas", self.0)
    }
}

/// A number with so many digits after the point, without trailing zeros.
fn decimal(number: u128, digits: usize) -> String {
    let text = format!("{number:0>width$}", width = digits.saturating_add(1));
    let (whole, fraction) = text.split_at(text.len().saturating_sub(digits));
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_told_exactly() {
        for (wei, gwei, ether) in [
            (0, "0", "0"),
            (1, "0.000000001", "0.000000000000000001"),
            (1_500_000_000, "1.5", "0.0000000015"),
            (10_u128.pow(18), "1000000000", "1"),
            (22_440 * 2_000_000_100, "44880.002244", "0.000044880002244"),
        ] {
            assert_eq!(Wei::new(wei).gwei(), gwei);
            assert_eq!(Wei::new(wei).ether(), ether);
        }
        assert_eq!(Wei::from_gwei(3).get(), 3_000_000_000);
        assert_eq!(Wei::new(7).of_gas(Gas::new(22_440)).get(), 157_080);
    }

    #[test]
    fn no_sum_overflows() {
        let most = Wei::new(u128::MAX);
        assert_eq!(most.plus(Wei::new(1)), most);
        assert_eq!(most.times(2), most);
        assert_eq!(Wei::ZERO.minus(most), Wei::ZERO);
    }
}

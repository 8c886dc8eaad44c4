//! Where requests come from.

use std::net::{IpAddr, Ipv6Addr};

/// Where a request comes from. Of IPv6, a network of 64 bits is one: whoever has one address has all of them. Behind a reverse
/// proxy all clients are one: what it says of them (`X-Forwarded-For`) anybody else could say, too, and is not read. The operator
/// can let that one have all ([`ClientShare`](crate::config::ClientShare)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source(IpAddr);

impl Source {
    /// All those of whom nothing is known.
    pub const UNKNOWN: Self = Self(IpAddr::V6(Ipv6Addr::UNSPECIFIED));

    /// That of an address.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_one_address_of_a_network_has_all() {
        let of = |text: &str| Source::of(text.parse().unwrap());
        let rows = [
            ("one", "192.0.2.1", "192.0.2.1", true),
            ("neighbours", "192.0.2.1", "192.0.2.2", false),
            ("one, mapped", "192.0.2.1", "::ffff:192.0.2.1", true),
            ("one network", "2001:db8::1", "2001:db8::ffff:0:0:2", true),
            ("two networks", "2001:db8::1", "2001:db8:0:1::1", false),
        ];
        for (name, one, other, same) in rows {
            assert_eq!(of(one) == of(other), same, "{name}");
        }
        assert_ne!(of("192.0.2.1"), Source::UNKNOWN);
    }
}

//! Where a service of a configuration is reached.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use counterfoil_service::config::FrontConfig;
#[cfg(any(feature = "anchor", feature = "witness"))]
use url::Url;

#[cfg(any(feature = "anchor", feature = "witness"))]
use crate::exit::Failure;

/// The URL prefixes of what is served under a path at these addresses, each with its final slash.
pub(crate) fn urls(front: &FrontConfig, addresses: &[SocketAddr], path: &str) -> Vec<String> {
    let scheme = scheme(front);
    let path = path.trim_matches('/');
    let slash = if path.is_empty() { "" } else { "/" };
    addresses
        .iter()
        .map(|address| format!("{scheme}://{address}/{path}{slash}"))
        .collect()
}

/// Where the service of a configuration is reached from its own machine.
#[cfg(any(feature = "anchor", feature = "witness"))]
pub(crate) fn own_url(front: &FrontConfig) -> Result<Url, Failure> {
    let address = front.listen.first();
    let mut address =
        *address.ok_or_else(|| Failure::usage("the configuration listens nowhere"))?;
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let text = format!("{}://{address}/", scheme(front));
    Url::parse(&text).map_err(|error| Failure::usage(format!("{text}: {error}")))
}

fn scheme(front: &FrontConfig) -> &'static str {
    if front.tls.is_some() { "https" } else { "http" }
}

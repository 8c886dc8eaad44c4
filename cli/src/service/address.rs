//! Where a service of a configuration is reached.

use std::net::SocketAddr;

use counterfoil_service::config::FrontConfig;

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

pub(super) fn scheme(front: &FrontConfig) -> &'static str {
    if front.tls.is_some() { "https" } else { "http" }
}

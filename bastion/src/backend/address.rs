//! Where a bastion is.

use std::fmt;
use std::str::FromStr;

use rustls::pki_types::ServerName;

/// The port of HTTPS.
const DEFAULT_PORT: u16 = 443;

/// A bastion's host and port, as in a URL: `bastion.example`, `bastion.example:8443`, `192.0.2.1`, `[2001:db8::1]:443`.
///
/// ```
/// use counterfoil_bastion::backend::BastionAddress;
/// let address: BastionAddress = "bastion.example".parse()?;
/// assert_eq!(address.to_string(), "bastion.example:443");
/// # Ok::<(), counterfoil_bastion::backend::AddressError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BastionAddress {
    /// What its certificate must be for.
    name: ServerName<'static>,
    port: u16,
}

/// The text does not say where a bastion is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} does not say where a bastion is: expected HOST or HOST:PORT, for example bastion.example or [2001:db8::1]:443"
)]
pub struct AddressError {
    text: String,
}

impl BastionAddress {
    pub(super) fn server_name(&self) -> &ServerName<'static> {
        &self.name
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The host, without brackets.
    pub(super) fn host(&self) -> String {
        self.name.to_str().into_owned()
    }

    /// Host and port as they stand in an https URL.
    pub fn authority(&self) -> String {
        match self.port {
            DEFAULT_PORT => self.bracketed_host(),
            _ => self.to_string(),
        }
    }

    fn bracketed_host(&self) -> String {
        let host = self.host();
        if host.contains(':') {
            format!("[{host}]")
        } else {
            host
        }
    }
}

impl FromStr for BastionAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = || AddressError {
            text: text.to_owned(),
        };
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or_else(error)?;
                // Brackets are for IPv6 addresses, which without them could not be told from a port.
                if !host.contains(':') {
                    return Err(error());
                }
                (host, port)
            }
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => DEFAULT_PORT,
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => digits
                .parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(error)?,
            _ => return Err(error()),
        };
        // Names of hosts are the same in either case, and so must be the addresses: one connection a bastion.
        let name = ServerName::try_from(host.to_ascii_lowercase()).map_err(|_| error())?;
        Ok(Self { name, port })
    }
}

impl fmt::Display for BastionAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.bracketed_host(), self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports() {
        let rows = [
            ("bastion.example", "bastion.example:443", "bastion.example"),
            (
                "bastion.example:443",
                "bastion.example:443",
                "bastion.example",
            ),
            (
                "Bastion.Example:8443",
                "bastion.example:8443",
                "bastion.example:8443",
            ),
            ("192.0.2.1", "192.0.2.1:443", "192.0.2.1"),
            ("192.0.2.1:8443", "192.0.2.1:8443", "192.0.2.1:8443"),
            ("[2001:db8::1]", "[2001:db8::1]:443", "[2001:db8::1]"),
            (
                "[2001:DB8::1]:8443",
                "[2001:db8::1]:8443",
                "[2001:db8::1]:8443",
            ),
        ];
        for (text, shown, authority) in rows {
            let address: BastionAddress = text.parse().unwrap();
            assert_eq!(
                (address.to_string(), address.authority()),
                (shown.to_owned(), authority.to_owned())
            );
            assert_eq!(address.to_string().parse(), Ok(address));
        }
    }

    #[test]
    fn texts_that_are_no_address() {
        let rows = [
            "",
            ":443",
            "bastion.example:",
            "bastion.example:0",
            "bastion.example:65536",
            "bastion.example:+1",
            "bastion.example:https",
            "https://bastion.example",
            "bastion.example/",
            "bastion example",
            "2001:db8::1",
            "[2001:db8::1",
            "[2001:db8::1]443",
            "[bastion.example]",
            "[192.0.2.1]:443",
        ];
        for text in rows {
            assert!(text.parse::<BastionAddress>().is_err(), "{text}");
        }
    }
}

//! Where an endpoint is. Whoever sells access to a chain puts the customer's key into the path of the URL, so that of a URL only the
//! scheme, the host and the port are ever shown.

use core::fmt;
use core::str::FromStr;

use url::Url;

/// A text is no URL of an endpoint. The text is not shown: it may hold a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// No URL.
    #[error("expected the URL of an endpoint (https://... or http://...): {0}")]
    Url(#[from] url::ParseError),
    /// Of another scheme.
    #[error("expected a URL of HTTPS or HTTP, found one of {0:?}")]
    Scheme(String),
}

/// The URL of a JSON-RPC endpoint, with the credentials that may be in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
}

impl Endpoint {
    /// All of it: only for sending.
    pub(crate) fn secret(&self) -> &str {
        self.url.as_str()
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let url: Url = text.parse()?;
        match url.scheme() {
            "https" | "http" => Ok(Self { url }),
            other => Err(EndpointError::Scheme(other.to_owned())),
        }
    }
}

/// Scheme, host and port.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url.origin().ascii_serialization())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scheme_host_and_port_are_shown() {
        for (url, shown) in [
            ("https://chain.example", "https://chain.example"),
            ("https://chain.example/v3/s3cret", "https://chain.example"),
            (
                "https://user:s3cret@chain.example:8443/",
                "https://chain.example:8443",
            ),
            (
                "http://127.0.0.1:8545/?key=s3cret#s3cret",
                "http://127.0.0.1:8545",
            ),
        ] {
            let endpoint: Endpoint = url.parse().unwrap();
            assert_eq!(endpoint.to_string(), shown);
            assert!(!format!("{endpoint:?}").contains("s3cret"));
        }
    }

    #[test]
    fn what_is_no_url_is_refused_and_not_shown() {
        for (text, expected) in [
            ("s3cret", "expected the URL of an endpoint"),
            ("https://:s3cret", "expected the URL of an endpoint"),
            (
                "ws://chain.example/s3cret",
                "expected a URL of HTTPS or HTTP, found one of \"ws\"",
            ),
            ("file:///s3cret", "expected a URL of HTTPS or HTTP"),
        ] {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}

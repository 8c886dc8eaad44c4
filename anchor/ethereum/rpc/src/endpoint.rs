//! Where an endpoint is. Whoever sells access to a chain puts the customer's key into the path of the URL, so that of a URL only the
//! scheme, the host and the port are ever shown.

use core::fmt;
use core::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use url::{Url, form_urlencoded};

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

/// What stands in the place of a secret.
const REDACTED: &[u8] = b"...";

/// A shorter part of a URL is no credential, and stands in words that have nothing to do with it.
const MIN_SECRET: usize = 4;

/// The URL of a JSON-RPC endpoint, with the credentials that may be in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
    /// What is never shown, also where the endpoint says it: the longest first.
    secrets: Vec<String>,
}

impl Endpoint {
    /// All of it: only for sending.
    pub(crate) fn secret(&self) -> &str {
        self.url.as_str()
    }

    /// The beginning of what the endpoint says, without the secrets of its URL: many a server names in an error what it was asked for.
    pub(crate) fn redacted(&self, said: &[u8], most: usize) -> Vec<u8> {
        let (mut redacted, mut rest) = (Vec::new(), said);
        while redacted.len() < most
            && let Some((first, after)) = rest.split_first()
        {
            let secret = self.secrets.iter().find(|secret| {
                let beginning = rest.get(..secret.len());
                beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(secret.as_bytes()))
            });
            rest = if let Some(secret) = secret {
                redacted.extend_from_slice(REDACTED);
                rest.get(secret.len()..).unwrap_or_default()
            } else {
                redacted.push(*first);
                after
            };
        }
        redacted
    }
}

/// The path, the query, the user and the password: whole, in their parts, and as they are in the request.
fn secrets_of(url: &Url) -> Vec<String> {
    let (path, query) = (url.path(), url.query().unwrap_or_default());
    let (user, password) = (url.username(), url.password().unwrap_or_default());
    let mut secrets = vec![
        path.to_owned(),
        query.to_owned(),
        user.to_owned(),
        password.to_owned(),
        decoded(user),
        decoded(password),
    ];
    if !(user.is_empty() && password.is_empty()) {
        let both = format!("{}:{}", decoded(user), decoded(password));
        secrets.push(BASE64_STANDARD.encode(both));
    }
    let pairs = query.split('&');
    let values = pairs.map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value));
    for part in path.split('/').chain(values) {
        secrets.extend([part.to_owned(), decoded(part)]);
    }
    secrets.retain(|secret| secret.len() >= MIN_SECRET);
    secrets.sort_unstable_by_key(|secret| core::cmp::Reverse(secret.len()));
    secrets
}

/// Without percent-encoding.
fn decoded(part: &str) -> String {
    let part = part
        .replace('+', "%2B")
        .replace('&', "%26")
        .replace('=', "%3D");
    let mut pairs = form_urlencoded::parse(part.as_bytes());
    pairs
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let url: Url = text.parse()?;
        match url.scheme() {
            "https" | "http" => {
                let secrets = secrets_of(&url);
                Ok(Self { url, secrets })
            }
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
    fn what_an_endpoint_says_of_its_url_is_not_shown() {
        let endpoint: Endpoint =
            "https://us%40er:pass%2Fword@chain.example/v3/k3y-of-path?apikey=k3y-of-query&v=2"
                .parse()
                .unwrap();
        let redacted = |said: &str| {
            let bytes = endpoint.redacted(said.as_bytes(), 1_000);
            String::from_utf8(bytes).unwrap()
        };
        for (said, shown) in [
            ("txpool is full", "txpool is full"),
            ("Cannot POST /v3/k3y-of-path", "Cannot POST ..."),
            ("Cannot POST \\/v3\\/k3y-of-path", "Cannot POST \\/v3\\/..."),
            ("/v3/K3Y-OF-PATH?apikey=k3y-of-query&v=2!", "...?...!"),
            ("no such key: k3y-of-query", "no such key: ..."),
            ("us%40er, us@er", "..., ..."),
            ("pass%2Fword, pass/word", "..., ..."),
            ("Basic dXNAZXI6cGFzcy93b3Jk", "Basic ..."),
            ("k3y-of-pathk3y-of-path", "......"),
        ] {
            assert_eq!(redacted(said), shown);
        }
        let cut = endpoint.redacted(b"k3y-of-path is unknown", 6);
        assert_eq!(cut, b"... is");
        // A URL without any has nothing to hide.
        let plain: Endpoint = "http://127.0.0.1:8545/".parse().unwrap();
        assert_eq!(plain.redacted(b"a / b : c? Og==", 99), b"a / b : c? Og==");
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

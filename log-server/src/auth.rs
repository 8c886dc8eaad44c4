//! Who may write, and who may read what is guarded.
//!
//! Credentials are a bearer token (only its SHA-256 is kept) or a client certificate. Where neither is configured for a
//! log, writers on a loopback address need none; but browsers and proxies reach loopback too, so that a write which
//! shows signs of either is refused.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use counterfoil_service::bucket::Bucket;
use counterfoil_service::source::Source;
use hyper::http::uri::Authority;
use rustls::pki_types::ServerName;
use rustls::server::ParsedCertificate;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::Config;
use crate::http::fields::{Fields, Single};
use crate::http::problem::{Kind, Problem};

/// The credentials that the server knows.
#[derive(Debug)]
pub(crate) struct Auth {
    grants: Vec<Grant>,
    /// By the first bytes of the digest, so that many tokens cost no more than one; the rest is compared in constant
    /// time. Where a caller could learn those bytes from the time taken, it would learn a prefix of a hash.
    tokens: HashMap<[u8; 8], Vec<Token>>,
    clients: Vec<(ServerName<'static>, GrantId)>,
    any_certificate: Option<GrantId>,
}

#[derive(Debug)]
struct Token {
    sha256: [u8; 32],
    grant: GrantId,
}

/// Which grant a credential gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GrantId(usize);

#[derive(Debug)]
struct Grant {
    name: String,
    /// Origins; `*` is every log.
    logs: Vec<String>,
    bucket: Option<Mutex<Bucket>>,
}

/// Who may write without credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anonymous {
    /// Nobody.
    Nobody,
    /// Programs on this machine.
    Loopback,
    /// Anybody: the operator said so.
    Anybody,
}

/// What is known of the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Where it is.
    pub(crate) source: Source,
    /// Both ends are loopback addresses.
    pub(crate) loopback: bool,
    /// What its client certificate grants.
    pub(crate) certificate: Option<GrantId>,
}

/// What a request needs to be allowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access<'a> {
    /// Origin of the log.
    pub(crate) log: &'a str,
    /// Who may write to it without credentials.
    pub(crate) anonymous: Anonymous,
}

impl Auth {
    /// From the configuration, which was checked.
    pub(crate) fn new(config: &Config) -> Self {
        let mut auth = Self {
            grants: Vec::new(),
            tokens: HashMap::new(),
            clients: Vec::new(),
            any_certificate: None,
        };
        for token in &config.tokens {
            let grant = auth.grant(&token.name, &token.logs, token.rate, token.burst);
            let mut sha256 = [0; 32];
            if hex::decode_to_slice(&token.sha256, &mut sha256).is_ok() {
                let token = Token { sha256, grant };
                auth.tokens.entry(head(&sha256)).or_default().push(token);
            }
        }
        for client in &config.clients {
            let grant = auth.grant(&client.name, &client.logs, client.rate, client.burst);
            if let Ok(name) = ServerName::try_from(client.name.clone()) {
                auth.clients.push((name, grant));
            }
        }
        let has_ca = config
            .front
            .tls
            .as_ref()
            .is_some_and(|tls| tls.client_ca.is_some());
        if has_ca && config.clients.is_empty() {
            auth.any_certificate =
                Some(auth.grant("client certificate", &["*".to_owned()], None, None));
        }
        auth
    }

    fn grant(
        &mut self,
        name: &str,
        logs: &[String],
        rate: Option<f64>,
        burst: Option<f64>,
    ) -> GrantId {
        let bucket =
            rate.map(|rate| Mutex::new(Bucket::new(rate, burst.unwrap_or(rate), Instant::now())));
        self.grants.push(Grant {
            name: name.to_owned(),
            logs: logs.to_vec(),
            bucket,
        });
        GrantId(self.grants.len() - 1)
    }

    /// What a client certificate, already verified against the CA, grants.
    pub(crate) fn certificate(&self, certificate: &ParsedCertificate<'_>) -> Option<GrantId> {
        let named = self
            .clients
            .iter()
            .find(|(name, _)| rustls::client::verify_server_name(certificate, name).is_ok());
        named.map(|(_, grant)| *grant).or(self.any_certificate)
    }

    /// Whether a request may write; if so, under which grant, whose rate it must still keep ([`Auth::charge`]).
    pub(crate) fn write(
        &self,
        access: Access<'_>,
        peer: Peer,
        fields: &Fields<'_>,
        authority: Option<&Authority>,
    ) -> Result<Option<GrantId>, Problem> {
        if let Some(token) = given_token(fields)? {
            return self.token(access, token).map(Some);
        }
        // A browser sends a client certificate, or reaches loopback, for any page that asks it to; it sends a bearer
        // token only for a page that has it.
        if fields.from_page {
            let detail = "a write from a web page (it has an Origin header) needs a bearer token";
            return Err(Problem::new(Kind::Forbidden, detail));
        }
        if let Some(grant) = peer.certificate {
            return self.covers(grant, access).map(Some);
        }
        match access.anonymous {
            Anonymous::Anybody => Ok(None),
            Anonymous::Loopback if peer.loopback => check_direct(fields, authority).map(|()| None),
            Anonymous::Loopback | Anonymous::Nobody => Err(missing()),
        }
    }

    /// Whether a request may read what is guarded.
    pub(crate) fn read(
        &self,
        access: Access<'_>,
        peer: Peer,
        fields: &Fields<'_>,
    ) -> Result<(), Problem> {
        if let Some(token) = given_token(fields)? {
            return self.token(access, token).map(|_| ());
        }
        match peer.certificate {
            Some(grant) => self.covers(grant, access).map(|_| ()),
            None => Err(missing()),
        }
    }

    /// Charges entries to the rate of a grant.
    pub(crate) fn charge(&self, grant: Option<GrantId>, entries: usize) -> Result<(), Problem> {
        let Some(grant) = grant.and_then(|grant| self.grants.get(grant.0)) else {
            return Ok(());
        };
        let Some(bucket) = &grant.bucket else {
            return Ok(());
        };
        let mut bucket = bucket
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        bucket
            .take(entries, Instant::now())
            .map_err(|wait: Duration| {
                let rate = bucket.rate();
                let detail = format!(
                    "{} may log {rate} entries a second; nothing was logged",
                    grant.name
                );
                Problem::new(Kind::OverRate, detail).after(wait)
            })
    }

    fn token(&self, access: Access<'_>, token: &[u8]) -> Result<GrantId, Problem> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        let candidates = self
            .tokens
            .get(&head(&digest))
            .map_or(&[][..], Vec::as_slice);
        let found = candidates
            .iter()
            .find(|token| bool::from(token.sha256.ct_eq(&digest)))
            .ok_or_else(|| refused("the bearer token is not one of this server's"))?;
        self.covers(found.grant, access)
    }

    fn covers(&self, id: GrantId, access: Access<'_>) -> Result<GrantId, Problem> {
        let grant = self.grants.get(id.0);
        let covered =
            grant.is_some_and(|grant| grant.logs.iter().any(|log| log == "*" || log == access.log));
        if covered {
            return Ok(id);
        }
        let name = grant.map_or("", |grant| &grant.name);
        let detail = format!("the credentials of {name:?} are not for log {}", access.log);
        Err(Problem::new(Kind::Forbidden, detail))
    }
}

fn head(digest: &[u8; 32]) -> [u8; 8] {
    let mut head = [0; 8];
    for (to, from) in head.iter_mut().zip(digest) {
        *to = *from;
    }
    head
}

/// The token of an Authorization header (RFC 6750, section 2.1); the scheme's case does not matter (RFC 9110, 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

/// The bearer token that a request has, if it has an Authorization header at all.
fn given_token<'a>(fields: &Fields<'a>) -> Result<Option<&'a [u8]>, Problem> {
    match fields.authorization {
        Single::Absent => Ok(None),
        Single::Is(value) => bearer(value.as_bytes())
            .map(Some)
            .ok_or_else(|| refused("expected \"Authorization: Bearer TOKEN\", got another scheme")),
        Single::Several => Err(refused("expected one Authorization header, got several")),
    }
}

/// Refuses what a proxy or a browser sends to loopback.
fn check_direct(fields: &Fields<'_>, authority: Option<&Authority>) -> Result<(), Problem> {
    if fields.forwarded {
        let detail = "a write that came through a proxy (it has a Forwarded, X-Forwarded-For or Via header) \
                      needs credentials: configure a [[token]]";
        return Err(Problem::new(Kind::Forbidden, detail));
    }
    let named = match fields.host {
        Single::Is(host) => Some(host.to_str().unwrap_or_default()),
        Single::Absent | Single::Several => None,
    };
    let mut hosts = named
        .into_iter()
        .chain(authority.map(Authority::as_str))
        .peekable();
    if hosts.peek().is_none() {
        let detail = "a write without credentials must have one Host header";
        return Err(Problem::new(Kind::Forbidden, detail));
    }
    match hosts.find(|host| !is_loopback_host(host)) {
        None => Ok(()),
        Some(host) => {
            let detail =
                format!("a write without credentials must name a loopback host, not {host:?}");
            Err(Problem::new(Kind::Forbidden, detail))
        }
    }
}

/// Whether the host of a Host header or `:authority` is this machine by its name or number.
fn is_loopback_host(host: &str) -> bool {
    let name = host.trim_end_matches(|c: char| c.is_ascii_digit());
    let name = name.strip_suffix(':').unwrap_or(host);
    let number = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Some(number) = number {
        return number
            .parse()
            .is_ok_and(|ip: std::net::Ipv6Addr| ip.is_loopback());
    }
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse()
            .is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback())
}

fn missing() -> Problem {
    refused("expected \"Authorization: Bearer TOKEN\" or a client certificate, got neither")
}

fn refused(detail: &'static str) -> Problem {
    Problem::new(Kind::Unauthenticated, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        let rows = [
            ("localhost", true),
            ("LOCALHOST:8080", true),
            ("127.0.0.1", true),
            ("127.8.9.1:80", true),
            ("[::1]", true),
            ("[::1]:8080", true),
            ("", false),
            ("log.example.org", false),
            ("localhost.example.org", false),
            ("127.0.0.1.example.org", false),
            ("10.0.0.1:80", false),
            ("[2001:db8::1]:80", false),
            ("[::1", false),
            ("127.1", false),
            ("user@localhost", false),
        ];
        for (host, expected) in rows {
            assert_eq!(is_loopback_host(host), expected, "{host:?}");
        }
    }

    #[test]
    fn bearers() {
        let rows: [(&str, Option<&str>); 7] = [
            ("Bearer abc", Some("abc")),
            ("bearer abc", Some("abc")),
            ("Bearer   abc ", Some("abc")),
            ("Bearer ", None),
            ("Bearer", None),
            ("Basic abc", None),
            ("", None),
        ];
        for (value, token) in rows {
            assert_eq!(
                bearer(value.as_bytes()),
                token.map(str::as_bytes),
                "{value:?}"
            );
        }
    }
}

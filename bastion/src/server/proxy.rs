//! Requests of clients, handed to backends.
//!
//! ```text
//! https://bastion/<key hash>/<path>   to the backend as /<path>
//! https://bastion/                    what this is
//! https://bastion/healthz             ok
//! ```

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use counterfoil_service::limits::Places;
use counterfoil_service::metrics::Answers;
use counterfoil_service::serve::{Handler, OtherEnd, OtherProtocol};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::allowed::{self, Allowed, Known};
use super::backends::Backends;
use crate::{ALPN, KeyHash};

/// Target of the events of single requests: `log_filter = "info,access=debug"` shows them.
const ACCESS: &str = "access";

/// Headers of one connection (RFC 9110, section 7.6.1), beside those that `Connection` names; and `Expect`, which the
/// bastion meets itself.
const OF_THE_CONNECTION: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::PROXY_AUTHORIZATION,
    header::EXPECT,
];

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Bodies of answers: the bastion's own, or the backend's.
type Body = Either<Full<Bytes>, Incoming>;

/// What answers clients.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) allowed: Arc<ArcSwap<Allowed>>,
    pub(super) backends: Arc<Backends>,
    pub(super) places: Arc<Places>,
    pub(super) deadline: Duration,
    pub(super) answers: Outcomes,
}

/// What requests came to.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    /// Those of backends, and those that the bastion could not hand on.
    pub(super) proxied: Answers,
    /// Those of the bastion's own pages.
    pub(super) own: Answers,
    /// By [`Refusal`].
    pub(super) refused: [AtomicU64; Refusal::ALL.len()],
}

/// Why the bastion answers in a backend's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    NoKeyHash,
    Unknown,
    NotConnected,
    UnknownOrNotConnected,
    Busy,
    BackendBusy,
    TooLate,
    Broken,
}

impl Refusal {
    pub(super) const ALL: [Self; 8] = [
        Self::NoKeyHash,
        Self::Unknown,
        Self::NotConnected,
        Self::UnknownOrNotConnected,
        Self::Busy,
        Self::BackendBusy,
        Self::TooLate,
        Self::Broken,
    ];

    /// In a word, for metrics.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::NoKeyHash => "no_key_hash",
            Self::Unknown => "unknown",
            Self::NotConnected => "not_connected",
            Self::UnknownOrNotConnected => "unknown_or_not_connected",
            Self::Busy => "busy",
            Self::BackendBusy => "backend_busy",
            Self::TooLate => "too_late",
            Self::Broken => "broken",
        }
    }

    /// Status code and reason: the one place that maps them.
    fn status(self) -> (StatusCode, &'static str) {
        match self {
            Self::NoKeyHash => (
                StatusCode::NOT_FOUND,
                "expected https://HOST/KEY HASH/PATH, where the key hash is 64 lowercase hexadecimal digits, the SHA-256 of the backend's Ed25519 public key",
            ),
            // SPEC(https-bastion): "If the bastion maintains a full list of known backend keys, and the key hash is
            // unknown, the bastion MUST serve a 421 "Misdirected request" response."
            Self::Unknown => (
                StatusCode::MISDIRECTED_REQUEST,
                "this bastion does not serve a backend with that key hash",
            ),
            // SPEC(https-bastion): "If the key hash is known but there are no corresponding open backend connections, the
            // bastion MUST serve a 503 "Service unavailable" response."
            Self::NotConnected => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the backend with that key hash is not connected",
            ),
            // SPEC(https-bastion): "If the bastion can't distinguish between an unknown key hash and a disconnected
            // backend (for example because it uses a private X.509 CA to authenticate backends), it MUST serve a 502
            // "Bad gateway" response."
            Self::UnknownOrNotConnected => (
                StatusCode::BAD_GATEWAY,
                "no backend with that key hash is connected",
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the bastion is at its limit of requests",
            ),
            Self::BackendBusy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the backend is at its limit of requests",
            ),
            Self::TooLate => (
                StatusCode::GATEWAY_TIMEOUT,
                "the backend did not begin to answer in time; what it does with the request is unknown",
            ),
            Self::Broken => (
                StatusCode::BAD_GATEWAY,
                "the backend's connection broke, or the request did; what the backend does with the request is unknown",
            ),
        }
    }
}

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
enum Target<'a> {
    Page,
    Health,
    /// A backend, and the path and query for it.
    Backend(KeyHash, &'a str),
}

/// Reads the target of a request; a path that begins with no key hash has none.
fn target(uri: &Uri) -> Option<Target<'_>> {
    let whole = uri.path_and_query()?.as_str();
    match uri.path() {
        "/" => return Some(Target::Page),
        "/healthz" => return Some(Target::Health),
        _ => {}
    }
    let path = whole.strip_prefix('/')?;
    let (hash, rest) = path.split_at(path.find(['/', '?']).unwrap_or(path.len()));
    Some(Target::Backend(hash.parse().ok()?, rest))
}

/// The request as the backend gets it.
fn outgoing<B>(
    request: Request<B>,
    rest: &str,
    client: IpAddr,
) -> Result<Request<B>, hyper::http::Error> {
    let (mut parts, body) = request.into_parts();
    let authority = match (parts.uri.authority(), parts.headers.get(header::HOST)) {
        (Some(authority), _) => authority.as_str().to_owned(),
        (None, Some(host)) => host.to_str().unwrap_or_default().to_owned(),
        (None, None) => String::new(),
    };
    // HTTP/1.0 needs no host, and HTTP/2 does.
    let authority = if authority.is_empty() {
        "bastion"
    } else {
        &authority
    };
    let slash = if rest.starts_with('/') { "" } else { "/" };
    // SPEC(https-bastion): "Note that the `/<key hash>` portion of the path is trimmed."
    parts.uri = Uri::builder()
        .scheme("https")
        .authority(authority)
        .path_and_query(format!("{slash}{rest}"))
        .build()?;
    parts.version = Version::HTTP_2;
    parts.extensions.clear();
    strip(&mut parts.headers);
    parts.headers.remove(header::HOST);
    // SPEC(https-bastion): "Otherwise, the bastion MUST remove _all_ `X-Forwarded-For` headers from the request, add a
    // single `X-Forwarded-For` header with the IP address of the client, and proxy the request as `/<path>` over the
    // backend connection."
    let client = HeaderValue::try_from(client.to_string())?;
    parts.headers.insert(FORWARDED_FOR, client);
    Ok(Request::from_parts(parts, body))
}

/// Removes what concerns one connection only.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&OF_THE_CONNECTION) {
        headers.remove(name);
    }
}

impl Handler for Proxy {
    type Peer = IpAddr;
    type Body = Body;

    fn peer(&self, end: &OtherEnd<'_>) -> IpAddr {
        end.address.ip().to_canonical()
    }

    async fn respond(&self, client: IpAddr, request: Request<Incoming>) -> Response<Body> {
        let start = Instant::now();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let (endpoint, response) = match target(&uri) {
            Some(Target::Page) => (&self.answers.own, own(&method, PAGE)),
            Some(Target::Health) => (&self.answers.own, own(&method, "ok\n")),
            Some(Target::Backend(hash, rest)) => {
                let answer = self.hand_on(client, hash, rest, request).await;
                let answer = answer.unwrap_or_else(|refusal| self.refuse(refusal));
                (&self.answers.proxied, answer)
            }
            None => (&self.answers.proxied, self.refuse(Refusal::NoKeyHash)),
        };
        let (status, took) = (response.status().as_u16(), start.elapsed());
        endpoint.count(status, took);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        tracing::debug!(target: ACCESS, %client, %method, path = uri.path(), status, micros);
        response
    }

    fn other_protocol(&self) -> Option<&dyn OtherProtocol> {
        Some(self)
    }
}

impl Proxy {
    /// Hands a request to its backend.
    async fn hand_on(
        &self,
        client: IpAddr,
        hash: KeyHash,
        rest: &str,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Refusal> {
        let _place = self.places.enter().ok_or(Refusal::Busy)?;
        let known = self.allowed.load().knows(hash);
        let absent = match known {
            Known::Listed => Refusal::NotConnected,
            // Whoever is connected still was taken out of the list a moment ago.
            Known::Nobody => return Err(Refusal::Unknown),
            Known::Perhaps => Refusal::UnknownOrNotConnected,
        };
        let backend = self.backends.find(hash).ok_or(absent)?;
        let _turn = backend.places.enter().ok_or(Refusal::BackendBusy)?;
        let request = outgoing(request, rest, client).map_err(|error| {
            tracing::debug!(%error, "a request that cannot be handed on");
            Refusal::Broken
        })?;
        let sent = backend.sender().send_request(request);
        let answer = match timeout(self.deadline, sent).await {
            Ok(Ok(answer)) => answer,
            // It was not sent.
            Ok(Err(error)) if error.is_canceled() => return Err(absent),
            Ok(Err(error)) => {
                tracing::debug!(backend = %hash, %error, "no answer");
                return Err(Refusal::Broken);
            }
            Err(_) => return Err(Refusal::TooLate),
        };
        let (mut parts, body) = answer.into_parts();
        strip(&mut parts.headers);
        parts.extensions.clear();
        Ok(Response::from_parts(parts, Either::Right(body)))
    }

    fn refuse(&self, refusal: Refusal) -> Response<Body> {
        if let Some(count) = self.answers.refused.get(refusal as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let (status, reason) = refusal.status();
        let mut response = text(status, format!("{reason}\n"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl OtherProtocol for Proxy {
    fn name(&self) -> &[u8] {
        ALPN
    }

    fn tls(&self, http: &ServerConfig) -> Result<Arc<ServerConfig>, rustls::Error> {
        allowed::tls(http, &self.allowed)
    }

    fn take(&self, address: SocketAddr, stream: TlsStream<TcpStream>) {
        self.backends.take(address, stream);
    }
}

// SPEC(https-bastion): "bastions SHOULD NOT serve non-trivial websites"
const PAGE: &str = "\
This is a bastion (https://c2sp.org/https-bastion): servers that cannot be reached from outside are reached through it.
Requests go to https://HOST/KEY HASH/PATH, where the key hash is the SHA-256 of the server's Ed25519 public key.
";

/// One of the bastion's own pages.
fn own(method: &Method, page: &'static str) -> Response<Body> {
    if method == Method::GET || method == Method::HEAD {
        return text(StatusCode::OK, page);
    }
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "expected GET or HEAD\n");
    let allow = HeaderValue::from_static("GET, HEAD");
    response.headers_mut().insert(header::ALLOW, allow);
    response
}

pub(super) fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(text.into())));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925";

    #[test]
    fn targets() {
        let hash = HASH.parse().unwrap();
        let backend = |rest| Some(Target::Backend(hash, rest));
        let upper = format!("/{}/x", HASH.to_uppercase());
        let rows: [(&str, Option<Target<'_>>); 13] = [
            ("/", Some(Target::Page)),
            ("/?x", Some(Target::Page)),
            ("/healthz", Some(Target::Health)),
            ("/metrics", None),
            ("//", None),
            (&format!("/{HASH}"), backend("")),
            (&format!("/{HASH}/"), backend("/")),
            (&format!("/{HASH}?a=b"), backend("?a=b")),
            (
                &format!("/{HASH}/a/%2e%2e//b?c=/d"),
                backend("/a/%2e%2e//b?c=/d"),
            ),
            (&format!("/{HASH}0/x"), None),
            (&upper, None),
            (&format!("//{HASH}/x"), None),
            ("/..", None),
        ];
        for (path, expected) in rows {
            let uri: Uri = path.parse().unwrap();
            assert_eq!(target(&uri), expected, "{path}");
            // As HTTP/2 has it.
            let uri: Uri = format!("https://bastion.example{path}").parse().unwrap();
            assert_eq!(target(&uri), expected, "{path}");
        }
        assert_eq!(
            target(&"bastion.example:443".parse().unwrap()),
            None,
            "CONNECT"
        );
    }

    #[test]
    fn what_a_backend_gets() {
        let request = Request::post(format!("/{HASH}/a?b"))
            .header("host", "bastion.example:8443")
            .header("x-forwarded-for", "203.0.113.1")
            .header("X-Forwarded-For", "203.0.113.2, 203.0.113.3")
            .header("connection", "close, x-mine , x-forwarded-for")
            .header("x-mine", "of the connection")
            .header("keep-alive", "1")
            .header("te", "trailers")
            .header("transfer-encoding", "chunked")
            .header("upgrade", "websocket")
            .header("expect", "100-continue")
            .header("cache-control", "no-cache")
            .header("if-none-match", "\"x\"")
            .body(())
            .unwrap();
        let client = "2001:db8::7".parse().unwrap();
        let sent = outgoing(request, "/a?b", client).unwrap();
        assert_eq!(sent.uri(), "https://bastion.example:8443/a?b");
        assert_eq!(sent.method(), Method::POST);
        let mut headers: Vec<_> = sent.headers().iter().collect();
        headers.sort_by_key(|(name, _)| name.as_str());
        let headers: Vec<_> = headers
            .into_iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        let expected = [
            ("cache-control", "no-cache"),
            ("if-none-match", "\"x\""),
            ("x-forwarded-for", "2001:db8::7"),
        ];
        assert_eq!(headers, expected);
    }

    #[test]
    fn requests_without_a_host_or_a_path() {
        let client = "192.0.2.7".parse().unwrap();
        for (rest, expected) in [
            ("", "https://bastion/"),
            ("?a", "https://bastion/?a"),
            ("//x", "https://bastion//x"),
        ] {
            let request = Request::get(format!("/{HASH}{rest}")).body(()).unwrap();
            let sent = outgoing(request, rest, client).unwrap();
            assert_eq!(sent.uri(), expected, "{rest}");
        }
    }

    /// Exactly, because clients tell what to do by them.
    #[test]
    fn status_codes() {
        let codes = Refusal::ALL.map(|refusal| refusal.status().0.as_u16());
        assert_eq!(codes, [404, 421, 503, 502, 503, 503, 504, 502]);
        for (place, refusal) in Refusal::ALL.into_iter().enumerate() {
            assert_eq!(refusal as usize, place);
        }
    }
}

//! The HTTP front: from a request to the [`Witness`](crate::Witness) and back.
//!
//! ```text
//! request ── place? ──> target ──┬── add-checkpoint, sign-subtree ──> address's rate, body, witness
//!             │ none: 503        ├── <origin hash>/checkpoint, …/evidence[/…]
//!                                └── page, status; and for the operator healthz, readyz, metrics
//! reply.rs <───────────────────────── whatever comes of it
//! ```
//!
//! The same [`Site`] answers what comes over its own listeners and over bastions.

mod reply;
mod site;
mod target;
mod view;

use std::sync::Arc;
use std::time::Instant;

use counterfoil_bastion::backend::client_of;
use counterfoil_service::body::Sender;
use counterfoil_service::serve::{Handler, OtherEnd};
use counterfoil_service::source::Source;
use hyper::body::Incoming;
use hyper::header::{EXPECT, HOST};
use hyper::{Method, Request, Response, Version};
use tracing::Level;

use reply::{Body, Reply, Telling};
pub(crate) use site::{BastionLink, Site};
use target::Target;
pub(crate) use view::unix;

/// Target of the events of single requests: `log_filter = "info,access=debug"` shows them.
const ACCESS: &str = "access";

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    /// Over a listener of the service.
    Listener,
    /// Over a bastion.
    Bastion,
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client {
    source: Source,
    via: Via,
}

impl Handler for Site {
    type Peer = Source;
    type Body = Body;

    fn peer(&self, end: &OtherEnd<'_>) -> Source {
        Source::of(end.address.ip())
    }

    async fn respond(&self, source: Source, request: Request<Incoming>) -> Response<Body> {
        let via = Via::Listener;
        self.answer(Client { source, via }, request).await
    }
}

impl Site {
    /// Answers a request that came over a bastion. Its client is who the bastion says; those of whom it says nothing are
    /// one.
    pub(crate) async fn over_bastion(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let source = client_of(request.headers()).map_or(Source::UNKNOWN, Source::of);
        let via = Via::Bastion;
        self.answer(Client { source, via }, request).await
    }

    async fn answer(&self, client: Client, request: Request<Incoming>) -> Response<Body> {
        let started = Instant::now();
        let (head, body) = request.into_parts();
        let target = self.target(head.uri.path(), client.via);
        let endpoint = target.endpoint();
        let is_head = head.method == Method::HEAD;
        let logged = tracing::enabled!(target: ACCESS, Level::DEBUG)
            .then(|| (head.method.clone(), head.uri.to_string()));
        let allow = target.allow();
        let reply = match self.places.enter() {
            None => Reply::overloaded(),
            // RFC 9112, section 3.2: a request of HTTP/1.1 without Host, or with two, must be answered 400.
            Some(_)
                if head.version == Version::HTTP_11
                    && head.headers.get_all(HOST).iter().count() != 1 =>
            {
                Reply::malformed("expected one Host header")
            }
            Some(_) if head.method == Method::OPTIONS => Reply::options(allow),
            Some(place) => match target {
                // SPEC(tlog-witness): "The request MUST be an HTTP POST."
                Target::Post(call) if head.method == Method::POST => {
                    self.call(call, client, &head.headers, body, place).await
                }
                // SPEC(tlog-witness): "The request MUST be an HTTP GET."
                Target::Get(resource) if head.method == Method::GET || is_head => {
                    self.read(resource, client, head.uri.query()).await
                }
                Target::Post(_) | Target::Get(_) => Reply::method(allow),
                Target::Nothing => Reply::not_found("there is nothing at this path"),
            },
        };
        if reply.telling == Telling::Warning {
            tracing::warn!(endpoint = endpoint.word(), "{}", reply.line());
        } else if reply.status.is_client_error() || reply.status.is_server_error() {
            tracing::debug!(endpoint = endpoint.word(), "{}", reply.line());
        }
        let is_reading = head.method != Method::POST;
        let response = reply.into_response(is_reading, is_head);
        let status = response.status().as_u16();
        self.requests.answered(endpoint, status, started.elapsed());
        if let Some((method, uri)) = logged {
            let micros = started.elapsed().as_micros();
            tracing::debug!(target: ACCESS, %method, uri, status, micros);
        }
        response
    }
}

/// How the caller sends its body.
fn sender(headers: &hyper::HeaderMap) -> Sender {
    if headers.contains_key(EXPECT) {
        Sender::Waiting
    } else {
        Sender::Eager
    }
}

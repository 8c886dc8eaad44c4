//! The transport over HTTP: connections are kept, HTTP/2 is spoken where it is offered, and redirects are not followed.

use std::time::Duration;

use async_trait::async_trait;
use counterfoil_service::client::{Call, Client, ClientOptions, Sent};

use super::transport::{Answer, MAX_ANSWER_SIZE, Method, Request, Transport, TransportError};

/// How many unused connections to one witness are kept: there is one request at a time, and a fetch beside it.
const IDLE_CONNECTIONS: usize = 2;

/// How the transport connects.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// How long a connection may take, name and TLS included.
    pub connect_deadline: Duration,
    /// Root certificates (PEM) that are trusted besides the system's; may be empty.
    pub roots: Vec<u8>,
}

impl Default for HttpOptions {
    /// Three seconds to connect, and the system's roots.
    fn default() -> Self {
        Self {
            connect_deadline: Duration::from_secs(3),
            roots: Vec::new(),
        }
    }
}

/// Sends requests over HTTP.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    http: Client,
}

impl HttpTransport {
    /// A transport without connections. Fails if the root certificates cannot be read.
    pub fn new(options: &HttpOptions) -> Result<Self, TransportError> {
        // SPEC(tlog-witness): "Clients SHOULD use, and witnesses SHOULD support, HTTP keep-alive HTTP connections to reduce
        // latency and load due to connection establishment."
        let http = Client::new(&ClientOptions {
            connect_deadline: options.connect_deadline,
            roots: options.roots.clone(),
            idle_connections: IDLE_CONNECTIONS,
            redirects: 0,
        })?;
        Ok(Self { http })
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        let sent = match request.method {
            Method::Get => Sent::Get,
            Method::Post => Sent::Post {
                body: request.body,
                content_type: None,
            },
        };
        let call = Call {
            sent,
            url: &request.url,
            accept: None,
            deadline: request.deadline,
            limit: MAX_ANSWER_SIZE,
        };
        let answer = self.http.call(call).await?;
        Ok(Answer {
            status: answer.status,
            content_type: answer.content_type,
            body: answer.body,
        })
    }
}

//! A small HTTP/1.1 server, which can also close a connection without an answer.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Longest body of a request: those of time-stamps and of OCSP have some hundred bytes.
const MAX_BODY: usize = 64 << 10;
/// How long the body of a request may take.
const BODY_DEADLINE: Duration = Duration::from_secs(5);
/// Pause after accepting failed, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A request, read to its end.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Bytes,
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A response.
    Response {
        status: StatusCode,
        content_type: &'static str,
        body: Bytes,
    },
    /// A response whose body has `length` bytes, the first of which are `start`.
    Long {
        content_type: &'static str,
        start: Bytes,
        length: u64,
    },
    /// None: the connection is closed.
    Close,
}

impl Answer {
    /// A response with status 200.
    pub(crate) fn ok(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self::Response {
            status: StatusCode::OK,
            content_type,
            body: body.into(),
        }
    }

    /// A line of text with this status.
    pub(crate) fn text(status: StatusCode, line: &str) -> Self {
        Self::Response {
            status,
            content_type: "text/plain; charset=utf-8",
            body: format!("{line}\n").into(),
        }
    }
}

/// What answers.
pub(crate) trait Site: Send + Sync + 'static {
    fn answer(self: Arc<Self>, question: Question) -> impl Future<Output = Answer> + Send;
}

/// A server that runs until it is stopped or dropped.
#[derive(Debug)]
pub(crate) struct Front {
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl Front {
    /// Serves `site` to those who connect.
    pub(crate) fn serve(listener: TcpListener, site: Arc<impl Site>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let task = Some(tokio::spawn(accept(listener, site, stopped)));
        Self { stop, task }
    }

    /// Stops: connections are cut.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task.take() {
            // A task that panicked has told so by itself.
            let _ = task.await;
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Listens on an address; says which port was found for port 0.
pub(crate) async fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn accept(listener: TcpListener, site: Arc<impl Site>, mut stopped: watch::Receiver<bool>) {
    // Dropped with this task, and its connections with it.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            _ = stopped.changed() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(connection(stream, Arc::clone(&site)));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The connection shall be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed on purpose")]
struct Closed;

async fn connection(stream: TcpStream, site: Arc<impl Site>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    let service = service_fn(|request: Request<Incoming>| {
        let site = Arc::clone(&site);
        async move {
            let answer = match read(request).await {
                Ok(question) => site.answer(question).await,
                Err(answer) => answer,
            };
            respond(answer).ok_or(Closed)
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn read(request: Request<Incoming>) -> Result<Question, Answer> {
    let (head, body) = request.into_parts();
    let content_type = head
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let body = Limited::new(body, MAX_BODY).collect();
    let body = tokio::time::timeout(BODY_DEADLINE, body)
        .await
        .map_err(|_| {
            let seconds = BODY_DEADLINE.as_secs();
            let line = format!("expected the whole body within {seconds} s");
            Answer::text(StatusCode::REQUEST_TIMEOUT, &line)
        })?
        .map_err(|error| Answer::text(StatusCode::PAYLOAD_TOO_LARGE, &error.to_string()))?
        .to_bytes();
    Ok(Question {
        method: head.method,
        path: head.uri.path().to_owned(),
        content_type,
        body,
    })
}

fn respond(answer: Answer) -> Option<Response<Either<Full<Bytes>, Long>>> {
    let (status, content_type, body) = match answer {
        Answer::Response {
            status,
            content_type,
            body,
        } => (status, content_type, Either::Left(Full::new(body))),
        Answer::Long {
            content_type,
            start,
            length,
        } => {
            let long = Long {
                start: Some(start),
                left: length,
            };
            (StatusCode::OK, content_type, Either::Right(long))
        }
        Answer::Close => return None,
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    Some(response)
}

/// A body of a start and then zeroes, never in memory as a whole.
struct Long {
    start: Option<Bytes>,
    left: u64,
}

static ZEROES: [u8; 64 << 10] = [0; 64 << 10];

impl Body for Long {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let start = self.start.take();
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut piece = start.unwrap_or(Bytes::from_static(&ZEROES));
        piece.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= piece.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

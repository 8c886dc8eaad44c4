//! A stream that is listened to: when its other end speaks first, and how it ends.

use std::io;
use std::pin::Pin;
#[cfg(feature = "server")]
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

/// A stream that tells when the first byte came, and how reading ended.
#[derive(Debug)]
pub(crate) struct Heard<S> {
    stream: S,
    first: Option<oneshot::Sender<()>>,
    #[cfg(feature = "server")]
    last_word: Arc<OnceLock<String>>,
}

impl<S> Heard<S> {
    /// The stream, and what ends with the first byte.
    pub(crate) fn new(stream: S) -> (Self, oneshot::Receiver<()>) {
        let (first, heard) = oneshot::channel();
        let stream = Self {
            stream,
            first: Some(first),
            #[cfg(feature = "server")]
            last_word: Arc::default(),
        };
        (stream, heard)
    }

    /// How reading ended, once it has.
    #[cfg(feature = "server")]
    pub(crate) fn last_word(&self) -> Arc<OnceLock<String>> {
        Arc::clone(&self.last_word)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        #[cfg(feature = "server")]
        if let Some(word) = last_word(&read, buffer, before) {
            // The first is what it was for.
            let _ = this.last_word.set(word);
        }
        if buffer.filled().len() > before
            && let Some(first) = this.first.take()
        {
            // Nobody may listen any more.
            let _ = first.send(());
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

/// How reading ended, if it did with this poll.
#[cfg(feature = "server")]
fn last_word(read: &Poll<io::Result<()>>, buffer: &ReadBuf<'_>, before: usize) -> Option<String> {
    match read {
        Poll::Ready(Ok(())) if buffer.filled().len() == before && buffer.remaining() > 0 => {
            Some("the backend closed the connection".to_owned())
        }
        Poll::Ready(Err(error)) => Some(format!("the connection broke: {error}")),
        Poll::Ready(Ok(())) | Poll::Pending => None,
    }
}

//! Bodies of evidence: some have megabytes, and are read as slowly as whoever asked for them likes.
//!
//! What all of them together take of memory is bounded. Who reads theirs too slowly loses it: the connection breaks off, as it does
//! where nothing is read at all, and the memory is free for the next.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

/// Memory for all bodies of a server.
const ALL: usize = 256 << 20;

/// Memory is counted in pieces of this size.
const PIECE: usize = 1 << 10;

/// Bytes that are handed on at once. They are copied: a slice would keep all of the body.
const FRAME: usize = 64 << 10;

/// How long any body may be read.
const LEAST: Duration = Duration::from_secs(30);

/// And for each of these many bytes a second longer.
const RATE: usize = 64 << 10;

/// What bodies may take.
#[derive(Debug, Clone)]
pub(crate) struct Memory(Arc<Semaphore>);

/// Why a body is not given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("other answers that are being read take all the memory that there is for evidence")]
pub(crate) struct NoMemory;

impl Memory {
    pub(crate) fn new() -> Self {
        Self::of(ALL)
    }

    fn of(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / PIECE)))
    }

    /// A body of these bytes, if there is room for it.
    pub(crate) fn lend(&self, bytes: Vec<u8>) -> Result<Lent, NoMemory> {
        let pieces = u32::try_from(bytes.len().div_ceil(PIECE)).map_err(|_| NoMemory)?;
        let memory = Arc::clone(&self.0);
        let room = memory
            .try_acquire_many_owned(pieces)
            .map_err(|_| NoMemory)?;
        let seconds = u64::try_from(bytes.len() / RATE).unwrap_or(u64::MAX);
        let time = LEAST.saturating_add(Duration::from_secs(seconds));
        let rest = Arc::new(Mutex::new(Some(Rest {
            bytes: bytes.into(),
            _room: room,
        })));
        let late = Arc::clone(&rest);
        let limit = tokio::spawn(async move {
            tokio::time::sleep(time).await;
            drop(locked(&late).take());
        });
        Ok(Lent {
            rest,
            limit: limit.abort_handle(),
        })
    }
}

/// A body that is being read.
#[derive(Debug)]
pub(crate) struct Lent {
    /// None once it was read, or taken away.
    rest: Arc<Mutex<Option<Rest>>>,
    limit: AbortHandle,
}

#[derive(Debug)]
struct Rest {
    bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.limit.abort();
        // At once: the limit's task ends when the runtime comes to it.
        drop(locked(&self.rest).take());
    }
}

/// It was read too slowly.
#[derive(Debug, thiserror::Error)]
#[error("the answer was read too slowly")]
pub(crate) struct TooSlow;

impl Body for Lent {
    type Data = Bytes;
    type Error = TooSlow;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TooSlow>>> {
        let mut rest = locked(&self.rest);
        let Some(Rest { bytes, .. }) = rest.as_mut() else {
            return Poll::Ready(Some(Err(TooSlow)));
        };
        if bytes.is_empty() {
            return Poll::Ready(None);
        }
        let frame = bytes.split_to(FRAME.min(bytes.len()));
        let frame = Bytes::copy_from_slice(&frame);
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn size_hint(&self) -> SizeHint {
        let rest = locked(&self.rest);
        let left = rest.as_ref().map_or(0, |rest| rest.bytes.len());
        SizeHint::with_exact(left as u64)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn bytes(length: usize) -> Vec<u8> {
        (0..length)
            .map(|at| u8::try_from(at % 251).unwrap())
            .collect()
    }

    #[tokio::test]
    async fn a_body_is_read_and_its_memory_free_again() {
        let memory = Memory::of(200 << 10);
        let body = memory.lend(bytes(150_000)).unwrap();
        assert_eq!(body.size_hint().exact(), Some(150_000));
        assert_eq!(memory.lend(bytes(100_000)).unwrap_err(), NoMemory);
        let read = body.collect().await.unwrap().to_bytes();
        assert_eq!(read, bytes(150_000));
        assert!(memory.lend(bytes(200 << 10)).is_ok());
        assert!(memory.lend(bytes((200 << 10) + 1)).is_err());
        drop(memory.lend(bytes(200 << 10)).unwrap());
        assert!(memory.lend(bytes(1)).is_ok(), "one that nobody read");
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_too_slowly_loses_it_and_frees_the_memory() {
        let memory = Memory::of(1 << 20);
        let mut body = memory.lend(bytes(1 << 20)).unwrap();
        assert_eq!(
            body.frame().await.unwrap().unwrap().into_data().unwrap(),
            bytes(FRAME)
        );
        tokio::time::sleep(LEAST + Duration::from_secs(15)).await;
        assert!(body.frame().await.unwrap().is_ok(), "16 s for 1 MiB");
        assert!(memory.lend(bytes(PIECE)).is_err());
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(body.frame().await.unwrap().is_err());
        assert!(memory.lend(bytes(1 << 20)).is_ok());
    }
}

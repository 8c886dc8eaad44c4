//! Bodies of answers. Large ones are bounded together, in memory and in time: whoever reads slowly, or not at all, must not
//! fill the machine.
//!
//! ```text
//! a record is asked for ── room for the largest ── read ── room for what it has ── sent ──> the room is free again
//!                              │ waits, within the request's deadline                  └─ or its time is over: it is cut off
//! ```

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use crate::record::MAX_RECORD_BYTES;

/// The body of an answer.
pub(super) type Body = Either<Full<Bytes>, Large>;

/// Bodies up to this are sent as they are: as many as there are connections may be in memory.
const SMALL: usize = 64 << 10;

/// All large bodies together. Of the largest records, 8 are sent at once; of ordinary lists of revoked certificates,
/// thousands.
const ROOM: usize = 256 << 20;

/// What is counted: a semaphore counts up to 2^29 at least.
const UNIT: usize = 1 << 10;

/// How slowly a large body may be read, in bytes a second: a mobile connection is faster.
const SLOWEST: u64 = 64 << 10;

/// How long any body may take.
const LEAST_TIME: Duration = Duration::from_secs(10);

/// The room for large bodies.
#[derive(Debug)]
pub(super) struct Room(Arc<Semaphore>);

/// Room that was given.
#[derive(Debug)]
pub(super) struct Held(OwnedSemaphorePermit);

impl Room {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(ROOM / UNIT)))
    }

    /// Waits for room for a record of any size.
    pub(super) async fn for_record(&self) -> Option<Held> {
        self.take(MAX_RECORD_BYTES).await
    }

    /// Waits for so much room; none where there never is so much.
    async fn take(&self, bytes: usize) -> Option<Held> {
        let units = units(bytes);
        if units > units_of_all() {
            return None;
        }
        let room = Arc::clone(&self.0).acquire_many_owned(units).await;
        room.ok().map(Held)
    }

    /// The body that sends these bytes, with the room that was given for them, or with what is waited for; none where there is
    /// none.
    pub(super) async fn body(&self, bytes: Bytes, held: Option<Held>) -> Option<Body> {
        if bytes.len() <= SMALL {
            return Some(Either::Left(Full::new(bytes)));
        }
        let held = match held {
            Some(held) => held.shrunk(bytes.len()),
            None => self.take(bytes.len()).await?,
        };
        let seconds = bytes.len() as u64 / SLOWEST;
        let time = LEAST_TIME + Duration::from_secs(seconds);
        Some(Either::Right(Large::new(bytes, held, time)))
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

fn units_of_all() -> u32 {
    units(ROOM)
}

impl Held {
    /// Gives back what these bytes do not need.
    fn shrunk(mut self, bytes: usize) -> Self {
        let spare = self.0.num_permits().saturating_sub(units(bytes) as usize);
        drop(self.0.split(spare));
        self
    }
}

/// The other end did not read it in time.
#[derive(Debug, thiserror::Error)]
#[error("the other end did not read the answer in time")]
pub struct TooSlow;

/// What is sent, while its time is not over.
#[derive(Debug)]
struct Content {
    bytes: Bytes,
    _room: Held,
}

type Shared = Mutex<Option<Content>>;

/// A large body. When its time is over its bytes are given back at once, also where nobody asks for more of them.
#[derive(Debug)]
pub struct Large {
    content: Arc<Shared>,
    sent: usize,
    length: usize,
    ending: JoinHandle<()>,
}

impl Large {
    fn new(bytes: Bytes, room: Held, time: Duration) -> Self {
        let length = bytes.len();
        let content = Arc::new(Mutex::new(Some(Content { bytes, _room: room })));
        let ended: Weak<Shared> = Arc::downgrade(&content);
        let ending = tokio::spawn(async move {
            tokio::time::sleep(time).await;
            if let Some(content) = ended.upgrade() {
                lock(&content).take();
            }
        });
        Self {
            content,
            sent: 0,
            length,
            ending,
        }
    }
}

fn lock(content: &Shared) -> MutexGuard<'_, Option<Content>> {
    content.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Large {
    fn drop(&mut self) {
        self.ending.abort();
    }
}

impl HttpBody for Large {
    type Data = Bytes;
    type Error = TooSlow;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TooSlow>>> {
        let this = self.get_mut();
        if this.sent >= this.length {
            return Poll::Ready(None);
        }
        let content = lock(&this.content);
        let Some(content) = &*content else {
            return Poll::Ready(Some(Err(TooSlow)));
        };
        let end = this.sent.saturating_add(SMALL).min(this.length);
        // A copy: a part of the bytes would keep all of them.
        let part = content.bytes.get(this.sent..end).unwrap_or_default();
        this.sent = end;
        Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(part)))))
    }

    fn is_end_stream(&self) -> bool {
        self.sent >= self.length
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact((self.length - self.sent) as u64)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn free(room: &Room) -> usize {
        room.0.available_permits()
    }

    #[tokio::test]
    async fn a_large_body_is_sent_whole_and_gives_its_room_back() {
        let room = Room::new();
        let all = free(&room);
        let byte = |at: usize| u8::try_from(at % 251).unwrap();
        let bytes: Vec<u8> = (0..SMALL * 2 + 5).map(byte).collect();
        let held = room.for_record().await;
        assert_eq!(all - free(&room), MAX_RECORD_BYTES / UNIT);
        let body = room.body(bytes.clone().into(), held).await.unwrap();
        assert_eq!(all - free(&room), 129);
        assert_eq!(body.size_hint().exact(), Some(bytes.len() as u64));
        assert_eq!(body.collect().await.unwrap().to_bytes(), bytes);
        assert_eq!(free(&room), all);
    }

    #[tokio::test]
    async fn a_small_body_needs_no_room() {
        let room = Room::new();
        let all = free(&room);
        let held = room.for_record().await;
        let body = room.body(Bytes::from_static(b"small"), held).await.unwrap();
        assert_eq!(free(&room), all);
        assert_eq!(body.collect().await.unwrap().to_bytes(), "small");
    }

    #[tokio::test]
    async fn a_body_that_nobody_reads_gives_its_room_back_when_its_time_is_over() {
        let room = Room::new();
        let all = free(&room);
        let held = room.take(SMALL * 3).await.unwrap();
        let bytes = Bytes::from(vec![1; SMALL * 3]);
        let mut body = Large::new(bytes, held, Duration::from_millis(20));
        assert!(body.frame().await.unwrap().is_ok());
        assert!(free(&room) < all);
        // All the room there is comes only when that of the body does.
        let everything = room.take(ROOM).await.unwrap();
        drop(everything);
        assert!(body.frame().await.unwrap().is_err());
        assert_eq!(free(&room), all);
    }

    #[tokio::test]
    async fn more_than_there_is_is_not_waited_for() {
        let room = Room::new();
        assert!(room.take(ROOM + 1).await.is_none());
    }
}

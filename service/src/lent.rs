//! Large bodies of answers. They are read as slowly as whoever asked for them likes, and what they take of memory is bounded:
//! each has [`Room`](crate::room::Room), and whoever reads too slowly, or not at all, loses it.
//!
//! ```text
//! bytes, Held ── Lent ──> frames, while it is read ──> read: the room is free
//!                           └── too slow: the bytes go, and the room with them; the connection breaks off
//! ```

use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::room::Held;

/// Bytes that are handed on at once: as many as one frame of HTTP/2 takes, each stream of which may hold up to three of them. They
/// are copied: a part of the bytes would keep all of them.
pub const FRAME: usize = 16 << 10;

/// How slowly a body may be read, in bytes a second: a mobile connection is faster.
pub const SLOWEST: u32 = 64 << 10;

/// How long nothing may be read. The system takes a megabyte or two at once for a connection, and asks for more when most of
/// that was read: at the slowest rate, that is within this time.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Until when a body waits to be read on: what is read buys time, up to [`PATIENCE`].
#[derive(Debug, Clone, Copy)]
struct Patience {
    until: Instant,
}

impl Patience {
    fn new(now: Instant) -> Self {
        Self {
            until: now + PATIENCE,
        }
    }

    /// So many bytes were read.
    fn read(&mut self, now: Instant, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let bought = Duration::from_secs(1) * bytes / SLOWEST;
        self.until = (self.until + bought).min(now + PATIENCE);
    }
}

/// The other end read too slowly.
#[derive(Debug, thiserror::Error)]
#[error("the answer was read too slowly")]
pub struct TooSlow;

/// A body that holds room while it is read.
#[derive(Debug)]
pub struct Lent<K: Eq + Hash> {
    rest: Arc<Shared<K>>,
    left: usize,
    limit: AbortHandle,
}

/// None once it was read, or taken away.
type Shared<K> = Mutex<Option<Rest<K>>>;

#[derive(Debug)]
struct Rest<K: Eq + Hash> {
    bytes: Bytes,
    patience: Patience,
    _room: Held<K>,
}

impl<K: Eq + Hash + Send + 'static> Lent<K> {
    /// A body of these bytes, which have this room.
    pub fn new(bytes: Bytes, mut room: Held<K>) -> Self {
        room.shrink(bytes.len());
        let left = bytes.len();
        let patience = Patience::new(Instant::now());
        let rest = Arc::new(Mutex::new(Some(Rest {
            bytes,
            patience,
            _room: room,
        })));
        // Also where nobody asks for more of it.
        let limit = tokio::spawn(take_away(Arc::downgrade(&rest), patience.until));
        Self {
            rest,
            left,
            limit: limit.abort_handle(),
        }
    }
}

/// Takes a body away when it was not read on in time.
async fn take_away<K: Eq + Hash>(lent: Weak<Shared<K>>, mut until: Instant) {
    loop {
        tokio::time::sleep_until(until).await;
        let Some(rest) = lent.upgrade() else {
            return;
        };
        let mut rest = locked(&rest);
        match &*rest {
            Some(waiting) if waiting.patience.until > until => until = waiting.patience.until,
            _ => {
                *rest = None;
                return;
            }
        }
    }
}

impl<K: Eq + Hash> Drop for Lent<K> {
    fn drop(&mut self) {
        self.limit.abort();
        // At once: the task of the limit ends when the runtime comes to it.
        drop(locked(&self.rest).take());
    }
}

impl<K: Eq + Hash> Body for Lent<K> {
    type Data = Bytes;
    type Error = TooSlow;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TooSlow>>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(None);
        }
        let mut rest = locked(&this.rest);
        let Some(Rest {
            bytes, patience, ..
        }) = rest.as_mut()
        else {
            return Poll::Ready(Some(Err(TooSlow)));
        };
        let part = bytes.split_to(FRAME.min(bytes.len()));
        let frame = Bytes::copy_from_slice(&part);
        patience.read(Instant::now(), frame.len());
        this.left = bytes.len();
        if this.left == 0 {
            *rest = None;
        }
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}

fn locked<K: Eq + Hash>(rest: &Shared<K>) -> MutexGuard<'_, Option<Rest<K>>> {
    rest.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::room::Room;

    fn bytes(length: usize) -> Bytes {
        let byte = |at: usize| u8::try_from(at % 251).unwrap();
        (0..length).map(byte).collect()
    }

    fn lent(room: &Room<u8>, length: usize) -> Lent<u8> {
        Lent::new(bytes(length), room.try_take(&1, length).unwrap())
    }

    #[tokio::test]
    async fn a_body_is_read_whole_and_its_room_is_free_again() {
        let room = Room::new(1 << 20, 1 << 20);
        let held = room.try_take(&1, 1 << 20).unwrap();
        let body = Lent::new(bytes(150_000), held);
        assert_eq!(room.taken(), 150_000, "no more than it needs");
        assert_eq!(body.size_hint().exact(), Some(150_000));
        assert_eq!(body.collect().await.unwrap().to_bytes(), bytes(150_000));
        assert_eq!(room.taken(), 0);
        drop(lent(&room, 1 << 20));
        assert_eq!(room.taken(), 0, "one that nobody read");
        let empty = lent(&room, 0);
        assert!(empty.is_end_stream());
        assert_eq!(empty.collect().await.unwrap().to_bytes(), "");
    }

    #[tokio::test(start_paused = true)]
    async fn who_stops_reading_loses_it_soon_whatever_was_read() {
        let room = Room::new(8 << 20, 8 << 20);
        for read in [0, 1, 100] {
            let mut body = lent(&room, 8 << 20);
            for _ in 0..read {
                assert!(body.frame().await.unwrap().is_ok());
            }
            let tenth = PATIENCE / 10;
            tokio::time::sleep(tenth * 9).await;
            assert_eq!(room.taken(), 8 << 20, "{read}");
            tokio::time::sleep(tenth * 2).await;
            assert_eq!(room.taken(), 0, "{read}");
            assert!(body.frame().await.unwrap().is_err(), "{read}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_at_the_slowest_rate_reads_it_whole_and_who_is_slower_does_not() {
        let room = Room::new(8 << 20, 8 << 20);
        for (pause, whole) in [(250, true), (375, false)] {
            let mut body = lent(&room, 8 << 20);
            let mut read = 0;
            while let Some(Ok(frame)) = body.frame().await {
                read += frame.into_data().unwrap().len();
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            assert_eq!(read == 8 << 20, whole, "{pause}: {read}");
            assert_eq!(room.taken(), 0, "{pause}");
        }
    }
}

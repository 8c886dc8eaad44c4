//! Large bodies of answers. They are read as slowly as whoever asked for them likes, and what they take of memory is bounded:
//! each has [`Room`], and whoever reads too slowly, or not at all, loses it.
//!
//! ```text
//! Lender ── lend(reader, bytes) ──> Lent ──> frames, while it is read ──> read: the room is free
//!              └── NoRoom             └── too slow: the bytes go, and the room with them; the stream or the connection breaks off
//! ```
//!
//! How fast somebody reads is asked of all that he reads together: of many bodies at once, over one slow network, each is read
//! slowly. What is read of one buys time for the others, but not for ever: each must get its part.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::room::{Held, NoRoom, Room};

/// Bytes that are handed on at once: as many as one frame of HTTP/2 takes, each stream of which may hold up to three of them. They
/// are copied: a part of the bytes would keep all of them.
pub const FRAME: usize = 16 << 10;

/// How slowly somebody may read, in bytes a second: a mobile connection is faster.
pub const SLOWEST: u32 = 64 << 10;

/// How long nothing may be read. The system takes a megabyte or two at once for a connection, and asks for more when most of
/// that was read: at the slowest rate, that is within this time.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Of so many bodies, the streams of one connection, each is read at its part of the slowest rate.
const ABREAST: u32 = crate::serve::STREAMS;

/// How long nothing may be read of one of many bodies: at that rate a frame takes 8 seconds, and the others' come between.
const PATIENCE_ABREAST: Duration = Duration::from_mins(2);

/// Until when a reader is waited for: what is read buys time, up to the longest wait.
#[derive(Debug)]
struct Patience {
    slowest: u32,
    longest: Duration,
    until: Instant,
}

impl Patience {
    fn new(slowest: u32, longest: Duration, now: Instant) -> Self {
        Self {
            slowest,
            longest,
            until: now + longest,
        }
    }

    /// With all that one reads.
    fn with_reader(now: Instant) -> Self {
        Self::new(SLOWEST, PATIENCE, now)
    }

    /// With one body among others.
    fn with_body(now: Instant) -> Self {
        Self::new(SLOWEST / ABREAST, PATIENCE_ABREAST, now)
    }

    /// So many bytes were read.
    fn read(&mut self, now: Instant, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let bought = Duration::from_secs(1) * bytes / self.slowest;
        self.until = (self.until + bought).min(now + self.longest);
    }
}

/// The other end read too slowly.
#[derive(Debug, thiserror::Error)]
#[error("the answer was read too slowly")]
pub struct TooSlow;

/// Lends room to those who read. Cheap to clone; clones are one.
#[derive(Debug)]
pub struct Lender<K> {
    room: Room<K>,
    readers: Arc<Mutex<HashMap<K, Weak<Mutex<Patience>>>>>,
}

impl<K> Clone for Lender<K> {
    fn clone(&self) -> Self {
        Self {
            room: self.room.clone(),
            readers: Arc::clone(&self.readers),
        }
    }
}

impl<K: Clone + Eq + Hash + Send + 'static> Lender<K> {
    /// Lends out of this room.
    pub fn new(room: Room<K>) -> Self {
        Self {
            room,
            readers: Arc::default(),
        }
    }

    /// A body of these bytes for a reader, if there is room for it now.
    pub fn lend(&self, reader: &K, bytes: Bytes) -> Result<Lent<K>, NoRoom> {
        let held = self.room.try_take(reader, bytes.len())?;
        let now = Instant::now();
        Ok(Lent::new(bytes, held, self.patience_with(reader, now), now))
    }

    /// The patience with all that one reads, which lasts as long as he reads something.
    fn patience_with(&self, reader: &K, now: Instant) -> Arc<Mutex<Patience>> {
        let mut readers = locked(&self.readers);
        if let Some(patience) = readers.get(reader).and_then(Weak::upgrade) {
            return patience;
        }
        if readers.len() == readers.capacity() {
            // Those who have read all go before it grows.
            readers.retain(|_, patience| patience.strong_count() > 0);
        }
        let patience = Arc::new(Mutex::new(Patience::with_reader(now)));
        readers.insert(reader.clone(), Arc::downgrade(&patience));
        patience
    }
}

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
    /// With this body.
    patience: Patience,
    /// With all that its reader reads.
    of_reader: Arc<Mutex<Patience>>,
    /// Until when that does not matter: the reader may have been slow before.
    grace: Instant,
    _room: Held<K>,
}

impl<K: Eq + Hash> Rest<K> {
    fn until(&self) -> Instant {
        let of_reader = locked(&self.of_reader).until.max(self.grace);
        self.patience.until.min(of_reader)
    }

    fn read(&mut self, now: Instant, bytes: usize) {
        self.patience.read(now, bytes);
        locked(&self.of_reader).read(now, bytes);
    }
}

impl<K: Eq + Hash + Send + 'static> Lent<K> {
    fn new(bytes: Bytes, room: Held<K>, of_reader: Arc<Mutex<Patience>>, now: Instant) -> Self {
        let left = bytes.len();
        let rest = Rest {
            bytes,
            patience: Patience::with_body(now),
            of_reader,
            grace: now + PATIENCE,
            _room: room,
        };
        let until = rest.until();
        let rest = Arc::new(Mutex::new(Some(rest)));
        // Also where nobody asks for more of it.
        let limit = tokio::spawn(take_away(Arc::downgrade(&rest), until));
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
        match rest.as_ref().map(Rest::until) {
            Some(later) if later > until => until = later,
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
        let Some(lent) = rest.as_mut() else {
            return Poll::Ready(Some(Err(TooSlow)));
        };
        let part = lent.bytes.split_to(FRAME.min(lent.bytes.len()));
        let frame = Bytes::copy_from_slice(&part);
        lent.read(Instant::now(), frame.len());
        this.left = lent.bytes.len();
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

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    const ALL: usize = 32 << 20;

    fn bytes(length: usize) -> Bytes {
        let byte = |at: usize| u8::try_from(at % 251).unwrap();
        (0..length).map(byte).collect()
    }

    fn lender() -> (Room<u8>, Lender<u8>) {
        let room = Room::new(ALL, ALL);
        (room.clone(), Lender::new(room))
    }

    /// Reads a frame of each of these in turn, with such a pause after each, and tells how many were read whole.
    async fn read(mut bodies: Vec<Lent<u8>>, pause: Duration) -> usize {
        let mut whole = 0;
        while !bodies.is_empty() {
            let mut left = Vec::new();
            for mut body in bodies {
                match body.frame().await {
                    Some(frame) if frame.is_ok() => left.push(body),
                    Some(_) => {}
                    None => whole += 1,
                }
                tokio::time::sleep(pause).await;
            }
            bodies = left;
        }
        whole
    }

    #[tokio::test]
    async fn a_body_is_read_whole_and_its_room_is_free_again() {
        let (room, lender) = lender();
        let body = lender.lend(&1, bytes(150_000)).unwrap();
        assert_eq!(room.taken(), 150_000);
        assert_eq!(body.size_hint().exact(), Some(150_000));
        assert_eq!(body.collect().await.unwrap().to_bytes(), bytes(150_000));
        assert_eq!(room.taken(), 0);
        drop(lender.lend(&1, bytes(1 << 20)).unwrap());
        assert_eq!(room.taken(), 0, "one that nobody read");
        let empty = lender.lend(&1, bytes(0)).unwrap();
        assert!(empty.is_end_stream());
        assert_eq!(empty.collect().await.unwrap().to_bytes(), "");
        assert!(lender.lend(&1, bytes(ALL + 1)).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn who_stops_reading_loses_it_soon_whatever_was_read() {
        let (room, lender) = lender();
        for read in [0, 1, 100] {
            let mut body = lender.lend(&1, bytes(8 << 20)).unwrap();
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
    async fn who_reads_at_the_slowest_rate_reads_all_whole_and_who_is_slower_does_not() {
        let (room, lender) = lender();
        // A frame in 250 ms is the slowest rate, however many bodies it is divided among.
        for (count, pause, whole) in [
            (1, 250, 1),
            (1, 375, 0),
            (8, 250, 8),
            (8, 375, 0),
            (ABREAST as usize, 250, ABREAST as usize),
        ] {
            let lend = |_| lender.lend(&1, bytes((8 << 20) / count)).unwrap();
            let bodies = (0..count).map(lend).collect();
            let pause = Duration::from_millis(pause);
            assert_eq!(read(bodies, pause).await, whole, "{count} at {pause:?}");
            assert_eq!(room.taken(), 0, "{count} at {pause:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_others_read_buys_nobody_time() {
        let (_, lender) = lender();
        let lend = |reader| lender.lend(&reader, bytes(1 << 20)).unwrap();
        let bodies = (0..8).map(lend).collect();
        assert_eq!(read(bodies, Duration::from_millis(250)).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_of_which_nothing_is_read_is_not_kept_by_what_is_read_beside_it() {
        let (room, lender) = lender();
        let waits = lender.lend(&1, bytes(1 << 20)).unwrap();
        let beside = lender.lend(&1, bytes(16 << 20)).unwrap();
        // 128 seconds.
        assert_eq!(read(vec![beside], Duration::from_millis(125)).await, 1);
        assert_eq!(room.taken(), 0);
        drop(waits);
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_slow_before_begins_anew_and_is_not_remembered() {
        let (room, lender) = lender();
        let slow = lender.lend(&1, bytes(1 << 20)).unwrap();
        tokio::time::sleep(PATIENCE / 30 * 29).await;
        let next = lender.lend(&1, bytes(1 << 20)).unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(room.taken(), 1 << 20, "the first is gone");
        assert_eq!(next.collect().await.unwrap().to_bytes(), bytes(1 << 20));
        drop(slow);
        for reader in 2..200 {
            drop(lender.lend(&reader, bytes(1)).unwrap());
        }
        assert!(locked(&lender.readers).len() < 20);
    }
}

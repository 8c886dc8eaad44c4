//! Room: memory that is bounded in all, and for each who holds some of it.
//!
//! ```text
//! take(holder, bytes) ── the holder has no more than a share, all together no more than there is ──> Held ── dropped: it is free
//! ```
//!
//! Nobody stands in line: what fits is given to whoever asks, so that somebody who waits for much keeps nobody from a little.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Room that those who hold it share. Cheap to clone; clones are one.
#[derive(Debug)]
pub struct Room<K>(Arc<Shared<K>>);

impl<K> Clone for Room<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct Shared<K> {
    all: usize,
    share: usize,
    taken: Mutex<Taken<K>>,
    freed: Notify,
}

#[derive(Debug)]
struct Taken<K> {
    all: usize,
    /// Of those who hold some.
    by: HashMap<K, usize>,
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// There never is so much for one.
    #[error("one may hold {share} bytes, and {wanted} are wanted")]
    TooMuch {
        /// What is wanted.
        wanted: usize,
        /// What one may hold.
        share: usize,
    },
    /// Whoever asks holds too much already.
    #[error("what is held already leaves no more of the {share} bytes that one may hold")]
    Share {
        /// What one may hold.
        share: usize,
    },
    /// Others hold too much.
    #[error("what others hold leaves no more of the {all} bytes that there are")]
    All {
        /// What there is for all.
        all: usize,
    },
}

impl<K: Clone + Eq + Hash> Room<K> {
    /// Room of so many bytes, of which one may hold a share.
    pub fn new(all: usize, share: usize) -> Self {
        Self(Arc::new(Shared {
            all,
            share: share.min(all),
            taken: Mutex::new(Taken {
                all: 0,
                by: HashMap::new(),
            }),
            freed: Notify::new(),
        }))
    }

    /// What one may hold.
    pub fn share(&self) -> usize {
        self.0.share
    }

    /// What is held of it.
    pub fn taken(&self) -> usize {
        self.0.lock().all
    }

    /// Room for so many bytes, if there is so much now.
    pub fn try_take(&self, holder: &K, bytes: usize) -> Result<Held<K>, NoRoom> {
        self.0.take(holder, bytes)?;
        Ok(Held {
            room: Arc::clone(&self.0),
            holder: holder.clone(),
            bytes,
        })
    }

    /// Waits until there is room for so many bytes; `None` where there never is so much for one.
    pub async fn take(&self, holder: &K, bytes: usize) -> Option<Held<K>> {
        loop {
            // What is freed from here on is heard of.
            let mut freed = pin!(self.0.freed.notified());
            freed.as_mut().enable();
            match self.try_take(holder, bytes) {
                Ok(held) => return Some(held),
                Err(NoRoom::TooMuch { .. }) => return None,
                Err(NoRoom::Share { .. } | NoRoom::All { .. }) => freed.await,
            }
        }
    }
}

impl<K> Shared<K> {
    fn lock(&self) -> MutexGuard<'_, Taken<K>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash> Shared<K> {
    fn take(&self, holder: &K, bytes: usize) -> Result<(), NoRoom> {
        let (all, share) = (self.all, self.share);
        if bytes > share {
            let wanted = bytes;
            return Err(NoRoom::TooMuch { wanted, share });
        }
        let mut taken = self.lock();
        let own = taken.by.get(holder).copied().unwrap_or(0);
        if bytes > share.saturating_sub(own) {
            return Err(NoRoom::Share { share });
        }
        if bytes > all.saturating_sub(taken.all) {
            return Err(NoRoom::All { all });
        }
        taken.all += bytes;
        taken.by.insert(holder.clone(), own + bytes);
        Ok(())
    }
}

impl<K: Eq + Hash> Shared<K> {
    fn give_back(&self, holder: &K, bytes: usize) {
        let mut taken = self.lock();
        taken.all -= bytes;
        if let Some(own) = taken.by.get_mut(holder) {
            *own -= bytes;
            if *own == 0 {
                taken.by.remove(holder);
            }
        }
        drop(taken);
        self.freed.notify_waiters();
    }
}

/// Room that was given; dropped, it is free again.
pub struct Held<K: Eq + Hash> {
    room: Arc<Shared<K>>,
    holder: K,
    bytes: usize,
}

impl<K: Eq + Hash> Held<K> {
    /// How much it is.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Gives back what these bytes do not need.
    pub fn shrink(&mut self, bytes: usize) {
        let spare = self.bytes.saturating_sub(bytes);
        self.bytes -= spare;
        self.room.give_back(&self.holder, spare);
    }
}

impl<K: Clone + Eq + Hash> Held<K> {
    /// Takes a part out of it; no more than there is.
    #[must_use]
    pub fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self {
            room: Arc::clone(&self.room),
            holder: self.holder.clone(),
            bytes,
        }
    }
}

impl<K: Eq + Hash> Drop for Held<K> {
    fn drop(&mut self) {
        self.room.give_back(&self.holder, self.bytes);
    }
}

impl<K: Eq + Hash> fmt::Debug for Held<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&self.bytes).finish()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn one_holds_no_more_than_a_share_and_all_no_more_than_there_is() {
        let room = Room::new(10, 6);
        let first = room.try_take(&"one", 4).unwrap();
        let share = NoRoom::Share { share: 6 };
        assert_eq!(room.try_take(&"one", 3).unwrap_err(), share);
        let second = room.try_take(&"one", 2).unwrap();
        let (wanted, share) = (7, 6);
        let too_much = NoRoom::TooMuch { wanted, share };
        assert_eq!(room.try_take(&"two", 7).unwrap_err(), too_much);
        let all = NoRoom::All { all: 10 };
        assert_eq!(room.try_take(&"two", 5).unwrap_err(), all);
        let mut third = room.try_take(&"two", 4).unwrap();
        assert_eq!(room.taken(), 10);
        assert_eq!(room.try_take(&"three", 1).unwrap_err(), all);
        assert!(room.try_take(&"three", 0).is_ok());
        third.shrink(1);
        third.shrink(5);
        assert_eq!((third.bytes(), room.taken()), (1, 7));
        drop((first, second));
        assert_eq!(room.taken(), 1);
        let (part, nothing) = (third.split(2), third.split(1));
        assert_eq!((part.bytes(), nothing.bytes(), room.taken()), (1, 0, 1));
        drop((part, nothing));
        assert_eq!(room.taken(), 0);
        drop(third);
        assert_eq!(room.taken(), 0);
        assert!(room.0.lock().by.is_empty(), "nobody is remembered");
    }

    #[tokio::test]
    async fn who_waits_for_much_keeps_nobody_from_a_little() {
        let room = Room::new(10, 10);
        let held = room.try_take(&"slow", 5).unwrap();
        let mut much = pin!(room.take(&"much", 9));
        assert!(much.as_mut().now_or_never().is_none());
        drop(room.take(&"little", 5).await.unwrap());
        assert!(much.as_mut().now_or_never().is_none());
        drop(held);
        assert_eq!(much.await.unwrap().bytes(), 9);
        assert!(room.take(&"much", 11).await.is_none(), "there never is");
    }
}

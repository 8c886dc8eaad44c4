//! How much the server does at once: a place for each request and memory for its body, or a 503 at once.
//!
//! ```text
//! request ── enter() ──> Place ── charge(bytes) ──> ... ── drop: both are given back
//!               │                      │
//!               └── full: 503          └── full: 503
//! ```

use std::sync::atomic::{AtomicUsize, Ordering};

/// Requests and bytes that are in the server.
#[derive(Debug)]
pub struct Places {
    requests: Gauge,
    bytes: Gauge,
}

#[derive(Debug)]
struct Gauge {
    used: AtomicUsize,
    most: usize,
}

impl Gauge {
    fn new(most: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            most,
        }
    }

    /// Relaxed: only the count matters, nothing is published by it.
    fn take(&self, amount: usize) -> bool {
        let before = self.used.fetch_add(amount, Ordering::Relaxed);
        let fits = before.saturating_add(amount) <= self.most;
        if !fits {
            self.give_back(amount);
        }
        fits
    }

    fn give_back(&self, amount: usize) {
        self.used.fetch_sub(amount, Ordering::Relaxed);
    }
}

impl Places {
    /// Room for `requests` requests with bodies of `bytes` bytes together.
    pub fn new(requests: usize, bytes: usize) -> Self {
        Self {
            requests: Gauge::new(requests),
            bytes: Gauge::new(bytes),
        }
    }

    /// A place for one request, unless all are taken.
    pub fn enter(&self) -> Option<Place<'_>> {
        self.requests.take(1).then(|| Place {
            places: self,
            bytes: 0,
        })
    }

    /// Requests that have a place.
    pub fn requests(&self) -> usize {
        self.requests.used.load(Ordering::Relaxed)
    }

    /// Bytes that are charged.
    pub fn bytes(&self) -> usize {
        self.bytes.used.load(Ordering::Relaxed)
    }
}

/// The place of one request; dropped, it is free again.
#[derive(Debug)]
pub struct Place<'a> {
    places: &'a Places,
    bytes: usize,
}

impl Place<'_> {
    /// Charges memory for a body; `false` if there is not so much.
    pub fn charge(&mut self, bytes: usize) -> bool {
        let fits = self.places.bytes.take(bytes);
        if fits {
            self.bytes += bytes;
        }
        fits
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.places.requests.give_back(1);
        self.places.bytes.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_and_given_back() {
        let places = Places::new(2, 10);
        let mut first = places.enter().unwrap();
        let second = places.enter().unwrap();
        assert!(places.enter().is_none());
        assert_eq!(places.requests(), 2);
        drop(second);
        assert!(places.enter().is_some());
        assert!(first.charge(10));
        assert!(!first.charge(1));
        assert_eq!(places.bytes(), 10);
        drop(first);
        assert_eq!((places.requests(), places.bytes()), (0, 0));
    }
}

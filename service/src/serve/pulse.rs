//! The pulse of connections: those without a request for too long end, and all end when the server stops.
//!
//! A timer for each request or each connection would cost more than a small answer does. Here a request raises and
//! lowers a number of its connection, written bytes set another to zero, and one sweep, a few times in each
//! `head_deadline`, counts up those in which nothing happens:
//!
//! ```text
//! accepted ─ 0 ── sweep: 1 ── sweep: 2 ── ... ── sweep: SWEEPS + 1, the connection ends
//!            ^ a request ends, or bytes of an answer were written
//! ```
//!
//! So a connection ends that sends nothing, that sends the head of a request too slowly, that idles, or whose other end
//! reads nothing. While a request is in progress its own deadlines hold.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::sync::watch;

use crate::metrics::Connections;

/// Sweeps in one deadline: a connection ends up to one part in so many late.
const SWEEPS: u32 = 4;

/// Orders to a connection, the stronger ones larger.
const FINISH: u32 = 1;
const END: u32 = 2;

/// All connections.
#[derive(Debug)]
pub(super) struct Pulses {
    attended: Mutex<Attended>,
    closing: watch::Sender<bool>,
    counts: Arc<Connections>,
}

#[derive(Debug, Default)]
struct Attended {
    pulses: HashMap<u64, Arc<Pulse>>,
    next: u64,
}

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    requests: AtomicU32,
    still: AtomicU32,
    order: AtomicU32,
    waker: AtomicWaker,
}

impl Pulses {
    /// None yet; `counts` is kept up to date.
    pub(super) fn new(counts: Arc<Connections>) -> Self {
        Self {
            attended: Mutex::default(),
            closing: watch::Sender::new(false),
            counts,
        }
    }

    /// Begins to attend to a connection, unless there are `most`.
    pub(super) fn attend(self: &Arc<Self>, most: usize) -> Option<Attendance> {
        let mut attended = self.lock();
        if attended.pulses.len() >= most {
            return None;
        }
        let pulse = Arc::new(Pulse::default());
        if *self.closing.borrow() {
            pulse.order.store(FINISH, Ordering::Release);
        }
        let number = attended.next;
        attended.next += 1;
        attended.pulses.insert(number, Arc::clone(&pulse));
        self.counts.open.fetch_add(1, Ordering::Relaxed);
        Some(Attendance {
            pulses: Arc::clone(self),
            number,
            pulse,
        })
    }

    /// Ends the connections in which nothing happens for `deadline`.
    pub(super) async fn sweep(&self, deadline: Duration) -> Infallible {
        let mut interval = tokio::time::interval((deadline / SWEEPS).max(Duration::from_millis(1)));
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            for pulse in self.lock().pulses.values() {
                if pulse.requests.load(Ordering::Relaxed) > 0 {
                    pulse.still.store(0, Ordering::Relaxed);
                } else if pulse.still.fetch_add(1, Ordering::Relaxed) == SWEEPS {
                    self.counts.expired.fetch_add(1, Ordering::Relaxed);
                    pulse.order(END);
                }
            }
        }
    }

    /// Tells every connection to finish the requests it has and end.
    pub(super) fn close_all(&self) {
        let attended = self.lock();
        self.closing.send_replace(true);
        for pulse in attended.pulses.values() {
            pulse.order(FINISH);
        }
    }

    /// Returns once [`close_all`](Self::close_all) was called.
    pub(super) async fn closed(&self) {
        // The sender is in self, so that it cannot be gone.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }

    fn lock(&self) -> MutexGuard<'_, Attended> {
        self.attended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pulse {
    /// Something happened.
    fn beat(&self) {
        self.still.store(0, Ordering::Relaxed);
    }

    fn order(&self, order: u32) {
        self.order.fetch_max(order, Ordering::AcqRel);
        self.waker.wake();
    }

    /// A request is in progress until the guard is dropped.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.requests.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }
}

/// A request in progress.
pub(super) struct Busy(Arc<Pulse>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.beat();
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection's entry among all; dropped, it is taken out.
#[derive(Debug)]
pub(super) struct Attendance {
    pulses: Arc<Pulses>,
    number: u64,
    pulse: Arc<Pulse>,
}

impl Attendance {
    pub(super) fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }

    /// Drives a connection until it ends or is told to; `finish` tells it to take no more requests.
    pub(super) async fn drive<C, E>(
        &self,
        mut connection: Pin<&mut C>,
        finish: impl Fn(Pin<&mut C>),
    ) -> Result<(), E>
    where
        C: Future<Output = Result<(), E>>,
    {
        let mut told = false;
        std::future::poll_fn(|context| {
            self.pulse.waker.register(context.waker());
            let order = self.pulse.order.load(Ordering::Acquire);
            if order == END {
                if self.pulse.requests.load(Ordering::Relaxed) == 0 {
                    return Poll::Ready(Ok(()));
                }
                // A request began as the order was given: its answer is written whole, and then the connection ends. Should
                // nobody read it, a later sweep gives the order again.
                self.pulse.order.store(FINISH, Ordering::Release);
            }
            if order >= FINISH && !told {
                told = true;
                finish(connection.as_mut());
            }
            connection.as_mut().poll(context)
        })
        .await
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        self.pulses.lock().pulses.remove(&self.number);
        self.pulses.counts.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream that beats when bytes are written.
#[derive(Debug)]
pub(super) struct Beating<S> {
    stream: S,
    pulse: Arc<Pulse>,
}

impl<S> Beating<S> {
    pub(super) fn new(stream: S, pulse: Arc<Pulse>) -> Self {
        Self { stream, pulse }
    }

    fn beat(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.pulse.beat();
        }
        written
    }
}

impl<S: Read + Unpin> Read for Beating<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl<S: Write + Unpin> Write for Beating<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.beat(written)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.beat(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_that_began_as_its_connection_was_to_end_is_answered_whole() {
        let pulses = Arc::new(Pulses::new(Arc::default()));
        let attendance = pulses.attend(1).unwrap();
        let mut busy = Some(attendance.pulse().busy());
        attendance.pulse().order(END);
        let mut polls = 0;
        // Its first poll ends the request and writes a part of the answer, its second the rest.
        let connection = std::future::poll_fn(|context| {
            polls += 1;
            busy = None;
            if polls == 1 {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(Ok::<_, Infallible>(()))
        });
        let told = std::cell::Cell::new(0);
        let connection = std::pin::pin!(connection);
        let Ok(()) = attendance
            .drive(connection, |_| told.set(told.get() + 1))
            .await;
        assert_eq!((polls, told.get()), (2, 1));
    }

    #[tokio::test]
    async fn a_connection_without_a_request_ends_when_it_is_told_to() {
        let pulses = Arc::new(Pulses::new(Arc::default()));
        let attendance = pulses.attend(1).unwrap();
        attendance.pulse().order(END);
        let connection = std::pin::pin!(std::future::pending::<Result<(), Infallible>>());
        let Ok(()) = attendance.drive(connection, |_| ()).await;
    }
}

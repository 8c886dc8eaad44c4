//! Waiting for the user's Ctrl-C, a supervisor's SIGTERM, or an operator's SIGHUP.

#[cfg(any(feature = "anchor", feature = "bastion", feature = "witness"))]
use std::convert::Infallible;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// From [`listen`](Self::listen) on, neither signal ends the process by itself, and none is missed.
#[derive(Debug)]
pub(crate) struct Interrupts {
    terminate: Option<Signal>,
    interrupt: Option<Signal>,
}

impl Interrupts {
    /// Begins to listen.
    pub(crate) fn listen() -> Self {
        let listen = |kind, name| match signal(kind) {
            Ok(signal) => Some(signal),
            Err(error) => {
                tracing::warn!(%error, "{name} ends this process at once");
                None
            }
        };
        Self {
            terminate: listen(SignalKind::terminate(), "SIGTERM"),
            interrupt: listen(SignalKind::interrupt(), "Ctrl-C"),
        }
    }

    /// Returns when the process is asked to end; called again, when it is asked again.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            () = received(self.terminate.as_mut()) => {}
            () = received(self.interrupt.as_mut()) => {}
        }
    }
}

/// From [`listen`](Self::listen) on, SIGHUP does not end the process, but asks it to read its files again, or to do its work now.
#[cfg(any(feature = "anchor", feature = "bastion", feature = "witness"))]
#[derive(Debug)]
pub(crate) struct Hangups(Option<Signal>);

#[cfg(any(feature = "anchor", feature = "bastion", feature = "witness"))]
impl Hangups {
    /// Begins to listen.
    pub(crate) fn listen() -> Self {
        Self(match signal(SignalKind::hangup()) {
            Ok(signal) => Some(signal),
            Err(error) => {
                tracing::warn!(%error, "SIGHUP ends this process");
                None
            }
        })
    }

    /// Does this each time that it is asked to.
    pub(crate) async fn each(mut self, mut obey: impl FnMut()) -> Infallible {
        loop {
            received(self.0.as_mut()).await;
            obey();
        }
    }
}

async fn received(signal: Option<&mut Signal>) {
    let received = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if received.is_none() {
        std::future::pending::<()>().await;
    }
}

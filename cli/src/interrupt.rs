//! Waiting for the user's Ctrl-C or a supervisor's SIGTERM.

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

async fn received(signal: Option<&mut Signal>) {
    let received = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if received.is_none() {
        std::future::pending::<()>().await;
    }
}

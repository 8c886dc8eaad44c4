//! A proxy before a server, that can swallow what it should pass on.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What becomes of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// They are passed on.
    Whole,
    /// They vanish, in both directions, and no connection is closed: as if a router had forgotten it.
    Dead,
}

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    wire: watch::Sender<Wire>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (wire, state) = watch::channel(Wire::Whole);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (near, _) = listener.accept().await.unwrap();
                connections.spawn(pass(near, server, state.clone()));
            }
        });
        Self {
            address,
            wire,
            task,
        }
    }

    pub(crate) fn set(&self, wire: Wire) {
        self.wire.send_replace(wire);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(near: TcpStream, server: SocketAddr, wire: watch::Receiver<Wire>) {
    let Ok(far) = TcpStream::connect(server).await else {
        return;
    };
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    // A connection that lived when the wire died stays dead.
    let _ = tokio::join!(
        copy(near_in, far_out, wire.clone()),
        copy(far_in, near_out, wire)
    );
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut wire: watch::Receiver<Wire>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let dead = async {
            let _ = wire.wait_for(|wire| *wire == Wire::Dead).await;
        };
        tokio::select! {
            biased;
            () = dead => return swallow(from, to).await,
            read = from.read(&mut buffer) => match read? {
                0 => return to.shutdown().await,
                count => to.write_all(&buffer[..count]).await?,
            }
        }
    }
}

/// Reads and forgets; keeps the other end open until this one is closed.
async fn swallow(mut from: impl AsyncRead + Unpin, to: impl AsyncWrite + Unpin) -> io::Result<()> {
    tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    drop(to);
    Ok(())
}

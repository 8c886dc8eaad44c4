//! An endpoint of the tests: a chain in memory that does as geth does where anvil differs, and lies, drops and stalls when told to.

mod answers;
mod serve;
mod world;

use std::sync::{Arc, Mutex, MutexGuard};

use alloy_consensus::{EthereumTxEnvelope, TxEip4844};
use serde_json::Value;
use tokio::net::TcpListener;

use serve::serve;
use world::World;

pub(crate) type Transaction = EthereumTxEnvelope<TxEip4844>;

/// The id of the chain.
pub(crate) const CHAIN_ID: u64 = 1;

/// What an endpoint does with a call.
pub(crate) enum Reply {
    /// Answers: an object with `result` or `error`.
    Answer(Value),
    /// Answers with this HTTP status and body.
    Raw(u16, &'static str, Vec<u8>),
    /// Closes the connection.
    Drop,
    /// Says nothing.
    Stall,
}

/// What it does with a method, its parameters, and the honest answer.
pub(crate) type Tamper = Box<dyn FnMut(&str, &Value, Value) -> Reply + Send>;

/// An endpoint that serves a world.
#[derive(Clone)]
pub(crate) struct Fake {
    world: Arc<Mutex<World>>,
    pub(crate) url: String,
}

impl Fake {
    /// Serves a chain of some blocks.
    pub(crate) async fn start() -> Self {
        Self::aged(0).await
    }

    /// Serves a chain whose newest block is so many seconds old.
    pub(crate) async fn aged(seconds: u64) -> Self {
        Self::of(World::aged(seconds)).await
    }

    /// Another endpoint, which has the blocks that this one has now.
    pub(crate) async fn branch(&self) -> Self {
        let world = self.world().branch();
        Self::of(world).await
    }

    async fn of(world: World) -> Self {
        let world = Arc::new(Mutex::new(world));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/s3cret", listener.local_addr().unwrap());
        let served = Arc::clone(&world);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, Arc::clone(&served)));
            }
        });
        Self { world, url }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// What it does with calls from now on.
    pub(crate) fn tamper(&self, tamper: impl FnMut(&str, &Value, Value) -> Reply + Send + 'static) {
        self.world().tamper = Some(Box::new(tamper));
    }

    /// From now on the answers to one method have their result changed.
    pub(crate) fn change(
        &self,
        method: &'static str,
        change: impl Fn(&mut Value) + Send + 'static,
    ) {
        self.tamper(move |called, _, mut answer| {
            if called == method {
                change(&mut answer["result"]);
            }
            Reply::Answer(answer)
        });
    }

    pub(crate) fn honest(&self) {
        self.world().tamper = None;
    }

    pub(crate) fn mine(&self, blocks: u64) {
        for _ in 0..blocks {
            self.world().mine();
        }
    }
}

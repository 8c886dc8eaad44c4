//! Work of the processor, beside what waits.
//!
//! Judging a token or a list takes milliseconds, and what a stranger made may take seconds. On the threads that wait for sockets
//! nothing else would go on meanwhile: neither an answer, nor a deadline.

use std::num::NonZero;
use std::sync::{Arc, LazyLock};

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// As much at once as there are processors; the rest waits.
static ROOM: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    Arc::new(Semaphore::new(processors))
});

/// Does work on a thread of its own. Whoever waits for it no longer does not end it, and it keeps its room until it has ended.
pub(crate) async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    // Nobody closes it.
    let room = Arc::clone(&ROOM).acquire_owned().await.ok();
    let done = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(room);
        done
    });
    joined(done).await
}

/// What a task comes to. What breaks in it breaks here.
pub(crate) async fn joined<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends, and so does whoever waits.
            Err(_) => std::future::pending().await,
        },
    }
}

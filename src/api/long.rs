//! Work that takes long: looked through whole, as the audit log and the calls of a report are.
//!
//! **Architecture invariant:** calls go before: one such piece of work is done at a time, by a thread of the lowest
//! priority. Does not know what the work is.

use std::sync::Arc;
use std::time::Duration;

use rustix::thread::gettid;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::problem::Problem;

/// So long somebody waits while others have long work done.
const PATIENCE: Duration = Duration::from_secs(20);
/// The lowest priority.
const NICENESS: i32 = 19;

/// A turn for one at a time.
#[derive(Debug)]
pub(super) struct LongWork(Arc<Semaphore>);

impl Default for LongWork {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl LongWork {
    /// Does what blocks and takes long; who has waited too long for others is told to try again.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = timeout(PATIENCE, Arc::clone(&self.0).acquire_owned()).await;
        let turn = turn.map_err(|_| Problem::busy(PATIENCE.as_secs()))?;
        let (done, outcome) = oneshot::channel();
        std::thread::Builder::new()
            .name("long work".into())
            .spawn(move || {
                if let Err(error) = rustix::process::setpriority_process(Some(gettid()), NICENESS) {
                    tracing::warn!(%error, "long work cannot have the lowest priority");
                }
                // Nobody may wait for it any more; the next one's turn is when it is over.
                let _ = done.send(work());
                drop(turn);
            })
            .map_err(|error| Problem::internal("a thread", &error))?;
        outcome
            .await
            .map_err(|error| Problem::internal("a task", &error))
    }
}

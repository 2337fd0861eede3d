//! Runs recognisers on threads of their own, nearest deadline first among calls that have not had more than their
//! share (`turns`), several windows at a time where that is cheaper and nobody is late for it.
//!
//! **Architecture invariants:** every job is answered exactly once, whatever becomes of its recogniser or
//! of the pool; submitting never blocks; there are never more than `workers + stuck_cap` threads with a
//! recogniser.
//!
//! A job's reply lies in the shared state while the job waits or runs. Whoever takes it out under the
//! lock (the worker with a result, the watchdog when time is up, the pool when it closes) is the one who
//! calls it, after letting the lock go.
//!
//! ```text
//! submit -> queue (by turn) -> worker threads -> reply
//!              \____ watchdog: expired and stuck jobs -> reply
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Outcome, RecogniserFactory};
use crate::speech::{Window, WindowId};
use crate::telemetry::FailureCause;

mod state;
mod turns;
mod watchdog;
mod worker;

use state::State;
pub use state::{Health, Statistics};

/// Called once with what came of a window: on a worker's or the watchdog's thread, or, when the pool
/// refuses a job, on the submitter's. It must not block.
pub type Reply = Box<dyn FnOnce(WindowId, Outcome) + Send>;

/// How a pool runs.
#[derive(Debug, Clone)]
pub struct PoolSettings {
    /// Recognisers that run at the same time; at least one.
    pub workers: usize,
    /// Longest time for one job; a worker that takes longer is given up.
    pub job_limit: Duration,
    /// How many given-up threads are replaced. A thread cannot be ended from outside: each one given up
    /// goes on using memory and perhaps a processor until it returns.
    pub stuck_cap: usize,
    /// Jobs that may wait; at least one.
    pub queue_bound: usize,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            workers: 1,
            job_limit: Duration::from_secs(20),
            stuck_cap: 2,
            queue_bound: 256,
        }
    }
}

/// Whose windows these are: each call has its share of the workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caller(u64);

impl Caller {
    /// Somebody new.
    #[expect(
        clippy::new_without_default,
        reason = "each is another one, and a default is always the same"
    )]
    pub fn new() -> Self {
        static CALLERS: AtomicU64 = AtomicU64::new(0);
        Self(CALLERS.fetch_add(1, Ordering::Relaxed))
    }
}

/// A window to be transcribed.
pub struct Job {
    /// Whose it is.
    pub caller: Caller,
    /// Whether something that was asked for is to be hidden: such a window has a small head start.
    pub is_armed: bool,
    /// The sound; wiped when the job is over.
    pub window: Window,
    /// When the answer stops being of use.
    pub deadline: Instant,
    /// Takes the answer.
    pub reply: Reply,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job")
            .field("window", &self.window.id)
            .field("caller", &self.caller)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// Worker threads and their queue. Dropping it closes it.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
}

/// What the threads share.
struct Shared {
    factory: Arc<dyn RecogniserFactory>,
    settings: PoolSettings,
    state: Mutex<State>,
    /// Something to do for workers, or the pool closes.
    work: Condvar,
    /// Something to watch for the watchdog.
    watch: Condvar,
    /// A job has ended.
    idle: Condvar,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// Nothing panics while it holds the lock, so a poisoned state is still a whole one.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// Starts the threads. Each worker makes its recogniser at once.
    pub fn start(factory: Arc<dyn RecogniserFactory>, settings: PoolSettings) -> Self {
        let settings = PoolSettings {
            workers: settings.workers.max(1),
            queue_bound: settings.queue_bound.max(1),
            ..settings
        };
        let shared = Arc::new(Shared {
            factory,
            state: Mutex::new(State::default()),
            settings,
            work: Condvar::new(),
            watch: Condvar::new(),
            idle: Condvar::new(),
        });
        {
            let mut state = shared.state();
            worker::fill_slots(&shared, &mut state);
            watchdog::start(&shared, &mut state);
        }
        Self { shared }
    }

    /// Hands in a job. When the queue is full, the farthest waiting job of whoever has most of them (perhaps
    /// this one) is answered with `Overload`; so is every job when no worker is left or the pool is closed.
    pub fn submit(&self, job: Job) {
        let refused = {
            let mut state = self.shared.state();
            state.statistics.submitted += 1;
            if state.is_out_of_service() {
                state.statistics.overloaded += 1;
                Some(job)
            } else {
                state.enqueue(job, Instant::now());
                (state.queue.len() > self.shared.settings.queue_bound)
                    .then(|| state.give_up_one())
                    .flatten()
            }
        };
        self.shared.work.notify_one();
        self.shared.watch.notify_one();
        if let Some(job) = refused {
            answer(job.reply, job.window.id, Err(FailureCause::Overload));
        }
    }

    /// How the threads are.
    pub fn health(&self) -> Health {
        let state = self.shared.state();
        Health {
            wanted: self.shared.settings.workers,
            working: state.working,
            given_up: state.given_up,
            waiting: state.queue.len(),
        }
    }

    /// Whether no job waits or runs.
    pub fn is_at_rest(&self) -> bool {
        let state = self.shared.state();
        state.queue.is_empty() && state.running.is_empty()
    }

    /// Counts since the start.
    pub fn statistics(&self) -> Statistics {
        self.shared.state().statistics.clone()
    }

    /// SHA-256 of the recognisers' model, for reports.
    pub fn model_sha256(&self) -> &str {
        self.shared.factory.model_sha256()
    }

    /// Takes no more jobs: those waiting are answered with `Overload`, those running may finish.
    pub fn close(&self) {
        let waiting = {
            let mut state = self.shared.state();
            state.closing = true;
            state.give_up_all()
        };
        self.shared.work.notify_all();
        self.shared.watch.notify_all();
        refuse(waiting);
    }

    /// Closes and waits until no job runs, at most `limit` long. Says whether all have ended; a process
    /// that ends while the speech library calculates may crash at its very end.
    pub fn close_and_wait(&self, limit: Duration) -> bool {
        self.close();
        let state = self.shared.state();
        let (state, _) = self
            .shared
            .idle
            .wait_timeout_while(state, limit, |state| {
                !state.running.is_empty() || state.given_up > 0
            })
            .unwrap_or_else(PoisonError::into_inner);
        state.running.is_empty() && state.given_up == 0
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

/// Calls a reply; one that panics harms nobody else.
fn answer(reply: Reply, window: WindowId, outcome: Outcome) {
    if catch_unwind(AssertUnwindSafe(|| reply(window, outcome))).is_err() {
        tracing::error!("the receiver of a transcript panicked");
    }
}

fn refuse(jobs: Vec<Job>) {
    for job in jobs {
        answer(job.reply, job.window.id, Err(FailureCause::Overload));
    }
}

#[cfg(test)]
mod tests;

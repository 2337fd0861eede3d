//! The threads that recordings are written on: one for all calls, and another whenever one does not come back.
//!
//! A call hands over a block every 20 ms; a thread that is woken for each would cost more than all else that is done
//! for a call. So a thread does everything that waits, rests for a moment in which more comes, and sleeps only
//! when nothing has. A disk may hang, or be slow to say that a recording is complete: when something has waited for
//! a while one more thread is started, so that what hangs holds up no other.
//!
//! Does not know what is written.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long more is waited for: blocks leave so much later at most, and a thread wakes so often at most.
const REST: Duration = Duration::from_millis(5);
/// How long anything may wait before one more thread is started.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);
/// A thread that has had nothing to do for so long ends.
const LINGER: Duration = Duration::from_secs(10);

/// Someone who has something to be written.
pub(super) trait Writes: Send + Sync {
    /// Does everything that waits. May block, and does not panic.
    fn write(&self);
}

/// The threads, which end when they have nothing to do.
#[derive(Clone, Default)]
pub(in crate::gateway) struct Recorders(Arc<Threads>);

#[derive(Default)]
struct Threads {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    /// What is to be written, and since when.
    waiting: VecDeque<(Instant, Arc<dyn Writes>)>,
    /// How many there are, and how many of them sleep.
    threads: usize,
    asleep: usize,
    /// When the last one was started.
    started: Option<Instant>,
}

impl Recorders {
    /// Has something written soon. Fails if there is no thread and none can be started.
    pub(super) fn hand_over(&self, writes: Arc<dyn Writes>) -> io::Result<()> {
        let now = Instant::now();
        let mut state = self.0.lock();
        state.waiting.push_back((now, writes));
        self.staff(state, now)
    }

    /// Starts one more thread if those that are there do not come back.
    pub(super) fn look_after(&self) {
        // Where there are threads already it only stays as it is.
        let _ = self.staff(self.0.lock(), Instant::now());
    }

    fn staff(&self, mut state: MutexGuard<'_, State>, now: Instant) -> io::Result<()> {
        let Some((since, _)) = state.waiting.front() else {
            return Ok(());
        };
        if state.asleep > 0 {
            // It was woken for the first one already.
            if state.waiting.len() == 1 {
                self.0.wake.notify_one();
            }
            return Ok(());
        }
        let is_patient = now.duration_since(*since) < PATIENCE
            || (state.started).is_some_and(|started| now.duration_since(started) < REST);
        if state.threads > 0 && is_patient {
            return Ok(());
        }
        let threads = Arc::clone(&self.0);
        let started = std::thread::Builder::new()
            .name("recorder".into())
            .spawn(move || threads.work());
        match started {
            Ok(_) => {
                state.threads += 1;
                state.started = Some(now);
            }
            Err(error) if state.threads == 0 => {
                state.waiting.pop_back();
                return Err(error);
            }
            Err(error) => tracing::error!(%error, "cannot start another thread for recordings"),
        }
        Ok(())
    }
}

impl Threads {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut state = self.lock();
        loop {
            if let Some((_, writes)) = state.waiting.pop_front() {
                drop(state);
                writes.write();
                state = self.lock();
                continue;
            }
            drop(state);
            std::thread::sleep(REST);
            state = self.lock();
            if !state.waiting.is_empty() {
                continue;
            }
            if state.asleep > 0 {
                // It was one too many.
                break;
            }
            state.asleep += 1;
            let nothing = |state: &mut State| state.waiting.is_empty();
            state = self
                .wake
                .wait_timeout_while(state, LINGER, nothing)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            state.asleep -= 1;
            if state.waiting.is_empty() {
                break;
            }
        }
        state.threads -= 1;
    }
}

#[cfg(test)]
mod tests;

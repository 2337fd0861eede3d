//! When the second listener may work: only while the live workers have nothing to do, and have had little to do lately.
//!
//! It has a worker of its own, of the lowest priority that the system knows, so that a live window that comes meanwhile
//! is not kept waiting for it. This here keeps it from even beginning while calls need recognition.
//!
//! **Architecture invariant:** no window of a recording is begun while a live window waits or is being recognised.

use std::time::Duration;

use tokio::time::Instant;

use crate::gateway::call::{Transcriber, Work};

/// How often the live workers are looked at while they are busy.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Over how long their work is measured.
const MEASURED: Duration = Duration::from_secs(2);

/// Watches the live workers.
#[derive(Debug)]
pub(super) struct Pace {
    /// The share of their time beyond which nothing else is done.
    most_busy: f64,
    /// When they were measured last, and what they had done by then.
    last: Option<(Instant, Duration)>,
    /// Their share of work when it was measured last.
    busy: f64,
}

impl Pace {
    pub(super) fn new(most_busy: f64) -> Self {
        Self {
            most_busy,
            last: None,
            // Until they were measured nothing is known of them.
            busy: 1.0,
        }
    }

    /// Whether a window of a recording may be begun now.
    pub(super) fn may_begin(&mut self, live: &dyn Transcriber, now: Instant) -> bool {
        let Some(work) = live.work() else {
            return false;
        };
        self.measure(work, now);
        live.is_at_rest() && self.busy <= self.most_busy
    }

    fn measure(&mut self, work: Work, now: Instant) {
        let Some((then, done)) = self.last else {
            self.last = Some((now, work.busy));
            return;
        };
        let passed = now.saturating_duration_since(then);
        if passed < MEASURED {
            return;
        }
        let all = passed.as_secs_f64() * work.workers.max(1) as f64;
        self.busy = work.busy.saturating_sub(done).as_secs_f64() / all;
        self.last = Some((now, work.busy));
    }
}

#[cfg(test)]
mod tests;

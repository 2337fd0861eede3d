//! Measures recognition from outside: what calls hand in, when it is answered, and how near to its deadline.
//!
//! Every call that is listened to has a [`Measured`] engine of its own, which also keeps the call to its share. The
//! meter's lock is held for a few additions and never while an engine or a call is called.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Period, share};
use crate::audio::SampleRate;
use crate::engine::pool::Job;
use crate::gateway::call::{Transcriber, Work};
use crate::telemetry::FailureCause;

/// A window that was given less than this says nothing of how recognition keeps up: a call that ends, or a stream
/// that pauses, has what is left examined at once.
const LEAST_GIVEN: Duration = Duration::from_millis(500);
/// Answers whose slack is kept in a period; further ones of it are like them.
const MOST_SLACKS: usize = 4_096;
/// How fast the part of their time that windows take follows, for each answer.
const TAKEN_WEIGHT: f64 = 0.1;
/// Of a period's answers, the part that may be worse than the slack that is told.
const WORST: usize = 20;

/// What all calls that are listened to do, since the last period.
#[derive(Debug)]
pub(in crate::gateway) struct Meter {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Calls that are listened to.
    calls: usize,
    /// Windows under way.
    outstanding: usize,
    /// When the period began.
    began: Instant,
    /// Up to when `call_seconds` counts.
    counted: Instant,
    /// Workers' time before the period.
    busy: Duration,
    /// The period so far.
    period: Period,
    slacks: Vec<f64>,
    /// Of the time that windows were given, the part that the last ones took.
    taken: f64,
}

impl State {
    fn count_calls(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.counted).as_secs_f64();
        self.period.call_seconds += passed * self.calls as f64;
        self.period.calls = self.period.calls.max(self.calls);
        self.counted = now;
    }
}

impl Meter {
    pub(in crate::gateway) fn new(now: Instant) -> Self {
        Self {
            state: Mutex::new(State {
                calls: 0,
                outstanding: 0,
                began: now,
                counted: now,
                busy: Duration::ZERO,
                period: Period::default(),
                slacks: Vec::new(),
                taken: 0.0,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a period. `busy` is the workers' time since their start.
    pub(in crate::gateway) fn take(&self, now: Instant, busy: Duration) -> Period {
        let mut state = self.state();
        state.count_calls(now);
        let mut slacks = std::mem::take(&mut state.slacks);
        slacks.sort_by(f64::total_cmp);
        let period = Period {
            elapsed: now.saturating_duration_since(state.began),
            busy: busy.saturating_sub(state.busy),
            slack: slacks.get(slacks.len() / WORST).copied(),
            ..state.period
        };
        state.began = now;
        state.busy = busy;
        state.period = Period {
            calls: state.calls,
            ..Period::default()
        };
        period
    }

    /// A call begins.
    fn join(&self, now: Instant) {
        let mut state = self.state();
        state.count_calls(now);
        state.calls += 1;
        state.period.calls = state.period.calls.max(state.calls);
    }

    /// A call is over.
    fn leave(&self, now: Instant) {
        let mut state = self.state();
        state.count_calls(now);
        state.calls = state.calls.saturating_sub(1);
    }

    /// A window of a call comes in; whether it may.
    fn begin(&self, own: &AtomicUsize, seconds: f64) -> bool {
        let mut state = self.state();
        state.period.submitted += seconds;
        let under_way = own.load(Ordering::Relaxed);
        let is_behind = state.taken > 0.5;
        if !share::allows(under_way, state.outstanding, state.calls, is_behind) {
            return false;
        }
        state.outstanding += 1;
        own.store(under_way + 1, Ordering::Relaxed);
        true
    }

    /// A window was answered.
    fn end(&self, own: &AtomicUsize, window: &Asked, failure: Option<FailureCause>, now: Instant) {
        let mut state = self.state();
        state.outstanding = state.outstanding.saturating_sub(1);
        let under_way = own.load(Ordering::Relaxed);
        own.store(under_way.saturating_sub(1), Ordering::Relaxed);
        let was_heard = !matches!(
            failure,
            Some(FailureCause::Overload | FailureCause::RecogniserStuck)
        );
        if was_heard {
            state.period.heard += window.seconds;
        }
        let given = window.deadline.saturating_duration_since(window.at);
        if given >= LEAST_GIVEN {
            let left = window.deadline.saturating_duration_since(now);
            let slack = if was_heard {
                left.as_secs_f64() / given.as_secs_f64()
            } else {
                0.0
            };
            state.taken += (1.0 - slack - state.taken) * TAKEN_WEIGHT;
            if state.slacks.len() < MOST_SLACKS {
                state.slacks.push(slack);
            }
        }
    }
}

/// A window under way.
#[derive(Debug, Clone, Copy)]
struct Asked {
    seconds: f64,
    at: Instant,
    deadline: Instant,
}

/// One call's engine: passes its windows on, within its share, and has them measured.
pub(in crate::gateway) struct Measured {
    engine: Arc<dyn Transcriber>,
    meter: Arc<Meter>,
    /// Windows under way; changed under the meter's lock.
    own: Arc<AtomicUsize>,
}

impl Measured {
    /// For a call that begins; it counts as listened to until this is dropped.
    pub(in crate::gateway) fn new(engine: Arc<dyn Transcriber>, meter: &Arc<Meter>) -> Self {
        meter.join(Instant::now());
        Self {
            engine,
            meter: Arc::clone(meter),
            own: Arc::default(),
        }
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.meter.leave(Instant::now());
    }
}

impl Transcriber for Measured {
    fn submit(&self, job: Job) {
        let Job {
            window,
            deadline,
            reply,
        } = job;
        let asked = Asked {
            seconds: window.samples.expose().len() as f64 / f64::from(SampleRate::SPEECH.hertz()),
            at: Instant::now(),
            deadline,
        };
        if !self.meter.begin(&self.own, asked.seconds) {
            tracing::debug!("a window beyond the call's share of recognition is not examined");
            reply(window.id, Err(FailureCause::Overload));
            return;
        }
        let (meter, own) = (Arc::clone(&self.meter), Arc::clone(&self.own));
        self.engine.submit(Job {
            window,
            deadline,
            reply: Box::new(move |window, outcome| {
                meter.end(
                    &own,
                    &asked,
                    outcome.as_ref().err().copied(),
                    Instant::now(),
                );
                reply(window, outcome);
            }),
        });
    }

    fn check(&self) -> anyhow::Result<()> {
        self.engine.check()
    }

    fn model_sha256(&self) -> &str {
        self.engine.model_sha256()
    }

    fn work(&self) -> Option<Work> {
        self.engine.work()
    }
}

#[cfg(test)]
mod tests;

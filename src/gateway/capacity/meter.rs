//! Measures recognition from outside: what calls hand in, when it is answered, and how near to its deadline.
//!
//! Every call that is listened to has a [`Measured`] engine of its own. A call that floods teaches nothing but what
//! windows cost. The meter's lock is held for a few additions and never while an engine or a call is called.

use std::collections::BTreeMap;
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
/// Answers of a call whose slack is kept in a period; further ones of it are like them.
const MOST_SLACKS: usize = 64;
/// After so long a window that was handed in counts half for what a call asked for lately.
const LATELY: Duration = Duration::from_secs(7);
/// Of a period's answers, the part that may be worse than the slack that is told.
const WORST: usize = 20;

/// What all calls that are listened to do, since the last period.
#[derive(Debug)]
pub(in crate::gateway) struct Meter {
    state: Mutex<State>,
}

/// Names a call that is listened to.
type Number = u64;

#[derive(Debug)]
struct State {
    /// Calls that are listened to, and those that were in this period.
    calls: BTreeMap<Number, Tally>,
    numbers: Number,
    /// When the period began.
    began: Instant,
    /// Up to when `call_seconds` counts.
    counted: Instant,
    /// Workers' time before the period.
    busy: Duration,
    /// The period so far.
    period: Period,
}

/// What one call does in a period.
#[derive(Debug, Default)]
struct Tally {
    is_over: bool,
    /// Windows handed in lately.
    lately: f64,
    /// Seconds of windows that were handed in.
    submitted: f64,
    slacks: Vec<f64>,
}

impl State {
    /// Calls that are listened to.
    fn active(&self) -> usize {
        self.calls.values().filter(|call| !call.is_over).count()
    }

    fn count_calls(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.counted).as_secs_f64();
        let active = self.active();
        self.period.call_seconds += passed * active as f64;
        self.period.calls = self.period.calls.max(active);
        self.counted = now;
    }

    /// What the calls of the period did, those that flood left out.
    fn sum_up(&mut self, period: &mut Period) {
        let lately: f64 = self.calls.values().map(|call| call.lately).sum();
        let count = self.calls.len();
        let mut slacks = Vec::new();
        let keep = 0.5_f64.powf(period.elapsed.div_duration_f64(LATELY));
        for call in self.calls.values_mut() {
            let (submitted, mut own) = (call.submitted, std::mem::take(&mut call.slacks));
            if !share::is_flood(call.lately, lately, count) {
                period.submitted += submitted;
                slacks.append(&mut own);
            }
            call.submitted = 0.0;
            call.lately *= keep;
        }
        slacks.sort_by(f64::total_cmp);
        period.slack = slacks.get(slacks.len() / WORST).copied();
        self.calls.retain(|_, call| !call.is_over);
    }
}

impl Meter {
    pub(in crate::gateway) fn new(now: Instant) -> Self {
        Self {
            state: Mutex::new(State {
                calls: BTreeMap::new(),
                numbers: 0,
                began: now,
                counted: now,
                busy: Duration::ZERO,
                period: Period::default(),
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
        let mut period = Period {
            elapsed: now.saturating_duration_since(state.began),
            busy: busy.saturating_sub(state.busy),
            ..state.period
        };
        state.sum_up(&mut period);
        state.began = now;
        state.busy = busy;
        state.period = Period {
            calls: state.active(),
            ..Period::default()
        };
        period
    }

    /// A call begins.
    fn join(&self, now: Instant) -> Number {
        let mut state = self.state();
        state.count_calls(now);
        state.numbers += 1;
        let number = state.numbers;
        state.calls.insert(number, Tally::default());
        state.period.calls = state.period.calls.max(state.active());
        number
    }

    /// A call is over.
    fn leave(&self, number: Number, now: Instant) {
        let mut state = self.state();
        state.count_calls(now);
        if let Some(call) = state.calls.get_mut(&number) {
            call.is_over = true;
        }
    }

    /// A window of a call goes to the engine.
    fn asked(&self, number: Number, window: &Asked) {
        if let Some(call) = self.state().calls.get_mut(&number) {
            call.lately += 1.0;
            call.submitted += window.seconds;
        }
    }

    /// A window was answered.
    fn answered(
        &self,
        number: Number,
        window: &Asked,
        failure: Option<FailureCause>,
        now: Instant,
    ) {
        let mut state = self.state();
        let was_heard = !matches!(
            failure,
            Some(FailureCause::Overload | FailureCause::RecogniserStuck)
        );
        if was_heard {
            state.period.heard += window.seconds;
        }
        let given = window.deadline.saturating_duration_since(window.at);
        if given < LEAST_GIVEN {
            return;
        }
        let left = window.deadline.saturating_duration_since(now);
        let slack = if was_heard {
            left.div_duration_f64(given)
        } else {
            0.0
        };
        if let Some(call) = state.calls.get_mut(&number)
            && call.slacks.len() < MOST_SLACKS
        {
            call.slacks.push(slack);
        }
    }
}

/// A window on its way.
#[derive(Debug, Clone, Copy)]
struct Asked {
    seconds: f64,
    /// When it went to the engine.
    at: Instant,
    deadline: Instant,
}

/// One call's engine: passes its windows on and has them measured.
pub(in crate::gateway) struct Measured {
    engine: Arc<dyn Transcriber>,
    meter: Arc<Meter>,
    number: Number,
}

impl Measured {
    /// For a call that begins; it counts as listened to until this is dropped.
    pub(in crate::gateway) fn new(engine: Arc<dyn Transcriber>, meter: &Arc<Meter>) -> Self {
        Self {
            engine,
            meter: Arc::clone(meter),
            number: meter.join(Instant::now()),
        }
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.meter.leave(self.number, Instant::now());
    }
}

impl Transcriber for Measured {
    fn submit(&self, job: Job) {
        let asked = Asked {
            seconds: job.window.samples.expose().len() as f64
                / f64::from(SampleRate::SPEECH.hertz()),
            at: Instant::now(),
            deadline: job.deadline,
        };
        let (meter, number, reply) = (Arc::clone(&self.meter), self.number, job.reply);
        meter.asked(number, &asked);
        self.engine.submit(Job {
            reply: Box::new(move |window, outcome| {
                let failure = outcome.as_ref().err().copied();
                meter.answered(number, &asked, failure, Instant::now());
                reply(window, outcome);
            }),
            ..job
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

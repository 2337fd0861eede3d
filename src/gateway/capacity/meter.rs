//! Measures recognition from outside: what calls hand in, when it is answered, and how near to its deadline.
//!
//! Every call that is listened to has a [`Measured`] engine of its own, which also keeps the call to its share. The
//! meter's lock is held for a few additions and never while an engine or a call is called.

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
/// Answers whose slack is kept in a period; further ones of it are like them.
const MOST_SLACKS: usize = 4_096;
/// How fast the part of their time that windows take follows, for each answer.
const TAKEN_WEIGHT: f64 = 0.1;
/// The part of their time beyond which windows are said to wait for long.
const BEHIND: f64 = 0.5;
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
    /// Windows with the engine.
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

    /// A window of a call goes to the engine, which has `own` of them; whether it may.
    fn enter(&self, own: usize, window: &Asked) -> bool {
        let mut state = self.state();
        let is_behind = state.taken > BEHIND;
        if !share::allows(own, state.outstanding, state.calls, is_behind) {
            return false;
        }
        state.outstanding += 1;
        if !window.has_waited {
            state.period.submitted += window.seconds;
        }
        true
    }

    /// A window was answered.
    fn answered(&self, window: &Asked, failure: Option<FailureCause>, now: Instant) {
        let mut state = self.state();
        state.outstanding = state.outstanding.saturating_sub(1);
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
            left.as_secs_f64() / given.as_secs_f64()
        } else {
            0.0
        };
        state.taken += (1.0 - slack - state.taken) * TAKEN_WEIGHT;
        if !window.has_waited && state.slacks.len() < MOST_SLACKS {
            state.slacks.push(slack);
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
    /// Whether it was beyond its call's share: it says nothing of how recognition keeps up with others.
    has_waited: bool,
}

/// One call's engine: passes its windows on, as far as its share goes, and has them measured.
pub(in crate::gateway) struct Measured(Arc<Call>);

struct Call {
    engine: Arc<dyn Transcriber>,
    meter: Arc<Meter>,
    line: Mutex<Line>,
}

/// A call's windows.
#[derive(Default)]
struct Line {
    /// How many are with the engine.
    under_way: usize,
    /// Beyond the call's share, the nearest deadline first, then by order of arrival. While any waits, one is under
    /// way, whose answer lets the next one go.
    waiting: BTreeMap<(Instant, u64), Waiting>,
    arrivals: u64,
}

/// A window in a call's line.
struct Waiting {
    since: Instant,
    job: Job,
}

impl Waiting {
    /// Until when it may wait: half of the time that it was given. With less left it would go before the windows of
    /// every other call, and be late all the same.
    fn until(&self) -> Instant {
        let given = self.job.deadline.saturating_duration_since(self.since);
        self.since + given / 2
    }
}

/// What is to be done with a window, out of locks.
enum Step {
    Submit(Job, Asked),
    /// It waited too long.
    Refuse(Job),
}

impl Measured {
    /// For a call that begins; it counts as listened to until this is dropped.
    pub(in crate::gateway) fn new(engine: Arc<dyn Transcriber>, meter: &Arc<Meter>) -> Self {
        meter.join(Instant::now());
        Self(Arc::new(Call {
            engine,
            meter: Arc::clone(meter),
            line: Mutex::default(),
        }))
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.0.meter.leave(Instant::now());
        let waiting = std::mem::take(&mut self.0.line().waiting);
        for Waiting { job, .. } in waiting.into_values() {
            refuse(job);
        }
    }
}

impl Call {
    fn line(&self) -> MutexGuard<'_, Line> {
        // Nothing panics while it holds the lock.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go what may go; `newest` has not waited if it goes now.
    fn advance(self: &Arc<Self>, newest: Option<u64>) {
        while let Some(step) = self.next_step(newest) {
            match step {
                Step::Submit(job, asked) => self.submit(job, asked),
                Step::Refuse(job) => refuse(job),
            }
        }
    }

    fn next_step(&self, newest: Option<u64>) -> Option<Step> {
        let now = Instant::now();
        let mut line = self.line();
        let under_way = line.under_way;
        let first = line.waiting.first_entry()?;
        let (deadline, arrival) = *first.key();
        let asked = Asked {
            seconds: first.get().job.window.samples.expose().len() as f64
                / f64::from(SampleRate::SPEECH.hertz()),
            at: now,
            deadline,
            has_waited: newest != Some(arrival),
        };
        if asked.has_waited && now >= first.get().until() {
            return Some(Step::Refuse(first.remove().job));
        }
        if !self.meter.enter(under_way, &asked) {
            return None;
        }
        let Waiting { job, .. } = first.remove();
        line.under_way += 1;
        Some(Step::Submit(job, asked))
    }

    fn submit(self: &Arc<Self>, job: Job, asked: Asked) {
        let call = Arc::clone(self);
        let Job {
            window,
            deadline,
            reply,
        } = job;
        self.engine.submit(Job {
            window,
            deadline,
            reply: Box::new(move |window, outcome| {
                let failure = outcome.as_ref().err().copied();
                call.meter.answered(&asked, failure, Instant::now());
                let mut line = call.line();
                line.under_way = line.under_way.saturating_sub(1);
                drop(line);
                reply(window, outcome);
                call.advance(None);
            }),
        });
    }
}

fn refuse(job: Job) {
    (job.reply)(job.window.id, Err(FailureCause::Overload));
}

impl Transcriber for Measured {
    fn submit(&self, job: Job) {
        let mut line = self.0.line();
        line.arrivals += 1;
        let arrival = line.arrivals;
        let since = Instant::now();
        line.waiting
            .insert((job.deadline, arrival), Waiting { since, job });
        drop(line);
        self.0.advance(Some(arrival));
    }

    fn check(&self) -> anyhow::Result<()> {
        self.0.engine.check()
    }

    fn model_sha256(&self) -> &str {
        self.0.engine.model_sha256()
    }

    fn work(&self) -> Option<Work> {
        self.0.engine.work()
    }
}

#[cfg(test)]
mod tests;

//! Recognition workers on the call's clock.
//!
//! A worker that is free takes the waiting window with the nearest deadline; its answer arrives when the
//! recogniser's time for it has passed, and only then is the worker free again. A window that still waits
//! at its deadline is answered with an overload then, as [`crate::engine::pool`] does. A window is really
//! transcribed when a virtual worker takes it.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cpu_time::ThreadTime;

use super::media_time;
use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::engine::{Outcome, Recogniser, RecogniserError, RecogniserFactory};
use crate::speech::{Window, WindowId};
use crate::telemetry::FailureCause;

/// A recogniser that tells how long it took.
pub trait Clocked {
    /// Transcribes a window. The times are how long its worker was busy on the virtual clock, and the
    /// processor time of that.
    fn transcribe(
        &mut self,
        window: &Window,
    ) -> Result<(Outcome, MediaTime, MediaTime), RecogniserError>;
}

/// Measures a recogniser's processor time, and replaces one that panicked.
pub struct Stopwatch<'a> {
    factory: &'a dyn RecogniserFactory,
    recogniser: Option<Box<dyn Recogniser>>,
    fixed: Option<MediaTime>,
}

impl<'a> Stopwatch<'a> {
    /// Makes the first recogniser. With `fixed`, every answer takes exactly that long.
    pub fn new(
        factory: &'a dyn RecogniserFactory,
        fixed: Option<MediaTime>,
    ) -> Result<Self, RecogniserError> {
        Ok(Self {
            factory,
            recogniser: Some(factory.create()?),
            fixed,
        })
    }
}

impl Clocked for Stopwatch<'_> {
    fn transcribe(
        &mut self,
        window: &Window,
    ) -> Result<(Outcome, MediaTime, MediaTime), RecogniserError> {
        let recogniser = match &mut self.recogniser {
            Some(recogniser) => recogniser,
            none => none.insert(self.factory.create()?),
        };
        let start = thread_time()?;
        let elsewhere = recogniser.time_elsewhere();
        // A recogniser that panicked is dropped, so its broken state is never used.
        let result = catch_unwind(AssertUnwindSafe(|| recogniser.transcribe(window)));
        let elsewhere = recogniser.time_elsewhere().saturating_sub(elsewhere);
        let cpu = media_time(thread_time()?.saturating_sub(start) + elsewhere);
        let outcome = match result {
            Ok(Ok(transcript)) => Ok(transcript),
            Ok(Err(error)) => {
                tracing::warn!(%error, "a window was not transcribed");
                Err(FailureCause::RecogniserError)
            }
            Err(_) => {
                self.recogniser = None;
                Err(FailureCause::RecogniserPanic)
            }
        };
        Ok((outcome, self.fixed.unwrap_or(cpu), cpu))
    }
}

/// Processor time of this thread.
fn thread_time() -> Result<std::time::Duration, RecogniserError> {
    ThreadTime::try_now()
        .map(|time| time.as_duration())
        .map_err(|error| RecogniserError::Library(format!("no processor time: {error}")))
}

/// What came of a window, and when.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) window: WindowId,
    pub(super) leg: Leg,
    pub(super) span: Span,
    pub(super) deadline: MediaTime,
    pub(super) submitted: MediaTime,
    pub(super) arrival: MediaTime,
    pub(super) cpu: MediaTime,
    pub(super) outcome: Outcome,
}

/// The workers and their queue.
pub(super) struct VirtualPool<'a> {
    recogniser: &'a mut dyn Clocked,
    /// When each worker is free.
    free: Vec<MediaTime>,
    waiting: Vec<(MediaTime, Window)>,
    answers: Vec<Answer>,
}

impl<'a> VirtualPool<'a> {
    pub(super) fn new(workers: NonZeroUsize, recogniser: &'a mut dyn Clocked) -> Self {
        Self {
            recogniser,
            free: vec![MediaTime::ZERO; workers.get()],
            waiting: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Puts a window into the queue. `now` never goes back.
    pub(super) fn submit(&mut self, now: MediaTime, window: Window) {
        self.waiting.push((now, window));
    }

    /// The next answer that arrives before `until`. Windows that a worker takes before then are
    /// transcribed; an answer is given out before a worker takes a window at the same instant, as it may
    /// bring a more urgent one.
    pub(super) fn next_answer(
        &mut self,
        until: MediaTime,
    ) -> Result<Option<Answer>, RecogniserError> {
        while let Some((worker, start)) = self.next_start() {
            let expiry = self.next_expiry();
            let next = start.min(expiry);
            let arrival = self.answers.iter().map(|answer| answer.arrival).min();
            if next >= until || arrival.is_some_and(|arrival| arrival <= next) {
                break;
            }
            if expiry <= start {
                self.expire(expiry);
            } else {
                self.start(worker, start)?;
            }
        }
        let next = self
            .answers
            .iter()
            .enumerate()
            .filter(|(_, answer)| answer.arrival < until)
            .min_by_key(|(_, answer)| (answer.arrival, answer.window))
            .map(|(index, _)| index);
        Ok(next.map(|index| self.answers.swap_remove(index)))
    }

    /// When the next waiting window is past its deadline.
    fn next_expiry(&self) -> MediaTime {
        let expiries = self.waiting.iter().map(expiry);
        expiries.min().unwrap_or(MediaTime::MAX)
    }

    /// Answers for the windows that wait past their deadline at an instant.
    fn expire(&mut self, now: MediaTime) {
        let (expired, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|waiting| expiry(waiting) <= now);
        self.waiting = waiting;
        let expired: Vec<(MediaTime, Window)> = expired;
        self.answers
            .extend(expired.into_iter().map(|(submitted, window)| Answer {
                window: window.id,
                leg: window.leg,
                span: window.span,
                deadline: window.deadline,
                submitted,
                arrival: now,
                cpu: MediaTime::ZERO,
                outcome: Err(FailureCause::Overload),
            }));
    }

    /// Which worker takes the next window, and when.
    fn next_start(&self) -> Option<(usize, MediaTime)> {
        let submitted = self.waiting.iter().map(|(submitted, _)| *submitted).min()?;
        let worker = (0..self.free.len()).min_by_key(|&worker| self.free[worker])?;
        Some((worker, self.free[worker].max(submitted)))
    }

    fn start(&mut self, worker: usize, start: MediaTime) -> Result<(), RecogniserError> {
        let next = self
            .waiting
            .iter()
            .enumerate()
            .filter(|(_, (submitted, _))| *submitted <= start)
            .min_by_key(|(_, (_, window))| (window.deadline, window.id))
            .map(|(index, _)| index);
        let Some(index) = next else { return Ok(()) };
        let (submitted, window) = self.waiting.swap_remove(index);
        let (outcome, busy, cpu) = self.recogniser.transcribe(&window)?;
        let arrival = start + busy;
        self.free[worker] = arrival;
        self.answers.push(Answer {
            window: window.id,
            leg: window.leg,
            span: window.span,
            deadline: window.deadline,
            submitted,
            arrival,
            cpu,
            outcome,
        });
        Ok(())
    }
}

/// When a waiting window is past its deadline; not before it came.
fn expiry((submitted, window): &(MediaTime, Window)) -> MediaTime {
    window.deadline.max(*submitted)
}

#[cfg(test)]
mod tests;

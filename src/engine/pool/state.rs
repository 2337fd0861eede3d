//! What the pool's threads share under one lock. No function here calls a reply.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::turns::Turns;
use super::{Caller, Job, Reply};
use crate::speech::WindowId;

/// How the pool's threads are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Workers there should be.
    pub wanted: usize,
    /// Workers in service.
    pub working: usize,
    /// Threads given up that have not returned.
    pub given_up: usize,
    /// Jobs that wait.
    pub waiting: usize,
}

impl Health {
    /// Whether any worker is in service; without one all jobs are refused.
    pub fn is_serving(&self) -> bool {
        self.working > 0
    }

    /// Whether all workers are in service.
    pub fn is_whole(&self) -> bool {
        self.working >= self.wanted
    }
}

/// Counts since the pool's start. `submitted` is the sum of all outcomes and the jobs still in hand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Statistics {
    /// Jobs handed in.
    pub submitted: u64,
    /// Jobs answered with a transcript.
    pub transcribed: u64,
    /// Jobs that ended in a recogniser's error.
    pub failed: u64,
    /// Jobs that ended in a recogniser's panic.
    pub panicked: u64,
    /// Jobs whose worker was given up.
    pub stuck: u64,
    /// Jobs refused because the queue was full, no worker was left or the pool closed.
    pub overloaded: u64,
    /// Jobs whose deadline passed while they waited.
    pub expired: u64,
    /// Answers of workers that had been given up; dropped.
    pub late_answers: u64,
    /// Time that workers spent on jobs.
    pub busy: Duration,
}

/// The longest that a worker is expected to be at windows it takes together, as others wait meanwhile.
const LONGEST_RUN: Duration = Duration::from_millis(500);

/// Jobs that a worker's thread runs together, the most urgent first. The windows are with the worker.
pub(super) struct Running {
    pub(super) since: Instant,
    /// Who pays for it.
    pub(super) bill: Bill,
    pub(super) replies: Vec<(WindowId, Reply)>,
}

/// What callers were charged for windows that run together.
pub(super) struct Bill {
    callers: Vec<Caller>,
    /// For each window.
    cost: Duration,
}

/// Names a thread for as long as the pool lives.
pub(super) type WorkerId = u64;

#[derive(Default)]
pub(super) struct State {
    pub(super) queue: Turns<Job>,
    pub(super) running: BTreeMap<WorkerId, Running>,
    /// Workers in service.
    pub(super) working: usize,
    /// Threads given up that have not returned.
    pub(super) given_up: usize,
    pub(super) closing: bool,
    pub(super) statistics: Statistics,
    /// What a window took lately.
    cost: Duration,
    workers_started: WorkerId,
}

impl State {
    pub(super) fn is_out_of_service(&self) -> bool {
        self.closing || self.working == 0
    }

    pub(super) fn enqueue(&mut self, job: Job, now: Instant) {
        let (caller, deadline, is_armed) = (job.caller, job.deadline, job.is_armed);
        self.queue.push(caller, deadline, is_armed, now, job);
    }

    /// Takes the jobs that a worker runs next: the one whose turn it is, and those after it that may run
    /// together with it. None of them may make one of them late, nor be what another worker is free for, nor
    /// keep who comes next waiting for long.
    pub(super) fn take_together(&mut self, most: usize, now: Instant) -> (Vec<Job>, Bill) {
        let share = self
            .queue
            .len()
            .div_ceil(self.working.max(1))
            .min(most.max(1));
        let (mut taken, mut callers): (Vec<Job>, Vec<Caller>) = Default::default();
        let mut nearest: Option<Instant> = None;
        while taken.len() < share {
            let together = self.cost * (taken.len() as u32 + 1);
            let next = self.queue.peek().map(|(deadline, _)| deadline);
            nearest = nearest.into_iter().chain(next).min();
            let is_long =
                together > LONGEST_RUN || nearest.is_some_and(|nearest| now + together > nearest);
            if is_long && !taken.is_empty() {
                break;
            }
            match self.queue.pop(self.working, self.cost, now) {
                Some((caller, job)) => {
                    taken.push(job);
                    callers.push(caller);
                }
                None => break,
            }
        }
        let cost = self.cost;
        (taken, Bill { callers, cost })
    }

    /// Charges what windows really took, all together.
    pub(super) fn settle(&mut self, bill: Bill, taken: Duration, now: Instant) {
        let each = taken / (bill.callers.len() as u32).max(1);
        for caller in bill.callers {
            self.queue
                .settle(caller, self.working, (bill.cost, each), now);
        }
    }

    /// Notes that so many windows took so long.
    pub(super) fn note_cost(&mut self, windows: usize, taken: Duration) {
        let cost = taken / (windows as u32).max(1);
        self.statistics.busy += taken;
        self.cost = if self.cost.is_zero() {
            cost
        } else {
            (self.cost * 7 + cost) / 8
        };
    }

    pub(super) fn name_worker(&mut self) -> WorkerId {
        self.workers_started += 1;
        self.workers_started
    }

    /// Takes the farthest waiting job of whoever has most of them.
    pub(super) fn give_up_one(&mut self) -> Option<Job> {
        let job = self.queue.give_up_one()?;
        self.statistics.overloaded += 1;
        Some(job)
    }

    /// Takes all waiting jobs.
    pub(super) fn give_up_all(&mut self) -> Vec<Job> {
        let jobs: Vec<Job> = self.queue.take_all();
        self.statistics.overloaded += jobs.len() as u64;
        jobs
    }

    /// Takes the waiting jobs whose deadline has passed.
    pub(super) fn take_expired(&mut self, now: Instant) -> Vec<Job> {
        let expired = self.queue.take_expired(now);
        self.statistics.expired += expired.len() as u64;
        expired
    }
}

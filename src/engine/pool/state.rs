//! What the pool's threads share under one lock. No function here calls a reply.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::{Job, Queue, Reply};
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

/// Jobs that a worker's thread runs together, the most urgent first. The windows are with the worker.
pub(super) struct Running {
    pub(super) since: Instant,
    pub(super) replies: Vec<(WindowId, Reply)>,
}

/// Names a thread for as long as the pool lives.
pub(super) type WorkerId = u64;

#[derive(Default)]
pub(super) struct State {
    pub(super) queue: Queue,
    pub(super) running: BTreeMap<WorkerId, Running>,
    /// Workers in service.
    pub(super) working: usize,
    /// Threads given up that have not returned.
    pub(super) given_up: usize,
    pub(super) closing: bool,
    pub(super) statistics: Statistics,
    /// What a window took lately.
    cost: Duration,
    arrivals: u64,
    workers_started: WorkerId,
}

impl State {
    pub(super) fn is_out_of_service(&self) -> bool {
        self.closing || self.working == 0
    }

    pub(super) fn enqueue(&mut self, job: Job) {
        self.arrivals += 1;
        self.queue.insert((job.deadline, self.arrivals), job);
    }

    /// Takes the jobs that a worker runs next: the most urgent one, and those after it that may run
    /// together with it. None of them may make the first one late, nor be what another worker is free for.
    pub(super) fn take_together(&mut self, most: usize, now: Instant) -> Vec<Job> {
        let share = self
            .queue
            .len()
            .div_ceil(self.working.max(1))
            .min(most.max(1));
        let mut taken: Vec<Job> = Vec::new();
        while taken.len() < share {
            let together = self.cost * (taken.len() as u32 + 1);
            if taken
                .first()
                .is_some_and(|first| now + together > first.deadline)
            {
                break;
            }
            match self.queue.pop_first() {
                Some((_, job)) => taken.push(job),
                None => break,
            }
        }
        taken
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

    /// Takes the waiting job with the farthest deadline.
    pub(super) fn give_up_farthest(&mut self) -> Option<Job> {
        let (_, job) = self.queue.pop_last()?;
        self.statistics.overloaded += 1;
        Some(job)
    }

    /// Takes all waiting jobs.
    pub(super) fn give_up_all(&mut self) -> Vec<Job> {
        let jobs: Vec<Job> = std::mem::take(&mut self.queue).into_values().collect();
        self.statistics.overloaded += jobs.len() as u64;
        jobs
    }

    /// Takes the waiting jobs whose deadline has passed.
    pub(super) fn take_expired(&mut self, now: Instant) -> Vec<Job> {
        let mut expired = Vec::new();
        while let Some(first) = self.queue.first_entry() {
            if first.key().0 > now {
                break;
            }
            expired.push(first.remove());
        }
        self.statistics.expired += expired.len() as u64;
        expired
    }
}

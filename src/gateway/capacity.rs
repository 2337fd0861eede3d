//! How many calls fit: learned from what recognition costs, so that none is taken that would be late.
//!
//! ```text
//! windows --Measured--> engine            (meter)
//!             |  Period, every second
//!             v
//!          Capacity  --how many, whether another--> admission
//!             '------slack---> Holds  --how long a new call is held
//! ```
//!
//! A call of which recognition hears `demand` seconds in every second of it, at `cost` seconds of a worker for each
//! of them, keeps `demand * cost` workers busy. Of these as many fit as keep the workers busy for a part of the
//! time; the rest is for bursts. Both figures are sums that forget, so that a lull teaches nothing and a rush is
//! learned within a minute. Where answers come late whatever the figures say, no further call is taken until they
//! come in time again.
//!
//! **Architecture invariants:** no clock is read here: time is in the periods; the number is always from 1 to the
//! most that is allowed; more cost never makes more calls fit. Does not know calls, sockets or what becomes of those
//! that do not fit.

pub(super) mod hold;
pub(super) mod memory;
pub(super) mod meter;
pub(super) mod share;
pub(super) mod warm_up;

use std::time::Duration;

/// Part of the workers' time that admitted calls may take.
const TARGET_LOAD: f64 = 0.7;
/// Seconds of windows for each second of a call, before any was heard: both parties speak by turns, and most of
/// what is said is heard a second time together with what follows.
const FIRST_DEMAND: f64 = 1.3;
/// Call-seconds that the first estimate counts for.
const FIRST_WEIGHT: f64 = 120.0;
/// After so many call-seconds what was learned counts half.
const HALF_LIFE: f64 = 600.0;
/// By how much the number must be missed before it is changed, in calls or as a part of it, whichever is more.
const MARGIN: (f64, f64) = (0.25, 0.05);
/// A period longer than this was one in which the process did not run.
const LONGEST_PERIOD: Duration = Duration::from_secs(3);
/// Periods after such a one that teach nothing: what ran through it ends in them.
const SETTLING: u8 = 3;
/// Of the time that windows were given, what is left in the worst of them: less is short, more is ample.
const SHORT_SLACK: f64 = 0.1;
/// Periods with short slack, less those without, at which no call is taken; it ends when none is left.
const PRESSED: u8 = 2;
/// How many are counted at most, so that it ends soon.
const MOST_PRESSED: u8 = 5;
/// How fast the shown load follows, for each period.
const LOAD_WEIGHT: f64 = 0.2;

/// What a model of capacity is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct CapacitySettings {
    /// Recognisers that run at the same time.
    pub(super) workers: usize,
    /// Calls that are never exceeded.
    pub(super) most: usize,
    /// Seconds of a worker for each second of a window, as first measured.
    pub(super) first_cost: f64,
}

/// What happened in a stretch of time, about a second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Period {
    /// Its length.
    pub(super) elapsed: Duration,
    /// Seconds of calls that were listened to, all together.
    pub(super) call_seconds: f64,
    /// The most calls listened to at once.
    pub(super) calls: usize,
    /// Seconds of windows that were handed in.
    pub(super) submitted: f64,
    /// Seconds of windows that recognition was at.
    pub(super) heard: f64,
    /// Time that workers spent on them.
    pub(super) busy: Duration,
    /// Of the time that windows were given, the part that was left in the worst twentieth of them when they were
    /// answered; zero where it was too late; `None` without answers.
    pub(super) slack: Option<f64>,
}

/// A sum that forgets, with what it is divided by.
#[derive(Debug, Clone, Copy)]
struct Ratio {
    above: f64,
    below: f64,
}

impl Ratio {
    fn new(value: f64, weight: f64) -> Self {
        Self {
            above: value * weight,
            below: weight,
        }
    }

    fn add(&mut self, above: f64, below: f64, keep: f64) {
        self.above = self.above * keep + above;
        self.below = self.below * keep + below;
    }

    fn value(self) -> f64 {
        self.above / self.below
    }
}

/// How many calls fit, as far as it is known by now.
#[derive(Debug, Clone)]
pub(super) struct Capacity {
    settings: CapacitySettings,
    /// Worker-seconds for each second of windows.
    cost: Ratio,
    /// Seconds of windows for each second of a call.
    demand: Ratio,
    first: usize,
    calls: usize,
    /// The most calls at once that were answered in time.
    proven: usize,
    load: f64,
    settling: u8,
    pressed: u8,
    is_pressed: bool,
}

impl Capacity {
    /// Before any call.
    pub(super) fn new(settings: CapacitySettings) -> Self {
        // What is not a number was not measured: one call.
        let first_cost = if settings.first_cost.is_nan() {
            f64::MAX
        } else {
            settings.first_cost
        };
        let mut capacity = Self {
            settings,
            cost: Ratio::new(first_cost.clamp(1e-4, 1e4), FIRST_WEIGHT * FIRST_DEMAND),
            demand: Ratio::new(FIRST_DEMAND, FIRST_WEIGHT),
            first: 1,
            calls: 1,
            proven: 0,
            load: 0.0,
            settling: 0,
            pressed: 0,
            is_pressed: false,
        };
        capacity.first = capacity.bounded(capacity.fitting());
        capacity.calls = capacity.first;
        capacity
    }

    /// Learns from a period.
    pub(super) fn observe(&mut self, period: &Period) {
        if period.elapsed > LONGEST_PERIOD {
            self.settling = SETTLING;
            return;
        }
        self.feel(period.slack);
        if self.settling > 0 {
            self.settling -= 1;
            return;
        }
        let workers = self.settings.workers.max(1) as f64;
        let seconds = period.elapsed.as_secs_f64();
        if seconds > 0.0 {
            let load = period.busy.as_secs_f64() / (workers * seconds);
            self.load += (load - self.load) * LOAD_WEIGHT;
        }
        let keep = 0.5_f64.powf(period.call_seconds / HALF_LIFE);
        self.cost.add(period.busy.as_secs_f64(), period.heard, keep);
        self.demand.add(period.submitted, period.call_seconds, keep);
        if !self.is_pressed {
            self.proven = self.proven.max(period.calls);
        }
        self.settle_on(self.fitting());
    }

    /// Counts periods whose answers came in the nick of time.
    fn feel(&mut self, slack: Option<f64>) {
        if slack.is_some_and(|slack| slack < SHORT_SLACK) {
            self.pressed = (self.pressed + 1).min(MOST_PRESSED);
            self.is_pressed |= self.pressed >= PRESSED;
        } else {
            self.pressed = self.pressed.saturating_sub(1);
            self.is_pressed &= self.pressed > 0;
        }
    }

    /// How many fit by the figures alone.
    fn fitting(&self) -> f64 {
        let each = (self.cost.value() * self.demand.value()).max(1e-6);
        self.settings.workers.max(1) as f64 * TARGET_LOAD / each
    }

    /// Changes the number when the figures are clearly off it, upwards no further than has been tried.
    fn settle_on(&mut self, fitting: f64) {
        let now = self.calls as f64;
        let margin = MARGIN.0.max(now * MARGIN.1);
        let tried = self.first.max(self.proven.saturating_mul(2) + 2);
        if fitting < now - margin {
            self.calls = self.bounded(fitting);
        } else if fitting >= now + 1.0 + margin {
            self.calls = self.bounded(fitting.min(tried as f64).max(now));
        }
    }

    fn bounded(&self, calls: f64) -> usize {
        // Not a number becomes zero, and so one.
        (calls as usize).clamp(1, self.settings.most.max(1))
    }

    /// How many calls fit.
    pub(super) fn calls(&self) -> usize {
        self.calls
    }

    /// Whether another call may begin beside those that are listened to. The first always may: only calls teach.
    pub(super) fn may_admit(&self, active: usize) -> bool {
        active < self.calls && (active == 0 || !self.is_pressed)
    }

    /// Whether answers come so late that no call is taken.
    pub(super) fn is_pressed(&self) -> bool {
        self.is_pressed
    }

    /// Part of the workers' time that was taken of late, 1 when they had no rest.
    pub(super) fn load(&self) -> f64 {
        self.load.clamp(0.0, 1.0)
    }

    /// Worker-seconds that a second of a call takes.
    pub(super) fn cost_of_call(&self) -> f64 {
        self.cost.value() * self.demand.value()
    }

    /// Recognisers that run at the same time.
    pub(super) fn workers(&self) -> usize {
        self.settings.workers
    }
}

#[cfg(test)]
mod tests;

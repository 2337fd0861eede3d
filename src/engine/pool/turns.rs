//! Whose window runs next: the nearest deadline, as far as its call has not had more than its share. Pure: time is
//! handed in.
//!
//! The nearest deadline alone is not fair. A call whose sound makes windows faster than they are answered has deadlines
//! as near as any other's; it would have the workers to itself, and every other call would be late with it. So each
//! call pays for what the workers do for it, at the rate of an even share: a window that takes a worker for `c` is
//! paid for in `c * calls / workers`. A window's turn is its deadline, and where its call has not paid for the ones
//! before, it is put off until that is so:
//!
//! ```text
//! turn = max(handed in, all before it is paid for) + the time that it was given
//! ```
//!
//! A call that asks for no more than its share is never put off, and among such calls the nearest deadline goes first.
//! Nobody is put off for time that nobody else wanted: when a worker finds nothing to do all is paid for. Nor does a
//! worker rest while any window waits, in turn or not.
//!
//! **Architecture invariant:** whatever others hand in, a window of a call within its share is begun at latest
//!
//! ```text
//! (given - least given) + HEAD_START + calls * c / workers + c + run
//! ```
//!
//! after it was handed in, where `given` is the time until its deadline, `least given` the least that any window is
//! given, `c` the longest that a window takes and `run` the longest that a worker takes at a time. For that is when
//! the workers have done all whose turn is before: of each call no more than its share of the time, and one window; one
//! for each worker that was thought to be shorter, as what a window costs is known when it is done; and what they were
//! at before. Within a call the nearest deadline goes first.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::Caller;

/// By how much the turn of a call's window comes sooner while what it was asked for is to be hidden: its answers
/// decide over sound that is about to leave. It changes nothing about the call's share.
const HEAD_START: Duration = Duration::from_millis(250);
/// For how long a call counts that hands in nothing.
const REMEMBERED: Duration = Duration::from_secs(10);

/// Who waits, and what they owe.
pub(super) struct Turns<J> {
    lines: BTreeMap<Caller, Line<J>>,
    waiting: usize,
    arrivals: u64,
    /// The longest time that any window was given. Nobody is put off by more: what is has passed its deadline before
    /// a window of somebody else that it could go before is handed in.
    longest: Duration,
}

/// One call's windows.
struct Line<J> {
    /// By deadline, then by order of arrival.
    waiting: BTreeMap<(Instant, u64), Waiting<J>>,
    /// When the workers' time that it had is paid for.
    paid: Instant,
    /// When it last handed in a window.
    last: Instant,
}

struct Waiting<J> {
    since: Instant,
    is_armed: bool,
    job: J,
}

impl<J> Line<J> {
    /// When its first window's turn is.
    fn turn(&self) -> Option<(Instant, u64)> {
        let ((deadline, arrival), first) = self.waiting.first_key_value()?;
        let given = deadline.saturating_duration_since(first.since);
        let turn = first.since.max(self.paid) + given;
        let turn = if first.is_armed {
            turn.checked_sub(HEAD_START).unwrap_or(turn)
        } else {
            turn
        };
        Some((turn, *arrival))
    }
}

impl<J> Default for Turns<J> {
    fn default() -> Self {
        Self {
            lines: BTreeMap::new(),
            waiting: 0,
            arrivals: 0,
            longest: Duration::ZERO,
        }
    }
}

impl<J> Turns<J> {
    /// How many windows wait.
    pub(super) fn len(&self) -> usize {
        self.waiting
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// A call hands in a window.
    pub(super) fn push(
        &mut self,
        caller: Caller,
        deadline: Instant,
        is_armed: bool,
        now: Instant,
        job: J,
    ) {
        self.arrivals += 1;
        self.waiting += 1;
        self.longest = self.longest.max(deadline.saturating_duration_since(now));
        let line = self.lines.entry(caller).or_insert_with(|| Line {
            waiting: BTreeMap::new(),
            paid: now,
            last: now,
        });
        line.last = now;
        let waiting = Waiting {
            since: now,
            is_armed,
            job,
        };
        line.waiting.insert((deadline, self.arrivals), waiting);
    }

    /// Whose turn is next.
    fn next(&self) -> Option<Caller> {
        let turns = self
            .lines
            .iter()
            .filter_map(|(caller, line)| Some((line.turn()?, *caller)));
        turns.min().map(|(_, caller)| caller)
    }

    /// The window whose turn is next, and its deadline.
    pub(super) fn peek(&self) -> Option<(Instant, &J)> {
        let line = self.lines.get(&self.next()?)?;
        let ((deadline, _), first) = line.waiting.first_key_value()?;
        Some((*deadline, &first.job))
    }

    /// Takes the window whose turn is next, for which a worker is expected to take `cost`.
    pub(super) fn pop(
        &mut self,
        workers: usize,
        cost: Duration,
        now: Instant,
    ) -> Option<(Caller, J)> {
        let caller = self.next()?;
        let price = self.price(workers, cost);
        let most = now + self.longest + HEAD_START;
        let line = self.lines.get_mut(&caller)?;
        let (_, first) = line.waiting.pop_first()?;
        line.paid = (line.paid.max(first.since) + price).min(most);
        self.waiting -= 1;
        Some((caller, first.job))
    }

    /// A window that was expected to take `cost` took another time.
    pub(super) fn settle(
        &mut self,
        caller: Caller,
        workers: usize,
        (cost, taken): (Duration, Duration),
        now: Instant,
    ) {
        let (price, paid) = (self.price(workers, taken), self.price(workers, cost));
        let most = now + self.longest + HEAD_START;
        if let Some(line) = self.lines.get_mut(&caller) {
            let before = line.paid.checked_sub(paid).unwrap_or(line.paid);
            line.paid = (before + price).min(most);
        }
    }

    /// In how much time a call pays for a worker's time.
    fn price(&self, workers: usize, cost: Duration) -> Duration {
        cost * self.lines.len().max(1) as u32 / workers.max(1) as u32
    }

    /// A worker found nothing to do: nobody took what others wanted.
    pub(super) fn rest(&mut self, now: Instant) {
        self.lines
            .retain(|_, line| !line.waiting.is_empty() || now < line.last + REMEMBERED);
        for line in self.lines.values_mut() {
            line.paid = line.paid.min(now);
        }
    }

    /// The nearest deadline of all.
    pub(super) fn nearest_deadline(&self) -> Option<Instant> {
        let nearest = self
            .lines
            .values()
            .filter_map(|line| line.waiting.keys().next());
        nearest.map(|(deadline, _)| *deadline).min()
    }

    /// Takes the windows whose deadline has passed. They cost nothing.
    pub(super) fn take_expired(&mut self, now: Instant) -> Vec<J> {
        let mut expired = Vec::new();
        for line in self.lines.values_mut() {
            while let Some(first) = line.waiting.first_entry()
                && first.key().0 <= now
            {
                expired.push(first.remove().job);
            }
        }
        self.waiting -= expired.len();
        expired
    }

    /// Takes the farthest window of the call that has most of them waiting.
    pub(super) fn give_up_one(&mut self) -> Option<J> {
        let longest = self.lines.values_mut().max_by_key(|line| {
            let farthest = line.waiting.keys().next_back().copied();
            (line.waiting.len(), farthest)
        })?;
        let (_, farthest) = longest.waiting.pop_last()?;
        self.waiting -= 1;
        Some(farthest.job)
    }

    /// Takes all windows.
    pub(super) fn take_all(&mut self) -> Vec<J> {
        self.waiting = 0;
        let lines = std::mem::take(&mut self.lines).into_values();
        lines
            .flat_map(|line| line.waiting.into_values())
            .map(|waiting| waiting.job)
            .collect()
    }
}

#[cfg(test)]
mod tests;

//! What is due when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Times at which things with a number want to be asked; each has one at most.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    order: BTreeSet<(Duration, u64)>,
    times: BTreeMap<u64, Duration>,
}

impl Schedule {
    /// Sets, moves or removes the time of a thing.
    pub(super) fn set(&mut self, id: u64, time: Option<Duration>) {
        let before = match time {
            Some(time) => self.times.insert(id, time),
            None => self.times.remove(&id),
        };
        if let Some(before) = before {
            self.order.remove(&(before, id));
        }
        if let Some(time) = time {
            self.order.insert((time, id));
        }
    }

    /// The first time.
    pub(super) fn next(&self) -> Option<Duration> {
        self.order.first().map(|(time, _)| *time)
    }

    /// Takes off a thing whose time has come.
    pub(super) fn due(&mut self, now: Duration) -> Option<u64> {
        let (time, id) = *self.order.first()?;
        if time > now {
            return None;
        }
        self.set(id, None);
        Some(id)
    }
}

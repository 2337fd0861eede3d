//! How far a stream's clock is from ours: the least of (arrival - media time), followed as it drifts.
//!
//! Packets come late in all sorts of ways and never early, so that the ones that were least late tell how the
//! clocks stand. The least falls at once, and rises no faster than clocks can drift: what rises faster is a
//! network that holds packets up, and passes. What is off by more than [`STRAY`] says nothing until it has been
//! so for [`MOVED`]: then the sender's clock, or the way to here, is another.
//!
//! **Architecture invariant:** bounded memory; the time is an input. All times are in microseconds.

use std::collections::VecDeque;

/// Off by more than this, a packet is no measure of the clocks.
const STRAY: i64 = 100_000;
/// After so long with nothing but strays the baseline is wrong.
const MOVED: i64 = 2_000_000;
/// How long the least counts.
const WINDOW: i64 = 8_000_000;
const BUCKET: i64 = 1_000_000;
/// The least of a shorter time may be far from what it would be.
const ENOUGH: i64 = 2_000_000;
/// Microseconds of rise for each of time are one in so many: 1,000 ppm. Telephones' clocks are within 200.
const RISE: i64 = 1_000;

/// The estimate for one stretch of one stream.
#[derive(Debug)]
pub(super) struct Baseline {
    value: i64,
    /// When it last rose as far as it may.
    raised: i64,
    buckets: VecDeque<Bucket>,
    strays: Option<Strays>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    begins: i64,
    least: i64,
}

#[derive(Debug, Clone, Copy)]
struct Strays {
    since: i64,
    early: bool,
}

/// What a packet says of the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noted {
    /// It is as it was, or nearly.
    Usual,
    /// It has been elsewhere for a while.
    Moved,
}

impl Baseline {
    /// From the least transit of the first packets.
    pub(super) fn new(now: i64, least: i64) -> Self {
        Self {
            value: least,
            raised: now,
            buckets: VecDeque::from([Bucket { begins: now, least }]),
            strays: None,
        }
    }

    /// Arrival less media time, of a packet that was not held up.
    pub(super) fn value(&self) -> i64 {
        self.value
    }

    /// Takes a packet's transit: when it came less its media time.
    pub(super) fn note(&mut self, now: i64, transit: i64) -> Noted {
        let off = transit - self.value;
        if off.abs() > STRAY {
            return self.stray(now, off < 0);
        }
        self.strays = None;
        self.value = self.value.min(transit);
        match self.buckets.back_mut() {
            Some(last) if now - last.begins < BUCKET => last.least = last.least.min(transit),
            _ => self.buckets.push_back(Bucket {
                begins: now,
                least: transit,
            }),
        }
        while self
            .buckets
            .front()
            .is_some_and(|first| now - first.begins > WINDOW)
        {
            self.buckets.pop_front();
        }
        self.rise(now);
        Noted::Usual
    }

    fn rise(&mut self, now: i64) {
        let known = self.buckets.front().map_or(0, |first| now - first.begins);
        let allowed = (now - self.raised) / RISE;
        if known < ENOUGH || allowed <= 0 {
            return;
        }
        let least = self.buckets.iter().map(|bucket| bucket.least).min();
        let least = least.unwrap_or(self.value);
        self.value = least.min(self.value + allowed).max(self.value);
        self.raised = now;
    }

    fn stray(&mut self, now: i64, early: bool) -> Noted {
        match self.strays {
            Some(strays) if strays.early == early => {
                if now - strays.since >= MOVED {
                    return Noted::Moved;
                }
            }
            _ => self.strays = Some(Strays { since: now, early }),
        }
        Noted::Usual
    }
}

#[cfg(test)]
mod tests;

//! Places audio that carries no time: its samples make the time go on, and when they arrive tells where
//! some are missing.
//!
//! Audio that comes [`TOLERANCE`] later than the samples before it say has had a pause before it, or what
//! the network held up: a pause becomes a gap, and what was held up is followed at once by the rest of
//! it and needs none. Which it was is known shortly after, so that samples in doubt wait up to [`DOUBT`]
//! before they are given a place.
//!
//! **Architecture invariants:** places only go up and never overlap; no more than [`LONGEST_DOUBT`] and one
//! message wait. The time of arrival is an input. Knows neither bytes nor legs.

use std::time::Duration;

use crate::audio::{MediaTime, SampleIndex, SampleRate};

/// Audio that is late by no more than this follows what came before it.
pub(super) const TOLERANCE: MediaTime = MediaTime::from_millis(500);
/// How long after a silence it is known whether the stream is catching up.
pub(super) const DOUBT: MediaTime = MediaTime::from_millis(200);
/// Samples that wait at most, besides the message that makes them too many.
const LONGEST_DOUBT: MediaTime = MediaTime::from_millis(1_000);
/// No call lasts longer, whatever the clock says.
const LATEST: Duration = Duration::from_secs(366 * 24 * 3_600);

/// One connection's timeline so far. Counts in samples of one leg.
#[derive(Debug)]
pub(super) struct ArrivalClock {
    rate: SampleRate,
    /// Where the next sample goes that is not late.
    next: i64,
    /// When audio arrived that was least late, less its place. Taken until the first gap: a gap that
    /// turns out too long makes the stream early, and must not become the measure of lateness.
    prompt: Option<i64>,
    has_gap: bool,
    doubt: Option<Doubt>,
}

/// Samples that wait until it is known whether there was a pause before them.
#[derive(Debug, Clone, Copy)]
struct Doubt {
    since: i64,
    /// How late the first of them were.
    first: i64,
    /// How late those were that were least late.
    least: i64,
    samples: i64,
}

/// What is known after a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Placed {
    /// Where all the samples go that were waiting; `None` if none were or they still do.
    pub(super) waiting: Option<u64>,
    /// Where the message's samples go; `None` if they wait.
    pub(super) fresh: Option<u64>,
}

impl ArrivalClock {
    pub(super) fn new(rate: SampleRate) -> Self {
        Self {
            rate,
            next: 0,
            prompt: None,
            has_gap: false,
            doubt: None,
        }
    }

    /// Takes the samples of a message that came `since` the connection was opened.
    pub(super) fn push(&mut self, samples: usize, since: Duration) -> Placed {
        let samples = samples as i64;
        let waiting = self.doubt.map_or(0, |doubt| doubt.samples);
        let now = self.arrival(since);
        let late = now - (self.next + waiting + samples);
        let prompt = match self.prompt {
            Some(prompt) if self.has_gap => prompt,
            Some(prompt) => prompt.min(late),
            None => late,
        };
        self.prompt = Some(prompt);
        let mut late = late - prompt;

        let tolerance = self.count(TOLERANCE);
        let patience = self.count(DOUBT);
        let longest = self.count(LONGEST_DOUBT);
        if late <= tolerance {
            return Placed {
                waiting: self.settle(0),
                fresh: Some(self.append(samples)),
            };
        }
        let mut placed = Placed::default();
        if let Some(doubt) = &mut self.doubt {
            if now - doubt.since < patience && doubt.samples < longest {
                doubt.least = doubt.least.min(late);
                doubt.samples += samples;
                return placed;
            }
            let is_catching_up = doubt.first - late >= patience;
            let gap = if is_catching_up {
                0
            } else {
                doubt.least.min(late)
            };
            placed.waiting = self.settle(gap);
            late -= gap;
            if late <= tolerance {
                placed.fresh = Some(self.append(samples));
                return placed;
            }
        }
        self.doubt = Some(Doubt {
            since: now,
            first: late,
            least: late,
            samples,
        });
        placed
    }

    /// Nothing more will come for now: where the samples go that wait.
    pub(super) fn flush(&mut self) -> Option<u64> {
        let gap = self.doubt?.least;
        self.settle(gap)
    }

    /// Places what waits after a gap of so many samples.
    fn settle(&mut self, gap: i64) -> Option<u64> {
        let doubt = self.doubt.take()?;
        self.next += gap;
        self.has_gap |= gap > 0;
        Some(self.append(doubt.samples))
    }

    fn append(&mut self, samples: i64) -> u64 {
        let place = self.next;
        self.next += samples;
        place.cast_unsigned()
    }

    fn count(&self, length: MediaTime) -> i64 {
        self.rate.samples_in(length) as i64
    }

    fn arrival(&self, since: Duration) -> i64 {
        let micros = since.min(LATEST).as_micros() as u64;
        let SampleIndex(index) = self.rate.index_at(MediaTime::from_micros(micros));
        index as i64
    }
}

#[cfg(test)]
mod tests;

//! How loud a call's clean audio was: the highest sample of each tenth of a second.

use std::collections::VecDeque;

use crate::audio::{MediaTime, SampleIndex, SampleRate};
use crate::session::CleanAudio;

/// Bins of a second.
const PER_SECOND: u64 = 10;
/// Bins after which levels are told: twice a second.
const TOLD: usize = 5;

/// Peaks in a row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Levels {
    /// Where the first begins.
    pub from: MediaTime,
    /// For each leg in channel order, 0 to 100 of full scale.
    pub legs: Vec<Vec<u8>>,
}

/// The peaks of the last while.
#[derive(Debug)]
pub(super) struct Peaks {
    rate: SampleRate,
    most: usize,
    /// Those that are complete, the last ones.
    legs: Vec<VecDeque<u8>>,
    /// The number of the one that is not.
    next: u64,
    open: Vec<u16>,
    /// Complete ones that were not told.
    untold: usize,
}

impl Peaks {
    pub(super) fn new(legs: usize, rate: SampleRate, kept: MediaTime) -> Self {
        Self {
            rate,
            most: (kept.micros() * PER_SECOND / 1_000_000) as usize,
            legs: vec![VecDeque::new(); legs],
            next: 0,
            open: vec![0; legs],
            untold: 0,
        }
    }

    /// Takes audio that left. Returns levels to be told, when there are enough.
    pub(super) fn add(&mut self, audio: &CleanAudio) -> Option<Levels> {
        let width = u64::from(self.rate.hertz()) / PER_SECOND;
        let start = audio.start().0;
        let end = start + audio.len() as u64;
        let mut at = start;
        while at < end {
            self.close_until(at / width);
            let to = end.min((at / width + 1) * width);
            let place = (at - start) as usize..(to - start) as usize;
            for (open, channel) in self.open.iter_mut().zip(audio.channels()) {
                let samples = channel.get(place.clone()).unwrap_or_default();
                let peak = samples.iter().map(|sample| sample.unsigned_abs()).max();
                *open = (*open).max(peak.unwrap_or(0));
            }
            at = to;
        }
        self.close_until(end / width);
        (self.untold >= TOLD).then(|| {
            let count = std::mem::take(&mut self.untold);
            self.last(count)
        })
    }

    /// Closes those before one; what was left out of the recording is silent.
    fn close_until(&mut self, bin: u64) {
        while self.next < bin {
            for (leg, open) in self.legs.iter_mut().zip(&mut self.open) {
                let peak = u32::from(std::mem::take(open));
                // At least 1 where there is sound, at most 100.
                leg.push_back((peak * 100).div_ceil(1 << 15).min(100) as u8);
                if leg.len() > self.most {
                    leg.pop_front();
                }
            }
            self.next += 1;
            self.untold += 1;
        }
    }

    fn last(&self, count: usize) -> Levels {
        let kept = self.legs.first().map_or(0, VecDeque::len);
        let skipped = kept.saturating_sub(count);
        let tail = |leg: &VecDeque<u8>| leg.iter().skip(skipped).copied().collect();
        let first = self.next - (kept - skipped) as u64;
        let index = first * u64::from(self.rate.hertz()) / PER_SECOND;
        Levels {
            from: self.rate.time_of(SampleIndex(index)),
            legs: self.legs.iter().map(tail).collect(),
        }
    }

    /// All that are kept.
    pub(super) fn all(&self) -> Levels {
        self.last(usize::MAX)
    }
}

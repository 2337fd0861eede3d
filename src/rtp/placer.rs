//! Puts decoded audio on the leg's timeline, and takes out what the sender's clock is off.
//!
//! Audio goes where its timestamps say, shifted by what had to be corrected so far. A correction leaves a hole,
//! which becomes silence, or takes samples out: in pauses and at holes as soon as it is worth it, and in the
//! midst of speech only when there was no pause for long, a thousandth of a second at a time.
//!
//! **Architecture invariants:** places only go up and never overlap; no sample is given that was not brought;
//! without an error of the clock samples pass as they are.

use zeroize::{Zeroize, Zeroizing};

use super::Received;
use crate::audio::{SampleIndex, SampleRate};
use crate::call::Sensitive;

/// When a clock that is off is corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Correction {
    /// In a pause: if off by this much, in microseconds.
    pub in_pause_micros: u32,
    /// In speech: if off by this much, in microseconds, for [`Correction::patience_micros`].
    pub in_speech_micros: u32,
    /// How long a pause is waited for.
    pub patience_micros: u32,
}

impl Default for Correction {
    /// Two legs whose clocks run apart stay within 20 ms of each other: each is off by less than 10.
    fn default() -> Self {
        Self {
            in_pause_micros: 4_000,
            in_speech_micros: 8_000,
            patience_micros: 5_000_000,
        }
    }
}

/// A correction in speech is a thousandth of a second.
const STEPS_PER_SECOND: u32 = 1_000;
/// Between corrections in speech, unless it is off by much.
const STEP_APART: i64 = 1_000_000;
/// Off by so much it is corrected in speech more often, and without patience.
const MUCH: i64 = 40_000;
const STEP_APART_IF_MUCH: i64 = 100_000;
/// Pauses are looked for in pieces of 10 ms.
const PIECES_PER_SECOND: u32 = 100;
/// A mean below this is a pause however quiet the speech: -58 dB.
const SILENT: u32 = 40;
/// A pause is quieter than what was loud lately by this factor: 22 dB.
const BELOW_SPEECH: u32 = 12;
/// What was loud lately fades by one in so many with every piece: by half in 3.5 seconds.
const FADING: u32 = 512;

/// One leg's timeline so far. Counts in samples.
pub(super) struct Placer {
    rate: SampleRate,
    correction: Correction,
    /// The first place that is free.
    cursor: i64,
    /// What is added to where timestamps say.
    shift: i64,
    /// The mean of what was loud lately, with eight binary places.
    loud: u32,
    /// Since when it is off by enough to be corrected in speech.
    off_since: Option<i64>,
    /// When it was last corrected in speech.
    stepped: Option<i64>,
    corrected: u64,
    dropped: u64,
}

/// What is known when a block is placed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bearings {
    /// Where timestamps say it begins.
    pub(super) position: i64,
    /// Where it would begin if the sender's clock were ours.
    pub(super) ideal: i64,
    /// In microseconds since the call's start.
    pub(super) now: i64,
}

impl Placer {
    pub(super) fn new(rate: SampleRate, correction: Correction) -> Self {
        Self {
            rate,
            correction,
            cursor: 0,
            shift: 0,
            loud: 0,
            off_since: None,
            stepped: None,
            corrected: 0,
            dropped: 0,
        }
    }

    /// The first place that is free.
    pub(super) fn cursor(&self) -> i64 {
        self.cursor
    }

    /// Where something goes that timestamps say is here.
    pub(super) fn shifted(&self, position: i64) -> i64 {
        position + self.shift
    }

    /// Samples that silence was put in for or that were taken out, as clocks differed.
    pub(super) fn corrected(&self) -> u64 {
        self.corrected
    }

    /// Samples that came for a time that was over.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// What comes next has timestamps of another clock.
    pub(super) fn begin_anew(&mut self) {
        self.shift = 0;
        self.off_since = None;
    }

    /// Places a block.
    pub(super) fn place(
        &mut self,
        bearings: Bearings,
        mut samples: Zeroizing<Vec<i16>>,
        out: &mut Vec<Received>,
    ) {
        if samples.is_empty() {
            return;
        }
        // How much too late it would go; negative is too early.
        let mut off = self.shifted(bearings.position) - bearings.ideal;
        let worth = self.count(self.correction.in_pause_micros);
        let hole = self.shifted(bearings.position) - self.cursor;
        if hole > 0 && off.abs() >= worth {
            let moved = (-off).max(-hole);
            self.shift(moved);
            off += moved;
        }
        let overlap = self.cursor - self.shifted(bearings.position);
        if overlap > 0 {
            let overlap = usize::try_from(overlap).unwrap_or(usize::MAX);
            let gone = overlap.min(samples.len());
            self.dropped += gone as u64;
            samples[..gone].zeroize();
            samples.drain(..gone);
            if samples.is_empty() {
                return;
            }
        }
        self.cursor = self.cursor.max(self.shifted(bearings.position));

        let step = self.step(off, bearings.now);
        let is_usual = off.abs() < worth && step == 0;
        let piece = (self.rate.hertz() / PIECES_PER_SECOND) as usize;
        let levels: Vec<u32> = samples.chunks(piece).map(mean).collect();
        let quiet: Vec<bool> = levels.iter().map(|&level| self.is_quiet(level)).collect();
        if is_usual || !quiet.contains(&true) && step == 0 {
            return self.give(&mut samples, out);
        }
        let quietest = (0..levels.len()).min_by_key(|&index| levels[index]);
        let mut kept = Zeroizing::new(Vec::with_capacity(samples.len()));
        for (index, piece) in samples.chunks(piece).enumerate() {
            let mut change = 0;
            if quiet[index] && off.abs() >= worth {
                change = -off;
            } else if step != 0 && !quiet.contains(&true) && Some(index) == quietest {
                change = step;
                self.stepped = Some(bearings.now);
            }
            let change = change.max(-(piece.len() as i64));
            if change > 0 {
                self.give(&mut kept, out);
                self.cursor += change;
            }
            let cut = usize::try_from(-change).unwrap_or(0);
            kept.extend_from_slice(&piece[cut..]);
            self.shift(change);
            off += change;
        }
        self.give(&mut kept, out);
    }

    fn shift(&mut self, by: i64) {
        self.shift += by;
        self.corrected += by.unsigned_abs();
    }

    /// What is to be corrected in speech.
    fn step(&mut self, off: i64, now: i64) -> i64 {
        if off.abs() < self.count(self.correction.in_speech_micros) {
            self.off_since = None;
            return 0;
        }
        let since = *self.off_since.get_or_insert(now);
        let much = off.abs() >= self.count(MUCH as u32);
        let waited = now - since >= i64::from(self.correction.patience_micros);
        let apart = if much { STEP_APART_IF_MUCH } else { STEP_APART };
        let rested = self.stepped.is_none_or(|last| now - last >= apart);
        if rested && (much || waited) {
            let step = i64::from(self.rate.hertz() / STEPS_PER_SECOND);
            -off.signum() * step
        } else {
            0
        }
    }

    /// Judges the next piece by its level, and remembers it.
    fn is_quiet(&mut self, level: u32) -> bool {
        let faded = self.loud - self.loud / FADING;
        self.loud = faded.max(level << 8);
        level <= SILENT || level * BELOW_SPEECH <= self.loud >> 8
    }

    fn count(&self, micros: u32) -> i64 {
        i64::from(micros) * i64::from(self.rate.hertz()) / 1_000_000
    }

    /// Gives what was kept, right at the cursor.
    fn give(&mut self, kept: &mut Zeroizing<Vec<i16>>, out: &mut Vec<Received>) {
        if kept.is_empty() {
            return;
        }
        let samples = std::mem::take(&mut **kept);
        let at = SampleIndex(self.cursor.unsigned_abs());
        self.cursor += samples.len() as i64;
        out.push(Received::Audio {
            at,
            samples: Sensitive::new(samples),
        });
    }
}

/// The mean of a piece's sizes.
fn mean(piece: &[i16]) -> u32 {
    let sum: u64 = piece.iter().map(|&s| u64::from(s.unsigned_abs())).sum();
    (sum / piece.len().max(1) as u64) as u32
}

#[cfg(test)]
mod tests;

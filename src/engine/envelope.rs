//! How loud a window is, every ten milliseconds, and where sound begins and ends in it.

use std::ops::RangeInclusive;

/// Frames per second.
const FRAMES: f64 = 100.0;
/// Samples of a frame at 16 kHz.
const FRAME: usize = 160;
/// What counts as digital silence, in decibels of full scale.
const SILENCE: f32 = -90.0;
/// Sound shorter than this does not make an edge.
const SHORTEST: usize = 4;

/// Loudness over time, in decibels of full scale.
#[derive(Debug, Clone)]
pub(super) struct Envelope {
    frames: Vec<f32>,
    sounding: Vec<bool>,
    /// Frames at most this loud are background.
    background: f32,
}

impl Envelope {
    /// Of mono samples at 16 kHz.
    pub(super) fn of(samples: &[f32]) -> Self {
        let frames: Vec<f32> = samples.chunks(FRAME).map(level).collect();
        let (background, threshold) = thresholds(&frames);
        let sounding = bridged(frames.iter().map(|frame| *frame > threshold).collect());
        Self {
            frames,
            sounding,
            background,
        }
    }

    /// The level of the loudest tenth of a second, in decibels of full scale.
    pub(super) fn loudest(&self) -> f32 {
        self.frames
            .windows(10)
            .map(|frames| frames.iter().sum::<f32>() / frames.len() as f32)
            .fold(SILENCE, f32::max)
    }

    /// When the last sound ends, however faint, in seconds.
    pub(super) fn end_of_sound(&self) -> f64 {
        let last = self
            .frames
            .iter()
            .rposition(|frame| *frame > self.background);
        last.map_or(0.0, |last| (last + 1) as f64 / FRAMES)
    }

    /// Whether there is sound at a time.
    pub(super) fn sounds_at(&self, seconds: f64) -> bool {
        self.sounding(seconds.max(0.0) * FRAMES)
    }

    fn sounding(&self, frame: f64) -> bool {
        frame >= 0.0 && self.sounding.get(frame as usize).copied().unwrap_or(false)
    }

    /// The nearest time within `reach` seconds, and within a range, at which sound begins.
    pub(super) fn nearest_onset(
        &self,
        seconds: f64,
        reach: f64,
        within: &RangeInclusive<f64>,
    ) -> Option<f64> {
        self.nearest(seconds, reach, within, |before, after| !before && after)
    }

    /// The first time from `from` to `to` at which sound begins.
    pub(super) fn next_onset(&self, from: f64, to: f64) -> Option<f64> {
        let frames = (from.max(0.0) * FRAMES).ceil() as usize..=(to.max(0.0) * FRAMES) as usize;
        frames
            .map(|frame| frame as f64)
            .find(|frame| !self.sounding(frame - 1.0) && self.sounding(*frame))
            .map(|frame| frame / FRAMES)
    }

    /// The nearest time within `reach` seconds, and within a range, at which sound ends.
    pub(super) fn nearest_offset(
        &self,
        seconds: f64,
        reach: f64,
        within: &RangeInclusive<f64>,
    ) -> Option<f64> {
        self.nearest(seconds, reach, within, |before, after| before && !after)
    }

    fn nearest(
        &self,
        seconds: f64,
        reach: f64,
        within: &RangeInclusive<f64>,
        is_edge: impl Fn(bool, bool) -> bool,
    ) -> Option<f64> {
        let sounding = |frame: usize| self.sounding.get(frame).copied().unwrap_or(false);
        let first = ((seconds - reach).max(0.0) * FRAMES) as usize;
        let last = (((seconds + reach).max(0.0) * FRAMES) as usize).min(self.sounding.len());
        (first..=last)
            .filter(|frame| {
                let before = frame.checked_sub(1).is_some_and(sounding);
                is_edge(before, sounding(*frame))
            })
            .map(|frame| frame as f64 / FRAMES)
            .filter(|edge| within.contains(edge))
            .min_by(|a, b| (a - seconds).abs().total_cmp(&(b - seconds).abs()))
            .filter(|edge| (edge - seconds).abs() <= reach)
    }
}

fn level(samples: &[f32]) -> f32 {
    let power = samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32;
    (10.0 * power.max(1e-12).log10()).max(SILENCE)
}

/// Two levels from the quiet and the loud frames of this window: what is above background, and what is
/// loud enough for its edges to be those of words. Where nothing is quiet, all of it is sound.
fn thresholds(frames: &[f32]) -> (f32, f32) {
    let mut sorted = frames.to_vec();
    sorted.sort_by(f32::total_cmp);
    let at = |share: f64| {
        sorted
            .get((sorted.len() as f64 * share) as usize)
            .copied()
            .unwrap_or(SILENCE)
    };
    let (quiet, loud) = (at(0.1), at(0.95));
    let least_loud = loud - 9.0;
    let background = (quiet + 6.0).min(least_loud).max(-75.0);
    let threshold = (quiet + (loud - quiet) / 3.0).min(least_loud).max(-60.0);
    (background, threshold)
}

/// Removes sounds and gaps too short to be a word or a pause.
fn bridged(mut sounding: Vec<bool>) -> Vec<bool> {
    for value in [false, true] {
        let mut start = 0;
        while start < sounding.len() {
            let length = sounding[start..]
                .iter()
                .take_while(|sounds| **sounds == sounding[start])
                .count();
            let inside = start > 0 && start + length < sounding.len();
            if sounding[start] == value && length < SHORTEST && inside {
                sounding[start..start + length].fill(!value);
            }
            start += length;
        }
    }
    sounding
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tone in the given spans of a window of `seconds`.
    fn tone(seconds: f64, spans: &[(f64, f64)]) -> Vec<f32> {
        (0..(seconds * 16_000.0) as usize)
            .map(|index| {
                let time = index as f64 / 16_000.0;
                let sounds = spans.iter().any(|(a, b)| (*a..*b).contains(&time));
                let loudness = if sounds { 0.3 } else { 0.001 };
                ((time * 440.0 * std::f64::consts::TAU).sin() * loudness) as f32
            })
            .collect()
    }

    #[test]
    fn edges_are_found_within_reach_only() {
        let envelope = Envelope::of(&tone(3.0, &[(0.5, 1.0), (1.5, 2.2)]));
        let all = 0.0..=3.0;
        let close = |got: Option<f64>, expected: f64| (got.unwrap() - expected).abs() < 0.021;
        assert!(close(envelope.nearest_onset(0.6, 0.25, &all), 0.5));
        assert!(close(envelope.nearest_offset(0.85, 0.25, &all), 1.0));
        assert!(close(envelope.nearest_onset(1.3, 0.25, &all), 1.5));
        assert_eq!(envelope.nearest_onset(1.0, 0.25, &all), None);
        assert!((envelope.end_of_sound() - 2.2).abs() < 0.021);
        assert!(envelope.loudest() > -20.0);
    }

    #[test]
    fn silence_has_no_sound() {
        let envelope = Envelope::of(&vec![0.0; 16_000]);
        assert_eq!(envelope.end_of_sound(), 0.0);
        assert_eq!(envelope.loudest(), -90.0);
        assert_eq!(envelope.nearest_onset(0.5, 5.0, &(0.0..=9.0)), None);
        assert_eq!(Envelope::of(&[]).end_of_sound(), 0.0);
    }
}

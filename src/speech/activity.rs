//! How loud and how speech-like each 16 ms of a leg is.

use zeroize::Zeroizing;

use crate::audio::SampleRate;

/// Samples of one frame at the speech rate: what the voice detector works on.
pub(super) const FRAME: usize = 256;

/// Frames in a length of media time, rounded up.
pub(super) const fn frames_in_millis(millis: u64) -> u64 {
    (millis * SampleRate::SPEECH_HERTZ as u64).div_ceil(1_000 * FRAME as u64)
}

/// What one frame holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Activity {
    /// Louder than the floor below which nothing can be understood.
    pub(super) audible: bool,
    /// Taken for speech, with hysteresis: it sounds like a voice and stands out of the steady noise.
    pub(super) voiced: bool,
    /// Root mean square on the 16-bit scale.
    pub(super) level: f32,
}

/// Root mean square, on the 16-bit scale, under which a frame counts as silence: -58 dB of full scale,
/// below what mu-law quantisation noise masks in a speaker 40 dB louder.
const AUDIBLE_LEVEL: f32 = 40.0;

/// Voice scores at which speech begins and ends; the gap keeps it from flickering.
const SPEECH_BEGINS: f32 = 0.5;
const SPEECH_ENDS: f32 = 0.35;

/// How far above the noise a voice begins and ends to stand out, as ratios of levels. The voice detector
/// takes steady noise for a voice all along; where it does, these find the pauses.
const STANDS_OUT: f32 = 2.0;
const SINKS_IN: f32 = 1.5;

/// Watches one leg at the speech rate.
pub(super) struct ActivityDetector {
    voice: Box<earshot::Detector>,
    noise: NoiseFloor,
    voiced: bool,
    /// Inaudible frames in a row.
    quiet: u64,
    frame: Zeroizing<Vec<f32>>,
}

/// After this many inaudible frames the voice detector rests: a silent leg costs nothing.
const RESTS_AFTER: u64 = frames_in_millis(500);

impl ActivityDetector {
    pub(super) fn new() -> Self {
        Self {
            voice: earshot::Detector::default_boxed(),
            noise: NoiseFloor::default(),
            voiced: false,
            quiet: 0,
            frame: Zeroizing::new(Vec::with_capacity(FRAME)),
        }
    }

    /// Measures one frame of [`FRAME`] samples.
    pub(super) fn measure(&mut self, samples: &[f32]) -> Activity {
        let energy: f32 = samples.iter().map(|sample| sample * sample).sum();
        let level = (energy / samples.len().max(1) as f32).sqrt() * 32_768.0;
        let audible = level >= AUDIBLE_LEVEL;
        let above_noise = self.noise.ratio(level);
        self.quiet = if audible { 0 } else { self.quiet + 1 };
        if self.quiet > RESTS_AFTER {
            self.voiced = false;
            return Activity {
                audible,
                voiced: false,
                level,
            };
        }
        self.frame.clear();
        self.frame.extend_from_slice(samples);
        self.frame.resize(FRAME, 0.0);
        let score = self.voice.predict_f32(&self.frame);
        let (least_score, least_ratio) = if self.voiced {
            (SPEECH_ENDS, SINKS_IN)
        } else {
            (SPEECH_BEGINS, STANDS_OUT)
        };
        self.voiced = score >= least_score && above_noise >= least_ratio;
        Activity {
            audible,
            voiced: self.voiced && audible,
            level,
        }
    }
}

/// Frames over which levels are averaged.
const SMOOTHED: usize = 5;
/// The noise is the quietest moment of the last [`STRETCHES`] stretches of this many frames, four seconds
/// in all: nobody speaks as long without a pause.
const STRETCH: u64 = frames_in_millis(500);
const STRETCHES: usize = 8;

/// Follows the level of steady noise.
struct NoiseFloor {
    recent: [f32; SMOOTHED],
    quietest: [f32; STRETCHES],
    next: u64,
}

impl Default for NoiseFloor {
    fn default() -> Self {
        Self {
            recent: [0.0; SMOOTHED],
            quietest: [f32::MAX; STRETCHES],
            next: 0,
        }
    }
}

impl NoiseFloor {
    /// Takes a frame's level; how many times the noise the recent level is, infinite without noise.
    fn ratio(&mut self, level: f32) -> f32 {
        self.recent[(self.next % SMOOTHED as u64) as usize] = level;
        let known = (self.next + 1).min(SMOOTHED as u64);
        let smooth = self.recent.iter().sum::<f32>() / known as f32;
        let stretch = (self.next / STRETCH % STRETCHES as u64) as usize;
        self.quietest[stretch] = if self.next.is_multiple_of(STRETCH) {
            smooth
        } else {
            self.quietest[stretch].min(smooth)
        };
        self.next += 1;
        let floor = self.quietest.iter().copied().fold(f32::MAX, f32::min);
        if floor > 0.0 {
            smooth / floor
        } else {
            f32::INFINITY
        }
    }
}

#[cfg(test)]
mod tests;

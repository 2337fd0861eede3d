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
    /// Taken for speech, with hysteresis.
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

/// Watches one leg at the speech rate.
pub(super) struct ActivityDetector {
    voice: Box<earshot::Detector>,
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
        self.voiced = score
            >= if self.voiced {
                SPEECH_ENDS
            } else {
                SPEECH_BEGINS
            };
        Activity {
            audible,
            voiced: self.voiced && audible,
            level,
        }
    }
}

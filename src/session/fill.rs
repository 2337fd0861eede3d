//! What is heard where something was hidden.

use crate::audio::SampleRate;
use crate::policy::Fill;

/// Makes fill as a function of the sample's index, so that it does not depend on how audio was cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filler {
    rate: SampleRate,
    default: Fill,
}

/// Peak of the tone and of the noise on the 16-bit scale: plainly audible, far below speech.
const TONE_PEAK: f64 = 800.0;
const NOISE_PEAK: i64 = 60;
const TONE_HERTZ: f64 = 440.0;

impl Filler {
    /// `default` is used where nothing was examined and no rule chose.
    pub(super) fn new(rate: SampleRate, default: Fill) -> Self {
        Self { rate, default }
    }

    pub(super) fn default_sample(&self, index: u64) -> i16 {
        self.sample(self.default, index)
    }

    pub(super) fn sample(&self, fill: Fill, index: u64) -> i16 {
        match fill {
            Fill::Silence => 0,
            Fill::Tone => {
                let rate = u64::from(self.rate.hertz());
                let phase = (index % rate) as f64 / rate as f64 * TONE_HERTZ;
                ((phase * std::f64::consts::TAU).sin() * TONE_PEAK) as i16
            }
            Fill::ComfortNoise => {
                // SplitMix64 of the index: noise without state.
                let mut bits = index.wrapping_mul(0x9E37_79B9_7F4A_7C15);
                bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                let value = (bits >> 40) as i64 % (2 * NOISE_PEAK + 1) - NOISE_PEAK;
                value as i16
            }
        }
    }
}

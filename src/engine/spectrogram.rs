//! Whisper's input: the logarithm of a mel spectrogram.
//!
//! Frames of 25 ms every 10 ms under a Hann window, power, mel bands, logarithm, the quietest cut off 80 dB
//! below the loudest, scaled (Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision",
//! 2022, section 2.2, and its `audio.py`).

use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{RealFftPlanner, RealToComplex};
use zeroize::{Zeroize, Zeroizing};

use crate::model::mel;

/// Samples of a frame and between the beginnings of frames, at 16 kHz.
const FRAME: usize = 400;
const HOP: usize = 160;
/// Power below which nothing is told apart.
const LEAST_POWER: f32 = 1e-10;
/// How far below the loudest the quietest is cut off, in powers of ten.
const RANGE: f32 = 8.0;

/// Makes spectrograms of one number of bands.
pub(super) struct Spectrogram {
    transform: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    /// For each band its first bin and the weights from there on.
    filters: Vec<(usize, Vec<f32>)>,
    frame: Zeroizing<Vec<f32>>,
    spectrum: Vec<Complex32>,
    power: Zeroizing<Vec<f32>>,
    scratch: Vec<Complex32>,
}

impl Spectrogram {
    pub(super) fn new(bands: usize) -> Self {
        let transform = RealFftPlanner::new().plan_fft_forward(FRAME);
        let angle = std::f32::consts::TAU / FRAME as f32;
        let window = (0..FRAME)
            .map(|index| 0.5 - 0.5 * (angle * index as f32).cos())
            .collect();
        let filters = mel::filter_bank(bands)
            .chunks(mel::BINS)
            .map(|filter| {
                let first = filter.iter().position(|weight| *weight > 0.0).unwrap_or(0);
                let end = filter.iter().rposition(|weight| *weight > 0.0);
                (
                    first,
                    filter[first..end.map_or(first, |end| end + 1)].to_vec(),
                )
            })
            .collect();
        Self {
            frame: Zeroizing::new(transform.make_input_vec()),
            spectrum: transform.make_output_vec(),
            power: Zeroizing::new(vec![0.0; mel::BINS]),
            scratch: transform.make_scratch_vec(),
            transform,
            window,
            filters,
        }
    }

    pub(super) fn bands(&self) -> usize {
        self.filters.len()
    }

    /// Fills `mel`, band after band, each as long as fits; after the sound there is silence.
    pub(super) fn fill(&mut self, samples: &[f32], mel: &mut [f32]) {
        let frames = mel.len() / self.bands().max(1);
        let silence = LEAST_POWER.log10();
        mel.fill(silence);
        // A frame is centred on its hop; the last that hears anything is half a frame beyond the end.
        let heard = (samples.len() + FRAME / 2).div_ceil(HOP).min(frames);
        let mut loudest = silence;
        for index in 0..heard {
            self.measure(samples, index * HOP);
            for (band, (first, weights)) in self.filters.iter().enumerate() {
                let power: f32 = self.power[*first..]
                    .iter()
                    .zip(weights)
                    .map(|(power, weight)| power * weight)
                    .sum();
                let level = power.max(LEAST_POWER).log10();
                loudest = loudest.max(level);
                mel[band * frames + index] = level;
            }
        }
        for level in mel.iter_mut() {
            *level = (level.max(loudest - RANGE) + 4.0) / 4.0;
        }
    }

    /// The power spectrum of the frame around a sample. Before its beginning the sound is mirrored.
    fn measure(&mut self, samples: &[f32], centre: usize) {
        for (index, (value, weight)) in self.frame.iter_mut().zip(&self.window).enumerate() {
            let at = (centre + index).abs_diff(FRAME / 2);
            *value = samples.get(at).copied().unwrap_or(0.0) * weight;
        }
        // All three buffers are as long as the transform says.
        let transformed = self.transform.process_with_scratch(
            &mut self.frame,
            &mut self.spectrum,
            &mut self.scratch,
        );
        if transformed.is_err() {
            self.spectrum.fill(Complex32::default());
        }
        for (power, value) in self.power.iter_mut().zip(&self.spectrum) {
            *power = value.norm_sqr();
        }
    }
}

impl Drop for Spectrogram {
    fn drop(&mut self) {
        for value in self.spectrum.iter_mut().chain(&mut self.scratch) {
            value.re.zeroize();
            value.im.zeroize();
        }
    }
}

#[cfg(test)]
mod tests;

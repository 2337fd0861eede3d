//! One streaming conversion from a leg's rate to the 16 kHz of recognition and voice detection.
//!
//! Output sample `k` is the sound at `k / 16,000` seconds of the input: the filter's delay is taken out.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};
use zeroize::{Zeroize, Zeroizing};

use crate::audio::SampleRate;

/// Converts one leg, in whatever pieces it comes.
pub(super) struct SpeechResampler {
    /// `None` when the leg already has the speech rate.
    filter: Option<Fft<f32>>,
    pending: Zeroizing<Vec<f32>>,
    output: Zeroizing<Vec<f32>>,
    /// Output samples still to be dropped: the filter's delay.
    skip: usize,
    /// Samples taken in and given out, to cut the end of a leg exactly.
    taken: u64,
    given: u64,
    rate: SampleRate,
}

impl SpeechResampler {
    /// For a leg of this rate.
    pub(super) fn new(rate: SampleRate) -> Self {
        // 20 ms blocks: short enough for latency, long enough for a sharp filter.
        let block = (rate.hertz() / 50) as usize;
        let filter = (rate != SampleRate::SPEECH)
            .then(|| {
                let speech = SampleRate::SPEECH.hertz() as usize;
                Fft::new(rate.hertz() as usize, speech, block, 1, FixedSync::Both)
            })
            .and_then(Result::ok);
        let skip = filter.as_ref().map_or(0, Resampler::output_delay);
        let output = filter.as_ref().map_or(0, Resampler::output_frames_max);
        Self {
            filter,
            pending: Zeroizing::new(Vec::with_capacity(block * 4)),
            output: Zeroizing::new(vec![0.0; output]),
            skip,
            taken: 0,
            given: 0,
            rate,
        }
    }

    /// Takes samples and appends what they make at the speech rate.
    pub(super) fn push(&mut self, samples: &[i16], speech: &mut Vec<f32>) {
        self.taken += samples.len() as u64;
        // In small pieces, so that the pending buffer never grows and leaves copies behind.
        for piece in samples.chunks(self.pending.capacity().max(2) / 2) {
            let scaled = piece.iter().map(|&sample| f32::from(sample) / 32_768.0);
            if self.filter.is_none() {
                self.given += piece.len() as u64;
                speech.extend(scaled);
                continue;
            }
            self.pending.extend(scaled);
            self.convert(speech);
        }
    }

    /// The leg is over: appends what the filter still holds, up to the end of the input.
    pub(super) fn finish(&mut self, speech: &mut Vec<f32>) {
        let Some(filter) = &self.filter else { return };
        let whole =
            self.taken * u64::from(SampleRate::SPEECH.hertz()) / u64::from(self.rate.hertz());
        let block = filter.input_frames_next();
        while self.given < whole {
            let missing = block - self.pending.len() % block;
            let padded = self.pending.len() + missing;
            self.pending.resize(padded, 0.0);
            let before = speech.len();
            self.convert(speech);
            let surplus = self.given.saturating_sub(whole) as usize;
            speech.truncate((speech.len() - surplus).max(before));
        }
    }

    fn convert(&mut self, speech: &mut Vec<f32>) {
        let Some(filter) = &mut self.filter else {
            return;
        };
        let block = filter.input_frames_next();
        let mut used = 0;
        while self.pending.len() - used >= block {
            let frames = filter.output_frames_next();
            let made = match (
                InterleavedSlice::new(&self.pending[used..used + block], 1, block),
                InterleavedSlice::new_mut(&mut self.output, 1, frames),
            ) {
                (Ok(input), Ok(mut output)) => filter
                    .process_into_buffer(&input, &mut output, None)
                    .map_or(0, |(_, written)| written),
                _ => 0,
            };
            // The buffers have the sizes the filter asked for, so it always makes its block. Were it to
            // fail, silence keeps the timeline and the level meter sees the original samples.
            if made < frames {
                self.output[made..frames].fill(0.0);
            }
            let skipped = self.skip.min(frames);
            self.skip -= skipped;
            self.given += (frames - skipped) as u64;
            speech.extend_from_slice(&self.output[skipped..frames]);
            used += block;
        }
        self.pending.copy_within(used.., 0);
        let kept = self.pending.len() - used;
        self.pending[kept..].zeroize();
        self.pending.truncate(kept);
    }
}

#[cfg(test)]
mod tests;

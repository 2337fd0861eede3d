//! One streaming conversion between sample rates, exact in length.
//!
//! Output sample `k` is the sound at `k / to` seconds of what was taken in since the start: the filter's delay
//! is taken out, so that output comes a little later than input but belongs where the input was. What is
//! silent stays silent, and nothing is given that was not brought.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};
use zeroize::{Zeroize, Zeroizing};

use crate::audio::SampleRate;

/// Converts one uninterrupted stretch of audio, in whatever pieces it comes.
pub(super) struct Resampler {
    filter: Option<Fft<f32>>,
    from: SampleRate,
    to: SampleRate,
    pending: Zeroizing<Vec<f32>>,
    made: Zeroizing<Vec<f32>>,
    /// Output samples still to be dropped: the filter's delay.
    skip: usize,
    taken: u64,
    given: u64,
}

impl Resampler {
    pub(super) fn new(from: SampleRate, to: SampleRate) -> Self {
        // 20 ms blocks: short enough for latency, long enough for a sharp filter.
        let block = (from.hertz() / 50) as usize;
        let (input, output) = (from.hertz() as usize, to.hertz() as usize);
        let filter = Fft::new(input, output, block, 1, FixedSync::Both).ok();
        let longest = filter.as_ref().map_or(0, |filter| {
            filter.input_frames_max().max(filter.output_frames_max())
        });
        Self {
            skip: filter.as_ref().map_or(0, |filter| filter.output_delay()),
            filter,
            from,
            to,
            pending: Zeroizing::new(Vec::with_capacity(longest * 2)),
            made: Zeroizing::new(vec![0.0; longest]),
            taken: 0,
            given: 0,
        }
    }

    /// Takes samples and appends what they make.
    pub(super) fn push(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        // In small pieces, so that the pending buffer never grows and leaves copies behind.
        for piece in samples.chunks((self.pending.capacity() / 2).max(1)) {
            self.taken += piece.len() as u64;
            let scaled = piece.iter().map(|&sample| f32::from(sample) / 32_768.0);
            self.pending.extend(scaled);
            self.convert(out);
        }
    }

    /// The stretch is over: appends the rest of what it makes. The next begins anew.
    pub(super) fn finish(&mut self, out: &mut Vec<i16>) {
        let whole = self.taken * u64::from(self.to.hertz()) / u64::from(self.from.hertz());
        let block = self.filter.as_ref().map_or(0, |f| f.input_frames_next());
        while self.given < whole && block > 0 {
            let missing = block - self.pending.len() % block;
            let padded = self.pending.len() + missing;
            self.pending.resize(padded, 0.0);
            let before = self.given;
            self.convert(out);
            if self.given > whole {
                let surplus = (self.given - whole.max(before)) as usize;
                out.truncate(out.len() - surplus);
                self.given = whole;
            }
        }
        if let Some(filter) = &mut self.filter {
            filter.reset();
            self.skip = filter.output_delay();
        }
        self.pending.zeroize();
        self.pending.clear();
        self.taken = 0;
        self.given = 0;
    }

    fn convert(&mut self, out: &mut Vec<i16>) {
        let Some(filter) = &mut self.filter else {
            return;
        };
        let block = filter.input_frames_next();
        let mut used = 0;
        while self.pending.len() - used >= block {
            let frames = filter.output_frames_next();
            let made = match (
                InterleavedSlice::new(&self.pending[used..used + block], 1, block),
                InterleavedSlice::new_mut(&mut self.made, 1, frames),
            ) {
                (Ok(input), Ok(mut output)) => filter
                    .process_into_buffer(&input, &mut output, None)
                    .map_or(0, |(_, written)| written),
                _ => 0,
            };
            // The buffers have the sizes the filter asked for, so it always makes its block. Were it to
            // fail, silence keeps the timeline.
            if made < frames {
                self.made[made..frames].fill(0.0);
            }
            let skipped = self.skip.min(frames);
            self.skip -= skipped;
            self.given += (frames - skipped) as u64;
            let samples = self.made[skipped..frames].iter();
            // `as` saturates, so that overshoot of the filter does not wrap.
            out.extend(samples.map(|&sample| (sample * 32_768.0).round() as i16));
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

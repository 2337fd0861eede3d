//! The one place where audio becomes clean.

use crate::audio::{SampleIndex, SampleRate};

/// Audio that may be recorded and heard: every sample was examined, or is fill.
///
/// Only the redactor makes it. Blocks of a call come in order; in pause mode the next block starts after
/// the samples that were left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanAudio {
    rate: SampleRate,
    start: SampleIndex,
    channels: Vec<Vec<i16>>,
}

impl CleanAudio {
    /// The rate of all channels.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Where the block begins on the call's timeline.
    pub fn start(&self) -> SampleIndex {
        self.start
    }

    /// The channels in the order of the session's legs, all of the same length.
    pub fn channels(&self) -> &[Vec<i16>] {
        &self.channels
    }

    /// Samples in each channel.
    pub fn len(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }

    /// Whether the block holds no samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// For tests of what comes after the session.
    #[cfg(test)]
    pub(crate) fn for_test(rate: SampleRate, start: SampleIndex, channels: Vec<Vec<i16>>) -> Self {
        Self {
            rate,
            start,
            channels,
        }
    }
}

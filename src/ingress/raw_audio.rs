//! Raw samples without a time, from bytes to placed audio: what all protocols share that send no more than
//! that.
//!
//! Messages may end within a sample, or between the two channels' samples, where the protocol allows it:
//! the rest waits for the next message. Knows neither the protocol nor when the call begins.
//!
//! **Architecture invariants:** every sample that came goes out once, in order, unless the connection ends
//! within it; bytes and samples that wait are wiped when dropped, and bounded.

use std::time::Duration;

use zeroize::Zeroizing;

use super::arrival_clock::ArrivalClock;
use super::{Arrival, LONGEST_MESSAGE, ProtocolError};
use crate::audio::encoding::Encoding;
use crate::audio::{SampleIndex, SampleRate};
use crate::call::{CallId, Leg, Sensitive};
use crate::session::RawFrame;

/// Bytes of the longest sample frame: two channels of 16 bits.
const LONGEST_FRAME: usize = 4;

/// A message that must have whole samples and has not.
pub(super) const HALF_A_SAMPLE: ProtocolError =
    ProtocolError::Dropped("audio that ends within a sample");

/// One connection's audio.
#[derive(Debug)]
pub(super) struct RawAudio {
    encoding: Encoding,
    rate: SampleRate,
    /// Who is heard on each channel, in the order of the bytes.
    channels: &'static [Leg],
    clock: ArrivalClock,
    /// Bytes of a sample frame that is not whole.
    partial: Zeroizing<Vec<u8>>,
    /// Samples that the clock has no place for yet, of all channels in turn.
    waiting: Vec<Sensitive<Vec<i16>>>,
}

impl RawAudio {
    /// Audio whose channels take turns, sample by sample, in this order.
    pub(super) fn new(encoding: Encoding, rate: SampleRate, channels: &'static [Leg]) -> Self {
        Self {
            encoding,
            rate,
            channels,
            clock: ArrivalClock::new(rate),
            partial: Zeroizing::new(Vec::with_capacity(LONGEST_FRAME)),
            waiting: Vec::new(),
        }
    }

    /// How samples are written, and how many a second.
    pub(super) fn format(&self) -> (Encoding, SampleRate) {
        (self.encoding, self.rate)
    }

    /// Who is heard on each channel, in the order of the bytes.
    pub(super) fn channels(&self) -> &'static [Leg] {
        self.channels
    }

    /// What is told when the call begins.
    pub(super) fn started(&self, call: CallId) -> Arrival {
        let legs = match self.channels {
            // In a recording the agent is first, however they came.
            [_, _] => &[Leg::Agent, Leg::Customer],
            channels => channels,
        };
        Arrival::Started {
            call,
            legs,
            rate: self.rate,
        }
    }

    /// Takes a message of whole sample frames.
    pub(super) fn take_whole(
        &mut self,
        bytes: &[u8],
        since: Duration,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError> {
        if !bytes.len().is_multiple_of(self.frame_width()) {
            return Err(HALF_A_SAMPLE);
        }
        self.take(bytes, since, arrivals)
    }

    /// Takes a message that may begin and end within a sample frame.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        since: Duration,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError> {
        check_length(bytes.len())?;
        let joined;
        let bytes = if self.partial.is_empty() {
            bytes
        } else {
            let mut both = Zeroizing::new(Vec::with_capacity(self.partial.len() + bytes.len()));
            both.extend_from_slice(&self.partial);
            both.extend_from_slice(bytes);
            joined = both;
            &joined
        };
        let whole = bytes.len() - bytes.len() % self.frame_width();
        let (frames, partial) = bytes.split_at(whole);
        self.partial.clear();
        self.partial.extend_from_slice(partial);

        let samples = Sensitive::new(self.encoding.decode(frames));
        let count = samples.expose().len() / self.channels.len();
        if count == 0 {
            return Ok(());
        }
        let placed = self.clock.push(count, since);
        if let Some(place) = placed.waiting {
            self.place_waiting(place, arrivals);
        }
        match placed.fresh {
            Some(place) => self.place(place, samples, arrivals),
            None => self.waiting.push(samples),
        }
        Ok(())
    }

    /// Nothing more will come for now: places what waits.
    pub(super) fn flush(&mut self, arrivals: &mut Vec<Arrival>) {
        if let Some(place) = self.clock.flush() {
            self.place_waiting(place, arrivals);
        }
    }

    fn frame_width(&self) -> usize {
        self.encoding.width() * self.channels.len()
    }

    fn place_waiting(&mut self, mut place: u64, arrivals: &mut Vec<Arrival>) {
        for samples in std::mem::take(&mut self.waiting) {
            let count = samples.expose().len() / self.channels.len();
            self.place(place, samples, arrivals);
            place += count as u64;
        }
    }

    fn place(&self, place: u64, samples: Sensitive<Vec<i16>>, arrivals: &mut Vec<Arrival>) {
        let mut arrive = |leg, samples| {
            arrivals.push(Arrival::Audio(RawFrame {
                leg,
                at: SampleIndex(place),
                samples,
            }));
        };
        if let [leg] = self.channels {
            return arrive(*leg, samples);
        }
        for (channel, leg) in self.channels.iter().enumerate() {
            let all = samples.expose().iter().copied();
            let own = all.skip(channel).step_by(self.channels.len());
            arrive(*leg, Sensitive::new(own.collect()));
        }
    }
}

/// Refuses a message that no platform sends.
pub(super) fn check_length(bytes: usize) -> Result<(), ProtocolError> {
    if bytes > LONGEST_MESSAGE {
        return Err(ProtocolError::Dropped("a message of more than 64 KiB"));
    }
    Ok(())
}

/// A single channel on which this leg is heard.
pub(super) fn alone(leg: Leg) -> &'static [Leg] {
    match leg {
        Leg::Agent => &[Leg::Agent],
        Leg::Customer => &[Leg::Customer],
        Leg::Mixed => &[Leg::Mixed],
    }
}

#[cfg(test)]
mod tests;

//! Clean samples to the packets of one stream, as a border controller sends them to a recorder.
//!
//! Timestamps say where samples are on the leg's timeline and nothing else: audio that was cut out is a jump of
//! the timestamps, after which the next packet is marked (RFC 3551, 4.1), and what follows is not shifted. A hole
//! shorter than a packet is filled with silence.
//!
//! What is hidden is fill when it gets here. Packets are full, but for the last one.

use std::time::Duration;

use rtp_types::RtpPacketBuilder;

use super::payload::{Encoder, PayloadFormat};
use super::report::Sent;
use super::resample::Resampler;
use crate::audio::{MediaTime, SampleIndex, SampleRate};

/// What fits into an Ethernet frame with the headers of IPv6, UDP, RTP and SRTP.
const MOST_BYTES: usize = 1_400;
/// Packets are of so many milliseconds; Opus knows no other lengths that are as long (RFC 6716, 2.1.4).
const LENGTHS: [u64; 4] = [60, 40, 20, 10];

/// What one stream is told at its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderSettings {
    /// What is sent.
    pub format: PayloadFormat,
    /// As the session description calls it.
    pub payload_type: u8,
    /// The rate of the samples that come.
    pub rate: SampleRate,
    /// How long a packet should be; 10, 20, 40 or 60 ms, whichever is not longer.
    pub packet: Duration,
    /// By chance, and another for every stream of a call.
    pub ssrc: u32,
    /// By chance.
    pub first_sequence: u16,
    /// Of the timeline's zero; by chance.
    pub first_timestamp: u32,
}

/// A format without sound cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} has no sound; PCMU, PCMA, G722, opus or L16 is expected")]
pub struct CannotSend(pub PayloadFormat);

/// One stream to a recorder.
pub struct Sender {
    settings: SenderSettings,
    encoder: Encoder,
    /// None if the samples come at the encoder's rate.
    resampler: Option<Resampler>,
    /// Samples of a packet.
    size: usize,
    /// The sample that comes next, at the rate of those that come.
    expected: Option<u64>,
    /// What is not sent yet, at the encoder's rate, and where it begins.
    pending: Vec<i16>,
    begins: u64,
    sequence: u16,
    marker: bool,
    packets: u32,
    octets: u32,
}

impl Sender {
    /// For a stream that begins where its first samples are.
    pub fn new(settings: SenderSettings) -> Result<Self, CannotSend> {
        let encoder = Encoder::new(settings.format, settings.rate);
        let encoder = encoder.ok_or(CannotSend(settings.format))?;
        let rate = encoder.rate();
        let wanted = settings.packet.as_millis();
        let linear = matches!(settings.format, PayloadFormat::L16 { .. });
        let fits = |millis: &u64| {
            let samples = u64::from(rate.hertz()) * millis / 1_000;
            u128::from(*millis) <= wanted && (!linear || samples as usize * 2 <= MOST_BYTES)
        };
        let millis = LENGTHS.into_iter().find(fits).unwrap_or(10);
        Ok(Self {
            resampler: (rate != settings.rate).then(|| Resampler::new(settings.rate, rate)),
            encoder,
            size: (u64::from(rate.hertz()) * millis / 1_000) as usize,
            expected: None,
            pending: Vec::new(),
            begins: 0,
            sequence: settings.first_sequence,
            marker: true,
            packets: 0,
            octets: 0,
            settings,
        })
    }

    /// Takes samples that belong at `at` of the leg's timeline; appends the packets that are full. What comes
    /// again is left out.
    pub fn push(&mut self, at: SampleIndex, samples: &[i16], out: &mut Vec<Vec<u8>>) {
        let expected = self.expected.unwrap_or(at.0);
        let known = expected.saturating_sub(at.0).min(samples.len() as u64);
        let samples = &samples[known as usize..];
        if samples.is_empty() {
            return;
        }
        let at = at.0 + known;
        if self.expected != Some(at) {
            self.skip_to(at, out);
        }
        self.expected = Some(at + samples.len() as u64);
        match &mut self.resampler {
            Some(resampler) => resampler.push(samples, &mut self.pending),
            None => self.pending.extend_from_slice(samples),
        }
        self.send_full(out);
    }

    /// The stream is over: appends the rest.
    pub fn finish(&mut self, out: &mut Vec<Vec<u8>>) {
        if let Some(resampler) = &mut self.resampler {
            resampler.finish(&mut self.pending);
        }
        self.send_full(out);
        if !self.pending.is_empty() {
            if self.settings.format == PayloadFormat::Opus {
                // A frame is always whole.
                self.pending.resize(self.size, 0);
            }
            self.send(self.pending.len(), out);
        }
        self.expected = None;
    }

    /// Whose packets these are.
    pub fn ssrc(&self) -> u32 {
        self.settings.ssrc
    }

    /// What a report says of this stream at a time of the wall clock (NTP, 32 bits each for seconds and their
    /// fraction) that is `time` on the call's.
    pub fn sent(&self, ntp: u64, time: MediaTime) -> Sent {
        let clock = u128::from(self.settings.format.clock_rate());
        let ticks = u128::from(time.micros()) * clock / 1_000_000;
        Sent {
            ntp,
            timestamp: self.settings.first_timestamp.wrapping_add(ticks as u32),
            packets: self.packets,
            octets: self.octets,
        }
    }

    /// Goes on at another place of the timeline.
    fn skip_to(&mut self, at: u64, out: &mut Vec<Vec<u8>>) {
        if let Some(resampler) = &mut self.resampler {
            resampler.finish(&mut self.pending);
        }
        self.send_full(out);
        let rate = u128::from(self.encoder.rate().hertz());
        let begins = u128::from(at) * rate / u128::from(self.settings.rate.hertz());
        let begins = begins as u64;
        let hole = begins.saturating_sub(self.begins + self.pending.len() as u64);
        if !self.pending.is_empty() {
            let missing = self.size - self.pending.len();
            let filled = missing.min(usize::try_from(hole).unwrap_or(usize::MAX));
            self.pending.resize(self.pending.len() + filled, 0);
            self.send_full(out);
        }
        if self.pending.is_empty() && begins > self.begins {
            self.begins = begins;
            self.marker = true;
        }
    }

    fn send_full(&mut self, out: &mut Vec<Vec<u8>>) {
        while self.pending.len() >= self.size {
            self.send(self.size, out);
        }
    }

    /// Sends the first samples that are pending.
    fn send(&mut self, samples: usize, out: &mut Vec<Vec<u8>>) {
        let payload = self.encoder.encode(&self.pending[..samples]);
        let rate = u128::from(self.encoder.rate().hertz());
        let clock = u128::from(self.settings.format.clock_rate());
        let ticks = u128::from(self.begins) * clock / rate;
        self.pending.drain(..samples);
        self.begins += samples as u64;
        let Some(payload) = payload else { return };
        let octets = payload.len() as u32;
        let packet = RtpPacketBuilder::<_, &[u8]>::new()
            .marker_bit(self.marker)
            .payload_type(self.settings.payload_type & 0x7F)
            .sequence_number(self.sequence)
            .timestamp(self.settings.first_timestamp.wrapping_add(ticks as u32))
            .ssrc(self.settings.ssrc)
            .payload(payload.as_slice())
            .write_vec();
        let Ok(packet) = packet else { return };
        out.push(packet);
        self.marker = false;
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(octets);
    }
}

#[cfg(test)]
mod tests;

//! One port's audio: datagrams in, placed samples out.
//!
//! A port hears one sender at a time. Another synchronisation source takes over when two of its packets came
//! (RFC 3550, A.1), which is also how a stream begins and how a number that is far off is believed. The timeline
//! goes on through all of them.
//!
//! The timeline's zero is the call's start, as every time given is counted from there. Where nothing came nothing
//! is given: whoever takes the samples fills the holes.

use std::time::Duration;

use zeroize::Zeroizing;

use super::packet::{Classified, Junk, Packet, classify};
use super::payload::PayloadFormat;
use super::placer::{Correction, Placer};
use super::reception::ReceptionReport;
use super::reorder::Held;
use super::report::{SenderClock, ntp_micros};
use super::stream::{Around, Stream};
use crate::audio::{SampleIndex, SampleRate};
use crate::call::Sensitive;

/// The first two packets of a stream are no further apart than this.
const NEIGHBOURS: i16 = 5;
/// A source that was taken over from does not come back for so long while the other one is heard.
const NO_RETURN: Duration = Duration::from_secs(1);
/// A source that was not heard for so long is not heard.
const QUIET: Duration = Duration::from_millis(200);

/// No two legs' audio is held up so differently, in microseconds.
const MOST_LEAN: i64 = 500_000;

/// What one port is told at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What payload types stand for, by the session description.
    pub formats: Vec<(u8, PayloadFormat)>,
    /// The call's sample rate, at which everything comes out.
    pub rate: SampleRate,
    /// How long a packet waits for those before it.
    pub reorder_window: Duration,
    /// How long packets are waited for at the begin of a stream, to know where it belongs. Less if they agree.
    pub anchoring: Duration,
    /// When a sender's clock is corrected.
    pub correction: Correction,
}

impl Settings {
    /// What suits most calls.
    pub fn new(formats: Vec<(u8, PayloadFormat)>, rate: SampleRate) -> Self {
        Self {
            formats,
            rate,
            reorder_window: Duration::from_millis(100),
            anchoring: Duration::from_millis(300),
            correction: Correction::default(),
        }
    }
}

/// What comes out of a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// Samples at the call's rate; places only go up and never overlap.
    Audio {
        /// Where the first belongs on the leg's timeline.
        at: SampleIndex,
        /// Linear 16-bit samples.
        samples: Sensitive<Vec<i16>>,
    },
    /// A key was pressed. Which is not known here. May be told before or after the audio around it.
    Key {
        /// Where it began on the leg's timeline.
        at: SampleIndex,
    },
}

/// What became of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It was a packet whose payload type is known: its sender is one.
    Rtp,
    /// A report came on the audio's port (RFC 5761): for [`crate::rtp::report::Reporter::handle`].
    Rtcp,
    /// A packet that the session description does not know.
    Unknown,
    /// A connectivity check.
    Stun,
    /// Nothing of ours.
    Junk(Junk),
}

/// What happened on a port so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Packets with a valid header and a known payload type.
    pub packets: u64,
    /// Datagrams that were nothing of ours.
    pub junk: u64,
    /// Packets whose payload type the session description does not know.
    pub unknown_payload: u64,
    /// Payloads that could not be decoded.
    pub undecodable: u64,
    /// Packets that never came, or too late.
    pub lost: u64,
    /// Packets that came after those behind them had gone on.
    pub late: u64,
    /// Packets that came again.
    pub duplicate: u64,
    /// Packets that were overtaken and put back in order.
    pub reordered: u64,
    /// Pressed keys.
    pub keys: u64,
    /// Sources that were heard.
    pub sources: u64,
    /// Stretches whose timestamps are of one clock; every one beyond the first was a jump.
    pub stretches: u64,
    /// Samples put in or taken out as the sender's clock is not ours.
    pub corrected: u64,
    /// Samples that came for a time that was over.
    pub dropped: u64,
}

/// One port.
pub struct Receiver {
    settings: Settings,
    placer: Placer,
    counters: Counters,
    now: Duration,
    stream: Option<Stream>,
    /// A packet that may be the first of another stream.
    candidate: Option<Candidate>,
    /// When the current source was last heard.
    heard: Option<Duration>,
    /// The source before, and until when it does not come back.
    previous: Option<(u32, Duration)>,
    lean: i64,
}

struct Candidate {
    ssrc: u32,
    held: Held,
}

impl Receiver {
    /// For a port that has heard nothing.
    pub fn new(settings: Settings) -> Self {
        let placer = Placer::new(settings.rate, settings.correction);
        Self {
            settings,
            placer,
            counters: Counters::default(),
            now: Duration::ZERO,
            stream: None,
            candidate: None,
            heard: None,
            previous: None,
            lean: 0,
        }
    }

    /// Takes a datagram, decrypted, that came `since` the call's start; appends what is known now.
    pub fn handle_packet(
        &mut self,
        since: Duration,
        bytes: &[u8],
        out: &mut Vec<Received>,
    ) -> Taken {
        self.flush(since, out);
        match classify(bytes) {
            Classified::Rtp(packet) => self.handle_rtp(&packet, out),
            Classified::Rtcp(_) => Taken::Rtcp,
            Classified::Stun => Taken::Stun,
            Classified::Junk(junk) => {
                self.counters.junk += 1;
                Taken::Junk(junk)
            }
        }
    }

    /// Appends what waited long enough. To be called at [`Receiver::next_flush`] if no packet comes.
    pub fn flush(&mut self, since: Duration, out: &mut Vec<Received>) {
        self.now = self.now.max(since);
        self.with_stream(|stream, around| stream.advance(around, out));
    }

    /// When [`Receiver::flush`] will have something to do; `None` until a packet comes.
    pub fn next_flush(&self) -> Option<Duration> {
        self.stream.as_ref().and_then(Stream::due)
    }

    /// The call is over: appends the rest.
    pub fn finish(&mut self, out: &mut Vec<Received>) {
        self.with_stream(|stream, around| stream.finish(around, out));
    }

    /// The call was described anew (re-INVITE): what payload types stand for from the next packet on.
    pub fn set_formats(&mut self, formats: Vec<(u8, PayloadFormat)>) {
        self.settings.formats = formats;
    }

    /// The call's sample rate.
    pub fn rate(&self) -> SampleRate {
        self.settings.rate
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        Counters {
            corrected: self.placer.corrected(),
            dropped: self.placer.dropped(),
            ..self.counters
        }
    }

    /// When a packet of the current source last came.
    pub fn last_heard(&self) -> Option<Duration> {
        self.heard
    }

    /// Whose packets are heard.
    pub fn source(&self) -> Option<u32> {
        self.stream.as_ref().map(|stream| stream.ssrc)
    }

    /// How the current source's packets come; the next report's losses begin here.
    pub fn reception(&mut self) -> Option<ReceptionReport> {
        let stream = self.stream.as_mut()?;
        Some(stream.reception.report(stream.ssrc))
    }

    /// When the timeline's zero was by the sender's wall clock, in microseconds, going by what it reported. The
    /// zeros of two streams of one sender are the same, but for what they were held up on different ways.
    pub fn zero(&self, clock: SenderClock) -> Option<i64> {
        let stream = self.stream.as_ref().filter(|s| s.ssrc == clock.ssrc)?;
        Some(ntp_micros(clock.ntp) - stream.arrival_of(clock.timestamp)?)
    }

    /// Places audio so much later than its arrival says, in microseconds, from the next pause on: by how much it
    /// came earlier than another leg's ([`super::report::misalignment`]).
    pub fn lean(&mut self, micros: i64) {
        self.lean = micros.clamp(-MOST_LEAN, MOST_LEAN);
    }

    fn handle_rtp(&mut self, packet: &Packet<'_>, out: &mut Vec<Received>) -> Taken {
        let mut formats = self.settings.formats.iter();
        let format = formats
            .find(|(payload_type, _)| *payload_type == packet.payload_type)
            .map(|(_, format)| *format);
        if format.is_none() {
            self.counters.unknown_payload += 1;
        } else {
            self.counters.packets += 1;
        }
        // A packet that is not known still has its number in the sequence.
        let held = Held {
            sequence: packet.sequence,
            marker: packet.marker,
            timestamp: packet.timestamp,
            format,
            arrived: self.now,
            payload: Zeroizing::new(match format {
                Some(_) => packet.payload.to_vec(),
                None => Vec::new(),
            }),
        };
        let current = self.stream.as_ref();
        if current.is_some_and(|s| s.ssrc == packet.ssrc && s.is_near(packet.sequence)) {
            self.heard = Some(self.now);
            self.with_stream(|stream, around| stream.push(held, around, out));
        } else {
            self.consider(packet.ssrc, held, out);
        }
        match format {
            Some(_) => Taken::Rtp,
            None => Taken::Unknown,
        }
    }

    /// Takes a packet that is not of the current stream.
    fn consider(&mut self, ssrc: u32, held: Held, out: &mut Vec<Received>) {
        let is_current_heard = self
            .heard
            .is_some_and(|heard| self.now.saturating_sub(heard) < QUIET);
        let returns = self
            .previous
            .is_some_and(|(previous, until)| previous == ssrc && self.now < until);
        if returns && is_current_heard {
            return;
        }
        let first = self.candidate.take().filter(|candidate| {
            let distance = held.sequence.wrapping_sub(candidate.held.sequence);
            let distance = distance.cast_signed();
            candidate.ssrc == ssrc && distance != 0 && distance.unsigned_abs() <= NEIGHBOURS as u16
        });
        let Some(first) = first else {
            // Without a meaning it says nothing of who sends.
            self.candidate = held.format.map(|_| Candidate { ssrc, held });
            return;
        };
        self.finish(out);
        let before = held
            .sequence
            .wrapping_sub(first.held.sequence)
            .cast_signed()
            < 0;
        let begins = if before {
            held.sequence
        } else {
            first.held.sequence
        };
        if let Some(previous) = self.source().filter(|previous| *previous != ssrc) {
            self.previous = Some((previous, self.now + NO_RETURN));
        }
        self.stream = Some(Stream::new(ssrc, begins, &self.settings));
        self.heard = Some(self.now);
        self.counters.sources += 1;
        self.with_stream(|stream, around| {
            stream.push(first.held, around, out);
            stream.push(held, around, out);
        });
    }

    fn with_stream(&mut self, act: impl FnOnce(&mut Stream, &mut Around<'_>)) {
        if let Some(stream) = &mut self.stream {
            let mut around = Around {
                settings: &self.settings,
                placer: &mut self.placer,
                counters: &mut self.counters,
                now: self.now,
                lean: self.lean,
            };
            act(stream, &mut around);
        }
    }
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver")
            .field("rate", &self.settings.rate)
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! Asterisk's AudioSocket, as Asterisk sends it: frames on a TCP connection.
//!
//! ```text
//! byte 0    kind: 0x01 the call's UUID, first and once; 0x10 to 0x16 audio
//! byte 1-2  length of the payload, high byte first
//! byte 3..  payload
//! ```
//!
//! Source: Asterisk's `res_audiosocket.c` and `chan_audiosocket.c`. One channel; 20 ms a frame. The end is the
//! connection's. Keys are never sent. Of what the recorder sends, its hanging up (0x00) counts; audio, which
//! Asterisk would play, is passed over.

use std::time::Duration;

use uuid::Uuid;

use super::packets::{Channels, Form, PacketStream, Packets};
use super::{CannotSpeak, Heard, Outgoing, Speaker, Standing, StreamFacts, call_uuid};
use crate::audio::SampleRate;
use crate::audio::encoding::Encoding;
use crate::audio::g711::Law;
use crate::call::Leg;
use crate::session::CleanAudio;

/// Kind of the frame with the call's UUID.
const ID: u8 = 0x01;
/// Kind of the frame with which a recorder hangs up.
const HANGUP: u8 = 0x00;
/// Bytes of a frame before its payload.
const HEADER: usize = 3;
/// What is in audio frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// `slin`, at the call's rate.
    Linear,
    /// `ulaw` or `alaw` at 8 kHz, of the kind 0x10 as Asterisk sends it for `c(ulaw)`.
    Companded(Law),
}

/// Speaks to a recorder that expects Asterisk's AudioSocket.
#[derive(Debug)]
pub struct AudioSocketSpeaker {
    id: Uuid,
    stream: PacketStream<AudioFrame>,
    heard: Frames,
}

/// How audio frames are written.
#[derive(Debug)]
struct AudioFrame {
    kind: u8,
    encoding: Encoding,
}

impl Form for AudioFrame {
    fn message(&self, samples: &[i16]) -> Outgoing {
        frame(self.kind, &self.encoding.encode(samples))
    }
}

impl AudioSocketSpeaker {
    /// For one connection. `leg` is who is heard: one of the call's legs, or [`Leg::Mixed`] for all of them.
    pub fn new(codec: Codec, leg: Leg, facts: &StreamFacts) -> Self {
        Self {
            id: call_uuid(&facts.call),
            stream: PacketStream::new(AudioFrame::new(codec, leg, facts)),
            heard: Frames::default(),
        }
    }
}

impl AudioFrame {
    fn new(codec: Codec, leg: Leg, facts: &StreamFacts) -> Result<(Self, Packets), CannotSpeak> {
        let (kind, encoding) = match (codec, facts.rate) {
            (Codec::Linear, rate) => {
                let kind = kind(rate).ok_or(CannotSpeak::Rate {
                    protocol: "AudioSocket",
                    hertz: rate.hertz(),
                    expected: "8000, 12000, 16000, 24000, 32000, 44100 or 48000 Hz",
                })?;
                (kind, Encoding::LinearLittle)
            }
            (Codec::Companded(law), SampleRate::TELEPHONE) => (0x10, Encoding::Companded(law)),
            (Codec::Companded(_), rate) => {
                return Err(CannotSpeak::Rate {
                    protocol: "AudioSocket with ulaw or alaw",
                    hertz: rate.hertz(),
                    expected: "8000 Hz",
                });
            }
        };
        let channels = Channels::single(facts.legs, leg)?;
        Ok((Self { kind, encoding }, Packets::new(facts, channels)))
    }
}

impl Speaker for AudioSocketSpeaker {
    fn begin(&mut self, messages: &mut Vec<Outgoing>) -> Result<(), CannotSpeak> {
        self.stream.begin()?;
        messages.push(frame(ID, self.id.as_bytes()));
        Ok(())
    }

    fn standing(&self) -> Standing {
        self.stream.standing()
    }

    fn fill(&mut self, audio: &CleanAudio, messages: &mut Vec<Outgoing>) -> bool {
        self.stream.fill(audio, messages)
    }

    fn audio(&mut self, audio: &CleanAudio, messages: &mut Vec<Outgoing>) {
        self.stream.audio(audio, messages);
    }

    fn waiting(&self) -> usize {
        self.stream.waiting()
    }

    fn hear(&mut self, said: Heard<'_>, _since: Duration, _messages: &mut Vec<Outgoing>) {
        if let Heard::Binary(bytes) = said
            && self.heard.has(HANGUP, bytes)
        {
            self.stream.hang_up();
        }
    }

    fn end(&mut self, messages: &mut Vec<Outgoing>) {
        self.stream.end(messages);
    }
}

/// The kind of linear audio at a rate.
fn kind(rate: SampleRate) -> Option<u8> {
    Some(match rate.hertz() {
        8_000 => 0x10,
        12_000 => 0x11,
        16_000 => 0x12,
        24_000 => 0x13,
        32_000 => 0x14,
        44_100 => 0x15,
        48_000 => 0x16,
        _ => return None,
    })
}

fn frame(kind: u8, payload: &[u8]) -> Outgoing {
    // A packet of 20 ms has at most 1,920 bytes.
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    let payload = &payload[..usize::from(length)];
    Outgoing::Binary([&[kind, high, low], payload].concat())
}

/// Looks through a stream of frames that comes in pieces. Keeps no payload.
#[derive(Debug, Default)]
struct Frames {
    header: Vec<u8>,
    /// Bytes of the payload that are still to come.
    rest: usize,
}

impl Frames {
    /// Whether a frame of this kind begins in these bytes.
    fn has(&mut self, kind: u8, mut bytes: &[u8]) -> bool {
        let mut found = false;
        while !bytes.is_empty() {
            let passed = self.rest.min(bytes.len());
            self.rest -= passed;
            bytes = &bytes[passed..];
            let lacking = (HEADER - self.header.len()).min(bytes.len());
            self.header.extend_from_slice(&bytes[..lacking]);
            bytes = &bytes[lacking..];
            if let [first, high, low] = self.header[..] {
                found |= first == kind;
                self.rest = usize::from(u16::from_be_bytes([high, low]));
                self.header.clear();
            }
        }
        found
    }
}

#[cfg(test)]
mod tests;

//! Asterisk's AudioSocket: frames on a TCP connection that Asterisk opens.
//!
//! ```text
//! byte 0    kind
//! byte 1-2  length of the payload, high byte first
//! byte 3..  payload
//!
//! AwaitId --0x01--> AwaitAudio --0x10..0x18--> Streaming --0x00--> Over
//!             \___________________________________/ (if the rate is set)
//! ```
//!
//! Source: Asterisk's `res_audiosocket.c` and `chan_audiosocket.c`. The first frame has the call's UUID. Audio is
//! signed 16-bit, low byte first, at the rate that its kind says. There are no timestamps and nothing
//! comes in a silence; Asterisk ends by closing the connection. Only one direction is sent, which is the mix
//! of the bridge, or of a snoop channel one party.
//!
//! The kind is a trap: Asterisk sends mu-law and A-law as kind 0x10, which says linear. Such audio would be
//! recorded as noise from which the speech can be had back, while nothing was recognised in it. So the codec
//! is set for each door, and a stream whose frames have the length of the other kind is refused.
//!
//! **Architecture invariants:** nothing is ever sent; memory is bounded by one frame.

mod cadence;
mod frame;

use std::time::Duration;

use super::raw_audio::{HALF_A_SAMPLE, RawAudio, alone};
use super::{Adapter, Arrival, Incoming, ProtocolError, Tally, close, tolerate};
use crate::audio::SampleRate;
use crate::audio::encoding::Encoding;
use crate::audio::g711::Law;
use crate::call::{CallId, Leg};

use cadence::Cadence;
use frame::Frames;

/// Keys pressed before the call begins that are told of when it does.
const EARLY_KEYS: usize = 64;

/// What is in audio frames of kind 0x10.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// `slin`: what the kinds say. With a rate the call begins with its UUID and only this rate is taken;
    /// otherwise it begins with the first audio frame, whose rate it is.
    Linear(Option<SampleRate>),
    /// `ulaw` or `alaw` at 8 kHz: Asterisk's `c(ulaw)` and `format=ulaw`.
    Companded(Law),
}

/// What a connection is told that the protocol does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// What is in audio frames.
    pub codec: Codec,
    /// Who is heard.
    pub leg: Leg,
}

impl Default for Settings {
    /// Linear audio at the rate it says, of both parties.
    fn default() -> Self {
        Self {
            codec: Codec::Linear(None),
            leg: Leg::Mixed,
        }
    }
}

/// One connection's protocol state.
#[derive(Debug)]
pub struct AudioSocketAdapter {
    settings: Settings,
    frames: Frames,
    state: State,
    cadence: Cadence,
    tally: Tally,
}

#[derive(Debug)]
enum State {
    AwaitId,
    AwaitAudio { call: CallId, keys: usize },
    Streaming { call: CallId, audio: RawAudio },
    Over,
}

impl AudioSocketAdapter {
    /// A connection just accepted.
    pub fn new(settings: Settings) -> Self {
        let cadence = match settings.codec {
            Codec::Linear(_) => Cadence::of_companded(),
            Codec::Companded(_) => Cadence::of_linear(),
        };
        Self {
            settings,
            frames: Frames::default(),
            state: State::AwaitId,
            cadence,
            tally: Tally::default(),
        }
    }

    /// The form of the audio in frames of a kind.
    fn format(&self, kind: u8) -> Result<(Encoding, SampleRate), ProtocolError> {
        let hertz = match kind {
            0x10 => 8_000,
            0x11 => 12_000,
            0x12 => 16_000,
            0x13 => 24_000,
            0x14 => 32_000,
            0x15 => 44_100,
            0x16 => 48_000,
            _ => {
                return Err(ProtocolError::closed(
                    close::UNSUPPORTED,
                    "audio at 96 or 192 kHz; set the channel's format to slin48 or less",
                ));
            }
        };
        let rate = SampleRate::new(hertz)
            .map_err(|_| ProtocolError::closed(close::UNSUPPORTED, "audio at an unknown rate"))?;
        let encoding = match self.settings.codec {
            Codec::Companded(law) if kind == 0x10 => Encoding::Companded(law),
            Codec::Companded(_) | Codec::Linear(_) => Encoding::LinearLittle,
        };
        Ok((encoding, rate))
    }

    /// The form that all audio must have, if it is set.
    fn set_format(&self) -> Option<(Encoding, SampleRate)> {
        match self.settings.codec {
            Codec::Companded(law) => Some((Encoding::Companded(law), SampleRate::TELEPHONE)),
            Codec::Linear(rate) => rate.map(|rate| (Encoding::LinearLittle, rate)),
        }
    }

    fn frame(
        &mut self,
        kind: u8,
        payload: &[u8],
        since: Duration,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError> {
        if matches!(self.state, State::AwaitId) {
            return self.identified(kind, payload, arrivals);
        }
        match kind {
            0x00 => {
                self.flush(arrivals);
                self.state = State::Over;
                arrivals.push(Arrival::Stopped);
            }
            0x01 => {
                return Err(ProtocolError::closed(
                    close::PROTOCOL_ERROR,
                    "a second UUID",
                ));
            }
            0x03 => {
                if payload.len() != 1 {
                    return Err(ProtocolError::Dropped("a dtmf frame without one digit"));
                }
                self.key_pressed(arrivals);
            }
            0x10..=0x18 if !payload.is_empty() => {
                return self.audio(kind, payload, since, arrivals);
            }
            0xFF => {
                return Err(ProtocolError::closed(
                    close::PROTOCOL_ERROR,
                    "the peer reported an error",
                ));
            }
            _ => {
                self.tally.ignored += 1;
                return Ok(());
            }
        }
        self.tally.accepted += 1;
        Ok(())
    }

    /// Takes the first frame.
    fn identified(
        &mut self,
        kind: u8,
        payload: &[u8],
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError> {
        let id = match (kind, payload.try_into()) {
            (0x01, Ok(id)) => hyphenated(id),
            _ => {
                return Err(ProtocolError::closed(
                    close::PROTOCOL_ERROR,
                    "the first frame is not a UUID of 16 bytes",
                ));
            }
        };
        let call = CallId::new(&id).map_err(|_| {
            ProtocolError::closed(close::PROTOCOL_ERROR, "the UUID is not a call's id")
        })?;
        self.tally.accepted += 1;
        self.state = State::AwaitAudio { call, keys: 0 };
        if let Some(format) = self.set_format() {
            self.begin(format, arrivals);
        }
        Ok(())
    }

    fn begin(&mut self, (encoding, rate): (Encoding, SampleRate), arrivals: &mut Vec<Arrival>) {
        let State::AwaitAudio { call, keys } = &self.state else {
            return;
        };
        let leg = self.settings.leg;
        let audio = RawAudio::new(encoding, rate, alone(leg));
        arrivals.push(audio.started(call.clone()));
        arrivals.extend((0..*keys).map(|_| Arrival::KeyPressed { leg }));
        self.state = State::Streaming {
            call: call.clone(),
            audio,
        };
    }

    fn audio(
        &mut self,
        kind: u8,
        payload: &[u8],
        since: Duration,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError> {
        let format = self.format(kind)?;
        if !payload.len().is_multiple_of(format.0.width()) {
            return Err(HALF_A_SAMPLE);
        }
        if kind == 0x10 && self.cadence.is_of_other_codec(payload.len(), since) {
            let problem = match self.settings.codec {
                Codec::Linear(_) => {
                    "kind 0x10 has 160 bytes every 20 ms, so it is mu-law or A-law: set the door's codec \
                     to ulaw or alaw, or the channel's format to slin"
                }
                Codec::Companded(_) => {
                    "kind 0x10 has 320 bytes every 20 ms, so it is linear: set the door's codec to slin"
                }
            };
            return Err(ProtocolError::closed(close::UNSUPPORTED, problem));
        }
        self.begin(format, arrivals);
        let State::Streaming { audio, .. } = &mut self.state else {
            return Ok(());
        };
        if audio.format() != format {
            return Err(ProtocolError::closed(
                close::PROTOCOL_ERROR,
                "audio of another rate or codec than the call began with or the door is set to",
            ));
        }
        audio.take_whole(payload, since, arrivals)?;
        self.tally.accepted += 1;
        Ok(())
    }

    fn key_pressed(&mut self, arrivals: &mut Vec<Arrival>) {
        match &mut self.state {
            State::AwaitAudio { keys, .. } => *keys = (*keys + 1).min(EARLY_KEYS),
            State::Streaming { .. } => arrivals.push(Arrival::KeyPressed {
                leg: self.settings.leg,
            }),
            State::AwaitId | State::Over => {}
        }
    }
}

impl Adapter for AudioSocketAdapter {
    fn handle(
        &mut self,
        message: Incoming<'_>,
        since: Duration,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError> {
        let Incoming::Binary(mut bytes) = message else {
            let error = ProtocolError::Dropped("a text message; AudioSocket sends bytes");
            return Err(tolerate(&mut self.tally, error, close::UNSUPPORTED));
        };
        let mut outcome = Ok(());
        while !matches!(self.state, State::Over)
            && let Some((kind, payload)) = self.frames.next(&mut bytes)
        {
            let Err(error) = self.frame(kind, &payload, since, arrivals) else {
                continue;
            };
            // A frame's error does not cost those that came with it.
            let error = tolerate(&mut self.tally, error, close::POLICY);
            if matches!(error, ProtocolError::Closed { .. }) {
                self.flush(arrivals);
                self.state = State::Over;
            }
            outcome = Err(error);
        }
        outcome
    }

    fn flush(&mut self, arrivals: &mut Vec<Arrival>) {
        if let State::Streaming { audio, .. } = &mut self.state {
            audio.flush(arrivals);
        }
    }

    fn tally(&self) -> Tally {
        self.tally
    }

    fn stream(&self) -> Option<&str> {
        match &self.state {
            State::Streaming { call, .. } => Some(call.as_str()),
            State::AwaitId | State::AwaitAudio { .. } | State::Over => None,
        }
    }

    fn encoding(&self) -> Encoding {
        match &self.state {
            State::Streaming { audio, .. } => audio.format().0,
            State::AwaitId | State::AwaitAudio { .. } | State::Over => Encoding::LinearLittle,
        }
    }

    /// Within a frame the connection was lost.
    fn ends_by_closing(&self) -> bool {
        self.frames.is_at_border()
    }
}

/// A UUID as it is written (RFC 9562, 4).
fn hyphenated(id: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (place, byte) in id.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for half in [byte >> 4, byte & 0xF] {
            text.extend(char::from_digit(u32::from(half), 16));
        }
    }
    text
}

#[cfg(test)]
mod tests;

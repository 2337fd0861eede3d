//! FreeSWITCH's mod_audio_fork and mod_audio_stream, and jambonz's `listen`: linear audio as binary messages,
//! and text that means little.
//!
//! ```text
//! AwaitStart --metadata, or audio--> Streaming --empty message, or close--> the end
//! ```
//!
//! Source: the modules' own code and jambonz's documentation. FreeSWITCH is the client. A binary message
//! brings all that was buffered, signed 16-bit, low byte first, of one channel or of two in turn. The first
//! text may have been given by whoever started the stream: where it is a JSON object it can say the format
//! and name the call, and what it does not say is set for each door. jambonz always sends it. A pause and
//! audio that FreeSWITCH threw away are not announced. The end is the connection's; after a graceful
//! shutdown an empty binary message comes before.
//!
//! **Architecture invariants:** nothing is ever sent; memory is bounded by one message. Of a key nothing is
//! read but that it was pressed.

mod metadata;

use std::time::Duration;

use super::json;
use super::raw_audio::{RawAudio, alone, check_length};
use super::{Adapter, Arrival, Incoming, ProtocolError, Tally, close, tolerate};
use crate::audio::SampleRate;
use crate::audio::encoding::Encoding;
use crate::call::particulars::Particulars;
use crate::call::{CallId, Leg};

use metadata::{Metadata, Note};

/// Keys pressed before the call begins that are told of when it does.
const EARLY_KEYS: usize = 64;

/// Which of the three speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// mod_audio_fork: metadata as `{"sampleRate":8000,"mixType":"stereo"}`, if any.
    AudioFork,
    /// jambonz: the same, and always.
    Jambonz,
    /// mod_audio_stream: any text; by this gateway's convention also `{"rate":8000,"channels":2}`.
    AudioStream,
}

impl Dialect {
    /// The WebSocket subprotocols it may offer, one of which it expects to be accepted.
    pub fn subprotocols(self) -> &'static [&'static str] {
        match self {
            Dialect::AudioFork => &["audio.drachtio.org"],
            Dialect::Jambonz => &["audio.jambonz.org"],
            Dialect::AudioStream => &[],
        }
    }
}

/// What the audio is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mix {
    /// What FreeSWITCH reads from its leg alone.
    Mono,
    /// Both directions in one channel.
    Mixed,
    /// What FreeSWITCH reads from its leg and what it writes to it, in turn.
    Stereo,
}

/// What a connection is told that the protocol does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Who speaks.
    pub dialect: Dialect,
    /// The rate, where metadata does not say it.
    pub rate: SampleRate,
    /// What the audio is of, where metadata does not say it.
    pub mix: Mix,
    /// Who is on the leg that FreeSWITCH reads from: the customer, unless the stream was started on the
    /// agent's leg.
    pub read: Leg,
    /// The call's id, where metadata has none.
    pub fallback: CallId,
}

impl Settings {
    /// Both directions apart at 8 kHz, started on the customer's leg.
    pub fn new(dialect: Dialect, fallback: CallId) -> Self {
        Self {
            dialect,
            rate: SampleRate::TELEPHONE,
            mix: Mix::Stereo,
            read: Leg::Customer,
            fallback,
        }
    }

    /// Who is heard on each channel.
    fn channels(&self, mix: Mix) -> &'static [Leg] {
        match (mix, self.read) {
            (Mix::Mono, read) => alone(read),
            (Mix::Mixed, _) => alone(Leg::Mixed),
            (Mix::Stereo, Leg::Customer | Leg::Mixed) => &[Leg::Customer, Leg::Agent],
            (Mix::Stereo, Leg::Agent) => &[Leg::Agent, Leg::Customer],
        }
    }

    /// Whose keys are heard.
    fn key_leg(&self, channels: &[Leg]) -> Leg {
        match channels {
            [leg] => *leg,
            _ => match self.read {
                Leg::Agent => Leg::Agent,
                Leg::Customer | Leg::Mixed => Leg::Customer,
            },
        }
    }
}

/// One connection's protocol state.
#[derive(Debug)]
pub struct AudioForkAdapter {
    settings: Settings,
    state: State,
    particulars: Particulars,
    tally: Tally,
}

#[derive(Debug)]
enum State {
    AwaitStart {
        keys: usize,
    },
    Streaming {
        audio: RawAudio,
        /// Whether metadata came, so that no other text can be it.
        is_described: bool,
    },
    Over,
}

impl AudioForkAdapter {
    /// A connection just opened.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            state: State::AwaitStart { keys: 0 },
            particulars: Particulars::default(),
            tally: Tally::default(),
        }
    }

    fn text(&mut self, text: &str, arrivals: &mut Vec<Arrival>) -> Result<(), ProtocolError> {
        check_length(text.len())?;
        if matches!(self.state, State::Over) {
            self.tally.ignored += 1;
            return Ok(());
        }
        match Note::read(text) {
            Note::KeyPressed => self.key_pressed(arrivals),
            Note::Metadata(metadata) => {
                if matches!(self.state, State::AwaitStart { .. }) {
                    self.particulars = json::particulars_of(text);
                }
                self.metadata(&metadata, arrivals)
            }
            Note::Opaque => {
                self.require_metadata()?;
                self.tally.ignored += 1;
                Ok(())
            }
        }
    }

    fn metadata(
        &mut self,
        metadata: &Metadata<'_>,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError> {
        match &mut self.state {
            State::AwaitStart { .. } => {
                let call = metadata
                    .call()
                    .unwrap_or_else(|| self.settings.fallback.clone());
                let rate = metadata.rate(&self.settings)?;
                let mix = metadata.mix(&self.settings)?;
                self.begin(
                    call,
                    rate.unwrap_or(self.settings.rate),
                    mix.unwrap_or(self.settings.mix),
                    true,
                    arrivals,
                );
            }
            State::Streaming {
                audio,
                is_described: is_described @ false,
            } => {
                let (Ok(rate), Ok(mix)) =
                    (metadata.rate(&self.settings), metadata.mix(&self.settings))
                else {
                    self.tally.ignored += 1;
                    return Ok(());
                };
                *is_described = rate.is_some() || mix.is_some();
                // Audio that was taken for something else must not be recorded any further.
                let (_, known_rate) = audio.format();
                let is_same = rate.is_none_or(|rate| rate == known_rate)
                    && mix.is_none_or(|mix| self.settings.channels(mix) == audio.channels());
                if !is_same {
                    return Err(ProtocolError::closed(
                        close::PROTOCOL_ERROR,
                        "metadata after the start says another rate or mix than the audio was taken for",
                    ));
                }
            }
            State::Streaming { .. } | State::Over => {
                self.tally.ignored += 1;
                return Ok(());
            }
        }
        self.tally.accepted += 1;
        Ok(())
    }

    fn begin(
        &mut self,
        call: CallId,
        rate: SampleRate,
        mix: Mix,
        is_described: bool,
        arrivals: &mut Vec<Arrival>,
    ) {
        let State::AwaitStart { keys } = self.state else {
            return;
        };
        let channels = self.settings.channels(mix);
        let leg = self.settings.key_leg(channels);
        let audio = RawAudio::new(Encoding::LinearLittle, rate, channels);
        arrivals.push(audio.started(call));
        arrivals.extend((0..keys).map(|_| Arrival::KeyPressed { leg }));
        self.state = State::Streaming {
            audio,
            is_described,
        };
    }

    fn key_pressed(&mut self, arrivals: &mut Vec<Arrival>) -> Result<(), ProtocolError> {
        self.require_metadata()?;
        match &mut self.state {
            State::AwaitStart { keys } => *keys = (*keys + 1).min(EARLY_KEYS),
            State::Streaming { audio, .. } => {
                let leg = self.settings.key_leg(audio.channels());
                arrivals.push(Arrival::KeyPressed { leg });
            }
            State::Over => {}
        }
        self.tally.accepted += 1;
        Ok(())
    }

    fn binary(
        &mut self,
        bytes: &[u8],
        since: Duration,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError> {
        if bytes.is_empty() {
            self.end_of_audio(arrivals);
            return Ok(());
        }
        check_length(bytes.len())?;
        self.require_metadata()?;
        let Settings {
            fallback,
            rate,
            mix,
            ..
        } = &self.settings;
        self.begin(fallback.clone(), *rate, *mix, false, arrivals);
        match &mut self.state {
            State::Streaming { audio, .. } => {
                audio.take(bytes, since, arrivals)?;
                self.tally.accepted += 1;
            }
            State::AwaitStart { .. } | State::Over => self.tally.ignored += 1,
        }
        Ok(())
    }

    /// Takes an empty binary message: after a graceful shutdown no more audio comes.
    fn end_of_audio(&mut self, arrivals: &mut Vec<Arrival>) {
        let State::Streaming { audio, .. } = &mut self.state else {
            self.tally.ignored += 1;
            return;
        };
        audio.flush(arrivals);
        self.state = State::Over;
        self.tally.accepted += 1;
        arrivals.push(Arrival::Stopped);
    }

    /// jambonz says first what the audio is.
    fn require_metadata(&self) -> Result<(), ProtocolError> {
        match (self.settings.dialect, &self.state) {
            (Dialect::Jambonz, State::AwaitStart { .. }) => Err(ProtocolError::closed(
                close::PROTOCOL_ERROR,
                "the first message is not a JSON object with metadata",
            )),
            _ => Ok(()),
        }
    }
}

impl Adapter for AudioForkAdapter {
    fn handle(
        &mut self,
        message: Incoming<'_>,
        since: Duration,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError> {
        let outcome = match message {
            Incoming::Text(text) => self.text(text, arrivals),
            Incoming::Binary(bytes) => self.binary(bytes, since, arrivals),
        };
        outcome.map_err(|error| tolerate(&mut self.tally, error, close::POLICY))
    }

    fn flush(&mut self, arrivals: &mut Vec<Arrival>) {
        if let State::Streaming { audio, .. } = &mut self.state {
            audio.flush(arrivals);
        }
    }

    fn particulars(&self) -> Particulars {
        self.particulars.clone()
    }

    fn tally(&self) -> Tally {
        self.tally
    }

    fn ends_by_closing(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;

//! FreeSWITCH's mod_audio_fork and mod_audio_stream, and jambonz's `listen`, as FreeSWITCH sends them: metadata,
//! then linear audio as binary messages of 20 ms.
//!
//! Source: the modules' own code and jambonz's documentation. Signed 16-bit, low byte first; both legs in turn,
//! first the one that FreeSWITCH would read from, or all in one. What the audio is of stands in the metadata,
//! with what the platform said of the call. Keys are never sent. Of what a recorder says, jambonz's
//! `disconnect` counts. The connection's end is the stream's.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::packets::{Channels, Form, PacketStream, Packets};
use super::{CannotSpeak, Handshake, Heard, Outgoing, Speaker, Standing, StreamFacts};
use crate::audio::encoding::Encoding;
use crate::call::Leg;
use crate::session::CleanAudio;

/// Longest metadata that mod_audio_fork sends.
const LONGEST_METADATA: usize = 8_192;

/// Which of the three is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// mod_audio_fork.
    AudioFork,
    /// jambonz.
    Jambonz,
    /// mod_audio_stream.
    AudioStream,
}

/// How legs become channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `stereo`: first this leg, which FreeSWITCH would read from, then the other. A call of one leg is
    /// `mono`, or `mixed` if it is both parties'.
    Apart(Leg),
    /// `mixed`: all in one channel.
    Mixed,
}

/// Speaks to a recorder that expects FreeSWITCH.
#[derive(Debug)]
pub struct AudioForkSpeaker {
    dialect: Dialect,
    facts: StreamFacts,
    stream: PacketStream<Mix>,
}

/// What is on the channels, whose samples take turns.
#[derive(Debug)]
struct Mix {
    name: &'static str,
    channels: Channels,
}

/// What a recorder says, as far as it matters.
#[derive(Deserialize)]
struct Request {
    #[serde(rename = "type")]
    kind: String,
}

impl AudioForkSpeaker {
    /// For one connection.
    pub fn new(dialect: Dialect, layout: Layout, facts: StreamFacts) -> Self {
        Self {
            dialect,
            stream: PacketStream::new(Mix::new(layout, &facts)),
            facts,
        }
    }

    /// The first message. What the audio is of is the gateway's to say, whatever the platform said.
    fn metadata(&self, mix: &Mix) -> String {
        let whole = Value::Object(self.describe(mix, self.facts.told())).to_string();
        if whole.len() <= LONGEST_METADATA {
            return whole;
        }
        Value::Object(self.describe(mix, Map::new())).to_string()
    }

    fn describe(&self, mix: &Mix, mut members: Map<String, Value>) -> Map<String, Value> {
        members.insert("sampleRate".into(), self.facts.rate.hertz().into());
        members.insert("mixType".into(), mix.name.into());
        if self.dialect == Dialect::AudioStream {
            members.insert("rate".into(), self.facts.rate.hertz().into());
            members.insert("channels".into(), mix.channels.count().into());
        }
        members.insert("callSid".into(), self.facts.call.as_str().into());
        members
    }
}

impl Mix {
    fn new(layout: Layout, facts: &StreamFacts) -> Result<(Self, Packets), CannotSpeak> {
        if !facts.rate.hertz().is_multiple_of(8_000) {
            return Err(CannotSpeak::Rate {
                protocol: "mod_audio_fork",
                hertz: facts.rate.hertz(),
                expected: "8000, 16000, 24000, 32000 or 48000 Hz",
            });
        }
        let place = |wanted: Leg| facts.legs.iter().position(|leg| *leg == wanted);
        let (name, channels) = match (layout, facts.legs) {
            (_, [Leg::Mixed]) => ("mixed", Channels::One(0)),
            (_, [_]) => ("mono", Channels::One(0)),
            (Layout::Mixed, legs) => ("mixed", Channels::single(legs, Leg::Mixed)?),
            (Layout::Apart(read), _) => {
                let first = place(read).or(place(Leg::Customer)).unwrap_or(0);
                ("stereo", Channels::Two(first, usize::from(first == 0)))
            }
        };
        Ok((Self { name, channels }, Packets::new(facts, channels)))
    }
}

impl Form for Mix {
    fn message(&self, samples: &[i16]) -> Outgoing {
        Outgoing::Binary(Encoding::LinearLittle.encode(samples))
    }
}

impl Speaker for AudioForkSpeaker {
    fn handshake(&self) -> Handshake {
        Handshake {
            subprotocol: match self.dialect {
                Dialect::AudioFork => Some("audio.drachtio.org"),
                Dialect::Jambonz => Some("audio.jambonz.org"),
                Dialect::AudioStream => None,
            },
            headers: Vec::new(),
        }
    }

    fn begin(&mut self, messages: &mut Vec<Outgoing>) -> Result<(), CannotSpeak> {
        let (mix, _) = self.stream.begin()?;
        messages.push(Outgoing::Text(self.metadata(mix)));
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

    /// jambonz ends its task on `disconnect`; to the modules it is an event.
    fn hear(&mut self, said: Heard<'_>, _since: Duration, _messages: &mut Vec<Outgoing>) {
        if let Heard::Text(text) = said
            && self.dialect == Dialect::Jambonz
            && serde_json::from_str::<Request>(text).is_ok_and(|said| said.kind == "disconnect")
        {
            self.stream.hang_up();
        }
    }

    fn end(&mut self, messages: &mut Vec<Outgoing>) {
        self.stream.end(messages);
    }
}

#[cfg(test)]
mod tests;

//! Asterisk's chan_websocket, as Asterisk sends it: MEDIA_START, then frames of 20 ms as binary messages.
//!
//! Source: Asterisk's `chan_websocket.c`. One channel, in the codec that MEDIA_START names: G.711 where the call
//! came so, otherwise linear at the call's rate. Asterisk closes at the end. Keys are never sent. Of a
//! recorder's commands `HANGUP` and `GET_STATUS` mean something to a stream that takes no audio back.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::packets::{self, Channels, PacketStream, Packets};
use super::{CannotSpeak, Handshake, Heard, Outgoing, Speaker, Standing, StreamFacts};
use crate::audio::SampleRate;
use crate::audio::encoding::Encoding;
use crate::audio::g711::Law;
use crate::call::Leg;
use crate::session::CleanAudio;

/// The WebSocket subprotocol that Asterisk offers and expects to be accepted.
pub const SUBPROTOCOL: &str = "media";
/// What Asterisk calls a connection, after a name from its configuration.
const CONNECTION: &str = "hushgate";
/// Longest command that Asterisk reads.
const LONGEST_COMMAND: usize = 128;

/// How control messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `MEDIA_START connection_id:...`, which is Asterisk's default.
    Plain,
    /// `{"event":"MEDIA_START",...}`, which can hold the call's parameters as `channel_variables`.
    Json,
}

/// Speaks to a recorder that expects Asterisk's chan_websocket.
#[derive(Debug)]
pub struct ChanWebSocketSpeaker {
    form: Form,
    facts: StreamFacts,
    stream: PacketStream<Format>,
}

/// How samples are written, and what Asterisk calls that.
#[derive(Debug)]
struct Format {
    name: &'static str,
    encoding: Encoding,
}

impl packets::Form for Format {
    fn message(&self, samples: &[i16]) -> Outgoing {
        Outgoing::Binary(self.encoding.encode(samples))
    }
}

/// A command in JSON.
#[derive(Deserialize)]
struct Command {
    command: String,
}

impl ChanWebSocketSpeaker {
    /// For one connection. `leg` is who is heard: one of the call's legs, or [`Leg::Mixed`] for all of them.
    pub fn new(form: Form, leg: Leg, facts: StreamFacts) -> Self {
        Self {
            form,
            stream: PacketStream::new(Format::new(leg, &facts)),
            facts,
        }
    }

    fn media_start(&self, format: &Format, packets: &Packets) -> String {
        let call = &self.facts.call;
        let channel = format!("WebSocket/{CONNECTION}/{call}");
        let length = packets.length() * format.encoding.width();
        let format = format.name;
        match self.form {
            Form::Plain => format!(
                "MEDIA_START connection_id:{CONNECTION} channel:{channel} channel_id:{call} format:{format} \
                 optimal_frame_size:{length} ptime:20"
            ),
            Form::Json => json!({
                "event": "MEDIA_START",
                "connection_id": CONNECTION,
                "channel": channel,
                "channel_id": call.as_str(),
                "format": format,
                "optimal_frame_size": length,
                "ptime": 20,
                "channel_variables": self.facts.told(),
            })
            .to_string(),
        }
    }

    /// What Asterisk answers to GET_STATUS: nothing is queued, as nothing is taken.
    fn status(&self) -> String {
        let call = &self.facts.call;
        match self.form {
            Form::Plain => format!(
                "STATUS channel_id:{call} queue_length:0 xon_level:800 xoff_level:900 queue_full:false \
                 bulk_media:false media_paused:false"
            ),
            Form::Json => json!({
                "event": "STATUS",
                "channel_id": call.as_str(),
                "queue_length": 0,
                "xon_level": 800,
                "xoff_level": 900,
                "queue_full": false,
                "bulk_media": false,
                "media_paused": false,
            })
            .to_string(),
        }
    }
}

impl Format {
    fn new(leg: Leg, facts: &StreamFacts) -> Result<(Self, Packets), CannotSpeak> {
        let (name, encoding) = format(facts).ok_or(CannotSpeak::Rate {
            protocol: "chan_websocket",
            hertz: facts.rate.hertz(),
            expected: "8000, 12000, 16000, 24000, 32000, 44100 or 48000 Hz",
        })?;
        let channels = Channels::single(facts.legs, leg)?;
        Ok((Self { name, encoding }, Packets::new(facts, channels)))
    }
}

impl Speaker for ChanWebSocketSpeaker {
    fn handshake(&self) -> Handshake {
        Handshake {
            subprotocol: Some(SUBPROTOCOL),
            headers: Vec::new(),
        }
    }

    fn begin(&mut self, messages: &mut Vec<Outgoing>) -> Result<(), CannotSpeak> {
        let (format, packets) = self.stream.begin()?;
        messages.push(Outgoing::Text(self.media_start(format, packets)));
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

    fn hear(&mut self, said: Heard<'_>, _since: Duration, messages: &mut Vec<Outgoing>) {
        let Heard::Text(text) = said else {
            return;
        };
        if text.len() > LONGEST_COMMAND {
            return;
        }
        let json;
        let command = match self.form {
            Form::Plain => text.trim_end(),
            Form::Json => {
                json = serde_json::from_str::<Command>(text);
                json.as_ref().map_or("", |json| json.command.as_str())
            }
        };
        match command {
            "HANGUP" => self.stream.hang_up(),
            "GET_STATUS" => messages.push(Outgoing::Text(self.status())),
            _ => {}
        }
    }

    fn end(&mut self, messages: &mut Vec<Outgoing>) {
        self.stream.end(messages);
    }
}

/// What Asterisk calls the form of a call's audio.
fn format(facts: &StreamFacts) -> Option<(&'static str, Encoding)> {
    match (facts.encoding, facts.rate) {
        (Encoding::Companded(Law::Mu), SampleRate::TELEPHONE) => {
            return Some(("ulaw", facts.encoding));
        }
        (Encoding::Companded(Law::A), SampleRate::TELEPHONE) => {
            return Some(("alaw", facts.encoding));
        }
        _ => {}
    }
    let name = match facts.rate.hertz() {
        8_000 => "slin",
        12_000 => "slin12",
        16_000 => "slin16",
        24_000 => "slin24",
        32_000 => "slin32",
        44_100 => "slin44",
        48_000 => "slin48",
        _ => return None,
    };
    Some((name, Encoding::LinearLittle))
}

#[cfg(test)]
mod tests;

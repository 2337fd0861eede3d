//! Vonage's WebSocket endpoint (Voice API), as Vonage sends it: one JSON message, then linear audio of 20 ms as
//! binary messages.
//!
//! Source: Vonage's WebSockets guide. One channel, the mix of the conversation; signed 16-bit, low byte first
//! (UNCONFIRMED there, and what all known code does). What the platform said of the call is merged into the
//! first message, as Vonage merges the endpoint's `headers`. Keys are never sent. A recorder's actions are
//! answered as by a call into which nothing is played. There is no stop message.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::packets::{Channels, Form, PacketStream, Packets};
use super::{CannotSpeak, Heard, Outgoing, Speaker, StreamFacts};
use crate::audio::encoding::Encoding;
use crate::call::Leg;
use crate::session::CleanAudio;

/// Speaks to a recorder that expects Vonage.
#[derive(Debug)]
pub struct VonageSpeaker {
    facts: StreamFacts,
    stream: PacketStream<Linear>,
}

/// What a recorder says.
#[derive(Deserialize)]
struct Request {
    action: String,
    #[serde(default)]
    payload: Value,
}

impl VonageSpeaker {
    /// For one connection. `leg` is who is heard: one of the call's legs, or [`Leg::Mixed`] for all of them,
    /// as from Vonage.
    pub fn new(leg: Leg, facts: StreamFacts) -> Self {
        let live = match facts.rate.hertz() {
            8_000 | 16_000 | 24_000 => Channels::single(facts.legs, leg)
                .map(|channels| (Linear, Packets::new(&facts, channels))),
            hertz => Err(CannotSpeak::Rate {
                protocol: "Vonage",
                hertz,
                expected: "8000, 16000 or 24000 Hz",
            }),
        };
        Self {
            facts,
            stream: PacketStream::new(live),
        }
    }

    fn connected(&self) -> String {
        let mut members = self.facts.told();
        members
            .entry("uuid")
            .or_insert_with(|| self.facts.call.as_str().into());
        let content_type = format!("audio/l16;rate={}", self.facts.rate.hertz());
        members.insert("content-type".into(), content_type.into());
        members.insert("event".into(), "websocket:connected".into());
        Value::Object(members).to_string()
    }
}

/// 16 bits, low byte first.
#[derive(Debug)]
struct Linear;

impl Form for Linear {
    fn message(&self, samples: &[i16]) -> Outgoing {
        Outgoing::Binary(Encoding::LinearLittle.encode(samples))
    }
}

impl Speaker for VonageSpeaker {
    fn begin(&mut self, messages: &mut Vec<Outgoing>) -> Result<(), CannotSpeak> {
        self.stream.begin()?;
        messages.push(Outgoing::Text(self.connected()));
        Ok(())
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
        let Ok(request) = serde_json::from_str::<Request>(text) else {
            return;
        };
        let answer = match request.action.as_str() {
            "clear" => json!({"event": "websocket:cleared"}),
            // Told when what was queued before it has been played: at once.
            "notify" => json!({"event": "websocket:notify", "payload": request.payload}),
            _ => return,
        };
        messages.push(Outgoing::Text(answer.to_string()));
    }

    fn end(&mut self, messages: &mut Vec<Outgoing>) {
        self.stream.end(messages);
    }
}

#[cfg(test)]
mod tests;

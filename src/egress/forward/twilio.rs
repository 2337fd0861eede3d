//! Twilio Media Streams, and its dialects, as the platform sends them.
//!
//! Packets of 20 ms for each track in turn; a block's remainder waits for the next. Timestamps are
//! milliseconds from the stream's start, exact as packets have whole milliseconds. `sequenceNumber` counts all
//! messages but `connected`, `chunk` the media messages of each track. Samples are written as the platform does:
//! G.711 at 8 kHz, whatever the call came as, and linear above.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{CannotSpeak, Outgoing, Speaker, StreamFacts};
use crate::audio::encoding::Encoding;
use crate::audio::g711::Law;
use crate::audio::{SampleIndex, SampleRate};
use crate::call::Leg;
use crate::session::CleanAudio;

/// What a packet lasts.
const PACKET_MILLIS: u64 = 20;

/// Whose names and habits are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Twilio and SignalWire.
    Twilio,
    /// Telnyx: snake case.
    Telnyx,
    /// Plivo: no `connected`, numbers as numbers, no `stop`.
    Plivo,
}

/// Speaks to a recorder that expects Twilio.
#[derive(Debug)]
pub struct TwilioSpeaker {
    style: Style,
    facts: StreamFacts,
    outbound: Leg,
    encoding: Result<Encoding, CannotSpeak>,
    stream: String,
    sequence: u64,
    chunks: u64,
    /// Where on the stream's timeline the waiting samples begin.
    at: Option<u64>,
    waiting: Vec<Vec<i16>>,
}

impl TwilioSpeaker {
    /// For one connection. `outbound` is who is heard on the outbound track.
    pub fn new(style: Style, facts: StreamFacts, outbound: Leg) -> Self {
        Self {
            style,
            outbound,
            encoding: encoding(style, &facts),
            stream: stream_id(&facts),
            sequence: 0,
            chunks: 0,
            at: None,
            waiting: vec![Vec::new(); facts.legs.len()],
            facts,
        }
    }

    fn track(&self, leg: Leg) -> &'static str {
        if leg == self.outbound {
            "outbound"
        } else {
            "inbound"
        }
    }

    fn tracks(&self) -> Vec<&'static str> {
        // The order in which Twilio names them.
        let mut tracks: Vec<_> = self.facts.legs.iter().map(|&leg| self.track(leg)).collect();
        tracks.sort_unstable();
        tracks
    }

    fn packet(&self) -> usize {
        self.facts.rate.hertz() as usize * PACKET_MILLIS as usize / 1_000
    }

    fn number(&self, value: u64) -> Value {
        match self.style {
            Style::Plivo => value.into(),
            Style::Twilio | Style::Telnyx => value.to_string().into(),
        }
    }

    /// A message with its event, number and stream, and a body under the event's name.
    fn message(&mut self, event: &str, body: Value) -> Outgoing {
        // Plivo counts from zero.
        if self.style != Style::Plivo || self.sequence > 0 || event != "start" {
            self.sequence += 1;
        }
        let (sequence, stream) = match self.style {
            Style::Twilio => ("sequenceNumber", "streamSid"),
            Style::Telnyx => ("sequence_number", "stream_id"),
            Style::Plivo => ("sequenceNumber", "streamId"),
        };
        let mut message = Map::new();
        message.insert("event".into(), event.into());
        message.insert(sequence.into(), self.number(self.sequence));
        if self.style != Style::Plivo || event != "start" {
            message.insert(stream.into(), self.stream.clone().into());
        }
        message.insert(event.into(), body);
        Outgoing::Text(Value::Object(message).to_string())
    }

    /// Sends whole packets of what waits; at the end the rest too.
    fn send(&mut self, last: bool, messages: &mut Vec<Outgoing>) {
        let Ok(encoding) = self.encoding else {
            return;
        };
        let packet = self.packet();
        loop {
            let waiting = self.waiting.first().map_or(0, Vec::len);
            let length = if waiting >= packet || !last {
                packet
            } else {
                waiting
            };
            if length == 0 || waiting < length {
                return;
            }
            let at = self.at.unwrap_or(0);
            let millis = at * 1_000 / u64::from(self.facts.rate.hertz());
            self.chunks += 1;
            for channel in 0..self.waiting.len() {
                let samples: Vec<i16> = self.waiting[channel].drain(..length).collect();
                let payload = STANDARD.encode(encoding.encode(&samples));
                let track = self.track(self.facts.legs[channel]);
                let body = json!({
                    "track": track,
                    "chunk": self.number(self.chunks),
                    "timestamp": millis.to_string(),
                    "payload": payload,
                });
                messages.push(self.message("media", body));
            }
            self.at = Some(at + length as u64);
        }
    }

    fn start(&mut self, encoding: Encoding) -> Outgoing {
        let parameters = self.facts.told();
        let encoding = self.name_of(encoding);
        let hertz = self.facts.rate.hertz();
        let (call, stream, tracks) = (
            self.facts.call.to_string(),
            self.stream.clone(),
            self.tracks(),
        );
        let body = match self.style {
            Style::Twilio => json!({
                "streamSid": stream,
                "callSid": call,
                "tracks": tracks,
                "customParameters": parameters,
                "mediaFormat": {"encoding": encoding, "sampleRate": hertz, "channels": 1},
            }),
            Style::Telnyx => json!({
                "call_control_id": call,
                "call_session_id": call,
                "custom_parameters": parameters,
                "media_format": {"encoding": encoding, "sample_rate": hertz, "channels": 1},
            }),
            Style::Plivo => json!({
                "callId": call,
                "streamId": stream,
                "tracks": tracks,
                "mediaFormat": {"encoding": encoding, "sampleRate": hertz},
            }),
        };
        self.message("start", body)
    }

    fn name_of(&self, encoding: Encoding) -> &'static str {
        use Encoding::{Companded, LinearBig, LinearLittle};
        match (self.style, encoding) {
            (Style::Telnyx, Companded(Law::Mu)) => "PCMU",
            (Style::Telnyx, Companded(Law::A)) => "PCMA",
            (Style::Telnyx, LinearLittle | LinearBig) => "L16",
            (_, Companded(Law::Mu)) => "audio/x-mulaw",
            (_, Companded(Law::A)) => "audio/x-alaw",
            (Style::Plivo, LinearLittle | LinearBig) => "audio/x-l16",
            (Style::Twilio, LinearLittle | LinearBig) => "audio/x-L16",
        }
    }
}

/// How the platform writes the samples of such a call: Twilio knows mu-law alone; Telnyx A-law too, and linear
/// samples in network byte order; Plivo has linear samples at 8 kHz as well.
fn encoding(style: Style, facts: &StreamFacts) -> Result<Encoding, CannotSpeak> {
    let (linear, protocol, expected, rates) = match style {
        Style::Twilio => (
            Encoding::LinearLittle,
            "Twilio's protocol",
            "8000, 16000 or 24000 Hz",
            &[16_000, 24_000][..],
        ),
        Style::Telnyx => (
            Encoding::LinearBig,
            "Telnyx",
            "8000, 16000, 24000 or 48000 Hz",
            &[16_000, 24_000, 48_000][..],
        ),
        Style::Plivo => (
            Encoding::LinearLittle,
            "Plivo",
            "8000 or 16000 Hz",
            &[16_000][..],
        ),
    };
    let hertz = facts.rate.hertz();
    if facts.rate == SampleRate::TELEPHONE {
        return Ok(match (style, facts.encoding) {
            (Style::Telnyx, Encoding::Companded(law)) => Encoding::Companded(law),
            (Style::Plivo, Encoding::LinearLittle | Encoding::LinearBig) => linear,
            _ => Encoding::Companded(Law::Mu),
        });
    }
    if rates.contains(&hertz) {
        return Ok(linear);
    }
    Err(CannotSpeak::Rate {
        protocol,
        hertz,
        expected,
    })
}

impl Speaker for TwilioSpeaker {
    fn begin(&mut self, messages: &mut Vec<Outgoing>) -> Result<(), CannotSpeak> {
        let encoding = self.encoding.clone()?;
        let connected = match self.style {
            Style::Twilio => Some(json!({
                "event": "connected", "protocol": "Call", "version": "1.0.0",
            })),
            Style::Telnyx => Some(json!({"event": "connected", "version": "1.0.0"})),
            Style::Plivo => None,
        };
        messages.extend(connected.map(|message| Outgoing::Text(message.to_string())));
        let start = self.start(encoding);
        messages.push(start);
        Ok(())
    }

    fn audio(&mut self, audio: &CleanAudio, messages: &mut Vec<Outgoing>) {
        let begins = self.facts.rate.index_at(self.facts.begins);
        let SampleIndex(start) = audio.start();
        let start = start.saturating_sub(begins.0);
        let waiting = self.waiting.first().map_or(0, Vec::len) as u64;
        if self.at.is_none_or(|at| at + waiting != start) {
            // A gap: what waits is sent short, and time goes on after it.
            self.send(true, messages);
            self.at = Some(start);
        }
        for (waiting, samples) in self.waiting.iter_mut().zip(audio.channels()) {
            waiting.extend_from_slice(samples);
        }
        self.send(false, messages);
    }

    fn waiting(&self) -> usize {
        self.waiting.first().map_or(0, Vec::len)
    }

    fn end(&mut self, messages: &mut Vec<Outgoing>) {
        self.send(true, messages);
        let call = self.facts.call.to_string();
        let body = match self.style {
            Style::Twilio => json!({"callSid": call}),
            Style::Telnyx => json!({"call_control_id": call}),
            Style::Plivo => return,
        };
        let stop = self.message("stop", body);
        messages.push(stop);
    }
}

/// The platform's own id on the first connection; further streams of a call are others (Twilio's documents:
/// a new stream has a new id), told apart by their number.
fn stream_id(facts: &StreamFacts) -> String {
    use sha2::Digest;
    if facts.attempt == 0 && !facts.stream.is_empty() {
        return facts.stream.clone();
    }
    let mut hash = sha2::Sha256::new();
    hash.update(facts.call.as_str());
    hash.update(facts.stream.as_bytes());
    hash.update(facts.attempt.to_be_bytes());
    let digest = hash.finalize();
    let hex: String = digest
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("MZ{hex}")
}

#[cfg(test)]
mod tests;

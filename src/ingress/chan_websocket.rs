//! Asterisk's chan_websocket: events as JSON or plain text, audio as binary messages.
//!
//! ```text
//! AwaitStart --MEDIA_START--> Streaming --close--> the end
//! ```
//!
//! Source: Asterisk's `chan_websocket.c`. Control messages come in the form the channel was set up with:
//! `{"event":"DTMF_END",...}`, or `DTMF_END digit:... channel_id:...`. A binary message is one frame of
//! the codec that MEDIA_START names, without header or time; nothing comes in a silence. Asterisk closes
//! the connection at the end of the call.
//!
//! The call's id is the channel's (`1795307430.15`, with `-` for what an id must not have): the connection's
//! is a name from Asterisk's configuration, the same for all calls, and serves where there is no other.
//!
//! **Architecture invariants:** nothing is ever sent; memory is bounded by one message. Of a key nothing is
//! read but that it was pressed.

use std::time::Duration;

use serde::Deserialize;

use super::json::Scalar;
use super::raw_audio::{RawAudio, alone, check_length};
use super::{Adapter, Arrival, Incoming, ProtocolError, Tally, close, tolerate};
use crate::audio::SampleRate;
use crate::audio::encoding::Encoding;
use crate::audio::g711::Law;
use crate::call::{CallId, Leg};

/// The WebSocket subprotocol that Asterisk offers and expects to be accepted.
pub const SUBPROTOCOL: &str = "media";

/// What a connection is told that the protocol does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Who is heard.
    pub leg: Leg,
}

impl Default for Settings {
    /// Both parties.
    fn default() -> Self {
        Self { leg: Leg::Mixed }
    }
}

/// One connection's protocol state.
#[derive(Debug)]
pub struct ChanWebSocketAdapter {
    settings: Settings,
    live: Option<(CallId, RawAudio)>,
    tally: Tally,
}

/// An event, as far as it matters.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    event: Scalar<'a>,
    #[serde(borrow, default)]
    connection_id: Option<Scalar<'a>>,
    #[serde(borrow, default)]
    channel_id: Option<Scalar<'a>>,
    #[serde(borrow, default)]
    format: Option<Scalar<'a>>,
}

/// An event of either form, as far as it matters.
struct Control<'a> {
    name: &'a str,
    connection: Option<&'a str>,
    channel: Option<&'a str>,
    format: Option<&'a str>,
}

impl ChanWebSocketAdapter {
    /// A connection just opened.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            live: None,
            tally: Tally::default(),
        }
    }

    fn text(&mut self, text: &str, arrivals: &mut Vec<Arrival>) -> Result<(), ProtocolError> {
        check_length(text.len())?;
        if !text.starts_with('{') {
            return self.control(&Control::of_words(text)?, arrivals);
        }
        // serde's errors quote the input: they are not passed on.
        let event: Event<'_> = serde_json::from_str(text)
            .map_err(|_| ProtocolError::Dropped("not a JSON object with an event"))?;
        let Some(name) = event.event.text() else {
            return Err(ProtocolError::Dropped("not a JSON object with an event"));
        };
        let control = Control {
            name,
            connection: event.connection_id.as_ref().and_then(Scalar::text),
            channel: event.channel_id.as_ref().and_then(Scalar::text),
            format: event.format.as_ref().and_then(Scalar::text),
        };
        self.control(&control, arrivals)
    }

    fn control(
        &mut self,
        control: &Control<'_>,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError> {
        match control.name {
            "MEDIA_START" => self.start(control, arrivals)?,
            "DTMF_END" => {
                self.require_start("DTMF_END before MEDIA_START")?;
                arrivals.push(Arrival::KeyPressed {
                    leg: self.settings.leg,
                });
            }
            // The others are about audio that is sent to Asterisk.
            _ => {
                self.tally.ignored += 1;
                return Ok(());
            }
        }
        self.tally.accepted += 1;
        Ok(())
    }

    fn start(
        &mut self,
        control: &Control<'_>,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError> {
        if self.live.is_some() {
            return Err(ProtocolError::closed(
                close::PROTOCOL_ERROR,
                "a second MEDIA_START",
            ));
        }
        let Some((encoding, rate)) = control.format.and_then(audio_format) else {
            return Err(ProtocolError::closed(
                close::UNSUPPORTED,
                "MEDIA_START's format is not one of ulaw, alaw, slin, slin12, slin16, slin24, slin32, slin44 \
                 or slin48",
            ));
        };
        let Some(call) = control.call() else {
            return Err(ProtocolError::closed(
                close::POLICY,
                "a MEDIA_START without channel_id or connection_id, or with one of more than 64 characters",
            ));
        };
        let audio = RawAudio::new(encoding, rate, alone(self.settings.leg));
        arrivals.push(audio.started(call.clone()));
        self.live = Some((call, audio));
        Ok(())
    }

    fn binary(
        &mut self,
        bytes: &[u8],
        since: Duration,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError> {
        self.require_start("audio before MEDIA_START")?;
        let Some((_, audio)) = &mut self.live else {
            return Ok(());
        };
        if bytes.is_empty() {
            self.tally.ignored += 1;
            return Ok(());
        }
        audio.take_whole(bytes, since, arrivals)?;
        self.tally.accepted += 1;
        Ok(())
    }

    fn require_start(&self, problem: &'static str) -> Result<(), ProtocolError> {
        match self.live {
            Some(_) => Ok(()),
            None => Err(ProtocolError::closed(close::PROTOCOL_ERROR, problem)),
        }
    }
}

impl Adapter for ChanWebSocketAdapter {
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
        if let Some((_, audio)) = &mut self.live {
            audio.flush(arrivals);
        }
    }

    fn tally(&self) -> Tally {
        self.tally
    }

    fn stream(&self) -> Option<&str> {
        self.live.as_ref().map(|(call, _)| call.as_str())
    }

    fn encoding(&self) -> Encoding {
        let live = self.live.as_ref();
        live.map_or(Encoding::LinearLittle, |(_, audio)| audio.format().0)
    }

    fn ends_by_closing(&self) -> bool {
        true
    }
}

impl<'a> Control<'a> {
    /// Of the plain form: a name, then `key:value`, all apart by spaces.
    fn of_words(text: &'a str) -> Result<Self, ProtocolError> {
        let mut words = text.trim_end().split(' ');
        let name = words.next().unwrap_or_default();
        let is_name = |c: char| c.is_ascii_uppercase() || c == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(ProtocolError::Dropped("neither an event's name nor JSON"));
        }
        let mut control = Self {
            name,
            connection: None,
            channel: None,
            format: None,
        };
        for (key, value) in words.filter_map(|word| word.split_once(':')) {
            match key {
                "connection_id" => control.connection = Some(value),
                "channel_id" => control.channel = Some(value),
                "format" => control.format = Some(value),
                _ => {}
            }
        }
        Ok(control)
    }

    fn call(&self) -> Option<CallId> {
        let of_channel = |id: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let id: String = id
                .chars()
                .map(|c| if allowed(c) { c } else { '-' })
                .collect();
            CallId::new(&id).ok()
        };
        self.channel
            .and_then(of_channel)
            .or_else(|| CallId::new(self.connection?).ok())
    }
}

/// The form of the audio that Asterisk calls so.
fn audio_format(name: &str) -> Option<(Encoding, SampleRate)> {
    let (encoding, hertz) = match name {
        "ulaw" => (Encoding::Companded(Law::Mu), 8_000),
        "alaw" => (Encoding::Companded(Law::A), 8_000),
        "slin" => (Encoding::LinearLittle, 8_000),
        "slin12" => (Encoding::LinearLittle, 12_000),
        "slin16" => (Encoding::LinearLittle, 16_000),
        "slin24" => (Encoding::LinearLittle, 24_000),
        "slin32" => (Encoding::LinearLittle, 32_000),
        "slin44" => (Encoding::LinearLittle, 44_100),
        "slin48" => (Encoding::LinearLittle, 48_000),
        _ => return None,
    };
    Some((encoding, SampleRate::new(hertz).ok()?))
}

#[cfg(test)]
mod tests;

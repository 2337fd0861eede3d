//! Vonage's WebSocket endpoint (Voice API): one JSON message, then linear audio as binary messages.
//!
//! ```text
//! AwaitConnected --websocket:connected--> Streaming --close--> the end
//! ```
//!
//! Source: Vonage's WebSockets guide. The audio is the mix of the conversation, signed 16-bit mono at the rate
//! that the content type says; low byte first is UNCONFIRMED there, and what all known code does. The
//! members of the endpoint's `headers` are merged into the first message: one of them can name the call.
//! There is no stop message.
//!
//! **Architecture invariants:** nothing is ever sent; memory is bounded by one message. Of a key nothing is
//! read but that it was pressed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::json::{self, Scalar};
use super::raw_audio::{RawAudio, alone, check_length};
use super::{Adapter, Arrival, Incoming, ProtocolError, Tally, close, tolerate};
use crate::audio::SampleRate;
use crate::audio::encoding::Encoding;
use crate::call::particulars::Particulars;
use crate::call::{CallId, Leg};

/// Members of the first message that name the call, if no other was set; the first valid one counts.
const CALL_MEMBERS: [&str; 3] = ["uuid", "conversation_uuid", "call_uuid"];

/// What a connection is told that the protocol does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The member of the endpoint's `headers` that names the call. Others are tried when it is absent or
    /// is not a call's id.
    pub call_header: Option<String>,
    /// The call's id if the first message has none.
    pub fallback: CallId,
}

/// One connection's protocol state.
#[derive(Debug)]
pub struct VonageAdapter {
    settings: Settings,
    live: Option<RawAudio>,
    particulars: Particulars,
    tally: Tally,
}

/// What every text message has.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    event: Scalar<'a>,
}

impl VonageAdapter {
    /// A connection just opened.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            live: None,
            particulars: Particulars::default(),
            tally: Tally::default(),
        }
    }

    fn text(&mut self, text: &str, arrivals: &mut Vec<Arrival>) -> Result<(), ProtocolError> {
        check_length(text.len())?;
        // serde's errors quote the input: they are not passed on.
        let head: Head<'_> = serde_json::from_str(text)
            .map_err(|_| ProtocolError::Dropped("not a JSON object with an event"))?;
        match head.event.text() {
            None => {
                return Err(ProtocolError::Dropped("not a JSON object with an event"));
            }
            Some("websocket:connected") => self.connected(text, arrivals)?,
            Some("websocket:dtmf") => {
                self.require_connected("dtmf before websocket:connected")?;
                arrivals.push(Arrival::KeyPressed { leg: Leg::Mixed });
            }
            // Answers to what a server sent.
            Some(_) => {
                self.tally.ignored += 1;
                return Ok(());
            }
        }
        self.tally.accepted += 1;
        Ok(())
    }

    fn connected(&mut self, text: &str, arrivals: &mut Vec<Arrival>) -> Result<(), ProtocolError> {
        if self.live.is_some() {
            return Err(ProtocolError::closed(
                close::PROTOCOL_ERROR,
                "a second websocket:connected",
            ));
        }
        let members: BTreeMap<Cow<'_, str>, Scalar<'_>> = serde_json::from_str(text)
            .map_err(|_| ProtocolError::Dropped("websocket:connected is not a JSON object"))?;
        let text_of = |name: &str| members.get(name).and_then(Scalar::text);
        let Some(rate) = text_of("content-type").and_then(rate_of) else {
            return Err(ProtocolError::closed(
                close::UNSUPPORTED,
                "the content-type is not audio/l16;rate=8000, 16000, 24000 or another rate up to 48000",
            ));
        };
        let names = self.settings.call_header.as_deref();
        let call = names
            .into_iter()
            .chain(CALL_MEMBERS)
            .find_map(|name| CallId::new(text_of(name)?).ok())
            .unwrap_or_else(|| self.settings.fallback.clone());
        let audio = RawAudio::new(Encoding::LinearLittle, rate, alone(Leg::Mixed));
        self.particulars = json::particulars(&members);
        arrivals.push(audio.started(call));
        self.live = Some(audio);
        Ok(())
    }

    fn binary(
        &mut self,
        bytes: &[u8],
        since: Duration,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError> {
        self.require_connected("audio before websocket:connected")?;
        let Some(audio) = &mut self.live else {
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

    fn require_connected(&self, problem: &'static str) -> Result<(), ProtocolError> {
        match self.live {
            Some(_) => Ok(()),
            None => Err(ProtocolError::closed(close::PROTOCOL_ERROR, problem)),
        }
    }
}

impl Adapter for VonageAdapter {
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
        if let Some(audio) = &mut self.live {
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

/// The rate in `audio/l16;rate=16000`.
fn rate_of(content_type: &str) -> Option<SampleRate> {
    let mut parts = content_type.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case("audio/l16") {
        return None;
    }
    let hertz = parts.find_map(|part| part.strip_prefix("rate="))?;
    SampleRate::new(hertz.trim().parse().ok()?).ok()
}

#[cfg(test)]
mod tests;

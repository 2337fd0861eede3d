//! Twilio Media Streams: JSON text messages with base64 mu-law, one connection for each stream.
//!
//! ```text
//! AwaitConnected --connected--> AwaitStart --start--> Streaming --stop--> Stopped
//!        \___________________start____________________/
//! ```
//!
//! Source: Twilio's "Media Streams - WebSocket messages". Numbers may be JSON strings or numbers,
//! unknown fields and events are ignored, and `start` may come without `connected`, as look-alikes
//! send it. `customParameters` come from outside and mean nothing here.
//!
//! **Architecture invariants:** nothing is ever sent on the socket; memory is bounded by one message.

mod message;

use std::borrow::Cow;

use audio_codec_algorithms::decode_ulaw;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::placement::Placement;
use super::{Adapter, Arrival, ProtocolError, Tally};
use crate::audio::{SampleIndex, SampleRate};
use crate::call::{CallId, Leg, Sensitive};
use crate::session::RawFrame;

use message::{Envelope, Head, KeyPress, Media, Start, Track};

/// Longest message in bytes. Twilio's own have about 330.
pub const LONGEST_MESSAGE: usize = 64 * 1024;
/// Longest decoded payload in bytes: one second of mu-law. Twilio's own have 160.
pub const LONGEST_PAYLOAD: usize = 8 * 1024;
/// Malformed messages after which a connection is closed.
pub const MALFORMED_LIMIT: u64 = 16;

/// Latest timestamp in milliseconds: no call lasts a year.
const LATEST_TIMESTAMP: u64 = 366 * 24 * 3_600 * 1_000;
/// Longest `streamSid`; Twilio's have 34 characters, look-alikes send UUIDs.
const LONGEST_STREAM_ID: usize = 128;
const SAMPLES_PER_MILLISECOND: u64 = 8;

/// RFC 6455, 7.4.1: the peer broke the protocol.
const CLOSE_PROTOCOL_ERROR: u16 = 1002;
/// RFC 6455, 7.4.1: a type of data that is not accepted.
const CLOSE_UNSUPPORTED: u16 = 1003;
/// RFC 6455, 7.4.1: a message against the endpoint's policy.
const CLOSE_POLICY: u16 = 1008;

/// One Twilio stream's protocol state.
#[derive(Debug)]
pub struct TwilioAdapter {
    state: State,
    outbound: Leg,
    agent: Placement,
    customer: Placement,
    last_chunks: [Option<(u64, u64)>; 2],
    tally: Tally,
}

#[derive(Debug)]
enum State {
    AwaitConnected,
    AwaitStart,
    Streaming { stream: Box<str> },
    Stopped,
}

impl TwilioAdapter {
    /// A connection just opened. `outbound` is who is heard on the outbound track: the agent, unless the
    /// stream was started on the other leg of the call.
    pub fn new(outbound: Leg) -> Self {
        Self {
            state: State::AwaitConnected,
            outbound,
            agent: Placement::new(SAMPLES_PER_MILLISECOND),
            customer: Placement::new(SAMPLES_PER_MILLISECOND),
            last_chunks: [None; 2],
            tally: Tally::default(),
        }
    }

    fn leg(&self, track: Track) -> Leg {
        match (track, self.outbound) {
            (Track::Outbound, Leg::Customer) | (Track::Inbound, Leg::Agent | Leg::Mixed) => {
                Leg::Customer
            }
            (Track::Outbound, Leg::Agent | Leg::Mixed) | (Track::Inbound, Leg::Customer) => {
                Leg::Agent
            }
        }
    }

    fn dispatch(&mut self, text: &str, arrivals: &mut Vec<Arrival>) -> Result<(), ProtocolError> {
        if text.len() > LONGEST_MESSAGE {
            return Err(ProtocolError::Dropped("a message of more than 64 KiB"));
        }
        let head: Head<'_> = parse(text, "not a JSON object with an event")?;
        if matches!(self.state, State::Stopped) {
            self.tally.ignored += 1;
            return Ok(());
        }
        if let (State::Streaming { stream }, Some(claimed)) = (&self.state, &head.stream)
            && **stream != **claimed
        {
            return Err(closed(CLOSE_POLICY, "a message of another stream"));
        }
        match &*head.event {
            "connected" => self.connected(),
            "start" => self.start(text, head.stream, arrivals),
            "media" => self.media(text, arrivals),
            "dtmf" => self.key_pressed(text, arrivals),
            "stop" => {
                self.state = State::Stopped;
                self.tally.accepted += 1;
                arrivals.push(Arrival::Stopped);
                Ok(())
            }
            // `mark` only answers what a bidirectional server sent.
            _ => {
                self.tally.ignored += 1;
                Ok(())
            }
        }
    }

    fn connected(&mut self) -> Result<(), ProtocolError> {
        match self.state {
            State::AwaitConnected => {
                self.state = State::AwaitStart;
                self.tally.accepted += 1;
            }
            State::AwaitStart | State::Streaming { .. } | State::Stopped => {
                self.tally.ignored += 1;
            }
        }
        Ok(())
    }

    fn start(
        &mut self,
        text: &str,
        stream: Option<Cow<'_, str>>,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError> {
        if matches!(self.state, State::Streaming { .. }) {
            return Err(closed(CLOSE_PROTOCOL_ERROR, "a second start"));
        }
        let start: Start<'_> = match Envelope::parse(text) {
            Some(envelope) => envelope,
            None => return Err(closed(CLOSE_POLICY, "a start without start.callSid")),
        };
        if !start.format.is_telephone_mu_law() {
            return Err(closed(
                CLOSE_UNSUPPORTED,
                "start.mediaFormat is not audio/x-mulaw at 8000 Hz with 1 channel",
            ));
        }
        let call = CallId::new(&start.call).map_err(|_| {
            closed(
                CLOSE_POLICY,
                "start.callSid is not 1 to 64 of A-Z a-z 0-9 _ -",
            )
        })?;
        let stream = stream.or(start.stream).unwrap_or_default();
        if stream.len() > LONGEST_STREAM_ID {
            return Err(closed(
                CLOSE_POLICY,
                "a streamSid of more than 128 characters",
            ));
        }
        self.state = State::Streaming {
            stream: stream.into(),
        };
        self.tally.accepted += 1;
        arrivals.push(Arrival::Started {
            call,
            // Always both: a track may begin late, and channels keep their places.
            legs: &[Leg::Agent, Leg::Customer],
            rate: SampleRate::TELEPHONE,
        });
        Ok(())
    }

    fn media(&mut self, text: &str, arrivals: &mut Vec<Arrival>) -> Result<(), ProtocolError> {
        self.require_start("media before start")?;
        let Some(media) = Envelope::parse::<Media<'_>>(text) else {
            return Err(ProtocolError::Dropped(
                "media without track, timestamp or payload",
            ));
        };
        let timestamp = media.timestamp.0;
        if timestamp > LATEST_TIMESTAMP {
            return Err(ProtocolError::Dropped("media.timestamp is out of range"));
        }
        // Four characters stand for three bytes.
        if media.payload.len() > LONGEST_PAYLOAD.div_ceil(3) * 4 {
            return Err(ProtocolError::Dropped("a payload of more than 8 KiB"));
        }
        let mut bytes = Zeroizing::new(Vec::new());
        if STANDARD
            .decode_vec(media.payload.as_bytes(), &mut bytes)
            .is_err()
        {
            return Err(ProtocolError::Dropped("media.payload is not base64"));
        }
        if bytes.len() > LONGEST_PAYLOAD {
            return Err(ProtocolError::Dropped("a payload of more than 8 KiB"));
        }
        if bytes.is_empty() {
            self.tally.ignored += 1;
            return Ok(());
        }
        self.tally.accepted += 1;

        let leg = self.leg(media.track);
        let last_chunk = &mut self.last_chunks[usize::from(leg == Leg::Customer)];
        if let Some(chunk) = media.chunk {
            // Short packets sent twice are within the jitter of each other.
            let this = Some((chunk.0, timestamp));
            if *last_chunk == this {
                self.tally.repeated_samples += bytes.len() as u64;
                return Ok(());
            }
            *last_chunk = this;
        }
        let placement = match leg {
            Leg::Agent | Leg::Mixed => &mut self.agent,
            Leg::Customer => &mut self.customer,
        };
        let mut placed_samples = 0;
        for piece in placement.place(timestamp * SAMPLES_PER_MILLISECOND, bytes.len()) {
            let samples: Vec<i16> = bytes
                .get(piece.samples)
                .unwrap_or_default()
                .iter()
                .map(|&byte| decode_ulaw(byte))
                .collect();
            placed_samples += samples.len() as u64;
            arrivals.push(Arrival::Audio(RawFrame {
                leg,
                at: SampleIndex(piece.at),
                samples: Sensitive::new(samples),
            }));
        }
        self.tally.repeated_samples += (bytes.len() as u64).saturating_sub(placed_samples);
        Ok(())
    }

    fn key_pressed(
        &mut self,
        text: &str,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError> {
        self.require_start("dtmf before start")?;
        let track = Envelope::parse::<KeyPress>(text).map_or(Track::Inbound, |key| key.track);
        self.tally.accepted += 1;
        arrivals.push(Arrival::KeyPressed {
            leg: self.leg(track),
        });
        Ok(())
    }

    fn require_start(&self, problem: &'static str) -> Result<(), ProtocolError> {
        match self.state {
            State::AwaitConnected | State::AwaitStart => Err(closed(CLOSE_PROTOCOL_ERROR, problem)),
            State::Streaming { .. } | State::Stopped => Ok(()),
        }
    }

    /// Counts a malformed message, and closes the connection when there were too many.
    fn tolerate(&mut self, error: ProtocolError, code: u16) -> ProtocolError {
        self.tally.malformed += 1;
        match error {
            ProtocolError::Dropped(problem) if self.tally.malformed >= MALFORMED_LIMIT => {
                closed(code, problem)
            }
            ProtocolError::Dropped(_) | ProtocolError::Closed { .. } => error,
        }
    }
}

impl Adapter for TwilioAdapter {
    fn tally(&self) -> Tally {
        self.tally
    }

    fn stream(&self) -> Option<&str> {
        match &self.state {
            State::Streaming { stream } => Some(stream),
            State::AwaitConnected | State::AwaitStart | State::Stopped => None,
        }
    }

    fn handle_text(
        &mut self,
        text: &str,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError> {
        self.dispatch(text, arrivals)
            .map_err(|error| self.tolerate(error, CLOSE_POLICY))
    }

    fn handle_binary(
        &mut self,
        _bytes: &[u8],
        _arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError> {
        let error = ProtocolError::Dropped("a binary message; Twilio sends text");
        Err(self.tolerate(error, CLOSE_UNSUPPORTED))
    }
}

fn parse<'a, T: serde::Deserialize<'a>>(
    text: &'a str,
    problem: &'static str,
) -> Result<T, ProtocolError> {
    // serde's errors quote the input, which may be audio: they are not passed on.
    serde_json::from_str(text).map_err(|_| ProtocolError::Dropped(problem))
}

fn closed(code: u16, problem: &'static str) -> ProtocolError {
    ProtocolError::Closed { code, problem }
}

#[cfg(test)]
mod tests;

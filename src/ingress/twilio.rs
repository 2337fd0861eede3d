//! Twilio Media Streams and its dialects (SignalWire, Telnyx, Plivo): JSON text messages with base64
//! audio, one connection for each stream.
//!
//! ```text
//! AwaitConnected --connected--> AwaitStart --start--> Streaming --stop--> Stopped
//!        \___________________start____________________/
//! ```
//!
//! Source: Twilio's "Media Streams - WebSocket messages" and the platforms' own pages. Numbers may be JSON
//! strings or numbers, names of either style, unknown fields and events are ignored, and `start` may come
//! without `connected`. `customParameters` come from outside and are passed on; those that say who takes part in
//! the call are read.
//!
//! **Architecture invariants:** nothing is ever sent on the socket; memory is bounded by one message.

mod message;

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::placement::Placement;
use super::reorder::Reorder;
use super::{Adapter, Arrival, Incoming, LONGEST_MESSAGE, ProtocolError, Tally, close, tolerate};
use crate::audio::encoding::Encoding;
use crate::audio::g711::Law;
use crate::audio::{SampleIndex, SampleRate};
use crate::call::particulars::Particulars;
use crate::call::{CallId, Leg, Sensitive};
use crate::session::RawFrame;

use message::{Direction, Envelope, KeyPress, Media, Start};

/// Longest decoded payload in bytes: one second of mu-law. Twilio's own have 160.
pub const LONGEST_PAYLOAD: usize = 8 * 1024;
/// The same where samples have two bytes and rates are higher.
const LONGEST_LINEAR_PAYLOAD: usize = 32 * 1024;

/// Latest timestamp in milliseconds: no call lasts a year.
const LATEST_TIMESTAMP: u64 = 366 * 24 * 3_600 * 1_000;
/// Longest `streamSid`; Twilio's have 34 characters, look-alikes send UUIDs.
const LONGEST_STREAM_ID: usize = 128;

/// A platform that speaks Twilio's protocol, or nearly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Twilio: mu-law at 8 kHz.
    Twilio,
    /// SignalWire: Twilio's names; `streamSid` in `start` alone; linear 16-bit at up to 24 kHz.
    SignalWire,
    /// Telnyx: names in snake case; packets may come out of order.
    Telnyx,
    /// Plivo: `start` comes first, times are of the day, and the end is the connection's.
    Plivo,
}

impl Dialect {
    /// How the platform writes 16-bit samples. UNCONFIRMED for all three: SignalWire's host order, Plivo's
    /// samples, and Telnyx's RTP payload, which has network order.
    fn linear(self) -> Encoding {
        match self {
            Dialect::Telnyx => Encoding::LinearBig,
            Dialect::Twilio | Dialect::SignalWire | Dialect::Plivo => Encoding::LinearLittle,
        }
    }

    fn is_ordered(self) -> bool {
        self != Dialect::Telnyx
    }

    /// Whether timestamps count from the start of the stream.
    fn counts_from_start(self) -> bool {
        self != Dialect::Plivo
    }
}

/// One stream's protocol state.
#[derive(Debug)]
pub struct TwilioAdapter {
    dialect: Dialect,
    state: State,
    outbound: Leg,
    format: (Encoding, SampleRate),
    /// The timestamp of the stream's start, where timestamps do not count from there.
    origin: Option<u64>,
    parameters: Vec<(String, String)>,
    particulars: Particulars,
    agent: Track,
    customer: Track,
    tally: Tally,
}

/// One direction of the audio.
#[derive(Debug)]
struct Track {
    placement: Placement,
    reorder: Reorder<Packet>,
    last_chunk: Option<(u64, u64)>,
}

impl Track {
    fn new(rate: SampleRate) -> Self {
        Self {
            placement: Placement::new(u64::from(rate.hertz()) / 1_000),
            reorder: Reorder::default(),
            last_chunk: None,
        }
    }
}

/// A `media` message's audio.
struct Packet {
    /// Milliseconds from the start of the stream.
    timestamp: u64,
    samples: Sensitive<Vec<i16>>,
}

impl std::fmt::Debug for Packet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Packet({} ms)", self.timestamp)
    }
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
    pub fn new(dialect: Dialect, outbound: Leg) -> Self {
        let rate = SampleRate::TELEPHONE;
        Self {
            dialect,
            state: State::AwaitConnected,
            outbound,
            format: (Encoding::Companded(Law::Mu), rate),
            origin: None,
            parameters: Vec::new(),
            particulars: Particulars::default(),
            agent: Track::new(rate),
            customer: Track::new(rate),
            tally: Tally::default(),
        }
    }

    fn leg(&self, direction: Direction) -> Leg {
        match (direction, self.outbound) {
            (Direction::Outbound, Leg::Customer)
            | (Direction::Inbound, Leg::Agent | Leg::Mixed) => Leg::Customer,
            (Direction::Outbound, Leg::Agent | Leg::Mixed)
            | (Direction::Inbound, Leg::Customer) => Leg::Agent,
        }
    }

    fn track(&mut self, leg: Leg) -> &mut Track {
        match leg {
            Leg::Agent | Leg::Mixed => &mut self.agent,
            Leg::Customer => &mut self.customer,
        }
    }

    fn dispatch(&mut self, text: &str, arrivals: &mut Vec<Arrival>) -> Result<(), ProtocolError> {
        if text.len() > LONGEST_MESSAGE {
            return Err(ProtocolError::Dropped("a message of more than 64 KiB"));
        }
        // serde's errors quote the input, which may be audio: they are not passed on.
        let (head, media) = message::read(text)
            .map_err(|_| ProtocolError::Dropped("not a JSON object with an event"))?;
        if matches!(self.state, State::Stopped) {
            self.tally.ignored += 1;
            return Ok(());
        }
        if let (State::Streaming { stream }, Some(claimed)) = (&self.state, &head.stream)
            && **stream != **claimed
        {
            return Err(closed(close::POLICY, "a message of another stream"));
        }
        match &*head.event {
            "connected" => self.connected(),
            "start" => self.start(text, head.stream, arrivals),
            "media" => self.media(media, arrivals),
            "dtmf" => self.key_pressed(text, arrivals),
            "stop" => {
                self.flush(arrivals);
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
            return Err(closed(close::PROTOCOL_ERROR, "a second start"));
        }
        let Some(start) = Envelope::parse::<Start<'_>>(text) else {
            return Err(closed(close::POLICY, "a start without its body"));
        };
        let Some(format) = start.format.audio(self.dialect.linear()) else {
            return Err(closed(
                close::UNSUPPORTED,
                "start.mediaFormat is not one of mu-law or A-law at 8000 Hz, or L16 at 8000, 16000, 24000 or \
                 48000 Hz, with 1 channel",
            ));
        };
        let Some(call) = start.session.or(start.call) else {
            return Err(closed(close::POLICY, "a start without the call's id"));
        };
        let call = CallId::new(&call).map_err(|_| {
            closed(
                close::POLICY,
                "the call's id in start is not 1 to 64 of A-Z a-z 0-9 _ -",
            )
        })?;
        let stream = stream.or(start.stream).unwrap_or_default();
        if stream.len() > LONGEST_STREAM_ID {
            return Err(closed(
                close::POLICY,
                "a stream's id of more than 128 characters",
            ));
        }
        self.state = State::Streaming {
            stream: stream.into(),
        };
        self.format = format;
        self.parameters = start
            .parameters
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
            .collect();
        let parameters = self.parameters.iter();
        self.particulars =
            Particulars::of_parameters(parameters.map(|(name, value)| (&**name, &**value)));
        for (name, number) in [("from", start.from), ("to", start.to)] {
            if let serde_json::Value::String(number) = number {
                self.particulars.add(name, &Zeroizing::new(number));
            }
        }
        let (_, rate) = format;
        self.agent = Track::new(rate);
        self.customer = Track::new(rate);
        self.tally.accepted += 1;
        arrivals.push(Arrival::Started {
            call,
            // Always both: a track may begin late, and channels keep their places.
            legs: &[Leg::Agent, Leg::Customer],
            rate,
        });
        Ok(())
    }

    fn media(
        &mut self,
        media: Option<Media<'_>>,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError> {
        self.require_start("media before start")?;
        let Some(media) = media else {
            return Err(ProtocolError::Dropped(
                "media without track, timestamp or payload",
            ));
        };
        let timestamp = self.since_start(media.timestamp.0)?;
        let (encoding, _) = self.format;
        let bytes = payload(&media.payload, encoding)?;
        if bytes.is_empty() {
            self.tally.ignored += 1;
            return Ok(());
        }
        self.tally.accepted += 1;
        let samples = encoding.decode(&bytes);

        let leg = self.leg(media.track);
        let is_ordered = self.dialect.is_ordered();
        let track = self.track(leg);
        if let Some(chunk) = media.chunk {
            // Short packets sent twice are within the jitter of each other.
            let this = Some((chunk.0, timestamp));
            if track.last_chunk == this {
                self.tally.repeated_samples += samples.len() as u64;
                return Ok(());
            }
            track.last_chunk = this;
        }
        let packet = Packet {
            timestamp,
            samples: Sensitive::new(samples),
        };
        match media.chunk {
            Some(chunk) if !is_ordered => {
                let mut ready = Vec::new();
                track.reorder.push(chunk.0, packet, &mut ready);
                for packet in ready {
                    self.place(leg, packet, arrivals);
                }
            }
            _ => self.place(leg, packet, arrivals),
        }
        Ok(())
    }

    /// A timestamp in milliseconds from the start of the stream.
    fn since_start(&mut self, timestamp: u64) -> Result<u64, ProtocolError> {
        let since = if self.dialect.counts_from_start() {
            timestamp
        } else {
            timestamp.saturating_sub(*self.origin.get_or_insert(timestamp))
        };
        if since > LATEST_TIMESTAMP {
            return Err(ProtocolError::Dropped("media.timestamp is out of range"));
        }
        Ok(since)
    }

    fn place(&mut self, leg: Leg, packet: Packet, arrivals: &mut Vec<Arrival>) {
        let (_, rate) = self.format;
        let length = packet.samples.expose().len();
        let claimed = packet.timestamp * (u64::from(rate.hertz()) / 1_000);
        let pieces = self.track(leg).placement.place(claimed, length);
        let frame = |at, samples| {
            let at = SampleIndex(at);
            Arrival::Audio(RawFrame { leg, at, samples })
        };
        if let [piece] = &pieces[..]
            && piece.samples.len() == length
        {
            return arrivals.push(frame(piece.at, packet.samples));
        }
        let mut placed = 0;
        for piece in pieces {
            let part = packet.samples.expose().get(piece.samples);
            let part = part.unwrap_or_default().to_vec();
            placed += part.len() as u64;
            arrivals.push(frame(piece.at, Sensitive::new(part)));
        }
        self.tally.repeated_samples += (length as u64).saturating_sub(placed);
    }

    /// Nothing more will come: places what waited for packets before it.
    fn flush(&mut self, arrivals: &mut Vec<Arrival>) {
        for leg in [Leg::Agent, Leg::Customer] {
            let mut ready = Vec::new();
            self.track(leg).reorder.finish(&mut ready);
            for packet in ready {
                self.place(leg, packet, arrivals);
            }
        }
    }

    fn key_pressed(
        &mut self,
        text: &str,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError> {
        self.require_start("dtmf before start")?;
        let track = Envelope::parse::<KeyPress>(text).map_or(Direction::Inbound, |key| key.track);
        self.tally.accepted += 1;
        arrivals.push(Arrival::KeyPressed {
            leg: self.leg(track),
        });
        Ok(())
    }

    fn require_start(&self, problem: &'static str) -> Result<(), ProtocolError> {
        match self.state {
            State::AwaitConnected | State::AwaitStart => {
                Err(closed(close::PROTOCOL_ERROR, problem))
            }
            State::Streaming { .. } | State::Stopped => Ok(()),
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

    fn encoding(&self) -> Encoding {
        self.format.0
    }

    fn parameters(&self) -> &[(String, String)] {
        &self.parameters
    }

    fn particulars(&self) -> Particulars {
        self.particulars.clone()
    }

    fn ends_by_closing(&self) -> bool {
        self.dialect == Dialect::Plivo
    }

    fn handle(
        &mut self,
        message: Incoming<'_>,
        _since: Duration,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError> {
        let (error, code) = match message {
            Incoming::Text(text) => match self.dispatch(text, arrivals) {
                Ok(()) => return Ok(()),
                Err(error) => (error, close::POLICY),
            },
            Incoming::Binary(_) => (
                ProtocolError::Dropped("a binary message; Twilio sends text"),
                close::UNSUPPORTED,
            ),
        };
        Err(tolerate(&mut self.tally, error, code))
    }
}

/// A message's audio bytes.
fn payload(text: &str, encoding: Encoding) -> Result<Zeroizing<Vec<u8>>, ProtocolError> {
    let (longest, too_long) = match encoding {
        Encoding::Companded(_) => (
            LONGEST_PAYLOAD,
            ProtocolError::Dropped("a payload of more than 8 KiB"),
        ),
        Encoding::LinearLittle | Encoding::LinearBig => (
            LONGEST_LINEAR_PAYLOAD,
            ProtocolError::Dropped("a payload of more than 32 KiB"),
        ),
    };
    // Four characters stand for three bytes.
    if text.len() > longest.div_ceil(3) * 4 {
        return Err(too_long);
    }
    let mut bytes = Zeroizing::new(Vec::new());
    if STANDARD.decode_vec(text.as_bytes(), &mut bytes).is_err() {
        return Err(ProtocolError::Dropped("media.payload is not base64"));
    }
    if bytes.len() > longest {
        return Err(too_long);
    }
    if bytes.len() % encoding.width() != 0 {
        return Err(ProtocolError::Dropped("media.payload has half a sample"));
    }
    Ok(bytes)
}

fn closed(code: u16, problem: &'static str) -> ProtocolError {
    ProtocolError::Closed { code, problem }
}

#[cfg(test)]
mod tests;

//! Clean audio as the messages of a recorder's protocol: what a platform would have sent it, redacted.
//!
//! One file for each protocol, all behind [`Speaker`]: pure, no socket, no clock, no chance. A speaker lives
//! as long as one connection; after a reconnect a new one begins a new stream, whose clock starts at the first
//! block.
//!
//! | protocol | channels | a gap between blocks is |
//! | --- | --- | --- |
//! | Twilio and its dialects | a track for each leg | a jump of the timestamps |
//! | AudioHook | external, internal | told as `discarded` |
//! | mod_audio_fork, jambonz, mod_audio_stream | two in turn, or one | filled with silence |
//! | AudioSocket, chan_websocket, Vonage | one: a leg, or the mix | filled with silence |
//!
//! **Architecture invariant:** audio comes in as [`CleanAudio`] alone, so nothing unexamined is sent on.

pub mod audio_fork;
pub mod audiohook;
pub mod audiosocket;
pub mod chan_websocket;
pub mod twilio;
pub mod vonage;

mod packets;

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::audio::encoding::Encoding;
use crate::audio::{MediaTime, SampleRate};
use crate::call::{CallId, Leg};
use crate::session::CleanAudio;
use crate::sip::metadata::RecordingMetadata;

/// The parameter that says, in milliseconds of the call, where a stream begins that is not its first.
const BEGINS: &str = "hushgateBeginsMs";

/// Names of calls that are no UUIDs live here (RFC 9562, 5.5).
const CALLS: Uuid = Uuid::from_u128(0x6a1d_8c3e_94f2_4b07_a5d6_3f18_c27b_90e4);

/// One message to a recorder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// A WebSocket text message.
    Text(String),
    /// A WebSocket binary message, or bytes for a TCP connection.
    Binary(Vec<u8>),
}

/// What a recorder said.
#[derive(Debug, Clone, Copy)]
pub enum Heard<'a> {
    /// A WebSocket text message.
    Text(&'a str),
    /// A WebSocket binary message, or bytes of a TCP connection.
    Binary(&'a [u8]),
}

/// What a stream to a recorder is of.
#[derive(Debug, Clone)]
pub struct StreamFacts {
    /// The platform's id of the call.
    pub call: CallId,
    /// The platform's id of the stream, as it was; empty if the protocol has none.
    pub stream: String,
    /// The channels of the audio, in order.
    pub legs: &'static [Leg],
    /// Samples per second of each.
    pub rate: SampleRate,
    /// How the platform wrote samples; where the recorder's protocol can, they are written so again.
    pub encoding: Encoding,
    /// What the platform said of the call, passed on as it was.
    pub parameters: Vec<(String, String)>,
    /// Where on the call's timeline this stream begins: zero unless the connection was lost before.
    pub begins: MediaTime,
    /// Which connection of the call this is, from 0.
    pub attempt: u32,
    /// What the platform's recording metadata say of the call, where there are any.
    pub recorded: Option<Arc<Recorded>>,
}

/// What a recording session's metadata say of a call (RFC 7865).
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    /// As they were when the call began.
    pub metadata: RecordingMetadata,
    /// For each of the call's legs, in order, how its stream is labelled there.
    pub labels: Vec<Option<String>>,
}

impl StreamFacts {
    /// What the platform said under this name.
    fn parameter(&self, name: &str) -> Option<&str> {
        let mut known = self.parameters.iter();
        known
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// What the platform said, and where the stream begins if it is not the call's first.
    fn told(&self) -> serde_json::Map<String, serde_json::Value> {
        let mut told: serde_json::Map<_, _> = self
            .parameters
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect();
        if self.attempt > 0 {
            let millis = self.begins.micros() / 1_000;
            told.insert(BEGINS.into(), millis.to_string().into());
        }
        told
    }
}

/// Why a call cannot be spoken in a protocol; trying again does not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotSpeak {
    /// The protocol has no such audio.
    #[error("{protocol} carries {expected}; this call has {hertz} Hz")]
    Rate {
        /// The recorder's.
        protocol: &'static str,
        /// Of the call.
        hertz: u32,
        /// What would do.
        expected: &'static str,
    },
    /// The leg that is to be heard is not apart in this call.
    #[error(
        "the {wanted} is to be heard, but this call has the {present} alone; set the leg to mixed"
    )]
    Leg {
        /// The leg that was set.
        wanted: Leg,
        /// What the call has.
        present: Leg,
    },
}

/// What the HTTP request that opens a WebSocket has for a protocol.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Handshake {
    /// The subprotocol that the recorder must accept.
    pub subprotocol: Option<&'static str>,
    /// Headers besides those that prove us.
    pub headers: Vec<(&'static str, String)>,
}

/// What may be done with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The recorder has not agreed to it yet: no audio.
    Opening,
    /// Audio is taken.
    Ready,
    /// It is ending so, and the recorder has something to say to that: no audio.
    Leaving(Parting),
    /// It has ended: the connection is to be closed.
    Over(Parting),
}

/// How a stream ended in the protocol's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    /// As it should: the recorder has confirmed the end, and with it all that came before.
    Confirmed,
    /// Not as it should, or by the recorder's wish for another: to be begun again on a new connection.
    Again,
    /// The recorder wants no more of this call.
    Declined,
}

/// A stream that was cut, for the one that goes on in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Its id.
    pub id: String,
    /// The number of the recorder's last message that was read.
    pub read: u64,
    /// The number of the last message that was sent.
    pub sent: u64,
}

/// Says a call's clean audio in a recorder's protocol on one connection.
///
/// Times are counted from when the connection was opened.
pub trait Speaker: Send {
    /// What the request has that opens the connection.
    fn handshake(&self) -> Handshake {
        Handshake::default()
    }

    /// Takes note of the streams of the call that were cut before.
    fn follows(&mut self, _past: &[Past]) {}

    /// What begins the stream. Fails if the protocol cannot carry the call.
    fn begin(&mut self, messages: &mut Vec<Outgoing>) -> Result<(), CannotSpeak>;

    /// What the stream's state is. Audio is to be given only while it is [`Standing::Ready`].
    fn standing(&self) -> Standing {
        Standing::Ready
    }

    /// A piece of what fills the gap before a block, and whether more is to follow, so that a long gap does
    /// not take memory for all of it at once. [`Speaker::audio`] sends whatever is still missing.
    fn fill(&mut self, _audio: &CleanAudio, _messages: &mut Vec<Outgoing>) -> bool {
        false
    }

    /// A block of audio. Blocks come in order; a gap between them was paused, or lost.
    fn audio(&mut self, audio: &CleanAudio, messages: &mut Vec<Outgoing>);

    /// How many samples of each channel were given but wait for a whole packet.
    fn waiting(&self) -> usize {
        0
    }

    /// Takes what the recorder said.
    fn hear(&mut self, _said: Heard<'_>, _since: Duration, _messages: &mut Vec<Outgoing>) {}

    /// When [`Speaker::idle`] is to be called, if nothing else happens; it may lie in the past.
    fn due(&self) -> Option<Duration> {
        None
    }

    /// Does what is due.
    fn idle(&mut self, _since: Duration, _messages: &mut Vec<Outgoing>) {}

    /// What ends the stream, with what was waiting for a whole packet.
    fn end(&mut self, messages: &mut Vec<Outgoing>);

    /// What a stream in place of this one says of it, should the connection be cut.
    fn past(&self) -> Option<Past> {
        None
    }
}

/// A call's id if it is a UUID; otherwise one that is made from it, always the same.
fn call_uuid(call: &CallId) -> Uuid {
    let made = || Uuid::new_v5(&CALLS, call.as_str().as_bytes());
    Uuid::try_parse(call.as_str()).unwrap_or_else(|_| made())
}

#[cfg(test)]
mod tests;

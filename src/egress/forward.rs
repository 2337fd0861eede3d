//! Clean audio as the messages of a recorder's protocol: what a platform would have sent it, redacted.
//!
//! One file for each protocol, all behind [`Speaker`]: pure, no socket, no clock. A speaker lives as long as
//! one connection; after a reconnect a new one begins a new stream, whose clock starts at the first block.
//!
//! **Architecture invariant:** audio comes in as [`CleanAudio`] alone, so nothing unexamined is sent on.

pub mod twilio;

use crate::audio::encoding::Encoding;
use crate::audio::{MediaTime, SampleRate};
use crate::call::{CallId, Leg};
use crate::session::CleanAudio;

/// One message to a recorder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// A WebSocket text message.
    Text(String),
    /// A WebSocket binary message.
    Binary(Vec<u8>),
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
}

/// Says a call's clean audio in a recorder's protocol on one connection.
pub trait Speaker: Send {
    /// What begins the stream.
    fn begin(&mut self, messages: &mut Vec<Outgoing>);
    /// A block of audio. Blocks come in order; a gap between them was paused, or lost.
    fn audio(&mut self, audio: &CleanAudio, messages: &mut Vec<Outgoing>);
    /// What ends the stream, with what was waiting for a whole packet.
    fn end(&mut self, messages: &mut Vec<Outgoing>);
}

//! One file for each protocol, all behind [`Adapter`]: messages in, placed audio and replies out.
//!
//! **Architecture invariants:** adapters are pure and bounded in memory; no socket, no clock: the time since
//! the connection was opened is an input. Malformed input is data: it is counted, and the call goes on or
//! ends as the protocol says. A connection that gives no audio makes no call.

pub mod audio_fork;
pub mod audiohook;
pub mod audiosocket;
pub mod authentication;
pub mod chan_websocket;
pub mod twilio;
pub mod vonage;

mod arrival_clock;
mod json;
mod placement;
mod raw_audio;
mod reorder;
#[cfg(test)]
mod script;

use std::time::Duration;

use crate::audio::SampleRate;
use crate::audio::encoding::Encoding;
use crate::call::particulars::Particulars;
use crate::call::{CallId, Leg};
use crate::session::RawFrame;

/// Malformed messages after which a connection is closed.
pub const MALFORMED_LIMIT: u64 = 16;
/// Longest message in bytes, text or binary.
pub const LONGEST_MESSAGE: usize = 64 * 1024;

/// RFC 6455, 7.4.1, close codes that adapters use.
mod close {
    /// The peer broke the protocol.
    pub(super) const PROTOCOL_ERROR: u16 = 1002;
    /// A type of data that is not accepted.
    pub(super) const UNSUPPORTED: u16 = 1003;
    /// A message against the endpoint's policy.
    pub(super) const POLICY: u16 = 1008;
}

/// What a protocol message means to the gateway.
#[derive(Debug)]
pub enum Arrival {
    /// The call begins; comes once, before any audio.
    Started {
        /// The platform's id of the call.
        call: CallId,
        /// The legs that will be heard, in channel order.
        legs: &'static [Leg],
        /// The rate of every leg.
        rate: SampleRate,
    },
    /// Audio with its place on the leg's timeline.
    Audio(RawFrame),
    /// A key was pressed. Which one is not told.
    KeyPressed {
        /// On which leg.
        leg: Leg,
    },
    /// A text message for the peer, to be sent in order.
    Reply(String),
    /// The platform ended the call.
    Stopped,
}

/// Why a message or a connection was refused. Carries no payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// This message is dropped; the connection goes on.
    #[error("dropped a message: {0}")]
    Dropped(&'static str),
    /// The connection is closed with this WebSocket status code (RFC 6455, 7.4.1).
    #[error("closed the connection ({code}): {problem}")]
    Closed {
        /// WebSocket close code.
        code: u16,
        /// What was wrong.
        problem: &'static str,
    },
}

impl ProtocolError {
    fn closed(code: u16, problem: &'static str) -> Self {
        Self::Closed { code, problem }
    }
}

/// What a connection's messages came to, for its one log line at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Messages that were understood.
    pub accepted: u64,
    /// Messages of a kind that means nothing here, and messages after the end.
    pub ignored: u64,
    /// Messages that were malformed.
    pub malformed: u64,
    /// Samples that came a second time, or after their place was taken.
    pub repeated_samples: u64,
}

/// One message of a connection.
#[derive(Debug, Clone, Copy)]
pub enum Incoming<'a> {
    /// A WebSocket text message.
    Text(&'a str),
    /// A WebSocket binary message, or what a TCP connection brought.
    Binary(&'a [u8]),
}

/// One connection's protocol state.
pub trait Adapter: Send {
    /// Takes a message that came `since` the connection was opened; arrivals are appended in order, also
    /// when an error is returned.
    fn handle(
        &mut self,
        message: Incoming<'_>,
        since: Duration,
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError>;

    /// Nothing came for a while, or the connection has ended: appends what was held back until it was known
    /// where it belongs.
    fn flush(&mut self, _arrivals: &mut Vec<Arrival>) {}

    /// What the messages so far came to.
    fn tally(&self) -> Tally;

    /// The platform's id of the stream once it has started, which only one connection may use at once.
    fn stream(&self) -> Option<&str> {
        None
    }

    /// How the platform writes samples, once the stream has started.
    fn encoding(&self) -> Encoding {
        Encoding::LinearLittle
    }

    /// What the platform said of the call, to be passed on to a recorder behind; untrusted.
    fn parameters(&self) -> &[(String, String)] {
        &[]
    }

    /// Who takes part in the call, and where, as far as the platform has said by the call's beginning; untrusted.
    fn particulars(&self) -> Particulars {
        let parameters = self.parameters().iter();
        Particulars::of_parameters(parameters.map(|(name, value)| (&**name, &**value)))
    }

    /// What is said to the peer before the gateway closes by its own wish, if the protocol has such a
    /// message. `problem` is the reason, without a value.
    fn farewell(&mut self, _problem: &str) -> Option<String> {
        None
    }

    /// Whether the peer has a session although no call began: one without audio, or a trial of the
    /// connection. It stays until the peer ends it or falls silent.
    fn stays_without_call(&self) -> bool {
        false
    }

    /// Whether a connection that closes without a message that says so has ended as it should: protocols
    /// without a stop message.
    fn ends_by_closing(&self) -> bool {
        false
    }
}

/// Counts a malformed message, and turns the error into a closing one when there were too many.
fn tolerate(tally: &mut Tally, error: ProtocolError, code: u16) -> ProtocolError {
    tally.malformed += 1;
    match error {
        ProtocolError::Dropped(problem) if tally.malformed >= MALFORMED_LIMIT => {
            ProtocolError::Closed { code, problem }
        }
        ProtocolError::Dropped(_) | ProtocolError::Closed { .. } => error,
    }
}

//! One file for each protocol, all behind [`Adapter`]: bytes in, placed audio out.
//!
//! **Architecture invariant:** adapters are pure and bounded in memory; no socket, no clock. Malformed
//! input is data: it is counted, and the call goes on or ends as the protocol says.

pub mod twilio;

mod placement;

use crate::audio::SampleRate;
use crate::call::{CallId, Leg};
use crate::session::RawFrame;

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

/// One connection's protocol state.
pub trait Adapter: Send {
    /// What the messages so far came to.
    fn tally(&self) -> Tally;
    /// The platform's id of the stream once it has started, which only one connection may use at once.
    fn stream(&self) -> Option<&str> {
        None
    }

    /// Takes a text message; arrivals are appended in order.
    fn handle_text(&mut self, text: &str, arrivals: &mut Vec<Arrival>)
    -> Result<(), ProtocolError>;
    /// Takes a binary message; arrivals are appended in order.
    fn handle_binary(
        &mut self,
        bytes: &[u8],
        arrivals: &mut Vec<Arrival>,
    ) -> Result<(), ProtocolError>;
}

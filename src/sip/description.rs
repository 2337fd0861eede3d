//! Session descriptions (SDP, RFC 8866): what is offered to be recorded, what is answered (RFC 3264).
//!
//! A description is read into [`Stream`]s, one for each `m=` line, in order. [`negotiate`] decides what a recorder
//! takes of an offer; [`answer`] and [`offer`] write. Lines that do not matter here are not looked at, as vendors
//! fill them with what they like.
//!
//! **Architecture invariants:** an answer has the lines of its offer, in its order; at most [`MOST_STREAMS`] lines
//! and [`MOST_FORMATS`] formats of a line are taken; keys are [`Sensitive`].

mod crypto;
mod negotiation;
mod read;
mod write;

use std::net::IpAddr;
use std::net::SocketAddr;

use crate::call::Sensitive;

pub use crypto::{Crypto, Suite};
pub use negotiation::{RemoteStream, Taking, negotiate};
pub use write::{OfferedLine, Origin, answer, offer};

/// Most `m=` lines of a description.
pub const MOST_STREAMS: usize = 16;
/// Most formats of an `m=` line that are looked at.
pub const MOST_FORMATS: usize = 64;

/// How audio is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// G.711 mu-law, 8 kHz.
    Pcmu,
    /// G.711 A-law, 8 kHz.
    Pcma,
    /// G.722: 16 kHz, with an RTP clock of 8 kHz (RFC 3551, 4.5.2).
    G722,
    /// Opus, with an RTP clock of 48 kHz (RFC 7587).
    Opus,
    /// Linear 16 bit, high byte first, one channel.
    L16 {
        /// Samples per second.
        rate: u32,
    },
}

impl Codec {
    /// Ticks of RTP time per second.
    pub fn clock(self) -> u32 {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => 8000,
            Codec::Opus => 48_000,
            Codec::L16 { rate } => rate,
        }
    }

    /// The encoding in `a=rtpmap`.
    pub fn rtpmap(self) -> String {
        match self {
            Codec::Pcmu => "PCMU/8000".to_owned(),
            Codec::Pcma => "PCMA/8000".to_owned(),
            Codec::G722 => "G722/8000".to_owned(),
            Codec::Opus => "opus/48000/2".to_owned(),
            Codec::L16 { rate } => format!("L16/{rate}"),
        }
    }

    /// The payload type that we offer it with: the static one, or one of the dynamic range.
    pub fn usual_payload_type(self) -> u8 {
        match self {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
            Codec::G722 => 9,
            Codec::Opus => 96,
            Codec::L16 { rate: 8000 } => 97,
            Codec::L16 { .. } => 98,
        }
    }
}

/// Who sends, as the describing side sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both.
    SendReceive,
    /// The describing side.
    SendOnly,
    /// The other side.
    ReceiveOnly,
    /// Nobody: on hold.
    Inactive,
}

impl Direction {
    /// The attribute.
    pub fn name(self) -> &'static str {
        match self {
            Direction::SendReceive => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::ReceiveOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// Whether the describing side may send.
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendReceive | Direction::SendOnly)
    }

    /// Whether the describing side takes what is sent.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendReceive | Direction::ReceiveOnly)
    }
}

/// A payload type and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// 0 to 127.
    pub payload_type: u8,
    /// The encoding.
    pub codec: Codec,
    /// `a=fmtp`, if there is one.
    pub parameters: Option<String>,
}

/// One `m=` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// `audio`, `video`, ...
    pub media: String,
    /// `RTP/AVP`, `RTP/SAVP`, ...
    pub protocol: String,
    /// The formats as written.
    pub formats_text: String,
    /// `a=label` (RFC 4574), which the metadata refers to.
    pub label: Option<String>,
    /// Who sends.
    pub direction: Direction,
    /// Where RTP is expected, or comes from; `None` if it is a host name.
    pub address: Option<IpAddr>,
    /// 0: the stream is refused or has ended.
    pub port: u16,
    /// Where RTCP is expected, if it is said (RFC 3605); else it is the port after RTP's.
    pub rtcp: Option<SocketAddr>,
    /// Whether RTP and RTCP share a port (RFC 5761).
    pub rtcp_mux: bool,
    /// Milliseconds of audio in a packet, if said.
    pub packet_time: Option<u32>,
    /// The encodings that we know, in the order of preference.
    pub formats: Vec<Format>,
    /// Payload types of RFC 4733 events, each with its clock.
    pub telephone_events: Vec<(u8, u32)>,
    /// The keys that we can use (RFC 4568).
    pub crypto: Vec<Crypto>,
}

impl Stream {
    /// Whether the profile asks for SRTP.
    pub fn is_secure(&self) -> bool {
        self.protocol.to_ascii_uppercase().contains("SAVP")
    }

    /// Whether it is audio over RTP that has not ended.
    pub fn is_live_audio(&self) -> bool {
        let rtp = ["RTP/AVP", "RTP/SAVP", "RTP/AVPF", "RTP/SAVPF"];
        self.port != 0
            && self.media.eq_ignore_ascii_case("audio")
            && rtp
                .iter()
                .any(|known| known.eq_ignore_ascii_case(&self.protocol))
    }

    /// Where RTP is expected, or comes from.
    pub fn rtp(&self) -> Option<SocketAddr> {
        let address = self.address.filter(|address| !address.is_unspecified())?;
        (self.port != 0).then(|| SocketAddr::new(address, self.port))
    }
}

/// A session description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Who described, and which of their descriptions this is: the same means that nothing has changed.
    pub origin: (String, u64),
    /// One for each `m=` line, in order.
    pub streams: Vec<Stream>,
}

/// Why a description cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionError {
    /// A line cannot be understood.
    #[error("the session description cannot be read; line {0} is malformed")]
    Line(usize),
    /// No `v=0`.
    #[error("the session description does not begin with v=0")]
    Version,
    /// More than [`MOST_STREAMS`].
    #[error("the session description has more than {MOST_STREAMS} streams")]
    TooManyStreams,
}

impl Description {
    /// Reads a description.
    pub fn parse(bytes: &[u8]) -> Result<Self, DescriptionError> {
        read::description(bytes)
    }
}

/// A port of ours for one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalMedia {
    /// Where RTP is taken; RTCP on the next port, unless `rtcp_mux`.
    pub address: SocketAddr,
    /// Whether RTCP is taken on the same port when the other side offers it.
    pub rtcp_mux: bool,
    /// Our key and salt in one, 30 bytes: for what we send, RTCP too. Needed when the stream is SRTP.
    pub key: Option<Sensitive<Vec<u8>>>,
}

#[cfg(test)]
mod tests;

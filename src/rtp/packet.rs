//! What came in a datagram: RTP, RTCP on the same port, STUN, or nothing of ours (RFC 3550, 5.1; RFC 5761, 4).
//!
//! ```text
//!  0                   1                   2                   3
//! |V=2|P|X|  CC   |M|     PT      |        sequence number        |
//! |                           timestamp                           |
//! |                             SSRC                              |
//! |              CC times a contributing source                   |
//! |  if X: profile                | length in words | words       |
//! |  payload                      | if P: padding, its count last |
//! ```
//!
//! Knows no payload and no stream. A payload is never printed.

use std::fmt;

use rtp_types::{RtpPacket, RtpParseError};

/// Longer payloads are not telephone audio: 60 ms of L16 at 48 kHz has 5,760 bytes.
const LONGEST_PAYLOAD: usize = 16 * 1024;
/// Every STUN message has it after type and length (RFC 8489, 5).
const STUN_MAGIC: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const STUN_HEADER: usize = 20;
/// What RTCP has where RTP has marker and payload type, from sender reports to extended reports.
const REPORTS: std::ops::RangeInclusive<u8> = 200..=207;

/// What a datagram is by its first bytes alone; holds for encrypted ones too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Audio, or keys, or something else with an RTP header.
    Rtp,
    /// A report.
    Rtcp,
    /// A connectivity check.
    Stun,
    /// None of them.
    Unknown,
}

/// Tells families apart without looking further than the first eight bytes.
pub fn family(bytes: &[u8]) -> Family {
    match bytes {
        [first, second, ..] if first >> 6 == 2 => {
            if REPORTS.contains(second) {
                Family::Rtcp
            } else {
                Family::Rtp
            }
        }
        [first, ..] if first >> 6 == 0 && bytes.get(4..8) == Some(&STUN_MAGIC) => Family::Stun,
        _ => Family::Unknown,
    }
}

/// A datagram that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Classified<'a> {
    /// A packet with a valid header.
    Rtp(Packet<'a>),
    /// A compound packet for [`crate::rtp::report`], not looked into yet.
    Rtcp(&'a [u8]),
    /// A connectivity check; nobody promised to answer it.
    Stun,
    /// To be dropped and counted.
    Junk(Junk),
}

/// Why a datagram is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Junk {
    /// Neither RTP nor anything else that comes to such a port.
    #[error("not RTP: version 2 is expected")]
    Version,
    /// The header says that there is more than there is.
    #[error("shorter than its header says")]
    Truncated,
    /// The padding is empty or longer than the payload.
    #[error("padding that does not fit")]
    Padding,
    /// More audio than a telephone sends at once.
    #[error("a payload of more than {LONGEST_PAYLOAD} bytes")]
    TooLong,
}

/// The fields of an RTP packet that matter here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What the payload is, by the session description.
    pub payload_type: u8,
    /// In audio: the first packet after a silence.
    pub marker: bool,
    /// Goes up by one with every packet and wraps.
    pub sequence: u16,
    /// When the first sample was taken, on the sender's clock; wraps.
    pub timestamp: u32,
    /// Whose sequence and clock these are.
    pub ssrc: u32,
    /// Without header extension and padding.
    pub payload: &'a [u8],
}

impl fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("payload_type", &self.payload_type)
            .field("marker", &self.marker)
            .field("sequence", &self.sequence)
            .field("timestamp", &self.timestamp)
            .field("ssrc", &self.ssrc)
            .field("bytes", &self.payload.len())
            .finish()
    }
}

/// Reads one datagram, which is not encrypted or no longer.
pub fn classify(bytes: &[u8]) -> Classified<'_> {
    match family(bytes) {
        Family::Rtcp => Classified::Rtcp(bytes),
        Family::Stun if bytes.len() >= STUN_HEADER => Classified::Stun,
        Family::Stun | Family::Unknown => Classified::Junk(Junk::Version),
        Family::Rtp => match RtpPacket::parse(bytes) {
            Ok(packet) => read(bytes, &packet),
            Err(RtpParseError::UnsupportedVersion(_)) => Classified::Junk(Junk::Version),
            Err(RtpParseError::PaddingInvalid(_)) => Classified::Junk(Junk::Padding),
            Err(RtpParseError::Truncated { .. }) if bytes.len() >= 12 && bytes[0] & 0x20 != 0 => {
                Classified::Junk(Junk::Padding)
            }
            Err(_) => Classified::Junk(Junk::Truncated),
        },
    }
}

fn read<'a>(bytes: &'a [u8], packet: &RtpPacket<'_>) -> Classified<'a> {
    let start = packet.payload_offset();
    let payload = bytes
        .get(start..start + packet.payload_len())
        .unwrap_or_default();
    if payload.len() > LONGEST_PAYLOAD {
        return Classified::Junk(Junk::TooLong);
    }
    Classified::Rtp(Packet {
        payload_type: packet.payload_type(),
        marker: packet.marker_bit(),
        sequence: packet.sequence_number(),
        timestamp: packet.timestamp(),
        ssrc: packet.ssrc(),
        payload,
    })
}

#[cfg(test)]
mod tests;

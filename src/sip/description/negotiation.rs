//! What a recorder takes of an offer.

use std::net::SocketAddr;

use super::{Codec, Crypto, Description, Direction, Format, Stream};

/// A stream of the other side that is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteStream {
    /// Which of the owner's ports it goes to: the place of its [`super::LocalMedia`] among all that were given for
    /// the session, in the order they were given.
    pub slot: usize,
    /// `a=label`, which the metadata refers to.
    pub label: Option<String>,
    /// The encoding.
    pub codec: Codec,
    /// Its payload type, which need not be the usual one.
    pub payload_type: u8,
    /// The encoding's parameters (`a=fmtp`).
    pub parameters: Option<String>,
    /// The payload type of RFC 4733 events.
    pub telephone_event: Option<u8>,
    /// The payload types of all formats that the other side may send without asking, the chosen one first; each
    /// stands for the codec beside it.
    pub others: Vec<(u8, Codec)>,
    /// Whether the other side sends: not while on hold.
    pub active: bool,
    /// Where the other side says that its RTP is; `None` on an old-style hold or if it is a host name.
    pub rtp: Option<SocketAddr>,
    /// Where it wants RTCP.
    pub rtcp: Option<SocketAddr>,
    /// Whether RTP and RTCP share a port.
    pub rtcp_mux: bool,
    /// Milliseconds of audio in a packet, if said; packets may hold others.
    pub packet_time: Option<u32>,
    /// The key of the other side, for what it sends. `None`: plain RTP.
    pub crypto: Option<Crypto>,
}

/// What becomes of one `m=` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taking {
    /// It is recorded. Its slot is 0 until the session gives it one.
    Taken(Box<RemoteStream>),
    /// It is refused: no audio over RTP, no codec that is preferred, no key, or ended.
    Refused,
}

/// Decides for each line of an offer. One codec is used for all streams if there is one that all have.
///
/// `preference`: codecs that are taken, the best first. `keys_are_safe`: whether nobody else can read the
/// signalling; streams with keys in signalling that others read are refused.
pub fn negotiate(offer: &Description, preference: &[Codec], keys_are_safe: bool) -> Vec<Taking> {
    let usable: Vec<Option<&Stream>> = offer
        .streams
        .iter()
        .map(|stream| Some(stream).filter(|stream| usable(stream, preference, keys_are_safe)))
        .collect();
    let common = preference.iter().copied().find(|codec| {
        usable
            .iter()
            .flatten()
            .all(|stream| format(stream, *codec).is_some())
    });
    usable
        .into_iter()
        .map(|stream| {
            stream
                .and_then(|stream| taken(stream, common, preference))
                .map_or(Taking::Refused, |stream| Taking::Taken(Box::new(stream)))
        })
        .collect()
}

fn usable(stream: &Stream, preference: &[Codec], keys_are_safe: bool) -> bool {
    let protected = !stream.is_secure() || (keys_are_safe && !stream.crypto.is_empty());
    stream.is_live_audio()
        && protected
        && preference
            .iter()
            .any(|codec| format(stream, *codec).is_some())
}

fn format(stream: &Stream, codec: Codec) -> Option<&Format> {
    stream.formats.iter().find(|format| format.codec == codec)
}

fn taken(stream: &Stream, common: Option<Codec>, preference: &[Codec]) -> Option<RemoteStream> {
    let chosen = common
        .into_iter()
        .chain(preference.iter().copied())
        .find_map(|codec| format(stream, codec))?;
    let codec = chosen.codec;
    Some(RemoteStream {
        slot: 0,
        label: stream.label.clone(),
        codec,
        payload_type: chosen.payload_type,
        parameters: chosen.parameters.clone(),
        telephone_event: event(stream, codec),
        others: std::iter::once(chosen)
            .chain(stream.formats.iter().filter(|format| *format != chosen))
            .map(|format| (format.payload_type, format.codec))
            .collect(),
        // Who only wants to receive sends nothing either.
        active: matches!(
            stream.direction,
            Direction::SendOnly | Direction::SendReceive
        ),
        rtp: stream.rtp(),
        rtcp: stream.rtcp.or_else(|| rtcp(stream)),
        rtcp_mux: stream.rtcp_mux,
        packet_time: stream.packet_time,
        crypto: stream
            .is_secure()
            .then(|| stream.crypto.first().cloned())
            .flatten(),
    })
}

/// Where RTCP is if nothing is said: with RTP if they share a port, else on the next one.
fn rtcp(stream: &Stream) -> Option<SocketAddr> {
    let rtp = stream.rtp()?;
    let port = if stream.rtcp_mux {
        rtp.port()
    } else {
        rtp.port().checked_add(1)?
    };
    Some(SocketAddr::new(rtp.ip(), port))
}

/// The events with the codec's clock (RFC 4733, 2.5.1.2), or any: what matters is to know them.
fn event(stream: &Stream, codec: Codec) -> Option<u8> {
    let events = &stream.telephone_events;
    events
        .iter()
        .find(|(_, clock)| *clock == codec.clock())
        .or(events.first())
        .map(|(payload_type, _)| *payload_type)
}

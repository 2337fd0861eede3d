//! Descriptions of ours as text.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::net::SocketAddr;

use super::{Codec, Crypto, Description, Direction, LocalMedia, Stream, Taking};

/// The `o=` line of one session: the same id always, a greater version with each change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Unique among sessions.
    pub id: u64,
    /// From 1.
    pub version: u64,
}

/// One line of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedLine {
    /// `a=label`; none is written if it is empty.
    pub label: String,
    /// Who sends.
    pub direction: Direction,
    /// Where RTP is, or would be.
    pub local: LocalMedia,
    /// The encodings with their payload types, the best first.
    pub codecs: Vec<(u8, Codec)>,
    /// The payload type of events, if any are sent.
    pub telephone_event: Option<u8>,
    /// Milliseconds in a packet.
    pub packet_time: Option<u32>,
    /// The key, tag and suite if it is SRTP; the key is that of who offers.
    pub crypto: Option<Crypto>,
}

fn family(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "IP4" } else { "IP6" }
}

/// The lines before the first `m=`.
fn session(origin: Origin, address: IpAddr) -> String {
    let Origin { id, version } = origin;
    let family = family(address);
    format!(
        "v=0\r\no=hushgate {id} {version} IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n"
    )
}

/// What cannot fail: writing into a string.
macro_rules! line {
    ($text:expr, $($part:tt)*) => {{
        let _ = write!($text, $($part)*);
        $text.push_str("\r\n");
    }};
}

/// The answer to an offer: its lines in its order, each recorded or refused as [`super::negotiate`] said.
/// `locals` has one for each slot. A stream whose slot is not there is refused.
pub fn answer(
    offer: &Description,
    taking: &[Taking],
    locals: &[LocalMedia],
    origin: Origin,
) -> String {
    let first = taking.iter().find_map(|taking| match taking {
        Taking::Taken(stream) => locals.get(stream.slot),
        Taking::Refused => None,
    });
    let address = first
        .or(locals.first())
        .map_or(IpAddr::from([0, 0, 0, 0]), |local| local.address.ip());
    let mut text = session(origin, address);
    for (at, offered) in offer.streams.iter().enumerate() {
        let taken = match taking.get(at) {
            Some(Taking::Taken(stream)) => locals.get(stream.slot).map(|local| (stream, local)),
            _ => None,
        };
        let Some((stream, local)) = taken else {
            refused(&mut text, offered);
            continue;
        };
        let events = stream
            .telephone_event
            .map_or_else(String::new, |number| format!(" {number}"));
        line!(
            text,
            "m={} {} {} {}{events}",
            offered.media,
            local.address.port(),
            offered.protocol,
            stream.payload_type
        );
        connection(&mut text, local.address, address);
        line!(
            text,
            "a=rtpmap:{} {}",
            stream.payload_type,
            stream.codec.rtpmap()
        );
        if let Some(number) = stream.telephone_event {
            event(&mut text, number, event_clock(offered, number));
        }
        let direction = if stream.active {
            Direction::ReceiveOnly
        } else {
            Direction::Inactive
        };
        line!(text, "a={}", direction.name());
        if let Some(label) = &stream.label {
            line!(text, "a=label:{label}");
        }
        if offered.rtcp_mux && local.rtcp_mux {
            line!(text, "a=rtcp-mux");
        }
        if let (Some(theirs), Some(key)) = (&stream.crypto, &local.key) {
            let ours = Crypto {
                tag: theirs.tag,
                suite: theirs.suite,
                key: key.clone(),
            };
            line!(text, "a=crypto:{}", ours.write());
        }
    }
    text
}

/// RFC 3264, 6: the line stays, with port 0.
fn refused(text: &mut String, offered: &Stream) {
    line!(
        text,
        "m={} 0 {} {}",
        offered.media,
        offered.protocol,
        offered.formats_text
    );
    if let Some(label) = &offered.label {
        line!(text, "a=label:{label}");
    }
}

/// A line's own address, if it is not that of the session.
fn connection(text: &mut String, local: SocketAddr, session: IpAddr) {
    if local.ip() != session {
        line!(text, "c=IN {} {}", family(local.ip()), local.ip());
    }
}

fn event(text: &mut String, number: u8, clock: u32) {
    line!(text, "a=rtpmap:{number} telephone-event/{clock}");
    // 16 is the hook flash, which is no key.
    line!(text, "a=fmtp:{number} 0-15");
}

fn event_clock(offered: &Stream, number: u8) -> u32 {
    offered
        .telephone_events
        .iter()
        .find(|(known, _)| *known == number)
        .map_or(8000, |(_, clock)| *clock)
}

/// An offer. A line whose port is 0 has ended.
pub fn offer(lines: &[OfferedLine], origin: Origin) -> String {
    let address = lines
        .first()
        .map_or(IpAddr::from([0, 0, 0, 0]), |line| line.local.address.ip());
    let mut text = session(origin, address);
    for offered in lines {
        let mut formats: Vec<String> = offered.codecs.iter().map(|(n, _)| n.to_string()).collect();
        formats.extend(offered.telephone_event.map(|number| number.to_string()));
        let profile = if offered.crypto.is_some() {
            "RTP/SAVP"
        } else {
            "RTP/AVP"
        };
        line!(
            text,
            "m=audio {} {profile} {}",
            offered.local.address.port(),
            formats.join(" ")
        );
        connection(&mut text, offered.local.address, address);
        for (number, codec) in &offered.codecs {
            line!(text, "a=rtpmap:{number} {}", codec.rtpmap());
        }
        if let Some(number) = offered.telephone_event {
            let clock = offered
                .codecs
                .first()
                .map_or(8000, |(_, codec)| codec.clock());
            event(&mut text, number, clock);
        }
        if let Some(milliseconds) = offered.packet_time {
            line!(text, "a=ptime:{milliseconds}");
        }
        line!(text, "a={}", offered.direction.name());
        if !offered.label.is_empty() {
            line!(text, "a=label:{}", offered.label);
        }
        if offered.local.rtcp_mux {
            line!(text, "a=rtcp-mux");
        }
        if let Some(crypto) = &offered.crypto {
            line!(text, "a=crypto:{}", crypto.write());
        }
    }
    text
}

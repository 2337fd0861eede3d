//! Text to streams, by the crate `sdp-types`.

use std::net::IpAddr;
use std::net::SocketAddr;

use sdp_types::{Attribute, Connection, Media, ParserError, Session};

use super::crypto::Crypto;
use super::{
    Codec, Description, DescriptionError, Direction, Format, MOST_FORMATS, MOST_STREAMS, Stream,
};

/// Lines that are looked at. The rest (times, bandwidths, contacts) is not, so that nothing in it matters.
const LINES: &[&str] = &["v=", "o=", "c=", "m=", "a="];
const MOST_CRYPTO: usize = 16;

pub(super) fn description(bytes: &[u8]) -> Result<Description, DescriptionError> {
    let session = Session::parse(plain(bytes).as_bytes()).map_err(error)?;
    if session.medias.len() > MOST_STREAMS {
        return Err(DescriptionError::TooManyStreams);
    }
    let streams = session
        .medias
        .iter()
        .map(|media| stream(&session, media))
        .collect();
    let origin = &session.origin;
    let who = format!("{} {}", origin.sess_id, origin.unicast_address);
    Ok(Description {
        origin: (who, origin.sess_version),
        streams,
    })
}

/// The lines that matter, with single spaces and without those at the end.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut plain = String::with_capacity(text.len());
    for line in text.lines().map(str::trim) {
        if LINES.iter().any(|kind| line.starts_with(kind)) {
            if line.starts_with("a=") {
                plain.push_str(line);
            } else {
                let words: Vec<&str> = line.split_ascii_whitespace().collect();
                plain.push_str(&words.join(" "));
            }
        }
        // Kept empty rather than left out: errors tell the line's number.
        plain.push_str("\r\n");
    }
    plain
}

fn error(error: ParserError) -> DescriptionError {
    match error {
        ParserError::InvalidVersion(..) | ParserError::NoVersion => DescriptionError::Version,
        ParserError::InvalidLineFormat(line, _)
        | ParserError::InvalidFieldEncoding(line, _)
        | ParserError::InvalidFieldFormat(line, _)
        | ParserError::MissingField(line, _)
        | ParserError::FieldTrailingData(line, _)
        | ParserError::MultipleVersions(line)
        | ParserError::MultipleOrigins(line)
        | ParserError::MultipleConnections(line) => DescriptionError::Line(line),
        _ => DescriptionError::Line(0),
    }
}

fn stream(session: &Session, media: &Media) -> Stream {
    let address = media
        .connections
        .first()
        .or(session.connection.as_ref())
        .and_then(address);
    let own = |name: &str| value(&media.attributes, name);
    let direction = direction(&media.attributes)
        .or_else(|| direction(&session.attributes))
        .unwrap_or(Direction::SendReceive);
    // RFC 2543 held a call by an address of zeroes.
    let held = address.is_some_and(|address| address.is_unspecified());
    let (formats, telephone_events) = formats(media);
    Stream {
        media: media.media.clone(),
        protocol: media.proto.clone(),
        formats_text: media.fmt.clone(),
        label: own("label")
            .map(str::to_owned)
            .filter(|label| !label.is_empty()),
        direction: if held { Direction::Inactive } else { direction },
        address,
        port: media.port,
        rtcp: own("rtcp").and_then(|value| rtcp(value, address)),
        rtcp_mux: media.attributes.iter().any(|a| is(a, "rtcp-mux")),
        packet_time: own("ptime")
            .or_else(|| value(&session.attributes, "ptime"))
            .and_then(|value| value.parse().ok())
            .filter(|milliseconds| (1..=200).contains(milliseconds)),
        formats,
        telephone_events,
        crypto: media
            .attributes
            .iter()
            .filter(|attribute| is(attribute, "crypto"))
            .filter_map(|attribute| Crypto::parse(attribute.value.as_deref()?))
            .take(MOST_CRYPTO)
            .collect(),
    }
}

fn is(attribute: &Attribute, name: &str) -> bool {
    attribute.attribute.trim().eq_ignore_ascii_case(name)
}

fn value<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    attributes
        .iter()
        .find(|attribute| is(attribute, name))
        .and_then(|attribute| attribute.value.as_deref())
        .map(str::trim)
}

fn direction(attributes: &[Attribute]) -> Option<Direction> {
    let all = [
        Direction::SendReceive,
        Direction::SendOnly,
        Direction::ReceiveOnly,
        Direction::Inactive,
    ];
    attributes.iter().find_map(|attribute| {
        all.into_iter()
            .find(|direction| is(attribute, direction.name()))
    })
}

/// An address without the multicast suffixes.
fn address(connection: &Connection) -> Option<IpAddr> {
    let text = connection.connection_address.split('/').next()?;
    text.parse().ok()
}

/// `port` or `port IN IP4 address` (RFC 3605).
fn rtcp(value: &str, media: Option<IpAddr>) -> Option<SocketAddr> {
    let mut words = value.split_ascii_whitespace();
    let port = words.next()?.parse().ok().filter(|port| *port != 0)?;
    let address = words.nth(2).map_or(media, |text| text.parse().ok())?;
    Some(SocketAddr::new(address, port))
}

/// The formats that we know, and the events, of an `m=` line.
fn formats(media: &Media) -> (Vec<Format>, Vec<(u8, u32)>) {
    let mapped = |name: &str, payload_type: u8| {
        media
            .attributes
            .iter()
            .filter(|attribute| is(attribute, name))
            .filter_map(|attribute| attribute.value.as_deref())
            .filter_map(|value| value.trim().split_once(char::is_whitespace))
            .find(|(number, _)| number.parse() == Ok(payload_type))
            .map(|(_, rest)| rest.trim())
    };
    let (mut formats, mut events) = (Vec::new(), Vec::new());
    for word in media.fmt.split_ascii_whitespace().take(MOST_FORMATS) {
        let Some(payload_type) = word.parse().ok().filter(|number| *number < 128) else {
            continue;
        };
        let encoding = mapped("rtpmap", payload_type);
        if let Some(clock) = encoding.and_then(event_clock) {
            events.push((payload_type, clock));
        } else if let Some(codec) = encoding.map_or_else(|| known(payload_type), codec) {
            formats.push(Format {
                payload_type,
                codec,
                parameters: mapped("fmtp", payload_type).map(str::to_owned),
            });
        }
    }
    (formats, events)
}

/// What a payload type stands for without `a=rtpmap` (RFC 3551, 6).
fn known(payload_type: u8) -> Option<Codec> {
    match payload_type {
        0 => Some(Codec::Pcmu),
        8 => Some(Codec::Pcma),
        9 => Some(Codec::G722),
        _ => None,
    }
}

/// `name/clock/channels`.
fn codec(encoding: &str) -> Option<Codec> {
    let mut fields = encoding.split('/').map(str::trim);
    let name = fields.next()?.to_ascii_uppercase();
    let clock: u32 = fields.next()?.parse().ok()?;
    let channels = fields.next().unwrap_or("1");
    match (&*name, clock, channels) {
        ("PCMU", 8000, "1") => Some(Codec::Pcmu),
        ("PCMA", 8000, "1") => Some(Codec::Pcma),
        // Its clock is 8000 by an old error; some say what it should be.
        ("G722", 8000 | 16_000, "1") => Some(Codec::G722),
        ("OPUS", 48_000, _) => Some(Codec::Opus),
        ("L16", rate @ (8000 | 16_000), "1") => Some(Codec::L16 { rate }),
        _ => None,
    }
}

fn event_clock(encoding: &str) -> Option<u32> {
    let (name, rest) = encoding.split_once('/')?;
    name.trim()
        .eq_ignore_ascii_case("telephone-event")
        .then(|| rest.split('/').next()?.trim().parse().ok())
        .flatten()
}

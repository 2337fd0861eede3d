//! SIP messages (RFC 3261, 7 and 25): read leniently, written plainly.
//!
//! What session border controllers send is taken as it comes: compact names, folded lines, names in any case,
//! values joined by commas, bare line feeds, unknown headers and methods. What cannot be understood becomes a
//! [`Fault`] beside what could, so that a request is answered rather than dropped wherever it says to whom.
//!
//! The parser is our own. Of the crates for this, `rsip` neither unfolds lines nor bounds what it takes (last
//! release 2022), the stacks (`rsipstack`, `ezk-sip-core`, `rvoip`) bring sockets and a runtime, and
//! `sip-header`, which reads as leniently as is needed, is before its first release and leaves framing, bounds,
//! bodies and writing to its user. What is needed of the grammar is small.
//!
//! **Architecture invariants:** any bytes are read without a panic; a message has at most [`LONGEST_MESSAGE`]
//! bytes and [`MOST_HEADERS`] headers; faults and `Debug` name headers and never show a value, as those hold
//! names and telephone numbers.

mod headers;
mod read;
mod value;

use std::fmt;
use std::net::SocketAddr;

pub use headers::Headers;
pub use value::{CSeq, ContentType, NameAddr, Parameters, Refresher, SessionExpires, Uri, Via};

/// Longest message in bytes: what a UDP datagram can hold.
pub const LONGEST_MESSAGE: usize = 65_536;
/// Most header lines of a message, folded lines counted once.
pub const MOST_HEADERS: usize = 256;

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// More than [`LONGEST_MESSAGE`] bytes.
    #[error("the message is longer than {LONGEST_MESSAGE} bytes")]
    TooLong,
    /// More than [`MOST_HEADERS`] header lines.
    #[error("the message has more than {MOST_HEADERS} headers")]
    TooManyHeaders,
    /// Neither a request nor a status line.
    #[error("the first line is neither a request nor a status line")]
    StartLine,
    /// Not SIP/2.0.
    #[error("the version is not SIP/2.0")]
    Version,
    /// The Request-URI is not a URI.
    #[error("the Request-URI is malformed")]
    RequestUri,
    /// A header line without a name or a colon.
    #[error("header line {0} is not a header")]
    HeaderLine(usize),
    /// A header that every message has is missing.
    #[error("the header {0} is missing")]
    Missing(&'static str),
    /// A header cannot be understood, or comes twice and may not.
    #[error("the header {0} is malformed")]
    Header(&'static str),
    /// The body is shorter than Content-Length says.
    #[error("the body is shorter than Content-Length says")]
    Body,
}

impl Fault {
    /// The status that tells the sender.
    pub fn status(self) -> u16 {
        match self {
            Fault::TooLong | Fault::TooManyHeaders => 513,
            Fault::Version => 505,
            Fault::StartLine
            | Fault::RequestUri
            | Fault::HeaderLine(_)
            | Fault::Missing(_)
            | Fault::Header(_)
            | Fault::Body => 400,
        }
    }
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// RFC 3261.
    Invite,
    /// RFC 3261.
    Ack,
    /// RFC 3261.
    Bye,
    /// RFC 3261.
    Cancel,
    /// RFC 3261.
    Options,
    /// RFC 3311.
    Update,
    /// RFC 6086.
    Info,
    /// RFC 3428.
    Message,
    /// RFC 3262.
    Prack,
    /// Anything else that is a token.
    Other(String),
}

impl Method {
    /// The method of this name; names are told apart by case (RFC 3261, 7.1).
    pub fn of(name: &str) -> Self {
        match name {
            "INVITE" => Method::Invite,
            "ACK" => Method::Ack,
            "BYE" => Method::Bye,
            "CANCEL" => Method::Cancel,
            "OPTIONS" => Method::Options,
            "UPDATE" => Method::Update,
            "INFO" => Method::Info,
            "MESSAGE" => Method::Message,
            "PRACK" => Method::Prack,
            other => Method::Other(other.to_owned()),
        }
    }

    /// The name on the wire.
    pub fn name(&self) -> &str {
        match self {
            Method::Invite => "INVITE",
            Method::Ack => "ACK",
            Method::Bye => "BYE",
            Method::Cancel => "CANCEL",
            Method::Options => "OPTIONS",
            Method::Update => "UPDATE",
            Method::Info => "INFO",
            Method::Message => "MESSAGE",
            Method::Prack => "PRACK",
            Method::Other(name) => name,
        }
    }
}

/// A request.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub method: Method,
    /// The Request-URI as written.
    pub uri: String,
    /// All headers but Content-Length, which is that of the body.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

/// A response.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// 100 to 699.
    pub status: u16,
    /// The phrase beside the status, for people.
    pub reason: String,
    /// All headers but Content-Length, which is that of the body.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Asks for something.
    Request(Request),
    /// Answers a request.
    Response(Response),
}

/// What could be understood of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The message, as far as it could be understood.
    pub message: Message,
    /// The first thing that could not.
    pub fault: Option<Fault>,
}

/// What every message says of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Essentials {
    /// Where the message came through last.
    pub via: Via,
    /// Who asks.
    pub from: NameAddr,
    /// Who is asked.
    pub to: NameAddr,
    /// The call's identity.
    pub call_id: String,
    /// The request's place among those of its sender.
    pub cseq: CSeq,
}

impl Message {
    /// Reads a message. The error is for what nothing can be answered to.
    pub fn read(bytes: &[u8]) -> Result<Reading, Fault> {
        read::message(bytes)
    }

    /// Reads a message without any fault.
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let reading = Self::read(bytes)?;
        reading.fault.map_or(Ok(reading.message), Err)
    }

    /// The bytes on the wire.
    pub fn write(&self) -> Vec<u8> {
        match self {
            Message::Request(request) => request.write(),
            Message::Response(response) => response.write(),
        }
    }
}

impl Request {
    /// A request without headers.
    pub fn new(method: Method, uri: &str) -> Self {
        Self {
            method,
            uri: uri.to_owned(),
            headers: Headers::default(),
            body: Vec::new(),
        }
    }

    /// What every request must say (RFC 3261, 8.1.1).
    pub fn essentials(&self) -> Result<Essentials, Fault> {
        let essentials = self.headers.essentials()?;
        if essentials.cseq.method != self.method {
            return Err(Fault::Header("CSeq"));
        }
        Ok(essentials)
    }

    /// Writes into the top Via where the request came from (RFC 3261, 18.2.1; RFC 3581).
    pub fn stamp(&mut self, source: SocketAddr) {
        let Some(vias) = self.headers.list("Via") else {
            return;
        };
        let mut vias: Vec<String> = vias.into_iter().map(str::to_owned).collect();
        let Some((top, via)) = vias.first_mut().and_then(|top| {
            let via = Via::parse(top)?;
            Some((top, via))
        }) else {
            return;
        };
        if via.parameters.get("rport") == Some("") {
            let port = source.port();
            *top = with_port(top, port);
        }
        if via.host.parse() != Ok(source.ip()) || via.parameters.has("rport") {
            top.push_str(&format!(";received={}", source.ip()));
        }
        self.headers.remove("Via");
        // Via stays first, where it belongs.
        let rest = std::mem::take(&mut self.headers);
        for via in &vias {
            self.headers.push("Via", via);
        }
        for (name, value) in rest.iter() {
            self.headers.push(name, value);
        }
    }

    /// The bytes on the wire.
    pub fn write(&self) -> Vec<u8> {
        let line = format!("{} {} SIP/2.0", self.method.name(), self.uri);
        write(&line, &self.headers, &self.body)
    }

    /// A response to this request that has what is copied from it (RFC 3261, 8.2.6.2), and the tag in To if
    /// there is none.
    pub fn response(&self, status: u16, tag: Option<&str>) -> Response {
        let mut headers = Headers::default();
        for via in self.headers.list("Via").unwrap_or_default() {
            headers.push("Via", via);
        }
        if (101..300).contains(&status) {
            for route in self.headers.all("Record-Route") {
                headers.push("Record-Route", route);
            }
        }
        for name in ["From", "To", "Call-ID", "CSeq"] {
            let value = self.headers.get(name).unwrap_or_default();
            let tagged = name == "To"
                && NameAddr::parse(value).is_some_and(|to| to.parameters.get("tag").is_some());
            match tag {
                Some(tag) if name == "To" && !tagged => {
                    headers.push(name, &format!("{value};tag={tag}"));
                }
                _ => headers.push(name, value),
            }
        }
        Response {
            status,
            reason: reason(status).to_owned(),
            headers,
            body: Vec::new(),
        }
    }
}

impl Response {
    /// What every response must say.
    pub fn essentials(&self) -> Result<Essentials, Fault> {
        self.headers.essentials()
    }

    /// The bytes on the wire.
    pub fn write(&self) -> Vec<u8> {
        let line = format!("SIP/2.0 {} {}", self.status, self.reason);
        write(&line, &self.headers, &self.body)
    }

    /// With a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push(name, value);
        self
    }

    /// With a body of this type.
    #[must_use]
    pub fn with_body(mut self, content_type: &str, body: Vec<u8>) -> Self {
        self.headers.push("Content-Type", content_type);
        self.body = body;
        self
    }
}

/// A Via whose `rport` has the port as its value.
fn with_port(via: &str, port: u16) -> String {
    let items = value::split(via, ';').unwrap_or_default();
    let filled: Vec<String> = items
        .into_iter()
        .map(|item| {
            let name = item.split('=').next().unwrap_or_default().trim();
            if name.eq_ignore_ascii_case("rport") {
                format!("rport={port}")
            } else {
                item.to_owned()
            }
        })
        .collect();
    filled.join(";")
}

fn write(line: &str, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let mut text = String::with_capacity(512 + body.len());
    text.push_str(line);
    text.push_str("\r\n");
    for (name, value) in headers.iter() {
        text.push_str(name);
        text.push_str(": ");
        text.push_str(value);
        text.push_str("\r\n");
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// The phrase that RFC 3261, 21 and its extensions give to a status.
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Request Entity Too Large",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        422 => "Session Interval Too Small",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        491 => "Request Pending",
        500 => "Server Internal Error",
        503 => "Service Unavailable",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        603 => "Decline",
        _ => match status / 100 {
            1 => "Progress",
            2 => "OK",
            3 => "Redirected",
            4 => "Refused",
            5 => "Failed",
            _ => "Refused Everywhere",
        },
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Request({}, {:?}, {} bytes)",
            self.method.name(),
            self.headers,
            self.body.len()
        )
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Response({}, {:?}, {} bytes)",
            self.status,
            self.headers,
            self.body.len()
        )
    }
}

impl fmt::Debug for Essentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Essentials({:?})", self.cseq)
    }
}

#[cfg(test)]
mod tests;

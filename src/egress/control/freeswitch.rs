//! FreeSWITCH's `uuid_record`, over its event socket (`mod_event_socket`) or over HTTP (`mod_xml_rpc`).
//!
//! `mask` writes zeros and keeps the time line; `pause` leaves time out and is not in every version. There is no
//! command that shows either, so the acknowledgement is all there is.
//!
//! ```text
//! <- Content-Type: auth/request
//! -> auth PASSWORD
//! <- Content-Type: command/reply, Reply-Text: +OK accepted
//! -> api uuid_record UUID mask /recordings/UUID.wav
//! <- Content-Type: api/response, Content-Length: 12; +OK Success
//! ```

use super::template::{Escape, Template, url_encoded};
use super::{
    Command, ControlReply, ControlRequest, Exchange, LARGEST_REPLY, Method, Problem, Reading,
    Subject, basic, garbled, read_failure,
};
use crate::call::Sensitive;

/// The longest header block that is read, in bytes.
const LARGEST_HEADERS: usize = 8 * 1024;

/// A FreeSWITCH.
#[derive(Debug, Clone)]
pub struct Freeswitch {
    /// How it is reached.
    pub door: Door,
    /// The path of the recording, the very text that it was begun with.
    pub recording: Template,
    /// What is done.
    pub mode: Mode,
}

/// How commands get in.
#[derive(Debug, Clone)]
pub enum Door {
    /// The event socket.
    EventSocket {
        /// `host:port`, usually port 8021.
        address: String,
        /// Its password.
        password: Sensitive<String>,
    },
    /// `mod_xml_rpc`, where `/txtapi/COMMAND?ARGUMENTS` answers in plain text.
    Http {
        /// `http://host:8080`.
        base_url: String,
        /// The user.
        user: String,
        /// Its password.
        password: Sensitive<String>,
    },
}

/// What a pause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Zeros are written.
    #[default]
    Mask,
    /// Time is left out.
    Pause,
}

impl Freeswitch {
    pub(super) fn exchange(&self, command: Command, subject: &Subject) -> Exchange {
        let action = match (self.mode, command) {
            (Mode::Mask, Command::Resume) => "unmask",
            (Mode::Pause, Command::Resume) => "resume",
            // A query is never asked for, as there is none; masking again changes nothing.
            (Mode::Mask, Command::Pause | Command::Query) => "mask",
            (Mode::Pause, Command::Pause | Command::Query) => "pause",
        };
        let path = self.recording.fill(subject, Escape::Nothing);
        let arguments = format!("{} {action} {path}", subject.call);
        match &self.door {
            Door::EventSocket { address, password } => Exchange::EventSocket {
                address: address.clone(),
                password: password.clone(),
                command: format!("uuid_record {arguments}"),
            },
            Door::Http {
                base_url,
                user,
                password,
            } => Exchange::Http(ControlRequest {
                method: Method::Get,
                url: format!("{base_url}/txtapi/uuid_record?{}", url_encoded(&arguments)),
                headers: vec![basic(user, password)],
                body: String::new(),
            }),
        }
    }
}

pub(super) fn read(reply: &ControlReply) -> Reading {
    if !(200..=299).contains(&reply.status) {
        return read_failure(reply);
    }
    let text = String::from_utf8_lossy(&reply.body);
    let text = text.trim();
    if text.starts_with("+OK") {
        Reading::Acknowledged
    } else if text.starts_with("-ERR Cannot ") {
        // No such call, or no such recording of it.
        Reading::NotFound
    } else if text.starts_with("-ERR") || text.starts_with("-USAGE") {
        Reading::Refused(Problem::Refused)
    } else {
        garbled()
    }
}

/// A message of the event socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketMessage {
    /// `Content-Type`.
    pub kind: String,
    /// `Reply-Text`, or nothing.
    pub reply: String,
    /// As long as `Content-Length` says.
    pub body: Vec<u8>,
}

/// What cannot come from an event socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a message of FreeSWITCH's event socket, or too long a one")]
pub struct NotAMessage;

/// Puts the event socket's messages together from bytes.
#[derive(Debug, Default)]
pub struct SocketReader {
    bytes: Vec<u8>,
}

impl SocketReader {
    /// Takes what arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message.
    pub fn next_message(&mut self) -> Result<Option<SocketMessage>, NotAMessage> {
        let end = self.bytes.windows(2).position(|pair| pair == b"\n\n");
        let Some(end) = end.filter(|end| *end <= LARGEST_HEADERS) else {
            // The first half of their end may be there.
            let endless = end.is_some() || self.bytes.len() > LARGEST_HEADERS + 1;
            return if endless { Err(NotAMessage) } else { Ok(None) };
        };
        let headers = std::str::from_utf8(&self.bytes[..end]).map_err(|_| NotAMessage)?;
        let value = |wanted: &str| {
            headers
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
                .map_or("", |(_, value)| value.trim())
        };
        let (kind, reply) = (
            value("content-type").to_owned(),
            value("reply-text").to_owned(),
        );
        let length: usize = match value("content-length") {
            "" => 0,
            length => length.parse().map_err(|_| NotAMessage)?,
        };
        if kind.is_empty() || length > LARGEST_REPLY {
            return Err(NotAMessage);
        }
        let whole = end + 2 + length;
        if self.bytes.len() < whole {
            return Ok(None);
        }
        let body = self.bytes[end + 2..whole].to_vec();
        self.bytes.drain(..whole);
        Ok(Some(SocketMessage { kind, reply, body }))
    }
}

//! Pausing a recorder that the gateway cannot stand in front of: what it is told, and what its answers mean.
//!
//! Such a recorder takes the call's sound elsewhere and at the same time as the gateway hears it. It can only be
//! paused from the moment of suspicion on: **what was said before that, and until the pause takes effect, is in
//! its recording.** Whoever must not have even that has to put the gateway in front of the recorder.
//!
//! ```text
//! wish, answers, time -> RecorderControl -> Command, events, when to be woken
//!                               Platform: Command -> Exchange, answer -> Reading
//! ```
//!
//! **Architecture invariants:** no socket and no clock in here; an acknowledgement counts as a pause only where
//! the platform cannot be asked; nothing that is sent, but for the platform's own credentials, comes from
//! anywhere else than the configuration, the call's id, the leg's name and the kind's name.

pub mod asterisk;
pub mod connect;
pub mod freeswitch;
pub mod http;
mod machine;
mod signature;
mod template;
pub mod twilio;

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use crate::audio::MediaTime;
use crate::call::{CallId, Leg, Sensitive};

pub use machine::{Output, RecorderControl, RequestId};
pub use template::{Escape, Template, TemplateError, VARIABLES};

/// What a recorder is told or asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// Stop taking sound.
    Pause,
    /// Take sound again.
    Resume,
    /// Say what is done at present.
    Query,
}

/// What a recorder does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecorderState {
    /// It takes the call's sound.
    Running,
    /// It takes none.
    Paused,
}

/// What an answer, or the lack of one, means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// The platform says what the recorder does.
    Is(RecorderState),
    /// The platform says that it was done, without showing the state.
    Acknowledged,
    /// The platform will do it (HTTP 202): it may not be done yet.
    Accepted,
    /// Not possible in the present state, which may be the one that was asked for.
    Conflict,
    /// There is no such recording: not yet, or no longer.
    NotFound,
    /// It may work later, not before `after`.
    Retry {
        /// What the platform asked to wait for.
        after: Option<Duration>,
        /// What went wrong.
        problem: Problem,
    },
    /// Refused, and asking again will not help.
    Refused(Problem),
}

/// Why a recorder is not in the state that was asked for. Has no secret and no text of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Problem {
    /// No connection.
    #[error("the recorder's platform cannot be reached")]
    Unreachable,
    /// No answer in time.
    #[error("the recorder's platform did not answer in time")]
    NoAnswer,
    /// The credentials were not accepted.
    #[error("the recorder's platform did not accept the credentials")]
    Unauthorised,
    /// No such recording.
    #[error("the recorder's platform knows no such recording")]
    NotFound,
    /// An HTTP status that says no.
    #[error("the recorder's platform answered HTTP {0}")]
    Status(u16),
    /// The recorder is in a state in which this cannot be done.
    #[error(
        "the recorder's platform says that this is not possible in the recorder's present state"
    )]
    Conflict,
    /// The answer has not the documented form.
    #[error("the recorder's platform gave an answer that is not understood")]
    Garbled,
    /// It answered no.
    #[error("the recorder's platform refused")]
    Refused,
    /// It says that the recorder is in the other state.
    #[error("the recorder's platform says that the recorder is in the other state")]
    WrongState,
    /// It took the request and cannot tell, or did not tell, that it was done.
    #[error("the recorder's platform took the request without saying that it was done")]
    Unconfirmed,
}

/// How a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Asks.
    Get,
    /// Does.
    Post,
    /// Sets.
    Put,
    /// Changes.
    Patch,
    /// Takes away.
    Delete,
}

impl Method {
    /// As HTTP writes it.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// A request over HTTP, complete.
#[derive(Clone, PartialEq, Eq)]
pub struct ControlRequest {
    /// Its method.
    pub method: Method,
    /// Where it goes, in full.
    pub url: String,
    /// Its headers, names in lower case; values may be credentials.
    pub headers: Vec<(String, Sensitive<String>)>,
    /// What it says.
    pub body: String,
}

impl fmt::Debug for ControlRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An address may hold a token in its query.
        let url = self.url.split('?').next().unwrap_or_default();
        write!(f, "ControlRequest({} {url})", self.method.name())
    }
}

/// An answer over HTTP, or the body of one over FreeSWITCH's event socket with status 200.
#[derive(Clone, PartialEq, Eq)]
pub struct ControlReply {
    /// HTTP status code.
    pub status: u16,
    /// `Retry-After`, from the answer's arrival.
    pub retry_after: Option<Duration>,
    /// What it says; at most [`LARGEST_REPLY`] bytes are read.
    pub body: Vec<u8>,
}

impl fmt::Debug for ControlReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ControlReply({}, {} bytes)",
            self.status,
            self.body.len()
        )
    }
}

/// The longest answer that is read, in bytes; a longer one is not understood.
pub const LARGEST_REPLY: usize = 64 * 1024;

/// What to do on the network for a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exchange {
    /// One request over HTTP.
    Http(ControlRequest),
    /// One `api` command over FreeSWITCH's event socket.
    EventSocket {
        /// `host:port`.
        address: String,
        /// The socket's password.
        password: Sensitive<String>,
        /// The command, `uuid_record ...`, without a line end.
        command: String,
    },
}

/// What is to be kept out of the recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protection {
    /// Who says it.
    pub leg: Leg,
    /// What kind of data, in snake case; never a value.
    pub kind: String,
    /// Where it begins on the call's timeline, as far as is known.
    pub from: MediaTime,
}

/// Which recording of which call, and why.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The platform's id of the call.
    pub call: CallId,
    /// Who speaks.
    pub leg: Leg,
    /// The kind of data, in snake case.
    pub reason: String,
}

/// How long things may take, counted from the wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// A pause that is not confirmed by then is an alarm.
    pub pause_deadline: Duration,
    /// A resumption that is not confirmed by then is one too.
    pub resume_deadline: Duration,
    /// How long nothing must have been sensitive before the recorder goes on.
    pub quiet: Duration,
    /// For one request and its answer, connecting included.
    pub timeout: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            pause_deadline: Duration::from_secs(2),
            resume_deadline: Duration::from_secs(10),
            quiet: Duration::from_secs(1),
            timeout: Duration::from_secs(2),
        }
    }
}

/// How a door's recorder is controlled.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whose interface.
    pub platform: Platform,
    /// How long things may take.
    pub timing: Timing,
}

/// Whose interface, and what it is told of whom.
#[derive(Debug, Clone)]
pub enum Platform {
    /// Twilio's Recording resource, and SignalWire's.
    Twilio(twilio::Twilio),
    /// Amazon Connect.
    Connect(connect::Connect),
    /// Asterisk's REST interface.
    Asterisk(asterisk::Asterisk),
    /// FreeSWITCH's `uuid_record`.
    Freeswitch(freeswitch::Freeswitch),
    /// Any HTTP interface, by templates.
    Http(Box<http::HttpHooks>),
}

impl Platform {
    /// Whether it can be asked what the recorder does.
    pub fn verifies(&self) -> bool {
        match self {
            Platform::Twilio(_) => true,
            Platform::Connect(_) | Platform::Freeswitch(_) => false,
            Platform::Asterisk(asterisk) => asterisk.verifies(),
            Platform::Http(hooks) => hooks.verifies(),
        }
    }

    /// What to do on the network for a command. `at` is the present time, which signatures are made of.
    pub fn exchange(&self, command: Command, subject: &Subject, at: Timestamp) -> Exchange {
        match self {
            Platform::Twilio(twilio) => Exchange::Http(twilio.request(command, subject)),
            Platform::Connect(connect) => Exchange::Http(connect.request(command, subject, at)),
            Platform::Asterisk(asterisk) => Exchange::Http(asterisk.request(command, subject)),
            Platform::Freeswitch(freeswitch) => freeswitch.exchange(command, subject),
            Platform::Http(hooks) => Exchange::Http(hooks.request(command, subject)),
        }
    }

    /// What an answer to a command means.
    pub fn read(&self, command: Command, reply: &ControlReply) -> Reading {
        match self {
            Platform::Twilio(_) => twilio::read(command, reply),
            Platform::Connect(_) => connect::read(reply),
            Platform::Asterisk(_) => asterisk::read(command, reply),
            Platform::Freeswitch(_) => freeswitch::read(reply),
            Platform::Http(hooks) => hooks.read(command, reply),
        }
    }
}

/// What an HTTP status that is no success says on every platform.
fn read_failure(reply: &ControlReply) -> Reading {
    let again = |problem| Reading::Retry {
        after: reply.retry_after,
        problem,
    };
    match reply.status {
        401 | 403 => Reading::Refused(Problem::Unauthorised),
        404 | 410 => Reading::NotFound,
        409 => Reading::Conflict,
        // 425: locked by an earlier request, as some platforms have it.
        408 | 425 | 429 | 500.. => again(Problem::Status(reply.status)),
        // Redirections are not followed: they would take the credentials elsewhere.
        _ => Reading::Refused(Problem::Status(reply.status)),
    }
}

/// An answer that was to be JSON and is not may come out right the next time.
fn garbled() -> Reading {
    Reading::Retry {
        after: None,
        problem: Problem::Garbled,
    }
}

/// `authorization` for a name and a password (RFC 7617).
pub(crate) fn basic(user: &str, password: &Sensitive<String>) -> (String, Sensitive<String>) {
    let pair = zeroize::Zeroizing::new(format!("{user}:{}", password.expose()));
    let value = format!("Basic {}", STANDARD.encode(pair.as_bytes()));
    ("authorization".into(), value.into())
}

fn header(name: &str, value: &str) -> (String, Sensitive<String>) {
    (name.into(), Sensitive::new(value.to_owned()))
}

#[cfg(test)]
mod tests;

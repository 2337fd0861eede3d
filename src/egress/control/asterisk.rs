//! Asterisk's REST interface (ARI): live recordings.
//!
//! `pause` leaves time out and shows in the recording's state; `mute` writes silence and keeps the time line, but
//! does not show, so that it cannot be verified (seen on Asterisk 22).

use serde::Deserialize;

use super::template::{Escape, Template, url_encoded};
use super::{
    Command, ControlReply, ControlRequest, Method, Problem, Reading, RecorderState, Subject, basic,
    garbled, header, read_failure,
};
use crate::call::Sensitive;

/// An Asterisk.
#[derive(Debug, Clone)]
pub struct Asterisk {
    /// `http://host:8088/ari`.
    pub base_url: String,
    /// The ARI user.
    pub user: String,
    /// Its password.
    pub secret: Sensitive<String>,
    /// The live recording's name.
    pub recording: Template,
    /// What is done.
    pub mode: Mode,
}

/// What a pause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Time is left out; can be verified.
    #[default]
    Pause,
    /// Silence is written; cannot be verified.
    Mute,
}

impl Asterisk {
    pub(super) fn verifies(&self) -> bool {
        self.mode == Mode::Pause
    }

    pub(super) fn request(&self, command: Command, subject: &Subject) -> ControlRequest {
        // A name may contain slashes: it is one segment of the path all the same.
        let name = url_encoded(&self.recording.fill(subject, Escape::Nothing));
        let recording = format!("{}/recordings/live/{name}", self.base_url);
        let action = match self.mode {
            Mode::Pause => "pause",
            Mode::Mute => "mute",
        };
        let (method, url) = match command {
            Command::Pause => (Method::Post, format!("{recording}/{action}")),
            Command::Resume => (Method::Delete, format!("{recording}/{action}")),
            Command::Query => (Method::Get, recording),
        };
        ControlRequest {
            method,
            url,
            headers: vec![
                basic(&self.user, &self.secret),
                header("accept", "application/json"),
            ],
            body: String::new(),
        }
    }
}

#[derive(Deserialize)]
struct LiveRecording {
    state: String,
}

pub(super) fn read(command: Command, reply: &ControlReply) -> Reading {
    match (reply.status, command) {
        (200..=299, Command::Query) => {}
        (200..=299, Command::Pause | Command::Resume) => return Reading::Acknowledged,
        _ => return read_failure(reply),
    }
    let Ok(recording) = serde_json::from_slice::<LiveRecording>(&reply.body) else {
        return garbled();
    };
    match recording.state.as_str() {
        "recording" => Reading::Is(RecorderState::Running),
        "paused" => Reading::Is(RecorderState::Paused),
        "queued" => Reading::Retry {
            after: None,
            problem: Problem::Conflict,
        },
        // done, failed, canceled
        _ => Reading::NotFound,
    }
}

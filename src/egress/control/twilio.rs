//! Twilio's Recording resource (REST API 2010-04-01), which SignalWire has too under another base address.
//!
//! `Status=paused` with `PauseBehavior=silence` keeps the recording's time line. The answer has the recording's
//! state after the change, and the call's list of recordings can be asked for it.

use serde::Deserialize;

use super::template::url_encoded;
use super::{
    Command, ControlReply, ControlRequest, Method, Reading, RecorderState, Subject, basic, garbled,
    header, read_failure,
};
use crate::call::Sensitive;

/// The one recording that is being made of a call, in place of its id.
pub const CURRENT: &str = "Twilio.CURRENT";

/// An account.
#[derive(Debug, Clone)]
pub struct Twilio {
    /// `https://api.twilio.com`, or where SignalWire has the same: `https://SPACE.signalwire.com/api/laml`.
    pub base_url: String,
    /// The account's id, `AC...`.
    pub account: String,
    /// The name of the credentials: the account's id, or an API key's, `SK...`.
    pub user: String,
    /// The auth token, or the API key's secret.
    pub secret: Sensitive<String>,
    /// The recording's id, or [`CURRENT`].
    pub recording: String,
    /// What is in the recording instead.
    pub behaviour: PauseBehaviour,
}

/// What is in a paused recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseBehaviour {
    /// Silence: the time line is kept.
    #[default]
    Silence,
    /// Nothing: the recording gets shorter.
    Skip,
}

impl Twilio {
    pub(super) fn request(&self, command: Command, subject: &Subject) -> ControlRequest {
        let recordings = format!(
            "{}/2010-04-01/Accounts/{}/Calls/{}/Recordings",
            self.base_url,
            url_encoded(&self.account),
            url_encoded(subject.call.as_str()),
        );
        let one = || format!("{recordings}/{}.json", url_encoded(&self.recording));
        let (method, url, body) = match command {
            Command::Pause => {
                let behaviour = match self.behaviour {
                    PauseBehaviour::Silence => "silence",
                    PauseBehaviour::Skip => "skip",
                };
                let body = format!("Status=paused&PauseBehavior={behaviour}");
                (Method::Post, one(), body)
            }
            Command::Resume => (Method::Post, one(), "Status=in-progress".to_owned()),
            // Whether the abbreviation can be asked about is not documented; a call's list always can.
            Command::Query if self.recording == CURRENT => {
                (Method::Get, format!("{recordings}.json"), String::new())
            }
            Command::Query => (Method::Get, one(), String::new()),
        };
        let mut headers = vec![
            basic(&self.user, &self.secret),
            header("accept", "application/json"),
        ];
        if method == Method::Post {
            headers.push(header("content-type", "application/x-www-form-urlencoded"));
        }
        ControlRequest {
            method,
            url,
            headers,
            body,
        }
    }
}

#[derive(Deserialize)]
struct Recording {
    status: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    List { recordings: Vec<Recording> },
    One(Recording),
}

pub(super) fn read(command: Command, reply: &ControlReply) -> Reading {
    match reply.status {
        200..=299 => {}
        // "Not eligible": finished, or in that state already. The exact codes are not documented.
        400 if command != Command::Query => return Reading::Conflict,
        _ => return read_failure(reply),
    }
    let recordings = match serde_json::from_slice(&reply.body) {
        Ok(Answer::List { recordings }) => recordings,
        Ok(Answer::One(recording)) => vec![recording],
        Err(_) => return garbled(),
    };
    let any = |status: &str| {
        recordings
            .iter()
            .any(|recording| recording.status == status)
    };
    if any("in-progress") {
        Reading::Is(RecorderState::Running)
    } else if any("paused") {
        Reading::Is(RecorderState::Paused)
    } else {
        // None, or stopped, processing, completed, absent: nothing takes the call's sound.
        Reading::NotFound
    }
}

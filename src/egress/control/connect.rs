//! Amazon Connect: `SuspendContactRecording` and `ResumeContactRecording` (service model 2017-08-08).
//!
//! An answer has no state, and there is nothing to ask: the acknowledgement is all there is. A recording is never
//! stopped, as a stopped one cannot be resumed.

use jiff::Timestamp;
use serde_json::json;

use super::signature::{Credentials, sign};
use super::{
    Command, ControlReply, ControlRequest, Method, Problem, Reading, Subject, header, read_failure,
};
use crate::call::Sensitive;

/// An instance.
#[derive(Debug, Clone)]
pub struct Connect {
    /// `https://connect.REGION.amazonaws.com`.
    pub base_url: String,
    /// Such as `eu-central-1`.
    pub region: String,
    /// The instance's id.
    pub instance: String,
    /// Which recording; without it, the platform's own choice.
    pub recording_type: Option<RecordingType>,
    /// The access key's id.
    pub access_key: String,
    /// Its secret.
    pub secret: Sensitive<String>,
    /// For temporary credentials.
    pub session_token: Option<Sensitive<String>>,
}

/// `ContactRecordingType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingType {
    /// The conversation with the agent.
    Agent,
    /// The conversation with the automatic part.
    Ivr,
    /// The agent's screen.
    Screen,
}

impl Connect {
    pub(super) fn request(
        &self,
        command: Command,
        subject: &Subject,
        at: Timestamp,
    ) -> ControlRequest {
        let action = match command {
            Command::Resume => "resume-recording",
            // A query is never asked for, as there is none; suspending again changes nothing.
            Command::Pause | Command::Query => "suspend-recording",
        };
        let mut body = json!({
            "InstanceId": self.instance,
            "ContactId": subject.call.as_str(),
            "InitialContactId": subject.call.as_str(),
        });
        if let Some(kind) = self.recording_type {
            body["ContactRecordingType"] = match kind {
                RecordingType::Agent => "AGENT",
                RecordingType::Ivr => "IVR",
                RecordingType::Screen => "SCREEN",
            }
            .into();
        }
        let mut request = ControlRequest {
            method: Method::Post,
            url: format!("{}/contact/{action}", self.base_url),
            headers: vec![header("content-type", "application/json")],
            body: body.to_string(),
        };
        let credentials = Credentials {
            access_key: &self.access_key,
            secret: &self.secret,
            session_token: self.session_token.as_ref(),
        };
        sign(&mut request, &credentials, &self.region, "connect", at);
        request
    }
}

pub(super) fn read(reply: &ControlReply) -> Reading {
    match reply.status {
        200 => Reading::Acknowledged,
        201..=299 => Reading::Accepted,
        400 => {
            let error: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
            let kind = error["__type"].as_str().unwrap_or_default();
            if kind.contains("Throttling") {
                return Reading::Retry {
                    after: reply.retry_after,
                    problem: Problem::Status(400),
                };
            }
            // InvalidRequestException, which a wrong state is too; the header that names it may be missing.
            Reading::Conflict
        }
        _ => read_failure(reply),
    }
}

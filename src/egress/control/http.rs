//! Any HTTP interface, by templates: what to send for a pause, a resumption and a question, and how to read it.

use serde_json::Value;

use super::template::{Escape, Template};
use super::{
    Command, ControlReply, ControlRequest, Method, Reading, RecorderState, Subject, garbled,
    header, read_failure,
};
use crate::call::Sensitive;

/// The requests of an interface.
#[derive(Debug, Clone)]
pub struct HttpHooks {
    /// Sent with every request, credentials included; names in lower case.
    pub headers: Vec<(String, Sensitive<String>)>,
    /// Pauses.
    pub pause: Hook,
    /// Resumes.
    pub resume: Hook,
    /// Asks, where that can be done.
    pub verify: Option<Question>,
}

/// One request, and how its answer is read.
#[derive(Debug, Clone)]
pub struct Hook {
    /// Its method.
    pub method: Method,
    /// Its address.
    pub url: Template,
    /// What it says.
    pub body: Option<Body>,
    /// Status codes of success.
    pub success: Vec<u16>,
    /// Status codes that say that it is so already.
    pub already: Vec<u16>,
    /// What the answer has when it was done.
    pub confirm: Option<Test>,
}

/// A request's body.
#[derive(Debug, Clone)]
pub struct Body {
    /// What it says. Values are escaped for JSON or a form as the type says.
    pub text: Template,
    /// `content-type`.
    pub content_type: String,
}

/// A value in JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// Where (RFC 6901).
    pub pointer: String,
    /// What is there; numbers and truth values as JSON writes them.
    pub equals: String,
}

/// A request for the recorder's state.
#[derive(Debug, Clone)]
pub struct Question {
    /// Its method.
    pub method: Method,
    /// Its address.
    pub url: Template,
    /// What it says.
    pub body: Option<Body>,
    /// What the answer has when the recorder is paused; anything else at that place means that it is running.
    pub paused: Test,
}

impl HttpHooks {
    pub(super) fn verifies(&self) -> bool {
        self.verify.is_some()
    }

    pub(super) fn request(&self, command: Command, subject: &Subject) -> ControlRequest {
        let of = |hook: &Hook| (hook.method, hook.url.clone(), hook.body.clone());
        let (method, url, body) = match (command, &self.verify) {
            (Command::Resume, _) => of(&self.resume),
            (Command::Query, Some(question)) => {
                (question.method, question.url.clone(), question.body.clone())
            }
            (Command::Pause | Command::Query, _) => of(&self.pause),
        };
        let mut headers = self.headers.clone();
        let body = body.map_or_else(String::new, |body| {
            headers.push(header("content-type", &body.content_type));
            let escape = if body.content_type.contains("json") {
                Escape::Json
            } else if body
                .content_type
                .starts_with("application/x-www-form-urlencoded")
            {
                Escape::Url
            } else {
                Escape::Nothing
            };
            body.text.fill(subject, escape)
        });
        ControlRequest {
            method,
            url: url.fill(subject, Escape::Url),
            headers,
            body,
        }
    }

    pub(super) fn read(&self, command: Command, reply: &ControlReply) -> Reading {
        let (hook, done) = match (command, &self.verify) {
            (Command::Resume, _) => (&self.resume, RecorderState::Running),
            (Command::Query, Some(question)) => return read_state(question, reply),
            (Command::Pause | Command::Query, _) => (&self.pause, RecorderState::Paused),
        };
        if hook.already.contains(&reply.status) {
            return Reading::Acknowledged;
        }
        if !hook.success.contains(&reply.status) {
            return match read_failure(reply) {
                // A success that was not expected has not done what was asked, as far as is known.
                Reading::Refused(_) if (200..=299).contains(&reply.status) => Reading::Accepted,
                reading => reading,
            };
        }
        match &hook.confirm {
            Some(test) => match serde_json::from_slice::<Value>(&reply.body) {
                Ok(value) if test.holds(&value) => Reading::Is(done),
                Ok(_) => Reading::Accepted,
                Err(_) => garbled(),
            },
            // Accepted: not done yet (RFC 9110, 15.3.3).
            None if reply.status == 202 => Reading::Accepted,
            None => Reading::Acknowledged,
        }
    }
}

impl Test {
    fn holds(&self, value: &Value) -> bool {
        match value.pointer(&self.pointer) {
            Some(Value::String(text)) => *text == self.equals,
            Some(other) => serde_json::to_string(other).is_ok_and(|written| written == self.equals),
            None => false,
        }
    }
}

fn read_state(question: &Question, reply: &ControlReply) -> Reading {
    if !(200..=299).contains(&reply.status) {
        return read_failure(reply);
    }
    let Ok(value) = serde_json::from_slice::<Value>(&reply.body) else {
        return garbled();
    };
    if value.pointer(&question.paused.pointer).is_none() {
        return garbled();
    }
    Reading::Is(if question.paused.holds(&value) {
        RecorderState::Paused
    } else {
        RecorderState::Running
    })
}

//! What is told: a CloudEvent 1.0 in structured JSON.

use jiff::Timestamp;
use serde_json::{Value, json};

/// An event. It has no spoken word, no number of a telephone and no secret.
#[derive(Debug, Clone, PartialEq)]
pub struct CloudEvent {
    id: String,
    kind: &'static str,
    call: Option<String>,
    at: Timestamp,
    data: Value,
}

impl CloudEvent {
    /// About a call. `id` is of no other event; `kind` such as `hushgate.call.ended.v1`.
    pub fn about_call(
        id: String,
        kind: &'static str,
        call: &str,
        at: Timestamp,
        data: Value,
    ) -> Self {
        Self {
            id,
            kind,
            call: Some(call.to_owned()),
            at,
            data,
        }
    }

    /// To try an endpoint out.
    pub fn test(id: String, at: Timestamp) -> Self {
        Self {
            id,
            kind: "hushgate.webhook.test.v1",
            call: None,
            at,
            data: json!({ "message": "a test" }),
        }
    }

    /// The same for all tries and endpoints.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its type.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The call that it is about, if it is about one.
    pub fn call(&self) -> Option<&str> {
        self.call.as_deref()
    }

    /// As it is sent by a source.
    pub fn body(&self, source: &str) -> String {
        let mut event = json!({
            "specversion": "1.0",
            "id": self.id,
            "source": source,
            "type": self.kind,
            "time": self.at,
            "datacontenttype": "application/json",
            "data": self.data,
        });
        if let Some(call) = &self.call {
            event["subject"] = format!("call/{call}").into();
        }
        event.to_string()
    }
}

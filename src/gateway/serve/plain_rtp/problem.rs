//! What is wrong with a request, in the words of RFC 9457: `application/problem+json`, with a stable `code`.

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::wanted::Wrong;
use crate::config::doors::Authentication;

/// What peers are told to wait when no call is taken, in seconds.
const WAIT: u32 = 5;

/// Why a request is refused. What it says is for whoever has sent it, and may repeat a word of the request;
/// logs have the code alone.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    pub(super) code: &'static str,
    detail: String,
    challenge: Option<&'static str>,
}

impl Problem {
    /// The code of [`Problem::busy`].
    pub(super) const BUSY: &str = "busy";

    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            challenge: None,
        }
    }

    /// Somebody who may not come in.
    pub(super) fn stranger(
        status: StatusCode,
        words: &str,
        authentication: Option<&Authentication>,
    ) -> Self {
        let challenge = match authentication {
            _ if status != StatusCode::UNAUTHORIZED => None,
            Some(Authentication::Basic { .. }) => Some("Basic realm=\"hushgate\""),
            _ => Some("Bearer"),
        };
        Self {
            challenge,
            ..Self::new(status, "not_let_in", words)
        }
    }

    pub(super) fn not_json() -> Self {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let detail = "expected JSON, with the header Content-Type: application/json";
        Self::new(status, "not_json", detail)
    }

    pub(super) fn too_long(limit: usize) -> Self {
        let detail = format!("the body cannot be read, or is longer than {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_long", detail)
    }

    pub(super) fn slow() -> Self {
        let detail = "the body did not come in time";
        Self::new(StatusCode::REQUEST_TIMEOUT, "slow", detail)
    }

    pub(super) fn wrong(wrong: &Wrong) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", wrong.to_string())
    }

    pub(super) fn is_live() -> Self {
        let detail = "a call of this id is live, or its recording is not complete yet; end it with DELETE, or \
                      choose another id";
        Self::new(StatusCode::CONFLICT, "call_is_live", detail)
    }

    pub(super) fn unknown_call() -> Self {
        let detail = "no call of this id is live; it may be over";
        Self::new(StatusCode::NOT_FOUND, "unknown_call", detail)
    }

    pub(super) fn busy(why: &str) -> Self {
        let detail = format!("no call is taken now: {why}");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Self::BUSY, detail)
    }

    pub(super) fn no_ports(error: &std::io::Error) -> Self {
        let detail = format!("no call is taken now: {error}");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "no_ports", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self {
            status,
            code,
            detail,
            challenge,
        } = self;
        let body = json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "code": code,
            "detail": detail,
        });
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        let problem = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, problem);
        if let Some(challenge) = challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, WAIT.into());
        }
        response
    }
}

//! What a request is answered that is not done: RFC 9457, with codes that stay.

use axum::Json;
use axum::http::header::{CONTENT_RANGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::accounts::AccountError;
use crate::store::database::DatabaseError;
use crate::store::vault::VaultError;

/// What is wrong, as programs tell it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Code {
    /// The request is not of the form that was expected.
    BadRequest,
    /// Nobody is signed in, or no longer.
    NotSignedIn,
    /// The name or password is wrong.
    SignInRefused,
    /// A request by cookie lacks the header that no other site can send.
    CrossSite,
    /// They may not.
    NotPermitted,
    /// There is no such page.
    UnknownPage,
    /// There is no such call.
    UnknownCall,
    /// There is no such user or token.
    UnknownAccount,
    /// There is no such alert.
    UnknownAlert,
    /// Nothing of this id waits to be tried again.
    UnknownDelivery,
    /// The call has no such part, or not any more.
    NoSuchPart,
    /// The page knows no such method.
    WrongMethod,
    /// The name is taken, the last admin would go, or somebody else was first.
    Conflict,
    /// The body is too long.
    TooLong,
    /// The body did not come in time.
    TooSlow,
    /// The body is not JSON.
    NotJson,
    /// The recording has no such bytes.
    WrongRange,
    /// The recording is locked away.
    LockedAway,
    /// Too many requests or tries.
    TooMany,
    /// What was sealed was altered.
    Altered,
    /// Something that is needed does not answer.
    Unavailable,
}

impl Code {
    fn status(self) -> StatusCode {
        match self {
            Code::BadRequest => StatusCode::BAD_REQUEST,
            Code::NotSignedIn | Code::SignInRefused => StatusCode::UNAUTHORIZED,
            Code::CrossSite | Code::NotPermitted => StatusCode::FORBIDDEN,
            Code::UnknownPage
            | Code::UnknownCall
            | Code::UnknownAccount
            | Code::UnknownAlert
            | Code::UnknownDelivery
            | Code::NoSuchPart => StatusCode::NOT_FOUND,
            Code::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Code::Conflict => StatusCode::CONFLICT,
            Code::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Code::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Code::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Code::WrongRange => StatusCode::RANGE_NOT_SATISFIABLE,
            Code::LockedAway => StatusCode::LOCKED,
            Code::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Code::Altered => StatusCode::INTERNAL_SERVER_ERROR,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn name(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            _ => format!("{self:?}"),
        }
    }
}

/// A problem document (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemDocument {
    /// `urn:hushgate:problem:` and the code.
    r#type: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What is wrong, as programs tell it apart.
    code: Code,
    /// What is wrong, for people.
    detail: String,
}

/// Why a request is not done.
#[derive(Debug)]
pub(crate) struct Problem {
    code: Code,
    detail: String,
    retry_after: Option<u64>,
    /// Bytes that there are, where others were asked for.
    length: Option<u64>,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            retry_after: None,
            length: None,
        }
    }

    pub(crate) fn not_signed_in() -> Self {
        Self::new(
            Code::NotSignedIn,
            "sign in, or give a token: Authorization: Bearer hushgate_...",
        )
    }

    pub(crate) fn too_many(seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds.max(1)),
            ..Self::new(Code::TooMany, format!("try again in {} s", seconds.max(1)))
        }
    }

    /// Others have long work done.
    pub(crate) fn busy(seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::new(
                Code::Unavailable,
                format!(
                    "others are having the log or many calls looked through; try again in {seconds} s"
                ),
            )
        }
    }

    /// A recording has not the bytes that were asked for (RFC 9110, 15.5.17).
    pub(crate) fn wrong_range(length: u64) -> Self {
        Self {
            length: Some(length),
            ..Self::new(
                Code::WrongRange,
                format!("the recording has {length} bytes"),
            )
        }
    }

    /// Something of ours failed: the log says what, the answer does not.
    pub(crate) fn internal(what: &'static str, error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, what, "a request failed");
        Self::new(
            Code::Unavailable,
            format!("{what} failed; the gateway's log says why"),
        )
    }

    /// Something was heard in a recording after its call.
    pub(crate) fn locked_away() -> Self {
        Self::new(
            Code::LockedAway,
            "something was heard in this recording afterwards; it is locked away until it was looked at",
        )
    }

    pub(crate) fn code(&self) -> Code {
        self.code
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Database(error) => error.into(),
            AccountError::Taken { .. } | AccountError::LastAdmin { .. } => {
                Self::new(Code::Conflict, error.to_string())
            }
            AccountError::NoUser { .. } => Self::new(Code::UnknownAccount, "there is no such user"),
            AccountError::NoToken => Self::new(
                Code::UnknownAccount,
                "there is no such token, or it was revoked",
            ),
        }
    }
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        Self::internal("the database", &error)
    }
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Unknown { .. } => Self::new(Code::UnknownCall, "there is no such call"),
            VaultError::Missing { .. } | VaultError::Shredded { .. } => {
                Self::new(Code::NoSuchPart, error.to_string())
            }
            VaultError::Quarantined { .. } => Self::locked_away(),
            VaultError::Sealed { .. }
            | VaultError::Misplaced { .. }
            | VaultError::Shortened { .. }
            | VaultError::Document { .. }
            | VaultError::KeyFile { .. }
            | VaultError::Replaced { .. } => {
                tracing::error!(%error, "a record cannot be read");
                Self::new(
                    Code::Altered,
                    "the record is not what was sealed; the gateway's log says where",
                )
            }
            VaultError::Archive { .. } => {
                tracing::error!(%error, "the object store does not give a record");
                Self::new(
                    Code::Unavailable,
                    "the object store does not give the record; the gateway's log says why",
                )
            }
            _ => Self::internal("the store", &error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let document = ProblemDocument {
            r#type: format!("urn:hushgate:problem:{}", self.code.name()),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            code: self.code,
            detail: self.detail,
        };
        let mut response = (status, Json(document)).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if let Some(Ok(range)) = self
            .length
            .map(|length| HeaderValue::try_from(format!("bytes */{length}")))
        {
            headers.insert(CONTENT_RANGE, range);
        }
        response
    }
}

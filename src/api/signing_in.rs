//! Signing in with a password, out, and who one is.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::audit::actor;
use super::authentication::Refusal;
use super::guard::{SESSION_COOKIE, cookie};
use super::problem::{Code, Problem, ProblemDocument};
use super::{Api, Peer, Shared};
use crate::access::{
    Grant, Identity, Kind, Permission, Role, Scope, UserName, grant, password, secret,
};
use crate::call::Sensitive;
use crate::store::accounts::{Change, NewSession};
use crate::store::audit::{Action, Actor, Record};

/// A name and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    /// The user's name.
    name: String,
    /// Their password.
    #[schema(value_type = String, format = Password)]
    password: Secret,
}

/// A text that is wiped and never printed.
#[derive(Deserialize)]
#[serde(from = "String")]
pub(super) struct Secret(Sensitive<String>);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Sensitive::new(text))
    }
}

impl Secret {
    pub(super) fn into_inner(self) -> Sensitive<String> {
        self.0
    }
}

/// JSON of a request; what is wrong with it is told without repeating it.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T> FromRequest<S> for Body<T>
where
    Json<T>: FromRequest<S, Rejection = JsonRejection>,
{
    type Rejection = Problem;

    async fn from_request(
        request: axum::extract::Request,
        state: &S,
    ) -> Result<Self, Self::Rejection> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(match rejection.status() {
                StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::new(
                    Code::NotJson,
                    "expected JSON, with the header Content-Type: application/json",
                ),
                _ => Problem::new(
                    Code::BadRequest,
                    "the body is not of the form that /openapi.json describes",
                ),
            }),
        }
    }
}

/// Who somebody is, and what they may.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    /// Their name.
    name: String,
    /// `user` or `token`.
    #[schema(value_type = String)]
    kind: Kind,
    /// Their role.
    #[schema(value_type = String)]
    role: Role,
    /// Where they may.
    #[schema(value_type = Object)]
    scope: Scope,
    /// What they may there; some of it for their own calls alone.
    #[schema(value_type = Vec<String>)]
    permissions: Vec<Permission>,
}

impl From<&Identity> for Me {
    fn from(identity: &Identity) -> Self {
        let may =
            |permission: &Permission| match (grant(identity.role, *permission), &identity.only) {
                (Grant::No, _) | (Grant::Named, None) => false,
                (_, Some(only)) => only.contains(permission),
                (Grant::Own | Grant::Yes, None) => true,
            };
        Self {
            name: identity.name.clone(),
            kind: identity.kind,
            role: identity.role,
            scope: identity.scope.clone(),
            permissions: Permission::ALL.iter().copied().filter(may).collect(),
        }
    }
}

/// Signs in with a name and password. The answer sets a cookie; requests by it that change something need the header
/// `X-Hushgate-Csrf: 1`.
#[utoipa::path(post, path = "/api/v1/sign-in", tag = "access", request_body = SignIn, responses(
    (status = 200, description = "signed in", body = Me),
    (status = 401, description = "refused", body = ProblemDocument),
    (status = 429, description = "too many tries", body = ProblemDocument),
))]
pub(super) async fn sign_in(
    State(api): State<Api>,
    Extension(Peer(peer)): Extension<Peer>,
    Body(SignIn { name, password }): Body<SignIn>,
) -> Result<Response, Problem> {
    let now = Timestamp::now();
    let accounts = &api.services.accounts;
    let checked = api
        .sign_ins
        .check(accounts, &name, password.into_inner(), peer, now)
        .await;
    let user = match checked {
        Ok(user) => user,
        Err(refusal) => {
            return Err(match refusal {
                Refusal::Wait(seconds) => {
                    api.refused("too many tries failed", peer);
                    Problem::too_many(seconds)
                }
                Refusal::Wrong { locks } => {
                    api.refused(
                        if locks {
                            "wrong name or password; the name is locked for a while"
                        } else {
                            "wrong name or password"
                        },
                        peer,
                    );
                    wrong()
                }
                Refusal::Disabled => {
                    api.refused("the user is disabled", peer);
                    wrong()
                }
                Refusal::Failed(error) => error.into(),
                Refusal::Hashing(error) => Problem::internal("checking the password", &error),
            });
        }
    };
    let identity = Identity {
        name: user.name.to_string(),
        kind: Kind::User,
        role: user.role,
        scope: user.scope,
        only: None,
    };
    let cookie = api.begin_session(&identity, None, "password", now).await?;
    let mut response = Json(Me::from(&identity)).into_response();
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}

fn wrong() -> Problem {
    Problem::new(Code::SignInRefused, "the name or password is wrong")
}

impl Shared {
    /// Begins a session, written into the audit log first, and makes its cookie.
    pub(super) async fn begin_session(
        &self,
        identity: &Identity,
        given: Option<(Role, Scope)>,
        method: &'static str,
        now: Timestamp,
    ) -> Result<HeaderValue, Problem> {
        let secret = secret::random().map_err(|error| Problem::internal("signing in", &error))?;
        let hours = SignedDuration::from_hours(self.services.access.session_hours as i64);
        let record = Record::new(Action::SignedIn)
            .by(Actor::user(&identity.name))
            .with_name("role", identity.role)
            .with_name("method", method);
        self.tell(record).await?;
        let session = NewSession {
            secret: &secret,
            name: &identity.name,
            given,
            expires: now + hours,
        };
        self.services.accounts.begin_session(session, now).await?;
        session_cookie(secret.expose(), hours.as_secs())
    }
}

fn session_cookie(value: &str, seconds: i64) -> Result<HeaderValue, Problem> {
    let text = format!(
        "{SESSION_COOKIE}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict"
    );
    let mut cookie =
        HeaderValue::try_from(text).map_err(|error| Problem::internal("signing in", &error))?;
    cookie.set_sensitive(true);
    Ok(cookie)
}

/// Ends the session.
#[utoipa::path(post, path = "/api/v1/sign-out", tag = "access", responses(
    (status = 204, description = "signed out"),
    (status = 401, description = "nobody is signed in", body = ProblemDocument),
))]
pub(super) async fn sign_out(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(secret) = cookie(&headers, SESSION_COOKIE)
        && api.services.accounts.end_session(secret).await?
    {
        api.tell(Record::new(Action::SignedOut).by(actor(&identity)))
            .await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    response
        .headers_mut()
        .append(SET_COOKIE, session_cookie("", 0)?);
    Ok(response)
}

/// Tells who one is and what one may.
#[utoipa::path(get, path = "/api/v1/me", tag = "access", responses(
    (status = 200, description = "who one is", body = Me),
    (status = 401, description = "nobody is signed in", body = ProblemDocument),
))]
pub(super) async fn me(Extension(identity): Extension<Arc<Identity>>) -> Json<Me> {
    Json(Me::from(&*identity))
}

/// The old and the new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    /// The password until now.
    #[schema(value_type = String, format = Password)]
    current: Secret,
    /// The new one: 12 characters or more, letters and digits.
    #[schema(value_type = String, format = Password)]
    new: Secret,
}

/// Changes one's own password, and ends all one's sessions.
#[utoipa::path(put, path = "/api/v1/me/password", tag = "access", request_body = NewPassword, responses(
    (status = 204, description = "changed; sign in again"),
    (status = 400, description = "not accepted", body = ProblemDocument),
    (status = 401, description = "the current password is wrong", body = ProblemDocument),
))]
pub(super) async fn change_password(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Extension(Peer(peer)): Extension<Peer>,
    Body(NewPassword { current, new }): Body<NewPassword>,
) -> Result<StatusCode, Problem> {
    let now = Timestamp::now();
    let name = UserName::new(&identity.name)
        .ok()
        .filter(|_| identity.kind == Kind::User)
        .ok_or_else(|| Problem::new(Code::BadRequest, "this has no password here"))?;
    let accounts = &api.services.accounts;
    let checked = api
        .sign_ins
        .check(accounts, name.as_str(), current.into_inner(), peer, now)
        .await;
    if let Err(refusal) = checked {
        api.refused("wrong password when changing it", peer);
        return Err(match refusal {
            Refusal::Wait(seconds) => Problem::too_many(seconds),
            _ => Problem::new(Code::SignInRefused, "the current password is wrong"),
        });
    }
    let hash = api.new_password(&name, new).await?;
    let record = Record::new(Action::AccessChanged)
        .by(actor(&identity))
        .with_name("user", &name)
        .with_name("changed", "password");
    api.tell(record).await?;
    let change = Change {
        password: Some(hash),
        ..Change::default()
    };
    accounts.change(&name, change, now).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl Shared {
    /// The hash of a password that is accepted.
    pub(super) async fn new_password(
        &self,
        name: &UserName,
        new: Secret,
    ) -> Result<String, Problem> {
        let new = new.into_inner();
        password::check(name, &new)
            .map_err(|weak| Problem::new(Code::BadRequest, weak.to_string()))?;
        self.sign_ins
            .hash(new)
            .await
            .map_err(|error| Problem::internal("hashing the password", &error))
    }
}

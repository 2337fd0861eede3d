//! Users and tokens.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::audit::actor;
use super::problem::{Code, Problem, ProblemDocument};
use super::signing_in::{Body, Secret};
use super::{Api, Shared};
use crate::access::{Denial, Grant, Identity, Permission, Role, Scope, UserName, grant, secret};
use crate::call::particulars::Label;
use crate::store::accounts::{Change, NewToken, NewUser, StoredToken, User};
use crate::store::audit::{Action, Record};

/// Days after which a token is worth nothing, unless told otherwise.
pub(crate) const TOKEN_DAYS: u32 = 90;
/// The most that may be told.
pub(crate) const MOST_TOKEN_DAYS: u32 = 366;

/// All users.
#[derive(Serialize, ToSchema)]
pub(super) struct Users {
    /// By name.
    #[schema(value_type = Vec<Object>)]
    users: Vec<User>,
}

/// Lists users.
#[utoipa::path(get, path = "/api/v1/users", tag = "administration", responses(
    (status = 200, description = "all users", body = Users),
))]
pub(super) async fn users(State(api): State<Api>) -> Result<Json<Users>, Problem> {
    let users = api.services.accounts.users().await?;
    Ok(Json(Users { users }))
}

/// A user to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddUser {
    /// 1 to 64 letters, digits and `._@-`.
    name: String,
    /// `agent`, `supervisor`, `compliance_officer`, `auditor` or `admin`.
    #[schema(value_type = String)]
    role: Role,
    /// Where they may: `sites` and `queues` (absent: all), and `agent`, their name in the contact centre.
    #[serde(default)]
    #[schema(value_type = Object)]
    scope: Scope,
    /// Their first password: 12 characters or more, letters and digits.
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Secret>,
}

/// Makes a user.
#[utoipa::path(post, path = "/api/v1/users", tag = "administration", request_body = AddUser, responses(
    (status = 201, description = "made", body = Object),
    (status = 400, description = "not accepted", body = ProblemDocument),
    (status = 409, description = "the name is taken", body = ProblemDocument),
))]
pub(super) async fn add_user(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Body(add): Body<AddUser>,
) -> Result<(StatusCode, Json<User>), Problem> {
    let name = named(&add.name)?;
    check_role(add.role)?;
    api.check_scope(&identity, Permission::ManageUsers, &add.scope)
        .await?;
    let password = match add.password {
        Some(password) => Some(api.new_password(&name, password).await?),
        None => None,
    };
    let accounts = &api.services.accounts;
    if accounts.user(&name).await?.is_some() {
        return Err(Problem::new(
            Code::Conflict,
            "there is a user of this name already",
        ));
    }
    api.tell(user_changed(&name, "made", add.role, &add.scope).by(actor(&identity)))
        .await?;
    let user = NewUser {
        name,
        role: add.role,
        scope: add.scope,
        password,
    };
    let made = accounts.add(user, Timestamp::now()).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// What is to be different about a user; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeUser {
    /// Their role.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    role: Option<Role>,
    /// Where they may, whole.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    scope: Option<Scope>,
    /// Their password.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Secret>,
    /// Whether they may not sign in.
    #[serde(default)]
    disabled: Option<bool>,
}

/// Changes a user, and ends their sessions.
#[utoipa::path(patch, path = "/api/v1/users/{name}", tag = "administration", request_body = ChangeUser,
    params(("name" = String, Path, description = "the user's name")), responses(
    (status = 200, description = "changed", body = Object),
    (status = 400, description = "not accepted", body = ProblemDocument),
    (status = 404, description = "there is no such user", body = ProblemDocument),
    (status = 409, description = "nobody would be left to manage users", body = ProblemDocument),
))]
pub(super) async fn change_user(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(name): Path<String>,
    Body(change): Body<ChangeUser>,
) -> Result<Json<User>, Problem> {
    let name = named(&name)?;
    if let Some(role) = change.role {
        check_role(role)?;
    }
    if let Some(scope) = &change.scope {
        api.check_scope(&identity, Permission::ManageUsers, scope)
            .await?;
    }
    let accounts = &api.services.accounts;
    let Some(before) = accounts.user(&name).await? else {
        return Err(Problem::new(Code::UnknownAccount, "there is no such user"));
    };
    api.check_scope(&identity, Permission::ManageUsers, &before.scope)
        .await?;
    let what: Vec<&str> = [
        (change.role.is_some(), "role"),
        (change.scope.is_some(), "scope"),
        (change.password.is_some(), "password"),
        (change.disabled == Some(true), "disabled"),
        (change.disabled == Some(false), "enabled"),
    ]
    .into_iter()
    .filter_map(|(is_changed, what)| is_changed.then_some(what))
    .collect();
    let password = match change.password {
        Some(password) => Some(api.new_password(&name, password).await?),
        None => None,
    };
    let role = change.role.unwrap_or(before.role);
    let before_scope = before.scope.clone();
    let scope = change.scope.clone().unwrap_or(before.scope);
    let record = user_changed(&name, &what.join(", "), role, &scope)
        .by(actor(&identity))
        .with_name("role_before", before.role);
    api.tell(record).await?;
    let change = Change {
        role: change.role,
        scope: change.scope,
        password,
        disabled: change.disabled,
    };
    match accounts.change(&name, change, Timestamp::now()).await {
        Ok(user) => Ok(Json(user)),
        Err(error) => {
            // The entry before said what was about to be.
            let record = user_changed(&name, "nothing", before.role, &before_scope)
                .by(actor(&identity))
                .with_words("reason", &error.to_string());
            api.tell(record).await?;
            Err(error.into())
        }
    }
}

/// All tokens.
#[derive(Serialize, ToSchema)]
pub(super) struct Tokens {
    /// The newest first, without their secrets.
    #[schema(value_type = Vec<Object>)]
    tokens: Vec<StoredToken>,
}

/// Lists tokens.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "administration", responses(
    (status = 200, description = "all tokens", body = Tokens),
))]
pub(super) async fn tokens(State(api): State<Api>) -> Result<Json<Tokens>, Problem> {
    let tokens = api.services.accounts.tokens().await?;
    Ok(Json(Tokens { tokens }))
}

/// A token to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddToken {
    /// What it is for.
    name: String,
    /// In which role it acts: `service`, unless told otherwise.
    #[serde(default = "service")]
    #[schema(value_type = Option<String>)]
    role: Role,
    /// What it may; the role has to allow each.
    #[schema(value_type = Vec<String>)]
    permissions: BTreeSet<Permission>,
    /// Where it may.
    #[serde(default)]
    #[schema(value_type = Object)]
    scope: Scope,
    /// Days until it is worth nothing: 90 unless told otherwise, 366 at most.
    #[serde(default = "token_days")]
    days: u32,
}

fn service() -> Role {
    Role::Service
}

fn token_days() -> u32 {
    TOKEN_DAYS
}

/// A token that was made.
#[derive(Serialize, ToSchema)]
pub(super) struct MadeToken {
    /// The secret, told this once.
    secret: String,
    /// What is kept of it.
    #[schema(value_type = Object)]
    token: StoredToken,
}

/// Makes a token. Its secret is told this once.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "administration", request_body = AddToken, responses(
    (status = 201, description = "made", body = MadeToken),
    (status = 400, description = "not accepted", body = ProblemDocument),
))]
pub(super) async fn add_token(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Body(add): Body<AddToken>,
) -> Result<(StatusCode, Json<MadeToken>), Problem> {
    api.check_scope(&identity, Permission::ManageTokens, &add.scope)
        .await?;
    check_token(&add.name, add.role, &add.permissions, add.days)
        .map_err(|wrong| Problem::new(Code::BadRequest, wrong))?;
    let failed = |error: secret::NoRandomness| Problem::internal("making a token", &error);
    let made = secret::token().map_err(failed)?;
    let now = Timestamp::now();
    let token = NewToken {
        id: secret::public_id().map_err(failed)?,
        secret: &made,
        name: add.name,
        role: add.role,
        scope: add.scope,
        permissions: add.permissions,
        created_by: identity.name.clone(),
        expires: now + SignedDuration::from_hours(24 * i64::from(add.days)),
    };
    api.tell(
        token_changed(
            &token.id,
            &token.name,
            "made",
            token.role,
            &token.permissions,
        )
        .by(actor(&identity)),
    )
    .await?;
    let token = api.services.accounts.add_token(token, now).await?;
    let secret = made.expose().clone();
    Ok((StatusCode::CREATED, Json(MadeToken { secret, token })))
}

/// Makes a token worth nothing.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "administration",
    params(("id" = String, Path, description = "the token's id")), responses(
    (status = 204, description = "revoked"),
    (status = 404, description = "there is no such token", body = ProblemDocument),
))]
pub(super) async fn revoke_token(
    State(api): State<Api>,
    Extension(identity): Extension<Arc<Identity>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let token = api
        .services
        .accounts
        .revoke_token(&id, Timestamp::now())
        .await?;
    let record = token_changed(
        &token.id,
        &token.name,
        "revoked",
        token.role,
        &token.permissions,
    );
    api.tell(record.by(actor(&identity))).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn named(text: &str) -> Result<UserName, Problem> {
    UserName::new(text).map_err(|wrong| Problem::new(Code::BadRequest, wrong.to_string()))
}

fn check_role(role: Role) -> Result<(), Problem> {
    if role == Role::Service {
        let problem = "service is for programs, which have tokens";
        return Err(Problem::new(Code::BadRequest, problem));
    }
    Ok(())
}

impl Shared {
    /// Whether somebody may give this scope to somebody: it is one, and no wider than their own.
    async fn check_scope(
        &self,
        identity: &Identity,
        permission: Permission,
        scope: &Scope,
    ) -> Result<(), Problem> {
        if let Some(wrong) = scope_problem(scope) {
            return Err(Problem::new(Code::BadRequest, wrong));
        }
        if !scope.lies_in(&identity.scope) {
            return Err(self.deny(identity, permission, Denial::Limited, None).await);
        }
        Ok(())
    }
}

/// What is wrong with a scope: its places are names as calls have them.
pub(crate) fn scope_problem(scope: &Scope) -> Option<String> {
    let places = [&scope.sites, &scope.queues]
        .into_iter()
        .flatten()
        .flatten();
    let mut names = places.chain(&scope.agent);
    names
        .find(|name| Label::new(name).is_err() || name.trim() != name.as_str())
        .map(|_| "a site, queue or agent is no name that a call can have".to_owned())
}

/// What is wrong with a token that somebody wants.
pub(crate) fn check_token(
    name: &str,
    role: Role,
    permissions: &BTreeSet<Permission>,
    days: u32,
) -> Result<(), String> {
    Label::new(name).map_err(|wrong| format!("the token's name: {wrong}"))?;
    if permissions.is_empty() {
        return Err("a token needs one permission or more".into());
    }
    if let Some(never) = permissions
        .iter()
        .find(|permission| grant(role, **permission) == Grant::No)
    {
        return Err(format!("the role {role} never has the permission {never}"));
    }
    if !(1..=MOST_TOKEN_DAYS).contains(&days) {
        return Err(format!(
            "{days} days are out of range; expected 1 to {MOST_TOKEN_DAYS}"
        ));
    }
    Ok(())
}

/// The entry about a user.
pub(crate) fn user_changed(name: &UserName, changed: &str, role: Role, scope: &Scope) -> Record {
    let record = Record::new(Action::AccessChanged)
        .with_name("user", name)
        .with_name("changed", changed)
        .with_name("role", role);
    let list = |places: &BTreeSet<String>| places.iter().cloned().collect::<Vec<_>>().join(", ");
    let record = match &scope.sites {
        Some(sites) => record.with_words("sites", &list(sites)),
        None => record,
    };
    match &scope.queues {
        Some(queues) => record.with_words("queues", &list(queues)),
        None => record,
    }
}

/// The entry about a token.
pub(crate) fn token_changed(
    id: &str,
    name: &str,
    changed: &str,
    role: Role,
    permissions: &BTreeSet<Permission>,
) -> Record {
    let names: Vec<&str> = permissions
        .iter()
        .map(|permission| permission.name())
        .collect();
    Record::new(Action::AccessChanged)
        .with_name("token", id)
        .with_words("token_name", name)
        .with_name("changed", changed)
        .with_name("role", role)
        .with_name("permissions", names.join(", "))
}

//! Users, sessions and API tokens, in the store's database.
//!
//! **Architecture invariants:** no secret is kept: passwords by their argon2id hash, sessions and tokens by SHA-256 (see
//! [`crate::access::secret`]). Whoever's role, places or password change, or who is disabled, has no session any more,
//! in the same transaction. What cannot be read for what it is, is nobody's.
//!
//! Does not know what roles may, nor who asks.

mod session;
mod token;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::database::{Database, DatabaseError, Statement};
use crate::access::{Role, Scope, UserName};

pub use session::{NewSession, Session};
pub use token::{NewToken, StoredToken};

/// Users, sessions and tokens. Clones are the same.
#[derive(Debug, Clone)]
pub struct Accounts {
    database: Database,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The name is taken.
    #[error("there is a user {name} already; change that one, or choose another name")]
    Taken {
        /// Which.
        name: UserName,
    },
    /// There is no such user.
    #[error("there is no user {name}; `hushgate users list` shows which there are")]
    NoUser {
        /// Who.
        name: UserName,
    },
    /// There is no such token.
    #[error(
        "there is no token of this id, or it was revoked; `hushgate tokens list` shows which there are"
    )]
    NoToken,
    /// Nobody would be left to manage users.
    #[error("{name} is the last admin who can sign in; make another one first")]
    LastAdmin {
        /// Who.
        name: UserName,
    },
}

impl From<sqlx::Error> for AccountError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

/// A user, as others may see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// The name they sign in with.
    pub name: UserName,
    /// Their role.
    pub role: Role,
    /// Where they may.
    pub scope: Scope,
    /// Whether they have a password.
    pub has_password: bool,
    /// Whether they may not sign in.
    pub disabled: bool,
    /// When they were made.
    pub created: Timestamp,
    /// When they were last changed.
    pub changed: Timestamp,
}

/// A user to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The name they sign in with.
    pub name: UserName,
    /// Their role.
    pub role: Role,
    /// Where they may.
    pub scope: Scope,
    /// Their password's hash; without one they cannot sign in with a password.
    pub password: Option<String>,
}

/// What is to be different about a user; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Their role.
    pub role: Option<Role>,
    /// Where they may.
    pub scope: Option<Scope>,
    /// Their password's hash.
    pub password: Option<String>,
    /// Whether they may not sign in.
    pub disabled: Option<bool>,
}

const USER: &str =
    "SELECT name, role, scope, password, disabled, created, changed FROM access_users";

impl Accounts {
    /// Those of a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Where they are kept.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// All users by name.
    pub async fn users(&self) -> Result<Vec<User>, AccountError> {
        let mut statement = Statement::new(USER);
        statement.push(" ORDER BY name");
        let rows = statement.fetch_all(self.database.pool()).await?;
        rows.iter().map(|row| Ok(user_of(row)?.0)).collect()
    }

    /// Whether there is any user.
    pub async fn has_users(&self) -> Result<bool, AccountError> {
        let statement = Statement::new("SELECT name FROM access_users LIMIT 1");
        let row = statement.fetch_optional(self.database.pool()).await?;
        Ok(row.is_some())
    }

    /// A user.
    pub async fn user(&self, name: &UserName) -> Result<Option<User>, AccountError> {
        Ok(self.user_and_password(name).await?.map(|(user, _)| user))
    }

    /// A user and the hash of their password, if they have one.
    pub async fn user_and_password(
        &self,
        name: &UserName,
    ) -> Result<Option<(User, Option<String>)>, AccountError> {
        let mut statement = Statement::new(USER);
        statement.push(" WHERE name = ").bind(name.as_str());
        let row = statement.fetch_optional(self.database.pool()).await?;
        row.as_ref().map(user_of).transpose()
    }

    /// Makes a user.
    pub async fn add(&self, user: NewUser, now: Timestamp) -> Result<User, AccountError> {
        let mut writing = self.database.begin().await?;
        let mut statement = Statement::new(
            "INSERT INTO access_users (name, role, scope, password, disabled, created, changed) VALUES (",
        );
        let micros = now.as_microsecond();
        statement
            .bind_all([user.name.as_str(), user.role.name(), &text_of(&user.scope)])
            .push(", ")
            .bind(user.password)
            .push(", ")
            .bind_all([0, micros, micros])
            .push(") ON CONFLICT (name) DO NOTHING");
        if statement.execute(&mut *writing).await? == 0 {
            return Err(AccountError::Taken { name: user.name });
        }
        writing.commit().await?;
        let name = user.name;
        let made = self.user(&name).await?;
        made.ok_or(AccountError::NoUser { name })
    }

    /// Changes a user, and ends their sessions.
    pub async fn change(
        &self,
        name: &UserName,
        change: Change,
        now: Timestamp,
    ) -> Result<User, AccountError> {
        let mut writing = self.database.begin().await?;
        let mut statement = Statement::new(USER);
        statement.push(" WHERE name = ").bind(name.as_str());
        let Some(row) = statement.fetch_optional(&mut *writing).await? else {
            return Err(AccountError::NoUser { name: name.clone() });
        };
        let (before, password) = user_of(&row)?;
        let role = change.role.unwrap_or(before.role);
        let disabled = change.disabled.unwrap_or(before.disabled);
        let scope = change.scope.unwrap_or_else(|| before.scope.clone());
        let password = change.password.or(password);
        let mut statement = Statement::new("UPDATE access_users SET role = ");
        statement
            .bind(role.name())
            .push(", scope = ")
            .bind(text_of(&scope))
            .push(", password = ")
            .bind(password)
            .push(", disabled = ")
            .bind(i64::from(disabled))
            .push(", changed = ")
            .bind(now.as_microsecond())
            .push(" WHERE name = ")
            .bind(name.as_str());
        statement.execute(&mut *writing).await?;
        if before.role == Role::Admin && !before.disabled && (role != Role::Admin || disabled) {
            let mut others =
                Statement::new("SELECT name FROM access_users WHERE disabled = 0 AND role = ");
            others.bind(Role::Admin.name()).push(" LIMIT 1");
            if others.fetch_optional(&mut *writing).await?.is_none() {
                return Err(AccountError::LastAdmin { name: name.clone() });
            }
        }
        let mut sessions = Statement::new("DELETE FROM access_sessions WHERE name = ");
        sessions.bind(name.as_str());
        sessions.execute(&mut *writing).await?;
        writing.commit().await?;
        let changed = self.user(name).await?;
        changed.ok_or_else(|| AccountError::NoUser { name: name.clone() })
    }
}

fn text_of(scope: &Scope) -> String {
    // Sets and strings: there is nothing that cannot be written.
    serde_json::to_string(scope).unwrap_or_default()
}

fn column<T>(row: &AnyRow, what: &'static str) -> Result<T, AccountError>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Any> + sqlx::Type<sqlx::Any>,
{
    row.try_get(what).map_err(|_| bad(what))
}

fn bad(what: &'static str) -> AccountError {
    AccountError::Database(DatabaseError::Row { what })
}

fn time(row: &AnyRow, what: &'static str) -> Result<Timestamp, AccountError> {
    Timestamp::from_microsecond(column(row, what)?).map_err(|_| bad(what))
}

fn role_and_scope(role: &str, scope: &str) -> Result<(Role, Scope), AccountError> {
    let role = role.parse().map_err(|_| bad("role"))?;
    let scope = serde_json::from_str(scope).map_err(|_| bad("scope"))?;
    Ok((role, scope))
}

fn user_of(row: &AnyRow) -> Result<(User, Option<String>), AccountError> {
    let (role, scope) = role_and_scope(
        &column::<String>(row, "role")?,
        &column::<String>(row, "scope")?,
    )?;
    let password: Option<String> = column(row, "password")?;
    let user = User {
        name: UserName::new(&column::<String>(row, "name")?).map_err(|_| bad("name"))?,
        role,
        scope,
        has_password: password.is_some(),
        disabled: column::<i64>(row, "disabled")? != 0,
        created: time(row, "created")?,
        changed: time(row, "changed")?,
    };
    Ok((user, password))
}

#[cfg(test)]
mod tests;

//! Sessions: what a browser that signed in shows.

use jiff::{SignedDuration, Timestamp};

use super::{AccountError, Accounts, column, role_and_scope, text_of, time};
use crate::access::secret::hashed;
use crate::access::{Identity, Kind, Role, Scope};
use crate::call::Sensitive;
use crate::store::database::Statement;

/// A session that begins.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// What the browser is given.
    pub secret: &'a Sensitive<String>,
    /// Whose.
    pub name: &'a str,
    /// What an identity provider said of them; `None`: what is said of the user here holds, at each request.
    pub given: Option<(Role, Scope)>,
    /// When it ends, however much it is used.
    pub expires: Timestamp,
}

/// A session that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose.
    pub identity: Identity,
    /// When it ends, however much it is used.
    pub expires: Timestamp,
}

impl Accounts {
    /// Begins a session, and forgets those that are over.
    pub async fn begin_session(
        &self,
        session: NewSession<'_>,
        now: Timestamp,
    ) -> Result<(), AccountError> {
        let mut writing = self.database.begin().await?;
        let mut over = Statement::new("DELETE FROM access_sessions WHERE expires <= ");
        over.bind(now.as_microsecond());
        over.execute(&mut *writing).await?;
        let (role, scope) = match &session.given {
            Some((role, scope)) => (Some(role.name()), Some(text_of(scope))),
            None => (None, None),
        };
        let mut statement = Statement::new(
            "INSERT INTO access_sessions (secret, name, role, scope, created, used, expires) VALUES (",
        );
        let micros = now.as_microsecond();
        statement
            .bind_all([hashed(session.secret.expose()), session.name.to_owned()])
            .push(", ")
            .bind(role)
            .push(", ")
            .bind(scope)
            .push(", ")
            .bind_all([micros, micros, session.expires.as_microsecond()])
            .push(")");
        statement.execute(&mut *writing).await?;
        writing.commit().await?;
        Ok(())
    }

    /// The session of a secret, unless it is over, was not used for `idle`, or its user may not sign in. It is used by
    /// that.
    pub async fn session(
        &self,
        secret: &str,
        idle: SignedDuration,
        now: Timestamp,
    ) -> Result<Option<Session>, AccountError> {
        self.find_session(secret, idle, now, true).await
    }

    /// The session of a secret, if it is not over. That this is asked is no use of it: who only looks on is idle.
    pub async fn standing_session(
        &self,
        secret: &str,
        idle: SignedDuration,
        now: Timestamp,
    ) -> Result<Option<Session>, AccountError> {
        self.find_session(secret, idle, now, false).await
    }

    async fn find_session(
        &self,
        secret: &str,
        idle: SignedDuration,
        now: Timestamp,
        is_used: bool,
    ) -> Result<Option<Session>, AccountError> {
        let secret = hashed(secret);
        let mut statement = Statement::new(
            "SELECT s.name AS name, s.role AS role, s.scope AS scope, s.used AS used, s.expires AS expires, u.role AS \
             user_role, u.scope AS user_scope, u.disabled AS disabled FROM access_sessions s LEFT JOIN access_users u \
             ON u.name = s.name WHERE s.secret = ",
        );
        statement.bind(secret.as_str());
        let row = statement.fetch_optional(self.database.pool()).await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let (used, expires) = (time(&row, "used")?, time(&row, "expires")?);
        if now >= expires || now.duration_since(used) > idle {
            return Ok(None);
        }
        let given: (Option<String>, Option<String>) =
            (column(&row, "role")?, column(&row, "scope")?);
        let (role, scope) = match given {
            (Some(role), Some(scope)) => role_and_scope(&role, &scope)?,
            _ => {
                let user: (Option<String>, Option<String>) =
                    (column(&row, "user_role")?, column(&row, "user_scope")?);
                let disabled: Option<i64> = column(&row, "disabled")?;
                match (user, disabled) {
                    ((Some(role), Some(scope)), Some(0)) => role_and_scope(&role, &scope)?,
                    _ => return Ok(None),
                }
            }
        };
        // Not every request writes.
        if is_used && now.duration_since(used) > idle / 30 {
            let mut touch = Statement::new("UPDATE access_sessions SET used = ");
            touch
                .bind(now.as_microsecond())
                .push(" WHERE secret = ")
                .bind(secret);
            touch.execute(self.database.pool()).await?;
        }
        Ok(Some(Session {
            identity: Identity {
                name: column(&row, "name")?,
                kind: Kind::User,
                role,
                scope,
                only: None,
            },
            expires,
        }))
    }

    /// Ends a session; whether there was one.
    pub async fn end_session(&self, secret: &str) -> Result<bool, AccountError> {
        let mut statement = Statement::new("DELETE FROM access_sessions WHERE secret = ");
        statement.bind(hashed(secret));
        Ok(statement.execute(self.database.pool()).await? > 0)
    }
}

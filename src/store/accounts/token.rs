//! API tokens: what programs show.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sqlx::any::AnyRow;

use super::{AccountError, Accounts, bad, column, role_and_scope, text_of, time};
use crate::access::secret::hashed;
use crate::access::{Identity, Kind, Permission, Role, Scope};
use crate::call::Sensitive;
use crate::store::database::Statement;

/// Between notes of when a token was used.
const USE_IS_NOTED: SignedDuration = SignedDuration::from_secs(60);

/// A token to be made.
#[derive(Debug)]
pub struct NewToken<'a> {
    /// What it is shown and revoked by.
    pub id: String,
    /// What the program is given, once.
    pub secret: &'a Sensitive<String>,
    /// What it is for; the audit log has it.
    pub name: String,
    /// In which role it acts.
    pub role: Role,
    /// Where it may.
    pub scope: Scope,
    /// What it may, within its role.
    pub permissions: BTreeSet<Permission>,
    /// Who made it.
    pub created_by: String,
    /// From when on it is worth nothing.
    pub expires: Timestamp,
}

/// A token, as others may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredToken {
    /// What it is shown and revoked by.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// In which role it acts.
    pub role: Role,
    /// Where it may.
    pub scope: Scope,
    /// What it may, within its role.
    pub permissions: BTreeSet<Permission>,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is worth nothing.
    pub expires: Timestamp,
    /// When it was last used, to the minute.
    pub used: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}

impl StoredToken {
    /// Whether it is worth something.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && now < self.expires
    }

    /// Who shows it.
    pub fn identity(&self) -> Identity {
        Identity {
            name: self.name.clone(),
            kind: Kind::Token,
            role: self.role,
            scope: self.scope.clone(),
            only: Some(self.permissions.clone()),
        }
    }
}

const TOKEN: &str = "SELECT id, name, role, scope, permissions, created_by, created, expires, used, revoked FROM \
                     access_tokens";

impl Accounts {
    /// Keeps a new token.
    pub async fn add_token(
        &self,
        token: NewToken<'_>,
        now: Timestamp,
    ) -> Result<StoredToken, AccountError> {
        let permissions = serde_json::to_string(&token.permissions).unwrap_or_default();
        let mut statement = Statement::new(
            "INSERT INTO access_tokens (id, secret, name, role, scope, permissions, created_by, created, expires) \
             VALUES (",
        );
        statement
            .bind_all([
                token.id.clone(),
                hashed(token.secret.expose()),
                token.name.clone(),
                token.role.name().to_owned(),
                text_of(&token.scope),
                permissions,
                token.created_by.clone(),
            ])
            .push(", ")
            .bind_all([now.as_microsecond(), token.expires.as_microsecond()])
            .push(")");
        statement.execute(self.database.pool()).await?;
        self.find_token("id", token.id)
            .await?
            .ok_or(AccountError::NoToken)
    }

    /// All tokens, the newest first.
    pub async fn tokens(&self) -> Result<Vec<StoredToken>, AccountError> {
        let mut statement = Statement::new(TOKEN);
        statement.push(" ORDER BY created DESC, id");
        let rows = statement.fetch_all(self.database.pool()).await?;
        rows.iter().map(token_of).collect()
    }

    /// The token of a secret, unless it expired or was revoked. Notes that it was used.
    pub async fn token(
        &self,
        secret: &str,
        now: Timestamp,
    ) -> Result<Option<StoredToken>, AccountError> {
        let token = self.find_token("secret", hashed(secret)).await?;
        let Some(token) = token.filter(|token| token.is_good(now)) else {
            return Ok(None);
        };
        if token
            .used
            .is_none_or(|used| now.duration_since(used) > USE_IS_NOTED)
        {
            let mut note = Statement::new("UPDATE access_tokens SET used = ");
            note.bind(now.as_microsecond())
                .push(" WHERE id = ")
                .bind(token.id.as_str());
            note.execute(self.database.pool()).await?;
        }
        Ok(Some(token))
    }

    /// Makes a token worth nothing.
    pub async fn revoke_token(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<StoredToken, AccountError> {
        let mut statement = Statement::new("UPDATE access_tokens SET revoked = ");
        statement
            .bind(now.as_microsecond())
            .push(" WHERE revoked IS NULL AND id = ")
            .bind(id);
        if statement.execute(self.database.pool()).await? == 0 {
            return Err(AccountError::NoToken);
        }
        self.find_token("id", id.to_owned())
            .await?
            .ok_or(AccountError::NoToken)
    }

    async fn find_token(
        &self,
        by: &'static str,
        value: String,
    ) -> Result<Option<StoredToken>, AccountError> {
        let mut statement = Statement::new(TOKEN);
        statement.push(" WHERE ").push(by).push(" = ").bind(value);
        let row = statement.fetch_optional(self.database.pool()).await?;
        row.as_ref().map(token_of).transpose()
    }
}

fn token_of(row: &AnyRow) -> Result<StoredToken, AccountError> {
    let (role, scope) = role_and_scope(
        &column::<String>(row, "role")?,
        &column::<String>(row, "scope")?,
    )?;
    let maybe = |what| {
        let micros: Option<i64> = column(row, what)?;
        micros
            .map(|micros| Timestamp::from_microsecond(micros).map_err(|_| bad(what)))
            .transpose()
    };
    Ok(StoredToken {
        id: column(row, "id")?,
        name: column(row, "name")?,
        role,
        scope,
        permissions: serde_json::from_str(&column::<String>(row, "permissions")?)
            .map_err(|_| bad("permissions"))?,
        created_by: column(row, "created_by")?,
        created: time(row, "created")?,
        expires: time(row, "expires")?,
        used: maybe("used")?,
        revoked: maybe("revoked")?,
    })
}

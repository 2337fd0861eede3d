//! The store's database: SQLite in the store's folder, which needs no set-up, or a PostgreSQL server.
//!
//! One code path for both: statements keep to the SQL that both speak, with `$1` for what is bound; whole numbers are
//! `BIGINT`, truths 0 or 1 in one, times microseconds since 1970, UTC. The form of the tables is numbered; what a
//! newer program made is refused.
//!
//! **Architecture invariants:** no password and no bound value is in an error or a log line. On SQLite what was removed
//! is written over, and gone from the journal too after [`Database::scrub`]. Statements are texts of the program.
//!
//! Does not know what is in its tables.

mod error;
mod migrations;
mod server;
mod sqlite;
mod statement;

use std::path::PathBuf;
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyPool, Transaction};

use super::vault::RecordName;

pub use error::DatabaseError;
pub use server::{InvalidServer, Server};
pub use statement::Statement;

/// How long a connection is waited for, when all are in use or the server does not answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections to a server at once.
const SERVER_CONNECTIONS: u32 = 8;
/// Calls in one statement: a database takes some ten thousand values at once.
const BATCH: usize = 200;

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseSettings {
    /// SQLite, in this file, made if it is not there.
    File(PathBuf),
    /// PostgreSQL.
    Server(Server),
}

impl DatabaseSettings {
    /// The default of a store in this folder.
    pub fn within(store: &std::path::Path) -> Self {
        Self::File(store.join("index.sqlite"))
    }
}

/// What the database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// In a file.
    Sqlite,
    /// On a server.
    Postgres,
}

/// The database, open. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Database {
    pool: AnyPool,
    engine: Engine,
    place: String,
}

impl Database {
    /// Opens it, and brings its tables to this program's form, whoever else does so at the same time.
    pub async fn open(settings: &DatabaseSettings) -> Result<Self, DatabaseError> {
        sqlx::any::install_default_drivers();
        let pool = AnyPoolOptions::new().acquire_timeout(PATIENCE);
        let (opened, lock) = match settings {
            DatabaseSettings::File(file) => {
                let lock = sqlite::lock(file).await?;
                let opened = Self {
                    pool: sqlite::connect(pool, file).await?,
                    engine: Engine::Sqlite,
                    place: file.display().to_string(),
                };
                (opened, Some(lock))
            }
            DatabaseSettings::Server(server) => {
                let opened = Self {
                    pool: server::connect(pool.max_connections(SERVER_CONNECTIONS), server).await?,
                    engine: Engine::Postgres,
                    place: server.place().to_owned(),
                };
                (opened, None)
            }
        };
        let migrated = migrations::run(&opened.pool, &opened.place).await;
        drop(lock);
        if let Err(error) = migrated {
            // With the connection goes its lock.
            opened.pool.close().await;
            return Err(error);
        }
        Ok(opened)
    }

    /// What it is.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Where it is, without what may be secret.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Its connections, for statements that only read.
    pub fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Begins to write. Nothing of it is there until it is committed, and all of it afterwards, whatever crashes.
    pub async fn begin(&self) -> Result<Transaction<'static, Any>, DatabaseError> {
        Ok(match self.engine {
            // Who only finds out later that it writes may have to give up; who waits at the beginning does not.
            Engine::Sqlite => self.pool.begin_with("BEGIN IMMEDIATE").await?,
            Engine::Postgres => self.pool.begin().await?,
        })
    }

    /// Whether it answers, or why not.
    pub async fn check(&self) -> Result<(), DatabaseError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Removes the rows of calls, some hundred calls at a time, and tells how many there were. The statement ends in
    /// `IN (`. [`Database::scrub`] has them leave no bytes.
    pub(super) async fn forget_calls(
        &self,
        statement: &'static str,
        calls: &[RecordName],
    ) -> Result<u64, DatabaseError> {
        let mut removed = 0;
        for calls in calls.chunks(BATCH) {
            let mut delete = Statement::new(statement);
            delete
                .bind_all(calls.iter().map(RecordName::as_str))
                .push(")");
            let mut writing = self.begin().await?;
            removed += delete.execute(&mut *writing).await?;
            writing.commit().await?;
        }
        Ok(removed)
    }

    /// Has what was removed leave no bytes: on SQLite, whose pages are written over when they are freed, by emptying
    /// the journal that still has the pages of before. A server keeps what was removed until it tidies up by itself
    /// (`VACUUM`), and in its own journal and copies for as long as its operator says.
    pub async fn scrub(&self) -> Result<(), DatabaseError> {
        if self.engine == Engine::Sqlite {
            sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                .execute(&self.pool)
                .await?;
        }
        Ok(())
    }

    /// Has the database look at how its values are spread, so that it finds them the quick way; for after much was
    /// written.
    pub async fn analyze(&self) -> Result<(), DatabaseError> {
        sqlx::raw_sql("ANALYZE").execute(&self.pool).await?;
        Ok(())
    }

    /// Closes its connections, after what they are at.
    pub async fn close(self) {
        self.pool.close().await;
    }
}

#[cfg(test)]
mod tests;

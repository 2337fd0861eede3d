//! What a database says when it does not do something, without what was bound.

use std::path::PathBuf;

/// Why the database did not do it. Names the place, what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The system refused.
    #[error("cannot {action} {}: {cause}", file.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        file: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// It cannot be reached.
    #[error("the database {place} cannot be opened: {problem}")]
    Connect {
        /// Where it is.
        place: String,
        /// Why.
        problem: Problem,
    },
    /// A newer program made its tables.
    #[error(
        "the database {place} has tables of version {version}, this program knows {known}: run the newer program, or \
         restore a copy from before it"
    )]
    Newer {
        /// Where it is.
        place: String,
        /// Their version.
        version: i64,
        /// The newest that is known.
        known: i64,
    },
    /// Its tables were made by other statements than this program's.
    #[error(
        "the database {place} has tables of another program: give the store a database of its own"
    )]
    Foreign {
        /// Where it is.
        place: String,
    },
    /// Its tables cannot be brought to this program's form.
    #[error(
        "the database {place} cannot be brought to version {version}: {problem}; nothing of that version is in it"
    )]
    Migration {
        /// Where it is.
        place: String,
        /// Which version.
        version: i64,
        /// Why.
        problem: Problem,
    },
    /// It did not do what it was asked.
    #[error("the database: {0}")]
    Query(Problem),
    /// What it has is not what was put in.
    #[error("the database: {what} is not what was put there: it was changed by something else")]
    Row {
        /// Which column or table.
        what: &'static str,
    },
}

/// What went wrong, without bound values.
#[derive(Debug)]
pub struct Problem(sqlx::Error);

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use sqlx::Error;
        match &self.0 {
            // The message has names of tables and columns; what a row holds would be in the detail.
            Error::Database(error) => f.write_str(error.message()),
            Error::Io(error) => write!(f, "the connection failed: {error}"),
            Error::Tls(error) => write!(f, "the connection is not secure: {error}"),
            Error::PoolTimedOut => f.write_str("it does not answer, or is too busy"),
            Error::PoolClosed => f.write_str("it was closed"),
            Error::RowNotFound => f.write_str("a row is missing"),
            Error::ColumnDecode { index, .. } => write!(f, "column {index} has another type"),
            Error::ColumnNotFound(name) => write!(f, "there is no column {name}"),
            Error::Configuration(_) => f.write_str("its address cannot be used"),
            Error::WorkerCrashed => f.write_str("its thread has ended"),
            // Others may quote what was sent.
            _ => f.write_str("the program and the database do not understand each other"),
        }
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Self(error)
    }
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        Self::Query(Problem(error))
    }
}

//! SQLite in a file of the owner's only.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, ConnectOptions, Connection};

use super::DatabaseError;

/// Connections at once: one writes, the others read beside it.
const CONNECTIONS: u32 = 4;

/// What every connection is told first. Full synchronisation, as more than calls that could be found again is kept
/// there; pages that are freed are written over; what is sorted stays in memory.
const PRAGMAS: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
    PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384; \
    PRAGMA trusted_schema = OFF";

fn failed(action: &'static str, file: &Path) -> impl FnOnce(std::io::Error) -> DatabaseError {
    let file = file.to_owned();
    move |cause| DatabaseError::File {
        action,
        file,
        cause,
    }
}

/// Opens a file of the owner's, made if it is not there. SQLite gives its journals the same permissions.
fn open(file: &Path) -> Result<File, DatabaseError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(file)
        .map_err(failed("open", file))
}

/// Has others who open the database wait until the answer is dropped. SQLite's own lock is not held from one
/// step of the tables to the next.
pub(super) async fn lock(file: &Path) -> Result<File, DatabaseError> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".lock");
    let beside = PathBuf::from(beside);
    let task = tokio::task::spawn_blocking(move || {
        let lock = open(&beside)?;
        lock.lock().map_err(failed("lock", &beside))?;
        Ok(lock)
    });
    task.await
        .unwrap_or_else(|error| Err(failed("lock", file)(std::io::Error::other(error))))
}

pub(super) async fn connect(pool: AnyPoolOptions, file: &Path) -> Result<AnyPool, DatabaseError> {
    drop(open(file)?);
    let place = || file.display().to_string();
    let path = file.canonicalize().map_err(failed("open", file))?;
    // As a URL, whose path may have any character.
    let url = reqwest::Url::from_file_path(&path)
        .map_err(|()| failed("open", file)(std::io::ErrorKind::InvalidFilename.into()))?;
    let options: AnyConnectOptions =
        format!("sqlite://{}?mode=rw", url.path())
            .parse()
            .map_err(|error: sqlx::Error| DatabaseError::Connect {
                place: place(),
                problem: error.into(),
            })?;
    let options = options.disable_statement_logging();
    // A pool would try again and again, and say in the end that it had no time left.
    let trial = async {
        let mut connection = options.connect().await?;
        sqlx::raw_sql(PRAGMAS).execute(&mut connection).await?;
        connection.close().await
    };
    trial.await.map_err(|error| DatabaseError::Connect {
        place: place(),
        problem: error.into(),
    })?;
    pool.max_connections(CONNECTIONS)
        .after_connect(|connection, _| {
            Box::pin(async move {
                sqlx::raw_sql(PRAGMAS).execute(connection).await?;
                Ok(())
            })
        })
        .connect_with(options)
        .await
        .map_err(|error| DatabaseError::Connect {
            place: place(),
            problem: error.into(),
        })
}

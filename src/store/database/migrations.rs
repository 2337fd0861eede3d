//! The tables' versions: one file of SQL for each step, run once, in a transaction of its own, in order.
//!
//! A step that was released MUST NOT be changed: a database remembers what made it. The server's lock, or the file's,
//! has others wait meanwhile.

use sqlx::AnyPool;
use sqlx::SqlSafeStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};

use super::DatabaseError;

/// The steps: number, what it is about, statements.
const STEPS: &[(i64, &str, &str)] = &[
    (1, "calls", include_str!("migrations/0001_calls.sql")),
    (3, "access", include_str!("migrations/0003_access.sql")),
    (5, "alerts", include_str!("migrations/0005_alerts.sql")),
    (
        6,
        "forgetting",
        include_str!("migrations/0006_forgetting.sql"),
    ),
];

fn migrator() -> Migrator {
    let steps = STEPS.iter().map(|&(version, about, sql)| {
        let kind = MigrationType::Simple;
        Migration::new(version, about.into(), kind, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(steps.collect())
}

/// Runs the steps that were not.
pub(super) async fn run(pool: &AnyPool, place: &str) -> Result<(), DatabaseError> {
    let place = || place.to_owned();
    migrator().run(pool).await.map_err(|error| match error {
        MigrateError::VersionMissing(version) => DatabaseError::Newer {
            place: place(),
            version,
            known: STEPS.last().map_or(0, |step| step.0),
        },
        MigrateError::VersionMismatch(_) | MigrateError::Dirty(_) => {
            DatabaseError::Foreign { place: place() }
        }
        MigrateError::ExecuteMigration(cause, version) => DatabaseError::Migration {
            place: place(),
            version,
            problem: cause.into(),
        },
        MigrateError::Execute(cause) => DatabaseError::Connect {
            place: place(),
            problem: cause.into(),
        },
        // Nothing else is done with steps that are in the program.
        _ => DatabaseError::Foreign { place: place() },
    })
}

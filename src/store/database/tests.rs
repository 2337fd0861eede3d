use std::os::unix::fs::PermissionsExt;

use super::*;

async fn open(folder: &tempfile::TempDir) -> Result<Database, DatabaseError> {
    Database::open(&DatabaseSettings::within(folder.path())).await
}

#[tokio::test]
async fn a_file_is_for_its_owner_and_survives_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder).await.unwrap();
    assert_eq!(database.engine(), Engine::Sqlite);
    database.check().await.unwrap();
    let pragmas = [
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("foreign_keys", "1"),
        ("secure_delete", "1"),
        ("temp_store", "2"),
    ];
    for (name, expected) in pragmas {
        let sql = format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}");
        let row = sqlx::query_scalar::<_, String>(sqlx::AssertSqlSafe(sql));
        assert_eq!(
            row.fetch_one(database.pool()).await.unwrap(),
            expected,
            "{name}"
        );
    }
    // Its journals too.
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", file.file_name());
    }
}

#[tokio::test]
async fn several_open_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let all = (0..8).map(|_| open(&folder));
    for opened in futures_util::future::join_all(all).await {
        opened.unwrap().check().await.unwrap();
    }
}

#[tokio::test]
async fn a_newer_programs_tables_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder).await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
        VALUES (9999, 'from later', 1, x'00', 0)";
    sqlx::raw_sql(newer).execute(database.pool()).await.unwrap();
    database.close().await;
    let problem = open(&folder).await.unwrap_err().to_string();
    assert!(
        problem.contains("index.sqlite") && problem.contains("version 9999"),
        "{problem}"
    );
    assert!(problem.contains("run the newer program"), "{problem}");
}

#[tokio::test]
async fn tables_of_something_else_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder).await.unwrap();
    sqlx::raw_sql("UPDATE _sqlx_migrations SET checksum = x'00'")
        .execute(database.pool())
        .await
        .unwrap();
    database.close().await;
    let problem = open(&folder).await.unwrap_err().to_string();
    assert!(problem.contains("a database of its own"), "{problem}");

    std::fs::write(
        folder.path().join("index.sqlite"),
        "no database at all, but long enough to be one",
    )
    .unwrap();
    let problem = open(&folder).await.unwrap_err().to_string();
    assert!(problem.contains("file is not a database"), "{problem}");
}

#[tokio::test]
async fn who_writes_waits_for_who_writes() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder).await.unwrap();
    sqlx::raw_sql("CREATE TABLE counts (value BIGINT); INSERT INTO counts VALUES (0)")
        .execute(database.pool())
        .await
        .unwrap();
    let add = || async {
        let mut writing = database.begin().await.unwrap();
        let rows = Statement::new("SELECT value FROM counts")
            .fetch_all(&mut *writing)
            .await
            .unwrap();
        let value: i64 = sqlx::Row::try_get(&rows[0], 0).unwrap();
        let mut update = Statement::new("UPDATE counts SET value = ");
        update.bind(value + 1);
        assert_eq!(update.execute(&mut *writing).await.unwrap(), 1);
        writing.commit().await.unwrap();
    };
    futures_util::future::join_all((0..40).map(|_| add())).await;
    let row = Statement::new("SELECT value FROM counts")
        .fetch_optional(database.pool())
        .await
        .unwrap();
    let value: i64 = sqlx::Row::try_get(&row.unwrap(), 0).unwrap();
    assert_eq!(value, 40);
}

#[tokio::test]
async fn what_was_removed_leaves_no_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder).await.unwrap();
    let mark = "a-mark-that-nothing-else-has";
    sqlx::raw_sql("CREATE TABLE notes (text TEXT)")
        .execute(database.pool())
        .await
        .unwrap();
    for _ in 0..200 {
        let mut insert = Statement::new("INSERT INTO notes VALUES (");
        insert.bind(mark).push(")");
        insert.execute(database.pool()).await.unwrap();
    }
    let is_there = || {
        let files = std::fs::read_dir(folder.path()).unwrap();
        files.into_iter().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes
                .windows(mark.len())
                .any(|window| window == mark.as_bytes())
        })
    };
    assert!(is_there());
    Statement::new("DELETE FROM notes")
        .execute(database.pool())
        .await
        .unwrap();
    database.scrub().await.unwrap();
    assert!(!is_there());
}

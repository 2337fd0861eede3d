//! What waits to be told to other programs, what could not be, and how each of them fares, in the store's database.
//!
//! **Architecture invariants:** what was taken is there until it was delivered, or somebody can see that it was not;
//! what was not taken is counted. Who claims a delivery has it alone until its time is over, so that a crash in the
//! middle costs a second try and nothing else.
//!
//! Does not know how anything is sent.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::any::AnyRow;

use super::alerts::{column, time_of};
use super::database::{Database, DatabaseError, Statement};
use super::vault::RecordName;

/// What could not be delivered to an endpoint is kept up to so many; the oldest goes, and counts as dropped.
const MOST_DEAD: i64 = 10_000;
/// Problems are cut to this many characters.
const LONGEST_PROBLEM: usize = 200;

/// What waits and what could not be delivered. Clones are the same.
#[derive(Debug, Clone)]
pub struct Deliveries {
    database: Database,
    /// What could not be delivered to an endpoint is kept up to so many.
    most_dead: i64,
}

/// Something for an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery<'a> {
    /// The endpoint's name.
    pub endpoint: &'a str,
    /// The event's id: the same for all tries, and for all endpoints.
    pub event: &'a str,
    /// What it is about: the event's type.
    pub about: &'a str,
    /// What is sent, byte by byte.
    pub body: &'a str,
    /// The call that it is about, if it is about one.
    pub call: Option<&'a str>,
}

/// Something that waits, or could not be delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Of no other delivery.
    pub id: String,
    /// The endpoint's name.
    pub endpoint: String,
    /// The event's id.
    pub event: String,
    /// The event's type.
    #[serde(rename = "type")]
    pub about: String,
    /// What is sent.
    #[serde(skip)]
    pub body: String,
    /// Since when it waits.
    pub created: Timestamp,
    /// When it is tried next.
    pub due: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// What came of the last try.
    pub problem: Option<String>,
}

/// How an endpoint fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Fares {
    /// Why it is told of nothing any more, if so.
    pub disabled: Option<String>,
    /// What was delivered.
    pub delivered: u64,
    /// Tries that failed.
    pub failed: u64,
    /// What was not taken, as too much waited, or it was disabled.
    pub dropped: u64,
    /// When it was last tried.
    pub last_at: Option<Timestamp>,
    /// What came of that.
    pub last_result: Option<String>,
    /// What waits.
    pub waiting: u64,
    /// What could not be delivered.
    pub dead: u64,
}

const COLUMNS: &str = "SELECT id, endpoint, event, about, body, created, due, attempts, problem FROM webhook_deliveries";

impl Deliveries {
    /// Those of a database.
    pub fn new(database: Database) -> Self {
        Self {
            database,
            most_dead: MOST_DEAD,
        }
    }

    /// Takes something, unless so much waits already or the endpoint is disabled: then it is counted, and false.
    pub async fn add(
        &self,
        new: &NewDelivery<'_>,
        now: Timestamp,
        most: u64,
    ) -> Result<bool, DatabaseError> {
        let mut writing = self.database.begin().await?;
        touch(&mut writing, new.endpoint).await?;
        let mut statement = Statement::new(
            "SELECT COUNT(*) AS number FROM webhook_deliveries WHERE dead = 0 AND endpoint = ",
        );
        statement.bind(new.endpoint);
        let waiting = count(statement.fetch_optional(&mut *writing).await?)?;
        let mut statement = Statement::new(
            "SELECT disabled FROM webhook_endpoints WHERE disabled IS NOT NULL AND name = ",
        );
        statement.bind(new.endpoint);
        let is_disabled = statement.fetch_optional(&mut *writing).await?.is_some();
        let is_taken = waiting < most && !is_disabled;
        if is_taken {
            let id = format!("{}.{}", new.endpoint, new.event);
            let mut statement = Statement::new(
                "INSERT INTO webhook_deliveries (id, endpoint, event, about, body, created, due, attempts, dead, call_name) \
                 VALUES (",
            );
            let at = now.as_microsecond();
            statement
                .bind_all([id.as_str(), new.endpoint, new.event, new.about, new.body])
                .push(", ")
                .bind_all([at, at, 0, 0])
                .push(", ")
                .bind(new.call.map(str::to_owned))
                .push(") ON CONFLICT (id) DO NOTHING");
            statement.execute(&mut *writing).await?;
        } else {
            let mut statement =
                Statement::new("UPDATE webhook_endpoints SET dropped = dropped + 1 WHERE name = ");
            statement.bind(new.endpoint);
            statement.execute(&mut *writing).await?;
        }
        writing.commit().await?;
        Ok(is_taken)
    }

    /// Takes out what is of these calls, waiting or dead, as their recordings are gone, and tells how much there was.
    pub async fn forget(&self, calls: &[RecordName]) -> Result<u64, DatabaseError> {
        let statement = "DELETE FROM webhook_deliveries WHERE call_name IN (";
        self.database.forget_calls(statement, calls).await
    }

    /// What an endpoint is to be told next; `None` when nothing waits.
    pub async fn next(&self, endpoint: &str) -> Result<Option<Delivery>, DatabaseError> {
        let mut statement = Statement::new(COLUMNS);
        statement
            .push(" WHERE dead = 0 AND endpoint = ")
            .bind(endpoint)
            .push(" ORDER BY due, created, id LIMIT 1");
        let row = statement.fetch_optional(self.database.pool()).await?;
        row.as_ref().map(delivery_of).transpose()
    }

    /// Takes a delivery for a try that ends within a time. False when another has it.
    pub async fn claim(
        &self,
        delivery: &Delivery,
        now: Timestamp,
        within: Duration,
    ) -> Result<bool, DatabaseError> {
        let mut writing = self.database.begin().await?;
        let mut statement =
            Statement::new("UPDATE webhook_deliveries SET attempts = attempts + 1, due = ");
        statement
            .bind(later(now, within))
            .push(" WHERE dead = 0 AND id = ")
            .bind(delivery.id.as_str())
            .push(" AND due = ")
            .bind(delivery.due.as_microsecond());
        let changed = statement.execute(&mut *writing).await?;
        writing.commit().await?;
        Ok(changed > 0)
    }

    /// It was delivered.
    pub async fn delivered(
        &self,
        delivery: &Delivery,
        now: Timestamp,
        result: &str,
    ) -> Result<(), DatabaseError> {
        let mut writing = self.database.begin().await?;
        let mut statement = Statement::new("DELETE FROM webhook_deliveries WHERE id = ");
        statement.bind(delivery.id.as_str());
        statement.execute(&mut *writing).await?;
        let mut statement =
            Statement::new("UPDATE webhook_endpoints SET delivered = delivered + 1, last_at = ");
        statement
            .bind(now.as_microsecond())
            .push(", last_result = ")
            .bind(result)
            .push(" WHERE name = ")
            .bind(delivery.endpoint.as_str());
        statement.execute(&mut *writing).await?;
        writing.commit().await?;
        Ok(())
    }

    /// A try failed: it is tried again after a time, or, without one, not any more.
    pub async fn failed(
        &self,
        delivery: &Delivery,
        now: Timestamp,
        problem: &str,
        again: Option<Duration>,
    ) -> Result<(), DatabaseError> {
        let problem: String = problem.chars().take(LONGEST_PROBLEM).collect();
        let mut writing = self.database.begin().await?;
        let mut statement = Statement::new("UPDATE webhook_deliveries SET problem = ");
        statement
            .bind(problem.as_str())
            .push(", dead = ")
            .bind(i64::from(again.is_none()))
            .push(", due = ")
            .bind(later(now, again.unwrap_or_default()))
            .push(" WHERE id = ")
            .bind(delivery.id.as_str());
        statement.execute(&mut *writing).await?;
        let mut statement =
            Statement::new("UPDATE webhook_endpoints SET failed = failed + 1, last_at = ");
        statement
            .bind(now.as_microsecond())
            .push(", last_result = ")
            .bind(problem.as_str())
            .push(" WHERE name = ")
            .bind(delivery.endpoint.as_str());
        statement.execute(&mut *writing).await?;
        if again.is_none() {
            let mut statement =
                Statement::new("DELETE FROM webhook_deliveries WHERE dead = 1 AND endpoint = ");
            statement
                .bind(delivery.endpoint.as_str())
                .push(" AND id NOT IN (SELECT id FROM webhook_deliveries WHERE dead = 1 AND endpoint = ")
                .bind(delivery.endpoint.as_str())
                .push(" ORDER BY created DESC, id DESC LIMIT ")
                .bind(self.most_dead)
                .push(")");
            let dropped = statement.execute(&mut *writing).await?;
            let mut statement = Statement::new("UPDATE webhook_endpoints SET dropped = dropped + ");
            statement
                .bind(i64::try_from(dropped).unwrap_or(i64::MAX))
                .push(" WHERE name = ")
                .bind(delivery.endpoint.as_str());
            statement.execute(&mut *writing).await?;
        }
        writing.commit().await?;
        Ok(())
    }

    /// The endpoint is told of nothing any more, and what waits for it could not be delivered.
    pub async fn disable(&self, endpoint: &str, why: &str) -> Result<(), DatabaseError> {
        let mut writing = self.database.begin().await?;
        touch(&mut writing, endpoint).await?;
        let mut statement = Statement::new("UPDATE webhook_endpoints SET disabled = ");
        statement.bind(why).push(" WHERE name = ").bind(endpoint);
        statement.execute(&mut *writing).await?;
        let mut statement = Statement::new("UPDATE webhook_deliveries SET dead = 1, problem = ");
        statement
            .bind(why)
            .push(" WHERE dead = 0 AND endpoint = ")
            .bind(endpoint);
        statement.execute(&mut *writing).await?;
        writing.commit().await?;
        Ok(())
    }

    /// What could not be delivered, the latest first; at most so many.
    pub async fn dead(&self, limit: u32) -> Result<Vec<Delivery>, DatabaseError> {
        let mut statement = Statement::new(COLUMNS);
        statement
            .push(" WHERE dead = 1 ORDER BY created DESC, id DESC LIMIT ")
            .bind(i64::from(limit));
        let rows = statement.fetch_all(self.database.pool()).await?;
        rows.iter().map(delivery_of).collect()
    }

    /// Has something that could not be delivered tried again, with its whole time before it; its endpoint is told of
    /// things again, if it was disabled. `None` when there is no such thing.
    pub async fn retry(&self, id: &str, now: Timestamp) -> Result<Option<Delivery>, DatabaseError> {
        let mut writing = self.database.begin().await?;
        let at = now.as_microsecond();
        let mut statement =
            Statement::new("UPDATE webhook_deliveries SET dead = 0, attempts = 0, created = ");
        statement
            .bind(at)
            .push(", due = ")
            .bind(at)
            .push(" WHERE dead = 1 AND id = ")
            .bind(id);
        if statement.execute(&mut *writing).await? == 0 {
            return Ok(None);
        }
        let mut statement = Statement::new(COLUMNS);
        statement.push(" WHERE id = ").bind(id);
        let row = statement.fetch_optional(&mut *writing).await?;
        let delivery = row.as_ref().map(delivery_of).transpose()?;
        if let Some(delivery) = &delivery {
            let mut statement =
                Statement::new("UPDATE webhook_endpoints SET disabled = NULL WHERE name = ");
            statement.bind(delivery.endpoint.as_str());
            statement.execute(&mut *writing).await?;
        }
        writing.commit().await?;
        Ok(delivery)
    }

    /// How an endpoint fares.
    pub async fn fares(&self, endpoint: &str) -> Result<Fares, DatabaseError> {
        let mut statement = Statement::new(
            "SELECT disabled, delivered, failed, dropped, last_at, last_result FROM webhook_endpoints WHERE name = ",
        );
        statement.bind(endpoint);
        let mut fares = match statement.fetch_optional(self.database.pool()).await? {
            None => Fares::default(),
            Some(row) => Fares {
                disabled: column(&row, "disabled")?,
                delivered: number(&row, "delivered")?,
                failed: number(&row, "failed")?,
                dropped: number(&row, "dropped")?,
                last_at: column::<Option<i64>>(&row, "last_at")?
                    .map(|at| time_of(at, "last_at"))
                    .transpose()?,
                last_result: column(&row, "last_result")?,
                ..Fares::default()
            },
        };
        let counting = "SELECT COUNT(*) AS number FROM webhook_deliveries WHERE endpoint = ";
        let mut statement = Statement::new(counting);
        statement.bind(endpoint).push(" AND dead = 0");
        fares.waiting = count(statement.fetch_optional(self.database.pool()).await?)?;
        let mut statement = Statement::new(counting);
        statement.bind(endpoint).push(" AND dead = 1");
        fares.dead = count(statement.fetch_optional(self.database.pool()).await?)?;
        Ok(fares)
    }
}

/// Has a row for an endpoint.
async fn touch(
    writing: &mut sqlx::Transaction<'static, sqlx::Any>,
    endpoint: &str,
) -> Result<(), DatabaseError> {
    let mut statement =
        Statement::new("INSERT INTO webhook_endpoints (name, delivered, failed, dropped) VALUES (");
    statement
        .bind(endpoint)
        .push(", ")
        .bind_all([0_i64, 0, 0])
        .push(") ON CONFLICT (name) DO NOTHING");
    statement.execute(&mut **writing).await?;
    Ok(())
}

fn later(now: Timestamp, by: Duration) -> i64 {
    let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
    now.as_microsecond().saturating_add(micros)
}

fn count(row: Option<AnyRow>) -> Result<u64, DatabaseError> {
    row.as_ref().map_or(Ok(0), |row| number(row, "number"))
}

fn number(row: &AnyRow, what: &'static str) -> Result<u64, DatabaseError> {
    let number: i64 = column(row, what)?;
    u64::try_from(number).map_err(|_| DatabaseError::Row { what })
}

fn delivery_of(row: &AnyRow) -> Result<Delivery, DatabaseError> {
    Ok(Delivery {
        id: column(row, "id")?,
        endpoint: column(row, "endpoint")?,
        event: column(row, "event")?,
        about: column(row, "about")?,
        body: column(row, "body")?,
        created: time_of(column(row, "created")?, "created")?,
        due: time_of(column(row, "due")?, "due")?,
        attempts: u32::try_from(number(row, "attempts")?).unwrap_or(u32::MAX),
        problem: column(row, "problem")?,
    })
}

#[cfg(test)]
mod tests;

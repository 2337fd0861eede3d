//! Alerts that were raised, and who answered them, in the store's database.
//!
//! **Architecture invariant:** an alert has its rule's own words, and none of what was said. Who answered first, has.
//!
//! Does not know who may see them.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::database::{Database, DatabaseError, Statement};
use crate::audio::{MediaTime, Span};
use crate::call::Leg;
use crate::call::particulars::{Label, Particulars};
use crate::store::vault::RecordName;
use crate::telemetry::Event;
use crate::telemetry::alerts::{AlertKind, Severity};

/// Alerts. Clones are the same.
#[derive(Debug, Clone)]
pub struct Alerts {
    database: Database,
}

/// An alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Of no other alert.
    pub id: String,
    /// When it was raised.
    pub raised: Timestamp,
    /// The call.
    pub call: String,
    /// What it is about, in the call's time.
    pub span: Span,
    /// Whose speech, where it is one party's.
    pub leg: Option<Leg>,
    /// The rule's name.
    pub rule: String,
    /// What it is about.
    pub kind: AlertKind,
    /// How urgent it is.
    pub severity: Severity,
    /// The rule's own words.
    pub message: String,
    /// The call's site.
    pub site: Option<String>,
    /// Its queue.
    pub queue: Option<String>,
    /// Its agent.
    pub agent: Option<String>,
    /// How it was dealt with; `None`: it was not.
    pub answer: Option<Answer>,
}

/// How an alert was dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// By whom.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What they noted.
    pub note: Option<String>,
}

impl Alert {
    /// The alert that an event tells of, in a call of these particulars; `None`: the event tells of none.
    pub fn raised(
        event: &Event,
        call: &str,
        particulars: &Particulars,
        at: Timestamp,
    ) -> Option<Self> {
        let Event::Alerted {
            id,
            rule,
            kind,
            severity,
            leg,
            span,
            message,
        } = event
        else {
            return None;
        };
        let place = |label: &Option<Label>| label.as_ref().map(Label::to_string);
        Some(Self {
            id: id.clone(),
            raised: at,
            call: call.to_owned(),
            span: *span,
            leg: *leg,
            rule: rule.clone(),
            kind: *kind,
            severity: *severity,
            message: message.clone(),
            site: place(&particulars.site),
            queue: place(&particulars.queue),
            agent: place(&particulars.agent),
            answer: None,
        })
    }

    /// `open` or `answered`.
    pub fn state(&self) -> &'static str {
        match self.answer {
            None => "open",
            Some(_) => "answered",
        }
    }
}

impl Serialize for Alert {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let millis = |time: MediaTime| (time.seconds() * 1e3).round() / 1e3;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("call", &self.call)?;
        map.serialize_entry("at", &self.raised)?;
        map.serialize_entry("from", &millis(self.span.start))?;
        map.serialize_entry("to", &millis(self.span.end))?;
        map.serialize_entry("leg", &self.leg)?;
        map.serialize_entry("rule", &self.rule)?;
        map.serialize_entry("kind", &self.kind)?;
        map.serialize_entry("severity", &self.severity)?;
        map.serialize_entry("message", &self.message)?;
        map.serialize_entry("site", &self.site)?;
        map.serialize_entry("queue", &self.queue)?;
        map.serialize_entry("agent", &self.agent)?;
        map.serialize_entry("state", self.state())?;
        let answer = self.answer.as_ref();
        map.serialize_entry("answered_by", &answer.map(|answer| &answer.by))?;
        map.serialize_entry("answered_at", &answer.map(|answer| answer.at))?;
        map.serialize_entry("answer", &answer.and_then(|answer| answer.note.as_ref()))?;
        map.end()
    }
}

/// Which alerts: all that is given has to hold.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Whether they were answered.
    pub answered: Option<bool>,
    /// Of this call.
    pub call: Option<String>,
    /// Raised at or after.
    pub from: Option<Timestamp>,
}

/// The place after an alert in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    raised: i64,
    id: String,
}

impl Place {
    /// After an alert.
    pub fn after(alert: &Alert) -> Self {
        Self {
            raised: alert.raised.as_microsecond(),
            id: alert.id.clone(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{}", self.raised, self.id)
    }
}

/// A text that is no [`Place`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no place in a list; expected what the page before gave as `next`")]
pub struct InvalidPlace;

impl FromStr for Place {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (raised, id) = text.split_once('.').ok_or(InvalidPlace)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if id.is_empty() || id.len() > 100 || !id.chars().all(plain) {
            return Err(InvalidPlace);
        }
        Ok(Self {
            raised: i64::from_str_radix(raised, 16).map_err(|_| InvalidPlace)?,
            id: id.to_owned(),
        })
    }
}

const COLUMNS: &str = "SELECT id, raised, call_name, span_from, span_to, leg, rule, kind, severity, message, site, queue, \
                       agent, answered, answered_by, answer FROM alerts";

impl Alerts {
    /// Those of a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Keeps an alert; one that is there stays as it is.
    pub async fn add(&self, alert: &Alert) -> Result<(), DatabaseError> {
        let micros = |time: MediaTime| i64::try_from(time.micros()).unwrap_or(i64::MAX);
        let mut writing = self.database.begin().await?;
        let mut statement = Statement::new(
            "INSERT INTO alerts (id, call_name, rule, kind, severity, message, leg, site, queue, agent, raised, \
             span_from, span_to) VALUES (",
        );
        statement
            .bind_all([
                alert.id.as_str(),
                alert.call.as_str(),
                alert.rule.as_str(),
                alert.kind.name(),
                alert.severity.name(),
                alert.message.as_str(),
            ])
            .push(", ")
            .bind_all([
                alert.leg.map(|leg| leg.name().to_owned()),
                alert.site.clone(),
                alert.queue.clone(),
                alert.agent.clone(),
            ])
            .push(", ")
            .bind_all([
                alert.raised.as_microsecond(),
                micros(alert.span.start),
                micros(alert.span.end),
            ])
            .push(") ON CONFLICT (id) DO NOTHING");
        statement.execute(&mut *writing).await?;
        writing.commit().await?;
        Ok(())
    }

    /// Takes out all of these calls, as their recordings are gone, and tells how many there were.
    pub async fn forget(&self, calls: &[RecordName]) -> Result<u64, DatabaseError> {
        self.database
            .forget_calls("DELETE FROM alerts WHERE call_name IN (", calls)
            .await
    }

    /// The alert of an id.
    pub async fn get(&self, id: &str) -> Result<Option<Alert>, DatabaseError> {
        let mut statement = Statement::new(COLUMNS);
        statement.push(" WHERE id = ").bind(id);
        let row = statement.fetch_optional(self.database.pool()).await?;
        row.as_ref().map(alert_of).transpose()
    }

    /// At most so many, the latest first, after a place.
    pub async fn list(
        &self,
        wanted: &Wanted,
        after: Option<&Place>,
        limit: u32,
    ) -> Result<Vec<Alert>, DatabaseError> {
        let mut statement = Statement::new(COLUMNS);
        statement.push(match wanted.answered {
            None => " WHERE id <> ''",
            Some(false) => " WHERE answered IS NULL",
            Some(true) => " WHERE answered IS NOT NULL",
        });
        if let Some(call) = &wanted.call {
            statement.push(" AND call_name = ").bind(call.as_str());
        }
        if let Some(from) = wanted.from {
            statement
                .push(" AND raised >= ")
                .bind(from.as_microsecond());
        }
        if let Some(place) = after {
            statement
                .push(" AND (raised < ")
                .bind(place.raised)
                .push(" OR (raised = ")
                .bind(place.raised)
                .push(" AND id < ")
                .bind(place.id.as_str())
                .push("))");
        }
        statement
            .push(" ORDER BY raised DESC, id DESC LIMIT ")
            .bind(i64::from(limit));
        let rows = statement.fetch_all(self.database.pool()).await?;
        rows.iter().map(alert_of).collect()
    }

    /// Says how an alert was dealt with. False when somebody did before, or there is no such alert.
    pub async fn answer(&self, id: &str, answer: &Answer) -> Result<bool, DatabaseError> {
        let mut writing = self.database.begin().await?;
        let mut statement = Statement::new("UPDATE alerts SET answered = ");
        statement
            .bind(answer.at.as_microsecond())
            .push(", answered_by = ")
            .bind(answer.by.as_str())
            .push(", answer = ")
            .bind(answer.note.clone())
            .push(" WHERE answered IS NULL AND id = ")
            .bind(id);
        let changed = statement.execute(&mut *writing).await?;
        writing.commit().await?;
        Ok(changed > 0)
    }
}

pub(super) fn column<T>(row: &AnyRow, what: &'static str) -> Result<T, DatabaseError>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Any> + sqlx::Type<sqlx::Any>,
{
    row.try_get(what).map_err(|_| DatabaseError::Row { what })
}

pub(super) fn time_of(micros: i64, what: &'static str) -> Result<Timestamp, DatabaseError> {
    Timestamp::from_microsecond(micros).map_err(|_| DatabaseError::Row { what })
}

fn alert_of(row: &AnyRow) -> Result<Alert, DatabaseError> {
    let bad = |what| move |_: String| DatabaseError::Row { what };
    let media = |what| {
        let micros: i64 = column(row, what)?;
        let micros = u64::try_from(micros).map_err(|_| DatabaseError::Row { what })?;
        Ok::<_, DatabaseError>(MediaTime::from_micros(micros))
    };
    let leg: Option<String> = column(row, "leg")?;
    let leg = leg
        .map(|name| {
            [Leg::Agent, Leg::Customer, Leg::Mixed]
                .into_iter()
                .find(|leg| leg.name() == name)
                .ok_or(DatabaseError::Row { what: "leg" })
        })
        .transpose()?;
    let answered: Option<i64> = column(row, "answered")?;
    let answer = match answered {
        None => None,
        Some(at) => Some(Answer {
            by: column::<Option<String>>(row, "answered_by")?.unwrap_or_default(),
            at: time_of(at, "answered")?,
            note: column(row, "answer")?,
        }),
    };
    Ok(Alert {
        id: column(row, "id")?,
        raised: time_of(column(row, "raised")?, "raised")?,
        call: column(row, "call_name")?,
        span: Span::new(media("span_from")?, media("span_to")?),
        leg,
        rule: column(row, "rule")?,
        kind: column::<String>(row, "kind")?
            .parse()
            .map_err(bad("kind"))?,
        severity: column::<String>(row, "severity")?
            .parse()
            .map_err(bad("severity"))?,
        message: column(row, "message")?,
        site: column(row, "site")?,
        queue: column(row, "queue")?,
        agent: column(row, "agent")?,
        answer,
    })
}

#[cfg(test)]
mod tests;

//! Sums over calls, for reports.

use serde::Serialize;
use sqlx::any::AnyRow;

use super::Query;
use super::columns::{count, optional, seconds, whole};
use super::conditions::Driver;
use crate::store::database::{DatabaseError, Statement};

/// Microseconds of a day.
const DAY: i64 = 24 * 3_600 * 1_000_000;

/// What sums are made for each of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// The agent.
    Agent,
    /// The queue.
    Queue,
    /// The site.
    Site,
    /// The vendor.
    Vendor,
    /// The jurisdiction.
    Jurisdiction,
    /// The outcome.
    Outcome,
    /// The kind of data that was hidden: a call counts in each of its kinds, and in none if nothing was hidden.
    Kind,
    /// The day on which the call began, UTC.
    Day,
}

/// Sums over some calls. Seconds are of one leg's audio, but for the duration.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Totals {
    /// What these calls have in common, for each group that was asked for, in its order: `None` where it is not
    /// known; a day as `2026-11-22`.
    pub group: Vec<Option<String>>,
    /// How many.
    pub calls: u64,
    /// Of these: recorded to their end.
    pub complete: u64,
    /// Under way.
    pub open: u64,
    /// Cut off.
    pub incomplete: u64,
    /// Complete, but the call did not end by itself.
    pub ended_abnormally: u64,
    /// With something hidden.
    pub with_hidden: u64,
    /// With something late or failed.
    pub with_unheard: u64,
    /// Locked away.
    pub quarantined: u64,
    /// With a legal hold.
    pub held: u64,
    /// Length of the calls.
    pub duration_s: f64,
    /// Hidden as sensitive; for [`Group::Kind`], as that kind.
    pub hidden_s: f64,
    /// Filled as late.
    pub late_s: f64,
    /// Filled as failed.
    pub failed_s: f64,
    /// Recorders elsewhere that were not confirmed to pause or go on.
    pub pause_failures: u64,
    /// Alerts.
    pub alerts: u64,
    /// Bytes of sealed files.
    pub bytes: u64,
}

impl Group {
    fn expression(self) -> &'static str {
        match self {
            Self::Agent => "c.agent",
            Self::Queue => "c.queue",
            Self::Site => "c.site",
            Self::Vendor => "c.vendor",
            Self::Jurisdiction => "c.jurisdiction",
            Self::Outcome => "c.outcome",
            Self::Kind => "d.kind",
            Self::Day => "c.began / 86400000000",
        }
    }

    /// Its value in a row.
    fn read(self, row: &AnyRow, at: usize) -> Result<Option<String>, DatabaseError> {
        if self != Self::Day {
            return optional(row, at);
        }
        let day = jiff::Timestamp::from_microsecond(whole(row, at)? * DAY);
        let day = day.map_err(|_| DatabaseError::Row {
            what: "calls.began",
        })?;
        Ok(Some(day.strftime("%Y-%m-%d").to_string()))
    }
}

pub(super) fn select(query: &Query, groups: &[Group]) -> Statement {
    let by_kind = groups.contains(&Group::Kind);
    let mut select = Statement::new("SELECT ");
    for group in groups {
        select.push(group.expression()).push(", ");
    }
    select.push(
        "COUNT(*), \
         CAST(SUM(CASE WHEN c.state = 'complete' THEN 1 ELSE 0 END) AS BIGINT), \
         CAST(SUM(CASE WHEN c.state = 'open' THEN 1 ELSE 0 END) AS BIGINT), \
         CAST(SUM(CASE WHEN c.state = 'incomplete' THEN 1 ELSE 0 END) AS BIGINT), \
         CAST(SUM(CASE WHEN c.state = 'complete' AND c.ended_normally = 0 THEN 1 ELSE 0 END) AS BIGINT), \
         CAST(SUM(CASE WHEN c.hidden_s > 0 THEN 1 ELSE 0 END) AS BIGINT), \
         CAST(SUM(CASE WHEN c.late_s > 0 OR c.failed_s > 0 THEN 1 ELSE 0 END) AS BIGINT), \
         CAST(SUM(c.quarantined) AS BIGINT), \
         CAST(SUM(CASE WHEN c.holds > 0 THEN 1 ELSE 0 END) AS BIGINT), \
         SUM(c.duration_s), ",
    );
    select.push(if by_kind {
        "SUM(d.seconds)"
    } else {
        "SUM(c.hidden_s)"
    });
    select.push(
        ", SUM(c.late_s), SUM(c.failed_s), CAST(SUM(c.pause_failures) AS BIGINT), \
         CAST(SUM(c.alert_count) AS BIGINT), CAST(SUM(c.bytes) AS BIGINT) FROM calls c",
    );
    if by_kind {
        select.push(" JOIN call_kinds d ON d.name = c.name");
    }
    select.push(" WHERE 1 = 1");
    Driver::Calls.push_conditions(&mut select, query);
    for (at, group) in groups.iter().enumerate() {
        select.push(if at == 0 { " GROUP BY " } else { ", " });
        select.push(group.expression());
    }
    // Without groups there is one row, of nothing where there are no calls.
    select.push(" HAVING COUNT(*) > 0");
    for (at, group) in groups.iter().enumerate() {
        select.push(if at == 0 { " ORDER BY " } else { ", " });
        select.push(group.expression()).push(" NULLS FIRST");
    }
    select
}

pub(super) fn read(row: &AnyRow, groups: &[Group]) -> Result<Totals, DatabaseError> {
    let group = groups
        .iter()
        .enumerate()
        .map(|(at, group)| group.read(row, at))
        .collect::<Result<_, _>>()?;
    let at = |column: usize| groups.len() + column;
    Ok(Totals {
        group,
        calls: count(row, at(0))?,
        complete: count(row, at(1))?,
        open: count(row, at(2))?,
        incomplete: count(row, at(3))?,
        ended_abnormally: count(row, at(4))?,
        with_hidden: count(row, at(5))?,
        with_unheard: count(row, at(6))?,
        quarantined: count(row, at(7))?,
        held: count(row, at(8))?,
        duration_s: seconds(row, at(9))?,
        hidden_s: seconds(row, at(10))?,
        late_s: seconds(row, at(11))?,
        failed_s: seconds(row, at(12))?,
        pause_failures: count(row, at(13))?,
        alerts: count(row, at(14))?,
        bytes: count(row, at(15))?,
    })
}

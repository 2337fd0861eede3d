//! A call's row: in which order its columns are read, and how.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{IndexedCall, NumberHash};
use crate::call::particulars::Label;
use crate::store::database::DatabaseError;
use crate::store::vault::{RecordName, State};

/// The columns of `calls c` that make an [`IndexedCall`].
pub(super) const COLUMNS: &str = "c.name, c.began, c.duration_s, c.state, c.agent, c.queue, c.site, c.vendor, \
    c.jurisdiction, c.outcome, c.caller, c.called, c.hidden, c.late_s, c.failed_s, c.pause_failures, c.alerts, \
    c.bytes, c.policy_version, c.model_sha256, c.ended_normally, c.quarantined, c.holds";

pub(super) fn text(row: &AnyRow, at: usize) -> Result<String, DatabaseError> {
    Ok(row.try_get(at)?)
}

pub(super) fn optional(row: &AnyRow, at: usize) -> Result<Option<String>, DatabaseError> {
    Ok(row.try_get(at)?)
}

pub(super) fn whole(row: &AnyRow, at: usize) -> Result<i64, DatabaseError> {
    Ok(row.try_get(at)?)
}

pub(super) fn count(row: &AnyRow, at: usize) -> Result<u64, DatabaseError> {
    u64::try_from(whole(row, at)?).map_err(|_| DatabaseError::Row { what: "a count" })
}

pub(super) fn seconds(row: &AnyRow, at: usize) -> Result<f64, DatabaseError> {
    Ok(row.try_get(at)?)
}

fn label(row: &AnyRow, at: usize) -> Result<Option<Label>, DatabaseError> {
    let wrong = |_| DatabaseError::Row { what: "a label" };
    optional(row, at)?
        .map(|text| Label::new(&text).map_err(wrong))
        .transpose()
}

fn small(row: &AnyRow, at: usize) -> Result<u32, DatabaseError> {
    u32::try_from(whole(row, at)?).map_err(|_| DatabaseError::Row { what: "a count" })
}

fn map<Value: serde::de::DeserializeOwned>(
    row: &AnyRow,
    at: usize,
) -> Result<BTreeMap<String, Value>, DatabaseError> {
    serde_json::from_str(&text(row, at)?).map_err(|_| DatabaseError::Row { what: "a list" })
}

/// The state of a name.
pub(super) fn state(name: &str) -> Result<State, DatabaseError> {
    [State::Open, State::Complete, State::Incomplete]
        .into_iter()
        .find(|state| state.name() == name)
        .ok_or(DatabaseError::Row {
            what: "calls.state",
        })
}

/// A row of [`COLUMNS`].
pub(super) fn call(row: &AnyRow) -> Result<IndexedCall, DatabaseError> {
    let began = Timestamp::from_microsecond(whole(row, 1)?);
    let name = RecordName::new(&text(row, 0)?);
    Ok(IndexedCall {
        name: name.map_err(|_| DatabaseError::Row { what: "calls.name" })?,
        began: began.map_err(|_| DatabaseError::Row {
            what: "calls.began",
        })?,
        duration_s: seconds(row, 2)?,
        state: state(&text(row, 3)?)?,
        agent: label(row, 4)?,
        queue: label(row, 5)?,
        site: label(row, 6)?,
        vendor: label(row, 7)?,
        jurisdiction: label(row, 8)?,
        outcome: label(row, 9)?,
        caller: optional(row, 10)?.map(NumberHash),
        called: optional(row, 11)?.map(NumberHash),
        hidden_s: map(row, 12)?,
        late_s: seconds(row, 13)?,
        failed_s: seconds(row, 14)?,
        pause_failures: small(row, 15)?,
        alerts: map(row, 16)?,
        bytes: count(row, 17)?,
        policy_version: text(row, 18)?,
        model_sha256: text(row, 19)?,
        ended_normally: whole(row, 20)? != 0,
        quarantined: whole(row, 21)? != 0,
        holds: small(row, 22)?,
    })
}

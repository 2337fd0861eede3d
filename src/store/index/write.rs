//! Puts calls in and takes them out, many at once.

use std::collections::BTreeSet;

use sqlx::{Any, Transaction};

use super::columns::text;
use super::{Index, IndexedCall};
use crate::store::database::{DatabaseError, Statement};
use crate::store::vault::{RecordName, State};

/// Calls in one statement: a database takes some ten thousand values at once.
const BATCH: usize = 200;

/// The columns that are written, and what becomes of a call that is there.
const INSERT: &str = "INSERT INTO calls (name, began, duration_s, state, agent, queue, site, vendor, jurisdiction, \
    outcome, caller, called, hidden, hidden_s, late_s, failed_s, pause_failures, alerts, alert_count, bytes, \
    policy_version, model_sha256, ended_normally, quarantined, holds) VALUES ";
const REPLACE: &str = " ON CONFLICT (name) DO UPDATE SET began = excluded.began, duration_s = excluded.duration_s, \
    state = excluded.state, agent = excluded.agent, queue = excluded.queue, site = excluded.site, \
    vendor = excluded.vendor, jurisdiction = excluded.jurisdiction, outcome = excluded.outcome, \
    caller = excluded.caller, called = excluded.called, hidden = excluded.hidden, hidden_s = excluded.hidden_s, \
    late_s = excluded.late_s, failed_s = excluded.failed_s, pause_failures = excluded.pause_failures, \
    alerts = excluded.alerts, alert_count = excluded.alert_count, bytes = excluded.bytes, \
    policy_version = excluded.policy_version, model_sha256 = excluded.model_sha256, \
    ended_normally = excluded.ended_normally";

impl Index {
    /// Puts a call in, or in the place of what was known of it. Whether it is locked away or held is taken from a
    /// call that is new; for one that is there, see [`Index::set_quarantined`] and [`Index::set_holds`].
    pub async fn put(&self, call: &IndexedCall) -> Result<(), DatabaseError> {
        self.put_all(std::slice::from_ref(call)).await
    }

    /// Puts calls in, as [`Index::put`] does. Each has another name. Some hundred at a time are written whole.
    pub async fn put_all(&self, calls: &[IndexedCall]) -> Result<(), DatabaseError> {
        for calls in calls.chunks(BATCH) {
            let mut writing = self.database.begin().await?;
            put(calls, &mut writing).await?;
            writing.commit().await?;
        }
        Ok(())
    }

    /// Takes a call out; false if it was not there.
    pub async fn remove(&self, name: &RecordName) -> Result<bool, DatabaseError> {
        Ok(self.remove_all(std::slice::from_ref(name)).await? > 0)
    }

    /// Takes calls out, and tells how many were there. [`Database::scrub`](crate::store::database::Database::scrub)
    /// has them leave no bytes.
    pub async fn remove_all(&self, names: &[RecordName]) -> Result<u64, DatabaseError> {
        let statement = "DELETE FROM calls WHERE name IN (";
        self.database.forget_calls(statement, names).await
    }

    /// Says whether a call is locked away; false if it is not there.
    pub async fn set_quarantined(
        &self,
        name: &RecordName,
        is_quarantined: bool,
    ) -> Result<bool, DatabaseError> {
        let mut update = Statement::new("UPDATE calls SET quarantined = ");
        update
            .bind(i64::from(is_quarantined))
            .push(" WHERE name = ");
        update.bind(name.as_str());
        Ok(update.execute(self.database.pool()).await? > 0)
    }

    /// Says how many legal holds there are upon a call; false if it is not there.
    pub async fn set_holds(&self, name: &RecordName, holds: u32) -> Result<bool, DatabaseError> {
        let mut update = Statement::new("UPDATE calls SET holds = ");
        update.bind(i64::from(holds)).push(" WHERE name = ");
        update.bind(name.as_str());
        Ok(update.execute(self.database.pool()).await? > 0)
    }
}

/// Asks which of the calls that are open by this account were closed before; `None` where none is open.
fn ask_for_closed(calls: &[IndexedCall]) -> Option<Statement> {
    let mut open = calls
        .iter()
        .filter(|call| call.state == State::Open)
        .peekable();
    open.peek()?;
    let mut select = Statement::new("SELECT name FROM calls WHERE state <> 'open' AND name IN (");
    let names = open.map(|call| call.name.as_str());
    select.bind_all(names).push(")");
    Some(select)
}

async fn put(
    calls: &[IndexedCall],
    writing: &mut Transaction<'static, Any>,
) -> Result<(), DatabaseError> {
    let mut closed = BTreeSet::new();
    if let Some(select) = ask_for_closed(calls) {
        for row in select.fetch_all(&mut **writing).await? {
            closed.insert(text(&row, 0)?);
        }
    }
    for statement in statements(calls, &closed) {
        statement.execute(&mut **writing).await?;
    }
    Ok(())
}

/// What puts calls in. A call that was closed is not open again: whoever says so saw it earlier.
fn statements(calls: &[IndexedCall], closed: &BTreeSet<String>) -> Vec<Statement> {
    let is_late =
        |call: &&IndexedCall| call.state == State::Open && closed.contains(call.name.as_str());
    let calls: Vec<&IndexedCall> = calls.iter().filter(|call| !is_late(call)).collect();
    if calls.is_empty() {
        return Vec::new();
    }
    let mut insert = Statement::new(INSERT);
    for (at, call) in calls.iter().enumerate() {
        insert.push(if at == 0 { "(" } else { ", (" });
        push_row(&mut insert, call);
        insert.push(")");
    }
    insert.push(REPLACE);
    let mut statements = vec![insert];
    let tables = [
        "DELETE FROM call_kinds WHERE name IN (",
        "DELETE FROM call_alerts WHERE name IN (",
        "DELETE FROM call_numbers WHERE name IN (",
    ];
    for table in tables {
        let mut delete = Statement::new(table);
        let names = calls.iter().map(|call| call.name.as_str());
        delete.bind_all(names).push(")");
        statements.push(delete);
    }
    let mut kinds = Rows::new("INSERT INTO call_kinds (kind, began, name, seconds) VALUES ");
    let mut alerts = Rows::new("INSERT INTO call_alerts (rule, began, name, times) VALUES ");
    let mut numbers = Rows::new("INSERT INTO call_numbers (number, began, name) VALUES ");
    for call in calls {
        for (kind, seconds) in &call.hidden_s {
            kinds.begin(kind, call).bind(*seconds).push(")");
        }
        for (rule, times) in &call.alerts {
            alerts.begin(rule, call).bind(i64::from(*times)).push(")");
        }
        let called = call.called.as_ref();
        let called = called.filter(|called| call.caller.as_ref() != Some(called));
        for number in call.caller.iter().chain(called) {
            numbers.start(&number.0, call).push(")");
        }
    }
    let rows = [kinds, alerts, numbers];
    statements.extend(rows.into_iter().filter_map(Rows::into_statement));
    statements
}

fn push_row(insert: &mut Statement, call: &IndexedCall) {
    let label = |label: &Option<crate::call::particulars::Label>| {
        label.as_ref().map(|label| label.as_str().to_owned())
    };
    let hash = |number: &Option<super::NumberHash>| number.as_ref().map(|number| number.0.clone());
    // Texts and numbers by name: this cannot fail.
    let hidden = serde_json::to_string(&call.hidden_s).unwrap_or_default();
    let alerts = serde_json::to_string(&call.alerts).unwrap_or_default();
    let alert_count: i64 = call.alerts.values().copied().map(i64::from).sum();
    insert.bind(call.name.as_str().to_owned()).push(", ");
    insert.bind(call.began.as_microsecond()).push(", ");
    insert.bind(call.duration_s).push(", ");
    insert.bind(call.state.name()).push(", ");
    for known in [
        &call.agent,
        &call.queue,
        &call.site,
        &call.vendor,
        &call.jurisdiction,
        &call.outcome,
    ] {
        insert.bind(label(known)).push(", ");
    }
    insert.bind(hash(&call.caller)).push(", ");
    insert.bind(hash(&call.called)).push(", ");
    insert.bind(hidden).push(", ");
    insert.bind(call.hidden_s.values().sum::<f64>()).push(", ");
    insert.bind(call.late_s).push(", ");
    insert.bind(call.failed_s).push(", ");
    insert.bind(i64::from(call.pause_failures)).push(", ");
    insert.bind(alerts).push(", ");
    insert.bind(alert_count).push(", ");
    insert
        .bind(i64::try_from(call.bytes).unwrap_or(i64::MAX))
        .push(", ");
    insert.bind(call.policy_version.clone()).push(", ");
    insert.bind(call.model_sha256.clone()).push(", ");
    insert.bind(i64::from(call.ended_normally)).push(", ");
    insert.bind(i64::from(call.quarantined)).push(", ");
    insert.bind(i64::from(call.holds));
}

/// Rows of a table of what calls have several of; none is no statement.
struct Rows {
    insert: Statement,
    count: usize,
}

impl Rows {
    fn new(text: &'static str) -> Self {
        Self {
            insert: Statement::new(text),
            count: 0,
        }
    }

    /// Begins a row with what it is, when and whose.
    fn start(&mut self, what: &str, call: &IndexedCall) -> &mut Statement {
        self.insert.push(if self.count == 0 { "(" } else { ", (" });
        self.count += 1;
        self.insert.bind(what.to_owned()).push(", ");
        self.insert.bind(call.began.as_microsecond()).push(", ");
        self.insert.bind(call.name.as_str().to_owned())
    }

    /// The same, with one more value to come.
    fn begin(&mut self, what: &str, call: &IndexedCall) -> &mut Statement {
        self.start(what, call).push(", ")
    }

    fn into_statement(self) -> Option<Statement> {
        (self.count > 0).then_some(self.insert)
    }
}

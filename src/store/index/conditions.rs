//! From a query to SQL.
//!
//! What a call has several of (kinds, alerts, numbers) lies in tables of its own. Of those that are asked for, one
//! is the driver: its index is already in the order of time, so that a page costs as much as it has calls.

use super::Query;
use crate::store::database::Statement;
use crate::store::vault::State;

/// The table that a search goes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Driver {
    Calls,
    Numbers,
    Alerts,
    Kinds,
}

impl Driver {
    /// The one that leaves the fewest calls, as a rule.
    pub(super) fn of(query: &Query) -> Self {
        if query.number.is_some() {
            Self::Numbers
        } else if query.alert.is_some() {
            Self::Alerts
        } else if query.kind.is_some() && query.agent.is_none() {
            Self::Kinds
        } else {
            Self::Calls
        }
    }

    pub(super) fn time(self) -> &'static str {
        match self {
            Self::Calls => "c.began",
            _ => "d.began",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Calls => "c.name",
            _ => "d.name",
        }
    }

    /// From where, and the condition on the driver.
    pub(super) fn push_source(self, select: &mut Statement, query: &Query) {
        match self {
            Self::Calls => {
                select.push(" FROM calls c WHERE 1 = 1");
            }
            Self::Numbers => {
                select
                    .push(" FROM call_numbers d JOIN calls c ON c.name = d.name WHERE d.number = ");
                select.bind(query.number.as_ref().map(|number| number.0.clone()));
            }
            Self::Alerts => {
                select.push(" FROM call_alerts d JOIN calls c ON c.name = d.name WHERE d.rule = ");
                select.bind(query.alert.clone());
            }
            Self::Kinds => {
                select.push(" FROM call_kinds d JOIN calls c ON c.name = d.name WHERE d.kind = ");
                select.bind(query.kind.clone());
            }
        }
    }

    /// All other conditions.
    pub(super) fn push_conditions(self, select: &mut Statement, query: &Query) {
        if let Some(from) = query.from {
            select.push(" AND ").push(self.time()).push(" >= ");
            // The first microsecond that is not before it.
            let nanosecond = from.as_nanosecond();
            select.bind(i64::try_from((nanosecond + 999).div_euclid(1_000)).unwrap_or(i64::MAX));
        }
        if let Some(to) = query.to {
            select.push(" AND ").push(self.time()).push(" < ");
            let nanosecond = to.as_nanosecond();
            select.bind(i64::try_from((nanosecond + 999).div_euclid(1_000)).unwrap_or(i64::MAX));
        }
        let labels = [
            (" AND c.agent = ", &query.agent),
            (" AND c.queue = ", &query.queue),
            (" AND c.site = ", &query.site),
            (" AND c.vendor = ", &query.vendor),
            (" AND c.jurisdiction = ", &query.jurisdiction),
            (" AND c.outcome = ", &query.outcome),
        ];
        for (condition, label) in labels {
            if let Some(label) = label {
                select.push(condition).bind(label.clone());
            }
        }
        if let Some(number) = query.number.as_ref().filter(|_| self != Self::Numbers) {
            select.push(
                " AND EXISTS (SELECT 1 FROM call_numbers x WHERE x.name = c.name AND x.number = ",
            );
            select.bind(number.0.clone()).push(")");
        }
        if let Some(rule) = query.alert.as_ref().filter(|_| self != Self::Alerts) {
            select.push(
                " AND EXISTS (SELECT 1 FROM call_alerts x WHERE x.name = c.name AND x.rule = ",
            );
            select.bind(rule.clone()).push(")");
        }
        if let Some(kind) = query.kind.as_ref().filter(|_| self != Self::Kinds) {
            select.push(
                " AND EXISTS (SELECT 1 FROM call_kinds x WHERE x.name = c.name AND x.kind = ",
            );
            select.bind(kind.clone()).push(")");
        }
        // In words that are those of the indexes of a part of the calls.
        match query.state {
            None => {}
            Some(State::Complete) => {
                select.push(" AND c.state = 'complete'");
            }
            Some(State::Open) => {
                select.push(" AND c.state <> 'complete' AND c.state = 'open'");
            }
            Some(State::Incomplete) => {
                select.push(" AND c.state <> 'complete' AND c.state = 'incomplete'");
            }
        }
        match query.quarantined {
            None => {}
            Some(true) => {
                select.push(" AND c.quarantined = 1");
            }
            Some(false) => {
                select.push(" AND c.quarantined = 0");
            }
        }
        match query.held {
            None => {}
            Some(true) => {
                select.push(" AND c.holds > 0");
            }
            Some(false) => {
                select.push(" AND c.holds = 0");
            }
        }
    }
}

//! Where a report's figures come from: the index of the store, and the audit log.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::Period;
use crate::store::audit::{Action, AuditError, EntryFilter, Folder, entries_of};
use crate::store::index::{Index, IndexedCall, Query};
use crate::store::summary::{By, Summary};

/// Where figures come from.
pub struct Sources<'a> {
    /// What is known of calls.
    pub index: &'a Index,
    /// The audit log, if one is kept. It is read by blocking.
    pub log: Option<Folder>,
    /// Whether all of the log may be told, refusals and deeds among it, and not only what became of the calls.
    pub tells_log: bool,
    /// What of a call is told; `None`: it is not one of those that are asked for.
    pub shown: &'a (dyn Fn(IndexedCall) -> Option<IndexedCall> + Sync),
}

/// Sums up a period.
pub async fn gather(sources: &Sources<'_>, period: &Period, by: By) -> anyhow::Result<Summary> {
    let mut summary = Summary::new(by);
    let mut heard: BTreeMap<String, String> = BTreeMap::new();
    if let Some(log) = &sources.log {
        // The clock may have been set back a little; what is listened to again is so after its call.
        let filter = EntryFilter {
            since: period.from.checked_sub(SignedDuration::from_hours(1)).ok(),
            ..EntryFilter::default()
        };
        let read = entries_of(log, &filter, |line| {
            let entry = line.entry;
            if entry.action == Action::RecordingListenedAgain
                && let (Some(call), Some(outcome)) = (&entry.subject, entry.text("outcome"))
            {
                heard.insert(call.clone(), outcome.to_owned());
            }
            let is_within = |time| time >= period.from && time < period.to;
            if sources.tells_log && entry.timestamp().is_some_and(is_within) {
                summary.add_entry(&entry);
            }
            true
        });
        match read {
            Ok(()) => summary.has_audit = sources.tells_log,
            // Nothing happened yet.
            Err(AuditError::NoLog { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let query = Query {
        from: Some(period.from),
        to: Some(period.to),
        ..Query::default()
    };
    sources
        .index
        .each(&query, |call| {
            let Some(call) = (sources.shown)(call) else {
                return;
            };
            let second = heard.get(call.name.as_str());
            summary.add(&call, second.map(String::as_str));
        })
        .await?;
    Ok(summary)
}

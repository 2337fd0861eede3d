//! Writes late what a gateway that died did not come to: that a recording ended.
//!
//! ```text
//! marked as untold -> the log has its hash, or its failure? -> no mark
//!                                     `-> no: an entry, marked as late -> on the disk -> no mark
//! ```
//!
//! **Architecture invariants:** a call that is closed in the store is in the log once the next start is over.
//! `call_ended` is never written late: nobody knows any more how many entries came before it, so that evidence of
//! the call says that it did not end.

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};

use super::PATIENCE;
use super::files::{RECORD, RECORDING_SHA256, with_files};
use crate::store::audit::{Action, AuditLog, Entry, Record, entries_from};
use crate::store::vault::{RecordName, Untold};

/// A clock may have been put back since a call began, by this much at most.
const CLOCK: SignedDuration = SignedDuration::from_hours(24);

/// Looks for these calls in the log, and tells of those that it does not know. `told` is called for each that it knows
/// then.
pub fn tell(
    untold: Vec<Untold>,
    log: &AuditLog,
    told: impl Fn(&RecordName) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Some(first) = untold.iter().map(|call| call.began).min() else {
        return Ok(());
    };
    let mut sought: Vec<Sought> = untold.into_iter().map(Sought::new).collect();
    let since = first.checked_sub(CLOCK).unwrap_or(Timestamp::MIN);
    entries_from(log.files(), since, |line| {
        for call in &mut sought {
            call.is_told |= call.is_told_by(&line.entry);
        }
        sought.iter().any(|call| !call.is_told)
    })
    .context("the audit log cannot be read")?;
    let mut receipts = Vec::new();
    for Sought {
        call,
        record,
        is_told,
    } in sought
    {
        if is_told {
            told(&call.name)?;
        } else {
            let name = call.name.as_str();
            tracing::warn!(call = name, "its end was not in the audit log, and now is");
            receipts.push((call.name, log.record_durably(record)));
        }
    }
    for (name, mut receipt) in receipts {
        // What is written after all is found by the next start.
        receipt
            .wait_for(PATIENCE)
            .context("the audit log's disk is too slow")??;
        told(&name)?;
    }
    Ok(())
}

/// A call that may be in the log, and what is written if it is not.
struct Sought {
    call: Untold,
    record: Record,
    is_told: bool,
}

impl Sought {
    fn new(call: Untold) -> Self {
        let record = match &call.cut_off {
            None => Record::new(Action::CallRecorded),
            Some(reason) => Record::new(Action::RecordingFailed).with_words("reason", reason),
        };
        let record = with_files(record.written_late(), &call.place).about(&call.call);
        Self {
            call,
            record,
            is_told: false,
        }
    }

    /// Its own entry has its name, and its hash or a later time than its beginning: it may have been erased in since.
    fn is_told_by(&self, entry: &Entry) -> bool {
        let is_of_its_end = match entry.action {
            Action::CallRecorded => true,
            Action::RecordingFailed => self.call.cut_off.is_some(),
            _ => false,
        };
        let hash = self.record.details.get(RECORDING_SHA256);
        let has_its_hash = hash.is_some() && entry.details.get(RECORDING_SHA256) == hash;
        let is_later = || {
            let time = entry.timestamp();
            time.is_some_and(|time| time >= self.call.began)
        };
        is_of_its_end
            && entry.subject.as_ref() == Some(&self.call.call)
            && entry.text(RECORD) == Some(self.call.name.as_str())
            && (has_its_hash || is_later())
    }
}

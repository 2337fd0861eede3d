//! What the index is told of a call: from its report, or from what there is of it in the store.

use jiff::Timestamp;

use crate::egress::Report;
use crate::egress::report::{Parties, RecorderOutcome};
use crate::store::index::{IndexedCall, NumberHash};
use crate::store::keys::KeyError;
use crate::store::sealed::{Content, SealError};
use crate::store::vault::{Record, RecordName, State, Vault, VaultError};

/// Something was filled because it was not examined in time.
const LATE: &str = "late";
/// Something was filled because it could not be examined.
const FAILED: &str = "failed";
/// A recorder elsewhere was not confirmed to pause or go on.
const PAUSE_FAILED: &str = "pause_failed";
/// The call did not end by itself.
const ABNORMAL_END: &str = "abnormal_end";
/// The gateway ended before the call did.
const CUT_OFF: &str = "cut_off";
/// What is stored cannot be opened: it was altered, or its key is not there.
const UNREADABLE: &str = "unreadable";
/// What is stored is not what was sealed.
const ALTERED: &str = "altered";

/// What the gateway itself counts among a call's alerts.
pub const OWN_ALERTS: [&str; 7] = [
    LATE,
    FAILED,
    PAUSE_FAILED,
    ABNORMAL_END,
    CUT_OFF,
    UNREADABLE,
    ALTERED,
];

/// A call that begins.
pub(super) fn of_beginning(name: RecordName, began: Timestamp, parties: &Parties) -> IndexedCall {
    let mut call = IndexedCall::new(name, began, State::Open);
    tell_parties(&mut call, parties);
    call
}

/// A call as its report tells.
pub(super) fn of_report(record: Record, report: &Report) -> IndexedCall {
    let mut call = of_record(record);
    tell_parties(&mut call, &report.parties);
    call.duration_s = report.duration_s;
    for span in &report.spans {
        *call.hidden_s.entry(span.kind.clone()).or_default() += span.end - span.start;
    }
    call.late_s = report.totals.late_s;
    call.failed_s = report.totals.failed_s;
    let not_confirmed = report.recorder_control.iter().filter(|step| {
        matches!(
            step.step,
            RecorderOutcome::NotPaused | RecorderOutcome::NotResumed
        )
    });
    call.pause_failures = number(not_confirmed.count());
    call.policy_version = report.policy_version.clone();
    call.model_sha256 = report.model_sha256.clone();
    call.ended_normally = report.abnormal_end.is_none();
    let alerts = [
        (LATE, report.late.len()),
        (FAILED, report.failed.len()),
        (PAUSE_FAILED, call.pause_failures as usize),
        (ABNORMAL_END, usize::from(!call.ended_normally)),
    ];
    for (rule, times) in alerts {
        if times > 0 {
            call.alerts.insert(rule.to_owned(), number(times));
        }
    }
    for alert in &report.alerts {
        let times = call.alerts.entry(alert.rule.clone()).or_default();
        *times = times.saturating_add(1);
    }
    call
}

/// A call as the store has it; `None` if it is not there any more. Of one that cannot be read, as much as can be
/// told without it; the problem is told in the log. Fails where it may be readable later: the key service is away.
pub(super) fn of_vault(
    vault: &Vault,
    name: &RecordName,
) -> Result<Option<IndexedCall>, VaultError> {
    let record = match vault.record(name) {
        Err(VaultError::Unknown { .. }) => return Ok(None),
        record => record?,
    };
    let is_quarantined = vault.quarantined(name)?.is_some();
    // What is locked away is counted like all else.
    let vault = &vault.opening_quarantined();
    let read = match record.state {
        State::Complete => report(vault, name).map(|report| of_report(record.clone(), &report)),
        State::Open => Ok(of_record(record.clone())),
        State::Incomplete => cut_off(vault, record.clone()),
    };
    let mut call = match read {
        Ok(call) => call,
        // By a command, or by what the policy of keeping says.
        Err(
            VaultError::Shredded { .. } | VaultError::Missing { .. } | VaultError::Unknown { .. },
        ) => of_record(record),
        Err(
            error @ (VaultError::Key {
                cause: KeyError::Service { .. },
                ..
            }
            | VaultError::Archive { .. }
            | VaultError::NoArchive { .. }),
        ) => return Err(error),
        Err(error) => {
            let problem = error.to_string();
            tracing::error!(
                call = name.as_str(),
                problem,
                "cannot be read for the index"
            );
            let mut call = of_record(record);
            call.alerts.insert(UNREADABLE.to_owned(), 1);
            call
        }
    };
    call.quarantined = is_quarantined;
    Ok(Some(call))
}

/// A call that a crash cut off, without who took part in it.
fn cut_off(vault: &Vault, record: Record) -> Result<IndexedCall, VaultError> {
    let seconds = match vault.audio(&record.name) {
        Ok(audio) => audio.seconds(),
        // It was cut off before anything was released.
        Err(VaultError::Sealed {
            cause: SealError::Empty,
            ..
        }) => 0.0,
        Err(error) => return Err(error),
    };
    let is_altered = vault.closing(&record.name)?.altered_chunk.is_some();
    let mut call = of_record(record);
    call.duration_s = seconds;
    call.alerts.insert(CUT_OFF.to_owned(), 1);
    if is_altered {
        call.alerts.insert(ALTERED.to_owned(), 1);
    }
    Ok(call)
}

fn of_record(record: Record) -> IndexedCall {
    let began = record.begun.unwrap_or(Timestamp::UNIX_EPOCH);
    IndexedCall {
        bytes: record.bytes,
        ..IndexedCall::new(record.name, began, record.state)
    }
}

fn report(vault: &Vault, name: &RecordName) -> Result<Report, VaultError> {
    let text = vault.document(name, Content::Report)?;
    serde_json::from_slice(&text).map_err(|error| VaultError::Document {
        file: format!("{name}: {}", Content::Report.name()).into(),
        problem: error.to_string(),
    })
}

fn tell_parties(call: &mut IndexedCall, parties: &Parties) {
    call.agent = parties.agent.clone();
    call.queue = parties.queue.clone();
    call.site = parties.site.clone();
    call.vendor = parties.vendor.clone();
    call.jurisdiction = parties.jurisdiction.clone();
    call.outcome = parties.outcome.clone();
    call.caller = parties.caller_hash.clone().map(NumberHash);
    call.called = parties.called_hash.clone().map(NumberHash);
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

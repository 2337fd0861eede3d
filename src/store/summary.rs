//! What a period's calls and entries come to, as reports tell it: in all, and by site, vendor, queue, agent or day.
//!
//! Pure: calls and entries in, sums out, in whatever order they come. Does not know where they come from, nor how they
//! are shown.
//!
//! | a call counts as | when |
//! | --- | --- |
//! | monitored | it was listened to, to its end |
//! | monitored in part | some of it was filled because it was not examined (late or failed) |
//! | cut off | its recording ended before the call did; what there is was examined |
//! | not monitored | next to nothing of it was examined: it was recorded as fill, or not at all |

use std::collections::BTreeMap;

use serde::Serialize;

use super::audit::{Action, Entry};
use super::index::IndexedCall;
use super::vault::State;

/// A call of which this share was filled unexamined was not monitored. Silence needs no examination, so that a call
/// taken in `blank_all` has much less than all of it.
const UNEXAMINED_SHARE: f64 = 0.2;
/// Less than this of seconds that were not examined is no gap: the end of a call that was hung up in a word.
const NO_GAP: f64 = 0.05;
/// Named where a call has no such particular.
pub const UNKNOWN: &str = "(not told)";

/// What calls are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The place where the agent works.
    Site,
    /// The company that the agent works for.
    Vendor,
    /// The queue.
    Queue,
    /// The agent.
    Agent,
    /// The day in UTC.
    Day,
}

impl By {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Vendor => "vendor",
            Self::Queue => "queue",
            Self::Agent => "agent",
            Self::Day => "day",
        }
    }

    /// Which group a call is in.
    fn group(self, call: &IndexedCall) -> String {
        let label = match self {
            Self::Site => &call.site,
            Self::Vendor => &call.vendor,
            Self::Queue => &call.queue,
            Self::Agent => &call.agent,
            Self::Day => return call.began.strftime("%Y-%m-%d").to_string(),
        };
        label
            .as_ref()
            .map_or(UNKNOWN.to_owned(), ToString::to_string)
    }
}

/// What the second listener made of recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct SecondListening {
    /// Nothing sensitive was heard.
    pub clean: u64,
    /// Something was, and was erased.
    pub redacted_again: u64,
    /// Something is, and the recording is locked away.
    pub quarantined: u64,
    /// Nobody listened yet.
    pub not_yet: u64,
}

impl SecondListening {
    /// Of the recordings that were listened to, the share in which something was still heard.
    pub fn rate(&self) -> Option<f64> {
        let heard = self.redacted_again + self.quarantined;
        let all = self.clean + heard;
        (all > 0).then(|| heard as f64 / all as f64)
    }
}

/// Sums over calls. Lengths are seconds of one leg's audio, but `duration_s`, which is of calls.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Sums {
    /// Calls that were recorded, in whatever way.
    pub calls: u64,
    /// Their length.
    pub duration_s: f64,
    /// Calls that were monitored, to their end.
    pub monitored: u64,
    /// Calls of which a part was not examined, and filled.
    pub monitored_in_part: u64,
    /// Calls whose recording was cut off; what there is was examined.
    pub cut_off: u64,
    /// Calls that were recorded as fill, as nobody could listen.
    pub not_monitored: u64,
    /// Calls that are under way.
    pub under_way: u64,
    /// Calls that did not end by themselves.
    pub ended_abnormally: u64,
    /// Seconds hidden, by kind.
    pub hidden_s: BTreeMap<String, f64>,
    /// Calls in which something was hidden, by kind.
    pub hidden_calls: BTreeMap<String, u64>,
    /// Seconds filled because they were not examined in time.
    pub late_s: f64,
    /// Seconds filled because they could not be examined.
    pub failed_s: f64,
    /// Alerts, by rule.
    pub alerts: BTreeMap<String, u64>,
    /// Recorders elsewhere that were not confirmed to pause or go on.
    pub pause_failures: u64,
    /// Recordings that are locked away now.
    pub in_quarantine: u64,
    /// Recordings under legal hold now.
    pub on_hold: u64,
    /// What the second listener made of them.
    pub second_listener: SecondListening,
}

impl Sums {
    /// Calls that are over.
    pub fn over(&self) -> u64 {
        self.calls - self.under_way
    }

    /// Calls that were listened to.
    pub fn listened(&self) -> u64 {
        self.monitored + self.monitored_in_part + self.cut_off
    }

    /// Of the calls that are over, the share that was listened to. `None` without calls.
    pub fn monitored_share(&self) -> Option<f64> {
        share(self.listened(), self.over())
    }

    /// Seconds hidden of all kinds; a second that was hidden as two counts twice.
    pub fn all_hidden_s(&self) -> f64 {
        self.hidden_s.values().sum()
    }

    /// Alerts of all rules.
    pub fn all_alerts(&self) -> u64 {
        self.alerts.values().sum()
    }

    fn add(&mut self, call: &IndexedCall, second: Option<&str>) {
        self.calls += 1;
        self.duration_s += call.duration_s;
        let unexamined = call.late_s + call.failed_s;
        let place = match call.state {
            State::Open => &mut self.under_way,
            State::Incomplete => &mut self.cut_off,
            State::Complete
                if unexamined > UNEXAMINED_SHARE * call.duration_s && unexamined > NO_GAP =>
            {
                &mut self.not_monitored
            }
            State::Complete if unexamined > NO_GAP => &mut self.monitored_in_part,
            State::Complete => &mut self.monitored,
        };
        *place += 1;
        self.ended_abnormally += u64::from(call.state == State::Complete && !call.ended_normally);
        for (kind, seconds) in &call.hidden_s {
            *self.hidden_s.entry(kind.clone()).or_default() += seconds;
            *self.hidden_calls.entry(kind.clone()).or_default() += 1;
        }
        self.late_s += call.late_s;
        self.failed_s += call.failed_s;
        for (rule, count) in &call.alerts {
            *self.alerts.entry(rule.clone()).or_default() += u64::from(*count);
        }
        self.pause_failures += u64::from(call.pause_failures);
        self.in_quarantine += u64::from(call.quarantined);
        self.on_hold += u64::from(call.holds > 0);
        let heard = &mut self.second_listener;
        let place = match second {
            Some("clean") => &mut heard.clean,
            Some("redacted_again") => &mut heard.redacted_again,
            Some("quarantined") => &mut heard.quarantined,
            _ if call.state == State::Open => return,
            _ => &mut heard.not_yet,
        };
        *place += 1;
    }
}

fn share(part: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| part as f64 / all as f64)
}

/// A period, summed up.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// What calls are grouped by.
    pub by: By,
    /// All calls.
    pub total: Sums,
    /// The groups by name.
    pub groups: BTreeMap<String, Sums>,
    /// Calls of which there is no recording, by why; of the audit log.
    pub not_recorded: BTreeMap<String, u64>,
    /// What was done with records and with access to them, by the audit log's words for it.
    pub actions: BTreeMap<String, u64>,
    /// Whether the audit log was read; without it the two before are empty.
    pub has_audit: bool,
}

impl Summary {
    /// Nothing yet.
    pub fn new(by: By) -> Self {
        Self {
            by,
            total: Sums::default(),
            groups: BTreeMap::new(),
            not_recorded: BTreeMap::new(),
            actions: BTreeMap::new(),
            has_audit: false,
        }
    }

    /// One more call; `second` is the second listener's verdict, if there is one.
    pub fn add(&mut self, call: &IndexedCall, second: Option<&str>) {
        self.total.add(call, second);
        let group = self.groups.entry(self.by.group(call)).or_default();
        group.add(call, second);
    }

    /// One more entry of the audit log.
    pub fn add_entry(&mut self, entry: &Entry) {
        self.has_audit = true;
        let detail = |name: &str| entry.details.get(name);
        match entry.action {
            Action::CallsRefused => {
                let count = detail("count")
                    .and_then(|count| count.number())
                    .unwrap_or(1);
                let reason = detail("reason").and_then(|reason| reason.text());
                let why = format!("refused: {}", reason.unwrap_or("no reason is told"));
                *self.not_recorded.entry(why).or_default() += u64::try_from(count).unwrap_or(0);
            }
            // That of a call that was cut off, of which there is a recording.
            Action::RecordingFailed if entry.is_late() => {}
            Action::RecordingFailed => {
                let why = "nothing could be recorded".to_owned();
                *self.not_recorded.entry(why).or_default() += 1;
            }
            action if is_about_records(action) => {
                *self.actions.entry(action.name()).or_default() += 1;
            }
            _ => {}
        }
    }

    /// Calls of which there is no recording.
    pub fn all_not_recorded(&self) -> u64 {
        self.not_recorded.values().sum()
    }

    /// Of all calls that came and are over, the share that was listened to: the goal is 1. `None` without calls.
    pub fn monitored_share(&self) -> Option<f64> {
        share(
            self.total.listened(),
            self.total.over() + self.all_not_recorded(),
        )
    }
}

/// What a report counts beside calls: what was done with records, and who was let at them.
fn is_about_records(action: Action) -> bool {
    matches!(
        action,
        Action::RecordingPlayed
            | Action::RecordingExported
            | Action::TranscriptRead
            | Action::EvidenceExported
            | Action::RecordingQuarantined
            | Action::RecordingListenedAgain
            | Action::RecordingRedactedAgain
            | Action::SignedIn
            | Action::SignInRefused
            | Action::AccessDenied
            | Action::AccessChanged
            | Action::Deleted
            | Action::SegmentErased
            | Action::ErasureRequested
            | Action::ErasureApproved
            | Action::ErasureRejected
            | Action::HoldPlaced
            | Action::HoldLifted
            | Action::KeysRotated
            | Action::BackupMade
            | Action::BackupRestored
            | Action::AlertRaised
            | Action::AlertAnswered
            | Action::PolicyChanged
            | Action::ConfigurationChanged
            | Action::EntriesLost
    )
}

#[cfg(test)]
mod tests;

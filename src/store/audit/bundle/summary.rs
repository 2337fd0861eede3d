//! What a call's entries come to: readable without knowing the log's words.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::store::audit::entry::{Action, Entry, Line};

/// What the entries say in short. Times within the call are microseconds from its start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// When the call began and ended, in UTC; of several calls of one id the first and the last.
    pub began: Option<String>,
    /// See [`Summary::began`].
    pub ended: Option<String>,
    /// Versions of the policy that decided.
    pub policy_versions: BTreeSet<String>,
    /// SHA-256 of the models that listened.
    pub models_sha256: BTreeSet<String>,
    /// Versions of the program.
    pub hushgate_versions: BTreeSet<String>,
    /// Rules that hid something.
    pub rules: BTreeSet<String>,
    /// What was hidden, late or failed.
    pub spans: Vec<SpanSummary>,
    /// What was recorded.
    pub files: Vec<RecordedFile>,
}

/// A stretch that is not in the recording as it was spoken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpanSummary {
    /// The entry that says so.
    pub entry: u64,
    /// What was done.
    pub action: Action,
    /// Whose audio.
    pub leg: String,
    /// From.
    pub start_us: i64,
    /// To.
    pub end_us: i64,
    /// The kind of data, for what was hidden.
    pub kind: Option<String>,
    /// The rule that asked for it.
    pub rule: Option<String>,
    /// The evidence, or the cause.
    pub reason: Option<String>,
}

/// A file that was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedFile {
    /// Its name.
    pub file: String,
    /// SHA-256 in lower-case hexadecimal digits.
    pub sha256: String,
    /// Its length.
    pub bytes: i64,
}

impl Summary {
    /// From the call's entries in order.
    pub fn of(lines: &[Line]) -> Self {
        let mut summary = Self::default();
        for Line { entry, .. } in lines {
            summary.add(entry);
        }
        summary
    }

    fn add(&mut self, entry: &Entry) {
        match entry.action {
            Action::CallBegan => {
                self.began.get_or_insert_with(|| entry.time.clone());
                let keep = |set: &mut BTreeSet<String>, name| {
                    set.extend(entry.text(name).map(str::to_owned));
                };
                keep(&mut self.policy_versions, "policy_version");
                keep(&mut self.models_sha256, "model_sha256");
                keep(&mut self.hushgate_versions, "hushgate_version");
            }
            Action::CallEnded => self.ended = Some(entry.time.clone()),
            Action::SpanHidden | Action::AudioLate | Action::AudioFailed => self.add_span(entry),
            Action::CallRecorded => {
                for part in ["recording", "report", "transcript"] {
                    let name = |suffix: &str| format!("{part}{suffix}");
                    if let (Some(file), Some(sha256)) =
                        (entry.text(part), entry.text(&name("_sha256")))
                    {
                        self.files.push(RecordedFile {
                            file: file.to_owned(),
                            sha256: sha256.to_owned(),
                            bytes: entry.number(&name("_bytes")).unwrap_or_default(),
                        });
                    }
                }
            }
            _ => {}
        }
    }

    fn add_span(&mut self, entry: &Entry) {
        let text = |name| entry.text(name).map(str::to_owned);
        let rule = text("rule");
        self.rules.extend(rule.clone());
        self.spans.push(SpanSummary {
            entry: entry.sequence,
            action: entry.action,
            leg: text("leg").unwrap_or_default(),
            start_us: entry.number("start_us").unwrap_or_default(),
            end_us: entry.number("end_us").unwrap_or_default(),
            kind: text("kind"),
            rule,
            reason: text("reason").or_else(|| text("cause")),
        });
    }
}

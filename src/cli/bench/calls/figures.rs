//! What is told of each number of calls. Pure: reports and measures in, figures out.

use serde::Serialize;

use super::super::machine::Machine;
use super::load::Played;
use crate::cli::eval::labelled::CallMeasure;
use crate::cli::gateway_process::Usage;
use crate::egress::{Report, Slack};
use crate::telemetry::FailureCause;

/// Bytes in a MiB.
const MIB: f64 = 1_048_576.0;
/// Playing that fell behind by more, in seconds, says nothing of the gateway's own lateness.
const LONGEST_BEHIND_S: f64 = 1.0;

/// Everything that is told, as `--json` prints it.
#[derive(Debug, Serialize)]
pub(super) struct Findings {
    pub(super) machine: Machine,
    pub(super) version: &'static str,
    pub(super) model_sha256: String,
    pub(super) hold_s: f64,
    /// Recogniser threads.
    pub(super) workers: usize,
    /// How long each row of calls lasts.
    pub(super) seconds: f64,
    /// Over how long they begin.
    pub(super) begin_over_s: f64,
    pub(super) labelled_calls: usize,
    pub(super) steps: Vec<Step>,
    /// The largest number of calls with nothing late, failed or leaked; 0 if there was none.
    pub(super) capacity: usize,
    /// Whether a larger number was too much.
    pub(super) limit_found: bool,
}

/// One number of calls.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(super) struct Step {
    /// How many at once.
    pub(super) calls: usize,
    /// Whether nothing was late, failed or leaked, and every call was taken to its end.
    pub(super) clean: bool,
    /// Calls played, one after another included.
    pub(super) played: usize,
    /// Their length in all.
    pub(super) calls_s: f64,
    /// Processor time of the gateway.
    pub(super) cpu_s: f64,
    /// The same for each second of a call.
    pub(super) cpu_per_call: f64,
    pub(super) resident_before_mib: f64,
    pub(super) resident_peak_mib: f64,
    pub(super) memory_per_call_mib: f64,
    /// Windows that were to be recognised.
    pub(super) windows: u64,
    pub(super) late_answers: u64,
    /// Windows without a transcript.
    pub(super) failures: u64,
    /// What half of the answered windows had at least; none if none was answered.
    pub(super) slack_p50_s: Option<f64>,
    /// What all but one in a hundred had at least.
    pub(super) slack_p99_s: Option<f64>,
    /// What all had at least.
    pub(super) slack_least_s: Option<f64>,
    pub(super) slack: Slack,
    /// Sound filled because it was not examined in time.
    pub(super) late_s: f64,
    /// Sound filled because recognition did not come to it or broke down.
    pub(super) failed_s: f64,
    /// Sound filled because what recognition wrote of it cannot be trusted, which has nothing to do with how many
    /// calls there are.
    pub(super) unintelligible_s: f64,
    pub(super) digits: usize,
    pub(super) digits_leaked: usize,
    pub(super) benign_speech_s: f64,
    pub(super) over_blanked_s: f64,
    pub(super) over_blank_pct: f64,
    /// How far the playing fell behind at most.
    pub(super) behind_s: f64,
    /// Calls in which a digit can be heard.
    pub(super) leaking: Vec<String>,
    /// Calls that were not taken to their end or could not be measured, and why.
    pub(super) problems: Vec<String>,
}

impl Step {
    /// Adds a call that was recorded.
    pub(super) fn add(&mut self, played: &Played, measure: &CallMeasure, report: &Report) {
        self.windows += report.engine.windows;
        self.late_answers += report.engine.late_answers;
        self.failures += report.engine.failures;
        self.slack.merge(&report.engine.slack);
        self.late_s += report.totals.late_s;
        for failed in &report.failed {
            let length = failed.end - failed.start;
            match failed.cause {
                FailureCause::Unintelligible => self.unintelligible_s += length,
                _ => self.failed_s += length,
            }
        }
        self.digits += measure.digits;
        self.digits_leaked += measure.digits_leaked;
        self.benign_speech_s += measure.benign_speech_s;
        self.over_blanked_s += measure.over_blanked_s;
        if measure.digits_leaked > 0 {
            let (leaked, call) = (measure.digits_leaked, &played.call);
            self.leaking
                .push(format!("{call}: {leaked} of {} digits", measure.digits));
        }
        if let Some(reason) = &report.abnormal_end {
            self.problems.push(format!("{}: {reason}", played.call));
        }
    }

    /// Completes the step, when all its calls were added.
    pub(super) fn finish(mut self, played: &[Played], used: Used) -> Self {
        self.played = played.len();
        self.calls_s = played.iter().map(|call| call.length.seconds()).sum();
        self.cpu_s = hundredths(used.after.cpu_s - used.before.cpu_s);
        if self.calls_s > 0.0 {
            self.cpu_per_call = rounded(self.cpu_s / self.calls_s, 1e4);
        }
        let before = used.before.resident as f64 / MIB;
        let peak = used.peak.max(used.before.resident) as f64 / MIB;
        self.resident_before_mib = hundredths(before);
        self.resident_peak_mib = hundredths(peak);
        self.memory_per_call_mib = hundredths((peak - before) / self.calls.max(1) as f64);
        self.slack_p50_s = self.slack.reached_by(0.5);
        self.slack_p99_s = self.slack.reached_by(0.99);
        self.slack_least_s = self.slack.reached_by(1.0);
        let blanked = 100.0 * self.over_blanked_s / self.benign_speech_s.max(1e-9);
        self.over_blank_pct = hundredths(blanked);
        for sum in [
            &mut self.calls_s,
            &mut self.late_s,
            &mut self.failed_s,
            &mut self.unintelligible_s,
            &mut self.benign_speech_s,
            &mut self.over_blanked_s,
        ] {
            *sum = hundredths(*sum);
        }
        let behind = played.iter().map(|call| call.behind.as_secs_f64());
        self.behind_s = hundredths(behind.fold(0.0, f64::max));
        if self.behind_s > LONGEST_BEHIND_S {
            self.problems.push(format!(
                "the calls were played up to {} s behind: the gateway did not take them in time, or this \
                 machine cannot play so many beside it",
                self.behind_s
            ));
        }
        let in_time = self.late_s == 0.0 && self.failed_s == 0.0;
        self.clean = in_time && self.digits_leaked == 0 && self.problems.is_empty();
        self
    }
}

/// What the gateway used during a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Used {
    /// Before the first call.
    pub(super) before: Usage,
    /// When the last was recorded.
    pub(super) after: Usage,
    /// The most memory at once, in bytes.
    pub(super) peak: u64,
}

fn hundredths(value: f64) -> f64 {
    rounded(value, 1e2)
}

/// Without "-0".
fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts + 0.0
}

#[cfg(test)]
mod tests;

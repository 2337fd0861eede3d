//! What is told of labelled calls: leaks, losses, delays, word times, speed. Pure.

use serde::Serialize;

use super::labels::Labels;
use super::score::{CallScore, FillHeard, Original, Score, percentile, score, summarise};
use super::word_times::{Differences, WordTimes};
use crate::call::Leg;
use crate::egress::{Recording, Report};
use crate::gateway::replay::Examined;

/// A window's border and a label may disagree by this much, in seconds, about the same digit.
const BORDER_S: f64 = 0.05;

/// One call that was measured.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) score: CallScore,
    pub(super) delays: Delays,
    /// How far hidden spans reach beyond the labels of what they hide.
    pub(super) margins: Vec<Margin>,
    /// How far heard times are from labelled ones.
    pub(super) words: Differences,
    pub(super) report: Option<Report>,
    pub(super) recording: Option<Recording>,
}

/// Seconds from the end of each sensitive digit to the answer that decides on it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Delays {
    pub(super) seconds: Vec<f64>,
    /// Digits that no answer covers.
    pub(super) unanswered: usize,
}

/// By how much a hidden stretch begins before and ends after a sensitive item; negative: within it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Margin {
    pub(super) before: f64,
    pub(super) after: f64,
}

impl Measured {
    pub(super) fn of_report(
        labels: &Labels,
        score: CallScore,
        report: Option<Report>,
        recording: Option<Recording>,
    ) -> Self {
        Self {
            score,
            delays: Delays::default(),
            margins: report
                .as_ref()
                .map(|report| margins(labels, report))
                .unwrap_or_default(),
            words: Differences::default(),
            report,
            recording,
        }
    }

    /// A call of which there is no recording: everything counts as leaked.
    pub(super) fn unusable(
        labels: &Labels,
        original: &Original,
        fill: FillHeard,
        problem: String,
    ) -> Self {
        let mut score = score(labels, original, &original.played, fill);
        score.problems.push(problem);
        Self::of_report(labels, score, None, None)
    }
}

/// The delay of each sensitive digit's decision: the first transcript of a window that holds the digit.
pub(super) fn delays(labels: &Labels, legs: &[Leg], examined: &[Examined]) -> Delays {
    let mut delays = Delays::default();
    for item in &labels.sensitive {
        let leg = legs.get(item.channel);
        for &(start, end) in &item.digits {
            let first = examined
                .iter()
                .filter(|window| {
                    Some(&window.leg) == leg
                        && window.transcribed
                        && window.span.start.seconds() <= start + BORDER_S
                        && window.span.end.seconds() >= end - BORDER_S
                })
                .map(|window| window.answered)
                .min();
            match first {
                Some(answered) => delays.seconds.push((answered.seconds() - end).max(0.0)),
                None => delays.unanswered += 1,
            }
        }
    }
    delays
}

/// Compares the hidden stretch around each sensitive item with its label.
fn margins(labels: &Labels, report: &Report) -> Vec<Margin> {
    labels
        .sensitive
        .iter()
        .filter_map(|item| {
            let leg = report.legs.get(item.channel)?;
            let hiding = || {
                report.spans.iter().filter(|span| {
                    span.leg == *leg && span.start < item.end && item.start < span.end
                })
            };
            let start = hiding().map(|span| span.start).min_by(f64::total_cmp)?;
            let end = hiding().map(|span| span.end).max_by(f64::total_cmp)?;
            Some(Margin {
                before: item.start - start,
                after: end - item.end,
            })
        })
        .collect()
}

/// A recording with silence where the recorder was stopped, so that it has the call's length.
pub(super) fn on_call_time(recorded: &[i16], report: Option<&Report>, rate: u32) -> Vec<i16> {
    let at = |seconds: f64| (seconds * f64::from(rate)).round() as usize;
    let mut all = Vec::with_capacity(recorded.len());
    let mut taken = 0;
    for gap in report.into_iter().flat_map(|report| &report.gaps) {
        let until = at(gap.recorded_at).clamp(taken, recorded.len());
        all.extend(&recorded[taken..until]);
        all.resize(all.len() + at(gap.end) - at(gap.start).min(at(gap.end)), 0);
        taken = until;
    }
    all.extend(&recorded[taken..]);
    all
}

/// What the calls of one evaluation were played with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Setting {
    /// `original`, or how the calls were degraded.
    pub(super) condition: &'static str,
    /// Seconds between hearing and releasing; none where recordings differ in it or do not tell.
    pub(super) hold_s: Option<f64>,
}

impl Setting {
    /// It in words.
    pub(super) fn title(&self) -> String {
        match self.hold_s {
            Some(hold) => format!("{}, hold {hold} s", self.condition),
            None => self.condition.to_owned(),
        }
    }
}

/// Everything that is told, as `--json` prints it. The names are documented in `docs/detection.md`.
#[derive(Debug, Serialize)]
pub(super) struct Evaluation {
    #[serde(flatten)]
    pub(super) setting: Setting,
    #[serde(flatten)]
    pub(super) score: Score,
    pub(super) delay: Spread,
    pub(super) margin_before: Spread,
    pub(super) margin_after: Spread,
    pub(super) word_times: WordTimes,
    pub(super) engine: Engine,
    pub(super) calls_detail: Vec<CallDetail>,
}

/// How measured seconds are spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Spread {
    pub(super) count: usize,
    /// What should have been measured and could not.
    pub(super) missing: usize,
    pub(super) least_s: f64,
    pub(super) median_s: f64,
    pub(super) p95_s: f64,
    pub(super) most_s: f64,
}

/// The work of recognition over all calls.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub(super) struct Engine {
    /// Length of all calls.
    pub(super) calls_s: f64,
    /// Processor time of recognition.
    pub(super) cpu_s: f64,
    /// Seconds of call for each processor second.
    pub(super) speed: f64,
    pub(super) windows: u64,
    pub(super) late_answers: u64,
    pub(super) failures: u64,
    /// Seconds of a leg's audio filled because they were late.
    pub(super) late_s: f64,
    /// Seconds of a leg's audio filled because they could not be examined.
    pub(super) failed_s: f64,
}

/// One call in `--json`.
#[derive(Debug, Serialize)]
pub(super) struct CallDetail {
    #[serde(flatten)]
    pub(super) score: CallScore,
    pub(super) report: Option<Report>,
    #[serde(skip)]
    recording: Option<Recording>,
}

impl Spread {
    fn of(values: &[f64], missing: usize) -> Self {
        let at = |share| (percentile(values, share) * 1e3).round() / 1e3;
        Self {
            count: values.len(),
            missing,
            least_s: at(0.0),
            median_s: at(0.5),
            p95_s: at(0.95),
            most_s: at(1.0),
        }
    }
}

impl Evaluation {
    pub(super) fn of(setting: Setting, measured: Vec<Measured>) -> Self {
        let delays: Vec<f64> = measured
            .iter()
            .flat_map(|call| call.delays.seconds.clone())
            .collect();
        let unanswered = measured.iter().map(|call| call.delays.unanswered).sum();
        let margins: Vec<Margin> = measured
            .iter()
            .flat_map(|call| call.margins.clone())
            .collect();
        let before: Vec<f64> = margins.iter().map(|margin| margin.before).collect();
        let after: Vec<f64> = margins.iter().map(|margin| margin.after).collect();
        let mut engine = Engine::default();
        for report in measured.iter().filter_map(|call| call.report.as_ref()) {
            engine.calls_s += report.duration_s;
            engine.cpu_s += report.engine.cpu_s;
            engine.windows += report.engine.windows;
            engine.late_answers += report.engine.late_answers;
            engine.failures += report.engine.failures;
            engine.late_s += report.totals.late_s;
            engine.failed_s += report.totals.failed_s;
        }
        if engine.cpu_s > 0.0 {
            engine.speed = engine.calls_s / engine.cpu_s;
        }
        let calls: Vec<CallScore> = measured.iter().map(|call| call.score.clone()).collect();
        let score = summarise(&calls);
        let unhidden = score.items.saturating_sub(margins.len());
        Self {
            setting,
            word_times: WordTimes::of(measured.iter().map(|call| &call.words)),
            delay: Spread::of(&delays, unanswered),
            margin_before: Spread::of(&before, unhidden),
            margin_after: Spread::of(&after, unhidden),
            score,
            engine,
            calls_detail: measured
                .into_iter()
                .map(|call| CallDetail {
                    score: call.score,
                    report: call.report,
                    recording: call.recording,
                })
                .collect(),
        }
    }

    /// The recordings that can be drawn.
    pub(super) fn recordings(&self) -> impl Iterator<Item = &Recording> {
        self.calls_detail.iter().filter_map(|call| {
            let drawable = call.report.is_some();
            call.recording.as_ref().filter(|_| drawable)
        })
    }
}

#[cfg(test)]
mod tests;

//! The tables that `hushgate eval` prints. Pure: measures in, text out.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::measure::{CallDetail, Evaluation};
use super::score::PartScore;
use super::word_times::WordTimes;

impl Evaluation {
    /// One line for each call.
    pub(super) fn details(&self) -> String {
        let mut text = String::new();
        for CallDetail { score, .. } in &self.calls_detail {
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "{:<24} blanked {:>6.2} of {:>6.2} s",
                score.name, score.over_s, score.benign_s
            );
            for item in &score.items {
                let _ = write!(text, "  {}:{}/{}", item.kind, item.leaked, item.digits);
                if item.leaked > 0 {
                    let _ = write!(text, " {:?}", item.which);
                }
            }
            for number in &score.benign {
                let told = if number.audible { "audible" } else { "LOST" };
                let _ = write!(text, "  {}:{told}", number.kind);
            }
            text.push('\n');
        }
        text
    }

    /// The tables and what they amount to.
    pub(super) fn table(&self) -> String {
        let score = &self.score;
        let mut text = format!(
            "{:<16} {:>5} {:>7} {:>7} {:>7}\n",
            "kind", "items", "leaking", "digits", "leaked"
        );
        for (kind, leaks) in &score.kinds {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{kind:<16} {:>5} {:>7} {:>7} {:>7}",
                leaks.items, leaks.leaking, leaks.digits, leaks.leaked
            );
        }
        parts(&mut text, "scenario", &score.scenarios);
        parts(&mut text, "leg", &score.legs);
        text.push('\n');
        for problem in &score.problems {
            let _ = writeln!(text, "PROBLEM {problem}");
        }
        let hold = self.setting.hold_s;
        let _ = writeln!(
            text,
            "digits leaked {} of {} ({} %), items leaking {} of {}, benign speech blanked {} of {} s ({} %), benign numbers audible {} of {}, {} calls{}",
            score.digits_leaked,
            score.digits,
            score.digit_leak_pct,
            score.items_leaking,
            score.items,
            score.over_blanked_s,
            score.benign_speech_s,
            score.over_blank_pct,
            score.benign_numbers_audible,
            score.benign_numbers,
            score.calls,
            hold.map_or_else(String::new, |hold| format!(", hold {hold} s"))
        );
        if self.delay.count > 0 {
            let _ = writeln!(
                text,
                "from speech to decision: median {:.2} s, 95 % within {:.2} s, at most {:.2} s ({} digits, {} never decided)",
                self.delay.median_s,
                self.delay.p95_s,
                self.delay.most_s,
                self.delay.count,
                self.delay.missing
            );
        }
        if self.margin_before.count > 0 {
            let _ = writeln!(
                text,
                "hidden beyond the labels: before, median {:.2} s (least {:.2}); after, median {:.2} s (least {:.2}); {} items not touched",
                self.margin_before.median_s,
                self.margin_before.least_s,
                self.margin_after.median_s,
                self.margin_after.least_s,
                self.margin_before.missing
            );
        }
        word_times(&mut text, &self.word_times);
        if self.engine.windows > 0 {
            let _ = writeln!(
                text,
                "recognition: {} windows, {:.1} s of call for each processor second, {} late answers, {} failures; late {:.1} s, failed {:.1} s",
                self.engine.windows,
                self.engine.speed,
                self.engine.late_answers,
                self.engine.failures,
                self.engine.late_s,
                self.engine.failed_s
            );
        }
        text
    }
}

/// Several evaluations, one on each line.
pub(super) fn trade_off(evaluations: &[Evaluation]) -> String {
    let mut text = format!(
        "{:<10} {:>6} {:>11} {:>7} {:>9} {:>8} {:>7} {:>8}\n",
        "condition", "hold s", "leaked", "%", "blanked %", "numbers", "late s", "failed s"
    );
    for evaluation in evaluations {
        let (score, setting) = (&evaluation.score, &evaluation.setting);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:<10} {:>6} {:>11} {:>7.2} {:>9.2} {:>8} {:>7.1} {:>8.1}",
            setting.condition,
            setting.hold_s.unwrap_or_default(),
            format!("{}/{}", score.digits_leaked, score.digits),
            score.digit_leak_pct,
            score.over_blank_pct,
            format!("{}/{}", score.benign_numbers_audible, score.benign_numbers),
            evaluation.engine.late_s,
            evaluation.engine.failed_s
        );
    }
    for evaluation in evaluations {
        for problem in &evaluation.score.problems {
            let _ = writeln!(text, "PROBLEM {}: {problem}", evaluation.setting.title());
        }
    }
    text
}

/// A table of the calls' parts.
fn parts(text: &mut String, title: &str, parts: &BTreeMap<String, PartScore>) {
    let _ = writeln!(
        text,
        "\n{title:<16} {:>5} {:>7} {:>7} {:>7} {:>10} {:>10} {:>8}",
        "calls", "items", "digits", "leaked", "benign s", "blanked s", "numbers"
    );
    for (name, part) in parts {
        let _ = writeln!(
            text,
            "{:<16} {:>5} {:>7} {:>7} {:>7} {:>10.1} {:>10.1} {:>8}",
            if name.is_empty() { "-" } else { name },
            part.calls,
            part.leaks.items,
            part.leaks.digits,
            part.leaks.leaked,
            part.benign_speech_s,
            part.over_blanked_s,
            format!("{}/{}", part.benign_numbers_audible, part.benign_numbers)
        );
    }
}

fn word_times(text: &mut String, times: &WordTimes) {
    if times.digits == 0 {
        return;
    }
    let _ = writeln!(
        text,
        "word times: {} of {} labelled digits heard; start off by median {:.2} s, 95 % within {:.2} s, bias {:+.2} s, {} late by over 0.25 s; end off by median {:.2} s, 95 % within {:.2} s, bias {:+.2} s, {} early by over 0.25 s",
        times.matched,
        times.digits,
        times.start.median_s,
        times.start.p95_s,
        times.start.bias_s,
        times.start_late,
        times.end.median_s,
        times.end.p95_s,
        times.end.bias_s,
        times.end_early
    );
}

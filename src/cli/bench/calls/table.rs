//! The table that `hushgate bench calls` prints. Pure: figures in, text out.

use std::fmt::Write;

use super::figures::{Findings, Step};

/// What is measured on what, and the columns' names.
pub(super) fn heading(findings: &Findings) -> String {
    format!(
        "hushgate {} on {}; {} workers, hold {} s, {} s of each of {} labelled calls in turn, begun over {} s\n\n\
         {:>5} {:>9} {:>9} {:>11} {:>11} {:>8} {:>8} {:>9} {:>10} {:>9} {:>10}\n",
        findings.version,
        findings.machine.title(),
        findings.workers,
        findings.hold_s,
        findings.seconds,
        findings.labelled_calls,
        findings.begin_over_s,
        "calls",
        "cpu/call",
        "MiB/call",
        "slack 50 %",
        "slack 99 %",
        "windows",
        "late s",
        "failed s",
        "unclear s",
        "leaked",
        "blanked %"
    )
}

/// One line for one number of calls.
pub(super) fn row(step: &Step) -> String {
    let slack =
        |seconds: Option<f64>| seconds.map_or("-".to_owned(), |seconds| format!("{seconds:.1} s"));
    format!(
        "{:>5} {:>9.3} {:>9.1} {:>11} {:>11} {:>8} {:>8.2} {:>9.2} {:>10.2} {:>9} {:>10.2}\n",
        step.calls,
        step.cpu_per_call,
        step.memory_per_call_mib,
        slack(step.slack_p50_s),
        slack(step.slack_p99_s),
        step.windows,
        step.late_s,
        step.failed_s,
        step.unintelligible_s,
        format!("{}/{}", step.digits_leaked, step.digits),
        step.over_blank_pct
    )
}

/// What it amounts to, and what was wrong.
pub(super) fn conclusion(findings: &Findings) -> String {
    let mut text = String::from("\n");
    for step in &findings.steps {
        for call in &step.leaking {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "LEAK    {} at once: {call}", step.calls);
        }
        for problem in &step.problems {
            let _ = writeln!(text, "PROBLEM {} at once: {problem}", step.calls);
        }
    }
    let most = findings.steps.iter().map(|step| step.calls).max();
    let _ = match findings.capacity {
        0 => writeln!(
            text,
            "capacity: none of these numbers of calls had nothing late, failed or leaked"
        ),
        calls => writeln!(
            text,
            "capacity: {calls} calls at once with nothing late, failed or leaked{}",
            if findings.limit_found || Some(calls) != most {
                ""
            } else {
                "; more were not tried"
            }
        ),
    };
    if let Some(first) = findings.steps.iter().find(|step| step.digits_leaked > 0)
        && first.late_s == 0.0
        && first.failed_s == 0.0
    {
        text.push_str(
            "digits leaked though nothing was late or failed: recognition misses them whatever the load; \
             `hushgate eval` tells which\n",
        );
    }
    text
}

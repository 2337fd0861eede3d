use std::time::Duration;

use super::*;
use crate::audio::MediaTime;
use crate::call::CallId;

fn played(name: &str, seconds: f64, behind: u64) -> Played {
    Played {
        call: CallId::new(name).unwrap(),
        sound: 0,
        length: MediaTime::from_seconds(seconds),
        behind: Duration::from_millis(behind),
        problem: None,
    }
}

fn measure(leaked: usize) -> CallMeasure {
    CallMeasure {
        digits: 16,
        digits_leaked: leaked,
        benign_numbers: 0,
        benign_audible: 0,
        benign_speech_s: 20.0,
        over_blanked_s: 0.5,
    }
}

/// The report of the documentation, with nothing late or failed.
fn report() -> Report {
    let page = include_str!("../../../../../docs/report.md");
    let example = page
        .split("```json")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let mut report: Report = serde_json::from_str(example).unwrap();
    report.totals.late_s = 0.0;
    report.failed.clear();
    report
}

fn used() -> Used {
    let usage = |cpu_s, mib: u64| Usage {
        cpu_s,
        resident: mib * 1_048_576,
    };
    Used {
        before: usage(3.0, 200),
        after: usage(23.0, 205),
        peak: 212 * 1_048_576,
    }
}

fn step(calls: &[Played], measure: &CallMeasure, report: &Report) -> Step {
    let mut step = Step {
        calls: calls.len(),
        ..Step::default()
    };
    for call in calls {
        step.add(call, measure, report);
    }
    step.finish(calls, used())
}

#[test]
fn calls_are_added_up() {
    let calls = [played("a-0001", 30.0, 3), played("b-0002", 50.0, 40)];
    let step = step(&calls, &measure(0), &report());
    assert!(step.clean, "{:?}", step.problems);
    assert_eq!((step.played, step.calls_s), (2, 80.0));
    assert_eq!((step.cpu_s, step.cpu_per_call), (20.0, 0.25));
    assert_eq!(step.memory_per_call_mib, 6.0);
    assert_eq!(step.windows, 42);
    assert_eq!(step.slack.windows(), 42);
    assert_eq!(
        (step.slack_p50_s, step.slack_least_s),
        (Some(4.0), Some(-0.2))
    );
    assert_eq!((step.digits, step.over_blank_pct), (32, 2.5));
    assert_eq!(step.behind_s, 0.04);
}

#[test]
fn late_failed_leaked_or_broken_calls_are_not_clean() {
    let calls = [played("a-0001", 30.0, 0)];
    let good = report();
    let late = Report {
        totals: crate::egress::report::Totals {
            late_s: 0.02,
            ..good.totals
        },
        ..good.clone()
    };
    assert!(!step(&calls, &measure(0), &late).clean);
    for (cause, clean) in [
        (FailureCause::Overload, false),
        (FailureCause::Unintelligible, true),
    ] {
        let mut failed = good.clone();
        failed.failed.push(crate::egress::report::FailedSpan {
            leg: crate::call::Leg::Agent,
            start: 1.0,
            end: 1.5,
            cause,
        });
        let step = step(&calls, &measure(0), &failed);
        assert_eq!(step.clean, clean);
        assert_eq!(step.failed_s + step.unintelligible_s, 0.5);
    }
    let leaking = step(&calls, &measure(2), &good);
    assert!(!leaking.clean);
    assert_eq!(leaking.leaking, ["a-0001: 2 of 16 digits"]);
    let cut = Report {
        abnormal_end: Some("the disk is full".into()),
        ..good.clone()
    };
    let cut = step(&calls, &measure(0), &cut);
    assert!(!cut.clean);
    assert_eq!(cut.problems, ["a-0001: the disk is full"]);
    let behind = step(&[played("a-0001", 30.0, 1_500)], &measure(0), &good);
    assert!(!behind.clean && behind.problems[0].contains("1.5 s behind"));
}

#[test]
fn nothing_answered_has_no_slack() {
    let step = Step::default().finish(&[], used());
    assert_eq!(step.slack_p99_s, None);
    assert_eq!(step.cpu_per_call, 0.0);
}

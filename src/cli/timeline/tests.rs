use super::*;
use crate::egress::report::{FailedSpan, Gap, HiddenSpan, LateSpan, Totals};
use crate::telemetry::FailureCause;

fn report() -> Report {
    Report {
        schema: 1,
        hushgate_version: "0".into(),
        call: "demo-1".into(),
        parties: Default::default(),
        sample_rate: 8_000,
        duration_s: 60.0,
        hold_s: 6.0,
        policy_version: String::new(),
        model_sha256: String::new(),
        legs: vec![Leg::Agent, Leg::Customer],
        spans: vec![
            hidden(
                12.5,
                24.0,
                "pan",
                "16 digits after the card number was asked for, Luhn holds",
            ),
            hidden(30.0, 32.04, "pin", "the answer to a question for the PIN"),
        ],
        late: vec![LateSpan {
            leg: Leg::Agent,
            start: 40.0,
            end: 42.0,
        }],
        failed: vec![FailedSpan {
            leg: Leg::Customer,
            start: 55.0,
            end: 60.0,
            cause: FailureCause::DrainDeadline,
        }],
        gaps: Vec::new(),
        not_forwarded: Vec::new(),
        recorder_control: Vec::new(),
        by_hand: Vec::new(),
        alerts: Vec::new(),
        transcript: Vec::new(),
        totals: Totals {
            hidden_s: 13.5,
            ..Totals::default()
        },
        engine: Default::default(),
        abnormal_end: None,
    }
}

fn hidden(start: f64, end: f64, kind: &str, reason: &str) -> HiddenSpan {
    HiddenSpan {
        leg: Leg::Customer,
        start,
        end,
        kind: kind.into(),
        reason: reason.into(),
        rule: "rule".into(),
        confidence: 0.98,
        paused: false,
    }
}

/// Agent speaks for the first ten seconds of each twenty, ever louder; the customer for the others.
fn levels() -> Vec<Levels> {
    let speaks = |first: bool| {
        (0..3_000)
            .map(|frame| {
                let seconds = f64::from(frame) * FRAME_S;
                let turn = ((seconds / 10.0) as u64).is_multiple_of(2);
                if turn == first { 100.0 * seconds } else { 0.0 }
            })
            .collect()
    };
    vec![speaks(true), speaks(false)]
}

fn style(width: usize) -> Style {
    Style {
        width,
        colour: false,
    }
}

#[test]
fn a_call() {
    insta::assert_snapshot!(draw(&report(), &levels(), style(90)), @r"
    demo-1  1:00, 2 spans hidden (13.5 s), hold 6.0 s
    agent    |▁▂▃▃▄▄▄▅▅▅▅▅▅▅            ▇▇▇▇▇▇▇▇▇▇▇▇▇▇            ????██████████             |
    customer |             ▅▆▆PPPPPPPPPPPPPPPP       IIII▇█████████            ███████!!!!!!!|
              0:00         0:10         0:20          0:30         0:40         0:50
    P pan        customer      0:12.5-0:24.0  16 digits after the card number was asked for,
                                              Luhn holds (0.98)
    I pin        customer      0:30.0-0:32.0  the answer to a question for the PIN (0.98)
    ? late       agent         0:40.0-0:42.0  not examined in time
    ! failed     customer      0:55.0-1:00.0  drain deadline
    ");
}

#[test]
fn a_narrow_terminal() {
    insta::assert_snapshot!(draw(&report(), &levels(), style(60)), @r"
    demo-1  1:00, 2 spans hidden (13.5 s), hold 6.0 s
    agent    |▂▃▄▄▅▅▅▅▅       ▇▇▇▇▇▇▇▇▇       ???██████        |
    customer |        ▆▆PPPPPPPPPP    III██████       ████!!!!!|
              0:00        0:15         0:30        0:45
    P pan        customer      0:12.5-0:24.0  16 digits after
                                              the card number
                                              was asked for,
                                              Luhn holds (0.98)
    I pin        customer      0:30.0-0:32.0  the answer to a
                                              question for the
                                              PIN (0.98)
    ? late       agent         0:40.0-0:42.0  not examined in
                                              time
    ! failed     customer      0:55.0-1:00.0  drain deadline
    ");
}

#[test]
fn lines_keep_to_the_width() {
    for width in [40, 77, 100, 200] {
        let picture = draw(&report(), &levels(), style(width));
        let longest = picture
            .lines()
            .map(|line| line.chars().count())
            .max()
            .unwrap();
        assert!(
            longest <= width.max(58),
            "{longest} columns at {width}\n{picture}"
        );
    }
}

#[test]
fn colours_are_escape_sequences_around_the_same_picture() {
    let plain = draw(&report(), &levels(), style(90));
    let coloured = draw(
        &report(),
        &levels(),
        Style {
            width: 90,
            colour: true,
        },
    );
    assert!(coloured.contains("\x1b[30;41mP\x1b[0m"));
    let pattern = regex::Regex::new("\x1b\\[[0-9;]*m").unwrap();
    assert_eq!(pattern.replace_all(&coloured, ""), plain);
}

#[test]
fn gaps_are_shown_in_call_time() {
    let mut report = report();
    report.duration_s = 6.0;
    report.spans.clear();
    report.late.clear();
    report.failed.clear();
    report.gaps = vec![Gap {
        start: 2.0,
        end: 4.0,
        recorded_at: 2.0,
    }];
    let recorded = vec![1_000.0; 200];
    let levels = with_gaps(&recorded, &report);
    assert_eq!(levels.len(), 300);
    let picture = draw(&report, &[levels.clone(), levels], style(41));
    assert!(
        picture.contains("|██████████··········██████████|"),
        "{picture}"
    );
}

#[test]
fn an_empty_call_is_a_picture_too() {
    let mut report = report();
    report.duration_s = 0.0;
    report.spans.clear();
    let picture = draw(&report, &[Vec::new(), Vec::new()], style(0));
    assert!(picture.starts_with("demo-1  0:00, 0 spans hidden"));
}

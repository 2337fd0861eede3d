use super::*;
use crate::audio::{MediaTime, SampleRate, Span};
use crate::call::CallId;
use crate::cli::eval::labels::Item;
use crate::egress::report::{Gap, HiddenSpan};
use crate::egress::{CallFacts, EngineWork, ReportBuilder};

fn labels() -> Labels {
    Labels {
        name: "call".into(),
        audio: "call.wav".into(),
        spoken: None,
        sample_rate: 8_000,
        channels: vec!["agent".into(), "customer".into()],
        scenario: "cvv_asked".into(),
        sensitive: vec![Item {
            channel: 1,
            kind: "cvv".into(),
            start: 2.0,
            end: 3.5,
            digits: vec![(2.0, 2.5), (2.5, 3.0), (3.0, 3.5)],
            timed: None,
        }],
        benign: Vec::new(),
    }
}

fn report() -> Report {
    let mut report = ReportBuilder::new(CallFacts {
        call: CallId::new("call").unwrap(),
        legs: &[Leg::Agent, Leg::Customer],
        rate: SampleRate::TELEPHONE,
        hold: MediaTime::from_seconds(6.0),
        policy_version: String::new(),
        model_sha256: String::new(),
        particulars: Default::default(),
    })
    .finish(
        EngineWork {
            windows: 4,
            cpu_s: 2.0,
            ..EngineWork::default()
        },
        None,
    );
    report.duration_s = 10.0;
    report
}

fn hidden(leg: Leg, start: f64, end: f64) -> HiddenSpan {
    HiddenSpan {
        leg,
        start,
        end,
        kind: "cvv".into(),
        reason: "asked for".into(),
        rule: "rule".into(),
        confidence: 1.0,
        paused: false,
    }
}

fn examined(leg: Leg, start: f64, end: f64, answered: f64, transcribed: bool) -> Examined {
    let at = MediaTime::from_seconds;
    Examined {
        leg,
        span: Span::new(at(start), at(end)),
        submitted: at(end),
        answered: at(answered),
        transcribed,
    }
}

#[test]
fn the_first_answer_that_holds_a_digit_decides() {
    let windows = [
        examined(Leg::Agent, 0.0, 9.0, 3.1, true),
        examined(Leg::Customer, 0.0, 9.0, 3.2, false),
        examined(Leg::Customer, 1.9, 2.98, 4.0, true),
        examined(Leg::Customer, 1.9, 2.98, 6.0, true),
    ];
    let delays = delays(&labels(), &[Leg::Agent, Leg::Customer], &windows);
    assert_eq!(delays.seconds, [1.5, 1.0]);
    assert_eq!(delays.unanswered, 1);
}

#[test]
fn margins_are_of_the_spans_that_touch_an_item() {
    let mut report = report();
    report.spans = vec![
        hidden(Leg::Customer, 0.0, 1.0),
        hidden(Leg::Agent, 0.0, 9.0),
        hidden(Leg::Customer, 1.75, 2.5),
        hidden(Leg::Customer, 2.5, 3.25),
    ];
    assert_eq!(
        margins(&labels(), &report),
        [Margin {
            before: 0.25,
            after: -0.25
        }]
    );
}

#[test]
fn a_recording_with_gaps_gets_the_calls_length() {
    let mut report = report();
    report.gaps = vec![
        Gap {
            start: 2.0,
            end: 3.0,
            recorded_at: 2.0,
        },
        Gap {
            start: 4.0,
            end: 4.5,
            recorded_at: 3.0,
        },
    ];
    let whole = on_call_time(&[1; 40], Some(&report), 10);
    assert_eq!(whole.len(), 55);
    assert_eq!(whole[20..30], [0; 10]);
    assert_eq!(whole[40..45], [0; 5]);
    assert_eq!(whole.iter().filter(|&&sample| sample == 1).count(), 40);
    assert_eq!(on_call_time(&[1; 4], None, 10), [1; 4]);
}

#[test]
fn the_table() {
    let original = Original {
        played: vec![vec![3_000; 80_000], vec![3_000; 80_000]],
        spoken: None,
    };
    let mut kept = original.played.clone();
    kept[1][15_000..24_000].fill(0);
    let mut report = report();
    report.spans = vec![hidden(Leg::Customer, 1.875, 3.0)];
    let score = score(&labels(), &original, &kept, FillHeard::Silence);
    let call = Measured {
        delays: Delays {
            seconds: vec![1.0, 2.0],
            unanswered: 1,
        },
        words: Differences {
            digits: 3,
            heard: vec![(0.1, -0.3), (-0.1, 0.0)],
        },
        ..Measured::of_report(&labels(), score, Some(report), None)
    };
    let lost = Measured::unusable(
        &labels(),
        &original,
        FillHeard::Silence,
        "call.wav: gone".into(),
    );
    let setting = Setting {
        condition: "original",
        hold_s: Some(6.0),
    };
    let evaluation = Evaluation::of(setting, vec![call, lost]);
    insta::assert_snapshot!(format!("{}\n{}", evaluation.details(), evaluation.table()), @r"
    call                     blanked   0.00 of  14.96 s  cvv:1/3 [2]
    call                     blanked   0.00 of  14.96 s  cvv:3/3 [0, 1, 2]

    kind             items leaking  digits  leaked
    cvv                  2       2       6       4

    scenario         calls   items  digits  leaked   benign s  blanked s  numbers
    cvv_asked            2       2       6       4       29.9        0.0      0/0

    leg              calls   items  digits  leaked   benign s  blanked s  numbers
    agent                2       0       0       0       15.0        0.0      0/0
    customer             2       2       6       4       15.0        0.0      0/0

    PROBLEM call: call.wav: gone
    digits leaked 4 of 6 (66.667 %), items leaking 2 of 2, benign speech blanked 0 of 29.9 s (0 %), benign numbers audible 0 of 0, 2 calls, hold 6 s
    from speech to decision: median 1.50 s, 95 % within 1.95 s, at most 2.00 s (2 digits, 1 never decided)
    hidden beyond the labels: before, median 0.12 s (least 0.12); after, median -0.50 s (least -0.50); 1 items not touched
    word times: 2 of 3 labelled digits heard; start off by median 0.10 s, 95 % within 0.10 s, bias +0.00 s, 0 late by over 0.25 s; end off by median 0.15 s, 95 % within 0.28 s, bias -0.15 s, 1 early by over 0.25 s
    recognition: 4 windows, 5.0 s of call for each processor second, 0 late answers, 0 failures; late 0.0 s, failed 0.0 s
    ");
    assert!(evaluation.recordings().next().is_none());
    let json = serde_json::to_value(&evaluation).unwrap();
    assert_eq!(json["digits_leaked"], 4);
    assert_eq!(json["delay"]["median_s"], 1.5);
    assert_eq!(json["calls_detail"][0]["report"]["call"], "call");
    assert_eq!(json["legs"]["customer"]["leaked"], 4);
    assert_eq!(json["word_times"]["end"]["bias_s"], -0.15);
    // Scripts depend on these names; `--help` and docs/detection.md list them.
    let mut names: Vec<&str> = json
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    insta::assert_snapshot!(names.join(" "), @"benign_numbers benign_numbers_audible benign_speech_s calls calls_detail condition delay digit_leak_pct digits digits_leaked engine hold_s items items_leaking kinds legs margin_after margin_before over_blank_pct over_blanked_s problems scenarios word_times");

    let table = crate::cli::eval::table::trade_off(&[evaluation]);
    insta::assert_snapshot!(table, @r"
    condition  hold s      leaked       % blanked %  numbers  late s failed s
    original        6         4/6   66.67      0.00      0/0     0.0      0.0
    PROBLEM original, hold 6 s: call: call.wav: gone
    ");
}

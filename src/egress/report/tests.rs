use proptest::prelude::*;

use super::*;
use crate::audio::{SampleIndex, Span};
use crate::session::CleanAudio;
use crate::telemetry::{Event, MaskedWord};

fn facts(legs: &'static [Leg]) -> CallFacts {
    CallFacts {
        call: CallId::new("call-1").unwrap(),
        legs,
        rate: SampleRate::TELEPHONE,
        hold: MediaTime::from_seconds(6.0),
        policy_version: "p".into(),
        model_sha256: "m".into(),
        particulars: Default::default(),
    }
}

fn span(start: u64, end: u64) -> Span {
    Span::new(MediaTime::from_millis(start), MediaTime::from_millis(end))
}

fn hidden(leg: Leg, kind: &str, start: u64, end: u64, confidence: f32) -> Event {
    Event::Hidden {
        leg,
        span: span(start, end),
        kind: kind.into(),
        reason: format!("sure to {confidence}"),
        rule: "digits".into(),
        confidence,
        paused: false,
    }
}

fn report(events: &[Event]) -> Report {
    let mut builder = ReportBuilder::new(facts(&[Leg::Agent, Leg::Customer]));
    for event in events {
        builder.event(event);
    }
    builder.finish(EngineWork::default(), None)
}

fn block(start: u64, length: usize) -> CleanAudio {
    CleanAudio::for_test(
        SampleRate::TELEPHONE,
        SampleIndex(start),
        vec![vec![0; length]],
    )
}

#[test]
fn the_documented_example_is_a_report() {
    let page = include_str!("../../../docs/report.md");
    let example = page
        .split("```json")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let report: Report = serde_json::from_str(example).unwrap();
    let again = serde_json::to_value(&report).unwrap();
    assert_eq!(
        again,
        serde_json::from_str::<serde_json::Value>(example).unwrap()
    );
    // Every field is in the table.
    fn fields(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(map) => map.iter().for_each(|(name, value)| {
                found.push(name.clone());
                fields(value, found);
            }),
            serde_json::Value::Array(list) => list.iter().for_each(|value| fields(value, found)),
            _ => {}
        }
    }
    let mut names = Vec::new();
    fields(&again, &mut names);
    let table = page.split("## Example").next().unwrap();
    for name in names {
        assert!(
            table.contains(&name),
            "docs/report.md does not tell of {name}"
        );
    }
}

#[test]
fn pieces_of_a_span_are_joined() {
    let report = report(&[
        hidden(Leg::Customer, "pan", 1_000, 1_020, 0.5),
        hidden(Leg::Agent, "pan", 1_000, 1_020, 0.5),
        hidden(Leg::Customer, "cvv", 1_010, 1_030, 0.4),
        hidden(Leg::Customer, "pan", 1_020, 1_040, 0.9),
        hidden(Leg::Customer, "pan", 1_040, 1_060, 0.7),
        hidden(Leg::Customer, "pan", 2_000, 2_500, 0.7),
    ]);
    let told: Vec<_> = report
        .spans
        .iter()
        .map(|s| (s.leg, s.kind.as_str(), s.start, s.end, s.reason.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (Leg::Agent, "pan", 1.0, 1.02, "sure to 0.5"),
            (Leg::Customer, "pan", 1.0, 1.06, "sure to 0.9"),
            (Leg::Customer, "cvv", 1.01, 1.03, "sure to 0.4"),
            (Leg::Customer, "pan", 2.0, 2.5, "sure to 0.7"),
        ]
    );
    assert_eq!(report.totals.hidden_s, 0.6);
}

#[test]
fn late_and_failed_stretches_are_told_apart() {
    let failed = |start, end, cause| Event::Failed {
        leg: Leg::Agent,
        span: span(start, end),
        cause,
    };
    let late = |start, end| Event::Late {
        leg: Leg::Agent,
        span: span(start, end),
    };
    let report = report(&[
        late(0, 20),
        failed(20, 40, FailureCause::RecogniserPanic),
        late(20, 40),
        failed(40, 60, FailureCause::RecogniserPanic),
        failed(60, 80, FailureCause::Overload),
        Event::PacketsDropped {
            leg: Leg::Agent,
            samples: 160,
        },
    ]);
    assert_eq!(report.late.len(), 1);
    assert_eq!((report.late[0].start, report.late[0].end), (0.0, 0.04));
    let causes: Vec<_> = report
        .failed
        .iter()
        .map(|f| (f.cause, f.start, f.end))
        .collect();
    assert_eq!(
        causes,
        [
            (FailureCause::RecogniserPanic, 0.02, 0.06),
            (FailureCause::Overload, 0.06, 0.08)
        ]
    );
    assert_eq!((report.totals.late_s, report.totals.failed_s), (0.04, 0.06));
    assert_eq!(report.totals.dropped_samples, 160);
}

#[test]
fn gaps_tell_where_the_recording_jumps() {
    let mut builder = ReportBuilder::new(facts(&[Leg::Mixed]));
    for (start, length) in [(0, 8_000), (16_000, 4_000), (20_000, 4_000), (28_000, 800)] {
        builder.audio(&block(start, length));
    }
    let Event::Hidden {
        leg,
        kind,
        reason,
        rule,
        confidence,
        ..
    } = hidden(Leg::Mixed, "pan", 0, 1, 1.0)
    else {
        unreachable!()
    };
    builder.event(&Event::Hidden {
        leg,
        span: span(3_600, 4_000),
        kind,
        reason,
        rule,
        confidence,
        paused: true,
    });
    let report = builder.finish(EngineWork::default(), None);
    let gaps: Vec<_> = report
        .gaps
        .iter()
        .map(|g| (g.start, g.end, g.recorded_at))
        .collect();
    assert_eq!(gaps, [(1.0, 2.0, 1.0), (3.0, 3.5, 2.0), (3.6, 4.0, 2.1)]);
    assert_eq!((report.duration_s, report.totals.gap_s), (4.0, 1.9));
}

#[test]
fn what_became_of_a_recorder_elsewhere_is_told_in_order() {
    let seconds = MediaTime::from_seconds;
    let report = report(&[
        Event::RecorderNotPaused {
            leg: Leg::Customer,
            kind: "pan".into(),
            from: seconds(1.0),
            at: seconds(3.0),
            reason: "no answer".into(),
        },
        Event::RecorderPaused {
            leg: Leg::Customer,
            kind: "pan".into(),
            from: seconds(1.0),
            at: seconds(3.5),
            verified: true,
        },
        Event::RecorderResumed {
            at: seconds(9.0),
            verified: false,
        },
        Event::RecorderNotResumed {
            at: seconds(20.0),
            reason: "no answer".into(),
        },
    ]);
    let told = serde_json::to_value(&report.recorder_control).unwrap();
    assert_eq!(
        told,
        serde_json::json!([
            {"step": "not_paused", "at": 3.0, "from": 1.0, "leg": "customer", "kind": "pan", "reason": "no answer"},
            {"step": "paused", "at": 3.5, "from": 1.0, "leg": "customer", "kind": "pan", "verified": true},
            {"step": "resumed", "at": 9.0, "verified": false},
            {"step": "not_resumed", "at": 20.0, "reason": "no answer"},
        ])
    );
    let without = serde_json::to_value(super::Report {
        recorder_control: Vec::new(),
        alerts: Vec::new(),
        ..report
    })
    .unwrap();
    assert!(without.get("recorder_control").is_none());
}

#[test]
fn the_transcript_keeps_word_times() {
    let report = report(&[Event::Transcribed {
        leg: Leg::Agent,
        span: span(0, 500),
        text: "my number [pan]".into(),
        words: vec![MaskedWord {
            span: span(300, 500),
            text: "[pan]".into(),
            masked: true,
        }],
    }]);
    assert_eq!(report.transcript[0].words[0].start, 0.3);
    assert_eq!(report.transcript[0].text, "my number [pan]");
}

proptest! {
    /// However a stretch is cut into events, the report tells it once.
    #[test]
    fn joining_does_not_depend_on_pieces(cuts in proptest::collection::btree_set(1u64..10_000, 0..40)) {
        let mut borders: Vec<u64> = vec![0];
        borders.extend(cuts);
        borders.push(10_000);
        let events: Vec<_> = borders
            .windows(2)
            .map(|pair| hidden(Leg::Agent, "pan", pair[0], pair[1], 0.5))
            .collect();
        let report = report(&events);
        prop_assert_eq!(report.spans.len(), 1);
        prop_assert_eq!((report.spans[0].start, report.spans[0].end), (0.0, 10.0));
    }
}

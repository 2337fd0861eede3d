mod late;

use proptest::prelude::*;

use super::spans::Stretches;
use crate::audio::{MediaTime, SampleIndex, SampleRate, Span};
use crate::call::{CallId, Leg};
use crate::egress::{CallFacts, EngineWork, ReportBuilder};
use crate::session::CleanAudio;
use crate::store::audit::{Action, Record};
use crate::telemetry::{Event, FailureCause};

fn number(record: &Record, name: &str) -> u64 {
    u64::try_from(record.details[name].number().unwrap()).unwrap()
}

/// What is comparable between the report and the log.
type Told = (Action, String, u64, u64, String);

fn told(record: &Record) -> Told {
    let text = |name: &str| {
        let detail = record.details.get(name);
        detail
            .and_then(|detail| detail.text())
            .unwrap_or_default()
            .to_owned()
    };
    let what = text("kind") + &text("cause") + &text("rule");
    (
        record.action,
        text("leg"),
        number(record, "start_us"),
        number(record, "end_us"),
        what,
    )
}

fn micros(seconds: f64) -> u64 {
    (seconds * 1e6).round() as u64
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Blocks of 100 ms, each hidden, late, failed or clear on each leg.
    #[test]
    fn the_log_tells_the_stretches_of_the_report(
        blocks in prop::collection::vec((0_u8..6, 0_u8..6), 1..80), sure in 0_u8..100,
    ) {
        let rate = SampleRate::new(8_000).unwrap();
        let mut report = ReportBuilder::new(CallFacts {
            call: CallId::new("CA1").unwrap(),
            legs: &[Leg::Agent, Leg::Customer],
            rate,
            hold: MediaTime::from_millis(6_000),
            policy_version: "test".into(),
            model_sha256: "test".into(),
            particulars: Default::default(),
        });
        let mut stretches = Stretches::default();
        let mut records = Vec::new();
        for (number, (agent, customer)) in blocks.iter().enumerate() {
            let start = MediaTime::from_millis(number as u64 * 100);
            let span = Span::new(start, start + MediaTime::from_millis(100));
            for (leg, what) in [(Leg::Agent, agent), (Leg::Customer, customer)] {
                let hidden = |kind: &str, rule: &str| Event::Hidden {
                    leg,
                    span,
                    kind: kind.into(),
                    reason: "because".into(),
                    rule: rule.into(),
                    confidence: f32::from((sure as usize * 7 + number) as u8 % 100) / 100.0,
                    paused: false,
                };
                let event = match what {
                    0 => hidden("pan", &format!("rule {}", number % 3)),
                    1 => hidden("cvv", "asked"),
                    2 => Event::Late { leg, span },
                    3 => Event::Failed { leg, span, cause: FailureCause::Overload },
                    _ => continue,
                };
                report.event(&event);
                prop_assert!(stretches.add(&event));
            }
            let audio = CleanAudio::for_test(
                rate, SampleIndex(number as u64 * 800), vec![vec![0; 800], vec![0; 800]],
            );
            report.audio(&audio);
            records.extend(stretches.settled(span.end));
        }
        records.extend(stretches.rest());
        let mut logged: Vec<Told> = records.iter().map(told).collect();
        logged.sort();
        let report = report.finish(EngineWork::default(), None);
        let mut expected: Vec<Told> = Vec::new();
        for span in &report.spans {
            expected.push((
                Action::SpanHidden, span.leg.name().into(), micros(span.start), micros(span.end),
                format!("{}{}", span.kind, span.rule),
            ));
        }
        for span in &report.late {
            expected.push((
                Action::AudioLate, span.leg.name().into(), micros(span.start), micros(span.end), String::new(),
            ));
        }
        for span in &report.failed {
            expected.push((
                Action::AudioFailed, span.leg.name().into(), micros(span.start), micros(span.end), "overload".into(),
            ));
        }
        expected.sort();
        prop_assert_eq!(logged, expected);
    }
}

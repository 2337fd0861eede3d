//! What the redactor lets through, against a plain account of each sample.

use proptest::prelude::*;

use super::super::clearance::Clearance;
use super::super::hold::HoldBuffer;
use super::super::redactor::{LegView, Verdict, release};
use super::*;
use crate::detect::Kind;
use crate::policy::{Fill, Mode, Redaction};

fn spans() -> impl Strategy<Value = Vec<Span>> {
    let span = (0_u64..3_000, 1_u64..1_200).prop_map(|(start, length)| {
        Span::new(
            MediaTime::from_millis(start),
            MediaTime::from_millis(start + length),
        )
    });
    prop::collection::vec(span, 0..5)
}

fn redaction(span: Span, mode: Mode) -> Redaction {
    Redaction {
        leg: Leg::Mixed,
        span,
        kind: Kind::PAN,
        rule: "test",
        reason: String::new(),
        confidence: 1.0,
        mode,
        fill: Fill::Silence,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_inside_a_redaction_survives(
        examined in spans(),
        failed in spans(),
        hidden in spans(),
        paused in spans(),
        cuts in prop::collection::vec(0_u64..24_000, 0..6),
    ) {
        let rate = SampleRate::TELEPHONE;
        let mut held = HoldBuffer::new(24_000);
        let sound = harness::loud(1, 24_000);
        held.append(&sound);
        let mut clearance = Clearance::default();
        examined.iter().for_each(|span| clearance.examined(*span));
        failed.iter().for_each(|span| clearance.failed(*span, FailureCause::Overload));
        let plan: Vec<Redaction> = hidden.iter().map(|span| redaction(*span, Mode::Blank))
            .chain(paused.iter().map(|span| redaction(*span, Mode::Pause)))
            .collect();
        let mut edges = cuts;
        edges.extend([0, 24_000]);
        edges.sort_unstable();
        let mut kept = vec![None; 24_000];
        for pair in edges.windows(2) {
            let leg = LegView { held: &held, clearance: &clearance, redactions: plan.iter().enumerate().collect() };
            let filler = Filler::new(rate, Fill::Silence);
            let released = release(rate, &[leg], (pair[0], pair[1]), MARGIN, None, &filler);
            for block in released.audio {
                for (offset, sample) in block.channels()[0].iter().enumerate() {
                    kept[block.start().0 as usize + offset] = Some(*sample);
                }
            }
            let told: u64 = released.verdicts[0].iter()
                .map(|(span, _)| rate.index_at(span.end).0 - rate.index_at(span.start).0).sum();
            prop_assert_eq!(told, pair[1] - pair[0]);
            let clear = released.verdicts[0].iter().filter(|(_, verdict)| *verdict == Verdict::Clear);
            for (span, _) in clear {
                prop_assert!(plan.iter().all(|hide| !hide.span.overlaps(*span)));
            }
        }
        for (index, sample) in kept.iter().enumerate() {
            let time = rate.time_of(SampleIndex(index as u64));
            let inside = |spans: &[Span]| spans.iter().any(|span| span.contains(time));
            if inside(&paused) {
                prop_assert!(sample.is_none() || *sample == Some(0), "sample {index} paused");
            } else if inside(&hidden) || inside(&failed) {
                prop_assert_eq!(*sample, Some(0));
            } else if let Some(sample) = sample {
                let through = examined.iter().any(|span| span.contains(time));
                prop_assert!(*sample == 0 || (through && *sample == sound[index]));
            } else {
                prop_assert!(false, "sample {} is missing", index);
            }
        }
    }
}

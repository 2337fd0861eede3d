//! Calls that are measured, by hand and through an engine.

use super::*;
use crate::audio::{MediaTime, Span};
use crate::call::{Leg, Sensitive};
use crate::engine::pool::Caller;
use crate::speech::{Transcript, Window, WindowId};

const GIVEN: Duration = Duration::from_secs(4);

/// A window of a second that is to be answered within `given`.
fn window(at: Instant, given: Duration) -> Asked {
    Asked {
        seconds: 1.0,
        at,
        deadline: at + given,
    }
}

#[test]
fn what_happens_in_a_period_is_summed_up() {
    let begun = Instant::now();
    let at = |seconds| begun + Duration::from_secs(seconds);
    let meter = Meter::new(begun);
    let first = meter.join(begun);
    let second = meter.join(at(1));
    let asked = window(at(1), GIVEN);
    for call in [first, second] {
        meter.asked(call, &asked);
    }
    meter.answered(first, &asked, None, at(4));
    meter.answered(second, &asked, None, at(2));
    meter.leave(second, at(4));
    let period = meter.take(at(4), Duration::from_millis(700));
    let expected = Period {
        elapsed: Duration::from_secs(4),
        call_seconds: 7.0,
        calls: 2,
        submitted: 2.0,
        heard: 2.0,
        busy: Duration::from_millis(700),
        slack: Some(0.25),
    };
    assert_eq!(period, expected);
    // An answer to a call that is over counts as work.
    meter.answered(second, &asked, None, at(5));
    let period = meter.take(at(6), Duration::from_millis(900));
    let expected = Period {
        elapsed: Duration::from_secs(2),
        call_seconds: 2.0,
        calls: 1,
        heard: 1.0,
        busy: Duration::from_millis(200),
        ..Period::default()
    };
    assert_eq!(period, expected);
}

#[test]
fn late_and_refused_windows_have_no_slack() {
    let begun = Instant::now();
    let at = |seconds| begun + Duration::from_secs(seconds);
    let meter = Meter::new(begun);
    let call = meter.join(begun);
    let answer = |asked: Asked, failure, now| {
        meter.asked(call, &asked);
        meter.answered(call, &asked, failure, now);
        let period = meter.take(now, Duration::ZERO);
        (period.slack, period.heard)
    };
    let asked = window(begun, GIVEN);
    assert_eq!(answer(asked, None, at(9)), (Some(0.0), 1.0));
    let overload = Some(FailureCause::Overload);
    assert_eq!(answer(asked, overload, begun), (Some(0.0), 0.0));
    let failed = Some(FailureCause::RecogniserError);
    assert_eq!(answer(asked, failed, at(1)), (Some(0.75), 1.0));
    // What must be answered at once says nothing.
    let hurried = window(begun, Duration::ZERO);
    assert_eq!(answer(hurried, None, at(1)), (None, 1.0));
}

/// A call that asks for far more than the others is late, and nobody is refused for it; alone it counts.
#[test]
fn a_flood_teaches_only_what_windows_cost() {
    let begun = Instant::now();
    let at = |seconds| begun + Duration::from_secs(seconds);
    let meter = Meter::new(begun);
    let (good, flood) = (meter.join(begun), meter.join(begun));
    for second in 0..20 {
        let asked = window(at(second), GIVEN);
        meter.asked(good, &asked);
        meter.answered(good, &asked, None, at(second + 1));
        for _ in 0..5 {
            meter.asked(flood, &asked);
            meter.answered(flood, &asked, None, at(second + 9));
        }
        let period = meter.take(at(second + 1), Duration::ZERO);
        assert_eq!(period.heard, 6.0);
        if second >= 10 {
            assert_eq!((period.slack, period.submitted), (Some(0.75), 1.0));
        }
    }
    meter.leave(good, at(20));
    meter.take(at(20), Duration::ZERO);
    let asked = window(at(20), GIVEN);
    meter.asked(flood, &asked);
    meter.answered(flood, &asked, None, at(29));
    assert_eq!(meter.take(at(21), Duration::ZERO).slack, Some(0.0));
}

/// An engine that answers at once, inside of `submit`.
struct AtOnce;

impl Transcriber for AtOnce {
    fn submit(&self, job: Job) {
        (job.reply)(job.window.id, Ok(Transcript::default()));
    }

    fn check(&self) -> anyhow::Result<()> {
        Ok(())
    }

    fn model_sha256(&self) -> &str {
        "none"
    }
}

#[test]
fn windows_are_passed_on_and_answers_back() {
    let meter = Arc::new(Meter::new(Instant::now()));
    let call = Measured::new(Arc::new(AtOnce), &meter);
    let (sender, answers) = std::sync::mpsc::channel();
    for id in 0..100 {
        let sender = sender.clone();
        call.submit(Job {
            caller: Caller::new(),
            is_armed: false,
            window: Window {
                id: WindowId(id),
                leg: Leg::Agent,
                span: Span::new(MediaTime::ZERO, MediaTime::ZERO),
                samples: Sensitive::new(vec![0.0; 16_000]),
                deadline: MediaTime::MAX,
            },
            deadline: Instant::now() + GIVEN,
            reply: Box::new(move |window, _| sender.send(window.0).unwrap()),
        });
    }
    assert!(answers.try_iter().eq(0..100));
    let period = meter.take(Instant::now(), Duration::ZERO);
    assert_eq!(
        (period.submitted, period.heard, period.calls),
        (100.0, 100.0, 1)
    );
    assert!(period.slack.unwrap() > 0.9);
    drop(call);
    assert_eq!(meter.take(Instant::now(), Duration::ZERO).calls, 1);
    assert_eq!(meter.take(Instant::now(), Duration::ZERO).calls, 0);
}
